// SPDX-License-Identifier: Apache-2.0
// Docker's rules of `rmi`, decided and done in one transaction. Containers are the engine's: here they are records of
// kind "container" that refer to the image, with the property state.status.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"

#include <string.h>

#define RECORD_CONTAINER "container"
#define SHORT_ID 12

struct removal {
	struct berth_images *images;
	struct berth_transaction *transaction;
	char *id; // of the image
	struct berth_image_record *record;
	char **names; // its full names at the beginning
	char *running, *stopped; // ids of a container of each kind that uses it; NULL: none does
	GPtrArray *removed; // of struct api_image_deleted
};

static const char *short_id(const char *id, char text[SHORT_ID + 1])
{
	const char *digits = g_str_has_prefix(id, "sha256:") ? id + strlen("sha256:") : id;

	g_strlcpy(text, digits, SHORT_ID + 1);
	return text;
}

static bool is_running(const json_t *container)
{
	const char *status = json_string_value(json_object_get(json_object_get(container, "state"), "status"));

	return status &&
	       (g_str_equal(status, "running") || g_str_equal(status, "paused") || g_str_equal(status, "restarting"));
}

static bool find_containers(struct removal *this, GError **error)
{
	g_auto(GStrv) users = berth_record_users(this->transaction, BERTH_RECORD_IMAGE, this->id, error);

	for (char **user = users; users && *user; user++) {
		if (!g_str_has_prefix(*user, RECORD_CONTAINER " "))
			continue;
		const char *id = *user + strlen(RECORD_CONTAINER " ");
		BERTH_AUTO_JSON json_t *container = berth_record_get(this->transaction, RECORD_CONTAINER, id, error);
		if (!container)
			return false;
		char **place = is_running(container) ? &this->running : &this->stopped;
		if (!*place)
			*place = g_strdup(id);
	}
	return users != NULL;
}

static bool conflict(const struct removal *this, bool hard, const char *why, const char *container, GError **error)
{
	char image[SHORT_ID + 1], user[SHORT_ID + 1];

	return berth_error_set(error, BERTH_ERROR_CONFLICT, "conflict: unable to delete %s (%s) - %s%s",
			       short_id(this->id, image), hard ? "cannot be forced" : "must be forced", why,
			       container ? short_id(container, user) : "");
}

static void note(struct removal *this, const char *untagged, const char *deleted)
{
	struct api_image_deleted *entry = berth_document_new(&api_image_deleted_document);

	entry->untagged = g_strdup(untagged);
	entry->deleted = g_strdup(deleted);
	g_ptr_array_add(this->removed, entry);
}

static bool untag(struct removal *this, const char *name, GError **error)
{
	g_autofree char *familiar = berth_image_familiar(name);

	note(this, familiar, NULL);
	return berth_record_remove(this->transaction, BERTH_RECORD_TAG, name, error) &&
	       berth_images_tell(this->images, this->transaction, "untag", this->id, familiar, error);
}

static bool untag_all(struct removal *this, const char *but, GError **error)
{
	for (char **name = this->names; *name; name++)
		if ((!but || !g_str_equal(*name, but)) && !untag(this, *name, error))
			return false;
	return true;
}

static bool forget(struct removal *this, GError **error)
{
	note(this, NULL, this->id);
	return berth_record_remove(this->transaction, BERTH_RECORD_IMAGE, this->id, error) &&
	       berth_images_tell(this->images, this->transaction, "delete", this->id, NULL, error);
}

static gsize repository_length(const char *name)
{
	const char *slash = strrchr(name, '/');

	return (gsize) (slash - name) + strcspn(slash, ":@");
}

static bool same_repository(const char *a, const char *b)
{
	return repository_length(a) == repository_length(b) && strncmp(a, b, repository_length(a)) == 0;
}

// Whether the names are one tag, with the digests of its repository: then they are one to the user.
static bool is_single(char *const *names)
{
	guint tags = 0;

	for (char *const *name = names; *name; name++)
		if (!same_repository(*name, names[0]))
			return false;
		else
			tags += !strchr(*name, '@');
	return tags <= 1;
}

// Digests of a repository are there as long as one of its tags is.
static bool untag_digests(struct removal *this, const char *tag, GError **error)
{
	if (strchr(tag, '@'))
		return true;
	for (char **name = this->names; *name; name++)
		if (same_repository(*name, tag) && !strchr(*name, '@') && strcmp(*name, tag) != 0)
			return true;
	for (char **name = this->names; *name; name++)
		if (same_repository(*name, tag) && strchr(*name, '@') && !untag(this, *name, error))
			return false;
	return true;
}

static bool remove_by_name(struct removal *this, const char *name, bool force, GError **error)
{
	char image[SHORT_ID + 1], user[SHORT_ID + 1];
	const char *container = this->running ? this->running : this->stopped;
	g_autofree char *familiar = berth_image_familiar(name);

	if (!force && is_single(this->names) && container)
		return berth_error_set(
			error, BERTH_ERROR_CONFLICT,
			"conflict: unable to remove repository reference \"%s\" (must force) - container "
			"%s is using its referenced image %s",
			familiar, short_id(container, user), short_id(this->id, image));
	if (!is_single(this->names))
		return untag(this, name, error) && untag_digests(this, name, error);
	// The last name. An image that runs stays, without one.
	return untag(this, name, error) && untag_all(this, name, error) && (this->running || forget(this, error));
}

static bool remove_by_id(struct removal *this, bool force, GError **error)
{
	if (this->running)
		return conflict(this, true, "image is being used by running container ", this->running, error);
	if (!force && !is_single(this->names))
		return conflict(this, false, "image is referenced in multiple repositories", NULL, error);
	if (!force && this->stopped)
		return conflict(this, false, "image is being used by stopped container ", this->stopped, error);
	return untag_all(this, NULL, error) && forget(this, error);
}

static bool decide(struct removal *this, const char *name_or_id, bool force, GError **error)
{
	g_autofree char *name = NULL;

	return (this->id = berth_images_resolve_in(this->transaction, name_or_id, &name, error)) &&
	       (this->record = berth_image_record_get(this->transaction, this->id, error)) &&
	       (this->names = berth_image_record_names(this->transaction, this->id, error)) &&
	       find_containers(this, error) &&
	       (name ? remove_by_name(this, name, force, error) : remove_by_id(this, force, error)) &&
	       berth_transaction_commit(this->transaction, error);
}

static void free_deleted(gpointer deleted)
{
	api_image_deleted_free(deleted);
}

// Collects what nothing refers to any more; the layers that went are told of, top first. The image is gone already:
// what fails here is made up for by the next collection.
static void collect(struct removal *this)
{
	const GPtrArray *layers = this->record->layers;

	BERTH_FAILPOINT("image.remove.recorded");
	berth_images_collect(this->images);
	for (guint i = layers->len; i > 0; i--) {
		const struct berth_image_layer *layer = layers->pdata[i - 1];
		if (!berth_snapshot_exists(berth_store_snapshots(this->images->store), layer->chain_id))
			note(this, NULL, layer->chain_id);
	}
}

static bool was_deleted(const struct removal *this)
{
	const struct api_image_deleted *last =
		this->removed->len > 0 ? this->removed->pdata[this->removed->len - 1] : NULL;

	return last && last->deleted;
}

// `prune` would keep the untagged parents that a build leaves; there are none.
GPtrArray *berth_images_remove(struct berth_images *images, const char *name_or_id, bool force, bool prune,
			       GError **error)
{
	struct removal this = {.images = images, .removed = berth_objects_new()};

	(void) prune;
	this.transaction = berth_transaction_begin(berth_store_database(images->store), error);
	bool done = this.transaction && decide(&this, name_or_id, force, error);
	g_clear_pointer(&this.transaction, berth_transaction_free);
	if (done && was_deleted(&this))
		collect(&this);
	g_free(this.id);
	berth_image_record_free(this.record);
	g_strfreev(this.names);
	g_free(this.running);
	g_free(this.stopped);
	if (done)
		return this.removed;
	g_ptr_array_set_free_func(this.removed, free_deleted);
	g_ptr_array_unref(this.removed);
	return NULL;
}
