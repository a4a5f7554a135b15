// SPDX-License-Identifier: Apache-2.0
// linux.mountLabel: the SELinux label of the file systems that are made for the container. It goes to the kernel as an
// option of the mount, whose name crun's annotation may change; message queues take no option and get it on their
// folder. Where SELinux is not enabled a label means nothing, and is left out with a warning.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define TYPE_ANNOTATION "run.oci.mount_context_type"

static bool known_type(const char *type)
{
	static const char *const types[] = {"context", "fscontext", "defcontext", "rootcontext", NULL};

	return g_strv_contains(types, type);
}

bool berth_mount_label_prepare(struct berth_setup *setup, GError **error)
{
	const char *label = setup->section->mount_label, *type = berth_setup_annotation(setup, TYPE_ANNOTATION);

	if (type && !known_type(type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "annotation " TYPE_ANNOTATION ": %s is not known",
				       type);
	if (!label || !*label)
		return true;
	if (berth_kernel_has_lsm("selinux"))
		setup->mount_label = label;
	else
		berth_setup_warn(setup, "linux.mountLabel: SELinux is not enabled on this host, ignored");
	return true;
}

// These have labels of their own, by the policy.
static bool takes_none(const struct berth_mount_step *step)
{
	static const char *const types[] = {"proc", "sysfs", "cgroup", "cgroup2", NULL};

	return step->options.bind || step->options.remount || g_strv_contains(types, step->mount->type);
}

static bool is_queue(const struct berth_mount_step *step)
{
	return g_str_equal(step->mount->type, "mqueue");
}

void berth_mount_label_add(const struct berth_setup *setup, struct berth_mount_step *step)
{
	const char *type = berth_setup_annotation(setup, TYPE_ANNOTATION);

	if (!setup->mount_label || takes_none(step) || is_queue(step))
		return;
	g_ptr_array_insert(step->options.data, (int) step->options.data->len - 1,
			   g_strconcat(type ? type : "context", "=", setup->mount_label, NULL));
}

bool berth_mount_label_set(const struct berth_setup *setup, const struct berth_mount_step *step, int tree,
			   GError **error)
{
	if (!setup->mount_label || !is_queue(step))
		return true;
	berth_fd folder = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0 &&
	    (fsetxattr(folder, "security.selinux", setup->mount_label, strlen(setup->mount_label) + 1, 0) == 0 ||
	     errno == ENOTSUP))
		return true;
	return berth_error_set_errno(error, errno, "linux.mountLabel");
}
