// SPDX-License-Identifier: Apache-2.0
// `system check` with the store damaged in each way, and the tree of images that share layers.
#include "image/images-internal.h"

#include "base/fd.h"
#include "base/json.h"
#include "image/tests/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// "object: cause [users] repaired;" of each problem, with digests cut to "sha256:…"; then "whole" or "broken".
static char *check(struct fixture *fixture, bool repair)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(api_check_report) report = berth_images_check(fixture->images, repair, &error);
	GString *text = g_string_new(NULL);

	g_assert_no_error(error);
	for (guint i = 0; i < report->problems->len; i++) {
		const struct api_check_problem *problem = report->problems->pdata[i];
		g_autofree char *users = g_strjoinv(",", problem->users);
		g_assert_true(problem->repaired == !problem->remedy);
		g_string_append_printf(text, "%s: %s [%s]%s;", problem->object, problem->cause, users,
				       problem->repaired ? " repaired" : "");
	}
	g_string_append(text, report->whole ? "whole" : "broken");
	g_autoptr(GRegex) digests = g_regex_new("(sha256[:-])[0-9a-f]{64}", 0, 0, NULL);
	g_autofree char *found = g_string_free(text, false);
	return g_regex_replace(digests, found, -1, 0, "\\1…", 0, NULL);
}

static struct berth_image_record *record_of(struct fixture *fixture, const char *id)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(fixture->store), NULL);
	struct berth_image_record *record = berth_image_record_get(transaction, id, NULL);

	g_assert_nonnull(record);
	return record;
}

static char *blob_path(struct fixture *fixture, const char *digest)
{
	return g_build_filename(fixture->folder, "blobs", "sha256", digest + strlen("sha256:"), NULL);
}

static void damage(const char *path)
{
	berth_fd fd = -1;

	g_assert_cmpint(chmod(path, 0600), ==, 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	g_assert_cmpint(pwrite(fd, "#", 1, 0), ==, 1);
}

static char *layer_path(struct fixture *fixture, const struct berth_image_record *record, const char *inner)
{
	const struct berth_image_layer *layer = record->layers->pdata[0];
	g_autofree char *name = g_strdelimit(g_strdup(layer->chain_id), ":", '-');

	return g_build_filename(fixture->folder, "snapshots", name, inner, NULL);
}

static void test_whole(struct fixture *fixture, gconstpointer data)
{
	(void) data;
	assert_text(check(fixture, false), "whole");
	g_autofree char *id = fixture_import(fixture, "content", "one:1");
	assert_text(check(fixture, false), "whole");
	assert_text(check(fixture, true), "whole");
	assert_text(fixture_list(fixture, NULL, NULL), "[one:1]");
}

static void test_damaged_blob(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "content", "one:1");
	g_autoptr(berth_image_record) record = record_of(fixture, id);
	g_autofree char *path = blob_path(fixture, ((struct berth_image_layer *) record->layers->pdata[0])->digest);

	(void) data;
	damage(path);
	static const char expected[] =
		"blob sha256:…: it is damaged: its content has the digest sha256:… [image sha256:…];broken";
	assert_text(check(fixture, false), expected);
	assert_text(check(fixture, true), expected); // what is in use stays
	g_assert_cmpint(access(path, F_OK), ==, 0);
}

static void test_stray_blob(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *digest = berth_blob_put(berth_store_blobs(fixture->store), "stray", 5, NULL);
	g_autofree char *path = blob_path(fixture, digest);

	(void) data;
	damage(path);
	assert_text(check(fixture, false),
		    "blob sha256:…: it is damaged: its content has the digest sha256:… [];broken");
	struct berth_lease *lease = berth_lease_new(fixture->store);
	berth_lease_add(lease, "blob", digest);
	assert_text(check(fixture, true),
		    "blob sha256:…: it is damaged: its content has the digest sha256:… [];broken");
	g_assert_cmpint(access(path, F_OK), ==, 0); // somebody has just begun to use it
	berth_lease_release(lease);
	assert_text(check(fixture, true),
		    "blob sha256:…: it is damaged: its content has the digest sha256:… [] repaired;whole");
	g_assert_cmpint(access(path, F_OK), <, 0);
	assert_text(check(fixture, false), "whole");
}

static void check_missing_blob(struct fixture *fixture, bool container)
{
	g_autofree char *id = fixture_import(fixture, "content", "one:1");
	g_autoptr(berth_image_record) record = record_of(fixture, id);
	g_autofree char *path = blob_path(fixture, record->manifest);
	struct berth_reference image = {"image", id};

	g_assert_cmpint(unlink(path), ==, 0);
	if (container) {
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(fixture->store), NULL);
		BERTH_AUTO_JSON json_t *nothing = json_object();
		g_assert_true(berth_record_put(transaction, "container", "c1", "c1", nothing, &image, 1, NULL) &&
			      berth_transaction_commit(transaction, NULL));
		static const char expected[] = "image sha256:…: it refers to blob sha256:…, which is missing "
					       "[container c1,tag docker.io/library/one:1];broken";
		assert_text(check(fixture, false), expected);
		assert_text(check(fixture, true), expected);
		assert_text(fixture_list(fixture, NULL, NULL), "[one:1]");
		return;
	}
	assert_text(
		check(fixture, false),
		"image sha256:…: it refers to blob sha256:…, which is missing [tag docker.io/library/one:1];broken");
	assert_text(check(fixture, true),
		    "image sha256:…: it refers to blob sha256:…, which is missing [] repaired;whole");
	assert_text(fixture_list(fixture, NULL, NULL), "");
	fixture_assert_nothing(fixture);
	g_autofree char *again = fixture_import(fixture, "content", "one:1");
	assert_text(check(fixture, false), "whole");
}

static void test_missing_blob(struct fixture *fixture, gconstpointer data)
{
	(void) data;
	check_missing_blob(fixture, false);
}

static void test_missing_blob_in_use(struct fixture *fixture, gconstpointer data)
{
	(void) data;
	check_missing_blob(fixture, true);
}

static void test_dangling_tag(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(fixture->store), NULL);

	(void) data;
	g_assert_true(berth_tag_record_put(transaction, "docker.io/library/lost:1", "sha256:0", NULL) &&
		      berth_transaction_commit(transaction, NULL));
	g_clear_pointer(&transaction, berth_transaction_free);
	assert_text(check(fixture, false),
		    "tag docker.io/library/lost:1: it refers to image sha256:0, which is missing [];broken");
	assert_text(check(fixture, true),
		    "tag docker.io/library/lost:1: it refers to image sha256:0, which is missing [] repaired;whole");
	assert_text(check(fixture, false), "whole");
}

static void test_lost_layer(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "content", "one:1");
	g_autoptr(berth_image_record) record = record_of(fixture, id);
	g_autofree char *folder = layer_path(fixture, record, "fs");
	g_autofree char *found = NULL;

	(void) data;
	g_assert_true(berth_remove_tree_at(AT_FDCWD, folder, NULL));
	static const char expected[] = "snapshot sha256:…: its folder fs is missing [image sha256:…];broken";
	assert_text(check(fixture, false), expected);
	assert_text(check(fixture, true), expected);
}

static void test_changed_layer(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *id = fixture_import(fixture, "content", "one:1");
	g_autoptr(berth_image_record) record = record_of(fixture, id);
	g_autofree char *file = layer_path(fixture, record, "fs/etc/hello");

	(void) data;
	g_assert_cmpint(truncate(file, 3), ==, 0);
	assert_text(check(fixture, false),
		    "image sha256:…: snapshot sha256:… of layer 1 has 3 bytes in its files, it had 7 "
		    "when it was unpacked [];broken");
}

static void test_leftovers(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *stray = g_build_filename(fixture->folder, "snapshots", "stray", NULL);
	g_autofree char *new = g_build_filename(fixture->folder, "snapshots", ".new-young", NULL);

	(void) data;
	g_assert_true(mkdir(stray, 0700) == 0 && mkdir(new, 0700) == 0);
	assert_text(check(fixture, false), "folder snapshots/stray: no snapshot has it [];broken");
	assert_text(check(fixture, true), "folder snapshots/stray: no snapshot has it [] repaired;whole");
	assert_text(check(fixture, false), "whole");
	g_assert_cmpint(access(new, F_OK), ==, 0); // somebody may be making it
}

static void test_tree(struct fixture *fixture, gconstpointer data)
{
	char *const change[] = {(char *) "CMD one", NULL};
	g_autoptr(GByteArray) root = fixture_root("content");
	g_autoptr(GError) error = NULL;
	g_autofree char *one = fixture_import_bytes(fixture, root, "one:1", NULL, &error);
	g_autofree char *two = fixture_import_bytes(fixture, root, "two:1", change, &error);
	g_autofree char *other = fixture_import(fixture, "something else", "other:1");
	g_autoptr(berth_image_record) record = record_of(fixture, one);
	const struct berth_image_layer *layer = record->layers->pdata[0];

	(void) data;
	g_autoptr(api_image_tree) tree = berth_images_tree(fixture->images, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(tree->images->len, ==, 3);
	g_assert_cmpint(tree->layers->len, ==, 2);
	g_assert_cmpint(tree->layers_size, ==, 7 + 14);
	for (guint i = 0; i < 3; i++) {
		const struct api_tree_image *image = tree->images->pdata[i];
		struct berth_collected before, freed;
		if (g_str_equal(image->id, other)) {
			g_assert_cmpint(image->shared, ==, 0);
			// What is told is what goes.
			g_assert_true(berth_store_collect(fixture->store, &before, NULL) && before.bytes == 0);
			g_autoptr(berth_transaction) transaction =
				berth_transaction_begin(berth_store_database(fixture->store), NULL);
			g_assert_true(berth_record_remove(transaction, "tag", "docker.io/library/other:1", NULL) &&
				      berth_record_remove(transaction, "image", other, NULL) &&
				      berth_transaction_commit(transaction, NULL));
			g_clear_pointer(&transaction, berth_transaction_free);
			g_assert_true(berth_store_collect(fixture->store, &freed, NULL));
			g_assert_cmpint(freed.bytes, ==, image->freed);
		} else {
			g_assert_cmpint(image->shared, ==, 7);
			g_assert_cmpint(image->freed, <, 2000); // its configuration and manifest
			g_assert_cmpint(image->freed, >, 0);
		}
	}
	char *const names[] = {(char *) "two:1", NULL};
	g_autoptr(api_image_tree) part = berth_images_tree(fixture->images, names, &error);
	g_assert_cmpint(part->images->len, ==, 1);
	g_assert_cmpint(part->layers->len, ==, 1);
	const struct api_tree_layer *shared = part->layers->pdata[0];
	g_assert_cmpstr(shared->chain_id, ==, layer->chain_id);
	g_assert_cmpint(g_strv_length(shared->images), ==, 2);
	char *const missing[] = {(char *) "none:1", NULL};
	g_assert_null(berth_images_tree(fixture->images, missing, &error));
	g_assert_cmpstr(error->message, ==, "No such image: none:1");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(struct fixture *, gconstpointer);
	} tests[] = {
		{"/check/whole", test_whole},
		{"/check/damaged-blob", test_damaged_blob},
		{"/check/stray-blob", test_stray_blob},
		{"/check/missing-blob", test_missing_blob},
		{"/check/missing-blob-in-use", test_missing_blob_in_use},
		{"/check/dangling-tag", test_dangling_tag},
		{"/check/lost-layer", test_lost_layer},
		{"/check/changed-layer", test_changed_layer},
		{"/check/leftovers", test_leftovers},
		{"/tree", test_tree},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, NULL, fixture_setup, tests[i].test, fixture_teardown);
	return g_test_run();
}
