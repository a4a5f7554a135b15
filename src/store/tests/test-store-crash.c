// SPDX-License-Identifier: Apache-2.0
// The life of an image and a container, walked again and again with the process killed at one step further each time.
// After each death the store must open, hold together, and be good for the whole walk. Built with failpoints, whatever
// the build's option says.
#include "store/store.h"

#include "base/json.h"
#include "store/store-internal.h"
#include "store/tests/scene.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef BERTH_FAILPOINTS
#error "this test is built with failpoints"
#endif

// A child says by its status whether it came to the end; an assertion that fails is another signal than SIGKILL.
static int in_child(void (*what)(const char *), const char *root, int step)
{
	int status = 0;
	pid_t child = fork();

	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		g_autofree char *number = g_strdup_printf("%d", step);
		if (step > 0)
			setenv("BERTH_FAILPOINT_KILL", number, 1);
		what(root);
		_exit(0);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	return status;
}

static void put(struct berth_store *store, const char *kind, const char *id, const struct berth_reference *to,
		size_t count)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), &error);
	BERTH_AUTO_JSON json_t *nothing = json_object();

	g_assert_no_error(error);
	g_assert_true(berth_record_put(transaction, kind, id, NULL, nothing, to, count, &error));
	g_assert_true(berth_transaction_commit(transaction, &error));
}

static void forget(struct berth_store *store, const char *kind, const char *id)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), &error);

	g_assert_no_error(error);
	g_assert_true(berth_record_remove(transaction, kind, id, &error));
	g_assert_true(berth_transaction_commit(transaction, &error));
}

// Makes what is not there yet, as a caller does that comes back after a crash.
static void walk(const char *root)
{
	g_autoptr(GError) error = NULL;
	struct berth_store *store = berth_store_open(root, NULL, &error);
	g_assert_no_error(error);
	struct berth_snapshots *snapshots = berth_store_snapshots(store);
	struct berth_lease *lease = berth_lease_new(store);

	int64_t offset;
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(store), "layer", &offset, &error);
	g_assert_no_error(error);
	g_assert_cmpint(offset, <=, 5);
	g_assert_true(berth_ingest_write(ingest, "layer" + offset, (size_t) (5 - offset), &error));
	g_autofree char *digest = NULL, *config = NULL;
	g_assert_true(berth_ingest_commit(ingest, NULL, 5, &digest, &error));
	config = berth_blob_put(berth_store_blobs(store), "{}", 2, &error);
	g_assert_no_error(error);
	if (!berth_snapshot_exists(snapshots, CHAIN_A)) {
		g_assert_true(berth_snapshot_prepare(snapshots, "unpacking", NULL, &error));
		berth_fd content = berth_snapshot_open_content(snapshots, "unpacking", &error);
		scene_write(content, "file", "content", 0644);
		g_assert_true(berth_snapshot_commit(snapshots, "unpacking", CHAIN_A, &error));
	}
	struct berth_reference of_image[] = {{"blob", digest}, {"blob", config}, {"snapshot", CHAIN_A}};
	put(store, "image", "i", of_image, G_N_ELEMENTS(of_image));
	berth_lease_release(lease);

	struct berth_reference of_container[] = {{"image", "i"}, {"snapshot", "c"}};
	if (!berth_snapshot_exists(snapshots, "c"))
		g_assert_true(berth_snapshot_prepare(snapshots, "c", CHAIN_A, &error));
	put(store, "container", "c", of_container, G_N_ELEMENTS(of_container));
	forget(store, "container", "c");
	g_assert_true(berth_snapshot_remove(snapshots, "c", &error));
	forget(store, "image", "i");
	struct berth_collected collected;
	g_assert_true(berth_store_collect(store, &collected, &error));
	berth_store_free(store);
}

static void check_reference(void *data, const char *kind, const char *id, const struct berth_reference *to)
{
	(void) kind, (void) id;
	g_ptr_array_add(data, g_strdup(to->kind));
	g_ptr_array_add(data, g_strdup(to->id));
}

static int count_entries(const char *root, const char *folder, bool *ret_dots)
{
	g_autofree char *path = g_build_filename(root, folder, NULL);
	g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
	int count = 0;

	g_assert_nonnull(list);
	for (const char *name; (name = g_dir_read_name(list)); count++)
		*ret_dots |= name[0] == '.' || strchr(name, '.') != NULL;
	return count;
}

static void note_snapshot(void *data, const char *id, const char *parent, bool committed)
{
	(void) id, (void) parent, (void) committed;
	(*(int *) data)++;
}

// Every reference leads somewhere, every folder has its record, nothing half-made is to be seen.
static void check(const char *root)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) references = g_ptr_array_new_with_free_func(g_free);
	struct berth_store *store = berth_store_open(root, NULL, &error);
	g_assert_no_error(error);
	int records = 0;
	bool dots = false;
	{
		g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), &error);
		g_assert_true(berth_references_each(transaction, check_reference, references, &error));
		g_assert_true(berth_snapshots_each(berth_store_snapshots(store), transaction, note_snapshot, &records,
						   &error));
	}
	for (guint i = 0; i < references->len; i += 2) {
		const char *kind = references->pdata[i], *id = references->pdata[i + 1];
		if (g_str_equal(kind, "blob")) {
			g_autofree char *data = berth_blob_read(berth_store_blobs(store), id, 100, NULL, &error);
			g_assert_no_error(error);
		} else if (g_str_equal(kind, "snapshot")) {
			berth_fd tree = -1;
			berth_snapshot_mount(berth_store_snapshots(store), id, &tree, &error);
			g_assert_no_error(error);
			scene_assert_text(tree, "file", "content");
		}
	}
	g_assert_cmpint(count_entries(root, "snapshots", &dots), ==, records);
	count_entries(root, "blobs/sha256", &dots);
	g_assert_false(dots);
	berth_store_free(store);
}

static void test_crash(void)
{
	int step = 1;

	for (bool ended = false; !ended; step++) {
		g_autofree char *folder = NULL;
		char *root = scene_new();
		folder = g_build_filename(root, "data", NULL);
		int status = in_child(walk, folder, step);
		ended = WIFEXITED(status);
		g_assert_true(ended ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
		g_assert_cmpint(in_child(check, folder, 0), ==, 0);
		g_assert_cmpint(in_child(walk, folder, 0), ==, 0);
		bool dots = false;
		g_assert_cmpint(count_entries(folder, "snapshots", &dots), ==, 0);
		g_assert_cmpint(count_entries(folder, "blobs/sha256", &dots), ==, 0);
		g_assert_cmpint(count_entries(folder, "blobs/ingest", &dots), ==, 0);
		scene_free(root);
	}
	g_test_message("%d steps", step - 2);
	g_assert_cmpint(step, >, 25);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (geteuid() != 0) {
		g_print("1..0 # SKIP snapshots need mounts, which only root may make\n");
		return 0;
	}
	g_test_add_func("/store/store/crash", test_crash);
	return g_test_run();
}
