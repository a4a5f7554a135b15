// SPDX-License-Identifier: Apache-2.0
// Reads a log and its rotated files as one sequence of records. The first file of the chain (log-files.h) is read; when
// the log was rotated, the files that came after it are appended.
#include "monitor/log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/log-files.h"
#include "monitor/log-record.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define CHUNK (128 << 10)
#define POLL_WITHOUT_INOTIFY 200 // milliseconds, where the user's inotify instances are used up

struct berth_log_reader {
	char *path;
	struct berth_log_query query;
	GPtrArray *chain; // of struct berth_log_file; the first is read now
	int64_t skip; // records to leave out
	char *buffer; // of `capacity` bytes, and one more
	size_t start, scanned, end, capacity;
	bool overlong; // the line being read exceeds the limit: it is left out up to its newline
	bool damaged; // the file that is read, from here on
	bool caught_up; // was told
	int inotify, stop; // -1: none
	bool ended;
};

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
	reader->chain = berth_log_chain_new();
	reader->capacity = CHUNK;
	reader->buffer = g_malloc(reader->capacity + 1);
	reader->inotify = -1;
	reader->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool ok = reader->stop >= 0 || berth_error_set_errno(error, errno, "read log %s", path);
	ok = ok && (!query->follow || query->patience < 0 || watch_folder(reader, error)) &&
	     berth_log_chain_extend(reader->chain, path, 0, query->tail < 0 ? query->since : 0, error) &&
	     (query->tail < 0 || berth_log_chain_seek(reader->chain, query->format, query->tail, &reader->skip, error));
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
		reader->buffer = g_realloc(reader->buffer, (reader->capacity *= 2) + 1);
	if (reader->end == reader->capacity) {
		reader->overlong = true;
		reader->end = reader->scanned = 0;
	}
	struct berth_log_file *file = g_ptr_array_index(reader->chain, 0);
	char *to = reader->buffer + reader->end;
	size_t room = reader->capacity - reader->end;
	ssize_t count = file->gunzip ? berth_gunzip_read(file->gunzip, to, room, error) : read(file->fd, to, room);
	if (count < 0 && !file->gunzip)
		berth_error_set_errno(error, errno, "read log %s", reader->path);
	if (count > 0)
		reader->end += (size_t) count;
	return count;
}

// Both take the next whole record from the buffer; NULL if there is none.

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

static char *take_entry(struct berth_log_reader *reader, size_t *ret_length)
{
	size_t held = reader->end - reader->start;
	char *frame = reader->buffer + reader->start;

	reader->scanned = reader->end;
	if (reader->damaged || held < BERTH_LOG_ENTRY_FRAME)
		return NULL;
	size_t length = berth_log_entry_length(frame), whole = length + 2 * BERTH_LOG_ENTRY_FRAME;
	if (length > 0 && held < whole)
		return NULL;
	if (length == 0 || memcmp(frame, frame + whole - BERTH_LOG_ENTRY_FRAME, BERTH_LOG_ENTRY_FRAME) != 0) {
		reader->damaged = true;
		return NULL;
	}
	*ret_length = length;
	reader->start += whole;
	return frame + BERTH_LOG_ENTRY_FRAME;
}

static char *take(struct berth_log_reader *reader, size_t *ret_length)
{
	return (reader->query.format == BERTH_LOG_JSON ? take_line : take_entry)(reader, ret_length);
}

static bool was_rotated(const struct berth_log_reader *reader)
{
	struct stat status;
	ino_t held = 0;

	if (reader->chain->len > 0)
		held = ((struct berth_log_file *) g_ptr_array_index(reader->chain, 0))->inode;
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
		int64_t left = berth_moment_left(reader->query.until) / 1000000 + 1;
		timeout = timeout < 0 ? MIN(left, G_MAXINT) : MIN(left, timeout);
	}
	if (reader->query.patience < 0)
		return false;
	int ready = poll(polled, 2, (int) timeout);
	if (reader->inotify >= 0)
		while (read(reader->inotify, events, sizeof events) > 0)
			;
	return ready != 0 || patience < 0;
}

enum { FAILED = -1, THE_END, READ_ON, NOTHING_CAME, CAUGHT_UP };

// What to do at the end of the chain's first file.
static int at_end_of_file(struct berth_log_reader *reader, bool stopping, GError **error)
{
	if (reader->chain->len > 1) {
		g_ptr_array_remove_index(reader->chain, 0);
		reader->start = reader->scanned = reader->end = 0; // half a line that nobody will finish
		reader->overlong = reader->damaged = false;
		return READ_ON;
	}
	if (reader->damaged) {
		berth_error_set(error, BERTH_ERROR_INVALID, "log %s: it is damaged", reader->path);
		return FAILED;
	}
	if (!reader->query.follow)
		return THE_END;
	if (was_rotated(reader)) {
		// Since its rotation nothing is added to our file, but something may have been before.
		ssize_t count = fill(reader, error);
		if (count != 0)
			return count < 0 ? FAILED : READ_ON;
		bool held = reader->chain->len > 0;
		ino_t inode = held ? ((struct berth_log_file *) g_ptr_array_index(reader->chain, 0))->inode : 0;
		return berth_log_chain_extend(reader->chain, reader->path, inode, 0, error) ? READ_ON : FAILED;
	}
	if (stopping || (reader->query.until && berth_moment_now() > reader->query.until))
		return THE_END;
	if (reader->query.tell_caught_up && !reader->caught_up) {
		reader->caught_up = true;
		return CAUGHT_UP;
	}
	return wait_for_more(reader) ? READ_ON : NOTHING_CAME;
}

// Reads on, or finds out what to do instead.
static int read_more(struct berth_log_reader *reader, GError **error)
{
	bool stopping = reader->query.follow && was_stopped(reader);
	ssize_t count = fill(reader, error);

	if (reader->damaged)
		reader->start = reader->scanned = reader->end = 0; // of this file nothing is looked at any more
	return count > 0 ? READ_ON : count < 0 ? FAILED : at_end_of_file(reader, stopping, error);
}

static bool parse(const struct berth_log_reader *reader, char *record, size_t length, struct berth_log_record *ret)
{
	if (reader->query.format == BERTH_LOG_JSON)
		return berth_log_record_parse(record, length, ret);
	return berth_log_entry_parse(record, length, ret);
}

int berth_log_reader_next(struct berth_log_reader *reader, struct berth_log_record *ret, GError **error)
{
	const struct berth_log_query *query = &reader->query;

	while (!reader->ended) {
		size_t length;
		char *record = take(reader, &length);
		if (!record) {
			int result = read_more(reader, error);
			if (result == FAILED)
				return BERTH_LOG_FAILED;
			if (result >= NOTHING_CAME)
				return result == NOTHING_CAME ? BERTH_LOG_WAITING : BERTH_LOG_CAUGHT_UP;
			reader->ended = result == THE_END;
			continue;
		}
		bool overlong = reader->overlong;
		reader->overlong = false;
		if (reader->skip > 0) {
			reader->skip--;
			continue;
		}
		if (overlong || !parse(reader, record, length, ret) || (query->since && ret->time < query->since) ||
		    !(ret->stream == 2 ? query->err : query->out))
			continue;
		if (query->until && ret->time > query->until)
			break;
		reader->caught_up = false;
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
