// SPDX-License-Identifier: Apache-2.0
#include "http/curl.h"

#include "base/error.h"

#include <dlfcn.h>

#define LIBRARY "libcurl.so.4" // OpenSSL's flavour: others do not know all the options for certificates

static bool find(void *library, const char *name, void **ret, GError **error)
{
	*ret = dlsym(library, name);
	if (*ret)
		return true;
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "libcurl has no %s: version 7.85 or newer is needed",
			       name);
}

bool berth_curl_load(struct berth_curl *curl, GError **error)
{
	struct berth_curl loaded = {.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)};

	if (!loaded.library)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "nothing can be asked by HTTP without libcurl: %s", dlerror());
#define BERTH_CURL_FIND(name)                                                                                          \
	if (!find(loaded.library, "curl_" #name, (void **) &loaded.name, error))                                       \
		return false;
	BERTH_CURL_FUNCTIONS(BERTH_CURL_FIND)
#undef BERTH_CURL_FIND
	CURLcode code = loaded.global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "libcurl does not start: %s",
				       loaded.easy_strerror(code));
	*curl = loaded;
	return true;
}
