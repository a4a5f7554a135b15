// SPDX-License-Identifier: Apache-2.0
// What a container asks of one network, from a request's words. No state.
#pragma once

#include "engine/record.h"
#include "spec/api-network.h"

// A network of a user's: not bridge, host, none, default or another container's.
bool berth_network_is_own(const char *name);

// What a container is to be on a network of that name, checked; `settings` may be NULL. INVALID in Docker's words. The
// caller frees it.
struct berth_container_endpoint *berth_endpoint_wanted(const char *name, const struct api_endpoint_settings *settings,
						       GError **error);
bool berth_endpoint_set_mac(struct berth_container_endpoint *endpoint, const char *mac, GError **error);
