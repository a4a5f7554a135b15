// SPDX-License-Identifier: Apache-2.0
// What there is is listed first; each thing is then looked at by itself, and whether it is still there is asked again
// before it is called broken.
#include "store/check.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "store/store-internal.h"

#include <string.h>

#define CHUNK (1 << 20)
#define KIND_BLOB "blob"
#define KIND_SNAPSHOT "snapshot"

struct check {
	struct berth_store *store;
	berth_check_fn *found;
	berth_check_drop_fn *drop;
	void *data;
	struct berth_check_count count;
};

static void tell(struct check *this, const char *object, char *cause, char **users, const char *remedy, bool repaired)
{
	char *nobody[] = {NULL};
	g_autofree char *owned = cause;
	g_auto(GStrv) owned_users = users;

	this->found(this->data, &(struct berth_check_problem){object, owned, owned_users ? owned_users : nobody,
							      repaired ? NULL : remedy, repaired});
}

static char **users_of(struct check *this, const char *kind, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(this->store), error);

	return transaction ? berth_record_users(transaction, kind, id, error) : NULL;
}

// Blobs

static bool note_digest(void *data, const char *digest, G_GNUC_UNUSED int64_t size)
{
	g_ptr_array_add(data, g_strdup(digest));
	return true;
}

// The cause if the blob is damaged, NULL if it is whole or gone.
static char *find_damage(struct check *this, const char *digest)
{
	g_autofree char *chunk = g_malloc(CHUNK);
	char found[BERTH_DIGEST_SIZE];
	ssize_t length;
	berth_fd fd = berth_blob_open(berth_store_blobs(this->store), digest, NULL, NULL);

	if (fd < 0)
		return NULL;
	struct berth_hash *hash = berth_hash_new();
	while ((length = berth_read_full(fd, chunk, CHUNK)) > 0) {
		berth_hash_update(hash, chunk, (size_t) length);
		this->count.bytes += length;
	}
	int failure = errno;
	berth_hash_digest(hash, found);
	if (length < 0)
		return g_strdup_printf("it cannot be read: %s", g_strerror(failure));
	return strcmp(found, digest) == 0 ? NULL
					  : g_strdup_printf("it is damaged: its content has the digest %s", found);
}

static bool check_blob(struct check *this, const char *digest, GError **error)
{
	g_autofree char *object = g_strconcat(KIND_BLOB " ", digest, NULL);
	char *cause = find_damage(this, digest);
	bool removed = false;

	this->count.blobs++;
	if (!cause)
		return true;
	char **users = users_of(this, KIND_BLOB, digest, error);
	if (!users || (this->drop && !berth_store_remove_unused_blob(this->store, digest, &removed, error))) {
		g_free(cause);
		g_strfreev(users);
		return false;
	}
	tell(this, object, cause, users,
	     *users ? "remove the images that use it (berth rmi), then pull or load them again"
		    : "berth system check --repair removes it",
	     removed);
	return true;
}

static bool check_blobs(struct check *this, GError **error)
{
	g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);

	if (!berth_blob_each(berth_store_blobs(this->store), note_digest, digests, error))
		return false;
	for (guint i = 0; i < digests->len; i++)
		if (!check_blob(this, digests->pdata[i], error))
			return false;
	return true;
}

// Snapshots

static void note_broken(void *data, const char *object, const char *cause, enum berth_snapshot_fault fault)
{
	struct check *this = data;
	const char *id = object + strlen(KIND_SNAPSHOT " ");

	if (fault == BERTH_FAULT_LEFTOVER) {
		tell(this, object, g_strdup(cause), NULL, "berth system check --repair removes it", this->drop != NULL);
		return;
	}
	char **users = users_of(this, KIND_SNAPSHOT, id, NULL);
	bool used = !users || *users;
	if (fault == BERTH_FAULT_WRITABLE && !used) { // it is being made
		g_strfreev(users);
		return;
	}
	bool repaired = this->drop && !used && berth_snapshot_remove(berth_store_snapshots(this->store), id, NULL);
	tell(this, object, g_strdup(cause), users,
	     used ? "remove the containers and images that use it, then pull or load the images again"
		  : "berth system check --repair removes its record",
	     repaired);
}

// References

struct reference {
	char *kind, *id, *to_kind, *to_id;
};

static void reference_free(gpointer data)
{
	struct reference *reference = data;

	if (!reference)
		return;
	g_free(reference->kind);
	g_free(reference->id);
	g_free(reference->to_kind);
	g_free(reference->to_id);
	g_free(reference);
}

static void note_reference(void *data, const char *kind, const char *id, const struct berth_reference *to)
{
	struct reference reference = {g_strdup(kind), g_strdup(id), g_strdup(to->kind), g_strdup(to->id)};

	g_ptr_array_add(data, g_memdup2(&reference, sizeof reference));
}

// *ret_there: what it refers to is; of records within the same transaction, so nothing comes or goes between.
static bool resolve(struct check *this, struct berth_transaction *transaction, const struct reference *reference,
		    bool *ret_there, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (strcmp(reference->to_kind, KIND_BLOB) == 0) {
		*ret_there = berth_blob_exists(berth_store_blobs(this->store), reference->to_id);
		return true;
	}
	json_t *record = berth_record_get(transaction, reference->to_kind, reference->to_id, &local);
	*ret_there = record != NULL;
	json_decref(record);
	if (*ret_there || g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

static bool find_dangling(struct check *this, GPtrArray *dangling, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(reference_free);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(this->store), error);

	if (!transaction || !berth_references_each(transaction, note_reference, all, error))
		return false;
	this->count.references += all->len;
	for (guint i = 0; i < all->len; i++) {
		bool there;
		if (!resolve(this, transaction, all->pdata[i], &there, error))
			return false;
		if (!there)
			g_ptr_array_add(dangling, g_steal_pointer(&all->pdata[i]));
	}
	return true;
}

static bool check_references(struct check *this, GError **error)
{
	g_autoptr(GPtrArray) dangling = g_ptr_array_new_with_free_func(reference_free);
	bool done = find_dangling(this, dangling, error);

	for (guint i = 0; done && i < dangling->len; i++) {
		const struct reference *reference = dangling->pdata[i];
		g_autofree char *object = g_strdup_printf("%s %s", reference->kind, reference->id);
		char *cause =
			g_strdup_printf("it refers to %s %s, which is missing", reference->to_kind, reference->to_id);
		bool repaired = this->drop && this->drop(this->data, reference->kind, reference->id);
		BERTH_FAILPOINT("store.check.dropped");
		tell(this, object, cause, users_of(this, reference->kind, reference->id, NULL),
		     "berth system check --repair drops the record if no container uses it; then pull or load the "
		     "image "
		     "again",
		     repaired);
	}
	return done;
}

bool berth_store_check(struct berth_store *store, berth_check_fn *found, berth_check_drop_fn *drop, void *data,
		       struct berth_check_count *ret, GError **error)
{
	struct check this = {store, found, drop, data, {0}};
	bool done = check_references(&this, error) &&
		    berth_snapshots_check(berth_store_snapshots(store), drop != NULL, note_broken, &this,
					  &this.count.snapshots, error) &&
		    check_blobs(&this, error);

	*ret = this.count;
	return done;
}
