// SPDX-License-Identifier: Apache-2.0
// Variables: what ARG and ENV set, what a request gives, what is predefined.
#include "build/plan/internal.h"

#include "base/error.h"
#include "base/moment.h"
#include "image/platform.h"

#include <string.h>

#define EPOCH "SOURCE_DATE_EPOCH"

GPtrArray *berth_plan__variables_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

static bool is_of(const char *pair, const char *key)
{
	size_t length = strlen(key);

	return strncmp(pair, key, length) == 0 && pair[length] == '=';
}

void berth_plan__variable_set(GPtrArray *list, const char *key, const char *value)
{
	char *pair = g_strconcat(key, "=", value, NULL);

	for (guint i = 0; i < list->len; i++)
		if (is_of(list->pdata[i], key)) {
			g_free(list->pdata[i]);
			list->pdata[i] = pair;
			return;
		}
	g_ptr_array_add(list, pair);
}

const char *berth_plan__variable(const GPtrArray *list, const char *key)
{
	for (guint i = 0; i < list->len; i++)
		if (is_of(list->pdata[i], key))
			return (const char *) list->pdata[i] + strlen(key) + 1;
	return NULL;
}

const char *berth_plan__lookup(void *data, const char *name)
{
	return berth_plan__variable(data, name);
}

// The value that the request gives an argument; false: none. *ret may be NULL then: it is named without one.
static bool find_given(const struct berth_plan *plan, const char *key, const char **ret)
{
	GHashTable *arguments = plan->request->arguments;
	void *value = NULL;

	*ret = NULL;
	if (!arguments || !g_hash_table_lookup_extended(arguments, key, NULL, &value))
		return false;
	*ret = value;
	return value != NULL;
}

static void set_platform(GPtrArray *list, const char *prefix, const struct oci_platform *platform)
{
	g_autofree char *whole = berth_platform_string(platform);
	const char *const values[][2] = {{"PLATFORM", whole},
					 {"OS", platform->os},
					 {"ARCH", platform->architecture},
					 {"VARIANT", platform->variant ? platform->variant : ""}};

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autofree char *key = g_strconcat(prefix, values[i][0], NULL);
		berth_plan__variable_set(list, key, values[i][1]);
	}
}

static bool set_platforms(struct berth_plan *plan, GError **error)
{
	g_autoptr(oci_platform) here = berth_platform_parse(NULL, error);
	g_autoptr(oci_platform) target = here ? berth_platform_parse(plan->platform, error) : NULL;

	if (!target)
		return false;
	set_platform(plan->globals, "BUILD", here);
	set_platform(plan->globals, "TARGET", target);
	berth_plan__variable_set(plan->globals, "TARGETSTAGE",
				 plan->request->target ? plan->request->target : "default");
	return true;
}

static void override(struct berth_plan *plan)
{
	for (guint i = 0; i < plan->globals->len; i++) {
		const char *pair = plan->globals->pdata[i], *value;
		g_autofree char *key = g_strndup(pair, (gsize) (strchr(pair, '=') - pair));
		if (find_given(plan, key, &value))
			berth_plan__variable_set(plan->globals, key, value);
	}
}

bool berth_plan__globals(struct berth_plan *plan, GError **error)
{
	const struct berth_dockerfile *file = plan->file;

	plan->globals = berth_plan__variables_new();
	if (!set_platforms(plan, error))
		return false;
	override(plan);
	for (unsigned i = 0; i < file->arguments_count; i++) {
		const struct berth_dockerfile_instruction *argument = &file->arguments[i];
		for (unsigned k = 0; k < argument->pairs.count; k++) {
			const struct berth_dockerfile_pair *pair = &argument->pairs.items[k];
			struct berth_dockerfile_scope scope = {berth_plan__lookup, plan->globals, file->escape, NULL,
							       &plan->made};
			const char *given;
			if (find_given(plan, pair->key, &given)) {
				berth_plan__variable_set(plan->globals, pair->key, given);
				continue;
			}
			if (!pair->value)
				continue;
			g_autofree char *value = berth_dockerfile_expand(&scope, pair->value, error);
			if (!value) {
				g_prefix_error(error, "line %u: ARG %s: ", argument->first_line, pair->key);
				return false;
			}
			berth_plan__variable_set(plan->globals, pair->key, value);
		}
	}
	return true;
}

static bool declare(struct berth_plan *plan, struct berth_plan_stage *stage, const struct berth_dockerfile_pair *pair,
		    GString *text, GError **error)
{
	struct berth_dockerfile_scope scope = {berth_plan__lookup, stage->environment, plan->file->escape, NULL,
					       &plan->made};
	g_autofree char *value = NULL;
	const char *given;

	if (find_given(plan, pair->key, &given))
		value = g_strdup(given);
	else if (pair->value && !(value = berth_dockerfile_expand(&scope, pair->value, error)))
		return false;
	else if (!pair->value)
		value = g_strdup(berth_plan__variable(plan->globals, pair->key));
	if (value && !berth_plan__count(plan, strlen(value), error))
		return false;
	if (value)
		berth_plan__variable_set(stage->environment, pair->key, value);
	if (!g_ptr_array_find_with_equal_func(stage->declared, pair->key, g_str_equal, NULL))
		g_ptr_array_add(stage->declared, g_strdup(pair->key));
	g_string_append_printf(text, " %s", pair->key);
	if (value)
		g_string_append_printf(text, "=%s", value);
	return true;
}

bool berth_plan__argument(struct berth_plan *plan, struct berth_plan_stage *stage,
			  const struct berth_dockerfile_instruction *instruction, GError **error)
{
	g_autoptr(GString) text = g_string_new("ARG");

	for (unsigned i = 0; i < instruction->pairs.count; i++)
		if (!declare(plan, stage, &instruction->pairs.items[i], text, error))
			return false;
	berth_plan__history(stage, g_strdup(text->str), false);
	return true;
}

bool berth_plan_epoch(const struct berth_build_request *request, int64_t *ret, GError **error)
{
	const char *text = request->arguments ? g_hash_table_lookup(request->arguments, EPOCH) : NULL;
	char *end;

	*ret = -1;
	if (!text || !*text)
		return true;
	*ret = g_ascii_strtoll(text, &end, 10);
	if (*end == '\0' && *ret >= 0 && *ret <= G_MAXINT64 / G_GINT64_CONSTANT(1000000000))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid " EPOCH ": %s: seconds since 1970 are meant", text);
}
