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

static bool find_group(const char *name, gid_t *ret, GError **error)
{
	char *end;
	const struct group *group = getgrnam(name ? name : DEFAULT_GROUP);

	*ret = group ? group->gr_gid : 0;
	if (group || !name)
		return true;
	unsigned long number = strtoul(name, &end, 10);
	if (*name == '\0' || *end != '\0' || number >= (gid_t) -1)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "group %s for the engine's socket: there is none",
				       name);
	*ret = (gid_t) number;
	return true;
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
	gid_t group;

	if (*path != '/' || strlen(path) >= sizeof address.sun_path) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"host unix://%s: expected an absolute path of at most %zu bytes", path,
				sizeof address.sun_path - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	berth_fd folder_fd = berth_open_folder(folder, true, 0711, error);
	if (folder_fd < 0 || !find_group(group_name, &group, error) || !remove_stale(path, &address, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177); // nobody but root before the group is set
	int bound = bind(fd, (struct sockaddr *) &address, sizeof address);
	umask(mask);
	if (bound < 0 || chown(path, 0, group) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
		berth_error_set_errno(error, errno, "listening on %s", path);
		return -1;
	}
	return berth_fd_steal(&fd);
}

static int open_tcp(const char *where, bool allowed, GError **error)
{
	const char *colon = strrchr(where, ':');
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
	berth_fd fd = -1;

	if (!allowed) {
		berth_error_set(
			error, BERTH_ERROR_FORBIDDEN,
			"host tcp://%s: everyone who can connect would have the rights of root, and this version "
			"has no TLS; say --allow-insecure-tcp if that is wanted",
			where);
		return -1;
	}
	if (!colon || colon[1] == '\0') {
		berth_error_set(error, BERTH_ERROR_INVALID, "host tcp://%s: expected an address and a port", where);
		return -1;
	}
	g_autofree char *host = g_strndup(where, (gsize) (colon - where));
	size_t length = strlen(host);
	if (length > 1 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		memmove(host, host + 1, length - 1);
	}
	int failure = getaddrinfo(*host ? host : "127.0.0.1", colon + 1, &hints, &found);
	if (failure != 0) {
		berth_error_set(error, BERTH_ERROR_INVALID, "host tcp://%s: %s", where, gai_strerror(failure));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	bool listening = bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
	if (!listening)
		berth_error_set_errno(error, errno, "listening on tcp://%s", where);
	freeaddrinfo(found);
	if (!listening)
		return -1;
	g_warning("the API is served on tcp://%s without TLS: everyone who can connect has the rights of root", where);
	return berth_fd_steal(&fd);
}

static bool take_passed(struct daemon_sockets *sockets, GError **error)
{
	const char *pid = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
	int number = pid && count && atoi(pid) == getpid() ? atoi(count) : 0;

	if (number <= 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "host fd://: no sockets were passed (is berth.socket started?)");
	for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + number; fd++) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return berth_error_set_errno(error, errno, "host fd://: descriptor %d", fd);
		g_array_append_val(sockets->fds, fd);
	}
	g_unsetenv("LISTEN_PID");
	g_unsetenv("LISTEN_FDS");
	g_unsetenv("LISTEN_FDNAMES");
	return true;
}

static bool open_one(struct daemon_sockets *sockets, const char *host, const char *group, bool insecure_tcp,
		     GError **error)
{
	int fd;

	if (strcmp(host, "fd://") == 0 || strcmp(host, "fd://*") == 0)
		return take_passed(sockets, error);
	if (g_str_has_prefix(host, "unix://")) {
		const char *path = host + strlen("unix://");
		fd = open_unix(path, group, error);
		if (fd >= 0)
			g_ptr_array_add(sockets->paths, g_strdup(path));
	} else if (g_str_has_prefix(host, "tcp://")) {
		fd = open_tcp(host + strlen("tcp://"), insecure_tcp, error);
	} else {
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "host %s: expected unix:///path, fd:// or tcp://address:port", host);
	}
	if (fd < 0)
		return false;
	g_array_append_val(sockets->fds, fd);
	return true;
}

bool daemon_sockets_open(struct daemon_sockets *sockets, char *const *hosts, const char *fallback, const char *group,
			 bool insecure_tcp, GError **error)
{
	char *const alone[] = {(char *) (uintptr_t) fallback, NULL};

	sockets->fds = g_array_new(FALSE, FALSE, sizeof(int));
	sockets->paths = g_ptr_array_new_with_free_func(g_free);
	for (char *const *host = hosts && hosts[0] ? hosts : alone; *host; host++)
		if (!open_one(sockets, *host, group, insecure_tcp, error)) {
			daemon_sockets_close(sockets, true);
			return false;
		}
	return true;
}

void daemon_sockets_close(struct daemon_sockets *sockets, bool close_fds)
{
	for (guint i = 0; close_fds && sockets->fds && i < sockets->fds->len; i++)
		close(g_array_index(sockets->fds, int, i));
	for (guint i = 0; sockets->paths && i < sockets->paths->len; i++)
		unlink(sockets->paths->pdata[i]);
	g_clear_pointer(&sockets->fds, g_array_unref);
	g_clear_pointer(&sockets->paths, g_ptr_array_unref);
}
