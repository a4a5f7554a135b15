// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a CDI specification, as JSON and as YAML, there is an error or a specification whose devices can
// be named.
#include "engine/plan/cdi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct berth_cdi_spec *(*const parsers[])(const char *, size_t, const char *,
						  GError **) = {berth_cdi_parse, berth_cdi_parse_yaml};

	for (size_t i = 0; i < G_N_ELEMENTS(parsers); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_cdi_spec) spec = parsers[i]((const char *) data, size, "spec", &error);
		g_assert_true((spec == NULL) == (error != NULL));
		for (guint k = 0; spec && k < spec->devices->len; k++) {
			const struct berth_cdi_device *device = spec->devices->pdata[k];
			g_autofree char *name = g_strconcat(spec->kind, "=", device->name, NULL);
			g_autofree char *kind = NULL, *own = NULL;
			g_assert_true(berth_cdi_name_parse(name, &kind, &own, NULL));
		}
	}
	return 0;
}
