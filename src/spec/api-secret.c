// SPDX-License-Identifier: Apache-2.0
#include "spec/api-secret.h"

#define MODE 0444 // as Docker's

static const struct berth_field use_fields[] = {
	BERTH_STRING(struct api_secret_use, source, "Source", BERTH_REQUIRED),
	BERTH_STRING(struct api_secret_use, target, "Target", 0),
	BERTH_INT64(struct api_secret_use, uid, "UID", 0),
	BERTH_INT64(struct api_secret_use, gid, "GID", 0),
	{.name = "Mode", .type = BERTH_FIELD_INT64, .offset = offsetof(struct api_secret_use, mode), .fallback = MODE},
	{0},
};
const struct berth_document api_secret_use_document = {"Secrets", sizeof(struct api_secret_use), use_fields};

static const struct berth_field create_fields[] = {
	BERTH_STRING(struct api_secret_create, name, "Name", BERTH_REQUIRED),
	BERTH_MAP(struct api_secret_create, labels, "Labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_secret_create, data, "Data", BERTH_REQUIRED),
	{0},
};
const struct berth_document api_secret_create_document = {"secret to make", sizeof(struct api_secret_create),
							  create_fields};

static const struct berth_field update_fields[] = {
	BERTH_MAP(struct api_secret_update, labels, "Labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct api_secret_update, data, "Data", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_secret_update_document = {"secret's change", sizeof(struct api_secret_update),
							  update_fields};

static const struct berth_field spec_fields[] = {
	BERTH_STRING(struct api_secret_spec, name, "Name", 0),
	BERTH_MAP(struct api_secret_spec, labels, "Labels", 0),
	{0},
};
static const struct berth_document spec_document = {"secret's Spec", sizeof(struct api_secret_spec), spec_fields};

static const struct berth_field secret_fields[] = {
	BERTH_STRING(struct api_secret, id, "ID", 0),
	BERTH_STRING(struct api_secret, created_at, "CreatedAt", 0),
	BERTH_STRING(struct api_secret, updated_at, "UpdatedAt", 0),
	BERTH_OBJECT(struct api_secret, spec, "Spec", &spec_document, 0),
	{0},
};
const struct berth_document api_secret_document = {"secret", sizeof(struct api_secret), secret_fields};
