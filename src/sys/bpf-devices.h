// SPDX-License-Identifier: Apache-2.0
// Device rules of cgroup v2 as an eBPF program, made and attached by bpf(2) alone. The program looks at the rules from
// the last to the first and takes off the wanted access bits those that a rule allows, until none is left (allowed), a
// rule denies one (denied) or the rules end (denied): for each bit the last rule counts.
#pragma once

#include "sys/cgroup.h"

#include <linux/bpf.h>

// Attaches a program for the rules to the v2 group, in the place of the one attached here before. `everything`: the
// rules allow all there is; a program that is there is detached and none attached.
bool berth_bpf_devices_attach(int cgroup_fd, const struct berth_device_rule *rules, size_t count, bool everything,
			      GError **error);
