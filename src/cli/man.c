// SPDX-License-Identifier: Apache-2.0
// Man pages as roff, made from the tables.
#include "base/error.h"
#include "cli/command.h"

#include <string.h>

// Text in which roff must not find anything of its own.
static void append_text(GString *out, const char *text)
{
	for (bool start = true; *text; start = *text++ == '\n') {
		if (*text == '\\')
			g_string_append(out, "\\e");
		else if (*text == '-')
			g_string_append(out, "\\-");
		else if (start && (*text == '.' || *text == '\''))
			g_string_append_printf(out, "\\&%c", *text);
		else
			g_string_append_c(out, *text);
	}
}

static void append_flags(GString *out, const char *title, const struct berth_flag *flags)
{
	if (!flags)
		return;
	g_string_append_printf(out, ".SH %s\n", title);
	for (; flags->name; flags++) {
		if (flags->flags & BERTH_FLAG_HIDDEN)
			continue;
		g_string_append(out, ".TP\n\\fB");
		if (flags->shorthand)
			g_string_append_printf(out, "\\-%c\\fR, \\fB", flags->shorthand);
		g_string_append(out, "\\-\\-");
		append_text(out, flags->name);
		g_string_append(out, "\\fR");
		if (flags->argument)
			g_string_append_printf(out, " \\fI%s\\fR", flags->argument);
		g_string_append_c(out, '\n');
		append_text(out, flags->help);
		if (flags->fallback && *flags->fallback && strcmp(flags->fallback, "-1") != 0) {
			g_string_append(out, " (default ");
			append_text(out, flags->fallback);
			g_string_append_c(out, ')');
		}
		g_string_append_c(out, '\n');
	}
}

static void append_commands(GString *out, const struct berth_command_entry *commands, const char *prefix)
{
	g_string_append(out, ".SH COMMANDS\n");
	for (; commands->name; commands++) {
		if (commands->hidden)
			continue;
		g_string_append(out, ".TP\n\\fB");
		append_text(out, prefix);
		append_text(out, "-");
		append_text(out, commands->name);
		g_string_append(out, "\\fR(1)\n");
		append_text(out, commands->command->summary);
		g_string_append_c(out, '\n');
	}
}

static void append_head(GString *out, const char *page, const char *summary)
{
	g_autofree char *upper = g_ascii_strup(page, -1);

	g_string_append_printf(out, ".TH %s 1 \"\" \"Berth " BERTH_VERSION "\" \"Berth\"\n.SH NAME\n", upper);
	append_text(out, page);
	g_string_append(out, " \\- ");
	append_text(out, summary);
	g_string_append(out, "\n.SH SYNOPSIS\n");
}

static void append_program(GString *out)
{
	append_head(out, "berth", "a container platform for Linux");
	g_string_append(out, ".B berth\n[OPTIONS] COMMAND\n.SH DESCRIPTION\n");
	append_text(
		out,
		"Makes and runs containers, and keeps their images, by talking to the engine, berthd(8). Its commands "
		"have the grammar of Docker's.\n");
	append_flags(out, "OPTIONS", berth_global_flags);
	append_commands(out, berth_commands, "berth");
	g_string_append(out,
			".SH ENVIRONMENT\n.TP\n.B BERTH_HOST\nThe engine to talk to.\n.TP\n.B DOCKER_HOST\nThe same, "
			"if BERTH_HOST is not set.\n");
}

bool berth_cli_man_page(const char *page, GString *out, GError **error)
{
	g_auto(GStrv) names = g_strsplit(page, "-", -1);
	size_t used = 0;

	if (strcmp(page, "berth") == 0) {
		append_program(out);
		return true;
	}
	const struct berth_command *command =
		names[0] && strcmp(names[0], "berth") == 0 ? berth_command_find(names + 1, &used) : NULL;
	if (!command || names[used + 1])
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "there is no man page \"%s\"; see man --list",
				       page);
	g_autofree char *path = g_strjoinv(" ", names);
	append_head(out, page, command->summary);
	g_string_append_printf(out, ".B %s\n", path);
	append_text(out, command->commands ? "COMMAND" : command->flags ? "[OPTIONS] " : "");
	append_text(out, command->arguments ? command->arguments : "");
	g_string_append(out, "\n.SH DESCRIPTION\n");
	append_text(out, command->description ? command->description : command->summary);
	g_string_append(out, command->description ? "\n" : ".\n");
	append_flags(out, "OPTIONS", command->flags);
	if (command->commands)
		append_commands(out, command->commands, page);
	g_string_append(out, ".SH SEE ALSO\n.BR berth (1)\n");
	return true;
}

static void append_list(const struct berth_command_entry *commands, const char *prefix, GString *out)
{
	for (; commands->name; commands++) {
		if (commands->hidden)
			continue;
		g_autofree char *page = g_strconcat(prefix, "-", commands->name, NULL);
		g_string_append_printf(out, "%s\n", page);
		if (commands->command->commands)
			append_list(commands->command->commands, page, out);
	}
}

void berth_cli_man_list(GString *out)
{
	g_string_append(out, "berth\n");
	append_list(berth_commands, "berth", out);
}
