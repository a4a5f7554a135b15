// SPDX-License-Identifier: Apache-2.0
// Requests as JSON become records, and records become JSON that tests look into by path.
#pragma once

#include "engine/plan/plan-internal.h"

#define TEST_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEST_FOLDER "/data/containers/" TEST_ID

// A host of four processors that can limit everything.
struct berth_abilities test_abilities(void);

// Plans a request (quotes may be written as ') with an image's configuration (NULL: none).
struct berth_container_record *test_plan(const char *request, const char *image,
					 const struct berth_abilities *abilities, char ***ret_warnings, GError **error);

// The value at a path of words: a member's name, an array's index, or key=value for the element that has it. The text
// is compact JSON with ' for "; NULL when there is nothing.
char *test_value(const json_t *root, const char *path);
