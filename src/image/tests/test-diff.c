// SPDX-License-Identifier: Apache-2.0
// A layer written from a tree and unpacked again is the tree; the same tree gives the same bytes.
#include "image/diff.h"

#include "base/error.h"
#include "base/fd.h"
#include "image/unpack.h"
#include "store/tree.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define LATIN "caf\xe9" // no UTF-8

struct fixture {
	char *base;
	int folder; // base
};

static void setup(struct fixture *fixture, gconstpointer data)
{
	(void) data;
	fixture->base = g_dir_make_tmp("berth-diff-XXXXXX", NULL);
	fixture->folder = open(fixture->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fixture->folder, >=, 0);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void) data;
	berth_fd_clear(&fixture->folder);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, fixture->base, &error));
	g_free(fixture->base);
}

static int make_tree(const struct fixture *fixture, const char *name)
{
	g_assert_cmpint(mkdirat(fixture->folder, name, 0755), ==, 0);
	int fd = openat(fixture->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void put(int tree, const char *name, const char *content, mode_t mode, struct timespec time)
{
	const struct timespec times[] = {{1, 1}, time};
	berth_fd fd = openat(tree, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, content, strlen(content)), ==, (ssize_t) strlen(content));
	g_assert_cmpint(fchmod(fd, mode), ==, 0);
	g_assert_cmpint(futimens(fd, times), ==, 0);
}

static void put_folder(int tree, const char *name)
{
	g_assert_cmpint(mkdirat(tree, name, 0755), ==, 0);
}

static void settle(int tree, const char *name, time_t seconds, long nanoseconds)
{
	const struct timespec times[] = {{1, 1}, {seconds, nanoseconds}};

	g_assert_cmpint(utimensat(tree, name, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void put_xattr(const struct fixture *fixture, const char *path, const char *name, const void *value, size_t size)
{
	g_autofree char *whole = g_build_filename(fixture->base, path, NULL);

	g_assert_cmpint(lsetxattr(whole, name, value, size, 0), ==, 0);
}

// One of each kind, with what is hard about it. `tree` is beneath `name`.
static void fill(const struct fixture *fixture, int tree, const char *name)
{
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};
	g_autofree char *deep = g_strnfill(120, 'd'), *file = g_strnfill(200, 'f'),
			*inner = g_build_filename(deep, file, NULL);
	g_autofree char *target = g_strnfill(300, 't'), *latin = g_strconcat(deep, "/" LATIN, NULL);
	g_autofree char *path = g_build_filename(name, "capable", NULL),
			*folder = g_build_filename(name, "folder", NULL);
	berth_fd sparse = openat(tree, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	berth_fd socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	put(tree, "file", "content", 04755, (struct timespec){1700000000, 123456789});
	put(tree, "old", "before 1970", 0644, (struct timespec){-2, 500000000});
	put(tree, "empty", "", 0, (struct timespec){1700000000, 0});
	put(tree, "capable", "x", 0755, (struct timespec){1700000000, 100});
	put(tree, LATIN, "no UTF-8", 0644, (struct timespec){1700000000, 0});
	put(tree, "caf\xc3\xa9", "UTF-8", 0644, (struct timespec){1700000000, 0});
	g_assert_cmpint(fchownat(tree, "empty", 3000000000u, 2500000, 0), ==, 0);
	put_xattr(fixture, path, "security.capability", capability, sizeof capability);
	put_xattr(fixture, path, "user.binary", "a\0b\n", 4);
	g_assert_cmpint(linkat(tree, "file", tree, "second", 0), ==, 0);
	g_assert_cmpint(linkat(tree, "file", tree, "another", 0), ==, 0);
	g_assert_cmpint(symlinkat(target, tree, "long-link"), ==, 0);
	g_assert_cmpint(symlinkat("../out/" LATIN, tree, "link"), ==, 0);
	g_assert_cmpint(mknodat(tree, "device", S_IFCHR | 0620, makedev(5, 1)), ==, 0);
	g_assert_cmpint(mknodat(tree, "block", S_IFBLK | 0660, makedev(259, 70000)), ==, 0);
	g_assert_cmpint(mknodat(tree, "pipe", S_IFIFO | 0600, 0), ==, 0);
	g_assert_cmpint(pwrite(sparse, "end", 3, 5 << 20), ==, 3);
	g_assert_cmpint(ftruncate(sparse, (9 << 20) + 5), ==, 0);
	put_folder(tree, deep);
	put(tree, inner, "long name", 0644, (struct timespec){1700000000, 0});
	put(tree, latin, "x", 0644, (struct timespec){1700000000, 0});
	put_folder(tree, "folder");
	put_xattr(fixture, folder, "user.colour", "red", 3);
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", tree);
	g_assert_cmpint(bind(socket_fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	const char *const all[] = {"long-link", "link", "device", "block", "pipe", "sparse", deep, "folder"};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		settle(tree, all[i], 1600000000 + (time_t) i, 7);
	settle(tree, ".", 1500000000, 42);
}

static struct berth_layer_diff diff(int top, int base, const struct berth_layer_diff_options *options, int *ret_fd)
{
	struct berth_snapshot_trees trees = {.top = top, .base = base, .whiteouts = BERTH_WHITEOUTS_DELETE};
	struct berth_layer_diff result;
	g_autoptr(GError) error = NULL;

	*ret_fd = memfd_create("layer", MFD_CLOEXEC);
	berth_layer_diff_trees(&trees, options, *ret_fd, &result, &error);
	g_assert_no_error(error);
	g_assert_cmpint(lseek(*ret_fd, 0, SEEK_END), ==, result.size);
	g_assert_cmpint(lseek(*ret_fd, 0, SEEK_SET), ==, 0);
	return result;
}

static void unpack(int layer, int tree, const struct berth_id_maps *ids, const char *expected)
{
	char diff_id[BERTH_DIGEST_SIZE];
	g_autoptr(GError) error = NULL;

	berth_layer_unpack_mapped(berth_source_of_fd(layer), tree, BERTH_WHITEOUTS_DELETE, ids, diff_id, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(diff_id, ==, expected);
}

static bool note_change(void *data, const char *path, enum berth_change change, const struct stat *status,
			GError **error)
{
	(void) status, (void) error;
	g_string_append_printf(data, "%c %s\n", "CAD"[change], path);
	return true;
}

// What differs, with content; and times and links, which a comparison does not look at.
static void assert_same(int one, int other, const char *expected)
{
	g_autoptr(GString) changes = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	static const char *const timed[] = {".", "folder", "link", "pipe", "file"};
	const struct berth_snapshot_trees trees = {.top = one, .base = other, .whiteouts = BERTH_WHITEOUTS_DELETE};

	g_assert_true(berth_tree_compare(&trees, note_change, changes, &error));
	g_assert_cmpstr(changes->str, ==, expected);
	for (size_t i = 0; i < G_N_ELEMENTS(timed); i++) {
		struct stat a, b;
		g_assert_cmpint(fstatat(one, timed[i], &a, AT_SYMLINK_NOFOLLOW), ==, 0);
		g_assert_cmpint(fstatat(other, timed[i], &b, AT_SYMLINK_NOFOLLOW), ==, 0);
		g_assert_cmpint(a.st_mtim.tv_sec, ==, b.st_mtim.tv_sec);
		g_assert_cmpint(a.st_mtim.tv_nsec, ==, b.st_mtim.tv_nsec);
		g_assert_cmpint(a.st_mode, ==, b.st_mode);
		if (!S_ISDIR(a.st_mode))
			g_assert_cmpint(a.st_nlink, ==, b.st_nlink);
	}
}

struct packing {
	enum berth_compression kind;
	int level; // -1: the usual one
};

static void test_round_trip(struct fixture *fixture, gconstpointer data)
{
	const struct packing *packing = data;
	const struct berth_layer_diff_options options = {packing->kind, packing->level >= 0 ? &packing->level : NULL};
	berth_fd tree = make_tree(fixture, "tree"), back = make_tree(fixture, "back"),
		 copy = make_tree(fixture, "copy");
	berth_fd layer = -1, again = -1, third = -1;
	g_autoptr(GError) error = NULL;
	struct stat status;

	fill(fixture, tree, "tree");
	struct berth_layer_diff first = diff(tree, -1, &options, &layer);
	g_assert_cmpint(g_str_equal(first.diff_id, first.digest), ==, packing->kind == BERTH_COMPRESSION_NONE);
	unpack(layer, back, NULL, first.diff_id);
	assert_same(tree, back, "A /socket\n");
	g_assert_cmpint(fstatat(back, "sparse", &status, 0), ==, 0);
	g_assert_cmpint(status.st_size, ==, (9 << 20) + 5);
	g_assert_cmpint(status.st_blocks * 512, <=, 1 << 20);
	g_assert_cmpint(fstatat(back, "file", &status, 0), ==, 0);
	g_assert_cmpint(status.st_nlink, ==, 3);

	// The same tree, a tree that is the same, and what was unpacked.
	struct berth_layer_diff second = diff(tree, -1, &options, &again);
	g_assert_cmpstr(first.digest, ==, second.digest);
	g_assert_true(berth_tree_copy(back, copy, &error));
	second = diff(copy, -1, &options, &third);
	g_assert_cmpstr(first.digest, ==, second.digest);
}

static void test_changes(struct fixture *fixture, gconstpointer data)
{
	const struct berth_layer_diff_options options = {0};
	berth_fd base = make_tree(fixture, "base"), top = make_tree(fixture, "top"), back = make_tree(fixture, "back");
	berth_fd layer = -1, nothing = -1;
	g_autoptr(GError) error = NULL;

	(void) data;
	fill(fixture, base, "base");
	put_folder(base, "gone");
	put(base, "gone/file", "x", 0644, (struct timespec){1, 0});
	g_assert_true(berth_tree_copy(base, top, &error) && berth_tree_copy(base, back, &error));
	struct berth_layer_diff empty = diff(top, base, &options, &nothing);
	g_assert_cmpint(empty.size, ==, 1024);

	g_assert_true(berth_remove_tree_at(top, "gone", &error));
	g_assert_cmpint(unlinkat(top, "old", 0), ==, 0);
	g_assert_cmpint(unlinkat(top, "empty", 0), ==, 0);
	put_folder(top, "empty");
	put(top, "empty/inner", "a folder where a file was", 0600, (struct timespec){5, 5});
	put(top, "capable", "changed", 0755, (struct timespec){6, 6});
	put(top, "folder/new", "new", 0640, (struct timespec){7, 7});
	settle(top, "folder", 8, 8);
	g_assert_cmpint(fchmod(top, 0700), ==, 0);
	settle(top, ".", 9, 9);
	struct berth_layer_diff changes = diff(top, base, &options, &layer);
	unpack(layer, back, NULL, changes.diff_id);
	assert_same(top, back, "");
}

static void test_mapped(struct fixture *fixture, gconstpointer data)
{
	static const struct berth_id_range ranges[] = {{0, 100000, 65536}};
	const struct berth_id_maps maps = {ranges, ranges, 1, 1};
	const struct berth_layer_diff_options options = {.ids = &maps}, plain = {0};
	berth_fd tree = make_tree(fixture, "tree"), back = make_tree(fixture, "back"),
		 host = make_tree(fixture, "host");
	berth_fd layer = -1, other = -1;
	struct berth_snapshot_trees trees = {.base = -1, .whiteouts = BERTH_WHITEOUTS_DELETE};
	struct berth_layer_diff result;
	g_autoptr(GError) error = NULL;
	struct stat status;

	(void) data;
	g_assert_cmpint(fchown(tree, 100000, 100000), ==, 0);
	put(tree, "file", "x", 0644, (struct timespec){1, 0});
	g_assert_cmpint(fchownat(tree, "file", 101000, 100005, 0), ==, 0);
	struct berth_layer_diff shifted = diff(tree, -1, &options, &layer);
	unpack(layer, host, NULL, shifted.diff_id);
	g_assert_cmpint(fstatat(host, "file", &status, 0), ==, 0);
	g_assert_true(status.st_uid == 1000 && status.st_gid == 5);
	g_assert_cmpint(lseek(layer, 0, SEEK_SET), ==, 0);
	unpack(layer, back, &maps, shifted.diff_id);
	g_assert_cmpint(fstatat(back, "file", &status, 0), ==, 0);
	g_assert_true(status.st_uid == 101000 && status.st_gid == 100005);
	struct berth_layer_diff unshifted = diff(host, -1, &plain, &other);
	g_assert_cmpstr(unshifted.diff_id, ==, shifted.diff_id);

	g_assert_cmpint(fchownat(tree, "file", 7, 100005, 0), ==, 0);
	trees.top = tree;
	g_assert_false(berth_layer_diff_trees(&trees, &options, layer, &result, &error));
	g_assert_cmpstr(error->message, ==, "/file: its owner, user 7, is not in the map of user ids");
}

static void test_refused(struct fixture *fixture, gconstpointer data)
{
	berth_fd tree = make_tree(fixture, "tree"), layer = memfd_create("layer", MFD_CLOEXEC);
	struct berth_snapshot_trees trees = {.top = tree, .base = -1, .whiteouts = BERTH_WHITEOUTS_DELETE};
	const struct berth_layer_diff_options options = {0};
	struct berth_layer_diff result;
	g_autoptr(GError) error = NULL;

	(void) data;
	put(tree, ".wh.file", "x", 0644, (struct timespec){1, 0});
	g_assert_false(berth_layer_diff_trees(&trees, &options, layer, &result, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "/.wh.file: "));
}

// What GNU tar makes of it.
static void test_gnu_tar(struct fixture *fixture, gconstpointer data)
{
	const struct berth_layer_diff_options options = {.compression = BERTH_COMPRESSION_GZIP};
	berth_fd tree = make_tree(fixture, "tree"), back = make_tree(fixture, "back"), layer = -1;
	g_autofree char *path = NULL, *folder = g_build_filename(fixture->base, "back", NULL), *said = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	(void) data;
	fill(fixture, tree, "tree");
	g_assert_cmpint(unlinkat(tree, "old", 0), ==, 0); // of which tar would warn
	diff(tree, -1, &options, &layer);
	path = g_strdup_printf("/proc/%d/fd/%d", getpid(), layer);
	const char *const command[] = {"tar",   "-C", folder, "--numeric-owner", "--xattrs", "--xattrs-include=*",
				       "-xpzf", path, NULL};
	g_assert_true(g_spawn_sync(NULL, (char **) command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &said, &status,
				   &error));
	g_assert_cmpstr(said, ==, "");
	g_assert_cmpint(status, ==, 0);
	assert_same(tree, back, "A /socket\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (geteuid() != 0) {
		g_print("1..0 # SKIP owners and devices are only root's to make\n");
		return 0;
	}
	static const struct packing packings[] = {{BERTH_COMPRESSION_NONE, -1}, {BERTH_COMPRESSION_GZIP, -1},
						  {BERTH_COMPRESSION_GZIP, 0},  {BERTH_COMPRESSION_GZIP, 9},
						  {BERTH_COMPRESSION_ZSTD, -1}, {BERTH_COMPRESSION_ZSTD, 19}};
	for (size_t i = 0; i < G_N_ELEMENTS(packings); i++) {
		g_autofree char *path = g_strdup_printf("/diff/round-trip/%d/%d", packings[i].kind, packings[i].level);
		g_test_add(path, struct fixture, &packings[i], setup, test_round_trip, teardown);
	}
	g_test_add("/diff/changes", struct fixture, NULL, setup, test_changes, teardown);
	g_test_add("/diff/mapped", struct fixture, NULL, setup, test_mapped, teardown);
	g_test_add("/diff/refused", struct fixture, NULL, setup, test_refused, teardown);
	g_test_add("/diff/gnu-tar", struct fixture, NULL, setup, test_gnu_tar, teardown);
	return g_test_run();
}
