// SPDX-License-Identifier: Apache-2.0
// --squash: what the steps above the base have made of it, as one layer. The history stays, and says that its steps
// have none, as with Docker.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "image/diff.h"

#include <string.h>

struct squashing {
	struct berth_ingest *ingest;
	int64_t size;
};

static bool write_piece(void *data, const void *bytes, size_t length, GError **error)
{
	struct squashing *this = data;

	this->size += (int64_t) length;
	return this->size <= BERTH_LIMIT_LAYER_BYTES
		       ? berth_ingest_write(this->ingest, bytes, length, error)
		       : berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					 "the squashed layer is larger than %" G_GINT64_FORMAT " bytes",
					 BERTH_LIMIT_LAYER_BYTES);
}

static int mount_of(const struct berth_build_out *out, const struct berth_build_made *made, guint count, GError **error)
{
	const struct berth_build_made below = {.layers = made->layers};
	int root = -1;

	if (count > 0 && !berth_snapshot_mount(berth_store_snapshots(out->store),
					       ((struct berth_image_layer *) below.layers->pdata[count - 1])->chain_id,
					       &root, error))
		return -1;
	return root;
}

// The whole trees are compared.
static char *write_layer(const struct berth_build_out *out, const struct berth_build_made *made, GError **error)
{
	g_autofree char *reference = g_uuid_string_random(), *digest = NULL;
	struct squashing this = {0};
	const struct berth_layer_diff_options options = {.write = write_piece, .data = &this};
	struct berth_layer_diff diff;
	GError *failure = NULL;
	berth_fd top = mount_of(out, made, made->layers->len, error);
	berth_fd base = top < 0 ? -1 : mount_of(out, made, made->base_layers, &failure);

	if (failure)
		g_propagate_error(error, failure);
	if (failure || top < 0)
		return NULL;
	const struct berth_snapshot_trees trees = {.top = top, .base = base, .whiteouts = BERTH_WHITEOUTS_DELETE};
	if (!(this.ingest = berth_blob_ingest(berth_store_blobs(out->store), reference, NULL, error)))
		return NULL;
	if (!berth_layer_diff_trees(&trees, &options, -1, &diff, error)) {
		berth_ingest_abort(this.ingest, false);
		return NULL;
	}
	berth_lease_add(out->lease, BERTH_RECORD_BLOB, diff.digest);
	return berth_ingest_commit(this.ingest, diff.digest, diff.size, &digest, error) ? g_steal_pointer(&digest)
											: NULL;
}

static struct oci_image *make_image(const struct berth_build_made *made, const char *diff_id)
{
	struct oci_image *image = berth_document_copy(&oci_image_document, made->image);
	struct oci_history *last = berth_document_new(&oci_history_document);
	guint layers = 0;
	char **ids = g_new0(char *, made->base_layers + 2);

	for (guint i = 0; i < made->base_layers; i++)
		ids[i] = g_strdup(made->image->rootfs->diff_ids[i]);
	ids[made->base_layers] = g_strdup(diff_id);
	g_strfreev(image->rootfs->diff_ids);
	image->rootfs->diff_ids = ids;
	for (guint i = 0; image->history && i < image->history->len; i++) {
		struct oci_history *step = image->history->pdata[i];
		if (!step->empty_layer && layers++ >= made->base_layers)
			step->empty_layer = true;
	}
	last->created = g_strdup(image->created);
	last->comment = g_strdup_printf("merge of %u layers", made->layers->len - made->base_layers);
	if (!image->history)
		image->history = berth_objects_new();
	g_ptr_array_add(image->history, last);
	return image;
}

bool berth_build_squash(const struct berth_build_out *out, const struct berth_build_made *made,
			struct oci_image **ret_image, GPtrArray **ret_layers, GError **error)
{
	GPtrArray *layers = berth_objects_new();

	for (guint i = 0; i < made->base_layers; i++)
		g_ptr_array_add(layers, berth_document_copy(&berth_image_layer_document, made->layers->pdata[i]));
	const struct berth_image_layer *below = layers->len > 0 ? layers->pdata[layers->len - 1] : NULL;
	g_autofree char *digest = write_layer(out, made, error);
	struct berth_image_layer *layer = digest ? berth_image_layer_add(out->images, out->lease, digest,
									 below ? below->chain_id : NULL, NULL, error)
						 : NULL;
	if (layer)
		g_ptr_array_add(layers, layer);
	*ret_layers = layers;
	*ret_image = layer ? make_image(made, layer->diff_id) : NULL;
	return layer != NULL;
}
