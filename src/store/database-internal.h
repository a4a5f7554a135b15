// SPDX-License-Identifier: Apache-2.0
// What database.c (file, transactions, statements) offers record.c (what the rows mean).
#pragma once

#include "store/database.h"

#include <sqlite3.h>

// Each statement is prepared when it is first used, and kept. database.c has their text.
enum berth_statement {
	BERTH_STATEMENT_BEGIN,
	BERTH_STATEMENT_COMMIT,
	BERTH_STATEMENT_ROLLBACK,
	BERTH_STATEMENT_PUT,
	BERTH_STATEMENT_GET,
	BERTH_STATEMENT_REMOVE,
	BERTH_STATEMENT_ID_OF_NAME,
	BERTH_STATEMENT_IDS_BY_PREFIX,
	BERTH_STATEMENT_EACH,
	BERTH_STATEMENT_USERS,
	BERTH_STATEMENT_CHAIN,
	BERTH_STATEMENT_REFERENCES_EACH,
	BERTH_STATEMENT_REFERENCES_CLEAR,
	BERTH_STATEMENT_REFERENCE_PUT,
	BERTH_STATEMENT_EVENT_PUT,
	BERTH_STATEMENT_EVENT_TRIM,
	BERTH_STATEMENT_EVENT_AGE,
	BERTH_STATEMENT_EVENT_EACH,
	BERTH_STATEMENTS,
};

// A statement that is reset when its variable leaves scope, so that it keeps no row locked.
static inline void berth_statement_reset(sqlite3_stmt **statement)
{
	if (*statement) {
		sqlite3_reset(*statement);
		sqlite3_clear_bindings(*statement);
	}
}
#define BERTH_AUTO_STATEMENT __attribute__((cleanup(berth_statement_reset))) sqlite3_stmt

// The statement for use in the running transaction, its first parameters bound to `a`, `b`, `c` (NULL is SQL's NULL),
// which must live until it is reset. NULL on failure.
sqlite3_stmt *berth_statement_use(struct berth_transaction *transaction, enum berth_statement which, const char *a,
				  const char *b, const char *c, GError **error);
// SQLITE_ROW, SQLITE_DONE, or -1 with *error. Any failure but a name that is taken (BERTH_ERROR_CONFLICT without a
// useful message; the caller says whose it is) makes the transaction one that can only be rolled back.
int berth_statement_step(struct berth_transaction *transaction, sqlite3_stmt *statement, GError **error);

// Column `index` of the row as text; never NULL but for SQL's NULL.
static inline const char *berth_statement_text(sqlite3_stmt *statement, int index)
{
	return (const char *) sqlite3_column_text(statement, index);
}

struct berth_event_bounds {
	int64_t count, age; // 0: the default; none
	int64_t aged_at; // when old ones were dropped last
	int64_t first, last; // ids of those that were put since the database was opened; 0: none was
};
struct berth_event_bounds *berth_transaction_bounds(struct berth_transaction *transaction);
