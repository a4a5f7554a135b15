// SPDX-License-Identifier: Apache-2.0
// Runs `berth-runtime exec` and kills the helper that makes the process in the container, at the moment at which it has
// made it and is about to say so: a seccomp filter asks this program about each sendmsg().
//
//	kill-helper PROGRAM [ARGUMENT…]
//
// The exit status is the program's; 99 if no helper was there to be killed, 98 if the program has left a child.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_HELPER 99
#define LEFT_CHILD 98

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	return (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

// One number only: it is in our own pid namespace, not in one beneath, as the container's process.
static bool is_outside(pid_t pid)
{
	char path[64], line[256];
	bool outside = false;

	snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "NSpid:\t", 7) == 0)
			outside = !strchr(line + 7, '\t');
	if (file)
		fclose(file);
	return outside;
}

static bool answer(int listener, pid_t runtime)
{
	struct seccomp_notif call = {0};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return false; // who called has been killed
	if ((pid_t) call.pid != runtime && is_outside((pid_t) call.pid)) {
		kill((pid_t) call.pid, SIGKILL);
		return true;
	}
	struct seccomp_notif_resp response = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	return false;
}

int main(int argc, char **argv)
{
	int *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], done[2], status;
	bool killed = false;
	char byte = 0;

	if (argc < 2 || shared == MAP_FAILED || pipe(ready) < 0 || pipe(done) < 0)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		*shared = install();
		if (*shared < 0)
			fail("install the filter");
		if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1)
			_exit(2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execv(argv[1], argv + 1);
		fail(argv[1]);
	}
	close(ready[1]);
	int pidfd = pidfd_open(pid, 0);
	if (pid < 0 || pidfd < 0 || read(ready[0], &byte, 1) != 1)
		return 2;
	int listener = pidfd_getfd(pidfd, *shared, 0);
	if (listener < 0)
		fail("take the listener");
	if (write(done[1], &byte, 1) != 1)
		return 2;
	struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	while (poll(fds, 2, -1) > 0 && !fds[0].revents)
		if (fds[1].revents & POLLIN)
			killed |= answer(listener, pid);
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	if (waitpid(-1, NULL, WNOHANG | __WALL) >= 0) {
		fprintf(stderr, "kill-helper: the program has left a child\n");
		return LEFT_CHILD;
	}
	if (!killed)
		return NO_HELPER;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
