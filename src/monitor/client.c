// SPDX-License-Identifier: Apache-2.0
#include "monitor/client.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/packet.h"
#include "monitor/client-internal.h"
#include "monitor/protocol.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#define HELLO_TIMEOUT 10 // seconds for a monitor to say hello

struct berth_monitor {
	int socket;
	pid_t pid; // of its container's init, if it was spawned here
};

// Waits for one packet of the monitor. NULL with *error unset: it closed the connection.
static struct berth_monitor_reply *receive(struct berth_monitor *monitor, GError **error)
{
	BERTH_AUTO_PACKET packet = {0};

	if (berth_packet_receive(monitor->socket, &packet, error) <= 0)
		return NULL;
	struct berth_monitor_reply *reply = berth_document_parse_text(&berth_monitor_reply_document, packet.data,
								      packet.length, "the monitor's packet", error);
	if (reply && packet.fd_count > 0)
		reply->sent = berth_fd_steal(&packet.fds[0]);
	return reply;
}

struct berth_monitor_reply *berth_monitor__answer(struct berth_monitor *monitor, const char *name, GError **error)
{
	GError *failure = NULL;
	g_autoptr(berth_monitor_reply) reply = receive(monitor, &failure);

	if (failure) {
		g_propagate_prefixed_error(error, failure, "monitor, %s: ", name);
		return NULL;
	}
	if (!reply) {
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "monitor, %s: it ended without an answer", name);
		return NULL;
	}
	if (reply->error && *reply->error) {
		berth_monitor_reply_error(reply, error);
		return NULL;
	}
	if (g_strcmp0(reply->answer, name) != 0) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "monitor, %s: what came is not its answer", name);
		return NULL;
	}
	return g_steal_pointer(&reply);
}

static bool take_hello(struct berth_monitor *monitor, GError **error)
{
	GError *failure = NULL;
	g_autoptr(berth_monitor_reply) reply = receive(monitor, &failure);

	// It does not answer now: which does not say that it is gone.
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE)) {
		g_error_free(failure);
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "connect to the monitor: it has not answered for %d s", HELLO_TIMEOUT);
	}
	if (failure) {
		g_propagate_prefixed_error(error, failure, "connect to the monitor: ");
		return false;
	}
	if (!reply)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "connect to the monitor: it ended");
	if (reply->hello < 1 || reply->hello > BERTH_MONITOR_PROTOCOL)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "connect to the monitor: it speaks protocol %" G_GINT64_FORMAT
				       " (version %s), this engine at most %d",
				       reply->hello, reply->version ? reply->version : "unknown",
				       BERTH_MONITOR_PROTOCOL);
	return true;
}

struct berth_monitor *berth_monitor__open(int socket, bool patient, GError **error)
{
	struct timeval timeout = {.tv_sec = HELLO_TIMEOUT}, none = {0};
	g_autoptr(berth_monitor) monitor = g_new0(struct berth_monitor, 1);

	monitor->socket = socket;
	if (!patient)
		setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	if (!take_hello(monitor, error))
		return NULL;
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
	return g_steal_pointer(&monitor);
}

struct berth_monitor *berth_monitor_connect(int run_folder_fd, GError **error)
{
	int socket = berth_socket_connect_at(run_folder_fd, BERTH_MONITOR_SOCKET, SOCK_SEQPACKET, error);
	return socket < 0 ? NULL : berth_monitor__open(socket, false, error);
}

struct berth_monitor_exit *berth_monitor_read_exit(int run_folder_fd, GError **error)
{
	size_t length;
	g_autofree char *text =
		berth_read_file_at(run_folder_fd, BERTH_MONITOR_EXIT, BERTH_LIMIT_PACKET, &length, error);

	if (!text)
		return NULL;
	return berth_document_parse_text(&berth_monitor_exit_document, text, length, BERTH_MONITOR_EXIT, error);
}

// One request and its answer.
static struct berth_monitor_reply *ask(struct berth_monitor *monitor, enum berth_monitor_verb verb,
				       const struct berth_monitor_request *request, const int *fds, size_t fd_count,
				       GError **error)
{
	static const struct berth_monitor_request bare = {0};
	const char *name = berth_monitor_verb_name(verb);
	g_autofree char *text = berth_monitor_request_text(verb, request ? request : &bare);

	if (!berth_packet_send(monitor->socket, text, strlen(text), fds, fd_count, error)) {
		g_prefix_error(error, "monitor, %s: ", name);
		return NULL;
	}
	return berth_monitor__answer(monitor, name, error);
}

static bool tell(struct berth_monitor *monitor, enum berth_monitor_verb verb,
		 const struct berth_monitor_request *request, GError **error)
{
	g_autoptr(berth_monitor_reply) reply = ask(monitor, verb, request, NULL, 0, error);
	return reply != NULL;
}

bool berth_monitor_start(struct berth_monitor *monitor, pid_t *ret_pid, GError **error)
{
	g_autoptr(berth_monitor_reply) reply = ask(monitor, BERTH_MONITOR_START, NULL, NULL, 0, error);

	if (!reply)
		return false;
	if (ret_pid)
		*ret_pid = (pid_t) reply->pid;
	return true;
}

bool berth_monitor_signal(struct berth_monitor *monitor, int signal, bool all, GError **error)
{
	return tell(monitor, BERTH_MONITOR_SIGNAL, &(struct berth_monitor_request){.signal = signal, .all = all},
		    error);
}

bool berth_monitor_freeze(struct berth_monitor *monitor, GError **error)
{
	return tell(monitor, BERTH_MONITOR_FREEZE, NULL, error);
}

bool berth_monitor_thaw(struct berth_monitor *monitor, GError **error)
{
	return tell(monitor, BERTH_MONITOR_THAW, NULL, error);
}

bool berth_monitor_resize(struct berth_monitor *monitor, unsigned width, unsigned height, GError **error)
{
	return tell(monitor, BERTH_MONITOR_RESIZE, &(struct berth_monitor_request){.width = width, .height = height},
		    error);
}

bool berth_monitor_attach(struct berth_monitor *monitor, int socket, const struct berth_monitor_attach *attach,
			  GError **error)
{
	struct berth_monitor_request request = {.in = attach->in,
						.out = attach->out,
						.err = attach->err,
						.frames = attach->frames,
						.keys = (char *) attach->detach_keys};
	enum berth_monitor_verb verb = attach->log ? BERTH_MONITOR_ATTACH_LOG : BERTH_MONITOR_ATTACH;
	g_autoptr(berth_monitor_reply) reply = ask(monitor, verb, &request, &socket, 1, error);
	return reply != NULL;
}

bool berth_monitor_resolve(struct berth_monitor *monitor, const struct berth_monitor_resolver *resolver, int udp,
			   int tcp, GError **error)
{
	struct berth_monitor_request request = {.resolver = (struct berth_monitor_resolver *) resolver};
	const int fds[] = {udp, tcp};
	g_autoptr(berth_monitor_reply) reply =
		ask(monitor, BERTH_MONITOR_RESOLVE, &request, fds, udp < 0 ? 0 : G_N_ELEMENTS(fds), error);
	return reply != NULL;
}

bool berth_monitor_update(struct berth_monitor *monitor, const struct oci_resources *resources, GError **error)
{
	struct berth_monitor_request request = {.resources = (struct oci_resources *) resources};

	return tell(monitor, BERTH_MONITOR_UPDATE, &request, error);
}

bool berth_monitor_checkpoint(struct berth_monitor *monitor, const char *images, bool leave_running, bool empty_network,
			      GError **error)
{
	struct berth_monitor_request request = {
		.images = (char *) images, .leave_running = leave_running, .empty_network = empty_network};

	return tell(monitor, BERTH_MONITOR_CHECKPOINT, &request, error);
}

// A file with the text, at its beginning.
static int file_of(const char *text, GError **error)
{
	berth_fd file = memfd_create("process", MFD_CLOEXEC);

	if (file < 0) {
		berth_error_set_errno(error, errno, "monitor, exec: make a file");
		return -1;
	}
	if (!berth_write_all(file, text, strlen(text), "monitor, exec", error))
		return -1;
	lseek(file, 0, SEEK_SET);
	return berth_fd_steal(&file);
}

bool berth_monitor_exec_begin(struct berth_monitor *monitor, const struct berth_monitor_exec_start *start,
			      pid_t *ret_pid, GError **error)
{
	berth_fd file = file_of(start->process, error);
	const int fds[] = {file, start->socket};
	struct berth_monitor_request request = {
		.exec = (char *) start->id,
		.about = (json_t *) start->about,
		.init = start->init,
		.privileged = start->privileged,
		.in = start->attach.in,
		.out = start->attach.out,
		.err = start->attach.err,
		.frames = start->attach.frames,
		.keys = (char *) start->attach.detach_keys,
	};

	if (file < 0)
		return false;
	g_autoptr(berth_monitor_reply) reply =
		ask(monitor, BERTH_MONITOR_EXEC, &request, fds, start->socket < 0 ? 1 : 2, error);
	if (reply && ret_pid)
		*ret_pid = (pid_t) reply->pid;
	return reply != NULL;
}

bool berth_monitor_exec_resize(struct berth_monitor *monitor, const char *id, unsigned width, unsigned height,
			       GError **error)
{
	return tell(monitor, BERTH_MONITOR_EXEC_RESIZE,
		    &(struct berth_monitor_request){.exec = (char *) id, .width = width, .height = height}, error);
}

struct berth_monitor_exec *berth_monitor_exec_stat(struct berth_monitor *monitor, const char *id, GError **error)
{
	struct berth_monitor_request request = {.exec = (char *) id};
	g_autoptr(berth_monitor_reply) reply = ask(monitor, BERTH_MONITOR_EXEC_STAT, &request, NULL, 0, error);

	if (reply && !reply->exec)
		berth_error_set(error, BERTH_ERROR_INTERNAL, "monitor, exec-stat: the answer has no exec");
	return reply ? g_steal_pointer(&reply->exec) : NULL;
}

static void free_exec(void *exec)
{
	berth_document_free(&berth_monitor_exec_document, exec);
}

static GPtrArray *parse_execs(const json_t *json, GError **error)
{
	g_autoptr(GPtrArray) execs = g_ptr_array_new_with_free_func(free_exec);
	const json_t *item;
	size_t i;

	json_array_foreach(json, i, item)
	{
		struct berth_monitor_exec *exec = berth_document_parse(&berth_monitor_exec_document, item, error);
		if (!exec)
			return NULL;
		g_ptr_array_add(execs, exec);
	}
	return g_steal_pointer(&execs);
}

// One request whose answer is a file with JSON.
static json_t *ask_file(struct berth_monitor *monitor, enum berth_monitor_verb verb, GError **error)
{
	const char *name = berth_monitor_verb_name(verb);
	g_autoptr(berth_monitor_reply) reply = ask(monitor, verb, NULL, NULL, 0, error);
	size_t length;

	if (!reply)
		return NULL;
	berth_fd file = reply->sent > 0 ? reply->sent : -1;
	if (file < 0) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "monitor, %s: nothing came with the answer", name);
		return NULL;
	}
	lseek(file, 0, SEEK_SET);
	g_autofree char *text = berth_read_fd(file, BERTH_LIMIT_EXEC_LIST, &length, name, error);
	return text ? berth_json_parse(text, length, name, error) : NULL;
}

GPtrArray *berth_monitor_exec_list(struct berth_monitor *monitor, GError **error)
{
	BERTH_AUTO_JSON json_t *json = ask_file(monitor, BERTH_MONITOR_EXEC_LIST, error);

	return json ? parse_execs(json, error) : NULL;
}

struct berth_health *berth_monitor_health(struct berth_monitor *monitor, GError **error)
{
	BERTH_AUTO_JSON json_t *json = ask_file(monitor, BERTH_MONITOR_HEALTH, error);

	return json ? berth_document_parse(&berth_health_document, json, error) : NULL;
}

struct berth_monitor_status *berth_monitor_stat(struct berth_monitor *monitor, GError **error)
{
	g_autoptr(berth_monitor_reply) reply = ask(monitor, BERTH_MONITOR_STAT, NULL, NULL, 0, error);

	if (reply && !reply->status)
		berth_error_set(error, BERTH_ERROR_INTERNAL, "monitor, stat: the answer has no status");
	return reply ? g_steal_pointer(&reply->status) : NULL;
}

GArray *berth_monitor_pids(struct berth_monitor *monitor, GError **error)
{
	g_autoptr(berth_monitor_reply) reply = ask(monitor, BERTH_MONITOR_PIDS, NULL, NULL, 0, error);

	if (!reply)
		return NULL;
	GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	for (size_t i = 0; i < json_array_size(reply->pids); i++) {
		pid_t pid = (pid_t) json_integer_value(json_array_get(reply->pids, i));
		g_array_append_val(pids, pid);
	}
	return pids;
}

bool berth_monitor_watch(struct berth_monitor *monitor, GError **error)
{
	return tell(monitor, BERTH_MONITOR_WATCH, NULL, error);
}

void berth_monitor__set_pid(struct berth_monitor *monitor, pid_t pid)
{
	monitor->pid = pid;
}

pid_t berth_monitor_pid(const struct berth_monitor *monitor)
{
	return monitor->pid;
}

int berth_monitor_fd(const struct berth_monitor *monitor)
{
	return monitor->socket;
}

bool berth_monitor_next_event(struct berth_monitor *monitor, struct berth_monitor_event *ret, GError **error)
{
	static const struct {
		const char *name;
		enum berth_monitor_event_type type;
	} events[] = {
		{"oom", BERTH_MONITOR_OOM},
		{"detached", BERTH_MONITOR_DETACHED},
		{"exec-exited", BERTH_MONITOR_EXEC_EXITED},
		{"exec-detached", BERTH_MONITOR_EXEC_DETACHED},
		{"probe", BERTH_MONITOR_PROBE},
		{"health", BERTH_MONITOR_HEALTH_RESULT},
		{"exited", BERTH_MONITOR_EXITED},
	};

	*ret = (struct berth_monitor_event){0};
	for (;;) {
		GError *failure = NULL;
		g_autoptr(berth_monitor_reply) reply = receive(monitor, &failure);
		if (failure) {
			g_propagate_prefixed_error(error, failure, "monitor, events: ");
			return false;
		}
		if (!reply) {
			ret->type = BERTH_MONITOR_GONE;
			return true;
		}
		for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
			if (g_strcmp0(reply->event, events[i].name) != 0)
				continue;
			ret->type = events[i].type;
			if (ret->type == BERTH_MONITOR_EXITED && !reply->exit)
				return berth_error_set(error, BERTH_ERROR_INTERNAL,
						       "monitor, events: exited without an exit status");
			if (!reply->exec &&
			    (ret->type == BERTH_MONITOR_EXEC_EXITED || ret->type == BERTH_MONITOR_EXEC_DETACHED))
				break; // of nothing
			if (reply->exit)
				ret->exit = *reply->exit; // it owns nothing
			ret->exec = g_steal_pointer(&reply->exec);
			ret->health = g_steal_pointer(&reply->health);
			return true;
		}
		// An event of a newer monitor is passed over.
	}
}

void berth_monitor_free(struct berth_monitor *monitor)
{
	if (!monitor)
		return;
	berth_fd_clear(&monitor->socket);
	g_free(monitor);
}
