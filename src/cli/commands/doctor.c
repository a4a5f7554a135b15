// SPDX-License-Identifier: Apache-2.0
// `doctor`: what this kernel and host can do for containers, what they cannot, what that turns off, and what to do.
#include "cli/doctor.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/listing.h"
#include "cli/style.h"

#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_ROOT "/var/lib/berth"

struct options {
	char *format, *data_root;
	bool quiet;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"data-root", 0, BERTH_FLAG_TEXT, AT(data_root), "folder",
	 "Where images and containers are or will be (default: the engine's, or " DATA_ROOT ")"},
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only show what is not fine"},
	{0},
};

static const char *const levels[] = {
	[BERTH_HEALTH_FINE] = "fine", [BERTH_HEALTH_LIMITED] = "limited", [BERTH_HEALTH_MISSING] = "missing"};

void berth_doctor_add(struct berth_doctor *doctor, enum berth_health health, const char *off, const char *remedy,
		      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *fact = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	json_array_append_new(doctor->findings,
			      json_pack("{s:s, s:s, s:s, s:s, s:s}", "Group", doctor->group, "Level", levels[health],
					"Fact", fact, "Off", off ? off : "", "Remedy", remedy ? remedy : ""));
}

static bool in_group(gid_t group)
{
	gid_t groups[NGROUPS_MAX];
	int count = getgroups(NGROUPS_MAX, groups);

	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return getegid() == group;
}

// Why a socket cannot be connected to.
static void explain_socket(struct berth_doctor *doctor, const char *path, const char *message)
{
	struct stat socket;

	if (stat(path, &socket) < 0 || geteuid() == 0 || access(path, R_OK | W_OK) == 0) {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "every command that asks an engine",
				 "start it: `systemctl start berthd`, or `berthd` as root", "no engine answers: %s",
				 message);
		return;
	}
	const struct group *group = getgrgid(socket.st_gid);
	g_autofree char *remedy =
		group && socket.st_gid != 0 && !in_group(socket.st_gid)
			? g_strdup_printf(
				  "`usermod -aG %s YOU`, and log in again (who is in that group is root on this "
				  "machine)",
				  group->gr_name)
			: g_strdup("use sudo, or start the engine with --group");
	berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "every command that asks an engine", remedy,
			 "you may not use the engine's socket %s", path);
}

static void find_engine(struct berth_doctor *doctor)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	berth_fd fd = doctor->cli->client ? berth_client_dial(doctor->cli->client, NULL) : -1;

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		doctor->engine = peer.pid;
}

static void examine_engine(struct berth_doctor *doctor)
{
	g_autoptr(GError) error = NULL;
	struct berth_client *client = doctor->cli->client;

	if (!client) {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "every command that asks an engine",
				 "choose another context: `berth context use`", "context \"%s\" names no engine",
				 doctor->cli->context);
		return;
	}
	BERTH_AUTO_JSON json_t *info = berth_client_json(client, "GET", "/info", NULL, &error);
	const char *host = berth_client_host(client);
	const json_t *warning;
	size_t i;
	if (!info && g_str_has_prefix(host, "unix://")) {
		explain_socket(doctor, host + strlen("unix://"), error->message);
		return;
	}
	if (!info) {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "every command that asks an engine",
				 "see the message, or choose another context: `berth context use`", "%s",
				 error->message);
		return;
	}
	const char *version = json_string_value(json_object_get(info, "ServerVersion"));
	berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "version %s at %s, API %u.%u", version ? version : "?",
			 host, berth_client_version(client) / 100, berth_client_version(client) % 100);
	if (version && strcmp(version, BERTH_VERSION) != 0)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "what is newer than the older of the two",
				 "use the same version of both", "this program is version " BERTH_VERSION);
	json_array_foreach(json_object_get(info, "Warnings"), i, warning)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "see the engine's own words", "see its documentation",
				 "%s", json_string_value(warning));
}

static char *choose_data_root(const struct options *options, struct berth_cli *cli)
{
	if (options->data_root)
		return g_canonicalize_filename(options->data_root, NULL);
	BERTH_AUTO_JSON json_t *info = cli->client && g_str_has_prefix(berth_client_host(cli->client), "unix://")
					       ? berth_client_json(cli->client, "GET", "/info", NULL, NULL)
					       : NULL;
	const char *root = json_string_value(json_object_get(info, "DockerRootDir"));
	return g_strdup(root && *root ? root : DATA_ROOT);
}

static void examine(struct berth_doctor *doctor)
{
	static const struct {
		const char *group;
		void (*check)(struct berth_doctor *doctor);
	} groups[] = {
		{"Engine", examine_engine},    {"Kernel", berth_doctor_kernel},   {"Cgroups", berth_doctor_cgroups},
		{"Users", berth_doctor_users}, {"Storage", berth_doctor_storage}, {"Network", berth_doctor_network},
		{"Host", berth_doctor_host},
	};

	find_engine(doctor);
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
		doctor->group = groups[i].group;
		groups[i].check(doctor);
	}
}

static size_t count(const json_t *findings, enum berth_health health)
{
	const json_t *finding;
	size_t i, total = 0;

	json_array_foreach(findings, i, finding) total +=
		strcmp(json_string_value(json_object_get(finding, "Level")), levels[health]) == 0;
	return total;
}

static void print_finding(const json_t *finding, bool colours)
{
	const char *level = json_string_value(json_object_get(finding, "Level"));
	const char *off = json_string_value(json_object_get(finding, "Off"));
	const char *remedy = json_string_value(json_object_get(finding, "Remedy"));
	const char *colour = strcmp(level, levels[BERTH_HEALTH_FINE]) == 0      ? BERTH_GREEN
			     : strcmp(level, levels[BERTH_HEALTH_LIMITED]) == 0 ? BERTH_YELLOW
										: BERTH_RED;
	g_autofree char *mark = g_strdup_printf("%-7s", level);
	g_autofree char *painted = berth_style_paint(colours, colour, mark);

	printf("  %s  %s\n", painted, json_string_value(json_object_get(finding, "Fact")));
	if (*off)
		printf("           turns off: %s\n", off);
	if (*remedy)
		printf("           remedy: %s\n", remedy);
}

static void print_text(const struct berth_doctor *doctor, const struct options *options)
{
	bool colours = berth_style_colour(doctor->cli);
	const char *group = "";
	const json_t *finding;
	size_t i;

	json_array_foreach(doctor->findings, i, finding)
	{
		const char *of = json_string_value(json_object_get(finding, "Group"));
		const char *level = json_string_value(json_object_get(finding, "Level"));
		if (options->quiet && strcmp(level, levels[BERTH_HEALTH_FINE]) == 0)
			continue;
		if (strcmp(group, of) != 0) {
			g_autofree char *title = berth_style_paint(colours, BERTH_BOLD, of);
			printf("%s%s\n", *group ? "\n" : "", title);
		}
		group = of;
		print_finding(finding, colours);
	}
	size_t missing = count(doctor->findings, BERTH_HEALTH_MISSING);
	if (geteuid() != 0)
		printf("\nRun it as root to see what the engine sees.\n");
	printf("\n%zu fine, %zu limited, %zu missing: %s\n", count(doctor->findings, BERTH_HEALTH_FINE),
	       count(doctor->findings, BERTH_HEALTH_LIMITED), missing,
	       missing ? "something that containers need is not there" : "containers can run here");
}

static int doctor_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *findings = json_array();

	berth_cli_connect(cli, NULL); // what is wrong is a finding
	g_autofree char *data_root = choose_data_root(options, cli);
	struct berth_doctor doctor = {.cli = cli, .findings = findings, .data_root = data_root};
	examine(&doctor);
	bool healthy = count(findings, BERTH_HEALTH_MISSING) == 0;
	if (!options->format || !*options->format) {
		print_text(&doctor, options);
		return healthy ? 0 : 1;
	}
	BERTH_AUTO_JSON json_t *report = json_pack("{s:b, s:O}", "Healthy", healthy, "Findings", findings);
	if (!berth_object_print(options->format, report, true, error))
		return 1;
	return healthy ? 0 : 1;
}

const struct berth_command berth_command_doctor = {
	.arguments = "",
	.summary = "Explain what this kernel and host can and cannot do for containers",
	.description =
		"Looks at the kernel, cgroups, users, storage, networks and programs of this machine and at its "
		"engine, "
		"and says for each thing that is not as it could be what it turns off and what to do. No engine and no "
		"rights of root are needed, though root sees more. Nothing is changed. The exit status is 0 if "
		"containers can run here, else 1.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = doctor_main,
	.local = true,
};
