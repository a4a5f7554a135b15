// SPDX-License-Identifier: Apache-2.0
// The monitor's life, from the descriptors it is started with to its container's end.
#pragma once

// Runs the monitor of container `id` in the run folder of that path, with the descriptors of enum
// berth_monitor_descriptor. Returns the process's exit status when container and clients are gone; what went wrong was
// told to the connection.
int berth_monitor_run(const char *id, const char *run_folder);
