// SPDX-License-Identifier: Apache-2.0
// Searching: Docker's index has /v1/search; other registries a catalogue of names at best.
#include "base/document.h"
#include "base/error.h"
#include "base/limits.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

#define INDEX "index.docker.io"
#define PAGE 1000 // names of the catalogue that are asked for at once

struct result {
	char *name, *description;
	int64_t stars;
	bool official, automated;
};

static const struct berth_field result_fields[] = {
	BERTH_STRING(struct result, name, "name", BERTH_REQUIRED),
	BERTH_STRING(struct result, description, "description", 0),
	BERTH_INT64(struct result, stars, "star_count", 0),
	BERTH_BOOL(struct result, official, "is_official", 0),
	BERTH_BOOL(struct result, automated, "is_automated", 0),
	{0},
};
static const struct berth_document result_document = {"result", sizeof(struct result), result_fields};

struct results {
	GPtrArray *results;
};

static const struct berth_field results_fields[] = {
	BERTH_OBJECTS(struct results, results, "results", &result_document, 0),
	{0},
};
static const struct berth_document results_document = {"search", sizeof(struct results), results_fields};

struct search {
	struct berth_registry_client client;
	struct berth_endpoint *endpoint;
	char *host; // NULL: docker.io
	const char *term; // without the host
	guint limit;
	char *what;
};

void berth_found_repository_free(struct berth_found_repository *found)
{
	if (!found)
		return;
	g_free(found->name);
	g_free(found->description);
	g_free(found);
}

static GPtrArray *new_list(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify) berth_found_repository_free);
}

static char *familiar(const struct search *search, const char *name)
{
	if (search->host)
		return g_str_has_prefix(name, search->host) && name[strlen(search->host)] == '/'
			       ? g_strdup(name)
			       : g_strconcat(search->host, "/", name, NULL);
	return g_strdup(g_str_has_prefix(name, "library/") ? name + strlen("library/") : name);
}

static GPtrArray *take_results(const struct search *search, const struct berth_http_response *response, GError **error)
{
	struct results *results = berth_document_parse_text(&results_document, response->body->str, response->body->len,
							    search->what, error);
	GPtrArray *list = results ? new_list() : NULL;

	for (guint i = 0; results && results->results && i < results->results->len && list->len < search->limit; i++) {
		const struct result *result = results->results->pdata[i];
		struct berth_found_repository *found = g_new0(struct berth_found_repository, 1);
		found->name = familiar(search, result->name);
		found->description = g_strdup(result->description ? result->description : "");
		found->stars = result->stars;
		found->official = result->official;
		found->automated = result->automated;
		g_ptr_array_add(list, found);
	}
	berth_document_free(&results_document, results);
	return list;
}

static bool contains(const void *term, const char *name)
{
	return strstr(name, term) != NULL;
}

static GPtrArray *search_catalogue(struct search *search, GError **error)
{
	g_autofree char *path = g_strdup_printf("/v2/_catalog?n=%d", PAGE);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct berth_registry_list listing = {
		.path = path,
		.member = "repositories",
		.scope = "registry:catalog:*",
		.limit = BERTH_LIMIT_TAGS,
		.enough = search->limit,
		.keep = contains,
		.data = search->term,
		.what = search->what,
	};
	GPtrArray *list;

	if (!berth_registry_list_all(&search->client, search->endpoint, &listing, names, error))
		return NULL;
	list = new_list();
	for (guint i = 0; i < names->len && i < search->limit; i++) {
		struct berth_found_repository *found = g_new0(struct berth_found_repository, 1);
		found->name = familiar(search, names->pdata[i]);
		found->description = g_strdup("");
		g_ptr_array_add(list, found);
	}
	return list;
}

static bool is_json(const struct berth_http_response *response)
{
	const char *type = berth_http_header(response, "content-type");

	return type && g_str_has_prefix(type, "application/json");
}

static GPtrArray *run(struct search *search, GError **error)
{
	g_autofree char *escaped = g_uri_escape_string(search->term, NULL, FALSE);
	g_autofree char *path = g_strdup_printf("/v1/search?q=%s&n=%u", escaped, search->limit);
	struct berth_registry_call call = {
		.method = "GET", .path = path, .body_fd = -1, .limit = BERTH_LIMIT_MANIFEST, .what = search->what};
	struct berth_http_response response = {0};
	GPtrArray *list = NULL;

	if (berth_registry_client_send(&search->client, search->endpoint, &call, &response, error)) {
		if (response.status == 200 && is_json(&response))
			list = take_results(search, &response, error);
		else if (search->host && !berth_status_is_passing(response.status))
			list = search_catalogue(search, error);
		else
			berth_response_error(&search->client, &response, search->what, error);
	}
	berth_http_response_clear(&response);
	return list;
}

// The host before the first slash, if it is one by Docker's rule; a new text, or NULL.
static char *host_of(const char *term)
{
	const char *slash = strchr(term, '/');
	g_autofree char *host = slash ? g_strndup(term, (gsize) (slash - term)) : NULL;

	if (!host || !(strpbrk(host, ".:") || g_str_equal(host, "localhost")) || g_str_equal(host, "docker.io") ||
	    g_str_equal(host, INDEX))
		return NULL;
	return g_steal_pointer(&host);
}

GPtrArray *berth_registries_search(struct berth_registries *registries, const char *term, int limit,
				   const struct berth_credentials *credentials, GError **error)
{
	struct search search = {.host = host_of(term), .term = term, .limit = (guint) CLAMP(limit, 1, 100)};
	GPtrArray *list = NULL;

	if (search.host || g_str_has_prefix(term, "docker.io/") || g_str_has_prefix(term, INDEX "/"))
		search.term = strchr(term, '/') + 1;
	if (search.host && !berth_authority_valid(search.host)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid registry \"%s\": expected host[:port]",
				search.host);
		g_free(search.host);
		return NULL;
	}
	search.what = g_strdup_printf("search of %s", search.host ? search.host : "docker.io");
	berth_registry_client_init(&search.client, registries, credentials, NULL, NULL);
	search.endpoint = berth_hosts_endpoint(registries->hosts, search.host ? search.host : "docker.io", error);
	if (search.endpoint) {
		if (!search.host) {
			g_free(search.endpoint->authority);
			search.endpoint->authority = g_strdup(INDEX);
		}
		list = run(&search, error);
	}
	berth_endpoint_free(search.endpoint);
	berth_registry_client_clear(&search.client);
	g_free(search.what);
	g_free(search.host);
	return list;
}
