// SPDX-License-Identifier: Apache-2.0
// Help texts and the search in the tables of commands.
#include "cli/command.h"

#include "base/near.h"

#include <string.h>

#define NEAR 2 // edits between a mistyped name and one that is suggested

static const struct berth_command *find_in(const struct berth_command_entry *commands, const char *name)
{
	for (; commands->name; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands->command;
	return NULL;
}

const struct berth_command *berth_command_find(char *const *names, size_t *ret_used)
{
	const struct berth_command_entry *commands = berth_commands;
	const struct berth_command *found = NULL;

	for (*ret_used = 0; commands && names[*ret_used]; ++*ret_used) {
		const struct berth_command *next = find_in(commands, names[*ret_used]);
		if (!next)
			break;
		found = next;
		commands = next->commands;
	}
	return found;
}

static bool is_near(const char *name, const char *other)
{
	return berth_near_distance(name, other) <= MIN(NEAR, strlen(other) / 2) ||
	       (strlen(name) > 1 && g_str_has_prefix(other, name));
}

static void append_near(GString *near, const char *dashes, const char *name)
{
	g_string_append_printf(near, "%s%s%s", near->len ? ", " : "", dashes, name);
}

char *berth_flag_near(const struct berth_flag *flags, const char *name)
{
	g_autoptr(GString) near = g_string_new(NULL);

	for (; flags && flags->name; flags++)
		if (!(flags->flags & BERTH_FLAG_HIDDEN) && is_near(name, flags->name))
			append_near(near, "--", flags->name);
	return near->len ? g_string_free(g_steal_pointer(&near), FALSE) : NULL;
}

char *berth_command_near(const struct berth_command_entry *commands, const char *name)
{
	g_autoptr(GString) near = g_string_new(NULL);

	for (; commands->name; commands++)
		if (!commands->hidden && is_near(name, commands->name))
			append_near(near, "", commands->name);
	return near->len ? g_string_free(g_steal_pointer(&near), FALSE) : NULL;
}

// Appends every path at which a command stands in the tables.
static unsigned append_paths(const struct berth_command_entry *commands, const struct berth_command *command,
			     const char *prefix, GString *out)
{
	unsigned count = 0;

	for (; commands->name; commands++) {
		if (commands->command == command) {
			g_string_append_printf(out, "%s%s %s", out->len ? ", " : "", prefix, commands->name);
			count++;
		}
		if (commands->command->commands) {
			g_autofree char *deeper = g_strconcat(prefix, " ", commands->name, NULL);
			count += append_paths(commands->command->commands, command, deeper, out);
		}
	}
	return count;
}

static void append_commands(const struct berth_command_entry *commands, const char *title, bool groups, GString *out)
{
	size_t width = 0;

	for (const struct berth_command_entry *entry = commands; entry->name; entry++)
		width = MAX(width, strlen(entry->name));
	g_string_append_printf(out, "\n%s:\n", title);
	for (const struct berth_command_entry *entry = commands; entry->name; entry++)
		if (!entry->hidden && (entry->command->commands != NULL) == groups)
			g_string_append_printf(out, "  %-*s   %s\n", (int) MAX(width, 8), entry->name,
					       entry->command->summary);
}

void berth_command_help(const struct berth_command *command, const char *program, const char *path, unsigned width,
			GString *out)
{
	g_autoptr(GString) aliases = g_string_new(NULL);

	if (command->commands) {
		g_string_append_printf(out, "Usage:  %s COMMAND\n\n%s\n", path, command->summary);
		append_commands(command->commands, "Commands", false, out);
		g_string_append_printf(out, "\nRun '%s COMMAND --help' for more information on a command.\n", path);
		return;
	}
	g_string_append_printf(out, "Usage:  %s%s%s%s\n\n%s\n", path, command->flags ? " [OPTIONS]" : "",
			       *command->arguments ? " " : "", command->arguments, command->summary);
	if (append_paths(berth_commands, command, program, aliases) > 1)
		g_string_append_printf(out, "\nAliases:\n  %s\n", aliases->str);
	if (command->flags) {
		g_string_append(out, "\nOptions:\n");
		berth_flags_help(command->flags, width, out);
	}
}

void berth_program_help(const char *program, unsigned width, GString *out)
{
	g_string_append_printf(out, "Usage:  %s [OPTIONS] COMMAND\n\nA container platform for Linux\n", program);
	append_commands(berth_commands, "Management Commands", true, out);
	append_commands(berth_commands, "Commands", false, out);
	g_string_append(out, "\nGlobal Options:\n");
	berth_flags_help(berth_global_flags, width, out);
	g_string_append_printf(out, "\nRun '%s COMMAND --help' for more information on a command.\n", program);
}
