// SPDX-License-Identifier: Apache-2.0
#include "image/platform.h"

#include "base/error.h"
#include "image/images-internal.h"

#include <string.h>

#define ANNOTATION_REFERENCE_TYPE "vnd.docker.reference.type" // of attestations
#define OTHER_ARCHITECTURE 100 // rank of a 32-bit image on a 64-bit machine, behind all variants
#define ARM_OLDEST 5

static const char *const architectures[][3] = {
	// as it may be written, architecture, variant
	{"x86_64", "amd64"}, {"x86-64", "amd64"},    {"aarch64", "arm64"},   {"i386", "386"},
	{"i686", "386"},     {"armhf", "arm", "v7"}, {"armel", "arm", "v6"},
};

static void normalise(const char **architecture, const char **variant)
{
	for (gsize i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (g_str_equal(*architecture, architectures[i][0])) {
			*architecture = architectures[i][1];
			if (architectures[i][2])
				*variant = architectures[i][2];
		}
}

// The number of a variant ("v8", "8", "8.1"), `otherwise` if there is none, -1 if it is no number.
static int version_of(const char *variant, int otherwise)
{
	if (!variant || !*variant)
		return otherwise;
	variant += *variant == 'v';
	return g_ascii_isdigit(*variant) ? *variant - '0' : -1;
}

// The variant that an architecture has when none is said; -1: variants of it have no order.
static int base_version(const char *architecture)
{
	return g_str_equal(architecture, "amd64")   ? 1
	       : g_str_equal(architecture, "arm64") ? 8
	       : g_str_equal(architecture, "arm")   ? 7
						    : -1;
}

int berth_platform_rank(const struct oci_platform *wanted, const char *os, const char *architecture,
			const char *variant)
{
	if (!architecture || g_strcmp0(os, wanted->os) != 0)
		return -1;
	normalise(&architecture, &variant);
	int base = base_version(architecture);
	int offered = version_of(variant, base),
	    asked = version_of(wanted->variant, base_version(wanted->architecture));
	if (g_str_equal(architecture, wanted->architecture)) {
		if (base < 0)
			return g_strcmp0(variant ? variant : "", wanted->variant ? wanted->variant : "") == 0 ? 0 : -1;
		return offered >= 0 && offered <= asked ? asked - offered : -1;
	}
	if (g_str_equal(wanted->architecture, "amd64") && g_str_equal(architecture, "386"))
		return OTHER_ARCHITECTURE;
	if (g_str_equal(wanted->architecture, "arm64") && g_str_equal(architecture, "arm") && offered >= ARM_OLDEST &&
	    offered <= asked)
		return OTHER_ARCHITECTURE + asked - offered;
	return -1;
}

static bool part_valid(const char *part)
{
	return *part && strspn(part, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-") == strlen(part);
}

struct oci_platform *berth_platform_parse(const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text && *text ? text : berth_image_architecture(), "/", -1);
	guint count = g_strv_length(parts);
	bool valid = count >= 1 && count <= 3;

	for (guint i = 0; i < count; i++)
		valid = valid && part_valid(parts[i]);
	if (!valid) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"invalid platform \"%s\": expected os[/architecture[/variant]] or an architecture",
				text);
		return NULL;
	}
	for (guint i = 0; i < count; i++) {
		char *lower = g_ascii_strdown(parts[i], -1);
		g_free(parts[i]);
		parts[i] = lower;
	}
	bool only_architecture = count == 1 && !g_str_equal(parts[0], "linux");
	const char *os = only_architecture ? "linux" : parts[0], *variant = count > 2 ? parts[2] : NULL;
	const char *architecture = only_architecture ? parts[0] : count > 1 ? parts[1] : berth_image_architecture();
	if (!g_str_equal(os, "linux")) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"platform \"%s\": only images for the operating system linux run here", text);
		return NULL;
	}
	normalise(&architecture, &variant);
	struct oci_platform *platform = berth_document_new(&oci_platform_document);
	platform->os = g_strdup(os);
	platform->architecture = g_strdup(architecture);
	if (variant)
		platform->variant = g_strconcat(g_ascii_isdigit(*variant) ? "v" : "", variant, NULL);
	return platform;
}

char *berth_platform_string(const struct oci_platform *platform)
{
	return g_strconcat(platform->os, "/", platform->architecture, platform->variant ? "/" : "", platform->variant,
			   NULL);
}

static bool is_image(const struct oci_descriptor *descriptor)
{
	const struct oci_platform *platform = descriptor->platform;

	if (descriptor->annotations && g_hash_table_contains(descriptor->annotations, ANNOTATION_REFERENCE_TYPE))
		return false;
	return !platform || g_strcmp0(platform->os, "unknown") != 0;
}

const struct oci_descriptor *berth_platform_choose(const struct oci_index *index, const struct oci_platform *wanted,
						   GError **error)
{
	const struct oci_descriptor *best = NULL, *only = NULL;
	int best_rank = G_MAXINT;
	guint images = 0;

	for (guint i = 0; i < index->manifests->len; i++) {
		const struct oci_descriptor *descriptor = index->manifests->pdata[i];
		const struct oci_platform *platform = descriptor->platform;
		if (!is_image(descriptor))
			continue;
		images++;
		if (!platform) {
			only = descriptor;
			continue;
		}
		int rank = berth_platform_rank(wanted, platform->os, platform->architecture, platform->variant);
		if (rank >= 0 && rank < best_rank) {
			best = descriptor;
			best_rank = rank;
		}
	}
	if (!best && images == 1)
		best = only;
	if (!best) {
		g_autofree char *shown = berth_platform_string(wanted);
		berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				"no matching manifest for %s in the manifest list entries", shown);
	}
	return best;
}
