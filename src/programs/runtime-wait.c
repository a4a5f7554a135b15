// SPDX-License-Identifier: Apache-2.0
// A process in the foreground: signals are passed on to it, and the terminal, if it has one, is connected to ours.
// One poll loop, no handlers.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/process.h"
#include "sys/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

#define CHUNK 8192

struct terminal {
	int console; // -1: none
	bool raw; // ours is in raw mode; `before` is how it was
	struct termios before;
	bool in_open;
};

static void forwarded(sigset_t *set)
{
	sigfillset(set);
	// Those that are about ourselves, and faults.
	static const int kept[] = {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPIPE};
	for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
		sigdelset(set, kept[i]);
}

bool runtime_wait_prepare(bool subreaper, GError **error)
{
	sigset_t set;

	forwarded(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return !subreaper || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ||
	       berth_error_set_errno(error, errno, "become a subreaper");
}

// The children that came to us, but the one that is waited for.
static void reap_others(int pidfd)
{
	siginfo_t info = {0};

	while (!berth_process_ended(pidfd) && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL | WNOWAIT) == 0 &&
	       info.si_pid) {
		if (berth_process_ended(pidfd))
			break;
		waitpid(info.si_pid, NULL, __WALL);
		info.si_pid = 0;
	}
}

static void copy_size(int console)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		berth_terminal_resize(console, size.ws_col, size.ws_row, NULL);
}

static void terminal_open(struct terminal *terminal, int console)
{
	*terminal = (struct terminal){.console = console, .in_open = console >= 0};
	if (console < 0)
		return;
	copy_size(console);
	if (tcgetattr(0, &terminal->before) < 0)
		return;
	struct termios raw = terminal->before;
	cfmakeraw(&raw);
	terminal->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void terminal_close(const struct terminal *terminal)
{
	if (terminal->raw)
		tcsetattr(0, TCSANOW, &terminal->before);
}

// Copies what is there. False at the end of the stream.
static bool copy(int from, int to)
{
	char data[CHUNK];
	ssize_t count = read(from, data, sizeof data);

	if (count < 0)
		return errno == EINTR || errno == EAGAIN;
	return count > 0 && berth_write_all(to, data, (size_t) count, "the terminal", NULL);
}

static void take_signal(int signals, int pidfd, const struct terminal *terminal)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGCHLD)
		reap_others(pidfd);
	else if (info.ssi_signo == SIGWINCH && terminal->console >= 0)
		copy_size(terminal->console);
	else
		pidfd_send_signal(pidfd, (int) info.ssi_signo, NULL, 0); // it may have ended just now
}

static void attend(const struct runtime_child *child, int signals, struct terminal *terminal)
{
	struct runtime_notify *notify = child->notify;

	for (bool ended = false; !ended;) {
		struct pollfd fds[] = {
			{.fd = child->pidfd, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
			{.fd = terminal->console, .events = POLLIN},
			{.fd = terminal->in_open ? 0 : -1, .events = POLLIN},
			{.fd = notify ? notify->socket : -1, .events = POLLIN},
		};
		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			take_signal(signals, child->pidfd, terminal);
		// A hang-up only says that nobody has the terminal open now.
		if (fds[2].revents && !copy(terminal->console, 1) && fds[2].revents & POLLHUP)
			terminal->console = -1;
		if (fds[3].revents)
			terminal->in_open = copy(0, terminal->console);
		if (fds[4].revents)
			runtime_notify_read(notify);
		ended = fds[0].revents;
	}
	// What it wrote last is still there.
	if (terminal->console >= 0 && fcntl(terminal->console, F_SETFL, O_NONBLOCK) == 0)
		for (struct pollfd fd = {terminal->console, POLLIN, 0}; poll(&fd, 1, 0) > 0 && fd.revents & POLLIN;)
			if (!copy(terminal->console, 1))
				break;
}

int runtime_wait(const struct runtime_child *child, GError **error)
{
	struct terminal terminal;
	sigset_t set;

	forwarded(&set);
	berth_fd signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return berth_error_set_errno(error, errno, "watch signals"), -1;
	terminal_open(&terminal, child->console);
	attend(child, signals, &terminal);
	terminal_close(&terminal);
	return berth_process_reap(child->pidfd);
}
