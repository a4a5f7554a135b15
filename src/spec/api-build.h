// SPDX-License-Identifier: Apache-2.0
// Documents of the Engine API about builds: records of the build cache, and the stream of a build that Berth's own
// clients read (progress=events).
#pragma once

#include "base/document.h"

// A record of the cache.
struct api_build_cache {
	char *id;
	char *parent; // until API 1.41
	char **parents; // since 1.42
	char *type; // "regular", "source.local", "source.git.checkout", "exec.cachemount", "internal", "frontend"
	char *description; // of the step that made it
	bool in_use;
	bool shared; // with an image, or other records
	int64_t size; // bytes
	char *created_at; // RFC 3339 with nanoseconds
	char *last_used_at; // NULL: never
	int64_t usage_count;
};
extern const struct berth_document api_build_cache_document;

struct api_build_prune_report {
	char **caches_deleted; // ids
	int64_t space_reclaimed; // bytes
};
extern const struct berth_document api_build_prune_report_document;

// A line of the stream of events: the builder's events (build/build.h) by their kinds' names, and at its end "result"
// or "error". A line "output" is followed by `bytes` bytes as they are, of the output numbered so.
struct api_build_event {
	char *kind; // instruction planned started log status cached done failed canceled warning debug wanted output
		    // result error
	int64_t vertex; // BERTH_UNSET: is about none
	char *name, *digest, *stage, *image;
	int64_t position, positions;
	json_t *inputs; // numbers of vertices
	int64_t line, last_line;
	int64_t stream; // of a log: 1 or 2
	char *text;
	int64_t current, total, at;
	int64_t output, bytes;
	char *answer, *metadata; // of the result
	char *failed_step; // of debug: what can be entered
	int64_t code; // of an error: the exit code of the step, or 0
};
extern const struct berth_document api_build_event_document;

BERTH_DOCUMENT_AUTOPTR(api_build_cache, api_build_cache_document)
BERTH_DOCUMENT_AUTOPTR(api_build_prune_report, api_build_prune_report_document)
BERTH_DOCUMENT_AUTOPTR(api_build_event, api_build_event_document)
