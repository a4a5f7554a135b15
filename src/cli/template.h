// SPDX-License-Identifier: Apache-2.0
// Go templates, as `--format` takes them: text/template's actions, pipelines, variables, range (with else, and of key
// and value), if/else if/else, with, define, template, break, continue, comments and trim markers; its builtins (and or
// not len index slice print printf println eq ne lt le gt ge html js urlquery) and Docker's functions (json split join
// title lower upper pad truncate). Data is JSON; a field that is not there is an error where Go's typed data gives one.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#define BERTH_LIMIT_TEMPLATE (64 << 10) // bytes of one template
#define BERTH_LIMIT_TEMPLATE_DEPTH 100 // nesting of actions and of calls
#define BERTH_LIMIT_TEMPLATE_OUTPUT (64 << 20) // bytes that one execution may produce; fewer in small pieces

struct berth_template;

// BERTH_ERROR_INVALID: "template parsing error: template: :1: …" in Go's words. `text` is as the shell gave it; "\t"
// and
// "\n" written as two characters are replaced by the caller where Docker does so.
struct berth_template *berth_template_parse(const char *text, GError **error);
void berth_template_free(struct berth_template *template);
typedef struct berth_template berth_template;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_template, berth_template_free)

// A method that templates can call on the data (`.Label "x"`), besides its fields.
struct berth_template_method {
	const char *name; // NULL ends the table
	json_t *(*call)(const json_t *object, char *const *arguments, GError **error); // a new reference
};

struct berth_template_options {
	const struct berth_template_method *methods; // of the top-level object; may be NULL
	bool missing_is_error; // a key that an object has not: an error ("map has no entry for key"); else "<no value>"
	bool header; // json, lower, upper, title and truncate leave text as it is: a table's head is made
};

// Appends the output. On an error (BERTH_ERROR_INVALID, Go's words "template: :1:2: executing \"\" at <.X>: …") what
// was appended stays.
bool berth_template_execute(const struct berth_template *template, const json_t *data,
			    const struct berth_template_options *options, GString *out, GError **error);
