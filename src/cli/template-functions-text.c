// SPDX-License-Identifier: Apache-2.0
// The functions that templates can call on text: Go's that escape, and Docker's.
#include "cli/template-functions.h"

#include "base/error.h"
#include "base/json.h"

#include <stdint.h>
#include <string.h>

// Escaping: each writes one character of the arguments' text.

typedef void escape(struct template_writer *writer, gunichar c, const char *bytes, size_t width);

// null becomes text before Go looks where to put spaces.
static bool is_text(const json_t *value)
{
	return json_is_string(value) || json_is_null(value);
}

static bool call_escape(struct template_call *call, escape *one, json_t **ret_value, GError **error)
{
	struct template_writer plain = berth_template__new_writer(call), writer = berth_template__new_writer(call);
	size_t width;

	for (size_t i = 0; i < call->count && !plain.full; i++) {
		if (i > 0 && !is_text(call->arguments[i - 1]) && !is_text(call->arguments[i]))
			berth_template__write(&plain, " ", 1);
		if (json_is_null(call->arguments[i]))
			berth_template__write(&plain, "<no value>", 10);
		else
			berth_template__print(&plain, call->arguments[i]);
	}
	writer.full = plain.full;
	writer.deep = plain.deep;
	for (size_t i = 0; i < plain.text->len && !writer.full; i += width) {
		gunichar c = berth_template__character(plain.text->str + i, plain.text->len - i, &width);
		one(&writer, c, plain.text->str + i, width);
	}
	g_string_free(plain.text, TRUE);
	call->made += plain.work;
	return berth_template__finish(call, &writer, ret_value, error);
}

static void write_code(struct template_writer *writer, const char *format, unsigned int value)
{
	g_autofree char *text = g_strdup_printf(format, value);

	berth_template__write(writer, text, strlen(text));
}

static void escape_html(struct template_writer *writer, gunichar c, const char *bytes, size_t width)
{
	if (c == 0)
		berth_template__write(writer, "\357\277\275", 3); // U+FFFD
	else if (c == '"' || c == '\'')
		write_code(writer, "&#%u;", c);
	else if (c == '&')
		berth_template__write(writer, "&amp;", 5);
	else if (c == '<' || c == '>')
		berth_template__write(writer, c == '<' ? "&lt;" : "&gt;", 4);
	else
		berth_template__write(writer, bytes, width);
}

static void escape_js(struct template_writer *writer, gunichar c, const char *bytes, size_t width)
{
	if (c == '\\' || c == '\'' || c == '"')
		berth_template__write(writer, "\\", 1);
	if (c < ' ' || (c < 0x80 && strchr("<>&=", (int) c)) || (c >= 0x80 && !g_unichar_isprint(c)))
		write_code(writer, "\\u%04X", c);
	else
		berth_template__write(writer, bytes, width);
}

static void escape_url(struct template_writer *writer, gunichar c, const char *bytes, size_t width)
{
	for (size_t i = 0; i < width; i++)
		if (c < 0x80 && (g_ascii_isalnum(c) || (c && strchr("-_.~", (int) c))))
			berth_template__write(writer, bytes + i, 1);
		else if (c == ' ')
			berth_template__write(writer, "+", 1);
		else
			write_code(writer, "%%%02X", (unsigned char) bytes[i]);
}

bool berth_template__call_html(struct template_call *call, json_t **ret_value, GError **error)
{
	return call_escape(call, escape_html, ret_value, error);
}

bool berth_template__call_js(struct template_call *call, json_t **ret_value, GError **error)
{
	return call_escape(call, escape_js, ret_value, error);
}

bool berth_template__call_urlquery(struct template_call *call, json_t **ret_value, GError **error)
{
	return call_escape(call, escape_url, ret_value, error);
}

// Docker's

bool berth_template__call_split(struct template_call *call, json_t **ret_value, GError **error)
{
	size_t length, separator_length, width, allowed = call->limit / BERTH_TEMPLATE_ELEMENT_WORK;
	const char *text = berth_template__bytes_of(call, 0, &length),
		   *separator = berth_template__bytes_of(call, 1, &separator_length);
	const char *end = text + length;
	BERTH_AUTO_JSON json_t *list = json_array();

	for (bool more = separator_length > 0 || length > 0; more;) {
		const char *stop;
		if (separator_length == 0) { // by characters
			berth_template__character(text, (size_t) (end - text), &width);
			stop = text + width;
			more = stop < end;
		} else {
			stop = memmem(text, (size_t) (end - text), separator, separator_length);
			more = stop != NULL;
			stop = more ? stop : end;
		}
		if (json_array_size(list) >= allowed)
			return berth_template__refuse(error, "more parts than the limit of a template's output allows");
		json_array_append_new(list, json_stringn_nocheck(text, (size_t) (stop - text)));
		text = stop + separator_length;
	}
	call->made += length + json_array_size(list) * BERTH_TEMPLATE_ELEMENT_WORK;
	return berth_template__give(ret_value, g_steal_pointer(&list));
}

bool berth_template__call_join(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);
	size_t separator_length;
	const char *separator = berth_template__bytes_of(call, 1, &separator_length);

	for (size_t i = 0; i < json_array_size(call->arguments[0]) && !writer.full; i++) {
		const json_t *part = json_array_get(call->arguments[0], i);
		if (i > 0)
			berth_template__write(&writer, separator, separator_length);
		berth_template__write(&writer, json_string_value(part), json_string_length(part));
	}
	return berth_template__finish(call, &writer, ret_value, error);
}

enum letter_case { LOWER, UPPER, TITLE };

static bool is_separator(gunichar c)
{
	if (c < 0x80)
		return !g_ascii_isalnum(c) && c != '_';
	return !g_unichar_isalpha(c) && !g_unichar_isdigit(c) && g_unichar_isspace(c);
}

static bool change_case(struct template_call *call, enum letter_case to, json_t **ret_value, GError **error)
{
	size_t length, width;
	const char *text = berth_template__bytes_of(call, 0, &length);
	struct template_writer writer = berth_template__new_writer(call);
	gunichar previous = ' ';
	char changed[6];

	for (size_t i = 0; i < length && !writer.full; i += width) {
		gunichar c = berth_template__character(text + i, length - i, &width), into = c;
		if (!call->header && to == LOWER)
			into = g_unichar_tolower(c);
		else if (!call->header && (to == UPPER || is_separator(previous)))
			into = to == UPPER ? g_unichar_toupper(c) : g_unichar_totitle(c);
		berth_template__write(&writer, changed, (size_t) g_unichar_to_utf8(into, changed));
		previous = c;
	}
	return berth_template__finish(call, &writer, ret_value, error);
}

bool berth_template__call_lower(struct template_call *call, json_t **ret_value, GError **error)
{
	return change_case(call, LOWER, ret_value, error);
}

bool berth_template__call_upper(struct template_call *call, json_t **ret_value, GError **error)
{
	return change_case(call, UPPER, ret_value, error);
}

bool berth_template__call_title(struct template_call *call, json_t **ret_value, GError **error)
{
	return change_case(call, TITLE, ret_value, error);
}

bool berth_template__call_pad(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);
	json_int_t before = json_integer_value(call->arguments[1]), after = json_integer_value(call->arguments[2]);
	size_t length;
	const char *text = berth_template__bytes_of(call, 0, &length);

	if (length > 0) {
		if (before < 0 || after < 0) {
			g_string_free(writer.text, TRUE);
			return berth_template__refuse(error, "strings: negative Repeat count");
		}
		berth_template__write_repeated(&writer, ' ', (size_t) before);
		berth_template__write(&writer, text, length);
		berth_template__write_repeated(&writer, ' ', (size_t) after);
	}
	return berth_template__finish(call, &writer, ret_value, error);
}

bool berth_template__call_truncate(struct template_call *call, json_t **ret_value, GError **error)
{
	json_int_t wanted = json_integer_value(call->arguments[1]);
	size_t length;
	const char *text = berth_template__bytes_of(call, 0, &length);

	if (call->header || (wanted >= 0 && length <= (uint64_t) wanted))
		return berth_template__give_argument(call, 0, ret_value);
	if (wanted < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "runtime error: slice bounds out of range [:%" JSON_INTEGER_FORMAT "]", wanted);
	call->made += (size_t) wanted;
	return berth_template__give(ret_value, json_stringn_nocheck(text, (size_t) wanted));
}
