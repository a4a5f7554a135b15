// SPDX-License-Identifier: Apache-2.0
#include "cli/credential-helper.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/credentials.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

extern char **environ;

#define PROGRAM_PREFIX "docker-credential-"
#define NOT_FOUND "credentials not found in native keychain" // as every helper says it

// The helper's input is a file in memory: it can be written whole before somebody reads.
static int make_input(const char *text, GError **error)
{
	berth_fd fd = memfd_create("credential", MFD_CLOEXEC);

	if (fd < 0) {
		berth_error_set_errno(error, errno, "making a file in memory");
		return -1;
	}
	if (!berth_write_all(fd, text, strlen(text), "a credential helper's input", error) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return berth_fd_steal(&fd);
}

static bool spawn(const char *program, const char *word, int input, int output, pid_t *ret_pid, GError **error)
{
	char *const arguments[] = {(char *) program, (char *) word, NULL};
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	int failure = posix_spawnp(ret_pid, program, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return failure == 0 || berth_error_set_errno(error, failure, "credential helper %s", program);
}

// Runs the helper. *ret_output is what it wrote, a secret; *ret_good whether it succeeded.
static bool run(const char *helper, const char *word, const char *text, char **ret_output, bool *ret_good,
		GError **error)
{
	g_autofree char *program = g_strconcat(PROGRAM_PREFIX, helper, NULL);
	int pipe_fds[2], status;
	pid_t pid;

	if (strchr(helper, '/'))
		return berth_error_set(error, BERTH_ERROR_INVALID, "credential helper \"%s\": is not a name", helper);
	berth_fd input = make_input(text, error);
	if (input < 0)
		return false;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "making a pipe");
	berth_fd output = pipe_fds[0], writer = pipe_fds[1];
	if (!spawn(program, word, input, writer, &pid, error))
		return false;
	berth_fd_clear(&writer);
	*ret_output = berth_read_fd(output, BERTH_LIMIT_SECRET, NULL, program, error);
	berth_fd_clear(&output); // one that says too much does not wait for ever
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	*ret_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return *ret_output != NULL;
}

// What a helper that failed said; that may not be what it was asked for.
static bool failed(const char *helper, const char *word, const char *output, GError **error)
{
	g_autofree char *line = g_strndup(output, strcspn(output, "\n"));

	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "credential helper " PROGRAM_PREFIX "%s: %s failed: %s",
			       helper, word, *line ? line : "it said nothing");
}

bool berth_credential_helper_get(const char *helper, const char *server, char **ret_username, char **ret_secret,
				 GError **error)
{
	char *output = NULL;
	bool good, fine = true;

	*ret_username = *ret_secret = NULL;
	if (!run(helper, "get", server, &output, &good, error))
		return false;
	if (!good) {
		fine = strstr(output, NOT_FOUND) || failed(helper, "get", output, error);
	} else {
		BERTH_AUTO_JSON json_t *json = json_loads(output, 0, NULL);
		const char *username = json_string_value(json_object_get(json, "Username"));
		const char *secret = json_string_value(json_object_get(json, "Secret"));
		if (username && secret) {
			*ret_username = g_strdup(username);
			*ret_secret = g_strdup(secret);
		} else {
			fine = berth_error_set(error, BERTH_ERROR_INVALID,
					       "credential helper " PROGRAM_PREFIX
					       "%s: its answer is no object with Username and Secret",
					       helper);
		}
	}
	berth_secret_free(output);
	return fine;
}

bool berth_credential_helper_store(const char *helper, const char *server, const char *username, const char *secret,
				   GError **error)
{
	BERTH_AUTO_JSON json_t *json = json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
						 username ? username : "", "Secret", secret ? secret : "");
	char *text = berth_json_text(json), *output = NULL;
	bool good;
	bool fine =
		run(helper, "store", text, &output, &good, error) && (good || failed(helper, "store", output, error));

	berth_secret_free(text);
	berth_secret_free(output);
	return fine;
}

bool berth_credential_helper_erase(const char *helper, const char *server, GError **error)
{
	char *output = NULL;
	bool good;
	bool fine = run(helper, "erase", server, &output, &good, error) &&
		    (good || strstr(output, NOT_FOUND) || failed(helper, "erase", output, error));

	berth_secret_free(output);
	return fine;
}
