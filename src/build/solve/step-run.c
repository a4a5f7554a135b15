// SPDX-License-Identifier: Apache-2.0
// RUN: a process in the step's snapshot, and what it prints.
#include "build/solve/step.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "build/solve/events.h"
#include "build/solve/mounts.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK (64 << 10)
#define UTF8_MAX 4 // bytes of a character
#define HOSTNAME_ARGUMENT "BUILDKIT_SANDBOX_HOSTNAME"

static const char *argument(const struct berth_building_step *this, const char *name)
{
	GHashTable *arguments = this->building->request->arguments;

	return arguments ? g_hash_table_lookup(arguments, name) : NULL;
}

const char *berth_step_network(const struct berth_building_step *this)
{
	static const char *const names[] = {"default", "none", "host"};
	const struct berth_dockerfile_run *run = &this->step->instruction->run;
	const char *asked = this->building->request->network;

	if (run->network_given)
		return names[run->network];
	return asked && *asked ? asked : "default";
}

bool berth_step_run_key(struct berth_building_step *this, struct berth_build_key *key, GError **error)
{
	const struct berth_plan_step *step = this->step;
	const struct berth_dockerfile_run *run = &step->instruction->run;
	const struct api_host_config *limits = this->building->request->limits;

	berth_build_key_list(key, "argument", step->arguments);
	berth_build_key_add(key, "script", step->script);
	berth_build_key_list(key, "environment", step->environment);
	berth_build_key_add(key, "folder", step->folder);
	berth_build_key_add(key, "user", step->user);
	berth_build_key_add(key, "network", berth_step_network(this));
	berth_build_key_add(key, "insecure", run->insecure ? "yes" : NULL);
	berth_build_key_add(key, "hostname", argument(this, HOSTNAME_ARGUMENT));
	berth_build_key_list(key, "device", run->devices);
	if (limits)
		berth_build_key_list(key, "host", (const char *const *) limits->extra_hosts);
	return berth_step_mounts_key(this, key, error);
}

static bool check_entitlements(const struct berth_building_step *this, GError **error)
{
	const struct berth_build_request *request = this->building->request;
	const struct berth_dockerfile_run *run = &this->step->instruction->run;
	const char *missing = NULL;

	if (run->insecure && !request->allow_insecure)
		missing = "security.insecure";
	else if (run->network_given && run->network == BERTH_DOCKERFILE_NETWORK_HOST && !request->allow_host_network)
		missing = "network.host";
	else if (run->devices && run->devices[0] && !request->allow_devices)
		missing = "device";
	return !missing || berth_error_set(error, BERTH_ERROR_FORBIDDEN,
					   "%s is not allowed: the build needs --allow %s", missing, missing);
}

// The environment of the process: of the step, and what is no part of the cache's key.
static void set(GPtrArray *list, const char *key, const char *value)
{
	size_t length = strlen(key);

	for (guint i = 0; i < list->len; i++)
		if (strncmp(list->pdata[i], key, length) == 0 && ((const char *) list->pdata[i])[length] == '=')
			return; // what the Dockerfile says counts more
	g_ptr_array_add(list, g_strconcat(key, "=", value, NULL));
}

static void add_proxies(const struct berth_building_step *this, GPtrArray *list)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *upper = g_ascii_strup(names[i], -1);
		const char *value = argument(this, upper);
		if (!value)
			value = argument(this, names[i]);
		if (!value)
			continue;
		set(list, upper, value);
		set(list, names[i], value);
	}
}

static char **environment_of(const struct berth_building_step *this, const struct berth_step_mounts *mounts)
{
	GPtrArray *list = g_ptr_array_new();

	for (const char *const *pair = this->step->environment; *pair; pair++)
		g_ptr_array_add(list, g_strdup(*pair));
	add_proxies(this, list);
	for (guint i = 0; i < mounts->environment->len; i++)
		g_ptr_array_add(list, g_strdup(mounts->environment->pdata[i]));
	g_ptr_array_add(list, NULL);
	return (char **) g_ptr_array_free(list, FALSE);
}

struct pump {
	struct berth_building_step *step;
	int ends[2];
	char rest[2][UTF8_MAX]; // the beginning of a character whose end has not come yet
	size_t kept[2]; // bytes of it
};

static void tell(const struct pump *this, int which, const char *text, size_t length)
{
	struct berth_build_event event = {.kind = BERTH_BUILD_LOG,
					  .vertex = this->step->vertex,
					  .stream = which + 1,
					  .text = text,
					  .length = length};

	if (length > 0)
		berth_building_tell(this->step->building, &event);
}

// The bytes at the end that are the beginning of a character.
static size_t unfinished(const char *text, size_t length)
{
	for (size_t back = 1; back < UTF8_MAX && back <= length; back++) {
		unsigned char byte = (unsigned char) text[length - back];
		if (byte < 0x80)
			return 0;
		if (byte >= 0xc0)
			return back < (byte >= 0xf0 ? 4U : byte >= 0xe0 ? 3U : 2U) ? back : 0;
	}
	return 0;
}

static bool pass_on(struct pump *this, int which, char *chunk)
{
	size_t kept = this->kept[which];

	memcpy(chunk, this->rest[which], kept);
	ssize_t length = read(this->ends[which], chunk + kept, CHUNK - kept);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	size_t whole = kept + (length > 0 ? (size_t) length : 0);
	this->kept[which] = length > 0 ? unfinished(chunk, whole) : 0;
	whole -= this->kept[which];
	memcpy(this->rest[which], chunk + whole, this->kept[which]);
	tell(this, which, chunk, whole);
	return length > 0;
}

static void *pump(void *data)
{
	struct pump *this = data;
	g_autofree char *chunk = g_malloc(CHUNK);
	struct pollfd polls[] = {{this->ends[0], POLLIN, 0}, {this->ends[1], POLLIN, 0}};

	while (polls[0].fd >= 0 || polls[1].fd >= 0) {
		if (poll(polls, G_N_ELEMENTS(polls), -1) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++)
			if (polls[i].fd >= 0 && polls[i].revents && !pass_on(this, i, chunk))
				polls[i].fd = -1;
	}
	return NULL;
}

static char *shown(const struct berth_plan_step *step)
{
	g_autofree char *words = g_strjoinv(" ", (char **) step->arguments);

	return g_strdup(words);
}

static bool check_exit(const struct berth_plan_step *step, int code, GError **error)
{
	g_autofree char *command = code ? shown(step) : NULL;

	return code == 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "process \"%s\" did not complete successfully: exit code: %d", command, code);
}

static bool call_host(struct berth_building_step *this, struct berth_build_step *wanted, GError **error)
{
	const struct berth_build_host *host = this->building->builder->host;
	struct pump reader = {.step = this};
	int outputs[2] = {-1, -1}, errors[2] = {-1, -1}, code = 0;
	pthread_t thread;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, outputs) < 0)
		return berth_error_set_errno(error, errno, "make a socket for the output");
	berth_fd output_end = outputs[0], output = outputs[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errors) < 0)
		return berth_error_set_errno(error, errno, "make a socket for the output");
	berth_fd errors_end = errors[0], error_output = errors[1];
	reader.ends[0] = output_end;
	reader.ends[1] = errors_end;
	wanted->output = output;
	wanted->errors = error_output;
	int failure = pthread_create(&thread, NULL, pump, &reader);
	if (failure)
		return berth_error_set_errno(error, failure, "start a thread for the output");
	bool good = host->run(host->data, wanted, berth_building_canceled, this->building, &code, error);
	// The other copies are the monitor's, which may still be writing what is left.
	berth_fd_clear(&output);
	berth_fd_clear(&error_output);
	pthread_join(thread, NULL);
	return good && check_exit(this->step, code, error);
}

static char **devices_of(const struct berth_dockerfile_run *run)
{
	GPtrArray *list = g_ptr_array_new();

	for (size_t i = 0; run->devices && run->devices[i]; i++) {
		g_auto(GStrv) parts = g_strsplit(run->devices[i], ",", 2);
		const char *name = parts[0] && g_str_has_prefix(parts[0], "name=") ? parts[0] + 5 : parts[0];
		g_ptr_array_add(list, g_strdup(name ? name : ""));
	}
	g_ptr_array_add(list, NULL);
	return (char **) g_ptr_array_free(list, FALSE);
}

// What the step is run in; `environment` and `devices` are borrowed.
static void set_place(struct berth_building_step *this, const struct berth_step_mounts *mounts, char **environment,
		      char **devices, struct berth_build_step *wanted)
{
	const struct berth_plan_step *step = this->step;

	wanted->environment = environment;
	wanted->folder = step->folder && *step->folder ? step->folder : "/";
	wanted->user = step->user;
	wanted->hostname = argument(this, HOSTNAME_ARGUMENT);
	wanted->network = berth_step_network(this);
	wanted->devices = devices;
	wanted->insecure = step->instruction->run.insecure;
	wanted->mounts = (const void *) mounts->list->data;
	wanted->mount_count = mounts->list->len;
}

static bool run(struct berth_building_step *this, const char *snapshot, struct berth_step_mounts *mounts,
		GError **error)
{
	g_auto(GStrv) environment = environment_of(this, mounts), devices = devices_of(&this->step->instruction->run);
	struct berth_build_step wanted = {
		.steps = this->building->shared,
		.snapshot = snapshot,
		.arguments = (char *const *) this->step->arguments,
		.limits = this->building->request->limits,
	};

	set_place(this, mounts, environment, devices, &wanted);
	return call_host(this, &wanted, error);
}

bool berth_step_enter(struct berth_building_step *this, struct berth_build_step *wanted, berth_canceled_fn *canceled,
		      void *data, int *ret_exit_code, GError **error)
{
	const struct berth_build_host *host = this->building->builder->host;
	struct berth_step_mounts mounts = {.step = this};

	bool good = berth_step_mounts_open(&mounts, error);
	if (good) {
		g_auto(GStrv) environment = environment_of(this, &mounts);
		g_auto(GStrv) devices = devices_of(&this->step->instruction->run);
		set_place(this, &mounts, environment, devices, wanted);
		good = host->run(host->data, wanted, canceled, data, ret_exit_code, error);
	}
	berth_step_mounts_close(&mounts);
	return good;
}

bool berth_step_run(struct berth_building_step *this, const char *snapshot, GError **error)
{
	struct berth_step_mounts mounts = {.step = this};

	if (!check_entitlements(this, error))
		return false;
	BERTH_FAILPOINT("build.run.prepared");
	bool good = berth_step_mounts_open(&mounts, error) && run(this, snapshot, &mounts, error);
	berth_step_mounts_close(&mounts);
	return good;
}
