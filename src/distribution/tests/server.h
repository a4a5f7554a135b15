// SPDX-License-Identifier: Apache-2.0
// A small HTTP server inside of a test, whose answers the test writes: also broken ones.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct request {
	char *method, *target; // "/v2/…?…"
	char *head; // all lines
	GString *body;
	int fd; // for answers that answer() cannot write
	bool close; // after the answer
};

typedef void handler_fn(struct request *request, void *data);

struct server;
// Listens on 127.0.0.1. The handler is called on a thread per connection.
struct server *server_new(handler_fn *handler, void *data);
void server_free(struct server *server); // after all who speak to it
const char *server_authority(const struct server *server); // "127.0.0.1:40001"
unsigned server_port(const struct server *server);
// Connections that asked for something, and requests, so far.
int server_connections(const struct server *server);
int server_requests(const struct server *server);

char *request_header(const struct request *request, const char *name); // a new text, or NULL
// `headers` are whole lines ("A: b\r\n") or "". Content-Length is added.
void answer(const struct request *request, int status, const char *headers, const void *body, gsize length);
void answer_text(const struct request *request, int status, const char *headers, const char *text);
void answer_raw(const struct request *request, const void *bytes, gsize length);
