// SPDX-License-Identifier: Apache-2.0
// Writes log files. What one call brings is written at once. A file is rotated whole; the writer never waits for the
// lock of the files' names, but rotates at a later line. The log's own name exists at every moment. A write that fails
// leaves no half record behind.
#include "monitor/log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "monitor/log-record.h"
#include "monitor/log-rotate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEPT_BUFFER (256 << 10) // a larger output buffer is given back after use

struct berth_log_writer {
	char *path;
	int fd;
	struct berth_log_file_options options;
	int64_t size;
	int64_t rotate_at; // max_size; more after a rotation has failed, so that not every line tries again
	pid_t compressing; // the process that does; 0: none
	bool again; // there is something that it may have overlooked
	struct berth_log_buffer out; // complete records that are not written yet
	struct berth_log_suffix suffix;
	struct berth_log_lines lines;
};

// Cuts off what a writer that was killed left behind of a record of the local format.
static bool cut_half_entry(int fd, int64_t *size, const char *path, GError **error)
{
	char frame[BERTH_LOG_ENTRY_FRAME], end[BERTH_LOG_ENTRY_FRAME];
	int64_t at = 0;

	if (*size == 0)
		return true;
	if (*size > 2 * BERTH_LOG_ENTRY_FRAME &&
	    pread(fd, end, sizeof end, *size - BERTH_LOG_ENTRY_FRAME) == sizeof end) {
		int64_t begin = *size - 2 * BERTH_LOG_ENTRY_FRAME - (int64_t) berth_log_entry_length(end);
		if (begin >= 0 && berth_log_entry_length(end) > 0 &&
		    pread(fd, frame, sizeof frame, begin) == sizeof frame && memcmp(frame, end, sizeof end) == 0)
			return true;
	}
	while (pread(fd, frame, sizeof frame, at) == sizeof frame) {
		int64_t length = (int64_t) berth_log_entry_length(frame),
			next = at + 2 * BERTH_LOG_ENTRY_FRAME + length;
		if (length == 0 || pread(fd, end, sizeof end, next - BERTH_LOG_ENTRY_FRAME) != sizeof end ||
		    memcmp(frame, end, sizeof end) != 0)
			break;
		at = next;
	}
	*size = at;
	return ftruncate(fd, at) == 0 || berth_error_set_errno(error, errno, "log %s: cut off half a record", path);
}

// What follows must not be added to half a line.
static bool end_half_line(int fd, int64_t *size, const char *path, GError **error)
{
	char last = '\n';

	if (*size == 0 || pread(fd, &last, 1, *size - 1) != 1 || last == '\n')
		return true;
	++*size;
	return berth_write_all(fd, "\n", 1, path, error);
}

struct berth_log_writer *berth_log_writer_open(const char *path, const struct berth_log_file_options *options,
					       GError **error)
{
	bool json = options->format == BERTH_LOG_JSON;
	struct stat status;
	berth_fd fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0 || fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "open log %s", path);
		return NULL;
	}
	if (!S_ISREG(status.st_mode)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "log %s: not a regular file", path);
		return NULL;
	}
	int64_t size = status.st_size, max_file = MAX(options->max_file, 1);
	// Files beyond what is kept now are older than all others, and readers would not know where they belong.
	if (!(json ? end_half_line : cut_half_entry)(fd, &size, path, error) ||
	    !berth_log_remove_rotated(path, max_file, error))
		return NULL;

	struct berth_log_writer *writer = g_new0(struct berth_log_writer, 1);
	writer->path = g_strdup(path);
	writer->fd = berth_fd_steal(&fd);
	writer->options = *options;
	writer->options.attributes = NULL; // the suffix has its own
	writer->options.max_file = max_file;
	writer->size = size;
	writer->rotate_at = options->max_size;
	writer->suffix.time = -1;
	if (options->attributes && *options->attributes)
		writer->suffix.attributes = g_strdup(options->attributes);
	berth_log_lines_init(&writer->lines);
	return writer;
}

// Writes the first `length` bytes of what waits. What could not be written is dropped, with the half record it left.
static bool write_out(struct berth_log_writer *writer, size_t length, GError **error)
{
	struct berth_log_buffer *out = &writer->out;
	bool ok = length == 0 || berth_write_all(writer->fd, out->data, length, writer->path, error);

	if (ok)
		writer->size += (int64_t) length;
	else if (ftruncate(writer->fd, writer->size) < 0)
		g_prefix_error(error, "half a record was left: ");
	out->length -= length;
	if (out->length > 0 && length > 0)
		memmove(out->data, out->data + length, out->length);
	if (out->length == 0 && out->capacity > KEPT_BUFFER)
		berth_log_buffer_clear(out);
	return ok;
}

// Starts a process that compresses what is to be, unless one does already: that one goes on with what has come to be
// there meanwhile, as long as it looks.
static void compress(struct berth_log_writer *writer, int options)
{
	if (writer->compressing > 0 && waitpid(writer->compressing, NULL, options) != 0)
		writer->compressing = 0;
	if (!writer->again || writer->compressing > 0)
		return;
	writer->again = false;
	writer->compressing = berth_log_compress_start(writer->path);
}

void berth_log_writer_settle(struct berth_log_writer *writer)
{
	do
		compress(writer, 0);
	while (writer->again || writer->compressing > 0);
}

static bool rotate(struct berth_log_writer *writer, GError **error)
{
	const struct berth_log_file_options *options = &writer->options;
	GError *failure = NULL;
	int fd = berth_log_rotate(writer->path, writer->fd, options->max_file, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		writer->rotate_at = writer->size + options->max_size;
		return false;
	}
	if (fd < 0)
		return true; // a reader looks at the files: the next line tries again
	close(writer->fd);
	writer->fd = fd;
	writer->size = 0;
	writer->rotate_at = options->max_size;
	writer->again = options->compress && options->max_file > 1;
	compress(writer, WNOHANG);
	return true;
}

// Adds one record; if the file would exceed its size, what is there is written and the file rotated before.
static bool add_record(void *data, const struct berth_log_piece *piece, GError **error)
{
	struct berth_log_writer *writer = data;
	size_t before = writer->out.length;

	if (writer->options.format == BERTH_LOG_JSON)
		berth_log_record_append(&writer->out, &writer->suffix, piece);
	else
		berth_log_entry_append(&writer->out, piece);
	if (writer->options.max_size <= 0 || writer->size + (int64_t) writer->out.length <= writer->rotate_at ||
	    writer->size + (int64_t) before == 0)
		return true;
	return write_out(writer, before, error) && rotate(writer, error);
}

bool berth_log_writer_add(struct berth_log_writer *writer, int stream, const void *data, size_t length, int64_t time,
			  GError **error)
{
	bool ok = berth_log_lines_add(&writer->lines, stream, data, length, time, add_record, writer, error);

	return write_out(writer, writer->out.length, ok ? error : NULL) && ok;
}

bool berth_log_writer_flush(struct berth_log_writer *writer, GError **error)
{
	bool ok = berth_log_lines_flush(&writer->lines, berth_moment_now(), add_record, writer, error);

	compress(writer, WNOHANG);
	return write_out(writer, writer->out.length, ok ? error : NULL) && ok;
}

const uint8_t *berth_log_writer_pending(const struct berth_log_writer *writer, int stream, size_t *ret_length)
{
	const GByteArray *pending = writer->lines.pending[stream == 2];

	*ret_length = pending->len;
	return pending->data;
}

void berth_log_writer_free(struct berth_log_writer *writer)
{
	if (!writer)
		return;
	berth_log_writer_flush(writer, NULL);
	close(writer->fd);
	berth_log_buffer_clear(&writer->out);
	berth_log_suffix_clear(&writer->suffix);
	berth_log_lines_clear(&writer->lines);
	g_free(writer->path);
	g_free(writer);
}

// The log goes first: who compresses its rotated files sees by that that nobody needs them.
bool berth_log_remove(const char *path, GError **error)
{
	static const char *const suffixes[] = {"", ".new", ".gz.new"};
	struct stat status;
	G_GNUC_UNUSED berth_fd lock = berth_log_open_locked(path, LOCK_EX, &status, NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *name = g_strconcat(path, suffixes[i], NULL);
		if (unlink(name) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "remove log %s", name);
	}
	return berth_log_remove_rotated(path, 1, error);
}
