// SPDX-License-Identifier: Apache-2.0
// Records of volumes. One is written before the volume is made, and says so (`pending`) until it is; one that is being
// removed says that, and goes last. So a crash leaves nothing that the next start does not know of, and takes no
// volume with it that anybody was told of.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"

#include <fcntl.h>
#include <string.h>

#define BEING_MADE "create" // in place of a container's id

static struct berth_volume *read_record(struct berth_transaction *transaction, const char *name, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_VOLUME, name, error);
	struct berth_volume *volume = json ? berth_document_parse(&berth_volume_document, json, error) : NULL;

	if (volume && volume->version > BERTH_VOLUME_VERSION) {
		berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"volume %s was made by a newer version of Berth (its record's version is %" G_GINT64_FORMAT
			", this one knows %d)",
			name, volume->version, BERTH_VOLUME_VERSION);
		g_clear_pointer(&volume, berth_volume_free);
	}
	return volume;
}

// NULL without *error if there is none.
static struct berth_volume *find_record(struct berth_engine *engine, const char *name, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(GError) failure = NULL;
	struct berth_volume *volume = transaction ? read_record(transaction, name, &failure) : NULL;

	if (failure && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_propagate_error(error, g_steal_pointer(&failure));
	return volume;
}

struct berth_volume *berth_engine__volume_get(struct berth_engine *engine, const char *name, GError **error)
{
	GError *failure = NULL;
	g_autoptr(berth_volume) volume = find_record(engine, name, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	if (volume && !volume->pending && !volume->removing)
		return g_steal_pointer(&volume);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "get %s: no such volume", name);
	return NULL;
}

bool berth_engine__volume_put(struct berth_transaction *transaction, const struct berth_volume *volume, GError **error)
{
	return berth_record_put_document(transaction, BERTH_RECORD_VOLUME, volume->name, NULL, &berth_volume_document,
					 volume, NULL, 0, error);
}

// Writes the record, and what is told of it, in a transaction of its own.
static bool write_record(struct berth_engine *engine, const struct berth_volume *volume, const json_t *events,
			 GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction || !berth_engine__volume_put(transaction, volume, error) ||
	    (events && !berth_engine__events_put(transaction, events, error)) ||
	    !berth_transaction_commit(transaction, error))
		return false;
	if (events)
		berth_engine__events_told(engine);
	return true;
}

static bool drop_record(struct berth_engine *engine, const char *name, const json_t *events, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction || !berth_record_remove(transaction, BERTH_RECORD_VOLUME, name, error) ||
	    (events && !berth_engine__events_put(transaction, events, error)) ||
	    !berth_transaction_commit(transaction, error))
		return false;
	if (events)
		berth_engine__events_told(engine);
	return true;
}

// Making

static GHashTable *copy_map(GHashTable *map)
{
	GHashTable *copy = map ? berth_map_new() : NULL;
	GHashTableIter iter;
	void *key, *value;

	if (!map)
		return NULL;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(copy, g_strdup(key), g_strdup(value ? value : ""));
	return copy;
}

static struct berth_volume *new_volume(const struct berth_volume_wish *wish)
{
	struct berth_volume *volume = berth_document_new(&berth_volume_document);

	volume->version = BERTH_VOLUME_VERSION;
	volume->name = g_strdup(wish->name);
	volume->driver = g_strdup(wish->driver && *wish->driver ? wish->driver : "local");
	volume->created = berth_moment_now();
	volume->anonymous = wish->anonymous;
	volume->options = copy_map(wish->options);
	volume->labels = copy_map(wish->labels);
	volume->source = g_strdup(wish->source);
	volume->pending = g_strdup(wish->pending ? wish->pending : BEING_MADE);
	if (wish->anonymous) {
		if (!volume->labels)
			volume->labels = berth_map_new();
		g_hash_table_insert(volume->labels, g_strdup("com.docker.volume.anonymous"), g_strdup(""));
	}
	return volume;
}

static bool is_local(const struct berth_volume *volume)
{
	return strcmp(volume->driver, berth_volume_local.name) == 0;
}

// Has the driver make it. What of a plugin's is known to be made here is noted: it may be removed there again.
static bool let_make(struct berth_engine *engine, const struct berth_volume_driver *driver, struct berth_volume *volume,
		     const struct berth_volume_wish *wish, GError **error)
{
	if (!driver->create(engine->volumes, volume, error))
		return false;
	BERTH_FAILPOINT("volume.create.driver");
	if (is_local(volume) || volume->made)
		return !wish->pending || is_local(volume) || write_record(engine, volume, NULL, error);
	return !wish->must_be_new || berth_error_set(error, BERTH_ERROR_CONFLICT,
						     "plugin \"%s\" has a volume of that name already", volume->driver);
}

static bool make(struct berth_engine *engine, struct berth_volume *volume, const struct berth_volume_wish *wish,
		 GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	const struct berth_volume_driver *driver = berth_volume_driver_find(engine->volumes, volume->driver, error);

	if (!driver || !driver->check(engine->volumes, volume, error) || !write_record(engine, volume, NULL, error))
		return false;
	BERTH_FAILPOINT("volume.create.noted");
	if (!let_make(engine, driver, volume, wish, error)) {
		drop_record(engine, volume->name, NULL, NULL);
		return false;
	}
	if (wish->pending)
		return true;
	g_clear_pointer(&volume->pending, g_free);
	berth_engine__volume_event(events, volume->name, volume->driver, "create", NULL);
	bool written = write_record(engine, volume, events, error);
	BERTH_FAILPOINT("volume.create.recorded");
	return written;
}

static bool fits(const struct berth_volume *volume, const struct berth_volume_wish *wish, GError **error)
{
	if (volume->removing)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "volume %s is being removed", volume->name);
	if (wish->must_be_new)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "there is a volume of that name already");
	if (wish->driver && *wish->driver && strcmp(wish->driver, volume->driver) != 0)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "driver '%s' already has volume '%s': volume name must be unique",
				       volume->driver, volume->name);
	return true;
}

// A plugin's volume that was not made here, where nothing says that another one is meant.
static struct berth_volume *find_foreign(struct berth_engine *engine, const struct berth_volume_wish *wish)
{
	bool may_be = !wish->anonymous && !wish->must_be_new && !(wish->driver && *wish->driver);

	return may_be ? berth_volumes_foreign_find(engine->volumes, wish->name) : NULL;
}

// One of that name that a plugin has would not be seen any more.
static bool check_new(struct berth_engine *engine, const struct berth_volume_wish *wish, GError **error)
{
	g_autoptr(berth_volume) other =
		wish->must_be_new ? berth_volumes_foreign_find(engine->volumes, wish->name) : NULL;

	return !other || berth_error_set(error, BERTH_ERROR_CONFLICT, "plugin \"%s\" has a volume of that name already",
					 other->driver);
}

struct berth_volume *berth_engine__volume_ensure(struct berth_engine *engine, const struct berth_volume_wish *wish,
						 GError **error)
{
	GError *failure = NULL;

	if (!berth_volume_name_check(wish->name, error)) {
		g_prefix_error(error, "create %s: ", wish->name);
		return NULL;
	}
	g_autoptr(berth_volume) volume = find_record(engine, wish->name, &failure);
	g_autoptr(berth_volume) foreign = volume || failure ? NULL : find_foreign(engine, wish);
	struct berth_volume_wish completed = *wish;
	if (foreign && !(wish->driver && *wish->driver))
		completed.driver = foreign->driver;
	wish = &completed;
	bool done = !failure;
	if (volume && volume->pending && !volume->removing && !wish->pending) { // it could not be finished
		done = berth_engine__volume_remove_locked(engine, wish->name, &failure);
		g_clear_pointer(&volume, berth_volume_free);
	}
	if (done && volume) {
		done = fits(volume, wish, &failure);
	} else if (done) {
		volume = new_volume(wish);
		done = check_new(engine, wish, &failure) && make(engine, volume, wish, &failure);
	}
	if (done)
		return g_steal_pointer(&volume);
	g_propagate_prefixed_error(error, failure, "create %s: ", wish->name);
	return NULL;
}

// Removing

void berth_engine__volume_hold(struct berth_engine *engine, const char *name)
{
	pthread_mutex_lock(&engine->lock);
	size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(engine->volumes_held, name));
	g_hash_table_insert(engine->volumes_held, g_strdup(name), GSIZE_TO_POINTER(count + 1));
	pthread_mutex_unlock(&engine->lock);
}

void berth_engine__volume_let_go(struct berth_engine *engine, const char *name)
{
	pthread_mutex_lock(&engine->lock);
	size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(engine->volumes_held, name));
	if (count > 1)
		g_hash_table_insert(engine->volumes_held, g_strdup(name), GSIZE_TO_POINTER(count - 1));
	else
		g_hash_table_remove(engine->volumes_held, name);
	pthread_mutex_unlock(&engine->lock);
}

static bool is_held(struct berth_engine *engine, const char *name)
{
	pthread_mutex_lock(&engine->lock);
	bool held = g_hash_table_contains(engine->volumes_held, name);
	pthread_mutex_unlock(&engine->lock);
	return held;
}

// "container 1f2e…" is how the database names who refers to a volume.
static bool check_unused(struct berth_engine *engine, struct berth_transaction *transaction, const char *name,
			 GError **error)
{
	g_auto(GStrv) users = berth_record_users(transaction, BERTH_RECORD_VOLUME, name, error);
	g_autoptr(GString) ids = g_string_new(NULL);

	if (!users)
		return false;
	for (char **user = users; *user; user++) {
		const char *space = strchr(*user, ' ');
		g_string_append_printf(ids, "%s%s", ids->len ? ", " : "", space ? space + 1 : *user);
	}
	if (!ids->len && is_held(engine, name))
		g_string_append(ids, "another request");
	return !ids->len || berth_error_set(error, BERTH_ERROR_CONFLICT, "volume is in use - [%s]", ids->str);
}

// *ret is NULL without *error if there is none.
static bool mark(struct berth_engine *engine, const char *name, struct berth_volume **ret, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(GError) failure = NULL;

	*ret = NULL;
	if (!transaction)
		return false;
	g_autoptr(berth_volume) volume = read_record(transaction, name, &failure);
	if (!volume && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	if (!volume) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	volume->removing = true;
	if (!check_unused(engine, transaction, name, error) || !berth_engine__volume_put(transaction, volume, error) ||
	    !berth_transaction_commit(transaction, error))
		return false;
	*ret = g_steal_pointer(&volume);
	return true;
}

// A driver that refused has it still. Of the local one's, what was begun cannot be taken back.
static void unmark(struct berth_engine *engine, struct berth_volume *volume)
{
	if (is_local(volume)) {
		berth_fd folder = berth_volume_local_folder(engine->volumes, volume->name, NULL);
		if (folder < 0)
			return;
	}
	volume->removing = false;
	write_record(engine, volume, NULL, NULL);
}

// One whose making was interrupted may be another's that its plugin had before: the record goes, and what the plugin
// has is found there.
static bool is_ours(const struct berth_volume *volume)
{
	return !volume->pending || is_local(volume) || volume->made || volume->anonymous;
}

bool berth_engine__volume_remove_locked(struct berth_engine *engine, const char *name, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(berth_volume) volume = NULL;

	if (!mark(engine, name, &volume, error))
		return false;
	if (!volume)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such volume");
	BERTH_FAILPOINT("volume.remove.marked");
	const struct berth_volume_driver *driver = NULL;
	if (is_ours(volume) && (!(driver = berth_volume_driver_find(engine->volumes, volume->driver, error)) ||
				!driver->remove(engine->volumes, volume, error))) {
		unmark(engine, volume);
		return false;
	}
	BERTH_FAILPOINT("volume.remove.driver");
	if (!volume->pending) // else nobody was told of it
		berth_engine__volume_event(events, name, volume->driver, "destroy", NULL);
	bool dropped = drop_record(engine, name, volume->pending ? NULL : events, error);
	BERTH_FAILPOINT("volume.remove.recorded");
	return dropped;
}

void berth_engine__volume_undo_locked(struct berth_engine *engine, const char *name, const char *id)
{
	g_autoptr(berth_volume) volume = find_record(engine, name, NULL);

	if (volume && g_strcmp0(volume->pending, id) == 0)
		berth_engine__volume_remove_locked(engine, name, NULL);
}

bool berth_engine__volume_forget(struct berth_engine *engine, const char *name, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(berth_volume) volume = NULL;

	if (!mark(engine, name, &volume, error))
		return false;
	if (!volume)
		return true;
	berth_engine__volume_event(events, name, volume->driver, "destroy", NULL);
	return drop_record(engine, name, events, error);
}

// Places

void berth_volume_place_clear(struct berth_volume_place *place)
{
	if (place->work != place->data)
		berth_fd_clear(&place->work);
	berth_fd_clear(&place->data);
	place->work = -1;
}

bool berth_engine__volume_open(struct berth_engine *engine, const struct berth_volume *volume, const char *id,
			       struct berth_volume_place *ret, GError **error)
{
	const struct berth_volume_driver *driver = berth_volume_driver_find(engine->volumes, volume->driver, error);
	g_autofree char *path = NULL;

	*ret = (struct berth_volume_place){-1, -1};
	if (!driver || !berth_volume_mount(engine->volumes, volume, id, &path, error))
		return false;
	ret->data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->data < 0)
		return berth_error_set_errno(error, errno, "volume %s: open %s", volume->name, path);
	bool plain = driver == &berth_volume_local && !driver->counted(volume);
	ret->work = plain ? berth_volume_local_folder(engine->volumes, volume->name, error) : ret->data;
	if (ret->work < 0)
		berth_fd_clear(&ret->data);
	return ret->work >= 0;
}

// Recovery

static bool take_record(void *data, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED const char *name,
			const json_t *document)
{
	struct berth_volume *volume = berth_document_parse(&berth_volume_document, document, NULL);

	if (volume)
		g_ptr_array_add(data, volume);
	return true;
}

static bool recover_one(struct berth_engine *engine, const struct berth_volume *volume, GError **error)
{
	struct berth_volume_place place;
	bool plain = is_local(volume) && !berth_volume_local.counted(volume);

	if (volume->removing || volume->pending)
		return berth_engine__volume_remove_locked(engine, volume->name, error);
	if (!plain)
		return true;
	bool done = berth_engine__volume_open(engine, volume, "", &place, error) &&
		    berth_volume_fill_recover(place.work, place.data, error);
	berth_volume_place_clear(&place);
	return done;
}

bool berth_engine__volumes_recover(struct berth_engine *engine, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify) berth_volume_free);
	g_auto(GStrv) users = berth_volumes_users(engine->volumes);

	berth_transaction *transaction = berth_transaction_begin(engine->database, error);
	bool read = transaction && berth_record_each(transaction, BERTH_RECORD_VOLUME, take_record, all, error);
	berth_transaction_free(transaction);
	if (!read)
		return false;
	// Nobody else is there yet. What fails is tried again at the next start.
	for (guint i = 0; i < all->len; i++) {
		const struct berth_volume *volume = all->pdata[i];
		g_autoptr(GError) failure = NULL;
		if (!recover_one(engine, volume, &failure))
			g_warning("volume %s: finding it again: %s", volume->name, failure->message);
	}
	for (char **id = users; *id; id++) {
		g_autoptr(GError) failure = NULL;
		if (!g_hash_table_contains(engine->by_id, *id) &&
		    !berth_volumes_release(engine->volumes, *id, &failure))
			g_warning("volumes of container %s, which is not there: %s", *id, failure->message);
	}
	return true;
}
