// SPDX-License-Identifier: Apache-2.0
#include "sys/old-kernel.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// CLONE_CLEAR_SIGHAND: what is ignored stays so.
static void clear_handlers(void)
{
	struct sigaction action;

	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL)
			signal(i, SIG_DFL);
}

// CLONE_INTO_CGROUP: the child moves itself and tells its parent through the pipe how that went.
static void enter_group(int procs, int out)
{
	int errnum = write(procs, "0", 1) == 1 ? 0 : errno;

	if (write(out, &errnum, sizeof errnum) != sizeof errnum || errnum)
		_exit(1);
}

static bool entered_group(int in)
{
	int errnum = ESRCH;

	if (berth_read_full(in, &errnum, sizeof errnum) == sizeof errnum && !errnum)
		return true;
	errno = errnum;
	return false;
}

// clone() has one place for the pid and the pidfd. Nobody reaps the child before the caller has the latter.
static pid_t clone_plain(uint64_t flags, pid_t *ret_born, int *ret_pidfd)
{
	unsigned long wanted = (unsigned long) flags | SIGCHLD | (ret_born ? CLONE_PARENT_SETTID : CLONE_PIDFD);
	int *place = ret_born ? ret_born : ret_pidfd;
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = (pid_t) syscall(SYS_clone, wanted, NULL, place, NULL, 0);
	int saved = errno;
	if (pid == 0)
		clear_handlers();
	if (pid > 0 && ret_born)
		*ret_pidfd = pidfd_open(pid, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}

static pid_t end_child(pid_t pid, int *pidfd, int errnum)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	berth_fd_clear(pidfd);
	errno = errnum;
	return -1;
}

pid_t berth_old_clone(uint64_t flags, int cgroup_fd, pid_t *ret_born, int *ret_pidfd)
{
	berth_fd procs = cgroup_fd < 0 ? -1 : openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	int ends[2] = {-1, -1}, pidfd = -1;

	if (flags & CSIGNAL) { // CLONE_NEWTIME has no place among clone()'s flags
		errno = ENOSYS;
		return -1;
	}
	if (cgroup_fd >= 0 && (procs < 0 || pipe2(ends, O_CLOEXEC) < 0))
		return -1;
	berth_fd in = ends[0], out = ends[1];
	pid_t pid = clone_plain(flags, ret_born, &pidfd);
	if (pid == 0 && procs >= 0)
		enter_group(procs, out);
	if (pid <= 0)
		return pid;
	berth_fd_clear(&out);
	if (pidfd < 0) // before Linux 5.2
		return end_child(pid, &pidfd, ENOSYS);
	if (procs >= 0 && !entered_group(in))
		return end_child(pid, &pidfd, errno);
	*ret_pidfd = pidfd;
	return pid;
}
