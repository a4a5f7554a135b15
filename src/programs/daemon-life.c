// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-life.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "programs/daemon-build.h"
#include "programs/daemon-log.h"
#include "programs/daemon-notify.h"

#include <fcntl.h>
#include <string.h>

// What SIGHUP changes; everything else needs a start.
static const char *const reloadable[] = {
	"authorization-plugin",
	"builder",
	"debug",
	"feature",
	"insecure-registry",
	"label",
	"live-restore",
	"log-level",
	"max-concurrent-downloads",
	"max-concurrent-uploads",
	"registry-certificates",
	"registry-mirror",
	"shutdown-timeout",
	"stop-containers",
	NULL,
};

// Programs lie beside berthd in a build folder, in libexec when installed.
static char *find_program(const char *given, const char *name, GError **error)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

	if (given)
		return access(given, X_OK) == 0
			       ? g_strdup(given)
			       : (berth_error_set_errno(error, errno, "program %s at %s", name, given), NULL);
	self[MAX(length, 0)] = '\0';
	g_autofree char *folder = g_path_get_dirname(self);
	g_autofree char *beside = g_build_filename(folder, name, NULL);
	g_autofree char *libexec = g_build_filename(folder, "..", "libexec", "berth", name, NULL);
	if (access(beside, X_OK) == 0)
		return g_steal_pointer(&beside);
	if (access(libexec, X_OK) == 0)
		return g_steal_pointer(&libexec);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND,
			"program %s: is neither %s nor %s; say where it is with --monitor-path or --init-path", name,
			beside, libexec);
	return NULL;
}

// The storage driver by dockerd's name for it.
static const char *storage_driver(const struct daemon_options *options)
{
	const char *name = options->storage_driver;

	return name && strcmp(name, "overlay2") == 0 ? "overlay" : name && strcmp(name, "vfs") == 0 ? "copy" : name;
}

static struct berth_engine_network_options network_options(const struct daemon_options *options)
{
	return (struct berth_engine_network_options){
		.no_bridge = options->bridge && strcmp(options->bridge, "none") == 0,
		.bridge_address = options->bip,
		.bridge_range = options->fixed_cidr,
		.bridge_subnet6 = options->fixed_cidr_v6,
		.bridge_ipv6 = options->ipv6,
		.pools = options->address_pools,
		.host_address = options->host_address,
		.mtu = options->mtu,
		.no_icc = !options->icc,
		.no_masquerade = !options->ip_masq,
		.no_forwarding = !options->ip_forward,
		.dns = options->dns,
		.dns_options = options->dns_options,
		.dns_search = options->dns_search,
		.host_gateway = options->host_gateway,
		.published_ports = options->published_ports,
		.cni_folders = options->cni_folders,
		.cni_programs = options->cni_programs,
	};
}

// Everything but the programs' places.
static struct berth_engine_options engine_options(const struct daemon_options *options, const char *seccomp)
{
	return (struct berth_engine_options){
		.data_root = options->data_root,
		.exec_root = options->exec_root,
		.snapshot_driver = storage_driver(options),
		.cgroup_parent = options->cgroup_parent,
		.userns = options->userns,
		.log_driver = options->log_driver,
		.log_options = options->log_options,
		.labels = options->labels,
		.registries =
			{
				.insecure = options->insecure_registries,
				.mirrors = options->registry_mirrors,
				.certificates = options->registry_certificates,
				.downloads = (int) options->downloads,
				.uploads = (int) options->uploads,
			},
		.network = network_options(options),
		.defaults =
			{
				.ulimits = options->default_ulimits,
				.shm_size = options->default_shm_size,
				.ipc_mode = options->default_ipc,
				.cgroupns_mode = options->default_cgroupns,
				.seccomp = seccomp,
				.init = options->init,
				.no_new_privileges = options->no_new_privileges,
			},
		.plugin_folders = options->plugin_folders,
		.cdi_folders = options->cdi_folders,
		.debug = options->debug,
		.stop_containers = !options->live_restore,
		.shutdown_timeout = options->shutdown_timeout,
		.event_hours = options->event_hours,
		.event_limit = options->event_limit,
		.authorization = options->authorization_plugins,
	};
}

// The seccomp profile that containers get: its text, or NULL without error: the builtin one.
static bool read_seccomp(const struct daemon_options *options, char **ret, GError **error)
{
	const char *name = options->seccomp_profile;

	*ret = NULL;
	if (!*name || strcmp(name, "builtin") == 0 || strcmp(name, "default") == 0)
		return true;
	if (strcmp(name, "unconfined") == 0) {
		*ret = g_strdup(name);
		return true;
	}
	*ret = berth_read_file_at(AT_FDCWD, name, BERTH_LIMIT_JSON, NULL, error);
	if (!*ret)
		g_prefix_error(error, "--seccomp-profile: ");
	return *ret;
}

struct berth_engine *daemon_life_open(const struct daemon_options *options, char *const *host_warnings, GError **error)
{
	g_autofree char *monitor = find_program(options->monitor_path, "berth-monitor", error);
	g_autofree char *init = monitor ? find_program(options->init_path, "berth-init", error) : NULL;
	g_autofree char *seccomp = NULL;

	if (!init || !read_seccomp(options, &seccomp, error))
		return NULL;
	struct berth_engine_options engine = engine_options(options, seccomp);
	engine.monitor_program = monitor;
	engine.init_program = init;
	engine.warnings = host_warnings;
	return berth_engine_open(&engine, error);
}

bool daemon_life_set_log(const struct daemon_options *options, GError **error)
{
	return daemon_log_set_level(options->debug ? "debug" : options->log_level, error);
}

void daemon_life_warn(const struct daemon_options *options)
{
	for (guint i = 0; options->warnings && i < options->warnings->len; i++)
		g_warning("%s", (const char *) options->warnings->pdata[i]);
}

// What was changed and holds from the next start on.
static void tell_what_waits(const struct daemon_options *old, const struct daemon_options *new)
{
	g_auto(GStrv) names = daemon_options_differ(old, new, reloadable);
	g_autofree char *text = g_strjoinv(", --", names);

	if (*names)
		g_warning("the configuration was changed in what only a restart changes: --%s", text);
}

static bool read_again(struct daemon_life *life, struct daemon_options *next, GError **error)
{
	bool help = false;

	if (!daemon_options_read(next, life->argc, life->argv, &help, error))
		return false;
	struct berth_engine_options engine = engine_options(next, NULL);
	return berth_engine_reload(life->engine, &engine, error) && daemon_life_set_log(next, error) &&
	       daemon_build_configure(life->build, next->builder, error);
}

void daemon_life_reload(struct daemon_life *life)
{
	struct daemon_options next = {0};
	g_autoptr(GError) error = NULL;

	daemon_notify_reloading();
	if (!read_again(life, &next, &error)) {
		g_warning("reading the configuration again: %s; nothing is changed", error->message);
		daemon_options_clear(&next);
	} else {
		daemon_life_warn(&next);
		tell_what_waits(&life->options, &next);
		daemon_options_clear(&life->options);
		life->options = next;
		if (life->reloaded)
			life->reloaded(life->data);
		g_message("the configuration was read again");
	}
	daemon_notify("READY=1\nSTATUS=%s", error ? "The configuration is wrong, what was before holds" : "Serving");
}

void daemon_life_end(const struct daemon_life *life)
{
	if (life->options.live_restore)
		return;
	daemon_notify("STATUS=Stopping the containers");
	berth_engine_stop_containers(life->engine, life->options.shutdown_timeout);
}
