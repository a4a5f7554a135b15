// SPDX-License-Identifier: Apache-2.0
// Compressing a stream on its way: for answers of the API whose client takes them so.
#pragma once

#include <glib.h>
#include <stdbool.h>

enum berth_deflate_kind { BERTH_DEFLATE_GZIP, BERTH_DEFLATE_RAW };
typedef bool berth_deflate_write_fn(void *data, const void *bytes, size_t length);

struct berth_deflate;
struct berth_deflate *berth_deflate_new(enum berth_deflate_kind kind, berth_deflate_write_fn *write, void *data);
void berth_deflate_free(struct berth_deflate *deflate);
// Both return false when write() did.
bool berth_deflate_add(struct berth_deflate *deflate, const void *bytes, size_t length);
bool berth_deflate_finish(struct berth_deflate *deflate);
