// SPDX-License-Identifier: Apache-2.0
#include "spec/names.h"

#include <string.h>

static bool join(void *data, const char *value, size_t length)
{
	GString *joined = data;

	if (joined->len > 0)
		g_string_append_c(joined, ' ');
	g_string_append_len(joined, value, (gssize) length);
	return true;
}

// The key's values; NULL: there is no such key.
static const char *find_in(const char *text, size_t length, const char *key)
{
	static GString *joined;

	if (!joined)
		joined = g_string_new(NULL);
	g_string_truncate(joined, 0);
	// Behind `length` nothing may be read: the sanitizers see it.
	g_autofree char *exact = length > 0 ? g_memdup2(text, length) : g_strdup("");
	return berth_names_find(exact, length, key, join, joined) ? joined->str : NULL;
}

static const char *find(const char *text, const char *key)
{
	return find_in(text, strlen(text), key);
}

static void test_print(void)
{
	static const struct berth_name names[] = {
		{"web", "172.18.0.2", "FD12:0::2", true}, {"Alias", "172.18.0.2", "fd12::2", false},
		{"db", "172.18.0.3", NULL, true},         {"alias", "172.18.0.3", NULL, false},
		{"alias", "172.18.0.3", NULL, false}, // said twice
		{"a b", "172.18.0.4", NULL, true}, // no names
		{"", "172.18.0.4", NULL, true},           {"n\n", "172.18.0.4", NULL, true},
		{"172.18.0.2", "172.18.0.4", NULL, true}, {"fd12::2", "172.18.0.4", NULL, true},
		{"bad", "172.18.0", "x", true}, // no addresses
	};
	g_autofree char *text = berth_names_print("front", names, G_N_ELEMENTS(names));
	g_assert_cmpstr(text, ==,
			"berth-names 1 front\n"
			"172.18.0.2 web.front\n"
			"172.18.0.3 db.front\n"
			"alias 172.18.0.2 fd12::2 172.18.0.3\n"
			"db 172.18.0.3\n"
			"fd12::2 web.front\n"
			"web 172.18.0.2 fd12::2\n");
	g_autofree char *none = berth_names_print("front", NULL, 0);
	g_assert_cmpstr(none, ==, "berth-names 1 front\n");
}

static void test_find(void)
{
	static const char text[] = "berth-names 1 Front\n"
				   "172.18.0.2 web.front\n"
				   "a 10.0.0.1\n"
				   "a!b 10.0.0.2\n"
				   "a-b 10.0.0.3\n"
				   "aa 10.0.0.4 10.0.0.5 fd::1\n"
				   "b.front 10.0.0.6\n"
				   "web 172.18.0.2\n"
				   "z 10.0.0.7";
	static const struct {
		const char *key, *values;
	} cases[] = {
		{"a", "10.0.0.1"},
		{"a!b", "10.0.0.2"},
		{"a-b", "10.0.0.3"},
		{"AA", "10.0.0.4 10.0.0.5 fd::1"},
		{"wEb", "172.18.0.2"},
		{"172.18.0.2", "web.front"},
		{"z", "10.0.0.7"},
		{"web.front", "172.18.0.2"},
		{"web.FRONT", "172.18.0.2"},
		{"b.front", "10.0.0.6"}, // a name may end so itself
		{"b", NULL},
		{"webb", NULL},
		{"we", NULL},
		{"", NULL},
		{"a 10.0.0.1", NULL},
		{"berth-names", NULL},
		{"front", NULL},
		{".front", NULL},
		{"web.fron", NULL},
		{"web.back", NULL},
		{"webfront", NULL},
		{"web.front.front", NULL},
		{"~", NULL},
		{"!", NULL},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(find(text, cases[i].key), ==, cases[i].values);
	g_assert_cmpstr(find_in(text, strlen(text) - 2, "z"), ==, "10.0.0"); // where the text ends, it ends
	// What is not this format has no keys.
	static const char *const others[] = {
		"",
		"\n",
		"berth-names 1",
		"berth-names 1\n",
		"berth-names 1 front",
		"berth-names 2 front\nweb 10.0.0.1\n",
		"berth-names 12\nweb 10.0.0.1\n",
		"web 10.0.0.1\n",
		"berth-names 1 f\n\n\n\n",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		g_assert_null(find(others[i], "web"));
	g_assert_cmpstr(find("berth-names 1\nweb 10.0.0.1\n", "web"), ==, "10.0.0.1"); // without the network's name
	g_assert_cmpstr(find("berth-names 1 f\nweb\n", "web"), ==, "");
}

static bool first_only(void *data, const char *value, size_t length)
{
	return join(data, value, length) && false;
}

static void test_many(void)
{
	enum { COUNT = 3000 };
	struct berth_name *names = g_new0(struct berth_name, COUNT);

	for (unsigned i = 0; i < COUNT; i++)
		names[i] = (struct berth_name){g_strdup_printf("c%u", i * 7919 % COUNT),
					       g_strdup_printf("10.0.%u.%u", i / 250, i % 250), NULL, true};
	g_autofree char *text = berth_names_print("n", names, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		g_autofree char *full = g_strdup_printf("%s.n", names[i].name);
		g_assert_cmpstr(find(text, names[i].name), ==, names[i].ipv4);
		g_assert_cmpstr(find(text, names[i].ipv4), ==, full);
		g_free((char *) names[i].name);
		g_free((char *) names[i].ipv4);
	}
	g_free(names);
	g_autoptr(GString) joined = g_string_new(NULL);
	static const char several[] = "berth-names 1\nweb 10.0.0.1 10.0.0.2\n";
	g_assert_true(berth_names_find(several, strlen(several), "web", first_only, joined));
	g_assert_cmpstr(joined->str, ==, "10.0.0.1");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/names/print", test_print);
	g_test_add_func("/names/find", test_find);
	g_test_add_func("/names/many", test_many);
	return g_test_run();
}
