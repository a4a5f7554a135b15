// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/names.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>

static const char *const valid[] = {"a1", "web.1", "A_b-c", "0x", "ab"};
static const char *const invalid[] = {"",    "a",    ".ab", "-ab", "_ab",      "a b",    "a/b",
				      "/ab", "a\nb", "a:b", "a%b", "\xc3\xa4", "ab\x7f", "../ab"};

static void test_check(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(valid); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_true(berth_container_name_check(valid[i], &error));
		g_assert_no_error(error);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_container_name_check(invalid[i], &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
	}
}

static void test_length(void)
{
	g_autofree char *longest = g_strnfill(BERTH_LIMIT_CONTAINER_NAME, 'a');
	g_autofree char *longer = g_strnfill(BERTH_LIMIT_CONTAINER_NAME + 1, 'a');
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_container_name_check(longest, NULL));
	g_assert_false(berth_container_name_check(longer, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

static void test_make(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (unsigned attempt = 0; attempt < 200; attempt++) {
		char *name = berth_container_name_make(attempt);
		g_assert_true(berth_container_name_check(name, NULL));
		g_assert_nonnull(strchr(name, '_'));
		g_assert_true((attempt > 0) == g_ascii_isdigit(name[strlen(name) - 1]));
		g_hash_table_add(seen, name);
	}
	g_assert_cmpuint(g_hash_table_size(seen), >, 150);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/names/check", test_check);
	g_test_add_func("/names/length", test_length);
	g_test_add_func("/names/make", test_make);
	return g_test_run();
}
