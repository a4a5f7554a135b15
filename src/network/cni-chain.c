// SPDX-License-Identifier: Apache-2.0
// The plugins of a list, one after the other: the order of the specification's section 3, and which version they are
// spoken to in.
#include "base/error.h"
#include "base/json.h"
#include "network/cni.h"

#include <string.h>

// A plugin's answer to VERSION. One that has no such command speaks what was before it.
static json_t *ask_versions(const struct berth_cni_call *call, const struct berth_cni_plugin *plugin,
			    const struct berth_cni_list *list, GError **error)
{
	struct berth_cni_call version = {.paths = call->paths, .command = "VERSION"};
	const char *newest = list->versions[g_strv_length(list->versions) - 1];
	BERTH_AUTO_JSON json_t *request =
		json_pack("{ssssss}", "cniVersion", newest, "name", list->name, "type", plugin->type);
	BERTH_AUTO_JSON json_t *answer = NULL;

	if (!berth_cni_run(&version, plugin->type, request, &answer, error))
		return NULL;
	json_t *supported = json_object_get(answer, "supportedVersions");
	if (json_is_array(supported))
		return json_incref(supported);
	berth_error_set(error, BERTH_ERROR_INTERNAL, "CNI plugin \"%s\" (VERSION): its answer has no supportedVersions",
			plugin->type);
	return NULL;
}

static bool has_version(const json_t *versions, const char *version)
{
	const json_t *item;
	size_t i;

	json_array_foreach(versions, i, item) if (g_strcmp0(json_string_value(item), version) == 0) return true;
	return false;
}

// Of `left` removes those that the plugin has not. False: none is left.
static bool narrow(GPtrArray *left, const json_t *supported)
{
	for (guint i = left->len; i > 0; i--)
		if (!has_version(supported, left->pdata[i - 1]))
			g_ptr_array_remove_index(left, i - 1);
	return left->len > 0;
}

static char *join(const json_t *versions)
{
	GString *text = g_string_new(NULL);
	const json_t *item;
	size_t i;

	json_array_foreach(versions, i, item) if (json_is_string(item) && text->len < 200)
		g_string_append_printf(text, "%s%.20s", text->len > 0 ? ", " : "", json_string_value(item));
	return g_string_free(text, FALSE);
}

char *berth_cni_negotiate(const struct berth_cni_call *call, const struct berth_cni_list *list, bool ask,
			  GError **error)
{
	g_autoptr(GPtrArray) left = g_ptr_array_new();

	for (size_t i = 0; list->versions[i]; i++)
		g_ptr_array_add(left, list->versions[i]);
	for (guint i = 0; i < list->plugins->len && (ask || left->len > 1); i++) {
		const struct berth_cni_plugin *plugin = list->plugins->pdata[i];
		BERTH_AUTO_JSON json_t *supported = ask_versions(call, plugin, list, error);
		if (!supported)
			return NULL;
		if (narrow(left, supported))
			continue;
		g_autofree char *theirs = join(supported);
		g_autofree char *ours = g_strjoinv(", ", list->versions);
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"%s: it is written for CNI %s, but plugin \"%s\" supports %s%s", list->source, ours,
				plugin->type, theirs, list->versions[1] ? " (and others of the list less)" : "");
		return NULL;
	}
	return g_strdup(left->pdata[left->len - 1]);
}

static bool run(const struct berth_cni_call *call, const char *command, const struct berth_cni_list *list, guint number,
		const char *version, const json_t *abilities, const json_t *previous, json_t **ret, GError **error)
{
	const struct berth_cni_plugin *plugin = list->plugins->pdata[number];
	BERTH_AUTO_JSON json_t *request = berth_cni_request(list, plugin, version, abilities, previous);
	struct berth_cni_call one = *call;

	one.command = command;
	return berth_cni_run(&one, plugin->type, request, ret, error);
}

static bool add_one(const struct berth_cni_call *call, const struct berth_cni_list *list, guint number,
		    const char *version, const json_t *abilities, json_t **result, GError **error)
{
	const struct berth_cni_plugin *plugin = list->plugins->pdata[number];
	json_t *next = NULL;

	if (!run(call, "ADD", list, number, version, abilities, *result, &next, error))
		return false;
	if (!next)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "CNI plugin \"%s\" (ADD): it printed no result",
				       plugin->type);
	json_decref(*result);
	*result = next;
	if (berth_cni_result_check(next, version, error))
		return true;
	g_prefix_error(error, "CNI plugin \"%s\": ", plugin->type);
	return false;
}

json_t *berth_cni_add(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		      const json_t *abilities, GError **error)
{
	json_t *result = NULL;
	bool good = true;

	for (guint i = 0; i < list->plugins->len && good; i++)
		good = add_one(call, list, i, version, abilities, &result, error);
	if (good)
		return result;
	json_decref(result);
	berth_cni_del(call, list, version, abilities, NULL, NULL);
	return NULL;
}

bool berth_cni_del(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		   const json_t *abilities, const json_t *result, GError **error)
{
	// Before 0.4.0 DEL is given no result.
	const json_t *previous = berth_cni_version_compare(version, "0.4.0") < 0 ? NULL : result;
	bool good = true;

	for (guint i = list->plugins->len; i > 0; i--)
		good = run(call, "DEL", list, i - 1, version, abilities, previous, NULL, good ? error : NULL) && good;
	return good;
}

bool berth_cni_check(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		     const json_t *abilities, const json_t *result, GError **error)
{
	if (list->without_check || berth_cni_version_compare(version, "0.4.0") < 0)
		return true;
	for (guint i = 0; i < list->plugins->len; i++)
		if (!run(call, "CHECK", list, i, version, abilities, result, NULL, error))
			return false;
	return true;
}

bool berth_cni_status(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		      GError **error)
{
	if (berth_cni_version_compare(version, "1.1.0") < 0)
		return true;
	for (guint i = 0; i < list->plugins->len; i++)
		if (!run(call, "STATUS", list, i, version, NULL, NULL, NULL, error))
			return false;
	return true;
}

bool berth_cni_gc(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		  const json_t *valid, GError **error)
{
	bool good = true;

	if (list->without_gc || berth_cni_version_compare(version, "1.1.0") < 0)
		return true;
	for (guint i = 0; i < list->plugins->len; i++) {
		const struct berth_cni_plugin *plugin = list->plugins->pdata[i];
		BERTH_AUTO_JSON json_t *request = berth_cni_request(list, plugin, version, NULL, NULL);
		json_object_set(request, "cni.dev/valid-attachments", (json_t *) valid);
		struct berth_cni_call one = *call;
		one.command = "GC";
		good = berth_cni_run(&one, plugin->type, request, NULL, good ? error : NULL) && good;
	}
	return good;
}
