// SPDX-License-Identifier: Apache-2.0
// What is shown to whom: Basic, tokens and their servers, refresh tokens, logins.
#include "base/error.h"
#include "distribution/tests/scene.h"

#include <signal.h>
#include <string.h>

#define ALICE "Basic YWxpY2U6c2VjcmV0" // alice:secret

static const struct berth_credentials alice = {.username = (char *) "alice", .password = (char *) "secret"};

static bool resolve(struct berth_repository *repository, GError **error)
{
	struct berth_manifest manifest = {0};
	bool good = berth_repository_resolve(repository, "1", &manifest, error);

	berth_manifest_clear(&manifest);
	return good;
}

static bool has(const struct request *request, const char *authorization)
{
	g_autofree char *found = request_header(request, "Authorization");

	return g_strcmp0(found, authorization) == 0;
}

static void basic(struct request *request, G_GNUC_UNUSED void *data)
{
	if (has(request, ALICE))
		answer_manifest(request, MANIFEST);
	else
		answer_text(request, 401, "WWW-Authenticate: Negotiate, Basic realm=\"r\"\r\n",
			    "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"alice with secret is unknown\"}]}");
}

// It is asked for once; what was learned serves all repositories.
static void test_basic(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = basic, .credentials = &alice});
	g_autoptr(GError) error = NULL;

	g_assert_true(resolve(scene->repository, &error));
	g_assert_true(resolve(scene->repository, &error));
	g_assert_cmpint(server_requests(scene->server), ==, 3);
	struct berth_repository *second = scene_open(scene, "lib/second", false, &alice);
	g_assert_true(resolve(second, &error));
	g_assert_cmpint(server_requests(scene->server), ==, 4);
	berth_repository_free(second);
	scene_free(scene);
}

// A refusal repeats neither name nor password, also if the registry does.
static void test_basic_refused(void)
{
	struct berth_credentials wrong = {.username = (char *) "alice", .password = (char *) "secret is"};
	struct scene *scene = scene_new(&(struct scene_options){.handler = basic, .credentials = &wrong});
	g_autoptr(GError) error = NULL;

	g_assert_false(resolve(scene->repository, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED);
	g_assert_null(strstr(error->message, "secret"));
	g_assert_null(strstr(error->message, "alice"));
	struct berth_repository *anonymous = scene_open(scene, "lib/test", false, NULL);
	g_clear_error(&error);
	g_assert_false(resolve(anonymous, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED);
	g_assert_nonnull(strstr(error->message, "log in"));
	berth_repository_free(anonymous);
	scene_free(scene);
}

// A registry whose token server is the other host.
static void bearer(struct request *request, void *data)
{
	const struct scene *scene = data;
	g_autofree char *headers = g_strdup_printf(
		"WWW-Authenticate: Bearer realm=\"http://%s/token?a=b\",service=\"the service\",scope=\"ignored\"\r\n",
		server_authority(scene->other));
	g_autofree char *wanted = g_strdup_printf("Bearer token-%d", g_atomic_int_get(&scene->count));

	if (!has(request, wanted))
		answer_text(request, 401, headers, "");
	else if (g_str_equal(request->target, "/v2/"))
		answer_text(request, 200, "", "");
	else
		answer_manifest(request, MANIFEST);
}

// Each token that it gives makes the former ones bad.
static void token_server(struct request *request, void *data)
{
	struct scene *scene = data;
	g_autofree char *text = g_strdup_printf(
		"{\"token\":\"token-%d\",\"expires_in\":%s,\"refresh_token\":\"for-later\"}",
		g_atomic_int_add(&scene->count, 1) + 1, scene->data ? (const char *) scene->data : "300");

	answer_text(request, 200, "", text);
}

static void test_token(void)
{
	struct scene *scene = scene_new(
		&(struct scene_options){.handler = bearer, .other_handler = token_server, .credentials = &alice});
	g_autoptr(GError) error = NULL;

	g_assert_true(resolve(scene->repository, &error));
	g_assert_true(resolve(scene->repository, &error));
	g_assert_no_error(error);
	g_autofree char *log = scene_log(scene), *other = scene_other_log(scene);
	g_assert_cmpstr(log, ==,
			"HEAD /v2/lib/test/manifests/1 []\nHEAD /v2/lib/test/manifests/1 [Bearer token-1]\n"
			"HEAD /v2/lib/test/manifests/1 [Bearer token-1]\n");
	g_assert_cmpstr(
		other, ==,
		"GET /token?a=b&service=the%20service&scope=repository%3Alib%2Ftest%3Apull&account=alice [" ALICE
		"]\n");
	// A token that is refused is asked for again, once.
	g_atomic_int_inc(&scene->count);
	g_assert_true(resolve(scene->repository, &error));
	g_assert_cmpint(server_requests(scene->other), ==, 2);
	// Other rights and other credentials are other tokens.
	struct berth_repository *push = scene_open(scene, "lib/test", true, &alice);
	struct berth_repository *anonymous = scene_open(scene, "lib/test", false, NULL);
	g_assert_true(resolve(push, &error));
	g_assert_true(resolve(anonymous, &error));
	g_free(other);
	other = scene_other_log(scene);
	g_assert_true(g_str_has_suffix(other,
				       "scope=repository%3Alib%2Ftest%3Apull%2Cpush&account=alice [" ALICE "]\n"
				       "GET /token?a=b&service=the%20service&scope=repository%3Alib%2Ftest%3Apull "
				       "[]\n"));
	berth_repository_free(push);
	berth_repository_free(anonymous);
	scene_free(scene);
}

static void test_token_expires(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = bearer, .other_handler = token_server});
	g_autoptr(GError) error = NULL;

	scene->data = "1";
	g_assert_true(resolve(scene->repository, &error));
	g_usleep(2100000);
	g_assert_true(resolve(scene->repository, &error));
	g_assert_no_error(error);
	g_assert_cmpint(server_requests(scene->other), ==, 2);
	g_assert_cmpint(server_requests(scene->server), ==, 3); // the old one was not shown again
	scene_free(scene);
}

static void *resolve_once(void *data)
{
	return GINT_TO_POINTER(resolve(data, NULL));
}

// Of many threads one asks.
static void test_token_shared(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = bearer, .other_handler = token_server});
	GThread *threads[8];

	g_assert_true(resolve(scene->repository, NULL));
	struct berth_repository *second = scene_open(scene, "lib/second", false, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("resolve", resolve_once, second);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_assert_true(GPOINTER_TO_INT(g_thread_join(threads[i])));
	g_assert_cmpint(server_requests(scene->other), ==, 2);
	berth_repository_free(second);
	scene_free(scene);
}

static void mounting(struct request *request, void *data)
{
	if (has(request, "Bearer token-1"))
		answer_text(request, 201, "", "");
	else
		bearer(request, data);
}

// To take a blob from another repository needs the right to read there.
static void test_mount_scope(void)
{
	struct scene *scene = scene_new(&(struct scene_options){
		.handler = mounting, .other_handler = token_server, .credentials = &alice, .push = true});
	g_autofree char *digest = digest_of("", 0);
	bool mounted = false;

	g_assert_true(berth_repository_mount_blob(scene->repository, digest, "lib/from", &mounted, NULL));
	g_assert_true(mounted);
	g_autofree char *other = scene_other_log(scene);
	g_assert_nonnull(
		strstr(other, "&scope=repository%3Alib%2Ftest%3Apull%2Cpush&scope=repository%3Alib%2Ffrom%3Apull&"));
	scene_free(scene);
}

// The body of a POST is what it must be.
static void oauth(struct request *request, void *data)
{
	struct scene *scene = data;

	if (!g_str_equal(request->method, "POST") || scene->data) {
		answer_text(request, 405, "", "");
		return;
	}
	g_assert_cmpstr(request->body->str, ==,
			"service=the%20service&scope=repository%3Alib%2Ftest%3Apull&client_id=berth&grant_type=refresh_"
			"token&refresh_token=r%26r");
	g_atomic_int_inc(&scene->count);
	answer_text(request, 200, "", "{\"access_token\":\"token-1\"}");
}

static void test_identity_token(void)
{
	struct berth_credentials credentials = {.username = (char *) "<token>", .identity_token = (char *) "r&r"};
	struct scene *scene = scene_new(
		&(struct scene_options){.handler = bearer, .other_handler = oauth, .credentials = &credentials});
	g_autoptr(GError) error = NULL;

	g_assert_true(resolve(scene->repository, &error));
	g_assert_no_error(error);
	g_autofree char *other = scene_other_log(scene);
	g_assert_cmpstr(other, ==, "POST /token?a=b []\n");
	scene_free(scene);
}

// A token server that sends a refresh token elsewhere does not get it there.
static void redirect_token(struct request *request, void *data)
{
	const struct scene *scene = data;
	g_autofree char *headers = g_strdup_printf("Location: http://%s/stolen\r\n", server_authority(scene->server));

	answer_text(request, 307, headers, "");
}

static void test_token_redirected(void)
{
	struct berth_credentials credentials = {.identity_token = (char *) "r&r"};
	struct scene *scene = scene_new(&(struct scene_options){
		.handler = bearer, .other_handler = redirect_token, .credentials = &credentials});
	struct berth_repository *named = scene_open(scene, "lib/test", false, &alice);
	g_autoptr(GError) error = NULL;

	g_assert_false(resolve(scene->repository, &error));
	g_assert_nonnull(error);
	g_autofree char *log = scene_log(scene);
	g_assert_null(strstr(log, "/stolen"));
	// A GET may be redirected, without the password.
	g_assert_false(resolve(named, NULL));
	g_free(log);
	log = scene_log(scene);
	g_assert_nonnull(strstr(log, "GET /stolen []\n"));
	g_assert_null(strstr(log, ALICE));
	berth_repository_free(named);
	scene_free(scene);
}

static void bad_token(struct request *request, void *data)
{
	const struct scene *scene = data;

	answer_text(request, 200, "", scene->data);
}

static void test_bad_tokens(void)
{
	static const char *const answers[] = {"",
					      "{}",
					      "[]",
					      "{\"token\":\"\"}",
					      "{\"token\":7}",
					      "{\"token\":\"a\\r\\nHost: b\"}",
					      "{\"token\":\"a b\"}"};
	struct scene *scene = scene_new(&(struct scene_options){.handler = bearer, .other_handler = bad_token});

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		g_autoptr(GError) error = NULL;
		scene->data = answers[i];
		g_assert_false(resolve(scene->repository, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, "token server"));
	}
	scene_free(scene);
}

static void registry_token(struct request *request, G_GNUC_UNUSED void *data)
{
	if (has(request, "Bearer as-it-is"))
		answer_manifest(request, MANIFEST);
	else
		answer_text(request, 401, "WWW-Authenticate: Basic realm=\"r\"\r\n", "");
}

static void test_registry_token(void)
{
	struct berth_credentials credentials = {.registry_token = (char *) "as-it-is"};
	struct scene *scene =
		scene_new(&(struct scene_options){.handler = registry_token, .credentials = &credentials});

	g_assert_true(resolve(scene->repository, NULL));
	g_assert_cmpint(server_requests(scene->server), ==, 1);
	scene_free(scene);
}

static char *login(struct scene *scene, const char *password, GError **error)
{
	g_autofree char *address = g_strdup_printf("http://%s/v1/", server_authority(scene->server));
	struct berth_credentials credentials = {
		.username = (char *) "alice", .password = (char *) password, .server_address = address};
	char *token = NULL;
	bool good = berth_registries_login(scene->registries, &credentials, &token, error);

	return good ? (token ? token : g_strdup("")) : NULL;
}

static void test_login(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = basic, .other_handler = token_server});
	g_autoptr(GError) error = NULL;
	g_autofree char *first = login(scene, "secret", &error);

	g_assert_cmpstr(first, ==, "");
	g_assert_null(login(scene, "wrong", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED);
	g_clear_error(&error);
	scene->handler = bearer;
	g_autofree char *second = login(scene, "secret", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(second, ==, "for-later");
	// It does not rely on a token that is there already.
	g_autofree char *third = login(scene, "secret", &error);
	g_autofree char *other = scene_other_log(scene);
	g_assert_cmpstr(other, ==,
			"GET /token?a=b&service=the%20service&scope=ignored&account=alice&client_id=berth&offline_"
			"token=true [" ALICE "]\n"
			"GET /token?a=b&service=the%20service&scope=ignored&account=alice&client_id=berth&offline_"
			"token=true [" ALICE "]\n");
	scene_free(scene);
}

static void test_login_address(void)
{
	struct scene *scene = scene_new(&(struct scene_options){.handler = basic});
	struct berth_credentials credentials = {.server_address = (char *) "a b"};
	g_autoptr(GError) error = NULL;
	char *token = NULL;

	g_assert_false(berth_registries_login(scene->registries, &credentials, &token, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	scene_free(scene);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/auth/basic", test_basic);
	g_test_add_func("/auth/basic-refused", test_basic_refused);
	g_test_add_func("/auth/token", test_token);
	g_test_add_func("/auth/token-expires", test_token_expires);
	g_test_add_func("/auth/token-shared", test_token_shared);
	g_test_add_func("/auth/mount-scope", test_mount_scope);
	g_test_add_func("/auth/identity-token", test_identity_token);
	g_test_add_func("/auth/token-redirected", test_token_redirected);
	g_test_add_func("/auth/bad-tokens", test_bad_tokens);
	g_test_add_func("/auth/registry-token", test_registry_token);
	g_test_add_func("/auth/login", test_login);
	g_test_add_func("/auth/login-address", test_login_address);
	return g_test_run();
}
