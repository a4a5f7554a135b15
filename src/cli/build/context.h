// SPDX-License-Identifier: Apache-2.0
// What a build is made of, as it is sent: the Dockerfile, secrets, folders as archives, in the parts that
// docs/api.md describes.
#pragma once

#include "cli/build/options.h"

struct berth_build_context {
	char *remote; // a URL or git repository that the engine fetches; NULL: it is sent
	char *dockerfile; // its name in messages, or its path in a remote context; NULL: Dockerfile
	GBytes *text; // its content; NULL: it is in the context
	int folder; // the context; -1: it is none
	char *path; // of that folder
	GByteArray *head; // the beginning of what is read from standard input; NULL: nothing is
	bool empty; // standard input was the Dockerfile
	GPtrArray *named; // of struct berth_build_named
	GPtrArray *secrets; // of struct berth_build_file
	bool lists; // folders are listed, and sent when the engine asks for them
	int64_t sent; // bytes
	void (*progress)(void *data, int64_t sent); // may be NULL
	void *data;
};

// Reads the arguments: what is missing or cannot be read is told before anything is sent.
bool berth_build_context_open(struct berth_build_context *context, const struct berth_build_options *options,
			      const char *argument, GError **error);
void berth_build_context_clear(struct berth_build_context *context);
// Parameters that are about it.
void berth_build_context_query(const struct berth_build_context *context, GString *path);
// The archive of a context that was listed, by the name that the engine has for it ("-": the one without a name).
bool berth_build_context_send_archive(struct berth_build_context *context, const char *name,
				      bool (*write)(void *to, const void *bytes, size_t length), void *to,
				      GError **error);
// A body, for struct berth_call.
bool berth_build_context_send(void *context, bool (*write)(void *to, const void *bytes, size_t length), void *to,
			      GError **error);
