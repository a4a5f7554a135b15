// SPDX-License-Identifier: Apache-2.0
// Instances of execs: made, looked for, asked about, forgotten. Starting them is exec-start.c.
#include "engine/life/exec.h"

#include "base/error.h"
#include "base/json.h"
#include "base/keys.h"
#include "base/limits.h"
#include "monitor/client.h"

#include <signal.h>
#include <string.h>

#define REMEMBERED (300 * (int64_t) G_USEC_PER_SEC) // an ended one at least, unless there are very many
#define ENDED_MOST 4096 // of one container that are remembered
#define END_PATIENCE (5 * (int64_t) G_USEC_PER_SEC) // for what is known to have ended to be told

struct berth_exec_table {
	GHashTable *by_id; // holds the reference
	GHashTable *of; // container's id -> GPtrArray of them, oldest first
};

struct berth_engine_exec *berth_engine__exec_ref(struct berth_engine_exec *exec)
{
	__atomic_add_fetch(&exec->references, 1, __ATOMIC_RELAXED);
	return exec;
}

void berth_engine__exec_unref(struct berth_engine_exec *exec)
{
	if (!exec || __atomic_sub_fetch(&exec->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	berth_engine__container_unref(exec->container);
	api_exec_config_free(exec->config);
	g_free(exec->id);
	g_free(exec);
}

struct berth_exec_table *berth_exec_table_new(void)
{
	struct berth_exec_table *table = g_new0(struct berth_exec_table, 1);

	table->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) berth_engine__exec_unref);
	table->of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
	return table;
}

void berth_exec_table_free(struct berth_exec_table *table)
{
	if (!table)
		return;
	g_hash_table_unref(table->of);
	g_hash_table_unref(table->by_id);
	g_free(table);
}

// All under engine->lock.

static GPtrArray *execs_of(struct berth_engine *engine, const struct berth_engine_container *container)
{
	return g_hash_table_lookup(engine->execs->of, container->id);
}

static void forget_at(struct berth_engine *engine, GPtrArray *execs, guint index)
{
	const struct berth_engine_exec *exec = g_ptr_array_steal_index(execs, index);

	g_hash_table_remove(engine->execs->by_id, exec->id);
}

// Forgets ended ones that are old or too many. Returns how many have not ended.
static unsigned tidy(struct berth_engine *engine, GPtrArray *execs)
{
	int64_t now = g_get_monotonic_time();
	unsigned alive = 0;

	for (guint i = 0; i < execs->len; i++)
		alive += ((const struct berth_engine_exec *) execs->pdata[i])->state != BERTH_EXEC_ENDED;
	for (guint i = 0; i < execs->len;) {
		const struct berth_engine_exec *exec = execs->pdata[i];
		bool old = exec->moment + REMEMBERED < now || execs->len - alive > ENDED_MOST;
		if (exec->state == BERTH_EXEC_ENDED && old)
			forget_at(engine, execs, i);
		else
			i++;
	}
	return alive;
}

// Instances that nobody starts are the first to go where there are too many.
static bool drop_unstarted(struct berth_engine *engine, GPtrArray *execs)
{
	for (guint i = 0; i < execs->len; i++) {
		const struct berth_engine_exec *exec = execs->pdata[i];
		if (exec->state == BERTH_EXEC_CREATED && exec->moment + REMEMBERED < g_get_monotonic_time()) {
			forget_at(engine, execs, i);
			return true;
		}
	}
	return false;
}

// Takes the reference.
static bool add(struct berth_engine *engine, struct berth_engine_exec *exec, GError **error)
{
	GPtrArray *execs = execs_of(engine, exec->container);

	if (!execs) {
		execs = g_ptr_array_new();
		g_hash_table_insert(engine->execs->of, g_strdup(exec->container->id), execs);
	}
	if (tidy(engine, execs) >= BERTH_LIMIT_EXECS && !drop_unstarted(engine, execs)) {
		berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				"container %s: %d execs have not ended, which is the limit", exec->container->id,
				BERTH_LIMIT_EXECS);
		berth_engine__exec_unref(exec);
		return false;
	}
	g_ptr_array_add(execs, exec);
	g_hash_table_insert(engine->execs->by_id, exec->id, exec);
	return true;
}

void berth_engine__execs_forget(struct berth_engine *engine, struct berth_engine_container *container)
{
	GPtrArray *execs = execs_of(engine, container);

	for (guint i = 0; execs && i < execs->len; i++)
		g_hash_table_remove(engine->execs->by_id, ((struct berth_engine_exec *) execs->pdata[i])->id);
	g_hash_table_remove(engine->execs->of, container->id);
}

char **berth_engine__exec_ids(struct berth_engine *engine, const struct berth_engine_container *container)
{
	GPtrArray *execs = execs_of(engine, container);
	g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
	bool any = false;

	for (guint i = 0; execs && i < execs->len; i++) {
		const struct berth_engine_exec *exec = execs->pdata[i];
		if (exec->state == BERTH_EXEC_ENDED)
			continue;
		g_strv_builder_add(ids, exec->id);
		any = true;
	}
	return any ? g_strv_builder_end(ids) : NULL;
}

// engine->lock is held.
static bool can_exec(const struct berth_engine_container *container, GError **error)
{
	if (berth_engine__status_is(container, BERTH_STATUS_PAUSED))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "container %s is paused, unpause the container before exec", container->id);
	if (berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "container %s is restarting, wait until the container is running",
				       container->id);
	return berth_engine__status_is(container, BERTH_STATUS_RUNNING) ||
	       berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running", container->id);
}

static struct berth_engine_exec *look_up(struct berth_engine *engine, const char *id, GError **error)
{
	struct berth_engine_exec *exec = g_hash_table_lookup(engine->execs->by_id, id);

	if (!exec)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such exec instance: %s", id);
	return exec ? berth_engine__exec_ref(exec) : NULL;
}

// From here on the lock is taken.

struct berth_engine_exec *berth_engine__exec_find(struct berth_engine *engine, const char *id, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_exec) exec = look_up(engine, id, error);
	bool fine = exec && can_exec(exec->container, error);
	pthread_mutex_unlock(&engine->lock);
	return fine ? g_steal_pointer(&exec) : NULL;
}

bool berth_engine_exec_check(struct berth_engine *engine, const char *id, GError **error)
{
	g_autoptr(berth_engine_exec) exec = berth_engine__exec_find(engine, id, error);

	return exec != NULL;
}

bool berth_engine__exec_started(struct berth_engine *engine, struct berth_engine_exec *exec, int64_t pid)
{
	pthread_mutex_lock(&engine->lock);
	bool new = exec->state < BERTH_EXEC_RUNNING;
	exec->pid = pid;
	if (new)
		exec->state = BERTH_EXEC_RUNNING;
	pthread_cond_broadcast(&exec->container->changed);
	pthread_mutex_unlock(&engine->lock);
	return new;
}

bool berth_engine__exec_ended(struct berth_engine *engine, struct berth_engine_exec *exec, int64_t exit_code)
{
	pthread_mutex_lock(&engine->lock);
	bool new = exec->state != BERTH_EXEC_ENDED;
	if (new) {
		exec->state = BERTH_EXEC_ENDED;
		exec->exit_code = exit_code;
		exec->moment = g_get_monotonic_time();
	}
	pthread_cond_broadcast(&exec->container->changed);
	pthread_mutex_unlock(&engine->lock);
	return new;
}

bool berth_engine__exec_tell(struct berth_engine *engine, const struct berth_engine_exec *exec, const char *action,
			     const char *name, const char *value, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *command = g_strjoinv(" ", exec->config->cmd);
	// Ends tell no command.
	g_autofree char *text = strchr(action, ':') ? g_strconcat(action, " ", command, NULL) : g_strdup(action);

	pthread_mutex_lock(&engine->lock);
	berth_engine__event_add(events, exec->container, text, "execID", exec->id, name, value, NULL);
	pthread_mutex_unlock(&engine->lock);
	return berth_engine__tell(engine, events, error);
}

// Making

static bool check_config(const struct api_exec_config *config, GError **error)
{
	struct berth_keys keys;

	if (!config->cmd || !config->cmd[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "No exec command specified");
	if (!berth_keys_parse(config->detach_keys, &keys, error))
		return g_prefix_error(error, "Invalid escape keys (%s) provided: ", config->detach_keys), false;
	if (config->env && g_strv_length(config->env) > BERTH_LIMIT_ENVIRONMENT)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d environment variables",
				       BERTH_LIMIT_ENVIRONMENT);
	for (char **entry = config->env; entry && *entry; entry++)
		if (!**entry || **entry == '=')
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid environment variable: %s", *entry);
	if (config->working_dir && *config->working_dir && *config->working_dir != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the working directory '%s' is invalid, it needs to be an absolute path",
				       config->working_dir);
	return true;
}

static struct berth_engine_exec *new_exec(struct berth_engine_container *container, char *id,
					  const struct api_exec_config *config)
{
	struct berth_engine_exec *exec = g_new0(struct berth_engine_exec, 1);

	exec->references = 1;
	exec->id = id;
	exec->container = berth_engine__container_ref(container);
	exec->config = berth_document_copy(&api_exec_config_document, config);
	exec->moment = g_get_monotonic_time();
	return exec;
}

char *berth_engine_exec_create(struct berth_engine *engine, const char *text, const struct api_exec_config *config,
			       GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	if (!container || !check_config(config, error))
		return NULL;
	char *id = berth_engine__make_id(error);
	if (!id)
		return NULL;
	g_autoptr(berth_engine_exec) exec = new_exec(container, id, config);
	pthread_mutex_lock(&engine->lock);
	bool added = container->removed
			     ? berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", text)
			     : can_exec(container, error) && add(engine, berth_engine__exec_ref(exec), error);
	pthread_mutex_unlock(&engine->lock);
	if (!added || !berth_engine__exec_tell(engine, exec, "exec_create:", NULL, NULL, error))
		return NULL;
	return g_strdup(id);
}

struct berth_engine_exec *berth_engine__exec_learn(struct berth_engine *engine,
						   struct berth_engine_container *container, const char *id,
						   const struct api_exec_config *config)
{
	struct berth_engine_exec *exec = new_exec(container, g_strdup(id), config);

	pthread_mutex_lock(&engine->lock);
	bool added =
		!g_hash_table_contains(engine->execs->by_id, id) && add(engine, berth_engine__exec_ref(exec), NULL);
	pthread_mutex_unlock(&engine->lock);
	if (!added)
		g_clear_pointer(&exec, berth_engine__exec_unref);
	return exec;
}

// Ends

// Remembers the end, and tells of it if it is new.
static void note_end(struct berth_engine *engine, struct berth_engine_exec *exec, int64_t exit_code)
{
	g_autofree char *code = g_strdup_printf("%" G_GINT64_FORMAT, exit_code);
	g_autoptr(GError) error = NULL;

	if (berth_engine__exec_ended(engine, exec, exit_code) &&
	    !berth_engine__exec_tell(engine, exec, "exec_die", "exitCode", code, &error))
		g_warning("exec %s: recording its end: %s", exec->id, error->message);
}

void berth_engine__exec_told(struct berth_engine *engine, struct berth_engine_container *container,
			     const struct berth_monitor_exec *told, bool exited)
{
	g_autoptr(GError) error = NULL;

	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_exec) exec = look_up(engine, told->id, NULL);
	pthread_mutex_unlock(&engine->lock);
	if (!exec || exec->container != container)
		return;
	if (exited)
		note_end(engine, exec, told->exit_code);
	else if (!berth_engine__exec_tell(engine, exec, "exec_detach", NULL, NULL, &error))
		g_warning("exec %s: recording the event exec_detach: %s", exec->id, error->message);
}

void berth_engine__execs_ended(struct berth_engine *engine, struct berth_engine_container *container)
{
	g_autoptr(GPtrArray) running = g_ptr_array_new_with_free_func((GDestroyNotify) berth_engine__exec_unref);

	pthread_mutex_lock(&engine->lock);
	GPtrArray *execs = execs_of(engine, container);
	for (guint i = 0; execs && i < execs->len; i++) {
		struct berth_engine_exec *exec = execs->pdata[i];
		if (exec->state == BERTH_EXEC_RUNNING)
			g_ptr_array_add(running, berth_engine__exec_ref(exec));
	}
	pthread_mutex_unlock(&engine->lock);
	for (guint i = 0; i < running->len; i++)
		note_end(engine, running->pdata[i], 128 + SIGKILL);
}

// Questions

// A client that has seen the end of the output asks for the exit code at once. The monitor has it, though its event may
// not have been read yet, nor even its answer to the start.
static void refresh(struct berth_engine *engine, struct berth_engine_exec *exec)
{
	int64_t deadline = g_get_monotonic_time() + END_PATIENCE;
	g_autoptr(GError) error = NULL;

	pthread_mutex_lock(&engine->lock);
	while (exec->state == BERTH_EXEC_STARTING && !engine->closing &&
	       berth_engine__cond_wait(&exec->container->changed, &engine->lock, deadline))
		;
	bool running = exec->state == BERTH_EXEC_RUNNING;
	pthread_mutex_unlock(&engine->lock);
	if (!running)
		return;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, exec->container, &error);
	g_autoptr(berth_monitor_exec) told = monitor ? berth_monitor_exec_stat(monitor, exec->id, &error) : NULL;
	if (told && told->running)
		return;
	if (told) {
		note_end(engine, exec, told->exit_code);
		return;
	}
	// The container has ended, which is being taken down.
	pthread_mutex_lock(&engine->lock);
	while (exec->state == BERTH_EXEC_RUNNING && berth_engine__has_ended(error) && !engine->closing &&
	       berth_engine__cond_wait(&exec->container->changed, &engine->lock, deadline))
		;
	pthread_mutex_unlock(&engine->lock);
}

static char *keys_text(const char *text)
{
	struct berth_keys keys;

	if (!berth_keys_parse(text, &keys, NULL) || keys.count == 0)
		return g_strdup("");
	return g_base64_encode(keys.keys, keys.count);
}

static struct api_exec_process *process_of(const struct api_exec_config *config)
{
	struct api_exec_process *process = berth_document_new(&api_exec_process_document);

	process->entrypoint = g_strdup(config->cmd[0]);
	process->arguments = g_strdupv(config->cmd + 1);
	process->privileged = config->privileged;
	process->tty = config->tty;
	process->user = g_strdup(config->user);
	return process;
}

struct api_exec_inspect *berth_engine_exec_inspect(struct berth_engine *engine, const char *id, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_exec) exec = look_up(engine, id, error);
	pthread_mutex_unlock(&engine->lock);
	if (!exec)
		return NULL;
	refresh(engine, exec);

	const struct api_exec_config *config = exec->config;
	struct api_exec_inspect *inspect = berth_document_new(&api_exec_inspect_document);
	inspect->id = g_strdup(exec->id);
	inspect->container_id = g_strdup(exec->container->id);
	inspect->detach_keys = keys_text(config->detach_keys);
	inspect->open_stdin = config->attach_stdin;
	inspect->open_stdout = config->attach_stdout;
	inspect->open_stderr = config->attach_stderr;
	inspect->process_config = process_of(config);
	pthread_mutex_lock(&engine->lock);
	inspect->running = exec->state == BERTH_EXEC_STARTING || exec->state == BERTH_EXEC_RUNNING;
	inspect->pid = exec->pid;
	if (exec->state == BERTH_EXEC_ENDED)
		inspect->exit_code = exec->exit_code;
	pthread_mutex_unlock(&engine->lock);
	return inspect;
}
