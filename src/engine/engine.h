// SPDX-License-Identifier: Apache-2.0
// The engine: containers, images and events as a domain, called with documents and answering with documents. It knows
// nothing of HTTP. Every function may be called from any thread and blocks until it is done.
//
// Truth is in the database: a record is written before the kernel object it describes is made and removed after that is
// gone. A monitor per running container holds the rest, so the engine can die at any instant; berth_engine_open()
// adopts the monitors again and finishes or undoes what was half done.
#pragma once

#include "image/transfer.h"
#include "spec/api-container.h"
#include "spec/api-exec.h"
#include "spec/api-network.h"
#include "spec/api-stats.h"
#include "spec/api-system.h"
#include "spec/build-step.h"
#include "spec/filters.h"

struct berth_engine;

// Networks of containers. Zeroed: as they are by default.
struct berth_engine_network_options {
	bool no_bridge; // there is no default bridge: containers have the network none where nothing else is said
	const char *bridge_address; // of the default bridge, with prefix length: "172.17.0.1/16"
	const char *bridge_range; // its containers' addresses are of this part
	const char
		*bridge_subnet6; // the default bridge has IPv6, too: of this subnet, or chosen if `bridge_ipv6` alone
	bool bridge_ipv6;
	char *const *pools; // "base=172.18.0.0/15,size=24"
	const char *host_address; // ports are published on it if nothing else is said; NULL: on all
	int64_t mtu; // of the default bridge; 0: 1500
	bool no_icc; // containers on the default bridge do not reach each other
	bool no_masquerade; // what leaves the default bridge keeps its address
	bool no_forwarding; // the host's forwarding of packets is left as it is
	char *const *dns, *const *dns_options, *const *dns_search; // of containers that say nothing of it
	char *const *host_gateway; // addresses that host-gateway stands for; NULL: of the default bridge
	const char *published_ports; // firewall, open, local; NULL: firewall
	char *const *cni_folders, *const *cni_programs; // of CNI's configurations and plugins; NULL: the usual ones
};

// What containers get that say nothing of it. Zeroed: as it is by default.
struct berth_engine_defaults {
	char *const *ulimits; // "nofile=1024:2048"
	int64_t shm_size; // bytes; 0: 64 MiB
	const char *ipc_mode, *cgroupns_mode; // NULL: private
	const char *seccomp; // text of a profile, or "unconfined"; NULL: the builtin one
	bool init, no_new_privileges;
};

struct berth_engine_options {
	const char *data_root; // /var/lib/berth
	const char *exec_root; // /run/berth
	const char *monitor_program; // paths of berth-monitor and berth-init
	const char *init_program;
	const char *snapshot_driver; // NULL: chosen
	const char *cgroup_parent; // "/berth"
	const char *userns; // of containers and steps of builds that do not say: host or auto
	const char *log_driver; // default of containers: "json-file"
	char *const *log_options; // "max-size=20m"
	char *const *labels; // of the engine, for info
	char *const *cdi_folders; // of CDI specifications; NULL: /etc/cdi and /var/run/cdi
	struct berth_registries_options registries;
	struct berth_engine_network_options network;
	char *const *plugin_folders; // where Docker's plugins are found, sockets in the first; NULL: Docker's
	struct berth_engine_defaults defaults;
	bool debug;
	bool stop_containers; // the engine stops them before it ends; for info, and for the event of a reload
	int64_t shutdown_timeout; // seconds; for that event
	int64_t event_hours, event_limit; // for which, and how many, events are kept; 0: no limit, BERTH_LIMIT_EVENTS
	char *const *authorization; // plugins that are asked about each request, in this order
	char *const *warnings; // for info
};

struct berth_engine *berth_engine_open(const struct berth_engine_options *options, GError **error);
// Starts the containers whose restart policy asks for it; called once, when requests can be served.
void berth_engine_start_containers(struct berth_engine *engine);
// Ends the engine's threads; containers go on. Waiting calls (wait, logs, events) return BERTH_ERROR_CANCELED.
void berth_engine_close(struct berth_engine *engine);

// engine/reload.c. Takes over what may change as the engine runs (labels, registries, debug, stop_containers,
// shutdown_timeout, authorization) and tells it as the event `reload`. False: nothing has changed.
bool berth_engine_reload(struct berth_engine *engine, const struct berth_engine_options *options, GError **error);
// engine/shutdown.c. Stops all containers at once, each within its own stop timeout; one that has none gets `timeout`
// seconds at most. They are started again with the engine, if their restart policy says so.
void berth_engine_stop_containers(struct berth_engine *engine, int64_t timeout);
// Waits until the engine's locks are free: it is alive. For the watchdog.
void berth_engine_touch(struct berth_engine *engine);

struct berth_images *berth_engine_images(struct berth_engine *engine); // borrowed
struct berth_store *berth_engine_store(struct berth_engine *engine); // borrowed

// engine/authorize.c: plugins that are asked about requests and answers (AuthZPlugin). One that does not answer, or not
// as it should, has said no.
struct berth_authorization {
	const char *user, *user_method; // of the client's certificate, and "TLS"; NULL: unknown
	char *const *certificates; // PEM; NULL: none
	const char *method, *uri;
	GHashTable *headers; // text by text
	const void *body; // NULL: it is not shown
	size_t length;
};
// Whether any is asked at all. `authorized` in the others is what the plugins that were asked about a request are
// asked about its answer, too: a new array, which the caller frees with g_strfreev().
bool berth_engine_authorizes(struct berth_engine *engine);
// FORBIDDEN: "authorization denied by plugin x: …"
bool berth_engine_authorize(struct berth_engine *engine, const struct berth_authorization *request, char ***ret_plugins,
			    GError **error);
bool berth_engine_authorize_answer(struct berth_engine *engine, char *const *plugins,
				   const struct berth_authorization *request, unsigned status, GHashTable *headers,
				   const void *body, size_t length, GError **error);

// engine/metrics.c: what Prometheus asks for, in its text format.
void berth_engine_metrics(struct berth_engine *engine, GString *out);

// engine/registries.c
struct berth_registries *berth_engine_registries(struct berth_engine *engine); // borrowed
// The platform of an image that a registry has under `name`, with this (single) manifest: what its configuration says.
struct oci_platform *berth_engine_remote_platform(struct berth_engine *engine, const char *name,
						  const struct berth_manifest *manifest,
						  const struct berth_transfer_options *options, GError **error);

// In what follows `container` is a full id, a unique prefix of one, or a name with or without its slash. NOT_FOUND: "No
// such container: x".

// engine/life/create.c
struct api_container_created *berth_engine_container_create(struct berth_engine *engine, const char *name,
							    const struct api_container_create *create, GError **error);
// engine/life/start.c
// NOT_MODIFIED if it runs already. Errors of the program keep the runtime's words. `checkpoint`: what it goes on from,
// in `folder` (of checkpoints; NULL: the container's own); NULL: its program begins.
bool berth_engine_container_start(struct berth_engine *engine, const char *container, const char *checkpoint,
				  const char *folder, GError **error);
// `signal` NULL: the container's own stop signal; `timeout` seconds, BERTH_UNSET: the container's own; -1: for ever.
bool berth_engine_container_stop(struct berth_engine *engine, const char *container, const char *signal,
				 int64_t timeout, GError **error);
bool berth_engine_container_restart(struct berth_engine *engine, const char *container, const char *signal,
				    int64_t timeout, GError **error);
bool berth_engine_container_kill(struct berth_engine *engine, const char *container, const char *signal,
				 GError **error);
bool berth_engine_container_pause(struct berth_engine *engine, const char *container, GError **error);
bool berth_engine_container_unpause(struct berth_engine *engine, const char *container, GError **error);
bool berth_engine_container_rename(struct berth_engine *engine, const char *container, const char *name,
				   GError **error);
bool berth_engine_container_remove(struct berth_engine *engine, const char *container, bool force, bool volumes,
				   GError **error);
// engine/network/links.c: "web/db", the link that `web` calls db. The variables of a container that runs stay.
bool berth_engine_link_remove(struct berth_engine *engine, const char *link, GError **error);
bool berth_engine_container_resize(struct berth_engine *engine, const char *container, unsigned width, unsigned height,
				   GError **error);

enum berth_wait_condition { BERTH_WAIT_NOT_RUNNING, BERTH_WAIT_NEXT_EXIT, BERTH_WAIT_REMOVED };
// A wait is registered first (so that the API can send its headers, and an exit after that is not missed) and then
// waited for. `canceled` (may be NULL) is asked about once a second.
struct berth_wait;
struct berth_wait *berth_engine_wait_register(struct berth_engine *engine, const char *container,
					      enum berth_wait_condition condition, GError **error);
bool berth_engine_wait(struct berth_wait *wait, bool (*canceled)(void *data), void *data,
		       struct api_container_wait **ret, GError **error);
void berth_wait_free(struct berth_wait *wait);

// engine/life/attach.c. The client's socket; the engine passes it on to the monitor (now, or when the container starts)
// and the caller closes its copy. `logs`: what was logged so far is written first; `stream`: live output.
struct berth_engine_attach {
	bool in, out, err, logs, stream;
	bool raw; // output comes without frames, also where there is no terminal
	const char *detach_keys; // NULL: ctrl-p,ctrl-q
};
// Checks what can be checked before the connection is taken over; *ret_tty says whether the streams are raw.
bool berth_engine_container_attach_check(struct berth_engine *engine, const char *container, bool *ret_tty,
					 GError **error);
bool berth_engine_container_attach(struct berth_engine *engine, const char *container, int socket,
				   const struct berth_engine_attach *attach, GError **error);

// engine/life/exec.c. A further process in a running container: made, started once, and then asked about. `exec` is its
// id. NOT_FOUND: "No such exec instance: x"; CONFLICT: the container is paused or does not run.
char *berth_engine_exec_create(struct berth_engine *engine, const char *container, const struct api_exec_config *config,
			       GError **error); // a new id
struct berth_engine_exec_start {
	int socket; // the client's, passed on to the monitor; the caller closes its copy. -1: it runs detached
	bool tty; // what the client reads is raw
	unsigned width, height; // of a terminal; 0: as it was made
};
bool berth_engine_exec_check(struct berth_engine *engine, const char *exec, GError **error);
// engine/life/exec-start.c. CONFLICT also for one that was started before. The errors of the program keep the runtime's
// words; they are INVALID, and the exec's exit code is 126 or 127 then.
bool berth_engine_exec_start(struct berth_engine *engine, const char *exec, const struct berth_engine_exec_start *start,
			     GError **error);
bool berth_engine_exec_resize(struct berth_engine *engine, const char *exec, unsigned width, unsigned height,
			      GError **error);
struct api_exec_inspect *berth_engine_exec_inspect(struct berth_engine *engine, const char *exec, GError **error);

// engine/show/list.c
struct berth_list_query {
	bool all, size;
	bool brief; // only what api_container_brief_document has
	int64_t limit; // the newest N; 0: all
	GHashTable *filters; // ancestor before exited health id label name network since status volume … ; may be NULL
	int64_t *
		ret_until; // until when texts like "Up 3 seconds" are as they are (Unix time, nanoseconds); may be NULL
};
GPtrArray *berth_engine_container_list(struct berth_engine *engine, const struct berth_list_query *query,
				       GError **error);
// Another number whenever something that this list shows has changed, but for the time that passes: what was listed
// after one was read is good as long as that is the one.
uint64_t berth_engine_generation(struct berth_engine *engine);
struct api_container_inspect *berth_engine_container_inspect(struct berth_engine *engine, const char *container,
							     bool size, GError **error);
struct api_container_top *berth_engine_container_top(struct berth_engine *engine, const char *container,
						     const char *ps_arguments, GError **error);
struct api_prune_report *berth_engine_container_prune(struct berth_engine *engine, GHashTable *filters, GError **error);

// engine/log/logs.c. Calls `each` for every record until it returns false; with follow until the container has ended.
// With NULL it is called when all that there is was passed on and the next may be waited for, and about once a second
// while it is: the caller's `each` sees a closed client.
struct berth_engine_logs {
	bool out, err, follow;
	int64_t since, until; // nanoseconds since 1970; 0: unbounded
	int64_t tail; // -1: all
};
struct berth_engine_log_record { // borrowed for the call
	int stream;
	int64_t time;
	const char *text;
	size_t length; // its newline included
	const char *attributes; // a JSON object as text; NULL: none
	size_t attributes_length;
};
typedef bool berth_log_fn(void *data, const struct berth_engine_log_record *record);
// What can be checked before. NOT_IMPLEMENTED: "configured logging driver does not support reading". *ret_tty says
// whether the streams are raw.
bool berth_engine_container_logs_check(struct berth_engine *engine, const char *container, bool *ret_tty,
				       GError **error);
bool berth_engine_container_logs(struct berth_engine *engine, const char *container,
				 const struct berth_engine_logs *query, berth_log_fn *each, void *data, GError **error);

// engine/show/stats.c. What a container uses: `each` is called for every sample. One that does not run has samples of
// zeroes.
enum berth_stats_mode {
	BERTH_STATS_STREAM, // one at once and one each second, until `each` returns false, it is removed or the engine
			    // closes
	BERTH_STATS_TWO, // one, with the processors' times of a second before
	BERTH_STATS_ONE, // one by itself
};
typedef bool berth_stats_fn(void *data, const struct api_stats *stats);
bool berth_engine_container_stats(struct berth_engine *engine, const char *container, enum berth_stats_mode mode,
				  berth_stats_fn *each, void *data, GError **error);

// engine/system.c
struct api_version *berth_engine_version(struct berth_engine *engine, GError **error);
struct api_info *berth_engine_info(struct berth_engine *engine, GError **error);

// engine/events.c. Calls `each` for past events from `since` on and for new ones until `until` has passed (0: for
// ever), or it returns false, or the engine closes. `each` is called with NULL about once a second so that it can look
// after its client.
typedef bool berth_event_stream_fn(void *data, const struct api_event *event);
bool berth_engine_events(struct berth_engine *engine, int64_t since, int64_t until, GHashTable *filters,
			 berth_event_stream_fn *each, void *data, GError **error);

// Tells that objects of a type (container, image, network, volume) were pruned, and how many bytes came free.
bool berth_engine_tell_prune(struct berth_engine *engine, const char *type, int64_t reclaimed, GError **error);

// Networks. `network` is a full id, a name, or a unique prefix of an id. NOT_FOUND: "network x not found".
// engine/network/network-list.c
GPtrArray *berth_engine_network_list(struct berth_engine *engine, GHashTable *filters, GError **error);
struct api_network_summary *berth_engine_network_inspect(struct berth_engine *engine, const char *network,
							 GError **error); // with its containers
// engine/network/network-create.c
struct api_network_created *berth_engine_network_create(struct berth_engine *engine,
							const struct api_network_create *create, GError **error);
// engine/network/network-remove.c
bool berth_engine_network_remove(struct berth_engine *engine, const char *network, GError **error);
struct api_network_prune_report *berth_engine_network_prune(struct berth_engine *engine, GHashTable *filters,
							    GError **error);
// engine/network/connect.c. Of a running container, too. `force`: also where the container is not known any more.
bool berth_engine_network_connect(struct berth_engine *engine, const char *network, const char *container,
				  const struct api_endpoint_settings *settings, GError **error);
bool berth_engine_network_disconnect(struct berth_engine *engine, const char *network, const char *container,
				     bool force, GError **error);
// engine/life/update.c. Publishes ports of a container and withdraws them, at once if it runs.
struct api_container_updated *berth_engine_container_update(struct berth_engine *engine, const char *container,
							    struct api_container_update *update, GError **error);

// Frees a GPtrArray of document structs, as the lists above return them.
void berth_objects_free(GPtrArray *objects, const struct berth_document *document);

// Builds. What the steps of one build share (their `steps`): as long as it is there a step can have the network that
// one before it had, and what they leave is cleared behind their backs. When it is freed nothing of them is left, but
// for networks that are being left.
struct berth_engine_steps *berth_engine_steps_new(struct berth_engine *engine);
void berth_engine_steps_free(struct berth_engine_steps *steps);
// Runs a process in a writable snapshot, as a container that no list has and no event tells of, to its end:
// *ret_exit_code 0-255. False: it did not run, or `canceled` (may be NULL; asked often) said so and it was killed:
// BERTH_ERROR_CANCELED. In either case nothing is left of it, and of what was made in the snapshot to be mounted upon
// only what the process has put something into.
bool berth_engine_step_run(struct berth_engine *engine, const struct berth_build_step *step,
			   bool (*canceled)(void *data), void *data, int *ret_exit_code, GError **error);
// Of the terminal of one that runs.
bool berth_engine_step_resize(struct berth_engine *engine, const char *snapshot, unsigned height, unsigned width,
			      GError **error);
