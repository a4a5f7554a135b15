// SPDX-License-Identifier: Apache-2.0
// Docker's frames around output, where a connection carries both stdout and stderr.
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define BERTH_FRAME_HEADER 8

static inline void berth_frame_header(uint8_t *header, int stream, size_t length)
{
	guint32 size = GUINT32_TO_BE((guint32) length);

	memset(header, 0, BERTH_FRAME_HEADER);
	header[0] = (uint8_t) stream;
	memcpy(header + 4, &size, sizeof size);
}
