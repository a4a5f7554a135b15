// SPDX-License-Identifier: Apache-2.0
// Layouts are told from texts of mountinfo, v2's files are checked in plain folders, and everything that the kernel
// does is done with real groups named /berth-test-<pid>/… of whatever layout this machine has.
#include "base/error.h"
#include "base/fd.h"
#include "sys/bpf-devices.h"
#include "sys/cgroup-internal.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static char *own_path(const char *name)
{
	return g_strdup_printf("/berth-test-%d%s", (int) getpid(), name);
}

static bool can_run(void)
{
	if (geteuid() != 0 || berth_cgroup_layout() == BERTH_CGROUP_NONE) {
		g_test_skip("needs root and a cgroup file system");
		return false;
	}
	return true;
}

struct fixture {
	struct berth_cgroup *cgroup;
};

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = own_path("/a");

	if (!can_run())
		return;
	berth_cgroup_create(path, &fixture->cgroup, &error);
	g_assert_no_error(error);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup) parent = NULL;
	g_autofree char *path = own_path("");

	if (!fixture->cgroup)
		return;
	berth_cgroup_signal(fixture->cgroup, SIGKILL, &error);
	g_assert_no_error(error);
	berth_cgroup_free(fixture->cgroup);
	berth_cgroup_open(path, &parent, &error);
	g_assert_no_error(error);
	berth_cgroup_remove(parent, 2000, &error);
	g_assert_no_error(error);
	g_clear_pointer(&parent, berth_cgroup_free);
	g_assert_false(berth_cgroup_open(path, &parent, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

// A child that joins the group before it does anything; its exit status is main's.
static pid_t spawn(struct berth_cgroup *cgroup, int (*main)(void))
{
	g_autoptr(GError) error = NULL;
	int gate[2];

	g_assert_cmpint(pipe2(gate, O_CLOEXEC), ==, 0);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		close(gate[1]);
		if (read(gate[0], &byte, 1) != 0)
			_exit(99);
		_exit(main());
	}
	g_assert_cmpint(pid, >, 0);
	berth_cgroup_join(cgroup, pid, &error);
	g_assert_no_error(error);
	close(gate[0]);
	close(gate[1]);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status;
}

static int sleep_long(void)
{
	sleep(60);
	return 0;
}

static const char hybrid[] = "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
			     "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
			     "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
			     "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,clone_children\n"
			     "34 31 0:30 / /mnt/other\\040place rw - cgroup cgroup rw,memory\n"
			     "35 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
			     "rw,xattr,release_agent=/lib/x,name=systemd\n"
			     "36 31 0:32 / /sys/fs/cgroup/elogind rw - cgroup cgroup rw,name=elogind\n"
			     "37 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

static void test_layout_hybrid(void)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse(hybrid);
	g_assert_cmpint(mounts->kind, ==, BERTH_CGROUP_HYBRID);
	g_assert_cmpuint(mounts->list->len, ==, 4);

	const struct berth_cgroup_mount *mount = g_ptr_array_index(mounts->list, 0);
	g_assert_cmpstr(mount->point, ==, "/sys/fs/cgroup/cpu,cpuacct");
	g_assert_cmpuint(g_strv_length(mount->controllers), ==, 2);
	g_assert_cmpstr(mount->controllers[1], ==, "cpuacct");
	mount = g_ptr_array_index(mounts->list, 1);
	g_assert_cmpuint(g_strv_length(mount->controllers), ==, 1);
	g_assert_false(mount->optional);
	mount = g_ptr_array_index(mounts->list, 2);
	g_assert_cmpstr(mount->controllers[0], ==, "name=systemd");
	g_assert_true(mount->optional);
	mount = g_ptr_array_index(mounts->list, 3);
	g_assert_true(mount->v2 && mount->optional);
}

static void test_layout_others(void)
{
	static const struct {
		const char *text;
		enum berth_cgroup_layout kind;
		unsigned count;
	} cases[] = {
		{"", BERTH_CGROUP_NONE, 0},
		{"garbage\n - cgroup\n1 2 3 - cgroup2 x rw\n", BERTH_CGROUP_NONE, 0},
		{"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", BERTH_CGROUP_V2, 1},
		{"30 23 0:26 / /mnt/cg rw - cgroup2 cgroup2 rw\n", BERTH_CGROUP_V2, 1},
		// Another program's v1 hierarchy beside v2 changes nothing.
		{"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		 "31 23 0:27 / /opt/net_cls rw - cgroup cgroup rw,net_cls\n",
		 BERTH_CGROUP_V2, 1},
		{"31 23 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n", BERTH_CGROUP_V1, 1},
		{"31 23 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n", BERTH_CGROUP_NONE, 0},
		{"31 23 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
		 "30 23 0:26 / /mnt/cg rw - cgroup2 cgroup2 rw\n",
		 BERTH_CGROUP_V2, 1},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse(cases[i].text);
		g_assert_cmpint(mounts->kind, ==, cases[i].kind);
		g_assert_cmpuint(mounts->list->len, ==, cases[i].count);
	}
}

static void test_paths(void)
{
	static const char *const bad[] = {"", "/", "//", "relative/a", "/a/../b", "/..", "/a/./b", "/a\nb"};
	g_autoptr(berth_cgroup) cgroup = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_cgroup_create(bad[i], &cgroup, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

// The host's own group is there to be looked at only.
static void test_root(void)
{
	g_autoptr(berth_cgroup) cgroup = NULL;
	g_autoptr(GError) error = NULL;

	if (berth_cgroup_layout() == BERTH_CGROUP_NONE) {
		g_test_skip("this host has no control groups");
		return;
	}
	g_assert_true(berth_cgroup_open("/", &cgroup, &error));
	g_assert_no_error(error);
	g_assert_false(berth_cgroup_remove(cgroup, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(berth_cgroup_freeze(cgroup, true, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(berth_cgroup_signal(cgroup, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

static void make_file(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void check_file(const char *folder, const char *name, const char *wanted)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, wanted);
}

// v2's files in plain folders: what is read, what is written.
static void test_v2_files(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autofree char *root = g_dir_make_tmp("berth-cgroup-XXXXXX", NULL);
	g_autofree char *leaf = g_build_filename(root, "berth", "x", NULL);
	g_autoptr(berth_cgroup) cgroup = NULL;

	mounts->kind = BERTH_CGROUP_V2;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, root, "", true)->optional = false;
	g_assert_cmpint(g_mkdir_with_parents(leaf, 0755), ==, 0);
	make_file(root, "cgroup.controllers", "cpuset cpu io memory pids\n");
	make_file(root, "cgroup.subtree_control", "memory\n");
	make_file(leaf, "cgroup.controllers", "cpu io memory\n");
	make_file(leaf, "cgroup.procs", "");
	make_file(leaf, "cgroup.events", "populated 1\nfrozen 1\n");
	make_file(leaf, "cgroup.freeze", "0");
	make_file(leaf, "cgroup.kill", "");
	make_file(leaf, "memory.current", "4096\n");
	make_file(leaf, "memory.max", "max\n");
	make_file(leaf, "memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 7\n");
	make_file(leaf, "memory.stat", "anon 1\ninactive_file 77\nworkingset_x 5\n");
	make_file(leaf, "cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\n");

	berth_cgroup_create_in(mounts, "//berth/x/", &cgroup, &error);
	g_assert_no_error(error);
	check_file(root, "cgroup.subtree_control", "+cpuset +cpu +io +pids");
	g_assert_cmpint(berth_cgroup_fd(cgroup), >=, 0);
	g_assert_true(berth_cgroup_has(cgroup, "blkio") && berth_cgroup_has(cgroup, "io"));
	g_assert_true(berth_cgroup_has(cgroup, "devices") && berth_cgroup_has(cgroup, "freezer"));
	g_assert_false(berth_cgroup_has(cgroup, "pids") || berth_cgroup_has(cgroup, "net_cls"));

	g_assert_true(berth_cgroup_join(cgroup, 42, &error));
	check_file(leaf, "cgroup.procs", "42");
	g_assert_true(berth_cgroup_freeze(cgroup, true, &error));
	check_file(leaf, "cgroup.freeze", "1");
	g_assert_true(berth_cgroup_signal(cgroup, SIGKILL, &error));
	check_file(leaf, "cgroup.kill", "1");
	g_assert_false(berth_cgroup_write(cgroup, "pids", "pids.max", "5", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "pids.max: the controller pids is not available"));
	g_clear_error(&error);
	g_assert_false(berth_cgroup_write(cgroup, "memory", "../memory.max", "5", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);

	struct berth_cgroup_usage usage;
	berth_cgroup_usage(cgroup, &usage);
	g_assert_cmpuint(usage.memory_bytes, ==, 4096);
	g_assert_cmpuint(usage.memory_limit_bytes, ==, UINT64_MAX);
	g_assert_cmpuint(usage.memory_inactive_file_bytes, ==, 77);
	g_assert_cmpuint(usage.oom_kills, ==, 2);
	g_assert_cmpuint(usage.cpu_nanoseconds, ==, 5000);
	g_assert_cmpuint(usage.cpu_system_nanoseconds, ==, 2000);
	g_assert_cmpuint(usage.pids, ==, 0);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, root, NULL));
}

static void test_none(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autoptr(berth_cgroup) cgroup = NULL, other = NULL;

	g_assert_true(berth_cgroup_create_in(mounts, "/berth/x", &cgroup, &error));
	g_assert_cmpint(berth_cgroup_kind(cgroup), ==, BERTH_CGROUP_NONE);
	g_assert_true(berth_cgroup_join(cgroup, getpid(), &error));
	g_assert_false(berth_cgroup_has(cgroup, "memory"));
	g_assert_true(berth_cgroup_signal(cgroup, SIGKILL, &error));
	g_assert_true(berth_cgroup_remove(cgroup, 0, &error));
	g_assert_false(berth_cgroup_write(cgroup, "memory", "memory.max", "1", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_clear_error(&error);
	g_assert_false(berth_cgroup_open_in(mounts, "/berth/x", &other, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static void test_descend(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *root = g_dir_make_tmp("berth-cgroup-XXXXXX", NULL);
	g_autofree char *cpu = g_build_filename(root, "cpu", NULL), *memory = g_build_filename(root, "memory", NULL);
	g_autofree char *inner = g_build_filename(memory, "berth/x/inner/most", NULL);
	g_autofree char *other = g_build_filename(cpu, "berth/x", NULL);
	g_autofree char *link = g_build_filename(memory, "berth/x/link", NULL);
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autoptr(berth_cgroup) cgroup = NULL;

	mounts->kind = BERTH_CGROUP_V1;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, cpu, "cpu", false);
	berth_cgroup_mounts_add(mounts, memory, "memory", false);
	g_assert_cmpint(g_mkdir_with_parents(inner, 0755), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(other, 0755), ==, 0);
	g_assert_cmpint(symlink("inner", link), ==, 0);
	make_file(inner, "memory.x", "found");
	berth_cgroup_open_in(mounts, "/berth/x", &cgroup, &error);
	g_assert_no_error(error);

	static const char *const bad[][2] = {
		{NULL, "inner"},           {"memory", "link"}, {"memory", ".."},
		{"memory", "inner/../.."}, {"memory", "gone"}, {"pids", "inner"},
		{"memory,", "inner"},      {"", "inner"},      {"cpu", "/inner"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(berth_cgroup_descend(cgroup, bad[i][0], bad[i][1], &error));
		g_assert_nonnull(error);
		g_clear_error(&error);
	}
	g_assert_true(berth_cgroup_descend(cgroup, "memory", "//inner/most", &error));
	g_autofree char *text = berth_cgroup_read(cgroup, "memory", "memory.x", &error);
	g_assert_cmpstr(text, ==, "found");
	g_assert_true(berth_remove_tree_at(AT_FDCWD, root, NULL));
}

static void test_create(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup) again = NULL;
	g_autofree char *path = own_path("/a");

	if (!fixture->cgroup)
		return;
	for (unsigned i = 0; i < fixture->cgroup->folders->len; i++) {
		g_autofree char *link = g_strdup_printf(
			"/proc/self/fd/%d", g_array_index(fixture->cgroup->folders, struct berth_cgroup_folder, i).fd);
		g_autofree char *target = g_file_read_link(link, NULL);
		g_assert_true(g_str_has_suffix(target, path));
	}
	// It can be made again while it is empty, and not when something is in it.
	g_assert_true(berth_cgroup_create(path, &again, &error));
	g_clear_pointer(&again, berth_cgroup_free);
	pid_t pid = spawn(fixture->cgroup, sleep_long);
	g_assert_false(berth_cgroup_create(path, &again, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	kill(pid, SIGKILL);
	wait_for(pid);
}

// What a child that is born in the v2 group and moves itself through the entrance is in.
static void test_enter(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = own_path("/a");
	berth_fd pidfd = -1;

	if (!fixture->cgroup)
		return;
	g_autoptr(GArray) entrance = berth_cgroup_open_entrance(fixture->cgroup, &error);
	g_assert_no_error(error);
	pid_t pid = berth_process_clone(0, berth_cgroup_birth_fd(fixture->cgroup), &pidfd);
	if (pid == 0) {
		if (!berth_cgroup_enter(entrance, NULL))
			_exit(99);
		g_autofree char *text = NULL;
		unsigned inside = 0;
		g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		for (char **line = lines; *line; line++)
			inside += g_str_has_suffix(*line, path);
		_exit(inside == fixture->cgroup->folders->len ? 0 : 1);
	}
	g_assert_cmpint(pid, >, 0);
	g_assert_cmpint(berth_process_reap(pidfd), ==, 0);
}

static void test_join(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = own_path("/a");

	if (!fixture->cgroup)
		return;
	pid_t pid = spawn(fixture->cgroup, sleep_long);
	g_autofree char *file = g_strdup_printf("/proc/%d/cgroup", (int) pid);
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned inside = 0;
	for (char **line = lines; *line; line++)
		inside += g_str_has_suffix(*line, path);
	g_assert_cmpuint(inside, ==, fixture->cgroup->folders->len);

	g_autoptr(GArray) pids = berth_cgroup_pids(fixture->cgroup, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(pids->len, ==, 1);
	g_assert_cmpint(g_array_index(pids, pid_t, 0), ==, pid);
	kill(pid, SIGKILL);
	wait_for(pid);
	g_assert_false(berth_cgroup_join(fixture->cgroup, pid, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static int eat_memory(void)
{
	for (int i = 0; i < 256; i++) {
		char *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			return 1;
		memset(page, 1, 1 << 20);
	}
	return 0;
}

static void test_memory(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	struct berth_cgroup_usage usage;

	if (!fixture->cgroup)
		return;
	bool v2 = berth_cgroup_fd(fixture->cgroup) >= 0;
	berth_cgroup_usage(fixture->cgroup, &usage);
	g_assert_cmpuint(usage.memory_limit_bytes, ==, UINT64_MAX);
	g_assert_cmpuint(usage.oom_kills, ==, 0);
	berth_cgroup_write(fixture->cgroup, "memory", v2 ? "memory.max" : "memory.limit_in_bytes", "16777216", &error);
	g_assert_no_error(error);
	int status = wait_for(spawn(fixture->cgroup, eat_memory));
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	berth_cgroup_usage(fixture->cgroup, &usage);
	g_assert_cmpuint(usage.oom_kills, ==, 1);
	g_assert_cmpuint(usage.memory_limit_bytes, ==, 16777216);
	g_assert_cmpuint(usage.memory_peak_bytes, >, 8 << 20);
	g_assert_cmpuint(usage.cpu_nanoseconds, >, 0);
}

static int fork_some(void)
{
	int made = 0;
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pause();
			_exit(0);
		}
		made += pid > 0;
	}
	return made;
}

static void test_pids(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	struct berth_cgroup_usage usage;

	if (!fixture->cgroup)
		return;
	berth_cgroup_write(fixture->cgroup, "pids", "pids.max", "4", &error);
	g_assert_no_error(error);
	int status = wait_for(spawn(fixture->cgroup, fork_some));
	g_assert_cmpint(WEXITSTATUS(status), ==, 3);
	berth_cgroup_usage(fixture->cgroup, &usage);
	g_assert_cmpuint(usage.pids, ==, 3);
}

static volatile int *counter; // shared with children

G_NORETURN static int count_up(void)
{
	for (;;) {
		(*counter)++;
		usleep(500);
	}
}

// Whether the counter does within so many looks: some for what must not, many for what must.
enum { SOME = 100, MANY = 10000 };

static bool moves(int looks)
{
	int before = *counter;
	for (int i = 0; i < looks && *counter == before; i++)
		usleep(2000);
	return *counter != before;
}

static void test_freeze(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	if (!fixture->cgroup)
		return;
	counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = spawn(fixture->cgroup, count_up);
	g_assert_true(moves(MANY));
	berth_cgroup_freeze(fixture->cgroup, true, &error);
	g_assert_no_error(error);
	g_assert_true(berth_cgroup_frozen(fixture->cgroup));
	g_assert_false(moves(SOME));
	berth_cgroup_freeze(fixture->cgroup, false, &error);
	g_assert_no_error(error);
	g_assert_true(moves(MANY));
	g_assert_false(berth_cgroup_frozen(fixture->cgroup));

	// A frozen group can be killed.
	berth_cgroup_freeze(fixture->cgroup, true, &error);
	g_assert_no_error(error);
	berth_cgroup_signal(fixture->cgroup, SIGKILL, &error);
	g_assert_no_error(error);
	int status = wait_for(pid);
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	munmap((void *) counter, sizeof *counter);
}

// Forks for ever, so that some process is always too new to be on a list.
G_NORETURN static int multiply(void)
{
	for (;;) {
		pid_t pid = fork();
		if (pid > 0)
			_exit(0);
		usleep(200);
	}
}

static void test_signal(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = own_path("/a/below/deeper");
	g_autoptr(berth_cgroup) below = NULL;

	if (!fixture->cgroup)
		return;
	bool v2 = berth_cgroup_fd(fixture->cgroup) >= 0;
	pid_t first = v2 ? 0 : spawn(fixture->cgroup, sleep_long); // v2: processes only in the leaves
	berth_cgroup_create(path, &below, &error);
	g_assert_no_error(error);
	pid_t second = spawn(below, sleep_long);
	g_autoptr(GArray) pids = berth_cgroup_pids(fixture->cgroup, &error);
	g_assert_cmpuint(pids->len, ==, v2 ? 1 : 2);

	berth_cgroup_signal(fixture->cgroup, SIGTERM, &error);
	g_assert_no_error(error);
	if (first)
		g_assert_cmpint(WTERMSIG(wait_for(first)), ==, SIGTERM);
	g_assert_cmpint(WTERMSIG(wait_for(second)), ==, SIGTERM);
	berth_cgroup_signal(fixture->cgroup, SIGTERM, &error); // nobody is left
	g_assert_no_error(error);

	pid_t bomb = spawn(below, multiply);
	wait_for(bomb);
	berth_cgroup_signal(fixture->cgroup, SIGKILL, &error);
	g_assert_no_error(error);
	for (int i = 0;; i++) {
		g_autoptr(GArray) left = berth_cgroup_pids(fixture->cgroup, &error);
		if (left->len == 0)
			break;
		g_assert_cmpint(i, <, 1000);
		usleep(1000);
	}
}

static int exit_late(void)
{
	usleep(100000);
	return 0;
}

static void test_remove(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = own_path("/a/b/c");
	g_autofree char *own = own_path("/a");
	g_autoptr(berth_cgroup) below = NULL, gone = NULL;

	if (!fixture->cgroup)
		return;
	berth_cgroup_create(path, &below, &error);
	g_assert_no_error(error);
	pid_t pid = spawn(below, exit_late);
	g_assert_false(berth_cgroup_remove(fixture->cgroup, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_clear_error(&error);
	berth_cgroup_remove(fixture->cgroup, 5000, &error); // waits for it
	g_assert_no_error(error);
	wait_for(pid);
	berth_cgroup_remove(fixture->cgroup, 0, &error); // again
	g_assert_no_error(error);
	g_assert_false(berth_cgroup_open(own, &gone, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static int open_device(const char *path, int flags)
{
	berth_fd fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

// Bits of what works: 1 /dev/null, 2 reading /dev/full, 4 writing /dev/full, 8 mknod of full, 16 mknod of a disk.
static int try_devices(void)
{
	g_autofree char *node = g_strdup_printf("/tmp/berth-test-node-%d", (int) getpid());
	int works = 0;

	works |= open_device("/dev/null", O_RDWR) == 0 ? 1 : 0;
	works |= open_device("/dev/full", O_RDONLY) == 0 ? 2 : 0;
	works |= open_device("/dev/full", O_WRONLY) == 0 ? 4 : 0;
	works |= mknod(node, S_IFCHR | 0600, makedev(1, 7)) == 0 ? 8 : 0;
	unlink(node);
	works |= mknod(node, S_IFBLK | 0600, makedev(254, 0)) == 0 ? 16 : 0;
	unlink(node);
	return works;
}

#define RULE(allow_, type_, major_, minor_, read_, write_, mknod_)                                                     \
	{                                                                                                              \
		.allow = (allow_), .type = (type_), .major = (major_), .minor = (minor_), .read = (read_),             \
		.write = (write_), .mknod = (mknod_)                                                                   \
	}

static const struct device_case {
	const char *name;
	struct berth_device_rule rules[4];
	size_t count;
	int works;
} device_cases[] = {
	{"none", {}, 0, 0},
	{"null only", {RULE(false, 'a', -1, -1, 1, 1, 1), RULE(true, 'c', 1, 3, 1, 1, 0)}, 2, 1},
	{"last counts", {RULE(true, 'c', 1, 7, 1, 1, 1), RULE(false, 'c', 1, 7, 0, 1, 1)}, 2, 2},
	{"added up", {RULE(true, 'c', 1, 3, 1, 0, 0), RULE(true, 'c', 1, 3, 0, 1, 0)}, 2, 1},
	{"wildcards", {RULE(true, 'c', -1, -1, 0, 0, 1), RULE(true, 'b', 254, -1, 0, 0, 1)}, 2, 8 | 16},
	{"all", {RULE(true, 'a', -1, -1, 1, 1, 1)}, 1, 31},
	{"all but one", {RULE(true, 'a', -1, -1, 1, 1, 1), RULE(false, 'c', 1, 7, 1, 0, 0)}, 2, 1 | 4 | 8 | 16},
	{"reading", {RULE(true, 'a', -1, -1, 1, 0, 0)}, 1, 2},
	{"covered", {RULE(true, 'c', 1, 7, 1, 1, 0), RULE(false, 'c', 1, -1, 0, 1, 0)}, 2, 2},
	{"none again", {RULE(true, 'a', -1, -1, 1, 1, 1), RULE(false, 'a', -1, -1, 1, 1, 1)}, 2, 0},
};

static void test_devices(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	if (!fixture->cgroup)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(device_cases); i++) {
		const struct device_case *test = &device_cases[i];
		berth_cgroup_set_devices(fixture->cgroup, test->rules, test->count, &error);
		g_assert_no_error(error);
		int status = wait_for(spawn(fixture->cgroup, try_devices));
		g_test_message("%s", test->name);
		g_assert_cmpint(WEXITSTATUS(status), ==, test->works);
	}
	struct berth_device_rule bad = RULE(true, 'x', 1, 3, 1, 1, 1);
	g_assert_false(berth_cgroup_set_devices(fixture->cgroup, &bad, 1, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

// The eBPF program, on the v2 hierarchy that this machine has in any layout.
static void test_devices_bpf(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	int folder = -1;

	for (unsigned i = 0; fixture->cgroup && i < fixture->cgroup->folders->len; i++)
		if (g_array_index(fixture->cgroup->folders, struct berth_cgroup_folder, i).v2)
			folder = g_array_index(fixture->cgroup->folders, struct berth_cgroup_folder, i).fd;
	if (folder < 0) {
		g_test_skip("no cgroup v2 hierarchy");
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(device_cases); i++) {
		const struct device_case *test = &device_cases[i];
		bool everything = g_str_equal(test->name, "all");
		berth_bpf_devices_attach(folder, test->rules, test->count, everything, &error);
		g_assert_no_error(error);
		int status = wait_for(spawn(fixture->cgroup, try_devices));
		g_test_message("%s", test->name);
		g_assert_cmpint(WEXITSTATUS(status), ==, test->works);
	}
	// The verifier accepts the longest program: every rule matches something else.
	g_autofree struct berth_device_rule *many = g_new0(struct berth_device_rule, 1024);
	for (int i = 0; i < 1024; i++)
		many[i] = (struct berth_device_rule) RULE(i % 3 != 0, i % 2 ? 'b' : 'c', i / 4, i % 7 - 1, i % 2,
							  i % 3 == 1, i % 5 == 1);
	berth_bpf_devices_attach(folder, many, 1024, false, &error);
	g_assert_no_error(error);
	berth_bpf_devices_attach(folder, NULL, 0, true, &error);
	g_assert_no_error(error);
	int status = wait_for(spawn(fixture->cgroup, try_devices));
	g_assert_cmpint(WEXITSTATUS(status), ==, 31);
}

static void test_devices_holes(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	const struct berth_device_rule rules[] = {RULE(true, 'c', -1, -1, 0, 0, 1), RULE(false, 'c', 1, 7, 1, 1, 1)};

	if (!fixture->cgroup)
		return;
	bool good = berth_cgroup_set_devices(fixture->cgroup, rules, 2, &error);
	if (berth_cgroup_fd(fixture->cgroup) >= 0) {
		g_assert_no_error(error);
		int status = wait_for(spawn(fixture->cgroup, try_devices));
		g_assert_cmpint(WEXITSTATUS(status), ==, 0);
		return;
	}
	g_assert_false(good);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_assert_nonnull(strstr(error->message, "\"c 1:7 rwm\""));
	g_assert_nonnull(strstr(error->message, "\"c *:* m\""));
}

#define ADD(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cgroup/layout/hybrid", test_layout_hybrid);
	g_test_add_func("/cgroup/layout/others", test_layout_others);
	g_test_add_func("/cgroup/paths", test_paths);
	g_test_add_func("/cgroup/root", test_root);
	g_test_add_func("/cgroup/v2-files", test_v2_files);
	g_test_add_func("/cgroup/none", test_none);
	g_test_add_func("/cgroup/descend", test_descend);
	ADD("/cgroup/create", test_create);
	ADD("/cgroup/enter", test_enter);
	ADD("/cgroup/join", test_join);
	ADD("/cgroup/memory", test_memory);
	ADD("/cgroup/pids", test_pids);
	ADD("/cgroup/freeze", test_freeze);
	ADD("/cgroup/signal", test_signal);
	ADD("/cgroup/remove", test_remove);
	ADD("/cgroup/devices", test_devices);
	ADD("/cgroup/devices-bpf", test_devices_bpf);
	ADD("/cgroup/devices-holes", test_devices_holes);
	return g_test_run();
}
