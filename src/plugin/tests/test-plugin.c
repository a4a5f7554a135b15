// SPDX-License-Identifier: Apache-2.0
// Plugins: where they are found, what their names may be, what they answer, and how they come back.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/plugin.h"
#include "plugin/tests/server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct scene {
	char *folder; // with "run", "etc" and "lib" in it
	char *folders[4];
	struct berth_plugins *plugins;
};

static void scene_up(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const char *const names[] = {"run", "etc", "lib"};

	scene->folder = g_dir_make_tmp("berth-plugin-XXXXXX", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		scene->folders[i] = g_build_filename(scene->folder, names[i], NULL);
		g_assert_cmpint(mkdir(scene->folders[i], 0700), ==, 0);
	}
	scene->plugins = berth_plugins_new(scene->folders);
}

static void scene_down(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	berth_plugins_free(scene->plugins);
	for (size_t i = 0; i < 3; i++)
		g_free(scene->folders[i]);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, scene->folder, NULL));
	g_free(scene->folder);
}

static char *socket_of(const struct scene *scene, const char *name)
{
	return g_strdup_printf("%s/%s.sock", scene->folders[0], name);
}

static void write_file(const struct scene *scene, int folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(scene->folders[folder], name, NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

// What a plugin of volumes and networks answers in these tests.
static char *handle(G_GNUC_UNUSED void *data, const char *method, G_GNUC_UNUSED const json_t *body, int *status)
{
	if (g_str_equal(method, "Plugin.Activate"))
		return g_strdup("{\"Implements\": [\"VolumeDriver\", \"NetworkDriver\"]}");
	if (g_str_equal(method, "VolumeDriver.Get"))
		return g_strdup("{\"Volume\": {\"Name\": \"v\"}}");
	if (g_str_equal(method, "VolumeDriver.Remove"))
		return g_strdup("");
	if (g_str_equal(method, "VolumeDriver.Path"))
		return g_strdup("null");
	if (g_str_equal(method, "VolumeDriver.Create"))
		return g_strdup("{\"Err\": \"the shelf is full\\u001b[31m\\n\"}");
	if (g_str_equal(method, "VolumeDriver.Mount")) {
		*status = 500;
		return g_strdup("{\"Err\": \"no such shelf\"}");
	}
	if (g_str_equal(method, "VolumeDriver.Unmount")) {
		*status = 503;
		return g_strdup("the shelf is being mended");
	}
	if (g_str_equal(method, "NetworkDriver.CreateNetwork"))
		return g_strdup("[1, 2]");
	if (g_str_equal(method, "NetworkDriver.DeleteNetwork"))
		return g_strdup("{\"half\": ");
	if (g_str_equal(method, "NetworkDriver.Join"))
		return g_strnfill(BERTH_LIMIT_PLUGIN_ANSWER + 1, ' ');
	*status = 404;
	return g_strdup("404 page not found\n");
}

static json_t *call(struct scene *scene, const char *interface, const char *method, GError **error)
{
	return berth_plugin_call(scene->plugins, "shelf", interface, method, json_pack("{ss}", "Name", "v"), error);
}

static void assert_fails(struct scene *scene, const char *interface, const char *method, int code, const char *message)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(call(scene, interface, method, &error));
	g_assert_error(error, BERTH_ERROR, code);
	g_assert_cmpstr(error->message, ==, message);
}

static void test_answers(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	struct plugin_server *server = plugin_server_new(path, handle, NULL);
	g_autoptr(GError) error = NULL;

	BERTH_AUTO_JSON json_t *answer = call(scene, BERTH_PLUGIN_VOLUME, "Get", &error);
	g_assert_no_error(error);
	g_assert_true(json_is_object(json_object_get(answer, "Volume")));
	BERTH_AUTO_JSON json_t *nothing = call(scene, BERTH_PLUGIN_VOLUME, "Remove", &error);
	g_assert_no_error(error);
	g_assert_cmpint((int) json_object_size(nothing), ==, 0);
	BERTH_AUTO_JSON json_t *null = call(scene, BERTH_PLUGIN_VOLUME, "Path", &error);
	g_assert_no_error(error);
	g_assert_true(json_is_object(null));
	assert_fails(scene, BERTH_PLUGIN_VOLUME, "Create", BERTH_ERROR_INTERNAL,
		     "plugin \"shelf\": VolumeDriver.Create: the shelf is full [31m");
	assert_fails(scene, BERTH_PLUGIN_VOLUME, "Mount", BERTH_ERROR_INTERNAL,
		     "plugin \"shelf\": VolumeDriver.Mount: no such shelf");
	assert_fails(scene, BERTH_PLUGIN_VOLUME, "Unmount", BERTH_ERROR_INTERNAL,
		     "plugin \"shelf\": VolumeDriver.Unmount: the shelf is being mended");
	assert_fails(scene, BERTH_PLUGIN_VOLUME, "List", BERTH_ERROR_NOT_IMPLEMENTED,
		     "plugin \"shelf\": VolumeDriver.List: the plugin does not have it: 404 page not found");
	assert_fails(scene, BERTH_PLUGIN_NETWORK, "CreateNetwork", BERTH_ERROR_INTERNAL,
		     "plugin \"shelf\": NetworkDriver.CreateNetwork: the plugin's answer is not an object");
	g_assert_null(call(scene, BERTH_PLUGIN_NETWORK, "DeleteNetwork", &error));
	g_assert_nonnull(strstr(error->message, "plugin \"shelf\": NetworkDriver.DeleteNetwork"));
	g_clear_error(&error);
	g_assert_null(call(scene, BERTH_PLUGIN_NETWORK, "Join", &error));
	g_assert_cmpstr(error->message, ==,
			"plugin \"shelf\": NetworkDriver.Join: the answer has more than 4194304 bytes");
	g_autofree char *calls = plugin_server_calls(server);
	g_assert_true(g_str_has_prefix(calls, "Plugin.Activate \nVolumeDriver.Get {\"Name\":\"v\"}\n"));
	g_assert_null(strstr(calls + 1, "Plugin.Activate"));
	plugin_server_free(server);
}

static void test_interfaces(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	struct plugin_server *server = plugin_server_new(path, handle, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_plugin_activate(scene->plugins, "shelf", BERTH_PLUGIN_NETWORK, 0, &error));
	g_assert_no_error(error);
	g_assert_false(berth_plugin_activate(scene->plugins, "shelf", BERTH_PLUGIN_IPAM, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_assert_cmpstr(error->message, ==,
			"plugin \"shelf\" does not implement IpamDriver, but VolumeDriver, NetworkDriver");
	write_file(scene, 1, "silent.spec", "tcp://127.0.0.1:1\n");
	g_auto(GStrv) volumes = berth_plugins_list(scene->plugins, BERTH_PLUGIN_VOLUME);
	g_assert_cmpint((int) g_strv_length(volumes), ==, 1);
	g_assert_cmpstr(volumes[0], ==, "shelf");
	g_auto(GStrv) addresses = berth_plugins_list(scene->plugins, BERTH_PLUGIN_IPAM);
	g_assert_cmpint((int) g_strv_length(addresses), ==, 0);
	plugin_server_free(server);
}

// CVE-2021-20206's kind: a name must not lead to a file elsewhere.
static void test_names(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const char *const bad[] = {"",        ".",  "..",  "../run/shelf",       "/etc/shelf", "a/b",
					  ".hidden", "-x", "a b", "vieux/sshfs:latest", "a\n"};
	g_autofree char *path = socket_of(scene, "shelf");
	g_autofree char *inner = g_strdup_printf("%s/a", scene->folders[0]);
	g_autofree char *nested = g_strdup_printf("%s/b.sock", inner);
	g_assert_cmpint(mkdir(inner, 0700), ==, 0);
	struct plugin_server *server = plugin_server_new(path, handle, NULL);
	struct plugin_server *other = plugin_server_new(nested, handle, NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_plugin_activate(scene->plugins, bad[i], BERTH_PLUGIN_VOLUME, 0, &error));
		int kind = strpbrk(bad[i], "/:") ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_INVALID;
		g_assert_error(error, BERTH_ERROR, kind);
	}
	g_autofree char *calls = plugin_server_calls(server);
	g_assert_cmpstr(calls, ==, "");
	plugin_server_free(server);
	plugin_server_free(other);
}

static void assert_file_fails(struct scene *scene, const char *file, const char *text, const char *message)
{
	g_autoptr(GError) error = NULL;

	write_file(scene, 1, file, text);
	g_assert_false(berth_plugin_activate(scene->plugins, "odd", BERTH_PLUGIN_VOLUME, 0, &error));
	g_assert_nonnull(error);
	if (!strstr(error->message, message))
		g_error("\"%s\" is not in \"%s\"", message, error->message);
	g_autofree char *path = g_build_filename(scene->folders[1], file, NULL);
	unlink(path);
}

static void test_places(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *inner = g_strdup_printf("%s/nested", scene->folders[0]);
	g_autofree char *path = g_strdup_printf("%s/nested.sock", inner);
	g_assert_cmpint(mkdir(inner, 0700), ==, 0);
	struct plugin_server *nested = plugin_server_new(path, handle, NULL);
	struct plugin_server *port = plugin_server_new(NULL, handle, NULL);
	g_autofree char *tcp = g_strdup_printf("tcp://127.0.0.1:%d\n", plugin_server_port(port));
	g_autofree char *local = g_strdup_printf("{\"Name\": \"c\", \"Addr\": \"unix://%s\"}", path);
	g_autoptr(GError) error = NULL;

	write_file(scene, 1, "b.spec", tcp);
	write_file(scene, 2, "c.json", local);
	static const char *const names[] = {"b", "c", "nested"};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_assert_true(berth_plugin_activate(scene->plugins, names[i], BERTH_PLUGIN_VOLUME, 0, &error));
		g_assert_no_error(error);
	}
	g_auto(GStrv) list = berth_plugins_list(scene->plugins, BERTH_PLUGIN_VOLUME);
	g_autofree char *joined = g_strjoinv(" ", list);
	g_assert_cmpstr(joined, ==, "b c nested");
	assert_file_fails(scene, "odd.spec", "ftp://x", "odd.spec: address \"ftp://x\": expected unix:///PATH");
	assert_file_fails(scene, "odd.spec", "unix://run/x", "the socket's path \"run/x\" is not absolute");
	assert_file_fails(scene, "odd.spec", "", "address \"\"");
	assert_file_fails(scene, "odd.json", "{\"Name\": \"odd\"}", "Addr");
	assert_file_fails(scene, "odd.json", "{\"Addr\": \"https://x\", \"TLSConfig\": {\"CertFile\": \"/nothing\"}}",
			  "CertFile and KeyFile go together");
	assert_file_fails(scene, "odd.json", "{\"Addr\": \"https://x\", \"TLSConfig\": {\"CAFile\": \"/nothing/ca\"}}",
			  "CAFile: ");
	g_autofree char *file = socket_of(scene, "odd");
	g_assert_true(g_file_set_contents(file, "", 0, NULL));
	g_assert_false(berth_plugin_activate(scene->plugins, "odd", BERTH_PLUGIN_VOLUME, 0, &error));
	g_assert_nonnull(strstr(error->message, "is not a socket"));
	plugin_server_free(nested);
	plugin_server_free(port);
}

struct late {
	const char *path;
	struct plugin_server *server;
};

static gpointer start_late(gpointer data)
{
	struct late *late = data;

	g_usleep(300000);
	late->server = plugin_server_new(late->path, handle, NULL);
	return NULL;
}

// A socket's file that nobody listens behind yet is waited for; one that is not there is not.
static void test_patience(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	struct late late = {.path = path};
	g_autoptr(GError) error = NULL;
	int64_t begun = g_get_monotonic_time();

	g_assert_false(berth_plugin_activate(scene->plugins, "shelf", BERTH_PLUGIN_VOLUME, 5000, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_true(g_str_has_prefix(error->message, "plugin \"shelf\" not found"));
	g_clear_error(&error);
	g_assert_cmpint((int) ((g_get_monotonic_time() - begun) / 1000), <, 4000);
	plugin_server_free(plugin_server_new(path, handle, NULL));
	berth_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof address), ==, 0); // nobody listens
	g_assert_false(berth_plugin_activate(scene->plugins, "shelf", BERTH_PLUGIN_VOLUME, 200, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, path));
	g_clear_error(&error);
	GThread *thread = g_thread_new("late", start_late, &late);
	g_assert_true(berth_plugin_activate(scene->plugins, "shelf", BERTH_PLUGIN_VOLUME, 5000, &error));
	g_assert_no_error(error);
	g_thread_join(thread);
	plugin_server_free(late.server);
}

// A plugin that was restarted is found again, also when it is gone for an instant, and is activated anew.
static void test_restart(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	struct plugin_server *server = plugin_server_new(path, handle, NULL);
	struct late late = {.path = path};
	g_autoptr(GError) error = NULL;

	BERTH_AUTO_JSON json_t *first = call(scene, BERTH_PLUGIN_VOLUME, "Get", &error);
	g_assert_no_error(error);
	plugin_server_free(server);
	GThread *thread = g_thread_new("late", start_late, &late);
	BERTH_AUTO_JSON json_t *second = call(scene, BERTH_PLUGIN_VOLUME, "Get", &error);
	g_assert_no_error(error);
	g_assert_nonnull(second);
	g_thread_join(thread);
	g_autofree char *calls = plugin_server_calls(late.server);
	g_assert_cmpstr(calls, ==, "Plugin.Activate \nVolumeDriver.Get {\"Name\":\"v\"}\n");
	plugin_server_free(late.server);
	g_assert_null(call(scene, BERTH_PLUGIN_VOLUME, "Get", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static char *handle_badly(G_GNUC_UNUSED void *data, const char *method, G_GNUC_UNUSED const json_t *body,
			  G_GNUC_UNUSED int *status)
{
	if (g_str_equal(method, "Plugin.Activate"))
		return g_strdup("{\"Implements\": [\"VolumeDriver\"]}");
	return NULL;
}

// One that dies at every call is asked twice, and no more.
static void test_broken(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	struct plugin_server *server = plugin_server_new(path, handle_badly, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_null(call(scene, BERTH_PLUGIN_VOLUME, "Create", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_autofree char *calls = plugin_server_calls(server);
	g_auto(GStrv) parts = g_strsplit(calls, "VolumeDriver.Create", -1);
	g_assert_cmpint((int) g_strv_length(parts) - 1, ==, 2);
	plugin_server_free(server);
}

static char *handle_never(void *data, const char *method, G_GNUC_UNUSED const json_t *body, G_GNUC_UNUSED int *status)
{
	if (g_str_equal(method, "Plugin.Activate"))
		return g_strdup("{\"Implements\": [\"VolumeDriver\"]}");
	for (int i = 0; i < 100 && !g_atomic_int_get((gint *) data); i++)
		g_usleep(100000);
	return g_strdup("{}");
}

static gpointer stop_late(gpointer data)
{
	g_usleep(200000);
	berth_plugins_stop(data);
	return NULL;
}

// What waits for a plugin ends when the engine does.
static void test_stop(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *path = socket_of(scene, "shelf");
	gint done = 0;
	struct plugin_server *server = plugin_server_new(path, handle_never, &done);
	g_autoptr(GError) error = NULL;
	GThread *thread = g_thread_new("stop", stop_late, scene->plugins);
	int64_t begun = g_get_monotonic_time();

	g_assert_null(call(scene, BERTH_PLUGIN_VOLUME, "Create", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpint((int) ((g_get_monotonic_time() - begun) / 1000), <, 9000);
	g_thread_join(thread);
	g_atomic_int_set(&done, 1);
	plugin_server_free(server);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct scene *scene, gconstpointer data);
	} tests[] = {
		{"/plugin/answers", test_answers},   {"/plugin/interfaces", test_interfaces},
		{"/plugin/names", test_names},       {"/plugin/places", test_places},
		{"/plugin/patience", test_patience}, {"/plugin/restart", test_restart},
		{"/plugin/broken", test_broken},     {"/plugin/stop", test_stop},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct scene, NULL, scene_up, tests[i].test, scene_down);
	return g_test_run();
}
