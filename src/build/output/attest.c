// SPDX-License-Identifier: Apache-2.0
// Attestations, as in-toto statements: provenance (SLSA v0.2, as buildx writes it by default) and the bill of
// materials. Values of build arguments are in it with mode=max only; secrets never are.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"

#include <string.h>

#define STATEMENT "https://in-toto.io/Statement/v0.1"
#define PROVENANCE "https://slsa.dev/provenance/v0.2"
#define SPDX "https://spdx.dev/Document"
#define BUILD_TYPE "https://mobyproject.org/buildkit@v1"

static const struct berth_field material_fields[] = {
	BERTH_STRING(struct berth_build_material, uri, "uri", BERTH_REQUIRED),
	BERTH_STRING(struct berth_build_material, digest, "digest", BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_build_material_document = {"material of a build", sizeof(struct berth_build_material),
							     material_fields};

// "false" turns one off that is asked for elsewhere.
static bool is_wanted(const char *option)
{
	return option && !g_str_equal(option, "false") && !g_str_equal(option, "disabled=true");
}

static bool is_max(const char *option)
{
	g_auto(GStrv) words = g_strsplit(option, ",", 0);

	return g_strv_contains((const char *const *) words, "mode=max");
}

bool berth_build_wants_attestations(const struct berth_build_request *request)
{
	return is_wanted(request->provenance) || is_wanted(request->sbom);
}

char *berth_build_statement_type(const char *statement)
{
	json_t *json = json_loads(statement, 0, NULL);
	char *type = g_strdup(json_string_value(json_object_get(json, "predicateType")));

	json_decref(json);
	return type;
}

// "sha256:ab…" to {"sha256": "ab…"}.
static json_t *digest_set(const char *digest)
{
	const char *colon = strchr(digest, ':');
	g_autofree char *algorithm = colon ? g_strndup(digest, (gsize) (colon - digest)) : g_strdup("sha256");
	json_t *set = json_object();

	json_object_set_new(set, algorithm, json_string(colon ? colon + 1 : digest));
	return set;
}

static json_t *materials_of(const struct berth_build_made *made)
{
	json_t *list = json_array();

	for (guint i = 0; made->materials && i < made->materials->len; i++) {
		const struct berth_build_material *material = made->materials->pdata[i];
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "uri", material->uri, "digest", digest_set(material->digest)));
	}
	return list;
}

static json_t *parameters_of(const struct berth_build_request *request, bool values)
{
	json_t *arguments = json_object(), *parameters = json_object();
	GHashTableIter iter;
	gpointer name, value;

	json_object_set_new(parameters, "frontend", json_string("dockerfile.v0"));
	if (request->target)
		json_object_set_new(arguments, "target", json_string(request->target));
	if (request->arguments && values) {
		g_hash_table_iter_init(&iter, request->arguments);
		while (g_hash_table_iter_next(&iter, &name, &value)) {
			g_autofree char *key = g_strconcat("build-arg:", name, NULL);
			json_object_set_new(arguments, key, json_string(value ? value : ""));
		}
	}
	json_object_set_new(parameters, "args", arguments);
	return parameters;
}

static json_t *provenance_of(const struct berth_build_out *out, const struct berth_build_made *made)
{
	const struct berth_build_request *request = out->request;
	bool max = is_max(request->provenance);
	g_autofree char *began = berth_moment_string(made->started);
	g_autofree char *ended = berth_moment_string(berth_moment_now());
	const char *file = request->dockerfile ? request->dockerfile : "Dockerfile";

	return json_pack("{s:{s:s}, s:s, s:o, s:{s:{s:s}, s:o, s:{s:s}}, s:{s:s, s:s, s:s, s:{s:b, s:b, s:b}, s:b}}",
			 "builder", "id", "", "buildType", BUILD_TYPE, "materials", materials_of(made), "invocation",
			 "configSource", "entryPoint", file, "parameters", parameters_of(request, max), "environment",
			 "platform", made->platform, "metadata", "buildInvocationID", request->id ? request->id : "",
			 "buildStartedOn", began, "buildFinishedOn", ended, "completeness", "parameters", max,
			 "environment", 1, "materials", 0, "reproducible", 0);
}

static void add_statement(GHashTable *statements, const char *file, const char *type, const char *subject,
			  const struct berth_build_out *out, json_t *predicate)
{
	json_t *subjects = json_array();
	char *const *tags = out->request->tags;

	if (subject) {
		g_autofree char *name = tags && *tags ? g_strconcat("pkg:docker/", *tags, NULL) : g_strdup("_");
		json_array_append_new(subjects, json_pack("{s:s, s:o}", "name", name, "digest", digest_set(subject)));
	}
	BERTH_AUTO_JSON json_t *statement = json_pack("{s:s, s:s, s:o, s:o}", "_type", STATEMENT, "predicateType", type,
						      "subject", subjects, "predicate", predicate);
	g_hash_table_insert(statements, g_strdup(file), berth_json_text(statement));
}

static bool add_sbom(const struct berth_build_out *out, const struct berth_build_made *made, const char *subject,
		     GHashTable *statements, GError **error)
{
	GError *failure = NULL;
	berth_fd root = berth_build_root(out, made, &failure);
	char *const *tags = out->request->tags;

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	json_t *document = berth_build_sbom(root, tags && *tags ? *tags : "build", made->image->created, error);
	if (document)
		add_statement(statements, "sbom.spdx.json", SPDX, subject, out, document);
	return document != NULL;
}

GHashTable *berth_build_statements(const struct berth_build_out *out, const struct berth_build_made *made,
				   const char *subject, GError **error)
{
	g_autoptr(GHashTable) statements = berth_map_new();

	if (is_wanted(out->request->provenance))
		add_statement(statements, "provenance.json", PROVENANCE, subject, out, provenance_of(out, made));
	if (is_wanted(out->request->sbom) && !add_sbom(out, made, subject, statements, error))
		return NULL;
	return g_steal_pointer(&statements);
}
