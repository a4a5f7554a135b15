// SPDX-License-Identifier: Apache-2.0
// The data root as a whole: its lock, leases, collection.
#include "store/store.h"

#include "base/json.h"
#include "store/tests/scene.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct scene {
	char *root; // the data root lies in it
	char *data;
	struct berth_store *store;
	GError *error;
};

static void open_store(struct scene *scene)
{
	scene->store = berth_store_open(scene->data, NULL, &scene->error);
	g_assert_no_error(scene->error);
}

static void begin(struct scene *scene)
{
	*scene = (struct scene){.root = scene_new()};
	scene->data = g_build_filename(scene->root, "var", "berth", NULL);
	open_store(scene);
}

static void finish(struct scene *scene)
{
	g_assert_no_error(scene->error);
	berth_store_free(scene->store);
	g_free(scene->data);
	scene_free(scene->root);
}

static void put(struct scene *scene, const char *kind, const char *id, const char *to_kind, const char *to)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(scene->store), &scene->error);
	BERTH_AUTO_JSON json_t *nothing = json_object();
	struct berth_reference reference = {to_kind, to};
	g_assert_true(berth_record_put(transaction, kind, id, NULL, nothing, &reference, to ? 1 : 0, &scene->error));
	g_assert_true(berth_transaction_commit(transaction, &scene->error));
}

static void forget(struct scene *scene, const char *kind, const char *id)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(scene->store), &scene->error);
	g_assert_true(berth_record_remove(transaction, kind, id, &scene->error));
	g_assert_true(berth_transaction_commit(transaction, &scene->error));
}

static char *blob(struct scene *scene, const char *text)
{
	char *digest = berth_blob_put(berth_store_blobs(scene->store), text, strlen(text), &scene->error);
	g_assert_no_error(scene->error);
	return digest;
}

static void layer(struct scene *scene, const char *chain_id, const char *parent)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(scene->store);
	g_assert_true(berth_snapshot_prepare(snapshots, "unpacking", parent, &scene->error));
	berth_fd content = berth_snapshot_open_content(snapshots, "unpacking", &scene->error);
	g_autofree char *text = g_strndup(chain_id + strlen("sha256:"), 4);
	scene_write(content, "file", text, 0644);
	g_assert_true(berth_snapshot_commit(snapshots, "unpacking", chain_id, &scene->error));
}

static bool has_blob(struct scene *scene, const char *digest)
{
	return berth_blob_exists(berth_store_blobs(scene->store), digest);
}

static bool has_snapshot(struct scene *scene, const char *id)
{
	return berth_snapshot_exists(berth_store_snapshots(scene->store), id);
}

static void collect(struct scene *scene, int blobs, int snapshots, int bytes)
{
	struct berth_collected collected = {-1, -1, -1};
	g_assert_true(berth_store_collect(scene->store, &collected, &scene->error));
	g_assert_cmpint(collected.blobs, ==, blobs);
	g_assert_cmpint(collected.snapshots, ==, snapshots);
	g_assert_cmpint(collected.bytes, ==, bytes);
}

static void test_root(void)
{
	struct scene scene;
	struct stat status;
	begin(&scene);
	g_assert_cmpstr(berth_store_root(scene.store), ==, scene.data);
	g_assert_cmpint(stat(scene.data, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 07777, ==, 0711);
	g_assert_null(berth_store_open(scene.data, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_CONFLICT, scene.data);
	berth_store_free(scene.store); // and then it is free
	open_store(&scene);
	g_assert_null(berth_store_open("/proc/nothing", NULL, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "make the data root /proc/nothing"));
	g_clear_error(&scene.error);
	finish(&scene);
}

static void test_collect(void)
{
	struct scene scene;
	begin(&scene);
	collect(&scene, 0, 0, 0);
	g_autofree char *used = blob(&scene, "used"), *unused = blob(&scene, "not used");
	layer(&scene, CHAIN_A, NULL);
	layer(&scene, CHAIN_B, CHAIN_A);
	layer(&scene, CHAIN_C, CHAIN_A);
	put(&scene, "manifest", "m", "blob", used);
	put(&scene, "image", "i", "snapshot", CHAIN_B);
	collect(&scene, 1, 1, 8 + 4); // CHAIN_C; CHAIN_A is reached as a parent
	g_assert_true(has_blob(&scene, used));
	g_assert_false(has_blob(&scene, unused));
	g_assert_true(has_snapshot(&scene, CHAIN_A));
	g_assert_true(has_snapshot(&scene, CHAIN_B));
	g_assert_false(has_snapshot(&scene, CHAIN_C));
	collect(&scene, 0, 0, 0);

	// A container keeps the layers beneath it when the image goes.
	struct berth_snapshots *snapshots = berth_store_snapshots(scene.store);
	g_assert_true(berth_snapshot_prepare(snapshots, "container", CHAIN_B, &scene.error));
	put(&scene, "container", "c", "snapshot", "container");
	forget(&scene, "image", "i");
	forget(&scene, "manifest", "m");
	collect(&scene, 1, 0, 4);
	forget(&scene, "container", "c");
	collect(&scene, 0, 0, 0); // the writable snapshot is somebody's to remove
	g_assert_true(berth_snapshot_remove(snapshots, "container", &scene.error));
	collect(&scene, 0, 2, 8);
	g_assert_false(has_snapshot(&scene, CHAIN_A));
	g_assert_false(has_snapshot(&scene, CHAIN_B));
	finish(&scene);
}

static void test_lease(void)
{
	struct scene scene;
	begin(&scene);
	g_autofree char *before = blob(&scene, "before"), *unknown = blob(&scene, "unknown");
	layer(&scene, CHAIN_A, NULL);
	layer(&scene, CHAIN_B, CHAIN_A);
	struct berth_lease *lease = berth_lease_new(scene.store);
	berth_lease_add(lease, "blob", before);
	berth_lease_add(lease, "snapshot", CHAIN_B);
	// What is committed while it lives is added by itself, also when it was there before.
	g_autofree char *during = blob(&scene, "during");
	g_autofree char *again = blob(&scene, "before");
	layer(&scene, CHAIN_C, NULL);
	collect(&scene, 1, 0, 7);
	g_assert_true(has_blob(&scene, before));
	g_assert_true(has_blob(&scene, during));
	g_assert_false(has_blob(&scene, unknown));
	g_assert_true(has_snapshot(&scene, CHAIN_A)); // beneath a leased one
	g_assert_true(has_snapshot(&scene, CHAIN_C));

	struct berth_lease *other = berth_lease_new(scene.store);
	berth_lease_add(other, "blob", before);
	berth_lease_release(lease);
	collect(&scene, 1, 3, 6 + 12);
	g_assert_true(has_blob(&scene, before));
	berth_lease_release(other);
	berth_lease_release(NULL);
	collect(&scene, 1, 0, 6);
	finish(&scene);
}

static void test_sweep(void)
{
	struct scene scene;
	begin(&scene);
	struct berth_snapshots *snapshots = berth_store_snapshots(scene.store);
	layer(&scene, CHAIN_A, NULL);
	g_assert_true(berth_snapshot_prepare(snapshots, "abandoned", CHAIN_A, &scene.error));
	g_assert_true(berth_snapshot_prepare(snapshots, "container", CHAIN_A, &scene.error));
	put(&scene, "container", "c", "snapshot", "container");
	berth_store_free(scene.store);
	g_autofree char *leftover = g_build_filename(scene.data, "snapshots", ".new-x", NULL);
	g_assert_cmpint(mkdir(leftover, 0700), ==, 0);
	open_store(&scene);
	g_assert_false(has_snapshot(&scene, "abandoned"));
	g_assert_true(has_snapshot(&scene, "container"));
	g_assert_true(has_snapshot(&scene, CHAIN_A));
	g_assert_false(scene_exists(AT_FDCWD, leftover));
	finish(&scene);
}

// What pulls and removals do, while collections run: nothing that a record names may be missing.
struct worker {
	struct scene *scene;
	int number;
};

static int working;

static void use(struct scene *scene, const char *id, const char *text)
{
	g_autofree char *chain = NULL, *unpacking = g_strconcat("unpacking-", id, NULL);
	struct berth_snapshots *snapshots = berth_store_snapshots(scene->store);
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_transaction) transaction = NULL;
	BERTH_AUTO_JSON json_t *nothing = json_object();
	berth_lease *lease = berth_lease_new(scene->store);
	g_autofree char *digest = berth_blob_put(berth_store_blobs(scene->store), text, strlen(text), &error);

	g_assert_no_error(error);
	chain = g_strdup(digest);
	g_assert_true(berth_snapshot_prepare(snapshots, unpacking, NULL, &error));
	g_assert_true(berth_snapshot_commit(snapshots, unpacking, chain, &error));
	struct berth_reference to[] = {{"blob", digest}, {"snapshot", chain}};
	transaction = berth_transaction_begin(berth_store_database(scene->store), &error);
	g_assert_true(berth_record_put(transaction, "image", id, NULL, nothing, to, 2, &error));
	g_assert_true(berth_transaction_commit(transaction, &error));
	berth_lease_release(lease);

	sched_yield();
	g_assert_true(has_blob(scene, digest));
	berth_fd tree = -1;
	g_assert_true(berth_snapshot_mount(snapshots, chain, &tree, &error));
}

static void *work(void *data)
{
	struct worker *worker = data;
	for (int i = 0; i < 30; i++) {
		g_autofree char *id = g_strdup_printf("%d", worker->number);
		g_autofree char *text = g_strdup_printf("content %d", i % 3); // shared between all
		use(worker->scene, id, text);
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(worker->scene->store), NULL);
		g_assert_true(berth_record_remove(transaction, "image", id, NULL));
		g_assert_true(berth_transaction_commit(transaction, NULL));
	}
	g_atomic_int_add(&working, -1);
	return NULL;
}

static void test_threads(void)
{
	struct scene scene;
	pthread_t threads[4];
	struct worker workers[4];
	int64_t blobs = 0, snapshots = 0;
	begin(&scene);
	g_atomic_int_set(&working, 4);
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){&scene, i};
		g_assert_cmpint(pthread_create(&threads[i], NULL, work, &workers[i]), ==, 0);
	}
	while (g_atomic_int_get(&working) > 0) {
		struct berth_collected collected;
		g_assert_true(berth_store_collect(scene.store, &collected, &scene.error));
		blobs += collected.blobs;
		snapshots += collected.snapshots;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	struct berth_collected rest;
	g_assert_true(berth_store_collect(scene.store, &rest, &scene.error));
	g_assert_cmpint(blobs + rest.blobs, >=, 3);
	g_assert_cmpint(snapshots + rest.snapshots, >=, 3);
	collect(&scene, 0, 0, 0); // nothing is left
	finish(&scene);
}

static void write_in(struct scene *scene, const char *id, const char *name, const char *text)
{
	berth_fd content = berth_snapshot_open_content(berth_store_snapshots(scene->store), id, &scene->error);
	g_assert_no_error(scene->error);
	scene_write(content, name, text, 0644);
}

static void assert_in(struct scene *scene, const char *id, const char *name, const char *text)
{
	berth_fd tree = -1;
	berth_snapshot_mount(berth_store_snapshots(scene->store), id, &tree, &scene->error);
	g_assert_no_error(scene->error);
	scene_assert_text(tree, name, text);
}

// "a" and "b" on it are frozen, "c" on that is written to.
static void prepare_frozen(struct scene *scene)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(scene->store);

	g_assert_true(berth_snapshot_prepare(snapshots, "a", NULL, &scene->error));
	write_in(scene, "a", "one", "1");
	g_assert_false(berth_snapshot_prepare(snapshots, "b", "a", &scene->error)); // not frozen yet
	g_clear_error(&scene->error);
	g_assert_true(berth_snapshot_freeze(snapshots, "a", &scene->error));
	g_assert_cmpint(berth_snapshot_open_content(snapshots, "a", &scene->error), ==, -1);
	g_clear_error(&scene->error);
	g_assert_true(berth_snapshot_prepare(snapshots, "b", "a", &scene->error));
	write_in(scene, "b", "two", "2");
	g_assert_true(berth_snapshot_freeze(snapshots, "b", &scene->error));
	g_assert_true(berth_snapshot_prepare(snapshots, "c", "b", &scene->error));
}

static bool put_also(void *data, struct berth_transaction *transaction, GError **error)
{
	BERTH_AUTO_JSON json_t *nothing = json_object();
	const struct berth_reference reference = {"snapshot", CHAIN_B};

	return *(bool *) data ? berth_record_put(transaction, "kind", "x", NULL, nothing, &reference, 1, error)
			      : berth_error_set(error, BERTH_ERROR_INTERNAL, "no");
}

static struct berth_ingest *written(struct scene *scene, const char *text)
{
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(scene->store), NULL, NULL, &scene->error);

	g_assert_true(berth_ingest_write(ingest, text, strlen(text), &scene->error));
	return ingest;
}

static void test_settle(void)
{
	struct berth_settle_layer layers[] = {{"a", NULL, CHAIN_A, false}, {"b", CHAIN_A, CHAIN_B, false}};
	struct scene scene;
	bool well = false;

	begin(&scene);
	struct berth_snapshots *snapshots = berth_store_snapshots(scene.store);
	prepare_frozen(&scene);
	// What fails in the middle changes nothing.
	g_assert_false(berth_store_settle(scene.store, NULL, 0, layers, 2, put_also, &well, &scene.error));
	g_clear_error(&scene.error);
	assert_in(&scene, "c", "two", "2");
	well = true;
	struct berth_ingest *ingests[] = {written(&scene, "archive")};
	g_assert_true(berth_store_settle(scene.store, ingests, 1, layers, 2, put_also, &well, &scene.error));
	g_assert_false(berth_snapshot_exists(snapshots, "a"));
	assert_in(&scene, CHAIN_B, "one", "1");
	assert_in(&scene, "c", "two", "2"); // its parent has another name now
	char *digest = blob(&scene, "archive");
	g_assert_true(berth_blob_exists(berth_store_blobs(scene.store), digest));
	g_free(digest);
	// The same layer again stays under its own name, which is the caller's to remove.
	g_assert_true(berth_snapshot_prepare(snapshots, "d", NULL, &scene.error));
	g_assert_true(berth_snapshot_freeze(snapshots, "d", &scene.error));
	struct berth_settle_layer again = {"d", NULL, CHAIN_A, false};
	g_assert_true(berth_store_settle(scene.store, NULL, 0, &again, 1, NULL, NULL, &scene.error));
	g_assert_true(again.exists);
	g_assert_true(berth_snapshot_remove(snapshots, "d", &scene.error));
	finish(&scene);
}

static void test_frozen_are_swept(void)
{
	struct scene scene;

	begin(&scene);
	prepare_frozen(&scene);
	berth_store_free(scene.store);
	open_store(&scene);
	for (const char *const *id = (const char *const[]){"a", "b", "c", NULL}; *id; id++)
		g_assert_false(berth_snapshot_exists(berth_store_snapshots(scene.store), *id));
	finish(&scene);
}

// On a thread of its own, which cannot list folders: the filter ends with it.
static void *sweep_blindly(void *data)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {G_N_ELEMENTS(rules), rules};
	struct scene *scene = data;

	g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	g_assert_cmpint(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
	g_assert_false(berth_snapshots_sweep(berth_store_snapshots(scene->store), &scene->error));
	return NULL;
}

// What a folder did not tell of is not taken for gone.
static void test_unreadable_is_kept(void)
{
	struct scene scene;
	pthread_t thread;

	begin(&scene);
	prepare_frozen(&scene);
	g_assert_cmpint(pthread_create(&thread, NULL, sweep_blindly, &scene), ==, 0);
	pthread_join(thread, NULL);
	g_assert_nonnull(scene.error);
	g_assert_nonnull(strstr(scene.error->message, "list the snapshots"));
	g_clear_error(&scene.error);
	assert_in(&scene, "c", "two", "2");
	g_assert_true(berth_snapshots_sweep(berth_store_snapshots(scene.store), &scene.error));
	assert_in(&scene, "c", "two", "2");
	finish(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (geteuid() != 0) {
		g_print("1..0 # SKIP snapshots need mounts, which only root may make\n");
		return 0;
	}
	g_test_add_func("/store/store/root", test_root);
	g_test_add_func("/store/store/collect", test_collect);
	g_test_add_func("/store/store/lease", test_lease);
	g_test_add_func("/store/store/sweep", test_sweep);
	g_test_add_func("/store/store/threads", test_threads);
	g_test_add_func("/store/store/settle", test_settle);
	g_test_add_func("/store/store/frozen-are-swept", test_frozen_are_swept);
	g_test_add_func("/store/store/unreadable-is-kept", test_unreadable_is_kept);
	return g_test_run();
}
