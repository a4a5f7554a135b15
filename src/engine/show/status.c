// SPDX-License-Identifier: Apache-2.0
// The texts of Docker's lists, word for word, since scripts read them.
#include "engine/internal.h"

#include <string.h>

char *berth_engine__duration_text(int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / 1000000000, minutes = seconds / 60;
	int64_t hours = (int64_t) ((double) nanoseconds / 3600e9 + 0.5); // rounded

	if (seconds < 1)
		return g_strdup("Less than a second");
	if (seconds == 1)
		return g_strdup("1 second");
	if (seconds < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " seconds", seconds);
	if (minutes == 1)
		return g_strdup("About a minute");
	if (minutes < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " minutes", minutes);
	if (hours == 1)
		return g_strdup("About an hour");
	if (hours < 48)
		return g_strdup_printf("%" G_GINT64_FORMAT " hours", hours);
	if (hours < 24 * 7 * 2)
		return g_strdup_printf("%" G_GINT64_FORMAT " days", hours / 24);
	if (hours < 24 * 30 * 2)
		return g_strdup_printf("%" G_GINT64_FORMAT " weeks", hours / 24 / 7);
	if (hours < 24 * 365 * 2)
		return g_strdup_printf("%" G_GINT64_FORMAT " months", hours / 24 / 30);
	return g_strdup_printf("%" G_GINT64_FORMAT " years", hours / 24 / 365);
}

char *berth_engine__status_text(const struct berth_container_state *state, const char *health, int64_t now)
{
	bool running = strcmp(state->status, BERTH_STATUS_RUNNING) == 0;
	bool paused = strcmp(state->status, BERTH_STATUS_PAUSED) == 0;
	bool restarting = strcmp(state->status, BERTH_STATUS_RESTARTING) == 0;
	g_autofree char *since =
		berth_engine__duration_text(now - (running || paused ? state->started_at : state->finished_at));

	if (running && health) {
		bool starting = strcmp(health, BERTH_HEALTH_STARTING) == 0;
		return g_strdup_printf("Up %s (%s%s)", since, starting ? "health: " : "", health);
	}
	if (running || paused)
		return g_strdup_printf("Up %s%s", since, paused ? " (Paused)" : "");
	if (restarting)
		return g_strdup_printf("Restarting (%" G_GINT64_FORMAT ") %s ago", state->exit_code, since);
	if (strcmp(state->status, BERTH_STATUS_REMOVING) == 0)
		return g_strdup("Removal In Progress");
	if (strcmp(state->status, BERTH_STATUS_DEAD) == 0)
		return g_strdup("Dead");
	if (state->started_at == 0)
		return g_strdup("Created");
	return g_strdup_printf("Exited (%" G_GINT64_FORMAT ") %s ago", state->exit_code, since);
}

int64_t berth_engine__status_until(const struct berth_container_state *state, int64_t now)
{
	static const int64_t second = 1000000000, minute = 60 * second, hour = 60 * minute;
	bool up = strcmp(state->status, BERTH_STATUS_RUNNING) == 0 || strcmp(state->status, BERTH_STATUS_PAUSED) == 0;
	bool restarting = strcmp(state->status, BERTH_STATUS_RESTARTING) == 0;
	int64_t since = up ? state->started_at : state->finished_at, age = now - since;

	if (strcmp(state->status, BERTH_STATUS_REMOVING) == 0 || strcmp(state->status, BERTH_STATUS_DEAD) == 0 ||
	    (!up && !restarting && state->started_at == 0))
		return G_MAXINT64; // its text has no time
	if (age < 0)
		return now + second; // the clock was set back
	int64_t step = age < minute ? second : age < hour ? minute : hour / 2; // hours are rounded
	return since + (age / step + 1) * step;
}

static void append_words(GString *text, char *const *words)
{
	for (; words && *words; words++) {
		// The first word is the program's path, which is never quoted.
		bool quoted = text->len > 0 && strchr(*words, ' ');
		g_string_append_printf(text, "%s%s%s%s", text->len > 0 ? " " : "", quoted ? "'" : "", *words,
				       quoted ? "'" : "");
	}
}

char *berth_engine__command_text(const struct api_container_config *config)
{
	GString *text = g_string_new(NULL);

	append_words(text, config->entrypoint);
	append_words(text, config->cmd);
	return g_string_free(text, FALSE);
}
