// SPDX-License-Identifier: Apache-2.0
// Connecting containers to networks and disconnecting them. Of one that runs the kernel's state changes, too: a
// connection is made before the record has it, and taken back after the record has it no more, so that what a crash
// leaves is an endpoint that the record does not know, which the next engine removes.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/network/endpoint-wanted.h"
#include "network/sandbox.h"

#include <string.h>

static GPtrArray *copy_wanted(const struct berth_container_record *record)
{
	GPtrArray *copy = berth_objects_new();

	for (guint i = 0; record->endpoints && i < record->endpoints->len; i++)
		g_ptr_array_add(copy,
				berth_document_copy(&berth_container_endpoint_document, record->endpoints->pdata[i]));
	return copy;
}

// The place of a network among those that the container is to be on; -1: it is not.
static int place_of(const GPtrArray *wanted, const struct berth_network *network)
{
	for (guint i = 0; wanted && i < wanted->len; i++) {
		const struct berth_container_endpoint *one = wanted->pdata[i];
		if (g_strcmp0(one->network, network->id) == 0 || g_str_equal(one->network_name, network->name))
			return (int) i;
	}
	return -1;
}

static int run_place_of(const GPtrArray *endpoints, const char *network)
{
	for (guint i = 0; i < endpoints->len; i++)
		if (strcmp(((const struct berth_endpoint *) endpoints->pdata[i])->network, network) == 0)
			return (int) i;
	return -1;
}

static struct berth_run_network *copy_run(const struct berth_engine_container *container)
{
	return berth_document_copy(&berth_run_network_document, container->network);
}

static bool write_run(struct berth_engine *engine, const struct berth_engine_container *container,
		      const struct berth_run_network *run, GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);

	return folder >= 0 && berth_run_network_write(folder, run, error);
}

static void exchange_run(struct berth_engine *engine, struct berth_engine_container *container,
			 struct berth_run_network *run)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_run_network *old = container->network;
	container->network = run;
	berth_engine__note_change(engine);
	pthread_mutex_unlock(&engine->lock);
	berth_run_network_free(old);
}

// Makes `run` (taken) what the container has, in the file first.
static bool set_run(struct berth_engine *engine, struct berth_engine_container *container,
		    struct berth_run_network *run, GError **error)
{
	if (!write_run(engine, container, run, error)) {
		berth_run_network_free(run);
		return false;
	}
	exchange_run(engine, container, run);
	return true;
}

// A running container as its networks are changed.
struct live {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	struct berth_monitor *monitor;
	int namespace;
	struct berth_sandbox *sandbox;
};

static void live_clear(struct live *live)
{
	g_clear_pointer(&live->sandbox, berth_sandbox_close);
	berth_fd_clear(&live->namespace);
	g_clear_pointer(&live->monitor, berth_monitor_free);
}

static bool live_open(struct live *live, GError **error)
{
	struct berth_engine_container *container = live->container;

	live->namespace = -1;
	live->monitor = berth_engine__connect(live->engine, container, error);
	if (!live->monitor)
		return false;
	live->namespace = berth_engine__namespace(live->monitor, (pid_t) container->record->state->pid, "net", error);
	if (live->namespace < 0)
		return false;
	live->sandbox = berth_sandbox_open(live->namespace, error);
	return live->sandbox;
}

// Routes and names after a change of the endpoints.
static bool settle(struct live *live, GError **error)
{
	const GPtrArray *endpoints = live->container->network->endpoints;
	g_autoptr(berth_monitor_resolver) resolver = berth_engine__resolver(live->engine, live->container, endpoints);

	return berth_sandbox_default_routes(live->sandbox, endpoints, error) &&
	       berth_monitor_resolve(live->monitor, resolver, -1, -1, error);
}

static int64_t free_slot(const GPtrArray *endpoints)
{
	for (int64_t slot = 0; slot < BERTH_ENDPOINT_SLOTS; slot++) {
		bool used = false;
		for (guint i = 0; i < endpoints->len; i++)
			used = used || ((const struct berth_endpoint *) endpoints->pdata[i])->slot == slot;
		if (!used)
			return slot;
	}
	return -1;
}

// Takes an endpoint away from a running container; what fails is only told of.
static void leave(struct live *live, const char *network)
{
	struct berth_engine *engine = live->engine;
	struct berth_engine_container *container = live->container;
	int place = run_place_of(container->network->endpoints, network);
	g_autoptr(GString) line = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	if (place < 0)
		return;
	struct berth_run_network *next = copy_run(container);
	g_autoptr(berth_endpoint) endpoint = next->endpoints->pdata[place];
	berth_engine__hosts_line(line, container->record, endpoint);
	g_ptr_array_remove_index(next->endpoints, (guint) place);
	berth_endpoints_choose_default(engine->networks, next->endpoints);
	bool fine = berth_engine__endpoint_detach(engine, endpoint, live->sandbox, &error);
	BERTH_FAILPOINT("network.disconnect.detached");
	// It is given back below, whether the file can be written or not: the container's end must not do so once more.
	fine = write_run(engine, container, next, fine ? &error : NULL) && fine;
	exchange_run(engine, container, next);
	fine = fine && berth_engine__hosts_replace(engine, container->id, line->str, NULL, &error);
	fine = fine && (!live->sandbox || settle(live, &error));
	BERTH_FAILPOINT("network.disconnect.settled");
	if (!fine && error && !berth_engine__has_ended(error))
		g_warning("container %s: leaving network %s: %s", container->id, endpoint->network_name,
			  error->message);
	g_clear_error(&error);
	if (!berth_engine__names_write(engine, network, &error))
		g_warning("network %s: its names: %s", endpoint->network_name, error->message);
	berth_engine__endpoint_release(engine, endpoint);
}

// Adds an endpoint to a running container.
static bool enter(struct live *live, const struct berth_container_endpoint *wanted, GError **error)
{
	struct berth_engine *engine = live->engine;
	struct berth_engine_container *container = live->container;
	int64_t slot = free_slot(container->network->endpoints);
	g_autoptr(GString) line = g_string_new(NULL);

	struct berth_endpoint *endpoint = berth_engine__endpoint_make_patiently(engine, container, wanted, slot, error);
	if (!endpoint)
		return false;
	g_autofree char *network = g_strdup(endpoint->network);
	struct berth_run_network *next = copy_run(container);
	g_ptr_array_add(next->endpoints, endpoint);
	berth_endpoints_choose_default(engine->networks, next->endpoints);
	g_autoptr(berth_endpoint) made = berth_document_copy(&berth_endpoint_document, endpoint);
	if (!set_run(engine, container, next, error)) {
		berth_engine__endpoint_release(engine, made);
		return false;
	}
	BERTH_FAILPOINT("network.connect.allocated");
	bool fine = berth_engine__endpoint_attach(engine, made, live->sandbox, error);
	if (fine)
		berth_sandbox_announce(live->sandbox, made);
	if (fine) { // with what its driver has chosen
		next = copy_run(container);
		guint place = (guint) run_place_of(next->endpoints, network);
		berth_endpoint_free(next->endpoints->pdata[place]);
		next->endpoints->pdata[place] = berth_document_copy(&berth_endpoint_document, made);
		berth_endpoints_choose_default(engine->networks, next->endpoints);
		fine = set_run(engine, container, next, error);
	}
	berth_engine__hosts_line(line, container->record, made);
	fine = fine && berth_engine__hosts_replace(engine, container->id, NULL, line->str, error) &&
	       settle(live, error) && berth_engine__names_write(engine, network, error);
	BERTH_FAILPOINT("network.connect.made");
	if (!fine)
		leave(live, network);
	return fine;
}

// What a connection is refused for before anything is done.
static bool check_connect(const struct berth_engine_container *container, const struct berth_network *network,
			  GError **error)
{
	const struct berth_container_record *record = container->record;
	const char *mode = record->network;
	bool host = g_str_equal(mode, "host"), none = g_str_equal(mode, "none");

	if (host || g_str_equal(network->driver, "host"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "container cannot be disconnected from host network or connected to host "
				       "network");
	if (none || g_str_equal(network->driver, "null"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "container cannot be connected to multiple networks with one of the networks in "
				       "private (none) mode");
	if (g_str_has_prefix(mode, "container:"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "container sharing network namespace with another container or host cannot be "
				       "connected to any other network");
	if (place_of(record->endpoints, network) >= 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "endpoint with name %s already exists in network %s", record->name,
				       network->name);
	if (record->endpoints && record->endpoints->len >= BERTH_LIMIT_ENDPOINTS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "container %s is on %d networks already",
				       record->name, BERTH_LIMIT_ENDPOINTS);
	return true;
}

static bool record_connect(struct berth_engine *engine, struct berth_engine_container *container,
			   const struct berth_network *network, struct berth_container_endpoint *wanted, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {.endpoints = copy_wanted(container->record), .events = events};

	g_ptr_array_add(change.endpoints, wanted);
	berth_engine__network_event(events, network, "connect", container->id);
	bool recorded = berth_engine__change(engine, container, &change, error);
	BERTH_FAILPOINT("network.connect.recorded");
	return recorded;
}

static bool connect_claimed(struct berth_engine *engine, struct berth_engine_container *container,
			    const struct berth_network *network, const struct api_endpoint_settings *settings,
			    GError **error)
{
	__attribute__((cleanup(live_clear))) struct live live = {engine, container, NULL, -1, NULL};
	bool runs = berth_engine__is_up(container) && container->network;

	if (!check_connect(container, network, error))
		return false;
	g_autoptr(berth_container_endpoint) wanted = berth_endpoint_wanted(network->name, settings, error);
	if (!wanted)
		return false;
	g_free(wanted->network);
	wanted->network = g_strdup(network->id);
	if (runs && (!live_open(&live, error) || !enter(&live, wanted, error)))
		return false;
	if (record_connect(engine, container, network, g_steal_pointer(&wanted), error))
		return true;
	if (runs)
		leave(&live, network->id);
	return false;
}

bool berth_engine_network_connect(struct berth_engine *engine, const char *text, const char *name,
				  const struct api_endpoint_settings *settings, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, text, error);
	struct berth_engine_container *container = network ? berth_engine__claim(engine, name, error) : NULL;
	int64_t began = g_get_monotonic_time();

	if (!container)
		return false;
	bool connected = connect_claimed(engine, container, network->record, settings, error);
	berth_engine__release(container);
	if (connected)
		berth_engine__count_action(engine, BERTH_ACTION_NETWORK_CONNECT, began);
	return connected;
}

static bool record_disconnect(struct berth_engine *engine, struct berth_engine_container *container,
			      const struct berth_network *network, int place, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {.endpoints = copy_wanted(container->record), .events = events};

	berth_container_endpoint_free(g_ptr_array_remove_index(change.endpoints, (guint) place));
	berth_engine__network_event(events, network, "disconnect", container->id);
	bool recorded = berth_engine__change(engine, container, &change, error);
	BERTH_FAILPOINT("network.disconnect.recorded");
	return recorded;
}

static bool disconnect_claimed(struct berth_engine *engine, struct berth_engine_container *container,
			       const struct berth_network *network, bool force, GError **error)
{
	__attribute__((cleanup(live_clear))) struct live live = {engine, container, NULL, -1, NULL};
	int place = place_of(container->record->endpoints, network);
	bool runs = berth_engine__is_up(container) && container->network;

	if (g_str_equal(network->driver, "host"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "container cannot be disconnected from host network or connected to host "
				       "network");
	if (place < 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "container %s is not connected to network %s",
				       container->id, network->name);
	// By force also where its namespace cannot be reached: the host's side is removed all the same.
	if (runs && !live_open(&live, force ? NULL : error) && !force)
		return false;
	if (!record_disconnect(engine, container, network, place, error))
		return false;
	if (runs)
		leave(&live, network->id);
	return true;
}

bool berth_engine_network_disconnect(struct berth_engine *engine, const char *text, const char *name, bool force,
				     GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, text, error);
	struct berth_engine_container *container = network ? berth_engine__claim(engine, name, error) : NULL;

	if (!container)
		return false;
	bool disconnected = disconnect_claimed(engine, container, network->record, force, error);
	berth_engine__release(container);
	return disconnected;
}
