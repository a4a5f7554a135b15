// SPDX-License-Identifier: Apache-2.0
// Steps of a build, with real processes: what they see, what they leave, how they end.
#include "engine/tests/place.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "00000000000000000000000000000000000000000000000000000000000000aa"

struct fixture {
	struct place place;
	struct berth_engine *engine;
	char *top; // of the image
};

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	fixture->place = place_new();
	fixture->engine = place_open(&fixture->place, false);
	g_autofree char *id = place_import(&fixture->place, fixture->engine);
	fixture->top = berth_images_top_snapshot(berth_engine_images(fixture->engine), id, &error);
	g_assert_no_error(error);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_engine_close(fixture->engine);
	g_autofree char *command = g_strdup_printf("if grep %s /proc/self/mountinfo; then exit 1; fi; "
						   "test -z \"$(ls %s | grep -x '[0-9a-f]*')\"",
						   ID, fixture->place.run);
	run_command(command);
	place_remove(&fixture->place);
	g_free(fixture->top);
}

static struct berth_snapshots *snapshots_of(const struct fixture *fixture)
{
	return berth_store_snapshots(berth_engine_store(fixture->engine));
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
static int run_step(struct fixture *fixture, const char *script, const struct berth_build_step *more, char **ret_output,
		    GError **error)
{
	char *const arguments[] = {(char *) "/bin/sh", (char *) "-c", (char *) script, NULL};
	char *const environment[] = {(char *) "WORD=said", NULL};
	struct berth_build_step step = more ? *more : (struct berth_build_step){0};
	int pair[2], code = -1;

	berth_snapshot_prepare(snapshots_of(fixture), ID, fixture->top, error);
	g_assert_no_error(*error);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	step.snapshot = ID;
	step.arguments = arguments;
	step.environment = environment;
	step.output = step.errors = pair[1];
	if (!berth_engine_step_run(fixture->engine, &step, canceler, NULL, &code, error))
		code = -1;
	close(pair[1]);
	g_autofree char *output = read_all(pair[0]);
	close(pair[0]);
	if (ret_output)
		*ret_output = g_steal_pointer(&output);
	return code;
}

static void remove_snapshot(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	berth_snapshot_remove(snapshots_of(fixture), ID, &error);
	g_assert_no_error(error);
}

static bool add_change(void *data, const char *path, enum berth_change change, G_GNUC_UNUSED GError **error)
{
	g_string_append_printf(data, "%c%s ", "CAD"[change], path);
	return true;
}

// What the step changed; the caller frees it.
static char *changes(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	GString *text = g_string_new(NULL);

	berth_snapshot_changes(snapshots_of(fixture), ID, add_change, text, &error);
	g_assert_no_error(error);
	return g_string_free(text, FALSE);
}

static void test_changes(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;

	int code = run_step(fixture, "echo $WORD $HOME $HOSTNAME; pwd; echo x > /tmp/made; echo err >&2; exit 3", NULL,
			    &output, &error);
	g_assert_no_error(error);
	g_assert_cmpint(code, ==, 3);
	g_assert_cmpstr(output, ==, "said / buildkitsandbox\n/\nerr\n");
	g_autofree char *changed = changes(fixture);
	// No /proc, /sys, /dev, /etc: they are there for the step only.
	g_assert_cmpstr(changed, ==, "C/tmp A/tmp/made ");
	remove_snapshot(fixture);
}

// What the step puts where something was mounted for it stays, what is beneath the mounts does not.
static void test_mount_points(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL, *kept = g_build_filename(fixture->place.folder, "kept", NULL);

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
	int code = run_step(fixture,
			    "busybox cat /run/secrets/word; busybox stat -c ' %a %u' /run/secrets/word; "
			    "busybox stat -c %a /scratch; echo 1 > /scratch/x; echo 2 > /var/cache/kept/y; "
			    "echo 3 > /etc/own",
			    &step, &output, &error);
	g_assert_no_error(error);
	g_assert_cmpint(code, ==, 0);
	g_assert_cmpstr(output, ==, "whispered 400 7\n700\n");
	g_autofree char *changed = changes(fixture);
	g_assert_cmpstr(changed, ==, "A/etc A/etc/own ");
	g_autofree char *written = g_build_filename(kept, "y", NULL);
	g_assert_true(g_file_test(written, G_FILE_TEST_EXISTS));
	remove_snapshot(fixture);
}

// CVE-2024-23652: a mount point's parent becomes a link while the step runs.
static void test_swapped_parent(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *canary = g_build_filename(fixture->place.folder, "canary", NULL);
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
	run_step(fixture, script, &step, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(g_file_test(beneath, G_FILE_TEST_IS_DIR));
	remove_snapshot(fixture);
}

static bool cancel(G_GNUC_UNUSED void *data)
{
	return true;
}

static void test_cancel(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	int64_t began = g_get_monotonic_time();

	canceler = cancel;
	int code = run_step(fixture, "busybox sleep 100", NULL, NULL, &error);
	canceler = NULL;
	g_assert_cmpint(code, ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpint(g_get_monotonic_time() - began, <, 50 * G_USEC_PER_SEC);
	remove_snapshot(fixture);
}

static void test_missing_program(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	const struct berth_build_step step = {.user = "nobody-knows"};

	g_assert_cmpint(run_step(fixture, "true", &step, NULL, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "nobody-knows"));
	g_autofree char *changed = changes(fixture);
	g_assert_cmpstr(changed, ==, "");
	remove_snapshot(fixture);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(struct fixture *fixture, const void *data);
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
		g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].test, tear_down);
	return g_test_run();
}
