// SPDX-License-Identifier: Apache-2.0
// How hosts are reached: which are insecure, which have mirrors, which certificates are theirs. Certificates are read
// when a repository is opened, so that new ones need no restart.
#include "base/error.h"
#include "base/fd.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#define CERTIFICATE_LIMIT (1 << 20) // bytes of one file

struct mirror {
	char *domain;
	struct berth_endpoint endpoint; // what is the same for all that use it; no certificates
};

struct berth_hosts {
	GPtrArray *insecure; // of struct berth_network or, by name, host[:port]
	GPtrArray *names;
	GPtrArray *mirrors; // of struct mirror
	char **certificates; // folders
	struct berth_proxies *proxies;
	pthread_mutex_t lock; // of `schemes`
	GHashTable *schemes; // which one a host without a fixed one spoke
};

static void free_mirror(void *data)
{
	struct mirror *mirror = data;

	g_free(mirror->domain);
	g_free(mirror->endpoint.authority);
	g_free(mirror->endpoint.base);
	g_free(mirror->endpoint.scheme);
	g_free(mirror);
}

void berth_endpoint_free(struct berth_endpoint *endpoint)
{
	if (!endpoint)
		return;
	berth_tls_clear(&endpoint->tls);
	g_free(endpoint->authority);
	g_free(endpoint->base);
	g_free(endpoint->scheme);
	g_free(endpoint);
}

// "docker.io" is served by another host.
static const char *host_of(const char *domain)
{
	return g_str_equal(domain, "docker.io") || g_str_equal(domain, "index.docker.io") ? "registry-1.docker.io"
											  : domain;
}

static bool add_insecure(struct berth_hosts *hosts, const char *entry, GError **error)
{
	struct berth_network network;

	if (strchr(entry, '/')) {
		if (!berth_network_parse(entry, &network))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "insecure registry \"%s\": expected host[:port] or a network such as "
					       "10.0.0.0/8",
					       entry);
		g_ptr_array_add(hosts->insecure, g_memdup2(&network, sizeof network));
		return true;
	}
	if (!berth_authority_valid(entry))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "insecure registry \"%s\": expected host[:port], without a scheme", entry);
	g_ptr_array_add(hosts->names, g_ascii_strdown(entry, -1));
	return true;
}

// "URL" or "HOST=URL".
static bool add_mirror(struct berth_hosts *hosts, const char *entry, GError **error)
{
	const char *scheme = strstr(entry, "://");
	const char *equals = scheme ? memchr(entry, '=', (size_t) (scheme - entry)) : NULL;
	const char *url = equals ? equals + 1 : entry;
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED | G_URI_FLAGS_HAS_PASSWORD, NULL);
	g_autofree char *domain = equals ? g_strndup(entry, (gsize) (equals - entry)) : g_strdup("docker.io");

	if (!uri || !berth_uri_is_http(uri) || !berth_authority_valid(domain))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "registry mirror \"%s\": expected URL or HOST=URL, with http:// or https://",
				       entry);
	if (g_uri_get_userinfo(uri) || g_uri_get_query(uri) || g_uri_get_fragment(uri))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "registry mirror of %s: a user, a query or a fragment is not supported in the "
				       "URL of a mirror",
				       domain);
	struct mirror *mirror = g_new0(struct mirror, 1);
	mirror->domain = g_steal_pointer(&domain);
	mirror->endpoint.scheme = g_strdup(g_uri_get_scheme(uri));
	mirror->endpoint.authority = berth_uri_authority(uri);
	mirror->endpoint.base = g_strdup(g_uri_get_path(uri));
	while (g_str_has_suffix(mirror->endpoint.base, "/"))
		mirror->endpoint.base[strlen(mirror->endpoint.base) - 1] = '\0';
	g_ptr_array_add(hosts->mirrors, mirror);
	return true;
}

struct berth_hosts *berth_hosts_new(const struct berth_registries_options *options, GError **error)
{
	struct berth_hosts *hosts = g_new0(struct berth_hosts, 1);
	bool good = true;

	pthread_mutex_init(&hosts->lock, NULL);
	hosts->insecure = g_ptr_array_new_with_free_func(g_free);
	hosts->names = g_ptr_array_new_with_free_func(g_free);
	hosts->mirrors = g_ptr_array_new_with_free_func(free_mirror);
	hosts->schemes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	hosts->certificates = g_strdupv((char **) options->certificates);
	hosts->proxies = berth_proxies_new();
	for (size_t i = 0; good && options->insecure && options->insecure[i]; i++)
		good = add_insecure(hosts, options->insecure[i], error);
	for (size_t i = 0; good && options->mirrors && options->mirrors[i]; i++)
		good = add_mirror(hosts, options->mirrors[i], error);
	if (good)
		return hosts;
	berth_hosts_free(hosts);
	return NULL;
}

void berth_hosts_free(struct berth_hosts *hosts)
{
	if (!hosts)
		return;
	g_ptr_array_unref(hosts->insecure);
	g_ptr_array_unref(hosts->names);
	g_ptr_array_unref(hosts->mirrors);
	g_hash_table_unref(hosts->schemes);
	g_strfreev(hosts->certificates);
	berth_proxies_free(hosts->proxies);
	pthread_mutex_destroy(&hosts->lock);
	g_free(hosts);
}

bool berth_hosts_insecure(const struct berth_hosts *hosts, const char *authority)
{
	g_autofree char *name = g_ascii_strdown(authority, -1);

	if (berth_authority_is_loopback(name))
		return true;
	for (guint i = 0; i < hosts->names->len; i++)
		if (g_str_equal(hosts->names->pdata[i], name))
			return true;
	// Names are looked up only when there are networks that they could be in.
	return hosts->insecure->len > 0 && berth_authority_in(name, hosts->insecure);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

// Files of `folder` with this suffix, sorted; a new array of names.
static GPtrArray *list_files(const char *folder, const char *suffix)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *list = opendir(folder);

	for (struct dirent *entry; list && (entry = readdir(list));)
		if (g_str_has_suffix(entry->d_name, suffix))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	if (list)
		closedir(list);
	g_ptr_array_sort(names, compare_names);
	return names;
}

static bool read_authorities(const char *folder, GString *pem, GError **error)
{
	g_autoptr(GPtrArray) names = list_files(folder, ".crt");

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
		g_autofree char *text = berth_read_file_at(AT_FDCWD, path, CERTIFICATE_LIMIT, NULL, error);
		if (!text)
			return false;
		g_string_append(pem, text);
		g_string_append_c(pem, '\n');
	}
	return true;
}

// The first pair in the order of names; of each, both files must be there.
static bool find_certificate(const char *folder, struct berth_tls *tls, GError **error)
{
	g_autoptr(GPtrArray) names = list_files(folder, ".cert");
	g_autoptr(GPtrArray) keys = list_files(folder, ".key");

	for (guint i = 0; i < keys->len; i++) {
		const char *key = keys->pdata[i];
		g_autofree char *stem = g_strndup(key, strlen(key) - strlen(".key"));
		g_autofree char *certificate = g_strconcat(folder, "/", stem, ".cert", NULL);
		if (!g_file_test(certificate, G_FILE_TEST_EXISTS))
			return berth_error_set(error, BERTH_ERROR_INVALID, "missing client certificate %s for key %s",
					       certificate, key);
	}
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *stem = g_strndup(name, strlen(name) - strlen(".cert"));
		g_autofree char *key = g_strconcat(folder, "/", stem, ".key", NULL);
		if (!g_file_test(key, G_FILE_TEST_EXISTS))
			return berth_error_set(error, BERTH_ERROR_INVALID, "missing key %s for client certificate %s",
					       key, name);
		if (tls->certificate)
			continue;
		tls->certificate = g_build_filename(folder, name, NULL);
		tls->key = g_steal_pointer(&key);
	}
	return true;
}

static bool read_folder(const char *folder, struct berth_tls *tls, GError **error)
{
	g_autoptr(GString) pem = g_string_new(NULL);

	if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
		return true;
	if (!read_authorities(folder, pem, error) || !find_certificate(folder, tls, error))
		return false;
	if (pem->len > 0 && !tls->authorities)
		tls->authorities = g_strdup(pem->str);
	return true;
}

// `alias` is another name for it (docker.io), or NULL. What is read last counts least.
static bool find_tls(const struct berth_hosts *hosts, const char *authority, const char *alias, struct berth_tls *ret,
		     GError **error)
{
	g_auto(GStrv) names = g_new0(char *, 4);
	size_t count = 0;
	g_autofree char *name = g_ascii_strdown(authority, -1);

	if (strchr(name, '/') || g_str_has_prefix(name, "."))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid registry host \"%s\"", authority);
	ret->unverified = berth_hosts_insecure(hosts, name);
	if (alias && !g_str_equal(alias, name))
		names[count++] = g_strdup(alias);
	names[count++] = g_strdup(name);
	if (!berth_authority_has_port(name))
		names[count++] = g_strconcat(name, ":443", NULL);
	for (size_t i = 0; hosts->certificates && hosts->certificates[i]; i++)
		for (size_t j = 0; j < count; j++) {
			g_autofree char *folder = g_build_filename(hosts->certificates[i], names[j], NULL);
			if (!read_folder(folder, ret, error))
				return false;
		}
	return true;
}

struct berth_endpoint *berth_hosts_endpoint(struct berth_hosts *hosts, const char *domain, GError **error)
{
	struct berth_endpoint *endpoint = g_new0(struct berth_endpoint, 1);

	endpoint->authority = g_strdup(host_of(domain));
	endpoint->base = g_strdup("");
	endpoint->own = true;
	if (find_tls(hosts, endpoint->authority, domain, &endpoint->tls, error)) {
		endpoint->scheme = endpoint->tls.unverified ? NULL : g_strdup("https");
		return endpoint;
	}
	berth_endpoint_free(endpoint);
	return NULL;
}

GPtrArray *berth_hosts_mirrors(struct berth_hosts *hosts, const char *domain, GError **error)
{
	g_autoptr(GPtrArray) mirrors = g_ptr_array_new_with_free_func((GDestroyNotify) berth_endpoint_free);

	for (guint i = 0; i < hosts->mirrors->len; i++) {
		const struct mirror *mirror = hosts->mirrors->pdata[i];
		if (!g_str_equal(mirror->domain, domain))
			continue;
		struct berth_endpoint *endpoint = g_new0(struct berth_endpoint, 1);
		g_ptr_array_add(mirrors, endpoint);
		endpoint->authority = g_strdup(mirror->endpoint.authority);
		endpoint->base = g_strdup(mirror->endpoint.base);
		endpoint->scheme = g_strdup(mirror->endpoint.scheme);
		if (!find_tls(hosts, endpoint->authority, NULL, &endpoint->tls, error))
			return NULL;
	}
	return g_steal_pointer(&mirrors);
}

bool berth_hosts_tls(struct berth_hosts *hosts, const char *url, struct berth_tls *ret, GError **error)
{
	g_autofree char *authority = berth_url_authority(url);

	return find_tls(hosts, authority, NULL, ret, error);
}

const char *berth_hosts_proxy(const struct berth_hosts *hosts, const char *url)
{
	return berth_proxies_find(hosts->proxies, url);
}

const char *berth_hosts_scheme(struct berth_hosts *hosts, const char *authority)
{
	pthread_mutex_lock(&hosts->lock);
	const char *scheme = g_hash_table_lookup(hosts->schemes, authority);
	scheme = !scheme ? NULL : g_str_equal(scheme, "https") ? "https" : "http"; // the table's may go
	pthread_mutex_unlock(&hosts->lock);
	return scheme;
}

void berth_hosts_remember(struct berth_hosts *hosts, const char *authority, const char *scheme)
{
	pthread_mutex_lock(&hosts->lock);
	g_hash_table_replace(hosts->schemes, g_strdup(authority), g_strdup(scheme));
	pthread_mutex_unlock(&hosts->lock);
}
