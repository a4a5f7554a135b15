// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-lines.h"

#include "base/limits.h"

#include <string.h>

struct target {
	struct berth_log_lines *lines;
	int stream;
	int64_t time;
	berth_log_piece_fn *each;
	void *user;
};

void berth_log_lines_init(struct berth_log_lines *lines)
{
	*lines = (struct berth_log_lines){.pending = {g_byte_array_new(), g_byte_array_new()}};
}

void berth_log_lines_clear(struct berth_log_lines *lines)
{
	for (int i = 0; i < 2; i++)
		g_clear_pointer(&lines->pending[i], g_byte_array_unref);
}

static bool give(const struct target *target, const uint8_t *text, size_t length, bool newline, GError **error)
{
	unsigned *ordinal = &target->lines->ordinal[target->stream == 2];
	int64_t *line = &target->lines->line[target->stream == 2];

	if (!newline || *ordinal > 0) {
		if ((*ordinal)++ == 0)
			*line = target->time;
	}
	const struct berth_log_piece piece = {.stream = target->stream,
					      .time = target->time,
					      .text = (const char *) text,
					      .length = length,
					      .newline = newline,
					      .ordinal = *ordinal,
					      .line = *line};
	if (newline)
		*ordinal = 0;
	return target->each(target->user, &piece, error);
}

// How much of a line that is too long makes one piece: the limit, or less so as not to cut a character.
static size_t piece_length(const uint8_t *text)
{
	size_t length = BERTH_LIMIT_LOG_LINE;

	for (int back = 0; back < 3 && (text[length] & 0xc0) == 0x80; back++)
		length--;
	return (text[length] & 0xc0) == 0x80 ? BERTH_LIMIT_LOG_LINE : length;
}

// Gives a line or the beginning of one; *line and *length are left at what is unfinished.
static bool give_line(const struct target *target, const uint8_t **line, size_t *length, GError **error)
{
	while (*length > BERTH_LIMIT_LOG_LINE + ((*line)[*length - 1] == '\n')) {
		size_t count = piece_length(*line);
		if (!give(target, *line, count, false, error))
			return false;
		*line += count;
		*length -= count;
	}
	if (*length == 0 || (*line)[*length - 1] != '\n')
		return true;
	size_t count = *length - 1;
	*length = 0;
	return give(target, *line, count, true, error);
}

static bool give_lines(const struct target *target, const uint8_t *at, const uint8_t *end, GError **error)
{
	GByteArray *pending = target->lines->pending[target->stream == 2];

	while (at < end) {
		const uint8_t *newline = memchr(at, '\n', (size_t) (end - at)), *line = at;
		size_t length = (size_t) ((newline ? newline + 1 : end) - at);
		bool joined = pending->len > 0;
		if (joined)
			length = MIN(length, BERTH_LIMIT_LOG_LINE + 1);
		at += length;
		if (joined) {
			g_byte_array_append(pending, line, (unsigned) length);
			line = pending->data;
			length = pending->len;
		}
		if (!give_line(target, &line, &length, error))
			return false;
		if (joined)
			g_byte_array_remove_range(pending, 0, pending->len - (unsigned) length);
		else if (length > 0)
			g_byte_array_append(pending, line, (unsigned) length);
	}
	return true;
}

bool berth_log_lines_add(struct berth_log_lines *lines, int stream, const void *data, size_t length, int64_t time,
			 berth_log_piece_fn *each, void *user, GError **error)
{
	const struct target target = {lines, stream, time, each, user};
	bool ok = give_lines(&target, data, (const uint8_t *) data + length, error);

	if (!ok) {
		g_byte_array_set_size(lines->pending[stream == 2], 0);
		lines->ordinal[stream == 2] = 0;
	}
	return ok;
}

bool berth_log_lines_flush(struct berth_log_lines *lines, int64_t time, berth_log_piece_fn *each, void *user,
			   GError **error)
{
	bool ok = true;

	for (int i = 0; i < 2; i++) {
		const struct target target = {lines, i + 1, time, each, user};
		GByteArray *pending = lines->pending[i];
		if (pending->len > 0)
			ok = give(&target, pending->data, pending->len, false, ok ? error : NULL) && ok;
		g_byte_array_set_size(pending, 0);
		lines->ordinal[i] = 0;
	}
	return ok;
}
