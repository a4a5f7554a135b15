// SPDX-License-Identifier: Apache-2.0
// Writes the json-file log. A file is rotated whole: while a reader looks at the chain of files it holds a shared lock
// on the log, under which nothing is renamed; the writer never waits for that lock but rotates at a later line. The
// log's own name exists at every moment. A write that fails leaves no half line behind.
#include "monitor/log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/log-gzip.h"
#include "monitor/log-record.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define KEPT_BUFFER (64 << 10) // a larger output buffer is given back after use

struct berth_log_writer {
	char *path;
	int fd;
	int64_t size, max_size, max_file;
	int64_t rotate_at; // max_size; more after a rotation has failed, so that not every line tries again
	bool compress;
	GString *out; // complete records that are not written yet
	GByteArray *pending[2]; // each stream's unfinished line
};

static char *rotated_name(const char *path, int64_t index, bool gzip)
{
	return g_strdup_printf("%s.%" G_GINT64_FORMAT "%s", path, index, gzip ? ".gz" : "");
}

// Removes the rotated files from an index on. A rotation that was cut short leaves at most one index out.
static bool remove_rotated(const char *path, int64_t index, GError **error)
{
	for (int missing = 0; missing < 2; index++) {
		bool found = false;
		for (int gzip = 0; gzip < 2; gzip++) {
			g_autofree char *name = rotated_name(path, index, gzip);
			if (unlink(name) == 0)
				found = true;
			else if (errno != ENOENT)
				return berth_error_set_errno(error, errno, "remove log %s", name);
		}
		missing = found ? 0 : missing + 1;
	}
	return true;
}

static int open_log(const char *path, int flags, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | flags, 0640);
	if (fd < 0)
		berth_error_set_errno(error, errno, "open log %s", path);
	return fd;
}

struct berth_log_writer *berth_log_writer_open(const char *path, int64_t max_size, int64_t max_file, bool compress,
					       GError **error)
{
	berth_fd fd = open_log(path, 0, error);
	if (fd < 0)
		return NULL;
	struct stat status;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "log %s: not a regular file", path);
		return NULL;
	}
	// A writer that was killed may have left half a line: what follows must not be added to it.
	char last = '\n';
	if (status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n') {
		if (!berth_write_all(fd, "\n", 1, path, error))
			return NULL;
		status.st_size++;
	}

	// Files beyond what is kept now are older than all others, and readers would not know where they belong.
	if (!remove_rotated(path, MAX(max_file, 1), error))
		return NULL;

	struct berth_log_writer *writer = g_new0(struct berth_log_writer, 1);
	writer->path = g_strdup(path);
	writer->fd = berth_fd_steal(&fd);
	writer->size = status.st_size;
	writer->max_size = writer->rotate_at = max_size;
	writer->max_file = MAX(max_file, 1);
	writer->compress = compress;
	writer->out = g_string_new(NULL);
	writer->pending[0] = g_byte_array_new();
	writer->pending[1] = g_byte_array_new();
	return writer;
}

// Writes the first `length` bytes of what waits. What could not be written is dropped, with the half line it left.
static bool write_out(struct berth_log_writer *writer, size_t length, GError **error)
{
	bool ok = length == 0 || berth_write_all(writer->fd, writer->out->str, length, writer->path, error);

	if (ok)
		writer->size += (int64_t) length;
	else if (ftruncate(writer->fd, writer->size) < 0)
		g_prefix_error(error, "half a line was left: ");
	g_string_erase(writer->out, 0, (gssize) length);
	if (writer->out->len == 0 && writer->out->allocated_len > KEPT_BUFFER) {
		g_string_free(writer->out, TRUE);
		writer->out = g_string_new(NULL);
	}
	return ok;
}

// Moves every rotated file one index up; the oldest goes.
static bool shift(struct berth_log_writer *writer, GError **error)
{
	for (int64_t index = writer->max_file - 1; index >= 1; index--)
		for (int gzip = 0; gzip < 2; gzip++) {
			g_autofree char *from = rotated_name(writer->path, index, gzip);
			g_autofree char *to = rotated_name(writer->path, index + 1, gzip);
			int result = index == writer->max_file - 1 ? unlink(from) : rename(from, to);
			if (result < 0 && errno != ENOENT)
				return berth_error_set_errno(error, errno, "rotate log %s", from);
		}
	return true;
}

// Makes the current file's content appear as index 1, beside the log itself.
static bool keep_as_first(struct berth_log_writer *writer, const char *compressed, GError **error)
{
	if (!shift(writer, error))
		return false;
	g_autofree char *first = rotated_name(writer->path, 1, writer->compress);
	int result = compressed ? rename(compressed, first) : link(writer->path, first);
	return result == 0 || berth_error_set_errno(error, errno, "rotate log to %s", first);
}

static bool compress_current(struct berth_log_writer *writer, const char *name, GError **error)
{
	struct stat status;
	unlink(name);
	berth_fd fd = open_log(name, O_EXCL, error);

	if (fd < 0)
		return false;
	if (fstat(writer->fd, &status) < 0)
		return berth_error_set_errno(error, errno, "stat log %s", writer->path);
	if (berth_log_gzip(writer->fd, fd, status.st_ino, error))
		return true;
	unlink(name);
	return false;
}

static bool rotate(struct berth_log_writer *writer, GError **error)
{
	if (flock(writer->fd, LOCK_EX | LOCK_NB) < 0)
		return true; // a reader looks at the files: the next line tries again

	g_autofree char *fresh = g_strconcat(writer->path, ".new", NULL);
	g_autofree char *compressed =
		writer->compress && writer->max_file > 1 ? g_strconcat(writer->path, ".gz.new", NULL) : NULL;
	unlink(fresh);
	berth_fd fd = open_log(fresh, O_EXCL, error);
	bool ok = fd >= 0 && (!compressed || compress_current(writer, compressed, error)) &&
		  (writer->max_file <= 1 || keep_as_first(writer, compressed, error));
	if (ok && rename(fresh, writer->path) < 0)
		ok = berth_error_set_errno(error, errno, "rotate log %s", writer->path);
	if (!ok) {
		unlink(fresh);
		flock(writer->fd, LOCK_UN);
		writer->rotate_at = writer->size + writer->max_size;
		return false;
	}
	close(writer->fd); // and the lock with it
	writer->fd = berth_fd_steal(&fd);
	writer->size = 0;
	writer->rotate_at = writer->max_size;
	return true;
}

// Adds one record; if the file would exceed its size, what is there is written and the file rotated before.
static bool add_record(struct berth_log_writer *writer, int stream, const void *text, size_t length, const char *time,
		       GError **error)
{
	size_t before = writer->out->len;
	berth_log_record_append(writer->out, stream, text, length, time);
	if (writer->max_size <= 0 || writer->size + (int64_t) writer->out->len <= writer->rotate_at ||
	    writer->size + (int64_t) before == 0)
		return true;
	return write_out(writer, before, error) && rotate(writer, error);
}

// How much of a line that is too long makes one record: the limit, or less so as not to cut a character.
static size_t piece(const uint8_t *text)
{
	size_t length = BERTH_LIMIT_LOG_LINE;

	for (int back = 0; back < 3 && (text[length] & 0xc0) == 0x80; back++)
		length--;
	return (text[length] & 0xc0) == 0x80 ? BERTH_LIMIT_LOG_LINE : length;
}

// Adds a line or the beginning of one: splits it if it is too long; *line and *length are left at what is unfinished.
static bool add_line(struct berth_log_writer *writer, int stream, const uint8_t **line, size_t *length,
		     const char *time, GError **error)
{
	while (*length > BERTH_LIMIT_LOG_LINE + ((*line)[*length - 1] == '\n')) {
		size_t count = piece(*line);
		if (!add_record(writer, stream, *line, count, time, error))
			return false;
		*line += count;
		*length -= count;
	}
	if (*length == 0 || (*line)[*length - 1] != '\n')
		return true;
	size_t count = *length;
	*length = 0;
	return add_record(writer, stream, *line, count, time, error);
}

static bool add_lines(struct berth_log_writer *writer, int stream, const uint8_t *at, const uint8_t *end,
		      const char *time, GError **error)
{
	GByteArray *pending = writer->pending[stream == 2];

	while (at < end) {
		const uint8_t *newline = memchr(at, '\n', (size_t) (end - at)), *line = at;
		size_t length = (size_t) ((newline ? newline + 1 : end) - at);
		bool joined = pending->len > 0;
		if (joined)
			length = MIN(length, BERTH_LIMIT_LOG_LINE + 1);
		at += length;
		if (joined) {
			g_byte_array_append(pending, line, (unsigned) length);
			line = pending->data;
			length = pending->len;
		}
		if (!add_line(writer, stream, &line, &length, time, error))
			return false;
		if (joined)
			g_byte_array_remove_range(pending, 0, pending->len - (unsigned) length);
		else if (length > 0)
			g_byte_array_append(pending, line, (unsigned) length);
	}
	return true;
}

bool berth_log_writer_add(struct berth_log_writer *writer, int stream, const void *data, size_t length, int64_t time,
			  GError **error)
{
	char moment[BERTH_MOMENT_SIZE];

	berth_log_time_format(time, moment);
	bool ok = add_lines(writer, stream, data, (const uint8_t *) data + length, moment, error);
	if (!ok)
		g_byte_array_set_size(writer->pending[stream == 2], 0);
	return write_out(writer, writer->out->len, ok ? error : NULL) && ok;
}

bool berth_log_writer_flush(struct berth_log_writer *writer, GError **error)
{
	char moment[BERTH_MOMENT_SIZE];
	bool ok = true;

	berth_log_time_format(berth_moment_now(), moment);
	for (int i = 0; i < 2; i++) {
		GByteArray *pending = writer->pending[i];
		if (pending->len > 0)
			ok = add_record(writer, i + 1, pending->data, pending->len, moment, ok ? error : NULL) && ok;
		g_byte_array_set_size(pending, 0);
	}
	return write_out(writer, writer->out->len, ok ? error : NULL) && ok;
}

void berth_log_writer_free(struct berth_log_writer *writer)
{
	if (!writer)
		return;
	berth_log_writer_flush(writer, NULL);
	close(writer->fd);
	g_string_free(writer->out, TRUE);
	g_byte_array_unref(writer->pending[0]);
	g_byte_array_unref(writer->pending[1]);
	g_free(writer->path);
	g_free(writer);
}

bool berth_log_remove(const char *path, GError **error)
{
	static const char *const suffixes[] = {"", ".new", ".gz.new"};

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *name = g_strconcat(path, suffixes[i], NULL);
		if (unlink(name) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "remove log %s", name);
	}
	return remove_rotated(path, 1, error);
}
