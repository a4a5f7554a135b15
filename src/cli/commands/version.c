// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "spec/api.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct options {
	char *format;
};

static const struct berth_flag flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, offsetof(struct options, format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{0},
};

// Go's names of machines, which the API uses.
static const char *architecture(const char *machine)
{
	static const char *const names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(machine, names[i][0]) == 0)
			return names[i][1];
	return machine;
}

static json_t *client_part(const struct berth_cli *cli)
{
	g_autofree char *version = g_strdup_printf("%u.%u", berth_client_version(cli->client) / 100,
						   berth_client_version(cli->client) % 100);
	struct utsname system;

	uname(&system);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "Version", BERTH_VERSION, "ApiVersion", version,
			 "DefaultAPIVersion", API_VERSION_MAX_TEXT, "Os", "linux", "Arch", architecture(system.machine),
			 "Context", cli->context, "Platform", "Name", "Berth");
}

static void print_line(const char *name, const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	g_autofree char *title = g_strconcat(name, ":", NULL);

	if (value && *value)
		printf(" %-18s%s\n", title, value);
}

static void print_client(const json_t *client)
{
	printf("Client: Berth\n");
	print_line("Version", client, "Version");
	print_line("API version", client, "ApiVersion");
	printf(" %-18slinux/%s\n", "OS/Arch:", json_string_value(json_object_get(client, "Arch")));
	print_line("Context", client, "Context");
}

static void print_server(const json_t *server)
{
	const char *minimum = json_string_value(json_object_get(server, "MinAPIVersion"));
	const char *version = json_string_value(json_object_get(server, "ApiVersion"));
	const char *platform = json_string_value(json_object_get(json_object_get(server, "Platform"), "Name"));
	const json_t *component;
	size_t i;

	printf("\nServer: %s\n", platform && *platform ? platform : "Berth Engine");
	print_line("Version", server, "Version");
	printf(" %-18s%s (minimum version %s)\n", "API version:", version ? version : "", minimum ? minimum : "");
	print_line("Git commit", server, "GitCommit");
	print_line("Built", server, "BuildTime");
	printf(" %-18s%s/%s\n", "OS/Arch:", json_string_value(json_object_get(server, "Os")),
	       json_string_value(json_object_get(server, "Arch")));
	print_line("Kernel", server, "KernelVersion");
	json_array_foreach(json_object_get(server, "Components"), i, component)
	{
		const char *name = json_string_value(json_object_get(component, "Name"));
		if (!name || strcmp(name, "Engine") == 0)
			continue;
		printf(" %s:\n ", name);
		print_line("Version", component, "Version");
	}
}

// The client's part is shown even if there is no engine.
static int version_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	json_t *server = berth_client_json(cli->client, "GET", "/version", NULL, error);
	BERTH_AUTO_JSON json_t *all =
		json_pack("{s:o, s:o}", "Client", client_part(cli), "Server", server ? server : json_null());

	if (options->format && *options->format) {
		g_autoptr(GError) failure = NULL;
		if (!berth_object_print(options->format, all, true, &failure)) {
			if (!*error)
				g_propagate_error(error, g_steal_pointer(&failure));
			return 1;
		}
	} else {
		print_client(json_object_get(all, "Client"));
		if (server)
			print_server(server);
	}
	return server ? 0 : 1;
}

const struct berth_command berth_command_version = {
	.arguments = "",
	.summary = "Show the version information",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = version_main,
};
