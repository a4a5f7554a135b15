// SPDX-License-Identifier: Apache-2.0
// Handlers of what Docker's API does not have, beneath /berth.
#include "api/request.h"

bool berth_handle_check(struct berth_request *request, GError **error)
{
	g_autoptr(api_check_report) report = berth_images_check(berth_request_images(request),
								berth_request_switch(request, "repair", false), error);

	return report && berth_reply_document(request, 200, &api_check_report_document, report);
}

bool berth_handle_image_tree(struct berth_request *request, GError **error)
{
	g_autoptr(api_image_tree) tree =
		berth_images_tree(berth_request_images(request), berth_request_list(request, "names"), error);

	return tree && berth_reply_document(request, 200, &api_image_tree_document, tree);
}
