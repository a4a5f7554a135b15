// SPDX-License-Identifier: Apache-2.0
// .dockerignore: patterns of paths that are no part of a context, and the patterns of COPY --exclude.
//
// Each line is a pattern of Go's filepath.Match with `**` for any number of components; `!` takes back what earlier
// lines left out; the last match wins. A pattern that matches a folder holds for everything below it.
#pragma once

#include "base/error.h"

#include <glib.h>

typedef struct berth_ignore berth_ignore;

// Reads a .dockerignore file. A malformed pattern is an error that names the line.
berth_ignore *berth_ignore_parse(const char *text, size_t size, GError **error);

// From patterns, NULL-terminated, without comments: of --exclude, of a request.
berth_ignore *berth_ignore_new(const char *const *patterns, GError **error);

berth_ignore *berth_ignore_free(berth_ignore *ignore);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_ignore, berth_ignore_free)

// No pattern at all: nothing is ignored.
bool berth_ignore_is_empty(const berth_ignore *ignore);

// Whether `path` (relative to the context, with "/", clean: no leading "./") is left out.
bool berth_ignore_matches(const berth_ignore *ignore, const char *path);

// Whether everything below the folder `path` is left out, so that it need not be read: it is ignored itself and no
// exception can match below it.
bool berth_ignore_skips_folder(const berth_ignore *ignore, const char *path);
