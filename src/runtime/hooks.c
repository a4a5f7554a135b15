// SPDX-License-Identifier: Apache-2.0
// Hooks (specification "POSIX-platform Hooks"): run one after another, each with the state on its stdin. What a hook
// writes goes into a memory file, whose end becomes part of the message if it fails, or where crun's annotations
// run.oci.hooks.stdout and run.oci.hooks.stderr say.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define SHOWN_OUTPUT 1024

char *berth_hooks_state(const struct oci_state *state, const char *status, const char *pid)
{
	struct oci_state now = *state;

	now.status = (char *) status;
	now.pid = pid ? g_ascii_strtoll(pid, NULL, 10) : 0;
	return berth_document_print_text(&oci_state_document, &now, 0);
}

bool berth_hooks_open_streams(GHashTable *annotations, const char *bundle, struct berth_hook_streams *ret,
			      GError **error)
{
	static const char *const names[] = {"run.oci.hooks.stdout", "run.oci.hooks.stderr"};
	int *const fds[] = {&ret->out, &ret->err};

	ret->folder = bundle;
	for (size_t i = 0; annotations && i < G_N_ELEMENTS(names); i++) {
		const char *path = g_hash_table_lookup(annotations, names[i]);
		if (!path)
			continue;
		g_autofree char *file = g_canonicalize_filename(path, bundle);
		*fds[i] = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (*fds[i] < 0)
			return berth_error_set_errno(error, errno, "annotation %s: open %s", names[i], file);
	}
	return true;
}

void berth_hooks_close_streams(struct berth_hook_streams *streams)
{
	berth_fd_clear(&streams->out);
	berth_fd_clear(&streams->err);
}

G_GNUC_NORETURN static void execute(const struct oci_hook *hook, const struct berth_hook_streams *streams, int in,
				    int out)
{
	int to_out = streams->out >= 0 ? streams->out : out;
	int to_err = streams->err >= 0 ? streams->err : out;
	char *no_env[] = {NULL};
	char *only_path[] = {hook->path, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if ((!streams->folder || chdir(streams->folder) == 0) && dup2(in, 0) == 0 && dup2(to_out, 1) == 1 &&
	    dup2(to_err, 2) == 2) {
		berth_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		execve(hook->path, hook->args && *hook->args ? hook->args : only_path, hook->env ? hook->env : no_env);
	}
	dprintf(out, "%s", strerror(errno));
	_exit(127);
}

static int wait_for(const struct oci_hook *hook, int pidfd, bool *ret_late)
{
	int64_t limit = hook->timeout > 0 ? MIN(hook->timeout, G_MAXINT / 1000) * 1000 : -1;

	*ret_late = !berth_process_wait_end(pidfd, (int) limit);
	if (*ret_late)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return berth_process_reap(pidfd);
}

static char *last_output(int out)
{
	char text[SHOWN_OUTPUT + 1];
	off_t size = lseek(out, 0, SEEK_END);
	ssize_t n = pread(out, text, SHOWN_OUTPUT, MAX(size - SHOWN_OUTPUT, 0));

	text[MAX(n, 0)] = 0;
	return g_utf8_make_valid(g_strstrip(text), -1);
}

static bool run(const struct oci_hook *hook, const char *state, const struct berth_hook_streams *streams,
		GError **error)
{
	berth_fd in = memfd_create("state", MFD_CLOEXEC);
	berth_fd out = memfd_create("output", MFD_CLOEXEC);
	berth_fd pidfd = -1;
	bool late;

	if (in < 0 || out < 0)
		return berth_error_set_errno(error, errno, "%s", hook->path);
	if (!berth_write_all(in, state, strlen(state), hook->path, error) || lseek(in, 0, SEEK_SET) < 0)
		return false;
	pid_t pid = berth_process_clone(0, -1, &pidfd);
	if (pid < 0)
		return berth_error_set_errno(error, errno, "%s: fork", hook->path);
	if (pid == 0)
		execute(hook, streams, in, out);
	int status = wait_for(hook, pidfd, &late);
	if (late)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: still ran after %" G_GINT64_FORMAT " seconds",
				       hook->path, hook->timeout);
	if (status == 0)
		return true;
	g_autofree char *output = last_output(out);
	return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: exit status %d%s%s", hook->path, status,
			       *output ? ": " : "", output);
}

bool berth_hooks_run(const GPtrArray *hooks, const char *name, const char *state,
		     const struct berth_hook_streams *streams, GError **error)
{
	for (guint i = 0; hooks && i < hooks->len; i++)
		if (!run(hooks->pdata[i], state, streams, error))
			return g_prefix_error(error, "hook %s: ", name), false;
	return true;
}
