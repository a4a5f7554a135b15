// SPDX-License-Identifier: Apache-2.0
// `system check`: what the store finds broken, and what only images know of: that an image's layers are those of its
// configuration, in their chain, and that their snapshots have as much in them as when they were unpacked.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "store/check.h"

#include <string.h>

#define RECORD_CONTAINER "container "

struct checking {
	struct berth_images *images;
	struct api_check_report *report;
};

static void note(void *data, const struct berth_check_problem *found)
{
	struct checking *this = data;
	struct api_check_problem *problem = berth_document_new(&api_check_problem_document);

	problem->object = g_strdup(found->object);
	problem->cause = g_strdup(found->cause);
	problem->users = g_strdupv(found->users);
	problem->remedy = g_strdup(found->remedy);
	problem->repaired = found->repaired;
	g_ptr_array_add(this->report->problems, problem);
}

static bool used_by_container(struct berth_transaction *transaction, const char *id)
{
	g_auto(GStrv) users = berth_record_users(transaction, BERTH_RECORD_IMAGE, id, NULL);

	for (char **user = users; user && *user; user++)
		if (g_str_has_prefix(*user, RECORD_CONTAINER))
			return true;
	return users == NULL;
}

static bool forget_image(struct berth_images *images, struct berth_transaction *transaction, const char *id)
{
	g_auto(GStrv) names = berth_image_record_names(transaction, id, NULL);
	BERTH_AUTO_JSON json_t *record = berth_record_get(transaction, BERTH_RECORD_IMAGE, id, NULL);

	if (!record) // it was dropped for something else that it has lost
		return true;
	if (!names || used_by_container(transaction, id))
		return false;
	for (char **name = names; *name; name++) {
		g_autofree char *familiar = berth_image_familiar(*name);
		if (!berth_record_remove(transaction, BERTH_RECORD_TAG, *name, NULL) ||
		    !berth_images_tell(images, transaction, "untag", id, familiar, NULL))
			return false;
	}
	return berth_record_remove(transaction, BERTH_RECORD_IMAGE, id, NULL) &&
	       berth_images_tell(images, transaction, "delete", id, NULL, NULL);
}

// An image that has lost something, and a name of one that is gone, are dropped, unless a container uses the image.
static bool drop(void *data, const char *kind, const char *id)
{
	struct checking *this = data;
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->images->store), NULL);
	bool done = false;

	if (transaction && g_str_equal(kind, BERTH_RECORD_IMAGE))
		done = forget_image(this->images, transaction, id);
	else if (transaction && g_str_equal(kind, BERTH_RECORD_TAG))
		done = berth_record_remove(transaction, BERTH_RECORD_TAG, id, NULL);
	BERTH_FAILPOINT("image.check.dropping");
	return done && berth_transaction_commit(transaction, NULL);
}

static bool note_image(void *data, const char *id, G_GNUC_UNUSED const char *name, const json_t *document)
{
	struct berth_image_record *record = berth_document_parse(&berth_image_record_document, document, NULL);

	g_hash_table_insert(data, g_strdup(id), record);
	return true;
}

static void free_record(gpointer record)
{
	berth_image_record_free(record);
}

// The cause, or NULL.
static char *check_layers(struct checking *this, const struct berth_image_record *record, const struct oci_image *image)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(this->images->store);
	const char *parent = NULL;

	if (g_strv_length(image->rootfs->diff_ids) != record->layers->len)
		return g_strdup_printf("it has %u layers, its configuration says %u", record->layers->len,
				       g_strv_length(image->rootfs->diff_ids));
	for (guint i = 0; i < record->layers->len; i++) {
		const struct berth_image_layer *layer = record->layers->pdata[i];
		g_autofree char *chain = berth_image_chain_id(parent, layer->diff_id);
		struct berth_usage usage;
		if (!g_str_equal(layer->diff_id, image->rootfs->diff_ids[i]))
			return g_strdup_printf("layer %u has the content %s, its configuration says %s", i + 1,
					       layer->diff_id, image->rootfs->diff_ids[i]);
		if (!g_str_equal(chain, layer->chain_id))
			return g_strdup_printf("layer %u has the chain id %s, its layers make %s", i + 1,
					       layer->chain_id, chain);
		if (berth_snapshot_usage(snapshots, chain, &usage, NULL) && usage.bytes != layer->size)
			return g_strdup_printf("snapshot %s of layer %u has %" G_GINT64_FORMAT
					       " bytes in its files, it had %" G_GINT64_FORMAT " when it was unpacked",
					       chain, i + 1, usage.bytes, layer->size);
		parent = layer->chain_id;
	}
	return NULL;
}

static void check_image(struct checking *this, const char *id, const struct berth_image_record *record)
{
	g_autofree char *object = g_strconcat(BERTH_RECORD_IMAGE " ", id, NULL), *cause = NULL;
	g_autoptr(oci_image) image = record ? berth_images_config(this->images, id, NULL) : NULL;
	char *nobody[] = {NULL};

	if (!record)
		cause = g_strdup("its record cannot be read");
	else if (image) // without: a blob is missing or damaged, which was told of
		cause = check_layers(this, record, image);
	g_autofree char *there = cause ? berth_images_resolve(this->images, id, NULL) : NULL;
	if (!there)
		return;
	note(this,
	     &(struct berth_check_problem){object, cause, nobody,
					   "remove the image and its containers, then pull or load it again", false});
}

static bool check_images(struct checking *this, GError **error)
{
	g_autoptr(GHashTable) images = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_record);
	GHashTableIter iter;
	void *id, *record;
	{
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(this->images->store), error);
		if (!transaction || !berth_record_each(transaction, BERTH_RECORD_IMAGE, note_image, images, error))
			return false;
	}
	g_hash_table_iter_init(&iter, images);
	while (g_hash_table_iter_next(&iter, &id, &record))
		check_image(this, id, record);
	return true;
}

struct api_check_report *berth_images_check(struct berth_images *images, bool repair, GError **error)
{
	g_autoptr(api_check_report) report = berth_document_new(&api_check_report_document);
	struct checking this = {images, report};
	struct berth_check_count count;

	report->problems = berth_objects_new();
	if (!berth_store_check(images->store, note, repair ? drop : NULL, &this, &count, error) ||
	    !check_images(&this, error))
		return NULL;
	if (repair)
		berth_images_collect(images);
	report->blobs = count.blobs;
	report->bytes = count.bytes;
	report->snapshots = count.snapshots;
	report->references = count.references;
	report->whole = true;
	for (guint i = 0; i < report->problems->len; i++)
		report->whole = report->whole && ((struct api_check_problem *) report->problems->pdata[i])->repaired;
	return g_steal_pointer(&report);
}
