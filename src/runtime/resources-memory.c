// SPDX-License-Identifier: Apache-2.0
// linux.resources.memory.
#include "runtime/resources-internal.h"

#include "base/error.h"

static bool set_memory_limit(const struct berth_resources_context *context, int64_t limit, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (berth_limit_set_value(context, BERTH_MEMORY_LIMIT, limit, &local))
		return true;
	// v1: the kernel could not reclaim enough.
	if (g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "resources: memory.limit: %" G_GINT64_FORMAT
				       " bytes are not enough: %" G_GINT64_FORMAT " are in use",
				       limit, berth_limit_now(context, "memory", "memory.usage_in_bytes", 0));
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

// v1: memory alone may never be more than memory and swap, so the order of writing depends on which way they move.
static bool set_memory_v1(const struct berth_resources_context *context, int64_t limit, int64_t swap, GError **error)
{
	bool swap_first = limit != BERTH_UNSET && swap != BERTH_UNSET &&
			  (swap < 0 || swap > berth_limit_now(context, "memory", "memory.limit_in_bytes", INT64_MAX));

	return (!swap_first || berth_limit_set_value(context, BERTH_MEMORY_SWAP, swap, error)) &&
	       set_memory_limit(context, limit, error) &&
	       (swap_first || berth_limit_set_value(context, BERTH_MEMORY_SWAP, swap, error));
}

// v2 limits swap alone: OCI's number less the memory.
static bool set_memory_v2(const struct berth_resources_context *context, const struct oci_memory *memory, int64_t limit,
			  int64_t swap, GError **error)
{
	if (swap > 0) {
		int64_t base = limit != BERTH_UNSET ? limit : berth_limit_now(context, "memory", "memory.max", -1);
		if (base < 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: memory.swap: needs a memory limit beside it");
		if (swap < base)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: memory.swap: %" G_GINT64_FORMAT
					       " is less than the memory limit %" G_GINT64_FORMAT
					       " that it should contain",
					       swap, base);
		swap -= base;
	}
	int64_t used = memory->check_before_update ? berth_limit_now(context, "memory", "memory.current", 0) : 0;
	if (limit > 0 && limit < used)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "resources: memory.limit: %" G_GINT64_FORMAT
				       " bytes are not enough: %" G_GINT64_FORMAT " are in use",
				       limit, used);
	return berth_limit_set_value(context, BERTH_MEMORY_SWAP, swap, error) &&
	       set_memory_limit(context, limit, error);
}

// v1 before Linux 5.11, where limits did not hold for groups below unless asked for.
static bool set_hierarchy(const struct berth_resources_context *context, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (context->v2 || berth_cgroup_write(context->cgroup, "memory", "memory.use_hierarchy", "1", &local) ||
	    g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: memory.useHierarchy: ");
	return false;
}

bool berth_resources_set_memory(const struct berth_resources_context *context, const struct oci_resources *resources,
				GError **error)
{
	const struct oci_memory *memory = resources->memory;
	int64_t limit = berth_limit_get(resources, BERTH_MEMORY_LIMIT);
	int64_t swap = berth_limit_get(resources, BERTH_MEMORY_SWAP);
	int64_t swappiness = berth_limit_get(resources, BERTH_MEMORY_SWAPPINESS);

	if (limit == -1 && swap == BERTH_UNSET)
		swap = -1;
	if (memory->use_hierarchy && !set_hierarchy(context, error))
		return false;
	if (!(context->v2 ? set_memory_v2(context, memory, limit, swap, error)
			  : set_memory_v1(context, limit, swap, error)))
		return false;
	if (!berth_limit_set(context, resources, BERTH_MEMORY_RESERVATION, error))
		return false;
	if (swappiness > 100)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: memory.swappiness: %" G_GINT64_FORMAT " is not between 0 and 100",
				       swappiness);
	if (swappiness >= 0 && !berth_limit_set(context, resources, BERTH_MEMORY_SWAPPINESS, error))
		return false;
	if ((memory->kernel != BERTH_UNSET && memory->kernel > 0) ||
	    (memory->kernel_tcp != BERTH_UNSET && memory->kernel_tcp > 0))
		berth_resources_warn(context, "resources: memory.kernel: Linux no longer limits it by itself; ignored");
	if (!memory->disable_oom_killer)
		return true;
	if (context->v2) {
		berth_resources_warn(context,
				     "resources: memory.disableOOMKiller: cgroup v2 has no such switch; ignored");
		return true;
	}
	return berth_cgroup_write(context->cgroup, "memory", "memory.oom_control", "1", error);
}
