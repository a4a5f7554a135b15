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
	char **default_ulimits, **runtimes; // refused when set
	char **insecure_registries, **registry_mirrors, **registry_certificates;
	int64_t downloads, uploads;
	char *bridge, *bip, *fixed_cidr, *fixed_cidr_v6, *host_address, *published_ports;
	char **address_pools, **dns, **dns_options, **dns_search, **host_gateway;
	char **cni_folders, **cni_programs, **plugin_folders;
	int64_t mtu;
	bool icc, ipv6, ip_forward, ip_masq, iptables, ip6tables, userland_proxy;
	bool debug, insecure_tcp, validate, version, describe_api;
	struct {
		bool config_file, hosts, group, data_root, exec_root, pidfile, log_level, log_format, storage_driver,
			cgroup_parent, userns, log_driver, log_options, labels, init_path, debug, insecure_tcp,
			insecure_registries, registry_mirrors, registry_certificates, downloads, uploads, bridge, bip,
			fixed_cidr, fixed_cidr_v6, host_address, published_ports, address_pools, dns, dns_options,
			dns_search, host_gateway, mtu, icc, ipv6, ip_forward, ip_masq, iptables, ip6tables,
			userland_proxy, cni_folders, cni_programs, plugin_folders;
	} given;
};

// Reads flags and file into `options` (zeroed). *ret_help: help was asked for, nothing else is filled.
bool daemon_options_read(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error);
void daemon_options_clear(struct daemon_options *options);
void daemon_options_help(GString *out);
