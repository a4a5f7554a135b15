// SPDX-License-Identifier: Apache-2.0
// seccomp's SCMP_ACT_NOTIFY: the listener of the process's filter goes to the program that answers its system calls
// (linux.seccomp.listenerPath), before the container's program is executed.
//
// Once the filter is there, each system call of the process may wait for that program, which has no listener yet. So
// the process does nothing then but one write(), which no filter may ask about: a helper that has no filter and shares
// the process's descriptors takes the listener and sends it to the starter, who knows the host's paths. The process
// waits for the helper's end; a call that is asked about from then on has somebody to answer it.
#include "runtime/channel.h"
#include "runtime/container-internal.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/process.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECEIVER_ANNOTATION "run.oci.seccomp.receiver" // crun's

// The specification's "Container Process State".
struct process_state {
	char *oci_version;
	char **fds;
	int64_t pid;
	char *metadata;
	struct oci_state *state;
};

static const struct berth_field process_state_fields[] = {
	BERTH_STRING(struct process_state, oci_version, "ociVersion", 0),
	BERTH_STRINGS(struct process_state, fds, "fds", 0),
	BERTH_INT64(struct process_state, pid, "pid", 0),
	BERTH_STRING(struct process_state, metadata, "metadata", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct process_state, state, "state", &oci_state_document, 0),
	{0},
};
static const struct berth_document process_state_document = {"containerProcessState", sizeof(struct process_state),
							     process_state_fields};

const char *berth_notify_receiver(const struct berth_setup *setup)
{
	const struct oci_seccomp *seccomp = setup->section->seccomp;

	if (seccomp && seccomp->listener_path && *seccomp->listener_path)
		return seccomp->listener_path;
	return berth_setup_annotation(setup, RECEIVER_ANNOTATION);
}

bool berth_notify_check(const struct berth_setup *setup, GError **error)
{
	const char *path = berth_notify_receiver(setup);
	struct stat st;

	if (!(setup->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return true;
	if (!path)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY");
	if (*path != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.seccomp.listenerPath: %s: must be an absolute path", path);
	if (stat(path, &st) < 0)
		return berth_error_set_errno(error, errno, "linux.seccomp.listenerPath: %s", path);
	return S_ISSOCK(st.st_mode) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "linux.seccomp.listenerPath: %s is no socket", path);
}

// In the helper.
G_GNUC_NORETURN static void pass(int from, int starter)
{
	int listener = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	_exit(read(from, &listener, sizeof listener) == sizeof listener &&
			      berth_channel_send(starter, listener, NULL, "notify") &&
			      berth_channel_expect(starter, "listening", NULL, NULL)
		      ? 0
		      : 1);
}

bool berth_notify_prepare(const struct berth_setup *setup, int starter, struct berth_notify *ret, GError **error)
{
	int pair[2];

	if (!setup->seccomp || !(setup->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "make a socket pair");
	ret->socket = pair[0];
	pid_t pid = berth_process_clone(CLONE_FILES, -1, &ret->helper);
	if (pid == 0)
		pass(pair[1], starter);
	return pid > 0 || berth_error_set_errno(error, errno, "make the process that passes the seccomp listener on");
}

bool berth_notify_pass(const struct berth_notify *notify, int listener)
{
	if (notify->helper < 0)
		return true;
	return write(notify->socket, &listener, sizeof listener) == sizeof listener &&
	       berth_process_reap(notify->helper) == 0;
}

static char *describe(struct berth_container *container, pid_t pid)
{
	static char *fds[] = {(char *) "seccompFd", NULL};
	g_autoptr(oci_state) state = berth_container_state(container, NULL);
	const struct process_state all = {
		.oci_version = (char *) BERTH_OCI_VERSION,
		.fds = fds,
		.pid = pid,
		.metadata = container->record->listener_metadata,
		.state = state,
	};

	return berth_document_print_text(&process_state_document, &all, 0);
}

bool berth_notify_deliver(struct berth_container *container, pid_t pid, int listener, int child, GError **error)
{
	const char *path = container->record->listener_path;

	if (!path)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "container %s: a seccomp listener for nobody",
				       container->record->id);
	g_autofree char *text = describe(container, pid);
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_open_folder(parent, false, 0, error);
	berth_fd socket = folder < 0 ? -1 : berth_socket_connect_at(folder, name, SOCK_STREAM, error);

	if (socket < 0 || !berth_packet_send(socket, text, strlen(text), &listener, 1, error))
		return g_prefix_error(error, "linux.seccomp.listenerPath: %s: ", path), false;
	return berth_channel_send(child, -1, error, "listening");
}
