// SPDX-License-Identifier: Apache-2.0
// What it takes to put a container onto the bridge and to take it off, part by part: `bench-attach [THREADS]`. The time
// is that of one container; with several threads, each has its own.
#include "network/tests/scene.h"

#include "base/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 200

enum part { OPEN, ALLOCATE, ATTACH, DEFAULT, RESOLVER, DETACH, PARTS };
static const char *const names[PARTS] = {"sandbox open", "allocate", "attach", "default route", "resolver", "detach"};

struct worker {
	struct scene *scene;
	struct berth_network *network;
	int host;
	gint64 parts[PARTS][ROUNDS];
	unsigned number;
};

static gint64 lap(gint64 *since)
{
	gint64 now = g_get_monotonic_time(), taken = now - *since;

	*since = now;
	return taken;
}

static void round_of(struct worker *worker, int round)
{
	struct scene scene = {.networks = worker->scene->networks,
			      .made = worker->number * 100000 + (unsigned) round * 10};
	struct scene_container container = {0};
	int udp = -1, tcp = -1;

	scene_container_open(&scene, &container);
	berth_sandbox_close(container.sandbox);
	gint64 since = g_get_monotonic_time();
	container.sandbox = berth_sandbox_open(container.namespace, &scene.error);
	worker->parts[OPEN][round] = lap(&since);
	struct berth_endpoint *endpoint = scene_endpoint(&scene, &container, worker->network);
	berth_endpoint_allocate(scene.networks, worker->network, endpoint, &scene.error);
	worker->parts[ALLOCATE][round] = lap(&since);
	berth_endpoint_attach(scene.networks, worker->network, endpoint, container.sandbox, &scene.error);
	g_assert_no_error(scene.error);
	worker->parts[ATTACH][round] = lap(&since);
	berth_endpoints_choose_default(scene.networks, container.endpoints);
	berth_sandbox_default_routes(container.sandbox, container.endpoints, &scene.error);
	worker->parts[DEFAULT][round] = lap(&since);
	berth_sandbox_resolver(container.sandbox, &udp, &tcp, &scene.error);
	g_assert_no_error(scene.error);
	worker->parts[RESOLVER][round] = lap(&since);
	close(udp);
	close(tcp);
	since = g_get_monotonic_time();
	berth_endpoint_detach(scene.networks, worker->network, endpoint, NULL, &scene.error);
	worker->parts[DETACH][round] = lap(&since);
	berth_endpoint_release(scene.networks, worker->network, endpoint);
	g_assert_no_error(scene.error);
	scene_container_close(&container);
}

static void *work(void *data)
{
	struct worker *worker = data;

	g_assert_cmpint(setns(worker->host, CLONE_NEWNET), ==, 0);
	for (int i = 0; i < ROUNDS; i++)
		round_of(worker, i);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	gint64 difference = *(const gint64 *) a - *(const gint64 *) b;

	return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv)
{
	unsigned threads = argc > 1 ? (unsigned) atoi(argv[1]) : 1;
	g_autofree struct worker *workers = g_new0(struct worker, threads);
	g_autofree GThread **running = g_new0(GThread *, threads);
	struct scene scene;

	if (!scene_open(&scene, "bench"))
		return 77;
	g_autoptr(berth_network) network = scene_network(&scene, "bridge", "bench");
	network->ipv6 = argc > 2;
	scene_pool(network, "10.99.0.0/16", NULL, NULL);
	scene_add(&scene, network);
	g_assert_true(berth_network_up(scene.networks, network, &scene.error));
	int host = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < threads; i++) {
		workers[i].scene = &scene;
		workers[i].network = network;
		workers[i].host = host;
		workers[i].number = i;
		running[i] = g_thread_new("work", work, &workers[i]);
	}
	for (unsigned i = 0; i < threads; i++)
		g_thread_join(running[i]);
	printf("%-14s %9s %9s   µs, %u at once\n", "", "median", "95 %", threads);
	for (int part = 0; part < PARTS; part++) {
		g_autofree gint64 *all = g_new(gint64, (gsize) threads * ROUNDS);
		for (unsigned i = 0; i < threads; i++)
			memcpy(all + (gsize) i * ROUNDS, workers[i].parts[part], sizeof workers[i].parts[part]);
		qsort(all, (size_t) threads * ROUNDS, sizeof *all, compare);
		printf("%-14s %9d %9d\n", names[part], (int) all[threads * ROUNDS / 2],
		       (int) all[threads * ROUNDS * 95 / 100]);
	}
	close(host);
	scene_close(&scene);
	return 0;
}
