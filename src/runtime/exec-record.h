// SPDX-License-Identifier: Apache-2.0
// What a further process in a container needs of the document that the container was made from, remembered in its
// state folder: exec.json, and the compiled filter in seccomp.bpf. Both are written once, when the container has been
// made, so that a container without them is still being made.
#pragma once

#include "runtime/setup.h"

struct berth_exec_record {
	struct oci_process *process;
	char *chroot; // where the root is in a joined mount namespace; NULL: it is the namespace's
	struct oci_personality *personality;
	struct oci_memory_policy *memory_policy;
	bool no_new_keyring;
	bool filter; // there is a seccomp.bpf
	uint64_t filter_flags; // of seccomp(2)
	GPtrArray *uid_mappings; // of struct oci_id_mapping: its user namespace's; NULL: it has none of its own
};
extern const struct berth_document berth_exec_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_exec_record, berth_exec_record_document)

// The text of exec.json, which the caller frees.
char *berth_exec_record_text(const struct berth_setup *setup);
bool berth_exec_record_write(int folder, const struct berth_setup *setup, const char *text, GError **error);

// BERTH_ERROR_CONFLICT: the container has not been made to the end.
struct berth_exec_record *berth_exec_record_read(int folder, const char *id, GError **error);
// The filter's program, which the caller frees.
void *berth_exec_record_filter(int folder, const char *id, size_t *ret_length, GError **error);
