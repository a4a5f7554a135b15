// SPDX-License-Identifier: Apache-2.0
// Volumes of a plugin, which is a web server of the test's own.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "plugin/plugin.h"
#include "plugin/tests/server.h"
#include "volume/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct scene {
	char *folder, *socket, *data;
	char *folders[2];
	struct berth_plugins *plugins;
	struct berth_volumes *volumes;
	struct plugin_server *server;
	GMutex lock;
	bool exists; // the plugin has volume v
	const char *mountpoint;
};

static char *handle(void *data, const char *method, const json_t *body, G_GNUC_UNUSED int *status)
{
	struct scene *scene = data;
	bool ours = g_strcmp0(json_string_value(json_object_get(body, "Name")), "vol") == 0;

	if (g_str_equal(method, "Plugin.Activate"))
		return g_strdup("{\"Implements\": [\"VolumeDriver\"]}");
	if (g_str_equal(method, "VolumeDriver.Create")) {
		if (!ours)
			return g_strdup("{\"Err\": \"no room\"}");
		scene->exists = true;
		return g_strdup("{}");
	}
	if (g_str_equal(method, "VolumeDriver.Remove")) {
		bool existed = scene->exists;
		scene->exists = false;
		return g_strdup(existed ? "{}" : "{\"Err\": \"never heard of it\"}");
	}
	if (g_str_equal(method, "VolumeDriver.Get"))
		return g_strdup(scene->exists && ours ? "{\"Volume\": {\"Name\": \"vol\", \"Mountpoint\": \"/x\", "
							"\"CreatedAt\": \"2024-01-01T00:00:00Z\", "
							"\"Status\": {\"shelf\": 3}}}"
						      : "{\"Err\": \"no such volume\"}");
	if (g_str_equal(method, "VolumeDriver.List"))
		return g_strdup(
			"{\"Volumes\": [{\"Name\": \"vol\"}, {\"Name\": \"../evil\"}, {\"Name\": 3}, {\"Name\": "
			"\"wide\"}]}");
	if (g_str_equal(method, "VolumeDriver.Mount"))
		return g_strdup_printf("{\"Mountpoint\": \"%s\"}", scene->mountpoint);
	if (g_str_equal(method, "VolumeDriver.Path"))
		return g_strdup("{\"Mountpoint\": \"/x\"}");
	if (g_str_equal(method, "VolumeDriver.Capabilities"))
		return g_strdup("{\"Capabilities\": {\"Scope\": \"Global\"}}");
	return g_strdup("{}");
}

static void scene_up(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	scene->folder = g_dir_make_tmp("berth-volume-XXXXXX", NULL);
	scene->folders[0] = g_build_filename(scene->folder, "plugins", NULL);
	scene->data = g_build_filename(scene->folder, "data", NULL);
	scene->mountpoint = scene->data;
	g_assert_cmpint(mkdir(scene->folders[0], 0700), ==, 0);
	g_assert_cmpint(mkdir(scene->data, 0700), ==, 0);
	scene->socket = g_build_filename(scene->folders[0], "shelf.sock", NULL);
	g_autofree char *root = g_build_filename(scene->folder, "volumes", NULL);
	g_autofree char *run = g_build_filename(scene->folder, "run", NULL);
	scene->plugins = berth_plugins_new(scene->folders);
	struct berth_volumes_options options = {.root = root, .run_folder = run};
	scene->volumes = berth_volumes_new(&options, scene->plugins, &error);
	g_assert_no_error(error);
	scene->server = plugin_server_new(scene->socket, handle, scene);
}

static void scene_down(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	if (scene->server)
		plugin_server_free(scene->server);
	berth_volumes_free(scene->volumes);
	berth_plugins_free(scene->plugins);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, scene->folder, NULL));
	g_free(scene->folders[0]);
	g_free(scene->data);
	g_free(scene->socket);
	g_free(scene->folder);
}

static struct berth_volume *make(const char *name)
{
	struct berth_volume *volume = berth_document_new(&berth_volume_document);

	volume->version = BERTH_VOLUME_VERSION;
	volume->name = g_strdup(name);
	volume->driver = g_strdup("shelf");
	volume->options = berth_map_new();
	g_hash_table_insert(volume->options, g_strdup("colour"), g_strdup("red"));
	return volume;
}

static void test_life(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_volume) volume = make("vol");
	const struct berth_volume_driver *driver = berth_volume_driver_find(scene->volumes, "shelf", NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL, *second = NULL;

	g_assert_true(driver == &berth_volume_remote);
	g_assert_true(driver->check(scene->volumes, volume, &error));
	for (int i = 0; i < 2; i++) // what is there already is not made again
		g_assert_true(driver->create(scene->volumes, volume, &error));
	g_assert_no_error(error);
	g_assert_true(berth_volume_mount(scene->volumes, volume, "c1", &path, &error));
	g_assert_cmpstr(path, ==, scene->data);
	g_assert_true(berth_volume_mount(scene->volumes, volume, "c2", &second, &error));
	g_assert_true(berth_volumes_release(scene->volumes, "c1", &error));
	g_assert_true(berth_volumes_release(scene->volumes, "c1", &error));
	g_assert_true(berth_volumes_release(scene->volumes, "c2", &error));
	for (int i = 0; i < 2; i++) // what is gone already is removed
		g_assert_true(driver->remove(scene->volumes, volume, &error));
	g_assert_no_error(error);
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_assert_cmpstr(calls, ==,
			"Plugin.Activate \n"
			"VolumeDriver.Get {\"Name\":\"vol\"}\n"
			"VolumeDriver.Create {\"Name\":\"vol\",\"Opts\":{\"colour\":\"red\"}}\n"
			"VolumeDriver.Get {\"Name\":\"vol\"}\n"
			"VolumeDriver.Mount {\"Name\":\"vol\",\"ID\":\"c1\"}\n"
			"VolumeDriver.Mount {\"Name\":\"vol\",\"ID\":\"c2\"}\n"
			"VolumeDriver.Unmount {\"Name\":\"vol\",\"ID\":\"c1\"}\n"
			"VolumeDriver.Unmount {\"Name\":\"vol\",\"ID\":\"c2\"}\n"
			"VolumeDriver.Remove {\"Name\":\"vol\"}\n"
			"VolumeDriver.Remove {\"Name\":\"vol\"}\n"
			"VolumeDriver.Get {\"Name\":\"vol\"}\n");
}

static void test_refusals(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_volume) volume = make("full");
	const struct berth_volume_driver *driver = &berth_volume_remote;
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;

	g_assert_false(driver->create(scene->volumes, volume, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INTERNAL);
	g_assert_cmpstr(error->message, ==, "plugin \"shelf\": VolumeDriver.Create: no room");
	static const char *const bad[] = {"", "relative/path", "/nothing/is/here", "/dev/null"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_clear_error(&error);
		scene->mountpoint = bad[i];
		g_assert_false(driver->mount(scene->volumes, volume, "c1", &path, &error));
		g_assert_nonnull(strstr(error->message, "Mountpoint"));
	}
	// What was mounted in vain is let go of.
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_auto(GStrv) parts = g_strsplit(calls, "VolumeDriver.Unmount", -1);
	g_assert_cmpint((int) g_strv_length(parts) - 1, ==, (int) G_N_ELEMENTS(bad));
}

static void test_lists(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_volume) volume = make("vol");

	g_assert_null(berth_volumes_foreign_find(scene->volumes, "vol"));
	g_assert_true(berth_volume_remote.create(scene->volumes, volume, NULL));
	g_autoptr(berth_volume) found = berth_volumes_foreign_find(scene->volumes, "vol");
	g_assert_cmpstr(found->driver, ==, "shelf");
	g_assert_cmpint((int) (found->created / 1000000000), ==, 1704067200);
	g_assert_null(berth_volumes_foreign_find(scene->volumes, "other"));
	GPtrArray *list = berth_volumes_foreign(scene->volumes);
	g_assert_cmpuint(list->len, ==, 2); // names that no volume can have are left out
	for (guint i = 0; i < list->len; i++) {
		struct berth_volume *one = list->pdata[i];
		g_assert_cmpstr(one->name, ==, i == 0 ? "vol" : "wide");
		berth_volume_free(one);
	}
	g_ptr_array_unref(list);
	g_autofree char *path = berth_volume_remote.path(scene->volumes, volume, NULL);
	g_assert_cmpstr(path, ==, "/x");
	BERTH_AUTO_JSON json_t *status = berth_volume_remote.status(scene->volumes, volume, NULL);
	g_assert_cmpint((int) json_integer_value(json_object_get(status, "shelf")), ==, 3);
	g_assert_true(berth_volume_is_global(scene->volumes, "shelf"));
	g_assert_false(berth_volume_is_global(scene->volumes, "local"));
}

// A plugin that is gone: what there is of it is counted on, and let go of when it is back.
static void test_gone(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_volume) volume = make("vol");
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;

	g_assert_true(berth_volume_remote.create(scene->volumes, volume, &error));
	g_assert_true(berth_volume_mount(scene->volumes, volume, "c1", &path, &error));
	plugin_server_free(g_steal_pointer(&scene->server));
	g_assert_false(berth_volumes_release(scene->volumes, "c1", &error));
	g_assert_nonnull(strstr(error->message, "plugin \"shelf\""));
	g_clear_error(&error);
	g_auto(GStrv) users = berth_volumes_users(scene->volumes);
	g_assert_cmpstr(users[0], ==, "c1");
	g_assert_false(berth_volume_remote.check(scene->volumes, volume, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_true(
		g_str_has_prefix(error->message, "error looking up volume plugin shelf: plugin \"shelf\" not found"));
	g_clear_error(&error);
	scene->server = plugin_server_new(scene->socket, handle, scene);
	g_assert_true(berth_volumes_release(scene->volumes, "c1", &error));
	g_assert_no_error(error);
	g_auto(GStrv) none = berth_volumes_users(scene->volumes);
	g_assert_null(none[0]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/volume/remote/life", struct scene, NULL, scene_up, test_life, scene_down);
	g_test_add("/volume/remote/refusals", struct scene, NULL, scene_up, test_refusals, scene_down);
	g_test_add("/volume/remote/lists", struct scene, NULL, scene_up, test_lists, scene_down);
	g_test_add("/volume/remote/gone", struct scene, NULL, scene_up, test_gone, scene_down);
	return g_test_run();
}
