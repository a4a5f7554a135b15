// SPDX-License-Identifier: Apache-2.0
// --mount: a line of CSV of key=value pairs. uid= and gid= are Berth's own.
#include "cli/container-options.h"

#include "base/error.h"
#include "spec/api-mount.h"

#include <string.h>

// As Go's strconv.ParseBool; `value` is NULL for a key that stands alone.
static bool parse_truth(const char *key, const char *value, bool *ret, GError **error)
{
	static const char *const truths[] = {"1", "t", "T", "true", "True", "TRUE", NULL};
	static const char *const untruths[] = {"0", "f", "F", "false", "False", "FALSE", NULL};

	if (!value) {
		*ret = true;
		return true;
	}
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

static struct api_image_mount_options *image_options(struct api_mount *mount)
{
	if (!mount->image_options)
		mount->image_options = berth_document_new(&api_image_mount_options_document);
	return mount->image_options;
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
	guint64 mode = g_ascii_strtoull(value, &end, 8);

	if (!g_ascii_isdigit(*value) || *end || mode > UINT32_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for tmpfs-mode: %s", value);
	tmpfs_options(mount)->mode = (int64_t) mode;
	return true;
}

static bool set_id(const char *key, const char *value, int64_t *ret, GError **error)
{
	char *end;
	guint64 id = g_ascii_strtoull(value, &end, 10);

	if (!g_ascii_isdigit(*value) || *end || id >= UINT32_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s (a number is expected)",
				       key, value);
	*ret = (int64_t) id;
	return true;
}

static bool set_size(struct api_mount *mount, const char *value, GError **error)
{
	return berth_bytes_parse(value, &tmpfs_options(mount)->size_bytes, NULL) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for tmpfs-size: %s", value);
}

// What belongs to one type of mounts only.
static bool set_type_field(struct api_mount *mount, const char *key, const char *value, const char *field,
			   GError **error)
{
#define IS(name) (strcmp(key, name) == 0)
	g_autofree char *lower = IS("bind-propagation") ? g_ascii_strdown(value, -1) : NULL;

	if (lower)
		set_text(&bind_options(mount)->propagation, lower);
	else if (IS("bind-nonrecursive")) // what bind-recursive=disabled was before
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
		return berth_parse_pair(&volume_options(mount)->labels, value, error);
	else if (IS("volume-driver") || IS("volume-opt"))
		return set_driver(mount, key, value) ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s", key, value);
	else if (IS("image-subpath"))
		set_text(&image_options(mount)->subpath, value);
	else if (IS("tmpfs-size"))
		return set_size(mount, value, error);
	else if (IS("tmpfs-mode"))
		return set_mount_mode(mount, value, error);
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "unexpected key '%s' in '%s'", key, field);
	return true;
}

// `value` is NULL for the switches that may stand alone.
static bool set_mount_field(struct api_mount *mount, const char *key, const char *value, const char *field,
			    GError **error)
{
	if (IS("type"))
		mount->type = (g_free(mount->type), g_ascii_strdown(value, -1));
	else if (IS("source") || IS("src"))
		mount->source = (g_free(mount->source), berth_absolute_source(value));
	else if (IS("target") || IS("dst") || IS("destination"))
		set_text(&mount->target, value);
	else if (IS("readonly") || IS("ro"))
		return parse_truth(key, value, &mount->read_only, error);
	else if (IS("consistency"))
		mount->consistency = (g_free(mount->consistency), g_ascii_strdown(value, -1));
	else if (IS("uid"))
		return set_id(key, value, &mount->uid, error);
	else if (IS("gid"))
		return set_id(key, value, &mount->gid, error);
	else
		return set_type_field(mount, key, value, field, error);
	return true;
#undef IS
}

// What recursively read-only mounts need beside them.
static bool check_recursive(const struct api_mount *mount, GError **error)
{
	const struct api_bind_options *bind = mount->bind_options;

	if (!bind)
		return true;
	if (bind->read_only_non_recursive && !mount->read_only)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
	if (bind->read_only_force_recursive && !mount->read_only)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
	return !bind->read_only_force_recursive || g_strcmp0(bind->propagation, "rprivate") == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified "
			       "in conjunction");
}

static bool check_mount(const struct api_mount *mount, GError **error)
{
	const struct {
		const char *type;
		const void *options;
	} owners[] = {{"bind", mount->bind_options},
		      {"volume", mount->volume_options},
		      {"tmpfs", mount->tmpfs_options},
		      {"image", mount->image_options}};

	if (!mount->type || !*mount->type)
		return berth_error_set(error, BERTH_ERROR_INVALID, "type is required");
	if (!mount->target || !*mount->target)
		return berth_error_set(error, BERTH_ERROR_INVALID, "target is required");
	for (size_t i = 0; i < G_N_ELEMENTS(owners); i++)
		if (owners[i].options && strcmp(owners[i].type, mount->type) != 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "cannot mix '%s-*' options with mount type '%s'", owners[i].type,
					       mount->type);
	return check_recursive(mount, error);
}

static bool parse_mount(const char *text, struct api_mount *mount, GError **error)
{
	static const char *const alone[] = {"readonly", "ro", "bind-nonrecursive", "volume-nocopy", NULL};
	g_auto(GStrv) fields = berth_split_csv(text, error);

	mount->type = g_strdup("volume");
	for (char **field = fields; field && *field; field++) {
		const char *equals = strchr(*field, '=');
		g_autofree char *key =
			g_ascii_strdown(*field, equals ? (gssize) (equals - *field) : (gssize) strlen(*field));
		if (!equals && !g_strv_contains(alone, key))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid field '%s' must be a key=value pair", *field);
		if (!set_mount_field(mount, key, equals ? equals + 1 : NULL, *field, error))
			return false;
	}
	return fields && check_mount(mount, error);
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
