// SPDX-License-Identifier: Apache-2.0
// Any text is a --mount and a --network or an error with a message; a mount has a type and a target, and what it has of
// one type's options is of its own type.
#include "cli/container-options.h"
#include "spec/api-mount.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mount(const struct api_mount *mount)
{
	g_assert_nonnull(mount->type);
	g_assert_true(mount->target && *mount->target);
	g_assert_true(!mount->bind_options || strcmp(mount->type, "bind") == 0);
	g_assert_true(!mount->volume_options || strcmp(mount->type, "volume") == 0);
	g_assert_true(!mount->tmpfs_options || strcmp(mount->type, "tmpfs") == 0);
	g_assert_true(!mount->image_options || strcmp(mount->type, "image") == 0);
	g_assert_true(mount->uid == BERTH_UNSET || (mount->uid >= 0 && mount->uid < UINT32_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	char *const values[] = {text, NULL};
	g_autoptr(GError) error = NULL, other = NULL;
	g_autoptr(GPtrArray) networks = NULL;
	g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);

	bool good = berth_parse_mounts(values, &host->mounts, &error);
	g_assert_true(good == (error == NULL));
	if (good) {
		check_mount(host->mounts->pdata[0]);
		g_autofree char *printed = berth_document_print_text(&api_host_config_document, host, 0);
		g_autoptr(GError) wrong = NULL;
		g_autoptr(api_host_config) again = berth_document_parse_text(&api_host_config_document, printed,
									     strlen(printed), "request", &wrong);
		g_assert_no_error(wrong);
		g_autofree char *twice = berth_document_print_text(&api_host_config_document, again, 0);
		g_assert_cmpstr(printed, ==, twice);
	}
	good = berth_parse_networks(values, &networks, &other);
	g_assert_true(good == (other == NULL));
	for (guint i = 0; good && i < networks->len; i++) {
		const struct berth_network_option *option = networks->pdata[i];
		g_autoptr(GError) wrong = NULL;
		g_assert_nonnull(option->name);
		g_autoptr(api_endpoint_settings) endpoint = berth_network_endpoint(option, &wrong);
		g_assert_true((endpoint == NULL) == (wrong != NULL));
	}
	return 0;
}
