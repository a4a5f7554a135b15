// SPDX-License-Identifier: Apache-2.0
// Groups that systemd makes: a transient scope for each container. The helper berth-systemd is the scope's first
// process; the container's is born into the scope's group as into any other, and then the helper leaves. The limits are
// told to systemd, which would overwrite the files else, and are written to the files as well, which have more of them.
#include "runtime/groups.h"

#include "base/error.h"
#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/resources.h"
#include "runtime/systemd.h"
#include "sys/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

// Beside this program, or where it is installed.
static char *find_helper(const char *self)
{
	g_autofree char *found = !self || strchr(self, '/') ? g_strdup(self) : g_find_program_in_path(self);
	g_autofree char *path = found ? realpath(found, NULL) : NULL;

	if (!path)
		return NULL;
	g_autofree char *folder = g_path_get_dirname(path);
	char *beside = g_build_filename(folder, BERTH_SYSTEMD_HELPER, NULL);
	if (access(beside, X_OK) == 0)
		return beside;
	g_free(beside);
	return g_build_filename(folder, "..", "libexec", "berth", BERTH_SYSTEMD_HELPER, NULL);
}

G_GNUC_NORETURN static void execute(const char *program, int socket)
{
	char *argv[] = {(char *) program, NULL};

	if (dup2(socket, 0) == 0) // which is then left open
		execve(program, argv, environ);
	_exit(127);
}

static bool open_helper(const struct berth_runtime *runtime, struct berth_groups_keeper *helper, GError **error)
{
	int pair[2];

	g_autofree char *program = find_helper(runtime->self);
	if (!program || access(program, X_OK) < 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "the systemd cgroup manager needs the program " BERTH_SYSTEMD_HELPER
				       " (%s), which is not there: install it or use --cgroup-manager cgroupfs",
				       program ? program : "beside this one");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "make a socket pair");
	pid_t pid = berth_process_clone(0, -1, &helper->pidfd);
	if (pid == 0)
		execute(program, pair[1]);
	int errnum = errno;
	close(pair[1]);
	helper->socket = pair[0];
	if (pid > 0)
		return true;
	berth_fd_clear(&helper->socket);
	return berth_error_set_errno(error, errnum, "start %s", program);
}

// Sends one request and returns what the answer has after "done".
static char *ask(const struct berth_groups_keeper *helper, const char *word,
		 const struct berth_systemd_request *request, GError **error)
{
	g_autofree char *text = berth_document_print_text(&berth_systemd_request_document, request, 0);
	berth_fd file = memfd_create("request", MFD_CLOEXEC);
	g_autoptr(GError) problem = NULL;
	char *rest = NULL;

	if (file < 0) {
		berth_error_set_errno(error, errno, "make a file in memory");
		return NULL;
	}
	if (!berth_write_all(file, text, strlen(text), "the request", error))
		return NULL;
	lseek(file, 0, SEEK_SET);
	if (!berth_channel_send(helper->socket, file, error, "%s", word))
		return NULL;
	if (!berth_channel_expect(helper->socket, "done", &rest, &problem)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return NULL;
	}
	return rest;
}

// With nothing known of what holds now.
static struct berth_systemd_request new_request(const struct berth_record *record, const struct berth_cgroup *cgroup)
{
	return (struct berth_systemd_request){
		.unit = record->unit,
		.user = record->user_unit,
		.unified = cgroup && berth_cgroup_kind(cgroup) == BERTH_CGROUP_V2,
		.memory_limit = BERTH_UNSET,
		.cpu_quota = BERTH_UNSET,
		.cpu_period = BERTH_UNSET,
	};
}

static bool systemd_place(const struct berth_setup *setup, struct berth_record *record, GError **error)
{
	g_autofree char *slice = NULL;

	record->user_unit = berth_groups_ordinary_user(); // they have a manager of their own
	return berth_systemd_parse_path(setup->section->cgroups_path, setup->id, record->user_unit, &slice,
					&record->unit, error);
}

static const char *annotation(const struct berth_setup *setup, const char *name)
{
	GHashTable *annotations = setup->config->annotations;
	return annotations ? g_hash_table_lookup(annotations, name) : NULL;
}

// A copy with room for the helper among the processes, while it is there.
static struct oci_resources *with_room(const struct oci_resources *resources)
{
	struct oci_resources *copy = resources ? berth_document_copy(&oci_resources_document, resources)
					       : berth_document_new(&oci_resources_document);

	if (copy->pids && copy->pids->limit >= 0 && copy->pids->limit < INT64_MAX)
		copy->pids->limit = MAX(copy->pids->limit, 1) + 1;
	return copy;
}

static bool systemd_create(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **ret,
			   struct berth_groups_keeper *keeper, GError **error)
{
	g_autofree char *slice = NULL, *unit = NULL, *path = NULL;
	g_autofree char *description = g_strconcat("Berth container ", setup->id, NULL);
	g_autoptr(oci_resources) resources = with_room(setup->section->resources);

	if (!berth_systemd_parse_path(setup->section->cgroups_path, setup->id, record->user_unit, &slice, &unit, error))
		return false;
	struct berth_systemd_request request = new_request(record, NULL);
	request.slice = slice;
	request.description = description;
	request.subgroup = (char *) annotation(setup, BERTH_ANNOTATION_SUBGROUP);
	request.unified = berth_cgroup_layout() == BERTH_CGROUP_V2;
	request.annotations = setup->config->annotations;
	request.resources = resources;
	if (!open_helper(setup->runtime, keeper, error))
		return false;
	path = ask(keeper, "start", &request, error);
	if (!path)
		return false;
	record->cgroup = g_steal_pointer(&path);
	if (berth_cgroup_adopt(record->cgroup, ret, error))
		return true;
	g_free(ask(keeper, "stop", &request, NULL));
	return false;
}

static bool systemd_complete(const struct berth_setup *setup, G_GNUC_UNUSED struct berth_record *record,
			     struct berth_cgroup **cgroup, GError **error)
{
	g_autoptr(oci_resources) resources = with_room(setup->section->resources);

	return berth_cgroup_complete(*cgroup, error) &&
	       berth_resources_apply(resources, *cgroup, false, setup->runtime->warn, setup->runtime->data, error);
}

// The user's manager may move processes of the user into its tree, they themselves may not: what is above it is root's.
static bool systemd_needs_bringing(const struct berth_record *record)
{
	return record->user_unit;
}

static bool systemd_bring(const struct berth_setup *setup, const struct berth_record *record,
			  const struct berth_groups_keeper *keeper, pid_t pid, GError **error)
{
	struct berth_systemd_request request = new_request(record, NULL);

	request.subgroup = (char *) annotation(setup, BERTH_ANNOTATION_SUBGROUP);
	request.pid = pid;
	g_autofree char *answer = ask(keeper, "attach", &request, error);
	return answer != NULL;
}

// The helper's place among the processes goes, and so does the helper.
static bool systemd_joined(const struct berth_setup *setup, const struct berth_record *record,
			   const struct berth_cgroup *cgroup, struct berth_groups_keeper *keeper, GError **error)
{
	const struct oci_resources *all = setup->section->resources;
	bool good = true;

	if (all && all->pids && all->pids->limit >= 0) {
		struct oci_resources resources = {.pids = all->pids};
		struct berth_systemd_request request = new_request(record, cgroup);
		request.resources = &resources;
		g_autofree char *answer = ask(keeper, "set", &request, error);
		good = answer && berth_resources_apply(&resources, cgroup, true, setup->runtime->warn,
						       setup->runtime->data, error);
	}
	berth_groups_let_go(keeper);
	return good;
}

static int64_t number_in(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	g_autofree char *text = berth_cgroup_read(cgroup, controller, file, NULL);

	if (!text)
		return BERTH_UNSET;
	return g_str_has_prefix(text, "max") ? -1 : g_ascii_strtoll(text, NULL, 10);
}

static bool systemd_limit(const struct berth_runtime *runtime, const struct berth_record *record,
			  const struct berth_cgroup *cgroup, const struct oci_resources *resources, GError **error)
{
	struct berth_groups_keeper helper = {-1, -1};
	struct berth_systemd_request request = new_request(record, cgroup);
	bool unified = request.unified;
	g_autofree char *bandwidth = unified ? berth_cgroup_read(cgroup, "cpu", "cpu.max", NULL) : NULL;
	const char *period = bandwidth ? strchr(bandwidth, ' ') : NULL;

	request.resources = (struct oci_resources *) resources;
	request.memory_limit = number_in(cgroup, "memory", unified ? "memory.max" : "memory.limit_in_bytes");
	request.cpu_quota = number_in(cgroup, "cpu", unified ? "cpu.max" : "cpu.cfs_quota_us");
	request.cpu_period = unified ? BERTH_UNSET : number_in(cgroup, "cpu", "cpu.cfs_period_us");
	if (period)
		request.cpu_period = g_ascii_strtoll(period + 1, NULL, 10);
	if (!open_helper(runtime, &helper, error))
		return false;
	g_autofree char *answer = ask(&helper, "set", &request, error);
	berth_groups_let_go(&helper);
	return answer != NULL;
}

static bool systemd_remove(const struct berth_runtime *runtime, const struct berth_record *record, GError **error)
{
	struct berth_groups_keeper helper = {-1, -1};
	struct berth_systemd_request request = new_request(record, NULL);

	// As long as it is not known where its group is, a unit of that name may be somebody else's; an empty one goes
	// by itself.
	if (!record->cgroup)
		return true;
	if (!open_helper(runtime, &helper, error))
		return false;
	g_autofree char *answer = ask(&helper, "stop", &request, error);
	berth_groups_let_go(&helper);
	return answer != NULL;
}

const struct berth_groups berth_groups_systemd = {
	.place = systemd_place,
	.create = systemd_create,
	.complete = systemd_complete,
	.needs_bringing = systemd_needs_bringing,
	.bring = systemd_bring,
	.joined = systemd_joined,
	.limit = systemd_limit,
	.remove = systemd_remove,
};
