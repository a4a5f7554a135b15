// SPDX-License-Identifier: Apache-2.0
// mounts: file systems and folders that a running container gets or loses, as crun has it. The file is an array of
// mounts as in config.json, an object with such an array, or one mount. All of them are added, or none.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

static GPtrArray *read_mounts(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, error);
	BERTH_AUTO_JSON json_t *json = text ? berth_json_parse(text, length, path, error) : NULL;
	g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func((GDestroyNotify) oci_mount_free);
	json_t *list = json;

	if (!json)
		return NULL;
	if (json_is_object(json) && json_object_get(json, "mounts"))
		list = json_object_get(json, "mounts");
	for (size_t i = 0; i < (json_is_array(list) ? json_array_size(list) : 1); i++) {
		const json_t *one = json_is_array(list) ? json_array_get(list, i) : list;
		struct oci_mount *mount = berth_document_parse(&oci_mount_document, one, error);
		if (!mount)
			return g_prefix_error(error, "%s: ", path), NULL;
		g_ptr_array_add(mounts, mount);
	}
	return g_steal_pointer(&mounts);
}

static bool change(struct berth_container *container, const GPtrArray *mounts, bool add, GError **error)
{
	for (guint i = 0; i < mounts->len; i++) {
		if (add ? berth_container_add_mount(container, mounts->pdata[i], error)
			: berth_container_remove_mount(container, mounts->pdata[i], error))
			continue;
		while (add && i-- > 0)
			berth_container_remove_mount(container, mounts->pdata[i], NULL);
		return false;
	}
	return true;
}

static int mounts(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		  GError **error)
{
	bool add = g_str_equal(arguments[0], "add");

	if (!add && !g_str_equal(arguments[0], "remove"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "mounts: unknown command %s; there are add and remove", arguments[0]),
		       -1;
	g_autoptr(GPtrArray) list = read_mounts(arguments[2], error);
	g_autoptr(berth_container) container = list ? runtime_load(program, arguments[1], error) : NULL;
	return container && change(container, list, add, error) ? 0 : -1;
}

const struct runtime_command runtime_command_mounts = {
	"mounts", "add|remove ID FILE", "Add or remove mounts of a running container", NULL, 0, 3, 3, mounts};
