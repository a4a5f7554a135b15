// SPDX-License-Identifier: Apache-2.0
#include "store/blob.h"

#include "store/tests/scene.h"

#include <pthread.h>

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct scene {
	char *root;
	struct berth_blobs *blobs;
	GError *error;
};

static void begin(struct scene *scene)
{
	scene->root = scene_new();
	scene->error = NULL;
	scene->blobs = berth_blobs_open(scene->root, &scene->error);
	g_assert_no_error(scene->error);
}

static void finish(struct scene *scene)
{
	g_assert_no_error(scene->error);
	berth_blobs_free(scene->blobs);
	scene_free(scene->root);
}

static void reopen(struct scene *scene)
{
	berth_blobs_free(scene->blobs);
	scene->blobs = berth_blobs_open(scene->root, &scene->error);
	g_assert_no_error(scene->error);
}

static struct berth_ingest *ingest(struct scene *scene, const char *reference, int64_t expected_offset)
{
	int64_t offset = -1;
	struct berth_ingest *made = berth_blob_ingest(scene->blobs, reference, &offset, &scene->error);
	g_assert_no_error(scene->error);
	g_assert_cmpint(offset, ==, expected_offset);
	return made;
}

static void write_text(struct scene *scene, struct berth_ingest *made, const char *text)
{
	g_assert_true(berth_ingest_write(made, text, strlen(text), &scene->error));
}

static int count_files(struct scene *scene, const char *folder)
{
	g_autofree char *path = g_build_filename(scene->root, "blobs", folder, NULL);
	g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
	int count = 0;
	while (g_dir_read_name(list))
		count++;
	return count;
}

static void test_digest(void)
{
	char digest[BERTH_DIGEST_SIZE];
	struct berth_hash *hash = berth_hash_new();
	berth_hash_update(hash, "hel", 3);
	berth_hash_update(hash, "lo", 2);
	berth_hash_digest(hash, digest);
	g_assert_cmpstr(digest, ==, HELLO);
	berth_hash_digest(berth_hash_new(), digest);
	g_assert_cmpstr(digest, ==, EMPTY);
	berth_hash_free(NULL);

	g_assert_true(berth_digest_valid(HELLO));
	g_assert_false(berth_digest_valid(NULL));
	g_assert_false(berth_digest_valid(""));
	g_assert_false(berth_digest_valid(HELLO "0"));
	g_assert_false(berth_digest_valid("sha256:2cf24dba"));
	g_assert_false(berth_digest_valid("sha512:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
	g_assert_false(berth_digest_valid("sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"));
	g_assert_false(berth_digest_valid("sha256:../../../../../../../../../../../../../../../../../../etc/passwd/"));
}

static bool note(void *data, const char *digest, int64_t size)
{
	g_string_append_printf(data, "%.10s %d\n", digest, (int) size);
	return false;
}

static void test_small(void)
{
	struct scene scene;
	int64_t size = 0;
	size_t length = 0;
	begin(&scene);
	g_assert_false(berth_blob_exists(scene.blobs, HELLO));
	for (int i = 0; i < 2; i++) { // the second time it is there
		g_autofree char *digest = berth_blob_put(scene.blobs, "hello", 5, &scene.error);
		g_assert_cmpstr(digest, ==, HELLO);
	}
	g_assert_true(berth_blob_exists(scene.blobs, HELLO));
	reopen(&scene);
	berth_fd fd = berth_blob_open(scene.blobs, HELLO, &size, &scene.error);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(size, ==, 5);
	g_autofree char *text = berth_blob_read(scene.blobs, HELLO, 5, &length, &scene.error);
	g_assert_cmpmem(text, length, "hello", 5);
	g_assert_null(berth_blob_read(scene.blobs, HELLO, 4, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "limit of 4 bytes");

	g_autoptr(GString) listed = g_string_new(NULL);
	g_autofree char *empty = berth_blob_put(scene.blobs, "", 0, &scene.error);
	g_assert_cmpstr(empty, ==, EMPTY);
	g_assert_true(berth_blob_remove(scene.blobs, EMPTY, &scene.error));
	g_assert_true(berth_blob_remove(scene.blobs, EMPTY, &scene.error)); // missing is fine
	g_assert_true(berth_blob_each(scene.blobs, note, listed, &scene.error));
	g_assert_cmpstr(listed->str, ==, "sha256:2cf 5\n");

	g_assert_cmpint(berth_blob_open(scene.blobs, EMPTY, NULL, &scene.error), ==, -1);
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "no such blob: " EMPTY);
	g_assert_cmpint(berth_blob_open(scene.blobs, "sha256:../x", NULL, &scene.error), ==, -1);
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "invalid digest \"sha256:../x\"");
	g_assert_false(berth_blob_remove(scene.blobs, "../x", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "invalid digest");
	finish(&scene);
}

static void test_damaged(void)
{
	struct scene scene;
	begin(&scene);
	g_autofree char *digest = berth_blob_put(scene.blobs, "hello", 5, &scene.error);
	g_autofree char *path = g_build_filename(scene.root, "blobs", "sha256", digest + strlen("sha256:"), NULL);
	g_assert_true(g_file_set_contents(path, "hellO", 5, NULL));
	g_assert_null(berth_blob_read(scene.blobs, digest, 100, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "is damaged on disk");
	finish(&scene);
}

static void test_resume(void)
{
	struct scene scene;
	begin(&scene);
	struct berth_ingest *made = ingest(&scene, "layer/../of x", 0);
	write_text(&scene, made, "he");
	g_assert_false(berth_blob_exists(scene.blobs, HELLO));
	berth_ingest_abort(made, true);
	reopen(&scene);
	made = ingest(&scene, "layer/../of x", 2);
	write_text(&scene, made, "llo");
	g_autofree char *digest = NULL;
	g_assert_true(berth_ingest_commit(made, HELLO, 5, &digest, &scene.error));
	g_assert_cmpstr(digest, ==, HELLO);
	g_assert_true(berth_blob_exists(scene.blobs, HELLO));
	g_assert_cmpint(count_files(&scene, "ingest"), ==, 0);

	// Not kept: the next begins anew. And what exists already is fine.
	made = ingest(&scene, "layer/../of x", 0);
	write_text(&scene, made, "x");
	berth_ingest_abort(made, false);
	made = ingest(&scene, "layer/../of x", 0);
	write_text(&scene, made, "hello");
	g_assert_true(berth_ingest_commit(made, NULL, -1, NULL, &scene.error));
	g_assert_cmpint(count_files(&scene, "ingest"), ==, 0);
	g_assert_cmpint(count_files(&scene, "sha256"), ==, 1);
	berth_ingest_abort(NULL, true);
	finish(&scene);
}

static void test_mismatch(void)
{
	struct scene scene;
	begin(&scene);
	struct berth_ingest *made = ingest(&scene, "a", 0);
	write_text(&scene, made, "hellO");
	g_assert_false(berth_ingest_commit(made, HELLO, 5, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "the blob of a: expected digest " HELLO ", got sha256:");
	made = ingest(&scene, "a", 0); // dropped
	write_text(&scene, made, "hell");
	g_assert_false(berth_ingest_commit(made, HELLO, 5, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "the blob of a: expected 5 bytes, got 4");
	made = ingest(&scene, "a", 0);
	g_assert_false(berth_ingest_commit(made, "md5:1", -1, NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "invalid digest");
	g_assert_cmpint(count_files(&scene, "sha256"), ==, 0);
	finish(&scene);
}

static void test_two_writers(void)
{
	struct scene scene;
	begin(&scene);
	struct berth_ingest *made = ingest(&scene, "a", 0), *other = ingest(&scene, "b", 0);
	g_assert_null(berth_blob_ingest(scene.blobs, "a", NULL, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_CONFLICT, "the blob of a is being written already");
	write_text(&scene, made, "hello");
	write_text(&scene, other, "hello"); // the same content under another reference
	g_assert_true(berth_ingest_commit(made, HELLO, 5, NULL, &scene.error));
	g_assert_true(berth_ingest_commit(other, HELLO, 5, NULL, &scene.error));
	berth_ingest_abort(ingest(&scene, "a", 0), false);
	finish(&scene);
}

static void test_sweep(void)
{
	struct scene scene;
	begin(&scene);
	berth_ingest_abort(ingest(&scene, "old", 0), true);
	berth_ingest_abort(ingest(&scene, "new", 0), true);
	berth_ingest_abort(berth_blob_ingest(scene.blobs, NULL, NULL, &scene.error), true); // nobody resumes it
	g_assert_cmpint(count_files(&scene, "ingest"), ==, 3);
	g_autofree char *folder = g_build_filename(scene.root, "blobs", "ingest", NULL);
	g_autofree char *half = g_build_filename(scene.root, "blobs", "sha256", "2cf24d.1.2.tmp", NULL);
	g_assert_true(g_file_set_contents(half, "he", 2, NULL));
	g_autoptr(GDir) list = g_dir_open(folder, 0, NULL);
	const char *name = g_dir_read_name(list);
	while (strchr(name, '.'))
		name = g_dir_read_name(list);
	g_autofree char *first = g_build_filename(folder, name, NULL);
	const struct timespec long_ago[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	g_assert_cmpint(utimensat(AT_FDCWD, first, long_ago, 0), ==, 0);
	reopen(&scene);
	g_assert_cmpint(count_files(&scene, "ingest"), ==, 1);
	g_assert_cmpint(count_files(&scene, "sha256"), ==, 0);
	finish(&scene);
}

static void test_full_disk(void)
{
	struct scene scene;
	g_autofree char *much = g_malloc0(2 << 20);
	scene.root = scene_new();
	scene.error = NULL;
	if (scene_small_disk(scene.root)) {
		scene.blobs = berth_blobs_open(scene.root, &scene.error);
		struct berth_ingest *made = ingest(&scene, "big", 0);
		g_assert_false(berth_ingest_write(made, much, 2 << 20, &scene.error));
		scene_assert_error(&scene.error, BERTH_ERROR_RESOURCE_EXHAUSTED, "write big: No space left on device");
		g_assert_false(berth_ingest_write(made, much, 1, &scene.error));
		scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "an earlier write failed");
		g_assert_false(berth_ingest_commit(made, NULL, -1, NULL, &scene.error));
		scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "an earlier write failed");
		g_assert_null(berth_blob_put(scene.blobs, much, 2 << 20, &scene.error));
		scene_assert_error(&scene.error, BERTH_ERROR_RESOURCE_EXHAUSTED, "No space left on device");
		g_assert_cmpint(count_files(&scene, "sha256"), ==, 0);
		berth_blobs_free(scene.blobs);
		umount2(scene.root, MNT_DETACH);
	}
	scene_free(scene.root);
}

struct writer {
	struct scene *scene;
	const char *reference; // NULL: each its own
	int number, done, refused;
};

static void *run_writer(void *data)
{
	struct writer *writer = data;
	for (int i = 0; i < 50; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *own = g_strdup_printf("writer %d", writer->number);
		g_autofree char *content = g_strdup_printf("content %d", i);
		struct berth_ingest *made = berth_blob_ingest(
			writer->scene->blobs, writer->reference ? writer->reference : own, NULL, &error);
		if (!made) {
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
			writer->refused++;
			i--; // once more
			sched_yield();
			continue;
		}
		g_assert_true(berth_ingest_write(made, content, strlen(content), &error));
		g_assert_true(berth_ingest_commit(made, NULL, (int64_t) strlen(content), NULL, &error));
		writer->done++;
	}
	return NULL;
}

static void test_threads(void)
{
	for (int shared = 0; shared < 2; shared++) {
		struct scene scene;
		pthread_t threads[4];
		struct writer writers[4];
		int refused = 0;
		begin(&scene);
		for (int i = 0; i < 4; i++) {
			writers[i] = (struct writer){&scene, shared ? "one" : NULL, i, 0, 0};
			g_assert_cmpint(pthread_create(&threads[i], NULL, run_writer, &writers[i]), ==, 0);
		}
		for (int i = 0; i < 4; i++) {
			pthread_join(threads[i], NULL);
			g_assert_cmpint(writers[i].done, ==, 50);
			refused += writers[i].refused;
		}
		g_assert_true(shared || refused == 0);
		g_assert_cmpint(count_files(&scene, "sha256"), ==, 50);
		g_assert_cmpint(count_files(&scene, "ingest"), ==, 0);
		finish(&scene);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_own_mounts();
	g_test_add_func("/store/blob/digest", test_digest);
	g_test_add_func("/store/blob/small", test_small);
	g_test_add_func("/store/blob/damaged", test_damaged);
	g_test_add_func("/store/blob/resume", test_resume);
	g_test_add_func("/store/blob/mismatch", test_mismatch);
	g_test_add_func("/store/blob/two-writers", test_two_writers);
	g_test_add_func("/store/blob/sweep", test_sweep);
	g_test_add_func("/store/blob/full-disk", test_full_disk);
	g_test_add_func("/store/blob/threads", test_threads);
	return g_test_run();
}
