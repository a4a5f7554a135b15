// SPDX-License-Identifier: Apache-2.0
// The least that running a program in a container can cost, to measure the runtime against: a clone with six new
// namespaces, the root bound onto itself, pivot_root, exec, wait. Nothing else of a container is made.
//
//	bare-run ROOT PROGRAM [ARGUMENT...]
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int enter(const char *root, char **arguments)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(root, root, NULL, MS_BIND, NULL) < 0 ||
	    chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return 1;
	execv(arguments[0], arguments);
	return 1;
}

int main(int argc, char **argv)
{
	struct clone_args clone = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;

	if (argc < 3)
		return 2;
	pid_t pid = (pid_t) syscall(SYS_clone3, &clone, sizeof clone);
	if (pid == 0)
		_exit(enter(argv[1], argv + 2));
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		fprintf(stderr, "bare-run: %s\n", strerror(errno));
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
