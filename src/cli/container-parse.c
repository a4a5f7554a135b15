// SPDX-License-Identifier: Apache-2.0
// The little languages of single options of `run` and `create`.
#include "cli/container-options.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

#include <fcntl.h>
#include <string.h>

// Calls `each` for the lines of a file that are neither empty nor comments.
static bool read_lines(const char *path, bool (*each)(void *data, const char *line, GError **error), void *data,
		       GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_OPTION_FILE, &length, error);

	if (!text)
		return false;
	if (strlen(text) != length || !g_utf8_validate(text, -1, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the file is not text in UTF-8", path);
	g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text, "\n", -1);
	for (char **at = lines; *at; at++) {
		const char *line = *at + strspn(*at, " \t");
		size_t end = strlen(*at);
		if (end > 0 && (*at)[end - 1] == '\r')
			(*at)[end - 1] = 0;
		if (*line && *line != '#' && !each(data, line, error)) {
			g_prefix_error(error, "%s: ", path);
			return false;
		}
	}
	return true;
}

// NAME=value, or NAME of our own environment, if it is there.
static bool add_env(void *data, const char *line, GError **error)
{
	const char *equals = strchr(line, '=');
	g_autofree char *name = equals ? g_strndup(line, (size_t) (equals - line)) : g_strdup(line);

	if (!*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid environment variable: %s", line);
	if (equals)
		berth_strings_add(data, g_strdup(line));
	else if (g_getenv(name))
		berth_strings_add(data, g_strconcat(name, "=", g_getenv(name), NULL));
	return true;
}

static bool add_env_line(void *data, const char *line, GError **error)
{
	size_t length = strcspn(line, "=");

	if (length == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "no variable name on line '%s'", line);
	if (strcspn(line, " \t") < length)
		return berth_error_set(error, BERTH_ERROR_INVALID, "variable '%.*s' contains whitespaces", (int) length,
				       line);
	return add_env(data, line, error);
}

bool berth_parse_env(char *const *values, char *const *files, char ***ret, GError **error)
{
	for (; files && *files; files++)
		if (!read_lines(*files, add_env_line, ret, error))
			return false;
	for (; values && *values; values++)
		if (!add_env(ret, *values, error))
			return false;
	return true;
}

bool berth_parse_labels(char *const *values, char *const *files, GHashTable **ret, GError **error)
{
	for (; files && *files; files++)
		if (!read_lines(*files, berth_parse_pair, ret, error))
			return false;
	for (; values && *values; values++)
		if (!berth_parse_pair(ret, *values, error))
			return false;
	return true;
}

bool berth_parse_pairs(char *const *values, GHashTable **ret, GError **error)
{
	for (; values && *values; values++) {
		if (!strchr(*values, '='))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid option '%s': expected key=value",
					       *values);
		if (!berth_parse_pair(ret, *values, error))
			return false;
	}
	return true;
}

bool berth_parse_volumes(char *const *values, char ***ret_binds, char ***ret_volumes, GError **error)
{
	for (; values && *values; values++) {
		g_auto(GStrv) parts = g_strsplit(*values, ":", 4);
		guint count = g_strv_length(parts);
		if (count > 3 || count == 0 || !*parts[0] || (count > 1 && *parts[1] != '/') ||
		    (count == 1 && *parts[0] != '/'))
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid volume specification: '%s': expected SOURCE:/FOLDER[:OPTIONS] or "
				"/FOLDER",
				*values);
		if (count == 1) {
			berth_strings_add(ret_volumes, g_strdup(parts[0]));
			continue;
		}
		g_autofree char *source = berth_absolute_source(parts[0]);
		berth_strings_add(ret_binds,
				  g_strconcat(source, ":", parts[1], count == 3 ? ":" : NULL, parts[2], NULL));
	}
	return true;
}

static bool parse_limit(const char *text, int64_t *ret)
{
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*ret = -1;
		return true;
	}
	*ret = g_ascii_strtoll(text, &end, 10);
	return *text && !*end && *ret >= -1;
}

bool berth_parse_ulimits(char *const *values, GPtrArray **ret, GError **error)
{
	static const char *const names[] = {"core",     "cpu",        "data",   "fsize", "locks", "memlock",
					    "msgqueue", "nice",       "nofile", "nproc", "rss",   "rtprio",
					    "rttime",   "sigpending", "stack",  NULL};

	for (; values && *values; values++) {
		g_auto(GStrv) pair = g_strsplit(*values, "=", 2);
		g_auto(GStrv) limits = g_strsplit(pair[0] && pair[1] ? pair[1] : "", ":", 3);
		struct api_ulimit *ulimit = berth_document_new(&api_ulimit_document);
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, ulimit);
		if (!pair[0] || !g_strv_contains(names, pair[0]))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid argument \"%s\" for \"--ulimit\" flag: invalid ulimit type: %s",
					       *values, pair[0] ? pair[0] : "");
		ulimit->name = g_strdup(pair[0]);
		if (!limits[0] || !parse_limit(limits[0], &ulimit->soft) ||
		    !parse_limit(limits[1] ? limits[1] : limits[0], &ulimit->hard) || (limits[1] && limits[2]))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid argument \"%s\" for \"--ulimit\" flag: expected %s=SOFT[:HARD]",
					       *values, pair[0]);
		if (ulimit->hard != -1 && (ulimit->soft == -1 || ulimit->soft > ulimit->hard))
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"--ulimit\" flag: ulimit soft limit must be "
				"less than or equal to hard limit: %s > %" G_GINT64_FORMAT,
				*values, limits[0], ulimit->hard);
	}
	return true;
}

static bool is_permissions(const char *text)
{
	return *text && strspn(text, "rwm") == strlen(text) && strlen(text) <= 3;
}

bool berth_parse_devices(char *const *values, GPtrArray **ret, GError **error)
{
	for (; values && *values; values++) {
		g_auto(GStrv) parts = g_strsplit(*values, ":", 4);
		guint count = g_strv_length(parts);
		const char *inside = count > 1 && !is_permissions(parts[1]) ? parts[1] : NULL;
		const char *permissions = count == 3 ? parts[2] : count == 2 && !inside ? parts[1] : "rwm";
		if (count == 0 || count > 3 || !*parts[0] || !is_permissions(permissions))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid device specification: %s: expected PATH[:PATH][:rwm]", *values);
		struct api_device_mapping *device = berth_document_new(&api_device_mapping_document);
		device->path_on_host = g_strdup(parts[0]);
		device->path_in_container = g_strdup(inside ? inside : parts[0]);
		device->cgroup_permissions = g_strdup(permissions);
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, device);
	}
	return true;
}

// "PATH:VALUE". False if it is not.
static bool split_device(const char *text, char **ret_path, const char **ret_value)
{
	const char *colon = strrchr(text, ':');

	if (*text != '/' || !colon || !colon[1])
		return false;
	*ret_path = g_strndup(text, (size_t) (colon - text));
	*ret_value = colon + 1;
	return true;
}

bool berth_parse_throttles(char *const *values, bool bytes, GPtrArray **ret, GError **error)
{
	for (; values && *values; values++) {
		struct api_throttle_device *device = berth_document_new(&api_throttle_device_document);
		const char *value;
		char *end = (char *) "";
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, device);
		if (!split_device(*values, &device->path, &value) ||
		    (bytes ? !berth_bytes_parse(value, &device->rate, NULL)
			   : (device->rate = g_ascii_strtoll(value, &end, 10)) < 0 || *end))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid rate for device: %s: expected /dev/PATH:%s", *values,
					       bytes ? "NUMBER[UNIT], where the unit is kb, mb or gb" : "NUMBER");
	}
	return true;
}

bool berth_parse_weights(char *const *values, GPtrArray **ret, GError **error)
{
	for (; values && *values; values++) {
		struct api_weight_device *device = berth_document_new(&api_weight_device_document);
		const char *value;
		char *end;
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, device);
		if (!split_device(*values, &device->path, &value) ||
		    (device->weight = g_ascii_strtoll(value, &end, 10), *end) ||
		    (device->weight != 0 && (device->weight < 10 || device->weight > 1000)))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid weight for device: %s: expected /dev/PATH:WEIGHT of 10 to 1000",
					       *values);
	}
	return true;
}

bool berth_parse_restart(const char *text, struct api_restart_policy **ret, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 2);
	char *end = (char *) "";

	*ret = berth_document_new(&api_restart_policy_document);
	(*ret)->name = g_strdup(parts[0] ? parts[0] : "");
	if (parts[0] && !*parts[0])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid restart policy format: no policy provided before colon");
	if (parts[0] && parts[1])
		(*ret)->maximum_retry_count = g_ascii_strtoll(parts[1], &end, 10);
	if (*end || (parts[0] && parts[1] && !*parts[1]))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid restart policy format: maximum retry count must be an integer");
	return true;
}

// A seccomp profile is read here: the engine may not see our files.
static char *read_profile(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_OPTION_FILE, &length, error);
	BERTH_AUTO_JSON json_t *json = text ? berth_json_parse(text, length, path, error) : NULL;

	if (!json) {
		g_prefix_error(error, "opening seccomp profile (%s) failed: ", path);
		return NULL;
	}
	g_autofree char *compact = berth_json_text(json);
	return g_strconcat("seccomp=", compact, NULL);
}

bool berth_parse_security(char *const *values, struct api_host_config *host, GError **error)
{
	for (; values && *values; values++) {
		g_autofree char *value = g_strdup(*values);
		if (!strchr(value, '=') && strchr(value, ':'))
			*strchr(value, ':') = '='; // the form of old
		if (!strchr(value, '=') && strcmp(value, "no-new-privileges") != 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid --security-opt: \"%s\"", *values);
		if (strcmp(value, "systempaths=unconfined") == 0) {
			host->masked_paths = g_new0(char *, 1);
			host->readonly_paths = g_new0(char *, 1);
			continue;
		}
		const char *profile = g_str_has_prefix(value, "seccomp=") ? value + strlen("seccomp=") : NULL;
		bool file = profile && strcmp(profile, "unconfined") != 0 && strcmp(profile, "builtin") != 0;
		char *option = file ? read_profile(profile, error) : g_steal_pointer(&value);
		if (!option)
			return false;
		berth_strings_add(&host->security_opt, option);
	}
	return true;
}
