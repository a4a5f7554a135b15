// SPDX-License-Identifier: Apache-2.0
// The record, its lock, and the words between creator and child.
#include "runtime/channel.h"
#include "runtime/setup.h"
#include "runtime/state.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct fixture {
	char *root;
	struct berth_runtime runtime;
};

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	fixture->root = g_dir_make_tmp("berth-state-XXXXXX", NULL);
	fixture->runtime = (struct berth_runtime){.state_root = fixture->root};
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, fixture->root, NULL));
	g_free(fixture->root);
}

static void test_record(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(berth_state_open(&fixture->runtime, "x", false, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_cmpstr(error->message, ==, "container x does not exist");
	g_clear_error(&error);
	berth_fd folder = berth_state_open(&fixture->runtime, "x", true, &error);
	g_assert_no_error(error);
	g_assert_false(berth_state_exists(folder));
	g_assert_null(berth_state_read(folder, "x", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);

	g_autoptr(berth_record) record = berth_document_new(&berth_record_document);
	record->version = BERTH_STATE_VERSION;
	record->id = g_strdup("x");
	record->bundle = g_strdup("/b");
	record->created = g_strdup("2026-01-01T00:00:00Z");
	record->pid = 12;
	record->start_time = G_MAXINT64;
	g_assert_true(berth_state_write(folder, record, &error));
	struct stat st;
	g_assert_cmpint(fstatat(folder, BERTH_STATE_FILE, &st, 0), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0600);
	g_autoptr(berth_record) again = berth_state_read(folder, "x", &error);
	g_assert_no_error(error);
	g_assert_cmpint(again->pid, ==, 12);
	g_assert_cmpuint(again->start_time, ==, G_MAXINT64);
	g_assert_null(again->cgroup);

	record->version = BERTH_STATE_VERSION + 1;
	g_assert_true(berth_state_write(folder, record, &error));
	g_assert_null(berth_state_read(folder, "x", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_clear_error(&error);

	g_assert_true(berth_state_remove(&fixture->runtime, folder, "x", &error));
	g_assert_true(berth_state_remove(&fixture->runtime, folder, "x", &error));
	g_assert_cmpint(berth_state_open(&fixture->runtime, "x", false, NULL), ==, -1);
}

static void test_others_files(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	berth_fd folder = berth_state_open(&fixture->runtime, "x", true, &error);

	// The folder may be its owner's too: then it stays.
	g_assert_true(berth_write_file_at(folder, "config.json", "{}", 2, 0600, false, &error));
	g_assert_true(berth_state_remove(&fixture->runtime, folder, "x", &error));
	g_assert_cmpint(faccessat(folder, "config.json", F_OK, 0), ==, 0);
}

static void test_lock(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	berth_fd folder = berth_state_open(&fixture->runtime, "x", true, &error);

	g_assert_cmpint(berth_state_lock(folder, "x", false, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_false(berth_state_locked(folder));
	berth_fd lock = berth_state_lock(folder, "x", true, &error);
	g_assert_no_error(error);
	g_assert_true(berth_state_locked(folder));
	berth_fd_clear(&lock);
	g_assert_false(berth_state_locked(folder));
}

static void test_channel(void)
{
	BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	g_autoptr(GError) error = NULL, problem = NULL;
	g_autofree char *rest = NULL;
	const char *borrowed;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_assert_true(berth_channel_send(pair[0], pair[0], &error, "pid %d", 42));
	g_assert_cmpstr(berth_channel_receive(pair[1], &packet, &borrowed, &error), ==, "pid");
	g_assert_cmpstr(borrowed, ==, "42");
	g_assert_cmpuint(packet.fd_count, ==, 1);

	g_assert_true(berth_channel_send(pair[0], -1, &error, "proceed 7 8"));
	g_assert_true(berth_channel_expect(pair[1], "proceed", &rest, &error));
	g_assert_cmpstr(rest, ==, "7 8");
	g_assert_true(berth_channel_send(pair[0], -1, &error, "ready"));
	g_assert_false(berth_channel_expect(pair[1], "mapped", NULL, &error));
	g_clear_error(&error);

	berth_error_set(&problem, BERTH_ERROR_FORBIDDEN, "exec: \"x\": %s", "permission denied");
	berth_channel_send_error(pair[0], problem);
	g_assert_null(berth_channel_receive(pair[1], &packet, &borrowed, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN);
	g_assert_cmpstr(error->message, ==, problem->message);
	g_clear_error(&error);

	// Longer than a packet: cut, not lost.
	g_autofree char *huge = g_strnfill(2 * BERTH_LIMIT_PACKET, 'x');
	g_assert_true(berth_channel_send(pair[0], -1, &error, "warn %s", huge));
	g_assert_cmpstr(berth_channel_receive(pair[1], &packet, &borrowed, &error), ==, "warn");
	close(pair[0]);
	g_assert_null(berth_channel_receive(pair[1], &packet, &borrowed, &error));
	g_assert_no_error(error);
	g_assert_false(berth_channel_expect(pair[1], "mapped", NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	close(pair[1]);
}

static void test_ids(void)
{
	static const char *const good[] = {"a", "A-b_c+d.e", "_x", "+", "0123456789abcdef"};
	static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa4", "a:b"};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(berth_check_id(good[i], NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(berth_check_id(bad[i], NULL));
	g_assert_false(berth_check_id(NULL, NULL));
}

static void test_host_ids(void)
{
	struct oci_id_mapping maps[] = {{0, 100000, 1000}, {1000, 5, 1}};
	g_autoptr(GPtrArray) list = g_ptr_array_new();

	g_ptr_array_add(list, &maps[0]);
	g_ptr_array_add(list, &maps[1]);
	g_assert_cmpint(berth_identity_host_id(list, 0), ==, 100000);
	g_assert_cmpint(berth_identity_host_id(list, 999), ==, 100999);
	g_assert_cmpint(berth_identity_host_id(list, 1000), ==, 5);
	g_assert_cmpint(berth_identity_host_id(list, 1001), ==, -1);
	g_assert_cmpint(berth_identity_host_id(NULL, 0), ==, -1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/state/record", struct fixture, NULL, set_up, test_record, tear_down);
	g_test_add("/state/others-files", struct fixture, NULL, set_up, test_others_files, tear_down);
	g_test_add("/state/lock", struct fixture, NULL, set_up, test_lock, tear_down);
	g_test_add_func("/channel", test_channel);
	g_test_add_func("/check/ids", test_ids);
	g_test_add_func("/identity/host-ids", test_host_ids);
	return g_test_run();
}
