// SPDX-License-Identifier: Apache-2.0
#include "monitor/protocol.h"

#include "base/error.h"
#include "base/json.h"
#include "base/keys.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>

static const struct berth_field log_target_fields[] = {
	BERTH_STRING(struct berth_monitor_log_target, driver, "driver", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_log_target, address, "address", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_log_target, id, "id", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_log_target, name, "name", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_log_target, image, "image", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_log_target, tag, "tag", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_log_target, hostname, "hostname", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct berth_monitor_log_target, fields, "fields", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_log_target, facility, "facility", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_log_target, format, "format", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_log_target, async, "async", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_log_target, buffer_limit, "bufferLimit", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_log_target, retry_wait, "retryWait", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_log_target, max_retries, "maxRetries", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_log_target, sub_second, "subSecond", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_log_target, request_ack, "requestAck", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_log_target_document = {"log target", sizeof(struct berth_monitor_log_target),
								 log_target_fields};

static const struct berth_field settings_fields[] = {
	BERTH_STRING(struct berth_monitor_settings, id, "id", BERTH_REQUIRED),
	BERTH_STRING(struct berth_monitor_settings, log_path, "logPath", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_settings, log_format, "logFormat", BERTH_OMIT_EMPTY),
	{.name = "logMaxSize",
	 .type = BERTH_FIELD_INT64,
	 .offset = offsetof(struct berth_monitor_settings, log_max_size),
	 .fallback = -1},
	{.name = "logMaxFile",
	 .type = BERTH_FIELD_INT64,
	 .offset = offsetof(struct berth_monitor_settings, log_max_file),
	 .fallback = 1},
	BERTH_BOOL(struct berth_monitor_settings, log_compress, "logCompress", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_settings, log_attributes, "logAttributes", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_settings, log_never_waits, "logNeverWaits", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_settings, log_buffer, "logBuffer", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_monitor_settings, log_target, "logTarget", &berth_monitor_log_target_document,
		     BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_settings, open_stdin, "openStdin", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_settings, stdin_once, "stdinOnce", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_settings, console_width, "consoleWidth", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_settings, console_height, "consoleHeight", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_settings, cache_root, "cacheRoot", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_settings, state_root, "stateRoot", BERTH_REQUIRED),
	BERTH_OBJECT(struct berth_monitor_settings, health, "health", &berth_health_check_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_settings, images, "images", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_settings, empty_network, "emptyNetwork", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_settings_document = {"monitor settings",
							       sizeof(struct berth_monitor_settings), settings_fields};

static const struct berth_field exit_fields[] = {
	BERTH_INT64(struct berth_monitor_exit, exit_code, "exitCode", BERTH_REQUIRED),
	BERTH_INT64(struct berth_monitor_exit, signal, "signal", 0),
	BERTH_BOOL(struct berth_monitor_exit, oom_killed, "oomKilled", 0),
	BERTH_INT64(struct berth_monitor_exit, exited_at, "exitedAt", BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_monitor_exit_document = {"exit", sizeof(struct berth_monitor_exit), exit_fields};

static const struct berth_field status_fields[] = {
	BERTH_STRING(struct berth_monitor_status, status, "status", BERTH_REQUIRED),
	BERTH_INT64(struct berth_monitor_status, pid, "pid", 0),
	BERTH_INT64(struct berth_monitor_status, started_at, "startedAt", 0),
	BERTH_INT64(struct berth_monitor_status, attached, "attached", 0),
	BERTH_INT64(struct berth_monitor_status, log_lost, "logLost", 0),
	BERTH_STRING(struct berth_monitor_status, version, "version", 0),
	BERTH_STRING(struct berth_monitor_status, health, "health", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_status_document = {"status", sizeof(struct berth_monitor_status),
							     status_fields};

static const struct berth_field exec_fields[] = {
	BERTH_STRING(struct berth_monitor_exec, id, "id", BERTH_REQUIRED),
	BERTH_INT64(struct berth_monitor_exec, pid, "pid", 0),
	BERTH_BOOL(struct berth_monitor_exec, running, "running", 0),
	BERTH_INT64(struct berth_monitor_exec, exit_code, "exitCode", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_exec, exited_at, "exitedAt", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct berth_monitor_exec, about, "about", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_exec_document = {"exec", sizeof(struct berth_monitor_exec), exec_fields};

static const struct berth_field reply_fields[] = {
	BERTH_INT64(struct berth_monitor_reply, hello, "hello", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_reply, version, "version", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_reply, answer, "answer", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_reply, error, "error", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_reply, message, "message", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_reply, event, "event", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_reply, pid, "pid", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_monitor_reply, status, "status", &berth_monitor_status_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(struct berth_monitor_reply, pids, "pids", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_monitor_reply, exit, "exit", &berth_monitor_exit_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_monitor_reply, exec, "exec", &berth_monitor_exec_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_monitor_reply, health, "health", &berth_health_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_reply_document = {"monitor's packet", sizeof(struct berth_monitor_reply),
							    reply_fields};

static const struct berth_field resolver_fields[] = {
	BERTH_STRINGS(struct berth_monitor_resolver, names, "names", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct berth_monitor_resolver, aliases, "aliases", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct berth_monitor_resolver, servers, "servers", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_resolver, forward, "forward", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_monitor_resolver_document = {"resolver", sizeof(struct berth_monitor_resolver),
							       resolver_fields};

#define NAME BERTH_STRING(struct berth_monitor_request, request, "request", BERTH_REQUIRED)
static const struct berth_field bare_fields[] = {NAME, {0}};
static const struct berth_field signal_fields[] = {
	NAME,
	BERTH_INT64(struct berth_monitor_request, signal, "signal", BERTH_REQUIRED),
	BERTH_BOOL(struct berth_monitor_request, all, "all", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_field resize_fields[] = {
	NAME,
	BERTH_INT64(struct berth_monitor_request, width, "width", BERTH_REQUIRED),
	BERTH_INT64(struct berth_monitor_request, height, "height", BERTH_REQUIRED),
	{0},
};
static const struct berth_field checkpoint_fields[] = {
	NAME,
	BERTH_STRING(struct berth_monitor_request, images, "images", BERTH_REQUIRED),
	BERTH_BOOL(struct berth_monitor_request, leave_running, "leaveRunning", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, empty_network, "emptyNetwork", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_field attach_fields[] = {
	NAME,
	BERTH_BOOL(struct berth_monitor_request, in, "in", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, out, "out", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, err, "err", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, frames, "frames", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_request, keys, "keys", BERTH_OMIT_EMPTY),
	{0},
};
#define EXEC BERTH_STRING(struct berth_monitor_request, exec, "exec", BERTH_REQUIRED)
static const struct berth_field exec_request_fields[] = {
	NAME,
	EXEC,
	BERTH_JSON(struct berth_monitor_request, about, "about", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_monitor_request, init, "init", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, privileged, "privileged", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, in, "in", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, out, "out", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, err, "err", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_monitor_request, frames, "frames", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_monitor_request, keys, "keys", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_field exec_resize_fields[] = {
	NAME,
	EXEC,
	BERTH_INT64(struct berth_monitor_request, width, "width", BERTH_REQUIRED),
	BERTH_INT64(struct berth_monitor_request, height, "height", BERTH_REQUIRED),
	{0},
};
static const struct berth_field exec_stat_fields[] = {NAME, EXEC, {0}};
static const struct berth_field resolve_fields[] = {
	NAME,
	BERTH_OBJECT(struct berth_monitor_request, resolver, "resolver", &berth_monitor_resolver_document,
		     BERTH_REQUIRED),
	{0},
};

static const struct berth_field update_fields[] = {
	NAME,
	BERTH_OBJECT(struct berth_monitor_request, resources, "resources", &oci_resources_document, BERTH_REQUIRED),
	{0},
};

static bool check_signal(const struct berth_monitor_request *request, GError **error)
{
	return (request->signal >= 1 && request->signal < NSIG) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "signal %" G_GINT64_FORMAT ": not between 1 and %d",
			       request->signal, NSIG - 1);
}

static bool check_size(const struct berth_monitor_request *request, GError **error)
{
	return (request->width >= 0 && request->width <= UINT16_MAX && request->height >= 0 &&
		request->height <= UINT16_MAX) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "terminal size %" G_GINT64_FORMAT "x%" G_GINT64_FORMAT ": not between 0 and %d",
			       request->width, request->height, UINT16_MAX);
}

static bool check_keys(const struct berth_monitor_request *request, GError **error)
{
	struct berth_keys keys;
	return berth_keys_parse(request->keys, &keys, error);
}

static bool check_exec(const struct berth_monitor_request *request, GError **error)
{
	size_t length = strlen(request->exec);

	if (length == 0 || length > BERTH_LIMIT_EXEC_ID)
		return berth_error_set(error, BERTH_ERROR_INVALID, "exec: an id of 1 to %d bytes is needed",
				       BERTH_LIMIT_EXEC_ID);
	return !request->keys || check_keys(request, error);
}

static bool check_exec_size(const struct berth_monitor_request *request, GError **error)
{
	return check_exec(request, error) && check_size(request, error);
}

static bool check_server(const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, "%", 2); // fe80::1%eth0
	uint8_t bytes[sizeof(struct in6_addr)];

	return (parts[0] && inet_pton(AF_INET6, parts[0], bytes) == 1) || inet_pton(AF_INET, text, bytes) == 1 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "DNS server %.64s: not an IP address", text);
}

static bool check_resolver(const struct berth_monitor_request *request, GError **error)
{
	const struct berth_monitor_resolver *resolver = request->resolver;

	if (resolver->names && g_strv_length(resolver->names) > BERTH_LIMIT_DNS_FILES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "names of more than %d networks",
				       BERTH_LIMIT_DNS_FILES);
	if (resolver->servers && g_strv_length(resolver->servers) > BERTH_LIMIT_DNS_SERVERS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d DNS servers", BERTH_LIMIT_DNS_SERVERS);
	if (resolver->aliases && g_hash_table_size(resolver->aliases) > BERTH_LIMIT_DNS_ALIASES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d aliases of links",
				       BERTH_LIMIT_DNS_ALIASES);
	for (char **name = resolver->names; name && *name; name++)
		if (**name != '/')
			return berth_error_set(error, BERTH_ERROR_INVALID, "names file %.64s: not an absolute path",
					       *name);
	for (char **server = resolver->servers; server && *server; server++)
		if (!check_server(*server, error))
			return false;
	return true;
}

#define DOCUMENT(name, fields)                                                                                         \
	{                                                                                                              \
		name, sizeof(struct berth_monitor_request), fields                                                     \
	}
static const struct verb {
	const char *name;
	struct berth_document document;
	bool (*check)(const struct berth_monitor_request *request, GError **error);
	size_t fd_count;
	bool fds_optional; // all or none
	size_t fds_further; // that may come besides
} verbs[BERTH_MONITOR_VERBS] = {
	[BERTH_MONITOR_START] = {"start", DOCUMENT("start", bare_fields)},
	[BERTH_MONITOR_SIGNAL] = {"signal", DOCUMENT("signal", signal_fields), check_signal},
	[BERTH_MONITOR_RESIZE] = {"resize", DOCUMENT("resize", resize_fields), check_size},
	[BERTH_MONITOR_ATTACH] = {"attach", DOCUMENT("attach", attach_fields), check_keys, 1},
	[BERTH_MONITOR_ATTACH_LOG] = {"attach-log", DOCUMENT("attach-log", attach_fields), check_keys, 1},
	[BERTH_MONITOR_FREEZE] = {"freeze", DOCUMENT("freeze", bare_fields)},
	[BERTH_MONITOR_THAW] = {"thaw", DOCUMENT("thaw", bare_fields)},
	[BERTH_MONITOR_STAT] = {"stat", DOCUMENT("stat", bare_fields)},
	[BERTH_MONITOR_PIDS] = {"pids", DOCUMENT("pids", bare_fields)},
	[BERTH_MONITOR_RESOLVE] = {"resolve", DOCUMENT("resolve", resolve_fields), check_resolver, 2, true},
	[BERTH_MONITOR_UPDATE] = {"update", DOCUMENT("update", update_fields)},
	[BERTH_MONITOR_CHECKPOINT] = {"checkpoint", DOCUMENT("checkpoint", checkpoint_fields)},
	[BERTH_MONITOR_EXEC] = {"exec", DOCUMENT("exec", exec_request_fields), check_exec, 1, false, 1},
	[BERTH_MONITOR_EXEC_RESIZE] = {"exec-resize", DOCUMENT("exec-resize", exec_resize_fields), check_exec_size},
	[BERTH_MONITOR_EXEC_STAT] = {"exec-stat", DOCUMENT("exec-stat", exec_stat_fields), check_exec},
	[BERTH_MONITOR_EXEC_LIST] = {"exec-list", DOCUMENT("exec-list", bare_fields)},
	[BERTH_MONITOR_HEALTH] = {"health", DOCUMENT("health", bare_fields)},
	[BERTH_MONITOR_WATCH] = {"watch", DOCUMENT("watch", bare_fields)},
};

void berth_monitor_request_free(struct berth_monitor_request *request)
{
	if (!request)
		return;
	g_free(request->request);
	g_free(request->keys);
	g_free(request->exec);
	g_free(request->images);
	json_decref(request->about);
	berth_document_free(&berth_monitor_resolver_document, request->resolver);
	berth_document_free(&oci_resources_document, request->resources);
	g_free(request);
}

const char *berth_monitor_verb_name(enum berth_monitor_verb verb)
{
	return verbs[verb].name;
}

struct berth_monitor_request *berth_monitor_request_parse(const char *text, size_t length, size_t fd_count,
							  enum berth_monitor_verb *ret_verb, bool *ret_malformed,
							  GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, length, "request", error);
	const char *name = json_string_value(json_object_get(json, "request"));

	*ret_malformed = !name;
	if (!json)
		return NULL;
	if (!name) {
		berth_error_set(error, BERTH_ERROR_INVALID, "request: not an object with its name");
		return NULL;
	}
	for (unsigned i = 0; i < BERTH_MONITOR_VERBS; i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		g_autoptr(berth_monitor_request) request = berth_document_parse(&verbs[i].document, json, error);
		if (!request || (verbs[i].check && !verbs[i].check(request, error)))
			return NULL;
		bool fitting = fd_count >= verbs[i].fd_count && fd_count <= verbs[i].fd_count + verbs[i].fds_further;
		if (!fitting && (fd_count > 0 || !verbs[i].fds_optional)) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"request %s: came with %zu descriptors in place of %zu", name, fd_count,
					verbs[i].fd_count);
			return NULL;
		}
		*ret_verb = i;
		return g_steal_pointer(&request);
	}
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "request %.64s: this monitor (version %s) does not know it",
			name, BERTH_VERSION);
	return NULL;
}

char *berth_monitor_request_text(enum berth_monitor_verb verb, const struct berth_monitor_request *request)
{
	struct berth_monitor_request named = *request;
	named.request = (char *) verbs[verb].name;
	return berth_document_print_text(&verbs[verb].document, &named, 0);
}

bool berth_monitor_reply_error(const struct berth_monitor_reply *reply, GError **error)
{
	return berth_error_set(error, berth_error_kind_from_name(reply->error), "%s",
			       reply->message && *reply->message ? reply->message : reply->error);
}
