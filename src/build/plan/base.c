// SPDX-License-Identifier: Apache-2.0
// What stages begin with: images (found here, or pulled), nothing at all, or a named context.
#include "build/plan/internal.h"

#include "base/error.h"
#include "image/images-internal.h"
#include "image/platform.h"

#include <string.h>

#define LATEST ":latest"
#define ID_LEAST 12 // digits of an id that a base is named by

static struct oci_image *keep(struct berth_plan *plan, struct oci_image *image)
{
	if (!image->config)
		image->config = berth_document_new(&oci_image_execution_document);
	g_ptr_array_add(plan->images_made, image);
	return image;
}

struct oci_image *berth_plan__scratch(struct berth_plan *plan, const char *platform, GError **error)
{
	g_autoptr(oci_platform) parsed = berth_platform_parse(platform, error);

	if (!parsed)
		return NULL;
	struct oci_image *image = keep(plan, berth_document_new(&oci_image_document));
	image->os = g_strdup(parsed->os);
	image->architecture = g_strdup(parsed->architecture);
	image->variant = g_strdup(parsed->variant);
	image->config->working_dir = g_strdup("/");
	image->rootfs = berth_document_new(&oci_rootfs_document);
	image->rootfs->type = g_strdup("layers");
	return image;
}

// Whether the image runs on the platform; false: it cannot be read.
static bool runs_on(struct berth_plan *plan, const char *id, const struct oci_platform *platform, bool *ret,
		    GError **error)
{
	berth_lease_add(plan->lease, BERTH_RECORD_BLOB, id);
	g_autoptr(oci_image) config = berth_images_config(plan->images, id, error);

	*ret = config && berth_platform_rank(platform, config->os, config->architecture, config->variant) >= 0;
	return config != NULL;
}

// Any word of few letters from a to f may begin the id of some image here; a base is not found by accident.
static char *without_short_id(const char *name)
{
	size_t length = strlen(name);
	bool may_be_id = length < ID_LEAST && strspn(name, "0123456789abcdef") == length;

	return g_strconcat(name, may_be_id ? LATEST : NULL, NULL);
}

// The image's id if it is here and runs on the platform; NULL without an error if not.
static char *find(struct berth_plan *plan, const char *name, const struct oci_platform *platform, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autofree char *named = without_short_id(name), *id = berth_images_resolve(plan->images, named, &local);
	bool runs;

	if (!id && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return NULL;
	if (!id) {
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	return runs_on(plan, id, platform, &runs, error) && runs ? g_steal_pointer(&id) : NULL;
}

// A name may stand for an image of another platform here: what was pulled is known by its id.
static char *pull(struct berth_plan *plan, const char *name, const struct oci_platform *platform, GError **error)
{
	g_autofree char *text = berth_platform_string(platform), *key = g_strconcat(name, " ", text, NULL);
	const char *before = g_hash_table_lookup(plan->pulled, key);
	bool runs;

	if (before)
		return g_strdup(before);
	g_autofree char *id = plan->pull(plan->pull_data, name, text, error);
	if (!id || !runs_on(plan, id, platform, &runs, error))
		return NULL;
	if (!runs) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "%s: no such image for platform %s", name, text);
		return NULL;
	}
	g_hash_table_insert(plan->pulled, g_steal_pointer(&key), g_strdup(id));
	return g_steal_pointer(&id);
}

// Its id: what is here is not asked for elsewhere, but with --pull.
static char *resolve(struct berth_plan *plan, const char *name, const char *platform, GError **error)
{
	g_autoptr(oci_platform) wanted = berth_platform_parse(platform, error);
	g_autoptr(GError) local = NULL;
	char *id = NULL;

	if (!wanted)
		return NULL;
	if (!plan->request->pull && !(id = find(plan, name, wanted, &local)) && local) {
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	return id ? id : pull(plan, name, wanted, error);
}

// Its layers, kept by the plan's lease.
static const GPtrArray *get_layers(struct berth_plan *plan, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(plan->images->store), error);
	g_autoptr(berth_image_record) record = transaction ? berth_image_record_get(transaction, id, error) : NULL;

	if (!record)
		return NULL;
	for (guint i = 0; i < record->layers->len; i++) {
		const struct berth_image_layer *layer = record->layers->pdata[i];
		berth_lease_add(plan->lease, BERTH_RECORD_BLOB, layer->digest);
		berth_lease_add(plan->lease, BERTH_RECORD_SNAPSHOT, layer->chain_id);
	}
	GPtrArray *layers = g_steal_pointer(&record->layers);
	g_ptr_array_add(plan->layers_made, layers);
	return layers;
}

static char *full_name(const char *name, GError **error)
{
	struct berth_image_name parsed;

	if (!berth_image_name_parse(name, &parsed, error)) {
		g_prefix_error(error, "failed to parse stage name \"%s\": ", name);
		return NULL;
	}
	char *full = berth_image_name_full(&parsed);
	berth_image_name_clear(&parsed);
	return full;
}

struct berth_plan_step *berth_plan__base(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name,
					 const char *platform, struct oci_image **ret_image, GError **error)
{
	// An id, or the beginning of one, is no name of an image in a registry.
	g_autofree char *full = full_name(name, error);
	g_autofree char *id = full ? resolve(plan, name, platform, error) : NULL;
	struct oci_image *image = id ? berth_images_config(plan->images, id, error) : NULL;

	if (!image) {
		if (full)
			g_prefix_error(error, "%s: failed to resolve source metadata for %s: ", name, full);
		return NULL;
	}
	keep(plan, image);
	const GPtrArray *layers = get_layers(plan, id, error);
	if (!layers)
		return NULL;
	*ret_image = image;
	struct berth_plan_step *step = berth_plan__step(plan, stage, BERTH_PLAN_BASE);
	step->image = berth_plan__own(plan, g_steal_pointer(&id));
	step->layers = layers;
	step->text = berth_plan__own(plan, g_strconcat("FROM ", full, NULL));
	step->name = step->text;
	if (stage)
		step->name =
			berth_plan__own(plan, g_strdup_printf("[%s%s%u/%u] %s", stage->name, *stage->name ? " " : "",
							      step->position, step->positions, step->text));
	else
		g_ptr_array_add(plan->places, step);
	return step;
}

// As named contexts are compared: "docker.io/library/alpine:latest" is "alpine".
static char *short_name(const char *name)
{
	struct berth_image_name parsed;

	if (!berth_image_name_parse(name, &parsed, NULL))
		return g_strdup(name);
	char *familiar = berth_image_name_familiar(&parsed);
	berth_image_name_clear(&parsed);
	if (g_str_has_suffix(familiar, LATEST))
		familiar[strlen(familiar) - strlen(LATEST)] = '\0';
	return familiar;
}

int berth_plan__context(const struct berth_plan *plan, const char *name)
{
	g_autofree char *wanted = NULL;

	for (size_t i = 0; i < plan->request->source_count; i++) {
		const char *given = plan->request->sources[i].name;
		if (!given)
			continue;
		if (!wanted)
			wanted = short_name(name);
		g_autofree char *shown = short_name(given);
		if (g_str_equal(given, name) || g_str_equal(shown, wanted))
			return (int) i;
	}
	return -1;
}

static bool find_stage(struct berth_plan *plan, const struct berth_plan_stage *stage, const char *name, int *ret,
		       GError **error)
{
	const struct berth_dockerfile *file = plan->file;

	*ret = berth_dockerfile_find_stage(file, name, stage->index);
	if (*ret >= 0)
		return true;
	if (strspn(name, "0123456789") == strlen(name))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid stage index %s", name);
	// One that comes later is none yet: then it is an image's name.
	if (berth_dockerfile_find_stage(file, name, stage->index + 1) < 0)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "cannot copy from stage \"%s\", it needs to be defined before current stage \"%s\"",
			       name, stage->name);
}

bool berth_plan__from(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name,
		      struct berth_plan_source *ret, GError **error)
{
	struct oci_image *image;
	int found;

	*ret = (struct berth_plan_source){-1, NULL};
	if (strchr(name, '$'))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "variable expansion is not supported for --from, define a new stage with FROM "
				       "using ARG from global scope as a workaround");
	ret->context = berth_plan__context(plan, name);
	if (ret->context >= 0) {
		const char *remote = plan->request->sources[ret->context].remote;
		if (!remote || !g_str_has_prefix(remote, "docker-image://"))
			return true;
		name = remote + strlen("docker-image://");
		ret->context = -1;
	} else if (!find_stage(plan, stage, name, &found, error)) {
		return false;
	} else if (found >= 0) {
		if (!berth_plan__stage(plan, (unsigned) found, error))
			return false;
		ret->step = plan->stages[found].last;
		return true;
	} else if (g_str_equal(name, "scratch")) {
		return true;
	}
	ret->step = berth_plan__base(plan, NULL, name, stage->platform, &image, error);
	return ret->step != NULL;
}
