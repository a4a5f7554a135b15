// SPDX-License-Identifier: Apache-2.0
// A further process in a container, from clone to exec. There are two:
//
// The helper, the caller's child, is outside of the container's pid namespace, so nothing in there can see it. It
// enters groups and namespaces and gives up all that the process may not have: descriptors, ids, capabilities, working
// folder. Then it makes the process as its own sibling (CLONE_PARENT, so the caller is the parent) and ends. It is in
// the container's groups and can be killed at any time; so the kernel itself tells the caller of the process, in memory
// that these two share (setup->born), and the process does nothing until the caller says that it is known.
//
// The process is born in the container's pid namespace and can be seen there, but there is nothing to be had from it:
// no descriptor of the host, no right that the container has not (the one exception is CAP_SYS_ADMIN where a filter
// must be installed without no_new_privs, as in identity.c). It takes its terminal, its limits and its filter, and
// executes the program, with the label that it has inherited.
#include "runtime/channel.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool enter_groups(struct berth_setup *setup, GError **error)
{
	const struct oci_cpu_affinity *affinity = setup->config->process->exec_cpu_affinity;

	return berth_groups_enter(setup, error) && berth_affinity_set(affinity ? affinity->final : NULL, error);
}

static bool enter_namespaces(struct berth_setup *setup, GError **error)
{
	bool user = false;

	if (setup->join[0] >= 0 && !berth_namespaces_enter(setup, &user, error))
		return g_prefix_error(error, "container %s: ", setup->id), false;
	if (!setup->join_flags[0] && !berth_namespace_join(setup->target, setup->target_pid, 0, &user, error))
		return g_prefix_error(error, "container %s: ", setup->id), false;
	berth_fd_clear(&setup->target);
	if (user && !berth_identity_become_root(setup, error))
		return false;
	if (setup->target_root && (chroot(setup->target_root) < 0 || chdir("/") < 0))
		return berth_error_set_errno(error, errno, "enter %s", setup->target_root);
	setup->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return setup->root >= 0 || berth_error_set_errno(error, errno, "open /");
}

// All that is done before the process exists. *ret_env and the program's path are the caller's.
static char *prepare(struct berth_setup *setup, char ***ret_env, GError **error)
{
	const struct oci_process *process = setup->config->process;
	berth_fd own_fds = process->terminal ? open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!berth_limits_apply_inherited(setup, getpid(), error) || !enter_groups(setup, error) ||
	    !enter_namespaces(setup, error) || !berth_child_join_keyring(setup, error))
		return NULL;
	umask(0);
	if (process->terminal && !berth_console_open(setup, own_fds, error))
		return NULL;
	// Only root may open what the label is written to, since this process is not dumpable.
	if (!berth_stdio_set(setup, error) || !berth_kernel_reserve_label(setup, error) ||
	    !berth_kernel_write_label(setup, error) || !berth_identity_apply(setup, error))
		return NULL;
	berth_fd_clear(&setup->root);
	char *program = berth_program_find(process, ret_env, error);
	// The change of ids has made it dumpable again where the system's setting says so.
	if (program && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		berth_error_set_errno(error, errno, "prctl");
		g_clear_pointer(&program, g_free);
	}
	return program;
}

static pid_t make_process(struct berth_setup *setup, GError **error)
{
	berth_fd pidfd = -1;

	// Whoever may trace the process must not tell the caller of another. The page is here before it is needed.
	*setup->born = 0;
	if (madvise(setup->born, sizeof *setup->born, MADV_DONTFORK) < 0)
		return berth_error_set_errno(error, errno, "keep memory from the process"), -1;
	pid_t pid = berth_process_clone_known(CLONE_PARENT, -1, setup->born, &pidfd);
	if (pid < 0)
		berth_error_set_errno(error, errno, "make the process");
	return pid;
}

static bool become(struct berth_setup *setup, const char *program, char **env, GError **error)
{
	if (!berth_child_die_with_parent(setup, error))
		return false;
	if (!berth_channel_expect(setup->sync, "known", NULL, error))
		return false;
	if (setsid() < 0)
		return berth_error_set_errno(error, errno, "make a session");
	return berth_console_take(setup, error) && berth_child_execute(setup, setup->sync, program, env, error);
}

void berth_exec_child_main(struct berth_setup *setup)
{
	g_autoptr(GError) problem = NULL;
	g_auto(GStrv) env = NULL;

	berth_child_reset_signals();
	// An ordinary user may not write it any more afterwards.
	if (!berth_limits_apply_oom_score(setup, getpid(), &problem))
		berth_child_fail(setup->sync, problem);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	berth_process_forget_environment();
	if (!berth_child_keep_fds(setup, &problem))
		berth_child_fail(setup->sync, problem);
	g_autofree char *program = prepare(setup, &env, &problem);
	if (!program)
		berth_child_fail(setup->sync, problem);
	pid_t pid = make_process(setup, &problem);
	if (pid == 0)
		become(setup, program, env, &problem);
	else if (pid > 0 && berth_channel_send(setup->sync, -1, &problem, "born"))
		_exit(0);
	berth_child_fail(setup->sync, problem);
}
