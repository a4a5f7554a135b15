// SPDX-License-Identifier: Apache-2.0
// The engine's side of the monitor: starts one, talks to it, finds it again after a restart. The protocol is described
// at the head of monitor/protocol.h.
//
// A connection serves one thread at a time. Requests are answered in order; a connection on which berth_monitor_watch()
// was called gives events only.
#pragma once

#include "spec/health.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Where a container's output is sent to: the drivers syslog, journald and fluentd. All names were looked up.
struct berth_monitor_log_target {
	char *driver;
	char *address; // "unix:PATH", "unixgram:PATH", "tcp:ADDRESS:PORT", "udp:ADDRESS:PORT"; syslog: "" is this
		       // host's
	char *id, *name, *image; // the container's full id, its name as the driver shows it, the image's
	char *tag, *hostname;
	GHashTable *fields; // further ones, of journald and fluentd
	int64_t facility; // syslog's number
	char *format; // of syslog: "", rfc3164, rfc5424, rfc5424micro
	// of fluentd
	bool async; // connected to in the background, and the container never waits for it
	int64_t buffer_limit; // lines that wait then, at most
	int64_t retry_wait; // milliseconds before the second try
	int64_t max_retries;
	bool sub_second, request_ack;
};
extern const struct berth_document berth_monitor_log_target_document;

// How a monitor is to treat its container; written to <run folder>/monitor.json, read by the monitor at its start.
struct berth_monitor_settings {
	char *id; // the container's, 64 hex digits
	char *log_path; // of the log's files; NULL or "": none
	char *log_format; // of them: json-file (also if nothing is said) or local
	int64_t log_max_size; // bytes; the log is rotated when it would exceed them; -1: never
	int64_t log_max_file; // files kept, the current one included; at least 1
	bool log_compress; // rotated files by gzip: <log>.1.gz is the newest
	char *log_attributes; // of every record of json-file: a JSON object as text
	bool log_never_waits; // mode non-blocking: the container does not wait for its log
	int64_t log_buffer; // bytes that wait for it then, at most
	struct berth_monitor_log_target *log_target; // who gets what is logged, too; NULL: nobody
	bool open_stdin; // the container's stdin is kept open for clients; else it is /dev/null
	bool stdin_once; // and is closed when the first client that attached it has closed its sending side
	int64_t console_width, console_height; // of a terminal at the start; 0: unknown
	char *cache_root; // for compiled seccomp programs
	char *state_root; // the OCI states' folder; the run folder's parent
	struct berth_health_check *health; // NULL: it is not checked
	char *images; // of a checkpoint that it is restored from, in place of being created; NULL: it is created
	bool empty_network; // with `images`: its network namespace comes without what was in it
};
extern const struct berth_document berth_monitor_settings_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_settings, berth_monitor_settings_document)

// How the container ended: <run folder>/exit.json, written before the event `exited` is sent. The run folder is gone
// after a reboot, so it need not outlive the machine: it is not synced.
struct berth_monitor_exit {
	int64_t exit_code; // 0-255; 128 + signal when a signal ended it
	int64_t signal; // 0: it exited by itself
	bool oom_killed; // the kernel killed one of its processes for want of memory
	int64_t exited_at; // nanoseconds since 1970
};
extern const struct berth_document berth_monitor_exit_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_exit, berth_monitor_exit_document)

struct berth_monitor;

// A monitor that is executed already and waits for its container: the next start need not wait for that. It belongs to
// its engine until it is given a container, and ends with it. For any thread.
struct berth_monitor_spare;
// None is there at first. `program` and `program_fd` as in struct berth_monitor_launch; `folders` is the folder of run
// folders. All are borrowed.
struct berth_monitor_spare *berth_monitor_spare_new(const char *program, int program_fd, const char *folders);
// Starts one unless one waits, with a network namespace made for its container or without. That it cannot be started
// shows when a container's own is.
void berth_monitor_spare_fill(struct berth_monitor_spare *spare, bool network);
void berth_monitor_spare_free(struct berth_monitor_spare *spare);

struct berth_monitor_launch {
	const char *program; // of berth-monitor
	int program_fd; // of berth_self_clone(program), which saves the monitor from doing so; -1: none
	int run_folder_fd; // holds config.json (OCI) already; gets monitor.json, monitor.sock and later exit.json
	const char *run_folder; // its path, which is the OCI bundle
	const struct berth_monitor_settings *settings;
	int rootfs_fd; // a detached mount for the root; the caller keeps its own. -1: config.json's root.path
	struct berth_monitor_spare *spare; // is used if one waits; NULL: none
};

// Starts a monitor, which creates its container at once; returns when the container is created and waits for
// berth_monitor_start(). On failure (the error is the runtime's) nothing is left of either. The monitor does not belong
// to the caller: it goes on when the caller ends.
struct berth_monitor *berth_monitor_spawn(const struct berth_monitor_launch *launch, GError **error);

// The container's init process, of a monitor that was spawned through this object; 0: it was not.
pid_t berth_monitor_pid(const struct berth_monitor *monitor);

// Connects to a running one. BERTH_ERROR_UNAVAILABLE: no monitor listens there (its exit.json tells how it ended, if it
// could still write it).
struct berth_monitor *berth_monitor_connect(int run_folder_fd, GError **error);

// How the container ended, from exit.json. BERTH_ERROR_NOT_FOUND while it has not.
struct berth_monitor_exit *berth_monitor_read_exit(int run_folder_fd, GError **error);

// Lets the program start. The runtime's error if it cannot be executed; the container is then stopped, and `exited`
// follows. *ret_pid is init's.
bool berth_monitor_start(struct berth_monitor *monitor, pid_t *ret_pid, GError **error);

bool berth_monitor_signal(struct berth_monitor *monitor, int signal, bool all, GError **error);
bool berth_monitor_freeze(struct berth_monitor *monitor, GError **error);
bool berth_monitor_thaw(struct berth_monitor *monitor, GError **error);
bool berth_monitor_resize(struct berth_monitor *monitor, unsigned width, unsigned height, GError **error);

struct berth_monitor_attach {
	bool in, out, err; // which streams
	bool frames; // Docker's 8-byte frames around stdout and stderr; raw otherwise (as for a terminal)
	const char *detach_keys; // "ctrl-p,ctrl-q"; NULL or "": none. Looked for only with a terminal
	bool log; // all that was logged first; BERTH_ERROR_NOT_IMPLEMENTED: a monitor of before it could do that
};
// Gives the client's own socket to the monitor, which writes output to it and reads input from it from now on; the
// caller closes its copy. May be called before start: then nothing of the output is missed. At the container's end the
// monitor sends what is left, shuts its sending side and closes. The socket may be any stream socket, blocking or not.
bool berth_monitor_attach(struct berth_monitor *monitor, int socket, const struct berth_monitor_attach *attach,
			  GError **error);

// A further process in the container. Its standard streams are the client's, as far as `attach` says, who gives its
// socket; what is not joined is /dev/null, or goes nowhere from a terminal. The end of the client's input closes the
// process's; a client that goes away does not end it.
struct berth_monitor_exec_start {
	const char *id; // chosen by the caller
	const char *process; // JSON of the OCI process; what is not in it is as the container's own process has it
	const json_t *about; // told again by _stat and _list; may be NULL
	bool privileged; // with all capabilities
	pid_t init; // the container's init, where the caller relies on it; 0: any
	int socket; // -1: nobody is joined
	struct berth_monitor_attach attach;
};
// Returns when its program was executed, or with the runtime's error. BERTH_ERROR_NOT_IMPLEMENTED: a monitor of before
// there were execs. BERTH_ERROR_RESOURCE_EXHAUSTED: more than BERTH_LIMIT_EXECS.
bool berth_monitor_exec_begin(struct berth_monitor *monitor, const struct berth_monitor_exec_start *start,
			      pid_t *ret_pid, GError **error);
bool berth_monitor_exec_resize(struct berth_monitor *monitor, const char *id, unsigned width, unsigned height,
			       GError **error);

struct berth_monitor_exec {
	char *id;
	int64_t pid;
	bool running;
	int64_t exit_code; // 128 + signal when a signal ended it
	int64_t exited_at; // nanoseconds since 1970
	json_t *about;
};
extern const struct berth_document berth_monitor_exec_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_exec, berth_monitor_exec_document)
// One of them, without `about`; or all that run, and the last that have ended. NOT_FOUND: it does not know that one.
struct berth_monitor_exec *berth_monitor_exec_stat(struct berth_monitor *monitor, const char *id, GError **error);
GPtrArray *berth_monitor_exec_list(struct berth_monitor *monitor, GError **error); // with a free function

// The container's health, with the last results. NOT_FOUND: it is not checked.
struct berth_health *berth_monitor_health(struct berth_monitor *monitor, GError **error);

// What 127.0.0.11 answers in the container.
struct berth_monitor_resolver {
	char **names; // paths of names files (spec/names.h), in the order in which they are asked; read anew as they
		      // change
	GHashTable *aliases; // of links: alias -> name, in this container only; NULL: none
	char **servers; // addresses of who is asked for other names, from the monitor's network namespace (the host's);
			// NULL or empty: those of the host's /etc/resolv.conf, followed as it changes
	bool forward; // false: nobody is, as on an internal network
};
extern const struct berth_document berth_monitor_resolver_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_resolver, berth_monitor_resolver_document)
// Takes the place of what was said before. `udp` and `tcp` (berth_sandbox_resolver()) are given the first time, -1
// afterwards; the caller closes its copies. The monitor answers until the container has ended, with or without engine.
// BERTH_ERROR_INVALID: a server that is no address, more than the limits (base/limits.h, DNS), no sockets yet.
// BERTH_ERROR_NOT_IMPLEMENTED: a monitor of before there were names.
bool berth_monitor_resolve(struct berth_monitor *monitor, const struct berth_monitor_resolver *resolver, int udp,
			   int tcp, GError **error);

struct oci_resources;
// Changes the limits of the container; what is not set in `resources` stays as it is. BERTH_ERROR_NOT_IMPLEMENTED: a
// monitor of before that.
// Writes the container's processes into the folder `images`. Unless they are left running, the container ends.
bool berth_monitor_checkpoint(struct berth_monitor *monitor, const char *images, bool leave_running, bool empty_network,
			      GError **error);

bool berth_monitor_update(struct berth_monitor *monitor, const struct oci_resources *resources, GError **error);

struct berth_monitor_status {
	char *status; // created running paused stopped
	int64_t pid; // 0 when stopped
	int64_t started_at; // nanoseconds since 1970; 0: not yet
	int64_t attached; // clients
	int64_t log_lost; // lines that a log that must not be waited for has left out
	char *version; // of the monitor's program
	char *health; // its status; NULL: it is not checked
};
extern const struct berth_document berth_monitor_status_document;
BERTH_DOCUMENT_AUTOPTR(berth_monitor_status, berth_monitor_status_document)
struct berth_monitor_status *berth_monitor_stat(struct berth_monitor *monitor, GError **error);

// Pids of the container's processes, a new GArray of pid_t.
GArray *berth_monitor_pids(struct berth_monitor *monitor, GError **error);

// From now on this connection gives events: poll berth_monitor_fd(), then berth_monitor_next_event(). If the container
// has ended before, `exited` comes at once.
bool berth_monitor_watch(struct berth_monitor *monitor, GError **error);
int berth_monitor_fd(const struct berth_monitor *monitor); // borrowed

enum berth_monitor_event_type {
	BERTH_MONITOR_OOM, // a process was killed for want of memory
	BERTH_MONITOR_DETACHED, // a client detached by its keys
	BERTH_MONITOR_EXEC_EXITED, // `exec` is set
	BERTH_MONITOR_EXEC_DETACHED,
	BERTH_MONITOR_PROBE, // of a health check was executed: `exec`
	BERTH_MONITOR_HEALTH_RESULT, // `health`, with the last result; `exec`, unless it could not be executed
	BERTH_MONITOR_EXITED, // the container ended; `exit` is set; the last event
	BERTH_MONITOR_GONE, // the connection closed without `exited`: the monitor died, read exit.json
};
struct berth_monitor_event {
	enum berth_monitor_event_type type;
	struct berth_monitor_exit exit;
	struct berth_monitor_exec *exec; // the caller frees these
	struct berth_health *health;
};
// Takes the next event; waits for it if none is there. False only for a broken protocol.
bool berth_monitor_next_event(struct berth_monitor *monitor, struct berth_monitor_event *ret, GError **error);

void berth_monitor_free(struct berth_monitor *monitor); // closes the connection; the monitor goes on
typedef struct berth_monitor berth_monitor;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_monitor, berth_monitor_free)
