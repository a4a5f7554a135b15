// SPDX-License-Identifier: Apache-2.0
// Executes templates: walks a tree and appends to the output. Depth, output and work are limited, so that each
// execution ends whatever the template and the data are.
#include "cli/template-execute.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_ERROR };

static enum flow walk(struct frame *frame, json_t *dot, const struct template_node *node, GError **error);

bool berth_template__fail(const struct frame *frame, GError **error, const char *format, ...)
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

bool berth_template__charge(const struct frame *frame, size_t units, GError **error)
{
	struct execution *execution = frame->execution;

	execution->work += MIN(units, BERTH_LIMIT_TEMPLATE_WORK);
	if (execution->work > BERTH_LIMIT_TEMPLATE_WORK)
		return berth_template__fail(frame, error, "more work than one execution may do");
	return true;
}

bool berth_template__enter(const struct frame *frame, GError **error)
{
	if (frame->execution->depth >= BERTH_LIMIT_TEMPLATE_DEPTH)
		return berth_template__fail(frame, error, "exceeded maximum template depth (%d)",
					    BERTH_LIMIT_TEMPLATE_DEPTH);
	frame->execution->depth++;
	return true;
}

void berth_template__leave(const struct frame *frame)
{
	frame->execution->depth--;
}

void berth_template__set_slot(struct frame *frame, size_t slot, json_t *value)
{
	json_decref(frame->slots[slot]);
	frame->slots[slot] = json_incref(value);
	frame->set[slot] = true;
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
		return berth_template__fail(frame, error, "%s", owned->message);
	}
	return berth_template__charge(frame, out->work - before, error);
}

static enum flow walk_action(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *value = NULL;

	if (!berth_template__eval_pipeline(frame, dot, node->pipe, &value, error))
		return FLOW_ERROR;
	frame->at = node->pipe;
	if (node->pipe->n_declared == 0 && !write_value(frame, value, error))
		return FLOW_ERROR;
	return FLOW_ON;
}

static enum flow walk_branch(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *value = NULL;

	if (!berth_template__eval_pipeline(frame, dot, node->pipe, &value, error))
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
		berth_template__set_slot(frame, pipe->declared[0], element);
	if (pipe->n_declared == 2) {
		berth_template__set_slot(frame, pipe->declared[0], index);
		berth_template__set_slot(frame, pipe->declared[1], element);
	}
	frame->at = node;
	if (!berth_template__charge(frame, BERTH_TEMPLATE_NODE_WORK, error))
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
	enum flow flow =
		berth_template__charge(frame, keys->len * BERTH_TEMPLATE_NODE_WORK, error) ? FLOW_ON : FLOW_ERROR;

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
		return berth_template__fail(frame, error,
					    "can't use %" JSON_INTEGER_FORMAT " to iterate over more than one variable",
					    json_integer_value(over));
	if (!over || json_is_array(over) || json_is_object(over) || json_is_integer(over))
		return true;
	struct template_writer text = {.text = g_string_new(NULL), .limit = BERTH_LIMIT_TEMPLATE};
	berth_template__print(&text, over);
	berth_template__fail(frame, error, "range can't iterate over %s", text.text->str);
	g_string_free(text.text, TRUE);
	return false;
}

static enum flow walk_range(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	BERTH_AUTO_JSON json_t *over = NULL;
	enum flow flow;

	if (!berth_template__eval_pipeline(frame, dot, node->pipe, &over, error))
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

	berth_template__set_slot(&frame, 0, dot);
	enum flow flow = berth_template__charge(&frame, body->n_slots * sizeof(json_t *), error) ? FLOW_ON : FLOW_ERROR;
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
	if (!berth_template__charge(frame, strlen(node->name), error))
		return FLOW_ERROR;
	if (!body) {
		g_autofree char *quoted = berth_template__quote(node->name, strlen(node->name));
		berth_template__fail(frame, error, "template %s not defined", quoted);
		return FLOW_ERROR;
	}
	if (!berth_template__eval_pipeline(frame, dot, node->pipe, &argument, error))
		return FLOW_ERROR;
	return execute_body(execution, body, argument, error);
}

static enum flow walk_children(struct frame *frame, json_t *dot, const struct template_node *list, GError **error)
{
	enum flow flow = FLOW_ON;

	frame->at = list;
	if (!berth_template__enter(frame, error))
		return FLOW_ERROR;
	for (unsigned int i = 0; list->children && i < list->children->len && flow == FLOW_ON; i++)
		flow = walk(frame, dot, list->children->pdata[i], error);
	berth_template__leave(frame);
	return flow;
}

static enum flow walk_text(struct frame *frame, const struct template_node *node, GError **error)
{
	struct template_writer *out = &frame->execution->out;

	frame->at = node;
	berth_template__write(out, frame->execution->template->text + node->start, node->end - node->start);
	if (!out->full)
		return berth_template__charge(frame, node->end - node->start, error) ? FLOW_ON : FLOW_ERROR;
	berth_template__fail(frame, error, "more output than one execution may make");
	return FLOW_ERROR;
}

static enum flow walk(struct frame *frame, json_t *dot, const struct template_node *node, GError **error)
{
	frame->at = node;
	if (!berth_template__charge(frame, BERTH_TEMPLATE_NODE_WORK, error))
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
