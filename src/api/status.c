// SPDX-License-Identifier: Apache-2.0
#include "api/status.h"

static const unsigned short statuses[BERTH_ERROR_KINDS] = {
	[BERTH_ERROR_INTERNAL] = 500,           [BERTH_ERROR_INVALID] = 400,
	[BERTH_ERROR_NOT_FOUND] = 404,          [BERTH_ERROR_CONFLICT] = 409,
	[BERTH_ERROR_UNAUTHORIZED] = 401,       [BERTH_ERROR_FORBIDDEN] = 403,
	[BERTH_ERROR_NOT_MODIFIED] = 304,       [BERTH_ERROR_UNAVAILABLE] = 503,
	[BERTH_ERROR_NOT_IMPLEMENTED] = 501,    [BERTH_ERROR_CANCELED] = 499,
	[BERTH_ERROR_RESOURCE_EXHAUSTED] = 507,
};

unsigned berth_status_of(const GError *error)
{
	if (error->domain != BERTH_ERROR || error->code < 0 || error->code >= BERTH_ERROR_KINDS)
		return 500;
	return statuses[error->code];
}
