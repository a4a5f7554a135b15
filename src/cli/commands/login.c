// SPDX-License-Identifier: Apache-2.0
// `login` and `logout`.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

struct options {
	char *username, *password;
	bool password_given, password_stdin;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"password", 'p', BERTH_FLAG_TEXT, AT(password), NULL,
	 "Password or personal access token (other users may see it; --password-stdin is better)",
	 .given_offset = AT(password_given)},
	{"password-stdin", 0, BERTH_FLAG_SWITCH, AT(password_stdin), NULL, "Take the password from stdin"},
	{"username", 'u', BERTH_FLAG_TEXT, AT(username), NULL, "Username"},
	{0},
};

static bool read_password_stdin(struct berth_login *login, GError **error)
{
	char *text = berth_read_fd(STDIN_FILENO, BERTH_LIMIT_SECRET, NULL, "standard input", error);

	if (!text)
		return false;
	size_t length = strlen(text);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
	login->password = text;
	return length > 0 || berth_error_set(error, BERTH_ERROR_INVALID, "password is empty");
}

// One line from the terminal, with `secret` without its echo. NULL at the input's end.
static char *ask(const char *question, bool secret)
{
	struct termios saved, quiet;
	bool hidden = secret && tcgetattr(STDIN_FILENO, &saved) == 0;
	char *line = NULL;
	size_t size = 0;

	if (hidden) { // before the question: whoever sees that may answer at once
		quiet = saved;
		quiet.c_lflag &= ~(tcflag_t) ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	fputs(question, stdout);
	fflush(stdout);
	ssize_t length = getline(&line, &size, stdin);
	if (hidden) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		putchar('\n');
	}
	char *result = length < 0 ? NULL : g_strdup(g_strchomp(line));
	if (line)
		explicit_bzero(line, size);
	free(line);
	return result;
}

static bool ask_for_rest(struct berth_login *login, const char *known_user, GError **error)
{
	if (!isatty(STDIN_FILENO))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Error: Cannot perform an interactive login from a non TTY device");
	if (!login->username) {
		g_autofree char *question =
			known_user ? g_strdup_printf("Username (%s): ", known_user) : g_strdup("Username: ");
		login->username = ask(question, false);
		if (login->username && !*login->username && known_user) {
			g_free(login->username);
			login->username = g_strdup(known_user);
		}
	}
	if (!login->username || !*login->username)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Error: Non-null Username Required");
	login->password = ask("Password: ", true);
	return (login->password && *login->password) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "Error: Password Required");
}

// Asks the engine whether the credentials are good. An identity token that it was given takes the password's place.
static bool check(struct berth_cli *cli, const char *key, struct berth_login *login, GError **error)
{
	char *body = berth_login_document(key, login);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", "/auth", body, error);

	berth_secret_free(body);
	if (!answer)
		return false;
	const char *token = json_string_value(json_object_get(answer, "IdentityToken"));
	if (token && *token) {
		berth_secret_free(login->password);
		login->password = NULL;
		berth_secret_free(login->identity_token);
		login->identity_token = g_strdup(token);
	}
	return true;
}

static bool keep(struct berth_cli *cli, const char *key, const struct berth_login *login, GError **error)
{
	g_autofree char *helper = NULL;

	if (!berth_login_store(cli, key, login, &helper, error)) {
		g_prefix_error(error, "Error saving credentials: ");
		return false;
	}
	if (!helper) {
		g_autofree char *folder = berth_config_folder(cli);
		fprintf(stderr,
			"WARNING! Your credentials are stored unencrypted in '%s/" BERTH_CONFIG_FILE "'.\n"
			"Configure a credential helper (credsStore or credHelpers in that file) to remove this "
			"warning.\n",
			folder);
	}
	puts("Login Succeeded");
	return true;
}

static bool check_flags(const struct options *options, GError **error)
{
	if (options->password_given)
		fputs("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", stderr);
	if (options->password_given && options->password_stdin)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--password and --password-stdin are mutually exclusive");
	if (options->password_stdin && (!options->username || !*options->username))
		return berth_error_set(error, BERTH_ERROR_INVALID, "Must provide --username with --password-stdin");
	return !options->password_given || *options->password ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "password is empty");
}

// With what is kept already. False without *error: there is nothing, or it is not good any more.
static bool use_kept(struct berth_cli *cli, const char *key, struct berth_login *kept, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (!kept->identity_token && !kept->password)
		return false;
	puts("Authenticating with existing credentials...");
	if (check(cli, key, kept, &failure))
		return keep(cli, key, kept, error);
	if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED))
		g_propagate_error(error, g_steal_pointer(&failure));
	else
		fprintf(stderr, "Login did not succeed, error: %s\n", failure->message);
	return false;
}

static bool log_in(struct berth_cli *cli, const struct options *options, const char *key, struct berth_login *login,
		   GError **error)
{
	struct berth_login kept = {0};
	bool asked_for_nothing = !options->username && !options->password_given;
	bool fine = true, over = false;

	if (asked_for_nothing) {
		fine = berth_login_find(cli, key, &kept, error);
		over = fine && use_kept(cli, key, &kept, error);
		fine = over || (error && *error ? false : fine);
	}
	login->username = g_strdup(options->username);
	if (fine && !over && options->password_stdin)
		fine = read_password_stdin(login, error);
	else if (fine && !over && options->password_given)
		login->password = g_strdup(options->password);
	if (fine && !over && (!login->password || !login->username))
		fine = ask_for_rest(login, kept.username, error);
	berth_login_clear(&kept);
	return fine && (over || (check(cli, key, login, error) && keep(cli, key, login, error)));
}

static int login_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autofree char *key = berth_login_key_of_server(arguments[0]);
	struct berth_login login = {0};

	if (!check_flags(options, error))
		return 1;
	bool fine = log_in(cli, options, key, &login, error);
	berth_login_clear(&login);
	return fine ? 0 : 1;
}

static int logout_main(struct berth_cli *cli, G_GNUC_UNUSED const void *data, char **arguments, GError **error)
{
	g_autofree char *key = berth_login_key_of_server(arguments[0]);
	bool found;

	if (!berth_login_erase(cli, key, &found, error))
		return 1;
	if (found)
		printf("Removing login credentials for %s\n", key);
	else
		printf("Not logged in to %s\n", key);
	return 0;
}

const struct berth_command berth_command_login = {
	.arguments = "[SERVER]",
	.summary = "Authenticate to a registry",
	.description = "Asks the registry (default: Docker Hub) whether the credentials are good, and keeps them in "
		       "config.json of ~/.docker, or with the credential helper that this file names.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.max_arguments = 1,
	.main = login_main,
};

const struct berth_command berth_command_logout = {
	.arguments = "[SERVER]",
	.summary = "Log out from a registry",
	.max_arguments = 1,
	.main = logout_main,
};
