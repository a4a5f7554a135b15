// SPDX-License-Identifier: Apache-2.0
// Handlers of what needs a registry: pull, push, logging in, search, and manifests as a registry has them. They run on
// threads of their own, and stop when their client leaves.
//
// Credentials come with each request (X-Registry-Auth) and are nobody else's: they are used only if the host that they
// name, where they name one, is the one that is spoken to.
#include "api/progress.h"
#include "base/error.h"
#include "base/json.h"
#include "image/transfer.h"

#include <string.h>

#define DEFAULT_DOMAIN "docker.io"
#define SEARCH_LIMIT 25
#define SEARCH_MAX 100

static bool client_gone(void *data)
{
	const struct berth_progress_stream *stream = data;

	return berth_request_gone(stream->request);
}

// Credentials

// "https://index.docker.io/v1/" -> "docker.io", "http://localhost:5000/v2/" -> "localhost:5000"
static char *host_of(const char *address)
{
	const char *scheme = strstr(address, "://"), *start = scheme ? scheme + 3 : address;
	g_autofree char *host = g_strndup(start, strcspn(start, "/"));

	if (strcmp(host, "index.docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0)
		return g_strdup(DEFAULT_DOMAIN);
	return g_steal_pointer(&host);
}

// Reads the header; what cannot be read is as if it were not there, as with Docker. `domain` NULL: any.
static struct berth_credentials *read_credentials(const struct berth_request *request, const char *domain)
{
	size_t length;
	char *text = berth_request_decode(berth_request_registry_auth(request), &length);

	if (!text)
		return NULL;
	struct berth_credentials *credentials =
		berth_document_parse_text(&berth_credentials_document, text, length, "X-Registry-Auth", NULL);
	explicit_bzero(text, length);
	g_free(text);
	if (!credentials || !domain || !credentials->server_address || !*credentials->server_address)
		return credentials;
	g_autofree char *host = host_of(credentials->server_address);
	if (strcmp(host, domain) == 0)
		return credentials;
	berth_credentials_free(credentials);
	return NULL;
}

static struct berth_credentials *credentials_for(const struct berth_request *request, const char *name)
{
	struct berth_image_name parsed = {0};

	if (!berth_image_name_parse(name, &parsed, NULL))
		return NULL; // whoever uses the name says why
	struct berth_credentials *credentials = read_credentials(request, parsed.domain);
	berth_image_name_clear(&parsed);
	return credentials;
}

static struct berth_transfer_options transfer(struct berth_progress_stream *stream,
					      const struct berth_credentials *credentials)
{
	return (struct berth_transfer_options){
		.registries = berth_engine_registries(berth_request_engine(stream->request)),
		.credentials = credentials,
		.progress = berth_progress_write,
		.canceled = client_gone,
		.data = stream,
	};
}

// Pull

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(name, '@') || strchr(slash ? slash : name, ':');
}

// The name of fromImage and tag. Without a tag ("busybox", "busybox:") all of the repository's are meant.
static char *pull_name(const struct berth_request *request, bool *ret_all)
{
	const char *image = berth_request_text(request, "fromImage"), *tag = berth_request_text(request, "tag");
	g_autofree char *name = g_strdup(image);

	*ret_all = false;
	if (g_str_has_suffix(name, ":"))
		name[strlen(name) - 1] = '\0';
	if (tag && *tag) {
		char *at = strchr(name, '@'), *slash = strrchr(name, '/');
		char *colon = strchr(slash ? slash : name, ':');
		if (at || colon) // the tag of the query is what counts
			*(at ? at : colon) = '\0';
		return g_strconcat(name, strchr(tag, ':') ? "@" : ":", tag, NULL);
	}
	*ret_all = !has_tag(name);
	return g_steal_pointer(&name);
}

// What a registry's refusal is in Docker's words, on which programs look.
static void explain_pull(const char *name, GError **error)
{
	struct berth_image_name parsed = {0};

	if (!berth_image_name_parse(name, &parsed, NULL))
		return;
	g_autofree char *familiar = berth_image_name_familiar(&parsed);
	bool unknown_name = strstr((*error)->message, "NAME_UNKNOWN") || strstr((*error)->message, "name unknown");
	g_clear_pointer(&parsed.tag, g_free);
	g_clear_pointer(&parsed.digest, g_free);
	g_autofree char *repository = berth_image_name_familiar(&parsed);
	if (g_error_matches(*error, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED) ||
	    g_error_matches(*error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN)) {
		(*error)->code = BERTH_ERROR_NOT_FOUND;
		g_prefix_error(error,
			       "pull access denied for %s, repository does not exist or may require 'docker login': ",
			       repository);
	} else if (g_error_matches(*error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) && unknown_name) {
		g_prefix_error(error, "repository %s not found: ", repository);
	} else if (g_error_matches(*error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_prefix_error(error, "manifest for %s not found: manifest unknown: ", familiar);
	}
	berth_image_name_clear(&parsed);
}

bool berth_handle_image_pull(struct berth_request *request, GError **error)
{
	const char *platform = berth_request_text(request, "platform");
	struct berth_progress_stream stream = {request, false};
	GError *failure = NULL;
	bool all;

	g_autofree char *name = pull_name(request, &all);
	g_autoptr(berth_credentials) credentials = credentials_for(request, name);
	struct berth_transfer_options options = transfer(&stream, credentials);
	options.platform = platform && *platform ? platform : NULL;
	options.all_tags = all;
	if (!berth_images_pull(berth_request_images(request), name, &options, &failure) && !berth_stream_begun(request))
		explain_pull(name, &failure);
	return berth_progress_end(&stream, failure, error);
}

// Push

// An image here is of one platform: another one cannot be pushed.
static bool check_platform(struct berth_request *request, const char *name, const char *text, GError **error)
{
	if (!text || !*text)
		return true;
	g_autoptr(oci_platform) wanted =
		berth_document_parse_text(&oci_platform_document, text, strlen(text), "platform", error);
	if (!wanted)
		return false;
	g_autoptr(api_image_inspect) image = berth_images_inspect(berth_request_images(request), name, error);
	if (!image)
		return false;
	if (g_strcmp0(image->os, wanted->os) == 0 && g_strcmp0(image->architecture, wanted->architecture) == 0 &&
	    (!wanted->variant || !*wanted->variant || g_strcmp0(image->variant, wanted->variant) == 0))
		return true;
	return berth_error_set(
		error, BERTH_ERROR_NOT_FOUND,
		"image with reference %s was found but does not provide the specified platform (%s/%s%s%s)", name,
		wanted->os ? wanted->os : "", wanted->architecture ? wanted->architecture : "",
		wanted->variant && *wanted->variant ? "/" : "", wanted->variant ? wanted->variant : "");
}

bool berth_handle_image_push(struct berth_request *request, GError **error)
{
	const char *argument = berth_request_argument(request), *tag = berth_request_text(request, "tag");
	struct berth_progress_stream stream = {request, false};
	GError *failure = NULL;

	g_autofree char *name = tag && *tag ? g_strconcat(argument, ":", tag, NULL) : g_strdup(argument);
	bool all = !has_tag(name);
	if (!all && !check_platform(request, name, berth_request_text(request, "platform"), error))
		return false;
	g_autoptr(berth_credentials) credentials = credentials_for(request, name);
	struct berth_transfer_options options = transfer(&stream, credentials);
	options.all_tags = all;
	berth_images_push(berth_request_images(request), name, &options, &failure);
	return berth_progress_end(&stream, failure, error);
}

// Logging in and searching

bool berth_handle_auth(struct berth_request *request, GError **error)
{
	g_autofree char *token = NULL;
	size_t length;
	const char *body = berth_request_body(request, &length);
	g_autoptr(berth_credentials) credentials =
		berth_document_parse_text(&berth_credentials_document, body, length, "auth", error);

	if (!credentials ||
	    !berth_registries_login(berth_engine_registries(berth_request_engine(request)), credentials, &token, error))
		return false;
	BERTH_AUTO_JSON json_t *answer =
		json_pack("{s:s, s:s}", "Status", "Login Succeeded", "IdentityToken", token ? token : "");
	return berth_reply_json(request, 200, answer);
}

// Filters of a search: numbers and switches.
static bool found_passes(const struct berth_found_repository *found, GHashTable *filters)
{
	char *const *stars = filters ? g_hash_table_lookup(filters, "stars") : NULL;
	char *const *official = filters ? g_hash_table_lookup(filters, "is-official") : NULL;
	char *const *automated = filters ? g_hash_table_lookup(filters, "is-automated") : NULL;

	for (; stars && *stars; stars++)
		if (found->stars < g_ascii_strtoll(*stars, NULL, 10))
			return false;
	return (!official || !*official || berth_route_switch(*official) == found->official) &&
	       (!automated || !*automated || berth_route_switch(*automated) == found->automated);
}

static bool check_search(GHashTable *filters, int64_t limit, GError **error)
{
	static const char *const known[] = {"is-automated", "is-official", "stars", NULL};
	GHashTableIter iter;
	void *name, *value;

	if (limit < 1 || limit > SEARCH_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "limit %" G_GINT64_FORMAT " is outside the range of [1, 100]", limit);
	if (!filters)
		return true;
	g_hash_table_iter_init(&iter, filters);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		if (!g_strv_contains(known, name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter '%s'", (char *) name);
		for (char *const *text = value; *text; text++)
			if (strcmp(name, "stars") == 0 && (!**text || (*text)[strspn(*text, "0123456789")]))
				return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter 'stars=%s'", *text);
	}
	return true;
}

bool berth_handle_image_search(struct berth_request *request, GError **error)
{
	int64_t limit = berth_request_integer(request, "limit", SEARCH_LIMIT);
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error) ||
	    !check_search(filters, limit = limit == 0 ? SEARCH_LIMIT : limit, error))
		return false;
	const char *term = berth_request_text(request, "term");
	g_autofree char *first = g_strndup(term, strcspn(term, "/"));
	bool of_host = strchr(term, '/') && (strpbrk(first, ".:") || strcmp(first, "localhost") == 0);
	g_autoptr(berth_credentials) credentials = read_credentials(request, of_host ? first : DEFAULT_DOMAIN);
	g_autoptr(GPtrArray) found = berth_registries_search(berth_engine_registries(berth_request_engine(request)),
							     term, (int) limit, credentials, error);
	if (!found)
		return false;
	BERTH_AUTO_JSON json_t *answer = json_array();
	for (guint i = 0; i < found->len; i++) {
		const struct berth_found_repository *one = found->pdata[i];
		if (found_passes(one, filters))
			json_array_append_new(answer,
					      json_pack("{s:I, s:b, s:s, s:b, s:s}", "star_count",
							(json_int_t) one->stars, "is_official", one->official, "name",
							one->name, "is_automated", one->automated, "description",
							one->description ? one->description : ""));
	}
	return berth_reply_json(request, 200, answer);
}

// Manifests as a registry has them

static bool remote_manifest(struct berth_progress_stream *stream, struct berth_manifest *ret, GError **error)
{
	const char *name = berth_request_argument(stream->request);
	g_autoptr(berth_credentials) credentials = credentials_for(stream->request, name);
	struct berth_transfer_options options = transfer(stream, credentials);

	options.progress = NULL;
	if (berth_images_remote_manifest(berth_request_images(stream->request), name, &options, ret, error))
		return true;
	explain_pull(name, error);
	return false;
}

bool berth_handle_manifest(struct berth_request *request, GError **error)
{
	struct berth_progress_stream stream = {request, false};
	struct berth_manifest manifest = {0};

	if (!remote_manifest(&stream, &manifest, error))
		return false;
	berth_reply_header(request, "Docker-Content-Digest", manifest.digest);
	berth_reply_text(request, 200, manifest.media_type, manifest.text);
	berth_manifest_clear(&manifest);
	return true;
}

static json_t *index_platforms(const struct berth_manifest *manifest, GError **error)
{
	g_autoptr(oci_index) index =
		berth_document_parse_text(&oci_index_document, manifest->text, manifest->length, "manifest", error);
	json_t *platforms = index ? json_array() : NULL;

	for (guint i = 0; index && index->manifests && i < index->manifests->len; i++) {
		const struct oci_descriptor *entry = index->manifests->pdata[i];
		if (entry->platform)
			json_array_append_new(platforms,
					      berth_document_print(&oci_platform_document, entry->platform, 0));
	}
	return platforms;
}

// The platforms of an index's manifests; of a single manifest the one that its configuration tells.
static json_t *platforms_of(struct berth_progress_stream *stream, const struct berth_manifest *manifest, GError **error)
{
	const char *name = berth_request_argument(stream->request);

	if (g_strcmp0(manifest->media_type, OCI_MEDIA_INDEX) == 0 ||
	    g_strcmp0(manifest->media_type, DOCKER_MEDIA_INDEX) == 0)
		return index_platforms(manifest, error);
	g_autoptr(berth_credentials) credentials = credentials_for(stream->request, name);
	struct berth_transfer_options options = transfer(stream, credentials);
	g_autoptr(oci_platform) platform =
		berth_engine_remote_platform(berth_request_engine(stream->request), name, manifest, &options, error);
	if (!platform)
		return NULL;
	json_t *platforms = json_array();
	json_array_append_new(platforms, berth_document_print(&oci_platform_document, platform, 0));
	return platforms;
}

bool berth_handle_distribution(struct berth_request *request, GError **error)
{
	struct berth_progress_stream stream = {request, false};
	struct berth_manifest manifest = {0};

	if (!remote_manifest(&stream, &manifest, error))
		return false;
	json_t *platforms = platforms_of(&stream, &manifest, error);
	BERTH_AUTO_JSON json_t *answer = platforms ? json_pack("{s:{s:s, s:s, s:I}, s:o}", "Descriptor", "mediaType",
							       manifest.media_type, "digest", manifest.digest, "size",
							       (json_int_t) manifest.length, "Platforms", platforms)
						   : NULL;
	berth_manifest_clear(&manifest);
	return answer && berth_reply_json(request, 200, answer);
}

// The body of a pushed index: {"index": {…}, "sources": ["host/path@sha256:…", …]}.
struct index_push {
	struct oci_index *index;
	char **sources;
};
static const struct berth_field index_push_fields[] = {
	BERTH_OBJECT(struct index_push, index, "index", &oci_index_document, BERTH_REQUIRED),
	BERTH_STRINGS(struct index_push, sources, "sources", BERTH_REQUIRED),
	{0},
};
static const struct berth_document index_push_document = {"push", sizeof(struct index_push), index_push_fields};
BERTH_DOCUMENT_AUTOPTR(index_push, index_push_document)

bool berth_handle_manifest_push(struct berth_request *request, GError **error)
{
	struct berth_progress_stream stream = {request, false};
	const char *name = berth_request_argument(request);
	g_autofree char *digest = NULL;
	size_t length;
	const char *body = berth_request_body(request, &length);

	g_autoptr(index_push) push = berth_document_parse_text(&index_push_document, body, length, "push", error);
	if (!push)
		return false;
	g_autoptr(berth_credentials) credentials = credentials_for(request, name);
	struct berth_transfer_options options = transfer(&stream, credentials);
	options.progress = NULL;
	if (!push->index->manifests || g_strv_length(push->sources) != push->index->manifests->len)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "push.sources: expected one for each manifest of the index");
	if (!berth_images_push_index(berth_request_images(request), name, push->index, push->sources, &options, &digest,
				     error))
		return false;
	BERTH_AUTO_JSON json_t *answer = json_pack("{s:s}", "Digest", digest);
	return berth_reply_json(request, 200, answer);
}
