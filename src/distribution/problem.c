// SPDX-License-Identifier: Apache-2.0
// What a registry's refusal means, in a line: {"errors": [{"code": "DENIED", "message": "…"}]}.
#include "base/error.h"
#include "base/json.h"
#include "distribution/internal.h"

#include <string.h>

#define QUOTED 200 // characters of what a registry tells

static enum berth_error kind_of(int status)
{
	switch (status) {
	case 401:
		return BERTH_ERROR_UNAUTHORIZED;
	case 403:
		return BERTH_ERROR_FORBIDDEN;
	case 404:
		return BERTH_ERROR_NOT_FOUND;
	default:
		return berth_status_is_passing(status) ? BERTH_ERROR_UNAVAILABLE : BERTH_ERROR_INVALID;
	}
}

static bool tells(const char *text, const char *secret)
{
	return secret && *secret && strstr(text, secret);
}

// What a registry repeats of what only it should know is not passed on.
static bool is_secret(const struct berth_registry_client *client, const char *text)
{
	const struct berth_credentials *credentials = client->credentials;

	return credentials && (tells(text, credentials->password) || tells(text, credentials->username) ||
			       tells(text, credentials->identity_token) || tells(text, credentials->registry_token));
}

// A text of a stranger as one line of printable characters; a new text.
static char *one_line(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *line = g_string_new(NULL);

	for (const char *c = valid; *c && line->len < QUOTED; c = g_utf8_next_char(c)) {
		gunichar character = g_utf8_get_char(c);
		g_string_append_unichar(line, g_unichar_isprint(character) ? character : ' ');
	}
	return g_strstrip(g_string_free(line, FALSE));
}

// "MANIFEST_UNKNOWN: manifest unknown", or "" when the answer does not tell.
static char *reason_of(const struct berth_http_response *response)
{
	const char *type = berth_http_header(response, "content-type"), *code = NULL, *message = NULL;
	BERTH_AUTO_JSON json_t *json = NULL;

	if (!response->body || response->body->len == 0)
		return g_strdup("");
	json = berth_json_parse(response->body->str, response->body->len, "error", NULL);
	const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
	if (first) {
		code = json_string_value(json_object_get(first, "code"));
		message = json_string_value(json_object_get(first, "message"));
	} else if (json) { // of token servers and of others
		message = json_string_value(json_object_get(json, "details"));
		message = message ? message : json_string_value(json_object_get(json, "message"));
		message = message ? message : json_string_value(json_object_get(json, "error"));
	} else if (type && g_str_has_prefix(type, "text/plain")) {
		message = response->body->str;
	}
	if (code && message) {
		g_autofree char *both = g_strdup_printf("%s: %s", code, message);
		return one_line(both);
	}
	return one_line(code ? code : message ? message : "");
}

bool berth_response_error(const struct berth_registry_client *client, const struct berth_http_response *response,
			  const char *what, GError **error)
{
	g_autofree char *reason = reason_of(response);
	const char *retry = berth_http_header(response, "retry-after");
	int status = response->status;

	if (is_secret(client, reason))
		reason[0] = '\0';
	berth_error_set(error, kind_of(status), "%s: the registry answered %d%s%s", what, status, *reason ? ", " : "",
			reason);
	if ((status == 401 || status == 403) && !client->credentials && error)
		g_prefix_error(error, "access denied (log in first if it is private): ");
	if (status == 429 && retry && error)
		g_prefix_error(error, "too many requests: ");
	return false;
}
