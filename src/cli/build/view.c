// SPDX-License-Identifier: Apache-2.0
#include "cli/build/view.h"

#include "cli/build/view-internal.h"
#include "cli/style.h"

#include <string.h>

#define DRAW_INTERVAL 100000000 // nanoseconds between two drawings that only time or counts make necessary
#define EXCERPT_AROUND 2 // lines before and behind those that are meant
#define RULE "--------------------"

static void count_free(void *data)
{
	struct berth_build_count *count = data;

	g_free(count->name);
	g_free(count);
}

static void vertex_free(void *data)
{
	struct berth_build_vertex *vertex = data;

	g_free(vertex->name);
	g_free(vertex->digest);
	g_free(vertex->failure);
	json_decref(vertex->inputs);
	g_ptr_array_unref(vertex->tail);
	g_string_free(vertex->partial, TRUE);
	g_string_free(vertex->kept, TRUE);
	g_ptr_array_unref(vertex->counts);
	g_free(vertex);
}

static void warning_free(void *data)
{
	struct berth_build_warning *warning = data;

	g_free(warning->rule);
	g_free(warning->text);
	g_free(warning);
}

struct berth_build_view *berth_build_view_new(const struct berth_build_view_options *options)
{
	struct berth_build_view *view = g_new0(struct berth_build_view, 1);

	view->options = *options;
	view->vertices = g_ptr_array_new_with_free_func(vertex_free);
	view->warnings = g_ptr_array_new_with_free_func(warning_free);
	view->widths = g_array_new(FALSE, FALSE, sizeof(unsigned));
	view->begun = options->now(options->data);
	return view;
}

void berth_build_view_free(struct berth_build_view *view)
{
	g_ptr_array_unref(view->vertices);
	g_ptr_array_unref(view->warnings);
	g_array_unref(view->widths);
	g_free(view);
}

char *berth_build_seconds(int64_t nanoseconds)
{
	return g_strdup_printf("%.1fs", (double) MAX(nanoseconds, 0) / 1e9);
}

static struct berth_build_vertex *find(struct berth_build_view *view, int64_t id)
{
	for (guint i = 0; i < view->vertices->len; i++) {
		struct berth_build_vertex *vertex = view->vertices->pdata[i];
		if (vertex->id == id)
			return vertex;
	}
	struct berth_build_vertex *vertex = g_new0(struct berth_build_vertex, 1);
	vertex->id = id;
	vertex->name = g_strdup("");
	vertex->tail = g_ptr_array_new_with_free_func(g_free);
	vertex->partial = g_string_new(NULL);
	vertex->kept = g_string_new(NULL);
	vertex->counts = g_ptr_array_new_with_free_func(count_free);
	g_ptr_array_add(view->vertices, vertex);
	return vertex;
}

// Control characters of what runs would move the cursor; of a line that was drawn again and again the last is taken.
static char *clean_line(const char *line, gsize length)
{
	GString *clean = g_string_sized_new(length);
	const char *end = line + length;

	while (end > line && end[-1] == '\r')
		end--;
	const char *last = g_strrstr_len(line, end - line, "\r");
	for (const char *at = last ? last + 1 : line; at < end; at++) {
		if (*at == '\033') { // a control sequence ends with a letter
			while (at + 1 < end && !g_ascii_isalpha(*at))
				at++;
		} else {
			g_string_append_c(clean, *at);
		}
	}
	char *text = berth_style_clean(clean->str);
	g_string_free(clean, TRUE);
	return text;
}

static void add_line(struct berth_build_view *view, struct berth_build_vertex *vertex, const char *line, gsize length,
		     int64_t at)
{
	g_autofree char *clean = clean_line(line, length);
	g_autofree char *timed = g_strdup_printf("%.3f %s", (double) MAX(at - vertex->started, 0) / 1e9, clean);

	g_string_append_printf(vertex->kept, "%s\n", timed);
	if (vertex->kept->len > 2 * (gsize) BERTH_BUILD_KEPT) {
		g_string_erase(vertex->kept, 0, (gssize) (vertex->kept->len - BERTH_BUILD_KEPT));
		vertex->cut = true;
	}
	if (view->options.look == BERTH_BUILD_PLAIN)
		berth_build_plain__line(view, vertex, timed);
	g_ptr_array_add(vertex->tail, g_strdup(clean));
	if (vertex->tail->len > BERTH_BUILD_TAIL)
		g_ptr_array_remove_index(vertex->tail, 0);
}

static void end_line(struct berth_build_view *view, struct berth_build_vertex *vertex, int64_t at)
{
	if (vertex->partial->len > 0)
		add_line(view, vertex, vertex->partial->str, vertex->partial->len, at);
	g_string_truncate(vertex->partial, 0);
}

static void add_log(struct berth_build_view *view, struct berth_build_vertex *vertex, const char *text, int64_t at)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		g_string_append_len(vertex->partial, text, end - text);
		add_line(view, vertex, vertex->partial->str, vertex->partial->len, at);
		g_string_truncate(vertex->partial, 0);
	}
	g_string_append(vertex->partial, text);
	if (vertex->partial->len > BERTH_BUILD_LINE)
		end_line(view, vertex, at);
}

static void add_count(struct berth_build_vertex *vertex, const struct api_build_event *event)
{
	struct berth_build_count *count = NULL;
	const char *name = event->name ? event->name : "";

	for (guint i = 0; !count && i < vertex->counts->len; i++)
		if (strcmp(((struct berth_build_count *) vertex->counts->pdata[i])->name, name) == 0)
			count = vertex->counts->pdata[i];
	if (!count) {
		count = g_new0(struct berth_build_count, 1);
		count->name = g_strdup(name);
		g_ptr_array_add(vertex->counts, count);
	}
	count->current = event->current;
	count->total = event->total;
	count->done = event->total > 0 && event->current >= event->total;
}

// Texts of Dockerfiles come from anywhere; JSON has its own ways for what is not to be printed.
static char *shown(const struct berth_build_view *view, const char *text)
{
	return view->options.look == BERTH_BUILD_RAW ? g_strdup(text) : berth_style_clean(text);
}

static void replace(const struct berth_build_view *view, char **text, const char *with)
{
	if (!with || !*with)
		return;
	g_free(*text);
	*text = shown(view, with);
}

static void plan(const struct berth_build_view *view, struct berth_build_vertex *vertex,
		 const struct api_build_event *event)
{
	replace(view, &vertex->name, event->name);
	replace(view, &vertex->digest, event->digest);
	vertex->line = event->line;
	vertex->last_line = event->last_line;
	if (event->inputs && !vertex->inputs)
		vertex->inputs = json_incref(event->inputs);
}

static void end_vertex(struct berth_build_view *view, struct berth_build_vertex *vertex,
		       const struct api_build_event *event)
{
	end_line(view, vertex, event->at);
	vertex->state = BERTH_BUILD_ENDED;
	vertex->ended = event->at;
	if (vertex->started == 0)
		vertex->started = event->at;
}

static void apply(struct berth_build_view *view, struct berth_build_vertex *vertex, const struct api_build_event *event)
{
	const char *kind = event->kind;

	if (strcmp(kind, "planned") == 0) {
		plan(view, vertex, event);
	} else if (strcmp(kind, "started") == 0) {
		replace(view, &vertex->name, event->name);
		vertex->state = BERTH_BUILD_RUNS;
		vertex->started = event->at;
	} else if (strcmp(kind, "log") == 0) {
		add_log(view, vertex, event->text ? event->text : "", event->at);
	} else if (strcmp(kind, "status") == 0) {
		add_count(vertex, event);
	} else if (strcmp(kind, "cached") == 0) {
		vertex->cached = true;
		end_vertex(view, vertex, event);
	} else if (strcmp(kind, "done") == 0) {
		end_vertex(view, vertex, event);
	} else if (strcmp(kind, "failed") == 0) {
		end_vertex(view, vertex, event);
		replace(view, &vertex->failure, event->text ? event->text : "failed");
	} else if (strcmp(kind, "canceled") == 0) {
		vertex->canceled = true;
		end_vertex(view, vertex, event);
	}
}

static void add_warning(struct berth_build_view *view, const struct api_build_event *event)
{
	struct berth_build_warning *warning = g_new0(struct berth_build_warning, 1);

	*warning = (struct berth_build_warning){shown(view, event->name ? event->name : ""),
						shown(view, event->text ? event->text : ""), event->line};
	g_ptr_array_add(view->warnings, warning);
}

void berth_build_view_event(struct berth_build_view *view, const struct api_build_event *event)
{
	if (strcmp(event->kind, "warning") == 0) {
		add_warning(view, event);
		return;
	}
	if (event->vertex == BERTH_UNSET)
		return;
	struct berth_build_vertex *vertex = find(view, event->vertex);
	bool again = vertex->state == BERTH_BUILD_ENDED && strcmp(event->kind, "done") == 0; // behind "cached"
	if (again)
		return;
	apply(view, vertex, event);
	if (view->options.look == BERTH_BUILD_PLAIN)
		berth_build_plain__event(view, vertex, event);
	else if (view->options.look == BERTH_BUILD_RAW)
		berth_build_raw__event(view, vertex, event);
	else
		berth_build_view_tick(view);
}

void berth_build_view_sent(struct berth_build_view *view, int64_t bytes)
{
	view->sent = bytes;
	berth_build_view_tick(view);
}

void berth_build_view_tick(struct berth_build_view *view)
{
	int64_t now = view->options.now(view->options.data);

	if (view->options.look == BERTH_BUILD_LIVE && now - view->drawn >= DRAW_INTERVAL)
		berth_build_live__draw(view, false);
}

// The lines around those that are meant, with a mark, as BuildKit shows them. Appends.
static void add_excerpt(GString *out, const char *source, const char *name, int64_t line, int64_t last_line)
{
	g_auto(GStrv) lines = g_strsplit(source, "\n", -1);
	int64_t count = g_strv_length(lines), last = MAX(line, last_line);

	if (line < 1 || line > count)
		return;
	g_string_append_printf(out, "%s:%d\n" RULE "\n", name, (int) line);
	for (int64_t i = MAX(1, line - EXCERPT_AROUND); i <= MIN(count, last + EXCERPT_AROUND); i++) {
		if (i == count && !*lines[i - 1])
			break;
		g_string_append_printf(out, "%4d | %s %s\n", (int) i, i >= line && i <= last ? ">>>" : "   ",
				       g_strchomp(lines[i - 1]));
	}
	g_string_append(out, RULE "\n");
}

static void print_failed(struct berth_build_view *view, const struct berth_build_vertex *vertex, bool excerpt,
			 const char *source, const char *name)
{
	g_autoptr(GString) text = g_string_new("------\n");

	g_string_append_printf(text, " > %s:\n", vertex->name);
	if (vertex->cut)
		g_string_append(text, "[…]\n");
	g_string_append(text, vertex->kept->str);
	g_string_append(text, "------\n");
	if (excerpt && source && vertex->line > 0)
		add_excerpt(text, source, name, vertex->line, vertex->last_line);
	g_autofree char *clean = berth_style_clean(text->str);
	fputs(clean, view->options.out);
}

static void print_warnings(struct berth_build_view *view)
{
	if (view->warnings->len == 0)
		return;
	fprintf(view->options.out, "\n %u warning%s found:\n", view->warnings->len,
		view->warnings->len == 1 ? "" : "s");
	for (guint i = 0; i < view->warnings->len; i++) {
		const struct berth_build_warning *warning = view->warnings->pdata[i];
		fprintf(view->options.out, " - %s: %s", warning->rule, warning->text);
		if (warning->line > 0)
			fprintf(view->options.out, " (line %d)", (int) warning->line);
		fputc('\n', view->options.out);
	}
}

void berth_build_view_end(struct berth_build_view *view, const char *failure, const char *source, const char *name)
{
	bool excerpt = failure && !strstr(failure, RULE);

	if (view->options.look == BERTH_BUILD_LIVE)
		berth_build_live__draw(view, true);
	if (view->options.look == BERTH_BUILD_RAW)
		return;
	for (guint i = 0; failure && i < view->vertices->len; i++) {
		const struct berth_build_vertex *vertex = view->vertices->pdata[i];
		if (vertex->failure)
			print_failed(view, vertex, excerpt, source, name);
	}
	if (view->options.look != BERTH_BUILD_NOTHING)
		print_warnings(view);
	fflush(view->options.out);
}

void berth_build_view_error(FILE *out, const char *failure)
{
	g_autofree char *text = berth_style_clean(failure);
	char *rule = strstr(text, "\n" RULE "\n"), *excerpt = rule ? g_strrstr_len(text, rule - text, "\n") : NULL;

	if (excerpt) {
		*excerpt++ = '\0';
		fprintf(out, "%s%s", excerpt, g_str_has_suffix(excerpt, "\n") ? "" : "\n");
	}
	fprintf(out, "ERROR: failed to build: %s\n", text);
}
