// SPDX-License-Identifier: Apache-2.0
#include "spec/api-store.h"

static const struct berth_field tree_layer_fields[] = {
	BERTH_STRING(struct api_tree_layer, chain_id, "ChainID", 0),
	BERTH_STRING(struct api_tree_layer, parent, "Parent", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_tree_layer, digest, "Digest", 0),
	BERTH_INT64(struct api_tree_layer, size, "Size", 0),
	BERTH_INT64(struct api_tree_layer, blob_size, "BlobSize", 0),
	BERTH_STRINGS(struct api_tree_layer, images, "Images", 0),
	BERTH_INT64(struct api_tree_layer, containers, "Containers", 0),
	{0},
};
const struct berth_document api_tree_layer_document = {"layer", sizeof(struct api_tree_layer), tree_layer_fields};

static const struct berth_field tree_image_fields[] = {
	BERTH_STRING(struct api_tree_image, id, "Id", 0),
	BERTH_STRINGS(struct api_tree_image, names, "Names", 0),
	BERTH_STRINGS(struct api_tree_image, layers, "Layers", 0),
	BERTH_INT64(struct api_tree_image, size, "Size", 0),
	BERTH_INT64(struct api_tree_image, shared, "SharedSize", 0),
	BERTH_INT64(struct api_tree_image, freed, "FreedSize", 0),
	BERTH_INT64(struct api_tree_image, containers, "Containers", 0),
	{0},
};
const struct berth_document api_tree_image_document = {"image", sizeof(struct api_tree_image), tree_image_fields};

static const struct berth_field image_tree_fields[] = {
	BERTH_OBJECTS(struct api_image_tree, images, "Images", &api_tree_image_document, 0),
	BERTH_OBJECTS(struct api_image_tree, layers, "Layers", &api_tree_layer_document, 0),
	BERTH_INT64(struct api_image_tree, layers_size, "LayersSize", 0),
	{0},
};
const struct berth_document api_image_tree_document = {"image tree", sizeof(struct api_image_tree), image_tree_fields};

static const struct berth_field check_problem_fields[] = {
	BERTH_STRING(struct api_check_problem, object, "Object", 0),
	BERTH_STRING(struct api_check_problem, cause, "Cause", 0),
	BERTH_STRINGS(struct api_check_problem, users, "UsedBy", 0),
	BERTH_STRING(struct api_check_problem, remedy, "Remedy", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_check_problem, repaired, "Repaired", 0),
	{0},
};
const struct berth_document api_check_problem_document = {"problem", sizeof(struct api_check_problem),
							  check_problem_fields};

static const struct berth_field check_report_fields[] = {
	BERTH_INT64(struct api_check_report, blobs, "Blobs", 0),
	BERTH_INT64(struct api_check_report, bytes, "Bytes", 0),
	BERTH_INT64(struct api_check_report, snapshots, "Snapshots", 0),
	BERTH_INT64(struct api_check_report, references, "References", 0),
	BERTH_OBJECTS(struct api_check_report, problems, "Problems", &api_check_problem_document, 0),
	BERTH_BOOL(struct api_check_report, whole, "Whole", 0),
	{0},
};
const struct berth_document api_check_report_document = {"check report", sizeof(struct api_check_report),
							 check_report_fields};
