// SPDX-License-Identifier: Apache-2.0
// Inside berth-runtime: what its commands share. Each command is one function that gets its own arguments and returns
// the exit status; failures are returned as errors, which main prints and logs in one place.
#pragma once

#include "base/flags.h"
#include "runtime/container.h"
#include "runtime/state.h"

#include <glib.h>
#include <stdbool.h>

enum runtime_log_level { RUNTIME_LOG_ERROR, RUNTIME_LOG_WARNING, RUNTIME_LOG_DEBUG };

enum runtime_log_kind { RUNTIME_LOG_FILE, RUNTIME_LOG_JOURNAL, RUNTIME_LOG_SYSLOG };

struct runtime_log {
	int fd; // -1: standard error
	enum runtime_log_kind kind;
	enum runtime_log_level level; // the last that is said
	bool json;
	char *name; // of the sender, or of the file
};

struct runtime_program {
	struct berth_runtime runtime;
	bool rootless; // containers without a user namespace get one
	struct runtime_log log;
	const char *criu; // the program; NULL: the first in $PATH
};

struct runtime_command {
	const char *name;
	const char *arguments; // as help shows them
	const char *help;
	const struct berth_flag *flags; // NULL: none
	size_t options_size;
	unsigned least, most; // arguments
	// Returns the exit status, or -1 with *error.
	int (*run)(struct runtime_program *program, const void *options, char *const *arguments, GError **error);
	bool in_order; // the first argument ends the flags
	int failure; // exit status when it fails; 0: 1
};

extern const struct runtime_command runtime_command_create, runtime_command_run, runtime_command_start;
extern const struct runtime_command runtime_command_exec;
extern const struct runtime_command runtime_command_state, runtime_command_kill, runtime_command_delete,
	runtime_command_list, runtime_command_ps, runtime_command_pause, runtime_command_resume, runtime_command_update,
	runtime_command_spec, runtime_command_features, runtime_command_events, runtime_command_mounts;
extern const struct runtime_command runtime_command_checkpoint, runtime_command_restore;

// runtime-commands.c
struct berth_container *runtime_load(struct runtime_program *program, const char *id, GError **error);
int runtime_print_json(const json_t *json); // returns 0

// runtime-log.c. `target` is a path, file:PATH, journald:NAME or syslog:NAME; NULL: standard error.
bool runtime_log_open(struct runtime_log *log, const char *target, const char *format, const char *level, bool debug,
		      GError **error);
void runtime_log_close(struct runtime_log *log);
void runtime_log(const struct runtime_program *program, enum runtime_log_level level, const char *message);

// runtime-process.c: what create, run and exec share.
struct runtime_handover {
	char *console_socket, *pidfd_socket, *pid_file; // NULL or "": not wanted
};
int runtime_listen_fds(void); // how many descriptors the caller got by socket activation
void runtime_tell_listen_fds(struct oci_process *process, int count);
// Makes its terminal as large as ours before it runs; unless it says itself how large that is.
void runtime_fit_terminal(struct oci_process *process);
// A terminal needs somebody who holds its master.
bool runtime_check_terminal(bool terminal, bool detach, const struct runtime_handover *to, GError **error);
// Sends the console and the pidfd, with `kind` as its word ("standard", "setns"), and writes the pid file last.
bool runtime_hand_over(const struct runtime_handover *to, const char *kind, pid_t pid, int pidfd, int console,
		       GError **error);

// runtime-notify.c
struct runtime_notify {
	int socket; // the container's; -1: nobody waits
	const char *host;
	pid_t main_pid; // told to the host; 0: it knows
};
// Gives the container a NOTIFY_SOCKET if the caller has one. False: it has none.
bool runtime_notify_prepare(const struct runtime_program *program, const char *id, struct oci_config *config);
// Makes the socket, before the container is started; the rest is for when that is done.
bool runtime_notify_open(const struct runtime_program *program, const char *id, struct runtime_notify *notify,
			 GError **error);
bool runtime_notify_read(struct runtime_notify *notify); // one message; true: it was ready, and nobody waits any more
void runtime_notify_wait(struct runtime_notify *notify, int pidfd); // until it is ready or has ended

// runtime-wait.c: the life of a process in the foreground. Signals are blocked before it is created, and then passed
// on to it; with a console the caller's terminal is connected to it.
// With `subreaper` those whose parents have ended become our children, and are reaped, too.
bool runtime_wait_prepare(bool subreaper, GError **error);
struct runtime_child {
	int pidfd;
	int console; // the terminal's master, or -1
	struct runtime_notify *notify; // or NULL
};
// Waits for the child's end and reaps it; returns its status as a shell has it.
int runtime_wait(const struct runtime_child *child, GError **error);

// runtime-create.c: a container from a checkpoint, and if it is not detached, its life up to its end.
struct runtime_restore {
	char *bundle, *console_socket, *pid_file;
	bool no_pivot, detach, keep, no_subreaper;
};
int runtime_restore(struct runtime_program *program, const struct runtime_restore *restore, const char *id,
		    const struct berth_checkpoint *checkpoint, GError **error);
