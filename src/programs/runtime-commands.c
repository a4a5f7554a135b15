// SPDX-License-Identifier: Apache-2.0
// The commands on containers that exist, and those on none.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "runtime-features-json.h"
#include "runtime-spec-json.h"

static struct berth_container *load(struct runtime_program *program, const char *id, GError **error)
{
	struct berth_container *container = NULL;

	return berth_container_load(&program->runtime, id, &container, error) ? container : NULL;
}

static int print_json(const json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2));

	puts(text);
	free(text);
	return 0;
}

static int state(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		 GError **error)
{
	g_autoptr(berth_container) container = load(program, arguments[0], error);
	g_autoptr(oci_state) now = container ? berth_container_state(container, error) : NULL;

	if (!now)
		return -1;
	BERTH_AUTO_JSON json_t *json = berth_document_print(&oci_state_document, now, 0);
	return print_json(json);
}

const struct runtime_command runtime_command_state = {"state", "ID", "Print a container's state", NULL, 0, 1, 1, state};

struct kill_options {
	bool all;
};

static const struct berth_flag kill_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, offsetof(struct kill_options, all), .help = "Signal all its processes"},
	{0},
};

static int send_signal(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct kill_options *options = data;
	const char *name = arguments[1] ? arguments[1] : "SIGTERM";
	int number = berth_signal_number(name);

	if (!number)
		return berth_error_set(error, BERTH_ERROR_INVALID, "unknown signal \"%s\"", name), -1;
	g_autoptr(berth_container) container = load(program, arguments[0], error);
	return container && berth_container_signal(container, number, options->all, error) ? 0 : -1;
}

const struct runtime_command runtime_command_kill = {
	"kill", "ID [SIGNAL]", "Send a signal (TERM) to a container", kill_flags, sizeof(struct kill_options), 1,
	2,      send_signal};

struct delete_options {
	bool force;
};

static const struct berth_flag delete_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct delete_options, force),
	 .help = "Kill it if it runs; one that does not exist is no failure"},
	{0},
};

static int delete (struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct delete_options *options = data;
	g_autoptr(GError) problem = NULL;
	g_autoptr(berth_container) container = load(program, arguments[0], &problem);

	if (container)
		return berth_container_delete(container, options->force, error) ? 0 : -1;
	if (options->force && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return 0;
	g_propagate_error(error, g_steal_pointer(&problem));
	return -1;
}

const struct runtime_command runtime_command_delete = {
	"delete", "ID", "Remove a stopped container", delete_flags, sizeof(struct delete_options), 1, 1, delete};

struct list_options {
	char *format;
	bool quiet;
};

static const struct berth_flag list_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, offsetof(struct list_options, format), "table|json", "How it is printed",
	 "table"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, offsetof(struct list_options, quiet), .help = "Print ids only"},
	{0},
};

static bool is_json(const char *format, bool *ret, GError **error)
{
	*ret = g_str_equal(format, "json");
	return *ret || g_str_equal(format, "table") ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "--format %s: is table or json", format);
}

static int list(struct runtime_program *program, const void *data, G_GNUC_UNUSED char *const *arguments, GError **error)
{
	const struct list_options *options = data;
	BERTH_AUTO_JSON json_t *all = json_array();
	bool json;

	if (!is_json(options->format, &json, error))
		return -1;
	g_auto(GStrv) ids = berth_container_list(&program->runtime, error);
	if (!ids)
		return -1;
	if (!json && !options->quiet)
		printf("%-32s %-8s %-8s %-32s %s\n", "ID", "PID", "STATUS", "CREATED", "BUNDLE");
	for (char **id = ids; *id; id++) {
		g_autoptr(berth_container) container = load(program, *id, NULL); // it may be gone by now
		g_autoptr(oci_state) now = container ? berth_container_state(container, NULL) : NULL;
		if (!now)
			continue;
		if (json)
			json_array_append_new(all, berth_document_print(&oci_state_document, now, 0));
		else if (options->quiet)
			puts(*id);
		else
			printf("%-32s %-8d %-8s %-32s %s\n", *id, (int) now->pid, now->status, now->created,
			       now->bundle);
	}
	return json ? print_json(all) : 0;
}

const struct runtime_command runtime_command_list = {
	"list", "", "List containers", list_flags, sizeof(struct list_options), 0, 0, list};

static int ps(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct list_options *options = data;
	BERTH_AUTO_JSON json_t *all = json_array();
	bool json;

	if (!is_json(options->format, &json, error))
		return -1;
	g_autoptr(berth_container) container = load(program, arguments[0], error);
	g_autoptr(GArray) pids = container ? berth_container_pids(container, error) : NULL;
	if (!pids)
		return -1;
	if (!json)
		puts("PID");
	for (guint i = 0; i < pids->len; i++) {
		int pid = (int) g_array_index(pids, pid_t, i);
		if (json)
			json_array_append_new(all, json_integer(pid));
		else
			printf("%d\n", pid);
	}
	return json ? print_json(all) : 0;
}

const struct runtime_command runtime_command_ps = {
	"ps", "ID", "List a container's processes", list_flags, sizeof(struct list_options), 1, 1, ps};

static int pause_container(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
			   GError **error)
{
	g_autoptr(berth_container) container = load(program, arguments[0], error);

	return container && berth_container_freeze(container, error) ? 0 : -1;
}

static int resume(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		  GError **error)
{
	g_autoptr(berth_container) container = load(program, arguments[0], error);

	return container && berth_container_thaw(container, error) ? 0 : -1;
}

const struct runtime_command runtime_command_pause = {
	"pause", "ID", "Freeze all processes of a container", NULL, 0, 1, 1, pause_container};
const struct runtime_command runtime_command_resume = {"resume", "ID",  "Thaw a paused container", NULL, 0, 1,
						       1,        resume};

struct update_options {
	char *resources;
};

static const struct berth_flag update_flags[] = {
	{"resources", 'r', BERTH_FLAG_TEXT, offsetof(struct update_options, resources), "path|-",
	 "JSON of linux.resources; - is standard input", "-"},
	{0},
};

static int update(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct update_options *options = data;
	bool from_stdin = g_str_equal(options->resources, "-");
	size_t length;
	g_autofree char *text =
		from_stdin ? berth_read_fd(0, BERTH_LIMIT_JSON, &length, "standard input", error)
			   : berth_read_file_at(AT_FDCWD, options->resources, BERTH_LIMIT_JSON, &length, error);
	g_autoptr(oci_resources) resources =
		text ? berth_document_parse_text(&oci_resources_document, text, length, "resources", error) : NULL;

	if (!resources)
		return -1;
	g_autoptr(berth_container) container = load(program, arguments[0], error);
	return container && berth_container_update(container, resources, error) ? 0 : -1;
}

const struct runtime_command runtime_command_update = {
	"update", "ID", "Change a container's limits", update_flags, sizeof(struct update_options), 1, 1, update};

struct spec_options {
	char *bundle;
};

static const struct berth_flag spec_flags[] = {
	{"bundle", 'b', BERTH_FLAG_TEXT, offsetof(struct spec_options, bundle), "path", "Folder of the OCI bundle",
	 "."},
	{0},
};

static json_t *parse(const unsigned char *text, size_t length, GError **error)
{
	return berth_json_parse((const char *) text, length, "a built-in document", error);
}

static int spec(G_GNUC_UNUSED struct runtime_program *program, const void *data, G_GNUC_UNUSED char *const *arguments,
		GError **error)
{
	const struct spec_options *options = data;
	BERTH_AUTO_JSON json_t *json = parse(runtime_spec_json, sizeof runtime_spec_json, error);

	if (!json)
		return -1;
	g_autofree char *path = g_build_filename(options->bundle, "config.json", NULL);
	berth_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", path), -1;
	char *text = json_dumps(json, JSON_INDENT(2));
	bool written = berth_write_all(fd, text, strlen(text), path, error);
	free(text);
	return written ? 0 : -1;
}

const struct runtime_command runtime_command_spec = {
	"spec", "", "Write a config.json to start from", spec_flags, sizeof(struct spec_options), 0, 0, spec};

static int features(G_GNUC_UNUSED struct runtime_program *program, G_GNUC_UNUSED const void *data,
		    G_GNUC_UNUSED char *const *arguments, GError **error)
{
	BERTH_AUTO_JSON json_t *json = parse(runtime_features_json, sizeof runtime_features_json, error);

	return json ? print_json(json) : -1;
}

const struct runtime_command runtime_command_features = {
	"features", "", "Print what this runtime can do", NULL, 0, 0, 0, features};
