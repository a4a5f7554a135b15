// SPDX-License-Identifier: Apache-2.0
// How a container's record changes: the database first, in one transaction with the events that tell of it, then what
// is in memory, then whoever waits.
#include "engine/secret/secrets.h"

#include "base/failpoint.h"
#include "base/fd.h"
#include "base/moment.h"
#include "volume/volume.h"

#include <string.h>

struct berth_container_state *berth_engine__state_copy(struct berth_engine *engine,
						       const struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_container_state *copy =
		berth_document_copy(&berth_container_state_document, container->record->state);
	pthread_mutex_unlock(&engine->lock);
	return copy;
}

void berth_engine__set_status(struct berth_container_state *state, const char *status)
{
	g_free(state->status);
	state->status = g_strdup(status);
}

static void add_reference(GArray *references, const char *kind, const char *id)
{
	const struct berth_reference reference = {kind, id};

	for (guint i = 0; i < references->len; i++) {
		const struct berth_reference *other = &g_array_index(references, struct berth_reference, i);
		if (strcmp(other->kind, kind) == 0 && strcmp(other->id, id) == 0)
			return;
	}
	g_array_append_val(references, reference);
}

// What the container needs: its image and snapshot, volumes, and the images that it has mounted.
static GArray *references_of(const struct berth_container_record *record)
{
	GArray *references = g_array_new(FALSE, FALSE, sizeof(struct berth_reference));

	add_reference(references, "image", record->image);
	add_reference(references, "snapshot", record->id);
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (mount->driver)
			add_reference(references, BERTH_RECORD_VOLUME, mount->name);
		if (mount->image)
			add_reference(references, "image", mount->image);
	}
	for (guint i = 0; record->secrets && i < record->secrets->len; i++)
		add_reference(references, BERTH_RECORD_SECRET,
			      ((const struct berth_container_secret *) record->secrets->pdata[i])->id);
	return references;
}

bool berth_engine__record_put(struct berth_transaction *transaction, const struct berth_container_record *record,
			      GError **error)
{
	g_autoptr(GArray) references = references_of(record);
	bool removing = g_strcmp0(record->state->status, BERTH_STATUS_REMOVING) == 0;

	// What is being removed holds neither its name nor its image and volumes.
	return berth_record_put_document(transaction, BERTH_RECORD_CONTAINER, record->id,
					 removing ? NULL : record->name, &berth_container_record_document, record,
					 (const struct berth_reference *) references->data,
					 removing ? 0 : references->len, error);
}

static bool write_change(struct berth_engine *engine, const struct berth_container_record *record, const json_t *events,
			 GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	return transaction && berth_engine__record_put(transaction, record, error) &&
	       (!events || berth_engine__events_put(transaction, events, error)) &&
	       berth_transaction_commit(transaction, error);
}

static void forget(struct berth_container_change *change)
{
	const struct berth_container_record endpoints = {.endpoints = change->endpoints};
	const struct api_host_config ports = {.port_bindings = change->port_bindings};

	g_clear_pointer(&change->state, berth_container_state_free);
	berth_document_clear(&berth_container_record_document, (void *) &endpoints);
	berth_document_clear(&api_host_config_document, (void *) &ports);
	g_clear_pointer(&change->host_config, api_host_config_free);
	change->endpoints = NULL;
	change->port_bindings = NULL;
}

// Makes a written change visible; what was there before is in `change` afterwards. engine->lock is held.
static char *exchange(struct berth_engine *engine, struct berth_engine_container *container,
		      struct berth_container_change *change)
{
	struct berth_container_record *record = container->record;
	char *old_name = NULL;

	if (change->state) {
		struct berth_container_state *old = record->state;
		record->state = change->state;
		change->state = old;
	}
	if (change->endpoints) {
		GPtrArray *old = record->endpoints;
		record->endpoints = change->endpoints;
		change->endpoints = old;
	}
	if (change->port_bindings) {
		GHashTable *old = record->host_config->port_bindings;
		record->host_config->port_bindings = change->port_bindings;
		change->port_bindings = old;
	}
	if (change->host_config) {
		struct api_host_config *old = record->host_config;
		record->host_config = change->host_config;
		change->host_config = old;
	}
	if (change->name) {
		old_name = record->name;
		g_hash_table_remove(engine->by_name, old_name);
		record->name = g_strdup(change->name);
		g_hash_table_replace(engine->by_name, record->name, container); // the key, too
	}
	return old_name;
}

bool berth_engine__change(struct berth_engine *engine, struct berth_engine_container *container,
			  struct berth_container_change *change, GError **error)
{
	struct berth_container_record next = *container->record;
	struct api_host_config host_config = *next.host_config;
	g_autoptr(berth_container_state) same = change->state ? NULL : berth_engine__state_copy(engine, container);

	next.state = change->state ? change->state : same;
	if (change->state) {
		berth_health_free(change->state->health);
		pthread_mutex_lock(&engine->lock);
		change->state->health = berth_document_copy(&berth_health_document, container->health);
		pthread_mutex_unlock(&engine->lock);
	}
	if (change->name)
		next.name = (char *) change->name;
	if (change->endpoints)
		next.endpoints = change->endpoints;
	if (change->port_bindings) {
		host_config.port_bindings = change->port_bindings;
		next.host_config = &host_config;
	}
	if (change->host_config)
		next.host_config = change->host_config;
	if (!write_change(engine, &next, change->events, error)) {
		forget(change);
		return false;
	}
	BERTH_FAILPOINT("container.change.recorded");
	pthread_mutex_lock(&engine->lock);
	g_autofree char *old_name G_GNUC_UNUSED = exchange(engine, container, change);
	berth_engine__note_change(engine);
	pthread_cond_broadcast(&container->changed);
	pthread_mutex_unlock(&engine->lock);
	forget(change);
	if (change->events)
		berth_engine__events_told(engine);
	return true;
}

// The number of a project quota is free for others when it limits nothing.
static void lift_limit(struct berth_engine *engine, const struct berth_container_record *record)
{
	GHashTable *options = record->host_config->storage_opt;

	if (!options || g_hash_table_size(options) == 0)
		return;
	berth_fd folder = berth_snapshot_open_content(engine->snapshots, record->id, NULL);
	if (folder >= 0)
		berth_quota_set(folder, 0, "the container's files", NULL);
}

bool berth_engine__mark_removed(struct berth_engine *engine, struct berth_engine_container *container,
				struct berth_container_state *state, json_t *events, GError **error)
{
	struct berth_container_record next = *container->record;

	next.state = state;
	berth_engine__set_status(state, BERTH_STATUS_REMOVING);
	berth_engine__event_add(events, container, "destroy", NULL);
	if (!write_change(engine, &next, events, error)) {
		berth_container_state_free(state);
		return false;
	}
	BERTH_FAILPOINT("container.remove.marked");
	pthread_mutex_lock(&engine->lock);
	struct berth_container_state *old = container->record->state;
	container->record->state = state;
	container->removed = true;
	berth_engine__note_change(engine);
	berth_engine__table_remove(engine, container);
	pthread_cond_broadcast(&container->changed);
	pthread_mutex_unlock(&engine->lock);
	berth_container_state_free(old);
	lift_limit(engine, container->record);
	berth_engine__drop_pending(engine, container);
	berth_engine__events_told(engine);
	return true;
}
