// SPDX-License-Identifier: Apache-2.0
// --squash: what the steps above the base have made of it, as one layer. The history stays, and says that its steps
// have none, as with Docker.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "image/layer-archive.h"

#include <string.h>

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
	struct berth_layer_archive archive;
	GError *failure = NULL;
	berth_fd top = mount_of(out, made, made->layers->len, error);
	berth_fd base = top < 0 ? -1 : mount_of(out, made, made->base_layers, &failure);

	if (failure)
		g_propagate_error(error, failure);
	if (failure || top < 0)
		return NULL;
	const struct berth_snapshot_trees trees = {.top = top, .base = base, .whiteouts = BERTH_WHITEOUTS_DELETE};
	if (!berth_layer_archive_write(out->store, out->lease, &trees, &archive, error) ||
	    (archive.ingest &&
	     !berth_ingest_commit(archive.ingest, archive.diff.digest, archive.diff.size, NULL, error)))
		return NULL;
	return g_strdup(archive.diff.digest);
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
