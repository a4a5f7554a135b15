// SPDX-License-Identifier: Apache-2.0
// The processes of a container as ps(1) would show them, read from /proc: no program is run. The columns of `ps -ef`,
// `ps aux` and `ps -o LIST` are known.
#include "engine/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "spec/api-container.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#define STAT_LIMIT 4096
#define STATUS_LIMIT (16 << 10)
#define COMMAND_LIMIT (128 << 10)
#define PASSWD_BUFFER 4096

// One process. Times are in clock ticks, sizes in KiB.
struct process {
	pid_t pid, ppid, pgid, sid;
	char state;
	int tty, nice, threads;
	uint64_t cpu_ticks, start_ticks, vsz, rss;
	uint32_t uid;
	char *name, *command;
};

static void process_free(void *data)
{
	struct process *process = data;

	g_free(process->name);
	g_free(process->command);
	g_free(process);
}

static char *read_proc(pid_t pid, const char *file, size_t limit, size_t *ret_length)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);

	return berth_read_file_at(AT_FDCWD, path, limit, ret_length, NULL);
}

// proc(5): the name is in parentheses and may itself hold any character.
static bool parse_stat(struct process *process, char *text)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t user, system, vsize;
	int64_t pages;

	if (!open || !close || close < open)
		return false;
	process->name = g_strndup(open + 1, (gsize) (close - open - 1));
	int read = sscanf(close + 1,
			  " %c %d %d %d %d %*d %*u %*u %*u %*u %*u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
			  " %*d %*d %*d %d %d %*d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT,
			  &process->state, &process->ppid, &process->pgid, &process->sid, &process->tty, &user, &system,
			  &process->nice, &process->threads, &process->start_ticks, &vsize, &pages);
	if (read != 12)
		return false;
	process->cpu_ticks = user + system;
	process->vsz = vsize / 1024;
	process->rss = (uint64_t) MAX(pages, 0) * (uint64_t) sysconf(_SC_PAGESIZE) / 1024;
	return true;
}

static void read_command(struct process *process)
{
	size_t length = 0;
	g_autofree char *text = read_proc(process->pid, "cmdline", COMMAND_LIMIT, &length);

	while (length > 0 && text[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0' || text[i] == '\n')
			text[i] = ' ';
	if (length > 0)
		process->command = g_utf8_make_valid(text, (gssize) length);
	else
		process->command = g_strdup_printf("[%s]", process->name);
}

// NULL: it has ended meanwhile.
static struct process *read_process(pid_t pid)
{
	struct process *process = g_new0(struct process, 1);
	g_autofree char *stat = read_proc(pid, "stat", STAT_LIMIT, NULL);
	g_autofree char *status = read_proc(pid, "status", STATUS_LIMIT, NULL);
	const char *uid = status ? strstr(status, "\nUid:\t") : NULL;

	process->pid = pid;
	// the second number is the effective one
	if (!stat || !uid || !parse_stat(process, stat) || sscanf(uid, "\nUid:\t%*u\t%u", &process->uid) != 1) {
		process_free(process);
		return NULL;
	}
	read_command(process);
	return process;
}

// Columns

static double seconds_since_start(const struct process *process)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	double start = (double) process->start_ticks / (double) sysconf(_SC_CLK_TCK);
	return MAX((double) now.tv_sec + (double) now.tv_nsec / 1e9 - start, 0.01);
}

static double cpu_percent(const struct process *process)
{
	return 100 * (double) process->cpu_ticks / (double) sysconf(_SC_CLK_TCK) / seconds_since_start(process);
}

static char *show_user(const struct process *process)
{
	char buffer[PASSWD_BUFFER];
	struct passwd entry, *found = NULL;

	getpwuid_r(process->uid, &entry, buffer, sizeof buffer, &found);
	return found ? g_strdup(found->pw_name) : g_strdup_printf("%u", process->uid);
}

static char *show_uid(const struct process *process)
{
	return g_strdup_printf("%u", process->uid);
}

static char *show_pid(const struct process *process)
{
	return g_strdup_printf("%d", (int) process->pid);
}

static char *show_ppid(const struct process *process)
{
	return g_strdup_printf("%d", (int) process->ppid);
}

static char *show_pgid(const struct process *process)
{
	return g_strdup_printf("%d", (int) process->pgid);
}

static char *show_sid(const struct process *process)
{
	return g_strdup_printf("%d", (int) process->sid);
}

static char *show_c(const struct process *process)
{
	return g_strdup_printf("%d", (int) MIN(cpu_percent(process), 99));
}

static char *show_cpu(const struct process *process)
{
	return g_strdup_printf("%.1f", cpu_percent(process));
}

static char *show_memory(const struct process *process)
{
	struct sysinfo info;

	sysinfo(&info);
	double total = (double) info.totalram * info.mem_unit / 1024;
	return g_strdup_printf("%.1f", 100 * (double) process->rss / total);
}

static char *show_start(const struct process *process)
{
	time_t start = time(NULL) - (time_t) seconds_since_start(process);
	struct tm moment;
	char text[16];

	localtime_r(&start, &moment);
	strftime(text, sizeof text, time(NULL) - start < 24 * 3600 ? "%H:%M" : "%b%d", &moment);
	return g_strdup(text);
}

static char *show_tty(const struct process *process)
{
	unsigned number = (unsigned) process->tty, major = number >> 8 & 0xfff;
	unsigned minor = (number & 0xff) | (number >> 12 & 0xfff00);

	if (number == 0)
		return g_strdup("?");
	return g_strdup_printf(major == 136 ? "pts/%u" : major == 4 ? "tty%u" : "%u", minor);
}

static char *show_time(const struct process *process)
{
	unsigned long seconds = process->cpu_ticks / (unsigned long) sysconf(_SC_CLK_TCK);

	return g_strdup_printf("%02lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static char *show_elapsed(const struct process *process)
{
	unsigned long seconds = (unsigned long) seconds_since_start(process), days = seconds / 86400;
	unsigned long hours = seconds / 3600 % 24;

	if (days > 0)
		return g_strdup_printf("%lu-%02lu:%02lu:%02lu", days, hours, seconds / 60 % 60, seconds % 60);
	if (hours > 0)
		return g_strdup_printf("%02lu:%02lu:%02lu", hours, seconds / 60 % 60, seconds % 60);
	return g_strdup_printf("%02lu:%02lu", seconds / 60, seconds % 60);
}

static char *show_vsz(const struct process *process)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT, process->vsz);
}

static char *show_rss(const struct process *process)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT, process->rss);
}

static char *show_state(const struct process *process)
{
	return g_strdup_printf("%c%s%s%s", process->state,
			       process->nice < 0   ? "<"
			       : process->nice > 0 ? "N"
						   : "",
			       process->pid == process->sid ? "s" : "", process->threads > 1 ? "l" : "");
}

static char *show_nice(const struct process *process)
{
	return g_strdup_printf("%d", process->nice);
}

static char *show_threads(const struct process *process)
{
	return g_strdup_printf("%d", process->threads);
}

static char *show_name(const struct process *process)
{
	return g_utf8_make_valid(process->name, -1);
}

static char *show_command(const struct process *process)
{
	return g_strdup(process->command);
}

struct column {
	const char *name; // as -o has it
	const char *title;
	char *(*show)(const struct process *process);
};

static const struct column columns[] = {
	{"pid", "PID", show_pid},
	{"ppid", "PPID", show_ppid},
	{"pgid", "PGID", show_pgid},
	{"sid", "SID", show_sid},
	{"sess", "SESS", show_sid},
	{"uid", "UID", show_uid},
	{"user", "USER", show_user},
	{"euser", "EUSER", show_user},
	{"c", "C", show_c},
	{"pcpu", "%CPU", show_cpu},
	{"%cpu", "%CPU", show_cpu},
	{"pmem", "%MEM", show_memory},
	{"%mem", "%MEM", show_memory},
	{"vsz", "VSZ", show_vsz},
	{"rss", "RSS", show_rss},
	{"stime", "STIME", show_start},
	{"start", "START", show_start},
	{"tty", "TT", show_tty},
	{"tname", "TTY", show_tty},
	{"tt", "TT", show_tty},
	{"time", "TIME", show_time},
	{"etime", "ELAPSED", show_elapsed},
	{"stat", "STAT", show_state},
	{"s", "S", show_state},
	{"ni", "NI", show_nice},
	{"nice", "NI", show_nice},
	{"nlwp", "NLWP", show_threads},
	{"comm", "COMMAND", show_name},
	{"ucmd", "CMD", show_name},
	{"args", "COMMAND", show_command},
	{"cmd", "CMD", show_command},
	{"command", "COMMAND", show_command},
};

static const struct column full_format[] = {
	{"", "UID", show_user},    {"", "PID", show_pid}, {"", "PPID", show_ppid}, {"", "C", show_c},
	{"", "STIME", show_start}, {"", "TTY", show_tty}, {"", "TIME", show_time}, {"", "CMD", show_command},
};

static const struct column user_format[] = {
	{"", "USER", show_user},   {"", "PID", show_pid},   {"", "%CPU", show_cpu},        {"", "%MEM", show_memory},
	{"", "VSZ", show_vsz},     {"", "RSS", show_rss},   {"", "TTY", show_tty},         {"", "STAT", show_state},
	{"", "START", show_start}, {"", "TIME", show_time}, {"", "COMMAND", show_command},
};

static void add_columns(GPtrArray *chosen, const struct column *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		g_ptr_array_add(chosen, (void *) &list[i]);
}

// "pid,comm" and "pid comm".
static bool add_named(GPtrArray *chosen, const char *list, GError **error)
{
	g_auto(GStrv) names = g_strsplit_set(list, ", ", -1);

	for (char **name = names; *name; name++) {
		size_t i = 0;
		if (!**name)
			continue;
		while (i < G_N_ELEMENTS(columns) && strcmp(columns[i].name, *name) != 0)
			i++;
		if (i == G_N_ELEMENTS(columns))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "ps: column \"%s\" is not known here; known are pid, ppid, user, pcpu, "
					       "pmem, vsz, rss, stat, stime, time, etime, tty, ni, nlwp, comm and args",
					       *name);
		g_ptr_array_add(chosen, (void *) &columns[i]);
	}
	return true;
}

// What follows the `o` of "-o LIST", "-eo LIST", "axo LIST" and "-e -o LIST"; NULL if there is none. Which processes
// are selected says nothing: they are the container's.
static const char *column_list(const char *text)
{
	for (;;) {
		text += strspn(text, " ");
		text += *text == '-';
		size_t selecting = strspn(text, "aAex");
		text += selecting;
		if (*text == 'o')
			return text + 1;
		if (selecting == 0 || *text != ' ')
			return NULL;
	}
}

// Which columns `ps` with these arguments would show.
static GPtrArray *choose_columns(const char *arguments, GError **error)
{
	static const char *const full[] = {"-ef", "ef", "-f", "-fe", "-eF", NULL};
	static const char *const user[] = {"aux", "-aux", "u", "auxww", "-ux", "ux", NULL};
	g_autoptr(GPtrArray) chosen = g_ptr_array_new();
	g_autofree char *text = g_strstrip(g_strdup(arguments ? arguments : "-ef"));
	const char *list = column_list(text);

	if (g_strv_contains(full, text)) {
		add_columns(chosen, full_format, G_N_ELEMENTS(full_format));
	} else if (g_strv_contains(user, text)) {
		add_columns(chosen, user_format, G_N_ELEMENTS(user_format));
	} else if (list) {
		if (!add_named(chosen, list, error))
			return NULL;
	} else {
		berth_error_set(
			error, BERTH_ERROR_INVALID,
			"ps: the arguments \"%s\" are not known here; use -ef, aux, or -o with a list of columns",
			text);
		return NULL;
	}
	if (chosen->len == 0) {
		berth_error_set(error, BERTH_ERROR_INVALID, "ps: no columns are named behind -o");
		return NULL;
	}
	return g_steal_pointer(&chosen);
}

static json_t *show_row(const GPtrArray *chosen, const struct process *process)
{
	json_t *row = json_array();

	for (guint i = 0; i < chosen->len; i++) {
		const struct column *column = chosen->pdata[i];
		g_autofree char *value = column->show(process);
		g_autofree char *valid = g_utf8_make_valid(value, -1); // a program names itself as it likes
		json_array_append_new(row, json_string(valid));
	}
	return row;
}

static struct api_container_top *make_table(const GPtrArray *chosen, const GArray *pids)
{
	struct api_container_top *top = berth_document_new(&api_container_top_document);
	g_autoptr(GStrvBuilder) titles = g_strv_builder_new();

	for (guint i = 0; i < chosen->len; i++)
		g_strv_builder_add(titles, ((const struct column *) chosen->pdata[i])->title);
	top->titles = g_strv_builder_end(titles);
	top->processes = json_array();
	for (guint i = 0; i < pids->len; i++) {
		struct process *process = read_process(g_array_index(pids, pid_t, i));
		if (!process)
			continue;
		json_array_append_new(top->processes, show_row(chosen, process));
		process_free(process);
	}
	return top;
}

struct api_container_top *berth_engine_container_top(struct berth_engine *engine, const char *text,
						     const char *ps_arguments, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	g_autoptr(GPtrArray) chosen = container ? choose_columns(ps_arguments, error) : NULL;

	if (!chosen)
		return NULL;
	pthread_mutex_lock(&engine->lock);
	bool up = berth_engine__is_up(container);
	pthread_mutex_unlock(&engine->lock);
	g_autoptr(berth_monitor) monitor = up ? berth_engine__connect(engine, container, NULL) : NULL;
	g_autoptr(GArray) pids = monitor ? berth_monitor_pids(monitor, NULL) : NULL;
	if (!pids) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running", container->id);
		return NULL;
	}
	return berth_engine__tell_container(engine, container, error, "top", NULL) ? make_table(chosen, pids) : NULL;
}
