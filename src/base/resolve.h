// SPDX-License-Identifier: Apache-2.0
// openat2(2), and what stands in for it on kernels that do not have it (before Linux 5.6).
//
// The stand-in walks component by component: each is opened O_PATH|O_NOFOLLOW beneath the descriptor of the one before,
// links are read from the link's own descriptor and their text is resolved beneath the start again, and ".." goes back
// to a descriptor that the walk has come through. So nothing that is renamed or replaced meanwhile leads outside.
#pragma once

#include <linux/openat2.h>

// Opens `path` beneath `dir_fd` as openat2() does; O_CLOEXEC is added. RESOLVE_IN_ROOT or RESOLVE_BENEATH has to be
// among the flags. Returns a descriptor that the caller closes, or -1 with errno. Magic links of procfs are never
// followed.
int berth_resolve(int dir_fd, const char *path, const struct open_how *how);
