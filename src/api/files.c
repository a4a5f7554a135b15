// SPDX-License-Identifier: Apache-2.0
// Handlers of a container's files: archive, export, changes, commit.
#include "engine/files/files.h"

#include "api/request.h"
#include "base/error.h"
#include "base/json.h"
#include "image/deflate.h"

#include <string.h>

#define STAT_HEADER "X-Docker-Container-Path-Stat"
#define TAR "application/x-tar"

// The path, which Docker misses in these words.
static const char *path_of(const struct berth_request *request, GError **error)
{
	const char *path = berth_request_text(request, "path");

	if (path && *path)
		return path;
	berth_error_set(error, BERTH_ERROR_INVALID, "bad parameter: path cannot be empty");
	return NULL;
}

static void set_stat(struct berth_request *request, const struct api_path_stat *stat)
{
	g_autofree char *text = berth_document_print_text(&api_path_stat_document, stat, 0);
	g_autofree char *encoded = g_base64_encode((const guchar *) text, strlen(text));

	berth_reply_header(request, STAT_HEADER, encoded);
}

bool berth_handle_archive_stat(struct berth_request *request, GError **error)
{
	const char *path = path_of(request, error);
	g_autoptr(api_path_stat) stat = path ? berth_engine_container_stat(berth_request_engine(request),
									   berth_request_argument(request), path, error)
					     : NULL;

	if (!stat)
		return false;
	set_stat(request, stat);
	return berth_reply_empty(request, 200);
}

// An archive on its way to a client that may take it compressed.
struct sending {
	struct berth_request *request;
	struct berth_deflate *deflate;
};

static bool write_plain(void *data, const void *bytes, size_t length)
{
	struct sending *this = data;

	return berth_stream_write(this->request, bytes, length);
}

static bool begin(void *data, const struct api_path_stat *stat, G_GNUC_UNUSED GError **error)
{
	struct sending *this = data;
	static const char *const names[] = {[BERTH_DEFLATE_GZIP] = "gzip", [BERTH_DEFLATE_RAW] = "deflate"};

	set_stat(this->request, stat);
	for (enum berth_deflate_kind kind = BERTH_DEFLATE_GZIP; kind <= BERTH_DEFLATE_RAW && !this->deflate; kind++)
		if (berth_request_accepts(this->request, names[kind])) {
			this->deflate = berth_deflate_new(kind, write_plain, this);
			berth_reply_header(this->request, "Content-Encoding", names[kind]);
		}
	return true;
}

static bool write_piece(void *data, const void *bytes, size_t length)
{
	struct sending *this = data;

	// Until there is something, a failure has a status of its own.
	if (!berth_stream_begun(this->request))
		berth_stream_begin(this->request, TAR);
	return this->deflate ? berth_deflate_add(this->deflate, bytes, length) : write_plain(data, bytes, length);
}

bool berth_handle_archive_get(struct berth_request *request, GError **error)
{
	struct sending sending = {request, NULL};
	const struct berth_engine_archive archive = {begin, write_piece, &sending};
	const char *path = path_of(request, error);

	bool done = path && berth_engine_container_archive(berth_request_engine(request),
							   berth_request_argument(request), path, &archive, error);
	if (done && sending.deflate && !berth_deflate_finish(sending.deflate))
		done = berth_error_set(error, BERTH_ERROR_CANCELED, "the client went away");
	berth_deflate_free(sending.deflate);
	return done;
}

bool berth_handle_archive_put(struct berth_request *request, GError **error)
{
	const char *path = path_of(request, error), *owner = berth_request_given(request, "chown");
	const struct berth_engine_extract extract = {
		.keep_kinds = berth_request_switch(request, "noOverwriteDirNonDir", false),
		.owner = owner,
	};

	return path &&
	       berth_engine_container_extract(berth_request_engine(request), berth_request_argument(request), path,
					      berth_request_body_fd(request), &extract, error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_container_export(struct berth_request *request, GError **error)
{
	struct sending sending = {request, NULL};

	return berth_engine_container_export(berth_request_engine(request), berth_request_argument(request),
					     write_piece, &sending, error);
}

bool berth_handle_container_changes(struct berth_request *request, GError **error)
{
	GPtrArray *changes =
		berth_engine_container_changes(berth_request_engine(request), berth_request_argument(request), error);

	if (!changes)
		return false;
	// Where there are none, Docker says null.
	bool done = changes->len ? berth_reply_documents(request, &api_change_document, changes)
				 : berth_reply_text(request, 200, BERTH_CONTENT_JSON, "null\n");
	berth_objects_free(changes, &api_change_document);
	return done;
}

bool berth_handle_container_commit(struct berth_request *request, GError **error)
{
	const char *container = berth_request_given(request, "container"),
		   *repository = berth_request_given(request, "repo"), *tag = berth_request_given(request, "tag");
	g_autofree char *name = repository && tag ? g_strconcat(repository, ":", tag, NULL) : g_strdup(repository);
	g_autoptr(api_container_config) config = NULL;
	size_t length;
	const char *body = berth_request_body(request, &length);

	if (!container)
		return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter container: is required");
	if (length > 0 && strncmp(body, "null", strlen("null")) != 0 &&
	    !(config = berth_request_document(request, &api_container_config_document, error)))
		return false;
	const struct berth_engine_commit commit = {
		.name = name,
		.comment = berth_request_given(request, "comment"),
		.author = berth_request_given(request, "author"),
		.pause = berth_request_switch(request, "pause", true),
		.changes = berth_request_list(request, "changes"),
		.config = config,
	};
	g_autofree char *id = berth_engine_container_commit(berth_request_engine(request), container, &commit, error);
	if (!id)
		return false;
	BERTH_AUTO_JSON json_t *answer = json_pack("{s:s}", "Id", id);
	return berth_reply_json(request, 201, answer);
}

static const char *folder_of(const struct berth_request *request)
{
	return berth_request_given(request, "dir");
}

bool berth_handle_checkpoint_list(struct berth_request *request, GError **error)
{
	g_auto(GStrv) names = berth_engine_checkpoint_list(berth_request_engine(request),
							   berth_request_argument(request), folder_of(request), error);
	BERTH_AUTO_JSON json_t *answer = json_array();

	for (char **name = names; name && *name; name++)
		json_array_append_new(answer, json_pack("{s:s}", "Name", *name));
	return names && berth_reply_json(request, 200, answer);
}

bool berth_handle_checkpoint_create(struct berth_request *request, GError **error)
{
	g_autoptr(api_checkpoint_create) create =
		berth_request_document(request, &api_checkpoint_create_document, error);

	return create &&
	       berth_engine_checkpoint_create(berth_request_engine(request), berth_request_argument(request),
					      create->checkpoint_id, create->checkpoint_dir, create->exits, error) &&
	       berth_reply_empty(request, 201);
}

// The path is "<container>/checkpoints/<name>"; what else has slashes is a link's name (berth_handle_container_remove).
bool berth_handle_checkpoint_remove(struct berth_request *request, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(berth_request_argument(request), "/checkpoints/", 2);

	if (!parts[0] || !parts[1])
		return berth_handle_container_remove(request, error);
	return berth_engine_checkpoint_remove(berth_request_engine(request), parts[0], parts[1], folder_of(request),
					      error) &&
	       berth_reply_empty(request, 204);
}
