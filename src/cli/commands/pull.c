// SPDX-License-Identifier: Apache-2.0
// `pull` and `push`.
#include "cli/commands/pull.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/credentials.h"
#include "cli/progress.h"
#include "cli/reference.h"

#include <string.h>

#define DEFAULT_TAG "latest"

struct options {
	bool all, quiet, trust;
	char *platform;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag pull_flags[] = {
	{"all-tags", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Download all tagged images in the repository"},
	{"disable-content-trust", 0, BERTH_FLAG_SWITCH, AT(trust), NULL, "Skip image verification", "true",
	 BERTH_FLAG_HIDDEN},
	{"platform", 0, BERTH_FLAG_TEXT, AT(platform), NULL,
	 "Platform of the image: os/architecture[/variant] (default: the engine's)"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Suppress verbose output"},
	{0},
};
static const struct berth_flag push_flags[] = {
	{"all-tags", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Push all tags of an image to the repository"},
	{"disable-content-trust", 0, BERTH_FLAG_SWITCH, AT(trust), NULL, "Skip image signing", "true",
	 BERTH_FLAG_HIDDEN},
	{"platform", 0, BERTH_FLAG_TEXT, AT(platform), NULL,
	 "Platform that the image must be of: os/architecture[/variant]"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Suppress verbose output"},
	{0},
};

// Sends the request with the credentials of the image's registry and prints its progress.
static bool transfer(struct berth_cli *cli, const char *path, const char *image, bool quiet, FILE *out, GError **error)
{
	if (berth_reference_is_id(image))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid reference format: %s is an image's id, which no name may be", image);
	char *auth = berth_registry_auth(cli, image);
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client, &(struct berth_call){.method = "POST", .path = path, .registry_auth = auth}, error);

	berth_secret_free(auth);
	return answer && berth_progress_print(answer, quiet, out, error);
}

// Makes the name that is asked for: with a tag, unless all of them are meant.
static bool choose_tag(struct berth_reference *name, const struct options *options, GError **error)
{
	if (options->all && (name->tag || name->digest))
		return berth_error_set(error, BERTH_ERROR_INVALID, "tag can't be used with --all-tags/-a");
	if (!options->all && !name->tag && !name->digest) {
		name->tag = g_strdup(DEFAULT_TAG);
		if (!options->quiet)
			puts("Using default tag: " DEFAULT_TAG);
		fflush(stdout);
	}
	return true;
}

static GString *pull_path(const struct berth_reference *name, const char *platform)
{
	g_autofree char *repository = g_strconcat(name->domain, "/", name->path, NULL);
	GString *path = berth_path_new("/images/create", NULL, false);

	berth_path_add(path, "fromImage", repository);
	berth_path_add(path, "tag", name->digest ? name->digest : name->tag);
	berth_path_add(path, "platform", platform);
	return path;
}

bool berth_pull_image(struct berth_cli *cli, const char *image, const char *platform, bool quiet, FILE *out,
		      GError **error)
{
	struct berth_reference name;

	berth_reference_parse(image, &name);
	if (!name.tag && !name.digest)
		name.tag = g_strdup(DEFAULT_TAG);
	g_autoptr(GString) path = pull_path(&name, platform);
	berth_reference_clear(&name);
	return transfer(cli, path->str, image, quiet, out, error);
}

static int pull_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	struct berth_reference name;

	berth_reference_parse(arguments[0], &name);
	bool fine = choose_tag(&name, options, error);
	if (fine) {
		g_autoptr(GString) path = pull_path(&name, options->platform);
		fine = transfer(cli, path->str, arguments[0], options->quiet, stdout, error);
	}
	if (fine) {
		g_autofree char *full = berth_reference_full(&name);
		puts(full);
	}
	berth_reference_clear(&name);
	return fine ? 0 : 1;
}

// "linux/arm64/v8" as the API takes it of a push.
static char *platform_json(const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 3);
	guint count = g_strv_length(parts);

	if (count < 2 || !*parts[0] || !*parts[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "platform \"%s\": expected os/architecture[/variant]",
				text);
		return NULL;
	}
	BERTH_AUTO_JSON json_t *json = json_pack("{s:s, s:s}", "os", parts[0], "architecture", parts[1]);
	if (count == 3)
		json_object_set_new(json, "variant", json_string(parts[2]));
	return berth_json_text(json);
}

static int push_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	struct berth_reference name;
	g_autofree char *platform = options->platform ? platform_json(options->platform, error) : NULL;

	if (options->platform && !platform)
		return 1;
	berth_reference_parse(arguments[0], &name);
	bool fine = choose_tag(&name, options, error);
	if (fine && name.digest)
		fine = berth_error_set(error, BERTH_ERROR_INVALID, "cannot push a digest reference: %s", arguments[0]);
	if (fine) {
		g_autofree char *repository = g_strconcat(name.domain, "/", name.path, NULL);
		g_autoptr(GString) path = berth_path_new("/images/%s/push", repository, true);
		berth_path_add(path, "tag", name.tag);
		berth_path_add(path, "platform", platform);
		fine = transfer(cli, path->str, arguments[0], options->quiet, stdout, error);
	}
	if (fine && options->quiet) {
		g_autofree char *full = berth_reference_full(&name);
		puts(full);
	}
	berth_reference_clear(&name);
	return fine ? 0 : 1;
}

const struct berth_command berth_command_pull = {
	.arguments = "NAME[:TAG|@DIGEST]",
	.summary = "Download an image from a registry",
	.description = "Layers that are here already are not downloaded, and what was interrupted goes on where it "
		       "stopped. Credentials are those that `login` has kept for the image's registry.",
	.flags = pull_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "image",
	.main = pull_main,
};

const struct berth_command berth_command_push = {
	.arguments = "NAME[:TAG]",
	.summary = "Upload an image to a registry",
	.description = "What the registry has already is not uploaded; what another of its repositories has is taken "
		       "from there.",
	.flags = push_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "image",
	.main = push_main,
};
