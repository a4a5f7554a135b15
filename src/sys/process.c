// SPDX-License-Identifier: Apache-2.0
#include "sys/process.h"

#include "base/fd.h"
#include "base/moment.h"
#include "sys/old-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STAT_SIZE 1024 // more than /proc/PID/stat has
#define EXITING 4 // of its flags: PF_EXITING

pid_t berth_process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	return berth_process_clone_known(flags, cgroup_fd, NULL, ret_pidfd);
}

pid_t berth_process_clone_known(uint64_t flags, int cgroup_fd, pid_t *ret_born, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t) &pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	if (ret_born) {
		args.flags |= CLONE_PARENT_SETTID;
		args.parent_tid = (uintptr_t) ret_born;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t) cgroup_fd;
	}
	pid_t pid = (pid_t) syscall(SYS_clone3, &args, sizeof args);
	// E2BIG, EINVAL: Linux 5.3 to 5.6 know neither cgroup nor CLONE_CLEAR_SIGHAND.
	if (pid < 0 && (errno == ENOSYS || errno == E2BIG || errno == EINVAL))
		return berth_old_clone(flags, cgroup_fd, ret_born, ret_pidfd);
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

void berth_process_forget_environment(void)
{
	for (char **variable = environ; variable && *variable; variable++)
		memset(*variable, 0, strlen(*variable));
	clearenv();
}

// The fields of /proc/PID/stat from the state on, in `text`; NULL: no such process. The name before them, in
// parentheses, may hold anything.
static char *read_stat(pid_t pid, char *text, size_t size)
{
	char path[64];

	g_snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
	berth_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (n <= 0)
		return NULL;
	text[n] = 0;
	char *name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' ? name_end + 2 : NULL;
}

// One of them, by its number in proc(5); the state is the third.
static uint64_t stat_number(const char *field, int number)
{
	for (int i = 3; field && i < number; i++) {
		field = strchr(field, ' ');
		field = field ? field + 1 : NULL;
	}
	return field ? g_ascii_strtoull(field, NULL, 10) : 0;
}

uint64_t berth_process_start_time(pid_t pid)
{
	char text[STAT_SIZE];

	return stat_number(read_stat(pid, text, sizeof text), 22);
}

bool berth_process_ending(pid_t pid)
{
	char text[STAT_SIZE];
	const char *stat = read_stat(pid, text, sizeof text);

	return !stat || *stat == 'Z' || *stat == 'X' || stat_number(stat, 9) & EXITING ||
	       stat_number(stat, 31) & UINT64_C(1) << (SIGKILL - 1);
}

int berth_process_open(pid_t pid, uint64_t start_time)
{
	berth_fd fd = pid > 0 ? pidfd_open(pid, 0) : -1;

	// Opened first: if the start time is right now, the descriptor is of that process.
	if (fd < 0 || berth_process_start_time(pid) != start_time)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return berth_fd_steal(&fd);
}

bool berth_process_wait_end(int pidfd, int milliseconds)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int64_t end = g_get_monotonic_time() + (int64_t) milliseconds * 1000;

	for (;;) {
		int64_t left = milliseconds < 0 ? -1 : (berth_monotonic_left(end) + 999) / 1000;
		int n = poll(&poll_fd, 1, (int) left);
		if (n != 0 && !(n < 0 && errno == EINTR))
			return n > 0;
		if (n == 0)
			return false;
	}
}

bool berth_process_ended(int pidfd)
{
	return berth_process_wait_end(pidfd, 0);
}

int berth_process_reap(int pidfd)
{
	siginfo_t info = {0};

	while (waitid(P_PIDFD, (id_t) pidfd, &info, WEXITED | __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int signal_by_name(const char *name)
{
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);
		if (known && g_ascii_strcasecmp(known, name) == 0)
			return i;
	}
	if (g_ascii_strncasecmp(name, "RTMIN", 5) == 0 || g_ascii_strncasecmp(name, "RTMAX", 5) == 0) {
		int64_t step = 0;
		if (name[5] && !g_ascii_string_to_signed(name + 5, 10, -31, 31, &step, NULL))
			return 0;
		int number = (int) step + (g_ascii_toupper(name[4]) == 'N' ? SIGRTMIN : SIGRTMAX);
		return number >= SIGRTMIN && number <= SIGRTMAX ? number : 0;
	}
	return 0;
}

int berth_signal_number(const char *name)
{
	int64_t number;

	if (g_ascii_string_to_signed(name, 10, 1, SIGRTMAX, &number, NULL))
		return (int) number;
	return signal_by_name(g_ascii_strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name);
}
