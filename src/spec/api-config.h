// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of what a container is made from: the parts of POST /containers/create.
#pragma once

#include "base/document.h"

struct api_networking_config;

// The part of a container that an image's configuration can preset ("ContainerConfig").
struct api_container_config {
	char *hostname;
	char *domainname;
	char *user;
	bool attach_stdin;
	bool attach_stdout;
	bool attach_stderr;
	char **exposed_ports;
	bool tty;
	bool open_stdin;
	bool stdin_once;
	char **env;
	char **cmd;
	struct api_healthcheck *healthcheck;
	bool args_escaped;
	char *image;
	char **volumes;
	char *working_dir;
	char **entrypoint;
	bool network_disabled;
	char *mac_address;
	char **on_build;
	GHashTable *labels;
	char *stop_signal;
	int64_t stop_timeout; // seconds
	char **shell;
};
extern const struct berth_document api_container_config_document;

struct api_healthcheck {
	char **test;
	int64_t interval; // nanoseconds
	int64_t timeout;
	int64_t start_period;
	int64_t start_interval;
	int64_t retries;
};
extern const struct berth_document api_healthcheck_document;

struct api_log_config {
	char *type;
	GHashTable *config;
};
extern const struct berth_document api_log_config_document;

struct api_restart_policy {
	char *name; // "", no, always, unless-stopped, on-failure
	int64_t maximum_retry_count;
};
extern const struct berth_document api_restart_policy_document;

struct api_port_binding {
	char *host_ip;
	char *host_port;
};
extern const struct berth_document api_port_binding_document;

struct api_ulimit {
	char *name;
	int64_t soft;
	int64_t hard;
};
extern const struct berth_document api_ulimit_document;

struct api_device_mapping {
	char *path_on_host;
	char *path_in_container;
	char *cgroup_permissions;
};
extern const struct berth_document api_device_mapping_document;

struct api_weight_device {
	char *path;
	int64_t weight;
};
extern const struct berth_document api_weight_device_document;

struct api_throttle_device {
	char *path;
	int64_t rate;
};
extern const struct berth_document api_throttle_device_document;

struct api_host_config {
	char **binds;
	char *container_id_file;
	struct api_log_config *log_config;
	char *network_mode;
	GHashTable *port_bindings; // of struct api_port_binding by name
	struct api_restart_policy *restart_policy;
	bool auto_remove;
	char *volume_driver;
	char **volumes_from;
	json_t *console_size; // [height, width]
	GHashTable *annotations;
	char **cap_add;
	char **cap_drop;
	char *cgroupns_mode;
	char **dns;
	char **dns_options;
	char **dns_search;
	char **extra_hosts;
	char **group_add;
	char *ipc_mode;
	char *cgroup;
	char **links;
	int64_t oom_score_adj;
	char *pid_mode;
	bool privileged;
	bool publish_all_ports;
	bool readonly_rootfs;
	char **security_opt;
	GHashTable *storage_opt;
	GHashTable *tmpfs; // options by folder
	char *uts_mode;
	char *userns_mode;
	int64_t shm_size; // bytes
	GHashTable *sysctls;
	char *runtime;
	char *isolation;
	int64_t cpu_shares;
	int64_t memory; // bytes
	int64_t nano_cpus;
	char *cgroup_parent;
	int64_t blkio_weight;
	GPtrArray *blkio_weight_device; // of struct api_weight_device
	GPtrArray *blkio_device_read_bps; // of struct api_throttle_device
	GPtrArray *blkio_device_write_bps; // of struct api_throttle_device
	GPtrArray *blkio_device_read_iops; // of struct api_throttle_device
	GPtrArray *blkio_device_write_iops; // of struct api_throttle_device
	int64_t cpu_period;
	int64_t cpu_quota;
	int64_t cpu_realtime_period;
	int64_t cpu_realtime_runtime;
	char *cpuset_cpus;
	char *cpuset_mems;
	GPtrArray *devices; // of struct api_device_mapping
	char **device_cgroup_rules;
	json_t *device_requests;
	int64_t kernel_memory;
	int64_t kernel_memory_tcp;
	int64_t memory_reservation;
	int64_t memory_swap;
	int64_t memory_swappiness; // 0 to 100
	int oom_kill_disable;
	int64_t pids_limit; // 0 and -1: unlimited
	GPtrArray *ulimits; // of struct api_ulimit
	int64_t cpu_count;
	int64_t cpu_percent;
	int64_t io_maximum_iops;
	int64_t io_maximum_bandwidth;
	GPtrArray *mounts; // of struct api_mount
	char **masked_paths;
	char **readonly_paths;
	int init;
	GPtrArray *secrets; // of struct api_secret_use; Berth's own
};
extern const struct berth_document api_host_config_document;

// The body of POST /containers/create.
struct api_container_create {
	struct api_container_config config;
	struct api_host_config *host_config;
	struct api_networking_config *networking_config;
};
extern const struct berth_document api_container_create_document;

BERTH_DOCUMENT_AUTOPTR(api_container_config, api_container_config_document)
BERTH_DOCUMENT_AUTOPTR(api_healthcheck, api_healthcheck_document)
BERTH_DOCUMENT_AUTOPTR(api_log_config, api_log_config_document)
BERTH_DOCUMENT_AUTOPTR(api_restart_policy, api_restart_policy_document)
BERTH_DOCUMENT_AUTOPTR(api_port_binding, api_port_binding_document)
BERTH_DOCUMENT_AUTOPTR(api_ulimit, api_ulimit_document)
BERTH_DOCUMENT_AUTOPTR(api_device_mapping, api_device_mapping_document)
BERTH_DOCUMENT_AUTOPTR(api_weight_device, api_weight_device_document)
BERTH_DOCUMENT_AUTOPTR(api_throttle_device, api_throttle_device_document)
BERTH_DOCUMENT_AUTOPTR(api_host_config, api_host_config_document)
BERTH_DOCUMENT_AUTOPTR(api_container_create, api_container_create_document)
