// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <string.h>

#define DEFAULT_DOMAIN "docker.io"
#define ID_LENGTH 64

void berth_reference_parse(const char *text, struct berth_reference *ret)
{
	g_autofree char *name = g_strdup(text);
	char *at = strchr(name, '@');

	*ret = (struct berth_reference){0};
	if (at) {
		ret->digest = g_strdup(at + 1);
		*at = '\0';
	}
	char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');
	if (colon) {
		ret->tag = g_strdup(colon + 1);
		*colon = '\0';
	}
	g_autofree char *first = g_strndup(name, strcspn(name, "/"));
	bool host = strchr(name, '/') && (strpbrk(first, ".:") || strcmp(first, "localhost") == 0);
	const char *rest = host ? name + strlen(first) + 1 : name;
	ret->domain = g_strdup(!host || strcmp(first, "index.docker.io") == 0 ? DEFAULT_DOMAIN : first);
	bool official = strcmp(ret->domain, DEFAULT_DOMAIN) == 0 && !strchr(rest, '/');
	ret->path = g_strconcat(official ? "library/" : "", rest, NULL);
}

bool berth_reference_is_id(const char *text)
{
	return strlen(text) == ID_LENGTH && strspn(text, "0123456789abcdef") == ID_LENGTH;
}

void berth_reference_clear(struct berth_reference *reference)
{
	g_free(reference->domain);
	g_free(reference->path);
	g_free(reference->tag);
	g_free(reference->digest);
	*reference = (struct berth_reference){0};
}

char *berth_reference_full(const struct berth_reference *reference)
{
	return g_strconcat(reference->domain, "/", reference->path, reference->tag ? ":" : "",
			   reference->tag ? reference->tag : "", reference->digest ? "@" : "",
			   reference->digest ? reference->digest : "", NULL);
}
