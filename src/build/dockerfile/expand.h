// SPDX-License-Identifier: Apache-2.0
// Variables in a Dockerfile's words, as docker's shell parser replaces them: $a ${a} ${a:-w} ${a-w} ${a:+w} ${a+w}
// ${a:?w} ${a?w} ${a#p} ${a##p} ${a%p} ${a%%p} ${a/p/w} ${a//p/w}, nested, with quotes and escapes. An unset variable
// is empty.
#pragma once

#include "build/dockerfile/dockerfile.h"

// The value of a variable, or NULL if it is not set. What it returns must live until the next call.
typedef const char *(*berth_dockerfile_lookup)(void *data, const char *name);

struct berth_dockerfile_scope {
	berth_dockerfile_lookup lookup;
	void *data;
	char escape; // the file's: '\\' or '`'
	GPtrArray *unset; // if not NULL, gets the name (g_strdup) of each variable that was read and is not set, where
			  // no modifier says what then
	size_t *made; // if not NULL, grows by the bytes that variables give, up to BERTH_LIMIT_EXPANSION_ALL
};

// One word: variables replaced, quotes and escapes removed. The caller frees. Fails on bad syntax and on ${a?…}.
char *berth_dockerfile_expand(const struct berth_dockerfile_scope *scope, const char *text, GError **error);

// The same, cut at blanks outside quotes, those of values too: for EXPOSE. NULL-terminated; g_strfreev().
char **berth_dockerfile_expand_words(const struct berth_dockerfile_scope *scope, const char *text, GError **error);

// A heredoc's text: quotes are ordinary characters and stay; the escape is always the backslash.
char *berth_dockerfile_expand_text(const struct berth_dockerfile_scope *scope, const char *text, GError **error);

// The instruction with all its values expanded (sources, destination, chown, chmod, checksum and excludes of COPY and
// ADD with their expanding heredocs; keys and values of ARG, ENV and LABEL, all by the same values of `scope`; EXPOSE,
// STOPSIGNAL, USER, VOLUME, WORKDIR; the mounts of RUN, parsed into `run.mounts`, and its devices). Other instructions
// are as they were. The result and all it points to belong to `memory`, an array with g_free() as its free function.
const struct berth_dockerfile_instruction *
berth_dockerfile_instruction_expand(const struct berth_dockerfile_instruction *instruction,
				    const struct berth_dockerfile_scope *scope, GPtrArray *memory, GError **error);
