// SPDX-License-Identifier: Apache-2.0
// The kinds of failure that callers tell apart. The message says what happened, naming the object and the cause; the
// kind says what to do about it. A function that can fail takes `GError **error` last, sets it exactly once where it
// fails, and each layer above may add context with g_prefix_error().
#pragma once

#include <stdbool.h>

#include <glib.h>

#define BERTH_ERROR (berth_error_quark())
GQuark berth_error_quark(void);

enum berth_error {
	BERTH_ERROR_INTERNAL, // ours to mend
	BERTH_ERROR_INVALID, // the caller's input is wrong
	BERTH_ERROR_NOT_FOUND, // no such object
	BERTH_ERROR_CONFLICT, // the object's state forbids it
	BERTH_ERROR_UNAUTHORIZED, // the caller did not say who they are
	BERTH_ERROR_FORBIDDEN, // the caller or the kernel's policy forbids it
	BERTH_ERROR_NOT_MODIFIED, // nothing to do: it is so already
	BERTH_ERROR_UNAVAILABLE, // something we depend on is not there now
	BERTH_ERROR_NOT_IMPLEMENTED, // a valid request for what this version cannot do
	BERTH_ERROR_CANCELED, // the caller went away
	BERTH_ERROR_RESOURCE_EXHAUSTED, // a documented limit was reached
	BERTH_ERROR_KINDS,
};

// The words for an errno value, always English. g_strerror() would convert them to the locale's character set, for
// which libc loads modules from files: inside a container these would be the container's own code (CVE-2019-14271).
const char *berth_error_text(int errnum);

// Sets *error from an errno value. The message is "<what>: <text>"; the errno chooses the kind (error.c has the
// table). Always returns false, so that a failing function can end with it.
bool berth_error_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

// Sets *error to `kind` with a formatted message. Always returns false.
bool berth_error_set(GError **error, enum berth_error kind, const char *format, ...) G_GNUC_PRINTF(3, 4);

// The kind's name as protocols write it ("not-found"), and back: an unknown name is BERTH_ERROR_INTERNAL.
const char *berth_error_kind_name(enum berth_error kind);
enum berth_error berth_error_kind_from_name(const char *name);
