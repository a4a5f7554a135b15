// SPDX-License-Identifier: Apache-2.0
// The id maps of a new user namespace. Root writes them. An ordinary user may write a map of nothing but the own id;
// for the ids that /etc/subuid and /etc/subgid give, the set-id programs newuidmap and newgidmap are asked.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWN_OUTPUT 512

static bool write_map(pid_t pid, const char *file, const GPtrArray *mappings, GError **error)
{
	g_autofree struct berth_idmap *map = g_new0(struct berth_idmap, mappings->len);

	for (guint i = 0; i < mappings->len; i++) {
		const struct oci_id_mapping *mapping = mappings->pdata[i];
		map[i] = (struct berth_idmap){mapping->container_id, mapping->host_id, mapping->size};
	}
	return berth_idmap_write(pid, file, map, mappings->len, error);
}

static bool is_own(const GPtrArray *mappings, int64_t id)
{
	const struct oci_id_mapping *mapping = mappings->len == 1 ? mappings->pdata[0] : NULL;

	return mapping && mapping->host_id == id && mapping->size == 1;
}

// Without a helper that is trusted the kernel wants setgroups() to be denied: to drop a group can give rights.
static bool deny_setgroups(pid_t pid, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/setgroups", (int) pid);
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 ? berth_write_all(fd, "deny", 4, path, error)
		       : berth_error_set_errno(error, errno, "open %s", path);
}

G_GNUC_NORETURN static void execute(const char *program, char **arguments, int out)
{
	if (dup2(out, 1) == 1 && dup2(out, 2) == 2)
		execv(program, arguments);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

static bool run(const char *program, char **arguments, const char *file, GError **error)
{
	char text[SHOWN_OUTPUT + 1];
	berth_fd out = memfd_create("output", MFD_CLOEXEC);
	berth_fd pidfd = -1;
	pid_t pid = out < 0 ? -1 : berth_process_clone(0, -1, &pidfd);

	if (pid < 0)
		return berth_error_set_errno(error, errno, "run %s", program);
	if (pid == 0)
		execute(program, arguments, out);
	int status = berth_process_reap(pidfd);
	if (status == 0)
		return true;
	ssize_t n = pread(out, text, SHOWN_OUTPUT, 0);
	text[MAX(n, 0)] = 0;
	return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
			       "%s: exit status %d: %s (do all ids lie in the user's ranges of %s?)", program, status,
			       g_strstrip(text), file);
}

static bool run_helper(pid_t pid, const char *name, const char *file, const GPtrArray *mappings, GError **error)
{
	g_autofree char *program = g_find_program_in_path(name);
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

	if (!program)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "%s is not installed: without it (package uidmap) an ordinary user can map the "
				       "own id only",
				       name);
	g_ptr_array_add(arguments, g_strdup(name));
	g_ptr_array_add(arguments, g_strdup_printf("%d", (int) pid));
	for (guint i = 0; i < mappings->len; i++) {
		const struct oci_id_mapping *mapping = mappings->pdata[i];
		g_ptr_array_add(arguments, g_strdup_printf("%" G_GINT64_FORMAT, mapping->container_id));
		g_ptr_array_add(arguments, g_strdup_printf("%" G_GINT64_FORMAT, mapping->host_id));
		g_ptr_array_add(arguments, g_strdup_printf("%" G_GINT64_FORMAT, mapping->size));
	}
	g_ptr_array_add(arguments, NULL);
	return run(program, (char **) arguments->pdata, file, error);
}

bool berth_id_maps_write(const struct berth_setup *setup, pid_t pid, GError **error)
{
	const struct oci_linux_section *section = setup->section;

	if (!setup->unprivileged)
		return write_map(pid, "uid_map", section->uid_mappings, error) &&
		       write_map(pid, "gid_map", section->gid_mappings, error);
	if (is_own(section->uid_mappings, geteuid())) {
		if (!write_map(pid, "uid_map", section->uid_mappings, error))
			return false;
	} else if (!run_helper(pid, "newuidmap", "/etc/subuid", section->uid_mappings, error)) {
		return g_prefix_error(error, "linux.uidMappings: "), false;
	}
	if (is_own(section->gid_mappings, getegid()))
		return deny_setgroups(pid, error) && write_map(pid, "gid_map", section->gid_mappings, error);
	if (!run_helper(pid, "newgidmap", "/etc/subgid", section->gid_mappings, error))
		return g_prefix_error(error, "linux.gidMappings: "), false;
	return true;
}
