// SPDX-License-Identifier: Apache-2.0
// What the engine's files about networks share. What a network is in the kernel is src/network's.
#pragma once

#include "engine/internal.h"
#include "engine/network/run-network.h"
#include "engine/spec/spec.h"
#include "network/network.h"

// A network. Its record never changes. Locks: internal.h.
struct berth_engine_network {
	unsigned references; // atomic
	struct berth_network *record;
	pthread_mutex_t operation;

	// under `operation`
	bool removed;
	unsigned users; // endpoints that have addresses on it
	pthread_cond_t left; // one less
};
typedef struct berth_engine_network berth_engine_network;

// networks.c
bool berth_engine__networks_open(struct berth_engine *engine, GError **error);
void berth_engine__networks_close(struct berth_engine *engine);
struct berth_engine_network *berth_engine__network_ref(struct berth_engine_network *network);
void berth_engine__network_unref(struct berth_engine_network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_engine_network, berth_engine__network_unref)
// Finds by id, name, or unique prefix of an id. Returns a new reference.
struct berth_engine_network *berth_engine__network_find(struct berth_engine *engine, const char *text, GError **error);
// The one that an endpoint names: by its id, or by its name if it has none yet.
struct berth_engine_network *berth_engine__network_of(struct berth_engine *engine,
						      const struct berth_container_endpoint *endpoint, GError **error);
// New references to all of them, oldest first.
GPtrArray *berth_engine__networks(struct berth_engine *engine);
// Puts it into the table. False: its name is taken. engine->lock is held.
bool berth_engine__network_add(struct berth_engine *engine, struct berth_engine_network *network);
void berth_engine__network_drop(struct berth_engine *engine, struct berth_engine_network *network);
struct berth_engine_network *berth_engine__network_new(struct berth_network *record); // takes the record
bool berth_engine__network_put(struct berth_transaction *transaction, const struct berth_network *record,
			       GError **error);
// Whether containers on it have a network of their own there: not host and none.
bool berth_engine__network_is_real(const struct berth_network *record);
// Adds an event of a network; `container` (may be NULL) is the id of the one that it concerns.
void berth_engine__network_event(json_t *events, const struct berth_network *record, const char *action,
				 const char *container);
// The same of all networks that a container is on, none and host included, as it starts and ends.
void berth_engine__network_events(struct berth_engine *engine, json_t *events,
				  const struct berth_container_record *container, const char *action);

// endpoints.c. `operation` of the container is held for all of these.
// Gives the container its addresses and ports, makes sure of its networks and writes network.json.
bool berth_engine__network_prepare(struct berth_engine *engine, struct berth_engine_container *container,
				   int run_folder, GError **error);
// Puts the endpoints into the namespace of the created container, and gives its monitor the resolver.
bool berth_engine__network_attach(struct berth_engine *engine, struct berth_engine_container *container,
				  struct berth_monitor *monitor, GError **error);
// Takes everything back that the container has of networks. Nothing is fine. In two steps: _take, after which it is on
// no network for anybody else and not found by its names, and _give_back, which takes the result over (NULL: nothing).
void berth_engine__network_release(struct berth_engine *engine, struct berth_engine_container *container);
struct berth_run_network *berth_engine__network_take(struct berth_engine *engine,
						     struct berth_engine_container *container);
void berth_engine__network_give_back(struct berth_engine *engine, const struct berth_engine_container *container,
				     struct berth_run_network *run);
// A step has ended, and another is to have what it has: taken from it, left as it is. Given back by a pair of calls:
// who wants an address waits from the first on.
struct berth_run_network *berth_engine__network_keep(struct berth_engine *engine,
						     struct berth_engine_container *container);
void berth_engine__network_leaving(struct berth_engine *engine);
void berth_engine__network_left(struct berth_engine *engine, const struct berth_run_network *run);
// What a run left that nobody took back, because the engine was killed: by the network.json of its run folder.
void berth_engine__network_discard(struct berth_engine *engine, const char *id, int run_folder);
// It has another name from now on, which others find it by.
void berth_engine__network_renamed(struct berth_engine *engine, struct berth_engine_container *container);
// A container that runs on after the engine's restart.
bool berth_engine__network_adopt(struct berth_engine *engine, struct berth_engine_container *container,
				 struct berth_monitor *monitor, GError **error);

// endpoint.c. One endpoint.
// Makes what the container is on the network: takes addresses on it, which makes it a user of the network.
struct berth_endpoint *berth_engine__endpoint_make(struct berth_engine *engine,
						   const struct berth_engine_container *container,
						   const struct berth_container_endpoint *wanted, int64_t slot,
						   GError **error);
char **berth_engine__endpoint_names(const struct berth_container_record *record,
				    const struct berth_container_endpoint *wanted);
// The same; what a container that has ended is still giving back is waited for. (endpoints.c)
struct berth_endpoint *berth_engine__endpoint_make_patiently(struct berth_engine *engine,
							     const struct berth_engine_container *container,
							     const struct berth_container_endpoint *wanted,
							     int64_t slot, GError **error);
void berth_engine__endpoint_release(struct berth_engine *engine, const struct berth_endpoint *endpoint);
bool berth_engine__endpoint_attach(struct berth_engine *engine, struct berth_endpoint *endpoint,
				   struct berth_sandbox *sandbox, GError **error);
bool berth_engine__endpoint_detach(struct berth_engine *engine, const struct berth_endpoint *endpoint,
				   struct berth_sandbox *sandbox, GError **error);
// Writes the names of those who run on the network anew.
bool berth_engine__names_write(struct berth_engine *engine, const char *network, GError **error);
// What its monitor's resolver is to do; the caller frees it. NULL: the container has none.
struct berth_monitor_resolver *berth_engine__resolver(struct berth_engine *engine,
						      const struct berth_engine_container *container,
						      const GPtrArray *endpoints);
bool berth_engine__has_resolver(const struct berth_container_record *record);
// A namespace ("net", its name beneath /proc/<pid>/ns) of the container's init process, which its monitor says is there
// still (NULL: it is known to be). -1 on failure.
int berth_engine__namespace(struct berth_monitor *monitor, pid_t pid, const char *file, GError **error);

// network-remove.c: removes those of which a killed engine had already told plugins that they go.
void berth_engine__networks_finish_removal(struct berth_engine *engine);

// publish.c. Ports of the host for what the container publishes, by its record and endpoints: struct berth_run_port.
bool berth_engine__ports_take(struct berth_engine *engine, const struct berth_container_record *record,
			      const GPtrArray *endpoints, GPtrArray *ret_ports, GError **error);
void berth_engine__ports_give_back(struct berth_engine *engine, const char *owner, const GPtrArray *ports);
// Takes those again that a container has, after the engine's restart.
bool berth_engine__ports_adopt(struct berth_engine *engine, const char *owner, const GPtrArray *ports, GError **error);
bool berth_engine__ports_publish(struct berth_engine *engine, const char *owner, const GPtrArray *ports,
				 GError **error);
// What the kernel goes on with though the ports it came by were withdrawn or published otherwise: ended now, which
// takes it milliseconds, or by a worker.
void berth_engine__flows_settle(struct berth_engine *engine);
void berth_engine__flows_settle_later(struct berth_engine *engine);

// bind.c
// Finds the networks and the container that the plan's record names; what is not there yet is looked for at the start.
// Warnings are added to the array.
bool berth_engine__endpoints_bind(struct berth_engine *engine, struct berth_container_record *record, char ***warnings,
				  GError **error);

// links.c
bool berth_engine__links_check(struct berth_engine *engine, const struct berth_container_record *record,
			       GError **error);
// The variables that links on the default bridge give; a new NULL-terminated array. *ret_hosts: lines of /etc/hosts.
bool berth_engine__links_resolve(struct berth_engine *engine, const struct berth_container_record *record,
				 char ***ret_environment, GString *ret_hosts, GError **error);
// The container runs (again): those who link to it have its address in their hosts file.
// Lets a container reach the exposed ports of those that it links to, where the default bridge's containers do not
// reach each other; and no longer. _adopt: all that run, at the engine's start.
bool berth_engine__links_open(struct berth_engine *engine, const struct berth_engine_container *container,
			      GError **error);
void berth_engine__links_close(struct berth_engine *engine, const struct berth_engine_container *container);
void berth_engine__links_adopt(struct berth_engine *engine);
void berth_engine__links_follow(struct berth_engine *engine, const struct berth_engine_container *container);

// hosts.c
// What networks put into a container's files and configuration.
struct berth_engine_files {
	struct berth_spec_files texts; // what it points to is below, the record's or the engine's
	char *hosts;
	char **gateway, **environment;
	char *folder; // another container's run folder, whose files are shared; NULL: its own
	int namespace_fd; // of another's network namespace; 0: one of its own
	char *namespace; // its path; NULL: one of its own
};
bool berth_engine__files_make(struct berth_engine *engine, const struct berth_engine_container *container,
			      struct berth_engine_files *ret, GError **error);
void berth_engine__files_clear(struct berth_engine_files *files);
// What is said of name servers where the container says nothing: by the driver of one of its networks, else by the
// engine's settings. Borrowed; NULL: nothing.
struct berth_engine_dns {
	char *const *servers, *const *search, *const *options;
};
struct berth_engine_dns berth_engine__dns_of(const struct berth_engine *engine, const GPtrArray *endpoints);
// Whether a container that runs knows the default bridge's address as host-gateway; then it stays, and is made at the
// engine's start.
bool berth_engine__gateway_wanted(struct berth_engine *engine);
void berth_engine__gateway_adopt(struct berth_engine *engine);
// Writes the container's resolv.conf anew, when its networks have said what is to be in it.
bool berth_engine__resolv_conf_write(struct berth_engine *engine, const struct berth_engine_container *container,
				     GError **error);
// The line of an endpoint in its container's /etc/hosts.
void berth_engine__hosts_line(GString *out, const struct berth_container_record *record,
			      const struct berth_endpoint *endpoint);
// Replaces a line of a running container's /etc/hosts, in place: `old` (NULL: none; one that begins with a tab is the
// line's end) by `new` (NULL: none).
bool berth_engine__hosts_replace(struct berth_engine *engine, const char *id, const char *old, const char *new,
				 GError **error);
