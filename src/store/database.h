// SPDX-License-Identifier: Apache-2.0
// All records, in one SQLite file (WAL, foreign keys on, schema version in user_version: a newer schema than this
// program knows is refused). A record is a JSON document with a kind, an id, an optional unique name and references to
// what it needs: blobs, snapshots and other records. References are what garbage collection follows.
//
// A crash of the process loses no committed transaction. (A crash of the machine may lose the last ones, never half of
// one.)
//
// Any thread may use the database; one transaction runs at a time, others wait. A thread must not begin a second one
// while it holds one. The database's lock is the innermost of all.
#pragma once

#include "base/document.h"

#include <stdbool.h>
#include <stdint.h>

struct berth_database;
struct berth_transaction;

// Opens or makes <folder>/berth.db.
struct berth_database *berth_database_open(const char *folder, GError **error);
void berth_database_free(struct berth_database *database);

struct berth_transaction *berth_transaction_begin(struct berth_database *database, GError **error);
bool berth_transaction_commit(struct berth_transaction *transaction, GError **error);
void berth_transaction_free(struct berth_transaction *transaction); // rolls back what was not committed
typedef struct berth_transaction berth_transaction;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_transaction, berth_transaction_free)

// What a record refers to.
struct berth_reference {
	const char *kind; // "blob", "snapshot", or a record's kind
	const char *id;
};

// Writes a record, new or in place of the old one of that kind and id. `name` is unique within the kind, or NULL; a
// name that another record has is BERTH_ERROR_CONFLICT. `references` replaces the old ones; it may be NULL if count is
// 0.
bool berth_record_put(struct berth_transaction *transaction, const char *kind, const char *id, const char *name,
		      const json_t *document, const struct berth_reference *references, size_t reference_count,
		      GError **error);
// The same for a struct with a field table.
bool berth_record_put_document(struct berth_transaction *transaction, const char *kind, const char *id,
			       const char *name, const struct berth_document *document, const void *object,
			       const struct berth_reference *references, size_t reference_count, GError **error);

// Returns a new reference, or NULL: BERTH_ERROR_NOT_FOUND.
json_t *berth_record_get(struct berth_transaction *transaction, const char *kind, const char *id, GError **error);
// The id of the record with that name (the caller frees it); NULL with BERTH_ERROR_NOT_FOUND.
char *berth_record_id_of_name(struct berth_transaction *transaction, const char *kind, const char *name,
			      GError **error);
// The ids that start with `prefix`, at most `limit`, sorted; a new NULL-terminated array.
char **berth_record_ids_by_prefix(struct berth_transaction *transaction, const char *kind, const char *prefix,
				  int limit, GError **error);
// Calls `each` for every record of the kind in the order of ids, until it returns false. It must not use the
// transaction.
typedef bool berth_record_fn(void *data, const char *id, const char *name, const json_t *document);
bool berth_record_each(struct berth_transaction *transaction, const char *kind, berth_record_fn *each, void *data,
		       GError **error);
// Removing what is not there succeeds.
bool berth_record_remove(struct berth_transaction *transaction, const char *kind, const char *id, GError **error);
// The kinds and ids of records that refer to (kind, id): "container 1f2e…"; a new NULL-terminated array.
char **berth_record_users(struct berth_transaction *transaction, const char *kind, const char *id, GError **error);

// Events are rows, written with the change they tell of. `id` of the last is the place to go on reading from.
bool berth_event_put(struct berth_transaction *transaction, int64_t time, const json_t *event, GError **error);
typedef bool berth_event_fn(void *data, int64_t id, const json_t *event);
// How many of them are kept (0: BERTH_LIMIT_EVENTS), and for how long (nanoseconds; 0: no limit). Called before they
// are used.
void berth_events_bound(struct berth_database *database, int64_t count, int64_t age);
// How many were put since the database was opened.
int64_t berth_events_put(struct berth_transaction *transaction);
// Those with since <= time (0: all) and id > after, oldest first. What exceeds the bounds is dropped by put: by age
// once an hour.
bool berth_event_each(struct berth_transaction *transaction, int64_t after, int64_t since, berth_event_fn *each,
		      void *data, GError **error);
