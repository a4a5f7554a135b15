// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/moment.h"

#define SECOND INT64_C(1000000000)

static void test_format(void)
{
	char text[BERTH_MOMENT_SIZE];
	berth_moment_format(1767323045 * SECOND + 123456789, text);
	g_assert_cmpstr(text, ==, "2026-01-02T03:04:05.123456789Z");
	berth_moment_format(-1, text);
	g_assert_cmpstr(text, ==, "1969-12-31T23:59:59.999999999Z");
	for (int64_t second = -INT64_C(9223372036); second < INT64_C(9223372036); second += INT64_C(3600) * 11 + 1) {
		time_t seconds = second;
		char expected[BERTH_MOMENT_SIZE];
		struct tm when;
		gmtime_r(&seconds, &when);
		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000000000Z", &when);
		berth_moment_format(second * SECOND, text);
		g_assert_cmpstr(text, ==, expected);
	}
	g_autofree char *never = berth_moment_string(0);
	g_assert_cmpstr(never, ==, "0001-01-01T00:00:00Z");
}

static void test_parse(void)
{
	static const struct {
		const char *text;
		int64_t nanoseconds;
	} cases[] = {
		{"2026-01-02T03:04:05.123456789Z", 1767323045 * SECOND + 123456789},
		{"2026-01-02T03:04:05Z", 1767323045 * SECOND},
		{"2026-01-02T05:04:05.5+02:00", 1767323045 * SECOND + SECOND / 2},
		{"2026-01-01T23:04:05-04:00", 1767323045 * SECOND},
		{"1767323045", 1767323045 * SECOND},
		{"1767323045.000000001", 1767323045 * SECOND + 1},
		{"1.1234567891234", SECOND + 123456789},
		{"-1.5", -SECOND - SECOND / 2},
		{"", 0},
		{BERTH_MOMENT_NEVER, 0},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		int64_t nanoseconds = -7;
		berth_moment_parse(cases[i].text, &nanoseconds, &error);
		g_assert_no_error(error);
		g_assert_cmpint(nanoseconds, ==, cases[i].nanoseconds);
	}
	static const char *const wrong[] = {"x",
					    "2026-01-02",
					    "2026-01-02T03:04:05Zx",
					    "12x",
					    "99999999999999999999",
					    "1.",
					    "2026-01-02T03:04:05+2:00"};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		int64_t nanoseconds;
		g_assert_false(berth_moment_parse(wrong[i], &nanoseconds, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void test_duration(void)
{
	static const struct {
		const char *text;
		int64_t nanoseconds;
	} cases[] = {
		{"0", 0},
		{"10s", 10 * SECOND},
		{"1h30m", 5400 * SECOND},
		{"1.5s", SECOND + SECOND / 2},
		{"300ms", 300 * 1000000},
		{"2us", 2000},
		{"7ns", 7},
		{"-1m", -60 * SECOND},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		int64_t nanoseconds = -7;
		berth_duration_parse(cases[i].text, &nanoseconds, &error);
		g_assert_no_error(error);
		g_assert_cmpint(nanoseconds, ==, cases[i].nanoseconds);
	}
	static const char *const wrong[] = {"", "1", "s", "1x", "1s2", "nan", "infs", "1e300h", "10 s"};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		int64_t nanoseconds;
		g_assert_false(berth_duration_parse(wrong[i], &nanoseconds, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void test_left(void)
{
	int64_t now = g_get_monotonic_time();

	g_assert_cmpint(berth_monotonic_left(now + 3600 * (int64_t) G_USEC_PER_SEC), >,
			3500 * (int64_t) G_USEC_PER_SEC);
	g_assert_cmpint(berth_monotonic_left(now + 3600 * (int64_t) G_USEC_PER_SEC), <=,
			3600 * (int64_t) G_USEC_PER_SEC);
	g_assert_cmpint(berth_monotonic_left(now - 1), ==, 0);
	g_assert_cmpint(berth_monotonic_left(0), ==, 0);
	g_assert_cmpint(berth_moment_left(berth_moment_now() + 3600000000000), >, 3500000000000);
	g_assert_cmpint(berth_moment_left(berth_moment_now() - 1), ==, 0);
	// Whenever the moment comes between two looks at the clock: never less than nothing.
	for (int i = 0; i < 100000; i++)
		g_assert_cmpint(berth_monotonic_left(g_get_monotonic_time() + i % 3), >=, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/moment/format", test_format);
	g_test_add_func("/moment/parse", test_parse);
	g_test_add_func("/moment/duration", test_duration);
	g_test_add_func("/moment/left", test_left);
	return g_test_run();
}
