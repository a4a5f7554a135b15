// SPDX-License-Identifier: Apache-2.0
// Volumes, images and parts of them in a container's life. They are made, and filled with what the image has in their
// place, when the container is made; mounted when it is started; and let go of when it has ended.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <string.h>

static bool is_volume(const struct berth_container_mount *mount)
{
	return strcmp(mount->type, "volume") == 0 && mount->driver;
}

static bool is_image(const struct berth_container_mount *mount)
{
	return strcmp(mount->type, "image") == 0;
}

static const struct berth_container_mount *mount_at(const struct berth_container_record *record, guint i)
{
	return record->mounts->pdata[i];
}

static guint count_of(const struct berth_container_record *record)
{
	return record->mounts ? record->mounts->len : 0;
}

// Making

struct preparing {
	struct berth_engine *engine;
	struct berth_container_record *record;
	int root; // of the container's snapshot, mounted when it is first looked into; -1
};

// What the image has at the volume's place, if that is a folder; links resolve inside the root.
static bool open_image(struct preparing *this, const char *path, int *ret, GError **error)
{
	g_autoptr(GError) problem = NULL;

	*ret = -1;
	if (this->root < 0 && !berth_snapshot_mount(this->engine->snapshots, this->record->id, &this->root, error))
		return false;
	*ret = berth_root_open(this->root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &problem);
	if (*ret >= 0 || g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

static bool fill(struct preparing *this, const struct berth_container_mount *mount, const struct berth_volume *volume,
		 GError **error)
{
	__attribute__((cleanup(berth_volume_place_clear))) struct berth_volume_place place = {-1, -1};
	berth_fd image = -1;
	bool empty;

	if (!berth_engine__volume_open(this->engine, volume, this->record->id, &place, error) ||
	    !berth_volume_fill_recover(place.work, place.data, error) ||
	    !berth_volume_is_empty(place.data, &empty, error))
		return false;
	if (!empty)
		return true;
	return open_image(this, mount->destination, &image, error) &&
	       (image < 0 || berth_volume_fill(volume, place.work, place.data, image, error));
}

static bool prepare_volume(struct preparing *this, struct berth_container_mount *mount, GError **error)
{
	struct berth_engine *engine = this->engine;
	const struct berth_volume_wish wish = {
		.name = mount->name,
		.driver = mount->driver,
		.options = mount->driver_options,
		.labels = mount->labels,
		.anonymous = mount->anonymous,
		.pending = mount->anonymous ? this->record->id : NULL,
	};

	berth_volume_lock(engine->volumes, mount->name);
	g_autoptr(berth_volume) volume = berth_engine__volume_ensure(engine, &wish, error);
	if (volume)
		berth_engine__volume_hold(engine, mount->name);
	bool done = volume && (mount->no_copy || mount->subpath || fill(this, mount, volume, error));
	if (volume && !done) {
		berth_engine__volume_let_go(engine, mount->name);
		berth_engine__volume_undo_locked(engine, mount->name, this->record->id);
	}
	berth_volume_unlock(engine->volumes, mount->name);
	if (!done)
		return false;
	g_free(mount->driver);
	mount->driver = g_strdup(volume->driver);
	const struct berth_volume_driver *driver = berth_volume_driver_find(engine->volumes, volume->driver, NULL);
	g_free(mount->source);
	mount->source = driver ? driver->path(engine->volumes, volume, NULL) : NULL;
	return true;
}

static bool prepare_image(struct berth_engine *engine, struct berth_container_mount *mount, GError **error)
{
	if (!mount->image)
		mount->image = berth_images_resolve(engine->images, mount->source, error);
	return mount->image != NULL;
}

// Of the first mounts of the record.
static void undo(struct berth_engine *engine, const struct berth_container_record *record, guint count)
{
	for (guint i = 0; i < count; i++) {
		const struct berth_container_mount *mount = mount_at(record, i);
		if (!is_volume(mount))
			continue;
		berth_engine__volume_let_go(engine, mount->name);
		if (!mount->anonymous)
			continue;
		// One of another container (--volumes-from) stays, also if that one is gone meanwhile.
		berth_volume_lock(engine->volumes, mount->name);
		berth_engine__volume_undo_locked(engine, mount->name, record->id);
		berth_volume_unlock(engine->volumes, mount->name);
	}
}

void berth_engine__volumes_undo(struct berth_engine *engine, const struct berth_container_record *record)
{
	undo(engine, record, count_of(record));
}

bool berth_engine__volumes_prepare(struct berth_engine *engine, struct berth_container_record *record, GError **error)
{
	struct preparing this = {engine, record, -1};
	bool done = true;

	for (guint i = 0; done && i < count_of(record); i++) {
		struct berth_container_mount *mount = record->mounts->pdata[i];
		if (is_volume(mount))
			done = prepare_volume(&this, mount, error);
		else if (is_image(mount))
			done = prepare_image(engine, mount, error);
		if (!done)
			undo(engine, record, i);
		BERTH_FAILPOINT("container.create.volume");
	}
	berth_fd_clear(&this.root);
	g_autoptr(GError) failure = NULL;
	if (!berth_volumes_release(engine->volumes, record->id, &failure))
		g_warning("container %s: %s", record->id, failure->message);
	return done;
}

bool berth_engine__volumes_settle(struct berth_transaction *transaction, const struct berth_container_record *record,
				  json_t *events, GError **error)
{
	for (guint i = 0; i < count_of(record); i++) {
		const struct berth_container_mount *mount = mount_at(record, i);
		if (!is_volume(mount) || !mount->anonymous)
			continue;
		json_t *json = berth_record_get(transaction, BERTH_RECORD_VOLUME, mount->name, error);
		g_autoptr(berth_volume) volume =
			json ? berth_document_parse(&berth_volume_document, json, error) : NULL;
		json_decref(json);
		if (!volume)
			return false;
		if (!volume->pending) // another container's, by --volumes-from
			continue;
		g_clear_pointer(&volume->pending, g_free);
		berth_engine__volume_event(events, volume->name, volume->driver, "create", NULL);
		if (!berth_engine__volume_put(transaction, volume, error))
			return false;
	}
	return true;
}

void berth_engine__volumes_let_go(struct berth_engine *engine, const struct berth_container_record *record)
{
	for (guint i = 0; i < count_of(record); i++)
		if (is_volume(mount_at(record, i)))
			berth_engine__volume_let_go(engine, mount_at(record, i)->name);
}

void berth_engine__volumes_remove_of(struct berth_engine *engine, const struct berth_container_record *record)
{
	for (guint i = 0; i < count_of(record); i++) {
		const struct berth_container_mount *mount = mount_at(record, i);
		g_autoptr(GError) error = NULL;
		if (!is_volume(mount) || !mount->anonymous)
			continue;
		if (!berth_engine_volume_remove(engine, mount->name, true, &error) &&
		    !g_error_matches(error, BERTH_ERROR, BERTH_ERROR_CONFLICT))
			g_warning("container %s: %s", record->id, error->message);
		BERTH_FAILPOINT("container.remove.volume");
	}
}

// Starting

// A mount on the host of what `fd` is open on, from which the container's is made.
static bool make_point(struct berth_engine *engine, const char *id, unsigned number, int fd, char **ret, GError **error)
{
	berth_fd tree = berth_mount_clone(fd, "", true, error);

	return tree >= 0 && berth_volumes_point(engine->volumes, id, number, tree, ret, error);
}

// `subpath` of the folder at `path`, held fast by a mount: who writes to the folder cannot change any more what it is.
static bool pin_subpath(struct berth_engine *engine, const char *id, unsigned number, const char *path,
			const char *subpath, char **ret, GError **error)
{
	berth_fd folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	berth_fd part = berth_volume_open_subpath(folder, subpath, error);
	return part >= 0 && make_point(engine, id, number, part, ret, error);
}

// A file system's own mount on the host has no set-user-id programs, for users of the host; the container's may.
static bool may_suid(const struct berth_volume *volume)
{
	const char *text = volume->options ? g_hash_table_lookup(volume->options, "o") : NULL;
	g_auto(GStrv) words = g_strsplit(text ? text : "", ",", 0);

	return strcmp(volume->driver, berth_volume_local.name) == 0 && berth_volume_local.counted(volume) &&
	       !g_strv_contains((const char *const *) words, "nosuid");
}

static bool mount_volume(struct berth_engine *engine, const char *id, const struct berth_container_mount *mount,
			 unsigned number, struct berth_spec_source *ret, GError **error)
{
	g_autofree char *path = NULL;

	berth_volume_lock(engine->volumes, mount->name);
	g_autoptr(berth_volume) volume = berth_engine__volume_get(engine, mount->name, error);
	bool mounted = volume && berth_volume_mount(engine->volumes, volume, id, &path, error);
	berth_volume_unlock(engine->volumes, mount->name);
	if (!mounted)
		return false;
	ret->suid = may_suid(volume);
	if (mount->subpath)
		return pin_subpath(engine, id, number, path, mount->subpath, &ret->path, error) ||
		       (g_prefix_error(error, "volume %s: ", mount->name), false);
	ret->path = g_steal_pointer(&path);
	return true;
}

static bool mount_image(struct berth_engine *engine, const char *id, const struct berth_container_mount *mount,
			unsigned number, const struct berth_snapshot_owner *owner, char **ret, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autofree char *top = berth_images_top_snapshot(engine->images, mount->image, &failure);
	g_autofree char *whole = NULL;
	berth_fd tree = -1;

	if (failure) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	if (!top)
		return berth_error_set(error, BERTH_ERROR_INVALID, "image %s: it has no layers that could be mounted",
				       mount->source);
	if (!berth_snapshot_mount_as(engine->snapshots, top, owner, &tree, error) ||
	    !berth_volumes_point(engine->volumes, id, number, tree, mount->subpath ? &whole : ret, error))
		return false;
	if (!mount->subpath)
		return true;
	return pin_subpath(engine, id, BERTH_LIMIT_MOUNTS + number, whole, mount->subpath, ret, error) ||
	       (g_prefix_error(error, "image %s: ", mount->source), false);
}

static void clear_source(void *data)
{
	g_clear_pointer(&((struct berth_spec_source *) data)->path, g_free);
}

bool berth_engine__volumes_mount(struct berth_engine *engine, const struct berth_container_record *record,
				 const struct berth_snapshot_owner *owner, GArray **ret_sources, GError **error)
{
	g_autoptr(GArray) sources = g_array_new(FALSE, TRUE, sizeof(struct berth_spec_source));
	bool done = true;

	g_array_set_clear_func(sources, clear_source);
	g_array_set_size(sources, count_of(record));

	for (guint i = 0; done && i < count_of(record); i++) {
		const struct berth_container_mount *mount = mount_at(record, i);
		struct berth_spec_source *source = &g_array_index(sources, struct berth_spec_source, i);
		if (is_volume(mount))
			done = mount_volume(engine, record->id, mount, i, source, error);
		else if (is_image(mount))
			done = mount_image(engine, record->id, mount, i, owner, &source->path, error);
		if (source->path)
			BERTH_FAILPOINT("container.start.volume");
	}
	if (!done) {
		berth_volumes_points_clear(engine->volumes, record->id);
		return false;
	}
	*ret_sources = g_steal_pointer(&sources);
	return true;
}

void berth_engine__volumes_made(struct berth_engine *engine, const struct berth_container_record *record)
{
	bool points = false;

	for (guint i = 0; i < count_of(record); i++)
		points = points || mount_at(record, i)->subpath || is_image(mount_at(record, i));
	if (points)
		berth_volumes_points_clear(engine->volumes, record->id);
}

void berth_engine__volume_mount_events(json_t *events, const struct berth_container_record *record, bool mounts)
{
	for (guint i = 0; i < count_of(record); i++) {
		const struct berth_container_mount *mount = mount_at(record, i);
		if (!is_volume(mount))
			continue;
		if (mounts)
			berth_engine__volume_event(events, mount->name, mount->driver, "mount", "container", record->id,
						   "destination", mount->destination, "propagation",
						   mount->propagation ? mount->propagation : "", "read/write",
						   mount->writable ? "true" : "false", NULL);
		else
			berth_engine__volume_event(events, mount->name, mount->driver, "unmount", "container",
						   record->id, NULL);
	}
}
