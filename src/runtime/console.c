// SPDX-License-Identifier: Apache-2.0
// The process's terminal, and its standard streams. The terminal is made from the container's own devpts and bound on
// /dev/console by the descriptor of its other side, so nothing that the root or another container puts in the way of a
// name is ever opened (CVE-2025-52565, CVE-2026-88264).
#include "runtime/channel.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "sys/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool bind_console(struct berth_setup *setup, GError **error)
{
	berth_fd dev = berth_root_make_folder(setup->root, "/dev", 0755, error);

	if (dev < 0 || !berth_mounts_check_place(setup, dev, "/dev", error))
		return false;
	berth_fd made = openat(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	if (made < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make /dev/console");
	berth_fd target = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (target < 0 || fstat(target, &st) < 0)
		return berth_error_set_errno(error, errno, "open /dev/console");
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "/dev/console in the root is a link or a folder");
	berth_fd tree = berth_mount_clone(setup->terminal, "", false, error);
	return tree >= 0 && berth_mount_attach(tree, target, "/dev/console", error);
}

bool berth_console_open(struct berth_setup *setup, int own_fds, GError **error)
{
	const struct oci_process *process = setup->config->process;
	const struct oci_box *size = process->console_size;

	berth_fd ptmx = berth_rootfs_open(setup, "/dev/pts/ptmx", true, error);
	if (ptmx < 0)
		return g_prefix_error(error, "process.terminal needs devpts on /dev/pts: "), false;
	berth_fd master = -1;
	if (!berth_terminal_open(ptmx, own_fds, &master, &setup->terminal, error))
		return false;
	if (size && !berth_terminal_resize(master, (unsigned) size->width, (unsigned) size->height, error))
		return false;
	if (process->user && process->user->uid && fchown(setup->terminal, (uid_t) process->user->uid, (gid_t) -1) < 0)
		return berth_error_set_errno(error, errno, "give the terminal to its user");
	return berth_channel_send(setup->sync, master, error, "console");
}

bool berth_console_make(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;

	if (!process || !process->terminal)
		return true;
	berth_fd own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own_fds < 0)
		return berth_error_set_errno(error, errno, "open /proc/self/fd");
	return berth_console_open(setup, own_fds, error) && bind_console(setup, error);
}

bool berth_console_take(const struct berth_setup *setup, GError **error)
{
	return setup->terminal < 0 || ioctl(setup->terminal, TIOCSCTTY, 0) == 0 ||
	       berth_error_set_errno(error, errno, "take the terminal");
}

static bool redirect(int from, int to, GError **error)
{
	// dup2() onto itself would keep O_CLOEXEC.
	if (from == to ? fcntl(to, F_SETFD, 0) < 0 : dup2(from, to) < 0)
		return berth_error_set_errno(error, errno, "set standard stream %d", to);
	return true;
}

void berth_stdio_give(const struct berth_setup *setup, const GPtrArray *uid_mappings)
{
	const struct oci_process *process = setup->config->process;
	const struct berth_stdio *stdio = setup->create->stdio;
	const int fds[3] = {stdio->in, stdio->out, stdio->err};
	int64_t uid = process && process->user ? process->user->uid : 0;
	struct stat st;

	if (uid_mappings && uid_mappings->len)
		uid = berth_identity_host_id(uid_mappings, uid);
	if (uid <= 0 || setup->unprivileged || process->terminal)
		return;
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && fstat(fds[i], &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid &&
		    fchown(fds[i], (uid_t) uid, (gid_t) -1) < 0)
			return; // one that is not the creator's, either
}

bool berth_stdio_set(struct berth_setup *setup, GError **error)
{
	int from[3] = {setup->stdio[0], setup->stdio[1], setup->stdio[2]};
	berth_fd null = -1;

	if (setup->terminal >= 0)
		from[0] = from[1] = from[2] = setup->terminal;
	for (int i = 0; i < 3; i++) {
		if (from[i] < 0 && null < 0) {
			null = berth_devices_open_null(setup, O_RDWR, error);
			if (null < 0)
				return g_prefix_error(error, "standard streams: "), false;
		}
		if (!redirect(from[i] < 0 ? null : from[i], i, error))
			return false;
	}
	return true;
}
