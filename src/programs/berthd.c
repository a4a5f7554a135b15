// SPDX-License-Identifier: Apache-2.0
// berthd, the engine: reads its options, opens its sockets, opens the engine and serves the API until it is told to
// stop. Containers belong to their monitors and go on when it stops; it finds them again at its next start.
//
// SIGTERM and SIGINT stop it, SIGPWR (the machine goes down) stops the containers first, SIGHUP makes it read its
// configuration file again (daemon-life.c says what that changes). Exit status 0 after a stop, 1 when it cannot start.
#include "api/api.h"
#include "base/error.h"
#include "base/fd.h"
#include "programs/daemon-build.h"
#include "programs/daemon-life.h"
#include "programs/daemon-log.h"
#include "programs/daemon-notify.h"
#include "programs/daemon-sockets.h"
#include "sys/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define OPEN_FILES 65536 // wanted: each connection and each container needs a few
#define PIDFILE_TRIES 1500 // half a minute
#define PIDFILE_PAUSE 20000 // microseconds
#define PIDFILE_LIVES 10 // tries in a row that find its holder alive
#define ARENAS 2 // of malloc: each that a thread ever used stays in memory

// Locks the pid file. An engine that was killed may hold it for some time still: until the last of its threads has
// ended, and as long as a process that it just made for a monitor has its descriptors. That is waited for; an engine
// that runs is not.
static bool lock_pidfile(int fd, const char *path, GError **error)
{
	char text[32] = "";
	int lives = 0;

	for (int left = PIDFILE_TRIES; flock(fd, LOCK_EX | LOCK_NB) < 0; left--) {
		if (pread(fd, text, sizeof text - 1, 0) < 0)
			text[0] = '\0';
		g_strchomp(text);
		int holder = atoi(text);
		lives = holder > 0 && berth_process_ending(holder) ? 0 : lives + 1;
		if (left == 0 || lives == PIDFILE_LIVES)
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "pid file %s: an engine runs already (process %s)", path, text);
		g_usleep(PIDFILE_PAUSE);
	}
	return true;
}

// Opens and locks the file. One that its engine removed as it ended, while this one waited for it, is nobody's any
// more.
static int lock_file(const char *path, GError **error)
{
	for (;;) {
		struct stat status;
		berth_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0) {
			berth_error_set_errno(error, errno, "pid file %s", path);
			return -1;
		}
		if (!lock_pidfile(fd, path, error))
			return -1;
		if (fstat(fd, &status) == 0 && status.st_nlink > 0)
			return berth_fd_steal(&fd);
	}
}

// Locks the file for as long as this process lives. Returns its descriptor.
static int take_pidfile(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	berth_fd folder_fd = berth_open_folder(folder, true, 0711, error);
	char text[32] = "";

	if (folder_fd < 0)
		return -1;
	berth_fd fd = lock_file(path, error);
	if (fd < 0)
		return -1;
	g_snprintf(text, sizeof text, "%d\n", getpid());
	if (ftruncate(fd, 0) < 0) {
		berth_error_set_errno(error, errno, "pid file %s", path);
		return -1;
	}
	if (!berth_write_all(fd, text, strlen(text), path, error))
		return -1;
	return berth_fd_steal(&fd);
}

static void raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < OPEN_FILES) {
		limit.rlim_cur = MIN(limit.rlim_max, OPEN_FILES);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

// A sign of life for the service manager: the engine's locks can be had.
static void tell_alive(struct berth_engine *engine, gint64 interval)
{
	if (interval == 0)
		return;
	berth_engine_touch(engine);
	daemon_notify("WATCHDOG=1");
}

static void wait_for_stop(struct daemon_life *life, const sigset_t *signals)
{
	gint64 interval = daemon_notify_watchdog() / 2;
	const struct timespec pause = {interval / G_USEC_PER_SEC, interval % G_USEC_PER_SEC * 1000};

	for (;;) {
		siginfo_t info;
		tell_alive(life->engine, interval);
		int number = sigtimedwait(signals, &info, interval ? &pause : NULL);
		if (number == SIGHUP) {
			daemon_life_reload(life);
		} else if (number > 0) {
			life->options.live_restore = life->options.live_restore && number != SIGPWR;
			g_message("stopping: signal %d from process %d; containers %s", number, (int) info.si_pid,
				  life->options.live_restore ? "go on" : "are stopped");
			return;
		}
	}
}

static struct berth_api_tls tls_files(const struct daemon_options *options)
{
	return (struct berth_api_tls){
		.authorities = options->tls_verify ? options->tls_ca : NULL,
		.certificate = options->tls_certificate,
		.key = options->tls_key,
	};
}

// New certificates hold for new connections.
static void read_certificates(void *data)
{
	const struct daemon_life *life = data;
	const struct berth_api_tls files = tls_files(&life->options);
	g_autoptr(GError) error = NULL;

	if (life->options.tls && !berth_api_reload_tls(life->api, &files, &error))
		g_warning("reading the certificates again: %s; those from before hold", error->message);
}

static struct berth_api *start_api(struct daemon_life *life, const struct daemon_sockets *sockets, GError **error)
{
	const struct berth_api_options options = {
		.sockets = (const struct berth_api_socket *) (void *) sockets->sockets->data,
		.socket_count = sockets->sockets->len,
		.tls = tls_files(&life->options),
		.builder = daemon_build_builder(life->build),
		.spool = life->options.data_root,
	};

	return berth_api_start(life->engine, &options, error);
}

// Metrics have a socket of their own, of HTTP without TLS.
static bool start_metrics(const struct daemon_life *life, GError **error)
{
	const char *address = life->options.metrics_address;

	if (!address || !*address)
		return true;
	int fd = daemon_sockets_metrics(address, error);
	return fd >= 0 && berth_api_serve_metrics(life->api, fd, error);
}

// Serves with what is open. The sockets belong to the API from here on.
static bool serve(struct daemon_life *life, const struct daemon_sockets *sockets, const sigset_t *signals,
		  GError **error)
{
	life->engine = daemon_life_open(&life->options, (char *const *) sockets->warnings->pdata, error);
	life->build = life->engine ? daemon_build_new(life->engine, life->options.builder, error) : NULL;
	if (!life->build) {
		if (life->engine)
			berth_engine_close(life->engine);
		for (guint i = 0; i < sockets->sockets->len; i++)
			close(g_array_index(sockets->sockets, struct berth_api_socket, i).fd);
		return false;
	}
	life->reloaded = read_certificates;
	life->data = life;
	life->api = start_api(life, sockets, error);
	if (!life->api || !start_metrics(life, error)) {
		if (life->api)
			berth_api_stop(life->api);
		daemon_build_free(life->build);
		berth_engine_close(life->engine);
		return false;
	}
	g_message("berthd %s serves the API %s", BERTH_VERSION, API_VERSION_MAX_TEXT);
	daemon_notify("READY=1\nSTATUS=Serving");
	berth_engine_start_containers(life->engine);
	wait_for_stop(life, signals);
	daemon_notify("STOPPING=1");
	daemon_life_end(life);
	if (berth_api_stop(life->api)) {
		daemon_build_free(life->build);
		berth_engine_close(life->engine);
	} else {
		g_warning("some requests did not end in time; they are abandoned");
	}
	return true;
}

static void set_oom_score(const struct daemon_options *options)
{
	static const char path[] = "/proc/self/oom_score_adj";
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, options->oom_score_adjust);
	g_autoptr(GError) error = NULL;

	if (!options->given.oom_score_adjust)
		return;
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (!berth_write_all(fd, text, strlen(text), path, &error))
		g_warning("setting the engine's OOM score: %s", error->message);
}

// Of the environment, by which libcurl is told.
static void set_proxies(const struct daemon_options *options)
{
	const struct {
		const char *name, *value;
	} proxies[] = {{"http_proxy", options->http_proxy},
		       {"https_proxy", options->https_proxy},
		       {"no_proxy", options->no_proxy}};

	for (size_t i = 0; i < G_N_ELEMENTS(proxies); i++) {
		g_autofree char *upper = g_ascii_strup(proxies[i].name, -1);
		if (!proxies[i].value)
			continue;
		g_setenv(proxies[i].name, proxies[i].value, TRUE);
		g_setenv(upper, proxies[i].value, TRUE);
	}
}

static void prepare_process(const struct daemon_options *options, sigset_t *signals)
{
	// Threads inherit the mask; only wait_for_stop() sees these.
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGPWR);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	mallopt(M_ARENA_MAX, ARENAS);
	raise_open_files();
	set_oom_score(options);
	set_proxies(options);
}

static bool run(struct daemon_life *life, GError **error)
{
	const struct daemon_options *options = &life->options;
	struct daemon_sockets sockets = {0};
	sigset_t signals;

	if (geteuid() != 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "the engine needs the rights of root");
	prepare_process(options, &signals);
	daemon_life_warn(options);
	g_autofree char *pid_path = options->pidfile ? g_strdup(options->pidfile)
						     : g_build_filename(options->exec_root, "berthd.pid", NULL);
	berth_fd pidfile = take_pidfile(pid_path, error);
	if (pidfile < 0)
		return false;
	g_autofree char *fallback = g_strconcat("unix://", options->exec_root, "/berth.sock", NULL);
	bool served = daemon_sockets_open(&sockets, options, fallback, error) && serve(life, &sockets, &signals, error);
	daemon_sockets_close(&sockets, false);
	unlink(pid_path);
	return served;
}

static void print(GString *text)
{
	fputs(text->str, stdout);
	g_string_free(text, TRUE);
}

// What needs no engine: help, version, description, validation. False: go on.
static bool answer(const struct daemon_options *options, bool help)
{
	GString *text = g_string_new(NULL);

	if (help)
		daemon_options_help(text);
	else if (options->version)
		g_string_append(text, "Berth version " BERTH_VERSION "\n");
	else if (options->describe_api)
		berth_api_describe(text);
	else if (options->validate)
		g_string_append(text, "configuration OK\n");
	bool answered = text->len > 0;
	print(text);
	return answered;
}

// Each of what is wrong has a line of its own.
static void complain(const GError *error)
{
	g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);

	for (char **line = lines; *line; line++)
		fprintf(stderr, "berthd: %s\n", *line);
}

int main(int argc, char **argv)
{
	struct daemon_life life = {.argc = argc, .argv = argv};
	struct daemon_options *options = &life.options;
	g_autoptr(GError) error = NULL;
	bool help = false;

	bool fine = daemon_options_read(options, argc, argv, &help, &error);
	if (fine && !help) {
		daemon_log_start(strcmp(options->log_format, "json") == 0);
		fine = daemon_life_set_log(options, &error);
	}
	if (fine && options->validate)
		daemon_life_warn(options);
	if (fine && !answer(options, help))
		fine = run(&life, &error);
	if (!fine)
		complain(error);
	daemon_options_clear(options);
	return fine ? 0 : 1;
}
