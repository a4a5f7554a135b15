// SPDX-License-Identifier: Apache-2.0
// Authorities, networks, URLs, proxies; and what the configuration of hosts refuses.
#include "base/error.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

static void test_authorities(void)
{
	static const char *const good[] = {"a",          "a.b:1",    "localhost:65535", "127.0.0.1:5000",
					   "[::1]:5000", "[fd00::2]"};
	static const char *const bad[] = {"",     "a:",   "a:0",    "a:65536", "a:b", "a/b",   "http://a",
					  "[::1", "[zz]", "[::1]x", "a b:1",   "-a",  ":5000", "a@b"};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(berth_authority_valid(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_test_message("%s", bad[i]);
		g_assert_false(berth_authority_valid(bad[i]));
	}
}

static void test_loopback(void)
{
	static const char *const good[] = {"localhost", "localhost:5000", "127.0.0.1", "127.3.4.5:80", "[::1]:5000"};
	static const char *const bad[] = {"localhost.example", "128.0.0.1", "[::2]:1", "example", "127.0.0.1.nip.io"};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(berth_authority_is_loopback(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(berth_authority_is_loopback(bad[i]));
}

static bool is_in(const char *authority, const char *text)
{
	g_autoptr(GPtrArray) networks = g_ptr_array_new();
	struct berth_network network;

	g_assert_true(berth_network_parse(text, &network));
	g_ptr_array_add(networks, &network);
	return berth_authority_in(authority, networks);
}

static void test_networks(void)
{
	struct berth_network network;

	g_assert_true(is_in("10.1.2.3:5000", "10.0.0.0/8"));
	g_assert_false(is_in("11.1.2.3:5000", "10.0.0.0/8"));
	g_assert_true(is_in("192.168.5.200", "192.168.5.192/27"));
	g_assert_false(is_in("192.168.5.191", "192.168.5.192/27"));
	g_assert_true(is_in("1.2.3.4", "0.0.0.0/0"));
	g_assert_true(is_in("1.2.3.4", "1.2.3.4/32"));
	g_assert_true(is_in("[fd00::1]:1", "fd00::/8"));
	g_assert_false(is_in("[fe00::1]:1", "fd00::/8"));
	g_assert_false(is_in("1.2.3.4", "::/0"));
	g_assert_true(is_in("localhost", "127.0.0.0/8")); // a name is looked up
	g_assert_false(berth_network_parse("10.0.0.0/33", &network));
	g_assert_false(berth_network_parse("10.0.0.0/", &network));
	g_assert_false(berth_network_parse("10.0.0/8", &network));
	g_assert_false(berth_network_parse("a/8", &network));
	g_assert_false(berth_network_parse("10.0.0.0", &network));
}

static void test_urls(void)
{
	static const struct {
		const char *base, *reference, *expected;
	} rows[] = {
		{"https://a/v2/x", "/v2/y?z=1", "https://a/v2/y?z=1"},
		{"https://a/v2/x", "y", "https://a/v2/y"},
		{"https://a/v2/x", "http://b:5/c?d=%2F", "http://b:5/c?d=%2F"},
		{"https://a/v2/x", "//b/c", "https://b/c"},
		{"https://a/v2/x", "file:///etc/passwd", NULL},
		{"https://a/v2/x", "gopher://b/", NULL},
		{"https://a/v2/x", "https://user:password@b/", NULL},
		{"https://a/v2/x", "https:///c", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *url = berth_url_resolve(rows[i].base, rows[i].reference);
		g_assert_cmpstr(url, ==, rows[i].expected);
	}
	g_assert_true(berth_url_same_origin("https://a/x", "https://A:443/y"));
	g_assert_true(berth_url_same_origin("HTTP://a/x", "http://a:80/y"));
	g_assert_false(berth_url_same_origin("https://a/x", "http://a/x"));
	g_assert_false(berth_url_same_origin("https://a/x", "https://a:5000/x"));
	g_assert_false(berth_url_same_origin("https://a/x", "https://a.b/x"));
}

static void test_proxies(void)
{
	static const struct {
		const char *url, *expected;
	} rows[] = {
		{"http://one.example/", "http://p:1"},
		{"https://one.example/", "http://q:2"},
		{"https://localhost:5000/", NULL},
		{"https://127.0.0.9/", NULL},
		{"https://corp.example/", NULL},
		{"https://deep.corp.example/", NULL},
		{"https://notcorp.example/", "http://q:2"},
		{"https://sub.example/", "http://q:2"}, // ".sub.example" is what is beneath
		{"https://x.sub.example/", NULL},
		{"https://port.example:5000/", NULL},
		{"https://port.example/", "http://q:2"},
		{"https://10.1.2.3/", NULL},
		{"https://11.1.2.3/", "http://q:2"},
		{"https://[fd00::5]/", NULL},
	};

	g_setenv("HTTP_PROXY", "http://p:1", TRUE);
	g_setenv("https_proxy", "http://q:2", TRUE);
	g_setenv("NO_PROXY", "corp.example, .sub.example,port.example:5000,10.0.0.0/8,fd00::5", TRUE);
	struct berth_proxies *proxies = berth_proxies_new();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].url);
		g_assert_cmpstr(berth_proxies_find(proxies, rows[i].url), ==, rows[i].expected);
	}
	berth_proxies_free(proxies);
	g_setenv("NO_PROXY", "*", TRUE);
	proxies = berth_proxies_new();
	g_assert_null(berth_proxies_find(proxies, "https://one.example/"));
	berth_proxies_free(proxies);
	g_unsetenv("HTTP_PROXY");
	g_unsetenv("https_proxy");
	g_unsetenv("NO_PROXY");
}

static void test_configuration(void)
{
	static const struct {
		const char *insecure, *mirror, *expected; // a part of the message; NULL: fine
	} rows[] = {
		{"registry.example:5000", NULL, NULL},
		{"10.0.0.0/8", NULL, NULL},
		{"https://registry.example", NULL, "https://registry.example"},
		{"10.0.0.0/99", NULL, "10.0.0.0/99"},
		{"a b", NULL, "a b"},
		{NULL, "https://mirror.example", NULL},
		{NULL, "quay.example=https://mirror.example/quay/", NULL},
		{NULL, "mirror.example", "mirror.example"},
		{NULL, "ftp://mirror.example", "ftp://mirror.example"},
		{NULL, "a b=https://mirror.example", "a b"},
		{NULL, "https://mirror.example?x", "query"},
		{NULL, "https://user:secret@mirror.example", "user"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *insecure[] = {(char *) rows[i].insecure, NULL}, *mirrors[] = {(char *) rows[i].mirror, NULL};
		g_autoptr(GError) error = NULL;
		struct berth_registries *registries = berth_registries_new(
			&(struct berth_registries_options){.insecure = insecure, .mirrors = mirrors}, &error);
		if (!rows[i].expected) {
			g_assert_no_error(error);
			g_assert_cmpint(berth_registries_downloads(registries), ==, 3);
			g_assert_cmpint(berth_registries_uploads(registries), ==, 5);
			berth_registries_free(registries);
			continue;
		}
		g_assert_null(registries);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, rows[i].expected));
		g_assert_null(strstr(error->message, "secret"));
	}
}

static void test_insecure(void)
{
	static char *const insecure[] = {(char *) "Plain.example:5000", (char *) "10.0.0.0/8", NULL};
	struct berth_hosts *hosts = berth_hosts_new(&(struct berth_registries_options){.insecure = insecure}, NULL);

	g_assert_true(berth_hosts_insecure(hosts, "plain.example:5000"));
	g_assert_false(berth_hosts_insecure(hosts, "10.example.invalid:5000"));
	g_assert_true(berth_hosts_insecure(hosts, "10.9.8.7:5000"));
	g_assert_true(berth_hosts_insecure(hosts, "localhost:1"));
	g_assert_false(berth_hosts_insecure(hosts, "11.9.8.7:5000"));
	berth_hosts_free(hosts);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/address/authorities", test_authorities);
	g_test_add_func("/address/loopback", test_loopback);
	g_test_add_func("/address/networks", test_networks);
	g_test_add_func("/address/urls", test_urls);
	g_test_add_func("/address/proxies", test_proxies);
	g_test_add_func("/address/configuration", test_configuration);
	g_test_add_func("/address/insecure", test_insecure);
	return g_test_run();
}
