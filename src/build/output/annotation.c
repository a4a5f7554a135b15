// SPDX-License-Identifier: Apache-2.0
// Annotations, by BuildKit's attributes: "annotation[-LEVEL][[PLATFORM]].KEY". Without a level they are a manifest's.
#include "build/output/internal.h"

#include "base/error.h"
#include "image/platform.h"

#include <string.h>

#define PREFIX "annotation"

static const char *const levels[] = {
	[BERTH_ANNOTATED_MANIFEST] = "manifest",
	[BERTH_ANNOTATED_INDEX] = "index",
	[BERTH_ANNOTATED_MANIFEST_DESCRIPTOR] = "manifest-descriptor",
	[BERTH_ANNOTATED_INDEX_DESCRIPTOR] = "index-descriptor",
};

struct annotation {
	enum berth_annotated level;
	char *platform; // normalised; NULL: all
	char *key, *value;
};

static void annotation_free(void *data)
{
	struct annotation *annotation = data;

	g_free(annotation->platform);
	g_free(annotation->key);
	g_free(annotation->value);
	g_free(annotation);
}

GPtrArray *berth_build_annotations_new(void)
{
	return g_ptr_array_new_with_free_func(annotation_free);
}

static bool find_level(const char *word, enum berth_annotated *ret)
{
	*ret = BERTH_ANNOTATED_MANIFEST;
	if (!*word)
		return true;
	for (size_t i = 0; *word == '-' && i < G_N_ELEMENTS(levels); i++)
		if (g_str_equal(levels[i], word + 1)) {
			*ret = (enum berth_annotated) i;
			return true;
		}
	return false;
}

// "[linux/arm64]", or nothing. *rest is what stands behind it.
static bool read_platform(const char *text, char **ret, const char **rest, GError **error)
{
	const char *end = *text == '[' ? strchr(text, ']') : NULL;

	*rest = end ? end + 1 : text;
	if (!end)
		return true;
	g_autofree char *given = g_strndup(text + 1, (gsize) (end - text - 1));
	g_autoptr(oci_platform) platform = berth_platform_parse(given, error);
	*ret = platform ? berth_platform_string(platform) : NULL;
	return platform;
}

bool berth_build_annotation_read(GPtrArray *annotations, const char *name, const char *value, bool *ret_is,
				 GError **error)
{
	const char *level = name + strlen(PREFIX), *rest;
	struct annotation *annotation;

	*ret_is = g_str_has_prefix(name, PREFIX) && strchr("-[.", *level) && *level;
	if (!*ret_is)
		return true;
	annotation = g_new0(struct annotation, 1);
	g_ptr_array_add(annotations, annotation);
	size_t length = strcspn(level, "[.");
	g_autofree char *word = g_strndup(level, length);
	if (!find_level(word, &annotation->level))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: unrecognized annotation type %s: expected manifest, index, "
				       "manifest-descriptor or index-descriptor",
				       name, word + 1);
	if (!read_platform(level + length, &annotation->platform, &rest, error)) {
		g_prefix_error(error, "%s: ", name);
		return false;
	}
	if (*rest != '.' || !rest[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected annotation.KEY", name);
	annotation->key = g_strdup(rest + 1);
	annotation->value = g_strdup(value);
	return annotation->level == BERTH_ANNOTATED_MANIFEST ||
	       annotation->level == BERTH_ANNOTATED_MANIFEST_DESCRIPTOR || !annotation->platform ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "%s: an index is of no platform", name);
}

GHashTable *berth_build_annotations_of(const GPtrArray *annotations, enum berth_annotated level, const char *platform)
{
	GHashTable *map = NULL;
	g_autoptr(oci_platform) parsed = platform ? berth_platform_parse(platform, NULL) : NULL;
	g_autofree char *own = parsed ? berth_platform_string(parsed) : NULL;

	// What is said of a platform is said at last: it holds.
	for (int named = 0; named < 2; named++)
		for (guint i = 0; i < annotations->len; i++) {
			const struct annotation *annotation = annotations->pdata[i];
			if (annotation->level != level || (annotation->platform != NULL) != named ||
			    (named && g_strcmp0(annotation->platform, own) != 0))
				continue;
			map = map ? map : berth_map_new();
			g_hash_table_replace(map, g_strdup(annotation->key), g_strdup(annotation->value));
		}
	return map;
}

bool berth_build_annotations_have(const GPtrArray *annotations, enum berth_annotated level)
{
	for (guint i = 0; i < annotations->len; i++)
		if (((const struct annotation *) annotations->pdata[i])->level == level)
			return true;
	return false;
}

static bool is_built(const char *wanted, char *const *platforms)
{
	bool given = platforms && platforms[0], found = false;

	for (size_t i = 0; i == 0 || (given && platforms[i]); i++) {
		g_autoptr(oci_platform) platform = berth_platform_parse(given ? platforms[i] : NULL, NULL);
		g_autofree char *text = platform ? berth_platform_string(platform) : NULL;
		found = found || g_strcmp0(wanted, text) == 0;
	}
	return found;
}

bool berth_build_annotations_check(const GPtrArray *annotations, char *const *platforms, GError **error)
{
	for (guint i = 0; i < annotations->len; i++) {
		const struct annotation *annotation = annotations->pdata[i];
		if (annotation->platform && !is_built(annotation->platform, platforms))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "annotation %s of %s: this build is not for that platform",
					       annotation->key, annotation->platform);
	}
	return true;
}
