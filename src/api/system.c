// SPDX-License-Identifier: Apache-2.0
// Handlers of the engine as a whole, and of what this version does not have.
#include "api/request.h"
#include "api/shape.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/volume/volumes.h"
#include "spec/api-container.h"
#include "spec/api-system.h"

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

	if (info)
		berth_shape_info(info, berth_request_version(request));
	return info && berth_reply_document(request, 200, &api_info_document, info);
}

// The parts of the answer; what is not asked for is null.

static bool add_images(struct berth_request *request, json_t *usage, GError **error)
{
	GPtrArray *images = berth_images_list(berth_request_images(request), NULL, false, error);
	int64_t layers = 0;
	bool shared = images && berth_request_share_images(request, images, &layers, error);

	if (shared) {
		json_object_set_new(usage, "LayersSize", json_integer(layers));
		json_object_set_new(usage, "Images", berth_request_print_images(request, images));
	}
	if (images)
		berth_objects_free(images, &api_image_summary_document);
	return shared;
}

static bool add_containers(struct berth_request *request, json_t *usage, GError **error)
{
	GPtrArray *containers = berth_engine_container_list(
		berth_request_engine(request), &(struct berth_list_query){.all = true, .size = true}, error);

	if (!containers)
		return false;
	json_object_set_new(usage, "Containers",
			    berth_request_print_documents(request, &api_container_summary_document, containers));
	berth_objects_free(containers, &api_container_summary_document);
	return true;
}

static bool add_volumes(struct berth_request *request, json_t *usage, GError **error)
{
	GPtrArray *volumes = berth_engine_volume_list(berth_request_engine(request), NULL, true, error);

	if (!volumes)
		return false;
	json_object_set_new(usage, "Volumes", berth_request_print_documents(request, &api_volume_document, volumes));
	berth_objects_free(volumes, &api_volume_document);
	return true;
}

static bool add_build_cache(struct berth_request *request, json_t *usage, GError **error)
{
	json_t *records;
	int64_t size;

	if (!berth_request_list_build_cache(request, &records, &size, error))
		return false;
	if (berth_request_version(request) < 142)
		json_object_set_new(usage, "BuilderSize", json_integer(size));
	return json_object_set_new(usage, "BuildCache", records) == 0;
}

static const struct {
	const char *type;
	bool (*add)(struct berth_request *request, json_t *usage, GError **error);
} usages[] = {
	{"container", add_containers},
	{"image", add_images},
	{"volume", add_volumes},
	{"build-cache", add_build_cache},
};

static bool is_asked_for(const struct berth_request *request, const char *type)
{
	char *const *types = berth_request_list(request, "type");

	return !types || g_strv_contains((const char *const *) types, type);
}

static bool check_types(const struct berth_request *request, GError **error)
{
	for (char *const *type = berth_request_list(request, "type"); type && *type; type++) {
		size_t i = 0;
		while (i < G_N_ELEMENTS(usages) && strcmp(usages[i].type, *type) != 0)
			i++;
		if (i == G_N_ELEMENTS(usages))
			return berth_error_set(error, BERTH_ERROR_INVALID, "unknown object type: %s", *type);
	}
	return true;
}

bool berth_handle_disk_usage(struct berth_request *request, GError **error)
{
	BERTH_AUTO_JSON json_t *usage = json_pack("{s:i, s:n, s:n, s:n, s:n}", "LayersSize", 0, "Images", "Containers",
						  "Volumes", "BuildCache");

	if (!check_types(request, error))
		return false;
	if (berth_request_version(request) < 142)
		json_object_set_new(usage, "BuilderSize", json_integer(0));
	for (size_t i = 0; i < G_N_ELEMENTS(usages); i++)
		if (is_asked_for(request, usages[i].type) && !usages[i].add(request, usage, error))
			return false;
	return berth_reply_json(request, 200, usage);
}

bool berth_handle_no_swarm(G_GNUC_UNUSED struct berth_request *request, GError **error)
{
	return berth_error_set(
		error, BERTH_ERROR_UNAVAILABLE,
		"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
		"connect this node to swarm and try again.");
}

bool berth_handle_options(struct berth_request *request, G_GNUC_UNUSED GError **error)
{
	return berth_reply_empty(request, 200);
}

bool berth_handle_refused(struct berth_request *request, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s is not supported by this version of Berth",
			       berth_request_summary(request));
}
