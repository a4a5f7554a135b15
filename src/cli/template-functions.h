// SPDX-License-Identifier: Apache-2.0
// What the functions that templates can call have in common: how they read their arguments and give their result.
#pragma once

#include "base/error.h"
#include "cli/template-internal.h"

#define BERTH_TEMPLATE_ELEMENT_WORK 64 // units that an element of a new list costs

// Always false. What the caller is told begins with the function's name.
static inline bool berth_template__refuse(GError **error, const char *message)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s", message);
}

// The text of an argument, which the argument owns; it may have NULs in it.
static inline const char *berth_template__bytes_of(const struct template_call *call, size_t i, size_t *ret_length)
{
	*ret_length = json_string_length(call->arguments[i]);
	return json_string_value(call->arguments[i]);
}

static inline struct template_writer berth_template__new_writer(const struct template_call *call)
{
	return (struct template_writer){.text = g_string_new(NULL), .limit = call->limit};
}

// Makes what was written the result, and frees it. False, with an error, if it did not fit.
static inline bool berth_template__finish(struct template_call *call, struct template_writer *writer,
					  json_t **ret_value, GError **error)
{
	bool good = berth_template__written(writer, error);

	call->made += writer->work;
	if (good)
		*ret_value = json_stringn_nocheck(writer->text->str, writer->text->len);
	g_string_free(writer->text, TRUE);
	return good;
}

static inline bool berth_template__give(json_t **ret_value, json_t *value)
{
	*ret_value = value;
	return true;
}

static inline bool berth_template__give_argument(struct template_call *call, size_t i, json_t **ret_value)
{
	return berth_template__give(ret_value, json_incref(call->arguments[i]));
}

// template-functions-text.c
bool berth_template__call_html(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_js(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_urlquery(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_split(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_join(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_lower(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_upper(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_title(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_pad(struct template_call *call, json_t **ret_value, GError **error);
bool berth_template__call_truncate(struct template_call *call, json_t **ret_value, GError **error);
