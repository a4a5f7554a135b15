// SPDX-License-Identifier: Apache-2.0
// Documents of the Engine API on a container's files.
#pragma once

#include "base/document.h"

struct api_path_stat { // of the header X-Docker-Container-Path-Stat
	char *name;
	int64_t size;
	int64_t mode; // as Go's os.FileMode: api_file_mode()
	char *mtime;
	char *link_target; // of a symbolic link: where it leads, from the container's root; else ""
};
extern const struct berth_document api_path_stat_document;

struct api_change { // of GET /containers/x/changes
	char *path;
	int64_t kind; // 0 modified, 1 added, 2 deleted
};
extern const struct berth_document api_change_document;

struct api_checkpoint {
	char *name;
};
extern const struct berth_document api_checkpoint_document;

struct api_checkpoint_create {
	char *checkpoint_id, *checkpoint_dir;
	bool exits; // the container ends with it
};
extern const struct berth_document api_checkpoint_create_document;

BERTH_DOCUMENT_AUTOPTR(api_path_stat, api_path_stat_document)
BERTH_DOCUMENT_AUTOPTR(api_change, api_change_document)
BERTH_DOCUMENT_AUTOPTR(api_checkpoint_create, api_checkpoint_create_document)

// The kinds of Go's os.FileMode that st_mode has, too.
#define API_MODE_FOLDER (INT64_C(1) << 31)
#define API_MODE_LINK (INT64_C(1) << 27)
#define API_MODE_DEVICE (INT64_C(1) << 26)
#define API_MODE_PIPE (INT64_C(1) << 25)
#define API_MODE_SOCKET (INT64_C(1) << 24)
#define API_MODE_SETUID (INT64_C(1) << 23)
#define API_MODE_SETGID (INT64_C(1) << 22)
#define API_MODE_CHARACTER (INT64_C(1) << 21)
#define API_MODE_STICKY (INT64_C(1) << 20)
int64_t api_file_mode(uint32_t st_mode);
