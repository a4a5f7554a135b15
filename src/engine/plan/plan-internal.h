// SPDX-License-Identifier: Apache-2.0
// What the parts of planning share. Each part checks one subject of the request and writes what it comes to into the
// record; none of them makes anything.
#pragma once

#include "engine/plan/abilities.h"
#include "engine/plan/plan.h"

struct berth_plan {
	const struct berth_plan_input *input;
	const struct berth_abilities *given; // the host's abilities; NULL: those of this host, when they are asked for
	struct berth_abilities own;
	bool loaded; // of this host
	struct berth_container_record *record;
	struct api_container_config *config; // the record's
	struct api_host_config *host; // the record's
	GPtrArray *warnings;
	bool mode_given; // of the network
};

// To find them out means to read a dozen files of the kernel, and most requests do not depend on them.
const struct berth_abilities *berth_plan_abilities(struct berth_plan *plan);

void berth_plan_warn(struct berth_plan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

// plan-health.c. Merges the image's check (may be NULL) into the request's.
bool berth_plan_healthcheck(struct berth_plan *plan, const struct oci_healthcheck *image, GError **error);

bool berth_plan_config(struct berth_plan *plan, GError **error); // plan-config.c
bool berth_plan_network(struct berth_plan *plan, GError **error); // plan-network.c; part of the next
bool berth_plan_restart(struct api_host_config *host, GError **error); // part of it
bool berth_plan_host(struct berth_plan *plan, GError **error); // plan-host.c
bool berth_plan_resources(struct berth_plan *plan, GError **error); // plan-resources.c
bool berth_plan_mounts(struct berth_plan *plan, GError **error); // plan-mounts.c; after the configuration

// berth_plan_make() for a host with these abilities.
struct berth_container_record *berth_plan_make_for(const struct berth_plan_input *input,
						   const struct berth_abilities *abilities, char ***ret_warnings,
						   GError **error);
// Whether `text` (NULL counts as empty) has no control character: such text goes into files of lines.
bool berth_plan_is_plain(const char *text);
bool berth_plan_is_set(char *const *list);
