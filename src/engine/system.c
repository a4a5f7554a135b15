// SPDX-License-Identifier: Apache-2.0
// What the engine tells about itself and its host.
#include "engine/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "engine/plan/abilities.h"
#include "spec/api-system.h"
#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define OS_RELEASE_LIMIT (64 << 10)

// As Go names it.
static const char *architecture_of(const char *machine)
{
	static const struct {
		const char *machine, *name;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i].machine, machine) == 0)
			return names[i].name;
	return machine;
}

static struct api_component *component(const char *name, const char *version)
{
	struct api_component *result = berth_document_new(&api_component_document);

	result->name = g_strdup(name);
	result->version = g_strdup(version);
	result->details = berth_map_new();
	return result;
}

static struct api_component *engine_component(const struct utsname *system)
{
	struct api_component *result = component("Engine", BERTH_VERSION);
	const struct {
		const char *name, *value;
	} details[] = {
		{"ApiVersion", API_VERSION_MAX_TEXT},
		{"MinAPIVersion", API_VERSION_MIN_TEXT},
		{"Os", "linux"},
		{"Arch", architecture_of(system->machine)},
		{"KernelVersion", system->release},
		{"GitCommit", ""},
		{"GoVersion", ""},
		{"BuildTime", ""},
		{"Experimental", "false"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(details); i++)
		g_hash_table_insert(result->details, g_strdup(details[i].name), g_strdup(details[i].value));
	return result;
}

struct api_version *berth_engine_version(struct berth_engine *engine, GError **error)
{
	int64_t began = g_get_monotonic_time();
	struct utsname system;

	if (uname(&system) < 0) {
		berth_error_set_errno(error, errno, "asking for the kernel's version");
		return NULL;
	}
	struct api_version *version = berth_document_new(&api_version_document);
	version->platform = berth_document_new(&api_version_platform_document);
	version->platform->name = g_strdup("Berth");
	version->components = berth_objects_new();
	g_ptr_array_add(version->components, engine_component(&system));
	g_ptr_array_add(version->components, component("berth-monitor", BERTH_VERSION));
	version->version = g_strdup(BERTH_VERSION);
	version->api_version = g_strdup(API_VERSION_MAX_TEXT);
	version->min_api_version = g_strdup(API_VERSION_MIN_TEXT);
	version->git_commit = g_strdup("");
	version->go_version = g_strdup("");
	version->build_time = g_strdup("");
	version->os = g_strdup("linux");
	version->arch = g_strdup(architecture_of(system.machine));
	version->kernel_version = g_strdup(system.release);
	berth_engine__count_action(engine, BERTH_ACTION_SYSTEM_VERSION, began);
	return version;
}

// Info

static void count_containers(struct berth_engine *engine, struct api_info *info)
{
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);

	info->containers = containers->len;
	pthread_mutex_lock(&engine->lock);
	for (guint i = 0; i < containers->len; i++) {
		const struct berth_engine_container *container = containers->pdata[i];
		if (berth_engine__status_is(container, BERTH_STATUS_RUNNING))
			info->containers_running++;
		else if (berth_engine__status_is(container, BERTH_STATUS_PAUSED))
			info->containers_paused++;
		else
			info->containers_stopped++;
	}
	pthread_mutex_unlock(&engine->lock);
	pthread_mutex_lock(&engine->events_lock);
	info->n_events_listener = engine->event_listeners;
	pthread_mutex_unlock(&engine->events_lock);
}

// One value of os-release(5), without its quotes; NULL if it is not there.
static char *os_release_value(const char *text, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	size_t length = strlen(name);

	for (char **line = lines; *line; line++) {
		if (strncmp(*line, name, length) != 0 || (*line)[length] != '=')
			continue;
		char *value = g_shell_unquote(*line + length + 1, NULL);
		if (value)
			return value;
	}
	return NULL;
}

static char *ask_release(struct berth_engine *engine, enum berth_action action, const char *name, const char *otherwise)
{
	int64_t began = g_get_monotonic_time();
	g_autofree char *release = berth_read_file_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_LIMIT, NULL, NULL);
	char *value = release ? os_release_value(release, name) : NULL;

	berth_engine__count_action(engine, action, began);
	return value ? value : g_strdup(otherwise);
}

static void describe_host(struct berth_engine *engine, struct api_info *info)
{
	struct utsname system;
	struct sysinfo memory;

	info->operating_system = ask_release(engine, BERTH_ACTION_OPERATING_SYSTEM, "PRETTY_NAME", "Linux");
	info->os_version = ask_release(engine, BERTH_ACTION_OS_VERSION, "VERSION_ID", "");
	uname(&system);
	info->kernel_version = g_strdup(system.release);
	info->architecture = g_strdup(system.machine);
	info->name = g_strdup(system.nodename);
	info->os_type = g_strdup("linux");
	info->ncpu = get_nprocs();
	sysinfo(&memory);
	info->mem_total = (int64_t) memory.totalram * memory.mem_unit;
	info->system_time = berth_moment_string(berth_moment_now());
	g_autofree char *forward =
		berth_read_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", OS_RELEASE_LIMIT, NULL, NULL);
	info->ipv4_forwarding = forward && forward[0] == '1';
}

// What the kernel's controllers let containers be limited in.
static void describe_limits(struct api_info *info)
{
	enum berth_cgroup_layout layout = berth_cgroup_layout();
	struct berth_abilities abilities;

	info->cgroup_driver = g_strdup(layout == BERTH_CGROUP_NONE ? "none" : "cgroupfs");
	info->cgroup_version = g_strdup(layout == BERTH_CGROUP_V2 ? "2" : "1");
	berth_abilities_load(&abilities);
	info->memory_limit = abilities.memory;
	info->swap_limit = abilities.swap;
	info->oom_kill_disable = abilities.oom_kill_disable;
	info->cpu_shares = abilities.cpu_shares;
	info->cpu_cfs_period = info->cpu_cfs_quota = abilities.cpu_quota;
	info->cpu_set = abilities.cpuset;
	info->pids_limit = abilities.pids;
	berth_abilities_clear(&abilities);
}

static int64_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int64_t count = -3; // ".", ".." and the folder's own

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return MAX(count, 0);
}

// What a reload changes.
static void describe_settings(struct berth_engine *engine, struct api_info *info)
{
	const struct berth_engine_options *options = &engine->options;

	pthread_mutex_lock(&engine->lock);
	info->debug = options->debug;
	info->registry_config = berth_engine__registry_config(&options->registries);
	info->labels = options->labels ? g_strdupv((char **) options->labels) : g_new0(char *, 1);
	info->live_restore_enabled = !options->stop_containers;
	info->warnings = options->warnings ? g_strdupv((char **) options->warnings) : g_new0(char *, 1);
	pthread_mutex_unlock(&engine->lock);
}

// A variable of the environment, as registries are reached by it; without credentials.
static char *proxy_of(const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	const char *value = g_getenv(name) ? g_getenv(name) : g_getenv(lower);
	const char *scheme = value ? strstr(value, "://") : NULL, *start = scheme ? scheme + 3 : value;
	const char *at = start ? memrchr(start, '@', strcspn(start, "/")) : NULL;

	if (!at)
		return g_strdup(value ? value : "");
	return g_strdup_printf("%.*sxxxxx:xxxxx%s", (int) (start - value), value, at);
}

static void describe_engine(struct berth_engine *engine, struct api_info *info)
{
	info->id = g_strdup(engine->id);
	info->driver = g_strdup(berth_snapshots_driver(engine->snapshots));
	info->driver_status = json_pack("[]");
	info->plugins = berth_engine__plugins_info(engine);
	info->n_fd = count_descriptors();
	info->logging_driver = g_strdup(engine->options.log_driver);
	info->index_server_address = g_strdup("https://index.docker.io/v1/");
	info->docker_root_dir = g_strdup(engine->options.data_root);
	info->server_version = g_strdup(BERTH_VERSION);
	info->runtimes = json_pack("{s:{s:s}}", "berth", "path", "berth-runtime");
	info->default_runtime = g_strdup("berth");
	info->swarm = json_pack("{s:s, s:s, s:s, s:b, s:s, s:n}", "NodeID", "", "NodeAddr", "", "LocalNodeState",
				"inactive", "ControlAvailable", 0, "Error", "", "RemoteManagers");
	info->containerd_commit = json_pack("{s:s, s:s}", "ID", "", "Expected", "");
	info->runc_commit = json_pack("{s:s, s:s}", "ID", "", "Expected", "");
	info->init_commit = json_pack("{s:s, s:s}", "ID", "", "Expected", "");
	info->init_binary = g_strdup("berth-init");
	info->security_options = g_strsplit("name=seccomp,profile=builtin", "\n", 1);
	info->cdi_spec_dirs = json_array();
	for (char *const *folder = engine->options.cdi_folders; *folder; folder++)
		json_array_append_new(info->cdi_spec_dirs, json_string(*folder));
	info->http_proxy = proxy_of("HTTP_PROXY");
	info->https_proxy = proxy_of("HTTPS_PROXY");
	info->no_proxy = proxy_of("NO_PROXY");
}

struct api_info *berth_engine_info(struct berth_engine *engine, GError **error)
{
	int64_t began = g_get_monotonic_time(), images = berth_images_count(engine->images, error);

	if (images < 0)
		return NULL;
	struct api_info *info = berth_document_new(&api_info_document);
	info->images = images;
	count_containers(engine, info);
	describe_host(engine, info);
	describe_limits(info);
	describe_engine(engine, info);
	describe_settings(engine, info);
	berth_engine__count_action(engine, BERTH_ACTION_SYSTEM_INFO, began);
	return info;
}
