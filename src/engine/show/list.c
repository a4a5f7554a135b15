// SPDX-License-Identifier: Apache-2.0
// The list of containers and its filters.
#include "engine/life/health.h"

#include "base/error.h"
#include "base/moment.h"
#include "engine/network/ports.h"
#include "engine/network/run-network.h"
#include "spec/api-container.h"

#include <string.h>

static const char *const statuses[] = {
	BERTH_STATUS_CREATED,  BERTH_STATUS_RESTARTING, BERTH_STATUS_RUNNING, BERTH_STATUS_PAUSED,
	BERTH_STATUS_REMOVING, BERTH_STATUS_EXITED,     BERTH_STATUS_DEAD,    NULL};

// What a list is made of; its filters are read once.
struct list {
	struct berth_engine *engine;
	GHashTable *filters;
	bool all, brief;
	int64_t now, until; // until when the texts are as they are now
	int64_t before, since; // when the containers named were made
	GHashTable *ancestors; // set of image ids; NULL: any
	GPtrArray *names; // of GRegex; NULL: any
	GArray *exit_codes; // of int64_t; NULL: any
	GHashTable *image_ids, *image_sizes; // by name as the user gave it, and by id; looked up once
};

static void list_clear(struct list *list)
{
	g_clear_pointer(&list->ancestors, g_hash_table_unref);
	g_clear_pointer(&list->names, g_ptr_array_unref);
	g_clear_pointer(&list->exit_codes, g_array_unref);
	g_clear_pointer(&list->image_ids, g_hash_table_unref);
	g_clear_pointer(&list->image_sizes, g_hash_table_unref);
}

// before and since name a container.
static bool read_moment(struct list *list, const char *filter, int64_t *ret, GError **error)
{
	char *const *values = berth_engine__filter(list->filters, filter);

	if (!values)
		return true;
	g_autoptr(berth_engine_container) container = berth_engine__find(list->engine, values[0], error);
	if (!container)
		return false;
	*ret = container->record->created;
	return true;
}

static bool read_names(struct list *list, GError **error)
{
	char *const *values = berth_engine__filter(list->filters, "name");

	if (values)
		list->names = g_ptr_array_new_with_free_func((GDestroyNotify) g_regex_unref);
	for (; values && *values; values++) {
		GError *failure = NULL;
		GRegex *regex = g_regex_new(*values, 0, 0, &failure);
		if (!regex) {
			berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'name=%s': %s", *values,
					failure->message);
			g_error_free(failure);
			return false;
		}
		g_ptr_array_add(list->names, regex);
	}
	return true;
}

static bool read_exit_codes(struct list *list, GError **error)
{
	char *const *values = berth_engine__filter(list->filters, "exited");

	if (values)
		list->exit_codes = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (; values && *values; values++) {
		int64_t code;
		if (!g_ascii_string_to_signed(*values, 10, G_MININT, G_MAXINT, &code, NULL))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'exited=%s'", *values);
		g_array_append_val(list->exit_codes, code);
	}
	return true;
}

static bool read_statuses(struct list *list, GError **error)
{
	char *const *values = berth_engine__filter(list->filters, "status");

	list->all = list->all || values;
	for (; values && *values; values++)
		if (!g_strv_contains(statuses, *values))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'status=%s'", *values);
	return true;
}

// "80", "80/tcp" or "80-90/tcp".
static bool check_ports(struct list *list, const char *filter, GError **error)
{
	char *const *values = berth_engine__filter(list->filters, filter);
	struct berth_port range;

	for (; values && *values; values++)
		if (!berth_port_parse(*values, &range, NULL))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid filter '%s=%s': is not <port>[-<port>][/tcp|udp|sctp]", filter,
					       *values);
	return true;
}

static void read_ancestors(struct list *list)
{
	char *const *values = berth_engine__filter(list->filters, "ancestor");

	if (values)
		list->ancestors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; values && *values; values++) {
		char *id = berth_images_resolve(list->engine->images, *values, NULL);
		if (id)
			g_hash_table_add(list->ancestors, id);
	}
}

static bool list_begin(struct list *list, GError **error)
{
	static const char *const known[] = {"ancestor", "before",    "exited", "expose", "health", "id",
					    "is-task",  "isolation", "label",  "label!", "name",   "network",
					    "publish",  "since",     "status", "volume", NULL};

	list->image_ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	list->image_sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	read_ancestors(list);
	return berth_filters_check(list->filters, known, error) && read_moment(list, "before", &list->before, error) &&
	       read_moment(list, "since", &list->since, error) && read_names(list, error) &&
	       read_exit_codes(list, error) && read_statuses(list, error) && check_ports(list, "publish", error) &&
	       check_ports(list, "expose", error);
}

// Filters. All of these run under engine->lock.

static bool name_passes(const struct list *list, const struct berth_container_record *record)
{
	g_autofree char *slashed = g_strconcat("/", record->name, NULL);

	for (guint i = 0; list->names && i < list->names->len; i++)
		if (g_regex_match(list->names->pdata[i], record->name, 0, NULL) ||
		    g_regex_match(list->names->pdata[i], slashed, 0, NULL))
			return true;
	return !list->names;
}

static bool exit_code_passes(const struct list *list, const struct berth_container_state *state)
{
	if (!list->exit_codes)
		return true;
	if (state->started_at == 0 || state->pid != 0)
		return false;
	for (guint i = 0; i < list->exit_codes->len; i++)
		if (g_array_index(list->exit_codes, int64_t, i) == state->exit_code)
			return true;
	return false;
}

static bool id_passes(char *const *values, const char *id)
{
	for (char *const *value = values; value && *value; value++)
		if (g_str_has_prefix(id, *value))
			return true;
	return !values;
}

// By the volume's name, the path on the host, or the one in the container.
static bool volume_passes(char *const *values, const struct berth_container_record *record)
{
	for (char *const *value = values; value && *value; value++)
		for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
			const struct berth_container_mount *mount = record->mounts->pdata[i];
			if (g_strcmp0(mount->name, *value) == 0 || g_strcmp0(mount->source, *value) == 0 ||
			    g_strcmp0(mount->destination, *value) == 0)
				return true;
		}
	return !values;
}

// By the network's name or id.
static bool network_passes(char *const *values, const struct berth_container_record *record)
{
	for (char *const *value = values; value && *value; value++)
		for (guint i = 0; record->endpoints && i < record->endpoints->len; i++) {
			const struct berth_container_endpoint *endpoint = record->endpoints->pdata[i];
			if (g_str_equal(endpoint->network_name, *value) || g_strcmp0(endpoint->network, *value) == 0)
				return true;
		}
	return !values;
}

static bool in_range(const struct berth_port *range, int protocol, int64_t port)
{
	return protocol == range->protocol && port >= range->first && port <= range->last;
}

// A port of the host that leads to the container.
static bool publish_passes(char *const *values, const struct berth_engine_container *container)
{
	const GPtrArray *ports = container->network ? container->network->ports : NULL;

	for (char *const *value = values; value && *value; value++)
		for (guint i = 0; ports && i < ports->len; i++) {
			const struct berth_run_port *port = ports->pdata[i];
			struct berth_port range;
			if (berth_port_parse(*value, &range, NULL) &&
			    in_range(&range, berth_port_protocol_of(port->protocol), port->host_port))
				return true;
		}
	return !values;
}

// A port of the container that the image or the user exposes.
static bool expose_passes(char *const *values, char *const *exposed)
{
	for (char *const *value = values; value && *value; value++)
		for (char *const *port = exposed; port && *port; port++) {
			struct berth_port range, own;
			if (berth_port_parse(*value, &range, NULL) && berth_port_parse(*port, &own, NULL) &&
			    in_range(&range, own.protocol, own.first))
				return true;
		}
	return !values;
}

// The filters that ask whether something has one of the given values.
static bool one_of(GHashTable *filters, const char *name, const char *value)
{
	char *const *values = berth_engine__filter(filters, name);

	return !values || g_strv_contains((const char *const *) values, value);
}

static bool is_task_passes(GHashTable *filters)
{
	char *const *values = berth_engine__filter(filters, "is-task");

	return !values || (strcmp(values[0], "true") != 0 && strcmp(values[0], "1") != 0);
}

static bool passes(const struct list *list, const struct berth_engine_container *container)
{
	const struct berth_container_record *record = container->record;
	GHashTable *filters = list->filters;

	if (!list->all && !berth_engine__is_up(container) &&
	    !berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
		return false;
	if ((list->before && record->created >= list->before) || (list->since && record->created <= list->since))
		return false;
	if (!filters)
		return true;
	return name_passes(list, record) && exit_code_passes(list, record->state) &&
	       (!list->ancestors || g_hash_table_contains(list->ancestors, record->image)) &&
	       id_passes(berth_engine__filter(filters, "id"), record->id) &&
	       one_of(filters, "status", record->state->status) &&
	       network_passes(berth_engine__filter(filters, "network"), record) &&
	       one_of(filters, "health", berth_engine__health_name(container)) && is_task_passes(filters) &&
	       publish_passes(berth_engine__filter(filters, "publish"), container) &&
	       expose_passes(berth_engine__filter(filters, "expose"), record->config->exposed_ports) &&
	       volume_passes(berth_engine__filter(filters, "volume"), record) &&
	       berth_engine__labels_pass(filters, record->config->labels);
}

// Summaries

static GHashTable *copy_map(GHashTable *map)
{
	GHashTable *copy = berth_map_new();
	GHashTableIter iter;
	void *key, *value;

	if (!map)
		return copy;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(copy, g_strdup(key), g_strdup(value));
	return copy;
}

// Under engine->lock.
static void summarise_more(struct api_container_summary *summary, const struct berth_engine_container *container)
{
	const struct berth_container_record *record = container->record;

	summary->labels = copy_map(record->config->labels);
	summary->host_config = berth_document_new(&api_host_config_summary_document);
	summary->host_config->network_mode = g_strdup(record->host_config->network_mode);
	if (record->host_config->annotations)
		summary->host_config->annotations = copy_map(record->host_config->annotations);
	summary->network_settings = berth_document_new(&api_network_settings_summary_document);
	summary->network_settings->networks = berth_engine__endpoints(container);
	summary->mounts = berth_engine__mount_points(record);
}

// Under engine->lock.
static struct api_container_summary *summarise(struct list *list, const struct berth_engine_container *container)
{
	const struct berth_container_record *record = container->record;
	struct api_container_summary *summary = berth_document_new(&api_container_summary_document);
	g_autofree char *name = g_strconcat("/", record->name, NULL);

	summary->id = g_strdup(record->id);
	summary->names = g_strsplit(name, "\n", 1);
	summary->image = g_strdup(record->config->image);
	summary->image_id = g_strdup(record->image);
	summary->command = berth_engine__command_text(record->config);
	summary->created = record->created / 1000000000;
	summary->ports = berth_engine__port_summaries(container);
	summary->state = g_strdup(record->state->status);
	summary->status = berth_engine__status_text(record->state, container->health ? container->health->status : NULL,
						    list->now);
	list->until = MIN(list->until, berth_engine__status_until(record->state, list->now));
	if (!list->brief)
		summarise_more(summary, container);
	return summary;
}

// What the image's name stands for now: once it stands for another image, the id is shown.
static const char *image_of_name(struct list *list, const char *name)
{
	if (!g_hash_table_contains(list->image_ids, name))
		g_hash_table_insert(list->image_ids, g_strdup(name),
				    berth_images_resolve(list->engine->images, name, NULL));
	return g_hash_table_lookup(list->image_ids, name);
}

static int64_t image_size(struct list *list, const char *id)
{
	int64_t *size = g_hash_table_lookup(list->image_sizes, id);

	if (!size) {
		g_autoptr(api_image_inspect) image = berth_images_inspect(list->engine->images, id, NULL);
		size = g_new0(int64_t, 1);
		*size = image ? image->size : 0;
		g_hash_table_insert(list->image_sizes, g_strdup(id), size);
	}
	return *size;
}

static void complete(struct list *list, struct api_container_summary *summary, bool size)
{
	if (g_strcmp0(image_of_name(list, summary->image), summary->image_id) != 0) {
		g_free(summary->image);
		summary->image = g_strdup(summary->image_id);
	}
	struct berth_usage usage;
	if (!size || !berth_snapshot_usage(list->engine->snapshots, summary->id, &usage, NULL))
		return;
	summary->size_rw = usage.bytes;
	summary->size_root_fs = usage.bytes + image_size(list, summary->image_id);
}

GPtrArray *berth_engine_container_list(struct berth_engine *engine, const struct berth_list_query *query,
				       GError **error)
{
	__attribute__((cleanup(list_clear))) struct list list = {
		.engine = engine,
		.filters = query->filters,
		.all = query->all || query->limit > 0,
		.brief = query->brief,
		.now = berth_moment_now(),
		.until = G_MAXINT64,
	};

	if (!list_begin(&list, error))
		return NULL;
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);
	GPtrArray *summaries = g_ptr_array_new();
	for (guint i = 0; i < containers->len; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		if (query->limit > 0 && summaries->len >= query->limit)
			break;
		pthread_mutex_lock(&engine->lock);
		struct api_container_summary *summary =
			!container->removed && passes(&list, container) ? summarise(&list, container) : NULL;
		pthread_mutex_unlock(&engine->lock);
		if (!summary)
			continue;
		complete(&list, summary, query->size);
		g_ptr_array_add(summaries, summary);
	}
	if (query->ret_until)
		*query->ret_until = list.until;
	return summaries;
}
