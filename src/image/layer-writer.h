// SPDX-License-Identifier: Apache-2.0
// Bytes on their way into a layer: hashed, compressed if asked for, hashed again, written.
#pragma once

#include "image/diff.h"

struct berth_layer_writer;

struct berth_layer_writer *berth_layer_writer_new(int fd, const struct berth_layer_diff_options *options);
void berth_layer_writer_free(struct berth_layer_writer *writer);
bool berth_layer_writer_add(struct berth_layer_writer *writer, const void *data, size_t length, GError **error);
bool berth_layer_writer_zeros(struct berth_layer_writer *writer, int64_t length, GError **error);
bool berth_layer_writer_finish(struct berth_layer_writer *writer, struct berth_layer_diff *ret, GError **error);

typedef struct berth_layer_writer berth_layer_writer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_layer_writer, berth_layer_writer_free)
