// SPDX-License-Identifier: Apache-2.0
// One request and its answer, as handlers see them. A handler runs from top to bottom on a thread: the connection's, or
// (routes that stream) one of its own, whose output the connection's thread passes on. Nothing here needs a lock:
// until the handler ends or begins a stream the request is the handler's alone; what both threads look at after that
// is said so.
#pragma once

#include "api/api.h"
#include "api/route.h"

#define BERTH_CONTENT_JSON "application/json"
#define BERTH_CONTENT_RAW "application/vnd.docker.raw-stream"
#define BERTH_CONTENT_MULTIPLEXED "application/vnd.docker.multiplexed-stream"

struct berth_request;
struct berth_list_cache;
struct berth_build_lives;

struct berth_engine *berth_request_engine(const struct berth_request *request);
struct berth_images *berth_request_images(const struct berth_request *request);
struct berth_list_cache *berth_request_lists(const struct berth_request *request);
struct berth_builder *berth_request_builder(const struct berth_request *request); // NULL: there is none
struct berth_build_lives *berth_request_builds(const struct berth_request *request);
const char *berth_request_spool(const struct berth_request *request); // folder for files without a name
unsigned berth_request_version(const struct berth_request *request); // 147
const char *berth_request_summary(const struct berth_request *request); // of its route
const char *berth_request_argument(const struct berth_request *request); // what the path's {placeholder} stands for

// What a header has as base64, in either alphabet, padded or not: a secret, to be zeroed and freed. NULL: nothing.
char *berth_request_decode(const char *header, size_t *ret_length);

// Parameters of the query. Their types were checked already; a parameter must stand in the route's table.
const char *berth_request_text(const struct berth_request *request, const char *name); // NULL if it is not there
const char *berth_request_given(const struct berth_request *request, const char *name); // NULL if it is empty, too
bool berth_request_switch(const struct berth_request *request, const char *name, bool fallback);
// A terminal's size by the parameters h and w.
bool berth_request_size(const struct berth_request *request, unsigned *ret_width, unsigned *ret_height, GError **error);
int64_t berth_request_integer(const struct berth_request *request, const char *name, int64_t fallback);
int64_t berth_request_moment(const struct berth_request *request, const char *name); // nanoseconds; 0: not there
char *const *berth_request_list(const struct berth_request *request, const char *name); // NULL if it is not there
const char *berth_request_given(const struct berth_request *request, const char *name); // NULL if it is empty, too
// A new table, NULL without error if there are no filters.
bool berth_request_filters(const struct berth_request *request, GHashTable **ret, GError **error);

// What X-Registry-Auth said: base64url of a JSON object; NULL if it is not there. It is a secret.
const char *berth_request_registry_auth(const struct berth_request *request);

// Whether the client takes an answer in this encoding ("gzip"): Accept-Encoding names it, and not with ";q=0".
bool berth_request_accepts(const struct berth_request *request, const char *encoding);

// The body, NUL-terminated; "" if there is none.
const char *berth_request_body(const struct berth_request *request, size_t *ret_length);
// The same as a document, which the caller frees. The case of its names' letters does not matter, as with dockerd.
void *berth_request_document(const struct berth_request *request, const struct berth_document *document,
			     GError **error);
// The body as it arrives, for routes that upload. Reading fails (ECONNRESET) if the client leaves in the middle.
int berth_request_body_fd(const struct berth_request *request);

// Complete answers. They return true, so that a handler can end with them.
bool berth_reply_empty(struct berth_request *request, unsigned status);
bool berth_reply_text(struct berth_request *request, unsigned status, const char *content_type, const char *text);
bool berth_reply_json(struct berth_request *request, unsigned status, const json_t *json);
bool berth_reply_document(struct berth_request *request, unsigned status, const struct berth_document *document,
			  const void *object);
bool berth_reply_documents(struct berth_request *request, const struct berth_document *document,
			   const GPtrArray *objects);
// Text that others answer with, too.
bool berth_reply_bytes(struct berth_request *request, const char *content_type, GBytes *bytes);
void berth_reply_header(struct berth_request *request, const char *name, const char *value);
// An array of objects as JSON, in the shape of the request's version.
json_t *berth_request_print_documents(const struct berth_request *request, const struct berth_document *document,
				      const GPtrArray *objects);

// Images: how much of each is shared with others, and by how many containers it is used (images.c); `ret_layers`, the
// size of all layers together, may be NULL.
bool berth_request_share_images(struct berth_request *request, GPtrArray *images, int64_t *ret_layers, GError **error);
// The build cache (build.c): its records, and their size together.
bool berth_request_list_build_cache(struct berth_request *request, json_t **ret, int64_t *ret_size, GError **error);
json_t *berth_request_print_images(const struct berth_request *request, GPtrArray *images);

// Answers in pieces: begin sends the head (200) at once. After it a handler's failure cuts the connection off, so that
// the client does not take half for the whole.
void berth_stream_begin(struct berth_request *request, const char *content_type);
// A body without chunks that ends with the connection, as attach without upgrade has it.
void berth_stream_begin_raw(struct berth_request *request, const char *content_type);
bool berth_stream_begun(const struct berth_request *request);
// False when the client is gone. Each call's data goes out at once.
bool berth_stream_write(struct berth_request *request, const void *data, size_t length);
// A piece of a tar archive, for those who make one; `data` is the struct berth_request. The first piece begins the
// answer: until there is one, a failure has a status of its own.
bool berth_stream_write_tar(void *data, const void *bytes, size_t length);
int berth_stream_fd(const struct berth_request *request); // the descriptor behind it, a socket; borrowed
// True when the client has left or the API stops; any thread may ask.
bool berth_request_gone(const struct berth_request *request);

// A body of `size` bytes that is read piece by piece, on the connection's thread, as the client takes it: `read` gives
// up to `size` bytes, or -1 with *error, which cuts the connection off. `data` is freed in the end.
typedef gssize berth_read_fn(void *data, void *buffer, size_t size, GError **error);
bool berth_reply_read(struct berth_request *request, const char *content_type, int64_t size, berth_read_fn *read,
		      void *data, GDestroyNotify free_data);

// Answers 101: when the head is out `upgrade` is called with the connection's socket, which it may duplicate, and with
// what the client sent after its request already.
typedef void berth_upgrade_fn(struct berth_request *request, int socket, const char *early, size_t length);
void berth_reply_upgrade(struct berth_request *request, const char *content_type, berth_upgrade_fn *upgrade);

// The handlers, by file.
// containers.c
berth_handler berth_handle_container_list, berth_handle_container_create, berth_handle_container_inspect,
	berth_handle_container_top, berth_handle_container_start, berth_handle_container_stop,
	berth_handle_container_restart, berth_handle_container_kill, berth_handle_container_pause,
	berth_handle_container_unpause, berth_handle_container_rename, berth_handle_container_resize,
	berth_handle_container_remove, berth_handle_container_prune, berth_handle_container_update;
// streams.c
berth_handler berth_handle_container_wait, berth_handle_container_logs, berth_handle_events;
// secrets.c
berth_handler berth_handle_secret_list, berth_handle_secret_create, berth_handle_secret_inspect,
	berth_handle_secret_update, berth_handle_secret_remove;
// stats.c
berth_handler berth_handle_container_stats;
// attach.c
berth_handler berth_handle_container_attach, berth_handle_container_attach_raw;
// exec.c
berth_handler berth_handle_exec_create, berth_handle_exec_start, berth_handle_exec_start_raw, berth_handle_exec_resize,
	berth_handle_exec_inspect;
// files.c
berth_handler berth_handle_archive_stat, berth_handle_archive_get, berth_handle_archive_put,
	berth_handle_container_export, berth_handle_container_changes, berth_handle_container_commit,
	berth_handle_checkpoint_list, berth_handle_checkpoint_create, berth_handle_checkpoint_remove;
// attach-websocket.c
berth_handler berth_handle_container_attach_websocket;
// images.c
berth_handler berth_handle_image_list, berth_handle_image_inspect, berth_handle_image_history, berth_handle_image_tag,
	berth_handle_image_remove, berth_handle_image_create, berth_handle_image_load, berth_handle_image_save,
	berth_handle_images_save, berth_handle_image_prune;
// store.c
berth_handler berth_handle_check, berth_handle_image_tree;
// registry.c
berth_handler berth_handle_image_pull, berth_handle_image_push, berth_handle_auth, berth_handle_image_search,
	berth_handle_distribution, berth_handle_manifest, berth_handle_manifest_push;
// networks.c
berth_handler berth_handle_network_list, berth_handle_network_inspect, berth_handle_network_create,
	berth_handle_network_remove, berth_handle_network_prune, berth_handle_network_connect,
	berth_handle_network_disconnect;
// system.c
berth_handler berth_handle_ping, berth_handle_version, berth_handle_info, berth_handle_disk_usage,
	berth_handle_no_swarm, berth_handle_refused, berth_handle_options;
// build.c
berth_handler berth_handle_build, berth_handle_build_agent, berth_handle_build_context, berth_handle_build_cancel,
	berth_handle_build_prune, berth_handle_build_debug, berth_handle_build_resize, berth_handle_build_mount_export,
	berth_handle_build_mount_import, berth_handle_buildkit;
// plugins.c
berth_handler berth_handle_plugin_list, berth_handle_plugin;
// volumes.c
berth_handler berth_handle_volume_list, berth_handle_volume_create, berth_handle_volume_inspect,
	berth_handle_volume_remove, berth_handle_volume_prune, berth_handle_volume_export, berth_handle_volume_import,
	berth_handle_volume_clone, berth_handle_volume_update;
