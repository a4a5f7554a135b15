// SPDX-License-Identifier: Apache-2.0
// The answers of `build --call=check` and `--call=targets`.
#include "build/dockerfile/call.h"
#include "build/dockerfile/call-internal.h"

#include <string.h>

json_t *berth_dockerfile__location(unsigned first_line, unsigned last_line)
{
	return json_pack("{s:[{s:{s:i},s:{s:i}}]}", "ranges", "start", "line", (int) first_line, "end", "line",
			 (int) last_line);
}

char *berth_dockerfile__indented(json_t *document)
{
	g_autofree char *raw = NULL;
	char *text = json_dumps(document, JSON_INDENT(2));

	// jansson's own memory: the caller frees with g_free().
	raw = g_strdup(text);
	free(text);
	json_decref(document);
	return g_steal_pointer(&raw);
}

json_t *berth_dockerfile__sources(const berth_dockerfile *file)
{
	g_autofree char *data = g_base64_encode((const guchar *) file->source, file->source_size);

	return json_pack("[s]", data);
}

char *berth_dockerfile_check_text(const berth_dockerfile *file, const char *name, const berth_dockerfile_lint *lint)
{
	GString *out = g_string_new(NULL);
	guint count = lint->warnings->len;

	if (count == 0) {
		g_string_append(out, "Check complete, no warnings found.\n");
		return g_string_free(out, FALSE);
	}
	g_string_append_printf(out, "Check complete, %u warning%s found!\n", count,
			       count == 1 ? " has been" : "s have been");
	for (guint i = 0; i < count; i++) {
		const struct berth_dockerfile_warning *warning = lint->warnings->pdata[i];
		const struct berth_dockerfile_rule_about *about = berth_dockerfile_rule_about(warning->rule);
		struct berth_dockerfile_place place = {.first_line = warning->first_line,
						       .last_line = warning->last_line};
		g_autofree char *excerpt = berth_dockerfile_excerpt(file->source, file->source_size, name, &place);

		g_string_append_printf(out, "\nWARNING: %s - %s\n%s\n%s", about->name, about->url, warning->detail,
				       excerpt);
	}
	return g_string_free(out, FALSE);
}

char *berth_dockerfile_check_json(const berth_dockerfile *file, const char *name, const berth_dockerfile_lint *lint)
{
	json_t *warnings = json_array();
	g_autofree char *data = g_base64_encode((const guchar *) file->source, file->source_size);

	for (guint i = 0; i < lint->warnings->len; i++) {
		const struct berth_dockerfile_warning *warning = lint->warnings->pdata[i];
		const struct berth_dockerfile_rule_about *about = berth_dockerfile_rule_about(warning->rule);
		json_array_append_new(warnings,
				      json_pack("{s:s,s:s,s:s,s:s,s:o}", "ruleName", about->name, "description",
						about->description, "url", about->url, "detail", warning->detail,
						"location",
						berth_dockerfile__location(warning->first_line, warning->last_line)));
	}
	return berth_dockerfile__indented(json_pack("{s:o,s:[{s:s,s:s,s:s}]}", "warnings", warnings, "sources",
						    "fileName", name, "language", "Dockerfile", "data", data));
}

char *berth_dockerfile_targets_text(const berth_dockerfile *file)
{
	GString *out = g_string_new(NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	size_t width = strlen("TARGET");

	for (unsigned i = 0; i < file->stages_count; i++) {
		const struct berth_dockerfile_stage *stage = &file->stages[i];
		bool is_default = i + 1 == file->stages_count;
		// A stage without name is asked for by its number.
		g_autofree char *number = g_strdup_printf("%u", i);
		char *text =
			g_strdup_printf("%s%s", stage->name ? stage->name : number, is_default ? " (default)" : "");
		g_ptr_array_add(names, text);
		width = MAX(width, strlen(text));
	}
	g_string_append_printf(out, "%-*s    DESCRIPTION\n", (int) width, "TARGET");
	for (unsigned i = 0; i < file->stages_count; i++) {
		const char *comment = file->stages[i].comment;
		g_string_append_printf(out, "%-*s    %s", (int) width, (const char *) names->pdata[i],
				       comment ? comment : "");
		g_strchomp(out->str);
		out->len = strlen(out->str);
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

char *berth_dockerfile_targets_json(const berth_dockerfile *file)
{
	json_t *targets = json_array();

	for (unsigned i = 0; i < file->stages_count; i++) {
		const struct berth_dockerfile_stage *stage = &file->stages[i];
		json_t *target = json_object();

		set_text(target, "name", stage->name);
		if (i + 1 == file->stages_count)
			json_object_set_new(target, "default", json_true());
		set_text(target, "description", stage->comment);
		set_text(target, "base", stage->base);
		set_text(target, "platform", stage->platform);
		json_object_set_new(target, "location",
				    berth_dockerfile__location(stage->first_line, stage->last_line));
		json_array_append_new(targets, target);
	}
	return berth_dockerfile__indented(
		json_pack("{s:o,s:o}", "targets", targets, "sources", berth_dockerfile__sources(file)));
}
