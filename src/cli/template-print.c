// SPDX-License-Identifier: Apache-2.0
// Values as Go's fmt writes them, with printf's verbs and flags, and as Go's encoding/json does. All of it goes through
// a writer with a limit, since a width applies to every element of a list.
#include "base/error.h"
#include "base/json.h"
#include "cli/template-internal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A verb with its flags.
struct verb {
	gunichar letter;
	bool plus, minus, sharp, space, zero;
	bool has_width, has_precision;
	size_t width, precision;
};

static void print_value(struct template_writer *writer, const json_t *value, const struct verb *verb,
			unsigned int depth);

// As %e, %f or %g, with a sign if it is negative; a precision of -1 means as many digits as %g takes.
static char *format_float(double value, char letter, ssize_t precision, bool sharp)
{
	char text[64], format[32];

	if (precision >= 0) {
		snprintf(format, sizeof(format), "%%%s.%zd%c", sharp ? "#" : "", precision, letter);
		int size = (int) precision + 400; // DBL_MAX has 309 digits before its point
		g_autofree char *long_text = g_malloc((size_t) size);
		return g_strdup(g_ascii_formatd(long_text, size, format, value));
	}
	berth_template__shortest(value, text, sizeof(text));
	int exponent = berth_template__exponent_of(text);
	return exponent < -4 || exponent >= 6 ? g_strdup(text) : berth_template__plain_decimal(text);
}

// Pads to the width, counted in characters; zeros go between a sign and the digits.
static void write_padded(struct template_writer *writer, const char *bytes, size_t length, const struct verb *verb,
			 bool number)
{
	size_t characters = 0, width, sign = number && length > 0 && strchr("+- ", *bytes) ? 1 : 0;

	for (size_t i = 0; verb->has_width && i < length; i += width, characters++)
		berth_template__character(bytes + i, length - i, &width);
	size_t missing = verb->has_width && verb->width > characters ? verb->width - characters : 0;
	if (verb->minus || !verb->zero)
		sign = 0;
	berth_template__write(writer, bytes, sign);
	if (!verb->minus)
		berth_template__write_repeated(writer, verb->zero ? '0' : ' ', missing);
	berth_template__write(writer, bytes + sign, length - sign);
	if (verb->minus)
		berth_template__write_repeated(writer, ' ', missing);
}

// Writes what was gathered in a writer of its own, which ends.
static void write_part(struct template_writer *writer, struct template_writer *part, const struct verb *verb)
{
	writer->work += part->work;
	writer->full |= part->full;
	write_padded(writer, part->text->str, part->text->len, verb, false);
	g_string_free(part->text, TRUE);
}

static void print_float(struct template_writer *writer, double value, const struct verb *verb)
{
	bool general = strchr("vgG", (int) verb->letter) != NULL;
	char letter = verb->letter == 'v' ? 'g' : verb->letter == 'F' ? 'f' : (char) verb->letter;
	ssize_t precision = verb->has_precision ? (ssize_t) verb->precision : general ? -1 : 6;
	g_autofree char *digits =
		format_float(value, (char) g_ascii_tolower(letter), precision, verb->sharp && !general);
	g_autofree char *cased = g_ascii_isupper(letter) ? g_ascii_strup(digits, -1) : g_strdup(digits);
	const char *sign = *cased == '-' ? "" : verb->plus ? "+" : verb->space ? " " : "";
	g_autofree char *text = g_strconcat(sign, cased, NULL);

	write_padded(writer, text, strlen(text), verb, true);
}

// %d %b %o %O %x %X, and %v.
static void print_integer(struct template_writer *writer, json_int_t value, const struct verb *verb)
{
	static const struct {
		char letter;
		unsigned int base;
		const char *prefix, *sharp_prefix;
	} bases[] = {
		{'b', 2, "", "0b"}, {'o', 8, "", "0"}, {'O', 8, "0o", "0o"}, {'x', 16, "", "0x"}, {'X', 16, "", "0X"},
	};
	uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	unsigned int base = 10;
	const char *prefix = "";
	char digits[72], *at = digits + sizeof(digits);
	struct verb padding = *verb;

	for (size_t i = 0; i < G_N_ELEMENTS(bases); i++)
		if (verb->letter == (gunichar) bases[i].letter) {
			base = bases[i].base;
			prefix = verb->sharp ? bases[i].sharp_prefix : bases[i].prefix;
		}
	*--at = '\0';
	if (!(verb->has_precision && verb->precision == 0 && value == 0))
		do {
			*--at = (verb->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
			rest /= base;
		} while (rest > 0);
	size_t count = strlen(at), wanted = verb->has_precision ? verb->precision : 0;
	const char *sign = value < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "";
	if (verb->has_precision)
		padding.zero = false;
	else if (verb->zero && verb->has_width && !verb->minus)
		wanted = verb->width - MIN(verb->width, strlen(sign));
	g_autoptr(GString) text = g_string_new(sign);
	g_string_append(text, prefix);
	for (; count < wanted; wanted--)
		g_string_append_c(text, '0');
	g_string_append(text, at);
	write_padded(writer, text->str, text->len, &padding, true);
}

static void print_code_point(struct template_writer *writer, json_int_t value, const struct verb *verb)
{
	bool valid = value >= 0 && value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
	gunichar c = valid ? (gunichar) value : 0xfffd;
	struct template_writer text = {.text = g_string_new(NULL), .limit = SIZE_MAX};
	struct verb padding = *verb;

	if (verb->letter == 'c') {
		berth_template__write_character(&text, c);
	} else if (verb->letter == 'q') {
		berth_template__write_text(&text, "'");
		berth_template__write_quoted_character(&text, c, '\'', verb->plus);
		berth_template__write_text(&text, "'");
	} else {
		g_string_append_printf(text.text, "U+%04" G_GINT64_MODIFIER "X", (gint64) value);
		if (verb->sharp && valid && berth_template__is_printable(c)) {
			berth_template__write_text(&text, " '");
			berth_template__write_character(&text, c);
			berth_template__write_text(&text, "'");
		}
		padding.zero = false;
	}
	write_padded(writer, text.text->str, text.text->len, &padding, false);
	g_string_free(text.text, TRUE);
}

// Strings

// At most `precision` characters.
static size_t truncated(const char *bytes, size_t length, const struct verb *verb)
{
	size_t end = 0, width;

	if (!verb->has_precision)
		return length;
	for (size_t n = 0; n < verb->precision && end < length; n++, end += width)
		berth_template__character(bytes + end, length - end, &width);
	return end;
}

static void print_hexadecimal(struct template_writer *writer, const char *bytes, size_t length, const struct verb *verb)
{
	struct template_writer text = {.text = g_string_new(NULL), .limit = writer->limit - writer->work};
	const char *format = verb->letter == 'X' ? "%02X" : "%02x", *prefix = verb->letter == 'X' ? "0X" : "0x";

	if (verb->has_precision)
		length = MIN(length, verb->precision);
	for (size_t i = 0; i < length && !text.full; i++) {
		if (i > 0 && verb->space)
			berth_template__write_text(&text, " ");
		if (verb->sharp && (i == 0 || verb->space))
			berth_template__write_text(&text, prefix);
		berth_template__write_escape(&text, (unsigned char) bytes[i], format);
	}
	write_part(writer, &text, verb);
}

static bool can_be_backquoted(const char *bytes, size_t length)
{
	size_t width;

	for (size_t i = 0; i < length; i += width) {
		gunichar c = berth_template__character(bytes + i, length - i, &width);
		if (c == 0xfeff || (c < ' ' && c != '\t') || c == '`' || c == 0x7f || (c == 0xfffd && width == 1))
			return false;
	}
	return true;
}

static void print_string(struct template_writer *writer, const json_t *value, const struct verb *verb)
{
	const char *bytes = json_string_value(value);
	size_t length = json_string_length(value);
	bool quoted = verb->letter == 'q' || (verb->letter == 'v' && verb->sharp);

	if (verb->letter == 'x' || verb->letter == 'X') {
		print_hexadecimal(writer, bytes, length, verb);
		return;
	}
	length = truncated(bytes, length, verb);
	if (!quoted) {
		write_padded(writer, bytes, length, verb, false);
		return;
	}
	struct template_writer text = {.text = g_string_new(NULL), .limit = writer->limit - writer->work};
	if (verb->letter == 'q' && verb->sharp && can_be_backquoted(bytes, length)) {
		berth_template__write_text(&text, "`");
		berth_template__write(&text, bytes, length);
		berth_template__write_text(&text, "`");
	} else {
		berth_template__write_quoted(&text, bytes, length, verb->letter == 'q' && verb->plus);
	}
	write_part(writer, &text, verb);
}

// Values

const char *berth_template__type_name(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		return "map[string]interface {}";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "float64";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	default:
		return "<nil>";
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *berth_template__sorted_keys(const json_t *object)
{
	GPtrArray *keys = g_ptr_array_sized_new((guint) json_object_size(object));
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) object, key, value) g_ptr_array_add(keys, (char *) key);
	g_ptr_array_sort(keys, compare_keys);
	return keys;
}

// "%!d(string=x)"
static void print_bad_verb(struct template_writer *writer, const json_t *value, const struct verb *verb,
			   unsigned int depth)
{
	struct verb plain = *verb;

	plain.letter = 'v';
	plain.sharp = false;
	berth_template__write_text(writer, "%!");
	berth_template__write_character(writer, verb->letter);
	berth_template__write_text(writer, "(");
	if (!json_is_null(value)) {
		berth_template__write_text(writer, berth_template__type_name(value));
		berth_template__write_text(writer, "=");
	}
	print_value(writer, value, &plain, depth);
	berth_template__write_text(writer, ")");
}

static void print_list(struct template_writer *writer, const json_t *list, const struct verb *verb, unsigned int depth)
{
	bool syntax = verb->letter == 'v' && verb->sharp;

	berth_template__write_text(writer, syntax ? "[]interface {}{" : "[");
	for (size_t i = 0; i < json_array_size(list) && !writer->full; i++) {
		if (i > 0)
			berth_template__write_text(writer, syntax ? ", " : " ");
		print_value(writer, json_array_get(list, i), verb, depth + 1);
	}
	berth_template__write_text(writer, syntax ? "}" : "]");
}

static void print_map(struct template_writer *writer, const json_t *map, const struct verb *verb, unsigned int depth)
{
	bool syntax = verb->letter == 'v' && verb->sharp;
	g_autoptr(GPtrArray) keys = berth_template__sorted_keys(map);

	berth_template__write_text(writer, syntax ? "map[string]interface {}{" : "map[");
	for (unsigned int i = 0; i < keys->len && !writer->full; i++) {
		if (i > 0)
			berth_template__write_text(writer, syntax ? ", " : " ");
		BERTH_AUTO_JSON json_t *key = json_string_nocheck(keys->pdata[i]);
		print_value(writer, key, verb, depth + 1);
		berth_template__write_text(writer, ":");
		print_value(writer, json_object_get(map, keys->pdata[i]), verb, depth + 1);
	}
	berth_template__write_text(writer, syntax ? "}" : "]");
}

static void print_nil(struct template_writer *writer, const struct verb *verb, unsigned int depth)
{
	const char *text = depth == 0 ? "<nil>" : verb->letter == 'v' && verb->sharp ? "interface {}(nil)" : "<nil>";

	if (depth > 0) {
		berth_template__write_text(writer, text);
		return;
	}
	write_padded(writer, text, strlen(text), verb, false);
}

static bool verb_fits(const json_t *value, gunichar letter)
{
	const char *letters = "v";

	switch (json_typeof(value)) {
	case JSON_STRING:
		letters = "vsqxX";
		break;
	case JSON_INTEGER:
		letters = "vdboOxXcqU";
		break;
	case JSON_REAL:
		letters = "veEfFgG";
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		letters = "vt";
		break;
	default:
		break;
	}
	return letter < 0x80 && strchr(letters, (int) letter);
}

static void print_value(struct template_writer *writer, const json_t *value, const struct verb *verb,
			unsigned int depth)
{
	const char *word;

	if (depth > BERTH_LIMIT_TEMPLATE_DEPTH) {
		writer->deep = true;
		return;
	}
	if (json_is_array(value)) {
		print_list(writer, value, verb, depth);
		return;
	}
	if (json_is_object(value)) {
		print_map(writer, value, verb, depth);
		return;
	}
	if (json_is_null(value) && (depth > 0 || verb->letter == 'v')) {
		print_nil(writer, verb, depth);
		return;
	}
	if (!verb_fits(value, verb->letter)) {
		print_bad_verb(writer, value, verb, depth);
		return;
	}
	switch (json_typeof(value)) {
	case JSON_STRING:
		print_string(writer, value, verb);
		break;
	case JSON_INTEGER:
		if (verb->letter == 'c' || verb->letter == 'q' || verb->letter == 'U')
			print_code_point(writer, json_integer_value(value), verb);
		else
			print_integer(writer, json_integer_value(value), verb);
		break;
	case JSON_REAL:
		print_float(writer, json_real_value(value), verb);
		break;
	default:
		word = json_is_true(value) ? "true" : "false";
		write_padded(writer, word, strlen(word), verb, false);
	}
}

void berth_template__print(struct template_writer *writer, const json_t *value)
{
	const struct verb plain = {.letter = 'v'};

	print_value(writer, value, &plain, 0);
}

// printf

struct format {
	const char *at, *end;
	json_t *const *arguments;
	size_t count, used;
	bool reordered; // "[n]" was used; then it is no error that some were not
	bool bad_index;
};

// Reads digits; false if there are none. A number above the limit is complained about, and none.
static bool read_number(struct format *format, struct template_writer *writer, const char *complaint, size_t *ret)
{
	const char *first = format->at;
	bool too_large = false;

	*ret = 0;
	for (; format->at < format->end && g_ascii_isdigit(*format->at); format->at++) {
		*ret = *ret * 10 + (size_t) (*format->at - '0');
		too_large |= *ret > BERTH_LIMIT_TEMPLATE_WIDTH;
		*ret = too_large ? 0 : *ret;
	}
	if (too_large)
		berth_template__write_text(writer, complaint);
	return format->at > first && !too_large;
}

// "[n]" chooses the argument that is taken next.
static void read_index(struct format *format, struct template_writer *writer)
{
	if (format->at >= format->end || *format->at != '[')
		return;
	const char *close = memchr(format->at, ']', (size_t) (format->end - format->at));
	format->reordered = true;
	format->at++;
	size_t index;
	bool good = close && read_number(format, writer, "", &index) && format->at == close && index >= 1 &&
		    index <= format->count;
	if (close)
		format->at = close + 1;
	if (good)
		format->used = index - 1;
	else
		format->bad_index = true;
}

// "*" takes the number from the arguments.
static bool read_star(struct format *format, struct template_writer *writer, const char *complaint, json_int_t *ret)
{
	const json_t *argument = format->used < format->count ? format->arguments[format->used++] : NULL;

	format->at++;
	*ret = json_integer_value(argument);
	if (json_is_integer(argument) && *ret <= BERTH_LIMIT_TEMPLATE_WIDTH && *ret >= -BERTH_LIMIT_TEMPLATE_WIDTH)
		return true;
	berth_template__write_text(writer, complaint);
	return false;
}

static void read_flags(struct format *format, struct verb *verb)
{
	for (; format->at < format->end; format->at++)
		switch (*format->at) {
		case '+':
			verb->plus = true;
			break;
		case '-':
			verb->minus = true;
			break;
		case '#':
			verb->sharp = true;
			break;
		case ' ':
			verb->space = true;
			break;
		case '0':
			verb->zero = true;
			break;
		default:
			return;
		}
}

static void read_width(struct format *format, struct verb *verb, struct template_writer *writer)
{
	json_int_t number;

	read_index(format, writer);
	if (format->at < format->end && *format->at == '*') {
		verb->has_width = read_star(format, writer, "%!(BADWIDTH)", &number);
		verb->minus |= verb->has_width && number < 0;
		verb->width = verb->has_width ? (size_t) llabs(number) : 0;
	} else {
		verb->has_width = read_number(format, writer, "%!(BADWIDTH)", &verb->width);
	}
}

static void read_precision(struct format *format, struct verb *verb, struct template_writer *writer)
{
	json_int_t number;

	if (format->at >= format->end || *format->at != '.')
		return;
	format->at++;
	read_index(format, writer);
	if (format->at < format->end && *format->at == '*') {
		verb->has_precision = read_star(format, writer, "%!(BADPREC)", &number) && number >= 0;
		verb->precision = verb->has_precision ? (size_t) number : 0;
	} else {
		read_number(format, writer, "%!(BADPREC)", &verb->precision);
		verb->has_precision = true;
	}
}

// After "%".
static void print_verb(struct format *format, struct template_writer *writer)
{
	struct verb verb = {0};
	size_t width;

	format->bad_index = false;
	read_flags(format, &verb);
	read_width(format, &verb, writer);
	read_precision(format, &verb, writer);
	read_index(format, writer);
	if (format->at >= format->end) {
		berth_template__write_text(writer, "%!(NOVERB)");
		return;
	}
	verb.letter = berth_template__character(format->at, (size_t) (format->end - format->at), &width);
	format->at += width;
	if (verb.letter == 'v') // "%+v" is for structs
		verb.plus = false;
	if (verb.letter == '%') {
		berth_template__write_text(writer, "%");
		return;
	}
	if (format->bad_index || format->used >= format->count) {
		berth_template__write_text(writer, "%!");
		berth_template__write_character(writer, verb.letter);
		berth_template__write_text(writer, format->bad_index ? "(BADINDEX)" : "(MISSING)");
		return;
	}
	const json_t *argument = format->arguments[format->used++];
	if (verb.letter == 'T')
		write_padded(writer, berth_template__type_name(argument), strlen(berth_template__type_name(argument)),
			     &verb, false);
	else
		print_value(writer, argument, &verb, 0);
}

void berth_template__printf(struct template_writer *writer, const char *format, size_t length, json_t *const *arguments,
			    size_t count)
{
	struct format state = {.at = format, .end = format + length, .arguments = arguments, .count = count};

	while (state.at < state.end && !writer->full) {
		const char *percent = memchr(state.at, '%', (size_t) (state.end - state.at));
		const char *stop = percent ? percent : state.end;
		berth_template__write(writer, state.at, (size_t) (stop - state.at));
		state.at = stop;
		if (percent) {
			state.at++;
			print_verb(&state, writer);
		}
	}
	if (state.reordered || state.used >= count)
		return;
	berth_template__write_text(writer, "%!(EXTRA ");
	for (size_t i = state.used; i < count && !writer->full; i++) {
		berth_template__write_text(writer, i > state.used ? ", " : "");
		berth_template__write_text(writer, berth_template__type_name(arguments[i]));
		if (!json_is_null(arguments[i])) {
			berth_template__write_text(writer, "=");
			berth_template__print(writer, arguments[i]);
		}
	}
	berth_template__write_text(writer, ")");
}
