// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/keys.h"
#include "spec/api-container.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#define BUFFER (64 << 10)
#define DEFAULT_DETACH_KEYS "ctrl-p,ctrl-q"
#define FRAME_ERR 2

// Passed on without a terminal. With one only its size is; these four end the program, the terminal restored.
static const int forwarded[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM,  SIGTERM,
				SIGCONT, SIGTSTP, SIGIO,   SIGPWR,  SIGPROF, SIGVTALRM};
static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

// State of a running session.
struct run {
	const struct berth_session *session;
	struct berth_answer *stream;
	struct berth_frames frames;
	struct berth_keys keys;
	GByteArray *typed; // waits to be sent
	bool in_open; // our input has more
	bool in_ended; // and its end was passed on
	bool detached;
	bool raw;
	struct termios saved;
};

static sigset_t signals_of(const struct berth_session *session)
{
	sigset_t set;

	sigemptyset(&set);
	if (session->tty) {
		sigaddset(&set, SIGWINCH);
		for (size_t i = 0; i < G_N_ELEMENTS(ending); i++)
			sigaddset(&set, ending[i]);
	} else if (session->signals) {
		for (size_t i = 0; i < G_N_ELEMENTS(forwarded); i++)
			sigaddset(&set, forwarded[i]);
	}
	return set;
}

void berth_session_block(const struct berth_session *session)
{
	sigset_t set = signals_of(session);

	sigprocmask(SIG_BLOCK, &set, NULL);
}

struct berth_answer *berth_session_attach(const struct berth_session *session, bool logs, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/attach", session->container, false);

	berth_path_add_switch(path, "stream", true);
	berth_path_add_switch(path, "stdin", session->in);
	berth_path_add_switch(path, "stdout", session->out);
	berth_path_add_switch(path, "stderr", session->err);
	berth_path_add_switch(path, "logs", logs);
	berth_path_add(path, "detachKeys", session->detach_keys);
	return berth_client_begin(session->client,
				  &(struct berth_call){.method = "POST", .path = path->str, .upgrade = true}, error);
}

// The first header bytes of a frame, then its content. Returns how many bytes were used, 0 on failure.
static size_t write_some(struct berth_frames *frames, const char *data, size_t length, GError **error)
{
	if (frames->left > 0) {
		size_t count = MIN(length, frames->left);
		int fd = frames->header[0] == FRAME_ERR ? frames->err : frames->out;
		if (frames->header[0] > FRAME_ERR)
			g_string_append_len(frames->told, data, (gssize) count);
		else if (fd >= 0 && !berth_write_all(fd, data, count, "the container's output", error))
			return 0;
		frames->left -= (uint32_t) count;
		return count;
	}
	frames->header[frames->filled++] = (unsigned char) *data;
	if (frames->filled == sizeof frames->header) {
		uint32_t size;
		memcpy(&size, frames->header + 4, sizeof size);
		frames->left = GUINT32_FROM_BE(size);
		frames->filled = 0;
	}
	return 1;
}

bool berth_frames_write(struct berth_frames *frames, const char *data, size_t length, GError **error)
{
	if (!frames->told)
		frames->told = g_string_new(NULL);
	while (length > 0) {
		if (frames->filled == 1 && frames->header[0] > 3)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "Unrecognized input header: %d",
					       frames->header[0]);
		size_t used = write_some(frames, data, length, error);
		if (used == 0)
			return false;
		data += used;
		length -= used;
	}
	return true;
}

void berth_frames_clear(struct berth_frames *frames)
{
	if (frames->told)
		g_string_free(frames->told, TRUE);
	frames->told = NULL;
}

bool berth_session_copy(struct berth_answer *stream, bool framed, GError **error)
{
	struct berth_frames frames = {.out = STDOUT_FILENO, .err = STDERR_FILENO};
	g_autofree char *buffer = g_malloc(BUFFER);
	ssize_t count;
	bool fine = true;

	while (fine && (count = berth_answer_read(stream, buffer, BUFFER, error)) != 0)
		fine = count > 0 && (framed ? berth_frames_write(&frames, buffer, (size_t) count, error)
					    : berth_write_all(STDOUT_FILENO, buffer, (size_t) count,
							      "the container's output", error));
	if (fine && frames.told && frames.told->len > 0)
		fine = berth_error_set(error, BERTH_ERROR_INTERNAL, BERTH_CLIENT_ERROR_PREFIX "%s", frames.told->str);
	berth_frames_clear(&frames);
	return fine;
}

static void send_size(const struct berth_session *session)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		return;
	g_autoptr(GString) path = session->exec ? berth_path_new("/exec/%s/resize", session->exec, false)
				  : session->failed_step
					  ? berth_path_new("/build/%s/resize", session->failed_step, false)
					  : berth_path_new("/containers/%s/resize", session->container, false);
	berth_path_add_integer(path, "h", size.ws_row);
	berth_path_add_integer(path, "w", size.ws_col);
	berth_client_do(session->client, "POST", path->str, NULL); // a container that has just ended has no size
}

static void set_raw(struct run *run)
{
	struct termios raw;

	if (!run->session->tty || !run->session->in || tcgetattr(STDIN_FILENO, &run->saved) < 0)
		return;
	raw = run->saved;
	cfmakeraw(&raw);
	run->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void restore(struct run *run)
{
	if (run->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &run->saved);
	run->raw = false;
}

static void take_signal(struct run *run, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return;
	int number = (int) info.ssi_signo;
	if (number == SIGWINCH) {
		send_size(run->session);
	} else if (run->session->tty) {
		restore(run);
		sigset_t set = signals_of(run->session);
		signal(number, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(number);
	} else {
		g_autoptr(GString) path = berth_path_new("/containers/%s/kill", run->session->container, false);
		berth_path_add_integer(path, "signal", number);
		berth_client_do(run->session->client, "POST", path->str, NULL); // one that has just ended hears nothing
	}
}

static bool read_input(struct run *run)
{
	char buffer[4096];
	ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (count <= 0)
		run->in_open = false;
	else if (berth_keys_filter(&run->keys, buffer, (size_t) count, run->typed))
		run->detached = true;
	return !run->detached;
}

// Sends what waits, and after the last of it the end. A container that takes no more input is no failure.
static void send_input(struct run *run)
{
	int fd = berth_answer_fd(run->stream);

	if (run->typed->len > 0) {
		ssize_t count = send(fd, run->typed->data, run->typed->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (count < 0) {
			run->in_open = false;
			run->in_ended = true;
			g_byte_array_set_size(run->typed, 0);
			return;
		}
		g_byte_array_remove_range(run->typed, 0, (guint) count);
	}
	if (run->typed->len == 0 && !run->in_open && !run->in_ended) {
		shutdown(fd, SHUT_WR);
		run->in_ended = true;
	}
}

// Takes output; *ret_over at its end.
static bool take_output(struct run *run, char *buffer, bool *ret_over, GError **error)
{
	g_autoptr(GError) failure = NULL;
	ssize_t count = berth_answer_read(run->stream, buffer, BUFFER, &failure);

	if (count <= 0) { // an engine that goes away ends the stream, too; the wait will tell
		*ret_over = true;
		return true;
	}
	if (run->session->tty)
		return !run->session->out ||
		       berth_write_all(STDOUT_FILENO, buffer, (size_t) count, "the container's output", error);
	return berth_frames_write(&run->frames, buffer, (size_t) count, error);
}

static bool pump(struct run *run, int signals, struct berth_answer *wait, GError **error)
{
	g_autofree char *buffer = g_malloc(BUFFER);
	bool over = run->stream == NULL;

	for (;;) {
		bool sending = !over && (run->typed->len > 0 || (!run->in_open && !run->in_ended));
		if (sending && run->session->in)
			send_input(run);
		if (over && (!wait || berth_answer_ready(wait)))
			return true;
		struct pollfd fds[] = {
			{signals, POLLIN, 0},
			{over ? -1 : berth_answer_fd(run->stream), POLLIN, 0},
			{!over && run->in_open && run->typed->len == 0 ? STDIN_FILENO : -1, POLLIN, 0},
			{over && wait ? berth_answer_fd(wait) : -1, POLLIN, 0},
		};
		if (run->typed->len > 0)
			fds[1].events |= POLLOUT;
		bool ready = !over && berth_answer_ready(run->stream);
		if (poll(fds, G_N_ELEMENTS(fds), ready ? 0 : -1) < 0 && errno != EINTR)
			return berth_error_set_errno(error, errno, "waiting for the container");
		if (fds[0].revents)
			take_signal(run, signals);
		if (fds[2].revents && !read_input(run))
			return true;
		if ((ready || (fds[1].revents & ~POLLOUT)) && !take_output(run, buffer, &over, error))
			return false;
		if (fds[3].revents)
			return true;
	}
}

bool berth_session_run(const struct berth_session *session, struct berth_answer *stream, struct berth_answer *wait,
		       enum berth_session_end *ret_end, GError **error)
{
	const char *keys = session->detach_keys ? session->detach_keys : DEFAULT_DETACH_KEYS;
	struct run run = {
		.session = session,
		.stream = stream,
		.frames = {.out = session->out ? STDOUT_FILENO : -1, .err = session->err ? STDERR_FILENO : -1},
		.in_open = session->in,
		.in_ended = !session->in};
	sigset_t set = signals_of(session);

	if (session->tty && session->in && !berth_keys_parse(keys, &run.keys, error))
		return false;
	sigprocmask(SIG_BLOCK, &set, NULL);
	berth_fd signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return berth_error_set_errno(error, errno, "making a descriptor of signals");
	run.typed = g_byte_array_new();
	if (session->tty && stream) {
		set_raw(&run);
		send_size(session);
	}
	bool fine = pump(&run, signals, wait, error);
	restore(&run);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (fine && run.frames.told && run.frames.told->len > 0)
		fine = berth_error_set(error, BERTH_ERROR_INTERNAL, BERTH_CLIENT_ERROR_PREFIX "%s",
				       run.frames.told->str);
	g_byte_array_unref(run.typed);
	berth_frames_clear(&run.frames);
	*ret_end = run.detached ? BERTH_SESSION_DETACHED : BERTH_SESSION_ENDED;
	return fine;
}

bool berth_session_status(struct berth_answer *wait, int *ret_status, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_answer_json(wait, error);

	if (!json)
		return false;
	g_autoptr(api_container_wait) result = berth_document_parse(&api_container_wait_document, json, error);
	if (!result)
		return false;
	*ret_status = (int) result->status_code;
	if (result->error && result->error->message && *result->error->message)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "Error waiting for container: %s",
				       result->error->message);
	return true;
}

int berth_session_start_status(const char *message)
{
	static const char *const not_found[] = {"executable file not found", "no such file or directory",
						"No such file or directory", "system cannot find the file specified"};
	static const char *const not_run[] = {"permission denied", "Permission denied", "is a directory",
					      "Is a directory",    "exec format error", "Exec format error"};

	for (size_t i = 0; i < G_N_ELEMENTS(not_found); i++)
		if (strstr(message, not_found[i]))
			return 127;
	for (size_t i = 0; i < G_N_ELEMENTS(not_run); i++)
		if (strstr(message, not_run[i]))
			return 126;
	return 125;
}
