// SPDX-License-Identifier: Apache-2.0
// Networks as the API lists and shows them.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/network/endpoint-wanted.h"

#include <string.h>

static json_t *ipam_of(const struct berth_network *record)
{
	g_autoptr(api_ipam) ipam = berth_document_new(&api_ipam_document);

	ipam->driver = g_strdup(record->ipam_driver ? record->ipam_driver : "default");
	ipam->options = record->ipam_options ? berth_map_copy(record->ipam_options) : NULL;
	ipam->config = berth_objects_new();
	for (guint i = 0; record->pools && i < record->pools->len; i++) {
		const struct berth_network_pool *pool = record->pools->pdata[i];
		struct api_ipam_pool *entry = berth_document_new(&api_ipam_pool_document);
		entry->subnet = g_strdup(pool->subnet);
		entry->ip_range = g_strdup(pool->range);
		entry->gateway = g_strdup(pool->gateway);
		if (pool->auxiliary && g_hash_table_size(pool->auxiliary) > 0)
			entry->auxiliary_addresses = berth_map_copy(pool->auxiliary);
		g_ptr_array_add(ipam->config, entry);
	}
	return berth_document_print(&api_ipam_document, ipam, 0);
}

static struct api_network_summary *summarise(const struct berth_network *record)
{
	struct api_network_summary *summary = berth_document_new(&api_network_summary_document);

	summary->name = g_strdup(record->name);
	summary->id = g_strdup(record->id);
	summary->created = berth_moment_string(record->created);
	summary->scope = g_strdup("local");
	summary->driver = g_strdup(record->driver);
	summary->enable_ipv4 = record->ipv4;
	summary->enable_ipv6 = record->ipv6;
	summary->ipam = ipam_of(record);
	summary->internal = record->internal;
	summary->attachable = record->attachable;
	summary->config_from = json_pack("{s:s}", "Network", "");
	summary->containers = json_object();
	summary->options = berth_map_copy(record->options);
	if (record->predefined && record->interface)
		g_hash_table_insert(summary->options, g_strdup("com.docker.network.bridge.name"),
				    g_strdup(record->interface));
	summary->labels = berth_map_copy(record->labels);
	return summary;
}

// Filters

// Ids of networks that containers, running or not, are to be on. engine->lock is held.
static GHashTable *used_networks(struct berth_engine *engine)
{
	GHashTable *used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_engine_container *container = value;
		const GPtrArray *wanted = container->record->endpoints;
		for (guint i = 0; container->network && i < container->network->endpoints->len; i++) {
			const struct berth_endpoint *endpoint = container->network->endpoints->pdata[i];
			g_hash_table_add(used, g_strdup(endpoint->network));
		}
		bool real = wanted && !berth_engine__has_resolver(container->record) && berth_engine__is_up(container);
		for (guint i = 0; real && i < wanted->len; i++) {
			const struct berth_container_endpoint *one = wanted->pdata[i];
			g_hash_table_add(used, g_strdup(one->network));
		}
	}
	return used;
}

static bool any(char *const *values, const char *text, bool part)
{
	for (; values && *values; values++)
		if (part ? strstr(text, *values) != NULL : g_str_equal(text, *values))
			return true;
	return false;
}

static bool text_passes(GHashTable *filters, const char *name, const char *text, bool part)
{
	char *const *values = berth_engine__filter(filters, name);

	return !values || any(values, text, part);
}

static bool read_switch(const char *text, bool *ret)
{
	static const char *const yes[] = {"1", "true", "True", "TRUE", "t", "T", NULL}, *const no[] = {"0",     "false",
												       "False", "FALSE",
												       "f",     "F",
												       NULL};

	*ret = g_strv_contains(yes, text);
	return *ret || g_strv_contains(no, text);
}

static bool check_filters(GHashTable *filters, GError **error)
{
	static const char *const known[] = {"dangling", "driver", "id", "label", "name", "scope", "type", NULL};
	char *const *dangling = berth_engine__filter(filters, "dangling");
	char *const *type = berth_engine__filter(filters, "type");
	bool unused;

	if (!berth_filters_check(filters, known, error))
		return false;
	if (dangling && (dangling[1] || !read_switch(dangling[0], &unused)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'dangling=%s'", dangling[0]);
	for (; type && *type; type++)
		if (!g_str_equal(*type, "custom") && !g_str_equal(*type, "builtin"))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter: 'type'='%s'", *type);
	return true;
}

static bool passes(const struct berth_network *record, GHashTable *filters, GHashTable *used)
{
	char *const *dangling = berth_engine__filter(filters, "dangling");
	bool wanted = false;

	if (dangling) {
		read_switch(dangling[0], &wanted);
		bool is = !record->predefined && !g_hash_table_contains(used, record->id);
		if (is != wanted)
			return false;
	}
	return text_passes(filters, "driver", record->driver, false) && text_passes(filters, "id", record->id, true) &&
	       text_passes(filters, "name", record->name, true) && text_passes(filters, "scope", "local", false) &&
	       text_passes(filters, "type", record->predefined ? "builtin" : "custom", false) &&
	       berth_engine__labels_pass(filters, record->labels);
}

GPtrArray *berth_engine_network_list(struct berth_engine *engine, GHashTable *filters, GError **error)
{
	if (!check_filters(filters, error))
		return NULL;
	g_autoptr(GPtrArray) networks = berth_engine__networks(engine);
	pthread_mutex_lock(&engine->lock);
	g_autoptr(GHashTable) used = used_networks(engine);
	pthread_mutex_unlock(&engine->lock);
	GPtrArray *list = g_ptr_array_new();
	for (guint i = 0; i < networks->len; i++) {
		const struct berth_engine_network *network = networks->pdata[i];
		if (passes(network->record, filters, used))
			g_ptr_array_add(list, summarise(network->record));
	}
	return list;
}

// Inspection

static void add_container(json_t *containers, const struct berth_engine_container *container,
			  const struct berth_endpoint *endpoint)
{
	const struct api_network_container entry = {
		.name = container->record->name,
		.endpoint_id = endpoint ? endpoint->id : NULL,
		.mac_address = endpoint ? endpoint->mac : NULL,
		.ipv4_address = endpoint ? endpoint->ipv4 : NULL,
		.ipv6_address = endpoint ? endpoint->ipv6 : NULL,
	};

	json_object_set_new(containers, container->id,
			    berth_document_print(&api_network_container_document, &entry, 0));
}

// Those that run on it. engine->lock is held.
static void add_containers(struct berth_engine *engine, const struct berth_network *record, json_t *containers)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_engine_container *container = value;
		const GPtrArray *endpoints = container->network ? container->network->endpoints : NULL;
		if (!berth_engine__network_is_real(record) && berth_engine__is_up(container) &&
		    g_str_equal(container->record->network, record->name))
			add_container(containers, container, NULL);
		for (guint i = 0; endpoints && i < endpoints->len; i++) {
			const struct berth_endpoint *endpoint = endpoints->pdata[i];
			if (g_str_equal(endpoint->network, record->id))
				add_container(containers, container, endpoint);
		}
	}
}

struct api_network_summary *berth_engine_network_inspect(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, text, error);

	if (!network)
		return NULL;
	struct api_network_summary *summary = summarise(network->record);
	pthread_mutex_lock(&engine->lock);
	add_containers(engine, network->record, summary->containers);
	pthread_mutex_unlock(&engine->lock);
	return summary;
}
