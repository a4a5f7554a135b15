// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-files.h"

#include "base/error.h"
#include "base/fd.h"
#include "monitor/log-record.h"
#include "monitor/log-rotate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define CHUNK (64 << 10)
#define SECOND G_GINT64_CONSTANT(1000000000)
// Times of files are coarser than those of records, and a clock may have been set back a little.
#define SINCE_SLACK (2 * SECOND)

static void file_free(void *data)
{
	struct berth_log_file *file = data;
	close(file->fd);
	g_clear_pointer(&file->gunzip, berth_gunzip_free);
	g_free(file);
}

static struct berth_log_file *file_new(int fd, ino_t inode, bool gzip)
{
	struct berth_log_file *file = g_new0(struct berth_log_file, 1);
	*file = (struct berth_log_file){fd, inode, gzip ? berth_gunzip_new(fd) : NULL};
	return file;
}

GPtrArray *berth_log_chain_new(void)
{
	return g_ptr_array_new_with_free_func(file_free);
}

// The rotated file of an index, plain or compressed. NULL if there is none.
static struct berth_log_file *open_rotated(const char *path, int index, int64_t *ret_written)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		struct stat status;
		g_autofree char *name = berth_log_rotated_name(path, index, gzip);
		berth_fd fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
			continue;
		ino_t inode = gzip ? berth_log_gzip_inode(fd) : status.st_ino;
		*ret_written = status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec;
		return file_new(berth_fd_steal(&fd), inode, gzip);
	}
	return NULL;
}

bool berth_log_chain_extend(GPtrArray *chain, const char *path, ino_t after, int64_t since, GError **error)
{
	struct stat status;
	GError *failure = NULL;
	berth_fd fd = berth_log_open_locked(path, LOCK_SH, &status, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (fd < 0)
		return true;
	unsigned at = chain->len;
	int lock = fd;
	g_ptr_array_add(chain, file_new(berth_fd_steal(&fd), status.st_ino, false));
	// A rotation that was cut short leaves at most one index out.
	for (int index = 1, missing = 0; missing < 2; index++) {
		int64_t written = 0;
		struct berth_log_file *file = open_rotated(path, index, &written);
		missing = file ? 0 : missing + 1;
		bool known = file && after && file->inode == after;
		if (known || (file && since && written < since - SINCE_SLACK)) {
			file_free(file);
			break;
		}
		if (file)
			g_ptr_array_insert(chain, (int) at, file);
	}
	flock(lock, LOCK_UN);
	return true;
}

// Both find where the last *records records of a plain file begin. They return the offset, or -1 if it has fewer:
// *records is then how many are missing still; or -2 if it cannot be said.

static off_t tail_of_lines(int fd, int64_t *lines)
{
	g_autofree char *block = g_malloc(CHUNK);
	off_t end = lseek(fd, 0, SEEK_END);
	int64_t seen = 0;

	for (off_t at = end; at > 0;) {
		size_t length = (size_t) MIN(at, CHUNK);
		at -= (off_t) length;
		if (pread(fd, block, length, at) != (ssize_t) length)
			return 0;
		for (const char *newline; (newline = memrchr(block, '\n', length)); length = (size_t) (newline - block))
			if (seen++ == *lines)
				return at + (newline - block) + 1;
	}
	if (*lines == 0)
		return end;
	*lines -= seen;
	return *lines == 0 ? 0 : -1;
}

// By the lengths behind the records. The last one may be half written at this moment.
static off_t tail_of_entries(int fd, int64_t *entries)
{
	g_autofree char *block = g_malloc(CHUNK);
	off_t end = lseek(fd, 0, SEEK_END), block_at = end, at = end;
	int64_t seen = 0;

	for (; at > 0 && seen < *entries; seen++) {
		if (at < 2 * BERTH_LOG_ENTRY_FRAME)
			return -2;
		off_t trailer = at - BERTH_LOG_ENTRY_FRAME;
		if (trailer < block_at) {
			block_at = MAX(at - CHUNK, 0);
			if (pread(fd, block, (size_t) (at - block_at), block_at) != at - block_at)
				return -2;
		}
		size_t length = berth_log_entry_length(block + (trailer - block_at));
		at = trailer - (off_t) length - BERTH_LOG_ENTRY_FRAME;
		if (length == 0 || at < 0)
			return -2;
		char frame[BERTH_LOG_ENTRY_FRAME];
		const char *leading = frame;
		if (at >= block_at)
			leading = block + (at - block_at);
		else if (pread(fd, frame, sizeof frame, at) != sizeof frame)
			return -2;
		if (berth_log_entry_length(leading) != length)
			return -2;
	}
	if (seen == *entries)
		return at;
	*entries -= seen;
	return -1;
}

static ssize_t read_file(struct berth_log_file *file, char *data, size_t length, GError **error)
{
	if (file->gunzip)
		return berth_gunzip_read(file->gunzip, data, length, error);
	ssize_t count = berth_read_full(file->fd, data, length);
	if (count < 0)
		berth_error_set_errno(error, errno, "read a log");
	return count;
}

static void rewind_file(struct berth_log_file *file)
{
	lseek(file->fd, 0, SEEK_SET);
	if (!file->gunzip)
		return;
	berth_gunzip_free(file->gunzip);
	file->gunzip = berth_gunzip_new(file->fd);
}

// How many records a file has, by reading all of it. -1 with *error.
static int64_t count_records(struct berth_log_file *file, enum berth_log_format format, GError **error)
{
	g_autofree char *block = g_malloc(CHUNK);
	int64_t records = 0;
	char frame[BERTH_LOG_ENTRY_FRAME];
	size_t held = 0, left = 0; // bytes of the frame that are there; of the record that are to be passed over
	ssize_t count;

	rewind_file(file);
	while ((count = read_file(file, block, CHUNK, error)) > 0) {
		const char *end = block + count;
		if (format == BERTH_LOG_JSON)
			for (const char *at = block; (at = memchr(at, '\n', (size_t) (end - at))); at++)
				records++;
		for (const char *at = block; format == BERTH_LOG_LOCAL && at < end;) {
			size_t step = MIN(left, (size_t) (end - at));
			left -= step;
			at += step;
			if (at == end)
				break;
			frame[held++] = *at++;
			if (held < sizeof frame)
				continue;
			held = 0;
			left = berth_log_entry_length(frame) + BERTH_LOG_ENTRY_FRAME;
			if (left == BERTH_LOG_ENTRY_FRAME)
				return rewind_file(file), records; // damaged: the rest cannot be read
			records++;
		}
	}
	rewind_file(file);
	return count < 0 ? -1 : records;
}

bool berth_log_chain_seek(GPtrArray *chain, enum berth_log_format format, int64_t lines, int64_t *ret_skip,
			  GError **error)
{
	*ret_skip = 0;
	for (unsigned i = chain->len; i-- > 0;) {
		struct berth_log_file *file = g_ptr_array_index(chain, i);
		off_t offset = -2;
		bool found;
		if (!file->gunzip)
			offset = (format == BERTH_LOG_JSON ? tail_of_lines : tail_of_entries)(file->fd, &lines);
		if (offset == -2) {
			int64_t count = count_records(file, format, error);
			if (count < 0)
				return false;
			found = count >= lines;
			if (found)
				*ret_skip = count - lines;
			else
				lines -= count;
		} else {
			found = offset >= 0;
			lseek(file->fd, found ? offset : 0, SEEK_SET);
		}
		if (found) {
			g_ptr_array_remove_range(chain, 0, i);
			return true;
		}
	}
	return true;
}
