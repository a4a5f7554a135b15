// SPDX-License-Identifier: Apache-2.0
// Lines to fluentd by its forward protocol, which is msgpack: [tag, time, record] for each; where acknowledgements are
// asked for, [tag, [[time, record], …], {"chunk": id}] for all that came together, which is sent again until the
// server has answered {"ack": id}.
#include "base/error.h"
#include "base/fd.h"
#include "monitor/log-target.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define LONGEST_WAIT 60000 // milliseconds between two attempts
#define CHUNK_ID 32 // hex digits

struct fluentd {
	const struct berth_monitor_log_target *settings;
	struct berth_log_patience *patience;
	int socket; // -1: none
	GPtrArray *fields; // names and values that every record has
	struct berth_log_buffer out;
	unsigned entries; // in it
};

// msgpack

static void append_byte(struct berth_log_buffer *out, unsigned byte)
{
	berth_log_buffer_append(out, &(uint8_t){(uint8_t) byte}, 1);
}

static void append_32(struct berth_log_buffer *out, unsigned type, uint32_t number)
{
	guint32 big = GUINT32_TO_BE(number);

	append_byte(out, type);
	berth_log_buffer_append(out, &big, sizeof big);
}

static void append_string(struct berth_log_buffer *out, const char *text, size_t length)
{
	if (length < 32)
		append_byte(out, 0xa0 | (unsigned) length);
	else
		append_32(out, 0xdb, (uint32_t) length);
	berth_log_buffer_append(out, text, length);
}

static void append_text(struct berth_log_buffer *out, const char *text)
{
	append_string(out, text, strlen(text));
}

static void append_pair(struct berth_log_buffer *out, const char *name, const char *value)
{
	append_text(out, name);
	append_text(out, value);
}

// Whole seconds, or the protocol's own type with nanoseconds.
static void append_time(struct berth_log_buffer *out, int64_t time, bool precise)
{
	uint32_t seconds = (uint32_t) (time / 1000000000);
	guint32 rest = GUINT32_TO_BE((guint32) (time % 1000000000));

	if (!precise) {
		append_32(out, 0xce, seconds);
		return;
	}
	append_byte(out, 0xd7);
	append_32(out, 0, seconds);
	berth_log_buffer_append(out, &rest, sizeof rest);
}

// Connection

static void fluentd_free(void *target)
{
	struct fluentd *fluentd = target;

	berth_fd_clear(&fluentd->socket);
	berth_log_buffer_clear(&fluentd->out);
	g_ptr_array_unref(fluentd->fields);
	g_free(fluentd);
}

static void *fluentd_open(const struct berth_monitor_log_target *settings, struct berth_log_patience *patience,
			  GError **error)
{
	struct fluentd *fluentd = g_new0(struct fluentd, 1);
	GHashTableIter iter;
	void *key, *value;

	fluentd->settings = settings;
	fluentd->patience = patience;
	fluentd->fields = g_ptr_array_new();
	if (settings->fields) {
		g_hash_table_iter_init(&iter, settings->fields);
		while (g_hash_table_iter_next(&iter, &key, &value)) {
			g_ptr_array_add(fluentd->fields, key);
			g_ptr_array_add(fluentd->fields, value);
		}
	}
	fluentd->socket = berth_log_connect(settings->address, settings->async ? NULL : error);
	if (fluentd->socket >= 0 || settings->async)
		return fluentd;
	fluentd_free(fluentd);
	return NULL;
}

// Waits for the answer to one chunk, which carries its id in its only string.
static bool await_acknowledgement(const struct fluentd *fluentd, const char *id, GError **error)
{
	char answer[256];
	size_t length = 0;

	while (length < sizeof answer) {
		if (!berth_log_wait(fluentd->patience, fluentd->socket, POLLIN, BERTH_LOG_CONNECT_TIMEOUT))
			return berth_error_set_errno(error, ETIMEDOUT, "wait for fluentd's acknowledgement");
		ssize_t count = recv(fluentd->socket, answer + length, sizeof answer - length, 0);
		if (count < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (count <= 0)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "fluentd closed the connection before it acknowledged");
		length += (size_t) count;
		// Servers write the id with whichever length they like.
		if (memmem(answer, length, id, CHUNK_ID) && memmem(answer, length, "ack", 3))
			return true;
	}
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "fluentd acknowledged something else");
}

static bool send_chunk(const struct fluentd *fluentd, GError **error)
{
	uint8_t random[CHUNK_ID / 2];
	char id[CHUNK_ID + 1];
	struct berth_log_buffer head = {0}, tail = {0};

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return berth_error_set_errno(error, errno, "get random bytes");
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	append_byte(&head, 0x93);
	append_text(&head, fluentd->settings->tag);
	append_32(&head, 0xdd, fluentd->entries);
	append_byte(&tail, 0x81);
	append_pair(&tail, "chunk", id);
	bool sent = berth_log_send(fluentd->socket, head.data, head.length, fluentd->patience, error) &&
		    berth_log_send(fluentd->socket, fluentd->out.data, fluentd->out.length, fluentd->patience, error) &&
		    berth_log_send(fluentd->socket, tail.data, tail.length, fluentd->patience, error) &&
		    await_acknowledgement(fluentd, id, error);
	berth_log_buffer_clear(&head);
	berth_log_buffer_clear(&tail);
	return sent;
}

static bool try_once(struct fluentd *fluentd, GError **error)
{
	if (fluentd->socket < 0)
		fluentd->socket = berth_log_connect(fluentd->settings->address, error);
	if (fluentd->socket < 0)
		return false;
	char byte; // a server that has gone takes the first message without a word
	bool gone = recv(fluentd->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
	bool sent = gone ? berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "fluentd has closed the connection")
		    : fluentd->settings->request_ack ? send_chunk(fluentd, error)
						     : berth_log_send(fluentd->socket, fluentd->out.data,
								      fluentd->out.length, fluentd->patience, error);
	if (!sent)
		berth_fd_clear(&fluentd->socket);
	return sent;
}

static bool fluentd_flush(void *target, GError **error)
{
	struct fluentd *fluentd = target;
	int64_t wait = MAX(fluentd->settings->retry_wait, 1);
	g_autoptr(GError) failure = NULL;
	bool sent = fluentd->entries == 0 || try_once(fluentd, &failure);

	for (int64_t tries = 0; !sent && tries < fluentd->settings->max_retries; tries++) {
		if (tries > 0) { // a connection that broke is made anew at once
			if (!berth_log_wait(fluentd->patience, -1, 0, wait) && fluentd->patience->deadline != 0 &&
			    fluentd->patience->deadline <= g_get_monotonic_time())
				break;
			wait = MIN(wait * 3 / 2, LONGEST_WAIT);
		}
		g_clear_error(&failure);
		sent = try_once(fluentd, &failure);
	}
	fluentd->out.length = 0;
	fluentd->entries = 0;
	if (!sent)
		g_propagate_error(error, g_steal_pointer(&failure));
	return sent;
}

static bool fluentd_add(void *target, const struct berth_log_piece *piece, GError **error)
{
	struct fluentd *fluentd = target;
	const struct berth_monitor_log_target *settings = fluentd->settings;
	struct berth_log_buffer *out = &fluentd->out;
	uint32_t fields = 4 + fluentd->fields->len / 2 + (piece->ordinal > 0 ? 4 : 0);
	(void) error;

	append_byte(out, settings->request_ack ? 0x92 : 0x93);
	if (!settings->request_ack)
		append_text(out, settings->tag);
	append_time(out, piece->time, settings->sub_second);
	append_32(out, 0xdf, fields);
	append_text(out, "log");
	append_string(out, piece->text, piece->length);
	append_pair(out, "source", piece->stream == 2 ? "stderr" : "stdout");
	append_pair(out, "container_id", settings->id);
	append_pair(out, "container_name", settings->name);
	for (unsigned i = 0; i < fluentd->fields->len; i++)
		append_text(out, g_ptr_array_index(fluentd->fields, i));
	if (piece->ordinal > 0) {
		g_autofree char *id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", piece->line);
		g_autofree char *ordinal = g_strdup_printf("%u", piece->ordinal);
		append_pair(out, "partial_message", "true");
		append_pair(out, "partial_id", id);
		append_pair(out, "partial_ordinal", ordinal);
		append_pair(out, "partial_last", piece->newline ? "true" : "false");
	}
	fluentd->entries++;
	return true;
}

const struct berth_log_target_kind berth_log_fluentd = {
	.name = "fluentd", .open = fluentd_open, .add = fluentd_add, .flush = fluentd_flush, .free = fluentd_free};
