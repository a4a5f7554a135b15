// SPDX-License-Identifier: Apache-2.0
// Contexts from archives: what comes in, what is refused, what .dockerignore leaves, digests.
#include "build/context/tests/fixture.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "build/context/tree-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void add(GByteArray *tarball, const char *name, const char *content)
{
	size_t length = strlen(name);

	tarball_add(tarball, &(struct tarball_entry){
				     .name = name, .type = name[length - 1] == '/' ? '5' : '0', .content = content});
}

static void add_link(GByteArray *tarball, const char *name, char type, const char *target)
{
	tarball_add(tarball, &(struct tarball_entry){.name = name, .type = type, .link = target});
}

static void test_kinds(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	static const char *const filters[] = {NULL, "gzip", "zstd", "xz", "bzip2"};

	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) tarball = tarball_new();
		add(tarball, "./Dockerfile", "FROM scratch\n");
		add(tarball, "/x/y/z", "Z");
		add(tarball, "x/", NULL);
		tarball_add(tarball, &(struct tarball_entry){.name = "x/", .type = '5', .mode = 0700});
		add(tarball, "x/y/z", "ZZ");
		add_link(tarball, "l", '2', "/etc/passwd");
		add_link(tarball, "h", '1', "x/y/z");
		tarball_add(tarball, &(struct tarball_entry){.name = "fifo", .type = '6', .mode = 0600});
		if (filters[i]) {
			tarball_end(tarball);
			GByteArray *packed = tarball_compress(tarball, filters[i]);
			g_byte_array_unref(tarball);
			tarball = packed;
		}
		GError *error = NULL;
		berth_fd fd = tarball_open(tarball->data, tarball->len);
		const struct berth_build_source source = {.tar = fd};
		g_autoptr(berth_build_tree) tree = berth_build_tree_open(&source, &fixture->options, NULL, &error);
		g_assert_no_error(error);
		fixture_assert_list(berth_build_tree_folder(tree),
				    "Dockerfile 644 0:0 FROM scratch\n\nfifo 600 0:0\nh 644 0:0 ZZ\n"
				    "l 777 0:0 -> /etc/passwd\nx 700 0:0\nx/y 755 0:0\nx/y/z 644 0:0 ZZ\n");
	}
}

static void test_text(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GBytes) text = g_bytes_new_static("FROM x\n", 7);
	const struct berth_build_source source = {.tar = -1, .text = text};
	g_autoptr(GBytes) dockerfile = NULL;
	GError *error = NULL;
	g_autoptr(berth_build_tree) tree = berth_build_tree_open(&source, &fixture->options, &dockerfile, &error);

	g_assert_no_error(error);
	g_assert_true(g_bytes_equal(text, dockerfile));
	g_assert_null(berth_build_tree_read(tree, "Dockerfile", 100, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_error_free(error);
}

static void refuses(struct fixture *fixture, GByteArray *tarball, const char *expected)
{
	tarball_end(tarball);
	g_autofree char *message = fixture_refused(fixture, tarball->data, tarball->len);
	if (!strstr(message, expected))
		g_error("\"%s\" is not in: %s", expected, message);
	g_byte_array_unref(tarball);
}

// Nothing of these may touch what lies outside; that no folder is left is what the fixture looks for at the end.
static void test_attacks(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *outside = g_build_filename(fixture->path, "root", NULL);
	GByteArray *tarball = tarball_new();

	add(tarball, "a/../../b", "x");
	refuses(fixture, tarball, "\"..\" in a name would lead out of the root");
	tarball = tarball_new();
	add_link(tarball, "l", '2', outside);
	add(tarball, "l/x", "x");
	refuses(fixture, tarball, "the way to it is no folder of the archive");
	tarball = tarball_new();
	add_link(tarball, "l", '1', "../root");
	refuses(fixture, tarball, "hard link to ../root");
	tarball = tarball_new();
	add_link(tarball, "l", '1', "etc/passwd");
	refuses(fixture, tarball, "which is no file of the archive");
	tarball = tarball_new();
	tarball_add(tarball, &(struct tarball_entry){.name = "w", .type = '3'});
	refuses(fixture, tarball, "character device 0:0");
	tarball = tarball_new();
	tarball_add_pax(tarball, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	add(tarball, "o/", NULL);
	refuses(fixture, tarball, "belongs to the overlay file system");
	tarball = tarball_new();
	g_autoptr(GString) deep = g_string_new(NULL);
	for (int i = 0; i < BERTH_LIMIT_ARCHIVE_DEPTH + 1; i++)
		g_string_append(deep, "d/");
	tarball_add_pax(tarball, "path", deep->str, deep->len);
	add(tarball, "x/", NULL);
	refuses(fixture, tarball, "its path has more than 256 parts");
	fixture_assert_list(fixture->root, "");
	g_autofree char *garbage = fixture_refused(fixture, "FROM scratch\n", 13);
	g_assert_nonnull(strstr(garbage, "unpack the context"));
}

// A later entry takes the place of an earlier one, also of a link, and what it led to stays.
static void test_replacing(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *outside = g_build_filename(fixture->path, "root", "kept", NULL);
	GByteArray *tarball = tarball_new();

	fixture_write(fixture->root, "kept", "kept", 0600);
	add_link(tarball, "l", '2', outside);
	add(tarball, "l", "file");
	add(tarball, "d/e", "E");
	add_link(tarball, "d", '2', outside);
	add(tarball, "d/", NULL);
	add(tarball, "d/f", "F");
	fixture_open(fixture, tarball);
	fixture_assert_list(berth_build_tree_folder(fixture->tree), "d 755 0:0\nd/f 644 0:0 F\nl 644 0:0 file\n");
	fixture_assert_list(fixture->root, "kept 600 0:0 kept\n");
}

static void test_bombs(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	const struct berth_build_unpack_limits limits = {.entries = 3, .bytes = 1 << 20};
	g_autofree char *large = g_malloc0(2 << 20);
	g_autoptr(GByteArray) many = tarball_new(), big = tarball_new(), lying = tarball_new();
	GError *error = NULL;

	for (const char *name = "abcd"; *name; name++)
		tarball_add(many, &(struct tarball_entry){.name = (char[]){*name, '\0'}, .content = ""});
	tarball_end(many);
	tarball_add(big, &(struct tarball_entry){.name = "b", .content = large, .length = 2 << 20});
	tarball_end(big);
	g_autoptr(GByteArray) bomb = tarball_compress(big, "gzip");
	tarball_add(lying, &(struct tarball_entry){.name = "b", .content = "", .size = (int64_t) 1 << 40});
	GByteArray *const all[] = {many, bomb, lying};
	static const char *const expected[] = {"more than 3 entries", "larger than 1048576 bytes",
					       "larger than 1048576 bytes"};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autoptr(berth_build_tree) tree = berth_build_tree_new(&fixture->options, &error);
		g_assert_no_error(error);
		berth_fd fd = tarball_open(all[i]->data, all[i]->len);
		g_assert_false(berth_build_unpack(tree, berth_source_of_fd(fd), &limits, &error));
		g_assert_nonnull(strstr(error->message, expected[i]));
		g_clear_error(&error);
	}
}

static GByteArray *ignoring(const char *ignore)
{
	GByteArray *tarball = tarball_new();

	add(tarball, "Dockerfile", "FROM scratch\n");
	add(tarball, ".dockerignore", ignore);
	add(tarball, "a.log", "A");
	add(tarball, "d/a.log", "A");
	add(tarball, "d/keep/b", "B");
	add(tarball, "e/c", "C");
	return tarball;
}

static void test_ignore(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	GError *error = NULL;

	fixture->options.dockerfile = "Dockerfile";
	fixture->options.ignore = true;
	fixture_open(fixture, ignoring("# no comment\n**/*.log\nd\n!d/keep\nDockerfile\n.dockerignore\ne\n"));
	fixture_assert_list(berth_build_tree_folder(fixture->tree), "d 755 0:0\nd/keep 755 0:0\nd/keep/b 644 0:0 B\n");
	g_autoptr(GBytes) dockerfile = berth_build_tree_read(fixture->tree, "Dockerfile", 100, &error);
	g_assert_no_error(error); // left out, but readable
	g_assert_cmpuint(g_bytes_get_size(dockerfile), ==, 13);
	g_assert_null(berth_build_tree_digest(fixture->tree, "Dockerfile", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_error_free(error);
}

// A client has applied it, and sent the two files all the same.
static void test_ignore_sent(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	fixture->options.dockerfile = "Dockerfile";
	fixture_open(fixture, ignoring("*.log\nDockerfile\n.dockerignore\ne"));
	fixture_assert_list(berth_build_tree_folder(fixture->tree),
			    "a.log 644 0:0 A\nd 755 0:0\nd/a.log 644 0:0 A\nd/keep 755 0:0\nd/keep/b 644 0:0 B\n"
			    "e 755 0:0\ne/c 644 0:0 C\n");
}

static void test_ignore_beside(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	GByteArray *tarball = ignoring("*");

	add(tarball, "d/my", "FROM scratch\n");
	add(tarball, "d/my.dockerignore", "e\n*.log\n");
	fixture->options.dockerfile = "d/my";
	fixture->options.ignore = true;
	fixture_open(fixture, tarball);
	fixture_assert_list(berth_build_tree_folder(fixture->tree),
			    ".dockerignore 644 0:0 *\nDockerfile 644 0:0 FROM scratch\n\nd 755 0:0\n"
			    "d/a.log 644 0:0 A\nd/keep 755 0:0\nd/keep/b 644 0:0 B\nd/my 644 0:0 FROM scratch\n\n"
			    "d/my.dockerignore 644 0:0 e\n*.log\n\n");
}

static char *digest_of(struct fixture *fixture, GByteArray *tarball, const char *path)
{
	GError *error = NULL;

	fixture_open(fixture, tarball);
	char *digest = berth_build_tree_digest(fixture->tree, path, &error);
	g_assert_no_error(error);
	g_clear_pointer(&fixture->tree, berth_build_tree_unref);
	return digest;
}

static GByteArray *one_file(const struct tarball_entry *entry)
{
	GByteArray *tarball = tarball_new();

	tarball_add(tarball, entry);
	return tarball;
}

// Everything but times and owners elsewhere changes it.
static void test_digest(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	static const struct tarball_entry base = {.name = "d/x", .content = "X", .mtime = 1};
	static const struct tarball_entry same[] = {
		{.name = "d/x", .content = "X", .mtime = 2},
		{.name = "d/x", .content = "X", .uid = 1000, .gid = 1000},
		{.name = "./d//x", .content = "X"},
	};
	static const struct tarball_entry other[] = {
		{.name = "d/x", .content = "Y"},
		{.name = "d/y", .content = "X"},
		{.name = "d/x", .content = "X", .mode = 0600},
		{.name = "d/x", .type = '2', .link = "X"},
		{.name = "d/x/", .type = '5'},
		{.name = "d/x", .type = '6'},
		{.name = "d/x", .type = '3', .major = 1},
		{.name = "d/x", .content = ""},
	};
	g_autofree char *first = digest_of(fixture, one_file(&base), "d");

	g_assert_true(berth_digest_valid(first));
	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		g_autofree char *digest = digest_of(fixture, one_file(&same[i]), "/d/");
		g_assert_cmpstr(digest, ==, first);
	}
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_hash_table_add(seen, g_strdup(first));
	for (size_t i = 0; i < G_N_ELEMENTS(other); i++)
		g_assert_true(g_hash_table_add(seen, digest_of(fixture, one_file(&other[i]), "d")));
	GByteArray *attributed = tarball_new();
	tarball_add_pax(attributed, "SCHILY.xattr.user.a", "b", 1);
	tarball_add(attributed, &base);
	g_assert_true(g_hash_table_add(seen, digest_of(fixture, attributed, "d")));
}

// The digest of a folder on a disk is that of the same files in a context.
static void test_of(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	GByteArray *tarball = tarball_new();
	GError *error = NULL;

	add(tarball, "d/x", "X");
	add_link(tarball, "d/l", '2', "x");
	add(tarball, "d/e/", NULL);
	add_link(tarball, "d/h", '1', "d/x");
	g_autofree char *expected = digest_of(fixture, tarball, "d");
	fixture_write(fixture->root, "d/x", "X", 0644);
	fixture_write(fixture->root, "d/e", NULL, 0755);
	g_assert_cmpint(symlinkat("x", fixture->root, "d/l"), ==, 0);
	g_assert_cmpint(linkat(fixture->root, "d/x", fixture->root, "d/h", 0), ==, 0);
	g_autoptr(berth_build_tree) tree = berth_build_tree_of(dup(fixture->root));
	g_autofree char *digest = berth_build_tree_digest(tree, "d", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(digest, ==, expected);
}

static bool say_yes(G_GNUC_UNUSED void *data)
{
	return true;
}

static void test_canceled(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GByteArray) tarball = one_file(&(struct tarball_entry){.name = "a", .content = "A"});
	GError *error = NULL;

	tarball_end(tarball);
	berth_fd fd = tarball_open(tarball->data, tarball->len);
	const struct berth_build_source source = {.tar = fd};
	fixture->options.canceled = say_yes;
	g_assert_null(berth_build_tree_open(&source, &fixture->options, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_error_free(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/tree/" #name, struct fixture, NULL, fixture_set_up, test_##name, fixture_tear_down)
	ADD(kinds);
	ADD(text);
	ADD(attacks);
	ADD(replacing);
	ADD(bombs);
	ADD(ignore);
	ADD(ignore_sent);
	ADD(ignore_beside);
	ADD(digest);
	ADD(of);
	ADD(canceled);
	return g_test_run();
}
