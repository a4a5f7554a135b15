// SPDX-License-Identifier: Apache-2.0
#include "cli/container-options.h"

#include "base/error.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define AT(member) offsetof(struct berth_container_options, member)
#define GIVEN(member) .given_offset = AT(member)
#define SWITCH BERTH_FLAG_SWITCH
#define TEXT BERTH_FLAG_TEXT
#define LIST BERTH_FLAG_LIST
#define INTEGER BERTH_FLAG_INTEGER
#define BYTES BERTH_FLAG_BYTES
#define DURATION BERTH_FLAG_DURATION
#define NEGATIVE .flags = BERTH_FLAG_NEGATIVE_OK

// clang-format off: one flag, one line or two
const struct berth_flag berth_run_flags[] = {
	{"detach", 'd', SWITCH, AT(detach), NULL, "Run container in background and print container ID"},
	{"detach-keys", 0, TEXT, AT(detach_keys), NULL, "Override the key sequence for detaching a container"},
	{"sig-proxy", 0, SWITCH, AT(sig_proxy), NULL, "Proxy received signals to the process", "true"},

	{"add-host", 0, LIST, AT(add_hosts), NULL, "Add a custom host-to-IP mapping (host:ip)"},
	{"annotation", 0, LIST, AT(annotations), "map",
	 "Add an annotation to the container (passed through to the OCI runtime)"},
	{"attach", 'a', LIST, AT(attach), NULL, "Attach to STDIN, STDOUT or STDERR"},
	{"blkio-weight", 0, INTEGER, AT(blkio_weight), "uint16",
	 "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
	{"blkio-weight-device", 0, LIST, AT(weight_devices), NULL, "Block IO weight (relative device weight)"},
	{"cap-add", 0, LIST, AT(cap_add), NULL, "Add Linux capabilities"},
	{"cap-drop", 0, LIST, AT(cap_drop), NULL, "Drop Linux capabilities"},
	{"cgroup-parent", 0, TEXT, AT(cgroup_parent), NULL, "Optional parent cgroup for the container"},
	{"cgroupns", 0, TEXT, AT(cgroupns), NULL, "Cgroup namespace to use (host|private)"},
	{"cidfile", 0, TEXT, AT(cidfile), NULL, "Write the container ID to the file"},
	{"cpu-count", 0, INTEGER, AT(cpu_count), NULL, "CPU count (Windows only)", .flags = BERTH_FLAG_HIDDEN},
	{"cpu-percent", 0, INTEGER, AT(cpu_percent), NULL, "CPU percent (Windows only)", .flags = BERTH_FLAG_HIDDEN},
	{"cpu-period", 0, INTEGER, AT(cpu_period), NULL, "Limit CPU CFS (Completely Fair Scheduler) period"},
	{"cpu-quota", 0, INTEGER, AT(cpu_quota), NULL, "Limit CPU CFS (Completely Fair Scheduler) quota", NEGATIVE},
	{"cpu-rt-period", 0, INTEGER, AT(cpu_rt_period), NULL, "Limit CPU real-time period in microseconds"},
	{"cpu-rt-runtime", 0, INTEGER, AT(cpu_rt_runtime), NULL, "Limit CPU real-time runtime in microseconds"},
	{"cpu-shares", 'c', INTEGER, AT(cpu_shares), NULL, "CPU shares (relative weight)"},
	{"cpus", 0, BERTH_FLAG_DECIMAL, AT(cpus), NULL, "Number of CPUs"},
	{"cpuset-cpus", 0, TEXT, AT(cpuset_cpus), NULL, "CPUs in which to allow execution (0-3, 0,1)"},
	{"cpuset-mems", 0, TEXT, AT(cpuset_mems), NULL, "MEMs in which to allow execution (0-3, 0,1)"},
	{"device", 0, LIST, AT(devices), NULL,
	 "Add a host device to the container (PATH, or VENDOR/CLASS=NAME of a CDI specification)"},
	{"device-cgroup-rule", 0, LIST, AT(device_rules), NULL, "Add a rule to the cgroup allowed devices list"},
	{"device-read-bps", 0, LIST, AT(read_bps), NULL, "Limit read rate (bytes per second) from a device"},
	{"device-read-iops", 0, LIST, AT(read_iops), NULL, "Limit read rate (IO per second) from a device"},
	{"device-write-bps", 0, LIST, AT(write_bps), NULL, "Limit write rate (bytes per second) to a device"},
	{"device-write-iops", 0, LIST, AT(write_iops), NULL, "Limit write rate (IO per second) to a device"},
	{"disable-content-trust", 0, SWITCH, AT(trust), NULL, "Skip image verification", "true",
	 .flags = BERTH_FLAG_HIDDEN},
	{"dns", 0, LIST, AT(dns), NULL, "Set custom DNS servers"},
	{"dns-opt", 0, LIST, AT(dns_options), NULL, "Set DNS options", .flags = BERTH_FLAG_HIDDEN},
	{"dns-option", 0, LIST, AT(dns_options), NULL, "Set DNS options"},
	{"dns-search", 0, LIST, AT(dns_search), NULL, "Set custom DNS search domains"},
	{"domainname", 0, TEXT, AT(domainname), NULL, "Container NIS domain name"},
	{"entrypoint", 0, TEXT, AT(entrypoint), NULL, "Overwrite the default ENTRYPOINT of the image",
	 GIVEN(entrypoint_given)},
	{"env", 'e', LIST, AT(env), NULL, "Set environment variables"},
	{"env-file", 0, LIST, AT(env_files), NULL, "Read in a file of environment variables"},
	{"expose", 0, LIST, AT(expose), NULL, "Expose a port or a range of ports"},
	{"gpus", 0, TEXT, AT(gpus), "gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)"},
	{"group-add", 0, LIST, AT(group_add), NULL, "Add additional groups to join"},
	{"health-cmd", 0, TEXT, AT(health_cmd), NULL, "Command to run to check health"},
	{"health-interval", 0, DURATION, AT(health_interval), NULL, "Time between running the check (ms|s|m|h)"},
	{"health-retries", 0, INTEGER, AT(health_retries), NULL, "Consecutive failures needed to report unhealthy"},
	{"health-start-interval", 0, DURATION, AT(health_start_interval), NULL,
	 "Time between running the check during the start period (ms|s|m|h)"},
	{"health-start-period", 0, DURATION, AT(health_start_period), NULL,
	 "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)"},
	{"health-timeout", 0, DURATION, AT(health_timeout), NULL, "Maximum time to allow one check to run (ms|s|m|h)"},
	{"hostname", 'h', TEXT, AT(hostname), NULL, "Container host name"},
	{"init", 0, BERTH_FLAG_TRISTATE, AT(init), NULL,
	 "Run an init inside the container that forwards signals and reaps processes", "-1"},
	{"interactive", 'i', SWITCH, AT(interactive), NULL, "Keep STDIN open even if not attached"},
	{"io-maxbandwidth", 0, BYTES, AT(io_bandwidth), NULL, "Maximum IO bandwidth limit (Windows only)",
	 .flags = BERTH_FLAG_HIDDEN},
	{"io-maxiops", 0, INTEGER, AT(io_iops), NULL, "Maximum IOps limit (Windows only)", .flags = BERTH_FLAG_HIDDEN},
	{"ip", 0, TEXT, AT(ip), NULL, "IPv4 address (e.g., 172.30.100.104)"},
	{"ip6", 0, TEXT, AT(ip6), NULL, "IPv6 address (e.g., 2001:db8::33)"},
	{"ipc", 0, TEXT, AT(ipc), NULL, "IPC mode to use"},
	{"isolation", 0, TEXT, AT(isolation), NULL, "Container isolation technology"},
	{"kernel-memory", 0, BYTES, AT(kernel_memory), NULL, "Kernel memory limit", .flags = BERTH_FLAG_HIDDEN},
	{"label", 'l', LIST, AT(labels), NULL, "Set meta data on a container"},
	{"label-file", 0, LIST, AT(label_files), NULL, "Read in a line delimited file of labels"},
	{"link", 0, LIST, AT(links), NULL, "Add link to another container"},
	{"link-local-ip", 0, LIST, AT(link_local_ips), NULL, "Container IPv4/IPv6 link-local addresses"},
	{"log-driver", 0, TEXT, AT(log_driver), NULL, "Logging driver for the container"},
	{"log-opt", 0, LIST, AT(log_options), NULL, "Log driver options"},
	{"mac-address", 0, TEXT, AT(mac_address), NULL, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"},
	{"memory", 'm', BYTES, AT(memory), NULL, "Memory limit"},
	{"memory-reservation", 0, BYTES, AT(memory_reservation), NULL, "Memory soft limit"},
	{"memory-swap", 0, BYTES, AT(memory_swap), NULL,
	 "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", NEGATIVE},
	{"memory-swappiness", 0, INTEGER, AT(memory_swappiness), NULL, "Tune container memory swappiness (0 to 100)",
	 "-1", NEGATIVE},
	{"mount", 0, LIST, AT(mounts), "mount", "Attach a filesystem mount to the container"},
	{"name", 0, TEXT, AT(name), NULL, "Assign a name to the container"},
	{"net", 0, LIST, AT(networks), "network", "Connect a container to a network", .flags = BERTH_FLAG_HIDDEN},
	{"net-alias", 0, LIST, AT(network_aliases), NULL, "Add network-scoped alias for the container",
	 .flags = BERTH_FLAG_HIDDEN},
	{"network", 0, LIST, AT(networks), "network", "Connect a container to a network"},
	{"network-alias", 0, LIST, AT(network_aliases), NULL, "Add network-scoped alias for the container"},
	{"no-healthcheck", 0, SWITCH, AT(no_healthcheck), NULL, "Disable any container-specified HEALTHCHECK"},
	{"oom-kill-disable", 0, SWITCH, AT(oom_kill_disable), NULL, "Disable OOM Killer"},
	{"oom-score-adj", 0, INTEGER, AT(oom_score_adj), NULL, "Tune host's OOM preferences (-1000 to 1000)", NEGATIVE},
	{"pid", 0, TEXT, AT(pid), NULL, "PID namespace to use"},
	{"pids-limit", 0, INTEGER, AT(pids_limit), NULL, "Tune container pids limit (set -1 for unlimited)", NEGATIVE},
	{"platform", 0, TEXT, AT(platform), NULL, "Set platform if server is multi-platform capable"},
	{"privileged", 0, SWITCH, AT(privileged), NULL, "Give extended privileges to this container"},
	{"publish", 'p', LIST, AT(publish), NULL, "Publish a container's port(s) to the host"},
	{"publish-all", 'P', SWITCH, AT(publish_all), NULL, "Publish all exposed ports to random ports"},
	{"pull", 0, TEXT, AT(pull), NULL, "Pull image before running (\"always\", \"missing\", \"never\")", "missing"},
	{"quiet", 'q', SWITCH, AT(quiet), NULL, "Suppress the pull output"},
	{"read-only", 0, SWITCH, AT(read_only), NULL, "Mount the container's root filesystem as read only"},
	{"restart", 0, TEXT, AT(restart), NULL, "Restart policy to apply when a container exits", "no"},
	{"rm", 0, SWITCH, AT(rm), NULL,
	 "Automatically remove the container and its associated anonymous volumes when it exits"},
	{"runtime", 0, TEXT, AT(runtime), NULL, "Runtime to use for this container"},
	{"secret", 0, LIST, AT(secrets), "secret", "Secret to give to the container (NAME[,target=,uid=,gid=,mode=])"},
	{"security-opt", 0, LIST, AT(security_options), NULL, "Security Options"},
	{"shm-size", 0, BYTES, AT(shm_size), NULL, "Size of /dev/shm"},
	{"stop-signal", 0, TEXT, AT(stop_signal), NULL, "Signal to stop the container"},
	{"stop-timeout", 0, INTEGER, AT(stop_timeout), NULL, "Timeout (in seconds) to stop a container", NEGATIVE,
	 GIVEN(stop_timeout_given)},
	{"storage-opt", 0, LIST, AT(storage_options), NULL, "Storage driver options for the container"},
	{"sysctl", 0, LIST, AT(sysctls), "map", "Sysctl options"},
	{"tmpfs", 0, LIST, AT(tmpfs), NULL, "Mount a tmpfs directory"},
	{"tty", 't', SWITCH, AT(tty), NULL, "Allocate a pseudo-TTY"},
	{"ulimit", 0, LIST, AT(ulimits), "ulimit", "Ulimit options"},
	{"use-api-socket", 0, SWITCH, AT(api_socket), NULL, "Bind mount the API's socket (not supported)"},
	{"user", 'u', TEXT, AT(user), NULL, "Username or UID (format: <name|uid>[:<group|gid>])"},
	{"userns", 0, TEXT, AT(userns), NULL, "User namespace to use"},
	{"uts", 0, TEXT, AT(uts), NULL, "UTS namespace to use"},
	{"volume", 'v', LIST, AT(volumes), NULL, "Bind mount a volume"},
	{"volume-driver", 0, TEXT, AT(volume_driver), NULL, "Optional volume driver for the container"},
	{"volumes-from", 0, LIST, AT(volumes_from), NULL, "Mount volumes from the specified container(s)"},
	{"workdir", 'w', TEXT, AT(workdir), NULL, "Working directory inside the container"},
	{0},
};

// Options that go into the request as they are.
#define CONFIG(from, to)                                                                                               \
	{                                                                                                              \
		AT(from), offsetof(struct api_container_create, config.to)                                             \
	}
#define HOST(from, to)                                                                                                 \
	{                                                                                                              \
		AT(from), offsetof(struct api_host_config, to)                                                         \
	}

struct move {
	size_t from, to;
};

static const struct move config_texts[] = {
	CONFIG(hostname, hostname),   CONFIG(domainname, domainname),   CONFIG(user, user),
	CONFIG(workdir, working_dir), CONFIG(stop_signal, stop_signal), CONFIG(mac_address, mac_address),
};
static const struct move host_texts[] = {
	HOST(cidfile, container_id_file),
	HOST(cgroup_parent, cgroup_parent),
	HOST(cgroupns, cgroupns_mode),
	HOST(cpuset_cpus, cpuset_cpus),
	HOST(cpuset_mems, cpuset_mems),
	HOST(ipc, ipc_mode),
	HOST(isolation, isolation),
	HOST(pid, pid_mode),
	HOST(runtime, runtime),
	HOST(userns, userns_mode),
	HOST(uts, uts_mode),
	HOST(volume_driver, volume_driver),
};
static const struct move host_lists[] = {
	HOST(cap_add, cap_add),
	HOST(cap_drop, cap_drop),
	HOST(device_rules, device_cgroup_rules),
	HOST(dns, dns),
	HOST(dns_options, dns_options),
	HOST(dns_search, dns_search),
	HOST(group_add, group_add),
	HOST(links, links),
	HOST(volumes_from, volumes_from),
};
static const struct move host_numbers[] = {
	HOST(blkio_weight, blkio_weight),
	HOST(cpu_count, cpu_count),
	HOST(cpu_percent, cpu_percent),
	HOST(cpu_period, cpu_period),
	HOST(cpu_quota, cpu_quota),
	HOST(cpu_rt_period, cpu_realtime_period),
	HOST(cpu_rt_runtime, cpu_realtime_runtime),
	HOST(cpu_shares, cpu_shares),
	HOST(io_bandwidth, io_maximum_bandwidth),
	HOST(io_iops, io_maximum_iops),
	HOST(memory, memory),
	HOST(memory_reservation, memory_reservation),
	HOST(memory_swap, memory_swap),
	HOST(oom_score_adj, oom_score_adj),
	HOST(shm_size, shm_size),
};
static const struct move host_switches[] = {
	HOST(privileged, privileged),
	HOST(publish_all, publish_all_ports),
	HOST(read_only, readonly_rootfs),
	HOST(rm, auto_remove),
};
// clang-format on

#define FROM(options, move, type) (*(type const *) ((const char *) (options) + (move).from))
#define TO(object, move, type) (*(type *) ((char *) (object) + (move).to))

static void move_texts(const void *options, void *object, const struct move *moves, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TO(object, moves[i], char *) = g_strdup(FROM(options, moves[i], char *));
}

// Whose ids keep-id keeps is known here alone.
static void set_users(struct api_host_config *host)
{
	const char *mode = host->userns_mode;
	bool bare = mode && strcmp(mode, "keep-id") == 0;

	if (!bare && !(mode && g_str_has_prefix(mode, "keep-id:") && !strstr(mode, "hostuid=")))
		return;
	char *whole = g_strdup_printf("%s%chostuid=%u,hostgid=%u", mode, bare ? ':' : ',', getuid(), getgid());
	g_free(host->userns_mode);
	host->userns_mode = whole;
}

static bool check(const struct berth_container_options *options, GError **error)
{
	if (options->api_socket)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--use-api-socket is not supported by this version; mount the socket with -v");
	if (options->kernel_memory)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--kernel-memory: the kernel has no such limit any more; use --memory");
	if (!g_strv_contains((const char *const[]){"always", "missing", "never", NULL}, options->pull))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
				       options->pull);
	if (options->cpus < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--cpus must not be negative");
	if (options->rm && strcmp(options->restart, "no") != 0 && *options->restart)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: cannot specify both --restart and --rm");
	if (options->detach && options->attach)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: cannot specify both --attach and --detach");
	return true;
}

static bool set_attach(const struct berth_container_options *options, struct api_container_config *config,
		       GError **error)
{
	config->tty = options->tty;
	config->open_stdin = options->interactive;
	if (!options->attach && !options->detach) {
		config->attach_stdin = options->interactive;
		config->attach_stdout = config->attach_stderr = true;
	}
	for (char *const *name = options->attach; name && *name; name++) {
		if (g_ascii_strcasecmp(*name, "stdin") == 0)
			config->attach_stdin = true;
		else if (g_ascii_strcasecmp(*name, "stdout") == 0)
			config->attach_stdout = true;
		else if (g_ascii_strcasecmp(*name, "stderr") == 0)
			config->attach_stderr = true;
		else
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid argument \"%s\" for \"-a, --attach\" flag: valid streams are "
					       "STDIN, STDOUT and STDERR",
					       *name);
	}
	config->stdin_once = config->open_stdin && config->attach_stdin;
	return true;
}

static bool set_health(const struct berth_container_options *options, struct api_container_config *config,
		       GError **error)
{
	bool any = options->health_cmd || options->health_interval || options->health_retries ||
		   options->health_start_interval || options->health_start_period || options->health_timeout;

	if (!any && !options->no_healthcheck)
		return true;
	if (any && options->no_healthcheck)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--no-healthcheck conflicts with --health-* options");
	struct api_healthcheck *health = config->healthcheck = berth_document_new(&api_healthcheck_document);
	g_autoptr(GStrvBuilder) test = g_strv_builder_new();
	if (options->no_healthcheck)
		g_strv_builder_add(test, "NONE");
	else if (options->health_cmd && *options->health_cmd)
		g_strv_builder_add_many(test, "CMD-SHELL", options->health_cmd, NULL);
	health->test = g_strv_builder_end(test);
	health->interval = options->health_interval;
	health->retries = options->health_retries;
	health->start_interval = options->health_start_interval;
	health->start_period = options->health_start_period;
	health->timeout = options->health_timeout;
	return true;
}

static bool set_config(const struct berth_container_options *options, char *const *arguments,
		       struct api_container_create *create, GError **error)
{
	struct api_container_config *config = &create->config;

	move_texts(options, create, config_texts, G_N_ELEMENTS(config_texts));
	config->image = g_strdup(arguments[0]);
	if (arguments[1])
		config->cmd = g_strdupv((char **) arguments + 1);
	if (options->entrypoint_given) {
		config->entrypoint = g_new0(char *, 2);
		config->entrypoint[0] = g_strdup(options->entrypoint);
	}
	if (options->stop_timeout_given)
		config->stop_timeout = options->stop_timeout;
	return set_attach(options, config, error) && set_health(options, config, error) &&
	       berth_parse_env(options->env, options->env_files, &config->env, error) &&
	       berth_parse_labels(options->labels, options->label_files, &config->labels, error);
}

static bool set_log(const struct berth_container_options *options, struct api_host_config *host, GError **error)
{
	host->log_config = berth_document_new(&api_log_config_document);
	host->log_config->type = g_strdup(options->log_driver ? options->log_driver : "");
	return berth_parse_pairs(options->log_options, &host->log_config->config, error);
}

// --tmpfs FOLDER[:OPTIONS]
static void set_tmpfs(const struct berth_container_options *options, struct api_host_config *host)
{
	for (char *const *value = options->tmpfs; value && *value; value++) {
		const char *colon = strchr(*value, ':');
		if (!host->tmpfs)
			host->tmpfs = berth_map_new();
		g_hash_table_insert(host->tmpfs,
				    colon ? g_strndup(*value, (size_t) (colon - *value)) : g_strdup(*value),
				    g_strdup(colon ? colon + 1 : ""));
	}
}

static void set_resources(const struct berth_container_options *options, struct api_host_config *host)
{
	host->nano_cpus = (int64_t) (options->cpus * 1e9 + (options->cpus < 0 ? -0.5 : 0.5));
	host->init = options->init;
	if (options->memory_swappiness != -1)
		host->memory_swappiness = options->memory_swappiness;
	if (options->oom_kill_disable)
		host->oom_kill_disable = true;
	if (options->pids_limit)
		host->pids_limit = options->pids_limit;
	struct winsize size;
	if (options->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		host->console_size = json_pack("[i, i]", (int) size.ws_row, (int) size.ws_col);
}

static bool set_host(const struct berth_container_options *options, struct api_container_create *create, GError **error)
{
	struct api_host_config *host = create->host_config;

	move_texts(options, host, host_texts, G_N_ELEMENTS(host_texts));
	set_users(host);
	for (size_t i = 0; i < G_N_ELEMENTS(host_lists); i++)
		TO(host, host_lists[i], char **) = g_strdupv(FROM(options, host_lists[i], char **));
	for (size_t i = 0; i < G_N_ELEMENTS(host_numbers); i++)
		TO(host, host_numbers[i], int64_t) = FROM(options, host_numbers[i], int64_t);
	for (size_t i = 0; i < G_N_ELEMENTS(host_switches); i++)
		TO(host, host_switches[i], bool) = FROM(options, host_switches[i], bool);
	set_tmpfs(options, host);
	set_resources(options, host);
	return set_log(options, host, error) && berth_check_dns(options->dns, options->dns_search, error) &&
	       berth_check_links(options->links, error) &&
	       berth_parse_hosts(options->add_hosts, &host->extra_hosts, error) &&
	       berth_parse_restart(options->restart, &host->restart_policy, error) &&
	       berth_parse_pairs(options->annotations, &host->annotations, error) &&
	       berth_parse_pairs(options->storage_options, &host->storage_opt, error) &&
	       berth_parse_pairs(options->sysctls, &host->sysctls, error) &&
	       berth_parse_volumes(options->volumes, &host->binds, &create->config.volumes, error) &&
	       berth_parse_mounts(options->mounts, &host->mounts, error) &&
	       berth_parse_ulimits(options->ulimits, &host->ulimits, error) &&
	       berth_parse_devices_all(options->devices, host, error) &&
	       berth_parse_secrets(options->secrets, &host->secrets, error) &&
	       berth_parse_gpus(options->gpus, &host->device_requests, error) &&
	       berth_parse_weights(options->weight_devices, &host->blkio_weight_device, error) &&
	       berth_parse_throttles(options->read_bps, true, &host->blkio_device_read_bps, error) &&
	       berth_parse_throttles(options->write_bps, true, &host->blkio_device_write_bps, error) &&
	       berth_parse_throttles(options->read_iops, false, &host->blkio_device_read_iops, error) &&
	       berth_parse_throttles(options->write_iops, false, &host->blkio_device_write_iops, error) &&
	       berth_parse_security(options->security_options, host, error) &&
	       berth_parse_ports(options->publish, options->expose, &create->config.exposed_ports, &host->port_bindings,
				 error);
}

struct api_container_create *berth_container_request(const struct berth_container_options *options,
						     char *const *arguments, GError **error)
{
	g_autoptr(api_container_create) create = berth_document_new(&api_container_create_document);

	create->host_config = berth_document_new(&api_host_config_document);
	if (!check(options, error) || !set_config(options, arguments, create, error) ||
	    !set_host(options, create, error) || !berth_parse_endpoints(options, create, error))
		return NULL;
	return g_steal_pointer(&create);
}
