// SPDX-License-Identifier: Apache-2.0
// The engine is closed while containers are being started again, at ever other moments of that, and opened anew. What a
// restart uses must outlive it: the sanitizers see if not.
#include "engine/tests/place.h"
#include "spec/api-container.h"

#include <string.h>
#include <unistd.h>

#define CONTAINERS 4
#define ROUNDS 16
#define STEP 9000 // microseconds by which a round is longer than the one before
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

static void create_containers(struct berth_engine *engine)
{
	static const char text[] = "{\"Image\":\"test\",\"Cmd\":[\"/bin/busybox\",\"false\"],\"HostConfig\":{"
				   "\"NetworkMode\":\"none\",\"RestartPolicy\":{\"Name\":\"always\"}}}";

	for (int i = 0; i < CONTAINERS; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *name = g_strdup_printf("c%d", i);
		g_autoptr(api_container_create) create = berth_document_parse_text(&api_container_create_document, text,
										   strlen(text), "request", &error);
		g_assert_no_error(error);
		g_autoptr(api_container_created) created = berth_engine_container_create(engine, name, create, &error);
		g_assert_no_error(error);
		berth_engine_container_start(engine, name, NULL, NULL, &error);
		g_assert_no_error(error);
	}
}

// How often they were started again, all together.
static int64_t restarts(struct berth_engine *engine)
{
	int64_t count = 0;

	for (int i = 0; i < CONTAINERS; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *name = g_strdup_printf("c%d", i);
		g_autoptr(api_container_inspect) container =
			berth_engine_container_inspect(engine, name, false, &error);
		g_assert_no_error(error);
		count += container->restart_count;
	}
	return count;
}

static void test_restarts(void)
{
	if (geteuid() != 0) {
		g_test_skip("containers of the engine need root");
		return;
	}
	struct place place = place_new();
	struct berth_engine *engine = place_open(&place, false);
	g_autofree char *id = place_import(&place, engine);
	create_containers(engine);
	for (int round = 0; round < ROUNDS; round++) {
		berth_engine_close(engine);
		engine = place_open(&place, false);
		berth_engine_start_containers(engine);
		g_usleep((gulong) (round * STEP));
	}
	// It still does what it is there for.
	int64_t before = restarts(engine), end = g_get_monotonic_time() + PATIENCE;
	while (restarts(engine) <= before && g_get_monotonic_time() < end)
		g_usleep(10000);
	g_assert_cmpint(restarts(engine), >, before);
	for (int i = 0; i < CONTAINERS; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *name = g_strdup_printf("c%d", i);
		berth_engine_container_remove(engine, name, true, true, &error);
		g_assert_no_error(error);
	}
	berth_engine_close(engine);
	place_remove(&place);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	// A restart that the end of the engine cuts off is worth a warning, and no failure.
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_test_add_func("/close/restarts", test_restarts);
	return g_test_run();
}
