// SPDX-License-Identifier: Apache-2.0
// Cache mounts: named folders that outlive builds, <data root>/build/mounts/<digest of the name>[-N]/fs. The name never
// becomes a path. A record of kind "build-mount" says what a folder is for. Who runs a step holds its folder: "shared"
// beside others, "locked" alone, "private" another folder than anybody else.
#include "build/solve/cache-mount.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/moment.h"
#include "build/solve/events.h"
#include "store/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define VERSION 1
#define NAMESPACE_ARGUMENT "BUILDKIT_CACHE_MOUNT_NS"
#define MODE 0755
#define EXCLUSIVE (-1) // in builder->held
#define ASK_NANOSECONDS 50000000
#define VARIANTS 1024

static const struct berth_field record_fields[] = {
	BERTH_INT64(struct berth_cache_mount_record, version, "version", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_mount_record, name, "name", BERTH_REQUIRED),
	BERTH_STRING(struct berth_cache_mount_record, description, "description", 0),
	BERTH_INT64(struct berth_cache_mount_record, created, "created", 0),
	BERTH_INT64(struct berth_cache_mount_record, used, "used", 0),
	BERTH_INT64(struct berth_cache_mount_record, count, "count", 0),
	{0},
};
const struct berth_document berth_cache_mount_record_document = {
	"cache mount record", sizeof(struct berth_cache_mount_record), record_fields};

char *berth_cache_mount_name(const char *id, const char *space)
{
	g_autoptr(berth_build_key) key = berth_build_key_new("cache mount");

	berth_build_key_add(key, "namespace", space);
	berth_build_key_add(key, "id", id);
	g_autofree char *digest = berth_build_key_end(key);
	return g_strdup(strchr(digest, ':') + 1);
}

bool berth_cache_mount_check_id(const char *id, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(id, "/", -1);

	return !g_strv_contains((const char *const *) parts, "..") ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid id \"%s\" of a cache mount: it has \"..\"", id);
}

// `holding` is held. 0 if nobody has it.
static int users_of(struct berth_builder *builder, const char *name)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(builder->held, name));
}

static void set_users(struct berth_builder *builder, const char *name, int users)
{
	if (users == 0)
		g_hash_table_remove(builder->held, name);
	else
		g_hash_table_replace(builder->held, g_strdup(name), GINT_TO_POINTER(users));
}

static bool take(struct berth_builder *builder, const char *name, enum berth_dockerfile_sharing sharing)
{
	int users = users_of(builder, name);

	if (users == EXCLUSIVE || (users > 0 && sharing != BERTH_DOCKERFILE_SHARED))
		return false;
	set_users(builder, name, sharing == BERTH_DOCKERFILE_SHARED ? users + 1 : EXCLUSIVE);
	return true;
}

static bool take_private(struct berth_builder *builder, const char *name, char **ret)
{
	for (unsigned i = 0; i < VARIANTS; i++) {
		g_autofree char *variant = i == 0 ? g_strdup(name) : g_strdup_printf("%s-%u", name, i);
		if (!take(builder, variant, BERTH_DOCKERFILE_PRIVATE))
			continue;
		*ret = g_steal_pointer(&variant);
		return true;
	}
	return false;
}

static void give_back(struct berth_builder *builder, const char *name)
{
	int users = users_of(builder, name);

	set_users(builder, name, users == EXCLUSIVE ? 0 : users - 1);
	pthread_cond_broadcast(&builder->released);
}

// All of them or none. `holding` is held.
static bool take_all(struct berth_builder *builder, GArray *uses)
{
	for (guint i = 0; i < uses->len; i++) {
		struct berth_cache_mount_use *use = &g_array_index(uses, struct berth_cache_mount_use, i);
		if (use->sharing == BERTH_DOCKERFILE_PRIVATE ? take_private(builder, use->name, &use->held)
							     : take(builder, use->name, use->sharing)) {
			if (use->sharing != BERTH_DOCKERFILE_PRIVATE)
				use->held = g_strdup(use->name);
			continue;
		}
		while (i-- > 0) {
			use = &g_array_index(uses, struct berth_cache_mount_use, i);
			give_back(builder, use->held);
			g_clear_pointer(&use->held, g_free);
		}
		return false;
	}
	return true;
}

bool berth_cache_mounts_hold(struct berth_building *building, GArray *uses, GError **error)
{
	struct berth_builder *builder = building->builder;
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	while (!take_all(builder, uses)) {
		berth_cond_wait_for(&builder->released, &builder->holding, ASK_NANOSECONDS);
		if (!berth_building_check(building, error))
			return false;
	}
	return true;
}

bool berth_cache_mount_take(struct berth_builder *builder, const char *name)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	return take(builder, name, BERTH_DOCKERFILE_LOCKED);
}

bool berth_cache_mount_is_held(struct berth_builder *builder, const char *name)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	return users_of(builder, name) != 0;
}

void berth_cache_mount_release(struct berth_builder *builder, const char *name)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	give_back(builder, name);
}

bool berth_cache_mount_note(struct berth_builder *builder, const char *name, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(builder->store), error);
	g_autoptr(GError) local = NULL;

	if (!transaction)
		return false;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_BUILD_MOUNT, name, &local);
	g_autoptr(berth_cache_mount_record) record =
		json ? berth_document_parse(&berth_cache_mount_record_document, json, error) : NULL;
	if (json && !record)
		return false;
	if (!record) {
		record = berth_document_new(&berth_cache_mount_record_document);
		record->version = VERSION;
		record->name = g_strdup(id);
		record->description = g_strdup_printf("cached mount %s", id);
		record->created = berth_moment_now();
	}
	record->used = berth_moment_now();
	record->count++;
	return berth_record_put_document(transaction, BERTH_RECORD_BUILD_MOUNT, name, NULL,
					 &berth_cache_mount_record_document, record, NULL, 0, error) &&
	       berth_transaction_commit(transaction, error);
}

static bool fill(int folder, const struct berth_dockerfile_mount *mount, struct berth_build_tree *tree, GError **error)
{
	berth_fd fs = -1, from = -1;

	if (mkdirat(folder, "fs", MODE) < 0 ||
	    (fs = openat(folder, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make the folder of a cache mount");
	if (tree) {
		berth_fd path = berth_build_tree_open_path(tree, mount->source ? mount->source : "", error);
		g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", path);
		if (path < 0)
			return false;
		if ((from = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			return berth_error_set_errno(error, errno, "open the source of a cache mount");
		if (!berth_tree_copy(from, fs, error))
			return false;
	}
	mode_t mode = mount->has_mode ? mount->mode & 07777 : MODE;
	if (fchown(fs, mount->has_uid ? mount->uid : 0, mount->has_gid ? mount->gid : 0) < 0 ||
	    ((mount->has_mode || !tree) && fchmod(fs, mode) < 0))
		return berth_error_set_errno(error, errno, "set the owner of a cache mount");
	return true;
}

// Made whole under another name, which is swept at start.
static bool make(struct berth_builder *builder, const char *name, const struct berth_dockerfile_mount *mount,
		 struct berth_build_tree *tree, GError **error)
{
	g_autofree char *fresh = g_strconcat(BERTH_CACHE_MOUNT_NEW, name, NULL);
	berth_fd folder = -1;

	// A removal that did not come to its end may have left it.
	if (!berth_remove_tree_at(builder->mounts, fresh, error))
		return false;
	if (mkdirat(builder->mounts, fresh, 0700) < 0 ||
	    (folder = openat(builder->mounts, fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make the folder of a cache mount");
	if (fill(folder, mount, tree, error)) {
		BERTH_FAILPOINT("build.mount.filled");
		if (renameat(builder->mounts, fresh, builder->mounts, name) == 0)
			return true;
		berth_error_set_errno(error, errno, "rename the folder of a cache mount");
	}
	berth_remove_tree_at(builder->mounts, fresh, NULL);
	return false;
}

static int open_folder(struct berth_builder *builder, const char *name, const char *id,
		       const struct berth_dockerfile_mount *mount, struct berth_build_tree *tree, GError **error)
{
	g_autofree char *path = g_strconcat(name, "/fs", NULL);
	struct stat status;
	bool good = true;

	{ // two that share it make it once
		BERTH_AUTO_UNLOCK locker = berth_lock(&builder->making);
		if (fstatat(builder->mounts, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			good = berth_cache_mount_note(builder, name, id, error) &&
			       make(builder, name, mount, tree, error);
		else
			good = berth_cache_mount_note(builder, name, id, error);
	}
	if (!good)
		return -1;
	int fd = openat(builder->mounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		berth_error_set_errno(error, errno, "open the folder of cache mount %s", id);
	return fd;
}

// The use of this name in the step, a new one if there is none.
static struct berth_cache_mount_use *find_use(GArray *uses, const char *name)
{
	struct berth_cache_mount_use *use;

	for (guint i = 0; i < uses->len; i++) {
		use = &g_array_index(uses, struct berth_cache_mount_use, i);
		if (g_str_equal(use->name, name))
			return use;
	}
	const struct berth_cache_mount_use fresh = {g_strdup(name), BERTH_DOCKERFILE_SHARED, NULL};
	g_array_append_val(uses, fresh);
	return &g_array_index(uses, struct berth_cache_mount_use, uses->len - 1);
}

static char *name_of(const struct berth_building *building, const char *id)
{
	GHashTable *arguments = building->request->arguments;

	return berth_cache_mount_name(id, arguments ? g_hash_table_lookup(arguments, NAMESPACE_ARGUMENT) : NULL);
}

bool berth_cache_mounts_want(const struct berth_building *building, GArray *uses, const char *id,
			     enum berth_dockerfile_sharing sharing, GError **error)
{
	g_autofree char *name = name_of(building, id);

	if (!berth_cache_mount_check_id(id, error))
		return false;
	struct berth_cache_mount_use *use = find_use(uses, name);
	if (use->sharing == BERTH_DOCKERFILE_SHARED || sharing == BERTH_DOCKERFILE_LOCKED)
		use->sharing = sharing;
	return true;
}

int berth_cache_mount_open(struct berth_building *building, GArray *uses, const char *id,
			   const struct berth_dockerfile_mount *mount, struct berth_build_tree *tree, GError **error)
{
	g_autofree char *name = name_of(building, id);

	return open_folder(building->builder, find_use(uses, name)->held, id, mount, tree, error);
}

void berth_cache_mounts_release(struct berth_builder *builder, GArray *uses)
{
	for (guint i = 0; i < uses->len; i++) {
		struct berth_cache_mount_use *use = &g_array_index(uses, struct berth_cache_mount_use, i);
		if (use->held)
			berth_cache_mount_release(builder, use->held);
		g_free(use->held);
		g_free(use->name);
	}
	g_array_unref(uses);
}

bool berth_cache_mount_remove(struct berth_builder *builder, const char *name, GError **error)
{
	g_autofree char *gone = g_strconcat(BERTH_CACHE_MOUNT_NEW, name, NULL);

	if (!berth_remove_tree_at(builder->mounts, gone, error)) // of a removal before
		return false;
	{
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(builder->store), error);
		if (!transaction || !berth_record_remove(transaction, BERTH_RECORD_BUILD_MOUNT, name, error))
			return false;
		if (renameat(builder->mounts, name, builder->mounts, gone) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "remove the folder of a cache mount");
		BERTH_FAILPOINT("build.mount.detached");
		if (!berth_transaction_commit(transaction, error))
			return false;
	}
	return berth_remove_tree_at(builder->mounts, gone, error);
}

// What lies deeper than an archive could bring out is not counted: a step nests folders as deep as it likes.
static void add_sizes(int folder, unsigned depth, int64_t *size)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct stat status;

	if (!list) {
		berth_fd_clear(&copy);
		return;
	}
	for (struct dirent *entry; (entry = readdir(list));) {
		const char *name = entry->d_name;
		if (g_str_equal(name, ".") || g_str_equal(name, "..") ||
		    fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(status.st_mode)) {
			*size += status.st_size;
			continue;
		}
		berth_fd inner = -1;
		if (depth < BERTH_LIMIT_ARCHIVE_DEPTH)
			inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (inner >= 0)
			add_sizes(inner, depth + 1, size);
	}
	closedir(list);
}

int64_t berth_cache_mount_size(struct berth_builder *builder, const char *name)
{
	g_autofree char *path = g_strconcat(name, "/fs", NULL);
	berth_fd folder = openat(builder->mounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int64_t size = 0;

	if (folder >= 0)
		add_sizes(folder, 0, &size);
	return size;
}

// What a crash left half-made or half-removed, and folders that no record knows.
bool berth_cache_mounts_sweep(struct berth_builder *builder, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int copy = openat(builder->mounts, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);

	if (!list) {
		berth_fd_clear(&copy);
		return berth_error_set_errno(error, errno, "list the cache mounts");
	}
	for (struct dirent *entry; (entry = readdir(list));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(list);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(builder->store), error);
	if (!transaction)
		return false;
	for (guint i = 0; i < names->len; i++) {
		BERTH_AUTO_JSON json_t *record =
			berth_record_get(transaction, BERTH_RECORD_BUILD_MOUNT, names->pdata[i], NULL);
		if (!record && !berth_remove_tree_at(builder->mounts, names->pdata[i], error))
			return false;
	}
	return true;
}
