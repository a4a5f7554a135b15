// SPDX-License-Identifier: Apache-2.0
// One HTTP exchange with one host: a request, its answer. No redirects, no credentials of its own, no second try: those
// are the caller's. Connections are kept and used again by any thread.
#pragma once

#include "http/curl.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef bool berth_canceled_fn(void *data);

// How a host is spoken to over TLS.
struct berth_tls {
	bool unverified;
	char *authorities; // PEM of further authorities; NULL: the system's only
	char *certificate, *key; // files of the client's certificate; NULL: none
};
void berth_tls_clear(struct berth_tls *tls);

struct berth_http_response;
// Takes the body of an answer with status 200 or 206, piece by piece.
typedef bool berth_http_sink_fn(void *data, const struct berth_http_response *response, const void *bytes,
				size_t length, GError **error);
typedef void berth_http_sent_fn(void *data, int64_t bytes);

struct berth_http_request {
	const char *method;
	const char *url; // https://… or http://…
	const struct berth_tls *tls; // may be NULL
	const char *trust; // where a host's own authority belongs, for messages; NULL: they say nothing of it
	const char *proxy; // its URL; NULL: none
	const char *socket; // a unix socket that leads to the host; NULL: none
	bool alone; // on a connection of its own: libcurl repeats a request when a kept connection breaks
	const char *authorization; // the header's value; NULL: none
	const char *const *headers; // "Name: value", NULL-terminated; may be NULL
	const char *body; // of `length` bytes; or, when body_fd is one,
	int body_fd; // `length` bytes of it from `offset` on; -1: none
	int64_t offset, length;
	berth_http_sent_fn *sent; // told how many of them are on their way; may be NULL
	berth_http_sink_fn *sink; // NULL: the body is kept in the response
	void *data; // of both
	size_t limit; // of a body that is kept
	unsigned handshake; // milliseconds until the connection must stand
	unsigned stall; // milliseconds in which something must move
	unsigned patience; // milliseconds for an answer after all has been sent
	unsigned whole; // milliseconds for the whole exchange; 0: any
	berth_canceled_fn *canceled; // may be NULL
	void *canceled_data;
};

enum berth_http_outcome {
	BERTH_HTTP_ANSWERED, // the answer is there, whatever its status
	BERTH_HTTP_BROKEN, // the connection failed, or stopped in the middle: trying again may help
	BERTH_HTTP_FAILED, // trying again does not help
};

struct berth_http_response {
	int status; // 0: none came
	GPtrArray *headers; // "name: value", of those that matter
	GString *body; // NUL-terminated
	int64_t received; // bytes of the body
	bool late; // BROKEN because the time was up
	bool other_protocol; // BROKEN or FAILED because the other side does not seem to speak this URL's protocol
};
void berth_http_response_clear(struct berth_http_response *response);
// The value of the first header of this name (lower case), or NULL; borrowed.
const char *berth_http_header(const struct berth_http_response *response, const char *name);
// The value of the header as a count, or -1.
int64_t berth_http_header_number(const struct berth_http_response *response, const char *name);

struct berth_http;
struct berth_http *berth_http_new(void);
void berth_http_free(struct berth_http *http);
// Fills *response in any case; it must be clear before.
enum berth_http_outcome berth_http_perform(struct berth_http *http, const struct berth_http_request *request,
					   struct berth_http_response *response, GError **error);
