// SPDX-License-Identifier: Apache-2.0
#include "monitor/health.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/exec-process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <unistd.h>

#define LEAF "probe" // of the container's cgroup
#define SECOND G_GINT64_CONSTANT(1000000000)
#define MILLISECOND G_GINT64_CONSTANT(1000000)
#define KILLED_GRACE 100 // milliseconds in which a probe that was killed is found to be so by the container's end
#define KILL_PATIENCE 2000 // milliseconds
#define EXECUTE_PATIENCE 5 // seconds beyond the timeout, in which a busy machine may still execute the program
#define READ_ONCE 4096
#define READ_LAST (1 << 20) // of what an ended probe left in its pipe

struct berth_prober {
	struct berth_source timer; // first; of the next probe, or of the end of this one's time
	struct berth_prober_setup setup;
	struct berth_health *health;
	struct berth_source process; // of the probe; -1: none runs
	struct berth_source output;
	struct berth_monitor_exec exec;
	GString *text; // its output
	int64_t begun_at;
	int64_t code; // of one that has ended and waits to be taken
	bool truncated, overrun, ended;
	bool paused, stopped;
};

#define PROBER_OF(source, member) ((struct berth_prober *) ((char *) (source) -offsetof(struct berth_prober, member)))

// "1m30s", as Docker writes durations.
static char *duration_text(int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / SECOND, milliseconds = nanoseconds % SECOND / MILLISECOND;
	g_autofree char *fraction = milliseconds ? g_strdup_printf(".%03d", (int) milliseconds) : g_strdup("");

	for (size_t end = strlen(fraction); end > 0 && fraction[end - 1] == '0';)
		fraction[--end] = '\0';
	if (nanoseconds < SECOND)
		return g_strdup_printf("%dms", (int) milliseconds);
	if (seconds < 60)
		return g_strdup_printf("%d%ss", (int) seconds, fraction);
	if (seconds < 3600)
		return g_strdup_printf("%dm%d%ss", (int) (seconds / 60), (int) (seconds % 60), fraction);
	return g_strdup_printf("%" G_GINT64_FORMAT "h%dm%d%ss", seconds / 3600, (int) (seconds / 60 % 60),
			       (int) (seconds % 60), fraction);
}

static void arm(struct berth_prober *prober, int64_t nanoseconds)
{
	int64_t milliseconds = CLAMP(nanoseconds / MILLISECOND, 1, G_MAXINT32);

	berth_timer_set(prober->setup.loop, &prober->timer, prober->paused ? 0 : (unsigned) milliseconds);
}

static bool starting_up(const struct berth_prober *prober, int64_t now)
{
	return now - prober->setup.started_at < prober->setup.check->start_period;
}

static void arm_next(struct berth_prober *prober)
{
	const struct berth_health_check *check = prober->setup.check;
	bool soon =
		starting_up(prober, berth_moment_now()) && g_str_equal(prober->health->status, BERTH_HEALTH_STARTING);

	arm(prober, soon ? check->start_interval : check->interval);
}

// What a probe gave

static char *take_text(struct berth_prober *prober)
{
	g_autoptr(GString) whole = g_string_new(NULL);

	if (prober->overrun) {
		g_autofree char *timeout = duration_text(prober->setup.check->timeout);
		g_string_printf(whole, "Health check exceeded timeout (%s)%s", timeout,
				prober->text->len > 0 ? ": " : "");
	}
	g_string_append_len(whole, prober->text->str, (gssize) prober->text->len);
	if (prober->truncated)
		g_string_append(whole, "...");
	return g_utf8_make_valid(whole->str, (gssize) whole->len);
}

static void take_result(struct berth_prober *prober, int64_t code, char *text)
{
	struct berth_health_result *result = berth_document_new(&berth_health_result_document);
	g_autofree char *before = g_strdup(prober->health->status);

	*result = (struct berth_health_result){prober->begun_at, berth_moment_now(), code, text};
	berth_health_add(prober->health, result, prober->setup.check->retries, starting_up(prober, prober->begun_at));
	prober->setup.ended(prober->setup.data, prober->exec.id ? &prober->exec : NULL, prober->health,
			    !g_str_equal(before, prober->health->status));
	g_clear_pointer(&prober->exec.id, g_free);
	arm_next(prober);
}

static void finish(struct berth_prober *prober)
{
	prober->ended = false;
	take_result(prober, prober->overrun ? -1 : prober->code, take_text(prober));
}

// Reads output; what is beyond the limit goes nowhere. False at its end, or if nothing is there.
static bool read_output(struct berth_prober *prober)
{
	char data[READ_ONCE];
	ssize_t count = read(prober->output.fd, data, sizeof data);

	if (count <= 0)
		return count < 0 && errno == EINTR;
	size_t room = BERTH_LIMIT_HEALTH_OUTPUT - prober->text->len;
	g_string_append_len(prober->text, data, MIN(count, (gssize) room));
	prober->truncated = prober->truncated || (size_t) count > room;
	return true;
}

static void close_output(struct berth_prober *prober)
{
	berth_source_set(prober->setup.loop, &prober->output, 0);
	berth_fd_clear(&prober->output.fd);
}

static void output_ready(struct berth_source *source, uint32_t events)
{
	struct berth_prober *prober = PROBER_OF(source, output);
	(void) events;

	if (!read_output(prober) && errno != EAGAIN)
		close_output(prober);
}

static void process_ended(struct berth_source *source, uint32_t events)
{
	struct berth_prober *prober = PROBER_OF(source, process);
	(void) events;

	berth_source_set(prober->setup.loop, source, 0);
	prober->code = prober->exec.exit_code = berth_exec_reap(source->fd);
	berth_fd_clear(&source->fd);
	prober->exec.running = false;
	prober->exec.exited_at = berth_moment_now();
	for (size_t left = READ_LAST; prober->output.fd >= 0 && left > 0 && read_output(prober); left -= READ_ONCE)
		;
	close_output(prober);
	prober->ended = true;
	// The end of a container kills what runs in it, before it is seen itself.
	if (!prober->overrun && prober->code == 128 + SIGKILL) {
		berth_timer_set(prober->setup.loop, &prober->timer, KILLED_GRACE);
	} else {
		finish(prober);
	}
}

// Probing

static void kill_probe(struct berth_prober *prober)
{
	if (!berth_container_kill_apart(prober->setup.container, LEAF))
		kill((pid_t) -prober->exec.pid, SIGKILL); // its group: it made a session
	pidfd_send_signal(prober->process.fd, SIGKILL, NULL, 0);
}

static char *make_id(void)
{
	uint8_t bytes[BERTH_LIMIT_EXEC_ID / 2];
	GString *id = g_string_new(NULL);

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		memset(bytes, 0, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		g_string_append_printf(id, "%02x", bytes[i]);
	return g_string_free(id, FALSE);
}

// One pipe for both streams, so that they stay in their order.
static bool spawn(struct berth_prober *prober, int pipe[2], GError **error)
{
	const struct berth_health_check *check = prober->setup.check;
	const struct oci_process wanted = {.args = check->args};
	struct berth_stdio stdio = {-1, pipe[1], pipe[1], -1};
	pid_t pid = 0;

	g_autoptr(oci_process) process = berth_exec_process_make(prober->setup.container, &wanted, false, error);
	if (!process)
		return false;
	const struct berth_exec exec = {
		.process = process,
		.stdio = &stdio,
		.die_with_parent = true,
		.apart = LEAF,
		.seconds = (unsigned) MIN(check->timeout / SECOND + EXECUTE_PATIENCE, BERTH_LIMIT_EXEC_SECONDS),
	};
	if (!berth_container_exec(prober->setup.container, &exec, &pid, &prober->process.fd, error))
		return false;
	prober->exec.pid = pid;
	return true;
}

static bool probe(struct berth_prober *prober, GError **error)
{
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "make a pipe");
	bool spawned = spawn(prober, pipe, error);
	close(pipe[1]);
	if (!spawned) {
		close(pipe[0]);
		return false;
	}
	fcntl(pipe[0], F_SETFL, O_NONBLOCK);
	prober->output.fd = pipe[0];
	prober->exec.id = make_id();
	prober->exec.running = true;
	berth_source_set(prober->setup.loop, &prober->output, EPOLLIN);
	berth_source_set(prober->setup.loop, &prober->process, EPOLLIN);
	return true;
}

static void begin(struct berth_prober *prober)
{
	g_autoptr(GError) error = NULL;

	prober->begun_at = berth_moment_now();
	g_string_truncate(prober->text, 0);
	prober->truncated = prober->overrun = false;
	prober->exec = (struct berth_monitor_exec){0};
	if (!probe(prober, &error)) {
		take_result(prober, -1, g_utf8_make_valid(error->message, -1));
		return;
	}
	prober->setup.began(prober->setup.data, &prober->exec);
	arm(prober, prober->setup.check->timeout);
}

static void timer_ready(struct berth_source *source, uint32_t events)
{
	struct berth_prober *prober = (struct berth_prober *) source;
	(void) events;

	berth_timer_set(prober->setup.loop, source, 0);
	if (prober->ended) {
		finish(prober);
	} else if (prober->process.fd >= 0) {
		prober->overrun = true;
		kill_probe(prober);
	} else {
		begin(prober);
	}
}

struct berth_prober *berth_prober_new(const struct berth_prober_setup *setup)
{
	struct berth_prober *prober = g_new0(struct berth_prober, 1);

	prober->setup = *setup;
	prober->timer = (struct berth_source){.fd = -1, .ready = timer_ready};
	prober->process = (struct berth_source){.fd = -1, .ready = process_ended};
	prober->output = (struct berth_source){.fd = -1, .ready = output_ready};
	prober->text = g_string_new(NULL);
	prober->health = berth_health_new();
	arm_next(prober);
	return prober;
}

const struct berth_health *berth_prober_health(const struct berth_prober *prober)
{
	return prober->health;
}

void berth_prober_pause(struct berth_prober *prober, bool paused)
{
	if (!prober || prober->stopped || prober->paused == paused)
		return;
	prober->paused = paused;
	if (prober->ended) // it is about to be taken
		return;
	if (prober->process.fd >= 0)
		arm(prober, prober->setup.check->timeout);
	else
		arm_next(prober);
}

void berth_prober_stop(struct berth_prober *prober)
{
	if (!prober)
		return;
	prober->stopped = true;
	berth_timer_set(prober->setup.loop, &prober->timer, 0);
	close_output(prober);
	if (prober->process.fd < 0)
		return;
	struct pollfd fd = {prober->process.fd, POLLIN, 0};
	kill_probe(prober);
	if (poll(&fd, 1, KILL_PATIENCE) > 0)
		berth_exec_reap(prober->process.fd);
	berth_source_set(prober->setup.loop, &prober->process, 0);
	berth_fd_clear(&prober->process.fd);
}

void berth_prober_free(struct berth_prober *prober)
{
	if (!prober)
		return;
	berth_prober_stop(prober);
	berth_fd_clear(&prober->timer.fd);
	berth_health_free(prober->health);
	g_string_free(prober->text, TRUE);
	g_free(prober->exec.id);
	g_free(prober);
}
