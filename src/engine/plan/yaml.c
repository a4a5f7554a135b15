// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/yaml.h"

#include "base/error.h"
#include "base/limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define LIBRARY "libyaml-0.so.2"
#define BERTH_YAML_FUNCTIONS(call)                                                                                     \
	call(parser_initialize) call(parser_delete) call(parser_set_input_string) call(parser_parse) call(event_delete)

static struct {
	bool tried;
	void *library;
#define DECLARE(name) __typeof__(yaml_##name) *name;
	BERTH_YAML_FUNCTIONS(DECLARE)
#undef DECLARE
} yaml; // set once, under the lock
static pthread_mutex_t yaml_lock = PTHREAD_MUTEX_INITIALIZER;

static bool load_once(void)
{
	bool whole = true;

	yaml.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!yaml.library)
		return false;
#define FIND(name)                                                                                                     \
	*(void **) &yaml.name = dlsym(yaml.library, "yaml_" #name);                                                    \
	whole = whole && yaml.name;
	BERTH_YAML_FUNCTIONS(FIND)
#undef FIND
	return whole;
}

static bool load(const char *what, GError **error)
{
	static bool there;

	pthread_mutex_lock(&yaml_lock);
	if (!yaml.tried)
		there = load_once();
	yaml.tried = true;
	bool loaded = there;
	pthread_mutex_unlock(&yaml_lock);
	return loaded ||
	       berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "%s: YAML cannot be read without %s (package libyaml-0-2); JSON can", what, LIBRARY);
}

static json_t *parse_scalar(const yaml_event_t *event)
{
	const char *text = (const char *) event->data.scalar.value;
	size_t length = event->data.scalar.length;
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE",
											NULL};
	char *end;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || strlen(text) != length)
		return json_stringn(text, length); // NULL if it is no UTF-8
	if (g_strv_contains(nulls, text))
		return json_null();
	if (g_strv_contains(yes, text))
		return json_true();
	if (g_strv_contains(no, text))
		return json_false();
	// 0o755 is the core schema's, 0755 what everybody writes.
	bool octal = g_str_has_prefix(text, "0o"), negative = *text == '-';
	int base = octal || (*text == '0' && length > 1 && strspn(text, "01234567") == length) ? 8
		   : g_str_has_prefix(text, "0x")                                              ? 16
											       : 10;
	errno = 0;
	long long number = strtoll(octal ? text + 2 : text, &end, base);
	if (*end == '\0' && errno == 0 && (g_ascii_isdigit(text[negative])))
		return json_integer(number);
	return json_stringn(text, length);
}

struct state {
	yaml_parser_t parser;
	const char *what;
	unsigned nodes;
	GError **error;
};

static json_t *fail(struct state *state, const yaml_mark_t *mark, const char *why)
{
	berth_error_set(state->error, BERTH_ERROR_INVALID, "%s:%zu:%zu: %s", state->what, mark->line + 1,
			mark->column + 1, why);
	return NULL;
}

static bool next(struct state *state, yaml_event_t *event)
{
	if (yaml.parser_parse(&state->parser, event))
		return true;
	fail(state, &state->parser.problem_mark, state->parser.problem ? state->parser.problem : "is no YAML");
	return false;
}

static json_t *parse_node(struct state *state, yaml_event_t *event, unsigned depth);

static json_t *parse_sequence(struct state *state, unsigned depth)
{
	json_t *list = json_array();
	yaml_event_t event;

	while (next(state, &event)) {
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml.event_delete(&event);
			return list;
		}
		json_t *element = parse_node(state, &event, depth + 1);
		if (!element)
			break;
		json_array_append_new(list, element);
	}
	json_decref(list);
	return NULL;
}

static json_t *parse_mapping(struct state *state, unsigned depth)
{
	json_t *object = json_object();
	yaml_event_t event;

	while (next(state, &event)) {
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml.event_delete(&event);
			return object;
		}
		yaml_mark_t mark = event.start_mark;
		const char *text = event.type == YAML_SCALAR_EVENT ? (const char *) event.data.scalar.value : NULL;
		g_autofree char *key =
			text && strlen(text) == event.data.scalar.length && g_utf8_validate(text, -1, NULL)
				? g_strdup(text)
				: NULL;
		yaml.event_delete(&event);
		if (!key || json_object_get(object, key)) {
			fail(state, &mark, key ? "the key is there twice" : "a key is no text");
			break;
		}
		json_t *value = next(state, &event) ? parse_node(state, &event, depth + 1) : NULL;
		if (!value)
			break;
		json_object_set_new(object, key, value);
	}
	json_decref(object);
	return NULL;
}

// The event is taken.
static json_t *parse_node(struct state *state, yaml_event_t *event, unsigned depth)
{
	yaml_mark_t mark = event->start_mark;
	yaml_event_type_t type = event->type;
	bool named = (type == YAML_SCALAR_EVENT && (event->data.scalar.anchor || event->data.scalar.tag)) ||
		     (type == YAML_SEQUENCE_START_EVENT &&
		      (event->data.sequence_start.anchor || event->data.sequence_start.tag)) ||
		     (type == YAML_MAPPING_START_EVENT &&
		      (event->data.mapping_start.anchor || event->data.mapping_start.tag));
	json_t *scalar = type == YAML_SCALAR_EVENT && !named ? parse_scalar(event) : NULL;

	yaml.event_delete(event);
	if (named || type == YAML_ALIAS_EVENT) {
		json_decref(scalar);
		return fail(state, &mark, "anchors, aliases and tags are not read");
	}
	if (depth > BERTH_LIMIT_DOCUMENT_DEPTH || ++state->nodes > BERTH_LIMIT_YAML_NODES) {
		json_decref(scalar);
		return fail(state, &mark, "it is too deep, or too much");
	}
	switch (type) {
	case YAML_SCALAR_EVENT:
		return scalar ? scalar : fail(state, &mark, "is no UTF-8");
	case YAML_SEQUENCE_START_EVENT:
		return parse_sequence(state, depth);
	case YAML_MAPPING_START_EVENT:
		return parse_mapping(state, depth);
	default:
		return fail(state, &mark, "something is missing here");
	}
}

// Expects an event of this type, and takes it.
static bool expect(struct state *state, yaml_event_type_t type)
{
	yaml_event_t event;

	if (!next(state, &event))
		return false;
	bool right = event.type == type;
	yaml_mark_t mark = event.start_mark;
	yaml.event_delete(&event);
	return right || fail(state, &mark, "it has to be one document");
}

static json_t *parse_document(struct state *state)
{
	yaml_event_t event;

	if (!expect(state, YAML_STREAM_START_EVENT) || !expect(state, YAML_DOCUMENT_START_EVENT) ||
	    !next(state, &event))
		return NULL;
	json_t *json = parse_node(state, &event, 0);
	if (json && expect(state, YAML_DOCUMENT_END_EVENT) && expect(state, YAML_STREAM_END_EVENT))
		return json;
	json_decref(json);
	return NULL;
}

json_t *berth_yaml_parse(const char *text, size_t length, const char *what, GError **error)
{
	struct state state = {.what = what, .error = error};

	if (!load(what, error))
		return NULL;
	if (!yaml.parser_initialize(&state.parser)) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: libyaml does not start", what);
		return NULL;
	}
	yaml.parser_set_input_string(&state.parser, (const unsigned char *) text, length);
	json_t *json = parse_document(&state);
	yaml.parser_delete(&state.parser);
	return json;
}
