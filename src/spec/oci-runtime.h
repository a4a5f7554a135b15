// SPDX-License-Identifier: Apache-2.0
// The documents of the OCI runtime specification 1.2 (and 1.3's netDevices and memoryPolicy): config.json ("Linux
// Container Configuration") and the state. The structs hold every property; a runtime that does not implement one says
// so where it meets it. In the comments, "unset" is BERTH_UNSET.
#pragma once

#include "base/document.h"

#define OCI_DEFAULT_PATH                                                                                               \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // where programs are looked for unless PATH says

struct oci_root {
	char *path;
	bool readonly;
};
extern const struct berth_document oci_root_document;

struct oci_mount {
	char *destination;
	char *source;
	char *type;
	char **options;
	GPtrArray *uid_mappings; // of struct oci_id_mapping
	GPtrArray *gid_mappings; // of struct oci_id_mapping
};
extern const struct berth_document oci_mount_document;

struct oci_id_mapping {
	int64_t container_id;
	int64_t host_id;
	int64_t size;
};
extern const struct berth_document oci_id_mapping_document;

struct oci_box {
	uint64_t height;
	uint64_t width;
};
extern const struct berth_document oci_box_document;

struct oci_user {
	int64_t uid;
	int64_t gid;
	int64_t umask;
	json_t *additional_gids; // array of integers
};
extern const struct berth_document oci_user_document;

struct oci_rlimit {
	char *type; // RLIMIT_NOFILE
	uint64_t soft; // UINT64_MAX is unlimited
	uint64_t hard;
};
extern const struct berth_document oci_rlimit_document;

struct oci_capabilities {
	char **bounding;
	char **effective;
	char **inheritable;
	char **permitted;
	char **ambient;
};
extern const struct berth_document oci_capabilities_document;

struct oci_scheduler {
	char *policy;
	int64_t nice;
	int64_t priority;
	char **flags;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};
extern const struct berth_document oci_scheduler_document;

struct oci_io_priority {
	char *class;
	int64_t priority;
};
extern const struct berth_document oci_io_priority_document;

struct oci_cpu_affinity {
	char *initial;
	char *final;
};
extern const struct berth_document oci_cpu_affinity_document;

struct oci_process {
	bool terminal;
	struct oci_box *console_size;
	char *cwd;
	char **env;
	char **args;
	struct oci_user *user;
	GPtrArray *rlimits; // of struct oci_rlimit
	char *apparmor_profile;
	char *selinux_label;
	struct oci_capabilities *capabilities;
	bool no_new_privileges;
	int64_t oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_cpu_affinity;
};
extern const struct berth_document oci_process_document;

struct oci_hook {
	char *path; // absolute
	char **args;
	char **env;
	int64_t timeout; // seconds; 0 is none
};
extern const struct berth_document oci_hook_document;

struct oci_hooks {
	GPtrArray *prestart; // of struct oci_hook; deprecated, before create_runtime
	GPtrArray *create_runtime; // of struct oci_hook
	GPtrArray *create_container; // of struct oci_hook
	GPtrArray *start_container; // of struct oci_hook
	GPtrArray *poststart; // of struct oci_hook
	GPtrArray *poststop; // of struct oci_hook
};
extern const struct berth_document oci_hooks_document;

struct oci_namespace {
	char *type; // pid network mount ipc uts user cgroup time
	char *path;
};
extern const struct berth_document oci_namespace_document;

struct oci_device {
	char *type; // c b u p
	char *path;
	int64_t major;
	int64_t minor;
	int64_t file_mode;
	int64_t uid;
	int64_t gid;
};
extern const struct berth_document oci_device_document;

struct oci_device_rule {
	bool allow;
	char *type; // a c b
	int64_t major; // unset: all
	int64_t minor;
	char *access; // of r w m
};
extern const struct berth_document oci_device_rule_document;

struct oci_memory {
	int64_t limit; // bytes, -1 unlimited
	int64_t reservation;
	int64_t swap; // memory and swap together, as on cgroup v1
	int64_t kernel;
	int64_t kernel_tcp;
	int64_t swappiness;
	bool disable_oom_killer;
	bool use_hierarchy;
	bool check_before_update;
};
extern const struct berth_document oci_memory_document;

struct oci_cpu {
	uint64_t shares;
	int64_t quota; // microseconds per period, -1 unlimited
	uint64_t burst;
	uint64_t period;
	int64_t realtime_runtime;
	uint64_t realtime_period;
	char *cpus;
	char *mems;
	int64_t idle;
};
extern const struct berth_document oci_cpu_document;

struct oci_pids {
	int64_t limit; // -1: unlimited; 0 is a limit (specification 1.3)
};
extern const struct berth_document oci_pids_document;

struct oci_weight_device {
	int64_t major;
	int64_t minor;
	int64_t weight;
	int64_t leaf_weight;
};
extern const struct berth_document oci_weight_device_document;

struct oci_throttle_device {
	int64_t major;
	int64_t minor;
	uint64_t rate;
};
extern const struct berth_document oci_throttle_device_document;

struct oci_block_io {
	int64_t weight;
	int64_t leaf_weight;
	GPtrArray *weight_device; // of struct oci_weight_device
	GPtrArray *throttle_read_bps_device; // of struct oci_throttle_device
	GPtrArray *throttle_write_bps_device; // of struct oci_throttle_device
	GPtrArray *throttle_read_iops_device; // of struct oci_throttle_device
	GPtrArray *throttle_write_iops_device; // of struct oci_throttle_device
};
extern const struct berth_document oci_block_io_document;

struct oci_hugepage_limit {
	char *page_size;
	uint64_t limit;
};
extern const struct berth_document oci_hugepage_limit_document;

struct oci_interface_priority {
	char *name;
	uint64_t priority;
};
extern const struct berth_document oci_interface_priority_document;

struct oci_network {
	int64_t class_id;
	GPtrArray *priorities; // of struct oci_interface_priority
};
extern const struct berth_document oci_network_document;

struct oci_rdma {
	int64_t hca_handles;
	int64_t hca_objects;
};
extern const struct berth_document oci_rdma_document;

struct oci_resources {
	GHashTable *unified; // cgroup v2 files by name
	GPtrArray *devices; // of struct oci_device_rule
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	struct oci_pids *pids;
	struct oci_block_io *block_io;
	GPtrArray *hugepage_limits; // of struct oci_hugepage_limit
	struct oci_network *network;
	GHashTable *rdma; // of struct oci_rdma by name
};
extern const struct berth_document oci_resources_document;

struct oci_syscall_argument {
	int64_t index;
	uint64_t value;
	uint64_t value_two;
	char *op;
};
extern const struct berth_document oci_syscall_argument_document;

struct oci_syscall_rule {
	char **names;
	char *action;
	int64_t errno_ret;
	GPtrArray *args; // of struct oci_syscall_argument
};
extern const struct berth_document oci_syscall_rule_document;

struct oci_seccomp {
	char *default_action;
	int64_t default_errno_ret;
	char **architectures;
	char **flags;
	char *listener_path;
	char *listener_metadata;
	GPtrArray *syscalls; // of struct oci_syscall_rule
};
extern const struct berth_document oci_seccomp_document;

struct oci_time_offset {
	int64_t secs;
	uint64_t nanosecs;
};
extern const struct berth_document oci_time_offset_document;

struct oci_personality {
	char *domain; // LINUX or LINUX32
	char **flags;
};
extern const struct berth_document oci_personality_document;

struct oci_intel_rdt {
	char *clos_id;
	char **schemata;
	char *l3_cache_schema;
	char *mem_bw_schema;
	bool enable_monitoring;
};
extern const struct berth_document oci_intel_rdt_document;

struct oci_memory_policy {
	char *mode;
	char *nodes;
	char **flags;
};
extern const struct berth_document oci_memory_policy_document;

struct oci_net_device {
	char *name;
};
extern const struct berth_document oci_net_device_document;

struct oci_linux_section {
	GPtrArray *uid_mappings; // of struct oci_id_mapping
	GPtrArray *gid_mappings; // of struct oci_id_mapping
	GHashTable *sysctl;
	struct oci_resources *resources;
	char *cgroups_path;
	GPtrArray *namespaces; // of struct oci_namespace
	GPtrArray *devices; // of struct oci_device
	GHashTable
		*net_devices; // of struct oci_net_device by name; moved into the container, by their names on the host
	struct oci_seccomp *seccomp;
	char *rootfs_propagation;
	char **masked_paths;
	char **readonly_paths;
	char *mount_label;
	struct oci_intel_rdt *intel_rdt;
	struct oci_memory_policy *memory_policy;
	struct oci_personality *personality;
	GHashTable *time_offsets; // of struct oci_time_offset by name; by clock: monotonic, boottime
};
extern const struct berth_document oci_linux_section_document;

struct oci_config {
	char *oci_version;
	struct oci_root *root;
	GPtrArray *mounts; // of struct oci_mount
	struct oci_process *process;
	char *hostname;
	char *domainname;
	struct oci_hooks *hooks;
	GHashTable *annotations;
	struct oci_linux_section *os_linux; // "linux" is a macro of the compiler
};
extern const struct berth_document oci_config_document;

// What `state` prints and hooks read (specification "Runtime State"), with the two fields that `list` of other runtimes
// adds.
struct oci_state {
	char *oci_version;
	char *id;
	char *status; // creating created running stopped paused
	int64_t pid; // 0: no process
	char *bundle;
	GHashTable *annotations;
	char *rootfs;
	char *created; // RFC 3339
};
extern const struct berth_document oci_state_document;

BERTH_DOCUMENT_AUTOPTR(oci_root, oci_root_document)
BERTH_DOCUMENT_AUTOPTR(oci_mount, oci_mount_document)
BERTH_DOCUMENT_AUTOPTR(oci_id_mapping, oci_id_mapping_document)
BERTH_DOCUMENT_AUTOPTR(oci_box, oci_box_document)
BERTH_DOCUMENT_AUTOPTR(oci_user, oci_user_document)
BERTH_DOCUMENT_AUTOPTR(oci_rlimit, oci_rlimit_document)
BERTH_DOCUMENT_AUTOPTR(oci_capabilities, oci_capabilities_document)
BERTH_DOCUMENT_AUTOPTR(oci_scheduler, oci_scheduler_document)
BERTH_DOCUMENT_AUTOPTR(oci_io_priority, oci_io_priority_document)
BERTH_DOCUMENT_AUTOPTR(oci_cpu_affinity, oci_cpu_affinity_document)
BERTH_DOCUMENT_AUTOPTR(oci_process, oci_process_document)
BERTH_DOCUMENT_AUTOPTR(oci_hook, oci_hook_document)
BERTH_DOCUMENT_AUTOPTR(oci_hooks, oci_hooks_document)
BERTH_DOCUMENT_AUTOPTR(oci_namespace, oci_namespace_document)
BERTH_DOCUMENT_AUTOPTR(oci_device, oci_device_document)
BERTH_DOCUMENT_AUTOPTR(oci_device_rule, oci_device_rule_document)
BERTH_DOCUMENT_AUTOPTR(oci_memory, oci_memory_document)
BERTH_DOCUMENT_AUTOPTR(oci_cpu, oci_cpu_document)
BERTH_DOCUMENT_AUTOPTR(oci_pids, oci_pids_document)
BERTH_DOCUMENT_AUTOPTR(oci_weight_device, oci_weight_device_document)
BERTH_DOCUMENT_AUTOPTR(oci_throttle_device, oci_throttle_device_document)
BERTH_DOCUMENT_AUTOPTR(oci_block_io, oci_block_io_document)
BERTH_DOCUMENT_AUTOPTR(oci_hugepage_limit, oci_hugepage_limit_document)
BERTH_DOCUMENT_AUTOPTR(oci_interface_priority, oci_interface_priority_document)
BERTH_DOCUMENT_AUTOPTR(oci_network, oci_network_document)
BERTH_DOCUMENT_AUTOPTR(oci_rdma, oci_rdma_document)
BERTH_DOCUMENT_AUTOPTR(oci_resources, oci_resources_document)
BERTH_DOCUMENT_AUTOPTR(oci_syscall_argument, oci_syscall_argument_document)
BERTH_DOCUMENT_AUTOPTR(oci_syscall_rule, oci_syscall_rule_document)
BERTH_DOCUMENT_AUTOPTR(oci_seccomp, oci_seccomp_document)
BERTH_DOCUMENT_AUTOPTR(oci_time_offset, oci_time_offset_document)
BERTH_DOCUMENT_AUTOPTR(oci_personality, oci_personality_document)
BERTH_DOCUMENT_AUTOPTR(oci_intel_rdt, oci_intel_rdt_document)
BERTH_DOCUMENT_AUTOPTR(oci_memory_policy, oci_memory_policy_document)
BERTH_DOCUMENT_AUTOPTR(oci_net_device, oci_net_device_document)
BERTH_DOCUMENT_AUTOPTR(oci_linux_section, oci_linux_section_document)
BERTH_DOCUMENT_AUTOPTR(oci_config, oci_config_document)
BERTH_DOCUMENT_AUTOPTR(oci_state, oci_state_document)
