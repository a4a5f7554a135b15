// SPDX-License-Identifier: Apache-2.0
// Files are compressed by a process of their own, for which the container never waits. It sees the log's files as any
// reader does; should it be killed, what it has not done stays plain, and the next one finds it.
#include "monitor/log-rotate.h"

#include "base/error.h"
#include "base/fd.h"
#include "monitor/log-gzip.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

char *berth_log_rotated_name(const char *path, int64_t index, bool gzip)
{
	return g_strdup_printf("%s.%" G_GINT64_FORMAT "%s", path, index, gzip ? ".gz" : "");
}

int berth_log_open_locked(const char *path, int lock, struct stat *status, GError **error)
{
	for (;;) {
		struct stat named;
		berth_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 && errno == ENOENT)
			return -1;
		if (fd < 0 || fstat(fd, status) < 0) {
			berth_error_set_errno(error, errno, "open log %s", path);
			return -1;
		}
		if (!S_ISREG(status->st_mode)) {
			berth_error_set(error, BERTH_ERROR_INVALID, "log %s: not a regular file", path);
			return -1;
		}
		if (flock(fd, lock) < 0 && errno != EINTR) {
			berth_error_set_errno(error, errno, "lock log %s", path);
			return -1;
		}
		if (stat(path, &named) == 0 && named.st_ino == status->st_ino && named.st_dev == status->st_dev)
			return berth_fd_steal(&fd);
	}
}

// A rotation that was cut short leaves at most one index out.
bool berth_log_remove_rotated(const char *path, int64_t index, GError **error)
{
	for (int missing = 0; missing < 2; index++) {
		bool found = false;
		for (int gzip = 0; gzip < 2; gzip++) {
			g_autofree char *name = berth_log_rotated_name(path, index, gzip);
			if (unlink(name) == 0)
				found = true;
			else if (errno != ENOENT)
				return berth_error_set_errno(error, errno, "remove log %s", name);
		}
		missing = found ? 0 : missing + 1;
	}
	return true;
}

// Moves every rotated file one index up; the oldest goes.
static bool shift(const char *path, int64_t max_file, GError **error)
{
	for (int64_t index = max_file - 1; index >= 1; index--)
		for (int gzip = 0; gzip < 2; gzip++) {
			g_autofree char *from = berth_log_rotated_name(path, index, gzip);
			g_autofree char *to = berth_log_rotated_name(path, index + 1, gzip);
			int result = index == max_file - 1 ? unlink(from) : rename(from, to);
			if (result < 0 && errno != ENOENT)
				return berth_error_set_errno(error, errno, "rotate log %s", from);
		}
	return true;
}

// Makes the current file's content appear as index 1, beside the log itself.
static bool keep_as_first(const char *path, int64_t max_file, GError **error)
{
	if (!shift(path, max_file, error))
		return false;
	g_autofree char *first = berth_log_rotated_name(path, 1, false);
	return link(path, first) == 0 || berth_error_set_errno(error, errno, "rotate log to %s", first);
}

int berth_log_rotate(const char *path, int fd, int64_t max_file, GError **error)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	g_autofree char *fresh = g_strconcat(path, ".new", NULL);
	unlink(fresh);
	berth_fd made = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	bool ok = made >= 0 || berth_error_set_errno(error, errno, "open log %s", fresh);
	ok = ok && (max_file <= 1 || keep_as_first(path, max_file, error));
	if (ok && rename(fresh, path) < 0)
		ok = berth_error_set_errno(error, errno, "rotate log %s", path);
	if (!ok)
		unlink(fresh);
	flock(fd, LOCK_UN);
	return ok ? berth_fd_steal(&made) : -1;
}

// Compression

// The index under which a file is now; 0: it is gone. The names are locked.
static int64_t find_index(const char *path, const struct stat *wanted, int64_t from)
{
	for (int missing = 0; missing < 2; from++) {
		struct stat status;
		g_autofree char *name = berth_log_rotated_name(path, from, false);
		g_autofree char *gzip = berth_log_rotated_name(path, from, true);
		bool there = stat(name, &status) == 0;
		if (there && status.st_ino == wanted->st_ino && status.st_dev == wanted->st_dev)
			return from;
		missing = there || access(gzip, F_OK) == 0 ? 0 : missing + 1;
	}
	return 0;
}

// What is compressed, and into what.
struct job {
	int from, to;
	int64_t index; // of the name it had
};

static void job_clear(struct job *job)
{
	berth_fd_clear(&job->from);
	berth_fd_clear(&job->to);
}

// Opens the oldest file that is not compressed, and one for the result. Both under the lock: whoever removes the log
// finds what was made. False if there is none.
static bool open_job(const char *path, const char *made, struct job *ret)
{
	struct stat status;
	berth_fd lock = berth_log_open_locked(path, LOCK_SH, &status, NULL);

	for (int64_t index = 1, missing = 0; lock >= 0 && missing < 2; index++) {
		g_autofree char *name = berth_log_rotated_name(path, index, false);
		g_autofree char *gzip = berth_log_rotated_name(path, index, true);
		berth_fd fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		missing = fd >= 0 || access(gzip, F_OK) == 0 ? 0 : missing + 1;
		if (fd < 0)
			continue;
		berth_fd_clear(&ret->from);
		ret->from = berth_fd_steal(&fd);
		ret->index = index;
	}
	if (ret->from >= 0)
		ret->to = open(made, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0640);
	return ret->to >= 0;
}

// Puts the compressed file where the plain one is by now. False: that is gone, or could not be replaced.
static bool install(const char *path, const char *made, const struct stat *plain, int64_t index)
{
	struct stat status;
	berth_fd lock = berth_log_open_locked(path, LOCK_EX, &status, NULL);

	index = lock < 0 ? 0 : find_index(path, plain, index);
	if (index == 0)
		return false;
	g_autofree char *name = berth_log_rotated_name(path, index, false);
	g_autofree char *gzip = berth_log_rotated_name(path, index, true);
	return rename(made, gzip) == 0 && unlink(name) == 0;
}

// Takes processor time only where nobody else wants it. Not while names are locked: the writer would wait for them.
static bool compress_gently(const struct job *job, ino_t inode)
{
	sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
	bool compressed = berth_log_gzip(job->from, job->to, inode, NULL);
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
	return compressed;
}

static bool compress_oldest(const char *path)
{
	__attribute__((cleanup(job_clear))) struct job job = {-1, -1, 0};
	g_autofree char *made = g_strconcat(path, ".gz.new", NULL);
	struct stat plain, held, named;

	// Whoever holds the lock of this file is the one that compresses.
	if (!open_job(path, made, &job) || flock(job.to, LOCK_EX | LOCK_NB) < 0 || fstat(job.to, &held) < 0 ||
	    stat(made, &named) < 0 || held.st_ino != named.st_ino || ftruncate(job.to, 0) < 0 ||
	    fstat(job.from, &plain) < 0)
		return false;
	const struct timespec times[] = {plain.st_atim, plain.st_mtim};
	if (compress_gently(&job, plain.st_ino) && futimens(job.to, times) == 0 &&
	    install(path, made, &plain, job.index))
		return true;
	unlink(made);
	return false;
}

pid_t berth_log_compress_start(const char *path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	berth_close_range(3, ~0U, 0);
	while (compress_oldest(path))
		;
	_exit(0);
}
