// SPDX-License-Identifier: Apache-2.0
// What commands share that fetch or send a tar archive.
#pragma once

#include "cli/command.h"

// GET `path` into `file`, NULL: to STDOUT, unless that is a terminal. An exit code.
int berth_archive_fetch(struct berth_cli *cli, const char *path, const char *file, GError **error);
// PUT to `path` what is in file `source`; NULL or "-": STDIN, unless that is a terminal. An exit code.
int berth_archive_send(struct berth_cli *cli, const char *path, const char *source, GError **error);
