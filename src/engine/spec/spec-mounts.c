// SPDX-License-Identifier: Apache-2.0
// Mounts: the kernel's file systems, then what the user asked for, parents before children, with the container's own
// files of names among them. What the user mounts replaces a default of the same place, and those beneath it.
#include "engine/spec/spec-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTINFO_MAX (16 << 20)

static const struct {
	const char *destination, *type, *source, *options;
} defaults[] = {
	{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
	{"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	{"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
	{"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro"},
	{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
	{"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777"},
};

// The same as the user's destination, or beneath it.
static bool is_covered(const struct berth_container_record *record, const char *path)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		size_t length = strlen(mount->destination);
		if (strncmp(path, mount->destination, length) == 0 && (path[length] == '\0' || path[length] == '/'))
			return true;
	}
	return false;
}

static bool is_destination(const struct berth_container_record *record, const char *path)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (g_str_equal(mount->destination, path))
			return true;
	}
	return false;
}

static struct oci_mount *new_mount(GPtrArray *list, const char *destination, const char *type, const char *source)
{
	struct oci_mount *mount = berth_document_new(&oci_mount_document);

	mount->destination = g_strdup(destination);
	mount->type = g_strdup(type);
	mount->source = g_strdup(source);
	g_ptr_array_add(list, mount);
	return mount;
}

// `mapped`: its owners are the container's ids.
static void add_bind(GPtrArray *list, const char *destination, const char *source, bool read_only, bool mapped)
{
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();

	g_strv_builder_add_many(options, "rbind", "rprivate", NULL);
	if (read_only)
		g_strv_builder_add(options, "ro");
	if (mapped)
		g_strv_builder_add(options, "idmap");
	new_mount(list, destination, "bind", source)->options = g_strv_builder_end(options);
}

// A privileged container may write to /sys and its control groups.
static char **default_options(const struct berth_spec *spec, const char *destination, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, ",", 0);
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();
	g_autofree char *size = g_strdup_printf("size=%" G_GINT64_FORMAT, spec->host->shm_size);

	for (char **word = words; *word; word++)
		if (!spec->host->privileged || !g_str_equal(*word, "ro"))
			g_strv_builder_add(options, *word);
	if (g_str_equal(destination, "/dev/shm"))
		g_strv_builder_add(options, size);
	return g_strv_builder_end(options);
}

static void add_defaults(struct berth_spec *spec, GPtrArray *list)
{
	const char *ipc = spec->host->ipc_mode;

	for (size_t i = 0; i < G_N_ELEMENTS(defaults); i++) {
		const char *path = defaults[i].destination;
		bool shm = g_str_equal(path, "/dev/shm");
		if (is_covered(spec->record, path) || (shm && berth_spec_is(ipc, "none")))
			continue;
		// The host's queues come with its namespace, its shared memory does not.
		if (shm && (berth_spec_is(ipc, "host") || spec->input->shm)) {
			add_bind(list, path, spec->input->shm ? spec->input->shm : path, false, false);
			continue;
		}
		struct oci_mount *mount = new_mount(list, path, defaults[i].type, defaults[i].source);
		mount->options = default_options(spec, path, defaults[i].options);
	}
}

// secrets-deliver.c has made the files; they are the container's users' already.
static void add_secrets(struct berth_spec *spec, GPtrArray *list)
{
	const GPtrArray *secrets = spec->record->secrets;
	g_autofree char *folder = spec->input->secrets ? g_build_filename(spec->input->secrets, "run", NULL) : NULL;
	bool inside = false;

	for (guint i = 0; folder && i < secrets->len; i++) {
		const struct berth_container_secret *secret = secrets->pdata[i];
		g_autofree char *source = g_strdup_printf("%s/file/%u", spec->input->secrets, i);
		if (*secret->target == '/')
			add_bind(list, secret->target, source, true, false);
		inside = inside || *secret->target != '/';
	}
	if (inside)
		add_bind(list, "/run/secrets", folder, true, false);
}

static void add_files(struct berth_spec *spec, GPtrArray *list)
{
	static const char *const files[] = {"resolv.conf", "hostname", "hosts"};

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *destination = g_build_filename("/etc", files[i], NULL);
		const char *folder = spec->input->files ? spec->input->files : spec->input->folder;
		g_autofree char *source = g_build_filename(folder, files[i], NULL);
		bool own = spec->input->own_hostname && g_str_equal(files[i], "hostname");
		if (!own && !is_destination(spec->record, destination))
			add_bind(list, destination, source, spec->host->readonly_rootfs,
				 spec->record->users && spec->input->map_files);
	}
	add_secrets(spec, list);
	if (berth_spec_uses_init(spec))
		add_bind(list, BERTH_SPEC_INIT_PATH, spec->input->init_program, true, false);
}

static bool is_beneath(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return g_str_equal(folder, "/") ||
	       (strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/'));
}

// The mount that `path` lies on: its point, and the optional fields that tell its propagation (proc(5)).
static bool find_mount(const char *mountinfo, const char *path, char **ret_point, char **ret_fields)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", 0);
	size_t longest = 0;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 7);
		if (g_strv_length(words) < 7)
			continue;
		g_autofree char *point = g_strcompress(words[4]); // "\040" is a space
		const char *end = strstr(words[6], "- ");
		if (!end || !is_beneath(path, point) || strlen(point) < longest)
			continue;
		longest = strlen(point);
		g_free(*ret_point);
		g_free(*ret_fields);
		*ret_point = g_steal_pointer(&point);
		*ret_fields = g_strndup(words[6], (gsize) (end - words[6]));
	}
	return *ret_point != NULL;
}

// Mounts come and go through a bind only if its source lies on a mount that lets them: else the option would do
// nothing.
bool berth_spec_check_propagation(const char *mountinfo, const char *source, bool shared, GError **error)
{
	g_autofree char *point = NULL, *fields = NULL;

	if (!find_mount(mountinfo, source, &point, &fields))
		return berth_error_set(error, BERTH_ERROR_INVALID, "bind source %s: its mount is not known", source);
	if (strstr(fields, "shared:") || (!shared && strstr(fields, "master:")))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "path %s is mounted on %s but it is not a shared%s mount",
			       source, point, shared ? "" : " or slave");
}

static bool check_propagation(const struct berth_container_mount *mount, GError **error)
{
	bool shared = g_str_has_suffix(mount->propagation, "shared");

	if (!shared && !g_str_has_suffix(mount->propagation, "slave"))
		return true;
	char *real = realpath(mount->source, NULL);
	if (!real)
		return berth_error_set_errno(error, errno, "bind source %s", mount->source);
	g_autofree char *mountinfo = berth_read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, NULL, error);
	bool right = mountinfo && berth_spec_check_propagation(mountinfo, real, shared, error);
	free(real);
	return right;
}

static void add_mapping(GPtrArray *list, int64_t on_disk, int64_t seen, int64_t count)
{
	if (count <= 0)
		return;
	struct oci_id_mapping *mapping = berth_document_new(&oci_id_mapping_document);
	mapping->container_id = on_disk;
	mapping->host_id = seen;
	mapping->size = count;
	g_ptr_array_add(list, mapping);
}

// The two ids change places, and all others stay: so whatever is there has an owner, and each owner one id.
static GPtrArray *exchange(int64_t one, int64_t other)
{
	GPtrArray *list = berth_objects_new();
	int64_t low = MIN(one, other), high = MAX(one, other);

	add_mapping(list, 0, 0, low);
	add_mapping(list, low, high, 1);
	add_mapping(list, low + 1, low + 1, high - low - 1);
	if (high > low)
		add_mapping(list, high, low, 1);
	add_mapping(list, high + 1, high + 1, (int64_t) G_MAXUINT32 - high - 1);
	return list;
}

// Who owns the source on its file system is who was asked for, in the container.
static bool map_owner(const struct berth_container_mount *own, const char *source, struct oci_mount *mount,
		      GError **error)
{
	struct stat status;

	if (own->uid == BERTH_UNSET && own->gid == BERTH_UNSET)
		return true;
	if (stat(source, &status) < 0)
		return berth_error_set_errno(error, errno, "source %s of the mount at %s", source, own->destination);
	mount->uid_mappings = exchange(status.st_uid, own->uid == BERTH_UNSET ? status.st_uid : own->uid);
	mount->gid_mappings = exchange(status.st_gid, own->gid == BERTH_UNSET ? status.st_gid : own->gid);
	return true;
}

// The ids on disk that are seen as some in the container, as the host's ids that these are.
static GPtrArray *compose(GPtrArray *seen, const GPtrArray *map)
{
	GPtrArray *list = berth_objects_new();

	for (guint i = 0; i < seen->len; i++) {
		const struct oci_id_mapping *one = seen->pdata[i];
		for (guint j = 0; j < map->len; j++) {
			const struct oci_id_mapping *two = map->pdata[j];
			int64_t first = MAX(one->host_id, two->container_id);
			int64_t end = MIN(one->host_id + one->size, two->container_id + two->size);
			add_mapping(list, one->container_id + first - one->host_id,
				    two->host_id + first - two->container_id, end - first);
		}
		berth_document_free(&oci_id_mapping_document, seen->pdata[i]);
	}
	g_ptr_array_unref(seen);
	return list;
}

// In a user namespace of its own the container sees its ids on what is its own, and on what is bound from the host
// unless ids of the host were kept. Images are mounted so already.
static void map_ids(const struct berth_spec *spec, const struct berth_container_mount *own, struct oci_mount *mount)
{
	const struct berth_container_users *users = spec->record->users;
	bool image = g_str_equal(own->type, "image"), bind = g_str_equal(own->type, "bind");

	if (!users || g_str_equal(own->type, "tmpfs") || image || (bind && !users->map_binds && !mount->uid_mappings))
		return;
	if (mount->uid_mappings) {
		mount->uid_mappings = compose(mount->uid_mappings, users->uids);
		mount->gid_mappings = compose(mount->gid_mappings, users->gids);
		return;
	}
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();
	g_strv_builder_addv(options, (const char **) mount->options);
	g_strv_builder_add(options, "ridmap");
	g_strfreev(mount->options);
	mount->options = g_strv_builder_end(options);
}

// Volumes that are file systems are mounted on the host without what is dangerous there.
static void undo_host(struct oci_mount *mount)
{
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();

	g_strv_builder_addv(options, (const char **) mount->options);
	g_strv_builder_add(options, "suid");
	g_strfreev(mount->options);
	mount->options = g_strv_builder_end(options);
}

static bool add_own(struct berth_spec *spec, GPtrArray *list, GError **error)
{
	static const struct berth_spec_source own_source = {0};
	const GPtrArray *mounts = spec->record->mounts;
	const GArray *sources = spec->input->sources;
	struct oci_linux_section *section = spec->config->os_linux;

	for (guint i = 0; mounts && i < mounts->len; i++) {
		const struct berth_container_mount *own = mounts->pdata[i];
		bool tmpfs = g_str_equal(own->type, "tmpfs");
		const char *propagation = own->propagation ? own->propagation : "";
		const struct berth_spec_source *other =
			sources ? &g_array_index(sources, struct berth_spec_source, i) : &own_source;
		const char *source = other->path ? other->path : own->source;
		struct oci_mount *mount =
			new_mount(list, own->destination, tmpfs ? "tmpfs" : "bind", tmpfs ? "tmpfs" : source);
		mount->options = g_strdupv(own->options);
		if (other->suid)
			undo_host(mount);
		if (!map_owner(own, source, mount, error))
			return false;
		map_ids(spec, own, mount);
		if (!tmpfs && own->propagation && !check_propagation(own, error))
			return false;
		// The root must let through what its mounts receive.
		bool shared = g_str_has_suffix(propagation, "shared");
		if (shared || (g_str_has_suffix(propagation, "slave") && !section->rootfs_propagation)) {
			g_free(section->rootfs_propagation);
			section->rootfs_propagation = g_strdup(shared ? "shared" : "slave");
		}
	}
	return true;
}

static unsigned depth(const char *path)
{
	unsigned count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

static int compare(const void *a, const void *b)
{
	const struct oci_mount *first = *(struct oci_mount *const *) a, *second = *(struct oci_mount *const *) b;
	unsigned left = depth(first->destination), right = depth(second->destination);

	return left != right ? (left < right ? -1 : 1) : strcmp(first->destination, second->destination);
}

bool berth_spec_mounts(struct berth_spec *spec, GError **error)
{
	GPtrArray *own = berth_objects_new();
	GPtrArray *all = berth_objects_new();

	spec->config->mounts = all;
	add_defaults(spec, all);
	add_files(spec, own);
	bool added = add_own(spec, own, error);
	g_ptr_array_sort(own, compare);
	g_ptr_array_extend_and_steal(all, own);
	spec->config->os_linux->masked_paths = g_strdupv(spec->host->masked_paths);
	spec->config->os_linux->readonly_paths = g_strdupv(spec->host->readonly_paths);
	return added;
}
