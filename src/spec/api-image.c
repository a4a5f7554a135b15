// SPDX-License-Identifier: Apache-2.0
#include "spec/api-image.h"

#include "spec/api-config.h"

static const struct berth_field graph_driver_fields[] = {
	BERTH_STRING(struct api_graph_driver, name, "Name", 0),
	BERTH_MAP(struct api_graph_driver, data, "Data", BERTH_NULL_EMPTY),
	{0},
};
const struct berth_document api_graph_driver_document = {"graph driver", sizeof(struct api_graph_driver),
							 graph_driver_fields};

static const struct berth_field image_summary_fields[] = {
	BERTH_STRING(struct api_image_summary, id, "Id", 0),
	BERTH_STRING(struct api_image_summary, parent_id, "ParentId", 0),
	BERTH_STRINGS(struct api_image_summary, repo_tags, "RepoTags", 0),
	BERTH_STRINGS(struct api_image_summary, repo_digests, "RepoDigests", 0),
	BERTH_INT64(struct api_image_summary, created, "Created", 0),
	BERTH_INT64(struct api_image_summary, size, "Size", 0),
	{
		.name = "VirtualSize",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_image_summary, virtual_size),
		.flags = 0,
		.until = 143,
	},
	BERTH_INT64(struct api_image_summary, shared_size, "SharedSize", 0),
	BERTH_MAP(struct api_image_summary, labels, "Labels", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_image_summary, containers, "Containers", 0),
	{0},
};
const struct berth_document api_image_summary_document = {"image summary", sizeof(struct api_image_summary),
							  image_summary_fields};

static const struct berth_field image_rootfs_fields[] = {
	BERTH_STRING(struct api_image_rootfs, type, "Type", 0),
	BERTH_STRINGS(struct api_image_rootfs, layers, "Layers", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_rootfs_document = {"image rootfs", sizeof(struct api_image_rootfs),
							 image_rootfs_fields};

static const struct berth_field image_metadata_fields[] = {
	BERTH_STRING(struct api_image_metadata, last_tag_time, "LastTagTime", 0),
	{0},
};
const struct berth_document api_image_metadata_document = {"image metadata", sizeof(struct api_image_metadata),
							   image_metadata_fields};

static const struct berth_field image_inspect_fields[] = {
	BERTH_STRING(struct api_image_inspect, id, "Id", 0),
	BERTH_STRINGS(struct api_image_inspect, repo_tags, "RepoTags", 0),
	BERTH_STRINGS(struct api_image_inspect, repo_digests, "RepoDigests", 0),
	BERTH_STRING(struct api_image_inspect, parent, "Parent", 0),
	BERTH_STRING(struct api_image_inspect, comment, "Comment", 0),
	BERTH_STRING(struct api_image_inspect, created, "Created", BERTH_OMIT_EMPTY),
	{
		.name = "Container",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_image_inspect, container),
		.until = 144,
	},
	// Docker has it until 1.44. docker-compose 1.29 speaks the newest version and cannot do without it.
	BERTH_OBJECT(struct api_image_inspect, container_config, "ContainerConfig", &api_container_config_document, 0),
	BERTH_STRING(struct api_image_inspect, docker_version, "DockerVersion", 0),
	BERTH_STRING(struct api_image_inspect, author, "Author", 0),
	BERTH_OBJECT(struct api_image_inspect, config, "Config", &api_container_config_document, 0),
	BERTH_STRING(struct api_image_inspect, architecture, "Architecture", 0),
	BERTH_STRING(struct api_image_inspect, variant, "Variant", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_image_inspect, os, "Os", 0),
	BERTH_INT64(struct api_image_inspect, size, "Size", 0),
	{
		.name = "VirtualSize",
		.type = BERTH_FIELD_INT64,
		.offset = offsetof(struct api_image_inspect, virtual_size),
		.flags = 0,
		.until = 143,
	},
	BERTH_OBJECT(struct api_image_inspect, graph_driver, "GraphDriver", &api_graph_driver_document, 0),
	BERTH_OBJECT(struct api_image_inspect, root_fs, "RootFS", &api_image_rootfs_document, 0),
	BERTH_OBJECT(struct api_image_inspect, metadata, "Metadata", &api_image_metadata_document, 0),
	{0},
};
const struct berth_document api_image_inspect_document = {"image inspect", sizeof(struct api_image_inspect),
							  image_inspect_fields};

static const struct berth_field image_history_fields[] = {
	BERTH_STRING(struct api_image_history, id, "Id", 0),
	BERTH_INT64(struct api_image_history, created, "Created", 0),
	BERTH_STRING(struct api_image_history, created_by, "CreatedBy", 0),
	BERTH_STRINGS(struct api_image_history, tags, "Tags", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_image_history, size, "Size", 0),
	BERTH_STRING(struct api_image_history, comment, "Comment", 0),
	{0},
};
const struct berth_document api_image_history_document = {"image history", sizeof(struct api_image_history),
							  image_history_fields};

static const struct berth_field image_deleted_fields[] = {
	BERTH_STRING(struct api_image_deleted, untagged, "Untagged", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_image_deleted, deleted, "Deleted", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_deleted_document = {"image deleted", sizeof(struct api_image_deleted),
							  image_deleted_fields};

static const struct berth_field prune_report_fields[] = {
	BERTH_STRINGS(struct api_prune_report, containers_deleted, "ContainersDeleted", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct api_prune_report, images_deleted, "ImagesDeleted", &api_image_deleted_document,
		      BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_prune_report, space_reclaimed, "SpaceReclaimed", 0),
	{0},
};
const struct berth_document api_prune_report_document = {"prune report", sizeof(struct api_prune_report),
							 prune_report_fields};
