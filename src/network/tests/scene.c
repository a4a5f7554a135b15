// SPDX-License-Identifier: Apache-2.0
#include "network/tests/scene.h"

#include "base/fd.h"
#include "sys/namespace.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PORT 4000
#define PATIENCE 3000 // ms that a datagram may take: a neighbour that was not found is asked for again after one second
#define DOUBT 300 // ms after which one that should not arrive has not

// In a machine

// Enters it; the host is come back to by _leave().
static int enter(int machine)
{
	int host = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	g_assert_cmpint(host, >=, 0);
	if (machine >= 0)
		g_assert_cmpint(setns(machine, CLONE_NEWNET), ==, 0);
	return host;
}

static void leave(int host)
{
	g_assert_cmpint(setns(host, CLONE_NEWNET), ==, 0);
	close(host);
}

static bool run(int machine, const char *command, char **ret_output)
{
	const char *argv[] = {"/bin/sh", "-c", command, NULL};
	g_autoptr(GError) error = NULL;
	int status, host = enter(machine);

	g_spawn_sync(NULL, (char **) argv, NULL,
		     ret_output ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, ret_output,
		     NULL, &status, &error);
	leave(host);
	g_assert_no_error(error);
	return status == 0;
}

void scene_run(int machine, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (!run(machine, command, NULL))
		g_error("failed: %s", command);
}

bool scene_try(int machine, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	return run(machine, command, NULL);
}

char *scene_output(int machine, const char *format, ...)
{
	va_list arguments;
	char *output;

	va_start(arguments, format);
	g_autofree char *command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (!run(machine, command, &output))
		g_error("failed: %s", command);
	return g_strchomp(output);
}

int scene_machine(void)
{
	int machine;

	g_assert_true(berth_namespace_new_network(&machine));
	g_assert_cmpint(machine, >=, 0);
	scene_run(machine, "ip link set lo up");
	return machine;
}

static socklen_t address_of(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *) ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *) ret;

	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(PORT);
		return sizeof *four;
	}
	g_assert_cmpint(inet_pton(AF_INET6, text, &six->sin6_addr), ==, 1);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(PORT);
	return sizeof *six;
}

static int socket_in(int machine, int family)
{
	int host = enter(machine), fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	leave(host);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static bool arrives(int from, int to, const char *address, int patience)
{
	struct sockaddr_storage target, any;
	socklen_t length = address_of(address, &target);
	char byte;

	address_of(target.ss_family == AF_INET ? "0.0.0.0" : "::", &any);
	berth_fd sender = socket_in(from, target.ss_family), receiver = socket_in(to, target.ss_family);
	g_assert_cmpint(bind(receiver, (struct sockaddr *) &any, length), ==, 0);
	struct pollfd wait = {receiver, POLLIN, 0};
	if (sendto(sender, "x", 1, 0, (struct sockaddr *) &target, length) != 1)
		return false;
	return poll(&wait, 1, patience) == 1 && recv(receiver, &byte, 1, 0) == 1;
}

bool scene_reaches(int from, int to, const char *address)
{
	return arrives(from, to, address, PATIENCE);
}

bool scene_blocked(int from, int to, const char *address)
{
	return !arrives(from, to, address, DOUBT);
}

// The host

static void start(struct scene *scene, const char *engine)
{
	struct berth_networks_options options = {
		.engine = engine,
		.run_folder = scene->folder,
		.state_folder = scene->folder,
	};

	scene->networks = berth_networks_new(&options, NULL, &scene->error);
	g_assert_no_error(scene->error);
}

bool scene_open(struct scene *scene, const char *engine)
{
	*scene = (struct scene){0};
	if (unshare(CLONE_NEWNET) < 0) {
		g_test_skip("a network namespace cannot be made here");
		return false;
	}
	scene_run(-1, "ip link set lo up");
	scene->folder = g_dir_make_tmp("berth-network-XXXXXX", NULL);
	start(scene, engine);
	berth_networks_sweep(scene->networks, &scene->error); // the firewall is made from then on
	g_assert_no_error(scene->error);
	return true;
}

void scene_restart(struct scene *scene, const char *engine)
{
	berth_networks_free(scene->networks, true);
	start(scene, engine);
}

void scene_close(struct scene *scene)
{
	berth_networks_free(scene->networks, false);
	scene_run(-1, "rm -r '%s'", scene->folder);
	g_clear_error(&scene->error);
	g_free(scene->folder);
}

// Networks and containers

static void make_id(struct scene *scene, const char *what, char *ret)
{
	g_autofree char *text = g_strdup_printf("%s %u", what, ++scene->made);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	g_strlcpy(ret, digest, 65);
}

struct berth_network *scene_network(struct scene *scene, const char *driver, const char *name)
{
	struct berth_network *network = berth_document_new(&berth_network_document);
	char id[65];

	make_id(scene, "network", id);
	network->version = BERTH_NETWORK_VERSION;
	network->id = g_strdup(id);
	network->name = g_strdup(name);
	network->driver = g_strdup(driver);
	network->ipv4 = true;
	network->ipam_driver = g_strdup("default");
	return network;
}

void scene_option(struct berth_network *network, const char *name, const char *value)
{
	if (!network->options)
		network->options = berth_map_new();
	g_hash_table_replace(network->options, g_strdup(name), g_strdup(value));
}

void scene_pool(struct berth_network *network, const char *subnet, const char *range, const char *gateway)
{
	struct berth_network_pool *pool = berth_document_new(&berth_network_pool_document);

	pool->subnet = g_strdup(subnet);
	pool->range = g_strdup(range);
	pool->gateway = g_strdup(gateway);
	if (!network->pools)
		network->pools = berth_objects_new();
	g_ptr_array_add(network->pools, pool);
}

void scene_add(struct scene *scene, struct berth_network *network)
{
	berth_networks_add(scene->networks, network, false, &scene->error);
	g_assert_no_error(scene->error);
}

void scene_container_open(struct scene *scene, struct scene_container *container)
{
	make_id(scene, "container", container->id);
	g_assert_true(berth_namespace_new_network(&container->namespace));
	container->sandbox = berth_sandbox_open(container->namespace, &scene->error);
	g_assert_no_error(scene->error);
	container->endpoints = g_ptr_array_new_with_free_func((GDestroyNotify) berth_endpoint_free);
}

void scene_container_close(struct scene_container *container)
{
	g_clear_pointer(&container->sandbox, berth_sandbox_close);
	berth_fd_clear(&container->namespace);
	g_clear_pointer(&container->endpoints, g_ptr_array_unref);
}

struct berth_endpoint *scene_endpoint(struct scene *scene, struct scene_container *container,
				      const struct berth_network *network)
{
	struct berth_endpoint *endpoint = berth_document_new(&berth_endpoint_document);
	char id[65];

	make_id(scene, "endpoint", id);
	endpoint->id = g_strdup(id);
	endpoint->network = g_strdup(network->id);
	endpoint->network_name = g_strdup(network->name);
	endpoint->container = g_strdup(container->id);
	endpoint->slot = container->endpoints->len;
	g_ptr_array_add(container->endpoints, endpoint);
	return endpoint;
}

bool scene_attach(struct scene *scene, struct scene_container *container, const struct berth_network *network,
		  struct berth_endpoint *endpoint)
{
	if (!berth_network_up(scene->networks, network, &scene->error) ||
	    !berth_endpoint_attach(scene->networks, network, endpoint, container->sandbox, &scene->error))
		return false;
	berth_endpoints_choose_default(scene->networks, container->endpoints);
	return berth_sandbox_default_routes(container->sandbox, container->endpoints, &scene->error);
}

struct berth_endpoint *scene_connect(struct scene *scene, struct scene_container *container,
				     const struct berth_network *network)
{
	struct berth_endpoint *endpoint = scene_endpoint(scene, container, network);

	berth_endpoint_allocate(scene->networks, network, endpoint, &scene->error);
	g_assert_no_error(scene->error);
	scene_attach(scene, container, network, endpoint);
	g_assert_no_error(scene->error);
	return endpoint;
}

void scene_disconnect(struct scene *scene, struct scene_container *container, const struct berth_network *network,
		      struct berth_endpoint *endpoint)
{
	berth_endpoint_detach(scene->networks, network, endpoint, container->sandbox, &scene->error);
	g_assert_no_error(scene->error);
	berth_endpoint_release(scene->networks, network, endpoint);
	g_ptr_array_remove(container->endpoints, endpoint);
	berth_endpoints_choose_default(scene->networks, container->endpoints);
	berth_sandbox_default_routes(container->sandbox, container->endpoints, &scene->error);
	g_assert_no_error(scene->error);
}
