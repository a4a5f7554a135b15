// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-sockets.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG BERTH_LIMIT_CONNECTIONS // the kernel has a limit of its own (somaxconn)
#define FIRST_PASSED_FD 3 // sd_listen_fds(3)
#define DEFAULT_GROUP "berth"
#define LOOPBACK "127.0.0.1" // where nothing is said, and only there
#define PORT "2375" // Docker's
#define TLS_PORT "2376"

// The group of the sockets' files. One that is not there is no reason not to start: they are root's then.
static gid_t find_group(const char *name)
{
	char *end;
	const struct group *group = getgrnam(name ? name : DEFAULT_GROUP);

	if (group || !name)
		return group ? group->gr_gid : 0;
	unsigned long number = strtoul(name, &end, 10);
	if (*name != '\0' && *end == '\0' && number < (gid_t) -1)
		return (gid_t) number;
	g_warning("group %s for the engine's socket: there is none; it is root's alone", name);
	return 0;
}

// A socket file may be left from an engine that was killed; one that somebody listens on is not ours to remove.
static bool remove_stale(const char *path, const struct sockaddr_un *address, GError **error)
{
	struct stat status;
	berth_fd probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (lstat(path, &status) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "%s", path);
	if (!S_ISSOCK(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s: is there already and not a socket", path);
	if (connect(probe, (const struct sockaddr *) address, sizeof *address) == 0 || errno == EAGAIN)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s: another program listens on this socket", path);
	return unlink(path) == 0 || berth_error_set_errno(error, errno, "removing %s", path);
}

static int open_unix(const char *path, const char *group_name, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *folder = g_path_get_dirname(path);
	berth_fd fd = -1;

	if (*path != '/' || strlen(path) >= sizeof address.sun_path) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"host unix://%s: expected an absolute path of at most %zu bytes", path,
				sizeof address.sun_path - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	berth_fd folder_fd = berth_open_folder(folder, true, 0711, error);
	if (folder_fd < 0 || !remove_stale(path, &address, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177); // nobody but root before the group is set
	int bound = bind(fd, (struct sockaddr *) &address, sizeof address);
	umask(mask);
	if (bound < 0 || chown(path, 0, find_group(group_name)) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		berth_error_set_errno(error, errno, "listening on %s", path);
		return -1;
	}
	return berth_fd_steal(&fd);
}

// An address and port, either of which may be missing: "name:port", "[::1]:port", ":port", "name".
static int open_address(const char *what, const char *where, const char *fallback_port, GError **error)
{
	const char *colon = strrchr(where, ':'), *bracket = strrchr(where, ']');
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
	berth_fd fd = -1;

	if (bracket && colon && colon < bracket)
		colon = NULL;
	g_autofree char *host = colon ? g_strndup(where, (gsize) (colon - where)) : g_strdup(where);
	const char *port = colon && colon[1] ? colon + 1 : fallback_port;
	size_t length = strlen(host);
	if (length > 1 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		memmove(host, host + 1, length - 1);
	}
	int failure = port ? getaddrinfo(*host ? host : LOOPBACK, port, &hints, &found) : EAI_NONAME;
	if (failure != 0) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s%s: expected an address and a port: %s", what, where,
				gai_strerror(failure));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	// What is accepted has it, too: a peer that vanished is noticed in the end.
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	bool listening = bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
	if (!listening)
		berth_error_set_errno(error, errno, "listening on %s%s", what, where);
	freeaddrinfo(found);
	return listening ? berth_fd_steal(&fd) : -1;
}

static bool is_tcp(int fd)
{
	int domain = AF_UNSPEC;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
	return domain != AF_UNIX;
}

// Takes the descriptor. A host that everyone can use who reaches it must be wished for, and is warned of every time.
static bool add_socket(struct daemon_sockets *sockets, const struct daemon_options *options, const char *host, int fd,
		       GError **error)
{
	bool tcp = is_tcp(fd);
	const struct berth_api_socket added = {.fd = fd, .tls = tcp && options->tls};

	if (tcp && !options->tls_verify && !options->insecure_tcp) {
		close(fd);
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "host %s: everyone who can connect would have the rights of root; say "
				       "--tlsverify, or --allow-insecure-tcp if that is wanted",
				       host);
	}
	if (tcp && !options->tls_verify) {
		char *warning = g_strdup_printf("WARNING: API is accessible on %s without %s.\n         Access to the "
						"remote API is equivalent to root access on the host.",
						host, options->tls ? "client certificates" : "encryption");
		g_ptr_array_add(sockets->warnings, warning);
		g_warning("the API is served on %s without %s: everyone who can connect has the rights of root", host,
			  options->tls ? "client certificates" : "TLS");
	}
	g_array_append_val(sockets->sockets, added);
	return true;
}

// "fd://" and "fd://*": all that were passed, "fd://4": that descriptor.
static bool take_passed(struct daemon_sockets *sockets, const struct daemon_options *options, const char *host,
			int passed, GError **error)
{
	const char *which = host + strlen("fd://");
	bool all = *which == '\0' || strcmp(which, "*") == 0;
	int wanted = atoi(which);

	if (passed <= 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "host %s: no sockets were passed (is berth.socket started?)", host);
	if (!all && (wanted < FIRST_PASSED_FD || wanted >= FIRST_PASSED_FD + passed))
		return berth_error_set(error, BERTH_ERROR_INVALID, "host %s: descriptors %d to %d were passed", host,
				       FIRST_PASSED_FD, FIRST_PASSED_FD + passed - 1);
	for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + passed; fd++) {
		if (!all && fd != wanted)
			continue;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return berth_error_set_errno(error, errno, "host %s: descriptor %d", host, fd);
		if (!add_socket(sockets, options, host, fd, error))
			return false;
	}
	return true;
}

static int count_passed(void)
{
	const char *pid = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
	int number = pid && count && atoi(pid) == getpid() ? atoi(count) : 0;

	g_unsetenv("LISTEN_PID");
	g_unsetenv("LISTEN_FDS");
	g_unsetenv("LISTEN_FDNAMES");
	return number;
}

static bool open_one(struct daemon_sockets *sockets, const struct daemon_options *options, const char *host, int passed,
		     GError **error)
{
	int fd;

	if (g_str_has_prefix(host, "fd://"))
		return take_passed(sockets, options, host, passed, error);
	if (g_str_has_prefix(host, "unix://")) {
		const char *path = host + strlen("unix://");
		fd = open_unix(path, options->group, error);
		if (fd >= 0)
			g_ptr_array_add(sockets->paths, g_strdup(path));
	} else if (g_str_has_prefix(host, "tcp://")) {
		fd = open_address("tcp://", host + strlen("tcp://"), options->tls ? TLS_PORT : PORT, error);
	} else {
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "host %s: expected unix:///path, fd:// or tcp://address:port", host);
	}
	return fd >= 0 && add_socket(sockets, options, host, fd, error);
}

bool daemon_sockets_open(struct daemon_sockets *sockets, const struct daemon_options *options, const char *fallback,
			 GError **error)
{
	char *const alone[] = {(char *) (uintptr_t) fallback, NULL};
	char *const *host = options->hosts && options->hosts[0] ? options->hosts : alone;
	int passed = count_passed();

	sockets->sockets = g_array_new(FALSE, FALSE, sizeof(struct berth_api_socket));
	sockets->paths = g_ptr_array_new_with_free_func(g_free);
	sockets->warnings = g_ptr_array_new_with_free_func(g_free);
	for (; *host; host++)
		if (!open_one(sockets, options, *host, passed, error)) {
			daemon_sockets_close(sockets, true);
			return false;
		}
	g_ptr_array_add(sockets->warnings, NULL);
	return true;
}

int daemon_sockets_metrics(const char *address, GError **error)
{
	const char *colon = strrchr(address, ':');

	if (colon != address && !g_str_has_prefix(address, LOOPBACK) && !g_str_has_prefix(address, "[::1]") &&
	    !g_str_has_prefix(address, "localhost:"))
		g_warning("metrics are served on %s to everyone who can connect", address);
	return open_address("metrics at ", address, NULL, error);
}

void daemon_sockets_close(struct daemon_sockets *sockets, bool close_fds)
{
	for (guint i = 0; close_fds && sockets->sockets && i < sockets->sockets->len; i++)
		close(g_array_index(sockets->sockets, struct berth_api_socket, i).fd);
	for (guint i = 0; sockets->paths && i < sockets->paths->len; i++)
		unlink(sockets->paths->pdata[i]);
	g_clear_pointer(&sockets->sockets, g_array_unref);
	g_clear_pointer(&sockets->paths, g_ptr_array_unref);
	g_clear_pointer(&sockets->warnings, g_ptr_array_unref);
}
