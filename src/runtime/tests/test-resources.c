// SPDX-License-Identifier: Apache-2.0
// What is written for which number: v2 into plain folders, v1 or v2 (whichever there is) into a real group.
#include "base/error.h"
#include "base/fd.h"
#include "runtime/resources.h"
#include "sys/cgroup-internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct oci_resources *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct oci_resources *resources =
		berth_document_parse_text(&oci_resources_document, text, strlen(text), "resources", &error);
	g_assert_no_error(error);
	return resources;
}

static void keep_warning(void *data, const char *message)
{
	g_string_append_printf(data, "%s\n", message);
}

// Plain folders in the place of v2, with the files that a kernel has.
struct fake {
	char *root, *leaf;
	struct berth_cgroup *cgroup;
	GString *warnings;
};

static const char *const v2_files[] = {
	"memory.max", "memory.low",      "memory.swap.max",      "memory.current",  "cpu.max",     "cpu.max.burst",
	"cpu.weight", "cpu.idle",        "cpuset.cpus",          "cpuset.mems",     "pids.max",    "io.weight",
	"io.max",     "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "hugetlb.1GB.max", "memory.high", "rdma.max",
};

static void put(struct fake *fake, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(fake->leaf, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void set_up(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");

	fake->root = g_dir_make_tmp("berth-resources-XXXXXX", NULL);
	fake->leaf = g_build_filename(fake->root, "x", NULL);
	fake->warnings = g_string_new(NULL);
	mounts->kind = BERTH_CGROUP_V2;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, fake->root, "", true)->optional = false;
	g_assert_cmpint(g_mkdir_with_parents(fake->leaf, 0755), ==, 0);
	put(fake, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n");
	put(fake, "cgroup.procs", "");
	for (unsigned i = 0; i < G_N_ELEMENTS(v2_files); i++)
		put(fake, v2_files[i], "");
	g_assert_true(berth_cgroup_create_in(mounts, "/x", &fake->cgroup, &error));
}

static void tear_down(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, fake->root, NULL));
	berth_cgroup_free(fake->cgroup);
	g_string_free(fake->warnings, TRUE);
	g_free(fake->root);
	g_free(fake->leaf);
}

static bool apply(struct fake *fake, const char *text, GError **error)
{
	g_autoptr(oci_resources) resources = parse(text);
	g_string_truncate(fake->warnings, 0);
	return berth_resources_apply(resources, fake->cgroup, true, keep_warning, fake->warnings, error);
}

static void test_v2_values(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *resources, *file, *text;
	} cases[] = {
		{"{}", "memory.max", ""},
		{"{\"memory\":{\"limit\":1048576}}", "memory.max", "1048576"},
		{"{\"memory\":{\"limit\":1048576}}", "memory.swap.max", ""},
		{"{\"memory\":{\"limit\":-1}}", "memory.max", "max"},
		{"{\"memory\":{\"limit\":-1}}", "memory.swap.max", "max"},
		{"{\"memory\":{\"limit\":0}}", "memory.max", ""},
		{"{\"memory\":{\"reservation\":4096}}", "memory.low", "4096"},
		{"{\"memory\":{\"limit\":1048576,\"swap\":3145728}}", "memory.swap.max", "2097152"},
		{"{\"memory\":{\"limit\":1048576,\"swap\":1048576}}", "memory.swap.max", "0"},
		{"{\"memory\":{\"limit\":1048576,\"swap\":-1}}", "memory.swap.max", "max"},
		{"{\"cpu\":{\"shares\":1024}}", "cpu.weight", "100"},
		{"{\"cpu\":{\"shares\":2}}", "cpu.weight", "1"},
		{"{\"cpu\":{\"shares\":512}}", "cpu.weight", "59"},
		{"{\"cpu\":{\"shares\":262144}}", "cpu.weight", "10000"},
		{"{\"cpu\":{\"shares\":18446744073709551615}}", "cpu.weight", "10000"},
		{"{\"cpu\":{\"shares\":0}}", "cpu.weight", ""},
		{"{\"cpu\":{\"quota\":50000,\"period\":200000}}", "cpu.max", "50000 200000"},
		{"{\"cpu\":{\"quota\":50000}}", "cpu.max", "50000 100000"},
		{"{\"cpu\":{\"quota\":-1}}", "cpu.max", "max 100000"},
		{"{\"cpu\":{\"period\":50000}}", "cpu.max", "max 50000"},
		{"{\"cpu\":{\"quota\":50000,\"burst\":1000}}", "cpu.max.burst", "1000"},
		{"{\"cpu\":{\"idle\":1}}", "cpu.idle", "1"},
		{"{\"cpu\":{\"idle\":0}}", "cpu.idle", "0"},
		{"{\"cpu\":{\"shares\":3}}", "cpu.idle", ""},
		{"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}}", "cpuset.cpus", "0-1"},
		{"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}}", "cpuset.mems", "0"},
		{"{\"pids\":{\"limit\":10}}", "pids.max", "10"},
		{"{\"pids\":{\"limit\":0}}", "pids.max", "1"},
		{"{\"pids\":{\"limit\":-1}}", "pids.max", "max"},
		{"{\"blockIO\":{\"weight\":10}}", "io.weight", "1"},
		{"{\"blockIO\":{\"weight\":500}}", "io.weight", "4950"},
		{"{\"blockIO\":{\"weight\":1000}}", "io.weight", "10000"},
		{"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":1000}]}}", "io.weight",
		 "8:0 10000"},
		{"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":600}]}}", "io.max",
		 "8:1 rbps=600"},
		{"{\"blockIO\":{\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":0}]}}", "io.max",
		 "8:1 wbps=max"},
		{"{\"blockIO\":{\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":1,\"rate\":5}]}}", "io.max",
		 "8:1 riops=5"},
		{"{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":1,\"rate\":5}]}}", "io.max",
		 "8:1 wiops=5"},
		{"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}", "hugetlb.2MB.max", "4194304"},
		{"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}", "hugetlb.2MB.rsvd.max", "4194304"},
		{"{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":18446744073709551615}]}", "hugetlb.1GB.max",
		 "max"},
		{"{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000}}}", "rdma.max",
		 "mlx5_1 hca_handle=3 hca_object=10000"},
		{"{\"rdma\":{\"mlx4_0\":{\"hcaObjects\":1}}}", "rdma.max", "mlx4_0 hca_object=1"},
		{"{\"unified\":{\"memory.high\":\"12345\"}}", "memory.high", "12345"},
		{"{\"unified\":{\"io.max\":\"8:0 rbps=1\\n8:1 rbps=2\\n\"}}", "io.max", "8:1 rbps=2"},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *text = NULL;
		g_autofree char *path = g_build_filename(fake->leaf, cases[i].file, NULL);
		for (unsigned j = 0; j < G_N_ELEMENTS(v2_files); j++)
			put(fake, v2_files[j], "");
		apply(fake, cases[i].resources, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(fake->warnings->str, ==, "");
		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_test_message("%s", cases[i].resources);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

// An update leaves alone what it does not name.
static void test_v2_update(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_build_filename(fake->leaf, "cpu.max", NULL);
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;

	put(fake, "cpu.max", "max 30000\n");
	g_assert_true(apply(fake, "{\"cpu\":{\"quota\":7000}}", &error));
	g_assert_true(g_file_get_contents(path, &first, NULL, NULL));
	g_assert_cmpstr(first, ==, "7000 30000");
	g_assert_true(apply(fake, "{\"cpu\":{\"period\":20000}}", &error));
	g_assert_true(g_file_get_contents(path, &second, NULL, NULL));
	g_assert_cmpstr(second, ==, "7000 20000");

	put(fake, "memory.max", "1048576\n");
	put(fake, "memory.current", "900000\n");
	g_assert_true(apply(fake, "{\"memory\":{\"swap\":2097152}}", &error));
	g_assert_false(apply(fake, "{\"memory\":{\"limit\":800000,\"checkBeforeUpdate\":true}}", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_nonnull(strstr(error->message, "900000 are in use"));
	g_clear_error(&error);
	g_assert_true(apply(fake, "{\"memory\":{\"limit\":800000}}", &error));
}

static void test_v2_refused(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *resources;
		enum berth_error kind;
		const char *says;
	} cases[] = {
		{"{\"memory\":{\"swap\":100}}", BERTH_ERROR_INVALID, "memory.swap"},
		{"{\"memory\":{\"limit\":100,\"swap\":99}}", BERTH_ERROR_INVALID, "memory.swap"},
		{"{\"memory\":{\"limit\":-1,\"swap\":99}}", BERTH_ERROR_INVALID, "memory.swap"},
		{"{\"memory\":{\"swappiness\":101}}", BERTH_ERROR_INVALID, "memory.swappiness"},
		{"{\"cpu\":{\"realtimeRuntime\":100}}", BERTH_ERROR_UNAVAILABLE, "cpu.realtimeRuntime"},
		{"{\"blockIO\":{\"weight\":9}}", BERTH_ERROR_INVALID, "between 10 and 1000"},
		{"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":-8,\"minor\":1,\"rate\":600}]}}",
		 BERTH_ERROR_INVALID, "throttleReadBpsDevice"},
		{"{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]}", BERTH_ERROR_INVALID, "page size"},
		{"{\"hugepageLimits\":[{\"pageSize\":\"2mB\",\"limit\":1}]}", BERTH_ERROR_INVALID, "page size"},
		{"{\"network\":{\"classID\":1}}", BERTH_ERROR_UNAVAILABLE, "network.classID"},
		{"{\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":1}]}}", BERTH_ERROR_UNAVAILABLE,
		 "network.priorities"},
		{"{\"unified\":{\"../x/memory.max\":\"1\"}}", BERTH_ERROR_INVALID, "unified"},
		{"{\"unified\":{\"memory/max\":\"1\"}}", BERTH_ERROR_INVALID, "unified"},
		{"{\"unified\":{\"memory..max\":\"1\"}}", BERTH_ERROR_INVALID, "unified"},
		{"{\"unified\":{\"misc.max\":\"1\"}}", BERTH_ERROR_UNAVAILABLE, "misc"},
		{"{\"unified\":{\"memory.none\":\"1\"}}", BERTH_ERROR_NOT_FOUND, "memory.none"},
		{"{\"devices\":[{\"allow\":true,\"type\":\"x\"}]}", BERTH_ERROR_INVALID, "devices[0]"},
		{"{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}", BERTH_ERROR_INVALID, "devices[0]"},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].resources);
		g_assert_false(apply(fake, cases[i].resources, &error));
		g_assert_error(error, BERTH_ERROR, (int) cases[i].kind);
		g_assert_nonnull(strstr(error->message, cases[i].says));
	}
}

static void test_v2_warned(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *resources, *says;
	} cases[] = {
		{"{\"memory\":{\"swappiness\":60}}", "memory.swappiness"},
		{"{\"memory\":{\"kernel\":1000}}", "memory.kernel"},
		{"{\"memory\":{\"disableOOMKiller\":true}}", "memory.disableOOMKiller"},
		{"{\"memory\":{\"limit\":10,\"swap\":20}}", "memory.swap"},
		{"{\"blockIO\":{\"leafWeight\":100}}", "blockIO.leafWeight"},
		{"{\"blockIO\":{\"weight\":100}}", "blockIO.weight"},
	};

	g_autofree char *weight = g_build_filename(fake->leaf, "io.weight", NULL);
	g_autofree char *swap = g_build_filename(fake->leaf, "memory.swap.max", NULL);
	g_assert_cmpint(unlink(weight), ==, 0);
	g_assert_cmpint(unlink(swap), ==, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		apply(fake, cases[i].resources, &error);
		g_assert_no_error(error);
		g_assert_nonnull(strstr(fake->warnings->str, cases[i].says));
	}
}

static void test_missing_controller(struct fake *fake, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");

	put(fake, "cgroup.controllers", "cpu\n");
	g_clear_pointer(&fake->cgroup, berth_cgroup_free);
	mounts->kind = BERTH_CGROUP_V2;
	mounts->fake = true;
	berth_cgroup_mounts_add(mounts, fake->root, "", true)->optional = false;
	g_assert_true(berth_cgroup_open_in(mounts, "/x", &fake->cgroup, &error));

	g_assert_true(apply(fake, "{\"memory\":{\"limit\":-1,\"swap\":-1},\"pids\":{\"limit\":-1}}", &error));
	g_assert_false(apply(fake, "{\"pids\":{\"limit\":5}}", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_cmpstr(error->message, ==, "resources: pids.limit: the cgroup controller pids is not available");
}

static void test_no_cgroups(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_parse("");
	g_autoptr(oci_resources) resources = parse("{\"pids\":{\"limit\":5}}");
	g_autoptr(berth_cgroup) cgroup = NULL;
	g_autoptr(GString) warnings = g_string_new(NULL);

	g_assert_true(berth_cgroup_create_in(mounts, "/x", &cgroup, &error));
	g_assert_true(berth_resources_apply(NULL, cgroup, false, NULL, NULL, &error));
	g_assert_true(berth_resources_apply(resources, cgroup, false, keep_warning, warnings, &error));
	g_assert_nonnull(strstr(warnings->str, "no cgroup file system"));
}

// A real group of this machine.
static void check(struct berth_cgroup *cgroup, const char *controller, const char *file, const char *wanted)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = berth_cgroup_read(cgroup, controller, file, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(text, ==, wanted);
}

static void apply_real(struct berth_cgroup *cgroup, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(oci_resources) resources = parse(text);
	berth_resources_apply(resources, cgroup, true, NULL, NULL, &error);
	g_assert_no_error(error);
}

static void check_v1(struct berth_cgroup *cgroup)
{
	g_autoptr(GError) error = NULL;
	bool swap = access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0;

	apply_real(cgroup, "{\"memory\":{\"limit\":8388608,\"swap\":16777216,\"swappiness\":10,"
			   "\"reservation\":4194304},\"cpu\":{\"shares\":300,\"quota\":20000,\"period\":50000,"
			   "\"cpus\":\"0\"},\"pids\":{\"limit\":9}}");
	check(cgroup, "memory", "memory.limit_in_bytes", "8388608");
	check(cgroup, "memory", "memory.swappiness", "10");
	check(cgroup, "memory", "memory.soft_limit_in_bytes", "4194304");
	check(cgroup, "cpu", "cpu.shares", "300");
	check(cgroup, "cpu", "cpu.cfs_quota_us", "20000");
	check(cgroup, "cpu", "cpu.cfs_period_us", "50000");
	check(cgroup, "cpuset", "cpuset.cpus", "0");
	check(cgroup, "pids", "pids.max", "9");
	// Both up, both down: each needs another order.
	apply_real(cgroup, "{\"memory\":{\"limit\":33554432,\"swap\":33554432}}");
	check(cgroup, "memory", "memory.limit_in_bytes", "33554432");
	apply_real(cgroup, "{\"memory\":{\"limit\":4194304,\"swap\":8388608}}");
	check(cgroup, "memory", "memory.limit_in_bytes", "4194304");
	if (swap)
		check(cgroup, "memory", "memory.memsw.limit_in_bytes", "8388608");
	apply_real(cgroup, "{\"memory\":{\"limit\":-1},\"pids\":{\"limit\":-1},\"cpu\":{\"quota\":-1}}");
	check(cgroup, "pids", "pids.max", "max");
	check(cgroup, "cpu", "cpu.cfs_quota_us", "-1");
	check(cgroup, "cpu", "cpu.shares", "300");
	struct berth_cgroup_usage usage;
	berth_cgroup_usage(cgroup, &usage);
	g_assert_cmpuint(usage.memory_limit_bytes, ==, UINT64_MAX);

	g_autoptr(oci_resources) unified = parse("{\"unified\":{\"memory.max\":\"1\"}}");
	g_assert_false(berth_resources_apply(unified, cgroup, true, NULL, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
}

static void check_v2(struct berth_cgroup *cgroup)
{
	apply_real(cgroup, "{\"memory\":{\"limit\":8388608,\"swap\":16777216,\"reservation\":4194304},"
			   "\"cpu\":{\"shares\":1024,\"quota\":20000,\"period\":50000,\"burst\":5000,\"cpus\":\"0\"},"
			   "\"pids\":{\"limit\":9}}");
	check(cgroup, "memory", "memory.max", "8388608");
	check(cgroup, "memory", "memory.low", "4194304");
	check(cgroup, "cpu", "cpu.weight", "100");
	check(cgroup, "cpu", "cpu.max", "20000 50000");
	check(cgroup, "cpu", "cpu.max.burst", "5000");
	check(cgroup, "cpuset", "cpuset.cpus", "0");
	check(cgroup, "pids", "pids.max", "9");
	apply_real(cgroup, "{\"cpu\":{\"quota\":4000,\"burst\":1000},\"unified\":{\"memory.high\":\"4194304\"}}");
	check(cgroup, "cpu", "cpu.max", "4000 50000");
	check(cgroup, "memory", "memory.high", "4194304");
	apply_real(cgroup, "{\"memory\":{\"limit\":-1},\"pids\":{\"limit\":-1},\"cpu\":{\"quota\":-1}}");
	check(cgroup, "memory", "memory.max", "max");
	check(cgroup, "pids", "pids.max", "max");
	check(cgroup, "cpu", "cpu.max", "max 50000");
}

// What every container may use, as the kernel lists it.
#define DEFAULT_DEVICES                                                                                                \
	"c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\nc 5:0 rwm\nc 5:1 rwm\nc 5:2 rwm\nc " \
	"136:* rwm"

static void test_real(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_strdup_printf("/berth-test-%d", (int) getpid());
	g_autoptr(berth_cgroup) cgroup = NULL;

	if (geteuid() != 0 || berth_cgroup_layout() == BERTH_CGROUP_NONE) {
		g_test_skip("needs root and a cgroup file system");
		return;
	}
	g_assert_true(berth_cgroup_create(path, &cgroup, &error));
	if (berth_cgroup_fd(cgroup) >= 0)
		check_v2(cgroup);
	else
		check_v1(cgroup);
	apply_real(cgroup, "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
			   "\"major\":10,\"minor\":200,\"access\":\"rwm\"}]}");
	if (berth_cgroup_fd(cgroup) < 0)
		check(cgroup, "devices", "devices.list", "c 10:200 rwm\n" DEFAULT_DEVICES);
	apply_real(cgroup, "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
			   "\"major\":10,\"minor\":229,\"access\":\"rw\"}]}");
	if (berth_cgroup_fd(cgroup) < 0)
		check(cgroup, "devices", "devices.list", DEFAULT_DEVICES "\nc 10:229 rw");
	apply_real(cgroup, "{\"devices\":[{\"allow\":true}]}");
	if (berth_cgroup_fd(cgroup) < 0)
		check(cgroup, "devices", "devices.list", "a *:* rwm");
	berth_cgroup_remove(cgroup, 1000, &error);
	g_assert_no_error(error);
}

#define ADD(name, function) g_test_add(name, struct fake, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/resources/v2/values", test_v2_values);
	ADD("/resources/v2/update", test_v2_update);
	ADD("/resources/v2/refused", test_v2_refused);
	ADD("/resources/v2/warned", test_v2_warned);
	ADD("/resources/v2/missing-controller", test_missing_controller);
	g_test_add_func("/resources/none", test_no_cgroups);
	g_test_add_func("/resources/real", test_real);
	return g_test_run();
}
