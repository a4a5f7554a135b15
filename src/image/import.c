// SPDX-License-Identifier: Apache-2.0
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"

#include <string.h>

#define CHUNK (256 << 10)
#define PROGRESS_STEP (8 << 20) // bytes between two reports

struct importing {
	struct berth_images *images;
	struct berth_lease *lease;
	berth_progress_fn *progress;
	void *data;
};

static void report(const struct importing *this, int64_t current)
{
	struct api_progress_detail detail = {.current = current};
	char status[] = "Importing";

	if (this->progress)
		this->progress(this->data, &(struct api_progress){.status = status, .progress_detail = &detail});
}

static bool copy(const struct importing *this, int fd, struct berth_ingest *ingest, GError **error)
{
	g_autofree char *chunk = g_malloc(CHUNK);
	int64_t total = 0, reported = 0;

	for (;;) {
		ssize_t length = berth_read_full(fd, chunk, CHUNK);
		if (length < 0)
			return berth_error_set_errno(error, errno, "read the archive");
		if (!berth_ingest_write(ingest, chunk, (size_t) length, error))
			return false;
		total += length;
		if (total > BERTH_LIMIT_LAYER_BYTES)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the archive is larger than %" G_GINT64_FORMAT " bytes",
					       BERTH_LIMIT_LAYER_BYTES);
		if (length < CHUNK)
			return total > 0 || berth_error_set(error, BERTH_ERROR_INVALID, "the archive is empty");
		if (total - reported >= PROGRESS_STEP)
			report(this, reported = total);
	}
}

// Reads the archive into a blob; returns its digest.
static char *ingest(const struct importing *this, int fd, GError **error)
{
	char *digest = NULL;
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(this->images->store), NULL, NULL, error);

	if (!ingest)
		return NULL;
	if (!copy(this, fd, ingest, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	if (!berth_ingest_commit(ingest, NULL, -1, &digest, error))
		return NULL;
	BERTH_FAILPOINT("image.import.blob-written");
	return digest;
}

// "os[/architecture[/variant]]"; NULL is this machine.
static bool set_platform(struct oci_image *image, const char *platform, GError **error)
{
	if (!platform) {
		image->os = g_strdup("linux");
		image->architecture = g_strdup(berth_image_architecture());
		return true;
	}
	g_auto(GStrv) parts = g_strsplit(platform, "/", -1);
	guint count = g_strv_length(parts);
	if (count < 1 || count > 3 || !g_str_equal(parts[0], "linux"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid platform \"%s\": expected linux[/architecture[/variant]]", platform);
	for (guint i = 0; i < count; i++)
		if (!parts[i][0] || strspn(parts[i], "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(parts[i]))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid platform \"%s\"", platform);
	image->os = g_strdup(parts[0]);
	image->architecture = g_strdup(count > 1 ? parts[1] : berth_image_architecture());
	image->variant = g_strdup(count > 2 ? parts[2] : NULL);
	return true;
}

// The configuration without its layers.
static struct oci_image *plan(char *const *changes, const char *message, const char *platform, GError **error)
{
	g_autoptr(oci_image) image = berth_document_new(&oci_image_document);
	struct oci_history *history = berth_document_new(&oci_history_document);

	image->created = berth_moment_string(berth_moment_now());
	image->config = berth_document_new(&oci_image_execution_document);
	image->rootfs = berth_document_new(&oci_rootfs_document);
	image->rootfs->type = g_strdup("layers");
	history->created = g_strdup(image->created);
	history->comment = g_strdup(message && *message ? message : "Imported from -");
	image->history = berth_objects_new();
	g_ptr_array_add(image->history, history);
	if (!set_platform(image, platform, error))
		return NULL;
	for (char *const *change = changes; change && *change; change++)
		if (!berth_image_change(image->config, *change, error))
			return NULL;
	return g_steal_pointer(&image);
}

// Writes configuration and manifest; returns the image's id and its record.
static char *finish(const struct importing *this, struct oci_image *image, struct berth_image_layer *layer,
		    struct berth_image_record **ret, GError **error)
{
	GPtrArray *layers = berth_objects_new();

	g_ptr_array_add(layers, layer);
	image->rootfs->diff_ids = g_new0(char *, 2);
	image->rootfs->diff_ids[0] = g_strdup(layer->diff_id);
	g_autofree char *text = berth_document_print_text(&oci_image_document, image, 0);
	g_autofree char *id = berth_blob_put(berth_store_blobs(this->images->store), text, strlen(text), error);
	char *manifest = NULL;
	if (id) {
		BERTH_FAILPOINT("image.import.config-written");
		manifest = berth_image_manifest_put(this->images, id, layers, NULL, error);
	}
	// Also when something is missing, so that all is freed in one way.
	*ret = berth_image_record_new(image, manifest, layers);
	return manifest ? g_steal_pointer(&id) : NULL;
}

static bool record(struct berth_images *images, const char *id, const struct berth_image_record *record,
		   const char *name, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	g_autofree char *familiar = name ? berth_image_familiar(name) : NULL;

	BERTH_FAILPOINT("image.import.recording");
	return transaction && berth_image_record_add(transaction, id, record, error) &&
	       berth_images_tell(images, transaction, "import", id, familiar, error) &&
	       (!name || (berth_tag_record_put(transaction, name, id, error) &&
			  berth_images_tell(images, transaction, "tag", id, familiar, error))) &&
	       berth_transaction_commit(transaction, error);
}

static char *import(const struct importing *this, int fd, struct oci_image *image, const char *name, GError **error)
{
	g_autoptr(berth_image_record) made = NULL;
	g_autofree char *digest = ingest(this, fd, error);
	struct berth_image_layer *layer =
		digest ? berth_image_layer_add(this->images, this->lease, digest, NULL, NULL, error) : NULL;
	g_autofree char *id = layer ? finish(this, image, layer, &made, error) : NULL;

	return id && record(this->images, id, made, name, error) ? g_steal_pointer(&id) : NULL;
}

static bool parse_name(const char *text, char **ret_full, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(text, &name, error))
		return false;
	bool digest = name.digest != NULL;
	*ret_full = berth_image_name_full(&name);
	berth_image_name_clear(&name);
	return !digest || berth_error_set(error, BERTH_ERROR_INVALID, "cannot import digest reference");
}

char *berth_images_import(struct berth_images *images, int fd, const char *name, char *const *changes,
			  const char *message, const char *platform, berth_progress_fn *progress, void *data,
			  GError **error)
{
	g_autofree char *full = NULL;
	g_autoptr(oci_image) image = NULL;

	// All that can be wrong besides the archive is found before it is read.
	if ((name && !parse_name(name, &full, error)) || !(image = plan(changes, message, platform, error)))
		return NULL;
	struct importing this = {images, berth_lease_new(images->store), progress, data};
	char *id = import(&this, fd, image, full, error);
	berth_lease_release(this.lease);
	berth_images_collect(images); // after success too: a layer that came as xz or bzip2 is kept in another form
	return id;
}
