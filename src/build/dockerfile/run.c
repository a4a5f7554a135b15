// SPDX-License-Identifier: Apache-2.0
// RUN: its flags, and what its heredocs mean.
#include "build/dockerfile/internal.h"

#include <string.h>

struct options {
	const char *const *mounts, *const *devices;
	const char *network, *security;
};

static const struct berth_dockerfile__flag flags[] = {
	{"device", BERTH_DOCKERFILE__TEXTS, offsetof(struct options, devices), 0},
	{"mount", BERTH_DOCKERFILE__TEXTS, offsetof(struct options, mounts), 0},
	{"network", BERTH_DOCKERFILE__TEXT, offsetof(struct options, network), 0},
	{"security", BERTH_DOCKERFILE__TEXT, offsetof(struct options, security), 0},
	{0},
};

static const char *const networks[] = {
	[BERTH_DOCKERFILE_NETWORK_DEFAULT] = "default",
	[BERTH_DOCKERFILE_NETWORK_NONE] = "none",
	[BERTH_DOCKERFILE_NETWORK_HOST] = "host",
	NULL,
};
static const char *const securities[] = {"sandbox", "insecure", NULL};

static bool read_options(struct berth_dockerfile__parser *parser, const struct options *options,
			 struct berth_dockerfile_run *run, GError **error)
{
	run->mount_texts = options->mounts;
	run->devices = options->devices;
	for (const char *const *text = options->mounts; *text; text++) {
		struct berth_dockerfile_mount mount;
		if (!berth_dockerfile__mount(*text, NULL, parser->memory, &mount, &parser->culprit, error))
			return false;
	}
	parser->culprit = NULL;
	if (options->network) {
		int network = berth_dockerfile__find_word(networks, options->network);
		if (network < 0) {
			parser->culprit = options->network;
			berth_error_set(error, BERTH_ERROR_INVALID, "invalid network mode \"%s\"", options->network);
			berth_dockerfile__suggest(error, options->network, networks);
			return false;
		}
		run->network = (enum berth_dockerfile_network) network;
		run->network_given = true;
	}
	if (options->security) {
		int security = berth_dockerfile__find_word(securities, options->security);
		if (security < 0) {
			parser->culprit = options->security;
			berth_error_set(error, BERTH_ERROR_INVALID, "security \"%s\" is not valid", options->security);
			berth_dockerfile__suggest(error, options->security, securities);
			return false;
		}
		run->insecure = security > 0;
	}
	return true;
}

// The command with its heredocs: a sole one is the script, others are the shell's own.
static void add_heredocs(struct berth_dockerfile__parser *parser, struct berth_dockerfile_instruction *instruction)
{
	struct berth_dockerfile_run *run = &instruction->run;
	const struct berth_dockerfile_heredoc *heredocs = instruction->heredocs;
	struct berth_dockerfile_heredoc sole;
	GPtrArray *words = g_ptr_array_new();

	if (berth_dockerfile__heredoc(parser->memory, run->command.words[0], &sole)) {
		run->script = g_str_has_prefix(heredocs[0].text, "#!");
		run->command.shell = !run->script;
		char *path = run->script ? g_strconcat("/dev/pipes/", heredocs[0].name, NULL) : NULL;
		g_ptr_array_add(words, path ? berth_dockerfile__keep(parser->memory, path) : (char *) heredocs[0].text);
	} else {
		g_autoptr(GString) text = g_string_new(run->command.words[0]);
		for (unsigned i = 0; i < instruction->heredocs_count; i++)
			g_string_append_printf(text, "\n%s%s", heredocs[i].content, heredocs[i].name);
		g_ptr_array_add(words, berth_dockerfile__keep_part(parser->memory, text->str, text->len));
	}
	run->command.words = berth_dockerfile__keep_words(parser->memory, words);
}

bool berth_dockerfile__run(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
			   struct berth_dockerfile_instruction *instruction, GError **error)
{
	struct berth_dockerfile_run *run = &instruction->run;
	struct options options = {0};

	if (!berth_dockerfile__command(parser, statement->rest, &instruction->json, &run->command, error) ||
	    !berth_dockerfile__flags(parser, statement, flags, &options, error) ||
	    !read_options(parser, &options, run, error))
		return false;
	if (!run->command.words[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "RUN requires at least one argument");
	if (instruction->heredocs_count > 0)
		add_heredocs(parser, instruction);
	return true;
}
