// SPDX-License-Identifier: Apache-2.0
// The file, its schema, and transactions over one connection. The lock is held from begin to commit or free, so SQLite
// itself runs without locks of its own. Schema versions are steps: step N takes version N to N + 1, and a step that was
// released is never changed.
#include "store/database-internal.h"
#include "store/store-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#define LOG_BYTES (5 << 20) // SQLite begins it anew at 1000 pages, of 4 KiB
#define LOG_BYTES_LEAST (64 << 10)
#define FILE_NAME "berth.db"
#define BUSY_MILLISECONDS 5000 // only somebody who looks into the file by hand can keep it busy

static const char *const schema[] = {
	"CREATE TABLE record ("
	" number INTEGER PRIMARY KEY,"
	" kind TEXT NOT NULL,"
	" id TEXT NOT NULL,"
	" name TEXT,"
	" document TEXT NOT NULL,"
	" UNIQUE (kind, id));"
	"CREATE UNIQUE INDEX record_name ON record (kind, name) WHERE name IS NOT NULL;"
	"CREATE TABLE reference ("
	" record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,"
	" kind TEXT NOT NULL,"
	" id TEXT NOT NULL,"
	" PRIMARY KEY (record, kind, id)) WITHOUT ROWID;"
	"CREATE INDEX reference_target ON reference (kind, id);"
	"CREATE TABLE event ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT," // an id is never given twice, also when all events are gone
	" time INTEGER NOT NULL,"
	" document TEXT NOT NULL);",
};

static const char *const statements[BERTH_STATEMENTS] = {
	[BERTH_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[BERTH_STATEMENT_COMMIT] = "COMMIT",
	[BERTH_STATEMENT_ROLLBACK] = "ROLLBACK",
	[BERTH_STATEMENT_PUT] = "INSERT INTO record (kind, id, name, document) VALUES (?1, ?2, ?3, ?4)"
				" ON CONFLICT (kind, id) DO UPDATE SET name = excluded.name,"
				" document = excluded.document RETURNING number",
	[BERTH_STATEMENT_GET] = "SELECT document FROM record WHERE kind = ?1 AND id = ?2",
	[BERTH_STATEMENT_REMOVE] = "DELETE FROM record WHERE kind = ?1 AND id = ?2",
	[BERTH_STATEMENT_ID_OF_NAME] = "SELECT id FROM record WHERE kind = ?1 AND name = ?2",
	[BERTH_STATEMENT_IDS_BY_PREFIX] = "SELECT id FROM record WHERE kind = ?1 AND id >= ?2 AND id < ?3"
					  " ORDER BY id LIMIT ?4",
	[BERTH_STATEMENT_EACH] = "SELECT id, name, document FROM record WHERE kind = ?1 ORDER BY id",
	[BERTH_STATEMENT_USERS] = "SELECT record.kind, record.id FROM reference JOIN record"
				  " ON record.number = reference.record WHERE reference.kind = ?1 AND reference.id = ?2"
				  " ORDER BY record.kind, record.id",
	[BERTH_STATEMENT_CHAIN] = "WITH RECURSIVE chain (id, depth) AS (SELECT ?2, 0 UNION ALL"
				  " SELECT reference.id, depth + 1 FROM chain"
				  " JOIN record ON record.kind = ?1 AND record.id = chain.id"
				  " JOIN reference ON reference.record = record.number AND reference.kind = ?1"
				  " WHERE depth < 1000) SELECT id FROM chain ORDER BY depth",
	[BERTH_STATEMENT_REFERENCES_EACH] = "SELECT record.kind, record.id, reference.kind, reference.id FROM reference"
					    " JOIN record ON record.number = reference.record",
	[BERTH_STATEMENT_REFERENCES_CLEAR] = "DELETE FROM reference WHERE record = ?1",
	[BERTH_STATEMENT_REFERENCE_PUT] = "INSERT OR IGNORE INTO reference (kind, id, record) VALUES (?1, ?2, ?3)",
	[BERTH_STATEMENT_EVENT_PUT] = "INSERT INTO event (document, time) VALUES (?1, ?2)",
	[BERTH_STATEMENT_EVENT_TRIM] = "DELETE FROM event WHERE id <= ?1",
	[BERTH_STATEMENT_EVENT_AGE] = "DELETE FROM event WHERE time < ?1",
	[BERTH_STATEMENT_EVENT_EACH] = "SELECT id, document FROM event WHERE id > ?1 AND time >= ?2 ORDER BY id",
};

struct berth_database {
	char *path; // for messages
	sqlite3 *connection;
	sqlite3_stmt *statements[BERTH_STATEMENTS];
	pthread_mutex_t lock;
	GThread *owner; // of the running transaction; written under the lock, read by anybody
	struct berth_event_bounds bounds; // under the lock
};

struct berth_transaction {
	struct berth_database *database;
	bool open; // neither committed nor rolled back
	bool broken; // a statement failed half-way: what was done may not be committed
};

static const struct {
	int code;
	enum berth_error kind;
	const char *remedy;
} failures[] = {
	{SQLITE_FULL, BERTH_ERROR_RESOURCE_EXHAUSTED, "; free some space on its file system"},
	{SQLITE_BUSY, BERTH_ERROR_UNAVAILABLE, "; another program uses it"},
	{SQLITE_LOCKED, BERTH_ERROR_UNAVAILABLE, ""},
	{SQLITE_PERM, BERTH_ERROR_FORBIDDEN, ""},
	{SQLITE_READONLY, BERTH_ERROR_FORBIDDEN, ""},
	{SQLITE_CANTOPEN, BERTH_ERROR_FORBIDDEN, ""},
	{SQLITE_TOOBIG, BERTH_ERROR_INVALID, ""},
	{SQLITE_CORRUPT, BERTH_ERROR_INTERNAL, "; restore it from a copy"},
	{SQLITE_NOTADB, BERTH_ERROR_INTERNAL, "; restore it from a copy"},
};

static bool fail(const struct berth_database *database, const char *what, GError **error)
{
	int code = sqlite3_errcode(database->connection) & 0xff;
	int errnum = sqlite3_system_errno(database->connection);
	enum berth_error kind = BERTH_ERROR_INTERNAL;
	const char *remedy = "";

	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code) {
			kind = failures[i].kind;
			remedy = failures[i].remedy;
		}
	if (code == SQLITE_IOERR && errnum != 0)
		return berth_error_set_errno(error, errnum, "%s: %s: %s", database->path, what,
					     sqlite3_errmsg(database->connection));
	return berth_error_set(error, kind, "%s: %s: %s%s", database->path, what, sqlite3_errmsg(database->connection),
			       remedy);
}

static bool execute(struct berth_database *database, const char *sql, const char *what, GError **error)
{
	return sqlite3_exec(database->connection, sql, NULL, NULL, NULL) == SQLITE_OK || fail(database, what, error);
}

static bool read_version(struct berth_database *database, int *ret, GError **error)
{
	sqlite3_stmt *statement = NULL;
	bool good =
		sqlite3_prepare_v2(database->connection, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW;

	if (good)
		*ret = sqlite3_column_int(statement, 0);
	else
		fail(database, "read the schema's version", error);
	sqlite3_finalize(statement);
	return good;
}

static bool upgrade(struct berth_database *database, int version, GError **error)
{
	g_autoptr(GString) sql = g_string_new("BEGIN IMMEDIATE;");

	if (version == G_N_ELEMENTS(schema))
		return true;
	for (size_t i = (size_t) version; i < G_N_ELEMENTS(schema); i++)
		g_string_append(sql, schema[i]);
	g_string_append_printf(sql, "PRAGMA user_version = %zu; COMMIT;", G_N_ELEMENTS(schema));
	return execute(database, sql->str, "make the tables", error);
}

static bool set_up(struct berth_database *database, GError **error)
{
	int version = 0;

	sqlite3_busy_timeout(database->connection, BUSY_MILLISECONDS);
	if (!read_version(database, &version, error))
		return false;
	if (version < 0 || (size_t) version > G_N_ELEMENTS(schema))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "%s: was written by a newer version of Berth (schema version %d, this one knows "
				       "%zu); use that version or another data root",
				       database->path, version, G_N_ELEMENTS(schema));
	return execute(database,
		       "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
		       "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
		       "set up", error) &&
	       upgrade(database, version, error);
}

// Room for its log, which is used again and again, before the disk is full: what is removed then has to be written
// down, too. Where the file system has not so much, less; where it cannot, none.
static void reserve(const struct berth_database *database)
{
	g_autofree char *path = g_strconcat(database->path, "-wal", NULL);
	berth_fd log = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	for (off_t bytes = LOG_BYTES; log >= 0 && bytes >= LOG_BYTES_LEAST; bytes /= 2)
		if (fallocate(log, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0 || errno != ENOSPC)
			return;
}

struct berth_database *berth_database_open(const char *folder, GError **error)
{
	struct berth_database *database = g_new0(struct berth_database, 1);

	pthread_mutex_init(&database->lock, NULL);
	database->path = g_build_filename(folder, FILE_NAME, NULL);
	// SQLite gives the files beside it the mode of this one.
	berth_fd fd = open(database->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno != EEXIST) {
		berth_error_set_errno(error, errno, "make %s", database->path);
		berth_database_free(database);
		return NULL;
	}
	if (sqlite3_open_v2(database->path, &database->connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		fail(database, "open", error);
	else if (set_up(database, error)) {
		reserve(database);
		return database;
	}
	berth_database_free(database);
	return NULL;
}

struct berth_event_bounds *berth_transaction_bounds(struct berth_transaction *transaction)
{
	return &transaction->database->bounds;
}

void berth_events_bound(struct berth_database *database, int64_t count, int64_t age)
{
	database->bounds.count = count;
	database->bounds.age = age;
}

int64_t berth_events_put(struct berth_transaction *transaction)
{
	const struct berth_event_bounds *bounds = &transaction->database->bounds;

	return bounds->first ? bounds->last - bounds->first + 1 : 0;
}

void berth_database_free(struct berth_database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < BERTH_STATEMENTS; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->connection);
	pthread_mutex_destroy(&database->lock);
	g_free(database->path);
	g_free(database);
}

static sqlite3_stmt *prepare(struct berth_database *database, enum berth_statement which, GError **error)
{
	sqlite3_stmt **statement = &database->statements[which];

	if (!*statement && sqlite3_prepare_v3(database->connection, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
					      statement, NULL) != SQLITE_OK)
		fail(database, "prepare a statement", error);
	return *statement;
}

// One of BEGIN, COMMIT, ROLLBACK.
static bool run(struct berth_database *database, enum berth_statement which, const char *what, GError **error)
{
	BERTH_AUTO_STATEMENT *statement = prepare(database, which, error);

	return statement && (sqlite3_step(statement) == SQLITE_DONE || fail(database, what, error));
}

sqlite3_stmt *berth_statement_use(struct berth_transaction *transaction, enum berth_statement which, const char *a,
				  const char *b, const char *c, GError **error)
{
	const char *const values[] = {a, b, c};

	if (!transaction->open || transaction->broken) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: the transaction has %s", transaction->database->path,
				transaction->open ? "failed before" : "ended");
		return NULL;
	}
	sqlite3_stmt *statement = prepare(transaction->database, which, error);
	if (!statement)
		transaction->broken = true;
	// What cannot be bound stays NULL, which the tables refuse.
	for (int i = 0; statement && i < 3; i++)
		if (values[i])
			sqlite3_bind_text(statement, i + 1, values[i], -1, SQLITE_STATIC);
	return statement;
}

int berth_statement_step(struct berth_transaction *transaction, sqlite3_stmt *statement, GError **error)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return code;
	if (sqlite3_extended_errcode(transaction->database->connection) == SQLITE_CONSTRAINT_UNIQUE) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "the name is in use");
		return -1;
	}
	transaction->broken = true;
	fail(transaction->database, "read or write a record", error);
	return -1;
}

struct berth_transaction *berth_transaction_begin(struct berth_database *database, GError **error)
{
	if (g_atomic_pointer_get(&database->owner) == g_thread_self()) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: a second transaction within one", database->path);
		return NULL;
	}
	pthread_mutex_lock(&database->lock);
	if (!run(database, BERTH_STATEMENT_BEGIN, "begin a transaction", error)) {
		pthread_mutex_unlock(&database->lock);
		return NULL;
	}
	g_atomic_pointer_set(&database->owner, g_thread_self());
	struct berth_transaction *transaction = g_new0(struct berth_transaction, 1);
	transaction->database = database;
	transaction->open = true;
	return transaction;
}

// Ends the transaction for good; the lock goes to the next.
static bool end(struct berth_transaction *transaction, bool commit, GError **error)
{
	struct berth_database *database = transaction->database;
	bool good = true;

	if (commit)
		good = run(database, BERTH_STATEMENT_COMMIT, "commit a transaction", error);
	// Some failures roll back by themselves.
	if ((!commit || !good) && !sqlite3_get_autocommit(database->connection))
		run(database, BERTH_STATEMENT_ROLLBACK, "roll back", NULL);
	transaction->open = false;
	g_atomic_pointer_set(&database->owner, NULL);
	pthread_mutex_unlock(&database->lock);
	return good;
}

bool berth_transaction_commit(struct berth_transaction *transaction, GError **error)
{
	if (!transaction->open)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: the transaction has ended",
				       transaction->database->path);
	if (transaction->broken) {
		end(transaction, false, NULL);
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: the transaction has failed before",
				       transaction->database->path);
	}
	BERTH_FAILPOINT("database.transaction.written");
	bool good = end(transaction, true, error);
	BERTH_FAILPOINT("database.transaction.committed");
	return good;
}

void berth_transaction_free(struct berth_transaction *transaction)
{
	if (!transaction)
		return;
	if (transaction->open)
		end(transaction, false, NULL);
	g_free(transaction);
}

bool berth_database_sync(struct berth_database *database, GError **error)
{
	pthread_mutex_lock(&database->lock);
	bool good = sqlite3_wal_checkpoint_v2(database->connection, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL) ==
			    SQLITE_OK ||
		    fail(database, "write the log into the file", error);
	pthread_mutex_unlock(&database->lock);
	return good;
}
