// SPDX-License-Identifier: Apache-2.0
// Requests and events of what runs in the container besides its own process: execs, and probes of its health.
#include "monitor/monitor-internal.h"

#include "base/error.h"

static void tell_exec(struct monitor *monitor, const char *event, const struct berth_monitor_exec *exec)
{
	struct berth_monitor_exec short_one = *exec;

	short_one.about = NULL;
	berth_server_tell(monitor->server, &(struct berth_monitor_reply){.event = (char *) event, .exec = &short_one},
			  false);
}

static void exec_ended(void *data, const struct berth_monitor_exec *exec)
{
	tell_exec(data, "exec-exited", exec);
}

static void exec_detached(void *data, const struct berth_monitor_exec *exec)
{
	tell_exec(data, "exec-detached", exec);
}

bool berth_monitor__exec(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			 struct berth_monitor_reply *reply, GError **error)
{
	const struct berth_execs_setup setup = {
		.loop = &monitor->loop,
		.container = monitor->container,
		.buffer = monitor->buffer,
		.ended = exec_ended,
		.detached = exec_detached,
		.data = monitor,
	};
	pid_t pid = 0;

	if (!monitor->started_at)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running", monitor->id);
	if (!monitor->execs)
		monitor->execs = berth_execs_new(&setup);
	bool started = berth_execs_start(monitor->execs, request, fds, &pid, error);
	reply->pid = pid;
	return started;
}

bool berth_monitor__exec_resize(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
				struct berth_monitor_reply *reply, GError **error)
{
	(void) fds;
	(void) reply;
	return berth_execs_resize(monitor->execs, request, error);
}

bool berth_monitor__exec_stat(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			      struct berth_monitor_reply *reply, GError **error)
{
	const struct berth_monitor_exec *exec = berth_execs_stat(monitor->execs, request->exec, error);
	(void) fds;

	if (!exec)
		return false;
	reply->exec = berth_document_new(&berth_monitor_exec_document);
	*reply->exec = *exec;
	reply->exec->id = g_strdup(exec->id);
	reply->exec->about = NULL;
	return true;
}

bool berth_monitor__exec_list(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			      struct berth_monitor_reply *reply, GError **error)
{
	int file = berth_execs_list(monitor->execs, error);
	(void) request;
	(void) fds;

	reply->sent = MAX(file, 0);
	return file >= 0;
}

// Health

static void probe_began(void *data, const struct berth_monitor_exec *exec)
{
	struct monitor *monitor = data;
	const struct berth_monitor_reply reply = {.event = (char *) "probe",
						  .exec = (struct berth_monitor_exec *) exec};

	berth_server_tell(monitor->server, &reply, true);
}

static void probe_ended(void *data, const struct berth_monitor_exec *exec, const struct berth_health *health,
			bool changed)
{
	struct monitor *monitor = data;
	struct berth_health told = *health;
	const struct berth_monitor_reply reply = {
		.event = (char *) "health", .exec = (struct berth_monitor_exec *) exec, .health = &told};

	told.log = g_ptr_array_new();
	g_ptr_array_add(told.log, health->log->pdata[health->log->len - 1]);
	berth_server_tell(monitor->server, &reply, !changed);
	g_ptr_array_unref(told.log);
}

void berth_monitor__probe(struct monitor *monitor)
{
	const struct berth_prober_setup setup = {
		.loop = &monitor->loop,
		.container = monitor->container,
		.check = monitor->settings->health,
		.started_at = monitor->started_at,
		.began = probe_began,
		.ended = probe_ended,
		.data = monitor,
	};

	if (setup.check && setup.check->args && setup.check->args[0])
		monitor->prober = berth_prober_new(&setup);
}

bool berth_monitor__health(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			   struct berth_monitor_reply *reply, GError **error)
{
	(void) request;
	(void) fds;

	if (!monitor->prober)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "container %s: its health is not checked",
				       monitor->id);
	json_t *json = berth_document_print(&berth_health_document, berth_prober_health(monitor->prober), 0);
	int file = berth_server_file(json, "health", error);
	json_decref(json);
	reply->sent = MAX(file, 0);
	return file >= 0;
}
