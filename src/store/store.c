// SPDX-License-Identifier: Apache-2.0
// Leases and collection. What keeps collection from taking what is about to be used:
//
// - What is committed while a lease lives is added to every lease that lives then: a caller that holds a lease around
//   its work needs to know no digest beforehand.
// - What is released while a collection runs is kept until that collection ends: a record that was committed behind
//   the collector's back named only what a lease held.
// - The collector removes one object at a time, and looks at the leases anew before each, in one step with the removal.
//   Who leases an object afterwards and looks for it finds it gone.
//
// Locks: `collecting`, then the database's, then `lock`, under which nothing else is taken: leases may be taken and
// released within a transaction.
#include "store/store.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

struct berth_store {
	char *root;
	int lock_fd;
	struct berth_database *database;
	struct berth_blobs *blobs;
	struct berth_snapshots *snapshots;
	pthread_mutex_t collecting; // one collection at a time
	pthread_mutex_t lock; // of what follows, and of the leases
	GPtrArray *leases; // those that live; not owned
	struct berth_lease *collector; // the running collection's, or NULL
};

struct berth_lease {
	struct berth_store *store;
	GHashTable *keys; // "blob sha256:…"
};

static char *key_of(const char *kind, const char *id)
{
	return g_strconcat(kind, " ", id, NULL);
}

static void follow_commit(void *data, const char *kind, const char *id)
{
	struct berth_store *store = data;

	pthread_mutex_lock(&store->lock);
	for (guint i = 0; i < store->leases->len; i++)
		g_hash_table_add(((struct berth_lease *) store->leases->pdata[i])->keys, key_of(kind, id));
	pthread_mutex_unlock(&store->lock);
}

static bool take_root(struct berth_store *store, GError **error)
{
	g_autofree char *lock = g_build_filename(store->root, "lock", NULL);
	g_autofree char *above = g_path_get_dirname(store->root);

	if (g_mkdir_with_parents(above, 0755) < 0 || (mkdir(store->root, 0711) < 0 && errno != EEXIST) ||
	    chmod(store->root, 0711) < 0)
		return berth_error_set_errno(error, errno, "make the data root %s", store->root);
	store->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return berth_error_set_errno(error, errno, "open %s", lock);
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "the data root %s is in use by another engine; stop it or choose another root",
				       store->root);
	return berth_error_set_errno(error, errno, "lock %s", lock);
}

static void note_active(void *data, const char *id, const char *parent, bool committed)
{
	(void) parent;
	if (!committed)
		g_ptr_array_add(data, g_strdup(id));
}

static bool sweep_round(struct berth_store *store, GPtrArray *active, bool *ret_removed, GError **error)
{
	*ret_removed = false;
	for (guint i = active->len; i > 0; i--) {
		g_autoptr(GError) local = NULL;
		if (berth_snapshot_remove(store->snapshots, active->pdata[i - 1], &local)) {
			*ret_removed = true;
			g_ptr_array_remove_index(active, i - 1);
		} else if (!g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT)) {
			g_propagate_error(error, g_steal_pointer(&local));
			return false;
		}
	}
	return true;
}

// Removes the writable snapshots that no record names: nobody can be working on them at start.
static bool sweep_active(struct berth_store *store, GError **error)
{
	g_autoptr(GPtrArray) active = g_ptr_array_new_with_free_func(g_free);
	{
		g_autoptr(berth_transaction) transaction = berth_transaction_begin(store->database, error);
		if (!transaction || !berth_snapshots_each(store->snapshots, transaction, note_active, active, error))
			return false;
	}
	// Frozen ones may stand on each other: what has none on it any more goes in the next round.
	for (bool removed = true; removed && active->len > 0;)
		if (!sweep_round(store, active, &removed, error))
			return false;
	return true;
}

struct berth_store *berth_store_open(const char *data_root, const char *snapshot_driver, GError **error)
{
	struct berth_store *store = g_new0(struct berth_store, 1);

	store->root = g_strdup(data_root);
	store->lock_fd = -1;
	store->leases = g_ptr_array_new();
	pthread_mutex_init(&store->collecting, NULL);
	pthread_mutex_init(&store->lock, NULL);
	if (take_root(store, error) && (store->database = berth_database_open(data_root, error)) &&
	    (store->blobs = berth_blobs_open(data_root, error)) &&
	    (store->snapshots = berth_snapshots_open(data_root, store->database, snapshot_driver, error)) &&
	    berth_snapshots_sweep(store->snapshots, error) && sweep_active(store, error)) {
		berth_blobs_on_commit(store->blobs, follow_commit, store);
		berth_snapshots_on_commit(store->snapshots, follow_commit, store);
		return store;
	}
	berth_store_free(store);
	return NULL;
}

void berth_store_free(struct berth_store *store)
{
	if (!store)
		return;
	berth_snapshots_free(store->snapshots);
	berth_blobs_free(store->blobs);
	berth_database_free(store->database);
	g_ptr_array_free(store->leases, TRUE);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->collecting);
	berth_fd_clear(&store->lock_fd);
	g_free(store->root);
	g_free(store);
}

struct berth_database *berth_store_database(struct berth_store *store)
{
	return store->database;
}

struct berth_blobs *berth_store_blobs(struct berth_store *store)
{
	return store->blobs;
}

struct berth_snapshots *berth_store_snapshots(struct berth_store *store)
{
	return store->snapshots;
}

const char *berth_store_root(const struct berth_store *store)
{
	return store->root;
}

struct berth_lease *berth_lease_new(struct berth_store *store)
{
	struct berth_lease *lease = g_new(struct berth_lease, 1);

	lease->store = store;
	lease->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	pthread_mutex_lock(&store->lock);
	g_ptr_array_add(store->leases, lease);
	pthread_mutex_unlock(&store->lock);
	return lease;
}

void berth_lease_add(struct berth_lease *lease, const char *kind, const char *id)
{
	pthread_mutex_lock(&lease->store->lock);
	g_hash_table_add(lease->keys, key_of(kind, id));
	pthread_mutex_unlock(&lease->store->lock);
}

static gboolean move_key(void *key, void *value, void *data)
{
	(void) value;
	g_hash_table_add(data, key);
	return TRUE;
}

void berth_lease_release(struct berth_lease *lease)
{
	if (!lease)
		return;
	struct berth_store *store = lease->store;
	pthread_mutex_lock(&store->lock);
	g_ptr_array_remove_fast(store->leases, lease);
	if (store->collector && store->collector != lease)
		g_hash_table_foreach_steal(lease->keys, move_key, store->collector->keys);
	pthread_mutex_unlock(&store->lock);
	g_hash_table_unref(lease->keys);
	g_free(lease);
}

// The lock must be held.
static bool leased(const struct berth_store *store, const char *kind, const char *id)
{
	g_autofree char *key = key_of(kind, id);

	for (guint i = 0; i < store->leases->len; i++)
		if (g_hash_table_contains(((struct berth_lease *) store->leases->pdata[i])->keys, key))
			return true;
	return false;
}

static bool snapshot_leased(void *data, const char *id)
{
	struct berth_store *store = data;

	pthread_mutex_lock(&store->lock);
	bool held = leased(store, "snapshot", id);
	pthread_mutex_unlock(&store->lock);
	return held;
}

struct collection {
	struct berth_store *store;
	GHashTable *blobs; // digests -> size (int64_t); what is reached is taken out
	GHashTable *snapshots; // ids of all snapshots -> parent, or ""
	GHashTable *garbage; // ids of committed snapshots; what is reached is taken out
};

static bool note_blob(void *data, const char *digest, int64_t size)
{
	g_hash_table_insert(data, g_strdup(digest), g_memdup2(&size, sizeof size));
	return true;
}

static void reach_snapshot(struct collection *collection, const char *id)
{
	const char *parent = id;

	// What was reached before has its parents reached too.
	while (parent && *parent && g_hash_table_remove(collection->garbage, parent))
		parent = g_hash_table_lookup(collection->snapshots, parent);
}

static void note_snapshot(void *data, const char *id, const char *parent, bool committed)
{
	struct collection *collection = data;

	g_hash_table_insert(collection->snapshots, g_strdup(id), g_strdup(parent ? parent : ""));
	if (committed)
		g_hash_table_add(collection->garbage, g_strdup(id));
}

static void reach(void *data, const char *kind, const char *id, const struct berth_reference *to)
{
	struct collection *collection = data;

	(void) id;
	if (g_str_equal(to->kind, "blob"))
		g_hash_table_remove(collection->blobs, to->id);
	// A snapshot reaches its parent only if it is reached itself, or is a writable one.
	if (g_str_equal(to->kind, "snapshot") && !g_str_equal(kind, "snapshot"))
		reach_snapshot(collection, to->id);
}

// From what a lease holds, and from the snapshots that are there to stay: the writable ones.
static void reach_from_snapshots(struct collection *collection)
{
	GHashTableIter iter;
	void *id, *parent;

	g_hash_table_iter_init(&iter, collection->snapshots);
	while (g_hash_table_iter_next(&iter, &id, &parent)) {
		if (snapshot_leased(collection->store, id))
			reach_snapshot(collection, id);
		if (!g_hash_table_contains(collection->garbage, id))
			reach_snapshot(collection, parent);
	}
}

static bool find_garbage(struct collection *collection, GError **error)
{
	struct berth_store *store = collection->store;

	// What there is comes first and who needs it second: what is made from now on is not in the list.
	if (!berth_blob_each(store->blobs, note_blob, collection->blobs, error))
		return false;
	{
		g_autoptr(berth_transaction) transaction = berth_transaction_begin(store->database, error);
		if (!transaction ||
		    !berth_snapshots_each(store->snapshots, transaction, note_snapshot, collection, error) ||
		    !berth_references_each(transaction, reach, collection, error))
			return false;
	}
	reach_from_snapshots(collection);
	return true;
}

static int depth_of(const struct collection *collection, const char *id)
{
	int depth = 0;

	while (id && *id) {
		id = g_hash_table_lookup(collection->snapshots, id);
		depth++;
	}
	return depth;
}

static int deepest_first(const void *a, const void *b, void *collection)
{
	return depth_of(collection, *(const char *const *) b) - depth_of(collection, *(const char *const *) a);
}

static bool remove_snapshot(struct berth_store *store, const char *id, struct berth_collected *result, GError **error)
{
	g_autofree char *name = NULL;
	g_autoptr(GError) local = NULL;
	struct berth_usage usage = {0};

	berth_snapshot_usage(store->snapshots, id, &usage, NULL); // one that cannot be read can still be removed
	bool good = berth_snapshot_detach(store->snapshots, id, snapshot_leased, store, &name, &local);
	if (!good && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT)) // somebody began to use it meanwhile
		return true;
	if (!good) {
		g_propagate_error(error, g_steal_pointer(&local));
		return false;
	}
	BERTH_FAILPOINT("store.collect.detached");
	if (!name)
		return true;
	result->snapshots++;
	result->bytes += usage.bytes;
	return berth_snapshots_delete(store->snapshots, name, error);
}

static bool remove_blob(struct berth_store *store, const char *digest, int64_t size, struct berth_collected *result,
			GError **error)
{
	bool good = true;

	pthread_mutex_lock(&store->lock);
	bool held = leased(store, "blob", digest);
	if (!held)
		good = berth_blob_remove(store->blobs, digest, error);
	pthread_mutex_unlock(&store->lock);
	if (held || !good)
		return good;
	BERTH_FAILPOINT("store.collect.unlinked");
	result->blobs++;
	result->bytes += size;
	return true;
}

// Within a transaction: no record that refers to the blob can be written between the question and the removal.
bool berth_store_remove_unused_blob(struct berth_store *store, const char *digest, bool *ret_removed, GError **error)
{
	struct berth_collected removed = {0};
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(store->database, error);
	g_auto(GStrv) users = transaction ? berth_record_users(transaction, "blob", digest, error) : NULL;

	if (!users || (!*users && !remove_blob(store, digest, 0, &removed, error)))
		return false;
	*ret_removed = removed.blobs > 0;
	return true;
}

static bool remove_garbage(struct collection *collection, struct berth_collected *result, GError **error)
{
	struct berth_store *store = collection->store;
	GHashTableIter iter;
	void *digest, *size;
	guint count;
	g_autofree char **ids = (char **) g_hash_table_get_keys_as_array(collection->garbage, &count);

	if (count + g_hash_table_size(collection->blobs) == 0)
		return true;
	// A crash of the machine must not bring back the records whose things are about to go.
	if (!berth_database_sync(store->database, error))
		return false;
	g_qsort_with_data(ids, (int) count, sizeof *ids, deepest_first, collection);
	for (guint i = 0; i < count; i++)
		if (!remove_snapshot(store, ids[i], result, error))
			return false;
	g_hash_table_iter_init(&iter, collection->blobs);
	while (g_hash_table_iter_next(&iter, &digest, &size))
		if (!remove_blob(store, digest, *(int64_t *) size, result, error))
			return false;
	return true;
}

// The collector holds a lease itself, which takes up what is committed and released meanwhile.
static void set_collector(struct berth_store *store, struct berth_lease *lease)
{
	pthread_mutex_lock(&store->lock);
	store->collector = lease;
	pthread_mutex_unlock(&store->lock);
}

bool berth_store_collect(struct berth_store *store, struct berth_collected *ret, GError **error)
{
	struct collection collection = {
		.store = store,
		.blobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.snapshots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.garbage = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	struct berth_collected result = {0};

	pthread_mutex_lock(&store->collecting);
	struct berth_lease *lease = berth_lease_new(store);
	set_collector(store, lease);
	bool good = find_garbage(&collection, error) && remove_garbage(&collection, &result, error);
	set_collector(store, NULL);
	berth_lease_release(lease);
	pthread_mutex_unlock(&store->collecting);

	g_hash_table_unref(collection.blobs);
	g_hash_table_unref(collection.snapshots);
	g_hash_table_unref(collection.garbage);
	if (ret)
		*ret = result;
	return good;
}
