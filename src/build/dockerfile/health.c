// SPDX-License-Identifier: Apache-2.0
// HEALTHCHECK.
#include "base/moment.h"
#include "build/dockerfile/internal.h"

#include <string.h>

struct options {
	const char *interval, *timeout, *start_period, *start_interval, *retries;
};

static const struct berth_dockerfile__flag flags[] = {
	{"interval", BERTH_DOCKERFILE__TEXT, offsetof(struct options, interval), 0},
	{"timeout", BERTH_DOCKERFILE__TEXT, offsetof(struct options, timeout), 0},
	{"start-period", BERTH_DOCKERFILE__TEXT, offsetof(struct options, start_period), 0},
	{"start-interval", BERTH_DOCKERFILE__TEXT, offsetof(struct options, start_interval), 0},
	{"retries", BERTH_DOCKERFILE__TEXT, offsetof(struct options, retries), 0},
	{0},
};

static bool read_interval(struct berth_dockerfile__parser *parser, const char *name, const char *text,
			  int64_t *nanoseconds, GError **error)
{
	enum { LEAST = 1000000 };

	if (!text || !*text)
		return true;
	parser->culprit = text;
	if (!berth_duration_parse(text, nanoseconds, error)) {
		g_prefix_error(error, "--%s: ", name);
		return false;
	}
	if (*nanoseconds < LEAST)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Interval \"%s\" cannot be less than 1ms", name);
	parser->culprit = NULL;
	return true;
}

static bool read_retries(struct berth_dockerfile__parser *parser, const char *text, int *retries, GError **error)
{
	gint64 value;

	if (!text || !*text)
		return true;
	parser->culprit = text;
	if (!g_ascii_string_to_signed(text, 10, G_MININT32, G_MAXINT32, &value, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--retries: \"%s\" is no number", text);
	if (value < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--retries cannot be negative (%d)", (int) value);
	*retries = (int) value;
	parser->culprit = NULL;
	return true;
}

static bool read_options(struct berth_dockerfile__parser *parser, const struct options *options,
			 struct berth_dockerfile_healthcheck *health, GError **error)
{
	return read_interval(parser, "interval", options->interval, &health->interval, error) &&
	       read_interval(parser, "timeout", options->timeout, &health->timeout, error) &&
	       read_interval(parser, "start-period", options->start_period, &health->start_period, error) &&
	       read_interval(parser, "start-interval", options->start_interval, &health->start_interval, error) &&
	       read_retries(parser, options->retries, &health->retries, error);
}

bool berth_dockerfile__healthcheck(struct berth_dockerfile__parser *parser,
				   const struct berth_dockerfile__statement *statement,
				   struct berth_dockerfile_instruction *instruction, GError **error)
{
	struct berth_dockerfile_healthcheck *health = &instruction->healthcheck;
	struct options options = {0};
	size_t length = strcspn(statement->rest, BERTH_DOCKERFILE_BLANKS);
	g_autofree char *type = g_strndup(statement->rest, length);
	const char *rest = statement->rest + length;

	rest += strspn(rest, BERTH_DOCKERFILE_BLANKS);
	if (!*type)
		return berth_error_set(error, BERTH_ERROR_INVALID, "HEALTHCHECK requires at least one argument");
	if (!berth_dockerfile__flags(parser, statement, flags, &options, error))
		return false;
	if (g_ascii_strcasecmp(type, "NONE") == 0) {
		health->type = BERTH_DOCKERFILE_HEALTH_NONE;
		return !*rest || berth_error_set(error, BERTH_ERROR_INVALID, "HEALTHCHECK NONE takes no arguments");
	}
	if (g_ascii_strcasecmp(type, "CMD") != 0) {
		parser->culprit = berth_dockerfile__keep_part(parser->memory, type, length);
		return berth_error_set(error, BERTH_ERROR_INVALID, "Unknown type \"%s\" in HEALTHCHECK (try CMD)",
				       type);
	}
	health->type = BERTH_DOCKERFILE_HEALTH_COMMAND;
	if (!berth_dockerfile__command(parser, rest, &instruction->json, &health->command, error))
		return false;
	if (!health->command.words[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "Missing command after HEALTHCHECK CMD");
	return read_options(parser, &options, health, error);
}
