// SPDX-License-Identifier: Apache-2.0
// Where a plugin is, by the files in Docker's folders. A name becomes a part of paths: so it has neither a slash nor a
// dot at its beginning.
#include "base/document.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "plugin/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

struct tls_file {
	bool unverified;
	char *authority, *certificate, *key; // files
};
static const struct berth_field tls_fields[] = {
	BERTH_BOOL(struct tls_file, unverified, "InsecureSkipVerify", 0),
	BERTH_STRING(struct tls_file, authority, "CAFile", 0),
	BERTH_STRING(struct tls_file, certificate, "CertFile", 0),
	BERTH_STRING(struct tls_file, key, "KeyFile", 0),
	{0},
};
static const struct berth_document tls_document = {"TLSConfig", sizeof(struct tls_file), tls_fields, .strict = false};

struct plugin_file {
	char *address;
	struct tls_file *tls;
};
static const struct berth_field plugin_fields[] = {
	BERTH_STRING(struct plugin_file, address, "Addr", BERTH_REQUIRED),
	BERTH_OBJECT(struct plugin_file, tls, "TLSConfig", &tls_document, 0),
	{0},
};
static const struct berth_document plugin_document = {"plugin", sizeof(struct plugin_file), plugin_fields,
						      .strict = false};
BERTH_DOCUMENT_AUTOPTR(plugin_file, plugin_document)

void berth_plugin_place_clear(struct berth_plugin_place *place)
{
	g_free(place->socket);
	g_free(place->url);
	g_free(place->source);
	berth_tls_clear(&place->tls);
	*place = (struct berth_plugin_place){0};
}

bool berth_plugin_name_valid(const char *name, GError **error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t length = strlen(name);

	if (strchr(name, '/') || strchr(name, ':'))
		return berth_error_set(
			error, BERTH_ERROR_NOT_FOUND,
			"plugin \"%.*s\" not found: plugins are found by the names of files, which have no "
			"slash and no tag (plugins that are images are not supported)",
			BERTH_LIMIT_PLUGIN_NAME, name);
	if (length == 0 || length > BERTH_LIMIT_PLUGIN_NAME || !g_ascii_isalnum(name[0]) ||
	    strspn(name, allowed) != length)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"invalid plugin name \"%.*s\": it has 1 to %d of a-z, A-Z, 0-9, '_', '.' and '-', "
			"the first of which is a letter or a digit",
			BERTH_LIMIT_PLUGIN_NAME, name, BERTH_LIMIT_PLUGIN_NAME);
	return true;
}

static bool set_socket(struct berth_plugin_place *place, const char *path, GError **error)
{
	if (path[0] != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the socket's path \"%s\" is not absolute",
				       place->source, path);
	if (strlen(path) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the socket's path has more than %zu bytes",
				       place->source, sizeof((struct sockaddr_un *) NULL)->sun_path - 1);
	place->socket = g_strdup(path);
	place->url = g_strdup("http://localhost");
	return true;
}

// "unix:///run/x.sock", "tcp://host:port", "http://…", "https://…". With `tls` tcp means https.
static bool set_address(struct berth_plugin_place *place, const char *address, bool tls, GError **error)
{
	static const char *const schemes[] = {"tcp://", "http://", "https://"};
	size_t length = 0;

	if (g_str_has_prefix(address, "unix://"))
		return set_socket(place, address + strlen("unix://"), error);
	for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
		if (g_str_has_prefix(address, schemes[i]))
			length = strlen(schemes[i]);
	g_autofree char *authority = g_strndup(address + length, strcspn(address + length, "/?#"));
	if (length == 0 || !authority[0] || strpbrk(authority, "@ \t"))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"%s: address \"%.200s\": expected unix:///PATH, tcp://HOST:PORT or https://HOST:PORT",
			place->source, address);
	place->url = g_strconcat(tls || g_str_has_prefix(address, "https:") ? "https://" : "http://", authority, NULL);
	return true;
}

static bool set_tls(struct berth_plugin_place *place, const struct tls_file *tls, GError **error)
{
	place->tls.unverified = tls->unverified;
	if (tls->authority && tls->authority[0]) {
		place->tls.authorities =
			berth_read_file_at(AT_FDCWD, tls->authority, BERTH_LIMIT_PLUGIN_FILE, NULL, error);
		if (!place->tls.authorities) {
			g_prefix_error(error, "%s: CAFile: ", place->source);
			return false;
		}
	}
	if (!(tls->certificate && tls->certificate[0]) != !(tls->key && tls->key[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: CertFile and KeyFile go together",
				       place->source);
	if (!tls->certificate || !tls->certificate[0])
		return true;
	const char *const files[] = {tls->certificate, tls->key};
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (access(files[i], R_OK) < 0)
			return berth_error_set_errno(error, errno, "%s: %s %s", place->source,
						     i == 0 ? "CertFile" : "KeyFile", files[i]);
	place->tls.certificate = g_strdup(tls->certificate);
	place->tls.key = g_strdup(tls->key);
	return true;
}

static bool read_spec(struct berth_plugin_place *place, const char *text, GError **error)
{
	g_autofree char *address = g_strstrip(g_strdup(text));

	return set_address(place, address, false, error);
}

static bool read_json(struct berth_plugin_place *place, const char *text, size_t length, GError **error)
{
	g_autoptr(plugin_file) file = berth_document_parse_text(&plugin_document, text, length, place->source, error);

	if (!file)
		return false;
	return set_address(place, file->address, file->tls != NULL, error) &&
	       (!file->tls || set_tls(place, file->tls, error));
}

// 1: it is there and good, 0: there is no such file, -1: it is not as it should be.
static int try_file(struct berth_plugin_place *place, char *path, GError **error)
{
	struct stat status;
	size_t length;

	if (stat(path, &status) < 0) {
		g_free(path);
		return 0;
	}
	place->source = path;
	if (g_str_has_suffix(path, ".sock")) {
		if (S_ISSOCK(status.st_mode))
			return set_socket(place, path, error) ? 1 : -1;
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: is not a socket", path);
		return -1;
	}
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_PLUGIN_FILE, &length, error);
	if (!text)
		return -1;
	return (g_str_has_suffix(path, ".json") ? read_json(place, text, length, error) : read_spec(place, text, error))
		       ? 1
		       : -1;
}

bool berth_plugin_find(char *const *folders, const char *name, struct berth_plugin_place *ret, GError **error)
{
	int found = 0;

	if (!berth_plugin_name_valid(name, error))
		return false;
	for (size_t i = 0; folders[i] && found == 0; i++) {
		if (i == 0) {
			found = try_file(ret, g_strdup_printf("%s/%s.sock", folders[0], name), error);
			if (found == 0)
				found = try_file(ret, g_strdup_printf("%s/%s/%s.sock", folders[0], name, name), error);
		}
		static const char *const endings[] = {"spec", "json"};
		for (size_t j = 0; j < G_N_ELEMENTS(endings) && found == 0; j++)
			found = try_file(ret, g_strdup_printf("%s/%s.%s", folders[i], name, endings[j]), error);
		for (size_t j = 0; j < G_N_ELEMENTS(endings) && found == 0; j++)
			found = try_file(ret, g_strdup_printf("%s/%s/%s.%s", folders[i], name, name, endings[j]),
					 error);
	}
	if (found > 0)
		return true;
	if (found < 0) {
		g_prefix_error(error, "plugin \"%s\": ", name);
		return false;
	}
	g_autofree char *places = g_strjoinv(", ", (char **) folders);
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
			       "plugin \"%s\" not found: it has no socket and no file in %s", name, places);
}

// The plugin's name, if that file is one's; else NULL.
static char *name_of(const char *folder, const char *file, bool sockets)
{
	static const char *const endings[] = {".sock", ".spec", ".json"};
	g_autofree char *name = NULL;

	for (size_t i = sockets ? 0 : 1; i < G_N_ELEMENTS(endings) && !name; i++) {
		g_autofree char *inner = g_strdup_printf("%s/%s/%s%s", folder, file, file, endings[i]);
		if (g_str_has_suffix(file, endings[i]))
			name = g_strndup(file, strlen(file) - strlen(endings[i]));
		else if (access(inner, F_OK) == 0)
			name = g_strdup(file);
	}
	return name && berth_plugin_name_valid(name, NULL) ? g_steal_pointer(&name) : NULL;
}

static int compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

char **berth_plugin_names(char *const *folders)
{
	GPtrArray *names = g_ptr_array_new();

	for (size_t i = 0; folders[i]; i++) {
		DIR *folder = opendir(folders[i]);
		if (!folder)
			continue;
		for (struct dirent *entry; (entry = readdir(folder)) && names->len < BERTH_LIMIT_PLUGINS;) {
			char *name = entry->d_name[0] == '.' ? NULL : name_of(folders[i], entry->d_name, i == 0);
			if (name && !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
				g_ptr_array_add(names, name);
			else
				g_free(name);
		}
		closedir(folder);
	}
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(names, FALSE);
}
