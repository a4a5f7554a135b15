// SPDX-License-Identifier: Apache-2.0
// The program: global flags, the host, the search for the command, and how errors are told.
#include "cli/command.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define DEFAULT_HOST "unix:///run/berth/berth.sock"

struct global_options {
	char *config, *context, *log_level, *tls_ca, *tls_certificate, *tls_key;
	char **hosts;
	bool debug, tls, tls_verify, version;
};

#define AT(member) offsetof(struct global_options, member)

const struct berth_flag berth_global_flags[] = {
	{"config", 0, BERTH_FLAG_TEXT, AT(config), NULL,
	 "Folder of client configuration files (default: $DOCKER_CONFIG, ~/.docker)"},
	{"context", 'c', BERTH_FLAG_TEXT, AT(context), NULL, "Name of the context to use: there is \"default\" only"},
	{"debug", 'D', BERTH_FLAG_SWITCH, AT(debug), NULL, "Enable debug mode"},
	{"host", 'H', BERTH_FLAG_LIST, AT(hosts), "list",
	 "Engine to connect to (default: $BERTH_HOST, $DOCKER_HOST, " DEFAULT_HOST ")"},
	{"log-level", 'l', BERTH_FLAG_TEXT, AT(log_level), NULL,
	 "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", .fallback = "info"},
	{"tls", 0, BERTH_FLAG_SWITCH, AT(tls), NULL, "Use TLS (not supported)"},
	{"tlscacert", 0, BERTH_FLAG_TEXT, AT(tls_ca), NULL, "Trust certificates of this authority (not supported)"},
	{"tlscert", 0, BERTH_FLAG_TEXT, AT(tls_certificate), NULL, "Path of the TLS certificate (not supported)"},
	{"tlskey", 0, BERTH_FLAG_TEXT, AT(tls_key), NULL, "Path of the TLS key (not supported)"},
	{"tlsverify", 0, BERTH_FLAG_SWITCH, AT(tls_verify), NULL, "Use TLS and verify the engine (not supported)"},
	{"version", 'v', BERTH_FLAG_SWITCH, AT(version), NULL, "Print version information and quit"},
	{0},
};

// Docker's commands that this version does not have.
static const char *const missing[] = {
	"attach-ws", "build", "builder", "buildx", "checkpoint", "commit",     "compose", "config",
	"context",   "cp",    "diff",    "exec",   "export",     "node",       "plugin",  "secret",
	"service",   "stack", "stats",   "swarm",  "trust",      "dial-stdio",
};

static unsigned terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void berth_cli_complain(const struct berth_cli *cli, const GError *error)
{
	bool told = g_str_has_prefix(error->message, BERTH_CLIENT_ERROR_PREFIX);

	fflush(stdout);
	fprintf(stderr, "%s%s%s\n", told ? "" : cli->program, told ? "" : ": ", error->message);
}

int berth_cli_for_each(struct berth_cli *cli, const void *options, char **arguments, berth_cli_each_fn *each)
{
	int status = 0;

	for (; *arguments; arguments++) {
		g_autoptr(GError) error = NULL;
		if (each(cli, options, *arguments, &error))
			continue;
		berth_cli_complain(cli, error);
		status = 1;
		if (g_error_matches(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
			break; // so are the others
	}
	return status;
}

bool berth_cli_confirm(const char *question)
{
	char answer[16] = "";

	fprintf(stdout, "%s [y/N] ", question);
	fflush(stdout);
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool check_globals(const struct global_options *options, GError **error)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", "fatal", NULL};
	const char *context = options->context ? options->context : g_getenv("DOCKER_CONTEXT");

	if (!g_strv_contains(levels, options->log_level))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unable to parse logging level: %s",
				       options->log_level);
	if (options->tls || options->tls_verify || options->tls_ca || options->tls_certificate || options->tls_key)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"TLS is not supported by this version; reach a distant engine's socket through "
			"ssh -L /tmp/berth.sock:/run/berth/berth.sock HOST and -H unix:///tmp/berth.sock");
	if (context && *context && strcmp(context, "default") != 0)
		return berth_error_set(
			error, BERTH_ERROR_NOT_FOUND,
			"context \"%s\": there are no contexts in this version but \"default\"; use -H or "
			"BERTH_HOST",
			context);
	if (options->hosts && options->hosts[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "specify only one -H");
	return true;
}

static const char *choose_host(const struct global_options *options)
{
	const char *names[] = {"BERTH_HOST", "DOCKER_HOST"};

	if (options->hosts)
		return options->hosts[0];
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_getenv(names[i]) && *g_getenv(names[i]))
			return g_getenv(names[i]);
	return DEFAULT_HOST;
}

static int unknown_command(const struct berth_cli *cli, const struct berth_command_entry *commands, const char *name)
{
	g_autofree char *near = berth_command_near(commands, name);
	bool known = false;

	for (size_t i = 0; i < G_N_ELEMENTS(missing); i++)
		known = known || strcmp(missing[i], name) == 0;
	if (known)
		fprintf(stderr, "%s: '%s %s' is not supported by this version\n", cli->program, cli->path, name);
	else
		fprintf(stderr, "%s: unknown command: %s %s\n", cli->program, cli->path, name);
	if (near && !known)
		fprintf(stderr, "Did you mean: %s?\n", near);
	fprintf(stderr, "See '%s --help'.\n", cli->path);
	return 1;
}

static bool check_count(const struct berth_cli *cli, const struct berth_command *command, int count, GError **error)
{
	int min = command->min_arguments, max = command->max_arguments;
	const char *how = max == min ? "exactly" : count < min ? "at least" : "at most";
	int wanted = count < min ? min : max;

	if (count >= min && (max < 0 || count <= max))
		return true;
	if (max == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "'%s' accepts no arguments", cli->path);
	return berth_error_set(error, BERTH_ERROR_INVALID, "'%s' requires %s %d argument%s", cli->path, how, wanted,
			       wanted == 1 ? "" : "s");
}

static int usage_error(const struct berth_cli *cli, const struct berth_command *command, const GError *error,
		       int status)
{
	fprintf(stderr, "%s: %s\nSee '%s --help'.\n\nUsage:  %s%s %s\n\n%s\n", cli->program, error->message, cli->path,
		cli->path, command->flags ? " [OPTIONS]" : "", command->arguments, command->summary);
	return status;
}

static int print_help(const struct berth_cli *cli, const struct berth_command *command)
{
	g_autoptr(GString) help = g_string_new(NULL);

	berth_command_help(command, cli->program, cli->path, terminal_width(), help);
	fputs(help->str, stdout);
	return 0;
}

static int run_command(struct berth_cli *cli, const struct berth_command *command, char **arguments)
{
	g_autofree void *options = g_malloc0(command->options_size + 1);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) rest = NULL;
	bool help = false;
	int status;

	if (!berth_flags_parse(command->flags, options, (int) g_strv_length(arguments), arguments,
			       command->leading ? 0 : BERTH_FLAGS_INTERSPERSED, &rest, &help, &error)) {
		fprintf(stderr, "%s: %s\nSee '%s --help'.\n", cli->program, error->message, cli->path);
		status = BERTH_CLI_FAILURE;
	} else if (help) {
		status = print_help(cli, command);
	} else if (!check_count(cli, command, (int) g_strv_length(rest), &error)) {
		status = usage_error(cli, command, error, 1);
	} else {
		status = command->main(cli, options, rest, &error);
		if (error) {
			if (command->failure)
				fprintf(stderr, "%s: %s\nSee '%s --help'.\n", cli->program, error->message, cli->path);
			else
				berth_cli_complain(cli, error);
			status = status ? status : command->failure ? command->failure : 1;
		}
	}
	berth_flags_clear(command->flags, options);
	return status;
}

// Finds the command of the arguments and runs it.
static int dispatch(struct berth_cli *cli, char **arguments)
{
	size_t used;
	const struct berth_command *command = berth_command_find(arguments, &used);

	g_autoptr(GString) path = g_string_new(cli->program);
	for (size_t i = 0; i < used; i++)
		g_string_append_printf(path, " %s", arguments[i]);
	cli->path = path->str;
	if (!command)
		return unknown_command(cli, berth_commands, arguments[0]);
	if (!command->commands)
		return run_command(cli, command, arguments + used - 1);
	const char *next = arguments[used];
	if (!next || strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0)
		return print_help(cli, command);
	if (*next == '-') {
		fprintf(stderr, "%s: unknown flag: %s\nSee '%s --help'.\n", cli->program, next, cli->path);
		return BERTH_CLI_FAILURE;
	}
	return unknown_command(cli, command->commands, next);
}

static int run(struct berth_cli *cli, const struct global_options *options, char **arguments, bool help)
{
	g_autoptr(GError) error = NULL;

	if (options->version) {
		printf("Berth version " BERTH_VERSION "\n");
		return 0;
	}
	if (help || !arguments[0]) {
		g_autoptr(GString) text = g_string_new(NULL);
		berth_program_help(cli->program, terminal_width(), text);
		fputs(text->str, stdout);
		return 0;
	}
	cli->debug = options->debug;
	cli->config = options->config;
	cli->client = check_globals(options, &error) ? berth_client_new(choose_host(options), &error) : NULL;
	if (!cli->client) {
		berth_cli_complain(cli, error);
		return 1;
	}
	int status = dispatch(cli, arguments);
	berth_client_free(cli->client);
	return status;
}

int berth_cli_main(int argc, char **argv)
{
	g_autofree char *name = g_path_get_basename(argc > 0 ? argv[0] : "berth");
	struct berth_cli cli = {.program = strcmp(name, "docker") == 0 ? "docker" : "berth"};
	struct global_options options = {0};
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) arguments = NULL;
	bool help = false;
	int status;

	if (!berth_flags_parse(berth_global_flags, &options, argc, argv, 0, &arguments, &help, &error)) {
		fprintf(stderr, "%s: %s\nSee '%s --help'.\n", cli.program, error->message, cli.program);
		status = BERTH_CLI_FAILURE;
	} else {
		status = run(&cli, &options, arguments, help);
	}
	berth_flags_clear(berth_global_flags, &options);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "%s: writing the output: %s\n", cli.program, g_strerror(errno));
		status = status ? status : 1;
	}
	return status;
}
