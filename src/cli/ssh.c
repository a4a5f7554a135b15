// SPDX-License-Identifier: Apache-2.0
#include "cli/ssh.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SCHEME "ssh://"
#define CONNECT_TIMEOUT "ConnectTimeout=30"

static bool refuse(const char *host, const char *why, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "host \"%s\": %s; expected ssh://[user@]name[:port][/path of the socket]", host, why);
}

// What runs over there. The login shell may be any, so it is given to sh in quotes.
static char *remote(const char *socket)
{
	g_autofree char *quoted = socket ? g_shell_quote(socket) : NULL;
	g_autofree char *host = quoted ? g_strconcat(" -H unix://", quoted, NULL) : g_strdup("");
	g_autofree char *script = g_strdup_printf("if command -v berth >/dev/null 2>&1; then exec berth%s system "
						  "dial-stdio; else exec docker%s system dial-stdio; fi",
						  host, host);
	g_autofree char *inner = g_shell_quote(script);

	return g_strconcat("sh -c ", inner, NULL);
}

static bool check(const char *host, const char *user, const char *name, const char *port, GError **error)
{
	if (!*name)
		return refuse(host, "it names no machine", error);
	if (*name == '-' || (user && *user == '-'))
		return refuse(host, "a name cannot begin with \"-\"", error);
	if (user && (!*user || strchr(user, ':')))
		return refuse(host, "the user may not be empty or have a password", error);
	if (port && (!*port || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5))
		return refuse(host, "the port is no number", error);
	return true;
}

char **berth_ssh_command(const char *host, GError **error)
{
	const char *rest = host + strlen(SCHEME), *slash = strchr(rest, '/');
	g_autofree char *authority = slash ? g_strndup(rest, (size_t) (slash - rest)) : g_strdup(rest);
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	char *at = strrchr(authority, '@'), *name = at ? at + 1 : authority;
	const char *user = at ? authority : NULL;

	if (at)
		*at = 0;
	if (strpbrk(rest, "?#")) {
		refuse(host, "it has a query or a fragment", error);
		return NULL;
	}
	char *colon = strrchr(name, ':'), *bracket = strchr(name, ']');
	const char *port = colon && (!bracket || bracket < colon) ? colon + 1 : NULL;
	if (port)
		*colon = 0;
	if (*name == '[' && bracket) { // of IPv6
		*bracket = 0;
		name++;
	}
	if (!check(host, user, name, port, error))
		return NULL;
	const char *fixed[] = {"ssh", "-o", CONNECT_TIMEOUT, "-T", user ? "-l" : NULL, user};
	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
		if (fixed[i])
			g_ptr_array_add(words, g_strdup(fixed[i]));
	if (port) {
		g_ptr_array_add(words, g_strdup("-p"));
		g_ptr_array_add(words, g_strdup(port));
	}
	g_ptr_array_add(words, g_strdup("--"));
	g_ptr_array_add(words, g_strdup(name));
	g_ptr_array_add(words, remote(slash && slash[1] ? slash : NULL));
	g_ptr_array_add(words, NULL);
	return (char **) g_ptr_array_steal(words, NULL);
}

// In the child: an exec that fails says so through the end of a pipe that exec closes.
static void become(char *const *command, int socket, int told)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (dup2(socket, STDIN_FILENO) >= 0 && dup2(socket, STDOUT_FILENO) >= 0)
		execvp(command[0], command);
	int failure = errno;
	ssize_t ignored = write(told, &failure, sizeof failure);
	(void) ignored;
	_exit(127);
}

int berth_ssh_spawn(char *const *command, pid_t *ret_pid, GError **error)
{
	int ends[2], pipes[2], failure = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		berth_error_set_errno(error, errno, "making a pair of sockets");
		return -1;
	}
	berth_fd ours = ends[0], theirs = ends[1];
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		berth_error_set_errno(error, errno, "making a pipe");
		return -1;
	}
	berth_fd reader = pipes[0], writer = pipes[1];
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		become(command, theirs, writer);
	berth_fd_clear(&writer);
	if (pid < 0) {
		berth_error_set_errno(error, errno, "starting %s", command[0]);
		return -1;
	}
	if (berth_read_full(reader, &failure, sizeof failure) == sizeof failure) {
		waitpid(pid, NULL, 0);
		berth_error_set_errno(error, failure, "starting %s", command[0]);
		return -1;
	}
	*ret_pid = pid;
	return berth_fd_steal(&ours);
}

char *berth_ssh_end(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return g_strdup("ssh is gone");
	if (WIFSIGNALED(status))
		return g_strdup_printf("ssh was ended by signal %d", WTERMSIG(status));
	return g_strdup_printf("ssh ended with status %d", WEXITSTATUS(status));
}
