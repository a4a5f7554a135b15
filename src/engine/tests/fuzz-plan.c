// SPDX-License-Identifier: Apache-2.0
// Any request and image (two JSON texts with NUL between) come to a record that the database can keep, or to an error
// with a message; and from a record comes a configuration, or an error.
#include "base/error.h"
#include "engine/plan/plan-internal.h"
#include "engine/spec/spec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct berth_container_record *record)
{
	static struct berth_seccomp_profile *seccomp;
	g_autofree char *text = berth_document_print_text(&berth_container_record_document, record, 0);
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_container_record) again =
		berth_document_parse_text(&berth_container_record_document, text, strlen(text), "record", &error);

	g_assert_no_error(error);
	if (!seccomp)
		seccomp = berth_seccomp_profile_builtin(NULL);
	struct berth_spec_input input = {
		.record = again,
		.root_fd = -1, // no accounts
		.cgroup_parent = "/berth",
		.init_program = "/init",
		.seccomp = seccomp,
	};
	g_autoptr(oci_config) config = berth_spec_make(&input, &error);
	g_assert_true((config == NULL) == (error != NULL));
	for (guint i = 0; i < again->mounts->len; i++) {
		const struct berth_container_mount *mount = again->mounts->pdata[i];
		g_assert_true(mount->destination[0] == '/' && mount->destination[1] != '\0');
		g_assert_null(strstr(mount->destination, "/../"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct berth_abilities abilities = {.memory = true, .pids = true, .cpu_quota = true, .cpus = 2};
	const uint8_t *end = memchr(data, '\0', size);
	size_t length = end ? (size_t) (end - data) : size;
	g_autoptr(oci_image) image = berth_document_new(&oci_image_document);
	g_autoptr(api_container_create) create =
		berth_document_parse_text(&api_container_create_document, (const char *) data, length, "request", NULL);
	struct berth_plan_input input = {
		.create = create,
		.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.name = "fuzz",
		.image_id = "sha256:0",
		.image = image,
		.log_driver = "json-file",
		.cgroup_parent = "/berth",
	};
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) warnings = NULL;

	if (!create)
		return 0;
	if (end)
		image->config = berth_document_parse_text(&oci_image_execution_document, (const char *) end + 1,
							  size - length - 1, "image", NULL);
	g_autoptr(berth_container_record) record = berth_plan_make_for(&input, &abilities, &warnings, &error);
	g_assert_true((record == NULL) == (error != NULL));
	if (record)
		check_record(record);
	return 0;
}
