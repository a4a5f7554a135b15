// SPDX-License-Identifier: Apache-2.0
// `image tree`: each image with its layers, and who else has them.
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "spec/api-store.h"

#include <stdio.h>

struct options {
	char *format;
	bool no_trunc;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Don't truncate output"},
	{0},
};

static char *path_of(char **names)
{
	GString *path = berth_path_new("/berth/images/tree", NULL, false);

	for (; *names; names++)
		berth_path_add(path, "names", *names);
	return g_string_free(path, false);
}

// The first name, or the id where there is none.
static char *title_of(const struct api_image_tree *tree, const char *id)
{
	for (guint i = 0; i < tree->images->len; i++) {
		const struct api_tree_image *image = tree->images->pdata[i];
		if (g_str_equal(image->id, id) && image->names[0])
			return g_strdup(image->names[0]);
	}
	return berth_id_format(id, false);
}

static void print_layer(const struct api_image_tree *tree, const struct api_tree_image *image, const char *chain_id,
			bool last, bool whole)
{
	const struct api_tree_layer *layer = NULL;

	for (guint i = 0; i < tree->layers->len && !layer; i++)
		if (g_str_equal(((struct api_tree_layer *) tree->layers->pdata[i])->chain_id, chain_id))
			layer = tree->layers->pdata[i];
	if (!layer)
		return;
	g_autoptr(GString) others = g_string_new(NULL);
	for (char **id = layer->images; *id; id++) {
		if (g_str_equal(*id, image->id))
			continue;
		g_autofree char *title = title_of(tree, *id);
		g_string_append_printf(others, "%s%s", others->len > 0 ? ", " : "; shared with ", title);
	}
	g_autofree char *id = berth_id_format(layer->digest, whole), *size = berth_size_format(layer->size, false);
	printf("%s %s  %s%s%s\n", last ? "└─" : "├─", id, size, others->str,
	       layer->containers > 0 ? "; in use by containers" : "");
}

static void print_image(const struct api_image_tree *tree, const struct api_tree_image *image, bool whole)
{
	g_autofree char *names = image->names[0] ? g_strjoinv(", ", image->names) : g_strdup("<none>");
	g_autofree char *id = berth_id_format(image->id, whole), *size = berth_size_format(image->size, false);
	g_autofree char *shared = berth_size_format(image->shared, false),
			*freed = berth_size_format(image->freed, false);
	guint count = g_strv_length(image->layers);

	printf("%s  %s  %s, %s of it shared; deleting it frees %s\n", names, id, size, shared, freed);
	for (guint i = 0; i < count; i++)
		print_layer(tree, image, image->layers[i], i + 1 == count, whole);
}

static int tree_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autofree char *path = path_of(arguments);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "GET", path, NULL, error);
	g_autoptr(api_image_tree) tree = answer ? berth_document_parse(&api_image_tree_document, answer, error) : NULL;

	if (!tree)
		return 1;
	if (options->format)
		return berth_object_print(options->format, answer, false, error) ? 0 : 1;
	for (guint i = 0; i < tree->images->len; i++)
		print_image(tree, tree->images->pdata[i], options->no_trunc);
	return 0;
}

const struct berth_command berth_command_image_tree = {
	.arguments = "[IMAGE...]",
	.summary = "Show which layers images share, and what deleting each would free",
	.flags = flags,
	.options_size = sizeof(struct options),
	.max_arguments = -1,
	.completes = "image",
	.main = tree_main,
};
