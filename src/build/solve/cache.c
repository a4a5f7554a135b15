// SPDX-License-Identifier: Apache-2.0
// Records of the build cache. A record refers to its layer's blob and snapshot, which keeps them.
#include "build/solve/cache.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"

#define VERSION 1

static const struct berth_field record_fields[] = {
	BERTH_INT64(struct berth_cache_record, version, "version", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_record, type, "type", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_record, description, "description", 0),
	BERTH_STRING(struct berth_cache_record, parent, "parent", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_cache_record, digest, "digest", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_record, diff_id, "diffId", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_record, chain_id, "chainId", BERTH_REQUIRED),
	BERTH_INT64(struct berth_cache_record, size, "size", 0),
	BERTH_INT64(struct berth_cache_record, created, "created", 0),
	BERTH_INT64(struct berth_cache_record, used, "used", 0),
	BERTH_INT64(struct berth_cache_record, count, "count", 0),
	{0},
};
const struct berth_document berth_cache_record_document = {"build cache record", sizeof(struct berth_cache_record),
							   record_fields};

// An alias stands for one key. Where it stands for another one already, which nothing but a change of how keys are made
// comes to, that one keeps it.
static bool put(struct berth_transaction *transaction, const char *key, const char *alias,
		const struct berth_cache_record *record, GError **error)
{
	const struct berth_reference references[] = {{BERTH_RECORD_BLOB, record->digest},
						     {BERTH_RECORD_SNAPSHOT, record->chain_id}};
	g_autofree char *other =
		alias ? berth_record_id_of_name(transaction, BERTH_RECORD_BUILD_CACHE, alias, NULL) : NULL;

	return berth_record_put_document(transaction, BERTH_RECORD_BUILD_CACHE, key,
					 other && !g_str_equal(other, key) ? NULL : alias, &berth_cache_record_document,
					 record, references, G_N_ELEMENTS(references), error);
}

bool berth_build_cache_put(struct berth_transaction *transaction, const struct berth_build_layer *layer, GError **error)
{
	const struct berth_cache_record record = {
		.version = VERSION,
		.type = (char *) BERTH_BUILD_CACHE_TYPE,
		.description = layer->description,
		.parent = layer->parent_key,
		.digest = layer->digest,
		.diff_id = layer->diff_id,
		.chain_id = layer->chain_id,
		.size = layer->size,
		.created = layer->created,
		.used = layer->created,
		.count = 1,
	};

	return put(transaction, layer->key, layer->alias, &record, error);
}

static struct berth_cache_record *get(struct berth_builder *builder, const char *key, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(builder->store), error);
	g_autoptr(GError) local = NULL;

	if (!transaction)
		return NULL;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_BUILD_CACHE, key, &local);
	if (json)
		return berth_document_parse(&berth_cache_record_document, json, error);
	if (!g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_propagate_error(error, g_steal_pointer(&local));
	return NULL;
}

// Layers of COPY --link are found whatever is below them: what is found may stand on something else.
static bool stands_on(const struct berth_build_layer *below, const char *diff_id, const char *chain_id)
{
	g_autofree char *expected = berth_image_chain_id(below ? below->chain_id : NULL, diff_id);

	return g_str_equal(expected, chain_id);
}

// The record's layer on another base, if that is lasting already: *record then says so.
static bool put_onto(struct berth_building *building, const struct berth_build_layer *below,
		     struct berth_cache_record *record)
{
	g_autoptr(berth_image_layer) moved =
		berth_image_layer_add(building->builder->images, building->lease, record->digest,
				      below ? below->chain_id : NULL, record->diff_id, NULL);

	if (!moved)
		return false; // it is made again
	g_free(record->chain_id);
	record->chain_id = g_strdup(moved->chain_id);
	return true;
}

char *berth_build_cache_alias(struct berth_building *building, const char *alias, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(building->builder->store), error);
	GError *failure = NULL;
	char *key =
		transaction ? berth_record_id_of_name(transaction, BERTH_RECORD_BUILD_CACHE, alias, &failure) : NULL;

	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_clear_error(&failure);
	if (failure)
		g_propagate_error(error, failure);
	return key;
}

static struct berth_build_layer *find_fresh(struct berth_builder *builder, const struct berth_build_layer *below,
					    const char *key)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->naming);
	struct berth_build_layer *layer = g_hash_table_lookup(builder->fresh, key);

	return layer && stands_on(below, layer->diff_id, layer->chain_id) ? berth_build_layer_ref(layer) : NULL;
}

struct berth_build_layer *berth_build_cache_find(struct berth_building *building, struct berth_build_layer *below,
						 const char *key, GError **error)
{
	struct berth_builder *builder = building->builder;
	struct berth_build_layer *layer = find_fresh(builder, below, key);

	if (layer)
		return layer;
	g_autoptr(berth_cache_record) record = get(builder, key, error);
	if (!record)
		return NULL;
	// Leased first, then looked for: a collection that runs now either sees the lease or took it already.
	berth_lease_add(building->lease, BERTH_RECORD_BLOB, record->digest);
	berth_lease_add(building->lease, BERTH_RECORD_SNAPSHOT, record->chain_id);
	if (!berth_blob_exists(berth_store_blobs(builder->store), record->digest))
		return NULL;
	if (!stands_on(below, record->diff_id, record->chain_id)) {
		if (!put_onto(building, below, record))
			return NULL;
	} else if (!berth_snapshot_exists(berth_store_snapshots(builder->store), record->chain_id)) {
		return NULL;
	}
	const struct berth_image_layer from = {record->digest, record->diff_id, record->chain_id, record->size};
	layer = berth_build_layer_new(below, &from);
	layer->created = record->created;
	layer->key = g_strdup(key);
	layer->parent_key = g_strdup(record->parent);
	layer->description = g_strdup(record->description);
	return layer;
}

struct berth_build_layer *berth_build_cache_import(struct berth_building *building, struct berth_build_layer *below,
						   const char *key, GError **error)
{
	const struct berth_build_cache_entry *entry;

	if (!building->imports)
		return NULL;
	g_autoptr(berth_image_layer) found =
		berth_build_imports_find(building->imports, key, below ? below->chain_id : NULL, &entry, error);
	if (!found)
		return NULL;
	struct berth_build_layer *layer = berth_build_layer_new(below, found);
	layer->created = entry->created;
	layer->key = g_strdup(key);
	layer->parent_key = g_strdup(below ? below->key : NULL);
	layer->description = g_strdup(entry->description);
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(building->builder->store), error);
	if (transaction && berth_build_cache_put(transaction, layer, error) &&
	    berth_transaction_commit(transaction, error))
		return layer;
	berth_build_layer_unref(building->builder, layer);
	return NULL;
}

static bool count_one(struct berth_transaction *transaction, const char *key, const char *alias, GError **error)
{
	g_autoptr(GError) local = NULL;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_BUILD_CACHE, key, &local);

	if (!json && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_autoptr(berth_cache_record) record =
		json ? berth_document_parse(&berth_cache_record_document, json, &local) : NULL;
	if (!record) {
		g_propagate_error(error, g_steal_pointer(&local));
		return false;
	}
	record->used = berth_moment_now();
	record->count++;
	return put(transaction, key, alias, record, error);
}

bool berth_build_cache_used(struct berth_building *building, GError **error)
{
	GHashTableIter iter;
	void *key, *alias;

	if (g_hash_table_size(building->used) == 0)
		return true;
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(building->builder->store), error);
	if (!transaction)
		return false;
	g_hash_table_iter_init(&iter, building->used);
	while (g_hash_table_iter_next(&iter, &key, &alias))
		if (!count_one(transaction, key, alias, error))
			return false;
	return berth_transaction_commit(transaction, error);
}

void berth_build_cache_hold(struct berth_building *building, const char *key)
{
	struct berth_builder *builder = building->builder;
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
	gsize count = (gsize) g_hash_table_lookup(builder->using, key);

	g_hash_table_replace(builder->using, g_strdup(key), GSIZE_TO_POINTER(count + 1));
	g_ptr_array_add(building->held, g_strdup(key));
}

void berth_build_cache_release(struct berth_building *building)
{
	struct berth_builder *builder = building->builder;
	{
		BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
		for (guint i = 0; i < building->held->len; i++) {
			const char *key = building->held->pdata[i];
			gsize count = (gsize) g_hash_table_lookup(builder->using, key);
			if (count > 1)
				g_hash_table_replace(builder->using, g_strdup(key), GSIZE_TO_POINTER(count - 1));
			else
				g_hash_table_remove(builder->using, key);
		}
	}
	g_ptr_array_unref(building->held);
}

bool berth_build_cache_is_held(struct berth_builder *builder, const char *key)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	return g_hash_table_contains(builder->using, key);
}
