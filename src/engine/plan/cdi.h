// SPDX-License-Identifier: Apache-2.0
// The Container Device Interface, versions 0.1 to 1.0: what a container gets with a device that a vendor describes in
// /etc/cdi and /var/run/cdi. Only the request for a container names devices, never an image.
#pragma once

#include "base/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BERTH_CDI_GPU "nvidia.com/gpu" // the kind that --gpus stands for

struct berth_cdi_node {
	char *path, *host_path, *type, *permissions; // path in the container; "c", "b", "u", "p"; "rwm"
	int64_t major, minor, file_mode, uid, gid; // BERTH_UNSET: the host's, by its path
};
struct berth_cdi_mount {
	char *host_path, *container_path, *type;
	char **options;
};
struct berth_cdi_hook {
	char *name, *path;
	char **args, **env;
	int64_t timeout; // seconds; 0: none
};
struct berth_cdi_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	char **schemata;
	bool cmt, mbm, monitoring;
};

// Changes of a container's configuration.
struct berth_cdi_edits {
	char **env;
	GPtrArray *nodes, *mounts, *hooks; // of the structs above
	json_t *additional_gids;
	struct berth_cdi_rdt *rdt;
	GPtrArray *net_devices; // of version 1.1: refused
};
struct berth_cdi_device {
	char *name;
	GHashTable *annotations;
	struct berth_cdi_edits *edits;
};
struct berth_cdi_spec {
	char *version, *kind; // "vendor.com/class"
	GHashTable *annotations;
	GPtrArray *devices; // of struct berth_cdi_device
	struct berth_cdi_edits *edits; // with any of the devices
};
extern const struct berth_document berth_cdi_spec_document;
extern const struct berth_document berth_cdi_edits_document;
BERTH_DOCUMENT_AUTOPTR(berth_cdi_spec, berth_cdi_spec_document)
BERTH_DOCUMENT_AUTOPTR(berth_cdi_edits, berth_cdi_edits_document)

// Parses and checks one file's text; `what` names it. BERTH_ERROR_INVALID.
struct berth_cdi_spec *berth_cdi_parse(const char *text, size_t length, const char *what, GError **error);
// The same of YAML, by libyaml, which is loaded for it. BERTH_ERROR_UNAVAILABLE: it is not installed.
struct berth_cdi_spec *berth_cdi_parse_yaml(const char *text, size_t length, const char *what, GError **error);

// "vendor.com/class=name"; its parts are new.
bool berth_cdi_name_parse(const char *name, char **ret_kind, char **ret_device, GError **error);

// What the named devices (NULL-terminated) bring, in order, those of their files first; a new array of struct
// berth_cdi_edits, to be freed by berth_cdi_edits_list_free(). Of folders that have a device of the same name the last
// one counts. BERTH_ERROR_INVALID: "unresolvable CDI devices …", with what is wrong with files that could not be read.
GPtrArray *berth_cdi_find(char *const *folders, char *const *names, GError **error);
void berth_cdi_edits_list_free(GPtrArray *list);

// From HostConfig.DeviceRequests to names of devices; a new array. What nobody can give is BERTH_ERROR_INVALID, in
// Docker's words.
char **berth_cdi_requests(const json_t *requests, GError **error);
