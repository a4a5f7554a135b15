// SPDX-License-Identifier: Apache-2.0
// Project quotas (ext4, xfs): a folder gets a number, which all that is made in it inherits, and the file system a
// limit for that number. The number is on the folder itself; that it is free is seen by its having no limit and no use.
#include "volume/volume.h"

#include "base/error.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef PRJQUOTA
#define PRJQUOTA 2
#endif
#define FIRST_PROJECT 0x42000000U // ours are from here on, so that those of administrators stay apart
#define PROJECTS 0x00ffffffU
#define ATTEMPTS 64
#define XFS_MAGIC 0x58465342

static int quota_call(int folder, unsigned command, uint32_t project, struct if_dqblk *block)
{
	return (int) syscall(SYS_quotactl_fd, folder, command << SUBCMDSHIFT | PRJQUOTA, project, block);
}

static const char *file_system(int folder)
{
	struct statfs status;

	if (fstatfs(folder, &status) < 0)
		return "unknown";
	switch ((unsigned) status.f_type) {
	case EXT4_SUPER_MAGIC:
		return "ext4";
	case XFS_MAGIC:
		return "xfs";
	case BTRFS_SUPER_MAGIC:
		return "btrfs";
	case OVERLAYFS_SUPER_MAGIC:
		return "overlay";
	case TMPFS_MAGIC:
		return "tmpfs";
	case 0x2fc12fc1:
		return "zfs";
	default:
		return "of another kind";
	}
}

static bool refuse(int folder, int errnum, const char *what, GError **error)
{
	const char *type = file_system(folder);
	const char *remedy = g_str_equal(type, "ext4")
				     ? "make it so by tune2fs -O project,quota (unmounted) and mount it with prjquota"
			     : g_str_equal(type, "xfs") ? "mount it with prjquota"
							: "put the data root on ext4 or xfs, mounted with prjquota";

	if (errnum == EPERM || errnum == EACCES)
		return berth_error_set_errno(error, errnum, "limit the size of %s: set its quota", what);
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "limit the size of %s: its file system (%s) has no project quotas (%s): %s", what, type,
			       berth_error_text(errnum), remedy);
}

// A number that nobody uses.
static bool choose_project(int folder, const char *what, uint32_t *ret, GError **error)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct if_dqblk block = {0};
		uint32_t number;
		if (getrandom(&number, sizeof number, 0) != (ssize_t) sizeof number)
			return berth_error_set_errno(error, errno, "choose a project");
		*ret = FIRST_PROJECT + (number & PROJECTS);
		if (quota_call(folder, Q_GETQUOTA, *ret, &block) < 0) {
			if (errno == ENOENT) // xfs: it has nothing
				return true;
			return refuse(folder, errno, what, error);
		}
		if (!block.dqb_bhardlimit && !block.dqb_curspace && !block.dqb_curinodes)
			return true;
	}
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "limit the size of %s: no project number is free",
			       what);
}

static bool set_limit(int folder, uint32_t project, int64_t bytes, const char *what, GError **error)
{
	const uint64_t blocks = ((uint64_t) bytes + 1023) / 1024;
	struct if_dqblk block = {.dqb_bhardlimit = blocks, .dqb_bsoftlimit = blocks, .dqb_valid = QIF_BLIMITS};

	return quota_call(folder, Q_SETQUOTA, project, &block) == 0 || refuse(folder, errno, what, error);
}

bool berth_quota_set(int folder, int64_t bytes, const char *what, GError **error)
{
	struct fsxattr attributes;
	uint32_t project = 0;

	if (ioctl(folder, FS_IOC_FSGETXATTR, &attributes) < 0)
		return bytes == 0 || refuse(folder, errno, what, error);
	if (bytes == 0)
		return attributes.fsx_projid < FIRST_PROJECT || attributes.fsx_projid > FIRST_PROJECT + PROJECTS ||
		       set_limit(folder, attributes.fsx_projid, 0, what, error);
	if (!choose_project(folder, what, &project, error))
		return false;
	attributes.fsx_projid = project;
	attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(folder, FS_IOC_FSSETXATTR, &attributes) < 0)
		return refuse(folder, errno, what, error);
	return set_limit(folder, project, bytes, what, error);
}

// Whoever has CAP_SYS_RESOURCE is not kept from going beyond a limit, and the engine has it.
bool berth_quota_check(int folder, GError **error)
{
	struct fsxattr attributes;
	struct if_dqblk block = {0};

	if (ioctl(folder, FS_IOC_FSGETXATTR, &attributes) < 0 || attributes.fsx_projid < FIRST_PROJECT ||
	    attributes.fsx_projid > FIRST_PROJECT + PROJECTS ||
	    quota_call(folder, Q_GETQUOTA, attributes.fsx_projid, &block) < 0 || !block.dqb_bhardlimit ||
	    block.dqb_curspace <= block.dqb_bhardlimit * 1024)
		return true;
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "%" G_GUINT64_FORMAT
			       " bytes are more than the volume's size, which is %" G_GUINT64_FORMAT,
			       (guint64) block.dqb_curspace, (guint64) block.dqb_bhardlimit * 1024);
}
