// SPDX-License-Identifier: Apache-2.0
#include "store/blob.h"

#include "base/error.h"
#include "store/tests/scene.h"

#include <pthread.h>

#define CHUNKS 2000
#define CHUNK 1000

struct scene {
	char *root;
	struct berth_blobs *blobs;
	struct berth_ingest *ingest;
	struct berth_ingest_reader *reader;
	GError *error;
};

static void begin(struct scene *scene, const char *there)
{
	*scene = (struct scene){.root = scene_new()};
	scene->blobs = berth_blobs_open(scene->root, &scene->error);
	g_assert_no_error(scene->error);
	scene->ingest = berth_blob_ingest(scene->blobs, "layer", NULL, &scene->error);
	if (there) {
		g_assert_true(berth_ingest_write(scene->ingest, there, strlen(there), &scene->error));
		berth_ingest_abort(scene->ingest, true);
		scene->ingest = berth_blob_ingest(scene->blobs, "layer", NULL, &scene->error);
	}
	g_assert_no_error(scene->error);
	scene->reader = berth_ingest_reader_new(scene->ingest);
}

static void finish(struct scene *scene)
{
	berth_ingest_reader_free(scene->reader);
	g_assert_no_error(scene->error);
	berth_blobs_free(scene->blobs);
	scene_free(scene->root);
}

// What reading says: the bytes to the end, or the message of why it failed.
static char *read_all(struct berth_ingest_reader *reader)
{
	GString *text = g_string_new(NULL);
	GError *error = NULL;
	char chunk[777];
	gssize length;

	while ((length = berth_ingest_reader_read(reader, chunk, sizeof chunk, &error)) > 0)
		g_string_append_len(text, chunk, length);
	if (length < 0)
		g_string_assign(text, error->message);
	g_assert_true((length < 0) == (error != NULL));
	g_clear_error(&error);
	return g_string_free(text, false);
}

static void *run_reader(void *reader)
{
	return read_all(reader);
}

static void test_follows(void)
{
	struct scene scene;
	pthread_t threads[2];
	g_autoptr(GString) all = g_string_new("head");

	begin(&scene, "head");
	struct berth_ingest_reader *second = berth_ingest_reader_new(scene.ingest);
	g_assert_cmpint(pthread_create(&threads[0], NULL, run_reader, scene.reader), ==, 0);
	g_assert_cmpint(pthread_create(&threads[1], NULL, run_reader, second), ==, 0);
	for (int i = 0; i < CHUNKS; i++) {
		char chunk[CHUNK];
		memset(chunk, 'a' + i % 26, sizeof chunk);
		g_string_append_len(all, chunk, sizeof chunk);
		g_assert_true(berth_ingest_write(scene.ingest, chunk, sizeof chunk, &scene.error));
	}
	g_assert_true(berth_ingest_commit(scene.ingest, NULL, -1, NULL, &scene.error));
	for (int i = 0; i < 2; i++) {
		void *text;
		pthread_join(threads[i], &text);
		g_assert_cmpstr(text, ==, all->str);
		g_free(text);
	}
	berth_ingest_reader_free(second);
	finish(&scene);
}

// What is there is read before more comes.
static void test_at_once(void)
{
	struct scene scene;
	char text[16];

	begin(&scene, "he");
	g_assert_cmpint(berth_ingest_reader_read(scene.reader, text, sizeof text, &scene.error), ==, 2);
	g_assert_true(berth_ingest_write(scene.ingest, "llo", 3, &scene.error));
	g_assert_cmpint(berth_ingest_reader_read(scene.reader, text + 2, sizeof text - 2, &scene.error), ==, 3);
	g_assert_cmpmem(text, 5, "hello", 5);
	g_assert_true(berth_ingest_commit(scene.ingest, NULL, 5, NULL, &scene.error));
	g_assert_cmpint(berth_ingest_reader_read(scene.reader, text, sizeof text, &scene.error), ==, 0);
	finish(&scene);
}

// A reader outlives the writing, and does not keep the next writer away.
static void test_abort(void)
{
	struct scene scene;

	begin(&scene, "half");
	berth_ingest_abort(scene.ingest, true);
	g_autofree char *message = read_all(scene.reader);
	g_assert_cmpstr(message, ==, "the writing of the blob of layer was given up");
	scene.ingest = berth_blob_ingest(scene.blobs, "layer", NULL, &scene.error);
	g_assert_no_error(scene.error);
	berth_ingest_abort(scene.ingest, false);
	finish(&scene);
}

static void test_mismatch(void)
{
	const char *digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
	struct scene scene;
	g_autoptr(GError) error = NULL;

	begin(&scene, "jello");
	g_assert_false(berth_ingest_commit(scene.ingest, digest, 5, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_autofree char *message = read_all(scene.reader);
	g_assert_cmpstr(message, ==, error->message);
	finish(&scene);
}

static void test_cancel(void)
{
	struct scene scene;
	pthread_t thread;
	void *message;

	begin(&scene, "half");
	g_assert_cmpint(pthread_create(&thread, NULL, run_reader, scene.reader), ==, 0);
	g_usleep(20000); // most likely it waits then
	berth_ingest_reader_cancel(scene.reader);
	pthread_join(thread, &message);
	g_assert_cmpstr(message, ==, "reading the blob of layer was canceled");
	g_free(message);
	berth_ingest_abort(scene.ingest, false);
	finish(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_own_mounts();
	g_test_add_func("/store/blob-reader/follows", test_follows);
	g_test_add_func("/store/blob-reader/at-once", test_at_once);
	g_test_add_func("/store/blob-reader/abort", test_abort);
	g_test_add_func("/store/blob-reader/mismatch", test_mismatch);
	g_test_add_func("/store/blob-reader/cancel", test_cancel);
	return g_test_run();
}
