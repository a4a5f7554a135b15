// SPDX-License-Identifier: Apache-2.0
// The configuration file: JSON with Docker's keys. Each is the flag of a like name, and becomes its argument; so a
// value is read and checked in one way, wherever it stands.
#include "programs/daemon-foreign.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

static bool G_GNUC_PRINTF(2, 3) add(GPtrArray *arguments, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_ptr_array_add(arguments, g_strdup_vprintf(format, values));
	va_end(values);
	return true;
}

// How values become arguments: `name` is the member's where the setting is an object. False: of the wrong type.

static bool add_switch(GPtrArray *arguments, const char *flag, G_GNUC_UNUSED const char *name, const json_t *value)
{
	return add(arguments, "--%s=%s", flag, json_is_true(value) ? "true" : "false");
}

static bool add_number(GPtrArray *arguments, const char *flag, G_GNUC_UNUSED const char *name, const json_t *value)
{
	return add(arguments, "--%s=%" JSON_INTEGER_FORMAT, flag, json_integer_value(value));
}

static bool add_text(GPtrArray *arguments, const char *flag, G_GNUC_UNUSED const char *name, const json_t *value)
{
	return json_is_string(value) && add(arguments, "--%s=%s", flag, json_string_value(value));
}

static bool add_pair(GPtrArray *arguments, const char *flag, const char *name, const json_t *value)
{
	return json_is_string(value) && add(arguments, "--%s=%s=%s", flag, name, json_string_value(value));
}

static bool add_feature(GPtrArray *arguments, const char *flag, const char *name, const json_t *value)
{
	return json_is_boolean(value) &&
	       add(arguments, "--%s=%s=%s", flag, name, json_is_true(value) ? "true" : "false");
}

static bool add_pool(GPtrArray *arguments, const char *flag, G_GNUC_UNUSED const char *name, const json_t *value)
{
	const json_t *base = json_object_get(value, "base"), *size = json_object_get(value, "size");

	return json_is_string(base) && json_is_integer(size) && json_object_size(value) == 2 &&
	       add(arguments, "--%s=base=%s,size=%" JSON_INTEGER_FORMAT, flag, json_string_value(base),
		   json_integer_value(size));
}

static bool add_ulimit(GPtrArray *arguments, const char *flag, const char *name, const json_t *value)
{
	const json_t *soft = json_object_get(value, "Soft"), *hard = json_object_get(value, "Hard");

	return json_is_integer(soft) && json_is_integer(hard) &&
	       add(arguments, "--%s=%s=%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, flag, name,
		   json_integer_value(soft), json_integer_value(hard));
}

// Each of them is a flag.
static bool add_proxy(GPtrArray *arguments, G_GNUC_UNUSED const char *flag, const char *name, const json_t *value)
{
	static const char *const names[] = {"http-proxy", "https-proxy", "no-proxy", NULL};

	return g_strv_contains(names, name) && add_text(arguments, name, NULL, value);
}

// It stays what it is: daemon-builder.c reads it.
static bool add_builder(GPtrArray *arguments, const char *flag, G_GNUC_UNUSED const char *name, const json_t *value)
{
	g_autofree char *text = berth_json_text(value);

	return add(arguments, "--%s=%s", flag, text);
}

// What a setting is in the file. Of an array and of an object each element is added, if it is not taken as a whole.
struct kind {
	json_type type; // JSON_TRUE for both switches
	bool (*add)(GPtrArray *arguments, const char *flag, const char *name, const json_t *value);
	const char *expected;
	bool whole;
};
static const struct kind truth = {JSON_TRUE, add_switch, "true or false"};
static const struct kind number = {JSON_INTEGER, add_number, "a number"};
static const struct kind text = {JSON_STRING, add_text, "a string"};
static const struct kind list = {JSON_ARRAY, add_text, "an array of strings"};
static const struct kind pairs = {JSON_OBJECT, add_pair, "an object of strings"};
static const struct kind features = {JSON_OBJECT, add_feature, "an object of switches"};
static const struct kind proxies = {JSON_OBJECT, add_proxy, "an object of http-proxy, https-proxy, no-proxy"};
static const struct kind builds = {JSON_OBJECT, add_builder, "an object of gc and entitlements", true};
static const struct kind pools = {JSON_ARRAY, add_pool, "an array of {\"base\": \"ADDRESS/LENGTH\", \"size\": LENGTH}"};
static const struct kind ulimits = {JSON_OBJECT, add_ulimit, "an object of {\"Soft\": NUMBER, \"Hard\": NUMBER}"};

// Docker's names, and the flag that each stands for.
static const struct key {
	const char *name;
	const struct kind *kind;
	const char *flag; // NULL: it has the same name
} keys[] = {
	{"allow-insecure-tcp", &truth},
	{"authorization-plugins", &list, "authorization-plugin"},
	{"bip", &text},
	{"bridge", &text},
	{"builder", &builds},
	{"cdi-spec-dirs", &list, "cdi-spec-dir"},
	{"cgroup-parent", &text},
	{"cni-config-folders", &list, "cni-config-folder"},
	{"cni-plugin-folders", &list, "cni-plugin-folder"},
	{"data-root", &text},
	{"debug", &truth},
	{"default-address-pools", &pools, "default-address-pool"},
	{"default-cgroupns-mode", &text},
	{"default-ipc-mode", &text},
	{"default-runtime", &text},
	{"default-shm-size", &text},
	{"default-ulimits", &ulimits, "default-ulimit"},
	{"dns", &list},
	{"dns-opts", &list, "dns-opt"},
	{"dns-search", &list},
	{"event-hours", &number},
	{"event-limit", &number},
	{"exec-opts", &list, "exec-opt"},
	{"exec-root", &text},
	{"features", &features, "feature"},
	{"fixed-cidr", &text},
	{"fixed-cidr-v6", &text},
	{"group", &text},
	{"host-gateway-ip", &text},
	{"host-gateway-ips", &list, "host-gateway-ip"},
	{"hosts", &list, "host"},
	{"icc", &truth},
	{"init", &truth},
	{"init-path", &text},
	{"insecure-registries", &list, "insecure-registry"},
	{"ip", &text},
	{"ip-forward", &truth},
	{"ip-masq", &truth},
	{"ip6tables", &truth},
	{"iptables", &truth},
	{"ipv6", &truth},
	{"labels", &list, "label"},
	{"live-restore", &truth},
	{"log-driver", &text},
	{"log-format", &text},
	{"log-level", &text},
	{"log-opts", &pairs, "log-opt"},
	{"max-concurrent-downloads", &number},
	{"max-concurrent-uploads", &number},
	{"metrics-addr", &text},
	{"mtu", &number},
	{"no-new-privileges", &truth},
	{"oom-score-adjust", &number},
	{"pidfile", &text},
	{"plugin-folders", &list, "plugin-folder"},
	{"proxies", &proxies, "http-proxy"},
	{"published-ports", &text},
	{"registry-certificates", &list},
	{"registry-mirrors", &list, "registry-mirror"},
	{"seccomp-profile", &text},
	{"shutdown-timeout", &number},
	{"stop-containers", &truth},
	{"storage-driver", &text},
	{"tls", &truth},
	{"tlscacert", &text},
	{"tlscert", &text},
	{"tlskey", &text},
	{"tlsverify", &truth},
	{"userland-proxy", &truth},
	{"userns", &text},
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

static const char *flag_of(const struct key *key)
{
	return key->flag ? key->flag : key->name;
}

static bool add_value(GPtrArray *arguments, const struct key *key, const json_t *value)
{
	const struct kind *kind = key->kind;
	const char *name;
	json_t *element;
	size_t i;

	if (json_typeof(value) != kind->type && !(json_is_boolean(value) && kind->type == JSON_TRUE))
		return false;
	if (kind->whole || (kind->type != JSON_ARRAY && kind->type != JSON_OBJECT))
		return kind->add(arguments, flag_of(key), NULL, value);
	json_array_foreach(value, i, element)
	{
		if (!kind->add(arguments, flag_of(key), NULL, element))
			return false;
	}
	json_object_foreach((json_t *) value, name, element)
	{
		if (!kind->add(arguments, flag_of(key), name, element))
			return false;
	}
	return true;
}

// One setting of the file: its arguments, of which those that are no good become findings.
static void read_key(GStrvBuilder *builder, const char *path, const struct key *key, const json_t *value,
		     struct daemon_findings *findings)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

	if (!add_value(arguments, key, value)) {
		g_ptr_array_add(findings->errors,
				g_strdup_printf("%s: %s: expected %s", path, key->name, key->kind->expected));
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
	g_autofree char *flag = daemon_options_text(given, flag_of(key));
	g_autofree char *file = berth_json_text(value);

	g_string_append_printf(conflicts, "%s%s: (from flag --%s: %s, from file: %s)", conflicts->len ? ", " : "",
			       key->name, flag_of(key), flag, file);
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
		else if (key && daemon_options_given(given, flag_of(key)))
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

	g_autofree char *content = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, &error);
	if (!content && !given->given.config_file && g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return; // nobody asked for it
	BERTH_AUTO_JSON json_t *json = content ? berth_json_parse(content, length, path, &error) : NULL;
	if (json_is_object(json))
		read_object(arguments, path, json, given, findings);
	else
		g_ptr_array_add(findings->errors,
				error ? g_strdup(error->message) : g_strdup_printf("%s: expected an object", path));
}
