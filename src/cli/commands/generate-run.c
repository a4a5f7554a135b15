// SPDX-License-Identifier: Apache-2.0
// The words of `run` that make a container like one that is there, from what inspect tells of it and of its image. What
// cannot be said so is an error that names it: nothing of the container is left out in silence.
#include "cli/commands/generate.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define SHORT_ID 12
#define NANO 1e9
#define BRIEF 40 // of a value in a message

enum kind { TEXT, LIST, MAP, NUMBER, SWITCH, IGNORED, SPECIAL };

// HostConfig. What is equal to `standard` (JSON; NULL: nothing) says nothing.
static const struct rule {
	const char *key, *flag;
	enum kind kind;
	const char *standard;
} rules[] = {
	{"Annotations", "annotation", MAP, NULL},
	{"AutoRemove", NULL, IGNORED, NULL}, // the unit removes it
	{"Binds", "volume", LIST, NULL},
	{"BlkioWeight", "blkio-weight", NUMBER, NULL},
	{"CapAdd", "cap-add", LIST, NULL},
	{"CapDrop", "cap-drop", LIST, NULL},
	{"Cgroup", NULL, IGNORED, NULL},
	{"CgroupParent", "cgroup-parent", TEXT, NULL},
	{"CgroupnsMode", "cgroupns", TEXT, "\"private\""},
	{"ConsoleSize", NULL, IGNORED, NULL},
	{"ContainerIDFile", NULL, IGNORED, NULL},
	{"CpuPeriod", "cpu-period", NUMBER, NULL},
	{"CpuQuota", "cpu-quota", NUMBER, NULL},
	{"CpuRealtimePeriod", "cpu-rt-period", NUMBER, NULL},
	{"CpuRealtimeRuntime", "cpu-rt-runtime", NUMBER, NULL},
	{"CpuShares", "cpu-shares", NUMBER, NULL},
	{"CpusetCpus", "cpuset-cpus", TEXT, NULL},
	{"CpusetMems", "cpuset-mems", TEXT, NULL},
	{"DeviceCgroupRules", "device-cgroup-rule", LIST, NULL},
	{"Devices", "device", SPECIAL, NULL},
	{"Dns", "dns", LIST, NULL},
	{"DnsOptions", "dns-option", LIST, NULL},
	{"DnsSearch", "dns-search", LIST, NULL},
	{"ExtraHosts", "add-host", LIST, NULL},
	{"GroupAdd", "group-add", LIST, NULL},
	{"Init", "init", SWITCH, NULL},
	{"IpcMode", "ipc", TEXT, "\"private\""},
	{"Isolation", "isolation", TEXT, "\"default\""},
	{"Links", "link", SPECIAL, NULL},
	{"LogConfig", NULL, SPECIAL, NULL},
	{"MaskedPaths", NULL, IGNORED, NULL}, // follow from the rest
	{"Memory", "memory", NUMBER, NULL},
	{"MemoryReservation", "memory-reservation", NUMBER, NULL},
	{"MemorySwap", "memory-swap", NUMBER, NULL},
	{"MemorySwappiness", "memory-swappiness", NUMBER, "-1"},
	{"Mounts", "mount", SPECIAL, NULL},
	{"NanoCpus", "cpus", SPECIAL, NULL},
	{"NetworkMode", "network", TEXT, "\"default\""},
	{"OomKillDisable", "oom-kill-disable", SWITCH, NULL},
	{"OomScoreAdj", "oom-score-adj", NUMBER, NULL},
	{"PidMode", "pid", TEXT, NULL},
	{"PidsLimit", "pids-limit", NUMBER, NULL},
	{"PortBindings", "publish", SPECIAL, NULL},
	{"Privileged", "privileged", SWITCH, NULL},
	{"PublishAllPorts", "publish-all", SWITCH, NULL},
	{"ReadonlyPaths", NULL, IGNORED, NULL},
	{"ReadonlyRootfs", "read-only", SWITCH, NULL},
	{"RestartPolicy", NULL, IGNORED, NULL}, // systemd's
	{"Runtime", NULL, IGNORED, NULL},
	{"SecurityOpt", "security-opt", SPECIAL, NULL},
	{"ShmSize", "shm-size", NUMBER, "67108864"},
	{"StorageOpt", "storage-opt", MAP, NULL},
	{"Sysctls", "sysctl", MAP, NULL},
	{"Tmpfs", "tmpfs", SPECIAL, NULL},
	{"UTSMode", "uts", TEXT, NULL},
	{"Ulimits", "ulimit", SPECIAL, NULL},
	{"UsernsMode", "userns", TEXT, NULL},
	{"VolumeDriver", "volume-driver", TEXT, NULL},
	{"VolumesFrom", "volumes-from", LIST, NULL},
};

static void G_GNUC_PRINTF(2, 3) add(GPtrArray *words, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_ptr_array_add(words, g_strdup_vprintf(format, values));
	va_end(values);
}

static bool is_nothing(const json_t *value, const char *standard)
{
	BERTH_AUTO_JSON json_t *plain = standard ? json_loads(standard, JSON_DECODE_ANY, NULL) : NULL;

	return !value || json_is_null(value) || json_is_false(value) || json_equal(value, plain) ||
	       (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_integer(value) && json_integer_value(value) == 0) ||
	       ((json_is_array(value) || json_is_object(value)) &&
		json_array_size(value) + json_object_size(value) == 0);
}

static void add_map(GPtrArray *words, const char *flag, const json_t *map, const char *separator)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *) map, name, value)
	{
		const char *text = json_string_value(value);
		add(words, "--%s", flag);
		add(words, "%s%s%s", name, text && *text ? separator : "", text ? text : "");
	}
}

static bool refuse(const char *key, const json_t *value, GError **error)
{
	g_autofree char *text = berth_json_text(value);

	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: %.*s cannot be said by flags of run", key,
			       BRIEF, text);
}

// "PATH_ON_HOST:PATH:rwm", "name=soft:hard", "80/tcp" as they are written for run; false: it cannot be.
static bool add_element(GPtrArray *words, const struct rule *rule, const json_t *element)
{
	if (strcmp(rule->key, "Devices") == 0) {
		add(words, "--device");
		add(words, "%s:%s:%s", berth_json_member(element, "PathOnHost"),
		    berth_json_member(element, "PathInContainer"), berth_json_member(element, "CgroupPermissions"));
	} else if (strcmp(rule->key, "Ulimits") == 0) {
		add(words, "--ulimit");
		add(words, "%s=%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, berth_json_member(element, "Name"),
		    json_integer_value(json_object_get(element, "Soft")),
		    json_integer_value(json_object_get(element, "Hard")));
	} else if (strcmp(rule->key, "Links") == 0) { // "/other:/this/alias"
		const char *text = json_string_value(element), *colon = text ? strchr(text, ':') : NULL;
		const char *alias = colon ? strrchr(colon, '/') : NULL;
		if (!alias || *text != '/')
			return false;
		add(words, "--link");
		add(words, "%.*s:%s", (int) (colon - text - 1), text + 1, alias + 1);
	} else if (strcmp(rule->key, "SecurityOpt") == 0) {
		const char *text = json_string_value(element);
		if (!text || strchr(text, '{')) // a profile's text, where run takes a file
			return false;
		add(words, "--security-opt");
		add(words, "%s", text);
	} else { // Mounts
		if (!is_nothing(json_object_get(element, "BindOptions"), NULL) ||
		    !is_nothing(json_object_get(element, "VolumeOptions"), NULL) ||
		    !is_nothing(json_object_get(element, "TmpfsOptions"), NULL) ||
		    strpbrk(berth_json_member(element, "Source"), ",\"") ||
		    strpbrk(berth_json_member(element, "Target"), ",\""))
			return false;
		add(words, "--mount");
		add(words, "type=%s%s%s,target=%s%s", berth_json_member(element, "Type"),
		    *berth_json_member(element, "Source") ? ",source=" : "", berth_json_member(element, "Source"),
		    berth_json_member(element, "Target"),
		    json_is_true(json_object_get(element, "ReadOnly")) ? ",readonly" : "");
	}
	return true;
}

static void add_ports(GPtrArray *words, const json_t *ports)
{
	const char *port;
	json_t *bindings, *binding;
	size_t i;

	json_object_foreach((json_t *) ports, port, bindings) json_array_foreach(bindings, i, binding)
	{
		const char *address = berth_json_member(binding, "HostIp");
		bool six = strchr(address, ':');
		add(words, "--publish");
		add(words, "%s%s%s%s%s:%s", six ? "[" : "", address, six ? "]" : "", *address ? ":" : "",
		    berth_json_member(binding, "HostPort"), port);
	}
}

static bool add_special(GPtrArray *words, const struct rule *rule, const json_t *value, GError **error)
{
	const json_t *element;
	size_t i;

	if (strcmp(rule->key, "NanoCpus") == 0) {
		char number[G_ASCII_DTOSTR_BUF_SIZE];
		add(words, "--cpus");
		add(words, "%s",
		    g_ascii_formatd(number, sizeof number, "%.9g", (double) json_integer_value(value) / NANO));
	} else if (strcmp(rule->key, "PortBindings") == 0) {
		add_ports(words, value);
	} else if (strcmp(rule->key, "Tmpfs") == 0) {
		add_map(words, rule->flag, value, ":");
	} else if (strcmp(rule->key, "LogConfig") == 0) {
		if (*berth_json_member(value, "Type")) {
			add(words, "--log-driver");
			add(words, "%s", berth_json_member(value, "Type"));
		}
		add_map(words, "log-opt", json_object_get(value, "Config"), "=");
	}
	json_array_foreach(value, i, element) if (!add_element(words, rule, element)) return refuse(rule->key, element,
												    error);
	return true;
}

static bool add_rule(GPtrArray *words, const struct rule *rule, const json_t *value, GError **error)
{
	const json_t *element;
	size_t i;

	if (rule->kind == IGNORED || is_nothing(value, rule->standard))
		return true;
	if (rule->kind == SPECIAL)
		return add_special(words, rule, value, error);
	if (rule->kind == SWITCH) {
		add(words, "--%s", rule->flag);
	} else if (rule->kind == MAP) {
		add_map(words, rule->flag, value, "=");
	} else if (json_is_string(value)) {
		add(words, "--%s", rule->flag);
		add(words, "%s", json_string_value(value));
	} else if (json_is_integer(value)) {
		add(words, "--%s", rule->flag);
		add(words, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	}
	json_array_foreach(value, i, element)
	{
		add(words, "--%s", rule->flag);
		add(words, "%s", json_string_value(element));
	}
	return true;
}

static bool add_host_config(GPtrArray *words, json_t *host, GError **error)
{
	const char *key;
	json_t *value;

	json_object_foreach(host, key, value)
	{
		const struct rule *rule = NULL;
		for (size_t i = 0; i < G_N_ELEMENTS(rules) && !rule; i++)
			rule = strcmp(rules[i].key, key) == 0 ? &rules[i] : NULL;
		if (!rule && !is_nothing(value, NULL))
			return refuse(key, value, error);
		if (rule && !add_rule(words, rule, value, error))
			return false;
	}
	return true;
}

// Config: what is not the image's.

static void add_texts(GPtrArray *words, const json_t *config, const json_t *image)
{
	static const struct {
		const char *key, *flag;
	} texts[] = {{"Domainname", "domainname"},
		     {"StopSignal", "stop-signal"},
		     {"User", "user"},
		     {"WorkingDir", "workdir"}};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *text = berth_json_member(config, texts[i].key);
		if (!*text || strcmp(text, berth_json_member(image, texts[i].key)) == 0)
			continue;
		add(words, "--%s", texts[i].flag);
		add(words, "%s", text);
	}
}

static bool has(const json_t *array, const json_t *wanted)
{
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element) if (json_equal(element, wanted)) return true;
	return false;
}

static void add_lists(GPtrArray *words, const json_t *config, const json_t *image)
{
	static const struct {
		const char *key, *flag;
	} sets[] = {{"ExposedPorts", "expose"}, {"Volumes", "volume"}};
	const json_t *element, *labels = json_object_get(image, "Labels");
	const char *name;
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(config, "Env"), i, element) if (!has(json_object_get(image, "Env"), element))
	{
		add(words, "--env");
		add(words, "%s", json_string_value(element));
	}
	json_object_foreach(json_object_get(config, "Labels"), name, value)
	{
		if (json_equal(json_object_get(labels, name), value))
			continue;
		add(words, "--label");
		add(words, "%s=%s", name, json_string_value(value));
	}
	for (size_t j = 0; j < G_N_ELEMENTS(sets); j++)
		json_object_foreach(json_object_get(config, sets[j].key), name, value)
		{
			if (json_object_get(json_object_get(image, sets[j].key), name))
				continue;
			add(words, "--%s", sets[j].flag);
			add(words, "%s", name);
		}
}

// Entrypoint and command stand at the end, around the image.
static void add_command(GPtrArray *words, const json_t *config, const json_t *image)
{
	const json_t *entrypoint = json_object_get(config, "Entrypoint"), *element;
	bool own = !json_equal(entrypoint, json_object_get(image, "Entrypoint")) && json_array_size(entrypoint) > 0;
	size_t i;

	if (own) {
		add(words, "--entrypoint");
		add(words, "%s", json_string_value(json_array_get(entrypoint, 0)));
	}
	add(words, "%s", berth_json_member(config, "Image"));
	json_array_foreach(entrypoint, i, element) if (own && i > 0) add(words, "%s", json_string_value(element));
	if (own || !json_equal(json_object_get(config, "Cmd"), json_object_get(image, "Cmd")))
		json_array_foreach(json_object_get(config, "Cmd"), i, element)
			add(words, "%s", json_string_value(element));
}

bool berth_generate_run(GPtrArray *words, const json_t *container, const json_t *image_inspect, GError **error)
{
	const json_t *config = json_object_get(container, "Config"), *image = json_object_get(image_inspect, "Config");
	const json_t *health = json_object_get(config, "Healthcheck");
	const char *host_name = berth_json_member(config, "Hostname"), *id = berth_json_member(container, "Id");
	const json_t *timeout = json_object_get(config, "StopTimeout");

	if (!is_nothing(health, NULL) && !json_equal(health, json_object_get(image, "Healthcheck")))
		return refuse("Healthcheck", health, error);
	if (*host_name && strncmp(host_name, id, SHORT_ID) != 0 &&
	    is_nothing(json_object_get(json_object_get(container, "HostConfig"), "UTSMode"), NULL)) {
		add(words, "--hostname");
		add(words, "%s", host_name);
	}
	if (json_is_true(json_object_get(config, "Tty")))
		add(words, "--tty");
	if (json_is_true(json_object_get(config, "OpenStdin")))
		add(words, "--interactive");
	if (json_is_integer(timeout)) {
		add(words, "--stop-timeout");
		add(words, "%" JSON_INTEGER_FORMAT, json_integer_value(timeout));
	}
	add_texts(words, config, image);
	add_lists(words, config, image);
	if (!add_host_config(words, json_object_get(container, "HostConfig"), error))
		return false;
	add_command(words, config, image);
	return true;
}
