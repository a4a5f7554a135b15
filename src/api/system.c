// SPDX-License-Identifier: Apache-2.0
// Handlers of the engine as a whole, and of what this version does not have.
#include "api/request.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/volumes.h"

#include <string.h>

bool berth_handle_ping(struct berth_request *request, G_GNUC_UNUSED GError **error)
{
	berth_reply_header(request, "Builder-Version", "1");
	berth_reply_header(request, "Swarm", "inactive");
	berth_reply_header(request, "Cache-Control", "no-cache, no-store, must-revalidate");
	berth_reply_header(request, "Pragma", "no-cache");
	return berth_reply_text(request, 200, "text/plain; charset=utf-8", "OK");
}

bool berth_handle_version(struct berth_request *request, GError **error)
{
	g_autoptr(api_version) version = berth_engine_version(berth_request_engine(request), error);

	return version && berth_reply_document(request, 200, &api_version_document, version);
}

bool berth_handle_info(struct berth_request *request, GError **error)
{
	g_autoptr(api_info) info = berth_engine_info(berth_request_engine(request), error);

	return info && berth_reply_document(request, 200, &api_info_document, info);
}

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

bool berth_handle_disk_usage(struct berth_request *request, GError **error)
{
	GPtrArray *images = berth_images_list(berth_request_images(request), NULL, false, error);
	GPtrArray *containers =
		images ? berth_engine_container_list(berth_request_engine(request),
						     &(struct berth_list_query){.all = true, .size = true}, error)
		       : NULL;
	GPtrArray *volumes =
		containers ? berth_engine_volume_list(berth_request_engine(request), NULL, true, error) : NULL;
	g_autoptr(api_image_tree) tree = volumes ? berth_images_tree(berth_request_images(request), NULL, error) : NULL;

	for (guint i = 0; tree && i < images->len; i++)
		share(images->pdata[i], tree);
	if (tree) {
		BERTH_AUTO_JSON json_t *usage = json_pack(
			"{s:I, s:o, s:o, s:o, s:[]}", "LayersSize", (json_int_t) tree->layers_size, "Images",
			berth_request_print_documents(request, &api_image_summary_document, images), "Containers",
			berth_request_print_documents(request, &api_container_summary_document, containers), "Volumes",
			berth_request_print_documents(request, &api_volume_document, volumes), "BuildCache");
		berth_reply_json(request, 200, usage);
	}
	if (volumes)
		berth_objects_free(volumes, &api_volume_document);
	if (containers)
		berth_objects_free(containers, &api_container_summary_document);
	if (images)
		berth_objects_free(images, &api_image_summary_document);
	return tree;
}

// Plugins that nobody could make do not exist: their list is empty and nothing is pruned.
bool berth_handle_build_prune(struct berth_request *request, G_GNUC_UNUSED GError **error)
{
	BERTH_AUTO_JSON json_t *report = json_pack("{s:[], s:i}", "CachesDeleted", "SpaceReclaimed", 0);

	return berth_reply_json(request, 200, report);
}

bool berth_handle_plugin_list(struct berth_request *request, G_GNUC_UNUSED GError **error)
{
	BERTH_AUTO_JSON json_t *list = json_array();

	return berth_reply_json(request, 200, list);
}

bool berth_handle_no_swarm(G_GNUC_UNUSED struct berth_request *request, GError **error)
{
	return berth_error_set(
		error, BERTH_ERROR_UNAVAILABLE,
		"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
		"connect this node to swarm and try again.");
}

bool berth_handle_refused(struct berth_request *request, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s is not supported by this version of Berth",
			       berth_request_summary(request));
}
