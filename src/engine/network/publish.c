// SPDX-License-Identifier: Apache-2.0
// Ports of the host that lead to a container: which it asks for, which it gets, and that they work.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "engine/network/ports.h"
#include "network/pools.h"

#include <string.h>
#include <sys/socket.h>

#define ANY4 "0.0.0.0"
#define ANY6 "::"
#define ATTEMPTS 16 // for a port that is free in both families

// Where published ports lead: the container's addresses by which it is reached from outside.
struct target {
	char *address4, *address6; // without prefix length; NULL: none
	char *bridge4, *bridge6;
	const char *standard; // address of the host where a binding names none; NULL: all
};

static void target_clear(struct target *target)
{
	g_free(target->address4);
	g_free(target->address6);
	g_free(target->bridge4);
	g_free(target->bridge6);
}

static char *bare(const char *address)
{
	return address ? g_strndup(address, strcspn(address, "/")) : NULL;
}

// The endpoint of the default route, else the first one that leads outside.
static void find_target(struct berth_engine *engine, const GPtrArray *endpoints, struct target *ret)
{
	*ret = (struct target){.standard = engine->options.network.host_address};
	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < endpoints->len; i++) {
			const struct berth_endpoint *endpoint = endpoints->pdata[i];
			g_autoptr(berth_engine_network) network =
				berth_engine__network_find(engine, endpoint->network, NULL);
			if (!network || network->record->internal)
				continue;
			// Its driver chooses the address and publishes.
			if (!ret->address4 && !endpoint->ipv4 && !endpoint->ipv6 &&
			    berth_network_publishes(network->record))
				ret->address4 = g_strdup("");
			if (!ret->address4 && endpoint->ipv4 && (pass || endpoint->is_default)) {
				ret->address4 = bare(endpoint->ipv4);
				ret->bridge4 = g_strdup(network->record->interface);
			}
			if (!ret->address6 && endpoint->ipv6 && (pass || endpoint->is_default6)) {
				ret->address6 = bare(endpoint->ipv6);
				ret->bridge6 = g_strdup(network->record->interface);
			}
		}
}

// "by container 4c01db0b339c": its name says more.
static void name_holder(struct berth_engine *engine, GError *error)
{
	static const char word[] = "by container ";
	char *place = strstr(error->message, word);

	if (!place)
		return;
	g_autoptr(berth_engine_container) holder = berth_engine__find(engine, place + strlen(word), NULL);
	if (!holder)
		return;
	pthread_mutex_lock(&engine->lock);
	g_autofree char *name = g_strdup(holder->record->name);
	pthread_mutex_unlock(&engine->lock);
	char *text = g_strdup_printf("%.*s%s%s", (int) (place - error->message), error->message, word, name);
	g_free(error->message);
	error->message = text;
}

static bool take(struct berth_engine *engine, const char *owner, int protocol, const char *host_address, uint16_t first,
		 uint16_t last, uint16_t *ret, GError **error)
{
	struct berth_firewall *firewall = berth_networks_firewall(engine->networks);

	GError *failure = NULL;

	if (berth_firewall_port_take(firewall, owner, protocol, host_address, first, last, ret, &failure))
		return true;
	name_holder(engine, failure);
	g_propagate_error(error, failure);
	return false;
}

static struct berth_run_port *new_port(int protocol, const char *host_address, uint16_t host_port, const char *address,
				       uint16_t port, const char *bridge)
{
	struct berth_run_port *entry = berth_document_new(&berth_run_port_document);

	entry->protocol = g_strdup(berth_port_protocol(protocol));
	entry->host_address = g_strdup(host_address);
	entry->host_port = host_port;
	entry->address = g_strdup(address);
	entry->port = port;
	entry->bridge = g_strdup(bridge);
	return entry;
}

// One port of the container's and one binding of it.
struct wish {
	const char *owner;
	int protocol;
	uint16_t port;
	const char *host_address; // NULL or "": all
	uint16_t first, last; // of the host; 0, 0: any
};

static bool take_one(struct berth_engine *engine, const struct wish *wish, const struct target *target, int family,
		     const char *host_address, GPtrArray *ret_ports, GError **error)
{
	const char *address = family == AF_INET ? target->address4 : target->address6;
	const char *bridge = family == AF_INET ? target->bridge4 : target->bridge6;
	uint16_t port;

	if (!take(engine, wish->owner, wish->protocol, host_address, wish->first, wish->last, &port, error))
		return false;
	g_ptr_array_add(ret_ports, new_port(wish->protocol, host_address, port, address, wish->port, bridge));
	return true;
}

static void give_back(struct berth_engine *engine, const char *owner, const struct berth_run_port *port)
{
	berth_firewall_port_release(berth_networks_firewall(engine->networks), owner,
				    berth_port_protocol_of(port->protocol), port->host_address,
				    (uint16_t) port->host_port);
}

// The same port for both families, as Docker does it: where the second is not free, another one is looked for.
static bool take_both(struct berth_engine *engine, const struct wish *wish, const struct target *target,
		      GPtrArray *ret_ports, GError **error)
{
	struct wish next = *wish;

	for (unsigned attempt = 1;; attempt++) {
		GError *failure = NULL;
		if (!take_one(engine, &next, target, AF_INET, ANY4, ret_ports, error))
			return false;
		struct berth_run_port *taken = ret_ports->pdata[ret_ports->len - 1];
		struct wish same = *wish;
		same.first = same.last = (uint16_t) taken->host_port;
		if (take_one(engine, &same, target, AF_INET6, ANY6, ret_ports, &failure))
			return true;
		bool more = wish->first == 0 ? attempt < ATTEMPTS : taken->host_port < wish->last;
		if (wish->first != 0)
			next.first = (uint16_t) (taken->host_port + 1);
		give_back(engine, wish->owner, taken);
		g_ptr_array_set_size(ret_ports, (gint) ret_ports->len - 1);
		berth_run_port_free(taken);
		if (!more) {
			g_propagate_error(error, failure);
			return false;
		}
		g_clear_error(&failure);
	}
}

static bool take_wish(struct berth_engine *engine, const struct wish *wish, const struct target *target,
		      GPtrArray *ret_ports, GError **error)
{
	const char *host = wish->host_address && *wish->host_address ? wish->host_address : target->standard;
	struct berth_address address;

	if (!host) {
		if (target->address4 && target->address6)
			return take_both(engine, wish, target, ret_ports, error);
		return take_one(engine, wish, target, target->address4 ? AF_INET : AF_INET6,
				target->address4 ? ANY4 : ANY6, ret_ports, error);
	}
	if (!berth_address_parse(host, &address, error))
		return false;
	if (!(address.family == AF_INET ? target->address4 : target->address6))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "publishing port %u/%s on %s: the container has no IPv%d address; publish on an "
				       "IPv%d address, or put it on a network with IPv%d",
				       wish->port, berth_port_protocol(wish->protocol), host,
				       address.family == AF_INET ? 4 : 6, address.family == AF_INET ? 6 : 4,
				       address.family == AF_INET ? 4 : 6);
	g_autofree char *text = berth_address_text(&address);
	return take_one(engine, wish, target, address.family, text, ret_ports, error);
}

static bool take_bindings(struct berth_engine *engine, const char *owner, const char *key, const GPtrArray *bindings,
			  const struct target *target, GPtrArray *ret_ports, GError **error)
{
	struct berth_port port;

	if (!berth_port_parse(key, &port, error))
		return false;
	for (guint i = 0; i < bindings->len; i++) {
		const struct api_port_binding *binding = bindings->pdata[i];
		struct wish wish = {.owner = owner,
				    .protocol = port.protocol,
				    .port = port.first,
				    .host_address = binding->host_ip};
		if (!berth_port_host_range(binding->host_port, &wish.first, &wish.last, error) ||
		    !take_wish(engine, &wish, target, ret_ports, error))
			return false;
	}
	return true;
}

static bool has_binding(const struct berth_container_record *record, int protocol, uint16_t port)
{
	GHashTable *bindings = record->host_config->port_bindings;
	g_autofree char *key = berth_port_text(protocol, port);
	const GPtrArray *list = bindings ? g_hash_table_lookup(bindings, key) : NULL;

	return list && list->len > 0;
}

// -P: exposed ports that have no binding of their own get any of the host's.
static bool take_exposed(struct berth_engine *engine, const struct berth_container_record *record,
			 const struct target *target, GPtrArray *ret_ports, GError **error)
{
	for (char **exposed = record->config->exposed_ports; exposed && *exposed; exposed++) {
		struct berth_port range;
		if (!berth_port_parse(*exposed, &range, error))
			return false;
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct wish wish = {
				.owner = record->id, .protocol = range.protocol, .port = (uint16_t) port};
			if (!has_binding(record, range.protocol, (uint16_t) port) &&
			    !take_wish(engine, &wish, target, ret_ports, error))
				return false;
		}
	}
	return true;
}

static int by_port(const void *a, const void *b)
{
	const char *first = *(char *const *) a, *second = *(char *const *) b;
	int difference = atoi(first) - atoi(second);

	return difference ? difference : strcmp(first, second);
}

bool berth_engine__ports_take(struct berth_engine *engine, const struct berth_container_record *record,
			      const GPtrArray *endpoints, GPtrArray *ret_ports, GError **error)
{
	GHashTable *bindings = record->host_config->port_bindings;
	bool any = (bindings && g_hash_table_size(bindings) > 0) || record->host_config->publish_all_ports;
	__attribute__((cleanup(target_clear))) struct target target = {0};
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	GHashTableIter iter;
	void *key;

	if (!any)
		return true;
	find_target(engine, endpoints, &target);
	if (!target.address4 && !target.address6)
		return true; // nothing leads from outside to an internal network
	if (bindings)
		g_hash_table_iter_init(&iter, bindings);
	while (bindings && g_hash_table_iter_next(&iter, &key, NULL))
		g_ptr_array_add(keys, key);
	g_ptr_array_sort(keys, by_port);
	for (guint i = 0; i < keys->len; i++) {
		const GPtrArray *list = g_hash_table_lookup(bindings, keys->pdata[i]);
		if (list && !take_bindings(engine, record->id, keys->pdata[i], list, &target, ret_ports, error))
			return false;
	}
	return !record->host_config->publish_all_ports || take_exposed(engine, record, &target, ret_ports, error);
}

void berth_engine__ports_give_back(struct berth_engine *engine, const char *owner, const GPtrArray *ports)
{
	for (guint i = 0; i < ports->len; i++)
		give_back(engine, owner, ports->pdata[i]);
}

bool berth_engine__ports_adopt(struct berth_engine *engine, const char *owner, const GPtrArray *ports, GError **error)
{
	for (guint i = 0; i < ports->len; i++) {
		const struct berth_run_port *port = ports->pdata[i];
		g_autoptr(GError) failure = NULL;
		uint16_t number = (uint16_t) port->host_port;
		// Somebody else may have taken it while no engine ran: the rules lead to the container all the same.
		if (!take(engine, owner, berth_port_protocol_of(port->protocol), port->host_address, number, number,
			  &number, &failure))
			g_warning("container %s: %s", owner, failure->message);
	}
	return berth_engine__ports_publish(engine, owner, ports, error);
}

// The ports that are not told to a network's own driver: all, or none.
static bool are_ours(struct berth_engine *engine, const char *owner)
{
	bool ours = true;

	pthread_mutex_lock(&engine->lock);
	const struct berth_engine_container *container = g_hash_table_lookup(engine->by_id, owner);
	const GPtrArray *endpoints = container && container->network ? container->network->endpoints : NULL;
	for (guint i = 0; endpoints && i < endpoints->len; i++)
		ours = ours && !((const struct berth_endpoint *) endpoints->pdata[i])->ports;
	pthread_mutex_unlock(&engine->lock);
	return ours;
}

bool berth_engine__ports_publish(struct berth_engine *engine, const char *owner, const GPtrArray *ports, GError **error)
{
	g_autoptr(GPtrArray) published = g_ptr_array_new_with_free_func(g_free);

	if (!are_ours(engine, owner))
		return true;
	for (guint i = 0; i < ports->len; i++) {
		const struct berth_run_port *port = ports->pdata[i];
		struct berth_published *entry = g_new0(struct berth_published, 1);
		bool all = g_strcmp0(port->host_address, ANY4) == 0 || g_strcmp0(port->host_address, ANY6) == 0;
		*entry = (struct berth_published){
			.protocol = berth_port_protocol_of(port->protocol),
			.host_address = all ? NULL : port->host_address,
			.host_port = (uint16_t) port->host_port,
			.address = port->address,
			.port = (uint16_t) port->port,
			.bridge = port->bridge,
		};
		g_ptr_array_add(published, entry);
	}
	return berth_firewall_publish(berth_networks_firewall(engine->networks), owner, published, error);
}

void berth_engine__flows_settle(struct berth_engine *engine)
{
	g_autoptr(GError) error = NULL;

	if (!berth_firewall_settle(berth_networks_firewall(engine->networks), &error))
		g_warning("flows of published ports: %s", error->message);
}

static void settle(void *data, G_GNUC_UNUSED bool canceled)
{
	berth_engine__flows_settle(data);
}

void berth_engine__flows_settle_later(struct berth_engine *engine)
{
	if (!berth_firewall_is_settled(berth_networks_firewall(engine->networks)))
		berth_workers_add(engine->workers, settle, engine, 0);
}
