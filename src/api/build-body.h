// SPDX-License-Identifier: Apache-2.0
// The body of a build by Berth's own client (X-Berth-Build: 1): what a request brings beside the context. Parts, each a
// line "KIND LENGTH NAME\n" and LENGTH bytes behind it:
//
//	dockerfile 17 -		the Dockerfile's text, in place of one in the context
//	secret 12 token		the value of a secret
//	context 65536 libs	a piece of the archive of the context "libs"; further pieces go on where it ended
//	listing 65536 libs	in place of it a piece of its listing (build/context/claim.c); "-" is the context itself
//
// and then the line "end 0 -\n", behind which the context's own archive, if it is not listed, goes to the body's end.
#pragma once

#include "build/build.h"

struct berth_build_body_context {
	char *name; // "-": the context itself, which is listed
	int fd; // at its beginning
	bool listed;
};

struct berth_build_body {
	GBytes *dockerfile; // NULL: none
	GArray *secrets; // of struct berth_build_secret
	GPtrArray *contexts; // of struct berth_build_body_context
	int64_t listed; // bytes of listings
};

// Reads the parts from `fd`, no byte more. Archives go into files without a name in `folder`, secrets nowhere.
bool berth_build_body_read(struct berth_build_body *body, int fd, const char *folder, GError **error);
void berth_build_body_clear(struct berth_build_body *body);
