// SPDX-License-Identifier: Apache-2.0
#include "engine/life/users-standard.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/life/users-take.h"
#include "engine/plan/users.h"
#include "engine/volume/volumes-internal.h"
#include "sys/capability.h"
#include "sys/mount.h"
#include "sys/namespace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOINS "container:"

// Sharing

static const char *mode_of(const struct berth_container_record *record, size_t i)
{
	const char *const modes[] = {record->network, record->host_config->pid_mode, record->host_config->ipc_mode};

	return i < G_N_ELEMENTS(modes) ? (modes[i] ? modes[i] : "") : NULL;
}

// Whose user namespace the container `id` is in: another's id, its own, or "host".
static char *owner_of(struct berth_engine *engine, const char *id, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_container) other = berth_engine__find_locked(engine, id, error);
	const struct berth_container_users *users = other ? other->record->users : NULL;
	char *owner = !other ? NULL : !users ? g_strdup("host") : g_strdup(users->joined ? users->joined : other->id);
	pthread_mutex_unlock(&engine->lock);
	return owner;
}

// *ret stays NULL if the container shares nothing.
static bool find_shared(struct berth_engine *engine, const struct berth_container_record *record, char **ret,
			GError **error)
{
	g_autofree char *found = NULL;
	const char *mode;

	for (size_t i = 0; (mode = mode_of(record, i)); i++) {
		if (!g_str_has_prefix(mode, JOINS))
			continue;
		g_autofree char *owner = owner_of(engine, mode + strlen(JOINS), error);
		if (!owner)
			return false;
		if (found && !g_str_equal(found, owner))
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "the containers whose namespaces are to be shared are in different "
					       "user namespaces: run them and this one with the same --userns");
		g_free(found);
		found = g_steal_pointer(&owner);
	}
	*ret = g_steal_pointer(&found);
	return true;
}

// What only the host's can give

// Those that the kernel asks for in the first user namespace (or over what belongs to it), and so are worth nothing in
// another one.
static bool is_over_host(const char *name)
{
	static const char *const names[] = {"CAP_DAC_READ_SEARCH",
					    "CAP_LINUX_IMMUTABLE",
					    "CAP_IPC_LOCK",
					    "CAP_SYS_MODULE",
					    "CAP_SYS_RAWIO",
					    "CAP_SYS_PACCT",
					    "CAP_SYS_ADMIN",
					    "CAP_SYS_BOOT",
					    "CAP_SYS_NICE",
					    "CAP_SYS_RESOURCE",
					    "CAP_SYS_TIME",
					    "CAP_SYS_TTY_CONFIG",
					    "CAP_LEASE",
					    "CAP_AUDIT_CONTROL",
					    "CAP_MAC_OVERRIDE",
					    "CAP_MAC_ADMIN",
					    "CAP_SYSLOG",
					    "CAP_WAKE_ALARM",
					    "CAP_BLOCK_SUSPEND",
					    "CAP_AUDIT_READ",
					    "CAP_PERFMON",
					    "CAP_BPF",
					    NULL};

	return g_ascii_strcasecmp(name, "ALL") == 0 || g_ascii_strcasecmp(name, "CAP_ALL") == 0 ||
	       g_strv_contains(names, berth_capability_name(berth_capability_number(name)));
}

static bool wants_capability(const struct api_host_config *host)
{
	for (char **name = host->cap_add; name && *name; name++)
		if (is_over_host(*name))
			return true;
	return false;
}

// Device rules are for nodes that the container makes itself.
static bool makes_nodes(const struct api_host_config *host)
{
	return host->device_cgroup_rules && *host->device_cgroup_rules;
}

// A user namespace to try mounts with.
static int probe(struct berth_engine *engine)
{
	const struct berth_idmap map = {0, BERTH_USERS_FIRST, 1};
	int known = g_atomic_int_get(&engine->users_probe);

	if (known > 0)
		return known;
	int made = berth_namespace_new_user(&map, 1, &map, 1, NULL);
	if (made < 0 || g_atomic_int_compare_and_exchange(&engine->users_probe, 0, made))
		return made;
	close(made);
	return g_atomic_int_get(&engine->users_probe);
}

void berth_engine__users_probe_free(struct berth_engine *engine)
{
	if (engine->users_probe > 0)
		close(engine->users_probe);
}

bool berth_engine__users_maps(struct berth_engine *engine, int tree, bool recursive)
{
	int user = probe(engine);

	return user >= 0 && berth_mount_map_ids(tree, user, recursive, NULL);
}

// Whether what is at `path`, or where that will be made, can be mounted with its ids mapped.
static bool maps(struct berth_engine *engine, const char *path, bool recursive)
{
	g_autofree char *place = g_strdup(path);

	while (access(place, F_OK) < 0 && errno == ENOENT && !g_str_equal(place, "/")) {
		char *parent = g_path_get_dirname(place);
		g_free(place);
		place = parent;
		recursive = false;
	}
	int tree = berth_mount_clone(AT_FDCWD, place, recursive, NULL);
	bool mapped = tree >= 0 && berth_engine__users_maps(engine, tree, recursive);
	if (tree >= 0)
		berth_engine__close_late(engine, tree);
	return mapped;
}

// What a driver mounts, it mounts at the start.
static bool is_own_file_system(struct berth_engine *engine, const struct berth_container_mount *mount)
{
	g_autoptr(berth_volume) there = mount->name ? berth_engine__volume_get(engine, mount->name, NULL) : NULL;
	const struct berth_volume wanted = {.driver = mount->driver, .options = mount->driver_options};
	const struct berth_volume *volume = there ? there : &wanted;

	return mount->driver &&
	       (strcmp(volume->driver, berth_volume_local.name) != 0 || berth_volume_local.counted(volume));
}

static char *find_mount(struct berth_engine *engine, const struct berth_container_record *record)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		bool recursive = mount->options && g_strv_contains((const char *const *) mount->options, "rbind");
		if (g_str_equal(mount->type, "bind") && !maps(engine, mount->source, recursive))
			return g_strdup_printf("the file system of %s, or one beneath it, does not map ids",
					       mount->source);
		if (g_str_equal(mount->type, "volume") && is_own_file_system(engine, mount))
			return g_strdup_printf("whether the file system of volume %s maps ids is known at the start "
					       "only",
					       mount->name);
	}
	return NULL;
}

static void warn(char ***warnings, const char *why)
{
	berth_strings_add(
		warnings,
		g_strdup_printf("The container is in the host's user namespace: %s (--userns auto insists).", why));
}

static void set(struct berth_container_record *record, char *mode)
{
	g_free(record->host_config->userns_mode);
	record->host_config->userns_mode = mode;
}

bool berth_engine__users_standard(struct berth_engine *engine, struct berth_container_record *record, char ***warnings,
				  GError **error)
{
	g_autofree char *shared = NULL, *why = NULL;

	if (!find_shared(engine, record, &shared, error))
		return false;
	if (shared) {
		set(record, g_str_equal(shared, "host") ? g_strdup(shared) : g_strconcat(JOINS, shared, NULL));
		return true;
	}
	bool over_host = wants_capability(record->host_config) || makes_nodes(record->host_config);
	if (!over_host)
		why = find_mount(engine, record);
	if (over_host || why)
		set(record, g_strdup("host"));
	if (why)
		warn(warnings, why);
	return true;
}
