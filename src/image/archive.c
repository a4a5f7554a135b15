// SPDX-License-Identifier: Apache-2.0
#include "image/archive.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/limits.h"
#include "image/tar.h"

#include <string.h>

#define BLOBS "blobs/sha256/"
#define SMALL BERTH_LIMIT_MANIFEST // a file that may be held in memory
#define MEMORY (64 << 20) // of all that are
#define LINKS 8 // followed one after another

// Either a link, or a file with its data or its digest, or both.
struct file {
	char *data;
	char *digest;
	char *link; // the path that a link leads to
	int64_t size;
};

struct berth_image_archive {
	struct berth_blobs *blobs;
	GHashTable *files; // struct file by clean path
	int64_t memory; // used by data
	int64_t entries;
};

static void file_free(gpointer data)
{
	struct file *file = data;

	g_free(file->data);
	g_free(file->digest);
	g_free(file->link);
	g_free(file);
}

void berth_image_archive_free(struct berth_image_archive *this)
{
	if (!this)
		return;
	g_hash_table_unref(this->files);
	g_free(this);
}

// The digest that a path promises; NULL if it promises none.
static char *promised_digest(const char *path)
{
	g_autofree char *digest =
		g_str_has_prefix(path, BLOBS) ? g_strconcat("sha256:", path + strlen(BLOBS), NULL) : NULL;

	return digest && berth_digest_valid(digest) ? g_steal_pointer(&digest) : NULL;
}

static bool check_promise(const char *path, const char *data, size_t length, GError **error)
{
	g_autofree char *promised = promised_digest(path);
	char digest[BERTH_DIGEST_SIZE];

	if (!promised)
		return true;
	struct berth_hash *hash = berth_hash_new();
	berth_hash_update(hash, data, length);
	berth_hash_digest(hash, digest);
	return g_str_equal(digest, promised) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "its content has the digest %s", digest);
}

static bool read_small(struct berth_image_archive *this, struct berth_tar *tar, const char *path, struct file *file,
		       GError **error)
{
	g_autofree char *data = g_malloc((gsize) file->size + 1);

	for (int64_t done = 0; done < file->size;) {
		la_ssize_t length = archive_read_data(tar->archive, data + done, (size_t) (file->size - done));
		if (length < 0)
			return berth_tar_failed(tar, error);
		if (length == 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "damaged: it is shorter than its size");
		done += length;
	}
	data[file->size] = '\0';
	if (!check_promise(path, data, (size_t) file->size, error))
		return false;
	this->memory += file->size;
	file->data = g_steal_pointer(&data);
	return true;
}

// Files with holes are written whole: a blob is what its digest says, byte by byte.
static bool copy(struct berth_tar *tar, int64_t size, struct berth_ingest *ingest, GError **error)
{
	g_autofree char *chunk = g_malloc(SMALL);
	int64_t done = 0;
	la_ssize_t length;

	while ((length = archive_read_data(tar->archive, chunk, SMALL)) > 0) {
		if (!berth_ingest_write(ingest, chunk, (size_t) length, error))
			return false;
		done += length;
	}
	if (length < 0)
		return berth_tar_failed(tar, error);
	return done == size || berth_error_set(error, BERTH_ERROR_INVALID, "damaged: it is not as long as its size");
}

static bool read_large(struct berth_image_archive *this, struct berth_tar *tar, const char *path, struct file *file,
		       GError **error)
{
	g_autofree char *promised = promised_digest(path);
	struct berth_ingest *ingest = berth_blob_ingest(this->blobs, NULL, NULL, error);

	if (!ingest)
		return false;
	if (!copy(tar, file->size, ingest, error)) {
		berth_ingest_abort(ingest, false);
		return false;
	}
	bool done = berth_ingest_commit(ingest, promised, file->size, &file->digest, error);
	BERTH_FAILPOINT("image.load.blob-written");
	return done;
}

// Where a symbolic link in an archive leads to: its target may climb, but not out of the archive.
static char *link_target(const char *path, const char *target)
{
	g_autofree char *absolute = g_strconcat("/", path, NULL), *folder = g_path_get_dirname(absolute);
	g_autofree char *whole = g_canonicalize_filename(target, folder);

	return g_strdup(whole + strspn(whole, "/"));
}

static bool read_file(struct berth_image_archive *this, struct berth_tar *tar, struct archive_entry *entry,
		      const char *path, GError **error)
{
	struct file *file = g_new0(struct file, 1);
	const char *hard = archive_entry_hardlink(entry);
	bool done = true;

	file->size = archive_entry_size(entry);
	if (hard || archive_entry_filetype(entry) == AE_IFLNK)
		file->link = hard ? link_target("", hard) : link_target(path, archive_entry_symlink(entry));
	else if (file->size < 0 || file->size > BERTH_LIMIT_LAYER_BYTES)
		done = berth_error_set(error, BERTH_ERROR_INVALID,
				       "its %" G_GINT64_FORMAT " bytes are more than %" G_GINT64_FORMAT, file->size,
				       BERTH_LIMIT_LAYER_BYTES);
	else if (file->size <= SMALL && file->size <= MEMORY - this->memory)
		done = read_small(this, tar, path, file, error);
	else
		done = read_large(this, tar, path, file, error);
	if (done)
		g_hash_table_insert(this->files, g_strdup(path), file);
	else
		file_free(file);
	return done;
}

static bool read_entry(struct berth_image_archive *this, struct berth_tar *tar, struct archive_entry *entry,
		       GError **error)
{
	const char *name = archive_entry_pathname(entry);
	mode_t type = archive_entry_filetype(entry);

	if (++this->entries > BERTH_LIMIT_IMAGE_ARCHIVE_FILES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the archive has more than %d entries",
				       BERTH_LIMIT_IMAGE_ARCHIVE_FILES);
	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has no name");
	g_autofree char *path = berth_tar_clean(name, BERTH_LIMIT_ARCHIVE_PATH, BERTH_LIMIT_ARCHIVE_DEPTH, error);
	if (!path)
		return false;
	if (type == AE_IFREG || type == AE_IFLNK || archive_entry_hardlink(entry))
		return read_file(this, tar, entry, path, error);
	return type == AE_IFDIR || berth_error_set(error, BERTH_ERROR_INVALID,
						   "it is no file, folder or link: an archive of images has "
						   "nothing else");
}

static bool read_entries(struct berth_image_archive *this, struct berth_tar *tar, GError **error)
{
	struct archive_entry *entry;
	int more;

	while ((more = berth_tar_next(tar, &entry, error)) > 0) {
		if (read_entry(this, tar, entry, error))
			continue;
		const char *name = archive_entry_pathname(entry);
		g_autofree char *shown = berth_tar_printable(name ? name : "");
		g_prefix_error(error, "entry %" G_GINT64_FORMAT " (%s): ", this->entries, shown);
		return false;
	}
	return more == 0;
}

// What follows its end is padding, which a bomb has much of.
static bool read_padding(struct berth_tar *tar, GError **error)
{
	const void *block;
	int64_t total = 0;
	gssize length;

	while ((length = berth_layer_stream_next(tar->stream, &block, error)) > 0)
		if ((total += length) > BERTH_LIMIT_IMAGE_ARCHIVE_PADDING)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the archive has more than %d bytes behind its end",
					       BERTH_LIMIT_IMAGE_ARCHIVE_PADDING);
	return length == 0;
}

struct berth_image_archive *berth_image_archive_read(struct berth_blobs *blobs, int fd, GError **error)
{
	g_autoptr(berth_image_archive) this = g_new0(struct berth_image_archive, 1);
	struct berth_tar tar;

	this->blobs = blobs;
	this->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
	bool done = berth_tar_open(&tar, berth_source_of_fd(fd), BERTH_LIMIT_IMAGE_ARCHIVE_BYTES, false, error) &&
		    read_entries(this, &tar, error) && read_padding(&tar, error);
	berth_tar_close(&tar);
	return done ? g_steal_pointer(&this) : NULL;
}

bool berth_image_archive_has(const struct berth_image_archive *this, const char *path)
{
	return g_hash_table_contains(this->files, path);
}

// Follows links: older archives of Docker share layers in that way.
static struct file *find(struct berth_image_archive *this, const char *path, GError **error)
{
	struct file *file = NULL;
	const char *next = path;

	for (int i = 0; i <= LINKS && next; i++) {
		file = g_hash_table_lookup(this->files, next);
		next = file ? file->link : NULL;
	}
	if (file && !file->link)
		return file;
	berth_error_set(error, BERTH_ERROR_INVALID, file ? "too many links at %s" : "the archive has no %s", path);
	return NULL;
}

char *berth_image_archive_text(struct berth_image_archive *this, const char *path, size_t *ret_length, GError **error)
{
	struct file *file = find(this, path, error);

	if (!file)
		return NULL;
	if (file->size > BERTH_LIMIT_MANIFEST) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s is larger than %d bytes", path, BERTH_LIMIT_MANIFEST);
		return NULL;
	}
	if (file->digest)
		return berth_blob_read(this->blobs, file->digest, BERTH_LIMIT_MANIFEST, ret_length, error);
	*ret_length = (size_t) file->size;
	return g_memdup2(file->data, (gsize) file->size + 1);
}

char *berth_image_archive_blob(struct berth_image_archive *this, const char *path, int64_t *ret_size, GError **error)
{
	struct file *file = find(this, path, error);

	if (!file)
		return NULL;
	if (ret_size)
		*ret_size = file->size;
	if (!file->digest && !(file->digest = berth_blob_put(this->blobs, file->data, (size_t) file->size, error)))
		return NULL;
	return g_strdup(file->digest);
}
