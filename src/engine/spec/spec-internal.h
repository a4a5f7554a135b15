// SPDX-License-Identifier: Apache-2.0
// What the parts of spec.c share: each writes its sections of the OCI configuration.
#pragma once

#include "engine/plan/cdi.h"
#include "engine/plan/security.h"
#include "engine/plan/user.h"
#include "engine/spec/spec.h"

struct berth_spec {
	const struct berth_spec_input *input;
	const struct berth_container_record *record;
	const struct api_host_config *host;
	struct berth_security security;
	uint64_t capabilities; // of the container's root
	struct oci_config *config;
};

bool berth_spec_process(struct berth_spec *spec, GError **error); // spec-process.c; seccomp too
bool berth_spec_mounts(struct berth_spec *spec, GError **error); // spec-mounts.c; masked and read-only paths too
bool berth_spec_devices(struct berth_spec *spec, GError **error); // spec-devices.c; nodes and rules
bool berth_spec_resources(struct berth_spec *spec, GError **error); // spec-resources.c; rlimits too

bool berth_spec_cdi(struct berth_spec *spec, GError **error); // spec-cdi.c; after all others

// Parts of linux.resources.blockIO. The device of a path, which has to be a block device.
bool berth_spec_block_device(const char *path, int64_t *ret_major, int64_t *ret_minor, GError **error);
// From api_throttle_device and api_weight_device to OCI's; *ret is NULL where there are none.
bool berth_spec_throttles(const GPtrArray *list, GPtrArray **ret, GError **error);
bool berth_spec_weights(const GPtrArray *list, GPtrArray **ret, GError **error);

// Whether a bind of `source` (without links) can be shared, or a slave, by the text of /proc/<pid>/mountinfo.
bool berth_spec_check_propagation(const char *mountinfo, const char *source, bool shared, GError **error);

bool berth_spec_is(const char *mode, const char *value);
bool berth_spec_uses_init(const struct berth_spec *spec);

#define BERTH_SPEC_INIT_PATH "/sbin/docker-init" // in the container, where Docker has it
