// SPDX-License-Identifier: Apache-2.0
#include "spec/health.h"

#include <string.h>

#define CHECK struct berth_health_check
static const struct berth_field check_fields[] = {
	BERTH_STRINGS(CHECK, args, "args", BERTH_REQUIRED),
	BERTH_INT64(CHECK, interval, "interval", BERTH_REQUIRED),
	BERTH_INT64(CHECK, timeout, "timeout", BERTH_REQUIRED),
	BERTH_INT64(CHECK, start_period, "startPeriod", BERTH_OMIT_EMPTY),
	BERTH_INT64(CHECK, start_interval, "startInterval", BERTH_OMIT_EMPTY),
	BERTH_INT64(CHECK, retries, "retries", BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_health_check_document = {"health check", sizeof(CHECK), check_fields};

#define RESULT struct berth_health_result
static const struct berth_field result_fields[] = {
	BERTH_INT64(RESULT, start, "start", 0),
	BERTH_INT64(RESULT, end, "end", 0),
	BERTH_INT64(RESULT, exit_code, "exitCode", 0),
	BERTH_STRING(RESULT, output, "output", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_health_result_document = {"result of a health check", sizeof(RESULT), result_fields};

#define HEALTH struct berth_health
static const struct berth_field health_fields[] = {
	BERTH_STRING(HEALTH, status, "status", BERTH_REQUIRED),
	BERTH_INT64(HEALTH, failing_streak, "failingStreak", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(HEALTH, log, "log", &berth_health_result_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_health_document = {"health", sizeof(HEALTH), health_fields};

static void set_status(struct berth_health *health, const char *status)
{
	g_free(health->status);
	health->status = g_strdup(status);
}

struct berth_health *berth_health_new(void)
{
	struct berth_health *health = berth_document_new(&berth_health_document);

	set_status(health, BERTH_HEALTH_STARTING);
	health->log = berth_objects_new();
	return health;
}

void berth_health_add(struct berth_health *health, struct berth_health_result *result, int64_t retries,
		      bool starting_up)
{
	if (!health->log)
		health->log = berth_objects_new();
	g_ptr_array_add(health->log, result);
	if (health->log->len > BERTH_HEALTH_LOG)
		berth_health_result_free(g_ptr_array_steal_index(health->log, 0));
	if (result->exit_code == 0) {
		health->failing_streak = 0;
		set_status(health, BERTH_HEALTH_HEALTHY);
	} else if (!starting_up || strcmp(health->status, BERTH_HEALTH_STARTING) != 0) {
		if (++health->failing_streak >= retries)
			set_status(health, BERTH_HEALTH_UNHEALTHY);
	}
}
