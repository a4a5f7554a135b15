// SPDX-License-Identifier: Apache-2.0
// Configuration lists: what is in them, and where they are.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "network/cni.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

// What we speak. Results of versions before 0.3.0 have another form.
static const char *const known_versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

static void plugin_free(gpointer data)
{
	struct berth_cni_plugin *plugin = data;

	g_free(plugin->type);
	json_decref(plugin->config);
	g_free(plugin);
}

void berth_cni_list_free(struct berth_cni_list *list)
{
	if (!list)
		return;
	g_free(list->name);
	g_free(list->source);
	g_strfreev(list->versions);
	if (list->plugins)
		g_ptr_array_unref(list->plugins);
	json_decref(list->document);
	g_free(list);
}

int berth_cni_version_compare(const char *a, const char *b)
{
	unsigned left[3] = {0}, right[3] = {0};
	char rest;

	if (sscanf(a, "%3u.%3u.%3u%c", &left[0], &left[1], &left[2], &rest) != 3)
		memset(left, 0, sizeof left);
	if (sscanf(b, "%3u.%3u.%3u%c", &right[0], &right[1], &right[2], &rest) != 3)
		memset(right, 0, sizeof right);
	for (size_t i = 0; i < 3; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

static bool is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t length = strlen(text);

	return length > 0 && length <= BERTH_LIMIT_PLUGIN_NAME && g_ascii_isalnum(text[0]) &&
	       strspn(text, allowed) == length;
}

bool berth_cni_type_check(const char *type, const char *source, GError **error)
{
	if (is_name(type))
		return true;
	g_autofree char *shown = g_strescape(type, NULL);
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"%s: plugin type \"%.200s\": it is the name of a program: letters, digits, '_', '.' and '-', "
		"without a slash",
		source, shown);
}

// A bool, or the word that older writers have for it.
static bool is_true(const json_t *document, const char *key)
{
	const json_t *value = json_object_get(document, key);

	return json_is_true(value) || g_strcmp0(json_string_value(value), "true") == 0;
}

static bool lists_version(const json_t *document, const char *version)
{
	const json_t *list = json_object_get(document, "cniVersions");
	const char *single = json_string_value(json_object_get(document, "cniVersion"));
	const json_t *item;
	size_t i;

	if (g_strcmp0(single, version) == 0)
		return true;
	json_array_foreach(list, i, item) if (g_strcmp0(json_string_value(item), version) == 0) return true;
	return false;
}

static bool read_versions(struct berth_cni_list *list, GError **error)
{
	g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
	const char *single = json_string_value(json_object_get(list->document, "cniVersion"));

	for (size_t i = 0; i < G_N_ELEMENTS(known_versions); i++)
		if (lists_version(list->document, known_versions[i]))
			g_ptr_array_add(versions, g_strdup(known_versions[i]));
	if (versions->len == 0) {
		g_autofree char *shown = single ? g_strescape(single, NULL) : NULL;
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "%s: cniVersion %s%.40s%s is not one of 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
				       list->source, shown ? "\"" : "", shown ? shown : "(none)", shown ? "\"" : "");
	}
	g_ptr_array_add(versions, NULL);
	list->versions = g_strdupv((char **) versions->pdata);
	return true;
}

static bool add_plugin(struct berth_cni_list *list, const json_t *config, const char *source, GError **error)
{
	const char *type = json_string_value(json_object_get(config, "type"));
	const json_t *ipam = json_object_get(config, "ipam");
	const json_t *ipam_type = json_object_get(ipam, "type");
	const json_t *capabilities = json_object_get(config, "capabilities");

	if (!json_is_object(config) || !type)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: plugin %u has no type", source,
				       list->plugins->len + 1);
	if (!berth_cni_type_check(type, source, error))
		return false;
	if ((ipam && !json_is_object(ipam)) || (ipam_type && !json_is_string(ipam_type)))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: plugin \"%s\": ipam is not an object with a type", source, type);
	// The plugin executes it by this name.
	if (ipam_type && json_string_length(ipam_type) > 0 &&
	    !berth_cni_type_check(json_string_value(ipam_type), source, error))
		return false;
	if (capabilities && !json_is_object(capabilities))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: plugin \"%s\": capabilities is not an object",
				       source, type);
	if (list->plugins->len == BERTH_LIMIT_CNI_CHAIN)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: more than %d plugins", source,
				       BERTH_LIMIT_CNI_CHAIN);
	struct berth_cni_plugin *plugin = g_new0(struct berth_cni_plugin, 1);
	plugin->type = g_strdup(type);
	plugin->config = json_deep_copy(config);
	g_ptr_array_add(list->plugins, plugin);
	return true;
}

static bool fill(struct berth_cni_list *list, GError **error)
{
	const char *name = json_string_value(json_object_get(list->document, "name"));
	const json_t *plugins = json_object_get(list->document, "plugins");
	const json_t *plugin;
	size_t i;

	if (!name || !is_name(name))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"%s: name: expected letters, digits, '_', '.' and '-', the first a letter or a digit",
			list->source);
	list->name = g_strdup(name);
	list->without_check = is_true(list->document, "disableCheck");
	list->without_gc = is_true(list->document, "disableGC");
	if (!read_versions(list, error))
		return false;
	if (!plugins && json_object_get(list->document, "type"))
		return add_plugin(list, list->document, list->source, error);
	if (!json_is_array(plugins) || json_array_size(plugins) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: it has no plugins", list->source);
	json_array_foreach(plugins, i, plugin) if (!add_plugin(list, plugin, list->source, error)) return false;
	return true;
}

struct berth_cni_list *berth_cni_list_from(const json_t *document, const char *source, GError **error)
{
	g_autoptr(berth_cni_list) list = g_new0(struct berth_cni_list, 1);

	list->source = g_strdup(source);
	list->plugins = g_ptr_array_new_with_free_func(plugin_free);
	list->document = json_deep_copy(document);
	return fill(list, error) ? g_steal_pointer(&list) : NULL;
}

struct berth_cni_list *berth_cni_list_parse(const char *text, size_t length, const char *source, GError **error)
{
	BERTH_AUTO_JSON json_t *document = NULL;

	if (length > BERTH_LIMIT_CNI_CONFIG) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: it has more than %d bytes", source,
				BERTH_LIMIT_CNI_CONFIG);
		return NULL;
	}
	document = berth_json_parse(text, length, source, error);
	if (document && !json_is_object(document))
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: it is not an object", source);
	return json_is_object(document) ? berth_cni_list_from(document, source, error) : NULL;
}

static int compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

// Paths of the folder's files with one of the endings, sorted: a new array.
static GPtrArray *list_files(const char *path, const char *const *endings)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && (entry = readdir(folder)) && files->len < BERTH_LIMIT_CNI_FILES;)
		for (size_t i = 0; endings[i]; i++)
			if (entry->d_name[0] != '.' && g_str_has_suffix(entry->d_name, endings[i]))
				g_ptr_array_add(files, g_build_filename(path, entry->d_name, NULL));
	if (folder)
		closedir(folder);
	g_ptr_array_sort(files, compare);
	return files;
}

// <folder>/<list's name>/*.conf are further plugins of the list, unless it has loadOnlyInlinedPlugins.
static bool add_further(struct berth_cni_list *list, const char *path, GError **error)
{
	static const char *const endings[] = {".conf", NULL};
	g_autofree char *beside = g_path_get_dirname(path);
	g_autofree char *folder = g_build_filename(beside, list->name, NULL);

	if (is_true(list->document, "loadOnlyInlinedPlugins") || !json_object_get(list->document, "plugins"))
		return true;
	g_autoptr(GPtrArray) files = list_files(folder, endings);
	for (guint i = 0; i < files->len; i++) {
		size_t length;
		g_autofree char *text =
			berth_read_file_at(AT_FDCWD, files->pdata[i], BERTH_LIMIT_CNI_CONFIG, &length, error);
		BERTH_AUTO_JSON json_t *config = text ? berth_json_parse(text, length, files->pdata[i], error) : NULL;
		if (!config || !add_plugin(list, config, files->pdata[i], error))
			return false;
		json_array_append(json_object_get(list->document, "plugins"), config);
	}
	return true;
}

static struct berth_cni_list *read_list(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CNI_CONFIG, &length, error);
	g_autoptr(berth_cni_list) list = text ? berth_cni_list_parse(text, length, path, error) : NULL;

	return list && add_further(list, path, error) ? g_steal_pointer(&list) : NULL;
}

struct berth_cni_list *berth_cni_list_find(char *const *folders, const char *name, GError **error)
{
	static const char *const endings[] = {".conflist", ".conf", ".json", NULL};
	g_autoptr(GError) wrong = NULL;

	if (name[0] == '/')
		return read_list(name, error);
	for (size_t i = 0; folders[i]; i++) {
		g_autoptr(GPtrArray) files = list_files(folders[i], endings);
		for (guint j = 0; j < files->len; j++) {
			// Another's file may be wrong.
			g_autoptr(berth_cni_list) list = read_list(files->pdata[j], wrong ? NULL : &wrong);
			if (list && g_str_equal(list->name, name))
				return g_steal_pointer(&list);
		}
	}
	g_autofree char *places = g_strjoinv(", ", (char **) folders);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND,
			"no CNI configuration list with the name \"%.200s\" is in %s%s%s%s", name, places,
			wrong ? " (one that cannot be read is there: " : "", wrong ? wrong->message : "",
			wrong ? ")" : "");
	return NULL;
}
