// SPDX-License-Identifier: Apache-2.0
#include "build/context/fetch.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "distribution/address.h"
#include "http/http.h"

#include <stdio.h>
#include <string.h>

#define HANDSHAKE 30000 // milliseconds
#define STALL 60000
#define PATIENCE 120000
#define PROGRESS ((int64_t) 256 << 10) // bytes between two reports

struct fetching {
	const struct berth_build_tree_options *options;
	const char *url; // that was asked for
	char *shown; // and as messages have it
	int fd;
	struct berth_hash *hash;
	int64_t size, told, total;
};

typedef struct berth_http berth_http;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_http, berth_http_free)
typedef struct berth_proxies berth_proxies;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_proxies, berth_proxies_free)

char *berth_build_url_redact(const char *url)
{
	const char *host = strstr(url, "://");

	if (!host)
		return g_strdup(url);
	host += 3;
	size_t length = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', length), *colon = at ? memchr(host, ':', (size_t) (at - host)) : NULL;
	if (!colon)
		return g_strdup(url);
	return g_strdup_printf("%.*s:xxxxx%s", (int) (colon - url), url, at);
}

static bool take(void *data, const struct berth_http_response *response, const void *bytes, size_t length,
		 GError **error)
{
	struct fetching *this = data;
	const struct berth_build_tree_options *options = this->options;

	if ((int64_t) length > BERTH_LIMIT_CONTEXT_BYTES - this->size)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it is larger than %" G_GINT64_FORMAT " bytes",
				       BERTH_LIMIT_CONTEXT_BYTES);
	if (!berth_write_all(this->fd, bytes, length, "what is downloaded", error))
		return false;
	berth_hash_update(this->hash, bytes, length);
	this->size += (int64_t) length;
	if (options->progress && this->size - this->told >= PROGRESS) {
		this->told = this->size;
		options->progress(options->data, this->shown, this->size,
				  MAX(berth_http_header_number(response, "content-length"), 0));
	}
	return true;
}

// What a secret says for the host of the URL; NULL: nothing.
static char *authorization(const struct fetching *this)
{
	g_autofree char *host = berth_url_authority(this->url);
	GHashTable *secrets = this->options->credentials;
	g_autofree char *token_name = g_strconcat("HTTP_AUTH_TOKEN_", host, NULL);
	g_autofree char *header_name = g_strconcat("HTTP_AUTH_HEADER_", host, NULL);
	GBytes *token = secrets ? g_hash_table_lookup(secrets, token_name) : NULL;
	GBytes *header = secrets ? g_hash_table_lookup(secrets, header_name) : NULL;
	gsize length;

	if (!token && !header)
		return NULL;
	const char *value = g_bytes_get_data(header ? header : token, &length);
	g_autofree char *text = g_strchomp(g_strndup(value, length));
	if (strpbrk(text, "\r\n"))
		return NULL;
	return header ? g_steal_pointer(&text) : g_strconcat("Bearer ", text, NULL);
}

static bool is_redirect(const struct berth_http_response *response)
{
	int status = response->status;

	return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
	       berth_http_header(response, "location");
}

static char *next_url(const char *url, const struct berth_http_response *response, GError **error)
{
	g_autofree char *next = berth_url_resolve(url, berth_http_header(response, "location"));

	if (!next)
		berth_error_set(error, BERTH_ERROR_INVALID, "it redirects to what is no http(s) URL");
	else if (g_str_has_prefix(url, "https:") && g_str_has_prefix(next, "http:"))
		berth_error_set(error, BERTH_ERROR_INVALID, "it redirects from TLS to plain HTTP, which is refused");
	else
		return g_steal_pointer(&next);
	return NULL;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); 0 for anything else.
static time_t read_date(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int day, year, hour, minute, second;
	char month[4] = "";

	if (!text || sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT", &day, month, &year, &hour, &minute,
			    &second) != 6)
		return 0;
	const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
	if (!found || (found - months) % 3 != 0)
		return 0;
	struct tm time = {
		.tm_year = year - 1900,
		.tm_mon = (int) (found - months) / 3,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second,
	};
	return MAX(timegm(&time), 0);
}

// One exchange. *ret_next: where it redirects to, if it does.
static bool ask(struct fetching *this, struct berth_http *http, const struct berth_proxies *proxies, const char *url,
		char **ret_next, struct berth_build_fetched *ret, GError **error)
{
	g_autofree char *secret = berth_url_same_origin(this->url, url) ? authorization(this) : NULL;
	const struct berth_http_request request = {
		.method = "GET",
		.url = url,
		.proxy = berth_proxies_find(proxies, url),
		.authorization = secret,
		.body_fd = -1,
		.sink = take,
		.data = this,
		.handshake = HANDSHAKE,
		.stall = STALL,
		.patience = PATIENCE,
		.canceled = this->options->canceled,
		.canceled_data = this->options->data,
	};
	struct berth_http_response response = {0};
	bool done = berth_http_perform(http, &request, &response, error) == BERTH_HTTP_ANSWERED;

	if (done && is_redirect(&response)) {
		*ret_next = next_url(url, &response, error);
		done = *ret_next != NULL;
	} else if (done && response.status != 200) {
		done = berth_error_set(error, response.status == 404 ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_UNAVAILABLE,
				       "invalid response status %d", response.status);
	} else if (done) {
		ret->modified.tv_sec = read_date(berth_http_header(&response, "last-modified"));
	}
	berth_http_response_clear(&response);
	return done;
}

static bool fetch(struct fetching *this, struct berth_build_fetched *ret, GError **error)
{
	g_autoptr(berth_http) http = berth_http_new();
	g_autoptr(berth_proxies) proxies = berth_proxies_new();
	g_autofree char *url = g_strndup(this->url, strcspn(this->url, "#"));

	for (int i = 0; i <= BERTH_LIMIT_BUILD_REDIRECTS; i++) {
		char *next = NULL;
		if (!ask(this, http, proxies, url, &next, ret, error))
			return false;
		if (!next)
			return true;
		g_free(url);
		url = next;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "it redirects more than %d times",
			       BERTH_LIMIT_BUILD_REDIRECTS);
}

bool berth_build_fetch(const char *url, const struct berth_build_tree_options *options, int fd,
		       struct berth_build_fetched *ret, GError **error)
{
	struct fetching this = {.options = options, .url = url, .fd = fd, .hash = berth_hash_new()};

	*ret = (struct berth_build_fetched){0};
	this.shown = berth_build_url_redact(url);
	bool done = fetch(&this, ret, error);
	if (!done)
		g_prefix_error(error, "%s: ", this.shown);
	ret->size = this.size;
	berth_hash_digest(this.hash, ret->digest);
	g_free(this.shown);
	return done;
}
