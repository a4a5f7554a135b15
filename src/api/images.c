// SPDX-License-Identifier: Apache-2.0
// Handlers of /images.
#include "api/progress.h"
#include "api/shape.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/api-container.h"

#include <string.h>

static void share(struct api_image_summary *summary, const struct api_image_tree *tree)
{
	for (guint i = 0; i < tree->images->len; i++) {
		const struct api_tree_image *image = tree->images->pdata[i];
		if (strcmp(image->id, summary->id) == 0) {
			summary->shared_size = image->shared;
			summary->containers = image->containers;
		}
	}
}

bool berth_request_share_images(struct berth_request *request, GPtrArray *images, int64_t *ret_layers, GError **error)
{
	g_autoptr(api_image_tree) tree = berth_images_tree(berth_request_images(request), NULL, error);

	for (guint i = 0; tree && i < images->len; i++)
		share(images->pdata[i], tree);
	if (tree && ret_layers)
		*ret_layers = tree->layers_size;
	return tree;
}

json_t *berth_request_print_images(const struct berth_request *request, GPtrArray *images)
{
	for (guint i = 0; i < images->len; i++)
		berth_shape_image(images->pdata[i], berth_request_version(request));
	return berth_request_print_documents(request, &api_image_summary_document, images);
}

bool berth_handle_image_list(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error))
		return false;
	GPtrArray *images = berth_images_list(berth_request_images(request), filters,
					      berth_request_switch(request, "all", false), error);
	bool done = images && (!berth_request_switch(request, "shared-size", false) ||
			       berth_request_share_images(request, images, NULL, error));
	if (done) {
		BERTH_AUTO_JSON json_t *list = berth_request_print_images(request, images);
		berth_reply_json(request, 200, list);
	}
	if (images)
		berth_objects_free(images, &api_image_summary_document);
	return done;
}

bool berth_handle_image_inspect(struct berth_request *request, GError **error)
{
	g_autoptr(api_image_inspect) image =
		berth_images_inspect(berth_request_images(request), berth_request_argument(request), error);

	return image && berth_reply_document(request, 200, &api_image_inspect_document, image);
}

bool berth_handle_image_history(struct berth_request *request, GError **error)
{
	GPtrArray *history =
		berth_images_history(berth_request_images(request), berth_request_argument(request), error);

	if (!history)
		return false;
	berth_reply_documents(request, &api_image_history_document, history);
	berth_objects_free(history, &api_image_history_document);
	return true;
}

// "repo" and "tag" of a query as one name: "busybox", "busybox:1", "busybox@sha256:…". NULL if there is no repo.
static char *name_of(const struct berth_request *request)
{
	const char *repository = berth_request_text(request, "repo"), *tag = berth_request_text(request, "tag");

	if (!repository || !*repository)
		return NULL;
	if (!tag || !*tag)
		return g_strdup(repository);
	return g_strconcat(repository, strchr(tag, ':') ? "@" : ":", tag, NULL);
}

bool berth_handle_image_tag(struct berth_request *request, GError **error)
{
	g_autofree char *name = name_of(request);

	return berth_images_tag(berth_request_images(request), berth_request_argument(request), name, error) &&
	       berth_reply_empty(request, 201);
}

bool berth_handle_image_remove(struct berth_request *request, GError **error)
{
	GPtrArray *removed = berth_images_remove(berth_request_images(request), berth_request_argument(request),
						 berth_request_switch(request, "force", false),
						 !berth_request_switch(request, "noprune", false), error);

	if (!removed)
		return false;
	berth_reply_documents(request, &api_image_deleted_document, removed);
	berth_objects_free(removed, &api_image_deleted_document);
	return true;
}

static bool import(struct berth_request *request, GError **error)
{
	g_autofree char *name = name_of(request);
	struct berth_progress_stream stream = {request, false};
	const char *message = berth_request_text(request, "message"),
		   *platform = berth_request_text(request, "platform");
	GError *failure = NULL;

	g_autofree char *id =
		berth_images_import(berth_request_images(request), berth_request_body_fd(request), name,
				    berth_request_list(request, "changes"), message,
				    platform && *platform ? platform : NULL, berth_progress_write, &stream, &failure);
	if (id)
		berth_progress_write(&stream, &(struct api_progress){.status = id});
	return berth_progress_end(&stream, failure, error);
}

bool berth_handle_image_create(struct berth_request *request, GError **error)
{
	const char *source = berth_request_text(request, "fromSrc"), *image = berth_request_text(request, "fromImage");

	if (image && *image)
		return berth_handle_image_pull(request, error);
	if (!source || !*source)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "query parameter fromSrc or fromImage: one of them is required");
	if (strcmp(source, "-") != 0)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"importing from %s: only fromSrc=- (the request's body) is supported by this version", source);
	return import(request, error);
}

bool berth_handle_image_load(struct berth_request *request, GError **error)
{
	struct berth_progress_stream stream = {request, berth_request_switch(request, "quiet", false)};
	GError *failure = NULL;

	berth_images_load(berth_request_images(request), berth_request_body_fd(request), berth_progress_write, &stream,
			  &failure);
	return berth_progress_end(&stream, failure, error);
}

static gssize read_save(void *save, void *buffer, size_t size, GError **error)
{
	return berth_image_save_read(save, buffer, size, error);
}

static void free_save(void *save)
{
	berth_image_save_free(save);
}

static bool save(struct berth_request *request, char *const *names, GError **error)
{
	int64_t size;
	struct berth_image_save *archive = berth_images_save(berth_request_images(request), names, &size, error);

	return archive && berth_reply_read(request, "application/x-tar", size, read_save, archive, free_save);
}

bool berth_handle_image_save(struct berth_request *request, GError **error)
{
	char *names[] = {(char *) berth_request_argument(request), NULL};

	return save(request, names, error);
}

bool berth_handle_images_save(struct berth_request *request, GError **error)
{
	return save(request, berth_request_list(request, "names"), error);
}

static GHashTable *images_in_use(struct berth_request *request, GError **error)
{
	GHashTable *used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *containers = berth_engine_container_list(berth_request_engine(request),
							    &(struct berth_list_query){.all = true}, error);

	if (!containers) {
		g_hash_table_unref(used);
		return NULL;
	}
	for (guint i = 0; i < containers->len; i++) {
		const struct api_container_summary *container = containers->pdata[i];
		g_hash_table_add(used, g_strdup(container->image_id ? container->image_id : ""));
	}
	berth_objects_free(containers, &api_container_summary_document);
	return used;
}

// Removes an image by each of its names, or by its id; one that came into use meanwhile stays.
static void prune_image(struct berth_images *images, const struct api_image_summary *image,
			struct api_prune_report *report)
{
	char *const by_id[] = {image->id, NULL};
	bool deleted = false;

	for (char *const *name = image->repo_tags && image->repo_tags[0] ? image->repo_tags : by_id; *name; name++) {
		GPtrArray *removed = berth_images_remove(images, *name, false, true, NULL);
		for (guint i = 0; removed && i < removed->len; i++) {
			struct api_image_deleted *entry = removed->pdata[i];
			deleted = deleted || entry->deleted;
			g_ptr_array_add(report->images_deleted,
					berth_document_copy(&api_image_deleted_document, entry));
		}
		if (removed)
			berth_objects_free(removed, &api_image_deleted_document);
	}
	if (deleted)
		report->space_reclaimed += image->size;
}

bool berth_handle_image_prune(struct berth_request *request, GError **error)
{
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error) ||
	    (!filters && !(filters = berth_filters_parse("{\"dangling\":[\"true\"]}", error))))
		return false;
	char *const *dangling = g_hash_table_lookup(filters, "dangling");
	if (!dangling)
		g_hash_table_insert(filters, g_strdup("dangling"), g_strsplit("true", ",", -1));
	else if (dangling[0] && !berth_route_switch(dangling[0])) // all that no container uses
		g_hash_table_remove(filters, "dangling");
	g_autoptr(GHashTable) used = images_in_use(request, error);
	GPtrArray *images = used ? berth_images_list(berth_request_images(request), filters, false, error) : NULL;
	if (!images)
		return false;
	g_autoptr(api_prune_report) report = berth_document_new(&api_prune_report_document);
	report->images_deleted = berth_objects_new();
	for (guint i = 0; i < images->len; i++) {
		const struct api_image_summary *image = images->pdata[i];
		if (!g_hash_table_contains(used, image->id))
			prune_image(berth_request_images(request), image, report);
	}
	berth_objects_free(images, &api_image_summary_document);
	if (!berth_engine_tell_prune(berth_request_engine(request), "image", report->space_reclaimed, error))
		return false;
	return berth_reply_document(request, 200, &api_prune_report_document, report);
}
