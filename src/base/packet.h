// SPDX-License-Identifier: Apache-2.0
// Framed messages with descriptors over SOCK_SEQPACKET unix sockets, and such sockets at paths of any length (the
// kernel's limit of 107 bytes is avoided by going through the folder's descriptor).
#pragma once

#include "base/limits.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

// Binds and listens at `name` in the folder, mode 0600. `type` is SOCK_SEQPACKET or SOCK_STREAM. An old socket file of
// that name is replaced. Returns a descriptor, or -1.
int berth_socket_listen_at(int folder_fd, const char *name, int type, GError **error);

// Connects to it. A missing file or nobody listening is BERTH_ERROR_UNAVAILABLE.
int berth_socket_connect_at(int folder_fd, const char *name, int type, GError **error);
// The same from a socket that has a name of its own (an abstract one of the kernel's choice), which accept() tells.
int berth_socket_connect_named_at(int folder_fd, const char *name, int type, GError **error);

// Sends one packet of 1 to BERTH_LIMIT_PACKET bytes with up to BERTH_LIMIT_PACKET_FDS descriptors (kept by the caller).
// Never raises SIGPIPE; a peer that is gone is BERTH_ERROR_UNAVAILABLE.
bool berth_packet_send(int socket, const void *data, size_t length, const int *fds, size_t fd_count, GError **error);

struct berth_packet {
	char *data; // NUL-terminated beyond `length`
	size_t length;
	int fds[BERTH_LIMIT_PACKET_FDS]; // O_CLOEXEC; -1 beyond fd_count. Taken by setting them to -1 (berth_fd_steal)
	size_t fd_count;
};

// Waits for one packet. Returns 1, 0 when the peer closed (nothing set), or -1 with *error; a truncated packet is
// BERTH_ERROR_INVALID. On a non-blocking socket with nothing there: -1 with BERTH_ERROR_UNAVAILABLE.
int berth_packet_receive(int socket, struct berth_packet *ret, GError **error);

// Frees what it holds and closes the descriptors that nobody took.
void berth_packet_clear(struct berth_packet *packet);
#define BERTH_AUTO_PACKET __attribute__((cleanup(berth_packet_clear))) struct berth_packet
