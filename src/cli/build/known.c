// SPDX-License-Identifier: Apache-2.0
#include "cli/build/known.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARK "berth contexts 1\n" // begins the file
#define YOUNG_SECONDS 2 // the coarsest clock of a file system
#define STALE_SECONDS (30 * 24 * 3600) // files for contexts that nobody builds any more
#define TOUCH_SECONDS (24 * 3600) // one that is used is as young as that
#define FILE_MAX ((size_t) 256 << 20)
#define NAME_BYTES 16 // of the hash of the context's path

// As it stands in the file, sorted by device and inode. There are no gaps in it.
struct record {
	uint64_t device, inode, size;
	int64_t modified, changed; // seconds
	uint32_t modified_rest, changed_rest; // nanoseconds
	uint8_t hash[BERTH_CONTENT_HASH_SIZE];
};

struct head {
	char mark[24];
	uint8_t hash[BERTH_CONTENT_HASH_SIZE]; // of what follows
};

struct berth_build_known {
	char *name; // of the file; NULL: nothing is kept
	int folder; // that it lies in
	char *text; // of the file
	const struct record *records;
	size_t count;
	GArray *seen; // struct record
	bool changed; // it has more than the file
	int64_t begun; // seconds since 1970
	int64_t begun_rest; // nanoseconds
};

static char *name_of(int folder)
{
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", folder);
	g_autofree char *path = g_file_read_link(link, NULL);
	GString *name = path ? g_string_new(NULL) : NULL;
	uint8_t hash[BERTH_CONTENT_HASH_SIZE];

	if (!path)
		return NULL;
	berth_content_hash(path, strlen(path), false, hash);
	for (size_t i = 0; i < NAME_BYTES; i++)
		g_string_append_printf(name, "%02x", hash[i]);
	return g_string_free(name, FALSE);
}

// A file that somebody else may write to says nothing.
static void load(struct berth_build_known *this)
{
	berth_fd fd = openat(this->folder, this->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	size_t size;
	uint8_t hash[BERTH_CONTENT_HASH_SIZE];

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    (status.st_mode & 022))
		return;
	this->text = berth_read_fd(fd, FILE_MAX, &size, this->name, NULL);
	const struct head *head = (const void *) this->text;
	if (!this->text || size < sizeof *head || strncmp(head->mark, MARK, sizeof head->mark) != 0 ||
	    (size - sizeof *head) % sizeof(struct record) != 0)
		return;
	berth_content_hash(head + 1, size - sizeof *head, false, hash);
	if (memcmp(hash, head->hash, sizeof hash) != 0) // a crash of the machine
		return;
	this->records = (const void *) (head + 1);
	this->count = (size - sizeof *head) / sizeof(struct record);
	if (status.st_mtime < this->begun - TOUCH_SECONDS)
		futimens(fd, NULL);
}

struct berth_build_known *berth_build_known_open(int folder)
{
	struct berth_build_known *this = g_new0(struct berth_build_known, 1);
	struct timespec now;
	g_autofree char *path = g_build_filename(g_get_user_cache_dir(), "berth", "contexts", NULL);

	G_STATIC_ASSERT(sizeof(struct record) == 5 * 8 + 2 * 4 + BERTH_CONTENT_HASH_SIZE);
	this->seen = g_array_new(FALSE, FALSE, sizeof(struct record));
	clock_gettime(CLOCK_REALTIME, &now);
	this->begun = now.tv_sec;
	this->begun_rest = now.tv_nsec;
	this->folder = berth_open_folder(path, true, 0700, NULL);
	this->name = this->folder < 0 ? NULL : name_of(folder);
	if (this->name)
		load(this);
	return this;
}

void berth_build_known_free(struct berth_build_known *this)
{
	if (!this)
		return;
	berth_fd_clear(&this->folder);
	g_array_unref(this->seen);
	g_free(this->text);
	g_free(this->name);
	g_free(this);
}

static int compare(const void *a, const void *b)
{
	const struct record *one = a, *other = b;

	if (one->device != other->device)
		return one->device < other->device ? -1 : 1;
	return one->inode < other->inode ? -1 : one->inode > other->inode;
}

static struct record record_of(const struct stat *status)
{
	return (struct record){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t) status->st_size,
		.modified = status->st_mtim.tv_sec,
		.changed = status->st_ctim.tv_sec,
		.modified_rest = (uint32_t) status->st_mtim.tv_nsec,
		.changed_rest = (uint32_t) status->st_ctim.tv_nsec,
	};
}

bool berth_build_known_find(struct berth_build_known *this, const struct stat *status,
			    uint8_t ret[BERTH_CONTENT_HASH_SIZE])
{
	const struct record wanted = record_of(status);
	const struct record *found =
		this->count > 0 ? bsearch(&wanted, this->records, this->count, sizeof wanted, compare) : NULL;

	if (!found || memcmp(found, &wanted, offsetof(struct record, hash)) != 0)
		return false;
	memcpy(ret, found->hash, sizeof found->hash);
	g_array_append_val(this->seen, *found);
	return true;
}

void berth_build_known_add(struct berth_build_known *this, const struct stat *status,
			   const uint8_t hash[BERTH_CONTENT_HASH_SIZE])
{
	struct record record = record_of(status);
	int64_t youngest = this->begun - YOUNG_SECONDS;

	if (record.changed > youngest || (record.changed == youngest && record.changed_rest >= this->begun_rest))
		return;
	memcpy(record.hash, hash, sizeof record.hash);
	g_array_append_val(this->seen, record);
	this->changed = true;
}

// Contexts that have not been built for long.
static void sweep(const struct berth_build_known *this)
{
	int fd = openat(this->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct stat status;

	if (!stream) {
		berth_fd_clear(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(stream));)
		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
		    status.st_mtime < this->begun - STALE_SECONDS)
			unlinkat(fd, entry->d_name, 0);
	closedir(stream);
}

void berth_build_known_save(struct berth_build_known *this)
{
	if (!this->name || (!this->changed && this->seen->len >= this->count))
		return;
	struct head head = {.mark = MARK};
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	g_array_sort(this->seen, compare);
	size_t size = this->seen->len * sizeof(struct record);
	berth_content_hash(this->seen->data, size, false, head.hash);
	g_byte_array_append(bytes, (const guint8 *) &head, sizeof head);
	g_byte_array_append(bytes, (const guint8 *) this->seen->data, (guint) size);
	// When it cannot be kept, the next build hashes again.
	berth_write_file_at(this->folder, this->name, bytes->data, bytes->len, 0600, false, NULL);
	sweep(this);
}
