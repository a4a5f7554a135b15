// SPDX-License-Identifier: Apache-2.0
// In network namespaces of its own: skipped where none may be made.
#include "sys/nftables.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

static bool enter(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	g_test_skip("a network namespace cannot be made here");
	return false;
}

static void run(const char *commands)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_nft_run(commands, &error));
	g_assert_no_error(error);
}

static void expect(const char *commands, const char *const *present, const char *const *absent)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = berth_nft_list(commands, false, &error);

	g_assert_no_error(error);
	for (; present && *present; present++)
		if (!strstr(text, *present))
			g_error("%s is not in %s", *present, text);
	for (; absent && *absent; absent++)
		if (strstr(text, *absent))
			g_error("%s is in %s", *absent, text);
}
#define EXPECT(commands, ...) expect(commands, (const char *const[]){__VA_ARGS__, NULL}, NULL)
#define EXPECT_NOT(commands, ...) expect(commands, NULL, (const char *const[]){__VA_ARGS__, NULL})

static void test_text(void)
{
	g_autoptr(GError) error = NULL;

	if (!enter())
		return;
	run("add table inet one\nadd chain inet one c\nadd rule inet one c tcp dport 80 drop\n");
	EXPECT("list table inet one\n", "tcp dport 80 drop");
	g_autofree char *json = berth_nft_list("list table inet one\n", true, &error);
	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(json, "{\"nftables\""));

	// All or none.
	g_assert_false(berth_nft_run("add table inet two\nadd rule inet two nowhere drop\n", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "nftables: "));
	g_assert_null(strchr(error->message, '\n'));
	g_clear_error(&error);
	EXPECT_NOT("list ruleset\n", "two");
	g_assert_false(berth_nft_run("add nonsense\n", &error));
	g_assert_nonnull(strstr(error->message, "syntax error"));
	g_clear_error(&error);
	g_assert_null(berth_nft_list("list table inet none\n", false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

#define TABLE "table inet t {\n map m { type inet_service : ipv4_addr . inet_service\n }\n set s { type ifname\n }\n}\n"

static struct berth_nft_element mapped(bool remove, uint16_t port, uint8_t last, uint16_t to)
{
	struct berth_nft_element element = {.remove = remove, .set = "m", .key_length = 2, .data_length = 8};

	element.key[0] = (uint8_t) (port >> 8);
	element.key[1] = (uint8_t) port;
	memcpy(element.data, (uint8_t[]){10, 0, 0, last, (uint8_t) (to >> 8), (uint8_t) to}, 6);
	return element;
}

static void test_elements(void)
{
	g_autoptr(GError) error = NULL;

	if (!enter())
		return;
	g_autoptr(berth_nft) nft = berth_nft_open(&error);
	g_assert_no_error(error);
	g_assert_false(berth_nft_exists(nft, NFPROTO_INET, "t"));
	run(TABLE);
	g_assert_true(berth_nft_exists(nft, NFPROTO_INET, "t"));
	g_assert_false(berth_nft_exists(nft, NFPROTO_BRIDGE, "t"));

	struct berth_nft_element first[] = {mapped(false, 80, 2, 8080),
					    mapped(false, 443, 3, 8443),
					    {.set = "s", .key = "bridge0", .key_length = 16}};
	g_assert_true(berth_nft_elements(nft, NFPROTO_INET, "t", first, 3, &error));
	g_assert_no_error(error);
	EXPECT("list table inet t\n", "80 : 10.0.0.2 . 8080", "443 : 10.0.0.3 . 8443", "\"bridge0\"");
	// Once more is no change; other data replaces; what is not there is removed already.
	struct berth_nft_element second[] = {mapped(false, 80, 2, 8080),
					     mapped(false, 443, 4, 1),
					     mapped(true, 1, 0, 0),
					     mapped(true, 2, 0, 0),
					     {.remove = true, .set = "s", .key = "bridge0", .key_length = 16}};
	g_assert_true(berth_nft_elements(nft, NFPROTO_INET, "t", second, 5, &error));
	g_assert_no_error(error);
	EXPECT("list table inet t\n", "80 : 10.0.0.2 . 8080", "443 : 10.0.0.4 . 1");
	EXPECT_NOT("list table inet t\n", "10.0.0.3", "bridge0");

	// All or none.
	struct berth_nft_element bad[] = {mapped(false, 81, 2, 2), {.set = "none", .key = "x", .key_length = 16}};
	g_assert_false(berth_nft_elements(nft, NFPROTO_INET, "t", bad, 2, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "set none"));
	g_clear_error(&error);
	EXPECT_NOT("list table inet t\n", "81");
	bad[1] = mapped(false, 82, 2, 2);
	bad[1].key_length = 20;
	g_assert_false(berth_nft_elements(nft, NFPROTO_INET, "t", bad, 2, &error));
	g_assert_nonnull(strstr(error->message, "set m"));
	g_clear_error(&error);
	EXPECT_NOT("list table inet t\n", "81");
	g_assert_false(berth_nft_elements(nft, NFPROTO_INET, "none", first, 1, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);

	g_assert_true(berth_nft_remove(nft, NFPROTO_INET, "t", &error));
	g_assert_true(berth_nft_remove(nft, NFPROTO_INET, "t", &error));
	g_assert_no_error(error);
	g_assert_false(berth_nft_exists(nft, NFPROTO_INET, "t"));
}

static bool has_element(int port)
{
	g_autofree char *command = g_strdup_printf("get element inet t m { %d }\n", port);
	g_autofree char *found = berth_nft_list(command, false, NULL);

	return found && strstr(found, ": 10.0.0.2 . 80");
}

static void test_many_elements(void)
{
	g_autoptr(GError) error = NULL;

	if (!enter())
		return;
	g_autoptr(berth_nft) nft = berth_nft_open(&error);
	g_autofree struct berth_nft_element *elements = g_new0(struct berth_nft_element, 5000);
	run(TABLE);
	for (int i = 0; i < 5000; i++)
		elements[i] = mapped(false, (uint16_t) (i + 1), 2, 80);
	g_assert_true(berth_nft_elements(nft, NFPROTO_INET, "t", elements, 5000, &error));
	g_assert_no_error(error);
	// Not by a list: the kernel leaves elements out of it while it makes room for more in the background.
	for (int i = 0; i < 5000; i += 500)
		g_assert_true(has_element(i + 1));
	g_assert_true(has_element(5000));
	for (int i = 0; i < 5000; i++)
		elements[i].remove = true;
	g_assert_true(berth_nft_elements(nft, NFPROTO_INET, "t", elements, 5000, &error));
	g_assert_no_error(error);
	for (int i = 0; i < 5000; i += 500)
		g_assert_false(has_element(i + 1));
	g_assert_false(has_element(5000));
}

static void test_watch(void)
{
	g_autoptr(GError) error = NULL;
	struct berth_nft_changes changes;

	if (!enter())
		return;
	g_autoptr(berth_nft) nft = berth_nft_open(&error);
	berth_fd watch = berth_nft_watch(&error);
	g_assert_no_error(error);
	struct pollfd poller = {.fd = watch, .events = POLLIN};
	berth_nft_changed(watch, "t", &changes);
	g_assert_cmpuint(changes.all, ==, 0);
	g_assert_cmpint(poll(&poller, 1, 0), ==, 0);

	run(TABLE);
	g_assert_cmpint(poll(&poller, 1, 0), ==, 1);
	berth_nft_changed(watch, "t", &changes);
	g_assert_cmpuint(changes.all, ==, 1);
	g_assert_cmpuint(changes.table, ==, 1);
	g_assert_cmpint(poll(&poller, 1, 0), ==, 0);

	run("add table ip other\n");
	run("add table ip tt\n");
	berth_nft_changed(watch, "t", &changes);
	g_assert_cmpuint(changes.all, ==, 2);
	g_assert_cmpuint(changes.table, ==, 0);
	struct berth_nft_element element = mapped(false, 80, 2, 8080);
	g_assert_true(berth_nft_elements(nft, NFPROTO_INET, "t", &element, 1, &error));
	berth_nft_changed(watch, "t", &changes);
	g_assert_cmpuint(changes.table, ==, 1);
	run("flush ruleset\n");
	berth_nft_changed(watch, "t", &changes);
	g_assert_cmpuint(changes.all, ==, 1);
	g_assert_cmpuint(changes.table, ==, 1);
	g_assert_false(changes.lost);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nftables/text", test_text);
	g_test_add_func("/nftables/elements", test_elements);
	g_test_add_func("/nftables/many-elements", test_many_elements);
	g_test_add_func("/nftables/watch", test_watch);
	return g_test_run();
}
