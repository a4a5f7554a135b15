// SPDX-License-Identifier: Apache-2.0
// Engines behind ssh://[user@]name[:port][/path of the socket]: the ssh program is run for each connection, and there
// `berth system dial-stdio`, or Docker's where there is no berth.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

// The words of the ssh command for a host; NULL with *error (INVALID) if the host is none. Free with g_strfreev().
char **berth_ssh_command(const char *host, GError **error);
// Runs a program whose standard input and output are one socket, of which our end is returned; -1 with *error. Signals
// of the keyboard do not reach it: they are for the container.
int berth_ssh_spawn(char *const *command, pid_t *ret_pid, GError **error);
// Why a program ended that should not have, as "ssh ended with status 255"; waits for its end. The caller frees it.
char *berth_ssh_end(pid_t pid);
