// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu-wire.h"

#include <string.h>

enum type {
	VARINT = 0,
	FIXED64 = 1,
	BLOCK = 2,
	FIXED32 = 5,
};

static void put_varint(GByteArray *out, uint64_t value)
{
	do {
		uint8_t byte = (uint8_t) (value & 0x7f);
		value >>= 7;
		byte |= value ? 0x80 : 0;
		g_byte_array_append(out, &byte, 1);
	} while (value);
}

void berth_wire_put_integer(GByteArray *out, unsigned field, int64_t value)
{
	put_varint(out, (uint64_t) field << 3 | VARINT);
	put_varint(out, (uint64_t) value);
}

static void put_block(GByteArray *out, unsigned field, const void *data, size_t length)
{
	put_varint(out, (uint64_t) field << 3 | BLOCK);
	put_varint(out, length);
	g_byte_array_append(out, data, (guint) length);
}

void berth_wire_put_text(GByteArray *out, unsigned field, const char *text)
{
	if (text)
		put_block(out, field, text, strlen(text));
}

void berth_wire_put_message(GByteArray *out, unsigned field, const GByteArray *message)
{
	put_block(out, field, message->data, message->len);
}

static bool take_varint(struct berth_wire *rest, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && rest->length; shift += 7) {
		uint8_t byte = *rest->data++;
		rest->length--;
		value |= (uint64_t) (byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool take_bytes(struct berth_wire *rest, uint64_t length, struct berth_wire *ret)
{
	if (length > rest->length)
		return false;
	*ret = (struct berth_wire){rest->data, (size_t) length};
	rest->data += length;
	rest->length -= (size_t) length;
	return true;
}

int berth_wire_next(struct berth_wire *rest, struct berth_wire_field *ret)
{
	uint64_t key, length;
	struct berth_wire fixed;

	*ret = (struct berth_wire_field){0};
	if (!rest->length)
		return 0;
	if (!take_varint(rest, &key) || key >> 3 > G_MAXINT32)
		return -1;
	ret->number = (unsigned) (key >> 3);
	switch ((enum type)(key & 7)) {
	case VARINT:
		return take_varint(rest, &ret->integer) ? 1 : -1;
	case BLOCK:
		ret->block = true;
		return take_varint(rest, &length) && take_bytes(rest, length, &ret->content) ? 1 : -1;
	case FIXED64:
	case FIXED32:
		length = (key & 7) == FIXED64 ? 8 : 4;
		if (!take_bytes(rest, length, &fixed))
			return -1;
		memcpy(&ret->integer, fixed.data, fixed.length); // both orders are little-endian
		return 1;
	}
	return -1;
}

bool berth_wire_find(struct berth_wire message, unsigned number, struct berth_wire_field *ret)
{
	struct berth_wire_field field;
	bool found = false;
	int more;

	while ((more = berth_wire_next(&message, &field)) > 0)
		if (field.number == number) {
			*ret = field;
			found = true;
		}
	return found && more == 0;
}

uint64_t berth_wire_integer(struct berth_wire message, unsigned number)
{
	struct berth_wire_field field;

	return berth_wire_find(message, number, &field) && !field.block ? field.integer : 0;
}

char *berth_wire_text(struct berth_wire message, unsigned number)
{
	struct berth_wire_field field;

	if (!berth_wire_find(message, number, &field) || !field.block)
		return g_strdup("");
	return g_strndup((const char *) field.content.data, field.content.length);
}
