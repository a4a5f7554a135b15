// SPDX-License-Identifier: Apache-2.0
// The monitor's life, from the descriptors it is started with to its container's end.
#pragma once

#include <stdbool.h>

// Runs the monitor of container `id` in the run folder of that path, with the descriptors of enum
// berth_monitor_descriptor. Returns the process's exit status when container and clients are gone; what went wrong was
// told to the connection. `network` is a network namespace made beforehand, or -1.
int berth_monitor_run(const char *id, const char *run_folder, int network);

// Waits on BERTH_MONITOR_FD_ORDER for a container: its id and run folder become argv[1] and argv[2], and the
// descriptors are where berth_monitor_run() wants them. Meanwhile it makes what the container will need whatever it is:
// *ret_network. False: there will be none.
bool berth_monitor_await_order(char **argv, int *ret_network);
