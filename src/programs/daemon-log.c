// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"

#include <string.h>

static const char *const names[] = {"debug", "info", "warn", "error", "fatal"};

static int least = 1; // atomic; index of names
static bool as_json; // set once, before there are threads

static int rank(GLogLevelFlags level)
{
	return level & G_LOG_LEVEL_ERROR      ? 4
	       : level & G_LOG_LEVEL_CRITICAL ? 3
	       : level & G_LOG_LEVEL_WARNING  ? 2
	       : level & G_LOG_LEVEL_DEBUG    ? 0
					      : 1;
}

static char *make_line(int level, const char *message)
{
	char time[BERTH_MOMENT_SIZE];

	berth_moment_format(berth_moment_now(), time);
	if (as_json) {
		BERTH_AUTO_JSON json_t *json =
			json_pack("{s:s, s:s, s:s}", "time", time, "level", names[level], "msg", message);
		g_autofree char *text = berth_json_text(json);
		return g_strconcat(text, "\n", NULL);
	}
	char *line = g_strdup_printf("%s %-5s %s\n", time, names[level], message);
	for (char *at = line; at[1]; at++) // a message cannot make a second line
		if ((unsigned char) *at < ' ')
			*at = ' ';
	return line;
}

static GLogWriterOutput writer(GLogLevelFlags level, const GLogField *fields, gsize count, G_GNUC_UNUSED gpointer data)
{
	const char *message = "";

	if (rank(level) < g_atomic_int_get(&least))
		return G_LOG_WRITER_HANDLED;
	for (gsize i = 0; i < count; i++)
		if (strcmp(fields[i].key, "MESSAGE") == 0)
			message = fields[i].value;
	g_autofree char *valid = g_utf8_make_valid(message, -1);
	g_autofree char *line = make_line(rank(level), valid);
	berth_write_all(STDERR_FILENO, line, strlen(line), "stderr", NULL);
	return G_LOG_WRITER_HANDLED;
}

void daemon_log_start(bool json)
{
	as_json = json;
	g_log_set_writer_func(writer, NULL, NULL);
}

bool daemon_log_set_level(const char *level, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i], level) == 0) {
			g_atomic_int_set(&least, (int) i);
			return true;
		}
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "log level \"%s\": expected debug, info, warn, error or fatal", level);
}
