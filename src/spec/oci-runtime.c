// SPDX-License-Identifier: Apache-2.0
#include "spec/oci-runtime.h"

static const struct berth_field root_fields[] = {
	BERTH_STRING(struct oci_root, path, "path", BERTH_REQUIRED),
	BERTH_BOOL(struct oci_root, readonly, "readonly", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_root_document = {"root", sizeof(struct oci_root), root_fields};

static const struct berth_field mount_fields[] = {
	BERTH_STRING(struct oci_mount, destination, "destination", BERTH_REQUIRED),
	BERTH_STRING(struct oci_mount, source, "source", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_mount, type, "type", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_mount, options, "options", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_mount, uid_mappings, "uidMappings", &oci_id_mapping_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_mount, gid_mappings, "gidMappings", &oci_id_mapping_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_mount_document = {"mount", sizeof(struct oci_mount), mount_fields};

static const struct berth_field id_mapping_fields[] = {
	BERTH_INT64(struct oci_id_mapping, container_id, "containerID", 0),
	BERTH_INT64(struct oci_id_mapping, host_id, "hostID", 0),
	BERTH_INT64(struct oci_id_mapping, size, "size", 0),
	{0},
};
const struct berth_document oci_id_mapping_document = {"id mapping", sizeof(struct oci_id_mapping), id_mapping_fields};

static const struct berth_field box_fields[] = {
	BERTH_UINT64(struct oci_box, height, "height", 0),
	BERTH_UINT64(struct oci_box, width, "width", 0),
	{0},
};
const struct berth_document oci_box_document = {"box", sizeof(struct oci_box), box_fields};

static const struct berth_field user_fields[] = {
	BERTH_INT64(struct oci_user, uid, "uid", 0),
	BERTH_INT64(struct oci_user, gid, "gid", 0),
	BERTH_INT64_UNSET(struct oci_user, umask, "umask", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_user, additional_gids, "additionalGids", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_user_document = {"user", sizeof(struct oci_user), user_fields};

static const struct berth_field rlimit_fields[] = {
	BERTH_STRING(struct oci_rlimit, type, "type", BERTH_REQUIRED),
	BERTH_UINT64(struct oci_rlimit, soft, "soft", 0),
	BERTH_UINT64(struct oci_rlimit, hard, "hard", 0),
	{0},
};
const struct berth_document oci_rlimit_document = {"rlimit", sizeof(struct oci_rlimit), rlimit_fields};

static const struct berth_field capabilities_fields[] = {
	BERTH_STRINGS(struct oci_capabilities, bounding, "bounding", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_capabilities, effective, "effective", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_capabilities, inheritable, "inheritable", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_capabilities, permitted, "permitted", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_capabilities, ambient, "ambient", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_capabilities_document = {"capabilities", sizeof(struct oci_capabilities),
							 capabilities_fields};

static const struct berth_field scheduler_fields[] = {
	BERTH_STRING(struct oci_scheduler, policy, "policy", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_scheduler, nice, "nice", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_scheduler, priority, "priority", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_scheduler, flags, "flags", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_scheduler, runtime, "runtime", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_scheduler, deadline, "deadline", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_scheduler, period, "period", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_scheduler_document = {"scheduler", sizeof(struct oci_scheduler), scheduler_fields};

static const struct berth_field io_priority_fields[] = {
	BERTH_STRING(struct oci_io_priority, class, "class", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_io_priority, priority, "priority", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_io_priority_document = {"io priority", sizeof(struct oci_io_priority),
							io_priority_fields};

static const struct berth_field cpu_affinity_fields[] = {
	BERTH_STRING(struct oci_cpu_affinity, initial, "initial", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_cpu_affinity, final, "final", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_cpu_affinity_document = {"cpu affinity", sizeof(struct oci_cpu_affinity),
							 cpu_affinity_fields};

static const struct berth_field process_fields[] = {
	BERTH_BOOL(struct oci_process, terminal, "terminal", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, console_size, "consoleSize", &oci_box_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_process, cwd, "cwd", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_process, env, "env", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_process, args, "args", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, user, "user", &oci_user_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_process, rlimits, "rlimits", &oci_rlimit_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_process, apparmor_profile, "apparmorProfile", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_process, selinux_label, "selinuxLabel", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, capabilities, "capabilities", &oci_capabilities_document, BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_process, no_new_privileges, "noNewPrivileges", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_process, oom_score_adj, "oomScoreAdj", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, scheduler, "scheduler", &oci_scheduler_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, io_priority, "ioPriority", &oci_io_priority_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_process, exec_cpu_affinity, "execCPUAffinity", &oci_cpu_affinity_document,
		     BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_process_document = {"process", sizeof(struct oci_process), process_fields};

static const struct berth_field hook_fields[] = {
	BERTH_STRING(struct oci_hook, path, "path", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_hook, args, "args", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_hook, env, "env", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_hook, timeout, "timeout", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_hook_document = {"hook", sizeof(struct oci_hook), hook_fields};

static const struct berth_field hooks_fields[] = {
	BERTH_OBJECTS(struct oci_hooks, prestart, "prestart", &oci_hook_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_hooks, create_runtime, "createRuntime", &oci_hook_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_hooks, create_container, "createContainer", &oci_hook_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_hooks, start_container, "startContainer", &oci_hook_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_hooks, poststart, "poststart", &oci_hook_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_hooks, poststop, "poststop", &oci_hook_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_hooks_document = {"hooks", sizeof(struct oci_hooks), hooks_fields};

static const struct berth_field namespace_fields[] = {
	BERTH_STRING(struct oci_namespace, type, "type", BERTH_REQUIRED),
	BERTH_STRING(struct oci_namespace, path, "path", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_namespace_document = {"namespace", sizeof(struct oci_namespace), namespace_fields};

static const struct berth_field device_fields[] = {
	BERTH_STRING(struct oci_device, type, "type", BERTH_REQUIRED),
	BERTH_STRING(struct oci_device, path, "path", BERTH_REQUIRED),
	BERTH_INT64(struct oci_device, major, "major", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_device, minor, "minor", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_device, file_mode, "fileMode", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_device, uid, "uid", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_device, gid, "gid", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_device_document = {"device", sizeof(struct oci_device), device_fields};

static const struct berth_field device_rule_fields[] = {
	BERTH_BOOL(struct oci_device_rule, allow, "allow", 0),
	BERTH_STRING(struct oci_device_rule, type, "type", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_device_rule, major, "major", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_device_rule, minor, "minor", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_device_rule, access, "access", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_device_rule_document = {"device rule", sizeof(struct oci_device_rule),
							device_rule_fields};

static const struct berth_field memory_fields[] = {
	BERTH_INT64_UNSET(struct oci_memory, limit, "limit", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_memory, reservation, "reservation", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_memory, swap, "swap", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_memory, kernel, "kernel", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_memory, kernel_tcp, "kernelTCP", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_memory, swappiness, "swappiness", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_memory, disable_oom_killer, "disableOOMKiller", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_memory, use_hierarchy, "useHierarchy", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_memory, check_before_update, "checkBeforeUpdate", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_memory_document = {"memory", sizeof(struct oci_memory), memory_fields};

static const struct berth_field cpu_fields[] = {
	BERTH_UINT64(struct oci_cpu, shares, "shares", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_cpu, quota, "quota", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_cpu, burst, "burst", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_cpu, period, "period", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_cpu, realtime_runtime, "realtimeRuntime", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_cpu, realtime_period, "realtimePeriod", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_cpu, cpus, "cpus", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_cpu, mems, "mems", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_cpu, idle, "idle", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_cpu_document = {"cpu", sizeof(struct oci_cpu), cpu_fields};

static const struct berth_field pids_fields[] = {
	BERTH_INT64_UNSET(struct oci_pids, limit, "limit", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_pids_document = {"pids", sizeof(struct oci_pids), pids_fields};

static const struct berth_field weight_device_fields[] = {
	BERTH_INT64(struct oci_weight_device, major, "major", 0),
	BERTH_INT64(struct oci_weight_device, minor, "minor", 0),
	BERTH_INT64(struct oci_weight_device, weight, "weight", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_weight_device, leaf_weight, "leafWeight", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_weight_device_document = {"weight device", sizeof(struct oci_weight_device),
							  weight_device_fields};

static const struct berth_field throttle_device_fields[] = {
	BERTH_INT64(struct oci_throttle_device, major, "major", 0),
	BERTH_INT64(struct oci_throttle_device, minor, "minor", 0),
	BERTH_UINT64(struct oci_throttle_device, rate, "rate", 0),
	{0},
};
const struct berth_document oci_throttle_device_document = {"throttle device", sizeof(struct oci_throttle_device),
							    throttle_device_fields};

static const struct berth_field block_io_fields[] = {
	BERTH_INT64_UNSET(struct oci_block_io, weight, "weight", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_block_io, leaf_weight, "leafWeight", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_block_io, weight_device, "weightDevice", &oci_weight_device_document,
		      BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_block_io, throttle_read_bps_device, "throttleReadBpsDevice",
		      &oci_throttle_device_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_block_io, throttle_write_bps_device, "throttleWriteBpsDevice",
		      &oci_throttle_device_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_block_io, throttle_read_iops_device, "throttleReadIOPSDevice",
		      &oci_throttle_device_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_block_io, throttle_write_iops_device, "throttleWriteIOPSDevice",
		      &oci_throttle_device_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_block_io_document = {"block io", sizeof(struct oci_block_io), block_io_fields};

static const struct berth_field hugepage_limit_fields[] = {
	BERTH_STRING(struct oci_hugepage_limit, page_size, "pageSize", BERTH_REQUIRED),
	BERTH_UINT64(struct oci_hugepage_limit, limit, "limit", 0),
	{0},
};
const struct berth_document oci_hugepage_limit_document = {"hugepage limit", sizeof(struct oci_hugepage_limit),
							   hugepage_limit_fields};

static const struct berth_field interface_priority_fields[] = {
	BERTH_STRING(struct oci_interface_priority, name, "name", BERTH_REQUIRED),
	BERTH_UINT64(struct oci_interface_priority, priority, "priority", 0),
	{0},
};
const struct berth_document oci_interface_priority_document = {
	"interface priority", sizeof(struct oci_interface_priority), interface_priority_fields};

static const struct berth_field network_fields[] = {
	BERTH_INT64_UNSET(struct oci_network, class_id, "classID", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_network, priorities, "priorities", &oci_interface_priority_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_network_document = {"network", sizeof(struct oci_network), network_fields};

static const struct berth_field rdma_fields[] = {
	BERTH_INT64_UNSET(struct oci_rdma, hca_handles, "hcaHandles", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_rdma, hca_objects, "hcaObjects", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_rdma_document = {"rdma", sizeof(struct oci_rdma), rdma_fields};

static const struct berth_field resources_fields[] = {
	BERTH_MAP(struct oci_resources, unified, "unified", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_resources, devices, "devices", &oci_device_rule_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_resources, memory, "memory", &oci_memory_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_resources, cpu, "cpu", &oci_cpu_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_resources, pids, "pids", &oci_pids_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_resources, block_io, "blockIO", &oci_block_io_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_resources, hugepage_limits, "hugepageLimits", &oci_hugepage_limit_document,
		      BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_resources, network, "network", &oci_network_document, BERTH_OMIT_EMPTY),
	BERTH_MAP_OBJECT(struct oci_resources, rdma, "rdma", &oci_rdma_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_resources_document = {"resources", sizeof(struct oci_resources), resources_fields};

static const struct berth_field syscall_argument_fields[] = {
	BERTH_INT64(struct oci_syscall_argument, index, "index", 0),
	BERTH_UINT64(struct oci_syscall_argument, value, "value", 0),
	BERTH_UINT64(struct oci_syscall_argument, value_two, "valueTwo", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_syscall_argument, op, "op", BERTH_REQUIRED),
	{0},
};
const struct berth_document oci_syscall_argument_document = {"syscall argument", sizeof(struct oci_syscall_argument),
							     syscall_argument_fields};

static const struct berth_field syscall_rule_fields[] = {
	BERTH_STRINGS(struct oci_syscall_rule, names, "names", BERTH_REQUIRED),
	BERTH_STRING(struct oci_syscall_rule, action, "action", BERTH_REQUIRED),
	BERTH_INT64_UNSET(struct oci_syscall_rule, errno_ret, "errnoRet", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_syscall_rule, args, "args", &oci_syscall_argument_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_syscall_rule_document = {"syscall rule", sizeof(struct oci_syscall_rule),
							 syscall_rule_fields};

static const struct berth_field seccomp_fields[] = {
	BERTH_STRING(struct oci_seccomp, default_action, "defaultAction", BERTH_REQUIRED),
	BERTH_INT64_UNSET(struct oci_seccomp, default_errno_ret, "defaultErrnoRet", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_seccomp, architectures, "architectures", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_seccomp, flags, "flags", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_seccomp, listener_path, "listenerPath", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_seccomp, listener_metadata, "listenerMetadata", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_seccomp, syscalls, "syscalls", &oci_syscall_rule_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_seccomp_document = {"seccomp", sizeof(struct oci_seccomp), seccomp_fields};

static const struct berth_field time_offset_fields[] = {
	BERTH_INT64(struct oci_time_offset, secs, "secs", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_time_offset, nanosecs, "nanosecs", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_time_offset_document = {"time offset", sizeof(struct oci_time_offset),
							time_offset_fields};

static const struct berth_field personality_fields[] = {
	BERTH_STRING(struct oci_personality, domain, "domain", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_personality, flags, "flags", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_personality_document = {"personality", sizeof(struct oci_personality),
							personality_fields};

static const struct berth_field intel_rdt_fields[] = {
	BERTH_STRING(struct oci_intel_rdt, clos_id, "closID", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_intel_rdt, schemata, "schemata", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_intel_rdt, l3_cache_schema, "l3CacheSchema", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_intel_rdt, mem_bw_schema, "memBwSchema", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_intel_rdt, enable_monitoring, "enableMonitoring", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_intel_rdt_document = {"intel rdt", sizeof(struct oci_intel_rdt), intel_rdt_fields};

static const struct berth_field memory_policy_fields[] = {
	BERTH_STRING(struct oci_memory_policy, mode, "mode", BERTH_REQUIRED),
	BERTH_STRING(struct oci_memory_policy, nodes, "nodes", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_memory_policy, flags, "flags", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_memory_policy_document = {"memory policy", sizeof(struct oci_memory_policy),
							  memory_policy_fields};

static const struct berth_field net_device_fields[] = {
	BERTH_STRING(struct oci_net_device, name, "name", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_net_device_document = {"net device", sizeof(struct oci_net_device), net_device_fields};

static const struct berth_field linux_section_fields[] = {
	BERTH_OBJECTS(struct oci_linux_section, uid_mappings, "uidMappings", &oci_id_mapping_document,
		      BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_linux_section, gid_mappings, "gidMappings", &oci_id_mapping_document,
		      BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_linux_section, sysctl, "sysctl", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_linux_section, resources, "resources", &oci_resources_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_linux_section, cgroups_path, "cgroupsPath", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_linux_section, namespaces, "namespaces", &oci_namespace_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_linux_section, devices, "devices", &oci_device_document, BERTH_OMIT_EMPTY),
	BERTH_MAP_OBJECT(struct oci_linux_section, net_devices, "netDevices", &oci_net_device_document,
			 BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_linux_section, seccomp, "seccomp", &oci_seccomp_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_linux_section, rootfs_propagation, "rootfsPropagation", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_linux_section, masked_paths, "maskedPaths", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_linux_section, readonly_paths, "readonlyPaths", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_linux_section, mount_label, "mountLabel", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_linux_section, intel_rdt, "intelRdt", &oci_intel_rdt_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_linux_section, memory_policy, "memoryPolicy", &oci_memory_policy_document,
		     BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_linux_section, personality, "personality", &oci_personality_document, BERTH_OMIT_EMPTY),
	BERTH_MAP_OBJECT(struct oci_linux_section, time_offsets, "timeOffsets", &oci_time_offset_document,
			 BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_linux_section_document = {"linux", sizeof(struct oci_linux_section),
							  linux_section_fields};

static const struct berth_field config_fields[] = {
	BERTH_STRING(struct oci_config, oci_version, "ociVersion", BERTH_REQUIRED),
	BERTH_OBJECT(struct oci_config, root, "root", &oci_root_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_config, mounts, "mounts", &oci_mount_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_config, process, "process", &oci_process_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_config, hostname, "hostname", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_config, domainname, "domainname", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_config, hooks, "hooks", &oci_hooks_document, BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_config, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_config, os_linux, "linux", &oci_linux_section_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_config_document = {"config.json", sizeof(struct oci_config), config_fields};

static const struct berth_field state_fields[] = {
	BERTH_STRING(struct oci_state, oci_version, "ociVersion", BERTH_REQUIRED),
	BERTH_STRING(struct oci_state, id, "id", BERTH_REQUIRED),
	BERTH_STRING(struct oci_state, status, "status", BERTH_REQUIRED),
	BERTH_INT64(struct oci_state, pid, "pid", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_state, bundle, "bundle", BERTH_REQUIRED),
	BERTH_MAP(struct oci_state, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_state, rootfs, "rootfs", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_state, created, "created", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_state_document = {"state", sizeof(struct oci_state), state_fields};
