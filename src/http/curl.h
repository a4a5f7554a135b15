// SPDX-License-Identifier: Apache-2.0
// libcurl, loaded when the first request is made: linked, it and the thirty libraries that it brings along would cost
// an idle engine some megabytes and its start some milliseconds.
#pragma once

#define CURL_DISABLE_TYPECHECK // the macros would call libcurl's functions by name
#include <curl/curl.h>
#include <glib.h>
#include <stdbool.h>

// Every function of libcurl that is used.
#define BERTH_CURL_FUNCTIONS(with)                                                                                     \
	with(global_init) with(easy_init) with(easy_setopt) with(easy_getinfo) with(easy_cleanup) with(easy_reset)     \
		with(easy_strerror) with(multi_init) with(multi_setopt) with(multi_add_handle)                         \
			with(multi_remove_handle) with(multi_perform) with(multi_poll) with(multi_info_read)           \
				with(multi_cleanup) with(slist_append) with(slist_free_all) with(getdate)

#define BERTH_CURL_MEMBER(name) __typeof__(curl_##name) *name;
struct berth_curl {
	void *library;
	BERTH_CURL_FUNCTIONS(BERTH_CURL_MEMBER)
};
#undef BERTH_CURL_MEMBER

// BERTH_ERROR_UNAVAILABLE: it is not installed, or too old. A table that was not loaded is all zeros; closing it keeps
// the library itself in memory, which cannot be unloaded (OpenSSL leaves work for the process's end).
bool berth_curl_load(struct berth_curl *curl, GError **error);
