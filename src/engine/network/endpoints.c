// SPDX-License-Identifier: Apache-2.0
// What a container has of networks from its start to its end. First comes what can be said without the kernel:
// addresses and ports, which are written to network.json; then, when the container is created and waits for its
// program, interfaces, routes, resolver, rules and names. All of it goes when the container has ended.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "engine/network/endpoint-wanted.h"
#include "engine/step/step.h"
#include "network/sandbox.h"

#include <fcntl.h>
#include <unistd.h>

#define PATIENCE 10 // seconds for containers that have ended to leave

static void set_network(struct berth_engine *engine, struct berth_engine_container *container,
			struct berth_run_network *network)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_run_network *old = container->network;
	container->network = network;
	berth_engine__note_change(engine);
	pthread_mutex_unlock(&engine->lock);
	berth_run_network_free(old);
}

static struct berth_run_network *new_run(void)
{
	struct berth_run_network *run = berth_document_new(&berth_run_network_document);

	run->version = BERTH_RUN_NETWORK_VERSION;
	run->endpoints = berth_objects_new();
	run->ports = berth_objects_new();
	return run;
}

// Gives back what was taken and not made.
static void abandon(struct berth_engine *engine, const char *owner, struct berth_run_network *run)
{
	berth_engine__ports_give_back(engine, owner, run->ports);
	for (guint i = 0; i < run->endpoints->len; i++)
		berth_engine__endpoint_release(engine, run->endpoints->pdata[i]);
	berth_run_network_free(run);
}

static bool make_endpoints(struct berth_engine *engine, const struct berth_engine_container *container,
			   GPtrArray *endpoints, GError **error)
{
	const GPtrArray *wanted = container->record->endpoints;

	for (guint i = 0; wanted && i < wanted->len; i++) {
		struct berth_endpoint *endpoint =
			berth_engine__endpoint_make(engine, container, wanted->pdata[i], i, error);
		if (!endpoint)
			return false;
		g_ptr_array_add(endpoints, endpoint);
	}
	berth_endpoints_choose_default(engine->networks, endpoints);
	return true;
}

// Ports that a network's driver publishes itself are told to it.
static void hand_over_ports(struct berth_engine *engine, const struct berth_run_network *run)
{
	for (guint i = 0; i < run->endpoints->len; i++) {
		struct berth_endpoint *endpoint = run->endpoints->pdata[i];
		g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);
		if (!network || !berth_network_publishes(network->record))
			continue;
		endpoint->ports = berth_objects_new();
		for (guint j = 0; j < run->ports->len; j++) {
			const struct berth_run_port *port = run->ports->pdata[j];
			struct berth_endpoint_port *entry = berth_document_new(&berth_endpoint_port_document);
			entry->protocol = g_strdup(port->protocol);
			entry->host_address = g_strdup(port->host_address);
			entry->host_port = port->host_port;
			entry->port = port->port;
			g_ptr_array_add(endpoint->ports, entry);
		}
		return;
	}
}

static struct berth_run_network *make_run(struct berth_engine *engine, const struct berth_engine_container *container,
					  GError **error)
{
	struct berth_run_network *run = new_run();

	if (make_endpoints(engine, container, run->endpoints, error) &&
	    berth_engine__ports_take(engine, container->record, run->endpoints, run->ports, error))
		return run;
	abandon(engine, container->id, run);
	return NULL;
}

static uint64_t count_left(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	uint64_t left = engine->left;
	pthread_mutex_unlock(&engine->lock);
	return left;
}

// Waits for containers that have ended and are still giving back what they had. False: there were none, nor have there
// been since as many had left as `before`.
static bool wait_for_leaving(struct berth_engine *engine, uint64_t before)
{
	int64_t deadline = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC;
	bool in_time = true;

	pthread_mutex_lock(&engine->lock);
	uint64_t wanted = engine->left + engine->leaving;
	while (engine->left < wanted && in_time)
		in_time = berth_engine__cond_wait(&engine->has_left, &engine->lock, deadline);
	pthread_mutex_unlock(&engine->lock);
	return wanted > before;
}

static bool is_taken(const GError *error)
{
	return g_error_matches(error, BERTH_ERROR, BERTH_ERROR_CONFLICT) ||
	       g_error_matches(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
}

// A container's end is told before it has given back its ports and addresses: who wants the same ones waits for that
// here, and nobody else.
static struct berth_run_network *make_run_patiently(struct berth_engine *engine,
						    const struct berth_engine_container *container, GError **error)
{
	uint64_t before = count_left(engine);
	GError *failure = NULL;

	int64_t began = g_get_monotonic_time();
	struct berth_run_network *run = make_run(engine, container, &failure);
	if (!run && is_taken(failure) && wait_for_leaving(engine, before)) {
		g_clear_error(&failure);
		run = make_run(engine, container, &failure);
	}
	if (run)
		berth_engine__count_action(engine, BERTH_ACTION_NETWORK_ALLOCATE, began);
	if (failure)
		g_propagate_error(error, failure);
	return run;
}

static struct berth_engine_step_network *shared_of(const struct berth_engine_container *container)
{
	return container->step ? container->step->network : NULL;
}

bool berth_engine__network_prepare(struct berth_engine *engine, struct berth_engine_container *container,
				   int run_folder, GError **error)
{
	if (!berth_engine__has_resolver(container->record))
		return true;
	struct berth_engine_step_network *shared = shared_of(container);
	bool again = shared && shared->run;
	struct berth_run_network *run =
		again ? g_steal_pointer(&shared->run) : make_run_patiently(engine, container, error);
	if (!run)
		return false;
	hand_over_ports(engine, run);
	BERTH_FAILPOINT("container.network.allocated");
	if (!berth_run_network_write(run_folder, run, error)) {
		if (again)
			shared->run = run;
		else
			abandon(engine, container->id, run);
		return false;
	}
	set_network(engine, container, run);
	BERTH_FAILPOINT("container.network.written");
	return true;
}

struct berth_endpoint *berth_engine__endpoint_make_patiently(struct berth_engine *engine,
							     const struct berth_engine_container *container,
							     const struct berth_container_endpoint *wanted,
							     int64_t slot, GError **error)
{
	uint64_t before = count_left(engine);
	GError *failure = NULL;

	struct berth_endpoint *endpoint = berth_engine__endpoint_make(engine, container, wanted, slot, &failure);
	if (!endpoint && is_taken(failure) && wait_for_leaving(engine, before)) {
		g_clear_error(&failure);
		endpoint = berth_engine__endpoint_make(engine, container, wanted, slot, &failure);
	}
	if (failure)
		g_propagate_error(error, failure);
	return endpoint;
}

// What a driver chose itself is written down: without it nothing could be detached.
static bool write_again(struct berth_engine *engine, const struct berth_engine_container *container, GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);

	return folder >= 0 && berth_run_network_write(folder, container->network, error);
}

// Whether an address or MAC was asked for.
static bool has_wishes(const struct berth_container_record *record, const struct berth_endpoint *endpoint)
{
	for (guint i = 0; record->endpoints && i < record->endpoints->len; i++) {
		const struct berth_container_endpoint *wanted = record->endpoints->pdata[i];
		if (g_strcmp0(wanted->network, endpoint->network) == 0 && (wanted->ipv4 || wanted->ipv6 || wanted->mac))
			return true;
	}
	return false;
}

static bool attach_endpoints(struct berth_engine *engine, struct berth_engine_container *container,
			     struct berth_sandbox *sandbox, GError **error)
{
	const GPtrArray *endpoints = container->network->endpoints;
	bool told_more = false;

	for (guint i = 0; i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		g_autoptr(berth_endpoint) attached = berth_document_copy(&berth_endpoint_document, endpoint);
		if (!berth_engine__endpoint_attach(engine, attached, sandbox, error))
			return false;
		if (has_wishes(container->record, endpoint)) // which another may have had just before
			berth_sandbox_announce(sandbox, attached);
		g_autofree char *before = berth_document_print_text(&berth_endpoint_document, endpoint, 0);
		g_autofree char *after = berth_document_print_text(&berth_endpoint_document, attached, 0);
		if (g_str_equal(before, after))
			continue;
		g_autofree char *line = NULL;
		pthread_mutex_lock(&engine->lock);
		endpoints->pdata[i] = g_steal_pointer(&attached);
		pthread_mutex_unlock(&engine->lock);
		if (!endpoint->ipv4 && !endpoint->ipv6) {
			GString *hosts = g_string_new(NULL);
			berth_engine__hosts_line(hosts, container->record, endpoints->pdata[i]);
			line = g_string_free(hosts, FALSE);
		}
		berth_endpoint_free((struct berth_endpoint *) endpoint);
		told_more = true;
		if (line && !berth_engine__hosts_replace(engine, container->id, NULL, line, error))
			return false;
	}
	if (!told_more)
		return true;
	// A gateway may be among what they chose.
	pthread_mutex_lock(&engine->lock);
	berth_endpoints_choose_default(engine->networks, container->network->endpoints);
	pthread_mutex_unlock(&engine->lock);
	return berth_engine__resolv_conf_write(engine, container, error) && write_again(engine, container, error);
}

static bool give_resolver(struct berth_engine *engine, struct berth_engine_container *container,
			  struct berth_monitor *monitor, struct berth_sandbox *sandbox, GError **error)
{
	berth_fd udp = -1, tcp = -1;
	g_autoptr(berth_monitor_resolver) resolver =
		berth_engine__resolver(engine, container, container->network->endpoints);

	if (!berth_sandbox_resolver(sandbox, &udp, &tcp, error) ||
	    !berth_monitor_resolve(monitor, resolver, udp, tcp, error))
		return false;
	struct berth_engine_step_network *shared = shared_of(container);
	if (!shared)
		return true;
	shared->udp = berth_fd_steal(&udp);
	shared->tcp = berth_fd_steal(&tcp);
	return true;
}

// All is there, from an earlier step of the build; only its resolver is the monitor's.
static bool hand_on(struct berth_engine *engine, const struct berth_engine_container *container,
		    struct berth_monitor *monitor, const struct berth_engine_step_network *shared, GError **error)
{
	g_autoptr(berth_monitor_resolver) resolver =
		berth_engine__resolver(engine, container, container->network->endpoints);

	return berth_monitor_resolve(monitor, resolver, shared->udp, shared->tcp, error);
}

static bool write_names(struct berth_engine *engine, const GPtrArray *endpoints, GError **error)
{
	for (guint i = 0; i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		if (!berth_engine__names_write(engine, endpoint->network, error))
			return false;
	}
	return true;
}

bool berth_engine__network_attach(struct berth_engine *engine, struct berth_engine_container *container,
				  struct berth_monitor *monitor, GError **error)
{
	struct berth_engine_step_network *shared = shared_of(container);
	if (!container->network)
		return true;
	if (shared && shared->namespace >= 0)
		return hand_on(engine, container, monitor, shared, error);
	const GPtrArray *endpoints = container->network->endpoints;
	berth_fd namespace = berth_engine__namespace(NULL, berth_monitor_pid(monitor), "net", error);
	g_autoptr(berth_sandbox) sandbox = namespace < 0 ? NULL : berth_sandbox_open(namespace, error);
	if (!sandbox || !attach_endpoints(engine, container, sandbox, error) ||
	    !berth_sandbox_default_routes(sandbox, endpoints, error))
		return false;
	BERTH_FAILPOINT("container.network.routed");
	if (!give_resolver(engine, container, monitor, sandbox, error))
		return false;
	BERTH_FAILPOINT("container.network.resolver");
	if (!write_names(engine, endpoints, error))
		return false;
	BERTH_FAILPOINT("container.network.named");
	if (!berth_engine__links_open(engine, container, error))
		return false;
	if (container->network->ports->len > 0 &&
	    !berth_engine__ports_publish(engine, container->id, container->network->ports, error))
		return false;
	berth_engine__flows_settle_later(engine);
	BERTH_FAILPOINT("container.network.published");
	if (shared)
		shared->namespace = fcntl(namespace, F_DUPFD_CLOEXEC, 3); // if that fails nothing is shared
	return true;
}

static void note(const struct berth_engine_container *container, const char *what, GError **error)
{
	if (*error)
		g_warning("container %s: %s: %s", container->id, what, (*error)->message);
	g_clear_error(error);
}

struct berth_run_network *berth_engine__network_take(struct berth_engine *engine,
						     struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_run_network *run = container->network;
	container->network = NULL;
	berth_engine__note_change(engine);
	engine->leaving += run != NULL;
	pthread_mutex_unlock(&engine->lock);
	for (guint i = 0; run && i < run->endpoints->len; i++) {
		const struct berth_endpoint *endpoint = run->endpoints->pdata[i];
		g_autoptr(GError) error = NULL;
		berth_engine__names_write(engine, endpoint->network, &error);
		note(container, "taking its names back", &error);
	}
	BERTH_FAILPOINT("container.network.unnamed");
	return run;
}

void berth_engine__network_release(struct berth_engine *engine, struct berth_engine_container *container)
{
	berth_engine__network_give_back(engine, container, berth_engine__network_take(engine, container));
}

static void detach_all(struct berth_engine *engine, const struct berth_run_network *run)
{
	for (guint i = 0; i < run->endpoints->len; i++) {
		const struct berth_endpoint *endpoint = run->endpoints->pdata[i];
		g_autoptr(GError) error = NULL;
		if (!berth_engine__endpoint_detach(engine, endpoint, NULL, &error))
			g_warning("container %s: leaving its network: %s", endpoint->container, error->message);
		BERTH_FAILPOINT("container.network.detached");
		berth_engine__endpoint_release(engine, endpoint);
	}
}

static void forget(struct berth_engine *engine, const struct berth_engine_container *container)
{
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, NULL);

	if (folder >= 0)
		unlinkat(folder, BERTH_RUN_NETWORK_FILE, 0);
}

static void count_one_left(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	engine->leaving--;
	engine->left++;
	pthread_cond_broadcast(&engine->has_left);
	pthread_mutex_unlock(&engine->lock);
}

struct berth_run_network *berth_engine__network_keep(struct berth_engine *engine,
						     struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_run_network *run = container->network;
	container->network = NULL;
	pthread_mutex_unlock(&engine->lock);
	forget(engine, container);
	return run;
}

void berth_engine__network_leaving(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	engine->leaving++;
	pthread_mutex_unlock(&engine->lock);
}

void berth_engine__network_left(struct berth_engine *engine, const struct berth_run_network *run)
{
	detach_all(engine, run);
	count_one_left(engine);
}

void berth_engine__network_give_back(struct berth_engine *engine, const struct berth_engine_container *container,
				     struct berth_run_network *taken)
{
	g_autoptr(berth_run_network) run = taken;
	g_autoptr(GError) error = NULL;
	int64_t began = g_get_monotonic_time();

	if (!run)
		return;
	if (run->ports->len > 0) {
		berth_firewall_publish(berth_networks_firewall(engine->networks), container->id, NULL, &error);
		note(container, "withdrawing its ports", &error);
		berth_engine__flows_settle(engine); // its address may be another's, next
		berth_engine__ports_give_back(engine, container->id, run->ports);
	}
	berth_engine__links_close(engine, container);
	if (engine->options.network.no_icc) // what led to it
		berth_engine__links_follow(engine, container);
	BERTH_FAILPOINT("container.network.withdrawn");
	detach_all(engine, run);
	forget(engine, container);
	BERTH_FAILPOINT("container.network.released");
	count_one_left(engine);
	berth_engine__count_action(engine, BERTH_ACTION_NETWORK_RELEASE, began);
}

void berth_engine__network_discard(struct berth_engine *engine, const char *id, int run_folder)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_run_network) run = berth_run_network_read(run_folder, &error);

	if (!run) {
		if (!g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			g_warning("container %s: what it had of networks: %s", id, error->message);
		return;
	}
	for (guint i = 0; i < run->endpoints->len; i++) {
		g_clear_error(&error);
		if (!berth_engine__endpoint_detach(engine, run->endpoints->pdata[i], NULL, &error))
			g_warning("container %s: leaving its network: %s", id, error->message);
		BERTH_FAILPOINT("container.network.discarded");
	}
}

static const struct berth_container_endpoint *wanted_on(const struct berth_container_record *record,
							const struct berth_endpoint *endpoint)
{
	for (guint i = 0; record->endpoints && i < record->endpoints->len; i++) {
		const struct berth_container_endpoint *wanted = record->endpoints->pdata[i];
		if (g_strcmp0(wanted->network, endpoint->network) == 0 ||
		    (!(wanted->network && *wanted->network) &&
		     g_strcmp0(wanted->network_name, endpoint->network_name) == 0))
			return wanted;
	}
	return NULL;
}

void berth_engine__network_renamed(struct berth_engine *engine, struct berth_engine_container *container)
{
	g_autoptr(GError) error = NULL;

	if (!container->network)
		return;
	struct berth_run_network *next = berth_document_copy(&berth_run_network_document, container->network);
	for (guint i = 0; i < next->endpoints->len; i++) {
		struct berth_endpoint *endpoint = next->endpoints->pdata[i];
		const struct berth_container_endpoint *wanted = wanted_on(container->record, endpoint);
		if (!endpoint->names || !wanted)
			continue;
		g_strfreev(endpoint->names);
		endpoint->names = berth_engine__endpoint_names(container->record, wanted);
	}
	set_network(engine, container, next);
	if (!write_again(engine, container, &error) || !write_names(engine, next->endpoints, &error))
		g_warning("container %s: its new name on its networks: %s", container->id, error->message);
}

// After the engine's restart

static void adopt_endpoint(struct berth_engine *engine, struct berth_engine_network *network,
			   const struct berth_endpoint *endpoint, const char *container)
{
	g_autoptr(GError) error = NULL;

	pthread_mutex_lock(&network->operation);
	if (!berth_network_up(engine->networks, network->record, &error))
		g_warning("container %s: network %s: %s", container, network->record->name, error->message);
	berth_endpoint_adopt(engine->networks, network->record, endpoint);
	network->users++;
	pthread_mutex_unlock(&network->operation);
}

// An endpoint that the record does not have is what a connect or disconnect left that was not finished.
static void remove_unwanted(struct berth_engine *engine, struct berth_engine_container *container,
			    struct berth_run_network *run, struct berth_monitor *monitor)
{
	berth_fd namespace = berth_engine__namespace(monitor, (pid_t) container->record->state->pid, "net", NULL);
	g_autoptr(berth_sandbox) sandbox = namespace < 0 ? NULL : berth_sandbox_open(namespace, NULL);
	g_autoptr(GError) error = NULL;
	bool removed = false;

	for (guint i = run->endpoints->len; i-- > 0;) {
		struct berth_endpoint *endpoint = run->endpoints->pdata[i];
		if (wanted_on(container->record, endpoint))
			continue;
		berth_engine__endpoint_detach(engine, endpoint, sandbox, &error);
		note(container, "undoing a connection", &error);
		GString *line = g_string_new(NULL);
		berth_engine__hosts_line(line, container->record, endpoint);
		berth_engine__hosts_replace(engine, container->id, line->str, NULL, NULL);
		g_string_free(line, TRUE);
		g_ptr_array_remove_index(run->endpoints, i);
		berth_endpoint_free(endpoint);
		removed = true;
	}
	if (!removed)
		return;
	berth_endpoints_choose_default(engine->networks, run->endpoints);
	if (sandbox)
		berth_sandbox_default_routes(sandbox, run->endpoints, &error);
	note(container, "its routes", &error);
}

bool berth_engine__network_adopt(struct berth_engine *engine, struct berth_engine_container *container,
				 struct berth_monitor *monitor, GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);
	GError *failure = NULL;
	struct berth_run_network *run = folder < 0 ? NULL : berth_run_network_read(folder, &failure);

	if (!run && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_clear_error(&failure);
		return true; // it has none
	}
	if (!run) {
		if (failure)
			g_propagate_error(error, failure);
		return false;
	}
	remove_unwanted(engine, container, run, monitor);
	for (guint i = 0; i < run->endpoints->len; i++) {
		const struct berth_endpoint *endpoint = run->endpoints->pdata[i];
		g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);
		if (network)
			adopt_endpoint(engine, network, endpoint, container->id);
	}
	bool adopted = berth_engine__ports_adopt(engine, container->id, run->ports, error);
	set_network(engine, container, run);
	g_autoptr(berth_monitor_resolver) resolver = berth_engine__resolver(engine, container, run->endpoints);
	return adopted && berth_run_network_write(folder, run, error) && write_names(engine, run->endpoints, error) &&
	       (!berth_engine__has_resolver(container->record) ||
		berth_monitor_resolve(monitor, resolver, -1, -1, error));
}
