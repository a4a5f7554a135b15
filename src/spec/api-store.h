// SPDX-License-Identifier: Apache-2.0
// Documents of the Engine API that Docker's does not have: what is shared among images, and what a check found.
#pragma once

#include "base/document.h"

struct api_tree_layer {
	char *chain_id; // of its snapshot
	char *parent; // chain id of the layer below; NULL for the lowest
	char *digest; // of its blob
	int64_t size; // bytes of its files
	int64_t blob_size; // bytes of its blob as it is kept
	char **images; // ids of those that have it
	int64_t containers; // that stand on it, whatever their image is called now
};
extern const struct berth_document api_tree_layer_document;

struct api_tree_image {
	char *id;
	char **names;
	char **layers; // chain ids, lowest first
	int64_t size; // bytes of the files of all its layers
	int64_t shared; // of those layers that other images have, too
	int64_t freed; // bytes on the disk that deleting it would free: layers and blobs that nothing else needs
	int64_t containers; // that use it
};
extern const struct berth_document api_tree_image_document;

struct api_image_tree {
	GPtrArray *images; // of struct api_tree_image
	GPtrArray *layers; // of struct api_tree_layer, parents first
	int64_t layers_size; // bytes of the files of all layers, each once
};
extern const struct berth_document api_image_tree_document;

struct api_check_problem {
	char *object; // "blob sha256:…"
	char *cause;
	char **users; // "image sha256:…"
	char *remedy; // what to do about it; NULL when it was repaired
	bool repaired;
};
extern const struct berth_document api_check_problem_document;

struct api_check_report {
	int64_t blobs, bytes, snapshots, references; // looked at
	GPtrArray *problems; // of struct api_check_problem
	bool whole; // nothing is broken, or nothing any more
};
extern const struct berth_document api_check_report_document;

BERTH_DOCUMENT_AUTOPTR(api_image_tree, api_image_tree_document)
BERTH_DOCUMENT_AUTOPTR(api_check_report, api_check_report_document)
