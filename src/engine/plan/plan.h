// SPDX-License-Identifier: Apache-2.0
// What a request to create a container comes to: the request is checked whole, merged with the image's configuration
// and given its defaults, and nothing is made. The result is the record that the engine stores.
#pragma once

#include "engine/record.h"
#include "spec/oci-image.h"

struct berth_plan_input {
	const struct api_container_create *create;
	const char *id; // the new container's, 64 hex digits
	const char *name; // valid and free, without slash
	int64_t created; // nanoseconds since 1970
	const char *image_id; // sha256:<hex>
	const struct oci_image *image;
	const GPtrArray *volumes_from; // of struct berth_container_mount: what --volumes-from brings; may be NULL
	const char *log_driver; // the engine's defaults
	char *const *log_options; // "max-size=20m"; may be NULL
	const char *cgroup_parent;
	const char *default_userns; // host or auto; NULL: host
	const char *default_network; // bridge or none; NULL: bridge
};

// Returns the record, with the state "created", which the caller frees. *ret_warnings (a new NULL-terminated array,
// maybe empty) are what the answer's Warnings say ("Your kernel does not support swap limit capabilities …"). Errors
// are BERTH_ERROR_INVALID in Docker's words ("invalid restart policy 'x'", "invalid mount config …", "No command
// specified") and BERTH_ERROR_NOT_IMPLEMENTED for what this version cannot do (devices by request …): a setting is
// honoured or refused, never dropped in silence. A bind whose
// source does not exist is made by `binds` and refused by `mounts`, as Docker does; making is the caller's.
struct berth_container_record *berth_plan_make(const struct berth_plan_input *input, char ***ret_warnings,
					       GError **error);

// Checks the limits and the restart policy of a host configuration as a whole, and gives them their defaults, as at
// create. *ret_warnings as above.
bool berth_plan_limits(struct api_host_config *host_config, char ***ret_warnings, GError **error);

// What StorageOpt says of the size of the container's own files: bytes; 0: nothing.
bool berth_plan_storage(GHashTable *options, int64_t *ret_size, GError **error);

// Whether the container's health is checked, and how: NULL if it is not. The caller frees it.
bool berth_plan_is_checked(const struct api_container_config *config);
struct berth_health_check *berth_plan_health(const struct api_container_config *config);

// Fills a configuration up with what another one says where it says nothing itself, as an image's fills a container's.
void berth_plan_fill_config(struct api_container_config *config, const struct oci_image_execution *from);
