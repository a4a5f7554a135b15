// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include "base/error.h"
#include "base/limits.h"
#include "store/blob.h"

#include <string.h>

#define DEFAULT_DOMAIN "docker.io"
#define OLD_DEFAULT_DOMAIN "index.docker.io"
#define OFFICIAL "library/"
#define DEFAULT_TAG "latest"
#define ID_LENGTH 64

static bool refuse(GError **error, const char *why)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid reference format%s%s", why ? ": " : "",
			       why ? why : "");
}

static bool is_lower_alphanumeric(char c)
{
	return g_ascii_islower(c) || g_ascii_isdigit(c);
}

// Steps over one separator inside a component: ".", "_", "__" or any number of "-". NULL if there is none.
static const char *skip_separator(const char *text)
{
	if (*text == '-')
		return text + strspn(text, "-");
	if (text[0] == '_' && text[1] == '_')
		return text + 2;
	return *text == '.' || *text == '_' ? text + 1 : NULL;
}

// component ("/" component)*, each: alphanumerics (separator alphanumerics)*.
static bool path_valid(const char *text)
{
	for (;;) {
		if (!is_lower_alphanumeric(*text))
			return false;
		while (is_lower_alphanumeric(*text))
			text++;
		if (*text == '\0')
			return true;
		text = *text == '/' ? text + 1 : skip_separator(text);
		if (!text)
			return false;
	}
}

static bool label_valid(const char *text, size_t length)
{
	if (length == 0 || !g_ascii_isalnum(text[0]) || !g_ascii_isalnum(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

// A host name, or an IPv6 address in brackets, and maybe a port.
static bool domain_valid(const char *text)
{
	const char *end;

	if (*text == '[') {
		end = text + 1 + strspn(text + 1, "0123456789abcdefABCDEF:");
		if (end == text + 1 || *end != ']')
			return false;
		end++;
	} else {
		size_t length = strcspn(text, ":");
		end = text + length;
		for (const char *label = text; label <= end;) {
			const char *dot = memchr(label, '.', (size_t) (end - label));
			if (!label_valid(label, (size_t) ((dot ? dot : end) - label)))
				return false;
			label = (dot ? dot : end) + 1;
		}
	}
	return *end == '\0' || (*end == ':' && end[1] && strspn(end + 1, "0123456789") == strlen(end + 1));
}

static bool tag_valid(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > BERTH_LIMIT_REFERENCE_TAG || *text == '.' || *text == '-')
		return false;
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && *text != '_' && *text != '.' && *text != '-')
			return false;
	return true;
}

// Ends the text at `separator` and returns a copy of what is behind; NULL if there is no separator.
static char *cut(char *separator)
{
	if (!separator)
		return NULL;
	*separator = '\0';
	return g_strdup(separator + 1);
}

// Splits `text`, the part behind the server, into path, tag and digest.
static void split(const char *text, struct berth_image_name *name)
{
	g_autofree char *rest = g_strdup(text);

	name->digest = cut(strchr(rest, '@'));
	name->tag = cut(strchr(rest, ':'));
	name->path = g_str_equal(name->domain, DEFAULT_DOMAIN) && !strchr(rest, '/') ? g_strconcat(OFFICIAL, rest, NULL)
										     : g_strdup(rest);
}

static bool has_upper(const char *text)
{
	for (; *text; text++)
		if (g_ascii_isupper(*text))
			return true;
	return false;
}

// The first part is a server if it has a dot, a colon or a capital, or is "localhost".
static bool is_server(const char *first)
{
	return strpbrk(first, ".:") || g_str_equal(first, "localhost") || has_upper(first);
}

// Returns what is behind the server.
static const char *split_domain(const char *text, struct berth_image_name *name)
{
	const char *slash = strchr(text, '/');
	bool server = false;

	if (slash) {
		g_autofree char *first = g_strndup(text, (gsize) (slash - text));
		server = is_server(first);
		if (server && !g_str_equal(first, OLD_DEFAULT_DOMAIN))
			name->domain = g_steal_pointer(&first);
	}
	if (!name->domain)
		name->domain = g_strdup(DEFAULT_DOMAIN);
	return server ? slash + 1 : text;
}

static bool check(const struct berth_image_name *name, GError **error)
{
	if (has_upper(name->path))
		return refuse(error, "repository name must be lowercase");
	if (!domain_valid(name->domain) || !path_valid(name->path) || (name->tag && !tag_valid(name->tag)))
		return refuse(error, NULL);
	if (name->digest && !g_str_has_prefix(name->digest, "sha256:"))
		return refuse(error, "unsupported digest algorithm");
	if (name->digest && !berth_digest_valid(name->digest))
		return refuse(error, "invalid checksum digest");
	if (strlen(name->domain) + 1 + strlen(name->path) > BERTH_LIMIT_REFERENCE_NAME)
		return refuse(error, "repository name must not be more than " G_STRINGIFY(
					     BERTH_LIMIT_REFERENCE_NAME) " characters");
	return true;
}

bool berth_image_name_parse(const char *text, struct berth_image_name *ret, GError **error)
{
	struct berth_image_name name = {NULL};

	if (*text == '\0')
		return refuse(error, "repository name must have at least one component");
	if (strlen(text) == ID_LENGTH && strspn(text, "0123456789abcdef") == ID_LENGTH)
		return refuse(error, "64 hexadecimal digits are an image's id and cannot be a repository name");
	split(split_domain(text, &name), &name);
	if (!check(&name, error)) {
		berth_image_name_clear(&name);
		return false;
	}
	if (!name.tag && !name.digest)
		name.tag = g_strdup(DEFAULT_TAG);
	*ret = name;
	return true;
}

void berth_image_name_clear(struct berth_image_name *name)
{
	g_free(name->domain);
	g_free(name->path);
	g_free(name->tag);
	g_free(name->digest);
	*name = (struct berth_image_name){NULL};
}

static char *join(const struct berth_image_name *name, const char *domain, const char *path)
{
	return g_strconcat(domain, domain[0] ? "/" : "", path, name->tag ? ":" : "", name->tag ? name->tag : "",
			   name->digest ? "@" : "", name->digest ? name->digest : "", NULL);
}

char *berth_image_name_full(const struct berth_image_name *name)
{
	return join(name, name->domain, name->path);
}

char *berth_image_name_familiar(const struct berth_image_name *name)
{
	g_autofree char *first = g_strndup(name->path, strcspn(name->path, "/"));
	const char *rest = name->path + strlen(first);

	if (!g_str_equal(name->domain, DEFAULT_DOMAIN) || (*rest && is_server(first)))
		return join(name, name->domain, name->path);
	// "library/a/b" keeps its first part: "a/b" would be another repository.
	bool official = g_str_has_prefix(name->path, OFFICIAL) && !strchr(rest + 1, '/');
	return join(name, "", name->path + (official ? strlen(OFFICIAL) : 0));
}
