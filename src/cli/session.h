// SPDX-License-Identifier: Apache-2.0
// An attached container: this program's streams joined with its own, until it has ended or the user leaves it. With a
// terminal: raw mode, resizing, and the keys that detach; without: signals go to the container.
#pragma once

#include "cli/client.h"

struct berth_session {
	struct berth_client *client;
	const char *container; // for signals and sizes
	const char *exec; // instead of it: a further process, which gets sizes only
	const char *failed_step; // or a shell in that, which gets sizes only
	bool tty; // the container has a terminal
	bool in, out, err; // what of ours is joined
	bool signals; // are passed on
	const char *detach_keys; // NULL: ctrl-p,ctrl-q
};

enum berth_session_end { BERTH_SESSION_ENDED, BERTH_SESSION_DETACHED };

// Blocks the signals that a session is about, so that none is lost between the container's start and the session. The
// session unblocks them.
void berth_session_block(const struct berth_session *session);

// The request that joins a container's streams. `logs`: what it wrote before comes first. The result is to be waited
// for.
struct berth_answer *berth_session_attach(const struct berth_session *session, bool logs, GError **error);

// Runs until the stream has ended and then until `wait` answers (NULL: not waited for). The stream may be NULL when
// only signals are passed on.
bool berth_session_run(const struct berth_session *session, struct berth_answer *stream, struct berth_answer *wait,
		       enum berth_session_end *ret_end, GError **error);

// The exit status in the answer of a wait.
bool berth_session_status(struct berth_answer *wait, int *ret_status, GError **error);

// Takes apart a stream of frames and writes each to the stream that it is of.
struct berth_frames {
	unsigned char header[8];
	unsigned filled; // of the header
	uint32_t left; // of the frame
	int out, err; // descriptors; -1: dropped
	GString *told; // what the engine said in the stream, as its third kind of frame
};
bool berth_frames_write(struct berth_frames *frames, const char *data, size_t length, GError **error);
void berth_frames_clear(struct berth_frames *frames);

// The status of a program that an answer of 'start' complained about: 127 not found, 126 cannot be run, else 125.
int berth_session_start_status(const char *message);

// Copies a stream of output to ours: frames if `framed`, else as it is.
bool berth_session_copy(struct berth_answer *stream, bool framed, GError **error);
