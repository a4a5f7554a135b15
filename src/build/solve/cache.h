// SPDX-License-Identifier: Apache-2.0
// The records of the build cache, and who of those that want a step does it.
#pragma once

#include "build/solve/layer.h"

#define BERTH_RECORD_BUILD_CACHE "build-cache"
#define BERTH_BUILD_CACHE_TYPE "regular" // of steps' records

struct berth_cache_record {
	int64_t version;
	char *type, *description, *parent; // parent: its key
	char *digest, *diff_id, *chain_id;
	int64_t size, created, used, count; // used: nanoseconds since 1970, 0: never
};
extern const struct berth_document berth_cache_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_cache_record, berth_cache_record_document)

// The layer, a reference of the caller's, under that key on `below`; NULL with no error: there is none.
struct berth_build_layer *berth_build_cache_find(struct berth_building *building, struct berth_build_layer *below,
						 const char *key, GError **error);
// The same of what cache_from names: what is found becomes a record of the own cache.
struct berth_build_layer *berth_build_cache_import(struct berth_building *building, struct berth_build_layer *below,
						   const char *key, GError **error);
bool berth_build_cache_put(struct berth_transaction *transaction, const struct berth_build_layer *layer,
			   GError **error);
// The key that has that alias, the caller's; NULL with no error: there is none.
char *berth_build_cache_alias(struct berth_building *building, const char *alias, GError **error);
// The records that the build's `used` names are used now; counted once each.
bool berth_build_cache_used(struct berth_building *building, GError **error);
// A record that has this key, or gets it, is in use as long as the build runs.
void berth_build_cache_hold(struct berth_building *building, const char *key);
void berth_build_cache_release(struct berth_building *building);
bool berth_build_cache_is_held(struct berth_builder *builder, const char *key);

// cache-list.c: removes by each of the rules in turn, until `stopped` (may be NULL) says so.
bool berth_build_cache_apply(struct berth_builder *builder, const struct berth_build_prune *rules, size_t count,
			     const gint *stopped, char ***ret_ids, int64_t *ret_bytes, GError **error);

// flight.c: one runs a step, others wait for it. False: canceled. *ret_waited: somebody else had it.
bool berth_build_flight_begin(struct berth_building *building, const char *key, bool *ret_waited, GError **error);
void berth_build_flight_end(struct berth_builder *builder, const char *key);
