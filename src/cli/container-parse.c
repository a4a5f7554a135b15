// SPDX-License-Identifier: Apache-2.0
// The little languages of single options of `run` and `create`.
#include "cli/container-options.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

#include <fcntl.h>
#include <string.h>

static void list_add(char ***list, char *text)
{
	size_t length = *list ? g_strv_length(*list) : 0;

	*list = g_renew(char *, *list, length + 2);
	(*list)[length] = text;
	(*list)[length + 1] = NULL;
}

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
		list_add(data, g_strdup(line));
	else if (g_getenv(name))
		list_add(data, g_strconcat(name, "=", g_getenv(name), NULL));
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

static bool add_pair(void *data, const char *line, GError **error)
{
	GHashTable **map = data;
	const char *equals = strchr(line, '=');
	size_t length = equals ? (size_t) (equals - line) : strlen(line);

	if (length == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid label '%s': empty name", line);
	if (!*map)
		*map = berth_map_new();
	g_hash_table_insert(*map, g_strndup(line, length), g_strdup(equals ? equals + 1 : ""));
	return true;
}

bool berth_parse_labels(char *const *values, char *const *files, GHashTable **ret, GError **error)
{
	for (; files && *files; files++)
		if (!read_lines(*files, add_pair, ret, error))
			return false;
	for (; values && *values; values++)
		if (!add_pair(ret, *values, error))
			return false;
	return true;
}

bool berth_parse_pairs(char *const *values, GHashTable **ret, GError **error)
{
	for (; values && *values; values++) {
		if (!strchr(*values, '='))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid option '%s': expected key=value",
					       *values);
		if (!add_pair(ret, *values, error))
			return false;
	}
	return true;
}

// A source that begins with "." is one of our working folder.
static char *absolute(const char *source)
{
	g_autofree char *folder = *source == '.' ? g_get_current_dir() : NULL;

	return folder ? g_canonicalize_filename(source, folder) : g_strdup(source);
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
			list_add(ret_volumes, g_strdup(parts[0]));
			continue;
		}
		g_autofree char *source = absolute(parts[0]);
		list_add(ret_binds, g_strconcat(source, ":", parts[1], count == 3 ? ":" : NULL, parts[2], NULL));
	}
	return true;
}

static bool parse_truth(const char *key, const char *value, bool *ret, GError **error)
{
	static const char *const truths[] = {"", "1", "true", "True", "TRUE", NULL}, *const untruths[] = {
											     "0", "false", "False",
											     "FALSE", NULL};

	if (!g_strv_contains(truths, value) && !g_strv_contains(untruths, value))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s", key, value);
	*ret = g_strv_contains(truths, value);
	return true;
}

static struct api_bind_options *bind_options(struct api_mount *mount)
{
	if (!mount->bind_options)
		mount->bind_options = berth_document_new(&api_bind_options_document);
	return mount->bind_options;
}

static struct api_volume_options *volume_options(struct api_mount *mount)
{
	if (!mount->volume_options)
		mount->volume_options = berth_document_new(&api_volume_options_document);
	return mount->volume_options;
}

static struct api_tmpfs_options *tmpfs_options(struct api_mount *mount)
{
	if (!mount->tmpfs_options)
		mount->tmpfs_options = berth_document_new(&api_tmpfs_options_document);
	return mount->tmpfs_options;
}

static void set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static bool set_bind_recursive(struct api_mount *mount, const char *value, GError **error)
{
	struct api_bind_options *bind = bind_options(mount);

	if (strcmp(value, "disabled") == 0)
		bind->non_recursive = true;
	else if (strcmp(value, "writable") == 0)
		bind->read_only_non_recursive = true;
	else if (strcmp(value, "readonly") == 0)
		bind->read_only_force_recursive = true;
	else if (strcmp(value, "enabled") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid value for bind-recursive: %s (must be \"enabled\", \"disabled\", "
				       "\"writable\", or \"readonly\")",
				       value);
	return true;
}

static bool set_driver(struct api_mount *mount, const char *key, const char *value)
{
	struct api_volume_options *volume = volume_options(mount);

	if (!volume->driver_config)
		volume->driver_config = json_pack("{s:s, s:{}}", "Name", "", "Options");
	if (strcmp(key, "volume-driver") == 0)
		return json_object_set_new(volume->driver_config, "Name", json_string(value)) == 0;
	g_auto(GStrv) pair = g_strsplit(value, "=", 2);
	return pair[0] && json_object_set_new(json_object_get(volume->driver_config, "Options"), pair[0],
					      json_string(pair[1] ? pair[1] : "")) == 0;
}

static bool set_mount_mode(struct api_mount *mount, const char *value, GError **error)
{
	char *end;

	tmpfs_options(mount)->mode = g_ascii_strtoll(value, &end, 8);
	return (*value && !*end) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for tmpfs-mode: %s", value);
}

static bool set_mount_field(struct api_mount *mount, const char *key, const char *value, GError **error)
{
#define IS(name) (strcmp(key, name) == 0)
	if (IS("type"))
		set_text(&mount->type, value);
	else if (IS("source") || IS("src"))
		mount->source = (g_free(mount->source), absolute(value));
	else if (IS("target") || IS("dst") || IS("destination"))
		set_text(&mount->target, value);
	else if (IS("readonly") || IS("ro"))
		return parse_truth(key, value, &mount->read_only, error);
	else if (IS("consistency"))
		set_text(&mount->consistency, value);
	else if (IS("bind-propagation"))
		set_text(&bind_options(mount)->propagation, value);
	else if (IS("bind-nonrecursive"))
		return parse_truth(key, value, &bind_options(mount)->non_recursive, error);
	else if (IS("bind-recursive"))
		return set_bind_recursive(mount, value, error);
	else if (IS("bind-create-src"))
		return parse_truth(key, value, &bind_options(mount)->create_mountpoint, error);
	else if (IS("volume-nocopy"))
		return parse_truth(key, value, &volume_options(mount)->no_copy, error);
	else if (IS("volume-subpath"))
		set_text(&volume_options(mount)->subpath, value);
	else if (IS("volume-label"))
		return add_pair(&volume_options(mount)->labels, value, error);
	else if (IS("volume-driver") || IS("volume-opt"))
		return set_driver(mount, key, value) ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s", key, value);
	else if (IS("tmpfs-size"))
		return berth_bytes_parse(value, &tmpfs_options(mount)->size_bytes, error);
	else if (IS("tmpfs-mode"))
		return set_mount_mode(mount, value, error);
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "unexpected key '%s' in '%s=%s'", key, key, value);
#undef IS
	return true;
}

static bool check_mount(const struct api_mount *mount, GError **error)
{
	const struct {
		const char *type;
		const void *options;
	} owners[] = {
		{"bind", mount->bind_options}, {"volume", mount->volume_options}, {"tmpfs", mount->tmpfs_options}};

	if (!mount->type || !*mount->type)
		return berth_error_set(error, BERTH_ERROR_INVALID, "type is required");
	if (!mount->target || !*mount->target)
		return berth_error_set(error, BERTH_ERROR_INVALID, "target is required");
	for (size_t i = 0; i < G_N_ELEMENTS(owners); i++)
		if (owners[i].options && strcmp(owners[i].type, mount->type) != 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "cannot mix '%s-*' options with mount type '%s'", owners[i].type,
					       mount->type);
	return true;
}

// Splits at commas that are not within double quotes, as CSV.
static char **split_csv(const char *text)
{
	g_autoptr(GString) field = g_string_new(NULL);
	char **fields = NULL;
	bool quoted = false;

	for (; *text; text++) {
		if (*text == '"') {
			if (quoted && text[1] == '"')
				g_string_append_c(field, *text++);
			else
				quoted = !quoted;
		} else if (*text == ',' && !quoted) {
			list_add(&fields, g_strdup(field->str));
			g_string_truncate(field, 0);
		} else {
			g_string_append_c(field, *text);
		}
	}
	list_add(&fields, g_strdup(field->str));
	return fields;
}

static bool parse_mount(const char *text, struct api_mount *mount, GError **error)
{
	g_auto(GStrv) fields = split_csv(text);

	mount->type = g_strdup("volume");
	for (char **field = fields; *field; field++) {
		g_auto(GStrv) pair = g_strsplit(*field, "=", 2);
		bool alone = pair[0] && !pair[1];
		if (!pair[0] ||
		    (alone && !g_strv_contains((const char *const[]){"readonly", "ro", "bind-nonrecursive",
								     "volume-nocopy", "bind-create-src", NULL},
					       pair[0])))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid field '%s' must be a key=value pair", *field);
		if (!set_mount_field(mount, pair[0], alone ? "" : pair[1], error))
			return false;
	}
	return check_mount(mount, error);
}

bool berth_parse_mounts(char *const *values, GPtrArray **ret, GError **error)
{
	for (; values && *values; values++) {
		struct api_mount *mount = berth_document_new(&api_mount_document);
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, mount);
		if (!parse_mount(*values, mount, error)) {
			g_prefix_error(error, "invalid argument \"%s\" for \"--mount\" flag: ", *values);
			return false;
		}
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
		list_add(&host->security_opt, option);
	}
	return true;
}

// "80", "80-90"; *ret_last is the same for one port. Empty text is 0.
static bool parse_range(const char *text, unsigned *ret_first, unsigned *ret_last)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last = first;

	if (*text && !g_ascii_isdigit(*text))
		return false;
	if (*end == '-' && g_ascii_isdigit(end[1]))
		last = strtoul(end + 1, &end, 10);
	*ret_first = (unsigned) first;
	*ret_last = (unsigned) last;
	return !*end && first <= last && last < BERTH_LIMIT_PORT_RANGE && (first > 0 || !*text);
}

// Takes "/tcp" off the end of a port; false if it is no protocol.
static bool take_protocol(char *text, const char **ret)
{
	char *slash = strchr(text, '/');

	*ret = "tcp";
	if (!slash)
		return true;
	*slash = 0;
	*ret = slash + 1;
	return g_strv_contains((const char *const[]){"tcp", "udp", "sctp", NULL}, *ret);
}

// One --publish: [ADDRESS:][HOST-PORTS:]PORTS[/PROTOCOL].
static bool publish(const char *value, char ***exposed, GHashTable *bindings)
{
	g_autofree char *text = g_strdup(value);
	const char *protocol, *address = "", *outside = "";
	unsigned first, last, host_first, host_last;

	if (!take_protocol(text, &protocol))
		return false;
	char *inside = strrchr(text, ':');
	if (inside) {
		*inside++ = 0;
		char *bracket = strchr(text, ']'), *colon = strrchr(text, ':');
		bool addressed = colon && (!bracket || colon > bracket);
		outside = addressed ? colon + 1 : text;
		if (addressed) {
			*colon = 0;
			address = text;
			if (bracket && *text == '[') {
				*bracket = 0;
				address = text + 1;
			}
		}
	} else {
		inside = text;
	}
	if (!*inside || !parse_range(inside, &first, &last) || !parse_range(outside, &host_first, &host_last))
		return false;
	if (host_first && host_last - host_first != last - first && first != last)
		return false;
	for (unsigned port = first; port <= last; port++) {
		g_autofree char *name = g_strdup_printf("%u/%s", port, protocol);
		GPtrArray *list = g_hash_table_lookup(bindings, name);
		if (!list) {
			list = berth_objects_new();
			g_hash_table_insert(bindings, g_strdup(name), list);
			list_add(exposed, g_strdup(name));
		}
		struct api_port_binding *binding = berth_document_new(&api_port_binding_document);
		binding->host_ip = g_strdup(address);
		binding->host_port = !host_first ? g_strdup("")
				     : first == last && host_first != host_last
					     ? g_strdup_printf("%u-%u", host_first, host_last)
					     : g_strdup_printf("%u", host_first + port - first);
		g_ptr_array_add(list, binding);
	}
	return true;
}

static bool expose_ports(const char *value, char ***exposed)
{
	g_autofree char *text = g_strdup(value);
	const char *protocol;
	unsigned first, last;

	if (!take_protocol(text, &protocol) || !*text || !parse_range(text, &first, &last))
		return false;
	for (unsigned port = first; port <= last; port++) {
		g_autofree char *name = g_strdup_printf("%u/%s", port, protocol);
		if (!*exposed || !g_strv_contains((const char *const *) *exposed, name))
			list_add(exposed, g_steal_pointer(&name));
	}
	return true;
}

bool berth_parse_ports(char *const *publishes, char *const *exposes, char ***ret_exposed, GHashTable **ret_bindings,
		       GError **error)
{
	if (publishes)
		*ret_bindings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; publishes && *publishes; publishes++)
		if (!publish(*publishes, ret_exposed, *ret_bindings))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid argument \"%s\" for \"-p, --publish\" flag: expected "
					       "[ADDRESS:][HOST-PORTS:]PORTS[/PROTOCOL]",
					       *publishes);
	for (; exposes && *exposes; exposes++)
		if (!expose_ports(*exposes, ret_exposed))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid range format for --expose: %s: expected PORTS[/PROTOCOL]",
					       *exposes);
	return true;
}
