// SPDX-License-Identifier: Apache-2.0
// A file behind a URL.
#pragma once

#include "build/context/tree.h"
#include "store/blob.h"

#include <time.h>

struct berth_build_fetched {
	int64_t size;
	char digest[BERTH_DIGEST_SIZE];
	struct timespec modified; // Last-Modified; 0: it did not say
};

// Writes what is behind an http or https URL to `fd`. Redirects are followed, from TLS only to TLS; secrets
// (HTTP_AUTH_TOKEN_<host>, HTTP_AUTH_HEADER_<host>) go to the URL's own host alone.
bool berth_build_fetch(const char *url, const struct berth_build_tree_options *options, int fd,
		       struct berth_build_fetched *ret, GError **error);
// The URL for messages: without a password.
char *berth_build_url_redact(const char *url);
