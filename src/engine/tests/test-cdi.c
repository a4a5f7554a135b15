// SPDX-License-Identifier: Apache-2.0
// CDI specifications: what is one, and what is refused with the property's name; YAML; user ids in ranges.
#include "base/error.h"
#include "engine/plan/cdi.h"
#include "engine/plan/users.h"
#include "engine/plan/yaml.h"
#include "spec/oci-runtime.h"

#include <string.h>

#define WITH(edits)                                                                                                    \
	"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"a\",\"containerEdits\":" edits "}]}"

static void test_refused(void)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{"", "spec"},
		{"{}", "cdiVersion"},
		{"{\"cdiVersion\":\"0.0.1\",\"kind\":\"v.com/c\",\"devices\":[]}", "cdiVersion: \"0.0.1\" is none of"},
		{"{\"cdiVersion\":\"1.1.0\",\"kind\":\"v.com/c\",\"devices\":[]}", "cdiVersion: \"1.1.0\" is none of"},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"c\",\"devices\":[]}", "kind: \"c\" is not like"},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/../c\",\"devices\":[]}", "kind"},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[],\"more\":1}", "more"},
		{WITH("{\"env\":[\"A\"]}"), "devices: a: env: \"A\" is not NAME=value"},
		{WITH("{\"deviceNodes\":[{\"path\":\"dev\"}]}"), "deviceNodes: path: \"dev\" is not absolute"},
		{WITH("{\"deviceNodes\":[{\"path\":\"/d\",\"type\":\"x\"}]}"), "deviceNodes: type: \"x\""},
		{WITH("{\"deviceNodes\":[{\"path\":\"/d\",\"permissions\":\"rx\"}]}"), "permissions: \"rx\""},
		{WITH("{\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"b\"}]}"), "containerPath: \"b\""},
		{WITH("{\"hooks\":[{\"hookName\":\"later\",\"path\":\"/x\"}]}"), "hookName: \"later\""},
		{WITH("{\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"x\"}]}"), "hooks: path: \"x\""},
		{WITH("{\"additionalGids\":[-1]}"), "additionalGids"},
		{WITH("{\"netDevices\":[{}]}"), "netDevices: are of version 1.1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_cdi_parse(table[i].text, strlen(table[i].text), "spec", &error));
		g_assert_nonnull(error);
		if (!strstr(error->message, table[i].words))
			g_error("%s: %s", table[i].text, error->message);
	}
}

static void test_names(void)
{
	static const char *const wrong[] = {"",       "a",          "v.com/c",     "v.com/c=",    "=x",         "/c=x",
					    "1v/c=x", "v.com/c=-x", "v.com/c=x/y", "v.com/c=x\n", "v.com/c/d=x"};
	g_autofree char *kind = NULL, *device = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		char *unused_kind = NULL, *unused_device = NULL;
		g_assert_false(berth_cdi_name_parse(wrong[i], &unused_kind, &unused_device, NULL));
	}
	g_assert_true(berth_cdi_name_parse("nvidia.com/gpu=0:1", &kind, &device, NULL));
	g_assert_cmpstr(kind, ==, "nvidia.com/gpu");
	g_assert_cmpstr(device, ==, "0:1");
}

static void test_yaml(void)
{
	static const struct {
		const char *yaml, *json;
	} table[] = {
		{"a: 1\nb: [x, 'y', \"2\"]\nc:\n  d: true\n  e: ~\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"2\"],\"c\":{\"d\":"
								      "true,\"e\":null}}"},
		{"- 0666\n- 0o10\n- 0x10\n- -5\n- 1.5\n- 08\n", "[438,8,16,-5,\"1.5\",8]"},
		{"{}", "{}"},
		{"a: &x 1", NULL},
		{"a: *x", NULL},
		{"a: !!str 1", NULL},
		{"a: 1\na: 2", NULL},
		{"? [1]\n: 2", NULL},
		{"a: 1\n---\nb: 2", NULL},
		{"a: [", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		json_t *json = berth_yaml_parse(table[i].yaml, strlen(table[i].yaml), "file", &error);
		json_t *wanted = table[i].json ? json_loads(table[i].json, 0, NULL) : NULL;
		if (!json != !wanted || (json && !json_equal(json, wanted)))
			g_error("%s: %s", table[i].yaml, json ? json_dumps(json, 0) : error->message);
		json_decref(json);
		json_decref(wanted);
	}
	g_autofree char *deep = g_strnfill(10000, '[');
	g_assert_null(berth_yaml_parse(deep, strlen(deep), "file", NULL));
}

static void test_ranges(void)
{
	static const char text[] =
		"someone:100000:65536\ncontainers:200000:65536\ncontainers:x:1\ncontainers:500000:70000"
		"\nbad line\nberth:0:5\nberth:7\n";
	static const char *const names[] = {"berth", "containers", NULL};
	g_autoptr(GArray) ranges = berth_users_ranges(text, names);
	g_autoptr(GArray) used = g_array_new(FALSE, FALSE, sizeof(struct berth_users_range));
	struct berth_users_range taken = {500000, 65536};

	g_assert_cmpuint(ranges->len, ==, 2);
	g_assert_cmpint(berth_users_find(ranges, used, 65536), ==, 200000);
	g_assert_cmpint(berth_users_find(ranges, used, 70000), ==, 500000);
	g_assert_cmpint(berth_users_find(ranges, used, 70001), ==, -1);
	g_array_append_val(used, taken);
	taken = (struct berth_users_range){200000, 1000};
	g_array_append_val(used, taken);
	g_assert_cmpint(berth_users_find(ranges, used, 65536), ==, -1);
	g_assert_cmpint(berth_users_find(ranges, used, 4000), ==, 201000);
	g_autoptr(GArray) standard = berth_users_ranges(NULL, names);
	g_assert_cmpint(berth_users_find(standard, used, 65536), ==, BERTH_USERS_FIRST);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cdi/refused", test_refused);
	g_test_add_func("/cdi/names", test_names);
	g_test_add_func("/cdi/yaml", test_yaml);
	g_test_add_func("/users/ranges", test_ranges);
	return g_test_run();
}
