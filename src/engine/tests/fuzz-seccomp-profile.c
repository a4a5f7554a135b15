// SPDX-License-Identifier: Apache-2.0
// Any text is a profile that can be applied, or an error with a message.
#include "base/error.h"
#include "engine/plan/seccomp.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct berth_seccomp_host hosts[] = {{"amd64", 6, 1}, {"unknown", 0, 0}};
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_seccomp_profile) profile = berth_seccomp_profile_parse((const char *) data, size, &error);

	g_assert_true((profile == NULL) == (error != NULL));
	for (size_t i = 0; profile && i < G_N_ELEMENTS(hosts); i++) {
		g_autoptr(oci_seccomp) seccomp = berth_seccomp_profile_apply(profile, i ? 0 : UINT64_MAX, &hosts[i]);
		g_autofree char *text = berth_document_print_text(&oci_seccomp_document, seccomp, 0);
		g_autoptr(oci_seccomp) again =
			berth_document_parse_text(&oci_seccomp_document, text, strlen(text), "section", NULL);
		g_assert_nonnull(again);
	}
	return 0;
}
