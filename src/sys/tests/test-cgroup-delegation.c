// SPDX-License-Identifier: Apache-2.0
// Groups below the own one: what is told from files, in plain folders; that processes are moved out of the way and
// controllers arrive, with real groups where version 2 is in charge.
#include "base/error.h"
#include "base/fd.h"
#include "sys/cgroup-internal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_own(void)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{"0::/\n", "/"},
		{"12:pids:/x\n1:name=systemd:/y\n0::/user.slice/a b.scope\n", "/user.slice/a b.scope"},
		{"0::/a/" BERTH_CGROUP_CALLERS "\n", "/a"},
		{"0::/" BERTH_CGROUP_CALLERS "\n", "/"},
		{"0::/../../x\n", NULL},
		{"0::/a (deleted)\n", NULL},
		{"4:memory:/x\n", NULL},
		{"", NULL},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *path = berth_cgroup_own_parse(cases[i].text, &error);
		g_assert_cmpstr(path, ==, cases[i].path);
		if (!path)
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	}
}

static void put(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

struct fake {
	char *root, *own;
	struct berth_cgroup_mounts *mounts;
	struct berth_cgroup *cgroup;
};

static void set_up(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	fake->mounts = berth_cgroup_mounts_parse("");
	fake->root = g_dir_make_tmp("berth-delegation-XXXXXX", NULL);
	fake->own = g_build_filename(fake->root, "user", "own", NULL);
	fake->mounts->kind = BERTH_CGROUP_V2;
	fake->mounts->fake = true;
	berth_cgroup_mounts_add(fake->mounts, fake->root, "", true)->optional = false;
	g_assert_cmpint(g_mkdir_with_parents(fake->own, 0755), ==, 0);
	put(fake->own, "cgroup.controllers", "memory pids\n");
	put(fake->own, "cgroup.subtree_control", "memory\n");
	put(fake->own, "cgroup.procs", "");
}

static void tear_down(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, fake->root, NULL));
	berth_cgroup_mounts_free(fake->mounts);
	berth_cgroup_free(fake->cgroup);
	g_free(fake->root);
	g_free(fake->own);
}

static bool create(struct fake *fake, const char *name, const char *needed, GError **error)
{
	const char *list[] = {needed, NULL};
	return berth_cgroup_create_below_in(fake->mounts, "/user/own", name, list, &fake->cgroup, error);
}

static bool exists(const struct fake *fake, const char *name)
{
	g_autofree char *path = g_build_filename(fake->own, name, NULL);
	return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static void test_enabled_already(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	put(fake->own, "cgroup.procs", "1\n2\n");
	g_assert_true(create(fake, "x", "memory", &error));
	g_assert_no_error(error);
	g_assert_cmpstr(berth_cgroup_path(fake->cgroup), ==, "/user/own/x");
	g_assert_true(exists(fake, "x") && !exists(fake, BERTH_CGROUP_CALLERS));
}

static void test_missing_controller(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(create(fake, "x", "cpuset", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "cgroup /user/own: the controller cpuset is not delegated to it (it "
						"has: memory pids): run it in a delegated group"));
	g_assert_false(exists(fake, "x"));
}

static void test_names(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/a"};

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(create(fake, bad[i], NULL, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void test_not_writable(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	int status;

	g_assert_cmpint(chmod(fake->root, 0755), ==, 0);
	if (geteuid() != 0) {
		g_test_skip("needs root, to become somebody else");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		g_autoptr(GError) error = NULL;
		if (setresuid(65534, 65534, 65534) < 0 || create(fake, "x", NULL, &error))
			_exit(1);
		bool told = g_error_matches(error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) &&
			    strstr(error->message,
				   "cgroup /user/own: user 65534 may not make groups in it (Permission denied): run");
		_exit(told ? 0 : 2);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

static void test_v1(void)
{
	g_autoptr(berth_cgroup_mounts) mounts =
		berth_cgroup_mounts_parse("31 23 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
	g_autoptr(berth_cgroup) cgroup = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_false(berth_cgroup_create_below_in(mounts, "/", "x", NULL, &cgroup, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "cgroups of version 1 cannot be delegated"));
}

// In the child: it is in a group of its own, which has the controller memory and does not give it on yet.
static int move_and_create(void)
{
	static const char *const needed[] = {"memory", NULL};
	g_autoptr(berth_cgroup) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("x-%d", (int) getpid());

	if (!berth_cgroup_create_below(name, needed, &cgroup, &error)) {
		g_printerr("%s\n", error->message);
		return 1;
	}
	g_autofree char *own = berth_cgroup_own(NULL);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/self/cgroup", 4096, NULL, NULL);
	struct stat st;
	if (!strstr(text, "/" BERTH_CGROUP_CALLERS "\n") || g_str_has_suffix(own, BERTH_CGROUP_CALLERS))
		return 2;
	if (!berth_cgroup_has(cgroup, "memory") || !berth_cgroup_write(cgroup, "memory", "memory.max", "1048576", NULL))
		return 3;
	if (!berth_cgroup_give(cgroup, 12345, &error) || fstat(berth_cgroup_fd(cgroup), &st) < 0 || st.st_uid != 12345)
		return 4;
	if (fstatat(berth_cgroup_fd(cgroup), "cgroup.procs", &st, 0) < 0 || st.st_uid != 12345)
		return 5;
	if (fstatat(berth_cgroup_fd(cgroup), "memory.max", &st, 0) < 0 || st.st_uid != 0)
		return 6;
	// What the container manages itself has its controllers, and its limits lie above.
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	bool delegated = berth_cgroup_delegate(cgroup, "inner", 12345, pid, &error);
	g_autofree char *file = g_strdup_printf("/proc/%d/cgroup", (int) pid);
	g_autofree char *place = berth_read_file_at(AT_FDCWD, file, 4096, NULL, NULL);
	g_autofree char *control = berth_cgroup_peek(cgroup, "memory", "cgroup.subtree_control");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!delegated || !strstr(place, "/inner\n") || !strstr(control, "memory"))
		return 7;
	return berth_cgroup_remove(cgroup, 1000, NULL) ? 0 : 8;
}

static void test_moving(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup) cgroup = NULL;
	g_autofree char *path = g_strdup_printf("/berth-delegation-%d", (int) getpid());
	int status, gate[2];

	if (geteuid() != 0 || berth_cgroup_layout() != BERTH_CGROUP_V2) {
		g_test_skip("needs root and control groups of version 2 (scripts/vm)");
		return;
	}
	g_assert_true(berth_cgroup_create(path, &cgroup, &error));
	g_assert_cmpint(pipe(gate), ==, 0);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		_exit(read(gate[0], &byte, 1) == 1 ? move_and_create() : 99);
	}
	g_assert_true(berth_cgroup_join(cgroup, pid, &error));
	g_assert_cmpint(write(gate[1], "x", 1), ==, 1);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	close(gate[0]);
	close(gate[1]);
	g_assert_true(berth_cgroup_remove(cgroup, 2000, &error));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cgroup/delegation/own", test_own);
	g_test_add_func("/cgroup/delegation/v1", test_v1);
	g_test_add_func("/cgroup/delegation/moving", test_moving);
#define ADD(name, function) g_test_add(name, struct fake, NULL, set_up, function, tear_down)
	ADD("/cgroup/delegation/enabled-already", test_enabled_already);
	ADD("/cgroup/delegation/missing-controller", test_missing_controller);
	ADD("/cgroup/delegation/names", test_names);
	ADD("/cgroup/delegation/not-writable", test_not_writable);
	return g_test_run();
}
