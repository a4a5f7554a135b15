// SPDX-License-Identifier: Apache-2.0
// Searching.
#include "base/error.h"
#include "distribution/internal.h"

void berth_found_repository_free(struct berth_found_repository *found)
{
	if (!found)
		return;
	g_free(found->name);
	g_free(found->description);
	g_free(found);
}

GPtrArray *berth_registries_search(struct berth_registries *registries, const char *term, int limit,
				   const struct berth_credentials *credentials, GError **error)
{
	(void) registries, (void) limit, (void) credentials;
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "searching for \"%s\" is not there yet", term);
	return NULL;
}

bool berth_registries_login(struct berth_registries *registries, const struct berth_credentials *credentials,
			    char **ret_identity_token, GError **error)
{
	(void) registries, (void) credentials, (void) ret_identity_token;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "logging in is not there yet");
}
