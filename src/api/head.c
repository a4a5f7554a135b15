// SPDX-License-Identifier: Apache-2.0
// A request's head: its route, its query, its version, and what it says of the body. What is wrong in it is found here,
// before any handler runs.
#include "api/request-internal.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/moment.h"

#include <microhttpd.h>
#include <string.h>

#define DRAIN_LIMIT (1 << 20) // of a body that is read only to be thrown away

static enum MHD_Result add_parameter(void *data, G_GNUC_UNUSED enum MHD_ValueKind kind, const char *key,
				     size_t key_size, const char *value, size_t value_size)
{
	struct berth_request *request = data;
	GPtrArray *values = g_hash_table_lookup(request->query, key);

	if (strlen(key) != key_size || (value && strlen(value) != value_size)) {
		if (!request->refusal)
			berth_error_set(&request->refusal, BERTH_ERROR_INVALID, "query parameter %s: has a NUL byte",
					key);
		return MHD_NO;
	}
	if (values)
		g_ptr_array_set_size(values, (gint) values->len - 1);
	else
		g_hash_table_insert(request->query, g_strdup(key), values = g_ptr_array_new_with_free_func(g_free));
	g_ptr_array_add(values, g_strdup(value ? value : ""));
	g_ptr_array_add(values, NULL);
	return MHD_YES;
}

static bool is_integer(const char *text)
{
	char *end;

	errno = 0;
	g_ascii_strtoll(text, &end, 10);
	return *end == '\0' && errno == 0 && !g_ascii_isspace(*text);
}

static bool check_query(const struct berth_request *request, GError **error)
{
	for (const struct berth_parameter *parameter = request->route->query; parameter && parameter->name;
	     parameter++) {
		const char *text = berth_request_text(request, parameter->name);
		int64_t moment;
		if (parameter->required && (!text || !*text))
			return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter %s: is required",
					       parameter->name);
		if (!text || !*text)
			continue;
		if (parameter->type == BERTH_PARAMETER_INTEGER && !is_integer(text))
			return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter %s: \"%s\" is not a number",
					       parameter->name, text);
		if (parameter->type == BERTH_PARAMETER_MOMENT && !berth_moment_parse(text, &moment, error)) {
			g_prefix_error(error, "query parameter %s: ", parameter->name);
			return false;
		}
	}
	return true;
}

static bool check_version(struct berth_request *request, unsigned version, GError **error)
{
	g_autofree char *text = g_strdup_printf("%u.%u", version / 100, version % 100);

	if (version == 0 || (version >= API_VERSION_MIN && version <= API_VERSION_MAX)) {
		request->version = version ? version : API_VERSION_MAX;
		return true;
	}
	request->ancient = version < API_VERSION_MIN;
	if (request->ancient)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "client version %s is too old. Minimum supported API version is " //
				       API_VERSION_MIN_TEXT ", please upgrade your client to a newer version",
				       text);
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "client version %s is too new. Maximum supported API version is " API_VERSION_MAX_TEXT,
			       text);
}

static char *header(struct MHD_Connection *connection, const char *name)
{
	return g_strdup(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

void berth_head_read(struct berth_request *request, struct MHD_Connection *connection, const char *url)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const char *path;
	unsigned version;

	request->client = info ? info->connect_fd : -1;
	request->upgrade_to = header(connection, MHD_HTTP_HEADER_UPGRADE);
	request->websocket_key = header(connection, "Sec-WebSocket-Key");
	request->websocket_version = header(connection, "Sec-WebSocket-Version");
	request->content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
	request->registry_auth = header(connection, "X-Registry-Auth");
	request->registry_config = header(connection, "X-Registry-Config");
	request->build_parts = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Berth-Build");
	request->accept_encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	bool upgrade = request->upgrade_to;
	berth_route_split_version(url, &path, &version);
	request->route =
		berth_route_find(berth_routes, request->method, path,
				 version <= API_VERSION_MAX ? version : API_VERSION_MAX, upgrade, &request->argument);
	if (!request->route && version != 0 && version < API_VERSION_MIN)
		request->route = berth_route_find(berth_routes, request->method, path, 0, upgrade, &request->argument);
	if (!request->route) {
		berth_error_set(&request->refusal, BERTH_ERROR_NOT_FOUND, "page not found");
		return;
	}
	MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, add_parameter, request);
	if (!request->refusal && check_version(request, version, &request->refusal))
		check_query(request, &request->refusal);
}

bool berth_head_check_body(const struct berth_request *request, GError **error)
{
	if (!(request->route->flags & BERTH_ROUTE_JSON) || !request->body || request->body->len == 0)
		return true;
	if (request->body->len > BERTH_LIMIT_JSON)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the request's body is larger than the limit of %d bytes", BERTH_LIMIT_JSON);
	const char *type = request->content_type ? request->content_type : "";
	size_t length = strcspn(type, "; \t");
	if (length == strlen(BERTH_CONTENT_JSON) && g_ascii_strncasecmp(type, BERTH_CONTENT_JSON, length) == 0)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "unsupported 'Content-Type' header (%s): must be 'application/json'", type);
}

bool berth_head_has_long_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	       (length && g_ascii_strtoull(length, NULL, 10) > DRAIN_LIMIT);
}
