// SPDX-License-Identifier: Apache-2.0
// Seccomp profiles in the format that Docker's clients send (`--security-opt seccomp=<profile>`): OCI's section plus
// conditions on capabilities, architectures and the kernel. The built-in profile is seccomp-default.json.
#pragma once

#include "spec/oci-runtime.h"

#include <stddef.h>

struct berth_seccomp_profile; // immutable; any thread may use it

// BERTH_ERROR_INVALID names what is wrong: "Decoding seccomp profile failed: …".
struct berth_seccomp_profile *berth_seccomp_profile_parse(const char *text, size_t length, GError **error);
struct berth_seccomp_profile *berth_seccomp_profile_builtin(GError **error);
void berth_seccomp_profile_free(struct berth_seccomp_profile *profile);
typedef struct berth_seccomp_profile berth_seccomp_profile;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_seccomp_profile, berth_seccomp_profile_free)

// What conditions are compared with.
struct berth_seccomp_host {
	const char *architecture; // as Go calls it: amd64
	unsigned kernel_major, kernel_minor;
};
struct berth_seccomp_host berth_seccomp_this_host(void);

// The section for a container that has these capabilities (bit N is capability N). The caller frees it.
struct oci_seccomp *berth_seccomp_profile_apply(const struct berth_seccomp_profile *profile, uint64_t capabilities,
						const struct berth_seccomp_host *host);
