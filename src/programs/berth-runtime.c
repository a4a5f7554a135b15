// SPDX-License-Identifier: Apache-2.0
// The OCI runtime command line (the runc and crun commands that engines use), a thin caller of runtime/container.h.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "sys/self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
	char *root, *log, *log_format, *log_level, *cgroup_manager, *criu, *rootless;
	bool debug, systemd_cgroup, version;
};

static const struct berth_flag global_flags[] = {
	{"root", 0, BERTH_FLAG_TEXT, offsetof(struct options, root), "path", "Folder of the containers' states"},
	{"log", 0, BERTH_FLAG_TEXT, offsetof(struct options, log), "[file:|journald:|syslog:]name",
	 "Where errors and warnings go"},
	{"log-format", 0, BERTH_FLAG_TEXT, offsetof(struct options, log_format), "text|json", "Format of the log",
	 "text"},
	{"log-level", 0, BERTH_FLAG_TEXT, offsetof(struct options, log_level), "error|warning|debug",
	 "The least that is logged", "warning"},
	{"debug", 0, BERTH_FLAG_SWITCH, offsetof(struct options, debug), .help = "Log what is done"},
	{"cgroup-manager", 0, BERTH_FLAG_TEXT, offsetof(struct options, cgroup_manager), "cgroupfs|systemd|disabled",
	 "Who makes control groups", "cgroupfs"},
	{"systemd-cgroup", 0, BERTH_FLAG_SWITCH, offsetof(struct options, systemd_cgroup),
	 .help = "The same as --cgroup-manager systemd"},
	{"rootless", 0, BERTH_FLAG_TEXT, offsetof(struct options, rootless), "true|false|auto",
	 "Whether an ordinary user's containers get user namespaces, and containers may go without control groups",
	 "auto"},
	{"criu", 0, BERTH_FLAG_TEXT, offsetof(struct options, criu), "path",
	 "CRIU's program, for checkpoint and restore", "criu"},
	{"version", 'v', BERTH_FLAG_SWITCH, offsetof(struct options, version), .help = "Print the version"},
	{0},
};

static const struct runtime_command *const commands[] = {
	&runtime_command_create,  &runtime_command_exec,     &runtime_command_start,  &runtime_command_run,
	&runtime_command_state,   &runtime_command_kill,     &runtime_command_delete, &runtime_command_list,
	&runtime_command_ps,      &runtime_command_pause,    &runtime_command_resume, &runtime_command_update,
	&runtime_command_spec,    &runtime_command_features, &runtime_command_mounts, &runtime_command_checkpoint,
	&runtime_command_restore, &runtime_command_events,
};

static void warn(void *data, const char *message)
{
	runtime_log(data, RUNTIME_LOG_WARNING, message);
}

static void print_version(void)
{
	printf("berth-runtime version " BERTH_VERSION "\n"
	       "spec: " BERTH_OCI_VERSION "\n"
	       "+CAP +SECCOMP +EBPF +APPARMOR +SELINUX +SYSTEMD +CRIU\n");
}

static void print_help(void)
{
	g_autoptr(GString) text = g_string_new("Usage: berth-runtime [OPTIONS] COMMAND [ARGUMENT...]\n\n"
					       "Runs containers by the OCI runtime specification.\n\nCommands:\n");

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(text, "  %-10s %s\n", commands[i]->name, commands[i]->help);
	g_string_append(text, "\nOptions:\n");
	berth_flags_help(global_flags, 0, text);
	fputs(text->str, stdout);
}

static void print_command_help(const struct runtime_command *command)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_append_printf(text, "Usage: berth-runtime %s [OPTIONS] %s\n\n%s\n", command->name, command->arguments,
			       command->help);
	if (command->flags) {
		g_string_append(text, "\nOptions:\n");
		berth_flags_help(command->flags, 0, text);
	}
	fputs(text->str, stdout);
}

static const struct runtime_command *find_command(const char *name, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (g_str_equal(commands[i]->name, name))
			return commands[i];
	berth_error_set(error, BERTH_ERROR_INVALID, "unknown command %s; \"berth-runtime --help\" lists them", name);
	return NULL;
}

static int run_command(struct runtime_program *program, char *const *words, GError **error)
{
	static const struct berth_flag none[] = {{0}};
	const struct runtime_command *command = find_command(words[0], error);
	g_auto(GStrv) arguments = NULL;
	bool help = false;

	if (!command)
		return -1;
	const struct berth_flag *flags = command->flags ? command->flags : none;
	g_autofree void *options = g_malloc0(MAX(command->options_size, 1));
	int status = -1;
	if (!berth_flags_parse(flags, options, (int) g_strv_length((char **) words), words,
			       BERTH_FLAGS_GO | (command->in_order ? 0 : BERTH_FLAGS_INTERSPERSED), &arguments, &help,
			       error))
		goto out;
	if (help) {
		print_command_help(command);
		status = 0;
		goto out;
	}
	guint count = g_strv_length(arguments);
	if (count < command->least || count > command->most) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: wants %s", command->name,
				*command->arguments ? command->arguments : "no argument");
		goto out;
	}
	if (program->log.level >= RUNTIME_LOG_DEBUG) {
		g_autofree char *all = g_strjoinv(" ", arguments);
		g_autofree char *line = g_strdup_printf("%s %s", command->name, all);
		runtime_log(program, RUNTIME_LOG_DEBUG, line);
	}
	status = command->run(program, options, arguments, error);
out:
	if (status < 0 && command->failure)
		status = command->failure;
	berth_flags_clear(flags, options);
	return status;
}

// Root's is /run/berth-runtime; an ordinary user's, and that of the root of a user namespace, lies in the folder of the
// session. Where there is none it is one of /tmp that belongs to nobody else.
static char *default_root(GError **error)
{
	const char *session = g_getenv("XDG_RUNTIME_DIR");
	bool root = geteuid() == 0;
	struct stat st;

	if (session && *session && (!root || access("/run", W_OK) < 0))
		return g_build_filename(session, "berth-runtime", NULL);
	if (root)
		return g_strdup("/run/berth-runtime");
	g_autofree char *path = g_strdup_printf("/tmp/berth-runtime-%u", (unsigned) geteuid());
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		berth_error_set_errno(error, errno, "make folder %s", path);
		return NULL;
	}
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077) {
		berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				"%s: must be a folder that only user %u may enter; or set XDG_RUNTIME_DIR or --root",
				path, (unsigned) geteuid());
		return NULL;
	}
	return g_steal_pointer(&path);
}

static bool choose_manager(struct runtime_program *program, const struct options *options, GError **error)
{
	static const struct {
		const char *name;
		enum berth_cgroup_manager manager;
	} managers[] = {{"cgroupfs", BERTH_CGROUP_MANAGER_FILES},
			{"systemd", BERTH_CGROUP_MANAGER_SYSTEMD},
			{"disabled", BERTH_CGROUP_MANAGER_DISABLED}};
	const char *name = options->systemd_cgroup ? "systemd" : options->cgroup_manager;

	for (size_t i = 0; i < G_N_ELEMENTS(managers); i++) {
		if (!g_str_equal(managers[i].name, name))
			continue;
		program->runtime.cgroup_manager = managers[i].manager;
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "--cgroup-manager %s: is cgroupfs, systemd or disabled",
			       name);
}

static bool set_up(struct runtime_program *program, struct options *options, GError **error)
{
	if (!runtime_log_open(&program->log, options->log, options->log_format, options->log_level, options->debug,
			      error))
		return false;
	if (!choose_manager(program, options, error))
		return false;
	if (g_str_equal(options->rootless, "false"))
		program->runtime.need_cgroup = true;
	else if (g_str_equal(options->rootless, "true") || g_str_equal(options->rootless, "auto"))
		program->rootless = geteuid() != 0;
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "--rootless %s: is true, false or auto",
				       options->rootless);
	if (!options->root || !*options->root) {
		g_free(options->root);
		options->root = default_root(error);
		if (!options->root)
			return false;
	}
	// State may be looked for from anywhere later.
	char *root = g_canonicalize_filename(options->root, NULL);
	g_free(options->root);
	options->root = root;
	program->runtime.state_root = options->root;
	program->runtime.cache_root = options->root;
	program->criu = options->criu;
	return true;
}

static int run(struct runtime_program *program, struct options *options, int argc, char **argv, GError **error)
{
	g_auto(GStrv) words = NULL;
	bool help = false;

	if (!berth_flags_parse(global_flags, options, argc, argv, BERTH_FLAGS_GO, &words, &help, error))
		return -1;
	if (options->version)
		print_version();
	else if (help || !words[0])
		print_help();
	else
		return set_up(program, options, error) ? run_command(program, words, error) : -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct runtime_program program = {.runtime = {.self = argv[0], .warn = warn, .data = &program},
					  .log = {.fd = -1, .level = RUNTIME_LOG_WARNING}};
	g_autoptr(GError) error = NULL;

	if (!berth_self_protect(argv)) {
		fprintf(stderr, "berth-runtime: cannot keep its own program from containers: %s\n", strerror(errno));
		return 1;
	}
	berth_json_seed();
	int status = run(&program, &options, argc, argv, &error);
	if (error)
		runtime_log(&program, RUNTIME_LOG_ERROR, error->message);
	berth_flags_clear(global_flags, &options);
	runtime_log_close(&program.log);
	return error && status < 0 ? 1 : status;
}
