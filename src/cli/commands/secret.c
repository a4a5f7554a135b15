// SPDX-License-Identifier: Apache-2.0
// `secret create`, `secret update`, `secret ls` and `secret rm`: of plain containers.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/credentials.h"
#include "cli/listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct write_options {
	char **labels;
};

#define AT(member) offsetof(struct write_options, member)
static const struct berth_flag write_flags[] = {
	{"label", 'l', BERTH_FLAG_LIST, AT(labels), NULL, "Secret labels"},
	{0},
};
#undef AT

// The file's (or standard input's) content as base64.
static char *read_value(const char *path, GError **error)
{
	bool standard = !path || strcmp(path, "-") == 0;
	berth_fd file = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (!standard && file < 0) {
		berth_error_set_errno(error, errno, "open %s", path);
		return NULL;
	}
	char *text = berth_read_fd(standard ? STDIN_FILENO : file, BERTH_LIMIT_SECRET_VALUE, &length,
				   standard ? "standard input" : path, error);
	char *value = text ? g_base64_encode((const guchar *) text, length) : NULL;
	if (text)
		explicit_bzero(text, length);
	g_free(text);
	return value;
}

static json_t *make_request(const char *file, char *const *labels, GError **error)
{
	BERTH_AUTO_JSON json_t *pairs = berth_pairs_json(labels, "label", true, error);
	char *value = pairs ? read_value(file, error) : NULL;

	if (!value)
		return NULL;
	json_t *request = json_pack("{s:s}", "Data", value);
	berth_secret_free(value);
	if (json_object_size(pairs))
		json_object_set(request, "Labels", pairs);
	return request;
}

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct write_options *options = data;
	BERTH_AUTO_JSON json_t *request = make_request(arguments[1], options->labels, error);

	if (!request)
		return 1;
	json_object_set_new(request, "Name", json_string(arguments[0]));
	char *body = berth_json_text(request);
	BERTH_AUTO_JSON json_t *created = berth_client_json(cli->client, "POST", "/berth/secrets/create", body, error);
	berth_secret_free(body);
	if (!created)
		return 1;
	puts(json_string_value(json_object_get(created, "ID")));
	return 0;
}

const struct berth_command berth_command_secret_create = {
	.arguments = "SECRET [FILE|-]",
	.summary = "Create a secret from a file or STDIN as content",
	.description = "Containers get it by run --secret, as a file beneath /run/secrets. It is kept in the engine's "
		       "database, which only root reads, and nothing that is told of a container has it.",
	.flags = write_flags,
	.options_size = sizeof(struct write_options),
	.min_arguments = 1,
	.max_arguments = 2,
	.main = create_main,
};

static int update_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct write_options *options = data;
	g_autoptr(GString) path = berth_path_new("/berth/secrets/%s/update", arguments[0], false);
	BERTH_AUTO_JSON json_t *request = make_request(arguments[1], options->labels, error);

	if (!request)
		return 1;
	char *body = berth_json_text(request);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, body, error);
	bool updated = answer != NULL;
	berth_secret_free(body);
	if (updated)
		puts(arguments[0]);
	return updated ? 0 : 1;
}

const struct berth_command berth_command_secret_update = {
	.arguments = "SECRET [FILE|-]",
	.summary = "Give a secret another value",
	.description = "Running containers that have it find the new value in its place at once.",
	.flags = write_flags,
	.options_size = sizeof(struct write_options),
	.min_arguments = 1,
	.max_arguments = 2,
	.main = update_main,
};

struct list_options {
	char **filters;
	char *format;
	bool quiet;
};

#define AT(member) offsetof(struct list_options, member)
static const struct berth_flag list_flags[] = {
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Filter output based on conditions provided"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only display IDs"},
	{0},
};
#undef AT

static const struct berth_column columns[] = {
	{"CreatedAt", "CREATED"}, {"ID", "ID"}, {"Labels", "LABELS"}, {"Name", "NAME"}, {"UpdatedAt", "UPDATED"}, {0},
};
static const struct berth_template_method methods[] = {{"Label", berth_listing_label}, {0}};
static const struct berth_listing listing = {columns, methods, false};

static json_t *make_row(const json_t *secret)
{
	const json_t *spec = json_object_get(secret, "Spec");
	g_autofree char *labels = berth_labels_text(json_object_get(spec, "Labels"));
	g_autofree char *created = berth_created_format(json_string_value(json_object_get(secret, "CreatedAt")));
	g_autofree char *updated = berth_created_format(json_string_value(json_object_get(secret, "UpdatedAt")));

	return json_pack("{s:O, s:O, s:s, s:s, s:s, s:O?}", "ID", json_object_get(secret, "ID"), "Name",
			 json_object_get(spec, "Name"), "Labels", labels, "CreatedAt", created, "UpdatedAt", updated,
			 "labels", json_object_get(spec, "Labels"));
}

static int list_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct list_options *options = data;
	g_autoptr(GString) path = berth_path_new("/berth/secrets", NULL, false);
	BERTH_AUTO_JSON json_t *rows = json_array();
	const json_t *secret;
	size_t i;

	if (!berth_path_add_filters(path, options->filters, error))
		return 1;
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!answer)
		return 1;
	json_array_foreach(answer, i, secret) json_array_append_new(rows, make_row(secret));
	berth_listing_sort(rows, "Name");
	const char *format = berth_config_list_format(cli, "secretFormat", options->format, options->quiet, "{{.ID}}");
	return berth_listing_print(&listing, format, "{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.UpdatedAt}}", rows, error)
		       ? 0
		       : 1;
}

const struct berth_command berth_command_secret_ls = {
	.arguments = "",
	.summary = "List secrets",
	.flags = list_flags,
	.options_size = sizeof(struct list_options),
	.listing = &listing,
	.main = list_main,
};

static bool remove_one(struct berth_cli *cli, G_GNUC_UNUSED const void *data, const char *name, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/berth/secrets/%s", name, false);

	return berth_cli_do(cli, "DELETE", path, name, error);
}

const struct berth_command berth_command_secret_rm = {
	.arguments = "SECRET [SECRET...]",
	.summary = "Remove one or more secrets",
	.description = "One that a container has, running or not, cannot be removed.",
	.min_arguments = 1,
	.max_arguments = -1,
	.each = remove_one,
};
