// SPDX-License-Identifier: Apache-2.0
#include "engine/network/ports.h"

#include "base/error.h"
#include "base/limits.h"
#include "network/pools.h"
#include "spec/api-config.h"
#include "spec/api-container.h"
#include "spec/api-network.h"

#include <netinet/in.h>
#include <string.h>

static const struct {
	const char *name;
	int protocol;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

const char *berth_port_protocol(int protocol)
{
	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	return "";
}

int berth_port_protocol_of(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (g_ascii_strcasecmp(protocols[i].name, name) == 0)
			return protocols[i].protocol;
	return 0;
}

char *berth_port_text(int protocol, uint16_t port)
{
	return g_strdup_printf("%u/%s", port, berth_port_protocol(protocol));
}

// "80" or "80-90". 0 is a port only where `least` is.
static bool parse_range(const char *text, unsigned least, uint16_t *ret_first, uint16_t *ret_last)
{
	const char *dash = strchr(text, '-');
	g_autofree char *start = dash ? g_strndup(text, (gsize) (dash - text)) : g_strdup(text);
	guint64 first, last;

	if (!g_ascii_string_to_unsigned(start, 10, least, G_MAXUINT16, &first, NULL))
		return false;
	last = first;
	if (dash && !g_ascii_string_to_unsigned(dash + 1, 10, MAX(first, 1), G_MAXUINT16, &last, NULL))
		return false;
	*ret_first = (uint16_t) first;
	*ret_last = (uint16_t) last;
	return true;
}

bool berth_port_parse(const char *text, struct berth_port *ret, GError **error)
{
	const char *slash = strchr(text, '/');
	g_autofree char *range = slash ? g_strndup(text, (gsize) (slash - text)) : g_strdup(text);

	ret->protocol = slash ? berth_port_protocol_of(slash + 1) : IPPROTO_TCP;
	if (ret->protocol && parse_range(range, 1, &ret->first, &ret->last))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid port specification: \"%s\": is not <port>[-<port>][/tcp|udp|sctp]", text);
}

bool berth_port_host_range(const char *text, uint16_t *ret_first, uint16_t *ret_last, GError **error)
{
	*ret_first = *ret_last = 0;
	return !text || !*text || parse_range(text, 0, ret_first, ret_last) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid port specification: \"%s\": a port of the host is 1 to 65535, a range of them, "
			       "or left out",
			       text);
}

static bool check_binding(const struct api_port_binding *binding, GError **error)
{
	struct berth_address address;
	uint16_t first, last;

	return (!binding->host_ip || !*binding->host_ip || berth_address_parse(binding->host_ip, &address, error)) &&
	       berth_port_host_range(binding->host_port, &first, &last, error);
}

// The key in its full form; NULL if it is wrong.
static char *full_key(const char *key, GError **error)
{
	struct berth_port port;

	if (!berth_port_parse(key, &port, error))
		return NULL;
	if (port.first == port.last)
		return berth_port_text(port.protocol, port.first);
	berth_error_set(error, BERTH_ERROR_INVALID,
			"invalid port specification: \"%s\": a binding is of one port of the container", key);
	return NULL;
}

bool berth_port_bindings_check(GHashTable *bindings, GError **error)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	GHashTableIter iter;
	void *key, *value;
	guint count = 0;

	if (!bindings)
		return true;
	g_hash_table_iter_init(&iter, bindings);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const GPtrArray *list = value;
		g_ptr_array_add(keys, key);
		for (guint i = 0; list && i < list->len; i++)
			if (!check_binding(list->pdata[i], error))
				return false;
		count += list ? list->len : 0;
	}
	if (MAX(count, keys->len) > BERTH_LIMIT_PORT_BINDINGS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d published ports of one container",
				       BERTH_LIMIT_PORT_BINDINGS);
	for (guint i = 0; i < keys->len; i++) {
		g_autofree char *full = full_key(keys->pdata[i], error);
		if (!full)
			return false;
		if (g_str_equal(full, keys->pdata[i]))
			continue;
		if (g_hash_table_contains(bindings, full))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid port specification: \"%s\" is there twice", full);
		g_hash_table_steal_extended(bindings, keys->pdata[i], &key, &value);
		g_free(key);
		g_hash_table_insert(bindings, g_steal_pointer(&full), value);
	}
	return true;
}

GHashTable *berth_port_bindings_copy(GHashTable *bindings)
{
	const struct api_container_update whole = {.publish_add = bindings};
	struct api_container_update *copy = berth_document_copy(&api_container_update_document, &whole);
	GHashTable *result = g_steal_pointer(&copy->publish_add);

	berth_document_free(&api_container_update_document, copy);
	return result ? result : berth_map_object_new(&api_port_binding_document);
}
