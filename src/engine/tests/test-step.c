// SPDX-License-Identifier: Apache-2.0
// Steps of a build, with real processes: what they see, what they leave, how they end.
#include "engine/engine.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "00000000000000000000000000000000000000000000000000000000000000aa"

struct place {
	char *folder, *data, *run, *parent;
	struct berth_engine *engine;
	char *top; // of the image "test"
};

static void run_command(const char *command)
{
	g_autoptr(GError) error = NULL;
	char *const words[] = {(char *) "sh", (char *) "-ec", (char *) command, NULL};
	int status = -1;

	g_spawn_sync(NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

static void import_image(struct place *place)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tar = g_build_filename(place->folder, "root.tar", NULL);
	g_autofree char *command =
		g_strdup_printf("mkdir -p %1$s/root/bin %1$s/root/tmp && cp /bin/busybox %1$s/root/bin && "
				"ln -s busybox %1$s/root/bin/sh && tar -C %1$s/root -cf %2$s .",
				place->folder, tar);

	run_command(command);
	berth_fd fd = open(tar, O_RDONLY | O_CLOEXEC);
	struct berth_images *images = berth_engine_images(place->engine);
	g_autofree char *id = berth_images_import(images, fd, "test", NULL, NULL, NULL, NULL, NULL, &error);
	g_assert_no_error(error);
	place->top = berth_images_top_snapshot(images, id, &error);
	g_assert_no_error(error);
}

static void set_up(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	const char *build = g_getenv("BERTH_BUILD");
	g_autofree char *monitor = g_build_filename(build, "berth-monitor", NULL);
	g_autofree char *init = g_build_filename(build, "berth-init", NULL);
	char *const none[] = {NULL};

	place->folder = g_dir_make_tmp("berth-step-XXXXXX", NULL);
	place->data = g_build_filename(place->folder, "data", NULL);
	place->run = g_build_filename(place->folder, "run", NULL);
	place->parent = g_strdup_printf("/%s", strrchr(place->folder, '/') + 1);
	const struct berth_engine_options options = {
		.data_root = place->data,
		.exec_root = place->run,
		.monitor_program = monitor,
		.init_program = init,
		.cgroup_parent = place->parent,
		.log_driver = "json-file",
		.log_options = none,
		.labels = none,
		.network = {.no_bridge = true},
	};
	place->engine = berth_engine_open(&options, &error);
	g_assert_no_error(error);
	import_image(place);
}

static void tear_down(struct place *place, G_GNUC_UNUSED const void *data)
{
	berth_engine_close(place->engine);
	g_autofree char *command = g_strdup_printf(
		"! grep -q %1$s /proc/self/mountinfo && test -z \"$(ls %2$s/run | grep -x '[0-9a-f]*')\"; "
		"find /sys/fs/cgroup -depth -type d -path '*%3$s*' -exec rmdir {} + 2>/dev/null || true; rm -rf %2$s",
		ID, place->folder, place->parent);
	run_command(command);
	g_free(place->folder);
	g_free(place->data);
	g_free(place->run);
	g_free(place->parent);
	g_free(place->top);
}

static struct berth_snapshots *snapshots_of(const struct place *place)
{
	return berth_store_snapshots(berth_engine_store(place->engine));
}

static char *read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char bytes[4096];

	for (ssize_t count; (count = read(fd, bytes, sizeof bytes)) > 0;)
		g_string_append_len(text, bytes, count);
	return g_string_free(text, FALSE);
}

static bool (*canceler)(void *data);

// Runs `script` in a new snapshot; *ret_output is the caller's. The error is the caller's, too.
static int run_step(struct place *place, const char *script, const struct berth_build_step *more, char **ret_output,
		    GError **error)
{
	char *const arguments[] = {(char *) "/bin/sh", (char *) "-c", (char *) script, NULL};
	char *const environment[] = {(char *) "WORD=said", NULL};
	struct berth_build_step step = more ? *more : (struct berth_build_step){0};
	int pair[2], code = -1;

	berth_snapshot_prepare(snapshots_of(place), ID, place->top, error);
	g_assert_no_error(*error);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	step.snapshot = ID;
	step.arguments = arguments;
	step.environment = environment;
	step.output = step.errors = pair[1];
	if (!berth_engine_step_run(place->engine, &step, canceler, NULL, &code, error))
		code = -1;
	close(pair[1]);
	g_autofree char *output = read_all(pair[0]);
	close(pair[0]);
	if (ret_output)
		*ret_output = g_steal_pointer(&output);
	return code;
}

static void remove_snapshot(struct place *place)
{
	g_autoptr(GError) error = NULL;

	berth_snapshot_remove(snapshots_of(place), ID, &error);
	g_assert_no_error(error);
}

static bool add_change(void *data, const char *path, enum berth_change change, G_GNUC_UNUSED GError **error)
{
	g_string_append_printf(data, "%c%s ", "CAD"[change], path);
	return true;
}

// What the step changed; the caller frees it.
static char *changes(struct place *place)
{
	g_autoptr(GError) error = NULL;
	GString *text = g_string_new(NULL);

	berth_snapshot_changes(snapshots_of(place), ID, add_change, text, &error);
	g_assert_no_error(error);
	return g_string_free(text, FALSE);
}

static void test_changes(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;

	int code = run_step(place, "echo $WORD $HOME $HOSTNAME; pwd; echo x > /tmp/made; echo err >&2; exit 3", NULL,
			    &output, &error);
	g_assert_no_error(error);
	g_assert_cmpint(code, ==, 3);
	g_assert_cmpstr(output, ==, "said / buildkitsandbox\n/\nerr\n");
	g_autofree char *changed = changes(place);
	// No /proc, /sys, /dev, /etc: they are there for the step only.
	g_assert_cmpstr(changed, ==, "C/tmp A/tmp/made ");
	remove_snapshot(place);
}

// What the step puts where something was mounted for it stays, what is beneath the mounts does not.
static void test_mount_points(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL, *kept = g_build_filename(place->folder, "kept", NULL);

	g_assert_cmpint(mkdir(kept, 0700), ==, 0);
	berth_fd tree = open(kept, O_PATH | O_DIRECTORY | O_CLOEXEC);
	g_autoptr(GBytes) secret = g_bytes_new_static("whispered", 9);
	const struct berth_build_mount mounts[] = {
		{.target = "/var/cache/kept",
		 .tree = tree,
		 .mode = BERTH_UNSET,
		 .uid = BERTH_UNSET,
		 .gid = BERTH_UNSET},
		{.target = "/run/secrets/word",
		 .tree = -1,
		 .content = secret,
		 .mode = BERTH_UNSET,
		 .uid = 7,
		 .gid = BERTH_UNSET},
		{.target = "/scratch",
		 .tree = -1,
		 .size = 1 << 20,
		 .mode = 0700,
		 .uid = BERTH_UNSET,
		 .gid = BERTH_UNSET},
	};
	const struct berth_build_step step = {.mounts = mounts, .mount_count = G_N_ELEMENTS(mounts)};
	int code = run_step(place,
			    "busybox cat /run/secrets/word; busybox stat -c ' %a %u' /run/secrets/word; "
			    "busybox stat -c %a /scratch; echo 1 > /scratch/x; echo 2 > /var/cache/kept/y; "
			    "echo 3 > /etc/own",
			    &step, &output, &error);
	g_assert_no_error(error);
	g_assert_cmpint(code, ==, 0);
	g_assert_cmpstr(output, ==, "whispered 400 7\n700\n");
	g_autofree char *changed = changes(place);
	g_assert_cmpstr(changed, ==, "A/etc A/etc/own ");
	g_autofree char *written = g_build_filename(kept, "y", NULL);
	g_assert_true(g_file_test(written, G_FILE_TEST_EXISTS));
	remove_snapshot(place);
}

// CVE-2024-23652: a mount point's parent becomes a link while the step runs.
static void test_swapped_parent(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *canary = g_build_filename(place->folder, "canary", NULL);
	g_autofree char *script =
		g_strdup_printf("busybox rmdir /a/b/c 2>/dev/null; busybox umount /a/b; busybox mv /a /z; "
				"busybox ln -s %s /a; :",
				canary);

	g_assert_cmpint(mkdir(canary, 0700), ==, 0);
	g_autofree char *beneath = g_build_filename(canary, "b", NULL);
	g_assert_cmpint(mkdir(beneath, 0700), ==, 0);
	const struct berth_build_mount mounts[] = {
		{.target = "/a/b", .tree = -1, .mode = BERTH_UNSET, .uid = BERTH_UNSET, .gid = BERTH_UNSET}};
	const struct berth_build_step step = {.mounts = mounts, .mount_count = 1, .insecure = true};
	run_step(place, script, &step, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(g_file_test(beneath, G_FILE_TEST_IS_DIR));
	remove_snapshot(place);
}

static bool cancel(G_GNUC_UNUSED void *data)
{
	return true;
}

static void test_cancel(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	int64_t began = g_get_monotonic_time();

	canceler = cancel;
	int code = run_step(place, "busybox sleep 100", NULL, NULL, &error);
	canceler = NULL;
	g_assert_cmpint(code, ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpint(g_get_monotonic_time() - began, <, 50 * G_USEC_PER_SEC);
	remove_snapshot(place);
}

static void test_missing_program(struct place *place, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	const struct berth_build_step step = {.user = "nobody-knows"};

	g_assert_cmpint(run_step(place, "true", &step, NULL, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "nobody-knows"));
	g_autofree char *changed = changes(place);
	g_assert_cmpstr(changed, ==, "");
	remove_snapshot(place);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(struct place *place, const void *data);
	} tests[] = {
		{"/step/changes", test_changes},
		{"/step/mount-points", test_mount_points},
		{"/step/swapped-parent", test_swapped_parent},
		{"/step/cancel", test_cancel},
		{"/step/unknown-user", test_missing_program},
	};

	g_test_init(&argc, &argv, NULL);
	if (geteuid() != 0) {
		g_print("1..0 # SKIP steps of a build need root\n");
		return 0;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct place, NULL, set_up, tests[i].test, tear_down);
	return g_test_run();
}
