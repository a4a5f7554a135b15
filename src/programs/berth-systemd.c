// SPDX-License-Identifier: Apache-2.0
// The runtime's helper that asks systemd for groups, over D-Bus (runtime/systemd.h has what they say to each other).
// A scope needs a process when it is made: it is this one, which leaves when the container's is there.
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "runtime/channel.h"
#include "runtime/systemd.h"
#include "sys/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define INTERFACE SERVICE ".Manager"
#define JOB_SECONDS 60
#define REMEDY "use --cgroup-manager cgroupfs"

struct helper {
	sd_bus *bus;
	bool user;
	char *job; // that is waited for; NULL: it has ended
	char *result; // of it
};

// Bus

static int open_private(const char *address, sd_bus **ret)
{
	sd_bus *bus = NULL;
	int status = sd_bus_new(&bus);

	if (status >= 0)
		status = sd_bus_set_address(bus, address);
	if (status >= 0)
		status = sd_bus_start(bus);
	if (status >= 0) {
		*ret = bus;
		return 0;
	}
	sd_bus_unref(bus);
	return status;
}

// systemd's own socket first: it needs no bus daemon, and nobody else can be reached by it. A bus that the environment
// names is meant.
static int open_bus(bool user, sd_bus **ret)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");

	if (!user && getenv("DBUS_SYSTEM_BUS_ADDRESS"))
		return sd_bus_open_system(ret);
	if (!user)
		return open_private("unix:path=/run/systemd/private", ret) >= 0 ? 0 : sd_bus_open_system(ret);
	g_autofree char *usual = g_strdup_printf("/run/user/%d", (int) geteuid());
	if (!folder || !*folder) {
		folder = usual;
		setenv("XDG_RUNTIME_DIR", usual, 1);
	}
	g_autofree char *path = g_build_filename(folder, "systemd/private", NULL);
	g_autofree char *escaped =
		sd_bus_path_encode("/", path, NULL) >= 0 ? g_strconcat("unix:path=", path, NULL) : NULL;
	if (escaped && !strpbrk(path, ",;%") && open_private(escaped, ret) >= 0)
		return 0;
	return sd_bus_open_user(ret);
}

static bool connect_bus(struct helper *helper, bool user, GError **error)
{
	if (helper->bus)
		return true;
	helper->user = user;
	int status = open_bus(user, &helper->bus);
	if (status >= 0)
		return true;
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "systemd's %s manager cannot be reached (%s): %s",
			       user ? "user" : "system", strerror(-status),
			       user ? "is there a session, with XDG_RUNTIME_DIR set? Else " REMEDY : REMEDY);
}

static bool bus_error(GError **error, const char *what, const char *unit, int status, const sd_bus_error *problem)
{
	enum berth_error kind = BERTH_ERROR_INTERNAL;

	if (sd_bus_error_has_name(problem, SERVICE ".UnitExists"))
		kind = BERTH_ERROR_CONFLICT;
	else if (sd_bus_error_has_name(problem, SERVICE ".NoSuchUnit"))
		kind = BERTH_ERROR_NOT_FOUND;
	else if (sd_bus_error_has_name(problem, SD_BUS_ERROR_ACCESS_DENIED) ||
		 sd_bus_error_has_name(problem, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
		kind = BERTH_ERROR_FORBIDDEN;
	else if (sd_bus_error_has_name(problem, SD_BUS_ERROR_INVALID_ARGS) ||
		 sd_bus_error_has_name(problem, SD_BUS_ERROR_PROPERTY_READ_ONLY) ||
		 sd_bus_error_has_name(problem, SD_BUS_ERROR_UNKNOWN_PROPERTY))
		kind = BERTH_ERROR_INVALID;
	else if (sd_bus_error_has_name(problem, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		 sd_bus_error_has_name(problem, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "systemd: %s %s: there is no systemd on this bus: " REMEDY, what, unit);
	return berth_error_set(error, kind, "systemd: %s %s: %s", what, unit,
			       problem->message ? problem->message : strerror(-status));
}

// Messages

static int append_variant(sd_bus_message *message, GVariant *value);

static int append_children(sd_bus_message *message, GVariant *value, char type, const char *contents)
{
	int status = sd_bus_message_open_container(message, type, contents);

	for (gsize i = 0; status >= 0 && i < g_variant_n_children(value); i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
		status = append_variant(message, child);
	}
	return status < 0 ? status : sd_bus_message_close_container(message);
}

// Basic values, variants, arrays and tuples: all that properties are made of.
static int append_variant(sd_bus_message *message, GVariant *value)
{
	const char *type = g_variant_get_type_string(value);
	union {
		uint64_t t;
		uint32_t u;
		int32_t i;
		int b;
		uint8_t y;
	} basic = {0};

	switch (g_variant_classify(value)) {
	case G_VARIANT_CLASS_STRING:
		return sd_bus_message_append_basic(message, 's', g_variant_get_string(value, NULL));
	case G_VARIANT_CLASS_UINT64:
		basic.t = g_variant_get_uint64(value);
		return sd_bus_message_append_basic(message, 't', &basic);
	case G_VARIANT_CLASS_UINT32:
		basic.u = g_variant_get_uint32(value);
		return sd_bus_message_append_basic(message, 'u', &basic);
	case G_VARIANT_CLASS_INT32:
		basic.i = g_variant_get_int32(value);
		return sd_bus_message_append_basic(message, 'i', &basic);
	case G_VARIANT_CLASS_BOOLEAN:
		basic.b = g_variant_get_boolean(value);
		return sd_bus_message_append_basic(message, 'b', &basic);
	case G_VARIANT_CLASS_BYTE:
		basic.y = g_variant_get_byte(value);
		return sd_bus_message_append_basic(message, 'y', &basic);
	case G_VARIANT_CLASS_VARIANT: {
		g_autoptr(GVariant) inner = g_variant_get_variant(value);
		return append_children(message, value, 'v', g_variant_get_type_string(inner));
	}
	case G_VARIANT_CLASS_ARRAY:
		return append_children(message, value, 'a', type + 1);
	case G_VARIANT_CLASS_TUPLE: {
		g_autofree char *contents = g_strndup(type + 1, strlen(type) - 2);
		return append_children(message, value, 'r', contents);
	}
	default:
		return -EINVAL;
	}
}

// Jobs

static int job_removed(sd_bus_message *message, void *data, G_GNUC_UNUSED sd_bus_error *problem)
{
	struct helper *helper = data;
	const char *path, *unit, *result;
	uint32_t number;

	if (sd_bus_message_read(message, "uoss", &number, &path, &unit, &result) >= 0 && helper->job &&
	    g_str_equal(helper->job, path)) {
		g_clear_pointer(&helper->job, g_free);
		g_free(helper->result);
		helper->result = g_strdup(result);
	}
	return 0;
}

static bool wait_for_job(struct helper *helper, const char *what, const char *unit, GError **error)
{
	int64_t deadline = g_get_monotonic_time() + JOB_SECONDS * G_USEC_PER_SEC;

	while (helper->job) {
		int status = sd_bus_process(helper->bus, NULL);
		if (status == 0) {
			int64_t left = deadline - g_get_monotonic_time();
			if (left <= 0)
				return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
						       "systemd: %s %s: not done within %d seconds", what, unit,
						       JOB_SECONDS);
			status = sd_bus_wait(helper->bus, (uint64_t) left);
		}
		if (status < 0 && status != -EINTR)
			return berth_error_set_errno(error, -status, "systemd: %s %s", what, unit);
	}
	return g_str_equal(helper->result, "done") || g_str_equal(helper->result, "skipped") ||
	       berth_error_set(error, BERTH_ERROR_INTERNAL, "systemd: %s %s: the job's result is: %s", what, unit,
			       helper->result);
}

// Calls a method that answers with a job, and waits for the job's end.
static bool run_job(struct helper *helper, sd_bus_message *message, const char *what, const char *unit, GError **error)
{
	sd_bus_error problem = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	sd_bus_slot *slot = NULL;
	const char *path = NULL;
	bool good = false;

	int status =
		sd_bus_match_signal(helper->bus, &slot, NULL, OBJECT, INTERFACE, "JobRemoved", job_removed, helper);
	if (status >= 0)
		status = sd_bus_call(helper->bus, message, 0, &problem, &reply);
	if (status >= 0)
		status = sd_bus_message_read(reply, "o", &path);
	if (status < 0) {
		bus_error(error, what, unit, status, &problem);
	} else {
		g_free(helper->job);
		helper->job = g_strdup(path);
		good = wait_for_job(helper, what, unit, error);
	}
	sd_bus_slot_unref(slot);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&problem);
	return good;
}

static void reset_failed(struct helper *helper, const char *unit)
{
	sd_bus_call_method(helper->bus, SERVICE, OBJECT, INTERFACE, "ResetFailedUnit", NULL, NULL, "s", unit);
}

// Requests

static sd_bus_message *new_call(struct helper *helper, const char *method)
{
	sd_bus_message *message = NULL;

	sd_bus_message_new_method_call(helper->bus, &message, SERVICE, OBJECT, INTERFACE, method);
	return message;
}

// name, mode, properties with our own pid among them, no other units
static bool start_unit(struct helper *helper, const char *unit, GVariant *properties, GError **error)
{
	sd_bus_message *message = new_call(helper, "StartTransientUnit");
	int status = message ? sd_bus_message_append(message, "ss", unit, "fail") : -ENOMEM;

	if (status >= 0)
		status = sd_bus_message_open_container(message, 'a', "(sv)");
	for (gsize i = 0; status >= 0 && i < g_variant_n_children(properties); i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(properties, i);
		status = append_variant(message, child);
	}
	if (status >= 0)
		status = sd_bus_message_append(message, "(sv)", "PIDs", "au", 1, (uint32_t) getpid());
	if (status >= 0)
		status = sd_bus_message_close_container(message);
	if (status >= 0)
		status = sd_bus_message_append(message, "a(sa(sv))", 0);
	bool good = status >= 0 ? run_job(helper, message, "start", unit, error)
				: berth_error_set_errno(error, -status, "systemd: start %s", unit);
	sd_bus_message_unref(message);
	return good;
}

static bool set_properties(struct helper *helper, const char *unit, GVariant *properties, GError **error)
{
	sd_bus_error problem = SD_BUS_ERROR_NULL;
	sd_bus_message *message = new_call(helper, "SetUnitProperties");
	int status = message ? sd_bus_message_append(message, "sb", unit, 1) : -ENOMEM;

	if (status >= 0)
		status = append_variant(message, properties);
	if (status >= 0)
		status = sd_bus_call(helper->bus, message, 0, &problem, NULL);
	bool good = status >= 0 || bus_error(error, "set properties of", unit, status, &problem);
	sd_bus_message_unref(message);
	sd_bus_error_free(&problem);
	return good;
}

static bool stop_unit(struct helper *helper, const char *unit, GError **error)
{
	g_autoptr(GError) local = NULL;
	sd_bus_message *message = new_call(helper, "StopUnit");
	int status = message ? sd_bus_message_append(message, "ss", unit, "replace") : -ENOMEM;
	bool good = status >= 0 ? run_job(helper, message, "stop", unit, &local)
				: berth_error_set_errno(&local, -status, "systemd: stop %s", unit);

	sd_bus_message_unref(message);
	if (good || g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		reset_failed(helper, unit);
		return true;
	}
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

static bool attach(struct helper *helper, const struct berth_systemd_request *request, GError **error)
{
	g_autofree char *group = g_strconcat("/", request->subgroup, NULL); // which may be NULL
	sd_bus_error problem = SD_BUS_ERROR_NULL;
	int status = sd_bus_call_method(helper->bus, SERVICE, OBJECT, INTERFACE, "AttachProcessesToUnit", &problem,
					NULL, "ssau", request->unit, group, 1, (uint32_t) request->pid);
	bool good = status >= 0 || bus_error(error, "move a process to", request->unit, status, &problem);

	sd_bus_error_free(&problem);
	return good;
}

// Where this process is: in the scope, or else something moved it out.
static char *own_group(const struct berth_systemd_request *request, GError **error)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/self/cgroup", 65536, NULL, error);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *wanted = request->unified ? "0::" : ":name=systemd:";
		char *at = request->unified ? (g_str_has_prefix(*line, wanted) ? *line : NULL) : strstr(*line, wanted);
		char *path = at ? at + strlen(wanted) : NULL;
		if (path && g_str_has_suffix(path, request->unit) &&
		    path[strlen(path) - strlen(request->unit) - 1] == '/')
			return g_strdup(path);
	}
	if (text)
		berth_error_set(error, BERTH_ERROR_INTERNAL, "systemd: started %s, but its group is not to be found",
				request->unit);
	return NULL;
}

// v2: below the scope, so that the scope itself has no processes and can give controllers.
static char *enter_subgroup(char *path, const struct berth_systemd_request *request, GError **error)
{
	g_autofree char *scope = path;
	g_autoptr(berth_cgroup) group = NULL, child = NULL;

	if (!request->subgroup || !*request->subgroup || !request->unified)
		return g_steal_pointer(&scope);
	if (strchr(request->subgroup, '/') || *request->subgroup == '.') {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"annotation " BERTH_ANNOTATION_SUBGROUP ": '%s' is not a plain name",
				request->subgroup);
		return NULL;
	}
	g_autofree char *whole = g_build_filename(scope, request->subgroup, NULL);
	if (!berth_cgroup_open(scope, &group, error))
		return NULL;
	if (mkdirat(berth_cgroup_fd(group), request->subgroup, 0755) < 0) {
		berth_error_set_errno(error, errno, "make cgroup %s", whole);
		return NULL;
	}
	if (!berth_cgroup_open(whole, &child, error) || !berth_cgroup_join(child, getpid(), error))
		return NULL;
	berth_cgroup_enable_controllers(berth_cgroup_fd(group));
	return g_steal_pointer(&whole);
}

static char *start(struct helper *helper, const struct berth_systemd_request *request, GVariant *properties,
		   GError **error)
{
	g_autoptr(GError) local = NULL;

	if (!start_unit(helper, request->unit, properties, &local)) {
		bool again = g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT);
		if (again) // one that failed once keeps its name
			reset_failed(helper, request->unit);
		if (!again || !start_unit(helper, request->unit, properties, error)) {
			if (!again)
				g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
	}
	char *path = own_group(request, error);
	path = path ? enter_subgroup(path, request, error) : NULL;
	if (!path)
		stop_unit(helper, request->unit, NULL);
	return path;
}

// Takes one request; returns what is answered after "done".
static char *serve(struct helper *helper, const char *word, int file, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_fd(file, BERTH_LIMIT_JSON, &length, "the request", error);
	g_autoptr(berth_systemd_request) request =
		text ? berth_document_parse_text(&berth_systemd_request_document, text, length, "request", error)
		     : NULL;
	bool starting = g_str_equal(word, "start");

	if (!request || !connect_bus(helper, request->user, error))
		return NULL;
	if (g_str_equal(word, "stop"))
		return stop_unit(helper, request->unit, error) ? g_strdup("") : NULL;
	if (g_str_equal(word, "attach"))
		return attach(helper, request, error) ? g_strdup("") : NULL;
	g_autoptr(GVariant) properties = berth_systemd_properties(request, starting, error);
	if (!properties)
		return NULL;
	g_variant_ref_sink(properties);
	if (starting)
		return start(helper, request, properties, error);
	if (g_variant_n_children(properties) && !set_properties(helper, request->unit, properties, error))
		return NULL;
	return g_strdup("");
}

int main(void)
{
	struct helper helper = {0};
	struct stat st;

	if (fstat(0, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fputs(BERTH_SYSTEMD_HELPER " is started by berth-runtime, where systemd makes the control groups\n",
		      stderr);
		return 2;
	}
	for (;;) {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		g_autoptr(GError) error = NULL;
		const char *rest;
		const char *word = berth_channel_receive(0, &packet, &rest, &error);
		if (!word)
			break;
		g_autofree char *answer = packet.fd_count == 1 ? serve(&helper, word, packet.fds[0], &error) : NULL;
		if (answer)
			berth_channel_send(0, -1, NULL, "done %s", answer);
		else if (error)
			berth_channel_send_error(0, error);
		else
			break;
	}
	sd_bus_flush_close_unref(helper.bus);
	g_free(helper.job);
	g_free(helper.result);
	return 0;
}
