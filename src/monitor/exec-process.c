// SPDX-License-Identifier: Apache-2.0
#include "monitor/exec-process.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "sys/capability.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

bool berth_exec_pipes_make(struct berth_exec_pipes *pipes, bool in, bool out, bool err, GError **error)
{
	const bool wanted[3] = {in, out, err};

	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (!wanted[i])
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			return berth_error_set_errno(error, errno, "make a pipe");
		pipes->ours[i] = ends[i == 0];
		pipes->theirs[i] = ends[i != 0];
	}
	return true;
}

void berth_exec_pipes_clear(struct berth_exec_pipes *pipes)
{
	for (int i = 0; i < 3; i++) {
		berth_fd_clear(&pipes->ours[i]);
		berth_fd_clear(&pipes->theirs[i]);
	}
	berth_fd_clear(&pipes->console);
}

static char **all_capabilities(void)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();

	for (int i = 0; i <= berth_capability_last() && berth_capability_name(i); i++)
		g_strv_builder_add(names, berth_capability_name(i));
	return g_strv_builder_end(names);
}

static void set_names(char ***names, char *const *value)
{
	static char *const none[] = {NULL};

	g_strfreev(*names);
	*names = g_strdupv((char **) (value ? value : none));
}

// Root has what the container may have at most, others have nothing until a program gives it to them. Nothing is
// inheritable or ambient (CVE-2022-24769).
static void set_capabilities(struct oci_process *process, bool privileged)
{
	struct oci_capabilities *capabilities = process->capabilities;
	bool root = process->user && process->user->uid == 0;

	if (!capabilities && !privileged)
		return;
	if (!capabilities)
		process->capabilities = capabilities = berth_document_new(&oci_capabilities_document);
	if (privileged) {
		g_strfreev(capabilities->bounding);
		capabilities->bounding = all_capabilities();
	}
	set_names(&capabilities->effective, root ? capabilities->bounding : NULL);
	set_names(&capabilities->permitted, root ? capabilities->bounding : NULL);
	set_names(&capabilities->inheritable, NULL);
	set_names(&capabilities->ambient, NULL);
}

struct oci_process *berth_exec_process_make(struct berth_container *container, const struct oci_process *wanted,
					    bool privileged, GError **error)
{
	g_autoptr(oci_process) process = berth_container_process(container, error);

	if (!process)
		return NULL;
	if (!wanted->args || !wanted->args[0]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "exec: the process has no args");
		return NULL;
	}
	process->terminal = wanted->terminal;
	g_clear_pointer(&process->console_size, oci_box_free);
	if (wanted->console_size)
		process->console_size = berth_document_copy(&oci_box_document, wanted->console_size);
	g_strfreev(process->args);
	process->args = g_strdupv(wanted->args);
	if (wanted->env) {
		g_strfreev(process->env);
		process->env = g_strdupv(wanted->env);
	}
	if (wanted->cwd && *wanted->cwd) {
		g_free(process->cwd);
		process->cwd = g_strdup(wanted->cwd);
	}
	if (wanted->user) {
		berth_document_free(&oci_user_document, process->user);
		process->user = berth_document_copy(&oci_user_document, wanted->user);
	}
	if (wanted->user || privileged)
		set_capabilities(process, privileged);
	return g_steal_pointer(&process);
}

struct oci_process *berth_exec_process_read(struct berth_container *container, int file, bool privileged,
					    GError **error)
{
	struct stat status;
	size_t length;

	// Nothing that could make us wait.
	if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "exec: the process document is no regular file");
		return NULL;
	}
	g_autofree char *text = berth_read_fd(file, BERTH_LIMIT_JSON, &length, "exec: the process document", error);
	g_autoptr(oci_process) wanted =
		text ? berth_document_parse_text(&oci_process_document, text, length, "process", error) : NULL;
	return wanted ? berth_exec_process_make(container, wanted, privileged, error) : NULL;
}

bool berth_exec_spawn(struct berth_container *container, const struct oci_process *process,
		      const struct berth_monitor_request *request, struct berth_exec_pipes *pipes, pid_t *ret_pid,
		      int *ret_pidfd, GError **error)
{
	if (request && !process->terminal &&
	    !berth_exec_pipes_make(pipes, request->in, request->out, request->err, error))
		return false;
	struct berth_stdio stdio = {pipes->theirs[0], pipes->theirs[1], pipes->theirs[2], -1};
	const struct berth_exec exec = {
		.process = process, .stdio = &stdio, .die_with_parent = true, .seconds = BERTH_LIMIT_EXEC_SECONDS};
	bool made = berth_container_exec(container, &exec, ret_pid, ret_pidfd, error);

	for (int i = 0; i < 3; i++)
		berth_fd_clear(&pipes->theirs[i]);
	pipes->console = stdio.console;
	return made;
}

int berth_exec_reap(int pidfd)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t) pidfd, &info, WEXITED) < 0)
		return 255;
	return info.si_code == CLD_EXITED ? info.si_status & 0xff : 128 + info.si_status;
}
