// SPDX-License-Identifier: Apache-2.0
#include "image/images-internal.h"

#include "base/json.h"
#include "base/moment.h"
#include "spec/api-config.h"

#include <string.h>

#define NANOSECONDS 1000000000
#define MISSING "<missing>"

// What is shown of an image, read together.
struct view {
	char *id;
	struct berth_image_record *record;
	struct oci_image *image;
	char **tags, **digests; // familiar
	int64_t tagged; // when the last tag was given; 0: never
};

static void view_clear(struct view *view)
{
	g_free(view->id);
	berth_image_record_free(view->record);
	oci_image_free(view->image);
	g_strfreev(view->tags);
	g_strfreev(view->digests);
}

static bool read_names(struct berth_transaction *transaction, struct view *view, GError **error)
{
	g_auto(GStrv) names = berth_image_record_names(transaction, view->id, error);
	g_autoptr(GPtrArray) tags = g_ptr_array_new(), digests = g_ptr_array_new();

	if (!names)
		return false;
	for (char **name = names; *name; name++) {
		BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_TAG, *name, error);
		g_autoptr(berth_tag_record) tag =
			json ? berth_document_parse(&berth_tag_record_document, json, error) : NULL;
		if (!tag)
			return false;
		view->tagged = MAX(view->tagged, tag->tagged);
	}
	for (char **name = names; *name; name++)
		g_ptr_array_add(strchr(*name, '@') ? digests : tags, berth_image_familiar(*name));
	g_ptr_array_add(tags, NULL);
	g_ptr_array_add(digests, NULL);
	view->tags = (char **) g_ptr_array_steal(tags, NULL);
	view->digests = (char **) g_ptr_array_steal(digests, NULL);
	return true;
}

static bool read_view(struct berth_images *images, const char *name_or_id, struct view *view, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);

	return transaction && (view->id = berth_images_resolve_in(transaction, name_or_id, NULL, error)) &&
	       (view->record = berth_image_record_get(transaction, view->id, error)) &&
	       (view->image = berth_images_config(images, view->id, error)) && read_names(transaction, view, error);
}

static struct api_healthcheck *healthcheck_of(const struct oci_healthcheck *from)
{
	struct api_healthcheck *to = berth_document_new(&api_healthcheck_document);

	to->test = g_strdupv(from->test);
	to->interval = from->interval;
	to->timeout = from->timeout;
	to->start_period = from->start_period;
	to->start_interval = from->start_interval;
	to->retries = from->retries;
	return to;
}

static struct api_container_config *config_of(const struct oci_image_execution *from)
{
	struct api_container_config *to = berth_document_new(&api_container_config_document);

	if (!from)
		return to;
	to->user = g_strdup(from->user);
	to->exposed_ports = g_strdupv(from->exposed_ports);
	to->env = g_strdupv(from->env);
	to->cmd = g_strdupv(from->cmd);
	to->healthcheck = from->healthcheck ? healthcheck_of(from->healthcheck) : NULL;
	to->args_escaped = from->args_escaped;
	to->volumes = g_strdupv(from->volumes);
	to->working_dir = g_strdup(from->working_dir);
	to->entrypoint = g_strdupv(from->entrypoint);
	to->on_build = g_strdupv(from->on_build);
	to->labels = from->labels ? berth_map_copy(from->labels) : NULL;
	to->stop_signal = g_strdup(from->stop_signal);
	to->stop_timeout = from->stop_timeout;
	to->shell = g_strdupv(from->shell);
	return to;
}

// The comment of the newest step.
static const char *comment_of(const struct oci_image *image)
{
	const struct oci_history *last =
		image->history && image->history->len > 0 ? image->history->pdata[image->history->len - 1] : NULL;

	return last && last->comment ? last->comment : "";
}

static struct api_image_inspect *inspect(const struct berth_images *images, struct view *view)
{
	struct api_image_inspect *shown = berth_document_new(&api_image_inspect_document);
	const struct oci_image *image = view->image;

	shown->id = g_strdup(view->id);
	shown->repo_tags = g_steal_pointer(&view->tags);
	shown->repo_digests = g_steal_pointer(&view->digests);
	shown->parent = g_strdup("");
	shown->comment = g_strdup(comment_of(image));
	shown->created = g_strdup(image->created);
	shown->container = g_strdup("");
	shown->container_config = berth_document_new(&api_container_config_document);
	shown->docker_version = g_strdup("");
	shown->author = g_strdup(image->author ? image->author : "");
	shown->config = config_of(image->config);
	shown->architecture = g_strdup(image->architecture);
	shown->variant = g_strdup(image->variant);
	shown->os = g_strdup(image->os);
	shown->size = shown->virtual_size = berth_image_record_size(view->record);
	shown->graph_driver = berth_document_new(&api_graph_driver_document);
	shown->graph_driver->name = g_strdup(berth_snapshots_driver(berth_store_snapshots(images->store)));
	shown->root_fs = berth_document_new(&api_image_rootfs_document);
	shown->root_fs->type = g_strdup("layers");
	shown->root_fs->layers = g_strdupv(image->rootfs->diff_ids);
	shown->metadata = berth_document_new(&api_image_metadata_document);
	shown->metadata->last_tag_time = berth_moment_string(view->tagged);
	return shown;
}

struct api_image_inspect *berth_images_inspect(struct berth_images *images, const char *name_or_id, GError **error)
{
	struct view view = {NULL};
	struct api_image_inspect *shown = read_view(images, name_or_id, &view, error) ? inspect(images, &view) : NULL;

	view_clear(&view);
	return shown;
}

static struct api_image_history *history_entry(const struct oci_history *step, int64_t size)
{
	struct api_image_history *entry = berth_document_new(&api_image_history_document);
	int64_t created = 0;

	if (step->created)
		(void) berth_moment_parse(step->created, &created, NULL); // an unreadable time is shown as unknown
	entry->id = g_strdup(MISSING);
	entry->created = created / NANOSECONDS;
	entry->created_by = g_strdup(step->created_by ? step->created_by : "");
	entry->comment = g_strdup(step->comment ? step->comment : "");
	entry->size = size;
	return entry;
}

// Newest first. Layers that the history does not tell of are the newest, as steps without words.
static GPtrArray *history(struct view *view)
{
	const GPtrArray *steps = view->image->history, *layers = view->record->layers;
	GPtrArray *entries = berth_objects_new();
	guint layer = 0;

	for (guint i = 0; steps && i < steps->len; i++) {
		const struct oci_history *step = steps->pdata[i];
		bool has_layer = !step->empty_layer && layer < layers->len;
		const struct berth_image_layer *made = has_layer ? layers->pdata[layer++] : NULL;
		g_ptr_array_insert(entries, 0, history_entry(step, made ? made->size : 0));
	}
	for (; layer < layers->len; layer++) {
		const struct berth_image_layer *made = layers->pdata[layer];
		g_ptr_array_insert(entries, 0, history_entry(&(struct oci_history){NULL}, made->size));
	}
	if (entries->len > 0) {
		struct api_image_history *top = entries->pdata[0];
		g_free(top->id);
		top->id = g_steal_pointer(&view->id);
		top->tags = view->tags && view->tags[0] ? g_steal_pointer(&view->tags) : NULL;
	}
	return entries;
}

GPtrArray *berth_images_history(struct berth_images *images, const char *name_or_id, GError **error)
{
	struct view view = {NULL};
	GPtrArray *entries = read_view(images, name_or_id, &view, error) ? history(&view) : NULL;

	view_clear(&view);
	return entries;
}
