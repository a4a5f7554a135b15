// SPDX-License-Identifier: Apache-2.0
#include "cli/context.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/config.h"
#include "cli/listing.h"

#include <fcntl.h>
#include <string.h>

#define META "meta.json"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const char *const berth_context_tls_files[BERTH_TLS_FILES + 1] = {"ca.pem", "cert.pem", "key.pem", NULL};

const char *berth_context_environment_host(void)
{
	static const char *const names[] = {"BERTH_HOST", "DOCKER_HOST"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_getenv(names[i]) && *g_getenv(names[i]))
			return g_getenv(names[i]);
	return NULL;
}

char *berth_context_current(const struct berth_cli *cli)
{
	const char *named = g_getenv("DOCKER_CONTEXT");

	if (cli->chosen_context && *cli->chosen_context)
		return g_strdup(cli->chosen_context);
	if (cli->chosen_host || berth_context_environment_host())
		return g_strdup(BERTH_CONTEXT_DEFAULT);
	if (named && *named)
		return g_strdup(named);
	const char *used = json_string_value(json_object_get(berth_config_get(cli), "currentContext"));
	return g_strdup(used && *used ? used : BERTH_CONTEXT_DEFAULT);
}

static const char *default_host(const struct berth_cli *cli)
{
	const char *host = cli->chosen_host ? cli->chosen_host : berth_context_environment_host();

	return host ? host : BERTH_DEFAULT_HOST;
}

char *berth_context_host(const struct berth_cli *cli, GError **error)
{
	if (strcmp(cli->context, BERTH_CONTEXT_DEFAULT) == 0)
		return g_strdup(default_host(cli));
	BERTH_AUTO_JSON json_t *context = berth_context_load(cli, cli->context, error);
	if (!context) {
		g_prefix_error(error, "unable to resolve docker endpoint: ");
		return NULL;
	}
	const char *host = berth_context_endpoint_host(context);
	return g_strdup(*host ? host : BERTH_DEFAULT_HOST);
}

bool berth_context_check_name(const char *name, GError **error)
{
	if (strcmp(name, BERTH_CONTEXT_DEFAULT) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "\"default\" is a reserved context name");
	if (!*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "context name cannot be empty");
	if (!strchr(NAME_LETTERS, *name) || !name[1] || strspn(name, NAME_LETTERS "_.+-") != strlen(name))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "context name \"%s\" is invalid, names are validated against regexp "
				       "\"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\"",
				       name);
	return true;
}

static char *folder(const struct berth_cli *cli, const char *kind, const char *name)
{
	g_autofree char *top = berth_config_folder(cli);
	g_autofree char *id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);

	return g_build_filename(top, "contexts", kind, id, NULL);
}

char *berth_context_meta_folder(const struct berth_cli *cli, const char *name)
{
	return folder(cli, "meta", name);
}

char *berth_context_tls_folder(const struct berth_cli *cli, const char *name)
{
	return folder(cli, "tls", name);
}

static json_t *read_meta(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CONTEXT, &length, error);
	json_t *meta = text ? berth_json_parse(text, length, path, error) : NULL;

	if (!meta || json_string_value(json_object_get(meta, "Name")))
		return meta;
	json_decref(meta);
	berth_error_set(error, BERTH_ERROR_INVALID, "%s: it has no name", path);
	return NULL;
}

json_t *berth_context_load(const struct berth_cli *cli, const char *name, GError **error)
{
	if (strcmp(name, BERTH_CONTEXT_DEFAULT) == 0)
		return json_pack("{s:s, s:{}, s:{s:{s:s, s:b}}}", "Name", name, "Metadata", "Endpoints", "docker",
				 "Host", default_host(cli), "SkipTLSVerify", 0);
	g_autofree char *top = berth_context_meta_folder(cli, name);
	g_autofree char *path = g_build_filename(top, META, NULL);
	g_autoptr(GError) failure = NULL;
	json_t *meta = read_meta(path, &failure);
	if (meta)
		return meta;
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				"context \"%s\": context not found: open %s: no such file or directory", name, path);
		return NULL;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&failure), "context \"%s\": ", name);
	return NULL;
}

const char *berth_context_endpoint_host(const json_t *context)
{
	const json_t *endpoint = json_object_get(json_object_get(context, "Endpoints"), "docker");
	const char *host = json_string_value(json_object_get(endpoint, "Host"));

	return host ? host : "";
}

bool berth_context_save(const struct berth_cli *cli, const json_t *context, GError **error)
{
	g_autofree char *top = berth_context_meta_folder(cli, json_string_value(json_object_get(context, "Name")));
	berth_fd fd = berth_open_folder(top, true, 0755, error);

	if (fd < 0)
		return false;
	g_autofree char *text = berth_json_text(context);
	return berth_write_file_at(fd, META, text, strlen(text), 0644, true, error);
}

bool berth_context_remove(const struct berth_cli *cli, const char *name, GError **error)
{
	static const char *const kinds[] = {"meta", "tls"};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = folder(cli, kinds[i], name);
		if (!berth_remove_tree_at(AT_FDCWD, path, error))
			return false;
	}
	return true;
}

json_t *berth_context_list(const struct berth_cli *cli, GError **error)
{
	g_autofree char *top = berth_config_folder(cli);
	g_autofree char *path = g_build_filename(top, "contexts", "meta", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	BERTH_AUTO_JSON json_t *list = json_array();
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, META, NULL);
		g_autoptr(GError) failure = NULL;
		json_t *meta = read_meta(file, &failure);
		if (!meta && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return NULL;
		}
		if (meta)
			json_array_append_new(list, meta);
	}
	berth_listing_sort(list, "Name");
	json_array_insert_new(list, 0, berth_context_load(cli, BERTH_CONTEXT_DEFAULT, NULL));
	return g_steal_pointer(&list);
}
