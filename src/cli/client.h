// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 to the engine over a unix socket or TCP: connections that are kept, bodies in chunks both ways, streamed
// answers, and the upgrade to a raw stream that attach uses. All calls block; one thread uses a client.
//
// The newest API version is spoken until an answer's Api-Version header shows that the engine has only an older one;
// then the request is sent again in that version.
#pragma once

#include "base/document.h"

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define BERTH_LIMIT_ANSWER_HEADER (64 << 10) // bytes of an answer's head
#define BERTH_CLIENT_ERROR_PREFIX                                                                                      \
	"Error response from daemon: " // begins the message of every error that the engine told

struct berth_client;
struct berth_answer; // one answer, at first only its head

// `host` is unix:///path, tcp://name[:port] or ssh://[user@]name[:port][/path] and is only checked here; the connection
// is made by the first call. BERTH_ERROR_INVALID, or NOT_IMPLEMENTED for what cannot be spoken (https://).
struct berth_client *berth_client_new(const char *host, GError **error);
void berth_client_free(struct berth_client *client);
const char *berth_client_host(const struct berth_client *client);
// Further lines ("Name: value") of each request's head.
void berth_client_set_headers(struct berth_client *client, char *const *headers);
// Whether it is a tcp:// host; and that TLS is spoken to it, by a program that is given name and port behind `words`.
bool berth_client_is_tcp(const struct berth_client *client);
void berth_client_speak_tls(struct berth_client *client, const char *const *words);
// A new connection, for whom speaks himself. -1 with *error.
int berth_client_dial(struct berth_client *client, GError **error);
// As 1.47 -> 147.
unsigned berth_client_version(const struct berth_client *client);

struct berth_call {
	const char *method;
	const char *path; // beneath the version, with its query: "/containers/json?all=1"
	const char *body; // JSON, NULL: none
	bool upload; // the body is what `upload_fd` gives until its end, or what `produce` writes
	int upload_fd;
	// Writes the body with write(to, ...), which returns false when the engine has answered already. NULL:
	// upload_fd.
	bool (*produce)(void *data, bool (*write)(void *to, const void *bytes, size_t length), void *to,
			GError **error);
	void *produce_data;
	bool upgrade; // ask for a raw stream
	const char *registry_auth; // of the header X-Registry-Auth, a secret; NULL: none
	const char *registry_config; // of X-Registry-Config, a secret, too; NULL: none
	bool build_parts; // the body is a build's with parts: X-Berth-Build
};

// Sends a request without waiting for its answer, so that several can be under way (each on a connection of its own).
struct berth_answer *berth_client_begin(struct berth_client *client, const struct berth_call *call, GError **error);
// Waits for the head. An HTTP status of 400 and more becomes an error: its kind by the status, its message what the
// engine said behind BERTH_CLIENT_ERROR_PREFIX. 304 is an answer without body.
bool berth_answer_wait(struct berth_answer *answer, GError **error);
// Both. UNAVAILABLE if the engine cannot be reached.
struct berth_answer *berth_client_call(struct berth_client *client, const struct berth_call *call, GError **error);

// Frees an answer; its connection is kept if the answer was read to its end, and closed if not.
void berth_answer_free(struct berth_answer *answer);
typedef struct berth_answer berth_answer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_answer, berth_answer_free)

int berth_answer_status(const struct berth_answer *answer);
const char *berth_answer_type(const struct berth_answer *answer); // Content-Type, or ""
const char *berth_answer_path_stat(const struct berth_answer *answer); // X-Docker-Container-Path-Stat, or NULL
// Up to `size` bytes of the body (of the raw stream after an upgrade); 0 at its end, -1 with *error.
ssize_t berth_answer_read(struct berth_answer *answer, void *data, size_t size, GError **error);
// The whole body as JSON; NULL with *error. An empty body is null.
json_t *berth_answer_json(struct berth_answer *answer, GError **error);
// The next JSON object of a stream of lines; NULL without *error at its end.
json_t *berth_answer_line(struct berth_answer *answer, GError **error);
// What stands between two lines of such a stream: as berth_answer_read(). And whether the next line can be had without
// waiting.
ssize_t berth_answer_read_between(struct berth_answer *answer, void *data, size_t size, GError **error);
bool berth_answer_has_line(const struct berth_answer *answer);
// The descriptor to poll and, of a raw stream, to write to (borrowed), and whether bytes that were read ahead wait to
// be taken without polling.
int berth_answer_fd(const struct berth_answer *answer);
bool berth_answer_ready(const struct berth_answer *answer);

// A call whose answer is one JSON value. `body` may be NULL.
json_t *berth_client_json(struct berth_client *client, const char *method, const char *path, const char *body,
			  GError **error);
// The same as a document, which the caller frees.
void *berth_client_document(struct berth_client *client, const char *method, const char *path, const char *body,
			    const struct berth_document *document, GError **error);
// A call whose answer does not matter beyond its success.
bool berth_client_do(struct berth_client *client, const char *method, const char *path, GError **error);

// Paths: "%s" is replaced by `name`, escaped (its slashes, too, unless `slashes`); then parameters are added, also
// escaped; a NULL value adds nothing.
GString *berth_path_new(const char *format, const char *name, bool slashes);
void berth_path_add(GString *path, const char *name, const char *value);
void berth_path_add_switch(GString *path, const char *name, bool value);
void berth_path_add_integer(GString *path, const char *name, int64_t value);
// "name=value" filters, as --filter takes them.
bool berth_path_add_filters(GString *path, char *const *filters, GError **error);
