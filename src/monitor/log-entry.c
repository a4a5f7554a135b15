// SPDX-License-Identifier: Apache-2.0
// Records of the local log: protobuf by hand, of the one message that there is.
#include "monitor/log-record.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

#define VARINT_MAX 10
#define FIXED_PART 128 // of a record, all fields but the line
#define ID_SIZE 17

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
#define TAG(field, wire) ((char) ((field) << 3 | (wire)))

static char *write_varint(char *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (char) (value | 0x80);
	*to++ = (char) value;
	return to;
}

static char *write_bytes(char *to, int field, const void *data, size_t length)
{
	*to++ = TAG(field, BYTES);
	to = write_varint(to, length);
	memcpy(to, data, length);
	return to + length;
}

static char *write_partial(char *to, const struct berth_log_piece *piece)
{
	char metadata[64], id[ID_SIZE], *end = metadata;

	*to++ = TAG(4, VARINT);
	*to++ = 1;
	if (piece->newline) {
		*end++ = TAG(1, VARINT);
		*end++ = 1;
	}
	snprintf(id, sizeof id, "%016llx", (unsigned long long) piece->line);
	end = write_bytes(end, 2, id, ID_SIZE - 1);
	*end++ = TAG(3, VARINT);
	end = write_varint(end, piece->ordinal);
	return write_bytes(to, 5, metadata, (size_t) (end - metadata));
}

void berth_log_entry_append(struct berth_log_buffer *out, const struct berth_log_piece *piece)
{
	char *begin = berth_log_buffer_reserve(out, FIXED_PART + piece->length);
	char *to = begin + BERTH_LOG_ENTRY_FRAME;

	to = write_bytes(to, 1, piece->stream == 2 ? "stderr" : "stdout", 6);
	*to++ = TAG(2, VARINT);
	to = write_varint(to, (uint64_t) piece->time);
	if (piece->length > 0)
		to = write_bytes(to, 3, piece->text, piece->length);
	if (piece->ordinal > 0)
		to = write_partial(to, piece);
	guint32 length = GUINT32_TO_BE((guint32) (to - begin - BERTH_LOG_ENTRY_FRAME));
	memcpy(begin, &length, sizeof length);
	memcpy(to, &length, sizeof length);
	out->length += (size_t) (to + BERTH_LOG_ENTRY_FRAME - begin);
}

size_t berth_log_entry_length(const char *frame)
{
	guint32 length;

	memcpy(&length, frame, sizeof length);
	length = GUINT32_FROM_BE(length);
	return length <= BERTH_LIMIT_LOG_RECORD - 2 * BERTH_LOG_ENTRY_FRAME ? length : 0;
}

static bool read_varint(const char **at, const char *end, uint64_t *ret)
{
	*ret = 0;
	for (int i = 0; i < VARINT_MAX && *at < end; i++) {
		uint8_t byte = (uint8_t) * (*at)++;
		*ret |= (uint64_t) (byte & 0x7f) << 7 * i;
		if (byte < 0x80)
			return true;
	}
	return false;
}

struct field {
	unsigned number, wire;
	uint64_t value; // of a varint
	const char *data; // of bytes
	size_t length;
};

// Reads the next field of a message. False if it is malformed.
static bool read_field(const char **at, const char *end, struct field *ret)
{
	uint64_t tag, length = 0;

	if (!read_varint(at, end, &tag) || tag >> 3 == 0 || tag >> 3 > G_MAXUINT)
		return false;
	*ret = (struct field){.number = (unsigned) (tag >> 3), .wire = tag & 7};
	switch (ret->wire) {
	case VARINT:
		return read_varint(at, end, &ret->value);
	case FIXED64:
		length = 8;
		break;
	case FIXED32:
		length = 4;
		break;
	case BYTES:
		if (!read_varint(at, end, &length))
			return false;
		break;
	default:
		return false;
	}
	if (length > (uint64_t) (end - *at))
		return false;
	ret->data = *at;
	ret->length = (size_t) length;
	*at += length;
	return true;
}

static bool read_partial(const struct field *partial, bool *ret_last)
{
	const char *at = partial->data, *end = at + partial->length;
	struct field field;

	*ret_last = false;
	while (at < end) {
		if (!read_field(&at, end, &field))
			return false;
		if (field.number == 1 && field.wire == VARINT)
			*ret_last = field.value != 0;
	}
	return true;
}

bool berth_log_entry_parse(char *entry, size_t length, struct berth_log_record *ret)
{
	const char *at = entry, *end = entry + length;
	bool partial = false, last = false;
	struct field field;

	*ret = (struct berth_log_record){.stream = 1, .text = end};
	while (at < end) {
		if (!read_field(&at, end, &field))
			return false;
		if (field.number == 1 && field.wire == BYTES)
			ret->stream = field.length == 6 && memcmp(field.data, "stderr", 6) == 0 ? 2 : 1;
		else if (field.number == 2 && field.wire == VARINT)
			ret->time = (int64_t) field.value;
		else if (field.number == 3 && field.wire == BYTES)
			ret->text = field.data, ret->length = field.length;
		else if (field.number == 4 && field.wire == VARINT)
			partial = field.value != 0;
		else if (field.number == 5 && field.wire == BYTES && !read_partial(&field, &last))
			return false;
	}
	if (!partial || last) {
		// The newline takes the place of what follows the text, which was read.
		char *text = entry + (ret->text - entry);
		text[ret->length++] = '\n';
	}
	return true;
}
