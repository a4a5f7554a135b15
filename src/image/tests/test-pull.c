// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "image/images-internal.h"
#include "image/origin.h"
#include "image/platform.h"
#include "image/tests/fixture.h"
#include "image/tests/registry.h"
#include "image/transfer.h"

#include <string.h>

struct scene {
	struct fixture fixture;
	struct registry *registry;
	struct berth_registries *client;
	GByteArray *layers[3]; // plain archives
	pthread_mutex_t lock; // several pulls may tell
	GString *lines; // of the progress: "id: status\n"
	int64_t cancel_at; // downloaded bytes; 0: never
	int canceled; // by atomics
};

static void note(void *data, const struct api_progress *progress)
{
	struct scene *scene = data;

	if (progress->progress_detail && progress->progress_detail->total) {
		g_assert_nonnull(progress->progress);
		if (scene->cancel_at && progress->progress_detail->current >= scene->cancel_at)
			__atomic_store_n(&scene->canceled, 1, __ATOMIC_RELAXED);
		return;
	}
	pthread_mutex_lock(&scene->lock);
	if (progress->id)
		g_string_append_printf(scene->lines, "%s: ", progress->id);
	g_string_append_printf(scene->lines, "%s\n", progress->status);
	pthread_mutex_unlock(&scene->lock);
}

static bool is_canceled(void *data)
{
	return __atomic_load_n(&((struct scene *) data)->canceled, __ATOMIC_RELAXED);
}

static void begin(struct scene *scene, const char *driver)
{
	g_autoptr(GError) error = NULL;

	*scene = (struct scene){.registry = registry_new(), .lines = g_string_new(NULL)};
	pthread_mutex_init(&scene->lock, NULL);
	fixture_setup(&scene->fixture, driver);
	scene->client = berth_registries_new(&(struct berth_registries_options){0}, &error);
	g_assert_no_error(error);
	scene->layers[0] = fixture_root("one");
	scene->layers[1] = tarball_new();
	tarball_add(scene->layers[1], &(struct tarball_entry){"second", .content = "two"});
	tarball_end(scene->layers[1]);
	scene->layers[2] = tarball_new();
	tarball_add(scene->layers[2], &(struct tarball_entry){"etc/.wh.hello"});
	tarball_end(scene->layers[2]);
}

static void end(struct scene *scene)
{
	berth_registries_free(scene->client);
	fixture_teardown(&scene->fixture, NULL);
	registry_free(scene->registry);
	pthread_mutex_destroy(&scene->lock);
	g_string_free(scene->lines, true);
	for (guint i = 0; i < G_N_ELEMENTS(scene->layers); i++)
		g_byte_array_unref(scene->layers[i]);
}

// "" or the error's message. `name` stands behind the host.
static char *pull_as(struct scene *scene, const char *name, const char *platform, bool all_tags)
{
	g_autofree char *full = g_strconcat(scene->registry->host, "/", name, NULL);
	g_autoptr(GError) error = NULL;
	struct berth_transfer_options options = {.registries = scene->client,
						 .platform = platform,
						 .all_tags = all_tags,
						 .progress = note,
						 .canceled = is_canceled,
						 .data = scene};

	bool done = berth_images_pull(scene->fixture.images, full, &options, &error);
	g_assert_true(done == !error);
	return g_strdup(error ? error->message : "");
}

// As a build does. The image's id.
static char *pull_base(struct scene *scene, const char *name, const char *platform)
{
	g_autofree char *full = g_strconcat(scene->registry->host, "/", name, NULL);
	g_autoptr(GError) error = NULL;
	char *id = NULL;
	struct berth_transfer_options options = {.registries = scene->client,
						 .platform = platform,
						 .keep_tags = true,
						 .ret_image = &id,
						 .progress = note,
						 .data = scene};

	berth_images_pull(scene->fixture.images, full, &options, &error);
	g_assert_no_error(error);
	return id;
}

static char *architecture_of(struct scene *scene, const char *name)
{
	struct api_image_inspect *image = berth_images_inspect(scene->fixture.images, name, NULL);
	char *architecture = g_strdup(image ? image->architecture : "none");

	api_image_inspect_free(image);
	return architecture;
}

static void pull(struct scene *scene, const char *name)
{
	assert_text(pull_as(scene, name, NULL, false), "");
}

// No image; of the rest, what is whole may stay for the next try.
static void assert_nothing_half(const struct scene *scene)
{
	g_autofree char *path = g_build_filename(scene->fixture.folder, "snapshots", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	g_assert_cmpint(berth_images_count(scene->fixture.images, NULL), ==, 0);
	while ((name = g_dir_read_name(dir)))
		g_assert_true(g_str_has_prefix(name, "sha256-"));
}

static void pull_fails(struct scene *scene, const char *name, const char *with)
{
	g_autofree char *message = pull_as(scene, name, NULL, false);

	if (!strstr(message, with))
		g_error("\"%s\" is not in \"%s\"", with, message);
	assert_nothing_half(scene);
}

static char *put_image(struct scene *scene, struct registry_image image)
{
	image.layers = (const GByteArray *const *) scene->layers;
	if (!image.count)
		image.count = 3;
	if (!image.repository)
		image.repository = "test/image";
	if (!image.tag)
		image.tag = "1";
	return registry_image(scene->registry, &image, NULL);
}

static char *blob_of(const GByteArray *layer, guint *ret_size)
{
	g_autoptr(GByteArray) bytes = tarball_compress(layer, "gzip");

	if (ret_size)
		*ret_size = bytes->len;
	return tarball_digest(bytes->data, bytes->len);
}

static void expect_line(struct scene *scene, const char *format, const char *value)
{
	g_autofree char *line = value ? g_strdup_printf(format, value) : g_strdup(format);

	if (!strstr(scene->lines->str, line))
		g_error("\"%s\" is not in:\n%s", line, scene->lines->str);
}

static void test_pull(gconstpointer driver)
{
	struct scene scene;

	begin(&scene, driver);
	g_autofree char *digest = put_image(&scene, (struct registry_image){0}), *top = blob_of(scene.layers[2], NULL);
	pull(&scene, "test/image:1");
	g_assert_true(g_str_has_prefix(scene.lines->str, "1: Pulling from test/image\n"));
	top[strlen("sha256:") + 12] = '\0';
	static const char *const steps[] = {"%s: Pulling fs layer\n", "%s: Verifying Checksum\n",
					    "%s: Download complete\n", "%s: Pull complete\n"};
	for (guint i = 0; i < G_N_ELEMENTS(steps); i++)
		expect_line(&scene, steps[i], top + strlen("sha256:"));
	g_autofree char *last = g_strdup_printf("Digest: %s\nStatus: Downloaded newer image for %s/test/image:1\n",
						digest, scene.registry->host);
	g_assert_true(g_str_has_suffix(scene.lines->str, last));
	g_autofree char *event = g_strdup_printf("pull %s/test/image:1;", scene.registry->host);
	g_assert_cmpstr(scene.fixture.events->str, ==, event);

	// The layers are one tree.
	g_autofree char *name = g_strconcat(scene.registry->host, "/test/image:1", NULL);
	g_autofree char *by_digest = g_strconcat(scene.registry->host, "/test/image@", digest, NULL);
	struct api_image_inspect *image = berth_images_inspect(scene.fixture.images, name, NULL);
	g_assert_cmpuint(g_strv_length(image->root_fs->layers), ==, 3);
	g_assert_cmpstr(image->repo_digests[0], ==, by_digest);
	g_assert_cmpint(image->size, ==, 6);
	api_image_inspect_free(image);

	// Again: one request.
	registry_forget_log(scene.registry);
	g_string_truncate(scene.lines, 0);
	pull(&scene, "test/image:1");
	g_assert_cmpuint(registry_count(scene.registry, "\n"), ==, 1);
	expect_line(&scene, "Status: Image is up to date for %s\n", name);
	g_string_truncate(scene.lines, 0);
	g_autofree char *short_name = g_strconcat("test/image:9@", digest, NULL);
	pull(&scene, short_name); // the digest says more than the tag
	expect_line(&scene, "Status: Image is up to date for %s\n", by_digest);
	end(&scene);
}

// What a failure left is gone on with.
static void put_ingest(struct scene *scene, const char *digest, const void *data, gsize length)
{
	g_autoptr(GError) error = NULL;
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(scene->fixture.store), digest, NULL, &error);

	g_assert_true(ingest && berth_ingest_write(ingest, data, length, &error));
	berth_ingest_abort(ingest, true);
}

static void test_resume(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_free(put_image(&scene, (struct registry_image){0}));
	g_autoptr(GByteArray) first = tarball_compress(scene.layers[0], "gzip");
	g_autoptr(GByteArray) second = tarball_compress(scene.layers[1], "gzip");
	g_autofree char *one = tarball_digest(first->data, first->len),
			*two = tarball_digest(second->data, second->len);
	put_ingest(&scene, one, first->data, 50);
	put_ingest(&scene, two, "not what it should be", 21); // a crash of the machine can leave that
	pull(&scene, "test/image:1");
	g_autofree char *good = g_strconcat(one, " bytes=50-\n", NULL), *bad = g_strconcat(two, " bytes=21-\n", NULL),
			*whole = g_strconcat(two, "\n", NULL);
	g_assert_cmpuint(registry_count(scene.registry, good), ==, 1);
	g_assert_cmpuint(registry_count(scene.registry, one), ==, 1);
	g_assert_cmpuint(registry_count(scene.registry, bad), ==, 1);
	g_assert_cmpuint(registry_count(scene.registry, whole), ==, 1);
	end(&scene);
}

static void test_compressions(void)
{
	static const char *const types[][2] = {{"zstd", OCI_MEDIA_LAYER_ZSTD}, {"", OCI_MEDIA_LAYER}, {"xz", NULL}};
	struct scene scene;

	begin(&scene, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		g_free(put_image(&scene, (struct registry_image){.filter = types[i][0], .layer_type = types[i][1]}));
		g_autofree char *name = g_strconcat(scene.registry->host, "/test/image:1", NULL);
		pull(&scene, "test/image:1");
		g_assert_cmpuint(fixture_count_files(scene.fixture.folder, "snapshots"), ==, 3);
		g_free(fixture_remove(&scene.fixture, name, false)); // the next one unpacks, too
		fixture_assert_nothing(&scene.fixture);
	}
	end(&scene);
}

// What a pull brought goes with its image.
static void test_removed(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_autofree char *digest = put_image(&scene, (struct registry_image){0}), *blob = blob_of(scene.layers[0], NULL);
	pull(&scene, "test/image:1");
	g_autofree char *name = g_strconcat(scene.registry->host, "/test/image:1", NULL);
	g_autofree char *removed =
		g_strdup_printf("-%s;-%s/test/image@%s;image;layer;layer;layer;", name, scene.registry->host, digest);
	assert_text(fixture_remove(&scene.fixture, name, false), removed);
	fixture_assert_nothing(&scene.fixture);
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(scene.fixture.store), NULL);
	g_auto(GStrv) paths = berth_origin_paths(transaction, blob, scene.registry->host, NULL);
	g_assert_null(paths[0]);
	g_clear_pointer(&transaction, berth_transaction_free);
	end(&scene);
}

static void test_cancel(void)
{
	struct scene scene;
	guint size = 4 << 20;
	g_autofree char *noise = g_malloc(size);

	begin(&scene, NULL);
	for (guint i = 0; i < size; i++)
		noise[i] = (char) g_random_int();
	g_byte_array_unref(scene.layers[0]);
	scene.layers[0] = tarball_new();
	tarball_add(scene.layers[0], &(struct tarball_entry){"noise", .content = noise, .length = size});
	tarball_end(scene.layers[0]);
	g_free(put_image(&scene, (struct registry_image){.count = 1}));
	scene.registry->slow = true;
	scene.cancel_at = 1;
	g_autofree char *message = pull_as(&scene, "test/image:1", NULL, false);
	g_assert_nonnull(strstr(message, "cancel"));
	assert_nothing_half(&scene);
	g_assert_cmpuint(fixture_count_files(scene.fixture.folder, "blobs/ingest"), ==, 1);
	scene.cancel_at = 0;
	scene.canceled = 0;
	scene.registry->slow = false;
	pull(&scene, "test/image:1");
	g_assert_cmpuint(registry_count(scene.registry, "bytes="), ==, 1);
	end(&scene);
}

static void test_refused(void)
{
	struct scene scene;
	guint size;

	begin(&scene, NULL);
	g_autofree char *blob = blob_of(scene.layers[1], &size), *wrong = g_strnfill(size, 'x');
	g_free(put_image(&scene, (struct registry_image){0}));
	registry_falsify(scene.registry, "test/image", blob, wrong);
	pull_fails(&scene, "test/image:1", "expected digest sha256:");
	g_autofree char *path = g_strconcat("/v2/test/image/blobs/", blob, NULL);
	registry_remove(scene.registry, path);
	pull_fails(&scene, "test/image:1", blob);
	g_free(put_image(
		&scene, (struct registry_image){
				.tag = "diff",
				.diff_id = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}));
	pull_fails(&scene, "test/image:diff", "the image's configuration says sha256:0123456789abcdef");
	g_free(put_image(&scene, (struct registry_image){.tag = "count", .more_diff_ids = 1}));
	pull_fails(&scene, "test/image:count", "the manifest has 3 layers, the configuration says 4");
	g_free(put_image(&scene, (struct registry_image){.tag = "os", .os = "windows"}));
	pull_fails(&scene, "test/image:os", "it is for the operating system \"windows\"");
	g_free(put_image(&scene, (struct registry_image){.tag = "type", .layer_type = "text/plain"}));
	pull_fails(&scene, "test/image:type", "layer 1 has the unknown media type text/plain");
	g_free(registry_manifest(
		scene.registry, "test/image", "artifact", OCI_MEDIA_MANIFEST,
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST
		"\",\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"
		"\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
		"\"layers\":[]}"));
	pull_fails(&scene, "test/image:artifact", "this is no image: its configuration is a application/vnd.oci.empty");
	pull_fails(&scene, "test/image:none", "/test/image:none not found: ");
	assert_text(pull_as(&scene, "test/image:1", "windows/amd64", false),
		    "platform \"windows/amd64\": only images for the operating system linux run here");
	end(&scene);
}

static void test_foreign(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_free(put_image(&scene, (struct registry_image){.url = "https://elsewhere.example/layer", .count = 1}));
	g_autofree char *blob = blob_of(scene.layers[0], NULL);
	g_autofree char *path = g_strconcat("/v2/test/image/blobs/", blob, NULL);
	registry_remove(scene.registry, path);
	pull_fails(&scene, "test/image:1", "it is kept elsewhere (https://elsewhere.example/layer)");
	end(&scene);
}

static void test_index(void)
{
	struct scene scene;
	gsize size;
	GString *list = g_string_new("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":[");

	begin(&scene, NULL);
	static const char *const platforms[][3] = {{"s390x", NULL, "1"},
						   {"arm", "v7", "2"},
						   {"amd64", NULL, "3"},
						   {"arm64", NULL, "3"},
						   {"riscv64", NULL, "3"}};
	for (guint i = 0; i < G_N_ELEMENTS(platforms); i++) {
		g_autofree char *digest = registry_image(
			scene.registry,
			&(struct registry_image){"multi", NULL, (const GByteArray *const *) scene.layers,
						 (guint) atoi(platforms[i][2]), NULL, platforms[i][0], platforms[i][1]},
			&size);
		g_string_append_printf(list,
				       "%s{\"mediaType\":\"" OCI_MEDIA_MANIFEST
				       "\",\"digest\":\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\","
				       "\"architecture\":\"%s\",\"variant\":\"%s\"}}",
				       i ? "," : "", digest, size, platforms[i][0],
				       platforms[i][1] ? platforms[i][1] : "");
	}
	g_string_append(list, "]}");
	g_autofree char *digest = registry_manifest(scene.registry, "multi", "latest", OCI_MEDIA_INDEX, list->str);
	g_string_free(list, true);
	pull(&scene, "multi");
	expect_line(&scene, "Digest: %s\n", digest);
	g_autofree char *name = g_strconcat(scene.registry->host, "/multi", NULL);
	struct api_image_inspect *image = berth_images_inspect(scene.fixture.images, name, NULL);
	g_assert_cmpstr(image->architecture, ==, berth_image_architecture());
	api_image_inspect_free(image);
	assert_text(pull_as(&scene, "multi", "linux/arm/v8", false), ""); // v7 runs there; the layers are here
	expect_line(&scene, "Already exists\n", NULL);
	image = berth_images_inspect(scene.fixture.images, name, NULL);
	g_assert_cmpstr(image->architecture, ==, "arm");
	api_image_inspect_free(image);
	pull(&scene, "multi"); // not the one that the name points to now
	image = berth_images_inspect(scene.fixture.images, name, NULL);
	g_assert_cmpstr(image->architecture, ==, berth_image_architecture());
	api_image_inspect_free(image);
	// A build's pull leaves the tag where it is, and gives none to what does not run here.
	g_autofree char *foreign = pull_base(&scene, "multi", "linux/s390x");
	assert_text(architecture_of(&scene, foreign), "s390x");
	assert_text(architecture_of(&scene, name), berth_image_architecture());
	g_autofree char *again = pull_base(&scene, "multi", "linux/s390x");
	g_assert_cmpstr(again, ==, foreign);
	g_autofree char *by_index = g_strconcat(name, "@", digest, NULL);
	assert_text(architecture_of(&scene, by_index), berth_image_architecture());
	g_autoptr(GPtrArray) removed = berth_images_remove(scene.fixture.images, name, true, true, NULL);
	for (guint i = 0; i < removed->len; i++)
		api_image_deleted_free(removed->pdata[i]);
	g_free(pull_base(&scene, "multi", "linux/s390x"));
	assert_text(architecture_of(&scene, name), "none");
	assert_text(pull_as(&scene, "multi", "linux/s390x", false), "");
	assert_text(architecture_of(&scene, name), "s390x");
	g_free(pull_base(&scene, "multi", NULL)); // somebody wanted the other one
	assert_text(architecture_of(&scene, name), "s390x");
	assert_text(pull_as(&scene, "multi", "linux/arm/v6", false),
		    "no matching manifest for linux/arm/v6 in the manifest list entries");
	end(&scene);
}

struct puller {
	struct scene *scene;
	const char *name;
	pthread_t thread;
};

static void *run_pull(void *data)
{
	struct puller *puller = data;

	pull(puller->scene, puller->name);
	return NULL;
}

static void test_at_once(void)
{
	struct scene scene;

	begin(&scene, NULL);
	// A layer may also be there twice in one image.
	g_byte_array_unref(scene.layers[2]);
	scene.layers[2] = g_byte_array_ref(scene.layers[1]);
	struct puller pullers[] = {{&scene, "one"}, {&scene, "one"}, {&scene, "two"}};
	g_free(put_image(&scene, (struct registry_image){.repository = "one", .tag = "latest"}));
	g_free(put_image(&scene,
			 (struct registry_image){.repository = "two", .tag = "latest", .architecture = "s390x"}));
	g_autofree char *first = blob_of(scene.layers[0], NULL), *twice = blob_of(scene.layers[1], NULL);
	g_autofree char *path = g_strconcat("/v2/one/blobs/", first, NULL);
	registry_wait(scene.registry, path);
	for (guint i = 0; i < G_N_ELEMENTS(pullers); i++)
		g_assert_cmpint(pthread_create(&pullers[i].thread, NULL, run_pull, &pullers[i]), ==, 0);
	while (registry_count(scene.registry, first) == 0)
		g_usleep(1000);
	g_usleep(50000); // the others come to where they wait
	registry_go_on(scene.registry);
	for (guint i = 0; i < G_N_ELEMENTS(pullers); i++)
		pthread_join(pullers[i].thread, NULL);
	g_assert_cmpuint(registry_count(scene.registry, first), ==, 1);
	g_assert_cmpuint(registry_count(scene.registry, twice), ==, 1);
	g_assert_cmpint(berth_images_count(scene.fixture.images, NULL), ==, 2);
	end(&scene);
}

struct giving_up {
	struct scene *scene;
	int canceled; // by atomics
};

static bool has_given_up(void *data)
{
	return __atomic_load_n(&((struct giving_up *) data)->canceled, __ATOMIC_RELAXED);
}

static void *run_giving_up(void *data)
{
	struct giving_up *this = data;
	struct berth_transfer_options options = {
		.registries = this->scene->client, .canceled = has_given_up, .data = this};
	g_autofree char *name = g_strconcat(this->scene->registry->host, "/test/image:1", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_false(berth_images_pull(this->scene->fixture.images, name, &options, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	return NULL;
}

// Who waits for another's download takes it over when the other gives up.
static void test_taken_over(void)
{
	struct scene scene;
	struct giving_up first = {.scene = &scene};
	pthread_t giving_up, staying;

	begin(&scene, NULL);
	g_free(put_image(&scene, (struct registry_image){.count = 1}));
	g_autofree char *blob = blob_of(scene.layers[0], NULL);
	g_autofree char *path = g_strconcat("/v2/test/image/blobs/", blob, NULL);
	registry_wait(scene.registry, path);
	g_assert_cmpint(pthread_create(&giving_up, NULL, run_giving_up, &first), ==, 0);
	while (registry_count(scene.registry, blob) == 0)
		g_usleep(1000);
	struct puller second = {&scene, "test/image:1"};
	g_assert_cmpint(pthread_create(&staying, NULL, run_pull, &second), ==, 0);
	g_usleep(50000); // it comes to where it waits
	__atomic_store_n(&first.canceled, 1, __ATOMIC_RELAXED);
	pthread_join(giving_up, NULL);
	registry_go_on(scene.registry);
	pthread_join(staying, NULL);
	g_assert_cmpuint(registry_count(scene.registry, blob), ==, 2);
	g_assert_cmpint(berth_images_count(scene.fixture.images, NULL), ==, 1);
	end(&scene);
}

// A layer is fetched when its content is here but its blob is not, and its content is looked at.
static void test_other_blob(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_free(fixture_import_bytes(&scene.fixture, scene.layers[0], "local", NULL, NULL));
	g_free(put_image(&scene, (struct registry_image){.count = 1}));
	pull(&scene, "test/image:1");
	g_assert_cmpuint(fixture_count_files(scene.fixture.folder, "snapshots"), ==, 1);
	g_assert_cmpint(berth_images_count(scene.fixture.images, NULL), ==, 2);
	end(&scene);
}

static void test_moved(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_autofree char *old = put_image(&scene, (struct registry_image){.count = 1});
	pull(&scene, "test/image:1");
	g_autofree char *new = put_image(&scene, (struct registry_image){.count = 2});
	registry_forget_log(scene.registry);
	pull(&scene, "test/image:1");
	g_autofree char *here = blob_of(scene.layers[0], NULL);
	g_assert_cmpuint(registry_count(scene.registry, here), ==, 0);
	g_assert_cmpint(berth_images_count(scene.fixture.images, NULL), ==, 2);
	g_autofree char *by_digest = g_strconcat(scene.registry->host, "/test/image@", old, NULL);
	g_autofree char *id = berth_images_resolve(scene.fixture.images, by_digest, NULL);
	g_assert_nonnull(id);
	assert_text(fixture_list(&scene.fixture, "dangling", "true"), "[]");
	g_autofree char *by_id = g_strconcat(scene.registry->host, "/test/image:1", NULL);
	g_autofree char *tagged = g_strdup_printf("[][%s]", by_id), *other_way = g_strdup_printf("[%s][]", by_id);
	g_autofree char *not_dangling = fixture_list(&scene.fixture, "dangling", "false");
	g_assert_true(g_str_equal(not_dangling, tagged) || g_str_equal(not_dangling, other_way)); // in any order
	end(&scene);
}

static void test_all_tags(void)
{
	struct scene scene;

	begin(&scene, NULL);
	g_free(put_image(&scene, (struct registry_image){.count = 1, .tag = "a"}));
	g_free(put_image(&scene, (struct registry_image){.count = 2, .tag = "b"}));
	assert_text(pull_as(&scene, "test/image", NULL, true), "");
	expect_line(&scene, "a: Pulling from test/image\n", NULL);
	expect_line(&scene, "b: Pulling from test/image\n", NULL);
	g_autofree char *name = g_strconcat(scene.registry->host, "/test/image", NULL);
	expect_line(&scene, "Status: Downloaded newer image for %s\n", name);
	g_string_truncate(scene.lines, 0);
	assert_text(pull_as(&scene, "test/image", NULL, true), "");
	expect_line(&scene, "Status: Image is up to date for %s\n", name);
	end(&scene);
}

static int rank(const char *wanted, const char *architecture, const char *variant)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(oci_platform) platform = berth_platform_parse(wanted, &error);

	g_assert_no_error(error);
	return berth_platform_rank(platform, "linux", architecture, variant);
}

static void test_platforms(void)
{
	static const struct {
		const char *wanted, *architecture, *variant;
		int rank;
	} cases[] = {
		{"linux/amd64", "amd64", NULL, 0},     {"amd64", "x86_64", NULL, 0},
		{"linux/amd64", "386", NULL, 100},     {"linux/amd64", "arm64", NULL, -1},
		{"linux/amd64", "amd64", "v2", -1},    {"linux/amd64/v3", "amd64", "v1", 2},
		{"linux/amd64/v3", "amd64", "v3", 0},  {"linux/arm64/v8", "arm64", NULL, 0},
		{"linux/arm64", "aarch64", "v8", 0},   {"linux/arm64", "arm", "v7", 101},
		{"linux/arm64", "arm", "v9", -1},      {"linux/arm", "arm", "v7", 0},
		{"linux/arm/v7", "arm", "v6", 1},      {"linux/arm/6", "arm", "v7", -1},
		{"linux/armhf", "arm", NULL, 0},       {"linux/386", "amd64", NULL, -1},
		{"linux/riscv64", "riscv64", NULL, 0}, {"linux/mips/x", "mips", NULL, -1},
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(rank(cases[i].wanted, cases[i].architecture, cases[i].variant), ==, cases[i].rank);
	static const char *const wrong[] = {"linux/", "a/b/c/d", "linux/am d64", "/amd64", "windows/amd64"};
	for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(berth_platform_parse(wrong[i], NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/image/pull/overlay", NULL, test_pull);
	g_test_add_data_func("/image/pull/copy", "copy", test_pull);
	g_test_add_func("/image/pull/resume", test_resume);
	g_test_add_func("/image/pull/compressions", test_compressions);
	g_test_add_func("/image/pull/removed", test_removed);
	g_test_add_func("/image/pull/cancel", test_cancel);
	g_test_add_func("/image/pull/refused", test_refused);
	g_test_add_func("/image/pull/foreign", test_foreign);
	g_test_add_func("/image/pull/index", test_index);
	g_test_add_func("/image/pull/at-once", test_at_once);
	g_test_add_func("/image/pull/taken-over", test_taken_over);
	g_test_add_func("/image/pull/other-blob", test_other_blob);
	g_test_add_func("/image/pull/moved", test_moved);
	g_test_add_func("/image/pull/all-tags", test_all_tags);
	g_test_add_func("/image/pull/platforms", test_platforms);
	return g_test_run();
}
