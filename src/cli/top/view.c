// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include "base/error.h"
#include "cli/style.h"
#include "cli/units.h"

#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 20
#define IMAGE_WIDTH 20
#define STATUS_WIDTH 18
#define WIDE 150 // columns from which images and the processors' history are shown
#define NARROW 112 // columns below which names and statuses are shorter, and rates sums

enum { PAIR_GREEN = 1, PAIR_RED, PAIR_YELLOW, PAIR_GREY, PAIR_TITLE };

static const char *const help_lines[] = {
	"Up Down PgUp PgDn Home End   choose a container (also j and k)",
	"C M N I P A                  sort by CPU, memory, network, block I/O, processes, name",
	"s, R                         the next order; the other way round",
	"/                            show those whose name, image or status contains a text; Escape ends it",
	"a                            all containers, or only those that run",
	"l                            the end of the log",
	"x  r  p                      stop (or start), restart, pause (or go on)",
	"e                            a shell in it; leave it with exit",
	"d                            remove it with force, after a question",
	"q                            quit",
};

bool top_view_open(struct top_view *view, GError **error)
{
	setlocale(LC_ALL, "");
	if (!getenv("TERM") || !newterm(NULL, stdout, stdin))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the terminal \"%s\" is not known; set TERM, or use `berth stats`",
				       getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	view->colours = view->colours && has_colors();
	if (!view->colours)
		return true;
	start_color();
	use_default_colors();
	init_pair(PAIR_GREEN, COLOR_GREEN, -1);
	init_pair(PAIR_RED, COLOR_RED, -1);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	init_pair(PAIR_GREY, COLORS > 8 ? 8 : COLOR_WHITE, -1);
	init_pair(PAIR_TITLE, COLOR_CYAN, -1);
	return true;
}

void top_view_close(void)
{
	endwin();
}

void top_view_leave(void)
{
	def_prog_mode();
	endwin();
}

void top_view_return(void)
{
	reset_prog_mode();
	clear();
}

// A text at a place, cut to the screen.
static void put(int row, int column, const char *text)
{
	g_autofree char *cut = COLS > column ? berth_style_cut(text, (size_t) (COLS - column)) : NULL;

	if (cut)
		mvaddstr(row, column, cut);
}

static void put_format(int row, int column, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void put_format(int row, int column, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	put(row, column, text);
}

static int pane_height(const struct top_view *view)
{
	int wanted = view->pane == TOP_PANE_HELP  ? (int) G_N_ELEMENTS(help_lines) + 1
		     : view->pane == TOP_PANE_LOG ? LINES / 2
						  : 0;

	return CLAMP(wanted, 0, MAX(LINES - 5, 0));
}

int top_view_page(const struct top_view *view)
{
	return MAX(LINES - 3 - pane_height(view), 1);
}

static void paint_title(const struct top_model *model)
{
	guint running = 0;
	double cpu = 0;
	uint64_t memory = 0;

	for (guint i = 0; i < model->containers->len; i++) {
		const struct top_container *container = model->containers->pdata[i];
		running += strcmp(container->state, "running") == 0;
		cpu += container->cpu;
		memory += container->memory;
	}
	g_autofree char *used = berth_size_format((int64_t) memory, true);
	bool filtered = model->filter && *model->filter;
	attron(A_BOLD);
	put_format(0, 0, "berth top  %u running%s%u  CPU %.1f%%  memory %s  by %s%s%s%s", running,
		   model->all ? " of " : ", shown ", model->all ? model->containers->len : model->shown->len, cpu, used,
		   top_sort_names[model->sort], model->reverse ? " (reversed)" : "", filtered ? "  filter: " : "",
		   filtered ? model->filter : "");
	attroff(A_BOLD);
}

static size_t name_width(void)
{
	return COLS < NARROW ? NAME_WIDTH - 5 : NAME_WIDTH;
}

static size_t status_width(void)
{
	return COLS < NARROW ? STATUS_WIDTH - 1 : STATUS_WIDTH;
}

static void paint_header(void)
{
	bool wide = COLS >= WIDE;

	attron(A_REVERSE);
	mvhline(1, 0, ' ', COLS);
	put_format(1, 0, "%-*s %s%-*s %7s%s %10s%s %5s", (int) name_width(), "NAME",
		   wide ? "IMAGE                " : "", (int) status_width(), "STATUS", "CPU %",
		   wide ? "  HISTORY         " : "", "MEMORY",
		   COLS < NARROW ? "     NET/s     I/O/s" : "  MEM %  NET RX/s  NET TX/s    READ/s   WRITE/s", "PIDS");
	attroff(A_REVERSE);
}

static int status_pair(const struct top_container *container)
{
	if (strstr(container->status, "(unhealthy)") || strcmp(container->state, "dead") == 0)
		return PAIR_RED;
	if (strcmp(container->state, "running") == 0)
		return PAIR_GREEN;
	return strcmp(container->state, "paused") == 0 || strcmp(container->state, "restarting") == 0 ? PAIR_YELLOW
												      : PAIR_GREY;
}

// A text in exactly so many columns.
static char *padded(const char *text, size_t width)
{
	g_autofree char *cut = berth_style_cut(text, width);

	return g_strdup_printf("%s%*s", cut, (int) (width - berth_style_measure(cut)), "");
}

static void append_history(GString *line, const struct top_container *container)
{
	static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	double most = 100;

	for (size_t i = 0; i < TOP_HISTORY; i++)
		most = MAX(most, container->history[i]);
	g_string_append(line, "  ");
	for (size_t i = 0; i < TOP_HISTORY; i++) {
		double share = container->history[i] / most;
		g_string_append(line, bars[CLAMP((int) (share * 8 + (share > 0.005 ? 0.99 : 0)), 0, 8)]);
	}
}

static void append_rate(GString *line, const struct top_container *container, double bytes)
{
	g_autofree char *text = berth_size_format((int64_t) bytes, false);

	g_string_append_printf(line, " %9s", container->measured ? text : "-");
}

static void append_numbers(GString *line, const struct top_container *container)
{
	g_autofree char *memory = berth_size_format((int64_t) container->memory, true);

	if (container->measured)
		g_string_append_printf(line, " %7.2f", container->cpu);
	else
		g_string_append_printf(line, " %7s", "-");
	if (COLS >= WIDE)
		append_history(line, container);
	g_string_append_printf(line, " %10s", container->at ? memory : "-");
	if (COLS < NARROW) {
		append_rate(line, container, container->received + container->sent);
		append_rate(line, container, container->read + container->written);
	} else {
		g_string_append_printf(line, " %6.2f", container->memory_share);
		append_rate(line, container, container->received);
		append_rate(line, container, container->sent);
		append_rate(line, container, container->read);
		append_rate(line, container, container->written);
	}
	g_string_append_printf(line, " %5" G_GUINT64_FORMAT, container->pids);
}

static void paint_container(const struct top_view *view, const struct top_container *container, int row, bool selected)
{
	bool wide = COLS >= WIDE;
	g_autofree char *name = padded(container->name, name_width());
	g_autofree char *image = padded(container->image, IMAGE_WIDTH);
	g_autofree char *status = padded(container->status, status_width());
	g_autoptr(GString) numbers = g_string_new(NULL);
	int column = (int) name_width() + 1;

	if (selected)
		attron(A_BOLD | A_UNDERLINE);
	put(row, 0, name);
	if (wide) {
		put(row, column, image);
		column += IMAGE_WIDTH + 1;
	}
	if (view->colours)
		attron(COLOR_PAIR(status_pair(container)));
	put(row, column, status);
	if (view->colours)
		attroff(COLOR_PAIR(status_pair(container)));
	append_numbers(numbers, container);
	put(row, column + (int) status_width(), numbers->str);
	attroff(A_BOLD | A_UNDERLINE);
}

static void paint_containers(struct top_view *view, const struct top_model *model)
{
	int page = top_view_page(view), selected = 0;

	for (guint i = 0; model->selected && i < model->shown->len; i++)
		if (strcmp(((struct top_container *) model->shown->pdata[i])->id, model->selected) == 0)
			selected = (int) i;
	view->first = CLAMP(view->first, MAX(selected - page + 1, 0), selected);
	for (int i = 0; i < page && view->first + i < (int) model->shown->len; i++)
		paint_container(view, model->shown->pdata[view->first + i], 2 + i, view->first + i == selected);
	if (model->shown->len == 0 && !model->trouble)
		put(2, 0, model->containers->len ? "no container passes the filter" : "no containers; a shows all");
}

static void paint_pane(const struct top_view *view, const struct top_model *model)
{
	int height = pane_height(view), top = LINES - 1 - height;
	const struct top_container *container = top_model_selected(model);

	if (height < 2)
		return;
	attron(A_REVERSE);
	mvhline(top, 0, ' ', COLS);
	if (view->pane == TOP_PANE_HELP)
		put(top, 0, "Keys");
	else
		put_format(top, 0, "Log of %s", container ? container->name : "no container");
	attroff(A_REVERSE);
	int count = view->pane == TOP_PANE_HELP ? (int) G_N_ELEMENTS(help_lines) : 0;
	for (char **line = view->log; view->pane == TOP_PANE_LOG && line && *line; line++)
		count++;
	int skipped = view->pane == TOP_PANE_LOG ? MAX(count - (height - 1), 0) : 0;
	for (int i = 0; i < height - 1 && skipped + i < count; i++)
		put(top + 1 + i, 0, view->pane == TOP_PANE_HELP ? help_lines[i] : view->log[skipped + i]);
}

static void paint_footer(const struct top_view *view, const struct top_model *model)
{
	const char *text = view->question   ? view->question
			   : model->trouble ? model->trouble
			   : model->message ? model->message
					    : "h help  s sort  / filter  a all  l log  x stop  r restart  e shell  "
					      "d remove  q quit";
	int pair = view->question ? PAIR_YELLOW : model->trouble ? PAIR_RED : PAIR_TITLE;

	if (view->colours)
		attron(COLOR_PAIR(pair));
	put(LINES - 1, 0, text);
	if (view->colours)
		attroff(COLOR_PAIR(pair));
}

void top_view_paint(struct top_view *view, const struct top_model *model)
{
	erase();
	paint_title(model);
	paint_header();
	paint_containers(view, model);
	paint_pane(view, model);
	paint_footer(view, model);
	refresh();
}

int top_view_key(int milliseconds)
{
	static const int keys[][2] = {
		{KEY_UP, TOP_KEY_UP},         {'k', TOP_KEY_UP},
		{KEY_DOWN, TOP_KEY_DOWN},     {'j', TOP_KEY_DOWN},
		{KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME},     {KEY_END, TOP_KEY_END},
		{KEY_RESIZE, TOP_KEY_RESIZE}, {KEY_BACKSPACE, TOP_KEY_BACKSPACE},
		{127, TOP_KEY_BACKSPACE},     {'\b', TOP_KEY_BACKSPACE},
		{KEY_ENTER, TOP_KEY_ENTER},   {'\n', TOP_KEY_ENTER},
		{'\r', TOP_KEY_ENTER},        {27, TOP_KEY_ESCAPE},
	};

	timeout(milliseconds);
	int key = getch();
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (key == keys[i][0])
			return keys[i][1];
	return key == ERR ? -1 : key;
}
