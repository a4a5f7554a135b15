// SPDX-License-Identifier: Apache-2.0
// Attaching clients. A client of a container that does not run waits in the engine for its next start, and is handed to
// the monitor before the program starts: it misses nothing of the output.
//
// A client starts the container as soon as it was told that it may attach, which can be before its socket has got here.
// So the check counts it, and a start waits for those that were counted, for a moment at most.
#include "engine/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/frame.h"
#include "base/keys.h"
#include "base/limits.h"
#include "engine/log/log-plan.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define ATTACH_PATIENCE G_USEC_PER_SEC
#define DETACH_KEYS "ctrl-p,ctrl-q"
#define LOG_BUFFER (64 << 10) // of what was logged, written at once

void berth_engine__pending_free(void *data)
{
	struct berth_pending_attach *pending = data;

	berth_fd_clear(&pending->socket);
	g_free((char *) pending->attach.detach_keys);
	g_free(pending);
}

// `log`: the monitor is to give it all that was logged first.
static bool attach_to(struct berth_engine_container *container, struct berth_monitor *monitor, int socket,
		      const struct berth_engine_attach *attach, bool log, GError **error)
{
	const struct berth_monitor_attach request = {
		.in = attach->in && container->record->config->open_stdin,
		.out = attach->out,
		.err = attach->err,
		.frames = !container->record->config->tty && !attach->raw,
		.detach_keys = attach->detach_keys ? attach->detach_keys : DETACH_KEYS,
		.log = log,
	};

	return berth_monitor_attach(monitor, socket, &request, error);
}

void berth_engine__attach_pending(struct berth_engine *engine, struct berth_engine_container *container,
				  struct berth_monitor *monitor)
{
	pthread_mutex_lock(&engine->lock);
	while (container->attaching > 0 && !engine->closing &&
	       berth_engine__cond_wait(&container->changed, &engine->lock, container->attach_deadline))
		;
	container->attaching = 0;
	g_autoptr(GPtrArray) pending = container->pending;
	container->pending = g_ptr_array_new_with_free_func(berth_engine__pending_free);
	pthread_mutex_unlock(&engine->lock);
	for (guint i = 0; i < pending->len; i++) {
		struct berth_pending_attach *client = pending->pdata[i];
		g_autoptr(GError) error = NULL;
		if (!attach_to(container, monitor, client->socket, &client->attach, false, &error))
			g_warning("container %s: attaching a client: %s", container->id, error->message);
	}
}

void berth_engine__drop_pending(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	g_ptr_array_set_size(container->pending, 0);
	pthread_mutex_unlock(&engine->lock);
}

static bool check_status(const struct berth_engine_container *container, GError **error)
{
	if (berth_engine__status_is(container, BERTH_STATUS_PAUSED))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "container %s is paused, unpause the container before attach", container->id);
	if (berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "container %s is restarting, wait until the container is running",
				       container->id);
	return true;
}

bool berth_engine_container_attach_check(struct berth_engine *engine, const char *text, bool *ret_tty, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	if (!container)
		return false;
	pthread_mutex_lock(&engine->lock);
	bool fine = check_status(container, error);
	*ret_tty = container->record->config->tty;
	if (fine && !berth_engine__is_up(container)) {
		container->attaching++;
		container->attach_deadline = g_get_monotonic_time() + ATTACH_PATIENCE;
	}
	pthread_mutex_unlock(&engine->lock);
	return fine;
}

// Logs to the client's socket, which may be non-blocking.

struct log_writer {
	int socket;
	bool frames;
	GByteArray *out; // what is not written yet
};

static bool write_to_socket(int socket, const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t count = send(socket, data, length, MSG_NOSIGNAL);
		if (count < 0 && errno == ENOTSOCK)
			count = write(socket, data, length);
		if (count < 0 && errno == EAGAIN)
			poll(&(struct pollfd){socket, POLLOUT, 0}, 1, -1);
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		data += MAX(count, 0);
		length -= (size_t) MAX(count, 0);
	}
	return true;
}

static bool write_log(void *data, const struct berth_engine_log_record *record)
{
	struct log_writer *writer = data;
	uint8_t header[BERTH_FRAME_HEADER];

	if (record) {
		berth_frame_header(header, record->stream, record->length);
		if (writer->frames)
			g_byte_array_append(writer->out, header, sizeof header);
		g_byte_array_append(writer->out, (const uint8_t *) record->text, (unsigned) record->length);
		if (writer->out->len < LOG_BUFFER)
			return true;
	}
	bool written = write_to_socket(writer->socket, writer->out->data, writer->out->len);
	g_byte_array_set_size(writer->out, 0);
	return written;
}

static bool write_logs(struct berth_engine *engine, struct berth_engine_container *container, int socket,
		       const struct berth_engine_attach *attach, GError **error)
{
	struct log_writer writer = {socket, !container->record->config->tty && !attach->raw, g_byte_array_new()};
	const struct berth_engine_logs query = {.out = attach->out, .err = attach->err, .tail = -1};
	bool written = berth_engine_container_logs(engine, container->id, &query, write_log, &writer, error) &&
		       write_log(&writer, NULL);

	g_byte_array_unref(writer.out);
	return written;
}

// Keeps a copy of the socket for the next start. Under engine->lock.
static bool keep_pending(struct berth_engine_container *container, int socket, const struct berth_engine_attach *attach,
			 GError **error)
{
	for (guint i = container->pending->len; i-- > 0;) { // those who left
		const struct berth_pending_attach *other = container->pending->pdata[i];
		struct pollfd polled = {other->socket, 0, 0};
		if (poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)))
			g_ptr_array_remove_index(container->pending, i);
	}
	if (container->pending->len >= BERTH_LIMIT_ATTACHED)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "container %s: %d clients are attached already", container->id,
				       BERTH_LIMIT_ATTACHED);
	int copy = fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return berth_error_set_errno(error, errno, "container %s: keeping a client's socket", container->id);
	struct berth_pending_attach *pending = g_new0(struct berth_pending_attach, 1);
	*pending = (struct berth_pending_attach){copy, *attach};
	pending->attach.detach_keys = g_strdup(attach->detach_keys);
	g_ptr_array_add(container->pending, pending);
	return true;
}

// Hands the client on or keeps it. *ret_up: it is the monitor's to take.
static bool arrive(struct berth_engine *engine, struct berth_engine_container *container, int socket,
		   const struct berth_engine_attach *attach, bool *ret_up, GError **error)
{
	bool kept = true;

	pthread_mutex_lock(&engine->lock);
	if (container->attaching > 0)
		container->attaching--;
	*ret_up = berth_engine__is_up(container);
	if (container->removed)
		kept = berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", container->id);
	else if (attach->stream && !*ret_up)
		kept = keep_pending(container, socket, attach, error);
	pthread_cond_broadcast(&container->changed);
	pthread_mutex_unlock(&engine->lock);
	return kept;
}

// Whether the monitor can give the client the log itself, so that nothing is missed between the log and what comes.
static bool monitor_has_log(struct berth_engine *engine, struct berth_engine_container *container,
			    const struct berth_engine_attach *attach)
{
	struct berth_log_plan plan;

	if (!attach->logs || !attach->stream)
		return false;
	pthread_mutex_lock(&engine->lock); // an update puts another host configuration there
	bool has_log = berth_engine__is_up(container) &&
		       berth_log_plan_make(container->record->host_config->log_config, &plan, NULL) && plan.format &&
		       !plan.never_waits;
	pthread_mutex_unlock(&engine->lock);
	return has_log;
}

// Gives a client to the monitor of a container that runs.
static bool hand_over(struct berth_engine *engine, struct berth_engine_container *container, int socket,
		      const struct berth_engine_attach *attach, bool log, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, &failure);

	if (monitor && attach_to(container, monitor, socket, attach, log, &failure))
		return true;
	if (monitor && log && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED)) // an old monitor
		return write_logs(engine, container, socket, attach, error) &&
		       hand_over(engine, container, socket, attach, false, error);
	if (berth_engine__has_ended(failure)) // there is no more output: the client sees its end
		return !log || write_logs(engine, container, socket, attach, error);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool berth_engine_container_attach(struct berth_engine *engine, const char *text, int socket,
				   const struct berth_engine_attach *attach, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	struct berth_keys keys;
	bool up, told = false;

	if (!container)
		return false;
	bool log = monitor_has_log(engine, container, attach);
	bool fine = berth_keys_parse(attach->detach_keys, &keys, error) &&
		    (!attach->logs || log || write_logs(engine, container, socket, attach, error));
	if (fine && attach->stream)
		told = fine = berth_engine__tell_container(engine, container, error, "attach", NULL);
	// Also if something was wrong: the start must not wait for this one.
	const struct berth_engine_attach nothing = {0};
	fine = arrive(engine, container, socket, told ? attach : &nothing, &up, fine ? error : NULL) && fine;
	if (!fine || !told)
		return fine;
	if (!up) // it has ended meanwhile
		return !log || write_logs(engine, container, socket, attach, error);
	return hand_over(engine, container, socket, attach, log, error);
}
