// SPDX-License-Identifier: Apache-2.0
// Making a container: what is wrong is said first, then the record is written, then cgroup and process are made; the
// process prepares itself (child.c) while this side answers it (channel.h) until it is ready. On failure all is undone
// in the opposite order, the record last.
#include "runtime/channel.h"
#include "runtime/checkpoint.h"
#include "runtime/container-internal.h"
#include "runtime/exec-record.h"
#include "runtime/groups.h"
#include "runtime/seccomp.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/moment.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct creation {
	struct berth_setup *setup;
	struct berth_container *container;
	const struct berth_checkpoint *checkpoint; // restored from; NULL: a new process is made
	struct oci_state state; // for hooks; borrows from the record
	int sync; // our end of the channel
	bool hooks_ran;
	bool mapped; // the ids were mapped before the process was made
	struct berth_groups_keeper keeper;
};

static void warn(const struct berth_runtime *runtime, const char *message)
{
	if (runtime->warn)
		runtime->warn(runtime->data, message);
}

static struct berth_record *new_record(const struct berth_setup *setup)
{
	struct berth_record *record = berth_document_new(&berth_record_document);
	const struct oci_config *config = setup->config;

	record->version = BERTH_STATE_VERSION;
	record->id = g_strdup(setup->id);
	record->bundle = g_strdup(setup->create->bundle);
	if (setup->create->rootfs_fd < 0)
		record->rootfs = g_canonicalize_filename(config->root->path, record->bundle);
	record->created = berth_moment_string(berth_moment_now());
	record->annotations = config->annotations ? g_hash_table_ref(config->annotations) : NULL;
	record->hooks = berth_document_copy(&oci_hooks_document, config->hooks);
	berth_net_devices_record(setup->section, record);
	if (setup->section->seccomp && berth_seccomp_notifies(setup->section->seccomp)) {
		record->listener_path = g_strdup(berth_notify_receiver(setup));
		record->listener_metadata = g_strdup(setup->section->seccomp->listener_metadata);
	}
	return record;
}

static bool place_cgroup(struct creation *creation, GError **error)
{
	const struct berth_setup *setup = creation->setup;

	return setup->runtime->cgroup_manager == BERTH_CGROUP_MANAGER_DISABLED ||
	       berth_groups_new(setup->runtime)->place(setup, creation->container->record, error);
}

// The group, as far as the process needs it to be born in it.
static bool begin_cgroup(struct creation *creation, GError **error)
{
	struct berth_container *container = creation->container;
	struct berth_setup *setup = creation->setup;

	return setup->runtime->cgroup_manager == BERTH_CGROUP_MANAGER_DISABLED ||
	       berth_groups_new(setup->runtime)
		       ->create(setup, container->record, &container->cgroup, &creation->keeper, error);
}

// The rest of it, with its limits.
static bool complete_cgroup(struct creation *creation, GError **error)
{
	struct berth_container *container = creation->container;
	struct berth_setup *setup = creation->setup;

	if (!container->cgroup)
		return true;
	if (!berth_groups_of(container->record)->complete(setup, container->record, &container->cgroup, error))
		return false;
	BERTH_FAILPOINT("runtime.create.cgroup");
	if (!container->cgroup)
		return true;
	setup->cgroup_entrance = berth_cgroup_open_entrance(container->cgroup, error);
	return setup->cgroup_entrance != NULL;
}

// v1's hierarchies are made while the process makes its mounts, which it can until it needs its cgroup namespace.
static bool make_groups_beside(const struct creation *creation)
{
	const struct berth_container *container = creation->container;

	return container->cgroup && berth_cgroup_kind(container->cgroup) != BERTH_CGROUP_V2 &&
	       creation->setup->new_namespaces & CLONE_NEWCGROUP &&
	       berth_setup_joining(creation->setup) != BERTH_JOINING_CHILD;
}

// Whether the process can only be moved to its group when it is there.
static bool needs_bringing(const struct creation *creation)
{
	const struct berth_container *container = creation->container;
	const struct berth_groups *manager = berth_groups_of(container->record);

	return container->cgroup && manager->needs_bringing && manager->needs_bringing(container->record);
}

static bool bring(struct creation *creation, pid_t pid, GError **error)
{
	const struct berth_record *record = creation->container->record;

	return !needs_bringing(creation) ||
	       berth_groups_of(record)->bring(creation->setup, record, &creation->keeper, pid, error);
}

static bool send_entrance(struct creation *creation, GError **error)
{
	static const char word[] = BERTH_CHANNEL_GROUPS;
	const GArray *entrance = creation->setup->cgroup_entrance;
	g_autoptr(GError) problem = NULL;
	guint length = entrance ? entrance->len : 0, sent = 0, count;

	do {
		count = MIN(length - sent, BERTH_LIMIT_PACKET_FDS);
		berth_packet_send(creation->sync, word, sizeof word - 1,
				  entrance ? (const int *) entrance->data + sent : NULL, count, &problem);
		sent += count;
	} while (!problem && count == BERTH_LIMIT_PACKET_FDS);
	// A process that is gone has left its reason in the channel, where attend() finds it.
	if (!problem || g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
		return true;
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

// The process is in its group.
static bool settle_cgroup(struct creation *creation, GError **error)
{
	struct berth_container *container = creation->container;
	const struct berth_groups *manager = berth_groups_of(container->record);

	return !container->cgroup || !manager->joined ||
	       manager->joined(creation->setup, container->record, container->cgroup, &creation->keeper, error);
}

// The pid is in the container's record before the process can go on without us.
static bool record_process(struct creation *creation, pid_t pid, GError **error)
{
	struct berth_container *container = creation->container;

	container->record->pid = pid;
	container->record->start_time = berth_process_start_time(pid);
	return berth_state_write(container->folder, container->record, error);
}

static bool map_ids(struct creation *creation, pid_t pid, GError **error)
{
	if (!(creation->setup->new_namespaces & CLONE_NEWUSER))
		return true;
	return berth_id_maps_write(creation->setup, pid, error) &&
	       (!creation->setup->unprivileged || berth_limits_apply_oom_score(creation->setup, pid, error)) &&
	       berth_channel_send(creation->sync, -1, error, "mapped");
}

// A first child has joined namespaces and made the process as our child. It may need its ids before that.
static bool receive_joined(struct creation *creation, pid_t helper, GError **error)
{
	BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	const char *rest = "";
	const char *word = berth_channel_receive(creation->sync, &packet, &rest, error);

	if (word && g_str_equal(word, "unshared")) {
		creation->mapped = true;
		if (!map_ids(creation, helper, error))
			return false;
		word = berth_channel_receive(creation->sync, &packet, &rest, error);
	}
	if (word && g_str_equal(word, "pid") && packet.fd_count == 1) {
		creation->container->pidfd = berth_fd_steal(&packet.fds[0]);
		creation->container->record->pid = g_ascii_strtoll(rest, NULL, 10);
	} else if (!word && (!error || !*error)) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "the process that joins namespaces ended early");
	} else if (word) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "waited for \"pid\", got \"%s\"", word);
	}
	return creation->container->pidfd >= 0;
}

// clone3() into the network namespace that was made beforehand, in place of a new one. The container's process is born
// where this process is, so it goes there and comes back.
static pid_t clone_into_network(const struct berth_setup *setup, unsigned flags, int birth, int *ret_pidfd)
{
	berth_fd own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (own < 0 || setns(*setup->create->network, CLONE_NEWNET) < 0)
		return berth_process_clone(flags, birth, ret_pidfd);
	pid_t pid = berth_process_clone(flags & ~(unsigned) CLONE_NEWNET, birth, ret_pidfd);
	int errnum = errno;
	if (pid == 0)
		return 0;
	if (setns(own, CLONE_NEWNET) < 0) {
		errnum = errno;
		if (pid > 0) {
			pidfd_send_signal(*ret_pidfd, SIGKILL, NULL, 0);
			berth_process_reap(*ret_pidfd);
			berth_fd_clear(ret_pidfd);
		}
		pid = -1;
	}
	errno = errnum;
	return pid;
}

static pid_t clone_by_helper(const struct berth_setup *setup, unsigned flags, int cgroup_fd, int *ret_pidfd,
			     unsigned *ret_refused)
{
	struct berth_process_birth birth = {
		.namespaces = setup->join,
		.kinds = setup->join_flags,
		.flags = flags,
		.cgroup_fd = cgroup_fd,
	};

	while (birth.count < G_N_ELEMENTS(setup->join) && setup->join[birth.count] >= 0)
		birth.count++;
	return berth_process_clone_into(&birth, ret_pidfd, ret_refused);
}

static pid_t clone_process(const struct berth_setup *setup, unsigned flags, int birth, int *ret_pidfd,
			   unsigned *ret_refused)
{
	if (berth_setup_joining(setup) == BERTH_JOINING_HELPER)
		return clone_by_helper(setup, flags, birth, ret_pidfd, ret_refused);
	if (setup->create->network && *setup->create->network >= 0 && flags & CLONE_NEWNET && !(flags & CLONE_NEWUSER))
		return clone_into_network(setup, flags, birth, ret_pidfd);
	return berth_process_clone(flags, birth, ret_pidfd);
}

static bool spawn(struct creation *creation, GError **error)
{
	struct berth_setup *setup = creation->setup;
	struct berth_container *container = creation->container;
	bool join = berth_setup_joining(setup) == BERTH_JOINING_CHILD;
	// What joins namespaces first is in the creator's own; clone3() makes the rest then.
	unsigned flags = join ? 0 : setup->new_namespaces & ~(unsigned) CLONE_NEWCGROUP;
	unsigned refused = 0;
	int birth = container->cgroup && !needs_bringing(creation) ? berth_cgroup_birth_fd(container->cgroup) : -1;
	int pair[2];
	berth_fd first = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "make a socket pair");
	creation->sync = pair[0];
	setup->sync = pair[1];
	if (!setup->own_start)
		setup->listener = berth_socket_listen_at(container->folder, BERTH_START_SOCKET, SOCK_SEQPACKET, error);
	if (!setup->own_start && setup->listener < 0)
		return false;
	bool limited = berth_limits_prepare(setup, error);
	pid_t pid = limited ? clone_process(setup, flags, birth, &first, &refused) : -1;
	if (pid == 0)
		berth_child_main(setup);
	int errnum = errno;
	berth_limits_restore(setup);
	if (!limited)
		return false;
	berth_fd_clear(&setup->sync);
	berth_fd_clear(&setup->listener);
	if (refused)
		return berth_error_set_errno(error, errnum, "join the %s namespace", berth_namespace_file(refused));
	if (pid < 0)
		return berth_error_set_errno(error, errnum, "make the container's process%s",
					     errnum == ENOSYS ? " (a time namespace needs clone3, Linux 5.6)" : "");
	BERTH_FAILPOINT("runtime.create.cloned");
	if (!join) {
		container->pidfd = berth_fd_steal(&first);
		container->record->pid = pid;
	} else {
		bool joined = receive_joined(creation, pid, error);
		if (!joined)
			pidfd_send_signal(first, SIGKILL, NULL, 0);
		berth_process_reap(first);
		if (!joined)
			return false;
	}
	return true;
}

// What the process cannot do itself, from its birth on.
static bool equip(struct creation *creation, GError **error)
{
	struct berth_setup *setup = creation->setup;
	pid_t pid = (pid_t) creation->container->record->pid;

	if (setup->groups_come) {
		if (!bring(creation, pid, error) || !map_ids(creation, pid, error) ||
		    !complete_cgroup(creation, error) || !send_entrance(creation, error))
			return false;
		// Only now is the group ours in every hierarchy: see berth_container_clear_processes().
		return record_process(creation, pid, error);
	}
	return record_process(creation, pid, error) && bring(creation, pid, error) &&
	       (berth_setup_joining(setup) != BERTH_JOINING_CHILD ||
		berth_channel_send(creation->sync, -1, error, "known")) &&
	       (creation->mapped || map_ids(creation, pid, error));
}

static bool run_hooks(struct creation *creation, GError **error)
{
	const struct oci_hooks *hooks = creation->setup->config->hooks;
	const struct berth_hook_streams *streams = &creation->setup->hook_streams;
	g_autofree char *pid = g_strdup_printf("%d", (int) creation->container->record->pid);
	g_autofree char *state = berth_hooks_state(&creation->state, "creating", pid);

	creation->hooks_ran = true;
	return berth_hooks_run(hooks->prestart, "prestart", state, streams, error) &&
	       berth_hooks_run(hooks->create_runtime, "createRuntime", state, streams, error) &&
	       berth_channel_send(creation->sync, -1, error, "proceed %s", pid);
}

// The process died without a word: a signal, or want of memory.
static bool explain_end(const struct berth_container *container, GError **error)
{
	uint64_t kills = 0;
	siginfo_t info = {0};

	waitid(P_PIDFD, (id_t) container->pidfd, &info, WEXITED | WNOWAIT);
	if (berth_container_oom_kills((struct berth_container *) container, &kills, NULL) && kills)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"the container's process was killed while it was set up: its memory limit is too low");
	return berth_error_set(error, BERTH_ERROR_INTERNAL, "the container's process ended while it was set up (%s %d)",
			       info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
}

// Answers the child until it is ready.
static bool attend(struct creation *creation, GError **error)
{
	struct berth_setup *setup = creation->setup;

	for (;;) {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		g_autoptr(GError) problem = NULL;
		const char *rest = "";
		const char *word = berth_channel_receive(creation->sync, &packet, &rest, &problem);

		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
		if (!word)
			return explain_end(creation->container, error);
		if (g_str_equal(word, "ready"))
			return true;
		if (g_str_equal(word, "warn"))
			warn(setup->runtime, rest);
		else if (g_str_equal(word, "console") && packet.fd_count == 1)
			setup->create->stdio->console = berth_fd_steal(&packet.fds[0]);
		else if (!g_str_equal(word, "mounted"))
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "unexpected word \"%s\"", word);
		else if (!run_hooks(creation, error))
			return false;
	}
}

static void run_poststop(const struct creation *creation)
{
	const struct oci_hooks *hooks = creation->setup->config->hooks;
	g_autoptr(GError) problem = NULL;

	if (!creation->hooks_ran)
		return;
	g_autofree char *state = berth_hooks_state(&creation->state, "stopped", NULL);
	if (!berth_hooks_run(hooks->poststop, "poststop", state, &creation->setup->hook_streams, &problem))
		warn(creation->setup->runtime, problem->message);
}

// What cannot be undone is warned of, since the caller is told why creating failed.
static void undo(struct creation *creation)
{
	struct berth_container *container = creation->container;
	g_autoptr(GError) problem = NULL;

	berth_fd_clear(&creation->sync);
	berth_groups_let_go(&creation->keeper);
	berth_fd_clear(&creation->setup->create->stdio->console);
	berth_net_devices_return(container);
	if (container->pidfd >= 0) {
		pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0);
		berth_process_reap(container->pidfd);
	}
	if (!container->cgroup) { // there may be a group of that name, but not ours
		g_clear_pointer(&container->record->cgroup, g_free);
		g_clear_pointer(&container->record->unit, g_free);
	}
	if (!berth_container_clear_processes(container, &problem)) {
		warn(creation->setup->runtime, problem->message);
		return; // the record stays, so that delete finds what is left
	}
	run_poststop(creation);
	if (!berth_state_remove(creation->setup->runtime, container->folder, container->record->id, &problem))
		warn(creation->setup->runtime, problem->message);
}

static bool enter_rdt(struct creation *creation, GError **error)
{
	struct berth_container *container = creation->container;
	const struct oci_intel_rdt *wanted = creation->setup->section->intel_rdt;

	if (!wanted)
		return true;
	berth_fd root = berth_rdt_open_root(error);
	container->record->rdt = root < 0 ? NULL : berth_rdt_make(root, wanted, container->record->id, error);
	return container->record->rdt && berth_state_write(container->folder, container->record, error) &&
	       berth_rdt_configure(root, container->record->rdt, wanted, error) &&
	       berth_rdt_enter(root, container->record->rdt, (pid_t) container->record->pid, error);
}

static bool make(struct creation *creation, GError **error)
{
	struct berth_container *container = creation->container;

	if (!place_cgroup(creation, error) || !berth_state_write(container->folder, container->record, error))
		return false;
	BERTH_FAILPOINT("runtime.create.recorded");
	if (!begin_cgroup(creation, error) || !berth_namespaces_prepare(creation->setup, error))
		return false;
	creation->setup->groups_come =
		!creation->checkpoint &&
		(make_groups_beside(creation) ||
		 (needs_bringing(creation) && berth_setup_joining(creation->setup) != BERTH_JOINING_CHILD));
	if (!creation->setup->groups_come && !complete_cgroup(creation, error))
		return false;
	creation->setup->cgroup_path = container->record->cgroup;
	creation->setup->cgroup_mounts = container->cgroup ? berth_cgroup_mounts_of(container->cgroup) : NULL;
	if (!berth_prepare(creation->setup, error) || !berth_groups_give(creation->setup, container->cgroup, error))
		return false;
	berth_checkpoint_remember(creation->setup, container->record);
	if (creation->checkpoint
		    ? !berth_restore(creation->setup, container, creation->checkpoint, &creation->hooks_ran, error)
		    : !spawn(creation, error) || !equip(creation, error))
		return false;
	if (!enter_rdt(creation, error) ||
	    !berth_net_devices_take(container, creation->setup->private_namespaces, error))
		return false;
	g_autofree char *text = berth_exec_record_text(creation->setup); // while the child has its own work
	return (creation->checkpoint || attend(creation, error)) && settle_cgroup(creation, error) &&
	       berth_groups_delegate(creation->setup, container->cgroup, (pid_t) container->record->pid, error) &&
	       berth_limits_apply(creation->setup, (pid_t) container->record->pid, error) &&
	       berth_exec_record_write(container->folder, creation->setup, text, error);
}

static struct berth_setup *new_setup(const struct berth_runtime *runtime, const char *id,
				     const struct oci_config *config, const struct berth_create *create,
				     const struct oci_state *state)
{
	static const struct oci_linux_section empty = {0};
	struct berth_setup *setup = berth_setup_new();

	setup->runtime = runtime;
	setup->id = id;
	setup->config = config;
	setup->section = config->os_linux ? config->os_linux : &empty;
	setup->create = create;
	setup->state = state;
	setup->unprivileged = getauxval(AT_EUID) != 0; // no system call
	return setup;
}

static bool make_container(const struct berth_runtime *runtime, const char *id, const struct oci_config *config,
			   const struct berth_create *create, const struct berth_checkpoint *checkpoint,
			   struct berth_container **ret, GError **error)
{
	create->stdio->console = -1;
	if (!berth_check_id(id, error) || !berth_check_config(config, create, error))
		return false;
	berth_fd folder = berth_state_open(runtime, id, true, error);
	berth_fd lock = folder < 0 ? -1 : berth_state_lock(folder, id, true, error);
	if (lock < 0)
		return false;
	if (berth_state_exists(folder))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container with given ID already exists: %s", id);

	if (create->notify && mkdirat(folder, BERTH_STATE_NOTIFY, 0755) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "container %s: make " BERTH_STATE_NOTIFY, id);
	struct creation creation = {.sync = -1, .keeper = {-1, -1}, .checkpoint = checkpoint};
	g_autoptr(berth_setup) setup = new_setup(runtime, id, config, create, &creation.state);
	g_autoptr(berth_container) container = berth_container_new(runtime, berth_fd_steal(&folder));
	container->record = new_record(setup);
	creation.setup = setup;
	creation.container = container;
	creation.state = (struct oci_state){
		.oci_version = (char *) BERTH_OCI_VERSION,
		.id = container->record->id,
		.bundle = container->record->bundle,
		.annotations = container->record->annotations,
		.rootfs = container->record->rootfs,
		.created = container->record->created,
	};
	// Hooks may ask how far the container is, which others see by the socket.
	setup->own_start = create->own_start && !config->hooks;
	bool made = make(&creation, error);
	if (!made)
		undo(&creation);
	else if (setup->own_start)
		container->starter = berth_fd_steal(&creation.sync);
	berth_fd_clear(&creation.sync);
	berth_fd_clear(&container->network);
	if (made)
		*ret = g_steal_pointer(&container);
	return made;
}

bool berth_container_create(const struct berth_runtime *runtime, const char *id, const struct oci_config *config,
			    const struct berth_create *create, struct berth_container **ret, GError **error)
{
	return make_container(runtime, id, config, create, NULL, ret, error);
}

bool berth_container_restore(const struct berth_runtime *runtime, const char *id, const struct oci_config *config,
			     const struct berth_create *create, const struct berth_checkpoint *checkpoint,
			     struct berth_container **ret, GError **error)
{
	return make_container(runtime, id, config, create, checkpoint, ret, error);
}
