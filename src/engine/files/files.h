// SPDX-License-Identifier: Apache-2.0
// A container's files, as the API asks for them. Paths are the container's; links in them lead where they do for a
// process in it, never outside. Errors are in Docker's words ("Could not find the file /x in container y").
#pragma once

#include "base/tree-tar.h"
#include "engine/engine.h"
#include "spec/api-files.h"

// archive.c. A path that ends with a slash or "/." has to be a folder.
struct api_path_stat *berth_engine_container_stat(struct berth_engine *engine, const char *container, const char *path,
						  GError **error);
// What is at `path` as a tar archive whose top has its name. `begin` is called before the first byte.
struct berth_engine_archive {
	bool (*begin)(void *data, const struct api_path_stat *stat, GError **error);
	berth_tar_write_fn *write; // false: the client went away
	void *data;
};
bool berth_engine_container_archive(struct berth_engine *engine, const char *container, const char *path,
				    const struct berth_engine_archive *archive, GError **error);
struct berth_engine_extract {
	bool keep_kinds; // a folder is not replaced by something else, nor the other way round
	const char *
		owner; // "user[:group]" of all that is unpacked, as the container knows them; NULL: as the archive says
};
// Unpacks the archive (also compressed) that is read from `fd` into the folder `path`. FORBIDDEN where the root or the
// volume is read-only.
bool berth_engine_container_extract(struct berth_engine *engine, const char *container, const char *path, int fd,
				    const struct berth_engine_extract *extract, GError **error);
// The root file system without what is mounted in it.
bool berth_engine_container_export(struct berth_engine *engine, const char *container, berth_tar_write_fn *write,
				   void *data, GError **error);

// changes.c. What the container has changed in its image's files: a GPtrArray of struct api_change.
GPtrArray *berth_engine_container_changes(struct berth_engine *engine, const char *container, GError **error);

// checkpoint.c, by CRIU. `folder`: of checkpoints; NULL: the container's own. Elements: char * (names); free with
// g_strfreev().
char **berth_engine_checkpoint_list(struct berth_engine *engine, const char *container, const char *folder,
				    GError **error);
// `exits`: the container ends with it.
bool berth_engine_checkpoint_create(struct berth_engine *engine, const char *container, const char *name,
				    const char *folder, bool exits, GError **error);
bool berth_engine_checkpoint_remove(struct berth_engine *engine, const char *container, const char *name,
				    const char *folder, GError **error);

// commit.c
struct berth_engine_commit {
	const char *name; // of the image; NULL: none
	const char *comment, *author;
	bool pause; // while its files are read
	char *const *changes; // Dockerfile lines
	const struct api_container_config *config; // settings in place of the container's; NULL: none
};
// Returns the new image's id.
char *berth_engine_container_commit(struct berth_engine *engine, const char *container,
				    const struct berth_engine_commit *commit, GError **error);
