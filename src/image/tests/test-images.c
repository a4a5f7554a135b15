// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "image/tests/fixture.h"
#include "spec/api-config.h"

#include <fcntl.h>
#include <string.h>

static void test_import(struct fixture *fixture, gconstpointer data)
{
	static char *const changes[] = {(char *) "CMD [\"sh\"]", (char *) "ENV A=1", (char *) "LABEL k=v", NULL};
	g_autoptr(GByteArray) root = fixture_root("hi\n");
	g_autoptr(GError) error = NULL;

	(void) data;
	berth_fd fd = tarball_open(root->data, root->len);
	g_autofree char *id =
		berth_images_import(fixture->images, fd, "small:1", changes, "by hand", NULL, NULL, NULL, &error);
	g_assert_no_error(error);
	g_autoptr(api_image_inspect) image = berth_images_inspect(fixture->images, "small:1", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(image->id, ==, id);
	g_assert_cmpstr(image->repo_tags[0], ==, "small:1");
	g_assert_cmpstr(image->comment, ==, "by hand");
	g_assert_cmpstr(image->config->cmd[0], ==, "sh");
	g_assert_cmpstr(image->config->env[0], ==, "A=1");
	g_assert_cmpint(image->size, ==, 3);
	g_autofree char *diff_id = tarball_digest(root->data, root->len);
	g_assert_cmpstr(image->root_fs->layers[0], ==, diff_id);
	g_assert_null(image->root_fs->layers[1]);
	assert_text(berth_images_top_snapshot(fixture->images, id, NULL), diff_id);
	g_assert_cmpstr(fixture->events->str, ==, "import small:1;tag small:1;");
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 1);

	int tree;
	g_assert_true(berth_snapshot_mount(berth_store_snapshots(fixture->store), diff_id, &tree, &error));
	berth_fd hello = berth_root_open(tree, "etc/hello", O_RDONLY, 0, &error);
	g_assert_no_error(error);
	assert_text(berth_read_fd(hello, 100, NULL, "hello", NULL), "hi\n");
	close(tree);
}

static void test_import_compressed(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {"gzip", "zstd", "xz", "bzip2"};
	g_autoptr(GByteArray) root = fixture_root("squeezed");
	g_autofree char *diff_id = tarball_digest(root->data, root->len);

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) bytes = tarball_compress(root, filters[i]);
		g_autoptr(GError) error = NULL;
		g_autofree char *id = fixture_import_bytes(fixture, bytes, filters[i], NULL, &error);
		g_assert_no_error(error);
		assert_text(berth_images_top_snapshot(fixture->images, id, NULL), diff_id);
	}
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 4);
	// Four configurations and manifests; the layer as gzip, as zstd, and once plain for xz and bzip2.
	g_assert_cmpuint(fixture_count_files(fixture->folder, "blobs/sha256"), ==, 4 + 4 + 3);
	g_assert_cmpuint(fixture_count_files(fixture->folder, "snapshots"), ==, 1);
}

static void test_import_refused(struct fixture *fixture, gconstpointer data)
{
	static char *const nonsense[] = {(char *) "NONSENSE x", NULL};
	g_autoptr(GByteArray) root = fixture_root("x"), garbage = g_byte_array_new(), empty = g_byte_array_new();
	const struct {
		GByteArray *bytes;
		const char *name;
		char *const *changes;
		const char *message;
	} cases[] = {
		{garbage, NULL, NULL, "*damaged*"},
		{empty, NULL, NULL, "the archive is empty"},
		{root, "UPPER", NULL, "invalid reference format: repository name must be lowercase"},
		{root, "a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL,
		 "cannot import digest reference"},
		{root, NULL, nonsense, "NONSENSE is not a valid change command"},
	};

	(void) data;
	for (int i = 0; i < 300; i++)
		g_byte_array_append(garbage, (const guint8 *) "not an archive ", 15);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(fixture_import_bytes(fixture, cases[i].bytes, cases[i].name, cases[i].changes, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_true(g_pattern_match_simple(cases[i].message, error->message));
		fixture_assert_nothing(fixture);
	}
	g_assert_cmpstr(fixture->events->str, ==, "");
}

// An event that cannot be written undoes the change.
static void test_event_refused(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) root = fixture_root("x");
	g_autoptr(GError) error = NULL;

	(void) data;
	fixture->refuse_events = true;
	g_assert_null(fixture_import_bytes(fixture, root, "a", NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INTERNAL);
	fixture_assert_nothing(fixture);
}

static void test_resolve(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "hi", "small:1");
	const char *digits = id + strlen("sha256:");
	g_autofree char *prefix = g_strndup(digits, 12), *long_prefix = g_strdup_printf("sha256:%.20s", digits);
	const char *const names[] = {"small:1",  "docker.io/library/small:1", "library/small:1", id, digits, prefix,
				     long_prefix};
	g_autoptr(GError) error = NULL;

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *found = berth_images_resolve(fixture->images, names[i], &error);
		g_assert_no_error(error);
		g_assert_cmpstr(found, ==, id);
	}
	g_assert_null(berth_images_resolve(fixture->images, "small", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_cmpstr(error->message, ==, "No such image: small:latest");
	g_clear_error(&error);
	g_assert_null(berth_images_resolve(
		fixture->images, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_null(berth_images_resolve(fixture->images, "Bad Name", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

// With 17 images two share their first hexadecimal digit.
static void test_resolve_ambiguous(struct fixture *fixture, gconstpointer data)
{
	guint seen[128] = {0};

	(void) data;
	for (int i = 0; i < 17; i++) {
		g_autofree char *content = g_strdup_printf("%d", i);
		g_autofree char *id = fixture_import(fixture, content, NULL);
		seen[(guchar) id[strlen("sha256:")]]++;
	}
	for (int c = 0; c < 128; c++) {
		char prefix[] = {(char) c, '\0'};
		g_autoptr(GError) error = NULL;
		if (seen[c] < 2)
			continue;
		g_assert_null(berth_images_resolve(fixture->images, prefix, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, "ambiguous"));
	}
}

static void test_tag(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *first = fixture_import(fixture, "1", "a"), *second = fixture_import(fixture, "2", "b");
	g_autoptr(GError) error = NULL;

	(void) data;
	g_string_truncate(fixture->events, 0);
	g_assert_true(berth_images_tag(fixture->images, "a", "quay.io/x/a:2", &error));
	assert_text(berth_images_resolve(fixture->images, "quay.io/x/a:2", NULL), first);
	// A name moves on; the image that had it stays, without one.
	g_assert_true(berth_images_tag(fixture->images, second, "quay.io/x/a:2", &error));
	assert_text(berth_images_resolve(fixture->images, "quay.io/x/a:2", NULL), second);
	g_assert_true(berth_images_tag(fixture->images, "b", "a", &error));
	assert_text(fixture_list(fixture, "dangling", "true"), "[]");
	g_assert_cmpstr(fixture->events->str, ==, "tag quay.io/x/a:2;tag quay.io/x/a:2;tag a:latest;");
	g_assert_false(berth_images_tag(fixture->images, "nothing", "x", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_false(berth_images_tag(fixture->images, "a", NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(berth_images_tag(fixture->images, "a",
					"x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
					&error));
	g_assert_cmpstr(error->message, ==, "refusing to create a tag with a digest reference");
	g_clear_error(&error);
	g_assert_false(berth_images_tag(fixture->images, "a", "sha256:abcd", &error));
	g_assert_cmpstr(error->message, ==, "refusing to create an ambiguous tag using digest algorithm as name");
}

static void test_list(struct fixture *fixture, gconstpointer data)
{
	static char *const changes[] = {(char *) "LABEL a=1 b=2", NULL};
	g_autoptr(GByteArray) root = fixture_root("labelled");
	g_autofree char *id = fixture_import(fixture, "1", "plain:1"), *unnamed = fixture_import(fixture, "2", NULL);
	g_autofree char *labelled = fixture_import_bytes(fixture, root, "x.y/labelled:2", changes, NULL);

	(void) data;
	g_assert_true(berth_images_tag(fixture->images, "plain:1", "plain:2", NULL));
	// The newest first; those of one second in the order of ids.
	g_autofree char *all = fixture_list(fixture, NULL, NULL);
	g_assert_nonnull(strstr(all, "[plain:1,plain:2]"));
	g_assert_nonnull(strstr(all, "[x.y/labelled:2]"));
	g_assert_nonnull(strstr(all, "[]"));
	assert_text(fixture_list(fixture, "dangling", "true"), "[]");
	assert_text(fixture_list(fixture, "dangling", "maybe"), "invalid filter 'dangling=[maybe]'");
	assert_text(fixture_list(fixture, "reference", "plain"), "[plain:1,plain:2]");
	assert_text(fixture_list(fixture, "reference", "plain:2"), "[plain:2]");
	assert_text(fixture_list(fixture, "reference", "pl*:1"), "[plain:1]");
	assert_text(fixture_list(fixture, "reference", "*"), "[plain:1,plain:2]");
	assert_text(fixture_list(fixture, "reference", "*/*"), "[x.y/labelled:2]");
	assert_text(fixture_list(fixture, "reference", "none"), "");
	assert_text(fixture_list(fixture, "label", "a"), "[x.y/labelled:2]");
	assert_text(fixture_list(fixture, "label", "a=1|b=2"), "[x.y/labelled:2]");
	assert_text(fixture_list(fixture, "label", "a=2"), "");
	assert_text(fixture_list(fixture, "before", "plain:1"), "");
	assert_text(fixture_list(fixture, "since", labelled), "");
	assert_text(fixture_list(fixture, "until", "1h"), "");
	assert_text(fixture_list(fixture, "until", "2000-01-01T00:00:00Z"), "");
	assert_text(fixture_list(fixture, "since", "nothing"), "No such image: nothing:latest");
	assert_text(fixture_list(fixture, "colour", "red"), "invalid filter 'colour'");
	g_autofree char *since = fixture_list(fixture, "since", "plain:1"),
			*before = fixture_list(fixture, "before", labelled);
	g_assert_nonnull(strstr(since, "[x.y/labelled:2]"));
	g_assert_null(strstr(since, "plain"));
	g_assert_nonnull(strstr(before, "[plain:1,plain:2]"));
	g_assert_null(strstr(before, "labelled"));
}

static void test_history(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "1234", "small:1");
	GPtrArray *history = berth_images_history(fixture->images, "small:1", NULL);
	const struct api_image_history *entry = history->pdata[0];

	(void) data;
	g_assert_cmpuint(history->len, ==, 1);
	g_assert_cmpstr(entry->id, ==, id);
	g_assert_cmpstr(entry->tags[0], ==, "small:1");
	g_assert_cmpstr(entry->comment, ==, "Imported from -");
	g_assert_cmpint(entry->size, ==, 4);
	fixture_free_all(history, &api_image_history_document);
}

static void test_remove(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "1", "small:1");

	(void) data;
	g_assert_true(berth_images_tag(fixture->images, "small:1", "small:2", NULL));
	g_string_truncate(fixture->events, 0);
	assert_text(fixture_remove(fixture, "small:2", false), "-small:2;");
	g_assert_true(berth_images_tag(fixture->images, "small:1", "other/small", NULL));
	g_autofree char *conflict = g_strdup_printf(
		"conflict: unable to delete %.12s (must be forced) - image is referenced in multiple repositories",
		id + strlen("sha256:"));
	assert_text(fixture_remove(fixture, id, false), conflict);
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 1);
	assert_text(fixture_remove(fixture, id, true), "-small:1;-other/small:latest;image;layer;");
	g_assert_cmpstr(fixture->events->str, ==,
			"untag small:2;tag other/small:latest;untag small:1;untag other/small:latest;delete -;");
	assert_text(fixture_remove(fixture, "small:1", true), "No such image: small:1");
	fixture_assert_nothing(fixture);
}

static void test_remove_last_name(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "1", "small:1"), *unnamed = fixture_import(fixture, "2", NULL);

	(void) data;
	assert_text(fixture_remove(fixture, "small:1", false), "-small:1;image;layer;");
	assert_text(fixture_remove(fixture, unnamed, false), "image;layer;");
	fixture_assert_nothing(fixture);
}

// Two images of the same layer: it goes with the last.
static void test_remove_shared(struct fixture *fixture, gconstpointer data)
{
	static char *const changes[] = {(char *) "USER 1", NULL};
	g_autoptr(GByteArray) root = fixture_root("x");
	g_autofree char *first = fixture_import(fixture, "x", "first"),
			*second = fixture_import_bytes(fixture, root, "second", changes, NULL);

	(void) data;
	g_assert_cmpstr(first, !=, second);
	g_assert_cmpuint(fixture_count_files(fixture->folder, "snapshots"), ==, 1);
	assert_text(fixture_remove(fixture, "first", false), "-first:latest;image;");
	assert_text(fixture_remove(fixture, "second", false), "-second:latest;image;layer;");
}

static void put_container(struct fixture *fixture, const char *id, const char *image, const char *status)
{
	struct berth_reference reference = {"image", image};
	json_t *document = json_pack("{s:{s:s}}", "state", "status", status);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(fixture->store), NULL);

	g_assert_true(berth_record_put(transaction, "container", id, id, document, &reference, 1, NULL));
	g_assert_true(berth_transaction_commit(transaction, NULL));
	json_decref(document);
}

static void test_remove_used(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "1", "small:1");
	g_autofree char *by_name = g_strdup_printf(
		"conflict: unable to remove repository reference \"small:1\" (must force) - container 0123456789ab is "
		"using its referenced image %.12s",
		id + strlen("sha256:"));
	g_autofree char *by_id = g_strdup_printf("conflict: unable to delete %.12s (must be forced) - image is being "
						 "used by stopped container 0123456789ab",
						 id + strlen("sha256:"));
	g_autofree char *running = g_strdup_printf("conflict: unable to delete %.12s (cannot be forced) - image is "
						   "being used by running container 0123456789ab",
						   id + strlen("sha256:"));

	(void) data;
	put_container(fixture, "0123456789abcdef", id, "exited");
	assert_text(fixture_remove(fixture, "small:1", false), by_name);
	assert_text(fixture_remove(fixture, id, false), by_id);
	put_container(fixture, "0123456789abcdef", id, "running");
	assert_text(fixture_remove(fixture, id, true), running);
	// Forced by its name it stays, without one.
	assert_text(fixture_remove(fixture, "small:1", true), "-small:1;");
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 1);
	put_container(fixture, "0123456789abcdef", id, "exited");
	assert_text(fixture_remove(fixture, id, true), "image;layer;");
}

#define add(name, function) g_test_add(name, struct fixture, NULL, fixture_setup, function, fixture_teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add("/images/import", test_import);
	add("/images/import/compressed", test_import_compressed);
	add("/images/import/refused", test_import_refused);
	add("/images/event-refused", test_event_refused);
	add("/images/resolve", test_resolve);
	add("/images/resolve/ambiguous", test_resolve_ambiguous);
	add("/images/tag", test_tag);
	add("/images/list", test_list);
	add("/images/history", test_history);
	add("/images/remove", test_remove);
	add("/images/remove/last-name", test_remove_last_name);
	add("/images/remove/shared", test_remove_shared);
	add("/images/remove/used", test_remove_used);
	return g_test_run();
}
