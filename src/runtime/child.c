// SPDX-License-Identifier: Apache-2.0
// The container's process from clone to exec: the order of all steps.
//
// It is a copy of the creator (no CLONE_VM, creators have one thread), so it may use malloc and GLib. Of the creator's
// descriptors it closes at once all that it does not need. Until exec it is not dumpable: no process of a shared pid
// namespace can look into it or open its descriptors or the creator's program through /proc. The creator's program
// itself is kept from the container by sys/self.h, since execve() lets a script name /proc/self/exe.
//
// Namespaces that are joined by path are entered by a helper, which then makes the container's process as its own
// sibling (CLONE_PARENT): the pid namespace that it joined holds for children only, and new namespaces belong to the
// user namespace that it joined. Where a time namespace has offsets, or is joined, a first child does that.
#include "runtime/channel.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int compare_fds(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

static GArray *needed_fds(const struct berth_setup *setup)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
	const int own[] = {setup->root_tree,        setup->proc_fd,      setup->sync,     setup->listener,
			   setup->stdio[0],         setup->stdio[1],     setup->stdio[2], setup->hook_streams.out,
			   setup->hook_streams.err, setup->time_offsets, setup->target};

	g_array_append_vals(fds, own, G_N_ELEMENTS(own));
	g_array_append_vals(fds, setup->join, G_N_ELEMENTS(setup->join));
	g_array_append_vals(fds, setup->device_trees->data, setup->device_trees->len);
	if (setup->cgroup_entrance)
		g_array_append_vals(fds, setup->cgroup_entrance->data, setup->cgroup_entrance->len);
	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		g_array_append_val(fds, step->tree);
		berth_cgroup_mount_list_fds(step, fds);
	}
	g_array_sort(fds, compare_fds);
	return fds;
}

bool berth_child_keep_fds(struct berth_setup *setup, GError **error)
{
	const struct berth_stdio *stdio = setup->create->stdio;
	const int from[3] = {stdio->in, stdio->out, stdio->err};
	int next = 3 + setup->create->preserve_fds;
	const struct oci_process *process = setup->config->process;

	for (int i = 0; !(process && process->terminal) && i < 3; i++) {
		setup->stdio[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, next);
		if (from[i] >= 0 && setup->stdio[i] < 0)
			return berth_error_set_errno(error, errno, "standard stream %d", i);
	}
	g_autoptr(GArray) fds = needed_fds(setup);
	for (int fd = 3; fd < next; fd++)
		fcntl(fd, F_SETFD, 0);
	for (guint i = 0; i < fds->len; i++) {
		int fd = g_array_index(fds, int, i);
		if (fd > next)
			berth_close_range((unsigned) next, (unsigned) fd - 1, 0);
		next = MAX(next, fd + 1);
	}
	berth_close_range((unsigned) next, ~0U, 0);
	return true;
}

void berth_child_reset_signals(void)
{
	sigset_t none;

	// CLONE_CLEAR_SIGHAND has reset handlers, but not what the creator ignores; execve() would hand that on.
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

bool berth_child_die_with_parent(const struct berth_setup *setup, GError **error)
{
	if (setup->create->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return berth_error_set_errno(error, errno, "ask for a signal at the creator's end");
	return true;
}

// The time namespace belongs to the container's user namespace, so that comes before it.
static bool make_time_namespace(struct berth_setup *setup, GError **error)
{
	if (!berth_time_has_offsets(setup))
		return true;
	if (setup->new_namespaces & CLONE_NEWUSER) {
		if (unshare(CLONE_NEWUSER) < 0)
			return berth_error_set_errno(error, errno, "make the user namespace");
		if (!berth_channel_send(setup->sync, -1, error, "unshared") ||
		    !berth_channel_expect(setup->sync, "mapped", NULL, error))
			return false;
		setup->new_namespaces &= ~(unsigned) CLONE_NEWUSER;
		setup->joined_namespaces |= CLONE_NEWUSER;
		if (!berth_identity_become_root(setup, error))
			return false;
	}
	return berth_time_make(setup, error);
}

// The parent's side of the second clone ends here.
static bool join_namespaces(struct berth_setup *setup, GError **error)
{
	int pidfd = -1;

	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++)
		if (setns(setup->join[i], (int) setup->join_flags[i]) < 0)
			return berth_error_set_errno(error, errno, "join the %s namespace",
						     berth_namespace_file(setup->join_flags[i]));
	if (!make_time_namespace(setup, error))
		return false;
	pid_t pid =
		berth_process_clone(CLONE_PARENT | (setup->new_namespaces & ~(unsigned) CLONE_NEWCGROUP), -1, &pidfd);
	if (pid < 0)
		return berth_error_set_errno(error, errno, "make the container's process");
	if (pid > 0) {
		bool sent = berth_channel_send(setup->sync, pidfd, error, "pid %d", (int) pid);
		if (!sent)
			pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		_exit(sent ? 0 : 1);
	}
	return berth_channel_expect(setup->sync, "known", NULL, error);
}

static bool enter_user_namespace(struct berth_setup *setup, GError **error)
{
	if (setup->new_namespaces & CLONE_NEWUSER && !berth_channel_expect(setup->sync, "mapped", NULL, error))
		return false;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!berth_prepare_late(setup, BERTH_LATE_AS_CREATOR, error))
		return false;
	if ((setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWUSER)
		return berth_identity_become_root(setup, error);
	return true;
}

bool berth_child_join_keyring(const struct berth_setup *setup, GError **error)
{
	g_autofree char *name = g_strdup_printf("_ses.%s", setup->id);

	if (setup->create->no_new_keyring || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0)
		return true;
	if (errno == ENOSYS || errno == EPERM || errno == EDQUOT)
		return true; // no keyrings here: then there is none to be inherited, or the filter keeps it
	return berth_error_set_errno(error, errno, "make a session keyring");
}

static bool run_create_hooks(struct berth_setup *setup, GError **error)
{
	const struct oci_hooks *hooks = setup->config->hooks;

	if (!hooks)
		return true;
	if (!berth_channel_send(setup->sync, -1, error, "mounted") ||
	    !berth_channel_expect(setup->sync, "proceed", &setup->host_pid, error))
		return false;
	g_autofree char *state = berth_hooks_state(setup->state, "creating", setup->host_pid);
	return berth_hooks_run(hooks->create_container, "createContainer", state, &setup->hook_streams, error);
}

static bool make_root(struct berth_setup *setup, GError **error)
{
	if (!berth_rootfs_attach(setup, error) || !berth_mounts_make(setup, error) ||
	    !berth_groups_settle(setup, error))
		return false;
	if (setup->joined_namespaces & CLONE_NEWNS && !berth_rootfs_enter(setup, error))
		return false;
	if (!berth_devices_make(setup, error) || !berth_console_make(setup, error))
		return false;
	if (!run_create_hooks(setup, error) || !berth_kernel_apply(setup, error) ||
	    !berth_kernel_reserve_label(setup, error))
		return false;
	if (!berth_hide_paths(setup, error) || !berth_mounts_finish(setup, error) ||
	    !berth_console_take(setup, error) || !berth_stdio_set(setup, error))
		return false;
	return setup->joined_namespaces & CLONE_NEWNS || berth_rootfs_enter(setup, error);
}

static bool check_program(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;
	g_auto(GStrv) env = NULL;

	if (!setup->create->find_program || !process)
		return true;
	g_autofree char *program = berth_program_find(process, &env, error);
	if (program && setup->own_start) {
		setup->program = g_steal_pointer(&program);
		setup->env = g_steal_pointer(&env);
		return true;
	}
	return program != NULL;
}

// As runc does. In one that was made beforehand it is up already.
static void raise_loopback(const struct berth_setup *setup)
{
	// Who joins other namespaces gets a new one (clone_process() in container.c).
	bool joins = setup->joined_namespaces || berth_time_has_offsets(setup);
	bool beforehand = setup->create->network && *setup->create->network >= 0 && !joins;

	if (setup->new_namespaces & CLONE_NEWNET && (!beforehand || setup->new_namespaces & CLONE_NEWUSER))
		berth_namespace_raise_loopback();
}

static bool set_up(struct berth_setup *setup, GError **error)
{
	if (!berth_child_die_with_parent(setup, error) || !enter_user_namespace(setup, error) ||
	    !berth_prepare_late(setup, BERTH_LATE_AS_ROOT, error) ||
	    !(setup->groups_come || berth_groups_settle(setup, error)) || !berth_child_join_keyring(setup, error))
		return false;
	raise_loopback(setup);
	if (setsid() < 0)
		return berth_error_set_errno(error, errno, "make a session");
	umask(0);
	if (setup->unprivileged && !setup->own_start)
		berth_namespaces_offer(setup);
	return make_root(setup, error) && berth_identity_apply(setup, error) &&
	       // The change of ids has taken the signal away.
	       berth_child_die_with_parent(setup, error) && check_program(setup, error) &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

bool berth_child_execute(struct berth_setup *setup, int socket, const char *program, char **env, GError **error)
{
	struct berth_notify notify = BERTH_NOTIFY_NONE;

	if (!berth_memory_policy_set(setup->section->memory_policy, error) ||
	    !berth_notify_prepare(setup, socket, &notify, error) || !berth_limits_set(setup, error) ||
	    !berth_kernel_write_label(setup, error))
		return false;
	if (!berth_channel_send(socket, -1, error, "executing") || !berth_identity_finish(setup, &notify, error))
		return false;
	return berth_program_execute(setup->config->process, program, env, error);
}

static bool execute(struct berth_setup *setup, int starter, GError **error)
{
	const struct oci_process *process = setup->config->process;
	g_auto(GStrv) env = NULL;

	if (!process)
		return berth_error_set(error, BERTH_ERROR_INVALID, "config.json has no process to start");
	if (setup->config->hooks) {
		g_autofree char *state = berth_hooks_state(setup->state, "created", setup->host_pid);
		struct berth_hook_streams streams = setup->hook_streams;
		streams.folder = NULL; // there is no bundle in the root
		if (!berth_hooks_run(setup->config->hooks->start_container, "startContainer", state, &streams, error))
			return false;
	}
	if (setup->program)
		return berth_child_execute(setup, starter, setup->program, setup->env, error);
	g_autofree char *program = berth_program_find(process, &env, error);
	return program && berth_child_execute(setup, starter, program, env, error);
}

static int wait_for_starter(struct berth_setup *setup)
{
	if (setup->own_start)
		return berth_channel_expect(setup->sync, "start", NULL, NULL) ? berth_fd_steal(&setup->sync) : -1;
	return berth_namespaces_wait(setup);
}

void berth_child_fail(int socket, const GError *problem)
{
	berth_channel_send_error(socket, problem);
	_exit(1);
}

void berth_child_main(struct berth_setup *setup)
{
	g_autoptr(GError) problem = NULL;

	setup->in_child = true;
	berth_child_reset_signals();
	if (!berth_time_open(setup, &problem))
		berth_child_fail(setup->sync, problem);
	// An ordinary user could not write the id maps of what is not dumpable. Nobody else is in its namespace then.
	if (!setup->unprivileged || !(setup->new_namespaces & CLONE_NEWUSER))
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	berth_process_forget_environment();
	if (!berth_child_keep_fds(setup, &problem))
		berth_child_fail(setup->sync, problem);
	if (!berth_groups_enter(setup, &problem))
		berth_child_fail(setup->sync, problem);
	if (berth_setup_joining(setup) == BERTH_JOINING_CHILD && !join_namespaces(setup, &problem))
		berth_child_fail(setup->sync, problem);
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join); i++)
		berth_fd_clear(&setup->join[i]);
	if (!set_up(setup, &problem))
		berth_child_fail(setup->sync,
				 problem ? problem : g_error_new(BERTH_ERROR, BERTH_ERROR_INTERNAL, "prctl"));
	if (!berth_channel_send(setup->sync, -1, &problem, "ready"))
		_exit(1);
	if (!setup->own_start)
		berth_fd_clear(&setup->sync);
	berth_fd_clear(&setup->root);
	int starter = wait_for_starter(setup);
	if (starter < 0)
		_exit(1);
	berth_fd_clear(&setup->listener);
	berth_fd_clear(&setup->own_namespaces);
	execute(setup, starter, &problem);
	berth_child_fail(starter, problem);
}
