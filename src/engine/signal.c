// SPDX-License-Identifier: Apache-2.0
#include "engine/signal.h"

#include "base/error.h"

#include <signal.h>
#include <string.h>

#define FIRST_REALTIME 34 // as the kernel's ABI and Docker count, not as this libc reserves
#define LAST_SIGNAL 64

static int realtime(const char *name)
{
	guint64 offset = 0;

	if (g_ascii_strncasecmp(name, "RTMIN", 5) == 0) {
		if (name[5] == '\0')
			return FIRST_REALTIME;
		if (name[5] == '+' && g_ascii_string_to_unsigned(name + 6, 10, 0, 30, &offset, NULL))
			return FIRST_REALTIME + (int) offset;
	} else if (g_ascii_strncasecmp(name, "RTMAX", 5) == 0) {
		if (name[5] == '\0')
			return LAST_SIGNAL;
		if (name[5] == '-' && g_ascii_string_to_unsigned(name + 6, 10, 0, 30, &offset, NULL))
			return LAST_SIGNAL - (int) offset;
	}
	return 0;
}

int berth_signal_parse(const char *text, GError **error)
{
	static const struct {
		const char *name;
		int number;
	} aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}, {"IO", SIGIO}, {"UNUSED", SIGSYS}};
	const char *name = g_ascii_strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	guint64 number = 0;

	if (g_ascii_string_to_unsigned(text, 10, 1, LAST_SIGNAL, &number, NULL))
		return (int) number;
	for (int i = 1; i < 32; i++) {
		const char *known = sigabbrev_np(i);
		if (known && g_ascii_strcasecmp(known, name) == 0)
			return i;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (g_ascii_strcasecmp(aliases[i].name, name) == 0)
			return aliases[i].number;
	int found = realtime(name);
	if (found == 0)
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid signal: %s", text);
	return found;
}
