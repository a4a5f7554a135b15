// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "spec/api-system.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct options {
	char **filters;
	char *format, *since, *until;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Filter output based on conditions provided"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"since", 0, BERTH_FLAG_TEXT, AT(since), NULL, "Show all events created since timestamp"},
	{"until", 0, BERTH_FLAG_TEXT, AT(until), NULL, "Stream events until this timestamp"},
	{0},
};

// In the local zone, as Docker's client shows events: 2026-01-02T03:04:05.123456789+01:00.
static void print_moment(int64_t nanoseconds)
{
	time_t seconds = (time_t) (nanoseconds / 1000000000);
	struct tm moment;
	char text[32], zone[8];

	if (!localtime_r(&seconds, &moment))
		return;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &moment);
	strftime(zone, sizeof zone, "%z", &moment);
	printf("%s.%09d", text, (int) (nanoseconds % 1000000000));
	if (strcmp(zone, "+0000") == 0)
		putchar('Z');
	else
		printf("%.3s:%s", zone, zone + 3);
}

static void print_plain(const struct api_event *event)
{
	GHashTable *attributes = event->actor ? event->actor->attributes : NULL;
	GList *keys = attributes ? g_list_sort(g_hash_table_get_keys(attributes), (GCompareFunc) strcmp) : NULL;

	print_moment(event->time_nano ? event->time_nano : event->time * 1000000000);
	printf(" %s %s %s", event->type, event->action, event->actor && event->actor->id ? event->actor->id : "");
	for (GList *key = keys; key; key = key->next)
		printf("%s%s=%s", key == keys ? " (" : ", ", (const char *) key->data,
		       (const char *) g_hash_table_lookup(attributes, key->data));
	puts(keys ? ")" : "");
	g_list_free(keys);
}

static bool print_event(const struct berth_template *template, const json_t *line, GError **error)
{
	if (template) {
		g_autoptr(GString) text = g_string_new(NULL);
		if (!berth_template_execute(template, line, &(struct berth_template_options){0}, text, error))
			return false;
		puts(text->str);
		return true;
	}
	g_autoptr(api_event) event = berth_document_parse(&api_event_document, line, error);
	if (event)
		print_plain(event);
	return event;
}

static bool stream(struct berth_answer *answer, const struct berth_template *template, GError **error)
{
	g_autoptr(GError) failure = NULL;

	for (;;) {
		BERTH_AUTO_JSON json_t *line = berth_answer_line(answer, &failure);
		if (!line)
			break;
		if (!print_event(template, line, error))
			return false;
		fflush(stdout);
	}
	if (!failure)
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

static bool add_moment(GString *path, const char *name, const char *text, GError **error)
{
	g_autofree char *moment = NULL;

	if (text && *text && !berth_since_parse(text, berth_moment_now(), &moment, error)) {
		g_prefix_error(error, "--%s: ", name);
		return false;
	}
	berth_path_add(path, name, moment);
	return true;
}

static int events_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/events", NULL, false);
	bool formatted = options->format && *options->format;
	g_autoptr(berth_template) template = formatted ? berth_format_parse(options->format, error) : NULL;

	if ((formatted && !template) || !add_moment(path, "since", options->since, error) ||
	    !add_moment(path, "until", options->until, error) || !berth_path_add_filters(path, options->filters, error))
		return 1;
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	return answer && stream(answer, template, error) ? 0 : 1;
}

const struct berth_command berth_command_events = {
	.arguments = "",
	.summary = "Get real time events from the server",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = events_main,
};
