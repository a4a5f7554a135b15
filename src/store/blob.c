// SPDX-License-Identifier: Apache-2.0
// <root>/blobs/sha256/<hex> are the blobs; <root>/blobs/ingest/<digest of the reference> is what is being written, or
// <random>.once where nobody can take it up again, so that whoever opens the folder next drops it. Who
// holds the flock of such a file may write it; a commit renames it away, so after a lock is got the name must still be
// the locked file's.
#include "store/blob.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "store/blob-internal.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define INGEST_KEEP_SECONDS (7 * 24 * 3600) // an interrupted writing that nobody resumes is dropped after that
#define ONCE ".once"

struct berth_blobs {
	int folder; // blobs/sha256
	int ingests; // blobs/ingest
	berth_commit_fn *commit;
	void *commit_data;
};

struct berth_ingest {
	struct berth_blobs *blobs;
	char *reference; // for messages
	char *name; // of its file
	int fd; // locked
	int64_t size;
	struct berth_hash *hash; // NULL: the writer vouches for it
	char vouched[BERTH_DIGEST_SIZE]; // with that; "": not yet
	struct berth_tail *tail; // what readers follow
	bool failed; // a write did: the file may hold more than the hash knows
};

static const char *hex_of(const char *digest)
{
	return digest + strlen("sha256:");
}

static int open_folder(const char *root, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(root, "blobs", name, NULL);

	if (g_mkdir_with_parents(path, 0700) < 0) {
		berth_error_set_errno(error, errno, "make folder %s", path);
		return -1;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		berth_error_set_errno(error, errno, "open folder %s", path);
	return fd;
}

// A stream of its own position on a folder, for listing.
static DIR *list_folder(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		berth_fd_clear(&fd);
	return list;
}

// Removes what a crash left: half-written small blobs and interrupted writings that nobody took up again.
static bool sweep(int folder, bool (*stale)(const char *name, const struct stat *status), GError **error)
{
	DIR *list = list_folder(folder);
	if (!list)
		return berth_error_set_errno(error, errno, "list the blobs");
	for (struct dirent *entry; (entry = readdir(list));) {
		struct stat status;
		if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
		    stale(entry->d_name, &status))
			unlinkat(folder, entry->d_name, 0);
	}
	closedir(list);
	return true;
}

static bool is_half_written(const char *name, const struct stat *status)
{
	(void) status;
	return g_str_has_suffix(name, ".tmp");
}

static bool is_forgotten(const char *name, const struct stat *status)
{
	return g_str_has_suffix(name, ONCE) || status->st_mtime < time(NULL) - INGEST_KEEP_SECONDS;
}

struct berth_blobs *berth_blobs_open(const char *root_folder, GError **error)
{
	struct berth_blobs *blobs = g_new0(struct berth_blobs, 1);

	blobs->folder = open_folder(root_folder, "sha256", error);
	blobs->ingests = blobs->folder < 0 ? -1 : open_folder(root_folder, "ingest", error);
	if (blobs->ingests >= 0 && sweep(blobs->folder, is_half_written, error) &&
	    sweep(blobs->ingests, is_forgotten, error))
		return blobs;
	berth_blobs_free(blobs);
	return NULL;
}

void berth_blobs_free(struct berth_blobs *blobs)
{
	if (!blobs)
		return;
	berth_fd_clear(&blobs->folder);
	berth_fd_clear(&blobs->ingests);
	g_free(blobs);
}

void berth_blobs_on_commit(struct berth_blobs *blobs, berth_commit_fn *commit, void *data)
{
	blobs->commit = commit;
	blobs->commit_data = data;
}

static void announce(struct berth_blobs *blobs, const char *digest)
{
	if (blobs->commit)
		blobs->commit(blobs->commit_data, "blob", digest);
}

static bool check_digest(const char *digest, GError **error)
{
	if (berth_digest_valid(digest))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid digest \"%s\": expected sha256: and 64 hexadecimal digits", digest);
}

static void free_ingest(struct berth_ingest *ingest)
{
	berth_hash_free(ingest->hash);
	berth_tail_unref(ingest->tail);
	berth_fd_clear(&ingest->fd);
	g_free(ingest->reference);
	g_free(ingest->name);
	g_free(ingest);
}

// Opens and locks the file; it is the caller's alone then.
static bool open_ingest(struct berth_ingest *ingest, GError **error)
{
	for (;;) {
		struct stat locked, named;
		berth_fd fd =
			openat(ingest->blobs->ingests, ingest->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return berth_error_set_errno(error, errno, "write the blob of %s", ingest->reference);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			return berth_error_set(error, BERTH_ERROR_CONFLICT, "the blob of %s is being written already",
					       ingest->reference);
		if (fstat(fd, &locked) < 0)
			return berth_error_set_errno(error, errno, "write the blob of %s", ingest->reference);
		if (fstatat(ingest->blobs->ingests, ingest->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    named.st_ino == locked.st_ino) {
			ingest->fd = berth_fd_steal(&fd);
			return true;
		}
	}
}

// Takes what is there into the hash; the position is behind it then.
static bool take_up(struct berth_ingest *ingest, GError **error)
{
	g_autofree char *chunk = g_malloc(1 << 17);

	for (ssize_t count; (count = berth_read_full(ingest->fd, chunk, 1 << 17)) != 0;) {
		if (count < 0)
			return berth_error_set_errno(error, errno, "read what there is of %s", ingest->reference);
		berth_hash_update(ingest->hash, chunk, (size_t) count);
		ingest->size += count;
	}
	return true;
}

static char *file_of(const char *reference)
{
	struct berth_hash *hash = berth_hash_new();
	char digest[BERTH_DIGEST_SIZE];

	berth_hash_update(hash, reference, strlen(reference));
	berth_hash_digest(hash, digest);
	return g_strdup(hex_of(digest));
}

static char *file_once(void)
{
	g_autofree char *random = g_uuid_string_random();

	return g_strconcat(random, ONCE, NULL);
}

struct berth_ingest *berth_blob_ingest(struct berth_blobs *blobs, const char *reference, int64_t *ret_offset,
				       GError **error)
{
	struct berth_ingest *ingest = g_new0(struct berth_ingest, 1);

	ingest->blobs = blobs;
	ingest->name = reference ? file_of(reference) : file_once();
	ingest->reference = g_strdup(reference ? reference : "new content");
	ingest->fd = -1;
	ingest->hash = berth_hash_new();
	if (!open_ingest(ingest, error) || !take_up(ingest, error)) {
		free_ingest(ingest);
		return NULL;
	}
	ingest->tail = berth_tail_new(ingest->reference, ingest->size);
	if (ret_offset)
		*ret_offset = ingest->size;
	return ingest;
}

bool berth_ingest_write(struct berth_ingest *ingest, const void *data, size_t length, GError **error)
{
	if (ingest->failed)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "the blob of %s: an earlier write failed",
				       ingest->reference);
	if (!berth_write_all(ingest->fd, data, length, ingest->reference, error)) {
		ingest->failed = true;
		return false;
	}
	if (ingest->hash)
		berth_hash_update(ingest->hash, data, length);
	ingest->size += (int64_t) length;
	berth_tail_grow(ingest->tail, ingest->size);
	return true;
}

void berth_ingest_vouch(struct berth_ingest *ingest, const char *digest)
{
	g_clear_pointer(&ingest->hash, berth_hash_free);
	g_strlcpy(ingest->vouched, digest ? digest : "", sizeof ingest->vouched);
}

// What was written, whole.
static bool find_digest(struct berth_ingest *ingest, char digest[BERTH_DIGEST_SIZE], GError **error)
{
	if (ingest->failed)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "the blob of %s: an earlier write failed",
				       ingest->reference);
	if (ingest->hash)
		berth_hash_digest(g_steal_pointer(&ingest->hash), digest);
	else if (berth_digest_valid(ingest->vouched))
		memcpy(digest, ingest->vouched, sizeof ingest->vouched);
	else
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "the blob of %s: nobody says what it is",
				       ingest->reference);
	return true;
}

struct berth_ingest_reader *berth_ingest_reader_new(struct berth_ingest *ingest)
{
	// Not a duplicate of the writer's: that would share its lock.
	int fd = openat(ingest->blobs->ingests, ingest->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return berth_ingest_reader_on(ingest->tail, fd, fd < 0 ? errno : 0);
}

int64_t berth_ingest_size(const struct berth_ingest *ingest)
{
	return ingest->size;
}

static bool drop(struct berth_ingest *ingest)
{
	unlinkat(ingest->blobs->ingests, ingest->name, 0);
	return false;
}

static bool check_content(struct berth_ingest *ingest, const char *expected, int64_t size, const char *digest,
			  GError **error)
{
	if (size >= 0 && size != ingest->size) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"the blob of %s: expected %" G_GINT64_FORMAT " bytes, got %" G_GINT64_FORMAT,
				ingest->reference, size, ingest->size);
		return drop(ingest);
	}
	if (expected && !g_str_equal(expected, digest)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the blob of %s: expected digest %s, got %s",
				ingest->reference, expected, digest);
		return drop(ingest);
	}
	return true;
}

// Also where the blob was there already: another thread may have renamed it and not synced the folder yet.
static bool sync_folder(struct berth_blobs *blobs, GError **error)
{
	return fsync(blobs->folder) == 0 || berth_error_set_errno(error, errno, "sync the folder of blobs");
}

static bool publish(struct berth_ingest *ingest, const char *digest, GError **error)
{
	struct berth_blobs *blobs = ingest->blobs;

	announce(blobs, digest);
	if (berth_blob_exists(blobs, digest)) {
		drop(ingest);
		return sync_folder(blobs, error);
	}
	if (fchmod(ingest->fd, 0400) < 0 || fdatasync(ingest->fd) < 0)
		return berth_error_set_errno(error, errno, "sync the blob of %s", ingest->reference);
	BERTH_FAILPOINT("blob.commit.synced");
	if (renameat(blobs->ingests, ingest->name, blobs->folder, hex_of(digest)) < 0)
		return berth_error_set_errno(error, errno, "rename the blob of %s", ingest->reference);
	BERTH_FAILPOINT("blob.commit.renamed");
	return sync_folder(blobs, error);
}

bool berth_ingest_commit(struct berth_ingest *ingest, const char *digest, int64_t size, char **ret_digest,
			 GError **error)
{
	char found[BERTH_DIGEST_SIZE];
	GError *failure = NULL;
	bool good = !digest || check_digest(digest, &failure);

	good = good && find_digest(ingest, found, &failure) && check_content(ingest, digest, size, found, &failure);
	berth_tail_end(ingest->tail, failure); // readers need not wait for the disk
	good = good && publish(ingest, found, &failure);
	if (good && ret_digest)
		*ret_digest = g_strdup(found);
	if (failure)
		g_propagate_error(error, failure);
	free_ingest(ingest);
	return good;
}

static bool publish_synced(struct berth_ingest *ingest, GError **error)
{
	struct berth_blobs *blobs = ingest->blobs;
	char digest[BERTH_DIGEST_SIZE];

	if (!find_digest(ingest, digest, error))
		return false;
	announce(blobs, digest);
	if (berth_blob_exists(blobs, digest)) {
		drop(ingest);
		return true;
	}
	if (fchmod(ingest->fd, 0400) == 0 && renameat(blobs->ingests, ingest->name, blobs->folder, hex_of(digest)) == 0)
		return true;
	return berth_error_set_errno(error, errno, "rename the blob of %s", ingest->reference);
}

bool berth_ingests_publish(struct berth_blobs *blobs, struct berth_ingest *const *ingests, size_t count, GError **error)
{
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		if (!good) {
			berth_ingest_abort(ingests[i], false);
			continue;
		}
		good = publish_synced(ingests[i], error);
		berth_tail_end(ingests[i]->tail, NULL);
		if (!good)
			drop(ingests[i]);
		free_ingest(ingests[i]);
	}
	BERTH_FAILPOINT("blob.publish.renamed");
	return good && (count == 0 || sync_folder(blobs, error));
}

int berth_blobs_folder(const struct berth_blobs *blobs)
{
	return blobs->ingests;
}

void berth_ingest_abort(struct berth_ingest *ingest, bool keep)
{
	if (!ingest)
		return;
	g_autoptr(GError) failure = g_error_new(BERTH_ERROR, BERTH_ERROR_CANCELED,
						"the writing of the blob of %s was given up", ingest->reference);
	berth_tail_end(ingest->tail, failure);
	if (!keep)
		drop(ingest);
	free_ingest(ingest);
}

char *berth_blob_put(struct berth_blobs *blobs, const void *data, size_t length, GError **error)
{
	struct berth_hash *hash = berth_hash_new();
	char digest[BERTH_DIGEST_SIZE];

	berth_hash_update(hash, data, length);
	berth_hash_digest(hash, digest);
	announce(blobs, digest);
	if (berth_blob_exists(blobs, digest)
		    ? !sync_folder(blobs, error)
		    : !berth_write_file_at(blobs->folder, hex_of(digest), data, length, 0400, true, error)) {
		g_prefix_error(error, "write blob %s: ", digest);
		return NULL;
	}
	return g_strdup(digest);
}

int berth_blob_open(struct berth_blobs *blobs, const char *digest, int64_t *ret_size, GError **error)
{
	struct stat status;

	if (!check_digest(digest, error))
		return -1;
	berth_fd fd = openat(blobs->folder, hex_of(digest), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such blob: %s", digest);
		return -1;
	}
	if (fd < 0 || fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "open blob %s", digest);
		return -1;
	}
	if (ret_size)
		*ret_size = status.st_size;
	return berth_fd_steal(&fd);
}

char *berth_blob_read(struct berth_blobs *blobs, const char *digest, size_t limit, size_t *ret_length, GError **error)
{
	struct berth_hash *hash;
	char found[BERTH_DIGEST_SIZE];
	size_t length = 0;
	berth_fd fd = berth_blob_open(blobs, digest, NULL, error);
	if (fd < 0)
		return NULL;

	g_autofree char *data = berth_read_fd(fd, limit, &length, digest, error);
	if (!data)
		return NULL;
	hash = berth_hash_new();
	berth_hash_update(hash, data, length);
	berth_hash_digest(hash, found);
	if (!g_str_equal(found, digest)) {
		berth_error_set(error, BERTH_ERROR_INTERNAL,
				"blob %s is damaged on disk (its content is %s); remove and load its image again",
				digest, found);
		return NULL;
	}
	if (ret_length)
		*ret_length = length;
	return g_steal_pointer(&data);
}

bool berth_blob_exists(struct berth_blobs *blobs, const char *digest)
{
	return berth_digest_valid(digest) && faccessat(blobs->folder, hex_of(digest), F_OK, 0) == 0;
}

bool berth_blob_remove(struct berth_blobs *blobs, const char *digest, GError **error)
{
	if (!check_digest(digest, error))
		return false;
	if (unlinkat(blobs->folder, hex_of(digest), 0) < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "remove blob %s", digest);
	return true;
}

bool berth_blob_each(struct berth_blobs *blobs, berth_blob_fn *each, void *data, GError **error)
{
	DIR *list = list_folder(blobs->folder);
	if (!list)
		return berth_error_set_errno(error, errno, "list the blobs");
	for (struct dirent *entry; (entry = readdir(list));) {
		g_autofree char *digest = g_strconcat("sha256:", entry->d_name, NULL);
		struct stat status;
		if (berth_digest_valid(digest) &&
		    fstatat(blobs->folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !each(data, digest, status.st_size))
			break;
	}
	closedir(list);
	return true;
}
