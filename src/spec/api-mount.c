// SPDX-License-Identifier: Apache-2.0
#include "spec/api-mount.h"

static const struct berth_field bind_options_fields[] = {
	BERTH_STRING(struct api_bind_options, propagation, "Propagation", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_bind_options, non_recursive, "NonRecursive", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct api_bind_options, create_mountpoint, "CreateMountpoint", BERTH_OMIT_EMPTY),
	{
		.name = "ReadOnlyNonRecursive",
		.type = BERTH_FIELD_BOOL,
		.offset = offsetof(struct api_bind_options, read_only_non_recursive),
		.flags = BERTH_OMIT_EMPTY,
		.since = 144,
	},
	{
		.name = "ReadOnlyForceRecursive",
		.type = BERTH_FIELD_BOOL,
		.offset = offsetof(struct api_bind_options, read_only_force_recursive),
		.flags = BERTH_OMIT_EMPTY,
		.since = 144,
	},
	{0},
};
const struct berth_document api_bind_options_document = {"bind options", sizeof(struct api_bind_options),
							 bind_options_fields};

static const struct berth_field volume_options_fields[] = {
	BERTH_BOOL(struct api_volume_options, no_copy, "NoCopy", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct api_volume_options, labels, "Labels", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_volume_options, driver_config, "DriverConfig", BERTH_OMIT_EMPTY),
	{
		.name = "Subpath",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_volume_options, subpath),
		.flags = BERTH_OMIT_EMPTY,
		.since = 145,
	},
	{0},
};
const struct berth_document api_volume_options_document = {"volume options", sizeof(struct api_volume_options),
							   volume_options_fields};

static const struct berth_field tmpfs_options_fields[] = {
	BERTH_INT64(struct api_tmpfs_options, size_bytes, "SizeBytes", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_tmpfs_options, mode, "Mode", BERTH_OMIT_EMPTY),
	{
		.name = "Options",
		.type = BERTH_FIELD_JSON,
		.offset = offsetof(struct api_tmpfs_options, options),
		.flags = BERTH_OMIT_EMPTY,
		.since = 146,
	},
	{0},
};
const struct berth_document api_tmpfs_options_document = {"tmpfs options", sizeof(struct api_tmpfs_options),
							  tmpfs_options_fields};

static const struct berth_field image_mount_options_fields[] = {
	BERTH_STRING(struct api_image_mount_options, subpath, "Subpath", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_image_mount_options_document = {"image options", sizeof(struct api_image_mount_options),
								image_mount_options_fields};

static const struct berth_field mount_fields[] = {
	BERTH_STRING(struct api_mount, type, "Type", 0),
	BERTH_STRING(struct api_mount, source, "Source", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount, target, "Target", 0),
	BERTH_BOOL(struct api_mount, read_only, "ReadOnly", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount, consistency, "Consistency", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, bind_options, "BindOptions", &api_bind_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, volume_options, "VolumeOptions", &api_volume_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, tmpfs_options, "TmpfsOptions", &api_tmpfs_options_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_mount, image_options, "ImageOptions", &api_image_mount_options_document,
		     BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_mount, uid, "UID", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct api_mount, gid, "GID", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_mount_document = {"Mount", sizeof(struct api_mount), mount_fields};

static const struct berth_field mount_point_fields[] = {
	BERTH_STRING(struct api_mount_point, type, "Type", 0),
	BERTH_STRING(struct api_mount_point, name, "Name", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount_point, source, "Source", 0),
	BERTH_STRING(struct api_mount_point, destination, "Destination", 0),
	BERTH_STRING(struct api_mount_point, driver, "Driver", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_mount_point, mode, "Mode", 0),
	BERTH_BOOL(struct api_mount_point, rw, "RW", 0),
	BERTH_STRING(struct api_mount_point, propagation, "Propagation", 0),
	{0},
};
const struct berth_document api_mount_point_document = {"mount point", sizeof(struct api_mount_point),
							mount_point_fields};
