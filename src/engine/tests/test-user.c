// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/user.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a remark\n"
			     "app:x:1000:1001:App:/home/app:/bin/sh\n"
			     "1000:x:0:0:a name of digits:/evil:/bin/sh\n"
			     "broken:x:nan:5::/:/bin/sh\n"
			     "short:x:7\n"
			     "huge:x:4294967296:1::/:/bin/sh\n"
			     "nohome:x:8:8:::/bin/sh";
static const char group[] = "root:x:0:\n"
			    "app:x:1001:\n"
			    "audio:x:29:app,other\n"
			    "video:x:44:other\n"
			    "wheel:x:10:app\n"
			    "nan:x:y:app\n";

static const struct {
	const char *text;
	const char *group_add; // split at blanks
	const char *expected; // "uid gid home: groups", or NULL with
	const char *error;
} table[] = {
	{"", NULL, "0 0 /root: 0", NULL},
	{NULL, NULL, "0 0 /root: 0", NULL},
	{"root", NULL, "0 0 /root: 0", NULL},
	{"app", NULL, "1000 1001 /home/app: 1001 29 10", NULL},
	// Digits are a number, whatever an entry is called.
	{"1000", NULL, "1000 1001 /home/app: 1001 29 10", NULL},
	{"1234", NULL, "1234 0 /: 0", NULL},
	{"00", NULL, "0 0 /root: 0", NULL},
	{"app:audio", NULL, "1000 29 /home/app: 29", NULL},
	{"app:29", NULL, "1000 29 /home/app: 29", NULL},
	{"1234:4321", NULL, "1234 4321 /: 4321", NULL},
	{":44", NULL, "0 44 /root: 44", NULL},
	{"1:", NULL, "1 0 /: 0", NULL},
	{"nohome", NULL, "8 8 /: 8", NULL},
	{"app", "video 77 29", "1000 1001 /home/app: 1001 29 10 44 77", NULL},
	{"2147483647", NULL, "2147483647 0 /: 0", NULL},
	{"2147483648", NULL, NULL, "must be in range 0-2147483647"},
	{"4294967295", NULL, NULL, "must be in range"},
	{"4294967296", NULL, NULL, "must be in range"},
	{"99999999999999999999999", NULL, NULL, "must be in range"},
	{"-1", NULL, NULL, "unable to find user -1: no matching entries in passwd file"},
	{"+0", NULL, NULL, "unable to find user +0"},
	{"0x0", NULL, NULL, "unable to find user 0x0"},
	{" 0", NULL, NULL, "unable to find user  0"},
	{"nobody", NULL, NULL, "unable to find user nobody"},
	{"broken", NULL, NULL, "unable to find user broken"},
	{"short", NULL, NULL, "unable to find user short"},
	{"huge", NULL, NULL, "unable to find user huge"},
	{"1:x", NULL, NULL, "unable to find group x: no matching entries in group file"},
	{"app:29:1", NULL, NULL, "unable to find group 29:1"},
	{"app:4294967295", NULL, NULL, "must be in range"},
	{"app", "nan", NULL, "unable to find group nan"},
	{"app", "-5", NULL, "unable to find group -5"},
};

static char *describe(const struct berth_user *user)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%u %u %s:", user->uid, user->gid, user->home);
	for (guint i = 0; i < user->groups->len; i++)
		g_string_append_printf(out, " %u", g_array_index(user->groups, uint32_t, i));
	return g_string_free(out, FALSE);
}

static void test_table(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_auto(GStrv) add = table[i].group_add ? g_strsplit(table[i].group_add, " ", 0) : NULL;
		g_autoptr(GError) error = NULL;
		struct berth_user user = {0};
		g_test_message("user %s", table[i].text ? table[i].text : "(null)");
		bool resolved = berth_user_resolve_text(passwd, group, table[i].text, add, &user, &error);
		g_assert_true(resolved == (table[i].expected != NULL));
		if (!resolved) {
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
			g_assert_nonnull(strstr(error->message, table[i].error));
			continue;
		}
		g_autofree char *text = describe(&user);
		g_assert_cmpstr(text, ==, table[i].expected);
		berth_user_clear(&user);
	}
}

static void test_no_files(void)
{
	struct berth_user user = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_user_resolve_text(NULL, NULL, "5:6", NULL, &user, NULL));
	g_autofree char *text = describe(&user);
	g_assert_cmpstr(text, ==, "5 6 /: 6");
	berth_user_clear(&user);
	g_assert_false(berth_user_resolve_text(NULL, NULL, "app", NULL, &user, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

// A root whose /etc/passwd is not what it should be: a pipe, a link out of the root, a file of a gigabyte.
static void test_hostile(void)
{
	g_autofree char *root = g_dir_make_tmp("berth-user-XXXXXX", NULL);
	g_autofree char *etc = g_build_filename(root, "etc", NULL);
	g_autofree char *file = g_build_filename(etc, "passwd", NULL);
	struct berth_user user = {0};
	berth_fd fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	g_assert_cmpint(g_mkdir(etc, 0755), ==, 0);
	g_assert_cmpint(mkfifo(file, 0644), ==, 0);
	char event[sizeof(struct inotify_event) + NAME_MAX + 1];
	berth_fd watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	g_assert_cmpint(inotify_add_watch(watch, file, IN_OPEN), >=, 0);
	g_assert_false(berth_user_resolve(fd, "app", NULL, &user, NULL));
	g_assert_cmpint(read(watch, event, sizeof event), ==, -1); // a device would not have been opened
	g_assert_cmpint(errno, ==, EAGAIN);
	g_assert_cmpint(unlink(file), ==, 0);

	g_assert_cmpint(symlink("/../../../../etc/passwd", file), ==, 0);
	g_assert_false(berth_user_resolve(fd, "daemon", NULL, &user, NULL)); // of the host
	g_assert_cmpint(unlink(file), ==, 0);

	berth_fd big = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	g_assert_cmpint(ftruncate(big, 1 << 30), ==, 0);
	g_assert_cmpint(pwrite(big, passwd, strlen(passwd), 0), ==, strlen(passwd));
	g_assert_false(berth_user_resolve(fd, "app", NULL, &user, NULL));
	g_assert_cmpint(ftruncate(big, (off_t) strlen(passwd)), ==, 0);
	g_assert_true(berth_user_resolve(fd, "app", NULL, &user, NULL));
	g_assert_cmpuint(user.uid, ==, 1000);
	berth_user_clear(&user);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, root, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/user/table", test_table);
	g_test_add_func("/user/no-files", test_no_files);
	g_test_add_func("/user/hostile", test_hostile);
	return g_test_run();
}
