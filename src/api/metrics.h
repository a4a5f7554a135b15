// SPDX-License-Identifier: Apache-2.0
// The HTTP server that has nothing but metrics.
#pragma once

#include "engine/engine.h"

#include <microhttpd.h>
#include <stdarg.h>

// Starts it on a listening socket (taken over); NULL if that fails.
struct MHD_Daemon *berth_metrics_start(struct berth_engine *engine, int socket,
				       void (*log)(void *data, const char *format, va_list arguments));
