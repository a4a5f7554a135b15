// SPDX-License-Identifier: Apache-2.0
// What spawn.c needs of client.c.
#pragma once

#include "monitor/protocol.h"

// Makes a connection of a socket, which it takes over, and takes the hello; a monitor that was just spawned is waited
// for as long as it takes (`patient`).
struct berth_monitor *berth_monitor__open(int socket, bool patient, GError **error);

// Waits for the answer to the request of that name; the error is the monitor's if it answers one.
struct berth_monitor_reply *berth_monitor__answer(struct berth_monitor *monitor, const char *name, GError **error);
