// SPDX-License-Identifier: Apache-2.0
// What the runtime and berth-systemd, its helper that speaks D-Bus, say to each other. The helper is a program of its
// own because libsystemd is there only as a shared library; it is executed only where systemd makes the groups.
//
// Over a socket of packets (channel.h) on the helper's standard input: "start", "attach", "set" or "stop", each with a
// descriptor of the request's JSON. The helper answers "done", after a start with the path of the group, or an error.
// Started, it is itself the process without which there is no scope; it ends with the socket.
#pragma once

#include "spec/oci-runtime.h"

#define BERTH_SYSTEMD_HELPER "berth-systemd"
#define BERTH_SYSTEMD_PROPERTY "org.systemd.property."
#define BERTH_ANNOTATION_SUBGROUP "run.oci.systemd.subgroup"

struct berth_systemd_request {
	char *unit; // x.scope
	char *slice;
	char *description;
	char *subgroup; // v2: the helper moves itself there, below the scope; NULL: none
	int64_t pid; // attach: of the process that is moved to the unit's group
	bool user; // the manager of the user, not the system's
	bool unified; // cgroup v2 is in charge
	GHashTable *annotations;
	struct oci_resources *resources; // NULL: no limits
	// What holds now, where the resources say only half of a property; BERTH_UNSET: unknown.
	int64_t memory_limit, cpu_quota, cpu_period;
};
extern const struct berth_document berth_systemd_request_document;
BERTH_DOCUMENT_AUTOPTR(berth_systemd_request, berth_systemd_request_document)

// Takes linux.cgroupsPath apart: "slice:prefix:name" -> slice and prefix-name.scope. An empty path, and empty parts,
// stand for the defaults: the manager's own slice and berth-<id>.scope.
bool berth_systemd_parse_path(const char *path, const char *id, bool user, char **ret_slice, char **ret_unit,
			      GError **error);

// systemd-properties.c, for the helper: the properties of a new scope ("start") or those that a change of limits sets,
// a new floating GVariant of type a(sv). Annotations org.systemd.property.NAME, in GVariant's text, are taken for the
// few properties that cannot do more than the container's configuration could.
GVariant *berth_systemd_properties(const struct berth_systemd_request *request, bool start, GError **error);
