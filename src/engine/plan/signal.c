// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/signal.h"

#include "base/error.h"
#include "sys/process.h"

#include <signal.h>

int berth_signal_parse(const char *text, GError **error)
{
	static const struct {
		const char *name;
		int number;
	} aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}, {"IO", SIGIO}, {"UNUSED", SIGSYS}};
	const char *name = g_ascii_strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int number = berth_signal_number(text);

	for (size_t i = 0; number == 0 && i < G_N_ELEMENTS(aliases); i++)
		if (g_ascii_strcasecmp(aliases[i].name, name) == 0)
			number = aliases[i].number;
	if (number == 0)
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid signal: %s", text);
	return number;
}
