// SPDX-License-Identifier: Apache-2.0
// Volumes come and go as tar archives, and are cloned, while containers may be using them. Everything is opened beneath
// a descriptor of the volume's folder, and no link is followed: what is exchanged for a link in the middle is found to
// be one, and is copied as such or left out, and what an archive says of a file is what was open when it was read.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree-tar.h"
#include "image/unpack.h"
#include "store/tree.h"

#include <string.h>

#define EXPORT_ID "export" // stand for containers where volumes are counted
#define IMPORT_ID "import"
#define CLONE_ID "clone"
#define RESERVED ".berth-" // names in a volume that is a file system of its own: fill.c

static bool export_folder(int data, berth_volume_write_fn *write, void *user, GError **error)
{
	const struct berth_tree_tar options = {
		.write = write, .data = user, .dot = true, .reserved = RESERVED, .trusted = true};

	return berth_tree_tar_write(&options, data, ".", error);
}

// Opens a volume for as long as a copy takes; `id` stands for a container. It is held, so it cannot be removed.
static bool open_held(struct berth_engine *engine, const char *name, const char *id, struct berth_volume **ret,
		      struct berth_volume_place *place, GError **error)
{
	berth_volume_lock(engine->volumes, name);
	*ret = berth_engine__volume_get(engine, name, error);
	bool opened = *ret && berth_engine__volume_open(engine, *ret, id, place, error) &&
		      berth_volume_fill_recover(place->work, place->data, error);
	if (opened)
		berth_engine__volume_hold(engine, name);
	berth_volume_unlock(engine->volumes, name);
	if (!opened) {
		berth_volume_place_clear(place);
		berth_volumes_release(engine->volumes, id, NULL);
	}
	return opened;
}

static void close_held(struct berth_engine *engine, const char *name, const char *id, struct berth_volume_place *place)
{
	g_autoptr(GError) error = NULL;

	berth_volume_place_clear(place);
	berth_engine__volume_let_go(engine, name);
	if (!berth_volumes_release(engine->volumes, id, &error))
		g_warning("volume %s: %s", name, error->message);
}

// Of one copy among several at once.
static char *new_id(const char *kind)
{
	g_autofree char *number = g_uuid_string_random();

	return g_strdup_printf("%s-%s", kind, number);
}

bool berth_engine_volume_export(struct berth_engine *engine, const char *name, berth_volume_write_fn *write, void *data,
				GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(EXPORT_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (!open_held(engine, name, id, &volume, &place, error))
		return false;
	bool done = export_folder(place.data, write, data, error);
	close_held(engine, name, id, &place);
	if (!done)
		g_prefix_error(error, "export volume %s: ", name);
	return done;
}

static bool import_into(const struct berth_volume_place *place, int fd, GError **error)
{
	bool empty;

	if (!berth_volume_is_empty(place->data, &empty, error))
		return false;
	if (!empty) {
		if (berth_tree_unpack(berth_source_of_fd(fd), place->data, error))
			return true;
		g_prefix_error(error, "it was not empty, and what came before this is in it: ");
		return false;
	}
	berth_fd new = berth_volume_fill_begin(place->work, error);
	if (new < 0)
		return false;
	// What the archive does not say is as it is.
	bool done = berth_tree_copy_attributes(place->data, new, error) &&
		    berth_tree_unpack(berth_source_of_fd(fd), new, error);
	if (!done)
		berth_volume_fill_cancel(place->work);
	return done && berth_volume_fill_finish(place->work, place->data, error);
}

bool berth_engine_volume_import(struct berth_engine *engine, const char *name, int fd, GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(IMPORT_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (!open_held(engine, name, id, &volume, &place, error))
		return false;
	berth_volume_lock(engine->volumes, name);
	bool done = import_into(&place, fd, error);
	berth_volume_unlock(engine->volumes, name);
	close_held(engine, name, id, &place);
	if (!done)
		g_prefix_error(error, "import into volume %s: ", name);
	return done;
}

// The new volume is there when the copy is whole.
static bool tell_clone(struct berth_engine *engine, struct berth_volume *volume, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	g_clear_pointer(&volume->pending, g_free);
	berth_engine__volume_event(events, volume->name, volume->driver, "create", NULL);
	if (!transaction || !berth_engine__volume_put(transaction, volume, error) ||
	    !berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	berth_engine__events_told(engine);
	return true;
}

// The caller has locked the new one.
static bool copy_to(struct berth_engine *engine, const struct berth_volume *source, int from, const char *to,
		    const char *id, GError **error)
{
	struct berth_volume_place place = {-1, -1};
	const struct berth_volume_wish wish = {
		.name = to,
		.driver = source->driver,
		.options = source->options,
		.labels = source->anonymous ? NULL : source->labels,
		.pending = id,
		.source = source->name,
		.must_be_new = true,
	};
	g_autoptr(berth_volume) volume = berth_engine__volume_ensure(engine, &wish, error);
	if (!volume)
		return false;
	bool done = berth_engine__volume_open(engine, volume, id, &place, error);
	berth_fd new = done ? berth_volume_fill_begin(place.work, error) : -1;
	BERTH_FAILPOINT("volume.clone.begun");
	done = new >= 0 && berth_tree_copy_live(from, new, error) &&
	       berth_volume_fill_finish(place.work, place.data, error) && tell_clone(engine, volume, error);
	BERTH_FAILPOINT("volume.clone.recorded");
	berth_volume_place_clear(&place);
	if (!done)
		berth_engine__volume_remove_locked(engine, to, NULL);
	return done;
}

static bool can_clone(const struct berth_volume *volume, GError **error)
{
	const char *type = volume->options ? g_hash_table_lookup(volume->options, "type") : NULL;

	if (strcmp(volume->driver, berth_volume_local.name) != 0 || !type)
		return true;
	return berth_error_set(error, BERTH_ERROR_CONFLICT,
			       "it is a file system of its own (type %s), and a volume with the same options would be "
			       "the same: make one with other options, and export and import",
			       type);
}

struct api_volume *berth_engine_volume_clone(struct berth_engine *engine, const char *name, const char *to,
					     GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(CLONE_ID), *target_id = new_id(CLONE_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (strcmp(name, to) == 0) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "clone volume %s: it cannot be its own clone", name);
		return NULL;
	}
	if (!open_held(engine, name, id, &volume, &place, error))
		return NULL;
	bool done = can_clone(volume, error);
	if (done) {
		berth_volume_lock(engine->volumes, to);
		done = copy_to(engine, volume, place.data, to, target_id, error);
		berth_volume_unlock(engine->volumes, to);
	}
	close_held(engine, name, id, &place);
	berth_volumes_release(engine->volumes, target_id, NULL);
	if (done)
		return berth_engine_volume_inspect(engine, to, error);
	g_prefix_error(error, "clone volume %s: ", name);
	return NULL;
}
