// SPDX-License-Identifier: Apache-2.0
// The list of images: records and names are read in one transaction, then filtered.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/moment.h"

#include <fnmatch.h>
#include <string.h>

#define NANOSECONDS 1000000000

struct listing {
	GHashTable *names; // image id -> GPtrArray of full names, sorted
	GPtrArray *images; // of struct api_image_summary
	// The filters, parsed; NULL, INT64_MIN and INT64_MAX when there is none.
	char *const *references, *const *labels;
	int dangling; // -1: not asked for
	int64_t before, since; // nanoseconds; created in between
	GError *failure;
};

static bool add_name(void *data, const char *id, const char *name, const json_t *document)
{
	struct listing *this = data;
	const char *image = json_string_value(json_object_get(document, "image"));

	(void) name;
	if (!image)
		return true;
	GPtrArray *names = g_hash_table_lookup(this->names, image);
	if (!names) {
		names = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(this->names, g_strdup(image), names);
	}
	g_ptr_array_add(names, g_strdup(id));
	return true;
}

// Docker's rule: the pattern matches the familiar name with its tag or without; "*" does not match "/".
static bool reference_matches(char *const *patterns, const char *familiar)
{
	const char *slash = strrchr(familiar, '/'), *last = slash ? slash + 1 : familiar;
	g_autofree char *repository = g_strndup(familiar, (gsize) (last - familiar) + strcspn(last, ":@"));

	if (!patterns)
		return true;
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, familiar, FNM_PATHNAME) == 0 ||
		    fnmatch(*patterns, repository, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static bool labels_match(char *const *wanted, GHashTable *labels)
{
	for (; wanted && *wanted; wanted++) {
		const char *equals = strchr(*wanted, '=');
		g_autofree char *key = g_strndup(*wanted, equals ? (gsize) (equals - *wanted) : strlen(*wanted));
		const char *value = labels ? g_hash_table_lookup(labels, key) : NULL;
		if (!value || (equals && !g_str_equal(value, equals + 1)))
			return false;
	}
	return true;
}

// Puts the names that the filter lets through into the summary.
static void set_names(const struct listing *this, const GPtrArray *names, struct api_image_summary *summary)
{
	g_autoptr(GPtrArray) tags = g_ptr_array_new(), digests = g_ptr_array_new();

	for (guint i = 0; names && i < names->len; i++) {
		char *familiar = berth_image_familiar(names->pdata[i]);
		if (reference_matches(this->references, familiar))
			g_ptr_array_add(strchr(familiar, '@') ? digests : tags, familiar);
		else
			g_free(familiar);
	}
	g_ptr_array_add(tags, NULL);
	g_ptr_array_add(digests, NULL);
	summary->repo_tags = (char **) g_ptr_array_steal(tags, NULL);
	summary->repo_digests = (char **) g_ptr_array_steal(digests, NULL);
}

// Docker's rule: without a tag an image dangles, though one that has a digest is shown when dangling ones are not asked
// for.
static bool is_wanted(const struct listing *this, const struct berth_image_record *record, const GPtrArray *names)
{
	bool tagged = false;

	for (guint i = 0; names && i < names->len; i++)
		tagged = tagged || !strchr(names->pdata[i], '@');
	return record->created < this->before && record->created > this->since &&
	       (this->dangling < 0 || (this->dangling ? !tagged : names != NULL)) &&
	       labels_match(this->labels, record->labels);
}

static bool add_image(void *data, const char *id, const char *name, const json_t *document)
{
	struct listing *this = data;
	const GPtrArray *names = g_hash_table_lookup(this->names, id);
	g_autoptr(berth_image_record) record =
		berth_document_parse(&berth_image_record_document, document, &this->failure);

	(void) name;
	if (!record)
		return false;
	if (!is_wanted(this, record, names))
		return true;
	g_autoptr(api_image_summary) summary = berth_document_new(&api_image_summary_document);
	set_names(this, names, summary);
	if (this->references && !summary->repo_tags[0] && !summary->repo_digests[0])
		return true;
	summary->id = g_strdup(id);
	summary->parent_id = g_strdup("");
	summary->created = record->created / NANOSECONDS;
	summary->size = summary->virtual_size = berth_image_record_size(record);
	summary->shared_size = summary->containers = -1;
	summary->labels = g_steal_pointer(&record->labels);
	g_ptr_array_add(this->images, g_steal_pointer(&summary));
	return true;
}

static bool parse_switch(const char *text, int *ret, GError **error)
{
	static const char *const words[2][4] = {{"0", "f", "false", "False"}, {"1", "t", "true", "True"}};

	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 4; i++)
			if (g_str_equal(text, words[value][i])) {
				*ret = value;
				return true;
			}
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'dangling=[%s]'", text);
}

static bool created_of(struct berth_transaction *transaction, const char *image, int64_t *ret, GError **error)
{
	g_autofree char *id = berth_images_resolve_in(transaction, image, NULL, error);
	g_autoptr(berth_image_record) record = id ? berth_image_record_get(transaction, id, error) : NULL;

	if (record)
		*ret = record->created;
	return record != NULL;
}

// A moment, or how long ago.
static bool parse_until(const char *text, int64_t *ret, GError **error)
{
	int64_t ago;

	if (berth_duration_parse(text, &ago, NULL)) {
		*ret = berth_moment_now() - ago;
		return true;
	}
	return berth_moment_parse(text, ret, error);
}

static bool parse_filter(struct listing *this, struct berth_transaction *transaction, const char *name,
			 char *const *values, GError **error)
{
	int64_t moment;

	if (g_str_equal(name, "reference"))
		this->references = values;
	else if (g_str_equal(name, "label"))
		this->labels = values;
	else if (g_str_equal(name, "dangling"))
		return !values[0] || parse_switch(values[0], &this->dangling, error);
	else if (g_str_equal(name, "before") || g_str_equal(name, "until") || g_str_equal(name, "since"))
		for (; *values; values++) {
			if (!(g_str_equal(name, "until") ? parse_until(*values, &moment, error)
							 : created_of(transaction, *values, &moment, error)))
				return false;
			if (g_str_equal(name, "since"))
				this->since = MAX(this->since, moment);
			else
				this->before = MIN(this->before, moment);
		}
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter '%s'", name);
	return true;
}

static bool parse_filters(struct listing *this, struct berth_transaction *transaction, GHashTable *filters,
			  GError **error)
{
	GHashTableIter iter;
	gpointer name, values;

	if (!filters)
		return true;
	g_hash_table_iter_init(&iter, filters);
	while (g_hash_table_iter_next(&iter, &name, &values))
		if (!parse_filter(this, transaction, name, values, error))
			return false;
	return true;
}

static gint newest_first(gconstpointer left, gconstpointer right)
{
	const struct api_image_summary *a = *(struct api_image_summary *const *) left,
				       *b = *(struct api_image_summary *const *) right;

	return a->created != b->created ? (a->created < b->created ? 1 : -1) : strcmp(a->id, b->id);
}

static bool list(struct listing *this, struct berth_images *images, GHashTable *filters, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);

	if (!transaction || !parse_filters(this, transaction, filters, error) ||
	    !berth_record_each(transaction, BERTH_RECORD_TAG, add_name, this, error) ||
	    !berth_record_each(transaction, BERTH_RECORD_IMAGE, add_image, this, error))
		return false;
	if (this->failure) {
		g_propagate_error(error, g_steal_pointer(&this->failure));
		return false;
	}
	g_ptr_array_sort(this->images, newest_first);
	return true;
}

static void free_summary(gpointer summary)
{
	api_image_summary_free(summary);
}

// `all` would add the images between the steps of a build; there are none.
GPtrArray *berth_images_list(struct berth_images *images, GHashTable *filters, bool all, GError **error)
{
	struct listing this = {.dangling = -1, .before = INT64_MAX, .since = INT64_MIN};

	(void) all;
	this.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
	this.images = berth_objects_new();
	bool done = list(&this, images, filters, error);
	g_hash_table_unref(this.names);
	if (done)
		return this.images;
	g_ptr_array_set_free_func(this.images, free_summary);
	g_ptr_array_unref(this.images);
	return NULL;
}
