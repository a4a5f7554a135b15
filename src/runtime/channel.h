// SPDX-License-Identifier: Apache-2.0
// What a container's process before its exec and its creator or starter say to each other: packets of text, a word and
// what belongs to it. Both ends need not be of one build: words keep their meaning.
//
//	creator -> child   known             after "pid" and "born": goes on, so that nothing comes before that word
//	                   mapped            its ids are mapped
//	                   groups            and files of its control groups to enter, at most
//	                                     BERTH_LIMIT_PACKET_FDS; if that many, another follows
//	                   proceed PID       the hooks of the runtime are done; PID is the child's for the creator
//	                   start             executes the program; who was made for others to start has a socket for it
//	starter -> child   listening         somebody has the listener
//	child -> creator   unshared          has made its user namespace already, and waits for mapped
//	                   pid PID           and a pidfd: this is the container's process (see child.c)
//	                   born              the further process is (see exec-child.c), and waits for known
//	                   mounted           waits for proceed
//	                   console           and the terminal's master
//	                   ready             waits for start
//	child -> starter   executing         and then the end of the stream: it has been executed
//	                   notify            and the listener of its seccomp filter: waits for listening
//	child -> any       warn MESSAGE
//	                   error KIND MESSAGE   and the end
#pragma once

#include "base/packet.h"

#include <glib.h>
#include <stdbool.h>

#define BERTH_CHANNEL_GROUPS "groups"

// Sends a packet, with a descriptor unless fd is -1 (which the caller keeps).
bool berth_channel_send(int socket, int fd, GError **error, const char *format, ...) G_GNUC_PRINTF(4, 5);
void berth_channel_send_error(int socket, const GError *problem);

// Waits for a packet. *ret_rest (borrowed from the packet) is what follows the first word, "" if nothing. Returns the
// word, borrowed too; NULL at the end of the stream without an error, and NULL with *error when the other side sent one
// or receiving failed.
const char *berth_channel_receive(int socket, struct berth_packet *packet, const char **ret_rest, GError **error);

// Waits for this very word; anything else is an error.
bool berth_channel_expect(int socket, const char *word, char **ret_rest, GError **error);
