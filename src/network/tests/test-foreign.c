// SPDX-License-Identifier: Apache-2.0
// Networks of plugins and of CNI on real interfaces: the whole test is in network namespaces of its own. The plugins
// are a web server in the test, and Debian's containernetworking-plugins.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "network/network.h"
#include "network/sandbox.h"
#include "plugin/plugin.h"
#include "plugin/tests/server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define CONTAINER "c0ffee0000000000000000000000000000000000000000000000000000000001"
#define ENDPOINT "e0000000000000000000000000000000000000000000000000000000000000e1"
#define NETWORK "a00000000000000000000000000000000000000000000000000000000000000a"

struct scene {
	char *folder;
	char *plugin_folders[2], *cni_paths[3], *cni_folders[2];
	struct berth_plugins *plugins;
	struct berth_networks *networks;
	struct plugin_server *server;
	int namespace; // the container's
	struct berth_sandbox *sandbox;
	const char *gone; // a method that the plugin does not have
	GHashTable *pool; // addresses that the IPAM plugin has given
};

static bool run(const char *format, ...) G_GNUC_PRINTF(1, 2);
static bool run(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

// Of a container: nsenter by descriptor.
#define IN "nsenter --net=/proc/%d/fd/%d "
#define OF(scene) (int) getpid(), (scene)->namespace

static char *request_address(struct scene *scene, const json_t *body)
{
	const char *wanted = json_string_value(json_object_get(body, "Address"));
	g_autofree char *address = wanted && *wanted ? g_strdup(wanted) : NULL;

	for (int i = 1; !address && i < 250; i++) {
		g_autofree char *next = g_strdup_printf("10.77.0.%d", i);
		if (!g_hash_table_contains(scene->pool, next))
			address = g_steal_pointer(&next);
	}
	if (g_hash_table_contains(scene->pool, address))
		return g_strdup("{\"Err\": \"it is somebody's\"}");
	char *answer = g_strdup_printf("{\"Address\": \"%s/24\"}", address);
	g_hash_table_add(scene->pool, g_steal_pointer(&address));
	return answer;
}

static char *handle(void *data, const char *method, const json_t *body, int *status)
{
	struct scene *scene = data;

	if (g_strcmp0(method, scene->gone) == 0) {
		*status = 404;
		return g_strdup("not found");
	}
	if (g_str_equal(method, "Plugin.Activate"))
		return g_strdup("{\"Implements\": [\"NetworkDriver\", \"IpamDriver\"]}");
	if (g_str_equal(method, "NetworkDriver.GetCapabilities"))
		return g_strdup("{\"Scope\": \"local\"}");
	if (g_str_equal(method, "NetworkDriver.CreateEndpoint")) {
		g_assert_true(
			run("ip link add plug0 type veth peer name plug1 && ip addr add 10.77.0.1/24 dev plug0 && "
			    "ip link set plug0 up"));
		return g_strdup("{\"Interface\": {\"MacAddress\": \"02:11:22:33:44:55\"}}");
	}
	if (g_str_equal(method, "NetworkDriver.Join"))
		return g_strdup(
			"{\"InterfaceName\": {\"SrcName\": \"plug1\", \"DstPrefix\": \"wire\"}, \"Gateway\": "
			"\"10.77.0.1\", \"StaticRoutes\": [{\"Destination\": \"10.88.0.0/16\", \"RouteType\": 0, "
			"\"NextHop\": \"10.77.0.9\"}, {\"Destination\": \"10.89.0.0/16\", \"RouteType\": 1}], "
			"\"DisableGatewayService\": true}");
	if (g_str_equal(method, "NetworkDriver.EndpointOperInfo"))
		return g_strdup("{\"Value\": {\"colour\": \"red\"}}");
	if (g_str_equal(method, "NetworkDriver.DeleteEndpoint")) {
		run("ip link del plug0 2>/dev/null");
		return g_strdup("{}");
	}
	if (g_str_equal(method, "IpamDriver.GetCapabilities"))
		return g_strdup("{\"RequiresMACAddress\": true}");
	if (g_str_equal(method, "IpamDriver.GetDefaultAddressSpaces"))
		return g_strdup("{\"LocalDefaultAddressSpace\": \"here\"}");
	if (g_str_equal(method, "IpamDriver.RequestPool"))
		return g_strdup("{\"PoolID\": \"pool-7\", \"Pool\": \"10.77.0.0/24\"}");
	if (g_str_equal(method, "IpamDriver.RequestAddress"))
		return request_address(scene, body);
	if (g_str_equal(method, "IpamDriver.ReleaseAddress"))
		g_hash_table_remove(scene->pool, json_string_value(json_object_get(body, "Address")));
	return g_strdup("{}");
}

static gpointer make_namespace(gpointer data)
{
	int *ret = data;

	g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	*ret = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static void open_networks(struct scene *scene)
{
	g_autofree char *run_folder = g_build_filename(scene->folder, "run", NULL);
	g_autofree char *state = g_build_filename(scene->folder, "state", NULL);
	struct berth_networks_options options = {.engine = "test",
						 .run_folder = run_folder,
						 .state_folder = state,
						 .cni_paths = scene->cni_paths,
						 .cni_folders = scene->cni_folders};
	g_autoptr(GError) error = NULL;

	scene->plugins = berth_plugins_new(scene->plugin_folders);
	scene->networks = berth_networks_new(&options, scene->plugins, &error);
	g_assert_no_error(error);
}

static void close_networks(struct scene *scene)
{
	berth_networks_free(scene->networks, false);
	berth_plugins_free(scene->plugins);
}

static void open_container(struct scene *scene)
{
	g_autoptr(GError) error = NULL;

	g_thread_join(g_thread_new("namespace", make_namespace, &scene->namespace));
	g_assert_cmpint(scene->namespace, >=, 0);
	scene->sandbox = berth_sandbox_open(scene->namespace, &error);
	g_assert_no_error(error);
	g_assert_true(run(IN "ip link set lo up", OF(scene)));
}

static void close_container(struct scene *scene)
{
	g_clear_pointer(&scene->sandbox, berth_sandbox_close);
	berth_fd_clear(&scene->namespace);
}

static void scene_up(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	scene->folder = g_dir_make_tmp("berth-drivers-XXXXXX", NULL);
	scene->plugin_folders[0] = g_build_filename(scene->folder, "plugins", NULL);
	scene->cni_folders[0] = g_build_filename(scene->folder, "net.d", NULL);
	scene->cni_paths[0] = g_build_filename(scene->folder, "bin", NULL);
	scene->cni_paths[1] = g_strdup("/usr/lib/cni");
	g_assert_cmpint(mkdir(scene->plugin_folders[0], 0700), ==, 0);
	g_assert_cmpint(mkdir(scene->cni_folders[0], 0700), ==, 0);
	g_assert_cmpint(mkdir(scene->cni_paths[0], 0700), ==, 0);
	scene->pool = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	open_networks(scene);
	open_container(scene);
}

static void scene_down(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	close_container(scene);
	close_networks(scene);
	if (scene->server)
		plugin_server_free(scene->server);
	g_hash_table_unref(scene->pool);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, scene->folder, NULL));
	g_free(scene->plugin_folders[0]);
	g_free(scene->cni_folders[0]);
	g_free(scene->cni_paths[0]);
	g_free(scene->cni_paths[1]);
	g_free(scene->folder);
}

static void serve(struct scene *scene)
{
	g_autofree char *path = g_build_filename(scene->plugin_folders[0], "wire.sock", NULL);

	scene->server = plugin_server_new(path, handle, scene);
}

static struct berth_network *make_network(const char *driver)
{
	struct berth_network *network = berth_document_new(&berth_network_document);

	network->version = BERTH_NETWORK_VERSION;
	network->id = g_strdup(NETWORK);
	network->name = g_strdup("net");
	network->driver = g_strdup(driver);
	network->ipam_driver = g_strdup("default");
	network->ipv4 = true;
	network->options = berth_map_new();
	return network;
}

static void add_pool(struct berth_network *network)
{
	struct berth_network_pool *pool = berth_document_new(&berth_network_pool_document);

	pool->subnet = g_strdup("10.77.0.0/24");
	pool->gateway = g_strdup("10.77.0.1");
	network->pools = berth_objects_new();
	g_ptr_array_add(network->pools, pool);
}

static struct berth_endpoint *make_endpoint(void)
{
	struct berth_endpoint *endpoint = berth_document_new(&berth_endpoint_document);

	endpoint->id = g_strdup(ENDPOINT);
	endpoint->network = g_strdup(NETWORK);
	endpoint->network_name = g_strdup("net");
	endpoint->container = g_strdup(CONTAINER);
	return endpoint;
}

static void add_port(struct berth_endpoint *endpoint)
{
	struct berth_endpoint_port *port = berth_document_new(&berth_endpoint_port_document);

	port->protocol = g_strdup("tcp");
	port->host_port = 8080;
	port->port = 80;
	endpoint->ports = berth_objects_new();
	g_ptr_array_add(endpoint->ports, port);
}

static void must(bool done, GError *error)
{
	g_assert_no_error(error);
	g_assert_true(done);
}

// Calls by their names, "A B C".
static char *methods(struct scene *scene)
{
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_auto(GStrv) lines = g_strsplit(calls, "\n", -1);
	GString *text = g_string_new(NULL);

	for (size_t i = 0; lines[i] && *lines[i]; i++)
		g_string_append_printf(text, "%s%.*s", i ? " " : "", (int) strcspn(lines[i], " "), lines[i]);
	return g_string_free(text, FALSE);
}

static void test_remote(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("wire");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	g_autoptr(GPtrArray) endpoints = g_ptr_array_new();
	GError *error = NULL;

	serve(scene);
	add_pool(network);
	must(berth_networks_add(scene->networks, network, false, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	g_assert_null(endpoint->mac);
	add_port(endpoint);
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	g_assert_cmpstr(endpoint->interface, ==, "wire0");
	g_assert_cmpstr(endpoint->mac, ==, "02:11:22:33:44:55");
	g_ptr_array_add(endpoints, endpoint);
	berth_endpoints_choose_default(scene->networks, endpoints);
	g_assert_true(endpoint->is_default);
	must(berth_sandbox_default_routes(scene->sandbox, endpoints, &error), error);
	g_assert_true(run(IN "ip -br link show wire0 | grep -q 02:11:22:33:44:55", OF(scene)));
	g_assert_true(run(IN "ip route show default | grep -q 'via 10.77.0.1 dev wire0'", OF(scene)));
	g_assert_true(run(IN "ip route show 10.88.0.0/16 | grep -q 'via 10.77.0.9'", OF(scene)));
	g_assert_true(run(IN "ip route show 10.89.0.0/16 | grep -q 'dev wire0'", OF(scene)));
	g_assert_true(run(IN "sh -c '[ $(cat /proc/sys/net/ipv6/conf/wire0/disable_ipv6) = 1 ]'", OF(scene)));
	g_assert_true(run(IN "ping -c 1 -W 2 -q 10.77.0.1 >/dev/null", OF(scene)));
	must(berth_endpoint_detach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	berth_endpoint_release(scene->networks, network, endpoint);
	g_assert_false(run(IN "ip link show wire0 >/dev/null 2>&1", OF(scene)));
	must(berth_network_remove(scene->networks, network, &error), error);
	g_autofree char *all = methods(scene);
	g_assert_cmpstr(all, ==,
			"Plugin.Activate NetworkDriver.GetCapabilities NetworkDriver.CreateNetwork "
			"NetworkDriver.CreateEndpoint NetworkDriver.Join NetworkDriver.EndpointOperInfo "
			"NetworkDriver.ProgramExternalConnectivity NetworkDriver.RevokeExternalConnectivity "
			"NetworkDriver.Leave NetworkDriver.DeleteEndpoint NetworkDriver.DeleteNetwork");
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_assert_nonnull(strstr(calls, "\"IPv4Data\":[{\"AddressSpace\":\"LocalDefault\",\"Pool\":\"10.77.0.0/24\","
				       "\"Gateway\":\"10.77.0.1/24\",\"AuxAddresses\":{}}]"));
	g_assert_nonnull(strstr(calls,
				"\"com.docker.network.portmap\":[{\"Proto\":6,\"IP\":\"\",\"Port\":80,\"HostIP\":\"\","
				"\"HostPort\":8080,\"HostPortEnd\":8080}]"));
}

// A network is told once, also when the engine starts anew; a plugin that cannot publish ports is not believed to.
static void test_remote_again(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("wire");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	GError *error = NULL;

	serve(scene);
	add_pool(network);
	must(berth_networks_add(scene->networks, network, false, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	close_container(scene);
	close_networks(scene);
	open_networks(scene);
	open_container(scene);
	must(berth_networks_add(scene->networks, network, true, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_auto(GStrv) parts = g_strsplit(calls, "NetworkDriver.CreateNetwork", -1);
	g_assert_cmpint((int) g_strv_length(parts) - 1, ==, 1);
	scene->gone = "NetworkDriver.ProgramExternalConnectivity";
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	add_port(endpoint);
	g_assert_false(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_assert_nonnull(strstr(error->message, "published ports are the plugin's"));
	g_clear_error(&error);
	g_assert_false(run("ip link show plug1 >/dev/null 2>&1")); // nothing half-made remains
	berth_endpoint_port_free(endpoint->ports->pdata[0]);
	g_ptr_array_unref(g_steal_pointer(&endpoint->ports));
	g_clear_pointer(&endpoint->mac, g_free);
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	plugin_server_free(g_steal_pointer(&scene->server));
	g_assert_false(berth_endpoint_detach(scene->networks, network, endpoint, NULL, &error));
	g_assert_nonnull(strstr(error->message, "plugin \"wire\""));
	g_clear_error(&error);
	must(berth_network_remove(scene->networks, network, &error), error); // it is not installed any more
	run("ip link del plug0 2>/dev/null");
}

static void test_ipam(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("bridge");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	g_autoptr(berth_endpoint) second = make_endpoint();
	GError *error = NULL;

	serve(scene);
	g_free(network->ipam_driver);
	network->ipam_driver = g_strdup("wire");
	network->ipam_options = berth_map_new();
	g_hash_table_insert(network->ipam_options, g_strdup("colour"), g_strdup("red"));
	must(berth_networks_add(scene->networks, network, false, &error), error);
	const struct berth_network_pool *pool = network->pools->pdata[0];
	g_assert_cmpstr(pool->subnet, ==, "10.77.0.0/24");
	g_assert_cmpstr(pool->gateway, ==, "10.77.0.1");
	must(berth_network_up(scene->networks, network, &error), error);
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	g_assert_cmpstr(endpoint->ipv4, ==, "10.77.0.2/24");
	g_assert_cmpstr(endpoint->gateway, ==, "10.77.0.1");
	second->ipv4 = g_strdup("10.77.0.2");
	g_free(second->id);
	second->id = g_strdup("e2");
	g_assert_false(berth_endpoint_allocate(scene->networks, network, second, &error));
	g_assert_nonnull(strstr(error->message, "it is somebody's"));
	g_clear_error(&error);
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	g_assert_true(run(IN "ping -c 1 -W 2 -q 10.77.0.1 >/dev/null", OF(scene)));
	must(berth_endpoint_detach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	berth_endpoint_release(scene->networks, network, endpoint);
	g_assert_cmpuint(g_hash_table_size(scene->pool), ==, 1);
	must(berth_network_remove(scene->networks, network, &error), error);
	g_assert_cmpuint(g_hash_table_size(scene->pool), ==, 0);
	g_autofree char *calls = plugin_server_calls(scene->server);
	g_assert_nonnull(strstr(calls,
				"IpamDriver.RequestPool {\"AddressSpace\":\"here\",\"Pool\":\"\",\"SubPool\":\"\","
				"\"Options\":{\"colour\":\"red\"},\"V6\":false}\n"));
	g_assert_nonnull(strstr(calls, "\"Options\":{\"RequestAddressType\":\"com.docker.network.gateway\"}"));
	g_assert_nonnull(strstr(calls, "\"com.docker.network.endpoint.macaddress\":\"02:42:"));
	g_assert_nonnull(strstr(calls, "IpamDriver.ReleasePool {\"PoolID\":\"pool-7\"}\n"));
}

// CNI

static void write_list(struct scene *scene, const char *text)
{
	g_autofree char *path = g_build_filename(scene->cni_folders[0], "net.conflist", NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *bridge_list(struct scene *scene, const char *further)
{
	return g_strdup_printf("{\"cniVersion\": \"1.0.0\", \"name\": \"net\", \"plugins\": [{\"type\": \"bridge\", "
			       "\"bridge\": \"cni-test0\", "
			       "\"isGateway\": true, \"ipMasq\": false, \"capabilities\": {\"ips\": true, \"mac\": "
			       "true}, \"ipam\": {\"type\": "
			       "\"host-local\", \"dataDir\": \"%s/leases\", \"ranges\": [[{\"subnet\": "
			       "\"10.66.0.0/24\"}]], \"routes\": "
			       "[{\"dst\": \"0.0.0.0/0\"}]}}%s]}",
			       scene->folder, further);
}

static int count_leases(struct scene *scene)
{
	g_autofree char *path = g_strdup_printf("%s/leases/net", scene->folder);
	DIR *folder = opendir(path);
	int count = 0;

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		count += g_str_has_prefix(entry->d_name, "10.66.0.");
	if (folder)
		closedir(folder);
	return count;
}

static bool has_plugins(void)
{
	if (access("/usr/lib/cni/bridge", X_OK) == 0)
		return true;
	g_test_skip("Debian's containernetworking-plugins are not installed");
	return false;
}

static void test_cni(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("cni");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	g_autofree char *list =
		bridge_list(scene, ", {\"type\": \"tuning\", \"sysctl\": {\"net.ipv4.conf.eth0.arp_filter\": "
				   "\"1\"}}");
	GError *error = NULL;

	if (!has_plugins())
		return;
	write_list(scene, list);
	must(berth_networks_add(scene->networks, network, false, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	endpoint->ipv4 = g_strdup("10.66.0.77");
	endpoint->mac = g_strdup("02:00:00:00:00:77");
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	g_assert_cmpstr(endpoint->ipv4, ==, "10.66.0.77/24");
	g_assert_cmpstr(endpoint->gateway, ==, "10.66.0.1");
	g_assert_cmpstr(endpoint->mac, ==, "02:00:00:00:00:77");
	g_assert_true(run(IN "ping -c 1 -W 2 -q 10.66.0.1 >/dev/null", OF(scene)));
	g_assert_true(run(IN "sh -c '[ $(cat /proc/sys/net/ipv4/conf/eth0/arp_filter) = 1 ]'", OF(scene)));
	g_assert_cmpint(count_leases(scene), ==, 1);
	// A second time nothing changes: CHECK is content.
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	g_assert_cmpint(count_leases(scene), ==, 1);
	// What CHECK finds wrong is made anew.
	g_assert_true(run(IN "ip addr flush dev eth0", OF(scene)));
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	g_assert_true(run(IN "ping -c 1 -W 2 -q 10.66.0.1 >/dev/null", OF(scene)));
	must(berth_endpoint_detach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	must(berth_endpoint_detach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	berth_endpoint_release(scene->networks, network, endpoint);
	g_assert_cmpint(count_leases(scene), ==, 0);
	g_assert_false(run(IN "ip link show eth0 >/dev/null 2>&1", OF(scene)));
	must(berth_network_remove(scene->networks, network, &error), error);
	run("ip link del cni-test0");
}

// The second plugin refuses: nothing of the first's remains, neither its interface nor its address.
static void test_cni_failure(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("cni");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	g_autofree char *list = bridge_list(scene, ", {\"type\": \"grumpy\"}");
	g_autofree char *grumpy = g_build_filename(scene->cni_paths[0], "grumpy", NULL);
	GError *error = NULL;

	if (!has_plugins())
		return;
	write_list(scene, list);
	g_assert_false(berth_networks_add(scene->networks, network, false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "CNI plugin \"grumpy\" is not in "));
	g_clear_error(&error);
	g_assert_true(
		g_file_set_contents(grumpy,
				    "#!/bin/sh\n[ $CNI_COMMAND != VERSION ] || echo '{\"supportedVersions\": "
				    "[\"1.0.0\"]}'\n[ $CNI_COMMAND != ADD ] || { echo '{\"code\": 100, \"msg\": \"not "
				    "today\"}'; exit 1; }\n",
				    -1, NULL));
	g_assert_cmpint(chmod(grumpy, 0755), ==, 0);
	must(berth_networks_add(scene->networks, network, false, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	g_assert_false(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error));
	g_assert_cmpstr(error->message, ==, "network net: CNI plugin \"grumpy\" (ADD): not today (code 100)");
	g_clear_error(&error);
	g_assert_cmpint(count_leases(scene), ==, 0);
	g_assert_false(run(IN "ip link show eth0 >/dev/null 2>&1", OF(scene)));
	run("ip link del cni-test0");
}

// The host went down: the container's namespace is gone, and nobody has said DEL. The sweep does.
static void test_cni_sweep(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_network) network = make_network("cni");
	g_autoptr(berth_endpoint) endpoint = make_endpoint();
	g_autofree char *list = bridge_list(scene, "");
	GError *error = NULL;

	if (!has_plugins())
		return;
	write_list(scene, list);
	must(berth_networks_add(scene->networks, network, false, &error), error);
	must(berth_network_up(scene->networks, network, &error), error);
	must(berth_endpoint_allocate(scene->networks, network, endpoint, &error), error);
	must(berth_endpoint_attach(scene->networks, network, endpoint, scene->sandbox, &error), error);
	must(berth_networks_sweep(scene->networks, &error), error);
	g_assert_cmpint(count_leases(scene), ==, 1); // it is there
	close_container(scene);
	close_networks(scene);
	open_networks(scene);
	must(berth_networks_add(scene->networks, network, true, &error), error);
	must(berth_networks_sweep(scene->networks, &error), error);
	g_assert_cmpint(count_leases(scene), ==, 0);
	open_container(scene);
	run("ip link del cni-test0");
}

static void assert_refused(struct scene *scene, const char *key, const char *value, const char *message)
{
	g_autoptr(berth_network) network = make_network("cni");
	g_autoptr(GError) error = NULL;

	g_hash_table_insert(network->options, g_strdup(key), g_strdup(value));
	g_assert_false(berth_networks_add(scene->networks, network, false, &error));
	if (!strstr(error->message, message))
		g_error("\"%s\" is not in \"%s\"", message, error->message);
}

static void test_cni_refusals(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	assert_refused(scene, "cni.config", "other", "no CNI configuration list with the name \"other\"");
	assert_refused(scene, "cni.config", "/nothing/here", "/nothing/here");
	assert_refused(scene, "cni.conflist", "{", "option cni.conflist");
	assert_refused(scene, "cni.colour", "red", "unknown option cni.colour");
	assert_refused(scene, "cni.conflist",
		       "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"../../bin/sh\"}]}",
		       "without a slash");
	g_autoptr(berth_network) network = make_network("cni");
	g_autoptr(GError) error = NULL;
	network->internal = true;
	g_assert_false(berth_networks_add(scene->networks, network, false, &error));
	g_assert_cmpstr(error->message, ==, "driver cni: internal cannot be asked for: the configuration list says it");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct scene *scene, gconstpointer data);
	} tests[] = {
		{"/foreign/remote", test_remote},
		{"/foreign/remote-again", test_remote_again},
		{"/foreign/ipam", test_ipam},
		{"/foreign/cni", test_cni},
		{"/foreign/cni-failure", test_cni_failure},
		{"/foreign/cni-sweep", test_cni_sweep},
		{"/foreign/cni-refusals", test_cni_refusals},
	};

	g_test_init(&argc, &argv, NULL);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("1..0 # SKIP network namespaces cannot be made here: %s\n", g_strerror(errno));
		return 0;
	}
	g_assert_true(run("ip link set lo up && mount -t sysfs sysfs /sys"));
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct scene, NULL, scene_up, tests[i].test, scene_down);
	return g_test_run();
}
