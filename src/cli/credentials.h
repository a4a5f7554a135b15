// SPDX-License-Identifier: Apache-2.0
// Credentials of registries, where Docker keeps them: in config.json ("auths"), or with the programs that "credHelpers"
// and "credsStore" name (docker-credential-NAME, spoken to over standard input and output).
//
// They are secrets: no other program's arguments, no message and no log ever has them, and a request has those of the
// registry that it is about and no others.
#pragma once

#include "cli/command.h"

#define BERTH_DOCKER_HUB "https://index.docker.io/v1/" // the key of docker.io
#define BERTH_LIMIT_SECRET (64 << 10) // bytes of a password, and of what a helper answers

struct berth_login {
	char *username, *password;
	char *identity_token; // instead of a password
	char *registry_token;
};
void berth_login_clear(struct berth_login *login); // and overwrites what was secret

// The key under which credentials of a server are kept: "localhost:5000", or Docker Hub's. The caller frees them.
char *berth_login_key_of_server(const char *server); // "https://localhost:5000/v2/"; NULL or "": Docker Hub

// What is kept for a key; all NULL if that is nothing.
bool berth_login_find(const struct berth_cli *cli, const char *key, struct berth_login *ret, GError **error);
// *ret_helper (the caller's) is the helper that keeps it; NULL: the file does, as it is.
bool berth_login_store(const struct berth_cli *cli, const char *key, const struct berth_login *login, char **ret_helper,
		       GError **error);
// *ret_found: there was something.
bool berth_login_erase(const struct berth_cli *cli, const char *key, bool *ret_found, GError **error);

// The body of POST /auth; free it with berth_secret_free().
char *berth_login_document(const char *key, const struct berth_login *login);
// X-Registry-Auth for what is asked of an image's registry, NULL if nothing is kept for it. A helper that fails is
// told of on standard error, and the request goes without. Free it with berth_secret_free().
char *berth_registry_auth(const struct berth_cli *cli, const char *image);
// X-Registry-Config for a build, which may ask any registry: of all that is kept; NULL: nothing. Free it with
// berth_secret_free().
char *berth_registry_config(const struct berth_cli *cli);
void berth_secret_free(char *secret);
