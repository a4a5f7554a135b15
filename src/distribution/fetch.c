// SPDX-License-Identifier: Apache-2.0
// Downloads. What has come is in the ingest; after an interruption the rest is asked for by Range.
#include "base/error.h"
#include "distribution/internal.h"

#include <string.h>

#define INTERRUPTIONS 100 // of one download
#define PROGRESS 4096 // bytes between two interruptions that count as progress

struct fetch {
	struct berth_ingest *ingest;
	const struct oci_descriptor *descriptor;
	int64_t offset; // bytes that are in the ingest
	int64_t skip; // bytes of this body that are there already
	bool begun; // this body has been looked at
	bool restart; // Range was not understood: ask for the whole
	berth_transfer_fn *progress;
	void *data;
};

static bool wrong_size(const struct fetch *fetch, int64_t found, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "the registry has %" G_GINT64_FORMAT " bytes of it, its manifest says %" G_GINT64_FORMAT,
			       found, fetch->descriptor->size);
}

// "bytes 100-199/200", or "/*".
static bool parse_content_range(const char *text, int64_t *ret_first, int64_t *ret_total)
{
	char total[32] = "";

	if (!text || sscanf(text, "bytes %" G_GINT64_FORMAT "-%*[0-9]/%31[0-9*]", ret_first, total) != 2)
		return false;
	*ret_total = g_str_equal(total, "*") ? -1 : g_ascii_strtoll(total, NULL, 10);
	return true;
}

// Where this body begins, and whether it will be as long as it must.
static bool look_at(struct fetch *fetch, const struct berth_http_response *response, GError **error)
{
	int64_t length = berth_http_header_number(response, "content-length"), first = 0, total = -1;

	fetch->begun = true;
	fetch->skip = 0;
	if (response->status == 200) {
		fetch->skip = fetch->offset;
		total = length;
	} else if (!parse_content_range(berth_http_header(response, "content-range"), &first, &total) ||
		   first > fetch->offset) {
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the registry sent another part than it was asked for");
	} else {
		fetch->skip = fetch->offset - first;
	}
	if (total >= 0 && total != fetch->descriptor->size)
		return wrong_size(fetch, total, error);
	return true;
}

static bool take(void *data, const struct berth_http_response *response, const void *bytes, size_t length,
		 GError **error)
{
	struct fetch *fetch = data;

	if (!fetch->begun && !look_at(fetch, response, error))
		return false;
	if (fetch->skip > 0) {
		size_t skipped = (size_t) MIN(fetch->skip, (int64_t) length);
		fetch->skip -= (int64_t) skipped;
		bytes = (const char *) bytes + skipped;
		length -= skipped;
	}
	if (length == 0)
		return true;
	if ((int64_t) length > fetch->descriptor->size - fetch->offset)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the registry sends more than the %" G_GINT64_FORMAT
				       " bytes that its manifest says",
				       fetch->descriptor->size);
	if (!berth_ingest_write(fetch->ingest, bytes, length, error))
		return false;
	fetch->offset += (int64_t) length;
	if (fetch->progress)
		fetch->progress(fetch->data, fetch->offset);
	return true;
}

// One request for what is missing.
static enum berth_http_outcome ask(struct berth_repository *repository, struct berth_endpoint *source,
				   struct fetch *fetch, const char *what, struct berth_http_response *response,
				   GError **error)
{
	g_autofree char *path = g_strdup_printf("/v2/%s/blobs/%s", repository->path, fetch->descriptor->digest);
	g_autofree char *range = g_strdup_printf("Range: bytes=%" G_GINT64_FORMAT "-", fetch->offset);
	bool part = fetch->offset > 0 && !fetch->restart;
	const char *const headers[] = {part ? range : NULL, NULL};
	struct berth_registry_call call = {
		.method = "GET",
		.path = path,
		.scope = repository->scope,
		.headers = headers,
		.body_fd = -1,
		.sink = take,
		.data = fetch,
		.what = what,
	};

	fetch->begun = false;
	return berth_registry_client_send_once(&repository->client, source, &call, response, error);
}

enum verdict { DONE, AGAIN, GIVE_UP };

// What an answer that came to its end means.
static enum verdict judge(struct berth_repository *repository, struct fetch *fetch,
			  const struct berth_http_response *response, const char *what, GError **error)
{
	bool good = response->status == 200 || response->status == 206;

	if (response->status == 416 && fetch->offset > 0 && !fetch->restart) {
		fetch->restart = true;
		return AGAIN;
	}
	if (!good) {
		berth_response_error(&repository->client, response, what, error);
		return berth_status_is_passing(response->status) ? AGAIN : GIVE_UP;
	}
	if (!fetch->begun && !look_at(fetch, response, error)) { // an empty body
		g_prefix_error(error, "%s: ", what);
		return GIVE_UP;
	}
	if (fetch->offset == fetch->descriptor->size)
		return DONE;
	berth_error_set(error, BERTH_ERROR_INVALID,
			"%s: the registry sent %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " bytes", what, fetch->offset,
			fetch->descriptor->size);
	return AGAIN;
}

// Asks one endpoint until all is there. A mirror gets one chance only.
static bool fetch_from(struct berth_repository *repository, struct berth_endpoint *source, struct fetch *fetch,
		       const char *what, GError **error)
{
	int64_t mark = fetch->offset;

	for (unsigned interruptions = 0, fruitless = 0; interruptions <= INTERRUPTIONS; interruptions++) {
		struct berth_http_response response = {0};
		g_autoptr(GError) cause = NULL;
		enum verdict verdict = AGAIN;
		enum berth_http_outcome outcome = ask(repository, source, fetch, what, &response, &cause);
		if (outcome == BERTH_HTTP_ANSWERED)
			verdict = judge(repository, fetch, &response, what, &cause);
		else if (outcome == BERTH_HTTP_FAILED)
			verdict = GIVE_UP;
		// Broken behind the last byte is good enough; more bytes than there should be are not.
		if (verdict == DONE || (verdict == AGAIN && fetch->offset == fetch->descriptor->size)) {
			berth_http_response_clear(&response);
			return true;
		}
		fruitless = fetch->offset - mark >= PROGRESS ? 0 : fruitless + 1;
		mark = fetch->offset;
		if (verdict == AGAIN &&
		    (!source->own || !berth_registry_client_may_retry(&repository->client, source, fruitless) ||
		     !berth_registry_client_back_off(&repository->client, fruitless,
						     berth_http_header(&response, "retry-after"), &cause)))
			verdict = GIVE_UP;
		berth_http_response_clear(&response);
		if (verdict == GIVE_UP) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
	}
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s: interrupted more than %d times", what,
			       INTERRUPTIONS);
}

bool berth_repository_fetch(struct berth_repository *repository, const struct oci_descriptor *descriptor,
			    struct berth_ingest *ingest, berth_transfer_fn *progress, void *data, GError **error)
{
	struct fetch fetch = {
		.ingest = ingest,
		.descriptor = descriptor,
		.offset = berth_ingest_size(ingest),
		.progress = progress,
		.data = data,
	};
	g_autofree char *what =
		g_strdup_printf("blob %.19s of %s/%s", descriptor->digest, repository->domain, repository->path);
	g_autoptr(GPtrArray) sources = NULL;

	if (!berth_digest_valid(descriptor->digest) || descriptor->size < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: invalid descriptor", what);
	if (fetch.offset > descriptor->size)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: %" G_GINT64_FORMAT
				       " bytes of it are here, its manifest says %" G_GINT64_FORMAT,
				       what, fetch.offset, descriptor->size);
	if (fetch.offset == descriptor->size)
		return true;
	sources = berth_repository_sources(repository, error);
	for (guint i = 0; sources && i < sources->len; i++) {
		g_autoptr(GError) cause = NULL;
		if (fetch_from(repository, sources->pdata[i], &fetch, what, &cause))
			return true;
		if (i + 1 < sources->len && !g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_CANCELED)) {
			if (!g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
				berth_endpoint_give_up(&repository->client, sources->pdata[i]);
			continue;
		}
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	return false;
}
