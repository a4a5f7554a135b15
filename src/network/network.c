// SPDX-License-Identifier: Apache-2.0
// The networks that are known, and the way from what the engine asks to the driver that does it.
#include "network/network.h"

#include "base/error.h"
#include "base/fd.h"
#include "network/ipam.h"
#include "network/network-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define IDLE_ROUTES 8 // rtnetlink sockets that are kept for the next one who needs one

static const char *const built_in_pools[] = {
	"base=172.18.0.0/15,size=24",
	"base=172.20.0.0/14,size=24",
	"base=172.24.0.0/13,size=24",
	"base=192.168.128.0/17,size=24",
};

static void known_clear(gpointer data)
{
	struct berth_network_known *known = data;

	berth_network_free(known->network);
	g_clear_pointer(&known->addresses, g_ptr_array_unref);
	g_hash_table_unref(known->endpoints);
	pthread_mutex_destroy(&known->making);
}

void berth_networks__unref(struct berth_network_known *known)
{
	if (known)
		g_atomic_rc_box_release_full(known, known_clear);
}

static void endpoint_free(gpointer endpoint)
{
	berth_endpoint_free(endpoint);
}

static struct berth_network_known *known_new(const struct berth_network *network)
{
	struct berth_network_known *known = g_atomic_rc_box_new0(struct berth_network_known);

	known->network = berth_document_copy(&berth_network_document, network);
	known->endpoints = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, endpoint_free);
	pthread_mutex_init(&known->making, NULL);
	return known;
}

// A /48 of our own (RFC 4193), the same whenever this engine starts.
static char *local_pool(const char *engine)
{
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, engine, -1);

	return g_strdup_printf("base=fd%.2s:%.4s:%.4s::/48,size=64", digest, digest + 2, digest + 6);
}

static bool read_pools(struct berth_networks *networks, const struct berth_networks_options *options, GError **error)
{
	const char *const *texts = options->pools ? (const char *const *) options->pools : built_in_pools;
	size_t count = options->pools ? g_strv_length((char **) options->pools) : G_N_ELEMENTS(built_in_pools);
	bool has6 = false;

	networks->pools = g_new0(struct berth_pool, count + 1);
	for (size_t i = 0; i < count; i++) {
		if (!berth_pool_parse(texts[i], &networks->pools[i], error))
			return false;
		has6 = has6 || networks->pools[i].base.address.family == AF_INET6;
	}
	networks->pool_count = count;
	g_autofree char *local = local_pool(options->engine);
	if (!has6 && !berth_pool_parse(local, &networks->pools[networks->pool_count++], error))
		return false;
	if (!options->bridge_subnet)
		return true;
	if (!berth_subnet_parse(options->bridge_subnet, &networks->bridge_subnet, &networks->bridge_address, error))
		return g_prefix_error(error, "the default bridge's subnet: "), false;
	return true;
}

static void route_close(gpointer route)
{
	berth_netlink_close(route);
}

static void free_kept(struct berth_networks *networks)
{
	berth_networks_free(networks, true);
}

struct berth_networks *berth_networks_new(const struct berth_networks_options *options, struct berth_plugins *plugins,
					  GError **error)
{
	struct berth_networks *networks = g_new0(struct berth_networks, 1);
	struct berth_firewall_options firewall = options->firewall;

	pthread_mutex_init(&networks->lock, NULL);
	networks->known =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) berth_networks__unref);
	networks->routes = g_ptr_array_new_with_free_func(route_close);
	networks->engine = g_strdup(options->engine);
	networks->alias = g_strdup_printf("berth %s", options->engine);
	networks->no_forwarding = options->no_forwarding;
	networks->run_folder = g_strdup(options->run_folder);
	networks->state_folder = g_strdup(options->state_folder);
	networks->cni_paths = g_strdupv((char **) options->cni_paths);
	networks->cni_folders = g_strdupv((char **) options->cni_folders);
	networks->plugins = plugins;
	if (!firewall.table)
		firewall.table = "berth";
	if (read_pools(networks, options, error))
		networks->firewall = berth_firewall_new(&firewall, error);
	if (!networks->firewall)
		g_clear_pointer(&networks, free_kept);
	return networks;
}

void berth_networks_free(struct berth_networks *networks, bool keep)
{
	if (!networks)
		return;
	if (networks->firewall)
		berth_firewall_free(networks->firewall, keep);
	g_hash_table_unref(networks->known);
	g_ptr_array_unref(networks->routes);
	g_strfreev(networks->cni_paths);
	g_strfreev(networks->cni_folders);
	g_free(networks->engine);
	g_free(networks->alias);
	g_free(networks->run_folder);
	g_free(networks->state_folder);
	g_free(networks->pools);
	pthread_mutex_destroy(&networks->lock);
	g_free(networks);
}

struct berth_firewall *berth_networks_firewall(struct berth_networks *networks)
{
	return networks->firewall;
}

struct berth_network_known *berth_networks__find(struct berth_networks *networks, const char *id)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&networks->lock);
	struct berth_network_known *known = g_hash_table_lookup(networks->known, id);

	return known ? g_atomic_rc_box_acquire(known) : NULL;
}

bool berth_networks__has_endpoint(struct berth_networks *networks, struct berth_network_known *known,
				  const char *endpoint)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&networks->lock);

	return known && g_hash_table_contains(known->endpoints, endpoint);
}

static struct berth_network_known *find(struct berth_networks *networks, const struct berth_network *network,
					GError **error)
{
	struct berth_network_known *known = berth_networks__find(networks, network->id);

	if (!known)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", network->name);
	return known;
}

struct berth_netlink *berth_networks__route_locked(struct berth_networks *networks, GError **error)
{
	if (networks->routes->len)
		return g_ptr_array_steal_index_fast(networks->routes, networks->routes->len - 1);
	return berth_netlink_open(NETLINK_ROUTE, error);
}

struct berth_netlink *berth_networks__route(struct berth_networks *networks, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&networks->lock);

	return berth_networks__route_locked(networks, error);
}

void berth_networks__route_back(struct berth_networks *networks, struct berth_netlink *route)
{
	pthread_mutex_lock(&networks->lock);
	if (networks->routes->len < IDLE_ROUTES)
		g_ptr_array_add(networks->routes, g_steal_pointer(&route));
	pthread_mutex_unlock(&networks->lock);
	berth_netlink_close(route);
}

// Networks

bool berth_networks_add(struct berth_networks *networks, struct berth_network *network, bool loaded, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);

	if (!driver && !loaded)
		return false;
	g_clear_error(error);
	if (!loaded && driver->check && !driver->check(networks, network, error))
		return false;
	bool foreign = !loaded && driver->addresses && berth_network__has_ipam(network);
	if (foreign && !berth_ipam_request_pools(networks, network, error))
		return false;
	pthread_mutex_lock(&networks->lock);
	// Since the check another one may have got that name.
	bool planned = loaded || ((driver != &berth_network_bridge ||
				   berth_bridge__check_name(networks, network, network->interface, error)) &&
				  (!driver->addresses || berth_network__plan(networks, network, error)));
	if (planned) {
		struct berth_network_known *known = known_new(network);
		known->addresses = berth_network__addresses(network);
		g_hash_table_replace(networks->known, g_strdup(network->id), known);
	}
	pthread_mutex_unlock(&networks->lock);
	if (!planned && foreign)
		berth_ipam_release_pools(networks, network, NULL);
	return planned;
}

// A network of plugins that is removed for good: half of them may have been told.
static char *leaving_path(const struct berth_networks *networks, const char *id)
{
	return g_strdup_printf("%s/leaving/%s", networks->state_folder, id);
}

static bool note_leaving(const struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autofree char *path = g_build_filename(networks->state_folder, "leaving", NULL);

	if (berth_network_driver_find(network->driver, NULL) != &berth_network_remote &&
	    !berth_network__has_ipam(network))
		return true;
	berth_fd folder = berth_open_folder(path, true, 0700, error);
	return folder >= 0 && berth_write_file_at(folder, network->id, "", 0, 0600, true, error);
}

static void forget_leaving(const struct berth_networks *networks, const char *id)
{
	g_autofree char *path = leaving_path(networks, id);

	unlink(path);
}

bool berth_network_is_leaving(const struct berth_networks *networks, const char *id)
{
	g_autofree char *path = leaving_path(networks, id);

	return access(path, F_OK) == 0;
}

void berth_networks_forget(struct berth_networks *networks, const char *id)
{
	g_autofree char *names = berth_network_names_path(networks, id);

	pthread_mutex_lock(&networks->lock);
	g_hash_table_remove(networks->known, id);
	pthread_mutex_unlock(&networks->lock);
	unlink(names);
	forget_leaving(networks, id);
}

static bool bring_up(struct berth_networks *networks, const struct berth_network_driver *driver,
		     const struct berth_network *network, struct berth_network_known *known, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&known->making);

	if (known->up)
		return true;
	known->up = driver->up(networks, network, error);
	if (!known->up)
		g_prefix_error(error, "network %s: ", network->name);
	return known->up;
}

bool berth_network_up(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);
	g_autoptr(berth_network_known) known = driver ? find(networks, network, error) : NULL;

	return known && bring_up(networks, driver, network, known, error);
}

// A plugin that is not installed any more need not be told.
static bool release_pools(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (!berth_network__has_ipam(network) || berth_ipam_release_pools(networks, network, &cause) ||
	    g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

static bool take_down(struct berth_networks *networks, const struct berth_network *network, bool for_good,
		      GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);
	g_autoptr(berth_network_known) known = driver ? find(networks, network, error) : NULL;

	if (!known)
		return false;
	BERTH_AUTO_UNLOCK locker = berth_lock(&known->making);
	known->up = false;
	known->index = 0;
	bool done = driver->down(networks, network, error);
	if (for_good) {
		done = done && note_leaving(networks, network, error) &&
		       (!driver->remove || driver->remove(networks, network, error)) &&
		       release_pools(networks, network, error);
		if (!done)
			forget_leaving(networks, network->id);
	}
	if (!done)
		g_prefix_error(error, "network %s: ", network->name);
	return done;
}

bool berth_network_down(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	return take_down(networks, network, false, error);
}

bool berth_network_remove(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	return take_down(networks, network, true, error);
}

// Endpoints

static bool attach(struct berth_networks *networks, const struct berth_network_driver *driver,
		   const struct berth_network *network, struct berth_endpoint *endpoint, struct berth_sandbox *sandbox,
		   GError **error)
{
	if (driver->attach(networks, network, endpoint, sandbox, error))
		return true;
	driver->detach(networks, network, endpoint, sandbox, NULL);
	return false;
}

// Somebody may have removed the network's interface since it was made: then it is made again, once.
bool berth_endpoint_attach(struct berth_networks *networks, const struct berth_network *network,
			   struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);
	g_autoptr(berth_network_known) known = driver ? find(networks, network, error) : NULL;
	g_autoptr(GError) problem = NULL;

	if (!known)
		return false;
	if (attach(networks, driver, network, endpoint, sandbox, &problem))
		return true;
	if (network->interface && !if_nametoindex(network->interface)) {
		g_clear_error(&problem);
		pthread_mutex_lock(&known->making);
		known->up = false;
		pthread_mutex_unlock(&known->making);
		if (bring_up(networks, driver, network, known, &problem) &&
		    attach(networks, driver, network, endpoint, sandbox, &problem))
			return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&problem), "network %s: ", network->name);
	return false;
}

bool berth_endpoint_detach(struct berth_networks *networks, const struct berth_network *network,
			   const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);

	if (!driver)
		return false;
	if (!driver->detach(networks, network, endpoint, sandbox, error))
		return g_prefix_error(error, "network %s: ", network->name), false;
	return true;
}

static int compare_default(gconstpointer a, gconstpointer b)
{
	const struct berth_endpoint *left = *(struct berth_endpoint *const *) a;
	const struct berth_endpoint *right = *(struct berth_endpoint *const *) b;

	if (left->gateway_priority != right->gateway_priority)
		return left->gateway_priority > right->gateway_priority ? -1 : 1;
	return g_strcmp0(left->network_name, right->network_name);
}

static bool leads_out(struct berth_networks *networks, const struct berth_endpoint *endpoint)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, endpoint->network);

	return !known || !known->network->internal;
}

void berth_endpoints_choose_default(struct berth_networks *networks, GPtrArray *endpoints)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	bool chosen = false, chosen6 = false;

	for (guint i = 0; i < endpoints->len; i++)
		g_ptr_array_add(sorted, endpoints->pdata[i]);
	g_ptr_array_sort(sorted, compare_default);
	for (guint i = 0; i < sorted->len; i++) {
		struct berth_endpoint *endpoint = sorted->pdata[i];
		bool out = leads_out(networks, endpoint);
		endpoint->is_default = !chosen && out && endpoint->gateway;
		endpoint->is_default6 = !chosen6 && out && endpoint->gateway6;
		chosen = chosen || endpoint->is_default;
		chosen6 = chosen6 || endpoint->is_default6;
	}
}

bool berth_network_publishes(const struct berth_network *network)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, NULL);

	return driver && driver->publishes;
}

void berth_endpoint_host_interface(const char *container, int64_t slot, char *ret)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	G_STATIC_ASSERT(sizeof digits - 1 == BERTH_ENDPOINT_SLOTS);
	g_snprintf(ret, IFNAMSIZ, "bc%.12s%c", container, digits[CLAMP(slot, 0, BERTH_ENDPOINT_SLOTS - 1)]);
}
