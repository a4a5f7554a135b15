// SPDX-License-Identifier: Apache-2.0
// The health of a container as its monitor keeps it and as the engine's records have it. Moments are nanoseconds since
// 1970, durations nanoseconds.
#pragma once

#include "base/document.h"

#define BERTH_HEALTH_STARTING "starting"
#define BERTH_HEALTH_HEALTHY "healthy"
#define BERTH_HEALTH_UNHEALTHY "unhealthy"

// How it is found out.
struct berth_health_check {
	char **args; // of the probe
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries; // failures in a row that make it unhealthy
};
extern const struct berth_document berth_health_check_document;

struct berth_health_result {
	int64_t start, end;
	int64_t exit_code; // -1: it took too long, or could not be executed
	char *output;
};
extern const struct berth_document berth_health_result_document;

struct berth_health {
	char *status;
	int64_t failing_streak;
	GPtrArray *log; // of struct berth_health_result: the last ones, oldest first
};
extern const struct berth_document berth_health_document;

BERTH_DOCUMENT_AUTOPTR(berth_health_check, berth_health_check_document)
BERTH_DOCUMENT_AUTOPTR(berth_health_result, berth_health_result_document)
BERTH_DOCUMENT_AUTOPTR(berth_health, berth_health_document)

#define BERTH_HEALTH_LOG 5 // results that are kept

struct berth_health *berth_health_new(void); // starting
// Docker's rules: takes the result into account. `starting_up`: the probe began within the start period.
void berth_health_add(struct berth_health *health, struct berth_health_result *result, int64_t retries,
		      bool starting_up); // takes the result
