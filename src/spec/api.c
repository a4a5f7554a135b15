// SPDX-License-Identifier: Apache-2.0
#include "spec/api.h"

static const struct berth_field error_fields[] = {
	BERTH_STRING(struct api_error, message, "message", BERTH_REQUIRED),
	{0},
};
const struct berth_document api_error_document = {"error", sizeof(struct api_error), error_fields};

static const struct berth_field container_config_fields[] = {
	BERTH_STRING(struct api_container_config, hostname, "Hostname", 0),
	BERTH_STRING(struct api_container_config, domainname, "Domainname", 0),
	BERTH_STRING(struct api_container_config, user, "User", 0),
	BERTH_BOOL(struct api_container_config, attach_stdin, "AttachStdin", 0),
	BERTH_BOOL(struct api_container_config, attach_stdout, "AttachStdout", 0),
	BERTH_BOOL(struct api_container_config, attach_stderr, "AttachStderr", 0),
	BERTH_SET(struct api_container_config, exposed_ports, "ExposedPorts", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_container_config, tty, "Tty", 0),
	BERTH_BOOL(struct api_container_config, open_stdin, "OpenStdin", 0),
	BERTH_BOOL(struct api_container_config, stdin_once, "StdinOnce", 0),
	BERTH_STRINGS(struct api_container_config, env, "Env", 0),
	BERTH_STRINGS(struct api_container_config, cmd, "Cmd", BERTH_OR_STRING | BERTH_NULL_EMPTY),
	BERTH_OBJECT(struct api_container_config, healthcheck, "Healthcheck", &api_healthcheck_document,
		     BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_container_config, args_escaped, "ArgsEscaped", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_container_config, image, "Image", 0),
	BERTH_SET(struct api_container_config, volumes, "Volumes", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_container_config, working_dir, "WorkingDir", 0),
	BERTH_STRINGS(struct api_container_config, entrypoint, "Entrypoint", BERTH_OR_STRING | BERTH_NULL_EMPTY),
	BERTH_BOOL(struct api_container_config, network_disabled, "NetworkDisabled", BERTH_OMIT_EMPTY),
	{
		.name = "MacAddress",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_container_config, mac_address),
		.flags = BERTH_OMIT_EMPTY,
		.until = 143,
	},
	BERTH_STRINGS(struct api_container_config, on_build, "OnBuild", BERTH_NULL_EMPTY),
	BERTH_MAP(struct api_container_config, labels, "Labels", 0),
	BERTH_STRING(struct api_container_config, stop_signal, "StopSignal", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_container_config, stop_timeout, "StopTimeout", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct api_container_config, shell, "Shell", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_container_config_document = {"Config", sizeof(struct api_container_config),
							     container_config_fields};

static const struct berth_field healthcheck_fields[] = {
	BERTH_STRINGS(struct api_healthcheck, test, "Test", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_healthcheck, interval, "Interval", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_healthcheck, timeout, "Timeout", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_healthcheck, start_period, "StartPeriod", BERTH_OMIT_EMPTY),
	{
		.name = "StartInterval",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_healthcheck, start_interval),
		.flags = BERTH_OMIT_EMPTY,
		.since = 144,
	},
	BERTH_INT64(struct api_healthcheck, retries, "Retries", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_healthcheck_document = {"healthcheck", sizeof(struct api_healthcheck),
							healthcheck_fields};

static const struct berth_field log_config_fields[] = {
	BERTH_STRING(struct api_log_config, type, "Type", 0),
	BERTH_MAP(struct api_log_config, config, "Config", 0),
	{0},
};
const struct berth_document api_log_config_document = {"LogConfig", sizeof(struct api_log_config), log_config_fields};

static const struct berth_field restart_policy_fields[] = {
	BERTH_STRING(struct api_restart_policy, name, "Name", 0),
	BERTH_INT64(struct api_restart_policy, maximum_retry_count, "MaximumRetryCount", 0),
	{0},
};
const struct berth_document api_restart_policy_document = {"RestartPolicy", sizeof(struct api_restart_policy),
							   restart_policy_fields};

static const struct berth_field port_binding_fields[] = {
	BERTH_STRING(struct api_port_binding, host_ip, "HostIp", 0),
	BERTH_STRING(struct api_port_binding, host_port, "HostPort", 0),
	{0},
};
const struct berth_document api_port_binding_document = {"port binding", sizeof(struct api_port_binding),
							 port_binding_fields};

static const struct berth_field ulimit_fields[] = {
	BERTH_STRING(struct api_ulimit, name, "Name", 0),
	BERTH_INT64(struct api_ulimit, soft, "Soft", 0),
	BERTH_INT64(struct api_ulimit, hard, "Hard", 0),
	{0},
};
const struct berth_document api_ulimit_document = {"ulimit", sizeof(struct api_ulimit), ulimit_fields};

static const struct berth_field device_mapping_fields[] = {
	BERTH_STRING(struct api_device_mapping, path_on_host, "PathOnHost", 0),
	BERTH_STRING(struct api_device_mapping, path_in_container, "PathInContainer", 0),
	BERTH_STRING(struct api_device_mapping, cgroup_permissions, "CgroupPermissions", 0),
	{0},
};
const struct berth_document api_device_mapping_document = {"device mapping", sizeof(struct api_device_mapping),
							   device_mapping_fields};

static const struct berth_field weight_device_fields[] = {
	BERTH_STRING(struct api_weight_device, path, "Path", 0),
	BERTH_INT64(struct api_weight_device, weight, "Weight", 0),
	{0},
};
const struct berth_document api_weight_device_document = {"weight device", sizeof(struct api_weight_device),
							  weight_device_fields};

static const struct berth_field throttle_device_fields[] = {
	BERTH_STRING(struct api_throttle_device, path, "Path", 0),
	BERTH_INT64(struct api_throttle_device, rate, "Rate", 0),
	{0},
};
const struct berth_document api_throttle_device_document = {"throttle device", sizeof(struct api_throttle_device),
							    throttle_device_fields};

static const struct berth_field bind_options_fields[] = {
	BERTH_STRING(struct api_bind_options, propagation, "Propagation", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_bind_options, non_recursive, "NonRecursive", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_bind_options, create_mountpoint, "CreateMountpoint", BERTH_OMIT_EMPTY),
	{
		.name = "ReadOnlyNonRecursive",
		.type = BERTH_FIELD_BOOL,
		.offset = offsetof(struct api_bind_options, read_only_non_recursive),
		.flags = BERTH_OMIT_EMPTY,
		.since = 144,
	},
	{
		.name = "ReadOnlyForceRecursive",
		.type = BERTH_FIELD_BOOL,
		.offset = offsetof(struct api_bind_options, read_only_force_recursive),
		.flags = BERTH_OMIT_EMPTY,
		.since = 144,
	},
	{0},
};
const struct berth_document api_bind_options_document = {"bind options", sizeof(struct api_bind_options),
							 bind_options_fields};

static const struct berth_field volume_options_fields[] = {
	BERTH_BOOL(struct api_volume_options, no_copy, "NoCopy", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct api_volume_options, labels, "Labels", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_volume_options, driver_config, "DriverConfig", BERTH_OMIT_EMPTY),
	{
		.name = "Subpath",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_volume_options, subpath),
		.flags = BERTH_OMIT_EMPTY,
		.since = 145,
	},
	{0},
};
const struct berth_document api_volume_options_document = {"volume options", sizeof(struct api_volume_options),
							   volume_options_fields};

static const struct berth_field tmpfs_options_fields[] = {
	BERTH_INT64(struct api_tmpfs_options, size_bytes, "SizeBytes", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_tmpfs_options, mode, "Mode", BERTH_OMIT_EMPTY),
	{
		.name = "Options",
		.type = BERTH_FIELD_JSON,
		.offset = offsetof(struct api_tmpfs_options, options),
		.flags = BERTH_OMIT_EMPTY,
		.since = 146,
	},
	{0},
};
const struct berth_document api_tmpfs_options_document = {"tmpfs options", sizeof(struct api_tmpfs_options),
							  tmpfs_options_fields};

static const struct berth_field image_mount_options_fields[] = {
	BERTH_STRING(struct api_image_mount_options, subpath, "Subpath", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_mount_options_document = {"image options", sizeof(struct api_image_mount_options),
								image_mount_options_fields};

static const struct berth_field mount_fields[] = {
	BERTH_STRING(struct api_mount, type, "Type", 0),
	BERTH_STRING(struct api_mount, source, "Source", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount, target, "Target", 0),
	BERTH_BOOL(struct api_mount, read_only, "ReadOnly", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount, consistency, "Consistency", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, bind_options, "BindOptions", &api_bind_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, volume_options, "VolumeOptions", &api_volume_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, tmpfs_options, "TmpfsOptions", &api_tmpfs_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, image_options, "ImageOptions", &api_image_mount_options_document,
		     BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_mount, uid, "UID", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_mount, gid, "GID", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_mount_document = {"Mount", sizeof(struct api_mount), mount_fields};

static const struct berth_field host_config_fields[] = {
	BERTH_STRINGS(struct api_host_config, binds, "Binds", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_host_config, container_id_file, "ContainerIDFile", 0),
	BERTH_OBJECT(struct api_host_config, log_config, "LogConfig", &api_log_config_document, 0),
	BERTH_STRING(struct api_host_config, network_mode, "NetworkMode", 0),
	BERTH_MAP_OBJECTS(struct api_host_config, port_bindings, "PortBindings", &api_port_binding_document, 0),
	BERTH_OBJECT(struct api_host_config, restart_policy, "RestartPolicy", &api_restart_policy_document, 0),
	BERTH_BOOL(struct api_host_config, auto_remove, "AutoRemove", 0),
	BERTH_STRING(struct api_host_config, volume_driver, "VolumeDriver", 0),
	BERTH_STRINGS(struct api_host_config, volumes_from, "VolumesFrom", BERTH_NULL_EMPTY),
	BERTH_JSON(struct api_host_config, console_size, "ConsoleSize", BERTH_OMIT_EMPTY), // the engine fills it in
	{
		.name = "Annotations",
		.type = BERTH_FIELD_MAP,
		.offset = offsetof(struct api_host_config, annotations),
		.flags = BERTH_OMIT_EMPTY,
		.since = 143,
	},
	BERTH_STRINGS(struct api_host_config, cap_add, "CapAdd", BERTH_NULL_EMPTY),
	BERTH_STRINGS(struct api_host_config, cap_drop, "CapDrop", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_host_config, cgroupns_mode, "CgroupnsMode", 0),
	BERTH_STRINGS(struct api_host_config, dns, "Dns", 0),
	BERTH_STRINGS(struct api_host_config, dns_options, "DnsOptions", 0),
	BERTH_STRINGS(struct api_host_config, dns_search, "DnsSearch", 0),
	BERTH_STRINGS(struct api_host_config, extra_hosts, "ExtraHosts", BERTH_NULL_EMPTY),
	BERTH_STRINGS(struct api_host_config, group_add, "GroupAdd", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_host_config, ipc_mode, "IpcMode", 0),
	BERTH_STRING(struct api_host_config, cgroup, "Cgroup", 0),
	BERTH_STRINGS(struct api_host_config, links, "Links", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_host_config, oom_score_adj, "OomScoreAdj", 0),
	BERTH_STRING(struct api_host_config, pid_mode, "PidMode", 0),
	BERTH_BOOL(struct api_host_config, privileged, "Privileged", 0),
	BERTH_BOOL(struct api_host_config, publish_all_ports, "PublishAllPorts", 0),
	BERTH_BOOL(struct api_host_config, readonly_rootfs, "ReadonlyRootfs", 0),
	BERTH_STRINGS(struct api_host_config, security_opt, "SecurityOpt", BERTH_NULL_EMPTY),
	BERTH_MAP(struct api_host_config, storage_opt, "StorageOpt", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct api_host_config, tmpfs, "Tmpfs", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_host_config, uts_mode, "UTSMode", 0),
	BERTH_STRING(struct api_host_config, userns_mode, "UsernsMode", 0),
	BERTH_INT64(struct api_host_config, shm_size, "ShmSize", 0),
	BERTH_MAP(struct api_host_config, sysctls, "Sysctls", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_host_config, runtime, "Runtime", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_host_config, isolation, "Isolation", 0),
	BERTH_INT64(struct api_host_config, cpu_shares, "CpuShares", 0),
	BERTH_INT64(struct api_host_config, memory, "Memory", 0),
	BERTH_INT64(struct api_host_config, nano_cpus, "NanoCpus", 0),
	BERTH_STRING(struct api_host_config, cgroup_parent, "CgroupParent", 0),
	BERTH_INT64(struct api_host_config, blkio_weight, "BlkioWeight", 0),
	BERTH_OBJECTS(struct api_host_config, blkio_weight_device, "BlkioWeightDevice", &api_weight_device_document, 0),
	BERTH_OBJECTS(struct api_host_config, blkio_device_read_bps, "BlkioDeviceReadBps",
		      &api_throttle_device_document, 0),
	BERTH_OBJECTS(struct api_host_config, blkio_device_write_bps, "BlkioDeviceWriteBps",
		      &api_throttle_device_document, 0),
	BERTH_OBJECTS(struct api_host_config, blkio_device_read_iops, "BlkioDeviceReadIOps",
		      &api_throttle_device_document, 0),
	BERTH_OBJECTS(struct api_host_config, blkio_device_write_iops, "BlkioDeviceWriteIOps",
		      &api_throttle_device_document, 0),
	BERTH_INT64(struct api_host_config, cpu_period, "CpuPeriod", 0),
	BERTH_INT64(struct api_host_config, cpu_quota, "CpuQuota", 0),
	BERTH_INT64(struct api_host_config, cpu_realtime_period, "CpuRealtimePeriod", 0),
	BERTH_INT64(struct api_host_config, cpu_realtime_runtime, "CpuRealtimeRuntime", 0),
	BERTH_STRING(struct api_host_config, cpuset_cpus, "CpusetCpus", 0),
	BERTH_STRING(struct api_host_config, cpuset_mems, "CpusetMems", 0),
	BERTH_OBJECTS(struct api_host_config, devices, "Devices", &api_device_mapping_document, 0),
	BERTH_STRINGS(struct api_host_config, device_cgroup_rules, "DeviceCgroupRules", BERTH_NULL_EMPTY),
	BERTH_JSON(struct api_host_config, device_requests, "DeviceRequests", BERTH_NULL_EMPTY),
	{
		.name = "KernelMemory",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_host_config, kernel_memory),
		.flags = BERTH_OMIT_EMPTY,
		.until = 141,
	},
	{
		.name = "KernelMemoryTCP",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_host_config, kernel_memory_tcp),
		.flags = BERTH_OMIT_EMPTY,
		.until = 141,
	},
	BERTH_INT64(struct api_host_config, memory_reservation, "MemoryReservation", 0),
	BERTH_INT64(struct api_host_config, memory_swap, "MemorySwap", 0),
	BERTH_INT64_UNSET(struct api_host_config, memory_swappiness, "MemorySwappiness", BERTH_NULL_EMPTY),
	BERTH_TRISTATE(struct api_host_config, oom_kill_disable, "OomKillDisable", BERTH_NULL_EMPTY),
	BERTH_INT64_UNSET(struct api_host_config, pids_limit, "PidsLimit", BERTH_NULL_EMPTY),
	BERTH_OBJECTS(struct api_host_config, ulimits, "Ulimits", &api_ulimit_document, 0),
	BERTH_INT64(struct api_host_config, cpu_count, "CpuCount", 0),
	BERTH_INT64(struct api_host_config, cpu_percent, "CpuPercent", 0),
	BERTH_INT64(struct api_host_config, io_maximum_iops, "IOMaximumIOps", 0),
	BERTH_INT64(struct api_host_config, io_maximum_bandwidth, "IOMaximumBandwidth", 0),
	BERTH_OBJECTS(struct api_host_config, mounts, "Mounts", &api_mount_document, BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct api_host_config, masked_paths, "MaskedPaths", BERTH_NULL_EMPTY),
	BERTH_STRINGS(struct api_host_config, readonly_paths, "ReadonlyPaths", BERTH_NULL_EMPTY),
	BERTH_TRISTATE(struct api_host_config, init, "Init", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct api_host_config, secrets, "Secrets", &api_secret_use_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_host_config_document = {"HostConfig", sizeof(struct api_host_config),
							host_config_fields};

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

static const struct berth_field container_create_fields[] = {
	BERTH_INLINE(struct api_container_create, config, &api_container_config_document),
	BERTH_OBJECT(struct api_container_create, host_config, "HostConfig", &api_host_config_document,
		     BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_container_create, networking_config, "NetworkingConfig",
		     &api_networking_config_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_container_create_document = {"container", sizeof(struct api_container_create),
							     container_create_fields};

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

static const struct berth_field mount_point_fields[] = {
	BERTH_STRING(struct api_mount_point, type, "Type", 0),
	BERTH_STRING(struct api_mount_point, name, "Name", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount_point, source, "Source", 0),
	BERTH_STRING(struct api_mount_point, destination, "Destination", 0),
	BERTH_STRING(struct api_mount_point, driver, "Driver", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount_point, mode, "Mode", 0),
	BERTH_BOOL(struct api_mount_point, rw, "RW", 0),
	BERTH_STRING(struct api_mount_point, propagation, "Propagation", 0),
	{0},
};
const struct berth_document api_mount_point_document = {"mount point", sizeof(struct api_mount_point),
							mount_point_fields};

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

static const struct berth_field graph_driver_fields[] = {
	BERTH_STRING(struct api_graph_driver, name, "Name", 0),
	BERTH_MAP(struct api_graph_driver, data, "Data", BERTH_NULL_EMPTY),
	{0},
};
const struct berth_document api_graph_driver_document = {"graph driver", sizeof(struct api_graph_driver),
							 graph_driver_fields};

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

static const struct berth_field image_summary_fields[] = {
	BERTH_STRING(struct api_image_summary, id, "Id", 0),
	BERTH_STRING(struct api_image_summary, parent_id, "ParentId", 0),
	BERTH_STRINGS(struct api_image_summary, repo_tags, "RepoTags", 0),
	BERTH_STRINGS(struct api_image_summary, repo_digests, "RepoDigests", 0),
	BERTH_INT64(struct api_image_summary, created, "Created", 0),
	BERTH_INT64(struct api_image_summary, size, "Size", 0),
	{
		.name = "VirtualSize",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_image_summary, virtual_size),
		.flags = 0,
		.until = 143,
	},
	BERTH_INT64(struct api_image_summary, shared_size, "SharedSize", 0),
	BERTH_MAP(struct api_image_summary, labels, "Labels", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_image_summary, containers, "Containers", 0),
	{0},
};
const struct berth_document api_image_summary_document = {"image summary", sizeof(struct api_image_summary),
							  image_summary_fields};

static const struct berth_field image_rootfs_fields[] = {
	BERTH_STRING(struct api_image_rootfs, type, "Type", 0),
	BERTH_STRINGS(struct api_image_rootfs, layers, "Layers", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_rootfs_document = {"image rootfs", sizeof(struct api_image_rootfs),
							 image_rootfs_fields};

static const struct berth_field image_metadata_fields[] = {
	BERTH_STRING(struct api_image_metadata, last_tag_time, "LastTagTime", 0),
	{0},
};
const struct berth_document api_image_metadata_document = {"image metadata", sizeof(struct api_image_metadata),
							   image_metadata_fields};

static const struct berth_field image_inspect_fields[] = {
	BERTH_STRING(struct api_image_inspect, id, "Id", 0),
	BERTH_STRINGS(struct api_image_inspect, repo_tags, "RepoTags", 0),
	BERTH_STRINGS(struct api_image_inspect, repo_digests, "RepoDigests", 0),
	BERTH_STRING(struct api_image_inspect, parent, "Parent", 0),
	BERTH_STRING(struct api_image_inspect, comment, "Comment", 0),
	BERTH_STRING(struct api_image_inspect, created, "Created", BERTH_OMIT_EMPTY),
	{
		.name = "Container",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_image_inspect, container),
		.until = 144,
	},
	// Docker has it until 1.44. docker-compose 1.29 speaks the newest version and cannot do without it.
	BERTH_OBJECT(struct api_image_inspect, container_config, "ContainerConfig", &api_container_config_document, 0),
	BERTH_STRING(struct api_image_inspect, docker_version, "DockerVersion", 0),
	BERTH_STRING(struct api_image_inspect, author, "Author", 0),
	BERTH_OBJECT(struct api_image_inspect, config, "Config", &api_container_config_document, 0),
	BERTH_STRING(struct api_image_inspect, architecture, "Architecture", 0),
	BERTH_STRING(struct api_image_inspect, variant, "Variant", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_image_inspect, os, "Os", 0),
	BERTH_INT64(struct api_image_inspect, size, "Size", 0),
	{
		.name = "VirtualSize",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_image_inspect, virtual_size),
		.flags = 0,
		.until = 143,
	},
	BERTH_OBJECT(struct api_image_inspect, graph_driver, "GraphDriver", &api_graph_driver_document, 0),
	BERTH_OBJECT(struct api_image_inspect, root_fs, "RootFS", &api_image_rootfs_document, 0),
	BERTH_OBJECT(struct api_image_inspect, metadata, "Metadata", &api_image_metadata_document, 0),
	{0},
};
const struct berth_document api_image_inspect_document = {"image inspect", sizeof(struct api_image_inspect),
							  image_inspect_fields};

static const struct berth_field image_history_fields[] = {
	BERTH_STRING(struct api_image_history, id, "Id", 0),
	BERTH_INT64(struct api_image_history, created, "Created", 0),
	BERTH_STRING(struct api_image_history, created_by, "CreatedBy", 0),
	BERTH_STRINGS(struct api_image_history, tags, "Tags", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_image_history, size, "Size", 0),
	BERTH_STRING(struct api_image_history, comment, "Comment", 0),
	{0},
};
const struct berth_document api_image_history_document = {"image history", sizeof(struct api_image_history),
							  image_history_fields};

static const struct berth_field image_deleted_fields[] = {
	BERTH_STRING(struct api_image_deleted, untagged, "Untagged", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_image_deleted, deleted, "Deleted", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_deleted_document = {"image deleted", sizeof(struct api_image_deleted),
							  image_deleted_fields};

static const struct berth_field prune_report_fields[] = {
	BERTH_STRINGS(struct api_prune_report, containers_deleted, "ContainersDeleted", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct api_prune_report, images_deleted, "ImagesDeleted", &api_image_deleted_document,
		      BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_prune_report, space_reclaimed, "SpaceReclaimed", 0),
	{0},
};
const struct berth_document api_prune_report_document = {"prune report", sizeof(struct api_prune_report),
							 prune_report_fields};

static const struct berth_field component_fields[] = {
	BERTH_STRING(struct api_component, name, "Name", 0),
	BERTH_STRING(struct api_component, version, "Version", 0),
	BERTH_MAP(struct api_component, details, "Details", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_component_document = {"component", sizeof(struct api_component), component_fields};

static const struct berth_field version_platform_fields[] = {
	BERTH_STRING(struct api_version_platform, name, "Name", 0),
	{0},
};
const struct berth_document api_version_platform_document = {"version platform", sizeof(struct api_version_platform),
							     version_platform_fields};

static const struct berth_field version_fields[] = {
	BERTH_OBJECT(struct api_version, platform, "Platform", &api_version_platform_document, 0),
	BERTH_OBJECTS(struct api_version, components, "Components", &api_component_document, 0),
	BERTH_STRING(struct api_version, version, "Version", 0),
	BERTH_STRING(struct api_version, api_version, "ApiVersion", 0),
	BERTH_STRING(struct api_version, min_api_version, "MinAPIVersion", 0),
	BERTH_STRING(struct api_version, git_commit, "GitCommit", 0),
	BERTH_STRING(struct api_version, go_version, "GoVersion", 0),
	BERTH_STRING(struct api_version, os, "Os", 0),
	BERTH_STRING(struct api_version, arch, "Arch", 0),
	BERTH_STRING(struct api_version, kernel_version, "KernelVersion", 0),
	BERTH_BOOL(struct api_version, experimental, "Experimental", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_version, build_time, "BuildTime", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_version_document = {"version", sizeof(struct api_version), version_fields};

static const struct berth_field info_fields[] = {
	BERTH_STRING(struct api_info, id, "ID", 0),
	BERTH_INT64(struct api_info, containers, "Containers", 0),
	BERTH_INT64(struct api_info, containers_running, "ContainersRunning", 0),
	BERTH_INT64(struct api_info, containers_paused, "ContainersPaused", 0),
	BERTH_INT64(struct api_info, containers_stopped, "ContainersStopped", 0),
	BERTH_INT64(struct api_info, images, "Images", 0),
	BERTH_STRING(struct api_info, driver, "Driver", 0),
	BERTH_JSON(struct api_info, driver_status, "DriverStatus", 0),
	BERTH_JSON(struct api_info, plugins, "Plugins", 0),
	BERTH_BOOL(struct api_info, memory_limit, "MemoryLimit", 0),
	BERTH_BOOL(struct api_info, swap_limit, "SwapLimit", 0),
	BERTH_BOOL(struct api_info, kernel_memory_tcp, "KernelMemoryTCP", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_info, cpu_cfs_period, "CpuCfsPeriod", 0),
	BERTH_BOOL(struct api_info, cpu_cfs_quota, "CpuCfsQuota", 0),
	BERTH_BOOL(struct api_info, cpu_shares, "CPUShares", 0),
	BERTH_BOOL(struct api_info, cpu_set, "CPUSet", 0),
	BERTH_BOOL(struct api_info, pids_limit, "PidsLimit", 0),
	BERTH_BOOL(struct api_info, ipv4_forwarding, "IPv4Forwarding", 0),
	BERTH_BOOL(struct api_info, bridge_nf_iptables, "BridgeNfIptables", 0),
	BERTH_BOOL(struct api_info, bridge_nf_ip6tables, "BridgeNfIp6tables", 0),
	BERTH_BOOL(struct api_info, debug, "Debug", 0),
	BERTH_INT64(struct api_info, n_fd, "NFd", 0),
	BERTH_BOOL(struct api_info, oom_kill_disable, "OomKillDisable", 0),
	BERTH_INT64(struct api_info, n_goroutines, "NGoroutines", 0),
	BERTH_STRING(struct api_info, system_time, "SystemTime", 0),
	BERTH_STRING(struct api_info, logging_driver, "LoggingDriver", 0),
	BERTH_STRING(struct api_info, cgroup_driver, "CgroupDriver", 0),
	BERTH_STRING(struct api_info, cgroup_version, "CgroupVersion", 0),
	BERTH_INT64(struct api_info, n_events_listener, "NEventsListener", 0),
	BERTH_STRING(struct api_info, kernel_version, "KernelVersion", 0),
	BERTH_STRING(struct api_info, operating_system, "OperatingSystem", 0),
	BERTH_STRING(struct api_info, os_version, "OSVersion", 0),
	BERTH_STRING(struct api_info, os_type, "OSType", 0),
	BERTH_STRING(struct api_info, architecture, "Architecture", 0),
	BERTH_STRING(struct api_info, index_server_address, "IndexServerAddress", 0),
	BERTH_JSON(struct api_info, registry_config, "RegistryConfig", 0),
	BERTH_INT64(struct api_info, ncpu, "NCPU", 0),
	BERTH_INT64(struct api_info, mem_total, "MemTotal", 0),
	BERTH_JSON(struct api_info, generic_resources, "GenericResources", BERTH_NULL_EMPTY),
	BERTH_STRING(struct api_info, docker_root_dir, "DockerRootDir", 0),
	BERTH_STRING(struct api_info, http_proxy, "HttpProxy", 0),
	BERTH_STRING(struct api_info, https_proxy, "HttpsProxy", 0),
	BERTH_STRING(struct api_info, no_proxy, "NoProxy", 0),
	BERTH_STRING(struct api_info, name, "Name", 0),
	BERTH_STRINGS(struct api_info, labels, "Labels", 0),
	BERTH_BOOL(struct api_info, experimental_build, "ExperimentalBuild", 0),
	BERTH_STRING(struct api_info, server_version, "ServerVersion", 0),
	BERTH_JSON(struct api_info, runtimes, "Runtimes", 0),
	BERTH_STRING(struct api_info, default_runtime, "DefaultRuntime", 0),
	BERTH_JSON(struct api_info, swarm, "Swarm", 0),
	BERTH_BOOL(struct api_info, live_restore_enabled, "LiveRestoreEnabled", 0),
	BERTH_STRING(struct api_info, isolation, "Isolation", 0),
	BERTH_STRING(struct api_info, init_binary, "InitBinary", 0),
	BERTH_JSON(struct api_info, containerd_commit, "ContainerdCommit", 0),
	BERTH_JSON(struct api_info, runc_commit, "RuncCommit", 0),
	BERTH_JSON(struct api_info, init_commit, "InitCommit", 0),
	BERTH_STRINGS(struct api_info, security_options, "SecurityOptions", 0),
	BERTH_JSON(struct api_info, cdi_spec_dirs, "CDISpecDirs", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct api_info, warnings, "Warnings", 0),
	{0},
};
const struct berth_document api_info_document = {"info", sizeof(struct api_info), info_fields};

static const struct berth_field event_actor_fields[] = {
	BERTH_STRING(struct api_event_actor, id, "ID", 0),
	BERTH_MAP(struct api_event_actor, attributes, "Attributes", 0),
	{0},
};
const struct berth_document api_event_actor_document = {"event actor", sizeof(struct api_event_actor),
							event_actor_fields};

static const struct berth_field event_fields[] = {
	BERTH_STRING(struct api_event, status, "status", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_event, id, "id", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_event, from, "from", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_event, type, "Type", 0),
	BERTH_STRING(struct api_event, action, "Action", 0),
	BERTH_OBJECT(struct api_event, actor, "Actor", &api_event_actor_document, 0),
	BERTH_STRING(struct api_event, scope, "scope", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_event, time, "time", 0),
	BERTH_INT64(struct api_event, time_nano, "timeNano", 0),
	{0},
};
const struct berth_document api_event_document = {"event", sizeof(struct api_event), event_fields};

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

static const struct berth_field error_detail_fields[] = {
	BERTH_INT64(struct api_error_detail, code, "code", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_error_detail, message, "message", 0),
	{0},
};
const struct berth_document api_error_detail_document = {"error detail", sizeof(struct api_error_detail),
							 error_detail_fields};

static const struct berth_field progress_detail_fields[] = {
	BERTH_INT64(struct api_progress_detail, current, "current", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_progress_detail, total, "total", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_progress_detail_document = {"progress detail", sizeof(struct api_progress_detail),
							    progress_detail_fields};

static const struct berth_field progress_fields[] = {
	BERTH_STRING(struct api_progress, stream, "stream", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, status, "status", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_progress, progress_detail, "progressDetail", &api_progress_detail_document,
		     BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, progress, "progress", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, id, "id", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, error, "error", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_progress, error_detail, "errorDetail", &api_error_detail_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_progress, aux, "aux", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_progress_document = {"progress", sizeof(struct api_progress), progress_fields};
