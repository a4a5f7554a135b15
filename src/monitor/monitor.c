// SPDX-License-Identifier: Apache-2.0
// Created, running, draining (init has ended, its output is taken), over (exit.json is written and told), and then the
// clients that still have output to come. One thread; nothing here waits except the loop, and the runtime while it
// creates, starts or removes the container.
#include "monitor/monitor.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/exec-process.h"
#include "monitor/monitor-internal.h"
#include "monitor/resolver.h"
#include "sys/self.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DRAIN_GRACE 1000 // milliseconds for a process that outlived the container and holds its output open
#define LINGER 10000 // milliseconds in which clients can take what is left for them
#define TURNS_BETWEEN 64 // of the loop, between two beginnings of further processes, where there is more to do
#define REST_AFTER 1000 // milliseconds without an event, after which memory is given back, once
#define WARNINGS "monitor.log" // in the run folder
#define WARNINGS_LIMIT (64 << 10)

// What goes wrong while nobody asks is written where the one who looks for it finds it, and stays small.
// Writes down what goes wrong while nobody asks; `data` is the monitor.
static void warn(void *data, const char *message)
{
	struct monitor *monitor = data;
	char moment[BERTH_MOMENT_SIZE];
	struct stat status;
	berth_fd fd = openat(monitor->folder, WARNINGS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fstat(fd, &status) < 0 || status.st_size > WARNINGS_LIMIT)
		return;
	berth_moment_format(berth_moment_now(), moment);
	g_autofree char *line = g_strdup_printf("%s %s\n", moment, message);
	berth_write_all(fd, line, strlen(line), WARNINGS, NULL);
}

// The container's end

static void init_ended(struct berth_source *source, uint32_t events)
{
	struct monitor *monitor = (struct monitor *) ((char *) source - offsetof(struct monitor, init));
	siginfo_t info = {0};
	(void) events;

	berth_source_set(&monitor->loop, source, 0);
	monitor->exit.exited_at = berth_moment_now();
	if (waitid(P_PIDFD, (id_t) source->fd, &info, WEXITED) < 0 || monitor->failed_start) {
		// A program that could not be executed leaves no status of its own.
		monitor->exit.exit_code = monitor->failed_start ? monitor->failed_start : 255;
	} else if (info.si_code == CLD_EXITED) {
		monitor->exit.exit_code = info.si_status & 0xff;
	} else {
		monitor->exit.signal = info.si_status;
		monitor->exit.exit_code = 128 + info.si_status;
	}
	// Without a pid namespace of its own what init left behind lives on, and may hold the output open.
	if (!monitor->own_pids)
		berth_container_signal(monitor->container, SIGKILL, true, NULL);
	berth_prober_stop(monitor->prober);
	berth_execs_end(monitor->execs);
	berth_streams_drain(monitor->streams, DRAIN_GRACE);
}

static void write_exit(struct monitor *monitor)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = berth_document_print_text(&berth_monitor_exit_document, &monitor->exit, 0);

	if (!berth_write_file_at(monitor->folder, BERTH_MONITOR_EXIT, text, strlen(text), 0600, false, &error))
		warn(monitor, error->message);
}

// Removes cgroup and state, and lets the next monitor into the folder.
static void remove_container(struct monitor *monitor)
{
	g_autoptr(GError) error = NULL;

	if (!berth_container_delete(monitor->container, true, &error))
		warn(monitor, error->message);
	berth_server_close(monitor->server);
	unlinkat(monitor->folder, BERTH_MONITOR_SOCKET, 0);
	flock(monitor->folder, LOCK_UN);
}

// All output was taken. The order matters: log, exit.json, the event, the clients' end, and only then what takes time.
// The root's descriptor is kept until here: whoever lets go of an overlay mount last waits for a sync of the file
// system beneath it, and that would be the container's init, before its end is seen.
static void log_ended(void *data)
{
	struct monitor *monitor = data;
	uint64_t kills = 0;

	if (berth_container_oom_kills(monitor->container, &kills, NULL))
		monitor->exit.oom_killed = kills > 0;
	BERTH_FAILPOINT("monitor.exit.drained");
	write_exit(monitor);
	BERTH_FAILPOINT("monitor.exit.written");
	monitor->over = true;
	if (monitor->exit.oom_killed)
		berth_server_tell(monitor->server, &(struct berth_monitor_reply){.event = (char *) "oom"}, false);
	berth_server_tell(monitor->server,
			  &(struct berth_monitor_reply){.event = (char *) "exited", .exit = &monitor->exit}, false);
	berth_streams_let_go(monitor->streams);
	g_clear_pointer(&monitor->resolver, berth_resolver_free);
	BERTH_FAILPOINT("monitor.exit.told");
	close(BERTH_MONITOR_FD_ROOTFS);
	remove_container(monitor);
	berth_timer_set(&monitor->loop, &monitor->linger, LINGER);
}

static void drained(void *data)
{
	struct monitor *monitor = data;

	if (monitor->log)
		berth_log_output_end(monitor->log);
	else
		log_ended(monitor);
}

static void log_has_room(void *data)
{
	struct monitor *monitor = data;

	berth_streams_resume(monitor->streams);
}

static void linger_over(struct berth_source *source, uint32_t events)
{
	struct monitor *monitor = (struct monitor *) ((char *) source - offsetof(struct monitor, linger));
	(void) events;
	monitor->given_up = true;
}

// Requests

static void detached(void *data)
{
	struct monitor *monitor = data;
	berth_server_tell(monitor->server, &(struct berth_monitor_reply){.event = (char *) "detached"}, false);
}

static const struct berth_monitor_exit *ended(void *data)
{
	const struct monitor *monitor = data;
	return monitor->over ? &monitor->exit : NULL;
}

static bool start(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		  struct berth_monitor_reply *reply, GError **error)
{
	GError *failure = NULL;
	(void) request;
	(void) fds;

	if (monitor->started_at)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s: it was started before", monitor->id);
	// What was restored runs already.
	if (!monitor->settings->images && !berth_container_start(monitor->container, &failure)) {
		// As shells say it: 127 not found, 126 found but not executable.
		bool missing = g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) ||
			       strstr(failure->message, "not found") || strstr(failure->message, "no such file");
		monitor->failed_start = missing ? 127 : 126;
		g_propagate_error(error, failure);
		return false;
	}
	monitor->started_at = berth_moment_now();
	reply->pid = monitor->pid;
	berth_monitor__probe(monitor);
	malloc_trim(0);
	return true;
}

static bool send_signal(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			struct berth_monitor_reply *reply, GError **error)
{
	(void) fds;
	(void) reply;
	return berth_container_signal(monitor->container, (int) request->signal, request->all, error);
}

static bool resize(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		   struct berth_monitor_reply *reply, GError **error)
{
	(void) fds;
	(void) reply;
	return berth_streams_resize(monitor->streams, (unsigned) request->width, (unsigned) request->height, error);
}

static bool attach(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		   struct berth_monitor_reply *reply, GError **error)
{
	(void) reply;
	return berth_streams_attach(monitor->streams, berth_fd_steal(&fds[0]), request, false, error);
}

static bool attach_log(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		       struct berth_monitor_reply *reply, GError **error)
{
	(void) reply;
	return berth_streams_attach(monitor->streams, berth_fd_steal(&fds[0]), request, true, error);
}

static bool freeze(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		   struct berth_monitor_reply *reply, GError **error)
{
	(void) request;
	(void) fds;
	(void) reply;
	if (!berth_container_freeze(monitor->container, error))
		return false;
	berth_prober_pause(monitor->prober, true);
	return true;
}

static bool thaw(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		 struct berth_monitor_reply *reply, GError **error)
{
	(void) request;
	(void) fds;
	(void) reply;
	if (!berth_container_thaw(monitor->container, error))
		return false;
	berth_prober_pause(monitor->prober, false);
	return true;
}

static bool stat_container(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			   struct berth_monitor_reply *reply, GError **error)
{
	(void) request;
	(void) fds;
	g_autoptr(oci_state) state = monitor->over ? NULL : berth_container_state(monitor->container, error);
	if (!state && !monitor->over)
		return false;
	reply->status = berth_document_new(&berth_monitor_status_document);
	reply->status->status = g_strdup(state ? state->status : "stopped");
	reply->status->pid = state ? state->pid : 0;
	reply->status->started_at = monitor->started_at;
	reply->status->attached = berth_streams_attached(monitor->streams);
	reply->status->log_lost = monitor->log ? (int64_t) berth_log_output_lost(monitor->log) : 0;
	reply->status->version = g_strdup(BERTH_VERSION);
	if (monitor->prober)
		reply->status->health = g_strdup(berth_prober_health(monitor->prober)->status);
	return true;
}

static bool list_pids(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		      struct berth_monitor_reply *reply, GError **error)
{
	(void) request;
	(void) fds;
	g_autoptr(GArray) pids = berth_container_pids(monitor->container, error);
	if (!pids)
		return false;
	reply->pids = json_array();
	for (unsigned i = 0; i < pids->len; i++)
		json_array_append_new(reply->pids, json_integer(g_array_index(pids, pid_t, i)));
	return true;
}

static bool resolve(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		    struct berth_monitor_reply *reply, GError **error)
{
	static const struct berth_resolver_setup setup = {.host_file = "/etc/resolv.conf", .port = 53};
	(void) reply;

	if (!monitor->resolver)
		monitor->resolver = berth_resolver_new(&monitor->loop, &setup);
	return berth_resolver_set(monitor->resolver, request->resolver, fds, error);
}

static bool update(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
		   struct berth_monitor_reply *reply, GError **error)
{
	(void) fds;
	(void) reply;
	return berth_container_update(monitor->container, request->resources, error);
}

static bool handle(void *data, enum berth_monitor_verb verb, const struct berth_monitor_request *request, int *fds,
		   struct berth_monitor_reply *reply, GError **error)
{
	static const struct {
		berth_monitor_handler *handle;
		bool any_time; // also when the container is over
	} handlers[BERTH_MONITOR_VERBS] = {
		[BERTH_MONITOR_START] = {start},
		[BERTH_MONITOR_SIGNAL] = {send_signal},
		[BERTH_MONITOR_RESIZE] = {resize},
		[BERTH_MONITOR_ATTACH] = {attach, true},
		[BERTH_MONITOR_ATTACH_LOG] = {attach_log, true},
		[BERTH_MONITOR_FREEZE] = {freeze},
		[BERTH_MONITOR_THAW] = {thaw},
		[BERTH_MONITOR_STAT] = {stat_container, true},
		[BERTH_MONITOR_PIDS] = {list_pids},
		[BERTH_MONITOR_RESOLVE] = {resolve},
		[BERTH_MONITOR_UPDATE] = {update},
		[BERTH_MONITOR_CHECKPOINT] = {berth_monitor__checkpoint},
		[BERTH_MONITOR_EXEC] = {berth_monitor__exec},
		[BERTH_MONITOR_EXEC_RESIZE] = {berth_monitor__exec_resize},
		[BERTH_MONITOR_EXEC_STAT] = {berth_monitor__exec_stat, true},
		[BERTH_MONITOR_EXEC_LIST] = {berth_monitor__exec_list, true},
		[BERTH_MONITOR_HEALTH] = {berth_monitor__health, true},
	};
	struct monitor *monitor = data;

	if (monitor->over && !handlers[verb].any_time)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s: it has ended", monitor->id);
	return handlers[verb].handle(monitor, request, fds, reply, error);
}

// The beginning

static bool read_documents(struct monitor *monitor, struct oci_config **ret_config, GError **error)
{
	size_t length;
	g_autofree char *settings =
		berth_read_file_at(monitor->folder, BERTH_MONITOR_SETTINGS, BERTH_LIMIT_JSON, &length, error);
	monitor->settings = settings ? berth_document_parse_text(&berth_monitor_settings_document, settings, length,
								 BERTH_MONITOR_SETTINGS, error)
				     : NULL;
	if (!monitor->settings)
		return false;
	g_autofree char *config = berth_read_file_at(monitor->folder, "config.json", BERTH_LIMIT_JSON, &length, error);
	*ret_config =
		config ? berth_document_parse_text(&oci_config_document, config, length, "config.json", error) : NULL;
	return *ret_config != NULL;
}

static bool has_own_pids(const struct oci_config *config)
{
	GPtrArray *namespaces = config->os_linux ? config->os_linux->namespaces : NULL;

	for (unsigned i = 0; namespaces && i < namespaces->len; i++) {
		const struct oci_namespace *namespace = g_ptr_array_index(namespaces, i);
		if (g_strcmp0(namespace->type, "pid") == 0)
			return !namespace->path || !*namespace->path;
	}
	return false;
}

// What a monitor that was killed left behind is removed first: its container died with it.
static bool remove_leftover(struct monitor *monitor, GError **error)
{
	g_autoptr(berth_container) leftover = NULL;

	if (!berth_container_load(&monitor->runtime, monitor->id, &leftover, NULL))
		return true;
	return berth_container_delete(leftover, true, error);
}

static bool create_container(struct monitor *monitor, const struct oci_config *config, GError **error)
{
	__attribute__((cleanup(berth_exec_pipes_clear))) struct berth_exec_pipes pipes = BERTH_EXEC_NO_PIPES;
	bool terminal = config->process && config->process->terminal;

	if (!terminal && !berth_exec_pipes_make(&pipes, monitor->settings->open_stdin, true, true, error))
		return false;
	struct stat null;
	bool detached_root = fstat(BERTH_MONITOR_FD_ROOTFS, &null) == 0 && S_ISDIR(null.st_mode);
	struct berth_stdio stdio = {pipes.theirs[0], pipes.theirs[1], pipes.theirs[2], -1};
	struct berth_create create = {
		.bundle = monitor->run_folder,
		.rootfs_fd = detached_root ? BERTH_MONITOR_FD_ROOTFS : -1,
		.stdio = &stdio,
		.die_with_parent = true,
		.own_start = true,
		.network = &monitor->network,
	};
	if (!remove_leftover(monitor, error) || !berth_monitor__make(monitor, config, &create, error))
		return false;

	monitor->buffer = g_malloc(BERTH_STREAMS_BUFFER);
	struct berth_streams_setup setup = {
		.in = berth_fd_steal(&pipes.ours[0]),
		.out = berth_fd_steal(&pipes.ours[1]),
		.err = berth_fd_steal(&pipes.ours[2]),
		.console = stdio.console,
		.stdin_once = monitor->settings->stdin_once,
		.buffer = monitor->buffer,
		.log = monitor->log,
		.drained = drained,
		.detached = detached,
		.data = monitor,
	};
	monitor->streams = berth_streams_new(&monitor->loop, &setup);
	monitor->pid = berth_container_pid(monitor->container);
	monitor->own_pids = has_own_pids(config);
	monitor->init = (struct berth_source){
		.fd = fcntl(berth_container_pidfd(monitor->container), F_DUPFD_CLOEXEC, 3), .ready = init_ended};
	berth_source_set(&monitor->loop, &monitor->init, EPOLLIN);
	if (terminal && monitor->settings->console_width > 0 && monitor->settings->console_height > 0)
		berth_streams_resize(monitor->streams, (unsigned) monitor->settings->console_width,
				     (unsigned) monitor->settings->console_height, NULL);
	return true;
}

static bool create(struct monitor *monitor, GError **error)
{
	g_autoptr(oci_config) config = NULL;
	const struct berth_monitor_settings *settings;

	if (!berth_loop_open(&monitor->loop, error) || !read_documents(monitor, &config, error))
		return false;
	settings = monitor->settings;
	monitor->runtime = (struct berth_runtime){
		.state_root = settings->state_root,
		.cache_root = settings->cache_root && *settings->cache_root ? settings->cache_root : NULL,
		.warn = warn,
		.data = monitor,
	};
	if ((settings->log_path && *settings->log_path) || settings->log_target) {
		const struct berth_log_output_setup setup = {log_has_room, warn, log_ended, monitor};
		monitor->log = berth_log_output_new(&monitor->loop, settings, &setup, error);
		if (!monitor->log) {
			g_prefix_error(error, "failed to initialize logging driver: ");
			return false;
		}
	}
	return create_container(monitor, config, error);
}

// From here on the monitor outlives what signals the host or its operator send to everything. The container's process
// exists already and does not inherit this.
static void ignore_signals(void)
{
	static const int signals[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXFSZ};

	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], SIG_IGN);
}

static void monitor_clear(struct monitor *monitor)
{
	berth_server_free(monitor->server);
	berth_resolver_free(monitor->resolver);
	berth_prober_free(monitor->prober);
	berth_execs_free(monitor->execs);
	berth_streams_free(monitor->streams);
	berth_log_output_free(monitor->log);
	berth_container_free(monitor->container);
	berth_fd_clear(&monitor->init.fd);
	berth_fd_clear(&monitor->linger.fd);
	berth_document_free(&berth_monitor_settings_document, monitor->settings);
	berth_loop_close(&monitor->loop);
	g_free(monitor->buffer);
}

static bool has_clients(const struct monitor *monitor)
{
	return berth_streams_clients(monitor->streams) > 0 || berth_execs_clients(monitor->execs) > 0;
}

int berth_monitor_run(const char *id, const char *run_folder, int network)
{
	__attribute__((cleanup(monitor_clear))) struct monitor monitor = {
		.id = id,
		.run_folder = run_folder,
		.network = network,
		.folder = BERTH_MONITOR_FD_FOLDER,
		.loop = {-1},
		.init = {.fd = -1},
		.linger = {.fd = -1, .ready = linger_over},
	};
	g_autoptr(GError) error = NULL;

	for (int fd = BERTH_MONITOR_FD_LISTEN; fd < BERTH_MONITOR_FD_END; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return 2;
	close(BERTH_MONITOR_FD_PROGRAM);
	fcntl(BERTH_MONITOR_FD_CONNECTION, F_SETFL, O_NONBLOCK);
	bool created = create(&monitor, &error);
	berth_fd_clear(&monitor.network); // it lives as long as the container's processes
	ignore_signals();
	struct berth_server_setup setup = {
		.listening = BERTH_MONITOR_FD_LISTEN, .handle = handle, .ended = ended, .data = &monitor};
	monitor.server = berth_server_new(&monitor.loop, &setup);
	struct berth_monitor_reply reply = {.answer = (char *) "create", .pid = monitor.pid};
	if (!created) {
		reply = (struct berth_monitor_reply){
			.error = (char *) berth_error_kind_name((enum berth_error) error->code),
			.message = error->message};
		berth_server_adopt(monitor.server, BERTH_MONITOR_FD_CONNECTION, &reply);
		return 1;
	}
	berth_server_adopt(monitor.server, BERTH_MONITOR_FD_CONNECTION, &reply);

	bool resting = false;
	unsigned turns = 0;
	while (!monitor.over || (has_clients(&monitor) && !monitor.given_up)) {
		berth_execs_sweep(monitor.execs);
		bool busy = berth_server_busy(monitor.server);
		bool turned = berth_loop_turn(&monitor.loop, busy ? 0 : resting ? -1 : REST_AFTER);
		if (busy && (!turned || ++turns % TURNS_BETWEEN == 0))
			berth_server_begin(monitor.server);
		if (turned || busy) {
			resting = false;
		} else if (!resting) {
			malloc_trim(0);
			berth_self_rest();
			resting = true;
		}
	}
	// Requests that are there already are still answered.
	for (int rest = 0; rest < 1000 && (berth_loop_turn(&monitor.loop, 0) || berth_server_busy(monitor.server));
	     rest++)
		berth_server_begin(monitor.server);
	return 0;
}
