// SPDX-License-Identifier: Apache-2.0
// Handlers of /containers that answer at once.
#include "api/list-cache.h"
#include "api/request.h"
#include "api/shape.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/files/files.h"
#include "spec/api-container.h"

#include <string.h>
#include <sys/utsname.h>

static const struct berth_document *list_document(bool brief)
{
	return brief ? &api_container_brief_document : &api_container_summary_document;
}

static GBytes *print_list(void *data, int64_t *ret_until, GError **error)
{
	const struct berth_request *request = data;
	const struct berth_list_query query = {.all = berth_request_switch(request, "all", false),
					       .brief = berth_request_switch(request, "brief", false),
					       .ret_until = ret_until};
	GPtrArray *containers = berth_engine_container_list(berth_request_engine(request), &query, error);

	if (!containers)
		return NULL;
	BERTH_AUTO_JSON json_t *json = berth_request_print_documents(request, list_document(query.brief), containers);
	berth_objects_free(containers, &api_container_summary_document);
	g_autofree char *text = berth_json_text(json);
	char *line = g_strconcat(text, "\n", NULL);
	return g_bytes_new_take(line, strlen(line));
}

// Without filters many ask the same, and again and again.
static bool reply_plain_list(struct berth_request *request, GError **error)
{
	const struct berth_list_shape shape = {.version = berth_request_version(request),
					       .all = berth_request_switch(request, "all", false),
					       .brief = berth_request_switch(request, "brief", false)};
	g_autoptr(GBytes) text = berth_list_cache_get(berth_request_lists(request), berth_request_engine(request),
						      &shape, print_list, request, error);

	return text && berth_reply_bytes(request, BERTH_CONTENT_JSON, text);
}

bool berth_handle_container_list(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	struct berth_list_query query = {
		.all = berth_request_switch(request, "all", false),
		.size = berth_request_switch(request, "size", false),
		.brief = berth_request_switch(request, "brief", false),
		.limit = MAX(berth_request_integer(request, "limit", 0), 0),
		.filters = filters,
	};
	if (!query.size && query.limit == 0 && !query.filters)
		return reply_plain_list(request, error);
	query.all = query.all || query.limit > 0;
	GPtrArray *containers = berth_engine_container_list(berth_request_engine(request), &query, error);
	if (!containers)
		return false;
	berth_reply_documents(request, list_document(query.brief), containers);
	berth_objects_free(containers, &api_container_summary_document);
	return true;
}

// Only the platform that programs run on natively is offered.
static bool check_platform(const char *platform, GError **error)
{
	static const struct {
		const char *machine, *architecture;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};
	struct utsname system;

	if (!platform || !*platform || strcmp(platform, "linux") == 0)
		return true;
	uname(&system);
	const char *architecture = system.machine;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i].machine, system.machine) == 0)
			architecture = names[i].architecture;
	g_auto(GStrv) parts = g_strsplit(platform, "/", 3);
	const char *wanted = parts[0] && parts[1] ? parts[1] : parts[0];
	bool linux_os = !parts[1] || strcmp(parts[0], "linux") == 0;
	if (linux_os && (strcmp(wanted, architecture) == 0 || strcmp(wanted, system.machine) == 0))
		return true;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "platform %s: this host runs containers of linux/%s only", platform, architecture);
}

bool berth_handle_container_create(struct berth_request *request, GError **error)
{
	size_t length;

	berth_request_body(request, &length);
	if (length == 0)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"invalid JSON: got EOF while reading request body: a container's configuration is "
			"needed");
	struct api_container_create *create = berth_request_document(request, &api_container_create_document, error);
	if (!create)
		return false;
	berth_shape_create(create, berth_request_version(request));
	g_autoptr(api_container_created) created = NULL;
	if (check_platform(berth_request_text(request, "platform"), error))
		created = berth_engine_container_create(berth_request_engine(request),
							berth_request_text(request, "name"), create, error);
	berth_document_free(&api_container_create_document, create);
	return created && berth_reply_document(request, 201, &api_container_created_document, created);
}

bool berth_handle_container_inspect(struct berth_request *request, GError **error)
{
	g_autoptr(api_container_inspect) inspect =
		berth_engine_container_inspect(berth_request_engine(request), berth_request_argument(request),
					       berth_request_switch(request, "size", false), error);

	if (inspect)
		berth_shape_inspect(inspect, berth_request_version(request));
	return inspect && berth_reply_document(request, 200, &api_container_inspect_document, inspect);
}

bool berth_handle_container_top(struct berth_request *request, GError **error)
{
	const char *arguments = berth_request_given(request, "ps_args");
	g_autoptr(api_container_top) top = berth_engine_container_top(
		berth_request_engine(request), berth_request_argument(request), arguments, error);

	return top && berth_reply_document(request, 200, &api_container_top_document, top);
}

bool berth_handle_container_start(struct berth_request *request, GError **error)
{
	size_t length;

	berth_request_body(request, &length);
	if (length > strlen("{}     "))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"starting container with non-empty request body was deprecated since API v1.22 and "
			"removed in v1.24");
	return berth_engine_container_start(berth_request_engine(request), berth_request_argument(request),
					    berth_request_given(request, "checkpoint"),
					    berth_request_text(request, "checkpoint-dir"), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_stop(struct berth_request *request, GError **error)
{
	return berth_engine_container_stop(berth_request_engine(request), berth_request_argument(request),
					   berth_request_given(request, "signal"),
					   berth_request_integer(request, "t", BERTH_UNSET), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_restart(struct berth_request *request, GError **error)
{
	return berth_engine_container_restart(berth_request_engine(request), berth_request_argument(request),
					      berth_request_given(request, "signal"),
					      berth_request_integer(request, "t", BERTH_UNSET), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_kill(struct berth_request *request, GError **error)
{
	return berth_engine_container_kill(berth_request_engine(request), berth_request_argument(request),
					   berth_request_given(request, "signal"), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_pause(struct berth_request *request, GError **error)
{
	return berth_engine_container_pause(berth_request_engine(request), berth_request_argument(request), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_unpause(struct berth_request *request, GError **error)
{
	return berth_engine_container_unpause(berth_request_engine(request), berth_request_argument(request), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_rename(struct berth_request *request, GError **error)
{
	return berth_engine_container_rename(berth_request_engine(request), berth_request_argument(request),
					     berth_request_text(request, "name"), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_resize(struct berth_request *request, GError **error)
{
	unsigned width, height;

	return berth_request_size(request, &width, &height, error) &&
	       berth_engine_container_resize(berth_request_engine(request), berth_request_argument(request), width,
					     height, error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_container_remove(struct berth_request *request, GError **error)
{
	if (berth_request_switch(request, "link", false))
		return berth_engine_link_remove(berth_request_engine(request), berth_request_argument(request),
						error) &&
		       berth_reply_empty(request, 204);
	return berth_engine_container_remove(berth_request_engine(request), berth_request_argument(request),
					     berth_request_switch(request, "force", false),
					     berth_request_switch(request, "v", false), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_container_prune(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	g_autoptr(api_prune_report) report =
		berth_engine_container_prune(berth_request_engine(request), filters, error);
	return report && berth_reply_document(request, 200, &api_prune_report_document, report);
}

// Clients send all limits that there are, set or not: only those that are set are refused.
static bool is_unset(const json_t *value)
{
	return !value || json_is_null(value) || json_is_false(value) ||
	       (json_is_number(value) && json_number_value(value) == 0) ||
	       (json_is_string(value) && !*json_string_value(value)) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static bool is_empty_policy(const char *name, const json_t *value)
{
	return strcmp(name, "RestartPolicy") == 0 && is_unset(json_object_get(value, "Name")) &&
	       is_unset(json_object_get(value, "MaximumRetryCount"));
}

// What of HostConfig can change while a container is there.
static const char *const limits[] = {
	"BlkioDeviceReadBps",
	"BlkioDeviceReadIOps",
	"BlkioDeviceWriteBps",
	"BlkioDeviceWriteIOps",
	"BlkioWeight",
	"BlkioWeightDevice",
	"CpuPeriod",
	"CpuQuota",
	"CpuRealtimePeriod",
	"CpuRealtimeRuntime",
	"CpuShares",
	"CpusetCpus",
	"CpusetMems",
	"Memory",
	"MemoryReservation",
	"MemorySwap",
	"MemorySwappiness",
	"NanoCpus",
	"PidsLimit",
	"RestartPolicy",
	NULL,
};

static bool check_update(const json_t *body, bool *ret_limits, GError **error)
{
	const char *name;
	json_t *value;

	*ret_limits = false;
	json_object_foreach((json_t *) body, name, value)
	{
		bool limit = g_strv_contains(limits, name);
		bool zero_counts = strcmp(name, "PidsLimit") == 0 || strcmp(name, "MemorySwappiness") == 0;
		if (strcmp(name, "PublishAdd") == 0 || strcmp(name, "PublishRm") == 0 ||
		    (is_unset(value) && !(zero_counts && json_is_integer(value))) || is_empty_policy(name, value))
			continue;
		if (!limit)
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
					       "%s of a container cannot be changed (update): it takes limits, "
					       "RestartPolicy, PublishAdd and PublishRm; make the container anew",
					       name);
		*ret_limits = true;
	}
	return true;
}

bool berth_handle_container_update(struct berth_request *request, GError **error)
{
	size_t length;
	const char *body = berth_request_body(request, &length);
	BERTH_AUTO_JSON json_t *json = berth_json_parse(body, length, "request body", error);
	bool has_limits = false;

	if (!json || !check_update(json, &has_limits, error))
		return false;
	berth_document_spell(&api_container_update_document, json);
	g_autoptr(api_container_update) update = berth_document_parse(&api_container_update_document, json, error);
	if (update)
		update->has_limits = has_limits;
	g_autoptr(api_container_updated) updated =
		update ? berth_engine_container_update(berth_request_engine(request), berth_request_argument(request),
						       update, error)
		       : NULL;
	return updated && berth_reply_document(request, 200, &api_container_updated_document, updated);
}
