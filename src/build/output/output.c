// SPDX-License-Identifier: Apache-2.0
// All ways out of one build, in an order in which a failure leaves least behind: files first, then this engine's
// images, then registries.
#include "build/output/cache-internal.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

static const struct berth_build_output standard = {.type = "image", .fd = -1};

static size_t count_of(const struct berth_build_request *request)
{
	return request->output_count > 0 ? request->output_count : 1;
}

static const struct berth_build_output *output_at(const struct berth_build_request *request, size_t index)
{
	return request->output_count > 0 ? &request->outputs[index] : &standard;
}

static bool goes_to_archive(const struct berth_build_way *way)
{
	return g_str_equal(way->type, "oci") || (g_str_equal(way->type, "docker") && !way->store);
}

static bool goes_to_files(const struct berth_build_way *way)
{
	return g_str_equal(way->type, "local") || g_str_equal(way->type, "tar");
}

// Of --cache-to type=local: a layout for the client to unpack.
static bool is_cache(const struct berth_build_way *way)
{
	return g_str_equal(way->type, "cache");
}

static bool have_any(const GPtrArray *annotations)
{
	return annotations->len > 0;
}

// What the documents of the image are to be. `index`: there is one.
static bool check_form(const struct berth_build_request *request, const struct berth_build_way *way, bool index,
		       GError **error)
{
	bool zstd = way->packing.kind == BERTH_COMPRESSION_ZSTD, here = way->store && !way->push;

	if (way->packing.docker && (have_any(way->annotations) || zstd || berth_build_wants_attestations(request)))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "output type=%s: oci-mediatypes=false: Docker's media types have no %s",
				       way->type,
				       zstd                         ? "zstd"
				       : have_any(way->annotations) ? "annotations"
								    : "attestations");
	if (way->packing.docker && here)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "output type=%s: oci-mediatypes=false: the engine's own images have OCI's media "
				       "types",
				       way->type);
	if (here && have_any(way->annotations) &&
	    (berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_INDEX) ||
	     berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_INDEX_DESCRIPTOR) ||
	     berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_MANIFEST_DESCRIPTOR)))
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"output type=%s: of the engine's own images the manifest alone can be annotated; "
			"use type=oci or type=registry",
			way->type);
	if (!index && (berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_INDEX) ||
		       berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_INDEX_DESCRIPTOR)))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "output type=%s: index annotations not supported for single platform export",
				       way->type);
	if (way->keeps_times && request->arguments && g_hash_table_contains(request->arguments, "SOURCE_DATE_EPOCH"))
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"output type=%s: rewrite-timestamp=false: with SOURCE_DATE_EPOCH no file of a step "
			"is later than that",
			way->type);
	if (berth_build_annotations_check(way->annotations, request->platforms, error))
		return true;
	g_prefix_error(error, "output type=%s: ", way->type);
	return false;
}

static bool check_way(const struct berth_build_request *request, const struct berth_build_way *way, GError **error)
{
	size_t platforms = request->platforms ? g_strv_length((char **) request->platforms) : 1;

	if ((goes_to_archive(way) || goes_to_files(way) || is_cache(way)) && way->fd < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "output type=%s: nobody takes what it writes",
				       way->type);
	if (way->store && platforms > 1)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "output type=%s: images of several platforms are not kept here; use type=oci "
				       "or type=registry",
				       way->type);
	if (request->squash && platforms > 1)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--squash of several platforms is not supported");
	return check_form(request, way, platforms > 1 || berth_build_wants_attestations(request), error);
}

bool berth_build_output_check(const struct berth_build_request *request, GError **error)
{
	for (size_t i = 0; i < count_of(request); i++) {
		__attribute__((cleanup(berth_build_way_clear))) struct berth_build_way way = {0};
		if (!berth_build_way_read(request, output_at(request, i), &way, error) ||
		    !check_way(request, &way, error))
			return false;
	}
	return berth_build_cache_check(request, error);
}

// Metadata

static void set_text(json_t *metadata, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(metadata, key, json_string(value));
}

static void tell_bundle(json_t *metadata, const struct berth_build_bundle *bundle, char *const *names)
{
	g_autoptr(GString) all = g_string_new(NULL);

	for (char *const *name = names; name && *name; name++)
		g_string_append_printf(all, "%s%s", all->len > 0 ? "," : "", *name);
	set_text(metadata, "containerimage.config.digest", bundle->config);
	set_text(metadata, "containerimage.digest", bundle->root->digest);
	json_object_set_new(metadata, "containerimage.descriptor",
			    berth_document_print(&oci_descriptor_document, bundle->root, 0));
	set_text(metadata, "image.name", all->str);
}

// Ways

struct writing {
	const struct berth_build_out *out;
	const struct berth_build_made *made;
	size_t count;
	struct berth_build_result *ret;
	json_t *metadata;
};

void berth_build_warn(const struct berth_build_out *out, const char *text)
{
	const struct berth_build_event event = {
		.kind = BERTH_BUILD_WARNING, .name = "", .text = text, .length = strlen(text)};

	if (out->listener && out->listener->event)
		out->listener->event(out->listener->data, &event);
}

static void note(struct writing *this, const struct berth_build_bundle *bundle, const struct berth_build_way *way)
{
	tell_bundle(this->metadata, bundle, way->names);
	g_free(this->ret->digest);
	this->ret->digest = g_strdup(bundle->root->digest);
	if (this->ret->image)
		return;
	this->ret->image = g_strdup(bundle->config);
}

static bool write_archive(struct writing *this, const struct berth_build_way *way, GError **error)
{
	g_autoptr(berth_build_bundle) bundle = berth_build_bundle_make(this->out, this->made, this->count, way, error);

	if (!bundle || !berth_build_write_layout(this->out, bundle, way, error))
		return false;
	note(this, bundle, way);
	return true;
}

static bool write_cache(struct writing *this, const struct berth_build_way *way, GError **error)
{
	g_autoptr(berth_build_bundle) bundle = berth_build_cache_bundle(this->out, way->max, &way->packing, error);

	return bundle && berth_build_write_layout(this->out, bundle, way, error);
}

static void free_layers(GPtrArray *layers)
{
	for (guint i = 0; layers && i < layers->len; i++)
		berth_image_layer_free(layers->pdata[i]);
	if (layers)
		g_ptr_array_unref(layers);
}

// The layers with other blobs, where somebody chose how they are compressed.
static GPtrArray *pack(const struct writing *this, const struct berth_build_way *way, GError **error)
{
	GPtrArray *layers = berth_objects_new();

	for (guint i = 0; i < this->made->layers->len; i++) {
		struct berth_image_layer *layer =
			berth_document_copy(&berth_image_layer_document, this->made->layers->pdata[i]);
		const char *media;
		char *digest = way->packing.given
				       ? berth_build_layer_blob(this->out, layer->digest, &way->packing, &media, error)
				       : g_strdup(layer->digest);
		g_ptr_array_add(layers, layer);
		if (!digest) {
			free_layers(layers);
			return NULL;
		}
		g_free(layer->digest);
		layer->digest = digest;
	}
	return layers;
}

static bool store_image(struct writing *this, const struct berth_build_way *way, GError **error)
{
	g_autoptr(GHashTable) annotations =
		berth_build_annotations_of(way->annotations, BERTH_ANNOTATED_MANIFEST, this->made->platform);
	GPtrArray *layers = pack(this, way, error);
	if (!layers)
		return false;
	const struct berth_image_add add = {.image = this->made->image,
					    .layers = layers,
					    .names = way->names,
					    .annotations = annotations,
					    .packed = way->packing.given,
					    .lease = this->out->lease};
	g_autofree char *manifest = NULL;
	char *id = berth_images_add(this->out->images, &add, &manifest, error);
	free_layers(layers);

	if (!id)
		return false;
	if (berth_build_wants_attestations(this->out->request) && !way->push)
		berth_build_warn(this->out,
				 "attestations are not kept with the engine's images: push the image, or use type=oci");
	g_free(this->ret->image);
	this->ret->image = id;
	g_free(this->ret->digest);
	this->ret->digest = g_strdup(manifest);
	set_text(this->metadata, "containerimage.config.digest", id);
	set_text(this->metadata, "containerimage.digest", manifest);
	g_autofree char *names = g_strjoinv(",", way->names);
	set_text(this->metadata, "image.name", names);
	return true;
}

// What this engine has is pushed as it is, in parallel and with what the registry has already.
static bool push_stored(struct writing *this, const struct berth_build_way *way, GError **error)
{
	const struct berth_build_listener *listener = this->out->listener;

	for (char **name = way->names; *name; name++) {
		const struct berth_build_transfer transfer = {
			.name = *name,
			.credentials = this->out->request->credentials,
			.canceled = listener ? listener->canceled : NULL,
			.data = listener ? listener->data : NULL,
		};
		if (!this->out->host->push(this->out->host->data, &transfer, error)) {
			g_prefix_error(error, "failed to push %s: ", *name);
			return false;
		}
	}
	return true;
}

// They stand in what lists a document, not in it.
static void warn_of_descriptors(const struct writing *this, const struct berth_build_way *way)
{
	bool index = this->count > 1 || berth_build_wants_attestations(this->out->request);

	if (berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_INDEX_DESCRIPTOR) ||
	    (!index && berth_build_annotations_have(way->annotations, BERTH_ANNOTATED_MANIFEST_DESCRIPTOR)))
		berth_build_warn(this->out, "a registry does not keep annotations of what it has under a name: those "
					    "of that descriptor are in the metadata alone");
}

static bool push(struct writing *this, const struct berth_build_way *way, GError **error)
{
	// The engine's own push compresses what is plain, names what it pushes, and has no index.
	bool plain = way->packing.given && way->packing.kind == BERTH_COMPRESSION_NONE;
	if (way->store && !berth_build_wants_attestations(this->out->request) && !way->push_by_digest &&
	    !way->packing.docker && !plain)
		return push_stored(this, way, error);
	warn_of_descriptors(this, way);
	g_autoptr(berth_build_bundle) bundle = berth_build_bundle_make(this->out, this->made, this->count, way, error);
	for (char **name = way->names; bundle && *name; name++)
		if (!berth_build_push_bundle(this->out, bundle, *name, way->push_by_digest, error))
			return false;
	if (bundle)
		note(this, bundle, way);
	return bundle != NULL;
}

enum stage { FILES, STORE, PUSH, STAGES };

static bool write_way(struct writing *this, enum stage stage, const struct berth_build_way *way, GError **error)
{
	switch (stage) {
	case FILES:
		if (is_cache(way))
			return write_cache(this, way, error);
		if (goes_to_files(way))
			return berth_build_write_files(this->out, this->made, this->count, way->fd, error);
		return !goes_to_archive(way) || write_archive(this, way, error);
	case STORE:
		return !way->store || store_image(this, way, error);
	default:
		return !way->push || push(this, way, error);
	}
}

static bool write_all(struct writing *this, GError **error)
{
	const struct berth_build_request *request = this->out->request;

	for (enum stage stage = FILES; stage < STAGES; stage++)
		for (size_t i = 0; i < count_of(request); i++) {
			__attribute__((cleanup(berth_build_way_clear))) struct berth_build_way way = {0};
			if (!berth_build_way_read(request, output_at(request, i), &way, error) ||
			    !check_way(request, &way, error) || !write_way(this, stage, &way, error))
				return false;
		}
	return berth_build_cache_export(this->out, error);
}

// What is to be written in place of what was made: the caller's, as is its memory.
struct altered {
	struct berth_build_made made;
	struct oci_image *image;
	GPtrArray *layers; // NULL: as they were
};

static void altered_clear(void *data)
{
	struct altered *altered = data;

	oci_image_free(altered->image);
	free_layers(altered->layers);
}

// The first platform's, squashed if that is asked for, and with the records of an inline cache.
static bool alter(const struct berth_build_out *out, const struct berth_build_made *made, struct altered *ret,
		  GError **error)
{
	*ret = (struct altered){.made = *made};
	if (out->request->squash && made->layers->len > made->base_layers + 1) {
		if (!berth_build_squash(out, made, &ret->image, &ret->layers, error))
			return false;
		ret->made.layers = ret->layers;
	}
	json_t *inlined = berth_build_cache_inline(out);
	if (inlined && !ret->image)
		ret->image = berth_document_copy(&oci_image_document, made->image);
	if (inlined) {
		json_decref(ret->image->build_cache);
		ret->image->build_cache = inlined;
	}
	if (ret->image)
		ret->made.image = ret->image;
	return true;
}

bool berth_build_output_write(const struct berth_build_out *out, const struct berth_build_made *made, size_t made_count,
			      struct berth_build_result *ret, GError **error)
{
	BERTH_AUTO_JSON json_t *metadata = json_object();
	g_autofree struct berth_build_made *all = g_memdup2(made, made_count * sizeof *made);
	struct writing this = {out, all, made_count, ret, metadata};
	__attribute__((cleanup(altered_clear))) struct altered first = {0};

	set_text(metadata, "buildx.build.ref", out->request->id);
	if (!alter(out, &made[0], &first, error))
		return false;
	all[0] = first.made;
	if (!write_all(&this, error))
		return false;
	g_free(ret->metadata);
	ret->metadata = berth_json_text(metadata);
	return true;
}
