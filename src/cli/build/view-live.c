// SPDX-License-Identifier: Apache-2.0
// A build live on a terminal: a block at its bottom that is drawn again and again, never higher than the terminal nor
// wider. Steps that have ended are folded into one line when there is not room for all; those that run show the last
// lines of what they print, and what moves in them.
#include "cli/build/view-internal.h"
#include "cli/style.h"
#include "cli/units.h"

#include <string.h>

#define TIME_WIDTH 9
#define ROWS_MIN 4
#define COLUMNS_MIN 20
#define TAIL_SHOWN 6 // lines of a step, where there is room

struct drawing {
	struct berth_build_view *view;
	unsigned rows, columns;
	GPtrArray *lines;
};

static void add(struct drawing *this, const char *colour, char *text, const char *time)
{
	unsigned width = this->columns - 1, room = time ? width - MIN(width, TIME_WIDTH) : width;
	g_autofree char *cut = berth_style_cut(text, room);
	g_autofree char *painted = berth_style_paint(this->view->options.colours, colour, cut);

	if (time) {
		size_t used = berth_style_measure(cut);
		g_ptr_array_add(this->lines, g_strdup_printf("%s%*s%*s", painted, (int) (room - MIN(room, used)), "",
							     TIME_WIDTH, time));
	} else {
		g_ptr_array_add(this->lines, g_strdup(painted));
	}
	g_free(text);
}

static void add_vertex(struct drawing *this, const struct berth_build_vertex *vertex)
{
	int64_t end =
		vertex->state == BERTH_BUILD_ENDED ? vertex->ended : this->view->options.now(this->view->options.data);
	g_autofree char *time = berth_build_seconds(vertex->started ? end - vertex->started : 0);
	const char *word = vertex->failure    ? "ERROR "
			   : vertex->canceled ? "CANCELED "
			   : vertex->cached   ? "CACHED "
					      : "";
	const char *colour = vertex->failure                      ? BERTH_RED
			     : vertex->canceled                   ? BERTH_YELLOW
			     : vertex->state == BERTH_BUILD_ENDED ? BERTH_BLUE
								  : NULL;

	add(this, colour, g_strdup_printf(" => %s%s", word, vertex->name), time);
}

static unsigned add_details(struct drawing *this, const struct berth_build_vertex *vertex, unsigned room)
{
	guint before = this->lines->len;

	for (guint i = 0; i < vertex->counts->len && this->lines->len - before < room; i++) {
		const struct berth_build_count *count = vertex->counts->pdata[i];
		g_autofree char *have = berth_size_format(count->current, false),
				*all = berth_size_format(count->total, false);
		if (!count->done)
			add(this, NULL,
			    g_strdup_printf(" => => %s %s%s%s", count->name, have, count->total > 0 ? " / " : "",
					    count->total > 0 ? all : ""),
			    NULL);
	}
	guint left = room - (this->lines->len - before), shown = MIN(MIN(left, TAIL_SHOWN), vertex->tail->len);
	for (guint i = vertex->tail->len - shown; i < vertex->tail->len; i++)
		add(this, BERTH_GREY, g_strdup_printf(" => => # %s", (const char *) vertex->tail->pdata[i]), NULL);
	return this->lines->len - before;
}

static void count_states(const struct berth_build_view *view, unsigned *ended, unsigned *running)
{
	*ended = *running = 0;
	for (guint i = 0; i < view->vertices->len; i++) {
		const struct berth_build_vertex *vertex = view->vertices->pdata[i];
		*ended += vertex->state == BERTH_BUILD_ENDED;
		*running += vertex->state == BERTH_BUILD_RUNS;
	}
}

static void add_head(struct drawing *this, unsigned ended, bool last)
{
	const struct berth_build_view *view = this->view;
	g_autofree char *time = berth_build_seconds(view->options.now(view->options.data) - view->begun);

	add(this, last ? BERTH_BLUE : NULL,
	    g_strdup_printf("[+] Building %s (%u/%u)%s", time, ended, view->vertices->len, last ? " FINISHED" : ""),
	    NULL);
	if (view->vertices->len == 0 && view->sent > 0) {
		g_autofree char *sent = berth_size_format(view->sent, false);
		add(this, NULL, g_strdup_printf(" => sending the context %s", sent), NULL);
	}
}

// All steps that have begun, at the end.
static void add_all(struct drawing *this)
{
	for (guint i = 0; i < this->view->vertices->len; i++) {
		const struct berth_build_vertex *vertex = this->view->vertices->pdata[i];
		if (vertex->state != BERTH_BUILD_WAITS)
			add_vertex(this, vertex);
	}
}

// What there is room for: the steps that run, then as many of the last that have ended.
static void add_some(struct drawing *this, unsigned ended, unsigned running)
{
	unsigned room = this->rows - 1 - this->lines->len; // one line is the cursor's
	unsigned runs = MIN(running, room), ends = MIN(ended, room - runs), seen = 0, shown = 0;

	if (ended > ends && ends > 0) { // of those that are folded a line tells
		ends--;
		add(this, BERTH_BLUE, g_strdup_printf(" => %u steps done", ended - ends), NULL);
	}
	unsigned details = this->rows - 1 - this->lines->len - MIN(this->rows - 1 - this->lines->len, runs + ends);
	for (guint i = 0; i < this->view->vertices->len; i++) {
		const struct berth_build_vertex *vertex = this->view->vertices->pdata[i];
		if (vertex->state == BERTH_BUILD_ENDED && ++seen > ended - ends)
			add_vertex(this, vertex);
		if (vertex->state != BERTH_BUILD_RUNS || shown == runs)
			continue;
		shown++;
		add_vertex(this, vertex);
		details -= add_details(this, vertex, details / (runs - shown + 1));
	}
}

// Goes up to the block's first line. Since it was drawn the terminal may have become narrower: its lines are wrapped.
static void rewind_block(struct berth_build_view *view, unsigned columns)
{
	unsigned up = 0;

	for (guint i = 0; i < view->widths->len; i++) {
		unsigned width = g_array_index(view->widths, unsigned, i);
		up += width == 0 ? 1 : (width + columns - 1) / columns;
	}
	if (up > 0)
		fprintf(view->options.out, "\033[%uA", up);
	fprintf(view->options.out, "\r\033[J");
	g_array_set_size(view->widths, 0);
}

void berth_build_live__draw(struct berth_build_view *view, bool last)
{
	struct drawing this = {.view = view, .lines = g_ptr_array_new_with_free_func(g_free)};
	unsigned ended, running;

	view->options.size(view->options.data, &this.rows, &this.columns);
	this.rows = MAX(this.rows, ROWS_MIN);
	this.columns = MAX(this.columns, COLUMNS_MIN);
	count_states(view, &ended, &running);
	rewind_block(view, this.columns);
	add_head(&this, ended, last);
	if (last)
		add_all(&this);
	else
		add_some(&this, ended, running);
	for (guint i = 0; i < this.lines->len; i++) {
		unsigned width = (unsigned) berth_style_measure(this.lines->pdata[i]);
		fprintf(view->options.out, "%s\n", (const char *) this.lines->pdata[i]);
		g_array_append_val(view->widths, width);
	}
	if (last)
		g_array_set_size(view->widths, 0);
	fflush(view->options.out);
	g_ptr_array_unref(this.lines);
	view->drawn = view->options.now(view->options.data);
}
