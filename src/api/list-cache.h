// SPDX-License-Identifier: Apache-2.0
// Lists of containers as text, for as long as they are true: until the engine's generation is another, or a text like
// "Up 3 seconds" would be (which may be a fraction of a second late).
#pragma once

#include "engine/engine.h"

struct berth_list_cache;

struct berth_list_cache *berth_list_cache_new(void);
void berth_list_cache_free(struct berth_list_cache *cache);

struct berth_list_shape {
	unsigned version;
	bool all, brief;
};

// The list in this shape, as it is kept or as `print` makes it now. A new reference; NULL with *error. `print` tells
// until when (Unix time in nanoseconds) its texts about time say what they should.
typedef GBytes *berth_list_print_fn(void *data, int64_t *ret_until, GError **error);
GBytes *berth_list_cache_get(struct berth_list_cache *cache, struct berth_engine *engine,
			     const struct berth_list_shape *shape, berth_list_print_fn *print, void *data,
			     GError **error);
