// SPDX-License-Identifier: Apache-2.0
// Containers' files for the API's tests: "/etc" of any container is a folder whose archive is the word "archive", and
// nothing else is there.
#include "engine/files/files.h"

#include "base/error.h"

#include <string.h>

struct api_path_stat *berth_engine_container_stat(G_GNUC_UNUSED struct berth_engine *engine, const char *container,
						  const char *path, GError **error)
{
	if (strcmp(path, "/etc") != 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "Could not find the file %s in container %s", path,
				container);
		return NULL;
	}
	struct api_path_stat *stat = berth_document_new(&api_path_stat_document);
	stat->name = g_strdup("etc");
	stat->mode = api_file_mode(S_IFDIR | 0755);
	stat->mtime = g_strdup("2020-01-01T00:00:00Z");
	stat->link_target = g_strdup("");
	return stat;
}

bool berth_engine_container_archive(struct berth_engine *engine, const char *container, const char *path,
				    const struct berth_engine_archive *archive, GError **error)
{
	g_autoptr(api_path_stat) stat = berth_engine_container_stat(engine, container, path, error);

	return stat && archive->begin(archive->data, stat, error) &&
	       archive->write(archive->data, "archive", strlen("archive"));
}

bool berth_engine_container_extract(struct berth_engine *engine, const char *container, const char *path,
				    G_GNUC_UNUSED int fd, G_GNUC_UNUSED const struct berth_engine_extract *extract,
				    GError **error)
{
	g_autoptr(api_path_stat) stat = berth_engine_container_stat(engine, container, path, error);

	return stat != NULL;
}

bool berth_engine_container_export(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				   berth_tar_write_fn *write, void *data, G_GNUC_UNUSED GError **error)
{
	return write(data, "export", strlen("export"));
}

GPtrArray *berth_engine_container_changes(G_GNUC_UNUSED struct berth_engine *engine,
					  G_GNUC_UNUSED const char *container, G_GNUC_UNUSED GError **error)
{
	return g_ptr_array_new();
}

char *berth_engine_container_commit(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				    const struct berth_engine_commit *commit, G_GNUC_UNUSED GError **error)
{
	return g_strconcat("sha256:", commit->name ? commit->name : "", NULL);
}

char **berth_engine_checkpoint_list(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				    G_GNUC_UNUSED const char *folder, G_GNUC_UNUSED GError **error)
{
	return g_strsplit("one", ",", -1);
}

bool berth_engine_checkpoint_create(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				    G_GNUC_UNUSED const char *name, G_GNUC_UNUSED const char *folder,
				    G_GNUC_UNUSED bool exits, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "there is no criu");
}

bool berth_engine_checkpoint_remove(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				    const char *name, G_GNUC_UNUSED const char *folder, GError **error)
{
	return strcmp(name, "one") == 0 ||
	       berth_error_set(error, BERTH_ERROR_NOT_FOUND, "checkpoint %s does not exist", name);
}
