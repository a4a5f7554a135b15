// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/signal.h"

#include "base/error.h"

#include <signal.h>

static const struct {
	const char *text;
	int number; // 0: invalid
} table[] = {
	{"SIGTERM", SIGTERM},
	{"TERM", SIGTERM},
	{"term", SIGTERM},
	{"sigterm", SIGTERM},
	{"15", 15},
	{"KILL", SIGKILL},
	{"1", 1},
	{"64", 64},
	{"HUP", SIGHUP},
	{"SIGWINCH", SIGWINCH},
	{"CLD", SIGCHLD},
	{"IOT", SIGABRT},
	{"POLL", SIGPOLL},
	{"IO", SIGIO},
	{"UNUSED", SIGSYS},
	{"RTMIN", 34},
	{"SIGRTMIN+3", 37},
	{"rtmin+30", 64},
	{"RTMAX", 64},
	{"SIGRTMAX-1", 63},
	{"RTMAX-30", 34},
	{"0", 0},
	{"65", 0},
	{"-1", 0},
	{"", 0},
	{"SIG", 0},
	{"SIGSIGTERM", 0},
	{"RTMIN+31", 0},
	{"RTMAX-31", 0},
	{"RTMIN-1", 0},
	{"RTMIN+", 0},
	{"NOSUCH", 0},
	{"9 ", 0},
	{"0x9", 0},
	{"99999999999999999999", 0},
	{"SIG15", 0},
};

static void test_table(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("signal %s", table[i].text);
		g_assert_cmpint(berth_signal_parse(table[i].text, &error), ==, table[i].number);
		if (table[i].number) {
			g_assert_no_error(error);
			continue;
		}
		g_autofree char *message = g_strconcat("invalid signal: ", table[i].text, NULL);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_cmpstr(error->message, ==, message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/signal/table", test_table);
	return g_test_run();
}
