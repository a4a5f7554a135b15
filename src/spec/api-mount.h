// SPDX-License-Identifier: Apache-2.0
// Objects of the Docker Engine API of mounts: as they are asked for, and as they are told of.
#pragma once

#include "base/document.h"

struct api_bind_options {
	char *propagation;
	bool non_recursive;
	bool create_mountpoint;
	bool read_only_non_recursive;
	bool read_only_force_recursive;
};
extern const struct berth_document api_bind_options_document;

struct api_volume_options {
	bool no_copy;
	GHashTable *labels;
	json_t *driver_config;
	char *subpath;
};
extern const struct berth_document api_volume_options_document;

struct api_tmpfs_options {
	int64_t size_bytes;
	int64_t mode;
	json_t *options;
};
extern const struct berth_document api_tmpfs_options_document;

struct api_image_mount_options {
	char *subpath;
};
extern const struct berth_document api_image_mount_options_document;

struct api_mount {
	char *type; // bind volume tmpfs image
	char *source;
	char *target;
	bool read_only;
	char *consistency;
	struct api_bind_options *bind_options;
	struct api_volume_options *volume_options;
	struct api_tmpfs_options *tmpfs_options;
	struct api_image_mount_options *image_options;
	int64_t uid, gid; // Berth's own: whose the files are, as the container sees them; BERTH_UNSET: as they are
};
extern const struct berth_document api_mount_document;

struct api_mount_point {
	char *type;
	char *name;
	char *source;
	char *destination;
	char *driver;
	char *mode;
	bool rw;
	char *propagation;
};
extern const struct berth_document api_mount_point_document;

BERTH_DOCUMENT_AUTOPTR(api_bind_options, api_bind_options_document)
BERTH_DOCUMENT_AUTOPTR(api_volume_options, api_volume_options_document)
BERTH_DOCUMENT_AUTOPTR(api_tmpfs_options, api_tmpfs_options_document)
BERTH_DOCUMENT_AUTOPTR(api_image_mount_options, api_image_mount_options_document)
BERTH_DOCUMENT_AUTOPTR(api_mount, api_mount_document)
BERTH_DOCUMENT_AUTOPTR(api_mount_point, api_mount_point_document)
