// SPDX-License-Identifier: Apache-2.0
// Executing one plugin: its request on standard input, a few variables and nothing of ours besides, a limit on what it
// prints and on its time. It is in the host's network namespace, as the caller is.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "network/cni.h"
#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

char *berth_cni_find(char *const *paths, const char *type, GError **error)
{
	if (!berth_cni_type_check(type, "CNI", error))
		return NULL;
	for (size_t i = 0; paths[i]; i++) {
		g_autofree char *path = g_build_filename(paths[i], type, NULL);
		struct stat status;
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
			return g_steal_pointer(&path);
	}
	g_autofree char *places = g_strjoinv(", ", (char **) paths);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "CNI plugin \"%s\" is not in %s", type, places);
	return NULL;
}

static void add_variable(GPtrArray *environment, const char *name, const char *value)
{
	if (value)
		g_ptr_array_add(environment, g_strdup_printf("%s=%s", name, value));
}

static GPtrArray *make_environment(const struct berth_cni_call *call)
{
	GPtrArray *environment = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *paths = g_strjoinv(":", (char **) call->paths);

	g_ptr_array_add(environment, g_strdup(PATH));
	add_variable(environment, "CNI_COMMAND", call->command);
	add_variable(environment, "CNI_CONTAINERID", call->container);
	add_variable(environment, "CNI_NETNS", call->namespace);
	add_variable(environment, "CNI_IFNAME", call->interface);
	add_variable(environment, "CNI_ARGS", call->arguments);
	add_variable(environment, "CNI_PATH", paths);
	g_ptr_array_add(environment, NULL);
	return environment;
}

// A plugin that runs, and what it has printed so far.
struct running {
	pid_t pid;
	int pidfd;
	int output, errors; // ends of pipes that we read; -1: at their end
	GString *text, *words;
};

static void running_clear(struct running *running)
{
	if (running->pid > 0) {
		// The whole group, of which it is the leader as long as it is not reaped.
		kill(-running->pid, SIGKILL);
		berth_process_reap(running->pidfd);
	}
	berth_fd_clear(&running->pidfd);
	berth_fd_clear(&running->output);
	berth_fd_clear(&running->errors);
	g_string_free(running->text, TRUE);
	g_string_free(running->words, TRUE);
}

static int make_input(const json_t *request, GError **error)
{
	g_autofree char *text = berth_json_text(request);
	berth_fd fd = memfd_create("cni", MFD_CLOEXEC);

	if (fd < 0) {
		berth_error_set_errno(error, errno, "memory for a CNI plugin's request");
		return -1;
	}
	if (!berth_write_all(fd, text, strlen(text), "a CNI plugin's request", error))
		return -1;
	lseek(fd, 0, SEEK_SET);
	return berth_fd_steal(&fd);
}

static int spawn(const char *path, char *const *environment, int input, int output, int errors, pid_t *ret_pid)
{
	char *const arguments[] = {(char *) path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	int code = posix_spawn(ret_pid, path, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return code;
}

static bool start(struct running *running, const char *path, const struct berth_cni_call *call, const json_t *request,
		  GError **error)
{
	g_autoptr(GPtrArray) environment = make_environment(call);
	berth_fd input = make_input(request, error);
	int output[2], errors[2];

	if (input < 0)
		return false;
	if (pipe2(output, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "a pipe for %s", path);
	running->output = output[0];
	berth_fd output_end = output[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "a pipe for %s", path);
	running->errors = errors[0];
	berth_fd errors_end = errors[1];
	fcntl(running->output, F_SETFL, O_NONBLOCK);
	fcntl(running->errors, F_SETFL, O_NONBLOCK);
	int code = spawn(path, (char *const *) environment->pdata, input, output_end, errors_end, &running->pid);
	if (code != 0) {
		running->pid = 0;
		return berth_error_set_errno(error, code, "execute CNI plugin %s", path);
	}
	running->pidfd = (int) syscall(SYS_pidfd_open, running->pid, 0);
	return running->pidfd >= 0 || berth_error_set_errno(error, errno, "a descriptor of CNI plugin %s", path);
}

// Reads what is there. False: more than `limit` came.
static bool drain(int *fd, GString *into, size_t limit)
{
	char buffer[4096];

	while (*fd >= 0) {
		ssize_t count = read(*fd, buffer, sizeof buffer);
		if (count > 0 && into->len + (size_t) count > limit)
			return false;
		if (count > 0)
			g_string_append_len(into, buffer, count);
		else if (count == 0 || (errno != EAGAIN && errno != EINTR))
			berth_fd_clear(fd);
		else if (errno == EAGAIN)
			return true;
	}
	return true;
}

// Its log is kept up to a limit; what comes behind is read all the same, so that it does not wait.
static void drain_words(struct running *running)
{
	if (!drain(&running->errors, running->words, BERTH_LIMIT_CNI_WORDS))
		g_string_truncate(running->words, BERTH_LIMIT_CNI_WORDS / 2);
}

// Until it has ended; its children may keep the pipes. *ret_status is its exit code, or 128 + signal.
static bool await(struct running *running, const char *what, int *ret_status, GError **error)
{
	int64_t until = g_get_monotonic_time() + (int64_t) BERTH_LIMIT_CNI_SECONDS * G_USEC_PER_SEC;

	for (bool ended = false; !ended;) {
		struct pollfd polls[] = {
			{running->pidfd, POLLIN, 0}, {running->output, POLLIN, 0}, {running->errors, POLLIN, 0}};
		int64_t left = (until - g_get_monotonic_time() + 999) / 1000;
		if (left <= 0)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s: it has not ended within %d seconds",
					       what, BERTH_LIMIT_CNI_SECONDS);
		if (poll(polls, G_N_ELEMENTS(polls), (int) left) < 0 && errno != EINTR)
			return berth_error_set_errno(error, errno, "wait for %s", what);
		ended = (polls[0].revents & POLLIN) != 0;
		drain_words(running);
		if (!drain(&running->output, running->text, BERTH_LIMIT_CNI_OUTPUT))
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: it printed more than %d bytes", what,
					       BERTH_LIMIT_CNI_OUTPUT);
	}
	*ret_status = berth_process_reap(running->pidfd);
	running->pid = 0;
	return true;
}

// One line of printable text.
static char *printable(const char *text)
{
	g_autofree char *words = g_utf8_make_valid(text, (gssize) MIN(strlen(text), BERTH_LIMIT_PLUGIN_WORDS));

	for (char *at = words; *at; at++)
		if (g_ascii_iscntrl(*at))
			*at = ' ';
	return g_strdup(g_strstrip(words));
}

static enum berth_error kind_of(json_int_t code)
{
	switch (code) {
	case 1: // version
		return BERTH_ERROR_NOT_IMPLEMENTED;
	case 2: // a field that it does not know
	case 4: // the environment
	case 6: // no JSON
	case 7: // its configuration
		return BERTH_ERROR_INVALID;
	case 11: // try again later
	case 50: // STATUS: not ready
	case 51: // the same, and containers there may be cut off
		return BERTH_ERROR_UNAVAILABLE;
	default:
		return BERTH_ERROR_INTERNAL;
	}
}

void berth_cni_error(const char *what, const char *text, size_t length, const char *words, GError **error)
{
	BERTH_AUTO_JSON json_t *document = length > 0 ? berth_json_parse(text, length, what, NULL) : NULL;
	const char *message = json_string_value(json_object_get(document, "msg"));
	const char *details = json_string_value(json_object_get(document, "details"));
	json_int_t code = json_integer_value(json_object_get(document, "code"));
	g_autofree char *raw = length > 0 ? g_strndup(text, length) : NULL;
	g_autofree char *shown = printable(message ? message : raw && *raw ? raw : words);
	g_autofree char *further = printable(details ? details : "");

	if (!message)
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: it failed without an error of CNI's: %s", what,
				shown[0] ? shown : "it printed nothing");
	else
		berth_error_set(error, kind_of(code), "%s: %s%s%s (code %" JSON_INTEGER_FORMAT ")", what, shown,
				further[0] ? ": " : "", further, code);
}

bool berth_cni_run(const struct berth_cni_call *call, const char *type, const json_t *request, json_t **ret,
		   GError **error)
{
	g_autofree char *what = g_strdup_printf("CNI plugin \"%s\" (%s)", type, call->command);
	g_autofree char *path = berth_cni_find(call->paths, type, error);
	struct running running = {
		.pidfd = -1, .output = -1, .errors = -1, .text = g_string_new(NULL), .words = g_string_new(NULL)};
	bool good = path && start(&running, path, call, request, error);
	int status = 0;

	good = good && await(&running, what, &status, error);
	if (good && status != 0) {
		berth_cni_error(what, running.text->str, running.text->len, running.words->str, error);
		good = false;
	} else if (good && ret) {
		*ret = NULL;
		g_autofree char *text = g_strstrip(g_strndup(running.text->str, running.text->len));
		if (*text) {
			*ret = berth_json_parse(running.text->str, running.text->len, what, error);
			good = *ret != NULL;
		}
	}
	running_clear(&running);
	return good;
}
