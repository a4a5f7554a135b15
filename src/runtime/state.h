// SPDX-License-Identifier: Apache-2.0
// What the runtime remembers of a container: <state_root>/<id>/state.json, written whole and renamed into place. The
// folder may hold other things of the container's owner; the runtime's own are state.json, state.lock and start.sock,
// which is there from create to start. Operations that change a container hold a lock on state.lock: the folder itself
// may be locked by its owner. exec.json and seccomp.bpf hold what a further process needs (exec-record.h).
#pragma once

#include "runtime/container.h"
#include "runtime/intel-rdt.h"

#include <glib.h>
#include <stdbool.h>

#define BERTH_STATE_FILE "state.json"
#define BERTH_STATE_LOCK "state.lock"
#define BERTH_START_SOCKET "start.sock"
#define BERTH_STATE_EXEC "exec.json" // exec-record.h
#define BERTH_STATE_FILTER "seccomp.bpf"
#define BERTH_STATE_NOTIFY "notify" // struct berth_create
#define BERTH_STATE_NOTIFY_SOCKET "notify/notify.sock"
#define BERTH_STATE_VERSION 1

// A network interface of the host that was moved into the container.
struct berth_record_net_device {
	char *outer, *inner; // its names
	int64_t index; // its number inside; 0: not yet known
	bool up; // it was, outside
	bool taken;
};
extern const struct berth_document berth_record_net_device_document;

struct berth_record {
	int64_t version; // of this format
	char *id;
	char *bundle;
	char *rootfs; // NULL: the creator gave a mount
	char *created; // RFC 3339
	char *cgroup; // NULL: none
	char *unit; // the scope of systemd that the group belongs to; NULL: none
	bool user_unit; // of the user's manager
	int64_t pid; // 0: still being created
	uint64_t start_time; // of the pid: sys/process.h
	GHashTable *annotations;
	struct oci_hooks *hooks;
	GPtrArray *net_devices; // of struct berth_record_net_device; NULL: none
	char *network; // the path of its network namespace, if it has net_devices and joined one
	struct berth_rdt *rdt; // its class of service; NULL: its creator's
	char *listener_path, *listener_metadata; // who gets the listeners of seccomp filters; NULL: none are made
	char **binds; // destinations of mounts that come from the host
	char **joined; // namespaces that are others', by their names in /proc
};
extern const struct berth_document berth_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_record, berth_record_document)

// Opens the container's folder; makes it (and the root) when `make`. -1 on failure, BERTH_ERROR_NOT_FOUND: there is no
// such container.
int berth_state_open(const struct berth_runtime *runtime, const char *id, bool make, GError **error);
// Takes the lock, waiting for other operations, and returns the descriptor that holds it. -1 on failure,
// BERTH_ERROR_NOT_FOUND: the container was deleted.
int berth_state_lock(int folder, const char *id, bool make, GError **error);
// Whether an operation holds the lock now.
bool berth_state_locked(int folder);

struct berth_record *berth_state_read(int folder, const char *id, GError **error);
bool berth_state_write(int folder, const struct berth_record *record, GError **error);
bool berth_state_exists(int folder);
// Removes the runtime's files, and the folder if nothing else is in it.
bool berth_state_remove(const struct berth_runtime *runtime, int folder, const char *id, GError **error);
