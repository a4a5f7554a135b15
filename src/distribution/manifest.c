// SPDX-License-Identifier: Apache-2.0
// What a manifest is: what the answer says, what it says itself and what it consists of must be the same
// (CVE-2021-41190: one document that is a manifest to some and an index to others).
#include "base/error.h"
#include "base/json.h"
#include "distribution/internal.h"

#include <string.h>

#define SCHEMA1 "application/vnd.docker.distribution.manifest.v1+json"
#define SCHEMA1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

static bool is_index(const char *type)
{
	return g_str_equal(type, OCI_MEDIA_INDEX) || g_str_equal(type, DOCKER_MEDIA_INDEX);
}

bool berth_manifest_known(const char *type)
{
	return type &&
	       (is_index(type) || g_str_equal(type, OCI_MEDIA_MANIFEST) || g_str_equal(type, DOCKER_MEDIA_MANIFEST));
}

// Types with which a server says nothing about the content.
static bool is_generic(const char *type)
{
	return g_str_equal(type, "application/json") || g_str_equal(type, "text/plain") ||
	       g_str_equal(type, "application/octet-stream") || g_str_equal(type, "binary/octet-stream");
}

static bool refuse_schema1(const char *what, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "%s: Docker image manifest version 2, schema 1 is not supported; push the image again "
			       "with a newer program",
			       what);
}

// *ret_index says what it consists of.
static bool look_into(const json_t *json, const char *what, bool *ret_index, GError **error)
{
	bool index = json_object_get(json, "manifests"), manifest = json_object_get(json, "layers");

	if (json_integer_value(json_object_get(json, "schemaVersion")) == 1)
		return refuse_schema1(what, error);
	if (index && (manifest || json_object_get(json, "config")))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: it is ambiguous: it has both \"manifests\" and \"layers\" or \"config\"",
				       what);
	if (!index && !manifest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: it is neither a manifest nor an index", what);
	*ret_index = index;
	return true;
}

char *berth_manifest_type(const struct berth_http_response *response, const char *what, GError **error)
{
	const char *header = berth_http_header(response, "content-type");
	g_autofree char *answered = header ? g_strndup(header, strcspn(header, "; ")) : NULL;
	BERTH_AUTO_JSON json_t *json = NULL;
	const char *own, *type;
	bool index = false;

	if (answered && (g_str_equal(answered, SCHEMA1) || g_str_equal(answered, SCHEMA1_SIGNED))) {
		refuse_schema1(what, error);
		return NULL;
	}
	json = berth_json_parse(response->body->str, response->body->len, what, error);
	if (!json || !look_into(json, what, &index, error))
		return NULL;
	own = json_string_value(json_object_get(json, "mediaType"));
	if (own && answered && !is_generic(answered) && !g_str_equal(own, answered)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"%s: the registry says that it is %.100s, but it says itself that it is %.100s", what,
				answered, own);
		return NULL;
	}
	type = answered && !is_generic(answered) ? answered : own;
	type = type ? type : index ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST;
	if (!berth_manifest_known(type)) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: its media type %.100s is not supported", what,
				type);
		return NULL;
	}
	if (is_index(type) != index) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: its media type is %s, but its content is that of %s",
				what, type, index ? "an index" : "a manifest");
		return NULL;
	}
	return g_strdup(type);
}
