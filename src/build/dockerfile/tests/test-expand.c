// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"
#include "build/dockerfile/expand.h"

#include <string.h>

// The variables of all cases.
static const char *lookup(G_GNUC_UNUSED void *data, const char *name)
{
	static const struct {
		const char *name, *value;
	} variables[] = {
		{"a", "value"},          {"empty", ""},
		{"blank", "one  two"},   {"path", "/usr/local/bin/tool.tar.gz"},
		{"quote", "\"x\" 'y'"},  {"lines", "first\nsecond"},
		{"dollar", "$a"},        {"word", "banana"},
		{"ü", "umlaut"},         {"utf", "äöü"},
		{"ports", "80 443/udp"}, {"1", "digit"},
		{"star", "a*b?c"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
		if (g_str_equal(variables[i].name, name))
			return variables[i].value;
	return NULL;
}

static const struct {
	const char *text;
	const char *value; // NULL: an error
	const char *message; // that it holds
} cases[] = {
	{"plain", "plain"},
	{"", ""},
	{"$a", "value"},
	{"${a}", "value"},
	{"x${a}y", "xvaluey"},
	{"$a$a", "valuevalue"},
	{"$a.b", "value.b"},
	{"$a/b", "value/b"},
	{"$unset", ""},
	{"${unset}x", "x"},
	{"$", "$"},
	{"a$", "a$"},
	{"$ a", "$ a"},
	{"$.", "$."},
	{"\\$a", "$a"},
	{"\\${a}", "${a}"},
	{"\\\\$a", "\\value"},
	{"\\\\\\$a", "\\$a"},
	{"'$a'", "$a"},
	{"\"$a\"", "value"},
	{"\"\\$a\"", "$a"},
	{"\"\\n\"", "\\n"},
	{"\\n", "n"},
	{"\"a\\\"b\"", "a\"b"},
	{"'a\\'", "a\\"},
	{"a'b'c", "abc"},
	{"a\"b c\"d", "ab cd"},
	{"''", ""},
	{"\"\"", ""},
	{"\"it's\"", "it's"},
	{"'say \"x\"'", "say \"x\""},
	{"a\\", "a"},
	{"\"a\\\"", NULL, "looking for matching double-quote"},
	{"'a", NULL, "looking for matching single-quote"},
	{"\"a", NULL, "looking for matching double-quote"},
	{"\"$a", NULL, "looking for matching double-quote"},
	{"$1", "digit"},
	{"$12", ""},
	{"${1}", "digit"},
	{"$ü", "umlaut"},
	{"$$", ""},
	{"$?x", "x"},
	{"$dollar", "$a"}, // values are not expanded again
	{"$quote", "\"x\" 'y'"},
	// unset or empty
	{"${a:-w}", "value"},
	{"${a-w}", "value"},
	{"${unset:-w}", "w"},
	{"${unset-w}", "w"},
	{"${empty:-w}", "w"},
	{"${empty-w}", ""},
	{"${unset:-}", ""},
	{"${unset:-a b}", "a b"},
	{"${unset:-$a}", "value"},
	{"${unset:-${a}}", "value"},
	{"${unset:-${unset:-deep}}", "deep"},
	{"${unset:-${unset:-${a}x}y}z", "valuexyz"},
	{"${unset:-'}'}", "}"},
	{"${unset:-\\}}", "}"},
	{"${unset:-\"$a\"}", "value"},
	{"${unset:-'$a'}", "$a"},
	{"${a:+w}", "w"},
	{"${a+w}", "w"},
	{"${unset:+w}", ""},
	{"${unset+w}", ""},
	{"${empty:+w}", ""},
	{"${empty+w}", "w"},
	{"${a:+/$a}", "/value"},
	{"${a:?no}", "value"},
	{"${a?no}", "value"},
	{"${empty?no}", ""},
	{"${unset:?must be said}", NULL, "unset: must be said"},
	{"${unset?must be said}", NULL, "unset: must be said"},
	{"${unset?}", NULL, "unset: is not allowed to be unset"},
	{"${unset:?}", NULL, "unset: is not allowed to be unset"},
	{"${empty:?}", NULL, "empty: is not allowed to be empty"},
	{"${empty:?no $a}", NULL, "empty: no value"},
	// patterns
	{"${path#/}", "usr/local/bin/tool.tar.gz"},
	{"${path#*/}", "usr/local/bin/tool.tar.gz"},
	{"${path##*/}", "tool.tar.gz"},
	{"${path%/*}", "/usr/local/bin"},
	{"${path%%/*}", ""},
	{"${path%.gz}", "/usr/local/bin/tool.tar"},
	{"${path%.*}", "/usr/local/bin/tool.tar"},
	{"${path%%.*}", "/usr/local/bin/tool"},
	{"${path#nothing}", "/usr/local/bin/tool.tar.gz"},
	{"${path%nothing}", "/usr/local/bin/tool.tar.gz"},
	{"${a#??}", "lue"},
	{"${a%??}", "val"},
	{"${a#}", "value"},
	{"${a%}", "value"},
	{"${a##*}", ""},
	{"${a#*}", "value"},
	{"${a%%*}", ""},
	{"${unset#x}", ""},
	{"${star#a\\*}", "b?c"},
	{"${star%\\?c}", "a*b"},
	{"${word#b*n}", "ana"},
	{"${word##b*n}", "a"},
	{"${word%a*}", "banan"},
	{"${word%%a*}", "b"},
	{"${utf#?}", "öü"},
	{"${utf%?}", "äö"},
	{"${utf/ö/o}", "äoü"},
	{"${utf//?/x}", "xxx"},
	{"${lines#*second}", "first\nsecond"}, // no pattern crosses a line
	{"${path/local/opt}", "/usr/opt/bin/tool.tar.gz"},
	{"${path//\\//-}", "-usr-local-bin-tool.tar.gz"},
	{"${word/a/o}", "bonana"},
	{"${word//a/o}", "bonono"},
	{"${word//a/}", "bnn"},
	{"${word//an/<$a>}", "b<value><value>a"},
	{"${word/a*/x}", "bx"},
	{"${word/?/x}", "xanana"},
	{"${word/z/x}", "banana"},
	{"${word/$a/x}", "banana"},
	{"${unset/a/b}", ""},
	{"${word/a}", NULL, "missing '/' in ${}"},
	{"${word/a/b", NULL, "missing '}'"},
	{"${a:#x}", NULL, "unsupported modifier (:#) in substitution"},
	{"${a:%x}", NULL, "unsupported modifier (:%) in substitution"},
	{"${a#\\x}", NULL, "invalid escape"},
	{"${a^}", NULL, "unsupported modifier (^) in substitution"},
	{"${a:3}", NULL, "unsupported modifier (:3) in substitution"},
	{"${a=x}", NULL, "unsupported modifier (=) in substitution"},
	{"${", NULL, "syntax error: missing '}'"},
	{"${a", NULL, "syntax error: missing '}'"},
	{"${a:", NULL, "unsupported modifier"},
	{"${a:-x", NULL, "syntax error: missing '}'"},
	{"${}", NULL, "syntax error: bad substitution"},
	{"${:-x}", NULL, "syntax error: bad substitution"},
	{"${{a}}", NULL, "syntax error: bad substitution"},
};

static void test_words(void)
{
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '\\'};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *value = berth_dockerfile_expand(&scope, cases[i].text, &error);

		g_test_message("%s", cases[i].text);
		g_assert_cmpstr(value, ==, cases[i].value);
		g_assert_true(!value == !!error);
		if (error && !strstr(error->message, cases[i].message))
			g_error("%s: %s", cases[i].text, error->message);
	}
}

static void test_backtick(void)
{
	static const struct {
		const char *text, *value;
	} backtick[] = {
		{"`$a", "$a"}, {"\\$a", "\\value"}, {"C:\\dir", "C:\\dir"}, {"\"`\"\"", "\""}, {"``", "`"},
	};
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '`'};

	for (size_t i = 0; i < G_N_ELEMENTS(backtick); i++) {
		g_autofree char *value = berth_dockerfile_expand(&scope, backtick[i].text, NULL);
		g_assert_cmpstr(value, ==, backtick[i].value);
	}
}

static void test_split(void)
{
	static const struct {
		const char *text, *words; // joined with "|"
	} split[] = {
		{"a b", "a|b"},
		{"  a\t b  ", "a|b"},
		{"$ports", "80|443/udp"},
		{"\"$ports\"", "80 443/udp"},
		{"'a b' c", "a b|c"},
		{"a\\ b", "a b"},
		{"$unset", ""},
		{"x$blank", "xone|two"},
		{"", ""},
		{"a$empty b", "a|b"},
	};
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '\\'};

	for (size_t i = 0; i < G_N_ELEMENTS(split); i++) {
		g_auto(GStrv) words = berth_dockerfile_expand_words(&scope, split[i].text, NULL);
		g_autofree char *joined = g_strjoinv("|", words);
		g_assert_cmpstr(joined, ==, split[i].words);
	}
}

static void test_text(void)
{
	static const struct {
		const char *text, *value;
	} texts[] = {
		{"say \"$a\"\n", "say \"value\"\n"},
		{"'$a'", "'value'"},
		{"it's\n", "it's\n"},
		{"\\$a", "$a"},
		{"a\\nb", "anb"},
		{"${a:-\"x\"}", "value"},
	};
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '`'};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *value = berth_dockerfile_expand_text(&scope, texts[i].text, NULL);
		g_assert_cmpstr(value, ==, texts[i].value);
	}
}

static void test_unset(void)
{
	g_autoptr(GPtrArray) unset = g_ptr_array_new_with_free_func(g_free);
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '\\', .unset = unset};
	g_autofree char *value =
		berth_dockerfile_expand(&scope, "$one ${two} ${three:-x} ${four+x} '$five' ${six#x} $empty", NULL);

	g_assert_cmpstr(value, ==, "  x  $five  ");
	g_assert_cmpuint(unset->len, ==, 3);
	g_assert_cmpstr(unset->pdata[0], ==, "one");
	g_assert_cmpstr(unset->pdata[1], ==, "two");
	g_assert_cmpstr(unset->pdata[2], ==, "six");
}

struct many {
	char *value;
};

static const char *lookup_many(void *data, G_GNUC_UNUSED const char *name)
{
	return ((struct many *) data)->value;
}

static void test_limits(void)
{
	struct many many = {g_strnfill(BERTH_LIMIT_EXPANSION / 2 + 1, 'x')};
	struct berth_dockerfile_scope scope = {.lookup = lookup_many, .data = &many, .escape = '\\'};
	static const char *const wrong[] = {"$a$a", "${a//x/yyy}", "${a//*x*y*x*y*x*y*x*y*x*y*x*y*x*y*x*y*x*y/}"};
	g_autoptr(GString) nested = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *value = berth_dockerfile_expand(&scope, wrong[i], &error);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
		g_assert_null(value);
	}
	size_t made = 0;
	scope.made = &made;
	unsigned texts = 0;
	for (char *text; (text = berth_dockerfile_expand(&scope, "$v", NULL)); texts++)
		g_free(text);
	g_assert_cmpuint(texts, ==, BERTH_LIMIT_EXPANSION_ALL / (BERTH_LIMIT_EXPANSION / 2 + 1));
	scope.made = NULL;
	g_free(many.value);
	// Every `*` could take anything, and nothing fits: this ends soon.
	many.value = g_strnfill(8000, 'a');
	g_autofree char *same = berth_dockerfile_expand(&scope, "${x//*a*a*a*a*a*a*a*a*a*a*a*a*a*b/}", NULL);
	g_assert_cmpstr(same, ==, many.value);
	g_autofree char *whole = berth_dockerfile_expand(&scope, "${x%%a*a*a*a*a*a*a*a*a*a*a*a*a*b}", NULL);
	g_assert_cmpstr(whole, ==, many.value);
	for (int i = 0; i <= BERTH_LIMIT_EXPANSION_DEPTH; i++)
		g_string_append(nested, "${b+");
	g_autoptr(GError) error = NULL;
	g_autofree char *none = berth_dockerfile_expand(&scope, nested->str, &error);
	g_assert_null(none);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
	g_free(many.value);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/expand/words", test_words);
	g_test_add_func("/expand/backtick", test_backtick);
	g_test_add_func("/expand/split", test_split);
	g_test_add_func("/expand/text", test_text);
	g_test_add_func("/expand/unset", test_unset);
	g_test_add_func("/expand/limits", test_limits);
	return g_test_run();
}
