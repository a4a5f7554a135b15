// SPDX-License-Identifier: Apache-2.0
// The monitor's protocol, version 1.
//
// The monitor listens on `monitor.sock` (SOCK_SEQPACKET, mode 0600) in the container's run folder and serves peers
// whose uid is 0 or its own. A packet is one JSON object of at most BERTH_LIMIT_PACKET bytes, with up to
// BERTH_LIMIT_PACKET_FDS descriptors.
//
//	monitor  {"hello":1,"version":"0.1.0"}              the first packet on every connection
//	client   {"request":"signal","signal":15}           one request, then its answer, in order
//	monitor  {"answer":"signal"}                        it was done; fields of the answer stand beside
//	monitor  {"error":"not-found","message":"…"}        it was not
//	monitor  {"event":"exited","exit":{…}}              only after `watch`
//
// request   fields                                  descriptors  fields of the answer
// start     -                                       -            pid
// signal    signal, all                             -            -
// resize    width, height                           -            -
// attach    in, out, err, frames, keys              the socket   -
// attach-log as attach                              the socket   -; the client gets all that is logged first
// freeze    -                                       -            -
// thaw      -                                       -            -
// stat      -                                       -            status: an object
// pids      -                                       -            pids: an array of integers
// resolve   resolver: an object                     UDP and TCP, -
//                                                   or none: as
//                                                   before
// update    resources: OCI's linux.resources       -            -
// checkpoint images: a path, leaveRunning          -            -; without leaveRunning the container ends
// exec      exec, about, init, privileged, out, err its process  pid
//           in, frames, keys                        document,
//                                                   the socket
//                                                   or none
// exec-resize  exec, width, height                  -            -
// exec-stat exec                                    -            exec: an object
// exec-list -                                       -            -; a descriptor: an array of such objects
// health    -                                       -            -; a descriptor: the health as spec/health.h has it
// watch     -                                       -            -; from here on the connection gives events only
//
// The connection that the one who spawned the monitor holds carries, after the hello, the answer to a request `create`
// that is never sent: {"answer":"create","pid":…}, or the error, after which the monitor ends.
//
// An exec is a further process in the container, named by the client. `about` is kept and told again as it is. `init`
// is the pid that the client took the container's init for (whose root it looked into, say): another one is a conflict.
// The process document has what is not as the container's own process has it: args, env, cwd, user, terminal. Those
// that have ended are told of for a while.
//
// A health check (settings) tells `probe` when its program was executed (exec), and `health` when that has ended (exec,
// health: with the last result alone). Who does not read misses some of these, but none with a new status.
//
// Events: `exec-exited` and `exec-detached` (exec: an object), `oom` (before `exited`, when a process of the container
// was killed for want of memory), `detached`, `exited` (the last one; exit.json is written before).
//
// What must stay true, because a monitor lives as long as its container and may be two releases older than the engine:
// a request's meaning never changes, a new meaning gets a new name; new fields are optional on both sides and unknown
// ones are ignored. An unknown request is answered with the error not-implemented, a request whose fields are wrong
// with invalid; a packet that is no request at all closes that connection and harms no other.
#pragma once

#include "monitor/client.h"
#include "spec/oci-runtime.h"

#define BERTH_MONITOR_PROTOCOL 1
#define BERTH_MONITOR_SOCKET "monitor.sock"
#define BERTH_MONITOR_SETTINGS "monitor.json"
#define BERTH_MONITOR_EXIT "exit.json"
// The second character of the blank id of a monitor that waits for its container: it makes no network namespace.
#define BERTH_MONITOR_WITHOUT_NETWORK '-'

// The descriptors with which a monitor is started, at fixed numbers.
enum berth_monitor_descriptor {
	BERTH_MONITOR_FD_LISTEN = 3,
	BERTH_MONITOR_FD_ORDER = 3, // the only one of a monitor that waits for its container: spare.c
	BERTH_MONITOR_FD_FOLDER, // the run folder, under an exclusive flock for as long as the container exists
	BERTH_MONITOR_FD_CONNECTION, // to the one who spawned it
	BERTH_MONITOR_FD_ROOTFS, // /dev/null if there is none
	BERTH_MONITOR_FD_END,
	BERTH_MONITOR_FD_PROGRAM = BERTH_MONITOR_FD_END, // what it was executed through, if it was by descriptor
};

enum berth_monitor_verb {
	BERTH_MONITOR_START,
	BERTH_MONITOR_SIGNAL,
	BERTH_MONITOR_RESIZE,
	BERTH_MONITOR_ATTACH,
	BERTH_MONITOR_ATTACH_LOG,
	BERTH_MONITOR_FREEZE,
	BERTH_MONITOR_THAW,
	BERTH_MONITOR_STAT,
	BERTH_MONITOR_PIDS,
	BERTH_MONITOR_RESOLVE,
	BERTH_MONITOR_UPDATE,
	BERTH_MONITOR_CHECKPOINT,
	BERTH_MONITOR_EXEC,
	BERTH_MONITOR_EXEC_RESIZE,
	BERTH_MONITOR_EXEC_STAT,
	BERTH_MONITOR_EXEC_LIST,
	BERTH_MONITOR_HEALTH,
	BERTH_MONITOR_WATCH,
	BERTH_MONITOR_VERBS,
};

// The fields of all requests; each request has some of them.
struct berth_monitor_request {
	char *request;
	int64_t signal;
	bool all;
	int64_t width, height;
	bool in, out, err, frames;
	char *keys;
	struct berth_monitor_resolver *resolver;
	struct oci_resources *resources;
	char *exec;
	json_t *about;
	int64_t init;
	bool privileged;
	char *images;
	bool leave_running, empty_network;
};
typedef struct berth_monitor_request berth_monitor_request;
void berth_monitor_request_free(struct berth_monitor_request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_monitor_request, berth_monitor_request_free)

// Everything that the monitor says; absent fields are NULL and 0.
struct berth_monitor_reply {
	int64_t hello;
	char *version;
	char *answer;
	char *error, *message;
	char *event;
	int64_t pid;
	struct berth_monitor_status *status;
	json_t *pids;
	struct berth_monitor_exit *exit;
	struct berth_monitor_exec *exec;
	struct berth_health *health;
	int sent; // a descriptor that goes with it; 0: none. Whoever made it closes it
};
extern const struct berth_document berth_monitor_reply_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_reply, berth_monitor_reply_document)

const char *berth_monitor_verb_name(enum berth_monitor_verb verb);

// Checks a packet whole: text, name, fields, their ranges, the number of descriptors. Returns the request, which the
// caller frees, and its verb. NULL with *ret_malformed if it is no request at all; else the error is the answer.
struct berth_monitor_request *berth_monitor_request_parse(const char *text, size_t length, size_t fd_count,
							  enum berth_monitor_verb *ret_verb, bool *ret_malformed,
							  GError **error);

// The request as a packet's text, which the caller frees.
char *berth_monitor_request_text(enum berth_monitor_verb verb, const struct berth_monitor_request *request);

// The error that a reply with `error` stands for. Always false.
bool berth_monitor_reply_error(const struct berth_monitor_reply *reply, GError **error);
