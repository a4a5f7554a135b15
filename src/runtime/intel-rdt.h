// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt: classes of service for caches and memory bandwidth, in the resctrl file system. A class is a folder
// of it; which processes are in it says its file `tasks`. All functions take the file system's root as a descriptor.
#pragma once

#include "spec/oci-runtime.h"

#include <sys/types.h>

// What a container has there, as its record keeps it.
struct berth_rdt {
	char *group; // its class's folder beneath the root; "" is the root, the class of everybody
	char *monitor; // its monitoring group, beneath the class's mon_groups; NULL: none
	bool own; // the class is the container's, and goes with it
};
extern const struct berth_document berth_rdt_document;
BERTH_DOCUMENT_AUTOPTR(berth_rdt, berth_rdt_document)

// Refuses what is wrong by its name. NULL is fine.
bool berth_rdt_check(const struct oci_intel_rdt *wanted, GError **error);

// Opens the root where it is mounted. -1 on failure, BERTH_ERROR_UNAVAILABLE: it is not.
int berth_rdt_open_root(GError **error);

// Makes the folders. A class that is named by closID alone must be there. On failure what was made is removed.
struct berth_rdt *berth_rdt_make(int root, const struct oci_intel_rdt *wanted, const char *id, GError **error);
// Writes the class's schemata.
bool berth_rdt_configure(int root, const struct berth_rdt *rdt, const struct oci_intel_rdt *wanted, GError **error);
// Moves a process there.
bool berth_rdt_enter(int root, const struct berth_rdt *rdt, pid_t pid, GError **error);
// Removes the folders that go with the container. What is gone already is no error.
bool berth_rdt_remove(int root, const struct berth_rdt *rdt, GError **error);
