// SPDX-License-Identifier: Apache-2.0
#include "image/origin.h"
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>

#define ID_PREFIX "sha256:"
#define HEX_DIGITS "0123456789abcdef"

struct berth_images *berth_images_new(struct berth_store *store)
{
	struct berth_images *images = g_new0(struct berth_images, 1);

	images->store = store;
	images->flights = berth_flights_new();
	return images;
}

void berth_images_free(struct berth_images *images)
{
	if (!images)
		return;
	berth_flights_free(images->flights);
	g_free(images);
}

void berth_images_on_change(struct berth_images *images, berth_image_event_fn *event, void *data)
{
	images->event = event;
	images->event_data = data;
}

bool berth_images_tell(struct berth_images *images, struct berth_transaction *transaction, const char *action,
		       const char *id, const char *name, GError **error)
{
	return !images->event || images->event(images->event_data, transaction, action, id, name, error);
}

char *berth_image_familiar(const char *full_name)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(full_name, &name, NULL))
		return g_strdup(full_name);
	char *familiar = berth_image_name_familiar(&name);
	berth_image_name_clear(&name);
	return familiar;
}

void berth_images_collect(struct berth_images *images)
{
	struct berth_collected collected;

	if (berth_store_collect(images->store, &collected, NULL) && collected.blobs > 0)
		berth_origins_sweep(images->store, NULL);
}

const char *berth_image_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#else
#error "the name that images give this architecture is not known"
#endif
}

// The id that begins with `text` (with or without "sha256:"); NULL without an error if there is none.
static char *by_prefix(struct berth_transaction *transaction, const char *text, GError **error)
{
	const char *digits = g_str_has_prefix(text, ID_PREFIX) ? text + strlen(ID_PREFIX) : text;
	g_autofree char *prefix = g_strconcat(ID_PREFIX, digits, NULL);

	if (!*digits || strspn(digits, HEX_DIGITS) != strlen(digits))
		return NULL;
	g_auto(GStrv) ids = berth_record_ids_by_prefix(transaction, BERTH_RECORD_IMAGE, prefix, 2, error);
	if (!ids)
		return NULL;
	if (ids[0] && ids[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"ambiguous image id %s: several images have ids that "
				"begin with it",
				text);
		return NULL;
	}
	return g_strdup(ids[0]);
}

static char *by_name(struct berth_transaction *transaction, const struct berth_image_name *name, char **ret_name,
		     GError **error)
{
	struct berth_image_name wanted = *name;

	if (wanted.digest) // it says more than a tag beside it
		wanted.tag = NULL;
	g_autofree char *full = berth_image_name_full(&wanted);
	char *id = berth_tag_record_image(transaction, full, error);
	if (id && ret_name)
		*ret_name = g_steal_pointer(&full);
	return id;
}

static bool is_whole_id(const char *text)
{
	g_autofree char *id = g_str_has_prefix(text, ID_PREFIX) ? g_strdup(text) : g_strconcat(ID_PREFIX, text, NULL);

	return berth_digest_valid(id);
}

char *berth_images_resolve_in(struct berth_transaction *transaction, const char *name_or_id, char **ret_name,
			      GError **error)
{
	struct berth_image_name name = {NULL};
	GError *failure = NULL;
	char *id = NULL;

	if (ret_name)
		*ret_name = NULL;
	if (!is_whole_id(name_or_id)) {
		if (!berth_image_name_parse(name_or_id, &name, error))
			return NULL;
		id = by_name(transaction, &name, ret_name, &failure);
	}
	if (!id && !failure)
		id = by_prefix(transaction, name_or_id, &failure);
	if (failure) {
		g_propagate_error(error, failure);
	} else if (!id) {
		g_autofree char *shown = name.path ? berth_image_name_familiar(&name) : g_strdup(name_or_id);
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such image: %s", shown);
	}
	berth_image_name_clear(&name);
	return id;
}

char *berth_images_resolve(struct berth_images *images, const char *name_or_id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);

	return transaction ? berth_images_resolve_in(transaction, name_or_id, NULL, error) : NULL;
}

bool berth_images_tag(struct berth_images *images, const char *name_or_id, const char *new_name, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(new_name ? new_name : "", &name, error))
		return false;
	bool digest = name.digest != NULL;
	g_autofree char *full = berth_image_name_full(&name), *familiar = berth_image_name_familiar(&name);
	berth_image_name_clear(&name);
	if (digest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "refusing to create a tag with a digest reference");
	if (g_str_has_prefix(familiar, "sha256:")) // it would stand in the way of the image with that id
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "refusing to create an ambiguous tag using digest algorithm as name");
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	g_autofree char *id = transaction ? berth_images_resolve_in(transaction, name_or_id, NULL, error) : NULL;
	return id && berth_tag_record_put(transaction, full, id, error) &&
	       berth_images_tell(images, transaction, "tag", id, familiar, error) &&
	       berth_transaction_commit(transaction, error);
}

struct oci_image *berth_images_config(struct berth_images *images, const char *id, GError **error)
{
	size_t length;
	g_autofree char *text =
		berth_blob_read(berth_store_blobs(images->store), id, BERTH_LIMIT_MANIFEST, &length, error);

	return text ? berth_document_parse_text(&oci_image_document, text, length, "image configuration", error) : NULL;
}

char *berth_images_top_snapshot(struct berth_images *images, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	g_autoptr(berth_image_record) record = transaction ? berth_image_record_get(transaction, id, error) : NULL;

	return record ? g_strdup(berth_image_record_top(record)) : NULL;
}

static bool count(void *data, const char *id, const char *name, const json_t *document)
{
	(void) id, (void) name, (void) document;
	++*(int64_t *) data;
	return true;
}

int64_t berth_images_count(struct berth_images *images, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	int64_t found = 0;

	return transaction && berth_record_each(transaction, BERTH_RECORD_IMAGE, count, &found, error) ? found : -1;
}
