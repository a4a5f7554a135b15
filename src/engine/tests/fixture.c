// SPDX-License-Identifier: Apache-2.0
#include "engine/tests/fixture.h"

#include "base/json.h"

#include <string.h>

struct berth_abilities test_abilities(void)
{
	return (struct berth_abilities){
		.memory = true,
		.swap = true,
		.swappiness = true,
		.oom_kill_disable = true,
		.cpu_shares = true,
		.cpu_quota = true,
		.cpu_realtime = true,
		.cpuset = true,
		.pids = true,
		.block_throttle = true,
		.block_weight = true,
		.cpus = 4,
		.cpuset_cpus = (char *) "0-3",
		.cpuset_mems = (char *) "0",
	};
}

static void *parse(const struct berth_document *document, const char *text)
{
	g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
	g_autoptr(GError) error = NULL;
	void *object = berth_document_parse_text(document, json, strlen(json), "request", &error);

	g_assert_no_error(error);
	return object;
}

struct berth_container_record *test_plan(const char *request, const char *image,
					 const struct berth_abilities *abilities, char ***ret_warnings, GError **error)
{
	g_autoptr(api_container_create) create = parse(&api_container_create_document, request);
	g_autoptr(oci_image) config = berth_document_new(&oci_image_document);
	char *const log_options[] = {(char *) "max-size=10m", NULL};
	struct berth_plan_input input = {
		.create = create,
		.id = TEST_ID,
		.name = "test",
		.created = 1,
		.image_id = "sha256:" TEST_ID,
		.image = config,
		.log_driver = "json-file",
		.log_options = log_options,
		.cgroup_parent = "/berth",
	};

	if (image)
		config->config = parse(&oci_image_execution_document, image);
	return berth_plan_make_for(&input, abilities, ret_warnings, error);
}

static const json_t *element(const json_t *array, const char *word)
{
	const char *equals = strchr(word, '=');
	guint64 index = 0;

	if (!equals)
		return g_ascii_string_to_unsigned(word, 10, 0, 10000, &index, NULL) ? json_array_get(array, index)
										    : NULL;
	g_autofree char *key = g_strndup(word, (gsize) (equals - word));
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *value = json_string_value(json_object_get(json_array_get(array, i), key));
		if (g_strcmp0(value, equals + 1) == 0)
			return json_array_get(array, i);
	}
	return NULL;
}

char *test_value(const json_t *root, const char *path)
{
	g_auto(GStrv) words = g_strsplit(path, " ", 0);
	const json_t *value = root;

	for (char **word = words; *word && value; word++)
		value = json_is_array(value) ? element(value, *word) : json_object_get(value, *word);
	return value ? g_strdelimit(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), "\"", '\'') : NULL;
}
