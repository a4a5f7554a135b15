// SPDX-License-Identifier: Apache-2.0
// Results of a build that come over its stream: into files, folders or standard output. A file appears when it is
// whole; a folder is filled while it comes, by a process of its own.
#pragma once

#include "cli/build/options.h"

#include <stdint.h>
#include <sys/types.h>

struct berth_build_outputs;

// Opens what they go to, before the build. `sinks` outlive it.
struct berth_build_outputs *berth_build_outputs_new(const GPtrArray *sinks, GError **error);
bool berth_build_outputs_write(struct berth_build_outputs *outputs, int64_t number, const void *bytes, size_t length,
			       GError **error);
// `success`: files get their names; else what was begun is removed. Frees in either case.
bool berth_build_outputs_end(struct berth_build_outputs *outputs, bool success, GError **error);
// Whether one of them is standard output.
bool berth_build_outputs_use_stdout(const GPtrArray *sinks);
