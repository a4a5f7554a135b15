// SPDX-License-Identifier: Apache-2.0
// Names of images, with Docker's normalisation: `redis` is `docker.io/library/redis:latest`; a first part with a dot, a
// colon or the word localhost is a server. (OCI distribution specification "Pulling manifests" has the grammar.)
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_image_name {
	char *domain; // "docker.io", "localhost:5000"
	char *path; // "library/redis"
	char *tag; // "latest", or NULL when there is a digest only
	char *digest; // "sha256:…", or NULL
};
// Parses and normalises; without tag and digest the tag is "latest". BERTH_ERROR_INVALID: "invalid reference format:
// …".
bool berth_image_name_parse(const char *text, struct berth_image_name *ret, GError **error);
void berth_image_name_clear(struct berth_image_name *name);

char *berth_image_name_full(const struct berth_image_name *name); // "docker.io/library/redis:latest"
char *berth_image_name_familiar(const struct berth_image_name *name); // "redis:latest"
