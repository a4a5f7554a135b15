// SPDX-License-Identifier: Apache-2.0
// OCI's linux.seccomp as a BPF program. Compiling one of 360 names for three architectures takes 8 ms, loading it from
// the cache 0.1 ms; so programs are cached by the content of the section.
//
// Where the default action is an errno, system calls newer than any that the section names get ENOSYS in its place.
#pragma once

#include "spec/oci-runtime.h"

#include <stddef.h>

// Returns the program's bytes (an array of struct sock_filter, *ret_length bytes), which the caller frees; the filter's
// flags for seccomp(2) go to *ret_flags. Names of system calls that this machine does not know are left out, as the
// specification asks. `cache_root` may be NULL. A damaged cache file is compiled again.
void *berth_seccomp_compile(const struct oci_seccomp *seccomp, const char *cache_root, size_t *ret_length,
			    unsigned *ret_flags, GError **error);

// Its flags alone.
bool berth_seccomp_flags(const struct oci_seccomp *seccomp, unsigned *ret, GError **error);

// Refuses the names that _compile leaves out.
bool berth_seccomp_check_names(const struct oci_seccomp *seccomp, GError **error);

// A finished program in base64. The caller frees it.
void *berth_seccomp_decode(const char *text, size_t *ret_length, GError **error);

// Installs it for the calling thread; async-signal-safe. Returns the listener (SECCOMP_FILTER_FLAG_NEW_LISTENER), 0
// without one, or -1 with errno.
int berth_seccomp_install(const void *program, size_t length, unsigned flags);

// Whether the program uses SCMP_ACT_NOTIFY and so needs a listener.
bool berth_seccomp_notifies(const struct oci_seccomp *seccomp);
