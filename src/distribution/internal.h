// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share. From below: src/http (one exchange), hosts.c (how a host is reached),
// challenge.h and token.c (what a host wants to see), request.c (redirects, authorization, second tries), then one file
// per subject of registry.h.
#pragma once

#include "distribution/challenge.h"
#include "distribution/registry.h"
#include "http/http.h"

#include <pthread.h>

// How registries, mirrors and their helpers are reached. hosts.c
struct berth_hosts;
struct berth_hosts *berth_hosts_new(const struct berth_registries_options *options, GError **error);
void berth_hosts_free(struct berth_hosts *hosts);

// One place that has a repository: a registry or a mirror of it.
struct berth_endpoint {
	char *authority; // host[:port]
	char *base; // of its paths: "" or "/path"
	char *scheme; // "https" or "http"; NULL: https is tried first, then http
	bool own; // it is the registry itself: the credentials are its
	bool answered; // once; guarded by the client's lock
	bool dead; // a mirror that does not help; guarded likewise
	struct berth_tls tls;
};
void berth_endpoint_free(struct berth_endpoint *endpoint);
// The registry's own endpoint, or NULL with *error (an unreadable certificate).
struct berth_endpoint *berth_hosts_endpoint(struct berth_hosts *hosts, const char *domain, GError **error);
// Those of the mirrors, in order: a new array of struct berth_endpoint that frees them.
GPtrArray *berth_hosts_mirrors(struct berth_hosts *hosts, const char *domain, GError **error);
// How the host of a URL that a registry named is spoken to.
bool berth_hosts_tls(struct berth_hosts *hosts, const char *url, struct berth_tls *ret, GError **error);
bool berth_hosts_insecure(const struct berth_hosts *hosts, const char *authority);
// The proxy for a URL, borrowed, or NULL.
const char *berth_hosts_proxy(const struct berth_hosts *hosts, const char *url);
// Which scheme an endpoint without one spoke the last time ("https", "http"), or NULL; and to remember it.
const char *berth_hosts_scheme(struct berth_hosts *hosts, const char *authority);
void berth_hosts_remember(struct berth_hosts *hosts, const char *authority, const char *scheme);

struct berth_registries {
	struct berth_hosts *hosts;
	struct berth_http *http;
	struct berth_tokens *tokens;
	int downloads, uploads;
	unsigned backoff; // milliseconds
	unsigned stall;
};

// Who asks: one pull, push, login or search.
struct berth_registry_client {
	struct berth_registries *registries;
	struct berth_credentials *credentials; // a copy; may be NULL
	char key[BERTH_DIGEST_SIZE]; // tells credentials apart
	bool login; // no token that is there already will do
	char *refresh; // of a login: the refresh token that came
	berth_canceled_fn *canceled;
	void *data;
	pthread_mutex_t lock; // of what endpoints have learned
};
void berth_registry_client_init(struct berth_registry_client *client, struct berth_registries *registries,
				const struct berth_credentials *credentials, berth_canceled_fn *canceled, void *data);
void berth_registry_client_clear(struct berth_registry_client *client);

// What is asked of an endpoint.
struct berth_registry_call {
	const char *method;
	const char *path; // behind the endpoint's base, "/v2/…"; or a whole URL, that the endpoint gave
	const char *scope; // that a token must have; NULL: none
	bool bare; // no authorization but this one, which goes to the endpoint only
	const char *authorization; // may be NULL
	const char *const *headers; // NULL-terminated; may be NULL
	const char *body; // see struct berth_http_request
	int body_fd;
	int64_t offset, length;
	berth_http_sent_fn *sent;
	berth_http_sink_fn *sink;
	void *data;
	size_t limit;
	const char *what; // for messages: "manifest localhost:5000/busybox:1"
};

// Redirects and authorization, no second try.
enum berth_http_outcome berth_registry_client_send_once(struct berth_registry_client *client,
							struct berth_endpoint *endpoint,
							const struct berth_registry_call *call,
							struct berth_http_response *response, GError **error);
// With second tries after broken connections, 429 and 5xx. True when there is an answer, whatever its status.
bool berth_registry_client_send(struct berth_registry_client *client, struct berth_endpoint *endpoint,
				const struct berth_registry_call *call, struct berth_http_response *response,
				GError **error);

// Whether another attempt makes sense after `failed` of them in a row.
bool berth_registry_client_may_retry(struct berth_registry_client *client, const struct berth_endpoint *endpoint,
				     unsigned failed);
// Second tries. `attempt` counts those that failed in a row; retry_after is the header's seconds or -1. False, with
// *error untouched unless canceled, when there should be none.
bool berth_registry_client_back_off(struct berth_registry_client *client, unsigned attempt, const char *retry_after,
				    GError **error);
bool berth_status_is_passing(int status); // 429, 5xx

// Sets *error to what an answer that is no success means. Always false.
bool berth_response_error(const struct berth_registry_client *client, const struct berth_http_response *response,
			  const char *what, GError **error);

// Authorization. token.c
struct berth_tokens;
struct berth_tokens *berth_tokens_new(void);
void berth_tokens_free(struct berth_tokens *tokens);
// The header's value for a request to the endpoint's `origin`, or *ret NULL: none.
bool berth_authorize(struct berth_registry_client *client, const struct berth_endpoint *endpoint, const char *origin,
		     const char *scope, char **ret, GError **error);
// Learns from an answer 401. `sent` is the header's value that it was an answer to, or NULL. Whether it makes sense to
// ask again.
bool berth_take_challenge(struct berth_registry_client *client, const struct berth_endpoint *endpoint,
			  const char *origin, const struct berth_http_response *response, const char *sent);

struct berth_repository {
	struct berth_registry_client client;
	char *domain, *path;
	char *scope;
	bool push;
	struct berth_endpoint *own; // made at first use, under the client's lock
	GPtrArray *mirrors;
	GHashTable *sessions; // by digest: where uploads go that the registry opened when it was asked to mount
};
// The endpoints to ask for reading, best first; the array is new, the endpoints are the repository's. NULL with *error.
GPtrArray *berth_repository_sources(struct berth_repository *repository, GError **error);
struct berth_endpoint *berth_repository_own(struct berth_repository *repository, GError **error);
// A mirror that does not help is not asked again by this repository.
void berth_endpoint_give_up(struct berth_registry_client *client, struct berth_endpoint *mirror);

bool berth_manifest_known(const char *type); // NULL is not
// The media type of a manifest, a new text; NULL with *error when it contradicts itself or cannot be used.
char *berth_manifest_type(const struct berth_http_response *response, const char *what, GError **error);

// A list in pages.
struct berth_registry_list {
	const char *path; // of the first page
	const char *member; // of each page's document: an array of strings
	const char *scope;
	guint limit; // more entries are BERTH_ERROR_RESOURCE_EXHAUSTED, as is more than BERTH_LIMIT_PAGES pages
	guint enough; // so many need not be followed by another page; 0: all are wanted
	bool (*keep)(const void *data, const char *entry); // chooses; NULL: all
	const void *data;
	const char *what;
};
bool berth_registry_list_all(struct berth_registry_client *client, struct berth_endpoint *endpoint,
			     const struct berth_registry_list *listing, GPtrArray *into, GError **error);
