// SPDX-License-Identifier: Apache-2.0
// One endpoint: a container's place on a network, from its addresses to its interface.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "engine/network/endpoint-wanted.h"

#include <fcntl.h>
#include <string.h>

#define SHORT_ID 12

static void add_name(GPtrArray *names, const char *name)
{
	for (guint i = 0; i < names->len; i++)
		if (g_ascii_strcasecmp(names->pdata[i], name) == 0)
			return;
	g_ptr_array_add(names, g_strdup(name));
}

// What it is found by on the network: its name, its aliases, twelve digits of its id, its host name.
char **berth_engine__endpoint_names(const struct berth_container_record *record,
				    const struct berth_container_endpoint *wanted)
{
	GPtrArray *names = g_ptr_array_new();
	g_autofree char *short_id = g_strndup(record->id, SHORT_ID);

	add_name(names, record->name);
	for (char **alias = wanted->aliases; alias && *alias; alias++)
		add_name(names, *alias);
	add_name(names, short_id);
	if (record->config->hostname && *record->config->hostname)
		add_name(names, record->config->hostname);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(names, FALSE);
}

static char **copy_list(char *const *list)
{
	return list && *list ? g_strdupv((char **) list) : NULL;
}

static void add_facts(struct berth_engine *engine, const struct berth_container_record *record,
		      struct berth_endpoint *endpoint)
{
	const struct api_host_config *host = record->host_config;
	g_autofree char *parent = berth_engine__cgroup_path(engine, host);

	endpoint->cgroup = g_build_filename(parent, record->id, NULL);
	endpoint->dns_servers = copy_list(host->dns);
	endpoint->dns_search = copy_list(host->dns_search);
	endpoint->dns_options = copy_list(host->dns_options);
}

static struct berth_endpoint *request(const struct berth_engine_container *container,
				      const struct berth_container_endpoint *wanted,
				      const struct berth_network *network, int64_t slot, GError **error)
{
	struct berth_endpoint *endpoint = berth_document_new(&berth_endpoint_document);

	endpoint->id = berth_engine__make_id(error);
	if (!endpoint->id) {
		berth_endpoint_free(endpoint);
		return NULL;
	}
	endpoint->network = g_strdup(network->id);
	endpoint->network_name = g_strdup(network->name);
	endpoint->container = g_strdup(container->id);
	endpoint->slot = slot;
	endpoint->gateway_priority = wanted->gateway_priority;
	endpoint->mac = g_strdup(wanted->mac);
	endpoint->ipv4 = g_strdup(wanted->ipv4);
	endpoint->ipv6 = g_strdup(wanted->ipv6);
	endpoint->options = wanted->options ? berth_map_copy(wanted->options) : NULL;
	if (berth_network_is_own(network->name))
		endpoint->names = berth_engine__endpoint_names(container->record, wanted);
	return endpoint;
}

// From here on the network has a user, and is there. False: it was removed meanwhile, or cannot be made.
static bool use(struct berth_engine *engine, struct berth_engine_network *network, struct berth_endpoint *endpoint,
		GError **error)
{
	bool done = false;

	pthread_mutex_lock(&network->operation);
	if (network->removed)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", network->record->name);
	else
		done = berth_network_up(engine->networks, network->record, error) &&
		       berth_endpoint_allocate(engine->networks, network->record, endpoint, error);
	network->users += done;
	pthread_mutex_unlock(&network->operation);
	return done;
}

struct berth_endpoint *berth_engine__endpoint_make(struct berth_engine *engine,
						   const struct berth_engine_container *container,
						   const struct berth_container_endpoint *wanted, int64_t slot,
						   GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_of(engine, wanted, error);
	g_autoptr(berth_endpoint) endpoint = network ? request(container, wanted, network->record, slot, error) : NULL;

	if (endpoint)
		add_facts(engine, container->record, endpoint);
	if (!endpoint || !use(engine, network, endpoint, error))
		return NULL;
	return g_steal_pointer(&endpoint);
}

void berth_engine__endpoint_release(struct berth_engine *engine, const struct berth_endpoint *endpoint)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);

	if (!network)
		return;
	pthread_mutex_lock(&network->operation);
	berth_endpoint_release(engine->networks, network->record, endpoint);
	network->users -= network->users > 0;
	pthread_cond_broadcast(&network->left);
	pthread_mutex_unlock(&network->operation);
}

bool berth_engine__endpoint_attach(struct berth_engine *engine, struct berth_endpoint *endpoint,
				   struct berth_sandbox *sandbox, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, error);

	if (!network || !berth_endpoint_attach(engine->networks, network->record, endpoint, sandbox, error))
		return false;
	BERTH_FAILPOINT("container.network.attached");
	return true;
}

bool berth_engine__endpoint_detach(struct berth_engine *engine, const struct berth_endpoint *endpoint,
				   struct berth_sandbox *sandbox, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);

	// With its network the interface has gone, too.
	return !network || berth_endpoint_detach(engine->networks, network->record, endpoint, sandbox, error);
}

// Names

// What of an endpoint is written into the names file.
static struct berth_endpoint *name_entry(const struct berth_endpoint *endpoint)
{
	struct berth_endpoint *entry = berth_document_new(&berth_endpoint_document);

	entry->network_name = g_strdup(endpoint->network_name);
	entry->ipv4 = g_strdup(endpoint->ipv4);
	entry->ipv6 = g_strdup(endpoint->ipv6);
	entry->names = g_strdupv(endpoint->names);
	return entry;
}

static GPtrArray *name_entries(struct berth_engine *engine, const char *network)
{
	GPtrArray *entries = g_ptr_array_new_with_free_func((GDestroyNotify) berth_endpoint_free);
	GHashTableIter iter;
	void *value;

	pthread_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_engine_container *container = value;
		for (guint i = 0; container->network && i < container->network->endpoints->len; i++) {
			const struct berth_endpoint *endpoint = container->network->endpoints->pdata[i];
			if (strcmp(endpoint->network, network) == 0)
				g_ptr_array_add(entries, name_entry(endpoint));
		}
	}
	pthread_mutex_unlock(&engine->lock);
	return entries;
}

bool berth_engine__names_write(struct berth_engine *engine, const char *id, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, id, NULL);

	if (!network || !berth_network_is_own(network->record->name))
		return true;
	pthread_mutex_lock(&network->operation);
	g_autoptr(GPtrArray) entries = name_entries(engine, id);
	bool written = berth_network_write_names(engine->networks, id, entries, error);
	pthread_mutex_unlock(&network->operation);
	return written;
}

bool berth_engine__has_resolver(const struct berth_container_record *record)
{
	return !g_str_equal(record->network, "host") && !g_str_equal(record->network, "none") &&
	       !g_str_has_prefix(record->network, "container:");
}

// Links on networks of users are names that only this container knows.
static GHashTable *aliases_of(const struct berth_container_record *record)
{
	GHashTable *aliases = NULL;

	for (guint i = 0; record->endpoints && i < record->endpoints->len; i++) {
		const struct berth_container_endpoint *wanted = record->endpoints->pdata[i];
		for (char **link = wanted->links; link && *link; link++) {
			const char *colon = strchr(*link, ':');
			const char *name = **link == '/' ? *link + 1 : *link;
			if (!colon)
				continue;
			if (!aliases)
				aliases = berth_map_new();
			g_hash_table_insert(aliases, g_strdup(colon + 1), g_strndup(name, (gsize) (colon - name)));
		}
	}
	return aliases;
}

struct berth_monitor_resolver *berth_engine__resolver(struct berth_engine *engine,
						      const struct berth_engine_container *container,
						      const GPtrArray *endpoints)
{
	struct berth_monitor_resolver *resolver = berth_document_new(&berth_monitor_resolver_document);
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	char *const *own = container->record->host_config->dns;
	char *const *servers = own && *own ? own : berth_engine__dns_of(engine, endpoints).servers;

	for (guint i = 0; i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);
		if (!network)
			continue;
		resolver->forward = resolver->forward || !network->record->internal;
		if (!berth_network_is_own(network->record->name))
			continue;
		g_autofree char *path = berth_network_names_path(engine->networks, endpoint->network);
		g_strv_builder_add(names, path);
	}
	resolver->names = g_strv_builder_end(names);
	resolver->aliases = aliases_of(container->record);
	resolver->servers = servers && *servers ? g_strdupv((char **) servers) : NULL;
	return resolver;
}

int berth_engine__namespace(struct berth_monitor *monitor, pid_t pid, const char *file, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int) pid, file);
	berth_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		berth_error_set_errno(error, errno, "opening the %s namespace of process %d", file, (int) pid);
		return -1;
	}
	if (!monitor)
		return berth_fd_steal(&fd);
	// If the monitor has it still, the number was that process's when the file was opened.
	g_autoptr(berth_monitor_status) status = berth_monitor_stat(monitor, error);
	if (!status)
		return -1;
	if (status->pid == pid)
		return berth_fd_steal(&fd);
	berth_error_set(error, BERTH_ERROR_CONFLICT, "the container has just ended");
	return -1;
}
