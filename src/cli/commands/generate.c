// SPDX-License-Identifier: Apache-2.0
// `generate systemd`: a unit that keeps a container running. It runs `start --attach` (or `run`), which ends when the
// container does, with its exit status. An engine that is restarted ends that too, not the container: the unit is
// started again then, and finds it running.
#include "cli/commands/generate.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STOP_TIMEOUT 10 // seconds, where the container has none
#define STOP_GRACE 30 // seconds more that systemd waits
#define SHORT_ID 12

struct generate_options {
	bool name, new, files, no_header;
	char *policy, *prefix, *separator;
	int64_t stop_timeout, restart_seconds;
	char **after, **requires, **wants;
	bool stop_timeout_given;
};

#define AT(member) offsetof(struct generate_options, member)

static const struct berth_flag generate_flags[] = {
	{"after", 0, BERTH_FLAG_LIST, AT(after), "units", "Start after these units, too"},
	{"container-prefix", 0, BERTH_FLAG_TEXT, AT(prefix), NULL, "How the unit's name begins",
	 .fallback = "container"},
	{"files", 'f', BERTH_FLAG_SWITCH, AT(files), NULL, "Write a file in this folder instead, and print its name"},
	{"name", 'n', BERTH_FLAG_SWITCH, AT(name), NULL, "Name the container by its name, not its id"},
	{"new", 0, BERTH_FLAG_SWITCH, AT(new), NULL, "Make the container anew each time, and remove it at the end"},
	{"no-header", 0, BERTH_FLAG_SWITCH, AT(no_header), NULL, "Without the comment at the top"},
	{"requires", 0, BERTH_FLAG_LIST, AT(requires), "units", "Require these units"},
	{"restart-policy", 0, BERTH_FLAG_TEXT, AT(policy), NULL, "systemd's restart policy", .fallback = "on-failure"},
	{"restart-sec", 0, BERTH_FLAG_INTEGER, AT(restart_seconds), "int", "Seconds before it is started again",
	 .fallback = "1"},
	{"separator", 0, BERTH_FLAG_TEXT, AT(separator), NULL,
	 "Between the prefix and the container in the unit's name", .fallback = "-"},
	{"stop-timeout", 't', BERTH_FLAG_INTEGER, AT(stop_timeout), "int",
	 "Seconds before the container is killed (default: its own)", .given_offset = AT(stop_timeout_given)},
	{"wants", 0, BERTH_FLAG_LIST, AT(wants), "units", "Want these units"},
	{0},
};

// One word of a command in a unit: no specifier, no variable, and quotes where they are needed.
static void append_word(GString *out, const char *word)
{
	bool plain = *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
					   "-_./:=,@+~^") == strlen(word);

	g_string_append(out, plain ? " " : " \"");
	for (const char *at = word; *at; at++) {
		unsigned char byte = (unsigned char) *at;
		if (byte == '"' || byte == '\\')
			g_string_append_printf(out, "\\%c", byte);
		else if (byte == '%' || byte == '$')
			g_string_append_printf(out, "%c%c", byte, byte);
		else if (byte < ' ' || byte == 127)
			g_string_append_printf(out, "\\x%02x", byte);
		else
			g_string_append_c(out, (char) byte);
	}
	if (!plain)
		g_string_append_c(out, '"');
}

static void append_command(GString *out, const char *setting, const GPtrArray *words)
{
	g_string_append_printf(out, "%s=", setting);
	for (guint i = 0; i < words->len; i++) {
		gsize start = out->len;
		append_word(out, words->pdata[i]);
		if (i == 0)
			g_string_erase(out, (gssize) start, 1);
	}
	g_string_append_c(out, '\n');
}

static GPtrArray *command_of(const struct berth_cli *cli, const char *first, ...)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	va_list more;

	g_ptr_array_add(words, length > 0 ? g_strndup(self, (gsize) length) : g_strdup(cli->program));
	if (strcmp(berth_client_host(cli->client), "unix:///run/berth/berth.sock") != 0) {
		g_ptr_array_add(words, g_strdup("--host"));
		g_ptr_array_add(words, g_strdup(berth_client_host(cli->client)));
	}
	va_start(more, first);
	for (const char *word = first; word; word = va_arg(more, const char *))
		g_ptr_array_add(words, g_strdup(word));
	va_end(more);
	return words;
}

static void append_units(GString *out, const char *setting, const char *first, char *const *more)
{
	if (!first && !more)
		return;
	g_autofree char *text = more ? g_strjoinv(" ", (char **) more) : g_strdup("");
	g_string_append_printf(out, "%s=%s%s%s\n", setting, first ? first : "", first && *text ? " " : "", text);
}

static void append_head(GString *out, const struct generate_options *options, const char *unit, const char *name)
{
	if (!options->no_header)
		g_string_append_printf(out, "# %s\n# Made by `berth generate systemd`, Berth %s.\n\n", unit,
				       BERTH_VERSION);
	g_string_append_printf(
		out, "[Unit]\nDescription=Container %s of Berth\nDocumentation=man:berth-generate-systemd(1)\n", name);
	append_units(out, "Wants", "network-online.target", options->wants);
	append_units(out, "After", "network-online.target berth.socket berth.service", options->after);
	append_units(out, "Requires", "berth.socket", options->requires);
}

static bool append_start(GString *out, struct berth_cli *cli, const struct generate_options *options,
			 const json_t *container, const char *name, GError **error)
{
	if (!options->new) {
		g_autoptr(GPtrArray) words = command_of(cli, "start", "--attach", name, NULL);
		append_command(out, "ExecStart", words);
		return true;
	}
	g_autoptr(GString) path =
		berth_path_new("/images/%s/json", json_string_value(json_object_get(container, "Image")), false);
	BERTH_AUTO_JSON json_t *image = berth_client_json(cli->client, "GET", path->str, NULL, error);
	g_autoptr(GPtrArray) words = command_of(cli, "run", "--rm", "--name", name, NULL);
	if (!image || !berth_generate_run(words, container, image, error))
		return false;
	g_autoptr(GPtrArray) before = command_of(cli, "rm", "--force", name, NULL);
	append_command(out, "ExecStartPre", before);
	append_command(out, "ExecStart", words);
	return true;
}

static bool append_service(GString *out, struct berth_cli *cli, const struct generate_options *options,
			   const json_t *container, const char *name, GError **error)
{
	const json_t *own = json_object_get(json_object_get(container, "Config"), "StopTimeout");
	int64_t timeout = options->stop_timeout_given ? options->stop_timeout
			  : json_is_integer(own)      ? json_integer_value(own)
						      : STOP_TIMEOUT;
	g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, timeout);
	g_autoptr(GPtrArray) stop = command_of(cli, "stop", "--time", seconds, name, NULL);

	g_string_append_printf(out, "\n[Service]\nType=exec\nRestart=%s\nRestartSec=%" G_GINT64_FORMAT "\n",
			       options->policy, options->restart_seconds);
	g_string_append_printf(out, "TimeoutStopSec=%" G_GINT64_FORMAT "\n", timeout < 0 ? 0 : timeout + STOP_GRACE);
	// Ended by SIGTERM, as it was asked to.
	g_string_append(out, "SuccessExitStatus=143\nStandardOutput=null\n");
	if (!append_start(out, cli, options, container, name, error))
		return false;
	append_command(out, "ExecStop", stop);
	g_string_append(out, "\n[Install]\nWantedBy=default.target\n");
	return true;
}

static bool write_unit(const char *unit, const GString *text, GError **error)
{
	g_autofree char *folder = g_get_current_dir();
	g_autofree char *path = g_build_filename(folder, unit, NULL);
	FILE *file = fopen(unit, "we");

	if (!file || fwrite(text->str, 1, text->len, file) != text->len || fclose(file) != 0)
		return berth_error_set_errno(error, errno, "writing %s", path);
	puts(path);
	return true;
}

static bool check(const struct generate_options *options, GError **error)
{
	static const char *const policies[] = {"no",          "on-success", "on-failure", "on-abnormal",
					       "on-watchdog", "on-abort",   "always",     NULL};

	if (!g_strv_contains(policies, options->policy))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s is not a valid restart policy of systemd's",
				       options->policy);
	if (strpbrk(options->prefix, "/ \n") || strpbrk(options->separator, "/ \n"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a unit's name has neither slash nor blank");
	return true;
}

static bool generate(struct berth_cli *cli, const void *data, const char *argument, GError **error)
{
	const struct generate_options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", argument, false);
	BERTH_AUTO_JSON json_t *container = berth_client_json(cli->client, "GET", path->str, NULL, error);

	if (!container)
		return false;
	const char *name = json_string_value(json_object_get(container, "Name"));
	g_autofree char *id = g_strndup(json_string_value(json_object_get(container, "Id")), SHORT_ID);
	if (*name == '/')
		name++;
	if (options->new &&json_is_true(json_object_get(json_object_get(container, "Config"), "Tty")))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "container %s: it has a terminal, which a unit has not", name);
	// One that is made anew has another id each time.
	const char *called = options->name || options->new ? name : id;
	g_autofree char *unit =
		g_strconcat(options->prefix, options->separator, options->name ? name : id, ".service", NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	append_head(text, options, unit, name);
	if (!append_service(text, cli, options, container, called, error))
		return false;
	if (options->files)
		return write_unit(unit, text, error);
	fputs(text->str, stdout);
	return true;
}

static int generate_main(struct berth_cli *cli, const void *options, char **arguments, GError **error)
{
	return check(options, error) ? berth_cli_for_each(cli, options, arguments, generate) : 1;
}

const struct berth_command berth_command_generate_systemd = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Print a systemd unit that keeps a container running",
	.description =
		"The unit starts the container, waits for its end and stops it. With --new it is made by `run` with "
		"the settings that it has now; a setting that flags of run cannot say is refused.",
	.flags = generate_flags,
	.options_size = sizeof(struct generate_options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.main = generate_main,
};
