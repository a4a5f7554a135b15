// SPDX-License-Identifier: Apache-2.0
// Starting a monitor. It must not be the caller's child, or its end would leave a zombie to whoever started it: a
// middle process, made by vfork and gone at once, spawns it. An exclusive lock on the run folder travels to the monitor
// and is held as long as the container exists, so that no two ever live in one folder.
#include "monitor/client.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"
#include "monitor/client-internal.h"
#include "monitor/protocol.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FREE_DESCRIPTORS 16 // copies are made from here on

// Locks the run folder for a new monitor. One that is just ending is waited for: it has written exit.json and removes
// its container, which takes milliseconds.
static int lock_folder(const struct berth_monitor_launch *launch, GError **error)
{
	berth_fd fd = openat(launch->run_folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "open run folder %s", launch->run_folder);
		return -1;
	}
	int result = flock(fd, LOCK_EX | LOCK_NB);
	if (result < 0 && errno == EWOULDBLOCK) {
		if (faccessat(fd, BERTH_MONITOR_EXIT, F_OK, 0) < 0) {
			berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s: its monitor runs already",
					launch->settings->id);
			return -1;
		}
		do
			result = flock(fd, LOCK_EX);
		while (result < 0 && errno == EINTR);
	}
	if (result < 0) {
		berth_error_set_errno(error, errno, "lock run folder %s", launch->run_folder);
		return -1;
	}
	return berth_fd_steal(&fd);
}

static bool prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const int *descriptors, int end)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int failed = posix_spawnattr_setsigmask(attributes, &none) | posix_spawnattr_setsigdefault(attributes, &all) |
		     posix_spawnattr_setflags(attributes,
					      POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	failed |= posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);
	failed |= posix_spawn_file_actions_adddup2(actions, 0, 1) | posix_spawn_file_actions_adddup2(actions, 0, 2);
	for (int number = BERTH_MONITOR_FD_LISTEN; number < end; number++)
		if (descriptors[number] >= 0)
			failed |= posix_spawn_file_actions_adddup2(actions, descriptors[number], number);
	failed |= posix_spawn_file_actions_addclosefrom_np(actions, end);
	failed |= posix_spawn_file_actions_addchdir_np(actions, "/");
	return failed == 0;
}

// Spawns the program as a child of nobody here. Returns 0 or an errno value. The middle process shares our memory, and
// nothing but system calls runs in it: glibc's posix_spawn takes no lock.
static __attribute__((noinline)) int spawn_orphan(const char *program, char *const *arguments,
						  const posix_spawn_file_actions_t *actions,
						  const posix_spawnattr_t *attributes)
{
	volatile int result = 0;
	sigset_t all, before;

	// No handler of the caller may run in the middle process.
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid_t middle = vfork();
	if (middle == 0) {
		pid_t pid;
		result = posix_spawn(&pid, program, actions, attributes, arguments, environ);
		_exit(0);
	}
	int failure = errno;
	if (middle > 0)
		while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return middle < 0 ? failure : result;
}

bool berth_monitor__execute(const char *program, char *const *arguments, const int *descriptors, int end,
			    GError **error)
{
	g_autofree char *by_descriptor = g_strdup_printf("/proc/self/fd/%d", BERTH_MONITOR_FD_PROGRAM);
	const char *path = end > BERTH_MONITOR_FD_PROGRAM ? by_descriptor : program;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	int failure = prepare(&actions, &attributes, descriptors, end)
			      ? spawn_orphan(path, arguments, &actions, &attributes)
			      : ENOMEM;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return failure == 0 || berth_error_set_errno(error, failure, "start monitor %s", program);
}

int berth_monitor__copy(int fd, GError **error)
{
	int result = fcntl(fd, F_DUPFD_CLOEXEC, FREE_DESCRIPTORS);
	if (result < 0)
		berth_error_set_errno(error, errno, "start a monitor: copy a descriptor");
	return result;
}

// Writes the monitor's settings and starts it, or tells the one that waits, if `ret_order` is not NULL; it gets the
// socket of that then (-1: none). Returns the connection's socket.
static int launch_at(const struct berth_monitor_launch *launch, int folder, int *ret_order, GError **error)
{
	g_autofree char *text = berth_document_print_text(&berth_monitor_settings_document, launch->settings, 0);
	int pair[2];

	if (!berth_write_file_at(folder, BERTH_MONITOR_SETTINGS, text, strlen(text), 0600, false, error))
		return -1;
	berth_fd listening = berth_socket_listen_at(folder, BERTH_MONITOR_SOCKET, SOCK_SEQPACKET, error);
	if (listening < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(error, errno, "start a monitor: make a socket pair");
		return -1;
	}
	berth_fd ours = pair[0], theirs = pair[1];
	berth_fd null = launch->rootfs_fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	const int sources[BERTH_MONITOR_FD_PROGRAM + 1] = {
		[BERTH_MONITOR_FD_LISTEN] = listening,
		[BERTH_MONITOR_FD_FOLDER] = folder,
		[BERTH_MONITOR_FD_CONNECTION] = theirs,
		[BERTH_MONITOR_FD_ROOTFS] = launch->rootfs_fd < 0 ? null : launch->rootfs_fd,
		[BERTH_MONITOR_FD_PROGRAM] = launch->program_fd,
	};
	char *arguments[] = {(char *) "berth-monitor", launch->settings->id, (char *) launch->run_folder, NULL};
	int descriptors[BERTH_MONITOR_FD_PROGRAM + 1];
	int end = launch->program_fd < 0 ? BERTH_MONITOR_FD_END : BERTH_MONITOR_FD_PROGRAM + 1;
	bool ok = true;

	if (ret_order && launch->spare)
		*ret_order =
			berth_monitor__spare_take(launch->spare, launch->settings->id, launch->run_folder, sources);
	if (ret_order && *ret_order >= 0)
		return berth_fd_steal(&ours);
	for (int number = BERTH_MONITOR_FD_LISTEN; number < end; number++) {
		descriptors[number] = ok ? berth_monitor__copy(sources[number], error) : -1;
		ok = descriptors[number] >= 0;
	}
	ok = ok && berth_monitor__execute(launch->program, arguments, descriptors, end, error);
	for (int number = BERTH_MONITOR_FD_LISTEN; number < end; number++)
		berth_fd_clear(&descriptors[number]);
	return ok ? berth_fd_steal(&ours) : -1;
}

struct berth_monitor *berth_monitor_spawn(const struct berth_monitor_launch *launch, GError **error)
{
	berth_fd folder = lock_folder(launch, error);
	if (folder < 0)
		return NULL;
	unlinkat(folder, BERTH_MONITOR_EXIT, 0); // of the container's last run

	berth_fd order = -1;
	int socket = launch_at(launch, folder, &order, error);
	g_autoptr(berth_monitor) monitor = socket < 0 ? NULL : berth_monitor__open(socket, true, error);
	if (!monitor && order >= 0 && berth_monitor__spare_died(order)) {
		g_clear_error(error);
		unlinkat(folder, BERTH_MONITOR_SOCKET, 0);
		socket = launch_at(launch, folder, NULL, error);
		monitor = socket < 0 ? NULL : berth_monitor__open(socket, true, error);
	}
	g_autoptr(berth_monitor_reply) created = monitor ? berth_monitor__answer(monitor, "create", error) : NULL;
	if (created) {
		berth_monitor__set_pid(monitor, (pid_t) created->pid);
		return g_steal_pointer(&monitor);
	}
	// The lock's other holder, if it came to be one, ends: what it could not remove goes here.
	g_clear_pointer(&monitor, berth_monitor_free);
	unlinkat(folder, BERTH_MONITOR_SOCKET, 0);
	unlinkat(folder, BERTH_MONITOR_SETTINGS, 0);
	return NULL;
}
