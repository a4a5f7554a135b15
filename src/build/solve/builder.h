// SPDX-License-Identifier: Apache-2.0
// What the builds of a builder share.
//
// Locks, in the order in which they are taken: a build's `lock`, the builder's `naming`, the database's. `telling`,
// `flying`, `holding` and `opening` are held around nothing else of the builder, and so is the collector's.
#pragma once

#include "base/lock.h"
#include "build/build.h"
#include "image/images-internal.h"

struct berth_collector;

struct berth_builder {
	struct berth_store *store;
	struct berth_images *images;
	const struct berth_build_host *host;
	unsigned parallel;
	int work, mounts; // folders
	// Names of snapshots: a layer's snapshot gets its lasting name when it is settled. Held while one is used as a
	// parent.
	pthread_mutex_t naming;
	GPtrArray *pending; // of struct berth_build_layer, below before above: finished, not settled
	GHashTable *fresh; // key -> such a layer
	pthread_mutex_t flying;
	pthread_cond_t landed;
	GHashTable *flights; // keys of steps that run now
	pthread_mutex_t holding;
	pthread_cond_t released;
	GHashTable *failed; // snapshot -> struct berth_failed_step, borrowed: those that can be entered
	GHashTable *held; // name of a cache mount's folder -> how many use it
	GHashTable *using; // key of the cache -> how many running builds have a step of it
	pthread_mutex_t making; // a cache mount's folder
	struct berth_collector *collector;
};

struct berth_collector *berth_collector_new(void);
void berth_collector_free(struct berth_collector *collector); // ends it
// The cache has grown: it is collected when its time comes.
void berth_builder_collect(struct berth_builder *builder);
// FORBIDDEN: what the policy does not let builds have.
bool berth_builder_check_allowed(struct berth_builder *builder, const struct berth_build_request *request,
				 GError **error);
