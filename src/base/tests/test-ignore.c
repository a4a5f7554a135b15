// SPDX-License-Identifier: Apache-2.0
#include "base/ignore.h"
#include "base/limits.h"
#include "base/pattern.h"

#include <string.h>

enum result { NO, YES, BAD };

static const struct {
	const char *pattern, *name;
	enum result result;
} matches[] = {
	{"abc", "abc", YES},
	{"*", "abc", YES},
	{"*c", "abc", YES},
	{"a*", "a", YES},
	{"a*", "abc", YES},
	{"a*", "ab/c", NO},
	{"a*/b", "abc/b", YES},
	{"a*/b", "a/c/b", NO},
	{"a*b*c*d*e*/f", "axbxcxdxe/f", YES},
	{"a*b*c*d*e*/f", "axbxcxdxexxx/f", YES},
	{"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", NO},
	{"a*b*c*d*e*/f", "axbxcxdxexxx/fff", NO},
	{"a*b?c*x", "abxbbxdbxebxczzx", YES},
	{"a*b?c*x", "abxbbxdbxebxczzy", NO},
	{"ab[c]", "abc", YES},
	{"ab[b-d]", "abc", YES},
	{"ab[e-g]", "abc", NO},
	{"ab[^c]", "abc", NO},
	{"ab[^b-d]", "abc", NO},
	{"ab[^e-g]", "abc", YES},
	{"a\\*b", "a*b", YES},
	{"a\\*b", "ab", NO},
	{"a?b", "a☺b", YES},
	{"a[^a]b", "a☺b", YES},
	{"a???b", "a☺b", NO},
	{"a[^a][^a][^a]b", "a☺b", NO},
	{"[a-ζ]*", "α", YES},
	{"*[a-ζ]", "A", NO},
	{"a?b", "a/b", NO},
	{"a*b", "a/b", NO},
	{"[\\]a]", "]", YES},
	{"[\\-]", "-", YES},
	{"[x\\-]", "x", YES},
	{"[x\\-]", "-", YES},
	{"[x\\-]", "z", NO},
	{"[\\-x]", "x", YES},
	{"[\\-x]", "-", YES},
	{"[\\-x]", "a", NO},
	{"[]a]", "]", BAD},
	{"[-]", "-", BAD},
	{"[x-]", "x", BAD},
	{"[x-]", "-", BAD},
	{"[x-]", "z", BAD},
	{"[-x]", "x", BAD},
	{"[-x]", "a", BAD},
	{"\\", "a", BAD},
	{"[a-b-c]", "a", BAD},
	{"[", "a", BAD},
	{"[^", "a", BAD},
	{"[^bc", "a", BAD},
	{"a[", "a", BAD},
	{"a[", "ab", BAD},
	{"a[", "x", BAD},
	{"a/b[", "x", BAD},
	{"*x", "xxx", YES},
	{"[[]x", "[x", YES},
	{"[*]", "*", YES},
	{"", "", YES},
	{"", "a", NO},
	{"*", "", YES},
	{"**", "a/b", NO},
	{"**", "ab", YES},
	{"*.txt", ".txt", YES},
	{"a]", "a]", YES},
	{"[^a]", "/", YES},
};

static void test_pattern(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(matches); i++) {
		g_autoptr(GError) error = NULL;
		bool yes = false;
		bool good = berth_pattern_match(matches[i].pattern, matches[i].name, &yes, &error);
		enum result result = !good ? BAD : yes ? YES : NO;

		if (result != matches[i].result)
			g_test_fail_printf("%s %s: %d", matches[i].pattern, matches[i].name, result);
	}
}

// A file, then paths that it ignores and paths that it does not.
static const struct {
	const char *text;
	const char *ignored[8], *kept[8];
} files[] = {
	{"", {NULL}, {"a", "a/b"}},
	{"a", {"a", "a/b", "a/b/c"}, {"b/a", "ab", "a.b"}},
	{"/a\n", {"a", "a/b"}, {"b/a"}},
	{"a/\n", {"a", "a/b"}, {"b/a"}},
	{" a \r\n\t./b/../c\n", {"a", "c", "c/d"}, {"b"}},
	{"\xef\xbb\xbf"
	 "a\n#b\n # c\n",
	 {"a", "# c"},
	 {"#b", "b", " # c"}},
	{".\n", {NULL}, {"a", ".a"}},
	{"*\n", {"a", "a/b", ".x"}, {NULL}},
	{"*.md\n", {"a.md", ".md", "a.md/b"}, {"d/a.md", "a.mdx"}},
	{"*/*.md\n", {"d/a.md"}, {"a.md", "d/e/a.md"}},
	{"**/*.md\n", {"a.md", "d/a.md", "d/e/a.md"}, {"a.mdx", "d/a"}},
	{"**/a\n", {"a", "b/a", "b/a/c", "c/b/a"}, {"ba", "b/ca", "ab/x"}},
	{"**a\n", {"a", "ba", "c/ba", "ba/x"}, {"ab", "c/ab"}},
	{"a/**\n", {"a/b", "a/b/c"}, {"a", "ab/c", "b/a/c"}},
	{"a**\n", {"a", "ab", "a/b", "ab/c"}, {"b", "b/a"}},
	{"a/**/b\n", {"a/b", "a/c/b", "a/c/d/b", "a/b/x"}, {"a/cb", "a", "c/a/b"}},
	{"**/a/**/b*\n", {"a/b", "x/a/y/bz", "x/a/b1/c"}, {"a/cb", "b/a"}},
	{"**\n", {"a", "a/b"}, {NULL}},
	{"**/**\n", {"a", "a/b/c"}, {NULL}},
	{"a?c\n", {"abc", "aöc"}, {"a/c", "ac"}},
	{"[a-c]x\n", {"ax", "bx/y"}, {"dx"}},
	{"\\*\n", {"*"}, {"a"}},
	{"a.b+(c)\n", {"a.b+(c)"}, {"axb+(c)"}},
	{"a.b*\n", {"a.bc"}, {"axbc"}},
	{"*.md\n!README.md\n", {"a.md"}, {"README.md"}},
	{"*.md\n!README*.md\nREADME-secret.md\n", {"a.md", "README-secret.md"}, {"README.md", "README-x.md"}},
	{"*.md\nREADME-secret.md\n!README*.md\n", {"a.md"}, {"README-secret.md"}},
	{"*\n!a\n", {"b", "b/c"}, {"a", "a/b"}},
	{"*\n!a/b\n", {"a", "a/c", "b"}, {"a/b", "a/b/c"}},
	{"a\n!a/b\na/b/c\n", {"a", "a/c", "a/b/c", "a/b/c/d"}, {"a/b", "a/b/d"}},
	{"a\n! a/b \n", {"a/c"}, {"a/b"}},
	{"**/*.go\n!**/*_test.go\n", {"a.go", "x/b.go"}, {"a_test.go", "x/y/b_test.go"}},
	{"!a\n", {NULL}, {"a", "b"}},
	{"../a\n", {NULL}, {"a"}},
	{"a/b/..\n", {"a"}, {"b"}},
	{"/\n", {NULL}, {"a"}},
};

static void test_ignore(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_ignore) ignore = berth_ignore_parse(files[i].text, strlen(files[i].text), &error);

		g_assert_no_error(error);
		for (const char *const *path = files[i].ignored; *path; path++)
			if (!berth_ignore_matches(ignore, *path))
				g_test_fail_printf("%s: %s is not ignored", files[i].text, *path);
		for (const char *const *path = files[i].kept; *path; path++)
			if (berth_ignore_matches(ignore, *path))
				g_test_fail_printf("%s: %s is ignored", files[i].text, *path);
	}
}

static void test_wrong(void)
{
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{"a\n!\n", "line 2: illegal exclusion pattern: \"!\""},
		{"a\n\n[x\n", "line 3: syntax error in pattern \"[x\""},
		{"a\\", "line 1: syntax error in pattern \"a\\\""},
	};
	const char *const patterns[] = {"a", " ", "!b", NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_ignore_parse(wrong[i].text, strlen(wrong[i].text), &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_cmpstr(error->message, ==, wrong[i].message);
	}
	g_assert_null(berth_ignore_parse("a\0b", 3, NULL));
	g_autoptr(berth_ignore) ignore = berth_ignore_new(patterns, NULL);
	g_assert_false(berth_ignore_is_empty(ignore));
}

static void test_folders(void)
{
	static const struct {
		const char *text, *folder;
		bool skipped;
	} folders[] = {
		{"a", "a", true},
		{"a", "a/b", true},
		{"a", "b", false},
		{"a/*", "a", false},
		{"*\n!b", "a", true},
		{"*\n!b", "b", false},
		{"*\n!b/c", "b", false},
		{"*\n!b/c", "b/d", true},
		{"*\n!b/c/d", "b/c", false},
		{"*\n!b/*/d", "b/c", false},
		{"*\n!b/x*/d", "b/c", true},
		{"*\n!**/d", "b/c", false},
		{"*\n!b/**", "c", true},
		{"a\n!a/b\na/b/c", "a/b/c", true},
		{"a\n!a/b\na/b/c", "a/b/c/d", true},
		{"**b\n!a/b\\//**", "a/b", false}, // the escaped slash is one, too
	};

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autoptr(berth_ignore) ignore = berth_ignore_parse(folders[i].text, strlen(folders[i].text), NULL);
		if (berth_ignore_skips_folder(ignore, folders[i].folder) != folders[i].skipped)
			g_test_fail_printf("%s: %s", folders[i].text, folders[i].folder);
	}
}

// What one pattern costs for a file that it does not concern must be next to nothing.
static void test_speed(void)
{
	enum { FILES = 20000, PATTERNS = 50 };
	g_autoptr(GString) text = g_string_new("**/node_modules\n**/*.o\n*.tmp\n!keep.tmp\n");
	unsigned ignored = 0;

	for (int i = 0; i < PATTERNS; i++)
		g_string_append_printf(text, "folder%d/**/x?.txt\n", i);
	g_autoptr(berth_ignore) ignore = berth_ignore_parse(text->str, text->len, NULL);
	gint64 begin = g_get_monotonic_time();
	for (int i = 0; i < FILES; i++) {
		char path[100];
		g_snprintf(path, sizeof path, "folder%d/deep/er/file-%d.%s", i % 100, i, i % 10 ? "c" : "o");
		ignored += berth_ignore_matches(ignore, path);
	}
	g_assert_cmpuint(ignored, ==, FILES / 10);
	gint64 took = g_get_monotonic_time() - begin;
	g_test_message("%d paths: %d us", FILES, (int) took);
	g_assert_cmpint(took, <, 5 * G_USEC_PER_SEC); // it is 20 ms, and on a machine under sanitizers and load more
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ignore/pattern", test_pattern);
	g_test_add_func("/ignore/files", test_ignore);
	g_test_add_func("/ignore/wrong", test_wrong);
	g_test_add_func("/ignore/folders", test_folders);
	g_test_add_func("/ignore/speed", test_speed);
	return g_test_run();
}
