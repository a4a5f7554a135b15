// SPDX-License-Identifier: Apache-2.0
// systemd's readiness protocol (sd_notify(3)): a container that was made for somebody with a NOTIFY_SOCKET gets a
// socket of its own at /run/notify/notify.sock. Who starts it waits there for READY=1 and says so to the host's socket,
// in its own name: the container never sees that, and nothing else that it says goes there.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define INSIDE "/run/notify"
#define NAME "notify.sock"
#define MESSAGE_MAX 4096

static const char *host_socket(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (*path == '/' || *path == '@') ? path : NULL;
}

static char *folder_of(const struct runtime_program *program, const char *id)
{
	return g_build_filename(program->runtime.state_root, id, BERTH_STATE_NOTIFY, NULL);
}

bool runtime_notify_prepare(const struct runtime_program *program, const char *id, struct oci_config *config)
{
	static const char *const options[] = {"bind", "nosuid", "nodev", "noexec", "ro", NULL};

	if (!host_socket() || !config->process)
		return false;
	struct oci_mount *mount = berth_document_new(&oci_mount_document);
	mount->destination = g_strdup(INSIDE);
	mount->type = g_strdup("bind");
	mount->source = folder_of(program, id);
	mount->options = g_strdupv((char **) options);
	if (!config->mounts)
		config->mounts = berth_objects_new();
	g_ptr_array_add(config->mounts, mount);
	config->process->env = g_environ_setenv(config->process->env, "NOTIFY_SOCKET", INSIDE "/" NAME, TRUE);
	return true;
}

static int listen_in(int folder, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	berth_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" NAME, folder);
	unlinkat(folder, NAME, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || fchmodat(folder, NAME, 0777, 0) < 0)
		return berth_error_set_errno(error, errno, "make the container's NOTIFY_SOCKET"), -1;
	return berth_fd_steal(&fd);
}

bool runtime_notify_open(const struct runtime_program *program, const char *id, struct runtime_notify *notify,
			 GError **error)
{
	notify->socket = -1;
	notify->host = host_socket();
	if (!notify->host)
		return true;
	g_autofree char *path = folder_of(program, id);
	berth_fd folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder < 0 && errno == ENOENT)
		return true; // made for nobody who has one
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	notify->socket = listen_in(folder, error);
	return notify->socket >= 0;
}

static void say(const char *host, const char *format, int number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	berth_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[32];
	size_t length = MIN(strlen(host), sizeof address.sun_path);

	memcpy(address.sun_path, host, length);
	if (*host == '@')
		address.sun_path[0] = 0;
	int count = g_snprintf(text, sizeof text, format, number);
	if (fd >= 0)
		sendto(fd, text, (size_t) count, MSG_NOSIGNAL, (struct sockaddr *) &address,
		       (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length));
}

bool runtime_notify_read(struct runtime_notify *notify)
{
	char text[MESSAGE_MAX + 1];
	ssize_t length = recv(notify->socket, text, MESSAGE_MAX, 0);

	if (length <= 0)
		return false;
	text[length] = 0;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	if (!g_strv_contains((const char *const *) lines, "READY=1"))
		return false;
	say(notify->host, "READY=%d\n", 1);
	if (notify->main_pid > 0)
		say(notify->host, "MAINPID=%d\n", (int) notify->main_pid);
	berth_fd_clear(&notify->socket);
	return true;
}

void runtime_notify_wait(struct runtime_notify *notify, int pidfd)
{
	struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = notify->socket, .events = POLLIN}};

	while (notify->socket >= 0) {
		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents && runtime_notify_read(notify))
			break;
		if (fds[0].revents && !(fds[1].revents & POLLIN))
			break;
	}
	berth_fd_clear(&notify->socket);
}
