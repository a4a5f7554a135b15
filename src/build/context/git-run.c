// SPDX-License-Identifier: Apache-2.0
// The child shares no memory with us, but libc's locks as they were: until it executes git it makes system calls and
// nothing else, also those that libc would do for all threads of a process.
#include "build/context/git-run.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "build/context/git-size.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ID_FIRST 2080374784u // of numbers that no system gives to anybody
#define ID_COUNT 65536u
#define QUESTION 100 // milliseconds between two questions whether to go on
#define OUTPUT ((size_t) 1 << 20) // that is kept
#define FAILED 127 // how the child ends that could not execute git
#define FILES 1024
#define MEASURE 500 // milliseconds between two looks at what it has written, at least
#define MEASURE_SHARE 20 // and so many times what a look takes
#define PROCESSES 512
#define SIGNALS 65

// What the child needs, made before it is.
struct child {
	const char *program;
	char *const *arguments, *const *environment;
	int input, output, errors;
	int folder; // where to work; with `place`, a mount of it that is put there
	const char *place;
	int ssh, passwd; // mounts for ssh; -1: none
	const char *ssh_place;
	uint32_t id;
};

static const char *const fixed[] = {
	"PATH=/usr/local/bin:/usr/bin:/bin",
	"LC_ALL=C",
	"HOME=/nonexistent",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_ATTR_NOSYSTEM=1",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_ASKPASS=/bin/false",
	"SSH_ASKPASS=/bin/false",
	"GIT_PROTOCOL_FROM_USER=0",
	"GIT_SSH_VARIANT=ssh",
	"GIT_AUTHOR_NAME=berth",
	"GIT_AUTHOR_EMAIL=berth@localhost",
	"GIT_COMMITTER_NAME=berth",
	"GIT_COMMITTER_EMAIL=berth@localhost",
};
static const char *const passed[] = {"http_proxy",  "https_proxy", "no_proxy",  "all_proxy",     "HTTP_PROXY",
				     "HTTPS_PROXY", "NO_PROXY",    "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"};

uint32_t berth_build_git_id(void)
{
	uint32_t number = 0;

	if (geteuid() != 0 || getrandom(&number, sizeof number, 0) != sizeof number)
		return 0;
	return ID_FIRST + number % ID_COUNT;
}

static GPtrArray *make_environment(const struct berth_build_git_run *run)
{
	GPtrArray *environment = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
		g_ptr_array_add(environment, g_strdup(fixed[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(passed); i++)
		if (g_getenv(passed[i]))
			g_ptr_array_add(environment, g_strdup_printf("%s=%s", passed[i], g_getenv(passed[i])));
	g_ptr_array_add(environment, g_strconcat("GIT_ALLOW_PROTOCOL=https:http:git", run->ssh ? ":ssh" : "", NULL));
	g_ptr_array_add(environment, g_strconcat("GIT_SSH_COMMAND=", run->ssh ? run->ssh->command : "false", NULL));
	for (char *const *one = run->environment; one && *one; one++)
		g_ptr_array_add(environment, g_strdup(*one));
	g_ptr_array_add(environment, NULL);
	return environment;
}

static void limit(int resource, rlim_t most)
{
	struct rlimit limits = {most, most};

	syscall(SYS_prlimit64, 0, resource, &limits, NULL);
}

static bool put(int mounted, const char *place)
{
	return mounted < 0 || syscall(SYS_move_mount, mounted, "", AT_FDCWD, place,
				      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) == 0;
}

static bool enter(const struct child *child)
{
	if (!child->place)
		return fchdir(child->folder) == 0;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && put(child->folder, child->place) &&
	       put(child->ssh, child->ssh_place) && put(child->passwd, "/etc/passwd") && chdir(child->place) == 0;
}

static bool give_up_rights(const struct child *child)
{
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, FILES);
	limit(RLIMIT_FSIZE, (rlim_t) BERTH_LIMIT_CONTEXT_BYTES);
	if (child->id) {
		limit(RLIMIT_NPROC, PROCESSES);
		if (syscall(SYS_setgroups, 0, NULL) < 0 ||
		    syscall(SYS_setresgid, child->id, child->id, child->id) < 0 ||
		    syscall(SYS_setresuid, child->id, child->id, child->id) < 0)
			return false;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

static _Noreturn void run_child(const struct child *child)
{
	sigset_t none;

	for (int number = 1; number < SIGNALS; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	umask(0022);
	if (enter(child) && dup2(child->input, STDIN_FILENO) >= 0 && dup2(child->output, STDOUT_FILENO) >= 0 &&
	    dup2(child->errors, STDERR_FILENO) >= 0) {
		syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
		if (give_up_rights(child))
			execve(child->program, child->arguments, child->environment);
	}
	const char *why = strerrordesc_np(errno);
	if (why)
		(void) !write(STDERR_FILENO, why, strlen(why));
	_exit(FAILED);
}

// *ret_pidfd is the caller's.
static pid_t start(const struct child *child, int *ret_pidfd, GError **error)
{
	int pidfd = -1;
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | (child->place ? CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC : 0),
		.pidfd = (uint64_t) (uintptr_t) &pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t) syscall(SYS_clone3, &arguments, sizeof arguments);

	if (pid == 0)
		run_child(child);
	if (pid < 0)
		berth_error_set_errno(error, errno, "start git");
	*ret_pidfd = pidfd;
	return pid;
}

// Reads what is there; of too much, the end is kept.
static void drain(int *fd, GString *into, size_t most)
{
	char buffer[8192];

	while (*fd >= 0) {
		ssize_t count = read(*fd, buffer, sizeof buffer);
		if (count > 0)
			g_string_append_len(into, buffer, count);
		else if (count == 0 || (errno != EAGAIN && errno != EINTR))
			berth_fd_clear(fd);
		else if (errno == EAGAIN)
			break;
		if (into->len > most)
			g_string_erase(into, 0, (gssize) (into->len - most));
	}
}

// Now and then, the less often the longer it takes.
static bool measure(const struct berth_build_git_run *run, int64_t *next, GError **error)
{
	const struct berth_build_git_size most = {
		.bytes = run->options->git_bytes > 0 ? run->options->git_bytes : BERTH_LIMIT_GIT_BYTES,
		.entries = BERTH_LIMIT_CONTEXT_ENTRIES,
	};
	int64_t begin = g_get_monotonic_time();

	if (begin < *next)
		return true;
	bool fine = berth_build_git_measure(run->folder, &most, error);
	int64_t end = g_get_monotonic_time();
	*next = end + MAX(MEASURE * 1000, (end - begin) * MEASURE_SHARE);
	return fine;
}

static bool wait_for(const struct berth_build_git_run *run, int pidfd, int output, int errors, GString *text,
		     GString *words, GError **error)
{
	int64_t until = g_get_monotonic_time() + (int64_t) BERTH_LIMIT_GIT_SECONDS * G_USEC_PER_SEC;
	const struct berth_build_tree_options *options = run->options;
	berth_fd out = output, err = errors;
	int64_t next = 0, at_once = 0;

	for (;;) {
		struct pollfd polls[] = {{pidfd, POLLIN, 0}, {out, POLLIN, 0}, {err, POLLIN, 0}};
		poll(polls, G_N_ELEMENTS(polls), QUESTION);
		drain(&out, text, OUTPUT);
		drain(&err, words, BERTH_LIMIT_GIT_WORDS);
		if (polls[0].revents)
			return measure(run, &at_once, error);
		if (!measure(run, &next, error))
			return false;
		if (options->canceled && options->canceled(options->data))
			return berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
		if (g_get_monotonic_time() > until)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "git has not ended within %d seconds",
					       BERTH_LIMIT_GIT_SECONDS);
	}
}

static bool judge(const siginfo_t *end, GString *words, GError **error)
{
	g_autofree char *text = g_utf8_make_valid(words->str, (gssize) words->len);

	g_strstrip(text);
	if (end->si_code == CLD_EXITED && end->si_status == 0)
		return true;
	if (end->si_code == CLD_EXITED && end->si_status == FAILED)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "git could not be executed: %s", text);
	if (end->si_code != CLD_EXITED)
		return berth_error_set(error, BERTH_ERROR_INVALID, "git was killed by signal %d: %s", end->si_status,
				       text);
	return berth_error_set(error, BERTH_ERROR_INVALID, "git: %s", *text ? text : "it says nothing");
}

// Everybody can reach them; the folder itself lies where only root can go.
const char *berth_build_git_place(unsigned number)
{
	static const char *const places[] = {"/mnt", "/srv", "/media", "/tmp"};
	struct stat status;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (lstat(places[i], &status) == 0 && S_ISDIR(status.st_mode) && number-- == 0)
			return places[i];
	return NULL;
}

static int clone_mount(int fd, GError **error)
{
	int mounted = (int) syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (mounted < 0)
		berth_error_set_errno(error, errno, "mount the folder for git");
	return mounted;
}

static bool clone_ssh(const struct berth_build_git_ssh *ssh, int *ret_folder, int *ret_passwd, GError **error)
{
	return !ssh || !ssh->place ||
	       ((*ret_folder = clone_mount(ssh->folder, error)) >= 0 &&
		(ssh->passwd < 0 || (*ret_passwd = clone_mount(ssh->passwd, error)) >= 0));
}

static bool make_pipe(int pair[2], GError **error)
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "a pipe for git");
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return true;
}

static bool run_to_end(const struct berth_build_git_run *run, struct child *child, GString *text, GError **error)
{
	g_autoptr(GString) words = g_string_new(NULL);
	int out[2], err[2], pidfd = -1;
	siginfo_t end = {0};

	if (!make_pipe(out, error))
		return false;
	berth_fd out_read = out[0], out_write = out[1];
	if (!make_pipe(err, error))
		return false;
	berth_fd err_read = err[0], err_write = err[1];
	child->output = out_write;
	child->errors = err_write;
	pid_t pid = start(child, &pidfd, error);
	if (pid < 0)
		return false;
	berth_fd watched = pidfd;
	berth_fd_clear(&out_write);
	berth_fd_clear(&err_write);
	bool done = wait_for(run, watched, berth_fd_steal(&out_read), berth_fd_steal(&err_read), text, words, error);
	if (!done)
		kill(child->place ? pid : -pid, SIGKILL); // of a namespace, all in it die with the first
	while (waitid(P_PIDFD, (id_t) watched, &end, WEXITED) < 0 && errno == EINTR)
		;
	return done && judge(&end, words, error);
}

bool berth_build_git_call(const struct berth_build_git_run *run, const char *const *arguments, char **ret_output,
			  GError **error)
{
	g_autofree char *program = g_find_program_in_path("git");
	g_autoptr(GPtrArray) list = g_ptr_array_new(), environment = make_environment(run);
	g_autoptr(GString) text = g_string_new(NULL);
	struct child child = {.id = run->id, .folder = run->folder, .ssh = -1, .passwd = -1};
	berth_fd input = open("/dev/null", O_RDONLY | O_CLOEXEC), mounted = -1, ssh = -1, passwd = -1;

	if (!program)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "git is not installed on this host, and a repository is asked for: install the "
				       "package git");
	g_ptr_array_add(list, (gpointer) "git");
	for (; *arguments; arguments++)
		g_ptr_array_add(list, (gpointer) *arguments);
	g_ptr_array_add(list, NULL);
	child.program = program;
	child.arguments = (char *const *) list->pdata;
	child.environment = (char *const *) environment->pdata;
	child.input = input;
	if (run->id && (child.place = berth_build_git_place(0))) {
		mounted = clone_mount(run->folder, error);
		if (mounted < 0 || !clone_ssh(run->ssh, &ssh, &passwd, error))
			return false;
		child.folder = mounted;
		child.ssh = ssh;
		child.ssh_place = run->ssh ? run->ssh->place : NULL;
		child.passwd = passwd;
	}
	if (!run_to_end(run, &child, text, error))
		return false;
	if (ret_output)
		*ret_output = g_string_free(g_steal_pointer(&text), false);
	return true;
}
