// SPDX-License-Identifier: Apache-2.0
// Names of images as far as a client must understand them; whether one is valid is for the engine to say.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_reference {
	char *domain; // "docker.io"
	char *path; // "library/redis"
	char *tag; // NULL if none was given
	char *digest; // NULL if none was given
};
void berth_reference_parse(const char *text, struct berth_reference *ret);
// Whether the text can only be an image's id: no image may have such a name.
bool berth_reference_is_id(const char *text);
void berth_reference_clear(struct berth_reference *reference);
// "docker.io/library/redis:latest"; without tag and digest as it is. The caller frees it.
char *berth_reference_full(const struct berth_reference *reference);
