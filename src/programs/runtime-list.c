// SPDX-License-Identifier: Apache-2.0
// list and ps.
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
#include <sys/stat.h>

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

static const struct berth_flag ps_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, offsetof(struct list_options, format), "table|json", "How it is printed",
	 "table"},
	{0},
};

static bool is_json(const char *format, bool *ret, GError **error)
{
	*ret = g_str_equal(format, "json");
	return *ret || g_str_equal(format, "table") ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "--format %s: is table or json", format);
}

// The name that the host's /etc/passwd has for an id; "#ID" if there is none.
static char *user_name(uid_t uid)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/etc/passwd", BERTH_LIMIT_PASSWD, NULL, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	g_autofree char *wanted = g_strdup_printf("%u", (unsigned) uid);

	for (char **line = lines; line && *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, ":", 4);
		if (g_strv_length(fields) >= 3 && g_str_equal(fields[2], wanted))
			return g_strdup(fields[0]);
	}
	return g_strdup_printf("#%s", wanted);
}

static char *owner(const struct runtime_program *program, const char *id)
{
	g_autofree char *path = g_build_filename(program->runtime.state_root, id, NULL);
	struct stat st;

	return stat(path, &st) == 0 ? user_name(st.st_uid) : g_strdup("");
}

static void print_row(const struct runtime_program *program, const struct oci_state *now)
{
	g_autofree char *name = owner(program, now->id);

	printf("%-24s %-8d %-8s %-32s %-31s %s\n", now->id, (int) now->pid, now->status, now->bundle, now->created,
	       name);
}

static json_t *entry(const struct runtime_program *program, const struct oci_state *now)
{
	json_t *json = berth_document_print(&oci_state_document, now, 0);
	g_autofree char *name = owner(program, now->id);

	json_object_set_new(json, "pid", json_integer((json_int_t) now->pid)); // 0, too
	json_object_set_new(json, "owner", json_string(name));
	return json;
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
		printf("%-24s %-8s %-8s %-32s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
	for (char **id = ids; *id; id++) {
		g_autoptr(berth_container) container = runtime_load(program, *id, NULL); // it may be gone by now
		g_autoptr(oci_state) now = container ? berth_container_state(container, NULL) : NULL;
		if (!now)
			continue;
		if (options->quiet)
			puts(*id);
		else if (json)
			json_array_append_new(all, entry(program, now));
		else
			print_row(program, now);
	}
	return json && !options->quiet ? runtime_print_json(all) : 0;
}

const struct runtime_command runtime_command_list = {
	"list", "", "List containers", list_flags, sizeof(struct list_options), 0, 0, list};

// What the host's ps prints; NULL without an error if there is none.
static char *run_ps(char *const *options, GError **error)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	berth_fd pidfd = -1;
	int out[2];

	g_ptr_array_add(words, (char *) "ps");
	if (!*options)
		g_ptr_array_add(words, (char *) "-ef");
	for (; *options; options++)
		g_ptr_array_add(words, *options);
	g_ptr_array_add(words, NULL);
	if (pipe2(out, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "ps"), NULL;
	pid_t pid = berth_process_clone(0, -1, &pidfd);
	if (pid == 0) {
		dup2(out[1], 1);
		execvp("ps", (char **) words->pdata);
		_exit(127);
	}
	int errnum = errno;
	berth_fd_clear(&out[1]);
	berth_fd in = out[0];
	if (pid < 0)
		return berth_error_set_errno(error, errnum, "ps"), NULL;
	g_autofree char *text = berth_read_fd(in, BERTH_LIMIT_JSON, NULL, "the output of ps", error);
	int status = berth_process_reap(pidfd);
	if (text && status && status != 127)
		return berth_error_set(error, BERTH_ERROR_INVALID, "ps: exit status %d", status), NULL;
	return status ? NULL : g_steal_pointer(&text);
}

static bool is_listed(const GArray *pids, const char *text)
{
	for (guint i = 0; i < pids->len; i++)
		if (g_array_index(pids, pid_t, i) == (pid_t) g_ascii_strtoll(text, NULL, 10))
			return true;
	return false;
}

static char **split_columns(const char *line)
{
	g_autoptr(GStrvBuilder) columns = g_strv_builder_new();
	g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);

	for (char **word = words; *word; word++)
		if (**word)
			g_strv_builder_add(columns, *word);
	return g_strv_builder_end(columns);
}

// The lines of the container's processes, by the column PID.
static bool print_lines(const char *text, const GArray *pids, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_auto(GStrv) titles = split_columns(lines[0] ? lines[0] : "");
	guint column = 0;

	while (titles[column] && !g_str_equal(titles[column], "PID"))
		column++;
	if (!titles[column])
		return berth_error_set(error, BERTH_ERROR_INVALID, "ps: couldn't find PID field in its output");
	puts(lines[0]);
	for (char **line = lines + 1; *line; line++) {
		g_auto(GStrv) words = split_columns(*line);
		if (g_strv_length(words) > column && is_listed(pids, words[column]))
			puts(*line);
	}
	return true;
}

static int print_table(const GArray *pids, char *const *options, GError **error)
{
	g_autoptr(GError) problem = NULL;
	g_autofree char *text = run_ps(options, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return -1;
	}
	if (text)
		return print_lines(text, pids, error) ? 0 : -1;
	if (*options)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "exec: \"ps\": executable file not found in $PATH"),
		       -1;
	puts("PID");
	for (guint i = 0; i < pids->len; i++)
		printf("%d\n", (int) g_array_index(pids, pid_t, i));
	return 0;
}

static int ps(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct list_options *options = data;
	BERTH_AUTO_JSON json_t *all = json_array();
	bool json;

	if (!is_json(options->format, &json, error))
		return -1;
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);
	g_autoptr(GArray) pids = container ? berth_container_pids(container, error) : NULL;
	if (!pids)
		return -1;
	if (!json)
		return print_table(pids, arguments + 1, error);
	for (guint i = 0; i < pids->len; i++)
		json_array_append_new(all, json_integer((json_int_t) g_array_index(pids, pid_t, i)));
	return runtime_print_json(all);
}

// As with runc, what follows the id is for ps.
const struct runtime_command runtime_command_ps = {
	"ps", "ID [PS OPTION...]", "List a container's processes", ps_flags, sizeof(struct list_options), 1, G_MAXUINT,
	ps,   .in_order = true};
