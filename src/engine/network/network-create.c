// SPDX-License-Identifier: Apache-2.0
// Making a network: what it is to be is decided first, then it is made in the kernel, then its record is written. What
// a crash leaves between the two has the id of no network, which the next engine removes (berth_networks_sweep()).
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/moment.h"
#include "engine/network/endpoint-wanted.h"
#include "engine/plan/plan-internal.h"

#include <string.h>

static bool is_text(const char *text)
{
	return text && *text;
}

static bool check_name(const char *name, GError **error)
{
	static const char *const predefined[] = {"bridge", "host", "none", "default", NULL};

	if (!is_text(name))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid network name: it is empty");
	if (g_strv_contains(predefined, name))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "operation is not permitted on predefined %s network", name);
	if (strlen(name) > BERTH_LIMIT_NETWORK_NAME)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid network name \"%.40s...\": is longer than %d bytes", name,
				       BERTH_LIMIT_NETWORK_NAME);
	if (strspn(name, " \t") == strlen(name) || !berth_plan_is_plain(name) || strpbrk(name, "/\\") ||
	    g_str_has_prefix(name, "container:"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid network name \"%s\": is blank, has slashes or control characters, or "
				       "begins with \"container:\"",
				       name);
	return true;
}

static bool check_supported(const struct api_network_create *create, GError **error)
{
	const struct {
		bool used;
		const char *what;
	} table[] = {
		{create->ingress, "ingress networks (--ingress), which belong to swarm mode"},
		{create->config_only, "networks of configuration alone (--config-only)"},
		{create->config_from && is_text(create->config_from->network),
		 "networks made from another one's configuration (--config-from)"},
		{is_text(create->scope) && !g_str_equal(create->scope, "local"),
		 "networks of another scope than local (--scope)"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].used)
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "not in this version: %s",
					       table[i].what);
	if (is_text(create->driver) && (g_str_equal(create->driver, "host") || g_str_equal(create->driver, "null")))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "only one instance of \"%s\" network is allowed",
				       create->driver);
	if (is_text(create->driver) && g_str_equal(create->driver, "overlay"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
				       "join\" to connect this node to swarm and try again.");
	return true;
}

static GPtrArray *pools_of(const struct api_ipam *ipam)
{
	GPtrArray *pools = berth_objects_new();

	for (guint i = 0; ipam && ipam->config && i < ipam->config->len; i++) {
		const struct api_ipam_pool *asked = ipam->config->pdata[i];
		struct berth_network_pool *pool = berth_document_new(&berth_network_pool_document);
		pool->subnet = is_text(asked->subnet) ? g_strdup(asked->subnet) : NULL;
		pool->range = is_text(asked->ip_range) ? g_strdup(asked->ip_range) : NULL;
		pool->gateway = is_text(asked->gateway) ? g_strdup(asked->gateway) : NULL;
		pool->auxiliary = asked->auxiliary_addresses ? berth_map_copy(asked->auxiliary_addresses) : NULL;
		g_ptr_array_add(pools, pool);
	}
	return pools;
}

static struct berth_network *make_record(const struct api_network_create *create, GError **error)
{
	g_autoptr(berth_network) record = berth_document_new(&berth_network_document);
	const struct api_ipam *ipam = create->ipam;

	record->version = BERTH_NETWORK_VERSION;
	record->id = berth_engine__make_id(error);
	if (!record->id)
		return NULL;
	record->name = g_strdup(create->name);
	record->created = berth_moment_now();
	record->driver = g_strdup(is_text(create->driver) ? create->driver : "bridge");
	record->internal = create->internal;
	record->attachable = create->attachable;
	record->ipv4 = create->enable_ipv4 != 0;
	record->ipv6 = create->enable_ipv6 == 1;
	record->ipam_driver = g_strdup(ipam && is_text(ipam->driver) ? ipam->driver : "default");
	record->ipam_options = ipam && ipam->options ? berth_map_copy(ipam->options) : NULL;
	record->pools = pools_of(ipam);
	record->options = berth_map_copy(create->options);
	record->labels = berth_map_copy(create->labels);
	if (!record->ipv4 && !record->ipv6 && g_str_equal(record->driver, "bridge")) {
		berth_error_set(error, BERTH_ERROR_INVALID, "network %s: IPv4 and IPv6 are both switched off",
				record->name);
		return NULL;
	}
	return g_steal_pointer(&record);
}

static bool write_record(struct berth_engine *engine, const struct berth_network *record, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();

	berth_engine__network_event(events, record, "create", NULL);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction || !berth_engine__network_put(transaction, record, error) ||
	    !berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	BERTH_FAILPOINT("network.create.recorded");
	berth_engine__events_told(engine);
	return true;
}

// Takes the name, so that of two who want it one loses here. Until the network is shown its record still changes.
static bool reserve(struct berth_engine *engine, const struct berth_network *record, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&engine->lock);

	if (g_hash_table_contains(engine->networks_by_name, record->name) ||
	    !g_hash_table_add(engine->networks_coming, record->name))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "network with name %s already exists",
				       record->name);
	return true;
}

static void show(struct berth_engine *engine, struct berth_engine_network *network)
{
	pthread_mutex_lock(&engine->lock);
	berth_engine__network_add(engine, network);
	pthread_mutex_unlock(&engine->lock);
}

static void hide(struct berth_engine *engine, struct berth_engine_network *network)
{
	network->removed = true;
	pthread_mutex_lock(&engine->lock);
	berth_engine__network_drop(engine, network);
	pthread_mutex_unlock(&engine->lock);
}

// `operation` of the network is held: who finds it once it is shown waits until it is there.
static bool make(struct berth_engine *engine, struct berth_engine_network *network, GError **error)
{
	if (!berth_networks_add(engine->networks, network->record, false, error))
		return false;
	if (berth_network_up(engine->networks, network->record, error)) {
		BERTH_FAILPOINT("network.create.made");
		show(engine, network);
		if (write_record(engine, network->record, error))
			return true;
		hide(engine, network);
	}
	berth_network_remove(engine->networks, network->record, NULL);
	berth_networks_forget(engine->networks, network->record->id);
	return false;
}

static bool make_reserved(struct berth_engine *engine, struct berth_engine_network *network, GError **error)
{
	pthread_mutex_lock(&network->operation);
	bool made = make(engine, network, error);
	pthread_mutex_unlock(&network->operation);
	pthread_mutex_lock(&engine->lock);
	g_hash_table_remove(engine->networks_coming, network->record->name);
	pthread_mutex_unlock(&engine->lock);
	return made;
}

struct api_network_created *berth_engine_network_create(struct berth_engine *engine,
							const struct api_network_create *create, GError **error)
{
	if (!check_name(create->name, error) || !check_supported(create, error))
		return NULL;
	struct berth_network *record = make_record(create, error);
	if (!record)
		return NULL;
	g_autoptr(berth_engine_network) network = berth_engine__network_new(record);
	if (!reserve(engine, record, error) || !make_reserved(engine, network, error))
		return NULL;
	struct api_network_created *created = berth_document_new(&api_network_created_document);
	created->id = g_strdup(record->id);
	created->warning = g_strdup("");
	return created;
}
