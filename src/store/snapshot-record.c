// SPDX-License-Identifier: Apache-2.0
// Records of snapshots.
#include "store/snapshot-internal.h"

#include "base/error.h"

static const struct berth_field record_fields[] = {
	BERTH_STRING(struct berth_snapshot_record, parent, "parent", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_snapshot_record, committed, "committed", 0),
	BERTH_BOOL(struct berth_snapshot_record, frozen, "frozen", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_snapshot_record_document = {"snapshot", sizeof(struct berth_snapshot_record),
							      record_fields};

char *berth_snapshot__folder(const char *prefix, const char *id)
{
	return g_strdelimit(g_strconcat(prefix, id, NULL), ":", '-');
}

struct berth_snapshot_record *berth_snapshot__get(struct berth_transaction *transaction, const char *id, GError **error)
{
	json_t *json = berth_record_get(transaction, BERTH_SNAPSHOT_KIND, id, error);
	struct berth_snapshot_record *record =
		json ? berth_document_parse(&berth_snapshot_record_document, json, error) : NULL;

	json_decref(json);
	return record;
}

bool berth_snapshot__find(struct berth_transaction *transaction, const char *id, struct berth_snapshot_record **ret,
			  GError **error)
{
	g_autoptr(GError) local = NULL;

	*ret = berth_snapshot__get(transaction, id, &local);
	if (*ret || g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

bool berth_snapshot__put(struct berth_transaction *transaction, const char *id,
			 const struct berth_snapshot_record *record, GError **error)
{
	struct berth_reference parent = {BERTH_SNAPSHOT_KIND, record->parent};

	return berth_record_put_document(transaction, BERTH_SNAPSHOT_KIND, id, NULL, &berth_snapshot_record_document,
					 record, &parent, record->parent ? 1 : 0, error);
}
