// SPDX-License-Identifier: Apache-2.0
// Links on the default bridge, which has no names: lines of /etc/hosts and variables that tell of another container's
// ports. On networks of users a link is a name (endpoint.c).
#include "engine/network/networks.h"

#include "base/error.h"
#include "engine/network/ports.h"

#include <netinet/in.h>
#include <string.h>

// "name:alias"; the alias is the name where there is none.
static void split(const char *link, char **ret_name, char **ret_alias)
{
	const char *start = *link == '/' ? link + 1 : link;
	const char *colon = strchr(start, ':');
	const char *alias = colon ? colon + 1 : start;
	const char *slash = strrchr(alias, '/');

	*ret_name = colon ? g_strndup(start, (gsize) (colon - start)) : g_strdup(start);
	*ret_alias = g_strdup(slash ? slash + 1 : alias);
}

static bool has_links(const struct berth_container_record *record)
{
	return g_str_equal(record->network, "bridge") && record->host_config->links && *record->host_config->links;
}

bool berth_engine__links_check(struct berth_engine *engine, const struct berth_container_record *record, GError **error)
{
	bool wanted = record->host_config->links && *record->host_config->links;
	if (wanted && g_str_equal(record->network, "none"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: network none can't be used with links");
	if (!has_links(record))
		return true;
	for (char **link = record->host_config->links; *link; link++) {
		g_autofree char *name = NULL, *alias = NULL;
		split(*link, &name, &alias);
		g_autoptr(berth_engine_container) other = berth_engine__find(engine, name, error);
		if (!other) {
			g_prefix_error(error, "could not get container for %s: ", name);
			return false;
		}
		if (g_str_equal(other->record->network, "host")) // it never changes
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "conflicting options: host type networking can't be used with links. "
					       "This would result in undefined behavior");
	}
	return true;
}

// What of the other container goes into the variables.
struct link {
	char *alias, *own_name, *prefix;
	char *address, *host_name, *name;
	char **ports, **environment;
};

static void link_clear(struct link *link)
{
	g_free(link->alias);
	g_free(link->own_name);
	g_free(link->prefix);
	g_free(link->address);
	g_free(link->host_name);
	g_free(link->name);
	g_strfreev(link->ports);
	g_strfreev(link->environment);
}

static const char *address_on_bridge(const struct berth_engine_container *container)
{
	const GPtrArray *endpoints = container->network ? container->network->endpoints : NULL;

	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		if (g_strcmp0(endpoint->network_name, "bridge") == 0 && endpoint->ipv4)
			return endpoint->ipv4;
	}
	return NULL;
}

static char *prefix_of(const char *alias)
{
	char *prefix = g_ascii_strup(alias, -1);

	for (char *letter = prefix; *letter; letter++)
		if (*letter == '-')
			*letter = '_';
	return prefix;
}

static bool look_up(struct berth_engine *engine, const struct berth_container_record *record, const char *text,
		    struct link *ret, GError **error)
{
	g_autofree char *name = NULL;

	split(text, &name, &ret->alias);
	ret->prefix = prefix_of(ret->alias);
	ret->own_name = g_strdup(record->name);
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_container) other = berth_engine__find_locked(engine, name, error);
	const char *address = other && berth_engine__is_up(other) ? address_on_bridge(other) : NULL;
	if (address) {
		const struct berth_container_record *theirs = other->record;
		ret->address = g_strndup(address, strcspn(address, "/"));
		ret->host_name = g_strdup(theirs->config->hostname);
		ret->name = g_strdup(theirs->name);
		ret->ports = g_strdupv(theirs->config->exposed_ports);
		ret->environment = g_strdupv(theirs->config->env);
	}
	pthread_mutex_unlock(&engine->lock);
	if (other && !address)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "Cannot link to a non running container: /%s AS /%s/%s", name, record->name,
				       ret->alias);
	return other;
}

static int by_number(const void *a, const void *b)
{
	const struct berth_port *first = a, *second = b;

	if (first->first != second->first)
		return first->first < second->first ? -1 : 1;
	return first->protocol - second->protocol; // tcp is the least
}

static GArray *sorted_ports(char *const *ports)
{
	GArray *sorted = g_array_new(FALSE, FALSE, sizeof(struct berth_port));

	for (; ports && *ports; ports++) {
		struct berth_port range;
		if (!berth_port_parse(*ports, &range, NULL))
			continue;
		for (unsigned number = range.first; number <= range.last; number++) {
			struct berth_port one = {range.protocol, (uint16_t) number, (uint16_t) number};
			g_array_append_val(sorted, one);
		}
	}
	g_array_sort(sorted, by_number);
	return sorted;
}

static void add(GStrvBuilder *out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add(GStrvBuilder *out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_strv_builder_add(out, text);
}

static void add_port(GStrvBuilder *out, const struct link *link, const struct berth_port *port)
{
	const char *protocol = berth_port_protocol(port->protocol);
	g_autofree char *upper = g_ascii_strup(protocol, -1);
	g_autofree char *name = g_strdup_printf("%s_PORT_%u_%s", link->prefix, port->first, upper);

	add(out, "%s=%s://%s:%u", name, protocol, link->address, port->first);
	add(out, "%s_ADDR=%s", name, link->address);
	add(out, "%s_PORT=%u", name, port->first);
	add(out, "%s_PROTO=%s", name, protocol);
}

// Where a run of ports ends that follow each other, all of one protocol.
static guint end_of_run(const GArray *ports, guint first)
{
	guint last = first;

	while (last + 1 < ports->len && g_array_index(ports, struct berth_port, last + 1).first ==
						g_array_index(ports, struct berth_port, last).first + 1)
		last++;
	return last;
}

// Three and more ports one after the other are told of as a range, too, as Docker does.
static void add_ranges(GStrvBuilder *out, const struct link *link, const GArray *all, int protocol)
{
	g_autoptr(GArray) ports = g_array_new(FALSE, FALSE, sizeof(struct berth_port));
	const char *word = berth_port_protocol(protocol);
	g_autofree char *upper = g_ascii_strup(word, -1);

	for (guint i = 0; i < all->len; i++)
		if (g_array_index(all, struct berth_port, i).protocol == protocol)
			g_array_append_val(ports, g_array_index(all, struct berth_port, i));
	for (guint i = 0; i < ports->len; i = end_of_run(ports, i) + 1) {
		unsigned first = g_array_index(ports, struct berth_port, i).first;
		unsigned last = g_array_index(ports, struct berth_port, end_of_run(ports, i)).first;
		if (last < first + 2)
			continue;
		g_autofree char *name = g_strdup_printf("%s_PORT_%u_%s", link->prefix, first, upper);
		add(out, "%s_START=%s://%s:%u", name, word, link->address, first);
		add(out, "%s_PORT_START=%u", name, first);
		add(out, "%s_END=%s://%s:%u", name, word, link->address, last);
		add(out, "%s_PORT_END=%u", name, last);
	}
}

static void add_variables(GStrvBuilder *out, const struct link *link)
{
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	g_autoptr(GArray) ports = sorted_ports(link->ports);

	if (ports->len > 0) {
		const struct berth_port *first = &g_array_index(ports, struct berth_port, 0);
		add(out, "%s_PORT=%s://%s:%u", link->prefix, berth_port_protocol(first->protocol), link->address,
		    first->first);
	}
	for (guint i = 0; i < ports->len; i++)
		add_port(out, link, &g_array_index(ports, struct berth_port, i));
	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
		add_ranges(out, link, ports, protocols[i]);
	add(out, "%s_NAME=/%s/%s", link->prefix, link->own_name, link->alias);
	for (char **entry = link->environment; entry && *entry; entry++)
		if (strchr(*entry, '=') && !g_str_has_prefix(*entry, "HOME=") && !g_str_has_prefix(*entry, "PATH="))
			add(out, "%s_ENV_%s", link->prefix, *entry);
}

// The line's end: alias, host name, name.
static void add_names(GString *out, const struct link *link)
{
	g_string_append_printf(out, "\t%s %s", link->alias, link->host_name);
	if (!g_str_equal(link->alias, link->name))
		g_string_append_printf(out, " %s", link->name);
	g_string_append_c(out, '\n');
}

bool berth_engine__links_resolve(struct berth_engine *engine, const struct berth_container_record *record,
				 char ***ret_environment, GString *ret_hosts, GError **error)
{
	g_autoptr(GStrvBuilder) environment = g_strv_builder_new();

	for (char **text = has_links(record) ? record->host_config->links : NULL; text && *text; text++) {
		__attribute__((cleanup(link_clear))) struct link link = {0};
		if (!look_up(engine, record, *text, &link, error))
			return false;
		add_variables(environment, &link);
		g_string_append(ret_hosts, link.address);
		add_names(ret_hosts, &link);
	}
	*ret_environment = g_strv_builder_end(environment);
	return true;
}

// Ways, where containers of the default bridge do not reach each other

static void add_ways(GArray *ways, const char *from, const struct link *link)
{
	g_autoptr(GArray) ports = sorted_ports(link->ports);

	for (guint i = 0; i < ports->len; i++) {
		const struct berth_port *port = &g_array_index(ports, struct berth_port, i);
		struct berth_firewall_link way = {from, g_strdup(link->address), port->protocol, port->first};
		g_array_append_val(ways, way);
	}
}

static void clear_way(void *way)
{
	g_free((char *) ((struct berth_firewall_link *) way)->to);
}

bool berth_engine__links_open(struct berth_engine *engine, const struct berth_engine_container *container,
			      GError **error)
{
	g_autoptr(GArray) ways = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_link));

	if (!engine->options.network.no_icc)
		return true;
	g_array_set_clear_func(ways, clear_way);
	pthread_mutex_lock(&engine->lock);
	const char *own = address_on_bridge(container);
	g_autofree char *from = own ? g_strndup(own, strcspn(own, "/")) : NULL;
	pthread_mutex_unlock(&engine->lock);
	char **text = has_links(container->record) ? container->record->host_config->links : NULL;
	for (; from && text && *text; text++) {
		__attribute__((cleanup(link_clear))) struct link link = {0};
		if (look_up(engine, container->record, *text, &link, NULL)) // else it does not run
			add_ways(ways, from, &link);
	}
	return berth_firewall_links_set(berth_networks_firewall(engine->networks), container->id,
					(const struct berth_firewall_link *) (void *) ways->data, ways->len, error);
}

void berth_engine__links_close(struct berth_engine *engine, const struct berth_engine_container *container)
{
	g_autoptr(GError) error = NULL;

	if (engine->options.network.no_icc && has_links(container->record) &&
	    !berth_firewall_links_set(berth_networks_firewall(engine->networks), container->id, NULL, 0, &error))
		g_warning("container %s: closing its links: %s", container->id, error->message);
}

void berth_engine__links_adopt(struct berth_engine *engine)
{
	if (!engine->options.network.no_icc) // there are no ways to open
		return;
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);
	for (guint i = 0; i < containers->len; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		g_autoptr(GError) error = NULL;
		// What has ended since it was adopted may be being recorded meanwhile.
		if (!berth_engine__claim_ref(engine, container))
			continue;
		if (berth_engine__is_up(container) && !berth_engine__links_open(engine, container, &error))
			g_warning("container %s: its links: %s", container->id, error->message);
		pthread_mutex_unlock(&container->operation);
	}
}

// Following a container that was started again, or has ended

static void refresh(struct berth_engine *engine, const struct berth_engine_container *container, const char *target)
{
	for (char **text = container->record->host_config->links; *text; text++) {
		__attribute__((cleanup(link_clear))) struct link link = {0};
		g_autoptr(GString) names = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		if (!look_up(engine, container->record, *text, &link, NULL) || !g_str_equal(link.name, target))
			continue;
		add_names(names, &link);
		g_autofree char *line = g_strconcat(link.address, names->str, NULL);
		if (!berth_engine__hosts_replace(engine, container->id, names->str, line, &error))
			g_warning("container %s: its link to %s: %s", container->id, target, error->message);
	}
}

struct follow {
	struct berth_engine *engine;
	char *name; // of who was started
};

static void follow(void *data, bool canceled)
{
	struct follow *work = data;
	g_autoptr(GPtrArray) containers = canceled ? NULL : berth_engine__containers(work->engine);

	for (guint i = 0; containers && i < containers->len; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		// Who holds the claim may give it another configuration: until it is held here the lock is needed.
		pthread_mutex_lock(&work->engine->lock);
		bool linked = has_links(container->record);
		pthread_mutex_unlock(&work->engine->lock);
		if (!linked || !berth_engine__claim_ref(work->engine, container))
			continue;
		g_autoptr(GError) error = NULL;
		if (has_links(container->record) && berth_engine__is_up(container)) {
			refresh(work->engine, container, work->name);
			if (!berth_engine__links_open(work->engine, container, &error))
				g_warning("container %s: its links: %s", container->id, error->message);
		}
		pthread_mutex_unlock(&container->operation);
	}
	g_free(work->name);
	g_free(work);
}

void berth_engine__links_follow(struct berth_engine *engine, const struct berth_engine_container *container)
{
	if (!g_str_equal(container->record->network, "bridge"))
		return;
	struct follow *work = g_new0(struct follow, 1);
	*work = (struct follow){engine, g_strdup(container->record->name)};
	berth_workers_add(engine->workers, follow, work, 0);
}

// Removing a link

// The place of the link that the container calls `alias`; -1: there is none.
static int place_of(char *const *links, const char *alias)
{
	for (int i = 0; links && links[i]; i++) {
		g_autofree char *name = NULL, *other = NULL;
		split(links[i], &name, &other);
		if (g_str_equal(other, alias))
			return i;
	}
	return -1;
}

static char **without(char *const *links, int place)
{
	g_autoptr(GStrvBuilder) rest = g_strv_builder_new();

	for (int i = 0; links[i]; i++)
		if (i != place)
			g_strv_builder_add(rest, links[i]);
	return g_strv_builder_end(rest);
}

static bool remove_link(struct berth_engine *engine, struct berth_engine_container *container, const char *alias,
			GError **error)
{
	const struct api_host_config *host_config = container->record->host_config;
	int place = has_links(container->record) ? place_of(host_config->links, alias) : -1;
	__attribute__((cleanup(link_clear))) struct link link = {0};
	g_autoptr(GString) names = g_string_new(NULL);

	if (place < 0)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s/%s (it has no such link)",
				       container->record->name, alias);
	bool found = look_up(engine, container->record, host_config->links[place], &link, NULL);
	struct berth_container_change change = {.host_config =
							berth_document_copy(&api_host_config_document, host_config)};
	g_strfreev(change.host_config->links);
	change.host_config->links = without(host_config->links, place);
	if (!berth_engine__change(engine, container, &change, error))
		return false;
	if (!found || !berth_engine__is_up(container))
		return true;
	if (!berth_engine__links_open(engine, container, error))
		return false;
	add_names(names, &link);
	return berth_engine__hosts_replace(engine, container->id, names->str, NULL, error);
}

bool berth_engine_link_remove(struct berth_engine *engine, const char *text, GError **error)
{
	const char *start = *text == '/' ? text + 1 : text, *slash = strrchr(start, '/');

	if (!slash || !slash[1])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Conflict, cannot remove the default link name of the container: a link is "
				       "CONTAINER/ALIAS, not %s",
				       text);
	g_autofree char *name = g_strndup(start, (gsize) (slash - start));
	struct berth_engine_container *container = berth_engine__claim(engine, name, error);
	if (!container)
		return false;
	bool removed = remove_link(engine, container, slash + 1, error);
	berth_engine__release(container);
	return removed;
}
