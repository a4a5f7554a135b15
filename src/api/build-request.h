// SPDX-License-Identifier: Apache-2.0
// The parameters of POST /build as the builder takes them.
#pragma once

#include "api/build-stream.h"

struct berth_build_wanted {
	struct berth_build_request request; // whose pointers are the parameters', and those below
	struct api_host_config *limits;
	GArray *sources, *outputs;
	char **cache_from, **platforms;
	enum berth_build_manner manner;
};

// INVALID names the parameter and what is wrong with it; NOT_IMPLEMENTED what this engine does not do.
bool berth_build_wanted_read(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error);
void berth_build_wanted_clear(struct berth_build_wanted *wanted);
// Credentials by host, of X-Registry-Config: base64url of {"host": {"username": …}}; NULL: none. What cannot be read
// is as if it were not there, as with Docker.
GHashTable *berth_build_credentials(const char *header);
