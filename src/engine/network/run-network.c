// SPDX-License-Identifier: Apache-2.0
#include "engine/network/run-network.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <string.h>

#define PORT struct berth_run_port
static const struct berth_field port_fields[] = {
	BERTH_STRING(PORT, protocol, "protocol", BERTH_REQUIRED),
	BERTH_STRING(PORT, host_address, "hostAddress", BERTH_OMIT_EMPTY),
	BERTH_INT64(PORT, host_port, "hostPort", BERTH_REQUIRED),
	BERTH_STRING(PORT, address, "address", BERTH_REQUIRED),
	BERTH_INT64(PORT, port, "port", BERTH_REQUIRED),
	BERTH_STRING(PORT, bridge, "bridge", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_run_port_document = {"published port", sizeof(PORT), port_fields};

#define NETWORK struct berth_run_network
static const struct berth_field network_fields[] = {
	BERTH_INT64(NETWORK, version, "version", BERTH_REQUIRED),
	BERTH_OBJECTS(NETWORK, endpoints, "endpoints", &berth_endpoint_document, 0),
	BERTH_OBJECTS(NETWORK, ports, "ports", &berth_run_port_document, 0),
	{0},
};
const struct berth_document berth_run_network_document = {"network of a run", sizeof(NETWORK), network_fields};

bool berth_run_network_write(int run_folder, const struct berth_run_network *network, GError **error)
{
	g_autofree char *text = berth_document_print_text(&berth_run_network_document, network, 0);

	return berth_write_file_at(run_folder, BERTH_RUN_NETWORK_FILE, text, strlen(text), 0600, false, error);
}

struct berth_run_network *berth_run_network_read(int run_folder, GError **error)
{
	size_t length;
	g_autofree char *text =
		berth_read_file_at(run_folder, BERTH_RUN_NETWORK_FILE, BERTH_LIMIT_NETWORK_STATE, &length, error);
	g_autoptr(berth_run_network) network = text ? berth_document_parse_text(&berth_run_network_document, text,
										length, BERTH_RUN_NETWORK_FILE, error)
						    : NULL;

	if (network && network->version > BERTH_RUN_NETWORK_VERSION) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"%s was written by a newer version of Berth (%" G_GINT64_FORMAT ", this one knows %d)",
				BERTH_RUN_NETWORK_FILE, network->version, BERTH_RUN_NETWORK_VERSION);
		return NULL;
	}
	if (network && !network->endpoints)
		network->endpoints = berth_objects_new();
	if (network && !network->ports)
		network->ports = berth_objects_new();
	return g_steal_pointer(&network);
}
