// SPDX-License-Identifier: Apache-2.0
// The rows of `ps`, `images` and `volume ls`, which `system df --verbose` has, too.
#pragma once

#include "cli/listing.h"

extern const struct berth_listing berth_container_listing, berth_image_listing, berth_volume_listing;

struct berth_row_manner {
	bool whole; // long texts are not cut
	bool brief; // of a container only the columns of its default table
	bool colours; // the status has them
	bool usage; // about the disk: an image has one row, a container's size is its own alone
};

// Rows of what the engine told of containers and images (of an image one for each of its names). NULL with *error.
json_t *berth_container_rows(const json_t *containers, const struct berth_row_manner *manner, GError **error);
json_t *berth_image_rows(const json_t *images, const struct berth_row_manner *manner, GError **error);
json_t *berth_volume_rows(const json_t *volumes);

// builder.c. `whole`: ids are not cut.
extern const struct berth_listing berth_build_cache_listing;
json_t *berth_build_cache_rows(const json_t *records, bool whole);
