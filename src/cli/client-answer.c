// SPDX-License-Identifier: Apache-2.0
// Answers of the engine: their head, their body in whatever framing, lines of JSON; and refusals in the engine's words.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/client-internal.h"
#include "spec/api.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// Reads more into the buffer: 1, 0 at the end, -1 with errno.
static int fill(struct berth_client_connection *connection)
{
	ssize_t count;

	if (connection->start == connection->end)
		connection->start = connection->end = 0;
	if (connection->end == sizeof connection->buffer && connection->start > 0) {
		memmove(connection->buffer, connection->buffer + connection->start,
			connection->end - connection->start);
		connection->end -= connection->start;
		connection->start = 0;
	}
	do
		count = recv(connection->fd, connection->buffer + connection->end,
			     sizeof connection->buffer - connection->end, 0);
	while (count < 0 && errno == EINTR);
	if (count > 0)
		connection->end += (size_t) count;
	return count > 0 ? 1 : (int) count;
}

static bool broken(const struct berth_answer *answer, int result, GError **error)
{
	if (answer->connection->pid)
		return berth_client__lost_ssh(answer, error);
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s %s: the engine at %s ended the connection%s%s",
			       answer->call.method, answer->call.path, answer->client->host, result < 0 ? ": " : "",
			       result < 0 ? g_strerror(errno) : "");
}

static bool malformed(const struct berth_answer *answer, const char *what, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s %s: what answers at %s is no engine: %s",
			       answer->call.method, answer->call.path, answer->client->host, what);
}

// Takes one line, without its end, from the connection; NULL with *error. Valid until the connection is used again.
static char *take_line(struct berth_answer *answer, GError **error)
{
	struct berth_client_connection *connection = answer->connection;
	size_t seen = 0;

	for (;;) {
		char *start = connection->buffer + connection->start;
		char *end = memchr(start + seen, '\n', connection->end - connection->start - seen);
		if (end) {
			connection->start += (size_t) (end + 1 - start);
			*end = 0;
			if (end > start && end[-1] == '\r')
				end[-1] = 0;
			return start;
		}
		seen = connection->end - connection->start;
		if (seen == sizeof connection->buffer) {
			malformed(answer, "a line of its answer is too long", error);
			return NULL;
		}
		int result = fill(connection);
		if (result <= 0) {
			broken(answer, result, error);
			return NULL;
		}
	}
}

static void read_header(struct berth_answer *answer, const char *name, const char *value)
{
	if (g_ascii_strcasecmp(name, "Content-Type") == 0) {
		g_free(answer->type);
		answer->type = g_strdup(value);
	} else if (g_ascii_strcasecmp(name, "X-Docker-Container-Path-Stat") == 0) {
		g_free(answer->path_stat);
		answer->path_stat = g_strdup(value);
	} else if (g_ascii_strcasecmp(name, "Content-Length") == 0) {
		answer->framing = FRAMING_LENGTH;
		answer->left = g_ascii_strtoull(value, NULL, 10);
	} else if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0) {
		answer->framing = FRAMING_CHUNKED;
		answer->left = 0;
	} else if (g_ascii_strcasecmp(name, "Connection") == 0) {
		answer->keep = g_ascii_strcasecmp(value, "close") != 0;
	} else if (g_ascii_strcasecmp(name, "Api-Version") == 0) {
		unsigned major, minor;
		if (sscanf(value, "%3u.%2u", &major, &minor) == 2 && major * 100 + minor < answer->client->version)
			answer->client->version = MAX(major * 100 + minor, API_VERSION_MIN);
	}
}

static bool read_head(struct berth_answer *answer, GError **error)
{
	size_t total = 0;
	char *line = take_line(answer, error);

	if (!line)
		return false;
	if (!g_str_has_prefix(line, "HTTP/1.") || strlen(line) < 12)
		return malformed(answer, "its answer is not HTTP", error);
	answer->keep = line[7] == '1';
	answer->status = atoi(line + 9);
	answer->framing = FRAMING_CLOSE;
	while ((line = take_line(answer, error)) && *line) {
		char *value = strchr(line, ':');
		if (!value)
			return malformed(answer, "a header has no colon", error);
		total += strlen(line);
		if (total > BERTH_LIMIT_ANSWER_HEADER)
			return malformed(answer, "the head of its answer is too long", error);
		*value++ = 0;
		read_header(answer, line, g_strstrip(value));
	}
	if (answer->status == 204 || answer->status == 304 || strcmp(answer->call.method, "HEAD") == 0)
		answer->framing = FRAMING_NONE;
	if (answer->status == 101)
		answer->framing = FRAMING_CLOSE;
	if (answer->framing == FRAMING_CLOSE)
		answer->keep = false;
	answer->over = answer->framing == FRAMING_NONE || (answer->framing == FRAMING_LENGTH && answer->left == 0);
	return line != NULL;
}

static enum berth_error kind_of(int status)
{
	switch (status) {
	case 400:
		return BERTH_ERROR_INVALID;
	case 401:
		return BERTH_ERROR_UNAUTHORIZED;
	case 403:
		return BERTH_ERROR_FORBIDDEN;
	case 404:
		return BERTH_ERROR_NOT_FOUND;
	case 409:
		return BERTH_ERROR_CONFLICT;
	case 501:
		return BERTH_ERROR_NOT_IMPLEMENTED;
	case 503:
		return BERTH_ERROR_UNAVAILABLE;
	default:
		return BERTH_ERROR_INTERNAL;
	}
}

static char *read_body(struct berth_answer *answer, size_t *ret_length, GError **error)
{
	size_t expected = answer->framing == FRAMING_LENGTH ? (size_t) MIN(answer->left, BERTH_LIMIT_JSON) : 0;
	g_autoptr(GString) body = g_string_sized_new(expected);
	char buffer[8192];
	ssize_t count;

	while ((count = berth_answer_read(answer, buffer, sizeof buffer, error)) > 0) {
		if (body->len + (size_t) count > BERTH_LIMIT_JSON) {
			berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					"%s %s: the answer is longer than the limit of %d bytes", answer->call.method,
					answer->call.path, BERTH_LIMIT_JSON);
			return NULL;
		}
		g_string_append_len(body, buffer, count);
	}
	if (count < 0)
		return NULL;
	*ret_length = body->len;
	return g_string_free(g_steal_pointer(&body), FALSE);
}

// Turns an answer of 400 and more into an error.
static bool refuse(struct berth_answer *answer, GError **error)
{
	size_t length;
	g_autofree char *body = read_body(answer, &length, error);

	if (!body)
		return false;
	g_autoptr(api_error) told = berth_document_parse_text(&api_error_document, body, length, "answer", NULL);
	if (told && told->message && *told->message)
		return berth_error_set(error, kind_of(answer->status), BERTH_CLIENT_ERROR_PREFIX "%s", told->message);
	return berth_error_set(error, kind_of(answer->status), BERTH_CLIENT_ERROR_PREFIX "%s %s: HTTP status %d%s%s",
			       answer->call.method, answer->call.path, answer->status, *body ? ": " : "",
			       g_strstrip(body));
}

bool berth_answer_wait(struct berth_answer *answer, GError **error)
{
	if (answer->waited)
		return true;
	if (!read_head(answer, error))
		return false;
	if (answer->status == 400 && answer->client->version < answer->version && !answer->call.upload) {
		g_autoptr(GError) failure = NULL;
		refuse(answer, &failure); // takes the body, so that the connection can be used again
		struct berth_client_connection *connection = answer->keep ? g_steal_pointer(&answer->connection) : NULL;
		g_clear_pointer(&answer->connection, berth_client__disconnect);
		answer->connection = connection ? connection : berth_client__connect(answer->client, error);
		answer->over = false;
		if (!answer->connection || !berth_client__send_call(answer, error) || !read_head(answer, error))
			return false;
	}
	answer->waited = true;
	if (answer->status >= 400)
		return refuse(answer, error);
	if (answer->call.upgrade && answer->status != 101)
		return malformed(answer, "it did not upgrade the connection", error);
	return true;
}

struct berth_answer *berth_client_call(struct berth_client *client, const struct berth_call *call, GError **error)
{
	g_autoptr(berth_answer) answer = berth_client_begin(client, call, error);

	return answer && berth_answer_wait(answer, error) ? g_steal_pointer(&answer) : NULL;
}

int berth_answer_status(const struct berth_answer *answer)
{
	return answer->status;
}

const char *berth_answer_path_stat(const struct berth_answer *answer)
{
	return answer->path_stat;
}

const char *berth_answer_type(const struct berth_answer *answer)
{
	return answer->type ? answer->type : "";
}

int berth_answer_fd(const struct berth_answer *answer)
{
	return answer->connection->fd;
}

bool berth_answer_ready(const struct berth_answer *answer)
{
	return answer->over || answer->connection->start < answer->connection->end;
}

// Reads the head of the next chunk; false with *error. Sets `over` at the last one.
static bool next_chunk(struct berth_answer *answer, GError **error)
{
	char *end, *line = take_line(answer, error);

	if (!line)
		return false;
	answer->left = g_ascii_strtoull(line, &end, 16);
	if (end == line || (*end && *end != ';'))
		return malformed(answer, "the length of a chunk is no number", error);
	if (answer->left > 0)
		return true;
	while ((line = take_line(answer, error)) && *line) // trailers
		continue;
	answer->over = line != NULL;
	return line != NULL;
}

// A long body of known length goes straight to who wants it.
static ssize_t read_past_buffer(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	ssize_t count;

	do
		count = read(answer->connection->fd, data, (size_t) MIN((uint64_t) size, answer->left));
	while (count < 0 && errno == EINTR);
	if (count <= 0) {
		broken(answer, (int) count, error);
		return -1;
	}
	answer->left -= (uint64_t) count;
	answer->over = answer->left == 0;
	return count;
}

ssize_t berth_answer_read(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	struct berth_client_connection *connection = answer->connection;

	if (answer->framing == FRAMING_CHUNKED && answer->left == 0 && !answer->over && !next_chunk(answer, error))
		return -1;
	if (answer->over)
		return 0;
	if (connection->start == connection->end && answer->framing == FRAMING_LENGTH &&
	    size > sizeof connection->buffer)
		return read_past_buffer(answer, data, size, error);
	if (connection->start == connection->end) {
		int result = fill(connection);
		if (result < 0 || (result == 0 && answer->framing != FRAMING_CLOSE)) {
			broken(answer, result, error);
			return -1;
		}
		if (result == 0) {
			answer->over = true;
			return 0;
		}
	}
	size_t count = MIN(size, connection->end - connection->start);
	if (answer->framing != FRAMING_CLOSE)
		count = (size_t) MIN((uint64_t) count, answer->left);
	memcpy(data, connection->buffer + connection->start, count);
	connection->start += count;
	answer->left -= answer->framing == FRAMING_CLOSE ? 0 : count;
	if (answer->framing == FRAMING_LENGTH && answer->left == 0)
		answer->over = true;
	if (answer->framing == FRAMING_CHUNKED && answer->left == 0) {
		char *line = take_line(answer, error); // the end of the chunk
		if (!line || *line)
			return line ? malformed(answer, "a chunk is longer than its length", error), -1 : -1;
	}
	return (ssize_t) count;
}

json_t *berth_answer_json(struct berth_answer *answer, GError **error)
{
	size_t length;
	g_autofree char *body = read_body(answer, &length, error);

	if (!body)
		return NULL;
	return length == 0 ? json_null() : berth_json_parse(body, length, "the engine's answer", error);
}

json_t *berth_answer_line(struct berth_answer *answer, GError **error)
{
	char buffer[8192];

	if (!answer->line)
		answer->line = g_string_new(NULL);
	for (;;) {
		char *start = answer->line->str, *end = memchr(start, '\n', answer->line->len);
		bool last = !end && answer->over;
		size_t length = end ? (size_t) (end - start) : answer->line->len;
		if (end || last) {
			bool empty = strspn(start, " \r\n\t") >= length;
			json_t *json = empty ? NULL : berth_json_parse(start, length, "the engine's answer", error);
			g_string_erase(answer->line, 0, (gssize) (end ? length + 1 : length));
			if (empty && end)
				continue;
			return json;
		}
		if (answer->line->len > BERTH_LIMIT_JSON) {
			malformed(answer, "a line of its answer is too long", error);
			return NULL;
		}
		ssize_t count = berth_answer_read(answer, buffer, sizeof buffer, error);
		if (count < 0)
			return NULL;
		g_string_append_len(answer->line, buffer, count);
	}
}

ssize_t berth_answer_read_between(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	if (!answer->line || answer->line->len == 0)
		return berth_answer_read(answer, data, size, error);
	size_t count = MIN(size, answer->line->len);
	memcpy(data, answer->line->str, count);
	g_string_erase(answer->line, 0, (gssize) count);
	return (ssize_t) count;
}

bool berth_answer_has_line(const struct berth_answer *answer)
{
	return answer->over || (answer->line && memchr(answer->line->str, '\n', answer->line->len));
}

json_t *berth_client_json(struct berth_client *client, const char *method, const char *path, const char *body,
			  GError **error)
{
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = method, .path = path, .body = body}, error);

	return answer ? berth_answer_json(answer, error) : NULL;
}

void *berth_client_document(struct berth_client *client, const char *method, const char *path, const char *body,
			    const struct berth_document *document, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_client_json(client, method, path, body, error);

	return json ? berth_document_parse(document, json, error) : NULL;
}

bool berth_client_do(struct berth_client *client, const char *method, const char *path, GError **error)
{
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = method, .path = path}, error);
	size_t length;

	if (!answer)
		return false;
	g_autofree char *body = read_body(answer, &length, error);
	return body;
}
