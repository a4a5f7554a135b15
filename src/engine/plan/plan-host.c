// SPDX-License-Identifier: Apache-2.0
// The host configuration but for limits, mounts and networks: namespaces, security, log, restart policy, devices,
// files. A table names what this version does not have.
#include "engine/plan/plan-internal.h"

#include "base/error.h"
#include "base/flags.h"
#include "engine/log/log-plan.h"
#include "engine/plan/cdi.h"
#include "engine/plan/security.h"
#include "engine/plan/users.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

static bool is_text(const char *text)
{
	return text && *text;
}

static bool is_one_of(const char *text, const char *const *list)
{
	return !is_text(text) || g_strv_contains(list, text);
}

static void set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static bool check_unsupported(const struct api_host_config *host, GError **error)
{
	const struct {
		bool used;
		const char *what;
	} table[] = {
		{is_text(host->cgroup), "the control group of another container (Cgroup)"},
		{host->cpu_count || host->cpu_percent, "CpuCount and CpuPercent, which are Windows' (use --cpus)"},
		{host->io_maximum_iops || host->io_maximum_bandwidth,
		 "IOMaximumIOps and IOMaximumBandwidth, which are Windows' (use --device-read-bps and its like)"},
		{host->kernel_memory > 0 || host->kernel_memory_tcp > 0,
		 "limits of kernel memory (--kernel-memory), which Linux no longer has (use --memory)"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].used)
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "not in this version: %s",
					       table[i].what);
	return true;
}

// Each mode is one of these words, or names a container to join.
static bool check_mode(const char *mode, const char *what, const char *const *allowed, bool join, GError **error)
{
	if (is_one_of(mode, allowed))
		return true;
	if (join && g_str_has_prefix(mode, "container:") && mode[strlen("container:")] && berth_plan_is_plain(mode))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid %s mode: %s", what, mode);
}

// What a user namespace of its own cannot go with; NULL: there is nothing.
static const char *find_users_conflict(const struct api_host_config *host)
{
	const char *modes[] = {host->network_mode, host->pid_mode, host->ipc_mode};
	static const char *const shared[] = {
		"cannot share the host's network namespace when user namespaces are enabled",
		"cannot share PID namespace when user namespaces are enabled",
		"cannot share the host's IPC namespace when user namespaces are enabled",
	};

	if (host->privileged)
		return "privileged mode is incompatible with user namespaces. You must run the container in the host "
		       "namespace when running privileged mode";
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		if (modes[i] && g_str_equal(modes[i], "host"))
			return shared[i];
	return NULL;
}

static bool joins(const struct api_host_config *host)
{
	const char *modes[] = {host->network_mode, host->pid_mode, host->ipc_mode};

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		if (modes[i] && g_str_has_prefix(modes[i], "container:"))
			return true;
	return false;
}

static bool decide_users(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;
	struct berth_users_wanted wanted;
	const char *standard = plan->input->default_userns, *why = NULL;
	bool given = is_text(host->userns_mode);

	if (!berth_users_parse(host->userns_mode, standard, &wanted, error))
		return false;
	enum berth_users_mode mode = wanted.mode;
	if (mode == BERTH_USERS_KEEP_ID && !is_text(plan->config->user)) {
		g_free(plan->config->user);
		plan->config->user = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, wanted.uid, wanted.gid);
	}
	berth_users_wanted_clear(&wanted);
	if (mode != BERTH_USERS_HOST)
		why = find_users_conflict(host);
	if (given && !why && mode != BERTH_USERS_HOST && mode != BERTH_USERS_JOIN && joins(host))
		why = "a container that joins namespaces of another one has to be in the same user namespace "
		      "(--userns container:NAME)";
	if (why && given)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s (userns mode %s); use --userns host", why,
				       host->userns_mode);
	if (!given && mode != BERTH_USERS_HOST)
		set_text(&host->userns_mode, why ? "host" : standard);
	return true;
}

static bool check_modes(struct api_host_config *host, GError **error)
{
	static const char *const host_only[] = {"host", NULL}, *const cgroup[] = {"host", "private", NULL},
				 *const pid[] = {"host", "private", NULL},
				 *const ipc[] = {"host", "private", "shareable", "none", NULL};

	if (!check_mode(host->pid_mode, "PID", pid, true, error) ||
	    !check_mode(host->ipc_mode, "IPC", ipc, true, error) ||
	    !check_mode(host->uts_mode, "UTS", host_only, false, error) ||
	    !check_mode(host->cgroupns_mode, "cgroup namespace", cgroup, false, error))
		return false;
	if (!is_text(host->ipc_mode))
		set_text(&host->ipc_mode, "private");
	// On cgroup v1 too, where Docker's default is the host's: our runtime mounts the container's own groups there.
	if (!is_text(host->cgroupns_mode))
		set_text(&host->cgroupns_mode, "private");
	return true;
}

// Twelve digits of the id, or the host's name where the container shares it or its network.
static bool decide_host_name(struct berth_plan *plan, GError **error)
{
	bool given = is_text(plan->config->hostname);
	bool host_uts = g_strcmp0(plan->host->uts_mode, "host") == 0;
	char name[HOST_NAME_MAX + 1] = "";

	if (host_uts && (given || is_text(plan->config->domainname)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "conflicting options: hostname and the UTS mode");
	if (given)
		return true;
	if ((host_uts || g_str_equal(plan->record->network, "host")) && gethostname(name, sizeof name - 1) == 0) {
		set_text(&plan->config->hostname, name);
		return true;
	}
	g_free(plan->config->hostname);
	plan->config->hostname = g_strndup(plan->record->id, 12);
	return true;
}

bool berth_plan_restart(struct api_host_config *host, GError **error)
{
	static const char *const names[] = {"no", "always", "on-failure", "on-unhealthy", "unless-stopped", NULL};

	if (!host->restart_policy)
		host->restart_policy = berth_document_new(&api_restart_policy_document);
	struct api_restart_policy *policy = host->restart_policy;
	if (!is_text(policy->name))
		set_text(&policy->name, "no");
	if (!g_strv_contains(names, policy->name))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
				       "'on-failure', 'unless-stopped', or 'on-unhealthy'",
				       policy->name);
	if (policy->maximum_retry_count < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid restart policy: maximum retry count cannot be negative");
	if (policy->maximum_retry_count > 0 && !g_str_equal(policy->name, "on-failure") &&
	    !g_str_equal(policy->name, "on-unhealthy"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid restart policy: maximum retry count can only be used with "
				       "'on-failure' and 'on-unhealthy'");
	if (host->auto_remove && !g_str_equal(policy->name, "no"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "can't create 'AutoRemove' container with restart policy");
	return true;
}

static bool check_unhealthy(const struct berth_plan *plan, GError **error)
{
	return !g_str_equal(plan->host->restart_policy->name, "on-unhealthy") || berth_plan_is_checked(plan->config) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid restart policy: 'on-unhealthy' needs a health check, and neither the image nor "
			       "the request has one");
}

// Options of the engine join only where its own driver is used.
static bool decide_log(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;
	struct berth_log_plan unused;

	if (!host->log_config)
		host->log_config = berth_document_new(&api_log_config_document);
	struct api_log_config *log = host->log_config;
	if (!is_text(log->type))
		set_text(&log->type, plan->input->log_driver);
	if (!log->config)
		log->config = berth_map_new();
	bool defaults = g_strcmp0(log->type, plan->input->log_driver) == 0 && !g_str_equal(log->type, "none");
	for (char *const *option = plan->input->log_options; defaults && option && *option; option++) {
		const char *equals = strchr(*option, '=');
		if (!equals)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "log option \"%s\" of the engine: is not name=value", *option);
		g_autofree char *name = g_strndup(*option, (gsize) (equals - *option));
		if (!g_hash_table_contains(log->config, name))
			g_hash_table_insert(log->config, g_steal_pointer(&name), g_strdup(equals + 1));
	}
	return berth_log_plan_make(log, &unused, error);
}

static char **default_paths(const char *const *paths)
{
	return g_strdupv((char **) paths);
}

// Null asks for the default, an empty list for none.
static void decide_paths(struct api_host_config *host, bool unconfined)
{
	static const char *const masked[] = {"/proc/asound",
					     "/proc/acpi",
					     "/proc/interrupts",
					     "/proc/kcore",
					     "/proc/keys",
					     "/proc/latency_stats",
					     "/proc/timer_list",
					     "/proc/timer_stats",
					     "/proc/sched_debug",
					     "/proc/scsi",
					     "/sys/firmware",
					     "/sys/devices/virtual/powercap",
					     NULL};
	static const char *const read_only[] = {"/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger", NULL};
	static const char *const none[] = {NULL};

	if (host->privileged)
		return;
	if (!host->masked_paths)
		host->masked_paths = default_paths(unconfined ? none : masked);
	if (!host->readonly_paths)
		host->readonly_paths = default_paths(unconfined ? none : read_only);
}

static bool check_paths(char *const *paths, const char *what, GError **error)
{
	for (; paths && *paths; paths++)
		if (**paths != '/')
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: '%s' must be an absolute path", what,
					       *paths);
	return true;
}

static bool decide_security(struct api_host_config *host, GError **error)
{
	struct berth_security security;
	uint64_t capabilities;

	if (!berth_security_parse(host->security_opt, &security, error))
		return false;
	decide_paths(host, security.system_paths_unconfined);
	berth_security_clear(&security);
	return berth_security_capabilities(host, &capabilities, error) &&
	       check_paths(host->masked_paths, "MaskedPaths", error) &&
	       check_paths(host->readonly_paths, "ReadonlyPaths", error);
}

// "c 1:3 rwm", "b *:* m".
static bool is_device_rule(const char *rule)
{
	g_auto(GStrv) words = g_strsplit(rule, " ", 0);

	if (g_strv_length(words) != 3 || strlen(words[0]) != 1 || !strchr("abc", *words[0]))
		return false;
	g_auto(GStrv) numbers = g_strsplit(words[1], ":", 0);
	if (g_strv_length(numbers) != 2)
		return false;
	for (int i = 0; i < 2; i++)
		if (!g_str_equal(numbers[i], "*") &&
		    !g_ascii_string_to_unsigned(numbers[i], 10, 0, G_MAXUINT32, NULL, NULL))
			return false;
	size_t length = strlen(words[2]);
	return length >= 1 && length <= 3 && strspn(words[2], "rwm") == length;
}

static bool check_devices(struct api_host_config *host, GError **error)
{
	g_auto(GStrv) requested = berth_cdi_requests(host->device_requests, error);

	if (!requested)
		return false;
	for (char **rule = host->device_cgroup_rules; rule && *rule; rule++)
		if (!is_device_rule(*rule))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid device cgroup rule format: '%s'",
					       *rule);
	for (guint i = 0; host->devices && i < host->devices->len; i++) {
		struct api_device_mapping *device = host->devices->pdata[i];
		if (!is_text(device->path_in_container))
			set_text(&device->path_in_container, device->path_on_host);
		if (!is_text(device->cgroup_permissions))
			set_text(&device->cgroup_permissions, "rwm");
		const char *access = device->cgroup_permissions;
		if (!is_text(device->path_on_host) || *device->path_on_host != '/' || *device->path_in_container != '/')
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid device mapping \"%s:%s\": paths must be absolute",
					       device->path_on_host ? device->path_on_host : "",
					       device->path_in_container ? device->path_in_container : "");
		if (strspn(access, "rwm") != strlen(access))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid device mode: %s", access);
	}
	return true;
}

static bool check_sysctls(const struct api_host_config *host, GError **error)
{
	GHashTableIter iter;
	void *name, *value;

	if (!host->sysctls)
		return true;
	g_hash_table_iter_init(&iter, host->sysctls);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		const char *key = name;
		bool net = g_str_has_prefix(key, "net.") || g_str_has_prefix(key, "net/");
		bool ipc = g_str_has_prefix(key, "kernel.msg") || g_str_has_prefix(key, "kernel.sem") ||
			   g_str_has_prefix(key, "kernel.shm") || g_str_has_prefix(key, "fs.mqueue.");
		bool name_space =
			net || ipc || g_str_equal(key, "kernel.hostname") || g_str_equal(key, "kernel.domainname");
		if (!name_space || !berth_plan_is_plain(key) || strstr(key, ".."))
			return berth_error_set(error, BERTH_ERROR_INVALID, "sysctl '%s' is not allowed", key);
		if (!berth_plan_is_plain(value))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "sysctl '%s': the value has control characters", key);
		if ((net && g_strcmp0(host->network_mode, "host") == 0) ||
		    (ipc && g_strcmp0(host->ipc_mode, "host") == 0) ||
		    (!net && !ipc && g_strcmp0(host->uts_mode, "host") == 0))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "sysctl '%s' is not allowed as the container shares the host's "
					       "namespace for it",
					       key);
	}
	return true;
}

static bool check_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool check_names(const struct api_host_config *host, GError **error)
{
	for (char **server = host->dns; server && *server; server++)
		if (!check_address(*server))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "bad nameserver address: %s is not an IP "
					       "address",
					       *server);
	char *const *const words[] = {host->dns_search, host->dns_options};
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		for (char *const *word = words[i]; word && *word; word++)
			if (!**word || !berth_plan_is_plain(*word) || strchr(*word, ' '))
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "bad %s \"%s\": is empty, or has spaces or control characters",
						       i ? "dns option" : "dns search domain", *word);
	for (char **extra = host->extra_hosts; extra && *extra; extra++) {
		const char *colon = strchr(*extra, ':');
		if (!colon || colon == *extra || !berth_plan_is_plain(*extra) || strpbrk(*extra, " #"))
			return berth_error_set(error, BERTH_ERROR_INVALID, "bad format for add-host: \"%s\"", *extra);
		if (!g_str_equal(colon + 1, "host-gateway") && !check_address(colon + 1))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid IP address in add-host: \"%s\"",
					       colon + 1);
	}
	return true;
}

static bool check_console_size(const struct api_host_config *host, GError **error)
{
	const json_t *size = host->console_size;

	if (!size)
		return true;
	bool right = json_array_size(size) == 2;
	for (size_t i = 0; right && i < 2; i++) {
		const json_t *number = json_array_get(size, i);
		right = json_is_integer(number) && json_integer_value(number) >= 0 &&
			json_integer_value(number) <= G_MAXUINT16;
	}
	return right || berth_error_set(error, BERTH_ERROR_INVALID, "ConsoleSize: is not [height, width]");
}

static bool check_annotations(const struct api_host_config *host, GError **error)
{
	return !host->annotations || !g_hash_table_contains(host->annotations, "") ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid Annotations: the empty string is not permitted as "
			       "an annotation key");
}

bool berth_plan_storage(GHashTable *options, int64_t *ret_size, GError **error)
{
	GHashTableIter iter;
	void *name, *value;

	*ret_size = 0;
	if (!options)
		return true;
	g_hash_table_iter_init(&iter, options);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		if (!g_str_equal(name, "size"))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "unknown option %s (StorageOpt): there is size", (const char *) name);
		if (!berth_bytes_parse(value, ret_size, NULL) || *ret_size <= 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid size \"%s\" (StorageOpt): is no number of bytes, like 10g",
					       (const char *) value);
	}
	return true;
}

static bool check_rest(struct berth_plan *plan, GError **error)
{
	int64_t size;
	struct api_host_config *host = plan->host;
	static const char *const isolations[] = {"default", NULL}, *const runtimes[] = {"berth", NULL};

	if (!berth_plan_storage(host->storage_opt, &size, error))
		return false;
	if (!is_one_of(host->isolation, isolations))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid isolation '%s' on linux", host->isolation);
	if (!is_one_of(host->runtime, runtimes))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unknown or invalid runtime name: %s",
				       host->runtime);
	set_text(&host->runtime, "berth");
	if (!host->console_size)
		host->console_size = json_pack("[i, i]", 0, 0);
	for (char **group = host->group_add; group && *group; group++)
		if (!**group || !berth_plan_is_plain(*group))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid group to add: \"%s\"", *group);
	if (host->init == 1 && host->pid_mode &&
	    (g_str_equal(host->pid_mode, "host") || g_str_has_prefix(host->pid_mode, "container:")))
		berth_plan_warn(plan, "The init process is not used: the container shares the processes of %s.",
				g_str_equal(host->pid_mode, "host") ? "the host" : "another container");
	return true;
}

bool berth_plan_host(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;

	return check_unsupported(host, error) && check_modes(host, error) && berth_plan_network(plan, error) &&
	       decide_users(plan, error) && decide_host_name(plan, error) && berth_plan_restart(host, error) &&
	       check_unhealthy(plan, error) && decide_log(plan, error) && decide_security(host, error) &&
	       check_devices(host, error) && check_sysctls(host, error) && check_names(host, error) &&
	       check_console_size(host, error) && check_annotations(host, error) && check_rest(plan, error);
}
