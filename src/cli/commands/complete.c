// SPDX-License-Identifier: Apache-2.0
// `__complete`: candidates for the last of the words of a command line. What goes wrong gives no candidates.
#include "cli/candidates.h"
#include "cli/commands/commands.h"

#include <string.h>

struct options {
	bool describe;
};

static const struct berth_flag own_flags[] = {
	{"describe", 0, BERTH_FLAG_SWITCH, offsetof(struct options, describe), NULL,
	 "Add a tab and a description to each"},
	{0},
};

static void add_flags(const struct berth_candidates *to, const struct berth_flag *flags)
{
	for (; flags && flags->name; flags++) {
		g_autofree char *name = g_strconcat("--", flags->name, NULL);
		if (!(flags->flags & BERTH_FLAG_HIDDEN))
			berth_candidate(to, name, flags->help);
	}
	berth_candidate(to, "--help", "Print usage");
}

static void add_commands(const struct berth_candidates *to, const struct berth_command_entry *commands)
{
	for (; commands->name; commands++)
		if (!commands->hidden)
			berth_candidate(to, commands->name, commands->command->summary);
}

// The flag that a word is, if its value is the next word, or stands behind its "=".
static const struct berth_flag *wants_value(const struct berth_flag *flags, const char *word)
{
	size_t length = strcspn(word, "=");

	for (; flags && flags->name && *word == '-' && word[1]; flags++) {
		bool same = word[1] == '-' ? strlen(flags->name) == length - 2 &&
						     strncmp(word + 2, flags->name, length - 2) == 0
					   : flags->shorthand && word[length - 1] == flags->shorthand;
		if (same)
			return flags->type != BERTH_FLAG_SWITCH && flags->type != BERTH_FLAG_TRISTATE ? flags : NULL;
	}
	return NULL;
}

// "--flag=VALUE" as the last word. Whether it is one.
static bool add_joined(const struct berth_candidates *to, const struct berth_command *command,
		       const struct berth_flag *flags)
{
	const char *equals = strchr(to->prefix, '=');
	const struct berth_flag *flag = equals ? wants_value(flags, to->prefix) : NULL;

	if (!flag)
		return false;
	g_autofree char *before = g_strndup(to->prefix, (size_t) (equals + 1 - to->prefix));
	struct berth_candidates inner = *to;
	inner.before = before;
	inner.prefix = equals + 1;
	berth_candidates_of_flag(&inner, command, flag);
	return true;
}

// `completes` has a word for each argument, the last of them also for those that follow.
static void add_argument(const struct berth_candidates *to, const char *completes, size_t index)
{
	g_auto(GStrv) kinds = g_strsplit(completes, " ", -1);
	size_t count = g_strv_length(kinds);

	if (count > 0)
		berth_candidates_of(to, kinds[MIN(index, count - 1)]);
}

static void add_of_command(const struct berth_candidates *to, const struct berth_command *command, char **words,
			   size_t count)
{
	size_t given = 0;

	for (size_t i = 0; i < count && !(command->leading && given > 0); i++) {
		const struct berth_flag *flag = strchr(words[i], '=') ? NULL : wants_value(command->flags, words[i]);
		if (flag && ++i == count) {
			berth_candidates_of_flag(to, command, flag);
			return;
		}
		if (!flag && *words[i] != '-')
			given++;
	}
	if (command->leading && given > 0)
		return; // words of the container's command
	if (*to->prefix == '-') {
		if (!add_joined(to, command, command->flags))
			add_flags(to, command->flags);
	} else if (command->completes && (command->max_arguments < 0 || (int) given < command->max_arguments)) {
		add_argument(to, command->completes, given);
	}
}

// The words of `help` are themselves a command.
static void add_topics(const struct berth_candidates *to, char *const *words)
{
	size_t used = 0;
	const struct berth_command *command = berth_command_find(words, &used);

	if (!words[used] && (!command || command->commands))
		add_commands(to, command ? command->commands : berth_commands);
}

static void complete(const struct berth_candidates *to, char **words, size_t count)
{
	size_t skipped = 0, used = 0;

	while (words[skipped] && *words[skipped] == '-') { // of the program itself
		const struct berth_flag *flag =
			strchr(words[skipped], '=') ? NULL : wants_value(berth_global_flags, words[skipped]);
		skipped++;
		if (flag && !words[skipped])
			berth_candidates_of_flag(to, NULL, flag);
		if (flag && !words[skipped])
			return;
		skipped += flag ? 1 : 0;
	}
	const struct berth_command *command = berth_command_find(words + skipped, &used);
	if (!words[skipped] || (command && command->commands && !words[skipped + used])) {
		if (*to->prefix != '-')
			add_commands(to, command ? command->commands : berth_commands);
		else if (command || !add_joined(to, NULL, berth_global_flags))
			add_flags(to, command ? NULL : berth_global_flags);
	} else if (command == &berth_command_help_text) {
		add_topics(to, words + skipped + used);
	} else if (command && !command->commands) {
		add_of_command(to, command, words + skipped + used, count - skipped - used);
	}
}

static int complete_main(struct berth_cli *cli, const void *data, char **arguments, G_GNUC_UNUSED GError **error)
{
	const struct options *options = data;
	size_t count = g_strv_length(arguments);
	g_autofree char **words = g_new0(char *, count + 1); // those before the last

	if (count == 0)
		return 0;
	memcpy(words, arguments, (count - 1) * sizeof *words);
	const struct berth_candidates to = {
		.cli = cli, .prefix = arguments[count - 1], .before = "", .describe = options->describe};
	complete(&to, words, count - 1);
	return 0;
}

const struct berth_command berth_command_complete = {
	.arguments = "[WORD...]",
	.summary = "Print candidates for the last word of a command line",
	.flags = own_flags,
	.options_size = sizeof(struct options),
	.leading = true,
	.max_arguments = -1,
	.main = complete_main,
	.local = true,
};
