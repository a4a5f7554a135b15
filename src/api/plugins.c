// SPDX-License-Identifier: Apache-2.0
// Handlers of /plugins: of managed plugins, which are images. There are none in this version, so that none is found;
// plugins of Docker's first protocol (for networks and volumes) are not listed here, neither by Docker.
#include "api/request.h"
#include "base/error.h"
#include "base/json.h"

#include <string.h>

bool berth_handle_plugin_list(struct berth_request *request, GError **error)
{
	static const char *const known[] = {"capability", "enabled", NULL};
	g_autoptr(GHashTable) filters = NULL;
	BERTH_AUTO_JSON json_t *list = json_array();

	return berth_request_filters(request, &filters, error) && berth_filters_check(filters, known, error) &&
	       berth_reply_json(request, 200, list);
}

bool berth_handle_plugin(struct berth_request *request, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "plugin \"%s\" not found",
			       berth_request_argument(request));
}
