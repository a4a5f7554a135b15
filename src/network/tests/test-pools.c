// SPDX-License-Identifier: Apache-2.0
#include "network/pools.h"

#include "base/error.h"

#include <sys/socket.h>

static struct berth_address address(const char *text)
{
	struct berth_address parsed;

	g_assert_true(berth_address_parse(text, &parsed, NULL));
	return parsed;
}

static struct berth_subnet subnet(const char *text)
{
	struct berth_subnet parsed;

	g_assert_true(berth_subnet_parse(text, &parsed, NULL, NULL));
	return parsed;
}

static struct berth_pool pool(const char *text)
{
	struct berth_pool parsed;
	g_autoptr(GError) error = NULL;

	berth_pool_parse(text, &parsed, &error);
	g_assert_no_error(error);
	return parsed;
}

static void test_addresses(void)
{
	static const char *const texts[][2] = {
		{"172.18.0.2", "172.18.0.2"},   {"fd12:0:0:0:0:0:0:1", "fd12::1"}, {"::", "::"},
		{"2001:DB8::A", "2001:db8::a"}, {"::ffff:10.0.0.1", "10.0.0.1"},
	};
	static const char *const wrong[] = {"",         "1.2.3",     "1.2.3.256", "01.2.3.4",
					    "fd12:::1", "1.2.3.4/8", "eth0",      " 1.2.3.4"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct berth_address parsed = address(texts[i][0]);
		g_autofree char *text = berth_address_text(&parsed);
		g_assert_cmpstr(text, ==, texts[i][1]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		struct berth_address parsed;
		g_assert_false(berth_address_parse(wrong[i], &parsed, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, wrong[i]));
	}
}

static void test_subnets(void)
{
	static const char *const wrong[] = {"",    "172.18.0.0", "172.18.0.0/33", "172.18.0.1/24", "172.18.0.0/-1",
					    "/24", "fd12::/129", "fd12::1/64",    "172.18.0.0/",   "172.18.0.0/24x"};
	struct berth_subnet parsed;
	struct berth_address host;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_subnet_parse(wrong[i], &parsed, NULL, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
	g_assert_true(berth_subnet_parse("172.18.7.9/20", &parsed, &host, NULL));
	g_autofree char *text = berth_subnet_text(&parsed), *host_text = berth_address_text(&host);
	g_assert_cmpstr(text, ==, "172.18.0.0/20");
	g_assert_cmpstr(host_text, ==, "172.18.7.9");

	struct berth_subnet wide = subnet("172.18.0.0/15"), narrow = subnet("172.19.255.0/25"),
			    six = subnet("fd12::/64"), all = subnet("0.0.0.0/0");
	struct berth_address inside = address("172.19.255.127"), outside = address("172.19.255.128");
	g_assert_true(berth_subnet_contains(&narrow, &inside));
	g_assert_false(berth_subnet_contains(&narrow, &outside));
	g_assert_true(berth_subnet_contains(&wide, &outside));
	g_assert_false(berth_subnet_contains(&six, &outside));
	g_assert_true(berth_subnet_overlap(&wide, &narrow) && berth_subnet_overlap(&narrow, &wide));
	g_assert_true(berth_subnet_overlap(&all, &narrow));
	g_assert_false(berth_subnet_overlap(&all, &six));
	struct berth_subnet beside = subnet("172.19.255.128/25");
	g_assert_false(berth_subnet_overlap(&narrow, &beside));
}

static void assert_chosen(const struct berth_pool *pools, size_t count, int family, const struct berth_subnet *taken,
			  size_t taken_count, const char *expected)
{
	struct berth_subnet chosen;
	g_autoptr(GError) error = NULL;

	bool found = berth_pools_choose(pools, count, family, taken, taken_count, &chosen, &error);
	g_assert_true(found == (expected != NULL));
	if (!expected) {
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
		return;
	}
	g_autofree char *text = berth_subnet_text(&chosen);
	g_assert_cmpstr(text, ==, expected);
}

static void test_choose(void)
{
	const struct berth_pool pools[] = {pool("base=172.18.0.0/23,size=24"), pool("size=28,base=10.9.0.0/27"),
					   pool("base=fd12:3456:789a::/48,size=64"),
					   pool("base=255.255.255.0/24,size=25")};
	const struct berth_subnet taken[] = {
		subnet("172.18.0.64/26"),      subnet("172.18.1.0/24"),           subnet("10.9.0.0/28"),
		subnet("fd12:3456:789a::/64"), subnet("fd12:3456:789a:1::5/128"), subnet("10.9.0.16/30"),
		subnet("255.255.255.0/25"),    subnet("255.255.255.128/25")};

	assert_chosen(pools, 4, AF_INET, NULL, 0, "172.18.0.0/24");
	assert_chosen(pools, 4, AF_INET, taken, 1, "172.18.1.0/24");
	assert_chosen(pools, 4, AF_INET, taken, 2, "10.9.0.0/28");
	assert_chosen(pools, 4, AF_INET, taken, 3, "10.9.0.16/28");
	assert_chosen(pools, 4, AF_INET, taken, 6, "255.255.255.0/25");
	assert_chosen(pools, 4, AF_INET, taken, 7, "255.255.255.128/25");
	assert_chosen(pools, 4, AF_INET, taken, 8, NULL);
	assert_chosen(pools, 4, AF_INET6, taken, 8, "fd12:3456:789a:2::/64");
	assert_chosen(pools, 2, AF_INET6, taken, 0, NULL);
	const struct berth_subnet all = subnet("0.0.0.0/0");
	assert_chosen(pools, 4, AF_INET, &all, 1, NULL);
}

// As many networks as the first of the pools has, one after the other: none overlaps, none is left out.
static void test_choose_many(void)
{
	const struct berth_pool pools[] = {pool("base=172.18.0.0/15,size=24")};
	struct berth_subnet taken[512];

	for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
		g_assert_true(berth_pools_choose(pools, 1, AF_INET, taken, i, &taken[i], NULL));
		for (size_t j = 0; j < i; j++)
			g_assert_false(berth_subnet_overlap(&taken[i], &taken[j]));
	}
	assert_chosen(pools, 1, AF_INET, taken, G_N_ELEMENTS(taken), NULL);
}

static void test_pool_text(void)
{
	static const char *const wrong[] = {"",
					    "base=172.18.0.0/15",
					    "size=24",
					    "base=172.18.0.0/15,size=8",
					    "base=172.18.0.0/15,size=31",
					    "base=172.18.0.1/15,size=24",
					    "base=172.18.0.0/15,size=24,x=1",
					    "base=172.18.0.0/15,size=24,size=25",
					    "base=fd00::/48,size=127"};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		struct berth_pool parsed;
		g_assert_false(berth_pool_parse(wrong[i], &parsed, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void assert_next(struct berth_addresses *addresses, const char *expected)
{
	struct berth_address given;

	g_assert_true(berth_addresses_next(addresses, &given) == (expected != NULL));
	if (!expected)
		return;
	g_autofree char *text = berth_address_text(&given);
	g_assert_cmpstr(text, ==, expected);
}

static void test_give(void)
{
	const struct berth_subnet small = subnet("10.0.0.0/29");
	struct berth_addresses *addresses = berth_addresses_new(&small, NULL);
	struct berth_address gateway = address("10.0.0.1"), net = address("10.0.0.0"), broadcast = address("10.0.0.7"),
			     other = address("10.0.0.8"), two = address("10.0.0.2");

	g_assert_true(berth_addresses_take(addresses, &gateway));
	g_assert_false(berth_addresses_take(addresses, &gateway));
	g_assert_false(berth_addresses_take(addresses, &net));
	g_assert_false(berth_addresses_take(addresses, &broadcast));
	g_assert_false(berth_addresses_take(addresses, &other));
	assert_next(addresses, "10.0.0.2");
	assert_next(addresses, "10.0.0.3");
	berth_addresses_give_back(addresses, &two);
	berth_addresses_give_back(addresses, &two);
	berth_addresses_give_back(addresses, &other);
	g_assert_cmpuint(berth_addresses_taken(addresses), ==, 2);
	assert_next(addresses, "10.0.0.4"); // not the one that was just given back
	assert_next(addresses, "10.0.0.5");
	assert_next(addresses, "10.0.0.6");
	assert_next(addresses, "10.0.0.2");
	assert_next(addresses, NULL);
	g_assert_cmpuint(berth_addresses_taken(addresses), ==, 6);
	berth_addresses_free(addresses);
}

static void test_ranges(void)
{
	const struct berth_subnet whole = subnet("10.0.0.0/24"), range = subnet("10.0.0.252/30"),
				  pair = subnet("10.1.0.0/31"), one = subnet("10.1.0.4/32"), six = subnet("fd00::/126"),
				  all = subnet("::/0");
	struct berth_addresses *addresses = berth_addresses_new(&whole, &range);
	struct berth_address elsewhere = address("10.0.0.9");

	g_assert_true(berth_addresses_take(addresses, &elsewhere)); // a fixed one may be outside of the range
	assert_next(addresses, "10.0.0.252");
	assert_next(addresses, "10.0.0.253");
	assert_next(addresses, "10.0.0.254");
	assert_next(addresses, NULL);
	berth_addresses_free(addresses);

	addresses = berth_addresses_new(&pair, NULL);
	assert_next(addresses, "10.1.0.0");
	assert_next(addresses, "10.1.0.1");
	assert_next(addresses, NULL);
	berth_addresses_free(addresses);

	addresses = berth_addresses_new(&one, NULL);
	assert_next(addresses, "10.1.0.4");
	assert_next(addresses, NULL);
	berth_addresses_free(addresses);

	addresses = berth_addresses_new(&six, NULL);
	assert_next(addresses, "fd00::1");
	assert_next(addresses, "fd00::2");
	assert_next(addresses, "fd00::3");
	assert_next(addresses, NULL);
	berth_addresses_free(addresses);

	addresses = berth_addresses_new(&all, NULL);
	assert_next(addresses, "::1");
	assert_next(addresses, "::2");
	berth_addresses_free(addresses);
}

static void test_mac(void)
{
	static const char *const wrong[] = {"",
					    "02:42:ac:12:00",
					    "02:42:ac:12:00:0g",
					    "02:42-ac:12:00:02",
					    "01:42:ac:12:00:02",
					    "00:00:00:00:00:00",
					    "02:42:ac:12:00:02:03"};
	struct berth_address four = address("172.18.0.2"), six = address("fd12::1"), other = address("fd12::2");
	g_autofree char *mac = berth_mac_of(&four), *mac6 = berth_mac_of(&six), *mac_other = berth_mac_of(&other);
	uint8_t bytes[6];

	g_assert_cmpstr(mac, ==, "02:42:ac:12:00:02");
	g_assert_true(g_str_has_prefix(mac6, "02:42:") && !g_str_equal(mac6, mac_other));
	g_assert_true(berth_mac_parse(mac6, bytes, NULL));
	g_assert_true(berth_mac_parse("92-D0-c6-0a-29-33", bytes, NULL));
	g_assert_cmphex(bytes[0], ==, 0x92);
	g_assert_cmphex(bytes[5], ==, 0x33);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_mac_parse(wrong[i], bytes, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pools/addresses", test_addresses);
	g_test_add_func("/pools/subnets", test_subnets);
	g_test_add_func("/pools/choose", test_choose);
	g_test_add_func("/pools/choose-many", test_choose_many);
	g_test_add_func("/pools/pool-text", test_pool_text);
	g_test_add_func("/pools/give", test_give);
	g_test_add_func("/pools/ranges", test_ranges);
	g_test_add_func("/pools/mac", test_mac);
	return g_test_run();
}
