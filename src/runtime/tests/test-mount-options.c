// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount-options.h"

#include "base/error.h"

#include <sys/mount.h>

static void parse(const char *text, bool bind, struct berth_mount_options *ret)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	g_autoptr(GError) error = NULL;

	berth_mount_options_parse(words, bind, ret, &error);
	g_assert_no_error(error);
}

static void check_attributes(const char *text, uint64_t set, uint64_t clear)
{
	struct berth_mount_options options;

	parse(text, false, &options);
	g_assert_cmphex(options.own.set, ==, set);
	g_assert_cmphex(options.own.clear, ==, clear);
	berth_mount_options_clear(&options);
}

static void test_attributes(void)
{
	check_attributes("", 0, 0);
	check_attributes("ro,nosuid,nodev,noexec",
			 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0);
	// The last word on each counts.
	check_attributes("ro,rw", 0, MOUNT_ATTR_RDONLY);
	check_attributes("rw,ro", MOUNT_ATTR_RDONLY, 0);
	check_attributes("noatime,strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME);
	check_attributes("strictatime,noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME);
	check_attributes("relatime", 0, MOUNT_ATTR__ATIME);
	check_attributes("defaults,async,loud", 0, 0);
}

static void test_recursive(void)
{
	struct berth_mount_options options;

	parse("rbind,rro,rnosuid,ro,rslave", false, &options);
	g_assert_true(options.bind && options.recursive_bind && options.deep.recursive);
	g_assert_cmphex(options.deep.set, ==, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	g_assert_cmphex(options.own.set, ==, MOUNT_ATTR_RDONLY);
	g_assert_cmphex(options.propagation, ==, MS_SLAVE);
	g_assert_true(options.propagation_recursive);
	berth_mount_options_clear(&options);
	// Not "r" and "elatime": a plain attribute.
	parse("relatime,remount", true, &options);
	g_assert_cmphex(options.deep.set, ==, 0);
	g_assert_true(options.remount);
	berth_mount_options_clear(&options);
}

static void test_extensions(void)
{
	struct berth_mount_options options;

	parse("bind,idmap,copy-symlink", false, &options);
	g_assert_true(options.idmap && !options.idmap_recursive && !options.idmap_text && options.copy_link);
	g_assert_false(options.source_link || options.target_link);
	berth_mount_options_clear(&options);
	parse("idmap=x,ridmap=uids=0-1-1,src-nofollow,dest-nofollow", true, &options);
	g_assert_true(options.idmap && options.idmap_recursive && options.source_link && options.target_link);
	g_assert_cmpstr(options.idmap_text, ==, "uids=0-1-1");
	berth_mount_options_clear(&options);
}

static void test_data(void)
{
	struct berth_mount_options options;

	parse("size=64k,nosuid,mode=755,newinstance,tmpcopyup,x-mount.mkdir", false, &options);
	g_assert_cmpuint(options.data->len, ==, 4);
	g_assert_cmpstr(options.data->pdata[0], ==, "size=64k");
	g_assert_cmpstr(options.data->pdata[2], ==, "newinstance");
	g_assert_null(options.data->pdata[3]);
	g_assert_true(options.copy_up);
	g_assert_false(options.bind);
	berth_mount_options_clear(&options);
	parse("bind,sync,dirsync", false, &options);
	g_assert_cmpuint(options.data->len, ==, 1);
	berth_mount_options_clear(&options);
}

static void test_refused(void)
{
	static const struct {
		const char *option;
		bool bind;
		enum berth_error kind;
	} cases[] = {
		{"size=1m", true, BERTH_ERROR_INVALID},
		{"what", true, BERTH_ERROR_INVALID},
		{"idmapped", true, BERTH_ERROR_INVALID},
		{"ridmaps=", true, BERTH_ERROR_INVALID},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *words[] = {(char *) "ro", (char *) cases[i].option, NULL};
		struct berth_mount_options options;
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_mount_options_parse(words, cases[i].bind, &options, &error));
		g_assert_error(error, BERTH_ERROR, (int) cases[i].kind);
	}
}

static void test_propagation(void)
{
	bool recursive;

	g_assert_cmphex(berth_mount_propagation("rprivate", &recursive), ==, MS_PRIVATE);
	g_assert_true(recursive);
	g_assert_cmphex(berth_mount_propagation("unbindable", &recursive), ==, MS_UNBINDABLE);
	g_assert_false(recursive);
	g_assert_cmphex(berth_mount_propagation("", &recursive), ==, 0);
	g_assert_cmphex(berth_mount_propagation("rr", &recursive), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mount-options/attributes", test_attributes);
	g_test_add_func("/mount-options/recursive", test_recursive);
	g_test_add_func("/mount-options/extensions", test_extensions);
	g_test_add_func("/mount-options/data", test_data);
	g_test_add_func("/mount-options/refused", test_refused);
	g_test_add_func("/mount-options/propagation", test_propagation);
	return g_test_run();
}
