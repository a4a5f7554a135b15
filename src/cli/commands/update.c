// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/container-options.h"

#include <stdio.h>
#include <string.h>

#define LIMITS 15

struct options {
	char **add, **remove;
	char *limits[LIMITS]; // of the flags behind the first two, in their order
};

#define AT(member) offsetof(struct options, member)
#define LIMIT(index, name, shorthand, help)                                                                            \
	{                                                                                                              \
		name, shorthand, BERTH_FLAG_TEXT, AT(limits) + (index) * sizeof(char *), NULL,                         \
			help " (not supported)", .flags = BERTH_FLAG_HIDDEN                                            \
	}
static const struct berth_flag flags[] = {
	{"publish-add", 0, BERTH_FLAG_LIST, AT(add), NULL,
	 "Publish a further port, of a running container at once ([ADDRESS:][HOST-PORTS:]PORTS[/PROTOCOL])"},
	{"publish-rm", 0, BERTH_FLAG_LIST, AT(remove), NULL,
	 "Withdraw published ports (PORTS[/PROTOCOL]: all of the container's port; as with -p: that one)"},
	LIMIT(0, "blkio-weight", 0, "Block IO weight"),
	LIMIT(1, "cpu-period", 0, "CPU CFS period"),
	LIMIT(2, "cpu-quota", 0, "CPU CFS quota"),
	LIMIT(3, "cpu-rt-period", 0, "CPU real-time period"),
	LIMIT(4, "cpu-rt-runtime", 0, "CPU real-time runtime"),
	LIMIT(5, "cpu-shares", 'c', "CPU shares"),
	LIMIT(6, "cpus", 0, "Number of CPUs"),
	LIMIT(7, "cpuset-cpus", 0, "CPUs in which to allow execution"),
	LIMIT(8, "cpuset-mems", 0, "MEMs in which to allow execution"),
	LIMIT(9, "memory", 'm', "Memory limit"),
	LIMIT(10, "memory-reservation", 0, "Memory soft limit"),
	LIMIT(11, "memory-swap", 0, "Swap limit"),
	LIMIT(12, "pids-limit", 0, "Pids limit"),
	LIMIT(13, "restart", 0, "Restart policy"),
	LIMIT(14, "kernel-memory", 0, "Kernel memory limit"),
	{0},
};
#undef AT

// {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
static bool set_ports(json_t *request, const char *name, char *const *values, GError **error)
{
	g_auto(GStrv) exposed = NULL;
	g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);

	if (!berth_parse_ports(values, NULL, &exposed, &host->port_bindings, error))
		return false;
	BERTH_AUTO_JSON json_t *printed = berth_document_print(&api_host_config_document, host, 0);
	json_object_set(request, name, json_object_get(printed, "PortBindings"));
	return true;
}

static bool update_one(struct berth_cli *cli, const void *data, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/update", container, false);
	const char *const *body = data;
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, *body, error);
	const json_t *warning;
	size_t i;

	if (!answer)
		return false;
	json_array_foreach(json_object_get(answer, "Warnings"), i, warning)
		fprintf(stderr, "%s\n", json_string_value(warning));
	puts(container);
	return true;
}

static int update_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *request = json_object();

	for (size_t i = 0; i < LIMITS; i++)
		if (options->limits[i]) {
			berth_error_set(
				error, BERTH_ERROR_NOT_IMPLEMENTED,
				"--%s: limits and policies of a container that is there cannot be changed by this "
				"version; make it anew, with other options of run",
				flags[2 + i].name);
			return 1;
		}
	if (!options->add && !options->remove) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"you must provide one or more flags when using this command (--publish-add, "
				"--publish-rm)");
		return 1;
	}
	if ((options->add && !set_ports(request, "PublishAdd", options->add, error)) ||
	    (options->remove && !set_ports(request, "PublishRm", options->remove, error)))
		return 1;
	g_autofree char *body = berth_json_text(request);
	return berth_cli_for_each(cli, &body, arguments, update_one);
}

const struct berth_command berth_command_update = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Update configuration of one or more containers",
	.description =
		"Published ports are added to and taken from a container while it runs: what is connected through "
		"other ports stays so.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.main = update_main,
};
