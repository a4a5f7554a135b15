// SPDX-License-Identifier: Apache-2.0
// `system check`: what is broken in the store, why, who uses it, and what to do. Status 0: whole; 1: broken.
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "spec/api-store.h"

#include <stdio.h>

struct options {
	char *format;
	bool repair;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"repair", 0, BERTH_FLAG_SWITCH, AT(repair), NULL,
	 "Remove what is damaged and not in use, and leftovers; drop images that have lost something"},
	{0},
};

static void print_problem(const struct api_check_problem *problem)
{
	g_autofree char *users = g_strjoinv(", ", problem->users);

	printf("%s: %s\n", problem->object, problem->cause);
	if (*users)
		printf("  used by: %s\n", users);
	if (problem->repaired)
		printf("  repaired\n");
	else
		printf("  remedy: %s\n", problem->remedy);
}

static void print_report(const struct api_check_report *report)
{
	g_autofree char *bytes = berth_size_format(report->bytes, false);

	for (guint i = 0; i < report->problems->len; i++)
		print_problem(report->problems->pdata[i]);
	printf("%" G_GINT64_FORMAT " blobs (%s), %" G_GINT64_FORMAT " snapshots, %" G_GINT64_FORMAT " references: %s\n",
	       report->blobs, bytes, report->snapshots, report->references, report->whole ? "whole" : "broken");
}

static int check_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/berth/check", NULL, false);

	berth_path_add_switch(path, "repair", options->repair);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, NULL, error);
	g_autoptr(api_check_report) report =
		answer ? berth_document_parse(&api_check_report_document, answer, error) : NULL;
	if (!report)
		return 1;
	if (!options->format)
		print_report(report);
	else if (!berth_object_print(options->format, answer, false, error))
		return 1;
	return report->whole ? 0 : 1;
}

const struct berth_command berth_command_system_check = {
	.arguments = "",
	.summary = "Check every image, layer and reference of the store",
	.description =
		"Hashes every blob, looks for every snapshot's folders, follows every reference, and compares each "
		"image's layers with its configuration. Names what is broken, why, what uses it and what to do; "
		"with --repair it does what can be done without touching what is in use. The exit status is 0 if "
		"the store is whole (or was made so), else 1.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = check_main,
};
