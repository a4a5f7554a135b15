// SPDX-License-Identifier: Apache-2.0
// What the engine's setting `userns` means for a container that does not say how it wants it.
#pragma once

#include "engine/internal.h"

// The record's `userns_mode` is the setting's, `auto`. A container that shares namespaces of another one gets that
// one's user namespace; one that asks for what only the host's can give, as a capability over the host or a bind whose
// file system does not map ids, stays in the host's. `*warnings` gets why, where that is not plain from what was asked.
bool berth_engine__users_standard(struct berth_engine *engine, struct berth_container_record *record, char ***warnings,
				  GError **error);
// Whether the ids of what is mounted there can be mapped; then they are, and the mount is for nothing else any more.
bool berth_engine__users_maps(struct berth_engine *engine, int tree, bool recursive);
void berth_engine__users_probe_free(struct berth_engine *engine);
