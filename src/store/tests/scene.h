// SPDX-License-Identifier: Apache-2.0
// What the store's tests share: a folder of their own, small disks, files by descriptor. Every failure ends the test.
#pragma once

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHAIN_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CHAIN_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CHAIN_C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static inline char *scene_new(void)
{
	char *folder = g_dir_make_tmp("berth-store-XXXXXX", NULL);
	g_assert_nonnull(folder);
	return folder;
}

static inline void scene_free(char *folder)
{
	g_autoptr(GError) error = NULL;
	berth_remove_tree_at(AT_FDCWD, folder, &error);
	g_assert_no_error(error);
	g_free(folder);
}

// Mounts of a test are seen by the test alone. False where that may not be.
static inline bool scene_own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

// Mounts a file system of one MiB on the folder, or skips the test.
static inline bool scene_small_disk(const char *folder)
{
	if (mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0)
		return true;
	g_test_skip("mounting a small file system is not allowed here");
	return false;
}

static inline void scene_write(int folder, const char *name, const char *text, mode_t mode)
{
	berth_fd fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t) strlen(text));
	g_assert_cmpint(fchmod(fd, mode), ==, 0);
}

static inline void scene_assert_text(int folder, const char *name, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = berth_read_file_at(folder, name, 1 << 20, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(text, ==, expected);
}

static inline bool scene_exists(int folder, const char *name)
{
	struct stat status;
	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

// Asserts kind and a part of the message, and clears it.
static inline void scene_assert_error(GError **error, enum berth_error kind, const char *part)
{
	g_assert_error(*error, BERTH_ERROR, (int) kind);
	if (!strstr((*error)->message, part))
		g_error("\"%s\" is not in \"%s\"", part, (*error)->message);
	g_clear_error(error);
}
