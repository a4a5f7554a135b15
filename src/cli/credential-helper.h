// SPDX-License-Identifier: Apache-2.0
// Programs that keep credentials: docker-credential-NAME with the words get, store and erase. What they are told and
// what they tell goes through standard input and output, never through arguments.
#pragma once

#include <glib.h>
#include <stdbool.h>

// Both NULL if the helper keeps nothing for the server. The caller frees them (*ret_secret is one).
bool berth_credential_helper_get(const char *helper, const char *server, char **ret_username, char **ret_secret,
				 GError **error);
bool berth_credential_helper_store(const char *helper, const char *server, const char *username, const char *secret,
				   GError **error);
bool berth_credential_helper_erase(const char *helper, const char *server, GError **error);
