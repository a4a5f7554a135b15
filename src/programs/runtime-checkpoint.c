// SPDX-License-Identifier: Apache-2.0
// checkpoint and restore.
#include "programs/runtime-program.h"

#include "base/error.h"

#include <fcntl.h>
#include <string.h>

struct options {
	char *image_path, *work_path, *parent_path, *cgroups_mode, *page_server, *lsm_profile, *lsm_mount_context;
	char **empty_ns;
	int64_t status_fd;
	bool leave_running, pre_dump, tcp_established, tcp_skip_in_flight, ext_unix_sk, shell_job, file_locks,
		link_remap, lazy_pages, auto_dedup;
	struct runtime_restore restore;
};

#define TEXT(name, member, argument, help)                                                                             \
	{                                                                                                              \
		name, 0, BERTH_FLAG_TEXT, offsetof(struct options, member), argument, help                             \
	}
#define SWITCH(name, member, text)                                                                                     \
	{                                                                                                              \
		name, 0, BERTH_FLAG_SWITCH, offsetof(struct options, member), .help = text                             \
	}

// Of both commands.
#define IMAGE_PATH                                                                                                     \
	{                                                                                                              \
		"image-path", 0, BERTH_FLAG_TEXT, offsetof(struct options, image_path), "path",                        \
			"Folder of the images", "checkpoint"                                                           \
	}
#define WORK_PATH TEXT("work-path", work_path, "path", "Folder of the logs; that of the images if not said")
#define TCP_ESTABLISHED SWITCH("tcp-established", tcp_established, "Allow open TCP connections")
#define EXT_UNIX_SK SWITCH("ext-unix-sk", ext_unix_sk, "Allow Unix sockets whose other end is outside")
#define SHELL_JOB SWITCH("shell-job", shell_job, "Allow a terminal that is shared with the caller")
#define FILE_LOCKS SWITCH("file-locks", file_locks, "Handle file locks")
#define LINK_REMAP SWITCH("link-remap", link_remap, "Allow open files whose names are gone to be linked again")
#define LAZY_PAGES SWITCH("lazy-pages", lazy_pages, "Bring memory over when it is used")
#define AUTO_DEDUP SWITCH("auto-dedup", auto_dedup, "Remove from images what is superseded or restored")
#define CGROUPS_MODE                                                                                                   \
	{                                                                                                              \
		"manage-cgroups-mode", 0, BERTH_FLAG_TEXT, offsetof(struct options, cgroups_mode),                     \
			"soft|full|strict|ignore", "What is done with control groups", "soft"                          \
	}
#define EMPTY_NS                                                                                                       \
	{                                                                                                              \
		"empty-ns", 0, BERTH_FLAG_LIST, offsetof(struct options, empty_ns), "network",                         \
			"Namespace that is made, without its content"                                                  \
	}

static const struct berth_flag checkpoint_flags[] = {
	IMAGE_PATH,
	WORK_PATH,
	TEXT("parent-path", parent_path, "path",
	     "Earlier images of a pre-dump, from the folder of the images: ../NAME"),
	SWITCH("leave-running", leave_running, "Let the container go on"),
	TCP_ESTABLISHED,
	SWITCH("tcp-skip-in-flight", tcp_skip_in_flight, "Leave out TCP connections that are being made"),
	EXT_UNIX_SK,
	SHELL_JOB,
	LAZY_PAGES,
	{"status-fd", 0, BERTH_FLAG_INTEGER, offsetof(struct options, status_fd), "fd",
	 "Gets a zero byte when --lazy-pages serves the pages", "-1", .flags = BERTH_FLAG_NEGATIVE_OK},
	TEXT("page-server", page_server, "address:port", "Where the memory is sent to"),
	FILE_LOCKS,
	LINK_REMAP,
	SWITCH("pre-dump", pre_dump, "Write the memory only, and let the container go on"),
	CGROUPS_MODE,
	EMPTY_NS,
	AUTO_DEDUP,
	{0},
};

static const struct berth_flag restore_flags[] = {
	{"bundle", 'b', BERTH_FLAG_TEXT, offsetof(struct options, restore.bundle), "path", "Folder of the OCI bundle",
	 "."},
	TEXT("console-socket", restore.console_socket, "path", "Unix socket that gets the terminal's master"),
	{"detach", 'd', BERTH_FLAG_SWITCH, offsetof(struct options, restore.detach), .help = "Do not wait for its end"},
	SWITCH("keep", restore.keep, "Do not delete it at its end"),
	TEXT("pid-file", restore.pid_file, "path", "File that gets the process id"),
	{"no-pivot", 0, BERTH_FLAG_SWITCH, offsetof(struct options, restore.no_pivot),
	 .help = "Refused: CRIU always uses pivot_root", .flags = BERTH_FLAG_HIDDEN},
	{"no-subreaper", 0, BERTH_FLAG_SWITCH, offsetof(struct options, restore.no_subreaper),
	 .help = "Do not adopt processes whose parents have ended"},
	TEXT("lsm-profile", lsm_profile, "type:name",
	     "LSM profile in place of the images': apparmor:NAME or selinux:LABEL"),
	TEXT("lsm-mount-context", lsm_mount_context, "context", "SELinux context of mounts in place of the images'"),
	IMAGE_PATH,
	WORK_PATH,
	TCP_ESTABLISHED,
	EXT_UNIX_SK,
	SHELL_JOB,
	LAZY_PAGES,
	FILE_LOCKS,
	LINK_REMAP,
	CGROUPS_MODE,
	EMPTY_NS,
	AUTO_DEDUP,
	{0},
};

static bool fill_in(struct berth_checkpoint *checkpoint, const struct runtime_program *program,
		    const struct options *options, GError **error)
{
	*checkpoint = (struct berth_checkpoint){
		.criu = program->criu,
		.image_path = options->image_path,
		.work_path = options->work_path,
		.parent_path = options->parent_path,
		.cgroups_mode = options->cgroups_mode,
		.lsm_profile = options->lsm_profile,
		.lsm_mount_context = options->lsm_mount_context,
		.page_server = options->page_server,
		.status_fd = -1,
		.leave_running = options->leave_running,
		.pre_dump = options->pre_dump,
		.tcp_established = options->tcp_established,
		.tcp_skip_in_flight = options->tcp_skip_in_flight,
		.ext_unix_sk = options->ext_unix_sk,
		.shell_job = options->shell_job,
		.file_locks = options->file_locks,
		.link_remap = options->link_remap,
		.lazy_pages = options->lazy_pages,
		.auto_dedup = options->auto_dedup,
	};
	for (char **name = options->empty_ns; name && *name; name++) {
		if (!g_str_equal(*name, "network"))
			return berth_error_set(error, BERTH_ERROR_INVALID, "--empty-ns %s: is network", *name);
		checkpoint->empty_network = true;
	}
	return true;
}

// Not for a descriptor that is somebody's else: it is the caller's, and written to.
static bool take_status_fd(struct berth_checkpoint *checkpoint, int64_t fd, GError **error)
{
	int flags = fd < 0 ? 0 : fcntl((int) fd, F_GETFL);

	if (fd < 0)
		return true;
	if (!checkpoint->lazy_pages)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--status-fd: is for --lazy-pages");
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid --status-fd argument %d: not writable",
				       (int) fd);
	checkpoint->status_fd = (int) fd;
	return true;
}

static int checkpoint_container(struct runtime_program *program, const void *data, char *const *arguments,
				GError **error)
{
	const struct options *options = data;
	g_autoptr(berth_container) container = NULL;
	struct berth_checkpoint checkpoint;

	if (!fill_in(&checkpoint, program, options, error) || !take_status_fd(&checkpoint, options->status_fd, error) ||
	    !berth_container_load(&program->runtime, arguments[0], &container, error) ||
	    !berth_container_checkpoint(container, &checkpoint, error))
		return -1;
	if (options->leave_running || options->pre_dump)
		return 0;
	return berth_container_delete(container, false, error) ? 0 : -1;
}

static int restore(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct options *options = data;
	struct berth_checkpoint checkpoint;

	if (!fill_in(&checkpoint, program, options, error))
		return -1;
	return runtime_restore(program, &options->restore, arguments[0], &checkpoint, error);
}

const struct runtime_command runtime_command_checkpoint = {"checkpoint",
							   "ID",
							   "Save a running container's processes with CRIU",
							   checkpoint_flags,
							   sizeof(struct options),
							   1,
							   1,
							   checkpoint_container};
const struct runtime_command runtime_command_restore = {
	"restore", "ID", "Make a container from a checkpoint", restore_flags, sizeof(struct options), 1, 1, restore};
