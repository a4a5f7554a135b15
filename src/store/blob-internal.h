// SPDX-License-Identifier: Apache-2.0
// What an ingest and its readers share: how much is written, and how the writing ended.
#pragma once

#include "store/blob.h"

struct berth_tail;

// The ingest holds one reference, each reader one. `reference` is for messages.
struct berth_tail *berth_tail_new(const char *reference, int64_t size);
void berth_tail_unref(struct berth_tail *tail); // NULL is fine
void berth_tail_grow(struct berth_tail *tail, int64_t size);
// The writing ended: the content is what it should be (`failure` NULL), or why it is not. Only the first call counts.
void berth_tail_end(struct berth_tail *tail, const GError *failure);

// `fd` (taken over) is the file, opened for reading; when it is -1, reading fails with `open_errno`.
struct berth_ingest_reader *berth_ingest_reader_on(struct berth_tail *tail, int fd, int open_errno);

// Makes written blobs visible, whose content the caller has synced. All are freed.
bool berth_ingests_publish(struct berth_blobs *blobs, struct berth_ingest *const *ingests, size_t count,
			   GError **error);
// The folder that they are written in, borrowed.
int berth_blobs_folder(const struct berth_blobs *blobs);
