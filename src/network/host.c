// SPDX-License-Identifier: Apache-2.0
// The drivers that make no interface: `host`, whose containers are in the host's own network namespace, and `null`,
// whose containers have nothing but their loopback interface.
#include "network/network-internal.h"

#include "base/error.h"

static bool check(G_GNUC_UNUSED struct berth_networks *networks, struct berth_network *network, GError **error)
{
	return network->predefined ||
	       berth_error_set(error, BERTH_ERROR_FORBIDDEN, "only one instance of \"%s\" network is allowed",
			       network->driver);
}

static bool nothing(G_GNUC_UNUSED struct berth_networks *networks, G_GNUC_UNUSED const struct berth_network *network,
		    G_GNUC_UNUSED GError **error)
{
	return true;
}

static bool attach_nothing(G_GNUC_UNUSED struct berth_networks *networks,
			   G_GNUC_UNUSED const struct berth_network *network,
			   G_GNUC_UNUSED struct berth_endpoint *endpoint, G_GNUC_UNUSED struct berth_sandbox *sandbox,
			   G_GNUC_UNUSED GError **error)
{
	return true;
}

static bool detach_nothing(G_GNUC_UNUSED struct berth_networks *networks,
			   G_GNUC_UNUSED const struct berth_network *network,
			   G_GNUC_UNUSED const struct berth_endpoint *endpoint,
			   G_GNUC_UNUSED struct berth_sandbox *sandbox, G_GNUC_UNUSED GError **error)
{
	return true;
}

const struct berth_network_driver berth_network_host = {
	.name = "host",
	.shares_host = true,
	.check = check,
	.up = nothing,
	.down = nothing,
	.attach = attach_nothing,
	.detach = detach_nothing,
};

const struct berth_network_driver berth_network_null = {
	.name = "null",
	.check = check,
	.up = nothing,
	.down = nothing,
	.attach = attach_nothing,
	.detach = detach_nothing,
};
