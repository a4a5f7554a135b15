// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/units.h"
#include "spec/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 30

static void print_counts(const struct api_progress_detail *detail)
{
	g_autofree char *current = berth_size_format(detail->current, false);
	g_autofree char *total = berth_size_format(detail->total, false);

	if (detail->total <= 0) {
		printf("%8s", current);
		return;
	}
	int done = (int) (MIN(detail->current, detail->total) * BAR_WIDTH / detail->total);
	printf("[%.*s>%*s] %8s/%s", done, "==============================", BAR_WIDTH - done, "", current, total);
}

// Moves to the line of an object, made at the first time, and back after it was printed.
static void print_in_place(GPtrArray *ids, const struct api_progress *progress)
{
	guint at;

	for (at = 0; at < ids->len && strcmp(ids->pdata[at], progress->id) != 0; at++)
		continue;
	if (at == ids->len) {
		g_ptr_array_add(ids, g_strdup(progress->id));
		putchar('\n');
	}
	guint up = ids->len - at;
	printf("\033[%uA\r\033[2K%s: %s ", up, progress->id, progress->status ? progress->status : "");
	if (progress->progress_detail)
		print_counts(progress->progress_detail);
	printf("\r\033[%uB", up);
	fflush(stdout);
}

static void print_one(GPtrArray *ids, const struct api_progress *progress, bool terminal)
{
	if (progress->stream) {
		fputs(progress->stream, stdout);
		g_ptr_array_set_size(ids, 0); // lines above are final
	} else if (progress->id && *progress->id && terminal) {
		print_in_place(ids, progress);
	} else if (progress->status && !(progress->progress_detail && progress->progress_detail->current > 0)) {
		if (progress->id && *progress->id)
			printf("%s: ", progress->id);
		puts(progress->status);
	}
}

bool berth_progress_print(struct berth_answer *answer, bool quiet, GError **error)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) failure = NULL;
	bool terminal = isatty(STDOUT_FILENO);

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
			print_one(ids, progress, terminal);
	}
	if (!failure)
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}
