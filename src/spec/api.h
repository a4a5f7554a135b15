// SPDX-License-Identifier: Apache-2.0
// The objects of the Docker Engine API 1.47, as requests and answers carry them. A field that came or went with a
// version says so in its table (api.c); berth_document_print() shapes an answer for the version asked for.
//
// The command line, the HTTP layer and the engine share these structs; the engine's own records embed them.
#pragma once

#include "base/document.h"
#include "spec/api-secret.h"

#define API_VERSION_MIN 124 // 1.24
#define API_VERSION_MAX 147 // 1.47
#define API_VERSION_MIN_TEXT "1.24"
#define API_VERSION_MAX_TEXT "1.47"

struct api_error {
	char *message;
};
extern const struct berth_document api_error_document;

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

struct api_bind_options {
	char *propagation;
	bool non_recursive;
	bool create_mountpoint;
	bool read_only_non_recursive;
	bool read_only_force_recursive;
};
extern const struct berth_document api_bind_options_document;

struct api_volume_options {
	bool no_copy;
	GHashTable *labels;
	json_t *driver_config;
	char *subpath;
};
extern const struct berth_document api_volume_options_document;

struct api_tmpfs_options {
	int64_t size_bytes;
	int64_t mode;
	json_t *options;
};
extern const struct berth_document api_tmpfs_options_document;

struct api_image_mount_options {
	char *subpath;
};
extern const struct berth_document api_image_mount_options_document;

struct api_mount {
	char *type; // bind volume tmpfs image
	char *source;
	char *target;
	bool read_only;
	char *consistency;
	struct api_bind_options *bind_options;
	struct api_volume_options *volume_options;
	struct api_tmpfs_options *tmpfs_options;
	struct api_image_mount_options *image_options;
	int64_t uid, gid; // Berth's own: whose the files are, as the container sees them; BERTH_UNSET: as they are
};
extern const struct berth_document api_mount_document;

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

// The body of POST /containers/create.
struct api_container_create {
	struct api_container_config config;
	struct api_host_config *host_config;
	struct api_networking_config *networking_config;
};
extern const struct berth_document api_container_create_document;

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

struct api_mount_point {
	char *type;
	char *name;
	char *source;
	char *destination;
	char *driver;
	char *mode;
	bool rw;
	char *propagation;
};
extern const struct berth_document api_mount_point_document;

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

struct api_graph_driver {
	char *name;
	GHashTable *data;
};
extern const struct berth_document api_graph_driver_document;

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

struct api_image_summary {
	char *id;
	char *parent_id;
	char **repo_tags;
	char **repo_digests;
	int64_t created; // Unix time
	int64_t size; // bytes
	int64_t virtual_size;
	int64_t shared_size; // -1: not counted
	GHashTable *labels;
	int64_t containers; // -1: not counted
};
extern const struct berth_document api_image_summary_document;

struct api_image_rootfs {
	char *type;
	char **layers;
};
extern const struct berth_document api_image_rootfs_document;

struct api_image_metadata {
	char *last_tag_time;
};
extern const struct berth_document api_image_metadata_document;

struct api_image_inspect {
	char *id;
	char **repo_tags;
	char **repo_digests;
	char *parent;
	char *comment;
	char *created;
	char *container; // which it was made of; never known here
	struct api_container_config *container_config;
	char *docker_version;
	char *author;
	struct api_container_config *config;
	char *architecture;
	char *variant;
	char *os;
	int64_t size;
	int64_t virtual_size;
	struct api_graph_driver *graph_driver;
	struct api_image_rootfs *root_fs;
	struct api_image_metadata *metadata;
};
extern const struct berth_document api_image_inspect_document;

struct api_image_history {
	char *id; // or <missing>
	int64_t created;
	char *created_by;
	char **tags;
	int64_t size;
	char *comment;
};
extern const struct berth_document api_image_history_document;

struct api_image_deleted {
	char *untagged;
	char *deleted;
};
extern const struct berth_document api_image_deleted_document;

struct api_prune_report {
	char **containers_deleted;
	GPtrArray *images_deleted; // of struct api_image_deleted
	int64_t space_reclaimed;
};
extern const struct berth_document api_prune_report_document;

struct api_component {
	char *name;
	char *version;
	GHashTable *details;
};
extern const struct berth_document api_component_document;

struct api_version_platform {
	char *name;
};
extern const struct berth_document api_version_platform_document;

struct api_version {
	struct api_version_platform *platform;
	GPtrArray *components; // of struct api_component
	char *version;
	char *api_version;
	char *min_api_version;
	char *git_commit;
	char *go_version;
	char *os;
	char *arch;
	char *kernel_version;
	bool experimental;
	char *build_time;
};
extern const struct berth_document api_version_document;

struct api_info {
	char *id;
	int64_t containers;
	int64_t containers_running;
	int64_t containers_paused;
	int64_t containers_stopped;
	int64_t images;
	char *driver;
	json_t *driver_status; // array of pairs
	json_t *plugins;
	bool memory_limit;
	bool swap_limit;
	bool kernel_memory_tcp;
	bool cpu_cfs_period;
	bool cpu_cfs_quota;
	bool cpu_shares;
	bool cpu_set;
	bool pids_limit;
	bool ipv4_forwarding;
	bool bridge_nf_iptables;
	bool bridge_nf_ip6tables;
	bool debug;
	int64_t n_fd;
	bool oom_kill_disable;
	int64_t n_goroutines;
	char *system_time;
	char *logging_driver;
	char *cgroup_driver;
	char *cgroup_version;
	int64_t n_events_listener;
	char *kernel_version;
	char *operating_system;
	char *os_version;
	char *os_type;
	char *architecture;
	char *index_server_address;
	json_t *registry_config;
	int64_t ncpu;
	int64_t mem_total;
	json_t *generic_resources;
	char *docker_root_dir;
	char *http_proxy;
	char *https_proxy;
	char *no_proxy;
	char *name;
	char **labels;
	bool experimental_build;
	char *server_version;
	json_t *runtimes;
	char *default_runtime;
	json_t *swarm;
	bool live_restore_enabled;
	char *isolation;
	char *init_binary;
	json_t *containerd_commit;
	json_t *runc_commit;
	json_t *init_commit;
	char **security_options;
	json_t *cdi_spec_dirs;
	char **warnings;
};
extern const struct berth_document api_info_document;

struct api_event_actor {
	char *id;
	GHashTable *attributes;
};
extern const struct berth_document api_event_actor_document;

struct api_event {
	char *status;
	char *id;
	char *from;
	char *type;
	char *action;
	struct api_event_actor *actor;
	char *scope; // local
	int64_t time; // seconds
	int64_t time_nano;
};
extern const struct berth_document api_event_document;

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

struct api_error_detail {
	char *message;
	int64_t code; // of a build: the exit code of the step that failed
};
extern const struct berth_document api_error_detail_document;

struct api_progress_detail {
	int64_t current;
	int64_t total;
};
extern const struct berth_document api_progress_detail_document;

// One line of a progress stream: pull, push, load, import, build.
struct api_progress {
	char *stream;
	char *status;
	struct api_progress_detail *progress_detail;
	char *progress;
	char *id;
	char *error;
	struct api_error_detail *error_detail;
	json_t *aux;
};
extern const struct berth_document api_progress_document;

BERTH_DOCUMENT_AUTOPTR(api_error, api_error_document)
BERTH_DOCUMENT_AUTOPTR(api_container_config, api_container_config_document)
BERTH_DOCUMENT_AUTOPTR(api_healthcheck, api_healthcheck_document)
BERTH_DOCUMENT_AUTOPTR(api_log_config, api_log_config_document)
BERTH_DOCUMENT_AUTOPTR(api_restart_policy, api_restart_policy_document)
BERTH_DOCUMENT_AUTOPTR(api_port_binding, api_port_binding_document)
BERTH_DOCUMENT_AUTOPTR(api_ulimit, api_ulimit_document)
BERTH_DOCUMENT_AUTOPTR(api_device_mapping, api_device_mapping_document)
BERTH_DOCUMENT_AUTOPTR(api_weight_device, api_weight_device_document)
BERTH_DOCUMENT_AUTOPTR(api_throttle_device, api_throttle_device_document)
BERTH_DOCUMENT_AUTOPTR(api_bind_options, api_bind_options_document)
BERTH_DOCUMENT_AUTOPTR(api_volume_options, api_volume_options_document)
BERTH_DOCUMENT_AUTOPTR(api_tmpfs_options, api_tmpfs_options_document)
BERTH_DOCUMENT_AUTOPTR(api_image_mount_options, api_image_mount_options_document)
BERTH_DOCUMENT_AUTOPTR(api_mount, api_mount_document)
BERTH_DOCUMENT_AUTOPTR(api_host_config, api_host_config_document)
BERTH_DOCUMENT_AUTOPTR(api_ipam_config, api_ipam_config_document)
BERTH_DOCUMENT_AUTOPTR(api_endpoint_settings, api_endpoint_settings_document)
BERTH_DOCUMENT_AUTOPTR(api_networking_config, api_networking_config_document)
BERTH_DOCUMENT_AUTOPTR(api_container_create, api_container_create_document)
BERTH_DOCUMENT_AUTOPTR(api_container_created, api_container_created_document)
BERTH_DOCUMENT_AUTOPTR(api_container_state, api_container_state_document)
BERTH_DOCUMENT_AUTOPTR(api_mount_point, api_mount_point_document)
BERTH_DOCUMENT_AUTOPTR(api_network_settings, api_network_settings_document)
BERTH_DOCUMENT_AUTOPTR(api_graph_driver, api_graph_driver_document)
BERTH_DOCUMENT_AUTOPTR(api_container_inspect, api_container_inspect_document)
BERTH_DOCUMENT_AUTOPTR(api_port_summary, api_port_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_host_config_summary, api_host_config_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_network_settings_summary, api_network_settings_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_container_summary, api_container_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_wait_error, api_wait_error_document)
BERTH_DOCUMENT_AUTOPTR(api_container_wait, api_container_wait_document)
BERTH_DOCUMENT_AUTOPTR(api_container_top, api_container_top_document)
BERTH_DOCUMENT_AUTOPTR(api_image_summary, api_image_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_image_rootfs, api_image_rootfs_document)
BERTH_DOCUMENT_AUTOPTR(api_image_metadata, api_image_metadata_document)
BERTH_DOCUMENT_AUTOPTR(api_image_inspect, api_image_inspect_document)
BERTH_DOCUMENT_AUTOPTR(api_image_history, api_image_history_document)
BERTH_DOCUMENT_AUTOPTR(api_image_deleted, api_image_deleted_document)
BERTH_DOCUMENT_AUTOPTR(api_prune_report, api_prune_report_document)
BERTH_DOCUMENT_AUTOPTR(api_component, api_component_document)
BERTH_DOCUMENT_AUTOPTR(api_version_platform, api_version_platform_document)
BERTH_DOCUMENT_AUTOPTR(api_version, api_version_document)
BERTH_DOCUMENT_AUTOPTR(api_info, api_info_document)
BERTH_DOCUMENT_AUTOPTR(api_event_actor, api_event_actor_document)
BERTH_DOCUMENT_AUTOPTR(api_event, api_event_document)
BERTH_DOCUMENT_AUTOPTR(api_network_summary, api_network_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_error_detail, api_error_detail_document)
BERTH_DOCUMENT_AUTOPTR(api_progress_detail, api_progress_detail_document)
BERTH_DOCUMENT_AUTOPTR(api_progress, api_progress_document)
