// SPDX-License-Identifier: Apache-2.0
// Contexts: names for engines, kept where Docker's command line keeps them and as it does (~/.docker/contexts:
// meta.json in a folder named by the SHA-256 of the context's name, its TLS files beside). "default" is not kept: it is
// the engine that -H, BERTH_HOST or DOCKER_HOST names, or the local one.
#pragma once

#include "cli/command.h"

#include <jansson.h>

#define BERTH_CONTEXT_DEFAULT "default"
#define BERTH_DEFAULT_HOST "unix:///run/berth/berth.sock"
#define BERTH_LIMIT_CONTEXT (1 << 20) // bytes of a meta.json or of a TLS file
#define BERTH_LIMIT_CONTEXT_ARCHIVE (10 << 20) // bytes of what `context import` reads
#define BERTH_TLS_FILES 3
extern const char *const berth_context_tls_files[BERTH_TLS_FILES + 1]; // "ca.pem", "cert.pem", "key.pem", NULL

// The host of the environment, or NULL.
const char *berth_context_environment_host(void);
// The context in use: --context, or "default" if a host is named, or DOCKER_CONTEXT, or what `context use` chose. It
// need not be there. The caller frees it.
char *berth_context_current(const struct berth_cli *cli);
// The host of cli->context; of "default" the one of -H or the environment. INVALID or NOT_FOUND.
char *berth_context_host(const struct berth_cli *cli, GError **error);

// Docker's rule for names; "default" is none.
bool berth_context_check_name(const char *name, GError **error);
// The folders of a context, there or not: its meta.json's, and its TLS files' (for the engine's endpoint: "docker"
// beneath it). The caller frees them.
char *berth_context_meta_folder(const struct berth_cli *cli, const char *name);
char *berth_context_tls_folder(const struct berth_cli *cli, const char *name);

// A context's meta.json; of "default" one that is made up. NULL with *error (Docker's words). A new reference.
json_t *berth_context_load(const struct berth_cli *cli, const char *name, GError **error);
// Of a context's meta.json: its engine, "" if it has none.
const char *berth_context_endpoint_host(const json_t *context);
// Writes meta.json.
bool berth_context_save(const struct berth_cli *cli, const json_t *context, GError **error);
bool berth_context_remove(const struct berth_cli *cli, const char *name, GError **error);
// All that are there, as their meta.json, by name, "default" first.
json_t *berth_context_list(const struct berth_cli *cli, GError **error);
