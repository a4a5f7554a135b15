// SPDX-License-Identifier: Apache-2.0
// What an ordinary user's container needs that its configuration may lack.
#pragma once

#include "spec/oci-runtime.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

// Gives `config` a user namespace if it has none: the container's root is the user, the ids from 1 on are the user's
// subordinate ones, by /etc/subuid and /etc/subgid. Without any (or without newuidmap and newgidmap) there is the own
// id alone.
bool berth_rootless_adapt(struct oci_config *config, GError **error);

// The ranges that `text`, in the form of /etc/subuid, gives to a user, by name (NULL: unknown) or number; as mappings
// of the ids from 1 on, a new GPtrArray of struct oci_id_mapping.
GPtrArray *berth_rootless_ranges(const char *text, const char *name, uid_t uid);
