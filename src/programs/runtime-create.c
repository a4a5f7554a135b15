// SPDX-License-Identifier: Apache-2.0
// create, start and run.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct options {
	char *bundle, *config, *console_socket, *pid_file;
	int64_t preserve_fds;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
};

#define CREATE_FLAGS                                                                                                   \
	{"bundle", 'b', BERTH_FLAG_TEXT, offsetof(struct options, bundle), "path", "Folder of the OCI bundle", "."},   \
		{"config",        'f',                                                                                 \
		 BERTH_FLAG_TEXT, offsetof(struct options, config),                                                    \
		 "path",          "Configuration in place of the bundle's config.json"},                               \
		{"console-socket", 0,                                                                                  \
		 BERTH_FLAG_TEXT,  offsetof(struct options, console_socket),                                           \
		 "path",           "Unix socket that gets the terminal's master"},                                     \
		{"pid-file",      0,                                                                                   \
		 BERTH_FLAG_TEXT, offsetof(struct options, pid_file),                                                  \
		 "path",          "File that gets the process id"},                                                    \
		{"preserve-fds",                                                                                       \
		 0,                                                                                                    \
		 BERTH_FLAG_INTEGER,                                                                                   \
		 offsetof(struct options, preserve_fds),                                                               \
		 "n",                                                                                                  \
		 "Descriptors that are passed on, from 3"},                                                            \
		{"no-pivot", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_pivot),                                 \
		 .help = "Use chroot in place of pivot_root (initramfs)"},                                             \
	{                                                                                                              \
		"no-new-keyring", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_new_keyring),                      \
			.help = "Keep the caller's session keyring"                                                    \
	}

static const struct berth_flag create_flags[] = {CREATE_FLAGS, {0}};
static const struct berth_flag run_flags[] = {
	CREATE_FLAGS,
	{"detach", 'd', BERTH_FLAG_SWITCH, offsetof(struct options, detach), .help = "Do not wait for its end"},
	{"keep", 0, BERTH_FLAG_SWITCH, offsetof(struct options, keep), .help = "Do not delete it at its end"},
	{"no-subreaper", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_subreaper),
	 .help = "Accepted for runc's callers; there is none", .flags = BERTH_FLAG_HIDDEN},
	{0},
};

static struct oci_config *read_config(const char *bundle, const char *config, GError **error)
{
	g_autofree char *path = g_canonicalize_filename(config && *config ? config : "config.json", bundle);
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, error);

	return text ? berth_document_parse_text(&oci_config_document, text, length, "config.json", error) : NULL;
}

// Socket activation: the descriptors that the caller got from its own starter are the first that go on.
static int listen_fds(void)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int64_t number, owner;

	if (!count || !g_ascii_string_to_signed(count, 10, 0, 1 << 16, &number, NULL))
		return 0;
	if (!pid || !g_ascii_string_to_signed(pid, 10, 1, G_MAXINT, &owner, NULL) || owner != getpid())
		return 0;
	return (int) number;
}

static void tell_listen_fds(struct oci_process *process, int count)
{
	g_auto(GStrv) env = process->env;

	process->env = g_environ_setenv(env ? g_strdupv(env) : NULL, "LISTEN_PID", "1", TRUE);
	g_autofree char *text = g_strdup_printf("%d", count);
	process->env = g_environ_setenv(process->env, "LISTEN_FDS", text, TRUE);
}

static bool check_terminal(const struct options *options, const struct oci_config *config, bool detach, GError **error)
{
	bool terminal = config->process && config->process->terminal;
	bool socket = options->console_socket && *options->console_socket;

	if (terminal && detach && !socket)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.terminal: a detached container needs --console-socket");
	if (socket && (!terminal || !detach))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--console-socket: is only for a detached container with process.terminal");
	return true;
}

static bool send_console(const char *path, int console, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_open_folder(parent, false, 0, error);
	berth_fd socket = folder < 0 ? -1 : berth_socket_connect_at(folder, name, SOCK_STREAM, error);
	static const char what[] = "/dev/ptmx";

	if (socket < 0 || !berth_packet_send(socket, what, sizeof what, &console, 1, error))
		return g_prefix_error(error, "--console-socket: "), false;
	return true;
}

static bool write_pid(const char *path, pid_t pid, GError **error)
{
	char text[16];

	g_snprintf(text, sizeof text, "%d", (int) pid);
	return berth_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, false, error);
}

// What follows creation and precedes start. If it fails there shall be no container.
static bool hand_over(const struct options *options, struct berth_container *container, int console, GError **error)
{
	bool socket = options->console_socket && *options->console_socket;

	if (socket && !send_console(options->console_socket, console, error))
		return false;
	return !options->pid_file || !*options->pid_file ||
	       write_pid(options->pid_file, berth_container_pid(container), error);
}

static struct berth_container *create_container(struct runtime_program *program, const struct options *options,
						const char *id, bool detach, int *ret_console, GError **error)
{
	g_autofree char *bundle = g_canonicalize_filename(options->bundle, NULL);
	g_autoptr(oci_config) config = read_config(bundle, options->config, error);
	g_autoptr(berth_container) container = NULL;
	struct berth_stdio stdio = {0, 1, 2, -1};
	int listening = listen_fds();
	struct berth_create create = {
		.bundle = bundle,
		.rootfs_fd = -1,
		.stdio = &stdio,
		.preserve_fds = listening + (int) CLAMP(options->preserve_fds, -listening, G_MAXINT16),
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.find_program = true,
	};

	if (!config || !check_terminal(options, config, detach, error))
		return NULL;
	if (listening && config->process)
		tell_listen_fds(config->process, listening);
	if (!berth_container_create(&program->runtime, id, config, &create, &container, error))
		return NULL;
	berth_fd console = stdio.console;
	if (!hand_over(options, container, console, error)) {
		berth_container_delete(container, true, NULL);
		return NULL;
	}
	*ret_console = berth_fd_steal(&console);
	return g_steal_pointer(&container);
}

static int create(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	berth_fd console = -1;
	g_autoptr(berth_container) container = create_container(program, data, arguments[0], true, &console, error);

	return container ? 0 : -1;
}

static int start(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		 GError **error)
{
	g_autoptr(berth_container) container = NULL;

	return berth_container_load(&program->runtime, arguments[0], &container, error) &&
			       berth_container_start(container, error)
		       ? 0
		       : -1;
}

static void remove_container(struct runtime_program *program, struct berth_container *container)
{
	g_autoptr(GError) problem = NULL;

	if (!berth_container_delete(container, true, &problem))
		runtime_log(program, "error", problem->message);
}

static int run(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct options *options = data;
	berth_fd console = -1;

	if (!options->detach)
		runtime_wait_prepare();
	g_autoptr(berth_container) container =
		create_container(program, options, arguments[0], options->detach, &console, error);
	if (!container)
		return -1;
	if (!berth_container_start(container, error)) {
		if (!options->keep)
			remove_container(program, container);
		return -1;
	}
	if (options->detach)
		return 0;
	int status = runtime_wait(container, console, error);
	if (!options->keep)
		remove_container(program, container);
	return status;
}

const struct runtime_command runtime_command_create = {
	"create", "ID",  "Create a container, which waits to be started", create_flags, sizeof(struct options), 1,
	1,        create};
const struct runtime_command runtime_command_start = {"start", "ID", "Start a created container", NULL, 0, 1, 1, start};
const struct runtime_command runtime_command_run = {
	"run", "ID", "Create and start a container and wait for its end", run_flags, sizeof(struct options), 1, 1, run};
