// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.h"

#ifdef BERTH_FAILPOINTS

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void trace(const char *file, const char *name)
{
	g_autofree char *line = g_strconcat(name, "\n", NULL);
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		abort(); // a test that cannot see what it walks must not go on
	close(fd);
}

void berth_failpoint_pass(const char *name)
{
	static int passed;
	const char *file = getenv("BERTH_FAILPOINT_TRACE"), *end = getenv("BERTH_FAILPOINT_KILL");
	const char *program = getenv("BERTH_FAILPOINT_PROGRAM");

	if (program && strcmp(program, program_invocation_short_name) != 0)
		return;
	int number = g_atomic_int_add(&passed, 1) + 1;

	if (file)
		trace(file, name);
	if (end && (atoi(end) == number || strcmp(end, name) == 0))
		kill(getpid(), SIGKILL);
}

#endif
