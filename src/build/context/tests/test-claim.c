// SPDX-License-Identifier: Apache-2.0
// A listing and an archive of the same files have one digest; a listing that is damaged is refused.
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "build/context/tests/fixture.h"

#include <string.h>

#define HASH_OF_Z "bbeebd879e1dff6918546dc0c179fdde505f2a21591c9a9c96e36b054ec5af83" // "Z"
#define HASH_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct berth_build_tree *claim(const void *data, size_t length, GError **error)
{
	berth_fd fd = tarball_open(data, length);

	return berth_build_tree_claimed(fd, error);
}

static void test_same(struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
	static const char listing[] = "40755 0 0 - x\0"
				      "40700 0 0 - x/y\0"
				      "100644 1 0 " HASH_OF_Z " x/y/z\0"
				      "100755 0 1 " HASH_OF_NOTHING " e\0"
				      "4 user.note\0a\0b\0"
				      "120777 0 0 - l\0x/y\0"
				      "10600 0 0 - fifo";
	GByteArray *tarball = tarball_new();
	g_autoptr(GError) error = NULL;

	tarball_add(tarball, &(struct tarball_entry){.name = "l", .type = '2', .mode = 0777, .link = "x/y"});
	tarball_add(tarball, &(struct tarball_entry){.name = "fifo", .type = '6', .mode = 0600});
	tarball_add(tarball, &(struct tarball_entry){.name = "x/", .type = '5', .mode = 0755});
	tarball_add(tarball, &(struct tarball_entry){.name = "x/y/", .type = '5', .mode = 0700});
	tarball_add(tarball,
		    &(struct tarball_entry){.name = "x/y/z", .type = '0', .mode = 0644, .content = "Z", .size = 1});
	tarball_add(tarball, &(struct tarball_entry){.name = "e", .type = '0', .mode = 0755});
	fixture_open(fixture, tarball);
	g_autoptr(berth_build_tree) tree = claim(listing, sizeof listing, &error);
	g_assert_no_error(error);
	g_assert_true(berth_build_tree_is_claimed(tree));
	static const char *const paths[] = {"x", "x/y/z", "l", "fifo"};
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *there = berth_build_tree_digest(fixture->tree, paths[i], NULL);
		g_autofree char *claimed = berth_build_tree_digest(tree, paths[i], NULL);
		g_assert_nonnull(there);
		g_assert_cmpstr(there, ==, claimed);
	}
	// Its attribute makes another file of it.
	g_autofree char *plain = berth_build_tree_digest(fixture->tree, "e", NULL);
	g_autofree char *noted = berth_build_tree_digest(tree, "e", NULL);
	g_assert_cmpstr(plain, !=, noted);
}

static void test_damaged(G_GNUC_UNUSED struct fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
#define ENTRY(text)                                                                                                    \
	{                                                                                                              \
		text, sizeof text                                                                                      \
	}
	static const struct {
		const char *bytes;
		size_t size;
	} listings[] = {
		ENTRY("100644 1 0 " HASH_OF_Z " ../x"),
		ENTRY("100644 1 0 " HASH_OF_Z " /x"),
		ENTRY("100644 1 0 " HASH_OF_Z " x/y"),
		ENTRY("100644 1 0 " HASH_OF_Z " ."),
		ENTRY("100644 1 0 " HASH_OF_Z " "),
		ENTRY("100644 1 0 " HASH_OF_Z),
		ENTRY("100644 1 0 - x"),
		ENTRY("100644 1 0 0" HASH_OF_Z " x"),
		ENTRY("100644 -1 0 " HASH_OF_Z " x"),
		ENTRY("100644 99999999999999999999 0 " HASH_OF_Z " x"),
		ENTRY("140644 1 0 - x"),
		ENTRY("1100644 1 0 " HASH_OF_Z " x"),
		ENTRY("120777 0 0 - x"),
		ENTRY("40755 0 0 - x\0"
		      "40755 0 0 - x"),
		ENTRY("100644 1 0 " HASH_OF_Z " x\0"
		      "40755 0 0 - x/y"),
		ENTRY("40755 0 1 - x\0"
		      "5 user.a\0ab"),
		ENTRY("40755 0 1 - x\0"
		      "1 trusted.overlay.opaque\0y"),
		ENTRY("40755 0 18446744073709551615 - x"),
		{"100644 1 0 " HASH_OF_Z " x", 76}, // no end
	};
	for (size_t i = 0; i < G_N_ELEMENTS(listings); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_build_tree) tree = claim(listings[i].bytes, listings[i].size, &error);
		g_assert_null(tree);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, "the listing of the context: "));
	}
	g_autoptr(GString) deep = g_string_new(NULL);
	g_autoptr(GString) path = g_string_new("d");
	g_autoptr(GError) error = NULL;
	for (unsigned i = 0; i <= BERTH_LIMIT_ARCHIVE_DEPTH; i++) {
		g_string_append_printf(deep, "40755 0 0 - %s", path->str);
		g_string_append_c(deep, '\0');
		g_string_append(path, "/d");
	}
	g_assert_null(claim(deep->str, deep->len, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/claim/same", struct fixture, NULL, fixture_set_up, test_same, fixture_tear_down);
	g_test_add("/claim/damaged", struct fixture, NULL, fixture_set_up, test_damaged, fixture_tear_down);
	return g_test_run();
}
