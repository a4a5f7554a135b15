// SPDX-License-Identifier: Apache-2.0
#include "api/request.h"

#include "api/request-internal.h"
#include "api/status.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/moment.h"
#include "spec/api.h"

#include <string.h>

struct berth_request *berth_request_new(struct berth_api *api, struct berth_engine *engine)
{
	struct berth_request *request = g_new0(struct berth_request, 1);

	request->references = 1;
	pthread_mutex_init(&request->lock, NULL);
	berth_cond_init(&request->changed);
	request->api = api;
	request->engine = engine;
	request->version = API_VERSION_MAX;
	request->query = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
	request->client = request->stream_near = request->stream_far = request->upload_near = request->upload_far = -1;
	return request;
}

struct berth_request *berth_request_ref(struct berth_request *request)
{
	g_atomic_int_inc(&request->references);
	return request;
}

void berth_request_unref(struct berth_request *request)
{
	if (!g_atomic_int_dec_and_test(&request->references))
		return;
	berth_stream_close(request);
	g_hash_table_unref(request->query);
	g_clear_pointer(&request->body, g_byte_array_unref);
	g_clear_pointer(&request->headers, g_ptr_array_unref);
	g_clear_error(&request->refusal);
	g_clear_error(&request->error);
	g_free(request->method);
	g_free(request->path);
	g_free(request->argument);
	g_free(request->content_type);
	g_free(request->registry_auth);
	g_free(request->registry_config);
	g_free(request->uri);
	g_clear_pointer(&request->sent_headers, g_hash_table_unref);
	g_strfreev(request->authorized);
	g_free(request->accept_encoding);
	g_free(request->upgrade_to);
	g_free(request->websocket_key);
	g_free(request->websocket_version);
	if (request->free_data)
		request->free_data(request->read_data);
	g_free(request->reply_type);
	g_free(request->reply);
	g_clear_pointer(&request->reply_bytes, g_bytes_unref);
	pthread_mutex_destroy(&request->lock);
	pthread_cond_destroy(&request->changed);
	g_free(request);
}

struct berth_engine *berth_request_engine(const struct berth_request *request)
{
	return request->engine;
}

struct berth_images *berth_request_images(const struct berth_request *request)
{
	return berth_engine_images(request->engine);
}

unsigned berth_request_version(const struct berth_request *request)
{
	return request->version;
}

const char *berth_request_summary(const struct berth_request *request)
{
	return request->route->summary;
}

const char *berth_request_argument(const struct berth_request *request)
{
	return request->argument;
}

char *const *berth_request_list(const struct berth_request *request, const char *name)
{
	const GPtrArray *values = g_hash_table_lookup(request->query, name);

	return values ? (char *const *) values->pdata : NULL;
}

const char *berth_request_text(const struct berth_request *request, const char *name)
{
	char *const *values = berth_request_list(request, name);

	return values ? values[0] : NULL;
}

const char *berth_request_given(const struct berth_request *request, const char *name)
{
	const char *text = berth_request_text(request, name);

	return text && *text ? text : NULL;
}

bool berth_request_switch(const struct berth_request *request, const char *name, bool fallback)
{
	const char *text = berth_request_text(request, name);

	return text ? berth_route_switch(text) : fallback;
}

int64_t berth_request_integer(const struct berth_request *request, const char *name, int64_t fallback)
{
	const char *text = berth_request_text(request, name);

	return text && *text ? g_ascii_strtoll(text, NULL, 10) : fallback;
}

bool berth_request_size(const struct berth_request *request, unsigned *ret_width, unsigned *ret_height, GError **error)
{
	int64_t height = berth_request_integer(request, "h", 0), width = berth_request_integer(request, "w", 0);

	*ret_width = (unsigned) width;
	*ret_height = (unsigned) height;
	return (height >= 0 && width >= 0 && height <= G_MAXUINT16 && width <= G_MAXUINT16) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "a terminal of %" G_GINT64_FORMAT " rows and %" G_GINT64_FORMAT
			       " columns: each must be 0 to 65535",
			       height, width);
}

int64_t berth_request_moment(const struct berth_request *request, const char *name)
{
	const char *text = berth_request_text(request, name);
	int64_t moment = 0;

	if (text && *text)
		berth_moment_parse(text, &moment, NULL);
	return moment;
}

bool berth_request_filters(const struct berth_request *request, GHashTable **ret, GError **error)
{
	const char *text = berth_request_text(request, "filters");

	*ret = NULL;
	if (!text || !*text)
		return true;
	*ret = berth_filters_parse(text, error);
	return *ret;
}

char *berth_request_decode(const char *header, size_t *ret_length)
{
	if (!header || !*header)
		return NULL;
	size_t length = strcspn(header, "=");
	char *padded = g_strdup_printf("%.*s%.*s", (int) length, header, (int) ((4 - length % 4) % 4), "===");

	g_strdelimit(padded, "-", '+');
	g_strdelimit(padded, "_", '/');
	char *text = (char *) g_base64_decode(padded, ret_length);
	explicit_bzero(padded, strlen(padded));
	g_free(padded);
	return text;
}

const char *berth_request_registry_auth(const struct berth_request *request)
{
	return request->registry_auth;
}

bool berth_request_accepts(const struct berth_request *request, const char *encoding)
{
	g_auto(GStrv) items = g_strsplit(request->accept_encoding ? request->accept_encoding : "", ",", -1);

	for (char **item = items; *item; item++) {
		g_auto(GStrv) parts = g_strsplit(g_strstrip(*item), ";", 2);
		const char *weight = parts[0] && parts[1] ? strstr(parts[1], "q=") : NULL;
		if (parts[0] && g_ascii_strcasecmp(g_strstrip(parts[0]), encoding) == 0)
			return !weight || g_ascii_strtod(weight + strlen("q="), NULL) > 0;
	}
	return false;
}

const char *berth_request_body(const struct berth_request *request, size_t *ret_length)
{
	if (ret_length)
		*ret_length = request->body ? request->body->len : 0;
	return request->body ? (const char *) request->body->data : "";
}

void *berth_request_document(const struct berth_request *request, const struct berth_document *document, GError **error)
{
	size_t length;
	const char *body = berth_request_body(request, &length);
	BERTH_AUTO_JSON json_t *json = berth_json_parse(body, length, "request body", error);

	if (!json)
		return NULL;
	berth_document_spell(document, json);
	void *object = berth_document_parse(document, json, error);
	if (!object)
		g_prefix_error(error, "request body: ");
	return object;
}

int berth_request_body_fd(const struct berth_request *request)
{
	return request->upload_far;
}

void berth_reply_header(struct berth_request *request, const char *name, const char *value)
{
	if (!request->headers)
		request->headers = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(request->headers, g_strdup(name));
	g_ptr_array_add(request->headers, g_strdup(value));
}

static bool reply(struct berth_request *request, unsigned status, const char *type, char *text, size_t length)
{
	request->status = status;
	g_free(request->reply_type);
	request->reply_type = g_strdup(type);
	g_free(request->reply);
	g_clear_pointer(&request->reply_bytes, g_bytes_unref);
	request->reply = text;
	request->reply_length = length;
	return true;
}

bool berth_reply_empty(struct berth_request *request, unsigned status)
{
	return reply(request, status, NULL, NULL, 0);
}

bool berth_reply_text(struct berth_request *request, unsigned status, const char *content_type, const char *text)
{
	return reply(request, status, content_type, g_strdup(text), strlen(text));
}

bool berth_reply_bytes(struct berth_request *request, const char *content_type, GBytes *bytes)
{
	reply(request, 200, content_type, NULL, 0);
	request->reply_bytes = g_bytes_ref(bytes);
	return true;
}

bool berth_reply_json(struct berth_request *request, unsigned status, const json_t *json)
{
	g_autofree char *text = berth_json_text(json);
	char *line = g_strconcat(text, "\n", NULL);

	return reply(request, status, BERTH_CONTENT_JSON, line, strlen(line));
}

bool berth_reply_document(struct berth_request *request, unsigned status, const struct berth_document *document,
			  const void *object)
{
	BERTH_AUTO_JSON json_t *json = berth_document_print(document, object, request->version);

	return berth_reply_json(request, status, json);
}

json_t *berth_request_print_documents(const struct berth_request *request, const struct berth_document *document,
				      const GPtrArray *objects)
{
	json_t *array = json_array();

	for (guint i = 0; i < objects->len; i++)
		json_array_append_new(array, berth_document_print(document, objects->pdata[i], request->version));
	return array;
}

bool berth_reply_documents(struct berth_request *request, const struct berth_document *document,
			   const GPtrArray *objects)
{
	BERTH_AUTO_JSON json_t *array = berth_request_print_documents(request, document, objects);

	return berth_reply_json(request, 200, array);
}

bool berth_reply_read(struct berth_request *request, const char *content_type, int64_t size, berth_read_fn *read,
		      void *data, GDestroyNotify free_data)
{
	request->read = read;
	request->read_size = size;
	request->read_data = data;
	request->free_data = free_data;
	return reply(request, 200, content_type, NULL, 0);
}

void berth_reply_upgrade(struct berth_request *request, const char *content_type, berth_upgrade_fn *upgrade)
{
	reply(request, 101, content_type, NULL, 0);
	request->upgrade = upgrade;
}

// Every request that was read to its end leaves one line, of a level by its outcome.
static void log_outcome(const struct berth_request *request)
{
	unsigned status = request->error ? berth_status_of(request->error) : request->status;

	if (status >= 500 && status != 501 && !berth_request_gone(request))
		g_warning("%s %s: %u: %s", request->method, request->path, status,
			  request->error ? request->error->message : "");
	else if (request->error)
		g_info("%s %s: %u: %s", request->method, request->path, status, request->error->message);
	else
		g_debug("%s %s: %u", request->method, request->path, status);
}

static bool handle(struct berth_request *request, GError **error)
{
	if (request->refusal) {
		g_propagate_error(error, g_steal_pointer(&request->refusal));
		return false;
	}
	return request->route->handler(request, error);
}

void berth_request_run(struct berth_request *request)
{
	GError *error = NULL;
	bool done = handle(request, &error);

	if (!error && (!done || (request->status == 0 && !request->begun)))
		berth_error_set(&error, BERTH_ERROR_INTERNAL, "%s %s: gave no answer", request->method, request->path);
	pthread_mutex_lock(&request->lock);
	request->failed = request->begun && error;
	request->error = error;
	log_outcome(request);
	if (error && !request->begun) {
		// By its table: the message may quote what a client sent, and that need not be UTF-8.
		const struct api_error answer = {.message = error->message};
		BERTH_AUTO_JSON json_t *json = berth_document_print(&api_error_document, &answer, 0);
		unsigned status = berth_status_of(error);
		if (status == 304)
			berth_reply_empty(request, status);
		else if (request->ancient)
			berth_reply_text(request, status, "text/plain; charset=utf-8", error->message);
		else
			berth_reply_json(request, status, json);
	}
	berth_fd_clear(&request->stream_far);
	berth_fd_clear(&request->upload_far);
	request->ended = true;
	pthread_cond_signal(&request->changed);
	pthread_mutex_unlock(&request->lock);
}
