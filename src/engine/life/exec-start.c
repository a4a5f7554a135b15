// SPDX-License-Identifier: Apache-2.0
// Starting an exec: who it is by the container's own accounts, what it finds in its environment, and then its monitor's
// work. The container's `operation` is not held: one that ends meanwhile has no monitor that could do it.
#include "engine/life/exec.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "engine/network/networks.h"
#include "engine/plan/user.h"
#include "engine/spec/spec.h"
#include "spec/oci-runtime.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DETACH_KEYS "ctrl-p,ctrl-q"
#define START_PATIENCE (10 * (int64_t) G_USEC_PER_SEC) // of a resize, for the exec to be started
#define CANNOT_EXECUTE 126
#define FAILURE "OCI runtime exec failed: exec failed: unable to start container process: "

// What is needed of the container, and where its root is.
struct place {
	pid_t pid;
	char *user;
	char **groups;
	char **links; // variables
};

static void place_clear(struct place *place)
{
	g_free(place->user);
	g_strfreev(place->groups);
	g_strfreev(place->links);
}

static bool find_place(struct berth_engine *engine, const struct berth_engine_exec *exec, struct place *ret,
		       GError **error)
{
	struct berth_engine_container *container = exec->container;

	pthread_mutex_lock(&engine->lock);
	const struct berth_container_record *record = container->record;
	const char *own = exec->config->user;
	struct api_host_config links = {.links = g_strdupv(record->host_config->links)};
	const struct berth_container_record linked = {
		.name = g_strdup(record->name), .network = g_strdup(record->network), .host_config = &links};
	ret->pid = (pid_t) record->state->pid;
	ret->user = g_strdup(own && *own ? own : record->config->user);
	ret->groups = g_strdupv(record->host_config->group_add);
	pthread_mutex_unlock(&engine->lock);
	g_autoptr(GString) hosts = g_string_new(NULL);
	bool fine = !links.links || berth_engine__links_resolve(engine, &linked, &ret->links, hosts, error);
	g_strfreev(links.links);
	g_free(linked.name);
	g_free(linked.network);
	return fine;
}

// The container's accounts as it sees them now, which may be on a mount of its own. That the pid is still its init's
// the monitor checks.
static bool find_user(const struct place *place, struct berth_user *ret, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/root", (int) place->pid);
	berth_fd root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "the container is not running");
	return berth_user_resolve(root, place->user, place->groups, ret, error);
}

static void set_size(struct oci_process *process, const struct api_exec_config *config,
		     const struct berth_engine_exec_start *start)
{
	int64_t height = json_integer_value(json_array_get(config->console_size, 0));
	int64_t width = json_integer_value(json_array_get(config->console_size, 1));

	if (start->height > 0 && start->width > 0) {
		height = start->height;
		width = start->width;
	}
	if (!process->terminal || height <= 0 || width <= 0 || height > G_MAXUINT16 || width > G_MAXUINT16)
		return;
	process->console_size = berth_document_new(&oci_box_document);
	process->console_size->height = (uint64_t) height;
	process->console_size->width = (uint64_t) width;
}

static char *make_process(const struct berth_engine_exec *exec, const struct place *place,
			  const struct berth_engine_exec_start *start, GError **error)
{
	const struct api_exec_config *config = exec->config;
	struct berth_user user;

	if (!find_user(place, &user, error))
		return NULL;
	g_autoptr(oci_process) process = berth_document_new(&oci_process_document);
	process->terminal = config->tty;
	process->args = g_strdupv(config->cmd);
	process->cwd = g_strdup(config->working_dir);
	process->user = berth_spec_user(&user);
	process->env = berth_spec_environment(exec->container->record->config, config->tty, user.home, place->links,
					      config->env);
	set_size(process, config, start);
	berth_user_clear(&user);
	return berth_document_print_text(&oci_process_document, process, 0);
}

// What the monitor keeps for the next engine: what was asked for, shortened where it is very long.
static json_t *make_about(const struct api_exec_config *config)
{
	g_autoptr(api_exec_config) about = berth_document_copy(&api_exec_config_document, config);
	size_t length = 0;

	g_clear_pointer(&about->env, g_strfreev);
	for (char **word = about->cmd; *word; word++) {
		length += strlen(*word) + 1;
		if (length <= BERTH_LIMIT_EXEC_ABOUT)
			continue;
		for (char **rest = word; *rest; rest++)
			g_clear_pointer(rest, g_free);
		break;
	}
	if (!about->cmd[0]) {
		g_strfreev(about->cmd);
		about->cmd = g_strsplit("...", " ", 0);
	}
	return berth_document_print(&api_exec_config_document, about, 0);
}

static bool hand_over(struct berth_engine *engine, struct berth_engine_exec *exec, const struct place *place,
		      const struct berth_engine_exec_start *start, const char *process, GError **error)
{
	const struct api_exec_config *config = exec->config;
	json_t *about = make_about(config);
	const struct berth_monitor_exec_start request = {
		.id = exec->id,
		.process = process,
		.about = about,
		.privileged = config->privileged,
		.init = place->pid,
		.socket = start->socket,
		.attach = {.in = config->attach_stdin,
			   .out = config->attach_stdout,
			   .err = config->attach_stderr,
			   .frames = !start->tty,
			   .detach_keys =
				   config->detach_keys && *config->detach_keys ? config->detach_keys : DETACH_KEYS},
	};
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, exec->container, error);
	pid_t pid = 0;
	bool started = monitor && berth_monitor_exec_begin(monitor, &request, &pid, error);

	json_decref(about);
	if (started)
		berth_engine__exec_started(engine, exec, pid);
	return started;
}

// Docker's words and kinds for what went wrong.
static void translate(const struct berth_engine_exec *exec, GError *error)
{
	if (error->code == BERTH_ERROR_NOT_IMPLEMENTED) {
		g_prefix_error(&error,
			       "container %s: was started by an older version of Berth, which has no exec; restart it "
			       "first: ",
			       exec->container->id);
		return;
	}
	if (error->code == BERTH_ERROR_RESOURCE_EXHAUSTED)
		return;
	if (berth_engine__has_ended(error) && berth_engine__start_exit_code(error) == 128) {
		g_free(error->message);
		error->message = g_strdup_printf("container %s is not running", exec->container->id);
		error->code = BERTH_ERROR_CONFLICT;
		return;
	}
	error->code = BERTH_ERROR_INVALID;
}

static bool run(struct berth_engine *engine, struct berth_engine_exec *exec,
		const struct berth_engine_exec_start *start, GError **error)
{
	__attribute__((cleanup(place_clear))) struct place place = {0};

	if (!berth_engine__exec_tell(engine, exec, "exec_start:", NULL, NULL, error) ||
	    !find_place(engine, exec, &place, error))
		return false;
	g_autofree char *process = make_process(exec, &place, start, error);
	if (!process)
		return false;
	GError *failure = NULL;
	if (hand_over(engine, exec, &place, start, process, &failure))
		return true;
	translate(exec, failure);
	if (failure->code == BERTH_ERROR_INVALID)
		g_prefix_error(&failure, FAILURE);
	g_propagate_error(error, failure);
	return false;
}

// Only one can start it.
static bool claim(struct berth_engine *engine, struct berth_engine_exec *exec, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	bool fine = exec->state == BERTH_EXEC_CREATED;
	if (fine)
		exec->state = BERTH_EXEC_STARTING;
	else
		berth_error_set(error, BERTH_ERROR_CONFLICT, "Error: Exec command %s %s", exec->id,
				exec->state == BERTH_EXEC_ENDED ? "has already run" : "is already running");
	pthread_mutex_unlock(&engine->lock);
	return fine;
}

bool berth_engine_exec_start(struct berth_engine *engine, const char *id, const struct berth_engine_exec_start *start,
			     GError **error)
{
	g_autoptr(berth_engine_exec) exec = berth_engine__exec_find(engine, id, error);
	GError *failure = NULL;

	if (!exec || !claim(engine, exec, error))
		return false;
	if (run(engine, exec, start, &failure))
		return true;
	int code = berth_engine__start_exit_code(failure);
	berth_engine__exec_ended(engine, exec, code == 128 ? CANNOT_EXECUTE : code);
	g_propagate_error(error, failure);
	return false;
}

bool berth_engine_exec_resize(struct berth_engine *engine, const char *id, unsigned width, unsigned height,
			      GError **error)
{
	g_autoptr(berth_engine_exec) exec = berth_engine__exec_find(engine, id, error);
	int64_t deadline = g_get_monotonic_time() + START_PATIENCE;

	if (!exec)
		return false;
	pthread_mutex_lock(&engine->lock);
	while (exec->state < BERTH_EXEC_RUNNING && !engine->closing &&
	       berth_engine__cond_wait(&exec->container->changed, &engine->lock, deadline))
		;
	bool running = exec->state == BERTH_EXEC_RUNNING;
	pthread_mutex_unlock(&engine->lock);
	if (!running)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "exec %s is not running", id);
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, exec->container, error);
	return monitor && berth_monitor_exec_resize(monitor, id, width, height, error);
}
