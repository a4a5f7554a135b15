// SPDX-License-Identifier: Apache-2.0
// Subnets and addresses that networks and endpoints get, names files.
#include "network/tests/scene.h"

#include "base/error.h"
#include "base/fd.h"
#include "spec/names.h"

#include <fcntl.h>
#include <string.h>

static const struct berth_network_pool *pool_of(const struct berth_network *network, guint index)
{
	return network->pools->pdata[index];
}

static void refused(struct scene *scene, struct berth_network *network, enum berth_error kind, const char *message)
{
	g_assert_false(berth_networks_add(scene->networks, network, false, &scene->error));
	g_assert_error(scene->error, BERTH_ERROR, (int) kind);
	if (!strstr(scene->error->message, message))
		g_error("%s, not %s", scene->error->message, message);
	g_clear_error(&scene->error);
}

static void test_chosen(void)
{
	struct scene scene;

	if (!scene_open(&scene, "one"))
		return;
	g_autoptr(berth_network) first = scene_network(&scene, "bridge", "first");
	g_autoptr(berth_network) second = scene_network(&scene, "bridge", "second");
	g_autoptr(berth_network) third = scene_network(&scene, "bridge", "third");
	// A route of the host, a VPN's for instance; one to everywhere is no hindrance.
	scene_run(-1, "ip link add up0 type bridge; ip link set up0 up; ip addr add 198.51.100.1/24 dev up0;"
		      "ip route add default via 198.51.100.2; ip route add 172.18.1.128/25 via 198.51.100.9 table 77");
	second->ipv6 = true;
	scene_add(&scene, first);
	scene_add(&scene, second);
	g_assert_cmpstr(pool_of(first, 0)->subnet, ==, "172.18.0.0/24");
	g_assert_cmpstr(pool_of(first, 0)->gateway, ==, "172.18.0.1");
	g_assert_cmpuint(first->pools->len, ==, 1);
	g_assert_cmpstr(pool_of(second, 0)->subnet, ==, "172.18.2.0/24");
	g_assert_cmpuint(second->pools->len, ==, 2);
	g_assert_true(g_str_has_prefix(pool_of(second, 1)->subnet, "fd"));
	g_assert_true(g_str_has_suffix(pool_of(second, 1)->subnet, "::/64"));
	g_assert_true(g_str_has_suffix(pool_of(second, 1)->gateway, "::1"));
	berth_networks_forget(scene.networks, first->id);
	scene_add(&scene, third);
	g_assert_cmpstr(pool_of(third, 0)->subnet, ==, "172.18.0.0/24");
	scene_close(&scene);
}

static void test_given(void)
{
	struct scene scene;

	if (!scene_open(&scene, "one"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "given");
	scene_pool(network, "10.5.0.0/16", "10.5.7.0/24", NULL);
	((struct berth_network_pool *) network->pools->pdata[0])->auxiliary = berth_map_new();
	g_hash_table_insert(((struct berth_network_pool *) network->pools->pdata[0])->auxiliary, g_strdup("router"),
			    g_strdup("10.5.0.1"));
	scene_add(&scene, network);
	g_assert_cmpstr(pool_of(network, 0)->gateway, ==, "10.5.0.2"); // the first has been given away
	struct scene_container container;
	scene_container_open(&scene, &container);
	struct berth_endpoint *endpoint = scene_endpoint(&scene, &container, network);
	g_assert_true(berth_endpoint_allocate(scene.networks, network, endpoint, &scene.error));
	g_assert_true(g_str_has_prefix(endpoint->ipv4, "10.5.7."));
	g_assert_true(g_str_has_suffix(endpoint->ipv4, "/16"));
	scene_container_close(&container);
	// The host's routes are no reason against what was asked for by its number.
	g_autoptr(berth_network) on_route = scene_network(&scene, "bridge", "on-route");
	scene_run(-1, "ip link add up0 type bridge; ip link set up0 up; ip addr add 198.51.100.1/24 dev up0");
	scene_pool(on_route, "198.51.100.0/24", NULL, NULL);
	scene_add(&scene, on_route);
	scene_close(&scene);
}

static void test_refused(void)
{
	static const struct {
		const char *subnet, *range, *gateway, *message;
	} cases[] = {
		{"10.1.0.0", NULL, NULL, "invalid subnet 10.1.0.0: invalid CIDR block notation"},
		{"10.1.0.0/33", NULL, NULL, "invalid CIDR block notation"},
		{"10.1.0.1/24", NULL, NULL, "invalid subnet 10.1.0.1/24: it should be 10.1.0.0/24"},
		{"10.1.0.0/24", "x", NULL, "invalid ip-range x: invalid CIDR block notation"},
		{"10.1.0.0/24", "fd00::/64", NULL, "invalid ip-range fd00::/64: parent subnet is an IPv4 block"},
		{"10.1.0.0/24", "10.1.0.0/16", NULL, "CIDR block is bigger than its parent subnet 10.1.0.0/24"},
		{"10.1.0.0/24", "10.2.0.0/25", NULL, "parent subnet 10.1.0.0/24 doesn't contain ip-range"},
		{"10.1.0.0/24", "10.1.0.3/25", NULL, "invalid ip-range 10.1.0.3/25: it should be 10.1.0.0/25"},
		{"10.1.0.0/24", NULL, "10.1.1.1",
		 "invalid gateway 10.1.1.1: parent subnet 10.1.0.0/24 doesn't contain"},
		{"10.1.0.0/24", NULL, "fd00::1", "invalid gateway fd00::1: parent subnet is an IPv4 block"},
		{"10.1.0.0/24", NULL, "gate", "invalid gateway gate: invalid address"},
		{NULL, NULL, "10.1.0.1", "needs a subnet"},
	};
	struct scene scene;

	if (!scene_open(&scene, "one"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(berth_network) network = scene_network(&scene, "bridge", "wrong");
		scene_pool(network, cases[i].subnet, cases[i].range, cases[i].gateway);
		refused(&scene, network, BERTH_ERROR_INVALID, cases[i].message);
	}
	g_autoptr(berth_network) taken = scene_network(&scene, "bridge", "taken");
	scene_pool(taken, "10.9.0.0/16", NULL, NULL);
	scene_add(&scene, taken);
	g_autoptr(berth_network) within = scene_network(&scene, "bridge", "within");
	scene_pool(within, "10.9.8.0/24", NULL, NULL);
	refused(&scene, within, BERTH_ERROR_CONFLICT,
		"Pool overlaps with other one on this address space: network taken has 10.9.0.0/16");
	g_autoptr(berth_network) two = scene_network(&scene, "macvlan", "two");
	scene_pool(two, "10.8.0.0/16", NULL, NULL);
	scene_pool(two, "10.8.1.0/24", NULL, NULL);
	refused(&scene, two, BERTH_ERROR_INVALID, "subnets 10.8.0.0/16 and 10.8.1.0/24 overlap");
	g_autoptr(berth_network) many = scene_network(&scene, "bridge", "many");
	scene_pool(many, "10.8.0.0/24", NULL, NULL);
	scene_pool(many, "10.8.1.0/24", NULL, NULL);
	refused(&scene, many, BERTH_ERROR_FORBIDDEN, "bridge driver doesn't support multiple subnets");
	g_autoptr(berth_network) host = scene_network(&scene, "host", "second-host");
	refused(&scene, host, BERTH_ERROR_FORBIDDEN, "only one instance of \"host\" network is allowed");
	// The names that were refused are free.
	g_autoptr(berth_network) good = scene_network(&scene, "bridge", "wrong");
	scene_pool(good, "10.1.0.0/24", NULL, NULL);
	scene_add(&scene, good);
	scene_close(&scene);
}

static struct berth_endpoint *request(struct scene *scene, struct scene_container *container,
				      const struct berth_network *network, const char *ipv4)
{
	struct berth_endpoint *endpoint = scene_endpoint(scene, container, network);

	endpoint->slot = 0;
	endpoint->ipv4 = g_strdup(ipv4);
	return endpoint;
}

static void test_endpoints(void)
{
	struct scene scene;
	struct scene_container container;

	if (!scene_open(&scene, "one"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "small");
	scene_pool(network, "10.3.0.0/29", NULL, NULL);
	scene_add(&scene, network);
	scene_container_open(&scene, &container);
	struct berth_endpoint *a = request(&scene, &container, network, "10.3.0.4");
	g_assert_true(berth_endpoint_allocate(scene.networks, network, a, &scene.error));
	g_assert_cmpstr(a->ipv4, ==, "10.3.0.4/29");
	g_assert_cmpstr(a->gateway, ==, "10.3.0.1");
	g_assert_cmpstr(a->mac, ==, "02:42:0a:03:00:04");
	struct berth_endpoint *b = request(&scene, &container, network, "10.3.0.4");
	g_assert_false(berth_endpoint_allocate(scene.networks, network, b, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_nonnull(strstr(scene.error->message, "Address already in use"));
	g_clear_error(&scene.error);
	struct berth_endpoint *c = request(&scene, &container, network, "10.4.0.4");
	g_assert_false(berth_endpoint_allocate(scene.networks, network, c, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(
		strstr(scene.error->message, "no configured subnet or ip-range contain the IP address 10.4.0.4"));
	g_clear_error(&scene.error);
	for (int i = 0; i < 4; i++) // 2, 3, 5, 6
		g_assert_true(berth_endpoint_allocate(scene.networks, network,
						      request(&scene, &container, network, NULL), &scene.error));
	struct berth_endpoint *d = request(&scene, &container, network, NULL);
	g_assert_false(berth_endpoint_allocate(scene.networks, network, d, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
	g_assert_nonnull(strstr(scene.error->message, "no available IPv4 addresses on this network's address pools: "
						      "small"));
	g_assert_nonnull(strstr(scene.error->message, "10.3.0.0/29"));
	g_clear_error(&scene.error);
	berth_endpoint_release(scene.networks, network, a);
	berth_endpoint_release(scene.networks, network, a); // a second time it gives nothing back
	g_assert_true(berth_endpoint_allocate(scene.networks, network, d, &scene.error));
	g_assert_cmpstr(d->ipv4, ==, "10.3.0.4/29");
	berth_endpoint_release(scene.networks, network, a); // it is another's now
	struct berth_endpoint *e = request(&scene, &container, network, "10.3.0.4");
	g_assert_false(berth_endpoint_allocate(scene.networks, network, e, &scene.error));
	g_clear_error(&scene.error);
	e->mac = g_strdup("03:00:00:00:00:01");
	g_assert_false(berth_endpoint_allocate(scene.networks, network, e, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
	scene_container_close(&container);
	scene_close(&scene);
}

// Of two families none is kept when one is missing.
static void test_both_or_none(void)
{
	struct scene scene;
	struct scene_container container;

	if (!scene_open(&scene, "one"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "both");
	network->ipv6 = true;
	scene_pool(network, "10.3.0.0/30", NULL, NULL); // one address beside the gateway
	scene_pool(network, "fd00:3::/64", NULL, NULL);
	scene_add(&scene, network);
	scene_container_open(&scene, &container);
	struct berth_endpoint *a = request(&scene, &container, network, NULL);
	a->ipv6 = g_strdup("fd00:4::5");
	g_assert_false(berth_endpoint_allocate(scene.networks, network, a, &scene.error));
	g_clear_error(&scene.error);
	struct berth_endpoint *b = request(&scene, &container, network, NULL);
	g_assert_true(berth_endpoint_allocate(scene.networks, network, b, &scene.error));
	g_assert_cmpstr(b->ipv4, ==, "10.3.0.2/30");
	g_assert_cmpstr(b->ipv6, ==, "fd00:3::2/64");
	g_autoptr(berth_network) six = scene_network(&scene, "bridge", "six");
	six->ipv4 = false;
	six->ipv6 = true;
	scene_add(&scene, six);
	struct berth_endpoint *c = request(&scene, &container, six, "10.3.0.2");
	g_assert_false(berth_endpoint_allocate(scene.networks, six, c, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "network six has no IPv4"));
	g_clear_error(&scene.error);
	scene_container_close(&container);
	scene_close(&scene);
}

static bool first_value(void *data, const char *value, size_t length)
{
	*(char **) data = g_strndup(value, length);
	return false;
}

static void test_names(void)
{
	struct scene scene;
	struct scene_container container;
	const char *names[] = {"web", "alias", NULL};
	g_autofree char *forward = NULL, *reverse = NULL, *text = NULL;
	gsize length;

	if (!scene_open(&scene, "one"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "front");
	scene_pool(network, "10.3.0.0/24", NULL, NULL);
	scene_add(&scene, network);
	scene_container_open(&scene, &container);
	struct berth_endpoint *endpoint = request(&scene, &container, network, "10.3.0.9");
	g_assert_true(berth_endpoint_allocate(scene.networks, network, endpoint, &scene.error));
	endpoint->names = g_strdupv((char **) names);
	g_assert_true(berth_network_write_names(scene.networks, network->id, container.endpoints, &scene.error));
	g_autofree char *path = berth_network_names_path(scene.networks, network->id);
	g_assert_true(g_file_get_contents(path, &text, &length, NULL));
	g_assert_true(berth_names_find(text, length, "ALIAS", first_value, &forward));
	g_assert_cmpstr(forward, ==, "10.3.0.9");
	g_assert_true(berth_names_find(text, length, "10.3.0.9", first_value, &reverse));
	g_assert_cmpstr(reverse, ==, "web.front");
	berth_networks_forget(scene.networks, network->id);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	scene_container_close(&container);
	scene_close(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/subnets/chosen", test_chosen);
	g_test_add_func("/subnets/given", test_given);
	g_test_add_func("/subnets/refused", test_refused);
	g_test_add_func("/endpoints/addresses", test_endpoints);
	g_test_add_func("/endpoints/both-or-none", test_both_or_none);
	g_test_add_func("/names", test_names);
	return g_test_run();
}
