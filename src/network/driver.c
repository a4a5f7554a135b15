// SPDX-License-Identifier: Apache-2.0
#include "network/driver.h"

#include "plugin/plugin.h"

#include <string.h>

static const struct {
	const char *name;
	const struct berth_network_driver *driver;
} drivers[] = {
	{"bridge", &berth_network_bridge},   {"host", &berth_network_host},     {"null", &berth_network_null},
	{"macvlan", &berth_network_macvlan}, {"ipvlan", &berth_network_ipvlan}, {"cni", &berth_network_cni},
};

const struct berth_network_driver *berth_network_driver_find(const char *name, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (strcmp(drivers[i].name, name) == 0)
			return drivers[i].driver;
	return berth_plugin_name_valid(name, error) ? &berth_network_remote : NULL;
}
