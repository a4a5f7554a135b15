// SPDX-License-Identifier: Apache-2.0
// --publish and --expose.
#include "cli/container-options.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <string.h>

// The set of exposed ports, and the list that it becomes.
struct exposed {
	GHashTable *seen; // borrows from `list`
	GPtrArray *list;
};

static void expose(struct exposed *exposed, unsigned port, const char *protocol)
{
	char *name = g_strdup_printf("%u/%s", port, protocol);

	if (!g_hash_table_add(exposed->seen, name))
		g_free(name);
	else
		g_ptr_array_add(exposed->list, name);
}

// "80", "80-90"; *ret_last is the same for one port.
static bool parse_range(const char *text, unsigned least, unsigned *ret_first, unsigned *ret_last)
{
	char *end;

	if (!g_ascii_isdigit(*text))
		return false;
	guint64 first = g_ascii_strtoull(text, &end, 10), last = first;
	if (*end == '-' && g_ascii_isdigit(end[1]))
		last = g_ascii_strtoull(end + 1, &end, 10);
	*ret_first = (unsigned) first;
	*ret_last = (unsigned) last;
	return !*end && first >= least && first <= last && last < BERTH_LIMIT_PORT_RANGE;
}

// Takes "/tcp" off the end of a port.
static bool take_protocol(char *text, char **ret, GError **error)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash = 0;
	*ret = g_ascii_strdown(slash && slash[1] ? slash + 1 : "tcp", -1);
	return g_strv_contains((const char *const[]){"tcp", "udp", "sctp", NULL}, *ret) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid proto: %s (tcp, udp and sctp are known)", *ret);
}

// The parts of ADDRESS:HOST:PORT, which stay in `text`; those that are not there are "".
static void split(char *text, const char **ret_address, const char **ret_outside, const char **ret_inside)
{
	char *last = strrchr(text, ':');

	*ret_address = *ret_outside = "";
	*ret_inside = last ? last + 1 : text;
	if (!last)
		return;
	*last = 0;
	char *bracket = strrchr(text, ']'), *colon = strrchr(text, ':');
	if (colon && (!bracket || colon > bracket)) {
		*colon = 0;
		*ret_address = text;
		*ret_outside = colon + 1;
	} else {
		*ret_outside = text;
	}
}

// An address as it is sent: IPv6 ones without their brackets.
static bool parse_address(const char *text, char **ret, GError **error)
{
	size_t length = strlen(text);
	bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	unsigned char bytes[sizeof(struct in6_addr)];

	*ret = bracketed ? g_strndup(text + 1, length - 2) : g_strdup(text);
	return !**ret || (!bracketed && inet_pton(AF_INET, *ret, bytes) == 1) ||
	       inet_pton(AF_INET6, *ret, bytes) == 1 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid IP address: %s", text);
}

// published=8080,target=80,protocol=udp in the short form.
static char *short_form(const char *value, GError **error)
{
	g_auto(GStrv) fields = g_strsplit(value, ",", -1);
	const char *published = "", *target = "", *protocol = "tcp";

	for (char **field = fields; *field; field++) {
		char *equals = strchr(*field, '=');
		if (!equals || equals == *field) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"invalid publish opts format (should be name=value but got '%s')", *field);
			return NULL;
		}
		*equals++ = 0;
		if (strcmp(*field, "published") == 0)
			published = equals;
		else if (strcmp(*field, "target") == 0)
			target = equals;
		else if (strcmp(*field, "protocol") == 0)
			protocol = equals;
		else if (strcmp(*field, "mode") != 0) { // of services: host or ingress
			berth_error_set(error, BERTH_ERROR_INVALID,
					"invalid publish opts: unknown name '%s' (published, target and protocol are "
					"known)",
					*field);
			return NULL;
		}
	}
	return g_strdup_printf("%s:%s/%s", published, target, protocol);
}

struct ports {
	unsigned first, last;
	unsigned host_first, host_last;
	bool host; // the ports of the host are given
	char *address, *protocol; // the caller frees both, also after a failure
};

static bool parse_ports(const char *value, struct ports *ret, GError **error)
{
	g_autofree char *text = strchr(value, '=') ? short_form(value, error) : g_strdup(value);
	const char *address, *outside, *inside;

	if (!text || !take_protocol(text, &ret->protocol, error))
		return false;
	split(text, &address, &outside, &inside);
	if (!parse_address(address, &ret->address, error))
		return false;
	if (!*inside)
		return berth_error_set(error, BERTH_ERROR_INVALID, "no port specified: %s<empty>", value);
	if (!parse_range(inside, 1, &ret->first, &ret->last))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid containerPort: %s", inside);
	ret->host = *outside;
	if (ret->host && !parse_range(outside, 0, &ret->host_first, &ret->host_last))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid hostPort: %s", outside);
	// A range of the host's for one port of the container: any of them.
	return !ret->host || ret->first == ret->last || ret->host_last - ret->host_first == ret->last - ret->first ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid ranges specified for container and host Ports: %s and %s", inside, outside);
}

static bool publish(const char *value, struct exposed *exposed, GHashTable *bindings, GError **error)
{
	struct ports ports = {0};
	bool fine = parse_ports(value, &ports, error);
	g_autofree char *address = ports.address, *protocol = ports.protocol;

	if (!fine) {
		g_prefix_error(error, "invalid argument \"%s\" for \"-p, --publish\" flag: ", value);
		return false;
	}
	for (unsigned port = ports.first; port <= ports.last; port++) {
		g_autofree char *name = g_strdup_printf("%u/%s", port, protocol);
		GPtrArray *list = g_hash_table_lookup(bindings, name);
		if (!list) {
			list = berth_objects_new();
			g_hash_table_insert(bindings, g_strdup(name), list);
		}
		expose(exposed, port, protocol);
		struct api_port_binding *binding = berth_document_new(&api_port_binding_document);
		binding->host_ip = g_strdup(address);
		binding->host_port = !ports.host ? g_strdup("")
				     : ports.first == ports.last && ports.host_first != ports.host_last
					     ? g_strdup_printf("%u-%u", ports.host_first, ports.host_last)
					     : g_strdup_printf("%u", ports.host_first + port - ports.first);
		g_ptr_array_add(list, binding);
	}
	return true;
}

static bool expose_range(const char *value, struct exposed *exposed, GError **error)
{
	g_autofree char *text = g_strdup(value), *protocol = NULL;
	unsigned first, last;

	if (strchr(value, ':'))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid port format for --expose: %s", value);
	if (!take_protocol(text, &protocol, error)) {
		g_prefix_error(error, "invalid port format for --expose: %s: ", value);
		return false;
	}
	if (!parse_range(text, 1, &first, &last))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"invalid range format for --expose: %s, error: expected PORT or FIRST-LAST of 1 to "
			"%d",
			value, BERTH_LIMIT_PORT_RANGE - 1);
	for (unsigned port = first; port <= last; port++)
		expose(exposed, port, protocol);
	return true;
}

bool berth_parse_ports(char *const *publishes, char *const *exposes, char ***ret_exposed, GHashTable **ret_bindings,
		       GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	struct exposed exposed = {seen, list};
	bool fine = true;

	if (publishes)
		*ret_bindings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; fine && publishes && *publishes; publishes++)
		fine = publish(*publishes, &exposed, *ret_bindings, error);
	for (; fine && exposes && *exposes; exposes++)
		fine = expose_range(*exposes, &exposed, error);
	if (list->len > 0) {
		g_ptr_array_add(list, NULL);
		*ret_exposed = (char **) g_ptr_array_steal(list, NULL);
	}
	return fine;
}
