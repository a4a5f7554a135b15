// SPDX-License-Identifier: Apache-2.0
// Running a step of a build, from a request to its exit code.
#include "engine/step/step.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/network/networks.h"
#include "engine/plan/plan.h"
#include "engine/volume/volumes-internal.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#define HOSTNAME "buildkitsandbox"
#define LOOK 50 // milliseconds between two questions whether it is canceled

// The request

static struct api_host_config *make_host_config(const struct berth_build_step *step)
{
	struct api_host_config *host = step->limits ? berth_document_copy(&api_host_config_document, step->limits)
						    : berth_document_new(&api_host_config_document);

	g_free(host->network_mode);
	host->network_mode = g_strdup(step->network);
	host->privileged = step->insecure;
	if (!host->log_config)
		host->log_config = berth_document_new(&api_log_config_document);
	g_free(host->log_config->type);
	host->log_config->type = g_strdup("none");
	for (char *const *device = step->devices; device && *device; device++) {
		if (!host->device_requests)
			host->device_requests = json_array();
		json_array_append_new(host->device_requests,
				      json_pack("{s:s, s:[s]}", "Driver", "cdi", "DeviceIDs", *device));
	}
	return host;
}

static struct berth_container_record *make_record(struct berth_engine *engine, const struct berth_build_step *step,
						  GError **error)
{
	g_autoptr(api_host_config) host = make_host_config(step);
	g_autofree char *name = g_strdup_printf("build-%.12s", step->snapshot);
	g_autoptr(oci_image) image = berth_document_new(&oci_image_document);
	g_auto(GStrv) warnings = NULL;
	g_autoptr(api_container_create) create = berth_document_new(&api_container_create_document);

	create->config.hostname = g_strdup(step->hostname ? step->hostname : HOSTNAME);
	create->config.cmd = g_strdupv((char **) step->arguments);
	create->config.env = g_strdupv((char **) step->environment);
	create->config.working_dir = g_strdup(step->folder);
	create->config.user = g_strdup(step->user);
	create->config.tty = create->config.open_stdin = create->config.stdin_once = step->terminal;
	create->host_config = g_steal_pointer(&host);
	const struct berth_plan_input input = {
		.create = create,
		.id = step->snapshot,
		.name = name,
		.created = berth_moment_now(),
		.image_id = "",
		.image = image,
		.log_driver = "none",
		.cgroup_parent = engine->options.cgroup_parent,
		.default_network = engine->options.network.no_bridge ? "none" : "bridge",
		.default_userns = engine->options.userns,
	};
	if (!berth_engine__defaults_apply(&engine->options.defaults, create->host_config, error))
		return NULL;
	g_autoptr(berth_container_record) record = berth_plan_make(&input, &warnings, error);
	if (!record || !berth_engine__endpoints_bind(engine, record, &warnings, error) ||
	    !berth_engine__step_users_choose(engine, step, record, error) ||
	    !berth_engine__step_plan_mounts(step, record, error))
		return NULL;
	return g_steal_pointer(&record);
}

// The run

static bool attach_one(struct berth_monitor *monitor, int socket, const struct berth_monitor_attach *attach,
		       GError **error)
{
	return socket < 0 || berth_monitor_attach(monitor, socket, attach, error);
}

static bool attach(struct berth_monitor *monitor, const struct berth_build_step *step, GError **error)
{
	bool one = step->terminal || step->errors == step->output;
	const struct berth_monitor_attach first = {.in = step->terminal, .out = true, .err = one};
	const struct berth_monitor_attach second = {.err = true};

	return attach_one(monitor, step->output, &first, error) &&
	       (one || attach_one(monitor, step->errors, &second, error));
}

// The connection that is watched takes no orders.
static bool kill_run(struct berth_engine *engine, const struct berth_engine_container *container)
{
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, NULL);

	if (!monitor)
		return false;
	berth_monitor_thaw(monitor, NULL);
	return berth_monitor_signal(monitor, SIGKILL, true, NULL);
}

// Waits for the end. A step that is canceled is killed, and then waited for.
static bool wait_for_end(struct berth_engine *engine, struct berth_engine_container *container,
			 struct berth_monitor *monitor, bool (*canceled)(void *), void *data, int *ret_exit_code,
			 GError **error)
{
	bool killed = false;

	if (!berth_monitor_watch(monitor, error))
		return false;
	for (;;) {
		struct pollfd watched = {.fd = berth_monitor_fd(monitor), .events = POLLIN};
		int ready = poll(&watched, 1, canceled && !killed ? LOOK : -1);
		if (ready <= 0) {
			if (ready == 0 && canceled(data))
				killed = kill_run(engine, container);
			continue;
		}
		struct berth_monitor_event event = {0};
		if (!berth_monitor_next_event(monitor, &event, error))
			return false;
		berth_monitor_exec_free(event.exec);
		berth_health_free(event.health);
		if (event.type == BERTH_MONITOR_GONE)
			return berth_error_set(error, BERTH_ERROR_INTERNAL,
					       "the monitor of the step has gone before its end");
		if (event.type != BERTH_MONITOR_EXITED)
			continue;
		*ret_exit_code = (int) event.exit.exit_code;
		return !killed || berth_error_set(error, BERTH_ERROR_CANCELED, "the step was canceled");
	}
}

static bool launch(struct berth_engine *engine, struct berth_engine_container *container, bool (*canceled)(void *),
		   void *data, int *ret_exit_code, GError **error)
{
	bool has_users = berth_engine__step_users_take(engine, container, error);
	g_autoptr(berth_monitor) monitor = has_users ? berth_engine__prepare(engine, container, error) : NULL;
	pid_t pid;

	berth_volumes_points_clear(engine->volumes, container->id);
	if (!monitor)
		return false;
	BERTH_FAILPOINT("step.prepared");
	if (attach(monitor, container->step->wanted, error) && berth_monitor_start(monitor, &pid, error)) {
		BERTH_FAILPOINT("step.started");
		if (container->step->wanted->steps)
			berth_engine__spare_want(engine, container->step->network || container->record->users, true);
		if (wait_for_end(engine, container, monitor, canceled, data, ret_exit_code, error))
			return true;
	}
	kill_run(engine, container);
	return false;
}

// What is left of the run. Whoever looks into a step that failed runs another in its snapshot, with the same names.
static bool clear(struct berth_engine *engine, struct berth_engine_container *container, bool failed, GError **error)
{
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);
	struct berth_engine_steps *steps = container->step->wanted->steps;

	berth_engine__step_tidy(container->step);
	// Its processes may live yet: until they are killed, ids and network are nobody else's.
	bool ended = !failed || berth_engine__run_end(engine, container->id, cgroup, error);
	berth_engine__step_users_let_go(engine, container->step->users);
	berth_engine__steps_give(steps, container);
	BERTH_FAILPOINT("step.released");
	if (!ended)
		return false;
	if (!steps || failed)
		return berth_engine__run_clear(engine, container->id, cgroup, error);
	berth_engine__steps_clear_later(steps, container->id, cgroup);
	return true;
}

bool berth_engine_step_run(struct berth_engine *engine, const struct berth_build_step *wanted, bool (*canceled)(void *),
			   void *data, int *ret_exit_code, GError **error)
{
	struct berth_engine_step step = {.engine = engine, .wanted = wanted, .root = -1};
	g_autoptr(GError) clearing = NULL;
	struct berth_container_record *record = make_record(engine, wanted, error);

	if (!record)
		return false;
	g_autoptr(berth_engine_container) container = berth_engine__container_new(record);
	container->step = &step;
	if (berth_engine__has_resolver(record))
		step.network = berth_engine__steps_take(wanted->steps, wanted, record->host_config->userns_mode);
	pthread_mutex_lock(&container->operation);
	bool done = launch(engine, container, canceled, data, ret_exit_code, error);
	bool cleared = clear(engine, container, !done || *ret_exit_code != 0, &clearing);
	pthread_mutex_unlock(&container->operation);
	if (done && !cleared)
		g_propagate_error(error, g_steal_pointer(&clearing));
	else if (!cleared)
		g_warning("step %s: clearing it: %s", container->id, clearing->message);
	return done && cleared;
}

bool berth_engine_step_resize(struct berth_engine *engine, const char *snapshot, unsigned height, unsigned width,
			      GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, snapshot, false, error);
	g_autoptr(berth_monitor) monitor = folder < 0 ? NULL : berth_monitor_connect(folder, error);

	return monitor && berth_monitor_resize(monitor, width, height, error);
}
