// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SOCKET 3 // the socket in CRIU's process
#define FIRST_FD 10 // other descriptors that it inherits are above this, so that the socket takes none's place
#define NOTIFY 6 // the kind of a request that answers an event
#define UNDO_WAIT 5000 // milliseconds that CRIU has to undo what it did, when it is told to
#define OWN_COMPLAINT "Error (berth): " // what CRIU's process says before it is CRIU
#define SHOWN_LINES 3 // of CRIU's log

static const struct {
	const char *name;
	unsigned field; // of CRIU's criu_opts
} options[] = {
	{"images_dir_fd", 1},
	{"pid", 2},
	{"leave_running", 3},
	{"ext_unix_sk", 4},
	{"tcp_established", 5},
	{"evasive_devices", 6},
	{"shell_job", 7},
	{"file_locks", 8},
	{"log_level", 9},
	{"log_file", 10},
	{"ps", 11},
	{"notify_scripts", 12},
	{"root", 13},
	{"parent_img", 14},
	{"track_mem", 15},
	{"auto_dedup", 16},
	{"work_dir_fd", 17},
	{"link_remap", 18},
	{"ext_mnt", 23},
	{"manage_cgroups", 24},
	{"cg_root", 25},
	{"rst_sibling", 26},
	{"inherit_fd", 27},
	{"manage_cgroups_mode", 34},
	{"external", 37},
	{"empty_ns", 38},
	{"join_ns", 39},
	{"freeze_cgroup", 44},
	{"tcp_skip_in_flight", 46},
	{"lazy_pages", 48},
	{"orphan_pts_master", 50},
	{"config_file", 51},
	{"lsm_profile", 53},
	{"lsm_mount_context", 64},
};

static unsigned option_field(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		if (g_str_equal(options[i].name, name))
			return options[i].field;
	g_assert_not_reached();
}

void berth_criu_set_number(struct berth_criu *criu, const char *option, int64_t value)
{
	berth_wire_put_integer(criu->options, option_field(option), value);
}

void berth_criu_set_text(struct berth_criu *criu, const char *option, const char *text)
{
	if (text && *text)
		berth_wire_put_text(criu->options, option_field(option), text);
}

void berth_criu_set_pair(struct berth_criu *criu, const char *option, const char *key, const char *value)
{
	g_autoptr(GByteArray) pair = g_byte_array_new();

	berth_wire_put_text(pair, 1, key);
	berth_wire_put_text(pair, 2, value);
	berth_wire_put_message(criu->options, option_field(option), pair);
}

void berth_criu_set_message(struct berth_criu *criu, const char *option, const GByteArray *message)
{
	berth_wire_put_message(criu->options, option_field(option), message);
}

bool berth_criu_inherit(struct berth_criu *criu, const char *key, int fd, GError **error)
{
	g_autoptr(GByteArray) entry = g_byte_array_new();
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	if (copy < 0)
		return berth_error_set_errno(error, errno, "descriptor for %s", key);
	g_array_append_val(criu->fds, copy);
	berth_wire_put_text(entry, 1, key);
	berth_wire_put_integer(entry, 2, copy);
	berth_wire_put_message(criu->options, option_field("inherit_fd"), entry);
	return true;
}

static const char *log_name(const struct berth_criu *criu)
{
	return criu->kind == BERTH_CRIU_RESTORE ? "restore.log" : "dump.log";
}

static const char *work_path(const struct berth_criu *criu)
{
	const char *work = criu->checkpoint->work_path;

	return work && *work ? work : criu->checkpoint->image_path;
}

// Preparing

static char *find_program(const char *name, GError **error)
{
	static const char *const more[] = {"/usr/local/sbin", "/usr/sbin", "/sbin"}; // not in every caller's $PATH
	const char *wanted = name && *name ? name : "criu";
	char *found = g_find_program_in_path(wanted);

	for (size_t i = 0; !found && !strchr(wanted, '/') && i < G_N_ELEMENTS(more); i++) {
		g_autofree char *path = g_build_filename(more[i], wanted, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
			found = g_steal_pointer(&path);
	}
	if (!found)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"checkpoint and restore need the program criu, and there is no %s: install the package "
				"criu, or name the program with --criu",
				wanted);
	return found;
}

static int open_folder(const char *path, bool make, GError **error)
{
	berth_fd folder = berth_open_folder(path, make, 0700, error);
	berth_fd high = folder < 0 ? -1 : fcntl(folder, F_DUPFD_CLOEXEC, FIRST_FD);

	if (folder >= 0 && high < 0)
		berth_error_set_errno(error, errno, "open folder %s", path);
	return berth_fd_steal(&high);
}

// CRIU opens what it writes here by name, and would follow a link.
static bool clear_names(const struct berth_criu *criu, GError **error)
{
	const char *const names[] = {log_name(criu), criu->kind == BERTH_CRIU_RESTORE ? "stats-restore" : "stats-dump"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (unlinkat(criu->work, names[i], 0) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "remove the old %s/%s", work_path(criu), names[i]);
	return true;
}

// Settings of the administrator that override those of a request: what the container names, else the first file that
// there is.
static bool set_config_file(struct berth_criu *criu, GHashTable *annotations, GError **error)
{
	static const char *const files[] = {"/etc/criu/berth.conf", "/etc/criu/runc.conf", "/etc/criu/crun.conf"};
	const char *named = annotations ? g_hash_table_lookup(annotations, "org.criu.config") : NULL;

	if (named && *named && access(named, R_OK) < 0)
		return berth_error_set_errno(error, errno, "annotation org.criu.config: %s", named);
	berth_criu_set_text(criu, "config_file", named);
	for (size_t i = 0; !named && i < G_N_ELEMENTS(files); i++)
		if (access(files[i], R_OK) == 0) {
			berth_criu_set_text(criu, "config_file", files[i]);
			break;
		}
	return true;
}

static bool set_cgroups_mode(struct berth_criu *criu, GError **error)
{
	static const struct {
		const char *name;
		int number;
	} modes[] = {{"soft", 3}, {"full", 4}, {"strict", 5}, {"ignore", 0}};
	const char *wanted = criu->checkpoint->cgroups_mode;

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		if (g_str_equal(wanted && *wanted ? wanted : "soft", modes[i].name)) {
			berth_criu_set_number(criu, "manage_cgroups", 1);
			berth_criu_set_number(criu, "manage_cgroups_mode", modes[i].number);
			return true;
		}
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid manage-cgroups-mode %s: is soft, full, strict or ignore", wanted);
}

static void set_switches(struct berth_criu *criu)
{
	const struct berth_checkpoint *checkpoint = criu->checkpoint;

	berth_criu_set_number(criu, "ext_unix_sk", checkpoint->ext_unix_sk);
	berth_criu_set_number(criu, "tcp_established", checkpoint->tcp_established);
	berth_criu_set_number(criu, "tcp_skip_in_flight", checkpoint->tcp_skip_in_flight);
	berth_criu_set_number(criu, "shell_job", checkpoint->shell_job);
	berth_criu_set_number(criu, "file_locks", checkpoint->file_locks);
	berth_criu_set_number(criu, "link_remap", checkpoint->link_remap);
	berth_criu_set_number(criu, "lazy_pages", checkpoint->lazy_pages);
	berth_criu_set_number(criu, "auto_dedup", checkpoint->auto_dedup);
	if (checkpoint->empty_network)
		berth_criu_set_number(criu, "empty_ns", CLONE_NEWNET);
}

bool berth_criu_open(struct berth_criu *criu, enum berth_criu_kind kind, const struct berth_checkpoint *checkpoint,
		     GHashTable *annotations, GError **error)
{
	*criu = (struct berth_criu){.kind = kind, .checkpoint = checkpoint, .images = -1, .work = -1, .group = -1};
	criu->options = g_byte_array_new();
	criu->fds = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_set_clear_func(criu->fds, (GDestroyNotify) berth_fd_clear);
	criu->program = find_program(checkpoint->criu, error);
	if (!criu->program || !set_cgroups_mode(criu, error) || !set_config_file(criu, annotations, error))
		return false;
	if (!checkpoint->image_path || !*checkpoint->image_path)
		return berth_error_set(error, BERTH_ERROR_INVALID, "no folder for the images is named");
	criu->images = open_folder(checkpoint->image_path, kind != BERTH_CRIU_RESTORE, error);
	if (criu->images < 0)
		return g_prefix_error(error, "folder of the images: "), false;
	criu->work = open_folder(work_path(criu), true, error);
	if (criu->work < 0)
		return g_prefix_error(error, "work folder: "), false;
	berth_criu_set_number(criu, "images_dir_fd", criu->images);
	berth_criu_set_number(criu, "work_dir_fd", criu->work);
	berth_criu_set_number(criu, "log_level", 4);
	berth_criu_set_text(criu, "log_file", log_name(criu));
	berth_criu_set_number(criu, "notify_scripts", 1);
	berth_criu_set_number(criu, "orphan_pts_master", 1);
	set_switches(criu);
	return clear_names(criu, error);
}

void berth_criu_clear(struct berth_criu *criu)
{
	berth_fd_clear(&criu->images);
	berth_fd_clear(&criu->work);
	g_clear_pointer(&criu->options, g_byte_array_unref);
	g_clear_pointer(&criu->fds, g_array_unref);
	g_clear_pointer(&criu->program, g_free);
}

// What went wrong

// "(00.012) Error (criu/files.c:1): text" -> "text". NULL: this line says nothing by itself.
static const char *complaint(const char *line)
{
	const char *error = strstr(line, "Error (");
	const char *text = error ? strstr(error, "): ") : NULL;

	return text && !g_str_has_suffix(text, " FAILED.") ? text + 3 : NULL;
}

// The last complaints of a log, oldest first; NULL if there are none.
static char *last_complaints(const char *log)
{
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	g_autoptr(GPtrArray) found = g_ptr_array_new();

	for (char **line = lines; *line; line++) {
		const char *text = complaint(*line);
		if (text)
			g_ptr_array_add(found, (void *) text);
	}
	if (found->len > SHOWN_LINES)
		g_ptr_array_remove_range(found, 0, found->len - SHOWN_LINES);
	g_ptr_array_add(found, NULL);
	return found->len > 1 ? g_strjoinv("; ", (char **) found->pdata) : NULL;
}

static char *read_tail(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	g_autofree char *text = g_malloc0(BERTH_LIMIT_CRIU_LOG + 1);
	ssize_t n = pread(fd, text, BERTH_LIMIT_CRIU_LOG, MAX(size - BERTH_LIMIT_CRIU_LOG, 0));

	text[MAX(n, 0)] = 0;
	return g_utf8_make_valid(text, MAX(n, 0));
}

static char *read_log(const struct berth_criu *criu)
{
	berth_fd fd = openat(criu->work, log_name(criu), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read_tail(fd) : NULL;
}

// `output` has what CRIU said before it had a log. What it says of its own look at the kernel ("kerndat") is about
// every checkpoint.
static bool explain(const struct berth_criu *criu, int output, GError **error)
{
	const char *work = criu->kind == BERTH_CRIU_RESTORE ? "restore" : "checkpoint";
	g_autofree char *log = read_log(criu);
	g_autofree char *text = log ? NULL : read_tail(output);
	g_autofree char *said = last_complaints(log ? log : text);
	const char *ours = text ? strstr(text, OWN_COMPLAINT) : NULL;

	if (ours)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s",
				       g_strstrip((char *) ours + strlen(OWN_COMPLAINT)));

	if (log && !(said && strstr(said, "initializing kerndat")))
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "criu failed: %s: %s (log file: %s/%s)", work,
				       said ? said : "it does not say why", work_path(criu), log_name(criu));
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "criu failed: %s: %s does not work on this machine: %s (\"criu check\" says more)", work,
			       criu->program,
			       said                        ? said
			       : text && *g_strstrip(text) ? text
							   : "it ended without a word");
}

// Running

static bool keep_fd(int fd)
{
	return fcntl(fd, F_SETFD, 0) == 0;
}

static bool arrange_fds(const struct berth_criu *criu, int socket, int output)
{
	// CRIU looks at its input for a terminal that the container shares with the caller.
	int null = criu->checkpoint->shell_job ? 0 : open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || (null && dup2(null, 0) < 0) || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		return false;
	if (socket == SOCKET ? !keep_fd(socket) : dup2(socket, SOCKET) < 0)
		return false;
	close_range(SOCKET + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (!keep_fd(criu->images) || !keep_fd(criu->work))
		return false;
	for (guint i = 0; i < criu->fds->len; i++)
		if (!keep_fd(g_array_index(criu->fds, int, i)))
			return false;
	return true;
}

// The folder by its path in this process's mount namespace, under the same number.
static bool open_again(const char *path, int fd, GError **error)
{
	berth_fd again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat before, now;

	if (again < 0 || fstat(again, &now) < 0 || fstat(fd, &before) < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	if (before.st_dev != now.st_dev || before.st_ino != now.st_ino)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s is another folder than just before", path);
	return dup3(again, fd, O_CLOEXEC) >= 0 || berth_error_set_errno(error, errno, "open %s", path);
}

// In a mount namespace of its own CRIU must find its folders there. It opens them through /proc, as descriptors of the
// process that made the socket: so this process makes it, and sends the other end.
static int move_socket(const struct berth_criu *criu, int socket, GError **error)
{
	int pair[2];

	if (!open_again(criu->checkpoint->image_path, criu->images, error) ||
	    !open_again(work_path(criu), criu->work, error))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(error, errno, "make a socket pair");
		return -1;
	}
	berth_fd other = pair[1];
	return berth_packet_send(socket, "socket", strlen("socket"), &other, 1, error) ? pair[0] : -1;
}

static bool prepare(const struct berth_criu *criu, int *socket, GError **error)
{
	if (criu->prepare && !criu->prepare(criu->data, error))
		return false;
	if (!criu->namespaces)
		return true;
	*socket = move_socket(criu, *socket, error);
	return *socket >= 0;
}

G_GNUC_NORETURN static void execute(const struct berth_criu *criu, int socket, int output)
{
	char *const arguments[] = {criu->program, (char *) "swrk", (char *) G_STRINGIFY(SOCKET), NULL};
	g_autoptr(GError) problem = NULL;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (!prepare(criu, &socket, &problem)) {
		dprintf(output, OWN_COMPLAINT "%s\n", problem ? problem->message : "preparing CRIU's process");
		_exit(126);
	}
	if (arrange_fds(criu, socket, output))
		execv(criu->program, arguments);
	dprintf(output, OWN_COMPLAINT "execute %s: %s\n", criu->program, strerror(errno));
	_exit(126);
}

// See move_socket().
static void follow_socket(const struct berth_criu *criu, int *socket)
{
	BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};

	if (criu->namespaces && berth_packet_receive(*socket, &packet, NULL) > 0 && packet.fd_count == 1) {
		berth_fd_clear(socket);
		*socket = berth_fd_steal(&packet.fds[0]);
	}
}

static bool send_request(const struct berth_criu *criu, int *socket, GError **error)
{
	g_autoptr(GByteArray) request = g_byte_array_new();

	follow_socket(criu, socket);

	berth_wire_put_integer(request, 1, criu->kind);
	berth_wire_put_message(request, 2, criu->options);
	if (request->len > BERTH_LIMIT_PACKET)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "too many mounts for a request to CRIU");
	return berth_packet_send(*socket, request->data, request->len, NULL, 0, error);
}

static bool answer_event(int socket, bool success, GError **error)
{
	g_autoptr(GByteArray) answer = g_byte_array_new();

	berth_wire_put_integer(answer, 1, NOTIFY);
	berth_wire_put_integer(answer, 3, success);
	return berth_packet_send(socket, answer->data, answer->len, NULL, 0, error);
}

static bool take_event(const struct berth_criu *criu, int socket, struct berth_wire event, int *fd, GError **error)
{
	g_autofree char *name = berth_wire_text(event, 1);
	pid_t pid = (pid_t) berth_wire_integer(event, 2);
	bool done = !criu->notify || criu->notify(criu->data, name, pid, fd, error);

	return answer_event(socket, done, done ? error : NULL) && done;
}

// Serves CRIU until its last answer. 1: it did it; 0: it did not; -1: what an event asked for failed.
static int converse(struct berth_criu *criu, int socket, GError **error)
{
	for (;;) {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		struct berth_wire_field found;
		if (berth_packet_receive(socket, &packet, NULL) <= 0)
			return 0;
		struct berth_wire answer = {(const uint8_t *) packet.data, packet.length};
		bool success = berth_wire_integer(answer, 2);
		if (success && berth_wire_integer(answer, 1) == NOTIFY) {
			if (berth_wire_find(answer, 5, &found) && found.block &&
			    !take_event(criu, socket, found.content, &packet.fds[0], error))
				return -1;
			continue;
		}
		if (success && berth_wire_find(answer, 4, &found) && found.block)
			criu->restored = (pid_t) berth_wire_integer(found.content, 1);
		if (success && berth_wire_find(answer, 10, &found) && found.block)
			criu->version = (unsigned) (berth_wire_integer(found.content, 1) * 10000 +
						    berth_wire_integer(found.content, 2) * 100);
		return success;
	}
}

bool berth_criu_run(struct berth_criu *criu, GError **error)
{
	berth_fd output = memfd_create("criu", MFD_CLOEXEC);
	berth_fd pidfd = -1;
	int pair[2];

	if (output < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "prepare to run %s", criu->program);
	berth_fd ours = pair[0], theirs = pair[1];
	pid_t pid = berth_process_clone(criu->namespaces, criu->group, &pidfd);
	if (pid == 0)
		execute(criu, theirs, output);
	int errnum = errno;
	berth_fd_clear(&theirs);
	if (pid < 0)
		return berth_error_set_errno(error, errnum, "run %s", criu->program);
	g_autoptr(GError) problem = NULL;
	// One that could not even be asked has said why.
	int result = send_request(criu, &ours, &problem) ? converse(criu, ours, error) : 0;
	bool asked = !problem || g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	if (result < 0)
		berth_process_wait_end(pidfd, UNDO_WAIT);
	berth_fd_clear(&ours);
	if (!asked || result < 0)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	berth_process_reap(pidfd);
	if (!asked) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	return result > 0 || (result == 0 && explain(criu, output, error));
}

unsigned berth_criu_version(const struct berth_criu *criu)
{
	struct berth_criu question = *criu;

	question.kind = BERTH_CRIU_VERSION;
	question.options = g_byte_array_new();
	question.notify = NULL;
	question.version = 0;
	// It has no log: what is wrong with CRIU shows in the request that counts.
	berth_criu_run(&question, NULL);
	g_byte_array_unref(question.options);
	return question.version;
}
