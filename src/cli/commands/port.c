// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "0.0.0.0:8080", "[::]:8080"
static char *address_of(const json_t *binding)
{
	const char *address = json_string_value(json_object_get(binding, "HostIp"));
	const char *port = json_string_value(json_object_get(binding, "HostPort"));
	bool six = address && strchr(address, ':');

	return g_strdup_printf("%s%s%s:%s", six ? "[" : "", address ? address : "", six ? "]" : "", port ? port : "");
}

// By number, then by protocol; what is of one port stands as the engine told it.
static int compare_names(const void *a, const void *b)
{
	const char *left = *(const char *const *) a, *right = *(const char *const *) b;
	long difference = strtol(left, NULL, 10) - strtol(right, NULL, 10);

	return difference ? (difference < 0 ? -1 : 1) : strcmp(left, right);
}

static void print_all(const json_t *ports)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *name;
	const json_t *list, *binding;
	size_t i;

	json_object_foreach((json_t *) (uintptr_t) ports, name, list) g_ptr_array_add(names, (char *) (uintptr_t) name);
	g_ptr_array_sort(names, compare_names);
	for (guint at = 0; at < names->len; at++)
		json_array_foreach(json_object_get(ports, names->pdata[at]), i, binding)
		{
			g_autofree char *address = address_of(binding);
			printf("%s -> %s\n", (const char *) names->pdata[at], address);
		}
}

static bool print_one(const json_t *ports, const char *port, const char *container, GError **error)
{
	g_autofree char *name = strchr(port, '/') ? g_strdup(port) : g_strconcat(port, "/tcp", NULL);
	const json_t *list = json_object_get(ports, name), *binding;
	char *end;
	size_t i;

	if (strtoul(name, &end, 10) > 65535 || end == name || *end != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid port: %s", port);
	if (json_array_size(list) == 0)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No public port '%s' published for %s", port,
				       container);
	json_array_foreach(list, i, binding)
	{
		g_autofree char *address = address_of(binding);
		puts(address);
	}
	return true;
}

static int port_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", arguments[0], false);
	BERTH_AUTO_JSON json_t *container = berth_client_json(cli->client, "GET", path->str, NULL, error);
	const json_t *ports = json_object_get(json_object_get(container, "NetworkSettings"), "Ports");

	if (!container)
		return 1;
	if (arguments[1])
		return print_one(ports, arguments[1], arguments[0], error) ? 0 : 1;
	print_all(ports);
	return 0;
}

const struct berth_command berth_command_port = {
	.arguments = "CONTAINER [PRIVATE_PORT[/PROTO]]",
	.summary = "List port mappings or a specific mapping for the container",
	.min_arguments = 1,
	.max_arguments = 2,
	.completes = "running",
	.main = port_main,
};
