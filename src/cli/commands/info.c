// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "spec/api-system.h"

#include <stdio.h>
#include <string.h>

struct options {
	char *format;
};

static const struct berth_flag flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, offsetof(struct options, format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{0},
};

// One line of the text: a title and the field that it shows.
struct line {
	const char *title;
	size_t offset;
	enum { TEXT, NUMBER, TRUTH } type;
};

#define LINE(title, member, type)                                                                                      \
	{                                                                                                              \
		title, offsetof(struct api_info, member), type                                                         \
	}

static const struct line before_storage[] = {
	LINE("Containers", containers, NUMBER),
	LINE(" Running", containers_running, NUMBER),
	LINE(" Paused", containers_paused, NUMBER),
	LINE(" Stopped", containers_stopped, NUMBER),
	LINE("Images", images, NUMBER),
	LINE("Server Version", server_version, TEXT),
	LINE("Storage Driver", driver, TEXT),
};
static const struct line after_storage[] = {
	LINE("Logging Driver", logging_driver, TEXT),     LINE("Cgroup Driver", cgroup_driver, TEXT),
	LINE("Cgroup Version", cgroup_version, TEXT),     LINE("Default Runtime", default_runtime, TEXT),
	LINE("Init Binary", init_binary, TEXT),           LINE("Kernel Version", kernel_version, TEXT),
	LINE("Operating System", operating_system, TEXT), LINE("OSType", os_type, TEXT),
	LINE("Architecture", architecture, TEXT),         LINE("CPUs", ncpu, NUMBER),
};
static const struct line after_memory[] = {
	LINE("Name", name, TEXT),
	LINE("ID", id, TEXT),
	LINE("Root Dir", docker_root_dir, TEXT),
	LINE("Debug Mode", debug, TRUTH),
	LINE("Experimental", experimental_build, TRUTH),
	LINE("Live Restore Enabled", live_restore_enabled, TRUTH),
};

static void print_lines(const struct api_info *info, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const void *value = (const char *) info + lines[i].offset;
		const char *text = *(const char *const *) (lines[i].type == TEXT ? value : &(const char *){NULL});
		if (lines[i].type == NUMBER)
			printf(" %s: %" G_GINT64_FORMAT "\n", lines[i].title, *(const int64_t *) value);
		else if (lines[i].type == TRUTH)
			printf(" %s: %s\n", lines[i].title, *(const bool *) value ? "true" : "false");
		else if (text && *text)
			printf(" %s: %s\n", lines[i].title, text);
	}
}

static void print_list(const char *title, char *const *values)
{
	if (!values || !values[0])
		return;
	printf(" %s:\n", title);
	for (; *values; values++)
		printf("  %s\n", *values);
}

static void print_text(const struct berth_cli *cli, const struct api_info *info)
{
	g_autofree char *memory = berth_size_format(info->mem_total, true);
	const json_t *pair;
	size_t i;

	printf("Client: Berth\n Version: " BERTH_VERSION "\n Context: %s\n Debug Mode: %s\n\nServer:\n", cli->context,
	       cli->debug ? "true" : "false");
	print_lines(info, before_storage, G_N_ELEMENTS(before_storage));
	json_array_foreach(info->driver_status, i, pair) printf(
		"  %s: %s\n", json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
	print_lines(info, after_storage, G_N_ELEMENTS(after_storage));
	printf(" Total Memory: %s\n", memory);
	print_lines(info, after_memory, G_N_ELEMENTS(after_memory));
	print_list("Security Options", info->security_options);
	print_list("Labels", info->labels);
	for (char *const *warning = info->warnings; warning && *warning; warning++)
		fprintf(stderr, "%s\n", *warning);
}

static int info_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *json = berth_client_json(cli->client, "GET", "/info", NULL, error);

	if (!json)
		return 1;
	if (options->format && *options->format) {
		json_object_set_new(json, "ClientInfo",
				    json_pack("{s:s, s:s, s:b}", "Version", BERTH_VERSION, "Context", cli->context,
					      "Debug", cli->debug));
		return berth_object_print(options->format, json, true, error) ? 0 : 1;
	}
	g_autoptr(api_info) info = berth_document_parse(&api_info_document, json, error);
	if (!info)
		return 1;
	print_text(cli, info);
	return 0;
}

const struct berth_command berth_command_info = {
	.arguments = "",
	.summary = "Display system-wide information",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = info_main,
};
