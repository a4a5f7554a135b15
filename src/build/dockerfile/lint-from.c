// SPDX-License-Identifier: Apache-2.0
// Checks of FROM: its variables, platforms, and what the defaults make of it.
#include "build/dockerfile/lint-internal.h"

#include <string.h>

static const char *const predefined[] = {
	"BUILDPLATFORM", "BUILDOS",         "BUILDOSVERSION", "BUILDARCH",     "BUILDVARIANT", "TARGETPLATFORM",
	"TARGETOS",      "TARGETOSVERSION", "TARGETARCH",     "TARGETVARIANT", "TARGETSTAGE",  NULL,
};

static const char *given(const struct berth_dockerfile__linter *linter, const char *name)
{
	const struct berth_dockerfile_lint_options *options = linter->options;

	return options->argument ? options->argument(options->argument_data, name) : NULL;
}

// The global arguments: the value that was given, else the default. An argument with neither is not set, but declared.
static void add_globals(struct berth_dockerfile__linter *linter, GHashTable *table, bool defaults_only)
{
	struct berth_dockerfile_scope scope = {
		.lookup = berth_dockerfile__from_table, .data = table, .escape = linter->file->escape};

	for (const char *const *name = predefined; *name; name++) {
		const char *value = defaults_only ? NULL : given(linter, *name);
		// Where nobody says it, some text that is not empty.
		g_hash_table_insert(table, g_strdup(*name), g_strdup(value ? value : "linux"));
	}
	for (unsigned i = 0; i < linter->file->arguments_count; i++) {
		const struct berth_dockerfile_instruction *argument = &linter->file->arguments[i];
		for (unsigned j = 0; j < argument->pairs.count; j++) {
			const struct berth_dockerfile_pair *pair = &argument->pairs.items[j];
			const char *value = defaults_only ? NULL : given(linter, pair->key);
			char *text = value         ? g_strdup(value)
				     : pair->value ? berth_dockerfile_expand(&scope, pair->value, NULL)
						   : NULL;

			if (text || !g_hash_table_contains(table, pair->key))
				g_hash_table_insert(table, g_strdup(pair->key), text ? text : g_strdup(""));
		}
	}
}

// Digits, letters and what may stand between them in a part of an image's name.
static bool is_component(const char *text, size_t length)
{
	if (length == 0 || strchr("._-", text[0]) || strchr("._-", text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_islower(text[i]) && !g_ascii_isdigit(text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

static bool is_tag(const char *text, size_t length)
{
	if (length == 0 || length > 128 || strchr(".-", *text))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

// Whether a text can be an image's name: [host[:port]/]path[:tag][@digest].
static bool is_image(const char *text)
{
	const char *at = strchr(text, '@');
	size_t length = at ? (size_t) (at - text) : strlen(text);
	g_autofree char *name = g_strndup(text, length);
	const char *slash = strchr(name, '/');
	const char *path = name;

	if (at && !strchr(at, ':'))
		return false;
	if (slash) {
		g_autofree char *host = g_strndup(name, (gsize) (slash - name));
		bool is_host = strpbrk(host, ".:") || g_str_equal(host, "localhost");
		for (const char *c = host; is_host && *c; c++)
			if (!g_ascii_isalnum(*c) && !strchr(".:-[]", *c))
				return false;
		path = is_host ? slash + 1 : name;
	}
	const char *colon = strchr(path, ':');
	if (colon && !is_tag(colon + 1, strlen(colon + 1)))
		return false;
	g_autofree char *parts_text = g_strndup(path, colon ? (gsize) (colon - path) : strlen(path));
	g_auto(GStrv) parts = g_strsplit(parts_text, "/", -1);
	for (char **part = parts; *part; part++)
		if (!is_component(*part, strlen(*part)))
			return false;
	return parts[0];
}

// Variables of FROM that no ARG declares.
static char *expand(struct berth_dockerfile__linter *linter, const struct berth_dockerfile_stage *stage,
		    const char *text)
{
	g_autoptr(GPtrArray) unset = g_ptr_array_new_with_free_func(g_free);
	struct berth_dockerfile_scope scope = {.lookup = berth_dockerfile__from_table,
					       .data = linter->globals,
					       .escape = linter->file->escape,
					       .unset = unset};
	char *value = berth_dockerfile_expand(&scope, text, NULL);

	for (guint i = 0; i < unset->len; i++) {
		g_autofree char *mean = berth_dockerfile__mean(linter->globals, unset->pdata[i], "");
		berth_dockerfile__warn(linter, BERTH_RULE_UNDEFINED_ARG_IN_FROM, stage->first_line, stage->last_line,
				       "FROM argument '%s' is not declared%s", (const char *) unset->pdata[i], mean);
	}
	return value;
}

static void check_platform(struct berth_dockerfile__linter *linter, const struct berth_dockerfile_stage *stage)
{
	unsigned first = stage->first_line, last = stage->last_line;
	g_autofree char *value = expand(linter, stage, stage->platform);

	if (g_str_equal(stage->platform, "$TARGETPLATFORM") || g_str_equal(stage->platform, "${TARGETPLATFORM}"))
		berth_dockerfile__warn(
			linter, BERTH_RULE_REDUNDANT_TARGET_PLATFORM, first, last,
			"Setting platform to predefined %s in FROM is redundant as this is the default behavior",
			stage->platform);
	if (strchr(stage->platform, '$') || !value)
		return;
	// A stage that is named after its platform is meant so.
	g_auto(GStrv) parts = g_strsplit(value, "/", -1);
	for (char **part = parts; *part && part < parts + 2; part++)
		if (**part && stage->name && strstr(stage->name, *part))
			return;
	berth_dockerfile__warn(linter, BERTH_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED, first, last,
			       "FROM --platform flag should not use constant value \"%s\"", value);
}

static void check_default(struct berth_dockerfile__linter *linter, const struct berth_dockerfile_stage *stage)
{
	struct berth_dockerfile_scope scope = {
		.lookup = berth_dockerfile__from_table, .data = linter->defaults, .escape = linter->file->escape};
	g_autofree char *value = berth_dockerfile_expand(&scope, stage->base, NULL);

	if (value && !is_image(value))
		berth_dockerfile__warn(
			linter, BERTH_RULE_INVALID_DEFAULT_ARG_IN_FROM, stage->first_line, stage->last_line,
			"Default value for ARG %s results in empty or invalid base image name", stage->base);
}

void berth_dockerfile__lint_from(struct berth_dockerfile__linter *linter)
{
	add_globals(linter, linter->globals, false);
	add_globals(linter, linter->defaults, true);
	for (unsigned i = 0; i < linter->file->stages_count; i++) {
		const struct berth_dockerfile_stage *stage = &linter->file->stages[i];
		g_free(expand(linter, stage, stage->base));
		if (strchr(stage->base, '$'))
			check_default(linter, stage);
		if (stage->platform)
			check_platform(linter, stage);
	}
}
