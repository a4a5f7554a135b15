// SPDX-License-Identifier: Apache-2.0
// The cache as it is listed and pruned: records of steps, and cache mounts.
#include "build/solve/cache.h"

#include "base/error.h"
#include "base/moment.h"
#include "build/solve/cache-mount.h"
#include "spec/api-build.h"

#include <string.h>
#include <sys/statvfs.h>

#define SHARED_KINDS BERTH_RECORD_IMAGE " "

// What is known of each while it is decided.
struct entry {
	struct api_build_cache *shown;
	int64_t created, used;
	int64_t needed; // when it, or what stands on it, was used
	guint depth; // of records that it stands on
	bool mount, gone;
	char *chain_id, *digest;
};

static void free_entry(void *data)
{
	struct entry *entry = data;

	berth_document_free(&api_build_cache_document, entry->shown);
	g_free(entry->chain_id);
	g_free(entry->digest);
	g_free(entry);
}

static struct entry *add(GPtrArray *entries, const char *id, const char *type, const char *description, int64_t created,
			 int64_t used, int64_t count)
{
	struct entry *entry = g_new0(struct entry, 1);
	struct api_build_cache *shown = entry->shown = berth_document_new(&api_build_cache_document);

	shown->id = g_strdup(id);
	shown->type = g_strdup(type);
	shown->description = g_strdup(description);
	shown->created_at = berth_moment_string(created);
	shown->last_used_at = used ? berth_moment_string(used) : NULL;
	shown->usage_count = count;
	entry->created = created;
	entry->used = used;
	g_ptr_array_add(entries, entry);
	return entry;
}

static bool note_step(void *entries, const char *id, const char *name, const json_t *document)
{
	g_autoptr(berth_cache_record) record = berth_document_parse(&berth_cache_record_document, document, NULL);

	(void) name;
	if (!record)
		return true;
	struct entry *entry =
		add(entries, id, record->type, record->description, record->created, record->used, record->count);
	entry->shown->size = record->size;
	entry->chain_id = g_strdup(record->chain_id);
	entry->digest = g_strdup(record->digest);
	if (record->parent) {
		entry->shown->parent = g_strdup(record->parent);
		entry->shown->parents = g_new0(char *, 2);
		entry->shown->parents[0] = g_strdup(record->parent);
	}
	return true;
}

static bool note_mount(void *entries, const char *id, const char *name, const json_t *document)
{
	g_autoptr(berth_cache_mount_record) record =
		berth_document_parse(&berth_cache_mount_record_document, document, NULL);

	(void) name;
	if (record)
		add(entries, id, "exec.cachemount", record->description, record->created, record->used, record->count)
			->mount = true;
	return true;
}

// Whether something but the cache needs its blob.
static bool find_sharing(struct berth_transaction *transaction, struct entry *entry, GError **error)
{
	g_auto(GStrv) users = berth_record_users(transaction, BERTH_RECORD_BLOB, entry->digest, error);
	unsigned others = 0;

	if (!users)
		return false;
	for (char **user = users; *user; user++)
		others += g_str_has_prefix(*user, SHARED_KINDS);
	entry->shown->shared = others > 0;
	return true;
}

static GPtrArray *list(struct berth_builder *builder, GError **error)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(free_entry);
	{
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(builder->store), error);
		if (!transaction ||
		    !berth_record_each(transaction, BERTH_RECORD_BUILD_CACHE, note_step, entries, error) ||
		    !berth_record_each(transaction, BERTH_RECORD_BUILD_MOUNT, note_mount, entries, error))
			return NULL;
		for (guint i = 0; i < entries->len; i++) {
			struct entry *entry = entries->pdata[i];
			if (!entry->mount && !find_sharing(transaction, entry, error))
				return NULL;
		}
	}
	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = entries->pdata[i];
		if (!entry->mount) {
			entry->shown->in_use = berth_build_cache_is_held(builder, entry->shown->id);
			continue;
		}
		entry->shown->size = berth_cache_mount_size(builder, entry->shown->id);
		entry->shown->in_use = berth_cache_mount_is_held(builder, entry->shown->id);
	}
	return g_steal_pointer(&entries);
}

GPtrArray *berth_builder_cache_list(struct berth_builder *builder, GError **error)
{
	g_autoptr(GPtrArray) entries = list(builder, error);

	if (!entries)
		return NULL;
	GPtrArray *shown = berth_objects_new();
	for (guint i = 0; i < entries->len; i++)
		g_ptr_array_add(shown, g_steal_pointer(&((struct entry *) entries->pdata[i])->shown));
	return shown;
}

// Filters

struct filter {
	const char *name;
	bool (*matches)(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error);
};

// "24h", or a moment: what is older.
static bool parse_age(const char *value, int64_t now, int64_t *ret, GError **error)
{
	int64_t duration;

	if (berth_duration_parse(value, &duration, NULL)) {
		*ret = now - duration;
		return true;
	}
	return berth_moment_parse(value, ret, error);
}

static bool is_older(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	int64_t limit;

	if (!parse_age(value, now, &limit, error))
		return false;
	*ret = (entry->used ? entry->used : entry->created) < limit;
	return true;
}

static bool has_id(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now, (void) error;
	*ret = g_str_has_prefix(entry->shown->id, value) ||
	       (g_str_has_prefix(entry->shown->id, "sha256:") && g_str_has_prefix(entry->shown->id + 7, value));
	return true;
}

static bool has_parent(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now, (void) error;
	*ret = entry->shown->parent && g_str_equal(entry->shown->parent, value);
	return true;
}

static bool has_type(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now, (void) error;
	*ret = g_str_equal(entry->shown->type, value);
	return true;
}

static bool has_description(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now, (void) error;
	*ret = entry->shown->description && strstr(entry->shown->description, value);
	return true;
}

static bool compare_flag(bool flag, const char *value, const char *name, bool *ret, GError **error)
{
	static const char *const yes[] = {"", "1", "true", "True", "TRUE", "t", NULL};
	static const char *const no[] = {"0", "false", "False", "FALSE", "f", NULL};

	if (!g_strv_contains(yes, value) && !g_strv_contains(no, value))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value \"%s\" of filter %s", value, name);
	*ret = flag == g_strv_contains(yes, value);
	return true;
}

static bool is_in_use(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now;
	return compare_flag(entry->shown->in_use, value, "inuse", ret, error);
}

static bool is_shared(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now;
	return compare_flag(entry->shown->shared, value, "shared", ret, error);
}

static bool is_private(const struct entry *entry, const char *value, int64_t now, bool *ret, GError **error)
{
	(void) now;
	return compare_flag(!entry->shown->shared, value, "private", ret, error);
}

static const struct filter filters[] = {
	{"until", is_older},    {"unused-for", is_older}, {"id", has_id},
	{"parent", has_parent}, {"type", has_type},       {"description", has_description},
	{"inuse", is_in_use},   {"shared", is_shared},    {"private", is_private},
};

static const struct filter *find_filter(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++)
		if (g_str_equal(filters[i].name, name))
			return &filters[i];
	return NULL;
}

// All filters must match; of a filter's values one.
static bool matches(const struct entry *entry, GHashTable *wanted, int64_t now, bool *ret, GError **error)
{
	GHashTableIter iter;
	void *name, *values;

	*ret = true;
	if (!wanted)
		return true;
	g_hash_table_iter_init(&iter, wanted);
	while (g_hash_table_iter_next(&iter, &name, &values)) {
		const struct filter *filter = find_filter(name);
		bool any = false;
		if (!filter)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter '%s'", (char *) name);
		for (char **value = values; !any && value && *value; value++)
			if (!filter->matches(entry, *value, now, &any, error))
				return false;
		*ret = *ret && any;
	}
	return true;
}

// Pruning

// What others stand on is needed as long as they are: removing it first would free nothing.
static void note_needs(GPtrArray *entries)
{
	g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = entries->pdata[i];
		entry->needed = entry->used ? entry->used : entry->created;
		g_hash_table_insert(by_id, entry->shown->id, entry);
	}
	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = entries->pdata[i], *below = entry;
		while (below->shown->parent && (below = g_hash_table_lookup(by_id, below->shown->parent)) &&
		       entry->depth < entries->len) {
			entry->depth++;
			below->needed = MAX(below->needed, entry->needed);
		}
	}
}

static int oldest_first(const void *a, const void *b)
{
	const struct entry *one = *(const struct entry *const *) a, *other = *(const struct entry *const *) b;

	if (one->needed != other->needed)
		return one->needed < other->needed ? -1 : 1;
	return one->depth > other->depth ? -1 : one->depth < other->depth;
}

static bool remove_entry(struct berth_builder *builder, const struct entry *entry, bool *ret_removed, GError **error)
{
	const char *id = entry->shown->id;

	*ret_removed = false;
	if (entry->mount) {
		if (!berth_cache_mount_take(builder, id))
			return true; // a step has it
		bool good = berth_cache_mount_remove(builder, id, error);
		berth_cache_mount_release(builder, id);
		*ret_removed = good;
		return good;
	}
	if (berth_build_cache_is_held(builder, id))
		return true; // since it was listed
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(builder->store), error);
	if (!transaction || !berth_record_remove(transaction, BERTH_RECORD_BUILD_CACHE, id, error) ||
	    !berth_transaction_commit(transaction, error))
		return false;
	*ret_removed = true;
	return true;
}

// How much has to go so that the bounds hold; INT64_MAX: all that matches.
static int64_t excess(const struct berth_builder *builder, const struct berth_build_prune *prune, int64_t total)
{
	struct statvfs disk;

	if (prune->keep_bytes <= 0 && prune->max_used_bytes <= 0 && prune->min_free_bytes <= 0)
		return G_MAXINT64;
	int64_t keep = prune->max_used_bytes > 0   ? prune->max_used_bytes
		       : prune->min_free_bytes > 0 ? total
						   : prune->keep_bytes;
	if (prune->min_free_bytes > 0 && fstatvfs(builder->work, &disk) == 0) {
		int64_t left = (int64_t) (disk.f_bavail * disk.f_frsize);
		keep = MIN(keep, total - MAX(prune->min_free_bytes - left, 0));
	}
	keep = MAX(keep, prune->keep_bytes);
	return MAX(total - keep, 0);
}

static bool may_go(const struct entry *entry, const struct berth_build_prune *prune)
{
	// Without `all` what is shared with an image stays: removing it would free nothing.
	return !entry->shown->in_use && (prune->all || !entry->shown->shared);
}

struct pruned {
	GStrvBuilder *ids;
	int64_t bytes; // of cache mounts
};

static bool prune_entries(struct berth_builder *builder, const struct berth_build_prune *prune, GPtrArray *entries,
			  const gint *stopped, struct pruned *pruned, GError **error)
{
	int64_t now = berth_moment_now(), total = 0;

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = entries->pdata[i];
		total += entry->gone ? 0 : entry->shown->size;
	}
	int64_t over = excess(builder, prune, total);
	for (guint i = 0; i < entries->len && over > 0 && !(stopped && g_atomic_int_get(stopped)); i++) {
		struct entry *entry = entries->pdata[i];
		bool wanted;
		if (!matches(entry, prune->filters, now, &wanted, error))
			return false;
		if (!wanted || entry->gone || !may_go(entry, prune))
			continue;
		if (!remove_entry(builder, entry, &entry->gone, error))
			return false;
		if (!entry->gone)
			continue;
		g_strv_builder_add(pruned->ids, entry->shown->id);
		over -= over == G_MAXINT64 ? 0 : entry->shown->size;
		pruned->bytes += entry->mount ? entry->shown->size : 0;
	}
	return true;
}

bool berth_build_cache_apply(struct berth_builder *builder, const struct berth_build_prune *rules, size_t count,
			     const gint *stopped, char ***ret_ids, int64_t *ret_bytes, GError **error)
{
	g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
	g_autoptr(GPtrArray) entries = list(builder, error);
	struct berth_collected collected = {0};
	struct pruned pruned = {ids, 0};

	if (!entries)
		return false;
	note_needs(entries);
	g_ptr_array_sort(entries, oldest_first);
	for (size_t i = 0; i < count; i++)
		if (!prune_entries(builder, &rules[i], entries, stopped, &pruned, error))
			return false;
	g_auto(GStrv) gone = g_strv_builder_end(ids);
	// By itself it has no reason to look for what others left.
	if ((!stopped || gone[0]) && !berth_store_collect(builder->store, &collected, error))
		return false;
	*ret_ids = g_steal_pointer(&gone);
	*ret_bytes = pruned.bytes + collected.bytes;
	return true;
}

bool berth_builder_prune(struct berth_builder *builder, const struct berth_build_prune *prune, char ***ret_ids,
			 int64_t *ret_bytes, GError **error)
{
	return berth_build_cache_apply(builder, prune, 1, NULL, ret_ids, ret_bytes, error);
}
