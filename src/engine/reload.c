// SPDX-License-Identifier: Apache-2.0
// What changes while the engine runs. The new settings are made whole first; then they are told and take the place of
// the old ones in one step.
#include "engine/internal.h"

#include "base/json.h"

#include <string.h>

static void add(GHashTable *attributes, const char *name, char *value)
{
	g_hash_table_insert(attributes, g_strdup(name), value);
}

static char *list_text(char *const *list)
{
	BERTH_AUTO_JSON json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	return berth_json_text(array);
}

// Docker's names for them.
static bool tell(struct berth_engine *engine, const struct berth_engine_options *options, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	GHashTable *attributes = berth_map_new();

	add(attributes, "name", g_strdup(g_get_host_name()));
	add(attributes, "authorization-plugins", list_text(options->authorization));
	add(attributes, "debug", g_strdup(options->debug ? "true" : "false"));
	add(attributes, "default-runtime", g_strdup("berth"));
	add(attributes, "insecure-registries", list_text(options->registries.insecure));
	add(attributes, "labels", list_text(options->labels));
	add(attributes, "live-restore", g_strdup(options->stop_containers ? "false" : "true"));
	add(attributes, "max-concurrent-downloads", g_strdup_printf("%d", options->registries.downloads));
	add(attributes, "max-concurrent-uploads", g_strdup_printf("%d", options->registries.uploads));
	add(attributes, "registry-mirrors", list_text(options->registries.mirrors));
	add(attributes, "shutdown-timeout", g_strdup_printf("%" G_GINT64_FORMAT, options->shutdown_timeout));
	berth_engine__event_add_of(events, "daemon", "reload", engine->id, attributes);
	return berth_engine__tell(engine, events, error);
}

static void exchange_list(char *const **list, char *const *new)
{
	char **old = (char **) *list;

	*list = g_strdupv((char **) new);
	g_strfreev(old);
}

bool berth_engine_reload(struct berth_engine *engine, const struct berth_engine_options *options, GError **error)
{
	struct berth_engine_options *own = &engine->options;
	struct berth_registries *registries = berth_registries_new(&options->registries, error);

	if (!registries)
		return false;
	if (!tell(engine, options, error)) {
		berth_registries_free(registries);
		return false;
	}
	pthread_mutex_lock(&engine->lock);
	g_ptr_array_add(engine->retired, engine->registries);
	engine->registries = registries;
	exchange_list(&own->registries.insecure, options->registries.insecure);
	exchange_list(&own->registries.mirrors, options->registries.mirrors);
	exchange_list(&own->registries.certificates, options->registries.certificates);
	own->registries.downloads = options->registries.downloads;
	own->registries.uploads = options->registries.uploads;
	exchange_list(&own->labels, options->labels);
	exchange_list(&own->authorization, options->authorization);
	own->debug = options->debug;
	own->stop_containers = options->stop_containers;
	own->shutdown_timeout = options->shutdown_timeout;
	pthread_mutex_unlock(&engine->lock);
	return true;
}
