// SPDX-License-Identifier: Apache-2.0
// Pseudo terminals by descriptors only: the other side is never opened by a name that a container could have changed.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

// Makes a terminal from the devpts instance that `ptmx_fd` (O_PATH, checked to lie on devpts) belongs to; `own_fds` is
// the caller's own /proc/self/fd, opened where /proc can be trusted. Both descriptors are the caller's.
bool berth_terminal_open(int ptmx_fd, int own_fds, int *ret_master, int *ret_slave, GError **error);

// Sets its size; 0 by 0 is left alone.
bool berth_terminal_resize(int fd, unsigned width, unsigned height, GError **error);
