// SPDX-License-Identifier: Apache-2.0
#include "cli/candidates.h"

#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/listing.h"

#include <stdio.h>
#include <string.h>

extern char **environ;

#define CAPABILITIES                                                                                                   \
	"=ALL|=AUDIT_CONTROL|=AUDIT_READ|=AUDIT_WRITE|=BLOCK_SUSPEND|=BPF|=CHECKPOINT_RESTORE|=CHOWN|=DAC_OVERRIDE|"   \
	"=DAC_READ_SEARCH|=FOWNER|=FSETID|=IPC_LOCK|=IPC_OWNER|=KILL|=LEASE|=LINUX_IMMUTABLE|=MAC_ADMIN|"              \
	"=MAC_OVERRIDE|=MKNOD|=NET_ADMIN|=NET_BIND_SERVICE|=NET_BROADCAST|=NET_RAW|=PERFMON|=SETFCAP|=SETGID|"         \
	"=SETPCAP|=SETUID|=SYSLOG|=SYS_ADMIN|=SYS_BOOT|=SYS_CHROOT|=SYS_MODULE|=SYS_NICE|=SYS_PACCT|=SYS_PTRACE|"      \
	"=SYS_RAWIO|=SYS_RESOURCE|=SYS_TIME|=SYS_TTY_CONFIG|=WAKE_ALARM"
#define SIGNALS                                                                                                        \
	"=SIGABRT|=SIGALRM|=SIGCHLD|=SIGCONT|=SIGHUP|=SIGINT|=SIGIO|=SIGKILL|=SIGPIPE|=SIGQUIT|=SIGRTMIN+3|=SIGSTOP|"  \
	"=SIGTERM|=SIGTSTP|=SIGTTIN|=SIGTTOU|=SIGURG|=SIGUSR1|=SIGUSR2|=SIGWINCH"
#define ULIMITS                                                                                                        \
	"=core=|=cpu=|=data=|=fsize=|=locks=|=memlock=|=msgqueue=|=nice=|=nofile=|=nproc=|=rss=|=rtprio=|=rttime=|"    \
	"=sigpending=|=stack="

// Flags whose values are known, whatever command they are of.
static const struct {
	const char *flag, *kinds;
} values[] = {
	{"attach", "=stderr|=stdin|=stdout"},
	{"cap-add", CAPABILITIES},
	{"cap-drop", CAPABILITIES},
	{"cgroupns", "=host|=private"},
	{"color", "=always|=auto|=never"},
	{"config-from", "network"},
	{"context", "context"},
	{"env", "environment"},
	{"from", "context"},
	{"ipc", "=container:|=host|=none|=private|=shareable"},
	{"link", "running"},
	{"log-driver", "=fluentd|=journald|=json-file|=local|=none|=syslog"},
	{"log-level", "=debug|=error|=fatal|=info|=warn"},
	{"mount", "=type=bind,source=|=type=tmpfs,target=|=type=volume,source="},
	{"net", "network|=container:"},
	{"network", "network|=container:"},
	{"pid", "=container:|=host"},
	{"pull", "=always|=missing|=never"},
	{"restart", "=always|=no|=on-failure|=on-failure:|=on-unhealthy|=unless-stopped"},
	{"security-opt", "=apparmor=|=label=|=no-new-privileges|=seccomp=|=systempaths=unconfined"},
	{"signal", SIGNALS},
	{"stop-signal", SIGNALS},
	{"type", "=container|=image|=network|=secret|=volume"},
	{"ulimit", ULIMITS},
	{"userns", "=auto|=host|=keep-id"},
	{"uts", "=host"},
	{"volume", "volume"},
	{"volumes-from", "container"},
};

// --filter is another one for each command.
static const struct {
	const struct berth_command *command;
	const char *kinds;
} filters[] = {
	{&berth_command_ps,
	 "=ancestor=|=before=|=exited=|=expose=|=health=healthy|=health=none|=health=starting|=health=unhealthy|=id=|"
	 "=label=|=name=|=network=|=publish=|=since=|=status=created|=status=dead|=status=exited|=status=paused|"
	 "=status=restarting|=status=running|=volume="},
	{&berth_command_images, "=before=|=dangling=false|=dangling=true|=label=|=reference=|=since=|=until="},
	{&berth_command_network_ls, "=dangling=false|=dangling=true|=driver=|=id=|=label=|=name=|=scope=global|"
				    "=scope=local|=scope=swarm|=type=builtin|=type=custom"},
	{&berth_command_volume_ls, "=dangling=false|=dangling=true|=driver=|=label=|=name="},
	{&berth_command_events, "=container=|=daemon=|=event=|=image=|=label=|=network=|=scope=|=type=container|"
				"=type=daemon|=type=image|=type=network|=type=volume|=volume="},
	{&berth_command_container_prune, "=label=|=label!=|=until="},
	{&berth_command_image_prune, "=dangling=false|=dangling=true|=label=|=label!=|=until="},
	{&berth_command_network_prune, "=label=|=label!=|=until="},
	{&berth_command_volume_prune, "=all=|=label=|=label!="},
	{&berth_command_system_prune, "=label=|=label!=|=until="},
	{&berth_command_search, "=is-automated=|=is-official=false|=is-official=true|=stars="},
};

void berth_candidate(const struct berth_candidates *to, const char *text, const char *description)
{
	if (!text || !g_str_has_prefix(text, to->prefix) || strpbrk(text, "\t\r\n"))
		return;
	printf("%s%s", to->before, text);
	if (to->describe && description)
		printf("\t%s", description);
	putchar('\n');
}

// GET of a list; with *error unset even when there is no engine.
static json_t *ask(const struct berth_candidates *to, const char *path)
{
	return berth_cli_connect(to->cli, NULL) ? berth_client_json(to->cli->client, "GET", path, NULL, NULL) : NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

// `after` is added to each name.
static void add_containers(const struct berth_candidates *to, const char *statuses, const char *after)
{
	g_autoptr(GString) path = berth_path_new("/containers/json?all=1&brief=1", NULL, false);

	berth_path_add(path, "filters", statuses);
	BERTH_AUTO_JSON json_t *list = ask(to, path->str);
	const json_t *container, *name;
	size_t i, j;
	json_array_foreach(list, i, container) json_array_foreach(json_object_get(container, "Names"), j, name)
	{
		const char *text = json_string_value(name);
		g_autofree char *candidate = text && *text == '/' ? g_strconcat(text + 1, after, NULL) : NULL;
		if (candidate && !strchr(candidate, '/'))
			berth_candidate(to, candidate, text_of(container, "Image"));
	}
}

static void add_images(const struct berth_candidates *to)
{
	BERTH_AUTO_JSON json_t *list = ask(to, "/images/json");
	const json_t *image, *name;
	size_t i, j;

	json_array_foreach(list, i, image) json_array_foreach(json_object_get(image, "RepoTags"), j, name)
		berth_candidate(to, json_string_value(name), NULL);
}

static void add_networks(const struct berth_candidates *to)
{
	BERTH_AUTO_JSON json_t *list = ask(to, "/networks");
	const json_t *network;
	size_t i;

	json_array_foreach(list, i, network) berth_candidate(to, text_of(network, "Name"), text_of(network, "Driver"));
}

static void add_volumes(const struct berth_candidates *to)
{
	BERTH_AUTO_JSON json_t *answer = ask(to, "/volumes");
	const json_t *volume;
	size_t i;

	json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
		berth_candidate(to, text_of(volume, "Name"), text_of(volume, "Driver"));
}

static void add_contexts(const struct berth_candidates *to)
{
	BERTH_AUTO_JSON json_t *list = berth_context_list(to->cli, NULL);
	const json_t *context;
	size_t i;

	json_array_foreach(list, i, context)
		berth_candidate(to, text_of(context, "Name"), berth_context_endpoint_host(context));
}

static void add_pages(const struct berth_candidates *to)
{
	g_autoptr(GString) pages = g_string_new(NULL);

	berth_cli_man_list(pages);
	g_auto(GStrv) names = g_strsplit(pages->str, "\n", -1);
	for (char **name = names; *name && **name; name++)
		berth_candidate(to, *name, NULL);
}

static void add_environment(const struct berth_candidates *to)
{
	for (char **variable = environ; *variable; variable++) {
		g_autofree char *name = g_strndup(*variable, strcspn(*variable, "="));
		berth_candidate(to, name, NULL);
	}
}

static void add_kind(const struct berth_candidates *to, const char *kind)
{
	bool object = strcmp(kind, "object") == 0;

	if (*kind == '=')
		berth_candidate(to, kind + 1, NULL);
	else if (strcmp(kind, "running") == 0)
		add_containers(to, "{\"status\":[\"running\"]}", "");
	else if (strcmp(kind, "paused") == 0)
		add_containers(to, "{\"status\":[\"paused\"]}", "");
	else if (strcmp(kind, "stopped") == 0)
		add_containers(to, "{\"status\":[\"created\",\"exited\",\"dead\"]}", "");
	else if (strcmp(kind, "place") == 0)
		add_containers(to, NULL, ":");
	else if (strcmp(kind, "context") == 0)
		add_contexts(to);
	else if (strcmp(kind, "page") == 0)
		add_pages(to);
	else if (strcmp(kind, "environment") == 0)
		add_environment(to);
	if (object || strcmp(kind, "container") == 0)
		add_containers(to, NULL, "");
	if (object || strcmp(kind, "image") == 0)
		add_images(to);
	if (object || strcmp(kind, "network") == 0)
		add_networks(to);
	if (object || strcmp(kind, "volume") == 0)
		add_volumes(to);
}

void berth_candidates_of(const struct berth_candidates *to, const char *kinds)
{
	g_auto(GStrv) list = g_strsplit(kinds, "|", -1);

	for (char **kind = list; *kind; kind++)
		add_kind(to, *kind);
}

// "json", "table", and within a template that is begun the columns' names.
static void add_formats(const struct berth_candidates *to, const struct berth_listing *listing)
{
	const char *open = g_strrstr(to->prefix, "{{");

	berth_candidate(to, "json", NULL);
	if (!listing)
		return;
	berth_candidate(to, "table", NULL);
	if (!open || strstr(open, "}}"))
		return;
	for (const struct berth_column *column = listing->columns; column->name; column++) {
		g_autofree char *text =
			g_strdup_printf("%.*s{{.%s}}", (int) (open - to->prefix), to->prefix, column->name);
		berth_candidate(to, text, *column->header ? column->header : NULL);
	}
}

void berth_candidates_of_flag(const struct berth_candidates *to, const struct berth_command *command,
			      const struct berth_flag *flag)
{
	for (size_t i = 0; command && strcmp(flag->name, "filter") == 0 && i < G_N_ELEMENTS(filters); i++)
		if (filters[i].command == command)
			berth_candidates_of(to, filters[i].kinds);
	if (command && strcmp(flag->name, "format") == 0)
		add_formats(to, command->listing);
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		if (strcmp(flag->name, values[i].flag) == 0 && flag->type != BERTH_FLAG_SWITCH)
			berth_candidates_of(to, values[i].kinds);
}
