// SPDX-License-Identifier: Apache-2.0
// What the engine tells of plugins: for each kind of work the drivers that are its own, and those that are other
// programs' and were needed since the engine started, or that a network or volume is of.
#include "engine/internal.h"
#include "engine/log/log-plan.h"
#include "engine/network/networks.h"
#include "engine/volume/volumes-internal.h"

#include "plugin/plugin.h"
#include "volume/volume.h"

static void add(json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (g_str_equal(json_string_value(item), name)) return;
	json_array_append_new(list, json_string(name));
}

static void add_active(struct berth_engine *engine, json_t *list, const char *interface)
{
	g_auto(GStrv) names = berth_plugins_active(engine->plugins, interface);

	for (char **name = names; *name; name++)
		add(list, *name);
}

static json_t *network_drivers(struct berth_engine *engine)
{
	json_t *list = json_pack("[s, s, s, s, s, s]", "bridge", "cni", "host", "ipvlan", "macvlan", "null");
	GHashTableIter iter;
	void *value;

	add_active(engine, list, BERTH_PLUGIN_NETWORK);
	pthread_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->networks_by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		add(list, ((const struct berth_engine_network *) value)->record->driver);
	pthread_mutex_unlock(&engine->lock);
	return list;
}

// Null where none is asked, as Docker has it.
static json_t *authorization(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	char *const *plugins = engine->options.authorization;
	json_t *list = plugins && *plugins ? json_array() : json_null();
	for (; plugins && *plugins; plugins++)
		json_array_append_new(list, json_string(*plugins));
	pthread_mutex_unlock(&engine->lock);
	return list;
}

static json_t *log_drivers(void)
{
	json_t *names = json_array();

	for (const char *const *name = berth_log_driver_names; *name; name++)
		if (!g_str_equal(*name, "none")) // as Docker
			json_array_append_new(names, json_string(*name));
	return names;
}

json_t *berth_engine__plugins_info(struct berth_engine *engine)
{
	json_t *volumes = json_pack("[s]", "local");

	add_active(engine, volumes, BERTH_PLUGIN_VOLUME);
	return json_pack("{s:o, s:o, s:o, s:o}", "Volume", volumes, "Network", network_drivers(engine), "Authorization",
			 authorization(engine), "Log", log_drivers());
}
