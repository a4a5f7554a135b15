// SPDX-License-Identifier: Apache-2.0
#include "cli/listing.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "cli/style.h"

#include <stdio.h>
#include <string.h>

#define COLUMN_LEAST 10
#define COLUMN_GAP 3
#define TABLE "table"

// The width of each column but the last, which stands free.
static GArray *measure(char *const *lines)
{
	GArray *widths = g_array_new(FALSE, TRUE, sizeof(size_t));

	for (; *lines; lines++) {
		g_auto(GStrv) cells = g_strsplit(*lines, "\t", -1);
		for (size_t i = 0; cells[0] && cells[i + 1]; i++) {
			if (i == widths->len)
				g_array_set_size(widths, (guint) i + 1);
			size_t *width = &g_array_index(widths, size_t, i);
			*width = MAX(*width, MAX(berth_style_measure(cells[i]) + COLUMN_GAP, COLUMN_LEAST));
		}
	}
	return widths;
}

static size_t last_width(char *const *lines)
{
	size_t width = 0;

	for (; *lines; lines++) {
		const char *last = strrchr(*lines, '\t');
		width = MAX(width, berth_style_measure(last ? last + 1 : *lines));
	}
	return width;
}

// Narrows the widest of the columns that may be, a character at a time, until all fits or nothing can give.
static void fit(GArray *widths, const char *titles, size_t last, size_t width)
{
	static const char *const elastic[] = {"COMMAND", "COMMENT",    "CREATED BY", "DESCRIPTION", "ERROR", "IMAGE",
					      "LABELS",  "MOUNTPOINT", "MOUNTS",     "PORTS",       NULL};
	g_auto(GStrv) cells = g_strsplit(titles, "\t", -1);
	size_t total = last;

	for (guint i = 0; i < widths->len; i++)
		total += g_array_index(widths, size_t, i);
	while (total > width) {
		size_t *widest = NULL;
		for (guint i = 0; i < widths->len && cells[i]; i++) {
			size_t *at = &g_array_index(widths, size_t, i);
			size_t least = MAX(strlen(cells[i]) + COLUMN_GAP, COLUMN_LEAST + COLUMN_GAP);
			if (g_strv_contains(elastic, cells[i]) && *at > least && (!widest || *at > *widest))
				widest = at;
		}
		if (!widest)
			return;
		--*widest;
		total--;
	}
}

void berth_columns_align(const char *text, size_t width, GString *out)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GArray) widths = measure(lines);

	if (width > 0 && lines[0])
		fit(widths, lines[0], last_width(lines), width);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) cells = g_strsplit(*line, "\t", -1);
		if (!line[1] && !**line)
			break; // after the last line's end
		for (size_t i = 0; cells[i]; i++) {
			size_t room = cells[i + 1] ? g_array_index(widths, size_t, i) : 0;
			g_autofree char *cell =
				room ? berth_style_cut(cells[i], room - COLUMN_GAP) : g_strdup(cells[i]);
			g_string_append(out, cell);
			if (room)
				g_string_append_printf(out, "%*s", (int) (room - berth_style_measure(cell)), "");
		}
		g_string_append_c(out, '\n');
	}
}

json_t *berth_listing_label(const json_t *row, char *const *arguments, GError **error)
{
	if (!arguments[0] || arguments[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "wrong number of args for Label: want 1");
		return NULL;
	}
	const char *header = json_string_value(json_object_get(row, "label header"));
	if (!header) {
		const char *value = json_string_value(json_object_get(json_object_get(row, "labels"), arguments[0]));
		return json_string(value ? value : "");
	}
	const char *dot = strrchr(arguments[0], '.');
	g_autofree char *title = g_strdup(dot ? dot + 1 : arguments[0]);
	return json_string(g_strdelimit(title, "-_", ' '));
}

// The two ways in which a shell hands tabs and line ends over.
static char *unescape(const char *format)
{
	g_autoptr(GString) text = g_string_new(format);

	g_string_replace(text, "\\t", "\t", 0);
	g_string_replace(text, "\\n", "\n", 0);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

struct berth_template *berth_format_parse(const char *format, GError **error)
{
	g_autofree char *text = unescape(format);

	return berth_template_parse(strcmp(text, "json") == 0 ? "{{json .}}" : text, error);
}

static bool append_row(const struct berth_template *template, const struct berth_listing *listing, const json_t *row,
		       bool header, GString *out, GError **error)
{
	const struct berth_template_options options = {
		.methods = listing->methods, .missing_is_error = true, .header = header};

	bool fine = berth_template_execute(template, row, &options, out, error);
	g_string_append_c(out, '\n');
	return fine;
}

static bool append_header(const struct berth_template *template, const struct berth_listing *listing, GString *out,
			  GError **error)
{
	BERTH_AUTO_JSON json_t *header = json_object();

	for (const struct berth_column *column = listing->columns; column->name; column++)
		json_object_set_new(header, column->name, json_string(column->header));
	json_object_set_new(header, "label header", json_string(""));
	return append_row(template, listing, header, true, out, error);
}

// A row as {{json .}} shows it: its columns only, by name.
static json_t *visible(const struct berth_listing *listing, const json_t *row)
{
	json_t *shown = json_object();

	for (const struct berth_column *column = listing->columns; column->name; column++)
		json_object_set(shown, column->name, json_object_get(row, column->name));
	return shown;
}

static bool print_json(const struct berth_listing *listing, const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		BERTH_AUTO_JSON json_t *shown = visible(listing, row);
		char *text = json_dumps(shown, JSON_COMPACT | JSON_SORT_KEYS);
		puts(text);
		free(text);
	}
	return true;
}

bool berth_listing_is_table(const char *format)
{
	return !format || !*format || strcmp(format, "table") == 0;
}

void berth_listing_show(const json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(4));

	puts(text);
	free(text);
}

bool berth_listing_print(const struct berth_listing *listing, const char *format, const char *fallback,
			 const json_t *rows, GError **error)
{
	bool table = !format || !*format || g_str_has_prefix(format, TABLE);
	const char *text = !table                                     ? format
			   : format && strlen(format) > strlen(TABLE) ? format + strlen(TABLE)
								      : fallback;
	const json_t *row;
	size_t i;

	if (format && (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0))
		return print_json(listing, rows);
	g_autofree char *trimmed = table ? g_strstrip(g_strdup(text)) : g_strdup(text);
	struct berth_template *template = berth_format_parse(trimmed, error);
	if (!template)
		return false;
	g_autoptr(GString) body = g_string_new(NULL);
	bool fine = !table || append_header(template, listing, body, error);
	json_array_foreach(rows, i, row) fine = fine && append_row(template, listing, row, false, body, error);
	berth_template_free(template);
	g_autoptr(GString) aligned = g_string_new(NULL);
	if (table)
		berth_columns_align(body->str, listing->whole ? 0 : berth_style_width(), aligned);
	if (fine)
		fputs(table ? aligned->str : body->str, stdout);
	return fine;
}

bool berth_object_print(const char *format, const json_t *object, bool missing, GError **error)
{
	struct berth_template *template = berth_format_parse(format, error);

	if (!template)
		return false;
	const struct berth_template_options options = {.missing_is_error = missing};
	g_autoptr(GString) out = g_string_new(NULL);
	bool fine = berth_template_execute(template, object, &options, out, error);
	berth_template_free(template);
	g_string_append_c(out, '\n');
	if (fine)
		fputs(out->str, stdout);
	return fine;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char *berth_labels_text(const json_t *labels)
{
	g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) (uintptr_t) labels, key, value)
	{
		const char *text = json_string_value(value);
		g_ptr_array_add(pairs, g_strconcat(key, "=", text ? text : "", NULL));
	}
	g_ptr_array_sort(pairs, compare_texts);
	g_ptr_array_add(pairs, NULL);
	return g_strjoinv(",", (char **) pairs->pdata);
}

char *berth_created_format(const char *moment)
{
	int64_t nanoseconds;
	char text[BERTH_MOMENT_SIZE], fraction[16];

	if (g_str_has_prefix(moment, "0001-01-01T00:00:00Z")) // no moment at all, in Go
		return g_strdup("0001-01-01 00:00:00 +0000 UTC");
	if (!berth_moment_parse(moment, &nanoseconds, NULL))
		return g_strdup(moment);
	berth_moment_format(nanoseconds, text);
	int64_t rest = ((nanoseconds % 1000000000) + 1000000000) % 1000000000;
	g_snprintf(fraction, sizeof fraction, ".%09d", (int) rest);
	for (size_t end = strlen(fraction); end > 0 && (fraction[end - 1] == '0' || fraction[end - 1] == '.'); end--)
		fraction[end - 1] = 0;
	return g_strdup_printf("%.10s %.8s%s +0000 UTC", text, text + 11, fraction);
}

// Runs of digits are numbers.
static int compare_natural(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (g_ascii_isdigit(*a) && g_ascii_isdigit(*b)) {
			a += strspn(a, "0");
			b += strspn(b, "0");
			size_t left = strspn(a, "0123456789"), right = strspn(b, "0123456789");
			if (left != right)
				return left < right ? -1 : 1;
			int order = strncmp(a, b, left);
			if (order)
				return order;
			a += left;
			b += right;
			if (!*a || !*b)
				break;
		}
		if (*a != *b)
			return (unsigned char) *a - (unsigned char) *b;
	}
	return (unsigned char) *a - (unsigned char) *b;
}

static int compare_members(const void *a, const void *b, void *member)
{
	const char *left = json_string_value(json_object_get(*(json_t *const *) a, member));
	const char *right = json_string_value(json_object_get(*(json_t *const *) b, member));

	return compare_natural(left ? left : "", right ? right : "");
}

void berth_listing_sort(json_t *array, const char *member)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	json_t *object;
	size_t i;

	json_array_foreach(array, i, object) g_ptr_array_add(objects, json_incref(object));
	g_ptr_array_sort_with_data(objects, compare_members, (void *) (uintptr_t) member);
	json_array_clear(array);
	for (guint j = 0; j < objects->len; j++)
		json_array_append_new(array, objects->pdata[j]);
}

json_t *berth_pairs_json(char *const *values, const char *flag, bool alone, GError **error)
{
	BERTH_AUTO_JSON json_t *map = json_object();

	for (; values && *values; values++) {
		const char *equals = strchr(*values, '=');
		g_autofree char *key = equals ? g_strndup(*values, (size_t) (equals - *values)) : g_strdup(*values);
		bool fine = (equals || alone) && *key &&
			    json_object_set_new(map, key, json_string(equals ? equals + 1 : "")) == 0;
		if (!fine) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"invalid argument \"%s\" for \"--%s\" flag: %s must be formatted as key=value",
					*values, flag, *values);
			return NULL;
		}
	}
	return g_steal_pointer(&map);
}
