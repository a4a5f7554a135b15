// SPDX-License-Identifier: Apache-2.0
#include "cli/manifest-list.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/config.h"
#include "spec/oci-image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

// A name as one of a file.
static char *file_name(const char *name)
{
	char *result = g_strdup(name);

	g_strdelimit(result, ":", '-');
	return g_strdelimit(result, "/", '_');
}

static char *list_path(const struct berth_cli *cli, const char *list)
{
	g_autofree char *folder = berth_config_folder(cli), *name = file_name(list);

	return g_build_filename(folder, "manifests", name, NULL);
}

bool berth_manifest_is_index(const char *media_type)
{
	return g_strcmp0(media_type, OCI_MEDIA_INDEX) == 0 || g_strcmp0(media_type, DOCKER_MEDIA_INDEX) == 0;
}

json_t *berth_manifest_entry(const char *full_name, const char *media_type, const char *raw, size_t length,
			     const json_t *platform, GError **error)
{
	bool docker = g_strcmp0(media_type, DOCKER_MEDIA_MANIFEST) == 0;
	json_t *manifest = berth_json_parse(raw, length, full_name, error);

	if (!manifest)
		return NULL;
	g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) raw, length);
	g_autofree char *digest = g_strconcat("sha256:", sum, NULL);
	g_autofree char *base64 = g_base64_encode((const guchar *) raw, length);
	json_t *entry = json_pack("{s:s, s:{s:s, s:s, s:I}, s:s, s:o}", "Ref", full_name, "Descriptor", "mediaType",
				  media_type, "digest", digest, "size", (json_int_t) length, "Raw", base64,
				  docker ? "SchemaV2Manifest" : "OCIManifest", manifest);
	if (platform)
		json_object_set_new(json_object_get(entry, "Descriptor"), "platform", json_deep_copy(platform));
	return entry;
}

bool berth_manifest_list_exists(const struct berth_cli *cli, const char *list)
{
	g_autofree char *path = list_path(cli, list);

	return g_file_test(path, G_FILE_TEST_IS_DIR);
}

bool berth_manifest_list_put(const struct berth_cli *cli, const char *list, const json_t *entry, GError **error)
{
	g_autofree char *path = list_path(cli, list);
	g_autofree char *name = file_name(json_string_value(json_object_get(entry, "Ref")));
	berth_fd folder = berth_open_folder(path, true, 0755, error);

	if (folder < 0)
		return false;
	g_autofree char *text = berth_json_text(entry);
	return berth_write_file_at(folder, name, text, strlen(text), 0644, false, error);
}

static json_t *read_entry(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, error);
	json_t *entry = text ? berth_json_parse(text, length, path, error) : NULL;

	if (!entry ||
	    (json_is_string(json_object_get(entry, "Ref")) && json_is_object(json_object_get(entry, "Descriptor"))))
		return entry;
	json_decref(entry);
	berth_error_set(error, BERTH_ERROR_INVALID, "%s: is no entry of a manifest list", path);
	return NULL;
}

json_t *berth_manifest_list_get(const struct berth_cli *cli, const char *list, const char *name, GError **error)
{
	g_autofree char *folder = list_path(cli, list), *file = file_name(name);
	g_autofree char *path = g_build_filename(folder, file, NULL);

	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return read_entry(path, error);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "manifest for image %s does not exist in %s", name, list);
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

json_t *berth_manifest_list_all(const struct berth_cli *cli, const char *list, GError **error)
{
	g_autofree char *folder = list_path(cli, list);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	BERTH_AUTO_JSON json_t *entries = json_array();
	const char *name;

	if (!dir) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such manifest: %s", list);
		return NULL;
	}
	while ((name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_build_filename(folder, name, NULL));
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; i < names->len; i++) {
		json_t *entry = read_entry(names->pdata[i], error);
		if (!entry)
			return NULL;
		json_array_append_new(entries, entry);
	}
	return g_steal_pointer(&entries);
}

bool berth_manifest_list_remove(const struct berth_cli *cli, const char *list, GError **error)
{
	g_autofree char *path = list_path(cli, list);
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);

	if (!berth_manifest_list_exists(cli, list))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such manifest: %s", list);
	berth_fd folder = berth_open_folder(parent, false, 0, error);
	return folder >= 0 && berth_remove_tree_at(folder, name, error);
}

json_t *berth_manifest_list_index(const json_t *entries, bool check, GError **error)
{
	BERTH_AUTO_JSON json_t *manifests = json_array();
	bool docker = true; // all of them
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		json_t *descriptor = json_object_get(entry, "Descriptor");
		const json_t *platform = json_object_get(descriptor, "platform");
		if (check && (!*berth_json_member(platform, "os") || !*berth_json_member(platform, "architecture"))) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"manifest %s must have an OS and Architecture to be pushed to a registry; give "
					"it them with `manifest annotate`",
					berth_json_member(entry, "Ref"));
			return NULL;
		}
		docker = docker && strcmp(berth_json_member(descriptor, "mediaType"), DOCKER_MEDIA_MANIFEST) == 0;
		json_array_append_new(manifests, json_deep_copy(descriptor));
	}
	return json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType",
			 docker ? DOCKER_MEDIA_INDEX : OCI_MEDIA_INDEX, "manifests", manifests);
}
