// SPDX-License-Identifier: Apache-2.0
// Networks of plugins: Docker's NetworkDriver. Whether a plugin was told of a network is kept in
// <state folder>/remote/<network>, since it is to be told once, and of its end though the engine was killed before the
// network had a record. Of an endpoint it is told at each start.
#include "network/remote.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/plugin.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#define PATIENCE 10000 // milliseconds for a plugin that does not listen yet, when a network is made
#define GENERIC "com.docker.network.generic"
#define ENABLE_IPV6 "com.docker.network.enable_ipv6"
#define INTERNAL "com.docker.network.internal"
#define PORTMAP "com.docker.network.portmap"
// What the file of a network begins with; the driver's name follows.
#define CREATED "created"
#define MAKING "making"
#define REMOVING "removing"
#define NOTE_LIMIT (BERTH_LIMIT_PLUGIN_NAME + 16)

static json_t *call(struct berth_networks *networks, const struct berth_network *network, const char *method,
		    json_t *request, GError **error)
{
	return berth_plugin_call(networks->plugins, network->driver, BERTH_PLUGIN_NETWORK, method, request, error);
}

static bool do_call(struct berth_networks *networks, const struct berth_network *network, const char *method,
		    json_t *request, GError **error)
{
	json_t *answer = call(networks, network, method, request, error);

	json_decref(answer);
	return answer != NULL;
}

static json_t *map_of(GHashTable *map)
{
	json_t *object = json_object();
	GHashTableIter iter;
	void *key, *value;

	if (!map)
		return object;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &key, &value))
		json_object_set_new(object, key, json_string(value));
	return object;
}

// Networks

static bool remote_check(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (!networks->plugins)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "plugin \"%s\" not found", network->driver);
	if (!berth_plugin_activate(networks->plugins, network->driver, BERTH_PLUGIN_NETWORK, PATIENCE, error))
		return false;
	BERTH_AUTO_JSON json_t *answer = call(networks, network, "GetCapabilities", NULL, &cause);
	const char *scope = json_string_value(json_object_get(answer, "Scope"));
	if (!answer && !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	return g_strcmp0(scope, "global") != 0 ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "plugin \"%s\": its networks are of scope global, which needs a cluster of engines",
			       network->driver);
}

static char *with_length(const char *address, const char *subnet)
{
	return g_strconcat(address, subnet ? strchr(subnet, '/') : NULL, NULL);
}

// One member of IPv4Data or IPv6Data.
static json_t *pool_data(const struct berth_network_pool *pool)
{
	json_t *data = json_pack("{ssss}", "AddressSpace", "LocalDefault", "Pool", pool->subnet);
	json_t *auxiliary = json_object();
	GHashTableIter iter;
	void *key, *value;

	if (pool->gateway) {
		g_autofree char *gateway = with_length(pool->gateway, pool->subnet);
		json_object_set_new(data, "Gateway", json_string(gateway));
	}
	if (pool->auxiliary) {
		g_hash_table_iter_init(&iter, pool->auxiliary);
		while (g_hash_table_iter_next(&iter, &key, &value)) {
			g_autofree char *address = with_length(value, pool->subnet);
			json_object_set_new(auxiliary, key, json_string(address));
		}
	}
	json_object_set_new(data, "AuxAddresses", auxiliary);
	return data;
}

static json_t *pools_data(const struct berth_network *network, int family)
{
	json_t *list = json_array();

	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const struct berth_network_pool *pool = network->pools->pdata[i];
		if (berth_network__pool_family(pool) == family)
			json_array_append_new(list, pool_data(pool));
	}
	return list;
}

static bool create(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	json_t *options = json_object();

	json_object_set_new(options, GENERIC, map_of(network->options));
	json_object_set_new(options, ENABLE_IPV6, json_boolean(network->ipv6));
	if (network->internal)
		json_object_set_new(options, INTERNAL, json_true());
	return do_call(networks, network, "CreateNetwork",
		       json_pack("{sssososo}", "NetworkID", network->id, "Options", options, "IPv4Data",
				 pools_data(network, AF_INET), "IPv6Data", pools_data(network, AF_INET6)),
		       error);
}

static bool delete (struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	return do_call(networks, network, "DeleteNetwork", json_pack("{ss}", "NetworkID", network->id), error);
}

static int open_folder(const struct berth_networks *networks, GError **error)
{
	g_autofree char *path = g_build_filename(networks->state_folder, "remote", NULL);

	return berth_open_folder(path, true, 0700, error);
}

static bool note(int folder, const struct berth_network *network, const char *word, GError **error)
{
	g_autofree char *text = g_strdup_printf("%s %s\n", word, network->driver);

	return berth_write_file_at(folder, network->id, text, strlen(text), 0600, true, error);
}

static bool remote_up(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	berth_fd folder = open_folder(networks, error);
	g_autofree char *noted = folder < 0 ? NULL : berth_read_file_at(folder, network->id, NOTE_LIMIT, NULL, NULL);

	if (folder < 0)
		return false;
	if (noted && g_str_has_prefix(noted, CREATED))
		return true;
	if (noted) // whether it was told is not known
		delete (networks, network, NULL);
	if (!note(folder, network, MAKING, error))
		return false;
	BERTH_FAILPOINT("network.remote.noted");
	if (!create(networks, network, error)) {
		unlinkat(folder, network->id, 0);
		return false;
	}
	BERTH_FAILPOINT("network.remote.created");
	return note(folder, network, CREATED, error);
}

static bool remote_down(G_GNUC_UNUSED struct berth_networks *networks,
			G_GNUC_UNUSED const struct berth_network *network, G_GNUC_UNUSED GError **error)
{
	return true;
}

// A plugin that is not installed any more need not be told.
static bool remote_remove(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autoptr(GError) cause = NULL;
	berth_fd folder = open_folder(networks, error);

	if (folder < 0)
		return false;
	g_autofree char *noted = berth_read_file_at(folder, network->id, NOTE_LIMIT, NULL, NULL);
	if (!noted)
		return true;
	// It may have been told already, and refuses to be told again then.
	bool repeated = !g_str_has_prefix(noted, CREATED);
	if (!note(folder, network, REMOVING, error))
		return false;
	if (!delete (networks, network, &cause) && !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) &&
	    !(repeated && g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL))) {
		if (!repeated)
			note(folder, network, CREATED, NULL);
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	BERTH_FAILPOINT("network.remote.deleted");
	unlinkat(folder, network->id, 0);
	return true;
}

// The network of that id, which has no record, is told to be removed by the plugin that its file names.
static bool clear(struct berth_networks *networks, int folder, const char *id, GError **error)
{
	g_autofree char *noted = berth_read_file_at(folder, id, NOTE_LIMIT, NULL, error);
	char *driver = noted ? strchr(noted, ' ') : NULL;
	GError *cause = NULL;

	if (!noted)
		return false;
	if (driver) { // else it was written before drivers were
		const struct berth_network network = {.id = (char *) id, .driver = g_strstrip(driver)};
		if (!delete (networks, &network, &cause) &&
		    !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL)) {
			g_propagate_prefixed_error(error, cause, "network %.12s, which has no record: ", id);
			return false;
		}
		g_clear_error(&cause);
	}
	unlinkat(folder, id, 0);
	return true;
}

bool berth_remote__sweep(struct berth_networks *networks, GError **error)
{
	g_autofree char *path = g_build_filename(networks->state_folder, "remote", NULL);
	DIR *list = opendir(path);
	bool swept = true;

	for (struct dirent *entry; list && (entry = readdir(list));) {
		g_autoptr(berth_network_known) known = berth_networks__find(networks, entry->d_name);
		if (entry->d_name[0] != '.' && !known)
			swept = clear(networks, dirfd(list), entry->d_name, swept ? error : NULL) && swept;
	}
	if (list)
		closedir(list);
	return swept;
}

// Endpoints

static json_t *ids_of(const struct berth_network *network, const struct berth_endpoint *endpoint)
{
	return json_pack("{ssss}", "NetworkID", network->id, "EndpointID", endpoint->id);
}

static json_t *port_map(const struct berth_endpoint *endpoint)
{
	json_t *list = json_array();

	for (guint i = 0; endpoint->ports && i < endpoint->ports->len; i++) {
		const struct berth_endpoint_port *port = endpoint->ports->pdata[i];
		int protocol = g_str_equal(port->protocol, "udp")    ? IPPROTO_UDP
			       : g_str_equal(port->protocol, "sctp") ? IPPROTO_SCTP
								     : IPPROTO_TCP;
		json_array_append_new(
			list, json_pack("{sisssIsssIsI}", "Proto", protocol, "IP", "", "Port", (json_int_t) port->port,
					"HostIP", port->host_address ? port->host_address : "", "HostPort",
					(json_int_t) port->host_port, "HostPortEnd", (json_int_t) port->host_port));
	}
	return list;
}

static json_t *endpoint_options(const struct berth_endpoint *endpoint)
{
	json_t *options = map_of(endpoint->options);

	if (endpoint->ports && endpoint->ports->len > 0)
		json_object_set_new(options, PORTMAP, port_map(endpoint));
	return options;
}

static void put_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text ? text : ""));
}

// What the plugin chose: it may not change what it was given.
static bool take_choice(const json_t *interface, const char *key, char **member, GError **error)
{
	const char *text = json_string_value(json_object_get(interface, key));
	struct berth_address address;
	struct berth_subnet subnet;
	uint8_t mac[6];

	if (!text || !*text || g_strcmp0(text, *member) == 0)
		return true;
	if (*member)
		return berth_error_set(error, BERTH_ERROR_INTERNAL,
				       "CreateEndpoint: the plugin changes %s from %s to %.60s, which it may not", key,
				       *member, text);
	bool good = g_str_equal(key, "MacAddress") ? berth_mac_parse(text, mac, error)
						   : berth_subnet_parse(text, &subnet, &address, error);
	if (!good)
		return g_prefix_error(error, "CreateEndpoint: %s: ", key), false;
	*member = g_strdup(text);
	return true;
}

static bool create_endpoint(struct berth_networks *networks, const struct berth_network *network,
			    struct berth_endpoint *endpoint, GError **error)
{
	json_t *request = ids_of(network, endpoint), *interface = json_object();

	put_text(interface, "Address", endpoint->ipv4);
	put_text(interface, "AddressIPv6", endpoint->ipv6);
	put_text(interface, "MacAddress", endpoint->mac);
	json_object_set_new(request, "Options", endpoint_options(endpoint));
	json_object_set_new(request, "Interface", interface);
	BERTH_AUTO_JSON json_t *answer = call(networks, network, "CreateEndpoint", request, error);
	const json_t *chosen = json_object_get(answer, "Interface");
	return answer && take_choice(chosen, "Address", &endpoint->ipv4, error) &&
	       take_choice(chosen, "AddressIPv6", &endpoint->ipv6, error) &&
	       take_choice(chosen, "MacAddress", &endpoint->mac, error);
}

// The interface's name, gateways and routes become the endpoint's.
static void apply(const struct berth_network *network, struct berth_remote_join *join, struct berth_endpoint *endpoint)
{
	if (join->prefix && !berth_network__option(network, "com.docker.network.container_iface_prefix")) {
		g_free(endpoint->interface);
		endpoint->interface = g_strdup_printf("%s%d", join->prefix, (int) endpoint->slot);
	}
	g_free(endpoint->gateway);
	g_free(endpoint->gateway6);
	endpoint->gateway = g_steal_pointer(&join->gateway);
	endpoint->gateway6 = g_steal_pointer(&join->gateway6);
	if (join->routes) {
		g_strfreev(endpoint->routes);
		endpoint->routes = g_steal_pointer(&join->routes);
	}
}

static bool join_network(struct berth_networks *networks, const struct berth_network *network,
			 struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	g_autofree char *key = g_strdup_printf("/proc/%d/fd/%d", (int) getpid(), berth_sandbox_namespace(sandbox));
	json_t *request = ids_of(network, endpoint);
	struct berth_remote_join join = {0};

	json_object_set_new(request, "SandboxKey", json_string(key));
	json_object_set_new(request, "Options", map_of(endpoint->options));
	BERTH_AUTO_JSON json_t *answer = call(networks, network, "Join", request, error);
	if (!answer)
		return false;
	bool joined = berth_remote_join_read(answer, &join, error);
	if (joined) {
		apply(network, &join, endpoint);
		json_decref(endpoint->state);
		endpoint->state = json_object();
		if (join.source) {
			json_object_set_new(endpoint->state, "source", json_string(join.source));
			joined = berth_remote_move_in(networks, join.source, endpoint, sandbox, error);
		}
	}
	if (!joined)
		g_prefix_error(error, "plugin \"%s\": NetworkDriver.Join: ", network->driver);
	berth_remote_join_clear(&join);
	return joined;
}

// Published ports are the plugin's. One that has no such method cannot do it.
static bool program(struct berth_networks *networks, const struct berth_network *network,
		    struct berth_endpoint *endpoint, GError **error)
{
	bool has_ports = endpoint->ports && endpoint->ports->len > 0;
	g_autoptr(GError) cause = NULL;
	json_t *request = ids_of(network, endpoint);

	json_object_set_new(request, "Options", endpoint_options(endpoint));
	if (do_call(networks, network, "ProgramExternalConnectivity", request, &cause)) {
		json_object_set_new(endpoint->state, "programmed", json_true());
		return true;
	}
	if (!has_ports && g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED))
		return true;
	g_propagate_error(error, g_steal_pointer(&cause));
	if (has_ports)
		g_prefix_error(error, "published ports are the plugin's: ");
	return false;
}

// What it tells of the endpoint is kept for whoever looks.
static void ask_info(struct berth_networks *networks, const struct berth_network *network,
		     struct berth_endpoint *endpoint)
{
	BERTH_AUTO_JSON json_t *answer = call(networks, network, "EndpointOperInfo", ids_of(network, endpoint), NULL);
	json_t *value = json_object_get(answer, "Value");

	if (json_is_object(value) && json_object_size(value) > 0)
		json_object_set(endpoint->state, "info", value);
}

static bool remote_attach(struct berth_networks *networks, const struct berth_network *network,
			  struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	if (!create_endpoint(networks, network, endpoint, error))
		return false;
	BERTH_FAILPOINT("network.remote.endpoint");
	if (!join_network(networks, network, endpoint, sandbox, error))
		return false;
	BERTH_FAILPOINT("network.remote.joined");
	ask_info(networks, network, endpoint);
	return network->internal || program(networks, network, endpoint, error);
}

// Of an endpoint whose attach did not end, the plugin may not know: its refusal is none then.
static bool tell(struct berth_networks *networks, const struct berth_network *network,
		 const struct berth_endpoint *endpoint, const char *method, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (do_call(networks, network, method, ids_of(network, endpoint), &cause) ||
	    (!endpoint->state && g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL)))
		return true;
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

static bool remote_detach(struct berth_networks *networks, const struct berth_network *network,
			  const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	const char *source = json_string_value(json_object_get(endpoint->state, "source"));
	bool done = true;

	if (json_object_get(endpoint->state, "programmed"))
		done = tell(networks, network, endpoint, "RevokeExternalConnectivity", error);
	if (sandbox && source)
		done = berth_remote_move_out(source, endpoint, sandbox, done ? error : NULL) && done;
	done = tell(networks, network, endpoint, "Leave", done ? error : NULL) && done;
	BERTH_FAILPOINT("network.remote.left");
	return tell(networks, network, endpoint, "DeleteEndpoint", done ? error : NULL) && done;
}

const struct berth_network_driver berth_network_remote = {
	.name = "remote",
	.addresses = true,
	.chooses_mac = true,
	.publishes = true,
	.check = remote_check,
	.up = remote_up,
	.down = remote_down,
	.remove = remote_remove,
	.attach = remote_attach,
	.detach = remote_detach,
};
