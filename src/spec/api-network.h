// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of networks, and of the endpoints by which containers are in them.
#pragma once

#include "base/document.h"

struct api_ipam_config {
	char *ipv4_address;
	char *ipv6_address;
	json_t *link_local_ips;
};
extern const struct berth_document api_ipam_config_document;

struct api_endpoint_settings {
	struct api_ipam_config *ipam_config;
	char **links;
	char **aliases;
	char *mac_address;
	GHashTable *driver_opts;
	char *network_id;
	char *endpoint_id;
	char *gateway;
	char *ip_address;
	int64_t ip_prefix_len;
	char *ipv6_gateway;
	char *global_ipv6_address;
	int64_t global_ipv6_prefix_len;
	char **dns_names;
	int64_t gw_priority; // of API 1.48: the highest gives the default gateway
};
extern const struct berth_document api_endpoint_settings_document;

struct api_networking_config {
	GHashTable *endpoints_config; // of struct api_endpoint_settings by name
};
extern const struct berth_document api_networking_config_document;

struct api_network_summary {
	char *name;
	char *id;
	char *created;
	char *scope;
	char *driver;
	bool enable_ipv4;
	bool enable_ipv6;
	json_t *ipam;
	bool internal;
	bool attachable;
	bool ingress;
	json_t *config_from;
	bool config_only;
	json_t *containers;
	GHashTable *options;
	GHashTable *labels;
};
extern const struct berth_document api_network_summary_document;

struct api_ipam_pool {
	char *subnet;
	char *ip_range;
	char *gateway;
	GHashTable *auxiliary_addresses; // name -> address
};
extern const struct berth_document api_ipam_pool_document;

struct api_ipam {
	char *driver;
	GHashTable *options;
	GPtrArray *config; // of struct api_ipam_pool
};
extern const struct berth_document api_ipam_document;

struct api_config_reference {
	char *network;
};
extern const struct berth_document api_config_reference_document;

// The body of POST /networks/create.
struct api_network_create {
	char *name;
	bool check_duplicate; // names are unique always
	char *driver;
	char *scope;
	int enable_ipv4; // -1: not said
	int enable_ipv6;
	struct api_ipam *ipam;
	bool internal;
	bool attachable;
	bool ingress;
	bool config_only;
	struct api_config_reference *config_from;
	GHashTable *options;
	GHashTable *labels;
};
extern const struct berth_document api_network_create_document;

struct api_network_created {
	char *id;
	char *warning;
};
extern const struct berth_document api_network_created_document;

// A container as the inspection of a network shows it.
struct api_network_container {
	char *name;
	char *endpoint_id;
	char *mac_address;
	char *ipv4_address; // with prefix length
	char *ipv6_address;
};
extern const struct berth_document api_network_container_document;

// Bodies of POST /networks/{id}/connect and disconnect.
struct api_network_connect {
	char *container;
	struct api_endpoint_settings *endpoint_config;
};
extern const struct berth_document api_network_connect_document;

struct api_network_disconnect {
	char *container;
	bool force;
};
extern const struct berth_document api_network_disconnect_document;

struct api_network_prune_report {
	char **networks_deleted; // names
};
extern const struct berth_document api_network_prune_report_document;

BERTH_DOCUMENT_AUTOPTR(api_ipam_config, api_ipam_config_document)
BERTH_DOCUMENT_AUTOPTR(api_endpoint_settings, api_endpoint_settings_document)
BERTH_DOCUMENT_AUTOPTR(api_networking_config, api_networking_config_document)
BERTH_DOCUMENT_AUTOPTR(api_network_summary, api_network_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_ipam_pool, api_ipam_pool_document)
BERTH_DOCUMENT_AUTOPTR(api_ipam, api_ipam_document)
BERTH_DOCUMENT_AUTOPTR(api_network_create, api_network_create_document)
BERTH_DOCUMENT_AUTOPTR(api_network_created, api_network_created_document)
BERTH_DOCUMENT_AUTOPTR(api_network_container, api_network_container_document)
BERTH_DOCUMENT_AUTOPTR(api_network_connect, api_network_connect_document)
BERTH_DOCUMENT_AUTOPTR(api_network_disconnect, api_network_disconnect_document)
BERTH_DOCUMENT_AUTOPTR(api_network_prune_report, api_network_prune_report_document)
