// SPDX-License-Identifier: Apache-2.0
// What filters of lists mean.
#include "engine/internal.h"

#include "base/error.h"
#include "base/moment.h"

#include <string.h>

char *const *berth_engine__filter(GHashTable *filters, const char *name)
{
	char *const *values = filters ? g_hash_table_lookup(filters, name) : NULL;

	return values && values[0] ? values : NULL;
}

bool berth_engine__filter_until(GHashTable *filters, int64_t *ret, GError **error)
{
	char *const *values = berth_engine__filter(filters, "until");
	int64_t duration;

	*ret = G_MAXINT64;
	if (!values)
		return true;
	if (values[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than one until filter specified");
	if (!berth_duration_parse(values[0], &duration, NULL))
		return berth_moment_parse(values[0], ret, error);
	*ret = berth_moment_now() - duration;
	return true;
}

// "key" or "key=value".
static bool has_label(GHashTable *labels, const char *wanted)
{
	const char *equals = strchr(wanted, '=');

	if (!labels)
		return false;
	if (!equals)
		return g_hash_table_contains(labels, wanted);
	g_autofree char *key = g_strndup(wanted, (gsize) (equals - wanted));
	return g_strcmp0(g_hash_table_lookup(labels, key), equals + 1) == 0;
}

bool berth_engine__labels_pass(GHashTable *filters, GHashTable *labels)
{
	for (char *const *value = berth_engine__filter(filters, "label"); value && *value; value++)
		if (!has_label(labels, *value))
			return false;
	for (char *const *value = berth_engine__filter(filters, "label!"); value && *value; value++)
		if (has_label(labels, *value))
			return false;
	return true;
}

void berth_objects_free(GPtrArray *objects, const struct berth_document *document)
{
	for (guint i = 0; objects && i < objects->len; i++)
		berth_document_free(document, objects->pdata[i]);
	if (objects)
		g_ptr_array_unref(objects);
}
