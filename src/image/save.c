// SPDX-License-Identifier: Apache-2.0
// The archive is an OCI layout that has Docker's manifest.json beside index.json; both name the same blobs. Its order
// is fixed (the documents, then the blobs by digest), owners and times are zero. All but the blobs' content is made
// first, so the size is known before the first byte is read.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/tar-header.h"

#include <string.h>

#define BLOCK 512
#define NAMES_MAX 10000 // tags of one repository

struct saved {
	char *id;
	GPtrArray *names; // full
	struct berth_image_record *record;
};

// A piece of the archive: bytes, then the content of a blob if there is one.
struct part {
	GByteArray *bytes;
	char *digest;
	int64_t size; // of the blob
};

struct berth_image_save {
	struct berth_images *images;
	struct berth_lease *lease;
	GPtrArray *saved; // of struct saved
	GArray *parts; // of struct part
	int64_t size;
	guint part; // where reading is: in this one,
	int64_t offset; // behind so many of its bytes and its blob's
	int blob; // open while one is read, else -1
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
static bool add(struct berth_image_save *this, struct berth_transaction *transaction, const char *id, const char *name,
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
static bool add_repository(struct berth_image_save *this, struct berth_transaction *transaction, const char *text,
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

static bool add_named(struct berth_image_save *this, struct berth_transaction *transaction, const char *text,
		      GError **error)
{
	g_autofree char *name = NULL, *id = NULL;
	bool found;

	if (!add_repository(this, transaction, text, &found, error))
		return false;
	return found || ((id = berth_images_resolve_in(transaction, text, &name, error)) &&
			 add(this, transaction, id, name, error));
}

static bool collect(struct berth_image_save *this, char *const *names, GError **error)
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

static void part_clear(gpointer data)
{
	struct part *part = data;

	g_byte_array_unref(part->bytes);
	g_free(part->digest);
}

// The part that bytes are added to.
static struct part *last_part(struct berth_image_save *this)
{
	struct part *last =
		this->parts->len > 0 ? &g_array_index(this->parts, struct part, this->parts->len - 1) : NULL;

	if (!last || last->digest) {
		struct part part = {.bytes = g_byte_array_new()};
		g_array_append_val(this->parts, part);
		last = &g_array_index(this->parts, struct part, this->parts->len - 1);
	}
	return last;
}

static bool add_header(struct berth_image_save *this, const char *name, char type, int64_t size, GError **error)
{
	struct berth_tar_header header = {.name = name, .type = type, .mode = type == '5' ? 0755 : 0644, .size = size};

	return berth_tar_header_append(last_part(this)->bytes, &header, error);
}

static void add_zeros(struct berth_image_save *this, size_t count)
{
	static const guint8 zeros[2 * BLOCK];

	g_byte_array_append(last_part(this)->bytes, zeros, (guint) count);
}

// Fills the last block of an entry.
static void add_padding(struct berth_image_save *this, int64_t size)
{
	add_zeros(this, (size_t) (-size & (BLOCK - 1)));
}

static bool add_text(struct berth_image_save *this, const char *name, const char *text, GError **error)
{
	size_t length = strlen(text);

	if (!add_header(this, name, '0', (int64_t) length, error))
		return false;
	g_byte_array_append(last_part(this)->bytes, (const guint8 *) text, (guint) length);
	add_padding(this, (int64_t) length);
	return true;
}

static bool add_json(struct berth_image_save *this, const char *name, json_t *json, GError **error)
{
	g_autofree char *text = berth_json_text(json);

	json_decref(json);
	return add_text(this, name, text, error);
}

static char *blob_path(const char *digest)
{
	return g_strconcat("blobs/sha256/", digest + strlen("sha256:"), NULL);
}

static bool add_blob(struct berth_image_save *this, const char *digest, GError **error)
{
	g_autofree char *path = blob_path(digest);
	int64_t size;

	berth_fd fd = berth_blob_open(berth_store_blobs(this->images->store), digest, &size, error);
	if (fd < 0 || !add_header(this, path, '0', size, error))
		return false;
	struct part *part = last_part(this);
	part->digest = g_strdup(digest);
	part->size = size;
	add_padding(this, size);
	return true;
}

// Each blob once, in the order of digests.
static bool add_blobs(struct berth_image_save *this, GError **error)
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
		    !add_blob(this, digests->pdata[i], error))
			return false;
	return true;
}

static struct oci_descriptor *describe(struct berth_image_save *this, const struct saved *saved, const char *name,
				       GError **error)
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
static bool add_index(struct berth_image_save *this, GError **error)
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
	return add_json(this, "index.json", berth_document_print(&oci_index_document, index, 0), error);
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

static bool add_docker_manifest(struct berth_image_save *this, GError **error)
{
	json_t *images = json_array();

	for (guint i = 0; i < this->saved->len; i++)
		json_array_append_new(images, docker_image(this->saved->pdata[i]));
	return add_json(this, "manifest.json", images, error);
}

static bool plan(struct berth_image_save *this, GError **error)
{
	if (!add_text(this, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", error) || !add_index(this, error) ||
	    !add_docker_manifest(this, error) || !add_header(this, "blobs/", '5', 0, error) ||
	    !add_header(this, "blobs/sha256/", '5', 0, error) || !add_blobs(this, error))
		return false;
	add_zeros(this, 2 * BLOCK);
	for (guint i = 0; i < this->parts->len; i++) {
		const struct part *part = &g_array_index(this->parts, struct part, i);
		this->size += part->bytes->len + part->size;
	}
	return true;
}

static bool tell(const struct berth_image_save *this, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->images->store), error);

	for (guint i = 0; transaction && i < this->saved->len; i++) {
		const struct saved *saved = this->saved->pdata[i];
		if (!berth_images_tell(this->images, transaction, "save", saved->id, NULL, error))
			return false;
	}
	return transaction && berth_transaction_commit(transaction, error);
}

struct berth_image_save *berth_images_save(struct berth_images *images, char *const *names, int64_t *ret_size,
					   GError **error)
{
	struct berth_image_save *this = g_new0(struct berth_image_save, 1);

	this->images = images;
	this->lease = berth_lease_new(images->store);
	this->saved = g_ptr_array_new_with_free_func(saved_free);
	this->parts = g_array_new(false, false, sizeof(struct part));
	g_array_set_clear_func(this->parts, part_clear);
	this->blob = -1;
	if (collect(this, names, error) && plan(this, error) && tell(this, error)) {
		*ret_size = this->size;
		return this;
	}
	berth_image_save_free(this);
	return NULL;
}

void berth_image_save_free(struct berth_image_save *this)
{
	if (!this)
		return;
	berth_fd_clear(&this->blob);
	g_array_unref(this->parts);
	g_ptr_array_unref(this->saved);
	berth_lease_release(this->lease);
	g_free(this);
}

static gssize read_blob(struct berth_image_save *this, const struct part *part, void *data, size_t size, GError **error)
{
	int64_t at = this->offset - part->bytes->len, left = part->size - at;
	ssize_t length;

	if (this->blob < 0 &&
	    (this->blob = berth_blob_open(berth_store_blobs(this->images->store), part->digest, NULL, error)) < 0)
		return -1;
	do
		length = pread(this->blob, data, (size_t) MIN(left, (int64_t) size), at);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		berth_error_set_errno(error, errno, "read blob %s", part->digest);
	else if (length == 0)
		berth_error_set(error, BERTH_ERROR_INTERNAL, "blob %s became shorter while it was read", part->digest);
	return length > 0 ? length : -1;
}

gssize berth_image_save_read(struct berth_image_save *this, void *data, size_t size, GError **error)
{
	for (; this->part < this->parts->len; this->part++, this->offset = 0, berth_fd_clear(&this->blob)) {
		const struct part *part = &g_array_index(this->parts, struct part, this->part);
		gssize length = 0;
		if (this->offset < part->bytes->len) {
			length = (gssize) MIN(size, part->bytes->len - (size_t) this->offset);
			memcpy(data, part->bytes->data + this->offset, (size_t) length);
		} else if (this->offset < part->bytes->len + part->size) {
			length = read_blob(this, part, data, size, error);
		}
		if (length != 0) {
			this->offset += MAX(length, 0);
			return length;
		}
	}
	return 0;
}
