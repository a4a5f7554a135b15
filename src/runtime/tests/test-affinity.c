// SPDX-License-Identifier: Apache-2.0
#include "runtime/setup.h"

#include "base/error.h"

static bool is_list(const char *initial, const char *final)
{
	const struct oci_cpu_affinity affinity = {(char *) initial, (char *) final};
	g_autoptr(GError) error = NULL;

	if (berth_affinity_check(&affinity, &error))
		return true;
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(g_strstr_len(error->message, -1, "process.execCPUAffinity"));
	return false;
}

static void test_lists(void)
{
	static const char *const good[] = {"0", "0-3", "0-3,7", "7,0", "1023", "5-5", "0,0", ""};
	static const char *const bad[] = {
		",", "0,", "-1", "3-2", "a", "0-", "0x1", " 0", "0 ", "1024", "0-1024", "0--1", "18446744073709551616"};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(is_list(good[i], NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(is_list(bad[i], NULL));
		g_assert_false(is_list("0", bad[i]));
	}
	g_assert_true(is_list(NULL, NULL));
	g_assert_true(berth_affinity_check(NULL, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/affinity/lists", test_lists);
	return g_test_run();
}
