// SPDX-License-Identifier: Apache-2.0
// Progress in Docker's words and figures: clients draw bars from the detail, and old ones print the ready text.
#include "image/transfer-internal.h"

#include <string.h>

#define INTERVAL (G_TIME_SPAN_SECOND / 10)
#define BAR 50 // columns

static void tell(struct berth_transfer *transfer, const struct api_progress *progress)
{
	if (!transfer->options->progress)
		return;
	pthread_mutex_lock(&transfer->telling);
	transfer->options->progress(transfer->options->data, progress);
	pthread_mutex_unlock(&transfer->telling);
}

void berth_transfer_tell(struct berth_transfer *transfer, const char *id, const char *status)
{
	tell(transfer, &(struct api_progress){.status = (char *) status, .id = (char *) id});
}

void berth_transfer_tell_layer(struct berth_transfer *transfer, const char *id, const char *status)
{
	struct api_progress_detail none = {0};

	tell(transfer, &(struct api_progress){.status = (char *) status, .id = (char *) id, .progress_detail = &none});
}

// "12.3MB", of four digits at most.
static char *size_text(int64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double value = (double) bytes;
	guint unit = 0;

	for (; value >= 1000 && unit < G_N_ELEMENTS(units) - 1; unit++)
		value /= 1000;
	return g_strdup_printf("%.4g%s", value, units[unit]);
}

static char *bar_text(int64_t current, int64_t total)
{
	g_autofree char *now = size_text(current), *all = size_text(total);
	char bar[BAR + 1];

	if (total <= 0 || current > total)
		return g_strdup_printf("%8s", now);
	int done = (int) ((double) current / (double) total * BAR);
	memset(bar, '=', (size_t) done);
	bar[done] = '\0';
	return g_strdup_printf("[%s>%*s] %8s/%s", bar, BAR - done, "", now, all);
}

void berth_transfer_tell_bytes(struct berth_transfer *transfer, const char *id, const char *status, int64_t current,
			       int64_t total, int64_t *last)
{
	int64_t now = g_get_monotonic_time();
	struct api_progress_detail detail = {current, total};

	if (*last && now - *last < INTERVAL)
		return;
	*last = now;
	g_autofree char *bar = bar_text(current, total);
	tell(transfer,
	     &(struct api_progress){
		     .status = (char *) status, .id = (char *) id, .progress_detail = &detail, .progress = bar});
}

void berth_transfer_tell_aux(struct berth_transfer *transfer, json_t *aux)
{
	struct api_progress_detail none = {0};

	tell(transfer, &(struct api_progress){.progress_detail = &none, .aux = aux});
	json_decref(aux);
}

void berth_transfer_short_id(const char *digest, char id[BERTH_TRANSFER_ID + 1])
{
	g_strlcpy(id, digest + strlen("sha256:"), BERTH_TRANSFER_ID + 1);
}
