// SPDX-License-Identifier: Apache-2.0
// One suite for every driver that makes interfaces, then what only one of them has.
#include "network/tests/scene.h"

#include "base/error.h"
#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

#define ENGINE "3a7bd3e2360a"

static bool open_scene(struct scene *scene, const void *driver)
{
	if (!scene_open(scene, ENGINE))
		return false;
	if (g_str_equal(driver, "bridge"))
		return true;
	scene_run(-1, "ip link add up0 type veth peer name wire; ip link set up0 up; ip link set wire up");
	if (scene_try(-1, "ip link add probe link up0 type %s; ip link del probe", (const char *) driver))
		return true;
	g_test_skip("this kernel has no such interfaces");
	scene_close(scene);
	return false;
}

static struct berth_network *new_network(struct scene *scene, const char *driver, const char *name)
{
	struct berth_network *network = scene_network(scene, driver, name);

	if (!g_str_equal(driver, "bridge"))
		scene_option(network, "parent", "up0");
	return network;
}

static char *plain(const char *address)
{
	return g_strndup(address, strcspn(address, "/"));
}

static bool reach(struct scene_container *from, struct scene_container *to, const char *address)
{
	g_autofree char *text = plain(address);

	return scene_reaches(from->namespace, to->namespace, text);
}

static bool blocked(struct scene_container *from, struct scene_container *to, const char *address)
{
	g_autofree char *text = plain(address);

	return scene_blocked(from->namespace, to->namespace, text);
}

static char *default_gateway(struct scene_container *container, const char *family)
{
	return scene_output(container->namespace, "ip %s route show default | sed -n 's/.* via \\([^ ]*\\).*/\\1/p'",
			    family);
}

static unsigned count_interfaces(const struct scene *scene)
{
	g_autofree char *text = scene_output(-1, "ip -d link | grep -c 'alias berth " ENGINE "' || true");

	(void) scene;
	return (unsigned) g_ascii_strtoull(text, NULL, 10);
}

// The suite

static void test_reach(const void *driver)
{
	struct scene scene;
	struct scene_container one, two;

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) network = new_network(&scene, driver, "front");
	network->ipv6 = true;
	scene_add(&scene, network);
	scene_container_open(&scene, &one);
	scene_container_open(&scene, &two);
	struct berth_endpoint *a = scene_connect(&scene, &one, network), *b = scene_connect(&scene, &two, network);
	g_assert_cmpstr(a->interface, ==, "eth0");
	g_assert_cmpstr(a->ipv4, !=, b->ipv4);
	g_assert_true(reach(&one, &two, b->ipv4));
	g_assert_true(reach(&two, &one, a->ipv4));
	g_assert_true(reach(&one, &two, b->ipv6));
	g_assert_true(reach(&two, &one, a->ipv6));
	g_autofree char *link = scene_output(one.namespace, "ip link show eth0");
	if (a->mac)
		g_assert_nonnull(strstr(link, a->mac));
	// Made a second time it is the same again.
	g_assert_true(scene_attach(&scene, &one, network, a));
	g_assert_true(reach(&one, &two, b->ipv4));
	scene_disconnect(&scene, &two, network, b);
	g_assert_false(scene_try(two.namespace, "ip link show eth0"));
	struct berth_endpoint *c = scene_connect(&scene, &two, network);
	g_assert_true(reach(&one, &two, c->ipv4));
	g_assert_true(berth_endpoint_detach(scene.networks, network, a, one.sandbox, &scene.error));
	g_assert_true(berth_endpoint_detach(scene.networks, network, a, one.sandbox, &scene.error)); // it is not there
	g_assert_true(berth_endpoint_detach(scene.networks, network, c, NULL, &scene.error));
	scene_container_close(&one);
	scene_container_close(&two);
	g_assert_true(berth_network_down(scene.networks, network, &scene.error));
	g_assert_true(berth_network_down(scene.networks, network, &scene.error));
	g_assert_cmpuint(count_interfaces(&scene), ==, 0);
	scene_close(&scene);
}

// CVE-2024-32473: an interface of a network without IPv6 has none.
static void test_no_ipv6(const void *driver)
{
	struct scene scene;
	struct scene_container container;

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) network = new_network(&scene, driver, "four");
	g_autoptr(berth_network) both = new_network(&scene, driver, "both");
	both->ipv6 = true;
	scene_add(&scene, network);
	scene_add(&scene, both);
	scene_container_open(&scene, &container);
	scene_connect(&scene, &container, network);
	scene_connect(&scene, &container, both);
	scene_run(container.namespace, "test $(cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6) = 1");
	scene_run(container.namespace, "test -z \"$(ip -6 addr show dev eth0)\"");
	scene_run(container.namespace, "test $(cat /proc/sys/net/ipv6/conf/eth1/disable_ipv6) = 0");
	scene_run(container.namespace, "ip -6 addr show dev eth1 | grep -q 'scope global'");
	scene_run(container.namespace, "! ip -6 addr show dev eth1 scope global | grep -q tentative");
	scene_run(container.namespace, "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 0");
	scene_container_close(&container);
	scene_close(&scene);
}

static void test_default_route(const void *driver)
{
	struct scene scene;
	struct scene_container container;

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) beta = new_network(&scene, driver, "beta");
	g_autoptr(berth_network) alpha = new_network(&scene, driver, "alpha");
	g_autoptr(berth_network) inner = new_network(&scene, driver, "aa-internal");
	alpha->ipv6 = beta->ipv6 = inner->ipv6 = true;
	inner->internal = true;
	scene_add(&scene, beta);
	scene_add(&scene, alpha);
	scene_add(&scene, inner);
	scene_container_open(&scene, &container);
	struct berth_endpoint *i = scene_connect(&scene, &container, inner);
	g_autofree char *none = default_gateway(&container, "-4");
	g_assert_cmpstr(none, ==, "");
	g_assert_null(i->gateway);
	struct berth_endpoint *b = scene_connect(&scene, &container, beta);
	g_autofree char *first = default_gateway(&container, "-4");
	g_assert_cmpstr(first, ==, b->gateway);
	struct berth_endpoint *a = scene_connect(&scene, &container, alpha);
	g_autofree char *second = default_gateway(&container, "-4"), *second6 = default_gateway(&container, "-6");
	g_assert_cmpstr(second, ==, a->gateway);
	g_assert_cmpstr(second6, ==, a->gateway6);
	g_assert_true(a->is_default && !b->is_default && !i->is_default);
	b->gateway_priority = 1;
	berth_endpoints_choose_default(scene.networks, container.endpoints);
	g_assert_true(!a->is_default && b->is_default);
	g_assert_true(berth_sandbox_default_routes(container.sandbox, container.endpoints, &scene.error));
	g_autofree char *third = default_gateway(&container, "-4"), *third6 = default_gateway(&container, "-6");
	g_assert_cmpstr(third, ==, b->gateway);
	g_assert_cmpstr(third6, ==, b->gateway6);
	scene_disconnect(&scene, &container, beta, b);
	g_autofree char *fourth = default_gateway(&container, "-4"), *fourth6 = default_gateway(&container, "-6");
	g_assert_cmpstr(fourth, ==, a->gateway);
	g_assert_cmpstr(fourth6, ==, a->gateway6);
	scene_disconnect(&scene, &container, alpha, a);
	g_autofree char *fifth = default_gateway(&container, "-4"), *fifth6 = default_gateway(&container, "-6");
	g_assert_cmpstr(fifth, ==, "");
	g_assert_cmpstr(fifth6, ==, "");
	scene_container_close(&container);
	scene_close(&scene);
}

static void test_routes(const void *driver)
{
	struct scene scene;
	struct scene_container container;
	const char *good[] = {"10.77.0.0/16 via 10.66.0.9", "10.78.0.0/16", NULL};
	const char *bad[] = {"10.77.0.0/16 by 10.66.0.9", NULL};

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) network = new_network(&scene, driver, "routes");
	scene_pool(network, "10.66.0.0/24", NULL, NULL);
	scene_add(&scene, network);
	scene_container_open(&scene, &container);
	struct berth_endpoint *endpoint = scene_endpoint(&scene, &container, network);
	g_assert_true(berth_endpoint_allocate(scene.networks, network, endpoint, &scene.error));
	endpoint->routes = g_strdupv((char **) bad);
	g_assert_false(scene_attach(&scene, &container, network, endpoint));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(scene.error->message, "10.77.0.0/16 by"));
	g_clear_error(&scene.error);
	g_assert_false(scene_try(container.namespace, "ip link show eth0")); // nothing half-made remains
	g_strfreev(endpoint->routes);
	endpoint->routes = g_strdupv((char **) good);
	g_assert_true(scene_attach(&scene, &container, network, endpoint));
	scene_run(container.namespace, "ip route show 10.77.0.0/16 | grep -q 'via 10.66.0.9 dev eth0'");
	scene_run(container.namespace, "ip route show 10.78.0.0/16 | grep -q 'dev eth0 scope link'");
	scene_container_close(&container);
	scene_close(&scene);
}

static void test_options(const void *driver)
{
	struct scene scene;
	struct scene_container container;

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) network = new_network(&scene, driver, "options");
	scene_option(network, "com.docker.network.driver.mtu", "1280");
	scene_option(network, "com.docker.network.container_iface_prefix", "lan");
	scene_option(network, "com.docker.network.that.nobody.knows", "1");
	scene_add(&scene, network);
	scene_container_open(&scene, &container);
	struct berth_endpoint *endpoint = scene_endpoint(&scene, &container, network);
	endpoint->mac = g_strdup("02:aa:bb:cc:dd:ee");
	g_assert_true(berth_endpoint_allocate(scene.networks, network, endpoint, &scene.error));
	g_assert_true(scene_attach(&scene, &container, network, endpoint));
	g_assert_no_error(scene.error);
	g_assert_cmpstr(endpoint->interface, ==, "lan0");
	scene_run(container.namespace, "ip link show lan0 | grep -q 'mtu 1280 '");
	if (!g_str_equal(driver, "ipvlan"))
		scene_run(container.namespace, "ip link show lan0 | grep -q 02:aa:bb:cc:dd:ee");
	g_autoptr(berth_network) wrong = new_network(&scene, driver, "wrong");
	scene_option(wrong, "com.docker.network.driver.mtu", "many");
	g_assert_false(berth_networks_add(scene.networks, wrong, false, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(scene.error->message, "com.docker.network.driver.mtu"));
	scene_container_close(&container);
	scene_close(&scene);
}

// The engine is killed while a container runs and another is being made, and starts anew.
static void test_restart(const void *driver)
{
	struct scene scene;
	struct scene_container one, two;

	if (!open_scene(&scene, driver))
		return;
	g_autoptr(berth_network) network = new_network(&scene, driver, "kept");
	scene_add(&scene, network);
	scene_container_open(&scene, &one);
	scene_container_open(&scene, &two);
	struct berth_endpoint *a = scene_connect(&scene, &one, network), *b = scene_connect(&scene, &two, network);
	scene_restart(&scene, ENGINE);
	g_assert_true(berth_networks_add(scene.networks, network, true, &scene.error));
	berth_endpoint_adopt(scene.networks, network, a);
	berth_endpoint_adopt(scene.networks, network, b);
	g_assert_true(berth_networks_sweep(scene.networks, &scene.error));
	g_assert_no_error(scene.error);
	g_assert_true(reach(&one, &two, b->ipv4)); // as if nothing had happened
	struct scene_container three;
	scene_container_open(&scene, &three);
	struct berth_endpoint *c = scene_connect(&scene, &three, network);
	g_assert_cmpstr(c->ipv4, !=, a->ipv4);
	g_assert_cmpstr(c->ipv4, !=, b->ipv4);
	g_assert_true(reach(&three, &one, a->ipv4));
	scene_container_close(&three);
	scene_container_close(&one);
	scene_container_close(&two);
	scene_close(&scene);
}

// Bridges

static void test_bridge_made(void)
{
	struct scene scene;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "bridge");
	network->predefined = true;
	scene_run(-1, "ip link add berth0 type bridge; ip link set berth0 alias \"berth other x\"");
	scene_run(-1, "echo 0 >/proc/sys/net/ipv4/ip_forward");
	scene_add(&scene, network);
	g_assert_cmpstr(network->interface, ==, "berth1"); // the other is another engine's
	const struct berth_network_pool *pool = network->pools->pdata[0];
	g_assert_cmpstr(pool->subnet, ==, "172.17.0.0/16");
	g_assert_cmpstr(pool->gateway, ==, "172.17.0.1");
	g_assert_false(scene_try(-1, "ip link show berth1")); // not before it is needed
	g_assert_true(berth_network_up(scene.networks, network, &scene.error));
	g_assert_no_error(scene.error);
	scene_run(-1, "ip addr show berth1 | grep -q 'inet 172.17.0.1/16'");
	scene_run(-1, "ip link show up dev berth1 | grep -q 'alias berth " ENGINE " %s'", network->id);
	scene_run(-1, "ip link show berth1 | grep -q 02:42:ac:11:00:01");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/berth1/disable_ipv6) = 1");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/berth1/accept_ra) = 0"); // CVE-2020-13401
	scene_run(-1, "test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
	scene_run(-1, "ip -d link show berth1 | grep -q 'forward_delay 0 .*stp_state 0'");
	g_assert_true(berth_network_down(scene.networks, network, &scene.error));
	g_assert_false(scene_try(-1, "ip link show berth1"));
	scene_run(-1, "ip link show berth0");
	scene_close(&scene);
}

// An uplink that learns its routes goes on doing so when the host begins to forward.
static void test_forwarding(void)
{
	struct scene scene;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) inner = scene_network(&scene, "bridge", "inner");
	g_autoptr(berth_network) outer = scene_network(&scene, "bridge", "outer");
	inner->ipv6 = outer->ipv6 = inner->internal = true;
	scene_run(-1, "ip link add up0 type veth peer name wire; ip link set up0 up; ip link add off type bridge;"
		      "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/off/accept_ra");
	scene_add(&scene, inner);
	scene_add(&scene, outer);
	g_assert_true(berth_network_up(scene.networks, inner, &scene.error));
	scene_run(-1, "test $(cat /proc/sys/net/ipv4/ip_forward) = 0"); // it leads nowhere
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/all/forwarding) = 0");
	g_assert_true(berth_network_up(scene.networks, outer, &scene.error));
	scene_run(-1, "test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/all/forwarding) = 1");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/up0/accept_ra) = 2");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/off/accept_ra) = 0");
	scene_run(-1, "test $(cat /proc/sys/net/ipv6/conf/%s/accept_ra) = 0", outer->interface);
	scene_close(&scene);
}

static void test_bridge_options(void)
{
	struct scene scene;
	struct scene_container one, two;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "apart");
	scene_option(network, "com.docker.network.bridge.name", "lab");
	scene_option(network, "com.docker.network.bridge.enable_icc", "false");
	scene_option(network, "com.docker.network.bridge.inhibit_ipv4", "true");
	scene_add(&scene, network);
	g_assert_cmpstr(network->interface, ==, "lab");
	scene_container_open(&scene, &one);
	scene_container_open(&scene, &two);
	struct berth_endpoint *a = scene_connect(&scene, &one, network), *b = scene_connect(&scene, &two, network);
	g_assert_true(blocked(&one, &two, b->ipv4));
	g_assert_true(blocked(&two, &one, a->ipv4));
	scene_run(-1, "ip -d link show %s | grep -q 'isolated on'", a->host_interface);
	scene_run(-1, "test -z \"$(ip -4 addr show dev lab)\"");
	g_autoptr(berth_network) same = scene_network(&scene, "bridge", "same");
	scene_option(same, "com.docker.network.bridge.name", "lab");
	g_assert_false(berth_networks_add(scene.networks, same, false, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "networks have same bridge name"));
	g_clear_error(&scene.error);
	// Two at the same time: both have the name when the first is there.
	same->interface = g_strdup("lab");
	g_assert_false(berth_networks_add(scene.networks, same, false, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "networks have same bridge name"));
	g_clear_error(&scene.error);
	// One that was made so earlier takes nothing of the other's with it.
	g_assert_true(berth_networks_add(scene.networks, same, true, &scene.error));
	g_assert_true(berth_network_down(scene.networks, same, &scene.error));
	scene_run(-1, "ip link show lab && nft list table inet berth | grep lab");
	scene_container_close(&one);
	scene_container_close(&two);
	scene_close(&scene);
}

static void test_bridge_refused(void)
{
	static const struct {
		const char *option, *value, *message;
	} cases[] = {
		{"com.docker.network.bridge.name", "a/b", "no name of a bridge"},
		{"com.docker.network.bridge.enable_icc", "perhaps", "com.docker.network.bridge.enable_icc"},
		{"com.docker.network.bridge.enable_ip_masquerade", "2", "enable_ip_masquerade"},
		{"com.docker.network.bridge.host_binding_ipv4", "::1", "host_binding_ipv4"},
		{"com.docker.network.bridge.gateway_mode_ipv4", "other", "expected nat, routed or isolated"},
		{"com.docker.network.bridge.gateway_mode_ipv6", "isolated", "can only be used for an internal network"},
		{"com.docker.network.driver.mtu", "67", "expected a number from 68 to 65535"},
		{"com.docker.network.container_iface_prefix", "a b", "cannot begin the name"},
	};
	struct scene scene;

	if (!open_scene(&scene, "bridge"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(berth_network) network = scene_network(&scene, "bridge", "wrong");
		scene_option(network, cases[i].option, cases[i].value);
		g_assert_false(berth_networks_add(scene.networks, network, false, &scene.error));
		g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(scene.error->message, cases[i].message));
		g_clear_error(&scene.error);
	}
	g_autoptr(berth_network) unknown = scene_network(&scene, "nosuchdriver", "wrong");
	g_assert_false(berth_networks_add(scene.networks, unknown, false, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	scene_close(&scene);
}

// An interface that is there already.
static void test_bridge_foreign(void)
{
	struct scene scene;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "theirs");
	scene_option(network, "com.docker.network.bridge.name", "lab");
	scene_run(-1, "ip link add lab type bridge");
	scene_add(&scene, network);
	g_assert_true(berth_network_up(scene.networks, network, &scene.error));
	scene_run(-1, "ip -4 addr show dev lab | grep -q inet");
	g_assert_true(berth_network_down(scene.networks, network, &scene.error));
	scene_run(-1, "ip link show lab"); // who made it removes it
	g_autoptr(berth_network) wire = scene_network(&scene, "bridge", "wire");
	scene_option(wire, "com.docker.network.bridge.name", "v0");
	scene_run(-1, "ip link add v0 type veth peer name v1");
	scene_add(&scene, wire);
	g_assert_false(berth_network_up(scene.networks, wire, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_nonnull(strstr(scene.error->message, "v0 that is no bridge"));
	scene_close(&scene);
}

// What somebody removed is made again; what an earlier run left stands in nobody's way.
static void test_bridge_heals(void)
{
	struct scene scene;
	struct scene_container one, two;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "healed");
	scene_add(&scene, network);
	scene_container_open(&scene, &one);
	scene_container_open(&scene, &two);
	scene_connect(&scene, &one, network);
	scene_run(-1, "ip link del %s", network->interface);
	struct berth_endpoint *b = scene_connect(&scene, &two, network);
	scene_run(-1, "ip link show %s | grep -q 'master %s'", b->host_interface, network->interface);
	berth_sandbox_close(two.sandbox);
	close(two.namespace);
	two.namespace = scene_machine(); // the container's next life; the last one's namespace may still be there
	two.sandbox = berth_sandbox_open(two.namespace, &scene.error);
	g_assert_true(scene_attach(&scene, &two, network, b));
	g_assert_no_error(scene.error);
	scene_run(two.namespace, "ip link show eth0");
	scene_container_close(&one);
	scene_container_close(&two);
	scene_close(&scene);
}

// A bridge that cannot be set up goes with its rules if it has just been made; one that was there stays as it is. (None
// has IPv6 with an MTU so small.)
static void test_bridge_fails(void)
{
	struct scene scene;
	struct scene_container container;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) fresh = scene_network(&scene, "bridge", "fresh");
	g_autoptr(berth_network) used = scene_network(&scene, "bridge", "used");
	fresh->ipv6 = used->ipv6 = true;
	scene_option(fresh, "com.docker.network.driver.mtu", "1000");
	scene_add(&scene, fresh);
	scene_add(&scene, used);
	g_assert_false(berth_network_up(scene.networks, fresh, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "set up bridge"));
	g_clear_error(&scene.error);
	g_assert_false(scene_try(-1, "ip link show %s", fresh->interface));
	scene_run(-1, "nft list table inet berth >/dev/null && ! nft list table inet berth | grep %s",
		  fresh->interface);
	scene_container_open(&scene, &container);
	struct berth_endpoint *endpoint = scene_connect(&scene, &container, used);
	scene_run(-1, "nft list table inet berth | grep %s", used->interface);
	scene_run(-1, "ip link set %s mtu 1000", used->interface);
	scene_restart(&scene, ENGINE);
	g_assert_true(berth_networks_add(scene.networks, used, true, &scene.error));
	berth_endpoint_adopt(scene.networks, used, endpoint);
	g_assert_false(berth_network_up(scene.networks, used, &scene.error));
	g_assert_nonnull(strstr(scene.error->message, "set up bridge"));
	scene_run(-1, "ip link show %s | grep -q 'master %s'", endpoint->host_interface, used->interface);
	scene_container_close(&container);
	scene_close(&scene);
}

// A container that made interfaces of its own before it is connected: before its first network, and its second.
static void test_bridge_number_taken(void)
{
	struct scene scene;
	struct scene_container container;

	if (!open_scene(&scene, "bridge"))
		return;
	for (int i = 0; i < 2; i++) {
		g_autoptr(berth_network) first = scene_network(&scene, "bridge", i ? "first" : "late");
		g_autoptr(berth_network) network = scene_network(&scene, "bridge", "second");
		struct berth_endpoint *endpoint;
		scene_add(&scene, first);
		scene_container_open(&scene, &container);
		if (i)
			scene_connect(&scene, &container, first);
		scene_run(container.namespace, "ip link add own index %d type bridge; ip link set own up", 2 + i);
		if (i)
			scene_add(&scene, network);
		endpoint = scene_connect(&scene, &container, i ? network : first);
		scene_run(container.namespace, "ip addr show dev eth%d | grep -q 'inet %s'", i, endpoint->ipv4);
		scene_run(container.namespace, "ip route show default | grep -q 'dev eth0'");
		scene_run(container.namespace, "ip link show own");
		scene_run(container.namespace, "test -z \"$(ip -4 addr show dev own)\"");
		scene_run(container.namespace, "test -z \"$(ip -4 route show dev own)\"");
		scene_container_close(&container);
	}
	scene_close(&scene);
}

// MACVLAN

static void test_macvlan_modes(void)
{
	static const char *const modes[] = {"bridge", "private", "vepa", "passthru"};
	struct scene scene;

	if (!open_scene(&scene, "macvlan"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autoptr(berth_network) network = new_network(&scene, "macvlan", modes[i]);
		struct scene_container container;
		scene_option(network, "macvlan_mode", modes[i]);
		scene_add(&scene, network);
		scene_container_open(&scene, &container);
		struct berth_endpoint *endpoint = scene_connect(&scene, &container, network);
		scene_run(container.namespace, "ip -d link show eth0 | grep -q 'macvlan mode %s'", modes[i]);
		if (i == 3) {
			g_autoptr(berth_network) second = new_network(&scene, "macvlan", "second");
			g_assert_false(berth_networks_add(scene.networks, second, false, &scene.error));
			g_assert_nonnull(strstr(scene.error->message, "is already using parent interface up0"));
			g_clear_error(&scene.error);
		}
		scene_disconnect(&scene, &container, network, endpoint);
		g_assert_true(berth_network_down(scene.networks, network, &scene.error));
		berth_networks_forget(scene.networks, network->id);
		scene_container_close(&container);
		scene_run(-1, "ip link show up0"); // it is the host's own
	}
	scene_close(&scene);
}

static void test_macvlan_refused(void)
{
	static const struct {
		const char *option, *value, *message;
	} cases[] = {
		{"macvlan_mode", "odd", "requested macvlan mode 'odd' is not valid"},
		{"parent", "lo", "loopback interface is not a valid macvlan parent link"},
		{"parent", "a b", "no name of a network interface"},
	};
	struct scene scene;

	if (!open_scene(&scene, "macvlan"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(berth_network) network = new_network(&scene, "macvlan", "wrong");
		scene_option(network, cases[i].option, cases[i].value);
		g_assert_false(berth_networks_add(scene.networks, network, false, &scene.error));
		g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(scene.error->message, cases[i].message));
		g_clear_error(&scene.error);
	}
	g_autoptr(berth_network) missing = new_network(&scene, "macvlan", "missing");
	scene_option(missing, "parent", "nothere");
	scene_add(&scene, missing);
	g_assert_false(berth_network_up(scene.networks, missing, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_nonnull(strstr(scene.error->message, "network missing: the host has no interface nothere"));
	scene_close(&scene);
}

// Interfaces that are made for a network and go with it: a VLAN, a dummy.
static void test_macvlan_parent_made(void)
{
	static const struct {
		const char *parent, *probe;
	} cases[] = {{"up0.10", "vlan id 3"}, {NULL, "dummy"}};
	struct scene scene;
	unsigned run = 0;

	if (!open_scene(&scene, "macvlan"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (!scene_try(-1, "ip link add probe link up0 type %s || ip link add probe type %s; ip link del probe",
			       cases[i].probe, cases[i].probe))
			continue;
		run++;
		g_autoptr(berth_network) network = new_network(&scene, "macvlan", "made");
		struct scene_container container;
		scene_option(network, "parent", cases[i].parent ? cases[i].parent : "");
		scene_add(&scene, network);
		g_assert_true(network->internal == !cases[i].parent);
		scene_container_open(&scene, &container);
		scene_connect(&scene, &container, network);
		scene_run(-1, "ip link show up dev %s | grep -q 'alias berth " ENGINE "'", network->interface);
		scene_container_close(&container);
		g_assert_true(berth_network_down(scene.networks, network, &scene.error));
		berth_networks_forget(scene.networks, network->id);
		g_assert_false(scene_try(-1, "ip link show %s", network->interface));
	}
	if (!run)
		g_test_skip("this kernel has neither VLANs nor dummy interfaces");
	scene_close(&scene);
}

// Only what is this engine's and belongs to nothing is swept.
static void test_sweep(void)
{
	struct scene scene;
	struct scene_container one, two;

	if (!open_scene(&scene, "bridge"))
		return;
	g_autoptr(berth_network) kept = scene_network(&scene, "bridge", "kept");
	g_autoptr(berth_network) lost = scene_network(&scene, "bridge", "lost");
	scene_add(&scene, kept);
	scene_add(&scene, lost);
	scene_container_open(&scene, &one);
	scene_container_open(&scene, &two);
	struct berth_endpoint *a = scene_connect(&scene, &one, kept), *b = scene_connect(&scene, &two, kept);
	g_assert_true(berth_network_up(scene.networks, lost, &scene.error));
	scene_run(-1, "ip link add other type bridge; ip link set other alias 'berth " ENGINE "0 " ENGINE "';"
		      "ip link add plain type bridge; ip link add words type bridge; ip link set words alias berth");
	scene_restart(&scene, ENGINE);
	g_assert_true(berth_networks_add(scene.networks, kept, true, &scene.error));
	berth_endpoint_adopt(scene.networks, kept, a);
	g_assert_true(berth_networks_sweep(scene.networks, &scene.error));
	g_assert_no_error(scene.error);
	scene_run(-1, "ip link show %s", kept->interface);
	scene_run(-1, "ip link show %s", a->host_interface);
	g_assert_false(scene_try(-1, "ip link show %s", b->host_interface));
	g_assert_false(scene_try(-1, "ip link show %s", lost->interface));
	scene_run(-1, "ip link show other; ip link show plain; ip link show words");
	scene_container_close(&one);
	scene_container_close(&two);
	scene_close(&scene);
}

int main(int argc, char **argv)
{
	static const char *const drivers[] = {"bridge", "macvlan", "ipvlan"};
	static const struct {
		const char *name;
		void (*test)(const void *driver);
	} suite[] = {
		{"reach", test_reach},   {"no-ipv6", test_no_ipv6}, {"default-route", test_default_route},
		{"routes", test_routes}, {"options", test_options}, {"restart", test_restart},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
		for (size_t k = 0; k < G_N_ELEMENTS(suite); k++) {
			g_autofree char *path = g_strdup_printf("/drivers/%s/%s", drivers[i], suite[k].name);
			g_test_add_data_func(path, drivers[i], suite[k].test);
		}
	}
	g_test_add_func("/bridge/made", test_bridge_made);
	g_test_add_func("/bridge/forwarding", test_forwarding);
	g_test_add_func("/bridge/options", test_bridge_options);
	g_test_add_func("/bridge/refused", test_bridge_refused);
	g_test_add_func("/bridge/foreign", test_bridge_foreign);
	g_test_add_func("/bridge/heals", test_bridge_heals);
	g_test_add_func("/bridge/fails", test_bridge_fails);
	g_test_add_func("/bridge/number-taken", test_bridge_number_taken);
	g_test_add_func("/macvlan/modes", test_macvlan_modes);
	g_test_add_func("/macvlan/refused", test_macvlan_refused);
	g_test_add_func("/macvlan/parent-made", test_macvlan_parent_made);
	g_test_add_func("/sweep", test_sweep);
	return g_test_run();
}
