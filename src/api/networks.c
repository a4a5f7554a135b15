// SPDX-License-Identifier: Apache-2.0
// Handlers of /networks.
#include "api/request.h"
#include "api/shape.h"
#include "base/error.h"

#include <string.h>

bool berth_handle_network_list(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	GPtrArray *networks = berth_engine_network_list(berth_request_engine(request), filters, error);
	if (!networks)
		return false;
	berth_reply_documents(request, &api_network_summary_document, networks);
	berth_objects_free(networks, &api_network_summary_document);
	return true;
}

bool berth_handle_network_inspect(struct berth_request *request, GError **error)
{
	const char *name = berth_request_argument(request), *scope = berth_request_text(request, "scope");

	if (scope && *scope && strcmp(scope, "local") != 0)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", name);
	g_autoptr(api_network_summary) network =
		berth_engine_network_inspect(berth_request_engine(request), name, error);
	return network && berth_reply_document(request, 200, &api_network_summary_document, network);
}

// The request's body as a document, which the caller frees.
static void *read_body(const struct berth_request *request, const struct berth_document *document, GError **error)
{
	size_t length;

	berth_request_body(request, &length);
	if (length > 0)
		return berth_request_document(request, document, error);
	berth_error_set(error, BERTH_ERROR_INVALID, "invalid JSON: got EOF while reading request body");
	return NULL;
}

bool berth_handle_network_create(struct berth_request *request, GError **error)
{
	g_autoptr(api_network_create) create = read_body(request, &api_network_create_document, error);
	g_autoptr(api_network_created) created =
		create ? berth_engine_network_create(berth_request_engine(request), create, error) : NULL;

	return created && berth_reply_document(request, 201, &api_network_created_document, created);
}

bool berth_handle_network_remove(struct berth_request *request, GError **error)
{
	return berth_engine_network_remove(berth_request_engine(request), berth_request_argument(request), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_network_prune(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	g_autoptr(api_network_prune_report) report =
		berth_engine_network_prune(berth_request_engine(request), filters, error);
	return report && berth_reply_document(request, 200, &api_network_prune_report_document, report);
}

static bool has_container(const char *container, GError **error)
{
	return (container && *container) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "Container: no container was named");
}

bool berth_handle_network_connect(struct berth_request *request, GError **error)
{
	g_autoptr(api_network_connect) connect = read_body(request, &api_network_connect_document, error);

	if (connect && connect->endpoint_config)
		berth_shape_connect(connect->endpoint_config, berth_request_version(request));
	return connect && has_container(connect->container, error) &&
	       berth_engine_network_connect(berth_request_engine(request), berth_request_argument(request),
					    connect->container, connect->endpoint_config, error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_network_disconnect(struct berth_request *request, GError **error)
{
	g_autoptr(api_network_disconnect) disconnect = read_body(request, &api_network_disconnect_document, error);

	return disconnect && has_container(disconnect->container, error) &&
	       berth_engine_network_disconnect(berth_request_engine(request), berth_request_argument(request),
					       disconnect->container, disconnect->force, error) &&
	       berth_reply_empty(request, 200);
}
