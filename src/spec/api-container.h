// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of containers that are there: lists, inspection, waiting, updates.
#pragma once

#include "base/document.h"
#include "spec/api-config.h"

struct api_graph_driver;

struct api_container_created {
	char *id;
	char **warnings;
};
extern const struct berth_document api_container_created_document;

struct api_container_state {
	char *status; // created running paused restarting removing exited dead
	bool running;
	bool paused;
	bool restarting;
	bool oom_killed;
	bool dead;
	int64_t pid;
	int64_t exit_code;
	char *error;
	char *started_at;
	char *finished_at;
	json_t *health;
};
extern const struct berth_document api_container_state_document;

struct api_network_settings {
	char *bridge;
	char *sandbox_id;
	char *sandbox_key;
	GHashTable *ports; // of struct api_port_binding by name
	bool hairpin_mode;
	char *link_local_ipv6_address;
	int64_t link_local_ipv6_prefix_len;
	json_t *secondary_ip_addresses;
	json_t *secondary_ipv6_addresses;
	char *endpoint_id;
	char *gateway;
	char *global_ipv6_address;
	int64_t global_ipv6_prefix_len;
	char *ip_address;
	int64_t ip_prefix_len;
	char *ipv6_gateway;
	char *mac_address;
	GHashTable *networks; // of struct api_endpoint_settings by name
};
extern const struct berth_document api_network_settings_document;

struct api_container_inspect {
	char *id;
	char *created;
	char *path;
	char **args;
	struct api_container_state *state;
	char *image; // sha256:<hex>
	char *resolv_conf_path;
	char *hostname_path;
	char *hosts_path;
	char *log_path;
	char *name; // with its leading slash
	int64_t restart_count;
	char *driver;
	char *platform;
	char *mount_label;
	char *process_label;
	char *app_armor_profile;
	char **exec_ids;
	struct api_host_config *host_config;
	struct api_graph_driver *graph_driver;
	int64_t size_rw;
	int64_t size_root_fs;
	GPtrArray *mounts; // of struct api_mount_point
	struct api_container_config *config;
	struct api_network_settings *network_settings;
};
extern const struct berth_document api_container_inspect_document;

struct api_port_summary {
	char *ip;
	int64_t private_port;
	int64_t public_port;
	char *type;
};
extern const struct berth_document api_port_summary_document;

struct api_host_config_summary {
	char *network_mode;
	GHashTable *annotations;
};
extern const struct berth_document api_host_config_summary_document;

struct api_network_settings_summary {
	GHashTable *networks; // of struct api_endpoint_settings by name
};
extern const struct berth_document api_network_settings_summary_document;

struct api_container_summary {
	char *id;
	char **names; // each with its leading slash
	char *image;
	char *image_id;
	char *command;
	int64_t created; // Unix time
	GPtrArray *ports; // of struct api_port_summary
	int64_t size_rw;
	int64_t size_root_fs;
	GHashTable *labels;
	char *state;
	char *status; // "Up 2 hours", "Exited (0) 5 seconds ago"
	struct api_host_config_summary *host_config;
	struct api_network_settings_summary *network_settings;
	GPtrArray *mounts; // of struct api_mount_point
};
extern const struct berth_document api_container_summary_document;
extern const struct berth_document api_container_brief_document; // of the same struct: what fits a line

struct api_wait_error {
	char *message;
};
extern const struct berth_document api_wait_error_document;

struct api_container_wait {
	int64_t status_code;
	struct api_wait_error *error;
};
extern const struct berth_document api_container_wait_document;

struct api_container_top {
	char **titles;
	json_t *processes; // array of arrays of strings
};
extern const struct berth_document api_container_top_document;

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

BERTH_DOCUMENT_AUTOPTR(api_container_created, api_container_created_document)
BERTH_DOCUMENT_AUTOPTR(api_container_state, api_container_state_document)
BERTH_DOCUMENT_AUTOPTR(api_network_settings, api_network_settings_document)
BERTH_DOCUMENT_AUTOPTR(api_container_inspect, api_container_inspect_document)
BERTH_DOCUMENT_AUTOPTR(api_port_summary, api_port_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_host_config_summary, api_host_config_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_network_settings_summary, api_network_settings_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_container_summary, api_container_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_wait_error, api_wait_error_document)
BERTH_DOCUMENT_AUTOPTR(api_container_wait, api_container_wait_document)
BERTH_DOCUMENT_AUTOPTR(api_container_top, api_container_top_document)
BERTH_DOCUMENT_AUTOPTR(api_container_update, api_container_update_document)
BERTH_DOCUMENT_AUTOPTR(api_container_updated, api_container_updated_document)
