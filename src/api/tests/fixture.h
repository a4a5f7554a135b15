// SPDX-License-Identifier: Apache-2.0
// The HTTP layer on a unix socket of its own, before an engine and a builder of cardboard; and the client's side of it.
#pragma once

#include "api/tests/fake-build.h"
#include "api/tests/fake-engine.h"

#define PATIENCE 10000 // milliseconds until a test gives up

struct fixture {
	char *folder, *path; // of the socket, the one thing in the folder
	struct berth_engine *engine;
	struct berth_builder *builder;
	struct berth_api *api;
};

void set_up(struct fixture *fixture, const void *data);
// Nothing may be left in the folder.
void tear_down(struct fixture *fixture, const void *data);

// A connection; the caller closes it.
int dial(const struct fixture *fixture);
// Sends a request whose connection is kept. `head` may hold more headers ("\r\n" after each); `body` NULL: none.
int send_request(const struct fixture *fixture, const char *method, const char *path, const char *head,
		 const char *body);
// Reads until `text` holds `wanted`; NULL: until the end.
void read_until(int fd, GString *text, const char *wanted);
// Sends a request whose connection is closed after it, and returns all that comes back.
char *ask(const struct fixture *fixture, const char *method, const char *path, const char *head, const char *body);
unsigned status_of(const char *answer);
// Waits until as many are at work in the engine.
void wait_for_streams(const struct fixture *fixture, int count);
