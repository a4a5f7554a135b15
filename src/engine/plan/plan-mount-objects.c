// SPDX-License-Identifier: Apache-2.0
// Mounts as a request's "Mounts" has them: objects with fields of their own for each type. See plan-mounts.c.
#include "engine/plan/plan-mounts.h"

#include "base/error.h"
#include "base/limits.h"
#include "spec/api-mount.h"
#include "volume/volume.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static bool extra_field(const char *name, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "field %s must not be specified", name);
}

static bool check_owner(int64_t id, const char *field, GError **error)
{
	return id == BERTH_UNSET || (id >= 0 && id < G_MAXUINT32) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "field %s: %" G_GINT64_FORMAT " is no id", field, id);
}

// Whose the files are, as the container sees them: the mount maps ids, and nothing of the files changes.
static bool set_owner(struct berth_container_mount *mount, const struct api_mount *wanted, GError **error)
{
	if (!check_owner(wanted->uid, "UID", error) || !check_owner(wanted->gid, "GID", error))
		return false;
	mount->uid = wanted->uid;
	mount->gid = wanted->gid;
	return true;
}

static bool add_mount_bind(struct berth_plan *plan, const struct api_mount *wanted, GError **error)
{
	static const struct api_bind_options nothing = {0};
	const struct api_bind_options *options = wanted->bind_options ? wanted->bind_options : &nothing;
	const char *propagation = options->propagation && *options->propagation ? options->propagation : "rprivate";

	if (wanted->volume_options)
		return extra_field("VolumeOptions", error);
	if (wanted->tmpfs_options)
		return extra_field("TmpfsOptions", error);
	if (wanted->image_options)
		return extra_field("ImageOptions", error);
	if (!wanted->source || !*wanted->source)
		return berth_error_set(error, BERTH_ERROR_INVALID, "field Source must not be empty");
	if (*wanted->source != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid mount path: '%s' mount path must be absolute", wanted->source);
	if (!g_strv_contains(berth_plan__propagations, propagation))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid propagation mode: %s", propagation);
	if (options->read_only_force_recursive && (options->read_only_non_recursive || options->non_recursive ||
						   !wanted->read_only || !g_str_equal(propagation, "rprivate")))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "ReadOnlyForceRecursive needs ReadOnly, a recursive bind and the propagation "
				       "rprivate, and excludes ReadOnlyNonRecursive");
	if (options->read_only_non_recursive && !wanted->read_only)
		return berth_error_set(error, BERTH_ERROR_INVALID, "ReadOnlyNonRecursive needs ReadOnly");
	if (!options->create_mountpoint && access(wanted->source, F_OK) < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "bind source path does not exist: %s",
				       wanted->source);
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "bind", wanted->target, error);
	if (!mount)
		return false;
	mount->source = g_canonicalize_filename(wanted->source, "/");
	mount->writable = !wanted->read_only;
	mount->make_source = options->create_mountpoint;
	berth_plan__mount_bind_options(mount, propagation, !options->non_recursive, !options->read_only_non_recursive);
	return set_owner(mount, wanted, error);
}

// VolumeOptions.DriverConfig: {"Name": "local", "Options": {"type": "tmpfs"}}
static bool set_driver(struct berth_container_mount *mount, const json_t *config, GError **error)
{
	const char *name = json_string_value(json_object_get(config, "Name")), *key;
	json_t *options = json_object_get(config, "Options"), *value;

	if (name && *name) {
		g_free(mount->driver);
		mount->driver = g_strdup(name);
	}
	if (!json_object_size(options))
		return true;
	mount->driver_options = berth_map_new();
	json_object_foreach(options, key, value)
	{
		if (!json_is_string(value))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "VolumeOptions.DriverConfig.Options.%s: expected a string", key);
		g_hash_table_insert(mount->driver_options, g_strdup(key), g_strdup(json_string_value(value)));
	}
	return true;
}

static void set_labels(struct berth_container_mount *mount, GHashTable *labels)
{
	GHashTableIter iter;
	void *key, *value;

	if (!labels || !g_hash_table_size(labels))
		return;
	mount->labels = berth_map_new();
	g_hash_table_iter_init(&iter, labels);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(mount->labels, g_strdup(key), g_strdup(value));
}

// Beneath the volume or image: that it stays there is seen to when it is opened.
static bool set_subpath(struct berth_container_mount *mount, const char *subpath, GError **error)
{
	if (!subpath || !*subpath)
		return true;
	g_auto(GStrv) parts = g_strsplit(subpath, "/", 0);
	if (*subpath == '/' || g_strv_contains((const char *const *) parts, ".."))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "subpath %s: must be a relative path within the volume", subpath);
	if (strlen(subpath) >= PATH_MAX || !berth_plan_is_plain(subpath))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "subpath: is longer than %d bytes or has control characters", PATH_MAX - 1);
	mount->subpath = g_strdup(subpath);
	return true;
}

static bool add_mount_volume(struct berth_plan *plan, const struct api_mount *wanted, GError **error)
{
	static const struct api_volume_options nothing = {0};
	const struct api_volume_options *options = wanted->volume_options ? wanted->volume_options : &nothing;

	if (wanted->bind_options)
		return extra_field("BindOptions", error);
	if (wanted->tmpfs_options)
		return extra_field("TmpfsOptions", error);
	if (wanted->image_options)
		return extra_field("ImageOptions", error);
	if (wanted->source && *wanted->source && !berth_volume_name_check(wanted->source, error))
		return g_prefix_error(error, "create %s: ", wanted->source), false;
	struct berth_container_mount *mount =
		berth_plan__mount_volume(plan, wanted->source, wanted->target, wanted->read_only, error);
	if (!mount)
		return false;
	mount->no_copy = options->no_copy;
	g_free(mount->mode);
	mount->mode = g_strdup("z"); // as Docker shows it
	g_free(mount->driver);
	mount->driver = g_strdup("");
	set_labels(mount, options->labels);
	return set_driver(mount, options->driver_config, error) && set_subpath(mount, options->subpath, error) &&
	       set_owner(mount, wanted, error);
}

// What an image has, to be read.
static bool add_mount_image(struct berth_plan *plan, const struct api_mount *wanted, GError **error)
{
	if (wanted->bind_options)
		return extra_field("BindOptions", error);
	if (wanted->volume_options)
		return extra_field("VolumeOptions", error);
	if (wanted->tmpfs_options)
		return extra_field("TmpfsOptions", error);
	if (wanted->uid != BERTH_UNSET || wanted->gid != BERTH_UNSET)
		return extra_field(wanted->uid != BERTH_UNSET ? "UID" : "GID", error);
	if (!wanted->source || !*wanted->source)
		return berth_error_set(error, BERTH_ERROR_INVALID, "field Source must not be empty");
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "image", wanted->target, error);
	if (!mount)
		return false;
	mount->source = g_strdup(wanted->source);
	mount->writable = false;
	berth_plan__mount_bind_options(mount, "rprivate", true, true);
	g_clear_pointer(&mount->propagation, g_free);
	mount->propagation = g_strdup("");
	return set_subpath(mount, wanted->image_options ? wanted->image_options->subpath : NULL, error);
}

// [["exec"], ["uid", "1000"]]
static bool add_tmpfs_pairs(struct berth_container_mount *mount, GStrvBuilder *options, const json_t *pairs,
			    GError **error)
{
	for (size_t i = 0; i < json_array_size(pairs); i++) {
		const json_t *pair = json_array_get(pairs, i);
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		size_t length = json_array_size(pair);
		if (!name || length > 2 || (length == 2 && !value))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "TmpfsOptions.Options[%zu]: is not [name] or [name, value]", i);
		g_autofree char *option = value ? g_strconcat(name, "=", value, NULL) : g_strdup(name);
		if (!berth_plan__tmpfs_option(mount, options, option, error))
			return false;
	}
	return true;
}

static bool add_mount_tmpfs(struct berth_plan *plan, const struct api_mount *wanted, GError **error)
{
	const struct api_tmpfs_options *tmpfs = wanted->tmpfs_options;
	g_autoptr(GStrvBuilder) options = berth_plan__tmpfs_defaults();

	if (wanted->bind_options)
		return extra_field("BindOptions", error);
	if (wanted->volume_options)
		return extra_field("VolumeOptions", error);
	if (wanted->image_options)
		return extra_field("ImageOptions", error);
	if (wanted->uid != BERTH_UNSET || wanted->gid != BERTH_UNSET)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "UID and GID are of binds and volumes: a tmpfs has the options uid= and gid=");
	if (wanted->source && *wanted->source)
		return extra_field("Source", error);
	if (tmpfs && (tmpfs->size_bytes < 0 || tmpfs->mode < 0 || tmpfs->mode > 07777))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "TmpfsOptions: the size must not be negative, the mode 0 to 07777");
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "tmpfs", wanted->target, error);
	if (!mount || (tmpfs && !add_tmpfs_pairs(mount, options, tmpfs->options, error)))
		return false;
	if (wanted->read_only)
		g_strv_builder_add(options, "ro");
	mount->writable = mount->writable && !wanted->read_only;
	g_autofree char *size = tmpfs ? g_strdup_printf("size=%" G_GINT64_FORMAT, tmpfs->size_bytes) : NULL;
	g_autofree char *mode = tmpfs ? g_strdup_printf("mode=%o", (unsigned) tmpfs->mode) : NULL;
	if (tmpfs && tmpfs->size_bytes)
		g_strv_builder_add(options, size);
	if (tmpfs && tmpfs->mode)
		g_strv_builder_add(options, mode);
	mount->options = g_strv_builder_end(options);
	return true;
}

static bool add_mount(struct berth_plan *plan, const struct api_mount *wanted, GError **error)
{
	static const char *const later[] = {"npipe", "cluster", NULL};
	const char *type = wanted->type ? wanted->type : "";

	if (!wanted->target || !*wanted->target)
		return berth_error_set(error, BERTH_ERROR_INVALID, "field Target must not be empty");
	if (g_str_equal(type, "bind"))
		return add_mount_bind(plan, wanted, error);
	if (g_str_equal(type, "volume"))
		return add_mount_volume(plan, wanted, error);
	if (g_str_equal(type, "tmpfs"))
		return add_mount_tmpfs(plan, wanted, error);
	if (g_str_equal(type, "image"))
		return add_mount_image(plan, wanted, error);
	if (g_strv_contains(later, type))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "mounts of this type are not in this version");
	return berth_error_set(error, BERTH_ERROR_INVALID, "mount type unknown");
}

bool berth_plan__mount_objects(struct berth_plan *plan, GError **error)
{
	const GPtrArray *mounts = plan->host->mounts;

	for (guint i = 0; mounts && i < mounts->len; i++) {
		const struct api_mount *mount = mounts->pdata[i];
		if (!add_mount(plan, mount, error))
			return g_prefix_error(error,
					      "invalid mount config for type \"%s\": ", mount->type ? mount->type : ""),
			       false;
	}
	return true;
}
