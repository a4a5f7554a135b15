// SPDX-License-Identifier: Apache-2.0
#include "sys/namespace.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/netlink.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define HOLDER_STACK 4096

static const struct {
	const char *name, *file;
	unsigned flag;
} namespaces[] = {
	{"pid", "pid", CLONE_NEWPID},          {"network", "net", CLONE_NEWNET}, {"mount", "mnt", CLONE_NEWNS},
	{"ipc", "ipc", CLONE_NEWIPC},          {"uts", "uts", CLONE_NEWUTS},     {"user", "user", CLONE_NEWUSER},
	{"cgroup", "cgroup", CLONE_NEWCGROUP}, {"time", "time", CLONE_NEWTIME},
};

unsigned berth_namespace_flag(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		if (g_str_equal(namespaces[i].name, name))
			return namespaces[i].flag;
	return 0;
}

const char *berth_namespace_file(unsigned flag)
{
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		if (namespaces[i].flag == flag)
			return namespaces[i].file;
	return NULL;
}

int berth_namespace_open(const char *path, unsigned flag, GError **error)
{
	berth_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		berth_error_set_errno(error, errno, "open namespace %s", path);
		return -1;
	}
	if (ioctl(fd, NS_GET_NSTYPE) != (int) flag) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s is no %s namespace", path, berth_namespace_file(flag));
		return -1;
	}
	return berth_fd_steal(&fd);
}

void berth_namespace_raise_loopback(void)
{
	struct ifinfomsg header = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_ROUTE, NULL);

	if (!netlink)
		return;
	berth_netlink_begin(netlink, RTM_NEWLINK, 0, &header, sizeof header);
	berth_netlink_send(netlink, NULL, NULL);
}

bool berth_namespace_new_network(int *ret)
{
	berth_fd own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	*ret = -1;
	if (own < 0 || unshare(CLONE_NEWNET) < 0)
		return true;
	*ret = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	berth_namespace_raise_loopback();
	return setns(own, CLONE_NEWNET) == 0;
}

bool berth_namespace_differing(pid_t pid, unsigned *ret_flags, GError **error)
{
	char path[64];

	g_snprintf(path, sizeof path, "/proc/%d/ns", (int) pid);
	berth_fd own = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	berth_fd other = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0 || other < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	*ret_flags = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++) {
		struct stat here, there;
		if (fstatat(own, namespaces[i].file, &here, 0) < 0 && errno == ENOENT)
			continue; // this kernel has none
		if (fstatat(other, namespaces[i].file, &there, 0) < 0)
			return berth_error_set_errno(error, errno, "read %s/%s", path, namespaces[i].file);
		if (here.st_ino != there.st_ino || here.st_dev != there.st_dev)
			*ret_flags |= namespaces[i].flag;
	}
	return true;
}

static bool same(pid_t pid, const char *file, bool *ret)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int) pid, file);
	g_autofree char *own = g_strdup_printf("/proc/self/ns/%s", file);
	struct stat here, there;

	if (stat(own, &here) < 0 || stat(path, &there) < 0)
		return false;
	*ret = here.st_ino == there.st_ino && here.st_dev == there.st_dev;
	return true;
}

// One after another, as before Linux 5.8. The user namespace comes first: it gives the right to join its own.
static bool join_each(int pidfd, pid_t pid, unsigned flags, GError **error)
{
	int fds[G_N_ELEMENTS(namespaces)];
	bool joined = true;

	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int) pid, namespaces[i].file);
		fds[i] = -1;
		if (!(flags & namespaces[i].flag))
			continue;
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0 && joined)
			joined = berth_error_set_errno(error, errno, "open %s", path);
	}
	// What was opened by the pid was the process's if that lives even now.
	if (joined && berth_process_ended(pidfd))
		joined = berth_error_set_errno(error, ESRCH, "join the namespaces of process %d", (int) pid);
	for (int user = 1; user >= 0; user--)
		for (size_t i = 0; i < G_N_ELEMENTS(namespaces) && joined; i++)
			if (fds[i] >= 0 && (namespaces[i].flag == CLONE_NEWUSER) == user &&
			    setns(fds[i], (int) namespaces[i].flag) < 0)
				joined = berth_error_set_errno(error, errno, "join the %s namespace of process %d",
							       namespaces[i].file, (int) pid);
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		berth_fd_clear(&fds[i]);
	return joined;
}

bool berth_namespace_join(int pidfd, pid_t pid, unsigned except, bool *ret_user, GError **error)
{
	unsigned flags = 0;
	bool own_user;

	if (!same(pid, "user", &own_user))
		return berth_error_set_errno(error, errno, "look at the namespaces of process %d", (int) pid);
	*ret_user = !own_user && !(except & CLONE_NEWUSER);
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		flags |= namespaces[i].flag;
	flags &= ~(except | (own_user ? CLONE_NEWUSER : 0U));
	// To join what is one's own already does nothing, but for the user namespace.
	if (setns(pidfd, (int) flags) == 0)
		return true;
	if (!berth_namespace_differing(pid, &flags, error))
		return false;
	flags &= ~except;
	if (!flags || setns(pidfd, (int) flags) == 0)
		return true;
	if (errno != EINVAL && errno != EBADF)
		return berth_error_set_errno(error, errno, "join the namespaces of process %d", (int) pid);
	return join_each(pidfd, pid, flags, error);
}

bool berth_idmap_write(pid_t pid, const char *file, const struct berth_idmap *map, size_t count, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < count; i++)
		g_string_append_printf(text, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
				       map[i].inside, map[i].outside, map[i].count);
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text->str, text->len) != (ssize_t) text->len)
		return berth_error_set_errno(error, errno, "write %s", path);
	return true;
}

// A thread that goes there need not come back.
static void *raise_loopback_in(void *network)
{
	if (setns(*(const int *) network, CLONE_NEWNET) == 0)
		berth_namespace_raise_loopback();
	return NULL;
}

// Waits to be killed. It shares its creator's memory, errno among it, and so does nothing but two system calls.
__attribute__((no_sanitize("address", "thread", "undefined"))) static int hold(void *unused)
{
	(void) unused;
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0) < 0)
		;
	return 0;
}

// clone(3) under libc's other name. ThreadSanitizer, which puts itself before the first, takes a process that shares
// the memory for a fork, after which it lets the caller begin no thread any more.
extern int __clone(int (*function)(void *data), void *stack, int flags, void *data, ...);

// A process that does nothing, in new namespaces; no memory is copied for it.
static pid_t clone_holder(char *stack, size_t size, unsigned flags, int *ret_process)
{
	sigset_t all, before;

	sigfillset(&all); // none of the caller's handlers may run there
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = __clone(hold, stack + size, (int) (flags | CLONE_VM | CLONE_PIDFD | SIGCHLD), NULL, ret_process);
	int errnum = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = errnum;
	return pid;
}

static int new_user(const struct berth_idmap *uids, size_t uid_count, const struct berth_idmap *gids, size_t gid_count,
		    int *ret_network, GError **error)
{
	_Alignas(16) char stack[HOLDER_STACK];
	berth_fd process = -1;
	pid_t pid = clone_holder(stack, sizeof stack, CLONE_NEWUSER | (ret_network ? CLONE_NEWNET : 0), &process);

	if (pid < 0) {
		berth_error_set_errno(error, errno, "make a user namespace");
		return -1;
	}
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/user", (int) pid);
	g_autofree char *network = g_strdup_printf("/proc/%d/ns/net", (int) pid);
	bool mapped = berth_idmap_write(pid, "uid_map", uids, uid_count, error) &&
		      berth_idmap_write(pid, "gid_map", gids, gid_count, error);
	berth_fd fd = mapped ? berth_namespace_open(path, CLONE_NEWUSER, error) : -1;
	if (fd >= 0 && ret_network)
		*ret_network = berth_namespace_open(network, CLONE_NEWNET, error);
	pidfd_send_signal(process, SIGKILL, NULL, 0);
	berth_process_reap(process);
	return ret_network && *ret_network < 0 ? -1 : berth_fd_steal(&fd);
}

int berth_namespace_new_user(const struct berth_idmap *uids, size_t uid_count, const struct berth_idmap *gids,
			     size_t gid_count, GError **error)
{
	return new_user(uids, uid_count, gids, gid_count, NULL, error);
}

int berth_namespace_new_user_network(const struct berth_idmap *uids, size_t uid_count, const struct berth_idmap *gids,
				     size_t gid_count, int *ret_network, GError **error)
{
	*ret_network = -1;
	berth_fd user = new_user(uids, uid_count, gids, gid_count, ret_network, error);
	pthread_t thread;
	int failure = user >= 0 ? pthread_create(&thread, NULL, raise_loopback_in, ret_network) : 0;

	if (user >= 0 && failure == 0) {
		pthread_join(thread, NULL);
		return berth_fd_steal(&user);
	}
	if (failure)
		berth_error_set_errno(error, failure, "start a thread");
	berth_fd_clear(ret_network);
	return -1;
}
