// SPDX-License-Identifier: Apache-2.0
// What create, run and exec share: where a new process's terminal, pid and pidfd go, and what it gets of the caller's
// descriptors.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

// Socket activation: the descriptors that the caller got from its own starter are the first that go on.
int runtime_listen_fds(void)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int64_t number, owner;

	if (!count || !g_ascii_string_to_signed(count, 10, 0, 1 << 16, &number, NULL))
		return 0;
	if (!pid || !g_ascii_string_to_signed(pid, 10, 1, G_MAXINT, &owner, NULL) || owner != getpid())
		return 0;
	return (int) number;
}

static void set_variable(struct oci_process *process, const char *name, const char *value)
{
	g_auto(GStrv) env = process->env;

	process->env = g_environ_setenv(env ? g_strdupv(env) : NULL, name, value, TRUE);
}

void runtime_tell_listen_fds(struct oci_process *process, int count)
{
	g_autofree char *text = g_strdup_printf("%d", count);
	const char *names = getenv("LISTEN_FDNAMES");

	set_variable(process, "LISTEN_PID", "1");
	set_variable(process, "LISTEN_FDS", text);
	if (names)
		set_variable(process, "LISTEN_FDNAMES", names);
}

bool runtime_check_terminal(bool terminal, bool detach, const struct runtime_handover *to, GError **error)
{
	bool socket = to->console_socket && *to->console_socket;

	if (terminal && detach && !socket)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.terminal: a detached container needs --console-socket");
	if (socket && (!terminal || !detach))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--console-socket: is only for a detached container with process.terminal");
	return true;
}

void runtime_fit_terminal(struct oci_process *process)
{
	struct winsize size;

	if (!process || !process->terminal || process->console_size || ioctl(0, TIOCGWINSZ, &size) < 0)
		return;
	process->console_size = berth_document_new(&oci_box_document);
	process->console_size->width = size.ws_col;
	process->console_size->height = size.ws_row;
}

static bool send_fd(const char *path, const char *what, size_t length, int fd, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_open_folder(parent, false, 0, error);
	berth_fd socket = folder < 0 ? -1 : berth_socket_connect_at(folder, name, SOCK_STREAM, error);

	return socket >= 0 && berth_packet_send(socket, what, length, &fd, 1, error);
}

static bool write_pid(const char *path, pid_t pid, GError **error)
{
	char text[16];

	g_snprintf(text, sizeof text, "%d", (int) pid);
	return berth_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, false, error);
}

bool runtime_hand_over(const struct runtime_handover *to, const char *kind, pid_t pid, int pidfd, int console,
		       GError **error)
{
	static const char master[] = "/dev/ptmx";

	if (to->console_socket && *to->console_socket &&
	    !send_fd(to->console_socket, master, sizeof master, console, error))
		return g_prefix_error(error, "--console-socket: "), false;
	if (to->pidfd_socket && *to->pidfd_socket && !send_fd(to->pidfd_socket, kind, strlen(kind), pidfd, error))
		return g_prefix_error(error, "--pidfd-socket: "), false;
	return !to->pid_file || !*to->pid_file || write_pid(to->pid_file, pid, error);
}
