// SPDX-License-Identifier: Apache-2.0
// Devices by their names, out of the specification files that there are.
#include "engine/plan/cdi.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

// A device of the name that is looked for.
struct found {
	struct berth_cdi_spec *spec; // owned by the search
	const struct berth_cdi_device *device;
	guint folder; // whose later one wins
	bool twice; // in that folder
};

struct search {
	GPtrArray *specs; // of struct berth_cdi_spec
	GArray *folders; // of guint: where each is from
	GString *problems;
	guint files;
};

static bool has_end(const char *name, const char *end)
{
	return *name != '.' && g_str_has_suffix(name, end);
}

static void read_file(struct search *search, const char *folder, const char *name, guint number)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_build_filename(folder, name, NULL);
	size_t length = 0;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CDI_FILE, &length, &error);
	struct berth_cdi_spec *spec = !text                    ? NULL
				      : has_end(name, ".json") ? berth_cdi_parse(text, length, path, &error)
							       : berth_cdi_parse_yaml(text, length, path, &error);

	if (spec) {
		g_ptr_array_add(search->specs, spec);
		g_array_append_val(search->folders, number);
	} else {
		g_string_append_printf(search->problems, "; %s", error->message);
	}
}

static void read_folder(struct search *search, const char *path, guint number)
{
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if ((has_end(entry->d_name, ".json") || has_end(entry->d_name, ".yaml")) &&
		    search->files++ < BERTH_LIMIT_CDI_FILES)
			read_file(search, path, entry->d_name, number);
	if (folder)
		closedir(folder);
}

static void find_in(const struct search *search, guint index, const char *kind, const char *name, struct found *found)
{
	struct berth_cdi_spec *spec = search->specs->pdata[index];
	guint folder = g_array_index(search->folders, guint, index);

	if (!g_str_equal(spec->kind, kind))
		return;
	for (guint i = 0; i < spec->devices->len; i++) {
		const struct berth_cdi_device *device = spec->devices->pdata[i];
		if (!g_str_equal(device->name, name))
			continue;
		bool same = found->device && found->folder == folder;
		if (!found->device || folder >= found->folder)
			*found = (struct found){spec, device, folder, same};
	}
}

static void add_edits(GPtrArray *list, const struct berth_cdi_edits *edits)
{
	if (edits)
		g_ptr_array_add(list, berth_document_copy(&berth_cdi_edits_document, edits));
}

static bool find_one(const struct search *search, const char *text, GPtrArray *seen, GPtrArray *list, GString *missing,
		     GError **error)
{
	g_autofree char *kind = NULL, *name = NULL;
	struct found found = {0};

	if (!berth_cdi_name_parse(text, &kind, &name, error))
		return false;
	for (guint i = 0; i < search->specs->len; i++)
		find_in(search, i, kind, name, &found);
	if (!found.device) {
		g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", text);
		return true;
	}
	if (found.twice)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "CDI device injection failed: device %s: two files of the same folder have it",
				       text);
	if (!g_ptr_array_find(seen, found.spec, NULL)) {
		g_ptr_array_add(seen, found.spec);
		add_edits(list, found.spec->edits);
	}
	add_edits(list, found.device->edits);
	return true;
}

void berth_cdi_edits_list_free(GPtrArray *list)
{
	for (guint i = 0; list && i < list->len; i++)
		berth_cdi_edits_free(list->pdata[i]);
	if (list)
		g_ptr_array_unref(list);
}

static GPtrArray *find_all(const struct search *search, char *const *folders, char *const *names, GError **error)
{
	g_autoptr(GPtrArray) seen = g_ptr_array_new();
	g_autoptr(GString) missing = g_string_new(NULL);
	GPtrArray *list = g_ptr_array_new();
	bool fine = true;

	for (; fine && *names; names++)
		fine = find_one(search, *names, seen, list, missing, error);
	if (fine && missing->len) {
		g_autofree char *where = g_strjoinv(", ", (char **) folders);
		fine = berth_error_set(error, BERTH_ERROR_INVALID,
				       "CDI device injection failed: unresolvable CDI devices %s (of %u specifications "
				       "in %s%s)",
				       missing->str, search->specs->len, where, search->problems->str);
	}
	if (fine)
		return list;
	berth_cdi_edits_list_free(list);
	return NULL;
}

GPtrArray *berth_cdi_find(char *const *folders, char *const *names, GError **error)
{
	struct search search = {
		.specs = g_ptr_array_new_with_free_func((GDestroyNotify) berth_cdi_spec_free),
		.folders = g_array_new(FALSE, FALSE, sizeof(guint)),
		.problems = g_string_new(NULL),
	};

	for (guint i = 0; folders[i]; i++)
		read_folder(&search, folders[i], i);
	GPtrArray *list = find_all(&search, folders, names, error);
	g_ptr_array_unref(search.specs);
	g_array_unref(search.folders);
	g_string_free(search.problems, TRUE);
	return list;
}

// Requests

static bool no_driver(const json_t *request, GError **error)
{
	json_t *capabilities = json_object_get(request, "Capabilities");
	const char *driver = json_string_value(json_object_get(request, "Driver"));
	g_autofree char *text = capabilities ? berth_json_text(capabilities) : g_strdup("[]");

	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "could not select device driver \"%s\" with capabilities: %s: there are \"cdi\", and "
			       "\"nvidia\" for [[\"gpu\"]]",
			       driver ? driver : "", text);
}

// One of the alternatives is [… "gpu" …].
static bool wants_gpu(const json_t *capabilities)
{
	const json_t *all, *one;
	size_t i, k;

	json_array_foreach(capabilities, i, all)
		json_array_foreach(all, k, one) if (g_strcmp0(json_string_value(one), "gpu") == 0) return true;
	return false;
}

static bool add_ids(GStrvBuilder *names, const json_t *ids, const char *prefix, GError **error)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		const char *text = json_string_value(id);
		g_autofree char *name = g_strconcat(prefix, text ? text : "", NULL);
		g_autofree char *kind = NULL, *device = NULL;
		if (!berth_cdi_name_parse(name, &kind, &device, error))
			return false;
		g_strv_builder_add(names, name);
	}
	return true;
}

static bool add_gpus(GStrvBuilder *names, json_int_t count, const json_t *ids, GError **error)
{
	if (json_array_size(ids) > 0)
		return count == 0 ? add_ids(names, ids, BERTH_CDI_GPU "=", error)
				  : berth_error_set(error, BERTH_ERROR_INVALID,
						    "cannot set both Count and DeviceIDs on device request");
	if (count < -1 || count > BERTH_LIMIT_CDI_DEVICES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid count of GPUs: %lld", (long long) count);
	if (count == -1)
		g_strv_builder_add(names, BERTH_CDI_GPU "=all");
	for (json_int_t i = 0; i < count; i++) {
		g_autofree char *name = g_strdup_printf(BERTH_CDI_GPU "=%lld", (long long) i);
		g_strv_builder_add(names, name);
	}
	return true;
}

static bool add_request(GStrvBuilder *names, const json_t *request, GError **error)
{
	const char *driver = json_string_value(json_object_get(request, "Driver"));
	const json_t *ids = json_object_get(request, "DeviceIDs"), *options = json_object_get(request, "Options");
	json_int_t count = json_integer_value(json_object_get(request, "Count"));

	if (!json_is_object(request))
		return berth_error_set(error, BERTH_ERROR_INVALID, "DeviceRequests: has what is no request");
	if (json_object_size(options))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "DeviceRequests: Options: a CDI specification takes none");
	if (g_strcmp0(driver, "cdi") == 0)
		return count == 0 ? add_ids(names, ids, "", error)
				  : berth_error_set(error, BERTH_ERROR_INVALID,
						    "DeviceRequests: Count: the driver cdi takes DeviceIDs");
	bool nvidia = !driver || !*driver || strcmp(driver, "nvidia") == 0;
	if (!nvidia || !wants_gpu(json_object_get(request, "Capabilities")))
		return no_driver(request, error);
	return add_gpus(names, count, ids, error);
}

char **berth_cdi_requests(const json_t *requests, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	const json_t *request;
	size_t i;

	if (requests && !json_is_null(requests) && !json_is_array(requests)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "DeviceRequests: is no array");
		return NULL;
	}
	if (json_array_size(requests) > BERTH_LIMIT_CDI_REQUESTS) {
		berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "DeviceRequests: more than %d",
				BERTH_LIMIT_CDI_REQUESTS);
		return NULL;
	}
	json_array_foreach(requests, i, request) if (!add_request(names, request, error)) return NULL;
	return g_strv_builder_end(names);
}
