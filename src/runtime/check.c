// SPDX-License-Identifier: Apache-2.0
// What is wrong with a configuration, and what this version does not implement, is said before anything is made, with
// the property's name.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/limits.h"
#include "runtime/intel-rdt.h"
#include "runtime/seccomp.h"
#include "sys/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

#define ID_FIRST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-"

bool berth_check_id(const char *id, GError **error)
{
	size_t length = id ? strlen(id) : 0;

	if (length == 0 || length > BERTH_LIMIT_CONTAINER_NAME || !strchr(ID_FIRST, *id) ||
	    strspn(id, ID_FIRST ".") != length)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "container id \"%s\": has 1 to %d letters, digits and _+-. (not first)",
				       id ? id : "", BERTH_LIMIT_CONTAINER_NAME);
	return true;
}

// Annotations of crun that ask for programs or plug-ins which a static runtime has not.
static bool check_annotations(GHashTable *annotations, GError **error)
{
	static const char *const refused[] = {"run.oci.handler", "run.oci.seccomp.plugins",
					      "run.oci.systemd.force_cgroup_v1"};

	for (size_t i = 0; annotations && i < G_N_ELEMENTS(refused); i++) {
		const char *value = g_hash_table_lookup(annotations, refused[i]);
		if (value && *value)
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
					       "annotation %s: %s is not implemented", refused[i], value);
	}
	return true;
}

static bool check_mappings(const struct oci_linux_section *section, bool new_user, GError **error)
{
	const GPtrArray *const both[] = {section->uid_mappings, section->gid_mappings};

	for (size_t k = 0; k < G_N_ELEMENTS(both); k++) {
		guint count = both[k] ? both[k]->len : 0;
		if (new_user && !count)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.uidMappings and gidMappings: a new user namespace needs both");
		for (guint i = 0; i < count; i++) {
			const struct oci_id_mapping *map = both[k]->pdata[i];
			if (map->container_id < 0 || map->host_id < 0 || map->size <= 0 ||
			    map->container_id > G_MAXUINT32 || map->host_id > G_MAXUINT32 || map->size > G_MAXUINT32)
				return berth_error_set(
					error, BERTH_ERROR_INVALID,
					"linux.uidMappings and gidMappings: ids go from 0 to 4294967295");
		}
	}
	return true;
}

static bool has_text(char *const *list)
{
	return list && *list;
}

// Without a mount namespace the container is in the creator's, and only chroot keeps it in its root. Nothing is mounted
// for it there: it would be mounted on the host, and stay.
static bool check_without_mounts(const struct oci_config *config, const struct berth_create *create, GError **error)
{
	const struct oci_linux_section *section = config->os_linux;
	const struct {
		bool wanted;
		const char *name;
	} all[] = {
		{create->rootfs_fd >= 0, "the root is a mount of its own, which"},
		{config->root && config->root->readonly, "root.readonly"},
		{config->mounts && config->mounts->len, "mounts"},
		{section && has_text(section->masked_paths), "linux.maskedPaths"},
		{section && has_text(section->readonly_paths), "linux.readonlyPaths"},
		{section && section->rootfs_propagation && *section->rootfs_propagation, "linux.rootfsPropagation"},
		{section && section->devices && section->devices->len, "linux.devices"},
		{config->process && config->process->terminal, "process.terminal"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i].wanted)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"linux.namespaces: mount is required: without it, %s would be made on the "
				"host, and stay there",
				all[i].name);
	return true;
}

static bool check_namespaces(const struct oci_config *config, const struct berth_create *create, GError **error)
{
	const GPtrArray *list = config->os_linux ? config->os_linux->namespaces : NULL;
	unsigned seen = 0, new = 0;

	for (guint i = 0; list && i < list->len; i++) {
		const struct oci_namespace *namespace = list->pdata[i];
		unsigned flag = berth_namespace_flag(namespace->type);
		if (!flag)
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.namespaces: %s is not known",
					       namespace->type);
		if (seen & flag)
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.namespaces: %s is there twice",
					       namespace->type);
		if (namespace->path && *namespace->path && *namespace->path != '/')
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.namespaces: %s: the path must be absolute", namespace->type);
		seen |= flag;
		new |= namespace->path &&*namespace->path ? 0 : flag;
	}
	if (!(seen & CLONE_NEWNS) && !check_without_mounts(config, create, error))
		return false;
	if (!(seen & CLONE_NEWUTS) && config->hostname && *config->hostname)
		return berth_error_set(error, BERTH_ERROR_INVALID, "hostname: needs a uts namespace");
	if (!(seen & CLONE_NEWUTS) && config->domainname && *config->domainname)
		return berth_error_set(error, BERTH_ERROR_INVALID, "domainname: needs a uts namespace");
	return berth_time_check(config->os_linux, new, error) &&
	       check_mappings(config->os_linux, new &CLONE_NEWUSER, error);
}

static bool check_devices(const struct oci_linux_section *section, GError **error)
{
	for (guint i = 0; section && section->devices && i < section->devices->len; i++) {
		const struct oci_device *device = section->devices->pdata[i];
		if (strlen(device->type) != 1 || !strchr("cbup", *device->type))
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.devices: %s: type %s is not known",
					       device->path, device->type);
		if (*device->path != '/' || g_str_has_suffix(device->path, "/"))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.devices: %s: must be an absolute path of a file", device->path);
		if (device->major < 0 || device->major > 4095 || device->minor < 0 || device->minor > 1048575)
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.devices: %s: no such device number",
					       device->path);
	}
	return true;
}

bool berth_check_process(const struct oci_process *process, GError **error)
{
	if (!process)
		return true;
	if (!process->args || !process->args[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.args: is empty");
	return berth_identity_check(process, error) && berth_limits_check(process, error) &&
	       berth_affinity_check(process->exec_cpu_affinity, error);
}

static bool check_hooks(const struct oci_hooks *hooks, GError **error)
{
	if (!hooks)
		return true;
	const GPtrArray *const all[] = {hooks->prestart,        hooks->create_runtime, hooks->create_container,
					hooks->start_container, hooks->poststart,      hooks->poststop};
	for (size_t k = 0; k < G_N_ELEMENTS(all); k++) {
		for (guint i = 0; all[k] && i < all[k]->len; i++) {
			const struct oci_hook *hook = all[k]->pdata[i];
			if (*hook->path != '/')
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "hooks: %s: the path must be absolute", hook->path);
			if (hook->timeout < 0)
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "hooks: %s: the timeout must be above 0", hook->path);
		}
	}
	return true;
}

bool berth_check_preserved(int count, GError **error)
{
	if (count < 0 || count > 1 << 20)
		return berth_error_set(error, BERTH_ERROR_INVALID, "preserved descriptors: %d of them", count);
	// What is closed at exec anyway is our own, and not what the caller's caller passed on.
	for (int fd = 3; fd < 3 + count; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || flags & FD_CLOEXEC)
			return berth_error_set(error, BERTH_ERROR_INVALID, "preserved descriptors: %d is not open", fd);
	}
	return true;
}

bool berth_check_config(const struct oci_config *config, const struct berth_create *create, GError **error)
{
	const struct oci_linux_section *section = config->os_linux;
	bool recursive;

	if (!g_ascii_isdigit(*config->oci_version) || !strchr(config->oci_version, '.'))
		return berth_error_set(error, BERTH_ERROR_INVALID, "ociVersion %s: is no version", config->oci_version);
	if (create->rootfs_fd < 0 && (!config->root || !*config->root->path))
		return berth_error_set(error, BERTH_ERROR_INVALID, "root.path: is missing");
	if (section && section->rootfs_propagation && *section->rootfs_propagation &&
	    !berth_mount_propagation(section->rootfs_propagation, &recursive))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.rootfsPropagation: %s is not known",
				       section->rootfs_propagation);
	for (guint i = 0; config->mounts && i < config->mounts->len; i++) {
		const struct oci_mount *mount = config->mounts->pdata[i];
		if (!*mount->destination)
			return berth_error_set(error, BERTH_ERROR_INVALID, "mounts: a destination is empty");
		bool bind = mount->options && (g_strv_contains((const char *const *) mount->options, "bind") ||
					       g_strv_contains((const char *const *) mount->options, "rbind") ||
					       g_strv_contains((const char *const *) mount->options, "remount"));
		if (!bind && (!mount->type || !*mount->type))
			return berth_error_set(error, BERTH_ERROR_INVALID, "mounts: %s: has no type",
					       mount->destination);
		if (!berth_idmap_mount_check(mount, error))
			return false;
	}
	return check_namespaces(config, create, error) && check_devices(section, error) &&
	       berth_check_process(config->process, error) && check_hooks(config->hooks, error) &&
	       berth_check_preserved(create->preserve_fds, error) && check_annotations(config->annotations, error) &&
	       (!section || (berth_identity_check_personality(section->personality, error) &&
			     berth_memory_policy_check(section->memory_policy, error) &&
			     berth_net_devices_check(section, error) && berth_rdt_check(section->intel_rdt, error)));
}
