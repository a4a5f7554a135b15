// SPDX-License-Identifier: Apache-2.0
// Reads the json-file log and its rotated files as one sequence of records. The reader holds a chain of open files,
// oldest first, of which the last is the log itself; when that was rotated, the files that came after it are opened
// (under the lock described in log-writer.c) and appended to the chain. A file that is held open keeps its inode, and
// compressed files carry the inode they had, so the reader's place is found among names that move on meanwhile.
#include "monitor/log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/log-gzip.h"
#include "monitor/log-record.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define CHUNK (64 << 10)
#define POLL_WITHOUT_INOTIFY 200 // milliseconds, where the user's inotify instances are used up

struct log_file {
	int fd;
	ino_t inode; // the log's own when it was written
	struct berth_gunzip *gunzip; // of a compressed one
};

struct berth_log_reader {
	char *path;
	struct berth_log_query query;
	GPtrArray *chain; // of struct log_file; the first is read now
	int64_t skip; // lines to leave out
	char *buffer; // of `capacity` bytes
	size_t start, scanned, end, capacity;
	bool overlong; // the line being read exceeds the limit: it is left out up to its newline
	int inotify, stop; // -1: none
	bool ended;
};

static void log_file_free(void *data)
{
	struct log_file *file = data;
	close(file->fd);
	g_clear_pointer(&file->gunzip, berth_gunzip_free);
	g_free(file);
}

static struct log_file *log_file_new(int fd, ino_t inode, bool gzip)
{
	struct log_file *file = g_new0(struct log_file, 1);
	*file = (struct log_file){fd, inode, gzip ? berth_gunzip_new(fd) : NULL};
	return file;
}

// Opens the log and locks its chain of names. Returns the descriptor, -1 with *error unset if there is no log.
static int open_locked(const char *path, struct stat *status, GError **error)
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
		if (flock(fd, LOCK_SH) < 0 && errno != EINTR) {
			berth_error_set_errno(error, errno, "lock log %s", path);
			return -1;
		}
		if (stat(path, &named) == 0 && named.st_ino == status->st_ino && named.st_dev == status->st_dev)
			return berth_fd_steal(&fd);
	}
}

// The rotated file of an index, plain or compressed. NULL if there is none.
static struct log_file *open_rotated(const char *path, int index)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		struct stat status;
		g_autofree char *name = g_strdup_printf("%s.%d%s", path, index, gzip ? ".gz" : "");
		berth_fd fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
			continue;
		ino_t inode = gzip ? berth_log_gzip_inode(fd) : status.st_ino;
		return log_file_new(berth_fd_steal(&fd), inode, gzip);
	}
	return NULL;
}

// Appends to the chain all files that are newer than the one of inode `after` (0: all there are), oldest first.
static bool extend_chain(struct berth_log_reader *reader, ino_t after, GError **error)
{
	struct stat status;
	GError *failure = NULL;
	berth_fd fd = open_locked(reader->path, &status, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (fd < 0)
		return true;
	unsigned at = reader->chain->len;
	int lock = fd;
	g_ptr_array_add(reader->chain, log_file_new(berth_fd_steal(&fd), status.st_ino, false));
	// A rotation that was cut short leaves at most one index out.
	for (int index = 1, missing = 0; missing < 2; index++) {
		struct log_file *file = open_rotated(reader->path, index);
		missing = file ? 0 : missing + 1;
		if (file && after && file->inode == after) {
			log_file_free(file);
			break;
		}
		if (file)
			g_ptr_array_insert(reader->chain, (int) at, file);
	}
	flock(lock, LOCK_UN);
	return true;
}

// Finds where the last *lines lines of a plain file begin. Returns the offset, or -1 if it has fewer: *lines is then
// how many are missing still.
static off_t tail_offset(int fd, int64_t *lines)
{
	g_autofree char *block = g_malloc(CHUNK);
	off_t end = lseek(fd, 0, SEEK_END);
	int64_t seen = 0;

	for (off_t at = end; at > 0;) {
		size_t length = (size_t) MIN(at, CHUNK);
		at -= (off_t) length;
		if (pread(fd, block, length, at) != (ssize_t) length)
			return 0;
		for (size_t i = length; i-- > 0;)
			if (block[i] == '\n' && seen++ == *lines)
				return at + (off_t) i + 1;
	}
	if (*lines == 0)
		return end;
	*lines -= seen;
	return *lines == 0 ? 0 : -1;
}

static int64_t count_lines(struct log_file *file, GError **error)
{
	g_autofree char *block = g_malloc(CHUNK);
	int64_t lines = 0;
	ssize_t count;

	while ((count = berth_gunzip_read(file->gunzip, block, CHUNK, error)) > 0)
		for (const char *at = block; (at = memchr(at, '\n', (size_t) (block + count - at))); at++)
			lines++;
	berth_gunzip_free(file->gunzip);
	lseek(file->fd, 0, SEEK_SET);
	file->gunzip = berth_gunzip_new(file->fd);
	return count < 0 ? -1 : lines;
}

// Lets the chain begin where its last `lines` lines do.
static bool seek_tail(struct berth_log_reader *reader, int64_t lines, GError **error)
{
	for (unsigned i = reader->chain->len; i-- > 0;) {
		struct log_file *file = g_ptr_array_index(reader->chain, i);
		bool found;
		if (file->gunzip) {
			int64_t count = count_lines(file, error);
			if (count < 0)
				return false;
			found = count >= lines;
			if (found)
				reader->skip = count - lines;
			else
				lines -= count;
		} else {
			off_t offset = tail_offset(file->fd, &lines);
			found = offset >= 0;
			lseek(file->fd, found ? offset : 0, SEEK_SET);
		}
		if (found) {
			g_ptr_array_remove_range(reader->chain, 0, i);
			return true;
		}
	}
	return true;
}

static bool watch_folder(struct berth_log_reader *reader, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(reader->path);

	reader->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (reader->inotify < 0 && (errno == EMFILE || errno == ENOSPC))
		return true; // waits by time instead
	if (reader->inotify < 0)
		return berth_error_set_errno(error, errno, "watch log %s", reader->path);
	if (inotify_add_watch(reader->inotify, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
		if (errno != ENOSPC)
			return berth_error_set_errno(error, errno, "watch log %s", reader->path);
		berth_fd_clear(&reader->inotify);
	}
	return true;
}

struct berth_log_reader *berth_log_reader_open(const char *path, const struct berth_log_query *query, GError **error)
{
	struct berth_log_reader *reader = g_new0(struct berth_log_reader, 1);

	reader->path = g_strdup(path);
	reader->query = *query;
	reader->chain = g_ptr_array_new_with_free_func(log_file_free);
	reader->capacity = CHUNK;
	reader->buffer = g_malloc(reader->capacity);
	reader->inotify = -1;
	reader->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool ok = reader->stop >= 0 || berth_error_set_errno(error, errno, "read log %s", path);
	ok = ok && (!query->follow || watch_folder(reader, error)) && extend_chain(reader, 0, error) &&
	     (query->tail < 0 || seek_tail(reader, query->tail, error));
	if (!ok)
		g_clear_pointer(&reader, berth_log_reader_free);
	return reader;
}

// Reads more of the chain's first file. Returns as read(2).
static ssize_t fill(struct berth_log_reader *reader, GError **error)
{
	if (reader->chain->len == 0)
		return 0;
	if (reader->start > 0) {
		memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
		reader->end -= reader->start;
		reader->scanned -= reader->start;
		reader->start = 0;
	}
	if (reader->end == reader->capacity && reader->capacity < BERTH_LIMIT_LOG_RECORD)
		reader->buffer = g_realloc(reader->buffer, reader->capacity *= 2);
	if (reader->end == reader->capacity) {
		reader->overlong = true;
		reader->end = reader->scanned = 0;
	}
	struct log_file *file = g_ptr_array_index(reader->chain, 0);
	char *to = reader->buffer + reader->end;
	size_t room = reader->capacity - reader->end;
	ssize_t count = file->gunzip ? berth_gunzip_read(file->gunzip, to, room, error) : read(file->fd, to, room);
	if (count < 0 && !file->gunzip)
		berth_error_set_errno(error, errno, "read log %s", reader->path);
	if (count > 0)
		reader->end += (size_t) count;
	return count;
}

// Takes the next whole line from the buffer; *ret is NULL if there is none.
static char *take_line(struct berth_log_reader *reader, size_t *ret_length)
{
	char *newline = memchr(reader->buffer + reader->scanned, '\n', reader->end - reader->scanned);
	if (!newline) {
		reader->scanned = reader->end;
		return NULL;
	}
	char *line = reader->buffer + reader->start;
	*ret_length = (size_t) (newline - line);
	reader->start = reader->scanned = (size_t) (newline + 1 - reader->buffer);
	return line;
}

static bool was_rotated(const struct berth_log_reader *reader)
{
	struct stat status;
	ino_t held = 0;

	if (reader->chain->len > 0)
		held = ((struct log_file *) g_ptr_array_index(reader->chain, 0))->inode;
	return stat(reader->path, &status) == 0 && status.st_ino != held;
}

static bool was_stopped(const struct berth_log_reader *reader)
{
	return poll(&(struct pollfd){reader->stop, POLLIN, 0}, 1, 0) > 0;
}

// Waits for more, for stop, or for the time `until`. False: the reader's patience is over.
static bool wait_for_more(struct berth_log_reader *reader)
{
	struct pollfd polled[] = {{reader->stop, POLLIN, 0}, {reader->inotify, POLLIN, 0}};
	int64_t patience = reader->query.patience > 0 ? reader->query.patience : -1;
	int64_t timeout = reader->inotify < 0 ? POLL_WITHOUT_INOTIFY : patience;
	char events[4096];

	if (reader->query.until) {
		int64_t left = MAX((reader->query.until - berth_moment_now()) / 1000000 + 1, 0);
		timeout = timeout < 0 ? MIN(left, G_MAXINT) : MIN(left, timeout);
	}
	int ready = poll(polled, 2, (int) timeout);
	if (reader->inotify >= 0)
		while (read(reader->inotify, events, sizeof events) > 0)
			;
	return ready != 0 || patience < 0;
}

// What to do at the end of the chain's first file: 1 read on, 2 tell that nothing came, 0 the end, -1 error.
static int at_end_of_file(struct berth_log_reader *reader, bool stopping, GError **error)
{
	if (reader->chain->len > 1) {
		g_ptr_array_remove_index(reader->chain, 0);
		reader->start = reader->scanned = reader->end = 0; // half a line that nobody will finish
		reader->overlong = false;
		return 1;
	}
	if (!reader->query.follow)
		return 0;
	if (was_rotated(reader)) {
		// Since its rotation nothing is added to our file, but something may have been before.
		ssize_t count = fill(reader, error);
		if (count != 0)
			return count < 0 ? -1 : 1;
		bool held = reader->chain->len > 0;
		ino_t inode = held ? ((struct log_file *) g_ptr_array_index(reader->chain, 0))->inode : 0;
		return extend_chain(reader, inode, error) ? 1 : -1;
	}
	if (stopping || (reader->query.until && berth_moment_now() > reader->query.until))
		return 0;
	return wait_for_more(reader) ? 1 : 2;
}

int berth_log_reader_next(struct berth_log_reader *reader, struct berth_log_record *ret, GError **error)
{
	const struct berth_log_query *query = &reader->query;

	while (!reader->ended) {
		size_t length;
		char *line = take_line(reader, &length);
		if (!line) {
			bool stopping = query->follow && was_stopped(reader);
			ssize_t count = fill(reader, error);
			int result = count > 0 ? 1 : count < 0 ? -1 : at_end_of_file(reader, stopping, error);
			if (result < 0)
				return BERTH_LOG_FAILED;
			if (result == 2)
				return BERTH_LOG_WAITING;
			reader->ended = result == 0;
			continue;
		}
		bool overlong = reader->overlong;
		reader->overlong = false;
		if (reader->skip > 0) {
			reader->skip--;
			continue;
		}
		if (overlong || !berth_log_record_parse(line, length, ret) ||
		    (query->since && ret->time < query->since) || !(ret->stream == 2 ? query->err : query->out))
			continue;
		if (query->until && ret->time > query->until)
			break;
		return BERTH_LOG_RECORD;
	}
	reader->ended = true;
	return BERTH_LOG_END;
}

void berth_log_reader_stop(struct berth_log_reader *reader)
{
	eventfd_write(reader->stop, 1);
}

void berth_log_reader_free(struct berth_log_reader *reader)
{
	if (!reader)
		return;
	g_ptr_array_unref(reader->chain);
	berth_fd_clear(&reader->inotify);
	berth_fd_clear(&reader->stop);
	g_free(reader->buffer);
	g_free(reader->path);
	g_free(reader);
}
