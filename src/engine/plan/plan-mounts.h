// SPDX-License-Identifier: Apache-2.0
// What plan-mounts.c and plan-mount-objects.c share.
#pragma once

#include "engine/plan/plan-internal.h"

extern const char *const berth_plan__propagations[]; // that may be asked for; NULL-terminated
bool berth_plan__mount_objects(struct berth_plan *plan, GError **error); // the request's "Mounts"

// Adds a mount of this type there; the caller fills it in.
struct berth_container_mount *berth_plan__mount_add(struct berth_plan *plan, const char *type, const char *destination,
						    GError **error);
// Read-only goes down to the mounts beneath, unless that was asked not to be.
void berth_plan__mount_bind_options(struct berth_container_mount *mount, const char *propagation, bool recursive,
				    bool read_only_recursive);
// Adds a volume, which is made with the container if it is not there; `name` may be NULL.
struct berth_container_mount *berth_plan__mount_volume(struct berth_plan *plan, const char *name,
						       const char *destination, bool read_only, GError **error);
// One option of a tmpfs, checked; its defaults, which options go before.
bool berth_plan__tmpfs_option(struct berth_container_mount *mount, GStrvBuilder *options, const char *option,
			      GError **error);
GStrvBuilder *berth_plan__tmpfs_defaults(void);
