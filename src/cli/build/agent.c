// SPDX-License-Identifier: Apache-2.0
#include "cli/build/agent.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/build/keys.h"
#include "cli/build/known-hosts.h"
#include "cli/client.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

// The agent's protocol (draft-miller-ssh-agent): a length of four bytes, then a message whose first byte is its kind.
#define MESSAGE_MAX (256 << 10)
#define REQUEST_IDENTITIES 11
#define SIGN_REQUEST 13
#define REFUSAL "\0\0\0\1\5" // SSH_AGENT_FAILURE

#define KNOWN_HOSTS "@known-hosts" // in place of an agent: see cli/build/known-hosts.h

struct agent {
	char *id, *socket; // socket NULL: it is no agent that is asked for, but known hosts
	struct berth_build_keys *keys; // behind the socket; NULL: it is the user's
	pid_t pid; // of who offers it; 0: nobody yet
};

struct berth_build_agents {
	GArray *agents; // of struct agent
};

static bool find_agent(struct agent *agent, const char *text, const char *paths, GError **error)
{
	g_auto(GStrv) list = g_strsplit(paths, ",", -1);
	struct stat status;

	if (!list[0] || stat(list[0], &status) < 0)
		return berth_error_set_errno(error, list[0] ? errno : ENOENT, "--ssh %s: %s", text, paths);
	if (!S_ISSOCK(status.st_mode)) {
		agent->keys = berth_build_keys_new(text, list, error);
		agent->socket = g_strdup(agent->keys ? berth_build_keys_socket(agent->keys) : NULL);
		return agent->keys;
	}
	if (list[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "--ssh %s: one agent, or keys: %s is a socket", text,
				       list[0]);
	if (strlen(list[0]) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--ssh %s: the socket's path is too long", text);
	agent->socket = g_strdup(list[0]);
	return true;
}

// One "ID" or "ID=PATHS".
static bool add_agent(struct berth_build_agents *agents, const char *text, GError **error)
{
	const char *equals = strchr(text, '=');
	const char *paths = equals ? equals + 1 : g_getenv("SSH_AUTH_SOCK");
	struct agent agent = {.id = equals ? g_strndup(text, (gsize) (equals - text)) : g_strdup(text)};

	bool fine =
		*agent.id == '@' || !*agent.id
			? berth_error_set(error, BERTH_ERROR_INVALID,
					  "--ssh %s: expected default, ID=SOCKET or ID=KEY[,KEY]", text)
		: paths && *paths ? find_agent(&agent, text, paths, error)
		: equals ? berth_error_set(error, BERTH_ERROR_INVALID, "--ssh %s: no socket and no key is named", text)
			 : berth_error_set(error, BERTH_ERROR_INVALID,
					   "--ssh %s: no agent runs: SSH_AUTH_SOCK is not set; keys are given as "
					   "--ssh %s=KEY",
					   text, text);
	g_array_append_val(agents->agents, agent);
	return fine;
}

struct berth_build_agents *berth_build_agents_new(char *const *given, GError **error)
{
	struct berth_build_agents *agents;

	if (!given || !*given)
		return NULL;
	agents = g_new0(struct berth_build_agents, 1);
	agents->agents = g_array_new(FALSE, TRUE, sizeof(struct agent));
	for (; *given; given++)
		if (!add_agent(agents, *given, error)) {
			berth_build_agents_free(agents);
			return NULL;
		}
	const struct agent known_hosts = {.id = g_strdup(KNOWN_HOSTS)};
	g_array_append_val(agents->agents, known_hosts);
	return agents;
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *) &address, sizeof address) < 0)
		berth_fd_clear(&fd);
	return fd;
}

static bool read_whole(struct berth_answer *answer, uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t count = berth_answer_read(answer, bytes, size, NULL);
		if (count <= 0)
			return false;
		bytes += count;
		size -= (size_t) count;
	}
	return true;
}

static uint32_t length_of(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 | bytes[3];
}

// One question of the step, and its answer.
static bool exchange(struct berth_answer *answer, int agent, uint8_t *message)
{
	uint32_t length;

	if (!read_whole(answer, message, 4) || (length = length_of(message)) == 0 || length > MESSAGE_MAX - 4 ||
	    !read_whole(answer, message + 4, length))
		return false;
	if (message[4] != REQUEST_IDENTITIES && message[4] != SIGN_REQUEST)
		return berth_write_all(berth_answer_fd(answer), REFUSAL, 5, "the engine", NULL);
	if (!berth_write_all(agent, message, 4 + (size_t) length, "the agent", NULL) ||
	    berth_read_full(agent, message, 4) != 4 || (length = length_of(message)) > MESSAGE_MAX - 4 ||
	    berth_read_full(agent, message + 4, length) != (ssize_t) length)
		return false;
	return berth_write_all(berth_answer_fd(answer), message, 4 + (size_t) length, "the engine", NULL);
}

static void serve(struct berth_answer *answer, const char *path)
{
	g_autofree uint8_t *message = g_malloc(MESSAGE_MAX);
	berth_fd agent = dial(path);

	while (agent >= 0 && exchange(answer, agent, message))
		;
}

// A connection that waits, and then another, until the engine knows the build no more. One that is closed unused was
// only looked at.
static void offer(struct berth_cli *cli, const struct agent *agent, const char *build)
{
	for (;;) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) path = berth_path_new("/build/%s/agent", build, false);
		berth_path_add(path, "name", agent->id);
		g_autoptr(berth_answer) answer = berth_client_call(
			cli->client, &(struct berth_call){.method = "POST", .path = path->str, .upgrade = true},
			&error);
		if (!answer)
			return;
		struct pollfd fd = {berth_answer_fd(answer), POLLIN, 0};
		while (!berth_answer_ready(answer) && poll(&fd, 1, -1) < 0 && errno == EINTR)
			;
		char byte;
		bool used = berth_answer_ready(answer) || recv(fd.fd, &byte, 1, MSG_PEEK) > 0;
		if (used && fork() == 0) {
			if (agent->socket)
				serve(answer, agent->socket);
			else
				berth_build_known_hosts_serve(answer);
			_exit(0);
		}
	}
}

void berth_build_agents_start(struct berth_build_agents *agents, struct berth_cli *cli, const char *build)
{
	pid_t parent = getpid();

	for (guint i = 0; i < agents->agents->len; i++) {
		struct agent *agent = &g_array_index(agents->agents, struct agent, i);
		fflush(NULL);
		agent->pid = fork();
		if (agent->pid != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGCHLD, SIG_IGN);
		if (getppid() == parent)
			offer(cli, agent, build);
		_exit(0);
	}
}

void berth_build_agents_free(struct berth_build_agents *agents)
{
	for (guint i = 0; agents && i < agents->agents->len; i++) {
		struct agent *agent = &g_array_index(agents->agents, struct agent, i);
		if (agent->pid > 0) {
			kill(agent->pid, SIGTERM);
			while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
				;
		}
		berth_build_keys_free(agent->keys);
		g_free(agent->id);
		g_free(agent->socket);
	}
	if (agents) {
		g_array_unref(agents->agents);
		g_free(agents);
	}
}
