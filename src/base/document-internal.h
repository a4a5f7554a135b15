// SPDX-License-Identifier: Apache-2.0
// What the parts of documents share: document.c makes and frees objects, document-parse.c reads them from JSON,
// document-print.c writes them.
#pragma once

#include "base/document.h"

// Where `field` lies in `object`.
static inline void *berth_document__member(const struct berth_field *field, const void *object)
{
	return (char *) object + field->offset;
}
