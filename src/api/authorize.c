// SPDX-License-Identifier: Apache-2.0
// Authorization plugins, as requests and answers meet them. A request's whole body is shown, whatever its length and
// however it was sent; what is too long to be shown is refused (CVE-2024-41110, CVE-2026-34040 were bodies that the
// policy did not see). Only of what streams the body is not shown: archives that come, and answers that go on.
#include "api/request-internal.h"
#include "api/status.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "spec/api.h"

#include <string.h>

static enum MHD_Result add_header(void *data, G_GNUC_UNUSED enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	const char *other = g_hash_table_lookup(data, name);
	char *text = other ? g_strconcat(other, ", ", value, NULL) : g_strdup(value ? value : "");

	g_hash_table_replace(data, g_strdup(name), text);
	return MHD_YES;
}

void berth_authorize_begin(struct berth_request *request, struct MHD_Connection *connection)
{
	request->sent_headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, request->sent_headers);
}

static struct berth_authorization question_of(const struct berth_request *request)
{
	const struct berth_peer *peer = request->peer;
	// What is sent to log in is nobody else's.
	bool secret = g_str_equal(request->route->path, "/auth");

	return (struct berth_authorization){
		.user = peer ? peer->user : NULL,
		.user_method = peer ? "TLS" : NULL,
		.certificates = peer && peer->certificates[0] ? (char *const *) peer->certificates : NULL,
		.method = request->method,
		.uri = request->uri,
		.headers = request->sent_headers,
		.body = request->body && !secret ? request->body->data : NULL,
		.length = request->body && !secret ? request->body->len : 0,
	};
}

void berth_authorize_request(struct berth_request *request)
{
	if (!request->sent_headers)
		return;
	if (request->body && request->body->len > BERTH_LIMIT_JSON) {
		berth_error_set(&request->refusal, BERTH_ERROR_FORBIDDEN,
				"authorization denied: the request's body is larger than the limit of %d bytes, and "
				"cannot be shown to plugins",
				BERTH_LIMIT_JSON);
		return;
	}
	const struct berth_authorization question = question_of(request);
	berth_engine_authorize(request->engine, &question, &request->authorized, &request->refusal);
}

static GHashTable *answer_headers(const struct berth_request *request)
{
	GHashTable *headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	if (request->reply_type)
		g_hash_table_insert(headers, g_strdup("Content-Type"), g_strdup(request->reply_type));
	for (guint i = 0; request->headers && i < request->headers->len; i += 2)
		g_hash_table_replace(headers, g_strdup(request->headers->pdata[i]),
				     g_strdup(request->headers->pdata[i + 1]));
	return headers;
}

bool berth_authorize_answer(struct berth_request *request)
{
	const struct berth_authorization question = question_of(request);
	g_autoptr(GHashTable) headers = answer_headers(request);
	gsize length = request->reply ? request->reply_length : 0;
	const void *body = request->reply_bytes ? g_bytes_get_data(request->reply_bytes, &length) : request->reply;
	g_autoptr(GError) error = NULL;

	if (berth_engine_authorize_answer(request->engine, request->authorized, &question, request->status, headers,
					  body, length, &error))
		return true;
	g_info("%s %s: %s", request->method, request->path, error->message);
	const struct api_error refusal = {.message = error->message};
	BERTH_AUTO_JSON json_t *json = berth_document_print(&api_error_document, &refusal, 0);
	pthread_mutex_lock(&request->lock); // a handler that streams looks at it, too
	g_clear_pointer(&request->headers, g_ptr_array_unref);
	request->upgrade = NULL;
	request->read = NULL;
	request->raw = false;
	berth_reply_json(request, berth_status_of(error), json);
	pthread_mutex_unlock(&request->lock);
	return false;
}
