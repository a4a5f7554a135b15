// SPDX-License-Identifier: Apache-2.0
// What streams.c (clients and their input) and streams-output.c share.
#pragma once

#include "monitor/streams.h"

#include "base/frame.h"
#include "base/keys.h"
#include "monitor/log-replay.h"

struct berth_streams_client {
	struct berth_source source; // first: a source's handler finds its client
	struct berth_streams *streams;
	bool in, out, err, frames;
	bool owns_stdin; // its end of input closes the container's
	bool input_ended;
	bool leaving; // gets what waits for it, and then the end
	bool shut; // our sending side is closed
	struct berth_keys keys;
	GByteArray *queue; // output that waits; NULL: none
	size_t sent; // of the queue
	struct berth_log_replay *replay; // what it gets before what comes; NULL: nothing, or no more
};

struct berth_streams_output {
	struct berth_source source;
	struct berth_streams *streams;
	int stream; // 1, 2
	bool paused;
	bool hung; // the terminal's other side is closed at present
	bool wide; // its pipe was made larger
};

struct berth_streams {
	struct berth_loop *loop;
	struct berth_streams_setup setup;
	struct berth_streams_output outputs[2];
	struct berth_source input; // the container's stdin, or the terminal too (then a duplicate)
	struct berth_source grace;
	GByteArray *pending; // input that the container has not read yet; NULL: none
	bool close_input; // when it has
	bool had_stdin_client;
	bool draining, drained, letting_go;
	bool grace_is_over; // with survivors: what others hold open is not waited for any more
	GPtrArray *clients;
};

#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))

// streams.c
size_t berth_streams__queued(const struct berth_streams_client *client); // output that waits for it
// Gives output to a client: at once what its socket takes, the rest into its queue. False if the client is gone.
bool berth_streams__give(struct berth_streams_client *client, int stream, const char *data, size_t length);
void berth_streams__drop_client(struct berth_streams_client *client);
void berth_streams__let_go(struct berth_streams_client *client);
void berth_streams__update_clients(struct berth_streams *streams);
void berth_streams__close_input(struct berth_streams *streams);
void berth_streams__input_ready(struct berth_source *source, uint32_t events);
// Tells if nothing is left of the streams.
void berth_streams__tell_idle(const struct berth_streams *streams);
