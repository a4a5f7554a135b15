// SPDX-License-Identifier: Apache-2.0
#include "engine/tests/place.h"

#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

struct place place_new(void)
{
	struct place place = {.folder = g_dir_make_tmp("berth-engine-XXXXXX", NULL)};

	place.data = g_build_filename(place.folder, "data", NULL);
	place.run = g_build_filename(place.folder, "run", NULL);
	place.parent = g_strdup_printf("/%s", strrchr(place.folder, '/') + 1);
	return place;
}

void place_remove(struct place *place)
{
	g_autofree char *command = g_strdup_printf(
		"find /sys/fs/cgroup -depth -type d -path '*%s*' -exec rmdir {} + 2>/dev/null || true; rm -rf %s",
		place->parent, place->folder);

	run_command(command);
	g_free(place->folder);
	g_free(place->data);
	g_free(place->run);
	g_free(place->parent);
}

struct berth_engine *place_open(const struct place *place, bool bridge)
{
	g_autoptr(GError) error = NULL;
	const char *build = g_getenv("BERTH_BUILD");
	g_autofree char *monitor = g_build_filename(build, "berth-monitor", NULL);
	g_autofree char *init = g_build_filename(build, "berth-init", NULL);
	char *const none[] = {NULL};
	const struct berth_engine_options options = {
		.data_root = place->data,
		.exec_root = place->run,
		.monitor_program = monitor,
		.init_program = init,
		.cgroup_parent = place->parent,
		.log_driver = "json-file",
		.log_options = none,
		.labels = none,
		.network = {.no_bridge = !bridge},
	};
	struct berth_engine *engine = berth_engine_open(&options, &error);

	g_assert_no_error(error);
	return engine;
}

char *place_import(const struct place *place, struct berth_engine *engine)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tar = g_build_filename(place->folder, "root.tar", NULL);
	g_autofree char *command =
		g_strdup_printf("mkdir -p %1$s/root/bin %1$s/root/tmp && cp /bin/busybox %1$s/root/bin && "
				"ln -s busybox %1$s/root/bin/sh && tar -C %1$s/root -cf %2$s .",
				place->folder, tar);

	run_command(command);
	berth_fd fd = open(tar, O_RDONLY | O_CLOEXEC);
	char *id = berth_images_import(berth_engine_images(engine), fd, "test", NULL, NULL, NULL, NULL, NULL, &error);
	g_assert_no_error(error);
	return id;
}

char *output_of(const char *command)
{
	g_autoptr(GError) error = NULL;
	char *const words[] = {(char *) "sh", (char *) "-ec", (char *) command, NULL};
	char *output = NULL;
	int status = -1;

	g_spawn_sync(NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
	return output;
}

void run_command(const char *command)
{
	g_free(output_of(command));
}
