// SPDX-License-Identifier: Apache-2.0
// Lines to systemd's journal in its native protocol: a datagram of fields for each, or a sealed memory file for one
// that is too big for that.
#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "monitor/log-target.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define JOURNAL "unixgram:/run/systemd/journal/socket"
#define RETRY_AFTER G_USEC_PER_SEC

struct journald {
	struct berth_log_patience *patience;
	int socket; // -1: none
	int64_t tried; // monotonic microseconds
	struct berth_log_buffer fixed; // fields that every message has
	struct berth_log_buffer out;
};

// A value with a newline is preceded by its length.
static void append_field(struct berth_log_buffer *out, const char *name, const char *value, size_t length)
{
	berth_log_buffer_append(out, name, strlen(name));
	if (length > 0 && memchr(value, '\n', length)) {
		guint64 size = GUINT64_TO_LE(length);
		berth_log_buffer_append(out, "\n", 1);
		berth_log_buffer_append(out, &size, sizeof size);
	} else {
		berth_log_buffer_append(out, "=", 1);
	}
	berth_log_buffer_append(out, value, length);
	berth_log_buffer_append(out, "\n", 1);
}

static void append_text(struct berth_log_buffer *out, const char *name, const char *value)
{
	if (value)
		append_field(out, name, value, strlen(value));
}

// A name of a field: capitals, digits and underscores, not beginning with one. NULL if nothing is left.
static char *field_name(const char *name)
{
	g_autofree char *upper = g_ascii_strup(name, -1);

	for (char *at = upper; *at; at++)
		if (!g_ascii_isalnum(*at))
			*at = '_';
	const char *begin = upper + strspn(upper, "_");
	return *begin ? g_strdup(begin) : NULL;
}

static void journald_free(void *target)
{
	struct journald *journald = target;

	berth_fd_clear(&journald->socket);
	berth_log_buffer_clear(&journald->fixed);
	berth_log_buffer_clear(&journald->out);
	g_free(journald);
}

static void *journald_open(const struct berth_monitor_log_target *settings, struct berth_log_patience *patience,
			   GError **error)
{
	g_autoptr(GError) failure = NULL;
	struct journald *journald = g_new0(struct journald, 1);
	g_autofree char *short_id = g_strndup(settings->id, 12);
	GHashTableIter iter;
	void *key, *value;

	journald->patience = patience;
	journald->socket = berth_log_connect(JOURNAL, &failure);
	if (journald->socket < 0) {
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "journald is not enabled on this host: %s",
				failure->message);
		journald_free(journald);
		return NULL;
	}
	append_text(&journald->fixed, "CONTAINER_ID", short_id);
	append_text(&journald->fixed, "CONTAINER_ID_FULL", settings->id);
	append_text(&journald->fixed, "CONTAINER_NAME", settings->name);
	append_text(&journald->fixed, "CONTAINER_TAG", settings->tag);
	append_text(&journald->fixed, "IMAGE_NAME", settings->image);
	append_text(&journald->fixed, "SYSLOG_IDENTIFIER", settings->tag);
	if (settings->fields) {
		g_hash_table_iter_init(&iter, settings->fields);
		while (g_hash_table_iter_next(&iter, &key, &value)) {
			g_autofree char *name = field_name(key);
			if (name)
				append_text(&journald->fixed, name, value);
		}
	}
	return journald;
}

static bool send_file(int socket, const void *data, size_t length)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	berth_fd file = memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (file < 0 || !berth_write_all(file, data, length, "a log message", NULL) ||
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return false;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header =
		(struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &file, sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

// Sends the message as it can be sent. Returns 0 or an errno.
static int send_once(const struct journald *journald)
{
	const struct berth_log_buffer *out = &journald->out;

	while (send(journald->socket, out->data, out->length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EAGAIN && berth_log_wait(journald->patience, journald->socket, POLLOUT, -1))
			continue;
		if ((errno == EMSGSIZE || errno == ENOBUFS) && send_file(journald->socket, out->data, out->length))
			return 0;
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

static bool send_out(struct journald *journald, GError **error)
{
	int problem = ENOTCONN;

	for (int attempt = 0; attempt < 2; attempt++) {
		if (journald->socket < 0 && g_get_monotonic_time() - journald->tried >= RETRY_AFTER) {
			journald->tried = g_get_monotonic_time();
			journald->socket = berth_log_connect(JOURNAL, NULL);
		}
		if (journald->socket < 0)
			break;
		problem = send_once(journald);
		if (problem == 0)
			return true;
		berth_fd_clear(&journald->socket);
	}
	return berth_error_set_errno(error, problem, "send a message to the journal");
}

static bool journald_add(void *target, const struct berth_log_piece *piece, GError **error)
{
	struct journald *journald = target;
	struct berth_log_buffer *out = &journald->out;
	char moment[BERTH_MOMENT_SIZE];

	out->length = 0;
	append_field(out, "MESSAGE", piece->text, piece->length);
	append_text(out, "PRIORITY", piece->stream == 2 ? "3" : "6");
	berth_moment_format(piece->time, moment);
	append_text(out, "SYSLOG_TIMESTAMP", moment);
	if (piece->ordinal > 0) {
		g_autofree char *id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", piece->line);
		g_autofree char *ordinal = g_strdup_printf("%u", piece->ordinal);
		append_text(out, "CONTAINER_PARTIAL_ID", id);
		append_text(out, "CONTAINER_PARTIAL_ORDINAL", ordinal);
		append_text(out, "CONTAINER_PARTIAL_LAST", piece->newline ? "true" : "false");
		if (!piece->newline)
			append_text(out, "CONTAINER_PARTIAL_MESSAGE", "true");
	}
	berth_log_buffer_append(out, journald->fixed.data, journald->fixed.length);
	return send_out(journald, error);
}

static bool journald_flush(void *target, GError **error)
{
	(void) target;
	(void) error;
	return true; // nothing is kept
}

const struct berth_log_target_kind berth_log_journald = {
	.name = "journald", .open = journald_open, .add = journald_add, .flush = journald_flush, .free = journald_free};
