// SPDX-License-Identifier: Apache-2.0
// The engine is closed while containers are being started again, at ever other moments of that, and opened anew. What a
// restart uses must outlive it: the sanitizers see if not.
#include "engine/engine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CONTAINERS 4
#define ROUNDS 16
#define STEP 9000 // microseconds by which a round is longer than the one before
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

struct place {
	char *folder, *data, *run, *parent;
};

static struct berth_engine *open_engine(const struct place *place)
{
	g_autoptr(GError) error = NULL;
	const char *build = g_getenv("BERTH_BUILD");
	g_autofree char *monitor = g_build_filename(build, "berth-monitor", NULL);
	g_autofree char *init = g_build_filename(build, "berth-init", NULL);
	char *const log_options[] = {NULL};
	const struct berth_engine_options options = {
		.data_root = place->data,
		.exec_root = place->run,
		.monitor_program = monitor,
		.init_program = init,
		.cgroup_parent = place->parent,
		.log_driver = "json-file",
		.log_options = log_options,
		.labels = log_options,
		.network = {.no_bridge = true},
	};
	struct berth_engine *engine = berth_engine_open(&options, &error);

	g_assert_no_error(error);
	return engine;
}

static void run(const char *command)
{
	g_autoptr(GError) error = NULL;
	char *const words[] = {(char *) "sh", (char *) "-ec", (char *) command, NULL};
	int status = -1;

	g_spawn_sync(NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

static void import_image(struct berth_engine *engine, const struct place *place)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tar = g_build_filename(place->folder, "root.tar", NULL);
	g_autofree char *command =
		g_strdup_printf("mkdir %s/root && cp /bin/busybox %s/root && tar -C %s/root -cf %s .", place->folder,
				place->folder, place->folder, tar);

	run(command);
	int fd = open(tar, O_RDONLY | O_CLOEXEC);
	g_autofree char *id =
		berth_images_import(berth_engine_images(engine), fd, "test", NULL, NULL, NULL, NULL, NULL, &error);
	close(fd);
	g_assert_no_error(error);
}

static void create_containers(struct berth_engine *engine)
{
	static const char text[] = "{\"Image\":\"test\",\"Cmd\":[\"/busybox\",\"false\"],\"HostConfig\":{"
				   "\"NetworkMode\":\"none\",\"RestartPolicy\":{\"Name\":\"always\"}}}";

	for (int i = 0; i < CONTAINERS; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *name = g_strdup_printf("c%d", i);
		g_autoptr(api_container_create) create = berth_document_parse_text(&api_container_create_document, text,
										   strlen(text), "request", &error);
		g_assert_no_error(error);
		g_autoptr(api_container_created) created = berth_engine_container_create(engine, name, create, &error);
		g_assert_no_error(error);
		berth_engine_container_start(engine, name, &error);
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
	struct place place = {.folder = g_dir_make_tmp("berth-close-XXXXXX", NULL)};
	place.data = g_build_filename(place.folder, "data", NULL);
	place.run = g_build_filename(place.folder, "run", NULL);
	place.parent = g_strdup_printf("/%s", strrchr(place.folder, '/') + 1);

	struct berth_engine *engine = open_engine(&place);
	import_image(engine, &place);
	create_containers(engine);
	for (int round = 0; round < ROUNDS; round++) {
		berth_engine_close(engine);
		engine = open_engine(&place);
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
	g_autofree char *command = g_strdup_printf(
		"find /sys/fs/cgroup -depth -type d -path '*%s*' -exec rmdir {} + 2>/dev/null || true; rm -rf %s",
		place.parent, place.folder);
	run(command);
	g_free(place.folder);
	g_free(place.data);
	g_free(place.run);
	g_free(place.parent);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	// A restart that the end of the engine cuts off is worth a warning, and no failure.
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_test_add_func("/close/restarts", test_restarts);
	return g_test_run();
}
