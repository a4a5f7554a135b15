// SPDX-License-Identifier: Apache-2.0
// What the answers have in common.
#pragma once

#include "build/dockerfile/internal.h"

#include <jansson.h>

// Where something is, as buildx writes it.
json_t *berth_dockerfile__location(unsigned first_line, unsigned last_line);
// The Dockerfile itself, in base64.
json_t *berth_dockerfile__sources(const berth_dockerfile *file);
// Takes the document and gives its text, which the caller frees with g_free().
char *berth_dockerfile__indented(json_t *document);
