// SPDX-License-Identifier: Apache-2.0
// Volumes of plugins: Docker's VolumeDriver. The engine has a record of each that was made here or used here; what a
// plugin has beyond those is listed, and gets a record when it is used. Where the data is is the plugin's to say.
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/moment.h"
#include "plugin/plugin.h"
#include "volume/internal.h"

#include <string.h>
#include <sys/stat.h>

#define PATIENCE 10000 // milliseconds for a plugin that does not listen yet, when a volume is made

static json_t *call(struct berth_volumes *volumes, const char *driver, const char *method, json_t *request,
		    GError **error)
{
	return berth_plugin_call(volumes->plugins, driver, BERTH_PLUGIN_VOLUME, method, request, error);
}

static bool do_call(struct berth_volumes *volumes, const struct berth_volume *volume, const char *method,
		    json_t *request, GError **error)
{
	json_t *answer = call(volumes, volume->driver, method, request, error);

	json_decref(answer);
	return answer != NULL;
}

static json_t *named(const struct berth_volume *volume)
{
	return json_pack("{ss}", "Name", volume->name);
}

static json_t *for_container(const struct berth_volume *volume, const char *id)
{
	return json_pack("{ssss}", "Name", volume->name, "ID", id);
}

// What the plugin knows of the volume: its member "Volume". NULL without *error: it has no such volume.
static json_t *get(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	g_autoptr(GError) cause = NULL;
	BERTH_AUTO_JSON json_t *answer = call(volumes, volume->driver, "Get", named(volume), &cause);
	json_t *found = json_object_get(answer, "Volume");

	// A refusal means that there is none: Docker's protocol has no other way to say that.
	if (!answer && !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL) &&
	    !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED))
		g_propagate_error(error, g_steal_pointer(&cause));
	return json_is_object(found) ? json_incref(found) : NULL;
}

static bool remote_check(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	if (berth_plugin_activate(volumes->plugins, volume->driver, BERTH_PLUGIN_VOLUME, PATIENCE, error))
		return true;
	g_prefix_error(error, "error looking up volume plugin %s: ", volume->driver);
	return false;
}

static bool remote_create(struct berth_volumes *volumes, struct berth_volume *volume, GError **error)
{
	g_autoptr(GError) cause = NULL;
	BERTH_AUTO_JSON json_t *found = get(volumes, volume, &cause);
	BERTH_AUTO_JSON json_t *options = json_object();
	GHashTableIter iter;
	void *key, *value;

	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	if (found)
		return true;
	if (volume->options) {
		g_hash_table_iter_init(&iter, volume->options);
		while (g_hash_table_iter_next(&iter, &key, &value))
			json_object_set_new(options, key, json_string(value));
	}
	volume->made =
		do_call(volumes, volume, "Create", json_pack("{sssO}", "Name", volume->name, "Opts", options), error);
	return volume->made;
}

// One that the plugin has not is removed.
static bool remote_remove(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (do_call(volumes, volume, "Remove", named(volume), &cause))
		return true;
	if (g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL)) {
		g_autoptr(GError) other = NULL;
		BERTH_AUTO_JSON json_t *found = get(volumes, volume, &other);
		if (!found && !other)
			return true;
	}
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

static bool remote_counted(G_GNUC_UNUSED const struct berth_volume *volume)
{
	return true;
}

// The member Mountpoint: a new text; NULL: there is none.
static char *mountpoint_of(const json_t *document)
{
	const char *path = json_string_value(json_object_get(document, "Mountpoint"));

	return path && path[0] ? g_strdup(path) : NULL;
}

static bool check_mountpoint(const struct berth_volume *volume, const char *path, GError **error)
{
	struct stat status;

	if (!path)
		return berth_error_set(error, BERTH_ERROR_INTERNAL,
				       "plugin \"%s\": VolumeDriver.Mount: its answer has no Mountpoint for volume %s",
				       volume->driver, volume->name);
	if (path[0] != '/')
		return berth_error_set(
			error, BERTH_ERROR_INTERNAL,
			"plugin \"%s\": VolumeDriver.Mount: Mountpoint %.200s of volume %s is no absolute path",
			volume->driver, path, volume->name);
	if (stat(path, &status) < 0)
		return berth_error_set_errno(error, errno,
					     "plugin \"%s\": VolumeDriver.Mount: Mountpoint %.200s of volume %s",
					     volume->driver, path, volume->name);
	return S_ISDIR(status.st_mode) ||
	       berth_error_set(error, BERTH_ERROR_INTERNAL,
			       "plugin \"%s\": VolumeDriver.Mount: Mountpoint %.200s of volume %s is no folder",
			       volume->driver, path, volume->name);
}

static bool remote_mount(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id,
			 char **ret_path, GError **error)
{
	BERTH_AUTO_JSON json_t *answer = call(volumes, volume->driver, "Mount", for_container(volume, id), error);
	g_autofree char *path = mountpoint_of(answer);

	if (!answer)
		return false;
	if (!check_mountpoint(volume, path, error)) {
		do_call(volumes, volume, "Unmount", for_container(volume, id), NULL);
		return false;
	}
	*ret_path = g_steal_pointer(&path);
	return true;
}

static bool remote_unmount(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id,
			   G_GNUC_UNUSED bool last, GError **error)
{
	return do_call(volumes, volume, "Unmount", for_container(volume, id), error);
}

static char *remote_path(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	BERTH_AUTO_JSON json_t *answer = call(volumes, volume->driver, "Path", named(volume), error);
	char *path = mountpoint_of(answer);

	return path || !answer ? path : g_strdup("");
}

static json_t *remote_status(struct berth_volumes *volumes, const struct berth_volume *volume,
			     G_GNUC_UNUSED GError **error)
{
	BERTH_AUTO_JSON json_t *found = get(volumes, volume, error);
	json_t *status = json_object_get(found, "Status");

	return json_is_object(status) && json_object_size(status) > 0 ? json_incref(status) : NULL;
}

const struct berth_volume_driver berth_volume_remote = {
	.name = "remote",
	.check = remote_check,
	.create = remote_create,
	.remove = remote_remove,
	.counted = remote_counted,
	.mount = remote_mount,
	.unmount = remote_unmount,
	.path = remote_path,
	.status = remote_status,
};

bool berth_volume_is_global(struct berth_volumes *volumes, const char *driver)
{
	if (!volumes->plugins || strcmp(driver, berth_volume_local.name) == 0)
		return false;
	BERTH_AUTO_JSON json_t *answer = call(volumes, driver, "Capabilities", NULL, NULL);
	const char *text = json_string_value(json_object_get(json_object_get(answer, "Capabilities"), "Scope"));
	return text && g_ascii_strcasecmp(text, "global") == 0;
}

// A volume as a plugin describes it; NULL: it cannot be one of ours.
static struct berth_volume *read_volume(const char *driver, const json_t *document)
{
	const char *name = json_string_value(json_object_get(document, "Name"));
	const char *created = json_string_value(json_object_get(document, "CreatedAt"));

	if (!name || !berth_volume_name_check(name, NULL))
		return NULL;
	struct berth_volume *volume = berth_document_new(&berth_volume_document);
	volume->version = BERTH_VOLUME_VERSION;
	volume->name = g_strdup(name);
	volume->driver = g_strdup(driver);
	if (!created || !berth_moment_parse(created, &volume->created, NULL))
		volume->created = 0;
	return volume;
}

GPtrArray *berth_volumes_foreign(struct berth_volumes *volumes)
{
	GPtrArray *list = berth_objects_new();

	if (!volumes->plugins)
		return list;
	g_auto(GStrv) drivers = berth_plugins_list(volumes->plugins, BERTH_PLUGIN_VOLUME);
	for (size_t i = 0; drivers[i]; i++) {
		BERTH_AUTO_JSON json_t *answer = call(volumes, drivers[i], "List", NULL, NULL);
		const json_t *document;
		size_t j;
		json_array_foreach(json_object_get(answer, "Volumes"), j, document)
		{
			struct berth_volume *volume = read_volume(drivers[i], document);
			if (volume)
				g_ptr_array_add(list, volume);
		}
	}
	return list;
}

struct berth_volume *berth_volumes_foreign_find(struct berth_volumes *volumes, const char *name)
{
	if (!volumes->plugins || !berth_volume_name_check(name, NULL))
		return NULL;
	g_auto(GStrv) drivers = berth_plugins_list(volumes->plugins, BERTH_PLUGIN_VOLUME);
	for (size_t i = 0; drivers[i]; i++) {
		struct berth_volume wanted = {.name = (char *) name, .driver = drivers[i]};
		BERTH_AUTO_JSON json_t *found = get(volumes, &wanted, NULL);
		struct berth_volume *volume = found ? read_volume(drivers[i], found) : NULL;
		if (volume && strcmp(volume->name, name) == 0)
			return volume;
		berth_volume_free(volume);
	}
	return NULL;
}
