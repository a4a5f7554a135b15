// SPDX-License-Identifier: Apache-2.0
// Health checks: the request's, filled up from the image's, and what its monitor is told of it.
#include "engine/plan/plan-internal.h"

#include "base/error.h"

#include <string.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define SHORTEST G_GINT64_CONSTANT(1000000) // 1 ms
#define DEFAULT_INTERVAL (30 * SECOND)
#define DEFAULT_TIMEOUT (30 * SECOND)
#define DEFAULT_START_INTERVAL (5 * SECOND)
#define DEFAULT_RETRIES 3

static struct api_healthcheck *copy_image(const struct oci_healthcheck *image)
{
	struct api_healthcheck *check = berth_document_new(&api_healthcheck_document);

	*check = (struct api_healthcheck){
		.test = g_strdupv(image->test),
		.interval = image->interval,
		.timeout = image->timeout,
		.start_period = image->start_period,
		.start_interval = image->start_interval,
		.retries = image->retries,
	};
	return check;
}

static void fill(int64_t *own, int64_t image)
{
	if (*own == 0)
		*own = image;
}

static void merge(struct api_container_config *config, const struct oci_healthcheck *image)
{
	struct api_healthcheck *own = config->healthcheck;

	if (!image)
		return;
	if (!own) {
		config->healthcheck = copy_image(image);
		return;
	}
	if (!own->test || !own->test[0]) {
		g_strfreev(own->test);
		own->test = g_strdupv(image->test);
	}
	fill(&own->interval, image->interval);
	fill(&own->timeout, image->timeout);
	fill(&own->start_period, image->start_period);
	fill(&own->start_interval, image->start_interval);
	fill(&own->retries, image->retries);
}

static bool check_duration(const char *name, int64_t nanoseconds, GError **error)
{
	return nanoseconds == 0 || nanoseconds >= SHORTEST ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "%s in Healthcheck cannot be less than 1ms", name);
}

static bool check_test(char *const *test, GError **error)
{
	bool command = g_str_equal(test[0], "CMD"), shell = g_str_equal(test[0], "CMD-SHELL");

	if (g_str_equal(test[0], "NONE"))
		return true;
	if (!command && !shell)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unknown health check '%s': Test begins with CMD, CMD-SHELL or NONE", test[0]);
	if (!test[1] || !*test[1] || (shell && test[2]))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid health check: %s",
				       shell ? "CMD-SHELL is followed by one command line"
					     : "CMD is followed by a command");
	return true;
}

bool berth_plan_healthcheck(struct berth_plan *plan, const struct oci_healthcheck *image, GError **error)
{
	merge(plan->config, image);
	const struct api_healthcheck *check = plan->config->healthcheck;
	if (!check)
		return true;
	if (!check_duration("Interval", check->interval, error) || !check_duration("Timeout", check->timeout, error) ||
	    !check_duration("StartPeriod", check->start_period, error) ||
	    !check_duration("StartInterval", check->start_interval, error))
		return false;
	if (check->retries < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Retries in Healthcheck cannot be negative");
	if (check->test && check->test[0])
		return check_test(check->test, error);
	if (check->interval || check->timeout || check->start_period || check->start_interval || check->retries)
		berth_plan_warn(plan, "The health options have no effect: neither they nor the image have a command "
				      "that checks the container's health.");
	return true;
}

bool berth_plan_is_checked(const struct api_container_config *config)
{
	char *const *test = config->healthcheck ? config->healthcheck->test : NULL;

	return test && test[0] && !g_str_equal(test[0], "NONE");
}

static char **probe_of(const struct api_container_config *config)
{
	static const char *const plain[] = {"/bin/sh", "-c", NULL};
	char *const *test = config->healthcheck->test;
	g_autoptr(GStrvBuilder) args = g_strv_builder_new();

	if (g_str_equal(test[0], "CMD-SHELL"))
		g_strv_builder_addv(args, config->shell && config->shell[0] ? (const char **) config->shell
									    : (const char **) plain);
	g_strv_builder_addv(args, (const char **) test + 1);
	return g_strv_builder_end(args);
}

struct berth_health_check *berth_plan_health(const struct api_container_config *config)
{
	const struct api_healthcheck *check = config->healthcheck;

	if (!berth_plan_is_checked(config))
		return NULL;
	struct berth_health_check *health = berth_document_new(&berth_health_check_document);
	*health = (struct berth_health_check){
		.args = probe_of(config),
		.interval = check->interval ? check->interval : DEFAULT_INTERVAL,
		.timeout = check->timeout ? check->timeout : DEFAULT_TIMEOUT,
		.start_period = check->start_period,
		.start_interval = check->start_interval ? check->start_interval : DEFAULT_START_INTERVAL,
		.retries = check->retries ? check->retries : DEFAULT_RETRIES,
	};
	return health;
}
