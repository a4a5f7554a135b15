// SPDX-License-Identifier: Apache-2.0
// What the kernel's files say on each layout, as the API has it.
#include "engine/show/stats.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static void put(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_folder(const char *folder)
{
	GDir *listing = g_dir_open(folder, 0, NULL);

	for (const char *name; (name = g_dir_read_name(listing));) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			remove_folder(path);
		else
			g_unlink(path);
	}
	g_dir_close(listing);
	g_rmdir(folder);
}

static struct api_stats *read_fake(const char *root, bool v2)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autoptr(berth_cgroup) cgroup = NULL;
	struct api_stats *stats = berth_stats_new();

	mounts->kind = v2 ? BERTH_CGROUP_V2 : BERTH_CGROUP_V1;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, root, v2 ? "cpu,io,memory,pids" : "cpu,cpuacct,memory,pids,blkio", v2);
	g_assert_true(berth_cgroup_open_in(mounts, "/box", &cgroup, NULL));
	berth_stats_read_group(cgroup, stats);
	return stats;
}

static void check_entry(const GPtrArray *list, guint index, uint64_t minor, const char *op, uint64_t value)
{
	const struct api_stats_block_entry *entry = list->pdata[index];

	g_assert_cmpuint(entry->major, ==, 8);
	g_assert_cmpuint(entry->minor, ==, minor);
	g_assert_cmpstr(entry->op, ==, op);
	g_assert_cmpuint(entry->value, ==, value);
}

static void test_v1(void)
{
	g_autofree char *root = g_dir_make_tmp("berth-stats-XXXXXX", NULL), *box = g_build_filename(root, "box", NULL);

	g_assert_cmpint(g_mkdir(box, 0755), ==, 0);
	put(box, "cpuacct.usage", "3000000001\n");
	put(box, "cpuacct.usage_user", "2000000000\n");
	put(box, "cpuacct.usage_sys", "1000000001\n");
	put(box, "cpuacct.usage_percpu", "1000000000 2000000001 \n");
	put(box, "cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 700\n");
	put(box, "memory.usage_in_bytes", "1048576\n");
	put(box, "memory.max_usage_in_bytes", "2097152\n");
	put(box, "memory.failcnt", "5\n");
	put(box, "memory.limit_in_bytes", "4194304\n");
	put(box, "memory.stat",
	    "cache 4096\ntotal_inactive_file 2048\nhierarchical_memory_limit 9223372036854771712\n");
	put(box, "pids.current", "7\n");
	put(box, "pids.max", "max\n");
	put(box, "blkio.throttle.io_service_bytes", "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\nTotal 12288\n");
	put(box, "blkio.throttle.io_serviced_recursive", "8:16 Read 2\nTotal 2\n");
	g_autoptr(api_stats) stats = read_fake(root, false);
	g_assert_cmpuint(stats->cpu->usage->total, ==, 3000000001);
	g_assert_cmpuint(stats->cpu->usage->user, ==, 2000000000);
	g_assert_cmpuint(stats->cpu->usage->kernel, ==, 1000000001);
	g_assert_cmpuint(json_array_size(stats->cpu->usage->per_cpu), ==, 2);
	g_assert_cmpint(json_integer_value(json_array_get(stats->cpu->usage->per_cpu, 1)), ==, 2000000001);
	g_assert_cmpuint(stats->cpu->throttling->periods, ==, 10);
	g_assert_cmpuint(stats->cpu->throttling->throttled_periods, ==, 3);
	g_assert_cmpuint(stats->cpu->throttling->throttled_time, ==, 700);
	g_assert_cmpuint(stats->memory->usage, ==, 1048576);
	g_assert_cmpuint(stats->memory->max_usage, ==, 2097152);
	g_assert_cmpuint(stats->memory->fail_count, ==, 5);
	g_assert_cmpuint(stats->memory->limit, ==, 4194304);
	g_assert_cmpint(json_integer_value(json_object_get(stats->memory->stats, "total_inactive_file")), ==, 2048);
	g_assert_cmpint(json_integer_value(json_object_get(stats->memory->stats, "hierarchical_memory_limit")), ==,
			9223372036854771712);
	g_assert_cmpuint(stats->pids->current, ==, 7);
	g_assert_cmpuint(stats->pids->limit, ==, 0);
	g_assert_cmpuint(stats->block->service_bytes->len, ==, 3);
	check_entry(stats->block->service_bytes, 0, 0, "read", 4096);
	check_entry(stats->block->service_bytes, 1, 0, "write", 8192);
	g_assert_cmpuint(stats->block->serviced->len, ==, 1);
	check_entry(stats->block->serviced, 0, 16, "read", 2);
	remove_folder(root);
}

static void test_v2(void)
{
	g_autofree char *root = g_dir_make_tmp("berth-stats-XXXXXX", NULL), *box = g_build_filename(root, "box", NULL);
	struct sysinfo machine;

	g_assert_cmpint(g_mkdir(box, 0755), ==, 0);
	put(box, "cpu.stat",
	    "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 4\nnr_throttled 2\nthrottled_usec 9\n");
	put(box, "memory.current", "1048576\n");
	put(box, "memory.max", "max\n");
	put(box, "memory.stat", "anon 8192\nfile 4096\ninactive_file 1024\n");
	put(box, "pids.current", "2\n");
	put(box, "pids.max", "100\n");
	put(box, "io.stat",
	    "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n");
	g_autoptr(api_stats) stats = read_fake(root, true);
	g_assert_cmpuint(stats->cpu->usage->total, ==, 3000000);
	g_assert_cmpuint(stats->cpu->usage->user, ==, 2000000);
	g_assert_cmpuint(stats->cpu->usage->kernel, ==, 1000000);
	g_assert_null(stats->cpu->usage->per_cpu);
	g_assert_cmpuint(stats->cpu->throttling->periods, ==, 4);
	g_assert_cmpuint(stats->cpu->throttling->throttled_periods, ==, 2);
	g_assert_cmpuint(stats->cpu->throttling->throttled_time, ==, 9000);
	sysinfo(&machine);
	g_assert_cmpuint(stats->memory->usage, ==, 1048576);
	g_assert_cmpuint(stats->memory->limit, ==, (uint64_t) machine.totalram * machine.mem_unit);
	g_assert_cmpuint(stats->memory->max_usage, ==, 0);
	g_assert_cmpint(json_integer_value(json_object_get(stats->memory->stats, "inactive_file")), ==, 1024);
	g_assert_cmpuint(stats->pids->current, ==, 2);
	g_assert_cmpuint(stats->pids->limit, ==, 100);
	g_assert_cmpuint(stats->block->service_bytes->len, ==, 4);
	check_entry(stats->block->service_bytes, 0, 0, "read", 10);
	check_entry(stats->block->service_bytes, 1, 0, "write", 20);
	check_entry(stats->block->service_bytes, 2, 16, "read", 5);
	check_entry(stats->block->serviced, 1, 0, "write", 2);
	remove_folder(root);
}

static void test_processors(void)
{
	uint64_t tick = UINT64_C(1000000000) / (uint64_t) sysconf(_SC_CLK_TCK), time, online;

	// stolen time and that of guests are not counted
	berth_stats_parse_processors("cpu  1 2 3 4 5 6 7 800 900 1000\ncpu0 1 1 1 1\ncpu1 0 1 2 3\nintr 1 2\n", &time,
				     &online);
	g_assert_cmpuint(time, ==, 28 * tick);
	g_assert_cmpuint(online, ==, 2);
	berth_stats_parse_processors("", &time, &online);
	g_assert_cmpuint(time, ==, 0);
	g_assert_cmpuint(online, ==, 0);
}

static void test_interfaces(void)
{
	static const char text[] = "Inter-|   Receive                                                |  Transmit\n"
				   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
				   "errs drop fifo colls "
				   "carrier compressed\n"
				   "    lo:     100       1    0    0    0     0          0         0      100       1 "
				   "   0    0    0     0 "
				   "      0          0\n"
				   "  eth0:    5338      36    1    2    3     4          5         6      648       8 "
				   "   9   10   11    12 "
				   "     13         14\n"
				   "eth10:12345678901 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n";
	g_autoptr(api_stats) stats = berth_stats_new();
	GHashTable *interfaces = stats->networks = berth_stats_parse_interfaces(text);

	g_assert_cmpuint(g_hash_table_size(interfaces), ==, 2);
	const struct api_stats_network *network = g_hash_table_lookup(interfaces, "eth0");
	g_assert_cmpuint(network->rx_bytes, ==, 5338);
	g_assert_cmpuint(network->rx_packets, ==, 36);
	g_assert_cmpuint(network->rx_errors, ==, 1);
	g_assert_cmpuint(network->rx_dropped, ==, 2);
	g_assert_cmpuint(network->tx_bytes, ==, 648);
	g_assert_cmpuint(network->tx_packets, ==, 8);
	g_assert_cmpuint(network->tx_errors, ==, 9);
	g_assert_cmpuint(network->tx_dropped, ==, 10);
	network = g_hash_table_lookup(interfaces, "eth10");
	g_assert_cmpuint(network->rx_bytes, ==, 12345678901);
	g_assert_null(berth_stats_parse_interfaces("a heading | without interfaces\n"));
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/stats/v1", test_v1);
	g_test_add_func("/stats/v2", test_v2);
	g_test_add_func("/stats/processors", test_processors);
	g_test_add_func("/stats/interfaces", test_interfaces);
	return g_test_run();
}
