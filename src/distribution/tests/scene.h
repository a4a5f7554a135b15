// SPDX-License-Identifier: Apache-2.0
// A registry (and another host) that a test writes the answers of, and a client of it.
#pragma once

#include "distribution/registry.h"
#include "distribution/tests/server.h"

#include <pthread.h>

struct scene {
	struct server *server; // the registry
	struct server *other; // another host; NULL: none
	struct berth_registries *registries;
	struct berth_repository *repository; // "lib/test" of the registry
	pthread_mutex_t lock; // of the log
	GString *log; // "GET /v2/… [Authorization]" of the registry, a line each
	GString *other_log;
	handler_fn *handler, *other_handler;
	int count; // for handlers
	const void *data; // likewise
	int canceled; // atomic
};

struct scene_options {
	handler_fn *handler, *other_handler; // their data is the scene
	const struct berth_credentials *credentials;
	bool push;
	const char *mirror; // may be "other": the other host is a mirror of the registry
	int stall;
};
struct scene *scene_new(const struct scene_options *options);
void scene_free(struct scene *scene);
char *scene_log(struct scene *scene); // what was asked of the registry so far; a new text
char *scene_other_log(struct scene *scene);
// Another repository with the same client.
struct berth_repository *scene_open(struct scene *scene, const char *path, bool push,
				    const struct berth_credentials *credentials);

#define MANIFEST                                                                                                       \
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG  \
	"\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":2},"       \
	"\"layers\":[]}"
// Answers for a tag as a registry should: HEAD and GET, with digest and type.
void answer_manifest(const struct request *request, const char *text);
char *digest_of(const void *bytes, gsize length);
