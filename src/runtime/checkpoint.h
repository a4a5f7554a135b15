// SPDX-License-Identifier: Apache-2.0
// What checkpoint.c and restore.c share, and what container.c lets them do.
#pragma once

#include "runtime/container-internal.h"
#include "runtime/criu.h"
#include "runtime/setup.h"

// Which of init's standard streams lead where, in the folder of the images: a JSON array of three texts, as runc
// writes it.
#define BERTH_DESCRIPTORS_FILE "descriptors.json"

// What a checkpoint has to know of how the container was made: which mounts come from the host, and which namespaces
// are others'.
void berth_checkpoint_remember(const struct berth_setup *setup, struct berth_record *record);

// CRIU's key of a namespace that it neither saves nor makes; its letters are those that runc chose.
char *berth_checkpoint_namespace_key(const char *file);

// restore.c: makes the container's processes from images, in place of the process that container.c makes. Hooks are
// run with `setup->state`; *hooks_ran is set as soon as the first one is.
bool berth_restore(struct berth_setup *setup, struct berth_container *container,
		   const struct berth_checkpoint *checkpoint, bool *hooks_ran, GError **error);
