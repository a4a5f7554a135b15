// SPDX-License-Identifier: Apache-2.0
// What the API makes of requests that need a registry: names, credentials, the words of refusals, clients that leave.
#include "api/tests/fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// `auth` (may be NULL) is X-Registry-Auth.
static char *ask_with(const struct fixture *fixture, const char *method, const char *path, const char *auth,
		      const char *body)
{
	g_autofree char *credentials = auth ? g_strdup_printf("X-Registry-Auth: %s\r\n", auth) : g_strdup("");
	g_autofree char *head = g_strconcat(credentials, body ? "Content-Type: application/json\r\n" : "", NULL);

	return ask(fixture, method, path, head, body ? body : "");
}

// Asks, and compares the status, what the answer contains (NULL: anything), and what was called (NULL: anything).
static void check(const struct fixture *fixture, const char *method, const char *path, const char *auth,
		  const char *body, unsigned status, const char *contains, const char *call)
{
	g_autofree char *answer = ask_with(fixture, method, path, auth, body);
	g_autofree char *last = fake_last(fixture->engine);

	if ((unsigned) atoi(answer + strlen("HTTP/1.1 ")) != status || (contains && !strstr(answer, contains)) ||
	    (call && g_strcmp0(last, call) != 0))
		g_error("%s %s: %s\ncalled: %s", method, path, answer, last);
}

static char *encode(const char *text, bool padded)
{
	char *result = g_base64_encode((const guchar *) text, strlen(text));

	g_strdelimit(result, "+", '-');
	g_strdelimit(result, "/", '_');
	if (!padded)
		result[strcspn(result, "=")] = '\0';
	return result;
}

static void test_names(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *query, *call;
	} cases[] = {
		{"fromImage=busybox&tag=1", "pull busybox:1 0 - :"},
		{"fromImage=busybox", "pull busybox 1 - :"},
		{"fromImage=busybox:&tag=", "pull busybox 1 - :"},
		{"fromImage=busybox:1", "pull busybox:1 0 - :"},
		{"fromImage=busybox:1&tag=2", "pull busybox:2 0 - :"},
		{"fromImage=h:5000/a/b", "pull h:5000/a/b 1 - :"},
		{"fromImage=h:5000/a/b&tag=x&platform=linux/arm64", "pull h:5000/a/b:x 0 linux/arm64 :"},
		{"fromImage=a&tag=sha256:22", "pull a@sha256:22 0 - :"},
		{"fromImage=a@sha256:22", "pull a@sha256:22 0 - :"},
		{"fromImage=a:1@sha256:22", "pull a:1@sha256:22 0 - :"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/images/create?", cases[i].query, NULL);
		check(fixture, "POST", path, NULL, NULL, 200, "Pulling from a/b", cases[i].call);
	}
	check(fixture, "POST", "/images/a/b/push?tag=1", NULL, NULL, 200, NULL, "push a/b:1 0 - :");
	check(fixture, "POST", "/images/h:5000/a/push", NULL, NULL, 200, NULL, "push h:5000/a 1 - :");
}

static void test_refusals(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check(fixture, "POST", "/images/create?fromImage=missing&tag=1", NULL, NULL, 404,
	      "{\"message\":\"manifest for missing:1 not found: manifest unknown: ", NULL);
	check(fixture, "POST", "/images/create?fromImage=h:1/denied&tag=1", NULL, NULL, 404,
	      "{\"message\":\"pull access denied for h:1/denied, repository does not exist or may require "
	      "'docker login': DENIED: requested access is denied\"}",
	      NULL);
	check(fixture, "POST", "/images/create?fromImage=unknown&tag=1", NULL, NULL, 404,
	      "{\"message\":\"repository unknown not found: ", NULL);
	check(fixture, "POST", "/images/create?fromImage=broken&tag=1", NULL, NULL, 200, "\"error\":\"blob: broken\"",
	      NULL);
	check(fixture, "POST", "/images/busybox/push?tag=1&platform=nonsense", NULL, NULL, 400, NULL, NULL);
	check(fixture, "POST",
	      "/images/busybox/push?tag=1&platform=%7B%22os%22:%22linux%22,%22architecture%22:%22s390x%22%7D", NULL,
	      NULL, 404, "does not provide the specified platform (linux/s390x)", NULL);
}

static void test_credentials(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const char text[] = "{\"username\":\"me\",\"password\":\"s\xc3\xbf>?ecret\"}";
	static const char path[] = "/images/create?fromImage=h:1/a&tag=1";

	for (int padded = 0; padded < 2; padded++) {
		g_autofree char *auth = encode(text, padded);
		g_assert_true(strpbrk(auth, "-_") != NULL && (strchr(auth, '=') != NULL) == padded);
		check(fixture, "POST", path, auth, NULL, 200, NULL, "pull h:1/a:1 0 - me:s\xc3\xbf>?ecret");
	}
	check(fixture, "POST", path, "nonsense", NULL, 200, NULL, "pull h:1/a:1 0 - :");
	check(fixture, "POST", path, "", NULL, 200, NULL, "pull h:1/a:1 0 - :");

	// Those that name a host are for that one.
	static const struct {
		const char *server, *name;
		bool used;
	} cases[] = {
		{"h:1", "h:1/a", true},
		{"https://h:1/v2/", "h:1/a", true},
		{"h:2", "h:1/a", false},
		{"https://index.docker.io/v1/", "a", true},
		{"docker.io", "docker.io/a/b", true},
		{"https://index.docker.io/v1/", "h:1/a", false},
		{"h:1", "a", false},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *json = g_strdup_printf(
			"{\"username\":\"me\",\"password\":\"pw\",\"serveraddress\":\"%s\"}", cases[i].server);
		g_autofree char *auth = encode(json, true);
		g_autofree char *push = g_strdup_printf("/images/%s/push?tag=1", cases[i].name);
		g_autofree char *call =
			g_strdup_printf("push %s:1 0 - %s", cases[i].name, cases[i].used ? "me:pw" : ":");
		check(fixture, "POST", push, auth, NULL, 200, NULL, call);
	}
}

static void test_login(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check(fixture, "POST", "/auth", NULL, "{\"username\":\"me\",\"password\":\"secret\",\"serveraddress\":\"h:1\"}",
	      200, "{\"Status\":\"Login Succeeded\",\"IdentityToken\":\"refresh\"}", "login me h:1");
	check(fixture, "POST", "/auth", NULL, "{\"username\":\"me\",\"password\":\"x\"}", 401,
	      "unauthorized: incorrect username or password", NULL);
	check(fixture, "POST", "/auth", NULL, "[]", 400, NULL, NULL);
}

static void test_search(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *auth =
		encode("{\"username\":\"me\",\"password\":\"pw\",\"serveraddress\":\"localhost:5000\"}", true);

	check(fixture, "GET", "/images/search?term=bus", NULL, NULL, 200,
	      "[{\"star_count\":10,\"is_official\":true,\"name\":\"a\",\"is_automated\":false,\"description\":\"\"},",
	      "search bus 25 -");
	check(fixture, "GET", "/images/search?term=localhost:5000/bus&limit=3", auth, NULL, 200, NULL,
	      "search localhost:5000/bus 3 me");
	check(fixture, "GET", "/images/search?term=bus", auth, NULL, 200, NULL, "search bus 25 -");
	check(fixture, "GET", "/images/search?term=x&filters=%7B%22stars%22:%5B%224%22%5D%7D", NULL, NULL, 200,
	      "\"name\":\"a\",\"is_automated\":false,\"description\":\"\"}]", NULL);
	check(fixture, "GET", "/images/search?term=x&filters=%7B%22is-official%22:%5B%22false%22%5D%7D", NULL, NULL,
	      200, "[{\"star_count\":3,", NULL);
	check(fixture, "GET", "/images/search?term=x&limit=101", NULL, NULL, 400, NULL, NULL);
	check(fixture, "GET", "/images/search?term=x&filters=%7B%22colour%22:%5B%22red%22%5D%7D", NULL, NULL, 400,
	      "invalid filter 'colour'", NULL);
	check(fixture, "GET", "/images/search", NULL, NULL, 400, NULL, NULL);
}

static void test_manifests(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check(fixture, "GET", "/distribution/h:1/a:1/json", NULL, NULL, 200,
	      "\"Platforms\":[{\"architecture\":\"arm\",\"os\":\"linux\"}]}", "manifest h:1/a:1 0 - :");
	check(fixture, "GET", "/distribution/a/manifest", NULL, NULL, 200,
	      "Content-Type: application/vnd.oci.image.index.v1+json", "manifest a 0 - :");
	check(fixture, "GET", "/distribution/missing/json", NULL, NULL, 404, "manifest unknown", NULL);
	check(fixture, "POST", "/distribution/a:1/index", NULL,
	      "{\"index\":{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"d\",\"size\":1}]},"
	      "\"sources\":[\"h/a@d\"]}",
	      200, "{\"Digest\":\"sha256:22", "index 1 h/a@d a:1 0 - :");
	check(fixture, "POST", "/distribution/a:1/index", NULL,
	      "{\"index\":{\"schemaVersion\":2,\"manifests\":[]},\"sources\":[\"h/a@d\"]}", 400, NULL, NULL);
}

// A pull that has told nothing yet, and whose client is gone, ends.
static void test_client_leaves(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const char *const paths[][2] = {{"POST", "/images/create?fromImage=slow&tag=1"},
					       {"POST", "/images/slow/push?tag=1"},
					       {"GET", "/distribution/slow/json"}};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		int fd = send_request(fixture, paths[i][0], paths[i][1], "", "");
		wait_for_streams(fixture, 1);
		close(fd);
		wait_for_streams(fixture, 0);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
#define ADD(path, function) g_test_add(path, struct fixture, NULL, set_up, function, tear_down)
	ADD("/registry/names", test_names);
	ADD("/registry/refusals", test_refusals);
	ADD("/registry/credentials", test_credentials);
	ADD("/registry/login", test_login);
	ADD("/registry/search", test_search);
	ADD("/registry/manifests", test_manifests);
	ADD("/registry/client-leaves", test_client_leaves);
	return g_test_run();
}
