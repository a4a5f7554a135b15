// SPDX-License-Identifier: Apache-2.0
// YAML as JSON, by libyaml, which is loaded when it is first needed: an engine that reads none does without.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stddef.h>

// The one document of the text: mappings, sequences and scalars by the core schema; keys are texts. Anchors, aliases,
// tags and further documents are refused. A new reference, or NULL: BERTH_ERROR_INVALID with line and column,
// BERTH_ERROR_UNAVAILABLE without libyaml.
json_t *berth_yaml_parse(const char *text, size_t length, const char *what, GError **error);
