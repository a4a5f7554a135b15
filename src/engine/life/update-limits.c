// SPDX-License-Identifier: Apache-2.0
// Changing the limits and the restart policy of a container that is there, by Docker's rules: what a request does not
// set stays. The database is written first, then the kernel is asked, by the container's monitor; where that refuses,
// both are as they were.
#include "engine/life/update.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "engine/plan/abilities.h"
#include "engine/plan/plan.h"
#include "engine/spec/spec.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct api_host_config, member)

// Numbers of which 0 means: as it is.
static const size_t numbers[] = {
	AT(cpu_shares), AT(memory),      AT(nano_cpus),           AT(blkio_weight),         AT(cpu_period),
	AT(cpu_quota),  AT(memory_swap), AT(cpu_realtime_period), AT(cpu_realtime_runtime), AT(memory_reservation),
};

static const struct {
	size_t list;
	const struct berth_document *document;
} lists[] = {
	{AT(blkio_weight_device), &api_weight_device_document},
	{AT(blkio_device_read_bps), &api_throttle_device_document},
	{AT(blkio_device_write_bps), &api_throttle_device_document},
	{AT(blkio_device_read_iops), &api_throttle_device_document},
	{AT(blkio_device_write_iops), &api_throttle_device_document},
};

#define OF(host, offset, type) (*(type *) ((char *) (host) + (offset)))

static bool conflict(GError **error, const char *text)
{
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s", text);
}

static bool check_conflicts(const struct api_host_config *now, const struct api_host_config *wanted, GError **error)
{
	if (wanted->nano_cpus > 0 && now->cpu_period > 0)
		return conflict(error, "Conflicting options: Nano CPUs cannot be updated as CPU Period has already "
				       "been set");
	if (wanted->nano_cpus > 0 && now->cpu_quota > 0)
		return conflict(error, "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been "
				       "set");
	if (wanted->cpu_period > 0 && now->nano_cpus > 0)
		return conflict(error, "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been "
				       "set");
	if (wanted->cpu_quota > 0 && now->nano_cpus > 0)
		return conflict(error, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been "
				       "set");
	if (wanted->memory != 0 && wanted->memory_swap == 0 && now->memory_swap > 0 &&
	    wanted->memory > now->memory_swap)
		return conflict(error, "Memory limit should be smaller than already set memoryswap limit, update the "
				       "memoryswap at the same time");
	if (wanted->restart_policy && wanted->restart_policy->name && *wanted->restart_policy->name &&
	    now->auto_remove && !g_str_equal(wanted->restart_policy->name, "no"))
		return conflict(error, "Restart policy cannot be updated because AutoRemove is enabled for the "
				       "container");
	return true;
}

static void take_text(char **text, const char *wanted)
{
	if (!wanted || !*wanted)
		return;
	g_free(*text);
	*text = g_strdup(wanted);
}

static void take_list(GPtrArray **list, const GPtrArray *wanted, const struct berth_document *document)
{
	if (!wanted || wanted->len == 0)
		return;
	GPtrArray *copy = berth_objects_new();
	for (guint i = 0; i < wanted->len; i++)
		g_ptr_array_add(copy, berth_document_copy(document, wanted->pdata[i]));
	for (guint i = 0; *list && i < (*list)->len; i++)
		berth_document_free(document, (*list)->pdata[i]);
	if (*list)
		g_ptr_array_unref(*list);
	*list = copy;
}

static void merge(struct api_host_config *next, const struct api_host_config *wanted)
{
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (OF(wanted, numbers[i], const int64_t) != 0)
			OF(next, numbers[i], int64_t) = OF(wanted, numbers[i], const int64_t);
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		take_list(&OF(next, lists[i].list, GPtrArray *), OF(wanted, lists[i].list, GPtrArray *const),
			  lists[i].document);
	take_text(&next->cpuset_cpus, wanted->cpuset_cpus);
	take_text(&next->cpuset_mems, wanted->cpuset_mems);
	if (wanted->pids_limit != BERTH_UNSET)
		next->pids_limit = wanted->pids_limit;
	if (wanted->memory_swappiness != BERTH_UNSET)
		next->memory_swappiness = wanted->memory_swappiness;
	if (wanted->restart_policy && wanted->restart_policy->name && *wanted->restart_policy->name) {
		berth_document_free(&api_restart_policy_document, next->restart_policy);
		next->restart_policy = berth_document_copy(&api_restart_policy_document, wanted->restart_policy);
	}
}

static bool record(struct berth_engine *engine, struct berth_engine_container *container,
		   const struct api_host_config *host_config, bool tell, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {
		.host_config = berth_document_copy(&api_host_config_document, host_config),
		.events = events,
	};

	if (tell)
		berth_engine__event_add(events, container, "update", NULL);
	return berth_engine__change(engine, container, &change, error);
}

static bool set_kernel(struct berth_engine *engine, struct berth_engine_container *container,
		       const struct api_host_config *before, const struct api_host_config *now, GError **error)
{
	struct berth_abilities abilities;

	berth_abilities_load(&abilities);
	g_autoptr(oci_resources) resources = berth_spec_update(before, now, &abilities, error);
	berth_abilities_clear(&abilities);
	g_autoptr(berth_monitor) monitor = resources ? berth_engine__connect(engine, container, error) : NULL;
	if (!monitor)
		return false;
	g_autoptr(GError) failure = NULL;
	if (berth_monitor_update(monitor, resources, &failure))
		return true;
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "the container was started by an earlier version of Berth, whose monitor does "
				       "not change limits; start it anew");
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

// Limits that it has already are not written once more.
static bool differ(const struct api_host_config *before, const struct api_host_config *now)
{
	BERTH_AUTO_JSON json_t *old = berth_document_print(&api_host_config_document, before, 0);
	BERTH_AUTO_JSON json_t *new = berth_document_print(&api_host_config_document, now, 0);

	json_object_del(old, "RestartPolicy");
	json_object_del(new, "RestartPolicy");
	return !json_equal(old, new);
}

// One that waits for its next start does so by the new policy.
static bool apply_policy(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	const struct berth_container_record *now = container->record;

	return !berth_engine__status_is(container, BERTH_STATUS_RESTARTING) ||
	       berth_engine__restart_wanted(now->host_config->restart_policy, now->state) ||
	       berth_engine__cancel_restart(engine, container, error);
}

bool berth_engine__limits_set(struct berth_engine *engine, struct berth_engine_container *container,
			      const struct api_host_config *next, GError **error)
{
	g_autoptr(api_host_config) before =
		berth_document_copy(&api_host_config_document, container->record->host_config);

	if (!record(engine, container, next, true, error))
		return false;
	BERTH_FAILPOINT("container.update.recorded");
	bool changed = berth_engine__is_up(container) && differ(before, next);
	GError *failure = NULL;
	if (!changed || set_kernel(engine, container, before, next, &failure))
		return apply_policy(engine, container, error);
	// What it had written until then is taken back; the error is the first one.
	set_kernel(engine, container, next, before, NULL);
	record(engine, container, before, false, NULL);
	g_propagate_error(error, failure);
	return false;
}

struct api_host_config *berth_engine__limits_next(const struct berth_engine_container *container,
						  const struct api_host_config *wanted, char ***ret_warnings,
						  GError **error)
{
	const struct api_host_config *now = container->record->host_config;
	g_autoptr(api_host_config) next = berth_document_copy(&api_host_config_document, now);

	if (!check_conflicts(now, wanted, error))
		return NULL;
	merge(next, wanted);
	return berth_plan_limits(next, ret_warnings, error) ? g_steal_pointer(&next) : NULL;
}
