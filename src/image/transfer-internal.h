// SPDX-License-Identifier: Apache-2.0
// What pulling and pushing share: one transfer with its progress and its end, and the things that only one of all
// transfers may do at a time.
#pragma once

#include "image/images-internal.h"
#include "image/transfer.h"

#include <pthread.h>

#define BERTH_TRANSFER_ID 12 // digits of a digest that name a layer in the progress

struct berth_transfer {
	struct berth_images *images;
	const struct berth_transfer_options *options;
	struct berth_image_name name;
	struct berth_repository *repository;
	struct berth_lease *lease;
	pthread_mutex_t telling; // one thread at a time tells of progress
	pthread_mutex_t lock; // of `failure` and of what the threads of the transfer share
	pthread_cond_t changed;
	GError *failure; // the first one
};

// Parses the name and readies the client (it speaks to nobody yet).
bool berth_transfer_begin(struct berth_transfer *transfer, struct berth_images *images, const char *name, bool push,
			  const struct berth_transfer_options *options, GError **error);
void berth_transfer_end(struct berth_transfer *transfer);
// Takes the failure over, if it is the first, and makes all others of the transfer end.
void berth_transfer_fail(struct berth_transfer *transfer, GError *failure);
// Whether there is a failure or nobody wants the transfer any more: a berth_canceled_fn.
bool berth_transfer_stopped(void *transfer);
// The same as an error: BERTH_ERROR_CANCELED.
bool berth_transfer_check(struct berth_transfer *transfer, GError **error);

// Runs `work` in up to `count` threads of that name, fewer if the system has no more; none at all is the transfer's
// failure. They end by themselves; berth_transfer_join() waits for it.
GPtrArray *berth_transfer_threads(struct berth_transfer *transfer, const char *name, guint count, GThreadFunc work,
				  void *data);
void berth_transfer_join(GPtrArray *threads); // and frees it

// transfer-progress.c
void berth_transfer_tell(struct berth_transfer *transfer, const char *id, const char *status);
// A line of a layer, with an empty detail as Docker has it.
void berth_transfer_tell_layer(struct berth_transfer *transfer, const char *id, const char *status);
// With bytes; ten in a second at most: *last (0 at first) is when it was told before.
void berth_transfer_tell_bytes(struct berth_transfer *transfer, const char *id, const char *status, int64_t current,
			       int64_t total, int64_t *last);
void berth_transfer_tell_aux(struct berth_transfer *transfer, json_t *aux); // takes the reference
// "sha256:0123456789ab…" to "0123456789ab".
void berth_transfer_short_id(const char *digest, char id[BERTH_TRANSFER_ID + 1]);

// flights.c. What is being fetched or unpacked: who comes second waits for the first, then looks again.
struct berth_flights *berth_flights_new(void);
void berth_flights_free(struct berth_flights *flights);
// Waits until nobody else has `kind` and `id`. False, with BERTH_ERROR_CANCELED, when the transfer is stopped.
bool berth_flight_begin(struct berth_transfer *transfer, const char *kind, const char *id, GError **error);
void berth_flight_end(struct berth_transfer *transfer, const char *kind, const char *id);

// fetch.c. Makes the blob be in the store. `reading` (may be NULL) is given a reader of what comes, each time that the
// fetching begins (from the start again when what was there from before turns out to be damaged).
struct berth_fetch {
	const struct oci_descriptor *descriptor;
	berth_transfer_fn *progress; // may be NULL
	void (*reading)(void *data, struct berth_ingest_reader *reader);
	void (*fetched)(void *data); // all bytes are here; they are checked next. May be NULL
	void *data;
};
bool berth_transfer_fetch(struct berth_transfer *transfer, struct berth_repository *from,
			  const struct berth_fetch *fetch, GError **error);
// The size of a blob that is here, or -1. A manifest that says another one is false, whatever its digest.
int64_t berth_transfer_size_here(struct berth_transfer *transfer, const char *digest);

// pull-layers.c. Fetches and unpacks the manifest's layers. Returns a new array of struct berth_image_layer.
GPtrArray *berth_pull_layers(struct berth_transfer *transfer, const struct oci_manifest *manifest,
			     char *const *diff_ids, GError **error);

// compress.c. Layers that are kept plain get compressed blobs, unless the image is known to a registry as it is: the
// record's manifest and layers are changed, here and in the database; the image's id stays. `names` are the image's.
bool berth_push_compress(struct berth_transfer *transfer, const char *id, char *const *names,
			 struct berth_image_record *record, GError **error);

// push-layers.c. Brings the blobs of a manifest into the repository. `diff_ids` name the layers in the progress; may be
// NULL: then nothing is told.
bool berth_push_blobs(struct berth_transfer *transfer, const struct oci_manifest *manifest, char *const *diff_ids,
		      GError **error);

// manifest-fetch.c. The manifest or index with that digest, from the store or else from the registry, and then into the
// store. `resolved` (may be NULL) may have its text already.
char *berth_transfer_document(struct berth_transfer *transfer, const char *digest,
			      const struct berth_manifest *resolved, size_t *ret_length, GError **error);
