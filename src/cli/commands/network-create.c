// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/container-options.h"
#include "cli/listing.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	char **auxiliary, **gateways, **ipam_options, **ranges, **labels, **options, **subnets;
	char *config_from, *driver, *ipam_driver, *scope;
	bool attachable, config_only, ingress, internal, ipv4, ipv6, ipv4_given, ipv6_given;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"attachable", 0, BERTH_FLAG_SWITCH, AT(attachable), NULL, "Enable manual container attachment"},
	{"aux-address", 0, BERTH_FLAG_LIST, AT(auxiliary), "map",
	 "Auxiliary IPv4 or IPv6 addresses used by Network driver (NAME=ADDRESS)"},
	{"config-from", 0, BERTH_FLAG_TEXT, AT(config_from), NULL, "The network from which to copy the configuration"},
	{"config-only", 0, BERTH_FLAG_SWITCH, AT(config_only), NULL, "Create a configuration only network"},
	{"driver", 'd', BERTH_FLAG_TEXT, AT(driver), NULL, "Driver to manage the Network", "bridge"},
	{"gateway", 0, BERTH_FLAG_LIST, AT(gateways), "strings", "IPv4 or IPv6 Gateway for the master subnet"},
	{"ingress", 0, BERTH_FLAG_SWITCH, AT(ingress), NULL, "Create swarm routing-mesh network"},
	{"internal", 0, BERTH_FLAG_SWITCH, AT(internal), NULL, "Restrict external access to the network"},
	{"ip-range", 0, BERTH_FLAG_LIST, AT(ranges), "strings", "Allocate container ip from a sub-range"},
	{"ipam-driver", 0, BERTH_FLAG_TEXT, AT(ipam_driver), NULL, "IP Address Management Driver", "default"},
	{"ipam-opt", 0, BERTH_FLAG_LIST, AT(ipam_options), "map", "Set IPAM driver specific options"},
	{"ipv4", 0, BERTH_FLAG_SWITCH, AT(ipv4), NULL, "Enable or disable IPv4 address assignment", "true",
	 .given_offset = AT(ipv4_given)},
	{"ipv6", 0, BERTH_FLAG_SWITCH, AT(ipv6), NULL, "Enable or disable IPv6 address assignment",
	 .given_offset = AT(ipv6_given)},
	{"label", 0, BERTH_FLAG_LIST, AT(labels), NULL, "Set metadata on a network"},
	{"opt", 'o', BERTH_FLAG_LIST, AT(options), "map", "Set driver specific options"},
	{"scope", 0, BERTH_FLAG_TEXT, AT(scope), NULL, "Control the network's scope"},
	{"subnet", 0, BERTH_FLAG_LIST, AT(subnets), "strings",
	 "Subnet in CIDR format that represents a network segment"},
	{0},
};

struct subnet {
	int family;
	unsigned length;
	unsigned char bytes[sizeof(struct in6_addr)];
};

// "10.0.0.0/8", or "10.0.0.1", which is all of its bits.
static bool parse_subnet(const char *text, struct subnet *ret, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	const char *address = parts[0] ? parts[0] : "";
	char *end = (char *) "";

	ret->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	unsigned most = ret->family == AF_INET ? 32 : 128;
	ret->length = parts[0] && parts[1] ? (unsigned) strtoul(parts[1], &end, 10) : most;
	return (inet_pton(ret->family, address, ret->bytes) == 1 && !*end && ret->length <= most &&
		(!parts[1] || g_ascii_isdigit(*parts[1]))) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid CIDR address: %s (an address, or a subnet as 10.1.0.0/16)", text);
}

static bool contains(const struct subnet *subnet, const struct subnet *address)
{
	if (subnet->family != address->family || subnet->length > address->length)
		return false;
	for (unsigned bit = 0; bit < subnet->length; bit++)
		if ((subnet->bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

// The pool of the list whose subnet has the address; NULL with *error.
static json_t *find_pool(const json_t *pools, const char *what, const char *text, GError **error)
{
	struct subnet address, subnet;
	json_t *pool;
	size_t i;

	if (!parse_subnet(text, &address, error))
		return NULL;
	json_array_foreach(pools, i, pool)
	{
		if (!parse_subnet(json_string_value(json_object_get(pool, "Subnet")), &subnet, error))
			return NULL;
		if (contains(&subnet, &address))
			return pool;
	}
	berth_error_set(error, BERTH_ERROR_INVALID, "no matching subnet for %s %s", what, text);
	return NULL;
}

static bool add_subnets(json_t *pools, char *const *subnets, GError **error)
{
	struct subnet one, other;
	const json_t *pool;
	size_t i;

	for (; subnets && *subnets; subnets++) {
		if (!parse_subnet(*subnets, &one, error)) {
			g_prefix_error(error, "invalid subnet: ");
			return false;
		}
		json_array_foreach(pools, i, pool)
		{
			if (!parse_subnet(json_string_value(json_object_get(pool, "Subnet")), &other, error))
				return false;
			if (contains(&one, &other) || contains(&other, &one))
				return berth_error_set(
					error, BERTH_ERROR_INVALID,
					"multiple overlapping subnet configuration is not supported: %s, %s",
					json_string_value(json_object_get(pool, "Subnet")), *subnets);
		}
		json_array_append_new(pools, json_pack("{s:s}", "Subnet", *subnets));
	}
	return true;
}

// Gateways and ranges: one of each for a subnet.
static bool add_singles(json_t *pools, char *const *values, const char *key, const char *what, const char *conflict,
			GError **error)
{
	for (; values && *values; values++) {
		json_t *pool = find_pool(pools, what, *values, error);
		const char *other = pool ? json_string_value(json_object_get(pool, key)) : NULL;
		if (other)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "cannot configure multiple %s (%s, %s) %s the same subnet (%s)",
					       conflict, *values, other, strcmp(what, "range") == 0 ? "on" : "for",
					       json_string_value(json_object_get(pool, "Subnet")));
		if (!pool)
			return false;
		json_object_set_new(pool, key, json_string(*values));
	}
	return true;
}

static bool add_auxiliary(json_t *pools, char *const *values, GError **error)
{
	for (; values && *values; values++) {
		const char *equals = strchr(*values, '=');
		if (!equals || equals == *values)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"--aux-address\" flag: %s must be formatted "
				"as key=value",
				*values, *values);
		json_t *pool = find_pool(pools, "aux-address", equals + 1, error);
		if (!pool)
			return false;
		g_autofree char *name = g_strndup(*values, (size_t) (equals - *values));
		if (!json_object_get(pool, "AuxiliaryAddresses"))
			json_object_set_new(pool, "AuxiliaryAddresses", json_object());
		json_object_set_new(json_object_get(pool, "AuxiliaryAddresses"), name, json_string(equals + 1));
	}
	return true;
}

static json_t *make_pools(const struct options *options, GError **error)
{
	g_auto(GStrv) subnets = berth_split_values(options->subnets);
	g_auto(GStrv) ranges = berth_split_values(options->ranges);
	g_auto(GStrv) gateways = berth_split_values(options->gateways);
	size_t count = subnets ? g_strv_length(subnets) : 0;
	BERTH_AUTO_JSON json_t *pools = json_array();

	if (count < (ranges ? g_strv_length(ranges) : 0) || count < (gateways ? g_strv_length(gateways) : 0)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"every ip-range or gateway must have a corresponding subnet");
		return NULL;
	}
	if (!add_subnets(pools, subnets, error) || !add_singles(pools, ranges, "IPRange", "range", "ranges", error) ||
	    !add_singles(pools, gateways, "Gateway", "gateway", "gateways", error) ||
	    !add_auxiliary(pools, options->auxiliary, error))
		return NULL;
	return g_steal_pointer(&pools);
}

static json_t *make_request(const struct options *options, const char *name, GError **error)
{
	BERTH_AUTO_JSON json_t *ipam_options = berth_pairs_json(options->ipam_options, "ipam-opt", true, error);
	BERTH_AUTO_JSON json_t *driver_options =
		ipam_options ? berth_pairs_json(options->options, "opt", true, error) : NULL;
	BERTH_AUTO_JSON json_t *labels =
		driver_options ? berth_pairs_json(options->labels, "label", true, error) : NULL;
	json_t *pools = labels ? make_pools(options, error) : NULL;

	if (!pools)
		return NULL;
	json_t *request =
		json_pack("{s:s, s:s, s:s, s:{s:s, s:O, s:o}, s:b, s:b, s:b, s:b, s:O, s:O}", "Name", name, "Driver",
			  options->driver, "Scope", options->scope ? options->scope : "", "IPAM", "Driver",
			  options->ipam_driver, "Options", ipam_options, "Config", pools, "Internal", options->internal,
			  "Attachable", options->attachable, "Ingress", options->ingress, "ConfigOnly",
			  options->config_only, "Options", driver_options, "Labels", labels);
	if (!request) {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid network name, driver or scope: it is not UTF-8");
		return NULL;
	}
	if (options->config_from)
		json_object_set_new(request, "ConfigFrom", json_pack("{s:s}", "Network", options->config_from));
	if (options->ipv4_given)
		json_object_set_new(request, "EnableIPv4", json_boolean(options->ipv4));
	if (options->ipv6_given)
		json_object_set_new(request, "EnableIPv6", json_boolean(options->ipv6));
	return request;
}

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	BERTH_AUTO_JSON json_t *request = make_request(data, arguments[0], error);

	if (!request)
		return 1;
	g_autofree char *body = berth_json_text(request);
	BERTH_AUTO_JSON json_t *created = berth_client_json(cli->client, "POST", "/networks/create", body, error);
	if (!created)
		return 1;
	const char *warning = json_string_value(json_object_get(created, "Warning"));
	if (warning && *warning)
		fprintf(stderr, "WARNING: %s\n", warning);
	puts(json_string_value(json_object_get(created, "Id")));
	return 0;
}

const struct berth_command berth_command_network_create = {
	.arguments = "NETWORK",
	.summary = "Create a network",
	.description = "Makes a network that containers are put on with --network or `network connect`. Options of the "
		       "driver, as --opt com.docker.network.driver.mtu=1400, are Docker's.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.main = create_main,
};
