// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/screen.h"
#include "spec/api.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_ROWS 24
#define DEFAULT_COLUMNS 80

struct printer {
	FILE *out;
	struct berth_screen *screen; // NULL: no terminal
	GHashTable *states; // without one: the last status of each id
};

static void terminal_size(void *data, unsigned *ret_rows, unsigned *ret_columns)
{
	const struct printer *printer = data;
	struct winsize size;
	bool known = ioctl(fileno(printer->out), TIOCGWINSZ, &size) == 0;

	*ret_rows = known && size.ws_row > 0 ? size.ws_row : DEFAULT_ROWS;
	*ret_columns = known && size.ws_col > 0 ? size.ws_col : DEFAULT_COLUMNS;
}

static int64_t monotonic_now(G_GNUC_UNUSED void *data)
{
	return g_get_monotonic_time();
}

static bool is_terminal(FILE *out)
{
	const char *kind = g_getenv("TERM");

	return isatty(fileno(out)) && !(kind && strcmp(kind, "dumb") == 0);
}

static void say(struct printer *printer, const char *line)
{
	if (printer->screen)
		berth_screen_say(printer->screen, line);
	else
		fprintf(printer->out, "%s\n", line);
}

// Without a terminal: a state that is new.
static void print_state(struct printer *printer, const char *id, const char *status)
{
	if (g_strcmp0(g_hash_table_lookup(printer->states, id), status) == 0)
		return;
	g_hash_table_insert(printer->states, g_strdup(id), g_strdup(status));
	fprintf(printer->out, "%s: %s\n", id, status);
}

static void print_one(struct printer *printer, const struct api_progress *progress)
{
	const struct api_progress_detail *detail = progress->progress_detail;
	bool counts = detail && (detail->current > 0 || detail->total > 0);

	if (progress->stream) {
		if (printer->screen)
			berth_screen_settle(printer->screen);
		fputs(progress->stream, printer->out);
	} else if (!progress->status) {
		return;
	} else if (!progress->id || !*progress->id) {
		say(printer, progress->status);
	} else if (g_str_has_prefix(progress->status, "Pulling from ")) {
		g_autofree char *line = g_strdup_printf("%s: %s", progress->id, progress->status);
		say(printer, line);
	} else if (printer->screen) {
		berth_screen_set(printer->screen, progress->id, progress->status, detail ? detail->current : 0,
				 detail ? detail->total : 0);
	} else if (!counts) {
		print_state(printer, progress->id, progress->status);
	}
	fflush(printer->out); // whoever reads it reads along
}

static bool print_all(struct printer *printer, struct berth_answer *answer, bool quiet, GError **error)
{
	g_autoptr(GError) failure = NULL;

	for (;;) {
		BERTH_AUTO_JSON json_t *line = berth_answer_line(answer, &failure);
		if (!line)
			break;
		g_autoptr(api_progress) progress = berth_document_parse(&api_progress_document, line, &failure);
		if (!progress)
			break;
		const char *message = progress->error_detail && progress->error_detail->message
					      ? progress->error_detail->message
					      : progress->error;
		if (message)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s", message);
		if (!quiet || progress->stream)
			print_one(printer, progress);
	}
	if (!failure)
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool berth_progress_print(struct berth_answer *answer, bool quiet, FILE *out, GError **error)
{
	struct printer printer = {.out = out};

	if (is_terminal(out))
		printer.screen =
			berth_screen_new(&(struct berth_screen_options){out, terminal_size, monotonic_now, &printer});
	printer.states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	bool fine = print_all(&printer, answer, quiet, error);
	if (printer.screen)
		berth_screen_free(printer.screen);
	g_hash_table_unref(printer.states);
	fflush(out);
	return fine;
}
