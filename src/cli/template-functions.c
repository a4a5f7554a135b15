// SPDX-License-Identifier: Apache-2.0
// The functions that templates can call: Go's and Docker's. Their work is charged to the execution.
//
// Data that Go has in typed maps and lists is JSON here, and some differences of type are gone: integers and floats
// compare by value, and a key that a map has not gives the zero value of what the others have.
#include "cli/template-functions.h"

#include "base/error.h"
#include "base/json.h"

#include <stdint.h>
#include <string.h>

bool berth_template__truth(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_INTEGER:
		return json_integer_value(value) != 0;
	case JSON_REAL:
		return json_real_value(value) != 0;
	default:
		return json_is_true(value);
	}
}

// Logic. `and` and `or` only get here when the execution has evaluated all they need: the last is the result.

static bool call_last(struct template_call *call, json_t **ret_value, GError **error)
{
	(void) error;
	return berth_template__give_argument(call, call->count - 1, ret_value);
}

static bool call_not(struct template_call *call, json_t **ret_value, GError **error)
{
	(void) error;
	return berth_template__give(ret_value, json_boolean(!berth_template__truth(call->arguments[0])));
}

static bool call_call(struct template_call *call, json_t **ret_value, GError **error)
{
	(void) ret_value;
	if (json_is_null(call->arguments[0]))
		return berth_template__refuse(error, "call of nil");
	return berth_error_set(error, BERTH_ERROR_INVALID, "non-function of type %s",
			       berth_template__type_name(call->arguments[0]));
}

// Comparison

enum basic_kind { NO_KIND, BOOL_KIND, NUMBER_KIND, STRING_KIND };

static enum basic_kind basic_kind(const json_t *value)
{
	return json_is_boolean(value)  ? BOOL_KIND
	       : json_is_number(value) ? NUMBER_KIND
	       : json_is_string(value) ? STRING_KIND
				       : NO_KIND;
}

// <0, 0, >0; of two of one kind.
static int compare(const json_t *a, const json_t *b)
{
	if (json_is_string(a)) {
		size_t a_length = json_string_length(a), b_length = json_string_length(b);
		int order = memcmp(json_string_value(a), json_string_value(b), MIN(a_length, b_length));
		return order ? order : (a_length > b_length) - (a_length < b_length);
	}
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a), y = json_integer_value(b);
		return (x > y) - (x < y);
	}
	if (json_is_number(a)) {
		double x = json_number_value(a), y = json_number_value(b);
		return (x > y) - (x < y);
	}
	return json_is_true(a) - json_is_true(b);
}

static bool equal(const json_t *a, const json_t *b, bool *ret_equal, GError **error)
{
	enum basic_kind a_kind = basic_kind(a), b_kind = basic_kind(b);

	*ret_equal = false;
	if (json_is_null(a) || json_is_null(b)) {
		*ret_equal = json_is_null(a) && json_is_null(b);
		return true;
	}
	if (a_kind != b_kind)
		return berth_template__refuse(error, "incompatible types for comparison");
	if (a_kind == NO_KIND)
		return berth_error_set(error, BERTH_ERROR_INVALID, "non-comparable type %s",
				       berth_template__type_name(a));
	*ret_equal = compare(a, b) == 0;
	return true;
}

static bool call_eq(struct template_call *call, json_t **ret_value, GError **error)
{
	bool same = false;

	if (call->count < 2)
		return berth_template__refuse(error, "missing argument for comparison");
	for (size_t i = 1; i < call->count && !same; i++) {
		call->made += json_string_length(call->arguments[i]);
		if (!equal(call->arguments[0], call->arguments[i], &same, error))
			return false;
	}
	return berth_template__give(ret_value, json_boolean(same));
}

static bool call_ne(struct template_call *call, json_t **ret_value, GError **error)
{
	bool same;

	call->made += json_string_length(call->arguments[0]);
	return equal(call->arguments[0], call->arguments[1], &same, error) &&
	       berth_template__give(ret_value, json_boolean(!same));
}

static bool order(struct template_call *call, int *ret_order, GError **error)
{
	enum basic_kind a = basic_kind(call->arguments[0]), b = basic_kind(call->arguments[1]);

	if (a == NO_KIND || b == NO_KIND)
		return berth_template__refuse(error, "invalid type for comparison");
	if (a != b)
		return berth_template__refuse(error, "incompatible types for comparison");
	if (a == BOOL_KIND)
		return berth_template__refuse(error, "invalid type for comparison");
	call->made += json_string_length(call->arguments[0]);
	*ret_order = compare(call->arguments[0], call->arguments[1]);
	return true;
}

static bool call_lt(struct template_call *call, json_t **ret_value, GError **error)
{
	int found;

	return order(call, &found, error) && berth_template__give(ret_value, json_boolean(found < 0));
}

static bool call_le(struct template_call *call, json_t **ret_value, GError **error)
{
	int found;

	return order(call, &found, error) && berth_template__give(ret_value, json_boolean(found <= 0));
}

static bool call_gt(struct template_call *call, json_t **ret_value, GError **error)
{
	int found;

	return order(call, &found, error) && berth_template__give(ret_value, json_boolean(found > 0));
}

static bool call_ge(struct template_call *call, json_t **ret_value, GError **error)
{
	int found;

	return order(call, &found, error) && berth_template__give(ret_value, json_boolean(found >= 0));
}

// Lists and maps

static bool call_len(struct template_call *call, json_t **ret_value, GError **error)
{
	const json_t *value = call->arguments[0];

	if (json_is_string(value))
		return berth_template__give(ret_value, json_integer((json_int_t) json_string_length(value)));
	if (json_is_array(value) || json_is_object(value) || json_is_null(value))
		return berth_template__give(
			ret_value, json_integer((json_int_t) (json_is_object(value) ? json_object_size(value)
										    : json_array_size(value))));
	return berth_error_set(error, BERTH_ERROR_INVALID, "len of type %s", berth_template__type_name(value));
}

static size_t length_of(const json_t *value)
{
	return json_is_string(value) ? json_string_length(value) : json_array_size(value);
}

// An index from 0 to `limit`, which it may reach.
static bool get_index(const json_t *index, size_t limit, size_t *ret, GError **error)
{
	if (json_is_null(index))
		return berth_template__refuse(error, "cannot index slice/array with nil");
	if (!json_is_integer(index))
		return berth_error_set(error, BERTH_ERROR_INVALID, "cannot index slice/array with type %s",
				       berth_template__type_name(index));
	json_int_t value = json_integer_value(index);
	if (value < 0 || (uint64_t) value > limit)
		return berth_error_set(error, BERTH_ERROR_INVALID, "index out of range: %" JSON_INTEGER_FORMAT, value);
	*ret = (size_t) value;
	return true;
}

// What a typed map gives for a key that it has not. An empty map is taken for one of strings, as labels are.
static json_t *zero_value(struct template_call *call, json_t *map)
{
	json_t *value, *first = NULL;
	const char *key;

	call->made += json_object_size(map);
	json_object_foreach(map, key, value)
	{
		if (!first)
			first = value;
		else if (json_typeof(value) != json_typeof(first) &&
			 !(json_is_boolean(value) && json_is_boolean(first)))
			return NULL;
	}
	switch (first ? json_typeof(first) : JSON_STRING) {
	case JSON_STRING:
		return json_string("");
	case JSON_INTEGER:
		return json_integer(0);
	case JSON_REAL:
		return json_real(0);
	case JSON_TRUE:
	case JSON_FALSE:
		return json_false();
	case JSON_ARRAY:
		return json_array();
	default:
		return NULL;
	}
}

static bool index_once(struct template_call *call, json_t *item, const json_t *index, json_t **ret_value,
		       GError **error)
{
	size_t at;

	if (json_is_object(item) || (json_is_null(item) && json_is_string(index))) {
		if (!json_is_string(index))
			return berth_error_set(error, BERTH_ERROR_INVALID, "value has type %s; should be string",
					       berth_template__type_name(index));
		call->made += json_string_length(index);
		json_t *found = json_object_get(item, json_string_value(index));
		if (found && strlen(json_string_value(index)) == json_string_length(index))
			return berth_template__give(ret_value, json_incref(found));
		return berth_template__give(ret_value, zero_value(call, item));
	}
	if (json_is_null(item))
		return berth_template__refuse(error, "index of untyped nil");
	if (!json_is_string(item) && !json_is_array(item))
		return berth_error_set(error, BERTH_ERROR_INVALID, "can't index item of type %s",
				       berth_template__type_name(item));
	if (!get_index(index, length_of(item), &at, error))
		return false;
	if (at == length_of(item))
		return berth_error_set(error, BERTH_ERROR_INVALID, "reflect: %s index out of range",
				       json_is_string(item) ? "string" : "slice");
	if (json_is_string(item))
		return berth_template__give(ret_value, json_integer((unsigned char) json_string_value(item)[at]));
	return berth_template__give(ret_value, json_incref(json_array_get(item, at)));
}

static bool call_index(struct template_call *call, json_t **ret_value, GError **error)
{
	BERTH_AUTO_JSON json_t *item = json_incref(call->arguments[0]);

	if (call->count == 1 && json_is_null(item))
		return berth_template__refuse(error, "index of untyped nil");
	for (size_t i = 1; i < call->count; i++) {
		json_t *found = NULL;
		if (!index_once(call, item, call->arguments[i], &found, error))
			return false;
		json_decref(item);
		item = found ? found : json_null();
	}
	return berth_template__give(ret_value, g_steal_pointer(&item));
}

static bool call_slice(struct template_call *call, json_t **ret_value, GError **error)
{
	json_t *item = call->arguments[0];
	size_t length = length_of(item), bounds[3] = {0, length, length};

	if (json_is_null(item))
		return berth_template__refuse(error, "slice of untyped nil");
	if (call->count > 4)
		return berth_error_set(error, BERTH_ERROR_INVALID, "too many slice indexes: %zu", call->count - 1);
	if (json_is_string(item) && call->count == 4)
		return berth_template__refuse(error, "cannot 3-index slice a string");
	if (!json_is_string(item) && !json_is_array(item))
		return berth_error_set(error, BERTH_ERROR_INVALID, "can't slice item of type %s",
				       berth_template__type_name(item));
	for (size_t i = 1; i < call->count; i++)
		if (!get_index(call->arguments[i], length, &bounds[i - 1], error))
			return false;
	for (size_t i = 0; i < 2; i++)
		if (bounds[i] > bounds[i + 1])
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid slice index: %zu > %zu", bounds[i],
					       bounds[i + 1]);
	if (json_is_string(item)) {
		call->made += bounds[1] - bounds[0];
		return berth_template__give(
			ret_value, json_stringn_nocheck(json_string_value(item) + bounds[0], bounds[1] - bounds[0]));
	}
	call->made += (bounds[1] - bounds[0]) * BERTH_TEMPLATE_ELEMENT_WORK;
	*ret_value = json_array();
	for (size_t i = bounds[0]; i < bounds[1]; i++)
		json_array_append(*ret_value, json_array_get(item, i));
	return true;
}

// Printing

// fmt.Sprint puts a space between two that are no strings, fmt.Sprintln one between any.
static void print_all(struct template_writer *writer, const struct template_call *call, bool line)
{
	for (size_t i = 0; i < call->count && !writer->full; i++) {
		if (i > 0 && (line || (!json_is_string(call->arguments[i - 1]) && !json_is_string(call->arguments[i]))))
			berth_template__write(writer, " ", 1);
		berth_template__print(writer, call->arguments[i]);
	}
	if (line)
		berth_template__write(writer, "\n", 1);
}

static bool call_print(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);

	print_all(&writer, call, false);
	return berth_template__finish(call, &writer, ret_value, error);
}

static bool call_println(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);

	print_all(&writer, call, true);
	return berth_template__finish(call, &writer, ret_value, error);
}

static bool call_printf(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);
	size_t length;
	const char *format = berth_template__bytes_of(call, 0, &length);

	berth_template__printf(&writer, format, length, call->arguments + 1, call->count - 1);
	return berth_template__finish(call, &writer, ret_value, error);
}

static bool call_json(struct template_call *call, json_t **ret_value, GError **error)
{
	struct template_writer writer = berth_template__new_writer(call);

	if (call->header && json_is_string(call->arguments[0])) {
		g_string_free(writer.text, TRUE);
		return berth_template__give_argument(call, 0, ret_value);
	}
	berth_template__json(&writer, call->arguments[0]);
	return berth_template__finish(call, &writer, ret_value, error);
}

const struct template_function *berth_template__function(const char *name)
{
	static const struct template_function functions[] = {
		{"and", "aa*", call_last},
		{"call", "aa*", call_call},
		{"eq", "aa*", call_eq},
		{"ge", "aa", call_ge},
		{"gt", "aa", call_gt},
		{"html", "a*", berth_template__call_html},
		{"index", "aa*", call_index},
		{"join", "ls", berth_template__call_join},
		{"js", "a*", berth_template__call_js},
		{"json", "a", call_json},
		{"le", "aa", call_le},
		{"len", "a", call_len},
		{"lower", "s", berth_template__call_lower},
		{"lt", "aa", call_lt},
		{"ne", "aa", call_ne},
		{"not", "a", call_not},
		{"or", "aa*", call_last},
		{"pad", "sii", berth_template__call_pad},
		{"print", "a*", call_print},
		{"printf", "sa*", call_printf},
		{"println", "a*", call_println},
		{"slice", "aa*", call_slice},
		{"split", "ss", berth_template__call_split},
		{"title", "s", berth_template__call_title},
		{"truncate", "si", berth_template__call_truncate},
		{"upper", "s", berth_template__call_upper},
		{"urlquery", "a*", berth_template__call_urlquery},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}
