// SPDX-License-Identifier: Apache-2.0
// What a request line selects: version, route, placeholder, switches. A path that was found is put together again from
// its parts.
#include "api/route.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = {"GET", "POST", "DELETE", "HEAD"};
	g_autofree char *text = g_strndup((const char *) data, size);
	const char *path;
	unsigned version;

	berth_route_split_version(text, &path, &version);
	g_assert(g_str_has_suffix(text, path));
	berth_route_switch(text);
	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
		g_autofree char *argument = NULL;
		const struct berth_route *route =
			berth_route_find(berth_routes, methods[i], path, version, size % 2, &argument);
		if (route && argument) {
			const char *open = strchr(route->path, '{');
			g_autofree char *again = g_strdup_printf("%.*s%s%s", (int) (open - route->path), route->path,
								 argument, strchr(open, '}') + 1);
			g_assert(strcmp(again, path) == 0);
		}
	}
	return 0;
}
