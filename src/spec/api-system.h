// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of the engine itself: version, information, events.
#pragma once

#include "base/document.h"

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

BERTH_DOCUMENT_AUTOPTR(api_component, api_component_document)
BERTH_DOCUMENT_AUTOPTR(api_version_platform, api_version_platform_document)
BERTH_DOCUMENT_AUTOPTR(api_version, api_version_document)
BERTH_DOCUMENT_AUTOPTR(api_info, api_info_document)
BERTH_DOCUMENT_AUTOPTR(api_event_actor, api_event_actor_document)
BERTH_DOCUMENT_AUTOPTR(api_event, api_event_document)
