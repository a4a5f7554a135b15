// SPDX-License-Identifier: Apache-2.0
// Making a container: its snapshot and folder first, then its record, with which it exists. What a crash leaves before
// that has no record and is removed at the next start.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/life/join.h"
#include "engine/life/users-standard.h"
#include "engine/life/users-take.h"
#include "engine/network/networks.h"
#include "engine/plan/names.h"
#include "engine/plan/plan.h"
#include "engine/secret/secrets.h"
#include "spec/api-container.h"
#include "volume/volume.h"

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define NAME_ATTEMPTS 100

char *berth_engine__make_id(GError **error)
{
	uint8_t bytes[BERTH_CONTAINER_ID_LENGTH / 2];
	char id[BERTH_CONTAINER_ID_LENGTH + 1];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes) {
		berth_error_set_errno(error, errno, "making an id");
		return NULL;
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		g_snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return g_strdup(id);
}

static bool name_is_free(struct berth_engine *engine, const char *name)
{
	pthread_mutex_lock(&engine->lock);
	bool used = g_hash_table_contains(engine->by_name, name);
	pthread_mutex_unlock(&engine->lock);
	return !used;
}

static bool name_taken(struct berth_engine *engine, const char *name, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	const struct berth_engine_container *other = g_hash_table_lookup(engine->by_name, name);
	g_autofree char *id = g_strdup(other ? other->id : "another");
	pthread_mutex_unlock(&engine->lock);
	return berth_error_set(
		error, BERTH_ERROR_CONFLICT,
		"Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to "
		"remove (or rename) that container to be able to reuse that name.",
		name, id);
}

// The name asked for, checked, or one that is made up.
static char *choose_name(struct berth_engine *engine, const char *wanted, GError **error)
{
	if (wanted && *wanted) {
		const char *name = wanted[0] == '/' ? wanted + 1 : wanted;
		return berth_container_name_check(name, error) ? g_strdup(name) : NULL;
	}
	for (unsigned attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		g_autofree char *name = berth_container_name_make(attempt);
		if (name_is_free(engine, name))
			return g_steal_pointer(&name);
	}
	berth_error_set(error, BERTH_ERROR_INTERNAL, "making up a container's name: all that were tried are in use");
	return NULL;
}

static bool names_users(const struct api_container_create *create)
{
	return create->host_config && create->host_config->userns_mode && *create->host_config->userns_mode;
}

// What other than the image is missing is the request's mistake: from 404 clients gather that they have to pull the
// image.
static void blame_request(GError *error)
{
	if (error && g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		error->code = BERTH_ERROR_INVALID;
}

static bool bind_to_others(struct berth_engine *engine, struct berth_container_record *record, char ***ret_warnings,
			   GError **error)
{
	GError *failure = NULL;

	if (berth_engine__endpoints_bind(engine, record, ret_warnings, &failure) &&
	    berth_engine__joins_bind(engine, record, &failure) &&
	    berth_engine__secrets_bind(engine, record, &failure) && berth_engine__links_check(engine, record, &failure))
		return true;
	blame_request(failure);
	g_propagate_error(error, failure);
	return false;
}

// Everything that the container is, before anything is made.
static struct berth_container_record *make_record(struct berth_engine *engine, const char *wanted_name,
						  const struct api_container_create *create, char **ret_top,
						  char ***ret_warnings, GError **error)
{
	if (!create->config.image || !*create->config.image) {
		berth_error_set(error, BERTH_ERROR_INVALID, "Config.Image: no image was named");
		return NULL;
	}
	g_autofree char *name = choose_name(engine, wanted_name, error);
	g_autofree char *image_id = name ? berth_images_resolve(engine->images, create->config.image, error) : NULL;
	g_autoptr(oci_image) image = image_id ? berth_images_config(engine->images, image_id, error) : NULL;
	g_autofree char *id = image ? berth_engine__make_id(error) : NULL;
	if (!id)
		return NULL;
	GError *failure = NULL;
	g_autoptr(GPtrArray) from = berth_engine__volumes_from(
		engine, create->host_config ? create->host_config->volumes_from : NULL, &failure);
	if (!from) {
		blame_request(failure);
		g_propagate_error(error, failure);
		return NULL;
	}
	const struct berth_plan_input input = {
		.create = create,
		.id = id,
		.name = name,
		.created = berth_moment_now(),
		.image_id = image_id,
		.image = image,
		.volumes_from = from,
		.log_driver = engine->options.log_driver,
		.log_options = engine->options.log_options,
		.cgroup_parent = engine->options.cgroup_parent,
		.default_network = engine->options.network.no_bridge ? "none" : "bridge",
		.default_userns = engine->options.userns,
	};
	g_autoptr(berth_container_record) record = berth_plan_make(&input, ret_warnings, error);
	if (!record || !bind_to_others(engine, record, ret_warnings, error))
		return NULL;
	if (!names_users(create) && g_strcmp0(record->host_config->userns_mode, "auto") == 0 &&
	    !berth_engine__users_standard(engine, record, ret_warnings, error))
		return NULL;
	*ret_top = berth_images_top_snapshot(engine->images, image_id, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	return g_steal_pointer(&record);
}

// Puts the container into the table, where it takes its name; nobody finds it until it is ready. A name that was made
// up may have been taken since: then another is.
static bool reserve(struct berth_engine *engine, struct berth_engine_container *container, bool made_up, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	bool has_ids = berth_engine__users_take(engine, container, error);
	bool added = has_ids && berth_engine__table_add(engine, container);
	for (unsigned attempt = 1; has_ids && !added && made_up && attempt < NAME_ATTEMPTS; attempt++) {
		g_free(container->record->name);
		container->record->name = berth_container_name_make(attempt);
		added = berth_engine__table_add(engine, container);
	}
	pthread_mutex_unlock(&engine->lock);
	if (!has_ids)
		return false;
	if (added && container->record->users)
		berth_engine__users_spare_want(engine);
	return added || name_taken(engine, container->record->name, error);
}

static bool limit_size(void *data, int folder, GError **error)
{
	return berth_quota_set(folder, *(const int64_t *) data, "the container's files (StorageOpt)", error);
}

static bool make_parts(struct berth_engine *engine, const struct berth_container_record *record, const char *top,
		       GError **error)
{
	const char *id = record->id;
	int64_t size = 0;

	if (!berth_plan_storage(record->host_config->storage_opt, &size, error) ||
	    !berth_snapshot_prepare_limited(engine->snapshots, id, top, size > 0 ? limit_size : NULL, &size, error))
		return false;
	BERTH_FAILPOINT("container.create.snapshot");
	if (mkdirat(engine->containers_folder, id, 0710) < 0)
		return berth_error_set_errno(error, errno, "making the folder of container %s", id);
	BERTH_FAILPOINT("container.create.folder");
	return true;
}

static bool check_there(struct berth_transaction *transaction, const char *kind, const char *id, const char *name,
			GError **error)
{
	g_autoptr(GError) failure = NULL;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, kind, id, &failure);

	if (json)
		return true;
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s %s was removed meanwhile", kind, name);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

// Secrets and images of mounts were found before the transaction.
static bool check_parts(struct berth_transaction *transaction, const struct berth_container_record *record,
			GError **error)
{
	for (guint i = 0; record->secrets && i < record->secrets->len; i++) {
		const struct berth_container_secret *secret = record->secrets->pdata[i];
		const struct api_secret_use *use = record->host_config->secrets->pdata[i];
		if (!check_there(transaction, BERTH_RECORD_SECRET, secret->id, use->source, error))
			return false;
	}
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (mount->image && !check_there(transaction, "image", mount->image, mount->source, error))
			return false;
	}
	return true;
}

static bool write_record(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();

	berth_engine__event_add(events, container, "create", NULL);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction)
		return false;
	BERTH_AUTO_JSON json_t *image = berth_record_get(transaction, "image", container->record->image, NULL);
	if (!image)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such image: %s", container->record->image);
	if (!check_parts(transaction, container->record, error) ||
	    !berth_engine__record_put(transaction, container->record, error) ||
	    !berth_engine__volumes_settle(transaction, container->record, events, error) ||
	    !berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	BERTH_FAILPOINT("container.create.recorded");
	berth_engine__events_told(engine);
	return true;
}

static void undo(struct berth_engine *engine, struct berth_engine_container *container)
{
	g_autoptr(GError) error = NULL;

	if (!berth_remove_tree_at(engine->containers_folder, container->id, &error) ||
	    !berth_snapshot_remove(engine->snapshots, container->id, &error))
		g_warning("container %s: undoing its creation: %s", container->id, error->message);
	pthread_mutex_lock(&engine->lock);
	container->removed = true;
	berth_engine__table_remove(engine, container);
	pthread_mutex_unlock(&engine->lock);
}

// What is asked for, with what the engine gives where nothing is: the caller frees its host_config.
static bool add_defaults(struct berth_engine *engine, const struct api_container_create *create,
			 struct api_container_create *ret, GError **error)
{
	*ret = *create;
	ret->host_config = create->host_config ? berth_document_copy(&api_host_config_document, create->host_config)
					       : berth_document_new(&api_host_config_document);
	return berth_engine__defaults_apply(&engine->options.defaults, ret->host_config, error);
}

static struct api_container_created *create_container(struct berth_engine *engine, const char *name,
						      const struct api_container_create *create, GError **error)
{
	g_autofree char *top = NULL;
	g_auto(GStrv) warnings = NULL;
	struct berth_container_record *record = make_record(engine, name, create, &top, &warnings, error);

	if (!record)
		return NULL;
	g_autoptr(berth_engine_container) container = berth_engine__container_new(record);
	// Until the record is there, nothing else keeps the layers and the snapshot from collection.
	g_autoptr(berth_lease) lease = berth_lease_new(engine->store);
	if (top)
		berth_lease_add(lease, "snapshot", top);
	berth_lease_add(lease, "snapshot", container->id);
	if (!reserve(engine, container, !name || !*name, error))
		return NULL;
	bool prepared = make_parts(engine, record, top, error) && berth_engine__volumes_prepare(engine, record, error);
	if (!prepared || !write_record(engine, container, error)) {
		if (prepared)
			berth_engine__volumes_undo(engine, record);
		undo(engine, container);
		return NULL;
	}
	berth_engine__volumes_let_go(engine, record);
	pthread_mutex_lock(&engine->lock);
	container->ready = true;
	berth_engine__note_change(engine);
	pthread_mutex_unlock(&engine->lock);
	struct api_container_created *created = berth_document_new(&api_container_created_document);
	created->id = g_strdup(container->id);
	created->warnings = g_steal_pointer(&warnings);
	return created;
}

struct api_container_created *berth_engine_container_create(struct berth_engine *engine, const char *name,
							    const struct api_container_create *create, GError **error)
{
	int64_t began = g_get_monotonic_time();
	struct api_container_create complete;

	bool fine = add_defaults(engine, create, &complete, error);
	struct api_container_created *created = fine ? create_container(engine, name, &complete, error) : NULL;
	api_host_config_free(complete.host_config);
	if (created)
		berth_engine__count_action(engine, BERTH_ACTION_CREATE, began);
	return created;
}
