// SPDX-License-Identifier: Apache-2.0
// What the files of `generate` share.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

// Appends the words of `run` behind its name and --rm, --name: flags, image, command. `container` and `image` are what
// inspect tells. NOT_IMPLEMENTED names what cannot be said.
bool berth_generate_run(GPtrArray *words, const json_t *container, const json_t *image, GError **error);
