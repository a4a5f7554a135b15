// SPDX-License-Identifier: Apache-2.0
// The documents' tables, as the database and the run folder keep them.
#include "network/network.h"

#define POOL struct berth_network_pool
static const struct berth_field pool_fields[] = {
	BERTH_STRING(POOL, subnet, "subnet", BERTH_OMIT_EMPTY),
	BERTH_STRING(POOL, range, "range", BERTH_OMIT_EMPTY),
	BERTH_STRING(POOL, gateway, "gateway", BERTH_OMIT_EMPTY),
	BERTH_MAP(POOL, auxiliary, "auxiliary", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_network_pool_document = {"network pool", sizeof(POOL), pool_fields};

#define NETWORK struct berth_network
static const struct berth_field network_fields[] = {
	BERTH_INT64(NETWORK, version, "version", BERTH_REQUIRED),
	BERTH_STRING(NETWORK, id, "id", BERTH_REQUIRED),
	BERTH_STRING(NETWORK, name, "name", BERTH_REQUIRED),
	BERTH_INT64(NETWORK, created, "created", BERTH_REQUIRED),
	BERTH_STRING(NETWORK, driver, "driver", BERTH_REQUIRED),
	BERTH_BOOL(NETWORK, predefined, "predefined", BERTH_OMIT_EMPTY),
	BERTH_BOOL(NETWORK, internal, "internal", BERTH_OMIT_EMPTY),
	BERTH_BOOL(NETWORK, attachable, "attachable", BERTH_OMIT_EMPTY),
	BERTH_BOOL(NETWORK, ipv4, "ipv4", BERTH_OMIT_EMPTY),
	BERTH_BOOL(NETWORK, ipv6, "ipv6", BERTH_OMIT_EMPTY),
	BERTH_STRING(NETWORK, ipam_driver, "ipamDriver", BERTH_OMIT_EMPTY),
	BERTH_MAP(NETWORK, ipam_options, "ipamOptions", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(NETWORK, pools, "pools", &berth_network_pool_document, BERTH_OMIT_EMPTY),
	BERTH_MAP(NETWORK, options, "options", BERTH_OMIT_EMPTY),
	BERTH_MAP(NETWORK, labels, "labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(NETWORK, interface, "interface", BERTH_OMIT_EMPTY),
	BERTH_JSON(NETWORK, state, "state", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_network_document = {"network", sizeof(NETWORK), network_fields};

#define PORT struct berth_endpoint_port
static const struct berth_field port_fields[] = {
	BERTH_STRING(PORT, protocol, "protocol", BERTH_REQUIRED),
	BERTH_STRING(PORT, host_address, "hostAddress", BERTH_OMIT_EMPTY),
	BERTH_INT64(PORT, host_port, "hostPort", BERTH_REQUIRED),
	BERTH_INT64(PORT, port, "port", BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_endpoint_port_document = {"endpoint port", sizeof(PORT), port_fields};

#define ENDPOINT struct berth_endpoint
static const struct berth_field endpoint_fields[] = {
	BERTH_STRING(ENDPOINT, id, "id", BERTH_REQUIRED),
	BERTH_STRING(ENDPOINT, network, "network", BERTH_REQUIRED),
	BERTH_STRING(ENDPOINT, network_name, "networkName", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, container, "container", BERTH_REQUIRED),
	BERTH_INT64(ENDPOINT, slot, "slot", BERTH_OMIT_EMPTY),
	BERTH_INT64(ENDPOINT, gateway_priority, "gatewayPriority", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, interface, "interface", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, host_interface, "hostInterface", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, mac, "mac", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, ipv4, "ipv4", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, ipv6, "ipv6", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, gateway, "gateway", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, gateway6, "gateway6", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, routes, "routes", BERTH_OMIT_EMPTY),
	BERTH_BOOL(ENDPOINT, is_default, "default", BERTH_OMIT_EMPTY),
	BERTH_BOOL(ENDPOINT, is_default6, "default6", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, names, "names", BERTH_OMIT_EMPTY),
	BERTH_MAP(ENDPOINT, options, "options", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(ENDPOINT, ports, "ports", &berth_endpoint_port_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(ENDPOINT, state, "state", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, dns_servers, "dnsServers", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, dns_search, "dnsSearch", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, dns_options, "dnsOptions", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, cgroup, "cgroup", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_endpoint_document = {"endpoint", sizeof(ENDPOINT), endpoint_fields};
