// SPDX-License-Identifier: Apache-2.0
// Signals by name or number, as clients write them.
#pragma once

#include <glib.h>

// "SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1" -> 1 to 64. 0 with BERTH_ERROR_INVALID "invalid signal: x".
int berth_signal_parse(const char *text, GError **error);
