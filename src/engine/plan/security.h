// SPDX-License-Identifier: Apache-2.0
// HostConfig's security options and capabilities: checked at create, used at start.
#pragma once

#include "engine/plan/seccomp.h"
#include "spec/api-config.h"

struct berth_security {
	bool no_new_privileges;
	bool system_paths_unconfined;
	bool seccomp_unconfined;
	struct berth_seccomp_profile *seccomp; // the one given; NULL: the built-in one
	char *apparmor; // NULL: none
};

// BERTH_ERROR_INVALID in Docker's words (invalid --security-opt 2: "x"); labels are BERTH_ERROR_NOT_IMPLEMENTED.
bool berth_security_parse(char *const *options, struct berth_security *ret, GError **error);
void berth_security_clear(struct berth_security *security);

// The capabilities of a container's root: Docker's fourteen with CapAdd and CapDrop ("ALL" is one), or all of them.
// Bit N is capability N. BERTH_ERROR_INVALID: invalid CapAdd: unknown capability: "x".
bool berth_security_capabilities(const struct api_host_config *host_config, uint64_t *ret, GError **error);
