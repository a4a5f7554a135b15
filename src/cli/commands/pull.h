// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

#include <stdio.h>

// Pulls an image as `run` and `create` need it; `quiet`: without progress. `platform` may be NULL.
bool berth_pull_image(struct berth_cli *cli, const char *image, const char *platform, bool quiet, FILE *out,
		      GError **error);
