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
