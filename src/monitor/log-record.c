// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-record.h"

#include "base/moment.h"

#include <string.h>

static void append_escaped(GString *out, const char *text, size_t length)
{
	static const char *const hex = "0123456789abcdef";
	const char *end = text + length, *run = text;

	for (const char *at = text; at < end;) {
		unsigned char byte = (unsigned char) *at;
		if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
			at++;
			continue;
		}
		size_t valid = 0;
		if (byte >= 0x80) {
			gunichar unicode = g_utf8_get_char_validated(at, end - at);
			if (unicode < 0x80000000)
				valid = (size_t) (g_utf8_next_char(at) - at);
		}
		if (valid) {
			at += valid;
			continue;
		}
		g_string_append_len(out, run, at - run);
		if (byte >= 0x80)
			g_string_append(out, "\\ufffd");
		else if (byte == '"' || byte == '\\')
			g_string_append_len(out, (char[]){'\\', (char) byte}, 2);
		else if (byte == '\n' || byte == '\r' || byte == '\t')
			g_string_append_len(out, (char[]){'\\', byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't'}, 2);
		else
			g_string_append_len(out, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
		run = ++at;
	}
	g_string_append_len(out, run, end - run);
}

void berth_log_record_append(GString *out, int stream, const char *text, size_t length, const char *time)
{
	g_string_append(out, "{\"log\":\"");
	append_escaped(out, text, length);
	g_string_append(out,
			stream == 2 ? "\",\"stream\":\"stderr\",\"time\":\"" : "\",\"stream\":\"stdout\",\"time\":\"");
	g_string_append(out, time);
	g_string_append(out, "\"}\n");
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

// Decodes the string whose opening quote is at `at`, in place. Returns what follows the closing quote, or NULL.
static char *decode_string(char *at, const char *end, char **ret, size_t *ret_length)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";

	if (at >= end || *at != '"')
		return NULL;
	char *to = ++at;
	*ret = to;
	for (;;) {
		char *stop = at;
		while (stop < end && *stop != '"' && *stop != '\\')
			stop++;
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

bool berth_log_record_parse(char *line, size_t length, struct berth_log_record *ret)
{
	const char *end = line + length;
	char *at = skip_space(line, end), *text = NULL, *stream = NULL, *time = NULL;
	size_t text_length = 0, stream_length = 0, time_length = 0;

	if (at >= end || *at != '{')
		return false;
	do {
		char *key, *value;
		size_t key_length, value_length;
		at = decode_string(skip_space(at + 1, end), end, &key, &key_length);
		if (!at)
			return false;
		at = skip_space(at, end);
		if (at >= end || *at != ':')
			return false;
		at = skip_space(at + 1, end);
		if (at < end && *at == '"') {
			at = decode_string(at, end, &value, &value_length);
			if (at && same(key, key_length, "log"))
				text = value, text_length = value_length;
			else if (at && same(key, key_length, "stream"))
				stream = value, stream_length = value_length;
			else if (at && same(key, key_length, "time"))
				time = value, time_length = value_length;
		} else {
			at = skip_value(at, end);
		}
		if (!at)
			return false;
		at = skip_space(at, end);
	} while (at < end && *at == ',');
	if (at >= end || *at != '}' || skip_space(at + 1, end) != end || !text || !time || time_length == 0)
		return false;

	time[time_length] = 0; // where its closing quote was, or before
	if (!berth_moment_parse(time, &ret->time, NULL))
		return false;
	ret->stream = stream && same(stream, stream_length, "stderr") ? 2 : 1;
	ret->text = text;
	ret->length = text_length;
	return true;
}
