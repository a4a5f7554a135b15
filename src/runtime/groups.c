// SPDX-License-Identifier: Apache-2.0
// Who makes the groups, and the manager that is the runtime itself. An ordinary user's groups lie below the own group
// of the caller, if that was delegated to them; where it was not, containers that ask for no limits go without.
#include "runtime/groups.h"

#include "base/error.h"
#include "base/fd.h"
#include "runtime/resources.h"
#include "sys/process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct berth_groups *berth_groups_new(const struct berth_runtime *runtime)
{
	return runtime->cgroup_manager == BERTH_CGROUP_MANAGER_SYSTEMD ? &berth_groups_systemd : &berth_groups_files;
}

const struct berth_groups *berth_groups_of(const struct berth_record *record)
{
	return record->unit ? &berth_groups_systemd : &berth_groups_files;
}

bool berth_groups_ordinary_user(void)
{
	g_autofree char *map = berth_read_file_at(AT_FDCWD, "/proc/self/uid_map", 4096, NULL, NULL);
	unsigned inside, outside, count;

	return geteuid() != 0 || (map && sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 &&
				  (outside != 0 || count != UINT32_MAX));
}

static void warn(const struct berth_runtime *runtime, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(const struct berth_runtime *runtime, const char *format, ...)
{
	if (!runtime->warn)
		return;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	runtime->warn(runtime->data, message);
}

// Absolute from the cgroup file systems' mount points; a relative path begins there too.
static bool files_place(const struct berth_setup *setup, struct berth_record *record, G_GNUC_UNUSED GError **error)
{
	const char *wanted = setup->section->cgroups_path;

	if (!wanted || !*wanted)
		record->cgroup = g_strconcat("/berth-", setup->id, NULL);
	else
		record->cgroup = *wanted == '/' ? g_strdup(wanted) : g_strconcat("/", wanted, NULL);
	return true;
}

// Below the caller's own group, by the last word of where it should have been.
static bool create_below(const struct berth_setup *setup, struct berth_record *record, const GError *refused,
			 struct berth_cgroup **ret, GError **error)
{
	g_autofree char *name = g_path_get_basename(record->cgroup);
	g_auto(GStrv) needed = berth_resources_controllers(setup->section->resources);
	g_autoptr(GError) problem = NULL;

	if (berth_cgroup_create_below(name, (const char *const *) needed, ret, &problem)) {
		g_free(record->cgroup);
		record->cgroup = g_strdup(berth_cgroup_path(*ret));
		return true;
	}
	if (needed[0] || setup->runtime->need_cgroup || g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_CONFLICT))
		return berth_error_set(error, problem->code, "%s; %s", refused->message, problem->message);
	warn(setup->runtime, "the container has no cgroup: %s; %s", refused->message, problem->message);
	g_clear_pointer(&record->cgroup, g_free);
	return true;
}

static bool files_create(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **ret,
			 G_GNUC_UNUSED struct berth_groups_keeper *keeper, GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (berth_cgroup_begin(record->cgroup, ret, &problem))
		return true;
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN))
		return create_below(setup, record, problem, ret, error);
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

static bool complete_files(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **cgroup,
			   GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (berth_cgroup_complete(*cgroup, &problem))
		return true;
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) && berth_cgroup_birth_fd(*cgroup) < 0) {
		g_clear_pointer(cgroup, berth_cgroup_free);
		return create_below(setup, record, problem, cgroup, error);
	}
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

static bool files_complete(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **cgroup,
			   GError **error)
{
	const struct berth_runtime *runtime = setup->runtime;

	return complete_files(setup, record, cgroup, error) &&
	       (!*cgroup ||
		berth_resources_apply(setup->section->resources, *cgroup, false, runtime->warn, runtime->data, error));
}

const struct berth_groups berth_groups_files = {
	.place = files_place, .create = files_create, .complete = files_complete};

void berth_groups_let_go(struct berth_groups_keeper *keeper)
{
	berth_fd_clear(&keeper->socket); // it ends with it
	if (keeper->pidfd >= 0)
		berth_process_reap(keeper->pidfd);
	berth_fd_clear(&keeper->pidfd);
}

bool berth_groups_update(const struct berth_runtime *runtime, const struct berth_record *record,
			 const struct berth_cgroup *cgroup, const struct oci_resources *resources, GError **error)
{
	const struct berth_groups *manager = berth_groups_of(record);

	return (!manager->limit || manager->limit(runtime, record, cgroup, resources, error)) &&
	       berth_resources_apply(resources, cgroup, true, runtime->warn, runtime->data, error);
}

bool berth_groups_remove(const struct berth_runtime *runtime, const struct berth_record *record, GError **error)
{
	const struct berth_groups *manager = berth_groups_of(record);

	return !manager->remove || manager->remove(runtime, record, error);
}

// Whose the group is to be: the host's number of the container's user; -1: nobody else's.
static int64_t owner(const struct berth_setup *setup)
{
	const struct oci_process *process = setup->config->process;
	int64_t uid = process && process->user ? process->user->uid : 0;

	if (!((setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWUSER))
		return uid;
	return berth_identity_host_id(setup->section->uid_mappings, uid);
}

static bool has_writable_mount(const struct oci_config *config)
{
	for (guint i = 0; config->mounts && i < config->mounts->len; i++) {
		const struct oci_mount *mount = config->mounts->pdata[i];
		if (mount->type && g_str_equal(mount->type, "cgroup"))
			return !mount->options || !g_strv_contains((const char *const *) mount->options, "ro");
	}
	return false;
}

bool berth_groups_give(const struct berth_setup *setup, const struct berth_cgroup *cgroup, GError **error)
{
	int64_t uid = owner(setup);
	g_autoptr(GError) problem = NULL;

	if (uid < 0 || !cgroup || berth_cgroup_fd(cgroup) < 0 || !(setup->new_namespaces & CLONE_NEWCGROUP) ||
	    !has_writable_mount(setup->config) || berth_cgroup_give(cgroup, (uid_t) uid, &problem))
		return true;
	// An ordinary user cannot; the container then sees its groups and cannot change them.
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN)) {
		warn(setup->runtime, "%s", problem->message);
		return true;
	}
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

bool berth_groups_delegate(const struct berth_setup *setup, const struct berth_cgroup *cgroup, pid_t pid,
			   GError **error)
{
	GHashTable *annotations = setup->config->annotations;
	const char *name = annotations ? g_hash_table_lookup(annotations, BERTH_ANNOTATION_DELEGATE) : NULL;

	if (!name || !*name)
		return true;
	int64_t uid = owner(setup);
	bool done = cgroup ? uid >= 0 && berth_cgroup_delegate(cgroup, name, (uid_t) uid, pid, error)
			   : berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "the container has no cgroup");
	if (!done && cgroup && uid < 0)
		berth_error_set(error, BERTH_ERROR_INVALID, "the container's user has no number on the host");
	if (!done)
		g_prefix_error(error, "annotation " BERTH_ANNOTATION_DELEGATE ": ");
	return done;
}
