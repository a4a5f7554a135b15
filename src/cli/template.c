// SPDX-License-Identifier: Apache-2.0
// Executes templates: walks a tree and appends to the output. Depth, output and work are limited, so that each
// execution ends whatever the template and the data are.
#include "base/error.h"
#include "base/json.h"
#include "cli/template-internal.h"

#include <string.h>

#define NODE_WORK 64 // units that one node costs

// What one execution shares among the bodies that it calls.
struct execution {
	const struct berth_template *template;
	const struct berth_template_options *options;
	const json_t *data;
	struct template_writer out;
	size_t work;
	unsigned int depth;
};

// The execution of one body.
struct frame {
	struct execution *execution;
	const struct template_body *body;
	json_t **slots;
	bool *set; // whether a slot's variable was declared yet
	const struct template_node *at; // what errors are about
};

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_ERROR };

// The operands of a command after its first, and what the pipeline hands on.
struct operands {
	GPtrArray *nodes; // of the command; NULL: none
	json_t *final;
	bool has_final;
};

static enum flow walk(struct frame *frame, json_t *dot, const struct template_node *node, GError **error);
static bool eval_pipeline(struct frame *frame, json_t *dot, const struct template_node *pipe, json_t **ret_value,
			  GError **error);
static bool eval_operand(struct frame *frame, json_t *dot, const struct template_node *node, json_t **ret_value,
			 GError **error);

// Go's words: "template: :1:2: executing "" at <.X>: …".
static bool G_GNUC_PRINTF(3, 4) fail(const struct frame *frame, GError **error, const char *format, ...)
{
	const char *text = frame->execution->template->text;
	const struct template_node *at = frame->at;
	unsigned int line = 1;
	size_t column = 0;
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	for (size_t i = 0; i < at->position; i++) {
		column = text[i] == '\n' ? 0 : column + 1;
		line += text[i] == '\n';
	}
	g_autofree char *name = berth_template__quote(frame->body->name, strlen(frame->body->name));
	bool braces = at->type == BERTH_NODE_TEMPLATE;
	return berth_error_set(error, BERTH_ERROR_INVALID, "template: :%u:%zu: executing %s at <%s%.*s%s>: %s", line,
			       column, name, braces ? "{{" : "", (int) (at->end - at->start), text + at->start,
			       braces ? "}}" : "", message);
}

// Puts the place before an error that a function or method set.
static bool fail_call(const struct frame *frame, const char *name, GError *cause, GError **error)
{
	g_autoptr(GError) owned = cause;

	return fail(frame, error, "error calling %s: %s", name, owned->message);
}

static bool charge(const struct frame *frame, size_t units, GError **error)
{
	struct execution *execution = frame->execution;

	execution->work += MIN(units, BERTH_LIMIT_TEMPLATE_WORK);
	if (execution->work > BERTH_LIMIT_TEMPLATE_WORK)
		return fail(frame, error, "more work than one execution may do");
	return true;
}

static size_t work_left(const struct frame *frame)
{
	return BERTH_LIMIT_TEMPLATE_WORK - frame->execution->work;
}

static bool enter(const struct frame *frame, GError **error)
{
	if (frame->execution->depth >= BERTH_LIMIT_TEMPLATE_DEPTH)
		return fail(frame, error, "exceeded maximum template depth (%d)", BERTH_LIMIT_TEMPLATE_DEPTH);
	frame->execution->depth++;
	return true;
}

static void leave(const struct frame *frame)
{
	frame->execution->depth--;
}

static void set_slot(struct frame *frame, size_t slot, json_t *value)
{
	json_decref(frame->slots[slot]);
	frame->slots[slot] = json_incref(value);
	frame->set[slot] = true;
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
	return fail(frame, error, "can't give argument to non-function %.*s", (int) (first->end - first->start),
		    frame->execution->template->text + first->start);
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
		return fail(frame, error, "wrong type for value; expected string; got %s",
			    berth_template__type_name(value));
	g_ptr_array_add(strings, g_strdup(json_string_value(value)));
	return charge(frame, json_string_length(value), error);
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

	return fail(frame, error, "%s for key %s", what, quoted);
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
		return fail(frame, error, "nil pointer evaluating interface {}.%s", name);
	if (!json_is_object(receiver))
		return fail(frame, error, "can't evaluate field %s in type %s", name,
			    nested ? "interface {}" : berth_template__type_name(receiver));
	if (has_operands(operands))
		return fail(frame, error, "%s is not a method but has arguments", name);
	*ret_value = json_incref(json_object_get(receiver, name));
	if (!*ret_value && missing_is_error)
		return fail_key(frame, error, "map has no entry", name);
	return true;
}

static bool eval_fields(struct frame *frame, json_t *dot, json_t *receiver, const struct template_node *node,
			const struct operands *operands, json_t **ret_value, GError **error)
{
	BERTH_AUTO_JSON json_t *value = json_incref(receiver);

	if (!charge(frame, node->names->len * NODE_WORK + node->end - node->start, error))
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
		return fail(frame, error, "undefined variable");
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
		return charge(frame, parameter == 'l' ? json_array_size(value) : 0, error);
	if (node && node->type == BERTH_NODE_NIL)
		return fail(frame, error, "cannot assign nil to %s", wanted);
	if (node && node->type == BERTH_NODE_CONSTANT && parameter == 'l')
		return fail(frame, error, "can't handle %.*s for arg of type %s", (int) (node->end - node->start),
			    frame->execution->template->text + node->start, wanted);
	if (node && node->type == BERTH_NODE_CONSTANT)
		return fail(frame, error, "expected %s; found %.*s", parameter == 'i' ? "integer" : wanted,
			    (int) (node->end - node->start), frame->execution->template->text + node->start);
	if (json_is_null(value))
		return fail(frame, error, "invalid value; expected %s", wanted);
	return fail(frame, error, "wrong type for value; expected %s; got %s", wanted,
		    berth_template__type_name(value));
}

static bool check_count(const struct frame *frame, const struct template_function *function, size_t count,
			GError **error)
{
	size_t fixed = strlen(function->parameters);
	bool any_more = function->parameters[fixed - 1] == '*';

	fixed -= any_more ? 2 : 0;
	if (any_more && count < fixed)
		return fail(frame, error, "wrong number of args for %s: want at least %zu got %zu", function->name,
			    fixed, count);
	if (!any_more && count != fixed)
		return fail(frame, error, "wrong number of args for %s: want %zu got %zu", function->name, fixed,
			    count);
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
	if (!charge(frame, call.made, error))
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
		return eval_pipeline(frame, dot, first, ret_value, error);
	case BERTH_NODE_DOT:
		*ret_value = json_incref(dot);
		return true;
	case BERTH_NODE_CONSTANT:
		*ret_value = json_incref(first->constant);
		return true;
	default:
		return fail(frame, error, "nil is not a command");
	}
}

// An operand that stands as an argument.
static bool eval_operand(struct frame *frame, json_t *dot, const struct template_node *node, json_t **ret_value,
			 GError **error)
{
	const struct operands none = {0};

	frame->at = node;
	if (!charge(frame, NODE_WORK, error))
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
		if (!charge(frame, NODE_WORK, error) ||
		    !eval_first(frame, dot, command->children->pdata[0], command, &operands, &result, error))
			return false;
		json_decref(value);
		value = json_is_null(result) ? NULL : result;
	}
	*ret_value = g_steal_pointer(&value);
	return true;
}

// The value of the last command, which is given to the variables too. A null is an invalid value from here on.
static bool eval_pipeline(struct frame *frame, json_t *dot, const struct template_node *pipe, json_t **ret_value,
			  GError **error)
{
	if (!pipe)
		return true;
	frame->at = pipe;
	if (!enter(frame, error))
		return false;
	bool good = eval_commands(frame, dot, pipe, ret_value, error);
	leave(frame);
	for (unsigned int i = 0; good && i < pipe->n_declared; i++)
		set_slot(frame, pipe->declared[i], *ret_value);
	return good;
}

// Actions

static bool write_value(struct frame *frame, const json_t *value, GError **error)
{
	struct template_writer *out = &frame->execution->out;
	size_t before = out->work;
	GError *cause = NULL;

	if (!value)
		berth_template__write(out, "<no value>", 10);
	else
		berth_template__print(out, value);
	if (!berth_template__written(out, &cause)) {
		g_autoptr(GError) owned = cause;
		return fail(frame, error, "%s", owned->message);
	}
	return charge(frame, out->work - before, error);
}

static enum flow walk_action(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *value = NULL;

	if (!eval_pipeline(frame, dot, node->pipe, &value, error))
		return FLOW_ERROR;
	frame->at = node->pipe;
	if (node->pipe->n_declared == 0 && !write_value(frame, value, error))
		return FLOW_ERROR;
	return FLOW_ON;
}

static enum flow walk_branch(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *value = NULL;

	if (!eval_pipeline(frame, dot, node->pipe, &value, error))
		return FLOW_ERROR;
	if (berth_template__truth(value))
		return walk(frame, node->type == BERTH_NODE_WITH ? value : dot, node->body, error);
	return node->otherwise ? walk(frame, dot, node->otherwise, error) : FLOW_ON;
}

// With two variables the first is the index; a single one is the element.
static enum flow walk_once(struct frame *frame, const struct template_node *node, json_t *index, json_t *element,
			   GError **error)
{
	const struct template_node *pipe = node->pipe;

	if (pipe->n_declared == 1)
		set_slot(frame, pipe->declared[0], element);
	if (pipe->n_declared == 2) {
		set_slot(frame, pipe->declared[0], index);
		set_slot(frame, pipe->declared[1], element);
	}
	frame->at = node;
	if (!charge(frame, NODE_WORK, error))
		return FLOW_ERROR;
	enum flow flow = walk(frame, element, node->body, error);
	return flow == FLOW_CONTINUE ? FLOW_ON : flow;
}

static enum flow walk_list(struct frame *frame, const struct template_node *node, json_t *list, GError **error)
{
	enum flow flow = FLOW_ON;

	for (size_t i = 0; i < json_array_size(list) && flow == FLOW_ON; i++) {
		BERTH_AUTO_JSON json_t *index = json_integer((json_int_t) i);
		flow = walk_once(frame, node, index, json_array_get(list, i), error);
	}
	return flow;
}

static enum flow walk_map(struct frame *frame, const struct template_node *node, json_t *map, GError **error)
{
	g_autoptr(GPtrArray) keys = berth_template__sorted_keys(map);
	enum flow flow = charge(frame, keys->len * NODE_WORK, error) ? FLOW_ON : FLOW_ERROR;

	for (unsigned int i = 0; i < keys->len && flow == FLOW_ON; i++) {
		BERTH_AUTO_JSON json_t *key = json_string_nocheck(keys->pdata[i]);
		flow = walk_once(frame, node, key, json_object_get(map, keys->pdata[i]), error);
	}
	return flow;
}

static enum flow walk_integers(struct frame *frame, const struct template_node *node, json_int_t end, GError **error)
{
	enum flow flow = FLOW_ON;

	for (json_int_t i = 0; i < end && flow == FLOW_ON; i++) {
		BERTH_AUTO_JSON json_t *value = json_integer(i);
		flow = walk_once(frame, node, value, value, error);
	}
	return flow;
}

static bool check_iterable(const struct frame *frame, const struct template_node *pipe, const json_t *over,
			   GError **error)
{
	if (json_is_integer(over) && pipe->n_declared > 1)
		return fail(frame, error, "can't use %" JSON_INTEGER_FORMAT " to iterate over more than one variable",
			    json_integer_value(over));
	if (!over || json_is_array(over) || json_is_object(over) || json_is_integer(over))
		return true;
	struct template_writer text = {.text = g_string_new(NULL), .limit = BERTH_LIMIT_TEMPLATE};
	berth_template__print(&text, over);
	fail(frame, error, "range can't iterate over %s", text.text->str);
	g_string_free(text.text, TRUE);
	return false;
}

static enum flow walk_range(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *over = NULL;
	enum flow flow;

	if (!eval_pipeline(frame, dot, node->pipe, &over, error))
		return FLOW_ERROR;
	if (!check_iterable(frame, node->pipe, over, error))
		return FLOW_ERROR;
	if (!over || (json_is_integer(over) ? json_integer_value(over) <= 0 : !berth_template__truth(over)))
		return node->otherwise ? walk(frame, dot, node->otherwise, error) : FLOW_ON;
	if (json_is_array(over))
		flow = walk_list(frame, node, over, error);
	else if (json_is_object(over))
		flow = walk_map(frame, node, over, error);
	else
		flow = walk_integers(frame, node, json_integer_value(over), error);
	return flow == FLOW_BREAK ? FLOW_ON : flow;
}

static enum flow execute_body(struct execution *execution, const struct template_body *body, json_t *dot,
			      GError **error)
{
	struct frame frame = {.execution = execution,
			      .body = body,
			      .slots = g_new0(json_t *, body->n_slots),
			      .set = g_new0(bool, body->n_slots),
			      .at = body->list};

	set_slot(&frame, 0, dot);
	enum flow flow = charge(&frame, body->n_slots * sizeof(json_t *), error) ? FLOW_ON : FLOW_ERROR;
	if (flow == FLOW_ON)
		flow = walk(&frame, dot, body->list, error);
	for (size_t i = 0; i < body->n_slots; i++)
		json_decref(frame.slots[i]);
	g_free(frame.slots);
	g_free(frame.set);
	return flow;
}

static enum flow walk_template(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	struct execution *execution = frame->execution;
	const struct template_body *body = g_hash_table_lookup(execution->template->bodies, node->name);
	BERTH_AUTO_JSON json_t *argument = NULL;

	frame->at = node;
	if (!charge(frame, strlen(node->name), error))
		return FLOW_ERROR;
	if (!body) {
		g_autofree char *quoted = berth_template__quote(node->name, strlen(node->name));
		fail(frame, error, "template %s not defined", quoted);
		return FLOW_ERROR;
	}
	if (!eval_pipeline(frame, dot, node->pipe, &argument, error))
		return FLOW_ERROR;
	return execute_body(execution, body, argument, error);
}

static enum flow walk_children(struct frame *frame, json_t *dot, const struct template_node *list, GError **error)
{
	enum flow flow = FLOW_ON;

	frame->at = list;
	if (!enter(frame, error))
		return FLOW_ERROR;
	for (unsigned int i = 0; list->children && i < list->children->len && flow == FLOW_ON; i++)
		flow = walk(frame, dot, list->children->pdata[i], error);
	leave(frame);
	return flow;
}

static enum flow walk_text(struct frame *frame, const struct template_node *node, GError **error)
{
	struct template_writer *out = &frame->execution->out;

	frame->at = node;
	berth_template__write(out, frame->execution->template->text + node->start, node->end - node->start);
	if (!out->full)
		return charge(frame, node->end - node->start, error) ? FLOW_ON : FLOW_ERROR;
	fail(frame, error, "more output than one execution may make");
	return FLOW_ERROR;
}

static enum flow walk(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	frame->at = node;
	if (!charge(frame, NODE_WORK, error))
		return FLOW_ERROR;
	switch (node->type) {
	case BERTH_NODE_LIST:
		return walk_children(frame, dot, node, error);
	case BERTH_NODE_TEXT:
		return walk_text(frame, node, error);
	case BERTH_NODE_ACTION:
		return walk_action(frame, dot, node, error);
	case BERTH_NODE_IF:
	case BERTH_NODE_WITH:
		return walk_branch(frame, dot, node, error);
	case BERTH_NODE_RANGE:
		return walk_range(frame, dot, node, error);
	case BERTH_NODE_TEMPLATE:
		return walk_template(frame, dot, node, error);
	case BERTH_NODE_BREAK:
		return FLOW_BREAK;
	case BERTH_NODE_CONTINUE:
		return FLOW_CONTINUE;
	default:
		g_return_val_if_reached(FLOW_ERROR);
	}
}

bool berth_template_execute(const struct berth_template *template, const json_t *data,
			    const struct berth_template_options *options, GString *out, GError **error)
{
	struct execution execution = {.template = template,
				      .options = options,
				      .data = data,
				      .out = {.text = out, .limit = BERTH_LIMIT_TEMPLATE_OUTPUT}};
	const struct template_body *body = g_hash_table_lookup(template->bodies, "");

	// Values are counted references to what the caller owns; nothing is changed in them.
	return execute_body(&execution, body, (json_t *) data, error) != FLOW_ERROR;
}
