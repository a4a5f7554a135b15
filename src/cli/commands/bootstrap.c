// SPDX-License-Identifier: Apache-2.0
// `image bootstrap`: base images for a machine without a registry.
#include "cli/commands/bootstrap.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/commands/commands.h"
#include "cli/commands/import.h"
#include "spec/oci-runtime.h"

#include <string.h>

#define PATH_LINE "ENV PATH=" OCI_DEFAULT_PATH

static bool import(struct berth_cli *cli, int fd, const char *name, const char *command, GError **error)
{
	g_autofree char *line = g_strdup_printf("CMD [\"%s\"]", command);
	char *changes[] = {(char *) PATH_LINE, line, NULL};
	struct berth_import import = {
		.fd = fd, .name = name, .message = "made by berth image bootstrap", .changes = changes};

	return berth_import(cli->client, &import, error);
}

static int bootstrap_debian(struct berth_cli *cli, const char *suite, GError **error)
{
	g_autofree char *running = suite ? NULL : berth_bootstrap_running_suite(error);

	suite = suite ? suite : running;
	if (!suite)
		return 1;
	if (!*suite || strspn(suite, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(suite) || *suite == '-') {
		berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\" is no name of a Debian suite", suite);
		return 1;
	}
	g_autofree char *name = g_strconcat("debian:", suite, NULL);
	berth_fd archive = berth_bootstrap_debian(suite, error);
	if (archive < 0 || !import(cli, archive, name, "bash", error))
		return 1;
	g_autoptr(GString) path = berth_path_new("/images/%s/tag?repo=debian&tag=latest", name, true);
	return berth_client_do(cli->client, "POST", path->str, error) ? 0 : 1;
}

static int bootstrap_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(arguments[0], ":", 2);

	if (g_strcmp0(parts[0], "debian") == 0)
		return bootstrap_debian(cli, parts[1], error);
	if (g_strcmp0(arguments[0], "busybox") == 0) {
		berth_fd archive = berth_bootstrap_busybox(error);
		return archive >= 0 && import(cli, archive, "busybox:latest", "sh", error) ? 0 : 1;
	}
	berth_error_set(error, BERTH_ERROR_INVALID,
			"\"%s\": images can be made of busybox and of debian[:SUITE]; import others with `import`",
			arguments[0]);
	return 1;
}

const struct berth_command berth_command_bootstrap = {
	.arguments = "busybox|debian[:SUITE]",
	.summary = "Make a base image from the distribution's packages",
	.description =
		"busybox: the host's static busybox with a link for each of its applets, as busybox:latest. debian: a "
		"minimal Debian of the named suite (by default the one that runs here), made by mmdebstrap or "
		"debootstrap from the distribution's mirror, as debian:SUITE and debian:latest.",
	.min_arguments = 1,
	.max_arguments = 1,
	.main = bootstrap_main,
};
