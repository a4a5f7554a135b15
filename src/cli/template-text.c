// SPDX-License-Identifier: Apache-2.0
// Text with a limit; characters, strings and numbers as Go's literals have them; values as its encoding/json writes
// them.
#include "base/error.h"
#include "cli/template-internal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_WORK 8 // units that a write costs besides its bytes

// The writer

static bool spend(struct template_writer *writer, size_t length)
{
	if (length == 0)
		return false;
	if (writer->limit - writer->work < WRITE_WORK || length > writer->limit - writer->work - WRITE_WORK)
		writer->full = true;
	if (writer->full)
		return false;
	writer->work += length + WRITE_WORK;
	return true;
}

void berth_template__write(struct template_writer *writer, const char *bytes, size_t length)
{
	if (spend(writer, length))
		g_string_append_len(writer->text, bytes, (gssize) length);
}

void berth_template__write_text(struct template_writer *writer, const char *text)
{
	berth_template__write(writer, text, strlen(text));
}

void berth_template__write_repeated(struct template_writer *writer, char c, size_t count)
{
	if (!spend(writer, count))
		return;
	size_t at = writer->text->len;
	g_string_set_size(writer->text, at + count);
	memset(writer->text->str + at, c, count);
}

void berth_template__write_character(struct template_writer *writer, gunichar c)
{
	char text[6];

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	berth_template__write(writer, text, (size_t) g_unichar_to_utf8(c, text));
}

bool berth_template__written(const struct template_writer *writer, GError **error)
{
	if (writer->full)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more output than one execution may make");
	if (writer->deep)
		return berth_error_set(error, BERTH_ERROR_INVALID, "value nested deeper than %d levels",
				       BERTH_LIMIT_TEMPLATE_DEPTH);
	return true;
}

// Characters and quotes

gunichar berth_template__character(const char *bytes, size_t length, size_t *ret_width)
{
	gunichar c = g_utf8_get_char_validated(bytes, (gssize) MIN(length, 6));

	*ret_width = 1;
	if (length > 0 && *bytes == '\0')
		return 0;
	if (c == (gunichar) -1 || c == (gunichar) -2)
		return 0xfffd;
	*ret_width = (size_t) g_unichar_to_utf8(c, NULL);
	return c;
}

bool berth_template__is_printable(gunichar c)
{
	return c == ' ' || (g_unichar_isprint(c) && !g_unichar_isspace(c));
}

void berth_template__write_escape(struct template_writer *writer, gunichar c, const char *format)
{
	char text[16];

	snprintf(text, sizeof(text), format, c);
	berth_template__write_text(writer, text);
}

// One character within `quote`s. `valid` is false for a byte that is not UTF-8.
void berth_template__write_quoted_character(struct template_writer *writer, gunichar c, char quote, bool ascii)
{
	static const char escaped[] = "\a\b\f\n\r\t\v", letters[] = "abfnrtv";
	const char *found = c && c < 0x80 ? strchr(escaped, (int) c) : NULL;
	char pair[3] = "\\";

	if (found || c == (gunichar) quote || c == '\\') {
		pair[1] = found ? letters[found - escaped] : (char) c;
		berth_template__write_text(writer, pair);
	} else if (berth_template__is_printable(c) && (c < 0x80 || !ascii)) {
		berth_template__write_character(writer, c);
	} else if (c < ' ' || c == 0x7f) {
		berth_template__write_escape(writer, c, "\\x%02x");
	} else {
		berth_template__write_escape(writer, c, c < 0x10000 ? "\\u%04x" : "\\U%08x");
	}
}

void berth_template__write_quoted(struct template_writer *writer, const char *bytes, size_t length, bool ascii)
{
	size_t width;

	berth_template__write_text(writer, "\"");
	for (size_t i = 0; i < length && !writer->full; i += width) {
		gunichar c = berth_template__character(bytes + i, length - i, &width);
		if (c == 0xfffd && width == 1)
			berth_template__write_escape(writer, (unsigned char) bytes[i], "\\x%02x");
		else
			berth_template__write_quoted_character(writer, c, '"', ascii);
	}
	berth_template__write_text(writer, "\"");
}

char *berth_template__quote(const char *bytes, size_t length)
{
	struct template_writer writer = {.text = g_string_new(NULL), .limit = SIZE_MAX};

	berth_template__write_quoted(&writer, bytes, length, false);
	return g_string_free(writer.text, FALSE);
}

static bool read_digits(const char *at, const char *end, unsigned int count, unsigned int base, gunichar *ret)
{
	*ret = 0;
	if ((size_t) (end - at) < count)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		int digit = g_ascii_xdigit_value(at[i]);
		if (digit < 0 || (unsigned int) digit >= base)
			return false;
		*ret = *ret * base + (gunichar) digit;
	}
	return true;
}

// Reads one character of a literal at *at. *ret_byte: it is a byte (\377, \xff), not a character.
static bool unquote_one(const char **at, const char *end, char quote, gunichar *ret, bool *ret_byte)
{
	static const char letters[] = "abfnrtv\\", escaped[] = "\a\b\f\n\r\t\v\\";
	size_t width;

	*ret_byte = false;
	if (**at == quote || **at == '\n')
		return false;
	if (**at != '\\') {
		*ret = berth_template__character(*at, (size_t) (end - *at), &width);
		if (*ret == 0xfffd && width == 1) {
			*ret_byte = quote == '"';
			*ret = *ret_byte ? (unsigned char) **at : 0xfffd;
		}
		*at += width;
		return true;
	}
	if (++*at == end)
		return false;
	char c = *(*at)++;
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter || c == quote) {
		*ret = letter ? (gunichar) escaped[letter - letters] : (gunichar) quote;
		return true;
	}
	bool octal = c >= '0' && c <= '7';
	unsigned int count = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	*at -= octal;
	if (count == 0 || !read_digits(*at, end, count, octal ? 8 : 16, ret))
		return false;
	*at += count;
	*ret_byte = octal || c == 'x';
	return *ret_byte ? *ret <= 0xff : *ret <= 0x10ffff && !(*ret >= 0xd800 && *ret <= 0xdfff);
}

GString *berth_template__unquote(const char *literal, size_t length)
{
	g_autoptr(GString) text = g_string_sized_new(length);
	const char *at = literal + 1, *end = literal + length - 1;

	if (*literal == '`') {
		for (; at < end; at++)
			if (*at != '\r')
				g_string_append_c(text, *at);
		return g_steal_pointer(&text);
	}
	while (at < end) {
		gunichar c;
		bool byte;
		if (!unquote_one(&at, end, '"', &c, &byte))
			return NULL;
		if (byte)
			g_string_append_c(text, (char) c);
		else
			g_string_append_unichar(text, c);
	}
	return g_steal_pointer(&text);
}

bool berth_template__unquote_char(const char *literal, size_t length, gunichar *ret_character, bool *ret_whole)
{
	const char *at = literal + 1, *end = literal + length - 1;
	bool byte;

	if (at >= end || !unquote_one(&at, end, '\'', ret_character, &byte))
		return false;
	*ret_whole = at == end;
	return true;
}

// Numbers

bool berth_template__read_integer(const char *text, json_int_t *ret, bool *ret_is_integer)
{
	bool negative = *text == '-', after_digit = false;
	unsigned int base = 10;
	uint64_t value = 0;
	bool overflow = false, any = false;

	*ret_is_integer = false;
	if (*text == '-' || *text == '+')
		text++;
	if (*text == '0' && text[1]) {
		char prefix = g_ascii_tolower(text[1]);
		base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
		text += g_ascii_isalpha(text[1]) ? 2 : 1;
		after_digit = true; // an underscore may follow a prefix
	}
	for (; *text; text++) {
		if (*text == '_' && after_digit) {
			after_digit = false;
			continue;
		}
		int digit = g_ascii_xdigit_value(*text);
		if (digit < 0 || (unsigned int) digit >= base)
			return false;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t) digit, &value))
			overflow = true;
		after_digit = any = true;
	}
	if (!any || !after_digit)
		return false;
	*ret_is_integer = true;
	if (overflow || value > (uint64_t) INT64_MAX + negative)
		return false;
	*ret = negative ? (json_int_t) (0 - value) : (json_int_t) value;
	return true;
}

json_t *berth_template__read_float(const char *text)
{
	bool hexadecimal = strpbrk(text, "xX") != NULL;
	g_autoptr(GString) plain = g_string_new(NULL);
	char *end;

	for (const char *at = text; *at; at++) {
		if (*at == '_' && !(at > text && g_ascii_isxdigit(at[-1]) && g_ascii_isxdigit(at[1])))
			return NULL;
		if (*at != '_')
			g_string_append_c(plain, *at);
	}
	if (!strpbrk(text, hexadecimal ? "pP" : ".eE"))
		return NULL;
	double value = g_ascii_strtod(plain->str, &end);
	return *end || end == plain->str || !isfinite(value) ? NULL : json_real(value);
}

// The fewest digits that read back as `value`, as d.ddde±x.
void berth_template__shortest(double value, char *text, int size)
{
	char format[16];

	for (int precision = 0; precision <= 17; precision++) {
		snprintf(format, sizeof(format), "%%.%de", precision);
		g_ascii_formatd(text, size, format, value);
		if (g_ascii_strtod(text, NULL) == value)
			break;
	}
}

// Without an exponent, from what berth_template__shortest() gives.
char *berth_template__plain_decimal(const char *scientific)
{
	g_autoptr(GString) digits = g_string_new(NULL);
	const char *at = scientific + (*scientific == '-');
	GString *text = g_string_new(*scientific == '-' ? "-" : NULL);

	for (; *at && *at != 'e'; at++)
		if (*at != '.')
			g_string_append_c(digits, *at);
	int point = atoi(at + 1) + 1; // digits before the point
	if (point <= 0)
		g_string_append(text, "0.");
	for (int i = point; i < 0; i++)
		g_string_append_c(text, '0');
	for (int i = 0; i < MAX(point, (int) digits->len); i++) {
		if (i == point && point > 0)
			g_string_append_c(text, '.');
		g_string_append_c(text, i < (int) digits->len ? digits->str[i] : '0');
	}
	return g_string_free(text, FALSE);
}

// The exponent of what berth_template__shortest() gives.
int berth_template__exponent_of(const char *scientific)
{
	return atoi(strchr(scientific, 'e') + 1);
}

// JSON

static void json_string_text(struct template_writer *writer, const char *bytes, size_t length)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	size_t width, plain = 0; // where what needs no escape begins

	berth_template__write_text(writer, "\"");
	for (size_t i = 0; i < length && !writer->full; i += width) {
		gunichar c = berth_template__character(bytes + i, length - i, &width);
		const char *found = c && c < 0x80 ? strchr(escaped, (int) c) : NULL;
		if (!found && c >= ' ' && c != 0x2028 && c != 0x2029 && !(c == 0xfffd && width == 1))
			continue;
		berth_template__write(writer, bytes + plain, i - plain);
		plain = i + width;
		if (found)
			berth_template__write(writer, (char[]){'\\', letters[found - escaped]}, 2);
		else
			berth_template__write_escape(writer, c, "\\u%04x");
	}
	berth_template__write(writer, bytes + plain, length - plain);
	berth_template__write_text(writer, "\"");
}

static void json_real_text(struct template_writer *writer, double value)
{
	char text[64];

	berth_template__shortest(value, text, sizeof(text));
	int exponent = value == 0 ? 0 : berth_template__exponent_of(text);
	if (exponent >= -6 && exponent < 21) {
		g_autofree char *plain = berth_template__plain_decimal(text);
		berth_template__write_text(writer, plain);
		return;
	}
	char *mark = strchr(text, 'e');
	if (mark[1] == '-' && mark[2] == '0') // "e-09" becomes "e-9"
		memmove(mark + 2, mark + 3, strlen(mark + 3) + 1);
	berth_template__write_text(writer, text);
}

static void json_value_text(struct template_writer *writer, const json_t *value, unsigned int depth)
{
	const char *key;
	json_t *member;
	bool first = true;

	writer->deep |= depth > BERTH_LIMIT_TEMPLATE_DEPTH;
	if (writer->deep)
		return;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		berth_template__write_text(writer, "{");
		json_object_foreach((json_t *) value, key, member)
		{
			berth_template__write_text(writer, first ? "" : ",");
			first = false;
			json_string_text(writer, key, strlen(key));
			berth_template__write_text(writer, ":");
			json_value_text(writer, member, depth + 1);
		}
		berth_template__write_text(writer, "}");
		break;
	case JSON_ARRAY:
		berth_template__write_text(writer, "[");
		for (size_t i = 0; i < json_array_size(value) && !writer->full; i++) {
			berth_template__write_text(writer, i > 0 ? "," : "");
			json_value_text(writer, json_array_get(value, i), depth + 1);
		}
		berth_template__write_text(writer, "]");
		break;
	case JSON_STRING:
		json_string_text(writer, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		berth_template__print(writer, value);
		break;
	case JSON_REAL:
		json_real_text(writer, json_real_value(value));
		break;
	default:
		berth_template__write_text(writer, json_is_null(value)   ? "null"
						   : json_is_true(value) ? "true"
									 : "false");
	}
}

void berth_template__json(struct template_writer *writer, const json_t *value)
{
	json_value_text(writer, value, 0);
}
