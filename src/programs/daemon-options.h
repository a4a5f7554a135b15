// SPDX-License-Identifier: Apache-2.0
// What berthd is told by its flags and by its configuration file, which has Docker's names for the same things. A
// setting comes from one of the two; given in both it is an error, as in dockerd.
#pragma once

#include "base/flags.h"

#define DAEMON_CONFIG_FILE "/etc/berth/daemon.json"

struct daemon_options {
	char *config_file;
	char **hosts;
	char *group, *data_root, *exec_root, *pidfile;
	char *log_level, *log_format;
	char *storage_driver, *cgroup_parent, *log_driver, *userns;
	char **log_options, **labels;
	char *init_path, *monitor_path;
	char **default_ulimits;
	char *default_ipc, *default_cgroupns, *default_runtime, *seccomp_profile;
	int64_t default_shm_size;
	bool init, no_new_privileges;
	char **authorization_plugins, **exec_options, **features;
	char *http_proxy, *https_proxy, *no_proxy;
	char *metrics_address, *tls_ca, *tls_certificate, *tls_key;
	bool tls, tls_verify;
	bool live_restore, stop_containers;
	int64_t shutdown_timeout; // seconds
	int64_t event_hours, event_limit;
	int64_t oom_score_adjust;
	char **insecure_registries, **registry_mirrors, **registry_certificates;
	int64_t downloads, uploads;
	char *builder; // JSON
	char *bridge, *bip, *fixed_cidr, *fixed_cidr_v6, *host_address, *published_ports;
	char **address_pools, **dns, **dns_options, **dns_search, **host_gateway;
	char **cni_folders, **cni_programs, **plugin_folders, **cdi_folders;
	int64_t mtu;
	bool icc, ipv6, ip_forward, ip_masq, iptables, ip6tables, userland_proxy;
	bool debug, insecure_tcp, validate, version, describe_api;
	struct {
		bool builder, config_file, hosts, group, data_root, exec_root, pidfile, log_level, log_format,
			storage_driver, cgroup_parent, userns, log_driver, log_options, labels, init_path, debug,
			insecure_tcp, insecure_registries, registry_mirrors, registry_certificates, downloads, uploads,
			bridge, bip, fixed_cidr, fixed_cidr_v6, host_address, published_ports, address_pools, dns,
			dns_options, dns_search, host_gateway, mtu, icc, ipv6, ip_forward, ip_masq, iptables, ip6tables,
			userland_proxy, cni_folders, cni_programs, plugin_folders, cdi_folders, default_ulimits,
			default_ipc, default_cgroupns, default_runtime, default_shm_size, seccomp_profile, init,
			no_new_privileges, authorization_plugins, exec_options, features, http_proxy, https_proxy,
			no_proxy, metrics_address, tls_ca, tls_certificate, tls_key, tls, tls_verify, live_restore,
			stop_containers, shutdown_timeout, oom_score_adjust, event_hours, event_limit;
	} given;
	GPtrArray *warnings; // of what was given and has no effect here, and why
};

// Reads flags and file into `options` (zeroed) and checks them. *ret_help: help was asked for, nothing else is filled.
// The error names everything that is wrong, a line for each.
bool daemon_options_read(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error);
void daemon_options_clear(struct daemon_options *options);
void daemon_options_help(GString *out);
// Names of the flags that were changed between two readings and are not among `reloadable`: a new array.
char **daemon_options_differ(const struct daemon_options *old, const struct daemon_options *new,
			     const char *const *reloadable);
// Which of the flags are given on this command line: of it alone, unchecked.
bool daemon_options_parse(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error);
// Whether the flag was given.
bool daemon_options_given(const struct daemon_options *options, const char *flag);
// The flag's value as text: "text", "[a b]", "3"; for messages.
char *daemon_options_text(const struct daemon_options *options, const char *flag);

// daemon-file.c

// What is wrong, and what is of no use, as it is found: each a line of text.
struct daemon_findings {
	GPtrArray *errors, *warnings;
};
// The file's settings as arguments, added to `arguments`. `given` are those of the command line.
void daemon_file_read(GStrvBuilder *arguments, const char *path, const struct daemon_options *given,
		      struct daemon_findings *findings);

// daemon-check.c: what options mean together.
void daemon_options_check(const struct daemon_options *options, struct daemon_findings *findings);
