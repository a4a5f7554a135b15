// SPDX-License-Identifier: Apache-2.0
// The mount API, in a mount namespace of the test's own; and what stands in for it, when deny-syscalls runs this.
#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int new_tmpfs(uint64_t attributes)
{
	char *options[] = {(char *) "size=1m", (char *) "mode=700", NULL};
	g_autoptr(GError) error = NULL;
	int fd = berth_mount_new("tmpfs", "tmpfs", options, attributes, &error);

	g_assert_no_error(error);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void test_new(void)
{
	berth_fd mount = new_tmpfs(MOUNT_ATTR_NOEXEC);
	struct stat st;

	g_assert_true(berth_mount_is(mount, TMPFS_MAGIC));
	g_assert_false(berth_mount_is(mount, PROC_SUPER_MAGIC));
	g_assert_false(berth_mount_is(-1, TMPFS_MAGIC));
	g_assert_cmpint(fstat(mount, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0700);
}

static void test_refused(void)
{
	char *options[] = {(char *) "nonsense=1", NULL}, *flag[] = {(char *) "what", NULL};
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(berth_mount_new("nofs", NULL, NULL, 0, &error), ==, -1);
	g_assert_nonnull(strstr(error->message, "mount nofs"));
	g_clear_error(&error);
	g_assert_cmpint(berth_mount_new("tmpfs", "tmpfs", options, 0, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	if (fsopen("", 0) >= 0 || errno != ENOSYS)
		g_assert_nonnull(strstr(error->message, "Unknown parameter 'nonsense'"));
	g_assert_nonnull(strstr(error->message, "nonsense=1"));
	g_clear_error(&error);
	g_assert_cmpint(berth_mount_new("tmpfs", "tmpfs", flag, 0, &error), ==, -1);
	g_clear_error(&error);
	g_assert_cmpint(berth_mount_clone(AT_FDCWD, "/nothing", true, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static void test_attach(void)
{
	g_autoptr(GError) error = NULL;
	berth_fd outer = new_tmpfs(0), inner = new_tmpfs(0);
	berth_fd top = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct berth_mount_change read_only = {.set = MOUNT_ATTR_RDONLY}, none = {0},
				  all = {.set = MOUNT_ATTR_RDONLY, .recursive = true};

	g_assert_true(berth_mount_attach(outer, top, "/tmp", &error));
	g_assert_cmpint(mkdirat(outer, "inner", 0755), ==, 0);
	berth_fd target = openat(outer, "inner", O_PATH | O_DIRECTORY | O_CLOEXEC);
	g_assert_true(berth_mount_attach(inner, target, "inner", &error));
	g_assert_cmpint(mkdir("/tmp/inner/x", 0755), ==, 0);

	// A clone has attributes of its own; with what lies beneath only when that is asked for.
	berth_fd flat = berth_mount_clone(outer, "", false, &error), deep = berth_mount_clone(outer, "", true, &error);
	g_assert_no_error(error);
	g_assert_cmpint(faccessat(flat, "inner/x", F_OK, 0), ==, -1);
	g_assert_cmpint(faccessat(deep, "inner/x", F_OK, 0), ==, 0);
	g_assert_true(berth_mount_change(flat, &none, &error));
	g_assert_true(berth_mount_change(flat, &read_only, &error));
	g_assert_cmpint(mkdirat(flat, "y", 0755), ==, -1);
	g_assert_cmpint(errno, ==, EROFS);
	g_assert_true(berth_mount_change(deep, &all, &error));
	g_assert_cmpint(mkdirat(deep, "inner/y", 0755), ==, -1);
	g_assert_cmpint(errno, ==, EROFS);
	g_assert_cmpint(mkdir("/tmp/inner/y", 0755), ==, 0);

	berth_fd file = openat(outer, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	g_assert_false(berth_mount_attach(flat, file, "a file", &error));
	g_assert_nonnull(strstr(error->message, "mount onto a file: Are you trying to mount a directory onto a file"));
}

static void skip(void)
{
	g_test_skip("needs root and mount namespaces");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	bool able = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		    berth_mount_stage(NULL);
	g_test_add_func("/mount/new", able ? test_new : skip);
	g_test_add_func("/mount/refused", able ? test_refused : skip);
	g_test_add_func("/mount/attach", able ? test_attach : skip);
	return g_test_run();
}
