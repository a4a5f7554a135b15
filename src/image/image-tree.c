// SPDX-License-Identifier: Apache-2.0
// Which layers are shared by which images, and what deleting one would free.
#include "image/images-internal.h"

#include "base/error.h"
#include "store/store-internal.h"

#include <string.h>

#define RECORD_CONTAINER "container"

struct growing {
	struct berth_images *images;
	GHashTable *records; // image id -> struct berth_image_record
	GHashTable *names; // image id -> GPtrArray of full names
	GHashTable *containers; // image id -> how many use it
	GHashTable *parents; // snapshot id -> its parent or ""
	GHashTable *active; // ids of writable snapshots -> 1
	GHashTable *standing; // chain id -> writable snapshots that stand on it
	GHashTable *blobs; // digest -> image that needs it; "" when several do, or something else
	GHashTable *layers; // chain id -> struct api_tree_layer
};

static int64_t count_of(GHashTable *table, const char *id)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(table, id));
}

static void count_one(GHashTable *table, const char *id)
{
	g_hash_table_insert(table, g_strdup(id), GINT_TO_POINTER(count_of(table, id) + 1));
}

static bool note_image(void *data, const char *id, G_GNUC_UNUSED const char *name, const json_t *document)
{
	struct growing *this = data;
	struct berth_image_record *record = berth_document_parse(&berth_image_record_document, document, NULL);

	if (record)
		g_hash_table_insert(this->records, g_strdup(id), record);
	return true;
}

static void note_snapshot(void *data, const char *id, const char *parent, bool committed)
{
	struct growing *this = data;

	g_hash_table_insert(this->parents, g_strdup(id), g_strdup(parent ? parent : ""));
	if (!committed)
		count_one(this->active, id);
}

static void note_name(struct growing *this, const char *image, const char *name)
{
	GPtrArray *names = g_hash_table_lookup(this->names, image);

	if (!names) {
		names = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(this->names, g_strdup(image), names);
	}
	g_ptr_array_add(names, g_strdup(name));
}

static void note_reference(void *data, const char *kind, const char *id, const struct berth_reference *to)
{
	struct growing *this = data;

	if (g_str_equal(kind, BERTH_RECORD_TAG) && g_str_equal(to->kind, BERTH_RECORD_IMAGE))
		note_name(this, to->id, id);
	else if (g_str_equal(kind, RECORD_CONTAINER) && g_str_equal(to->kind, BERTH_RECORD_IMAGE))
		count_one(this->containers, to->id);
	else if (g_str_equal(kind, BERTH_RECORD_IMAGE) && g_str_equal(to->kind, BERTH_RECORD_BLOB)) {
		const char *needed_by = g_hash_table_lookup(this->blobs, to->id);
		bool first = !needed_by || g_str_equal(needed_by, id);
		g_hash_table_insert(this->blobs, g_strdup(to->id), g_strdup(first ? id : ""));
	}
}

static bool read_records(struct growing *this, GError **error)
{
	struct berth_store *store = this->images->store;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), error);

	return transaction && berth_record_each(transaction, BERTH_RECORD_IMAGE, note_image, this, error) &&
	       berth_snapshots_each(berth_store_snapshots(store), transaction, note_snapshot, this, error) &&
	       berth_references_each(transaction, note_reference, this, error);
}

// Every layer beneath a writable snapshot stays as long as that does.
static void stand(struct growing *this)
{
	GHashTableIter iter;
	void *id;

	g_hash_table_iter_init(&iter, this->active);
	while (g_hash_table_iter_next(&iter, &id, NULL))
		for (const char *at = g_hash_table_lookup(this->parents, id); at && *at;
		     at = g_hash_table_lookup(this->parents, at))
			count_one(this->standing, at);
}

static int64_t blob_size(struct growing *this, const char *digest)
{
	int64_t size = 0;
	int fd = berth_blob_open(berth_store_blobs(this->images->store), digest, &size, NULL);

	if (fd >= 0)
		close(fd);
	return size;
}

static void add_layers(struct growing *this, const char *id, const struct berth_image_record *record,
		       struct api_image_tree *tree)
{
	const char *parent = NULL;

	for (guint i = 0; i < record->layers->len; i++) {
		const struct berth_image_layer *from = record->layers->pdata[i];
		struct api_tree_layer *layer = g_hash_table_lookup(this->layers, from->chain_id);
		if (!layer) {
			layer = berth_document_new(&api_tree_layer_document);
			layer->chain_id = g_strdup(from->chain_id);
			layer->parent = g_strdup(parent);
			layer->digest = g_strdup(from->digest);
			layer->size = from->size;
			layer->blob_size = blob_size(this, from->digest);
			layer->containers = count_of(this->standing, from->chain_id);
			g_ptr_array_add(tree->layers, layer);
			g_hash_table_insert(this->layers, layer->chain_id, layer);
			tree->layers_size += layer->size;
		}
		if (!layer->images || !g_strv_contains((const char *const *) layer->images, id))
			berth_strings_add(&layer->images, g_strdup(id));
		parent = layer->chain_id;
	}
}

static int64_t freed_blobs(struct growing *this, const char *id)
{
	GHashTableIter iter;
	void *digest, *user;
	int64_t size = 0;

	g_hash_table_iter_init(&iter, this->blobs);
	while (g_hash_table_iter_next(&iter, &digest, &user))
		if (g_str_equal(user, id))
			size += blob_size(this, digest);
	return size;
}

static struct api_tree_image *make_image(struct growing *this, const char *id, const struct berth_image_record *record)
{
	struct api_tree_image *image = berth_document_new(&api_tree_image_document);
	const GPtrArray *names = g_hash_table_lookup(this->names, id);

	image->id = g_strdup(id);
	image->names = g_new0(char *, 1);
	image->layers = g_new0(char *, 1);
	image->containers = count_of(this->containers, id);
	for (guint i = 0; names && i < names->len; i++) {
		g_autofree char *familiar = berth_image_familiar(names->pdata[i]);
		berth_strings_add(&image->names, g_strdup(familiar));
	}
	for (guint i = 0; i < record->layers->len; i++) {
		const struct berth_image_layer *from = record->layers->pdata[i];
		const struct api_tree_layer *layer = g_hash_table_lookup(this->layers, from->chain_id);
		berth_strings_add(&image->layers, g_strdup(from->chain_id));
		image->size += from->size;
		if (layer->images[1])
			image->shared += from->size;
		else if (layer->containers == 0)
			image->freed += from->size;
	}
	image->freed += freed_blobs(this, id);
	return image;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

// All images make the tree; those that are not asked for leave it then.
static bool grow(struct growing *this, GHashTable *wanted, struct api_image_tree *tree)
{
	guint count;
	g_autofree char **ids = (char **) g_hash_table_get_keys_as_array(this->records, &count);

	qsort(ids, count, sizeof *ids, by_text);
	stand(this);
	for (guint i = 0; i < count; i++)
		add_layers(this, ids[i], g_hash_table_lookup(this->records, ids[i]), tree);
	for (guint i = 0; i < count; i++)
		if (!wanted || g_hash_table_contains(wanted, ids[i]))
			g_ptr_array_add(tree->images,
					make_image(this, ids[i], g_hash_table_lookup(this->records, ids[i])));
	return true;
}

static bool is_of(const struct api_tree_layer *layer, GHashTable *wanted)
{
	for (char **id = layer->images; *id; id++)
		if (g_hash_table_contains(wanted, *id))
			return true;
	return false;
}

static void prune(struct api_image_tree *tree, GHashTable *wanted)
{
	GPtrArray *kept = berth_objects_new();

	for (guint i = 0; i < tree->layers->len; i++) {
		struct api_tree_layer *layer = tree->layers->pdata[i];
		if (is_of(layer, wanted)) {
			g_ptr_array_add(kept, layer);
			continue;
		}
		tree->layers_size -= layer->size;
		berth_document_free(&api_tree_layer_document, layer);
	}
	g_ptr_array_unref(tree->layers);
	tree->layers = kept;
}

static void free_record(gpointer record)
{
	berth_image_record_free(record);
}

static void free_names(gpointer names)
{
	g_ptr_array_unref(names);
}

struct api_image_tree *berth_images_tree(struct berth_images *images, char *const *names, GError **error)
{
	g_autoptr(GHashTable) wanted =
		names && *names ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL;
	g_autoptr(api_image_tree) tree = berth_document_new(&api_image_tree_document);
	struct growing this = {images};
	GHashTable **counts[] = {&this.containers, &this.active, &this.standing};

	for (; wanted && *names; names++) {
		char *id = berth_images_resolve(images, *names, error);
		if (!id)
			return NULL;
		g_hash_table_add(wanted, id);
	}
	tree->images = berth_objects_new();
	tree->layers = berth_objects_new();
	this.records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_record);
	this.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_names);
	this.parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	this.blobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	this.layers = g_hash_table_new(g_str_hash, g_str_equal);
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		*counts[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	bool done = read_records(&this, error) && grow(&this, wanted, tree);
	if (done && wanted)
		prune(tree, wanted);
	GHashTable *const tables[] = {this.records, this.names,  this.parents,  this.blobs,
				      this.layers,  this.active, this.standing, this.containers};
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		g_hash_table_unref(tables[i]);
	return done ? g_steal_pointer(&tree) : NULL;
}
