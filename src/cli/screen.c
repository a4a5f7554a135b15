// SPDX-License-Identifier: Apache-2.0
#include "cli/screen.h"

#include "cli/units.h"

#include <string.h>

#define DRAW_INTERVAL 80000 // microseconds between two drawings that only counts make necessary
#define RATE_INTERVAL 300000 // microseconds over which a rate is taken
#define BAR_WIDTH 30
#define BAR_MIN 8
#define NUMBERS_WIDTH 46 // of bytes, rate and time left at their longest, and of what frames the bar
#define STATUS_WIDTH 18 // of "Verifying Checksum"
#define HEAD_WIDTH (14 + STATUS_WIDTH) // of an id of twelve digits, and the status

// Bytes per second: half of it is what the last interval gave.
struct meter {
	int64_t time, bytes;
	double rate;
};

struct entry {
	char *id, *status;
	int64_t current, total; // of the state
	int64_t moved, size; // of the transfer, as far as it is known
	bool transfers; // its bytes go over the network now
	bool done; // nothing more comes of it
	struct meter meter;
};

struct berth_screen {
	struct berth_screen_options options;
	GPtrArray *entries; // of struct entry
	GArray *widths; // of the lines drawn, by which they are found again when the terminal's width has changed
	int64_t drawn; // when
	struct meter meter;
};

static void entry_free(void *data)
{
	struct entry *entry = data;

	g_free(entry->id);
	g_free(entry->status);
	g_free(entry);
}

struct berth_screen *berth_screen_new(const struct berth_screen_options *options)
{
	struct berth_screen *screen = g_new0(struct berth_screen, 1);

	screen->options = *options;
	screen->entries = g_ptr_array_new_with_free_func(entry_free);
	screen->widths = g_array_new(FALSE, FALSE, sizeof(unsigned));
	return screen;
}

static void measure(struct meter *meter, int64_t now, int64_t bytes)
{
	if (meter->time == 0 || bytes < meter->bytes) {
		*meter = (struct meter){now, bytes, 0};
	} else if (now - meter->time >= RATE_INTERVAL) {
		double rate = (double) (bytes - meter->bytes) * 1e6 / (double) (now - meter->time);
		*meter = (struct meter){now, bytes, meter->rate > 0 ? (meter->rate + rate) / 2 : rate};
	}
}

// Lines

static bool is_transfer(const char *status)
{
	return strcmp(status, "Downloading") == 0 || strcmp(status, "Pushing") == 0;
}

static bool is_done(const char *status)
{
	static const char *const done[] = {"Pull complete", "Already exists", "Pushed", "Layer already exists", NULL};

	return g_strv_contains(done, status) || g_str_has_prefix(status, "Mounted from");
}

// "5s", "1m20s", "2h05m"
static char *duration_format(int64_t seconds)
{
	if (seconds < 60)
		return g_strdup_printf("%ds", (int) seconds);
	if (seconds < 3600)
		return g_strdup_printf("%dm%02ds", (int) (seconds / 60), (int) (seconds % 60));
	return g_strdup_printf("%dh%02dm", (int) MIN(seconds / 3600, 999), (int) (seconds / 60 % 60));
}

static void append_counts(GString *line, int64_t current, int64_t total, unsigned columns)
{
	g_autofree char *have = berth_size_format(current, false), *whole = berth_size_format(total, false);

	if (total <= 0) {
		g_string_append_printf(line, " %8s", have);
		return;
	}
	int width = MIN(BAR_WIDTH, (int) columns - (int) line->len - NUMBERS_WIDTH);
	int done = (int) ((double) MIN(current, total) / (double) total * MAX(width, 0));
	if (width >= BAR_MIN)
		g_string_append_printf(line, " [%.*s>%*s]", done, "==============================", width - done, "");
	g_string_append_printf(line, " %8s/%s", have, whole);
}

static void append_rate(GString *line, const struct meter *meter, int64_t left)
{
	if (meter->rate < 1)
		return;
	g_autofree char *speed = berth_size_format((int64_t) meter->rate, false);
	g_autofree char *time = duration_format((int64_t) ((double) left / meter->rate + 0.5));
	g_string_append_printf(line, "  %s/s  %s left", speed, time);
}

static char *entry_line(const struct entry *entry, unsigned columns)
{
	GString *line = g_string_new(NULL);

	g_string_append_printf(line, "%s: %s", entry->id, entry->status);
	if (!entry->done && (entry->current > 0 || entry->total > 0)) {
		while (line->len < HEAD_WIDTH)
			g_string_append_c(line, ' ');
		append_counts(line, entry->current, entry->total, columns);
		if (entry->transfers && entry->total > 0)
			append_rate(line, &entry->meter, MAX(0, entry->total - entry->current));
	}
	return g_string_free(line, FALSE);
}

static char *total_line(struct berth_screen *screen, unsigned columns)
{
	GString *line = g_string_new(NULL);
	int64_t moved = 0, size = 0;
	guint done = 0;

	for (guint i = 0; i < screen->entries->len; i++) {
		const struct entry *entry = screen->entries->pdata[i];
		moved += entry->moved;
		size += entry->size;
		done += entry->done;
	}
	measure(&screen->meter, screen->options.now(screen->options.data), moved);
	g_string_append_printf(line, "Total: %u of %u done", done, screen->entries->len);
	if (size > 0) {
		while (line->len < HEAD_WIDTH)
			g_string_append_c(line, ' ');
		append_counts(line, moved, size, columns);
	}
	if (size > moved)
		append_rate(line, &screen->meter, size - moved);
	return g_string_free(line, FALSE);
}

// The block

// Goes up to the block's first line. Since it was drawn the terminal may have become narrower: its lines are wrapped.
static void rewind_block(struct berth_screen *screen, unsigned columns)
{
	unsigned up = 0;

	for (guint i = 0; i < screen->widths->len; i++) {
		unsigned width = g_array_index(screen->widths, unsigned, i);
		up += width == 0 ? 1 : (width + columns - 1) / columns;
	}
	if (up > 0)
		fprintf(screen->options.out, "\033[%uA", up);
	fprintf(screen->options.out, "\r\033[J");
	g_array_set_size(screen->widths, 0);
}

static void draw_line(struct berth_screen *screen, const char *line, unsigned columns)
{
	unsigned width = MIN((unsigned) strlen(line), columns - 1);

	fprintf(screen->options.out, "%.*s\n", (int) width, line);
	g_array_append_val(screen->widths, width);
}

// Which entries are shown when there are more than lines: those at work first, then those to come, then the done.
static guint choose(const struct berth_screen *screen, guint room, bool *shown)
{
	guint count = 0;

	for (int pass = 0; pass < 3; pass++) {
		for (guint i = 0; i < screen->entries->len && count < room; i++) {
			const struct entry *entry = screen->entries->pdata[i];
			bool at_work = !entry->done && entry->current > 0;
			if (!shown[i] && (pass == 0 ? at_work : pass == 1 ? !entry->done : true)) {
				shown[i] = true;
				count++;
			}
		}
	}
	return count;
}

static void draw(struct berth_screen *screen)
{
	unsigned rows = 0, columns = 0;
	guint total = screen->entries->len;

	screen->options.size(screen->options.data, &rows, &columns);
	rows = MAX(rows, 3);
	columns = MAX(columns, 20);
	rewind_block(screen, columns);
	// One line is the cursor's, one the total's.
	guint room = rows - 2;
	g_autofree bool *shown = g_new0(bool, total + 1);
	choose(screen, room, shown);
	for (guint i = 0; i < total; i++) {
		if (!shown[i])
			continue;
		g_autofree char *line = entry_line(screen->entries->pdata[i], columns);
		draw_line(screen, line, columns);
	}
	if (total > 1) {
		g_autofree char *line = total_line(screen, columns);
		draw_line(screen, line, columns);
	}
	fflush(screen->options.out);
	screen->drawn = screen->options.now(screen->options.data);
}

static struct entry *find(struct berth_screen *screen, const char *id)
{
	for (guint i = 0; i < screen->entries->len; i++) {
		struct entry *entry = screen->entries->pdata[i];
		if (strcmp(entry->id, id) == 0)
			return entry;
	}
	struct entry *entry = g_new0(struct entry, 1);
	entry->id = g_strdup(id);
	g_ptr_array_add(screen->entries, entry);
	return entry;
}

void berth_screen_set(struct berth_screen *screen, const char *id, const char *status, int64_t current, int64_t total)
{
	struct entry *entry = find(screen, id);
	bool new_state = g_strcmp0(entry->status, status) != 0;
	int64_t now = screen->options.now(screen->options.data);

	if (new_state) {
		g_free(entry->status);
		entry->status = g_strdup(status);
		entry->transfers = is_transfer(status);
		entry->done = is_done(status);
		entry->meter = (struct meter){0};
	}
	entry->current = current;
	entry->total = total;
	if (entry->transfers) {
		entry->moved = current;
		entry->size = MAX(total, current);
		measure(&entry->meter, now, current);
	} else if (entry->size > 0) {
		entry->moved = entry->size;
	}
	if (now - screen->drawn >= DRAW_INTERVAL || (new_state && entry->done))
		draw(screen);
}

void berth_screen_settle(struct berth_screen *screen)
{
	draw(screen);
	g_array_set_size(screen->widths, 0);
	g_ptr_array_set_size(screen->entries, 0);
	screen->meter = (struct meter){0};
}

static bool all_done(const struct berth_screen *screen)
{
	for (guint i = 0; i < screen->entries->len; i++)
		if (!((const struct entry *) screen->entries->pdata[i])->done)
			return false;
	return screen->entries->len > 0;
}

void berth_screen_say(struct berth_screen *screen, const char *line)
{
	unsigned rows, columns = 0;

	if (all_done(screen))
		berth_screen_settle(screen);
	screen->options.size(screen->options.data, &rows, &columns);
	rewind_block(screen, MAX(columns, 20));
	fprintf(screen->options.out, "%s\n", line);
	draw(screen);
}

void berth_screen_free(struct berth_screen *screen)
{
	draw(screen);
	g_ptr_array_unref(screen->entries);
	g_array_unref(screen->widths);
	g_free(screen);
}
