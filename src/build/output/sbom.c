// SPDX-License-Identifier: Apache-2.0
// The bill of materials of a root: what the databases of dpkg and apk say is installed, as an SPDX 2.3 document. What
// was copied in by hand is not in it.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"

#include <string.h>

struct package {
	const char *type; // of its purl: deb or apk
	char *name, *version, *architecture, *origin;
};

static void package_clear(struct package *package)
{
	g_clear_pointer(&package->name, g_free);
	g_clear_pointer(&package->version, g_free);
	g_clear_pointer(&package->architecture, g_free);
	g_clear_pointer(&package->origin, g_free);
}

// Without what a database may have that no JSON text has.
static char *clean(const char *text)
{
	return g_utf8_make_valid(text, -1);
}

static void add_package(json_t *document, struct package *package)
{
	json_t *packages = json_object_get(document, "packages"),
	       *relations = json_object_get(document, "relationships");
	g_autofree char *id = g_strdup_printf("SPDXRef-Package-%zu", json_array_size(packages));
	g_autofree char *purl = NULL;

	if (package->name && package->version) {
		purl = g_strdup_printf("pkg:%s/%s@%s%s%s", package->type, package->name, package->version,
				       package->architecture ? "?arch=" : "",
				       package->architecture ? package->architecture : "");
		json_array_append_new(packages,
				      json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}", "name",
						package->name, "SPDXID", id, "versionInfo", package->version,
						"downloadLocation", "NOASSERTION", "filesAnalyzed", 0,
						"licenseConcluded", "NOASSERTION", "licenseDeclared", "NOASSERTION",
						"copyrightText", "NOASSERTION", "externalRefs", "referenceCategory",
						"PACKAGE-MANAGER", "referenceType", "purl", "referenceLocator", purl));
		json_array_append_new(relations, json_pack("{s:s, s:s, s:s}", "spdxElementId", "SPDXRef-DOCUMENT",
							   "relationshipType", "DESCRIBES", "relatedSpdxElement", id));
	}
	package_clear(package);
}

static void set(char **field, const char *text)
{
	g_free(*field);
	*field = clean(text);
}

// "Package: x", "Version: y", an empty line between packages; one that is not installed is not meant.
static void read_dpkg(json_t *document, char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	struct package package = {.type = "deb"};
	bool installed = true;

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "Package: "))
			set(&package.name, *line + strlen("Package: "));
		else if (g_str_has_prefix(*line, "Version: "))
			set(&package.version, *line + strlen("Version: "));
		else if (g_str_has_prefix(*line, "Architecture: "))
			set(&package.architecture, *line + strlen("Architecture: "));
		else if (g_str_has_prefix(*line, "Status: "))
			installed = g_str_has_suffix(*line, " installed");
		if (**line && line[1])
			continue;
		if (!installed)
			package_clear(&package);
		add_package(document, &package);
		installed = true;
	}
}

// "P:x", "V:y", "A:z", in the same way.
static void read_apk(json_t *document, char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	struct package package = {.type = "apk"};

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "P:"))
			set(&package.name, *line + 2);
		else if (g_str_has_prefix(*line, "V:"))
			set(&package.version, *line + 2);
		else if (g_str_has_prefix(*line, "A:"))
			set(&package.architecture, *line + 2);
		if (!**line || !line[1])
			add_package(document, &package);
	}
}

static bool read_database(json_t *document, int root, const char *path, void (*read)(json_t *document, char *text),
			  GError **error)
{
	g_autoptr(GError) problem = NULL;
	berth_fd fd = berth_root_open_regular(root, path, &problem);

	if (fd < 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_INVALID)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (fd < 0)
		return true; // it has no such database
	g_autofree char *text = berth_read_fd(fd, BERTH_LIMIT_PACKAGE_DATABASE, NULL, path, error);
	if (text)
		read(document, text);
	return text != NULL;
}

json_t *berth_build_sbom(int root, const char *name, const char *created, GError **error)
{
	static const struct {
		const char *path;
		void (*read)(json_t *document, char *text);
	} databases[] = {{"/var/lib/dpkg/status", read_dpkg}, {"/lib/apk/db/installed", read_apk}};
	json_t *document = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:[], s:[]}", "spdxVersion", "SPDX-2.3",
				     "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name", name,
				     "documentNamespace", "https://spdx.org/spdxdocs/berth", "creationInfo", "created",
				     created ? created : "", "creators", "Tool: berth", "packages", "relationships");

	for (size_t i = 0; root >= 0 && i < G_N_ELEMENTS(databases); i++)
		if (!read_database(document, root, databases[i].path, databases[i].read, error)) {
			json_decref(document);
			return NULL;
		}
	return document;
}
