// SPDX-License-Identifier: Apache-2.0
// linux.resources.devices: which device nodes may be opened.
#include "runtime/resources-internal.h"

#include "base/error.h"
#include "runtime/groups.h"

#include <string.h>

static bool convert_rule(const struct oci_device_rule *rule, unsigned index, struct berth_device_rule *ret,
			 GError **error)
{
	const char *access = rule->access && *rule->access ? rule->access : "rwm";
	const char *type = rule->type && *rule->type ? rule->type : "a";

	if (type[1] || !strchr("abc", type[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID, "resources: devices[%u]: type '%s' is not a, b or c",
				       index, type);
	if (access[strspn(access, "rwm")])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: devices[%u]: access '%s' is not of r, w and m", index, access);
	*ret = (struct berth_device_rule){
		.allow = rule->allow,
		.type = type[0],
		.major = rule->major < 0 ? -1 : rule->major,
		.minor = rule->minor < 0 ? -1 : rule->minor,
		.read = strchr(access, 'r'),
		.write = strchr(access, 'w'),
		.mknod = strchr(access, 'm'),
	};
	return true;
}

// Whether the rules end in allowing everything: then they take nothing from what the parent group allows.
static bool allows_all(const struct berth_device_rule *rules, unsigned count)
{
	const struct berth_device_rule *last = count > 0 ? &rules[count - 1] : NULL;
	return last && last->allow && last->type == 'a' && last->major < 0 && last->minor < 0 && last->read &&
	       last->write && last->mknod;
}

// What every container may use, whatever its rules say: the specification's default devices, terminals, and the making
// of nodes (which gives no access to what they stand for).
static const struct berth_device_rule default_rules[] = {
	{true, 'c', -1, -1, .mknod = true},     {true, 'b', -1, -1, .mknod = true},
	{true, 'c', 1, 3, true, true, true},    {true, 'c', 1, 5, true, true, true},
	{true, 'c', 1, 7, true, true, true},    {true, 'c', 1, 8, true, true, true},
	{true, 'c', 1, 9, true, true, true},    {true, 'c', 5, 0, true, true, true},
	{true, 'c', 5, 1, true, true, true},    {true, 'c', 5, 2, true, true, true},
	{true, 'c', 136, -1, true, true, true},
};

GArray *berth_resources_device_rules(const struct oci_resources *resources, bool *ret_all, GError **error)
{
	g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(struct berth_device_rule));
	const GPtrArray *devices = resources->devices;

	for (unsigned i = 0; devices && i < devices->len; i++) {
		struct berth_device_rule rule;
		if (!convert_rule(g_ptr_array_index(devices, i), i, &rule, error))
			return NULL;
		g_array_append_val(rules, rule);
	}
	*ret_all = allows_all((const struct berth_device_rule *) rules->data, rules->len);
	if (!*ret_all)
		g_array_append_vals(rules, default_rules, G_N_ELEMENTS(default_rules));
	return g_steal_pointer(&rules);
}

bool berth_resources_set_devices(const struct berth_resources_context *context, const struct oci_resources *resources,
				 GError **error)
{
	bool asked = resources->devices && resources->devices->len > 0;
	g_autoptr(GError) local = NULL;
	bool all;
	g_autoptr(GArray) rules = berth_resources_device_rules(resources, &all, error);

	if (!rules)
		return false;
	// A new group begins with what its parent allows. So where no rule is given, the default ones are all.
	if (!asked && context->update)
		return true;
	if (berth_cgroup_set_devices(context->cgroup, (const struct berth_device_rule *) rules->data, rules->len,
				     &local))
		return true;
	bool refused = g_error_matches(local, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) ||
		       g_error_matches(local, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	if (refused && all) {
		berth_resources_warn(context,
				     "resources: devices: %s; all devices that the parent group allows are allowed",
				     local->message);
		return true;
	}
	// Nodes of devices cannot be made in its user namespace, and those that are mounted are opened by its rights.
	if (refused && (!asked || berth_groups_ordinary_user())) {
		if (asked || !berth_groups_ordinary_user())
			berth_resources_warn(context,
					     "resources: devices: %s; the container may open what its user may",
					     local->message);
		return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: devices: ");
	return false;
}
