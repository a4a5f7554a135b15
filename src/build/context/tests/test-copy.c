// SPDX-License-Identifier: Apache-2.0
// COPY: which files are meant, where they go, what they become.
#include "build/context/tests/fixture.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SOURCES(...) ((const char *const[]){__VA_ARGS__, NULL})

// A context that most tests use.
static void set_up(struct fixture *fixture, gconstpointer data)
{
	GByteArray *tarball = tarball_new();

	fixture_set_up(fixture, data);
	tarball_add(tarball,
		    &(struct tarball_entry){.name = "a.txt", .content = "A", .uid = 1000, .gid = 1000, .mtime = 1000});
	tarball_add(tarball, &(struct tarball_entry){.name = "b.txt", .content = "B", .mode = 0755});
	tarball_add(tarball, &(struct tarball_entry){.name = "c[1].md", .content = "C"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/", .type = '5', .mode = 0700, .mtime = 2000});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/x", .content = "X", .mode = 04755});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/e/f/y.txt", .content = "Y"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/hard", .type = '1', .link = "d/x"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/link", .type = '2', .link = "../a.txt"});
	tarball_add(tarball, &(struct tarball_entry){.name = "to-d", .type = '2', .link = "d"});
	tarball_add(tarball, &(struct tarball_entry){.name = "to-passwd", .type = '2', .link = "/etc/passwd"});
	fixture_open(fixture, tarball);
}

static void copies(struct fixture *fixture, const char *const *sources, const char *destination, const char *expected)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, sources, destination, list);
	g_autofree char *message = fixture_copy(fixture, &copy);

	g_assert_cmpstr(message, ==, NULL);
	fixture_assert_list(fixture->root, expected);
}

static void fails(struct fixture *fixture, const char *const *sources, const char *destination, const char *expected)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, sources, destination, list);
	g_autofree char *message = fixture_copy(fixture, &copy);

	g_assert_nonnull(message);
	if (!strstr(message, expected))
		g_error("\"%s\" is not in: %s", expected, message);
}

static void test_file(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct stat status;

	copies(fixture, SOURCES("a.txt"), "/z", "z 644 0:0 A\n");
	g_assert_cmpint(fstatat(fixture->root, "z", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mtim.tv_sec, ==, 1000);
	copies(fixture, SOURCES("/../../a.txt/"), "/n/m/",
	       "n 755 0:0\nn/m 755 0:0\nn/m/a.txt 644 0:0 A\nz 644 0:0 A\n");
	copies(fixture, SOURCES("b.txt"), "z", "n 755 0:0\nn/m 755 0:0\nn/m/a.txt 644 0:0 A\nz 755 0:0 B\n");
}

static void test_folder(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	static const char all[] = "o 755 0:0\no/e 755 0:0\no/e/f 755 0:0\no/e/f/y.txt 644 0:0 Y\no/hard 4755 0:0 X\n"
				  "o/link 777 0:0 -> ../a.txt\no/x 4755 0:0 X\n";
	struct stat one, other;

	copies(fixture, SOURCES("d"), "/o", all);
	g_assert_cmpint(fstatat(fixture->root, "o/x", &one, 0), ==, 0);
	g_assert_cmpint(fstatat(fixture->root, "o/hard", &other, 0), ==, 0);
	g_assert_cmpint(one.st_ino, ==, other.st_ino);
	// Again, into what is there.
	copies(fixture, SOURCES("to-d/"), "o/", all);
	g_assert_cmpint(fstatat(fixture->root, "o/x", &other, 0), ==, 0);
	g_assert_cmpint(one.st_ino, !=, other.st_ino);
}

static void test_wildcards(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	copies(fixture, SOURCES("*.txt", "c[[]1].md", "d/e/*/y.*"), "./",
	       "a.txt 644 0:0 A\nb.txt 755 0:0 B\nc[1].md 644 0:0 C\ny.txt 644 0:0 Y\n");
	fails(fixture, SOURCES("*.none"), "/", "COPY failed: no source files were specified");
	fails(fixture, SOURCES("*.txt"), "/one", "more than one source file, the destination must be a directory");
	fails(fixture, SOURCES("a.txt", "b.txt"), "/one", "When using COPY with more than one source file");
}

static void test_missing(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	fails(fixture, SOURCES("missing"), "/", "\"/missing\": not found");
	fails(fixture, SOURCES("to-passwd"), "/", "\"/to-passwd\": not found"); // leads nowhere in the context
	fails(fixture, SOURCES("http://localhost/x"), "/", "source can't be a URL for COPY");
	fixture_assert_list(fixture->root, "");
}

static void test_kinds(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	fixture_write(fixture->root, "file", "", 0644);
	fixture_write(fixture->root, "k/x/y", "", 0644);
	fails(fixture, SOURCES("d"), "/file", "not a directory");
	fails(fixture, SOURCES("d"), "/k", "cannot copy to directory: /k/x");
	fixture_write(fixture->root, "l/e", "", 0644);
	fails(fixture, SOURCES("d"), "/l", "cannot copy to non-directory: /l/e");
}

// Links of the root are followed as by a process in it.
static void test_links(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	fixture_write(fixture->root, "real", NULL, 0711);
	g_assert_cmpint(symlinkat("/../../real", fixture->root, "abs"), ==, 0);
	g_assert_cmpint(symlinkat("../../../new/er", fixture->root, "dangling"), ==, 0);
	g_assert_cmpint(symlinkat("/proc/self/root/tmp", fixture->root, "magic"), ==, 0);
	copies(fixture, SOURCES("a.txt"), "/abs/",
	       "abs 777 0:0 -> /../../real\ndangling 777 0:0 -> ../../../new/er\n"
	       "magic 777 0:0 -> /proc/self/root/tmp\nreal 711 0:0\n"
	       "real/a.txt 644 0:0 A\n");
	copies(fixture, SOURCES("a.txt"), "/dangling",
	       "abs 777 0:0 -> /../../real\n"
	       "dangling 777 0:0 -> ../../../new/er\n"
	       "magic 777 0:0 -> /proc/self/root/tmp\nnew 755 0:0\n"
	       "new/er 644 0:0 A\nreal 711 0:0\nreal/a.txt 644 0:0 A\n");
	copies(fixture, SOURCES("b.txt"), "/magic/x",
	       "abs 777 0:0 -> /../../real\ndangling 777 0:0 -> ../../../new/er\n"
	       "magic 777 0:0 -> /proc/self/root/tmp\nnew 755 0:0\nnew/er 644 0:0 A\nproc 755 0:0\nproc/self 755 0:0\n"
	       "proc/self/root 755 0:0\nproc/self/root/tmp 755 0:0\nproc/self/root/tmp/x 755 0:0 B\nreal 711 0:0\n"
	       "real/a.txt 644 0:0 A\n");
	g_assert_cmpint(symlinkat("loop", fixture->root, "loop"), ==, 0);
	fails(fixture, SOURCES("a.txt"), "/loop/x", "too many levels of symbolic links");
}

static void test_owner(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("a.txt"), "/o/", list);
	static const struct {
		const char *chown, *expected;
	} cases[] = {
		{"7", "7:7"},      {"7:8", "7:8"}, {"app", "77:78"},  {"app:grp", "77:99"},
		{"app:0", "77:0"}, {":5", "0:5"},  {"5:grp", "5:99"},
	};

	fixture_write(fixture->root, "etc/passwd", "root:x:0:0::/:\nbroken:x\napp:x:77:78::/:/bin/sh\n", 0644);
	fixture_write(fixture->root, "etc/group", "grp:x:99:\n", 0644);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct stat status;
		copy.chown = cases[i].chown;
		g_autofree char *message = fixture_copy(fixture, &copy);
		g_assert_cmpstr(message, ==, NULL);
		g_assert_cmpint(fstatat(fixture->root, "o/a.txt", &status, 0), ==, 0);
		g_autofree char *found = g_strdup_printf("%u:%u", status.st_uid, status.st_gid);
		g_assert_cmpstr(found, ==, cases[i].expected);
	}
	copy.chown = "nobody";
	g_autofree char *message = fixture_copy(fixture, &copy);
	g_assert_cmpstr(message, ==, "unable to find user nobody: no matching entries in passwd file");
	copy.chown = "99999999999";
	g_autofree char *large = fixture_copy(fixture, &copy);
	g_assert_cmpstr(large, ==, "invalid user or group number 99999999999");
	// A passwd file that leads out of the root is none.
	g_assert_cmpint(unlinkat(fixture->root, "etc/passwd", 0), ==, 0);
	g_assert_cmpint(symlinkat("../../../../../../etc/passwd", fixture->root, "etc/passwd"), ==, 0);
	copy.chown = "root";
	g_autofree char *out = fixture_copy(fixture, &copy);
	g_assert_cmpstr(out, ==, "unable to find user root: no matching entries in passwd file");
	// What is no file there is none, and is not opened either.
	g_assert_cmpint(unlinkat(fixture->root, "etc/passwd", 0), ==, 0);
	g_assert_cmpint(mkfifoat(fixture->root, "etc/passwd", 0600), ==, 0);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/etc/passwd", fixture->root);
	char event[sizeof(struct inotify_event) + NAME_MAX + 1];
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	g_assert_cmpint(inotify_add_watch(watch, path, IN_OPEN), >=, 0);
	g_autofree char *pipe = fixture_copy(fixture, &copy);
	g_assert_cmpstr(pipe, ==, "unable to find user root: no matching entries in passwd file");
	g_assert_cmpint(read(watch, event, sizeof event), ==, -1);
	g_assert_cmpint(errno, ==, EAGAIN);
	close(watch);
}

static void test_mode(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("d"), "/o/", list);
	static const struct {
		const char *chmod, *folder, *file, *program;
	} cases[] = {
		{"755", "755", "755", "755"},  {"0640", "640", "640", "640"},    {"u=rwX,go=r", "744", "644", "744"},
		{"a+X", "755", "644", "4755"}, {"go-rwx", "700", "600", "4700"}, {"u-s,g+s", "2755", "2644", "2755"},
		{"+w", "755", "644", "4755"},  {"o=u", "757", "646", "4757"},    {"+t", "1755", "1644", "5755"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		copy.chmod = cases[i].chmod;
		g_autofree char *message = fixture_copy(fixture, &copy);
		g_assert_cmpstr(message, ==, NULL);
		g_autofree char *expected = g_strdup_printf(
			"o 755 0:0\no/e %s 0:0\no/e/f %s 0:0\no/e/f/y.txt %s 0:0 Y\no/hard %s 0:0 X\n"
			"o/link 777 0:0 -> ../a.txt\no/x %s 0:0 X\n",
			cases[i].folder, cases[i].folder, cases[i].file, cases[i].program, cases[i].program);
		fixture_assert_list(fixture->root, expected);
	}
	for (const char *const *bad = SOURCES("8", "77777", "u", "u=q", "rwx", "u=r;g=r", "-1"); *bad; bad++) {
		copy.chmod = *bad;
		g_autofree char *message = fixture_copy(fixture, &copy);
		g_assert_nonnull(message);
		g_assert_nonnull(strstr(message, "invalid chmod parameter"));
	}
}

static void test_parents(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("d/e/f/y.txt", "a.txt"), "/p/", list);

	copy.parents = true;
	g_autofree char *whole = fixture_copy(fixture, &copy);
	g_assert_cmpstr(whole, ==, NULL);
	copy = fixture_make_copy(fixture, SOURCES("d/./e/f"), "/q/", list);
	copy.parents = true;
	g_autofree char *pivot = fixture_copy(fixture, &copy);
	g_assert_cmpstr(pivot, ==, NULL);
	copy = fixture_make_copy(fixture, SOURCES("**/*.txt"), "/r", list);
	copy.parents = true;
	g_autofree char *stars = fixture_copy(fixture, &copy);
	g_assert_cmpstr(stars, ==, NULL);
	fixture_assert_list(fixture->root,
			    "p 755 0:0\np/a.txt 644 0:0 A\np/d 700 0:0\np/d/e 755 0:0\np/d/e/f 755 0:0\n"
			    "p/d/e/f/y.txt 644 0:0 Y\nq 755 0:0\nq/e 755 0:0\nq/e/f 755 0:0\nq/e/f/y.txt 644 0:0 Y\n"
			    "r 755 0:0\nr/a.txt 644 0:0 A\nr/b.txt 755 0:0 B\nr/d 700 0:0\nr/d/e 755 0:0\n"
			    "r/d/e/f 755 0:0\nr/d/e/f/y.txt 644 0:0 Y\n");
	copy = fixture_make_copy(fixture, SOURCES("d/./none"), "/q/", list);
	copy.parents = true;
	g_autofree char *none = fixture_copy(fixture, &copy);
	g_assert_nonnull(none);
	g_assert_nonnull(strstr(none, "\"/d/none\": not found"));
}

static void test_exclude(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("."), "/p/", list);
	char *excludes[] = {(char *) "d", (char *) "!d/e/f", (char *) "*.md", (char *) "to-*", NULL};
	char *files[] = {(char *) "a*", NULL};

	copy.excludes = excludes;
	g_autofree char *folder = fixture_copy(fixture, &copy);
	g_assert_cmpstr(folder, ==, NULL);
	copy = fixture_make_copy(fixture, SOURCES("*.txt"), "/q/", list);
	copy.excludes = files;
	g_autofree char *some = fixture_copy(fixture, &copy);
	g_assert_cmpstr(some, ==, NULL);
	fixture_assert_list(fixture->root, "p 755 0:0\np/a.txt 644 0:0 A\np/b.txt 755 0:0 B\np/d 700 0:0\n"
					   "p/d/e 755 0:0\np/d/e/f 755 0:0\np/d/e/f/y.txt 644 0:0 Y\nq 755 0:0\n"
					   "q/b.txt 755 0:0 B\n");
}

static void test_text(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GBytes) text = g_bytes_new_static("hello\n", 6);
	const struct berth_build_copy_source sources[] = {{.path = "EOF", .text = text}, {.path = "a.txt"}};
	struct berth_build_copy copy = {
		.tree = fixture->tree,
		.sources = sources,
		.source_count = 2,
		.destination = "t/",
		.folder = "/srv",
		.unpack = -1,
		.epoch = 3,
	};
	struct stat status;
	g_autofree char *message = fixture_copy(fixture, &copy);

	g_assert_cmpstr(message, ==, NULL);
	fixture_assert_list(fixture->root, "srv 755 0:0\nsrv/t 755 0:0\nsrv/t/EOF 644 0:0 hello\n\n"
					   "srv/t/a.txt 644 0:0 A\n");
	for (const char *const *path = SOURCES("srv", "srv/t", "srv/t/EOF", "srv/t/a.txt"); *path; path++) {
		g_assert_cmpint(fstatat(fixture->root, *path, &status, 0), ==, 0);
		g_assert_cmpint(status.st_mtim.tv_sec, ==, 3);
	}
}

// A context's file becomes the layer's, but only one layer's, and not if it would have to be changed for it.
static void test_sharing(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	int folder = berth_build_tree_folder(fixture->tree);
	struct stat own, first, second, third;

	copies(fixture, SOURCES("a.txt"), "/1", "1 644 0:0 A\n");
	copies(fixture, SOURCES("a.txt"), "/2", "1 644 0:0 A\n2 644 0:0 A\n");
	g_assert_cmpint(fstatat(folder, "a.txt", &own, 0), ==, 0);
	g_assert_cmpint(fstatat(fixture->root, "1", &first, 0), ==, 0);
	g_assert_cmpint(fstatat(fixture->root, "2", &second, 0), ==, 0);
	g_assert_cmpint(own.st_ino, ==, first.st_ino);
	g_assert_cmpint(own.st_ino, !=, second.st_ino);
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("b.txt"), "/3", list);
	copy.chmod = "700";
	g_autofree char *message = fixture_copy(fixture, &copy);
	g_assert_cmpstr(message, ==, NULL);
	g_assert_cmpint(fstatat(folder, "b.txt", &own, 0), ==, 0);
	g_assert_cmpint(fstatat(fixture->root, "3", &third, 0), ==, 0);
	g_assert_cmpint(own.st_ino, !=, third.st_ino);
	g_assert_cmpint(own.st_mode & 07777, ==, 0755);
}

static void test_digest(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	struct berth_build_copy_source list[8];
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES("d", "a.txt"), "/p/", list);
	char *excludes[] = {(char *) "e", NULL};
	g_autofree char *first = fixture_digest(fixture, &copy), *again = fixture_digest(fixture, &copy);

	g_assert_cmpstr(first, ==, again);
	copy.chown = "1";
	g_autofree char *owner = fixture_digest(fixture, &copy);
	g_assert_cmpstr(owner, !=, first);
	copy.chown = NULL;
	copy.chmod = "600";
	g_autofree char *mode = fixture_digest(fixture, &copy);
	g_assert_cmpstr(mode, !=, first);
	copy.chmod = NULL;
	copy.destination = "/q/";
	g_autofree char *place = fixture_digest(fixture, &copy);
	g_assert_cmpstr(place, !=, first);
	copy.destination = "/p/";
	copy.excludes = excludes;
	g_autofree char *part = fixture_digest(fixture, &copy);
	g_assert_cmpstr(part, !=, first);
}

// Of what is meant in a folder "d" of that mode.
static char *way_digest(struct fixture *fixture, int mode, const char *source, char **excludes)
{
	struct berth_build_copy_source list[8];
	GByteArray *tarball = tarball_new();

	tarball_add(tarball, &(struct tarball_entry){.name = "a", .content = "A"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/", .type = '5', .mode = mode});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/x", .content = "X"});
	berth_build_tree_unref(fixture->tree);
	fixture_open(fixture, tarball);
	struct berth_build_copy copy = fixture_make_copy(fixture, SOURCES(source), "/p/", list);
	copy.parents = !excludes;
	copy.excludes = excludes;
	return fixture_digest(fixture, &copy);
}

// A folder on the way is made with its mode, and so is of the key; one that is not made is not.
static void test_way(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	char *all[] = {(char *) "d", (char *) "!d/x", NULL}, *none[] = {(char *) "d", (char *) "!d/y", NULL};
	g_autofree char *open = way_digest(fixture, 0755, "d/x", NULL);
	g_autofree char *shut = way_digest(fixture, 0700, "d/x", NULL);
	g_assert_cmpstr(open, !=, shut);
	g_autofree char *past = way_digest(fixture, 0755, "a", NULL);
	g_autofree char *past_shut = way_digest(fixture, 0700, "a", NULL);
	g_assert_cmpstr(past, ==, past_shut);
	g_autofree char *back = way_digest(fixture, 0755, ".", all);
	g_autofree char *back_shut = way_digest(fixture, 0700, ".", all);
	g_assert_cmpstr(back, !=, back_shut);
	g_autofree char *gone = way_digest(fixture, 0755, ".", none);
	g_autofree char *gone_shut = way_digest(fixture, 0700, ".", none);
	g_assert_cmpstr(gone, ==, gone_shut);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/copy/" #name, struct fixture, NULL, set_up, test_##name, fixture_tear_down)
	ADD(file);
	ADD(folder);
	ADD(wildcards);
	ADD(missing);
	ADD(kinds);
	ADD(links);
	ADD(owner);
	ADD(mode);
	ADD(parents);
	ADD(exclude);
	ADD(text);
	ADD(sharing);
	ADD(digest);
	ADD(way);
	return g_test_run();
}
