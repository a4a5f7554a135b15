// SPDX-License-Identifier: Apache-2.0
// Lines as syslog messages, each ended by a newline, on a datagram or stream socket. Whoever takes them is not waited
// for when it is gone: a message that cannot be sent is lost, a connection that broke is made anew at the next one,
// once a second at most.
#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "monitor/log-target.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_AFTER G_USEC_PER_SEC
#define SEVERITY_ERROR 3
#define SEVERITY_INFO 6

struct syslog {
	const struct berth_monitor_log_target *settings;
	struct berth_log_patience *patience;
	char *address; // that is connected to
	int socket; // -1: none
	bool stream;
	int64_t tried; // when it was connected to last, monotonic microseconds
	struct berth_log_buffer out;
};

// The local daemon, wherever it listens.
static bool connect_local(struct syslog *syslog, GError **error)
{
	static const char *const places[] = {"unixgram:/dev/log",        "unix:/dev/log",
					     "unixgram:/var/run/syslog", "unix:/var/run/syslog",
					     "unixgram:/var/run/log",    "unix:/var/run/log"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		syslog->socket = berth_log_connect(places[i], NULL);
		syslog->stream = berth_log_is_stream(places[i]);
		if (syslog->socket >= 0)
			return true;
	}
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "Unix syslog delivery error: no syslog daemon listens on "
			       "/dev/log, /var/run/syslog or /var/run/log");
}

static bool reconnect(struct syslog *syslog, GError **error)
{
	berth_fd_clear(&syslog->socket);
	syslog->tried = g_get_monotonic_time();
	if (!syslog->address)
		return connect_local(syslog, error);
	syslog->socket = berth_log_connect(syslog->address, error);
	return syslog->socket >= 0;
}

static void syslog_free(void *target)
{
	struct syslog *syslog = target;

	berth_fd_clear(&syslog->socket);
	berth_log_buffer_clear(&syslog->out);
	g_free(syslog->address);
	g_free(syslog);
}

static void *syslog_open(const struct berth_monitor_log_target *settings, struct berth_log_patience *patience,
			 GError **error)
{
	struct syslog *syslog = g_new0(struct syslog, 1);

	syslog->settings = settings;
	syslog->patience = patience;
	syslog->socket = -1;
	if (settings->address && *settings->address) {
		syslog->address = g_strdup(settings->address);
		syslog->stream = berth_log_is_stream(settings->address);
	}
	if (reconnect(syslog, error))
		return syslog;
	syslog_free(syslog);
	return NULL;
}

// "Jan  2 15:04:05", or RFC 3339 with whole or with micro seconds, all of them local time.
static void format_time(const char *format, int64_t time, char *text, size_t size)
{
	time_t seconds = (time_t) (time / 1000000000);
	char fraction[16] = "", zone[8];
	struct tm local;

	localtime_r(&seconds, &local);
	if (!g_str_has_prefix(format, "rfc5424")) {
		strftime(text, size, "%b %e %H:%M:%S", &local);
		return;
	}
	if (g_str_equal(format, "rfc5424micro"))
		snprintf(fraction, sizeof fraction, ".%06d", (int) (time / 1000 % 1000000));
	size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &local);
	strftime(zone, sizeof zone, "%z", &local); // +0100
	if (strcmp(zone, "+0000") == 0)
		snprintf(text + length, size - length, "%sZ", fraction);
	else
		snprintf(text + length, size - length, "%s%.3s:%.2s", fraction, zone, zone + 3);
}

static char *make_head(const struct syslog *syslog, const struct berth_log_piece *piece)
{
	const struct berth_monitor_log_target *settings = syslog->settings;
	const char *format = settings->format ? settings->format : "", *tag = settings->tag;
	int priority = (int) settings->facility * 8 + (piece->stream == 2 ? SEVERITY_ERROR : SEVERITY_INFO);
	int pid = (int) getpid();
	char when[64];

	format_time(format, piece->time, when, sizeof when);
	if (g_str_equal(format, "rfc3164"))
		return g_strdup_printf("<%d>%s %s %s[%d]: ", priority, when, settings->hostname, tag, pid);
	if (g_str_has_prefix(format, "rfc5424"))
		return g_strdup_printf("<%d>1 %s %s %s %d %s - ", priority, when, settings->hostname, tag, pid, tag);
	return g_strdup_printf("<%d>%s %s[%d]: ", priority, when, tag, pid);
}

static bool send_out(struct syslog *syslog, GError **error)
{
	bool fresh = false;

	if (syslog->socket < 0) {
		if (g_get_monotonic_time() - syslog->tried < RETRY_AFTER)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "syslog: not connected");
		if (!reconnect(syslog, error))
			return false;
		fresh = true;
	}
	if (berth_log_send(syslog->socket, syslog->out.data, syslog->out.length, syslog->patience,
			   fresh ? error : NULL))
		return true;
	if (!fresh && reconnect(syslog, error) &&
	    berth_log_send(syslog->socket, syslog->out.data, syslog->out.length, syslog->patience, error))
		return true;
	berth_fd_clear(&syslog->socket);
	return false;
}

static bool syslog_flush(void *target, GError **error)
{
	struct syslog *syslog = target;
	bool ok = syslog->out.length == 0 || send_out(syslog, error);

	syslog->out.length = 0;
	return ok;
}

static bool syslog_add(void *target, const struct berth_log_piece *piece, GError **error)
{
	struct syslog *syslog = target;
	g_autofree char *head = make_head(syslog, piece);
	size_t length = strlen(head);
	char *to = berth_log_buffer_reserve(&syslog->out, length + piece->length + 1);

	memcpy(to, head, length);
	memcpy(to + length, piece->text, piece->length);
	to[length + piece->length] = '\n';
	syslog->out.length += length + piece->length + 1;
	return syslog->stream || syslog_flush(syslog, error); // a datagram is one message
}

const struct berth_log_target_kind berth_log_syslog = {
	.name = "syslog", .open = syslog_open, .add = syslog_add, .flush = syslog_flush, .free = syslog_free};
