// SPDX-License-Identifier: Apache-2.0
// What a target came to: its configuration with layers and times put in. Times are BuildKit's: a layer's is when it was
// made, which the cache knows, so that a build of nothing but cached steps gives the same image again.
#include "build/solve/building.h"

#include "base/error.h"
#include "base/moment.h"
#include "build/solve/cache.h"
#include "build/solve/step.h"

#include <string.h>

static GPtrArray *layers_of(const struct berth_build_layer *top)
{
	GPtrArray *layers = berth_objects_new();

	for (; top; top = top->below) {
		struct berth_image_layer *layer = berth_document_new(&berth_image_layer_document);
		layer->digest = g_strdup(top->digest);
		layer->diff_id = g_strdup(top->diff_id);
		layer->chain_id = g_strdup(top->chain_id);
		layer->size = top->size;
		g_ptr_array_insert(layers, 0, layer);
	}
	return layers;
}

static void set_time(char **to, int64_t moment)
{
	g_free(*to);
	*to = berth_moment_string(moment);
}

// Of steps: each layer's line gets the time at which it was made.
static void date_layers(const struct oci_image *image, const struct berth_plan_step *last)
{
	for (const struct berth_plan_step *step = last; step; step = step->parent) {
		const struct berth_build_layer *layer = berth_building_layer_of(step);
		if (step->kind != BERTH_PLAN_BASE && layer && layer->created)
			set_time(&((struct oci_history *) image->history->pdata[step->history])->created,
				 layer->created);
	}
}

// Lines without a layer are as old as the layer before them, or, at the beginning, as the first new one.
static void date_rest(const struct oci_image *image)
{
	const char *moment = NULL;
	bool missing = false;

	for (guint i = 0; image->history && i < image->history->len; i++) {
		const struct oci_history *line = image->history->pdata[i];
		if (line->created) {
			moment = line->created;
			if (missing)
				break;
		} else {
			missing = true;
		}
	}
	missing = false;
	for (guint i = 0; image->history && i < image->history->len; i++) {
		struct oci_history *line = image->history->pdata[i];
		if (line->created && missing)
			moment = line->created;
		else if (!line->created) {
			missing = true;
			line->created = g_strdup(moment);
		}
	}
}

// With SOURCE_DATE_EPOCH all that is newer is as old as that.
static void clamp(const struct oci_image *image, int64_t epoch, guint own)
{
	for (guint i = own; image->history && i < image->history->len; i++)
		set_time(&((struct oci_history *) image->history->pdata[i])->created, epoch * 1000000000);
}

static char *newest(const struct oci_image *image)
{
	for (guint i = image->history ? image->history->len : 0; i > 0; i--) {
		const struct oci_history *line = image->history->pdata[i - 1];
		if (line->created)
			return g_strdup(line->created);
	}
	return berth_moment_string(berth_moment_now());
}

static guint lines_of_base(const struct berth_plan *plan)
{
	const struct oci_image *image = plan->target->image;
	guint i = 0;

	// Those of base images have their times already.
	while (image->history && i < image->history->len &&
	       ((const struct oci_history *) image->history->pdata[i])->created)
		i++;
	return i;
}

static void set_ids(struct oci_image *image, const GPtrArray *layers)
{
	GPtrArray *ids = g_ptr_array_new();

	if (!image->rootfs) {
		image->rootfs = berth_document_new(&oci_rootfs_document);
		image->rootfs->type = g_strdup("layers");
	}
	for (guint i = 0; i < layers->len; i++)
		g_ptr_array_add(ids, g_strdup(((const struct berth_image_layer *) layers->pdata[i])->diff_id));
	g_ptr_array_add(ids, NULL);
	g_strfreev(image->rootfs->diff_ids);
	image->rootfs->diff_ids = (char **) g_ptr_array_free(ids, FALSE);
}

static guint layers_of_base(const struct berth_plan *plan)
{
	const struct berth_plan_step *step = plan->target->last;

	while (step && step->parent)
		step = step->parent;
	return step && step->kind == BERTH_PLAN_BASE ? step->layers->len : 0;
}

// Images that anything stands on or is copied from.
static GPtrArray *materials_of(const struct berth_plan *plan)
{
	GPtrArray *materials = berth_objects_new();

	for (guint i = 0; i < plan->steps->len; i++) {
		const struct berth_plan_step *step = plan->steps->pdata[i];
		if (step->kind != BERTH_PLAN_BASE)
			continue;
		struct berth_build_material *material = berth_document_new(&berth_build_material_document);
		material->uri = g_strconcat("pkg:docker/", step->text + strlen("FROM "), NULL);
		material->digest = g_strdup(step->image);
		g_ptr_array_add(materials, material);
	}
	return materials;
}

void berth_building_made(struct berth_plan *plan, struct berth_build_made *ret)
{
	struct oci_image *image = berth_document_copy(&oci_image_document, plan->target->image);
	GPtrArray *layers = layers_of(berth_building_layer_of(plan->target->last));
	guint own = lines_of_base(plan);

	set_ids(image, layers);
	date_layers(image, plan->target->last);
	date_rest(image);
	if (plan->epoch >= 0)
		clamp(image, plan->epoch, own);
	g_free(image->created);
	image->created = plan->epoch >= 0 ? berth_moment_string(plan->epoch * 1000000000) : newest(image);
	*ret = (struct berth_build_made){.platform = plan->platform,
					 .image = image,
					 .layers = layers,
					 .base_layers = layers_of_base(plan),
					 .materials = materials_of(plan)};
}

static void free_objects(const GPtrArray *objects, const struct berth_document *document)
{
	for (guint i = 0; objects && i < objects->len; i++)
		berth_document_free(document, objects->pdata[i]);
	if (objects)
		g_ptr_array_unref((GPtrArray *) objects);
}

void berth_build_made_clear(struct berth_build_made *made)
{
	berth_document_free(&oci_image_document, (void *) made->image);
	free_objects(made->layers, &berth_image_layer_document);
	free_objects(made->materials, &berth_build_material_document);
}

static bool is_below(const struct berth_build_layer *top, const struct berth_build_layer *layer)
{
	while (top && top != layer)
		top = top->below;
	return top != NULL;
}

GPtrArray *berth_building_entries(struct berth_building *building)
{
	GPtrArray *entries = g_ptr_array_new();

	for (guint i = 0; i < building->steps->len; i++) {
		const struct berth_building_step *step = building->steps->pdata[i];
		struct berth_build_layer *layer = step->layer;
		if (!layer || !layer->key)
			continue;
		struct berth_image_layer *shown = berth_document_new(&berth_image_layer_document);
		shown->digest = g_strdup(layer->digest);
		shown->diff_id = g_strdup(layer->diff_id);
		shown->chain_id = g_strdup(layer->chain_id);
		shown->size = layer->size;
		struct berth_build_cache_entry *entry = g_new(struct berth_build_cache_entry, 1);
		*entry = (struct berth_build_cache_entry){
			.key = layer->key,
			.parent = layer->parent_key,
			.description = layer->description,
			.type = BERTH_BUILD_CACHE_TYPE,
			.created = layer->created,
			.layer = shown,
			.in_result = is_below(berth_building_layer_of(step->plan->target->last), layer),
		};
		g_ptr_array_add(entries, entry);
	}
	return entries;
}

void berth_building_entries_free(GPtrArray *entries)
{
	for (guint i = 0; i < entries->len; i++) {
		struct berth_build_cache_entry *entry = entries->pdata[i];
		berth_document_free(&berth_image_layer_document, (void *) entry->layer);
		g_free(entry);
	}
	g_ptr_array_unref(entries);
}
