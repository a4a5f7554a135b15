// SPDX-License-Identifier: Apache-2.0
// What networks put into a container's /etc/hosts, resolv.conf and configuration.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "engine/life/join.h"
#include "engine/network/endpoint-wanted.h"
#include "engine/step/step.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define JOINED_DEPTH 8

static void append_line(GString *out, const char *address, const struct api_container_config *config)
{
	const char *domain = config->domainname;

	if (!address)
		return;
	g_string_append_printf(out, "%.*s\t", (int) strcspn(address, "/"), address);
	g_string_append(out, config->hostname);
	if (domain && *domain)
		g_string_append_printf(out, ".%s", domain);
	if (strchr(config->hostname, '.') || (domain && *domain))
		g_string_append_printf(out, " %.*s", (int) strcspn(config->hostname, "."), config->hostname);
	g_string_append_c(out, '\n');
}

void berth_engine__hosts_line(GString *out, const struct berth_container_record *record,
			      const struct berth_endpoint *endpoint)
{
	append_line(out, endpoint->ipv4, record->config);
	append_line(out, endpoint->ipv6, record->config);
}

static bool wants_gateway(const struct berth_container_record *record)
{
	for (char **extra = record->host_config->extra_hosts; extra && *extra; extra++)
		if (g_str_has_suffix(*extra, ":host-gateway"))
			return true;
	return false;
}

// The addresses of the host on the default bridge, which is made if no container was on it yet.
static bool find_gateways(struct berth_engine *engine, char ***ret, GError **error)
{
	g_autoptr(GStrvBuilder) addresses = g_strv_builder_new();
	g_autoptr(berth_engine_network) bridge = berth_engine__network_find(engine, "bridge", NULL);

	if (bridge && berth_engine__network_is_real(bridge->record) &&
	    !berth_network_up(engine->networks, bridge->record, error))
		return false;
	for (guint i = 0; bridge && i < bridge->record->pools->len; i++) {
		const struct berth_network_pool *pool = bridge->record->pools->pdata[i];
		if (pool->gateway)
			g_strv_builder_add(addresses, pool->gateway);
	}
	*ret = g_strv_builder_end(addresses);
	return true;
}

bool berth_engine__gateway_wanted(struct berth_engine *engine)
{
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);
	bool wanted = false;

	if (engine->options.network.host_gateway)
		return false;
	pthread_mutex_lock(&engine->lock);
	for (guint i = 0; i < containers->len && !wanted; i++) {
		const struct berth_engine_container *container = containers->pdata[i];
		wanted = berth_engine__is_up(container) && wants_gateway(container->record);
	}
	pthread_mutex_unlock(&engine->lock);
	return wanted;
}

void berth_engine__gateway_adopt(struct berth_engine *engine)
{
	g_auto(GStrv) gateways = NULL;
	g_autoptr(GError) error = NULL;

	if (berth_engine__gateway_wanted(engine) && !find_gateways(engine, &gateways, &error))
		g_warning("the default bridge, for host-gateway: %s", error->message);
}

// Another container's network, which is to be there: its files are shared, too.
static bool join(struct berth_engine *engine, const struct berth_container_record *record,
		 struct berth_engine_files *ret, GError **error)
{
	const char *id = record->network + strlen("container:");
	int fd = berth_engine__join_namespace(engine, id, "net", "network", error);

	if (fd < 0)
		return false;
	ret->folder = g_build_filename(engine->options.exec_root, id, NULL);
	ret->namespace_fd = fd;
	ret->namespace = berth_engine__path_of(fd);
	return true;
}

// The container that was joined may have joined another itself, whose files it has then.
static void follow_files(struct berth_engine *engine, struct berth_engine_files *files)
{
	for (int depth = 0; depth < JOINED_DEPTH; depth++) {
		g_autofree char *id = g_path_get_basename(files->folder);
		pthread_mutex_lock(&engine->lock);
		const struct berth_engine_container *other = g_hash_table_lookup(engine->by_id, id);
		g_autofree char *mode = g_strdup(other ? other->record->network : "");
		pthread_mutex_unlock(&engine->lock);
		if (!g_str_has_prefix(mode, "container:"))
			return;
		g_free(files->folder);
		files->folder = g_build_filename(engine->options.exec_root, mode + strlen("container:"), NULL);
	}
}

struct berth_engine_dns berth_engine__dns_of(const struct berth_engine *engine, const GPtrArray *endpoints)
{
	const struct berth_engine_network_options *options = &engine->options.network;
	struct berth_engine_dns dns = {0};

	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		dns.servers = dns.servers ? dns.servers : endpoint->dns_servers;
		dns.search = dns.search ? dns.search : endpoint->dns_search;
		dns.options = dns.options ? dns.options : endpoint->dns_options;
	}
	dns.servers = dns.servers ? dns.servers : options->dns;
	dns.search = dns.search ? dns.search : options->dns_search;
	dns.options = dns.options ? dns.options : options->dns_options;
	return dns;
}

static void find_resolver(const struct berth_engine *engine, const GPtrArray *endpoints, struct berth_spec_files *ret)
{
	struct berth_engine_dns dns = berth_engine__dns_of(engine, endpoints);

	ret->resolver = endpoints;
	ret->dns = dns.servers;
	ret->dns_search = dns.search;
	ret->dns_options = dns.options;
	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		ret->names = ret->names || berth_network_is_own(endpoint->network_name);
	}
}

bool berth_engine__resolv_conf_write(struct berth_engine *engine, const struct berth_engine_container *container,
				     GError **error)
{
	struct berth_spec_files texts = {0};
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);

	find_resolver(engine, container->network->endpoints, &texts);
	return folder >= 0 && berth_spec_write_resolv_conf(folder, container->record, &texts, error);
}

bool berth_engine__files_make(struct berth_engine *engine, const struct berth_engine_container *container,
			      struct berth_engine_files *ret, GError **error)
{
	const struct berth_engine_network_options *options = &engine->options.network;
	const struct berth_container_record *record = container->record;
	const GPtrArray *endpoints = container->network ? container->network->endpoints : NULL;
	g_autoptr(GString) hosts = g_string_new(NULL);

	*ret = (struct berth_engine_files){0};
	if (wants_gateway(record) && !options->host_gateway && !find_gateways(engine, &ret->gateway, error))
		return false;
	ret->texts.host_gateway = options->host_gateway ? options->host_gateway : ret->gateway;
	find_resolver(engine, endpoints, &ret->texts);
	if (g_str_has_prefix(record->network, "container:")) {
		if (!join(engine, record, ret, error))
			return false;
		follow_files(engine, ret);
		return true;
	}
	if (!berth_engine__links_resolve(engine, record, &ret->environment, hosts, error))
		return false;
	for (guint i = 0; endpoints && i < endpoints->len; i++)
		berth_engine__hosts_line(hosts, record, endpoints->pdata[i]);
	ret->hosts = g_string_free(g_steal_pointer(&hosts), FALSE);
	ret->texts.hosts = ret->hosts;
	// That of an earlier step.
	if (container->step && container->step->network && container->step->network->namespace >= 0)
		ret->namespace = berth_engine__path_of(container->step->network->namespace);
	return true;
}

void berth_engine__files_clear(struct berth_engine_files *files)
{
	g_free(files->hosts);
	g_strfreev(files->gateway);
	g_strfreev(files->environment);
	g_free(files->folder);
	g_free(files->namespace);
	if (files->namespace_fd > 0)
		close(files->namespace_fd);
}

// Whole lines of `text` that are `old`, or end in it if it begins with a tab, are left out.
static char *without(const char *text, const char *old)
{
	GString *out = g_string_new(NULL);

	while (*text) {
		const char *end = strchr(text, '\n');
		g_autofree char *line = end ? g_strndup(text, (gsize) (end - text) + 1) : g_strdup(text);
		if (!(g_str_equal(line, old) || (*old == '\t' && g_str_has_suffix(line, old))))
			g_string_append(out, line);
		text += strlen(line);
	}
	return g_string_free(out, FALSE);
}

// In place, as it is bound into the container, which may have changed it.
bool berth_engine__hosts_replace(struct berth_engine *engine, const char *id, const char *old, const char *new,
				 GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, id, false, error);
	berth_fd fd = folder < 0 ? -1 : openat(folder, "hosts", O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return false;
	if (fd < 0)
		return berth_error_set_errno(error, errno, "opening hosts of container %s", id);
	g_autofree char *text = berth_read_fd(fd, BERTH_LIMIT_HOSTS, NULL, "hosts", error);
	if (!text)
		return false;
	g_autofree char *rest = NULL;
	const char *next = text;
	while (old && *old) { // several lines are taken out one by one
		const char *end = strchr(old, '\n');
		g_autofree char *line = end ? g_strndup(old, (gsize) (end - old) + 1) : g_strdup(old);
		char *left = without(next, line);
		g_free(rest);
		next = rest = left;
		old += strlen(line);
	}
	g_autofree char *all = g_strconcat(next, new, NULL);
	if (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0)
		return berth_error_set_errno(error, errno, "writing hosts of container %s", id);
	return berth_write_all(fd, all, strlen(all), "hosts", error);
}
