// SPDX-License-Identifier: Apache-2.0
// Processes, namespaces and terminals.
#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"
#include "sys/process.h"
#include "sys/self.h"
#include "sys/terminal.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_signals(void)
{
	const struct {
		const char *name;
		int number;
	} cases[] = {
		{"TERM", SIGTERM},
		{"SIGTERM", SIGTERM},
		{"sigterm", SIGTERM},
		{"15", SIGTERM},
		{"KILL", SIGKILL},
		{"0", 0},
		{"-9", 0},
		{"9x", 0},
		{"65", 0},
		{"", 0},
		{"SIG", 0},
		{"NOTHING", 0},
		{"RTMIN", SIGRTMIN},
		{"SIGRTMIN+3", SIGRTMIN + 3},
		{"RTMAX-1", SIGRTMAX - 1},
		{"RTMAX+1", 0},
		{"RTMIN-1", 0},
		{"RTMIN+x", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(berth_signal_number(cases[i].name), ==, cases[i].number);
}

static void test_identity(void)
{
	uint64_t started = berth_process_start_time(getpid());

	g_assert_cmpuint(started, >, 0);
	g_assert_cmpuint(berth_process_start_time(getpid()), ==, started);
	berth_fd own = berth_process_open(getpid(), started);
	g_assert_cmpint(own, >=, 0);
	g_assert_cmpint(fcntl(own, F_GETFD), ==, FD_CLOEXEC);
	g_assert_false(berth_process_ended(own));
	g_assert_cmpint(berth_process_open(getpid(), started + 1), ==, -1);
	g_assert_cmpint(berth_process_open(0, 0), ==, -1);
	g_assert_cmpuint(berth_process_start_time(0x3fffffff), ==, 0);
	g_assert_cmpint(berth_process_reap(own), ==, -1);
}

static void test_ending(void)
{
	siginfo_t info;
	berth_fd pidfd = -1;
	pid_t pid = berth_process_clone(0, -1, &pidfd);

	if (pid == 0)
		for (;;)
			pause();
	g_assert_cmpint(pid, >, 0);
	g_assert_false(berth_process_ending(pid));
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	for (int left = 10000; !berth_process_ending(pid); left--) {
		g_assert_cmpint(left, >, 0);
		g_usleep(1000);
	}
	g_assert_cmpint(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
	g_assert_true(berth_process_ending(pid)); // nobody has reaped it
	g_assert_cmpint(berth_process_reap(pidfd), ==, 128 + SIGKILL);
	g_assert_true(berth_process_ending(pid));
	g_assert_false(berth_process_ending(getpid()));
}

static int end_of_child(int status, int signal)
{
	berth_fd pidfd = -1;
	pid_t pid = berth_process_clone(0, -1, &pidfd);

	if (pid == 0) {
		if (signal)
			kill(getpid(), signal);
		_exit(status);
	}
	g_assert_cmpint(pid, >, 0);
	g_assert_true(berth_process_wait_end(pidfd, 10000));
	g_assert_true(berth_process_ended(pidfd));
	return berth_process_reap(pidfd);
}

static void test_clone(void)
{
	berth_fd pidfd = -1;

	g_assert_cmpint(end_of_child(0, 0), ==, 0);
	g_assert_cmpint(end_of_child(77, 0), ==, 77);
	g_assert_cmpint(end_of_child(0, SIGKILL), ==, 128 + SIGKILL);

	pid_t pid = berth_process_clone(0, -1, &pidfd);
	if (pid == 0)
		for (;;)
			pause();
	g_assert_false(berth_process_wait_end(pidfd, 20));
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGKILL, NULL, 0), ==, 0);
	g_assert_true(berth_process_wait_end(pidfd, -1));
	g_assert_cmpint(berth_process_reap(pidfd), ==, 128 + SIGKILL);
}

// A child's child is ours, and known to us though who made it says nothing.
static void test_clone_known(void)
{
	pid_t *born = mmap(NULL, sizeof *born, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	berth_fd maker = -1;
	siginfo_t info = {0};

	g_assert_true(born != MAP_FAILED);
	pid_t pid = berth_process_clone(0, -1, &maker);
	if (pid == 0) {
		berth_fd pidfd = -1;
		pid = berth_process_clone_known(CLONE_PARENT, -1, born, &pidfd);
		while (pid == 0)
			pause();
		_exit(pid > 0 && pid == *born && pidfd_send_signal(pidfd, 0, NULL, 0) == 0 ? 0 : 1);
	}
	g_assert_cmpint(berth_process_reap(maker), ==, 0);
	g_assert_cmpint(*born, >, 0);
	g_assert_cmpint(*born, !=, pid);
	g_assert_cmpint(kill(*born, SIGKILL), ==, 0);
	g_assert_cmpint(waitid(P_PID, (id_t) *born, &info, WEXITED | __WALL), ==, 0);
	g_assert_cmpint(info.si_status, ==, SIGKILL);
	munmap(born, sizeof *born);
}

static void test_namespaces(void)
{
	static const char *const names[] = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"};
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		unsigned flag = berth_namespace_flag(names[i]);
		g_autofree char *path = g_strdup_printf("/proc/self/ns/%s", berth_namespace_file(flag));
		berth_fd fd = berth_namespace_open(path, flag, &error);
		g_assert_no_error(error);
		g_assert_cmpint(fd, >=, 0);
	}
	g_assert_cmpuint(berth_namespace_flag("net"), ==, 0);
	g_assert_null(berth_namespace_file(0));
	g_assert_cmpint(berth_namespace_open("/proc/self/ns/net", CLONE_NEWPID, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_cmpstr(error->message, ==, "/proc/self/ns/net is no pid namespace");
	g_clear_error(&error);
	g_assert_cmpint(berth_namespace_open("/dev/null", CLONE_NEWPID, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_cmpint(berth_namespace_open("/nothing", CLONE_NEWPID, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static void test_map(void)
{
	static const struct berth_idmap map[] = {{0, 100000, 1000}, {1000, 0, 1}};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL, *path = NULL;
	berth_fd pidfd = -1;

	pid_t pid = berth_process_clone(CLONE_NEWUSER, -1, &pidfd);
	if (pid < 0) {
		g_test_skip("user namespaces cannot be made here");
		return;
	}
	if (pid == 0)
		for (;;)
			pause();
	berth_idmap_write(pid, "uid_map", map, G_N_ELEMENTS(map), &error);
	path = g_strdup_printf("/proc/%d/uid_map", (int) pid);
	g_file_get_contents(path, &text, NULL, NULL);
	bool again = error ? false : berth_idmap_write(pid, "uid_map", map, 1, NULL);
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	berth_process_reap(pidfd);
	if (geteuid() != 0) {
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN);
		return;
	}
	g_assert_no_error(error);
	g_assert_nonnull(strstr(text, "100000       1000"));
	g_assert_false(again);
}

static void test_terminal(void)
{
	g_autoptr(GError) error = NULL;
	berth_fd ptmx = open("/dev/pts/ptmx", O_PATH | O_CLOEXEC), null = open("/dev/null", O_PATH | O_CLOEXEC);
	berth_fd master = -1, slave = -1, own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct winsize size;

	g_assert_false(berth_terminal_open(null, own_fds, &master, &slave, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	if (ptmx < 0 || access("/dev/pts/ptmx", R_OK | W_OK) < 0) {
		g_test_skip("there is no devpts that can be used on /dev/pts");
		return;
	}
	berth_terminal_open(ptmx, own_fds, &master, &slave, &error);
	g_assert_no_error(error);
	g_assert_true(isatty(slave));
	g_assert_true(berth_terminal_resize(master, 81, 26, &error));
	g_assert_true(berth_terminal_resize(master, 0, 0, &error));
	g_assert_cmpint(ioctl(slave, TIOCGWINSZ, &size), ==, 0);
	g_assert_cmpint(size.ws_col, ==, 81);
	g_assert_cmpint(size.ws_row, ==, 26);
	g_assert_false(berth_terminal_resize(null, 1, 1, &error));
}

// Executed once more from a read-only mount or a sealed copy, this program says so and ends.
static void test_self(void)
{
	if (geteuid() != 0) {
		g_test_skip("needs root");
		return;
	}
	g_assert_false(berth_self_protected());
	if (g_test_subprocess()) {
		char *arguments[] = {(char *) "test-process", (char *) "protected", NULL};
		berth_self_protect(arguments);
		_exit(1);
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stdout("*protected, marker gone*");
}

// What the child of berth_process_clone_into() finds; 0: all is as it should be.
static int look(const struct berth_process_birth *birth, const int *value)
{
	struct stat own, wanted;
	sigset_t mask;

	if (stat("/proc/self/ns/net", &own) < 0 || fstat(birth->namespaces[0], &wanted) < 0 ||
	    own.st_ino != wanted.st_ino)
		return 2;
	if (stat("/proc/self/ns/user", &own) < 0 || fstat(birth->namespaces[1], &wanted) < 0 ||
	    own.st_ino != wanted.st_ino)
		return 3;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	if (sigismember(&mask, SIGTERM) || *value != 5 || prctl(PR_GET_DUMPABLE) != 0)
		return 4;
	g_autofree char *text = g_strdup_printf("%d", getpid()); // a pid namespace of its own
	return g_str_equal(text, "1") ? 0 : 5;
}

static void test_clone_into(void)
{
	const struct berth_idmap map = {0, 100000, 1000};
	g_autoptr(GError) error = NULL;
	int network = -1, process = -1, value = 5;
	unsigned refused = 7;

	if (geteuid() != 0) {
		g_test_skip("only root maps ids that are not its own");
		return;
	}
	berth_fd user = berth_namespace_new_user_network(&map, 1, &map, 1, &network, &error);
	g_assert_no_error(error);
	const int fds[] = {network, user}, wrong[] = {network, network};
	const unsigned kinds[] = {CLONE_NEWNET, CLONE_NEWUSER};
	struct berth_process_birth birth = {fds, kinds, 2, CLONE_NEWPID | CLONE_NEWNS, -1};
	for (int i = 0; i < 3; i++) {
		pid_t pid = berth_process_clone_into(&birth, &process, &refused);
		if (pid == 0)
			_exit(look(&birth, &value));
		g_assert_cmpint(pid, >, 0);
		g_assert_cmpuint(refused, ==, 0);
		g_assert_cmpint(fcntl(process, F_GETFD), ==, FD_CLOEXEC);
		g_assert_cmpint(berth_process_reap(process), ==, 0);
		berth_fd_clear(&process);
		g_assert_cmpint(prctl(PR_GET_DUMPABLE), ==, 1);
		g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1); // the helper is no zombie
	}
	birth.namespaces = wrong;
	g_assert_cmpint(berth_process_clone_into(&birth, &process, &refused), ==, -1);
	g_assert_cmpint(errno, ==, EINVAL);
	g_assert_cmpuint(refused, ==, CLONE_NEWUSER);
	birth = (struct berth_process_birth){fds, kinds, 2, CLONE_THREAD, -1}; // not by itself
	g_assert_cmpint(berth_process_clone_into(&birth, &process, &refused), ==, -1);
	g_assert_cmpuint(refused, ==, 0);
	close(network);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "protected") == 0) {
		bool marked = getenv("BERTH_SELF");
		bool protected = berth_self_protect(argv) && berth_self_protected();
		printf("%s, marker %s\n", protected ? "protected" : "open",
		       marked && !getenv("BERTH_SELF") ? "gone" : "there");
		return protected && open("/proc/self/exe", O_WRONLY | O_CLOEXEC) < 0 ? 0 : 1;
	}
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/process/signals", test_signals);
	g_test_add_func("/process/identity", test_identity);
	g_test_add_func("/process/ending", test_ending);
	g_test_add_func("/process/clone", test_clone);
	g_test_add_func("/process/clone-known", test_clone_known);
	g_test_add_func("/namespace/files", test_namespaces);
	g_test_add_func("/namespace/map", test_map);
	g_test_add_func("/terminal", test_terminal);
	g_test_add_func("/self", test_self);
	g_test_add_func("/process/clone-into", test_clone_into);
	return g_test_run();
}
