// SPDX-License-Identifier: Apache-2.0
#include "spec/api-config.h"

#include "spec/api-mount.h"
#include "spec/api-network.h"
#include "spec/api-secret.h"

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
