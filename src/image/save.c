// SPDX-License-Identifier: Apache-2.0
// The archive is an OCI layout that has Docker's manifest.json beside index.json; both name the same blobs. Its order
// is fixed (the documents, then the blobs by digest), owners and times are zero.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define CHUNK (256 << 10)
#define NAMES_MAX 10000 // tags of one repository

struct saved {
	char *id;
	GPtrArray *names; // full
	struct berth_image_record *record;
};

struct saving {
	struct berth_images *images;
	struct berth_lease *lease;
	GPtrArray *saved; // of struct saved
	struct archive *archive;
	int fd;
	GError *failure; // of writing, inside libarchive's callback
	bool over; // nothing more is written, so no end that would look whole
};

static void saved_free(gpointer data)
{
	struct saved *saved = data;

	g_free(saved->id);
	g_ptr_array_unref(saved->names);
	berth_image_record_free(saved->record);
	g_free(saved);
}

static int compare(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static int compare_saved(gconstpointer left, gconstpointer right)
{
	return strcmp((*(struct saved *const *) left)->id, (*(struct saved *const *) right)->id);
}

// Adds an image, and the name by which it was asked for if it was by one.
static bool add(struct saving *this, struct berth_transaction *transaction, const char *id, const char *name,
		GError **error)
{
	struct saved *saved = NULL;

	for (guint i = 0; i < this->saved->len && !saved; i++)
		if (g_str_equal(((struct saved *) this->saved->pdata[i])->id, id))
			saved = this->saved->pdata[i];
	if (!saved) {
		struct berth_image_record *record = berth_image_record_get(transaction, id, error);
		if (!record)
			return false;
		saved = g_new0(struct saved, 1);
		saved->id = g_strdup(id);
		saved->names = g_ptr_array_new_with_free_func(g_free);
		saved->record = record;
		g_ptr_array_add(this->saved, saved);
		berth_lease_add(this->lease, BERTH_RECORD_BLOB, id);
		berth_lease_add(this->lease, BERTH_RECORD_BLOB, record->manifest);
		for (guint i = 0; i < record->layers->len; i++)
			berth_lease_add(this->lease, BERTH_RECORD_BLOB,
					((struct berth_image_layer *) record->layers->pdata[i])->digest);
	}
	if (name && !strchr(name, '@') && !g_ptr_array_find_with_equal_func(saved->names, name, g_str_equal, NULL))
		g_ptr_array_add(saved->names, g_strdup(name));
	return true;
}

// A repository without a tag stands for all its tags.
static bool add_repository(struct saving *this, struct berth_transaction *transaction, const char *text,
			   bool *ret_found, GError **error)
{
	struct berth_image_name name;
	const char *slash = strrchr(text, '/');

	*ret_found = false;
	if (strpbrk(slash ? slash : text, ":@") || !berth_image_name_parse(text, &name, NULL))
		return true;
	g_autofree char *prefix = g_strdup_printf("%s/%s:", name.domain, name.path);
	berth_image_name_clear(&name);
	g_auto(GStrv) tags = berth_record_ids_by_prefix(transaction, BERTH_RECORD_TAG, prefix, NAMES_MAX, error);
	for (char **tag = tags; tags && *tag; tag++) {
		g_autofree char *id = berth_tag_record_image(transaction, *tag, error);
		if (!id || !add(this, transaction, id, *tag, error))
			return false;
		*ret_found = true;
	}
	return tags != NULL;
}

static bool add_named(struct saving *this, struct berth_transaction *transaction, const char *text, GError **error)
{
	g_autofree char *name = NULL, *id = NULL;
	bool found;

	if (!add_repository(this, transaction, text, &found, error))
		return false;
	return found || ((id = berth_images_resolve_in(transaction, text, &name, error)) &&
			 add(this, transaction, id, name, error));
}

static bool collect(struct saving *this, char *const *names, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->images->store), error);

	if (!transaction)
		return false;
	for (; *names; names++)
		if (!add_named(this, transaction, *names, error))
			return false;
	g_ptr_array_sort(this->saved, compare_saved);
	for (guint i = 0; i < this->saved->len; i++)
		g_ptr_array_sort(((struct saved *) this->saved->pdata[i])->names, compare);
	return true;
}

static la_ssize_t take(G_GNUC_UNUSED struct archive *archive, void *data, const void *bytes, size_t length)
{
	struct saving *this = data;

	// libarchive is not told of a failure: it would not free what it has then.
	this->over = this->over || !berth_write_all(this->fd, bytes, length, "the archive", &this->failure);
	return (la_ssize_t) length;
}

static bool write_failed(struct saving *this, GError **error)
{
	if (this->failure)
		g_propagate_error(error, g_steal_pointer(&this->failure));
	else
		berth_error_set(error, BERTH_ERROR_INTERNAL, "write the archive: %s",
				archive_error_string(this->archive));
	return false;
}

static bool write_header(struct saving *this, const char *name, mode_t type, int64_t size, GError **error)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 0644);
	archive_entry_set_size(entry, size);
	archive_entry_set_mtime(entry, 0, 0);
	bool done = (archive_write_header(this->archive, entry) == ARCHIVE_OK && !this->failure) ||
		    write_failed(this, error);
	archive_entry_free(entry);
	return done;
}

static bool write_data(struct saving *this, const void *data, size_t length, GError **error)
{
	return (archive_write_data(this->archive, data, length) == (la_ssize_t) length && !this->failure) ||
	       write_failed(this, error);
}

static bool write_text(struct saving *this, const char *name, const char *text, GError **error)
{
	return write_header(this, name, AE_IFREG, (int64_t) strlen(text), error) &&
	       write_data(this, text, strlen(text), error);
}

static bool write_json(struct saving *this, const char *name, json_t *json, GError **error)
{
	g_autofree char *text = berth_json_text(json);

	json_decref(json);
	return write_text(this, name, text, error);
}

static char *blob_path(const char *digest)
{
	return g_strconcat("blobs/sha256/", digest + strlen("sha256:"), NULL);
}

static bool write_blob(struct saving *this, const char *digest, GError **error)
{
	g_autofree char *path = blob_path(digest), *chunk = g_malloc(CHUNK);
	int64_t size, done = 0;
	ssize_t length;

	berth_fd fd = berth_blob_open(berth_store_blobs(this->images->store), digest, &size, error);
	if (fd < 0 || !write_header(this, path, AE_IFREG, size, error))
		return false;
	while ((length = berth_read_full(fd, chunk, CHUNK)) > 0) {
		if (!write_data(this, chunk, (size_t) length, error))
			return false;
		done += length;
	}
	if (length < 0)
		return berth_error_set_errno(error, errno, "read blob %s", digest);
	return done == size ||
	       berth_error_set(error, BERTH_ERROR_INTERNAL, "blob %s changed while it was read", digest);
}

// Each blob once, in the order of digests.
static bool write_blobs(struct saving *this, GError **error)
{
	g_autoptr(GPtrArray) digests = g_ptr_array_new();

	for (guint i = 0; i < this->saved->len; i++) {
		const struct saved *saved = this->saved->pdata[i];
		g_ptr_array_add(digests, saved->id);
		g_ptr_array_add(digests, saved->record->manifest);
		for (guint j = 0; j < saved->record->layers->len; j++)
			g_ptr_array_add(digests,
					((struct berth_image_layer *) saved->record->layers->pdata[j])->digest);
	}
	g_ptr_array_sort(digests, compare);
	for (guint i = 0; i < digests->len; i++)
		if ((i == 0 || !g_str_equal(digests->pdata[i - 1], digests->pdata[i])) &&
		    !write_blob(this, digests->pdata[i], error))
			return false;
	return true;
}

static struct oci_descriptor *describe(struct saving *this, const struct saved *saved, const char *name, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(this->images->store);
	size_t length;
	g_autofree char *text = berth_blob_read(blobs, saved->record->manifest, BERTH_LIMIT_MANIFEST, &length, error);
	g_autoptr(oci_manifest) manifest =
		text ? berth_document_parse_text(&oci_manifest_document, text, length, saved->record->manifest, error)
		     : NULL;
	g_autoptr(oci_image) image = manifest ? berth_images_config(this->images, saved->id, error) : NULL;

	if (!image)
		return NULL;
	struct oci_descriptor *descriptor = berth_document_new(&oci_descriptor_document);
	descriptor->media_type = g_strdup(manifest->media_type ? manifest->media_type : OCI_MEDIA_MANIFEST);
	descriptor->digest = g_strdup(saved->record->manifest);
	descriptor->size = (int64_t) length;
	descriptor->platform = berth_document_new(&oci_platform_document);
	descriptor->platform->os = g_strdup(image->os);
	descriptor->platform->architecture = g_strdup(image->architecture);
	descriptor->platform->variant = g_strdup(image->variant);
	if (name) {
		descriptor->annotations = berth_map_new();
		g_hash_table_insert(descriptor->annotations, g_strdup(CONTAINERD_ANNOTATION_IMAGE_NAME),
				    g_strdup(name));
		g_hash_table_insert(descriptor->annotations, g_strdup(OCI_ANNOTATION_REF_NAME),
				    g_strdup(strrchr(name, ':') + 1));
	}
	return descriptor;
}

// index.json: a descriptor for each name, or one for an image without.
static bool write_index(struct saving *this, GError **error)
{
	g_autoptr(oci_index) index = berth_document_new(&oci_index_document);

	index->schema_version = 2;
	index->media_type = g_strdup(OCI_MEDIA_INDEX);
	index->manifests = berth_objects_new();
	for (guint i = 0; i < this->saved->len; i++) {
		const struct saved *saved = this->saved->pdata[i];
		for (guint j = 0; j < MAX(saved->names->len, 1); j++) {
			const char *name = saved->names->len > 0 ? saved->names->pdata[j] : NULL;
			struct oci_descriptor *descriptor = describe(this, saved, name, error);
			if (!descriptor)
				return false;
			g_ptr_array_add(index->manifests, descriptor);
		}
	}
	return write_json(this, "index.json", berth_document_print(&oci_index_document, index, 0), error);
}

static json_t *docker_image(const struct saved *saved)
{
	g_autoptr(oci_docker_archive_image) image = berth_document_new(&oci_docker_archive_image_document);
	const GPtrArray *layers = saved->record->layers;

	image->config = blob_path(saved->id);
	image->repo_tags = g_new0(char *, saved->names->len + 1);
	for (guint i = 0; i < saved->names->len; i++)
		image->repo_tags[i] = berth_image_familiar(saved->names->pdata[i]);
	image->layers = g_new0(char *, layers->len + 1);
	for (guint i = 0; i < layers->len; i++)
		image->layers[i] = blob_path(((struct berth_image_layer *) layers->pdata[i])->digest);
	return berth_document_print(&oci_docker_archive_image_document, image, 0);
}

static bool write_docker_manifest(struct saving *this, GError **error)
{
	json_t *images = json_array();

	for (guint i = 0; i < this->saved->len; i++)
		json_array_append_new(images, docker_image(this->saved->pdata[i]));
	return write_json(this, "manifest.json", images, error);
}

static bool write_archive(struct saving *this, GError **error)
{
	this->archive = archive_write_new();
	archive_write_set_format_pax_restricted(this->archive);
	archive_write_set_bytes_per_block(this->archive, CHUNK);
	archive_write_set_bytes_in_last_block(this->archive, 1);
	if (archive_write_open(this->archive, this, NULL, take, NULL) != ARCHIVE_OK)
		return write_failed(this, error);
	return write_text(this, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", error) &&
	       write_index(this, error) && write_docker_manifest(this, error) &&
	       write_header(this, "blobs/", AE_IFDIR, 0, error) &&
	       write_header(this, "blobs/sha256/", AE_IFDIR, 0, error) && write_blobs(this, error) &&
	       ((archive_write_close(this->archive) == ARCHIVE_OK && !this->failure) || write_failed(this, error));
}

bool berth_images_save(struct berth_images *images, char *const *names, int fd, GError **error)
{
	struct saving this = {.images = images, .lease = berth_lease_new(images->store), .fd = fd};

	this.saved = g_ptr_array_new_with_free_func(saved_free);
	bool done = collect(&this, names, error) && write_archive(&this, error);
	this.over = true;
	archive_write_free(this.archive);
	g_clear_error(&this.failure);
	g_ptr_array_unref(this.saved);
	berth_lease_release(this.lease);
	return done;
}
