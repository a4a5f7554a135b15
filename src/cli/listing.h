// SPDX-License-Identifier: Apache-2.0
// What lists and objects look like: columns as Docker's, or a Go template of the user's.
#pragma once

#include "cli/template.h"

#define BERTH_LISTING_FORMAT_HELP                                                                                      \
	"Format output using a custom template: 'table', 'table TEMPLATE', 'json', or a Go template"
#define BERTH_OBJECT_FORMAT_HELP "Format output using a custom template: 'json', or a Go template"

struct berth_column {
	const char *name; // of the row's field; NULL ends the table
	const char *header;
};

struct berth_listing {
	const struct berth_column *columns; // of all fields that a row has
	const struct berth_template_method *methods; // of a row; may be NULL
	bool whole; // cells are not cut to make a table fit the terminal
};

// Whether a format is the table that lists are by themselves: NULL, "" or "table".
bool berth_listing_is_table(const char *format);
// Prints the rows (objects with a string for each column) to standard output. `format`: the table
// is `fallback`; "table TEMPLATE"; "json"; or a template for each row.
bool berth_listing_print(const struct berth_listing *listing, const char *format, const char *fallback,
			 const json_t *rows, GError **error);

// The method {{.Label "key"}} for rows whose field "Labels" is "key=value,…"; with the labels as an object under
// "labels" of the row.
json_t *berth_listing_label(const json_t *row, char *const *arguments, GError **error);

// Labels of an object as lists show them: "a=1,b=2", in the order of their names.
char *berth_labels_text(const json_t *labels);
// A moment that an engine told ("2024-05-01T10:00:00.5Z") as Go prints it: "2024-05-01 10:00:00.5 +0000 UTC".
char *berth_created_format(const char *moment);
// Sorts an array of objects by a member as people count: "web9" is before "web10".
void berth_listing_sort(json_t *array, const char *member);

// "key=value" of a flag given several times, as an object. `alone`: a key may stand without a value. NULL with *error.
json_t *berth_pairs_json(char *const *values, const char *flag, bool alone, GError **error);

// Prints one object by a template ("json" is the whole of it) and a line's end. `missing`: a field that is not there is
// an error.
bool berth_object_print(const char *format, const json_t *object, bool missing, GError **error);
// Prints JSON as people read it, indented, to standard output.
void berth_listing_show(const json_t *json);
// A template that is used for object after object.
struct berth_template *berth_format_parse(const char *format, GError **error);

// Lines of cells that "\t" separates, as columns. If they take more than `width` (0: any) columns, the cells of long
// texts (commands, ports, …, by the first line's titles) are cut.
void berth_columns_align(const char *text, size_t width, GString *out);
