// SPDX-License-Identifier: Apache-2.0
#include "sys/capability.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(n) (UINT64_C(1) << (n))

enum { CHOWN = 0, KILL = 5, NET_ADMIN = 12, NET_RAW = 13, SYS_CHROOT = 18 };

static void test_names(void)
{
	g_assert_cmpint(berth_capability_number("CAP_CHOWN"), ==, 0);
	g_assert_cmpint(berth_capability_number("net_admin"), ==, NET_ADMIN);
	g_assert_cmpint(berth_capability_number("cap_Checkpoint_Restore"), ==, 40);
	g_assert_cmpint(berth_capability_number("CAP_"), ==, -1);
	g_assert_cmpint(berth_capability_number(""), ==, -1);
	g_assert_cmpint(berth_capability_number("CAP_CAP_CHOWN"), ==, -1);
	g_assert_cmpstr(berth_capability_name(21), ==, "CAP_SYS_ADMIN");
	g_assert_null(berth_capability_name(41));
	g_assert_null(berth_capability_name(-1));
	for (int i = 0; berth_capability_name(i); i++)
		g_assert_cmpint(berth_capability_number(berth_capability_name(i)), ==, i);
}

static void test_last(void)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/cap_last_cap", &text, NULL, NULL)) {
		g_test_skip("/proc is not mounted");
		return;
	}
	g_assert_cmpint(berth_capability_last(), ==, atoi(text));
}

// The set of /proc/self/status' line.
static uint64_t read_set(const char *line)
{
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
	const char *at = strstr(text, line);
	g_assert_nonnull(at);
	return g_ascii_strtoull(at + strlen(line), NULL, 16);
}

static void child(void)
{
	g_autoptr(GError) error = NULL;
	uint64_t has = read_set("CapPrm:\t"), missing = 0;
	struct berth_capabilities wanted = {
		.bounding = BIT(CHOWN) | BIT(KILL) | BIT(NET_RAW),
		.permitted = BIT(CHOWN) | BIT(KILL) | BIT(NET_RAW) | BIT(60),
		.effective = BIT(CHOWN) | BIT(KILL),
		.inheritable = BIT(NET_RAW),
		.ambient = BIT(NET_RAW) | BIT(CHOWN),
	};
	berth_capabilities_bound(&wanted, &error);
	g_assert_no_error(error);
	g_assert_cmphex(read_set("CapBnd:\t"), ==, wanted.bounding & has);
	berth_capabilities_bound(&wanted, &error); // nothing left to drop
	g_assert_no_error(error);

	berth_capabilities_apply(&wanted, &missing, &error);
	g_assert_no_error(error);
	g_assert_cmphex(read_set("CapPrm:\t"), ==, BIT(CHOWN) | BIT(KILL) | BIT(NET_RAW));
	g_assert_cmphex(read_set("CapEff:\t"), ==, BIT(CHOWN) | BIT(KILL));
	g_assert_cmphex(read_set("CapInh:\t"), ==, BIT(NET_RAW));
	g_assert_cmphex(read_set("CapAmb:\t"), ==, BIT(NET_RAW));
	g_assert_cmphex(missing, ==, BIT(60)); // unknown. Nobody can give what is ambient and not inheritable: not told

	// What is gone stays gone, and is told.
	struct berth_capabilities more = {.permitted = BIT(NET_ADMIN) | BIT(KILL), .inheritable = BIT(SYS_CHROOT)};
	berth_capabilities_apply(&more, &missing, &error);
	g_assert_no_error(error);
	g_assert_cmphex(read_set("CapPrm:\t"), ==, BIT(KILL));
	g_assert_cmphex(read_set("CapAmb:\t"), ==, 0);
	g_assert_cmphex(missing, ==, BIT(NET_ADMIN) | BIT(SYS_CHROOT));

	// Without CAP_SETPCAP the bounding set cannot shrink further.
	struct berth_capabilities none = {0};
	g_assert_false(berth_capabilities_bound(&none, &error));
	g_assert_nonnull(strstr(error->message, "CAP_CHOWN"));
}

static void test_sets(void)
{
	if (g_test_subprocess()) {
		child();
		return;
	}
	if (geteuid() != 0) {
		g_test_skip("needs root");
		return;
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/capability/names", test_names);
	g_test_add_func("/capability/last", test_last);
	g_test_add_func("/capability/sets", test_sets);
	return g_test_run();
}
