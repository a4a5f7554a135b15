// SPDX-License-Identifier: Apache-2.0
// The engine's log: one line per event on stderr, "time level message" or a JSON object. Everything that goes through
// GLib's logging ends here.
#pragma once

#include <glib.h>
#include <stdbool.h>

// Takes GLib's logging over, at level info.
void daemon_log_start(bool json);
// debug, info, warn, error or fatal; any thread may change it. BERTH_ERROR_INVALID: no such level.
bool daemon_log_set_level(const char *level, GError **error);
