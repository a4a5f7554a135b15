// SPDX-License-Identifier: Apache-2.0
// Contexts and roots that tests make, and what they look at in them.
#pragma once

#include "build/context/copy.h"
#include "image/tests/tarball.h"

struct fixture {
	char *path; // of a folder for everything
	int work, root; // in it
	struct berth_build_tree_options options;
	struct berth_build_tree *tree;
};

void fixture_set_up(struct fixture *fixture, gconstpointer data);
void fixture_tear_down(struct fixture *fixture, gconstpointer data);

// The archive as a context, which must open.
void fixture_open(struct fixture *fixture, GByteArray *tarball);
// The same, which must be refused; the message.
char *fixture_refused(struct fixture *fixture, const void *data, size_t length);
// A file or a folder (`content` NULL) at a path relative to a folder.
void fixture_write(int folder, const char *path, const char *content, mode_t mode);
// What is beneath a folder, a line for each: "path mode uid:gid content", content "-> target" of links. To be freed.
char *fixture_list(int folder);
#define fixture_assert_list(folder, expected)                                                                          \
	do {                                                                                                           \
		g_autofree char *list_of_it = fixture_list(folder);                                                    \
		g_assert_cmpstr(list_of_it, ==, expected);                                                             \
	} while (0)

// COPY, or ADD, of the sources (NULL-terminated) from the fixture's tree. Fields of the copy may be changed before
// fixture_copy().
struct berth_build_copy fixture_make_copy(struct fixture *fixture, const char *const *sources, const char *destination,
					  struct berth_build_copy_source *ret_sources);
// Finds and makes it in the root; NULL or the error's message, to be freed.
char *fixture_copy(struct fixture *fixture, const struct berth_build_copy *copy);
char *fixture_digest(struct fixture *fixture, const struct berth_build_copy *copy);
