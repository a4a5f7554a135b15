// SPDX-License-Identifier: Apache-2.0
// Archives of images, in both layouts: what is saved is loaded, and what is broken changes nothing.
#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "image/tests/fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EMPTY_DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void note_progress(void *data, const struct api_progress *progress)
{
	g_assert_nonnull(progress->stream);
	g_string_append(data, progress->stream);
}

// What was said, or the error's message.
static char *load(struct fixture *fixture, const GByteArray *bytes)
{
	g_autoptr(GError) error = NULL;
	GString *said = g_string_new(NULL);
	berth_fd fd = tarball_open(bytes->data, bytes->len);

	if (berth_images_load(fixture->images, fd, note_progress, said, &error))
		return g_string_free(said, false);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_cmpuint(said->len, ==, 0);
	g_string_free(said, true);
	return g_strdup(error->message);
}

static GByteArray *save(struct fixture *fixture, char *const *names)
{
	GByteArray *bytes = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	char chunk[5000]; // ends within blocks
	int64_t size;
	gssize length;

	struct berth_image_save *save = berth_images_save(fixture->images, names, &size, &error);
	g_assert_no_error(error);
	while ((length = berth_image_save_read(save, chunk, sizeof chunk, &error)) > 0)
		g_byte_array_append(bytes, (const guint8 *) chunk, (guint) length);
	g_assert_no_error(error);
	g_assert_cmpint(bytes->len, ==, size);
	berth_image_save_free(save);
	return bytes;
}

static void assert_same(const GByteArray *left, const GByteArray *right)
{
	g_assert_cmpmem(left->data, left->len, right->data, right->len);
}

static void remove_all(struct fixture *fixture)
{
	GPtrArray *images = berth_images_list(fixture->images, NULL, true, NULL);

	for (guint i = 0; i < images->len; i++)
		g_free(fixture_remove(fixture, ((struct api_image_summary *) images->pdata[i])->id, true));
	fixture_free_all(images, &api_image_summary_document);
	fixture_assert_nothing(fixture);
}

static void test_round_trip(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *first = fixture_import(fixture, "1", "small:1"), *second = fixture_import(fixture, "2", NULL);
	char *const names[] = {(char *) "small:1", (char *) "quay.io/x/y:z", second, NULL};

	(void) data;
	g_assert_true(berth_images_tag(fixture->images, "small:1", "quay.io/x/y:z", NULL));
	g_autoptr(GByteArray) saved = save(fixture, names), again = save(fixture, names);
	assert_same(saved, again);
	remove_all(fixture);
	g_string_truncate(fixture->events, 0);
	g_autofree char *said = load(fixture, saved);
	g_autofree char *unnamed = g_strdup_printf("Loaded image ID: %s\n", second);
	g_assert_nonnull(strstr(said, "Loaded image: small:1\nLoaded image: quay.io/x/y:z\n"));
	g_assert_nonnull(strstr(said, unnamed));
	assert_text(berth_images_resolve(fixture->images, "small:1", NULL), first);
	assert_text(berth_images_resolve(fixture->images, "quay.io/x/y:z", NULL), first);
	assert_text(berth_images_resolve(fixture->images, second, NULL), second);
	g_assert_nonnull(strstr(fixture->events->str, "load small:1;"));
	g_assert_nonnull(strstr(fixture->events->str, "load -;"));
	g_autoptr(GByteArray) third = save(fixture, names);
	assert_same(saved, third);
	// Loading what is there already changes nothing.
	g_autofree char *more = load(fixture, saved);
	g_assert_cmpstr(more, ==, said);
	g_assert_cmpint(berth_images_count(fixture->images, NULL), ==, 2);
}

static void test_save_names(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *first = fixture_import(fixture, "1", "small:1"),
			*second = fixture_import(fixture, "2", "small:2");
	char *const repository[] = {(char *) "small", NULL}, *const missing[] = {(char *) "small:3", NULL};
	g_autoptr(GByteArray) saved = save(fixture, repository);
	g_autoptr(GError) error = NULL;
	int64_t size;

	(void) data;
	g_assert_null(berth_images_save(fixture->images, missing, &size, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	remove_all(fixture);
	g_autofree char *said = load(fixture, saved);
	g_assert_nonnull(strstr(said, "Loaded image: small:1\n"));
	g_assert_nonnull(strstr(said, "Loaded image: small:2\n"));
}

static gpointer feed(gpointer data)
{
	const GByteArray *bytes = ((gpointer *) data)[0];
	berth_fd fd = GPOINTER_TO_INT(((gpointer *) data)[1]);

	berth_write_all(fd, bytes->data, bytes->len, "pipe", NULL);
	return NULL;
}

// From a pipe, and compressed as a whole.
static void test_load_stream(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {NULL, "gzip", "zstd", "xz", "bzip2"};
	g_autofree char *id = fixture_import(fixture, "1", "small:1");
	char *const names[] = {(char *) "small:1", NULL};
	g_autoptr(GByteArray) saved = save(fixture, names);

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		g_autoptr(GByteArray) bytes =
			filters[i] ? tarball_compress(saved, filters[i]) : g_byte_array_ref(saved);
		g_autoptr(GError) error = NULL;
		int ends[2];
		remove_all(fixture);
		g_assert_cmpint(pipe(ends), ==, 0);
		berth_fd from = ends[0];
		gpointer feeding[] = {bytes, GINT_TO_POINTER(ends[1])};
		GThread *thread = g_thread_new("feed", feed, feeding);
		berth_images_load(fixture->images, from, NULL, NULL, &error);
		g_assert_no_error(error);
		g_thread_join(thread);
		assert_text(berth_images_resolve(fixture->images, "small:1", NULL), id);
	}
}

// An archive made by hand. Each of the two layers may be compressed, the layout is Docker's (old or new) or OCI's.
struct made {
	enum { NEW, OLD, OCI, NESTED } layout;
	const char *filter; // of the layers
	const char *os; // NULL: linux
	bool wrong_diff_id, wrong_config_name, no_layer, one_layer_less, wrong_size, bad_layer, only_other_platforms;
	const char *name; // NULL: "made:1"
};

static GByteArray *make_layer(int number, bool bad)
{
	GByteArray *layer = tarball_new();

	if (number == 0) {
		tarball_add(layer, &(struct tarball_entry){"etc/", '5'});
		tarball_add(layer, &(struct tarball_entry){"etc/old", .content = "0"});
		tarball_add(layer, &(struct tarball_entry){"etc/kept", .content = "0"});
	} else {
		tarball_add(layer, &(struct tarball_entry){"etc/", '5'});
		tarball_add(layer, &(struct tarball_entry){"etc/.wh.old", .content = ""});
		tarball_add(layer, &(struct tarball_entry){"etc/new", .content = "1"});
		if (bad)
			tarball_add(layer, &(struct tarball_entry){"../outside", .content = "1"});
	}
	tarball_end(layer);
	return layer;
}

static void add_text(GByteArray *archive, const char *name, const char *text)
{
	tarball_add(archive, &(struct tarball_entry){name, .content = text});
}

static char *blob_path(const char *digest)
{
	return g_strconcat("blobs/sha256/", digest + strlen("sha256:"), NULL);
}

static char *add_blob(GByteArray *archive, const void *data, size_t length)
{
	g_autofree char *digest = tarball_digest(data, length), *path = blob_path(digest);

	tarball_add(archive, &(struct tarball_entry){path, .content = data, .length = length});
	return g_steal_pointer(&digest);
}

static char *make_config(const struct made *made, char *const diff_ids[2])
{
	return g_strdup_printf(
		"{\"architecture\":\"amd64\",\"os\":\"%s\",\"created\":\"2020-01-02T03:04:05Z\","
		"\"config\":{\"Cmd\":[\"x\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"%s%s%s]},"
		"\"history\":[{\"created_by\":\"one\"},{\"created_by\":\"none\",\"empty_layer\":true},"
		"{\"created_by\":\"two\"}]}",
		made->os ? made->os : "linux", diff_ids[0], made->one_layer_less ? "" : ",\"",
		made->one_layer_less  ? ""
		: made->wrong_diff_id ? EMPTY_DIGEST
				      : diff_ids[1],
		made->one_layer_less ? "" : "\"");
}

static void add_docker(GByteArray *archive, const struct made *made, const char *config, GByteArray *const layers[2])
{
	g_autofree char *id = tarball_digest(config, strlen(config));
	g_autofree char *config_path =
		made->layout == OLD ? g_strconcat(made->wrong_config_name ? EMPTY_DIGEST + 7 : id + 7, ".json", NULL)
				    : blob_path(id);
	g_autofree char *first = tarball_digest(layers[0]->data, layers[0]->len);
	g_autofree char *second = tarball_digest(layers[1]->data, layers[1]->len);
	g_autofree char *one = made->layout == OLD ? g_strdup("aaa/layer.tar") : blob_path(first);
	g_autofree char *two = made->layout == OLD ? g_strdup("bbb/layer.tar") : blob_path(second);
	// The list first, the layers last and the upper one before the lower one.
	g_autofree char *list =
		g_strdup_printf("[{\"Config\":\"%s\",\"RepoTags\":[\"%s\"],\"Layers\":[\"%s\",\"%s\"]}]", config_path,
				made->name ? made->name : "made:1", one, two);
	add_text(archive, "manifest.json", list);
	if (!made->no_layer)
		tarball_add(archive,
			    &(struct tarball_entry){two, .content = layers[1]->data, .length = layers[1]->len});
	if (made->layout == OLD) { // as a link to what another image has
		tarball_add(archive, &(struct tarball_entry){one, '2', .link = "../ccc/layer.tar"});
		tarball_add(archive, &(struct tarball_entry){"ccc/layer.tar", .content = layers[0]->data,
							     .length = layers[0]->len});
	} else {
		tarball_add(archive,
			    &(struct tarball_entry){one, .content = layers[0]->data, .length = layers[0]->len});
	}
	add_text(archive, config_path, config);
}

static void add_oci(GByteArray *archive, const struct made *made, const char *config, GByteArray *const layers[2])
{
	g_autofree char *id = add_blob(archive, config, strlen(config));
	g_autofree char *first = add_blob(archive, layers[0]->data, layers[0]->len);
	g_autofree char *second =
		made->no_layer ? g_strdup(EMPTY_DIGEST) : add_blob(archive, layers[1]->data, layers[1]->len);
	g_autofree char *manifest = g_strdup_printf(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":["
		"{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%u},{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":"
		"%u}]}",
		OCI_MEDIA_CONFIG, id, strlen(config) + made->wrong_size, OCI_MEDIA_LAYER, first, layers[0]->len,
		OCI_MEDIA_LAYER, second, layers[1]->len);
	g_autofree char *digest = add_blob(archive, manifest, strlen(manifest));
	g_autofree char *described = g_strdup_printf("\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu",
						     OCI_MEDIA_MANIFEST, digest, strlen(manifest));
	g_autofree char *inner = g_strdup_printf(
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1,\"platform\":"
		"{\"os\":\"linux\",\"architecture\":\"mips\"}},{%s,\"platform\":{\"os\":\"linux\",\"architecture\":\"%"
		"s\"}}]}",
		OCI_MEDIA_MANIFEST, EMPTY_DIGEST, described, made->only_other_platforms ? "sparc" : "amd64");
	if (made->layout == NESTED) {
		g_autofree char *nested = add_blob(archive, inner, strlen(inner));
		g_free(described);
		described = g_strdup_printf("\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", OCI_MEDIA_INDEX,
					    nested, strlen(inner));
	}
	g_autofree char *index =
		g_strdup_printf("{\"schemaVersion\":2,\"manifests\":[{%s,\"annotations\":{\"%s\":\"%s\"}}]}", described,
				CONTAINERD_ANNOTATION_IMAGE_NAME, made->name ? made->name : "docker.io/library/made:1");
	add_text(archive, "index.json", index);
	add_text(archive, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static GByteArray *make(const struct made *made)
{
	GByteArray *archive = tarball_new(), *layers[2];
	char *diff_ids[2];

	for (int i = 0; i < 2; i++) {
		layers[i] = make_layer(i, made->bad_layer);
		diff_ids[i] = tarball_digest(layers[i]->data, layers[i]->len);
		if (made->filter) {
			GByteArray *compressed = tarball_compress(layers[i], made->filter);
			g_byte_array_unref(layers[i]);
			layers[i] = compressed;
		}
	}
	g_autofree char *config = make_config(made, diff_ids);
	if (made->layout == OCI || made->layout == NESTED)
		add_oci(archive, made, config, layers);
	else
		add_docker(archive, made, config, layers);
	tarball_end(archive);
	for (int i = 0; i < 2; i++) {
		g_byte_array_unref(layers[i]);
		g_free(diff_ids[i]);
	}
	return archive;
}

static void assert_made(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *id = berth_images_resolve(fixture->images, "made:1", &error);
	g_autofree char *top = id ? berth_images_top_snapshot(fixture->images, id, &error) : NULL;
	int tree;

	g_assert_no_error(error);
	g_assert_true(berth_snapshot_mount(berth_store_snapshots(fixture->store), top, &tree, &error));
	berth_fd etc = berth_root_open(tree, "etc", O_RDONLY | O_DIRECTORY, 0, &error);
	g_assert_no_error(error);
	g_assert_cmpint(faccessat(etc, "old", F_OK, 0), ==, -1);
	assert_text(berth_read_file_at(etc, "kept", 10, NULL, NULL), "0");
	assert_text(berth_read_file_at(etc, "new", 10, NULL, NULL), "1");
	close(tree);
	GPtrArray *history = berth_images_history(fixture->images, "made:1", NULL);
	g_assert_cmpuint(history->len, ==, 3);
	const struct api_image_history *newest = history->pdata[0], *none = history->pdata[1],
				       *oldest = history->pdata[2];
	g_assert_cmpstr(newest->created_by, ==, "two");
	g_assert_cmpint(newest->size, ==, 1);
	g_assert_cmpint(none->size, ==, 0);
	g_assert_cmpint(oldest->size, ==, 2);
	g_assert_cmpstr(oldest->id, ==, "<missing>");
	fixture_free_all(history, &api_image_history_document);
}

static void test_layouts(struct fixture *fixture, gconstpointer data)
{
	static const char *const filters[] = {NULL, "gzip", "zstd", "xz"};

	(void) data;
	for (int layout = NEW; layout <= NESTED; layout++)
		for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
			g_autoptr(GByteArray) archive = make(&(struct made){.layout = layout, .filter = filters[i]});
			assert_text(load(fixture, archive), "Loaded image: made:1\n");
			assert_made(fixture);
			// What came in either layout comes out in both.
			char *const names[] = {(char *) "made:1", NULL};
			g_autoptr(GByteArray) saved = save(fixture, names);
			remove_all(fixture);
			assert_text(load(fixture, saved), "Loaded image: made:1\n");
			assert_made(fixture);
			g_autoptr(GByteArray) again = save(fixture, names);
			assert_same(saved, again);
			remove_all(fixture);
		}
}

static void test_refused(struct fixture *fixture, gconstpointer data)
{
	static const struct {
		struct made made;
		const char *message;
	} cases[] = {
		{{.wrong_diff_id = true},
		 "image docker.io/library/made:1: layer 2: layer sha256:*: its uncompressed content "
		 "has the digest sha256:*, the image's configuration says " EMPTY_DIGEST},
		{{.layout = OCI, .wrong_diff_id = true}, "*the image's configuration says " EMPTY_DIGEST},
		{{.layout = OLD, .wrong_config_name = true}, "*.json: its content has the digest sha256:*"},
		{{.no_layer = true}, "*the archive has no blobs/sha256/*"},
		{{.layout = OLD, .no_layer = true}, "*the archive has no bbb/layer.tar"},
		{{.layout = OCI, .no_layer = true}, "*the archive has no blobs/sha256/*"},
		{{.one_layer_less = true}, "*it has 2 layers, its configuration says 1"},
		{{.layout = OCI, .wrong_size = true}, "*bytes, its descriptor says *"},
		{{.bad_layer = true}, "*layer entry 4 (../outside): \"..\"*"},
		{{.layout = OCI, .bad_layer = true, .filter = "gzip"}, "*layer entry 4 (../outside): \"..\"*"},
		{{.layout = NESTED, .only_other_platforms = true}, "*has no image for linux/*"},
		{{.os = "windows"}, "*operating system \"windows\", not for linux"},
		{{.name = "UPPER"}, "the archive's image name \"UPPER\": invalid reference format*"},
	};

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) archive = make(&cases[i].made);
		g_autofree char *message = load(fixture, archive);
		g_test_message("%s", message);
		g_assert_true(g_pattern_match_simple(cases[i].message, message));
		fixture_assert_nothing(fixture);
	}
	g_assert_cmpstr(fixture->events->str, ==, "");
}

static void test_no_archive(struct fixture *fixture, gconstpointer data)
{
	static const struct {
		const char *name, *text, *message;
	} cases[] = {
		{"etc/passwd", "root", "this is no archive of images: *"},
		{"manifest.json", "[]", "the archive has no images in it"},
		{"manifest.json", "{}", "manifest.json: expected an array"},
		{"manifest.json", "[{}]", "*manifest.json.Config*"},
		{"manifest.json", "[{\"Config\":\"x\",\"Layers\":[]}]", "the archive has no x"},
		{"manifest.json", "[", "manifest.json: *"},
		{"index.json", "{\"schemaVersion\":2,\"manifests\":[]}", "the archive has no images in it"},
		{"index.json",
		 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"../..\",\"size\":1}]}",
		 "invalid digest \"../..\"*"},
		{"blobs/sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "x",
		 "entry 1 (blobs/sha256/*): its content has the digest sha256:*"},
		{"../manifest.json", "[]", "entry 1 (../manifest.json): \"..\"*"},
	};

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) archive = tarball_new();
		add_text(archive, cases[i].name, cases[i].text);
		tarball_end(archive);
		g_autofree char *message = load(fixture, archive);
		g_test_message("%s", message);
		g_assert_true(g_pattern_match_simple(cases[i].message, message));
		fixture_assert_nothing(fixture);
	}
	g_autoptr(GByteArray) nothing = g_byte_array_new(), zeros = g_byte_array_new();
	assert_text(load(fixture, nothing), "damaged: Unrecognized archive format");
	tarball_end(zeros);
	g_autofree char *message = load(fixture, zeros);
	g_assert_true(g_str_has_prefix(message, "this is no archive of images"));
}

// One byte wrong, or the end missing: an error that changes nothing, or it did not matter.
static void test_damaged(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) archive = make(&(struct made){.layout = OCI, .filter = "gzip"});
	guint refused = 0, count = 0;

	(void) data;
	for (guint i = 0; i < archive->len; i += 97, count++) {
		archive->data[i] ^= 0x10;
		g_autofree char *said = load(fixture, archive);
		archive->data[i] ^= 0x10;
		if (g_str_has_prefix(said, "Loaded image")) // maybe by another name
			remove_all(fixture);
		else
			refused++;
		fixture_assert_nothing(fixture);
	}
	g_assert_cmpuint(refused, >, count / 4);
	for (guint i = 0; i + 2048 < archive->len; i += 509) {
		g_autoptr(GByteArray) part = g_byte_array_new();
		g_byte_array_append(part, archive->data, i);
		g_autofree char *said = load(fixture, part);
		g_assert_false(g_str_has_prefix(said, "Loaded"));
		fixture_assert_nothing(fixture);
	}
}

static gpointer load_many(gpointer data)
{
	gpointer *arguments = data;

	for (int i = 0; i < 5; i++)
		g_free(load(arguments[0], arguments[1]));
	return NULL;
}

// Two loads of one image, and removals beside them: in the end it is there whole, or not at all.
static void test_concurrent(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) one = make(&(struct made){.layout = OCI}), two = make(&(struct made){.filter = "gzip"});
	gpointer first[] = {fixture, one}, second[] = {fixture, two};

	(void) data;
	berth_images_on_change(fixture->images, NULL, NULL);
	GThread *threads[] = {g_thread_new("one", load_many, first), g_thread_new("two", load_many, second)};
	for (int i = 0; i < 10; i++)
		g_free(fixture_remove(fixture, "made:1", true));
	g_thread_join(threads[0]);
	g_thread_join(threads[1]);
	assert_text(load(fixture, one), "Loaded image: made:1\n");
	assert_made(fixture);
	remove_all(fixture);
}

#define add(name, function) g_test_add(name, struct fixture, NULL, fixture_setup, function, fixture_teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add("/load-save/round-trip", test_round_trip);
	add("/load-save/save-names", test_save_names);
	add("/load-save/stream", test_load_stream);
	add("/load-save/layouts", test_layouts);
	g_test_add("/load-save/layouts/copy", struct fixture, "copy", fixture_setup, test_layouts, fixture_teardown);
	add("/load-save/refused", test_refused);
	add("/load-save/no-archive", test_no_archive);
	add("/load-save/damaged", test_damaged);
	add("/load-save/concurrent", test_concurrent);
	return g_test_run();
}
