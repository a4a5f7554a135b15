// SPDX-License-Identifier: Apache-2.0
// Lists of containers as text, for as long as they are true: until the engine's generation is another, and for the
// fraction of a second in which texts like "Up 3 seconds" may be late.
#pragma once

#include "engine/engine.h"

struct berth_list_cache;

struct berth_list_cache *berth_list_cache_new(void);
void berth_list_cache_free(struct berth_list_cache *cache);

// The list in the shape of a version, as it is kept or as `print` makes it now. A new reference; NULL with *error.
typedef GBytes *berth_list_print_fn(void *data, GError **error);
GBytes *berth_list_cache_get(struct berth_list_cache *cache, struct berth_engine *engine, unsigned version, bool all,
			     berth_list_print_fn *print, void *data, GError **error);
