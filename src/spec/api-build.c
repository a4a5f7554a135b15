// SPDX-License-Identifier: Apache-2.0
#include "spec/api-build.h"

static const struct berth_field build_cache_fields[] = {
	BERTH_STRING(struct api_build_cache, id, "ID", BERTH_REQUIRED),
	{
		.name = "Parent",
		.type = BERTH_FIELD_STRING,
		.offset = offsetof(struct api_build_cache, parent),
		.until = 141,
	},
	{
		.name = "Parents",
		.type = BERTH_FIELD_STRINGS,
		.offset = offsetof(struct api_build_cache, parents),
		.flags = BERTH_OMIT_EMPTY,
		.since = 142,
	},
	BERTH_STRING(struct api_build_cache, type, "Type", 0),
	BERTH_STRING(struct api_build_cache, description, "Description", 0),
	BERTH_BOOL(struct api_build_cache, in_use, "InUse", 0),
	BERTH_BOOL(struct api_build_cache, shared, "Shared", 0),
	BERTH_INT64(struct api_build_cache, size, "Size", 0),
	BERTH_STRING(struct api_build_cache, created_at, "CreatedAt", 0),
	BERTH_STRING(struct api_build_cache, last_used_at, "LastUsedAt", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_build_cache, usage_count, "UsageCount", 0),
	{0},
};
const struct berth_document api_build_cache_document = {"build cache", sizeof(struct api_build_cache),
							build_cache_fields};

static const struct berth_field prune_report_fields[] = {
	BERTH_STRINGS(struct api_build_prune_report, caches_deleted, "CachesDeleted", BERTH_NULL_EMPTY),
	BERTH_INT64(struct api_build_prune_report, space_reclaimed, "SpaceReclaimed", 0),
	{0},
};
const struct berth_document api_build_prune_report_document = {
	"build prune report", sizeof(struct api_build_prune_report), prune_report_fields};

#define TEXT(member, name) BERTH_STRING(struct api_build_event, member, name, BERTH_OMIT_EMPTY)
#define NUMBER(member, name) BERTH_INT64(struct api_build_event, member, name, BERTH_OMIT_EMPTY)
static const struct berth_field event_fields[] = {
	BERTH_STRING(struct api_build_event, kind, "kind", BERTH_REQUIRED),
	BERTH_INT64_UNSET(struct api_build_event, vertex, "vertex", BERTH_OMIT_EMPTY),
	TEXT(name, "name"),
	TEXT(digest, "digest"),
	TEXT(stage, "stage"),
	TEXT(image, "image"),
	NUMBER(position, "position"),
	NUMBER(positions, "positions"),
	BERTH_JSON(struct api_build_event, inputs, "inputs", BERTH_OMIT_EMPTY),
	NUMBER(line, "line"),
	NUMBER(last_line, "lastLine"),
	NUMBER(stream, "stream"),
	TEXT(text, "text"),
	NUMBER(current, "current"),
	NUMBER(total, "total"),
	NUMBER(at, "at"),
	NUMBER(output, "output"),
	NUMBER(bytes, "bytes"),
	TEXT(answer, "answer"),
	TEXT(metadata, "metadata"),
	TEXT(failed_step, "failedStep"),
	NUMBER(code, "code"),
	{0},
};
const struct berth_document api_build_event_document = {"build event", sizeof(struct api_build_event), event_fields};
