// SPDX-License-Identifier: Apache-2.0
// A repository: where it is asked for, and its manifests.
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "distribution/internal.h"

#include <string.h>

#define ACCEPT "Accept: " OCI_MEDIA_INDEX ", " DOCKER_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_MANIFEST

struct berth_repository *berth_repository_new(struct berth_registries *registries,
					      const struct berth_repository_options *options)
{
	struct berth_repository *repository = g_new0(struct berth_repository, 1);

	berth_registry_client_init(&repository->client, registries, options->credentials, options->canceled,
				   options->data);
	repository->domain = g_strdup(options->domain);
	repository->path = g_strdup(options->path);
	repository->push = options->push;
	repository->scope = g_strdup_printf("repository:%s:%s", options->path, options->push ? "pull,push" : "pull");
	repository->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return repository;
}

void berth_repository_free(struct berth_repository *repository)
{
	if (!repository)
		return;
	g_clear_pointer(&repository->mirrors, g_ptr_array_unref);
	berth_endpoint_free(repository->own);
	g_hash_table_unref(repository->sessions);
	g_free(repository->scope);
	g_free(repository->path);
	g_free(repository->domain);
	berth_registry_client_clear(&repository->client);
	g_free(repository);
}

// With the client's lock held.
static bool open_endpoints(struct berth_repository *repository, GError **error)
{
	struct berth_hosts *hosts = repository->client.registries->hosts;

	if (!repository->own)
		repository->own = berth_hosts_endpoint(hosts, repository->domain, error);
	if (repository->own && !repository->mirrors)
		repository->mirrors = berth_hosts_mirrors(hosts, repository->domain, error);
	return repository->own && repository->mirrors;
}

struct berth_endpoint *berth_repository_own(struct berth_repository *repository, GError **error)
{
	pthread_mutex_lock(&repository->client.lock);
	bool opened = open_endpoints(repository, error);
	pthread_mutex_unlock(&repository->client.lock);
	return opened ? repository->own : NULL;
}

// What is written is read from where it was written.
GPtrArray *berth_repository_sources(struct berth_repository *repository, GError **error)
{
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	GPtrArray *ret = NULL;

	pthread_mutex_lock(&repository->client.lock);
	if (open_endpoints(repository, error)) {
		for (guint i = 0; !repository->push && i < repository->mirrors->len; i++) {
			struct berth_endpoint *mirror = repository->mirrors->pdata[i];
			if (!mirror->dead)
				g_ptr_array_add(sources, mirror);
		}
		g_ptr_array_add(sources, repository->own);
		ret = g_steal_pointer(&sources);
	}
	pthread_mutex_unlock(&repository->client.lock);
	return ret;
}

void berth_endpoint_give_up(struct berth_registry_client *client, struct berth_endpoint *mirror)
{
	pthread_mutex_lock(&client->lock);
	mirror->dead = true;
	pthread_mutex_unlock(&client->lock);
}

// Asks the mirrors, then the registry. True when there is an answer, whatever its status; *ret_source is whose.
static bool ask(struct berth_repository *repository, const struct berth_registry_call *call,
		struct berth_http_response *response, struct berth_endpoint **ret_source, GError **error)
{
	g_autoptr(GPtrArray) sources = berth_repository_sources(repository, error);

	if (!sources)
		return false;
	for (guint i = 0; i + 1 < sources->len; i++) {
		enum berth_http_outcome outcome =
			berth_registry_client_send_once(&repository->client, sources->pdata[i], call, response, NULL);
		*ret_source = sources->pdata[i];
		if (outcome == BERTH_HTTP_ANSWERED && response->status == 200)
			return true;
		if (outcome != BERTH_HTTP_ANSWERED)
			berth_endpoint_give_up(&repository->client, sources->pdata[i]);
		berth_http_response_clear(response);
		if (repository->client.canceled && repository->client.canceled(repository->client.data))
			return berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
	}
	*ret_source = sources->pdata[sources->len - 1];
	return berth_registry_client_send(&repository->client, *ret_source, call, response, error);
}

void berth_manifest_clear(struct berth_manifest *manifest)
{
	g_free(manifest->media_type);
	g_free(manifest->digest);
	g_free(manifest->text);
	*manifest = (struct berth_manifest){0};
}

static bool is_digest(const char *reference)
{
	return strchr(reference, ':') != NULL;
}

static bool check_reference(const struct berth_repository *repository, const char *reference, GError **error)
{
	if (is_digest(reference) && !berth_digest_valid(reference))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid digest \"%s\" for %s/%s: only sha256 is supported", reference,
				       repository->domain, repository->path);
	if (!*reference || strpbrk(reference, "/?#% \t\r\n"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid tag \"%s\" for %s/%s", reference,
				       repository->domain, repository->path);
	return true;
}

// "manifest localhost:5000/busybox:1" for messages; a new text.
static char *describe(const struct berth_repository *repository, const char *reference)
{
	return g_strdup_printf("manifest %s/%s%c%s", repository->domain, repository->path,
			       is_digest(reference) ? '@' : ':', reference);
}

static bool fetch_manifest(struct berth_repository *repository, const char *method, const char *reference,
			   const char *what, struct berth_http_response *response, struct berth_endpoint **ret_source,
			   GError **error)
{
	static const char *const headers[] = {ACCEPT, NULL};
	g_autofree char *path = g_strdup_printf("/v2/%s/manifests/%s", repository->path, reference);
	struct berth_registry_call call = {
		.method = method,
		.path = path,
		.scope = repository->scope,
		.headers = headers,
		.body_fd = -1,
		.limit = BERTH_LIMIT_MANIFEST,
		.what = what,
	};

	return ask(repository, &call, response, ret_source, error);
}

static bool take_text(const char *reference, const char *what, struct berth_http_response *response,
		      struct berth_manifest *ret, GError **error)
{
	g_autofree char *media_type = berth_manifest_type(response, what, error);
	const char *told = berth_http_header(response, "docker-content-digest");
	char digest[BERTH_DIGEST_SIZE];
	struct berth_hash *hash;

	if (!media_type)
		return false;
	hash = berth_hash_new();
	berth_hash_update(hash, response->body->str, response->body->len);
	berth_hash_digest(hash, digest);
	if (is_digest(reference) && !g_str_equal(digest, reference))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the registry sent another one, %s", what,
				       digest);
	if (told && berth_digest_valid(told) && !g_str_equal(digest, told))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: the registry says that its digest is %s, but it is %s", what, told, digest);
	ret->media_type = g_steal_pointer(&media_type);
	ret->digest = g_strdup(digest);
	ret->length = response->body->len;
	ret->text = g_string_free(g_steal_pointer(&response->body), FALSE);
	return true;
}

// From the best source that is left; *ret_source is which.
static bool try_manifest(struct berth_repository *repository, const char *reference, const char *what,
			 struct berth_manifest *ret, struct berth_endpoint **ret_source, GError **error)
{
	struct berth_http_response response = {0};
	bool good = fetch_manifest(repository, "GET", reference, what, &response, ret_source, error);

	if (good && response.status == 200)
		good = take_text(reference, what, &response, ret, error);
	else if (good)
		good = berth_response_error(&repository->client, &response, what, error);
	berth_http_response_clear(&response);
	return good;
}

bool berth_repository_manifest(struct berth_repository *repository, const char *reference, struct berth_manifest *ret,
			       GError **error)
{
	g_autofree char *what = describe(repository, reference);

	if (!check_reference(repository, reference, error))
		return false;
	for (;;) {
		struct berth_endpoint *source = NULL;
		g_autoptr(GError) cause = NULL;
		if (try_manifest(repository, reference, what, ret, &source, &cause))
			return true;
		if (!source || source->own || g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_CANCELED)) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
		berth_endpoint_give_up(&repository->client, source); // a mirror that sends what cannot be it
	}
}

// What a HEAD tells is enough when it has digest and type.
static bool take_head(const char *reference, const struct berth_http_response *response, struct berth_manifest *ret)
{
	const char *digest = berth_http_header(response, "docker-content-digest");
	const char *type = berth_http_header(response, "content-type");
	int64_t length = berth_http_header_number(response, "content-length");
	g_autofree char *media_type = type ? g_strndup(type, strcspn(type, "; ")) : NULL;

	if (response->status != 200 || !digest || !berth_digest_valid(digest) || length < 0 ||
	    !berth_manifest_known(media_type) || (is_digest(reference) && !g_str_equal(digest, reference)))
		return false;
	ret->media_type = g_steal_pointer(&media_type);
	ret->digest = g_strdup(digest);
	ret->length = (size_t) length;
	return true;
}

bool berth_repository_resolve(struct berth_repository *repository, const char *reference, struct berth_manifest *ret,
			      GError **error)
{
	g_autofree char *what = describe(repository, reference);
	struct berth_http_response response = {0};
	struct berth_endpoint *source;
	bool good = false, again = false;

	if (!check_reference(repository, reference, error))
		return false;
	if (fetch_manifest(repository, "HEAD", reference, what, &response, &source, error)) {
		good = take_head(reference, &response, ret);
		// A HEAD that is refused does not say why, and some registries do not know HEAD.
		again = !good && !berth_status_is_passing(response.status);
		if (!good && !again)
			berth_response_error(&repository->client, &response, what, error);
	}
	berth_http_response_clear(&response);
	return again ? berth_repository_manifest(repository, reference, ret, error) : good;
}
