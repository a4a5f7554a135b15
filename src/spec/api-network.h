// SPDX-License-Identifier: Apache-2.0
// Networks in the Docker Engine API, and what is changed of a container as it runs.
#pragma once

#include "spec/api.h"

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

// The body of POST /containers/{id}/update: limits and the restart policy as in HostConfig, and Berth's own PublishAdd
// and PublishRm. Both are like HostConfig.PortBindings:
// {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}. In PublishRm an empty list (or null) means all of that port's, an
// empty HostIp or HostPort any.
struct api_container_update {
	GHashTable *publish_add; // of GPtrArray of struct api_port_binding
	GHashTable *publish_rm;
	struct api_host_config limits; // of which an update takes limits and RestartPolicy
	bool has_limits; // in no document: some of them are set
};
extern const struct berth_document api_container_update_document;

struct api_container_updated {
	char **warnings;
};
extern const struct berth_document api_container_updated_document;

BERTH_DOCUMENT_AUTOPTR(api_ipam_pool, api_ipam_pool_document)
BERTH_DOCUMENT_AUTOPTR(api_ipam, api_ipam_document)
BERTH_DOCUMENT_AUTOPTR(api_network_create, api_network_create_document)
BERTH_DOCUMENT_AUTOPTR(api_network_created, api_network_created_document)
BERTH_DOCUMENT_AUTOPTR(api_network_container, api_network_container_document)
BERTH_DOCUMENT_AUTOPTR(api_network_connect, api_network_connect_document)
BERTH_DOCUMENT_AUTOPTR(api_network_disconnect, api_network_disconnect_document)
BERTH_DOCUMENT_AUTOPTR(api_network_prune_report, api_network_prune_report_document)
BERTH_DOCUMENT_AUTOPTR(api_container_update, api_container_update_document)
BERTH_DOCUMENT_AUTOPTR(api_container_updated, api_container_updated_document)
