// SPDX-License-Identifier: Apache-2.0
#include "base/moment.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define DAY INT64_C(86400)

int64_t berth_moment_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t floor_divide(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}

// The Gregorian calendar's date of a day since 1970. Neither gmtime_r() nor strftime() is used, since both read
// /etc/localtime first. A year begins with March here, so that the leap day is its last.
static void date_of(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
	const int64_t century = 36524, four_years = 1461, four_centuries = 146097;
	int64_t since = days + 719468; // since 1 March of the year 0
	int64_t era = floor_divide(since, four_centuries), in_era = since - era * four_centuries;
	int64_t centuries = MIN(in_era / century, 3), in_century = in_era - centuries * century;
	int64_t fours = in_century / four_years, in_fours = in_century - fours * four_years;
	int64_t years = MIN(in_fours / 365, 3), in_year = in_fours - years * 365;
	int month = (int) (5 * in_year + 2) / 153; // from March; months of 31, 30, 31, 30 and 31 days have 153

	*ret_day = (int) in_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = era * 400 + centuries * 100 + fours * 4 + years + (month >= 10);
}

void berth_moment_format(int64_t nanoseconds, char *text)
{
	int64_t seconds = floor_divide(nanoseconds, SECOND), fraction = nanoseconds - seconds * SECOND;
	int64_t days = floor_divide(seconds, DAY), second = seconds - days * DAY;
	char full[96]; // what the numbers could hold
	int64_t year;
	int month, day;

	date_of(days, &year, &month, &day);
	snprintf(full, sizeof full, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", (int) year, month, day,
		 (int) (second / 3600), (int) (second / 60 % 60), (int) (second % 60), (int) fraction);
	g_strlcpy(text, full, BERTH_MOMENT_SIZE);
}

char *berth_moment_string(int64_t nanoseconds)
{
	char text[BERTH_MOMENT_SIZE];

	if (nanoseconds == 0)
		return g_strdup(BERTH_MOMENT_NEVER);
	berth_moment_format(nanoseconds, text);
	return g_strdup(text);
}

// Reads digits after a point as nanoseconds; further digits are dropped. Returns what follows.
static const char *read_fraction(const char *at, int64_t *ret)
{
	int64_t value = 0, scale = SECOND;

	for (; g_ascii_isdigit(*at); at++)
		if (scale > 1) {
			scale /= 10;
			value += (*at - '0') * scale;
		}
	*ret = value;
	return at;
}

static bool read_unix_time(const char *text, int64_t *ret)
{
	char *end;
	int64_t fraction = 0, seconds = g_ascii_strtoll(text, &end, 10);

	if (end == text)
		return false;
	if (*end == '.' && g_ascii_isdigit(end[1]))
		end = (char *) read_fraction(end + 1, &fraction);
	if (*end || seconds > INT64_MAX / SECOND - 1 || seconds < INT64_MIN / SECOND + 1)
		return false;
	*ret = seconds * SECOND + (*text == '-' ? -fraction : fraction);
	return true;
}

static bool read_rfc3339(const char *text, int64_t *ret)
{
	struct tm when = {0};
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &when);
	int64_t fraction = 0, offset = 0;

	if (!at)
		return false;
	if (*at == '.')
		at = read_fraction(at + 1, &fraction);
	if (*at == '+' || *at == '-') {
		int hours, minutes, used = 0;
		if (sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5)
			return false;
		offset = (hours * 60 + minutes) * (*at == '-' ? -60 : 60);
		at += 1 + used;
	} else if (*at == 'Z') {
		at++;
	}
	int64_t seconds = timegm(&when) - offset;
	if (*at || seconds > INT64_MAX / SECOND - 1 || seconds < INT64_MIN / SECOND + 1)
		return false;
	*ret = seconds * SECOND + fraction;
	return true;
}

bool berth_moment_parse(const char *text, int64_t *ret_nanoseconds, GError **error)
{
	if (!*text || g_str_equal(text, BERTH_MOMENT_NEVER)) {
		*ret_nanoseconds = 0;
		return true;
	}
	if (read_unix_time(text, ret_nanoseconds) || read_rfc3339(text, ret_nanoseconds))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "time \"%s\": expected RFC 3339 (2026-01-02T03:04:05Z) or a Unix time", text);
}

bool berth_duration_parse(const char *text, int64_t *ret_nanoseconds, GError **error)
{
	static const struct {
		const char *unit;
		double nanoseconds;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"\302\265s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	bool negative = *text == '-';
	const char *at = text + (*text == '-' || *text == '+');
	double total = 0;

	if (g_str_equal(at, "0")) {
		*ret_nanoseconds = 0;
		return true;
	}
	bool good = *at != 0;
	while (good && *at) {
		char *end;
		double value = g_ascii_isdigit(*at) || *at == '.' ? g_ascii_strtod(at, &end) : -1;
		good = false;
		if (value < 0)
			break;
		for (size_t i = 0; !good && i < G_N_ELEMENTS(units); i++) {
			size_t length = strlen(units[i].unit);
			// "m" is minutes only where no "s" follows.
			if (strncmp(end, units[i].unit, length) == 0 && !g_ascii_isalpha(end[length])) {
				total += value * units[i].nanoseconds;
				at = end + length;
				good = true;
			}
		}
	}
	if (!good || !isfinite(total) || total > 9.2e18)
		return berth_error_set(error, BERTH_ERROR_INVALID, "duration \"%s\": expected one such as 10s or 1h30m",
				       text);
	*ret_nanoseconds = (int64_t) (negative ? -total : total);
	return true;
}
