// SPDX-License-Identifier: Apache-2.0
// Layers on their way: a step's snapshot is frozen as soon as the step has ended, so that the next one can stand on it;
// its archive is written into a blob that nobody sees. What is lasting is made so for all of them at once, with one
// sync (berth_store_settle()). A crash before that leaves nothing: such snapshots and blobs are swept at start.
#include "build/solve/layer.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "build/solve/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define ID_BYTES 32

struct berth_build_layer *berth_build_layer_ref(struct berth_build_layer *layer)
{
	if (layer)
		g_atomic_int_inc(&layer->references);
	return layer;
}

void berth_build_layer_unref(struct berth_builder *builder, struct berth_build_layer *layer)
{
	while (layer && g_atomic_int_dec_and_test(&layer->references)) {
		struct berth_build_layer *below = layer->below;
		if (layer->leftover)
			berth_snapshot_remove(berth_store_snapshots(builder->store), layer->leftover, NULL);
		if (layer->archive)
			berth_ingest_abort(layer->archive, false);
		g_free(layer->chain_id);
		g_free(layer->diff_id);
		g_free(layer->digest);
		g_free(layer->key);
		g_free(layer->description);
		g_free(layer->parent_key);
		g_free(layer->alias);
		g_free(layer->snapshot);
		g_free(layer->leftover);
		g_clear_error(&layer->failure);
		g_free(layer);
		layer = below;
	}
}

struct berth_build_layer *berth_build_layer_new(struct berth_build_layer *below, const struct berth_image_layer *from)
{
	struct berth_build_layer *layer = g_new0(struct berth_build_layer, 1);

	layer->references = 1;
	layer->below = berth_build_layer_ref(below);
	layer->chain_id = g_strdup(from->chain_id);
	layer->diff_id = g_strdup(from->diff_id);
	layer->digest = g_strdup(from->digest);
	layer->snapshot = g_strdup(from->chain_id);
	layer->size = from->size;
	return layer;
}

struct berth_build_layer *berth_build_layers_of(const GPtrArray *layers)
{
	struct berth_build_layer *top = NULL;

	for (guint i = 0; i < layers->len; i++) {
		struct berth_build_layer *next = berth_build_layer_new(top, layers->pdata[i]);
		if (top)
			g_atomic_int_add(&top->references, -1); // `next` holds it now
		top = next;
	}
	return top;
}

unsigned berth_build_layer_depth(const struct berth_build_layer *layer)
{
	unsigned depth = 0;

	for (; layer; layer = layer->below)
		depth++;
	return depth;
}

static char *new_id(GError **error)
{
	uint8_t bytes[ID_BYTES];
	GString *id = g_string_sized_new(2 * sizeof bytes + 1);

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
		g_string_free(id, TRUE);
		berth_error_set_errno(error, errno, "ask for random bytes");
		return NULL;
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		g_string_append_printf(id, "%02x", bytes[i]);
	return g_string_free(id, FALSE);
}

char *berth_build_layer_prepare(struct berth_builder *builder, struct berth_build_layer *below, GError **error)
{
	g_autofree char *id = new_id(error);
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->naming);

	if (!id ||
	    !berth_snapshot_prepare(berth_store_snapshots(builder->store), id, below ? below->snapshot : NULL, error))
		return NULL;
	BERTH_FAILPOINT("build.step.prepared");
	return g_steal_pointer(&id);
}

int berth_build_layer_mount(struct berth_builder *builder, struct berth_build_layer *layer, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->naming);
	int tree = -1;

	return berth_snapshot_mount(berth_store_snapshots(builder->store), layer->snapshot, &tree, error) ? tree : -1;
}

// SOURCE_DATE_EPOCH: nothing in the folder (with all below it) is younger.
static bool clamp(int folder, int64_t epoch, unsigned depth, GError **error)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = epoch}};
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct stat status;
	bool good = list != NULL || berth_error_set_errno(error, errno, "list a folder");

	if (!list)
		berth_fd_clear(&copy);
	for (struct dirent *entry; good && (errno = 0, entry = readdir(list));) {
		const char *name = entry->d_name;
		if (g_str_equal(name, ".") || g_str_equal(name, ".."))
			continue;
		if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			good = berth_error_set_errno(error, errno, "stat %s", name);
		else if (S_ISDIR(status.st_mode)) {
			berth_fd inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
			if (depth >= BERTH_LIMIT_ARCHIVE_DEPTH)
				good = berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
						       "folders are nested deeper than %d", BERTH_LIMIT_ARCHIVE_DEPTH);
			else
				good = inner < 0 ? berth_error_set_errno(error, errno, "open %s", name)
						 : clamp(inner, epoch, depth + 1, error);
		} else if (status.st_mtim.tv_sec >= epoch && utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) < 0)
			good = berth_error_set_errno(error, errno, "set the time of %s", name);
	}
	if (good && errno)
		good = berth_error_set_errno(error, errno, "list a folder");
	if (list)
		closedir(list);
	if (good && (fstat(folder, &status) < 0 || (status.st_mtim.tv_sec >= epoch && futimens(folder, times) < 0)))
		good = berth_error_set_errno(error, errno, "set the time of a folder");
	return good;
}

static bool clamp_snapshot(struct berth_snapshots *snapshots, const char *id, int64_t epoch, GError **error)
{
	berth_fd content = epoch < 0 ? -1 : berth_snapshot_open_content(snapshots, id, error);

	return epoch < 0 || (content >= 0 && clamp(content, epoch, 0, error));
}

static bool archive(struct berth_building *building, const char *id, struct berth_layer_archive *ret, GError **error)
{
	struct berth_builder *builder = building->builder;
	struct berth_snapshots *snapshots = berth_store_snapshots(builder->store);
	struct berth_snapshot_trees trees;

	pthread_mutex_lock(&builder->naming); // its parent may be about to get its lasting name
	bool good = berth_snapshot_trees_open(snapshots, id, &trees, error);
	pthread_mutex_unlock(&builder->naming);
	if (!good)
		return false;
	good = berth_layer_archive_write(builder->store, building->lease, &trees, ret, error);
	berth_snapshot_trees_clear(&trees);
	return good;
}

static struct berth_build_layer *new_layer(struct berth_build_layer *below, const char *id,
					   const struct berth_layer_archive *archive,
					   const struct berth_build_made_by *by)
{
	struct berth_build_layer *layer = g_new0(struct berth_build_layer, 1);

	layer->references = 1;
	layer->below = berth_build_layer_ref(below);
	layer->diff_id = g_strdup(archive->diff.diff_id);
	layer->digest = g_strdup(archive->diff.digest);
	layer->chain_id = berth_image_chain_id(below ? below->chain_id : NULL, layer->diff_id);
	layer->size = archive->diff.bytes;
	layer->created = by->epoch >= 0 ? by->epoch * 1000000000 : berth_moment_now();
	layer->key = g_strdup(by->key);
	layer->parent_key = g_strdup(by->parent_key);
	layer->alias = g_strdup(by->alias);
	layer->description = g_strdup(by->description);
	layer->snapshot = g_strdup(id);
	layer->archive = archive->ingest;
	return layer;
}

// `naming` is held.
static bool check(const struct berth_build_layer *top, GError **error)
{
	for (; top; top = top->below)
		if (top->failure) {
			g_propagate_prefixed_error(error, g_error_copy(top->failure),
						   "a layer of the build could not be stored: ");
			return false;
		}
	return true;
}

bool berth_build_layer_check(struct berth_builder *builder, const struct berth_build_layer *top, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->naming);

	return check(top, error);
}

// From here on others find it.
static bool announce(struct berth_builder *builder, struct berth_build_layer *layer, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->naming);

	if (!check(layer->below, error)) {
		layer->leftover = g_strdup(layer->snapshot);
		return false;
	}
	g_ptr_array_add(builder->pending, berth_build_layer_ref(layer));
	g_hash_table_replace(builder->fresh, layer->key, layer);
	return true;
}

struct berth_build_layer *berth_build_layer_finish(struct berth_building *building, struct berth_build_layer *below,
						   const char *id, const struct berth_build_made_by *by, GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(building->builder->store);
	struct berth_layer_archive written = {.ingest = NULL};
	bool good = true;

	if (berth_build_layer_depth(below) >= BERTH_LIMIT_LAYERS)
		good = berth_error_set(error, BERTH_ERROR_INVALID, "max depth exceeded: more than %d layers",
				       BERTH_LIMIT_LAYERS);
	if (good && clamp_snapshot(snapshots, id, by->epoch, error) && berth_snapshot_freeze(snapshots, id, error)) {
		BERTH_FAILPOINT("build.step.frozen");
		if (archive(building, id, &written, error)) {
			struct berth_build_layer *layer = new_layer(below, id, &written, by);
			BERTH_FAILPOINT("build.step.archived");
			berth_lease_add(building->lease, BERTH_RECORD_SNAPSHOT, layer->chain_id);
			if (announce(building->builder, layer, error))
				return layer;
			berth_build_layer_unref(building->builder, layer);
			return NULL;
		}
	}
	berth_snapshot_remove(snapshots, id, NULL);
	return NULL;
}

struct settling {
	GPtrArray *layers;
};

static bool put_records(void *data, struct berth_transaction *transaction, GError **error)
{
	const struct settling *this = data;

	for (guint i = 0; i < this->layers->len; i++)
		if (!berth_build_cache_put(transaction, this->layers->pdata[i], error))
			return false;
	return true;
}

// `naming` is held.
static bool settle(struct berth_builder *builder, GPtrArray *pending, GError **error)
{
	g_autofree struct berth_settle_layer *layers = g_new0(struct berth_settle_layer, pending->len);
	g_autofree struct berth_ingest **ingests = g_new0(struct berth_ingest *, pending->len);
	struct settling this = {pending};
	size_t ingest_count = 0;

	for (guint i = 0; i < pending->len; i++) {
		struct berth_build_layer *layer = pending->pdata[i];
		layers[i].id = layer->snapshot;
		layers[i].parent = layer->below ? layer->below->chain_id : NULL;
		layers[i].chain_id = layer->chain_id;
		if (layer->archive)
			ingests[ingest_count++] = g_steal_pointer(&layer->archive);
	}
	GError *failure = NULL;
	bool good = berth_store_settle(builder->store, ingests, ingest_count, layers, pending->len, put_records, &this,
				       &failure);
	for (guint i = 0; i < pending->len; i++) {
		struct berth_build_layer *layer = pending->pdata[i];
		if (!good)
			layer->failure = g_error_copy(failure);
		if (!good || layers[i].exists)
			layer->leftover = g_strdup(layer->snapshot);
		if (good) {
			g_free(layer->snapshot);
			layer->snapshot = g_strdup(layer->chain_id);
		}
	}
	if (!good)
		g_propagate_error(error, failure);
	return good;
}

bool berth_builder_settle(struct berth_builder *builder, GError **error)
{
	pthread_mutex_lock(&builder->naming);
	bool some = builder->pending->len > 0;
	pthread_mutex_unlock(&builder->naming);
	if (!some)
		return true;
	// Most is written while others can go on.
	if (syncfs(builder->work) < 0)
		return berth_error_set_errno(error, errno, "sync the layers of builds");
	pthread_mutex_lock(&builder->naming);
	GPtrArray *pending = builder->pending;
	builder->pending = g_ptr_array_new();
	bool good = pending->len == 0 || settle(builder, pending, error);
	for (guint i = 0; i < pending->len; i++) {
		struct berth_build_layer *layer = pending->pdata[i];
		if (g_hash_table_lookup(builder->fresh, layer->key) == layer)
			g_hash_table_remove(builder->fresh, layer->key);
	}
	pthread_mutex_unlock(&builder->naming);
	for (guint i = pending->len; i > 0; i--)
		berth_build_layer_unref(builder, pending->pdata[i - 1]);
	g_ptr_array_unref(pending);
	return good;
}
