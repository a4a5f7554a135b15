// SPDX-License-Identifier: Apache-2.0
// exec: a further process in a container. It begins as the container's own process, or as --process says; each flag
// then changes one thing.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#define FAILURE 255 // told from the process's own exit status, as with runc

struct options {
	struct runtime_handover to;
	char *cwd, *user, *process, *process_label, *apparmor;
	char **env, **additional_gids, **caps, **cgroups;
	int64_t preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused, user_given;
};

static const struct berth_flag flags[] = {
	{"console-socket", 0, BERTH_FLAG_TEXT, offsetof(struct options, to.console_socket), "path",
	 "Unix socket that gets the terminal's master"},
	{"cwd", 0, BERTH_FLAG_TEXT, offsetof(struct options, cwd), "path", "Working folder in the container"},
	{"env", 'e', BERTH_FLAG_LIST, offsetof(struct options, env), "NAME=VALUE", "Set an environment variable"},
	{"tty", 't', BERTH_FLAG_SWITCH, offsetof(struct options, tty), .help = "Give it a terminal"},
	{"user", 'u', BERTH_FLAG_TEXT, offsetof(struct options, user), "uid[:gid]", "Who it is",
	 .given_offset = offsetof(struct options, user_given)},
	{"additional-gids", 'g', BERTH_FLAG_LIST, offsetof(struct options, additional_gids), "gid",
	 "Further groups of it"},
	{"process", 'p', BERTH_FLAG_TEXT, offsetof(struct options, process), "path",
	 "JSON of the process in place of the container's"},
	{"detach", 'd', BERTH_FLAG_SWITCH, offsetof(struct options, detach), .help = "Do not wait for its end"},
	{"pid-file", 0, BERTH_FLAG_TEXT, offsetof(struct options, to.pid_file), "path",
	 "File that gets the process id"},
	{"pidfd-socket", 0, BERTH_FLAG_TEXT, offsetof(struct options, to.pidfd_socket), "path",
	 "Unix socket that gets a pidfd of the process"},
	{"process-label", 0, BERTH_FLAG_TEXT, offsetof(struct options, process_label), "label", "Its SELinux label"},
	{"apparmor", 0, BERTH_FLAG_TEXT, offsetof(struct options, apparmor), "profile", "Its AppArmor profile"},
	{"no-new-privs", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_new_privs),
	 .help = "Programs that it executes give it no more rights"},
	{"cap", 'c', BERTH_FLAG_LIST, offsetof(struct options, caps), "capability", "Add a capability"},
	{"preserve-fds", 0, BERTH_FLAG_INTEGER, offsetof(struct options, preserve_fds), "n",
	 "Descriptors that are passed on, from 3"},
	{"cgroup", 0, BERTH_FLAG_LIST, offsetof(struct options, cgroups), "[controller:]path",
	 "Run it in this group beneath the container's"},
	{"ignore-paused", 0, BERTH_FLAG_SWITCH, offsetof(struct options, ignore_paused),
	 .help = "In a paused container, wait until it goes on"},
	{0},
};

static bool parse_id(const char *text, size_t length, int64_t *ret, const char *flag, GError **error)
{
	g_autofree char *digits = g_strndup(text, length);
	guint64 number = 0;

	// The same number in no other spelling: no sign, no space, no further zeros.
	if (strspn(digits, "0123456789") != length || (length > 1 && *digits == '0') ||
	    !g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT32 - 1, &number, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s \"%s\": is no id, a number from 0 to 4294967294",
				       flag, digits);
	*ret = (int64_t) number;
	return true;
}

static struct oci_user *need_user(struct oci_process *process)
{
	if (!process->user) {
		process->user = berth_document_new(&oci_user_document);
		process->user->uid = process->user->gid = 0;
	}
	return process->user;
}

// Another user has none of the groups that the container's has.
static bool set_user(struct oci_process *process, const struct options *options, GError **error)
{
	if (options->user_given) {
		struct oci_user *user = need_user(process);
		const char *text = options->user;
		size_t length = strcspn(text, ":");
		if (!parse_id(text, length, &user->uid, "--user", error) ||
		    (text[length] &&
		     !parse_id(text + length + 1, strlen(text + length + 1), &user->gid, "--user", error)))
			return false;
		g_clear_pointer(&user->additional_gids, json_decref);
	}
	for (char **gid = options->additional_gids; gid && *gid; gid++) {
		struct oci_user *user = need_user(process);
		int64_t number;
		if (!parse_id(*gid, strlen(*gid), &number, "--additional-gids", error))
			return false;
		if (!user->additional_gids)
			user->additional_gids = json_array();
		json_array_append_new(user->additional_gids, json_integer(number));
	}
	return true;
}

static bool set_env(struct oci_process *process, char *const *env, GError **error)
{
	for (; env && *env; env++) {
		const char *equals = strchr(*env, '=');
		if (!equals || equals == *env)
			return berth_error_set(error, BERTH_ERROR_INVALID, "--env \"%s\": is not NAME=VALUE", *env);
		g_autofree char *name = g_strndup(*env, (gsize) (equals - *env));
		process->env = g_environ_setenv(process->env, name, equals + 1, TRUE);
	}
	return true;
}

static void add_name(char ***names, const char *name)
{
	g_autoptr(GStrvBuilder) all = g_strv_builder_new();

	if (*names)
		g_strv_builder_addv(all, (const char **) *names);
	g_strv_builder_add(all, name);
	g_strfreev(*names);
	*names = g_strv_builder_end(all);
}

// Not to the inheritable ones: programs with file capabilities would gain them (CVE-2022-29162).
static void add_caps(struct oci_process *process, char *const *caps)
{
	if (caps && !process->capabilities)
		process->capabilities = berth_document_new(&oci_capabilities_document);
	for (; caps && *caps; caps++) {
		add_name(&process->capabilities->bounding, *caps);
		add_name(&process->capabilities->effective, *caps);
		add_name(&process->capabilities->permitted, *caps);
	}
}

static void set_text(char **member, const char *text)
{
	if (text && *text) {
		g_free(*member);
		*member = g_strdup(text);
	}
}

static bool change(struct oci_process *process, const struct options *options, char *const *args, GError **error)
{
	if (!set_user(process, options, error) || !set_env(process, options->env, error))
		return false;
	add_caps(process, options->caps);
	set_text(&process->cwd, options->cwd);
	set_text(&process->selinux_label, options->process_label);
	set_text(&process->apparmor_profile, options->apparmor);
	process->no_new_privileges = process->no_new_privileges || options->no_new_privs;
	process->terminal = process->terminal || options->tty;
	if (args[0]) {
		g_strfreev(process->args);
		process->args = g_strdupv((char **) args);
	}
	return true;
}

static struct oci_process *base(struct berth_container *container, const struct options *options, GError **error)
{
	size_t length;

	if (!options->process || !*options->process) {
		struct oci_process *process = berth_container_process(container, error);
		if (!process)
			return NULL;
		// What it runs and where it writes to is not what the new one does.
		process->terminal = false;
		g_clear_pointer(&process->console_size, oci_box_free);
		g_clear_pointer(&process->args, g_strfreev);
		return process;
	}
	g_autofree char *text = berth_read_file_at(AT_FDCWD, options->process, BERTH_LIMIT_JSON, &length, error);
	return text ? berth_document_parse_text(&oci_process_document, text, length, "process", error) : NULL;
}

static int wait_for(pid_t pid, int pidfd, int console, const struct options *options, GError **error)
{
	const struct runtime_child child = {.pidfd = pidfd, .console = console};

	if (runtime_hand_over(&options->to, "setns", pid, pidfd, console, error))
		return options->detach ? 0 : runtime_wait(&child, error);
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return -1;
}

static int exec(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(berth_container) container = NULL;
	struct berth_stdio stdio = {0, 1, 2, -1};
	berth_fd pidfd = -1;
	pid_t pid;

	if (!berth_container_load(&program->runtime, arguments[0], &container, error))
		return -1;
	g_autoptr(oci_process) process = base(container, options, error);
	if (!process || !change(process, options, arguments + 1, error) ||
	    !runtime_check_terminal(process->terminal, options->detach, &options->to, error))
		return -1;
	if (!options->detach)
		runtime_fit_terminal(process);
	if (!process->args || !process->args[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "exec: wants a command"), -1;
	struct berth_exec wanted = {
		.process = process,
		.stdio = &stdio,
		.preserve_fds = (int) CLAMP(options->preserve_fds, -1, G_MAXINT16),
		.cgroups = options->cgroups,
		.ignore_paused = options->ignore_paused,
	};
	if (!options->detach && !runtime_wait_prepare(false, error))
		return -1;
	if (!berth_container_exec(container, &wanted, &pid, &pidfd, error))
		return -1;
	berth_fd console = stdio.console;
	return wait_for(pid, pidfd, console, options, error);
}

const struct runtime_command runtime_command_exec = {"exec",
						     "ID [COMMAND [ARGUMENT...]]",
						     "Run a further process in a container",
						     flags,
						     sizeof(struct options),
						     1,
						     G_MAXUINT,
						     exec,
						     .in_order = true,
						     .failure = FAILURE};
