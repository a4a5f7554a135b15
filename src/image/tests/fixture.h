// SPDX-License-Identifier: Apache-2.0
// A store of images in a folder of its own, and what tests do with it, in short.
#pragma once

#include "image/image.h"
#include "image/tests/tarball.h"

// Set up with the name of a snapshot driver, or NULL for the one that is chosen here.
struct fixture {
	char *folder;
	struct berth_store *store;
	struct berth_images *images;
	GString *events; // "import sha256:… small:1;"
	GString *progress;
	bool refuse_events;
};

void fixture_setup(struct fixture *fixture, gconstpointer data);
void fixture_teardown(struct fixture *fixture, gconstpointer data);

// A root file system with the file /etc/hello.
GByteArray *fixture_root(const char *content);
char *fixture_import_bytes(struct fixture *fixture, const GByteArray *bytes, const char *name, char *const *changes,
			   GError **error);
char *fixture_import(struct fixture *fixture, const char *content, const char *name);
// "-name;image;layer;" for what was untagged and deleted, or the error's message.
char *fixture_remove(struct fixture *fixture, const char *name, bool force);
// "[tag,tag][tag]", an image in each pair of brackets, or the error's message.
char *fixture_list(struct fixture *fixture, const char *filter, const char *value);
void fixture_free_all(GPtrArray *objects, const struct berth_document *document);

guint fixture_count_files(const char *folder, const char *name);
// No image is there, no blob and no snapshot.
void fixture_assert_nothing(struct fixture *fixture);

#define assert_text(expression, expected)                                                                              \
	do {                                                                                                           \
		g_autofree char *found_ = (expression);                                                                \
		g_assert_cmpstr(found_, ==, expected);                                                                 \
	} while (0)
