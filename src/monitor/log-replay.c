// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-replay.h"

#include "base/frame.h"

struct berth_log_replay {
	const struct berth_log_output *output;
	struct berth_log_reader *reader;
	bool wanted[2], frames;
};

struct berth_log_replay *berth_log_replay_new(const struct berth_log_output *output, bool out, bool err, bool frames,
					      GError **error)
{
	struct berth_log_reader *reader = berth_log_output_read(output, out, err, error);

	if (!reader)
		return NULL;
	struct berth_log_replay *replay = g_new0(struct berth_log_replay, 1);
	*replay = (struct berth_log_replay){output, reader, {out, err}, frames};
	return replay;
}

static void append(const struct berth_log_replay *replay, GByteArray *queue, int stream, const void *text,
		   size_t length)
{
	uint8_t header[BERTH_FRAME_HEADER];

	if (length == 0)
		return;
	berth_frame_header(header, stream, length);
	if (replay->frames)
		g_byte_array_append(queue, header, sizeof header);
	g_byte_array_append(queue, text, (unsigned) length);
}

bool berth_log_replay_more(struct berth_log_replay *replay, GByteArray *queue, size_t most)
{
	struct berth_log_record record;
	int result = BERTH_LOG_RECORD;

	while (queue->len < most && (result = berth_log_reader_next(replay->reader, &record, NULL)) == BERTH_LOG_RECORD)
		append(replay, queue, record.stream, record.text, record.length);
	if (result == BERTH_LOG_RECORD)
		return true;
	for (int stream = 1; stream <= 2; stream++) {
		size_t length;
		const uint8_t *pending = berth_log_output_pending(replay->output, stream, &length);
		if (replay->wanted[stream - 1])
			append(replay, queue, stream, pending, length);
	}
	return false;
}

void berth_log_replay_free(struct berth_log_replay *replay)
{
	if (!replay)
		return;
	berth_log_reader_free(replay->reader);
	g_free(replay);
}
