// SPDX-License-Identifier: Apache-2.0
// PID 1 of a container that asks for one: starts the program given as its arguments, hands signals on to it, reaps what
// is orphaned, and ends as the program does. It must work in any root file system: static, libc only.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Signals that mean a fault of our own, and those that init itself must see, are not handed on.
static const int kept[] = {SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

// In the child: a process group of its own, in the foreground of the terminal if there is one; then the program.
static void run_program(char **arguments, const sigset_t *mask)
{
	setpgid(0, 0);
	// SIGTTOU is blocked here, so a background group may take the terminal.
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (terminal >= 0)
		tcsetpgrp(terminal, getpgrp());
	else if (isatty(STDIN_FILENO))
		tcsetpgrp(STDIN_FILENO, getpgrp());
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(arguments[0], arguments);

	int failure = errno;
	fprintf(stderr, "berth-init: exec %s: %s\n", arguments[0], strerror(failure));
	_exit(failure == ENOENT || failure == ENOTDIR ? 127 : 126);
}

// Reaps all that has ended. Returns true with the program's status when it is among them.
static bool reap(pid_t program, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) != 0) {
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (pid != program)
			continue;
		ended = true;
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return ended;
}

static void hand_on(pid_t program, int signal)
{
	// The program is the leader of its group; before it has made the group, it is signalled by itself.
	if (kill(-program, signal) < 0)
		kill(program, signal);
}

int main(int argc, char **argv)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	sigset_t waited, before;

	if (argc <= first) {
		fputs("usage: berth-init [--] PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	sigfillset(&waited);
	for (size_t i = 1; i < sizeof kept / sizeof *kept; i++) // SIGCHLD is waited for too
		sigdelset(&waited, kept[i]);
	// What stops a background process at the terminal must not stop us, nor the child before it has the foreground.
	sigset_t blocked = waited;
	sigaddset(&blocked, SIGTTOU);
	sigaddset(&blocked, SIGTTIN);
	sigprocmask(SIG_SETMASK, &blocked, &before);
	if (getpid() != 1)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

	pid_t program = fork();
	if (program < 0) {
		perror("berth-init: fork");
		return 126;
	}
	if (program == 0)
		run_program(argv + first, &before);

	for (int status = 0;;) {
		int signal = sigwaitinfo(&waited, NULL);
		if (signal == SIGCHLD && reap(program, &status))
			return status;
		if (signal > 0 && signal != SIGCHLD)
			hand_on(program, signal);
	}
}
