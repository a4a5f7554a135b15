// SPDX-License-Identifier: Apache-2.0
#include "engine/users-take.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "engine/join.h"
#include "engine/users.h"
#include "spec/oci-runtime.h"
#include "sys/mount.h"
#include "sys/namespace.h"

#include <fcntl.h>
#include <string.h>

// Who may have a range for this engine in subuid(5) and subgid(5): the first who has one.
static const char *const names[] = {"berth", "containers", "root", NULL};

static GArray *ranges_of(const char *path)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_PASSWD, NULL, NULL);

	return berth_users_ranges(text, names);
}

static void add_used(GArray *used, int64_t first, int64_t count)
{
	const struct berth_users_range range = {first, count};

	if (count > 0)
		g_array_append_val(used, range);
}

static bool find_free(struct berth_engine *engine, const char *path, bool gids, int64_t size, int64_t *ret,
		      GError **error)
{
	g_autoptr(GArray) ranges = ranges_of(path), used = g_array_new(FALSE, FALSE, sizeof(struct berth_users_range));
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_container_users *users =
			((const struct berth_engine_container *) value)->record->users;
		if (users)
			add_used(used, gids ? users->first_gid : users->first_uid, users->size);
	}
	*ret = berth_users_find(ranges, used, size);
	return *ret >= 0 || berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					    "userns auto: no %" G_GINT64_FORMAT
					    " ids in a row are free: all that %s (of user berth, "
					    "containers or root) or the standard range has are other containers'",
					    size, path);
}

static bool take(struct berth_engine *engine, const struct berth_users_wanted *wanted,
		 struct berth_container_record *record, GError **error)
{
	struct berth_container_users *users = berth_document_new(&berth_container_users_document);

	record->users = users;
	if (!find_free(engine, "/etc/subuid", false, wanted->size, &users->first_uid, error) ||
	    !find_free(engine, "/etc/subgid", true, wanted->size, &users->first_gid, error))
		return false;
	users->size = wanted->size;
	users->map_binds = wanted->mode == BERTH_USERS_AUTO;
	users->uids = berth_users_map(wanted->uids, users->first_uid, users->size, error);
	users->gids = users->uids ? berth_users_map(wanted->gids, users->first_gid, users->size, error) : NULL;
	return users->gids != NULL;
}

// Another container's: its ids stay taken as long as one of the two is there.
static bool join(struct berth_engine *engine, const struct berth_users_wanted *wanted,
		 struct berth_container_record *record, GError **error)
{
	g_autoptr(berth_engine_container) other = berth_engine__find_locked(engine, wanted->container, error);

	if (!other)
		return false;
	if (!other->record->users)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "userns container:%s: that container has no user namespace of its own: use "
				       "--userns host",
				       wanted->container);
	record->users = berth_document_copy(&berth_container_users_document, other->record->users);
	g_free(record->users->joined);
	record->users->joined = g_strdup(other->id);
	g_free(record->host_config->userns_mode);
	record->host_config->userns_mode = g_strconcat("container:", other->id, NULL);
	return true;
}

bool berth_engine__users_take(struct berth_engine *engine, struct berth_container_record *record, GError **error)
{
	struct berth_users_wanted wanted;

	if (!berth_users_parse(record->host_config->userns_mode, "host", &wanted, error))
		return false;
	bool taken = wanted.mode == BERTH_USERS_HOST ||
		     (wanted.mode == BERTH_USERS_JOIN ? join(engine, &wanted, record, error)
						      : take(engine, &wanted, record, error));
	berth_users_wanted_clear(&wanted);
	return taken;
}

static struct berth_idmap *convert(const GPtrArray *map)
{
	struct berth_idmap *list = g_new(struct berth_idmap, map->len);

	for (guint i = 0; i < map->len; i++) {
		const struct oci_id_mapping *mapping = map->pdata[i];
		list[i] = (struct berth_idmap){mapping->container_id, mapping->host_id, mapping->size};
	}
	return list;
}

static int make_namespace(const struct berth_container_users *users, GError **error)
{
	g_autofree struct berth_idmap *uids = convert(users->uids), *gids = convert(users->gids);

	return berth_namespace_new_user(uids, users->uids->len, gids, users->gids->len, error);
}

// Before Linux 6.3 tmpfs, which /run is, could not: then the files are nobody's in the container, and readable.
static bool can_map(int folder, int user_namespace)
{
	berth_fd tree = berth_mount_clone(folder, "", false, NULL);

	return tree >= 0 && berth_mount_map_ids(tree, user_namespace, false, NULL);
}

bool berth_engine__users_open(struct berth_engine *engine, const struct berth_container_record *record, int run_folder,
			      struct berth_engine_users *ret, GError **error)
{
	const struct berth_container_users *users = record->users;

	*ret = (struct berth_engine_users){.fd = -1};
	if (!users)
		return true;
	ret->fd = users->joined ? berth_engine__join_namespace(engine, users->joined, "user", "user namespace", error)
				: make_namespace(users, error);
	if (ret->fd < 0)
		return false;
	ret->path = berth_engine__path_of(ret->fd);
	ret->owner = (struct berth_snapshot_owner){
		.user_namespace = ret->fd,
		.uid = (uint32_t) berth_users_host_id(users->uids, 0),
		.gid = (uint32_t) berth_users_host_id(users->gids, 0),
	};
	ret->files = can_map(run_folder, ret->fd);
	return true;
}

void berth_engine__users_clear(struct berth_engine_users *users)
{
	berth_fd_clear(&users->fd);
	g_free(users->path);
}
