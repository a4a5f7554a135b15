// SPDX-License-Identifier: Apache-2.0
// Handlers of /volumes.
#include "engine/volume/volumes.h"

#include "api/request.h"
#include "base/error.h"
#include "base/json.h"

#define ALL_PRUNED_BEFORE 142 // versions of the API whose prune takes named volumes, too

bool berth_handle_volume_list(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	GPtrArray *volumes = berth_engine_volume_list(berth_request_engine(request), filters,
						      berth_request_switch(request, "size", false), error);
	if (!volumes)
		return false;
	BERTH_AUTO_JSON json_t *answer =
		json_pack("{s:o, s:n}", "Volumes",
			  berth_request_print_documents(request, &api_volume_document, volumes), "Warnings");
	berth_objects_free(volumes, &api_volume_document);
	return berth_reply_json(request, 200, answer);
}

bool berth_handle_volume_create(struct berth_request *request, GError **error)
{
	size_t length;

	berth_request_body(request, &length);
	if (length == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid JSON: got EOF while reading request body");
	g_autoptr(api_volume_create) create = berth_request_document(request, &api_volume_create_document, error);
	g_autoptr(api_volume) volume =
		create ? berth_engine_volume_create(berth_request_engine(request), create, error) : NULL;
	return volume && berth_reply_document(request, 201, &api_volume_document, volume);
}

bool berth_handle_volume_inspect(struct berth_request *request, GError **error)
{
	g_autoptr(api_volume) volume =
		berth_engine_volume_inspect(berth_request_engine(request), berth_request_argument(request), error);

	return volume && berth_reply_document(request, 200, &api_volume_document, volume);
}

bool berth_handle_volume_remove(struct berth_request *request, GError **error)
{
	return berth_engine_volume_remove(berth_request_engine(request), berth_request_argument(request),
					  berth_request_switch(request, "force", false), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_volume_prune(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	g_autoptr(api_volume_prune_report) report = berth_engine_volume_prune(
		berth_request_engine(request), filters, berth_request_version(request) < ALL_PRUNED_BEFORE, error);
	return report && berth_reply_document(request, 200, &api_volume_prune_report_document, report);
}

// Of a swarm's cluster volumes only.
bool berth_handle_volume_update(G_GNUC_UNUSED struct berth_request *request, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "volume update only valid for cluster volumes, but swarm is unavailable");
}

bool berth_handle_volume_export(struct berth_request *request, GError **error)
{
	return berth_engine_volume_export(berth_request_engine(request), berth_request_argument(request),
					  berth_stream_write_tar, request, error);
}

bool berth_handle_volume_import(struct berth_request *request, GError **error)
{
	return berth_engine_volume_import(berth_request_engine(request), berth_request_argument(request),
					  berth_request_body_fd(request), error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_volume_clone(struct berth_request *request, GError **error)
{
	g_autoptr(api_volume) volume =
		berth_engine_volume_clone(berth_request_engine(request), berth_request_argument(request),
					  berth_request_text(request, "to"), error);

	return volume && berth_reply_document(request, 201, &api_volume_document, volume);
}
