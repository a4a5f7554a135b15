// SPDX-License-Identifier: Apache-2.0
// How a step's snapshot becomes a layer, without waiting for the disk.
#pragma once

#include "build/solve/building.h"
#include "image/layer-archive.h"

// A layer on what is below it. The builds that use it share it.
struct berth_build_layer {
	gint references;
	struct berth_build_layer *below; // NULL: the lowest
	char *chain_id, *diff_id, *digest;
	int64_t size; // bytes of its files
	int64_t created; // nanoseconds since 1970
	char *key, *description, *parent_key; // of the cache; key NULL: of an image
	char *alias; // a name of the key; may be NULL
	// Under `naming`:
	char *snapshot; // its name now
	char *leftover; // a snapshot that is to go with the last who uses it
	struct berth_ingest *archive; // its blob, not visible yet
	GError *failure; // why it cannot become lasting; NULL: it can
};

// Any thread. Who lets the last reference go removes what was not to last (`leftover`, `archive`).
struct berth_build_layer *berth_build_layer_ref(struct berth_build_layer *layer);
void berth_build_layer_unref(struct berth_builder *builder, struct berth_build_layer *layer); // NULL is fine
// Of an image: the topmost, with all below it. NULL if there is none.
struct berth_build_layer *berth_build_layers_of(const GPtrArray *layers);
// One that is there by its chain id.
struct berth_build_layer *berth_build_layer_new(struct berth_build_layer *below, const struct berth_image_layer *from);
// Makes a writable snapshot on it (NULL: on nothing). The caller frees its id.
char *berth_build_layer_prepare(struct berth_builder *builder, struct berth_build_layer *below, GError **error);
// Mounts it, read-only, detached. A descriptor that the caller closes, or -1.
int berth_build_layer_mount(struct berth_builder *builder, struct berth_build_layer *layer, GError **error);

struct berth_build_made_by {
	const char *key, *parent_key, *description, *alias;
	int64_t epoch; // times are not later than that, in seconds; -1: as they are
};
// What is in writable snapshot `id` becomes a layer on `below`. On failure the snapshot is removed.
struct berth_build_layer *berth_build_layer_finish(struct berth_building *building, struct berth_build_layer *below,
						   const char *id, const struct berth_build_made_by *by,
						   GError **error);
// All that is finished, of all builds, becomes lasting: visible after a crash. What cannot is of no further use:
// nothing is built on it, and each build asks for its own in the end.
bool berth_builder_settle(struct berth_builder *builder, GError **error);
// Whether none of these, from the top down, failed to become lasting. NULL: there is none.
bool berth_build_layer_check(struct berth_builder *builder, const struct berth_build_layer *top, GError **error);
// How many layers it is made of. NULL: 0.
unsigned berth_build_layer_depth(const struct berth_build_layer *layer);
