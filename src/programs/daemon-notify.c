// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-notify.h"

#include "base/fd.h"

#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void send_state(const char *state)
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

void daemon_notify(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_autofree char *state = g_strdup_vprintf(format, values);
	va_end(values);
	send_state(state);
}

void daemon_notify_reloading(void)
{
	daemon_notify("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\nSTATUS=Reading the configuration again",
		      g_get_monotonic_time());
}

gint64 daemon_notify_watchdog(void)
{
	const char *text = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
	gint64 interval = text ? g_ascii_strtoll(text, NULL, 10) : 0;

	return pid && g_ascii_strtoll(pid, NULL, 10) != getpid() ? 0 : MAX(interval, 0);
}
