// SPDX-License-Identifier: Apache-2.0
#include "runtime/systemd.h"

#include "base/error.h"

#include <string.h>

#define UNIT_NAME_MAX 255 // systemd's
#define UNIT_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\"

static const struct berth_field request_fields[] = {
	BERTH_STRING(struct berth_systemd_request, unit, "unit", BERTH_REQUIRED),
	BERTH_STRING(struct berth_systemd_request, slice, "slice", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_systemd_request, description, "description", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_systemd_request, subgroup, "subgroup", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_systemd_request, pid, "pid", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_systemd_request, user, "user", 0),
	BERTH_BOOL(struct berth_systemd_request, unified, "unified", 0),
	BERTH_MAP(struct berth_systemd_request, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_systemd_request, resources, "resources", &oci_resources_document, BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct berth_systemd_request, memory_limit, "memoryLimit", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct berth_systemd_request, cpu_quota, "cpuQuota", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct berth_systemd_request, cpu_period, "cpuPeriod", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_systemd_request_document = {"request", sizeof(struct berth_systemd_request),
							      request_fields};

// systemd makes folders of what stands before each dash: "a-b.slice" lies in "a.slice".
static bool check_slice(const char *slice, GError **error)
{
	size_t length = strlen(slice);

	if (g_str_equal(slice, "-.slice"))
		return true;
	if (length <= strlen(".slice") || length > UNIT_NAME_MAX || !g_str_has_suffix(slice, ".slice") ||
	    strspn(slice, UNIT_CHARACTERS) != length || *slice == '-' || strstr(slice, "--") ||
	    strstr(slice, "-.slice"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.cgroupsPath: '%s' is not the name of a slice",
				       slice);
	return true;
}

// A container's id may have a '+', a unit's name may not: it is escaped as systemd does.
static char *escape(const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, "+", -1);
	return g_strjoinv("\\x2b", parts);
}

bool berth_systemd_parse_path(const char *path, const char *id, bool user, char **ret_slice, char **ret_unit,
			      GError **error)
{
	g_auto(GStrv) parts = g_strsplit(path && *path ? path : ":berth:", ":", -1);

	if (g_strv_length(parts) != 3)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" "
				       "for systemd cgroups, got \"%s\" instead",
				       path);
	const char *slice = *parts[0] ? parts[0] : user ? "user.slice" : "system.slice";
	g_autofree char *name = escape(*parts[2] ? parts[2] : id);
	g_autofree char *unit =
		*parts[1] ? g_strconcat(parts[1], "-", name, ".scope", NULL) : g_strconcat(name, ".scope", NULL);
	if (!check_slice(slice, error))
		return false;
	if (g_str_has_suffix(name, ".slice"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.cgroupsPath: '%s': a slice has no processes, the container needs a scope",
				       name);
	if (strlen(unit) > UNIT_NAME_MAX || strspn(unit, UNIT_CHARACTERS) != strlen(unit))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.cgroupsPath: '%s' is not the name of a unit",
				       unit);
	*ret_slice = g_strdup(slice);
	*ret_unit = g_steal_pointer(&unit);
	return true;
}
