// SPDX-License-Identifier: Apache-2.0
#include "image/images-internal.h"
#include "image/tests/fixture.h"
#include "image/tests/registry.h"
#include "image/transfer.h"

#include <string.h>

struct scene {
	struct fixture fixture;
	struct registry *registry;
	struct berth_registries *client;
	GString *lines; // of the progress: "id: status\n", "aux {…}\n"
};

static void note(void *data, const struct api_progress *progress)
{
	struct scene *scene = data;

	if (progress->progress_detail && progress->progress_detail->total)
		return;
	if (progress->aux) {
		g_autofree char *text = json_dumps(progress->aux, JSON_COMPACT | JSON_SORT_KEYS);
		g_string_append_printf(scene->lines, "aux %s\n", text);
		return;
	}
	if (progress->id)
		g_string_append_printf(scene->lines, "%s: ", progress->id);
	g_string_append_printf(scene->lines, "%s\n", progress->status);
}

static void begin(struct scene *scene)
{
	g_autoptr(GError) error = NULL;

	*scene = (struct scene){.registry = registry_new(), .lines = g_string_new(NULL)};
	fixture_setup(&scene->fixture, NULL);
	scene->client = berth_registries_new(&(struct berth_registries_options){0}, &error);
	g_assert_no_error(error);
}

static void end(struct scene *scene)
{
	berth_registries_free(scene->client);
	fixture_teardown(&scene->fixture, NULL);
	registry_free(scene->registry);
	g_string_free(scene->lines, true);
}

static struct berth_transfer_options options_of(struct scene *scene)
{
	return (struct berth_transfer_options){.registries = scene->client, .progress = note, .data = scene};
}

static char *full_name(const struct scene *scene, const char *name)
{
	return g_strconcat(scene->registry->host, "/", name, NULL);
}

// "" or the error's message. `name` stands behind the host.
static char *push(struct scene *scene, const char *name, bool all_tags)
{
	g_autofree char *full = full_name(scene, name);
	g_autoptr(GError) error = NULL;
	struct berth_transfer_options options = options_of(scene);

	options.all_tags = all_tags;
	bool done = berth_images_push(scene->fixture.images, full, &options, &error);
	g_assert_true(done == !error);
	return g_strdup(error ? error->message : "");
}

static void pull(struct scene *scene, const char *name)
{
	g_autofree char *full = full_name(scene, name);
	g_autoptr(GError) error = NULL;
	struct berth_transfer_options options = options_of(scene);

	berth_images_pull(scene->fixture.images, full, &options, &error);
	g_assert_no_error(error);
	g_string_truncate(scene->lines, 0);
}

static void expect_line(struct scene *scene, const char *format, const char *value)
{
	g_autofree char *line = value ? g_strdup_printf(format, value) : g_strdup(format);

	if (!strstr(scene->lines->str, line))
		g_error("\"%s\" is not in:\n%s", line, scene->lines->str);
}

static char *import(struct scene *scene, const char *content, const char *name)
{
	g_autofree char *full = full_name(scene, name);

	return fixture_import(&scene->fixture, content, full);
}

static void tag(struct scene *scene, const char *from, const char *to)
{
	g_autofree char *old = full_name(scene, from), *new = full_name(scene, to);

	g_assert_true(berth_images_tag(scene->fixture.images, old, new, NULL));
}

// What was made here is compressed, once; its id stays, and it can be pulled as it is.
static void test_made_here(void)
{
	struct scene scene;

	begin(&scene);
	g_autofree char *id = import(&scene, "content", "mine:1");
	g_string_truncate(scene.fixture.events, 0);
	assert_text(push(&scene, "mine:1", false), "");
	g_autofree char *name = full_name(&scene, "mine:1"), *repository = full_name(&scene, "mine");
	g_autofree char *event = g_strdup_printf("push %s;", name);
	g_assert_cmpstr(scene.fixture.events->str, ==, event);
	expect_line(&scene, "The push refers to repository [%s]\n", repository);
	expect_line(&scene, ": Preparing\n", NULL);
	expect_line(&scene, ": Pushed\n", NULL);
	g_autofree char *text = registry_text(scene.registry, "mine", "manifests/1");
	g_autofree char *digest = tarball_digest(text, strlen(text));
	g_assert_nonnull(strstr(text, OCI_MEDIA_LAYER_GZIP));
	g_autofree char *aux =
		g_strdup_printf("1: digest: %s size: %zu\naux {\"Digest\":\"%s\",\"Size\":%zu,\"Tag\":\"1\"}\n", digest,
				strlen(text), digest, strlen(text));
	g_assert_true(g_str_has_suffix(scene.lines->str, aux));
	struct api_image_inspect *image = berth_images_inspect(scene.fixture.images, name, NULL);
	g_autofree char *by_digest = g_strconcat(repository, "@", digest, NULL);
	g_assert_cmpstr(image->repo_digests[0], ==, by_digest);
	g_assert_cmpstr(image->id, ==, id);
	api_image_inspect_free(image);

	// Again: nothing is compressed or uploaded.
	registry_forget_log(scene.registry);
	g_string_truncate(scene.lines, 0);
	assert_text(push(&scene, "mine:1", false), "");
	expect_line(&scene, ": Layer already exists\n", NULL);
	g_assert_cmpuint(registry_count(scene.registry, "POST"), ==, 0);
	g_autofree char *again = registry_text(scene.registry, "mine", "manifests/1");
	g_assert_cmpstr(again, ==, text);

	// Another store gets the same image.
	struct scene other;
	begin(&other);
	other.registry->host = (g_free(other.registry->host), g_strdup(scene.registry->host));
	pull(&other, "mine:1");
	g_autofree char *found = berth_images_resolve(other.fixture.images, name, NULL);
	g_assert_cmpstr(found, ==, id);
	end(&other);
	end(&scene);
}

// What came from a registry goes as it came, byte for byte, and its blobs need no upload within the host.
static void test_as_it_came(void)
{
	struct scene scene;

	begin(&scene);
	g_autoptr(GByteArray) layer = fixture_root("content");
	g_autofree char *blob = registry_blob(scene.registry, "theirs", layer->data, layer->len);
	g_autofree char *config = g_strdup_printf("{\"os\":\"linux\",\"architecture\":\"%s\",\"config\":{},"
						  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
						  berth_image_architecture(), blob, blob);
	g_autofree char *id = registry_blob(scene.registry, "theirs", config, strlen(config));
	// Odd, and with a plain layer, twice.
	g_autofree char *text = g_strdup_printf(
		"{\"layers\":[{\"size\":%u,\"mediaType\":\"" OCI_MEDIA_LAYER "\",\"digest\":\"%s\"},{\"size\":%u,"
		"\"mediaType\":\"" OCI_MEDIA_LAYER "\",\"digest\":\"%s\"}],\n\n\"schemaVersion\":2,\"mediaType\":"
		"\"" DOCKER_MEDIA_MANIFEST "\",\"config\":{\"mediaType\":\"" DOCKER_MEDIA_CONFIG
		"\",\"digest\":\"%s\",\"size\":%zu}} ",
		layer->len, blob, layer->len, blob, id, strlen(config));
	g_autofree char *digest = registry_manifest(scene.registry, "theirs", "1", DOCKER_MEDIA_MANIFEST, text);
	pull(&scene, "theirs:1");
	tag(&scene, "theirs:1", "copy:2");
	registry_forget_log(scene.registry);
	assert_text(push(&scene, "copy:2", false), "");
	g_autofree char *pushed = registry_text(scene.registry, "copy", "manifests/2");
	g_assert_cmpstr(pushed, ==, text);
	expect_line(&scene, ": Mounted from theirs\n", NULL);
	expect_line(&scene, ": Layer already exists\n", NULL); // the second time
	g_assert_cmpuint(registry_count(scene.registry, "PUT "), ==, 1); // the manifest
	end(&scene);
}

static void test_all_tags(void)
{
	struct scene scene;

	begin(&scene);
	g_free(import(&scene, "a", "mine:a"));
	g_free(import(&scene, "b", "mine:b"));
	g_free(import(&scene, "c", "mine2:c"));
	assert_text(push(&scene, "mine", true), "");
	g_free(registry_text(scene.registry, "mine", "manifests/a"));
	static const char *const there[] = {"manifests/a", "manifests/b"};
	for (guint i = 0; i < G_N_ELEMENTS(there); i++) {
		g_autofree char *text = registry_text(scene.registry, "mine", there[i]);
		g_assert_nonnull(text);
	}
	g_assert_null(registry_text(scene.registry, "mine2", "manifests/c"));
	expect_line(&scene, "\na: digest: sha256:", NULL);
	expect_line(&scene, "\nb: digest: sha256:", NULL);
	end(&scene);
}

static void test_refused(void)
{
	struct scene scene;

	begin(&scene);
	g_free(import(&scene, "a", "mine:a"));
	g_autofree char *none =
		g_strdup_printf("An image does not exist locally with the tag: %s/none", scene.registry->host);
	g_autofree char *tag_missing = g_strdup_printf("tag does not exist: %s/mine:latest", scene.registry->host);
	assert_text(push(&scene, "none", false), none);
	assert_text(push(&scene, "none", true), none);
	assert_text(push(&scene, "mine", false), tag_missing);
	assert_text(push(&scene, "mine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false),
		    "cannot push a digest reference");
	g_assert_cmpuint(registry_count(scene.registry, "\n"), ==, 0);
	end(&scene);
}

// An index of images that are elsewhere: they come along.
static void test_index(void)
{
	struct scene scene;
	gsize sizes[2];
	g_autofree char *digest = NULL;
	g_autoptr(GError) error = NULL;

	begin(&scene);
	g_autoptr(GByteArray) layer = fixture_root("content");
	const GByteArray *layers[] = {layer};
	g_autofree char *one =
		registry_image(scene.registry, &(struct registry_image){"one", "1", layers, 1}, &sizes[0]);
	g_autofree char *two = registry_image(
		scene.registry, &(struct registry_image){"all", "2", layers, 1, NULL, "s390x"}, &sizes[1]);
	char *sources[] = {g_strconcat(scene.registry->host, "/one@", one, NULL),
			   g_strconcat(scene.registry->host, "/all@", two, NULL), NULL};
	g_autoptr(oci_index) index = berth_document_new(&oci_index_document);
	index->schema_version = 2;
	index->manifests = berth_objects_new();
	for (guint i = 0; i < 2; i++) {
		struct oci_descriptor *descriptor = berth_document_new(&oci_descriptor_document);
		descriptor->media_type = g_strdup(OCI_MEDIA_MANIFEST);
		descriptor->digest = g_strdup(i ? two : one);
		descriptor->size = (int64_t) sizes[i];
		g_ptr_array_add(index->manifests, descriptor);
	}
	g_autofree char *name = full_name(&scene, "all:multi");
	struct berth_transfer_options options = options_of(&scene);
	berth_images_push_index(scene.fixture.images, name, index, sources, &options, &digest, &error);
	g_assert_no_error(error);
	g_autofree char *path = g_strconcat("manifests/", one, NULL);
	g_autofree char *copied = registry_text(scene.registry, "all", path);
	g_assert_nonnull(copied);
	struct berth_manifest manifest = {NULL};
	g_assert_true(berth_images_remote_manifest(scene.fixture.images, name, &options, &manifest, &error));
	g_assert_cmpstr(manifest.digest, ==, digest);
	g_assert_cmpstr(manifest.media_type, ==, OCI_MEDIA_INDEX);
	berth_manifest_clear(&manifest);

	g_clear_pointer(&sources[1], g_free);
	g_assert_false(berth_images_push_index(scene.fixture.images, name, index, sources, &options, &digest, &error));
	g_assert_cmpstr(error->message, ==, "the index lists 2 manifests, there are 1 sources");
	g_free(sources[0]);
	sources[0] = NULL;
	end(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/image/push/made-here", test_made_here);
	g_test_add_func("/image/push/as-it-came", test_as_it_came);
	g_test_add_func("/image/push/all-tags", test_all_tags);
	g_test_add_func("/image/push/refused", test_refused);
	g_test_add_func("/image/push/index", test_index);
	return g_test_run();
}
