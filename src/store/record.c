// SPDX-License-Identifier: Apache-2.0
// Records, references and events as rows.
#include "store/database-internal.h"
#include "store/store-internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

#define AGE_EVERY (3600 * G_GINT64_CONSTANT(1000000000)) // nanoseconds between two looks at events' age

static bool refuse_name(struct berth_transaction *transaction, const char *kind, const char *name, GError **error)
{
	g_autofree char *owner = berth_record_id_of_name(transaction, kind, name, NULL);

	g_clear_error(error);
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "the %s name \"%s\" is in use by %s", kind, name,
			       owner ? owner : "another");
}

static bool put_references(struct berth_transaction *transaction, int64_t number,
			   const struct berth_reference *references, size_t count, GError **error)
{
	BERTH_AUTO_STATEMENT *clear =
		berth_statement_use(transaction, BERTH_STATEMENT_REFERENCES_CLEAR, NULL, NULL, NULL, error);
	if (!clear)
		return false;
	sqlite3_bind_int64(clear, 1, number);
	if (berth_statement_step(transaction, clear, error) < 0)
		return false;

	for (size_t i = 0; i < count; i++) {
		BERTH_AUTO_STATEMENT *put = berth_statement_use(transaction, BERTH_STATEMENT_REFERENCE_PUT,
								references[i].kind, references[i].id, NULL, error);
		if (!put)
			return false;
		sqlite3_bind_int64(put, 3, number);
		if (berth_statement_step(transaction, put, error) < 0)
			return false;
	}
	return true;
}

static bool put_text(struct berth_transaction *transaction, const char *kind, const char *id, const char *name,
		     const char *text, const struct berth_reference *references, size_t reference_count, GError **error)
{
	int64_t number = 0;
	{
		BERTH_AUTO_STATEMENT *put =
			berth_statement_use(transaction, BERTH_STATEMENT_PUT, kind, id, name, error);
		if (!put)
			return false;
		g_autoptr(GError) local = NULL;
		sqlite3_bind_text(put, 4, text, -1, SQLITE_STATIC);
		// The row is written when the number is returned; the second step only ends the statement.
		if (berth_statement_step(transaction, put, &local) < 0) {
			if (g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT))
				return refuse_name(transaction, kind, name, error);
			g_propagate_error(error, g_steal_pointer(&local));
			return false;
		}
		number = sqlite3_column_int64(put, 0);
		if (berth_statement_step(transaction, put, error) < 0)
			return false;
	}
	return put_references(transaction, number, references, reference_count, error);
}

bool berth_record_put(struct berth_transaction *transaction, const char *kind, const char *id, const char *name,
		      const json_t *document, const struct berth_reference *references, size_t reference_count,
		      GError **error)
{
	g_autofree char *text = berth_json_text(document);

	return put_text(transaction, kind, id, name, text, references, reference_count, error);
}

bool berth_record_put_document(struct berth_transaction *transaction, const char *kind, const char *id,
			       const char *name, const struct berth_document *document, const void *object,
			       const struct berth_reference *references, size_t reference_count, GError **error)
{
	g_autofree char *text = berth_document_print_text(document, object, 0);

	return put_text(transaction, kind, id, name, text, references, reference_count, error);
}

static json_t *parse(sqlite3_stmt *row, int column, const char *kind, const char *id, GError **error)
{
	g_autofree char *what = g_strdup_printf("the record of %s %s", kind, id);

	return berth_json_parse(berth_statement_text(row, column), (size_t) sqlite3_column_bytes(row, column), what,
				error);
}

json_t *berth_record_get(struct berth_transaction *transaction, const char *kind, const char *id, GError **error)
{
	BERTH_AUTO_STATEMENT *get = berth_statement_use(transaction, BERTH_STATEMENT_GET, kind, id, NULL, error);
	if (!get)
		return NULL;
	int code = berth_statement_step(transaction, get, error);
	if (code == SQLITE_ROW)
		return parse(get, 0, kind, id, error);
	if (code == SQLITE_DONE)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such %s: %s", kind, id);
	return NULL;
}

char *berth_record_id_of_name(struct berth_transaction *transaction, const char *kind, const char *name, GError **error)
{
	BERTH_AUTO_STATEMENT *find =
		berth_statement_use(transaction, BERTH_STATEMENT_ID_OF_NAME, kind, name, NULL, error);
	if (!find)
		return NULL;
	int code = berth_statement_step(transaction, find, error);
	if (code == SQLITE_ROW)
		return g_strdup(berth_statement_text(find, 0));
	if (code == SQLITE_DONE)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such %s: %s", kind, name);
	return NULL;
}

// All rows' first column, or their first two as "a b"; a new NULL-terminated array.
static char **collect(struct berth_transaction *transaction, sqlite3_stmt *statement, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	int code;

	if (!statement)
		return NULL;
	while ((code = berth_statement_step(transaction, statement, error)) == SQLITE_ROW) {
		const char *first = berth_statement_text(statement, 0);
		g_ptr_array_add(found, sqlite3_column_count(statement) == 1
					       ? g_strdup(first)
					       : g_strconcat(first, " ", berth_statement_text(statement, 1), NULL));
	}
	if (code < 0)
		return NULL;
	g_ptr_array_add(found, NULL);
	return (char **) g_ptr_array_steal(found, NULL);
}

char **berth_record_ids_by_prefix(struct berth_transaction *transaction, const char *kind, const char *prefix,
				  int limit, GError **error)
{
	g_autofree char *end = g_strconcat(prefix, "\xff", NULL); // no text has this byte: it sorts behind all of them
	BERTH_AUTO_STATEMENT *find =
		berth_statement_use(transaction, BERTH_STATEMENT_IDS_BY_PREFIX, kind, prefix, end, error);

	if (find)
		sqlite3_bind_int(find, 4, limit);
	return collect(transaction, find, error);
}

char **berth_record_users(struct berth_transaction *transaction, const char *kind, const char *id, GError **error)
{
	BERTH_AUTO_STATEMENT *find = berth_statement_use(transaction, BERTH_STATEMENT_USERS, kind, id, NULL, error);

	return collect(transaction, find, error);
}

char **berth_record_chain(struct berth_transaction *transaction, const char *kind, const char *id, GError **error)
{
	BERTH_AUTO_STATEMENT *find = berth_statement_use(transaction, BERTH_STATEMENT_CHAIN, kind, id, NULL, error);

	return collect(transaction, find, error);
}

bool berth_record_each(struct berth_transaction *transaction, const char *kind, berth_record_fn *each, void *data,
		       GError **error)
{
	BERTH_AUTO_STATEMENT *rows = berth_statement_use(transaction, BERTH_STATEMENT_EACH, kind, NULL, NULL, error);
	int code = SQLITE_DONE;

	while (rows && (code = berth_statement_step(transaction, rows, error)) == SQLITE_ROW) {
		const char *id = berth_statement_text(rows, 0);
		BERTH_AUTO_JSON json_t *document = parse(rows, 2, kind, id, error);
		if (!document)
			return false;
		if (!each(data, id, berth_statement_text(rows, 1), document))
			return true;
	}
	return rows && code == SQLITE_DONE;
}

bool berth_record_remove(struct berth_transaction *transaction, const char *kind, const char *id, GError **error)
{
	BERTH_AUTO_STATEMENT *removal = berth_statement_use(transaction, BERTH_STATEMENT_REMOVE, kind, id, NULL, error);

	return removal && berth_statement_step(transaction, removal, error) == SQLITE_DONE;
}

bool berth_references_each(struct berth_transaction *transaction, berth_reference_fn *each, void *data, GError **error)
{
	BERTH_AUTO_STATEMENT *rows =
		berth_statement_use(transaction, BERTH_STATEMENT_REFERENCES_EACH, NULL, NULL, NULL, error);
	int code = SQLITE_DONE;

	while (rows && (code = berth_statement_step(transaction, rows, error)) == SQLITE_ROW) {
		struct berth_reference to = {berth_statement_text(rows, 2), berth_statement_text(rows, 3)};
		each(data, berth_statement_text(rows, 0), berth_statement_text(rows, 1), &to);
	}
	return rows && code == SQLITE_DONE;
}

static bool drop_events(struct berth_transaction *transaction, enum berth_statement which, int64_t before,
			GError **error)
{
	BERTH_AUTO_STATEMENT *drop = berth_statement_use(transaction, which, NULL, NULL, NULL, error);

	if (!drop)
		return false;
	sqlite3_bind_int64(drop, 1, before);
	return berth_statement_step(transaction, drop, error) == SQLITE_DONE;
}

bool berth_event_put(struct berth_transaction *transaction, int64_t time, const json_t *event, GError **error)
{
	struct berth_event_bounds *bounds = berth_transaction_bounds(transaction);
	int64_t count = bounds->count > 0 ? bounds->count : BERTH_LIMIT_EVENTS;
	g_autofree char *text = berth_json_text(event);
	int64_t last = 0;
	{
		BERTH_AUTO_STATEMENT *put =
			berth_statement_use(transaction, BERTH_STATEMENT_EVENT_PUT, text, NULL, NULL, error);
		if (!put)
			return false;
		sqlite3_bind_int64(put, 2, time);
		if (berth_statement_step(transaction, put, error) < 0)
			return false;
		last = sqlite3_last_insert_rowid(sqlite3_db_handle(put));
	}
	bounds->first = bounds->first ? bounds->first : last;
	bounds->last = last;
	if (bounds->age > 0 && (bounds->aged_at == 0 || time - bounds->aged_at > AGE_EVERY)) {
		bounds->aged_at = time;
		if (!drop_events(transaction, BERTH_STATEMENT_EVENT_AGE, time - bounds->age, error))
			return false;
	}
	// Ids have no gaps (one that is rolled back is given again), so this leaves the newest.
	return last <= count || drop_events(transaction, BERTH_STATEMENT_EVENT_TRIM, last - count, error);
}

bool berth_event_each(struct berth_transaction *transaction, int64_t after, int64_t since, berth_event_fn *each,
		      void *data, GError **error)
{
	BERTH_AUTO_STATEMENT *rows =
		berth_statement_use(transaction, BERTH_STATEMENT_EVENT_EACH, NULL, NULL, NULL, error);
	int code = SQLITE_DONE;

	if (rows) {
		sqlite3_bind_int64(rows, 1, after);
		sqlite3_bind_int64(rows, 2, since ? since : INT64_MIN);
	}
	while (rows && (code = berth_statement_step(transaction, rows, error)) == SQLITE_ROW) {
		BERTH_AUTO_JSON json_t *event =
			parse(rows, 1, "event", (const char *) sqlite3_column_text(rows, 0), error);
		if (!event)
			return false;
		if (!each(data, sqlite3_column_int64(rows, 0), event))
			return true;
	}
	return rows && code == SQLITE_DONE;
}
