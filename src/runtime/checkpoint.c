// SPDX-License-Identifier: Apache-2.0
// Checkpoint: CRIU writes the container's processes into images. What belongs to the host is left out of them as
// "external" and comes from the host again at the restore: mounts of host folders, namespaces that are others', and
// the files and pipes that standard streams lead to.
//
// CRIU freezes the processes by the container's cgroup, and thaws them when it fails; if CRIU itself dies, that is done
// here.
#include "runtime/checkpoint.h"
#include "runtime/criu-images.h"
#include "runtime/mount-list.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/root.h"
#include "sys/cgroup-internal.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BERTH_CRIU_SAVES_NO_NEW_PRIVS 31900 // the version that does

// File systems that CRIU saves and makes anew.
static const char *const saved_types[] = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", NULL};

void berth_checkpoint_remember(const struct berth_setup *setup, struct berth_record *record)
{
	g_autoptr(GPtrArray) binds = g_ptr_array_new();
	g_autoptr(GPtrArray) joined = g_ptr_array_new();

	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		if (step->tree >= 0)
			g_ptr_array_add(binds, g_strdup(step->mount->destination));
	}
	for (unsigned flag = 1; flag; flag <<= 1)
		if (setup->joined_namespaces & flag)
			g_ptr_array_add(joined, g_strdup(berth_namespace_file(flag)));
	g_ptr_array_add(binds, NULL);
	g_ptr_array_add(joined, NULL);
	record->binds = (char **) g_ptr_array_free(g_steal_pointer(&binds), FALSE);
	record->joined = (char **) g_ptr_array_free(g_steal_pointer(&joined), FALSE);
}

char *berth_checkpoint_namespace_key(const char *file)
{
	return g_strdup_printf("extRoot%c%sNS", g_ascii_toupper(*file), file + 1);
}

// External namespaces

static bool set_namespaces(struct berth_criu *criu, const struct berth_record *record, GError **error)
{
	for (char **file = record->joined; file && *file; file++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int) record->pid, *file);
		struct stat st;

		if (!g_str_equal(*file, "net") && !g_str_equal(*file, "pid"))
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
					       "container %s shares the %s namespace of another process: CRIU can save "
					       "it only without",
					       record->id, *file);
		if (stat(path, &st) < 0)
			return berth_error_set_errno(error, errno, "%s", path);
		g_autofree char *key = berth_checkpoint_namespace_key(*file);
		g_autofree char *text = g_strdup_printf("%s[%ju]:%s", *file, (uintmax_t) st.st_ino, key);
		berth_criu_set_text(criu, "external", text);
	}
	return true;
}

// External mounts

// The ids of the mounts at the destinations of config.json's binds: as they are now, wherever links led then.
static GArray *bind_ids(const struct berth_record *record, int root)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(int));

	for (char **path = record->binds; path && *path; path++) {
		berth_fd at = berth_root_open(root, *path, O_PATH, 0, NULL);
		int id = at < 0 ? -1 : berth_mount_id(at);
		if (id >= 0)
			g_array_append_val(ids, id);
	}
	return ids;
}

static bool beneath_bind(const GPtrArray *list, const GArray *binds, const struct berth_mounted *mounted)
{
	for (guint depth = 0; mounted && depth < list->len; depth++) {
		for (guint i = 0; i < binds->len; i++)
			if (g_array_index(binds, int, i) == mounted->id)
				return true;
		mounted = berth_mount_list_find(list, mounted->parent);
	}
	return false;
}

// Whether CRIU can save the file system: it must be of the container as a whole.
static bool is_saved(const GPtrArray *list, const struct berth_mounted *mounted)
{
	if (!g_strv_contains(saved_types, mounted->type))
		return false;
	if (g_str_has_prefix(mounted->type, "cgroup"))
		return true; // their root is the group, not the file system's
	for (guint i = 0; i < list->len; i++) {
		const struct berth_mounted *other = list->pdata[i];
		if (g_str_equal(other->device, mounted->device) && g_str_equal(other->root, "/"))
			return true;
	}
	return false;
}

static bool set_mounts(struct berth_criu *criu, const struct berth_record *record, const GPtrArray *list, int root)
{
	g_autoptr(GArray) binds = bind_ids(record, root);

	for (guint i = 0; i < list->len; i++) {
		const struct berth_mounted *mounted = list->pdata[i];
		if (!g_str_equal(mounted->point, "/") &&
		    (beneath_bind(list, binds, mounted) || !is_saved(list, mounted)))
			berth_criu_set_pair(criu, "ext_mnt", mounted->point, mounted->point);
	}
	return true;
}

// Standard streams

static int stream_mount(pid_t pid, int fd)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fdinfo/%d", (int) pid, fd);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, NULL);
	const char *found = text ? strstr(text, "mnt_id:") : NULL;

	return found ? atoi(found + strlen("mnt_id:")) : -1;
}

// What the stream is for CRIU: "pipe:[7]", "file[1f:9a]" for one outside the container, which gets it from the caller
// of the restore; else its path.
static char *describe_stream(struct berth_criu *criu, const GPtrArray *list, pid_t pid, int fd)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", (int) pid, fd);
	g_autofree char *target = g_file_read_link(path, NULL);
	int mount = stream_mount(pid, fd);
	struct stat st;

	if (!target || stat(path, &st) < 0)
		return g_strdup("");
	if (S_ISSOCK(st.st_mode) || *target != '/' || mount < 0 || berth_mount_list_find(list, mount))
		return g_steal_pointer(&target);
	if (S_ISCHR(st.st_mode) && g_str_has_prefix(target, "/dev/pts/"))
		return g_steal_pointer(&target); // the caller's terminal: shell_job
	char *key = g_strdup_printf("file[%x:%jx]", (unsigned) mount, (uintmax_t) st.st_ino);
	berth_criu_set_text(criu, "external", key);
	return key;
}

static bool write_streams(struct berth_criu *criu, const GPtrArray *list, pid_t pid, GError **error)
{
	BERTH_AUTO_JSON json_t *all = json_array();

	for (int fd = 0; fd < 3; fd++) {
		g_autofree char *text = describe_stream(criu, list, pid, fd);
		g_autofree char *valid = g_utf8_make_valid(text, -1);
		json_array_append_new(all, json_string(valid));
	}
	g_autofree char *text = berth_json_text(all);
	return berth_write_file_at(criu->images, BERTH_DESCRIPTORS_FILE, text, strlen(text), 0600, false, error);
}

// The request

static char *freezer_path(const struct berth_record *record)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();

	for (guint i = 0; record->cgroup && i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *mount = mounts->list->pdata[i];
		bool freezes = mounts->kind == BERTH_CGROUP_V2
				       ? mount->v2
				       : g_strv_contains((const char *const *) mount->controllers, "freezer");
		if (freezes)
			return g_build_filename(mount->point, record->cgroup, NULL);
	}
	return NULL;
}

static bool set_page_server(struct berth_criu *criu, GError **error)
{
	const char *server = criu->checkpoint->page_server;
	const char *colon = server ? strrchr(server, ':') : NULL;
	gint64 port;

	if (!server || !*server)
		return true;
	if (!colon || colon == server || !g_ascii_string_to_signed(colon + 1, 10, 1, 65535, &port, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--page-server %s: is ADDRESS:PORT", server);
	g_autoptr(GByteArray) message = g_byte_array_new();
	g_autofree char *address = g_strndup(server, (gsize) (colon - server));
	berth_wire_put_text(message, 1, address);
	berth_wire_put_integer(message, 2, port);
	berth_criu_set_message(criu, "ps", message);
	return true;
}

// The folder of the images gets a link to it, which a restore follows only to folders beside its own.
static bool set_parent(struct berth_criu *criu, GError **error)
{
	const char *parent = criu->checkpoint->parent_path;

	if (!parent || !*parent)
		return true;
	berth_fd folder = berth_images_open_parent(criu->images, parent, error);
	if (folder < 0)
		return g_prefix_error(error, "--parent-path %s: ", parent), false;
	berth_criu_set_text(criu, "parent_img", parent);
	berth_criu_set_number(criu, "track_mem", 1);
	return true;
}

static bool set_options(struct berth_criu *criu, struct berth_container *container, GError **error)
{
	const struct berth_record *record = container->record;
	const struct berth_checkpoint *checkpoint = criu->checkpoint;
	g_autofree char *freezer = freezer_path(record);
	g_autofree char *root_path = g_strdup_printf("/proc/%d/root", (int) record->pid);
	berth_fd root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return berth_error_set_errno(error, errno, "container %s: its root", record->id);
	g_autoptr(GPtrArray) list = berth_mount_list((pid_t) record->pid, error);
	if (!list)
		return false;
	berth_criu_set_number(criu, "pid", record->pid);
	berth_criu_set_number(criu, "leave_running", checkpoint->leave_running);
	berth_criu_set_text(criu, "root", record->rootfs);
	berth_criu_set_text(criu, "freeze_cgroup", freezer);
	if (checkpoint->pre_dump)
		berth_criu_set_number(criu, "track_mem", 1);
	return set_page_server(criu, error) && set_parent(criu, error) && set_namespaces(criu, record, error) &&
	       set_mounts(criu, record, list, root) &&
	       (checkpoint->pre_dump || write_streams(criu, list, (pid_t) record->pid, error));
}

static bool notify(void *data, const char *event, G_GNUC_UNUSED pid_t pid, G_GNUC_UNUSED int *fd,
		   G_GNUC_UNUSED GError **error)
{
	const struct berth_checkpoint *checkpoint = data;

	// Whoever waits for the pages to be served reads the byte, and then the end.
	if (g_str_equal(event, "status-ready") && checkpoint->status_fd >= 0) {
		if (!berth_write_all(checkpoint->status_fd, "", 1, "--status-fd", error))
			return false;
		close(checkpoint->status_fd);
	}
	return true;
}

// Its restore would be refused (restore-check.c), and by then the container has ended.
static void warn_of_privileges(const struct berth_container *container, const struct berth_criu *criu)
{
	const struct berth_runtime *runtime = container->runtime;
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int) container->record->pid);
	g_autofree char *status = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, NULL);

	if (!runtime->warn || criu->kind != BERTH_CRIU_DUMP || !status || !strstr(status, "\nNoNewPrivs:\t1"))
		return;
	unsigned version = berth_criu_version(criu);
	if (version && version < BERTH_CRIU_SAVES_NO_NEW_PRIVS)
		runtime->warn(runtime->data,
			      "CRIU before 3.19 does not save noNewPrivileges: a restore will be refused "
			      "as long as config.json has it");
}

static bool dump(struct berth_container *container, const struct berth_checkpoint *checkpoint, struct berth_criu *criu,
		 GError **error)
{
	enum berth_criu_kind kind = checkpoint->pre_dump ? BERTH_CRIU_PRE_DUMP : BERTH_CRIU_DUMP;

	if (!berth_criu_open(criu, kind, checkpoint, container->record->annotations, error) ||
	    !berth_images_check_folder(criu->images, error) || !set_options(criu, container, error))
		return false;
	warn_of_privileges(container, criu);
	criu->notify = notify;
	criu->data = (void *) checkpoint;
	return berth_criu_run(criu, error);
}

static bool check_state(struct berth_container *container, bool *ret_paused, GError **error)
{
	const char *now = berth_container_status(container);

	*ret_paused = g_str_equal(now, "paused");
	return *ret_paused || g_str_equal(now, "running") ||
	       berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s cannot be checkpointed in %s state",
			       container->record->id, now);
}

bool berth_container_checkpoint(struct berth_container *container, const struct berth_checkpoint *checkpoint,
				GError **error)
{
	berth_fd lock = berth_state_lock(container->folder, container->record->id, false, error);
	struct berth_criu criu;
	bool paused;

	if (lock < 0 || !check_state(container, &paused, error))
		return false;
	bool done = dump(container, checkpoint, &criu, error);
	berth_criu_clear(&criu);
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, NULL);
	bool goes_on = !done || checkpoint->leave_running || checkpoint->pre_dump;
	if (goes_on && cgroup && !paused && berth_cgroup_frozen(cgroup))
		berth_cgroup_freeze(cgroup, false, NULL);
	if (done && !goes_on && !berth_process_wait_end(container->pidfd, BERTH_CONTAINER_END_WAIT))
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "container %s was checkpointed, and its process %d does not end",
				       container->record->id, (int) container->record->pid);
	return done;
}
