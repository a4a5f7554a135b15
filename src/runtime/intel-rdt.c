// SPDX-License-Identifier: Apache-2.0
#include "runtime/intel-rdt.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DEFAULT_ROOT "/sys/fs/resctrl"
#define RESCTRL_MAGIC 0x7655821 // RDTGROUP_SUPER_MAGIC

static const struct berth_field rdt_fields[] = {
	BERTH_STRING(struct berth_rdt, group, "group", BERTH_REQUIRED),
	BERTH_STRING(struct berth_rdt, monitor, "monitor", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_rdt, own, "own", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_rdt_document = {"rdt", sizeof(struct berth_rdt), rdt_fields};

static bool has_text(const char *text)
{
	return text && *text;
}

static bool has_schemata(const struct oci_intel_rdt *wanted)
{
	return has_text(wanted->l3_cache_schema) || has_text(wanted->mem_bw_schema) ||
	       (wanted->schemata && *wanted->schemata);
}

bool berth_rdt_check(const struct oci_intel_rdt *wanted, GError **error)
{
	static const char *const kernels[] = {".", "..", "info", "mon_groups", "mon_data", NULL};

	if (!wanted)
		return true;
	const char *class = wanted->clos_id;
	if (has_text(class) && !g_str_equal(class, "/") && (strchr(class, '/') || g_strv_contains(kernels, class)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.intelRdt.closID: %s is no name of a class",
				       class);
	if (has_text(wanted->mem_bw_schema) &&
	    (!g_str_has_prefix(wanted->mem_bw_schema, "MB:") || strchr(wanted->mem_bw_schema, '\n')))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"linux.intelRdt.memBwSchema: %s is no line that begins with MB:", wanted->mem_bw_schema);
	for (char **line = wanted->schemata; line && *line; line++)
		if (!**line || strchr(*line, '\n'))
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.intelRdt.schemata: \"%s\" is no line",
					       *line);
	return true;
}

static int open_if_resctrl(const char *path)
{
	berth_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == RESCTRL_MAGIC ? berth_fd_steal(&fd) : -1;
}

int berth_rdt_open_root(GError **error)
{
	berth_fd root = open_if_resctrl(DEFAULT_ROOT);
	g_autofree char *text =
		root >= 0 ? NULL : berth_read_file_at(AT_FDCWD, "/proc/self/mountinfo", BERTH_LIMIT_JSON, NULL, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

	for (char **line = lines; root < 0 && line && *line; line++) {
		if (!strstr(*line, " - resctrl "))
			continue;
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);
		g_autofree char *path = g_strv_length(fields) == 6 ? g_strcompress(fields[4]) : NULL;
		if (path)
			root = open_if_resctrl(path);
	}
	if (root < 0)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"linux.intelRdt: no resctrl file system is mounted (" DEFAULT_ROOT ")");
	return berth_fd_steal(&root);
}

// "" is the root itself.
static int open_group(int root, const char *group, GError **error)
{
	int fd = openat(root, *group ? group : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		berth_error_set_errno(error, errno, "linux.intelRdt: class %s", group);
	return fd;
}

static bool make_class(int root, struct berth_rdt *rdt, bool must_exist, bool *ret_made, GError **error)
{
	struct stat st;

	if (!*rdt->group)
		return true;
	if (must_exist)
		return fstatat(root, rdt->group, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		       berth_error_set_errno(error, errno, "linux.intelRdt.closID: class %s", rdt->group);
	*ret_made = mkdirat(root, rdt->group, 0755) == 0;
	return *ret_made || errno == EEXIST ||
	       berth_error_set_errno(error, errno, "linux.intelRdt: make class %s", rdt->group);
}

static bool make_monitor(int root, const struct berth_rdt *rdt, GError **error)
{
	if (!rdt->monitor)
		return true;
	berth_fd group = open_group(root, rdt->group, error);
	g_autofree char *path = g_strconcat("mon_groups/", rdt->monitor, NULL);
	if (group < 0)
		return false;
	return mkdirat(group, path, 0755) == 0 || errno == EEXIST ||
	       berth_error_set_errno(error, errno, "linux.intelRdt.enableMonitoring: make group %s", rdt->monitor);
}

struct berth_rdt *berth_rdt_make(int root, const struct oci_intel_rdt *wanted, const char *id, GError **error)
{
	g_autoptr(berth_rdt) rdt = berth_document_new(&berth_rdt_document);
	bool named = has_text(wanted->clos_id), made = false;

	rdt->group = g_strdup(!named ? id : g_str_equal(wanted->clos_id, "/") ? "" : wanted->clos_id);
	rdt->monitor = wanted->enable_monitoring ? g_strdup(id) : NULL;
	rdt->own = !named;
	if (!make_class(root, rdt, named && !has_schemata(wanted), &made, error))
		return NULL;
	if (!make_monitor(root, rdt, error)) {
		if (made)
			unlinkat(root, rdt->group, AT_REMOVEDIR);
		return NULL;
	}
	return g_steal_pointer(&rdt);
}

// The kernel's own words on what it did not like.
static bool refuse(int root, int errnum, const char *line, GError **error)
{
	g_autofree char *why = berth_read_file_at(root, "info/last_cmd_status", BERTH_LIMIT_PACKET, NULL, NULL);

	berth_error_set_errno(error, errnum, "linux.intelRdt: \"%s\"", line);
	if (why && *g_strchomp(why) && !g_str_equal(why, "ok"))
		g_prefix_error(error, "%s: ", why);
	return false;
}

static bool write_line(int root, int file, const char *line, GError **error)
{
	g_autofree char *text = g_strconcat(line, "\n", NULL);

	return write(file, text, strlen(text)) == (ssize_t) strlen(text) || refuse(root, errno, line, error);
}

bool berth_rdt_configure(int root, const struct berth_rdt *rdt, const struct oci_intel_rdt *wanted, GError **error)
{
	if (!has_schemata(wanted))
		return true;
	berth_fd group = open_group(root, rdt->group, error);
	berth_fd file = group < 0 ? -1 : openat(group, "schemata", O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (group < 0)
		return false;
	if (file < 0)
		return berth_error_set_errno(error, errno, "linux.intelRdt: open schemata of class %s", rdt->group);
	g_auto(GStrv) caches = g_strsplit(has_text(wanted->l3_cache_schema) ? wanted->l3_cache_schema : "", "\n", -1);
	for (char **line = caches; *line; line++) // bandwidth has a property of its own
		if (**line && !g_str_has_prefix(*line, "MB:") && !write_line(root, file, *line, error))
			return false;
	if (has_text(wanted->mem_bw_schema) && !write_line(root, file, wanted->mem_bw_schema, error))
		return false;
	for (char **line = wanted->schemata; line && *line; line++)
		if (!write_line(root, file, *line, error))
			return false;
	return true;
}

static bool write_pid(int group, const char *path, pid_t pid, GError **error)
{
	berth_fd file = openat(group, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[16];
	int length = g_snprintf(text, sizeof text, "%d", (int) pid);

	if (file < 0 || write(file, text, (size_t) length) != length)
		return berth_error_set_errno(error, errno, "linux.intelRdt: write %s", path);
	return true;
}

bool berth_rdt_enter(int root, const struct berth_rdt *rdt, pid_t pid, GError **error)
{
	berth_fd group = open_group(root, rdt->group, error);

	if (group < 0 || !write_pid(group, "tasks", pid, error))
		return false;
	if (!rdt->monitor)
		return true;
	g_autofree char *path = g_strconcat("mon_groups/", rdt->monitor, "/tasks", NULL);
	return write_pid(group, path, pid, error);
}

bool berth_rdt_remove(int root, const struct berth_rdt *rdt, GError **error)
{
	if (rdt->monitor) {
		g_autofree char *path =
			g_strconcat(rdt->group, *rdt->group ? "/" : "", "mon_groups/", rdt->monitor, NULL);
		if (unlinkat(root, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "linux.intelRdt: remove %s", path);
	}
	if (rdt->own && unlinkat(root, rdt->group, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "linux.intelRdt: remove class %s", rdt->group);
	return true;
}
