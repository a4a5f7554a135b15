// SPDX-License-Identifier: Apache-2.0
// COPY into a step's root as builds have it: an overlay's mount, with the folder of its own layer beside it.
#include "build/context/tests/fixture.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define SOURCES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ACL_DEFAULT "system.posix_acl_default"
#define OLD 5000000 // a time

struct scene {
	struct fixture fixture; // its root is what lies beneath
	int upper, merged;
	char *merged_path, *options;
	bool mounted;
	bool last; // what is copied may be moved
};

static void mount_overlay(struct scene *scene)
{
	g_assert_cmpint(mount("overlay", scene->merged_path, "overlay", 0, scene->options), ==, 0);
	scene->merged = berth_open_folder(scene->merged_path, false, 0, NULL);
}

static void unmount(struct scene *scene)
{
	berth_fd_clear(&scene->merged);
	g_assert_cmpint(umount(scene->merged_path), ==, 0);
}

static void set_up(struct scene *scene, gconstpointer data)
{
	struct fixture *fixture = &scene->fixture;
	const struct timespec times[2] = {{OLD, 0}, {OLD, 0}};
	GByteArray *tarball = tarball_new();

	fixture_set_up(fixture, data);
	fixture_write(fixture->root, "etc/passwd", "app:x:7:8::/:\n", 0644);
	fixture_write(fixture->root, "app/old", "old", 0640);
	fixture_write(fixture->root, "app/sub/deep", "deep", 0644);
	fixture_write(fixture->root, "set", NULL, 02775);
	g_assert_cmpint(fchownat(fixture->root, "set", 0, 50, 0), ==, 0);
	g_assert_cmpint(symlinkat("/app", fixture->root, "link"), ==, 0);
	for (const char *const *path = SOURCES("app/sub", "app", "."); *path; path++)
		g_assert_cmpint(utimensat(fixture->root, *path, times, 0), ==, 0);
	tarball_add(tarball, &(struct tarball_entry){.name = "new", .content = "new"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/old", .content = "NEW"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/sub/", .type = '5', .mode = 0711, .mtime = 77});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/sub/more", .content = "more"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/t/u", .content = "U"});
	fixture_open(fixture, tarball);
	g_autofree char *upper = g_build_filename(fixture->path, "upper", NULL);
	scene->merged_path = g_build_filename(fixture->path, "merged", NULL);
	scene->options = g_strdup_printf("lowerdir=%s/root,upperdir=%s,workdir=%s/kernel,index=off,metacopy=off",
					 fixture->path, upper, fixture->path);
	scene->upper = berth_open_folder(upper, true, 0755, NULL);
	g_assert_cmpint(mkdir(scene->merged_path, 0755), ==, 0);
	g_autofree char *kernel = g_build_filename(fixture->path, "kernel", NULL);
	g_assert_cmpint(mkdir(kernel, 0755), ==, 0);
	mount_overlay(scene);
}

static void tear_down(struct scene *scene, gconstpointer data)
{
	unmount(scene);
	close(scene->upper);
	g_free(scene->merged_path);
	g_free(scene->options);
	fixture_tear_down(&scene->fixture, data);
}

static void make(struct scene *scene, const struct berth_build_copy *copy, bool direct)
{
	GError *error = NULL;
	struct berth_build_copy wanted = *copy;

	wanted.last = scene->last;
	g_autoptr(berth_build_copied) copied = berth_build_copy_find(&wanted, scene->merged, &error);
	g_assert_no_error(error);
	berth_build_copy_make(copied, scene->merged, direct ? scene->upper : -1, &error);
	g_assert_no_error(error);
	unmount(scene);
	mount_overlay(scene);
}

static const char merged_list[] =
	"app 755 0:0\napp/new 644 0:0 new\napp/old 644 0:0 NEW\napp/sub 711 0:0\napp/sub/deep 644 0:0 deep\n"
	"app/sub/more 644 0:0 more\napp/t 755 0:0\napp/t/u 644 0:0 U\netc 755 0:0\n"
	"etc/passwd 644 0:0 app:x:7:8::/:\n\nlink 777 0:0 -> /app\nset 2775 0:50\n";

static time_t time_of(int folder, const char *path)
{
	struct stat status;

	g_assert_cmpint(fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
	return status.st_mtim.tv_sec;
}

// The same comes out of both ways, seen through the overlay; and the layer has nothing but what is new.
static void test_merging(struct scene *scene, gconstpointer direct)
{
	struct berth_build_copy_source list[2];
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("d", "new"), "/link/", list);

	make(scene, &copy, direct != NULL);
	fixture_assert_list(scene->merged, merged_list);
	fixture_assert_list(scene->upper, "app 755 0:0\napp/new 644 0:0 new\napp/old 644 0:0 NEW\napp/sub 711 0:0\n"
					  "app/sub/more 644 0:0 more\napp/t 755 0:0\napp/t/u 644 0:0 U\n");
	// Folders keep their times where they keep their attributes.
	g_assert_cmpint(time_of(scene->merged, "app"), ==, OLD);
	g_assert_cmpint(time_of(scene->merged, "app/sub"), ==, 77);
}

static void test_sharing(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[2];
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("."), "/", list);
	struct stat own, made;

	make(scene, &copy, true);
	g_assert_cmpint(fstatat(berth_build_tree_folder(scene->fixture.tree), "d/t/u", &own, 0), ==, 0);
	g_assert_cmpint(fstatat(scene->upper, "d/t/u", &made, 0), ==, 0);
	g_assert_cmpint(own.st_ino, ==, made.st_ino);
	// What a later step writes there is its own.
	fixture_write(scene->merged, "d/t/u", "changed", 0644);
}

static void test_twice(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[3];
	// The second and third find what the first has just put there, which the overlay has not seen.
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("d", "d/sub", "d/old"), "/n/", list);

	make(scene, &copy, true);
	fixture_assert_list(scene->upper, "n 755 0:0\nn/more 644 0:0 more\nn/old 644 0:0 NEW\nn/sub 711 0:0\n"
					  "n/sub/more 644 0:0 more\nn/t 755 0:0\nn/t/u 644 0:0 U\n");
}

static void test_heritage(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[2];
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("d"), "/set/", list);

	copy.chmod = "600";
	make(scene, &copy, true);
	fixture_assert_list(scene->upper,
			    "set 2775 0:50\nset/old 600 0:0 NEW\nset/sub 600 0:0\nset/sub/more 600 0:0 more\n"
			    "set/t 600 0:0\nset/t/u 600 0:0 U\n");
	copy = fixture_make_copy(&scene->fixture, SOURCES("new"), "/set/a/b/", list);
	copy.chown = "app";
	make(scene, &copy, true);
	fixture_assert_list(scene->upper, "set 2775 0:50\nset/a 755 7:8\nset/a/b 755 7:8\nset/a/b/new 644 7:8 new\n"
					  "set/old 600 0:0 NEW\nset/sub 600 0:0\nset/sub/more 600 0:0 more\n"
					  "set/t 600 0:0\nset/t/u 600 0:0 U\n");
}

static bool is_there(int folder, const char *path)
{
	return faccessat(folder, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static ino_t inode_of(int folder, const char *path)
{
	struct stat status;

	g_assert_cmpint(fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
	return status.st_ino;
}

// A folder comes whole where nothing else wants the context, and its own folders have their times; one that is there
// already is filled, file by file.
static void test_moving(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	int context = berth_build_tree_folder(scene->fixture.tree);
	ino_t folder = inode_of(context, "d"), inner = inode_of(context, "d/sub"), file = inode_of(context, "new");
	struct berth_build_copy_source list[2];
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("."), "/n/", list);

	scene->last = true;
	make(scene, &copy, true);
	fixture_assert_list(scene->upper, "n 755 0:0\nn/d 755 0:0\nn/d/old 644 0:0 NEW\nn/d/sub 711 0:0\n"
					  "n/d/sub/more 644 0:0 more\nn/d/t 755 0:0\nn/d/t/u 644 0:0 U\n"
					  "n/new 644 0:0 new\n");
	g_assert_cmpuint(inode_of(scene->upper, "n/d"), ==, folder);
	g_assert_cmpuint(inode_of(scene->upper, "n/d/sub"), ==, inner);
	g_assert_cmpuint(inode_of(scene->upper, "n/new"), ==, file);
	g_assert_cmpint(time_of(scene->upper, "n/d/sub"), ==, 77);
	g_assert_cmpint(time_of(scene->upper, "n/d"), ==, 0);
	g_assert_false(is_there(context, "d") || is_there(context, "new"));
}

static void test_moving_into(struct scene *scene, gconstpointer direct)
{
	int context = berth_build_tree_folder(scene->fixture.tree);
	ino_t folder = inode_of(context, "d/t"), merged = inode_of(context, "d/sub");

	scene->last = true;
	test_merging(scene, direct);
	g_assert_cmpuint(inode_of(scene->upper, "app/t"), ==, folder);
	g_assert_cmpuint(inode_of(scene->upper, "app/sub"), !=, merged);
}

static void test_moving_twice(struct scene *scene, gconstpointer data)
{
	scene->last = true;
	test_twice(scene, data);
}

static void test_moving_heritage(struct scene *scene, gconstpointer data)
{
	scene->last = true;
	test_heritage(scene, data);
}

// What is not yet what it should be is made: names of one file that are also elsewhere, attributes, times.
static void test_moving_not(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	GByteArray *tarball = tarball_new();
	static const char *const names[] = {"a", "b", "l", "x", "young", "good"};
	static const char *const pax[] = {"SCHILY.xattr.user.n=v", NULL};
	struct berth_build_copy_source list[2];
	ino_t before[G_N_ELEMENTS(names)];

	tarball_add(tarball, &(struct tarball_entry){.name = "a/one", .content = "1"});
	tarball_add(tarball, &(struct tarball_entry){.name = "b/two", .type = '1', .link = "a/one"});
	tarball_add(tarball, &(struct tarball_entry){.name = "l/s", .type = '2', .link = "to"});
	tarball_add(tarball, &(struct tarball_entry){.name = "l/t", .type = '1', .link = "l/s"});
	tarball_add(tarball, &(struct tarball_entry){.name = "x/y/", .type = '5', .pax = pax});
	tarball_add(tarball, &(struct tarball_entry){.name = "young/f", .content = "f", .mtime = OLD + 1});
	tarball_add(tarball, &(struct tarball_entry){.name = "good/s", .type = '2', .link = "to"});
	berth_build_tree_unref(scene->fixture.tree);
	fixture_open(&scene->fixture, tarball);
	int context = berth_build_tree_folder(scene->fixture.tree);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		before[i] = inode_of(context, names[i]);
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("."), "/", list);
	copy.epoch = OLD;
	scene->last = true;
	make(scene, &copy, true);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_assert_cmpint(inode_of(scene->upper, names[i]) == before[i], ==, g_str_equal(names[i], "good"));
	fixture_assert_list(scene->upper, "a 755 0:0\na/one 644 0:0 1\nb 755 0:0\nb/two 644 0:0 1\ngood 755 0:0\n"
					  "good/s 777 0:0 -> to\nl 755 0:0\nl/s 777 0:0 -> to\nl/t 777 0:0 -> to\n"
					  "x 755 0:0\nx/y 755 0:0\nyoung 755 0:0\nyoung/f 644 0:0 f\n");
	g_assert_cmpuint(inode_of(scene->upper, "a/one"), ==, inode_of(scene->upper, "b/two"));
	g_assert_cmpuint(inode_of(scene->upper, "l/s"), !=, inode_of(scene->upper, "l/t"));
	g_assert_cmpint(time_of(scene->upper, "young/f"), ==, OLD);
}

// What folders of the context hand down is the image's only where it was sent, and what an earlier entry said of a
// folder is gone; the same whether files are moved or copied.
static void test_access_lists(struct scene *scene, gconstpointer last)
{
	static const uint8_t list[] = {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 2,   0,  7,
				       0, 5, 0,   0,   0,   4,   0,  5, 0,   255, 255, 255, 255, 16, 0,
				       7, 0, 255, 255, 255, 255, 32, 0, 5,   0,   255, 255, 255, 255};
	static const char *const bare[] = {"h/f", "h/sub", "h/sub/g", "again", "again/f"};
	static const char *const names[] = {ACL_DEFAULT, "system.posix_acl_access", "user.n"};
	static const struct tarball_entry entries[] = {{.name = "h/f", .content = "f"},
						       {.name = "h/sub/", .type = '5'},
						       {.name = "h/sub/g", .content = "g"},
						       {.name = "again/", .type = '5'},
						       {.name = "again/f", .content = "f"}};
	struct berth_build_copy_source sources[2];
	GByteArray *tarball = tarball_new();

	tarball_add_pax(tarball, "SCHILY.xattr." ACL_DEFAULT, list, sizeof list);
	tarball_add(tarball, &(struct tarball_entry){.name = "h/", .type = '5'});
	tarball_add_pax(tarball, "SCHILY.xattr.user.n", "v", 1);
	tarball_add(tarball, &(struct tarball_entry){.name = "again/", .type = '5'});
	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		tarball_add(tarball, &entries[i]);
	berth_build_tree_unref(scene->fixture.tree);
	fixture_open(&scene->fixture, tarball);
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("."), "/", sources);
	scene->last = last != NULL;
	make(scene, &copy, true);
	berth_fd top = openat(scene->upper, "h", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fgetxattr(top, ACL_DEFAULT, NULL, 0), ==, sizeof list);
	for (size_t i = 0; i < G_N_ELEMENTS(bare) * G_N_ELEMENTS(names); i++) {
		berth_fd fd = openat(scene->upper, bare[i / G_N_ELEMENTS(names)], O_RDONLY | O_CLOEXEC);
		g_assert_cmpint(fd, >=, 0);
		g_assert_cmpint(fgetxattr(fd, names[i % G_N_ELEMENTS(names)], NULL, 0), ==, -1);
	}
}

// Of another root: files are copied, and are as they were there.
static void test_from(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = g_build_filename(scene->fixture.path, "stage", NULL);
	berth_fd stage = berth_open_folder(path, true, 0755, NULL);
	struct berth_build_copy_source list[2];
	struct stat one, other;

	fixture_write(stage, "usr/bin/tool", "tool", 04755);
	fixture_write(stage, "usr/lib/big", "", 0644);
	berth_fd big = openat(stage, "usr/lib/big", O_WRONLY | O_CLOEXEC);
	g_assert_cmpint(pwrite(big, "x", 1, 8 << 20), ==, 1); // behind a hole
	g_assert_cmpint(fsetxattr(big, "user.note", "n", 1, 0), ==, 0);
	g_assert_cmpint(linkat(stage, "usr/lib/big", stage, "usr/lib/large", 0), ==, 0);
	g_assert_cmpint(fchownat(stage, "usr/bin/tool", 9, 9, 0), ==, 0);
	g_assert_cmpint(fchmodat(stage, "usr/bin/tool", 04755, 0), ==, 0);
	g_assert_cmpint(mknodat(stage, "usr/fifo", S_IFIFO | 0600, 0), ==, 0);
	g_assert_cmpint(mknodat(stage, "usr/null", S_IFCHR | 0644, makedev(1, 3)), ==, 0);
	g_assert_cmpint(symlinkat("/usr/bin/tool", stage, "tool"), ==, 0);
	berth_build_tree_unref(scene->fixture.tree);
	scene->fixture.tree = berth_build_tree_of(berth_fd_steal(&stage));
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("usr", "tool"), "/s/", list);
	make(scene, &copy, true);
	g_assert_cmpint(fstatat(scene->upper, "s/lib/big", &one, 0), ==, 0);
	g_assert_cmpint(fstatat(scene->upper, "s/lib/large", &other, 0), ==, 0);
	g_assert_cmpint(one.st_ino, ==, other.st_ino);
	g_assert_cmpint(one.st_size, ==, (8 << 20) + 1);
	g_assert_cmpint(one.st_blocks, <, 2048);
	char note[2] = "";
	berth_fd copied = openat(scene->upper, "s/lib/big", O_RDWR | O_CLOEXEC);
	g_assert_cmpint(fgetxattr(copied, "user.note", note, 1), ==, 1);
	g_assert_cmpint(ftruncate(copied, 0), ==, 0);
	g_assert_cmpint(fstatat(scene->upper, "s/null", &one, 0), ==, 0);
	g_assert_cmpuint(one.st_rdev, ==, makedev(1, 3));
	fixture_assert_list(scene->upper, "s 755 0:0\ns/bin 755 0:0\ns/bin/tool 4755 9:9 tool\ns/fifo 600 0:0\n"
					  "s/lib 755 0:0\ns/lib/big 644 0:0\ns/lib/large 644 0:0\ns/null 644 0:0\n"
					  "s/tool 4755 9:9 tool\n");
}

// --link: the destination's links are none, for nothing lies beneath.
static void test_link(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[2];
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("new"), "/link/x/", list);
	GError *error = NULL;

	copy.link = true;
	g_autoptr(berth_build_copied) copied = berth_build_copy_find(&copy, scene->merged, &error);
	g_assert_no_error(error);
	berth_build_copy_make_layer(copied, scene->upper, &error);
	g_assert_no_error(error);
	fixture_assert_list(scene->upper, "link 755 0:0\nlink/x 755 0:0\nlink/x/new 644 0:0 new\n");
}

// ADD of an archive, whose owners and kinds hold, and which takes the place of files that are there.
static void test_unpack(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	GByteArray *inner = tarball_new(), *outer = tarball_new();
	struct berth_build_copy_source list[3];

	tarball_add(inner, &(struct tarball_entry){.name = "old", .content = "unpacked", .uid = 5, .gid = 6});
	tarball_add(inner, &(struct tarball_entry){.name = "sub/deep", .type = '2', .link = "/etc"});
	tarball_end(inner);
	for (const char *const *filter = SOURCES("gzip", "zstd", "xz", "bzip2"); *filter; filter++) {
		g_autoptr(GByteArray) packed = tarball_compress(inner, *filter);
		tarball_add(outer,
			    &(struct tarball_entry){.name = *filter, .content = packed->data, .length = packed->len});
	}
	tarball_add(outer, &(struct tarball_entry){.name = "tar", .content = inner->data, .length = inner->len});
	tarball_add(outer, &(struct tarball_entry){.name = "no.tar.gz", .content = "text"});
	g_byte_array_unref(inner);
	berth_build_tree_unref(scene->fixture.tree);
	fixture_open(&scene->fixture, outer);
	for (const char *const *name = SOURCES("tar", "gzip", "zstd", "xz", "bzip2"); *name; name++) {
		struct berth_build_copy copy =
			fixture_make_copy(&scene->fixture, SOURCES(*name, "no.tar.gz"), "/link/", list);
		copy.add = true;
		copy.chown = "1:1"; // of what is no archive
		make(scene, &copy, true);
		fixture_assert_list(
			scene->merged,
			"app 755 0:0\napp/no.tar.gz 644 1:1 text\napp/old 644 5:6 unpacked\napp/sub 755 0:0\n"
			"app/sub/deep 777 0:0 -> /etc\netc 755 0:0\netc/passwd 644 0:0 app:x:7:8::/:\n\n"
			"link 777 0:0 -> /app\nset 2775 0:50\n");
	}
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("gzip"), "/x/", list);
	copy.add = true;
	copy.unpack = 0;
	make(scene, &copy, true);
	g_assert_cmpint(faccessat(scene->merged, "x/gzip", F_OK, 0), ==, 0);
}

// How long a context of 20,000 small files takes to come in and to be copied: with -m perf.
static void test_speed(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	GByteArray *tarball = tarball_new();
	struct berth_build_copy_source list[1];
	g_autofree char *content = g_strnfill(280, 'x');
	int files = g_test_perf() ? 20000 : 200;

	for (int i = 0; i < files; i++) {
		g_autofree char *name = g_strdup_printf("many/d%d/e%d/f%d", i / 2000, i / 100, i);
		tarball_add(tarball, &(struct tarball_entry){.name = name, .content = content});
	}
	berth_build_tree_unref(scene->fixture.tree);
	g_test_timer_start();
	fixture_open(&scene->fixture, tarball);
	double unpacked = g_test_timer_elapsed();
	struct berth_build_copy copy = fixture_make_copy(&scene->fixture, SOURCES("."), "/", list);
	g_test_timer_start();
	make(scene, &copy, true);
	double copied = g_test_timer_elapsed();
	g_test_timer_start();
	g_clear_pointer(&scene->fixture.tree, berth_build_tree_unref);
	double removed = g_test_timer_elapsed();
	g_test_minimized_result(unpacked + copied + removed,
				"%d files: %.3f s to unpack, %.3f s to copy, %.3f s to remove", files, unpacked, copied,
				removed);
	g_autofree char *last = g_strdup_printf("many/d%d/e%d/f%d", (files - 1) / 2000, (files - 1) / 100, files - 1);
	g_assert_cmpint(faccessat(scene->merged, last, F_OK, 0), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		g_print("1..0 # SKIP mounting an overlay needs root\n");
		return 77;
	}
#define ADD(name, data) g_test_add("/overlay/" #name, struct scene, data, set_up, test_##name, tear_down)
	ADD(merging, "direct");
	g_test_add("/overlay/through", struct scene, NULL, set_up, test_merging, tear_down);
	ADD(sharing, NULL);
	ADD(twice, NULL);
	ADD(heritage, NULL);
	ADD(moving, NULL);
	ADD(moving_into, "direct");
	ADD(moving_twice, NULL);
	ADD(moving_heritage, NULL);
	ADD(moving_not, NULL);
	ADD(access_lists, NULL);
	g_test_add("/overlay/access-lists-moved", struct scene, "last", set_up, test_access_lists, tear_down);
	ADD(from, NULL);
	ADD(link, NULL);
	ADD(unpack, NULL);
	ADD(speed, NULL);
	return g_test_run();
}
