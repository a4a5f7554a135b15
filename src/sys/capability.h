// SPDX-License-Identifier: Apache-2.0
// Capability sets (capabilities(7)) as bit masks, and their names as OCI and Docker write them.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient; // bit N is capability N
};

// "CAP_NET_ADMIN", "NET_ADMIN" or any case of them -> its number; -1 if there is no such capability.
int berth_capability_number(const char *name);
// Its name with CAP_; NULL beyond the last that this program knows.
const char *berth_capability_name(int number);
// The last capability of the running kernel.
int berth_capability_last(void);

// Drops from the bounding set what is not in it; to be called with CAP_SETPCAP, before the user ids change.
bool berth_capabilities_bound(const struct berth_capabilities *wanted, GError **error);
// Sets the other four sets to exactly what is asked, less what the process may not have; *ret_missing (may be NULL)
// gets those that could not be granted.
bool berth_capabilities_apply(const struct berth_capabilities *wanted, uint64_t *ret_missing, GError **error);
