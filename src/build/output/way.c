// SPDX-License-Identifier: Apache-2.0
// The attributes of ways out: what is known is read, what is not is refused by its name.
#include "build/output/cache-internal.h"

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
	g_clear_pointer(&way->annotations, g_ptr_array_unref);
}

// What BuildKit has and this engine does not, and why.
static const struct {
	const char *name, *why;
} absent[] = {
	{"buildinfo", "BuildKit has given it up, too; --provenance says what went in"},
	{"dangling-name-prefix", "an image without a name is known by its id"},
	{"name-canonical", "push-by-digest gives no names"},
	{"platform-split", "files of several platforms have a folder each, those of one have none"},
	{"prefer-nondist-layers", "layers that must not be distributed are never pushed"},
	{"registry.insecure", "start the engine with --insecure-registry"},
};

static bool read_names(const char *value, GPtrArray *names)
{
	g_auto(GStrv) given = g_strsplit(value, ",", 0);

	for (char **one = given; *one; one++)
		if (**one)
			g_ptr_array_add(names, g_strdup(*one));
	return true;
}

static bool refuse(const char *name, const struct berth_build_way *way, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(absent); i++)
		if (g_str_equal(absent[i].name, name))
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s is not supported: %s", name,
					       absent[i].why);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s is no attribute of type=%s", name, way->type);
}

static bool read_cache(const char *name, const char *value, struct berth_build_way *way, GError **error)
{
	bool ignored;

	if (g_str_equal(name, "mode")) {
		way->max = g_str_equal(value, "max");
		return way->max || g_str_equal(value, "min") ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "mode=%s: is neither min nor max", value);
	}
	if (g_str_equal(name, "image-manifest") || g_str_equal(name, "oci-mediatypes"))
		return berth_build_cache_check_form(name, value, error);
	if (g_str_equal(name, "ignore-error")) // what fails is this machine's folder, or the build
		return berth_build_switch_read(name, value, &ignored, error);
	return refuse(name, way, error);
}

static bool read_image(const char *name, const char *value, struct berth_build_way *way, GPtrArray *names,
		       GError **error)
{
	bool on = true;

	if (g_str_equal(name, "name"))
		return read_names(value, names);
	if (g_str_equal(name, "push"))
		return berth_build_switch_read(name, value, &way->push, error);
	if (g_str_equal(name, "push-by-digest"))
		return berth_build_switch_read(name, value, &way->push_by_digest, error);
	// Unpacked is whatever was built.
	if (g_str_equal(name, "unpack") || g_str_equal(name, "tar"))
		return berth_build_switch_read(name, value, &on, error);
	if (g_str_equal(name, "store")) {
		bool read = berth_build_switch_read(name, value, &on, error);
		way->store = way->store && on;
		return read;
	}
	if (g_str_equal(name, "oci-mediatypes")) {
		bool read = berth_build_switch_read(name, value, &on, error);
		way->packing.docker = !on;
		return read;
	}
	if (g_str_equal(name, "rewrite-timestamp")) {
		bool read = berth_build_switch_read(name, value, &on, error);
		way->keeps_times = !on;
		return read;
	}
	return refuse(name, way, error);
}

static bool read_one(const char *name, const char *value, struct berth_build_way *way, GPtrArray *names, GError **error)
{
	bool cache = g_str_equal(way->type, "cache"), is;

	if (g_strv_contains(elsewhere, name))
		return true;
	if (is_files(way->type))
		return refuse(name, way, error);
	if (!berth_build_packing_read(&way->packing, name, value, &is, error))
		return false;
	if (is)
		return true;
	if (cache)
		return read_cache(name, value, way, error);
	if (!berth_build_annotation_read(way->annotations, name, value, &is, error))
		return false;
	return is || read_image(name, value, way, names, error);
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
	return berth_build_packing_check(&way->packing, error);
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
		.packing = {.kind = registry ? BERTH_COMPRESSION_GZIP : BERTH_COMPRESSION_NONE,
			    .level = BERTH_COMPRESSION_USUAL},
		.store = g_str_equal(output->type, "image") || (g_str_equal(output->type, "docker") && output->fd < 0),
		.fd = output->fd,
		.annotations = berth_build_annotations_new(),
	};
	if (read_way(request, output, ret, error))
		return true;
	berth_build_way_clear(ret);
	g_prefix_error(error, "output type=%s: ", output->type);
	return false;
}
