// SPDX-License-Identifier: Apache-2.0
// What the builder asks of its host, which src/programs fills in: processes that run, and images from and to
// registries. So the builder knows neither engine nor monitor nor network.
//
// Any thread may call these, several at once.
#pragma once

#include "distribution/registry.h"
#include "spec/api-store.h"
#include "spec/api.h"
#include "spec/build-step.h"

struct berth_build_transfer {
	const char *name, *platform; // platform NULL: this machine's
	GHashTable *credentials; // host to struct berth_credentials (distribution/registry.h); may be NULL
	void (*progress)(void *data, const struct api_progress *progress); // may be NULL
	berth_canceled_fn *canceled; // may be NULL
	void *data; // of both
};

struct berth_build_host {
	void *data;
	// What the steps of one build share: the host then need not make for each of them what one before had. It is
	// their `steps`, and ended when none of them runs. NULL: nothing is shared.
	void *(*begin)(void *data);
	void (*end)(void *data, void *steps);
	// Runs it to its end. *ret_exit_code 0-255; false: it did not run, or `canceled` (asked about every 50 ms, may
	// be NULL) said so and it was killed. Nothing of it is left then, but what it shares: no process, no mount,
	// no network; and what was made for its mounts in the snapshot (a mount point, /etc/hosts and its like) is
	// gone, too.
	bool (*run)(void *data, const struct berth_build_step *step, berth_canceled_fn *canceled, void *canceled_data,
		    int *ret_exit_code, GError **error);
	// Changes the size of the terminal of a step that runs in this snapshot.
	bool (*resize)(void *data, const char *snapshot, unsigned height, unsigned width, GError **error);
	// *ret_image: the image's id, the caller's. Tags of images of other platforms than the pulled one's stay.
	bool (*pull)(void *data, const struct berth_build_transfer *transfer, char **ret_image, GError **error);
	bool (*push)(void *data, const struct berth_build_transfer *transfer, GError **error);
	// How registries are reached; borrowed, as long as a build runs.
	struct berth_registries *(*registries)(void *data);
};
