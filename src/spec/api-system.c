// SPDX-License-Identifier: Apache-2.0
#include "spec/api-system.h"

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
