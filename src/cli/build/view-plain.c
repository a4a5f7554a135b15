// SPDX-License-Identifier: Apache-2.0
// A build as plain lines, as BuildKit prints them: "#5 [2/3] RUN make", "#5 0.123 hello", "#5 DONE 0.1s".
#include "cli/build/view-internal.h"
#include "cli/units.h"

#include <string.h>

// The step whose lines follow: its headline, when another's came before.
static void show(struct berth_build_view *view, struct berth_build_vertex *vertex)
{
	FILE *out = view->options.out;
	struct berth_build_vertex *before = view->shown;

	if (before == vertex)
		return;
	if (before && before->state != BERTH_BUILD_ENDED)
		fprintf(out, "#%u ...\n", before->number);
	if (before)
		fputc('\n', out);
	if (vertex->number == 0)
		vertex->number = ++view->numbers;
	fprintf(out, "#%u %s\n", vertex->number, vertex->name);
	view->shown = vertex;
}

void berth_build_plain__line(struct berth_build_view *view, struct berth_build_vertex *vertex, const char *line)
{
	show(view, vertex);
	fprintf(view->options.out, "#%u %s\n", vertex->number, line);
}

static void print_end(struct berth_build_view *view, struct berth_build_vertex *vertex)
{
	FILE *out = view->options.out;
	g_autofree char *time = berth_build_seconds(vertex->ended - vertex->started);

	show(view, vertex);
	if (vertex->failure) {
		g_autofree char *first = g_strndup(vertex->failure, strcspn(vertex->failure, "\n"));
		fprintf(out, "#%u ERROR: %s\n", vertex->number, first);
	} else if (vertex->canceled) {
		fprintf(out, "#%u CANCELED\n", vertex->number);
	} else if (vertex->cached) {
		fprintf(out, "#%u CACHED\n", vertex->number);
	} else {
		fprintf(out, "#%u DONE %s\n", vertex->number, time);
	}
}

static void print_count(struct berth_build_view *view, struct berth_build_vertex *vertex,
			const struct api_build_event *event)
{
	g_autofree char *have = berth_size_format(event->current, false), *all = berth_size_format(event->total, false);

	if (event->total > 0 && event->current < event->total) // each is told of once
		return;
	show(view, vertex);
	fprintf(view->options.out, "#%u %s %s%s%s done\n", vertex->number, event->name ? event->name : "", have,
		event->total > 0 ? " / " : "", event->total > 0 ? all : "");
}

void berth_build_plain__event(struct berth_build_view *view, struct berth_build_vertex *vertex,
			      const struct api_build_event *event)
{
	if (strcmp(event->kind, "started") == 0)
		show(view, vertex);
	else if (strcmp(event->kind, "status") == 0)
		print_count(view, vertex, event);
	else if (vertex->state == BERTH_BUILD_ENDED)
		print_end(view, vertex);
	fflush(view->options.out); // whoever reads it reads along
}
