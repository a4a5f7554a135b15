// SPDX-License-Identifier: Apache-2.0
// What can be asked of a Dockerfile without building it (`build --call`): check, outline, targets. Each as text for
// people and as JSON in buildx's shape. The caller frees what comes back.
#pragma once

#include "build/dockerfile/lint.h"

// The warnings with their lines. `name`: of the Dockerfile.
char *berth_dockerfile_check_text(const berth_dockerfile *file, const char *name, const berth_dockerfile_lint *lint);
char *berth_dockerfile_check_json(const berth_dockerfile *file, const char *name, const berth_dockerfile_lint *lint);

// The stages that can be built.
char *berth_dockerfile_targets_text(const berth_dockerfile *file);
char *berth_dockerfile_targets_json(const berth_dockerfile *file);

// What one target and the stages that it needs take: build arguments, secrets, SSH agents, cache mounts. `target` is a
// stage's name or index, NULL the last stage. `argument` (may be NULL) gives what was passed by --build-arg. NOT_FOUND:
// "target stage "x" could not be found".
char *berth_dockerfile_outline_text(const berth_dockerfile *file, const char *target, berth_dockerfile_lookup argument,
				    void *argument_data, GError **error);
char *berth_dockerfile_outline_json(const berth_dockerfile *file, const char *target, berth_dockerfile_lookup argument,
				    void *argument_data, GError **error);
