// SPDX-License-Identifier: Apache-2.0
// A session is one libcurl handle with the connections that it keeps. A request takes the session that spoke to its
// host last, so that it finds a connection there; libcurl's own sharing of connections between threads is not safe.
#include "http/http.h"

#include "base/error.h"
#include "base/fd.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SESSIONS_KEPT 16
#define SESSION_SECONDS 90 // an idle session is closed after that
#define TICK 100 // milliseconds between two looks at `canceled`
#define BUFFER (256 << 10) // of libcurl, per direction
#define ERROR_BODY (64 << 10) // of an answer that is not 200 or 206, this much is kept
#define HEADERS (256 << 10) // bytes of an answer's head
#define STALL_BYTES 4096 // must move within `stall`

struct session {
	CURLM *multi;
	CURL *easy;
	char *origin; // scheme, host and port, or the socket, that it spoke to last
	int64_t used; // monotonic seconds
};

struct berth_http {
	pthread_mutex_t lock; // of all below
	struct berth_curl curl;
	GPtrArray *idle; // of struct session, the latest used last
};

// One exchange under way.
struct exchange {
	const struct berth_http_request *request;
	struct berth_http_response *response;
	const struct berth_curl *curl;
	struct session *session;
	char message[CURL_ERROR_SIZE];
	int64_t position; // in the request's body
	int64_t moved, marked; // bytes in both directions: now, and when `moment` was taken
	int64_t moment, begun; // microseconds
	size_t headers; // bytes of the answer's head so far
	bool cut; // the rest of an error's body is not wanted
	GError *error; // why we stopped it
};

void berth_tls_clear(struct berth_tls *tls)
{
	g_clear_pointer(&tls->authorities, g_free);
	g_clear_pointer(&tls->certificate, g_free);
	g_clear_pointer(&tls->key, g_free);
}

void berth_http_response_clear(struct berth_http_response *response)
{
	g_clear_pointer(&response->headers, g_ptr_array_unref);
	if (response->body)
		g_string_free(g_steal_pointer(&response->body), TRUE);
	*response = (struct berth_http_response){0};
}

const char *berth_http_header(const struct berth_http_response *response, const char *name)
{
	size_t length = strlen(name);

	for (guint i = 0; response->headers && i < response->headers->len; i++) {
		const char *header = response->headers->pdata[i];
		if (strncmp(header, name, length) == 0 && header[length] == ':')
			return header + length + 2;
	}
	return NULL;
}

int64_t berth_http_header_number(const struct berth_http_response *response, const char *name)
{
	const char *value = berth_http_header(response, name);
	uint64_t number;

	if (!value || !g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &number, NULL))
		return -1;
	return (int64_t) number;
}

struct berth_http *berth_http_new(void)
{
	struct berth_http *http = g_new0(struct berth_http, 1);

	pthread_mutex_init(&http->lock, NULL);
	http->idle = g_ptr_array_new();
	return http;
}

static void close_session(const struct berth_curl *curl, struct session *session)
{
	if (session->easy)
		curl->easy_cleanup(session->easy);
	if (session->multi)
		curl->multi_cleanup(session->multi);
	g_free(session->origin);
	g_free(session);
}

void berth_http_free(struct berth_http *http)
{
	if (!http)
		return;
	for (guint i = 0; i < http->idle->len; i++)
		close_session(&http->curl, http->idle->pdata[i]);
	g_ptr_array_unref(http->idle);
	pthread_mutex_destroy(&http->lock);
	g_free(http);
}

static int64_t seconds_now(void)
{
	return g_get_monotonic_time() / G_USEC_PER_SEC;
}

// Scheme, host and port: a URL up to its path. Or the socket that leads there.
static char *origin_of(const struct berth_http_request *request)
{
	const char *url = request->url;
	const char *host = strstr(url, "://");

	if (request->socket)
		return g_strdup(request->socket);
	const char *end = host ? host + 3 + strcspn(host + 3, "/?#") : url + strlen(url);

	return g_strndup(url, (gsize) (end - url));
}

// Takes from the idle sessions the one that spoke to `origin` last. With the lock held.
static struct session *find_session(struct berth_http *http, const char *origin)
{
	for (guint i = http->idle->len; i > 0; i--) {
		struct session *session = http->idle->pdata[i - 1];
		if (g_str_equal(session->origin, origin))
			return g_ptr_array_remove_index(http->idle, i - 1);
	}
	return NULL;
}

static struct session *take_session(struct berth_http *http, const struct berth_http_request *request, GError **error)
{
	g_autofree char *origin = origin_of(request);
	struct session *session = NULL;
	bool loaded;

	pthread_mutex_lock(&http->lock);
	loaded = http->curl.library || berth_curl_load(&http->curl, error);
	if (loaded)
		session = find_session(http, origin);
	pthread_mutex_unlock(&http->lock);
	if (!loaded || session)
		return session;
	session = g_new0(struct session, 1);
	session->multi = http->curl.multi_init();
	session->easy = http->curl.easy_init();
	session->origin = g_steal_pointer(&origin);
	if (session->multi && session->easy)
		return session;
	close_session(&http->curl, session);
	berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "libcurl could not make a session");
	return NULL;
}

static bool is_stale(const struct berth_http *http)
{
	const struct session *oldest = http->idle->len > 0 ? http->idle->pdata[0] : NULL;

	return oldest && (http->idle->len > SESSIONS_KEPT || oldest->used + SESSION_SECONDS < seconds_now());
}

static void give_back(struct berth_http *http, struct session *session)
{
	g_autoptr(GPtrArray) stale = g_ptr_array_new();

	session->used = seconds_now();
	pthread_mutex_lock(&http->lock);
	g_ptr_array_add(http->idle, session);
	while (is_stale(http))
		g_ptr_array_add(stale, g_ptr_array_remove_index(http->idle, 0));
	pthread_mutex_unlock(&http->lock);
	for (guint i = 0; i < stale->len; i++)
		close_session(&http->curl, stale->pdata[i]);
}

// libcurl's own sockets would be inherited by programs that the engine starts meanwhile.
static curl_socket_t open_socket(G_GNUC_UNUSED void *data, G_GNUC_UNUSED curlsocktype purpose,
				 struct curl_sockaddr *address)
{
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// What is read of an answer. The rest need not be kept.
static bool is_wanted(const char *name)
{
	static const char *const wanted[] = {"content-type",
					     "content-length",
					     "content-range",
					     "location",
					     "last-modified",
					     "link",
					     "range",
					     "retry-after",
					     "www-authenticate",
					     "docker-content-digest",
					     "docker-upload-uuid",
					     "oci-chunk-min-length"};
	for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
		if (g_str_equal(name, wanted[i]))
			return true;
	return false;
}

// Retry-After may be a date: then it becomes the seconds until then.
static char *seconds_until(const struct berth_curl *curl, const char *value)
{
	time_t date = g_ascii_isdigit(*value) ? -1 : curl->getdate(value, NULL);

	return date < 0 ? g_strdup(value) : g_strdup_printf("%" G_GINT64_FORMAT, MAX((int64_t) date - time(NULL), 0));
}

static void keep_header(const struct exchange *exchange, const char *line)
{
	const char *colon = strchr(line, ':');
	g_autofree char *name = colon ? g_ascii_strdown(line, colon - line) : NULL;

	if (!name || !is_wanted(name))
		return;
	g_autofree char *raw = g_strstrip(g_strdup(colon + 1));
	g_autofree char *value =
		g_str_equal(name, "retry-after") ? seconds_until(exchange->curl, raw) : g_steal_pointer(&raw);
	g_ptr_array_add(exchange->response->headers, g_strdup_printf("%s: %s", name, value));
}

// "HTTP/1.1 200 OK" begins an answer; of several (100 Continue) the last one counts.
static size_t take_header(char *bytes, size_t size, size_t count, void *data)
{
	struct exchange *exchange = data;
	struct berth_http_response *response = exchange->response;
	g_autofree char *line = g_strndup(bytes, size * count);
	const char *space = strchr(line, ' ');

	exchange->moved += (int64_t) (size * count);
	exchange->headers += size * count;
	if (exchange->headers > HEADERS) {
		berth_error_set(&exchange->error, BERTH_ERROR_INVALID, "the answer's head has more than %d bytes",
				HEADERS);
		return 0;
	}
	if (g_str_has_prefix(line, "HTTP/")) {
		exchange->moved += STALL_BYTES; // it is alive
		g_ptr_array_set_size(response->headers, 0);
		response->status = space ? atoi(space + 1) : 0;
	} else if (response->received == 0) {
		keep_header(exchange, line);
	}
	return size * count;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct exchange *exchange = data;
	struct berth_http_response *response = exchange->response;
	const struct berth_http_request *request = exchange->request;
	size_t length = size * count;
	bool good = response->status == 200 || response->status == 206;

	exchange->moved += (int64_t) length;
	response->received += (int64_t) length;
	if (good && request->sink)
		return request->sink(request->data, response, bytes, length, &exchange->error) ? length : 0;
	if (response->body->len + length <= (good ? request->limit : ERROR_BODY)) {
		g_string_append_len(response->body, bytes, (gssize) length);
		return length;
	}
	exchange->cut = !good;
	if (good)
		berth_error_set(&exchange->error, BERTH_ERROR_INVALID, "the answer has more than %zu bytes",
				request->limit);
	return 0;
}

static size_t give_body(char *bytes, size_t size, size_t count, void *data)
{
	struct exchange *exchange = data;
	const struct berth_http_request *request = exchange->request;
	int64_t left = request->length - exchange->position;
	ssize_t length;

	if (left <= 0)
		return 0;
	do
		length = pread(request->body_fd, bytes, (size_t) MIN(left, (int64_t) (size * count)),
			       request->offset + exchange->position);
	while (length < 0 && errno == EINTR);
	if (length <= 0) {
		berth_error_set_errno(&exchange->error, length < 0 ? errno : EIO, "read what is uploaded");
		return CURL_READFUNC_ABORT;
	}
	exchange->position += length;
	exchange->moved += length;
	if (request->sent)
		request->sent(request->data, exchange->position);
	return (size_t) length;
}

// libcurl would send a body again by itself when a kept connection breaks before an answer: to a registry that has a
// part of it already. That is for our caller to find out.
static int seek_body(void *data, curl_off_t offset, int origin)
{
	const struct exchange *exchange = data;

	return origin == SEEK_SET && offset == exchange->position ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void set_tls(const struct berth_curl *curl, CURL *easy, const struct berth_tls *tls)
{
	if (!tls)
		return;
	if (tls->unverified) {
		curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls->authorities) {
		struct curl_blob blob = {tls->authorities, strlen(tls->authorities), CURL_BLOB_COPY};
		curl->easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (tls->certificate) {
		curl->easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate);
		curl->easy_setopt(easy, CURLOPT_SSLKEY, tls->key);
	}
}

static void set_method(struct exchange *exchange, CURL *easy)
{
	const struct berth_http_request *request = exchange->request;
	const struct berth_curl *curl = exchange->curl;

	if (g_str_equal(request->method, "HEAD")) {
		curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (request->body_fd >= 0) {
		curl->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t) request->length);
		curl->easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
		curl->easy_setopt(easy, CURLOPT_READDATA, exchange);
		curl->easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
		curl->easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
		curl->easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long) BUFFER);
	} else if (!g_str_equal(request->method, "GET") && !g_str_equal(request->method, "DELETE")) {
		curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->length);
		curl->easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_options(struct exchange *exchange, CURL *easy)
{
	const struct berth_http_request *request = exchange->request;
	const struct berth_curl *curl = exchange->curl;

	curl->easy_reset(easy);
	curl->easy_setopt(easy, CURLOPT_URL, request->url);
	curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl->easy_setopt(easy, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
	curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); // do not wait for a name that is being resolved
	curl->easy_setopt(easy, CURLOPT_PROXY, request->proxy ? request->proxy : "");
	curl->easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (request->socket)
		curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	curl->easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->alone ? 1L : 0L);
	curl->easy_setopt(easy, CURLOPT_FORBID_REUSE, request->alone ? 1L : 0L);
	curl->easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) request->handshake);
	curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long) BUFFER);
	curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->message);
	curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl->easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl->easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	set_tls(curl, easy, request->tls);
	set_method(exchange, easy);
}

static struct curl_slist *make_headers(const struct exchange *exchange)
{
	const struct berth_http_request *request = exchange->request;
	const struct berth_curl *curl = exchange->curl;
	// A body waits for nothing, and has no type but one that is given.
	struct curl_slist *list = curl->slist_append(NULL, "Expect:");

	for (size_t i = 0; request->headers && request->headers[i]; i++)
		list = curl->slist_append(list, request->headers[i]);
	if (!request->headers || !request->headers[0] || !g_str_has_prefix(request->headers[0], "Content-Type:"))
		list = curl->slist_append(list, "Content-Type:");
	if (request->authorization) {
		g_autofree char *header = g_strconcat("Authorization: ", request->authorization, NULL);
		list = curl->slist_append(list, header);
	}
	return list;
}

// Sets exchange->error or *stalled when the exchange must not go on.
static bool may_go_on(struct exchange *exchange, bool *stalled)
{
	const struct berth_http_request *request = exchange->request;
	int64_t now = g_get_monotonic_time();
	bool waiting = exchange->response->status == 0 && exchange->position >= request->length;
	unsigned limit = waiting ? MAX(request->patience, request->stall) : request->stall;

	if (request->canceled && request->canceled(request->canceled_data))
		return berth_error_set(&exchange->error, BERTH_ERROR_CANCELED, "canceled");
	if (request->whole > 0 && now - exchange->begun > (int64_t) request->whole * 1000)
		*stalled = true;
	if (exchange->moved - exchange->marked >= STALL_BYTES) {
		exchange->marked = exchange->moved;
		exchange->moment = now;
	}
	if (limit > 0 && now - exchange->moment > (int64_t) limit * 1000)
		*stalled = true;
	return !*stalled;
}

// Runs it to its end, or until it must not go on. CURLE_AGAIN stands for a stalled one.
static CURLcode drive(struct exchange *exchange)
{
	const struct berth_curl *curl = exchange->curl;
	CURLM *multi = exchange->session->multi;
	bool stalled = false;

	exchange->begun = exchange->moment = g_get_monotonic_time();
	for (;;) {
		int running = 0, left = 0;
		if (curl->multi_perform(multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		for (CURLMsg *message; (message = curl->multi_info_read(multi, &left));)
			if (message->msg == CURLMSG_DONE)
				return message->data.result;
		if (running == 0)
			return CURLE_FAILED_INIT;
		if (!may_go_on(exchange, &stalled))
			return stalled ? CURLE_AGAIN : CURLE_ABORTED_BY_CALLBACK;
		curl->multi_poll(multi, NULL, 0, TICK, NULL);
	}
}

// The other side's first bytes were none of this URL's protocol.
static bool is_other_protocol(const struct exchange *exchange, CURLcode code)
{
	if (exchange->response->status > 0)
		return false;
	if (g_str_has_prefix(exchange->request->url, "https:"))
		return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_COULDNT_CONNECT ||
		       code == CURLE_OPERATION_TIMEDOUT;
	return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_GOT_NOTHING ||
	       code == CURLE_RECV_ERROR;
}

static bool is_lasting(const struct exchange *exchange, CURLcode code)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_FAILED_INIT:
	case CURLE_OUT_OF_MEMORY:
		return true;
	case CURLE_SSL_CONNECT_ERROR: // a handshake that was cut, or one that cannot succeed
		return strstr(exchange->message, "wrong version number") || strstr(exchange->message, "alert");
	default:
		return false;
	}
}

static enum berth_http_outcome conclude(struct exchange *exchange, CURLcode code, GError **error)
{
	const char *text = exchange->message[0] ? exchange->message : exchange->curl->easy_strerror(code);
	g_autofree char *origin = origin_of(exchange->request);
	const char *trust = exchange->request->trust;

	if (exchange->error) {
		g_propagate_error(error, g_steal_pointer(&exchange->error));
		return BERTH_HTTP_FAILED;
	}
	if (code == CURLE_OK || exchange->cut)
		return BERTH_HTTP_ANSWERED;
	exchange->response->late = code == CURLE_AGAIN || code == CURLE_OPERATION_TIMEDOUT;
	exchange->response->other_protocol = is_other_protocol(exchange, code);
	if (code == CURLE_AGAIN)
		text = exchange->response->status ? "the answer stalled" : "no answer in time";
	berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s: %s", origin, text);
	if (code == CURLE_SSL_CONNECT_ERROR && is_lasting(exchange, code))
		g_prefix_error(error, "the server does not speak TLS as it should (one that speaks plain HTTP must be "
				      "configured as insecure): ");
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		g_prefix_error(error, "its certificate is not trusted%s%s%s: ",
			       trust ? " (an authority of its own belongs into " : "", trust ? trust : "",
			       trust ? ")" : "");
	return is_lasting(exchange, code) ? BERTH_HTTP_FAILED : BERTH_HTTP_BROKEN;
}

enum berth_http_outcome berth_http_perform(struct berth_http *http, const struct berth_http_request *request,
					   struct berth_http_response *response, GError **error)
{
	struct exchange exchange = {.request = request, .response = response, .curl = &http->curl};
	enum berth_http_outcome outcome;
	struct curl_slist *headers;

	response->headers = g_ptr_array_new_with_free_func(g_free);
	response->body = g_string_new(NULL);
	exchange.position = request->body_fd < 0 ? request->length : 0;
	exchange.session = take_session(http, request, error);
	if (!exchange.session)
		return BERTH_HTTP_FAILED;
	CURL *easy = exchange.session->easy;
	set_options(&exchange, easy);
	headers = make_headers(&exchange);
	http->curl.easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	http->curl.multi_add_handle(exchange.session->multi, easy);
	CURLcode code = drive(&exchange);
	http->curl.multi_remove_handle(exchange.session->multi, easy);
	outcome = conclude(&exchange, code, error);
	http->curl.easy_reset(easy); // it must not keep pointers into what is gone
	http->curl.slist_free_all(headers);
	give_back(http, exchange.session);
	return outcome;
}
