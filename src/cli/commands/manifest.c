// SPDX-License-Identifier: Apache-2.0
// `manifest create`, `inspect`, `annotate`, `push` and `rm`.
#include "cli/listing.h"
#include "cli/manifest-list.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/credentials.h"
#include "cli/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	bool amend, insecure, purge, verbose;
	char *arch, *os, *os_version, *variant;
	char **os_features;
};

#define AT(member) offsetof(struct options, member)
#define INSECURE                                                                                                       \
	{                                                                                                              \
		"insecure", 0, BERTH_FLAG_SWITCH, AT(insecure), NULL,                                                  \
			"Talk to an insecure registry (not supported: the engine's insecure-registries say which are)" \
	}
static const struct berth_flag create_flags[] = {
	{"amend", 'a', BERTH_FLAG_SWITCH, AT(amend), NULL, "Amend an existing manifest list"},
	INSECURE,
	{0},
};
static const struct berth_flag inspect_flags[] = {
	INSECURE,
	{"verbose", 'v', BERTH_FLAG_SWITCH, AT(verbose), NULL, "Output additional info including layers and platform"},
	{0},
};
static const struct berth_flag annotate_flags[] = {
	{"arch", 0, BERTH_FLAG_TEXT, AT(arch), NULL, "Set architecture"},
	{"os", 0, BERTH_FLAG_TEXT, AT(os), NULL, "Set operating system"},
	{"os-features", 0, BERTH_FLAG_LIST, AT(os_features), "strings", "Set operating system feature"},
	{"os-version", 0, BERTH_FLAG_TEXT, AT(os_version), NULL, "Set operating system version"},
	{"variant", 0, BERTH_FLAG_TEXT, AT(variant), NULL, "Set architecture variant"},
	{0},
};
static const struct berth_flag push_flags[] = {
	INSECURE,
	{"purge", 'p', BERTH_FLAG_SWITCH, AT(purge), NULL, "Remove the local manifest list after push"},
	{0},
};

static bool check_insecure(const struct options *options, GError **error)
{
	return !options->insecure ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "--insecure: not supported; name the registry in insecure-registries of the engine's "
			       "configuration instead");
}

static char *full_name(const char *text)
{
	struct berth_reference name;

	berth_reference_parse(text, &name);
	if (!name.tag && !name.digest)
		name.tag = g_strdup("latest");
	if (name.digest)
		g_clear_pointer(&name.tag, g_free);
	char *full = berth_reference_full(&name);
	berth_reference_clear(&name);
	return full;
}

static struct berth_answer *ask(struct berth_cli *cli, const char *format, const char *name, GError **error)
{
	g_autoptr(GString) path = berth_path_new(format, name, true);
	char *auth = berth_registry_auth(cli, name);
	struct berth_answer *answer = berth_client_call(
		cli->client, &(struct berth_call){.method = "GET", .path = path->str, .registry_auth = auth}, error);

	berth_secret_free(auth);
	return answer;
}

// What the registry has under a name, as text, and its media type.
static char *fetch(struct berth_cli *cli, const char *name, char **ret_type, size_t *ret_length, GError **error)
{
	g_autoptr(berth_answer) answer = ask(cli, "/distribution/%s/manifest", name, error);
	g_autoptr(GString) text = g_string_new(NULL);
	char buffer[8192];
	ssize_t count;

	if (!answer)
		return NULL;
	while ((count = berth_answer_read(answer, buffer, sizeof buffer, error)) > 0 &&
	       text->len <= BERTH_LIMIT_MANIFEST)
		g_string_append_len(text, buffer, count);
	if (count < 0)
		return NULL;
	if (text->len > BERTH_LIMIT_MANIFEST) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: its manifest is larger than the limit of %d bytes",
				name, BERTH_LIMIT_MANIFEST);
		return NULL;
	}
	*ret_type = g_strdup(berth_answer_type(answer));
	*ret_length = text->len;
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static json_t *fetch_platform(struct berth_cli *cli, const char *name, GError **error)
{
	g_autoptr(berth_answer) answer = ask(cli, "/distribution/%s/json", name, error);
	BERTH_AUTO_JSON json_t *json = answer ? berth_answer_json(answer, error) : NULL;
	json_t *platform = json_array_get(json_object_get(json, "Platforms"), 0);

	if (json && !platform)
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry tells no platform", name);
	return json_incref(platform);
}

static json_t *fetch_entry(struct berth_cli *cli, const char *name, GError **error)
{
	g_autofree char *type = NULL;
	size_t length;
	g_autofree char *raw = fetch(cli, name, &type, &length, error);

	if (!raw)
		return NULL;
	if (berth_manifest_is_index(type)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s is a manifest list", name);
		return NULL;
	}
	BERTH_AUTO_JSON json_t *platform = fetch_platform(cli, name, error);
	return platform ? berth_manifest_entry(name, type, raw, length, platform, error) : NULL;
}

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autofree char *list = full_name(arguments[0]);
	BERTH_AUTO_JSON json_t *entries = json_array();
	json_t *entry;
	size_t i;

	if (!check_insecure(options, error))
		return 1;
	if (!options->amend && berth_manifest_list_exists(cli, list)) {
		berth_error_set(error, BERTH_ERROR_CONFLICT,
				"refusing to amend an existing manifest list with no --amend flag");
		return 1;
	}
	for (char **at = arguments + 1; *at; at++) {
		g_autofree char *name = full_name(*at);
		if (!(entry = fetch_entry(cli, name, error)))
			return 1;
		json_array_append_new(entries, entry);
	}
	json_array_foreach(entries, i, entry) if (!berth_manifest_list_put(cli, list, entry, error)) return 1;
	printf("Created manifest list %s\n", list);
	return 0;
}

// All entries of an index that a registry has.
static json_t *expand(struct berth_cli *cli, const char *name, const json_t *index, GError **error)
{
	BERTH_AUTO_JSON json_t *entries = json_array();
	g_autofree char *repository = g_strndup(name, strcspn(name, "@"));
	char *slash = strrchr(repository, '/'), *colon = strrchr(slash, ':');
	const json_t *descriptor;
	size_t i;

	if (colon)
		*colon = '\0';
	json_array_foreach(json_object_get(index, "manifests"), i, descriptor)
	{
		const char *digest = json_string_value(json_object_get(descriptor, "digest"));
		g_autofree char *one = g_strconcat(repository, "@", digest ? digest : "", NULL), *type = NULL;
		size_t length;
		g_autofree char *raw = fetch(cli, one, &type, &length, error);
		json_t *entry = raw ? berth_manifest_entry(one, type, raw, length,
							   json_object_get(descriptor, "platform"), error)
				    : NULL;
		if (!entry)
			return NULL;
		json_array_append_new(entries, entry);
	}
	return g_steal_pointer(&entries);
}

static json_t *inspect_remote(struct berth_cli *cli, const char *name, bool verbose, GError **error)
{
	g_autofree char *type = NULL;
	size_t length;
	g_autofree char *raw = fetch(cli, name, &type, &length, error);
	BERTH_AUTO_JSON json_t *json = raw ? berth_json_parse(raw, length, name, error) : NULL;

	if (!json)
		return NULL;
	if (!verbose)
		return json_incref(json);
	return berth_manifest_is_index(type) ? expand(cli, name, json, error) : fetch_entry(cli, name, error);
}

// What is kept of one manifest, as the registry had it.
static json_t *manifest_of(const json_t *entry)
{
	json_t *docker = json_object_get(entry, "SchemaV2Manifest");

	return json_incref(docker ? docker : json_object_get(entry, "OCIManifest"));
}

static json_t *inspect(struct berth_cli *cli, char **arguments, bool verbose, GError **error)
{
	g_autofree char *name = full_name(arguments[0]);

	if (arguments[1]) {
		g_autofree char *second = full_name(arguments[1]);
		BERTH_AUTO_JSON json_t *entry = berth_manifest_list_get(cli, name, second, error);
		return !entry ? NULL : verbose ? json_incref(entry) : manifest_of(entry);
	}
	if (!berth_manifest_list_exists(cli, name))
		return inspect_remote(cli, name, verbose, error);
	BERTH_AUTO_JSON json_t *entries = berth_manifest_list_all(cli, name, error);
	return !entries ? NULL : verbose ? json_incref(entries) : berth_manifest_list_index(entries, false, error);
}

static int inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *json =
		check_insecure(options, error) ? inspect(cli, arguments, options->verbose, error) : NULL;

	if (!json)
		return 1;
	berth_listing_show(json);
	return 0;
}

static void set_text(json_t *platform, const char *name, const char *text)
{
	if (text)
		json_object_set_new(platform, name, json_string(text));
}

static int annotate_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autofree char *list = full_name(arguments[0]), *name = full_name(arguments[1]);
	BERTH_AUTO_JSON json_t *entry = berth_manifest_list_get(cli, list, name, error);
	json_t *descriptor = json_object_get(entry, "Descriptor"), *platform = json_object_get(descriptor, "platform");

	if (!entry)
		return 1;
	if (!platform)
		json_object_set_new(descriptor, "platform", platform = json_object());
	set_text(platform, "architecture", options->arch);
	set_text(platform, "os", options->os);
	set_text(platform, "os.version", options->os_version);
	set_text(platform, "variant", options->variant);
	if (options->os_features) {
		json_t *features = json_array();
		for (char **feature = options->os_features; *feature; feature++)
			json_array_append_new(features, json_string(*feature));
		json_object_set_new(platform, "os.features", features);
	}
	return berth_manifest_list_put(cli, list, entry, error) ? 0 : 1;
}

// "host/path@sha256:…" of an entry.
static json_t *source_of(const json_t *entry)
{
	const char *text = json_string_value(json_object_get(entry, "Ref"));
	struct berth_reference name;

	berth_reference_parse(text, &name);
	g_clear_pointer(&name.tag, g_free);
	g_free(name.digest);
	name.digest = g_strdup(json_string_value(json_object_get(json_object_get(entry, "Descriptor"), "digest")));
	g_autofree char *full = berth_reference_full(&name);
	berth_reference_clear(&name);
	return json_string(full);
}

static json_t *push(struct berth_cli *cli, const char *list, GError **error)
{
	BERTH_AUTO_JSON json_t *entries = berth_manifest_list_all(cli, list, error);
	json_t *index = entries ? berth_manifest_list_index(entries, true, error) : NULL, *sources = json_array();
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry) json_array_append_new(sources, source_of(entry));
	if (!index) {
		json_decref(sources);
		return NULL;
	}
	BERTH_AUTO_JSON json_t *body = json_pack("{s:o, s:o}", "index", index, "sources", sources);
	g_autofree char *text = berth_json_text(body);
	g_autoptr(GString) path = berth_path_new("/distribution/%s/index", list, true);
	char *auth = berth_registry_auth(cli, list);
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client,
		&(struct berth_call){.method = "POST", .path = path->str, .body = text, .registry_auth = auth}, error);
	berth_secret_free(auth);
	return answer ? berth_answer_json(answer, error) : NULL;
}

static int push_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autofree char *list = full_name(arguments[0]);
	BERTH_AUTO_JSON json_t *answer = check_insecure(options, error) ? push(cli, list, error) : NULL;
	const char *digest = json_string_value(json_object_get(answer, "Digest"));

	if (!answer)
		return 1;
	puts(digest ? digest : "");
	return !options->purge || berth_manifest_list_remove(cli, list, error) ? 0 : 1;
}

static bool remove_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *argument, GError **error)
{
	g_autofree char *list = full_name(argument);

	return berth_manifest_list_remove(cli, list, error);
}

const struct berth_command berth_command_manifest_create = {
	.arguments = "MANIFEST_LIST MANIFEST [MANIFEST...]",
	.summary = "Create a local manifest list for annotating and pushing to a registry",
	.flags = create_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 2,
	.max_arguments = -1,
	.main = create_main,
};

const struct berth_command berth_command_manifest_inspect = {
	.arguments = "[MANIFEST_LIST] MANIFEST",
	.summary = "Display an image manifest, or manifest list",
	.flags = inspect_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 2,
	.main = inspect_main,
};

const struct berth_command berth_command_manifest_annotate = {
	.arguments = "MANIFEST_LIST MANIFEST",
	.summary = "Add additional information to a local image manifest",
	.flags = annotate_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 2,
	.max_arguments = 2,
	.main = annotate_main,
};

const struct berth_command berth_command_manifest_push = {
	.arguments = "MANIFEST_LIST",
	.summary = "Push a manifest list to a repository",
	.flags = push_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.main = push_main,
};

const struct berth_command berth_command_manifest_rm = {
	.arguments = "MANIFEST_LIST [MANIFEST_LIST...]",
	.summary = "Delete one or more manifest lists from local storage",
	.min_arguments = 1,
	.max_arguments = -1,
	.each = remove_one,
};
