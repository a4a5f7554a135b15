// SPDX-License-Identifier: Apache-2.0
// The counters of both versions, in plain folders, as the document that runc's users read.
#include "base/fd.h"
#include "runtime/stats.h"
#include "sys/cgroup-internal.h"

#include <fcntl.h>

struct file {
	const char *name, *text;
};

static const struct file v2[] = {
	{"cgroup.controllers", "cpuset cpu io memory hugetlb pids\n"},
	{"cgroup.procs", ""},
	{"cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 4\nthrottled_usec 9\n"},
	{"cpu.pressure",
	 "some avg10=1.50 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"},
	{"cpuset.cpus.effective", "0-2,5\n"},
	{"cpuset.mems.effective", "0\n"},
	{"memory.current", "4096\n"},
	{"memory.max", "8192\n"},
	{"memory.peak", "5000\n"},
	{"memory.swap.current", "100\n"},
	{"memory.swap.max", "1000\n"},
	{"memory.events", "low 0\nhigh 0\nmax 6\noom 1\noom_kill 1\n"},
	{"memory.stat", "anon 1000\nfile 2000\ninactive_file 77\n"},
	{"pids.current", "3\n"},
	{"pids.max", "max\n"},
	{"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"},
	{"hugetlb.2MB.current", "2097152\n"},
	{"hugetlb.2MB.rsvd.current", "9\n"},
	{"hugetlb.2MB.events", "max 8\n"},
};

static const char v2_json[] =
	"{\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},{\"major\":8,\"op\":"
	"\"Write\","
	"\"value\":2},{\"major\":8,\"op\":\"Discard\",\"value\":5}],\"ioServicedRecursive\":[{\"major\":8,\"op\":"
	"\"Read\","
	"\"value\":3},{\"major\":8,\"op\":\"Write\",\"value\":4},{\"major\":8,\"op\":\"Discard\",\"value\":6}]},"
	"\"cpu\":{\"psi\":{\"full\":{\"avg10\":0.0,\"avg300\":0.0,\"avg60\":0.0,\"total\":1},\"some\":{\"avg10\":1.5,"
	"\"avg300\":"
	"0.0,\"avg60\":0.0,\"total\":42}},\"throttling\":{\"periods\":7,\"throttledPeriods\":4,\"throttledTime\":9000},"
	"\"usage\":{\"kernel\":2000,\"total\":5000,\"user\":3000}},\"cpuset\":{\"cpus\":[0,1,2,5],\"mems\":[0]},"
	"\"hugetlb\":{\"2MB\":{\"failcnt\":8,\"usage\":2097152}},"
	"\"memory\":{\"cache\":2000,\"raw\":{\"anon\":1000,\"file\":2000,\"inactive_file\":77},\"swap\":{\"failcnt\":0,"
	"\"limit\":"
	"9192,\"usage\":4196},\"usage\":{\"failcnt\":6,\"limit\":8192,\"max\":5000,\"usage\":4096}},\"pids\":{"
	"\"current\":3}}";

static const struct file v1[] = {
	{"cpuacct.usage", "50\n"},
	{"cpuacct.usage_user", "30\n"},
	{"cpuacct.usage_sys", "20\n"},
	{"cpuacct.usage_percpu", "20 30 \n"},
	{"cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n"},
	{"cpuset.effective_cpus", "1\n"},
	{"memory.usage_in_bytes", "4096\n"},
	{"memory.limit_in_bytes", "9223372036854771712\n"},
	{"memory.max_usage_in_bytes", "5000\n"},
	{"memory.failcnt", "2\n"},
	{"memory.memsw.limit_in_bytes", "8192\n"},
	{"memory.memsw.usage_in_bytes", "4097\n"},
	{"memory.stat", "cache 10\nrss 20\n"},
	{"pids.current", "3\n"},
	{"pids.max", "17\n"},
	{"blkio.throttle.io_service_bytes", "8:16 Read 4096\n8:16 Total 4096\nTotal 4096\n"},
	{"hugetlb.1GB.usage_in_bytes", "0\n"},
	{"hugetlb.1GB.max_usage_in_bytes", "7\n"},
	{"hugetlb.1GB.failcnt", "1\n"},
};

static const char v1_json[] =
	"{\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":4096},{\"major\":"
	"8,"
	"\"minor\":16,\"op\":\"Total\",\"value\":4096}],\"ioServicedRecursive\":[]},\"cpu\":{\"throttling\":{"
	"\"periods\":1,\"throttledPeriods\":2,"
	"\"throttledTime\":3},\"usage\":{\"kernel\":20,\"percpu\":[20,30],\"total\":50,\"user\":30}},\"cpuset\":{"
	"\"cpus\":[1]},"
	"\"hugetlb\":{\"1GB\":{\"failcnt\":1,\"max\":7}},\"memory\":{\"cache\":10,\"kernel\":{\"failcnt\":0,\"limit\":"
	"0},"
	"\"kernelTCP\":{\"failcnt\":0,\"limit\":0},\"raw\":{\"cache\":10,\"rss\":20},\"swap\":{\"failcnt\":0,\"limit\":"
	"8192,"
	"\"usage\":4097},\"usage\":{\"failcnt\":2,\"limit\":9223372036854771712,\"max\":5000,\"usage\":4096}},"
	"\"pids\":"
	"{\"current\":3,\"limit\":17}}";

static void check(bool unified, const struct file *files, size_t count, const char *wanted)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autofree char *root = g_dir_make_tmp("berth-stats-XXXXXX", NULL);
	g_autofree char *leaf = g_build_filename(root, "x", NULL);
	g_autoptr(berth_cgroup) cgroup = NULL;

	mounts->kind = unified ? BERTH_CGROUP_V2 : BERTH_CGROUP_V1;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, root, unified ? "" : "cpu,cpuacct,cpuset,memory,pids,blkio,hugetlb", unified)
		->optional = false;
	g_assert_cmpint(g_mkdir_with_parents(leaf, 0755), ==, 0);
	for (size_t i = 0; i < count; i++) {
		g_autofree char *path = g_build_filename(leaf, files[i].name, NULL);
		g_assert_true(g_file_set_contents(path, files[i].text, -1, NULL));
	}
	berth_cgroup_open_in(mounts, "/x", &cgroup, &error);
	g_assert_no_error(error);

	g_autoptr(oci_stats) stats = berth_stats_read(cgroup);
	json_t *json = berth_document_print(&oci_stats_document, stats, 0);
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	g_assert_cmpstr(text, ==, wanted);
	free(text);
	json_decref(json);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, root, NULL));
}

static void test_v2(void)
{
	check(true, v2, G_N_ELEMENTS(v2), v2_json);
}

static void test_v1(void)
{
	check(false, v1, G_N_ELEMENTS(v1), v1_json);
}

// A group without any file has zeros, not garbage.
static void test_nothing(void)
{
	check(true, NULL, 0,
	      "{\"blkio\":{\"ioServiceBytesRecursive\":[],\"ioServicedRecursive\":[]},\"cpu\":{\"throttling\":{},"
	      "\"usage\":{\"kernel\":0,\"total\":0,\"user\":0}},\"cpuset\":{},"
	      "\"hugetlb\":{},"
	      "\"memory\":{\"raw\":{},\"swap\":{\"failcnt\":0,\"limit\":0},\"usage\":{\"failcnt\":0,\"limit\":0}},"
	      "\"pids\":{}}");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/stats/v2", test_v2);
	g_test_add_func("/stats/v1", test_v1);
	g_test_add_func("/stats/nothing", test_nothing);
	return g_test_run();
}
