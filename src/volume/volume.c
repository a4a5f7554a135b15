// SPDX-License-Identifier: Apache-2.0
#include "volume/internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/resolve.h"

#include <fcntl.h>
#include <string.h>

#define VOLUME struct berth_volume
static const struct berth_field volume_fields[] = {
	BERTH_INT64(VOLUME, version, "version", BERTH_REQUIRED),
	BERTH_STRING(VOLUME, name, "name", BERTH_REQUIRED),
	BERTH_STRING(VOLUME, driver, "driver", BERTH_REQUIRED),
	BERTH_INT64(VOLUME, created, "created", BERTH_REQUIRED),
	BERTH_BOOL(VOLUME, anonymous, "anonymous", BERTH_OMIT_EMPTY),
	BERTH_STRING(VOLUME, pending, "pending", BERTH_OMIT_EMPTY),
	BERTH_BOOL(VOLUME, made, "made", BERTH_OMIT_EMPTY),
	BERTH_BOOL(VOLUME, removing, "removing", BERTH_OMIT_EMPTY),
	BERTH_MAP(VOLUME, options, "options", BERTH_OMIT_EMPTY),
	BERTH_MAP(VOLUME, labels, "labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(VOLUME, source, "source", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_volume_document = {"volume", sizeof(VOLUME), volume_fields};

static void counted_free(void *data)
{
	struct berth_counted *counted = data;

	berth_volume_free(counted->volume);
	g_hash_table_unref(counted->users);
	g_free(counted);
}

struct berth_volumes *berth_volumes_new(const struct berth_volumes_options *options, struct berth_plugins *plugins,
					GError **error)
{
	int root = berth_open_folder(options->root, true, 0711, error);

	if (root < 0)
		return NULL;
	struct berth_volumes *volumes = g_new0(struct berth_volumes, 1);
	volumes->root = g_strdup(options->root);
	volumes->run_folder = g_strdup(options->run_folder);
	volumes->root_fd = root;
	volumes->plugins = plugins;
	pthread_mutex_init(&volumes->lock, NULL);
	pthread_cond_init(&volumes->unlocked, NULL);
	volumes->busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	volumes->counted = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, counted_free);
	if (berth_volumes__load(volumes, error))
		return volumes;
	berth_volumes_free(volumes);
	return NULL;
}

void berth_volumes_free(struct berth_volumes *volumes)
{
	if (!volumes)
		return;
	g_hash_table_unref(volumes->busy);
	g_hash_table_unref(volumes->counted);
	pthread_cond_destroy(&volumes->unlocked);
	pthread_mutex_destroy(&volumes->lock);
	berth_fd_clear(&volumes->root_fd);
	g_free(volumes->root);
	g_free(volumes->run_folder);
	g_free(volumes);
}

bool berth_volume_name_check(const char *name, GError **error)
{
	size_t length = strlen(name);
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	if (length > BERTH_VOLUME_NAME_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "volume name is too long, names should be at most %d characters",
				       BERTH_VOLUME_NAME_MAX);
	if (length < 2)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"volume name is too short, names should be at least two alphanumeric characters");
	if (g_ascii_isalnum(name[0]) && strspn(name, letters) == length)
		return true;
	g_autofree char *shown = g_utf8_make_valid(name, -1);
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "\"%s\" includes invalid characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
			       "use absolute path",
			       shown);
}

const struct berth_volume_driver *berth_volume_driver_find(struct berth_volumes *volumes, const char *name,
							   GError **error)
{
	if (strcmp(name, berth_volume_local.name) == 0)
		return &berth_volume_local;
	if (volumes->plugins)
		return &berth_volume_remote; // whose check() looks for the plugin
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "error looking up volume plugin %s: plugin \"%s\" not found",
			name, name);
	return NULL;
}

void berth_volume_lock(struct berth_volumes *volumes, const char *name)
{
	pthread_mutex_lock(&volumes->lock);
	while (g_hash_table_contains(volumes->busy, name))
		pthread_cond_wait(&volumes->unlocked, &volumes->lock);
	g_hash_table_add(volumes->busy, g_strdup(name));
	pthread_mutex_unlock(&volumes->lock);
}

void berth_volume_unlock(struct berth_volumes *volumes, const char *name)
{
	pthread_mutex_lock(&volumes->lock);
	g_hash_table_remove(volumes->busy, name);
	pthread_cond_broadcast(&volumes->unlocked);
	pthread_mutex_unlock(&volumes->lock);
}

// Counting

static char *own_folder(const struct berth_volumes *volumes, const char *name)
{
	return g_build_filename(volumes->run_folder, name, NULL);
}

// Writes down that the container uses the volume, before it does.
static bool note_user(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id, GError **error)
{
	g_autofree char *path = g_build_filename(volumes->run_folder, volume->name, "users", NULL);
	g_autofree char *text = berth_document_print_text(&berth_volume_document, volume, 0);
	g_autofree char *own = own_folder(volumes, volume->name);

	berth_fd users = berth_open_folder(path, true, 0700, error);
	berth_fd folder = users < 0 ? -1 : berth_open_folder(own, false, 0, error);
	if (folder < 0 || !berth_write_file_at(folder, "volume.json", text, strlen(text), 0600, false, error) ||
	    !berth_write_file_at(users, id, "", 0, 0600, false, error))
		return false;
	pthread_mutex_lock(&volumes->lock);
	struct berth_counted *counted = g_hash_table_lookup(volumes->counted, volume->name);
	if (!counted) {
		counted = g_new0(struct berth_counted, 1);
		counted->volume = berth_document_copy(&berth_volume_document, volume);
		counted->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		g_hash_table_insert(volumes->counted, counted->volume->name, counted);
	}
	g_hash_table_add(counted->users, g_strdup(id));
	pthread_mutex_unlock(&volumes->lock);
	return true;
}

// Forgets that the container uses it, after it does not any more.
static bool forget_user(struct berth_volumes *volumes, const char *name, const char *id, bool last, GError **error)
{
	g_autofree char *path = g_build_filename(volumes->run_folder, name, "users", id, NULL);

	if (unlink(path) < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "remove %s", path);
	BERTH_FAILPOINT("volume.release.forgotten");
	pthread_mutex_lock(&volumes->lock);
	struct berth_counted *counted = g_hash_table_lookup(volumes->counted, name);
	if (counted)
		g_hash_table_remove(counted->users, id);
	pthread_mutex_unlock(&volumes->lock);
	if (!last)
		return true;
	berth_fd run = berth_open_folder(volumes->run_folder, false, 0, error);
	if (run < 0 || !berth_remove_tree_at(run, name, error))
		return false;
	pthread_mutex_lock(&volumes->lock);
	g_hash_table_remove(volumes->counted, name);
	pthread_mutex_unlock(&volumes->lock);
	return true;
}

bool berth_volume_mount(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id,
			char **ret_path, GError **error)
{
	const struct berth_volume_driver *driver = berth_volume_driver_find(volumes, volume->driver, error);

	if (!driver)
		return false;
	if (driver->counted(volume) && !note_user(volumes, volume, id, error))
		return false;
	BERTH_FAILPOINT("volume.mount.noted");
	bool mounted = driver->mount(volumes, volume, id, ret_path, error);
	BERTH_FAILPOINT("volume.mount.mounted");
	return mounted;
}

// The caller has locked the volume.
static bool release_one(struct berth_volumes *volumes, const char *name, const char *id, GError **error)
{
	pthread_mutex_lock(&volumes->lock);
	struct berth_counted *counted = g_hash_table_lookup(volumes->counted, name);
	bool uses = counted && g_hash_table_contains(counted->users, id);
	bool last = uses && g_hash_table_size(counted->users) == 1;
	g_autoptr(berth_volume) volume = uses ? berth_document_copy(&berth_volume_document, counted->volume) : NULL;
	pthread_mutex_unlock(&volumes->lock);
	if (!volume)
		return true;
	const struct berth_volume_driver *driver = berth_volume_driver_find(volumes, volume->driver, error);
	if (!driver || !driver->unmount(volumes, volume, id, last, error))
		return g_prefix_error(error, "unmount volume %s: ", name), false;
	BERTH_FAILPOINT("volume.release.unmounted");
	return forget_user(volumes, name, id, last, error);
}

bool berth_volumes_release(struct berth_volumes *volumes, const char *id, GError **error)
{
	g_autoptr(GPtrArray) names = NULL;
	GHashTableIter iter;
	void *name, *value;
	bool released = true;

	pthread_mutex_lock(&volumes->lock);
	g_hash_table_iter_init(&iter, volumes->counted);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		if (!g_hash_table_contains(((struct berth_counted *) value)->users, id))
			continue;
		if (!names)
			names = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(names, g_strdup(name));
	}
	pthread_mutex_unlock(&volumes->lock);
	for (guint i = 0; names && i < names->len; i++) {
		berth_volume_lock(volumes, names->pdata[i]);
		released = release_one(volumes, names->pdata[i], id, released ? error : NULL) && released;
		berth_volume_unlock(volumes, names->pdata[i]);
	}
	return released;
}

char **berth_volumes_users(struct berth_volumes *volumes)
{
	g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter, inner;
	void *value, *id;

	pthread_mutex_lock(&volumes->lock);
	g_hash_table_iter_init(&iter, volumes->counted);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		g_hash_table_iter_init(&inner, ((struct berth_counted *) value)->users);
		while (g_hash_table_iter_next(&inner, &id, NULL))
			g_hash_table_add(all, g_strdup(id));
	}
	pthread_mutex_unlock(&volumes->lock);
	g_autofree char **keys = (char **) g_hash_table_get_keys_as_array(all, NULL);
	return g_strdupv(keys);
}

int berth_volume_open_subpath(int folder, const char *path, GError **error)
{
	const struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

	if (*path == '/') {
		berth_error_set(error, BERTH_ERROR_INVALID, "subpath %s: must be a relative path within the volume",
				path);
		return -1;
	}
	int fd = berth_resolve(folder, path, &how);
	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		berth_error_set(error, BERTH_ERROR_INVALID,
				"subpath %s: must be a relative path within the volume: a link or \"..\" leads out of "
				"it",
				path);
	else if (fd < 0)
		berth_error_set_errno(error, errno, "subpath %s: cannot access path in the volume", path);
	return fd;
}
