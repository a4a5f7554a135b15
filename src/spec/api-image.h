// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of images.
#pragma once

#include "base/document.h"

struct api_container_config;

struct api_graph_driver {
	char *name;
	GHashTable *data;
};
extern const struct berth_document api_graph_driver_document;

struct api_image_summary {
	char *id;
	char *parent_id;
	char **repo_tags;
	char **repo_digests;
	int64_t created; // Unix time
	int64_t size; // bytes
	int64_t virtual_size;
	int64_t shared_size; // -1: not counted
	GHashTable *labels;
	int64_t containers; // -1: not counted
};
extern const struct berth_document api_image_summary_document;

struct api_image_rootfs {
	char *type;
	char **layers;
};
extern const struct berth_document api_image_rootfs_document;

struct api_image_metadata {
	char *last_tag_time;
};
extern const struct berth_document api_image_metadata_document;

struct api_image_inspect {
	char *id;
	char **repo_tags;
	char **repo_digests;
	char *parent;
	char *comment;
	char *created;
	char *container; // which it was made of; never known here
	struct api_container_config *container_config;
	char *docker_version;
	char *author;
	struct api_container_config *config;
	char *architecture;
	char *variant;
	char *os;
	int64_t size;
	int64_t virtual_size;
	struct api_graph_driver *graph_driver;
	struct api_image_rootfs *root_fs;
	struct api_image_metadata *metadata;
};
extern const struct berth_document api_image_inspect_document;

struct api_image_history {
	char *id; // or <missing>
	int64_t created;
	char *created_by;
	char **tags;
	int64_t size;
	char *comment;
};
extern const struct berth_document api_image_history_document;

struct api_image_deleted {
	char *untagged;
	char *deleted;
};
extern const struct berth_document api_image_deleted_document;

struct api_prune_report {
	char **containers_deleted;
	GPtrArray *images_deleted; // of struct api_image_deleted
	int64_t space_reclaimed;
};
extern const struct berth_document api_prune_report_document;

BERTH_DOCUMENT_AUTOPTR(api_graph_driver, api_graph_driver_document)
BERTH_DOCUMENT_AUTOPTR(api_image_summary, api_image_summary_document)
BERTH_DOCUMENT_AUTOPTR(api_image_rootfs, api_image_rootfs_document)
BERTH_DOCUMENT_AUTOPTR(api_image_metadata, api_image_metadata_document)
BERTH_DOCUMENT_AUTOPTR(api_image_inspect, api_image_inspect_document)
BERTH_DOCUMENT_AUTOPTR(api_image_history, api_image_history_document)
BERTH_DOCUMENT_AUTOPTR(api_image_deleted, api_image_deleted_document)
BERTH_DOCUMENT_AUTOPTR(api_prune_report, api_prune_report_document)
