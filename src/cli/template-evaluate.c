// SPDX-License-Identifier: Apache-2.0
// The values of pipelines: fields, methods, functions.
#include "cli/template-execute.h"

#include "base/json.h"

#include <string.h>

// The operands of a command after its first, and what the pipeline hands on.
struct operands {
	GPtrArray *nodes; // of the command; NULL: none
	json_t *final;
	bool has_final;
};

static bool eval_operand(struct frame *frame, json_t *dot, const struct template_node *node, json_t **ret_value,
			 GError **error);

// Puts the place before an error that a function or method set.
static bool fail_call(const struct frame *frame, const char *name, GError *cause, GError **error)
{
	g_autoptr(GError) owned = cause;

	return berth_template__fail(frame, error, "error calling %s: %s", name, owned->message);
}

static size_t work_left(const struct frame *frame)
{
	return BERTH_LIMIT_TEMPLATE_WORK - frame->execution->work;
}

// Fields

static bool has_operands(const struct operands *operands)
{
	return operands && (operands->has_final || (operands->nodes && operands->nodes->len > 1));
}

static bool no_operands(const struct frame *frame, const struct template_node *first, const struct operands *operands,
			GError **error)
{
	if (!has_operands(operands))
		return true;
	return berth_template__fail(frame, error, "can't give argument to non-function %.*s",
				    (int) (first->end - first->start), frame->execution->template->text + first->start);
}

static const struct berth_template_method *find_method(const struct frame *frame, const json_t *receiver,
						       const char *name)
{
	const struct berth_template_options *options = frame->execution->options;
	const struct berth_template_method *method = options ? options->methods : NULL;

	if (!receiver || receiver != frame->execution->data)
		return NULL;
	for (; method && method->name; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

static bool add_string(const struct frame *frame, GPtrArray *strings, const json_t *value, GError **error)
{
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return berth_template__fail(frame, error, "wrong type for value; expected string; got %s",
					    berth_template__type_name(value));
	g_ptr_array_add(strings, g_strdup(json_string_value(value)));
	return berth_template__charge(frame, json_string_length(value), error);
}

static bool call_method(struct frame *frame, json_t *dot, const struct berth_template_method *method,
			const struct operands *operands, json_t **ret_value, GError **error)
{
	g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
	const struct template_node *at = frame->at;
	GError *cause = NULL;

	for (unsigned int i = 1; operands && operands->nodes && i < operands->nodes->len; i++) {
		BERTH_AUTO_JSON json_t *value = NULL;
		if (!eval_operand(frame, dot, operands->nodes->pdata[i], &value, error) ||
		    !add_string(frame, strings, value, error))
			return false;
	}
	frame->at = at;
	if (operands && operands->has_final && !add_string(frame, strings, operands->final, error))
		return false;
	g_ptr_array_add(strings, NULL);
	*ret_value = method->call(frame->execution->data, (char *const *) strings->pdata, &cause);
	return *ret_value || fail_call(frame, method->name, cause, error);
}

static bool fail_key(const struct frame *frame, GError **error, const char *what, const char *name)
{
	g_autofree char *quoted = berth_template__quote(name, strlen(name));

	return berth_template__fail(frame, error, "%s for key %s", what, quoted);
}

// One field of a receiver. `nested`: the receiver was itself a field, whose type Go does not look into.
static bool eval_field(struct frame *frame, json_t *dot, json_t *receiver, const char *name, bool nested,
		       const struct operands *operands, json_t **ret_value, GError **error)
{
	const struct berth_template_options *options = frame->execution->options;
	bool missing_is_error = options && options->missing_is_error;
	const struct berth_template_method *method = find_method(frame, receiver, name);

	if (method)
		return call_method(frame, dot, method, operands, ret_value, error);
	if (!receiver)
		return !missing_is_error || fail_key(frame, error, "nil data; no entry", name);
	if (json_is_null(receiver))
		return berth_template__fail(frame, error, "nil pointer evaluating interface {}.%s", name);
	if (!json_is_object(receiver))
		return berth_template__fail(frame, error, "can't evaluate field %s in type %s", name,
					    nested ? "interface {}" : berth_template__type_name(receiver));
	if (has_operands(operands))
		return berth_template__fail(frame, error, "%s is not a method but has arguments", name);
	*ret_value = json_incref(json_object_get(receiver, name));
	if (!*ret_value && missing_is_error)
		return fail_key(frame, error, "map has no entry", name);
	return true;
}

static bool eval_fields(struct frame *frame, json_t *dot, json_t *receiver, const struct template_node *node,
			const struct operands *operands, json_t **ret_value, GError **error)
{
	BERTH_AUTO_JSON json_t *value = json_incref(receiver);

	if (!berth_template__charge(frame, node->names->len * BERTH_TEMPLATE_NODE_WORK + node->end - node->start,
				    error))
		return false;
	for (unsigned int i = 0; i < node->names->len; i++) {
		json_t *field = NULL;
		bool last = i + 1 == node->names->len;
		if (!eval_field(frame, dot, value, node->names->pdata[i], i > 0, last ? operands : NULL, &field, error))
			return false;
		json_decref(value);
		value = field;
	}
	*ret_value = g_steal_pointer(&value);
	return true;
}

static bool eval_variable(struct frame *frame, json_t *dot, const struct template_node *node,
			  const struct operands *operands, json_t **ret_value, GError **error)
{
	frame->at = node;
	if (!frame->set[node->slot])
		return berth_template__fail(frame, error, "undefined variable");
	if (node->names)
		return eval_fields(frame, dot, frame->slots[node->slot], node, operands, ret_value, error);
	if (!no_operands(frame, node, operands, error))
		return false;
	*ret_value = json_incref(frame->slots[node->slot]);
	return true;
}

static bool eval_chain(struct frame *frame, json_t *dot, const struct template_node *node,
		       const struct operands *operands, json_t **ret_value, GError **error)
{
	BERTH_AUTO_JSON json_t *receiver = NULL;

	return eval_operand(frame, dot, node->children->pdata[0], &receiver, error) &&
	       eval_fields(frame, dot, receiver, node, operands, ret_value, error);
}

// Functions

static bool is_string_list(const json_t *value)
{
	if (!json_is_array(value) && !json_is_null(value)) // Go's empty lists may be null
		return false;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return true;
}

// Whether a value fits a function's parameter; `node` is where it comes from, NULL for a pipeline's.
static bool check_argument(struct frame *frame, const struct template_node *node, char parameter, const json_t *value,
			   GError **error)
{
	const char *wanted = parameter == 's' ? "string" : parameter == 'i' ? "int" : "[]string";
	bool fits = parameter == 'a' || (parameter == 's' && json_is_string(value)) ||
		    (parameter == 'i' && json_is_integer(value)) || (parameter == 'l' && is_string_list(value));

	if (fits)
		return berth_template__charge(frame, parameter == 'l' ? json_array_size(value) : 0, error);
	if (node && node->type == BERTH_NODE_NIL)
		return berth_template__fail(frame, error, "cannot assign nil to %s", wanted);
	if (node && node->type == BERTH_NODE_CONSTANT && parameter == 'l')
		return berth_template__fail(frame, error, "can't handle %.*s for arg of type %s",
					    (int) (node->end - node->start),
					    frame->execution->template->text + node->start, wanted);
	if (node && node->type == BERTH_NODE_CONSTANT)
		return berth_template__fail(frame, error, "expected %s; found %.*s",
					    parameter == 'i' ? "integer" : wanted, (int) (node->end - node->start),
					    frame->execution->template->text + node->start);
	if (json_is_null(value))
		return berth_template__fail(frame, error, "invalid value; expected %s", wanted);
	return berth_template__fail(frame, error, "wrong type for value; expected %s; got %s", wanted,
				    berth_template__type_name(value));
}

static bool check_count(const struct frame *frame, const struct template_function *function, size_t count,
			GError **error)
{
	size_t fixed = strlen(function->parameters);
	bool any_more = function->parameters[fixed - 1] == '*';

	fixed -= any_more ? 2 : 0;
	if (any_more && count < fixed)
		return berth_template__fail(frame, error, "wrong number of args for %s: want at least %zu got %zu",
					    function->name, fixed, count);
	if (!any_more && count != fixed)
		return berth_template__fail(frame, error, "wrong number of args for %s: want %zu got %zu",
					    function->name, fixed, count);
	return true;
}

static void unref_json(void *json)
{
	json_decref(json);
}

// Evaluates the arguments; `and` and `or` need no more than the one that decides.
static bool eval_arguments(struct frame *frame, json_t *dot, const struct template_function *function,
			   const struct operands *operands, GPtrArray *values, GError **error)
{
	bool is_and = strcmp(function->name, "and") == 0, is_or = strcmp(function->name, "or") == 0;
	const char *parameter = function->parameters;

	for (unsigned int i = 1; operands->nodes && i < operands->nodes->len; i++) {
		json_t *value = NULL;
		if (!eval_operand(frame, dot, operands->nodes->pdata[i], &value, error))
			return false;
		g_ptr_array_add(values, value ? value : json_null());
		if (!check_argument(frame, operands->nodes->pdata[i], *parameter, value ? value : json_null(), error))
			return false;
		parameter += parameter[1] != '*';
		if ((is_and || is_or) && berth_template__truth(value) == is_or)
			return true;
	}
	if (!operands->has_final)
		return true;
	json_t *final = operands->final ? json_incref(operands->final) : json_null();
	g_ptr_array_add(values, final);
	return check_argument(frame, NULL, *parameter, final, error);
}

static bool eval_function(struct frame *frame, json_t *dot, const struct template_node *node,
			  const struct template_node *command, const struct operands *operands, json_t **ret_value,
			  GError **error)
{
	const struct template_function *function = node->function;
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(unref_json);
	size_t count = (operands->nodes ? operands->nodes->len - 1 : 0) + operands->has_final;
	const struct berth_template_options *options = frame->execution->options;
	GError *cause = NULL;

	frame->at = node;
	if (!check_count(frame, function, count, error) ||
	    !eval_arguments(frame, dot, function, operands, values, error))
		return false;
	struct template_call call = {.arguments = (json_t **) values->pdata,
				     .count = values->len,
				     .limit = MIN(BERTH_LIMIT_TEMPLATE_OUTPUT, work_left(frame)),
				     .header = options && options->header};
	BERTH_AUTO_JSON json_t *value = NULL;
	if (!function->call(&call, &value, &cause)) {
		frame->at = command;
		return fail_call(frame, function->name, cause, error);
	}
	if (!berth_template__charge(frame, call.made, error))
		return false;
	*ret_value = g_steal_pointer(&value);
	return true;
}

// Pipelines

// What the first operand of a command gives, with the others as its arguments.
static bool eval_first(struct frame *frame, json_t *dot, const struct template_node *first,
		       const struct template_node *command, const struct operands *operands, json_t **ret_value,
		       GError **error)
{
	switch (first->type) {
	case BERTH_NODE_FIELD:
		frame->at = first;
		return eval_fields(frame, dot, dot, first, operands, ret_value, error);
	case BERTH_NODE_VARIABLE:
		return eval_variable(frame, dot, first, operands, ret_value, error);
	case BERTH_NODE_CHAIN:
		frame->at = first;
		return eval_chain(frame, dot, first, operands, ret_value, error);
	case BERTH_NODE_FUNCTION:
		return eval_function(frame, dot, first, command, operands, ret_value, error);
	default:
		break;
	}
	frame->at = first;
	if (!no_operands(frame, first, operands, error))
		return false;
	switch (first->type) {
	case BERTH_NODE_PIPE:
		return berth_template__eval_pipeline(frame, dot, first, ret_value, error);
	case BERTH_NODE_DOT:
		*ret_value = json_incref(dot);
		return true;
	case BERTH_NODE_CONSTANT:
		*ret_value = json_incref(first->constant);
		return true;
	default:
		return berth_template__fail(frame, error, "nil is not a command");
	}
}

// An operand that stands as an argument.
static bool eval_operand(struct frame *frame, json_t *dot, const struct template_node *node, json_t **ret_value,
			 GError **error)
{
	const struct operands none = {0};

	frame->at = node;
	if (!berth_template__charge(frame, BERTH_TEMPLATE_NODE_WORK, error))
		return false;
	if (node->type != BERTH_NODE_NIL)
		return eval_first(frame, dot, node, node, &none, ret_value, error);
	*ret_value = json_null();
	return true;
}

static bool eval_commands(struct frame *frame, json_t *dot, const struct template_node *pipe, json_t **ret_value,
			  GError **error)
{
	BERTH_AUTO_JSON json_t *value = NULL;

	for (unsigned int i = 0; i < pipe->children->len; i++) {
		const struct template_node *command = pipe->children->pdata[i];
		const struct operands operands = {.nodes = command->children, .final = value, .has_final = i > 0};
		json_t *result = NULL;

		frame->at = command;
		if (!berth_template__charge(frame, BERTH_TEMPLATE_NODE_WORK, error) ||
		    !eval_first(frame, dot, command->children->pdata[0], command, &operands, &result, error))
			return false;
		json_decref(value);
		value = json_is_null(result) ? NULL : result;
	}
	*ret_value = g_steal_pointer(&value);
	return true;
}

bool berth_template__eval_pipeline(struct frame *frame, json_t *dot, const struct template_node *pipe,
				   json_t **ret_value, GError **error)
{
	if (!pipe)
		return true;
	frame->at = pipe;
	if (!berth_template__enter(frame, error))
		return false;
	bool good = eval_commands(frame, dot, pipe, ret_value, error);
	berth_template__leave(frame);
	for (unsigned int i = 0; good && i < pipe->n_declared; i++)
		berth_template__set_slot(frame, pipe->declared[i], *ret_value);
	return good;
}
