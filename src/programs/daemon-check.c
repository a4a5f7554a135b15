// SPDX-License-Identifier: Apache-2.0
// What the settings must be, each for itself and together. All that is wrong is found at once.
#include "programs/daemon-builder.h"
#include "programs/daemon-options.h"

#include "base/limits.h"
#include "engine/log/log-plan.h"

#include <string.h>
#include <unistd.h>

#define MTU_LEAST 68 // RFC 791
#define EVENT_HOURS_MOST 876000
#define OOM_SCORE_MOST 1000

static void G_GNUC_PRINTF(2, 3) add(GPtrArray *list, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_ptr_array_add(list, g_strdup_vprintf(format, values));
	va_end(values);
}

static bool is_one_of(const char *text, const char *const *words)
{
	return g_strv_contains(words, text);
}

static void check_network(const struct daemon_options *options, GPtrArray *errors)
{
	if (options->bridge && *options->bridge && strcmp(options->bridge, "none") != 0)
		add(errors,
		    "--bridge %s: the default bridge is one of Berth's own, or \"none\"; make a network for a bridge "
		    "that is there (network create -o com.docker.network.bridge.name=%s)",
		    options->bridge, options->bridge);
	if (!options->iptables || !options->ip6tables)
		add(errors,
		    "--ip%stables=false: without rules no network is isolated and no port published; Berth's are in a "
		    "table of nftables of its own and change no other",
		    options->iptables ? "6" : "");
	if (options->fixed_cidr && !options->bip)
		add(errors, "--fixed-cidr is a part of --bip's subnet: say both");
	if (options->mtu != 0 && (options->mtu < MTU_LEAST || options->mtu > G_MAXUINT16))
		add(errors, "--mtu: %" G_GINT64_FORMAT " is not %d to %d", options->mtu, MTU_LEAST, G_MAXUINT16);
}

static void check_folders(const char *flag, char *const *folders, GPtrArray *errors)
{
	for (; folders && *folders; folders++)
		if (**folders != '/')
			add(errors, "%s %s: it is no absolute path", flag, *folders);
}

static void check_transfers(const char *flag, int64_t number, GPtrArray *errors)
{
	if (number < 1)
		add(errors, "%s: %" G_GINT64_FORMAT " is less than 1", flag, number);
	else if (number > BERTH_LIMIT_TRANSFERS)
		add(errors, "%s: is more than the limit of %d", flag, BERTH_LIMIT_TRANSFERS);
}

static void check_file(const char *flag, const char *path, GPtrArray *errors)
{
	if (access(path, R_OK) < 0)
		add(errors, "%s: cannot read %s: %s", flag, path, g_strerror(errno));
}

// A tcp:// host gives everyone who can connect the rights of root: only for those who have a certificate, unless the
// opposite is said in so many words.
static void check_hosts(const struct daemon_options *options, GPtrArray *errors)
{
	for (char *const *host = options->hosts; host && *host; host++) {
		if (g_str_has_prefix(*host, "npipe://"))
			add(errors,
			    "host %s: named pipes are of Windows; expected unix:///path, fd:// or "
			    "tcp://address:port",
			    *host);
		else if (g_str_has_prefix(*host, "tcp://") && !options->tls_verify && !options->insecure_tcp)
			add(errors,
			    "host %s: everyone who can connect would have the rights of root; say --tlsverify (with "
			    "--tlscacert, --tlscert and --tlskey), or --allow-insecure-tcp if that is wanted",
			    *host);
	}
	if (!options->tls)
		return;
	if (options->tls_verify)
		check_file("--tlscacert", options->tls_ca, errors);
	check_file("--tlscert", options->tls_certificate, errors);
	check_file("--tlskey", options->tls_key, errors);
}

static void check_choices(const struct daemon_options *options, GPtrArray *errors)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", "fatal", NULL};
	static const char *const formats[] = {"text", "json", NULL};
	static const char *const userns[] = {"host", "auto", NULL};
	static const char *const ipc[] = {"private", "shareable", NULL}, *const cgroupns[] = {"private", "host", NULL};

	if (!is_one_of(options->log_level, levels))
		add(errors, "--log-level: \"%s\" is neither debug, info, warn, error nor fatal", options->log_level);
	if (!is_one_of(options->log_format, formats))
		add(errors, "--log-format: \"%s\" is neither text nor json", options->log_format);
	if (!is_one_of(options->default_ipc, ipc))
		add(errors, "--default-ipc-mode: \"%s\" is neither private nor shareable", options->default_ipc);
	if (!is_one_of(options->userns, userns))
		add(errors, "--userns: \"%s\" is neither host nor auto", options->userns);
	if (!is_one_of(options->default_cgroupns, cgroupns))
		add(errors, "--default-cgroupns-mode: \"%s\" is neither private nor host", options->default_cgroupns);
	if (strcmp(options->default_runtime, "berth") != 0 && strcmp(options->default_runtime, "runc") != 0)
		add(errors, "--default-runtime: \"%s\" is not there: Berth runs containers with its own runtime",
		    options->default_runtime);
}

static void check_limits(const struct daemon_options *options, GPtrArray *errors)
{
	check_transfers("--max-concurrent-downloads", options->downloads, errors);
	check_transfers("--max-concurrent-uploads", options->uploads, errors);
	if (options->shutdown_timeout < 0)
		add(errors, "--shutdown-timeout: is less than 0");
	if (options->event_hours < 0 || options->event_hours > EVENT_HOURS_MOST)
		add(errors, "--event-hours: is not between 0 and %d", EVENT_HOURS_MOST);
	if (options->event_limit < 1 || options->event_limit > BERTH_LIMIT_EVENTS_MOST)
		add(errors, "--event-limit: is not between 1 and %d", BERTH_LIMIT_EVENTS_MOST);
	if (options->default_shm_size <= 0)
		add(errors, "--default-shm-size: is not more than 0");
	if (options->oom_score_adjust < -OOM_SCORE_MOST || options->oom_score_adjust > OOM_SCORE_MOST)
		add(errors, "--oom-score-adjust: is not -%d to %d", OOM_SCORE_MOST, OOM_SCORE_MOST);
	for (char *const *limit = options->default_ulimits; limit && *limit; limit++)
		if (!strchr(*limit, '=') || **limit == '=')
			add(errors, "--default-ulimit: \"%s\" is not NAME=SOFT[:HARD]", *limit);
}

// The engine's own log driver and its options, which containers that say nothing have.
static void check_log(const struct daemon_options *options, GPtrArray *errors)
{
	g_autoptr(api_log_config) config = berth_document_new(&api_log_config_document);
	g_autoptr(GError) error = NULL;
	struct berth_log_plan plan;

	config->type = g_strdup(options->log_driver);
	config->config = berth_map_new();
	for (char *const *option = options->log_options; option && *option; option++) {
		const char *equals = strchr(*option, '=');
		if (equals)
			g_hash_table_insert(config->config, g_strndup(*option, (gsize) (equals - *option)),
					    g_strdup(equals + 1));
		else
			add(errors, "--log-opt: \"%s\" is not NAME=VALUE", *option);
	}
	if (!berth_log_plan_make(config, &plan, &error))
		add(errors, "--log-driver, --log-opt: %s", error->message);
}

static void check_exec(const char *option, struct daemon_findings *findings)
{
	if (strcmp(option, "native.cgroupdriver=cgroupfs") == 0)
		return;
	if (strcmp(option, "native.cgroupdriver=systemd") == 0)
		add(findings->errors,
		    "--exec-opt %s: the engine makes control groups itself, below --cgroup-parent; in "
		    "a unit with Delegate=yes that is a group which systemd leaves to it",
		    option);
	else
		add(findings->errors, "--exec-opt %s: there is no such option", option);
}

static void warn(const struct daemon_options *options, GPtrArray *warnings)
{
	static const char *const silent[] = {"cdi=true", "cdi=false", NULL};

	if (options->userland_proxy && options->given.userland_proxy)
		add(warnings, "userland-proxy has no effect: published ports are reached from the host itself without "
			      "one");
	if (strcmp(options->default_runtime, "runc") == 0)
		add(warnings, "default-runtime \"runc\" has no effect: Berth runs containers with its own runtime");
	for (char *const *feature = options->features; feature && *feature; feature++)
		if (!is_one_of(*feature, silent))
			add(warnings, "feature %s has no effect: there is nothing that it would switch", *feature);
}

static void check_builder(const struct daemon_options *options, GPtrArray *errors)
{
	struct daemon_builder builder;
	g_autoptr(GError) error = NULL;

	if (daemon_builder_read(options->builder, &builder, &error))
		daemon_builder_clear(&builder);
	else
		add(errors, "%s", error->message);
}

void daemon_options_check(const struct daemon_options *options, struct daemon_findings *findings)
{
	GPtrArray *errors = findings->errors;

	for (char *const *option = options->exec_options; option && *option; option++)
		check_exec(*option, findings);
	for (char **label = options->labels; label && *label; label++)
		if (!strchr(*label, '=') || **label == '=')
			add(errors, "--label: \"%s\" is not key=value", *label);
	check_choices(options, errors);
	check_limits(options, errors);
	check_log(options, errors);
	check_hosts(options, errors);
	check_network(options, errors);
	check_builder(options, errors);
	check_folders("--cni-config-folder", options->cni_folders, errors);
	check_folders("--cni-plugin-folder", options->cni_programs, errors);
	check_folders("--plugin-folder", options->plugin_folders, errors);
	check_folders("--cdi-spec-dir", options->cdi_folders, errors);
	if (options->stop_containers && options->given.live_restore)
		add(errors, "--stop-containers and --live-restore say the same thing: give one of them");
	warn(options, findings->warnings);
}
