// SPDX-License-Identifier: Apache-2.0
#include "engine/life/users-take.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "engine/life/join.h"
#include "engine/plan/users.h"
#include "spec/oci-runtime.h"
#include "sys/mount.h"
#include "sys/namespace.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SPARE_DELAY 100 // milliseconds: not while this container is starting

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
	for (guint i = 0; engine->users_of_steps && i < engine->users_of_steps->len; i++) {
		const struct berth_container_users *users = engine->users_of_steps->pdata[i];
		add_used(used, gids ? users->first_gid : users->first_uid, users->size);
	}
	if (engine->users_spare.there || engine->users_spare.filling)
		add_used(used, gids ? engine->users_spare.first_gid : engine->users_spare.first_uid,
			 engine->users_spare.size);
	*ret = berth_users_find(ranges, used, size);
	return *ret >= 0 || berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					    "userns auto: no %" G_GINT64_FORMAT
					    " ids in a row are free: all that %s (of user berth, "
					    "containers or root) or the standard range has are other containers'",
					    size, path);
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

// Before Linux 6.3 tmpfs, which /run is, could not: then the engine's files are nobody's in the container, and
// readable.
static bool find_whether_run_maps(struct berth_engine *engine, int folder, int user_namespace)
{
	int known = g_atomic_int_get(&engine->run_maps);

	if (known)
		return known > 0;
	berth_fd tree = berth_mount_clone(folder, "", false, NULL);
	bool maps = tree >= 0 && berth_mount_map_ids(tree, user_namespace, false, NULL);
	g_atomic_int_set(&engine->run_maps, maps ? 1 : -1);
	return maps;
}

void berth_engine__users_ready_clear(struct berth_users_ready *ready)
{
	berth_fd_clear(&ready->user);
	berth_fd_clear(&ready->network);
	berth_fd_clear(&ready->folders);
}

// The next one's, for a container that asks for nothing special. engine->lock is not held.
static void fill_spare(void *data, bool canceled)
{
	struct berth_engine *engine = data;
	struct berth_users_spare spare = {.ready = BERTH_USERS_READY_NONE, .size = BERTH_USERS_SIZE};

	if (canceled)
		return;
	pthread_mutex_lock(&engine->lock);
	bool wanted = !engine->users_spare.there && !engine->users_spare.filling && !engine->closing &&
		      find_free(engine, "/etc/subuid", false, spare.size, &spare.first_uid, NULL) &&
		      find_free(engine, "/etc/subgid", true, spare.size, &spare.first_gid, NULL);
	if (wanted) {
		engine->users_spare = spare;
		engine->users_spare.filling = true;
	}
	pthread_mutex_unlock(&engine->lock);
	if (!wanted)
		return;
	const struct berth_idmap uids = {0, spare.first_uid, spare.size}, gids = {0, spare.first_gid, spare.size};
	spare.ready.user = berth_namespace_new_user_network(&uids, 1, &gids, 1, &spare.ready.network, NULL);
	spare.there = spare.ready.user >= 0;
	if (spare.there) {
		spare.ready.folders = berth_snapshots_map(engine->snapshots, spare.ready.user, NULL);
		find_whether_run_maps(engine, engine->exec_folder, spare.ready.user);
	}
	pthread_mutex_lock(&engine->lock);
	engine->users_spare = spare;
	pthread_mutex_unlock(&engine->lock);
}

void berth_engine__users_spare_want(struct berth_engine *engine)
{
	berth_workers_add(engine->workers, fill_spare, engine, SPARE_DELAY);
}

void berth_engine__users_spare_free(struct berth_engine *engine)
{
	if (!engine->users_spare.there)
		return;
	berth_engine__users_ready_clear(&engine->users_spare.ready);
	engine->users_spare.there = false;
}

static bool take_spare(struct berth_engine *engine, const struct berth_users_wanted *wanted,
		       struct berth_engine_container *container, struct berth_container_users *users)
{
	struct berth_users_spare *spare = &engine->users_spare;

	if (wanted->size != BERTH_USERS_SIZE || wanted->uids->len || wanted->gids->len)
		return false;
	if (!spare->there)
		return false;
	users->first_uid = spare->first_uid;
	users->first_gid = spare->first_gid;
	container->users_ready = spare->ready;
	spare->there = false;
	return true;
}

static bool take(struct berth_engine *engine, const struct berth_users_wanted *wanted,
		 struct berth_engine_container *container, GError **error)
{
	struct berth_container_users *users = berth_document_new(&berth_container_users_document);

	container->record->users = users;
	if (take_spare(engine, wanted, container, users)) {
		users->size = wanted->size;
	} else if (!find_free(engine, "/etc/subuid", false, wanted->size, &users->first_uid, error) ||
		   !find_free(engine, "/etc/subgid", true, wanted->size, &users->first_gid, error)) {
		return false;
	}
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

bool berth_engine__users_take(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	struct berth_container_record *record = container->record;
	struct berth_users_wanted wanted;

	if (!berth_users_parse(record->host_config->userns_mode, "host", &wanted, error))
		return false;
	bool taken = wanted.mode == BERTH_USERS_HOST ||
		     (wanted.mode == BERTH_USERS_JOIN ? join(engine, &wanted, record, error)
						      : take(engine, &wanted, container, error));
	berth_users_wanted_clear(&wanted);
	return taken;
}

int berth_engine__users_make(const struct berth_container_users *users, GError **error)
{
	g_autofree struct berth_idmap *uids = convert(users->uids), *gids = convert(users->gids);

	return berth_namespace_new_user(uids, users->uids->len, gids, users->gids->len, error);
}

bool berth_engine__users_open(struct berth_engine *engine, struct berth_engine_container *container, int run_folder,
			      struct berth_engine_users *ret, GError **error)
{
	const struct berth_container_users *users = container->record->users;

	*ret = BERTH_ENGINE_USERS_NONE;
	ret->engine = engine;
	if (!users)
		return true;
	struct berth_users_ready *ready = &container->users_ready;
	ret->network_fd = berth_fd_steal(&ready->network);
	if (ret->network_fd >= 0)
		ret->network_path = berth_engine__path_of(ret->network_fd);
	ret->fd = ready->user >= 0 ? berth_fd_steal(&ready->user)
		  : users->joined ? berth_engine__join_namespace(engine, users->joined, "user", "user namespace", error)
				  : berth_engine__users_make(users, error);
	if (ret->fd < 0)
		return false;
	ret->path = berth_engine__path_of(ret->fd);
	ret->owner = (struct berth_snapshot_owner){
		.user_namespace = ret->fd,
		.uid = (uint32_t) berth_users_host_id(users->uids, 0),
		.gid = (uint32_t) berth_users_host_id(users->gids, 0),
		.folders = berth_fd_steal(&ready->folders),
	};
	if (ret->owner.folders < 0) // that it cannot be is told by who needs it
		ret->owner.folders = berth_snapshots_map(engine->snapshots, ret->fd, NULL);
	ret->files = find_whether_run_maps(engine, run_folder, ret->fd);
	return true;
}

static void close_late(void *data, bool canceled)
{
	(void) canceled;
	close(GPOINTER_TO_INT(data));
}

void berth_engine__close_late(struct berth_engine *engine, int mount)
{
	berth_workers_add(engine->workers, close_late, GINT_TO_POINTER(mount), SPARE_DELAY);
}

void berth_engine__users_clear(struct berth_engine_users *users)
{
	if (users->owner.folders >= 0)
		berth_engine__close_late(users->engine, users->owner.folders);
	users->owner.folders = -1;
	berth_fd_clear(&users->fd);
	berth_fd_clear(&users->network_fd);
	g_free(users->path);
	g_free(users->network_path);
}
