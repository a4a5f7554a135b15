// SPDX-License-Identifier: Apache-2.0
// Device nodes and who may use what: nothing but the harmless ones, those that were asked for, or for a privileged
// container all that the host has.
#include "engine/spec/spec-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FOLDERS_DEEP 16

static void add_rule(struct berth_spec *spec, bool allow, const char *type, int64_t major, int64_t minor,
		     const char *access)
{
	struct oci_device_rule *rule = berth_document_new(&oci_device_rule_document);

	rule->allow = allow;
	rule->type = g_strdup(type);
	rule->major = major;
	rule->minor = minor;
	rule->access = g_strdup(access);
	g_ptr_array_add(spec->config->os_linux->resources->devices, rule);
}

static const char *type_of(const struct stat *status)
{
	return S_ISCHR(status->st_mode) ? "c" : S_ISBLK(status->st_mode) ? "b" : NULL;
}

static bool add_node(struct berth_spec *spec, const char *path, const struct stat *status, GError **error)
{
	GPtrArray *devices = spec->config->os_linux->devices;

	if (devices->len >= BERTH_LIMIT_DEVICE_RULES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "more than %d devices",
				       BERTH_LIMIT_DEVICE_RULES);
	struct oci_device *device = berth_document_new(&oci_device_document);
	device->type = g_strdup(type_of(status));
	device->path = g_strdup(path);
	device->major = major(status->st_rdev);
	device->minor = minor(status->st_rdev);
	device->file_mode = status->st_mode & 07777;
	device->uid = status->st_uid;
	device->gid = status->st_gid;
	g_ptr_array_add(devices, device);
	return true;
}

// `access` NULL: nodes only.
static bool add_device(struct berth_spec *spec, const char *path, const struct stat *status, const char *access,
		       GError **error)
{
	if (!add_node(spec, path, status, error))
		return false;
	if (access)
		add_rule(spec, true, type_of(status), major(status->st_rdev), minor(status->st_rdev), access);
	return true;
}

// What stands in /dev and belongs to somebody else.
static bool is_foreign(const char *name)
{
	static const char *const names[] = {"pts",   "shm",     "fd",   "mqueue",    ".lxc", ".lxd-mounts",
					    ".udev", "console", "ptmx", "hugepages", NULL};

	return g_strv_contains(names, name);
}

static bool add_folder(struct berth_spec *spec, int folder, const char *path, const char *access, unsigned depth,
		       GError **error);

static bool add_entry(struct berth_spec *spec, int folder, const char *name, const char *path, const char *access,
		      unsigned depth, GError **error)
{
	struct stat status;

	// Links are not followed: what they lead to is found where it is. What goes away meanwhile is not there.
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "look at %s", path);
	if (S_ISDIR(status.st_mode)) {
		berth_fd inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (inner < 0)
			return errno == ENOENT || berth_error_set_errno(error, errno, "open %s", path);
		return add_folder(spec, inner, path, access, depth + 1, error);
	}
	return !type_of(&status) || add_device(spec, path, &status, access, error);
}

static bool add_folder(struct berth_spec *spec, int folder, const char *path, const char *access, unsigned depth,
		       GError **error)
{
	int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = again < 0 ? NULL : fdopendir(again);
	bool added = true;

	if (!entries) {
		berth_error_set_errno(error, errno, "read %s", path);
		berth_fd_clear(&again);
		return false;
	}
	if (depth > FOLDERS_DEEP)
		added = berth_error_set(error, BERTH_ERROR_INVALID, "%s: folders are nested too deeply", path);
	for (struct dirent *entry; added && (entry = readdir(entries));) {
		g_autofree char *inner = g_build_filename(path, entry->d_name, NULL);
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, "..") &&
		    !(g_str_has_prefix(path, "/dev") && is_foreign(entry->d_name)))
			added = add_entry(spec, folder, entry->d_name, inner, access, depth, error);
	}
	closedir(entries);
	return added;
}

static bool add_mapping(struct berth_spec *spec, const struct api_device_mapping *mapping, GError **error)
{
	const char *source = mapping->path_on_host;
	struct stat status;
	// A privileged container may use all devices anyway.
	const char *access = spec->host->privileged ? NULL : mapping->cgroup_permissions;
	berth_fd fd = open(source, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "error gathering device information while adding custom device \"%s\": %s",
				       source, g_strerror(errno));
	if (type_of(&status))
		return add_device(spec, mapping->path_in_container, &status, access, error);
	if (!S_ISDIR(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "error gathering device information while adding custom device \"%s\": not a "
				       "device node",
				       source);
	return add_folder(spec, fd, mapping->path_in_container, access, 0, error);
}

// "c 1:3 rwm"; berth_plan_make() has checked it.
static void add_custom_rule(struct berth_spec *spec, const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " :", 4);
	int64_t numbers[2];

	for (int i = 0; i < 2; i++)
		numbers[i] = *words[1 + i] == '*' ? BERTH_UNSET : g_ascii_strtoll(words[1 + i], NULL, 10);
	add_rule(spec, true, words[0], numbers[0], numbers[1], words[3]);
}

// Anyone may make nodes; only these can be opened.
static void add_default_rules(struct berth_spec *spec)
{
	static const struct {
		int64_t major, minor;
	} harmless[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, BERTH_UNSET}};

	add_rule(spec, false, "a", BERTH_UNSET, BERTH_UNSET, "rwm");
	add_rule(spec, true, "c", BERTH_UNSET, BERTH_UNSET, "m");
	add_rule(spec, true, "b", BERTH_UNSET, BERTH_UNSET, "m");
	for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++)
		add_rule(spec, true, "c", harmless[i].major, harmless[i].minor, "rwm");
}

static bool brings_dev(const struct berth_container_record *record)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++)
		if (g_str_equal(((const struct berth_container_mount *) record->mounts->pdata[i])->destination, "/dev"))
			return true;
	return false;
}

static bool add_host_devices(struct berth_spec *spec, GError **error)
{
	berth_fd dev = -1;

	if (!spec->host->privileged || brings_dev(spec->record))
		return true;
	dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return berth_error_set_errno(error, errno, "open /dev");
	return add_folder(spec, dev, "/dev", NULL, 0, error);
}

bool berth_spec_devices(struct berth_spec *spec, GError **error)
{
	const struct api_host_config *host = spec->host;
	struct oci_linux_section *section = spec->config->os_linux;

	section->resources = berth_document_new(&oci_resources_document);
	section->resources->devices = berth_objects_new();
	section->devices = berth_objects_new();
	if (host->privileged)
		add_rule(spec, true, "a", BERTH_UNSET, BERTH_UNSET, "rwm");
	else
		add_default_rules(spec);
	for (guint i = 0; host->devices && i < host->devices->len; i++)
		if (!add_mapping(spec, host->devices->pdata[i], error))
			return false;
	for (char **rule = host->device_cgroup_rules; !host->privileged && rule && *rule; rule++)
		add_custom_rule(spec, *rule);
	return add_host_devices(spec, error);
}
