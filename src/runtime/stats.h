// SPDX-License-Identifier: Apache-2.0
// The counters of a group as a document. What the kernel or the layout does not have is absent or 0.
#pragma once

#include "spec/oci-stats.h"
#include "sys/cgroup.h"

struct oci_stats *berth_stats_read(const struct berth_cgroup *cgroup);
