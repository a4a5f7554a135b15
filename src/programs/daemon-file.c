// SPDX-License-Identifier: Apache-2.0
// The configuration file: JSON with Docker's keys. Each is the flag of a like name, and becomes its argument; so a
// value is read and checked in one way, wherever it stands.
#include "programs/daemon-foreign.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

#define POOLS "default-address-pools" // [{"base": "172.18.0.0/15", "size": 24}]
#define ULIMITS "default-ulimits" // {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}

#define AT(member) offsetof(struct daemon_options, member)

static void G_GNUC_PRINTF(2, 3) add_text(GPtrArray *arguments, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_ptr_array_add(arguments, g_strdup_vprintf(format, values));
	va_end(values);
}

// Objects here, as in Docker's file; the flag has them as text.
static bool add_pools(GPtrArray *arguments, const json_t *value)
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
		add_text(arguments, "--default-address-pool=base=%s,size=%" JSON_INTEGER_FORMAT,
			 json_string_value(base), json_integer_value(size));
	}
	return true;
}

static bool add_ulimits(GPtrArray *arguments, const json_t *value)
{
	const char *name;
	json_t *limit;

	if (!json_is_object(value))
		return false;
	json_object_foreach((json_t *) value, name, limit)
	{
		const json_t *soft = json_object_get(limit, "Soft"), *hard = json_object_get(limit, "Hard");
		if (!json_is_integer(soft) || !json_is_integer(hard))
			return false;
		add_text(arguments, "--default-ulimit=%s=%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, name,
			 json_integer_value(soft), json_integer_value(hard));
	}
	return true;
}

static bool add_features(GPtrArray *arguments, const json_t *value)
{
	const char *name;
	json_t *on;

	if (!json_is_object(value))
		return false;
	json_object_foreach((json_t *) value, name, on)
	{
		if (!json_is_boolean(on))
			return false;
		add_text(arguments, "--feature=%s=%s", name, json_is_true(on) ? "true" : "false");
	}
	return true;
}

static bool add_proxies(GPtrArray *arguments, const json_t *value)
{
	static const char *const names[] = {"http-proxy", "https-proxy", "no-proxy", NULL};
	const char *name;
	json_t *proxy;

	if (!json_is_object(value))
		return false;
	json_object_foreach((json_t *) value, name, proxy)
	{
		if (!json_is_string(proxy) || !g_strv_contains(names, name))
			return false;
		add_text(arguments, "--%s=%s", name, json_string_value(proxy));
	}
	return true;
}

// Docker's names, the type of their value, and the flag that each stands for.
static const struct key {
	const char *name;
	json_type type; // of a value, JSON_TRUE for both switches
	const char *flag;
	size_t given;
	bool (*add)(GPtrArray *arguments, const json_t *value); // NULL: add_plain(). False: it is of the wrong type
} keys[] = {
	{"allow-insecure-tcp", JSON_TRUE, "allow-insecure-tcp", AT(given.insecure_tcp)},
	{"authorization-plugins", JSON_ARRAY, "authorization-plugin", AT(given.authorization_plugins)},
	{"bip", JSON_STRING, "bip", AT(given.bip)},
	{"bridge", JSON_STRING, "bridge", AT(given.bridge)},
	{"cdi-spec-dirs", JSON_ARRAY, "cdi-spec-dir", AT(given.cdi_folders)},
	{"cgroup-parent", JSON_STRING, "cgroup-parent", AT(given.cgroup_parent)},
	{"cni-config-folders", JSON_ARRAY, "cni-config-folder", AT(given.cni_folders)},
	{"cni-plugin-folders", JSON_ARRAY, "cni-plugin-folder", AT(given.cni_programs)},
	{"data-root", JSON_STRING, "data-root", AT(given.data_root)},
	{"debug", JSON_TRUE, "debug", AT(given.debug)},
	{POOLS, JSON_ARRAY, "default-address-pool", AT(given.address_pools), add_pools},
	{"default-cgroupns-mode", JSON_STRING, "default-cgroupns-mode", AT(given.default_cgroupns)},
	{"default-ipc-mode", JSON_STRING, "default-ipc-mode", AT(given.default_ipc)},
	{"default-runtime", JSON_STRING, "default-runtime", AT(given.default_runtime)},
	{"default-shm-size", JSON_STRING, "default-shm-size", AT(given.default_shm_size)},
	{ULIMITS, JSON_OBJECT, "default-ulimit", AT(given.default_ulimits), add_ulimits},
	{"dns", JSON_ARRAY, "dns", AT(given.dns)},
	{"dns-opts", JSON_ARRAY, "dns-opt", AT(given.dns_options)},
	{"dns-search", JSON_ARRAY, "dns-search", AT(given.dns_search)},
	{"event-hours", JSON_INTEGER, "event-hours", AT(given.event_hours)},
	{"event-limit", JSON_INTEGER, "event-limit", AT(given.event_limit)},
	{"exec-opts", JSON_ARRAY, "exec-opt", AT(given.exec_options)},
	{"exec-root", JSON_STRING, "exec-root", AT(given.exec_root)},
	{"features", JSON_OBJECT, "feature", AT(given.features), add_features},
	{"fixed-cidr", JSON_STRING, "fixed-cidr", AT(given.fixed_cidr)},
	{"fixed-cidr-v6", JSON_STRING, "fixed-cidr-v6", AT(given.fixed_cidr_v6)},
	{"group", JSON_STRING, "group", AT(given.group)},
	{"host-gateway-ip", JSON_STRING, "host-gateway-ip", AT(given.host_gateway)},
	{"host-gateway-ips", JSON_ARRAY, "host-gateway-ip", AT(given.host_gateway)},
	{"hosts", JSON_ARRAY, "host", AT(given.hosts)},
	{"icc", JSON_TRUE, "icc", AT(given.icc)},
	{"init", JSON_TRUE, "init", AT(given.init)},
	{"init-path", JSON_STRING, "init-path", AT(given.init_path)},
	{"insecure-registries", JSON_ARRAY, "insecure-registry", AT(given.insecure_registries)},
	{"ip", JSON_STRING, "ip", AT(given.host_address)},
	{"ip-forward", JSON_TRUE, "ip-forward", AT(given.ip_forward)},
	{"ip-masq", JSON_TRUE, "ip-masq", AT(given.ip_masq)},
	{"ip6tables", JSON_TRUE, "ip6tables", AT(given.ip6tables)},
	{"iptables", JSON_TRUE, "iptables", AT(given.iptables)},
	{"ipv6", JSON_TRUE, "ipv6", AT(given.ipv6)},
	{"labels", JSON_ARRAY, "label", AT(given.labels)},
	{"live-restore", JSON_TRUE, "live-restore", AT(given.live_restore)},
	{"log-driver", JSON_STRING, "log-driver", AT(given.log_driver)},
	{"log-format", JSON_STRING, "log-format", AT(given.log_format)},
	{"log-level", JSON_STRING, "log-level", AT(given.log_level)},
	{"log-opts", JSON_OBJECT, "log-opt", AT(given.log_options)},
	{"max-concurrent-downloads", JSON_INTEGER, "max-concurrent-downloads", AT(given.downloads)},
	{"max-concurrent-uploads", JSON_INTEGER, "max-concurrent-uploads", AT(given.uploads)},
	{"metrics-addr", JSON_STRING, "metrics-addr", AT(given.metrics_address)},
	{"mtu", JSON_INTEGER, "mtu", AT(given.mtu)},
	{"no-new-privileges", JSON_TRUE, "no-new-privileges", AT(given.no_new_privileges)},
	{"oom-score-adjust", JSON_INTEGER, "oom-score-adjust", AT(given.oom_score_adjust)},
	{"pidfile", JSON_STRING, "pidfile", AT(given.pidfile)},
	{"plugin-folders", JSON_ARRAY, "plugin-folder", AT(given.plugin_folders)},
	{"proxies", JSON_OBJECT, "http-proxy", AT(given.http_proxy), add_proxies},
	{"published-ports", JSON_STRING, "published-ports", AT(given.published_ports)},
	{"registry-certificates", JSON_ARRAY, "registry-certificates", AT(given.registry_certificates)},
	{"registry-mirrors", JSON_ARRAY, "registry-mirror", AT(given.registry_mirrors)},
	{"seccomp-profile", JSON_STRING, "seccomp-profile", AT(given.seccomp_profile)},
	{"shutdown-timeout", JSON_INTEGER, "shutdown-timeout", AT(given.shutdown_timeout)},
	{"stop-containers", JSON_TRUE, "stop-containers", AT(given.stop_containers)},
	{"storage-driver", JSON_STRING, "storage-driver", AT(given.storage_driver)},
	{"tls", JSON_TRUE, "tls", AT(given.tls)},
	{"tlscacert", JSON_STRING, "tlscacert", AT(given.tls_ca)},
	{"tlscert", JSON_STRING, "tlscert", AT(given.tls_certificate)},
	{"tlskey", JSON_STRING, "tlskey", AT(given.tls_key)},
	{"tlsverify", JSON_TRUE, "tlsverify", AT(given.tls_verify)},
	{"userland-proxy", JSON_TRUE, "userland-proxy", AT(given.userland_proxy)},
	{"userns", JSON_STRING, "userns", AT(given.userns)},
};

static const char *known_key(size_t index)
{
	return index < G_N_ELEMENTS(keys) ? keys[index].name : NULL;
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static const char *type_name(const struct key *key)
{
	return strcmp(key->name, POOLS) == 0     ? "an array of {\"base\": \"ADDRESS/LENGTH\", \"size\": LENGTH}"
	       : strcmp(key->name, ULIMITS) == 0 ? "an object of {\"Soft\": NUMBER, \"Hard\": NUMBER}"
	       : key->add == add_features        ? "an object of switches"
	       : key->add == add_proxies         ? "an object of http-proxy, https-proxy, no-proxy"
	       : key->type == JSON_ARRAY         ? "an array of strings"
	       : key->type == JSON_OBJECT        ? "an object of strings"
	       : key->type == JSON_TRUE          ? "true or false"
	       : key->type == JSON_INTEGER       ? "a number"
						 : "a string";
}

static bool add_plain(GPtrArray *arguments, const struct key *key, const json_t *value)
{
	const char *name;
	json_t *element;
	size_t i;

	if (json_is_boolean(value) && key->type == JSON_TRUE)
		add_text(arguments, "--%s=%s", key->flag, json_is_true(value) ? "true" : "false");
	else if (json_typeof(value) != key->type)
		return false;
	else if (json_is_string(value))
		add_text(arguments, "--%s=%s", key->flag, json_string_value(value));
	else if (json_is_integer(value))
		add_text(arguments, "--%s=%" JSON_INTEGER_FORMAT, key->flag, json_integer_value(value));
	json_array_foreach(value, i, element)
	{
		if (!json_is_string(element))
			return false;
		add_text(arguments, "--%s=%s", key->flag, json_string_value(element));
	}
	json_object_foreach((json_t *) value, name, element)
	{
		if (!json_is_string(element))
			return false;
		add_text(arguments, "--%s=%s=%s", key->flag, name, json_string_value(element));
	}
	return true;
}

// One setting of the file: its arguments, of which those that are no good become findings.
static void read_key(GStrvBuilder *builder, const char *path, const struct key *key, const json_t *value,
		     struct daemon_findings *findings)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

	if (!(key->add ? key->add(arguments, value) : add_plain(arguments, key, value))) {
		g_ptr_array_add(findings->errors,
				g_strdup_printf("%s: %s: expected %s", path, key->name, type_name(key)));
		return;
	}
	for (guint i = 0; i < arguments->len; i++) {
		char *argument = arguments->pdata[i], *const alone[] = {(char *) "berthd", argument, NULL};
		struct daemon_options options = {0};
		g_autoptr(GError) error = NULL;
		bool help = false;
		if (daemon_options_parse(&options, 2, alone, &help, &error))
			g_strv_builder_add(builder, argument);
		else
			g_ptr_array_add(findings->errors,
					g_strdup_printf("%s: %s: %s", path, key->name, error->message));
		daemon_options_clear(&options);
	}
}

static void note_conflict(GString *conflicts, const struct key *key, const struct daemon_options *given,
			  const json_t *value)
{
	g_autofree char *flag = daemon_options_text(given, key->flag);
	g_autofree char *file = berth_json_text(value);

	g_string_append_printf(conflicts, "%s%s: (from flag --%s: %s, from file: %s)", conflicts->len ? ", " : "",
			       key->name, key->flag, flag, file);
}

static void note_unknown(GString *unknown, const char *name)
{
	const char *near = daemon_foreign_nearest(name, known_key);

	g_string_append_printf(unknown, "%s%s", unknown->len ? ", " : "", name);
	if (near)
		g_string_append_printf(unknown, " (did you mean \"%s\"?)", near);
}

static void read_object(GStrvBuilder *builder, const char *path, json_t *json, const struct daemon_options *given,
			struct daemon_findings *findings)
{
	g_autoptr(GString) unknown = g_string_new(NULL), conflicts = g_string_new(NULL);
	const char *name;
	json_t *value;

	json_object_foreach(json, name, value)
	{
		const struct key *key = find_key(name);
		if (!key && !daemon_foreign_key(path, name, value, findings))
			note_unknown(unknown, name);
		else if (key && *(const bool *) ((const char *) given + key->given))
			note_conflict(conflicts, key, given, value);
		else if (key)
			read_key(builder, path, key, value, findings);
	}
	if (unknown->len)
		g_ptr_array_add(findings->errors, g_strdup_printf("%s: the following directives don't match any "
								  "configuration option: %s",
								  path, unknown->str));
	if (conflicts->len)
		g_ptr_array_add(findings->errors,
				g_strdup_printf("%s: the following directives are specified both as a flag and in the "
						"configuration file: %s",
						path, conflicts->str));
}

void daemon_file_read(GStrvBuilder *arguments, const char *path, const struct daemon_options *given,
		      struct daemon_findings *findings)
{
	g_autoptr(GError) error = NULL;
	size_t length;

	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, &error);
	if (!text && !given->given.config_file && g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return; // nobody asked for it
	BERTH_AUTO_JSON json_t *json = text ? berth_json_parse(text, length, path, &error) : NULL;
	if (json_is_object(json))
		read_object(arguments, path, json, given, findings);
	else
		g_ptr_array_add(findings->errors,
				error ? g_strdup(error->message) : g_strdup_printf("%s: expected an object", path));
}
