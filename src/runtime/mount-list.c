// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount-list.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void mounted_free(void *data)
{
	struct berth_mounted *mounted = data;

	g_free(mounted->device);
	g_free(mounted->root);
	g_free(mounted->point);
	g_free(mounted->type);
	g_free(mounted);
}

// ID PARENT DEVICE ROOT POINT OPTIONS [TAG…] - TYPE SOURCE OPTIONS; blanks in names are octal.
static struct berth_mounted *parse_line(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	guint count = g_strv_length(words), dash = 6;

	while (dash < count && !g_str_equal(words[dash], "-"))
		dash++;
	if (dash + 1 >= count)
		return NULL;
	struct berth_mounted *mounted = g_new0(struct berth_mounted, 1);
	mounted->id = (int) g_ascii_strtoll(words[0], NULL, 10);
	mounted->parent = (int) g_ascii_strtoll(words[1], NULL, 10);
	mounted->device = g_strdup(words[2]);
	mounted->root = g_strcompress(words[3]);
	mounted->point = g_strcompress(words[4]);
	mounted->type = g_strdup(words[dash + 1]);
	return mounted;
}

GPtrArray *berth_mount_list_parse(const char *mountinfo)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(mounted_free);
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

	for (char **line = lines; *line; line++) {
		struct berth_mounted *mounted = parse_line(*line);
		if (mounted)
			g_ptr_array_add(list, mounted);
	}
	return list;
}

GPtrArray *berth_mount_list(pid_t pid, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/mountinfo", (int) pid);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, error);

	return text ? berth_mount_list_parse(text) : NULL;
}

const struct berth_mounted *berth_mount_list_find(const GPtrArray *list, int id)
{
	for (guint i = 0; i < list->len; i++) {
		const struct berth_mounted *mounted = list->pdata[i];
		if (mounted->id == id)
			return mounted;
	}
	return NULL;
}

int berth_mount_id(int fd)
{
	struct statx info;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) < 0)
		return -1;
	if (!(info.stx_mask & STATX_MNT_ID)) {
		errno = ENOSYS;
		return -1;
	}
	return (int) info.stx_mnt_id;
}
