// SPDX-License-Identifier: Apache-2.0
// What systemd is told: the names of units, limits as properties, and which annotations may become properties.
#include "base/error.h"
#include "runtime/systemd.h"

#include <string.h>

static void test_paths(void)
{
	static const struct {
		const char *path;
		bool user;
		const char *slice, *unit; // NULL: refused
	} cases[] = {
		{NULL, false, "system.slice", "berth-x+1.scope"},
		{"", true, "user.slice", "berth-x+1.scope"},
		{"system.slice:docker:abc", false, "system.slice", "docker-abc.scope"},
		{"kube-pods.slice:cri:abc", false, "kube-pods.slice", "cri-abc.scope"},
		{"::", false, "system.slice", "x+1.scope"},
		{":p:", false, "system.slice", "p-x+1.scope"},
		{"-.slice::a", false, "-.slice", "a.scope"},
		{"/docker/abc", false, NULL, NULL},
		{"a:b", false, NULL, NULL},
		{"a:b:c:d", false, NULL, NULL},
		{"a/b.slice:c:d", false, NULL, NULL},
		{"../a.slice:c:d", false, NULL, NULL},
		{".slice:c:d", false, NULL, NULL},
		{"a--b.slice:c:d", false, NULL, NULL},
		{"a-.slice:c:d", false, NULL, NULL},
		{"-a.slice:c:d", false, NULL, NULL},
		{"system.service:c:d", false, NULL, NULL},
		{"system.slice:c:d/e", false, NULL, NULL},
		{"system.slice:c:d e", false, NULL, NULL},
		{"system.slice::d.slice", false, NULL, NULL},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *slice = NULL, *unit = NULL;
		g_autofree char *wanted = cases[i].unit ? g_strdup(cases[i].unit) : NULL;
		bool good = berth_systemd_parse_path(cases[i].path, "x+1", cases[i].user, &slice, &unit, &error);
		g_test_message("%s", cases[i].path);
		g_assert_cmpint(good, ==, wanted != NULL);
		if (!good) {
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
			continue;
		}
		g_auto(GStrv) parts = g_strsplit(wanted, "+", -1); // which units' names cannot have
		g_autofree char *escaped = g_strjoinv("\\x2b", parts);
		g_assert_cmpstr(slice, ==, cases[i].slice);
		g_assert_cmpstr(unit, ==, escaped);
	}
}

static char *properties(const char *text, bool start, GError **error)
{
	g_autoptr(berth_systemd_request) request =
		berth_document_parse_text(&berth_systemd_request_document, text, strlen(text), "request", error);
	g_autoptr(GVariant) variant = request ? berth_systemd_properties(request, start, error) : NULL;
	return variant ? g_variant_print(g_variant_ref_sink(variant), FALSE) : NULL;
}

static void test_limits(void)
{
	static const struct {
		const char *more, *properties; // beside {"unit":"x.scope"; the properties without their brackets
	} cases[] = {
		{"", ""},
		{"\"resources\":{}", ""},
		{"\"resources\":{\"memory\":{\"limit\":1048576,\"swap\":3145728,\"reservation\":4096}}",
		 "('MemoryMax', <uint64 1048576>), ('MemoryLow', <uint64 4096>), ('MemorySwapMax', <uint64 2097152>)"},
		{"\"resources\":{\"memory\":{\"limit\":-1}}",
		 "('MemoryMax', <uint64 18446744073709551615>), ('MemorySwapMax', <uint64 18446744073709551615>)"},
		{"\"memoryLimit\":1000,\"resources\":{\"memory\":{\"swap\":1500}}", "('MemorySwapMax', <uint64 500>)"},
		{"\"resources\":{\"cpu\":{\"shares\":1024}}", "('CPUWeight', <uint64 100>)"},
		{"\"resources\":{\"cpu\":{\"shares\":1024,\"idle\":1}}", "('CPUWeight', <uint64 0>)"},
		{"\"resources\":{\"cpu\":{\"idle\":0}}", "('CPUWeight', <uint64 100>)"},
		{"\"resources\":{\"cpu\":{\"quota\":50000,\"period\":200000}}",
		 "('CPUQuotaPeriodUSec', <uint64 200000>), ('CPUQuotaPerSecUSec', <uint64 250000>)"},
		// systemd would round down a part of a percent.
		{"\"resources\":{\"cpu\":{\"quota\":12345}}", "('CPUQuotaPerSecUSec', <uint64 130000>)"},
		{"\"resources\":{\"cpu\":{\"quota\":-1}}", "('CPUQuotaPerSecUSec', <uint64 18446744073709551615>)"},
		{"\"cpuPeriod\":50000,\"resources\":{\"cpu\":{\"quota\":50000}}",
		 "('CPUQuotaPerSecUSec', <uint64 1000000>)"},
		{"\"cpuQuota\":50000,\"resources\":{\"cpu\":{\"period\":50000}}",
		 "('CPUQuotaPeriodUSec', <uint64 50000>), ('CPUQuotaPerSecUSec', <uint64 1000000>)"},
		{"\"resources\":{\"cpu\":{\"cpus\":\"0-1,9\",\"mems\":\"0\"}}",
		 "('AllowedCPUs', <[byte 0x03, 0x02]>), ('AllowedMemoryNodes', <[byte 0x01]>)"},
		{"\"resources\":{\"pids\":{\"limit\":17}}", "('TasksMax', <uint64 17>)"},
		{"\"resources\":{\"pids\":{\"limit\":0}}", "('TasksMax', <uint64 1>)"},
		{"\"resources\":{\"pids\":{\"limit\":-1}}", "('TasksMax', <uint64 18446744073709551615>)"},
		{"\"resources\":{\"blockIO\":{\"weight\":500,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":"
		 "1000}]}}",
		 "('IOWeight', <uint64 4950>), ('IODeviceWeight', <[('/dev/block/8:0', uint64 10000)]>)"},
		{"\"resources\":{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":600}]}}",
		 "('IOReadBandwidthMax', <[('/dev/block/8:1', uint64 600)]>)"},
		{"\"resources\":{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":1,\"rate\":0}]}}",
		 "('IOWriteIOPSMax', <[('/dev/block/8:1', uint64 18446744073709551615)]>)"},
		{"\"resources\":{\"unified\":{\"memory.high\":\"12345\",\"cpu.max\":\"1000 "
		 "10000\",\"cpuset.cpus\":\"1\","
		 "\"io.cost.qos\":\"x\"}}",
		 "('MemoryHigh', <uint64 12345>), ('CPUQuotaPeriodUSec', <uint64 10000>), ('CPUQuotaPerSecUSec', "
		 "<uint64 "
		 "100000>), ('AllowedCPUs', <[byte 0x02]>)"},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *text = g_strconcat("{\"unit\":\"x.scope\",\"unified\":true", *cases[i].more ? "," : "",
						    cases[i].more, "}", NULL);
		g_autofree char *got = properties(text, false, &error);
		g_autofree char *wanted =
			*cases[i].properties ? g_strconcat("[", cases[i].properties, "]", NULL) : g_strdup("[]");
		g_assert_no_error(error);
		g_assert_cmpstr(got, ==, wanted);
	}
}

static void test_v1(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *got = properties(
		"{\"unit\":\"x.scope\",\"resources\":{\"memory\":{\"limit\":1048576,\"swap\":2097152},\"cpu\":"
		"{\"shares\":512,\"cpus\":\"0\"},\"blockIO\":{\"weight\":300}}}",
		false, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(
		got, ==,
		"[('MemoryLimit', <uint64 1048576>), ('CPUShares', <uint64 512>), ('BlockIOWeight', <uint64 300>)]");
}

static void test_v1_devices(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *got =
		properties("{\"unit\":\"x.scope\",\"resources\":{\"devices\":[{\"allow\":false},{\"allow\":true,"
			   "\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"}]}}",
			   false, &error);
	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(got,
				       "[('DevicePolicy', <'strict'>), ('DeviceAllow', <@a(ss) []>), ('DeviceAllow', <["
				       "('/dev/char/10:229', 'rw'), ('char-*', 'm'), ('block-*', 'm'), "
				       "('/dev/char/1:3', 'rwm'), "));
	g_assert_nonnull(strstr(got, "('char-pts', 'rwm')"));
	g_clear_pointer(&got, g_free);
	got = properties("{\"unit\":\"x.scope\",\"resources\":{\"devices\":[{\"allow\":true}]}}", false, &error);
	g_assert_cmpstr(got, ==, "[]");
	g_clear_pointer(&got, g_free);
	got = properties(
		"{\"unit\":\"x.scope\",\"resources\":{\"devices\":[{\"allow\":true},{\"allow\":false,\"type\":\"c\","
		"\"major\":10,\"minor\":229}]}}",
		false, &error);
	g_assert_null(got);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
}

static void test_start(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *got =
		properties("{\"unit\":\"x.scope\",\"slice\":\"a.slice\",\"description\":\"d\",\"unified\":"
			   "true,\"annotations\":{\"org.systemd.property.TimeoutStopSec\":\"1.5\",\"other\":"
			   "\"x\"},\"resources\":{\"pids\":{\"limit\":1}}}",
			   true, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(
		got, ==,
		"[('Description', <'d'>), ('CollectMode', <'inactive-or-failed'>), ('DefaultDependencies', <false>), "
		"('TimeoutStopUSec', <uint64 1500000>), ('Slice', <'a.slice'>), ('Delegate', <true>), "
		"('CPUAccounting', <true>), ('MemoryAccounting', <true>), ('TasksAccounting', <true>), "
		"('IOAccounting', <true>), ('TasksMax', <uint64 1>)]");
}

static void test_annotations(void)
{
	static const struct {
		const char *name, *value, *property; // NULL: refused
	} cases[] = {
		{"TimeoutStopUSec", "uint64 123456789", "('TimeoutStopUSec', <uint64 123456789>)"},
		{"TimeoutStopUSec", "123", "('TimeoutStopUSec', <uint64 123>)"},
		{"TimeoutStopSec", "5", "('TimeoutStopUSec', <uint64 5000000>)"},
		{"CollectMode", "'inactive'", "('CollectMode', <'inactive'>)"},
		{"After", "['a.service', 'b.service']", "('After', <['a.service', 'b.service']>)"},
		{"SendSIGKILL", "false", "('SendSIGKILL', <false>)"},
		{"KillSignal", "15", "('KillSignal', <15>)"},
		{"ManagedOOMSwap", "'kill'", "('ManagedOOMSwap', <'kill'>)"},
		// What would run programs, reach other units or leave the container's own place.
		{"ExecStart", "[('/bin/sh', ['sh', '-c', 'id'], false)]", NULL},
		{"ExecStop", "[('/bin/sh', ['sh'], false)]", NULL},
		{"ExecStartPre", "'x'", NULL},
		{"OnFailure", "['evil.service']", NULL},
		{"Wants", "['evil.service']", NULL},
		{"Requires", "['evil.service']", NULL},
		{"BindsTo", "['evil.service']", NULL},
		{"Conflicts", "['ssh.service']", NULL},
		{"Slice", "'-.slice'", NULL},
		{"Delegate", "false", NULL},
		{"PIDs", "[1]", NULL},
		{"DevicePolicy", "'auto'", NULL},
		{"DeviceAllow", "[('/dev/sda', 'rwm')]", NULL},
		{"", "1", NULL},
		{"collectMode", "'inactive'", NULL},
		// Wrong types and values, and text that would begin a new line in the unit's file.
		{"CollectMode", "'never'", NULL},
		{"CollectMode", "1", NULL},
		{"TimeoutStopUSec", "'x'", NULL},
		{"TimeoutStopUSec", "-1", NULL},
		{"TimeoutStopSec", "-1", NULL},
		{"TimeoutStopSec", "'x'", NULL},
		{"TimeoutStopUSec", "", NULL},
		{"Description", "'a\\nExecStart=/bin/sh'", NULL},
		{"After", "['a.service\\nWants=b.service']", NULL},
		{"After", "['a b']", NULL},
		{"After", "['']", NULL},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_systemd_request) request = berth_document_new(&berth_systemd_request_document);
		request->unit = g_strdup("x.scope");
		request->slice = g_strdup("a.slice");
		request->description = g_strdup("d");
		request->annotations = berth_map_new();
		g_hash_table_insert(request->annotations, g_strconcat(BERTH_SYSTEMD_PROPERTY, cases[i].name, NULL),
				    g_strdup(cases[i].value));
		g_autoptr(GVariant) variant = berth_systemd_properties(request, true, &error);
		g_test_message("%s %s", cases[i].name, cases[i].value);
		if (!cases[i].property) {
			g_assert_null(variant);
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
			g_assert_nonnull(strstr(error->message, BERTH_SYSTEMD_PROPERTY));
			continue;
		}
		g_assert_no_error(error);
		g_autofree char *text = g_variant_print(g_variant_ref_sink(variant), FALSE);
		g_assert_nonnull(strstr(text, cases[i].property));
	}
}

static void test_bad_limits(void)
{
	static const char *const bad[] = {
		"{\"cpu\":{\"cpus\":\"0-\"}}",
		"{\"cpu\":{\"cpus\":\"3-1\"}}",
		"{\"cpu\":{\"cpus\":\"99999999\"}}",
		"{\"cpu\":{\"mems\":\"a\"}}",
		"{\"unified\":{\"memory.high\":\"many\"}}",
		"{\"unified\":{\"cpu.max\":\"1 0\"}}",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *text =
			g_strconcat("{\"unit\":\"x.scope\",\"unified\":true,\"resources\":", bad[i], "}", NULL);
		g_autofree char *got = properties(text, false, &error);
		g_assert_null(got);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/systemd/paths", test_paths);
	g_test_add_func("/systemd/limits", test_limits);
	g_test_add_func("/systemd/v1", test_v1);
	g_test_add_func("/systemd/v1-devices", test_v1_devices);
	g_test_add_func("/systemd/start", test_start);
	g_test_add_func("/systemd/annotations", test_annotations);
	g_test_add_func("/systemd/bad-limits", test_bad_limits);
	return g_test_run();
}
