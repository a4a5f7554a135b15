// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-options.h"

#include "base/error.h"
#include "programs/daemon-foreign.h"

#include <string.h>

#define CERTIFICATES_BERTH "/etc/berth/certs.d"
#define CERTIFICATES_DOCKER "/etc/docker/certs.d"

#define CERTIFICATES_DOCKER_HOME ".docker"

#define AT(member) offsetof(struct daemon_options, member)
#define GIVEN(member) .given_offset = offsetof(struct daemon_options, given.member)

static const struct berth_flag flags[] = {
	{"allow-insecure-tcp", 0, BERTH_FLAG_SWITCH, AT(insecure_tcp), NULL,
	 "Allow tcp:// hosts without --tlsverify, which give everyone who can connect the rights of root",
	 GIVEN(insecure_tcp)},
	{"authorization-plugin", 0, BERTH_FLAG_LIST, AT(authorization_plugins), "list",
	 "Plugins that are asked about each request and answer", GIVEN(authorization_plugins)},
	{"bip", 0, BERTH_FLAG_TEXT, AT(bip), NULL,
	 "Address of the host on the default bridge, with prefix length (default: a free subnet is chosen)",
	 GIVEN(bip)},
	{"bridge", 'b', BERTH_FLAG_TEXT, AT(bridge), NULL, "\"none\": containers have no network of themselves",
	 GIVEN(bridge)},
	{"builder", 0, BERTH_FLAG_TEXT, AT(builder), "json",
	 "How the build cache is kept small, and what builds may be allowed: the key \"builder\" of the file",
	 .flags = BERTH_FLAG_HIDDEN, GIVEN(builder)},
	{"cdi-spec-dir", 0, BERTH_FLAG_LIST, AT(cdi_folders), "list",
	 "Folder of CDI specifications; of two with the same device the later one counts (default /etc/cdi and "
	 "/var/run/cdi)",
	 GIVEN(cdi_folders)},
	{"cgroup-parent", 0, BERTH_FLAG_TEXT, AT(cgroup_parent), NULL, "Parent cgroup of all containers",
	 .fallback = "/berth", GIVEN(cgroup_parent)},
	{"cni-config-folder", 0, BERTH_FLAG_LIST, AT(cni_folders), "list",
	 "Folder of CNI's configuration lists (default /etc/cni/net.d)", GIVEN(cni_folders)},
	{"cni-plugin-folder", 0, BERTH_FLAG_LIST, AT(cni_programs), "list",
	 "Folder of CNI's plugins (default /usr/lib/cni and /opt/cni/bin)", GIVEN(cni_programs)},
	{"config-file", 0, BERTH_FLAG_TEXT, AT(config_file), NULL, "Configuration file", .fallback = DAEMON_CONFIG_FILE,
	 GIVEN(config_file)},
	{"data-root", 0, BERTH_FLAG_TEXT, AT(data_root), NULL, "Root folder of what is kept",
	 .fallback = "/var/lib/berth", GIVEN(data_root)},
	{"debug", 'D', BERTH_FLAG_SWITCH, AT(debug), NULL, "Log everything", GIVEN(debug)},
	{"default-address-pool", 0, BERTH_FLAG_LIST, AT(address_pools), "pool",
	 "Where subnets of networks are taken from: base=172.18.0.0/15,size=24", GIVEN(address_pools)},
	{"default-cgroupns-mode", 0, BERTH_FLAG_TEXT, AT(default_cgroupns), "private|host",
	 "Cgroup namespace of containers that say nothing of it", .fallback = "private", GIVEN(default_cgroupns)},
	{"default-ipc-mode", 0, BERTH_FLAG_TEXT, AT(default_ipc), "private|shareable",
	 "IPC namespace of containers that say nothing of it", .fallback = "private", GIVEN(default_ipc)},
	{"default-runtime", 0, BERTH_FLAG_TEXT, AT(default_runtime), NULL, "OCI runtime: there is \"berth\" only",
	 .fallback = "berth", GIVEN(default_runtime)},
	{"default-shm-size", 0, BERTH_FLAG_BYTES, AT(default_shm_size), NULL,
	 "Size of /dev/shm of containers that say nothing of it", .fallback = "64m", GIVEN(default_shm_size)},
	{"default-ulimit", 0, BERTH_FLAG_LIST, AT(default_ulimits), "ulimit",
	 "Limits of containers that do not set them: nofile=1024:2048", GIVEN(default_ulimits)},
	{"describe-api", 0, BERTH_FLAG_SWITCH, AT(describe_api), NULL, "Print the API's description and exit",
	 .flags = BERTH_FLAG_HIDDEN},
	{"dns", 0, BERTH_FLAG_LIST, AT(dns), "list", "DNS servers of containers (default: the host's)", GIVEN(dns)},
	{"dns-opt", 0, BERTH_FLAG_LIST, AT(dns_options), "list", "DNS options of containers", GIVEN(dns_options)},
	{"dns-search", 0, BERTH_FLAG_LIST, AT(dns_search), "list", "DNS search domains of containers",
	 GIVEN(dns_search)},
	{"exec-opt", 0, BERTH_FLAG_LIST, AT(exec_options), "list",
	 "Options of the runtime: native.cgroupdriver=cgroupfs", GIVEN(exec_options)},
	{"exec-root", 0, BERTH_FLAG_TEXT, AT(exec_root), NULL, "Root folder of what is gone at reboot",
	 .fallback = "/run/berth", GIVEN(exec_root)},
	{"feature", 0, BERTH_FLAG_LIST, AT(features), "list", "Features of dockerd's: accepted, none is switched by it",
	 .flags = BERTH_FLAG_HIDDEN, GIVEN(features)},
	{"fixed-cidr", 0, BERTH_FLAG_TEXT, AT(fixed_cidr), NULL,
	 "Part of the default bridge's subnet (--bip) that containers' addresses are of", GIVEN(fixed_cidr)},
	{"fixed-cidr-v6", 0, BERTH_FLAG_TEXT, AT(fixed_cidr_v6), NULL, "IPv6 subnet of the default bridge",
	 GIVEN(fixed_cidr_v6)},
	{"group", 'G', BERTH_FLAG_TEXT, AT(group), NULL, "Group of the unix socket (default \"berth\" if there is one)",
	 GIVEN(group)},
	{"host", 'H', BERTH_FLAG_LIST, AT(hosts), "list",
	 "Where to listen: unix://, fd://, tcp:// with TLS (default unix:///run/berth/berth.sock)", GIVEN(hosts)},
	{"host-gateway-ip", 0, BERTH_FLAG_LIST, AT(host_gateway), "list",
	 "Addresses that host-gateway of --add-host stands for (default: the host's on the default bridge)",
	 GIVEN(host_gateway)},
	{"http-proxy", 0, BERTH_FLAG_TEXT, AT(http_proxy), "URL", "Proxy to http:// registries", GIVEN(http_proxy)},
	{"https-proxy", 0, BERTH_FLAG_TEXT, AT(https_proxy), "URL", "Proxy to https:// registries", GIVEN(https_proxy)},
	{"icc", 0, BERTH_FLAG_SWITCH, AT(icc), NULL, "Containers on the default bridge reach each other",
	 .fallback = "true", GIVEN(icc)},
	{"init", 0, BERTH_FLAG_SWITCH, AT(init), NULL,
	 "Containers that say nothing of it have an init that reaps processes", GIVEN(init)},
	{"init-path", 0, BERTH_FLAG_TEXT, AT(init_path), NULL, "Path of berth-init", GIVEN(init_path)},
	{"insecure-registry", 0, BERTH_FLAG_LIST, AT(insecure_registries), "list",
	 "Registry (host[:port] or CIDR) whose TLS is not verified, and to which plain HTTP is spoken if it has none",
	 GIVEN(insecure_registries)},
	{"ip", 0, BERTH_FLAG_TEXT, AT(host_address), NULL,
	 "Address of the host on which ports are published where nothing else is said (default: all)",
	 GIVEN(host_address)},
	{"ip-forward", 0, BERTH_FLAG_SWITCH, AT(ip_forward), NULL, "Switch the host's forwarding of packets on",
	 .fallback = "true", GIVEN(ip_forward)},
	{"ip-masq", 0, BERTH_FLAG_SWITCH, AT(ip_masq), NULL, "What leaves the default bridge gets the host's address",
	 .fallback = "true", GIVEN(ip_masq)},
	{"ip6tables", 0, BERTH_FLAG_SWITCH, AT(ip6tables), NULL, "Must be true: see iptables", .fallback = "true",
	 GIVEN(ip6tables)},
	{"iptables", 0, BERTH_FLAG_SWITCH, AT(iptables), NULL,
	 "Must be true: isolation and published ports are rules of nftables, of a table of their own",
	 .fallback = "true", GIVEN(iptables)},
	{"ipv6", 0, BERTH_FLAG_SWITCH, AT(ipv6), NULL, "The default bridge has IPv6, too", GIVEN(ipv6)},
	{"label", 0, BERTH_FLAG_LIST, AT(labels), "list", "Set key=value labels of the engine", GIVEN(labels)},
	{"live-restore", 0, BERTH_FLAG_SWITCH, AT(live_restore), NULL,
	 "Containers go on when the engine stops; false: it stops them first", .fallback = "true", GIVEN(live_restore)},
	{"log-driver", 0, BERTH_FLAG_TEXT, AT(log_driver), NULL, "Default driver of container logs",
	 .fallback = "json-file", GIVEN(log_driver)},
	{"log-format", 0, BERTH_FLAG_TEXT, AT(log_format), "text|json", "Format of the engine's log",
	 .fallback = "text", GIVEN(log_format)},
	{"log-level", 'l', BERTH_FLAG_TEXT, AT(log_level), NULL,
	 "Least of debug, info, warn, error, fatal to be logged", .fallback = "info", GIVEN(log_level)},
	{"log-opt", 0, BERTH_FLAG_LIST, AT(log_options), "list", "Default log driver options of containers",
	 GIVEN(log_options)},
	{"max-concurrent-downloads", 0, BERTH_FLAG_INTEGER, AT(downloads), "int",
	 "Layers downloaded at once by one pull", .fallback = "3", GIVEN(downloads)},
	{"max-concurrent-uploads", 0, BERTH_FLAG_INTEGER, AT(uploads), "int", "Layers uploaded at once by one push",
	 .fallback = "5", GIVEN(uploads)},
	{"metrics-addr", 0, BERTH_FLAG_TEXT, AT(metrics_address), "address",
	 "Where metrics for Prometheus are served: address:port, or :port of loopback", GIVEN(metrics_address)},
	{"monitor-path", 0, BERTH_FLAG_TEXT, AT(monitor_path), NULL, "Path of berth-monitor"},
	{"mtu", 0, BERTH_FLAG_INTEGER, AT(mtu), "int", "MTU of the default bridge (default 1500)", GIVEN(mtu)},
	{"no-new-privileges", 0, BERTH_FLAG_SWITCH, AT(no_new_privileges), NULL,
	 "Containers that say nothing of it have no-new-privileges", GIVEN(no_new_privileges)},
	{"no-proxy", 0, BERTH_FLAG_TEXT, AT(no_proxy), "list", "Hosts that are reached without a proxy",
	 GIVEN(no_proxy)},
	{"oom-score-adjust", 0, BERTH_FLAG_INTEGER, AT(oom_score_adjust), "int",
	 "OOM score of the engine, -1000 to 1000 (default: left as it is)", .flags = BERTH_FLAG_NEGATIVE_OK,
	 GIVEN(oom_score_adjust)},
	{"pidfile", 'p', BERTH_FLAG_TEXT, AT(pidfile), NULL,
	 "File of the engine's process id (default berthd.pid in the exec root)", GIVEN(pidfile)},
	{"plugin-folder", 0, BERTH_FLAG_LIST, AT(plugin_folders), "list",
	 "Folder where Docker's plugins are found, their sockets in the first (default /run/docker/plugins, "
	 "/etc/docker/plugins and /usr/lib/docker/plugins)",
	 GIVEN(plugin_folders)},
	{"published-ports", 0, BERTH_FLAG_TEXT, AT(published_ports), "firewall|open|local",
	 "To whom published ports are open: as the host's own firewall says, to everybody, or to the host alone",
	 .fallback = "firewall", GIVEN(published_ports)},
	{"registry-certificates", 0, BERTH_FLAG_LIST, AT(registry_certificates), "list",
	 "Folder with a folder of certificates per registry (default " CERTIFICATES_BERTH " and " CERTIFICATES_DOCKER
	 ")",
	 GIVEN(registry_certificates)},
	{"registry-mirror", 0, BERTH_FLAG_LIST, AT(registry_mirrors), "list",
	 "Mirror asked first: URL for docker.io, HOST=URL for another registry", GIVEN(registry_mirrors)},
	{"seccomp-profile", 0, BERTH_FLAG_TEXT, AT(seccomp_profile), "file|builtin|unconfined",
	 "Seccomp profile of containers that say nothing of it", .fallback = "builtin", GIVEN(seccomp_profile)},
	{"event-hours", 0, BERTH_FLAG_INTEGER, AT(event_hours), "int", "Hours for which events are kept; 0: no limit",
	 .fallback = "720", GIVEN(event_hours)},
	{"event-limit", 0, BERTH_FLAG_INTEGER, AT(event_limit), "int", "Events that are kept, at most",
	 .fallback = "10000", GIVEN(event_limit)},
	{"shutdown-timeout", 0, BERTH_FLAG_INTEGER, AT(shutdown_timeout), "int",
	 "Seconds in which containers are stopped, where the engine stops them", .fallback = "15",
	 GIVEN(shutdown_timeout)},
	{"stop-containers", 0, BERTH_FLAG_SWITCH, AT(stop_containers), NULL,
	 "Stop containers when the engine stops: the same as --live-restore=false", GIVEN(stop_containers)},
	{"storage-driver", 's', BERTH_FLAG_TEXT, AT(storage_driver), NULL,
	 "Storage driver: overlay or copy (default: what the data root can do)", GIVEN(storage_driver)},
	{"tls", 0, BERTH_FLAG_SWITCH, AT(tls), NULL, "Speak TLS on tcp:// hosts; implied by --tlsverify", GIVEN(tls)},
	{"tlscacert", 0, BERTH_FLAG_TEXT, AT(tls_ca), "file",
	 "Only clients with a certificate of this authority (default $DOCKER_CERT_PATH or ~/.docker, ca.pem)",
	 GIVEN(tls_ca)},
	{"tlscert", 0, BERTH_FLAG_TEXT, AT(tls_certificate), "file",
	 "Certificate of the engine (default $DOCKER_CERT_PATH or ~/.docker, cert.pem)", GIVEN(tls_certificate)},
	{"tlskey", 0, BERTH_FLAG_TEXT, AT(tls_key), "file",
	 "Key of that certificate (default $DOCKER_CERT_PATH or ~/.docker, key.pem)", GIVEN(tls_key)},
	{"tlsverify", 0, BERTH_FLAG_SWITCH, AT(tls_verify), NULL,
	 "Speak TLS on tcp:// hosts, with clients that have a certificate of the authority's", GIVEN(tls_verify)},
	{"userland-proxy", 0, BERTH_FLAG_SWITCH, AT(userland_proxy), NULL,
	 "Accepted, without effect: ports are published without a process for each", GIVEN(userland_proxy)},
	{"userns", 0, BERTH_FLAG_TEXT, AT(userns), "mode",
	 "User namespace of containers and steps of builds that do not say: host, or auto (ids of its own for each)",
	 .fallback = "host", GIVEN(userns)},
	{"validate", 0, BERTH_FLAG_SWITCH, AT(validate), NULL, "Check the configuration and exit"},
	{"version", 'v', BERTH_FLAG_SWITCH, AT(version), NULL, "Print the version and exit"},
	{0},
};

void daemon_options_clear(struct daemon_options *options)
{
	berth_flags_clear(flags, options);
	g_clear_pointer(&options->warnings, g_ptr_array_unref);
}

void daemon_options_help(GString *out)
{
	g_string_append(out, "Usage:  berthd [OPTIONS]\n\nThe engine of Berth, a container platform\n\nOptions:\n");
	berth_flags_help(flags, 0, out);
}

bool daemon_options_parse(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error)
{
	g_auto(GStrv) rest = NULL;

	if (!berth_flags_parse(flags, options, argc, argv, BERTH_FLAGS_INTERSPERSED, &rest, ret_help, error))
		return false;
	return *ret_help || !rest || !rest[0] ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "\"berthd\" accepts no arguments: %s", rest[0]);
}

// A file of the TLS that nothing was said of.
static void add_tls_default(char **path, const char *name)
{
	const char *folder = g_getenv("DOCKER_CERT_PATH");

	if (!*path)
		*path = folder && *folder ? g_build_filename(folder, name, NULL)
					  : g_build_filename(g_get_home_dir(), CERTIFICATES_DOCKER_HOME, name, NULL);
}

// What holds where nothing else is said.
static void add_defaults(struct daemon_options *options)
{
	static const char *const folders[] = {CERTIFICATES_BERTH, CERTIFICATES_DOCKER, NULL};

	if (!options->registry_certificates)
		options->registry_certificates = g_strdupv((char **) (uintptr_t) folders);
	options->tls = options->tls || options->tls_verify;
	if (options->tls) {
		add_tls_default(&options->tls_certificate, "cert.pem");
		add_tls_default(&options->tls_key, "key.pem");
		if (options->tls_verify)
			add_tls_default(&options->tls_ca, "ca.pem");
	}
	if (options->stop_containers)
		options->live_restore = false;
}

// Takes what one reading has found wrong as the error. True: nothing was.
static bool conclude(const struct daemon_findings *findings, GError **error)
{
	if (findings->errors->len == 0)
		return true;
	g_ptr_array_add(findings->errors, NULL);
	g_autofree char *text = g_strjoinv("\n", (char **) findings->errors->pdata);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s", text);
}

static void find(struct daemon_findings *findings, GError *error)
{
	g_ptr_array_add(findings->errors, g_strdup(error->message));
	g_error_free(error);
}

// The command line for itself tells which file is read and what that must not say again.
static bool read_all(struct daemon_options *options, char **arguments, bool *ret_help, struct daemon_findings *findings)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	struct daemon_options given = {0};
	GError *error = NULL;

	if (!daemon_options_parse(&given, (int) g_strv_length(arguments), arguments, ret_help, &error)) {
		find(findings, error);
		daemon_options_clear(&given);
		return false;
	}
	g_strv_builder_add(builder, arguments[0]);
	if (!*ret_help)
		daemon_file_read(builder, given.config_file, &given, findings);
	daemon_options_clear(&given);
	g_strv_builder_addv(builder, (const char **) (uintptr_t) (arguments + 1));
	g_auto(GStrv) all = g_strv_builder_end(builder);
	if (daemon_options_parse(options, (int) g_strv_length(all), all, ret_help, &error))
		return true;
	find(findings, error);
	return false;
}

bool daemon_options_read(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error)
{
	g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(g_free);
	struct daemon_findings findings = {errors, g_ptr_array_new_with_free_func(g_free)};
	g_auto(GStrv) arguments = daemon_foreign_without(argc, argv, &findings);

	if (read_all(options, arguments, ret_help, &findings) && !*ret_help) {
		add_defaults(options);
		daemon_options_check(options, &findings);
	}
	options->warnings = findings.warnings;
	return *ret_help || conclude(&findings, error);
}

static const struct berth_flag *find_flag(const char *name)
{
	const struct berth_flag *flag = flags;

	while (flag->name && strcmp(flag->name, name) != 0)
		flag++;
	g_assert(flag->name);
	return flag;
}

bool daemon_options_given(const struct daemon_options *options, const char *name)
{
	const struct berth_flag *flag = find_flag(name);

	return flag->given_offset && *(const bool *) ((const char *) options + flag->given_offset);
}

char *daemon_options_text(const struct daemon_options *options, const char *name)
{
	const struct berth_flag *flag = find_flag(name);
	const void *value = (const char *) options + flag->offset;

	if (flag->type == BERTH_FLAG_SWITCH)
		return g_strdup(*(const bool *) value ? "true" : "false");
	if (flag->type == BERTH_FLAG_TEXT)
		return g_strdup(*(char *const *) value);
	if (flag->type != BERTH_FLAG_LIST)
		return g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *) value);
	char **list = *(char **const *) value;
	g_autofree char *joined = list ? g_strjoinv(" ", list) : g_strdup("");
	return g_strdup_printf("[%s]", joined);
}

static bool same_list(char *const *a, char *const *b)
{
	static char *const none[] = {NULL};

	return g_strv_equal((const char *const *) (a ? a : none), (const char *const *) (b ? b : none));
}

static bool same(const struct berth_flag *flag, const struct daemon_options *old, const struct daemon_options *new)
{
	const void *a = (const char *) old + flag->offset, *b = (const char *) new + flag->offset;

	switch (flag->type) {
	case BERTH_FLAG_SWITCH:
		return *(const bool *) a == *(const bool *) b;
	case BERTH_FLAG_TEXT:
		return g_strcmp0(*(char *const *) a, *(char *const *) b) == 0;
	case BERTH_FLAG_LIST:
		return same_list(*(char **const *) a, *(char **const *) b);
	default:
		return *(const int64_t *) a == *(const int64_t *) b;
	}
}

char **daemon_options_differ(const struct daemon_options *old, const struct daemon_options *new,
			     const char *const *reloadable)
{
	GStrvBuilder *builder = g_strv_builder_new();

	for (const struct berth_flag *flag = flags; flag->name; flag++)
		if (!same(flag, old, new) && !g_strv_contains(reloadable, flag->name))
			g_strv_builder_add(builder, flag->name);
	char **names = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return names;
}
