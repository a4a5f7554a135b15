// SPDX-License-Identifier: Apache-2.0
// WebSocket (RFC 6455), the server's side: the handshake's answer, frames of clients taken apart as they arrive, frames
// to them. Payload is passed on in pieces: nothing is collected but control frames, which are small.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BERTH_WEBSOCKET_CONTROL 125 // bytes of a control frame's payload at most
#define BERTH_WEBSOCKET_HEADER 14 // of the longest header

enum berth_websocket_code { // of section 7.4.1
	BERTH_WEBSOCKET_NORMAL = 1000,
	BERTH_WEBSOCKET_GOING_AWAY = 1001,
	BERTH_WEBSOCKET_PROTOCOL_ERROR = 1002,
	BERTH_WEBSOCKET_NO_CODE = 1005, // is never sent
	BERTH_WEBSOCKET_TOO_BIG = 1009,
	BERTH_WEBSOCKET_FAILED = 1011,
};

enum berth_websocket_opcode { // of section 5.2
	BERTH_WEBSOCKET_CONTINUATION = 0,
	BERTH_WEBSOCKET_TEXT = 1,
	BERTH_WEBSOCKET_BINARY = 2,
	BERTH_WEBSOCKET_CLOSE = 8,
	BERTH_WEBSOCKET_PING = 9,
	BERTH_WEBSOCKET_PONG = 10,
};

// What Sec-WebSocket-Accept says to a key; NULL: the key is not 16 bytes in base64.
char *berth_websocket_accept(const char *key);

struct berth_websocket_parser { // zeroed at first
	unsigned char header[BERTH_WEBSOCKET_HEADER];
	size_t filled; // of the header
	uint64_t left; // of the payload
	unsigned char mask[4];
	unsigned masked; // which of its bytes is next
	enum berth_websocket_opcode opcode;
	bool in_payload, in_message; // a message of several frames goes on
	unsigned char control[BERTH_WEBSOCKET_CONTROL];
	size_t control_length;
};

enum berth_websocket_event {
	BERTH_WEBSOCKET_MORE, // all was taken, and nothing is complete yet
	BERTH_WEBSOCKET_DATA, // `data`, `length`: some of a message
	BERTH_WEBSOCKET_PINGED, // the payload is what the answer must have
	BERTH_WEBSOCKET_PONGED,
	BERTH_WEBSOCKET_CLOSED, // `code`
	BERTH_WEBSOCKET_BROKEN, // `code` says why; nothing more can be read
};

struct berth_websocket_piece {
	enum berth_websocket_event event;
	const unsigned char *data; // within the bytes that were given, or the parser
	size_t length;
	unsigned code;
};

// Takes as many of the bytes as make one event; they are unmasked in place. Returns how many were taken.
size_t berth_websocket_parse(struct berth_websocket_parser *parser, unsigned char *bytes, size_t length,
			     struct berth_websocket_piece *ret);

// Appends a whole message in one frame; a close frame with a code.
void berth_websocket_append(GByteArray *out, enum berth_websocket_opcode opcode, const void *data, size_t length);
void berth_websocket_append_close(GByteArray *out, unsigned code);
