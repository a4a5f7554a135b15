// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct fixture {
	char *path;
	int folder;
};

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	fixture->path = g_dir_make_tmp("berth-fd-XXXXXX", NULL);
	fixture->folder = berth_open_folder(fixture->path, false, 0, NULL);
	g_assert_cmpint(fixture->folder, >=, 0);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	close(fixture->folder);
	g_autoptr(GError) error = NULL;
	berth_remove_tree_at(AT_FDCWD, fixture->path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(access(fixture->path, F_OK), <, 0);
	g_free(fixture->path);
}

static void test_write_and_read(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	size_t length;

	berth_write_file_at(fixture->folder, "file", "first", 5, 0640, true, &error);
	g_assert_no_error(error);
	berth_write_file_at(fixture->folder, "file", "second\0x", 8, 0600, false, &error);
	g_assert_no_error(error);
	g_autofree char *text = berth_read_file_at(fixture->folder, "file", 8, &length, &error);
	g_assert_no_error(error);
	g_assert_cmpmem(text, length, "second\0x", 8);

	g_assert_null(berth_read_file_at(fixture->folder, "file", 7, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_null(berth_read_file_at(fixture->folder, "missing", 7, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);

	// Nothing temporary stays, also when the target cannot be replaced.
	g_clear_error(&error);
	g_assert_cmpint(mkdirat(fixture->folder, "taken", 0700), ==, 0);
	g_assert_false(berth_write_file_at(fixture->folder, "taken", "x", 1, 0600, false, &error));
	g_autoptr(GDir) folder = g_dir_open(fixture->path, 0, NULL);
	int count = 0;
	while (g_dir_read_name(folder))
		count++;
	g_assert_cmpint(count, ==, 2);
}

static void test_only_regular_files_are_read(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	// A pipe without a writer would make a plain open() wait for ever.
	g_assert_cmpint(mkfifoat(fixture->folder, "pipe", 0600), ==, 0);
	g_assert_null(berth_read_file_at(fixture->folder, "pipe", 100, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_cmpint(symlinkat("/dev/zero", fixture->folder, "zero"), ==, 0);
	g_assert_null(berth_read_file_at(fixture->folder, "zero", 100, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

// What is in the file's place is replaced if it is a file or a link, and left alone if it is a folder.
static void test_write_replaces(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	size_t length;

	g_assert_cmpint(mkdirat(fixture->folder, "outer", 0700), ==, 0);
	g_assert_true(berth_write_file_at(fixture->folder, "outer/file", "first", 5, 0600, false, NULL));
	g_assert_true(berth_write_file_at(fixture->folder, "outer/file", "second", 6, 0640, false, NULL));
	g_autofree char *text = berth_read_file_at(fixture->folder, "outer/file", 100, &length, NULL);
	g_assert_cmpstr(text, ==, "second");
	g_assert_cmpint(unlinkat(fixture->folder, "outer/file", 0), ==, 0);
	g_assert_cmpint(unlinkat(fixture->folder, "outer", AT_REMOVEDIR), ==, 0); // nothing else is left in it

	g_assert_cmpint(symlinkat("nowhere", fixture->folder, "link"), ==, 0);
	g_assert_true(berth_write_file_at(fixture->folder, "link", "text", 4, 0600, false, NULL));
	g_autofree char *linked = berth_read_file_at(fixture->folder, "link", 100, &length, NULL);
	g_assert_cmpstr(linked, ==, "text");
	g_assert_cmpint(faccessat(fixture->folder, "nowhere", F_OK, 0), <, 0);

	g_assert_cmpint(mkdirat(fixture->folder, "folder", 0700), ==, 0);
	g_assert_false(berth_write_file_at(fixture->folder, "folder", "x", 1, 0600, false, &error));
	g_assert_cmpint(unlinkat(fixture->folder, "folder", AT_REMOVEDIR), ==, 0);
}

static void test_remove_does_not_follow(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(mkdirat(fixture->folder, "canary", 0700), ==, 0);
	g_assert_true(berth_write_file_at(fixture->folder, "canary/file", "x", 1, 0600, false, NULL));
	g_assert_cmpint(mkdirat(fixture->folder, "tree", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fixture->folder, "tree/inner", 0700), ==, 0);
	g_assert_cmpint(symlinkat("../../canary", fixture->folder, "tree/inner/link"), ==, 0);
	berth_remove_tree_at(fixture->folder, "tree", &error);
	g_assert_no_error(error);
	g_assert_cmpint(faccessat(fixture->folder, "tree", F_OK, 0), <, 0);
	g_assert_cmpint(faccessat(fixture->folder, "canary/file", F_OK, 0), ==, 0);
	berth_remove_tree_at(fixture->folder, "tree", &error);
	g_assert_no_error(error);
}

static void test_remove_does_not_cross_mounts(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	if (getuid() != 0) {
		g_test_skip("mounting needs root");
		return;
	}
	g_autoptr(GError) error = NULL;
	g_autofree char *inner = g_build_filename(fixture->path, "tree", "mounted", NULL);
	g_assert_cmpint(g_mkdir_with_parents(inner, 0700), ==, 0);
	g_assert_cmpint(mount("tmpfs", inner, "tmpfs", 0, NULL), ==, 0);
	g_autofree char *kept = g_build_filename(inner, "kept", NULL);
	g_assert_true(g_file_set_contents(kept, "x", 1, NULL));

	g_assert_false(berth_remove_tree_at(fixture->folder, "tree", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_cmpint(access(kept, F_OK), ==, 0);
	g_assert_cmpint(umount(inner), ==, 0);
}

// Deeper than there are descriptors, with names in its way.
static void test_remove_has_no_depth(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(mkdirat(fixture->folder, "deep", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fixture->folder, "deep/.deep-0", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fixture->folder, "deep/.deep-0/kept", 0700), ==, 0);
	berth_fd at = openat(fixture->folder, "deep", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 3000; i++) {
		g_assert_cmpint(mkdirat(at, "d", 0700), ==, 0);
		int next = openat(at, "d", O_PATH | O_CLOEXEC);
		g_assert_cmpint(next, >=, 0);
		berth_fd file = openat(next, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		g_assert_cmpint(file, >=, 0);
		close(at);
		at = next;
	}
	struct rlimit before, low;
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	low = before;
	low.rlim_cur = 128;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
	berth_remove_tree_at(fixture->folder, "deep", &error);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
	g_assert_no_error(error);
	g_assert_cmpint(faccessat(fixture->folder, "deep", F_OK, 0), <, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/fd/write-and-read", struct fixture, NULL, set_up, test_write_and_read, tear_down);
	g_test_add("/fd/only-regular-files", struct fixture, NULL, set_up, test_only_regular_files_are_read, tear_down);
	g_test_add("/fd/write-replaces", struct fixture, NULL, set_up, test_write_replaces, tear_down);
	g_test_add("/fd/remove-has-no-depth", struct fixture, NULL, set_up, test_remove_has_no_depth, tear_down);
	g_test_add("/fd/remove-does-not-follow", struct fixture, NULL, set_up, test_remove_does_not_follow, tear_down);
	g_test_add("/fd/remove-does-not-cross-mounts", struct fixture, NULL, set_up, test_remove_does_not_cross_mounts,
		   tear_down);
	return g_test_run();
}
