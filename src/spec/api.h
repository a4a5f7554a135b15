// SPDX-License-Identifier: Apache-2.0
// The objects of the Docker Engine API 1.47, as requests and answers carry them: here what every subject needs, the
// others in api-SUBJECT.h. A field that came or went with a version says so in its table (the .c file);
// berth_document_print() shapes an answer for the version asked for.
//
// The command line, the HTTP layer and the engine share these structs; the engine's own records embed them.
#pragma once

#include "base/document.h"

#define API_VERSION_MIN 124 // 1.24
#define API_VERSION_MAX 147 // 1.47
#define API_VERSION_MIN_TEXT "1.24"
#define API_VERSION_MAX_TEXT "1.47"

struct api_error {
	char *message;
};
extern const struct berth_document api_error_document;

struct api_error_detail {
	char *message;
	int64_t code; // of a build: the exit code of the step that failed
};
extern const struct berth_document api_error_detail_document;

struct api_progress_detail {
	int64_t current;
	int64_t total;
};
extern const struct berth_document api_progress_detail_document;

// One line of a progress stream: pull, push, load, import, build.
struct api_progress {
	char *stream;
	char *status;
	struct api_progress_detail *progress_detail;
	char *progress;
	char *id;
	char *error;
	struct api_error_detail *error_detail;
	json_t *aux;
};
extern const struct berth_document api_progress_document;

BERTH_DOCUMENT_AUTOPTR(api_error, api_error_document)
BERTH_DOCUMENT_AUTOPTR(api_error_detail, api_error_detail_document)
BERTH_DOCUMENT_AUTOPTR(api_progress_detail, api_progress_detail_document)
BERTH_DOCUMENT_AUTOPTR(api_progress, api_progress_document)
