// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/listing.h"
#include "cli/style.h"
#include "cli/units.h"

#include <stdlib.h>
#include <time.h>

static void test_age(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{-5, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"},
		{59, "59 seconds"},         {60, "About a minute"},    {119, "About a minute"},
		{120, "2 minutes"},         {3599, "59 minutes"},      {45 * 60, "45 minutes"},
		{3600, "About an hour"},    {2 * 3600, "2 hours"},     {47 * 3600, "47 hours"},
		{48 * 3600, "2 days"},      {13 * 86400, "13 days"},   {14 * 86400, "2 weeks"},
		{60 * 86400, "2 months"},   {730 * 86400, "2 years"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = berth_age_format(cases[i].seconds);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
	g_autofree char *ago = berth_ago_format(1000, 1120);
	g_assert_cmpstr(ago, ==, "2 minutes ago");
}

static void test_sizes(void)
{
	static const struct {
		int64_t bytes;
		bool binary;
		const char *text;
	} cases[] = {
		{0, false, "0B"},
		{1984512, false, "1.985MB"},
		{1000, false, "1kB"},
		{1024, true, "1KiB"},
		{INT64_C(16665923584), true, "15.52GiB"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = berth_size_format(cases[i].bytes, cases[i].binary);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

static void test_texts(void)
{
	g_autofree char *id = berth_id_format("sha256:0123456789abcdef0123", false);
	g_assert_cmpstr(id, ==, "0123456789ab");
	g_autofree char *whole = berth_id_format("sha256:0123456789abcdef0123", true);
	g_assert_cmpstr(whole, ==, "sha256:0123456789abcdef0123");
	g_autofree char *cut = berth_ellipsis("grüße aus berlin", 6);
	g_assert_cmpstr(cut, ==, "grüße…");
	g_autofree char *fits = berth_ellipsis("grüße", 5);
	g_assert_cmpstr(fits, ==, "grüße");
	g_autofree char *moment = berth_local_format(1767323045);
	g_assert_cmpstr(moment, ==, "2026-01-02 03:04:05 +0000 UTC");
}

static void test_since(void)
{
	static const struct {
		const char *text, *moment;
	} cases[] = {
		{"10s", "1767323035.500000000"},
		{"1h30m", "1767317645.500000000"},
		{"0s", "1767323045.500000000"},
		{"1767323000", "1767323000.000000000"},
		{"1767323000.25", "1767323000.250000000"},
		{"2026-01-02T03:04:05Z", "1767323045.000000000"},
		{"2026-01-02T03:04:05", "1767323045.000000000"},
		{"2026-01-02T03:04", "1767323040.000000000"},
		{"2026-01-02", "1767312000.000000000"},
		{"0", "0.000000000"},
	};
	int64_t now = INT64_C(1767323045500000000);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *moment = NULL;
		berth_since_parse(cases[i].text, now, &moment, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(moment, ==, cases[i].moment);
	}
	static const char *const wrong[] = {"", "yesterday", "2026-13-01", "5x"};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *moment = NULL;
		g_assert_false(berth_since_parse(wrong[i], now, &moment, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void test_columns(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	berth_columns_align("NAME\tA\tLAST\n"
			    "a longer name\tgrüße\tx\n"
			    "b\t\ty\n",
			    0, out);
	g_assert_cmpstr(out->str, ==,
			"NAME            A         LAST\n"
			"a longer name   grüße     x\n"
			"b                         y\n");
}

// Only what may be long gives way, and colours take no room.
static void test_fit(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *text = "ID\tCOMMAND\tSTATUS\tNAMES\n"
			   "0123456789ab\ta command that is long\t\033[32mUp\033[0m\tname\n";

	berth_columns_align(text, 48, out);
	g_assert_cmpstr(out->str, ==,
			"ID             COMMAND           STATUS    NAMES\n"
			"0123456789ab   a command that…   \033[32mUp\033[0m        name\n");
	g_string_truncate(out, 0);
	berth_columns_align(text, 5, out); // no narrower than can be read
	g_assert_cmpstr(out->str, ==,
			"ID             COMMAND      STATUS    NAMES\n"
			"0123456789ab   a command…   \033[32mUp\033[0m        name\n");
	g_assert_cmpuint(berth_style_measure("gr\303\274\303\237e \346\227\245"), ==, 8);
	g_autofree char *cut = berth_style_cut("\033[1m\346\227\245\346\227\245\346\227\245\033[0m", 5);
	g_assert_cmpstr(cut, ==, "\033[1m\346\227\245\346\227\245\342\200\246\033[0m");
}

int main(int argc, char **argv)
{
	g_setenv("TZ", "UTC", TRUE);
	tzset();
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/units/age", test_age);
	g_test_add_func("/units/sizes", test_sizes);
	g_test_add_func("/units/texts", test_texts);
	g_test_add_func("/units/since", test_since);
	g_test_add_func("/units/columns", test_columns);
	g_test_add_func("/units/fit", test_fit);
	return g_test_run();
}
