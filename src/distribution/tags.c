// SPDX-License-Identifier: Apache-2.0
// Lists that come in pages: tags of a repository, repositories of a registry. The next page's address is a Link header
// (RFC 8288) with rel="next".
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

#define PAGE 1000 // entries that are asked for at once

// The target of the first link whose relation is "next", or NULL; a new text.
static char *next_link(const char *header)
{
	const char *open = header ? strchr(header, '<') : NULL;

	while (open) {
		const char *close = strchr(open, '>');
		const char *next = close ? strstr(close, ",") : NULL;
		g_autofree char *parameters =
			next ? g_strndup(close + 1, (gsize) (next - close - 1)) : g_strdup(close ? close + 1 : "");
		if (!close)
			return NULL;
		if (strstr(parameters, "rel=\"next\"") || strstr(parameters, "rel=next"))
			return g_strndup(open + 1, (gsize) (close - open - 1));
		open = next ? strchr(next, '<') : NULL;
	}
	return NULL;
}

// The path behind the endpoint's base that a link leads to, or NULL when it leads elsewhere; a new text.
static char *follow_link(const struct berth_endpoint *endpoint, const char *path, const char *link)
{
	g_autofree char *origin = g_strconcat("https://", endpoint->authority, NULL);
	g_autofree char *base = g_strconcat(origin, endpoint->base, path, NULL);
	g_autofree char *url = berth_url_resolve(base, link);
	g_autofree char *authority = url ? berth_url_authority(url) : NULL;
	g_autofree char *own = berth_url_authority(origin);
	const char *found;

	// Behind a proxy that ends TLS, registries tell http:// and ports of their own: what counts is the path.
	if (!url || !g_str_equal(authority, own))
		return NULL;
	found = strchr(strstr(url, "://") + 3, '/');
	if (!found || !g_str_has_prefix(found, endpoint->base))
		return NULL;
	return g_strdup(found + strlen(endpoint->base));
}

static bool take_page(const struct berth_http_response *response, const struct berth_registry_list *listing,
		      GPtrArray *into, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(response->body->str, response->body->len, listing->what, error);
	const json_t *entries = json_object_get(json, listing->member), *entry;
	size_t i;

	if (!json)
		return false;
	if (!json_is_array(entries) && entries && !json_is_null(entries))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: \"%s\" is no array", listing->what,
				       listing->member);
	json_array_foreach(entries, i, entry)
	{
		const char *text = json_string_value(entry);
		if (!text)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: an entry is no text", listing->what);
		if (listing->keep && !listing->keep(listing->data, text))
			continue;
		if (into->len >= listing->limit)
			return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "%s: more than %u entries",
					       listing->what, listing->limit);
		g_ptr_array_add(into, g_strdup(text));
	}
	return true;
}

bool berth_registry_list_all(struct berth_registry_client *client, struct berth_endpoint *endpoint,
			     const struct berth_registry_list *listing, GPtrArray *into, GError **error)
{
	g_autofree char *path = g_strdup(listing->path);

	for (int page = 0; page < BERTH_LIMIT_PAGES; page++) {
		struct berth_http_response response = {0};
		struct berth_registry_call call = {
			.method = "GET",
			.path = path,
			.scope = listing->scope,
			.body_fd = -1,
			.limit = BERTH_LIMIT_MANIFEST,
			.what = listing->what,
		};
		bool good = berth_registry_client_send(client, endpoint, &call, &response, error);
		if (good && response.status != 200)
			good = berth_response_error(client, &response, listing->what, error);
		g_autofree char *link = good ? next_link(berth_http_header(&response, "link")) : NULL;
		good = good && take_page(&response, listing, into, error);
		berth_http_response_clear(&response);
		if (!good || !link || (listing->enough > 0 && into->len >= listing->enough))
			return good;
		char *next = follow_link(endpoint, path, link);
		if (!next)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "%s: the next page is at another host, which is refused", listing->what);
		g_free(path);
		path = next;
	}
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "%s: more than %d pages", listing->what,
			       BERTH_LIMIT_PAGES);
}

static bool check_tag(const char *tag, const char *what, GError **error)
{
	size_t length = strlen(tag);
	bool good = length > 0 && length <= BERTH_LIMIT_REFERENCE_TAG && tag[0] != '.' && tag[0] != '-';

	for (size_t i = 0; good && i < length; i++)
		good = g_ascii_isalnum(tag[i]) || strchr("_.-", tag[i]);
	return good || berth_error_set(error, BERTH_ERROR_INVALID, "%s: one of them is no valid tag", what);
}

char **berth_repository_tags(struct berth_repository *repository, GError **error)
{
	g_autoptr(GPtrArray) sources = berth_repository_sources(repository, error), tags = NULL;
	g_autofree char *path = g_strdup_printf("/v2/%s/tags/list?n=%d", repository->path, PAGE);
	g_autofree char *what = g_strdup_printf("tags of %s/%s", repository->domain, repository->path);
	struct berth_registry_list listing = {
		.path = path, .member = "tags", .scope = repository->scope, .limit = BERTH_LIMIT_TAGS, .what = what};
	bool good = false;

	for (guint i = 0; sources && !good && i < sources->len; i++) {
		bool last = i + 1 == sources->len;
		g_clear_pointer(&tags, g_ptr_array_unref);
		tags = g_ptr_array_new_with_free_func(g_free);
		good = berth_registry_list_all(&repository->client, sources->pdata[i], &listing, tags,
					       last ? error : NULL);
	}
	for (guint i = 0; good && i < tags->len; i++)
		good = check_tag(tags->pdata[i], what, error);
	if (!good)
		return NULL;
	g_ptr_array_add(tags, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&tags), FALSE);
}
