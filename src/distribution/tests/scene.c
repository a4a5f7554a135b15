// SPDX-License-Identifier: Apache-2.0
#include "distribution/tests/scene.h"

#include <string.h>

static void record(struct scene *scene, GString *log, const struct request *request)
{
	g_autofree char *authorization = request_header(request, "Authorization");

	pthread_mutex_lock(&scene->lock);
	g_string_append_printf(log, "%s %s [%s]\n", request->method, request->target,
			       authorization ? authorization : "");
	pthread_mutex_unlock(&scene->lock);
}

static void handle(struct request *request, void *data)
{
	struct scene *scene = data;

	record(scene, scene->log, request);
	scene->handler(request, scene);
}

static void handle_other(struct request *request, void *data)
{
	struct scene *scene = data;

	record(scene, scene->other_log, request);
	scene->other_handler(request, scene);
}

static bool is_canceled(void *data)
{
	return g_atomic_int_get((int *) data);
}

struct berth_repository *scene_open(struct scene *scene, const char *path, bool push,
				    const struct berth_credentials *credentials)
{
	return berth_repository_new(scene->registries,
				    &(struct berth_repository_options){.domain = server_authority(scene->server),
								       .path = path,
								       .push = push,
								       .credentials = credentials,
								       .canceled = is_canceled,
								       .data = &scene->canceled});
}

struct scene *scene_new(const struct scene_options *options)
{
	struct scene *scene = g_new0(struct scene, 1);
	g_autoptr(GError) error = NULL;

	pthread_mutex_init(&scene->lock, NULL);
	scene->log = g_string_new(NULL);
	scene->other_log = g_string_new(NULL);
	scene->handler = options->handler;
	scene->other_handler = options->other_handler;
	scene->server = server_new(handle, scene);
	if (options->other_handler)
		scene->other = server_new(handle_other, scene);
	g_autofree char *mirror =
		options->mirror ? g_strdup_printf("%s=http://%s", server_authority(scene->server),
						  g_str_equal(options->mirror, "other") ? server_authority(scene->other)
											: options->mirror)
				: NULL;
	char *mirrors[] = {mirror, NULL};
	scene->registries = berth_registries_new(
		&(struct berth_registries_options){.mirrors = mirrors, .backoff = 10, .stall = options->stall}, &error);
	g_assert_no_error(error);
	scene->repository = scene_open(scene, "lib/test", options->push, options->credentials);
	return scene;
}

void scene_free(struct scene *scene)
{
	berth_repository_free(scene->repository);
	berth_registries_free(scene->registries);
	server_free(scene->server);
	if (scene->other)
		server_free(scene->other);
	g_string_free(scene->log, TRUE);
	g_string_free(scene->other_log, TRUE);
	pthread_mutex_destroy(&scene->lock);
	g_free(scene);
}

static char *copy_log(struct scene *scene, const GString *log)
{
	pthread_mutex_lock(&scene->lock);
	char *text = g_strdup(log->str);
	pthread_mutex_unlock(&scene->lock);
	return text;
}

char *scene_log(struct scene *scene)
{
	return copy_log(scene, scene->log);
}

char *scene_other_log(struct scene *scene)
{
	return copy_log(scene, scene->other_log);
}

char *digest_of(const void *bytes, gsize length)
{
	g_autofree char *hex = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, length);

	return g_strconcat("sha256:", hex, NULL);
}

void answer_manifest(const struct request *request, const char *text)
{
	g_autofree char *digest = digest_of(text, strlen(text));
	g_autofree char *headers =
		g_strdup_printf("Content-Type: " OCI_MEDIA_MANIFEST "\r\nDocker-Content-Digest: %s\r\n", digest);

	answer_text(request, 200, headers, text);
}
