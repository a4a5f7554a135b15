// SPDX-License-Identifier: Apache-2.0
// Blobs: immutable files named by their digest, <root>/blobs/sha256/<hex>. A blob is written under a reference of the
// caller's choice, is invisible until it is committed with its digest and size, and can be resumed when the writing was
// interrupted. After a crash a blob is whole and synced, or not there.
//
// Any thread may use them. Two writers of one reference: the second gets BERTH_ERROR_CONFLICT.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BERTH_DIGEST_SIZE 72 // of "sha256:<64 hex>" and its NUL

struct berth_blobs;
struct berth_ingest;

// Opens or makes <root_folder>/blobs.
struct berth_blobs *berth_blobs_open(const char *root_folder, GError **error);
void berth_blobs_free(struct berth_blobs *blobs);

// Begins or resumes the writing under `reference` (any text). *ret_offset (may be NULL) says how many bytes are there
// already: writing goes on behind them. `reference` NULL: what nobody can resume, and is gone after a crash.
struct berth_ingest *berth_blob_ingest(struct berth_blobs *blobs, const char *reference, int64_t *ret_offset,
				       GError **error);
bool berth_ingest_write(struct berth_ingest *ingest, const void *data, size_t length, GError **error);
int64_t berth_ingest_size(const struct berth_ingest *ingest); // bytes that are there
// For who hashes what he writes himself: called with NULL before the first write nothing is hashed here, and after the
// last one `digest` is taken for what was written.
void berth_ingest_vouch(struct berth_ingest *ingest, const char *digest);
// Makes the blob visible. `digest` NULL: whatever it is; `size` -1: any. A mismatch is BERTH_ERROR_INVALID and drops
// what was written. A blob that exists already is fine. *ret_digest (may be NULL) is the caller's. The ingest is freed
// in any case.
bool berth_ingest_commit(struct berth_ingest *ingest, const char *digest, int64_t size, char **ret_digest,
			 GError **error);
// Ends the writing; `keep` leaves what is there for a later resume.
void berth_ingest_abort(struct berth_ingest *ingest, bool keep);

// Reads what is being written, from its start, while the writer goes on: what is there at once, then what comes. A
// reader may be on another thread, and outlive the ingest: after a commit it reads to the end; after an abort, or when
// the commit found the digest to be another one, it fails with that as the reason. Until the end nothing that was read
// is known to be what its digest says; that the blob is on the disk is what the commit's success says.
struct berth_ingest_reader;
struct berth_ingest_reader *berth_ingest_reader_new(struct berth_ingest *ingest);
void berth_ingest_reader_free(struct berth_ingest_reader *reader);
// Up to `size` bytes, 0 at the end, -1 with *error. Waits. berth_ingest_reader_cancel() (any thread) ends the waiting
// with BERTH_ERROR_CANCELED.
gssize berth_ingest_reader_read(struct berth_ingest_reader *reader, void *data, size_t size, GError **error);
void berth_ingest_reader_cancel(struct berth_ingest_reader *reader);

// Writes a small blob in one go; returns its digest (the caller's) or NULL.
char *berth_blob_put(struct berth_blobs *blobs, const void *data, size_t length, GError **error);
// Opens for reading; *ret_size may be NULL. BERTH_ERROR_NOT_FOUND names the digest; a digest of wrong form is
// BERTH_ERROR_INVALID.
int berth_blob_open(struct berth_blobs *blobs, const char *digest, int64_t *ret_size, GError **error);
// Reads a whole small blob, checking its digest; the caller frees it.
char *berth_blob_read(struct berth_blobs *blobs, const char *digest, size_t limit, size_t *ret_length, GError **error);
bool berth_blob_exists(struct berth_blobs *blobs, const char *digest);
// Removes it; missing is fine. Only garbage collection calls this.
bool berth_blob_remove(struct berth_blobs *blobs, const char *digest, GError **error);
typedef bool berth_blob_fn(void *data, const char *digest, int64_t size);
bool berth_blob_each(struct berth_blobs *blobs, berth_blob_fn *each, void *data, GError **error);

// "sha256:<64 lower-case hex digits>" and nothing else.
bool berth_digest_valid(const char *digest);
// Hashing as a stream: new, any number of updates, then the text into `digest` (BERTH_DIGEST_SIZE bytes).
struct berth_hash;
struct berth_hash *berth_hash_new(void);
void berth_hash_update(struct berth_hash *hash, const void *data, size_t length);
void berth_hash_digest(struct berth_hash *hash, char *digest); // and frees it
void berth_hash_free(struct berth_hash *hash);

typedef struct berth_hash berth_hash;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_hash, berth_hash_free)
