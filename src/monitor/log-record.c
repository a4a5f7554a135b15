// SPDX-License-Identifier: Apache-2.0
// Records of the json-file log. Text is looked through and copied eight bytes at a time.
#include "monitor/log-record.h"

#include "base/moment.h"

#include <string.h>

#define WORD 8
#define BEGINNING "{\"log\":\""
#define LONGEST_ESCAPE 6 // \u001f

char *berth_log_buffer_reserve(struct berth_log_buffer *buffer, size_t room)
{
	if (buffer->capacity - buffer->length < room) {
		buffer->capacity = MAX(buffer->capacity * 2, buffer->length + room);
		buffer->data = g_realloc(buffer->data, buffer->capacity);
	}
	return buffer->data + buffer->length;
}

void berth_log_buffer_append(struct berth_log_buffer *buffer, const void *data, size_t length)
{
	if (length > 0)
		memcpy(berth_log_buffer_reserve(buffer, length), data, length);
	buffer->length += length;
}

void berth_log_buffer_clear(struct berth_log_buffer *buffer)
{
	g_free(buffer->data);
	*buffer = (struct berth_log_buffer){0};
}

// How many bytes at the word's beginning are as they are in JSON: no control characters, no quote, no backslash, and
// ASCII. Of several that are not the first is found for certain, whatever borrows from its neighbour.
static unsigned plain_bytes(const uint8_t *at)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t word;

	memcpy(&word, at, WORD);
	uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
	uint64_t found = (word | ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
			  ((backslash - ones) & ~backslash)) &
			 tops;
	return found ? (unsigned) __builtin_ctzll(found) / 8 : WORD;
#else
	unsigned count = 0;
	while (count < WORD && at[count] >= 0x20 && at[count] < 0x80 && at[count] != '"' && at[count] != '\\')
		count++;
	return count;
#endif
}

// Copies bytes that need no escape, up to the first that does; whole words are written, so that there must be room for
// one more. Returns how many were taken.
static size_t copy_plain(char *to, const uint8_t *from, size_t length)
{
	size_t done = 0;

	while (length - done >= WORD) {
		unsigned plain = plain_bytes(from + done);
		memcpy(to + done, from + done, WORD);
		done += plain;
		if (plain < WORD)
			return done;
	}
	for (; done < length; done++) {
		uint8_t byte = from[done];
		if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\')
			break;
		to[done] = (char) byte;
	}
	return done;
}

// Writes one character that is not plain; *at moves behind it.
static char *write_special(char *to, const uint8_t **at, const uint8_t *end)
{
	static const char *const hex = "0123456789abcdef";
	uint8_t byte = **at;

	if (byte >= 0x80) {
		gunichar unicode = g_utf8_get_char_validated((const char *) *at, end - *at);
		if (unicode < 0x80000000) {
			size_t length = (size_t) (g_utf8_next_char((const char *) *at) - (const char *) *at);
			memcpy(to, *at, length);
			*at += length;
			return to + length;
		}
		memcpy(to, "\\ufffd", LONGEST_ESCAPE);
		to += LONGEST_ESCAPE;
	} else if (byte == '"' || byte == '\\') {
		*to++ = '\\';
		*to++ = (char) byte;
	} else if (byte == '\n' || byte == '\r' || byte == '\t') {
		*to++ = '\\';
		*to++ = byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't';
	} else {
		memcpy(to, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, LONGEST_ESCAPE);
		to += LONGEST_ESCAPE;
	}
	++*at;
	return to;
}

void berth_log_suffix_clear(struct berth_log_suffix *suffix)
{
	g_free(suffix->attributes);
	for (int i = 0; i < 2; i++)
		g_free(suffix->text[i]);
	*suffix = (struct berth_log_suffix){.time = -1};
}

static void make_suffix(struct berth_log_suffix *suffix, int64_t time)
{
	char moment[BERTH_MOMENT_SIZE];

	berth_log_time_format(time, moment);
	for (int i = 0; i < 2; i++) {
		g_free(suffix->text[i]);
		suffix->text[i] = g_strconcat("\\n\",\"stream\":\"", i == 0 ? "stdout" : "stderr", "\"",
					      suffix->attributes ? ",\"attrs\":" : "",
					      suffix->attributes ? suffix->attributes : "", ",\"time\":\"", moment,
					      "\"}\n", NULL);
		suffix->length[i] = strlen(suffix->text[i]) - 2;
	}
	suffix->time = time;
}

void berth_log_record_append(struct berth_log_buffer *out, struct berth_log_suffix *suffix,
			     const struct berth_log_piece *piece)
{
	const uint8_t *at = (const uint8_t *) piece->text, *end = at + piece->length;
	int stream = piece->stream == 2;

	if (suffix->time != piece->time || !suffix->text[stream])
		make_suffix(suffix, piece->time);
	char *begin = berth_log_buffer_reserve(out, sizeof BEGINNING + LONGEST_ESCAPE * piece->length + WORD +
							    suffix->length[stream] + 2);
	char *to = begin;
	memcpy(to, BEGINNING, sizeof BEGINNING - 1);
	to += sizeof BEGINNING - 1;
	for (;;) {
		size_t plain = copy_plain(to, at, (size_t) (end - at));
		to += plain;
		at += plain;
		if (at == end)
			break;
		to = write_special(to, &at, end);
	}
	size_t length = suffix->length[stream] + (piece->newline ? 2 : 0);
	memcpy(to, suffix->text[stream] + (piece->newline ? 0 : 2), length);
	out->length += (size_t) (to + length - begin);
}

void berth_log_time_format(int64_t nanoseconds, char *text)
{
	berth_moment_format(nanoseconds, text);
	size_t end = strlen(text) - 1; // at the Z
	while (text[end - 1] == '0')
		end--;
	if (text[end - 1] == '.')
		end--;
	text[end] = 'Z';
	text[end + 1] = 0;
}

static bool read_hex(const char *at, const char *end, unsigned *ret)
{
	unsigned value = 0;

	if (end - at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = g_ascii_xdigit_value(at[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (unsigned) digit;
	}
	*ret = value;
	return true;
}

// Decodes "\u…" (at is behind the u) with a following low surrogate; writes UTF-8 to *to. NULL if malformed.
static char *decode_unicode(char *at, const char *end, char **to)
{
	unsigned high, low;

	if (!read_hex(at, end, &high))
		return NULL;
	at += 4;
	if (high >= 0xd800 && high < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
	    read_hex(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
		at += 6;
	} else if (high >= 0xd800 && high < 0xe000) {
		high = 0xfffd;
	}
	*to += g_unichar_to_utf8(high, *to);
	return at;
}

// The next quote or backslash, or `end`.
static char *find_stop(char *at, const char *end)
{
	while (end - at >= WORD) {
		unsigned plain = plain_bytes((uint8_t *) at);
		at += plain;
		if (plain == WORD)
			continue;
		if (*at == '"' || *at == '\\')
			return at;
		at++;
	}
	while (at < end && *at != '"' && *at != '\\')
		at++;
	return at;
}

// Decodes the string whose opening quote is at `at`, in place. Returns what follows the closing quote, or NULL.
static char *decode_string(char *at, const char *end, char **ret, size_t *ret_length)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";

	if (at >= end || *at != '"')
		return NULL;
	char *to = ++at;
	*ret = to;
	for (;;) {
		char *stop = find_stop(at, end);
		if (stop == end)
			return NULL;
		if (to != at)
			memmove(to, at, (size_t) (stop - at));
		to += stop - at;
		at = stop + 1;
		if (*stop == '"')
			break;
		if (at >= end)
			return NULL;
		char escape = *at++;
		const char *known = escape ? strchr(from, escape) : NULL;
		if (known)
			*to++ = into[known - from];
		else if (escape != 'u' || !(at = decode_unicode(at, end, &to)))
			return NULL;
	}
	*ret_length = (size_t) (to - *ret);
	return at;
}

// Skips a value that is no string: up to the comma or brace that ends it at this depth. NULL if it does not end.
static char *skip_value(char *at, const char *end)
{
	int depth = 0;

	for (; at < end; at++) {
		if (*at == '"') {
			for (at++; at < end && *at != '"'; at++)
				if (*at == '\\')
					at++;
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if (depth == 0 && (*at == ',' || *at == '}')) {
			return at;
		} else if (*at == '}' || *at == ']') {
			depth--;
		}
	}
	return NULL;
}

static char *skip_space(char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

static bool same(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

// What a record has so far.
struct found {
	char *text, *stream, *time, *attributes;
	size_t text_length, stream_length, time_length, attributes_length;
};

// Reads one `"key": value`. Returns what follows, or NULL.
static char *read_member(char *at, const char *end, struct found *found)
{
	char *key, *value;
	size_t key_length, value_length;

	at = decode_string(skip_space(at, end), end, &key, &key_length);
	at = at ? skip_space(at, end) : NULL;
	if (!at || at >= end || *at != ':')
		return NULL;
	at = skip_space(at + 1, end);
	if (at >= end || *at != '"') {
		char *begin = at;
		at = skip_value(at, end);
		if (at && begin < at && *begin == '{' && same(key, key_length, "attrs"))
			found->attributes = begin, found->attributes_length = (size_t) (at - begin);
		return at;
	}
	at = decode_string(at, end, &value, &value_length);
	if (at && same(key, key_length, "log"))
		found->text = value, found->text_length = value_length;
	else if (at && same(key, key_length, "stream"))
		found->stream = value, found->stream_length = value_length;
	else if (at && same(key, key_length, "time"))
		found->time = value, found->time_length = value_length;
	return at;
}

bool berth_log_record_parse(char *line, size_t length, struct berth_log_record *ret)
{
	const char *end = line + length;
	char *at = skip_space(line, end);
	struct found found = {0};

	if (at >= end || *at != '{')
		return false;
	do {
		at = read_member(at + 1, end, &found);
		if (!at)
			return false;
		at = skip_space(at, end);
	} while (at < end && *at == ',');
	if (at >= end || *at != '}' || skip_space(at + 1, end) != end || !found.text || !found.time ||
	    found.time_length == 0)
		return false;

	found.time[found.time_length] = 0; // where its closing quote was, or before
	if (!berth_moment_parse(found.time, &ret->time, NULL))
		return false;
	ret->stream = found.stream && same(found.stream, found.stream_length, "stderr") ? 2 : 1;
	ret->text = found.text;
	ret->length = found.text_length;
	ret->attributes = found.attributes;
	ret->attributes_length = found.attributes_length;
	return true;
}
