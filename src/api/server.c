// SPDX-License-Identifier: Apache-2.0
// HTTP by libmicrohttpd: one of its daemons per listening socket, a thread per connection. Here are its callbacks: what
// they tell becomes a struct berth_request, whose head is read by head.c and whose answer is made by response.c.
//
// A request's body is collected, or passed to its handler's thread as it arrives; the handler runs when the body is
// complete (uploads: when the head is). An error found in the head is answered after the body too, so that the client
// reads the answer instead of finding a closed socket, unless that body would be long.
#include "api/api.h"

#include "api/build-live.h"
#include "api/list-cache.h"
#include "api/metrics.h"
#include "api/request-internal.h"
#include "api/tls.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <microhttpd.h>
#include <pthread.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE (2 << 20) // instrumented frames are several times larger
#else
#define STACK_SIZE (256 << 10)
#endif
#define STOP_SECONDS 2
#define CONNECTION_MEMORY (BERTH_LIMIT_REQUEST_HEADER + (32 << 10)) // the head's limit and room for the answer's

struct berth_api {
	struct berth_engine *engine;
	GPtrArray *daemons; // struct MHD_Daemon *
	struct berth_connections connections, tls_connections;
	struct berth_list_cache *lists;
	struct berth_builder *builder; // NULL: none
	struct berth_build_lives *builds;
	char *spool;
	struct berth_tls_server *tls; // NULL: no socket speaks it
	pthread_mutex_t lock;
	pthread_cond_t idle; // `busy` or `threads` went down
	unsigned busy; // requests that have no answer yet
	unsigned threads; // handlers on threads of their own
	int stopping; // atomic
};

bool berth_api_stopping(const struct berth_api *api)
{
	return g_atomic_int_get(&api->stopping) != 0;
}

struct berth_list_cache *berth_request_lists(const struct berth_request *request)
{
	return request->api->lists;
}

struct berth_builder *berth_request_builder(const struct berth_request *request)
{
	return request->api->builder;
}

struct berth_build_lives *berth_request_builds(const struct berth_request *request)
{
	return request->api->builds;
}

const char *berth_request_spool(const struct berth_request *request)
{
	return request->api->spool;
}

static void count(struct berth_api *api, unsigned *counter, int by)
{
	pthread_mutex_lock(&api->lock);
	*counter += (unsigned) by;
	if (by < 0)
		pthread_cond_broadcast(&api->idle);
	pthread_mutex_unlock(&api->lock);
}

void berth_request_settle(struct berth_request *request)
{
	if (request->waited_for)
		count(request->api, &request->api->busy, -1);
	request->waited_for = false;
}

static void *handler_main(void *data)
{
	struct berth_request *request = data;
	struct berth_api *api = request->api;

	berth_request_run(request);
	berth_request_unref(request);
	count(api, &api->threads, -1);
	return NULL;
}

static bool start_handler(struct berth_request *request, GError **error)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (!berth_stream_open(request, (request->route->flags & BERTH_ROUTE_UPLOAD) != 0, error))
		return false;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	berth_request_ref(request);
	count(request->api, &request->api->threads, 1);
	int failure = pthread_create(&thread, &attributes, handler_main, request);
	pthread_attr_destroy(&attributes);
	if (failure == 0)
		return true;
	count(request->api, &request->api->threads, -1);
	berth_request_unref(request);
	berth_stream_close(request);
	return berth_error_set_errno(error, failure, "starting a thread for a request");
}

static bool has_thread(const struct berth_request *request)
{
	return request->stream_near >= 0;
}

// The body is complete (or not wanted): runs the handler and answers.
static enum MHD_Result finish(struct berth_request *request, struct MHD_Connection *connection)
{
	bool threaded = has_thread(request);

	if (!threaded && !request->refusal)
		berth_head_check_body(request, &request->refusal);
	if (!threaded && !request->refusal)
		berth_authorize_request(request);
	if (!threaded && !request->refusal && (request->route->flags & BERTH_ROUTE_STREAM))
		threaded = start_handler(request, &request->refusal);
	if (threaded) {
		berth_upload_end(request);
		return berth_response_queue(request, connection, berth_stream_wait(request));
	}
	berth_request_run(request);
	return berth_response_queue(request, connection, false);
}

static void collect(struct berth_request *request, const char *data, size_t size)
{
	size_t have = request->body ? request->body->len : 0;

	if (has_thread(request)) {
		berth_upload_write(request, data, size);
		return;
	}
	if (!request->body)
		request->body = g_byte_array_new();
	if (request->refusal || have > BERTH_LIMIT_JSON)
		return;
	g_byte_array_append(request->body, (const guint8 *) data, (guint) size);
	g_byte_array_append(request->body, (const guint8 *) "", 1);
	g_byte_array_set_size(request->body, (guint) (have + size));
}

// The first that is known of a request: its URI, as it came.
static void *on_uri(void *data, const char *uri, G_GNUC_UNUSED struct MHD_Connection *connection)
{
	struct berth_api *api = data;
	struct berth_request *request = berth_request_new(api, api->engine);

	request->uri = g_strdup(uri);
	return request;
}

// As who asks a proxy writes it ("http://host/path"), and as clients do whose address of the engine ends with "/".
static const char *path_of(const char *url)
{
	const char *path = g_str_has_prefix(url, "http://") ? strchr(url + strlen("http://"), '/') : url;

	while (path && path[0] == '/' && path[1] == '/')
		path++;
	return path ? path : "/";
}

static enum MHD_Result begin(struct berth_request *request, struct MHD_Connection *connection, const char *url,
			     const char *method)
{
	const char *path = path_of(url);

	request->method = g_strdup(method);
	request->path = g_strdup(path);
	request->waited_for = true;
	request->peer = berth_connection_peer(berth_connection_of(connection));
	berth_connection_set_busy(connection, true);
	count(request->api, &request->api->busy, 1);
	berth_head_read(request, connection, path);
	if (!request->refusal && berth_engine_authorizes(request->engine))
		berth_authorize_begin(request, connection);
	if (!request->refusal && (request->route->flags & BERTH_ROUTE_UPLOAD)) {
		berth_authorize_request(request);
		if (!request->refusal)
			start_handler(request, &request->refusal);
	}
	if (request->refusal && berth_head_has_long_body(connection))
		return finish(request, connection);
	return MHD_YES;
}

static enum MHD_Result on_access(G_GNUC_UNUSED void *data, struct MHD_Connection *connection, const char *url,
				 const char *method, G_GNUC_UNUSED const char *http_version, const char *upload,
				 size_t *upload_size, void **closure)
{
	struct berth_request *request = *closure;

	if (!request->method)
		return begin(request, connection, url, method);
	if (*upload_size == 0)
		return finish(request, connection);
	collect(request, upload, *upload_size);
	*upload_size = 0;
	return MHD_YES;
}

static void on_completed(G_GNUC_UNUSED void *data, struct MHD_Connection *connection, void **closure,
			 G_GNUC_UNUSED enum MHD_RequestTerminationCode code)
{
	struct berth_request *request = *closure;

	if (!request)
		return;
	*closure = NULL;
	berth_connection_set_busy(connection, false);
	berth_request_settle(request);
	berth_request_leave(request);
	berth_request_unref(request);
}

static void G_GNUC_PRINTF(2, 0) on_log(G_GNUC_UNUSED void *data, const char *format, va_list arguments)
{
	g_autofree char *text = g_strchomp(g_strdup_vprintf(format, arguments));

	g_debug("HTTP: %s", text);
}

// One that listens itself, or gets its connections from the TLS server.
static struct MHD_Daemon *start_daemon(struct berth_api *api, const struct berth_api_socket *socket)
{
	return MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
			MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG | (socket->tls ? MHD_USE_NO_LISTEN_SOCKET : 0),
		0, NULL, NULL, on_access, api, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, api, MHD_OPTION_NOTIFY_CONNECTION, berth_connections_notify,
		socket->tls ? &api->tls_connections : &api->connections, MHD_OPTION_URI_LOG_CALLBACK, on_uri, api,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) BERTH_LIMIT_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t) CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, (unsigned) BERTH_LIMIT_CONNECTIONS,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t) STACK_SIZE,
		socket->tls ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, socket->fd, MHD_OPTION_END);
}

// Takes the socket over.
static bool add_socket(struct berth_api *api, const struct berth_api_socket *socket, const struct berth_api_tls *files,
		       GError **error)
{
	int fd = socket->fd;

	if (socket->tls && !api->tls && !(api->tls = berth_tls_server_new(files, error))) {
		close(fd);
		return false;
	}
	struct MHD_Daemon *daemon = start_daemon(api, socket);
	if (!daemon) {
		close(fd);
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "starting the HTTP server on a socket: failed");
	}
	g_ptr_array_add(api->daemons, daemon);
	return !socket->tls || berth_tls_server_listen(api->tls, fd, daemon, &api->tls_connections, error);
}

struct berth_api *berth_api_start(struct berth_engine *engine, const struct berth_api_options *options, GError **error)
{
	struct berth_api *api = g_new0(struct berth_api, 1);
	pthread_condattr_t monotonic;

	api->engine = engine;
	api->daemons = g_ptr_array_new();
	berth_connections_init(&api->connections);
	berth_connections_init(&api->tls_connections);
	api->lists = berth_list_cache_new();
	api->builder = options->builder;
	api->builds = berth_build_lives_new();
	api->spool = g_strdup(options->spool ? options->spool : g_get_tmp_dir());
	pthread_mutex_init(&api->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&api->idle, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (size_t i = 0; i < options->socket_count; i++) {
		if (add_socket(api, &options->sockets[i], &options->tls, error))
			continue;
		for (size_t left = i + 1; left < options->socket_count; left++)
			close(options->sockets[left].fd);
		berth_api_stop(api);
		return NULL;
	}
	return api;
}

bool berth_api_reload_tls(struct berth_api *api, const struct berth_api_tls *files, GError **error)
{
	return !api->tls || berth_tls_server_reload(api->tls, files, error);
}

bool berth_api_serve_metrics(struct berth_api *api, int socket, GError **error)
{
	struct MHD_Daemon *daemon = berth_metrics_start(api->engine, socket, on_log);

	if (!daemon) {
		close(socket);
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "starting the HTTP server for metrics: failed");
	}
	g_ptr_array_add(api->daemons, daemon);
	return true;
}

// Waits until *counter is 0, at most STOP_SECONDS.
static bool wait_for_none(struct berth_api *api, const unsigned *counter)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STOP_SECONDS;
	pthread_mutex_lock(&api->lock);
	while (*counter > 0 && pthread_cond_timedwait(&api->idle, &api->lock, &end) == 0)
		;
	bool none = *counter == 0;
	pthread_mutex_unlock(&api->lock);
	return none;
}

bool berth_api_stop(struct berth_api *api)
{
	if (api->tls)
		berth_tls_server_quiesce(api->tls);
	for (guint i = 0; i < api->daemons->len; i++) {
		int socket = MHD_quiesce_daemon(api->daemons->pdata[i]);
		berth_fd_clear(&socket);
	}
	bool settled = wait_for_none(api, &api->busy);
	g_atomic_int_set(&api->stopping, 1);
	if (!settled) // stopping libmicrohttpd would wait for them
		return false;
	for (guint i = 0; i < api->daemons->len; i++)
		MHD_stop_daemon(api->daemons->pdata[i]);
	g_ptr_array_set_size(api->daemons, 0);
	if (!wait_for_none(api, &api->threads) || (api->tls && !berth_tls_server_free(api->tls)))
		return false;
	berth_connections_clear(&api->connections);
	berth_connections_clear(&api->tls_connections);
	berth_list_cache_free(api->lists);
	berth_build_lives_free(api->builds);
	g_free(api->spool);
	g_ptr_array_unref(api->daemons);
	pthread_mutex_destroy(&api->lock);
	pthread_cond_destroy(&api->idle);
	g_free(api);
	return true;
}
