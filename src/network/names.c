// SPDX-License-Identifier: Apache-2.0
// The names files, which the resolvers of all containers on a network read.
#include "network/network-internal.h"

#include "base/fd.h"
#include "spec/names.h"

#include <string.h>

char *berth_network_names_path(struct berth_networks *networks, const char *network)
{
	return g_strdup_printf("%s/%s.names", networks->run_folder, network);
}

static char *without_length(const char *address)
{
	return address ? g_strndup(address, strcspn(address, "/")) : NULL;
}

static void add_names(GArray *names, GPtrArray *texts, const struct berth_endpoint *endpoint)
{
	char *ipv4 = without_length(endpoint->ipv4), *ipv6 = without_length(endpoint->ipv6);

	g_ptr_array_add(texts, ipv4);
	g_ptr_array_add(texts, ipv6);
	for (char **name = endpoint->names; name && *name; name++) {
		struct berth_name entry = {*name, ipv4, ipv6, name == endpoint->names};
		g_array_append_val(names, entry);
	}
}

bool berth_network_write_names(struct berth_networks *networks, const char *network, const GPtrArray *endpoints,
			       GError **error)
{
	g_autoptr(GArray) names = g_array_new(FALSE, FALSE, sizeof(struct berth_name));
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network);
	g_autofree char *file = g_strdup_printf("%s.names", network);
	berth_fd folder = berth_open_folder(networks->run_folder, true, 0711, error);

	if (folder < 0)
		return false;
	for (guint i = 0; i < endpoints->len; i++)
		add_names(names, texts, endpoints->pdata[i]);
	g_autofree char *text = berth_names_print(known ? known->network->name : "",
						  (const struct berth_name *) names->data, names->len);
	return berth_write_file_at(folder, file, text, strlen(text), 0644, false, error);
}
