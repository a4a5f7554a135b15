// SPDX-License-Identifier: Apache-2.0
// --volumes-from NAME[:ro|rw]: what another container has mounted, at the same places.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"

#include <string.h>

// Docker's words for each part of it.
static bool parse(const char *text, char **ret_name, bool *ret_read_only, GError **error)
{
	const char *colon = strchr(text, ':');
	const char *mode = colon ? colon + 1 : "rw";
	g_auto(GStrv) words = g_strsplit(mode, ",", 0);
	unsigned access = 0;

	*ret_read_only = false;
	if (!*text || colon == text)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid volumes-from spec: \"%s\" names no container", text);
	for (char **word = words; *word; word++) {
		bool read_only = strcmp(*word, "ro") == 0, label = g_ascii_strcasecmp(*word, "z") == 0;
		if (!read_only && !label && strcmp(*word, "rw") != 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mode for volumes-from: %s", mode);
		*ret_read_only = *ret_read_only || read_only;
		access += !label;
	}
	if (access > 1)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mode for volumes-from: %s", mode);
	*ret_name = g_strndup(text, colon ? (gsize) (colon - text) : strlen(text));
	return true;
}

static void make_read_only(struct berth_container_mount *mount)
{
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();
	bool recursive = mount->options && g_strv_contains((const char *const *) mount->options, "rbind");

	for (char **option = mount->options; option && *option; option++)
		if (strcmp(*option, "rw") != 0)
			g_strv_builder_add(options, *option);
	if (mount->writable)
		g_strv_builder_add(options, recursive ? "rro" : "ro");
	g_strfreev(mount->options);
	mount->options = g_strv_builder_end(options);
	mount->writable = false;
}

static bool take(GPtrArray *taken, const struct berth_container_mount *mount, bool read_only, const char *name,
		 GError **error)
{
	if (!mount->listed)
		return true;
	if (strcmp(mount->type, "volume") == 0 && !mount->driver)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "volumes-from %s: its anonymous volume of %s was made by an earlier version and "
				       "is its own: copy what is in it to a named volume",
				       name, mount->destination);
	struct berth_container_mount *copy = berth_document_copy(&berth_container_mount_document, mount);
	copy->no_copy = true; // it was filled for that container
	if (read_only)
		make_read_only(copy);
	g_ptr_array_add(taken, copy);
	return true;
}

static bool take_all(struct berth_engine *engine, const char *text, GPtrArray *taken, GError **error)
{
	g_autofree char *name = NULL;
	bool read_only, done = true;

	if (!parse(text, &name, &read_only, error))
		return false;
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_container) container = berth_engine__find_locked(engine, name, error);
	const GPtrArray *mounts = container ? container->record->mounts : NULL;
	for (guint i = 0; done && mounts && i < mounts->len; i++)
		done = take(taken, mounts->pdata[i], read_only, name, error);
	pthread_mutex_unlock(&engine->lock);
	return container && done;
}

GPtrArray *berth_engine__volumes_from(struct berth_engine *engine, char *const *names, GError **error)
{
	g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func((GDestroyNotify) berth_container_mount_free);

	// What is named last wins, and the first of a place is taken.
	for (guint i = names ? g_strv_length((char **) names) : 0; i-- > 0;)
		if (!take_all(engine, names[i], taken, error))
			return NULL;
	return g_steal_pointer(&taken);
}
