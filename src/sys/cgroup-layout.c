// SPDX-License-Identifier: Apache-2.0
// Which hierarchies there are. The mounts decide, not the kernel's version: v2 on /sys/fs/cgroup makes the layout v2
// even when some v1 hierarchy is mounted elsewhere; else v1 hierarchies count, and a v2 beside them makes it hybrid.
#include "sys/cgroup-internal.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define MOUNTINFO_MAX (16 << 20)

// Options of the superblock that are no controllers.
static const char *const options[] = {"rw",
				      "ro",
				      "clone_children",
				      "noprefix",
				      "xattr",
				      "cpuset_v2_mode",
				      "favordynmods",
				      "nsdelegate",
				      "memory_localevents",
				      "memory_recursiveprot",
				      "memory_hugetlb_accounting",
				      "pids_localevents",
				      "seclabel",
				      "none",
				      NULL};

static void mount_free(void *data)
{
	struct berth_cgroup_mount *mount = data;
	g_free(mount->point);
	g_strfreev(mount->controllers);
	g_free(mount);
}

static bool is_controller(const char *word)
{
	return *word && !g_strv_contains(options, word) && !g_str_has_prefix(word, "release_agent=");
}

struct berth_cgroup_mount *berth_cgroup_mounts_add(struct berth_cgroup_mounts *mounts, const char *point,
						   const char *controllers, bool v2)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) words = g_strsplit_set(controllers, ", ", -1);
	struct berth_cgroup_mount *mount = g_new0(struct berth_cgroup_mount, 1);

	mount->optional = true;
	for (char **word = words; *word; word++) {
		if (!is_controller(*word))
			continue;
		g_strv_builder_add(builder, *word);
		mount->optional = mount->optional && g_str_has_prefix(*word, "name=");
	}
	mount->point = g_strdup(point);
	mount->controllers = g_strv_builder_end(builder);
	mount->v2 = v2;
	g_ptr_array_add(mounts->list, mount);
	return mount;
}

// A named hierarchy is of no use to us, but systemd's shows which container a process belongs to.
static bool is_wanted(const struct berth_cgroup_mount *mount, const struct berth_cgroup_mounts *mounts)
{
	if (mount->optional && !g_strv_contains((const char *const *) mount->controllers, "name=systemd"))
		return false;
	for (unsigned i = 0; i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *other = g_ptr_array_index(mounts->list, i);
		if (other != mount && !other->v2 &&
		    g_strv_equal((const char *const *) other->controllers, (const char *const *) mount->controllers))
			return false;
	}
	return true;
}

// Adds what one line of mountinfo (proc(5)) tells: "36 35 98:0 /root /point options tags… - type source superoptions".
static void add_line(struct berth_cgroup_mounts *mounts, const char *line, GString *v2)
{
	const char *tail = strstr(line, " - cgroup");
	if (!tail)
		return;
	g_autofree char *front = g_strndup(line, (size_t) (tail - line));
	g_auto(GStrv) head = g_strsplit(front, " ", -1);
	g_auto(GStrv) rest = g_strsplit(tail + strlen(" - "), " ", 3);
	if (g_strv_length(head) < 6 || g_strv_length(rest) < 3)
		return;

	g_autofree char *point = g_strcompress(head[4]); // \040
	if (g_str_equal(rest[0], "cgroup2")) {
		if (v2->len == 0 || g_str_equal(point, CGROUP_ROOT))
			g_string_assign(v2, point);
	} else if (g_str_equal(rest[0], "cgroup")) {
		struct berth_cgroup_mount *mount = berth_cgroup_mounts_add(mounts, point, rest[2], false);
		if (!is_wanted(mount, mounts))
			g_ptr_array_remove(mounts->list, mount);
	}
}

struct berth_cgroup_mounts *berth_cgroup_mounts_parse(const char *mountinfo)
{
	struct berth_cgroup_mounts *mounts = g_new0(struct berth_cgroup_mounts, 1);
	g_autoptr(GString) v2 = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

	mounts->list = g_ptr_array_new_with_free_func(mount_free);
	for (char **line = lines; *line; line++)
		add_line(mounts, *line, v2);

	bool has_v1 = false;
	for (unsigned i = 0; i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *mount = g_ptr_array_index(mounts->list, i);
		has_v1 = has_v1 || !mount->optional;
	}
	if (v2->len > 0 && (!has_v1 || g_str_equal(v2->str, CGROUP_ROOT))) {
		g_ptr_array_set_size(mounts->list, 0);
		mounts->kind = BERTH_CGROUP_V2;
	} else if (has_v1) {
		mounts->kind = v2->len > 0 ? BERTH_CGROUP_HYBRID : BERTH_CGROUP_V1;
	} else {
		g_ptr_array_set_size(mounts->list, 0);
		mounts->kind = BERTH_CGROUP_NONE;
	}
	if (v2->len > 0)
		berth_cgroup_mounts_add(mounts, v2->str, "", true)->optional =
			has_v1 && mounts->kind != BERTH_CGROUP_V2;
	return mounts;
}

// What is mounted on the root decides, if it is v2; so the table of mounts, which on a host of many containers is long,
// need not be read.
static bool root_is_v2(void)
{
	struct statfs fs;

	return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

struct berth_cgroup_mounts *berth_cgroup_mounts_load(void)
{
	if (root_is_v2())
		return berth_cgroup_mounts_parse("1 1 0:1 / " CGROUP_ROOT " rw - cgroup2 cgroup2 rw");
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, NULL, NULL);
	return berth_cgroup_mounts_parse(text ? text : "");
}

void berth_cgroup_mounts_free(struct berth_cgroup_mounts *mounts)
{
	if (!mounts)
		return;
	g_ptr_array_unref(mounts->list);
	g_free(mounts);
}

enum berth_cgroup_layout berth_cgroup_layout(void)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	return mounts->kind;
}
