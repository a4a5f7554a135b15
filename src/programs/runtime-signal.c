// SPDX-License-Identifier: Apache-2.0
// kill and delete, on one container or, as with crun, on all whose ids a regular expression matches.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/limits.h"
#include "sys/process.h"

#include <regex.h>
#include <string.h>

struct options {
	bool all, force, regex;
	int signal;
};

static const struct berth_flag kill_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, offsetof(struct options, all), .help = "Signal all its processes"},
	{"regex", 'r', BERTH_FLAG_SWITCH, offsetof(struct options, regex),
	 .help = "ID is a regular expression; signal all that it matches"},
	{0},
};

static const struct berth_flag delete_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct options, force),
	 .help = "Kill it if it runs; one that does not exist is no failure"},
	{"regex", 'r', BERTH_FLAG_SWITCH, offsetof(struct options, regex),
	 .help = "ID is a regular expression; delete all that it matches"},
	{0},
};

typedef bool operation(struct runtime_program *program, const struct options *options, const char *id, GError **error);

static int for_all(struct runtime_program *program, const struct options *options, const regex_t *regex,
		   operation *operate, GError **error)
{
	g_auto(GStrv) ids = berth_container_list(&program->runtime, error);
	g_autoptr(GError) first = NULL;

	if (!ids)
		return -1;
	for (char **id = ids; *id; id++) {
		g_autoptr(GError) problem = NULL;
		if (regexec(regex, *id, 0, NULL, 0) != 0 || operate(program, options, *id, &problem))
			continue;
		if (first)
			runtime_log(program, RUNTIME_LOG_WARNING, problem->message);
		else
			first = g_steal_pointer(&problem);
	}
	if (!first)
		return 0;
	g_propagate_error(error, g_steal_pointer(&first));
	return -1;
}

static int for_each(struct runtime_program *program, const struct options *options, const char *id, operation *operate,
		    GError **error)
{
	regex_t regex;

	if (!options->regex)
		return operate(program, options, id, error) ? 0 : -1;
	if (strlen(id) > BERTH_LIMIT_CONTAINER_NAME || regcomp(&regex, id, REG_EXTENDED | REG_NOSUB) != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--regex: \"%s\" is no regular expression", id), -1;
	int status = for_all(program, options, &regex, operate, error);
	regfree(&regex);
	return status;
}

static bool signal_one(struct runtime_program *program, const struct options *options, const char *id, GError **error)
{
	g_autoptr(berth_container) container = runtime_load(program, id, error);

	return container && berth_container_signal(container, options->signal, options->all, error);
}

static int send_signal(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	struct options options = *(const struct options *) data;
	const char *name = arguments[1] ? arguments[1] : "SIGTERM";

	options.signal = berth_signal_number(name);
	if (!options.signal)
		return berth_error_set(error, BERTH_ERROR_INVALID, "unknown signal \"%s\"", name), -1;
	return for_each(program, &options, arguments[0], signal_one, error);
}

const struct runtime_command runtime_command_kill = {
	"kill", "ID [SIGNAL]", "Send a signal (TERM) to a container", kill_flags, sizeof(struct options), 1,
	2,      send_signal};

static bool delete_one(struct runtime_program *program, const struct options *options, const char *id, GError **error)
{
	g_autoptr(GError) problem = NULL;
	g_autoptr(berth_container) container = runtime_load(program, id, &problem);

	if (container)
		return berth_container_delete(container, options->force, error);
	if (options->force && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

static int delete_container(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	return for_each(program, data, arguments[0], delete_one, error);
}

const struct runtime_command runtime_command_delete = {
	"delete", "ID", "Remove a stopped container", delete_flags, sizeof(struct options), 1, 1, delete_container};
