// SPDX-License-Identifier: Apache-2.0
// Removing and pruning networks: the kernel's state first, then the record, so that what a crash leaves of a network
// has a record, and is removed when it is asked for again.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/moment.h"

#define PATIENCE 10 // seconds for containers that have ended to leave

static bool remove_record(struct berth_engine *engine, const struct berth_network *record, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();

	berth_engine__network_event(events, record, "destroy", NULL);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction || !berth_record_remove(transaction, BERTH_RECORD_NETWORK, record->id, error) ||
	    !berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	BERTH_FAILPOINT("network.remove.recorded");
	berth_engine__events_told(engine);
	return true;
}

// `operation` of the network is held.
static bool remove_unused(struct berth_engine *engine, struct berth_engine_network *network, GError **error)
{
	const struct berth_network *record = network->record;

	if (!berth_network_remove(engine->networks, record, error))
		return g_prefix_error(error, "error while removing network: "), false;
	BERTH_FAILPOINT("network.remove.down");
	if (!remove_record(engine, record, error))
		return false;
	network->removed = true;
	pthread_mutex_lock(&engine->lock);
	berth_engine__network_drop(engine, network);
	pthread_mutex_unlock(&engine->lock);
	berth_networks_forget(engine->networks, record->id);
	return true;
}

// Whether a container is on it. One that has ended, or was disconnected, may still be leaving it; it is counted as a
// user until it has.
static bool is_used(struct berth_engine *engine, const char *id)
{
	GHashTableIter iter;
	bool used = false;
	void *value;

	pthread_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->by_id);
	while (!used && g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_engine_container *container = value;
		for (guint i = 0; container->network && i < container->network->endpoints->len; i++) {
			const struct berth_endpoint *endpoint = container->network->endpoints->pdata[i];
			used = used || g_str_equal(endpoint->network, id);
		}
	}
	pthread_mutex_unlock(&engine->lock);
	return used;
}

// Waits for those that are leaving. `operation` of the network is held. False: it is in use.
static bool wait_unused(struct berth_engine *engine, struct berth_engine_network *network)
{
	int64_t deadline = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC;
	bool in_time = true;

	while (network->users > 0 && in_time && !is_used(engine, network->record->id))
		in_time = berth_engine__cond_wait(&network->left, &network->operation, deadline);
	return network->users == 0;
}

static bool remove_network(struct berth_engine *engine, struct berth_engine_network *network, GError **error)
{
	const struct berth_network *record = network->record;
	bool removed = false;

	if (record->predefined)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "%s is a pre-defined network and cannot be removed", record->name);
	pthread_mutex_lock(&network->operation);
	if (network->removed)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", record->name);
	else if (!wait_unused(engine, network))
		berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				"error while removing network: network %s id %s has active endpoints", record->name,
				record->id);
	else
		removed = remove_unused(engine, network, error);
	pthread_mutex_unlock(&network->operation);
	return removed;
}

bool berth_engine_network_remove(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, text, error);

	return network && remove_network(engine, network, error);
}

struct api_network_prune_report *berth_engine_network_prune(struct berth_engine *engine, GHashTable *filters,
							    GError **error)
{
	static const char *const known[] = {"until", "label", "label!", NULL};
	g_autoptr(GStrvBuilder) deleted = g_strv_builder_new();
	int64_t until;

	if (!berth_filters_check(filters, known, error) || !berth_engine__filter_until(filters, &until, error))
		return NULL;
	g_autoptr(GPtrArray) networks = berth_engine__networks(engine);
	for (guint i = 0; i < networks->len; i++) {
		struct berth_engine_network *network = networks->pdata[i];
		const struct berth_network *record = network->record;
		g_autoptr(GError) failure = NULL;
		if (record->predefined || record->created >= until ||
		    !berth_engine__labels_pass(filters, record->labels))
			continue;
		if (remove_network(engine, network, &failure))
			g_strv_builder_add(deleted, record->name);
		else if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) &&
			 !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			g_warning("pruning network %s: %s", record->name, failure->message);
	}
	if (!berth_engine_tell_prune(engine, "network", 0, error))
		return NULL;
	struct api_network_prune_report *report = berth_document_new(&api_network_prune_report_document);
	report->networks_deleted = g_strv_builder_end(deleted);
	return report;
}

void berth_engine__networks_finish_removal(struct berth_engine *engine)
{
	g_autoptr(GPtrArray) networks = berth_engine__networks(engine);

	for (guint i = 0; i < networks->len; i++) {
		struct berth_engine_network *network = networks->pdata[i];
		g_autoptr(GError) error = NULL;
		if (berth_network_is_leaving(engine->networks, network->record->id) &&
		    !remove_network(engine, network, &error))
			g_warning("network %s: finishing its removal: %s", network->record->name, error->message);
	}
}
