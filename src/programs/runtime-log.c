// SPDX-License-Identifier: Apache-2.0
// Where messages go: standard error, and with --log a file, the journal or syslog in place of it, to which only errors
// are said twice.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

static const struct {
	const char *name;
	int priority; // of syslog
} levels[] = {
	[RUNTIME_LOG_ERROR] = {"error", LOG_ERR},
	[RUNTIME_LOG_WARNING] = {"warning", LOG_WARNING},
	[RUNTIME_LOG_DEBUG] = {"debug", LOG_DEBUG},
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	berth_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
		return -1;
	return berth_fd_steal(&fd);
}

static bool open_target(struct runtime_log *log, const char *target, GError **error)
{
	static const struct {
		const char *prefix;
		enum runtime_log_kind kind;
		const char *socket;
	} kinds[] = {
		{"journald:", RUNTIME_LOG_JOURNAL, "/run/systemd/journal/socket"},
		{"syslog:", RUNTIME_LOG_SYSLOG, "/dev/log"},
		{"file:", RUNTIME_LOG_FILE, NULL},
	};
	size_t i = 0;

	while (i < G_N_ELEMENTS(kinds) && !g_str_has_prefix(target, kinds[i].prefix))
		i++;
	bool bare = i == G_N_ELEMENTS(kinds);
	const char *name = bare ? target : target + strlen(kinds[i].prefix);
	if (!*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--log %s: a name is missing", target);
	log->kind = bare ? RUNTIME_LOG_FILE : kinds[i].kind;
	log->name = g_strdup(name);
	log->fd = log->kind == RUNTIME_LOG_FILE ? open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)
						: connect_to(kinds[i].socket);
	return log->fd >= 0 || berth_error_set_errno(error, errno, "open the log %s", target);
}

bool runtime_log_open(struct runtime_log *log, const char *target, const char *format, const char *level, bool debug,
		      GError **error)
{
	log->json = g_str_equal(format, "json");
	if (!log->json && !g_str_equal(format, "text"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--log-format %s: is text or json", format);
	size_t i = 0;
	while (i < G_N_ELEMENTS(levels) && g_ascii_strcasecmp(levels[i].name, level) != 0)
		i++;
	if (i == G_N_ELEMENTS(levels))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--log-level %s: is error, warning or debug", level);
	log->level = debug ? RUNTIME_LOG_DEBUG : (enum runtime_log_level) i;
	return !target || !*target || open_target(log, target, error);
}

void runtime_log_close(struct runtime_log *log)
{
	berth_fd_clear(&log->fd);
	g_clear_pointer(&log->name, g_free);
}

static void write_file(const struct runtime_log *log, enum runtime_log_level level, const char *message)
{
	char moment[BERTH_MOMENT_SIZE];
	g_autofree char *line = NULL;

	berth_moment_format(berth_moment_now(), moment);
	if (log->json) {
		g_autofree char *valid = g_utf8_make_valid(message, -1);
		BERTH_AUTO_JSON json_t *entry =
			json_pack("{ssssss}", "level", levels[level].name, "msg", valid, "time", moment);
		g_autofree char *text = berth_json_text(entry);
		line = g_strconcat(text, "\n", NULL);
	} else {
		g_autofree char *quoted = g_strescape(message, NULL);
		line = g_strdup_printf("time=\"%s\" level=%s msg=\"%s\"\n", moment, levels[level].name, quoted);
	}
	berth_write_all(log->fd, line, strlen(line), "the log", NULL);
}

// The journal's own protocol: a text with line breaks is preceded by its length.
static void send_journal(const struct runtime_log *log, enum runtime_log_level level, const char *message)
{
	g_autoptr(GString) entry = g_string_new(NULL);
	uint64_t length = GUINT64_TO_LE((uint64_t) strlen(message));

	g_string_append_printf(entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE\n", levels[level].priority,
			       log->name);
	g_string_append_len(entry, (const char *) &length, sizeof length);
	g_string_append_printf(entry, "%s\n", message);
	send(log->fd, entry->str, entry->len, MSG_NOSIGNAL);
}

static void send_syslog(const struct runtime_log *log, enum runtime_log_level level, const char *message)
{
	g_autofree char *line = g_strdup_printf("<%d>%s[%d]: %s", LOG_USER | levels[level].priority, log->name,
						(int) getpid(), message);

	send(log->fd, line, strlen(line), MSG_NOSIGNAL);
}

void runtime_log(const struct runtime_program *program, enum runtime_log_level level, const char *message)
{
	const struct runtime_log *log = &program->log;
	bool error = level == RUNTIME_LOG_ERROR;

	if (level > log->level)
		return;
	if (log->fd < 0 || error)
		fprintf(stderr, "berth-runtime: %s%s%s\n", error ? "" : levels[level].name, error ? "" : ": ", message);
	if (log->fd < 0)
		return;
	if (log->kind == RUNTIME_LOG_JOURNAL)
		send_journal(log, level, message);
	else if (log->kind == RUNTIME_LOG_SYSLOG)
		send_syslog(log, level, message);
	else
		write_file(log, level, message);
}
