// SPDX-License-Identifier: Apache-2.0
// The fields of the API's documents of networks.
#include "spec/api-network.h"

#define POOL struct api_ipam_pool
static const struct berth_field ipam_config_fields[] = {
	BERTH_STRING(struct api_ipam_config, ipv4_address, "IPv4Address", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_ipam_config, ipv6_address, "IPv6Address", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_ipam_config, link_local_ips, "LinkLocalIPs", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_ipam_config_document = {"ipam config", sizeof(struct api_ipam_config),
							ipam_config_fields};

static const struct berth_field endpoint_settings_fields[] = {
	BERTH_OBJECT(struct api_endpoint_settings, ipam_config, "IPAMConfig", &api_ipam_config_document,
		     BERTH_NULL_EMPTY),
	BERTH_STRINGS(struct api_endpoint_settings, links, "Links", BERTH_NULL_EMPTY),
	BERTH_STRINGS(struct api_endpoint_settings, aliases, "Aliases", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_endpoint_settings, mac_address, "MacAddress", 0),
	BERTH_MAP(struct api_endpoint_settings, driver_opts, "DriverOpts", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_endpoint_settings, network_id, "NetworkID", 0),
	BERTH_STRING(struct api_endpoint_settings, endpoint_id, "EndpointID", 0),
	BERTH_STRING(struct api_endpoint_settings, gateway, "Gateway", 0),
	BERTH_STRING(struct api_endpoint_settings, ip_address, "IPAddress", 0),
	BERTH_INT64(struct api_endpoint_settings, ip_prefix_len, "IPPrefixLen", 0),
	BERTH_STRING(struct api_endpoint_settings, ipv6_gateway, "IPv6Gateway", 0),
	BERTH_STRING(struct api_endpoint_settings, global_ipv6_address, "GlobalIPv6Address", 0),
	BERTH_INT64(struct api_endpoint_settings, global_ipv6_prefix_len, "GlobalIPv6PrefixLen", 0),
	{
		.name = "DNSNames",
		.type = BERTH_FIELD_STRINGS,
		.offset = offsetof(struct api_endpoint_settings, dns_names),
		.flags = BERTH_NULL_EMPTY,
		.since = 144,
	},
	BERTH_INT64(struct api_endpoint_settings, gw_priority, "GwPriority", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_endpoint_settings_document = {"endpoint settings", sizeof(struct api_endpoint_settings),
							      endpoint_settings_fields};

static const struct berth_field networking_config_fields[] = {
	BERTH_MAP_OBJECT(struct api_networking_config, endpoints_config, "EndpointsConfig",
			 &api_endpoint_settings_document, 0),
	{0},
};
const struct berth_document api_networking_config_document = {"networking config", sizeof(struct api_networking_config),
							      networking_config_fields};

static const struct berth_field network_summary_fields[] = {
	BERTH_STRING(struct api_network_summary, name, "Name", 0),
	BERTH_STRING(struct api_network_summary, id, "Id", 0),
	BERTH_STRING(struct api_network_summary, created, "Created", 0),
	BERTH_STRING(struct api_network_summary, scope, "Scope", 0),
	BERTH_STRING(struct api_network_summary, driver, "Driver", 0),
	{
		.name = "EnableIPv4",
		.type = BERTH_FIELD_BOOL,
		.offset = offsetof(struct api_network_summary, enable_ipv4),
		.since = 147,
	},
	BERTH_BOOL(struct api_network_summary, enable_ipv6, "EnableIPv6", 0),
	BERTH_JSON(struct api_network_summary, ipam, "IPAM", 0),
	BERTH_BOOL(struct api_network_summary, internal, "Internal", 0),
	BERTH_BOOL(struct api_network_summary, attachable, "Attachable", 0),
	BERTH_BOOL(struct api_network_summary, ingress, "Ingress", 0),
	BERTH_JSON(struct api_network_summary, config_from, "ConfigFrom", 0),
	BERTH_BOOL(struct api_network_summary, config_only, "ConfigOnly", 0),
	BERTH_JSON(struct api_network_summary, containers, "Containers", 0),
	BERTH_MAP(struct api_network_summary, options, "Options", 0),
	BERTH_MAP(struct api_network_summary, labels, "Labels", 0),
	{0},
};
const struct berth_document api_network_summary_document = {"network summary", sizeof(struct api_network_summary),
							    network_summary_fields};

static const struct berth_field ipam_pool_fields[] = {
	BERTH_STRING(POOL, subnet, "Subnet", BERTH_OMIT_EMPTY),
	BERTH_STRING(POOL, ip_range, "IPRange", BERTH_OMIT_EMPTY),
	BERTH_STRING(POOL, gateway, "Gateway", BERTH_OMIT_EMPTY),
	BERTH_MAP(POOL, auxiliary_addresses, "AuxiliaryAddresses", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_ipam_pool_document = {"IPAM config", sizeof(POOL), ipam_pool_fields};

#define IPAM struct api_ipam
static const struct berth_field ipam_fields[] = {
	BERTH_STRING(IPAM, driver, "Driver", 0),
	BERTH_MAP(IPAM, options, "Options", BERTH_NULL_EMPTY),
	BERTH_OBJECTS(IPAM, config, "Config", &api_ipam_pool_document, 0),
	{0},
};
const struct berth_document api_ipam_document = {"IPAM", sizeof(IPAM), ipam_fields};

static const struct berth_field config_reference_fields[] = {
	BERTH_STRING(struct api_config_reference, network, "Network", 0),
	{0},
};
const struct berth_document api_config_reference_document = {"config reference", sizeof(struct api_config_reference),
							     config_reference_fields};

#define CREATE struct api_network_create
static const struct berth_field network_create_fields[] = {
	BERTH_STRING(CREATE, name, "Name", 0),
	BERTH_BOOL(CREATE, check_duplicate, "CheckDuplicate", BERTH_OMIT_EMPTY),
	BERTH_STRING(CREATE, driver, "Driver", 0),
	BERTH_STRING(CREATE, scope, "Scope", BERTH_OMIT_EMPTY),
	BERTH_TRISTATE(CREATE, enable_ipv4, "EnableIPv4", BERTH_OMIT_EMPTY),
	BERTH_TRISTATE(CREATE, enable_ipv6, "EnableIPv6", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(CREATE, ipam, "IPAM", &api_ipam_document, BERTH_OMIT_EMPTY),
	BERTH_BOOL(CREATE, internal, "Internal", 0),
	BERTH_BOOL(CREATE, attachable, "Attachable", 0),
	BERTH_BOOL(CREATE, ingress, "Ingress", 0),
	BERTH_BOOL(CREATE, config_only, "ConfigOnly", 0),
	BERTH_OBJECT(CREATE, config_from, "ConfigFrom", &api_config_reference_document, BERTH_OMIT_EMPTY),
	BERTH_MAP(CREATE, options, "Options", 0),
	BERTH_MAP(CREATE, labels, "Labels", 0),
	{0},
};
const struct berth_document api_network_create_document = {"network", sizeof(CREATE), network_create_fields};

static const struct berth_field network_created_fields[] = {
	BERTH_STRING(struct api_network_created, id, "Id", 0),
	BERTH_STRING(struct api_network_created, warning, "Warning", 0),
	{0},
};
const struct berth_document api_network_created_document = {"created network", sizeof(struct api_network_created),
							    network_created_fields};

#define CONTAINER struct api_network_container
static const struct berth_field network_container_fields[] = {
	BERTH_STRING(CONTAINER, name, "Name", 0),
	BERTH_STRING(CONTAINER, endpoint_id, "EndpointID", 0),
	BERTH_STRING(CONTAINER, mac_address, "MacAddress", 0),
	BERTH_STRING(CONTAINER, ipv4_address, "IPv4Address", 0),
	BERTH_STRING(CONTAINER, ipv6_address, "IPv6Address", 0),
	{0},
};
const struct berth_document api_network_container_document = {"container of a network", sizeof(CONTAINER),
							      network_container_fields};

static const struct berth_field network_connect_fields[] = {
	BERTH_STRING(struct api_network_connect, container, "Container", 0),
	BERTH_OBJECT(struct api_network_connect, endpoint_config, "EndpointConfig", &api_endpoint_settings_document,
		     BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_network_connect_document = {"connect", sizeof(struct api_network_connect),
							    network_connect_fields};

static const struct berth_field network_disconnect_fields[] = {
	BERTH_STRING(struct api_network_disconnect, container, "Container", 0),
	BERTH_BOOL(struct api_network_disconnect, force, "Force", 0),
	{0},
};
const struct berth_document api_network_disconnect_document = {"disconnect", sizeof(struct api_network_disconnect),
							       network_disconnect_fields};

static const struct berth_field network_prune_report_fields[] = {
	BERTH_STRINGS(struct api_network_prune_report, networks_deleted, "NetworksDeleted", BERTH_NULL_EMPTY),
	{0},
};
const struct berth_document api_network_prune_report_document = {
	"prune report", sizeof(struct api_network_prune_report), network_prune_report_fields};
