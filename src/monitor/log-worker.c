// SPDX-License-Identifier: Apache-2.0
// The process that writes a log's files, or sends to its target, and may wait.
#include "monitor/log-process.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "monitor/log-output.h"
#include "monitor/log-target.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define CHUNK (256 << 10)
enum { SOCKET = 3, REST }; // where the descriptors are put

struct worker {
	const struct berth_monitor_settings *settings;
	struct berth_log_writer *writer; // NULL: it writes no files
	const struct berth_log_target_kind *kind;
	void *target; // NULL: there is none
	struct berth_log_lines lines; // for the target
	uint64_t lost; // messages that the target did not take
	uint64_t kept; // that it has not sent yet
	bool failed; // something did, of what was read last
	bool failing; // a series of failures was told of
	struct berth_log_patience patience;
};

static void say(const char *text)
{
	g_autofree char *line = g_strdup_printf("%s\n", text);

	send(SOCKET, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static const char *driver_name(const struct worker *worker)
{
	return worker->kind ? worker->kind->name : "file";
}

// Told once for a series of failures.
static void failed(struct worker *worker, const GError *error, uint64_t messages)
{
	worker->lost += messages;
	worker->failed = true;
	if (worker->failing)
		return;
	worker->failing = true;
	g_autofree char *text =
		g_strdup_printf("log driver %s: %s", driver_name(worker), error ? error->message : "failed");
	say(text);
}

// The series is over.
static void worked(struct worker *worker)
{
	if (worker->failing && worker->lost > 0) {
		g_autofree char *text =
			g_strdup_printf("log driver %s: it goes on; %" G_GUINT64_FORMAT " messages were lost",
					driver_name(worker), worker->lost);
		say(text);
	}
	worker->failing = false;
	worker->lost = 0;
}

static bool give_target(void *data, const struct berth_log_piece *piece, GError **error)
{
	struct worker *worker = data;
	g_autoptr(GError) failure = NULL;
	(void) error;

	if (worker->kind->add(worker->target, piece, &failure))
		worker->kept++;
	else
		failed(worker, failure, 1);
	return true;
}

static void take(struct worker *worker, int stream, const void *data, size_t length, int64_t time)
{
	g_autoptr(GError) error = NULL;

	if (worker->writer && !berth_log_writer_add(worker->writer, stream, data, length, time, &error))
		failed(worker, error, 0);
	if (worker->target)
		berth_log_lines_add(&worker->lines, stream, data, length, time, give_target, worker, NULL);
}

// The log itself says where something is missing.
static void tell_lost(struct worker *worker, const struct berth_log_packet *packet)
{
	int64_t time = packet->time ? packet->time : berth_moment_now();
	g_autofree char *text = g_strdup_printf("berth: %" G_GUINT64_FORMAT
						" lines of %s are missing here: the log is slower than the container\n",
						packet->lost, packet->stream == 2 ? "stderr" : "stdout");

	// A line that was begun before ends here.
	size_t begun = worker->lines.pending[packet->stream == 2]->len;
	if (worker->writer)
		berth_log_writer_pending(worker->writer, (int) packet->stream, &begun);
	if (begun > 0)
		take(worker, (int) packet->stream, "\n", 1, time);
	take(worker, 2, text, strlen(text), time);
	say(text + strlen("berth: "));
}

static void flush(struct worker *worker)
{
	g_autoptr(GError) error = NULL;

	if (worker->target && !worker->kind->flush(worker->target, &error))
		failed(worker, error, worker->kept);
	if (!worker->failed)
		worked(worker);
	worker->failed = false;
	worker->kept = 0;
}

// Takes the whole packets that are there. Returns how many bytes they had.
static size_t take_packets(struct worker *worker, const char *data, size_t length)
{
	struct berth_log_packet packet;
	size_t done = 0;

	while (length - done >= sizeof packet) {
		memcpy(&packet, data + done, sizeof packet);
		if (length - done - sizeof packet < packet.length)
			break;
		if (packet.lost > 0)
			tell_lost(worker, &packet);
		if (packet.length > 0)
			take(worker, (int) packet.stream, data + done + sizeof packet, packet.length, packet.time);
		done += sizeof packet + packet.length;
	}
	return done;
}

// Takes what comes from a descriptor until its end.
static void take_all(struct worker *worker, int from, char *data, size_t *held)
{
	ssize_t count;

	while ((count = read(from, data + *held, CHUNK - *held)) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		*held += (size_t) count;
		size_t done = take_packets(worker, data, *held);
		memmove(data, data + done, *held - done);
		*held -= done;
		flush(worker);
	}
}

static void work(struct worker *worker)
{
	g_autofree char *data = g_malloc(CHUNK);
	size_t held = 0;

	take_all(worker, SOCKET, data, &held);
	lseek(REST, 0, SEEK_SET);
	take_all(worker, REST, data, &held);
	if (worker->writer)
		berth_log_writer_free(worker->writer);
	if (worker->target) {
		berth_log_lines_flush(&worker->lines, berth_moment_now(), give_target, worker, NULL);
		flush(worker);
		worker->kind->free(worker->target);
	}
}

static bool begin(struct worker *worker, const struct berth_log_process_setup *setup, GError **error)
{
	const struct berth_monitor_settings *settings = setup->settings;

	berth_log_lines_init(&worker->lines);
	if (setup->file && !(worker->writer = berth_log_settings_open(settings, error)))
		return false;
	if (!setup->target)
		return true;
	worker->kind = berth_log_target_find(settings->log_target->driver, error);
	worker->target = worker->kind ? worker->kind->open(settings->log_target, &worker->patience, error) : NULL;
	return worker->target;
}

void berth_log_worker_run(int socket, int rest, const struct berth_log_process_setup *setup)
{
	static const int signals[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXFSZ};
	struct worker worker = {.settings = setup->settings, .patience = {.alive = SOCKET}};
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], SIG_IGN);
	prctl(PR_SET_NAME, "berth-log");
	// First out of the way of each other.
	socket = fcntl(socket, F_DUPFD, REST + 1);
	rest = fcntl(rest, F_DUPFD, REST + 1);
	if (dup2(socket, SOCKET) < 0 || dup2(rest, REST) < 0)
		_exit(1);
	berth_close_range(REST + 1, ~0U, 0); // the run folder's lock among them
	if (!begin(&worker, setup, &error)) {
		for (char *at = error->message; *at; at++)
			if (*at == '\n')
				*at = ' ';
		g_autofree char *text = g_strdup_printf("%s %s",
							berth_error_kind_name(error->domain == BERTH_ERROR
										      ? (enum berth_error) error->code
										      : BERTH_ERROR_INTERNAL),
							error->message);
		say(text);
		_exit(1);
	}
	say("");
	work(&worker);
	_exit(0);
}
