// SPDX-License-Identifier: Apache-2.0
// Kills for want of memory, from counters in plain folders that the test writes in the kernel's place. An empty file is
// that of a group that is gone.
#include "base/fd.h"
#include "runtime/oom.h"

#include <fcntl.h>
#include <unistd.h>

struct group {
	char *parent, *folder;
	int fd;
};

static void set(const struct group *group, const char *name, const char *text)
{
	berth_fd fd = openat(group->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	g_autofree char *padded = g_strdup_printf("%-64s", text);

	// Never empty in between, as truncating it first would make it.
	g_assert_true(fd >= 0 && (*text ? pwrite(fd, padded, 64, 0) == 64 : ftruncate(fd, 0) == 0));
}

static void make(struct group *group)
{
	group->parent = g_dir_make_tmp("berth-oom-XXXXXX", NULL);
	group->folder = g_build_filename(group->parent, "group", NULL);
	g_assert_cmpint(g_mkdir_with_parents(group->folder, 0700), ==, 0);
	group->fd = open(group->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	set(group, "memory.events", "oom_kill 0\n");
	set(group, "../memory.events", "oom_kill 7\n");
	set(group, "memory.oom_control", "oom_kill 0\n");
	set(group, "cgroup.event_control", "");
}

static void clear(struct group *group, struct berth_oom_watch *watch)
{
	static const char *const names[] = {"memory.events", "../memory.events", "memory.oom_control",
					    "cgroup.event_control"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		unlinkat(group->fd, names[i], 0);
	berth_oom_watch_close(watch);
	berth_fd_clear(&group->fd);
	g_assert_cmpint(rmdir(group->folder), ==, 0);
	g_assert_cmpint(rmdir(group->parent), ==, 0);
	g_free(group->folder);
	g_free(group->parent);
}

static void test_counted(void)
{
	struct berth_oom_watch watch;
	struct group group;

	make(&group);
	g_assert_true(berth_oom_watch_open_folder(&watch, group.fd, true, NULL));
	g_assert_cmpint(berth_oom_watch_look(&watch, false), ==, 0);
	g_assert_cmpint(watch.look_until, ==, 0);
	set(&group, "memory.events", "max 3\noom_kill 0\n");
	g_assert_cmpint(berth_oom_watch_look(&watch, false), ==, 0);
	g_assert_cmpint(watch.look_until, >, g_get_monotonic_time()); // it may follow
	set(&group, "../memory.events", "oom_kill 9\n");
	set(&group, "memory.events", "max 3\noom_kill 2\n");
	g_assert_cmpint(berth_oom_watch_look(&watch, false), ==, 2);
	g_assert_cmpint(berth_oom_watch_look(&watch, false), ==, 0);
	// Gone afterwards for another reason.
	set(&group, "memory.events", "");
	g_assert_cmpint(berth_oom_watch_look(&watch, true), ==, 0);
	clear(&group, &watch);
}

// The last process is killed, and the group goes with it.
static void test_gone(void)
{
	static const struct {
		const char *parent; // its counter then
		bool news; // the kernel told that memory is short
		bool ended;
		uint64_t expected;
	} cases[] = {
		{"oom_kill 8\n", true, true, 1},
		{"oom_kill 7\n", true, true, 0}, // short, and something else killed it
		{"oom_kill 8\n", false, true, 0}, // one of another group
		{"oom_kill 8\n", true, false, 0}, // not yet
		{"", true, true, 1}, // the parent is gone, too
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_oom_watch watch;
		struct group group;

		make(&group);
		g_assert_true(berth_oom_watch_open_folder(&watch, group.fd, true, NULL));
		if (cases[i].news)
			set(&group, "memory.events", "max 3\noom_kill 0\n");
		berth_oom_watch_look(&watch, false);
		set(&group, "../memory.events", cases[i].parent);
		set(&group, "memory.events", "");
		// Emptying a file is a change for inotify, too: not one that the kernel makes.
		char buffer[4096];
		while (read(watch.fd, buffer, sizeof buffer) > 0)
			;
		g_assert_cmpint(berth_oom_watch_look(&watch, cases[i].ended), ==, cases[i].expected);
		if (cases[i].ended)
			g_assert_cmpint(berth_oom_watch_look(&watch, true), ==, 0); // once
		clear(&group, &watch);
	}
}

static void test_v1(void)
{
	static const struct {
		uint64_t before, after; // how often the eventfd was signalled, before the group went and by then
		uint64_t expected;
	} cases[] = {{0, 1, 0}, {1, 1, 1}, {0, 2, 1}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_oom_watch watch;
		struct group group;

		make(&group);
		g_assert_true(berth_oom_watch_open_folder(&watch, group.fd, false, NULL));
		if (cases[i].before)
			g_assert_cmpint(write(watch.fd, &cases[i].before, 8), ==, 8);
		g_assert_cmpint(berth_oom_watch_look(&watch, false), ==, 0);
		set(&group, "memory.oom_control", "");
		g_assert_cmpint(write(watch.fd, &cases[i].after, 8), ==, 8);
		g_assert_cmpint(berth_oom_watch_look(&watch, true), ==, cases[i].expected);
		clear(&group, &watch);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oom/counted", test_counted);
	g_test_add_func("/oom/gone", test_gone);
	g_test_add_func("/oom/v1", test_v1);
	return g_test_run();
}
