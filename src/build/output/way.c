// SPDX-License-Identifier: Apache-2.0
// The attributes of ways out: what is known is read, what is not is refused by its name.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/near.h"

#include <string.h>

static const char *const types[] = {"image", "registry", "oci", "docker", "local", "tar", "cacheonly", "cache", NULL};

// Read where it is given, at the client, before it comes here.
static const char *const elsewhere[] = {"dest", "type", NULL};

static bool is_files(const char *type)
{
	return g_str_equal(type, "local") || g_str_equal(type, "tar");
}

void berth_build_way_clear(struct berth_build_way *way)
{
	g_clear_pointer(&way->names, g_strfreev);
	g_clear_pointer(&way->annotations, g_hash_table_unref);
}

static bool read_switch(const char *name, const char *value, bool *ret, GError **error)
{
	if (!*value || g_str_equal(value, "true") || g_str_equal(value, "1"))
		*ret = true;
	else if (g_str_equal(value, "false") || g_str_equal(value, "0"))
		*ret = false;
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s=%s: is neither true nor false", name, value);
	return true;
}

static bool read_compression(const char *value, struct berth_build_way *way, GError **error)
{
	way->compress = g_str_equal(value, "gzip");
	return way->compress || g_str_equal(value, "uncompressed") ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "compression=%s: only gzip and uncompressed are supported", value);
}

// "annotation.KEY", "annotation-manifest.KEY", also with a platform in brackets, which is not looked at.
static bool read_annotation(const char *name, const char *value, struct berth_build_way *way, bool *ret_is,
			    GError **error)
{
	const char *key = strchr(name, '.');

	*ret_is = g_str_has_prefix(name, "annotation") && key;
	if (!*ret_is)
		return true;
	g_autofree char *level = g_strndup(name, (gsize) (key - name));
	if (!g_str_equal(level, "annotation") && !g_str_equal(level, "annotation-manifest"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: only manifests can be annotated", name);
	g_hash_table_replace(way->annotations, g_strdup(key + 1), g_strdup(value));
	return true;
}

static bool read_one(const char *name, const char *value, struct berth_build_way *way, GPtrArray *names, GError **error)
{
	bool ignored, annotation;

	if (g_strv_contains(elsewhere, name))
		return true;
	if (!read_annotation(name, value, way, &annotation, error))
		return false;
	if (annotation && !is_files(way->type))
		return true;
	if (is_files(way->type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s is no attribute of type=%s", name, way->type);
	if (g_str_equal(name, "name")) {
		g_auto(GStrv) given = g_strsplit(value, ",", 0);
		for (char **one = given; *one; one++)
			if (**one)
				g_ptr_array_add(names, g_strdup(*one));
		return true;
	}
	if (g_str_equal(name, "mode") && g_str_equal(way->type, "cache")) {
		way->max = g_str_equal(value, "max");
		return way->max || g_str_equal(value, "min") ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "mode=%s: is neither min nor max", value);
	}
	if (g_str_equal(name, "compression"))
		return read_compression(value, way, error);
	if (g_str_equal(name, "push"))
		return read_switch(name, value, &way->push, error);
	if (g_str_equal(name, "push-by-digest"))
		return read_switch(name, value, &way->push_by_digest, error);
	// What they ask for is so in any case.
	if (g_str_equal(name, "oci-mediatypes") || g_str_equal(name, "unpack") || g_str_equal(name, "store") ||
	    g_str_equal(name, "force-compression") || g_str_equal(name, "rewrite-timestamp") ||
	    g_str_equal(name, "tar"))
		return read_switch(name, value, &ignored, error);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s is no attribute of type=%s", name, way->type);
}

static bool check_type(const char *type, GError **error)
{
	if (g_strv_contains(types, type))
		return true;
	const char *near = NULL;
	for (const char *const *one = types; *one; one++)
		if (berth_near_distance(type, *one) <= 2)
			near = *one;
	return berth_error_set(error, BERTH_ERROR_INVALID, "output type \"%s\" is not known%s%s%s", type,
			       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static bool add_name(GPtrArray *full, const char *text, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(text, &name, error))
		return false;
	bool digest = name.digest != NULL;
	g_autofree char *whole = berth_image_name_full(&name);
	berth_image_name_clear(&name);
	if (digest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: an image cannot be given a digest", text);
	if (!g_ptr_array_find_with_equal_func(full, whole, g_str_equal, NULL))
		g_ptr_array_add(full, g_steal_pointer(&whole));
	return true;
}

static bool read_attributes(const struct berth_build_output *output, struct berth_build_way *way, GPtrArray *names,
			    GError **error)
{
	GHashTableIter iter;
	gpointer name, value;

	if (!output->attributes)
		return true;
	g_hash_table_iter_init(&iter, output->attributes);
	while (g_hash_table_iter_next(&iter, &name, &value))
		if (!read_one(name, value ? value : "", way, names, error))
			return false;
	return true;
}

static bool read_way(const struct berth_build_request *request, const struct berth_build_output *output,
		     struct berth_build_way *way, GError **error)
{
	g_autoptr(GPtrArray) given = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) full = g_ptr_array_new_with_free_func(g_free);

	if (!check_type(way->type, error) || !read_attributes(output, way, given, error))
		return false;
	for (char *const *tag = request->tags; tag && *tag; tag++)
		if (!add_name(full, *tag, error))
			return false;
	for (guint i = 0; i < given->len; i++)
		if (!add_name(full, given->pdata[i], error))
			return false;
	if (way->push && full->len == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "tag is needed when pushing to registry");
	g_ptr_array_add(full, NULL);
	way->names = (char **) g_ptr_array_free(g_steal_pointer(&full), FALSE);
	return true;
}

bool berth_build_way_read(const struct berth_build_request *request, const struct berth_build_output *output,
			  struct berth_build_way *ret, GError **error)
{
	bool registry = g_str_equal(output->type, "registry");

	*ret = (struct berth_build_way){
		.type = output->type,
		.push = registry,
		.compress = registry,
		.store = g_str_equal(output->type, "image") || (g_str_equal(output->type, "docker") && output->fd < 0),
		.fd = output->fd,
		.annotations = berth_map_new(),
	};
	if (read_way(request, output, ret, error))
		return true;
	berth_build_way_clear(ret);
	g_prefix_error(error, "output type=%s: ", output->type);
	return false;
}
