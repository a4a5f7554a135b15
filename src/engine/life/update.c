// SPDX-License-Identifier: Apache-2.0
// Updates of a container: its published ports here, its limits in update-limits.c. Of one that runs, both take effect
// at once.
#include "engine/life/update.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/network/networks.h"
#include "engine/network/ports.h"
#include "spec/api-container.h"

#include <string.h>

static bool same(const char *text, const char *other)
{
	return g_str_equal(text ? text : "", other ? other : "");
}

static bool is_any(const char *text)
{
	return !text || !*text;
}

// Whether a binding is one that is to be withdrawn: what is left open there is any.
static bool matches(const struct api_port_binding *binding, const struct api_port_binding *wanted)
{
	return (is_any(wanted->host_ip) || same(wanted->host_ip, binding->host_ip)) &&
	       (is_any(wanted->host_port) || same(wanted->host_port, binding->host_port));
}

// Takes bindings of one port away. `wanted` NULL or empty: all.
static bool withdraw(GPtrArray *list, const char *key, const GPtrArray *wanted, GError **error)
{
	static const struct api_port_binding all = {0};

	for (guint i = 0; i < (wanted && wanted->len ? wanted->len : 1); i++) {
		const struct api_port_binding *one = wanted && wanted->len ? wanted->pdata[i] : &all;
		bool found = false;
		for (guint j = list ? list->len : 0; j-- > 0;) {
			struct api_port_binding *binding = list->pdata[j];
			if (!matches(binding, one))
				continue;
			g_ptr_array_remove_index(list, j);
			berth_document_free(&api_port_binding_document, binding);
			found = true;
		}
		if (!found)
			return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "port %s is not published%s%s%s%s", key,
					       is_any(one->host_ip) ? "" : " on ", one->host_ip ? one->host_ip : "",
					       is_any(one->host_port) ? "" : " as ",
					       one->host_port ? one->host_port : "");
	}
	return true;
}

static bool withdraw_all(GHashTable *bindings, GHashTable *remove, GError **error)
{
	GHashTableIter iter;
	void *key, *value;

	if (!remove)
		return true;
	g_hash_table_iter_init(&iter, remove);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		GPtrArray *list = g_hash_table_lookup(bindings, key);
		if (!withdraw(list, key, value, error))
			return false;
		if (list->len == 0) {
			g_hash_table_remove(bindings, key);
			g_ptr_array_unref(list);
		}
	}
	return true;
}

static void add_all(GHashTable *bindings, GHashTable *add)
{
	g_autoptr(GHashTable) copies = berth_port_bindings_copy(add);
	GHashTableIter iter;
	void *key, *value;

	g_hash_table_iter_init(&iter, copies);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		GPtrArray *more = value, *list = g_hash_table_lookup(bindings, key);
		if (!more)
			more = berth_objects_new();
		if (more->len == 0)
			g_ptr_array_add(more, berth_document_new(&api_port_binding_document));
		if (!list) {
			list = berth_objects_new();
			g_hash_table_insert(bindings, g_strdup(key), list);
		}
		for (guint i = 0; i < more->len; i++)
			g_ptr_array_add(list, more->pdata[i]);
		g_ptr_array_unref(more);
	}
}

static void bindings_free(GHashTable *bindings)
{
	struct api_container_update whole = {.publish_add = bindings};

	berth_document_clear(&api_container_update_document, &whole);
}

// What the container is to publish from now on; NULL: refused.
static GHashTable *next_bindings(const struct berth_container_record *record, const struct api_container_update *update,
				 GError **error)
{
	GHashTable *next = berth_port_bindings_copy(record->host_config->port_bindings);

	if (withdraw_all(next, update->publish_rm, error)) {
		if (update->publish_add)
			add_all(next, update->publish_add);
		if (berth_port_bindings_check(next, error))
			return next;
	}
	bindings_free(next);
	return NULL;
}

static bool check(const struct berth_engine_container *container, GError **error)
{
	if (berth_engine__has_resolver(container->record))
		return true;
	return berth_error_set(error, BERTH_ERROR_CONFLICT,
			       "container %s: its ports cannot be published: it is on the network %s",
			       container->record->name, container->record->network);
}

static bool is_same(const struct berth_run_port *a, const struct berth_run_port *b)
{
	return a->host_port == b->host_port && a->port == b->port && g_str_equal(a->protocol, b->protocol) &&
	       same(a->host_address, b->host_address);
}

static bool is_in(const GPtrArray *ports, const struct berth_run_port *port)
{
	for (guint i = 0; i < ports->len; i++)
		if (is_same(ports->pdata[i], port))
			return true;
	return false;
}

// Of the first list, what the second has not.
static GPtrArray *difference(const GPtrArray *ports, const GPtrArray *others)
{
	GPtrArray *list = g_ptr_array_new();

	for (guint i = 0; i < ports->len; i++)
		if (!is_in(others, ports->pdata[i]))
			g_ptr_array_add(list, ports->pdata[i]);
	return list;
}

static GPtrArray *copy_ports(const GPtrArray *ports)
{
	GPtrArray *copy = berth_objects_new();

	for (guint i = 0; i < ports->len; i++)
		g_ptr_array_add(copy, berth_document_copy(&berth_run_port_document, ports->pdata[i]));
	return copy;
}

// Whether the binding is one that the container has already, whose port stays what it is.
static bool keeps(const struct berth_run_port *port, const struct berth_port *key, const GPtrArray *bindings)
{
	if (port->port != key->first || berth_port_protocol_of(port->protocol) != key->protocol)
		return false;
	for (guint i = 0; bindings && i < bindings->len; i++) {
		const struct api_port_binding *binding = bindings->pdata[i];
		uint16_t first, last;
		if (!berth_port_host_range(binding->host_port, &first, &last, NULL))
			continue;
		if ((is_any(binding->host_ip) || same(binding->host_ip, port->host_address)) &&
		    (first == 0 || (port->host_port >= first && port->host_port <= last)))
			return true;
	}
	return false;
}

static bool is_kept(const struct berth_run_port *port, GHashTable *bindings, bool exposed)
{
	g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT "/%s", port->port, port->protocol);
	const GPtrArray *list = g_hash_table_lookup(bindings, key);
	struct berth_port parsed;

	if (!list)
		return exposed;
	return berth_port_parse(key, &parsed, NULL) && keeps(port, &parsed, list);
}

// What is added, as a record that asks for nothing else.
static bool take_added(struct berth_engine *engine, const struct berth_engine_container *container, GHashTable *add,
		       GPtrArray *ports, GError **error)
{
	struct api_host_config host_config = {.port_bindings = add};
	struct berth_container_record record = *container->record;

	record.host_config = &host_config;
	return !add || berth_engine__ports_take(engine, &record, container->network->endpoints, ports, error);
}

static struct berth_run_network *next_run(const struct berth_engine_container *container, GPtrArray *ports)
{
	struct berth_run_network *next = berth_document_copy(&berth_run_network_document, container->network);

	berth_objects_free(next->ports, &berth_run_port_document);
	next->ports = ports;
	return next;
}

// Makes `ports` (taken) what a running container has published: in the file, in the kernel, and in memory; in none of
// them if one refuses.
static bool set_ports(struct berth_engine *engine, struct berth_engine_container *container, GPtrArray *ports,
		      GError **error)
{
	g_autoptr(berth_run_network) next = next_run(container, ports);
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);

	if (folder < 0 || !berth_run_network_write(folder, next, error))
		return false;
	BERTH_FAILPOINT("container.publish.written");
	if (!berth_engine__ports_publish(engine, container->id, next->ports, error)) {
		// The next engine publishes what the file says.
		berth_run_network_write(folder, container->network, NULL);
		return false;
	}
	BERTH_FAILPOINT("container.publish.made");
	pthread_mutex_lock(&engine->lock);
	struct berth_run_network *old = container->network;
	container->network = g_steal_pointer(&next);
	berth_engine__note_change(engine);
	pthread_mutex_unlock(&engine->lock);
	berth_run_network_free(old);
	return true;
}

static bool record_bindings(struct berth_engine *engine, struct berth_engine_container *container, GHashTable *bindings,
			    GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {.port_bindings = bindings, .events = events};

	berth_engine__event_add(events, container, "update", NULL);
	bool recorded = berth_engine__change(engine, container, &change, error);
	BERTH_FAILPOINT("container.publish.recorded");
	return recorded;
}

static bool update_running(struct berth_engine *engine, struct berth_engine_container *container,
			   const struct api_container_update *update, GHashTable *bindings, GError **error)
{
	const GPtrArray *before = container->network->ports;
	GPtrArray *after = berth_objects_new();
	bool exposed = container->record->host_config->publish_all_ports;

	for (guint i = 0; i < container->network->endpoints->len; i++)
		if (((const struct berth_endpoint *) container->network->endpoints->pdata[i])->ports) {
			bindings_free(bindings);
			g_ptr_array_unref(after);
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "container %s: the driver of its network publishes ports itself, which "
					       "cannot be changed while it runs",
					       container->record->name);
		}
	for (guint i = 0; i < before->len; i++)
		if (is_kept(before->pdata[i], bindings, exposed))
			g_ptr_array_add(after, berth_document_copy(&berth_run_port_document, before->pdata[i]));
	bool taken = take_added(engine, container, update->publish_add, after, error);
	g_autoptr(GPtrArray) added = difference(after, before), removed = difference(before, after);
	GPtrArray *old = copy_ports(before), *gone = copy_ports(removed), *new = copy_ports(added);
	bool set = taken && set_ports(engine, container, copy_ports(after), error);
	bool recorded = set && record_bindings(engine, container, bindings, error);
	if (!set)
		bindings_free(bindings);
	if (gone->len > 0) // they have ended when that is told
		berth_engine__flows_settle(engine);
	else
		berth_engine__flows_settle_later(engine);
	if (set && !recorded) // nothing has changed, then
		set_ports(engine, container, copy_ports(old), NULL);
	berth_engine__ports_give_back(engine, container->id, recorded ? gone : new);
	berth_objects_free(old, &berth_run_port_document);
	berth_objects_free(gone, &berth_run_port_document);
	berth_objects_free(new, &berth_run_port_document);
	berth_objects_free(after, &berth_run_port_document);
	return recorded;
}

static bool update_ports(struct berth_engine *engine, struct berth_engine_container *container,
			 struct api_container_update *update, GError **error)
{
	if (!update->publish_add && !update->publish_rm)
		return true;
	GHashTable *bindings = check(container, error) ? next_bindings(container->record, update, error) : NULL;
	if (!bindings)
		return false;
	return berth_engine__is_up(container) && container->network
		       ? update_running(engine, container, update, bindings, error)
		       : record_bindings(engine, container, bindings, error);
}

// Limits first; they are taken back if the ports are refused.
static bool update_claimed(struct berth_engine *engine, struct berth_engine_container *container,
			   struct api_container_update *update, char ***ret_warnings, GError **error)
{
	if (!berth_port_bindings_check(update->publish_add, error) ||
	    !berth_port_bindings_check(update->publish_rm, error))
		return false;
	if (!update->has_limits)
		return update_ports(engine, container, update, error);
	g_autoptr(api_host_config) next = berth_engine__limits_next(container, &update->limits, ret_warnings, error);
	g_autoptr(api_host_config) before =
		berth_document_copy(&api_host_config_document, container->record->host_config);
	if (!next || !berth_engine__limits_set(engine, container, next, error))
		return g_prefix_error(error, "Cannot update container %s: ", container->id), false;
	if (update_ports(engine, container, update, error))
		return true;
	berth_engine__limits_set(engine, container, before, NULL);
	return false;
}

struct api_container_updated *berth_engine_container_update(struct berth_engine *engine, const char *text,
							    struct api_container_update *update, GError **error)
{
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	g_auto(GStrv) warnings = NULL;

	if (!container)
		return NULL;
	bool updated = update_claimed(engine, container, update, &warnings, error);
	berth_engine__release(container);
	if (!updated)
		return NULL;
	struct api_container_updated *answer = berth_document_new(&api_container_updated_document);
	g_autoptr(GStrvBuilder) all = g_strv_builder_new();
	g_autofree char *restriction =
		update->publish_add ? berth_firewall_restriction(berth_networks_firewall(engine->networks)) : NULL;
	if (warnings)
		g_strv_builder_addv(all, (const char **) warnings);
	if (restriction)
		g_strv_builder_add(all, restriction);
	answer->warnings = g_strv_builder_end(all);
	return answer;
}
