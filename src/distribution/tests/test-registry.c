// SPDX-License-Identifier: Apache-2.0
// What is read of a registry: manifests, tags, lists; redirects, mirrors, second tries.
#include "base/error.h"
#include "base/limits.h"
#include "distribution/tests/scene.h"

#include <signal.h>
#include <string.h>

#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static void good_manifest(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_manifest(request, MANIFEST);
}

// A warm resolve costs one request and no connection.
static void test_resolve(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = good_manifest});
	g_autofree char *digest = digest_of(MANIFEST, strlen(MANIFEST));
	g_autoptr(GError) error = NULL;

	for (int i = 1; i <= 3; i++) {
		struct berth_manifest manifest = {0};
		g_assert_true(berth_repository_resolve(scene->repository, "1", &manifest, &error));
		g_assert_no_error(error);
		g_assert_cmpstr(manifest.digest, ==, digest);
		g_assert_cmpstr(manifest.media_type, ==, OCI_MEDIA_MANIFEST);
		g_assert_cmpuint(manifest.length, ==, strlen(MANIFEST));
		g_assert_null(manifest.text);
		berth_manifest_clear(&manifest);
		g_assert_cmpint(server_requests(scene->server), ==, i);
	}
	// Another repository of the same client finds the connection, too.
	struct berth_repository *second = scene_open(scene, "lib/second", false, NULL);
	struct berth_manifest manifest = {0};
	g_assert_true(berth_repository_resolve(second, digest, &manifest, &error));
	berth_manifest_clear(&manifest);
	berth_repository_free(second);
	g_assert_cmpint(server_connections(scene->server), ==, 1);
	scene_free(scene);
}

static void no_head(struct request *request, G_GNUC_UNUSED void *data)
{
	if (g_str_equal(request->method, "HEAD"))
		answer_text(request, 405, "", "");
	else
		answer_text(request, 200, "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", MANIFEST);
}

static void test_head_fallback(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = no_head});
	struct berth_manifest manifest = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_resolve(scene->repository, "1", &manifest, &error));
	g_assert_cmpstr(manifest.text, ==, MANIFEST);
	berth_manifest_clear(&manifest);
	scene_free(scene);
}

static const struct manifest_row {
	const char *type, *text, *digest; // digest: the header's; NULL: none
	const char *expected_type; // NULL: refused,
	const char *refusal; // with this in the message
	int kind; // enum berth_error
} manifest_rows[] = {
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"layers\":[]}", NULL, OCI_MEDIA_MANIFEST},
	{OCI_MEDIA_INDEX "; charset=utf-8", "{\"schemaVersion\":2,\"manifests\":[]}", NULL, OCI_MEDIA_INDEX},
	{"application/json", "{\"schemaVersion\":2,\"manifests\":[]}", NULL, OCI_MEDIA_INDEX},
	{"text/plain", "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MEDIA_MANIFEST "\",\"layers\":[]}", NULL,
	 DOCKER_MEDIA_MANIFEST},
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MEDIA_MANIFEST "\",\"layers\":[]}", NULL,
	 NULL, "says itself", BERTH_ERROR_INVALID},
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL, NULL, "ambiguous",
	 BERTH_ERROR_INVALID},
	{OCI_MEDIA_INDEX, "{\"schemaVersion\":2,\"config\":{},\"manifests\":[]}", NULL, NULL, "ambiguous",
	 BERTH_ERROR_INVALID},
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"manifests\":[]}", NULL, NULL, "that of an index",
	 BERTH_ERROR_INVALID},
	{OCI_MEDIA_INDEX, "{\"schemaVersion\":2,\"layers\":[]}", NULL, NULL, "that of a manifest", BERTH_ERROR_INVALID},
	{"application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1}", NULL, NULL, "schema 1",
	 BERTH_ERROR_NOT_IMPLEMENTED},
	{"application/json", "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, NULL, "schema 1",
	 BERTH_ERROR_NOT_IMPLEMENTED},
	{"application/vnd.example", "{\"schemaVersion\":2,\"layers\":[]}", NULL, NULL, "application/vnd.example",
	 BERTH_ERROR_NOT_IMPLEMENTED},
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2}", NULL, NULL, "neither", BERTH_ERROR_INVALID},
	{OCI_MEDIA_MANIFEST, "no json", NULL, NULL, "manifest 127.0.0.1", BERTH_ERROR_INVALID},
	{OCI_MEDIA_MANIFEST, "[]", NULL, NULL, "neither", BERTH_ERROR_INVALID},
	{OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"layers\":[]}", ZEROS, NULL, "its digest is", BERTH_ERROR_INVALID},
};

static void row_manifest(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct manifest_row *row = scene->data;
	g_autofree char *headers =
		g_strdup_printf("Content-Type: %s\r\n%s%s%s", row->type, row->digest ? "Docker-Content-Digest: " : "",
				row->digest ? row->digest : "", row->digest ? "\r\n" : "");

	answer_text(request, 200, headers, row->text);
}

static void test_manifests(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = row_manifest});

	for (size_t i = 0; i < G_N_ELEMENTS(manifest_rows); i++) {
		const struct manifest_row *row = scene->data = &manifest_rows[i];
		struct berth_manifest manifest = {0};
		g_autoptr(GError) error = NULL;
		bool good = berth_repository_manifest(scene->repository, "1", &manifest, &error);
		g_test_message("%s %s", row->type, row->text);
		if (row->expected_type) {
			g_assert_no_error(error);
			g_assert_cmpstr(manifest.media_type, ==, row->expected_type);
			g_assert_cmpstr(manifest.text, ==, row->text);
			berth_manifest_clear(&manifest);
			continue;
		}
		g_assert_false(good);
		g_assert_error(error, BERTH_ERROR, row->kind);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, row->refusal));
	}
	scene_free(scene);
}

static void big_manifest(struct request *request, G_GNUC_UNUSED void *data)
{
	g_autofree char *text = g_strnfill(BERTH_LIMIT_MANIFEST + 1, ' ');

	answer_text(request, 200, "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", text);
}

static void endless_head(struct request *request, G_GNUC_UNUSED void *data)
{
	g_autofree char *line = g_strnfill(1000, 'a');
	g_autofree char *header = g_strdup_printf("Link: %s\r\n", line);

	answer_raw(request, "HTTP/1.1 200 x\r\n", strlen("HTTP/1.1 200 x\r\n"));
	for (int i = 0; i < 1000; i++)
		answer_raw(request, header, strlen(header));
	request->close = true;
}

static void test_manifest_refused(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = big_manifest});
	struct berth_manifest manifest = {0};
	g_autoptr(GError) error = NULL;

	g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	scene->handler = endless_head;
	g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "head"));
	g_clear_error(&error);
	scene->handler = good_manifest;
	g_assert_false(berth_repository_manifest(scene->repository, ZEROS, &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "sent another one"));
	g_clear_error(&error);
	g_assert_false(berth_repository_manifest(scene->repository, "sha512:00", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(berth_repository_manifest(scene->repository, "../../x", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	scene_free(scene);
}

static const struct status_row {
	int status;
	const char *body;
	int kind; // enum berth_error
	const char *told;
} status_rows[] = {
	{401, "", BERTH_ERROR_UNAUTHORIZED, "401"},
	{403, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\\u0007 way\"}]}", BERTH_ERROR_FORBIDDEN,
	 "DENIED: no  way"},
	{404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}", BERTH_ERROR_NOT_FOUND,
	 "MANIFEST_UNKNOWN: manifest unknown"},
	{418, "<html>", BERTH_ERROR_INVALID, "418"},
	{500, "", BERTH_ERROR_UNAVAILABLE, "500"},
	{429, "", BERTH_ERROR_UNAVAILABLE, "429"},
};

static void row_status(struct request *request, void *data)
{
	const struct scene *scene = data;
	const struct status_row *row = scene->data;

	answer_text(request, row->status, "", row->body);
}

static void test_statuses(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = row_status});

	for (size_t i = 0; i < G_N_ELEMENTS(status_rows); i++) {
		const struct status_row *row = scene->data = &status_rows[i];
		struct berth_manifest manifest = {0};
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
		g_assert_error(error, BERTH_ERROR, row->kind);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, row->told));
	}
	scene_free(scene);
}

// Twice 503, once a cut connection, then well.
static void sometimes(struct request *request, void *data)
{
	struct scene *scene = data;
	int count = g_atomic_int_add(&scene->count, 1);

	if (count < 2)
		answer_text(request, 503, count == 0 ? "Retry-After: 1\r\n" : "", "");
	else if (count == 2)
		request->close = true;
	else
		answer_manifest(request, MANIFEST);
}

static void test_second_tries(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = sometimes});
	struct berth_manifest manifest = {0};
	gint64 begin = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	g_assert_no_error(error);
	g_assert_cmpint(server_requests(scene->server), ==, 4);
	g_assert_cmpint(g_get_monotonic_time() - begin, >=, G_USEC_PER_SEC); // as it was asked to
	berth_manifest_clear(&manifest);
	scene_free(scene);
}

static void much_later(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer_text(request, 429, scene->data,
		    "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"slow down\"}]}");
}

static void test_no_endless_wait(void)
{
	static const char *const headers[] = {"Retry-After: 3600\r\n",
					      "Retry-After: Fri, 31 Dec 2999 23:59:59 GMT\r\n"};
	struct scene *scene = scene_new(&(struct scene_options){.handler = much_later});

	for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
		struct berth_manifest manifest = {0};
		g_autoptr(GError) error = NULL;
		scene->data = headers[i];
		g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
		g_assert_nonnull(strstr(error->message, "TOOMANYREQUESTS"));
		g_assert_cmpint(server_requests(scene->server), ==, i + 1);
	}
	scene_free(scene);
}

static void silent(struct request *request, void *data)
{
	struct scene *scene = data;

	(void) request;
	for (int i = 0; i < 100 && !g_atomic_int_get(&scene->count); i++)
		g_usleep(50000);
}

static void *cancel_soon(void *data)
{
	struct scene *scene = data;

	g_usleep(200000);
	g_atomic_int_set(&scene->canceled, 1);
	return NULL;
}

static void test_cancel(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = silent});
	struct berth_manifest manifest = {0};
	GThread *thread = g_thread_new("cancel", cancel_soon, scene);
	gint64 begin = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	g_assert_false(berth_repository_resolve(scene->repository, "1", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 4 * G_USEC_PER_SEC); // and not the server's five
	g_atomic_int_set(&scene->count, 1);
	g_thread_join(thread);
	scene_free(scene);
}

static void redirect_all(struct request *request, void *data)
{
	const struct scene *scene = data;
	g_autofree char *headers =
		g_strdup_printf("Location: http://%s%s?signed=1\r\n", server_authority(scene->other), request->target);

	answer_text(request, 307, headers, "");
}

// The other host sees no credentials, and what it asks for it does not get.
static void wants_basic(struct request *request, void *data)
{
	struct scene *scene = data;

	if (g_atomic_int_add(&scene->count, 1) == 0)
		answer_manifest(request, MANIFEST);
	else
		answer_text(request, 401, "WWW-Authenticate: Basic realm=\"give\"\r\n", "");
}

static void test_redirect(void)
{
	struct berth_credentials credentials = {.registry_token = (char *) "token"};
	struct scene *scene = scene_new(&(struct scene_options){
		.handler = redirect_all, .other_handler = wants_basic, .credentials = &credentials});
	struct berth_manifest manifest = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	g_assert_no_error(error);
	berth_manifest_clear(&manifest);
	g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED);
	g_autofree char *log = scene_log(scene), *other = scene_other_log(scene);
	g_assert_cmpstr(log, ==,
			"GET /v2/lib/test/manifests/1 [Bearer token]\nGET /v2/lib/test/manifests/1 [Bearer token]\n");
	g_assert_cmpstr(other, ==,
			"GET /v2/lib/test/manifests/1?signed=1 []\nGET /v2/lib/test/manifests/1?signed=1 []\n");
	scene_free(scene);
}

static void redirect_to(struct request *request, void *data)
{
	const struct scene *scene = data;
	g_autofree char *headers = g_strdup_printf("Location: %s\r\n", (const char *) scene->data);

	answer_text(request, 302, headers, "");
}

static void test_bad_redirects(void)
{
	static const char *const targets[] = {"/v2/again", "file:///etc/passwd", "http://user:password@127.0.0.1/",
					      "gopher://127.0.0.1/", "http://"};
	struct scene *scene = scene_new(&(struct scene_options){.handler = redirect_to});

	for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
		struct berth_manifest manifest = {0};
		g_autoptr(GError) error = NULL;
		int before = server_requests(scene->server);
		scene->data = targets[i];
		g_assert_false(berth_repository_manifest(scene->repository, "1", &manifest, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, "redirect"));
		g_assert_cmpint(server_requests(scene->server) - before, ==, i == 0 ? BERTH_LIMIT_REDIRECTS + 1 : 1);
	}
	scene_free(scene);
}

static void not_found(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 404, "", "");
}

// Mirrors are asked first, without the registry's credentials; the registry when they do not have it.
static void test_mirror(void)
{
	struct berth_credentials credentials = {.registry_token = (char *) "token"};
	struct scene *scene = scene_new(&(struct scene_options){.handler = good_manifest,
								.other_handler = good_manifest,
								.mirror = "other",
								.credentials = &credentials});
	struct berth_manifest manifest = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_manifest(scene->repository, "1", &manifest, &error));
	berth_manifest_clear(&manifest);
	g_assert_cmpint(server_requests(scene->server), ==, 0);
	scene->other_handler = not_found;
	g_assert_true(berth_repository_manifest(scene->repository, "2", &manifest, &error));
	berth_manifest_clear(&manifest);
	g_autofree char *log = scene_log(scene), *other = scene_other_log(scene);
	g_assert_cmpstr(log, ==, "GET /v2/lib/test/manifests/2 [Bearer token]\n");
	g_assert_cmpstr(other, ==, "GET /v2/lib/test/manifests/1 []\nGET /v2/lib/test/manifests/2 []\n");
	scene_free(scene);
}

static void other_manifest(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 200, "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", "{\"schemaVersion\":2,\"layers\":[]}");
}

// A mirror that sends another manifest than was asked for is left alone.
static void test_lying_mirror(void)
{
	struct scene *scene = scene_new(
		&(struct scene_options){.handler = good_manifest, .other_handler = other_manifest, .mirror = "other"});
	g_autofree char *digest = digest_of(MANIFEST, strlen(MANIFEST));
	g_autoptr(GError) error = NULL;

	for (int i = 1; i <= 2; i++) {
		struct berth_manifest manifest = {0};
		g_assert_true(berth_repository_manifest(scene->repository, digest, &manifest, &error));
		g_assert_no_error(error);
		g_assert_cmpstr(manifest.text, ==, MANIFEST);
		berth_manifest_clear(&manifest);
		g_assert_cmpint(server_requests(scene->other), ==, 1);
		g_assert_cmpint(server_requests(scene->server), ==, i);
	}
	scene_free(scene);
}

static void test_dead_mirror(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = good_manifest, .mirror = "127.0.0.1:1"});
	struct berth_manifest manifest = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_repository_resolve(scene->repository, "1", &manifest, &error));
	g_assert_no_error(error);
	berth_manifest_clear(&manifest);
	scene_free(scene);
}

static void tag_pages(struct request *request, G_GNUC_UNUSED void *data)
{
	g_autofree char *host = request_header(request, "Host");
	// As behind a proxy that ends TLS, with another scheme.
	g_autofree char *link =
		g_strdup_printf("Link: <http://%s/v2/lib/test/tags/list?last=b&n=2>; rel=\"next\"\r\n", host);

	if (strstr(request->target, "last=d"))
		answer_text(request, 200, "", "{\"name\":\"lib/test\",\"tags\":null}");
	else if (strstr(request->target, "last=b"))
		answer_text(request, 200, "Link: </a>; rel=\"prev\", </v2/lib/test/tags/list?last=d>; rel=\"next\"\r\n",
			    "{\"tags\":[\"c\",\"d\"]}");
	else
		answer_text(request, 200, link, "{\"tags\":[\"a\",\"b\"]}");
}

static void tags_elsewhere(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 200, "Link: <http://127.0.0.2:1/x>; rel=\"next\"\r\n", "{\"tags\":[]}");
}

static void tags_endless(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 200, "Link: </v2/lib/test/tags/list>; rel=\"next\"\r\n", "{\"tags\":[]}");
}

static void tags_hostile(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 200, "", "{\"tags\":[\"../x\"]}");
}

static void test_tags(void)
{
	static const struct {
		handler_fn *handler;
		int kind; // enum berth_error
	} bad[] = {
		{tags_elsewhere, BERTH_ERROR_INVALID},
		{tags_endless, BERTH_ERROR_RESOURCE_EXHAUSTED},
		{tags_hostile, BERTH_ERROR_INVALID},
		{not_found, BERTH_ERROR_NOT_FOUND},
	};
	struct scene *scene = scene_new(&(struct scene_options){.handler = tag_pages});
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) tags = berth_repository_tags(scene->repository, &error);
	g_autofree char *all = tags ? g_strjoinv(" ", tags) : NULL;

	g_assert_no_error(error);
	g_assert_cmpstr(all, ==, "a b c d");
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		scene->handler = bad[i].handler;
		g_assert_null(berth_repository_tags(scene->repository, &error));
		g_assert_error(error, BERTH_ERROR, bad[i].kind);
		g_clear_error(&error);
	}
	scene_free(scene);
}

static void search_handler(struct request *request, void *data)
{
	const struct scene *scene = data;

	if (g_str_has_prefix(request->target, "/v1/search") && scene->data)
		answer_text(request, 200, "Content-Type: application/json\r\n", scene->data);
	else if (g_str_has_prefix(request->target, "/v2/_catalog"))
		answer_text(request, 200, "", "{\"repositories\":[\"a/busybox\",\"b/other\",\"busy\"]}");
	else
		answer_text(request, 404, "", "");
}

static void test_search(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = search_handler});
	g_autofree char *term = g_strconcat(server_authority(scene->server), "/bus", NULL);
	g_autofree char *expected = g_strconcat(server_authority(scene->server), "/a/busybox", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) found = berth_registries_search(scene->registries, term, 25, NULL, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(found->len, ==, 2);
	g_assert_cmpstr(((struct berth_found_repository *) found->pdata[0])->name, ==, expected);
	g_clear_pointer(&found, g_ptr_array_unref);
	found = berth_registries_search(scene->registries, term, 1, NULL, &error);
	g_assert_cmpuint(found->len, ==, 1);
	g_clear_pointer(&found, g_ptr_array_unref);
	scene->data =
		"{\"results\":[{\"name\":\"a/busybox\",\"description\":\"d\",\"star_count\":7,\"is_official\":true}]}";
	found = berth_registries_search(scene->registries, term, 25, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(found->len, ==, 1);
	const struct berth_found_repository *first = found->pdata[0];
	g_assert_cmpstr(first->name, ==, expected);
	g_assert_cmpint(first->stars, ==, 7);
	g_assert_true(first->official);
	g_assert_cmpstr(first->description, ==, "d");
	scene_free(scene);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/registry/resolve", test_resolve);
	g_test_add_func("/registry/head-fallback", test_head_fallback);
	g_test_add_func("/registry/manifests", test_manifests);
	g_test_add_func("/registry/manifest-refused", test_manifest_refused);
	g_test_add_func("/registry/statuses", test_statuses);
	g_test_add_func("/registry/second-tries", test_second_tries);
	g_test_add_func("/registry/no-endless-wait", test_no_endless_wait);
	g_test_add_func("/registry/cancel", test_cancel);
	g_test_add_func("/registry/redirect", test_redirect);
	g_test_add_func("/registry/bad-redirects", test_bad_redirects);
	g_test_add_func("/registry/mirror", test_mirror);
	g_test_add_func("/registry/lying-mirror", test_lying_mirror);
	g_test_add_func("/registry/dead-mirror", test_dead_mirror);
	g_test_add_func("/registry/tags", test_tags);
	g_test_add_func("/registry/search", test_search);
	return g_test_run();
}
