// SPDX-License-Identifier: Apache-2.0
// Volumes as the API sees them: lists, making, removing, pruning.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#define SECONDS_LENGTH 19 // of "2006-01-02T15:04:05"

// Docker's have no fraction.
static char *creation_text(int64_t created)
{
	g_autofree char *text = berth_moment_string(created);

	return g_strdup_printf("%.*sZ", SECONDS_LENGTH, text);
}

static GHashTable *copy_map(GHashTable *map)
{
	GHashTable *copy = map && g_hash_table_size(map) ? berth_map_new() : NULL;
	GHashTableIter iter;
	void *key, *value;

	if (!copy)
		return NULL;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(copy, g_strdup(key), g_strdup(value));
	return copy;
}

// A plugin that does not answer keeps nobody from seeing the volume.
static struct api_volume *describe(struct berth_engine *engine, const struct berth_volume *volume, bool status)
{
	struct api_volume *result = berth_document_new(&api_volume_document);
	const struct berth_volume_driver *driver = berth_volume_driver_find(engine->volumes, volume->driver, NULL);

	result->name = g_strdup(volume->name);
	result->driver = g_strdup(volume->driver);
	result->mountpoint = driver ? driver->path(engine->volumes, volume, NULL) : NULL;
	if (!result->mountpoint)
		result->mountpoint = g_strdup("");
	result->created_at = creation_text(volume->created);
	result->labels = copy_map(volume->labels);
	result->options = copy_map(volume->options);
	bool global = status && berth_volume_is_global(engine->volumes, volume->driver);
	result->scope = g_strdup(global ? "global" : "local");
	result->status = driver && status ? driver->status(engine->volumes, volume, NULL) : NULL;
	return result;
}

struct listed {
	struct berth_volume *volume;
	int64_t users;
};

static void listed_free(void *data)
{
	struct listed *listed = data;

	berth_volume_free(listed->volume);
	g_free(listed);
}

static bool take(void *data, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED const char *name, const json_t *document)
{
	g_autoptr(berth_volume) volume = berth_document_parse(&berth_volume_document, document, NULL);

	if (volume && !volume->pending && !volume->removing) {
		struct listed *listed = g_new0(struct listed, 1);
		listed->volume = g_steal_pointer(&volume);
		g_ptr_array_add(data, listed);
	}
	return true;
}

static GPtrArray *read_all(struct berth_engine *engine, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(listed_free);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction || !berth_record_each(transaction, BERTH_RECORD_VOLUME, take, all, error))
		return NULL;
	for (guint i = 0; i < all->len; i++) {
		struct listed *listed = all->pdata[i];
		g_auto(GStrv) users = berth_record_users(transaction, BERTH_RECORD_VOLUME, listed->volume->name, error);
		if (!users)
			return NULL;
		listed->users = g_strv_length(users);
	}
	return g_steal_pointer(&all);
}

// What plugins have that was not made here.
static void add_foreign(struct berth_engine *engine, GPtrArray *all)
{
	g_autoptr(GPtrArray) foreign = berth_volumes_foreign(engine->volumes);
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < all->len; i++)
		g_hash_table_add(known, ((struct listed *) all->pdata[i])->volume->name);
	for (guint i = 0; i < foreign->len; i++) {
		struct berth_volume *volume = foreign->pdata[i];
		if (!g_hash_table_add(known, volume->name)) {
			berth_volume_free(volume);
			continue;
		}
		struct listed *listed = g_new0(struct listed, 1);
		listed->volume = volume;
		g_ptr_array_add(all, listed);
	}
}

static bool is_true(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

// NULL: not given, else whether it asks for what is true.
static bool read_switch(GHashTable *filters, const char *name, bool fallback, bool *ret, GError **error)
{
	char *const *values = berth_engine__filter(filters, name);

	*ret = fallback;
	if (!values)
		return true;
	*ret = is_true(values[0]);
	return *ret || strcmp(values[0], "false") == 0 || strcmp(values[0], "0") == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter '%s=[%s]'", name, values[0]);
}

static bool any(char *const *values, const char *text, bool part)
{
	for (; *values; values++)
		if (part ? strstr(text, *values) != NULL : strcmp(text, *values) == 0)
			return true;
	return false;
}

static bool passes(const struct listed *listed, GHashTable *filters)
{
	const struct berth_volume *volume = listed->volume;
	char *const *values;

	if ((values = berth_engine__filter(filters, "name")) && !any(values, volume->name, true))
		return false;
	if ((values = berth_engine__filter(filters, "driver")) && !any(values, volume->driver, false))
		return false;
	if ((values = berth_engine__filter(filters, "dangling")) && is_true(values[0]) != (listed->users == 0))
		return false;
	return berth_engine__labels_pass(filters, volume->labels);
}

// Of what lies on this host, mounted or not at all; -1: it is not known.
static int64_t size_of(struct berth_engine *engine, const struct berth_volume *volume)
{
	int64_t bytes;

	if (strcmp(volume->driver, berth_volume_local.name) != 0)
		return -1;
	g_autofree char *path = berth_volume_local.path(engine->volumes, volume, NULL);
	berth_fd folder = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	return folder >= 0 && berth_volume_usage(folder, &bytes, NULL) ? bytes : -1;
}

GPtrArray *berth_engine_volume_list(struct berth_engine *engine, GHashTable *filters, bool size, GError **error)
{
	static const char *const known[] = {"dangling", "driver", "label", "label!", "name", NULL};
	bool dangling;

	if (!berth_filters_check(filters, known, error) || !read_switch(filters, "dangling", false, &dangling, error))
		return NULL;
	g_autoptr(GPtrArray) all = read_all(engine, error);
	if (!all)
		return NULL;
	add_foreign(engine, all);
	GPtrArray *list = g_ptr_array_new();
	for (guint i = 0; i < all->len; i++) {
		const struct listed *listed = all->pdata[i];
		if (!passes(listed, filters))
			continue;
		struct api_volume *volume = describe(engine, listed->volume, false);
		if (size) {
			volume->usage = berth_document_new(&api_volume_usage_document);
			volume->usage->size = size_of(engine, listed->volume);
			volume->usage->ref_count = listed->users;
		}
		g_ptr_array_add(list, volume);
	}
	return list;
}

static bool make_name(char **ret, GError **error)
{
	uint8_t bytes[32];
	g_autoptr(GString) name = g_string_new(NULL);

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes)
		return berth_error_set_errno(error, errno, "making a volume's name");
	for (size_t i = 0; i < sizeof bytes; i++)
		g_string_append_printf(name, "%02x", bytes[i]);
	*ret = g_string_free(g_steal_pointer(&name), FALSE);
	return true;
}

struct api_volume *berth_engine_volume_create(struct berth_engine *engine, const struct api_volume_create *create,
					      GError **error)
{
	g_autofree char *made_up = NULL;
	bool named = create->name && *create->name;

	if (create->cluster_volume_spec) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"ClusterVolumeSpec: volumes of a cluster are not in this version");
		return NULL;
	}
	if (!named && !make_name(&made_up, error))
		return NULL;
	const struct berth_volume_wish wish = {
		.name = named ? create->name : made_up,
		.driver = create->driver,
		.options = create->driver_opts,
		.labels = create->labels,
		.anonymous = !named,
	};
	berth_volume_lock(engine->volumes, wish.name);
	g_autoptr(berth_volume) volume = berth_engine__volume_ensure(engine, &wish, error);
	berth_volume_unlock(engine->volumes, wish.name);
	return volume ? describe(engine, volume, true) : NULL;
}

struct api_volume *berth_engine_volume_inspect(struct berth_engine *engine, const char *name, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(berth_volume) volume = berth_engine__volume_get(engine, name, &failure);

	if (!volume && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		volume = berth_volumes_foreign_find(engine->volumes, name);
	if (volume)
		return describe(engine, volume, true);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

// The volume's plugin is gone, and cannot be told.
static bool is_unreachable(const struct berth_volume *volume, const GError *failure)
{
	return strcmp(volume->driver, berth_volume_local.name) != 0 &&
	       (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) ||
		g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE));
}

bool berth_engine_volume_remove(struct berth_engine *engine, const char *name, bool force, GError **error)
{
	g_autoptr(GError) failure = NULL;

	berth_volume_lock(engine->volumes, name);
	g_autoptr(berth_volume) volume = berth_engine__volume_get(engine, name, &failure);
	g_autoptr(berth_volume) foreign = volume ? NULL : berth_volumes_foreign_find(engine->volumes, name);
	if (foreign) { // it gets a record, as one that is used, so that its removal is like any other's
		g_clear_error(&failure);
		volume = berth_engine__volume_ensure(engine, &(struct berth_volume_wish){.name = name}, &failure);
	}
	bool removed = volume && berth_engine__volume_remove_locked(engine, name, &failure);
	if (!removed && volume && force && is_unreachable(volume, failure)) {
		g_clear_error(&failure);
		removed = berth_engine__volume_forget(engine, name, &failure);
	}
	berth_volume_unlock(engine->volumes, name);
	if (removed || (force && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)))
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&failure), volume ? "remove %s: " : "%.0s", name);
	return false;
}

struct api_volume_prune_report *berth_engine_volume_prune(struct berth_engine *engine, GHashTable *filters, bool all,
							  GError **error)
{
	static const char *const known[] = {"all", "label", "label!", NULL};
	g_autoptr(GStrvBuilder) deleted = g_strv_builder_new();
	int64_t reclaimed = 0;

	if (!berth_filters_check(filters, known, error) || !read_switch(filters, "all", all, &all, error))
		return NULL;
	g_autoptr(GPtrArray) volumes = read_all(engine, error);
	if (!volumes)
		return NULL;
	for (guint i = 0; i < volumes->len; i++) {
		const struct listed *listed = volumes->pdata[i];
		if (listed->users > 0 || (!all && !listed->volume->anonymous) ||
		    !berth_engine__labels_pass(filters, listed->volume->labels))
			continue;
		g_autoptr(GError) failure = NULL;
		int64_t size = size_of(engine, listed->volume);
		// One that came into use meanwhile stays.
		if (berth_engine_volume_remove(engine, listed->volume->name, false, &failure)) {
			g_strv_builder_add(deleted, listed->volume->name);
			reclaimed += MAX(size, 0);
		} else if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CONFLICT) &&
			   !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_warning("volume prune: %s", failure->message);
		}
	}
	if (!berth_engine_tell_prune(engine, "volume", reclaimed, error))
		return NULL;
	struct api_volume_prune_report *report = berth_document_new(&api_volume_prune_report_document);
	report->volumes_deleted = g_strv_builder_end(deleted);
	report->space_reclaimed = reclaimed;
	return report;
}
