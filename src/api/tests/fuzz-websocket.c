// SPDX-License-Identifier: Apache-2.0
// What an attached client sends: it says the same however it is cut into pieces, and nothing is made up.
#include "api/websocket.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Events as one line of bytes: data as it is, all else with a mark.
static GByteArray *parse(const uint8_t *data, size_t size, size_t step)
{
	struct berth_websocket_parser parser = {0};
	GByteArray *said = g_byte_array_new();
	struct berth_websocket_piece piece = {0};

	for (size_t begun = 0; begun < size; begun += step) {
		size_t length = MIN(step, size - begun), at = 0;
		g_autofree unsigned char *copy = g_memdup2(data + begun, length);
		do {
			size_t taken = berth_websocket_parse(&parser, copy + at, length - at, &piece);
			g_assert(taken <= length - at);
			at += taken;
			if (piece.event == BERTH_WEBSOCKET_DATA)
				g_assert(piece.data >= copy && piece.data + piece.length <= copy + length);
			if (piece.event == BERTH_WEBSOCKET_PINGED || piece.event == BERTH_WEBSOCKET_PONGED)
				g_assert(piece.length <= BERTH_WEBSOCKET_CONTROL);
			if (piece.event != BERTH_WEBSOCKET_DATA && piece.event != BERTH_WEBSOCKET_MORE)
				g_byte_array_append(said, (const guint8 *) &piece.event, sizeof piece.event);
			if (piece.length > 0)
				g_byte_array_append(said, piece.data, (guint) piece.length);
			if (piece.event == BERTH_WEBSOCKET_CLOSED || piece.event == BERTH_WEBSOCKET_BROKEN)
				return said;
		} while (piece.event != BERTH_WEBSOCKET_MORE);
		g_assert(at == length);
	}
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	g_autoptr(GByteArray) whole = parse(data + 1, size - 1, size - 1);
	g_autoptr(GByteArray) pieces = parse(data + 1, size - 1, (size_t) data[0] % 32 + 1);

	g_assert(whole->len <= 2 * size * sizeof(enum berth_websocket_event));
	g_assert(whole->len == pieces->len && (whole->len == 0 || memcmp(whole->data, pieces->data, whole->len) == 0));
	return 0;
}
