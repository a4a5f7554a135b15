// SPDX-License-Identifier: Apache-2.0
// Documents of the Engine API about volumes.
#pragma once

#include "base/document.h"

struct api_volume_usage {
	int64_t size; // bytes; -1: not known
	int64_t ref_count; // containers that use it
};
extern const struct berth_document api_volume_usage_document;

struct api_volume {
	char *name;
	char *driver;
	char *mountpoint;
	char *created_at;
	json_t *status; // NULL: none
	GHashTable *labels;
	char *scope;
	GHashTable *options;
	struct api_volume_usage *usage; // NULL: was not asked for
};
extern const struct berth_document api_volume_document;

struct api_volume_create {
	char *name;
	char *driver;
	GHashTable *driver_opts;
	GHashTable *labels;
	json_t *cluster_volume_spec;
};
extern const struct berth_document api_volume_create_document;

struct api_volume_prune_report {
	char **volumes_deleted;
	int64_t space_reclaimed;
};
extern const struct berth_document api_volume_prune_report_document;

BERTH_DOCUMENT_AUTOPTR(api_volume, api_volume_document)
BERTH_DOCUMENT_AUTOPTR(api_volume_create, api_volume_create_document)
BERTH_DOCUMENT_AUTOPTR(api_volume_prune_report, api_volume_prune_report_document)
