// SPDX-License-Identifier: Apache-2.0
#include "api/websocket.h"

#include "base/limits.h"

#include <string.h>

static void test_accept(void)
{
	static const char *const wrong[] = {"",
					    "dGhlIHNhbXBsZSBub25jZQ=",
					    "dGhlIHNhbXBsZSBub25jZQ",
					    "dGhlIHNhbXBsZSBub25jZQ=!",
					    "dGhlIHNhbXBsZSBub25jZR==",
					    "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	// section 1.3's example
	g_autofree char *accept = berth_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==");

	g_assert_cmpstr(accept, ==, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	g_assert_null(berth_websocket_accept(NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(berth_websocket_accept(wrong[i]));
}

// What a client's bytes say: "data:…", "ping:…", "pong:…", "close:1000", "broken:1002", one behind the other. They come
// in pieces of `step` bytes.
static char *parse(const char *bytes, size_t length, size_t step)
{
	struct berth_websocket_parser parser = {0};
	GString *said = g_string_new(NULL);
	struct berth_websocket_piece piece = {0};
	bool over = false, in_data = false;

	for (size_t begun = 0; begun < length && !over; begun += step) {
		size_t size = MIN(step, length - begun), at = 0;
		g_autofree unsigned char *copy = g_memdup2(bytes + begun, size);
		do {
			at += berth_websocket_parse(&parser, copy + at, size - at, &piece);
			over = piece.event == BERTH_WEBSOCKET_CLOSED || piece.event == BERTH_WEBSOCKET_BROKEN;
			if (piece.event == BERTH_WEBSOCKET_MORE)
				break;
			if (piece.event == BERTH_WEBSOCKET_DATA && !in_data)
				g_string_append(said, "data:");
			in_data = piece.event == BERTH_WEBSOCKET_DATA;
			if (piece.event == BERTH_WEBSOCKET_PINGED)
				g_string_append(said, " ping:");
			if (piece.event == BERTH_WEBSOCKET_PONGED)
				g_string_append(said, " pong:");
			if (over)
				g_string_append_printf(said, " %s:%u",
						       piece.event == BERTH_WEBSOCKET_CLOSED ? "close" : "broken",
						       piece.code);
			else
				g_string_append_len(said, (const char *) piece.data, (gssize) piece.length);
		} while (!over);
	}
	return g_string_free(said, FALSE);
}

#define FRAME(bytes, expected)                                                                                         \
	{                                                                                                              \
		bytes, sizeof(bytes) - 1, expected                                                                     \
	}
#define MASK "\x37\xfa\x21\x3d"
#define HELLO "\x7f\x9f\x4d\x51\x58" // "Hello" with that mask
#define NO_MASK "\0\0\0\0"

static const struct {
	const char *bytes;
	size_t length;
	const char *expected;
} table[] = {
	FRAME("", ""),
	FRAME("\x81\x85" MASK HELLO, "data:Hello"), // section 5.7's example
	FRAME("\x82\x85" MASK HELLO, "data:Hello"),
	FRAME("\x02\x81" NO_MASK "a\x00\x80" NO_MASK "\x80\x82" NO_MASK "bc", "data:abc"),
	FRAME("\x02\x81" NO_MASK "a\x89\x82" NO_MASK "hi\x80\x81" NO_MASK "b", "data:a ping:hidata:b"),
	FRAME("\x89\x80" NO_MASK "\x8a\x81" NO_MASK "x", " ping: pong:x"),
	FRAME("\x82\xfe\x00\x02" NO_MASK "ab", "data:ab"), // longer than it need be
	FRAME("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x02" NO_MASK "ab", "data:ab"),
	FRAME("\x88\x80" NO_MASK, " close:1005"),
	FRAME("\x88\x82" NO_MASK "\x03\xe8", " close:1000"),
	FRAME("\x88\x84" NO_MASK "\x0b\xb8ok", " close:3000"),
	FRAME("\x88\x81" NO_MASK "\x03", " close:1002"),
	FRAME("\x88\x82" NO_MASK "\x03\xed", " close:1002"), // 1005 is never sent
	FRAME("\x88\x82" NO_MASK "\x00\x01", " close:1002"),
	FRAME("\x82\x02"
	      "ab",
	      ""), // not masked: known when the mask would be there
	FRAME("\x82\x02"
	      "ab    ",
	      " broken:1002"),
	FRAME("\xc2\x80" NO_MASK, " broken:1002"), // a reserved bit
	FRAME("\x83\x80" NO_MASK, " broken:1002"), // an opcode that is not there
	FRAME("\x8b\x80" NO_MASK, " broken:1002"),
	FRAME("\x80\x80" NO_MASK, " broken:1002"), // goes on with nothing
	FRAME("\x02\x80" NO_MASK "\x82\x80" NO_MASK, " broken:1002"), // a message within another
	FRAME("\x09\x80" NO_MASK, " broken:1002"), // a ping in pieces
	FRAME("\x89\xfe\x00\x7e" NO_MASK, " broken:1002"), // a ping that is too long
	FRAME("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" NO_MASK, " broken:1009"),
	FRAME("\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01" NO_MASK, " broken:1009"), // one more than the limit
};

static void test_parse(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		for (size_t step = 1; step <= 20; step++) {
			g_autofree char *said = parse(table[i].bytes, table[i].length, step);
			g_assert_cmpstr(said, ==, table[i].expected);
		}
	g_assert_cmpint(BERTH_LIMIT_WEBSOCKET_FRAME, ==, 1 << 24);
}

static void check_header(size_t length, const char *header, size_t header_length)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree char *data = g_strnfill(length, 'x');

	berth_websocket_append(out, BERTH_WEBSOCKET_BINARY, data, length);
	g_assert_cmpmem(out->data, header_length, header, header_length);
	g_assert_cmpuint(out->len, ==, header_length + length);
}

static void test_append(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	check_header(0, "\x82\x00", 2);
	check_header(125, "\x82\x7d", 2);
	check_header(126, "\x82\x7e\x00\x7e", 4);
	check_header(65535, "\x82\x7e\xff\xff", 4);
	check_header(65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
	berth_websocket_append_close(out, BERTH_WEBSOCKET_NORMAL);
	berth_websocket_append_close(out, BERTH_WEBSOCKET_NO_CODE);
	g_assert_cmpmem(out->data, out->len, "\x88\x02\x03\xe8\x88\x00", 6);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/websocket/accept", test_accept);
	g_test_add_func("/websocket/parse", test_parse);
	g_test_add_func("/websocket/append", test_append);
	return g_test_run();
}
