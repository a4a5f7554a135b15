// SPDX-License-Identifier: Apache-2.0
// The networks of this version: none and host. Their ids are made of their names, so that they are the same always.
#include "engine/internal.h"

#include "base/moment.h"

char *berth_engine__network_id(const char *name)
{
	g_autofree char *text = g_strconcat("network ", name, NULL);

	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

GPtrArray *berth_engine_networks(struct berth_engine *engine, G_GNUC_UNUSED GError **error)
{
	static const struct {
		const char *name, *driver;
	} networks[] = {{"host", "host"}, {"none", "null"}};
	GPtrArray *list = g_ptr_array_new();

	(void) engine;
	for (size_t i = 0; i < G_N_ELEMENTS(networks); i++) {
		struct api_network_summary *network = berth_document_new(&api_network_summary_document);
		network->name = g_strdup(networks[i].name);
		network->id = berth_engine__network_id(networks[i].name);
		network->created = berth_moment_string(0);
		network->scope = g_strdup("local");
		network->driver = g_strdup(networks[i].driver);
		network->ipam = json_pack("{s:s, s:n, s:[]}", "Driver", "default", "Options", "Config");
		network->config_from = json_pack("{s:s}", "Network", "");
		network->containers = json_object();
		network->options = berth_map_new();
		network->labels = berth_map_new();
		g_ptr_array_add(list, network);
	}
	return list;
}
