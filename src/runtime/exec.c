// SPDX-License-Identifier: Apache-2.0
// A further process in a running container, the creator's side: what it is made of comes from exec-record.h and the
// caller, where it goes from the pidfd of the container's init and its groups. The rest is exec-child.c's.
#include "runtime/channel.h"
#include "runtime/container-internal.h"
#include "runtime/exec-record.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

// What setup borrows, for as long as it lives.
struct exec {
	struct berth_container *container;
	const struct berth_exec_record *record;
	struct berth_cgroup *cgroup; // of its own, beneath the container's; NULL: that one
	struct oci_config config;
	struct oci_linux_section section;
	struct berth_create create;
	struct berth_setup *setup;
	int sync; // our end of the channel
	unsigned seconds;
	int leaf; // in which it is born; -1: in its group
	pid_t pid;
	int pidfd;
};

static void exec_clear(struct exec *exec)
{
	if (exec->setup && exec->setup->born)
		munmap(exec->setup->born, sizeof *exec->setup->born);
	berth_setup_free(exec->setup);
	berth_cgroup_free(exec->cgroup);
	berth_fd_clear(&exec->sync);
	berth_fd_clear(&exec->leaf);
	berth_fd_clear(&exec->pidfd);
}

static bool check_status(struct berth_container *container, bool ignore_paused, GError **error)
{
	const char *now = berth_container_status(container);

	if (g_str_equal(now, "paused") && !ignore_paused)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "cannot exec in a paused container (use --ignore-paused to override)");
	if (g_str_equal(now, "stopped"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "cannot exec in a stopped container: container %s is not running",
				       container->record->id);
	return true;
}

// A delete or start that goes on now is not waited for: a hook of it may be who asks. Else there shall be none until
// the process is in the container's group.
static int try_lock(const struct berth_container *container)
{
	berth_fd lock = openat(container->folder, BERTH_STATE_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0 ? berth_fd_steal(&lock) : -1;
}

static void set_up(struct exec *exec, const struct berth_exec *wanted)
{
	struct berth_setup *setup = berth_setup_new();

	exec->setup = setup;
	exec->config = (struct oci_config){.process = (struct oci_process *) wanted->process,
					   .annotations = exec->container->record->annotations};
	exec->section = (struct oci_linux_section){.personality = exec->record->personality,
						   .memory_policy = exec->record->memory_policy};
	exec->create = (struct berth_create){
		.rootfs_fd = -1,
		.stdio = wanted->stdio,
		.preserve_fds = wanted->preserve_fds,
		.no_new_keyring = exec->record->no_new_keyring,
		.die_with_parent = wanted->die_with_parent,
	};
	exec->seconds = wanted->seconds;
	setup->runtime = exec->container->runtime;
	setup->id = exec->container->record->id;
	setup->exec = true;
	setup->config = &exec->config;
	setup->section = &exec->section;
	setup->create = &exec->create;
	setup->target_root = exec->record->chroot;
	setup->seccomp_flags = (unsigned) exec->record->filter_flags;
}

// "path" or, on v1, "controller[,…]:path" each.
static bool open_own_group(struct exec *exec, char *const *paths, GError **error)
{
	const char *path = exec->container->record->cgroup;

	if (!path)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s has no cgroup", exec->setup->id);
	if (!berth_cgroup_open(path, &exec->cgroup, error))
		return false;
	for (; *paths; paths++) {
		const char *colon = strchr(*paths, ':');
		g_autofree char *controllers = colon ? g_strndup(*paths, (gsize) (colon - *paths)) : NULL;
		if (!berth_cgroup_descend(exec->cgroup, controllers, colon ? colon + 1 : *paths, error))
			return false;
	}
	return true;
}

static bool prepare_groups(struct exec *exec, char *const *paths, const char *apart, GError **error)
{
	if (paths && *paths && !open_own_group(exec, paths, error))
		return false;
	struct berth_cgroup *cgroup = exec->cgroup ? exec->cgroup : exec->container->cgroup;

	if (!cgroup)
		return true;
	if (apart)
		exec->leaf = berth_cgroup_leaf(cgroup, apart);
	exec->setup->cgroup_entrance = berth_cgroup_open_entrance(cgroup, error);
	return exec->setup->cgroup_entrance != NULL;
}

static bool prepare(struct exec *exec, const struct berth_exec *wanted, GError **error)
{
	const struct berth_container *container = exec->container;
	struct berth_setup *setup = exec->setup;

	if (exec->record->filter) {
		setup->seccomp = berth_exec_record_filter(container->folder, container->record->id,
							  &setup->seccomp_length, error);
		if (!setup->seccomp)
			return false;
	}
	setup->target = fcntl(container->pidfd, F_DUPFD_CLOEXEC, 3);
	if (setup->target < 0)
		return berth_error_set_errno(error, errno, "container %s", setup->id);
	setup->target_pid = (pid_t) container->record->pid;
	if (getauxval(AT_EUID) != 0 && !berth_namespaces_ask(setup, container->folder, error))
		return g_prefix_error(error, "container %s: ", setup->id), false;
	berth_stdio_give(setup, exec->record->uid_mappings);
	return prepare_groups(exec, wanted->cgroups, wanted->apart, error) && berth_kernel_prepare(setup, error) &&
	       berth_identity_prepare(setup, error);
}

// Where init itself is now, when the container has made groups in its own (v2), which can then have no processes.
static struct berth_cgroup *init_group(const struct berth_container *container)
{
	const char *own = container->record->cgroup;
	g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", (int) container->record->pid);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_PACKET, NULL, NULL);
	const char *line = text ? strstr(text, "0::") : NULL;
	struct berth_cgroup *cgroup = NULL;

	if (!line || berth_process_ended(container->pidfd))
		return NULL;
	g_autofree char *group = g_strndup(line + 3, strcspn(line + 3, "\n"));
	size_t length = strlen(own);
	if (strncmp(group, own, length) == 0 && group[length] == '/')
		berth_cgroup_open(group, &cgroup, NULL);
	return cgroup;
}

static bool share_born(struct berth_setup *setup, GError **error)
{
	void *page = mmap(NULL, sizeof *setup->born, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return berth_error_set_errno(error, errno, "share memory with the process");
	setup->born = page;
	return true;
}

// The processors at first are inherited: the process is born in its v2 group.
static pid_t clone_helper(struct exec *exec, int birth, int *ret_pidfd, GError **error)
{
	const struct oci_cpu_affinity *affinity = exec->config.process->exec_cpu_affinity;
	const char *initial = affinity ? affinity->initial : NULL;
	cpu_set_t before;

	if (initial && *initial &&
	    (sched_getaffinity(0, sizeof before, &before) < 0 || !berth_affinity_set(initial, error)))
		return -1;
	pid_t pid = berth_process_clone(0, birth, ret_pidfd);
	if (pid == 0)
		berth_exec_child_main(exec->setup);
	int errnum = errno;
	if (initial && *initial)
		sched_setaffinity(0, sizeof before, &before);
	if (pid < 0)
		berth_error_set_errno(error, errnum, "make the process");
	errno = errnum;
	return pid;
}

static bool spawn(struct exec *exec, int *ret_helper, GError **error)
{
	struct berth_cgroup *cgroup = exec->cgroup ? exec->cgroup : exec->container->cgroup;
	int birth = exec->leaf >= 0 ? exec->leaf : cgroup ? berth_cgroup_birth_fd(cgroup) : -1;
	g_autoptr(GError) problem = NULL;
	int pair[2];

	if (!share_born(exec->setup, error))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "make a socket pair");
	exec->sync = pair[0];
	exec->setup->sync = pair[1];
	struct timeval patience = {.tv_sec = exec->seconds};
	if (exec->seconds > 0)
		setsockopt(exec->sync, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	bool limited = berth_limits_prepare(exec->setup, error);
	pid_t pid = limited ? clone_helper(exec, birth, ret_helper, &problem) : -1;
	if (limited && pid < 0 && errno == EBUSY && !exec->cgroup) {
		exec->cgroup = init_group(exec->container);
		if (exec->cgroup) {
			g_clear_error(&problem);
			pid = clone_helper(exec, berth_cgroup_birth_fd(exec->cgroup), ret_helper, &problem);
		}
	}
	berth_limits_restore(exec->setup);
	berth_fd_clear(&exec->setup->sync);
	if (problem && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) &&
	    exec->container->record->user_unit)
		berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				"%s in cgroup %s: only processes below the user's systemd may enter it: run this with "
				"systemd-run --user --scope",
				problem->message, exec->container->record->cgroup);
	else if (problem)
		g_propagate_error(error, g_steal_pointer(&problem));
	return pid > 0;
}

// Who may trace the process could send anything in its place, but has no access to where the kernel has put its pid;
// which is that of a child of ours, and so of no other process until we reap it.
static bool take_process(struct exec *exec, GError **error)
{
	const struct berth_rdt *rdt = exec->container->record->rdt;

	if (exec->pidfd >= 0 || *exec->setup->born <= 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "container %s: a false process was named",
				       exec->setup->id);
	exec->pid = *exec->setup->born;
	exec->pidfd = pidfd_open(exec->pid, 0);
	if (exec->pidfd < 0)
		return berth_error_set_errno(error, errno, "container %s: open the process", exec->setup->id);
	if (rdt) {
		berth_fd root = berth_rdt_open_root(error);
		if (root < 0 || !berth_rdt_enter(root, rdt, exec->pid, error))
			return false;
	}
	if (exec->config.process->scheduler && !berth_limits_apply_scheduler(exec->setup, exec->pid, error))
		return false;
	berth_channel_send(exec->sync, -1, NULL, "known"); // if it has ended already, that is what comes next
	return true;
}

static bool too_early(const struct exec *exec, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s: the process was ended before its program",
			       exec->setup->id);
}

static bool too_late(const struct exec *exec, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "container %s: the program was not executed within %u seconds", exec->setup->id,
			       exec->seconds);
}

// Until the process is known there may be nothing to be received for ever: it waits for us and holds the other end of
// the channel, and the helper has been killed before it could say so.
static bool await_helper(const struct exec *exec, int helper, GError **error)
{
	struct pollfd fds[] = {{.fd = exec->sync, .events = POLLIN}, {.fd = helper, .events = POLLIN}};
	int n = 1;

	if (exec->pidfd < 0)
		do
			n = poll(fds, G_N_ELEMENTS(fds), exec->seconds > 0 ? (int) exec->seconds * 1000 : -1);
		while (n < 0 && errno == EINTR);
	if (n == 0)
		return too_late(exec, error);
	// What it has sent before its end is there now.
	return exec->pidfd >= 0 || fds[0].revents || poll(fds, 1, 0) > 0 || too_early(exec, error);
}

// Listens to the helper and the process until that has been executed.
static bool attend(struct exec *exec, int helper, GError **error)
{
	const struct berth_runtime *runtime = exec->container->runtime;
	bool executing = false;
	bool notified = !exec->container->record->listener_path;

	for (;;) {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		g_autoptr(GError) problem = NULL;
		const char *rest = "";
		if (!await_helper(exec, helper, error))
			return false;
		const char *word = berth_channel_receive(exec->sync, &packet, &rest, &problem);

		if (problem && exec->seconds > 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
			return too_late(exec, error);
		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
		if (!word)
			break;
		if (g_str_equal(word, "executing"))
			executing = true;
		else if (g_str_equal(word, "warn") && runtime->warn)
			runtime->warn(runtime->data, rest);
		else if (g_str_equal(word, "console") && packet.fd_count == 1)
			exec->create.stdio->console = berth_fd_steal(&packet.fds[0]);
		else if (g_str_equal(word, "notify") && packet.fd_count == 1) {
			notified = berth_notify_deliver(exec->container, exec->pid, packet.fds[0], exec->sync, error);
			if (!notified)
				return false;
		} else if (g_str_equal(word, "born") && !take_process(exec, error))
			return false;
	}
	if (executing && notified && exec->pidfd >= 0)
		return true;
	return too_early(exec, error);
}

// One that has not been executed. Nobody else can reap it, and unreaped it would keep the container's init from ending.
static void end_process(struct exec *exec)
{
	pid_t pid = *exec->setup->born;

	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static bool run(struct exec *exec, const struct berth_exec *wanted, int lock, GError **error)
{
	berth_fd held = lock;
	berth_fd helper = -1;

	if (!prepare(exec, wanted, error) || !spawn(exec, &helper, error))
		return false;
	BERTH_FAILPOINT("runtime.exec.cloned");
	// The helper has it open, too, and may be frozen from its birth on.
	if (held >= 0)
		flock(held, LOCK_UN);
	bool done = attend(exec, helper, error);
	if (!done)
		pidfd_send_signal(helper, SIGKILL, NULL, 0);
	berth_process_reap(helper);
	if (!done)
		end_process(exec);
	return done;
}

bool berth_container_exec(struct berth_container *container, const struct berth_exec *wanted, pid_t *ret_pid,
			  int *ret_pidfd, GError **error)
{
	__attribute__((cleanup(exec_clear))) struct exec exec = {
		.container = container, .sync = -1, .leaf = -1, .pidfd = -1};
	g_autoptr(GError) problem = NULL;

	wanted->stdio->console = -1;
	if (!berth_check_process(wanted->process, error) || !berth_check_preserved(wanted->preserve_fds, error))
		return false;
	berth_fd lock = try_lock(container);
	if (!check_status(container, wanted->ignore_paused, error))
		return false;
	exec.record = berth_container_exec_record(container, error);
	if (!exec.record)
		return false;
	berth_container_find_cgroup(container, &problem);
	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	set_up(&exec, wanted);
	if (!run(&exec, wanted, berth_fd_steal(&lock), error)) {
		berth_fd_clear(&wanted->stdio->console);
		return false;
	}
	*ret_pid = exec.pid;
	*ret_pidfd = berth_fd_steal(&exec.pidfd);
	return true;
}

bool berth_container_kill_apart(struct berth_container *container, const char *apart)
{
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, NULL);
	berth_fd leaf = cgroup ? berth_cgroup_leaf(cgroup, apart) : -1;

	return leaf >= 0 && berth_cgroup_leaf_kill(leaf);
}

const struct berth_exec_record *berth_container_exec_record(struct berth_container *container, GError **error)
{
	if (!container->exec)
		container->exec = berth_exec_record_read(container->folder, container->record->id, error);
	return container->exec;
}

struct oci_process *berth_container_process(struct berth_container *container, GError **error)
{
	const struct berth_exec_record *record = berth_container_exec_record(container, error);

	if (!record)
		return NULL;
	if (record->process)
		return berth_document_copy(&oci_process_document, record->process);
	struct oci_process *process = berth_document_new(&oci_process_document);
	process->cwd = g_strdup("/");
	return process;
}
