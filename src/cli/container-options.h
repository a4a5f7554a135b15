// SPDX-License-Identifier: Apache-2.0
// The flags of `run` and `create`, and the request that they make.
#pragma once

#include "base/flags.h"
#include "spec/api-config.h"
#include "spec/api-network.h"

#define BERTH_LIMIT_OPTION_FILE (1 << 20) // bytes of an --env-file, --label-file or seccomp profile
#define BERTH_LIMIT_PORT_RANGE 65536

struct berth_container_options {
	// of run alone
	bool detach, sig_proxy;
	char *detach_keys;
	// of the command
	char *name, *cidfile, *platform, *pull;
	bool quiet, rm, trust;
	// of the container
	char **attach, **env, **env_files, **labels, **label_files, **expose, **volumes;
	char *hostname, *domainname, *user, *workdir, *entrypoint, *stop_signal, *mac_address;
	bool interactive, tty, no_healthcheck, entrypoint_given, stop_timeout_given;
	int64_t stop_timeout;
	char *health_cmd;
	int64_t health_interval, health_retries, health_start_interval, health_start_period, health_timeout;
	// of the host
	char **add_hosts, **annotations, **weight_devices, **cap_add, **cap_drop, **devices, **device_rules, **read_bps,
		**read_iops, **write_bps, **write_iops, **dns, **dns_options, **dns_search, **group_add, **links,
		**log_options, **mounts, **publish, **secrets, **security_options, **storage_options, **sysctls,
		**tmpfs, **ulimits, **volumes_from;
	char *cgroup_parent, *cgroupns, *cpuset_cpus, *cpuset_mems, *gpus, *ipc, *isolation, *log_driver, *pid,
		*restart, *runtime, *userns, *uts, *volume_driver;
	bool oom_kill_disable, privileged, publish_all, read_only, api_socket;
	int init;
	int64_t blkio_weight, cpu_count, cpu_percent, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, cpu_shares,
		io_bandwidth, io_iops, kernel_memory, memory, memory_reservation, memory_swap, memory_swappiness,
		oom_score_adj, pids_limit, shm_size;
	double cpus;
	// of its network
	char **networks, **network_aliases, **link_local_ips;
	char *ip, *ip6;
};

extern const struct berth_flag berth_run_flags[];
#define BERTH_RUN_ONLY_FLAGS 3 // rows at the beginning that `create` has not

// Makes the request of the options, of the image and of the command after it. BERTH_ERROR_INVALID in Docker's words;
// what cannot be asked of any engine by this version is NOT_IMPLEMENTED. The caller frees it by its document.
struct api_container_create *berth_container_request(const struct berth_container_options *options,
						     char *const *arguments, GError **error);

// The parsers behind single options: container-parse.c
bool berth_parse_env(char *const *values, char *const *files, char ***ret, GError **error);
bool berth_parse_labels(char *const *values, char *const *files, GHashTable **ret, GError **error);
bool berth_parse_pairs(char *const *values, GHashTable **ret, GError **error); // key=value; NULL if there are none
bool berth_parse_pair(void *data, const char *text, GError **error); // adds "key=value" or "key" to GHashTable **data
bool berth_parse_volumes(char *const *values, char ***ret_binds, char ***ret_volumes, GError **error);
bool berth_parse_ulimits(char *const *values, GPtrArray **ret, GError **error); // of struct api_ulimit
bool berth_parse_devices(char *const *values, GPtrArray **ret, GError **error);
// option-given.c
bool berth_parse_devices_all(char *const *values, struct api_host_config *host, GError **error); // paths and CDI names
bool berth_parse_secrets(char *const *values, GPtrArray **ret, GError **error); // of struct api_secret_use
bool berth_parse_gpus(const char *text, json_t **requests, GError **error); // adds to the requests; NULL: nothing
bool berth_parse_throttles(char *const *values, bool bytes, GPtrArray **ret, GError **error);
bool berth_parse_weights(char *const *values, GPtrArray **ret, GError **error);
bool berth_parse_restart(const char *text, struct api_restart_policy **ret, GError **error);
bool berth_parse_security(char *const *values, struct api_host_config *host, GError **error);

// The fields of a line of CSV, as Go's reader takes them apart.
char **berth_split_csv(const char *text, GError **error);
// Lists of pflag's kind "strings": each value may be several, separated by commas.
char **berth_split_values(char *const *values);
// A source that begins with "." is one of our working folder.
char *berth_absolute_source(const char *source);

// option-mount.c
bool berth_parse_mounts(char *const *values, GPtrArray **ret, GError **error); // of struct api_mount

// option-ports.c. `publishes` and `exposes` may be NULL.
bool berth_parse_ports(char *const *publishes, char *const *exposes, char ***ret_exposed, GHashTable **ret_bindings,
		       GError **error);

// option-network.c

struct berth_network_option {
	char *name, *ip, *ip6, *mac_address;
	char **aliases, **link_local_ips, **links;
	GHashTable *driver_options;
	int64_t priority;
};
bool berth_parse_networks(char *const *values, GPtrArray **ret, GError **error); // of struct berth_network_option
struct api_endpoint_settings *berth_network_endpoint(const struct berth_network_option *option, GError **error);
// The network's mode and endpoints of a request, from all options that concern them.
bool berth_parse_endpoints(const struct berth_container_options *options, struct api_container_create *create,
			   GError **error);
bool berth_parse_driver_option(const char *text, GHashTable **ret, GError **error); // adds "key=value"
bool berth_check_dns(char *const *addresses, char *const *search, GError **error);
bool berth_parse_hosts(char *const *values, char ***ret, GError **error); // "name:address"
bool berth_check_links(char *const *links, GError **error);
