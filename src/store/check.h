// SPDX-License-Identifier: Apache-2.0
// Whether the store is what its records say: every blob's content is hashed, every snapshot's folders are looked for,
// every reference is followed. Runs beside everything else; what comes and goes meanwhile is no problem.
#pragma once

#include "store/store.h"

struct berth_check_problem {
	const char *object; // "blob sha256:…"
	char *cause;
	char **users; // "image sha256:…"; empty: nothing uses it
	const char *remedy;
	bool repaired;
};

struct berth_check_count {
	int64_t blobs, bytes, snapshots, references;
};

// Called for each problem; all in it is the callee's to read only.
typedef void berth_check_fn(void *data, const struct berth_check_problem *problem);
// Drops the record that has a reference to nothing, if its kind's rules allow it: true when it did.
typedef bool berth_check_drop_fn(void *data, const char *kind, const char *id);

// `drop` (NULL: nothing is repaired): with it damaged blobs that nothing uses are removed, records of snapshots without
// folder that nothing uses, and leftovers; and it is asked for each record that refers to what is gone. Nothing that is
// in use is touched. False only if the check itself failed.
bool berth_store_check(struct berth_store *store, berth_check_fn *found, berth_check_drop_fn *drop, void *data,
		       struct berth_check_count *ret, GError **error);
