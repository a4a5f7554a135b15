// SPDX-License-Identifier: Apache-2.0
// Execs: what the engine's files share of them. An instance is made by the API, started once, and known for a while
// after its end. The engine keeps instances in memory; one that was started is known to its container's monitor, too,
// which a new engine learns it from. One that was not started is gone with the engine that it was made by.
#pragma once

#include "engine/internal.h"
#include "spec/api-exec.h"

enum berth_exec_state { BERTH_EXEC_CREATED, BERTH_EXEC_STARTING, BERTH_EXEC_RUNNING, BERTH_EXEC_ENDED };

struct berth_engine_exec {
	unsigned references; // atomic
	char *id;
	struct berth_engine_container *container;
	struct api_exec_config *config; // never changes

	// under engine->lock; container->changed tells of changes
	enum berth_exec_state state;
	int64_t pid; // 0: it was never started
	int64_t exit_code;
	int64_t moment; // monotonic microseconds: when it came to be, or ended
};
typedef struct berth_engine_exec berth_engine_exec;
struct berth_engine_exec *berth_engine__exec_ref(struct berth_engine_exec *exec);
void berth_engine__exec_unref(struct berth_engine_exec *exec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_engine_exec, berth_engine__exec_unref)

// A new reference to one whose container can run it now. NOT_FOUND, CONFLICT. engine->lock is not held.
struct berth_engine_exec *berth_engine__exec_find(struct berth_engine *engine, const char *id, GError **error);
// Notes that it runs, or how it ended; once it has, nothing changes any more. True if that was new.
bool berth_engine__exec_started(struct berth_engine *engine, struct berth_engine_exec *exec, int64_t pid);
bool berth_engine__exec_ended(struct berth_engine *engine, struct berth_engine_exec *exec, int64_t exit_code);
// An event of it, "exec_start: sh -c true"; further attributes as for berth_engine__event_add().
bool berth_engine__exec_tell(struct berth_engine *engine, const struct berth_engine_exec *exec, const char *action,
			     const char *name, const char *value, GError **error);

// One that an earlier engine made. NULL: it is known already.
struct berth_engine_exec *berth_engine__exec_learn(struct berth_engine *engine,
						   struct berth_engine_container *container, const char *id,
						   const struct api_exec_config *config);

struct berth_exec_table *berth_exec_table_new(void);
void berth_exec_table_free(struct berth_exec_table *table);

// The ids of those that were made and have not ended, as inspect shows them: NULL if there is none. engine->lock is
// held.
char **berth_engine__exec_ids(struct berth_engine *engine, const struct berth_engine_container *container);

// What the container's monitor told: an end (`exited`), or that a client left by its keys.
void berth_engine__exec_told(struct berth_engine *engine, struct berth_engine_container *container,
			     const struct berth_monitor_exec *told, bool exited);

// The container is removed: so are its execs. engine->lock is held.
void berth_engine__execs_forget(struct berth_engine *engine, struct berth_engine_container *container);

// The container has ended, and with it all that ran in it.
void berth_engine__execs_ended(struct berth_engine *engine, struct berth_engine_container *container);

// Learns from the monitor of a container that was found again what runs in it and what has ended meanwhile.
void berth_engine__execs_adopt(struct berth_engine *engine, struct berth_engine_container *container,
			       struct berth_monitor *monitor);
