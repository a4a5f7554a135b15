// SPDX-License-Identifier: Apache-2.0
#include "spec/api-container.h"

#include "spec/api-config.h"
#include "spec/api-image.h"
#include "spec/api-mount.h"
#include "spec/api-network.h"

static const struct berth_field container_created_fields[] = {
	BERTH_STRING(struct api_container_created, id, "Id", 0),
	BERTH_STRINGS(struct api_container_created, warnings, "Warnings", 0),
	{0},
};
const struct berth_document api_container_created_document = {"container created", sizeof(struct api_container_created),
							      container_created_fields};

static const struct berth_field container_state_fields[] = {
	BERTH_STRING(struct api_container_state, status, "Status", 0),
	BERTH_BOOL(struct api_container_state, running, "Running", 0),
	BERTH_BOOL(struct api_container_state, paused, "Paused", 0),
	BERTH_BOOL(struct api_container_state, restarting, "Restarting", 0),
	BERTH_BOOL(struct api_container_state, oom_killed, "OOMKilled", 0),
	BERTH_BOOL(struct api_container_state, dead, "Dead", 0),
	BERTH_INT64(struct api_container_state, pid, "Pid", 0),
	BERTH_INT64(struct api_container_state, exit_code, "ExitCode", 0),
	BERTH_STRING(struct api_container_state, error, "Error", 0),
	BERTH_STRING(struct api_container_state, started_at, "StartedAt", 0),
	BERTH_STRING(struct api_container_state, finished_at, "FinishedAt", 0),
	BERTH_JSON(struct api_container_state, health, "Health", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_container_state_document = {"State", sizeof(struct api_container_state),
							    container_state_fields};

static const struct berth_field network_settings_fields[] = {
	BERTH_STRING(struct api_network_settings, bridge, "Bridge", 0),
	BERTH_STRING(struct api_network_settings, sandbox_id, "SandboxID", 0),
	BERTH_STRING(struct api_network_settings, sandbox_key, "SandboxKey", 0),
	BERTH_MAP_OBJECTS(struct api_network_settings, ports, "Ports", &api_port_binding_document, 0),
	BERTH_BOOL(struct api_network_settings, hairpin_mode, "HairpinMode", 0),
	BERTH_STRING(struct api_network_settings, link_local_ipv6_address, "LinkLocalIPv6Address", 0),
	BERTH_INT64(struct api_network_settings, link_local_ipv6_prefix_len, "LinkLocalIPv6PrefixLen", 0),
	BERTH_JSON(struct api_network_settings, secondary_ip_addresses, "SecondaryIPAddresses", BERTH_NULL_EMPTY),
	BERTH_JSON(struct api_network_settings, secondary_ipv6_addresses, "SecondaryIPv6Addresses", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_network_settings, endpoint_id, "EndpointID", 0),
	BERTH_STRING(struct api_network_settings, gateway, "Gateway", 0),
	BERTH_STRING(struct api_network_settings, global_ipv6_address, "GlobalIPv6Address", 0),
	BERTH_INT64(struct api_network_settings, global_ipv6_prefix_len, "GlobalIPv6PrefixLen", 0),
	BERTH_STRING(struct api_network_settings, ip_address, "IPAddress", 0),
	BERTH_INT64(struct api_network_settings, ip_prefix_len, "IPPrefixLen", 0),
	BERTH_STRING(struct api_network_settings, ipv6_gateway, "IPv6Gateway", 0),
	BERTH_STRING(struct api_network_settings, mac_address, "MacAddress", 0),
	BERTH_MAP_OBJECT(struct api_network_settings, networks, "Networks", &api_endpoint_settings_document, 0),
	{0},
};
const struct berth_document api_network_settings_document = {"network settings", sizeof(struct api_network_settings),
							     network_settings_fields};

static const struct berth_field container_inspect_fields[] = {
	BERTH_STRING(struct api_container_inspect, id, "Id", 0),
	BERTH_STRING(struct api_container_inspect, created, "Created", 0),
	BERTH_STRING(struct api_container_inspect, path, "Path", 0),
	BERTH_STRINGS(struct api_container_inspect, args, "Args", 0),
	BERTH_OBJECT(struct api_container_inspect, state, "State", &api_container_state_document, 0),
	BERTH_STRING(struct api_container_inspect, image, "Image", 0),
	BERTH_STRING(struct api_container_inspect, resolv_conf_path, "ResolvConfPath", 0),
	BERTH_STRING(struct api_container_inspect, hostname_path, "HostnamePath", 0),
	BERTH_STRING(struct api_container_inspect, hosts_path, "HostsPath", 0),
	BERTH_STRING(struct api_container_inspect, log_path, "LogPath", 0),
	BERTH_STRING(struct api_container_inspect, name, "Name", 0),
	BERTH_INT64(struct api_container_inspect, restart_count, "RestartCount", 0),
	BERTH_STRING(struct api_container_inspect, driver, "Driver", 0),
	BERTH_STRING(struct api_container_inspect, platform, "Platform", 0),
	BERTH_STRING(struct api_container_inspect, mount_label, "MountLabel", 0),
	BERTH_STRING(struct api_container_inspect, process_label, "ProcessLabel", 0),
	BERTH_STRING(struct api_container_inspect, app_armor_profile, "AppArmorProfile", 0),
	BERTH_STRINGS(struct api_container_inspect, exec_ids, "ExecIDs", BERTH_NULL_EMPTY),
	BERTH_OBJECT(struct api_container_inspect, host_config, "HostConfig", &api_host_config_document, 0),
	BERTH_OBJECT(struct api_container_inspect, graph_driver, "GraphDriver", &api_graph_driver_document, 0),
	BERTH_INT64_UNSET(struct api_container_inspect, size_rw, "SizeRw", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_container_inspect, size_root_fs, "SizeRootFs", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct api_container_inspect, mounts, "Mounts", &api_mount_point_document, 0),
	BERTH_OBJECT(struct api_container_inspect, config, "Config", &api_container_config_document, 0),
	BERTH_OBJECT(struct api_container_inspect, network_settings, "NetworkSettings", &api_network_settings_document,
		     0),
	{0},
};
const struct berth_document api_container_inspect_document = {"container inspect", sizeof(struct api_container_inspect),
							      container_inspect_fields};

static const struct berth_field port_summary_fields[] = {
	BERTH_STRING(struct api_port_summary, ip, "IP", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_port_summary, private_port, "PrivatePort", 0),
	BERTH_INT64(struct api_port_summary, public_port, "PublicPort", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_port_summary, type, "Type", 0),
	{0},
};
const struct berth_document api_port_summary_document = {"port summary", sizeof(struct api_port_summary),
							 port_summary_fields};

static const struct berth_field host_config_summary_fields[] = {
	BERTH_STRING(struct api_host_config_summary, network_mode, "NetworkMode", 0),
	{
		.name = "Annotations",
		.type = BERTH_FIELD_MAP,
		.offset = offsetof(struct api_host_config_summary, annotations),
		.flags = BERTH_OMIT_EMPTY,
		.since = 146,
	},
	{0},
};
const struct berth_document api_host_config_summary_document = {
	"host config summary", sizeof(struct api_host_config_summary), host_config_summary_fields};

static const struct berth_field network_settings_summary_fields[] = {
	BERTH_MAP_OBJECT(struct api_network_settings_summary, networks, "Networks", &api_endpoint_settings_document, 0),
	{0},
};
const struct berth_document api_network_settings_summary_document = {
	"network settings summary", sizeof(struct api_network_settings_summary), network_settings_summary_fields};

static const struct berth_field container_summary_fields[] = {
	BERTH_STRING(struct api_container_summary, id, "Id", 0),
	BERTH_STRINGS(struct api_container_summary, names, "Names", 0),
	BERTH_STRING(struct api_container_summary, image, "Image", 0),
	BERTH_STRING(struct api_container_summary, image_id, "ImageID", 0),
	BERTH_STRING(struct api_container_summary, command, "Command", 0),
	BERTH_INT64(struct api_container_summary, created, "Created", 0),
	BERTH_OBJECTS(struct api_container_summary, ports, "Ports", &api_port_summary_document, 0),
	BERTH_INT64_UNSET(struct api_container_summary, size_rw, "SizeRw", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_container_summary, size_root_fs, "SizeRootFs", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct api_container_summary, labels, "Labels", 0),
	BERTH_STRING(struct api_container_summary, state, "State", 0),
	BERTH_STRING(struct api_container_summary, status, "Status", 0),
	BERTH_OBJECT(struct api_container_summary, host_config, "HostConfig", &api_host_config_summary_document, 0),
	BERTH_OBJECT(struct api_container_summary, network_settings, "NetworkSettings",
		     &api_network_settings_summary_document, 0),
	BERTH_OBJECTS(struct api_container_summary, mounts, "Mounts", &api_mount_point_document, 0),
	{0},
};
const struct berth_document api_container_summary_document = {"container summary", sizeof(struct api_container_summary),
							      container_summary_fields};

static const struct berth_field container_brief_fields[] = {
	BERTH_STRING(struct api_container_summary, id, "Id", 0),
	BERTH_STRINGS(struct api_container_summary, names, "Names", 0),
	BERTH_STRING(struct api_container_summary, image, "Image", 0),
	BERTH_STRING(struct api_container_summary, command, "Command", 0),
	BERTH_INT64(struct api_container_summary, created, "Created", 0),
	BERTH_OBJECTS(struct api_container_summary, ports, "Ports", &api_port_summary_document, 0),
	BERTH_STRING(struct api_container_summary, state, "State", 0),
	BERTH_STRING(struct api_container_summary, status, "Status", 0),
	{0},
};
const struct berth_document api_container_brief_document = {"container brief", sizeof(struct api_container_summary),
							    container_brief_fields};

static const struct berth_field wait_error_fields[] = {
	BERTH_STRING(struct api_wait_error, message, "Message", 0),
	{0},
};
const struct berth_document api_wait_error_document = {"wait error", sizeof(struct api_wait_error), wait_error_fields};

static const struct berth_field container_wait_fields[] = {
	BERTH_INT64(struct api_container_wait, status_code, "StatusCode", 0),
	BERTH_OBJECT(struct api_container_wait, error, "Error", &api_wait_error_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_container_wait_document = {"container wait", sizeof(struct api_container_wait),
							   container_wait_fields};

static const struct berth_field container_top_fields[] = {
	BERTH_STRINGS(struct api_container_top, titles, "Titles", 0),
	BERTH_JSON(struct api_container_top, processes, "Processes", 0),
	{0},
};
const struct berth_document api_container_top_document = {"container top", sizeof(struct api_container_top),
							  container_top_fields};

static const struct berth_field container_update_fields[] = {
	BERTH_MAP_OBJECTS(struct api_container_update, publish_add, "PublishAdd", &api_port_binding_document,
			  BERTH_OMIT_EMPTY),
	BERTH_MAP_OBJECTS(struct api_container_update, publish_rm, "PublishRm", &api_port_binding_document,
			  BERTH_OMIT_EMPTY),
	BERTH_INLINE(struct api_container_update, limits, &api_host_config_document),
	{0},
};
const struct berth_document api_container_update_document = {"container update", sizeof(struct api_container_update),
							     container_update_fields};

static const struct berth_field container_updated_fields[] = {
	BERTH_STRINGS(struct api_container_updated, warnings, "Warnings", BERTH_NULL_EMPTY),
	{0},
};
const struct berth_document api_container_updated_document = {"updated container", sizeof(struct api_container_updated),
							      container_updated_fields};
