// SPDX-License-Identifier: Apache-2.0
// `__complete`: candidates for the last of the words of a command line. What goes wrong gives no candidates.
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>
#include <string.h>

static void print(const char *candidate, const char *prefix)
{
	if (candidate && g_str_has_prefix(candidate, prefix))
		puts(candidate);
}

static void print_containers(struct berth_cli *cli, const char *prefix)
{
	BERTH_AUTO_JSON json_t *list = berth_client_json(cli->client, "GET", "/containers/json?all=1", NULL, NULL);
	const json_t *container, *name;
	size_t i, j;

	json_array_foreach(list, i, container) json_array_foreach(json_object_get(container, "Names"), j, name)
		print(json_string_value(name) + 1, prefix);
}

static void print_images(struct berth_cli *cli, const char *prefix)
{
	BERTH_AUTO_JSON json_t *list = berth_client_json(cli->client, "GET", "/images/json", NULL, NULL);
	const json_t *image, *name;
	size_t i, j;

	json_array_foreach(list, i, image) json_array_foreach(json_object_get(image, "RepoTags"), j, name)
		print(json_string_value(name), prefix);
}

static void print_networks(struct berth_cli *cli, const char *prefix)
{
	BERTH_AUTO_JSON json_t *list = berth_client_json(cli->client, "GET", "/networks", NULL, NULL);
	const json_t *network;
	size_t i;

	json_array_foreach(list, i, network) print(json_string_value(json_object_get(network, "Name")), prefix);
}

static void print_volumes(struct berth_cli *cli, const char *prefix)
{
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "GET", "/volumes", NULL, NULL);
	const json_t *volume;
	size_t i;

	json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
		print(json_string_value(json_object_get(volume, "Name")), prefix);
}

static void print_flags(const struct berth_flag *flags, const char *prefix)
{
	for (; flags && flags->name; flags++) {
		g_autofree char *name = g_strconcat("--", flags->name, NULL);
		if (!(flags->flags & BERTH_FLAG_HIDDEN))
			print(name, prefix);
	}
	print("--help", prefix);
}

static void print_commands(const struct berth_command_entry *commands, const char *prefix)
{
	for (; commands->name; commands++)
		if (!commands->hidden)
			print(commands->name, prefix);
}

// The flag that a word is, if its value is the next word.
static const struct berth_flag *wants_value(const struct berth_flag *flags, const char *word)
{
	for (; flags && flags->name && *word == '-' && !strchr(word, '='); flags++) {
		bool same = word[1] == '-' ? strcmp(word + 2, flags->name) == 0
					   : flags->shorthand && word[strlen(word) - 1] == flags->shorthand;
		if (same)
			return flags->type != BERTH_FLAG_SWITCH && flags->type != BERTH_FLAG_TRISTATE ? flags : NULL;
	}
	return NULL;
}

static void print_kind(struct berth_cli *cli, const char *what, const char *prefix)
{
	static const struct {
		const char *what;
		void (*print)(struct berth_cli *cli, const char *prefix);
	} kinds[] = {{"container", print_containers},
		     {"image", print_images},
		     {"network", print_networks},
		     {"volume", print_volumes}};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds) && berth_cli_connect(cli, NULL); i++)
		if (strcmp(what, kinds[i].what) == 0 || strcmp(what, "object") == 0)
			kinds[i].print(cli, prefix);
	if (strcmp(what, "command") == 0)
		print_commands(berth_commands, prefix);
}

// Of flags whose values are names of objects.
static void print_value(struct berth_cli *cli, const struct berth_flag *flag, const char *prefix)
{
	static const struct {
		const char *flag, *what;
	} values[] = {{"config-from", "network"}, {"link", "container"},         {"net", "network"},
		      {"network", "network"},     {"volumes-from", "container"}, {"volume", "volume"}};

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		if (strcmp(flag->name, values[i].flag) == 0)
			print_kind(cli, values[i].what, prefix);
}

// `completes` has a word for each argument, the last of them also for those that follow.
static void print_argument(struct berth_cli *cli, const char *completes, size_t index, const char *prefix)
{
	g_auto(GStrv) kinds = g_strsplit(completes, " ", -1);
	size_t count = g_strv_length(kinds);

	if (count > 0)
		print_kind(cli, kinds[MIN(index, count - 1)], prefix);
}

static void print_arguments(struct berth_cli *cli, const struct berth_command *command, char **words, size_t count,
			    const char *prefix)
{
	size_t given = 0;

	for (size_t i = 0; i < count; i++) {
		const struct berth_flag *flag = wants_value(command->flags, words[i]);
		if (flag && ++i == count) {
			print_value(cli, flag, prefix);
			return;
		}
		if (!flag && *words[i] != '-')
			given++;
	}
	if (command->completes && !(command->leading && given > 0) &&
	    (command->max_arguments < 0 || (int) given < command->max_arguments))
		print_argument(cli, command->completes, given, prefix);
}

static int complete_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments,
			 G_GNUC_UNUSED GError **error)
{
	size_t count = g_strv_length(arguments), skipped = 0, used = 0;
	const char *prefix = count ? arguments[count - 1] : "";
	g_autofree char **words = g_new0(char *, count + 1); // those before the last

	if (count > 0)
		memcpy(words, arguments, (count - 1) * sizeof *words);
	while (words[skipped] && *words[skipped] == '-') // of the program itself
		skipped += wants_value(berth_global_flags, words[skipped]) && words[skipped + 1] ? 2 : 1;
	const struct berth_command *command = berth_command_find(words + skipped, &used);
	if (!words[skipped] || (command && command->commands)) {
		if (*prefix == '-')
			print_flags(command ? NULL : berth_global_flags, prefix);
		else
			print_commands(command ? command->commands : berth_commands, prefix);
	} else if (command) {
		if (*prefix == '-')
			print_flags(command->flags, prefix);
		else
			print_arguments(cli, command, words + skipped + used, count - 1 - skipped - used, prefix);
	}
	return 0;
}

const struct berth_command berth_command_complete = {
	.arguments = "[WORD...]",
	.summary = "Print candidates for the last word of a command line",
	.leading = true,
	.max_arguments = -1,
	.main = complete_main,
	.local = true,
};
