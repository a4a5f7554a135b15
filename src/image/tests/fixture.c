// SPDX-License-Identifier: Apache-2.0
#include "image/tests/fixture.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

static bool note_event(void *data, struct berth_transaction *transaction, const char *action, const char *image_id,
		       const char *name, GError **error)
{
	struct fixture *fixture = data;

	g_assert_nonnull(transaction);
	g_assert_true(g_str_has_prefix(image_id, "sha256:"));
	g_string_append_printf(fixture->events, "%s %s;", action, name ? name : "-");
	return !fixture->refuse_events || berth_error_set(error, BERTH_ERROR_INTERNAL, "no room for events");
}

static void note_progress(void *data, const struct api_progress *progress)
{
	struct fixture *fixture = data;

	if (progress->stream)
		g_string_append(fixture->progress, progress->stream);
}

static void open_store(struct fixture *fixture, const char *driver)
{
	g_autoptr(GError) error = NULL;

	fixture->store = berth_store_open(fixture->folder, driver, &error);
	g_assert_no_error(error);
	fixture->images = berth_images_new(fixture->store);
	berth_images_on_change(fixture->images, note_event, fixture);
}

static void close_store(struct fixture *fixture)
{
	berth_images_free(fixture->images);
	berth_store_free(fixture->store);
}

void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	fixture->folder = g_dir_make_tmp("berth-images-XXXXXX", NULL);
	fixture->events = g_string_new(NULL);
	fixture->progress = g_string_new(NULL);
	open_store(fixture, data);
}

void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void) data;
	close_store(fixture);
	berth_remove_tree_at(AT_FDCWD, fixture->folder, &error);
	g_assert_no_error(error);
	g_free(fixture->folder);
	g_string_free(fixture->events, true);
	g_string_free(fixture->progress, true);
}

GByteArray *fixture_root(const char *content)
{
	GByteArray *tarball = tarball_new();

	tarball_add(tarball, &(struct tarball_entry){"etc/", '5'});
	tarball_add(tarball, &(struct tarball_entry){"etc/hello", .content = content});
	tarball_end(tarball);
	return tarball;
}

char *fixture_import_bytes(struct fixture *fixture, const GByteArray *bytes, const char *name, char *const *changes,
			   GError **error)
{
	berth_fd fd = tarball_open(bytes->data, bytes->len);

	return berth_images_import(fixture->images, fd, name, changes, NULL, NULL, note_progress, fixture, error);
}

char *fixture_import(struct fixture *fixture, const char *content, const char *name)
{
	g_autoptr(GByteArray) root = fixture_root(content);
	g_autoptr(GError) error = NULL;
	char *id = fixture_import_bytes(fixture, root, name, NULL, &error);

	g_assert_no_error(error);
	g_assert_nonnull(id);
	return id;
}

void fixture_free_all(GPtrArray *objects, const struct berth_document *document)
{
	for (guint i = 0; i < objects->len; i++)
		berth_document_free(document, objects->pdata[i]);
	g_ptr_array_unref(objects);
}

// "Untagged:x;Deleted:sha256…;" with ids as "image" and chain ids as "layer"; or the error's message.
char *fixture_remove(struct fixture *fixture, const char *name, bool force)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *id = berth_images_resolve(fixture->images, name, NULL);
	GPtrArray *removed = berth_images_remove(fixture->images, name, force, true, &error);

	if (!removed)
		return g_strdup(error->message);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < removed->len; i++) {
		const struct api_image_deleted *entry = removed->pdata[i];
		if (entry->untagged)
			g_string_append_printf(text, "-%s;", entry->untagged);
		else
			g_string_append(text, g_str_equal(entry->deleted, id) ? "image;" : "layer;");
	}
	fixture_free_all(removed, &api_image_deleted_document);
	return g_string_free(text, false);
}

char *fixture_list(struct fixture *fixture, const char *filter, const char *value)
{
	g_autoptr(GHashTable) filters =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
	g_autoptr(GError) error = NULL;

	if (filter)
		g_hash_table_insert(filters, g_strdup(filter), g_strsplit(value, "|", -1));
	GPtrArray *images = berth_images_list(fixture->images, filter ? filters : NULL, false, &error);
	if (!images)
		return g_strdup(error->message);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < images->len; i++) {
		const struct api_image_summary *image = images->pdata[i];
		g_autofree char *tags = g_strjoinv(",", image->repo_tags);
		g_string_append_printf(text, "[%s]", tags);
	}
	fixture_free_all(images, &api_image_summary_document);
	return g_string_free(text, false);
}

guint fixture_count_files(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint count = 0;

	while (dir && g_dir_read_name(dir))
		count++;
	return count;
}

// Nothing is there: no image, no blob, no snapshot.
void fixture_assert_nothing(struct fixture *fixture)
{
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 0);
	g_assert_cmpuint(fixture_count_files(fixture->folder, "blobs/sha256"), ==, 0);
	g_assert_cmpuint(fixture_count_files(fixture->folder, "blobs/ingest"), ==, 0);
	g_assert_cmpuint(fixture_count_files(fixture->folder, "snapshots"), ==, 0);
}
