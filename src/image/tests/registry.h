// SPDX-License-Identifier: Apache-2.0
// A registry of the tests, on loopback, in memory: it does what it is told to, also what no registry should.
#pragma once

#include "spec/oci-image.h"

#include <pthread.h>

struct registry {
	struct MHD_Daemon *daemon;
	char *host; // "127.0.0.1:1234"
	pthread_mutex_t lock; // of what follows
	GHashTable *objects; // path ("/v2/x/blobs/sha256:…", "/v2/x/manifests/1") -> struct registry_object *
	GString *log; // "GET /v2/x/blobs/sha256:… bytes=5-\n"
	char *wait_path; // answering this waits until it is NULL (registry_go_on())
	pthread_cond_t gone_on;
	guint uploads;
	bool slow; // objects come in small pieces
};

struct registry_object {
	char *media_type; // NULL: a blob
	GBytes *bytes;
};

struct registry *registry_new(void);
void registry_free(struct registry *registry);

// Put things into a repository; return the digest, to be freed.
char *registry_blob(struct registry *registry, const char *repository, const void *data, size_t length);
char *registry_manifest(struct registry *registry, const char *repository, const char *tag, const char *media_type,
			const char *text);
// In the place of a blob there is something else.
void registry_falsify(struct registry *registry, const char *repository, const char *digest, const char *content);
void registry_remove(struct registry *registry, const char *path);
// The bytes of a manifest (by tag or digest) or blob ("blobs/sha256:…"), to be freed; NULL: it is not there.
char *registry_text(struct registry *registry, const char *repository, const char *object);

// How often the log has the text.
guint registry_count(struct registry *registry, const char *text);
void registry_forget_log(struct registry *registry);
// Answers to `path` wait; until then nothing of it is sent.
void registry_wait(struct registry *registry, const char *path);
void registry_go_on(struct registry *registry);

// An image of layers (compressed archives of their content), as a Docker or OCI manifest's text.
struct registry_image {
	const char *repository, *tag;
	const GByteArray *const *layers; // plain archives
	guint count;
	const char *os, *architecture, *variant; // NULL: linux, this machine's, none
	const char *diff_id; // instead of the first layer's
	const char *filter; // that they are compressed by; NULL: gzip, "": none
	const char *layer_type; // instead of OCI's gzip one
	const char *url; // of the layers
	guint more_diff_ids;
};
// Returns the manifest's digest, to be freed; *ret_size (may be NULL) is its size.
char *registry_image(struct registry *registry, const struct registry_image *image, gsize *ret_size);
