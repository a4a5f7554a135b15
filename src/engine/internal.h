// SPDX-License-Identifier: Apache-2.0
// What the engine's files share. Nothing outside this folder includes it.
//
// Locks, in the order in which they may be taken; holding a later one, no earlier one is taken:
//
//	1. container->operation  one operation at a time changes a container (start, exit, rename, remove …). Whoever
//	                         waits for a container's end must not hold it: the end is handled under it.
//	2. network->operation    one operation at a time begins or ends the use of a network, removes it, or writes its
//	                         names. Of two networks never both.
//	3. engine->lock          the tables, and of every container what its struct says. Held for moments only: never
//	                         while the kernel is asked for something of networks.
//	4. engine->events_lock   the number of events told so far
//	5. the database          whoever begins a transaction holds neither 3 nor 4. So inside of one these two may be
//	                         taken for a moment (who uses a volume; an image's event is counted): their holders
//	                         never wait for the database. 1 and 2 are not taken there: theirs do.
//	6. what src/network has of its own
//
// A container's record in memory is what the database has. Only the holder of `operation` changes it, by
// berth_engine__change(), which writes the database first; so it may read it without engine->lock, others with it. Its
// state's health is what the monitor last told, which is taken down under engine->lock alone.
#pragma once

#include "engine/engine.h"
#include "engine/plan/seccomp.h"
#include "engine/record.h"
#include "monitor/client.h"
#include "spec/api-system.h"
#include "store/store.h"

#include <pthread.h>

#define BERTH_CONTAINER_ID_LENGTH 64

struct berth_volumes;
struct berth_workers;
struct berth_supervisor;
struct berth_log_reader;
struct berth_networks;
struct berth_plugins;
struct berth_run_network;
struct berth_exec_table;
struct berth_metrics;
struct berth_engine_step;
struct berth_engine_steps;

// What waits for a container with a user namespace: users-take.c.
struct berth_users_ready {
	int user, network; // namespaces, the network's belongs to the user namespace; -1: none
	int folders; // of berth_snapshots_map()
};
#define BERTH_USERS_READY_NONE ((struct berth_users_ready){-1, -1, -1})

struct berth_users_spare {
	bool there, filling; // filling: its range is taken, the rest is not there yet
	struct berth_users_ready ready;
	int64_t first_uid, first_gid, size;
};

struct berth_engine {
	struct berth_engine_options options; // owned copies
	char *id; // of this engine, for info
	struct berth_store *store;
	struct berth_database *database; // the store's
	struct berth_snapshots *snapshots; // the store's
	struct berth_images *images;
	struct berth_registries *registries; // under `lock`: a reload makes new ones
	GPtrArray *retired; // of earlier ones, which transfers may use yet
	struct berth_seccomp_profile *seccomp;
	struct berth_volumes *volumes;
	char *containers_path, *cache_path;
	int exec_folder, containers_folder;
	struct berth_monitor_spare *spare;
	int spare_bare; // atomic; the next container is thought to have no use for the spare's network
	struct berth_plugins *plugins;
	struct berth_networks *networks;
	int monitor_program; // of berth_self_clone(); -1: this kernel does not let it

	pthread_mutex_t lock;
	GHashTable *by_id, *by_name; // of struct berth_engine_container; by_id holds a reference
	GHashTable *volumes_held; // how often, by name: volumes-record.c
	GHashTable *networks_by_id, *networks_by_name; // of struct berth_engine_network, in the same way
	GHashTable *networks_coming; // names of networks that are being made, which nobody sees yet
	struct berth_exec_table *execs; // exec.h
	unsigned leaving; // containers that have ended and are giving back what they had of networks
	uint64_t left; // how many have done so
	pthread_cond_t has_left;
	bool closing;
	uint64_t generation; // atomic
	struct berth_metrics *metrics; // has a lock of its own, behind all others

	pthread_mutex_t events_lock;
	pthread_cond_t events_told;
	uint64_t event_count;
	unsigned event_listeners;

	struct berth_users_spare users_spare; // under `lock`
	GPtrArray *users_of_steps; // under `lock`; of struct berth_container_users, borrowed: ids that steps of builds
				   // have; NULL: none yet
	int users_probe; // atomic; a user namespace to try mounts with; 0: none yet
	int run_maps; // atomic; whether the ids of what lies in exec_folder can be mapped: 1 yes, -1 no, 0 not known
		      // yet
	struct berth_workers *workers;
	struct berth_supervisor *supervisor;
};

// A client that waits for the container's next start.
struct berth_pending_attach {
	int socket;
	struct berth_engine_attach attach; // owns detach_keys
};

struct berth_engine_container {
	unsigned references; // atomic
	const char *id; // the record's
	pthread_mutex_t operation;

	// under engine->lock
	struct berth_container_record *record;
	pthread_cond_t changed; // the status, `exits` or `removed`
	uint64_t exits; // how often it has ended since the engine was opened
	struct berth_users_ready users_ready; // made for it beforehand, for its first start
	bool ready; // it is created; until then only its name is taken
	bool removed; // it is not in the table any more
	GPtrArray *followers; // of struct berth_log_reader: who reads its log as it runs
	GPtrArray *pending; // of struct berth_pending_attach
	unsigned attaching; // clients that were told they may attach and have not got here yet
	int64_t attach_deadline; // monotonic microseconds, after which a start does not wait for them
	struct berth_health *health; // as its monitor told it; NULL: it is not checked. The state has a copy of it, as
				     // of its last change
	struct berth_run_network *network; // what it has of networks; NULL: nothing. Changed by who holds `operation`

	// under `operation`
	bool stopping; // on request: its end is no reason to start it again, and is told by `stop`
	bool killed; // by SIGKILL: it must not be frozen any more, or it could not die
	bool keep; // its end is part of a restart on request: neither policy nor AutoRemove look at it
	bool unhealthy; // its end is the policy's doing, which starts it again
	bool remove_at_exit; // forced removal
	bool remove_volumes; // with that, the anonymous volumes
	const char *images; // what its start restores it from; NULL: it is created
	struct berth_engine_step *step; // what it runs for a build; NULL: it is a container
	int64_t backoff; // milliseconds before the policy starts it again
	uint64_t run; // counts starts, so that what was meant for an earlier one is known
};
typedef struct berth_engine_container berth_engine_container;

// table.c
struct berth_engine_container *berth_engine__container_new(struct berth_container_record *record); // takes the record
struct berth_engine_container *berth_engine__container_ref(struct berth_engine_container *container);
void berth_engine__container_unref(struct berth_engine_container *container);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_engine_container, berth_engine__container_unref)

// Both under engine->lock. False: the name (by_name) or id is taken.
bool berth_engine__table_add(struct berth_engine *engine, struct berth_engine_container *container);
void berth_engine__table_remove(struct berth_engine *engine, struct berth_engine_container *container);

// Finds by id, name, or unique prefix of an id. Returns a new reference. _find_locked is for holders of engine->lock.
struct berth_engine_container *berth_engine__find(struct berth_engine *engine, const char *text, GError **error);
struct berth_engine_container *berth_engine__find_locked(struct berth_engine *engine, const char *text, GError **error);
// The same, and takes `operation`; a container that was removed meanwhile is NOT_FOUND. Ended by _release().
struct berth_engine_container *berth_engine__claim(struct berth_engine *engine, const char *text, GError **error);
void berth_engine__release(struct berth_engine_container *container);
// Claims one that is at hand. False: it was removed.
bool berth_engine__claim_ref(struct berth_engine *engine, struct berth_engine_container *container);

// New references to all containers that are ready, newest first.
GPtrArray *berth_engine__containers(struct berth_engine *engine);

// Something that lists of containers show has changed, visibly from now on.
void berth_engine__note_change(struct berth_engine *engine);

bool berth_engine__status_is(const struct berth_engine_container *container, const char *status);
// It has a process: running or paused.
bool berth_engine__is_up(const struct berth_engine_container *container);

// change.c. A change of a container: its new state (taken; NULL: as it is), its new name (NULL: as it is), its networks
// and ports, and what is told of it. `operation` is held. Written in one transaction and then made visible; on failure
// nothing has changed.
struct berth_container_change {
	struct berth_container_state *state;
	const char *name;
	GPtrArray *endpoints; // of struct berth_container_endpoint: the wanted ones (taken; NULL: as they are)
	GHashTable *port_bindings; // of the host configuration (taken; NULL: as they are)
	struct api_host_config *host_config; // as a whole (taken; NULL: as it is); not together with port_bindings
	json_t *events; // array, from berth_engine__event_add(); borrowed
};
bool berth_engine__change(struct berth_engine *engine, struct berth_engine_container *container,
			  struct berth_container_change *change, GError **error);
// Under engine->lock for the moment of it: what health checks say comes in between.
struct berth_container_state *berth_engine__state_copy(struct berth_engine *engine,
						       const struct berth_engine_container *container);
void berth_engine__set_status(struct berth_container_state *state, const char *status);
// Writes the record of a container within a transaction, with its references.
bool berth_engine__record_put(struct berth_transaction *transaction, const struct berth_container_record *record,
			      GError **error);
// Marks the container as removed, in database and table: from here on it does not exist for anybody, and its name is
// free. `events` are told in the same transaction; `state` (taken) is its last. What is left of it goes by
// berth_engine__remains_clear().
bool berth_engine__mark_removed(struct berth_engine *engine, struct berth_engine_container *container,
				struct berth_container_state *state, json_t *events, GError **error);

// events.c
// Adds an event of a container to the array. Behind `action` come names and values of further attributes, ended by
// NULL.
void berth_engine__event_add(json_t *events, const struct berth_engine_container *container, const char *action,
			     ...) G_GNUC_NULL_TERMINATED;
// Tells one of a container that changes nothing of it, in a transaction of its own. Not under engine->lock.
bool berth_engine__tell_container(struct berth_engine *engine, const struct berth_engine_container *container,
				  GError **error, const char *action, ...) G_GNUC_NULL_TERMINATED;
bool berth_engine__events_put(struct berth_transaction *transaction, const json_t *events, GError **error);
void berth_engine__events_told(struct berth_engine *engine);
// Events that tell of no change, in a transaction of their own.
bool berth_engine__tell(struct berth_engine *engine, const json_t *events, GError **error);
berth_image_event_fn berth_engine__image_changed;
bool berth_engine__event_passes(const struct api_event *event, GHashTable *filters);

// An event of something that is no container; `attributes` is taken.
void berth_engine__event_add_of(json_t *events, const char *type, const char *action, const char *id,
				GHashTable *attributes);

// registries.c
json_t *berth_engine__plugins_info(struct berth_engine *engine); // plugins.c, as info shows them
json_t *berth_engine__registry_config(const struct berth_registries_options *options); // as info shows it

// filters.c
// The values of one filter; NULL if it is not given.
char *const *berth_engine__filter(GHashTable *filters, const char *name);
// The moment before which something must have been made: a time, or how long ago. G_MAXINT64: nothing is said.
bool berth_engine__filter_until(GHashTable *filters, int64_t *ret, GError **error);
// Whether labels pass the filters `label` (all of key, key=value) and `label!` (none).
bool berth_engine__labels_pass(GHashTable *filters, GHashTable *labels);

// create.c
char *berth_engine__make_id(GError **error); // 64 random hex digits

// log-settings.c
struct berth_log_plan;
struct berth_monitor_settings;
// Where the files of a container's log are; "" if there are none. The caller frees it.
char *berth_engine__log_file(struct berth_engine *engine, const struct berth_engine_container *container,
			     const struct berth_log_plan *plan);
// Fills in what is about the log.
bool berth_engine__log_settings(struct berth_engine *engine, const struct berth_engine_container *container,
				struct berth_monitor_settings *settings, GError **error);

// start.c. `operation` is held for all of these.
bool berth_engine__start(struct berth_engine *engine, struct berth_engine_container *container, GError **error);
// Everything up to a process that waits for its program to be started. What a failure leaves of it is removed by
// berth_engine__network_release() and berth_engine__run_clear().
struct berth_monitor *berth_engine__prepare(struct berth_engine *engine, struct berth_engine_container *container,
					    GError **error);
// Has a monitor wait for the next container, if none does: soon, or when what is starting has started. `bare`: without
// a network made for it.
void berth_engine__spare_want(struct berth_engine *engine, bool bare, bool soon);
int berth_engine__run_folder(struct berth_engine *engine, const char *id, bool make, GError **error);
struct berth_monitor *berth_engine__connect(struct berth_engine *engine, const struct berth_engine_container *container,
					    GError **error);
// Kills a run that berth_supervisor_add() refused, and waits for its end.
void berth_engine__kill_unwatched(struct berth_engine *engine, const struct berth_engine_container *container);
// The exit code that stands for a failed start (126, 127, or 128).
int berth_engine__start_exit_code(const GError *error);

// defaults.c: what the engine gives containers that say nothing of it. `host_config` is changed.
bool berth_engine__defaults_apply(const struct berth_engine_defaults *defaults, struct api_host_config *host_config,
				  GError **error);

// metrics.c. Counts an action that began at this moment (g_get_monotonic_time()) and is done now; and health checks.
enum berth_action {
	BERTH_ACTION_CHANGES,
	BERTH_ACTION_COMMIT,
	BERTH_ACTION_CREATE,
	BERTH_ACTION_DELETE,
	BERTH_ACTION_START,
	BERTH_ACTION_NETWORK_ALLOCATE, // of networks
	BERTH_ACTION_NETWORK_CONNECT,
	BERTH_ACTION_NETWORK_RELEASE,
	BERTH_ACTION_OPERATING_SYSTEM, // questions about the host
	BERTH_ACTION_OS_VERSION,
	BERTH_ACTION_SYSTEM_INFO,
	BERTH_ACTION_SYSTEM_VERSION,
	BERTH_ACTIONS
};
struct berth_metrics *berth_metrics_new(void);
void berth_metrics_free(struct berth_metrics *metrics);
void berth_engine__count_action(struct berth_engine *engine, enum berth_action action, int64_t began);
void berth_engine__count_health(struct berth_engine *engine, bool failed);

// stop.c. Stops a container that is not to be started again as long as this engine lives; its policy does not see it as
// stopped by hand. `timeout`: seconds at most, if it has no stop timeout of its own.
bool berth_engine__stop_for_good(struct berth_engine *engine, struct berth_engine_container *container, int64_t timeout,
				 GError **error);

// Whether a monitor's error says that its container has just ended.
bool berth_engine__has_ended(const GError *error);
// Has a container that is unhealthy end, so that its policy starts it again; waits for nothing. `operation` is held.
// *ret_timeout: seconds after which it is to be killed, by a second call; -1: never.
bool berth_engine__end_unhealthy(struct berth_engine *engine, struct berth_engine_container *container, bool kill,
				 int64_t *ret_timeout, GError **error);

// exit.c
// A container's process has ended; `operation` is held. Records it, tells it, and does what follows: removal,
// starting again. The run folder is cleared.
void berth_engine__exited(struct berth_engine *engine, struct berth_engine_container *container,
			  const struct berth_monitor_exit *exit);
// Waits until the container has ended more often than `exits`. False: not within `timeout` milliseconds (-1: for ever),
// or the engine closes.
bool berth_engine__wait_exit(struct berth_engine *engine, struct berth_engine_container *container, uint64_t exits,
			     int64_t timeout);
uint64_t berth_engine__exits(struct berth_engine *engine, struct berth_engine_container *container);
// Forgets that the policy would start it again. `operation` is held, the status is "restarting".
bool berth_engine__cancel_restart(struct berth_engine *engine, struct berth_engine_container *container,
				  GError **error);
// Starts it after its backoff, on a worker, unless it was changed meanwhile.
void berth_engine__plan_restart(struct berth_engine *engine, struct berth_engine_container *container);

// restart.c: Docker's rules. `ran`: nanoseconds that it was up.
#define BERTH_RESTART_FIRST_DELAY 100 // milliseconds, doubled each time
#define BERTH_RESTART_LONGEST_DELAY 60000
#define BERTH_RESTART_STEADY (10 * G_GINT64_CONSTANT(1000000000)) // nanoseconds up after which the delay begins anew
bool berth_engine__restart_wanted(const struct api_restart_policy *policy, const struct berth_container_state *state);
// Whether a running one is to be ended, and then started again, because it has become unhealthy: policy on-unhealthy.
bool berth_engine__restart_unhealthy(const struct api_restart_policy *policy,
				     const struct berth_container_state *state);
bool berth_engine__restart_at_boot(const struct api_restart_policy *policy, const struct berth_container_state *state);
int64_t berth_engine__restart_delay(int64_t last, int64_t ran);

// remains.c
// Removes what is left of a run: waits for the monitor's end, then removes cgroup and run folder. Nothing there is
// fine.
bool berth_engine__run_clear(struct berth_engine *engine, const char *id, const char *cgroup, GError **error);
char *berth_engine__cgroup_path(const struct berth_engine *engine, const struct api_host_config *host_config);
// Removes all that is left of a container that was marked as removed, its record last; on a worker.
void berth_engine__remains_clear_later(struct berth_engine *engine, const char *id, const char *cgroup,
				       const char *image);
bool berth_engine__remains_clear(struct berth_engine *engine, const char *id, const char *cgroup, const char *image,
				 GError **error);
// Waits for the end of the run's monitor and kills what it left of processes; what clears the run does so, too.
bool berth_engine__run_end(struct berth_engine *engine, const char *id, const char *cgroup, GError **error);
// Ends whatever container runs in the run folder and waits for it.
bool berth_engine__run_kill(struct berth_monitor *monitor, GError **error);

// recover.c
bool berth_engine__recover(struct berth_engine *engine, GError **error);
// What a run folder has, against what the record says.
enum berth_found {
	BERTH_FOUND_NOTHING, // no monitor and no exit.json
	BERTH_FOUND_EXIT, // exit.json
	BERTH_FOUND_CREATED, // a monitor whose container was not started
	BERTH_FOUND_RUNNING,
	BERTH_FOUND_PAUSED,
};
enum berth_recovery {
	BERTH_RECOVERY_NONE, // the record is right; the run folder, if there is one, is cleared
	BERTH_RECOVERY_EXITED, // it has ended while nobody looked
	BERTH_RECOVERY_UNDO, // a start that was not finished
	BERTH_RECOVERY_ADOPT, // it runs and the record says so
	BERTH_RECOVERY_RUNS, // it runs (or is paused) and the record does not say so
};
enum berth_recovery berth_engine__recovery_of(const char *status, enum berth_found found);

// attach.c
void berth_engine__pending_free(void *pending);
// Gives the clients that wait for the start to the monitor, before it starts the program.
void berth_engine__attach_pending(struct berth_engine *engine, struct berth_engine_container *container,
				  struct berth_monitor *monitor);
void berth_engine__drop_pending(struct berth_engine *engine, struct berth_engine_container *container);

// supervise.c: one thread that listens to all monitors.
struct berth_supervisor *berth_supervisor_new(struct berth_engine *engine, GError **error);
// Ends its thread: nothing is supervised any more, but still taken.
void berth_supervisor_stop(struct berth_supervisor *supervisor);
void berth_supervisor_free(struct berth_supervisor *supervisor);
// Takes over the monitor's connection and handles its events from now on; a monitor that is gone is one, too.
bool berth_supervisor_add(struct berth_supervisor *supervisor, struct berth_engine_container *container,
			  struct berth_monitor *monitor, GError **error);

// workers.c: threads that come when there is work and go when there is none.
struct berth_workers *berth_workers_new(unsigned most);
typedef void berth_work_fn(void *data, bool canceled); // canceled: only free `data`
// Runs `work` after `delay` milliseconds.
void berth_workers_add(struct berth_workers *workers, berth_work_fn *work, void *data, int64_t delay);
// Does what is due, cancels the rest, and waits for the threads.
void berth_workers_free(struct berth_workers *workers);

// inspect.c, network-settings.c: parts that list and inspect share. Under engine->lock.
GHashTable *berth_engine__endpoints(const struct berth_engine_container *container); // of api_endpoint_settings
GPtrArray *berth_engine__port_summaries(const struct berth_engine_container *container); // of api_port_summary
struct api_network_settings *berth_engine__network_settings(const struct berth_engine_container *container);
GPtrArray *berth_engine__mount_points(const struct berth_container_record *record); // of api_mount_point

// status.c: Docker's texts.
char *berth_engine__duration_text(int64_t nanoseconds); // "2 minutes"
// `health`: its status, or NULL.
char *berth_engine__status_text(const struct berth_container_state *state, const char *health, int64_t now);
// Until when that text is the same as now, if the state is.
int64_t berth_engine__status_until(const struct berth_container_state *state, int64_t now);
char *berth_engine__command_text(const struct api_container_config *config);

void berth_engine__cond_init(pthread_cond_t *cond); // by the monotonic clock
// Waits until `deadline` (monotonic microseconds; -1: for ever). False: it has passed.
bool berth_engine__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);
