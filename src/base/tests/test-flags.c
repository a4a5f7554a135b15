// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/flags.h"

#include <string.h>

struct options {
	bool all, quiet, all_given;
	int init;
	char *name;
	char **labels;
	int64_t count, adjust, memory, swap, wait;
	double cpus;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), .help = "Only show identifiers"},
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), .help = "Show all", .given_offset = AT(all_given)},
	{"init", 0, BERTH_FLAG_TRISTATE, AT(init), .help = "Run an init", .fallback = "-1"},
	{"name", 'n', BERTH_FLAG_TEXT, AT(name), .help = "Name it", .fallback = "nobody"},
	{"label", 'l', BERTH_FLAG_LIST, AT(labels),
	 .help = "Set metadata on it, as many times as there are labels to set"},
	{"count", 'c', BERTH_FLAG_INTEGER, AT(count), .help = "How many"},
	{"adjust", 0, BERTH_FLAG_INTEGER, AT(adjust), .help = "By how much", .fallback = "-1",
	 .flags = BERTH_FLAG_NEGATIVE_OK},
	{"memory", 'm', BERTH_FLAG_BYTES, AT(memory), .help = "Memory limit"},
	{"swap", 0, BERTH_FLAG_BYTES, AT(swap), .help = "Swap limit", .flags = BERTH_FLAG_NEGATIVE_OK},
	{"wait", 0, BERTH_FLAG_DURATION, AT(wait), .help = "Wait so long", .fallback = "1s"},
	{"cpus", 0, BERTH_FLAG_DECIMAL, AT(cpus), .argument = "number", .help = "Processors"},
	{"secret", 0, BERTH_FLAG_SWITCH, AT(quiet), .help = "Not for you", .flags = BERTH_FLAG_HIDDEN},
	{0},
};

static bool parse(struct options *options, const char *line, bool interspersed, char ***ret_arguments, bool *ret_help,
		  GError **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	memset(options, 0, sizeof *options);
	return berth_flags_parse(flags, options, (int) g_strv_length(argv), argv, interspersed, ret_arguments, ret_help,
				 error);
}

// The options of a line that must parse without asking for help; its arguments joined by spaces.
static char *parsed(struct options *options, const char *line, bool interspersed)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) arguments = NULL;
	bool help = true;
	parse(options, line, interspersed, &arguments, &help, &error);
	g_assert_no_error(error);
	g_assert_false(help);
	return g_strjoinv(" ", arguments);
}

static void test_forms(void)
{
	struct options options;
	g_autofree char *rest = parsed(&options, "x --all -n me one --label a=b -l=c=d -lx --count 5 -c7 two", true);
	g_assert_true(options.all && options.all_given && !options.quiet);
	g_assert_cmpstr(options.name, ==, "me");
	g_autofree char *labels = g_strjoinv(" ", options.labels);
	g_assert_cmpstr(labels, ==, "a=b c=d x");
	g_assert_cmpint(options.count, ==, 7);
	g_assert_cmpstr(rest, ==, "one two");
	berth_flags_clear(flags, &options);
	g_assert_null(options.name);
	g_assert_null(options.labels);

	g_autofree char *combined = parsed(&options, "x -aqn me --wait=1m30s --swap -1 --cpus 1.5 - -- -a", true);
	g_assert_true(options.all && options.quiet);
	g_assert_cmpstr(options.name, ==, "me");
	g_assert_cmpint(options.wait, ==, 90 * INT64_C(1000000000));
	g_assert_cmpint(options.swap, ==, -1);
	g_assert_cmpfloat(options.cpus, ==, 1.5);
	g_assert_cmpstr(combined, ==, "- -a");
	berth_flags_clear(flags, &options);

	g_autofree char *tail = parsed(&options, "x -a=true --quiet=false --init=0 --adjust -500 run -n -- me", false);
	g_assert_true(options.all && !options.quiet);
	g_assert_cmpint(options.init, ==, 0);
	g_assert_cmpint(options.adjust, ==, -500);
	g_assert_cmpstr(options.name, ==, "nobody");
	g_assert_cmpstr(tail, ==, "run -n -- me");
	berth_flags_clear(flags, &options);
}

static void test_go(void)
{
	static const char *const lines[] = {"x -all -name one -count=5 -l a -ln -quiet=true two -n",
					    "x --all --n one --count 5 --l a --l n -q -- two -n"};
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_auto(GStrv) argv = g_strsplit(lines[i], " ", -1), arguments = NULL;
		g_autoptr(GError) error = NULL;
		struct options options = {0};
		bool help = true;
		berth_flags_parse(flags, &options, (int) g_strv_length(argv), argv, BERTH_FLAGS_GO, &arguments, &help,
				  &error);
		g_assert_no_error(error);
		g_assert_true(!help && options.all && options.quiet);
		g_assert_cmpstr(options.name, ==, "one");
		g_assert_cmpint(options.count, ==, 5);
		g_assert_cmpstr(options.labels[0], ==, "a");
		g_assert_cmpstr(options.labels[1], ==, "n");
		g_autofree char *rest = g_strjoinv(" ", arguments);
		g_assert_cmpstr(rest, ==, "two -n");
		berth_flags_clear(flags, &options);
	}
}

static void test_fallbacks(void)
{
	struct options options;
	g_autofree char *rest = parsed(&options, "x", true);
	g_assert_cmpint(options.init, ==, -1);
	g_assert_cmpint(options.adjust, ==, -1);
	g_assert_cmpint(options.wait, ==, INT64_C(1000000000));
	g_assert_cmpstr(options.name, ==, "nobody");
	g_assert_false(options.all_given);
	g_assert_cmpstr(rest, ==, "");
	berth_flags_clear(flags, &options);
}

static void test_errors(void)
{
	static const char *const cases[][2] = {
		{"x --nope", "unknown flag: --nope"},
		{"x --nope=1", "unknown flag: --nope"},
		{"x -az", "unknown shorthand flag: 'z' in -az"},
		{"x --name", "flag needs an argument: --name"},
		{"x -an", "flag needs an argument: 'n' in -an"},
		{"x --=1", "bad flag syntax: --=1"},
		{"x ---a", "bad flag syntax: ---a"},
		{"x --all=maybe", "invalid argument \"maybe\" for \"-a, --all\" flag: strconv.ParseBool: parsing "
				  "\"maybe\": invalid syntax"},
		{"x -c -1", "invalid argument \"-1\" for \"-c, --count\" flag: strconv.ParseUint: parsing \"-1\": "
			    "invalid syntax"},
		{"x --adjust 99999999999999999999",
		 "invalid argument \"99999999999999999999\" for \"--adjust\" flag: strconv.ParseInt: parsing "
		 "\"99999999999999999999\": value out of range"},
		{"x -m y", "invalid argument \"y\" for \"-m, --memory\" flag: invalid size: 'y'"},
		{"x -m -1", "invalid argument \"-1\" for \"-m, --memory\" flag: invalid size: '-1'"},
		{"x --cpus nan", "invalid argument \"nan\" for \"--cpus\" flag: failed to parse nan as a rational "
				 "number"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) arguments = NULL;
		struct options options;
		bool help;
		g_assert_false(parse(&options, cases[i][0], true, &arguments, &help, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_cmpstr(error->message, ==, cases[i][1]);
		berth_flags_clear(flags, &options);
	}
}

static void test_bytes(void)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} cases[] = {
		{"100", 100},
		{"0", 0},
		{"512m", INT64_C(512) << 20},
		{"1.5g", INT64_C(3) << 29},
		{"1KiB", 1024},
		{"2 kb", 2048},
		{"3B", 3},
		{".5k", 512},
		{"1t", INT64_C(1) << 40},
		{"1Pb", INT64_C(1) << 50},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		int64_t bytes = -7;
		berth_bytes_parse(cases[i].text, &bytes, &error);
		g_assert_no_error(error);
		g_assert_cmpint(bytes, ==, cases[i].bytes);
	}
	static const char *const wrong[] = {"",     "-1",       "x",  "1x",  "1kx", "1.2.3",
					    "0x10", "9999999p", "1 ", "1bb", ".",   "1e3"};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		int64_t bytes;
		g_assert_false(berth_bytes_parse(wrong[i], &bytes, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
	static const struct {
		int64_t bytes;
		const char *text;
	} shown[] = {{0, "0B"},       {999, "999B"},       {1000, "1kB"},        {1234567, "1.23MB"},
		     {999999, "1MB"}, {4260000, "4.26MB"}, {123456789, "123MB"}, {INT64_MAX, "9.22EB"}};
	for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
		g_autofree char *text = berth_bytes_format(shown[i].bytes);
		g_assert_cmpstr(text, ==, shown[i].text);
	}
}

static void test_help(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	struct options options;
	static const char *const asks[] = {"x --help", "x -ah one", "x one -h --nope"};
	for (size_t i = 0; i < G_N_ELEMENTS(asks); i++) {
		g_auto(GStrv) arguments = NULL;
		bool help = false;
		parse(&options, asks[i], true, &arguments, &help, &error);
		g_assert_no_error(error);
		g_assert_true(help);
		berth_flags_clear(flags, &options);
	}

	berth_flags_help(flags, 60, out);
	g_assert_cmpstr(out->str, ==,
			"      --adjust int      By how much (default -1)\n"
			"  -a, --all             Show all\n"
			"  -c, --count int       How many\n"
			"      --cpus number     Processors\n"
			"      --init            Run an init\n"
			"  -l, --label list      Set metadata on it, as many times as\n"
			"                        there are labels to set\n"
			"  -m, --memory bytes    Memory limit\n"
			"  -n, --name string     Name it (default \"nobody\")\n"
			"  -q, --quiet           Only show identifiers\n"
			"      --swap bytes      Swap limit\n"
			"      --wait duration   Wait so long (default 1s)\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/flags/forms", test_forms);
	g_test_add_func("/flags/go", test_go);
	g_test_add_func("/flags/fallbacks", test_fallbacks);
	g_test_add_func("/flags/errors", test_errors);
	g_test_add_func("/flags/bytes", test_bytes);
	g_test_add_func("/flags/help", test_help);
	return g_test_run();
}
