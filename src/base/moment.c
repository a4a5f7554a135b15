// SPDX-License-Identifier: Apache-2.0
#include "base/moment.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

int64_t berth_moment_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

void berth_moment_format(int64_t nanoseconds, char *text)
{
	int64_t fraction = nanoseconds % SECOND;
	time_t seconds = nanoseconds / SECOND;
	struct tm when;
	char full[96]; // what the fields of struct tm could hold

	if (fraction < 0) {
		fraction += SECOND;
		seconds--;
	}
	gmtime_r(&seconds, &when);
	// Not by strftime(), which looks at /etc/localtime each time.
	snprintf(full, sizeof full, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", when.tm_year + 1900, when.tm_mon + 1,
		 when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec, (int) fraction);
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
