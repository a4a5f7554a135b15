// SPDX-License-Identifier: Apache-2.0
// The lines of a progress, on a terminal that the test plays: what scrolls out of it can never be renewed.
#include "cli/screen.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 50
#define MAX_COLUMNS 200

// As much of a terminal as is needed: text that wraps, \r, \n, up, and the clearing of what is below.
struct terminal {
	unsigned rows, columns, row, column;
	char cells[MAX_ROWS][MAX_COLUMNS + 1];
	GPtrArray *gone; // lines that scrolled out
	int64_t now;
	FILE *out;
	char *text;
	size_t length;
};

static void size(void *data, unsigned *ret_rows, unsigned *ret_columns)
{
	const struct terminal *terminal = data;

	*ret_rows = terminal->rows;
	*ret_columns = terminal->columns;
}

static int64_t now(void *data)
{
	return ((const struct terminal *) data)->now;
}

static void start(struct terminal *terminal, unsigned rows, unsigned columns)
{
	memset(terminal, 0, sizeof *terminal);
	terminal->rows = rows;
	terminal->columns = columns;
	terminal->now = 1000000;
	terminal->gone = g_ptr_array_new_with_free_func(g_free);
	terminal->out = open_memstream(&terminal->text, &terminal->length);
}

static void stop(struct terminal *terminal)
{
	fclose(terminal->out);
	free(terminal->text);
	g_ptr_array_unref(terminal->gone);
}

static void line_feed(struct terminal *terminal)
{
	terminal->column = 0;
	if (++terminal->row < terminal->rows)
		return;
	g_ptr_array_add(terminal->gone, g_strdup(terminal->cells[0]));
	memmove(terminal->cells[0], terminal->cells[1], sizeof terminal->cells[0] * (MAX_ROWS - 1));
	terminal->row--;
	memset(terminal->cells[terminal->row], 0, sizeof terminal->cells[0]);
}

static void control(struct terminal *terminal, char kind, unsigned count)
{
	if (kind == 'A') {
		g_assert_cmpuint(count, <=, terminal->row); // beyond it nothing can be renewed
		terminal->row -= count;
	} else {
		g_assert_cmpint(kind, ==, 'J');
		memset(terminal->cells[terminal->row] + terminal->column, 0, MAX_COLUMNS - terminal->column);
		for (unsigned i = terminal->row + 1; i < MAX_ROWS; i++)
			memset(terminal->cells[i], 0, sizeof terminal->cells[0]);
	}
}

// Shows what was written since the last time.
static void show(struct terminal *terminal)
{
	fflush(terminal->out);
	for (const char *at = terminal->text; at < terminal->text + terminal->length; at++) {
		if (*at == '\n') {
			line_feed(terminal);
		} else if (*at == '\r') {
			terminal->column = 0;
		} else if (*at == '\033') {
			char *end;
			unsigned long count = strtoul(at + 2, &end, 10);
			control(terminal, *end, (unsigned) count);
			at = end;
		} else {
			if (terminal->column == terminal->columns)
				line_feed(terminal);
			terminal->cells[terminal->row][terminal->column++] = *at;
		}
	}
	rewind(terminal->out);
	fflush(terminal->out);
	terminal->length = 0;
}

static struct berth_screen *open_screen(struct terminal *terminal)
{
	return berth_screen_new(&(struct berth_screen_options){terminal->out, size, now, terminal});
}

static void test_lines(void)
{
	struct terminal terminal;

	start(&terminal, 24, 100);
	struct berth_screen *screen = open_screen(&terminal);
	berth_screen_say(screen, "1: Pulling from test/image");
	for (int i = 0; i <= 20; i++) {
		terminal.now += 100000;
		berth_screen_set(screen, "aaaaaaaaaaaa", "Downloading", i * 1000000, 40000000);
		berth_screen_set(screen, "bbbbbbbbbbbb", "Waiting", 0, 0);
		show(&terminal);
	}
	g_assert_cmpstr(terminal.cells[0], ==, "1: Pulling from test/image");
	g_assert_cmpstr(terminal.cells[1], ==,
			"aaaaaaaaaaaa: Downloading        [===========>           ]     20MB/40MB  10MB/s  2s left");
	g_assert_cmpstr(terminal.cells[2], ==, "bbbbbbbbbbbb: Waiting");
	g_assert_true(g_str_has_prefix(terminal.cells[3], "Total: 0 of 2 done"));
	g_assert_nonnull(strstr(terminal.cells[3], "20MB/40MB"));
	berth_screen_set(screen, "aaaaaaaaaaaa", "Pull complete", 0, 0);
	berth_screen_say(screen, "Digest: sha256:0");
	berth_screen_free(screen);
	show(&terminal);
	g_assert_cmpstr(terminal.cells[1], ==, "Digest: sha256:0");
	g_assert_cmpstr(terminal.cells[2], ==, "aaaaaaaaaaaa: Pull complete");
	g_assert_cmpstr(terminal.cells[4], ==,
			"Total: 1 of 2 done               [======================>]     40MB/40MB");
	g_assert_cmpstr(terminal.cells[5], ==, "");
	stop(&terminal);
}

// The longest numbers are shown whole, at the bar's cost.
static void test_long_numbers(void)
{
	struct terminal terminal;

	for (unsigned columns = 80; columns <= 120; columns++) {
		start(&terminal, 24, columns);
		struct berth_screen *screen = open_screen(&terminal);
		for (int i = 0; i <= 10; i++) {
			terminal.now += 1000000;
			berth_screen_set(screen, "aaaaaaaaaaaa", "Downloading", 100112000 + i * 123456, 987654321);
			show(&terminal);
		}
		g_assert_true(g_str_has_suffix(terminal.cells[0], " 101.3MB/987.7MB  123.5kB/s  1h59m left"));
		berth_screen_free(screen);
		show(&terminal);
		stop(&terminal);
	}
}

// More layers than the terminal has lines: nothing scrolls, and those at work are shown.
static void test_height(void)
{
	struct terminal terminal;

	start(&terminal, 8, 80);
	struct berth_screen *screen = open_screen(&terminal);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 40; i++) {
			g_autofree char *id = g_strdup_printf("layer-%02d", i);
			terminal.now += 50000;
			if (i >= 30)
				berth_screen_set(screen, id, "Downloading", round + 1, 100);
			else
				berth_screen_set(screen, id, round == 0 ? "Waiting" : "Pull complete", 0, 0);
			show(&terminal);
		}
	}
	g_assert_cmpuint(terminal.gone->len, ==, 0);
	g_assert_true(g_str_has_prefix(terminal.cells[0], "layer-30: Downloading"));
	g_assert_true(g_str_has_prefix(terminal.cells[6], "Total: 30 of 40 done"));
	berth_screen_free(screen);
	show(&terminal);
	g_assert_cmpuint(terminal.gone->len, ==, 0);
	stop(&terminal);
}

// A line is never wider than the terminal, also when that has become narrower.
static void test_width(void)
{
	struct terminal terminal;

	start(&terminal, 10, 120);
	struct berth_screen *screen = open_screen(&terminal);
	berth_screen_set(screen, "aaaaaaaaaaaa", "Downloading", 1000000, 2000000);
	terminal.now += 200000;
	berth_screen_set(screen, "bbbbbbbbbbbb", "Downloading", 1000000, 2000000);
	show(&terminal);
	g_assert_nonnull(strstr(terminal.cells[0], "[===============>"));
	terminal.columns = 30;
	// What is there wraps as terminals do it: three lines become more.
	struct terminal narrow;
	start(&narrow, 20, 30);
	for (unsigned i = 0; i < 3; i++)
		for (const char *at = terminal.cells[i]; i < 3; at++) {
			if (!*at) {
				line_feed(&narrow);
				break;
			}
			if (narrow.column == narrow.columns)
				line_feed(&narrow);
			narrow.cells[narrow.row][narrow.column++] = *at;
		}
	terminal.now += 200000;
	berth_screen_set(screen, "aaaaaaaaaaaa", "Downloading", 1500000, 2000000);
	fflush(terminal.out);
	fwrite(terminal.text, 1, terminal.length, narrow.out);
	show(&narrow);
	g_assert_cmpuint(narrow.row, ==, 3);
	g_assert_true(g_str_has_prefix(narrow.cells[0], "aaaaaaaaaaaa: Downloading"));
	g_assert_true(g_str_has_prefix(narrow.cells[1], "bbbbbbbbbbbb: Downloading"));
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmpuint(strlen(narrow.cells[i]), <, 30);
	berth_screen_free(screen);
	stop(&narrow);
	stop(&terminal);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/screen/lines", test_lines);
	g_test_add_func("/screen/long-numbers", test_long_numbers);
	g_test_add_func("/screen/height", test_height);
	g_test_add_func("/screen/width", test_width);
	return g_test_run();
}
