// SPDX-License-Identifier: Apache-2.0
// The agent's socket has a name only until it is opened: so nobody else finds it, and nothing is left however we end.
#include "cli/build/keys.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BEGINNING "-----BEGIN " // of every kind of private key that ssh-add reads
#define NOT_EXECUTED 127

struct berth_build_keys {
	pid_t pid;
	int fd; // the socket, O_PATH
	char *socket; // by way of it
};

static bool check_key(const char *flag, const char *path, GError **error)
{
	char beginning[sizeof BEGINNING] = "";
	struct stat status;
	berth_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) < 0)
		return berth_error_set_errno(error, errno, "--ssh %s: %s", flag, path);
	if (!S_ISREG(status.st_mode) || berth_read_full(fd, beginning, sizeof BEGINNING - 1) < 0 ||
	    strcmp(beginning, BEGINNING) != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--ssh %s: %s is neither the socket of an agent nor a private key", flag, path);
	return status.st_uid != geteuid() || (status.st_mode & 077) == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "--ssh %s: %s can be used by others (its mode is %04o): chmod 600 %s", flag, path,
			       status.st_mode & 07777, path);
}

static bool check_program(const char *flag, const char *name, GError **error)
{
	g_autofree char *path = g_find_program_in_path(name);

	return path || berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "--ssh %s: keys need the program %s, which is not installed: install OpenSSH's "
				       "client, or name the socket of an agent",
				       flag, name);
}

static _Noreturn void become(const char *const *words, int output)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(output >= 0 ? output : null, STDOUT_FILENO) >= 0)
		execvp(words[0], (char *const *) words);
	fprintf(stderr, "%s: %s\n", words[0], g_strerror(errno));
	_exit(NOT_EXECUTED);
}

// Without the right to change its group, which Debian gives it, it keeps our death in mind.
static _Noreturn void become_agent(const char *path, pid_t parent, int output)
{
	const char *const words[] = {"ssh-agent", "-D", "-a", path, NULL};

	setsid();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(NOT_EXECUTED);
	become(words, output);
}

static int end_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

// It says where it listens, and then is there.
static bool start(struct berth_build_keys *this, const char *path, GError **error)
{
	pid_t parent = getpid();
	int pipes[2];
	char byte;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "making a pipe");
	berth_fd reader = pipes[0], writer = pipes[1];
	fflush(NULL);
	this->pid = fork();
	if (this->pid == 0)
		become_agent(path, parent, writer);
	berth_fd_clear(&writer);
	if (this->pid < 0)
		return berth_error_set_errno(error, errno, "starting ssh-agent");
	if (berth_read_full(reader, &byte, 1) != 1)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "ssh-agent ended before it listened");
	this->fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (this->fd < 0)
		return berth_error_set_errno(error, errno, "opening the socket of ssh-agent");
	this->socket = g_strdup_printf("/proc/self/fd/%d", this->fd);
	return true;
}

static bool start_agent(struct berth_build_keys *this, GError **error)
{
	g_autofree char *folder = g_build_filename(g_get_tmp_dir(), "berth-ssh-XXXXXX", NULL);

	if (!mkdtemp(folder))
		return berth_error_set_errno(error, errno, "making a folder in %s", g_get_tmp_dir());
	g_autofree char *path = g_build_filename(folder, "agent", NULL);
	bool fine = start(this, path, error);
	unlink(path);
	rmdir(folder);
	return fine;
}

static bool add_key(const struct berth_build_keys *this, const char *flag, const char *path, GError **error)
{
	// Descriptors are not left to it.
	g_autofree char *socket = g_strdup_printf("/proc/%d/fd/%d", getpid(), this->fd);
	const char *const words[] = {"ssh-add", "-q", "--", path, NULL};

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		setenv("SSH_AUTH_SOCK", socket, 1);
		become(words, -1);
	}
	if (pid < 0)
		return berth_error_set_errno(error, errno, "starting ssh-add");
	return end_of(pid) == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "--ssh %s: ssh-add did not add the key %s", flag, path);
}

struct berth_build_keys *berth_build_keys_new(const char *flag, char *const *paths, GError **error)
{
	for (char *const *path = paths; *path; path++)
		if (!check_key(flag, *path, error))
			return NULL;
	if (!check_program(flag, "ssh-agent", error) || !check_program(flag, "ssh-add", error))
		return NULL;
	struct berth_build_keys *this = g_new0(struct berth_build_keys, 1);
	this->fd = -1;
	bool fine = start_agent(this, error);
	for (char *const *path = paths; fine && *path; path++)
		fine = add_key(this, flag, *path, error);
	if (fine)
		return this;
	berth_build_keys_free(this);
	return NULL;
}

const char *berth_build_keys_socket(const struct berth_build_keys *keys)
{
	return keys->socket;
}

void berth_build_keys_free(struct berth_build_keys *keys)
{
	if (!keys)
		return;
	if (keys->pid > 0) {
		kill(keys->pid, SIGTERM);
		end_of(keys->pid);
	}
	berth_fd_clear(&keys->fd);
	g_free(keys->socket);
	g_free(keys);
}
