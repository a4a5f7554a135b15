// SPDX-License-Identifier: Apache-2.0
// The networks that there are, by id and by name, and how they come to be known when the engine opens. Three are there
// always: bridge, whose record is made once, host, and none, which have no record.
#include "engine/network/networks.h"

#include "base/error.h"
#include "base/moment.h"
#include "network/pools.h"
#include "plugin/plugin.h"

#include <string.h>
#include <sys/socket.h>

#define DEFAULT_MTU 1500
#define TABLE "berth" // of nftables
#define STANDARD_EXEC_ROOT "/run/berth"

// The id of a predefined network.
static char *predefined_id(const char *name)
{
	g_autofree char *text = g_strconcat("network ", name, NULL);

	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

bool berth_engine__network_is_real(const struct berth_network *record)
{
	return !g_str_equal(record->driver, "host") && !g_str_equal(record->driver, "null");
}

struct berth_engine_network *berth_engine__network_new(struct berth_network *record)
{
	struct berth_engine_network *network = g_new0(struct berth_engine_network, 1);

	network->references = 1;
	network->record = record;
	pthread_mutex_init(&network->operation, NULL);
	berth_engine__cond_init(&network->left);
	return network;
}

struct berth_engine_network *berth_engine__network_ref(struct berth_engine_network *network)
{
	__atomic_add_fetch(&network->references, 1, __ATOMIC_RELAXED);
	return network;
}

void berth_engine__network_unref(struct berth_engine_network *network)
{
	if (!network || __atomic_sub_fetch(&network->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pthread_cond_destroy(&network->left);
	pthread_mutex_destroy(&network->operation);
	berth_network_free(network->record);
	g_free(network);
}

bool berth_engine__network_add(struct berth_engine *engine, struct berth_engine_network *network)
{
	if (g_hash_table_contains(engine->networks_by_name, network->record->name) ||
	    g_hash_table_contains(engine->networks_by_id, network->record->id))
		return false;
	g_hash_table_insert(engine->networks_by_name, network->record->name, network);
	g_hash_table_insert(engine->networks_by_id, network->record->id, berth_engine__network_ref(network));
	return true;
}

void berth_engine__network_drop(struct berth_engine *engine, struct berth_engine_network *network)
{
	g_hash_table_remove(engine->networks_by_name, network->record->name);
	g_hash_table_remove(engine->networks_by_id, network->record->id);
}

static struct berth_engine_network *find_by_prefix(struct berth_engine *engine, const char *prefix, unsigned *ret_count)
{
	struct berth_engine_network *found = NULL;
	GHashTableIter iter;
	void *id, *value;

	*ret_count = 0;
	g_hash_table_iter_init(&iter, engine->networks_by_id);
	while (*prefix && g_hash_table_iter_next(&iter, &id, &value))
		if (g_str_has_prefix(id, prefix)) {
			found = value;
			++*ret_count;
		}
	return found;
}

static struct berth_engine_network *find_locked(struct berth_engine *engine, const char *text, GError **error)
{
	unsigned count = 1;

	struct berth_engine_network *found = g_hash_table_lookup(engine->networks_by_id, text);
	if (!found)
		found = g_hash_table_lookup(engine->networks_by_name, text);
	if (!found)
		found = find_by_prefix(engine, text, &count);
	if (found && count == 1)
		return berth_engine__network_ref(found);
	if (found)
		berth_error_set(error, BERTH_ERROR_INVALID,
				"network %s is ambiguous (%u matches found based on ID prefix)", text, count);
	else
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", text);
	return NULL;
}

struct berth_engine_network *berth_engine__network_find(struct berth_engine *engine, const char *text, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_engine_network *network = find_locked(engine, text, error);
	pthread_mutex_unlock(&engine->lock);
	return network;
}

struct berth_engine_network *berth_engine__network_of(struct berth_engine *engine,
						      const struct berth_container_endpoint *endpoint, GError **error)
{
	const char *id = endpoint->network;

	return berth_engine__network_find(engine, id && *id ? id : endpoint->network_name, error);
}

static int oldest_first(const void *a, const void *b)
{
	const struct berth_engine_network *const *first = a, *const *second = b;
	int64_t one = (*first)->record->created, other = (*second)->record->created;

	return one < other ? -1 : one > other ? 1 : strcmp((*first)->record->name, (*second)->record->name);
}

GPtrArray *berth_engine__networks(struct berth_engine *engine)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify) berth_engine__network_unref);
	GHashTableIter iter;
	void *value;

	pthread_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->networks_by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(list, berth_engine__network_ref(value));
	pthread_mutex_unlock(&engine->lock);
	g_ptr_array_sort(list, oldest_first);
	return list;
}

bool berth_engine__network_put(struct berth_transaction *transaction, const struct berth_network *record,
			       GError **error)
{
	return berth_record_put_document(transaction, BERTH_RECORD_NETWORK, record->id, record->name,
					 &berth_network_document, record, NULL, 0, error);
}

void berth_engine__network_event(json_t *events, const struct berth_network *record, const char *action,
				 const char *container)
{
	GHashTable *attributes = berth_map_new();

	g_hash_table_insert(attributes, g_strdup("name"), g_strdup(record->name));
	g_hash_table_insert(attributes, g_strdup("type"), g_strdup(record->driver));
	if (container)
		g_hash_table_insert(attributes, g_strdup("container"), g_strdup(container));
	berth_engine__event_add_of(events, "network", action, record->id, attributes);
}

void berth_engine__network_events(struct berth_engine *engine, json_t *events,
				  const struct berth_container_record *container, const char *action)
{
	GPtrArray *endpoints = container->endpoints;
	const struct berth_engine_network *network = NULL;

	pthread_mutex_lock(&engine->lock);
	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_container_endpoint *endpoint = endpoints->pdata[i];
		network = g_hash_table_lookup(engine->networks_by_id, endpoint->network);
		if (network)
			berth_engine__network_event(events, network->record, action, container->id);
	}
	if (!network && container->network)
		network = g_hash_table_lookup(engine->networks_by_name, container->network);
	if (network && (!endpoints || endpoints->len == 0))
		berth_engine__network_event(events, network->record, action, container->id);
	pthread_mutex_unlock(&engine->lock);
}

// What is there always

static struct berth_network *new_predefined(const char *name, const char *driver)
{
	struct berth_network *record = berth_document_new(&berth_network_document);

	record->version = BERTH_NETWORK_VERSION;
	record->id = predefined_id(name);
	record->name = g_strdup(name);
	record->driver = g_strdup(driver);
	record->predefined = true;
	record->ipam_driver = g_strdup("default");
	record->pools = berth_objects_new();
	record->options = berth_map_new();
	record->labels = berth_map_new();
	return record;
}

static void set_option(struct berth_network *record, const char *name, const char *value)
{
	g_hash_table_insert(record->options, g_strdup(name), g_strdup(value));
}

static void set_bridge_options(struct berth_network *record, const struct berth_engine_network_options *options)
{
	g_autofree char *mtu =
		g_strdup_printf("%" G_GINT64_FORMAT, options->mtu ? options->mtu : (int64_t) DEFAULT_MTU);

	g_hash_table_remove_all(record->options);
	set_option(record, "com.docker.network.bridge.default_bridge", "true");
	set_option(record, "com.docker.network.bridge.enable_icc", options->no_icc ? "false" : "true");
	set_option(record, "com.docker.network.bridge.enable_ip_masquerade", options->no_masquerade ? "false" : "true");
	set_option(record, "com.docker.network.bridge.host_binding_ipv4",
		   options->host_address ? options->host_address : "0.0.0.0");
	set_option(record, "com.docker.network.driver.mtu", mtu);
}

// The pool that an address of the bridge with its prefix length stands for.
static struct berth_network_pool *pool_of(const char *address, const char *range, GError **error)
{
	struct berth_subnet subnet;
	struct berth_address host;

	if (!berth_subnet_parse(address, &subnet, &host, error))
		return NULL;
	struct berth_network_pool *pool = berth_document_new(&berth_network_pool_document);
	pool->subnet = berth_subnet_text(&subnet);
	pool->range = g_strdup(range);
	if (memcmp(&host, &subnet.address, sizeof host) != 0)
		pool->gateway = berth_address_text(&host);
	return pool;
}

static int family_of(const struct berth_network_pool *pool)
{
	return strchr(pool->subnet, ':') ? AF_INET6 : AF_INET;
}

// Puts the pool in the place of that of its family, unless it is that one. True: something has changed.
static bool replace_pool(struct berth_network *record, struct berth_network_pool *pool)
{
	for (guint i = 0; i < record->pools->len; i++) {
		struct berth_network_pool *old = record->pools->pdata[i];
		if (family_of(old) != family_of(pool))
			continue;
		bool same = g_str_equal(old->subnet, pool->subnet) &&
			    (!pool->gateway || g_strcmp0(old->gateway, pool->gateway) == 0) &&
			    g_strcmp0(old->range, pool->range) == 0;
		struct berth_network_pool *gone = same ? pool : old;
		if (!same)
			record->pools->pdata[i] = pool;
		berth_document_free(&berth_network_pool_document, gone);
		return !same;
	}
	g_ptr_array_add(record->pools, pool);
	return true;
}

// Makes the record of the default bridge what the options say. Where they say nothing, its subnet stays.
static bool shape_bridge(struct berth_network *record, const struct berth_engine_network_options *options,
			 bool *ret_changed, GError **error)
{
	struct berth_network_pool *pool = NULL;

	set_bridge_options(record, options);
	record->ipv4 = true;
	record->ipv6 = options->bridge_ipv6 || options->bridge_subnet6;
	*ret_changed = false;
	if (options->bridge_address) {
		pool = pool_of(options->bridge_address, options->bridge_range, error);
		if (!pool)
			return g_prefix_error(error, "bip: "), false;
		*ret_changed = replace_pool(record, pool);
	}
	if (options->bridge_subnet6) {
		pool = pool_of(options->bridge_subnet6, NULL, error);
		if (!pool)
			return g_prefix_error(error, "fixed-cidr-v6: "), false;
		*ret_changed = replace_pool(record, pool) || *ret_changed;
	}
	return true;
}

static bool write_record(struct berth_engine *engine, const struct berth_network *record, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	return transaction && berth_engine__network_put(transaction, record, error) &&
	       berth_transaction_commit(transaction, error);
}

static void add_to_table(struct berth_engine *engine, struct berth_network *record)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_new(record);

	pthread_mutex_lock(&engine->lock);
	berth_engine__network_add(engine, network);
	pthread_mutex_unlock(&engine->lock);
}

// `loaded` (taken) is the bridge's record of an earlier time; NULL: this is the first.
static bool open_bridge(struct berth_engine *engine, struct berth_network *loaded, GError **error)
{
	g_autoptr(berth_network) record = loaded ? loaded : new_predefined("bridge", "bridge");
	const struct berth_engine_network_options *options = &engine->options.network;
	bool known = loaded != NULL, changed;

	if (options->no_bridge)
		return true;
	if (!known)
		record->created = berth_moment_now();
	if (!shape_bridge(record, options, &changed, error) ||
	    !berth_networks_add(engine->networks, record, known && !changed, error)) {
		g_prefix_error(error,
			       "the default bridge (--bip chooses another subnet, --bridge none does without): ");
		return false;
	}
	if ((!known || changed) && !write_record(engine, record, error))
		return false;
	add_to_table(engine, g_steal_pointer(&record));
	return true;
}

// Opening

struct loading {
	struct berth_engine *engine;
	struct berth_network *bridge;
	GPtrArray *others;
	GError *error;
};

static bool load(void *data, const char *id, G_GNUC_UNUSED const char *name, const json_t *document)
{
	struct loading *loading = data;
	g_autoptr(berth_network) record = berth_document_parse(&berth_network_document, document, &loading->error);

	if (!record) {
		g_prefix_error(&loading->error, "the record of network %s: ", id);
		return false;
	}
	if (record->version > BERTH_NETWORK_VERSION)
		return berth_error_set(&loading->error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "network %s was made by a newer version of Berth (its record's version is "
				       "%" G_GINT64_FORMAT ", this one knows %d)",
				       id, record->version, BERTH_NETWORK_VERSION);
	if (record->predefined)
		loading->bridge = g_steal_pointer(&record);
	else
		g_ptr_array_add(loading->others, g_steal_pointer(&record));
	return true;
}

static bool load_records(struct loading *loading, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(loading->engine->database, error);
	GError *failure = NULL;

	if (!transaction)
		return false;
	bool loaded = berth_record_each(transaction, BERTH_RECORD_NETWORK, load, loading, &failure);
	if (loading->error) {
		g_clear_error(&failure);
		failure = g_steal_pointer(&loading->error);
	}
	if (failure)
		g_propagate_error(error, failure);
	return loaded && !failure;
}

// One network whose driver cannot be found must not keep the engine from the others.
static void add_loaded(struct berth_engine *engine, GPtrArray *others)
{
	for (guint i = 0; i < others->len; i++) {
		struct berth_network *record = others->pdata[i];
		g_autoptr(GError) error = NULL;
		if (!berth_networks_add(engine->networks, record, true, &error))
			g_warning("network %s: %s", record->name, error->message);
		add_to_table(engine, record);
	}
}

// Of several engines on one host each has tables of its own.
static char *table_name(const struct berth_engine *engine)
{
	if (g_strcmp0(engine->options.exec_root, STANDARD_EXEC_ROOT) == 0)
		return g_strdup(TABLE);
	return g_strdup_printf(TABLE "-%.8s", engine->id);
}

static bool open_networks(struct berth_engine *engine, GError **error)
{
	const struct berth_engine_network_options *options = &engine->options.network;
	g_autofree char *run = g_build_filename(engine->options.exec_root, "networks", NULL);
	g_autofree char *state = g_build_filename(engine->options.data_root, "networks", NULL);
	g_autofree char *table = table_name(engine);
	struct berth_networks_options networks = {
		.engine = engine->id,
		.run_folder = run,
		.state_folder = state,
		.pools = options->pools,
		.cni_folders = options->cni_folders,
		.cni_paths = options->cni_programs,
		.no_forwarding = options->no_forwarding,
		.firewall = {.table = table},
	};

	if (options->published_ports &&
	    !berth_publish_policy_parse(options->published_ports, &networks.firewall.publish, error))
		return false;
	engine->networks = berth_networks_new(&networks, engine->plugins, error);
	return engine->networks != NULL;
}

bool berth_engine__networks_open(struct berth_engine *engine, GError **error)
{
	struct loading loading = {engine, NULL, NULL, NULL};

	if (!open_networks(engine, error))
		return false;
	loading.others = g_ptr_array_new();
	bool loaded = load_records(&loading, error);
	if (loaded) {
		add_loaded(engine, loading.others);
		add_to_table(engine, new_predefined("host", "host"));
		add_to_table(engine, new_predefined("none", "null"));
		loaded = open_bridge(engine, g_steal_pointer(&loading.bridge), error);
	} else {
		berth_objects_free(g_steal_pointer(&loading.others), &berth_network_document);
		berth_network_free(loading.bridge);
	}
	g_clear_pointer(&loading.others, g_ptr_array_unref);
	return loaded;
}

// Closing

static bool is_used(struct berth_engine_network *network)
{
	pthread_mutex_lock(&network->operation);
	bool used = network->users > 0;
	pthread_mutex_unlock(&network->operation);
	return used;
}

// What no container is on is removed from the kernel, so that an engine that has ended leaves nothing.
void berth_engine__networks_close(struct berth_engine *engine)
{
	g_autoptr(GPtrArray) networks = berth_engine__networks(engine);
	bool keep = false;

	if (!engine->networks)
		return;
	for (guint i = 0; i < networks->len; i++) {
		struct berth_engine_network *network = networks->pdata[i];
		g_autoptr(GError) error = NULL;
		if (!berth_engine__network_is_real(network->record))
			continue;
		bool is_gateway = g_str_equal(network->record->name, "bridge") && berth_engine__gateway_wanted(engine);
		if (is_used(network) || is_gateway)
			keep = true;
		else if (!berth_network_down(engine->networks, network->record, &error))
			g_warning("network %s: %s", network->record->name, error->message);
	}
	berth_networks_free(g_steal_pointer(&engine->networks), keep);
}
