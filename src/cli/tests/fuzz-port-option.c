// SPDX-License-Identifier: Apache-2.0
// Any text is a --publish, an --expose or an error with a message; the bindings name ports that exist, as often as they
// were asked for, and are the same again when they are written out.
#include "cli/container-options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_binding(const char *name, const struct api_port_binding *binding)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
	char *end;
	unsigned long port = strtoul(name, &end, 10);

	g_assert_true(port > 0 && port < BERTH_LIMIT_PORT_RANGE && *end == '/');
	g_assert_true(g_strv_contains(protocols, end + 1));
	g_assert_cmpuint(strtoul(binding->host_port, NULL, 10), <, BERTH_LIMIT_PORT_RANGE);

	// What it says in the short form says the same.
	bool six = strchr(binding->host_ip, ':') != NULL;
	g_autofree char *again = g_strdup_printf("%s%s%s:%s:%s", six ? "[" : "", binding->host_ip, six ? "]" : "",
						 binding->host_port, name);
	g_auto(GStrv) exposed = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);
	g_assert_true(berth_parse_ports((char *[]){again, NULL}, NULL, &exposed, &host->port_bindings, &error));
	g_assert_cmpuint(g_hash_table_size(host->port_bindings), ==, 1);
	g_assert_cmpstr(exposed[0], ==, name);
	const GPtrArray *list = g_hash_table_lookup(host->port_bindings, name);
	const struct api_port_binding *same = list->pdata[0];
	g_assert_cmpstr(same->host_ip, ==, binding->host_ip);
	g_assert_cmpstr(same->host_port, ==, binding->host_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	char *const values[] = {text, NULL};

	for (int expose = 0; expose < 2; expose++) {
		g_auto(GStrv) exposed = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);
		GHashTableIter at;
		gpointer name, list;
		bool good = berth_parse_ports(expose ? NULL : values, expose ? values : NULL, &exposed,
					      &host->port_bindings, &error);
		g_assert_true(good == (error == NULL));
		g_assert_true(!good || exposed);
		if (!host->port_bindings)
			continue;
		if (good)
			g_assert_cmpuint(g_hash_table_size(host->port_bindings), ==, g_strv_length(exposed));
		g_hash_table_iter_init(&at, host->port_bindings);
		for (unsigned i = 0; i < 4 && g_hash_table_iter_next(&at, &name, &list); i++)
			check_binding(name, ((const GPtrArray *) list)->pdata[0]);
	}
	return 0;
}
