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

// v1's cpu.shares and blkio.weight as v2's cpu.weight and io.weight.
int64_t berth_resources_cpu_weight(int64_t shares);
int64_t berth_resources_io_weight(int64_t weight);

// The device rules with what every container may use; a new array of struct berth_device_rule, NULL on failure. Empty:
// no rules are given, and *ret_all: they end in allowing all.
GArray *berth_resources_device_rules(const struct oci_resources *resources, bool *ret_all, GError **error);
