// SPDX-License-Identifier: Apache-2.0
// berthd, the engine: reads its options, opens its sockets, opens the engine and serves the API until it is told to
// stop. Containers belong to their monitors and go on when it stops; it finds them again at its next start.
//
// SIGTERM and SIGINT stop it, SIGHUP makes it read its configuration file again (debug and log level). Exit status 0
// after a stop, 1 when it cannot start.
#include "api/api.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "programs/daemon-log.h"
#include "programs/daemon-options.h"
#include "programs/daemon-sockets.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define OPEN_FILES 65536 // wanted: each connection and each container needs a few
#define PIDFILE_TRIES 100
#define PIDFILE_PAUSE 20000 // microseconds
#define ARENAS 2 // of malloc: each that a thread ever used stays in memory

// sd_notify(3): tells the service manager how we are, if one wants to know.
static void notify(const char *state)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (*path == '@')
		address.sun_path[0] = '\0';
	berth_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path));
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *) &address, length);
}

// Programs lie beside berthd in a build folder, in libexec when installed.
static char *find_program(const char *given, const char *name, GError **error)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

	if (given)
		return access(given, X_OK) == 0
			       ? g_strdup(given)
			       : (berth_error_set_errno(error, errno, "program %s at %s", name, given), NULL);
	self[MAX(length, 0)] = '\0';
	g_autofree char *folder = g_path_get_dirname(self);
	g_autofree char *beside = g_build_filename(folder, name, NULL);
	g_autofree char *libexec = g_build_filename(folder, "..", "libexec", "berth", name, NULL);
	if (access(beside, X_OK) == 0)
		return g_steal_pointer(&beside);
	if (access(libexec, X_OK) == 0)
		return g_steal_pointer(&libexec);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND,
			"program %s: is neither %s nor %s; say where it is with --monitor-path or --init-path", name,
			beside, libexec);
	return NULL;
}

// Locks the file for as long as this process lives. Returns its descriptor.
// Locks the pid file. An engine that was killed as it started a monitor leaves a process behind that holds its
// descriptors for an instant: that one is waited for.
static bool lock_pidfile(int fd, const char *path, GError **error)
{
	char text[32] = "";

	for (int left = PIDFILE_TRIES; flock(fd, LOCK_EX | LOCK_NB) < 0; left--) {
		if (pread(fd, text, sizeof text - 1, 0) < 0)
			text[0] = '\0';
		g_strchomp(text);
		int holder = atoi(text);
		if (left == 0 || holder <= 0 || kill(holder, 0) == 0)
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "pid file %s: an engine runs already (process %s)", path, text);
		g_usleep(PIDFILE_PAUSE);
	}
	return true;
}

static int take_pidfile(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	berth_fd folder_fd = berth_open_folder(folder, true, 0711, error);
	char text[32] = "";

	if (folder_fd < 0)
		return -1;
	berth_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "pid file %s", path);
		return -1;
	}
	if (!lock_pidfile(fd, path, error))
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

static bool set_log_level(const struct daemon_options *options, GError **error)
{
	return daemon_log_set_level(options->debug ? "debug" : options->log_level, error);
}

static void reload(int argc, char **argv)
{
	struct daemon_options options = {0};
	g_autoptr(GError) error = NULL;
	bool help = false;

	notify("RELOADING=1");
	if (daemon_options_read(&options, argc, argv, &help, &error) && set_log_level(&options, &error))
		g_message("the configuration was read again: debug and log level are as it says");
	else
		g_warning("reading the configuration again: %s; nothing is changed", error->message);
	daemon_options_clear(&options);
	notify("READY=1");
}

static struct berth_engine *open_engine(const struct daemon_options *options, GError **error)
{
	g_autofree char *monitor = find_program(options->monitor_path, "berth-monitor", error);
	g_autofree char *init = monitor ? find_program(options->init_path, "berth-init", error) : NULL;

	if (!init)
		return NULL;
	struct berth_engine_options engine = {
		.data_root = options->data_root,
		.exec_root = options->exec_root,
		.monitor_program = monitor,
		.init_program = init,
		.snapshot_driver = options->storage_driver,
		.cgroup_parent = options->cgroup_parent,
		.userns = options->userns,
		.log_driver = options->log_driver,
		.log_options = options->log_options,
		.labels = options->labels,
		.registries =
			{
				.insecure = options->insecure_registries,
				.mirrors = options->registry_mirrors,
				.certificates = options->registry_certificates,
				.downloads = (int) options->downloads,
				.uploads = (int) options->uploads,
			},
		.network =
			{
				.no_bridge = options->bridge && strcmp(options->bridge, "none") == 0,
				.bridge_address = options->bip,
				.bridge_range = options->fixed_cidr,
				.bridge_subnet6 = options->fixed_cidr_v6,
				.bridge_ipv6 = options->ipv6,
				.pools = options->address_pools,
				.host_address = options->host_address,
				.mtu = options->mtu,
				.no_icc = !options->icc,
				.no_masquerade = !options->ip_masq,
				.no_forwarding = !options->ip_forward,
				.dns = options->dns,
				.dns_options = options->dns_options,
				.dns_search = options->dns_search,
				.host_gateway = options->host_gateway,
				.published_ports = options->published_ports,
				.cni_folders = options->cni_folders,
				.cni_programs = options->cni_programs,
			},
		.plugin_folders = options->plugin_folders,
		.debug = options->debug,
	};
	return berth_engine_open(&engine, error);
}

static void wait_for_stop(const sigset_t *signals, int argc, char **argv)
{
	for (;;) {
		siginfo_t info;
		int number = sigwaitinfo(signals, &info);
		if (number == SIGHUP)
			reload(argc, argv);
		else if (number > 0) {
			g_message("stopping: signal %d from process %d; containers go on", number, (int) info.si_pid);
			return;
		}
	}
}

// Serves with what is open. The sockets belong to the API from here on.
static bool serve(const struct daemon_options *options, const struct daemon_sockets *sockets, const sigset_t *signals,
		  int argc, char **argv, GError **error)
{
	struct berth_engine *engine = open_engine(options, error);

	if (!engine) {
		for (guint i = 0; i < sockets->fds->len; i++)
			close(g_array_index(sockets->fds, int, i));
		return false;
	}
	struct berth_api_options api_options = {(const int *) (void *) sockets->fds->data, sockets->fds->len};
	struct berth_api *api = berth_api_start(engine, &api_options, error);
	if (!api) {
		berth_engine_close(engine);
		return false;
	}
	g_message("berthd %s serves the API %s", BERTH_VERSION, API_VERSION_MAX_TEXT);
	notify("READY=1");
	berth_engine_start_containers(engine);
	wait_for_stop(signals, argc, argv);
	notify("STOPPING=1");
	if (berth_api_stop(api))
		berth_engine_close(engine);
	else
		g_warning("some requests did not end in time; they are abandoned");
	return true;
}

static bool run(const struct daemon_options *options, int argc, char **argv, GError **error)
{
	struct daemon_sockets sockets = {0};
	sigset_t signals;

	if (geteuid() != 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "the engine needs the rights of root");
	// Threads inherit the mask; only wait_for_stop() sees these.
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	mallopt(M_ARENA_MAX, ARENAS);
	raise_open_files();
	g_autofree char *pid_path = options->pidfile ? g_strdup(options->pidfile)
						     : g_build_filename(options->exec_root, "berthd.pid", NULL);
	berth_fd pidfile = take_pidfile(pid_path, error);
	if (pidfile < 0)
		return false;
	g_autofree char *fallback = g_strconcat("unix://", options->exec_root, "/berth.sock", NULL);
	bool served =
		daemon_sockets_open(&sockets, options->hosts, fallback, options->group, options->insecure_tcp, error) &&
		serve(options, &sockets, &signals, argc, argv, error);
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

int main(int argc, char **argv)
{
	struct daemon_options options = {0};
	g_autoptr(GError) error = NULL;
	bool help = false;

	bool fine = daemon_options_read(&options, argc, argv, &help, &error);
	if (fine && !help) {
		daemon_log_start(strcmp(options.log_format, "json") == 0);
		fine = set_log_level(&options, &error);
	}
	if (fine && !answer(&options, help))
		fine = run(&options, argc, argv, &error);
	if (!fine)
		fprintf(stderr, "berthd: %s\n", error->message);
	daemon_options_clear(&options);
	return fine ? 0 : 1;
}
