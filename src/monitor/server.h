// SPDX-License-Identifier: Apache-2.0
// The monitor's connections: accepts them, checks who is there, takes requests and sends answers and events. What a
// request does is the handler's.
#pragma once

#include "monitor/loop.h"
#include "monitor/protocol.h"

struct berth_server;

// Carries a request out: fills in the answer's fields (`reply` is freed by the server), or fails. `fds` are the
// BERTH_LIMIT_PACKET_FDS descriptors that came along, -1 beyond them; the handler takes one over by setting it to -1.
typedef bool berth_server_handler(void *data, enum berth_monitor_verb verb, const struct berth_monitor_request *request,
				  int *fds, struct berth_monitor_reply *reply, GError **error);
struct berth_server_setup {
	int listening; // taken over
	berth_server_handler *handle;
	const struct berth_monitor_exit *(*ended)(void *data); // how the container ended; NULL: it has not
	void *data;
};

struct berth_server *berth_server_new(struct berth_loop *loop, const struct berth_server_setup *setup);

// Adds a connection that exists, which the server takes over, and says hello on it. If `created` is set, the answer to
// `create` follows.
void berth_server_adopt(struct berth_server *server, int socket, const struct berth_monitor_reply *created);

// Sends an event to all that watch; for one that does not read it waits. A watcher for whom too many wait is cut off:
// it finds exit.json. With `passing` the event is rather left out, once a number of them waits.
void berth_server_tell(struct berth_server *server, const struct berth_monitor_reply *event, bool passing);

// A new file with the JSON's text, for an answer that may be longer than a packet. -1 on failure.
int berth_server_file(const json_t *json, const char *what, GError **error);

// Whether there are requests for further processes; one of them, the longest waiting, is carried out.
bool berth_server_busy(const struct berth_server *server);
void berth_server_begin(struct berth_server *server);

// Stops listening; connections stay.
void berth_server_close(struct berth_server *server);

void berth_server_free(struct berth_server *server);
