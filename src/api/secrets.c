// SPDX-License-Identifier: Apache-2.0
// Handlers of /berth/secrets: secrets of plain containers. (/secrets is a swarm's.)
#include "engine/secret/secrets.h"

#include "api/request.h"
#include "base/error.h"

bool berth_handle_secret_list(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	GPtrArray *secrets = berth_engine_secret_list(berth_request_engine(request), filters, error);
	if (!secrets)
		return false;
	berth_reply_documents(request, &api_secret_document, secrets);
	berth_objects_free(secrets, &api_secret_document);
	return true;
}

static const char *body_of(struct berth_request *request, size_t *ret_length, GError **error)
{
	const char *body = berth_request_body(request, ret_length);

	if (*ret_length > 0)
		return body;
	berth_error_set(error, BERTH_ERROR_INVALID, "invalid JSON: got EOF while reading request body");
	return NULL;
}

bool berth_handle_secret_create(struct berth_request *request, GError **error)
{
	size_t length = 0;
	const char *body = body_of(request, &length, error);
	g_autoptr(api_secret_create) create =
		body ? berth_request_document(request, &api_secret_create_document, error) : NULL;
	g_autofree char *id = create ? berth_engine_secret_create(berth_request_engine(request), create, error) : NULL;

	if (!id)
		return false;
	json_t *answer = json_pack("{s:s}", "ID", id);
	berth_reply_json(request, 201, answer);
	json_decref(answer);
	return true;
}

bool berth_handle_secret_inspect(struct berth_request *request, GError **error)
{
	g_autoptr(api_secret) secret =
		berth_engine_secret_inspect(berth_request_engine(request), berth_request_argument(request), error);

	return secret && berth_reply_document(request, 200, &api_secret_document, secret);
}

bool berth_handle_secret_update(struct berth_request *request, GError **error)
{
	size_t length = 0;
	const char *body = body_of(request, &length, error);
	g_autoptr(api_secret_update) update =
		body ? berth_request_document(request, &api_secret_update_document, error) : NULL;

	return update &&
	       berth_engine_secret_update(berth_request_engine(request), berth_request_argument(request), update,
					  error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_secret_remove(struct berth_request *request, GError **error)
{
	return berth_engine_secret_remove(berth_request_engine(request), berth_request_argument(request), error) &&
	       berth_reply_empty(request, 204);
}
