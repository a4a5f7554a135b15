// SPDX-License-Identifier: Apache-2.0
// Root file systems made from the distribution's packages. Each returns the descriptor of a whole archive (a file
// without a name, at its beginning), or -1 with *error.
#pragma once

#include <glib.h>

int berth_bootstrap_busybox(GError **error);
// `suite` is a name as "bookworm".
int berth_bootstrap_debian(const char *suite, GError **error);
// The suite that runs here; NULL with *error if this is no Debian.
char *berth_bootstrap_running_suite(GError **error);
