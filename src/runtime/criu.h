// SPDX-License-Identifier: Apache-2.0
// One run of CRIU's program as the runtime's helper (`criu swrk`): it gets one request over a socket, asks back at
// certain points ("setup-namespaces", "pre-resume", …), and answers. Nothing of CRIU is linked: what is used of its
// protocol are some fields by number, and they are named in criu.c.
#pragma once

#include "runtime/container.h"
#include "runtime/criu-wire.h"

enum berth_criu_kind { // of a request, as CRIU numbers them
	BERTH_CRIU_DUMP = 1,
	BERTH_CRIU_RESTORE = 2,
	BERTH_CRIU_PRE_DUMP = 4,
	BERTH_CRIU_VERSION = 10,
};

struct berth_criu {
	enum berth_criu_kind kind;
	const struct berth_checkpoint *checkpoint;
	char *program;
	int images, work; // folders, O_PATH
	GByteArray *options; // of the request
	GArray *fds; // of int: what CRIU's process inherits, by the same numbers; closed with the rest

	// May be set before the run.
	int group; // v2 group that CRIU is born in; -1: the caller's
	uint64_t namespaces; // CLONE_NEW* of CRIU's process
	bool (*prepare)(void *data, GError **error); // in CRIU's process, before its program
	// An event, with what came with it: a pid or 0, a descriptor (that can be taken) or -1. False ends the work.
	bool (*notify)(void *data, const char *event, pid_t pid, int *fd, GError **error);
	void *data;

	pid_t restored; // out: init after a restore
	unsigned version; // out of BERTH_CRIU_VERSION: 31900 is 3.19
};

// Finds the program, opens the folders (a dump makes them) and fills in the options that all requests have; some come
// from the annotations (which may be NULL). What lies in the work folder under names that CRIU will write is removed:
// it may be a link. Whatever happens, berth_criu_clear() follows.
bool berth_criu_open(struct berth_criu *criu, enum berth_criu_kind kind, const struct berth_checkpoint *checkpoint,
		     GHashTable *annotations, GError **error);
void berth_criu_clear(struct berth_criu *criu);

// Options by CRIU's names; an unknown one is a bug.
void berth_criu_set_number(struct berth_criu *criu, const char *option, int64_t value);
void berth_criu_set_text(struct berth_criu *criu, const char *option, const char *text); // NULL: not set
void berth_criu_set_pair(struct berth_criu *criu, const char *option, const char *key, const char *value);
void berth_criu_set_message(struct berth_criu *criu, const char *option, const GByteArray *message);
// Lets CRIU inherit a duplicate of `fd` as the resource `key`.
bool berth_criu_inherit(struct berth_criu *criu, const char *key, int fd, GError **error);

// The program's version, as in `version` above; 0: it does not tell.
unsigned berth_criu_version(const struct berth_criu *criu);

// Runs it. The error has the last words of CRIU's log and its path; BERTH_ERROR_UNAVAILABLE: CRIU cannot work on this
// kernel at all.
bool berth_criu_run(struct berth_criu *criu, GError **error);
