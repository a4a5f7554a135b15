// SPDX-License-Identifier: Apache-2.0
// What the two halves of the client share: client.c, which connects and sends, and client-answer.c, which reads.
#pragma once

#include "base/limits.h"
#include "cli/client.h"

struct berth_client_connection {
	int fd;
	pid_t pid; // of the ssh or berth-tls that it goes through, or 0
	size_t start, end; // what was read and not taken yet
	char buffer[BERTH_LIMIT_ANSWER_HEADER];
};

struct berth_client {
	char *host; // as it was given
	char *path; // of a unix socket, or NULL
	char *name, *port; // of TCP
	char **ssh; // the command that a connection goes through: ssh, or of TLS berth-tls
	bool no_port; // of TCP: none was named
	char **headers; // further lines of requests
	struct berth_client_connection
		*idle; // one is enough: a client has one call at a time besides those that stream
	unsigned version;
};

enum berth_client_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct berth_answer {
	struct berth_client *client;
	struct berth_client_connection *connection;
	struct berth_call call; // to be sent again in an older version; its texts are owned
	unsigned version; // in which it was sent
	bool waited, over, keep;
	int status;
	char *type, *path_stat;
	enum berth_client_framing framing;
	uint64_t left; // of the body or of the chunk
	GString *line; // of the JSON line at hand
};

struct berth_client_connection *berth_client__connect(struct berth_client *client,
						      GError **error); // the idle one, or a new one
void berth_client__disconnect(struct berth_client_connection *connection); // and frees it; NULL is fine
bool berth_client__send_call(struct berth_answer *answer, GError **error);
// The error of a connection by ssh or berth-tls whose program has ended.
bool berth_client__lost_ssh(const struct berth_answer *answer, GError **error);
