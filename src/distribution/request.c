// SPDX-License-Identifier: Apache-2.0
// Between one call and the exchanges that it takes: the scheme that an insecure host speaks, redirects, authorization,
// and second tries.
#include "base/error.h"
#include "base/limits.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

#define HANDSHAKE 10000 // milliseconds until a connection must stand
#define PATIENCE 300000 // milliseconds for an answer to an upload: the registry may hash it first
#define WHOLE 120000 // milliseconds for an answer that is kept in memory
#define ATTEMPTS 5 // in a row, of a host that has answered before
#define FIRST_ATTEMPTS 2 // of one that has not
#define BACK_OFF_MAXIMUM 10000 // milliseconds
#define RETRY_AFTER_MAXIMUM 60 // seconds; who asks for more is not waited for

void berth_registry_client_init(struct berth_registry_client *client, struct berth_registries *registries,
				const struct berth_credentials *credentials, berth_canceled_fn *canceled, void *data)
{
	*client = (struct berth_registry_client){.registries = registries, .canceled = canceled, .data = data};
	client->credentials = berth_document_copy(&berth_credentials_document, credentials);
	pthread_mutex_init(&client->lock, NULL);
	if (!credentials)
		return;
	const char *const secrets[] = {credentials->username, credentials->password, credentials->identity_token};
	struct berth_hash *hash = berth_hash_new();
	for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
		berth_hash_update(hash, secrets[i] ? secrets[i] : "", secrets[i] ? strlen(secrets[i]) + 1 : 1);
	berth_hash_digest(hash, client->key);
}

void berth_registry_client_clear(struct berth_registry_client *client)
{
	berth_document_free(&berth_credentials_document, client->credentials);
	g_free(client->refresh);
	pthread_mutex_destroy(&client->lock);
}

// One exchange with `url`, which is the endpoint's own or one that it pointed to.
static enum berth_http_outcome exchange(struct berth_registry_client *client, const struct berth_endpoint *endpoint,
					const struct berth_registry_call *call, const char *url,
					const char *authorization, struct berth_http_response *response, GError **error)
{
	struct berth_registries *registries = client->registries;
	g_autofree char *authority = berth_url_authority(url);
	bool foreign = !g_str_equal(authority, endpoint->authority);
	struct berth_tls tls = {0};
	struct berth_http_request request = {
		.method = call->method,
		.url = url,
		.trust = "certs.d/<host>/<name>.crt",
		.tls = foreign ? &tls : &endpoint->tls,
		.proxy = berth_hosts_proxy(registries->hosts, url),
		.authorization = authorization,
		.headers = call->headers,
		.body = call->body,
		.body_fd = call->body_fd,
		.offset = call->offset,
		.length = call->length,
		.sent = call->sent,
		.sink = call->sink,
		.data = call->data,
		.limit = call->limit,
		.handshake = HANDSHAKE,
		.stall = registries->stall,
		.patience = call->length > 0 ? PATIENCE : 0,
		.whole = call->sink || call->body_fd >= 0 ? 0 : WHOLE,
		.canceled = client->canceled,
		.canceled_data = client->data,
	};

	if (foreign && !berth_hosts_tls(registries->hosts, url, &tls, error))
		return BERTH_HTTP_FAILED;
	enum berth_http_outcome outcome = berth_http_perform(registries->http, &request, response, error);
	berth_tls_clear(&tls);
	return outcome;
}

// A body in memory may be a secret (a refresh token) and goes nowhere else.
static bool is_redirect(const struct berth_registry_call *call, const struct berth_http_response *response)
{
	bool reading = g_str_equal(call->method, "GET") || g_str_equal(call->method, "HEAD");
	int status = response->status;

	if (!berth_http_header(response, "location") || call->body)
		return false;
	return status == 307 || status == 308 || (reading && (status == 301 || status == 302 || status == 303));
}

// Where a redirect leads, a new text, or NULL with *error.
static char *next_url(const char *url, const struct berth_http_response *response, GError **error)
{
	g_autofree char *next = berth_url_resolve(url, berth_http_header(response, "location"));

	if (!next) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the registry redirects to what is no http(s) URL");
		return NULL;
	}
	if (g_str_has_prefix(url, "https:") && g_str_has_prefix(next, "http:")) {
		g_autofree char *authority = berth_url_authority(next);
		berth_error_set(error, BERTH_ERROR_INVALID,
				"the registry redirects from TLS to plain HTTP (%s), which is refused", authority);
		return NULL;
	}
	return g_steal_pointer(&next);
}

// The URL of a call for one scheme.
static char *make_url(const struct berth_endpoint *endpoint, const struct berth_registry_call *call, const char *scheme)
{
	if (call->path[0] != '/')
		return g_strdup(call->path);
	return g_strconcat(scheme, "://", endpoint->authority, endpoint->base, call->path, NULL);
}

// One exchange, and a second one with what the endpoint asked for. Another host gets no authorization.
static enum berth_http_outcome exchange_authorized(struct berth_registry_client *client,
						   const struct berth_endpoint *endpoint,
						   const struct berth_registry_call *call, const char *origin,
						   const char *url, struct berth_http_response *response,
						   GError **error)
{
	if (!berth_url_same_origin(origin, url))
		return exchange(client, endpoint, call, url, NULL, response, error);
	if (call->bare)
		return exchange(client, endpoint, call, url, call->authorization, response, error);
	for (bool again = false;; again = true) {
		g_autofree char *authorization = NULL;
		if ((again || !client->login) &&
		    !berth_authorize(client, endpoint, origin, call->scope, &authorization, error))
			return BERTH_HTTP_FAILED;
		enum berth_http_outcome outcome = exchange(client, endpoint, call, url, authorization, response, error);
		if (outcome != BERTH_HTTP_ANSWERED || response->status != 401 || again ||
		    !berth_take_challenge(client, endpoint, origin, response, authorization))
			return outcome;
		berth_http_response_clear(response);
	}
}

// Follows redirects from the endpoint's own URL.
static enum berth_http_outcome follow(struct berth_registry_client *client, struct berth_endpoint *endpoint,
				      const struct berth_registry_call *call, const char *scheme,
				      struct berth_http_response *response, GError **error)
{
	g_autofree char *url = make_url(endpoint, call, scheme);
	g_autofree char *origin = g_strconcat(scheme, "://", endpoint->authority, NULL);

	for (unsigned hops = 0; hops <= BERTH_LIMIT_REDIRECTS; hops++) {
		berth_http_response_clear(response);
		enum berth_http_outcome outcome =
			exchange_authorized(client, endpoint, call, origin, url, response, error);
		if (outcome != BERTH_HTTP_ANSWERED || !is_redirect(call, response))
			return outcome;
		char *next = next_url(url, response, error);
		if (!next)
			return BERTH_HTTP_FAILED;
		g_free(url);
		url = next;
	}
	berth_error_set(error, BERTH_ERROR_INVALID, "more than %d redirects", BERTH_LIMIT_REDIRECTS);
	return BERTH_HTTP_FAILED;
}

// Whether the answer says that the other scheme is spoken here: Go's servers, nginx and others tell in plain HTTP.
static bool wants_other_scheme(enum berth_http_outcome outcome, const struct berth_http_response *response,
			       const char *scheme)
{
	if (outcome == BERTH_HTTP_ANSWERED)
		return g_str_equal(scheme, "http") && response->status == 400 && response->body &&
		       strstr(response->body->str, "HTTPS");
	return response->other_protocol;
}

enum berth_http_outcome berth_registry_client_send_once(struct berth_registry_client *client,
							struct berth_endpoint *endpoint,
							const struct berth_registry_call *call,
							struct berth_http_response *response, GError **error)
{
	struct berth_hosts *hosts = client->registries->hosts;
	const char *scheme = endpoint->scheme;
	enum berth_http_outcome outcome = BERTH_HTTP_FAILED;

	if (!scheme && !(scheme = berth_hosts_scheme(hosts, endpoint->authority)))
		scheme = "https";
	if (g_str_equal(scheme, "https") && g_str_has_prefix(call->path, "http:")) {
		berth_error_set(
			error, BERTH_ERROR_INVALID,
			"%s: the registry leads from TLS to plain HTTP, which is refused (a proxy before it may not "
			"tell it that it ends TLS)",
			call->what);
		return BERTH_HTTP_FAILED;
	}
	outcome = follow(client, endpoint, call, scheme, response, error);
	if (!endpoint->scheme && call->path[0] == '/' && wants_other_scheme(outcome, response, scheme)) {
		g_autoptr(GError) first = error ? g_steal_pointer(error) : NULL;
		bool broken = outcome == BERTH_HTTP_BROKEN;
		scheme = g_str_equal(scheme, "https") ? "http" : "https";
		outcome = follow(client, endpoint, call, scheme, response, error);
		if (outcome == BERTH_HTTP_FAILED && response->other_protocol && broken) {
			// The scheme was right, the connection was not.
			outcome = BERTH_HTTP_BROKEN;
			g_clear_error(error);
			g_propagate_error(error, g_steal_pointer(&first));
		}
	}
	if (outcome == BERTH_HTTP_ANSWERED && !endpoint->scheme)
		berth_hosts_remember(hosts, endpoint->authority, scheme);
	if (response->status > 0) {
		pthread_mutex_lock(&client->lock);
		endpoint->answered = true;
		pthread_mutex_unlock(&client->lock);
	}
	if (outcome != BERTH_HTTP_ANSWERED)
		g_prefix_error(error, "%s: ", call->what);
	return outcome;
}

bool berth_status_is_passing(int status)
{
	return status == 429 || status >= 500;
}

// How many milliseconds to wait, or -1 when the registry asks for more than we are ready to.
static int64_t pause_of(const struct berth_registry_client *client, unsigned attempt, const char *retry_after)
{
	int64_t pause = MIN((int64_t) client->registries->backoff << MIN(attempt, 16), BACK_OFF_MAXIMUM);
	guint64 seconds;

	pause = pause / 2 + g_random_int_range(0, (gint32) pause / 2 + 1);
	if (!retry_after || !g_ascii_string_to_unsigned(retry_after, 10, 0, G_MAXINT64, &seconds, NULL))
		return pause;
	return seconds > RETRY_AFTER_MAXIMUM ? -1 : MAX(pause, (int64_t) seconds * 1000);
}

bool berth_registry_client_back_off(struct berth_registry_client *client, unsigned attempt, const char *retry_after,
				    GError **error)
{
	int64_t pause = pause_of(client, attempt, retry_after);
	int64_t end = g_get_monotonic_time() + pause * 1000;

	if (pause < 0)
		return false;
	for (int64_t left; (left = end - g_get_monotonic_time()) > 0;) {
		if (client->canceled && client->canceled(client->data)) {
			g_clear_error(error);
			return berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
		}
		g_usleep((gulong) MIN(left, 100000));
	}
	return true;
}

bool berth_registry_client_may_retry(struct berth_registry_client *client, const struct berth_endpoint *endpoint,
				     unsigned failed)
{
	pthread_mutex_lock(&client->lock);
	bool answered = endpoint->answered;
	pthread_mutex_unlock(&client->lock);
	return failed < (answered ? ATTEMPTS : FIRST_ATTEMPTS);
}

bool berth_registry_client_send(struct berth_registry_client *client, struct berth_endpoint *endpoint,
				const struct berth_registry_call *call, struct berth_http_response *response,
				GError **error)
{
	for (unsigned failed = 0;; failed++) {
		g_autoptr(GError) cause = NULL;
		enum berth_http_outcome outcome =
			berth_registry_client_send_once(client, endpoint, call, response, &cause);
		bool answered = outcome == BERTH_HTTP_ANSWERED;
		if (answered && !berth_status_is_passing(response->status))
			return true;
		if (outcome == BERTH_HTTP_FAILED || !berth_registry_client_may_retry(client, endpoint, failed + 1) ||
		    !berth_registry_client_back_off(client, failed, berth_http_header(response, "retry-after"),
						    &cause)) {
			if (answered && !cause)
				return true;
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
		berth_http_response_clear(response);
	}
}
