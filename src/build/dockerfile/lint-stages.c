// SPDX-License-Identifier: Apache-2.0
// Checks of instructions in their order: variables, what is said twice, working directories, ports, secrets, sources.
#include "base/limits.h"
#include "build/dockerfile/lint-internal.h"

#include <string.h>

typedef const struct berth_dockerfile_instruction instruction;

// What is known at one instruction of a stage.
struct state {
	GHashTable *variables; // of ENV and ARG: name to value; an ARG without value is ""
	GHashTable *environment; // names that ENV set
	bool known; // the base's variables are
	bool workdir_set; // by an absolute path in this file
	bool shell_set;
	instruction *last[BERTH_DOCKERFILE_KINDS]; // CMD, ENTRYPOINT, HEALTHCHECK of this stage
};

static void put(GHashTable *table, const char *name, const char *value)
{
	g_hash_table_insert(table, g_strdup(name), g_strdup(value));
}

static size_t size_of(GHashTable *table)
{
	GHashTableIter iter;
	gpointer name, value;
	size_t size = 0;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &name, &value))
		size += strlen(name) + strlen(value);
	return size;
}

static GHashTable *new_table(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void copy_table(GHashTable *from, GHashTable *to)
{
	GHashTableIter iter;
	gpointer name, value;

	g_hash_table_iter_init(&iter, from);
	while (g_hash_table_iter_next(&iter, &name, &value))
		put(to, name, value);
}

static void set_environment(struct state *state, const char *name, const char *value)
{
	put(state->variables, name, value);
	put(state->environment, name, "");
}

// From the base: a stage before, nothing, or an image.
static void begin(struct berth_dockerfile__linter *linter, struct state *states, unsigned index)
{
	const struct berth_dockerfile_lint_options *options = linter->options;
	const struct berth_dockerfile_stage *stage = &linter->file->stages[index];
	struct state *state = &states[index];
	struct berth_dockerfile_scope scope = {
		.lookup = berth_dockerfile__from_table, .data = linter->globals, .escape = linter->file->escape};
	g_autofree char *base = berth_dockerfile_expand(&scope, stage->base, NULL);
	int before = base ? berth_dockerfile_find_stage(linter->file, base, index) : -1;

	state->variables = new_table();
	state->environment = new_table();
	if (before >= 0) {
		state->workdir_set = states[before].workdir_set;
		state->shell_set = states[before].shell_set;
		linter->inherited += g_hash_table_size(states[before].variables);
		// Too many: then nothing is known of them.
		if (linter->inherited > BERTH_LIMIT_DOCKERFILE_INHERITED)
			return;
		linter->made += size_of(states[before].variables);
		if (linter->made > BERTH_LIMIT_EXPANSION_ALL)
			return;
		copy_table(states[before].variables, state->variables);
		copy_table(states[before].environment, state->environment);
		state->known = states[before].known;
		return;
	}
	set_environment(state, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	state->known = base && g_str_equal(base, "scratch");
	if (!base || state->known || !options->environment)
		return;
	const char *const *environment = options->environment(options->environment_data, base);
	state->known = environment;
	for (; environment && *environment; environment++) {
		const char *equal = strchr(*environment, '=');
		g_autofree char *name = g_strndup(*environment, equal ? (gsize) (equal - *environment) : 0);
		if (equal)
			set_environment(state, name, equal + 1);
	}
}

// The instruction with its values; what is not set is warned of, once each. NULL: it cannot be expanded, which the
// build says.
static instruction *expand(struct berth_dockerfile__linter *linter, struct state *state, instruction *given)
{
	g_autoptr(GPtrArray) unset = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	struct berth_dockerfile_scope scope = {.lookup = berth_dockerfile__from_table,
					       .data = state->variables,
					       .escape = given->escape,
					       .unset = unset,
					       .made = &linter->made};
	instruction *expanded = berth_dockerfile_instruction_expand(given, &scope, linter->memory, NULL);

	for (guint i = 0; state->known && i < unset->len; i++) {
		const char *name = unset->pdata[i];
		if (!g_hash_table_add(seen, unset->pdata[i]) || g_str_has_prefix(name, "BUILDKIT_SBOM_SCAN_"))
			continue;
		g_autofree char *mean = berth_dockerfile__mean(state->variables, name, "$");
		berth_dockerfile__warn(linter, BERTH_RULE_UNDEFINED_VAR, given->first_line, given->last_line,
				       "Usage of undefined variable '$%s'%s", name, mean);
	}
	return expanded;
}

// Names with a word like "password" or "token" between underscores; what is "public" is none.
static bool is_secret(const char *name)
{
	static const char *const words[] = {"apikey", "auth",   "credential", "credentials", "key", "password",
					    "pword",  "passwd", "secret",     "token",       NULL};
	g_autofree char *lower = g_ascii_strdown(name, -1);
	g_auto(GStrv) parts = g_strsplit(lower, "_", -1);
	bool secret = false;

	if (g_strv_contains((const char *const *) parts, "public"))
		return false;
	for (char **part = parts; *part; part++)
		secret |= g_strv_contains(words, *part);
	return secret;
}

static void check_secrets(struct berth_dockerfile__linter *linter, instruction *expanded)
{
	for (unsigned i = 0; i < expanded->pairs.count; i++)
		if (is_secret(expanded->pairs.items[i].key))
			berth_dockerfile__warn(linter, BERTH_RULE_SECRETS_USED_IN_ARG_OR_ENV, expanded->first_line,
					       expanded->last_line,
					       "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
					       berth_dockerfile_about(expanded->kind)->name,
					       expanded->pairs.items[i].key);
}

static void take_environment(struct berth_dockerfile__linter *linter, struct state *state, instruction *expanded)
{
	check_secrets(linter, expanded);
	for (unsigned i = 0; i < expanded->pairs.count; i++)
		set_environment(state, expanded->pairs.items[i].key, expanded->pairs.items[i].value);
}

static void take_arguments(struct berth_dockerfile__linter *linter, struct state *state, instruction *expanded)
{
	const struct berth_dockerfile_lint_options *options = linter->options;

	check_secrets(linter, expanded);
	for (unsigned i = 0; i < expanded->pairs.count; i++) {
		const struct berth_dockerfile_pair *pair = &expanded->pairs.items[i];
		const char *value = options->argument ? options->argument(options->argument_data, pair->key) : NULL;

		if (!value)
			value = pair->value ? pair->value : g_hash_table_lookup(linter->globals, pair->key);
		// Without a value it leaves what ENV set.
		if (value || !g_hash_table_contains(state->environment, pair->key))
			put(state->variables, pair->key, value ? value : "");
	}
}

static void check_once(struct berth_dockerfile__linter *linter, struct state *state, instruction *given)
{
	instruction *last = state->last[given->kind];

	// The one before is what is lost.
	if (last)
		berth_dockerfile__warn(linter, BERTH_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED, last->first_line,
				       last->last_line,
				       "Multiple %s instructions should not be used in the same stage because only the "
				       "last one will be used",
				       given->word);
	state->last[given->kind] = given;
}

static void check_form(struct berth_dockerfile__linter *linter, struct state *state, instruction *given)
{
	if (given->command.shell && !state->shell_set)
		berth_dockerfile__warn(linter, BERTH_RULE_JSON_ARGS_RECOMMENDED, given->first_line, given->last_line,
				       "JSON arguments recommended for %s to prevent unintended behavior related to OS "
				       "signals",
				       given->word);
}

static void check_workdir(struct berth_dockerfile__linter *linter, struct state *state, instruction *expanded)
{
	if (*expanded->value == '/')
		state->workdir_set = true;
	else if (!state->workdir_set)
		berth_dockerfile__warn(linter, BERTH_RULE_WORKDIR_RELATIVE_PATH, expanded->first_line,
				       expanded->last_line,
				       "Relative workdir \"%s\" can have unexpected results if the base image changes",
				       expanded->value);
}

static void check_ports(struct berth_dockerfile__linter *linter, instruction *expanded)
{
	for (const char *const *port = expanded->words; *port; port++) {
		const char *slash = strrchr(*port, '/'), *colon = strrchr(*port, ':');

		for (const char *c = slash; c && *c; c++)
			if (g_ascii_isupper(*c)) {
				berth_dockerfile__warn(
					linter, BERTH_RULE_EXPOSE_PROTO_CASING, expanded->first_line,
					expanded->last_line,
					"Defined protocol '%s' in EXPOSE instruction should be lowercase", *port);
				break;
			}
		if (colon && colon > *port)
			berth_dockerfile__warn(linter, BERTH_RULE_EXPOSE_INVALID_FORMAT, expanded->first_line,
					       expanded->last_line,
					       "EXPOSE instruction should not define an IP address or host-port "
					       "mapping, found '%s'",
					       *port);
	}
}

static void check_sources(struct berth_dockerfile__linter *linter, instruction *expanded)
{
	const berth_ignore *ignore = linter->options->ignore;

	if (!ignore || expanded->copy.from)
		return;
	for (const char *const *source = expanded->copy.sources; *source; source++) {
		if (strstr(*source, "://") || g_str_has_prefix(*source, "git@"))
			continue;
		// Clean, and nothing is above the context's root.
		g_autofree char *path = g_canonicalize_filename(*source, "/");
		// A folder with exceptions in it is not wholly ignored.
		if (path[1] && berth_ignore_skips_folder(ignore, path + 1))
			berth_dockerfile__warn(linter, BERTH_RULE_COPY_IGNORED_FILE, expanded->first_line,
					       expanded->last_line,
					       "Attempting to %s file \"%s\" that is excluded by .dockerignore",
					       expanded->kind == BERTH_DOCKERFILE_ADD ? "Add" : "Copy", *source);
	}
}

static void check(struct berth_dockerfile__linter *linter, struct state *state, instruction *given)
{
	instruction *expanded = expand(linter, state, given);

	if (!expanded)
		return;
	switch (given->kind) {
	case BERTH_DOCKERFILE_ARG:
		take_arguments(linter, state, expanded);
		break;
	case BERTH_DOCKERFILE_ENV:
		take_environment(linter, state, expanded);
		break;
	case BERTH_DOCKERFILE_CMD:
	case BERTH_DOCKERFILE_ENTRYPOINT:
		check_form(linter, state, given);
		check_once(linter, state, given);
		break;
	case BERTH_DOCKERFILE_HEALTHCHECK:
		check_once(linter, state, given);
		break;
	case BERTH_DOCKERFILE_SHELL:
		state->shell_set = true;
		break;
	case BERTH_DOCKERFILE_WORKDIR:
		check_workdir(linter, state, expanded);
		break;
	case BERTH_DOCKERFILE_EXPOSE:
		check_ports(linter, expanded);
		break;
	case BERTH_DOCKERFILE_ADD:
	case BERTH_DOCKERFILE_COPY:
		check_sources(linter, expanded);
		break;
	default:
		break;
	}
}

void berth_dockerfile__lint_stages(struct berth_dockerfile__linter *linter)
{
	const berth_dockerfile *file = linter->file;
	g_autofree struct state *states = g_new0(struct state, file->stages_count);

	for (unsigned i = 0; i < file->stages_count; i++) {
		begin(linter, states, i);
		for (unsigned j = 0; j < file->stages[i].count; j++)
			check(linter, &states[i], &file->stages[i].instructions[j]);
	}
	for (unsigned i = 0; i < file->stages_count; i++) {
		g_hash_table_unref(states[i].variables);
		g_hash_table_unref(states[i].environment);
	}
}
