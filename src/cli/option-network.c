// SPDX-License-Identifier: Apache-2.0
// --network in its two forms, and the options that belong to the first network; the endpoint of `network connect`.
#include "cli/container-options.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// Not bridge, host, none, container:…
static bool is_user_defined(const char *name)
{
	return !g_strv_contains((const char *const[]){"default", "bridge", "host", "none", "", NULL}, name) &&
	       !g_str_has_prefix(name, "container:");
}

static void replace(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

bool berth_parse_driver_option(const char *text, GHashTable **ret, GError **error)
{
	const char *equals = strchr(text, '=');
	g_autofree char *key = equals ? g_strndup(text, (size_t) (equals - text)) : g_strdup("");

	if (!*g_strstrip(key))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid key value pair format in driver options: %s", text);
	if (!*ret)
		*ret = berth_map_new();
	g_hash_table_insert(*ret, g_steal_pointer(&key), g_strstrip(g_strdup(equals + 1)));
	return true;
}

static bool parse_priority(const char *text, int64_t *ret, GError **error)
{
	char *end;

	errno = 0;
	*ret = g_ascii_strtoll(text, &end, 10);
	if (!*text || *end || g_ascii_isspace(*text))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid gw-priority (%s): invalid syntax", text);
	return (errno == 0 && *ret >= INT32_MIN && *ret <= INT32_MAX) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid gw-priority (%s): value out of range", text);
}

// In the long form the names of driver options are in lower case, as all names are.
static bool set_driver_option(struct berth_network_option *option, const char *value, GError **error)
{
	size_t length = strcspn(value, "=");
	g_autofree char *key = g_ascii_strdown(value, (gssize) length);
	g_autofree char *pair = g_strconcat(key, value + length, NULL);

	return berth_parse_driver_option(pair, &option->driver_options, error);
}

static bool set_field(struct berth_network_option *option, const char *key, const char *value, GError **error)
{
#define IS(name) (strcmp(key, name) == 0)
	if (IS("name"))
		replace(&option->name, value);
	else if (IS("alias"))
		berth_strings_add(&option->aliases, g_strdup(value));
	else if (IS("ip"))
		replace(&option->ip, value);
	else if (IS("ip6"))
		replace(&option->ip6, value);
	else if (IS("mac-address"))
		replace(&option->mac_address, value);
	else if (IS("link-local-ip"))
		berth_strings_add(&option->link_local_ips, g_strdup(value));
	else if (IS("driver-opt"))
		return set_driver_option(option, value, error);
	else if (IS("gw-priority"))
		return parse_priority(value, &option->priority, error);
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid field key %s", key);
	return true;
#undef IS
}

// Whether a key=value pair stands in it: letters, digits or underscores on both sides of an equals sign.
static bool is_long(const char *text)
{
	for (const char *at = strchr(text, '='); at; at = strchr(at + 1, '='))
		if (at > text && (g_ascii_isalnum(at[-1]) || at[-1] == '_') && (g_ascii_isalnum(at[1]) || at[1] == '_'))
			return true;
	return false;
}

static bool parse_network(const char *text, struct berth_network_option *option, GError **error)
{
	if (!is_long(text)) {
		option->name = g_strdup(text);
		return true;
	}
	g_auto(GStrv) fields = berth_split_csv(text, error);
	for (char **field = fields; field && *field; field++) {
		char *equals = strchr(*field, '=');
		if (!equals || equals == *field)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid field \"%s\"", *field);
		g_autofree char *key = g_ascii_strdown(*field, equals - *field);
		if (!set_field(option, g_strstrip(key), g_strstrip(equals + 1), error))
			return false;
	}
	return fields && ((option->name && *option->name) ||
			  berth_error_set(error, BERTH_ERROR_INVALID, "network name/id is not specified"));
}

static void free_option(struct berth_network_option *option)
{
	g_free(option->name);
	g_strfreev(option->aliases);
	g_strfreev(option->link_local_ips);
	g_strfreev(option->links);
	g_free(option->ip);
	g_free(option->ip6);
	g_free(option->mac_address);
	g_clear_pointer(&option->driver_options, g_hash_table_unref);
	g_free(option);
}

bool berth_parse_networks(char *const *values, GPtrArray **ret, GError **error)
{
	*ret = g_ptr_array_new_with_free_func((GDestroyNotify) free_option);
	for (; values && *values; values++) {
		struct berth_network_option *option = g_new0(struct berth_network_option, 1);
		g_ptr_array_add(*ret, option);
		if (!parse_network(*values, option, error)) {
			g_prefix_error(error, "invalid argument \"%s\" for \"--network\" flag: ", *values);
			return false;
		}
	}
	return true;
}

static bool check_address(int family, const char *text, GError **error)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return !text || inet_pton(family, text, bytes) == 1 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid IPv%d address: %s", family == AF_INET ? 4 : 6,
			       text);
}

static bool check_mac(const char *text, GError **error)
{
	unsigned bytes[6];
	char rest;

	return (strlen(text) == 17 && sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2],
					     &bytes[3], &bytes[4], &bytes[5], &rest) == 6) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "%s is not a valid mac address", text);
}

struct api_endpoint_settings *berth_network_endpoint(const struct berth_network_option *option, GError **error)
{
	g_autoptr(api_endpoint_settings) endpoint = berth_document_new(&api_endpoint_settings_document);

	if (!check_address(AF_INET, option->ip, error) || !check_address(AF_INET6, option->ip6, error) ||
	    (option->mac_address && !check_mac(option->mac_address, error)))
		return NULL;
	endpoint->aliases = g_strdupv(option->aliases);
	endpoint->links = g_strdupv(option->links);
	endpoint->mac_address = g_strdup(option->mac_address);
	endpoint->gw_priority = option->priority;
	if (option->driver_options)
		endpoint->driver_opts = g_hash_table_ref(option->driver_options);
	if (!option->ip && !option->ip6 && !option->link_local_ips)
		return g_steal_pointer(&endpoint);
	endpoint->ipam_config = berth_document_new(&api_ipam_config_document);
	endpoint->ipam_config->ipv4_address = g_strdup(option->ip);
	endpoint->ipam_config->ipv6_address = g_strdup(option->ip6);
	for (char **address = option->link_local_ips; address && *address; address++) {
		if (!check_address(strchr(*address, ':') ? AF_INET6 : AF_INET, *address, error))
			return NULL;
		if (!endpoint->ipam_config->link_local_ips)
			endpoint->ipam_config->link_local_ips = json_array();
		json_array_append_new(endpoint->ipam_config->link_local_ips, json_string(*address));
	}
	return g_steal_pointer(&endpoint);
}

static bool twice(const char *flag, const char *what, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "conflicting options: cannot specify both --%s and per-network %s", flag, what);
}

// What the options beside --network say is for the first network.
static bool apply_options(const struct berth_container_options *options, struct berth_network_option *first,
			  GError **error)
{
	const struct {
		char *from, **to;
		const char *flag, *what;
	} texts[] = {{options->ip, &first->ip, "ip", "IPv4 address"},
		     {options->ip6, &first->ip6, "ip6", "IPv6 address"},
		     {options->mac_address, &first->mac_address, "mac-address", "MAC address"}};
	const struct {
		char **from, ***to;
		const char *flag, *what;
	} lists[] = {{options->network_aliases, &first->aliases, "network-alias", "alias"},
		     {options->link_local_ips, &first->link_local_ips, "link-local-ip", "link-local IP addresses"}};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (texts[i].from && *texts[i].to)
			return twice(texts[i].flag, texts[i].what, error);
		if (texts[i].from && *texts[i].from)
			*texts[i].to = g_strdup(texts[i].from);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		if (lists[i].from && *lists[i].to)
			return twice(lists[i].flag, lists[i].what, error);
		if (lists[i].from)
			*lists[i].to = g_strdupv(lists[i].from);
	}
	// On the default bridge a link is the container's, elsewhere an alias of the endpoint.
	if (is_user_defined(first->name))
		first->links = g_strdupv(options->links);
	return true;
}

static bool add_endpoint(GHashTable *endpoints, const struct berth_network_option *option, GError **error)
{
	if (!*option->name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "no name set for network");
	if (option->aliases && !is_user_defined(option->name))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "network-scoped aliases are only supported for user-defined networks");
	struct api_endpoint_settings *endpoint = berth_network_endpoint(option, error);
	if (!endpoint)
		return false;
	if (g_hash_table_contains(endpoints, option->name)) {
		berth_document_free(&api_endpoint_settings_document, endpoint);
		return berth_error_set(error, BERTH_ERROR_INVALID, "network \"%s\" is specified multiple times",
				       option->name);
	}
	g_hash_table_insert(endpoints, g_strdup(option->name), endpoint);
	return true;
}

static bool says_nothing(const struct berth_network_option *option)
{
	return !option->ip && !option->ip6 && !option->mac_address && !option->aliases && !option->link_local_ips &&
	       !option->driver_options && option->priority == 0;
}

bool berth_parse_endpoints(const struct berth_container_options *options, struct api_container_create *create,
			   GError **error)
{
	g_autoptr(GPtrArray) networks = NULL;
	size_t defined = 0;

	if (!berth_parse_networks(options->networks, &networks, error))
		return false;
	if (networks->len == 0) {
		struct berth_network_option *option = g_new0(struct berth_network_option, 1);
		option->name = g_strdup("default");
		g_ptr_array_add(networks, option);
	}
	if (!apply_options(options, networks->pdata[0], error))
		return false;
	create->networking_config = berth_document_new(&api_networking_config_document);
	create->networking_config->endpoints_config = berth_map_object_new(&api_endpoint_settings_document);
	const struct berth_network_option *first = networks->pdata[0];
	create->host_config->network_mode = g_strdup(first->name);
	for (guint i = 0; i < networks->len; i++) {
		const struct berth_network_option *option = networks->pdata[i];
		if (!add_endpoint(create->networking_config->endpoints_config, option, error))
			return false;
		defined += is_user_defined(option->name);
	}
	if (defined != 0 && defined != networks->len)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: cannot attach both user-defined and non-user-defined "
				       "network-modes");
	// host, none and container: are no networks with endpoints; what was asked of one is the engine's to refuse.
	if (defined == 0 && !g_strv_contains((const char *const[]){"default", "bridge", NULL}, first->name) &&
	    says_nothing(first)) {
		berth_document_free(&api_networking_config_document, create->networking_config);
		create->networking_config = NULL;
	}
	return true;
}

// What --dns, --dns-search, --add-host and --link are told

bool berth_check_dns(char *const *addresses, char *const *search, GError **error)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	for (; addresses && *addresses; addresses++)
		if (inet_pton(AF_INET, *addresses, bytes) != 1 && inet_pton(AF_INET6, *addresses, bytes) != 1)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"--dns\" flag: IP address is not correctly formatted: %s",
				*addresses, *addresses);
	for (; search && *search; search++)
		if (strcmp(*search, ".") != 0 && (!**search || strpbrk(*search, " \t\n,;/:=") || strlen(*search) > 255))
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"--dns-search\" flag: %s is not a valid domain", *search,
				*search);
	return true;
}

// NAME:ADDRESS or NAME=ADDRESS, an IPv6 address with or without brackets, host-gateway.
static char *parse_host(const char *value, GError **error)
{
	const char *separator = strpbrk(value, "=:");
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t length = separator ? strlen(separator + 1) : 0;

	if (!separator || separator == value || length == 0) {
		berth_error_set(error, BERTH_ERROR_INVALID, "bad format for add-host: \"%s\"", value);
		return NULL;
	}
	bool bracketed = length > 2 && separator[1] == '[' && separator[length] == ']';
	g_autofree char *address = bracketed ? g_strndup(separator + 2, length - 2) : g_strdup(separator + 1);
	if (strcmp(address, "host-gateway") != 0 && inet_pton(AF_INET, address, bytes) != 1 &&
	    inet_pton(AF_INET6, address, bytes) != 1) {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid IP address in add-host: \"%s\"", address);
		return NULL;
	}
	return g_strdup_printf("%.*s:%s", (int) (separator - value), value, address);
}

bool berth_parse_hosts(char *const *values, char ***ret, GError **error)
{
	for (; values && *values; values++) {
		char *host = parse_host(*values, error);
		if (!host) {
			g_prefix_error(error, "invalid argument \"%s\" for \"--add-host\" flag: ", *values);
			return false;
		}
		berth_strings_add(ret, host);
	}
	return true;
}

bool berth_check_links(char *const *links, GError **error)
{
	for (; links && *links; links++) {
		g_auto(GStrv) parts = g_strsplit(*links, ":", 3);
		bool fine = parts[0] && *parts[0] && (!parts[1] || (*parts[1] && !parts[2]));
		if (!fine)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"--link\" flag: bad format for links: %s (expected "
				"CONTAINER[:ALIAS])",
				*links, *links);
	}
	return true;
}
