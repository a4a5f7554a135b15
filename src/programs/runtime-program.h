// SPDX-License-Identifier: Apache-2.0
// Inside berth-runtime: what its commands share. Each command is one function that gets its own arguments and returns
// the exit status; failures are returned as errors, which main prints and logs in one place.
#pragma once

#include "base/flags.h"
#include "runtime/container.h"

#include <glib.h>
#include <stdbool.h>

struct runtime_program {
	struct berth_runtime runtime;
	int log; // where --log goes; -1: standard error
	bool log_json, debug;
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
	runtime_command_spec, runtime_command_features;

// "error", "warning" or "debug"; the latter only with --debug.
void runtime_log(const struct runtime_program *program, const char *level, const char *message);

// runtime-process.c: what create, run and exec share.
struct runtime_handover {
	char *console_socket, *pidfd_socket, *pid_file; // NULL or "": not wanted
};
int runtime_listen_fds(void); // how many descriptors the caller got by socket activation
void runtime_tell_listen_fds(struct oci_process *process, int count);
// A terminal needs somebody who holds its master.
bool runtime_check_terminal(bool terminal, bool detach, const struct runtime_handover *to, GError **error);
// Sends the console and the pidfd, with `kind` as its word ("standard", "setns"), and writes the pid file last.
bool runtime_hand_over(const struct runtime_handover *to, const char *kind, pid_t pid, int pidfd, int console,
		       GError **error);

// runtime-wait.c: the life of a process in the foreground. Signals are blocked before it is created, and then passed
// on to it; with a console the caller's terminal is connected to it.
void runtime_wait_prepare(void);
// Waits for the child's end and reaps it; returns its status as a shell has it. `console` is the terminal's master, or
// -1.
int runtime_wait(int pidfd, int console, GError **error);
