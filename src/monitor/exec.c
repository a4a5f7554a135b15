// SPDX-License-Identifier: Apache-2.0
// An exec is in the table from its start until it has ended, its output is taken, its client gone, and nobody holds its
// pipes any more; what is told of it then stays in a list of the last ones.
#include "monitor/exec.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/exec-process.h"
#include "monitor/server.h"
#include "monitor/streams.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define GRACE 1000 // milliseconds for what an ended process has left behind and what holds its output open
#define KILL_GRACE 2000 // milliseconds for a killed one to be gone

struct exec {
	struct berth_source process; // first; its pidfd, until it has ended
	struct berth_execs *execs;
	struct berth_streams *streams; // NULL: it has none
	struct berth_monitor_exec told;
	bool drained, idle;
};

struct berth_execs {
	struct berth_execs_setup setup;
	GHashTable *table; // id -> struct exec
	GQueue *past; // of struct berth_monitor_exec, the latest first
	bool sweep; // there may be something to do
};

static void exec_free(void *data)
{
	struct exec *exec = data;

	berth_streams_free(exec->streams);
	berth_source_set(exec->execs->setup.loop, &exec->process, 0);
	berth_fd_clear(&exec->process.fd);
	berth_document_clear(&berth_monitor_exec_document, &exec->told);
	g_free(exec);
}

static void free_told(void *told)
{
	berth_document_free(&berth_monitor_exec_document, told);
}

struct berth_execs *berth_execs_new(const struct berth_execs_setup *setup)
{
	struct berth_execs *execs = g_new0(struct berth_execs, 1);

	execs->setup = *setup;
	execs->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, exec_free);
	execs->past = g_queue_new();
	return execs;
}

static void remember(struct berth_execs *execs, const struct berth_monitor_exec *told)
{
	g_queue_push_head(execs->past, berth_document_copy(&berth_monitor_exec_document, told));
	if (execs->past->length > BERTH_LIMIT_EXECS_ENDED)
		free_told(g_queue_pop_tail(execs->past));
}

// Its end

static bool is_done(const struct exec *exec)
{
	return !exec->told.running && (!exec->streams || (exec->drained && exec->idle));
}

static void on_drained(void *data)
{
	struct exec *exec = data;

	exec->drained = true;
	berth_streams_let_go(exec->streams);
	exec->execs->sweep = true;
}

static void on_idle(void *data)
{
	struct exec *exec = data;

	exec->idle = true;
	exec->execs->sweep = true;
}

static void on_detached(void *data)
{
	struct exec *exec = data;
	exec->execs->setup.detached(exec->execs->setup.data, &exec->told);
}

// The end is told before the client sees the end of the output: who asks for the exit code then gets it.
static void end(struct exec *exec, int code)
{
	struct berth_execs *execs = exec->execs;

	berth_source_set(execs->setup.loop, &exec->process, 0);
	berth_fd_clear(&exec->process.fd);
	exec->told.running = false;
	exec->told.exit_code = code;
	exec->told.exited_at = berth_moment_now();
	execs->sweep = true;
	execs->setup.ended(execs->setup.data, &exec->told);
	if (exec->streams)
		berth_streams_drain(exec->streams, GRACE);
}

static void process_ended(struct berth_source *source, uint32_t events)
{
	struct exec *exec = (struct exec *) source;
	(void) events;

	end(exec, berth_exec_reap(source->fd));
}

void berth_execs_sweep(struct berth_execs *execs)
{
	GHashTableIter iter;
	void *value;

	if (!execs || !execs->sweep)
		return;
	execs->sweep = false;
	g_hash_table_iter_init(&iter, execs->table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct exec *exec = value;
		if (!is_done(exec))
			continue;
		remember(execs, &exec->told);
		g_hash_table_iter_remove(&iter);
	}
}

// Makes room for one more at the cost of those that have ended, and only wait for a client or for strangers.
static bool make_room(struct berth_execs *execs, GError **error)
{
	struct exec *oldest = NULL;
	GHashTableIter iter;
	void *value;

	if (g_hash_table_size(execs->table) < BERTH_LIMIT_EXECS)
		return true;
	g_hash_table_iter_init(&iter, execs->table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct exec *exec = value;
		if (!exec->told.running && (!oldest || exec->told.exited_at < oldest->told.exited_at))
			oldest = exec;
	}
	if (!oldest)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "exec: %d further processes run in the container, which is the limit",
				       BERTH_LIMIT_EXECS);
	remember(execs, &oldest->told);
	g_hash_table_remove(execs->table, oldest->told.id);
	return true;
}

// Its start

static bool join(struct exec *exec, struct berth_exec_pipes *pipes, int *socket,
		 const struct berth_monitor_request *request, GError **error)
{
	struct berth_execs *execs = exec->execs;

	if (*socket < 0 && pipes->console < 0)
		return true;
	struct berth_streams_setup setup = {
		.in = berth_fd_steal(&pipes->ours[0]),
		.out = berth_fd_steal(&pipes->ours[1]),
		.err = berth_fd_steal(&pipes->ours[2]),
		.console = berth_fd_steal(&pipes->console),
		.stdin_once = true,
		.survivors = true,
		.queue = BERTH_LIMIT_EXEC_QUEUE,
		.buffer = execs->setup.buffer,
		.drained = on_drained,
		.detached = on_detached,
		.idle = on_idle,
		.data = exec,
	};
	exec->streams = berth_streams_new(execs->setup.loop, &setup);
	return *socket < 0 || berth_streams_attach(exec->streams, berth_fd_steal(socket), request, false, error);
}

static bool known(const struct berth_execs *execs, const char *id)
{
	if (g_hash_table_contains(execs->table, id))
		return true;
	for (const GList *item = execs->past->head; item; item = item->next)
		if (g_str_equal(((const struct berth_monitor_exec *) item->data)->id, id))
			return true;
	return false;
}

static bool check(const struct berth_execs *execs, const struct berth_monitor_request *request, GError **error)
{
	if (request->init > 0 && request->init != berth_container_pid(execs->setup.container))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "exec: the container was started anew");
	return !known(execs, request->exec) ||
	       berth_error_set(error, BERTH_ERROR_CONFLICT, "exec %s: was started before", request->exec);
}

bool berth_execs_start(struct berth_execs *execs, const struct berth_monitor_request *request, int *fds, pid_t *ret_pid,
		       GError **error)
{
	__attribute__((cleanup(berth_exec_pipes_clear))) struct berth_exec_pipes pipes = BERTH_EXEC_NO_PIPES;
	pid_t pid = 0;
	berth_fd pidfd = -1;

	if (!check(execs, request, error) || !make_room(execs, error))
		return false;
	g_autoptr(oci_process) process =
		berth_exec_process_read(execs->setup.container, fds[0], request->privileged, error);
	if (!process || !berth_exec_spawn(execs->setup.container, process, fds[1] < 0 ? NULL : request, &pipes, &pid,
					  &pidfd, error))
		return false;

	struct exec *exec = g_new0(struct exec, 1);
	exec->process = (struct berth_source){.fd = berth_fd_steal(&pidfd), .ready = process_ended};
	exec->execs = execs;
	exec->told = (struct berth_monitor_exec){.id = g_strdup(request->exec), .pid = pid, .running = true};
	exec->told.about = request->about ? json_deep_copy(request->about) : NULL;
	g_hash_table_insert(execs->table, exec->told.id, exec);
	berth_source_set(execs->setup.loop, &exec->process, EPOLLIN);
	*ret_pid = pid;
	if (join(exec, &pipes, &fds[1], request, error))
		return true;
	// It runs, and nobody sees what it does.
	pidfd_send_signal(exec->process.fd, SIGKILL, NULL, 0);
	return false;
}

// Questions

static struct exec *find(struct berth_execs *execs, const char *id, GError **error)
{
	struct exec *exec = execs ? g_hash_table_lookup(execs->table, id) : NULL;

	if (!exec)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "exec %s: does not run", id);
	return exec;
}

bool berth_execs_resize(struct berth_execs *execs, const struct berth_monitor_request *request, GError **error)
{
	const struct exec *exec = find(execs, request->exec, error);

	if (!exec)
		return false;
	if (!exec->streams)
		return berth_error_set(error, BERTH_ERROR_INVALID, "resize: there is no terminal");
	return berth_streams_resize(exec->streams, (unsigned) request->width, (unsigned) request->height, error);
}

const struct berth_monitor_exec *berth_execs_stat(struct berth_execs *execs, const char *id, GError **error)
{
	for (const GList *item = execs ? execs->past->head : NULL; item; item = item->next) {
		const struct berth_monitor_exec *told = item->data;
		if (g_str_equal(told->id, id))
			return told;
	}
	const struct exec *exec = find(execs, id, error);
	return exec ? &exec->told : NULL;
}

int berth_execs_list(struct berth_execs *execs, GError **error)
{
	BERTH_AUTO_JSON json_t *list = json_array();
	GHashTableIter iter;
	void *value;

	if (execs) {
		g_hash_table_iter_init(&iter, execs->table);
		while (g_hash_table_iter_next(&iter, NULL, &value))
			json_array_append_new(list, berth_document_print(&berth_monitor_exec_document,
									 &((struct exec *) value)->told, 0));
		for (const GList *item = execs->past->head; item; item = item->next)
			json_array_append_new(list, berth_document_print(&berth_monitor_exec_document, item->data, 0));
	}
	return berth_server_file(list, "exec-list", error);
}

// The end of all

void berth_execs_end(struct berth_execs *execs)
{
	GHashTableIter iter;
	void *value;

	if (!execs)
		return;
	g_hash_table_iter_init(&iter, execs->table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct exec *exec = value;
		if (!exec->told.running)
			continue;
		struct pollfd fd = {exec->process.fd, POLLIN, 0};
		pidfd_send_signal(exec->process.fd, SIGKILL, NULL, 0);
		bool gone = poll(&fd, 1, KILL_GRACE) > 0;
		end(exec, gone ? berth_exec_reap(exec->process.fd) : 128 + SIGKILL);
	}
}

unsigned berth_execs_clients(const struct berth_execs *execs)
{
	GHashTableIter iter;
	unsigned count = 0;
	void *value;

	if (!execs)
		return 0;
	g_hash_table_iter_init(&iter, execs->table);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		count += ((struct exec *) value)->streams ? berth_streams_clients(((struct exec *) value)->streams) : 0;
	return count;
}

void berth_execs_free(struct berth_execs *execs)
{
	if (!execs)
		return;
	g_hash_table_unref(execs->table);
	g_queue_free_full(execs->past, free_told);
	g_free(execs);
}
