// SPDX-License-Identifier: Apache-2.0
// IPAM plugins: Docker's IpamDriver. Of a network's state the member "pools" has, for each of its pools, what the
// plugin calls it (null: the pool is not the plugin's).
#include "network/ipam.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "network/network-internal.h"
#include "plugin/plugin.h"

#include <string.h>
#include <sys/socket.h>

#define PATIENCE 10000 // milliseconds for a plugin that does not listen yet, when a network is made
#define REQUEST_TYPE "RequestAddressType"
#define GATEWAY_TYPE "com.docker.network.gateway"
#define GATEWAY_DATA "com.docker.network.gateway"
#define MAC_OPTION "com.docker.network.endpoint.macaddress"

static json_t *call(struct berth_plugins *plugins, const struct berth_network *network, const char *method,
		    json_t *request, GError **error)
{
	return berth_plugin_call(plugins, network->ipam_driver, BERTH_PLUGIN_IPAM, method, request, error);
}

static json_t *options_of(GHashTable *map)
{
	json_t *options = json_object();
	GHashTableIter iter;
	void *key, *value;

	if (!map)
		return options;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &key, &value))
		json_object_set_new(options, key, json_string(value));
	return options;
}

// What the plugin calls the pool; NULL: it is not the plugin's. Borrowed.
static const char *pool_id(const struct berth_network *network, guint pool)
{
	return json_string_value(json_array_get(json_object_get(network->state, "pools"), pool));
}

// A pool that has no subnet yet stands for IPv4, if the network has no other for that.
static bool is_ipv6(const struct berth_network *network, guint number)
{
	const struct berth_network_pool *pool = network->pools->pdata[number];

	if (pool->subnet)
		return strchr(pool->subnet, ':') != NULL;
	for (guint i = 0; i < network->pools->len; i++) {
		const struct berth_network_pool *other = network->pools->pdata[i];
		if (other->subnet ? !strchr(other->subnet, ':') : i < number)
			return true;
	}
	return !network->ipv4;
}

static bool has_family(const struct berth_network *network, bool ipv6)
{
	for (guint i = 0; i < network->pools->len; i++)
		if (is_ipv6(network, i) == ipv6)
			return true;
	return false;
}

// A pool for each family that has none.
static void add_missing(struct berth_network *network)
{
	if (!network->pools)
		network->pools = berth_objects_new();
	if (network->ipv4 && !has_family(network, false))
		g_ptr_array_insert(network->pools, 0, berth_document_new(&berth_network_pool_document));
	if (network->ipv6 && !has_family(network, true))
		g_ptr_array_add(network->pools, berth_document_new(&berth_network_pool_document));
}

static char *address_space(struct berth_plugins *plugins, const struct berth_network *network, GError **error)
{
	BERTH_AUTO_JSON json_t *answer = call(plugins, network, "GetDefaultAddressSpaces", NULL, error);
	const char *local = json_string_value(json_object_get(answer, "LocalDefaultAddressSpace"));

	return answer ? g_strdup(local ? local : "") : NULL;
}

// "10.0.0.1/24" or "10.0.0.1" as text without length.
static bool set_gateway(struct berth_network_pool *pool, const char *text, GError **error)
{
	g_autofree char *address = g_strndup(text, strcspn(text, "/"));
	struct berth_address parsed;

	if (!berth_address_parse(address, &parsed, error))
		return g_prefix_error(error, "the IPAM plugin's gateway: "), false;
	g_free(pool->gateway);
	pool->gateway = g_steal_pointer(&address);
	return true;
}

static char *request(struct berth_plugins *plugins, const struct berth_network *network, const char *id,
		     const char *address, json_t *options, GError **error)
{
	BERTH_AUTO_JSON json_t *answer =
		call(plugins, network, "RequestAddress",
		     json_pack("{ssssso}", "PoolID", id, "Address", address ? address : "", "Options", options), error);
	const char *given = json_string_value(json_object_get(answer, "Address"));
	g_autofree char *bare = given ? g_strndup(given, strcspn(given, "/")) : NULL;
	struct berth_address parsed;

	if (!answer)
		return NULL;
	if (given && berth_address_parse(bare, &parsed, NULL))
		return g_strdup(given);
	berth_error_set(error, BERTH_ERROR_INTERNAL,
			"plugin \"%s\": IpamDriver.RequestAddress: its answer has no address", network->ipam_driver);
	return NULL;
}

// The gateway, if it was not asked for: of the pool's data, or an address of its own.
static bool request_gateway(struct berth_plugins *plugins, const struct berth_network *network,
			    struct berth_network_pool *pool, const char *id, const json_t *data, GError **error)
{
	const char *told = json_string_value(json_object_get(data, GATEWAY_DATA));

	if (!pool->gateway && told && *told)
		return set_gateway(pool, told, error);
	g_autofree char *given =
		request(plugins, network, id, pool->gateway, json_pack("{ss}", REQUEST_TYPE, GATEWAY_TYPE), error);
	return given && set_gateway(pool, given, error);
}

static bool request_auxiliary(struct berth_plugins *plugins, const struct berth_network *network,
			      const struct berth_network_pool *pool, const char *id, GError **error)
{
	GHashTableIter iter;
	void *value;

	if (!pool->auxiliary)
		return true;
	g_hash_table_iter_init(&iter, pool->auxiliary);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		g_autofree char *given = request(plugins, network, id, value, json_object(), error);
		if (!given)
			return false;
	}
	return true;
}

// Takes what the plugin says the pool is.
static bool set_subnet(const struct berth_network *network, struct berth_network_pool *pool, const json_t *answer,
		       GError **error)
{
	const char *text = json_string_value(json_object_get(answer, "Pool"));
	struct berth_subnet subnet;
	struct berth_address host;

	if (!text || !berth_subnet_parse(text, &subnet, &host, NULL))
		return berth_error_set(error, BERTH_ERROR_INTERNAL,
				       "plugin \"%s\": IpamDriver.RequestPool: its answer's Pool is no subnet",
				       network->ipam_driver);
	g_free(pool->subnet);
	pool->subnet = berth_subnet_text(&subnet);
	return true;
}

static bool request_pool(struct berth_plugins *plugins, struct berth_network *network, guint number, const char *space,
			 GError **error)
{
	struct berth_network_pool *pool = network->pools->pdata[number];
	json_t *ids = json_object_get(network->state, "pools");
	BERTH_AUTO_JSON json_t *answer =
		call(plugins, network, "RequestPool",
		     json_pack("{sssssssosb}", "AddressSpace", space, "Pool", pool->subnet ? pool->subnet : "",
			       "SubPool", pool->range ? pool->range : "", "Options", options_of(network->ipam_options),
			       "V6", is_ipv6(network, number) ? 1 : 0),
		     error);
	const char *id = json_string_value(json_object_get(answer, "PoolID"));

	if (!answer)
		return false;
	if (!id || !*id)
		return berth_error_set(error, BERTH_ERROR_INTERNAL,
				       "plugin \"%s\": IpamDriver.RequestPool: its answer has no PoolID",
				       network->ipam_driver);
	json_array_append_new(ids, json_string(id));
	return set_subnet(network, pool, answer, error) &&
	       request_gateway(plugins, network, pool, id, json_object_get(answer, "Data"), error) &&
	       request_auxiliary(plugins, network, pool, id, error);
}

// Whether the plugin says so of itself.
static bool requires(struct berth_plugins *plugins, const struct berth_network *network, const char *what)
{
	BERTH_AUTO_JSON json_t *answer = call(plugins, network, "GetCapabilities", NULL, NULL);

	return json_is_true(json_object_get(answer, what));
}

static bool check_capabilities(struct berth_plugins *plugins, const struct berth_network *network, GError **error)
{
	return !requires(plugins, network, "RequiresRequestReplay") ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "IPAM plugin \"%s\" keeps nothing itself (RequiresRequestReplay): that is not supported",
			       network->ipam_driver);
}

bool berth_ipam_needs_mac(struct berth_plugins *plugins, const struct berth_network *network)
{
	return requires(plugins, network, "RequiresMACAddress");
}

// One after the other, each written down as soon as it was given.
static bool request_all(struct berth_networks *networks, struct berth_network *network, const char *space,
			GError **error)
{
	for (guint i = 0; i < network->pools->len; i++) {
		if (!request_pool(networks->plugins, network, i, space, error) ||
		    !berth_ipam__note_pools(networks, network, error))
			return false;
		BERTH_FAILPOINT("network.ipam.pool");
	}
	return true;
}

bool berth_ipam_request_pools(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	struct berth_plugins *plugins = networks->plugins;

	if (!plugins)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "plugin \"%s\" not found", network->ipam_driver);
	if (!berth_plugin_activate(plugins, network->ipam_driver, BERTH_PLUGIN_IPAM, PATIENCE, error))
		return false;
	if (!check_capabilities(plugins, network, error))
		return false;
	g_autofree char *space = address_space(plugins, network, error);
	if (!space)
		return false;
	add_missing(network);
	if (!network->state)
		network->state = json_object();
	json_object_set_new(network->state, "pools", json_array());
	if (request_all(networks, network, space, error))
		return true;
	berth_ipam_release_pools(networks, network, NULL);
	return false;
}

// The gateway's address, and those that are set aside.
static void release_own(struct berth_plugins *plugins, const struct berth_network *network, guint number)
{
	const struct berth_network_pool *pool = network->pools->pdata[number];
	GHashTableIter iter;
	void *value;

	if (pool->gateway)
		berth_ipam_release_address(plugins, network, number, pool->gateway, NULL);
	if (!pool->auxiliary)
		return;
	g_hash_table_iter_init(&iter, pool->auxiliary);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		berth_ipam_release_address(plugins, network, number, value, NULL);
}

// A pool that the plugin refuses to take back is none that it has: it may have been given back before.
static bool release_pool(struct berth_plugins *plugins, const struct berth_network *network, const char *id,
			 GError **error)
{
	GError *cause = NULL;
	json_t *answer = call(plugins, network, "ReleasePool", json_pack("{ss}", "PoolID", id), &cause);

	json_decref(answer);
	if (!cause || g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL)) {
		g_clear_error(&cause);
		return true;
	}
	g_propagate_error(error, cause);
	return false;
}

bool berth_ipam_release_pools(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	struct berth_plugins *plugins = networks->plugins;
	bool released = true;

	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const char *id = pool_id(network, i);
		if (!id)
			continue;
		release_own(plugins, network, i);
		released = release_pool(plugins, network, id, released ? error : NULL) && released;
	}
	BERTH_FAILPOINT("network.ipam.released");
	if (released)
		berth_ipam__forget_network(networks, network->id);
	return released;
}

bool berth_ipam_request_address(struct berth_plugins *plugins, const struct berth_network *network, guint pool,
				const char *wanted, const char *mac, char **ret, GError **error)
{
	const struct berth_network_pool *of = network->pools->pdata[pool];
	const char *id = pool_id(network, pool);
	json_t *options = mac ? json_pack("{ss}", MAC_OPTION, mac) : json_object();

	if (!id || !plugins) {
		json_decref(options);
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "network %s: IPAM plugin \"%s\" has no pool for it",
				       network->name, network->ipam_driver);
	}
	char *given = request(plugins, network, id, wanted, options, error);
	if (!given)
		return false;
	if (!strchr(given, '/')) { // then it is the subnet's
		char *whole = g_strconcat(given, strchr(of->subnet, '/'), NULL);
		g_free(given);
		given = whole;
	}
	*ret = given;
	return true;
}

bool berth_ipam_release_address(struct berth_plugins *plugins, const struct berth_network *network, guint pool,
				const char *address, GError **error)
{
	const char *id = pool_id(network, pool);
	g_autofree char *bare = g_strndup(address, strcspn(address, "/"));

	if (!id || !plugins)
		return true;
	json_t *answer =
		call(plugins, network, "ReleaseAddress", json_pack("{ssss}", "PoolID", id, "Address", bare), error);
	json_decref(answer);
	return answer != NULL;
}
