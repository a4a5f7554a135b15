// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-options.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

#define CERTIFICATES_BERTH "/etc/berth/certs.d"
#define CERTIFICATES_DOCKER "/etc/docker/certs.d"

#define POOLS "default-address-pools" // [{"base": "172.18.0.0/15", "size": 24}]
#define MTU_LEAST 68 // RFC 791

#define AT(member) offsetof(struct daemon_options, member)
#define GIVEN(member) .given_offset = offsetof(struct daemon_options, given.member)

static const struct berth_flag flags[] = {
	{"allow-insecure-tcp", 0, BERTH_FLAG_SWITCH, AT(insecure_tcp), NULL,
	 "Allow tcp:// hosts, which give everyone who can connect the rights of root", GIVEN(insecure_tcp)},
	{"add-runtime", 0, BERTH_FLAG_LIST, AT(runtimes), "runtime", "Register a further OCI runtime (not supported)"},
	{"bip", 0, BERTH_FLAG_TEXT, AT(bip), NULL,
	 "Address of the host on the default bridge, with prefix length (default: a free subnet is chosen)",
	 GIVEN(bip)},
	{"bridge", 'b', BERTH_FLAG_TEXT, AT(bridge), NULL, "\"none\": containers have no network of themselves",
	 GIVEN(bridge)},
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
	{"default-ulimit", 0, BERTH_FLAG_LIST, AT(default_ulimits), "ulimit",
	 "Default ulimits of containers (not supported)"},
	{"describe-api", 0, BERTH_FLAG_SWITCH, AT(describe_api), NULL, "Print the API's description and exit",
	 .flags = BERTH_FLAG_HIDDEN},
	{"dns", 0, BERTH_FLAG_LIST, AT(dns), "list", "DNS servers of containers (default: the host's)", GIVEN(dns)},
	{"dns-opt", 0, BERTH_FLAG_LIST, AT(dns_options), "list", "DNS options of containers", GIVEN(dns_options)},
	{"dns-search", 0, BERTH_FLAG_LIST, AT(dns_search), "list", "DNS search domains of containers",
	 GIVEN(dns_search)},
	{"exec-root", 0, BERTH_FLAG_TEXT, AT(exec_root), NULL, "Root folder of what is gone at reboot",
	 .fallback = "/run/berth", GIVEN(exec_root)},
	{"fixed-cidr", 0, BERTH_FLAG_TEXT, AT(fixed_cidr), NULL,
	 "Part of the default bridge's subnet (--bip) that containers' addresses are of", GIVEN(fixed_cidr)},
	{"fixed-cidr-v6", 0, BERTH_FLAG_TEXT, AT(fixed_cidr_v6), NULL, "IPv6 subnet of the default bridge",
	 GIVEN(fixed_cidr_v6)},
	{"group", 'G', BERTH_FLAG_TEXT, AT(group), NULL, "Group of the unix socket (default \"berth\" if there is one)",
	 GIVEN(group)},
	{"host", 'H', BERTH_FLAG_LIST, AT(hosts), "list",
	 "Where to listen: unix://, fd://, tcp:// (default unix:///run/berth/berth.sock)", GIVEN(hosts)},
	{"host-gateway-ip", 0, BERTH_FLAG_LIST, AT(host_gateway), "list",
	 "Addresses that host-gateway of --add-host stands for (default: the host's on the default bridge)",
	 GIVEN(host_gateway)},
	{"icc", 0, BERTH_FLAG_SWITCH, AT(icc), NULL, "Containers on the default bridge reach each other",
	 .fallback = "true", GIVEN(icc)},
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
	{"monitor-path", 0, BERTH_FLAG_TEXT, AT(monitor_path), NULL, "Path of berth-monitor"},
	{"mtu", 0, BERTH_FLAG_INTEGER, AT(mtu), "int", "MTU of the default bridge (default 1500)", GIVEN(mtu)},
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
	{"storage-driver", 's', BERTH_FLAG_TEXT, AT(storage_driver), NULL,
	 "Storage driver: overlay or copy (default: what the data root can do)", GIVEN(storage_driver)},
	{"userland-proxy", 0, BERTH_FLAG_SWITCH, AT(userland_proxy), NULL,
	 "Must be false: ports are published without a process for each", GIVEN(userland_proxy)},
	{"userns", 0, BERTH_FLAG_TEXT, AT(userns), "mode",
	 "User namespace of containers that do not say: host, or auto (ids of its own for each)", .fallback = "host",
	 GIVEN(userns)},
	{"validate", 0, BERTH_FLAG_SWITCH, AT(validate), NULL, "Check the configuration and exit"},
	{"version", 'v', BERTH_FLAG_SWITCH, AT(version), NULL, "Print the version and exit"},
	{0},
};

// Keys of the configuration file: Docker's names, the type of their value, and the flag that each stands for.
static const struct key {
	const char *name;
	json_type type; // of a value, JSON_TRUE for both switches
	const char *flag;
	size_t given;
} keys[] = {
	{"allow-insecure-tcp", JSON_TRUE, "allow-insecure-tcp", AT(given.insecure_tcp)},
	{"bip", JSON_STRING, "bip", AT(given.bip)},
	{"bridge", JSON_STRING, "bridge", AT(given.bridge)},
	{"cgroup-parent", JSON_STRING, "cgroup-parent", AT(given.cgroup_parent)},
	{"cni-config-folders", JSON_ARRAY, "cni-config-folder", AT(given.cni_folders)},
	{"cni-plugin-folders", JSON_ARRAY, "cni-plugin-folder", AT(given.cni_programs)},
	{"data-root", JSON_STRING, "data-root", AT(given.data_root)},
	{"debug", JSON_TRUE, "debug", AT(given.debug)},
	{POOLS, JSON_ARRAY, "default-address-pool", AT(given.address_pools)},
	{"dns", JSON_ARRAY, "dns", AT(given.dns)},
	{"dns-opts", JSON_ARRAY, "dns-opt", AT(given.dns_options)},
	{"dns-search", JSON_ARRAY, "dns-search", AT(given.dns_search)},
	{"exec-root", JSON_STRING, "exec-root", AT(given.exec_root)},
	{"fixed-cidr", JSON_STRING, "fixed-cidr", AT(given.fixed_cidr)},
	{"fixed-cidr-v6", JSON_STRING, "fixed-cidr-v6", AT(given.fixed_cidr_v6)},
	{"group", JSON_STRING, "group", AT(given.group)},
	{"hosts", JSON_ARRAY, "host", AT(given.hosts)},
	{"host-gateway-ip", JSON_STRING, "host-gateway-ip", AT(given.host_gateway)},
	{"icc", JSON_TRUE, "icc", AT(given.icc)},
	{"init-path", JSON_STRING, "init-path", AT(given.init_path)},
	{"insecure-registries", JSON_ARRAY, "insecure-registry", AT(given.insecure_registries)},
	{"ip", JSON_STRING, "ip", AT(given.host_address)},
	{"ip-forward", JSON_TRUE, "ip-forward", AT(given.ip_forward)},
	{"ip-masq", JSON_TRUE, "ip-masq", AT(given.ip_masq)},
	{"ip6tables", JSON_TRUE, "ip6tables", AT(given.ip6tables)},
	{"iptables", JSON_TRUE, "iptables", AT(given.iptables)},
	{"ipv6", JSON_TRUE, "ipv6", AT(given.ipv6)},
	{"labels", JSON_ARRAY, "label", AT(given.labels)},
	{"log-driver", JSON_STRING, "log-driver", AT(given.log_driver)},
	{"log-format", JSON_STRING, "log-format", AT(given.log_format)},
	{"log-level", JSON_STRING, "log-level", AT(given.log_level)},
	{"log-opts", JSON_OBJECT, "log-opt", AT(given.log_options)},
	{"max-concurrent-downloads", JSON_INTEGER, "max-concurrent-downloads", AT(given.downloads)},
	{"max-concurrent-uploads", JSON_INTEGER, "max-concurrent-uploads", AT(given.uploads)},
	{"mtu", JSON_INTEGER, "mtu", AT(given.mtu)},
	{"pidfile", JSON_STRING, "pidfile", AT(given.pidfile)},
	{"plugin-folders", JSON_ARRAY, "plugin-folder", AT(given.plugin_folders)},
	{"published-ports", JSON_STRING, "published-ports", AT(given.published_ports)},
	{"registry-certificates", JSON_ARRAY, "registry-certificates", AT(given.registry_certificates)},
	{"registry-mirrors", JSON_ARRAY, "registry-mirror", AT(given.registry_mirrors)},
	{"storage-driver", JSON_STRING, "storage-driver", AT(given.storage_driver)},
	{"userland-proxy", JSON_TRUE, "userland-proxy", AT(given.userland_proxy)},
	{"userns", JSON_STRING, "userns", AT(given.userns)},
};

void daemon_options_clear(struct daemon_options *options)
{
	berth_flags_clear(flags, options);
}

void daemon_options_help(GString *out)
{
	g_string_append(out, "Usage:  berthd [OPTIONS]\n\nThe engine of Berth, a container platform\n\nOptions:\n");
	berth_flags_help(flags, 0, out);
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

// Appends one value as an argument, --flag=value. False if it is of the wrong type.
static bool add_argument(GStrvBuilder *arguments, const struct key *key, const json_t *value)
{
	const char *name;
	json_t *element;
	size_t i;

	if (json_is_boolean(value)) {
		g_autofree char *text = g_strdup_printf("--%s=%s", key->flag, json_is_true(value) ? "true" : "false");
		g_strv_builder_add(arguments, text);
		return key->type == JSON_TRUE;
	}
	if (json_is_string(value)) {
		g_autofree char *text = g_strdup_printf("--%s=%s", key->flag, json_string_value(value));
		g_strv_builder_add(arguments, text);
		return key->type == JSON_STRING;
	}
	if (json_typeof(value) != key->type)
		return false;
	if (json_is_integer(value)) {
		g_autofree char *text =
			g_strdup_printf("--%s=%" JSON_INTEGER_FORMAT, key->flag, json_integer_value(value));
		g_strv_builder_add(arguments, text);
		return true;
	}
	json_array_foreach(value, i, element)
	{
		struct key one = {.flag = key->flag, .type = JSON_STRING};
		if (!json_is_string(element) || !add_argument(arguments, &one, element))
			return false;
	}
	json_object_foreach((json_t *) value, name, element)
	{
		if (!json_is_string(element))
			return false;
		g_autofree char *text = g_strdup_printf("--%s=%s=%s", key->flag, name, json_string_value(element));
		g_strv_builder_add(arguments, text);
	}
	return json_is_array(value) || json_is_object(value);
}

// Objects here, as in Docker's file; the flag has them as text.
static bool add_pools(GStrvBuilder *arguments, const json_t *value)
{
	json_t *pool;
	size_t i;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, pool)
	{
		const json_t *base = json_object_get(pool, "base"), *size = json_object_get(pool, "size");
		if (!json_is_string(base) || !json_is_integer(size) || json_object_size(pool) != 2)
			return false;
		g_autofree char *text = g_strdup_printf("--default-address-pool=base=%s,size=%" JSON_INTEGER_FORMAT,
							json_string_value(base), json_integer_value(size));
		g_strv_builder_add(arguments, text);
	}
	return true;
}

static const char *type_name(json_type type)
{
	return type == JSON_ARRAY     ? "an array of strings"
	       : type == JSON_OBJECT  ? "an object of strings"
	       : type == JSON_TRUE    ? "true or false"
	       : type == JSON_INTEGER ? "a number"
				      : "a string";
}

// The file's settings as arguments. `given` are those of the command line.
static bool add_file(GStrvBuilder *arguments, const char *path, const struct daemon_options *given, GError **error)
{
	g_autoptr(GError) failure = NULL;
	const char *name;
	size_t length;
	json_t *value;

	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, &failure);
	if (!text && !given->given.config_file && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true; // nobody asked for it
	if (!text) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, length, path, error);
	if (!json)
		return false;
	if (!json_is_object(json))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected an object", path);
	json_object_foreach(json, name, value)
	{
		const struct key *key = find_key(name);
		if (!key)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "%s: the following directives don't match any configuration option: %s",
					       path, name);
		if (*(const bool *) ((const char *) given + key->given))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "%s: the following directives are specified both as a flag and in the "
					       "configuration file: %s (flag --%s)",
					       path, name, key->flag);
		if (strcmp(name, POOLS) == 0 ? !add_pools(arguments, value) : !add_argument(arguments, key, value))
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: %s: expected %s", path, name,
					       type_name(key->type));
	}
	return true;
}

static bool parse(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error)
{
	g_auto(GStrv) rest = NULL;

	if (!berth_flags_parse(flags, options, argc, argv, BERTH_FLAGS_INTERSPERSED, &rest, ret_help, error))
		return false;
	return *ret_help || !rest || !rest[0] ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "\"berthd\" accepts no arguments: %s", rest[0]);
}

static bool check_folders(const struct daemon_options *options, GError **error)
{
	const struct {
		const char *flag;
		char *const *folders;
	} lists[] = {{"--cni-config-folder", options->cni_folders},
		     {"--cni-plugin-folder", options->cni_programs},
		     {"--plugin-folder", options->plugin_folders}};

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		for (char *const *folder = lists[i].folders; folder && *folder; folder++)
			if (**folder != '/')
				return berth_error_set(error, BERTH_ERROR_INVALID, "%s %s: it is no absolute path",
						       lists[i].flag, *folder);
	return true;
}

static bool check_network(const struct daemon_options *options, GError **error)
{
	if (options->bridge && *options->bridge && strcmp(options->bridge, "none") != 0)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--bridge %s: the default bridge is one of Berth's own, or \"none\"; make a "
				       "network for a bridge that is there (network create -o "
				       "com.docker.network.bridge.name=%s)",
				       options->bridge, options->bridge);
	if (!options->iptables || !options->ip6tables)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"--ip%stables=false: without rules no network is isolated and no port published; "
			"Berth's are in a table of nftables of its own and change no other",
			options->iptables ? "6" : "");
	if (options->userland_proxy)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--userland-proxy=true: there is no proxy; published ports are reached from the "
				       "host itself without one");
	if (options->fixed_cidr && !options->bip)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--fixed-cidr is a part of --bip's subnet: say both");
	if (options->mtu != 0 && (options->mtu < MTU_LEAST || options->mtu > G_MAXUINT16))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--mtu: %" G_GINT64_FORMAT " is not %d to %d",
				       options->mtu, MTU_LEAST, G_MAXUINT16);
	return true;
}

static bool check(const struct daemon_options *options, GError **error)
{
	if (options->default_ulimits)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--default-ulimit is not supported by this version; give containers --ulimit");
	if (options->runtimes)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--add-runtime is not supported: Berth runs containers with its own runtime");
	if (strcmp(options->log_format, "text") != 0 && strcmp(options->log_format, "json") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--log-format: \"%s\" is neither text nor json",
				       options->log_format);
	if (options->downloads < 1 || options->uploads < 1)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: %" G_GINT64_FORMAT " is less than 1",
				       options->downloads < 1 ? "--max-concurrent-downloads"
							      : "--max-concurrent-uploads",
				       MIN(options->downloads, options->uploads));
	if (MAX(options->downloads, options->uploads) > BERTH_LIMIT_TRANSFERS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is more than the limit of %d",
				       options->downloads > BERTH_LIMIT_TRANSFERS ? "--max-concurrent-downloads"
										  : "--max-concurrent-uploads",
				       BERTH_LIMIT_TRANSFERS);
	if (strcmp(options->userns, "host") != 0 && strcmp(options->userns, "auto") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--userns: \"%s\" is neither host nor auto",
				       options->userns);
	for (char **label = options->labels; label && *label; label++)
		if (!strchr(*label, '=') || **label == '=')
			return berth_error_set(error, BERTH_ERROR_INVALID, "--label: \"%s\" is not key=value", *label);
	return check_network(options, error) && check_folders(options, error);
}

// The folders that hold where nothing else is said.
static void add_defaults(struct daemon_options *options)
{
	static const char *const folders[] = {CERTIFICATES_BERTH, CERTIFICATES_DOCKER, NULL};

	if (!options->registry_certificates)
		options->registry_certificates = g_strdupv((char **) (uintptr_t) folders);
}

bool daemon_options_read(struct daemon_options *options, int argc, char *const *argv, bool *ret_help, GError **error)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	struct daemon_options given = {0};

	if (!parse(&given, argc, argv, ret_help, error) || *ret_help) {
		daemon_options_clear(&given);
		return *ret_help;
	}
	g_strv_builder_add(builder, argv[0]);
	bool read = add_file(builder, given.config_file, &given, error);
	daemon_options_clear(&given);
	if (!read)
		return false;
	g_strv_builder_addv(builder, (const char **) (uintptr_t) (argv + 1));
	g_auto(GStrv) all = g_strv_builder_end(builder);
	if (!parse(options, (int) g_strv_length(all), all, ret_help, error) || !check(options, error))
		return false;
	add_defaults(options);
	return true;
}
