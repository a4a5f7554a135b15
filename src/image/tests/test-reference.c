// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include "base/error.h"

#include <string.h>

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct good {
	const char *text, *full, *familiar;
};

static const struct good good[] = {
	{"redis", "docker.io/library/redis:latest", "redis:latest"},
	{"redis:7", "docker.io/library/redis:7", "redis:7"},
	{"library/redis", "docker.io/library/redis:latest", "redis:latest"},
	{"docker.io/redis", "docker.io/library/redis:latest", "redis:latest"},
	{"index.docker.io/redis", "docker.io/library/redis:latest", "redis:latest"},
	{"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
	{"docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"},
	{"me/app", "docker.io/me/app:latest", "me/app:latest"},
	{"quay.io/me/app:v1.2", "quay.io/me/app:v1.2", "quay.io/me/app:v1.2"},
	{"localhost/app", "localhost/app:latest", "localhost/app:latest"},
	{"localhost:5000/app:x", "localhost:5000/app:x", "localhost:5000/app:x"},
	{"Host/app", "Host/app:latest", "Host/app:latest"},
	{"[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"},
	{"a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest", "a__b/c--d.e_f:latest"},
	{"app@" DIGEST, "docker.io/library/app@" DIGEST, "app@" DIGEST},
	{"app:1@" DIGEST, "docker.io/library/app:1@" DIGEST, "app:1@" DIGEST},
	{"app:_Under.score-1", "docker.io/library/app:_Under.score-1", "app:_Under.score-1"},
	{"a.b.c:80/x/y/z", "a.b.c:80/x/y/z:latest", "a.b.c:80/x/y/z:latest"},
};

static void test_good(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		struct berth_image_name name;
		g_autoptr(GError) error = NULL;
		g_assert_true(berth_image_name_parse(good[i].text, &name, &error));
		g_autofree char *full = berth_image_name_full(&name), *familiar = berth_image_name_familiar(&name);
		g_assert_cmpstr(full, ==, good[i].full);
		g_assert_cmpstr(familiar, ==, good[i].familiar);
		berth_image_name_clear(&name);
		g_assert_null(name.path);
	}
}

// What is written can be read again, and means the same.
static void test_stable(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		struct berth_image_name name;
		g_assert_true(berth_image_name_parse(good[i].familiar, &name, NULL));
		g_autofree char *full = berth_image_name_full(&name);
		g_assert_cmpstr(full, ==, good[i].full);
		berth_image_name_clear(&name);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "invalid reference format: repository name must have at least one component"},
		{"UPPER", "invalid reference format: repository name must be lowercase"},
		{"quay.io/Me/app", "invalid reference format: repository name must be lowercase"},
		{":", "invalid reference format"},
		{"app:", "invalid reference format"},
		{"app:-x", "invalid reference format"},
		{"app:a b", "invalid reference format"},
		{"a/", "invalid reference format"},
		{"/a", "invalid reference format"},
		{"a//b", "invalid reference format"},
		{"-app", "invalid reference format"},
		{"app-", "invalid reference format"},
		{"a..b", "invalid reference format"},
		{"a___b", "invalid reference format"},
		{"c-_d", "invalid reference format"},
		{"../etc", "invalid reference format"},
		{"a b", "invalid reference format"},
		{"bad_host.x/app", "invalid reference format"},
		{"-h.x/app", "invalid reference format"},
		{"h..x/app", "invalid reference format"},
		{"host:port/app", "invalid reference format"},
		{"host:/app", "invalid reference format"},
		{"[::1/app", "invalid reference format"},
		{"[]:5/app", "invalid reference format"},
		{"http://host/app", "invalid reference format"},
		{"app@sha256:abc", "invalid reference format: invalid checksum digest"},
		{"app@md5:d41d8cd98f00b204e9800998ecf8427e", "invalid reference format: unsupported digest algorithm"},
		{"\xc3\xa9t\xc3\xa9", "invalid reference format"},
		{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		 "invalid reference format: 64 hexadecimal digits are an image's id and cannot be a repository name"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct berth_image_name name;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", bad[i].text);
		g_assert_false(berth_image_name_parse(bad[i].text, &name, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_cmpstr(error->message, ==, bad[i].message);
	}
}

static bool parses(const char *text)
{
	struct berth_image_name name;
	bool good_name = berth_image_name_parse(text, &name, NULL);

	if (good_name)
		berth_image_name_clear(&name);
	return good_name;
}

static void test_limits(void)
{
	g_autofree char *tag = g_strnfill(128, 't'), *path = g_strnfill(255 - strlen("docker.io/me/"), 'p');
	g_autofree char *tagged = g_strconcat("app:", tag, NULL), *too_long_tag = g_strconcat("app:t", tag, NULL);
	g_autofree char *name = g_strconcat("me/", path, NULL), *too_long_name = g_strconcat("me/p", path, NULL);

	g_assert_true(parses(tagged));
	g_assert_false(parses(too_long_tag));
	g_assert_true(parses(name));
	g_assert_false(parses(too_long_name));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/reference/good", test_good);
	g_test_add_func("/reference/stable", test_stable);
	g_test_add_func("/reference/bad", test_bad);
	g_test_add_func("/reference/limits", test_limits);
	return g_test_run();
}
