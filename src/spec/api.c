// SPDX-License-Identifier: Apache-2.0
#include "spec/api.h"

static const struct berth_field error_fields[] = {
	BERTH_STRING(struct api_error, message, "message", BERTH_REQUIRED),
	{0},
};
const struct berth_document api_error_document = {"error", sizeof(struct api_error), error_fields};

static const struct berth_field error_detail_fields[] = {
	BERTH_INT64(struct api_error_detail, code, "code", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_error_detail, message, "message", 0),
	{0},
};
const struct berth_document api_error_detail_document = {"error detail", sizeof(struct api_error_detail),
							 error_detail_fields};

static const struct berth_field progress_detail_fields[] = {
	BERTH_INT64(struct api_progress_detail, current, "current", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct api_progress_detail, total, "total", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_progress_detail_document = {"progress detail", sizeof(struct api_progress_detail),
							    progress_detail_fields};

static const struct berth_field progress_fields[] = {
	BERTH_STRING(struct api_progress, stream, "stream", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, status, "status", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_progress, progress_detail, "progressDetail", &api_progress_detail_document,
		     BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, progress, "progress", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, id, "id", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_progress, error, "error", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_progress, error_detail, "errorDetail", &api_error_detail_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_progress, aux, "aux", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_progress_document = {"progress", sizeof(struct api_progress), progress_fields};
