// SPDX-License-Identifier: Apache-2.0
// What a log says of its container: tag and attributes.
#include "engine/log/log-plan.h"

#include "base/error.h"

#include <string.h>

#define SHORT_ID 12

static char *short_of(const char *id)
{
	const char *hex = g_str_has_prefix(id, "sha256:") ? id + strlen("sha256:") : id;
	return g_strndup(hex, SHORT_ID);
}

// The value of a template's field; NULL if there is no such field.
static char *field(const struct berth_container_record *record, const char *name)
{
	const char *id = record->id ? record->id : "", *image = record->image ? record->image : "";

	if (g_str_equal(name, ".ID"))
		return short_of(id);
	if (g_str_equal(name, ".FullID"))
		return g_strdup(id);
	if (g_str_equal(name, ".Name"))
		return g_strdup(record->name ? record->name : "");
	if (g_str_equal(name, ".ImageID"))
		return short_of(image);
	if (g_str_equal(name, ".ImageFullID"))
		return g_strdup(image);
	if (g_str_equal(name, ".ImageName"))
		return g_strdup(record->config && record->config->image ? record->config->image : "");
	if (g_str_equal(name, ".DaemonName"))
		return g_strdup("berth");
	return NULL;
}

char *berth_log_tag(const char *pattern, const struct berth_container_record *record, GError **error)
{
	g_autoptr(GString) tag = g_string_new(NULL);

	for (const char *at = pattern; *at;) {
		const char *begin = strstr(at, "{{"), *end = begin ? strstr(begin, "}}") : NULL;
		if (!begin) {
			g_string_append(tag, at);
			break;
		}
		if (!end) {
			berth_error_set(error, BERTH_ERROR_INVALID, "log tag \"%s\": unclosed action", pattern);
			return NULL;
		}
		g_string_append_len(tag, at, begin - at);
		g_autofree char *inner = g_strndup(begin + 2, (gsize) (end - begin - 2));
		g_strstrip(inner);
		g_autofree char *value = field(record, inner);
		if (!value) {
			berth_error_set(
				error, BERTH_ERROR_INVALID,
				"log tag \"%s\": {{%s}} is none of .ID, .FullID, .Name, .ImageID, .ImageFullID, "
				".ImageName and .DaemonName",
				pattern, inner);
			return NULL;
		}
		g_string_append(tag, value);
		at = end + 2;
	}
	return g_string_free(g_steal_pointer(&tag), FALSE);
}

static bool matches(const char *names, GRegex *regex, const char *name)
{
	g_auto(GStrv) list = g_strsplit(names ? names : "", ",", -1);

	return g_strv_contains((const char *const *) list, name) || (regex && g_regex_match(regex, name, 0, NULL));
}

static void add_labels(const struct berth_log_plan *plan, GHashTable *labels, GHashTable *attributes)
{
	GRegex *regex = plan->labels_regex ? g_regex_new(plan->labels_regex, 0, 0, NULL) : NULL;
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, labels);
	while (g_hash_table_iter_next(&iter, &name, &value))
		if (matches(plan->labels, regex, name))
			g_hash_table_insert(attributes, g_strdup(name), g_strdup(value ? value : ""));
	g_clear_pointer(&regex, g_regex_unref);
}

static void add_variables(const struct berth_log_plan *plan, char *const *variables, GHashTable *attributes)
{
	GRegex *regex = plan->env_regex ? g_regex_new(plan->env_regex, 0, 0, NULL) : NULL;

	for (; *variables; variables++) {
		const char *equals = strchr(*variables, '=');
		if (!equals)
			continue;
		g_autofree char *name = g_strndup(*variables, (gsize) (equals - *variables));
		if (matches(plan->env, regex, name))
			g_hash_table_insert(attributes, g_steal_pointer(&name), g_strdup(equals + 1));
	}
	g_clear_pointer(&regex, g_regex_unref);
}

GHashTable *berth_log_attributes(const struct berth_log_plan *plan, const struct berth_container_record *record)
{
	GHashTable *attributes = berth_map_new();

	if ((plan->labels || plan->labels_regex) && record->config->labels)
		add_labels(plan, record->config->labels, attributes);
	if ((plan->env || plan->env_regex) && record->config->env)
		add_variables(plan, record->config->env, attributes);
	return attributes;
}
