// SPDX-License-Identifier: Apache-2.0
// Uploads: POST opens a session, whose URL is in Location and changes with every answer. Then one PUT with the whole
// blob; or PATCH by PATCH, where the registry wants chunks or the PUT was interrupted, and a PUT with nothing.
#include "base/error.h"
#include "base/fd.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

#define CHUNK (32 << 20) // bytes, where chunks are wanted and none are too small
#define INTERRUPTIONS 100 // of one upload

struct upload {
	struct berth_repository *repository;
	struct berth_endpoint *endpoint;
	const struct oci_descriptor *descriptor;
	int fd;
	char *url; // of the session; NULL: there is none
	int64_t offset; // what the registry has
	int64_t chunk; // bytes of one request; 0: all in one
	int64_t base; // offset of the request that is under way
	berth_transfer_fn *progress;
	void *data;
	const char *what;
};

static bool check_digest(const char *digest, GError **error)
{
	return berth_digest_valid(digest) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid digest \"%s\": only sha256 is supported", digest);
}

// "blob sha256:0123456789ab of host/path" for messages; a new text.
static char *describe(const struct berth_repository *repository, const char *digest)
{
	return g_strdup_printf("blob %.19s of %s/%s", digest, repository->domain, repository->path);
}

bool berth_repository_has_blob(struct berth_repository *repository, const char *digest, bool *ret, GError **error)
{
	g_autofree char *what = describe(repository, digest);
	g_autofree char *path = g_strdup_printf("/v2/%s/blobs/%s", repository->path, digest);
	struct berth_endpoint *own = check_digest(digest, error) ? berth_repository_own(repository, error) : NULL;
	struct berth_registry_call call = {
		.method = "HEAD", .path = path, .scope = repository->scope, .body_fd = -1, .what = what};
	struct berth_http_response response = {0};
	bool good = own && berth_registry_client_send(&repository->client, own, &call, &response, error);

	if (good && response.status != 200 && response.status != 404)
		good = berth_response_error(&repository->client, &response, what, error);
	if (good)
		*ret = response.status == 200;
	berth_http_response_clear(&response);
	return good;
}

// The session's URL from an answer to a request to `asked` (NULL: to `path` of the endpoint); a new text, or NULL with
// *error.
static char *session_of(const struct berth_repository *repository, const struct berth_endpoint *endpoint,
			const struct berth_http_response *response, const char *path, const char *what, GError **error)
{
	struct berth_hosts *hosts = repository->client.registries->hosts;
	const char *location = berth_http_header(response, "location");
	const char *scheme = endpoint->scheme ? endpoint->scheme : berth_hosts_scheme(hosts, endpoint->authority);
	g_autofree char *base = path[0] == '/' ? g_strconcat(scheme ? scheme : "https", "://", endpoint->authority,
							     endpoint->base, path, NULL)
					       : g_strdup(path);
	char *url = location ? berth_url_resolve(base, location) : NULL;

	if (!url)
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry does not tell where to upload to", what);
	return url;
}

// Asks for a session, or for the blob to be taken from another repository. *ret_url NULL: it was taken.
static bool open_session(struct berth_repository *repository, const char *path, const char *scope, const char *what,
			 char **ret_url, int64_t *ret_minimum, GError **error)
{
	struct berth_endpoint *own = berth_repository_own(repository, error);
	struct berth_registry_call call = {.method = "POST", .path = path, .scope = scope, .body_fd = -1, .what = what};
	struct berth_http_response response = {0};
	bool good = own && berth_registry_client_send(&repository->client, own, &call, &response, error);

	*ret_url = NULL;
	if (good && response.status == 202) {
		*ret_minimum = berth_http_header_number(&response, "oci-chunk-min-length");
		*ret_url = session_of(repository, own, &response, path, what, error);
		good = *ret_url != NULL;
	} else if (good && response.status != 201) {
		good = berth_response_error(&repository->client, &response, what, error);
	}
	berth_http_response_clear(&response);
	return good;
}

bool berth_repository_mount_blob(struct berth_repository *repository, const char *digest, const char *from,
				 bool *ret_mounted, GError **error)
{
	g_autofree char *what = describe(repository, digest);
	g_autofree char *escaped = g_uri_escape_string(from, "/", FALSE);
	g_autofree char *path =
		g_strdup_printf("/v2/%s/blobs/uploads/?mount=%s&from=%s", repository->path, digest, escaped);
	g_autofree char *scope = g_strdup_printf("%s repository:%s:pull", repository->scope, from);
	g_autoptr(GError) cause = NULL;
	g_autofree char *url = NULL;
	int64_t minimum;

	if (!check_digest(digest, error))
		return false;
	*ret_mounted = false;
	if (!open_session(repository, path, scope, what, &url, &minimum, &cause)) {
		// Who may not read there, or whose registry does not know this, uploads.
		if (g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_CANCELED) ||
		    g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE)) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
		return true;
	}
	*ret_mounted = !url;
	if (url && minimum <= 0) {
		pthread_mutex_lock(&repository->client.lock);
		g_hash_table_replace(repository->sessions, g_strdup(digest), g_steal_pointer(&url));
		pthread_mutex_unlock(&repository->client.lock);
	}
	return true;
}

// Takes up the session that a refused mount has opened, or opens one.
static bool begin(struct upload *upload, GError **error)
{
	struct berth_repository *repository = upload->repository;
	g_autofree char *path = g_strdup_printf("/v2/%s/blobs/uploads/", repository->path);
	void *digest = NULL, *url = NULL;
	int64_t minimum = -1;

	g_clear_pointer(&upload->url, g_free);
	upload->offset = 0;
	pthread_mutex_lock(&repository->client.lock);
	g_hash_table_steal_extended(repository->sessions, upload->descriptor->digest, &digest, &url);
	pthread_mutex_unlock(&repository->client.lock);
	g_free(digest);
	upload->url = url;
	if (url)
		return true;
	if (!open_session(repository, path, repository->scope, upload->what, &upload->url, &minimum, error))
		return false;
	if (!upload->url)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry opened no upload", upload->what);
	if (minimum > 0)
		upload->chunk = MAX(minimum, CHUNK);
	return true;
}

static void tell(void *data, int64_t bytes)
{
	struct upload *upload = data;

	if (upload->progress)
		upload->progress(upload->data, upload->base + bytes);
}

// The session's URL with the digest, which ends it; a new text.
static char *final_url(const struct upload *upload)
{
	g_autofree char *digest = g_uri_escape_string(upload->descriptor->digest, NULL, FALSE);

	return g_strconcat(upload->url, strchr(upload->url, '?') ? "&" : "?", "digest=", digest, NULL);
}

static enum berth_http_outcome send_part(struct upload *upload, bool last, int64_t length,
					 struct berth_http_response *response, GError **error)
{
	struct berth_repository *repository = upload->repository;
	g_autofree char *url = last ? final_url(upload) : g_strdup(upload->url);
	g_autofree char *range = g_strdup_printf("Content-Range: %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT,
						 upload->offset, upload->offset + length - 1);
	const char *const headers[] = {"Content-Type: application/octet-stream", last ? NULL : range, NULL};
	struct berth_registry_call call = {
		.method = last ? "PUT" : "PATCH",
		.path = url,
		.scope = repository->scope,
		.headers = headers,
		.body_fd = length > 0 ? upload->fd : -1,
		.offset = upload->offset,
		.length = length,
		.sent = tell,
		.data = upload,
		.what = upload->what,
	};

	upload->base = upload->offset;
	return berth_registry_client_send_once(&repository->client, upload->endpoint, &call, response, error);
}

// How many bytes the registry has by the header Range ("0-1023"), or -1. "0-0" stands for none.
static int64_t received(const struct berth_http_response *response)
{
	const char *range = berth_http_header(response, "range");
	int64_t last;

	if (range && g_str_has_prefix(range, "bytes="))
		range += strlen("bytes=");
	if (!range || sscanf(range, "0-%" G_GINT64_FORMAT, &last) != 1 || last < 0 || last == G_MAXINT64)
		return -1;
	return last == 0 ? 0 : last + 1;
}

// Asks how far the session has come. Where the registry has lost it, there is none then.
static bool look_up(struct upload *upload, GError **error)
{
	struct berth_repository *repository = upload->repository;
	struct berth_registry_call call = {.method = "GET",
					   .path = upload->url,
					   .scope = repository->scope,
					   .body_fd = -1,
					   .limit = 65536,
					   .what = upload->what};
	struct berth_http_response response = {0};
	bool good = berth_registry_client_send(&repository->client, upload->endpoint, &call, &response, error);
	int64_t offset = good && (response.status == 204 || response.status == 202 || response.status == 200)
				 ? received(&response)
				 : -1;
	char *url = NULL;

	if (offset >= 0 && offset <= upload->descriptor->size && berth_http_header(&response, "location"))
		url = session_of(repository, upload->endpoint, &response, upload->url, upload->what, NULL);
	else if (offset >= 0 && offset <= upload->descriptor->size)
		url = g_strdup(upload->url);
	g_free(upload->url);
	upload->url = url;
	upload->offset = url ? offset : 0;
	berth_http_response_clear(&response);
	return good;
}

// After a chunk: where the session is now and what it has.
static bool take_chunk(struct upload *upload, const struct berth_http_response *response, int64_t length,
		       GError **error)
{
	int64_t offset = received(response);

	if (berth_http_header(response, "location")) {
		char *url =
			session_of(upload->repository, upload->endpoint, response, upload->url, upload->what, error);
		if (!url)
			return false;
		g_free(upload->url);
		upload->url = url;
	}
	upload->offset = offset >= 0 ? offset : upload->offset + length;
	if (upload->offset <= upload->descriptor->size)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry says that it has more than was sent",
			       upload->what);
}

enum verdict { DONE, NEXT, AGAIN, GIVE_UP };

static enum verdict judge(struct upload *upload, const struct berth_http_response *response, bool last, int64_t length,
			  GError **error)
{
	int status = response->status;

	if (last && (status == 201 || status == 204))
		return DONE;
	if (!last && (status == 202 || status == 204 || status == 201))
		return take_chunk(upload, response, length, error) ? NEXT : GIVE_UP;
	berth_response_error(&upload->repository->client, response, upload->what, error);
	// A proxy may want smaller requests; 416 and 404 tell that the session is elsewhere than we think.
	if (status == 413 && upload->chunk == 0 && upload->descriptor->size > CHUNK) {
		upload->chunk = CHUNK;
		return AGAIN;
	}
	return berth_status_is_passing(status) || status == 416 || status == 404 ? AGAIN : GIVE_UP;
}

// One request. Where the last one left something behind, the rest goes in one PATCH.
static enum verdict step(struct upload *upload, char **ret_retry_after, GError **error)
{
	int64_t left = upload->descriptor->size - upload->offset;
	int64_t length = upload->chunk > 0 ? MIN(left, upload->chunk) : left;
	bool last = left == 0 || (upload->chunk == 0 && upload->offset == 0);
	struct berth_http_response response = {0};
	enum berth_http_outcome outcome = send_part(upload, last, length, &response, error);
	enum verdict verdict = outcome == BERTH_HTTP_BROKEN ? AGAIN : GIVE_UP;

	if (outcome == BERTH_HTTP_ANSWERED)
		verdict = judge(upload, &response, last, length, error);
	*ret_retry_after = g_strdup(berth_http_header(&response, "retry-after"));
	berth_http_response_clear(&response);
	return verdict;
}

// The last request may have succeeded although its answer was lost.
static bool is_there(struct upload *upload)
{
	bool there = false;

	return berth_repository_has_blob(upload->repository, upload->descriptor->digest, &there, NULL) && there;
}

static bool run(struct upload *upload, GError **error)
{
	struct berth_registry_client *client = &upload->repository->client;
	unsigned fruitless = 0;

	for (unsigned interruptions = 0; interruptions <= INTERRUPTIONS;) {
		g_autofree char *retry_after = NULL;
		g_autoptr(GError) cause = NULL;
		int64_t before = upload->offset;
		if (!upload->url && !begin(upload, error))
			return false;
		enum verdict verdict = step(upload, &retry_after, &cause);
		if (verdict == DONE)
			return true;
		if (verdict == NEXT) {
			if (upload->offset > before) {
				fruitless = 0;
				continue;
			}
			berth_error_set(&cause, BERTH_ERROR_INVALID, "%s: the registry says that it got nothing",
					upload->what);
		}
		fruitless++;
		interruptions++;
		if (verdict == GIVE_UP || !berth_registry_client_may_retry(client, upload->endpoint, fruitless) ||
		    !berth_registry_client_back_off(client, fruitless - 1, retry_after, &cause)) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
		before = upload->offset;
		if (!look_up(upload, error))
			return false;
		if (!upload->url && is_there(upload))
			return true;
		if (upload->offset > before)
			fruitless = 0;
	}
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s: interrupted more than %d times", upload->what,
			       INTERRUPTIONS);
}

bool berth_repository_upload(struct berth_repository *repository, struct berth_blobs *blobs,
			     const struct oci_descriptor *descriptor, berth_transfer_fn *progress, void *data,
			     GError **error)
{
	g_autofree char *what = describe(repository, descriptor->digest);
	int64_t size = 0;
	berth_fd fd = berth_blob_open(blobs, descriptor->digest, &size, error);
	struct upload upload = {
		.repository = repository,
		.descriptor = descriptor,
		.fd = fd,
		.progress = progress,
		.data = data,
		.what = what,
	};
	bool good;

	if (fd < 0)
		return false;
	if (size != descriptor->size)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: %" G_GINT64_FORMAT
				       " bytes of it are here, its manifest says %" G_GINT64_FORMAT,
				       what, size, descriptor->size);
	upload.endpoint = berth_repository_own(repository, error);
	good = upload.endpoint && run(&upload, error);
	g_free(upload.url);
	return good;
}

bool berth_repository_put_manifest(struct berth_repository *repository, const char *reference,
				   const struct berth_manifest *manifest, GError **error)
{
	g_autofree char *what = g_strdup_printf("manifest %s/%s%c%s", repository->domain, repository->path,
						strchr(reference, ':') ? '@' : ':', reference);
	g_autofree char *path = g_strdup_printf("/v2/%s/manifests/%s", repository->path, reference);
	g_autofree char *type = g_strconcat("Content-Type: ", manifest->media_type, NULL);
	const char *const headers[] = {type, NULL};
	struct berth_endpoint *own = berth_repository_own(repository, error);
	struct berth_registry_call call = {
		.method = "PUT",
		.path = path,
		.scope = repository->scope,
		.headers = headers,
		.body = manifest->text,
		.body_fd = -1,
		.length = (int64_t) manifest->length,
		.what = what,
	};
	struct berth_http_response response = {0};
	bool good = own && berth_registry_client_send(&repository->client, own, &call, &response, error);

	if (good && response.status != 201 && response.status != 200)
		good = berth_response_error(&repository->client, &response, what, error);
	if (good) {
		const char *told = berth_http_header(&response, "docker-content-digest");
		if (told && manifest->digest && berth_digest_valid(told) && !g_str_equal(told, manifest->digest))
			good = berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry stored another one, %s",
					       what, told);
	}
	berth_http_response_clear(&response);
	return good;
}
