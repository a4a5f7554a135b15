// SPDX-License-Identifier: Apache-2.0
#include "spec/api-volume.h"

static const struct berth_field usage_fields[] = {
	BERTH_INT64(struct api_volume_usage, size, "Size", 0),
	BERTH_INT64(struct api_volume_usage, ref_count, "RefCount", 0),
	{0},
};
const struct berth_document api_volume_usage_document = {"volume's usage", sizeof(struct api_volume_usage),
							 usage_fields};

#define VOLUME struct api_volume
static const struct berth_field volume_fields[] = {
	BERTH_STRING(VOLUME, created_at, "CreatedAt", BERTH_OMIT_EMPTY),
	BERTH_STRING(VOLUME, driver, "Driver", 0),
	BERTH_MAP(VOLUME, labels, "Labels", BERTH_NULL_EMPTY),
	BERTH_STRING(VOLUME, mountpoint, "Mountpoint", 0),
	BERTH_STRING(VOLUME, name, "Name", 0),
	BERTH_MAP(VOLUME, options, "Options", BERTH_NULL_EMPTY),
	BERTH_STRING(VOLUME, scope, "Scope", 0),
	BERTH_JSON(VOLUME, status, "Status", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(VOLUME, usage, "UsageData", &api_volume_usage_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_volume_document = {"volume", sizeof(VOLUME), volume_fields};

static const struct berth_field create_fields[] = {
	BERTH_STRING(struct api_volume_create, name, "Name", 0),
	BERTH_STRING(struct api_volume_create, driver, "Driver", 0),
	BERTH_MAP(struct api_volume_create, driver_opts, "DriverOpts", BERTH_NULL_EMPTY),
	BERTH_MAP(struct api_volume_create, labels, "Labels", BERTH_NULL_EMPTY),
	BERTH_JSON(struct api_volume_create, cluster_volume_spec, "ClusterVolumeSpec", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_volume_create_document = {"volume to make", sizeof(struct api_volume_create),
							  create_fields};

static const struct berth_field prune_fields[] = {
	BERTH_STRINGS(struct api_volume_prune_report, volumes_deleted, "VolumesDeleted", 0),
	BERTH_INT64(struct api_volume_prune_report, space_reclaimed, "SpaceReclaimed", 0),
	{0},
};
const struct berth_document api_volume_prune_report_document = {"volumes pruned",
								sizeof(struct api_volume_prune_report), prune_fields};
