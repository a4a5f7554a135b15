// SPDX-License-Identifier: Apache-2.0
// Docker's rules of health.
#include "spec/health.h"

// Each letter is a result: 0 well, 1 ill, s ill within the start period.
static void test_rules(void)
{
	static const struct {
		const char *results, *status;
		int64_t streak;
	} cases[] = {
		{"", BERTH_HEALTH_STARTING, 0},
		{"11", BERTH_HEALTH_STARTING, 2},
		{"111", BERTH_HEALTH_UNHEALTHY, 3},
		{"sssss", BERTH_HEALTH_STARTING, 0},
		{"sssss111", BERTH_HEALTH_UNHEALTHY, 3},
		{"0", BERTH_HEALTH_HEALTHY, 0},
		{"011", BERTH_HEALTH_HEALTHY, 2},
		{"0sss", BERTH_HEALTH_UNHEALTHY, 3}, // once it was well the start period is over
		{"1110", BERTH_HEALTH_HEALTHY, 0},
		{"11101", BERTH_HEALTH_HEALTHY, 1},
		{"1111s", BERTH_HEALTH_UNHEALTHY, 5},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(berth_health) health = berth_health_new();
		guint count = 0;
		for (const char *result = cases[i].results; *result; result++, count++) {
			struct berth_health_result *added = berth_document_new(&berth_health_result_document);
			added->start = count;
			added->exit_code = *result != '0';
			berth_health_add(health, added, 3, *result == 's');
		}
		g_test_message("%s", cases[i].results);
		g_assert_cmpstr(health->status, ==, cases[i].status);
		g_assert_cmpint(health->failing_streak, ==, cases[i].streak);
		g_assert_cmpuint(health->log->len, ==, MIN(count, BERTH_HEALTH_LOG));
		if (count > 0)
			g_assert_cmpint(
				((struct berth_health_result *) health->log->pdata[health->log->len - 1])->start, ==,
				count - 1);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/health/rules", test_rules);
	return g_test_run();
}
