// SPDX-License-Identifier: Apache-2.0
#include "build/tests/bench.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "build/solve/builder.h"
#include "build/solve/layer.h"
#include "image/images-internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool put(int root, const char *path, const char *text, int flags, GError **error)
{
	berth_fd fd = berth_root_open(root, path, O_WRONLY | O_CREAT | flags, 0644, error);

	return fd >= 0 && berth_write_all(fd, text, strlen(text), path, error);
}

// What is finished cannot be settled: something else has the name of the first of it, for a moment.
static void unsettle(struct bench *bench)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(bench->fixture.store);
	g_autoptr(GError) failure = NULL;

	pthread_mutex_lock(&bench->builder->naming);
	const struct berth_build_layer *first = bench->builder->pending->pdata[0];
	g_autofree char *name = g_strdup(first->chain_id);
	pthread_mutex_unlock(&bench->builder->naming);
	g_assert_true(berth_snapshot_prepare(snapshots, name, NULL, &failure));
	g_assert_false(berth_builder_settle(bench->builder, &failure));
	g_clear_error(&failure);
	g_assert_true(berth_snapshot_remove(snapshots, name, &failure));
}

static bool command(struct bench *bench, const struct berth_build_step *step, int root, const char *text,
		    berth_canceled_fn *canceled, void *data, int *code, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 3);
	const char *first = words[1] ? words[1] : "", *rest = words[1] && words[2] ? words[2] : "";

	if (g_str_equal(words[0], "write"))
		return put(root, first, rest, O_TRUNC, error);
	if (g_str_equal(words[0], "append"))
		return put(root, first, rest, O_APPEND, error);
	if (g_str_equal(words[0], "print"))
		return berth_write_all(step->output, text + 6, strlen(text + 6), "out", error);
	if (g_str_equal(words[0], "complain"))
		return berth_write_all(step->errors, text + 9, strlen(text + 9), "err", error);
	if (g_str_equal(words[0], "unsettle"))
		unsettle(bench);
	if (g_str_equal(words[0], "nap"))
		g_usleep(200000);
	if (g_str_equal(words[0], "fail"))
		*code = atoi(first);
	if (g_str_equal(words[0], "need")) {
		berth_fd fd = berth_root_open(root, first, O_PATH, 0, NULL);
		*code = fd < 0;
	}
	if (g_str_equal(words[0], "wait")) {
		while (!canceled(data))
			g_usleep(1000);
		return berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
	}
	return true;
}

static void note_mounts(struct bench *bench, const struct berth_build_step *step)
{
	g_string_truncate(bench->mounts, 0);
	for (size_t i = 0; i < step->mount_count; i++) {
		const struct berth_build_mount *mount = &step->mounts[i];
		if (mount->content)
			g_string_append_printf(bench->mounts, "file %s=%.*s;", mount->target,
					       (int) g_bytes_get_size(mount->content),
					       (const char *) g_bytes_get_data(mount->content, NULL));
		else
			g_string_append_printf(bench->mounts, "%s %s %s;", mount->tree < 0 ? "tmpfs" : "tree",
					       mount->target, mount->read_only ? "ro" : "rw");
	}
}

// "cache PATH TEXT" appends to a file of the first mount and prints what is there then.
static bool use_cache(const struct berth_build_step *step, const char *text, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 3);
	g_autofree char *found = NULL;
	int tree = step->mounts[0].tree;

	if (!put(tree, words[1], words[2], O_APPEND, error))
		return false;
	berth_fd fd = berth_root_open(tree, words[1], O_RDONLY, 0, error);
	found = fd < 0 ? NULL : berth_read_fd(fd, 4096, NULL, "cache", error);
	return found && berth_write_all(step->output, found, strlen(found), "out", error);
}

static void enter(struct bench *bench, const struct berth_build_step *step)
{
	g_atomic_int_inc(&bench->runs);
	pthread_mutex_lock(&bench->lock);
	bench->at_once++;
	bench->most_at_once = MAX(bench->most_at_once, bench->at_once);
	g_string_truncate(bench->environment, 0);
	for (char *const *pair = step->environment; *pair; pair++)
		g_string_append_printf(bench->environment, "%s;", *pair);
	note_mounts(bench, step);
	pthread_mutex_unlock(&bench->lock);
}

static bool run(void *data, const struct berth_build_step *step, berth_canceled_fn *canceled, void *canceled_data,
		int *ret_exit_code, GError **error)
{
	struct bench *bench = data;
	size_t last = g_strv_length((char **) step->arguments) - 1;
	g_auto(GStrv) commands = g_strsplit(step->arguments[last], " && ", -1);
	berth_fd root = -1;
	bool good = berth_snapshot_mount(berth_store_snapshots(bench->fixture.store), step->snapshot, &root, error);

	enter(bench, step);
	*ret_exit_code = 0;
	for (char **each = commands; good && *each && *ret_exit_code == 0; each++)
		good = g_str_has_prefix(*each, "cache ")
			       ? use_cache(step, *each, error)
			       : command(bench, step, root, *each, canceled, canceled_data, ret_exit_code, error);
	pthread_mutex_lock(&bench->lock);
	bench->at_once--;
	pthread_mutex_unlock(&bench->lock);
	return good;
}

static bool pull(void *data, const struct berth_build_transfer *transfer, char **ret_image, GError **error)
{
	struct bench *bench = data;

	g_atomic_int_inc(&bench->pulls);
	if (!bench->pulled || !g_str_equal(bench->pulled, transfer->name))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "pull access denied for %s", transfer->name);
	*ret_image = fixture_import(&bench->fixture, "pulled", transfer->name);
	return true;
}

static void on_event(void *data, const struct berth_build_event *event)
{
	static const char *const kinds[] = {"instruction", "planned", "started",  "log",     "status", "cached",
					    "done",        "failed",  "canceled", "warning", "debug"};
	struct bench *bench = data;

	if (event->kind == BERTH_BUILD_LOG)
		g_string_append_len(bench->output, event->text, (gssize) event->length);
	else
		g_string_append_printf(bench->log, "%s %s;", kinds[event->kind], event->name ? event->name : "");
	if (event->kind == BERTH_BUILD_DEBUG && bench->debug)
		bench->debug(bench, event->name);
}

static bool on_canceled(void *data)
{
	return g_atomic_int_get(&((struct bench *) data)->canceled);
}

void bench_restart(struct bench *bench)
{
	const struct berth_builder_options options = {
		.store = bench->fixture.store, .images = bench->fixture.images, .host = &bench->host, .parallel = 4};

	berth_builder_free(bench->builder);
	bench->builder = berth_builder_new(&options, &bench->error);
	g_assert_no_error(bench->error);
	berth_builder_set_policy(bench->builder, &bench->policy);
}

void bench_setup(struct bench *bench, gconstpointer data)
{
	fixture_setup(&bench->fixture, data);
	bench->host = (struct berth_build_host){.data = bench, .run = run, .pull = pull};
	bench->log = g_string_new(NULL);
	bench->output = g_string_new(NULL);
	bench->environment = g_string_new(NULL);
	bench->mounts = g_string_new(NULL);
	pthread_mutex_init(&bench->lock, NULL);
	bench->builder = NULL;
	bench_restart(bench);
	g_free(fixture_import(&bench->fixture, "hello", "small:1"));
}

void bench_teardown(struct bench *bench, gconstpointer data)
{
	berth_build_result_clear(&bench->result);
	berth_builder_free(bench->builder);
	g_clear_error(&bench->error);
	g_string_free(bench->log, TRUE);
	g_string_free(bench->output, TRUE);
	g_string_free(bench->environment, TRUE);
	g_string_free(bench->mounts, TRUE);
	pthread_mutex_destroy(&bench->lock);
	fixture_teardown(&bench->fixture, data);
}

bool bench_build(struct bench *bench, const char *text, struct berth_build_request *request)
{
	const struct berth_build_listener listener = {on_event, on_canceled, bench};
	struct berth_build_request simple = {NULL};

	if (!request)
		request = &simple;
	request->dockerfile_text = g_bytes_new(text, strlen(text));
	g_string_truncate(bench->log, 0);
	g_string_truncate(bench->output, 0);
	g_clear_error(&bench->error);
	berth_build_result_clear(&bench->result);
	bool good = berth_build(bench->builder, request, &listener, &bench->result, &bench->error);
	g_bytes_unref(g_steal_pointer(&request->dockerfile_text));
	g_assert_cmpint(good, ==, bench->error == NULL);
	return good;
}

struct oci_image *bench_image(struct bench *bench, const char *text)
{
	bench_build(bench, text, NULL);
	g_assert_no_error(bench->error);
	g_assert_nonnull(bench->result.image);
	struct oci_image *image = berth_images_config(bench->fixture.images, bench->result.image, &bench->error);
	g_assert_no_error(bench->error);
	return image;
}

char *bench_read(struct bench *bench, const char *path)
{
	g_autofree char *top = berth_images_top_snapshot(bench->fixture.images, bench->result.image, &bench->error);
	berth_fd root = -1;

	g_assert_no_error(bench->error);
	if (!top)
		return NULL;
	berth_snapshot_mount(berth_store_snapshots(bench->fixture.store), top, &root, &bench->error);
	g_assert_no_error(bench->error);
	berth_fd fd = berth_root_open(root, path, O_RDONLY, 0, NULL);
	return fd < 0 ? NULL : berth_read_fd(fd, 1 << 20, NULL, path, &bench->error);
}

char *bench_history(struct bench *bench, unsigned skip)
{
	g_autoptr(oci_image) image = berth_images_config(bench->fixture.images, bench->result.image, &bench->error);
	GString *text = g_string_new(NULL);

	g_assert_no_error(bench->error);
	for (guint i = skip; image->history && i < image->history->len; i++) {
		const struct oci_history *line = image->history->pdata[i];
		g_string_append_printf(text, "%s%s\n", line->empty_layer ? "" : "*", line->created_by);
	}
	return g_string_free(text, FALSE);
}
