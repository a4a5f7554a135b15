// SPDX-License-Identifier: Apache-2.0
// Results of a build, made by hand, and all ways in which they go out.
#include "build/output/cache.h"
#include "build/output/internal.h"
#include "image/images-internal.h"
#include "image/tests/fixture.h"
#include "image/tests/registry.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS                                                                                                         \
	"Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n\n"                           \
	"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"

struct scene {
	struct fixture fixture;
	struct registry *registry;
	struct berth_registries *client;
	struct berth_lease *lease;
	struct berth_build_host host;
	struct oci_image *image;
	GPtrArray *layers;
	GString *warnings;
	GPtrArray *cache; // of struct berth_build_cache_entry: "key0" to "key2"
	struct berth_build_tree *layout; // of a local cache
};

static struct berth_registries *registries_of(void *data)
{
	return ((struct scene *) data)->client;
}

static void add_layer(struct scene *scene, const struct tarball_entry *entries, size_t count)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GByteArray) tarball = tarball_new();
	const struct berth_image_layer *below =
		scene->layers->len > 0 ? scene->layers->pdata[scene->layers->len - 1] : NULL;

	for (size_t i = 0; i < count; i++)
		tarball_add(tarball, &entries[i]);
	tarball_end(tarball);
	struct berth_blobs *blobs = berth_store_blobs(scene->fixture.store);
	g_autofree char *digest = berth_blob_put(blobs, tarball->data, tarball->len, &error);
	g_assert_no_error(error);
	berth_lease_add(scene->lease, BERTH_RECORD_BLOB, digest);
	struct berth_image_layer *layer = berth_image_layer_add(scene->fixture.images, scene->lease, digest,
								below ? below->chain_id : NULL, NULL, &error);
	g_assert_no_error(error);
	g_ptr_array_add(scene->layers, layer);
	guint last = scene->layers->len - 1;
	scene->image->rootfs->diff_ids = g_renew(char *, scene->image->rootfs->diff_ids, last + 2);
	scene->image->rootfs->diff_ids[last] = g_strdup(layer->diff_id);
	scene->image->rootfs->diff_ids[last + 1] = NULL;
	static const char *const keys[] = {NULL, "key0", "key1", "key2", "key3"};
	struct berth_build_cache_entry *entry = g_new0(struct berth_build_cache_entry, 1);
	*entry = (struct berth_build_cache_entry){.key = keys[last + 1],
						  .parent = keys[last],
						  .description = "RUN x",
						  .type = "regular",
						  .created = 7,
						  .layer = layer,
						  .in_result = last < 2};
	g_ptr_array_add(scene->cache, entry);
	struct oci_history *history = berth_document_new(&oci_history_document);
	history->created_by = g_strdup_printf("step %u", last);
	g_ptr_array_add(scene->image->history, history);
}

static void set_up(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	static const struct tarball_entry base[] = {
		{.name = "etc/", .type = '5'},
		{.name = "etc/hello", .content = "hello"},
		{.name = "etc/gone", .content = "gone"},
		{.name = "var/lib/dpkg/", .type = '5'},
		{.name = "var/lib/dpkg/status", .content = STATUS},
	};
	static const struct tarball_entry one[] = {{.name = "etc/hello", .content = "changed"},
						   {.name = "etc/.wh.gone", .content = ""},
						   {.name = "tmp-file", .content = "x"}};
	static const struct tarball_entry two[] = {{.name = ".wh.tmp-file", .content = ""}};

	fixture_setup(&scene->fixture, NULL);
	scene->registry = registry_new();
	scene->client = berth_registries_new(&(struct berth_registries_options){0}, &error);
	g_assert_no_error(error);
	scene->host = (struct berth_build_host){.data = scene, .registries = registries_of};
	scene->lease = berth_lease_new(scene->fixture.store);
	scene->layers = berth_objects_new();
	scene->warnings = g_string_new(NULL);
	scene->cache = g_ptr_array_new_with_free_func(g_free);
	scene->layout = NULL;
	scene->image = berth_document_new(&oci_image_document);
	scene->image->created = g_strdup("2024-01-01T00:00:00Z");
	scene->image->os = g_strdup("linux");
	scene->image->architecture = g_strdup("amd64");
	scene->image->rootfs = berth_document_new(&oci_rootfs_document);
	scene->image->rootfs->type = g_strdup("layers");
	scene->image->history = berth_objects_new();
	add_layer(scene, base, G_N_ELEMENTS(base));
	add_layer(scene, one, G_N_ELEMENTS(one));
	add_layer(scene, two, G_N_ELEMENTS(two));
}

static void tear_down(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	for (guint i = 0; i < scene->layers->len; i++)
		berth_image_layer_free(scene->layers->pdata[i]);
	g_ptr_array_unref(scene->layers);
	oci_image_free(scene->image);
	g_string_free(scene->warnings, TRUE);
	g_ptr_array_unref(scene->cache);
	if (scene->layout)
		berth_build_tree_unref(scene->layout);
	berth_lease_release(scene->lease);
	berth_registries_free(scene->client);
	registry_free(scene->registry);
	fixture_teardown(&scene->fixture, NULL);
}

static void note_event(void *data, const struct berth_build_event *event)
{
	struct scene *scene = data;

	if (event->kind == BERTH_BUILD_WARNING)
		g_string_append(scene->warnings, event->text);
}

// "" or the error's message.
static char *write_out(struct scene *scene, const struct berth_build_request *request, struct berth_build_result *ret)
{
	g_autoptr(GError) error = NULL;
	const struct berth_build_listener listener = {.event = note_event, .data = scene};
	struct berth_build_material material = {(char *) "pkg:docker/base@1", (char *) "sha256:abcd"};
	g_autoptr(GPtrArray) materials = g_ptr_array_new();
	g_ptr_array_add(materials, &material);
	const struct berth_build_made made = {.platform = "linux/amd64",
					      .image = scene->image,
					      .layers = scene->layers,
					      .base_layers = 1,
					      .materials = materials};
	const struct berth_build_out out = {
		.store = scene->fixture.store,
		.images = scene->fixture.images,
		.host = &scene->host,
		.request = request,
		.listener = &listener,
		.lease = scene->lease,
		.cache = scene->cache,
	};

	memset(ret, 0, sizeof *ret);
	bool done = berth_build_output_check(request, &error) && berth_build_output_write(&out, &made, 1, ret, &error);
	g_assert_true(done == !error);
	return g_strdup(error ? error->message : "");
}

static void clear(struct berth_build_result *result)
{
	g_free(result->image);
	g_free(result->digest);
	g_free(result->metadata);
}

static GHashTable *attribute(const char *name, const char *value)
{
	GHashTable *attributes = g_hash_table_new(g_str_hash, g_str_equal);

	g_hash_table_insert(attributes, (void *) name, (void *) value);
	return attributes;
}

static void test_image(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	char *const tags[] = {(char *) "built:1", (char *) "other", NULL};
	const struct berth_build_request request = {.tags = tags, .id = "b1"};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	assert_text(fixture_list(&scene->fixture, NULL, NULL), "[built:1,other:latest]");
	g_assert_nonnull(strstr(result.metadata, result.image));
	g_assert_nonnull(strstr(result.metadata, "docker.io/library/built:1,docker.io/library/other:latest"));
	g_autoptr(GError) error = NULL;
	g_autofree char *id = berth_images_resolve(scene->fixture.images, "built:1", &error);
	g_assert_cmpstr(id, ==, result.image);
	clear(&result);
}

static void test_refusals(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	struct berth_build_result result;
	struct berth_build_output output = {.type = "imge", .fd = -1};
	struct berth_build_request request = {.outputs = &output, .output_count = 1};

	assert_text(write_out(scene, &request, &result),
		    "output type=imge: output type \"imge\" is not known (did you mean image?)");
	output.type = "oci";
	assert_text(write_out(scene, &request, &result), "output type=oci: nobody takes what it writes");
	g_autoptr(GHashTable) colour = attribute("colour", "red");
	output.attributes = colour;
	assert_text(write_out(scene, &request, &result), "output type=oci: colour is no attribute of type=oci");
	output.attributes = NULL;
	output.type = "oci";
	output.fd = 2; // nothing is written there
	static const char *const refused[][3] = {
		{"compression", "estargz", "compression=estargz: this engine has no use"},
		{"compression", "xz", "compression=xz: expected uncompressed, gzip or zstd"},
		{"compression-level", "10", "compression-level=10: gzip has the levels 0 to 9"},
		{"compression-level", "-1", "compression-level=-1: expected a number"},
		{"force-compression", "perhaps", "force-compression=perhaps: is neither true nor false"},
		{"annotation-layer.a", "b", "annotation-layer.a: unrecognized annotation type layer"},
		{"annotation[linux/arm64].a", "b", "annotation a of linux/arm64: this build is not for that"},
		{"annotation[plan9/arm64].a", "b", "annotation[plan9/arm64].a: "},
		{"annotation-index.a", "b", "index annotations not supported for single platform export"},
		{"annotation.", "b", "annotation.: expected annotation.KEY"},
		{"registry.insecure", "true", "registry.insecure is not supported: start the engine"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GHashTable) attributes = attribute(refused[i][0], refused[i][1]);
		output.attributes = attributes;
		g_autofree char *said = write_out(scene, &request, &result);
		g_autofree char *wanted = g_strconcat("output type=oci: ", refused[i][2], NULL);
		if (!g_str_has_prefix(said, wanted))
			g_error("\"%s\" is not \"%s\"", said, wanted);
	}
	output.attributes = NULL;
	output.fd = -1;
	output.type = "registry";
	assert_text(write_out(scene, &request, &result),
		    "output type=registry: tag is needed when pushing to registry");
	g_autoptr(GHashTable) name = attribute("name", "Bad Name");
	output.attributes = name;
	g_autofree char *text = write_out(scene, &request, &result);
	g_assert_nonnull(strstr(text, "invalid reference format"));
	assert_text(fixture_list(&scene->fixture, NULL, NULL), "");
}

// A descriptor of a file in memory.
static int memory(void)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static char *bytes_of(int fd, gsize *ret_length)
{
	off_t length = lseek(fd, 0, SEEK_END);
	char *bytes = g_malloc((gsize) length + 1);

	g_assert_cmpint(pread(fd, bytes, (size_t) length, 0), ==, length);
	bytes[length] = '\0';
	*ret_length = (gsize) length;
	return bytes;
}

static bool contains(const char *bytes, gsize length, const char *text)
{
	return memmem(bytes, length, text, strlen(text)) != NULL;
}

// What goes out comes in again as the same image; twice the same bytes.
static void test_archive(struct scene *scene, const void *type)
{
	char *const tags[] = {(char *) "built:1", NULL};
	berth_fd fd = memory(), again = memory();
	struct berth_build_output output = {.type = type, .fd = fd};
	struct berth_build_request request = {.tags = tags, .outputs = &output, .output_count = 1};
	struct berth_build_result result, second;
	g_autoptr(GError) error = NULL;
	gsize length, length_again;

	assert_text(write_out(scene, &request, &result), "");
	output.fd = again;
	assert_text(write_out(scene, &request, &second), "");
	g_autofree char *one = bytes_of(fd, &length), *two = bytes_of(again, &length_again);
	g_assert_cmpmem(one, length, two, length_again);
	assert_text(fixture_list(&scene->fixture, NULL, NULL), "");
	lseek(fd, 0, SEEK_SET);
	berth_images_load(scene->fixture.images, fd, NULL, NULL, &error);
	g_assert_no_error(error);
	g_autofree char *id = berth_images_resolve(scene->fixture.images, "built:1", &error);
	g_assert_cmpstr(id, ==, result.image);
	clear(&result);
	clear(&second);
}

// "KEY=VALUE,…" as attributes; `memory` keeps the texts.
static GHashTable *attributes_of(const char *text, char ***memory)
{
	GHashTable *attributes = g_hash_table_new(g_str_hash, g_str_equal);

	*memory = g_strsplit_set(text, ",", 0);
	for (char **word = *memory; *word; word++) {
		char *equals = strchr(*word, '=');
		*equals = '\0';
		g_hash_table_insert(attributes, *word, equals + 1);
	}
	return attributes;
}

// Twice the same bytes, which load checks against their diff ids; in the given form.
static void test_compressed(struct scene *scene, const void *data)
{
	g_auto(GStrv) how = g_strsplit(data, " ", 2), words = NULL;
	g_autoptr(GHashTable) attributes = attributes_of(how[0], &words);
	g_autofree char *first = NULL;
	gsize first_length = 0;

	for (int i = 0; i < 2; i++) {
		berth_fd fd = memory();
		const struct berth_build_output output = {.type = "oci", .fd = fd, .attributes = attributes};
		const struct berth_build_request request = {.outputs = &output, .output_count = 1};
		struct berth_build_result result;
		g_autoptr(GError) error = NULL;
		gsize length;
		assert_text(write_out(scene, &request, &result), "");
		char *bytes = bytes_of(fd, &length);
		g_assert_true(contains(bytes, length, how[1]));
		if (first)
			g_assert_cmpmem(first, first_length, bytes, length);
		g_free(first);
		first = bytes;
		first_length = length;
		lseek(fd, 0, SEEK_SET);
		berth_images_load(scene->fixture.images, fd, NULL, NULL, &error);
		g_assert_no_error(error);
		clear(&result);
	}
}

// Compressed layers stay as they are unless that is forced.
static void test_force(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *name = g_strconcat(scene->registry->host, "/built:1", NULL);
	char *const tags[] = {name, NULL};
	static const char *const ways[][2] = {{"compression=gzip", OCI_MEDIA_LAYER_GZIP},
					      {"compression=zstd", OCI_MEDIA_LAYER_ZSTD},
					      {"compression=zstd,force-compression=true", OCI_MEDIA_LAYER_ZSTD},
					      {"compression=uncompressed,force-compression=true", OCI_MEDIA_LAYER}};
	struct berth_image_layer *lowest = scene->layers->pdata[0];
	struct berth_build_result result;

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		g_auto(GStrv) words = NULL;
		g_autoptr(GHashTable) attributes = attributes_of(ways[i][0], &words);
		const struct berth_build_output output = {.type = "registry", .fd = -1, .attributes = attributes};
		const struct berth_build_request request = {.tags = tags, .outputs = &output, .output_count = 1};
		assert_text(write_out(scene, &request, &result), "");
		g_autofree char *text = registry_text(scene->registry, "built", "manifests/1");
		g_autoptr(oci_manifest) manifest =
			berth_document_parse_text(&oci_manifest_document, text, strlen(text), "manifest", NULL);
		const struct oci_descriptor *first = manifest->layers->pdata[0], *last = manifest->layers->pdata[2];
		g_assert_cmpstr(last->media_type, ==, ways[i][1]);
		g_assert_cmpstr(first->media_type, ==, i == 1 ? OCI_MEDIA_LAYER_GZIP : ways[i][1]);
		if (i == 0) { // what a base image's layer is like
			berth_lease_add(scene->lease, BERTH_RECORD_BLOB, first->digest);
			g_free(lowest->digest);
			lowest->digest = g_strdup(first->digest);
		}
		clear(&result);
	}
}

static void test_docker_types(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *name = g_strconcat(scene->registry->host, "/built:1", NULL);
	char *const tags[] = {name, NULL};
	g_autoptr(GHashTable) attributes = attribute("oci-mediatypes", "false");
	struct berth_build_output output = {.type = "registry", .fd = -1, .attributes = attributes};
	struct berth_build_request request = {.tags = tags, .outputs = &output, .output_count = 1};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	g_autofree char *text = registry_text(scene->registry, "built", "manifests/1");
	for (const char *const *type =
		     (const char *const[]){DOCKER_MEDIA_MANIFEST, DOCKER_MEDIA_CONFIG, DOCKER_MEDIA_LAYER_GZIP, NULL};
	     *type; type++)
		g_assert_nonnull(strstr(text, *type));
	g_assert_null(strstr(text, "vnd.oci"));
	clear(&result);
	request.provenance = "";
	assert_text(write_out(scene, &request, &result),
		    "output type=registry: oci-mediatypes=false: Docker's media types have no attestations");
	request.provenance = NULL;
	output.type = "image";
	g_autofree char *said = write_out(scene, &request, &result);
	g_assert_nonnull(strstr(said, "the engine's own images have OCI's media types"));
}

// Each where BuildKit has it.
static void test_annotations(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *name = g_strconcat(scene->registry->host, "/built:1", NULL);
	char *const tags[] = {name, NULL};
	g_auto(GStrv) words = NULL;
	g_autoptr(GHashTable) attributes =
		attributes_of("annotation.Of.All=m,annotation[linux/amd64].Of.All=own,annotation-index.i=n,"
			      "annotation-manifest-descriptor[linux/amd64].d=e,annotation-index-descriptor.x=y",
			      &words);
	const struct berth_build_output output = {.type = "registry", .fd = -1, .attributes = attributes};
	const struct berth_build_request request = {
		.tags = tags, .outputs = &output, .output_count = 1, .provenance = ""};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	g_autofree char *text = registry_text(scene->registry, "built", "manifests/1");
	g_autoptr(oci_index) index = berth_document_parse_text(&oci_index_document, text, strlen(text), "index", NULL);
	g_assert_cmpstr(g_hash_table_lookup(index->annotations, "i"), ==, "n");
	const struct oci_descriptor *descriptor = index->manifests->pdata[0], *attested = index->manifests->pdata[1];
	g_assert_cmpstr(g_hash_table_lookup(descriptor->annotations, "d"), ==, "e");
	g_assert_null(g_hash_table_lookup(attested->annotations, "d"));
	g_autofree char *path = g_strconcat("manifests/", descriptor->digest, NULL);
	g_autofree char *inner = registry_text(scene->registry, "built", path);
	g_assert_nonnull(strstr(inner, "\"annotations\":{\"Of.All\":\"own\"}"));
	g_assert_nonnull(strstr(result.metadata, "\"annotations\":{\"x\":\"y\"}"));
	g_assert_nonnull(strstr(scene->warnings->str, "in the metadata alone"));
	clear(&result);
}

// The engine's own image has them, as long as they are asked for; one that a repository has a manifest of stays.
static void test_annotated_image(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	char *const tags[] = {(char *) "built:1", NULL};
	g_autoptr(GHashTable) attributes = attribute("annotation.a", "b");
	struct berth_build_output output = {.type = "image", .fd = -1};
	const struct berth_build_request request = {.tags = tags, .outputs = &output, .output_count = 1};
	struct berth_build_result result;
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < 3; i++) {
		output.attributes = i == 1 ? attributes : NULL;
		assert_text(write_out(scene, &request, &result), "");
		g_autoptr(GHashTable) annotations =
			berth_image_manifest_annotations(scene->fixture.images, result.digest, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(g_hash_table_lookup(annotations, "a"), ==, i == 1 ? "b" : NULL);
		clear(&result);
	}
	g_autofree char *id = berth_images_resolve(scene->fixture.images, "built:1", &error);
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(scene->fixture.store), &error);
	berth_tag_record_put(transaction, "docker.io/library/other@sha256:abcd", id, &error);
	berth_transaction_commit(transaction, &error);
	g_assert_no_error(error);
	g_clear_pointer(&transaction, berth_transaction_free);
	output.attributes = attributes;
	g_autofree char *said = write_out(scene, &request, &result);
	g_assert_nonnull(strstr(said, "the image is the same as docker.io/library/other@sha256:abcd, whose manifest "
				      "stays as it is"));
}

static void test_files(struct scene *scene, const void *type)
{
	berth_fd fd = memory();
	const struct berth_build_output output = {.type = type, .fd = fd};
	const struct berth_build_request request = {
		.outputs = &output, .output_count = 1, .provenance = "mode=max", .sbom = ""};
	struct berth_build_result result;
	gsize length;

	assert_text(write_out(scene, &request, &result), "");
	g_autofree char *bytes = bytes_of(fd, &length);
	g_assert_true(contains(bytes, length, "changed"));
	g_assert_false(contains(bytes, length, "etc/gone"));
	g_assert_true(contains(bytes, length, "provenance.json"));
	g_assert_true(contains(bytes, length, "pkg:deb/bash@5.2?arch=amd64"));
	g_assert_false(contains(bytes, length, "pkg:deb/gone"));
	g_assert_null(result.image);
	clear(&result);
}

// What is no file where packages are listed is refused, not opened.
static void test_sbom_pipe(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	static const struct tarball_entry pipe[] = {{.name = "var/lib/dpkg/status", .type = '6'}};
	berth_fd fd = memory();
	const struct berth_build_output output = {.type = "tar", .fd = fd};
	const struct berth_build_request request = {.outputs = &output, .output_count = 1, .sbom = ""};
	struct berth_build_result result;

	add_layer(scene, pipe, G_N_ELEMENTS(pipe));
	g_autofree char *said = write_out(scene, &request, &result);
	g_assert_nonnull(strstr(said, "/var/lib/dpkg/status in the root is no regular file"));
}

static void test_attestations(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = memory();
	const struct berth_build_output outputs[] = {{.type = "oci", .fd = fd}, {.type = "image", .fd = -1}};
	g_autoptr(GHashTable) arguments = attribute("TOKEN", "hidden");
	const struct berth_build_request request = {
		.outputs = outputs, .output_count = 2, .provenance = "", .arguments = arguments};
	struct berth_build_result result;
	gsize length;

	assert_text(write_out(scene, &request, &result), "");
	g_autofree char *bytes = bytes_of(fd, &length);
	g_assert_true(contains(bytes, length, "attestation-manifest"));
	g_assert_true(contains(bytes, length, "https://slsa.dev/provenance/v0.2"));
	g_assert_true(contains(bytes, length, "pkg:docker/base@1"));
	g_assert_false(contains(bytes, length, "hidden"));
	g_assert_nonnull(strstr(scene->warnings->str, "attestations are not kept"));
	clear(&result);
}

static void test_squash(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	char *const tags[] = {(char *) "built:1", NULL};
	const struct berth_build_request request = {.tags = tags, .squash = true};
	struct berth_build_result result;
	g_autoptr(GError) error = NULL;

	assert_text(write_out(scene, &request, &result), "");
	g_autoptr(oci_image) image = berth_images_config(scene->fixture.images, result.image, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_strv_length(image->rootfs->diff_ids), ==, 2);
	g_assert_cmpuint(image->history->len, ==, 4);
	g_assert_true(((struct oci_history *) image->history->pdata[1])->empty_layer);
	g_assert_false(((struct oci_history *) image->history->pdata[3])->empty_layer);
	g_autofree char *top = berth_images_top_snapshot(scene->fixture.images, result.image, &error);
	berth_fd root = -1;
	berth_snapshot_mount(berth_store_snapshots(scene->fixture.store), top, &root, &error);
	g_assert_no_error(error);
	g_autofree char *text = berth_read_file_at(root, "etc/hello", 100, NULL, &error);
	g_assert_cmpstr(text, ==, "changed");
	g_assert_cmpint(faccessat(root, "etc/gone", F_OK, 0), ==, -1);
	g_assert_cmpint(faccessat(root, "tmp-file", F_OK, 0), ==, -1);
	clear(&result);
}

static void test_registry(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *name = g_strconcat(scene->registry->host, "/built:1", NULL);
	char *const tags[] = {name, NULL};
	const struct berth_build_output output = {.type = "registry", .fd = -1};
	const struct berth_build_request request = {
		.tags = tags, .outputs = &output, .output_count = 1, .provenance = ""};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	g_autofree char *index = registry_text(scene->registry, "built", "manifests/1");
	g_assert_nonnull(index);
	g_assert_nonnull(strstr(index, "attestation-manifest"));
	g_autoptr(oci_index) parsed =
		berth_document_parse_text(&oci_index_document, index, strlen(index), "index", NULL);
	g_assert_cmpuint(parsed->manifests->len, ==, 2);
	for (guint i = 0; i < 2; i++) {
		const struct oci_descriptor *manifest = parsed->manifests->pdata[i];
		g_autofree char *path = g_strconcat("manifests/", manifest->digest, NULL);
		g_autofree char *text = registry_text(scene->registry, "built", path);
		g_assert_nonnull(text);
	}
	assert_text(fixture_list(&scene->fixture, NULL, NULL), "");
	clear(&result);
}

// Another machine, which has nothing yet.
struct elsewhere {
	struct fixture fixture;
	struct berth_lease *lease;
	struct berth_build_imports *imports;
	struct berth_build_out out;
	struct berth_build_listener listener;
};

static struct berth_build_tree *open_layout(void *data, const char *name, G_GNUC_UNUSED GError **error)
{
	g_assert_cmpstr(name, ==, "cache:0");
	return berth_build_tree_ref(((struct scene *) data)->layout);
}

static void begin_elsewhere(struct elsewhere *other, struct scene *scene, const struct berth_build_request *request)
{
	memset(other, 0, sizeof *other);
	fixture_setup(&other->fixture, NULL);
	other->lease = berth_lease_new(other->fixture.store);
	other->listener = (struct berth_build_listener){.event = note_event, .data = scene};
	other->out = (struct berth_build_out){.store = other->fixture.store,
					      .images = other->fixture.images,
					      .host = &scene->host,
					      .request = request,
					      .listener = &other->listener,
					      .lease = other->lease};
	other->imports = berth_build_imports_new(&other->out, open_layout, scene);
}

static void end_elsewhere(struct elsewhere *other)
{
	berth_build_imports_free(other->imports);
	berth_lease_release(other->lease);
	fixture_teardown(&other->fixture, NULL);
}

// The chain id of what is found, or "".
static char *find(struct elsewhere *other, const char *key, const char *parent)
{
	const struct berth_build_cache_entry *entry = NULL;
	g_autoptr(GError) error = NULL;
	struct berth_image_layer *layer = berth_build_imports_find(other->imports, key, parent, &entry, &error);

	g_assert_no_error(error);
	if (!layer)
		return g_strdup("");
	g_assert_cmpstr(entry->description, ==, "RUN x");
	g_assert_cmpint(entry->created, ==, 7);
	char *chain = g_strdup(layer->chain_id);
	berth_image_layer_free(layer);
	return chain;
}

static const char *chain_of(const struct scene *scene, guint index)
{
	return ((const struct berth_image_layer *) scene->layers->pdata[index])->chain_id;
}

// Two layers are the result's, the third comes with mode=max only.
static void check_imports(struct scene *scene, const char *from, bool max)
{
	char *const list[] = {(char *) from, NULL};
	const struct berth_build_request request = {.cache_from = list};
	struct elsewhere other;

	begin_elsewhere(&other, scene, &request);
	assert_text(find(&other, "key0", NULL), chain_of(scene, 0));
	assert_text(find(&other, "key1", chain_of(scene, 0)), chain_of(scene, 1));
	assert_text(find(&other, "key2", chain_of(scene, 1)), max ? chain_of(scene, 2) : "");
	assert_text(find(&other, "unknown", NULL), "");
	g_assert_cmpstr(scene->warnings->str, ==, "");
	end_elsewhere(&other);
}

static void test_cache_registry(struct scene *scene, const void *mode)
{
	g_autofree char *to =
		g_strdup_printf("type=registry,ref=%s/cache:1,mode=%s,compression=zstd,compression-level=3",
				scene->registry->host, (const char *) mode);
	g_autofree char *from = g_strdup_printf("%s/cache:1", scene->registry->host);
	char *const list[] = {to, NULL};
	const struct berth_build_request request = {.cache_to = list};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	check_imports(scene, from, g_str_equal(mode, "max"));
	clear(&result);
}

static void test_cache_inline(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *name = g_strconcat(scene->registry->host, "/built:1", NULL);
	char *const tags[] = {name, NULL}, *const list[] = {(char *) "type=inline", NULL};
	const struct berth_build_output output = {.type = "registry", .fd = -1};
	const struct berth_build_request request = {
		.tags = tags, .outputs = &output, .output_count = 1, .cache_to = list};
	struct berth_build_result result;

	assert_text(write_out(scene, &request, &result), "");
	check_imports(scene, name, false);
	clear(&result);
}

// Each layer among the blobs of a layout becomes a pipe, or a byte longer.
static void spoil_layers(int blobs, bool pipes)
{
	int copy = openat(blobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fdopendir(copy);

	for (struct dirent *entry; (entry = readdir(list));) {
		char first = '{';
		if (*entry->d_name == '.')
			continue;
		berth_fd fd = openat(blobs, entry->d_name, O_RDWR | O_APPEND | O_CLOEXEC);
		g_assert_cmpint(read(fd, &first, 1), ==, 1);
		if (first == '{')
			continue;
		if (!pipes) {
			g_assert_cmpint(write(fd, "x", 1), ==, 1);
			continue;
		}
		g_assert_cmpint(unlinkat(blobs, entry->d_name, 0), ==, 0);
		g_assert_cmpint(mkfifoat(blobs, entry->d_name, 0600), ==, 0);
	}
	closedir(list);
}

// A blob that does not end, or is none, is not read into the store.
static void check_spoiled(struct scene *scene, bool pipes, const char *expected)
{
	char *const list[] = {(char *) "type=local,source=cache:0", NULL};
	const struct berth_build_request request = {.cache_from = list};
	berth_fd blobs = openat(berth_build_tree_folder(scene->layout), "blobs/sha256", O_RDONLY | O_DIRECTORY);
	struct elsewhere other;

	spoil_layers(blobs, pipes);
	begin_elsewhere(&other, scene, &request);
	assert_text(find(&other, "key0", NULL), "");
	g_assert_nonnull(strstr(scene->warnings->str, expected));
	g_string_truncate(scene->warnings, 0);
	end_elsewhere(&other);
}

static void test_cache_local(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = memory();
	g_autoptr(GHashTable) max = attribute("mode", "max");
	const struct berth_build_output output = {.type = "cache", .fd = fd, .attributes = max};
	const struct berth_build_request request = {.outputs = &output, .output_count = 1};
	g_autofree char *work = g_dir_make_tmp("berth-layout-XXXXXX", NULL);
	berth_fd folder = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct berth_build_tree_options options = {.work = folder};
	struct berth_build_result result;
	g_autoptr(GError) error = NULL;

	assert_text(write_out(scene, &request, &result), "");
	lseek(fd, 0, SEEK_SET);
	const struct berth_build_source source = {.tar = fd};
	scene->layout = berth_build_tree_open(&source, &options, NULL, &error);
	g_assert_no_error(error);
	check_imports(scene, "type=local,source=cache:0", true);
	check_spoiled(scene, false, "larger than its descriptor says");
	check_spoiled(scene, true, "in the root is no regular file");
	g_clear_pointer(&scene->layout, berth_build_tree_unref);
	berth_remove_tree_at(AT_FDCWD, work, &error);
	clear(&result);
}

// What is not there, or is no cache, is a warning.
static void test_cache_missing(struct scene *scene, G_GNUC_UNUSED const void *data)
{
	g_autofree char *from = g_strdup_printf("%s/nothing:1", scene->registry->host);
	char *const list[] = {from, NULL};
	const struct berth_build_request request = {.cache_from = list};
	struct elsewhere other;
	struct berth_build_result result;

	begin_elsewhere(&other, scene, &request);
	assert_text(find(&other, "key0", NULL), "");
	g_assert_true(g_str_has_prefix(scene->warnings->str, "--cache-from "));
	end_elsewhere(&other);
	char *const packed[] = {(char *) "type=inline,compression=zstd", NULL};
	const struct berth_build_request vain = {.cache_to = packed};
	assert_text(write_out(scene, &vain, &result),
		    "--cache-to type=inline,compression=zstd: compression is none of its matters: its layers are the "
		    "image's own (--output)");
	char *const bad[] = {(char *) "type=gha", NULL};
	const struct berth_build_request refused = {.cache_from = bad};
	assert_text(write_out(scene, &refused, &result),
		    "--cache-from type=gha: type=gha is not supported: use registry, local or inline");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(struct scene *scene, const void *data);
		const char *data;
	} tests[] = {
		{"/output/image", test_image, NULL},
		{"/output/refusals", test_refusals, NULL},
		{"/output/oci", test_archive, "oci"},
		{"/output/docker", test_archive, "docker"},
		{"/output/gzip", test_compressed, "compression=gzip " OCI_MEDIA_LAYER_GZIP},
		{"/output/gzip-9", test_compressed, "compression-level=9 " OCI_MEDIA_LAYER_GZIP},
		{"/output/zstd", test_compressed, "compression=zstd " OCI_MEDIA_LAYER_ZSTD},
		{"/output/zstd-7", test_compressed, "compression=zstd,compression-level=7 " OCI_MEDIA_LAYER_ZSTD},
		{"/output/sbom-pipe", test_sbom_pipe, NULL},
		{"/output/force-compression", test_force, NULL},
		{"/output/docker-types", test_docker_types, NULL},
		{"/output/annotations", test_annotations, NULL},
		{"/output/annotated-image", test_annotated_image, NULL},
		{"/output/local", test_files, "local"},
		{"/output/tar", test_files, "tar"},
		{"/output/attestations", test_attestations, NULL},
		{"/output/cache/registry", test_cache_registry, "min"},
		{"/output/cache/registry-max", test_cache_registry, "max"},
		{"/output/cache/inline", test_cache_inline, NULL},
		{"/output/cache/local", test_cache_local, NULL},
		{"/output/cache/missing", test_cache_missing, NULL},
		{"/output/squash", test_squash, NULL},
		{"/output/registry", test_registry, NULL},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct scene, tests[i].data, set_up, tests[i].test, tear_down);
	return g_test_run();
}
