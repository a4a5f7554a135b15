// SPDX-License-Identifier: Apache-2.0
// In a plain folder; what the kernel puts into a new class's folder the test does.
#include "runtime/intel-rdt.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct fixture {
	char *path;
	int root;
};

static void populate(int folder)
{
	static const char *const names[] = {"schemata", "tasks"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		berth_fd fd = openat(folder, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		g_assert_cmpint(fd, >=, 0);
	}
	g_assert_true(mkdirat(folder, "mon_groups", 0755) == 0 || errno == EEXIST);
}

static void populate_at(int root, const char *name)
{
	berth_fd folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	g_assert_cmpint(folder, >=, 0);
	populate(folder);
}

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	fixture->path = g_dir_make_tmp("berth-rdt-XXXXXX", NULL);
	fixture->root = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fixture->root, >=, 0);
	populate(fixture->root);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd_clear(&fixture->root);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, fixture->path, NULL));
	g_free(fixture->path);
}

static bool exists(const struct fixture *fixture, const char *name)
{
	return faccessat(fixture->root, name, F_OK, 0) == 0;
}

static void check_content(const struct fixture *fixture, const char *name, const char *expected)
{
	g_autofree char *text = berth_read_file_at(fixture->root, name, 4096, NULL, NULL);

	g_assert_cmpstr(text, ==, expected);
}

// The kernel's folders can be removed with what they have in them.
static void empty(const struct fixture *fixture, const char *name)
{
	static const char *const names[] = {"schemata", "tasks", "mon_groups"};
	berth_fd folder = openat(fixture->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_assert_true(berth_remove_tree_at(folder, names[i], NULL));
}

static void test_own_class(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	char *schemata[] = {(char *) "L2:0=ff", NULL};
	struct oci_intel_rdt wanted = {.l3_cache_schema = (char *) "L3:0=7f0\nMB:0=1\nL3:1=1f",
				       .mem_bw_schema = (char *) "MB:0=20;1=70",
				       .schemata = schemata};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_rdt_check(&wanted, &error));
	g_autoptr(berth_rdt) rdt = berth_rdt_make(fixture->root, &wanted, "one", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(rdt->group, ==, "one");
	g_assert_true(rdt->own && !rdt->monitor);
	populate_at(fixture->root, "one");
	g_assert_true(berth_rdt_configure(fixture->root, rdt, &wanted, &error));
	g_assert_true(berth_rdt_enter(fixture->root, rdt, 4711, &error));
	check_content(fixture, "one/schemata", "L3:0=7f0\nL3:1=1f\nMB:0=20;1=70\nL2:0=ff\n");
	check_content(fixture, "one/tasks", "4711");
	empty(fixture, "one");
	g_assert_true(berth_rdt_remove(fixture->root, rdt, &error));
	g_assert_false(exists(fixture, "one"));
	g_assert_true(berth_rdt_remove(fixture->root, rdt, &error));
}

static void test_named_class(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	struct oci_intel_rdt wanted = {.clos_id = (char *) "gold"};
	g_autoptr(GError) error = NULL;

	// By its name alone it must be there.
	g_assert_null(berth_rdt_make(fixture->root, &wanted, "one", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_false(exists(fixture, "gold"));
	// With schemata it is made, and stays.
	wanted.mem_bw_schema = (char *) "MB:0=50";
	g_autoptr(berth_rdt) rdt = berth_rdt_make(fixture->root, &wanted, "one", &error);
	g_assert_no_error(error);
	populate_at(fixture->root, "gold");
	g_assert_true(berth_rdt_configure(fixture->root, rdt, &wanted, &error));
	g_assert_true(berth_rdt_remove(fixture->root, rdt, &error));
	g_assert_true(exists(fixture, "gold"));
	check_content(fixture, "gold/schemata", "MB:0=50\n");
	wanted.mem_bw_schema = NULL;
	g_autoptr(berth_rdt) again = berth_rdt_make(fixture->root, &wanted, "two", &error);
	g_assert_no_error(error);
	g_assert_true(berth_rdt_configure(fixture->root, again, &wanted, &error));
	g_assert_true(berth_rdt_enter(fixture->root, again, 7, &error));
	check_content(fixture, "gold/tasks", "7");
}

static void test_monitoring(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	struct oci_intel_rdt wanted = {.clos_id = (char *) "/", .enable_monitoring = true};
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_rdt) rdt = berth_rdt_make(fixture->root, &wanted, "one", &error);

	g_assert_no_error(error);
	g_assert_cmpstr(rdt->group, ==, "");
	g_assert_cmpstr(rdt->monitor, ==, "one");
	populate_at(fixture->root, "mon_groups/one");
	g_assert_true(berth_rdt_enter(fixture->root, rdt, 12, &error));
	check_content(fixture, "tasks", "12");
	check_content(fixture, "mon_groups/one/tasks", "12");
	empty(fixture, "mon_groups/one");
	g_assert_true(berth_rdt_remove(fixture->root, rdt, &error));
	g_assert_false(exists(fixture, "mon_groups/one"));
	g_assert_true(exists(fixture, "tasks"));
}

static void test_undone(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	struct oci_intel_rdt wanted = {.enable_monitoring = true};
	g_autoptr(GError) error = NULL;

	// Here no mon_groups comes with the class, so its monitoring group cannot be made.
	g_assert_null(berth_rdt_make(fixture->root, &wanted, "one", &error));
	g_assert_nonnull(strstr(error->message, "linux.intelRdt.enableMonitoring"));
	g_assert_false(exists(fixture, "one"));
}

static void test_refused(void)
{
	char *lines[] = {(char *) "L3:0=1\nMB:0=1", NULL};
	const struct {
		struct oci_intel_rdt wanted;
		const char *name;
	} cases[] = {
		{{.clos_id = (char *) "a/b"}, "closID"},
		{{.clos_id = (char *) ".."}, "closID"},
		{{.clos_id = (char *) "info"}, "closID"},
		{{.mem_bw_schema = (char *) "L3:0=1"}, "memBwSchema"},
		{{.mem_bw_schema = (char *) "MB:0=1\nL3:0=1"}, "memBwSchema"},
		{{.schemata = lines}, "schemata"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_rdt_check(&cases[i].wanted, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, cases[i].name));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/intel-rdt/own-class", struct fixture, NULL, set_up, test_own_class, tear_down);
	g_test_add("/intel-rdt/named-class", struct fixture, NULL, set_up, test_named_class, tear_down);
	g_test_add("/intel-rdt/monitoring", struct fixture, NULL, set_up, test_monitoring, tear_down);
	g_test_add("/intel-rdt/undone", struct fixture, NULL, set_up, test_undone, tear_down);
	g_test_add_func("/intel-rdt/refused", test_refused);
	return g_test_run();
}
