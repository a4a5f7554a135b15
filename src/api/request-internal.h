// SPDX-License-Identifier: Apache-2.0
// What a request is made of, and its way from a head to a response; for the files that carry it there only, not for
// handlers.
//
// Two threads may hold a request that streams: the connection's and the handler's. `lock` guards `begun`, `ended` and
// `failed` between them; everything of the answer is written before `begun` or `ended` is set and only read after.
#pragma once

#include "api/connection.h"
#include "api/request.h"

#include <pthread.h>

struct berth_request {
	int references; // atomic; the connection, its response and the handler's thread have one each
	struct berth_api *api;
	struct berth_engine *engine;
	const struct berth_route *route; // NULL: page not found
	unsigned version;
	bool ancient; // asked for a version before 1.24, whose errors were plain text
	char *method, *path, *argument;
	char *content_type;
	char *registry_auth; // a secret
	char *registry_config; // a secret, too: X-Registry-Config, of builds
	bool build_parts; // X-Berth-Build: the body is as api/build-body.h has it
	char *uri; // as the client wrote it
	const struct berth_peer *peer; // by its certificate; the connection's
	GHashTable *sent_headers; // of the request: kept where plugins are asked about it
	char **authorized; // the plugins that have allowed it, and are asked about its answer
	char *accept_encoding; // NULL: nothing was said
	char *upgrade_to; // what the client asks the connection to become: "tcp"
	char *websocket_key, *websocket_version;
	bool websocket; // the answer is that it becomes one
	GHashTable *query; // name -> GPtrArray of its values, which ends with NULL
	GByteArray *body; // NUL-terminated; the NUL is not counted
	GError *refusal; // found while the head was read
	bool waited_for; // counted in the API's `busy`; the connection's thread looks at it
	int client; // the connection's socket, borrowed

	unsigned status;
	char *reply_type, *reply;
	size_t reply_length;
	GBytes *reply_bytes; // instead of `reply`, shared
	berth_read_fn *read; // instead of `reply`
	void *read_data;
	GDestroyNotify free_data;
	int64_t read_size;
	GPtrArray *headers; // names and values by turns
	berth_upgrade_fn *upgrade;
	bool raw;
	GError *error;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool begun; // a stream was
	bool ended; // the handler has
	bool failed; // after it began a stream

	int stream_near, stream_far; // the connection's end, the handler's end
	int upload_near, upload_far;
	int gone; // atomic
};

struct berth_request *berth_request_new(struct berth_api *api, struct berth_engine *engine);
struct berth_request *berth_request_ref(struct berth_request *request);
void berth_request_unref(struct berth_request *request);

// What the query says about attaching, and whether it can be (attach.c).
struct berth_engine_attach berth_attach_of(const struct berth_request *request);
bool berth_attach_check(const struct berth_request *request, bool *ret_tty, GError **error);

// server.c. Whether the API stops; and that the request has its answer, as far as stopping waits for one.
bool berth_api_stopping(const struct berth_api *api);
void berth_request_settle(struct berth_request *request);

// head.c. Takes down what the head tells; what is wrong in it becomes request->refusal.
void berth_head_read(struct berth_request *request, struct MHD_Connection *connection, const char *url);
// Whether the body that was collected is what the route takes.
bool berth_head_check_body(const struct berth_request *request, GError **error);
// Whether so much follows the head that it is not read only to be thrown away.
bool berth_head_has_long_body(struct MHD_Connection *connection);

// response.c. Hands the answer to libmicrohttpd. `streams`: the handler has begun a stream.
enum MHD_Result berth_response_queue(struct berth_request *request, struct MHD_Connection *connection, bool streams);

// Runs the handler and takes down how it went; on the handler's thread.
void berth_request_run(struct berth_request *request);
// Makes the sockets between the two threads; closes them all.
bool berth_stream_open(struct berth_request *request, bool upload, GError **error);
void berth_stream_close(struct berth_request *request);
// Passes a piece of the body on; what a handler that has ended does not want is dropped.
void berth_upload_write(struct berth_request *request, const void *data, size_t length);
void berth_upload_end(struct berth_request *request);
// The connection's side is over: the handler learns it at its next write, read or question.
void berth_request_leave(struct berth_request *request);
// Waits until the handler has begun a stream (true) or ended without one.
bool berth_stream_wait(struct berth_request *request);
// Reads what the handler wrote: more than 0 bytes, 0 at the end, -1 when the handler failed or the client left.
ssize_t berth_stream_read(struct berth_request *request, void *data, size_t size);

// authorize.c. Whether plugins are asked at all; then the head's headers are kept.
void berth_authorize_begin(struct berth_request *request, struct MHD_Connection *connection);
// Asks about the request, with its body if there is one; what they refuse becomes request->refusal.
void berth_authorize_request(struct berth_request *request);
// Asks about the answer; one that is refused is replaced. False: it was.
bool berth_authorize_answer(struct berth_request *request);
