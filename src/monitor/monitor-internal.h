// SPDX-License-Identifier: Apache-2.0
// What monitor.c (the container and its life) and monitor-exec.c (what runs besides in it) share.
#pragma once

#include "monitor/exec.h"
#include "monitor/health.h"
#include "monitor/loop.h"
#include "monitor/protocol.h"
#include "monitor/server.h"
#include "monitor/streams.h"
#include "runtime/container.h"

struct monitor {
	const char *id, *run_folder;
	int network; // a network namespace for its container; -1: none, or it has it
	int folder;
	struct berth_monitor_settings *settings;
	struct berth_runtime runtime;
	struct berth_container *container;
	struct berth_log_output *log;
	struct berth_loop loop;
	struct berth_streams *streams;
	struct berth_server *server;
	struct berth_resolver *resolver; // NULL: nobody asked for one
	struct berth_execs *execs; // NULL: there was none
	char *buffer; // of all streams
	struct berth_source init; // its pidfd
	struct berth_source linger;
	pid_t pid;
	int64_t started_at;
	int failed_start; // the exit code if the program could not be executed; 0: it was
	bool own_pids; // the container has a pid namespace of its own: all its processes end with init
	struct berth_prober *prober; // NULL: its health is not checked
	bool over, given_up;
	struct berth_monitor_exit exit;
};

// monitor-checkpoint.c. Creates the container, or restores it, as the settings say.
bool berth_monitor__make(struct monitor *monitor, const struct oci_config *config, struct berth_create *create,
			 GError **error);

// monitor-exec.c, monitor-checkpoint.c. Requests, as handle() in monitor.c calls them.
typedef bool berth_monitor_handler(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
				   struct berth_monitor_reply *reply, GError **error);
berth_monitor_handler berth_monitor__checkpoint, berth_monitor__exec, berth_monitor__exec_resize,
	berth_monitor__exec_stat, berth_monitor__exec_list, berth_monitor__health;
// Begins to check the container's health, if its settings ask for it.
void berth_monitor__probe(struct monitor *monitor);
