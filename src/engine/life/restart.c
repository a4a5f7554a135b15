// SPDX-License-Identifier: Apache-2.0
// Docker's restart policies, and Berth's own on-unhealthy: when a container that ended is started again, and after how
// long.
#include "engine/internal.h"

static bool is(const struct api_restart_policy *policy, const char *name)
{
	return policy && g_strcmp0(policy->name, name) == 0;
}

static bool is_left(const struct api_restart_policy *policy, const struct berth_container_state *state)
{
	return policy->maximum_retry_count == 0 || state->restart_count < policy->maximum_retry_count;
}

bool berth_engine__restart_wanted(const struct api_restart_policy *policy, const struct berth_container_state *state)
{
	if (state->manually_stopped)
		return false;
	if (is(policy, "always") || is(policy, "unless-stopped"))
		return true;
	return (is(policy, "on-failure") || is(policy, "on-unhealthy")) && state->exit_code != 0 &&
	       is_left(policy, state);
}

bool berth_engine__restart_unhealthy(const struct api_restart_policy *policy, const struct berth_container_state *state)
{
	return is(policy, "on-unhealthy") && !state->manually_stopped && is_left(policy, state);
}

// One that waited for its next start goes on; else "always" overrules even a stop on request.
bool berth_engine__restart_at_boot(const struct api_restart_policy *policy, const struct berth_container_state *state)
{
	if (g_strcmp0(state->status, BERTH_STATUS_RESTARTING) == 0)
		return true;
	if (g_strcmp0(state->status, BERTH_STATUS_EXITED) != 0 || !state->started_before)
		return false;
	return is(policy, "always") || (is(policy, "unless-stopped") && !state->manually_stopped);
}

int64_t berth_engine__restart_delay(int64_t last, int64_t ran)
{
	if (last == 0 || ran >= BERTH_RESTART_STEADY)
		return BERTH_RESTART_FIRST_DELAY;
	return MIN(last * 2, BERTH_RESTART_LONGEST_DELAY);
}
