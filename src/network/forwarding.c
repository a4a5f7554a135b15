// SPDX-License-Identifier: Apache-2.0
// A network that leads out of the host needs the host to forward packets. It is switched on when the first such network
// is made, and stays on: nobody can tell who else relies on it by then.
#include "network/network-internal.h"

#include <dirent.h>

#define CONF6 "/proc/sys/net/ipv6/conf"

// An interface that forwards heeds router advertisements with accept_ra 2 only: what had its default route by them
// would lose it.
static bool keep_advertisements(GError **error)
{
	DIR *folder = opendir(CONF6);
	bool kept = true;

	if (!folder)
		return true;
	for (struct dirent *entry; kept && (entry = readdir(folder));) {
		if (entry->d_name[0] == '.' || g_str_equal(entry->d_name, "all") ||
		    g_str_equal(entry->d_name, "default"))
			continue;
		g_autofree char *accept = g_strdup_printf("ipv6/conf/%s/accept_ra", entry->d_name);
		g_autofree char *forwarding = g_strdup_printf("ipv6/conf/%s/forwarding", entry->d_name);
		g_autofree char *accepts = berth_links__read_setting(accept);
		g_autofree char *forwards = berth_links__read_setting(forwarding);
		if (g_strcmp0(accepts, "1") == 0 && g_strcmp0(forwards, "0") == 0)
			kept = berth_links__write_setting(accept, "2", error);
	}
	closedir(folder);
	return kept;
}

static bool forward4(GError **error)
{
	g_autofree char *now = berth_links__read_setting("ipv4/ip_forward");

	return g_strcmp0(now, "1") == 0 || berth_links__write_setting("ipv4/ip_forward", "1", error);
}

static bool forward6(GError **error)
{
	g_autofree char *now = berth_links__read_setting("ipv6/conf/all/forwarding");

	if (g_strcmp0(now, "1") == 0)
		return true;
	return keep_advertisements(error) && berth_links__write_setting("ipv6/conf/default/forwarding", "1", error) &&
	       berth_links__write_setting("ipv6/conf/all/forwarding", "1", error);
}

bool berth_network__forward(bool ipv4, bool ipv6, GError **error)
{
	return (!ipv4 || forward4(error)) && (!ipv6 || forward6(error));
}
