// SPDX-License-Identifier: Apache-2.0
#include "engine/files/changes.h"

#include "engine/files/files.h"
#include "engine/internal.h"
#include "store/tree.h"

#include <string.h>

bool berth_engine__is_own_file(const char *path)
{
	static const char *const own[] = {
		"/.dockerenv",      "/dev",  "/etc/hostname",     "/etc/hosts", "/etc/mtab",
		"/etc/resolv.conf", "/proc", "/sbin/docker-init", "/sys",       NULL,
	};

	return g_strv_contains(own, path);
}

static bool note(void *data, const char *path, enum berth_change kind, G_GNUC_UNUSED const struct stat *status,
		 G_GNUC_UNUSED GError **error)
{
	struct api_change *change = berth_document_new(&api_change_document);

	change->path = g_utf8_make_valid(path, -1);
	change->kind = kind;
	g_ptr_array_add(data, change);
	return true;
}

GPtrArray *berth_engine_container_changes(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	struct berth_snapshot_trees trees;
	int64_t began = g_get_monotonic_time();

	if (!container || !berth_snapshot_trees_open(engine->snapshots, container->id, &trees, error))
		return NULL;
	GPtrArray *changes = g_ptr_array_new();
	trees.skips = berth_engine__is_own_file;
	bool done = berth_tree_compare(&trees, note, changes, error);
	berth_snapshot_trees_clear(&trees);
	if (done) {
		berth_engine__count_action(engine, BERTH_ACTION_CHANGES, began);
		return changes;
	}
	g_prefix_error(error, "changes of container %s: ", text);
	berth_objects_free(changes, &api_change_document);
	return NULL;
}
