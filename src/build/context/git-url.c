// SPDX-License-Identifier: Apache-2.0
#include "build/context/git-url.h"

#include "base/error.h"
#include "image/tar.h"

#include <string.h>

#define REFERENCE_MAX 255
#define URL_MAX 4096
#define FOLDER_DEPTH 64
#define CHECKSUM_MIN 4

void berth_build_git_clear(struct berth_build_git *this)
{
	g_clear_pointer(&this->remote, g_free);
	g_clear_pointer(&this->reference, g_free);
	g_clear_pointer(&this->folder, g_free);
	g_clear_pointer(&this->checksum, g_free);
}

bool berth_build_git_is_commit(const char *reference)
{
	size_t length = strlen(reference);

	return (length == 40 || length == 64) && strspn(reference, "0123456789abcdefABCDEF") == length;
}

// "user@host:path", which is no URL.
static bool is_scp(const char *source)
{
	const char *at = strchr(source, '@'), *colon = at ? strchr(at, ':') : NULL;

	return at && colon && at > source && colon > at + 1 && !memchr(source, '/', (size_t) (colon - source)) &&
	       !strstr(source, "://");
}

bool berth_build_git_is(const char *source)
{
	g_autofree char *path = g_strndup(source, strcspn(source, "?#"));

	if (g_str_has_prefix(source, "http://") || g_str_has_prefix(source, "https://"))
		return g_str_has_suffix(path, ".git");
	return g_str_has_prefix(source, "git://") || g_str_has_prefix(source, "ssh://") ||
	       g_str_has_prefix(source, "github.com/") || is_scp(source);
}

static bool refuse(GError **error, const char *what, const char *text, const char *why)
{
	g_autofree char *shown = berth_tar_printable(text);

	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid git %s \"%s\": %s", what, shown, why);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text <= ' ' || *text == 0x7f)
			return true;
	return false;
}

// As git-check-ref-format(1) has it, and nothing that could be an option or an expression.
static bool check_reference(const char *text, GError **error)
{
	if (*text == '-')
		return refuse(error, "reference", text, "it begins with \"-\"");
	if (strlen(text) > REFERENCE_MAX || has_control(text) || strpbrk(text, "~^:?*[\\") || strstr(text, "..") ||
	    strstr(text, "@{") || strstr(text, "//") || strstr(text, "/.") || *text == '.' || *text == '/' ||
	    g_str_has_suffix(text, "/") || g_str_has_suffix(text, ".") || g_str_has_suffix(text, ".lock") ||
	    g_str_equal(text, "@"))
		return refuse(error, "reference", text, "it is no name of a branch, a tag or a commit");
	return true;
}

static bool set_reference(struct berth_build_git *this, const char *text, GError **error)
{
	if (!*text)
		return true;
	if (!check_reference(text, error))
		return false;
	if (this->reference && !g_str_equal(this->reference, text))
		return refuse(error, "reference", text, "two references are given");
	g_free(this->reference);
	this->reference = g_strdup(text);
	return true;
}

static bool set_folder(struct berth_build_git *this, const char *text, GError **error)
{
	g_autofree char *clean = berth_tar_clean(text, URL_MAX, FOLDER_DEPTH, NULL);

	if (!clean)
		return refuse(error, "subdirectory", text, "\"..\" would lead out of the repository");
	if (g_ascii_strncasecmp(clean, ".git", 4) == 0 && (!clean[4] || clean[4] == '/'))
		return refuse(error, "subdirectory", text, "it is git's own folder");
	g_free(this->folder);
	this->folder = *clean ? g_steal_pointer(&clean) : NULL;
	return true;
}

static bool set_checksum(struct berth_build_git *this, const char *text, GError **error)
{
	size_t length = strlen(text);

	if (length < CHECKSUM_MIN || length > 64 || strspn(text, "0123456789abcdefABCDEF") != length)
		return refuse(error, "checksum", text, "it is no beginning of a commit's digest");
	g_free(this->checksum);
	this->checksum = g_ascii_strdown(text, -1);
	return true;
}

static bool read_bool(const char *name, const char *text, bool *ret, GError **error)
{
	static const char *const yes[] = {"", "1", "t", "true", "yes", NULL}, *const no[] = {"0", "f", "false", "no",
											     NULL};
	g_autofree char *lower = g_ascii_strdown(text, -1);

	*ret = g_strv_contains(yes, lower);
	return *ret || g_strv_contains(no, lower) || refuse(error, name, text, "it is neither true nor false");
}

static bool set_parameter(struct berth_build_git *this, const char *name, const char *value, GError **error)
{
	bool set = false;

	if (g_str_equal(name, "ref") || g_str_equal(name, "branch") || g_str_equal(name, "tag"))
		return set_reference(this, value, error);
	if (g_str_equal(name, "commit") || g_str_equal(name, "checksum"))
		return set_checksum(this, value, error);
	if (g_str_equal(name, "subdir"))
		return set_folder(this, value, error);
	if (!g_str_equal(name, "keep-git-dir") && !g_str_equal(name, "submodules"))
		return refuse(error, "parameter", name, "it is not known");
	if (!read_bool(name, value, &set, error))
		return false;
	if (g_str_equal(name, "submodules"))
		this->submodules = set;
	else
		this->keep_git = set;
	return true;
}

static bool read_query(struct berth_build_git *this, const char *query, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(query, "&", -1);

	for (char **part = parts; *part; part++) {
		g_auto(GStrv) pair = g_strsplit(*part, "=", 2);
		if (!**part)
			continue;
		g_autofree char *value = g_uri_unescape_string(pair[1] ? pair[1] : "", NULL);
		if (!value)
			return refuse(error, "parameter", *part, "its escapes are malformed");
		if (!set_parameter(this, pair[0], value, error))
			return false;
	}
	return true;
}

// "ref:folder", "ref", ":folder"
static bool read_fragment(struct berth_build_git *this, const char *fragment, GError **error)
{
	const char *colon = strchr(fragment, ':');
	g_autofree char *reference = colon ? g_strndup(fragment, (gsize) (colon - fragment)) : g_strdup(fragment);

	return set_reference(this, reference, error) && (!colon || set_folder(this, colon + 1, error));
}

static bool has_only(const char *text, size_t length, const char *others)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && !strchr(others, text[i]))
			return false;
	return true;
}

// What ssh is given: "[user@]host[:port]", also as "[user@][address]:port"; of the short form without a port.
static bool check_ssh(const char *remote, const char *authority, size_t length, GError **error)
{
	const char *end = authority + length, *at = memrchr(authority, '@', length);
	const char *host = at ? at + 1 : authority;
	const char *bracket = *host == '[' ? memchr(host, ']', (size_t) (end - host)) : NULL;
	const char *colon = memchr(bracket ? bracket : host, ':', (size_t) (end - (bracket ? bracket : host)));
	const char *stop = colon ? colon : end;

	if (at && (at == authority || !has_only(authority, (size_t) (at - authority), "-_.+")))
		return refuse(error, "repository", remote, "its user has characters that no user's name has");
	if (bracket ? bracket + 1 != stop || !has_only(host + 1, (size_t) (bracket - host - 1), ":.")
		    : !has_only(host, (size_t) (stop - host), "-_."))
		return refuse(error, "repository", remote, "its host has characters that no host's name has");
	if (host == stop)
		return refuse(error, "repository", remote, "it has no host");
	if (colon && colon + 1 < end &&
	    (end - colon > 6 || strspn(colon + 1, "0123456789") < (size_t) (end - colon - 1) ||
	     g_ascii_strtoull(colon + 1, NULL, 10) - 1 > 65534))
		return refuse(error, "repository", remote, "its port is no number of 1 to 65535");
	return true;
}

// Host and path of what git is given.
static bool check_remote(const char *remote, GError **error)
{
	const char *host = strstr(remote, "://"), *at, *path;

	if (strlen(remote) > URL_MAX || has_control(remote))
		return refuse(error, "repository", remote, "it has blanks or control characters, or is too long");
	host = host ? host + 3 : remote;
	size_t length = strcspn(host, "/");
	at = memrchr(host, '@', length);
	if (*remote == '-' || *host == '-' || (at && at[1] == '-'))
		return refuse(error, "repository", remote, "its user or host begins with \"-\"");
	if (!*host || *host == '/' || (at && (at[1] == '/' || !at[1])))
		return refuse(error, "repository", remote, "it has no host");
	bool url = g_str_has_prefix(remote, "ssh://");
	if ((url || host == remote) && !check_ssh(remote, host, url ? length : strcspn(host, ":"), error))
		return false;
	path = strstr(remote, "://") ? host + length : strchr(remote, ':');
	if (path && path[0] && path[1] == '-')
		return refuse(error, "repository", remote, "its path begins with \"-\"");
	return true;
}

static bool parse(const char *source, struct berth_build_git *this, GError **error)
{
	size_t length = strcspn(source, "?#");
	g_autofree char *remote = g_strndup(source, length), *query = NULL;
	const char *rest = source + length, *fragment = NULL;

	if (*rest == '?') {
		size_t count = strcspn(rest, "#");
		query = g_strndup(rest + 1, count - 1);
		rest += count;
	}
	if (*rest == '#')
		fragment = rest + 1;
	if (!berth_build_git_is(source))
		return refuse(error, "repository", source, "it is no URL that git is asked for");
	this->remote = g_str_has_prefix(remote, "github.com/") ? g_strconcat("https://", remote, NULL)
							       : g_steal_pointer(&remote);
	return check_remote(this->remote, error) && (!query || read_query(this, query, error)) &&
	       (!fragment || read_fragment(this, fragment, error));
}

bool berth_build_git_parse(const char *source, struct berth_build_git *ret, GError **error)
{
	*ret = (struct berth_build_git){.keep_git = -1, .submodules = true};
	if (parse(source, ret, error))
		return true;
	berth_build_git_clear(ret);
	return false;
}
