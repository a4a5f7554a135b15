// SPDX-License-Identifier: Apache-2.0
#include "cli/units.h"

#include "base/error.h"
#include "base/moment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

char *berth_age_format(int64_t seconds)
{
	int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600;

	if (seconds < 1)
		return g_strdup("Less than a second");
	if (seconds == 1)
		return g_strdup("1 second");
	if (seconds < 60)
		return g_strdup_printf("%d seconds", (int) seconds);
	if (minutes == 1)
		return g_strdup("About a minute");
	if (minutes < 60)
		return g_strdup_printf("%d minutes", (int) minutes);
	if (hours == 1)
		return g_strdup("About an hour");
	if (hours < 48)
		return g_strdup_printf("%d hours", (int) hours);
	if (hours < 24 * 7 * 2)
		return g_strdup_printf("%d days", (int) (hours / 24));
	if (hours < 24 * 30 * 2)
		return g_strdup_printf("%d weeks", (int) (hours / 24 / 7));
	if (hours < 24 * 365 * 2)
		return g_strdup_printf("%d months", (int) (hours / 24 / 30));
	return g_strdup_printf("%" G_GINT64_FORMAT " years", seconds / 3600 / 24 / 365);
}

char *berth_ago_format(int64_t unix_seconds, int64_t now_seconds)
{
	g_autofree char *age = berth_age_format(now_seconds - unix_seconds);

	return g_strconcat(age, " ago", NULL);
}

char *berth_local_format(int64_t unix_seconds)
{
	struct tm moment;
	char text[64];
	time_t seconds = (time_t) unix_seconds;

	if (!localtime_r(&seconds, &moment) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &moment) == 0)
		return g_strdup("");
	return g_strdup(text);
}

char *berth_size_format(int64_t bytes, bool binary)
{
	static const char *const decimal[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	static const char *const powers[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double) bytes, base = binary ? 1024 : 1000;
	size_t unit = 0;

	for (; fabs(value) >= base && unit + 1 < G_N_ELEMENTS(decimal); unit++)
		value /= base;
	return g_strdup_printf("%.4g%s", value, (binary ? powers : decimal)[unit]);
}

char *berth_id_format(const char *id, bool whole)
{
	const char *colon = strchr(id, ':');

	if (whole)
		return g_strdup(id);
	return g_strndup(colon ? colon + 1 : id, BERTH_SHORT_ID);
}

char *berth_ellipsis(const char *text, unsigned width)
{
	if (!g_utf8_validate(text, -1, NULL) || (unsigned long) g_utf8_strlen(text, -1) <= width)
		return g_strdup(text);
	g_autofree char *cut = g_utf8_substring(text, 0, (glong) width - 1);
	return g_strconcat(cut, "…", NULL);
}

// A date with or without time, in the local zone.
static bool parse_local(const char *text, int64_t *ret)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"};

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		struct tm moment = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &moment);
		bool utc = end && *end == 'Z' && end[1] == 0;
		if (!end || (*end && !utc))
			continue;
		*ret = (int64_t) (utc ? timegm(&moment) : mktime(&moment)) * SECOND;
		return true;
	}
	return false;
}

bool berth_since_parse(const char *text, int64_t now_nanoseconds, char **ret, GError **error)
{
	int64_t moment, ago;

	if (berth_duration_parse(text, &ago, NULL) && strspn(text, "0123456789.") != strlen(text))
		moment = now_nanoseconds - ago;
	else if (!*text || (!berth_moment_parse(text, &moment, NULL) && !parse_local(text, &moment)))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"\"%s\" is neither a moment (2026-01-02T15:04:05Z, 2026-01-02, 1767366245) nor a "
			"duration (42m)",
			text);
	*ret = g_strdup_printf("%" G_GINT64_FORMAT ".%09d", moment / SECOND, (int) (moment % SECOND));
	return true;
}
