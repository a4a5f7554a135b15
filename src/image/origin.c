// SPDX-License-Identifier: Apache-2.0
#include "image/origin.h"

#include "base/error.h"

#include <string.h>

#define KIND "origin"
#define REPOSITORIES_MAX 8 // that are kept of one blob: the latest

struct origin {
	char **repositories; // the latest first
};

static const struct berth_field origin_fields[] = {
	BERTH_STRINGS(struct origin, repositories, "repositories", BERTH_REQUIRED),
	{0},
};
static const struct berth_document origin_document = {"origin", sizeof(struct origin), origin_fields};
BERTH_DOCUMENT_AUTOPTR(origin, origin_document)

// *ret is NULL when nothing is known.
static bool get(struct berth_transaction *transaction, const char *digest, struct origin **ret, GError **error)
{
	g_autoptr(GError) failure = NULL;
	json_t *json = berth_record_get(transaction, KIND, digest, &failure);

	*ret = json ? berth_document_parse(&origin_document, json, error) : NULL;
	json_decref(json);
	if (*ret || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	if (failure)
		g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool berth_origin_note(struct berth_transaction *transaction, const char *digest, const char *repository,
		       GError **error)
{
	g_autoptr(GPtrArray) latest = g_ptr_array_new();
	g_autoptr(origin) old = NULL;

	if (!get(transaction, digest, &old, error))
		return false;
	if (old && old->repositories[0] && g_str_equal(old->repositories[0], repository))
		return true;
	g_ptr_array_add(latest, (char *) repository);
	for (char **other = old ? old->repositories : NULL; other && *other; other++)
		if (!g_str_equal(*other, repository) && latest->len < REPOSITORIES_MAX)
			g_ptr_array_add(latest, *other);
	g_ptr_array_add(latest, NULL);
	struct origin written = {(char **) latest->pdata};
	return berth_record_put_document(transaction, KIND, digest, NULL, &origin_document, &written, NULL, 0, error);
}

bool berth_origin_note_all(struct berth_transaction *transaction, const struct oci_manifest *manifest,
			   const char *repository, GError **error)
{
	for (guint i = 0; i < manifest->layers->len; i++) {
		const struct oci_descriptor *layer = manifest->layers->pdata[i];
		if (!berth_origin_note(transaction, layer->digest, repository, error))
			return false;
	}
	return berth_origin_note(transaction, manifest->config->digest, repository, error);
}

char **berth_origin_paths(struct berth_transaction *transaction, const char *digest, const char *host, GError **error)
{
	g_autofree char *prefix = g_strconcat(host, "/", NULL);
	g_autoptr(origin) found = NULL;

	if (!get(transaction, digest, &found, error))
		return NULL;
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	for (char **repository = found ? found->repositories : NULL; repository && *repository; repository++)
		if (g_str_has_prefix(*repository, prefix))
			g_ptr_array_add(paths, g_strdup(*repository + strlen(prefix)));
	g_ptr_array_add(paths, NULL);
	return (char **) g_ptr_array_steal(paths, NULL);
}

static bool note_digest(void *data, const char *id, const char *name, const json_t *document)
{
	(void) name, (void) document;
	g_ptr_array_add(data, g_strdup(id));
	return true;
}

bool berth_origins_sweep(struct berth_store *store, GError **error)
{
	g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), error);
	bool changed = false;

	if (!transaction || !berth_record_each(transaction, KIND, note_digest, digests, error))
		return false;
	for (guint i = 0; i < digests->len; i++) {
		if (berth_blob_exists(berth_store_blobs(store), digests->pdata[i]))
			continue;
		changed = true;
		if (!berth_record_remove(transaction, KIND, digests->pdata[i], error))
			return false;
	}
	return !changed || berth_transaction_commit(transaction, error);
}
