// SPDX-License-Identifier: Apache-2.0
#include "sys/terminal.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

bool berth_terminal_open(int ptmx_fd, int own_fds, int *ret_master, int *ret_slave, GError **error)
{
	char name[16];
	struct stat st;
	int unlock = 0;

	if (fstat(ptmx_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
	    !berth_mount_is(ptmx_fd, DEVPTS_SUPER_MAGIC))
		return berth_error_set(error, BERTH_ERROR_INVALID, "no terminal: the ptmx is not devpts's own");
	g_snprintf(name, sizeof name, "%d", ptmx_fd);
	berth_fd master = openat(own_fds, name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return berth_error_set_errno(error, errno, "open the ptmx");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return berth_error_set_errno(error, errno, "unlock the terminal");
	berth_fd slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return berth_error_set_errno(error, errno, "open the terminal");
	*ret_master = berth_fd_steal(&master);
	*ret_slave = berth_fd_steal(&slave);
	return true;
}

bool berth_terminal_resize(int fd, unsigned width, unsigned height, GError **error)
{
	struct winsize size = {.ws_col = (unsigned short) width, .ws_row = (unsigned short) height};

	if ((width || height) && ioctl(fd, TIOCSWINSZ, &size) < 0)
		return berth_error_set_errno(error, errno, "set the terminal's size");
	return true;
}
