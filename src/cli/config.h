// SPDX-License-Identifier: Apache-2.0
// The folder of the user's configuration, ~/.docker or what DOCKER_CONFIG or --config names, which is shared with
// Docker's own command line: config.json, and the manifest lists that are being made.
#pragma once

#include "cli/command.h"

#include <jansson.h>

#define BERTH_CONFIG_FILE "config.json"

// The folder's path; it need not be there. The caller frees it.
char *berth_config_folder(const struct berth_cli *cli);
// config.json as an object, {} if there is none. A new reference.
json_t *berth_config_load(const struct berth_cli *cli, GError **error);
// The same, read once and kept; {} behind a warning if it cannot be read. Borrowed.
const json_t *berth_config_get(const struct berth_cli *cli);
// `format`, or if the user gave none what config.json has for it under `name` ("psFormat"); NULL: neither. Borrowed.
const char *berth_config_format(const struct berth_cli *cli, const char *name, const char *format);
// The same for a list, of which `quiet` shows what the template `short_form` is instead of the table.
const char *berth_config_list_format(const struct berth_cli *cli, const char *name, const char *format, bool quiet,
				     const char *short_form);
// The same of the keys that detach.
const char *berth_config_detach_keys(const struct berth_cli *cli, const char *keys);
// What containers get for the proxies of config.json that are for this engine: "HTTP_PROXY=…", "http_proxy=…".
char **berth_config_proxies(const struct berth_cli *cli, const char *host);
// Replaces config.json (mode 0600) at once; where it is a link, the file that it leads to.
bool berth_config_save(const struct berth_cli *cli, const json_t *config, GError **error);
