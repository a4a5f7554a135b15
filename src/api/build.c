// SPDX-License-Identifier: Apache-2.0
// Handlers of /build: building, cancelling a build, connections to its client's ssh agents, and the build cache.
#include "api/build-body.h"
#include "api/build-live.h"
#include "api/build-request.h"
#include "api/relay.h"
#include "api/request-internal.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "spec/api-build.h"

#include <fcntl.h>
#include <string.h>

static struct berth_builder *builder_of(const struct berth_request *request, GError **error)
{
	struct berth_builder *builder = berth_request_builder(request);

	if (!builder)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "this engine was started without its builder");
	return builder;
}

#define MAIN_CONTEXT "-" // what parts of a body and requests call the context that has no name
#define KNOWN_HOSTS_SECONDS 30 // that a client has for an answer about a host

// A build, from its request to its end.
struct work {
	struct berth_request *request;
	struct berth_build_wanted wanted;
	struct berth_build_body body;
	struct berth_build_live *live;
	struct berth_build_stream *stream;
	char *id;
};

static void on_event(void *data, const struct berth_build_event *event)
{
	berth_build_stream_event(((struct work *) data)->stream, event);
}

static bool is_canceled(void *data)
{
	const struct work *work = data;

	return berth_request_gone(work->request) || berth_build_live_canceled(work->live);
}

static int connect_agent(void *data, const char *name, bool wait, GError **error)
{
	const struct work *work = data;
	char *const *offered = berth_request_list(work->request, "ssh");

	if (*name == '@' || !offered || !g_strv_contains((const char *const *) offered, name)) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "ssh agent %s: the client offers none of this name",
				name);
		return -1;
	}
	return berth_build_live_take_agent(work->live, name, wait, error);
}

static void ask_for_archive(void *data, const char *name)
{
	berth_build_stream_want(((struct work *) data)->stream, name);
}

static bool use_archive(void *data, const char *name, berth_build_archive_fn *use, void *use_data, GError **error)
{
	struct work *work = data;
	const struct berth_build_live_taker taker = {ask_for_archive, is_canceled, work, use, use_data};

	return berth_build_live_take_archive(work->live, name ? name : MAIN_CONTEXT, &taker, error);
}

// Lines about a host, which the client answers on a connection like an agent's.
static char *ask_known_hosts(void *data, const char *host, GError **error)
{
	const struct work *work = data;
	const struct timeval patience = {.tv_sec = KNOWN_HOSTS_SECONDS};
	berth_fd client = berth_build_live_take_agent(work->live, BERTH_BUILD_KNOWN_HOSTS, true, error);
	g_autofree char *line = g_strconcat(host, "\n", NULL);
	g_autofree char *answer = g_malloc(BERTH_LIMIT_GIT_KNOWN_HOSTS + 1);

	if (client < 0)
		return NULL;
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ssize_t length = berth_write_all(client, line, strlen(line), "the client", error)
				 ? berth_read_full(client, answer, BERTH_LIMIT_GIT_KNOWN_HOSTS + 1)
				 : -1;
	if (length >= 0 && length <= BERTH_LIMIT_GIT_KNOWN_HOSTS)
		return g_strndup(answer, (gsize) length);
	if (!*error)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"the client does not tell, in %d seconds and %d bytes, what the key of %s is",
				KNOWN_HOSTS_SECONDS, BERTH_LIMIT_GIT_KNOWN_HOSTS, host);
	return NULL;
}

static bool check_id(const char *id, GError **error)
{
	if (strlen(id) > BERTH_LIMIT_BUILD_ID)
		return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter buildid: is longer than %d",
				       BERTH_LIMIT_BUILD_ID);
	for (const char *at = id; *at; at++)
		if (!g_ascii_isalnum(*at) && !strchr("-_.:", *at))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "query parameter buildid: has characters other than letters, digits and "
					       "\"-_.:\"");
	return true;
}

static bool begin(struct work *work, GError **error)
{
	const char *id = berth_request_text(work->request, "buildid");

	work->id = id && *id ? g_strdup(id) : g_uuid_string_random();
	if (!check_id(work->id, error))
		return false;
	work->live = berth_build_live_begin(berth_request_builds(work->request), work->id, error);
	work->wanted.request.id = work->id;
	return work->live;
}

// Whether the body has bytes; waits for the first.
static bool has_body(int fd)
{
	char byte;

	return fd >= 0 && recv(fd, &byte, 1, MSG_PEEK) > 0;
}

static void add_source(struct work *work, const struct berth_build_source *source)
{
	g_array_append_val(work->wanted.sources, *source);
}

static const struct berth_build_body_context *find_listed(const struct work *work)
{
	for (guint i = 0; work->body.contexts && i < work->body.contexts->len; i++) {
		const struct berth_build_body_context *context = work->body.contexts->pdata[i];
		if (strcmp(context->name, MAIN_CONTEXT) == 0 && context->listed)
			return context;
	}
	return NULL;
}

static bool add_main_source(struct work *work, GError **error)
{
	const char *remote = berth_request_text(work->request, "remote");
	const struct berth_build_body_context *listed = find_listed(work);
	int fd = berth_request_body_fd(work->request);

	if (listed && has_body(fd)) // its end is waited for: nothing can be asked for before
		return berth_error_set(error, BERTH_ERROR_INVALID, "the context comes as an archive and as a listing");
	if (remote && *remote)
		add_source(work, &(struct berth_build_source){.tar = -1, .remote = remote});
	else if (listed)
		add_source(work, &(struct berth_build_source){.tar = listed->fd, .listed = true});
	else if (has_body(fd))
		add_source(work, &(struct berth_build_source){.tar = fd});
	else if (work->body.dockerfile)
		add_source(work, &(struct berth_build_source){.tar = -1, .text = work->body.dockerfile});
	else
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the build has no context: the request's body is empty, and the query parameter "
				       "remote is missing");
	return true;
}

// The context first, then those with names.
static bool read_sources(struct work *work, GError **error)
{
	int fd = berth_request_body_fd(work->request);

	if (work->request->build_parts &&
	    !berth_build_body_read(&work->body, fd, berth_request_spool(work->request), error))
		return false;
	if (work->body.listed > 0 && work->wanted.manner != BERTH_BUILD_EVENTS)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "a context that is listed can only be asked for in a stream of events "
				       "(progress=events)");
	if (!add_main_source(work, error))
		return false;
	for (guint i = 0; work->body.contexts && i < work->body.contexts->len; i++) {
		const struct berth_build_body_context *context = work->body.contexts->pdata[i];
		if (context != find_listed(work))
			add_source(work, &(struct berth_build_source){
						 .tar = context->fd, .name = context->name, .listed = context->listed});
	}
	return true;
}

// Contexts that are named by where they are: "NAME=URL", an image, a stage.
static bool read_named(struct work *work, GError **error)
{
	for (char *const *named = berth_request_list(work->request, "context"); named && *named; named++) {
		char *equals = strchr(*named, '=');
		if (!equals || equals == *named || !equals[1])
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "query parameter context: \"%s\": expected NAME=ADDRESS", *named);
		*equals = '\0'; // the parameter is this handler's
		add_source(work, &(struct berth_build_source){.tar = -1, .name = *named, .remote = equals + 1});
	}
	return true;
}

static const char *const file_outputs[] = {"tar", "oci", "docker", "local", "cache", NULL};

static bool open_outputs(struct work *work, GError **error)
{
	for (guint i = 0; i < work->wanted.outputs->len; i++) {
		struct berth_build_output *output = &g_array_index(work->wanted.outputs, struct berth_build_output, i);
		if (!g_strv_contains(file_outputs, output->type))
			continue;
		if (work->wanted.manner != BERTH_BUILD_EVENTS)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "query parameter outputs: type %s comes only in a stream of events "
					       "(progress=events)",
					       output->type);
		output->fd = berth_build_stream_output(work->stream, i, error);
		if (output->fd < 0)
			return false;
	}
	return true;
}

static void close_outputs(struct work *work)
{
	for (guint i = 0; work->wanted.outputs && i < work->wanted.outputs->len; i++)
		berth_fd_clear(&g_array_index(work->wanted.outputs, struct berth_build_output, i).fd);
	if (work->stream)
		berth_build_stream_finish_outputs(work->stream);
}

static bool prepare(struct work *work, GError **error)
{
	if (!berth_build_wanted_read(&work->wanted, work->request, error) || !begin(work, error))
		return false;
	work->stream = berth_build_stream_new(work->request, work->wanted.manner);
	if (!read_sources(work, error) || !read_named(work, error) || !open_outputs(work, error))
		return false;
	struct berth_build_request *build = &work->wanted.request;
	build->sources = (const struct berth_build_source *) (void *) work->wanted.sources->data;
	build->source_count = work->wanted.sources->len;
	build->outputs = (const struct berth_build_output *) (void *) work->wanted.outputs->data;
	build->output_count = work->wanted.outputs->len;
	build->dockerfile_text = work->body.dockerfile;
	build->secrets = work->body.secrets ? (void *) work->body.secrets->data : NULL;
	build->secret_count = work->body.secrets ? work->body.secrets->len : 0;
	build->agent = berth_request_list(work->request, "ssh") ? connect_agent : NULL;
	build->archive = use_archive;
	build->known_hosts = berth_request_switch(work->request, "knownhosts", false) ? ask_known_hosts : NULL;
	build->data = work;
	build->credentials = berth_build_credentials(work->request->registry_config);
	return true;
}

static void work_clear(struct work *work)
{
	close_outputs(work);
	g_clear_pointer(&work->stream, berth_build_stream_free);
	g_clear_pointer(&work->wanted.request.credentials, g_hash_table_unref);
	berth_build_wanted_clear(&work->wanted);
	berth_build_body_clear(&work->body);
	g_clear_pointer(&work->live, berth_build_live_end);
	g_free(work->id);
}

bool berth_handle_build(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	struct work work = {.request = request};
	struct berth_build_result result = {0};
	GError *failure = NULL;

	bool done = builder && prepare(&work, error);
	if (done) {
		const struct berth_build_listener listener = {on_event, is_canceled, &work};
		berth_build(builder, &work.wanted.request, &listener, &result, &failure);
		close_outputs(&work);
		done = berth_build_stream_end(work.stream, &result, work.wanted.request.tags, failure, error);
		berth_build_result_clear(&result);
	}
	work_clear(&work);
	return done;
}

bool berth_handle_build_cancel(struct berth_request *request, GError **error)
{
	return berth_build_lives_cancel(berth_request_builds(request), berth_request_text(request, "id"), error) &&
	       berth_reply_empty(request, 204);
}

bool berth_handle_build_context(struct berth_request *request, GError **error)
{
	int fd = berth_request_body_fd(request);
	bool given = berth_build_lives_give_archive(berth_request_builds(request), berth_request_argument(request),
						    berth_request_text(request, "name"), fd, error);

	shutdown(fd, SHUT_RD); // what is left of it nobody wants
	return given && berth_reply_empty(request, 204);
}

// Agents

static bool give_agent(struct berth_request *request, int socket, GError **error)
{
	const char *name = berth_request_text(request, "name");
	int copy = fcntl(socket, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return berth_error_set_errno(error, errno, "duplicating the connection of an agent");
	fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) & ~O_NONBLOCK);
	return berth_build_lives_give_agent(berth_request_builds(request), berth_request_argument(request), name, copy,
					    error);
}

static void on_agent(struct berth_request *request, int socket, const char *early, size_t length)
{
	g_autoptr(GError) error = NULL;

	if (!berth_relay(request, socket, early, length, give_agent, &error))
		g_message("%s: %s", request->path, error->message);
}

bool berth_handle_build_agent(struct berth_request *request, GError **error)
{
	if (!berth_build_lives_check(berth_request_builds(request), berth_request_argument(request), error))
		return false;
	berth_reply_upgrade(request, BERTH_CONTENT_RAW, on_agent);
	return true;
}

// A shell in what a failed step left

static bool give_terminal(struct berth_request *request, int socket, GError **error)
{
	const struct berth_build_debug debug = {
		.arguments = berth_request_list(request, "cmd"),
		.terminal = socket,
		.height = (int) berth_request_integer(request, "h", 0),
		.width = (int) berth_request_integer(request, "w", 0),
	};
	GError *failure = NULL;
	int code;

	if (berth_build_debug(berth_request_builder(request), berth_request_argument(request), &debug, &code, &failure))
		return true;
	g_autofree char *told = g_strdup_printf("%s\r\n", failure->message);
	berth_write_all(socket, told, strlen(told), "the terminal", NULL);
	g_propagate_error(error, failure);
	return false;
}

static void on_debug(struct berth_request *request, int socket, const char *early, size_t length)
{
	g_autoptr(GError) error = NULL;

	if (!berth_relay(request, socket, early, length, give_terminal, &error) &&
	    !g_error_matches(error, BERTH_ERROR, BERTH_ERROR_CANCELED))
		g_message("%s: %s", request->path, error->message);
}

bool berth_handle_build_debug(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	const char *step = berth_request_argument(request);

	if (!builder)
		return false;
	if (!berth_build_is_kept(builder, step))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such failed step: %s", step);
	berth_reply_upgrade(request, BERTH_CONTENT_RAW, on_debug);
	return true;
}

bool berth_handle_build_resize(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	unsigned width, height;

	return builder && berth_request_size(request, &width, &height, error) &&
	       berth_build_resize(builder, berth_request_argument(request), height, width, error) &&
	       berth_reply_empty(request, 200);
}

// The cache

bool berth_handle_build_prune(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	static const char *const known[] = {"until",       "unused-for", "id",     "parent",  "type",
					    "description", "inuse",      "shared", "private", NULL};
	g_autoptr(GHashTable) filters = NULL;

	if (!builder || !berth_request_filters(request, &filters, error) || !berth_filters_check(filters, known, error))
		return false;
	const struct berth_build_prune prune = {
		.filters = filters,
		.all = berth_request_switch(request, "all", false),
		.keep_bytes = berth_request_integer(request, "reserved-space",
						    berth_request_integer(request, "keep-storage", 0)),
		.max_used_bytes = berth_request_integer(request, "max-used-space", 0),
		.min_free_bytes = berth_request_integer(request, "min-free-space", 0),
	};
	g_autoptr(api_build_prune_report) report = berth_document_new(&api_build_prune_report_document);
	return berth_builder_prune(builder, &prune, &report->caches_deleted, &report->space_reclaimed, error) &&
	       berth_engine_tell_prune(berth_request_engine(request), "builder", report->space_reclaimed, error) &&
	       berth_reply_document(request, 200, &api_build_prune_report_document, report);
}

static const char *mount_of(const struct berth_request *request, GError **error)
{
	const char *id = berth_request_text(request, "id");

	if (!id || !*id)
		berth_error_set(error, BERTH_ERROR_INVALID, "id: no cache mount was named");
	return id && *id ? id : NULL;
}

bool berth_handle_build_mount_export(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	const char *id = builder ? mount_of(request, error) : NULL;

	return id && berth_builder_mount_export(builder, id, berth_request_text(request, "namespace"),
						berth_stream_write_tar, request, error);
}

bool berth_handle_build_mount_import(struct berth_request *request, GError **error)
{
	struct berth_builder *builder = builder_of(request, error);
	const char *id = builder ? mount_of(request, error) : NULL;

	return id &&
	       berth_builder_mount_import(builder, id, berth_request_text(request, "namespace"),
					  berth_request_body_fd(request), error) &&
	       berth_reply_empty(request, 200);
}

bool berth_request_list_build_cache(struct berth_request *request, json_t **ret, int64_t *ret_size, GError **error)
{
	struct berth_builder *builder = berth_request_builder(request);
	GPtrArray *records = builder ? berth_builder_cache_list(builder, error) : berth_objects_new();

	if (!records)
		return false;
	*ret_size = 0;
	for (guint i = 0; i < records->len; i++)
		*ret_size += ((const struct api_build_cache *) records->pdata[i])->size;
	*ret = berth_request_print_documents(request, &api_build_cache_document, records);
	berth_objects_free(records, &api_build_cache_document);
	return true;
}

bool berth_handle_buildkit(G_GNUC_UNUSED struct berth_request *request, GError **error)
{
	return berth_error_set(
		error, BERTH_ERROR_NOT_IMPLEMENTED,
		"BuildKit's protocol is not supported by this version of Berth: set DOCKER_BUILDKIT=0, or "
		"use berth build, which has BuildKit's features");
}
