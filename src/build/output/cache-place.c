// SPDX-License-Identifier: Apache-2.0
// The words of --cache-from and --cache-to, and the document that lists what is in a cache.
#include "build/output/cache-internal.h"

#include "base/error.h"

#include <string.h>

#define LAYER struct berth_cached_layer
static const struct berth_field layer_fields[] = {
	BERTH_STRING(LAYER, key, "key", BERTH_REQUIRED),
	BERTH_STRING(LAYER, parent, "parent", BERTH_OMIT_EMPTY),
	BERTH_STRING(LAYER, description, "description", BERTH_OMIT_EMPTY),
	BERTH_STRING(LAYER, type, "type", BERTH_OMIT_EMPTY),
	BERTH_INT64(LAYER, created, "created", BERTH_OMIT_EMPTY),
	BERTH_STRING(LAYER, diff_id, "diffId", BERTH_REQUIRED),
	BERTH_STRING(LAYER, digest, "layer", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_cached_layer_document = {"layer of a build cache", sizeof(LAYER), layer_fields};

#define INDEX struct berth_cache_index
static const struct berth_field index_fields[] = {
	BERTH_INT64(INDEX, version, "version", BERTH_REQUIRED),
	BERTH_OBJECTS(INDEX, records, "records", &berth_cached_layer_document, 0),
	{0},
};
const struct berth_document berth_cache_index_document = {"build cache", sizeof(INDEX), index_fields};

void berth_cache_place_clear(struct berth_cache_place *place)
{
	g_clear_pointer(&place->type, g_free);
	g_clear_pointer(&place->ref, g_free);
	g_clear_pointer(&place->source, g_free);
}

bool berth_build_cache_check_form(const char *key, const char *value, GError **error)
{
	bool on;

	// So it is in any case.
	return berth_build_switch_read(key, value, &on, error) &&
	       (on || berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s=%s: the cache is an OCI image manifest",
				      key, value));
}

static bool set(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
	return true;
}

static bool read_word(const char *key, const char *value, struct berth_cache_place *ret, GError **error)
{
	bool packing;

	if (g_str_equal(key, "type"))
		return set(&ret->type, value);
	if (g_str_equal(key, "ref"))
		return set(&ret->ref, value);
	if (g_str_equal(key, "source"))
		return set(&ret->source, value);
	if (g_str_equal(key, "mode")) {
		ret->max = g_str_equal(value, "max");
		return ret->max || g_str_equal(value, "min") ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "mode=%s: is neither min nor max", value);
	}
	if (!berth_build_packing_read(&ret->packing, key, value, &packing, error))
		return false;
	if (packing)
		return true;
	if (g_str_equal(key, "ignore-error"))
		return berth_build_switch_read(key, value, &ret->ignore_error, error);
	if (g_str_equal(key, "image-manifest") || g_str_equal(key, "oci-mediatypes"))
		return berth_build_cache_check_form(key, value, error);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s is no attribute of a cache", key);
}

static bool check(const struct berth_cache_place *place, bool from, GError **error)
{
	struct berth_image_name name;

	if (place->packing.given && (from || g_str_equal(place->type, "inline")))
		return berth_error_set(error, BERTH_ERROR_INVALID, "compression is none of its matters: %s",
				       from ? "layers come as they are" : "its layers are the image's own (--output)");
	if (g_str_equal(place->type, "inline"))
		return !from || berth_error_set(error, BERTH_ERROR_INVALID,
						"an inline cache is imported by its image: type=registry,ref=IMAGE");
	if (g_str_equal(place->type, "local"))
		return !from || place->source ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "type=local needs src=FOLDER");
	if (!g_str_equal(place->type, "registry"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "type=%s is not supported: use registry, local or inline", place->type);
	if (!place->ref)
		return berth_error_set(error, BERTH_ERROR_INVALID, "type=registry needs ref=NAME");
	if (!berth_image_name_parse(place->ref, &name, error))
		return false;
	berth_image_name_clear(&name);
	return true;
}

static bool read_place(const char *text, struct berth_cache_place *ret, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, ",", 0);

	if (!strchr(text, '=')) { // a name, or the word "inline"
		if (g_str_equal(text, "inline"))
			return set(&ret->type, text);
		return set(&ret->type, "registry") && set(&ret->ref, text);
	}
	for (char **word = words; *word; word++) {
		char *equals = strchr(*word, '=');
		if (!equals)
			return berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\" is not KEY=VALUE", *word);
		*equals = '\0';
		if (!read_word(*word, equals + 1, ret, error))
			return false;
	}
	return ret->type || set(&ret->type, "registry");
}

bool berth_cache_place_read(const char *text, bool from, struct berth_cache_place *ret, GError **error)
{
	*ret = (struct berth_cache_place){
		.packing = {.kind = BERTH_COMPRESSION_GZIP, .level = BERTH_COMPRESSION_USUAL}};
	if (read_place(text, ret, error) && berth_build_packing_check(&ret->packing, error) && check(ret, from, error))
		return true;
	berth_cache_place_clear(ret);
	g_prefix_error(error, "--cache-%s %s: ", from ? "from" : "to", text);
	return false;
}

static bool check_list(char *const *list, bool from, bool squash, GError **error)
{
	for (; list && *list; list++) {
		__attribute__((cleanup(berth_cache_place_clear))) struct berth_cache_place place;
		if (!berth_cache_place_read(*list, from, &place, error))
			return false;
		if (squash && g_str_equal(place.type, "inline"))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "--cache-to %s: a squashed image does not have the layers of the cache",
					       *list);
	}
	return true;
}

bool berth_build_cache_check(const struct berth_build_request *request, GError **error)
{
	return check_list(request->cache_from, true, false, error) &&
	       check_list(request->cache_to, false, request->squash, error);
}
