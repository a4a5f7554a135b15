// SPDX-License-Identifier: Apache-2.0
// `context create`, `update`, `use`, `show`, `inspect`, `ls` and `rm`.
#include "cli/context.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/container-options.h"
#include "cli/listing.h"
#include "cli/units.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_WIDTH 45
#define TABLE "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}"
#define DEFAULT_DESCRIPTION "Current DOCKER_HOST based configuration"

struct create_options {
	char *description, *from;
	char **engine;
};

#define AT(member) offsetof(struct create_options, member)
#define ENGINE_HELP "Set the engine: host=HOST, ca=FILE, cert=FILE, key=FILE, skip-tls-verify=BOOL, from=CONTEXT"
static const struct berth_flag create_flags[] = {
	{"description", 0, BERTH_FLAG_TEXT, AT(description), NULL, "Description of the context"},
	{"docker", 0, BERTH_FLAG_LIST, AT(engine), "stringToString", ENGINE_HELP},
	{"from", 0, BERTH_FLAG_TEXT, AT(from), NULL, "Create the context as a copy of this one"},
	{0},
};
static const struct berth_flag update_flags[] = {
	{"description", 0, BERTH_FLAG_TEXT, AT(description), NULL, "Description of the context"},
	{"docker", 0, BERTH_FLAG_LIST, AT(engine), "stringToString", ENGINE_HELP},
	{0},
};
#undef AT

// What --docker says.
struct engine {
	char *host, *from;
	char *files[BERTH_TLS_FILES]; // paths of ours to read
	bool given, skip_verify;
};

static void engine_clear(struct engine *engine)
{
	g_free(engine->host);
	g_free(engine->from);
	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		g_free(engine->files[i]);
}

static bool check_host(const char *host, GError **error)
{
	static const char *const schemes[] = {"unix://", "tcp://", "ssh://", "http://", "https://", "fd://"};

	for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
		if (g_str_has_prefix(host, schemes[i]))
			return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "unable to create docker endpoint config: unable to apply docker endpoint options: "
			       "unable to parse docker host `%s`: expected unix:///path, tcp://name:port or "
			       "ssh://user@name",
			       host);
}

static bool set_engine(struct engine *engine, const char *key, const char *value, GError **error)
{
	static const char *const names[] = {"ca", "cert", "key"};
	char **member = strcmp(key, "host") == 0 ? &engine->host : strcmp(key, "from") == 0 ? &engine->from : NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		member = strcmp(key, names[i]) == 0 ? &engine->files[i] : member;
	engine->given = true;
	if (member) {
		g_free(*member);
		*member = g_strdup(value);
		return true;
	}
	if (strcmp(key, "skip-tls-verify") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unable to create docker endpoint config: unrecognized config key: %s", key);
	engine->skip_verify = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return engine->skip_verify || strcmp(value, "false") == 0 || strcmp(value, "0") == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "unable to create docker endpoint config: skip-tls-verify: \"%s\" is neither true nor "
			       "false",
			       value);
}

static bool parse_engine(char *const *values, struct engine *engine, GError **error)
{
	g_auto(GStrv) pairs = berth_split_values(values);

	for (char **pair = pairs; pair && *pair; pair++) {
		char *equals = strchr(*pair, '=');
		if (!equals)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid argument \"%s\" for \"--docker\" flag: %s must be formatted as "
					       "key=value",
					       *pair, *pair);
		*equals = 0;
		if (!set_engine(engine, *pair, equals + 1, error))
			return false;
	}
	return !engine->host || check_host(engine->host, error);
}

static bool save_file(const char *folder, const char *name, const char *text, size_t length, GError **error)
{
	berth_fd fd = berth_open_folder(folder, true, 0700, error);

	return fd >= 0 && berth_write_file_at(fd, name, text, length, 0600, true, error);
}

// The files that --docker names, or those of another context.
static bool save_tls(const struct berth_cli *cli, const char *name, const struct engine *engine, const char *from,
		     GError **error)
{
	g_autofree char *top = berth_context_tls_folder(cli, name);
	g_autofree char *folder = g_build_filename(top, "docker", NULL);
	g_autofree char *other = from ? berth_context_tls_folder(cli, from) : NULL;

	for (size_t i = 0; i < BERTH_TLS_FILES; i++) {
		g_autoptr(GError) failure = NULL;
		g_autofree char *path = other ? g_build_filename(other, "docker", berth_context_tls_files[i], NULL)
					      : g_strdup(engine->files[i]);
		size_t length;
		if (!path || !*path)
			continue;
		g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CONTEXT, &length, &failure);
		if (!text && other && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			continue;
		if (!text) {
			g_propagate_prefixed_error(error, g_steal_pointer(&failure),
						   "unable to create docker endpoint config: ");
			return false;
		}
		bool saved = save_file(folder, berth_context_tls_files[i], text, length, error);
		explicit_bzero(text, length);
		if (!saved)
			return false;
	}
	return true;
}

// The endpoint that --docker makes; of its other contexts' where it is a copy.
static json_t *make_endpoint(const struct berth_cli *cli, const struct engine *engine, GError **error)
{
	if (!engine->from)
		return json_pack("{s:s*, s:b}", "Host", engine->host, "SkipTLSVerify", engine->skip_verify);
	BERTH_AUTO_JSON json_t *other = berth_context_load(cli, engine->from, error);
	json_t *endpoint = json_object_get(json_object_get(other, "Endpoints"), "docker");
	if (!other)
		return NULL;
	if (endpoint)
		return json_incref(endpoint);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "unable to get endpoint from context \"%s\"", engine->from);
	return NULL;
}

// Makes or changes a context; `context` is its meta.json.
static bool apply(const struct berth_cli *cli, const struct create_options *options, json_t *context,
		  const struct engine *engine, const char *from, GError **error)
{
	const char *name = json_string_value(json_object_get(context, "Name"));

	if (options->description)
		json_object_set_new(json_object_get(context, "Metadata"), "Description",
				    json_string(options->description));
	if (engine->given) {
		json_t *endpoint = make_endpoint(cli, engine, error);
		if (!endpoint)
			return false;
		json_object_set_new(json_object_get(context, "Endpoints"), "docker", endpoint);
	}
	return berth_context_save(cli, context, error) &&
	       save_tls(cli, name, engine, engine->from ? engine->from : from, error);
}

static bool exists(const struct berth_cli *cli, const char *name)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *context = berth_context_load(cli, name, &error);

	// One that cannot be read is there.
	return context || !g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static bool create(const struct berth_cli *cli, const struct create_options *options, const char *name,
		   const struct engine *engine, GError **error)
{
	const char *from = options->from ? options->from : engine->given ? NULL : cli->context;

	if (options->from && engine->given)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "cannot use --docker flag when --from is set: --from copies the other's engine");
	BERTH_AUTO_JSON json_t *context =
		from ? berth_context_load(cli, from, error) : json_pack("{s:{}, s:{}}", "Metadata", "Endpoints");
	if (!context)
		return false;
	BERTH_AUTO_JSON json_t *named = json_pack("{s:s}", "Name", name); // the name comes first in the file
	json_object_update(named, context);
	json_object_set_new(named, "Name", json_string(name));
	if (apply(cli, options, named, engine, from, error))
		return true;
	berth_context_remove(cli, name, NULL);
	return false;
}

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct create_options *options = data;
	struct engine engine = {0};
	bool fine = berth_context_check_name(arguments[0], error) && parse_engine(options->engine, &engine, error);

	if (fine && exists(cli, arguments[0]))
		fine = berth_error_set(error, BERTH_ERROR_CONFLICT, "context \"%s\" already exists", arguments[0]);
	fine = fine && create(cli, options, arguments[0], &engine, error);
	engine_clear(&engine);
	if (!fine)
		return 1;
	puts(arguments[0]);
	fprintf(stderr, "Successfully created context \"%s\"\n", arguments[0]);
	return 0;
}

static int update_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct create_options *options = data;
	struct engine engine = {0};
	bool fine = berth_context_check_name(arguments[0], error) && parse_engine(options->engine, &engine, error);
	BERTH_AUTO_JSON json_t *context = fine ? berth_context_load(cli, arguments[0], error) : NULL;

	fine = context && apply(cli, options, context, &engine, NULL, error);
	engine_clear(&engine);
	if (!fine)
		return 1;
	puts(arguments[0]);
	fprintf(stderr, "Successfully updated context \"%s\"\n", arguments[0]);
	return 0;
}

// Chooses the context in config.json.
static bool choose(const struct berth_cli *cli, const char *name, GError **error)
{
	BERTH_AUTO_JSON json_t *config = berth_config_load(cli, error);

	if (!config)
		return false;
	if (strcmp(name, BERTH_CONTEXT_DEFAULT) == 0)
		json_object_del(config, "currentContext");
	else
		json_object_set_new(config, "currentContext", json_string(name));
	return berth_config_save(cli, config, error);
}

static int use_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	const char *name = arguments[0];
	bool own = strcmp(name, BERTH_CONTEXT_DEFAULT) == 0;
	BERTH_AUTO_JSON json_t *context = berth_context_load(cli, name, error);

	if (!context || (!own && !berth_context_check_name(name, error)) || !choose(cli, name, error))
		return 1;
	puts(name);
	fflush(stdout);
	fprintf(stderr, "Current context is now \"%s\"\n", name);
	const char *variable = g_getenv("BERTH_HOST") ? "BERTH_HOST" : "DOCKER_HOST";
	if (!own && berth_context_environment_host())
		fprintf(stderr,
			"Warning: %s environment variable overrides the active context. To use \"%s\", either set the "
			"global --context flag, or unset %s environment variable.\n",
			variable, name, variable);
	return 0;
}

static int show_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, G_GNUC_UNUSED char **arguments,
		     G_GNUC_UNUSED GError **error)
{
	puts(cli->context);
	return 0;
}

struct list_options {
	char *format;
	bool quiet;
};

#define AT(member) offsetof(struct list_options, member)
static const struct berth_flag list_flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only show context names"},
	{0},
};
static const struct berth_flag inspect_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{0},
};
static const struct berth_column columns[] = {
	{"Current", ""},
	{"Description", "DESCRIPTION"},
	{"DockerEndpoint", "DOCKER ENDPOINT"},
	{"Error", "ERROR"},
	{"Name", "NAME"},
	{0},
};
static const struct berth_listing listing = {columns, NULL};

static json_t *make_row(const struct berth_cli *cli, const json_t *context)
{
	const char *name = json_string_value(json_object_get(context, "Name"));
	const char *told = json_string_value(json_object_get(json_object_get(context, "Metadata"), "Description"));
	bool own = strcmp(name, BERTH_CONTEXT_DEFAULT) == 0;

	return json_pack("{s:s, s:b, s:s, s:s, s:s}", "Name", name, "Current", strcmp(name, cli->context) == 0,
			 "Description",
			 own    ? DEFAULT_DESCRIPTION
			 : told ? told
				: "",
			 "DockerEndpoint", berth_context_endpoint_host(context), "Error", "");
}

static int list_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct list_options *options = data;
	BERTH_AUTO_JSON json_t *contexts = berth_context_list(cli, error), *rows = json_array();
	g_autoptr(GError) missing = NULL;
	const json_t *context;
	size_t i;

	if (!contexts)
		return 1;
	json_array_foreach(contexts, i, context) json_array_append_new(rows, make_row(cli, context));
	BERTH_AUTO_JSON json_t *current = berth_context_load(cli, cli->context, &missing);
	if (!current) { // what is in use is not there
		g_autofree char *why = berth_ellipsis(missing->message, ERROR_WIDTH);
		json_array_append_new(rows, json_pack("{s:s, s:b, s:s, s:s, s:s}", "Name", cli->context, "Current", 1,
						      "Description", "", "DockerEndpoint", "", "Error", why));
	}
	if (!berth_listing_print(&listing, options->quiet ? "{{.Name}}" : options->format, TABLE, rows, error))
		return 1;
	fflush(stdout);
	if (!options->quiet && !cli->chosen_context && !cli->chosen_host && g_getenv("DOCKER_HOST"))
		fprintf(stderr, "Warning: DOCKER_HOST environment variable overrides the active context. To use a "
				"context, either set the global --context flag, or unset DOCKER_HOST environment "
				"variable.\n");
	return 0;
}

// What `inspect` shows of a context: its meta.json, its TLS files' names, where it is kept.
static json_t *describe(const struct berth_cli *cli, const char *name, GError **error)
{
	json_t *context = berth_context_load(cli, name, error);
	bool own = strcmp(name, BERTH_CONTEXT_DEFAULT) == 0;
	g_autofree char *meta = own ? g_strdup("<IN MEMORY>") : berth_context_meta_folder(cli, name);
	g_autofree char *tls = own ? g_strdup("<IN MEMORY>") : berth_context_tls_folder(cli, name);
	BERTH_AUTO_JSON json_t *material = json_object(), *files = json_array();

	if (!context)
		return NULL;
	for (size_t i = 0; i < BERTH_TLS_FILES; i++) {
		g_autofree char *path = g_build_filename(tls, "docker", berth_context_tls_files[i], NULL);
		if (g_file_test(path, G_FILE_TEST_EXISTS))
			json_array_append_new(files, json_string(berth_context_tls_files[i]));
	}
	if (json_array_size(files) > 0)
		json_object_set(material, "docker", files);
	json_object_set(context, "TLSMaterial", material);
	json_object_set_new(context, "Storage", json_pack("{s:s, s:s}", "MetadataPath", meta, "TLSPath", tls));
	return context;
}

static int inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct list_options *options = data;
	BERTH_AUTO_JSON json_t *all = json_array();
	char *current[] = {(char *) (uintptr_t) cli->context, NULL};
	bool formatted = options->format && *options->format;

	for (char **name = arguments[0] ? arguments : current; *name; name++) {
		json_t *context = describe(cli, *name, error);
		if (!context)
			return 1;
		json_array_append_new(all, context);
		if (formatted && !berth_object_print(options->format, context, true, error))
			return 1;
	}
	if (!formatted)
		berth_listing_show(all);
	return 0;
}

struct remove_options {
	bool force;
};

static const struct berth_flag remove_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct remove_options, force), NULL,
	 "Force the removal of a context in use"},
	{0},
};

static bool remove_one(struct berth_cli *cli, const void *data, const char *name, GError **error)
{
	const struct remove_options *options = data;
	const char *used = json_string_value(json_object_get(berth_config_get(cli), "currentContext"));
	bool chosen = g_strcmp0(used, name) == 0;

	if (strcmp(name, BERTH_CONTEXT_DEFAULT) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "context \"default\" cannot be removed");
	if (!options->force && !exists(cli, name))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "context \"%s\" does not exist", name);
	if (!options->force && (chosen || strcmp(cli->context, name) == 0))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "context \"%s\" is in use, set -f flag to force remove", name);
	if ((chosen && !choose(cli, BERTH_CONTEXT_DEFAULT, error)) || !berth_context_remove(cli, name, error))
		return false;
	puts(name);
	return true;
}

const struct berth_command berth_command_context_create = {
	.arguments = "CONTEXT",
	.summary = "Create a context",
	.description = "A context is a name for an engine: this machine's, or another's, reached by "
		       "ssh://user@name or tcp://name:port. Without --docker and --from it is a copy of the context "
		       "in use. Contexts are kept where Docker's command line keeps its own.",
	.flags = create_flags,
	.options_size = sizeof(struct create_options),
	.min_arguments = 1,
	.max_arguments = 1,
	.main = create_main,
	.local = true,
};

const struct berth_command berth_command_context_update = {
	.arguments = "CONTEXT",
	.summary = "Update a context",
	.flags = update_flags,
	.options_size = sizeof(struct create_options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "context",
	.main = update_main,
	.local = true,
};

const struct berth_command berth_command_context_use = {
	.arguments = "CONTEXT",
	.summary = "Set the current context",
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "context",
	.main = use_main,
	.local = true,
};

const struct berth_command berth_command_context_show = {
	.arguments = "",
	.summary = "Print the name of the current context",
	.main = show_main,
	.local = true,
};

const struct berth_command berth_command_context_ls = {
	.arguments = "",
	.summary = "List contexts",
	.flags = list_flags,
	.options_size = sizeof(struct list_options),
	.listing = &listing,
	.main = list_main,
	.local = true,
};

const struct berth_command berth_command_context_inspect = {
	.arguments = "[CONTEXT] [CONTEXT...]",
	.summary = "Display detailed information on one or more contexts",
	.flags = inspect_flags,
	.options_size = sizeof(struct list_options),
	.max_arguments = -1,
	.completes = "context",
	.main = inspect_main,
	.local = true,
};

const struct berth_command berth_command_context_rm = {
	.arguments = "CONTEXT [CONTEXT...]",
	.summary = "Remove one or more contexts",
	.flags = remove_flags,
	.options_size = sizeof(struct remove_options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "context",
	.each = remove_one,
	.local = true,
};
