// SPDX-License-Identifier: Apache-2.0
// Compiled seccomp programs in <cache_root>/seccomp-<sha256>, one file each. The name is made of all that goes into a
// program, so a file never goes stale. A file that is damaged, or could have been written by somebody else, counts as
// missing; nothing that fails here fails its caller.
#pragma once

#include "spec/oci-runtime.h"

#include <stddef.h>

// The name for a section: of its canonical text less the listener's, libseccomp's version, the machine and the version
// of our own translation.
char *berth_seccomp_cache_name(const struct oci_seccomp *seccomp);

// The program, which the caller frees; NULL when there is none to be trusted.
void *berth_seccomp_cache_load(const char *cache_root, const char *name, size_t limit, size_t *ret_length);

// Keeps a program (mode 0600, in a folder of mode 0700 that is made when missing).
void berth_seccomp_cache_store(const char *cache_root, const char *name, const void *program, size_t length);
