// SPDX-License-Identifier: Apache-2.0
#include "api/websocket.h"

#include "base/limits.h"

#include <string.h>

#define KEY_BYTES 16
#define MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // section 1.3

// The first two bytes of a header.
#define FINAL 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

char *berth_websocket_accept(const char *key)
{
	size_t length = 0, size = KEY_BYTES + 4; // SHA-1's 20
	unsigned char digest[KEY_BYTES + 4];

	if (!key || strlen(key) != 24)
		return NULL;
	g_autofree guchar *bytes = g_base64_decode(key, &length);
	g_autofree char *again = g_base64_encode(bytes, length);
	if (length != KEY_BYTES || strcmp(again, key) != 0)
		return NULL;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	g_checksum_update(sum, (const guchar *) key, -1);
	g_checksum_update(sum, (const guchar *) MAGIC, -1);
	g_checksum_get_digest(sum, digest, &size);
	return g_base64_encode(digest, size);
}

static bool is_control(enum berth_websocket_opcode opcode)
{
	return opcode >= BERTH_WEBSOCKET_CLOSE;
}

// How long the header is, as far as its first two bytes are known.
static size_t header_length(const struct berth_websocket_parser *parser)
{
	if (parser->filled < 2)
		return 2;
	unsigned length = parser->header[1] & LENGTH;
	return 2 + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0) + sizeof parser->mask;
}

static uint64_t payload_length(const struct berth_websocket_parser *parser)
{
	uint64_t length = parser->header[1] & LENGTH;
	unsigned bytes = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;

	if (bytes > 0)
		length = 0;
	for (unsigned i = 0; i < bytes; i++)
		length = length << 8 | parser->header[2 + i];
	return length;
}

// The header is complete: the code of what is wrong with it, or 0.
static unsigned read_header(struct berth_websocket_parser *parser)
{
	bool final = parser->header[0] & FINAL;
	unsigned opcode = parser->header[0] & OPCODE;
	size_t length = header_length(parser);

	parser->left = payload_length(parser);
	if ((parser->header[0] & RESERVED) || !(parser->header[1] & MASKED))
		return BERTH_WEBSOCKET_PROTOCOL_ERROR;
	if (opcode > BERTH_WEBSOCKET_BINARY && (opcode < BERTH_WEBSOCKET_CLOSE || opcode > BERTH_WEBSOCKET_PONG))
		return BERTH_WEBSOCKET_PROTOCOL_ERROR;
	parser->opcode = (enum berth_websocket_opcode) opcode;
	if (is_control(parser->opcode)) {
		if (!final || parser->left > BERTH_WEBSOCKET_CONTROL)
			return BERTH_WEBSOCKET_PROTOCOL_ERROR;
		parser->control_length = 0;
	} else {
		if ((opcode == BERTH_WEBSOCKET_CONTINUATION) != parser->in_message)
			return BERTH_WEBSOCKET_PROTOCOL_ERROR;
		if (parser->left > BERTH_LIMIT_WEBSOCKET_FRAME)
			return BERTH_WEBSOCKET_TOO_BIG;
		parser->in_message = !final;
	}
	memcpy(parser->mask, parser->header + length - sizeof parser->mask, sizeof parser->mask);
	parser->masked = 0;
	parser->in_payload = true;
	parser->filled = 0;
	return 0;
}

static void unmask(struct berth_websocket_parser *parser, unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] ^= parser->mask[parser->masked++ % sizeof parser->mask];
	parser->masked %= sizeof parser->mask;
}

static unsigned close_code(const struct berth_websocket_parser *parser)
{
	if (parser->control_length == 0)
		return BERTH_WEBSOCKET_NO_CODE;
	unsigned code = (unsigned) (parser->control[0] << 8 | parser->control[1]);
	bool known = code >= 1000 && code <= 1011 && code != 1004 && code != 1005 && code != 1006;
	return parser->control_length >= 2 && (known || (code >= 3000 && code <= 4999))
		       ? code
		       : BERTH_WEBSOCKET_PROTOCOL_ERROR;
}

static void end_control(struct berth_websocket_parser *parser, struct berth_websocket_piece *ret)
{
	ret->data = parser->control;
	ret->length = parser->control_length;
	ret->event = parser->opcode == BERTH_WEBSOCKET_PING   ? BERTH_WEBSOCKET_PINGED
		     : parser->opcode == BERTH_WEBSOCKET_PONG ? BERTH_WEBSOCKET_PONGED
							      : BERTH_WEBSOCKET_CLOSED;
	if (ret->event == BERTH_WEBSOCKET_CLOSED)
		ret->code = close_code(parser);
}

static size_t take_payload(struct berth_websocket_parser *parser, unsigned char *bytes, size_t length,
			   struct berth_websocket_piece *ret)
{
	size_t taken = (size_t) MIN((uint64_t) length, parser->left);

	unmask(parser, bytes, taken);
	parser->left -= taken;
	parser->in_payload = parser->left > 0;
	if (is_control(parser->opcode)) {
		memcpy(parser->control + parser->control_length, bytes, taken);
		parser->control_length += taken;
		if (!parser->in_payload)
			end_control(parser, ret);
	} else if (taken > 0) {
		*ret = (struct berth_websocket_piece){BERTH_WEBSOCKET_DATA, bytes, taken, 0};
	}
	return taken;
}

size_t berth_websocket_parse(struct berth_websocket_parser *parser, unsigned char *bytes, size_t length,
			     struct berth_websocket_piece *ret)
{
	size_t at = 0;

	*ret = (struct berth_websocket_piece){BERTH_WEBSOCKET_MORE, NULL, 0, 0};
	while (ret->event == BERTH_WEBSOCKET_MORE && (at < length || (parser->in_payload && parser->left == 0))) {
		if (parser->in_payload) {
			at += take_payload(parser, bytes + at, length - at, ret);
			continue;
		}
		parser->header[parser->filled++] = bytes[at++];
		// The second byte says how much more there is.
		if (parser->filled < 2 || parser->filled < header_length(parser))
			continue;
		ret->code = read_header(parser);
		if (ret->code)
			ret->event = BERTH_WEBSOCKET_BROKEN;
	}
	return at;
}

void berth_websocket_append(GByteArray *out, enum berth_websocket_opcode opcode, const void *data, size_t length)
{
	unsigned char header[2 + 8] = {(unsigned char) (FINAL | opcode)};
	unsigned bytes = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;

	header[1] = (unsigned char) (bytes == 0 ? length : bytes == 2 ? LENGTH_16 : LENGTH_64);
	for (unsigned i = 0; i < bytes; i++)
		header[2 + i] = (unsigned char) ((uint64_t) length >> 8 * (bytes - 1 - i));
	g_byte_array_append(out, header, 2 + bytes);
	g_byte_array_append(out, data, (guint) length);
}

void berth_websocket_append_close(GByteArray *out, unsigned code)
{
	const unsigned char bytes[] = {(unsigned char) (code >> 8), (unsigned char) code};

	berth_websocket_append(out, BERTH_WEBSOCKET_CLOSE, bytes, code == BERTH_WEBSOCKET_NO_CODE ? 0 : sizeof bytes);
}
