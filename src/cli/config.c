// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *berth_config_folder(const struct berth_cli *cli)
{
	const char *folder = cli->config && *cli->config ? cli->config : g_getenv("DOCKER_CONFIG");

	return folder && *folder ? g_strdup(folder) : g_build_filename(g_get_home_dir(), ".docker", NULL);
}

// Where the file really is.
static char *config_path(const struct berth_cli *cli)
{
	g_autofree char *folder = berth_config_folder(cli);
	g_autofree char *path = g_build_filename(folder, BERTH_CONFIG_FILE, NULL);
	char *real = realpath(path, NULL);
	char *result = g_strdup(real ? real : path);

	free(real);
	return result;
}

json_t *berth_config_load(const struct berth_cli *cli, GError **error)
{
	g_autofree char *folder = berth_config_folder(cli);
	g_autofree char *path = g_build_filename(folder, BERTH_CONFIG_FILE, NULL);
	g_autoptr(GError) failure = NULL;
	size_t length;
	char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, &failure);

	if (!text && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return json_object();
	if (!text) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	bool empty = strspn(text, " \t\r\n") == length;
	json_t *config = empty ? json_object() : berth_json_parse(text, length, path, error);
	explicit_bzero(text, length);
	g_free(text);
	if (!config || json_is_object(config))
		return config;
	json_decref(config);
	berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected an object", path);
	return NULL;
}

const json_t *berth_config_get(const struct berth_cli *cli)
{
	struct berth_cli *owner = (struct berth_cli *) (uintptr_t) cli; // what is kept changes nothing
	g_autoptr(GError) error = NULL;

	if (owner->settings)
		return owner->settings;
	owner->settings = berth_config_load(cli, &error);
	if (!owner->settings) {
		fprintf(stderr, "WARNING: Error loading config file: %s\n", error->message);
		owner->settings = json_object();
	}
	return owner->settings;
}

static const char *setting(const struct berth_cli *cli, const char *name, const char *given)
{
	const char *value = given && *given ? NULL : json_string_value(json_object_get(berth_config_get(cli), name));

	return value && *value ? value : given;
}

const char *berth_config_format(const struct berth_cli *cli, const char *name, const char *format)
{
	return setting(cli, name, format);
}

const char *berth_config_list_format(const struct berth_cli *cli, const char *name, const char *format, bool quiet,
				     const char *short_form)
{
	if (!quiet)
		return berth_config_format(cli, name, format);
	return berth_listing_is_table(format) ? short_form : format;
}

const char *berth_config_detach_keys(const struct berth_cli *cli, const char *keys)
{
	return setting(cli, "detachKeys", keys);
}

char **berth_config_proxies(const struct berth_cli *cli, const char *host)
{
	static const char *const names[][2] = {{"httpProxy", "HTTP_PROXY"},
					       {"httpsProxy", "HTTPS_PROXY"},
					       {"noProxy", "NO_PROXY"},
					       {"ftpProxy", "FTP_PROXY"},
					       {"allProxy", "ALL_PROXY"}};
	const json_t *all = json_object_get(berth_config_get(cli), "proxies");
	const json_t *proxies = json_object_get(all, host);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (!proxies)
		proxies = json_object_get(all, "default");
	for (size_t i = 0; proxies && i < G_N_ELEMENTS(names); i++) {
		const char *value = json_string_value(json_object_get(proxies, names[i][0]));
		if (!value || !*value)
			continue;
		g_autofree char *lower = g_ascii_strdown(names[i][1], -1);
		g_autofree char *first = g_strconcat(names[i][1], "=", value, NULL);
		g_autofree char *second = g_strconcat(lower, "=", value, NULL);
		g_strv_builder_add(builder, first);
		g_strv_builder_add(builder, second);
	}
	return g_strv_builder_end(builder);
}

bool berth_config_save(const struct berth_cli *cli, const json_t *config, GError **error)
{
	g_autofree char *path = config_path(cli);
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_open_folder(parent, true, 0700, error);

	if (folder < 0)
		return false;
	char *text = json_dumps(config, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	bool written = berth_write_file_at(folder, name, text, strlen(text), 0600, true, error);
	explicit_bzero(text, strlen(text));
	free(text);
	if (!written)
		g_prefix_error(error, "writing %s: ", path);
	return written;
}
