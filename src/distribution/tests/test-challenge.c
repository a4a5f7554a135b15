// SPDX-License-Identifier: Apache-2.0
#include "distribution/challenge.h"

#include <string.h>

static const struct {
	const char *header;
	const char *expected; // "scheme realm service scope; …", "-" for what is not there
} rows[] = {
	{"Basic realm=\"r\"", "basic r - -"},
	{"Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:x:pull,push\"",
	 "bearer https://a/token s repository:x:pull,push"},
	{"bEARER realm=\"a\" , service = s ,, scope=\"b c\"", "bearer a s b c"},
	{"Basic realm=\"a\", Bearer realm=\"b\",service=\"c\"", "basic a - -; bearer b c -"},
	{"Negotiate, Basic realm=\"a\"", "negotiate - - -; basic a - -"},
	{"Basic", "basic - - -"},
	{"Basic realm=\"a \\\"b\\\" \\\\ c\"", "basic a \"b\" \\ c - -"},
	{"Bearer realm=\"a\",realm=\"b\"", "bearer a - -"}, // the first one counts
	{"Bearer realm=\"open", "bearer - - -"},
	{"Bearer realm=\"a\" garbage=", "bearer a - -"},
	{"Bearer error=\"invalid_token\",realm=\"a\"", "bearer a - -"},
	{"NTLM TlRMTVNTUAAB==, Basic realm=\"a\"", "ntlm - - -; basic a - -"},
	{"", ""},
	{",,, ,", ""},
	{"\"quoted\"", ""},
	{"=", ""},
};

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void test_rows(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) challenges = berth_challenges_parse(rows[i].header);
		g_autoptr(GString) text = g_string_new(NULL);
		for (guint j = 0; j < challenges->len; j++) {
			const struct berth_challenge *c = challenges->pdata[j];
			g_string_append_printf(text, "%s%s %s %s %s", j > 0 ? "; " : "", c->scheme, or_dash(c->realm),
					       or_dash(c->service), or_dash(c->scope));
		}
		g_test_message("%s", rows[i].header);
		g_assert_cmpstr(text->str, ==, rows[i].expected);
	}
}

// Neither length nor number grows without bound.
static void test_limits(void)
{
	g_autoptr(GString) header = g_string_new(NULL);

	for (int i = 0; i < 1000; i++)
		g_string_append(header, "Basic realm=\"a\", ");
	g_autoptr(GPtrArray) many = berth_challenges_parse(header->str);
	g_assert_cmpuint(many->len, ==, BERTH_CHALLENGES);

	g_string_assign(header, "Basic realm=\"");
	for (int i = 0; i < 100000; i++)
		g_string_append_c(header, 'a');
	g_string_append_c(header, '"');
	g_autoptr(GPtrArray) cut = berth_challenges_parse(header->str);
	g_assert_cmpuint(cut->len, ==, 1);
	g_assert_null(((struct berth_challenge *) cut->pdata[0])->realm);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/challenge/rows", test_rows);
	g_test_add_func("/challenge/limits", test_limits);
	return g_test_run();
}
