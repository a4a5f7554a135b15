// SPDX-License-Identifier: Apache-2.0
// The one place where a kind of error becomes an HTTP status.
#pragma once

#include "base/error.h"

// INVALID 400, UNAUTHORIZED 401, FORBIDDEN 403, NOT_FOUND 404, CONFLICT 409, NOT_MODIFIED 304, CANCELED 499,
// NOT_IMPLEMENTED 501, UNAVAILABLE 503, RESOURCE_EXHAUSTED 507 (Docker has no status for a limit that was reached; no
// client tells it from other 5xx), everything else 500.
unsigned berth_status_of(const GError *error);
