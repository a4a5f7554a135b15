// SPDX-License-Identifier: Apache-2.0
// Unpacking: what becomes of each kind of entry, both forms of whiteouts, and archives made to do harm. Around the root
// lies a sentinel tree; after each archive it must be what it was before.
#include "image/unpack-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "image/tests/tarball.h"
#include "store/blob.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OPAQUE "trusted.overlay.opaque"

struct fixture {
	char *base, *outside; // "<base>/outside/secret" is what nobody may touch
	char *root;
	int root_fd;
	enum berth_whiteouts whiteouts;
	char diff_id[BERTH_DIGEST_SIZE]; // of the last archive
};

static GString *walked; // by describe(), of one thread
static const char *walked_root;

static int describe(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	g_autofree char *content = NULL;

	(void) ftw;
	if (g_str_equal(path, walked_root))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && S_ISREG(status->st_mode))
		g_file_get_contents(path, &content, NULL, NULL);
	g_string_append_printf(walked, "%s %o %u:%u %ju %jd.%09ld %s\n", path, status->st_mode, status->st_uid,
			       status->st_gid, (uintmax_t) status->st_nlink, (intmax_t) status->st_mtim.tv_sec,
			       status->st_mtim.tv_nsec, content ? content : "");
	return FTW_CONTINUE;
}

// All around the root, in text.
static char *surroundings(struct fixture *fixture)
{
	walked = g_string_new(NULL);
	walked_root = fixture->root;
	g_assert_cmpint(nftw(fixture->base, describe, 16, FTW_PHYS | FTW_ACTIONRETVAL), ==, 0);
	return g_string_free(walked, false);
}

static void setup(struct fixture *fixture, gconstpointer whiteouts)
{
	fixture->whiteouts = GPOINTER_TO_INT(whiteouts);
	fixture->base = g_dir_make_tmp("berth-unpack-XXXXXX", NULL);
	fixture->outside = g_build_filename(fixture->base, "outside", NULL);
	fixture->root = g_build_filename(fixture->base, "root", NULL);
	g_autofree char *secret = g_build_filename(fixture->outside, "secret", NULL);
	g_assert_cmpint(mkdir(fixture->outside, 0700), ==, 0);
	g_assert_cmpint(mkdir(fixture->root, 0755), ==, 0);
	g_assert_true(g_file_set_contents(secret, "safe", -1, NULL));
	fixture->root_fd = open(fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fixture->root_fd, >=, 0);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void) data;
	berth_fd_clear(&fixture->root_fd);
	berth_remove_tree_at(AT_FDCWD, fixture->base, &error);
	g_assert_no_error(error);
	g_free(fixture->base);
	g_free(fixture->outside);
	g_free(fixture->root);
}

// Begins again with an empty root.
static void renew(struct fixture *fixture)
{
	teardown(fixture, NULL);
	setup(fixture, GINT_TO_POINTER(fixture->whiteouts));
}

// Returns the error's message, or NULL when it was unpacked.
static char *unpack_bytes(struct fixture *fixture, const void *data, size_t length,
			  const struct berth_unpack_limits *limits)
{
	g_autofree char *before = surroundings(fixture);
	g_autoptr(GError) error = NULL;

	berth_fd fd = tarball_open(data, length);
	bool done = berth_layer_unpack_within(berth_source_of_fd(fd), fixture->root_fd, fixture->whiteouts, NULL,
					      limits, fixture->diff_id, &error);
	g_assert_true(done == !error);
	g_assert_true(!error || g_error_matches(error, BERTH_ERROR, BERTH_ERROR_INVALID) ||
		      g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED));
	g_autofree char *after = surroundings(fixture);
	g_assert_cmpstr(before, ==, after);
	return error ? g_strdup(error->message) : NULL;
}

static char *unpack_within(struct fixture *fixture, GByteArray *tarball, const struct berth_unpack_limits *limits)
{
	return unpack_bytes(fixture, tarball->data, tarball->len, limits);
}

static char *unpack(struct fixture *fixture, GByteArray *tarball)
{
	tarball_end(tarball);
	return unpack_within(fixture, tarball, &berth_unpack_default_limits);
}

static void unpack_well(struct fixture *fixture, GByteArray *tarball)
{
	g_autofree char *message = unpack(fixture, tarball);

	g_assert_cmpstr(message, ==, NULL);
}

static bool look(const struct fixture *fixture, const char *path, struct stat *status)
{
	return fstatat(fixture->root_fd, path, status, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_there(const struct fixture *fixture, const char *path)
{
	struct stat status;

	return look(fixture, path, &status);
}

static bool is_whiteout(const struct fixture *fixture, const char *path)
{
	struct stat status;

	return look(fixture, path, &status) && S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

static bool is_opaque(const struct fixture *fixture, const char *path)
{
	berth_fd fd = openat(fixture->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char value[4];

	g_assert_cmpint(fd, >=, 0);
	return fgetxattr(fd, OPAQUE, value, sizeof value) == 1 && value[0] == 'y';
}

static void assert_content(const struct fixture *fixture, const char *path, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *content = berth_read_file_at(fixture->root_fd, path, 1 << 20, NULL, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(content, ==, expected);
}

// An archive of entries, without its end.
static GByteArray *archive_of(const struct tarball_entry *entries)
{
	GByteArray *tarball = tarball_new();

	for (; entries->name; entries++)
		tarball_add(tarball, entries);
	return tarball;
}
#define ARCHIVE(...) archive_of((const struct tarball_entry[]){__VA_ARGS__, {NULL}})

static void test_kinds(struct fixture *fixture, gconstpointer data)
{
	static const char *const pax[] = {"mtime=1700000000.123456789", "SCHILY.xattr.user.colour=red", NULL};
	g_autoptr(GByteArray) tarball = tarball_new();
	// A capability as the kernel keeps it: version 2, effective, CAP_NET_RAW.
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};
	char value[32];
	struct stat status, other;

	(void) data;
	tarball_add(tarball, &(struct tarball_entry){"./", '5', .mode = 0711, .mtime = 1600000000});
	tarball_add(tarball, &(struct tarball_entry){"bin/", '5', .mode = 01777, .mtime = 1500000000});
	tarball_add(tarball, &(struct tarball_entry){"bin/su", .mode = 04755, .uid = 12, .gid = 3456789012,
						     .content = "root", .pax = pax});
	tarball_add(tarball, &(struct tarball_entry){"bin/link", '2', .link = "../bin/su", .uid = 7, .mtime = 5});
	tarball_add(tarball, &(struct tarball_entry){"bin/same", '1', .link = "bin/su"});
	tarball_add(tarball, &(struct tarball_entry){"pipe", '6', .mode = 0640});
	tarball_add(tarball, &(struct tarball_entry){"null", '3', .mode = 0666, .major = 1, .minor = 3});
	tarball_add(tarball, &(struct tarball_entry){"disk", '4', .mode = 0600, .major = 8, .minor = 300});
	tarball_add_pax(tarball, "SCHILY.xattr.security.capability", capability, sizeof capability);
	tarball_add(tarball, &(struct tarball_entry){"ping", .uid = 1, .content = "x"});
	tarball_add(tarball, &(struct tarball_entry){"without/parents/listed", .content = "x"});
	unpack_well(fixture, tarball);

	g_assert_true(look(fixture, ".", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFDIR | 0711);
	g_assert_cmpint(status.st_mtime, ==, 1600000000);
	g_assert_true(look(fixture, "bin", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFDIR | 01777);
	g_assert_cmpint(status.st_mtime, ==, 1500000000);
	g_assert_true(look(fixture, "bin/su", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFREG | 04755);
	g_assert_cmpuint(status.st_uid, ==, 12);
	g_assert_cmpuint(status.st_gid, ==, 3456789012);
	g_assert_cmpint(status.st_mtim.tv_nsec, ==, 123456789);
	g_assert_true(look(fixture, "bin/same", &other));
	g_assert_cmpuint(other.st_ino, ==, status.st_ino);
	assert_content(fixture, "bin/same", "root");
	g_assert_true(look(fixture, "bin/link", &status));
	g_assert_true(S_ISLNK(status.st_mode));
	g_assert_cmpuint(status.st_uid, ==, 7);
	g_assert_cmpint(status.st_mtime, ==, 5);
	g_assert_true(look(fixture, "pipe", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFIFO | 0640);
	g_assert_true(look(fixture, "null", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFCHR | 0666);
	g_assert_cmpuint(status.st_rdev, ==, makedev(1, 3));
	g_assert_true(look(fixture, "disk", &status));
	g_assert_cmpuint(status.st_rdev, ==, makedev(8, 300));
	g_autofree char *su = g_build_filename(fixture->root, "bin/su", NULL),
			*ping = g_build_filename(fixture->root, "ping", NULL);
	g_assert_cmpint(getxattr(su, "user.colour", value, sizeof value), ==, 3);
	g_assert_cmpint(getxattr(ping, "security.capability", value, sizeof value), ==, sizeof capability);
	g_assert_true(look(fixture, "without/parents", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFDIR | 0755);
}

// Names are bytes: one that is no UTF-8, and two that only differ in how an accent is composed.
static void test_names(struct fixture *fixture, gconstpointer data)
{
	static const char *const composed[] = {"path=caf\xc3\xa9", NULL}, *const decomposed[] = {"path=cafe\xcc\x81",
												 NULL};
	static const char *const linked[] = {"path=link", "linkpath=cafe\xcc\x81", NULL};
	g_autoptr(GByteArray) tarball =
		ARCHIVE({"x", .content = "1", .pax = composed}, {"x", .content = "2", .pax = decomposed},
			{"bad\xff\xfe name\n", .content = "3"}, {"x", '1', .link = "cafe", .pax = linked});

	(void) data;
	unpack_well(fixture, tarball);
	assert_content(fixture, "caf\xc3\xa9", "1");
	assert_content(fixture, "cafe\xcc\x81", "2");
	assert_content(fixture, "bad\xff\xfe name\n", "3");
	assert_content(fixture, "link", "2");
}

// Format 1.0 of GNU tar's sparse files: a map before the content.
static void add_sparse(GByteArray *tarball, const char *size)
{
	g_autofree char *real = g_strconcat("GNU.sparse.realsize=", size, NULL);
	const char *const pax[] = {"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=holes", real, NULL};
	char content[1024] = "1\n1048576\n4\n";

	memcpy(content + 512, "data", 4);
	tarball_add(tarball,
		    &(struct tarball_entry){"GNUSparseFile.0/holes", .content = content, .length = 516, .pax = pax});
}

static void test_sparse(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball = tarball_new();
	struct stat status;
	char found[4];

	(void) data;
	add_sparse(tarball, "3145728");
	unpack_well(fixture, tarball);
	g_assert_true(look(fixture, "holes", &status));
	g_assert_cmpint(status.st_size, ==, 3145728);
	g_assert_cmpint(status.st_blocks, <, 100);
	berth_fd fd = openat(fixture->root_fd, "holes", O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(pread(fd, found, 4, 1048576), ==, 4);
	g_assert_cmpint(memcmp(found, "data", 4), ==, 0);
}

// What is there of another kind is replaced; a folder stays and takes the new mode.
static void test_replace(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball = ARCHIVE(
		{"a", .content = "file"}, {"a/", '5'}, {"a/b", .content = "in it"}, {"a", .content = "file again"},
		{"d/", '5', .mode = 0700}, {"d/kept", .content = "1"}, {"d/", '5', .mode = 0750},
		{"l", '2', .link = "d"}, {"l", .content = "no link"}, {"t", .content = "1"}, {"t", .content = "2"},
		{"s", '1', .link = "t"}, {"s", '1', .link = "s"}, {"t/", '5'}, {"t/in", .content = "x"});
	struct stat status;

	(void) data;
	unpack_well(fixture, tarball);
	assert_content(fixture, "a", "file again");
	assert_content(fixture, "d/kept", "1");
	g_assert_true(look(fixture, "d", &status));
	g_assert_cmpint(status.st_mode, ==, S_IFDIR | 0750);
	assert_content(fixture, "l", "no link");
	assert_content(fixture, "s", "2");
	assert_content(fixture, "t/in", "x");
}

// A link in a parent's path leads somewhere inside the root.
static void test_links_in_parents(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball =
		ARCHIVE({"usr/", '5'}, {"usr/lib/", '5'}, {"lib", '2', .link = "usr/lib"}, {"lib/x", .content = "1"},
			{"abs", '2', .link = "/usr"}, {"abs/y", .content = "2"}, {"up", '2', .link = "../../../usr"},
			{"up/lib/z", .content = "3"}, {"h", '1', .link = "abs/y"});

	(void) data;
	unpack_well(fixture, tarball);
	assert_content(fixture, "usr/lib/x", "1");
	assert_content(fixture, "usr/y", "2");
	assert_content(fixture, "usr/lib/z", "3");
	assert_content(fixture, "h", "2");
}

static void test_whiteouts_overlay(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball =
		ARCHIVE({".wh.gone", .content = ""}, {"etc/.wh.passwd", .content = ""},
			{"var/.wh..wh..opq", .content = ""}, {"var/new", .content = "1"},
			// Replaced in the same layer, in either order.
			{".wh.again", .content = ""}, {"again/", '5'}, {"again/x", .content = "1"}, {"later/", '5'},
			{"later/x", .content = "1"}, {".wh.later", .content = ""}, {".wh.file", .content = ""},
			{"file", .content = "1"}, {".wh..wh.plnk", '5'});

	(void) data;
	unpack_well(fixture, tarball);
	g_assert_true(is_whiteout(fixture, "gone"));
	g_assert_true(is_whiteout(fixture, "etc/passwd"));
	g_assert_true(is_opaque(fixture, "var"));
	g_assert_false(is_opaque(fixture, "etc"));
	assert_content(fixture, "var/new", "1");
	g_assert_false(is_there(fixture, "var/.wh..wh..opq"));
	g_assert_true(is_opaque(fixture, "again"));
	assert_content(fixture, "again/x", "1");
	g_assert_true(is_opaque(fixture, "later"));
	assert_content(fixture, "later/x", "1");
	assert_content(fixture, "file", "1");
	g_assert_false(is_there(fixture, ".wh..wh.plnk"));
}

static void test_whiteouts_delete(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) below =
		ARCHIVE({"gone/", '5'}, {"gone/deep/", '5'}, {"gone/deep/x", .content = "0"}, {"etc/", '5'},
			{"etc/passwd", .content = "0"}, {"etc/kept", .content = "0"}, {"var/", '5'},
			{"var/old", .content = "0"}, {"var/sub/", '5'}, {"var/sub/old", .content = "0"},
			{"var/mixed/", '5'}, {"var/mixed/old", .content = "0"}, {"again/", '5'},
			{"again/old", .content = "0"}, {"link", '2', .link = "etc"});
	g_autoptr(GByteArray) tarball =
		ARCHIVE({".wh.gone", .content = ""}, {"etc/.wh.passwd", .content = ""},
			{"etc/.wh.never", .content = ""}, {"var/mixed/new", .content = "1"},
			{"var/new", .content = "1"}, {"var/.wh..wh..opq", .content = ""}, {"again/", '5'},
			{"again/new", .content = "1"}, {".wh.again", .content = ""}, {".wh.link", .content = ""});

	(void) data;
	unpack_well(fixture, below);
	unpack_well(fixture, tarball);
	g_assert_false(is_there(fixture, "gone"));
	g_assert_false(is_there(fixture, "etc/passwd"));
	assert_content(fixture, "etc/kept", "0");
	g_assert_false(is_there(fixture, "var/old"));
	g_assert_false(is_there(fixture, "var/sub"));
	g_assert_false(is_there(fixture, "var/mixed/old"));
	assert_content(fixture, "var/mixed/new", "1");
	assert_content(fixture, "var/new", "1");
	g_assert_false(is_there(fixture, "again/old"));
	assert_content(fixture, "again/new", "1");
	g_assert_false(is_there(fixture, "link"));
}

struct hostile {
	const char *title;
	const char *message; // a pattern, or NULL when it is harmless once unpacked inside
	struct tarball_entry entries[5];
};

#define OUT "@" // stands for the absolute path of the folder outside
static const char *const overlay_xattr[] = {"SCHILY.xattr.trusted.overlay.redirect=/../outside", NULL};

static const struct hostile hostile[] = {
	{"absolute name", NULL, {{"/etc/passwd", .content = "x"}}},
	{"absolute name outside", NULL, {{OUT "/secret", .content = "x"}}},
	{"dots first",
	 "layer entry 1 (../outside/secret): \"..\" in a name would lead out of the root",
	 {{"../outside/secret", .content = "x"}}},
	{"dots inside",
	 "layer entry 2 (a/../../outside/secret): \"..\"*",
	 {{"a/", '5'}, {"a/../../outside/secret", .content = "x"}}},
	{"only dots", "layer entry 1 (..): \"..\"*", {{"..", '5', .mode = 0777}}},
	{"absolute dots", "layer entry 1 (/../x): \"..\"*", {{"/../x", .content = "x"}}},
	{"through an absolute link",
	 "layer entry 2 (out/secret): *",
	 {{"out", '2', .link = OUT}, {"out/secret", .content = "x"}}},
	{"through a relative link",
	 "layer entry 2 (out/secret): *",
	 {{"out", '2', .link = "../outside"}, {"out/secret", .content = "x"}}},
	{"onto a link", NULL, {{"f", '2', .link = OUT "/secret"}, {"f", .content = "x"}}},
	{"folder onto a link",
	 NULL,
	 {{"f", '2', .link = OUT}, {"f/", '5', .mode = 0777}, {"f/secret", .content = "x"}}},
	{"link in place of a folder",
	 "layer entry 4 (d/secret): *",
	 {{"d/", '5'}, {"d/x", .content = "x"}, {"d", '2', .link = OUT}, {"d/secret", .content = "x"}}},
	{"device through a link",
	 "layer entry 2 (out/null): *",
	 {{"out", '2', .link = OUT}, {"out/null", '3', .major = 1, .minor = 3}}},
	{"whiteout through a link",
	 "layer entry 2 (out/.wh.secret): *",
	 {{"out", '2', .link = OUT}, {"out/.wh.secret", .content = ""}}},
	{"opaque through a link",
	 "layer entry 2 (out/.wh..wh..opq): *",
	 {{"out", '2', .link = OUT}, {"out/.wh..wh..opq", .content = ""}}},
	{"hard link to dots",
	 "layer entry 1 (h): hard link to ../outside/secret: \"..\"*",
	 {{"h", '1', .link = "../outside/secret"}}},
	{"absolute hard link",
	 "layer entry 1 (h): hard link to *, which the layer does not have",
	 {{"h", '1', .link = OUT "/secret"}}},
	{"hard link through a link",
	 "layer entry 2 (h): hard link to out/secret, which the layer does not have",
	 {{"out", '2', .link = OUT}, {"h", '1', .link = "out/secret"}}},
	{"hard link to a link, then written",
	 NULL,
	 {{"s", '2', .link = OUT "/secret"}, {"h", '1', .link = "s"}, {"h", .content = "x"}, {"s", .content = "x"}}},
	{"hard link to nothing", "layer entry 1 (h): hard link to nothing, *", {{"h", '1', .link = "nothing"}}},
	{"hard link to itself", "layer entry 1 (h): hard link to h, *", {{"h", '1', .link = "h"}}},
	{"hard link to a folder",
	 "layer entry 2 (h): hard link to the folder d",
	 {{"d/", '5'}, {"h", '1', .link = "d"}}},
	{"hard link to the root", "layer entry 1 (h): hard link to the root", {{"h", '1', .link = "/"}}},
	{"hard link in place of its target",
	 "layer entry 3 (d): *",
	 {{"d/", '5'}, {"d/x", .content = "x"}, {"d", '1', .link = "d/x"}}},
	{"links in a circle",
	 "layer entry 3 (a/x): *",
	 {{"a", '2', .link = "b"}, {"b", '2', .link = "a"}, {"a/x", .content = "x"}}},
	{"link without target", "layer entry 1 (a): *", {{"a", '2', .link = ""}}},
	{"file as parent", "layer entry 2 (a/x): *", {{"a", .content = "x"}, {"a/x", .content = "x"}}},
	{"root as a file", "layer entry 1 (./): the root can only be a folder", {{"./", '2', .link = OUT}}},
	{"root as a hard link",
	 "layer entry 2 (/): the root can only be a folder",
	 {{"a", .content = "x"}, {"/", '1', .link = "a"}}},
	{"overlay's whiteout", "layer entry 1 (a): character device 0:0*", {{"a", '3'}}},
	{"overlay's attribute",
	 "layer entry 1 (a): extended attribute trusted.overlay.redirect: *",
	 {{"a", '5', .pax = overlay_xattr}}},
	{"whiteout of the folder", "layer entry 1 (.wh..): a whiteout of \".\"", {{".wh..", .content = ""}}},
	{"whiteout of the parent",
	 "layer entry 2 (a/.wh...): a whiteout of \"..\"",
	 {{"a/", '5'}, {"a/.wh...", .content = ""}}},
	{"whiteout of nothing", "layer entry 1 (.wh.): a whiteout of \"\"", {{".wh.", .content = ""}}},
	{"opaque root", "layer entry 1 (.wh..wh..opq): hiding the whole root*", {{".wh..wh..opq", .content = ""}}},
	{"owner out of range",
	 "layer entry 1 (a): its owner 4294967295:0 is no valid user and group",
	 {{"a", .uid = UINT32_MAX}}},
	{"owner of 64 bits", "layer entry 1 (a): its owner*", {{"a", .gid = (uint64_t) 1 << 40}}},
	{"huge file",
	 "layer entry 1 (a): its 1099511627776 bytes make the layer larger than *",
	 {{"a", .size = (int64_t) 1 << 40}}},
	{"size of 63 bits", "layer, behind entry 1: damaged: *", {{"a", .content = "x"}, {"b", .size = INT64_MAX}}},
	{"no name", "layer*", {{"", .content = "x"}}},
};

static char *put_outside(const struct fixture *fixture, const char *text)
{
	return text && g_str_has_prefix(text, OUT) ? g_strconcat(fixture->outside, text + strlen(OUT), NULL)
						   : g_strdup(text);
}

static void test_hostile(struct fixture *fixture, gconstpointer data)
{
	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
		g_autoptr(GByteArray) tarball = tarball_new();
		for (const struct tarball_entry *entry = hostile[i].entries; entry->name; entry++) {
			struct tarball_entry copy = *entry;
			g_autofree char *name = put_outside(fixture, entry->name),
					*link = put_outside(fixture, entry->link);
			copy.name = name;
			copy.link = link;
			tarball_add(tarball, &copy);
		}
		g_autofree char *message = unpack(fixture, tarball);
		g_test_message("%s: %s", hostile[i].title, message ? message : "unpacked");
		g_assert_true(hostile[i].message ? message && g_pattern_match_simple(hostile[i].message, message)
						 : !message);
		renew(fixture);
	}
}

static void check_limit(struct fixture *fixture, GByteArray *tarball, const struct berth_unpack_limits *limits,
			const char *pattern)
{
	tarball_end(tarball);
	g_autofree char *message = unpack_within(fixture, tarball, limits);
	g_test_message("%s", message ? message : "unpacked");
	g_assert_true(pattern ? message && g_pattern_match_simple(pattern, message) : !message);
	g_byte_array_unref(tarball);
	renew(fixture);
}

static char *nested(guint depth)
{
	GString *path = g_string_new("d");

	for (guint i = 1; i < depth; i++)
		g_string_append(path, "/d");
	return g_string_free(path, false);
}

static GByteArray *with_xattr(size_t length)
{
	GByteArray *tarball = tarball_new();
	g_autofree char *value = g_strnfill(length, 'x');

	tarball_add_pax(tarball, "SCHILY.xattr.user.bomb", value, length);
	tarball_add(tarball, &(struct tarball_entry){"a", .content = "x"});
	return tarball;
}

static void test_limits(struct fixture *fixture, gconstpointer data)
{
	const struct berth_unpack_limits *usual = &berth_unpack_default_limits;
	struct berth_unpack_limits limits = *usual;
	g_autofree char *deepest = nested(BERTH_LIMIT_ARCHIVE_DEPTH), *too_deep = nested(BERTH_LIMIT_ARCHIVE_DEPTH + 1);
	g_autofree char *long_part = g_strnfill(256, 'n'), *many = g_strnfill(5000, '/'),
			*long_link = g_strnfill(5000, 'l');

	(void) data;
	many[0] = many[4999] = 'a';
	check_limit(fixture, ARCHIVE({deepest, .content = "x"}), usual, NULL);
	check_limit(fixture, ARCHIVE({too_deep, .content = "x"}), usual, "layer entry 1 (d/d/*): *more than 256 parts");
	check_limit(fixture, ARCHIVE({long_part, .content = "x"}), usual, "layer entry 1 (nnn*): *File name too long");
	check_limit(fixture, ARCHIVE({many, .content = "x"}), usual, "layer entry 1 (a//*): *longer than 4096 bytes");
	check_limit(fixture, ARCHIVE({"l", '2', .link = long_link}), usual, "layer entry 1 (l): *too long");
	check_limit(fixture, with_xattr(BERTH_LIMIT_XATTR_BYTES + 1), usual,
		    "layer entry 1 (a): extended attribute user.bomb is longer than 65536 bytes");
	check_limit(fixture, with_xattr(3 << 20), usual, "layer*");
	limits.entries = 2;
	check_limit(fixture, ARCHIVE({"a", .content = "x"}, {"b", .content = "x"}), &limits, NULL);
	check_limit(fixture, ARCHIVE({"a", .content = "x"}, {"b", .content = "x"}, {"c", .content = "x"}), &limits,
		    "layer entry 3 (c): the layer has more than 2 entries");
	limits = *usual;
	limits.bytes = 5;
	check_limit(fixture, ARCHIVE({"a", .content = "xxx"}, {"b", .content = "xx"}), &limits, NULL);
	check_limit(fixture, ARCHIVE({"a", .content = "xxx"}, {"b", .content = "xxx"}), &limits,
		    "layer entry 2 (b): its 3 bytes make the layer larger than 5 bytes");
	GByteArray *sparse = tarball_new();
	add_sparse(sparse, "1099511627776");
	check_limit(fixture, sparse, usual, "layer entry 1 (holes): its 1099511627776 bytes make the layer larger*");
}

// Compressed zeros, inside of a file and behind the archive's end.
static void test_bomb(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {"gzip", "zstd", "xz", "bzip2"};
	struct berth_unpack_limits limits = berth_unpack_default_limits;
	g_autofree char *zeros = g_malloc0(8 << 20);

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) inside = tarball_new(), behind = tarball_new();
		tarball_add(inside, &(struct tarball_entry){"zeros", .content = zeros, .length = 8 << 20});
		tarball_end(inside);
		tarball_end(behind);
		g_byte_array_append(behind, (const guint8 *) zeros, 8 << 20);
		g_autoptr(GByteArray) one = tarball_compress(inside, filters[i]),
				      two = tarball_compress(behind, filters[i]);
		limits.bytes = 1 << 20;
		g_autofree char *first = unpack_within(fixture, one, &limits);
		g_assert_nonnull(strstr(first, "make the layer larger than 1048576 bytes"));
		limits.stream = 1 << 20;
		g_autofree char *second = unpack_within(fixture, two, &limits);
		g_assert_nonnull(strstr(second, "the archive is larger than 1048576 bytes when uncompressed"));
		limits = berth_unpack_default_limits;
	}
}

static GByteArray *sample(void)
{
	static const char *const pax[] = {"SCHILY.xattr.user.a=b", "mtime=1.5", NULL};
	GByteArray *tarball = ARCHIVE({"d/", '5'}, {"d/file", .content = "some content", .pax = pax},
				      {"d/link", '2', .link = "../d/file"}, {"d/hard", '1', .link = "d/file"},
				      {"d/.wh.gone", .content = ""}, {"null", '3', .major = 1, .minor = 3});

	tarball_end(tarball);
	return tarball;
}

// Cut off anywhere it is an error, but between entries, where nothing tells that more was to come.
static void test_truncated(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball = sample();

	(void) data;
	for (guint length = 0; length < tarball->len - 1024; length += 64) {
		g_autofree char *message = unpack_bytes(fixture, tarball->data, length, &berth_unpack_default_limits);
		if (length % 512 != 0)
			g_assert_nonnull(message);
		renew(fixture);
	}
}

static void test_truncated_compressed(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {"gzip", "zstd", "xz", "bzip2"};
	g_autoptr(GByteArray) tarball = sample();

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) bytes = tarball_compress(tarball, filters[i]);
		for (guint length = 1; length < bytes->len; length += 7) {
			g_autofree char *message =
				unpack_bytes(fixture, bytes->data, length, &berth_unpack_default_limits);
			g_assert_nonnull(message);
			renew(fixture);
		}
	}
}

// One bit wrong: refused, or unpacked inside.
static void test_flipped(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) tarball = sample();
	g_autoptr(GByteArray) bytes = tarball_compress(tarball, "gzip");
	g_autofree char *expected = tarball_digest(tarball->data, tarball->len);

	(void) data;
	for (guint i = 0; i < tarball->len - 1024; i += 11) {
		tarball->data[i] ^= (guint8) (1 << i % 8);
		g_free(unpack_within(fixture, tarball, &berth_unpack_default_limits));
		tarball->data[i] ^= (guint8) (1 << i % 8);
		renew(fixture);
	}
	// The checksum finds all that the archive's own do not. (Where a match points into zeros another place is as
	// good.)
	for (guint i = 10; i < bytes->len; i++) {
		bytes->data[i] ^= 1;
		g_autofree char *message = unpack_within(fixture, bytes, &berth_unpack_default_limits);
		g_assert_true(message || g_str_equal(fixture->diff_id, expected));
		bytes->data[i] ^= 1;
		renew(fixture);
	}
}

static void test_diff_id(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {NULL, "gzip", "zstd", "xz", "bzip2"};
	g_autoptr(GByteArray) tarball = sample();
	g_autofree char *expected = tarball_digest(tarball->data, tarball->len);

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) bytes =
			filters[i] ? tarball_compress(tarball, filters[i]) : g_byte_array_ref(tarball);
		g_autofree char *message = unpack_within(fixture, bytes, &berth_unpack_default_limits);
		g_assert_cmpstr(message, ==, NULL);
		g_assert_cmpstr(fixture->diff_id, ==, expected);
		renew(fixture);
	}
}

// Compressors that work in parallel write many members; zeros behind are padding, anything else is not.
static void test_members(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {"gzip", "zstd"};
	g_autofree char *content = g_malloc(3 << 20);

	(void) data;
	for (guint i = 0; i < 3 << 20; i++)
		content[i] = (char) (i * 2654435761u >> 24);
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) whole = tarball_new(), joined = g_byte_array_new();
		tarball_add(whole, &(struct tarball_entry){"big", .content = content, .length = 3 << 20});
		tarball_end(whole);
		for (guint done = 0; done < whole->len;) {
			g_autoptr(GByteArray) part = g_byte_array_new();
			guint length = MIN(whole->len - done, 70000);
			g_byte_array_append(part, whole->data + done, length);
			g_autoptr(GByteArray) compressed = tarball_compress(part, filters[i]);
			g_byte_array_append(joined, compressed->data, compressed->len);
			done += length;
		}
		g_autofree char *message = unpack_within(fixture, joined, &berth_unpack_default_limits);
		g_assert_cmpstr(message, ==, NULL);
		struct stat status;
		g_assert_true(look(fixture, "big", &status));
		g_assert_cmpint(status.st_size, ==, 3 << 20);
		g_autofree char *found = NULL, *path = g_build_filename(fixture->root, "big", NULL);
		g_assert_true(g_file_get_contents(path, &found, NULL, NULL));
		g_assert_cmpint(memcmp(found, content, 3 << 20), ==, 0);
		g_byte_array_append(joined, (const guint8 *) "garbage", 7);
		g_autofree char *refused = unpack_within(fixture, joined, &berth_unpack_default_limits);
		g_assert_nonnull(refused);
		renew(fixture);
	}
}

// What a folder hands down to new files is not what the archive says of them.
static void test_inherited(struct fixture *fixture, gconstpointer data)
{
	// Version 2: the owner may all, others read; group 77 may all.
	static const unsigned char acl[] = {
		2,  0, 0, 0, 1,    0, 7, 0, 0xff, 0xff, 0xff, 0xff, 4,    0, 4, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 7, 0,
		77, 0, 0, 0, 0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	};
	g_autoptr(GByteArray) tarball = tarball_new();
	struct stat status;

	(void) data;
	tarball_add_pax(tarball, "SCHILY.xattr.system.posix_acl_default", acl, sizeof acl);
	tarball_add(tarball, &(struct tarball_entry){"d", '5', 02755, .gid = 55});
	tarball_add(tarball, &(struct tarball_entry){"d/file", '0', 0640, .content = "x"});
	tarball_add(tarball, &(struct tarball_entry){"d/folder", '5', 0755});
	tarball_add(tarball, &(struct tarball_entry){"d/folder/file", '0', 0644, .content = "x"});
	tarball_add(tarball, &(struct tarball_entry){"d/fifo", '6', 0622});
	tarball_add(tarball, &(struct tarball_entry){"d/link", '2', .link = "file"});
	unpack_well(fixture, tarball);
	g_assert_true(look(fixture, "d", &status) && status.st_mode == (S_IFDIR | 02755) && status.st_gid == 55);
	g_assert_true(look(fixture, "d/file", &status) && status.st_mode == (S_IFREG | 0640) && status.st_gid == 0);
	g_assert_true(look(fixture, "d/folder", &status) && status.st_mode == (S_IFDIR | 0755) && status.st_gid == 0);
	g_assert_true(look(fixture, "d/folder/file", &status) && status.st_mode == (S_IFREG | 0644));
	g_assert_true(look(fixture, "d/fifo", &status) && status.st_mode == (S_IFIFO | 0622) && status.st_gid == 0);
	g_assert_true(look(fixture, "d/link", &status) && status.st_gid == 0);
	static const char *const made[] = {"d/file", "d/folder", "d/folder/file", "d/fifo"};
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
		g_autofree char *path = g_build_filename(fixture->root, made[i], NULL);
		g_assert_cmpint(lgetxattr(path, "system.posix_acl_access", NULL, 0), <, 0);
		g_assert_cmpint(lgetxattr(path, "system.posix_acl_default", NULL, 0), <, 0);
	}
	g_autofree char *folder = g_build_filename(fixture->root, "d", NULL);
	g_assert_cmpint(lgetxattr(folder, "system.posix_acl_default", NULL, 0), ==, sizeof acl);
}

// Modes that the umask would take bits from, and those that no new file gets.
static void test_modes(struct fixture *fixture, gconstpointer data)
{
	static const unsigned modes[] = {0777, 0666, 0444, 0400, 04755, 02755, 01777, 0111};
	g_autoptr(GByteArray) tarball = tarball_new();
	struct stat status;

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autofree char *file = g_strdup_printf("f%o", modes[i]), *folder = g_strdup_printf("d%o", modes[i]);
		tarball_add(tarball, &(struct tarball_entry){file, '0', modes[i], 5 * i, 7 * i, .content = "x"});
		tarball_add(tarball, &(struct tarball_entry){folder, '5', modes[i], 5 * i, 7 * i});
	}
	unpack_well(fixture, tarball);
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autofree char *file = g_strdup_printf("f%o", modes[i]), *folder = g_strdup_printf("d%o", modes[i]);
		g_assert_true(look(fixture, file, &status));
		g_assert_cmphex(status.st_mode, ==, S_IFREG | modes[i]);
		g_assert_true(status.st_uid == 5 * i && status.st_gid == 7 * i);
		g_assert_true(look(fixture, folder, &status));
		g_assert_cmphex(status.st_mode, ==, S_IFDIR | modes[i]);
		g_assert_true(status.st_uid == 5 * i && status.st_gid == 7 * i);
	}
}

static void test_mapped(struct fixture *fixture, gconstpointer data)
{
	static const struct berth_id_range uids[] = {{0, 100000, 1000}, {1000, 5000, 10}}, gids[] = {{0, 200000, 100}};
	const struct berth_id_maps maps = {uids, gids, 2, 1};
	g_autoptr(GByteArray) tarball = tarball_new();
	g_autoptr(GError) error = NULL;
	struct stat status;

	(void) data;
	tarball_add(tarball, &(struct tarball_entry){"made/by/us/file", '0', .uid = 1003, .gid = 99, .content = "x"});
	tarball_add(tarball, &(struct tarball_entry){"root", '5'});
	tarball_end(tarball);
	berth_fd fd = tarball_open(tarball->data, tarball->len);
	g_assert_true(berth_layer_unpack_mapped(berth_source_of_fd(fd), fixture->root_fd, fixture->whiteouts, &maps,
						NULL, &error));
	g_assert_no_error(error);
	g_assert_true(look(fixture, "made/by/us/file", &status) && status.st_uid == 5003 && status.st_gid == 200099);
	g_assert_true(look(fixture, "made", &status) && status.st_uid == 100000 && status.st_gid == 200000);
	g_assert_true(look(fixture, "made/by/us", &status) && status.st_uid == 100000 && status.st_gid == 200000);
	g_assert_true(look(fixture, "root", &status) && status.st_uid == 100000 && status.st_gid == 200000);

	g_autoptr(GByteArray) stranger = tarball_new();
	tarball_add(stranger, &(struct tarball_entry){"x", '0', .uid = 0, .gid = 100, .content = "x"});
	tarball_end(stranger);
	berth_fd other = tarball_open(stranger->data, stranger->len);
	g_assert_false(berth_layer_unpack_mapped(berth_source_of_fd(other), fixture->root_fd, fixture->whiteouts, &maps,
						 NULL, &error));
	g_assert_cmpstr(error->message, ==, "layer entry 1 (x): its group 100 is not in the map of group ids");
}

static void add(const char *name, int whiteouts, void (*test)(struct fixture *, gconstpointer))
{
	g_autofree char *path =
		g_strconcat("/unpack/", whiteouts == BERTH_WHITEOUTS_OVERLAY ? "overlay/" : "delete/", name, NULL);

	g_test_add(path, struct fixture, GINT_TO_POINTER(whiteouts), setup, test, teardown);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (int whiteouts = BERTH_WHITEOUTS_OVERLAY; whiteouts <= BERTH_WHITEOUTS_DELETE; whiteouts++) {
		add("kinds", whiteouts, test_kinds);
		add("names", whiteouts, test_names);
		add("sparse", whiteouts, test_sparse);
		add("replace", whiteouts, test_replace);
		add("links-in-parents", whiteouts, test_links_in_parents);
		add("hostile", whiteouts, test_hostile);
		add("limits", whiteouts, test_limits);
		add("truncated", whiteouts, test_truncated);
		add("flipped", whiteouts, test_flipped);
		add("inherited", whiteouts, test_inherited);
		add("modes", whiteouts, test_modes);
		add("mapped", whiteouts, test_mapped);
	}
	add("whiteouts", BERTH_WHITEOUTS_OVERLAY, test_whiteouts_overlay);
	add("whiteouts", BERTH_WHITEOUTS_DELETE, test_whiteouts_delete);
	add("truncated-compressed", BERTH_WHITEOUTS_OVERLAY, test_truncated_compressed);
	add("bomb", BERTH_WHITEOUTS_OVERLAY, test_bomb);
	add("diff-id", BERTH_WHITEOUTS_OVERLAY, test_diff_id);
	add("members", BERTH_WHITEOUTS_OVERLAY, test_members);
	return g_test_run();
}
