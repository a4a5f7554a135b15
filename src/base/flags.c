// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include "base/error.h"
#include "base/moment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HELP_WIDTH 80
#define HELP_LEAST 24 // columns that wrapping needs; with fewer, lines stay long

static void *member(void *options, size_t offset)
{
	return (char *) options + offset;
}

static bool parse_switch(const char *text, bool *ret_value, GError **error)
{
	static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
						{"1", "t", "T", "true", "TRUE", "True"}};
	for (size_t value = 0; value < 2; value++)
		for (size_t i = 0; i < G_N_ELEMENTS(words[value]); i++)
			if (strcmp(text, words[value][i]) == 0) {
				*ret_value = value == 1;
				return true;
			}
	return berth_error_set(error, BERTH_ERROR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax", text);
}

static bool parse_integer(const char *text, bool negative_ok, int64_t *ret_value, GError **error)
{
	const char *digits = *text == '-' && negative_ok ? text + 1 : text;
	char *end;

	if (!g_ascii_isdigit(*digits))
		return berth_error_set(error, BERTH_ERROR_INVALID, "strconv.Parse%s: parsing \"%s\": invalid syntax",
				       negative_ok ? "Int" : "Uint", text);
	errno = 0;
	int64_t value = g_ascii_strtoll(text, &end, 10);
	if (*end != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "strconv.Parse%s: parsing \"%s\": invalid syntax",
				       negative_ok ? "Int" : "Uint", text);
	if (errno == ERANGE)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "strconv.Parse%s: parsing \"%s\": value out of range",
				       negative_ok ? "Int" : "Uint", text);
	*ret_value = value;
	return true;
}

static bool parse_decimal(const char *text, double *ret_value, GError **error)
{
	char *end = NULL;
	double value = 0;

	if (strspn(text, "0123456789.-+eE") == strlen(text))
		value = g_ascii_strtod(text, &end);
	if (!end || end == text || *end != 0 || !isfinite(value))
		return berth_error_set(error, BERTH_ERROR_INVALID, "failed to parse %s as a rational number", text);
	*ret_value = value;
	return true;
}

bool berth_bytes_parse(const char *text, int64_t *ret_bytes, GError **error)
{
	static const char units[] = "bkmgtp";
	char *rest;

	g_autofree char *number = g_strndup(text, strspn(text, "0123456789."));
	double value = g_ascii_strtod(number, &rest);
	if (rest == number || *rest != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid size: '%s'", text);

	const char *suffix = text + strlen(number);
	if (*suffix == ' ' && suffix[1])
		suffix++;
	if (*suffix) {
		const char *unit = strchr(units, g_ascii_tolower(*suffix));
		if (!unit)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid suffix: '%s'", suffix);
		value = ldexp(value, 10 * (int) (unit - units));
		if (suffix[1] && g_ascii_strcasecmp(suffix + 1, "b") != 0 && g_ascii_strcasecmp(suffix + 1, "ib") != 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid suffix: '%s'", suffix);
		if (unit == units && suffix[1])
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid suffix: '%s'", suffix);
	}
	if (value >= 0x1p63)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid size: '%s' is too large", text);
	*ret_bytes = (int64_t) value;
	return true;
}

char *berth_bytes_format(int64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double) bytes;
	size_t unit = 0;

	while (fabs(value) >= (unit == 0 ? 1000 : 999.5) && unit + 1 < G_N_ELEMENTS(units)) {
		value /= 1000;
		unit++;
	}
	return g_strdup_printf("%.3g%s", value, units[unit]);
}

static bool set_list(char ***list, const char *text)
{
	size_t length = *list ? g_strv_length(*list) : 0;

	*list = g_renew(char *, *list, length + 2);
	(*list)[length] = g_strdup(text);
	(*list)[length + 1] = NULL;
	return true;
}

static bool set_value(const struct berth_flag *flag, void *options, const char *text, GError **error)
{
	void *value = member(options, flag->offset);
	bool on, negative_ok = flag->flags & BERTH_FLAG_NEGATIVE_OK;

	switch (flag->type) {
	case BERTH_FLAG_SWITCH:
		return parse_switch(text, value, error);
	case BERTH_FLAG_TRISTATE:
		if (!parse_switch(text, &on, error))
			return false;
		*(int *) value = on;
		return true;
	case BERTH_FLAG_TEXT:
		g_free(*(char **) value);
		*(char **) value = g_strdup(text);
		return true;
	case BERTH_FLAG_LIST:
		return set_list(value, text);
	case BERTH_FLAG_INTEGER:
		return parse_integer(text, negative_ok, value, error);
	case BERTH_FLAG_DECIMAL:
		return parse_decimal(text, value, error);
	case BERTH_FLAG_BYTES:
		if (negative_ok && strcmp(text, "-1") == 0) {
			*(int64_t *) value = -1;
			return true;
		}
		return berth_bytes_parse(text, value, error);
	case BERTH_FLAG_DURATION:
		return berth_duration_parse(text, value, error);
	}
	g_assert_not_reached();
}

// Sets what the user gave; errors name the flag.
static bool give(const struct berth_flag *flag, void *options, const char *text, GError **error)
{
	if (flag->flags & BERTH_FLAG_REFUSED)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "--%s: %s", flag->name, flag->help);
	if (!set_value(flag, options, text, error)) {
		if (flag->shorthand)
			g_prefix_error(error, "invalid argument \"%s\" for \"-%c, --%s\" flag: ", text, flag->shorthand,
				       flag->name);
		else
			g_prefix_error(error, "invalid argument \"%s\" for \"--%s\" flag: ", text, flag->name);
		return false;
	}
	if (flag->given_offset)
		*(bool *) member(options, flag->given_offset) = true;
	return true;
}

static void set_fallbacks(const struct berth_flag *flags, void *options)
{
	for (const struct berth_flag *flag = flags; flag && flag->name; flag++) {
		if (!flag->fallback)
			continue;
		if (flag->type == BERTH_FLAG_TRISTATE && strcmp(flag->fallback, "-1") == 0)
			*(int *) member(options, flag->offset) = -1;
		else if (flag->type == BERTH_FLAG_INTEGER)
			*(int64_t *) member(options, flag->offset) = g_ascii_strtoll(flag->fallback, NULL, 10);
		else if (!set_value(flag, options, flag->fallback, NULL))
			g_error("flag --%s: its fallback \"%s\" is invalid", flag->name, flag->fallback);
	}
}

struct parser {
	const struct berth_flag *flags;
	void *options;
	int argc, next;
	char *const *argv;
	bool go, help;
};

static bool takes_argument(const struct berth_flag *flag)
{
	return flag->type != BERTH_FLAG_SWITCH && flag->type != BERTH_FLAG_TRISTATE;
}

static const struct berth_flag *find_long(const struct berth_flag *flags, const char *name, size_t length)
{
	for (const struct berth_flag *flag = flags; flag && flag->name; flag++)
		if (strncmp(flag->name, name, length) == 0 && flag->name[length] == 0)
			return flag;
	return NULL;
}

static const struct berth_flag *find_short(const struct berth_flag *flags, char shorthand)
{
	for (const struct berth_flag *flag = flags; flag && flag->name; flag++)
		if (flag->shorthand == shorthand)
			return flag;
	return NULL;
}

// One "--name", "--name=value" or "--name value"; `text` is what follows the dashes.
static bool parse_long(struct parser *parser, const char *text, GError **error)
{
	size_t length = strcspn(text, "=");
	const char *value = text[length] == '=' ? text + length + 1 : NULL;

	if (length == 0 || *text == '-')
		return berth_error_set(error, BERTH_ERROR_INVALID, "bad flag syntax: --%s", text);
	const struct berth_flag *flag = find_long(parser->flags, text, length);
	if (!flag && parser->go && length == 1)
		flag = find_short(parser->flags, *text);
	if (!flag && strcmp(text, "help") == 0) {
		parser->help = true;
		return true;
	}
	if (!flag)
		return berth_error_set(error, BERTH_ERROR_INVALID, "unknown flag: --%.*s", (int) length, text);
	if (!value && !takes_argument(flag))
		value = "true";
	if (!value && parser->next == parser->argc)
		return berth_error_set(error, BERTH_ERROR_INVALID, "flag needs an argument: --%s", flag->name);
	return give(flag, parser->options, value ? value : parser->argv[parser->next++], error);
}

// One "-abc", "-n value", "-nvalue" or "-n=value"; `group` is what follows the dash, not empty.
static bool parse_short(struct parser *parser, const char *group, GError **error)
{
	for (const char *letter = group; *letter; letter++) {
		const struct berth_flag *flag = find_short(parser->flags, *letter);
		if (!flag && *letter == 'h') {
			parser->help = true;
			return true;
		}
		if (!flag)
			return berth_error_set(error, BERTH_ERROR_INVALID, "unknown shorthand flag: '%c' in -%s",
					       *letter, group);
		if (letter[1] == '=' && letter[2])
			return give(flag, parser->options, letter + 2, error);
		if (!takes_argument(flag)) {
			if (!give(flag, parser->options, "true", error))
				return false;
			continue;
		}
		if (letter[1])
			return give(flag, parser->options, letter + 1, error);
		if (parser->next == parser->argc)
			return berth_error_set(error, BERTH_ERROR_INVALID, "flag needs an argument: '%c' in -%s",
					       *letter, group);
		return give(flag, parser->options, parser->argv[parser->next++], error);
	}
	return true;
}

// Whether "-text" is long: by its dashes, or by Go's rule.
static bool is_long(const struct parser *parser, const char *text)
{
	size_t length = strcspn(text, "=");

	return *text == '-' ||
	       (parser->go && length > 1 && (find_long(parser->flags, text, length) || strcmp(text, "help") == 0));
}

bool berth_flags_parse(const struct berth_flag *flags, void *options, int argc, char *const *argv, unsigned manner,
		       char ***ret_arguments, bool *ret_help, GError **error)
{
	struct parser parser = {.flags = flags,
				.options = options,
				.argc = argc,
				.next = 1,
				.argv = argv,
				.go = manner & BERTH_FLAGS_GO};
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

	set_fallbacks(flags, options);
	while (parser.next < argc && !parser.help) {
		const char *text = argv[parser.next++];
		bool flag = text[0] == '-' && text[1];
		if (flag && strcmp(text, "--") != 0) {
			if (!(is_long(&parser, text + 1) ? parse_long(&parser, text + (text[1] == '-' ? 2 : 1), error)
							 : parse_short(&parser, text + 1, error)))
				return false;
			continue;
		}
		if (!flag)
			g_ptr_array_add(arguments, g_strdup(text));
		if (flag || !(manner & BERTH_FLAGS_INTERSPERSED))
			while (parser.next < argc)
				g_ptr_array_add(arguments, g_strdup(argv[parser.next++]));
	}
	g_ptr_array_add(arguments, NULL);
	*ret_help = parser.help;
	*ret_arguments = (char **) g_ptr_array_steal(arguments, NULL);
	return true;
}

void berth_flags_clear(const struct berth_flag *flags, void *options)
{
	for (const struct berth_flag *flag = flags; flag && flag->name; flag++) {
		if (flag->flags & BERTH_FLAG_REFUSED)
			continue; // it has no member
		if (flag->type == BERTH_FLAG_TEXT)
			g_clear_pointer((char **) member(options, flag->offset), g_free);
		if (flag->type == BERTH_FLAG_LIST)
			g_clear_pointer((char ***) member(options, flag->offset), g_strfreev);
	}
}

static const char *argument_name(const struct berth_flag *flag)
{
	static const char *const names[] = {
		[BERTH_FLAG_SWITCH] = NULL,   [BERTH_FLAG_TRISTATE] = NULL,       [BERTH_FLAG_TEXT] = "string",
		[BERTH_FLAG_LIST] = "list",   [BERTH_FLAG_INTEGER] = "int",       [BERTH_FLAG_DECIMAL] = "decimal",
		[BERTH_FLAG_BYTES] = "bytes", [BERTH_FLAG_DURATION] = "duration",
	};
	return flag->argument ? flag->argument : names[flag->type];
}

static char *describe(const struct berth_flag *flag)
{
	if (!flag->fallback || (flag->type == BERTH_FLAG_TRISTATE && strcmp(flag->fallback, "-1") == 0))
		return g_strdup(flag->help);
	bool text = flag->type == BERTH_FLAG_TEXT || flag->type == BERTH_FLAG_LIST;
	return g_strdup_printf("%s (default %s%s%s)", flag->help, text ? "\"" : "", flag->fallback, text ? "\"" : "");
}

static void append_wrapped(GString *out, const char *text, size_t indent, size_t width)
{
	size_t room = width >= indent + HELP_LEAST ? width - indent : SIZE_MAX;

	while (strlen(text) > room) {
		size_t cut = room;
		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = room + strcspn(text + room, " ");
		g_string_append_printf(out, "%.*s\n%*s", (int) cut, text, (int) indent, "");
		text += cut + (text[cut] == ' ');
	}
	g_string_append_printf(out, "%s\n", text);
}

static int by_name(const void *a, const void *b)
{
	const struct berth_flag *const *left = a, *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

void berth_flags_help(const struct berth_flag *flags, unsigned width, GString *out)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new();
	g_autoptr(GPtrArray) heads = g_ptr_array_new_with_free_func(g_free);
	size_t column = 0;

	for (const struct berth_flag *flag = flags; flag && flag->name; flag++)
		if (!(flag->flags & BERTH_FLAG_HIDDEN))
			g_ptr_array_add(rows, (void *) flag);
	g_ptr_array_sort(rows, by_name);
	for (size_t i = 0; i < rows->len; i++) {
		const struct berth_flag *flag = rows->pdata[i];
		const char *argument = argument_name(flag);
		const char letter[] = {'-', flag->shorthand, ',', 0};
		char *head = g_strdup_printf("  %3s --%s%s%s", flag->shorthand ? letter : "", flag->name,
					     argument ? " " : "", argument ? argument : "");
		column = MAX(column, strlen(head) + 3);
		g_ptr_array_add(heads, head);
	}
	for (size_t i = 0; i < rows->len; i++) {
		g_autofree char *text = describe(rows->pdata[i]);
		g_string_append_printf(out, "%-*s", (int) column, (char *) heads->pdata[i]);
		append_wrapped(out, text, column, width ? width : HELP_WIDTH);
	}
}
