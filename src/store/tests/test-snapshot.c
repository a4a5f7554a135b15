// SPDX-License-Identifier: Apache-2.0
// One suite for every driver, and after it what only one of them has.
#include "store/snapshot.h"

#include "base/json.h"
#include "base/limits.h"
#include "store/snapshot-internal.h"
#include "store/tests/scene.h"
#include "sys/namespace.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct scene {
	const char *driver;
	char *root;
	bool in_memory;
	struct berth_database *database;
	struct berth_snapshots *snapshots;
	GError *error;
};

static void reopen(struct scene *scene)
{
	berth_snapshots_free(scene->snapshots);
	scene->snapshots = berth_snapshots_open(scene->root, scene->database, scene->driver, &scene->error);
	g_assert_no_error(scene->error);
}

static void finish(struct scene *scene)
{
	g_assert_no_error(scene->error);
	berth_snapshots_free(scene->snapshots);
	berth_database_free(scene->database);
	if (scene->in_memory)
		umount2(scene->root, MNT_DETACH);
	scene_free(scene->root);
}

// False: the driver does not work here, and the test is skipped.
static bool open_scene(struct scene *scene)
{
	scene->database = berth_database_open(scene->root, &scene->error);
	g_assert_no_error(scene->error);
	scene->snapshots = berth_snapshots_open(scene->root, scene->database, scene->driver, &scene->error);
	if (scene->snapshots)
		return true;
	g_assert_cmpstr(scene->driver, ==, "overlay"); // the copy driver works everywhere
	g_test_skip(scene->error->message);
	g_clear_error(&scene->error);
	finish(scene);
	return false;
}

static bool begin(struct scene *scene, const char *driver)
{
	*scene = (struct scene){.driver = driver, .root = scene_new()};
	return open_scene(scene);
}

// On a file system of its own, where syncing costs nothing, for tests that make much.
static bool begin_in_memory(struct scene *scene, const char *driver)
{
	*scene = (struct scene){.driver = driver, .root = scene_new()};
	scene->in_memory = mount("tmpfs", scene->root, "tmpfs", 0, "size=64m") == 0;
	return open_scene(scene);
}

static int mount_it(struct scene *scene, const char *id)
{
	int tree = -1;
	berth_snapshot_mount(scene->snapshots, id, &tree, &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpint(tree, >=, 0);
	return tree;
}

static void prepare(struct scene *scene, const char *id, const char *parent)
{
	berth_snapshot_prepare(scene->snapshots, id, parent, &scene->error);
	g_assert_no_error(scene->error);
}

static void commit(struct scene *scene, const char *id, const char *chain_id)
{
	berth_snapshot_commit(scene->snapshots, id, chain_id, &scene->error);
	g_assert_no_error(scene->error);
}

static void remove_it(struct scene *scene, const char *id)
{
	berth_snapshot_remove(scene->snapshots, id, &scene->error);
	g_assert_no_error(scene->error);
}

static int count_folders(struct scene *scene)
{
	g_autofree char *path = g_build_filename(scene->root, "snapshots", NULL);
	g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
	int count = 0;
	while (g_dir_read_name(list))
		count++;
	return count;
}

// The tests' base layer: files of many kinds.
static void make_base(struct scene *scene)
{
	prepare(scene, "base", NULL);
	berth_fd top = berth_snapshot_open_content(scene->snapshots, "base", &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpint(mkdirat(top, "etc", 0755), ==, 0);
	g_assert_cmpint(mkdirat(top, "var", 0755), ==, 0);
	g_assert_cmpint(mkdirat(top, "var/lib", 0755), ==, 0);
	g_assert_cmpint(mkdirat(top, "empty", 0700), ==, 0);
	scene_write(top, "etc/passwd", "root", 0644);
	scene_write(top, "etc/shadow", "secret", 0600);
	scene_write(top, "etc/hosts", "hosts", 0644);
	scene_write(top, "var/lib/a", "a", 0644);
	scene_write(top, "var/lib/b", "bb", 0644);
	scene_write(top, "file", "file", 0755);
	g_assert_cmpint(symlinkat("etc/passwd", top, "link"), ==, 0);
	g_assert_cmpint(linkat(top, "file", top, "same", 0), ==, 0);
	g_assert_cmpint(fchmod(top, 0751), ==, 0);
	g_assert_cmpint(fchown(top, 7, 8), ==, 0);
	commit(scene, "base", CHAIN_A);
}

static void test_layers(const void *driver)
{
	struct scene scene;
	struct stat status;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	g_assert_false(berth_snapshot_exists(scene.snapshots, "base"));
	g_assert_true(berth_snapshot_exists(scene.snapshots, CHAIN_A));

	// A second layer, made through a mount.
	prepare(&scene, "second", CHAIN_A);
	berth_fd tree = mount_it(&scene, "second");
	scene_assert_text(tree, "link", "root");
	g_assert_cmpint(fstat(tree, &status), ==, 0); // the top folder is the parent's
	g_assert_cmpint(status.st_mode & 07777, ==, 0751);
	g_assert_cmpint(status.st_uid, ==, 7);
	g_assert_cmpint(status.st_gid, ==, 8);
	scene_write(tree, "etc/passwd", "root and me", 0644);
	g_assert_cmpint(unlinkat(tree, "etc/shadow", 0), ==, 0);
	scene_write(tree, "new", "new", 0644);
	berth_fd_clear(&tree);
	commit(&scene, "second", CHAIN_B);

	// A container on it sees both, and changes neither.
	prepare(&scene, "container", CHAIN_B);
	tree = mount_it(&scene, "container");
	scene_assert_text(tree, "etc/passwd", "root and me");
	scene_assert_text(tree, "etc/hosts", "hosts");
	scene_assert_text(tree, "new", "new");
	g_assert_false(scene_exists(tree, "etc/shadow"));
	scene_write(tree, "new", "newer", 0644);
	g_assert_cmpint(unlinkat(tree, "file", 0), ==, 0);
	berth_fd_clear(&tree);
	tree = mount_it(&scene, "container"); // it is still so
	scene_assert_text(tree, "new", "newer");
	g_assert_false(scene_exists(tree, "file"));
	berth_fd_clear(&tree);
	reopen(&scene);
	tree = mount_it(&scene, "container");
	scene_assert_text(tree, "new", "newer");

	berth_fd below = mount_it(&scene, CHAIN_B);
	scene_assert_text(below, "new", "new");
	scene_assert_text(below, "file", "file");
	g_assert_cmpint(openat(below, "x", O_WRONLY | O_CREAT, 0644), ==, -1);
	g_assert_cmpint(errno, ==, EROFS);
	berth_fd base = mount_it(&scene, CHAIN_A);
	scene_assert_text(base, "etc/shadow", "secret");
	g_assert_false(scene_exists(base, "new"));
	g_assert_cmpint(unlinkat(base, "file", 0), ==, -1);
	g_assert_cmpint(errno, ==, EROFS);
	finish(&scene);
}

static void test_scratch(const void *driver)
{
	struct scene scene;
	struct stat status;
	if (!begin(&scene, driver))
		return;
	mode_t mask = umask(077);
	prepare(&scene, "scratch", NULL);
	umask(mask);
	berth_fd tree = mount_it(&scene, "scratch");
	g_assert_cmpint(fstat(tree, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 07777, ==, 0755);
	scene_write(tree, "a", "a", 0644);
	berth_fd_clear(&tree);
	tree = mount_it(&scene, "scratch");
	scene_assert_text(tree, "a", "a");
	// A tree in use does not keep the snapshot from going; the mount goes with its descriptors.
	remove_it(&scene, "scratch");
	remove_it(&scene, "scratch");
	g_assert_false(berth_snapshot_exists(scene.snapshots, "scratch"));
	g_assert_cmpint(count_folders(&scene), ==, 0);
	finish(&scene);
}

static bool note_change(void *data, const char *path, enum berth_change change, GError **error)
{
	(void) error;
	g_string_append_printf(data, "%c %s\n", "CAD"[change], path);
	return true;
}

static void assert_changes(struct scene *scene, const char *id, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);
	berth_snapshot_changes(scene->snapshots, id, note_change, text, &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpstr(text->str, ==, expected);
}

static void assert_usage(struct scene *scene, const char *id, int64_t bytes, int64_t inodes)
{
	struct berth_usage usage = {-1, -1};
	berth_snapshot_usage(scene->snapshots, id, &usage, &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpint(usage.bytes, ==, bytes);
	g_assert_cmpint(usage.inodes, ==, inodes);
}

static void test_changes(const void *driver)
{
	struct scene scene;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	assert_changes(&scene, CHAIN_A,
		       "A /empty\nA /etc\nA /etc/hosts\nA /etc/passwd\nA /etc/shadow\nA /file\nA /link\nA /same\n"
		       "A /var\nA /var/lib\nA /var/lib/a\nA /var/lib/b\n");
	assert_usage(&scene, CHAIN_A, 4 + 6 + 5 + 1 + 2 + 4 + 10, 11);
	prepare(&scene, "c", CHAIN_A);
	assert_changes(&scene, "c", "");
	assert_usage(&scene, "c", 0, 0);

	berth_fd tree = mount_it(&scene, "c");
	scene_write(tree, "etc/passwd", "more", 0644); // the same length: its time tells
	scene_write(tree, "var/lib/new", "123", 0644);
	scene_write(tree, "Z", "", 0644);
	g_assert_cmpint(fchmodat(tree, "empty", 0711, 0), ==, 0);
	g_assert_cmpint(unlinkat(tree, "var/lib/b", 0), ==, 0);
	scene_write(tree, "gone", "made and removed", 0644);
	g_assert_cmpint(unlinkat(tree, "gone", 0), ==, 0);
	berth_fd untouched = openat(tree, "etc/hosts", O_RDWR); // opened for writing, not written
	g_assert_cmpint(untouched, >=, 0);
	assert_changes(&scene, "c",
		       "A /Z\nC /empty\nC /etc\nC /etc/passwd\nC /var\nC /var/lib\nD /var/lib/b\nA /var/lib/new\n");
	assert_usage(&scene, "c", 4 + 3, 7);
	finish(&scene);
}

static void test_changes_of_kind(const void *driver)
{
	struct scene scene;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	prepare(&scene, "c", CHAIN_A);
	berth_fd tree = mount_it(&scene, "c");
	// A folder removed and made anew: what was in it is gone, what is in it anew is compared.
	unlinkat(tree, "etc/passwd", 0);
	unlinkat(tree, "etc/shadow", 0);
	unlinkat(tree, "etc/hosts", 0);
	g_assert_cmpint(unlinkat(tree, "etc", AT_REMOVEDIR), ==, 0);
	g_assert_cmpint(mkdirat(tree, "etc", 0755), ==, 0);
	scene_write(tree, "etc/hosts", "other", 0644);
	scene_write(tree, "etc/added", "", 0644);
	// A file in a folder's place, a folder in a file's.
	g_assert_cmpint(unlinkat(tree, "empty", AT_REMOVEDIR), ==, 0);
	scene_write(tree, "empty", "now a file", 0644);
	g_assert_cmpint(unlinkat(tree, "file", 0), ==, 0);
	g_assert_cmpint(mkdirat(tree, "file", 0755), ==, 0);
	scene_write(tree, "file/inner", "", 0644);
	// A tree is removed: one deletion.
	unlinkat(tree, "var/lib/a", 0);
	unlinkat(tree, "var/lib/b", 0);
	unlinkat(tree, "var/lib", AT_REMOVEDIR);
	g_assert_cmpint(unlinkat(tree, "var", AT_REMOVEDIR), ==, 0);
	// An owner, a link's target, an attribute, a device.
	g_assert_cmpint(fchownat(tree, "same", 5, 5, 0), ==, 0);
	g_assert_cmpint(unlinkat(tree, "link", 0), ==, 0);
	g_assert_cmpint(symlinkat("elsewhere", tree, "link"), ==, 0);
	g_assert_cmpint(mknodat(tree, "null", S_IFCHR | 0666, makedev(1, 3)), ==, 0);
	static const char expected[] = "C /empty\nC /etc\nA /etc/added\nC /etc/hosts\nD /etc/passwd\nD /etc/shadow\n"
				       "C /file\nA /file/inner\nC /link\nA /null\nC /same\nD /var\n";
	assert_changes(&scene, "c", expected);
	berth_fd_clear(&tree);
	commit(&scene, "c", CHAIN_B);
	assert_changes(&scene, CHAIN_B, expected);

	prepare(&scene, "d", CHAIN_B);
	tree = mount_it(&scene, "d");
	berth_fd hosts = openat(tree, "etc/hosts", O_RDONLY);
	g_assert_cmpint(fsetxattr(hosts, "trusted.berth", "x", 1, 0), ==, 0);
	assert_changes(&scene, "d", "C /etc\nC /etc/hosts\n");
	finish(&scene);
}

// Programs that set times: size and time are the same, and only the content tells.
static void test_changes_of_content(const void *driver)
{
	struct scene scene;
	struct stat status;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	prepare(&scene, "c", CHAIN_A);
	berth_fd tree = mount_it(&scene, "c");
	const char *const names[] = {"etc/passwd", "etc/hosts"};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_assert_cmpint(fstatat(tree, names[i], &status, 0), ==, 0);
		const struct timespec times[] = {status.st_atim, status.st_mtim};
		g_assert_cmpint(unlinkat(tree, names[i], 0), ==, 0);
		scene_write(tree, names[i], i == 0 ? "rooT" : "hosts", 0644);
		g_assert_cmpint(utimensat(tree, names[i], times, 0), ==, 0);
	}
	g_assert_cmpint(fstatat(tree, "link", &status, AT_SYMLINK_NOFOLLOW), ==, 0);
	const struct timespec times[] = {status.st_atim, status.st_mtim};
	g_assert_cmpint(unlinkat(tree, "link", 0), ==, 0);
	g_assert_cmpint(symlinkat("etc/shadow", tree, "link"), ==, 0);
	g_assert_cmpint(utimensat(tree, "link", times, AT_SYMLINK_NOFOLLOW), ==, 0);
	static const char expected[] = "C /etc\nC /etc/passwd\nC /link\n";
	assert_changes(&scene, "c", expected);
	berth_fd_clear(&tree);
	commit(&scene, "c", CHAIN_B);
	assert_changes(&scene, CHAIN_B, expected);
	finish(&scene);
}

static bool stop_there(void *data, const char *path, enum berth_change change, GError **error)
{
	(void) data, (void) change;
	return berth_error_set(error, BERTH_ERROR_CANCELED, "enough at %s", path);
}

static void test_refusals(const void *driver)
{
	struct scene scene;
	int tree;
	GError **error = &scene.error;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	struct berth_snapshots *s = scene.snapshots;
	prepare(&scene, "c", CHAIN_A);
	g_assert_false(berth_snapshot_prepare(s, "c", NULL, error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "snapshot c exists already");
	g_assert_false(berth_snapshot_prepare(s, "d", "c", error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "snapshot c cannot be the parent of d: it is not committed");
	g_assert_false(berth_snapshot_prepare(s, "d", CHAIN_B, error));
	scene_assert_error(error, BERTH_ERROR_NOT_FOUND, "no such snapshot: " CHAIN_B);
	g_assert_false(berth_snapshot_exists(s, "d"));
	g_assert_false(berth_snapshot_remove(s, CHAIN_A, error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "is in use by snapshot c");
	g_assert_false(berth_snapshot_commit(s, CHAIN_A, CHAIN_B, error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "is committed");
	g_assert_false(berth_snapshot_commit(s, "d", CHAIN_B, error));
	scene_assert_error(error, BERTH_ERROR_NOT_FOUND, "no such snapshot: d");
	g_assert_cmpint(berth_snapshot_open_content(s, CHAIN_A, error), ==, -1);
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "it cannot be written");
	g_assert_false(berth_snapshot_mount(s, "d", &tree, error));
	scene_assert_error(error, BERTH_ERROR_NOT_FOUND, "no such snapshot: d");
	g_assert_false(berth_snapshot_changes(s, "d", note_change, NULL, error));
	scene_assert_error(error, BERTH_ERROR_NOT_FOUND, "no such snapshot: d");
	g_assert_false(berth_snapshot_changes(s, CHAIN_A, stop_there, NULL, error));
	scene_assert_error(error, BERTH_ERROR_CANCELED, "enough at /empty");
	g_autofree char *long_id = g_strnfill(BERTH_LIMIT_SNAPSHOT_ID + 1, 'x');
	const char *const bad[] = {"", ".", "..", ".gone-x", "a/b", "../x", "a b", long_id};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(berth_snapshot_prepare(s, bad[i], NULL, error));
		scene_assert_error(error, BERTH_ERROR_INVALID, "invalid snapshot id");
		g_assert_false(berth_snapshot_remove(s, bad[i], error));
		scene_assert_error(error, BERTH_ERROR_INVALID, "invalid snapshot id");
	}
	// Two ids with one folder: the second is refused, and nothing of it stays.
	prepare(&scene, "a-b", NULL);
	g_assert_false(berth_snapshot_prepare(s, "a:b", NULL, error));
	scene_assert_error(error, BERTH_ERROR_INTERNAL, "prepare snapshot a:b: rename the folder");
	g_assert_false(berth_snapshot_exists(s, "a:b"));
	g_assert_cmpint(count_folders(&scene), ==, 3);

	// A record that names it keeps it.
	{
		g_autoptr(berth_transaction) transaction = berth_transaction_begin(scene.database, error);
		BERTH_AUTO_JSON json_t *nothing = json_object();
		struct berth_reference to = {"snapshot", "c"};
		g_assert_true(berth_record_put(transaction, "container", "web", NULL, nothing, &to, 1, error));
		g_assert_true(berth_transaction_commit(transaction, error));
	}
	g_assert_false(berth_snapshot_remove(s, "c", error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "snapshot c is in use by container web");
	g_assert_false(berth_snapshot_commit(s, "c", CHAIN_B, error));
	scene_assert_error(error, BERTH_ERROR_CONFLICT, "snapshot c is in use by container web");
	tree = mount_it(&scene, "c"); // unharmed
	scene_assert_text(tree, "file", "file");
	close(tree);
	finish(&scene);
}

static void test_commit_twice(const void *driver)
{
	struct scene scene;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	prepare(&scene, "again", NULL);
	commit(&scene, "again", CHAIN_A); // the same layer from another image
	g_assert_false(berth_snapshot_exists(scene.snapshots, "again"));
	berth_fd tree = mount_it(&scene, CHAIN_A);
	scene_assert_text(tree, "file", "file"); // the first one's
	g_assert_cmpint(count_folders(&scene), ==, 1);
	finish(&scene);
}

static void test_sweep(const void *driver)
{
	struct scene scene;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	prepare(&scene, "whole", CHAIN_A);
	prepare(&scene, "lost", CHAIN_A);
	g_autofree char *folder = g_build_filename(scene.root, "snapshots", NULL);
	berth_fd fd = berth_open_folder(folder, false, 0, &scene.error);
	g_assert_true(berth_remove_tree_at(fd, "lost", &scene.error));
	g_assert_cmpint(mkdirat(fd, "stranger", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fd, "stranger/fs", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fd, ".new-x", 0700), ==, 0);
	g_assert_cmpint(mkdirat(fd, ".gone-1-x", 0700), ==, 0);
	scene_write(fd, ".gone-1-x/file", "", 0600);
	reopen(&scene);
	g_assert_true(berth_snapshots_sweep(scene.snapshots, &scene.error));
	g_assert_false(berth_snapshot_exists(scene.snapshots, "lost"));
	g_assert_true(berth_snapshot_exists(scene.snapshots, "whole"));
	g_assert_true(berth_snapshot_exists(scene.snapshots, CHAIN_A));
	g_assert_cmpint(count_folders(&scene), ==, 2);
	g_assert_true(berth_snapshots_sweep(scene.snapshots, &scene.error));
	berth_fd tree = mount_it(&scene, "whole");
	scene_assert_text(tree, "file", "file");
	finish(&scene);
}

static void test_fidelity(const void *driver)
{
	struct scene scene;
	struct stat status;
	char value[8];
	static const struct timespec times[] = {{1000, 111}, {2000, 123456789}};
	if (!begin(&scene, driver))
		return;
	prepare(&scene, "base", NULL);
	berth_fd top = berth_snapshot_open_content(scene.snapshots, "base", &scene.error);
	scene_write(top, "program", "x", 0755);
	g_assert_cmpint(fchownat(top, "program", 12, 34, 0), ==, 0);
	g_assert_cmpint(fchmodat(top, "program", 04755, 0), ==, 0); // set-id comes after the owner
	berth_fd program = openat(top, "program", O_RDONLY);
	static const unsigned char capability[] = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	g_assert_cmpint(fsetxattr(program, "security.capability", capability, sizeof capability, 0), ==, 0);
	g_assert_cmpint(fsetxattr(program, "trusted.x", "value", 5, 0), ==, 0);
	g_assert_cmpint(fsetxattr(program, "trusted.empty", "", 0, 0), ==, 0);
	g_assert_cmpint(futimens(program, times), ==, 0);
	g_assert_cmpint(mkdirat(top, "folder", 0700), ==, 0);
	g_assert_cmpint(linkat(top, "program", top, "folder/second", 0), ==, 0);
	g_assert_cmpint(linkat(top, "program", top, "a-third", 0), ==, 0);
	g_assert_cmpint(mknodat(top, "folder/null", S_IFCHR | 0600, makedev(1, 3)), ==, 0);
	g_assert_cmpint(mknodat(top, "folder/disk", S_IFBLK | 0600, makedev(7, 9)), ==, 0);
	g_assert_cmpint(mknodat(top, "folder/pipe", S_IFIFO | 0644, 0), ==, 0);
	g_assert_cmpint(symlinkat("../nowhere", top, "folder/dangling"), ==, 0);
	g_assert_cmpint(fchownat(top, "folder/dangling", 3, 4, AT_SYMLINK_NOFOLLOW), ==, 0);
	scene_write(top, "sparse", "head", 0600);
	berth_fd sparse = openat(top, "sparse", O_WRONLY);
	g_assert_cmpint(pwrite(sparse, "middle", 6, 32 << 20), ==, 6);
	g_assert_cmpint(ftruncate(sparse, 64 << 20), ==, 0);
	g_assert_cmpint(fchmodat(top, "folder", 01777, 0), ==, 0);
	g_assert_cmpint(utimensat(top, "folder", times, 0), ==, 0);
	commit(&scene, "base", CHAIN_A);

	prepare(&scene, "c", CHAIN_A);
	assert_changes(&scene, "c", "");
	berth_fd tree = mount_it(&scene, "c");
	g_assert_cmpint(fstatat(tree, "program", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mode, ==, S_IFREG | 04755);
	g_assert_cmpint(status.st_uid, ==, 12);
	g_assert_cmpint(status.st_gid, ==, 34);
	g_assert_cmpint(status.st_nlink, ==, 3);
	g_assert_cmpint(status.st_mtim.tv_sec, ==, 2000);
	g_assert_cmpint(status.st_mtim.tv_nsec, ==, 123456789);
	ino_t inode = status.st_ino;
	g_assert_cmpint(fstatat(tree, "folder/second", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_ino, ==, inode);
	berth_fd copied = openat(tree, "program", O_RDONLY);
	g_assert_cmpint(fgetxattr(copied, "security.capability", NULL, 0), ==, sizeof capability);
	g_assert_cmpint(fgetxattr(copied, "trusted.x", value, sizeof value), ==, 5);
	g_assert_cmpmem(value, 5, "value", 5);
	g_assert_cmpint(fgetxattr(copied, "trusted.empty", value, sizeof value), ==, 0);
	g_assert_cmpint(fstatat(tree, "folder", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mode, ==, S_IFDIR | 01777);
	g_assert_cmpint(status.st_mtim.tv_nsec, ==, 123456789);
	g_assert_cmpint(fstatat(tree, "folder/null", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mode, ==, S_IFCHR | 0600);
	g_assert_cmpuint(status.st_rdev, ==, makedev(1, 3));
	g_assert_cmpint(fstatat(tree, "folder/disk", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_rdev, ==, makedev(7, 9));
	g_assert_cmpint(fstatat(tree, "folder/pipe", &status, 0), ==, 0);
	g_assert_true(S_ISFIFO(status.st_mode));
	g_assert_cmpint(fstatat(tree, "folder/dangling", &status, AT_SYMLINK_NOFOLLOW), ==, 0);
	g_assert_cmpint(status.st_uid, ==, 3);
	berth_fd holes = openat(tree, "sparse", O_RDONLY);
	g_assert_cmpint(fstat(holes, &status), ==, 0);
	g_assert_cmpint(status.st_size, ==, 64 << 20);
	g_assert_cmpint(status.st_blocks * 512, <, 1 << 20);
	g_assert_cmpint(pread(holes, value, 6, 32 << 20), ==, 6);
	g_assert_cmpmem(value, 6, "middle", 6);
	finish(&scene);
}

static void test_many_layers(const void *driver)
{
	struct scene scene;
	g_autofree char *parent = NULL;
	if (!begin_in_memory(&scene, driver))
		return;
	for (int i = 0; i < BERTH_LIMIT_LAYERS; i++) {
		g_autofree char *chain = g_strdup_printf("sha256:%064d", i), *name = g_strdup_printf("file%d", i);
		prepare(&scene, "layer", parent);
		berth_fd content = berth_snapshot_open_content(scene.snapshots, "layer", &scene.error);
		scene_write(content, name, name, 0644);
		commit(&scene, "layer", chain);
		g_free(parent);
		parent = g_steal_pointer(&chain);
	}
	prepare(&scene, "c", parent);
	for (int old = 0; old < (g_str_equal(driver, "overlay") ? 2 : 1); old++) {
		berth_overlay_old_kernel = old;
		berth_fd tree = mount_it(&scene, "c"), below = mount_it(&scene, parent);
		berth_overlay_old_kernel = 0;
		scene_assert_text(tree, "file0", old ? "once" : "file0");
		scene_assert_text(tree, "file126", "file126");
		scene_write(tree, "file0", old ? "twice" : "once", 0644);
		scene_assert_text(below, "file0", "file0");
		g_assert_cmpint(openat(below, "x", O_WRONLY | O_CREAT, 0644), ==, -1);
		g_assert_cmpint(errno, ==, EROFS);
		assert_changes(&scene, "c", "C /file0\n");
	}
	finish(&scene);
}

// The mount can be moved into place, as a container's root is.
static void test_attach(const void *driver)
{
	struct scene scene;
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	prepare(&scene, "c", CHAIN_A);
	g_autofree char *target = g_build_filename(scene.root, "target", NULL);
	g_assert_cmpint(mkdir(target, 0700), ==, 0);
	berth_fd folder = berth_open_folder(target, false, 0, &scene.error), tree = mount_it(&scene, "c");
	if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		g_test_skip("mounting is not allowed here");
	} else {
		g_autofree char *file = g_build_filename(target, "file", NULL);
		scene_assert_text(AT_FDCWD, file, "file");
		g_assert_cmpint(umount2(target, MNT_DETACH), ==, 0);
	}
	finish(&scene);
}

struct worker {
	struct scene *scene;
	int number;
};

static void *work(void *data)
{
	struct worker *worker = data;
	struct berth_snapshots *snapshots = worker->scene->snapshots;
	for (int i = 0; i < 10; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *id = g_strdup_printf("w%d", worker->number);
		g_autofree char *chain = g_strdup_printf("sha256:%064d", i); // all workers make the same layers
		berth_fd tree = -1;
		struct berth_usage usage;
		g_assert_true(berth_snapshot_prepare(snapshots, id, CHAIN_A, &error));
		g_assert_true(berth_snapshot_mount(snapshots, id, &tree, &error));
		scene_write(tree, "etc/passwd", "changed", 0644);
		berth_fd_clear(&tree);
		g_assert_true(berth_snapshot_usage(snapshots, id, &usage, &error));
		g_assert_cmpint(usage.bytes, ==, 7);
		if (i % 2) {
			g_assert_true(berth_snapshot_remove(snapshots, id, &error));
			continue;
		}
		g_assert_true(berth_snapshot_commit(snapshots, id, chain, &error));
		g_assert_true(berth_snapshot_mount(snapshots, chain, &tree, &error));
		scene_assert_text(tree, "etc/passwd", "changed");
	}
	return NULL;
}

static void test_threads(const void *driver)
{
	struct scene scene;
	pthread_t threads[4];
	struct worker workers[4];
	if (!begin(&scene, driver))
		return;
	make_base(&scene);
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){&scene, i};
		g_assert_cmpint(pthread_create(&threads[i], NULL, work, &workers[i]), ==, 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	g_assert_cmpint(count_folders(&scene), ==, 1 + 5);
	g_assert_true(berth_snapshots_sweep(scene.snapshots, &scene.error)); // finds nothing to do
	g_assert_cmpint(count_folders(&scene), ==, 1 + 5);
	finish(&scene);
}

static void test_full_disk(const void *driver)
{
	struct scene scene = {.driver = driver, .root = scene_new()};
	if (!scene_small_disk(scene.root)) {
		scene_free(scene.root);
		return;
	}
	scene.database = berth_database_open(scene.root, &scene.error);
	scene.snapshots = berth_snapshots_open(scene.root, scene.database, driver, &scene.error);
	if (!scene.snapshots) {
		g_assert_cmpstr(driver, ==, "overlay");
		g_test_skip(scene.error->message);
		g_clear_error(&scene.error);
	} else {
		g_autofree char *much = g_strnfill(200 << 10, 'x'); // the database keeps room for its log
		prepare(&scene, "base", NULL);
		berth_fd content = berth_snapshot_open_content(scene.snapshots, "base", &scene.error);
		scene_write(content, "big", much, 0644);
		commit(&scene, "base", CHAIN_A);
		// With copies there is no room for a second one: nothing of it stays.
		if (g_str_equal(driver, "copy")) {
			g_assert_false(berth_snapshot_prepare(scene.snapshots, "c", CHAIN_A, &scene.error));
			scene_assert_error(&scene.error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					   "prepare snapshot c: copy a file's content: No space left on device");
			g_assert_false(berth_snapshot_exists(scene.snapshots, "c"));
			g_assert_cmpint(count_folders(&scene), ==, 1);
		}
	}
	berth_snapshots_free(g_steal_pointer(&scene.snapshots));
	berth_database_free(g_steal_pointer(&scene.database));
	umount2(scene.root, MNT_DETACH);
	finish(&scene);
}

static void test_whiteouts_of_base(void)
{
	struct scene scene;
	if (!begin(&scene, "overlay"))
		return;
	prepare(&scene, "base", NULL);
	berth_fd content = berth_snapshot_open_content(scene.snapshots, "base", &scene.error);
	g_assert_cmpint(mknodat(content, "nothing", S_IFCHR, 0), ==, 0); // deletes what never was
	scene_write(content, "file", "file", 0644);
	commit(&scene, "base", CHAIN_A);
	berth_fd tree = mount_it(&scene, CHAIN_A);
	g_assert_false(scene_exists(tree, "nothing"));
	scene_assert_text(tree, "file", "file");
	assert_changes(&scene, CHAIN_A, "A /file\n");
	finish(&scene);
}

static void test_choice(void)
{
	struct scene scene;
	if (!begin(&scene, "copy"))
		return;
	g_assert_cmpstr(berth_snapshots_driver(scene.snapshots), ==, "copy");
	g_assert_cmpint(berth_snapshots_whiteouts(scene.snapshots), ==, BERTH_WHITEOUTS_DELETE);
	g_assert_null(berth_snapshots_open(scene.root, scene.database, "overlay", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_CONFLICT, "made with snapshot driver copy, not overlay");
	g_assert_null(berth_snapshots_open(scene.root, scene.database, "zfs", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_CONFLICT, "not zfs");
	scene.driver = NULL; // the one it was made with
	reopen(&scene);
	g_assert_cmpstr(berth_snapshots_driver(scene.snapshots), ==, "copy");
	finish(&scene);

	scene = (struct scene){.root = scene_new()};
	scene.database = berth_database_open(scene.root, &scene.error);
	g_assert_null(berth_snapshots_open(scene.root, scene.database, "zfs", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "unknown snapshot driver \"zfs\"");
	finish(&scene);
}

static void test_overlay_on_overlay(void)
{
	struct scene outer, scene;
	if (!begin(&outer, "overlay"))
		return;
	prepare(&outer, "disk", NULL);
	scene = (struct scene){.root = scene_new()};
	berth_fd tree = mount_it(&outer, "disk");
	if (move_mount(tree, "", AT_FDCWD, scene.root, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		g_test_skip("mounting is not allowed here");
	} else {
		scene.database = berth_database_open(scene.root, &scene.error);
		g_assert_null(berth_snapshots_open(scene.root, scene.database, "overlay", &scene.error));
		g_assert_nonnull(strstr(scene.error->message, "the overlay driver does not work here"));
		g_clear_error(&scene.error);
		reopen(&scene);
		g_assert_cmpstr(berth_snapshots_driver(scene.snapshots), ==, "copy");
		make_base(&scene);
		prepare(&scene, "c", CHAIN_A);
		berth_fd inner = mount_it(&scene, "c");
		scene_assert_text(inner, "file", "file");
		berth_fd_clear(&inner);
		berth_snapshots_free(g_steal_pointer(&scene.snapshots));
		berth_database_free(g_steal_pointer(&scene.database));
		g_assert_cmpint(umount2(scene.root, MNT_DETACH), ==, 0);
	}
	finish(&scene);
	berth_fd_clear(&tree);
	finish(&outer);
}

// Whether a mount shows root's files as another user's, and writes that user's as root's.
static void check_mapped(struct scene *scene, struct berth_snapshot_owner *owner)
{
	struct stat status;
	berth_fd tree = -1;

	berth_snapshot_mount_as(scene->snapshots, "c", owner, &tree, &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpint(fstatat(tree, "etc/passwd", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_uid, ==, owner->uid);
	g_assert_cmpint(fstatat(tree, ".", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_uid, ==, owner->uid + 7);
	g_assert_cmpuint(status.st_gid, ==, owner->gid + 8);
	g_assert_cmpint(fchownat(tree, "etc/hosts", owner->uid + 3, owner->gid + 4, 0), ==, 0);
	if (faccessat(tree, "etc/shadow", F_OK, 0) == 0)
		g_assert_cmpint(unlinkat(tree, "etc/shadow", 0), ==, 0);
	g_assert_cmpint(faccessat(tree, "etc/shadow", F_OK, 0), ==, -1);
	berth_fd content = berth_snapshot_open_content(scene->snapshots, "c", &scene->error);
	g_assert_cmpint(fstatat(content, "etc/hosts", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_uid, ==, 3);
	g_assert_cmpuint(status.st_gid, ==, 4);
}

static void test_mapped(const void *driver)
{
	const struct berth_idmap uids = {0, 100000, 1000}, gids = {0, 200000, 1000};
	struct scene scene;

	if (!begin(&scene, driver))
		return;
	berth_fd user = berth_namespace_new_user(&uids, 1, &gids, 1, &scene.error), folders = -1;
	g_assert_no_error(scene.error);
	struct berth_snapshot_owner owner = {user, 100000, 200000, -1};
	make_base(&scene);
	prepare(&scene, "c", CHAIN_A);
	// As this kernel does it, and as one does that wants attached layers, and one that knows no "lowerdir+".
	for (int kind = 0; kind < (g_str_equal(driver, "overlay") ? 3 : 1); kind++) {
		berth_overlay_attached_only = kind == 1;
		berth_overlay_old_kernel = kind == 2;
		check_mapped(&scene, &owner);
		folders = owner.folders = berth_snapshots_map(scene.snapshots, user, &scene.error);
		g_assert_no_error(scene.error);
		check_mapped(&scene, &owner);
		berth_fd_clear(&folders);
		owner.folders = -1;
	}
	berth_overlay_attached_only = berth_overlay_old_kernel = 0;
	assert_changes(&scene, "c", "C /etc\nC /etc/hosts\nD /etc/shadow\n");
	finish(&scene);
}

// On ext4 snapshots are spread over the disk; each new one must not walk over what was deleted with the last.
static void test_spread(const void *driver)
{
	struct scene scene;
	struct statfs kind;
	int flags = 0;

	if (!begin(&scene, driver))
		return;
	g_autofree char *path = g_build_filename(scene.root, "snapshots", NULL);
	berth_fd folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(statfs(path, &kind), ==, 0);
	if (kind.f_type == EXT4_SUPER_MAGIC) {
		g_assert_cmpint(ioctl(folder, FS_IOC_GETFLAGS, &flags), ==, 0);
		g_assert_true(flags & FS_TOPDIR_FL);
	} else {
		g_test_skip("the store of this test is not on ext4");
	}
	finish(&scene);
}

static const struct {
	const char *name;
	void (*test)(const void *driver);
} suite[] = {
	{"spread", test_spread},
	{"layers", test_layers},
	{"scratch", test_scratch},
	{"changes", test_changes},
	{"changes-of-kind", test_changes_of_kind},
	{"changes-of-content", test_changes_of_content},
	{"refusals", test_refusals},
	{"commit-twice", test_commit_twice},
	{"sweep", test_sweep},
	{"fidelity", test_fidelity},
	{"many-layers", test_many_layers},
	{"attach", test_attach},
	{"mapped", test_mapped},
	{"threads", test_threads},
	{"full-disk", test_full_disk},
};

int main(int argc, char **argv)
{
	static const char *const drivers[] = {"overlay", "copy"};
	g_test_init(&argc, &argv, NULL);
	if (!scene_own_mounts()) {
		g_print("1..0 # SKIP snapshots need mounts and owners, which only root may make\n");
		return 0;
	}
	for (size_t d = 0; d < G_N_ELEMENTS(drivers); d++)
		for (size_t i = 0; i < G_N_ELEMENTS(suite); i++) {
			g_autofree char *path = g_strdup_printf("/store/snapshot/%s/%s", drivers[d], suite[i].name);
			g_test_add_data_func(path, drivers[d], suite[i].test);
		}
	g_test_add_func("/store/snapshot/whiteouts-of-base", test_whiteouts_of_base);
	g_test_add_func("/store/snapshot/choice", test_choice);
	g_test_add_func("/store/snapshot/overlay-on-overlay", test_overlay_on_overlay);
	return g_test_run();
}
