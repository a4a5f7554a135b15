// SPDX-License-Identifier: Apache-2.0
// The program: global flags, the host, the search for the command, and how errors are told.
#include "cli/command.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/context.h"
#include "cli/style.h"
#include "cli/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_FLAG "unknown flag: --" // berth_flags_parse()'s words

struct global_options {
	char *colour, *config, *context, *log_level, *tls_ca, *tls_certificate, *tls_key;
	char **hosts;
	bool debug, tls, tls_verify, version;
};

#define AT(member) offsetof(struct global_options, member)

const struct berth_flag berth_global_flags[] = {
	{"color", 0, BERTH_FLAG_TEXT, AT(colour), "when",
	 "Colours: always, never or auto (on terminals; also $NO_COLOR, $CLICOLOR_FORCE)"},
	{"config", 0, BERTH_FLAG_TEXT, AT(config), NULL,
	 "Folder of client configuration files (default: $DOCKER_CONFIG, ~/.docker)"},
	{"context", 'c', BERTH_FLAG_TEXT, AT(context), NULL,
	 "Name of the context to use (overrides DOCKER_HOST and \"context use\")"},
	{"debug", 'D', BERTH_FLAG_SWITCH, AT(debug), NULL, "Enable debug mode"},
	{"host", 'H', BERTH_FLAG_LIST, AT(hosts), "list",
	 "Engine to connect to (default: $BERTH_HOST, $DOCKER_HOST, " BERTH_DEFAULT_HOST ")"},
	{"log-level", 'l', BERTH_FLAG_TEXT, AT(log_level), NULL,
	 "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", .fallback = "info"},
	{"tls", 0, BERTH_FLAG_SWITCH, AT(tls), NULL, "Use TLS; implied by --tlsverify ($DOCKER_TLS)"},
	{"tlscacert", 0, BERTH_FLAG_TEXT, AT(tls_ca), NULL,
	 "Trust engines with a certificate of this authority (default $DOCKER_CERT_PATH or ~/.docker, ca.pem)"},
	{"tlscert", 0, BERTH_FLAG_TEXT, AT(tls_certificate), NULL,
	 "Path of the TLS certificate (default $DOCKER_CERT_PATH or ~/.docker, cert.pem)"},
	{"tlskey", 0, BERTH_FLAG_TEXT, AT(tls_key), NULL,
	 "Path of the TLS key (default $DOCKER_CERT_PATH or ~/.docker, key.pem)"},
	{"tlsverify", 0, BERTH_FLAG_SWITCH, AT(tls_verify), NULL, "Use TLS and verify the engine ($DOCKER_TLS_VERIFY)"},
	{"version", 'v', BERTH_FLAG_SWITCH, AT(version), NULL, "Print version information and quit"},
	{0},
};

// Docker's commands that this version does not have, and what to do instead.
static const struct {
	const char *name, *remedy;
} missing[] = {
	{"build", "build elsewhere and `berth load` or `berth pull` the image"},
	{"buildx", "build elsewhere and `berth load` or `berth pull` the image"},
	{"compose", "docker-compose works with this engine: DOCKER_HOST names its socket"},
	{"config", "the engine is in no swarm; mount a file with --mount"},
	{"node", "the engine is in no swarm"},
	{"plugin", "volume, network and authorization plugins are found by their sockets and spec files"},
	{"service", "the engine is in no swarm; `berth run -d --restart always` keeps a container running"},
	{"stack", "the engine is in no swarm; docker-compose works with this engine"},
	{"swarm", "the engine is in no swarm"},
	{"trust", "images are checked by their digests: NAME@sha256:..."},
};

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

bool berth_cli_do(struct berth_cli *cli, const char *method, const GString *path, const char *name, GError **error)
{
	if (!berth_client_do(cli->client, method, path->str, error))
		return false;
	puts(name);
	return true;
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
	if (!berth_style_check(options->colour, error))
		return false;
	if (options->hosts && options->hosts[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "specify only one -H");
	if (options->hosts && options->context && *options->context)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: cannot specify both --host and --context");
	return true;
}

static int unknown_command(const struct berth_cli *cli, const struct berth_command_entry *commands, const char *name)
{
	g_autofree char *near = berth_command_near(commands, name);
	bool known = false;

	for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
		if (strcmp(missing[i].name, name) != 0)
			continue;
		fprintf(stderr, "%s: '%s %s' is not supported by this version; %s\n", cli->program, cli->path, name,
			missing[i].remedy);
		known = true;
	}
	const char *alias = json_string_value(json_object_get(json_object_get(berth_config_get(cli), "aliases"), name));
	if (!known && alias) {
		fprintf(stderr,
			"%s: '%s' is an alias of '%s' in config.json; aliases are not supported by this version\n",
			cli->program, name, alias);
		return 1;
	}
	if (!known)
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

	berth_command_help(command, cli->program, cli->path, berth_style_width(), help);
	fputs(help->str, stdout);
	return 0;
}

// Lines of config.json's HttpHeaders go with every request.
static void set_headers(struct berth_cli *cli)
{
	json_t *headers = json_object_get(berth_config_get(cli), "HttpHeaders"), *value;
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	const char *name;

	if (json_object_size(headers) == 0)
		return;
	json_object_foreach(headers, name, value)
	{
		const char *text = json_string_value(value);
		if (!text || strpbrk(text, "\r\n") || strpbrk(name, "\r\n:") ||
		    g_ascii_strcasecmp(name, "User-Agent") == 0)
			continue;
		g_autofree char *line = g_strconcat(name, ": ", text, NULL);
		g_strv_builder_add(builder, line);
	}
	g_auto(GStrv) lines = g_strv_builder_end(builder);
	berth_client_set_headers(cli->client, lines);
}

// Only the host is found out; nothing is sent yet.
bool berth_cli_connect(struct berth_cli *cli, GError **error)
{
	if (cli->client)
		return true;
	g_autofree char *host = berth_context_host(cli, error);

	cli->client = host ? berth_client_new(host, error) : NULL;
	if (!cli->client || !berth_tls_connect(cli, error))
		return false;
	set_headers(cli);
	return true;
}

static void bad_flag(const char *program, const char *path, const struct berth_flag *flags, const GError *error)
{
	g_autofree char *near = g_str_has_prefix(error->message, UNKNOWN_FLAG)
					? berth_flag_near(flags, error->message + strlen(UNKNOWN_FLAG))
					: NULL;

	fprintf(stderr, "%s: %s\n", program, error->message);
	if (near)
		fprintf(stderr, "Did you mean: %s?\n", near);
	fprintf(stderr, "See '%s --help'.\n", path);
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
		bad_flag(cli->program, cli->path, command->flags, error);
		status = BERTH_CLI_FAILURE;
	} else if (help) {
		status = print_help(cli, command);
	} else if (!check_count(cli, command, (int) g_strv_length(rest), &error)) {
		status = usage_error(cli, command, error, 1);
	} else if (!command->local && !berth_cli_connect(cli, &error)) {
		berth_cli_complain(cli, error);
		status = command->failure ? command->failure : 1;
	} else {
		status = command->each ? berth_cli_for_each(cli, options, rest, command->each)
				       : command->main(cli, options, rest, &error);
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
		berth_program_help(cli->program, berth_style_width(), text);
		fputs(text->str, stdout);
		return 0;
	}
	cli->debug = options->debug;
	cli->config = options->config;
	if (!check_globals(options, &error)) {
		berth_cli_complain(cli, error);
		return 1;
	}
	cli->tls = (struct berth_cli_tls){options->tls, options->tls_verify, options->tls_ca, options->tls_certificate,
					  options->tls_key};
	cli->colour = options->colour;
	cli->chosen_context = options->context;
	cli->chosen_host = options->hosts ? options->hosts[0] : NULL;
	g_autofree char *context = berth_context_current(cli);
	cli->context = context;
	int status = dispatch(cli, arguments);
	berth_client_free(cli->client);
	json_decref(cli->settings);
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

	berth_json_seed();
	if (!berth_flags_parse(berth_global_flags, &options, argc, argv, 0, &arguments, &help, &error)) {
		bad_flag(cli.program, cli.program, berth_global_flags, error);
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
