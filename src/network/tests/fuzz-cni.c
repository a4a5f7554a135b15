// SPDX-License-Identifier: Apache-2.0
// What comes from CNI's side: configuration lists, results, errors.
#include "base/json.h"
#include "network/cni.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	g_autoptr(GError) error = NULL, problem = NULL;

	g_autoptr(berth_cni_list) list = berth_cni_list_parse(text, size, "fuzz", NULL);
	if (list) {
		g_assert_nonnull(list->versions[0]);
		for (guint i = 0; i < list->plugins->len; i++) {
			const struct berth_cni_plugin *plugin = list->plugins->pdata[i];
			g_assert_null(strchr(plugin->type, '/'));
			BERTH_AUTO_JSON json_t *request =
				berth_cni_request(list, plugin, list->versions[0], list->document, list->document);
			g_assert_nonnull(request);
		}
		g_autoptr(berth_cni_list) G_GNUC_UNUSED again = berth_cni_list_from(list->document, "fuzz", &error);
		g_assert_no_error(error);
	}
	BERTH_AUTO_JSON json_t *result = size > 0 ? berth_json_parse(text, size, "fuzz", NULL) : NULL;
	if (result && berth_cni_result_check(result, "1.0.0", NULL)) {
		g_autoptr(berth_endpoint) endpoint = berth_document_new(&berth_endpoint_document);
		endpoint->interface = g_strdup("eth0");
		berth_cni_result_apply(result, endpoint);
		BERTH_AUTO_JSON json_t *moved = berth_cni_result_moved(result, "a", "b");
		g_assert_nonnull(moved);
	}
	berth_cni_error("fuzz", text, size, "words", &problem);
	g_assert_true(problem && g_utf8_validate(problem->message, -1, NULL));
	return 0;
}
