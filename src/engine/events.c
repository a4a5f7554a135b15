// SPDX-License-Identifier: Apache-2.0
// Events are rows of the database, written in the transaction of the change that they tell of, and read from there by
// whoever listens: nothing is lost between two reads, nor when the engine restarts.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "spec/api-system.h"

#include <stdarg.h>
#include <string.h>

static char *copy(const char *text)
{
	return g_strdup(text ? text : "");
}

// What Docker's attributes of a container's event are: its labels, image and name, and what the action adds.
static GHashTable *container_attributes(const struct berth_container_record *record, va_list more)
{
	GHashTable *attributes = berth_map_new();
	GHashTableIter iter;
	void *key, *value;
	const char *name;

	if (record->config->labels) {
		g_hash_table_iter_init(&iter, record->config->labels);
		while (g_hash_table_iter_next(&iter, &key, &value))
			g_hash_table_insert(attributes, g_strdup(key), copy(value));
	}
	g_hash_table_insert(attributes, g_strdup("image"), copy(record->config->image));
	g_hash_table_insert(attributes, g_strdup("name"), copy(record->name));
	while ((name = va_arg(more, const char *)))
		g_hash_table_insert(attributes, g_strdup(name), copy(va_arg(more, const char *)));
	return attributes;
}

static struct api_event *new_event(const char *type, const char *action, const char *id, GHashTable *attributes)
{
	struct api_event *event = berth_document_new(&api_event_document);

	event->time_nano = berth_moment_now();
	event->time = event->time_nano / 1000000000;
	event->type = g_strdup(type);
	event->action = g_strdup(action);
	event->status = g_strdup(action);
	event->id = g_strdup(id);
	event->scope = g_strdup("local");
	event->actor = berth_document_new(&api_event_actor_document);
	event->actor->id = g_strdup(id);
	event->actor->attributes = attributes;
	return event;
}

static void add_container_event(json_t *events, const struct berth_engine_container *container, const char *action,
				va_list more)
{
	GHashTable *attributes = container_attributes(container->record, more);
	g_autoptr(api_event) event = new_event("container", action, container->id, attributes);
	event->from = copy(container->record->config->image);
	json_array_append_new(events, berth_document_print(&api_event_document, event, 0));
}

void berth_engine__event_add(json_t *events, const struct berth_engine_container *container, const char *action, ...)
{
	va_list more;

	va_start(more, action);
	add_container_event(events, container, action, more);
	va_end(more);
}

bool berth_engine__tell_container(struct berth_engine *engine, const struct berth_engine_container *container,
				  GError **error, const char *action, ...)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	va_list more;

	va_start(more, action);
	pthread_mutex_lock(&engine->lock);
	add_container_event(events, container, action, more);
	pthread_mutex_unlock(&engine->lock);
	va_end(more);
	return berth_engine__tell(engine, events, error);
}

void berth_engine__volume_event(json_t *events, const char *name, const char *driver, const char *action, ...)
{
	GHashTable *attributes = berth_map_new();
	const char *attribute;
	va_list more;

	if (driver)
		g_hash_table_insert(attributes, g_strdup("driver"), g_strdup(driver));
	va_start(more, action);
	while ((attribute = va_arg(more, const char *)))
		g_hash_table_insert(attributes, g_strdup(attribute), copy(va_arg(more, const char *)));
	va_end(more);
	g_autoptr(api_event) event = new_event("volume", action, name, attributes);
	g_clear_pointer(&event->status, g_free); // these are of containers and images
	g_clear_pointer(&event->id, g_free);
	json_array_append_new(events, berth_document_print(&api_event_document, event, 0));
}

void berth_engine__event_add_of(json_t *events, const char *type, const char *action, const char *id,
				GHashTable *attributes)
{
	g_autoptr(api_event) event = new_event(type, action, id, attributes);

	// Docker has these for containers and images alone.
	g_clear_pointer(&event->status, g_free);
	g_clear_pointer(&event->id, g_free);
	json_array_append_new(events, berth_document_print(&api_event_document, event, 0));
}

bool berth_engine__events_put(struct berth_transaction *transaction, const json_t *events, GError **error)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		int64_t time = json_integer_value(json_object_get(event, "timeNano"));
		if (!berth_event_put(transaction, time, event, error))
			return false;
	}
	return true;
}

void berth_engine__events_told(struct berth_engine *engine)
{
	berth_engine__note_change(engine);
	pthread_mutex_lock(&engine->events_lock);
	engine->event_count++;
	pthread_cond_broadcast(&engine->events_told);
	pthread_mutex_unlock(&engine->events_lock);
}

bool berth_engine__tell(struct berth_engine *engine, const json_t *events, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction || !berth_engine__events_put(transaction, events, error) ||
	    !berth_transaction_commit(transaction, error))
		return false;
	berth_engine__events_told(engine);
	return true;
}

bool berth_engine_tell_prune(struct berth_engine *engine, const char *type, int64_t reclaimed, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	GHashTable *attributes = berth_map_new();

	g_hash_table_insert(attributes, g_strdup("reclaimed"), g_strdup_printf("%" G_GINT64_FORMAT, reclaimed));
	berth_engine__event_add_of(events, type, "prune", "", attributes);
	return berth_engine__tell(engine, events, error);
}

// Called inside the transaction: a listener that wakes before it is committed waits for the database.
bool berth_engine__image_changed(void *data, struct berth_transaction *transaction, const char *action,
				 const char *image_id, const char *name, GError **error)
{
	GHashTable *attributes = berth_map_new();
	const char *id = image_id;
	g_autofree char *repository = NULL;

	// With registries Docker tells of names: the actor is the whole one, its attribute the repository.
	if (name && (g_str_equal(action, "pull") || g_str_equal(action, "push"))) {
		const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
		repository = g_strndup(name, (gsize) (last - name) + strcspn(last, ":@"));
		id = name;
		name = repository;
	}
	g_hash_table_insert(attributes, g_strdup("name"), copy(name ? name : image_id));
	g_autoptr(api_event) event = new_event("image", action, id, attributes);
	BERTH_AUTO_JSON json_t *json = berth_document_print(&api_event_document, event, 0);
	if (!berth_event_put(transaction, event->time_nano, json, error))
		return false;
	berth_engine__events_told(data);
	return true;
}

// Filters

static bool any(char *const *values, const char *text, bool prefix)
{
	for (; *values; values++)
		if (text && (prefix ? g_str_has_prefix(text, *values) : strcmp(text, *values) == 0))
			return true;
	return false;
}

static const char *attribute(const struct api_event *event, const char *name)
{
	return event->actor && event->actor->attributes ? g_hash_table_lookup(event->actor->attributes, name) : NULL;
}

// An image by its id or name, with or without its tag.
static bool image_passes(const struct api_event *event, char *const *values)
{
	bool of_image = g_strcmp0(event->type, "image") == 0;
	const char *name = attribute(event, of_image ? "name" : "image");

	if (any(values, name, false) || (of_image && any(values, event->actor->id, false)))
		return true;
	const char *colon = name ? strrchr(name, ':') : NULL;
	if (!colon || strchr(colon, '/'))
		return false;
	g_autofree char *bare = g_strndup(name, (gsize) (colon - name));
	return any(values, bare, false);
}

// Actions that tell a command or a status behind a colon are also filtered by what stands before it, as in Docker.
static bool action_passes(const char *action, char *const *values)
{
	static const char *const compound[] = {"health_status", "exec_create", "exec_start", NULL};
	bool prefix = false;

	for (char *const *value = values; *value; value++)
		prefix = prefix || g_strv_contains(compound, *value);
	return any(values, action, prefix);
}

// Filters on kinds of objects: by the beginning of the id or the name, as in Docker.
static bool object_passes(const struct api_event *event, const char *type, char *const *values)
{
	return g_strcmp0(event->type, type) == 0 && event->actor &&
	       (any(values, event->actor->id, true) || any(values, attribute(event, "name"), true));
}

bool berth_engine__event_passes(const struct api_event *event, GHashTable *filters)
{
	static const char *const types[] = {"config", "container", "daemon",  "network", "node",
					    "plugin", "secret",    "service", "volume"};
	char *const *values;

	if (!filters)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if ((values = berth_engine__filter(filters, types[i])) && !object_passes(event, types[i], values))
			return false;
	if ((values = berth_engine__filter(filters, "image")) && !image_passes(event, values))
		return false;
	if ((values = berth_engine__filter(filters, "event")) && !action_passes(event->action, values))
		return false;
	if ((values = berth_engine__filter(filters, "type")) && !any(values, event->type, false))
		return false;
	if ((values = berth_engine__filter(filters, "scope")) && !any(values, event->scope, false))
		return false;
	return berth_engine__labels_pass(filters, event->actor ? event->actor->attributes : NULL);
}

// Listening

struct listener {
	struct berth_engine *engine;
	int64_t after; // the last row that was read
	int64_t since, until;
	GHashTable *filters;
	GPtrArray *rows; // of json_t
};

static bool take_row(void *data, int64_t id, const json_t *event)
{
	struct listener *listener = data;

	listener->after = id;
	g_ptr_array_add(listener->rows, json_incref((json_t *) event));
	return true;
}

static bool read_rows(struct listener *listener, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(listener->engine->database, error);

	return transaction &&
	       berth_event_each(transaction, listener->after, listener->since, take_row, listener, error);
}

// Passes on what was read. False: the caller does not want more.
static bool pass_on(struct listener *listener, berth_event_stream_fn *each, void *data)
{
	bool wanted = true;

	for (guint i = 0; wanted && i < listener->rows->len; i++) {
		g_autoptr(api_event) event = berth_document_parse(&api_event_document, listener->rows->pdata[i], NULL);
		if (!event || !berth_engine__event_passes(event, listener->filters) ||
		    (listener->until != 0 && event->time_nano > listener->until))
			continue;
		wanted = each(data, event);
	}
	g_ptr_array_set_size(listener->rows, 0);
	return wanted;
}

// Waits until more was told than `seen`, at most a second. False: the engine closes.
static bool wait_for_events(struct berth_engine *engine, uint64_t seen, int64_t until)
{
	int64_t deadline = g_get_monotonic_time() + G_USEC_PER_SEC;

	if (until != 0)
		deadline = MIN(deadline, g_get_monotonic_time() + berth_moment_left(until) / 1000 + 1000);
	pthread_mutex_lock(&engine->events_lock);
	while (engine->event_count == seen &&
	       berth_engine__cond_wait(&engine->events_told, &engine->events_lock, deadline))
		;
	pthread_mutex_unlock(&engine->events_lock);
	pthread_mutex_lock(&engine->lock);
	bool closing = engine->closing;
	pthread_mutex_unlock(&engine->lock);
	return !closing;
}

static uint64_t count_listener(struct berth_engine *engine, int by)
{
	pthread_mutex_lock(&engine->events_lock);
	engine->event_listeners += (unsigned) by;
	uint64_t count = engine->event_count;
	pthread_mutex_unlock(&engine->events_lock);
	return count;
}

static bool listen_to(struct listener *listener, berth_event_stream_fn *each, void *data, GError **error)
{
	struct berth_engine *engine = listener->engine;

	for (;;) {
		uint64_t seen = count_listener(engine, 0);
		bool over = listener->until != 0 && berth_moment_now() > listener->until;
		if (!read_rows(listener, error))
			return false;
		if (!pass_on(listener, each, data) || over || !each(data, NULL))
			return true;
		if (!wait_for_events(engine, seen, listener->until))
			return berth_error_set(error, BERTH_ERROR_CANCELED, "events: the engine is closing");
	}
}

bool berth_engine_events(struct berth_engine *engine, int64_t since, int64_t until, GHashTable *filters,
			 berth_event_stream_fn *each, void *data, GError **error)
{
	static const char *const known[] = {"config", "container", "daemon", "event",  "image",
					    "label",  "network",   "node",   "plugin", "scope",
					    "secret", "service",   "type",   "volume", NULL};
	struct listener listener = {engine, 0, since, until, filters, NULL};

	if (!berth_filters_check(filters, known, error))
		return false;
	listener.rows = g_ptr_array_new_with_free_func((GDestroyNotify) json_decref);
	count_listener(engine, 1);
	bool fine = true;
	if (since == 0) { // only new ones: what came in the last second is passed over
		listener.since = berth_moment_now() - 1000000000;
		fine = read_rows(&listener, error);
		g_ptr_array_set_size(listener.rows, 0);
	}
	fine = fine && listen_to(&listener, each, data, error);
	count_listener(engine, -1);
	g_ptr_array_unref(listener.rows);
	return fine;
}
