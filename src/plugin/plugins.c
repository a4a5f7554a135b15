// SPDX-License-Identifier: Apache-2.0
// Calls. What is remembered of a plugin is where it is and what it implements; when a connection to it breaks, that is
// forgotten, and it is looked for and activated anew, since it may have come back elsewhere and with other abilities.
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/internal.h"

#include <pthread.h>
#include <string.h>

#define MIME "application/vnd.docker.plugins.v1.2+json"
#define RESTART 3000 // milliseconds that a plugin which was there gets to come back
#define GONE 5000 // milliseconds in which one that did not come back is not waited for again
#define LIST 2000 // milliseconds for one that is only listed
#define HANDSHAKE 10000 // milliseconds until a connection stands
#define FIRST_PAUSE 50 // milliseconds between two tries, doubled up to
#define LONGEST_PAUSE 1000

struct plugin {
	gint references;
	struct berth_plugin_place place;
	char **implements;
};

struct berth_plugins {
	pthread_mutex_t lock; // of `known` and `gone`
	GHashTable *known; // name -> struct plugin
	GHashTable *gone; // name -> int64_t *, when it was waited for in vain
	char **folders;
	struct berth_http *http;
	gint stopped;
};

static struct plugin *ref(struct plugin *plugin)
{
	g_atomic_int_inc(&plugin->references);
	return plugin;
}

static void unref(gpointer data)
{
	struct plugin *plugin = data;

	if (!plugin || !g_atomic_int_dec_and_test(&plugin->references))
		return;
	berth_plugin_place_clear(&plugin->place);
	g_strfreev(plugin->implements);
	g_free(plugin);
}

struct berth_plugins *berth_plugins_new(char *const *folders)
{
	static const char *const docker[] = {"/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins",
					     NULL};
	struct berth_plugins *plugins = g_new0(struct berth_plugins, 1);

	pthread_mutex_init(&plugins->lock, NULL);
	plugins->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref);
	plugins->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	plugins->folders = g_strdupv((char **) (folders ? folders : (char *const *) docker));
	plugins->http = berth_http_new();
	return plugins;
}

void berth_plugins_free(struct berth_plugins *plugins)
{
	if (!plugins)
		return;
	g_hash_table_unref(plugins->known);
	g_hash_table_unref(plugins->gone);
	g_strfreev(plugins->folders);
	berth_http_free(plugins->http);
	pthread_mutex_destroy(&plugins->lock);
	g_free(plugins);
}

void berth_plugins_stop(struct berth_plugins *plugins)
{
	g_atomic_int_set(&plugins->stopped, 1);
}

static bool is_stopped(void *data)
{
	struct berth_plugins *plugins = data;

	return g_atomic_int_get(&plugins->stopped) != 0;
}

static struct plugin *find_known(struct berth_plugins *plugins, const char *name)
{
	pthread_mutex_lock(&plugins->lock);
	struct plugin *plugin = g_hash_table_lookup(plugins->known, name);
	if (plugin)
		ref(plugin);
	pthread_mutex_unlock(&plugins->lock);
	return plugin;
}

// `plugin` is one's own reference, another goes into the table.
static void remember(struct berth_plugins *plugins, const char *name, struct plugin *plugin)
{
	pthread_mutex_lock(&plugins->lock);
	g_hash_table_insert(plugins->known, g_strdup(name), ref(plugin));
	g_hash_table_remove(plugins->gone, name);
	pthread_mutex_unlock(&plugins->lock);
}

// Unless another thread has found it anew meanwhile.
static void forget(struct berth_plugins *plugins, const char *name, const struct plugin *plugin)
{
	pthread_mutex_lock(&plugins->lock);
	if (g_hash_table_lookup(plugins->known, name) == plugin)
		g_hash_table_remove(plugins->known, name);
	pthread_mutex_unlock(&plugins->lock);
}

// So that a list of many things of a plugin that is gone does not wait for it with each of them.
static bool is_gone(struct berth_plugins *plugins, const char *name)
{
	pthread_mutex_lock(&plugins->lock);
	const int64_t *moment = g_hash_table_lookup(plugins->gone, name);
	bool gone = moment && g_get_monotonic_time() < *moment + (int64_t) GONE * 1000;
	if (moment && !gone)
		g_hash_table_remove(plugins->gone, name);
	pthread_mutex_unlock(&plugins->lock);
	return gone;
}

static void note_gone(struct berth_plugins *plugins, const char *name)
{
	int64_t *moment = g_new(int64_t, 1);

	*moment = g_get_monotonic_time();
	pthread_mutex_lock(&plugins->lock);
	if (g_hash_table_size(plugins->gone) < BERTH_LIMIT_PLUGINS)
		g_hash_table_insert(plugins->gone, g_strdup(name), g_steal_pointer(&moment));
	pthread_mutex_unlock(&plugins->lock);
	g_free(moment);
}

// One exchange. *ret_broken: the plugin went away, and trying again may help. `whole`: milliseconds.
static json_t *ask(struct berth_plugins *plugins, const struct berth_plugin_place *place, const char *name,
		   const char *method, const char *body, unsigned whole, bool *ret_broken, GError **error)
{
	static const char *const headers[] = {"Content-Type: " MIME, "Accept: " MIME, NULL};
	g_autofree char *url = g_strdup_printf("%s/%s", place->url, method);
	g_autofree char *what = g_strdup_printf("plugin \"%s\": %s", name, method);
	struct berth_http_response response = {0};
	struct berth_http_request request = {
		.method = "POST",
		.url = url,
		.tls = &place->tls,
		.trust = "the file that its CAFile names",
		.socket = place->socket,
		.alone = true,
		.headers = headers,
		.body = body,
		.body_fd = -1,
		.length = body ? (int64_t) strlen(body) : 0,
		.limit = BERTH_LIMIT_PLUGIN_ANSWER,
		.handshake = HANDSHAKE,
		.whole = whole,
		.canceled = is_stopped,
		.canceled_data = plugins,
	};
	json_t *answer = NULL;

	enum berth_http_outcome outcome = berth_http_perform(plugins->http, &request, &response, error);
	*ret_broken = outcome == BERTH_HTTP_BROKEN && !response.late;
	if (outcome != BERTH_HTTP_ANSWERED)
		g_prefix_error(error, "%s: ", what);
	else
		answer = berth_plugin_answer(what, response.status, response.body->str, response.body->len, error);
	berth_http_response_clear(&response);
	return answer;
}

// What an answer to Plugin.Activate says, sorted out: a new array, or NULL.
static char **read_implements(const char *name, const json_t *answer, GError **error)
{
	const json_t *list = json_object_get(answer, "Implements");
	GPtrArray *implements = g_ptr_array_new_with_free_func(g_free);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (json_is_string(item))
		g_ptr_array_add(implements, g_strdup(json_string_value(item)));
	if (implements->len == 0) {
		g_ptr_array_unref(implements);
		berth_error_set(error, BERTH_ERROR_INTERNAL,
				"plugin \"%s\": Plugin.Activate: its answer names nothing that it implements", name);
		return NULL;
	}
	g_ptr_array_add(implements, NULL);
	return (char **) g_ptr_array_free(implements, FALSE);
}

// Finds it and activates it, once. The caller owns what is returned.
static struct plugin *try_activate(struct berth_plugins *plugins, const char *name, unsigned whole, bool *ret_broken,
				   GError **error)
{
	struct plugin *plugin = g_new0(struct plugin, 1);
	BERTH_AUTO_JSON json_t *answer = NULL;

	plugin->references = 1;
	*ret_broken = false;
	if (berth_plugin_find(plugins->folders, name, &plugin->place, error))
		answer = ask(plugins, &plugin->place, name, "Plugin.Activate", NULL, whole, ret_broken, error);
	if (answer)
		plugin->implements = read_implements(name, answer, error);
	if (plugin->implements)
		return plugin;
	unref(plugin);
	return NULL;
}

// The same, for up to `patience` milliseconds. `expected`: it was there, so it is waited for its file, too.
static struct plugin *activate(struct berth_plugins *plugins, const char *name, int patience, unsigned whole,
			       bool expected, GError **error)
{
	int64_t until = g_get_monotonic_time() + (int64_t) patience * 1000;

	for (int64_t pause = FIRST_PAUSE;; pause = MIN(pause * 2, LONGEST_PAUSE)) {
		g_autoptr(GError) cause = NULL;
		bool broken;
		struct plugin *plugin = try_activate(plugins, name, whole, &broken, &cause);
		if (plugin) {
			remember(plugins, name, plugin);
			return plugin;
		}
		bool again = broken || (expected && g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_FOUND));
		if (!again || g_get_monotonic_time() + pause * 1000 > until || is_stopped(plugins)) {
			if (again)
				note_gone(plugins, name);
			g_propagate_error(error, g_steal_pointer(&cause));
			return NULL;
		}
		g_usleep((gulong) pause * 1000);
	}
}

static bool implements(const struct plugin *plugin, const char *interface)
{
	return g_strv_contains((const char *const *) plugin->implements, interface);
}

// The plugin as it is known, or found and activated now; it implements the interface. The caller owns a reference.
static struct plugin *get(struct berth_plugins *plugins, const char *name, const char *interface, int patience,
			  bool expected, GError **error)
{
	struct plugin *plugin = find_known(plugins, name);

	if (plugin && implements(plugin, interface))
		return plugin;
	unref(plugin);
	plugin = activate(plugins, name, patience, BERTH_LIMIT_PLUGIN_SECONDS * 1000, expected, error);
	if (!plugin || implements(plugin, interface))
		return plugin;
	g_autofree char *list = g_strjoinv(", ", plugin->implements);
	unref(plugin);
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "plugin \"%s\" does not implement %s, but %.200s", name,
			interface, list);
	return NULL;
}

bool berth_plugin_activate(struct berth_plugins *plugins, const char *name, const char *interface, int patience,
			   GError **error)
{
	struct plugin *plugin = get(plugins, name, interface, patience, false, error);

	unref(plugin);
	return plugin != NULL;
}

json_t *berth_plugin_call(struct berth_plugins *plugins, const char *name, const char *interface, const char *method,
			  json_t *request, GError **error)
{
	// Docker has two names for this one.
	const char *prefix = g_str_equal(interface, BERTH_PLUGIN_AUTHORIZATION) ? "AuthZPlugin" : interface;
	g_autofree char *full = g_strdup_printf("%s.%s", prefix, method);
	g_autofree char *body = request ? berth_json_text(request) : NULL;
	int patience = is_gone(plugins, name) ? 0 : RESTART;
	struct plugin *plugin = get(plugins, name, interface, patience, false, error);
	g_autoptr(GError) cause = NULL;
	bool broken = false;
	json_t *answer;

	json_decref(request);
	if (!plugin)
		return NULL;
	answer = ask(plugins, &plugin->place, name, full, body, BERTH_LIMIT_PLUGIN_SECONDS * 1000, &broken, &cause);
	if (!answer && broken) {
		forget(plugins, name, plugin);
		unref(plugin);
		g_clear_error(&cause);
		plugin = get(plugins, name, interface, RESTART, true, &cause);
		if (plugin)
			answer = ask(plugins, &plugin->place, name, full, body, BERTH_LIMIT_PLUGIN_SECONDS * 1000,
				     &broken, &cause);
	}
	if (!answer)
		g_propagate_error(error, g_steal_pointer(&cause));
	unref(plugin);
	return answer;
}

char **berth_plugins_list(struct berth_plugins *plugins, const char *interface)
{
	g_auto(GStrv) names = berth_plugin_names(plugins->folders);
	GPtrArray *list = g_ptr_array_new();

	for (size_t i = 0; names[i]; i++) {
		struct plugin *plugin = find_known(plugins, names[i]);
		if (!plugin)
			plugin = activate(plugins, names[i], 0, LIST, false, NULL);
		if (plugin && implements(plugin, interface))
			g_ptr_array_add(list, g_strdup(names[i]));
		unref(plugin);
	}
	g_ptr_array_add(list, NULL);
	return (char **) g_ptr_array_free(list, FALSE);
}

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

char **berth_plugins_active(struct berth_plugins *plugins, const char *interface)
{
	GPtrArray *list = g_ptr_array_new();
	GHashTableIter iter;
	void *name, *plugin;

	pthread_mutex_lock(&plugins->lock);
	g_hash_table_iter_init(&iter, plugins->known);
	while (g_hash_table_iter_next(&iter, &name, &plugin))
		if (implements(plugin, interface))
			g_ptr_array_add(list, g_strdup(name));
	pthread_mutex_unlock(&plugins->lock);
	g_ptr_array_sort(list, compare);
	g_ptr_array_add(list, NULL);
	return (char **) g_ptr_array_free(list, FALSE);
}
