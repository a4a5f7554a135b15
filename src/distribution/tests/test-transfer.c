// SPDX-License-Identifier: Apache-2.0
// Blobs down and up, through connections that break.
#include "base/error.h"
#include "base/fd.h"
#include "distribution/tests/scene.h"

#include <signal.h>
#include <string.h>

#define SIZE 1000000

// A blob, a store, and how the registry behaves.
struct blob {
	struct scene *scene;
	char *folder;
	struct berth_blobs *blobs;
	char *bytes, *digest;
	struct oci_descriptor descriptor;
};

static char *make_bytes(gsize size)
{
	char *bytes = g_malloc(size);

	for (gsize i = 0; i < size; i++)
		bytes[i] = (char) (i * 2654435761u >> 13);
	return bytes;
}

static void set_up(struct blob *blob, const struct scene_options *options, gsize size)
{
	g_autoptr(GError) error = NULL;

	blob->scene = scene_new(options);
	blob->scene->data = blob;
	blob->folder = g_dir_make_tmp("berth-transfer-XXXXXX", NULL);
	blob->blobs = berth_blobs_open(blob->folder, &error);
	g_assert_no_error(error);
	blob->bytes = make_bytes(size);
	blob->digest = digest_of(blob->bytes, size);
	blob->descriptor = (struct oci_descriptor){.digest = blob->digest, .size = (int64_t) size};
}

static void tear_down(struct blob *blob)
{
	scene_free(blob->scene);
	berth_blobs_free(blob->blobs);
	berth_remove_tree_at(-1, blob->folder, NULL);
	g_free(blob->folder);
	g_free(blob->bytes);
	g_free(blob->digest);
}

static void count_up(void *data, int64_t bytes)
{
	int64_t *last = data;

	g_assert_cmpint(bytes, >, *last);
	*last = bytes;
}

static bool fetch(struct blob *blob, GError **error)
{
	struct berth_ingest *ingest = berth_blob_ingest(blob->blobs, "test", NULL, error);
	int64_t last = 0;

	g_assert_nonnull(ingest);
	if (!berth_repository_fetch(blob->scene->repository, &blob->descriptor, ingest, count_up, &last, error)) {
		berth_ingest_abort(ingest, true);
		return false;
	}
	return berth_ingest_commit(ingest, blob->digest, blob->descriptor.size, NULL, error);
}

static gsize range_of(const struct request *request)
{
	g_autofree char *range = request_header(request, "Range");

	return range ? (gsize) g_ascii_strtoull(range + strlen("bytes="), NULL, 10) : 0;
}

// A good answer, of which only `length` bytes come before the connection is cut.
static void answer_part(struct request *request, const struct blob *blob, gsize length)
{
	gsize begin = range_of(request), size = (gsize) blob->descriptor.size;
	g_autofree char *head = g_strdup_printf("HTTP/1.1 %d x\r\nContent-Length: %" G_GSIZE_FORMAT
						"\r\nContent-Range: bytes %" G_GSIZE_FORMAT "-%" G_GSIZE_FORMAT
						"/%" G_GSIZE_FORMAT "\r\n\r\n",
						begin ? 206 : 200, size - begin, begin, size - 1, size);

	answer_raw(request, head, strlen(head));
	answer_raw(request, blob->bytes + begin, MIN(length, size - begin));
	request->close = length < size - begin;
}

static void whole(struct request *request, void *data)
{
	answer_part(request, ((struct scene *) data)->data, SIZE);
}

// Cut after 300000 bytes each time; one time in between it is busy.
static void cut(struct request *request, void *data)
{
	struct scene *scene = data;

	if (g_atomic_int_add(&scene->count, 1) == 1)
		answer_text(request, 503, "", "");
	else
		answer_part(request, scene->data, 300000);
}

static void test_resume(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	set_up(&blob, &(struct scene_options){.handler = cut}, SIZE);
	g_assert_true(fetch(&blob, &error));
	g_assert_no_error(error);
	g_assert_cmpint(server_requests(blob.scene->server), ==, 5);
	g_assert_true(berth_blob_exists(blob.blobs, blob.digest));
	tear_down(&blob);
}

// What an earlier pull left is not asked for again.
static void test_resume_later(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	set_up(&blob, &(struct scene_options){.handler = whole}, SIZE);
	struct berth_ingest *ingest = berth_blob_ingest(blob.blobs, "test", NULL, &error);
	g_assert_true(berth_ingest_write(ingest, blob.bytes, 999990, &error));
	berth_ingest_abort(ingest, true);
	g_assert_true(fetch(&blob, &error));
	g_assert_no_error(error);
	tear_down(&blob);
}

static void no_range(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct blob *blob = scene->data;

	answer(request, 200, "", blob->bytes, (gsize) blob->descriptor.size);
}

static void range_refused(struct request *request, void *data)
{
	if (range_of(request))
		answer_text(request, 416, "", "");
	else
		no_range(request, data);
}

static void earlier_range(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct blob *blob = scene->data;

	answer(request, 206, "Content-Range: bytes 100-999999/1000000\r\n", blob->bytes + 100, SIZE - 100);
}

static void without_length(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct blob *blob = scene->data;

	answer_raw(request, "HTTP/1.1 200 x\r\n\r\n", strlen("HTTP/1.1 200 x\r\n\r\n"));
	answer_raw(request, blob->bytes, SIZE);
	request->close = true;
}

static void test_ranges(void)
{
	static handler_fn *const handlers[] = {no_range, range_refused, earlier_range, without_length};

	for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++) {
		struct blob blob;
		g_autoptr(GError) error = NULL;
		set_up(&blob, &(struct scene_options){.handler = handlers[i]}, SIZE);
		struct berth_ingest *ingest = berth_blob_ingest(blob.blobs, "test", NULL, &error);
		g_assert_true(berth_ingest_write(ingest, blob.bytes, 5000, &error));
		berth_ingest_abort(ingest, true);
		g_assert_true(fetch(&blob, &error));
		g_assert_no_error(error);
		tear_down(&blob);
	}
}

static void later_range(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct blob *blob = scene->data;

	answer(request, 206, "Content-Range: bytes 6000-999999/1000000\r\n", blob->bytes + 6000, SIZE - 6000);
}

static void no_content_range(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer(request, 206, "", ((const struct blob *) scene->data)->bytes, SIZE - 5000);
}

static void other_total(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer(request, 206, "Content-Range: bytes 5000-999999/1000001\r\n",
	       ((const struct blob *) scene->data)->bytes + 5000, SIZE - 5000);
}

static void shorter(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer(request, 200, "", ((const struct blob *) scene->data)->bytes, SIZE - 1);
}

static void longer(struct request *request, void *data)
{
	const struct scene *scene = data;
	g_autofree char *bytes = g_malloc0(SIZE + 1);

	memcpy(bytes, ((const struct blob *) scene->data)->bytes, SIZE);
	answer(request, 200, "", bytes, SIZE + 1);
}

// It does not end, and does not say how long it is.
static void endless(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer_raw(request, "HTTP/1.1 200 x\r\n\r\n", strlen("HTTP/1.1 200 x\r\n\r\n"));
	for (int i = 0; i < 5; i++)
		answer_raw(request, ((const struct blob *) scene->data)->bytes, SIZE);
	request->close = true;
}

// All is there when it goes on.
static void one_more_later(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer_raw(request, "HTTP/1.1 200 x\r\n\r\n", strlen("HTTP/1.1 200 x\r\n\r\n"));
	answer_raw(request, ((const struct blob *) scene->data)->bytes, SIZE);
	g_usleep(100000);
	answer_raw(request, "x", 1);
	request->close = true;
}

static void not_there(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 404, "", "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"blob unknown\"}]}");
}

static void test_bad_bodies(void)
{
	static const struct {
		handler_fn *handler;
		int kind;
		int requests;
	} rows[] = {
		{later_range, BERTH_ERROR_INVALID, 1},    {no_content_range, BERTH_ERROR_INVALID, 1},
		{other_total, BERTH_ERROR_INVALID, 1},    {shorter, BERTH_ERROR_INVALID, 1},
		{longer, BERTH_ERROR_INVALID, 1},         {endless, BERTH_ERROR_INVALID, 1},
		{one_more_later, BERTH_ERROR_INVALID, 1}, {not_there, BERTH_ERROR_NOT_FOUND, 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct blob blob;
		g_autoptr(GError) error = NULL;
		set_up(&blob, &(struct scene_options){.handler = rows[i].handler}, SIZE);
		struct berth_ingest *ingest = berth_blob_ingest(blob.blobs, "test", NULL, &error);
		g_assert_true(berth_ingest_write(ingest, blob.bytes, 5000, &error));
		berth_ingest_abort(ingest, true);
		g_assert_false(fetch(&blob, &error));
		g_assert_error(error, BERTH_ERROR, rows[i].kind);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, blob.scene ? "lib/test" : ""));
		g_assert_cmpint(server_requests(blob.scene->server), ==, rows[i].requests);
		tear_down(&blob);
	}
}

// Nothing comes any more, but the connection stays; or a byte now and then.
static void stall(struct request *request, void *data)
{
	struct scene *scene = data;

	if (g_atomic_int_add(&scene->count, 1) > 0) {
		answer_part(request, scene->data, SIZE);
		return;
	}
	answer_part(request, scene->data, 400000);
	for (int i = 0; i < 400 && g_atomic_int_get(&scene->count) == 1; i++) {
		answer_raw(request, "x", 0);
		g_usleep(50000);
	}
}

static void test_stall(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;
	gint64 begin = g_get_monotonic_time();

	set_up(&blob, &(struct scene_options){.handler = stall, .stall = 200}, SIZE);
	g_assert_true(fetch(&blob, &error));
	g_assert_no_error(error);
	g_assert_cmpint(server_requests(blob.scene->server), ==, 2);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * G_USEC_PER_SEC);
	tear_down(&blob);
}

// Byte by byte is no progress: it ends, though each byte resets what waits for silence.
static void trickle(struct request *request, void *data)
{
	struct scene *scene = data;
	const struct blob *blob = scene->data;
	gsize begin = range_of(request);

	answer_part(request, blob, 0);
	for (gsize i = 0; i < 100 && !g_atomic_int_get(&scene->count); i++) {
		answer_raw(request, blob->bytes + begin + i, 1);
		g_usleep(10000);
	}
}

static void test_trickle(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	set_up(&blob, &(struct scene_options){.handler = trickle, .stall = 150}, SIZE);
	g_assert_false(fetch(&blob, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "stalled"));
	g_atomic_int_set(&blob.scene->count, 1);
	tear_down(&blob);
}

static void *cancel_soon(void *data)
{
	struct scene *scene = data;

	g_usleep(100000);
	g_atomic_int_set(&scene->canceled, 1);
	return NULL;
}

static void test_cancel(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	set_up(&blob, &(struct scene_options){.handler = trickle}, SIZE);
	GThread *thread = g_thread_new("cancel", cancel_soon, blob.scene);
	gint64 begin = g_get_monotonic_time();
	g_assert_false(fetch(&blob, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
	g_thread_join(thread);
	g_atomic_int_set(&blob.scene->count, 1);
	tear_down(&blob);
}

static void *fetch_one(void *data)
{
	struct blob *blob = data;
	g_autofree char *name = g_strdup_printf("%p", (void *) g_thread_self());
	struct berth_ingest *ingest = berth_blob_ingest(blob->blobs, name, NULL, NULL);
	int64_t last = 0;

	g_assert_true(
		berth_repository_fetch(blob->scene->repository, &blob->descriptor, ingest, count_up, &last, NULL));
	g_assert_true(berth_ingest_commit(ingest, blob->digest, SIZE, NULL, NULL));
	return NULL;
}

// Several threads with one repository; later ones find the connections of earlier ones.
static void test_parallel(void)
{
	struct blob blob;
	GThread *threads[5];

	set_up(&blob, &(struct scene_options){.handler = whole}, SIZE);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
			threads[i] = g_thread_new("fetch", fetch_one, &blob);
		for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
			g_thread_join(threads[i]);
	}
	g_assert_cmpint(server_requests(blob.scene->server), ==, 15);
	g_assert_cmpint(server_connections(blob.scene->server), <=, 5);
	tear_down(&blob);
}

// A mirror that breaks in the middle: the registry gives the rest.
static void test_mirror_breaks(void)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	set_up(&blob, &(struct scene_options){.handler = whole, .other_handler = cut, .mirror = "other"}, SIZE);
	g_assert_true(fetch(&blob, &error));
	g_assert_no_error(error);
	g_assert_cmpint(server_requests(blob.scene->other), ==, 1);
	g_assert_cmpint(server_requests(blob.scene->server), ==, 1);
	tear_down(&blob);
}

// A registry to upload to. What has come is in `uploaded`; the session's address changes with every answer.
struct uploads {
	GString *uploaded;
	int session; // each has its own number
	bool done;
	gsize cut; // the first PUT or PATCH is cut behind so many bytes; 0: none
	bool forget; // and the session is lost
	bool relative, chunked, mount, too_large;
	char *elsewhere; // the authority that sessions are at
};
static struct uploads uploads;

static void answer_session(const struct request *request, const struct scene *scene, int status)
{
	g_autofree char *root = uploads.relative ? g_strdup("/v2/lib/test/blobs/uploads/")
						 : g_strdup_printf("http://%s/v2/lib/test/blobs/uploads/",
								   uploads.elsewhere ? uploads.elsewhere
										     : server_authority(scene->server));
	g_autofree char *headers = g_strdup_printf(
		"Location: %s%d?_state=a%%2Fb%" G_GSIZE_FORMAT "\r\nRange: 0-%" G_GSIZE_FORMAT "\r\n%s", root,
		uploads.session, uploads.uploaded->len, uploads.uploaded->len ? uploads.uploaded->len - 1 : 0,
		uploads.chunked && status == 202 ? "OCI-Chunk-Min-Length: 1000\r\n" : "");

	answer_text(request, status, headers, "");
}

static void take_upload(struct request *request, const struct scene *scene, bool last)
{
	g_autofree char *range = request_header(request, "Content-Range");
	gsize begin = range ? (gsize) g_ascii_strtoull(range, NULL, 10) : uploads.uploaded->len;

	if (begin != uploads.uploaded->len) {
		answer_session(request, scene, 416);
		return;
	}
	if (uploads.cut && request->body->len > uploads.cut) {
		if (uploads.forget)
			uploads.session++;
		else
			g_string_append_len(uploads.uploaded, request->body->str, (gssize) uploads.cut);
		uploads.cut = 0;
		request->close = true;
		return;
	}
	g_string_append_len(uploads.uploaded, request->body->str, (gssize) request->body->len);
	uploads.done = last;
	if (last)
		answer_text(request, 201, "", "");
	else
		answer_session(request, scene, 202);
}

static void upload_server(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct blob *blob = scene->data;
	g_autofree char *session = g_strdup_printf("/v2/lib/test/blobs/uploads/%d?_state=a%%2Fb%" G_GSIZE_FORMAT,
						   uploads.session, uploads.uploaded->len);
	g_autofree char *escaped = g_uri_escape_string(blob->digest, NULL, FALSE);
	g_autofree char *final = g_strdup_printf("%s&digest=%s", session, escaped);

	if (g_str_equal(request->method, "HEAD"))
		answer_text(request, uploads.done ? 200 : 404, "", "");
	else if (g_str_equal(request->method, "POST") && strstr(request->target, "mount=") && uploads.mount)
		answer_text(request, 201, "Location: /v2/x\r\n", "");
	else if (g_str_equal(request->method, "POST"))
		answer_session(request, scene, 202);
	else if (g_str_equal(request->method, "PUT") && uploads.too_large && request->body->len > 0)
		answer_text(request, 413, "", "");
	else if (g_str_equal(request->method, "GET") &&
		 g_str_has_prefix(request->target, "/v2/lib/test/blobs/uploads/"))
		answer_session(request, scene, uploads.forget ? 404 : 204);
	else if (g_str_equal(request->method, "PUT") && g_str_equal(request->target, final))
		take_upload(request, scene, true);
	else if (g_str_equal(request->method, "PATCH") && g_str_equal(request->target, session))
		take_upload(request, scene, false);
	else
		answer_text(request, 404, "", "");
}

static bool upload(struct blob *blob, GError **error)
{
	int64_t last = 0;

	return berth_repository_upload(blob->scene->repository, blob->blobs, &blob->descriptor,
				       uploads.cut || uploads.too_large ? NULL : count_up, &last, error);
}

// Uploads with the behaviour that `how` describes; returns the methods in their order.
static char *run_upload(const struct uploads *how, gsize size)
{
	struct blob blob;
	g_autoptr(GError) error = NULL;

	uploads = *how;
	uploads.uploaded = g_string_new(NULL);
	set_up(&blob, &(struct scene_options){.handler = upload_server, .push = true}, size);
	g_free(berth_blob_put(blob.blobs, blob.bytes, size, &error));
	g_assert_true(upload(&blob, &error));
	g_assert_no_error(error);
	g_assert_true(uploads.done);
	g_assert_cmpuint(uploads.uploaded->len, ==, size);
	g_assert_true(size == 0 || memcmp(uploads.uploaded->str, blob.bytes, size) == 0);
	g_autofree char *log = scene_log(blob.scene);
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	GString *methods = g_string_new(NULL);
	for (size_t i = 0; lines[i]; i++)
		g_string_append_printf(methods, "%s%.*s", i > 0 && *lines[i] ? " " : "", (int) strcspn(lines[i], " "),
				       lines[i]);
	tear_down(&blob);
	g_string_free(uploads.uploaded, TRUE);
	return g_string_free(methods, FALSE);
}

static void test_uploads(void)
{
	static const struct {
		struct uploads how;
		gsize size;
		const char *methods;
	} rows[] = {
		{{0}, SIZE, "POST PUT"},
		{{.relative = true}, SIZE, "POST PUT"},
		{{0}, 0, "POST PUT"},
		{{.chunked = true}, SIZE, "POST PATCH PUT"},
		{{.chunked = true}, 40 << 20, "POST PATCH PATCH PUT"},
		{{.chunked = true, .cut = 1000}, SIZE, "POST PATCH GET PATCH PUT"},
		{{.cut = 300000}, SIZE, "POST PUT GET PATCH PUT"},
		{{.cut = 300000, .relative = true}, SIZE, "POST PUT GET PATCH PUT"},
		{{.cut = 300000, .forget = true}, SIZE, "POST PUT GET HEAD POST PUT"},
		{{.too_large = true}, 40 << 20, "POST PUT GET PATCH PATCH PUT"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *methods = run_upload(&rows[i].how, rows[i].size);
		g_assert_cmpstr(methods, ==, rows[i].methods);
	}
}

static void test_has_blob(void)
{
	struct blob blob;
	bool has = true;
	g_autoptr(GError) error = NULL;

	uploads = (struct uploads){.uploaded = g_string_new(NULL)};
	set_up(&blob, &(struct scene_options){.handler = upload_server, .push = true}, 10);
	g_assert_true(berth_repository_has_blob(blob.scene->repository, blob.digest, &has, &error));
	g_assert_false(has);
	uploads.done = true;
	g_assert_true(berth_repository_has_blob(blob.scene->repository, blob.digest, &has, &error));
	g_assert_true(has);
	g_assert_false(berth_repository_has_blob(blob.scene->repository, "sha256:../../x", &has, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_string_free(uploads.uploaded, TRUE);
	tear_down(&blob);
}

// A mount that is refused has opened a session, which the upload takes up.
static void test_mount(void)
{
	struct blob blob;
	bool mounted = false;
	g_autoptr(GError) error = NULL;

	uploads = (struct uploads){.uploaded = g_string_new(NULL), .mount = true};
	set_up(&blob, &(struct scene_options){.handler = upload_server, .push = true}, SIZE);
	g_free(berth_blob_put(blob.blobs, blob.bytes, SIZE, &error));
	g_assert_true(berth_repository_mount_blob(blob.scene->repository, blob.digest, "lib/from", &mounted, &error));
	g_assert_true(mounted);
	uploads.mount = false;
	g_assert_true(berth_repository_mount_blob(blob.scene->repository, blob.digest, "lib/from", &mounted, &error));
	g_assert_false(mounted);
	g_assert_true(upload(&blob, &error));
	g_assert_no_error(error);
	g_assert_true(uploads.done);
	g_assert_cmpint(server_requests(blob.scene->server), ==, 3);
	blob.scene->handler = not_there;
	g_assert_true(berth_repository_mount_blob(blob.scene->repository, blob.digest, "lib/from", &mounted, &error));
	g_assert_false(mounted);
	g_string_free(uploads.uploaded, TRUE);
	tear_down(&blob);
}

// Sessions at another host, which is shown nothing.
static void test_upload_elsewhere(void)
{
	struct berth_credentials credentials = {.registry_token = (char *) "token"};
	struct blob blob;
	g_autoptr(GError) error = NULL;

	uploads = (struct uploads){.uploaded = g_string_new(NULL)};
	set_up(&blob,
	       &(struct scene_options){.handler = upload_server,
				       .other_handler = upload_server,
				       .push = true,
				       .credentials = &credentials},
	       SIZE);
	uploads.elsewhere = g_strdup(server_authority(blob.scene->other));
	g_free(berth_blob_put(blob.blobs, blob.bytes, SIZE, &error));
	g_assert_true(upload(&blob, &error));
	g_assert_no_error(error);
	g_autofree char *log = scene_log(blob.scene), *other = scene_other_log(blob.scene);
	g_assert_cmpstr(log, ==, "POST /v2/lib/test/blobs/uploads/ [Bearer token]\n");
	g_assert_true(g_str_has_prefix(other, "PUT /v2/lib/test/blobs/uploads/0?"));
	g_assert_null(strstr(other, "token"));
	g_free(uploads.elsewhere);
	g_string_free(uploads.uploaded, TRUE);
	tear_down(&blob);
}

static void put_handler(struct request *request, void *data)
{
	struct scene *scene = data;
	g_autofree char *type = request_header(request, "Content-Type");
	g_autofree char *digest =
		digest_of(scene->count ? "other" : request->body->str, scene->count ? 5 : request->body->len);
	g_autofree char *headers = g_strdup_printf("Docker-Content-Digest: %s\r\n", digest);

	g_assert_cmpstr(request->method, ==, "PUT");
	g_assert_cmpstr(request->target, ==, "/v2/lib/test/manifests/1");
	g_assert_cmpstr(type, ==, OCI_MEDIA_MANIFEST);
	answer_text(request, 201, headers, "");
}

static void test_put_manifest(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = put_handler, .push = true});
	g_autofree char *digest = digest_of(MANIFEST, strlen(MANIFEST));
	struct berth_manifest manifest = {(char *) OCI_MEDIA_MANIFEST, digest, (char *) MANIFEST, strlen(MANIFEST)};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_put_manifest(scene->repository, "1", &manifest, &error));
	g_assert_no_error(error);
	scene->count = 1;
	g_assert_false(berth_repository_put_manifest(scene->repository, "1", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	scene_free(scene);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/transfer/resume", test_resume);
	g_test_add_func("/transfer/resume-later", test_resume_later);
	g_test_add_func("/transfer/ranges", test_ranges);
	g_test_add_func("/transfer/bad-bodies", test_bad_bodies);
	g_test_add_func("/transfer/stall", test_stall);
	g_test_add_func("/transfer/trickle", test_trickle);
	g_test_add_func("/transfer/cancel", test_cancel);
	g_test_add_func("/transfer/parallel", test_parallel);
	g_test_add_func("/transfer/mirror-breaks", test_mirror_breaks);
	g_test_add_func("/transfer/uploads", test_uploads);
	g_test_add_func("/transfer/has-blob", test_has_blob);
	g_test_add_func("/transfer/mount", test_mount);
	g_test_add_func("/transfer/upload-elsewhere", test_upload_elsewhere);
	g_test_add_func("/transfer/put-manifest", test_put_manifest);
	return g_test_run();
}
