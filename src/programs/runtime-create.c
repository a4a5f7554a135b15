// SPDX-License-Identifier: Apache-2.0
// create, start and run.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"
#include "runtime/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct options {
	char *bundle, *config;
	struct runtime_handover to;
	int64_t preserve_fds;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
};

#define CREATE_FLAGS                                                                                                   \
	{"bundle", 'b', BERTH_FLAG_TEXT, offsetof(struct options, bundle), "path", "Folder of the OCI bundle", "."},   \
		{"config",        'f',                                                                                 \
		 BERTH_FLAG_TEXT, offsetof(struct options, config),                                                    \
		 "path",          "Configuration in place of the bundle's config.json"},                               \
		{"console-socket", 0,                                                                                  \
		 BERTH_FLAG_TEXT,  offsetof(struct options, to.console_socket),                                        \
		 "path",           "Unix socket that gets the terminal's master"},                                     \
		{"pid-file",      0,                                                                                   \
		 BERTH_FLAG_TEXT, offsetof(struct options, to.pid_file),                                               \
		 "path",          "File that gets the process id"},                                                    \
		{"pidfd-socket",  0,                                                                                   \
		 BERTH_FLAG_TEXT, offsetof(struct options, to.pidfd_socket),                                           \
		 "path",          "Unix socket that gets a pidfd of the process"},                                     \
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

static const struct berth_flag create_flags[] = {
	CREATE_FLAGS,
	{"no-subreaper", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_subreaper),
	 .help = "Accepted for crun's callers; who returns at once adopts nobody", .flags = BERTH_FLAG_HIDDEN},
	{0},
};
static const struct berth_flag run_flags[] = {
	CREATE_FLAGS,
	{"detach", 'd', BERTH_FLAG_SWITCH, offsetof(struct options, detach), .help = "Do not wait for its end"},
	{"keep", 0, BERTH_FLAG_SWITCH, offsetof(struct options, keep), .help = "Do not delete it at its end"},
	{"no-subreaper", 0, BERTH_FLAG_SWITCH, offsetof(struct options, no_subreaper),
	 .help = "Do not adopt processes whose parents have ended"},
	{0},
};

static struct oci_config *read_config(const char *bundle, const char *config, GError **error)
{
	g_autofree char *path = g_canonicalize_filename(config && *config ? config : "config.json", bundle);
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, error);

	return text ? berth_document_parse_text(&oci_config_document, text, length, "config.json", error) : NULL;
}

// crun's annotation is the same as --pidfd-socket.
static struct runtime_handover hand_over_to(const struct options *options, const struct oci_config *config)
{
	struct runtime_handover to = options->to;

	if (config->annotations && !(to.pidfd_socket && *to.pidfd_socket))
		to.pidfd_socket = g_hash_table_lookup(config->annotations, "run.oci.pidfd_receiver");
	return to;
}

static struct berth_container *create_container(struct runtime_program *program, const struct options *options,
						const char *id, bool own_start,
						const struct berth_checkpoint *checkpoint, int *ret_console,
						GError **error)
{
	g_autofree char *bundle = g_canonicalize_filename(options->bundle, NULL);
	g_autoptr(oci_config) config = read_config(bundle, options->config, error);
	g_autoptr(berth_container) container = NULL;
	struct berth_stdio stdio = {0, 1, 2, -1};
	int listening = runtime_listen_fds();
	bool detach = !own_start || options->detach;
	struct berth_create create = {
		.bundle = bundle,
		.rootfs_fd = -1,
		.stdio = &stdio,
		.preserve_fds = listening + (int) CLAMP(options->preserve_fds, -listening, G_MAXINT16),
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.find_program = true,
		.own_start = own_start,
	};

	if (!config || (program->rootless && !berth_rootless_adapt(config, error)) ||
	    !runtime_check_terminal(config->process && config->process->terminal, detach, &options->to, error))
		return NULL;
	if (listening && config->process)
		runtime_tell_listen_fds(config->process, listening);
	if (!detach)
		runtime_fit_terminal(config->process);
	create.notify = !checkpoint && runtime_notify_prepare(program, id, config);
	if (checkpoint ? !berth_container_restore(&program->runtime, id, config, &create, checkpoint, &container, error)
		       : !berth_container_create(&program->runtime, id, config, &create, &container, error))
		return NULL;
	berth_fd console = stdio.console;
	struct runtime_handover to = hand_over_to(options, config);
	if (!runtime_hand_over(&to, "standard", berth_container_pid(container), berth_container_pidfd(container),
			       console, error)) {
		// There shall be no container then.
		berth_container_delete(container, true, NULL);
		return NULL;
	}
	*ret_console = berth_fd_steal(&console);
	return g_steal_pointer(&container);
}

static int create(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	berth_fd console = -1;
	g_autoptr(berth_container) container =
		create_container(program, data, arguments[0], false, NULL, &console, error);

	return container ? 0 : -1;
}

static bool start_container(struct runtime_program *program, struct berth_container *container,
			    struct runtime_notify *notify, GError **error)
{
	*notify = (struct runtime_notify){.socket = -1};
	if (runtime_notify_open(program, berth_container_id(container), notify, error) &&
	    berth_container_start(container, error))
		return true;
	berth_fd_clear(&notify->socket);
	return false;
}

// Who has a NOTIFY_SOCKET returns when the container is ready.
static bool detach(const struct berth_container *container, struct runtime_notify *notify)
{
	notify->main_pid = berth_container_pid(container);
	runtime_notify_wait(notify, berth_container_pidfd(container));
	return true;
}

static int start(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		 GError **error)
{
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);
	struct runtime_notify notify;

	return container && start_container(program, container, &notify, error) && detach(container, &notify) ? 0 : -1;
}

static void remove_container(struct runtime_program *program, struct berth_container *container)
{
	g_autoptr(GError) problem = NULL;

	if (!berth_container_delete(container, true, &problem))
		runtime_log(program, RUNTIME_LOG_ERROR, problem->message);
}

static int run_container(struct runtime_program *program, const struct options *options, const char *id,
			 const struct berth_checkpoint *checkpoint, GError **error)
{
	berth_fd console = -1;

	if (!options->detach && !runtime_wait_prepare(!options->no_subreaper, error))
		return -1;
	g_autoptr(berth_container) container =
		create_container(program, options, id, true, checkpoint, &console, error);
	if (!container)
		return -1;
	struct runtime_notify notify = {.socket = -1};
	if (!checkpoint && !start_container(program, container, &notify, error)) {
		if (!options->keep)
			remove_container(program, container);
		return -1;
	}
	if (options->detach)
		return checkpoint || detach(container, &notify) ? 0 : -1;
	const struct runtime_child child = {berth_container_pidfd(container), console, &notify};
	int status = runtime_wait(&child, error);
	berth_fd_clear(&notify.socket);
	if (!options->keep)
		remove_container(program, container);
	return status;
}

static int run(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	return run_container(program, data, arguments[0], NULL, error);
}

int runtime_restore(struct runtime_program *program, const struct runtime_restore *restore, const char *id,
		    const struct berth_checkpoint *checkpoint, GError **error)
{
	const struct options options = {
		.no_subreaper = restore->no_subreaper,
		.bundle = restore->bundle,
		.to = {.console_socket = restore->console_socket, .pid_file = restore->pid_file},
		.no_pivot = restore->no_pivot,
		.detach = restore->detach,
		.keep = restore->keep,
	};

	return run_container(program, &options, id, checkpoint, error);
}

const struct runtime_command runtime_command_create = {
	"create", "ID",  "Create a container, which waits to be started", create_flags, sizeof(struct options), 1,
	1,        create};
const struct runtime_command runtime_command_start = {"start", "ID", "Start a created container", NULL, 0, 1, 1, start};
const struct runtime_command runtime_command_run = {
	"run", "ID", "Create and start a container and wait for its end", run_flags, sizeof(struct options), 1, 1, run};
