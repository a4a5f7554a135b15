// SPDX-License-Identifier: Apache-2.0
#include "engine/network/endpoint-wanted.h"

#include "base/error.h"
#include "base/limits.h"
#include "engine/plan/plan-internal.h"
#include "network/pools.h"
#include "spec/api-network.h"

#include <string.h>
#include <sys/socket.h>

bool berth_network_is_own(const char *name)
{
	static const char *const others[] = {"", "default", "bridge", "host", "none", NULL};

	return name && !g_strv_contains(others, name) && !g_str_has_prefix(name, "container:");
}

static bool is_text(const char *text)
{
	return text && *text;
}

static bool set_address(char **ret, const char *text, int family, GError **error)
{
	struct berth_address address;

	if (!is_text(text))
		return true;
	if (!berth_address_parse(text, &address, NULL) || address.family != family)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid IPv%d address: %s",
				       family == AF_INET ? 4 : 6, text);
	*ret = berth_address_text(&address);
	return true;
}

bool berth_endpoint_set_mac(struct berth_container_endpoint *endpoint, const char *mac, GError **error)
{
	uint8_t bytes[6];

	if (!berth_mac_parse(mac, bytes, error))
		return false;
	g_free(endpoint->mac);
	endpoint->mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
					bytes[4], bytes[5]);
	return true;
}

static bool check_names(char *const *names, GError **error)
{
	for (; names && *names; names++)
		if (!**names || !berth_plan_is_plain(*names) || strchr(*names, ' ') ||
		    strlen(*names) > BERTH_LIMIT_NETWORK_ALIAS)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid alias \"%.40s\": is empty or too long, or has spaces or "
					       "control characters",
					       *names);
	return true;
}

// What only a network of a user's has.
static bool check_predefined(const char *name, const struct api_endpoint_settings *settings, GError **error)
{
	const struct api_ipam_config *ipam = settings->ipam_config;

	if (berth_network_is_own(name))
		return true;
	if (ipam && (is_text(ipam->ipv4_address) || is_text(ipam->ipv6_address)))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "user specified IP address is supported on user defined networks only");
	if (berth_plan_is_set(settings->aliases))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "network-scoped alias is supported only for containers in user defined "
				       "networks");
	return true;
}

static bool fill(struct berth_container_endpoint *endpoint, const struct api_endpoint_settings *settings,
		 GError **error)
{
	const struct api_ipam_config *ipam = settings->ipam_config;

	if (ipam && json_array_size(ipam->link_local_ips) > 0)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "link-local addresses (--link-local-ip) are not in this version");
	if (ipam && (!set_address(&endpoint->ipv4, ipam->ipv4_address, AF_INET, error) ||
		     !set_address(&endpoint->ipv6, ipam->ipv6_address, AF_INET6, error)))
		return false;
	if (is_text(settings->mac_address) && !berth_endpoint_set_mac(endpoint, settings->mac_address, error))
		return false;
	if (!check_names(settings->aliases, error))
		return false;
	endpoint->aliases = berth_plan_is_set(settings->aliases) ? g_strdupv(settings->aliases) : NULL;
	endpoint->links = berth_plan_is_set(settings->links) ? g_strdupv(settings->links) : NULL;
	endpoint->gateway_priority = settings->gw_priority;
	if (settings->driver_opts && g_hash_table_size(settings->driver_opts) > 0) {
		GHashTableIter iter;
		void *key, *value;
		endpoint->options = berth_map_new();
		g_hash_table_iter_init(&iter, settings->driver_opts);
		while (g_hash_table_iter_next(&iter, &key, &value))
			g_hash_table_insert(endpoint->options, g_strdup(key), g_strdup(value));
	}
	return true;
}

struct berth_container_endpoint *berth_endpoint_wanted(const char *name, const struct api_endpoint_settings *settings,
						       GError **error)
{
	g_autoptr(berth_container_endpoint) endpoint = berth_document_new(&berth_container_endpoint_document);

	endpoint->network = g_strdup("");
	endpoint->network_name = g_strdup(name);
	if (!settings || (check_predefined(name, settings, error) && fill(endpoint, settings, error)))
		return g_steal_pointer(&endpoint);
	return NULL;
}
