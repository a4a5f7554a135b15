// SPDX-License-Identifier: Apache-2.0
// What the service manager is told: sd_notify(3), spoken without its library. Nothing happens if none asked for it.
#pragma once

#include <glib.h>

// Tells lines "NAME=value", joined by newlines.
void daemon_notify(const char *format, ...) G_GNUC_PRINTF(1, 2);
// RELOADING=1 with the moment at which the reload began, as Type=notify-reload wants it.
void daemon_notify_reloading(void);
// Microseconds between two signs of life that the service manager wants; 0: none.
gint64 daemon_notify_watchdog(void);
