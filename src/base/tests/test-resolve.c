// SPDX-License-Identifier: Apache-2.0
// The walk that stands in for openat2(2) finds what the kernel finds, with the same errors, and a thread that exchanges
// folders for links while it walks gets nothing from outside.
#include "base/fd.h"
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
#define RACES 20000

static const struct {
	const char *path;
	int flags;
	uint64_t resolve;
} cases[] = {
	{"folder/file", O_PATH, IN_ROOT},
	{"/folder//./file", O_RDONLY, IN_ROOT},
	{"../../folder/../folder/file", O_RDONLY, IN_ROOT},
	{"folder/file/", O_PATH, IN_ROOT},
	{"folder/file/..", O_PATH, IN_ROOT},
	{"folder/file/x", O_PATH, IN_ROOT},
	{"folder/", O_PATH | O_DIRECTORY, IN_ROOT},
	{"folder/file", O_PATH | O_DIRECTORY, IN_ROOT},
	{"folder", O_RDONLY | O_DIRECTORY, IN_ROOT},
	{"folder", O_WRONLY, IN_ROOT},
	{"", O_PATH, IN_ROOT},
	{"/", O_PATH, IN_ROOT},
	{".", O_RDONLY, IN_ROOT},
	{"..", O_PATH, IN_ROOT},
	{"missing", O_PATH, IN_ROOT},
	{"missing/x", O_PATH, IN_ROOT},
	{"missing/x", O_CREAT | O_WRONLY, IN_ROOT},
	{"missing/", O_CREAT | O_WRONLY, IN_ROOT},
	{"relative/file", O_RDONLY, IN_ROOT},
	{"absolute/file", O_RDONLY, IN_ROOT},
	{"outside", O_PATH, IN_ROOT},
	{"outside/canary", O_PATH, IN_ROOT},
	{"escape", O_PATH, IN_ROOT},
	{"escape/canary", O_PATH, IN_ROOT},
	{"loop", O_PATH, IN_ROOT},
	{"loop/x", O_PATH, IN_ROOT},
	{"loop", O_PATH | O_NOFOLLOW, IN_ROOT},
	{"relative", O_PATH | O_NOFOLLOW, IN_ROOT},
	{"relative/", O_PATH | O_NOFOLLOW, IN_ROOT},
	{"relative", O_RDONLY | O_NOFOLLOW, IN_ROOT},
	{"tofile", O_RDONLY, IN_ROOT},
	{"tofile/", O_RDONLY, IN_ROOT},
	{"tofile", O_RDONLY | O_CREAT | O_EXCL, IN_ROOT},
	{"folder/file", O_RDONLY, BENEATH},
	{"/folder/file", O_RDONLY, BENEATH},
	{"../root/folder", O_PATH, BENEATH},
	{"folder/../folder/file", O_PATH, BENEATH},
	{"absolute/file", O_PATH, BENEATH},
	{"relative/file", O_PATH, BENEATH},
	{"relative/file", O_PATH, BENEATH | RESOLVE_NO_SYMLINKS},
	{"tofile", O_PATH | O_NOFOLLOW, BENEATH | RESOLVE_NO_SYMLINKS},
};

struct fixture {
	char *base;
	int root_fd, proc_fd;
};

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	fixture->base = g_dir_make_tmp("berth-resolve-XXXXXX", NULL);
	g_assert_cmpint(chdir(fixture->base), ==, 0);
	g_assert_cmpint(g_mkdir("root", 0755) | g_mkdir("root/folder", 0755), ==, 0);
	g_assert_true(g_file_set_contents("canary", "outside", -1, NULL));
	g_assert_true(g_file_set_contents("root/folder/file", "inside", -1, NULL));
	g_autofree char *absolute = g_build_filename(fixture->base, NULL);
	g_assert_cmpint(symlink("folder", "root/relative"), ==, 0);
	g_assert_cmpint(symlink("/folder", "root/absolute"), ==, 0);
	g_assert_cmpint(symlink("folder/file", "root/tofile"), ==, 0);
	g_assert_cmpint(symlink("../canary", "root/escape"), ==, 0);
	g_assert_cmpint(symlink(absolute, "root/outside"), ==, 0);
	g_assert_cmpint(symlink("loop", "root/loop"), ==, 0);
	fixture->root_fd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fixture->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fixture->root_fd, >=, 0);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *command = g_strdup_printf("rm -r %s", fixture->base);

	close(fixture->root_fd);
	close(fixture->proc_fd);
	g_assert_cmpint(chdir("/"), ==, 0);
	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
	g_free(fixture->base);
}

static void deny_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {G_N_ELEMENTS(code), code};

	g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	g_assert_cmpint(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
	g_assert_cmpint((int) syscall(SYS_openat2, -1, NULL, NULL, 0), ==, -1);
	g_assert_cmpint(errno, ==, ENOSYS);
}

// What came of it, as text.
static char *result(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {.flags = (unsigned) flags, .mode = flags & O_CREAT ? 0600 : 0, .resolve = resolve};
	berth_fd fd = berth_resolve(dir_fd, path, &how);
	struct stat st;

	if (fd < 0)
		return g_strdup(g_strerror(errno));
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
	return g_strdup_printf("%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
}

static char *results(const struct fixture *fixture)
{
	GString *all = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *one = result(fixture->root_fd, cases[i].path, cases[i].flags, cases[i].resolve);
		g_string_append_printf(all, "%s %x %" G_GINT64_MODIFIER "x: %s\n", cases[i].path, cases[i].flags,
				       cases[i].resolve, one);
	}
	static const char *const magic[] = {"self/exe", "self/cwd/canary", "self/root", "self/ns/mnt", "self/fd/0"};
	for (size_t i = 0; i < G_N_ELEMENTS(magic); i++) {
		g_autofree char *one = result(fixture->proc_fd, magic[i], O_PATH, IN_ROOT);
		g_string_append_printf(all, "%s: %s\n", magic[i], one);
	}
	g_autofree char *self = result(fixture->proc_fd, "mounts", O_RDONLY, BENEATH | RESOLVE_NO_XDEV);
	g_string_append_printf(all, "mounts: %s\n", strchr(self, ':') ? "there" : self);
	return g_string_free(all, FALSE);
}

static void in_child(void (*run)(const struct fixture *, const char *), const struct fixture *fixture,
		     const char *expected)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		deny_openat2();
		run(fixture, expected);
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

static void compare(const struct fixture *fixture, const char *expected)
{
	g_autofree char *own = results(fixture);

	g_assert_cmpstr(own, ==, expected);
}

static void test_same(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *expected = results(fixture);

	in_child(compare, fixture, expected);
}

static void create(const struct fixture *fixture, G_GNUC_UNUSED const char *expected)
{
	struct open_how how = {.flags = O_CREAT | O_EXCL | O_WRONLY, .mode = 0640, .resolve = IN_ROOT};
	berth_fd fd = berth_resolve(fixture->root_fd, "absolute/new", &how);
	struct stat st;

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(fstatat(fixture->root_fd, "folder/new", &st, 0), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0640);
	g_assert_cmpint(berth_resolve(fixture->root_fd, "folder/new", &how), ==, -1);
	g_assert_cmpint(errno, ==, EEXIST);
}

static void test_create(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	in_child(create, fixture, NULL);
}

// A child exchanges a folder for a link that leads out, as fast as it can.
static void race(const struct fixture *fixture, G_GNUC_UNUSED const char *expected)
{
	pid_t pid = fork();
	int found = 0;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			syscall(SYS_renameat2, fixture->root_fd, "folder", fixture->root_fd, "outside", 2);
	}
	for (int i = 0; i < RACES; i++) {
		struct open_how how = {.flags = O_PATH, .resolve = IN_ROOT};
		berth_fd fd = berth_resolve(fixture->root_fd, "folder/canary", &how);
		g_assert_cmpint(fd, <, 0);
		berth_fd inside = berth_resolve(fixture->root_fd, "folder/file", &how);
		found += inside >= 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	g_assert_cmpint(found, >, 0);
}

static void test_race(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	in_child(race, fixture, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/resolve/same-as-the-kernel", struct fixture, NULL, set_up, test_same, tear_down);
	g_test_add("/resolve/create", struct fixture, NULL, set_up, test_create, tear_down);
	g_test_add("/resolve/race", struct fixture, NULL, set_up, test_race, tear_down);
	return g_test_run();
}
