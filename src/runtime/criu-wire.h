// SPDX-License-Identifier: Apache-2.0
// The wire format of protocol buffers, as far as CRIU's protocol and images need it: fields that are integers, texts or
// messages within messages. What is written is a GByteArray that grows; what is read is never copied.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

void berth_wire_put_integer(GByteArray *out, unsigned field, int64_t value);
void berth_wire_put_text(GByteArray *out, unsigned field, const char *text); // NULL: nothing
void berth_wire_put_message(GByteArray *out, unsigned field, const GByteArray *message);

struct berth_wire { // the rest of what is read
	const uint8_t *data;
	size_t length;
};

struct berth_wire_field {
	unsigned number;
	bool block; // `content` is the field's text or message; else `integer` is its value
	uint64_t integer;
	struct berth_wire content;
};

// Takes the next field. 1, 0 at the end, -1: this is no such message.
int berth_wire_next(struct berth_wire *rest, struct berth_wire_field *ret);

// The last field of that number, which is how the format reads one that is there twice. False: it is not there, or
// the message is none.
bool berth_wire_find(struct berth_wire message, unsigned number, struct berth_wire_field *ret);
uint64_t berth_wire_integer(struct berth_wire message, unsigned number); // 0 when it is not there
char *berth_wire_text(struct berth_wire message, unsigned number); // new; "" when it is not there
