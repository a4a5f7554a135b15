// SPDX-License-Identifier: Apache-2.0
// OCI's linux.resources as cgroup values: one table says for each limit its file on v1, its file on v2 and how the
// number converts (specification "Linux Control groups"; the conversions are those of runc and crun, so that a limit
// means the same everywhere).
#pragma once

#include "spec/oci-runtime.h"
#include "sys/cgroup.h"

// Writes all limits. A limit whose controller is not there is an error that names both, unless it asks for what holds
// anyway (unlimited). What is not given is left as it is; but without `update` devices are denied, except for the
// default ones, where no rule is given. `resources` may be NULL.
bool berth_resources_apply(const struct oci_resources *resources, const struct berth_cgroup *cgroup, bool update,
			   void (*warn)(void *data, const char *message), void *data, GError **error);

// The controllers (v2's names) that the limits need; a new array, empty where none is asked for. Device rules need
// none.
char **berth_resources_controllers(const struct oci_resources *resources);
