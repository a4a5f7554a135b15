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

int64_t berth_monotonic_left(int64_t end)
{
	int64_t left = end - g_get_monotonic_time();

	return left > 0 ? left : 0;
}

int64_t berth_moment_left(int64_t end)
{
	int64_t left = end - berth_moment_now();

	return left > 0 ? left : 0;
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

// Writes a number with leading zeros. Returns what follows.
static char *write_digits(char *to, int64_t number, int width)
{
	for (int i = width; i-- > 0; number /= 10)
		to[i] = (char) ('0' + number % 10);
	return to + width;
}

// By hand, since logs have one of these for everything that is written.
void berth_moment_format(int64_t nanoseconds, char *text)
{
	int64_t seconds = floor_divide(nanoseconds, SECOND), fraction = nanoseconds - seconds * SECOND;
	int64_t days = floor_divide(seconds, DAY), second = seconds - days * DAY;
	int64_t year;
	int month, day;

	date_of(days, &year, &month, &day); // 64 bits of nanoseconds reach from 1677 to 2262
	const struct {
		int64_t number;
		int width;
		char after;
	} parts[] = {{year, 4, '-'},
		     {month, 2, '-'},
		     {day, 2, 'T'},
		     {second / 3600, 2, ':'},
		     {second / 60 % 60, 2, ':'},
		     {second % 60, 2, '.'},
		     {fraction, 9, 'Z'}};
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		text = write_digits(text, parts[i].number, parts[i].width);
		*text++ = parts[i].after;
	}
	*text = 0;
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

// Days since 1970 of a date, the other way round.
static int64_t days_of(int year, int month, int day)
{
	int64_t from_march = year - (month <= 2), in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return from_march * 365 + floor_divide(from_march, 4) - floor_divide(from_march, 100) +
	       floor_divide(from_march, 400) + in_year - 719468;
}

// The form in which this program writes a time: 2026-01-02T03:04:05, a fraction or none, Z.
static bool read_own(const char *text, int64_t *ret)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	static const uint8_t limits[][2] = {{1, 12}, {1, 31}, {0, 23}, {0, 59}, {0, 59}};
	int numbers[6] = {0}, at = 0;
	int64_t fraction = 0;

	for (size_t i = 0; i < sizeof shape - 1; i++) {
		if (shape[i] != 'd' ? text[i] != shape[i] : !g_ascii_isdigit(text[i]))
			return false;
		if (shape[i] == 'd')
			numbers[at] = numbers[at] * 10 + text[i] - '0';
		else
			at++;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
		if (numbers[i + 1] < limits[i][0] || numbers[i + 1] > limits[i][1])
			return false;
	const char *end = text + sizeof shape - 1;
	if (*end == '.')
		end = read_fraction(end + 1, &fraction);
	if (end[0] != 'Z' || end[1] || numbers[0] < 1700 || numbers[0] > 2200)
		return false;
	int64_t second = numbers[3] * 3600 + numbers[4] * 60 + numbers[5];
	*ret = (days_of(numbers[0], numbers[1], numbers[2]) * DAY + second) * SECOND + fraction;
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
	if (read_own(text, ret_nanoseconds) || read_unix_time(text, ret_nanoseconds) ||
	    read_rfc3339(text, ret_nanoseconds))
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
