// SPDX-License-Identifier: Apache-2.0
// `system dial-stdio`: joins standard input and output with a connection to the engine. It is what ssh:// hosts run on
// the engine's machine.
#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <pthread.h>
#include <sys/socket.h>

#define BUFFER (64 << 10)

// Copies until the end of one, or until the other takes no more.
static int copy(int from, int to)
{
	g_autofree char *buffer = g_malloc(BUFFER);
	ssize_t count;

	for (;;) {
		count = read(from, buffer, BUFFER);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0 || !berth_write_all(to, buffer, (size_t) count, "", NULL))
			return count < 0 ? -1 : 0;
	}
}

// What comes in goes to the engine; then it is told that nothing follows, and may still answer.
static void *send_input(void *data)
{
	const int *socket = data;

	copy(STDIN_FILENO, *socket);
	shutdown(*socket, SHUT_WR);
	return NULL;
}

static int dial_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, G_GNUC_UNUSED char **arguments,
		     GError **error)
{
	berth_fd socket = berth_client_dial(cli->client, error);
	pthread_t thread;

	if (socket < 0)
		return 1;
	int failure = pthread_create(&thread, NULL, send_input, &socket);
	if (failure != 0) {
		berth_error_set_errno(error, failure, "starting a thread");
		return 1;
	}
	pthread_detach(thread);
	int result = copy(socket, STDOUT_FILENO);
	_exit(result == 0 ? 0 : 1); // the thread may wait for input for ever
}

const struct berth_command berth_command_dial_stdio = {
	.arguments = "",
	.summary = "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
	.main = dial_main,
};
