// SPDX-License-Identifier: Apache-2.0
// What is kept of a context's files between builds.
#include "base/fd.h"
#include "cli/build/known.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

static void test_hash(void)
{
	g_autofree uint8_t *bytes = g_malloc(1000);
	uint8_t one[BERTH_CONTENT_HASH_SIZE], other[BERTH_CONTENT_HASH_SIZE];

	for (size_t i = 0; i < 1000; i++)
		bytes[i] = (uint8_t) (i * 7 + i / 256);
	for (size_t size = 0; size < 1000; size++) {
		berth_content_hash(bytes, size, true, one);
		berth_content_hash(bytes, size, false, other);
		g_assert_cmpmem(one, sizeof one, other, sizeof other);
	}
	FILE *file = tmpfile();
	g_assert_cmpuint(fwrite(bytes, 1, 999, file), ==, 999);
	rewind(file);
	g_assert_true(berth_content_hash_fd(fileno(file), 5000, other)); // it became shorter
	berth_content_hash(bytes, 999, true, one);
	g_assert_cmpmem(one, sizeof one, other, sizeof other);
	fclose(file);
}

static bool is_known(int folder, const struct stat *status, uint8_t first)
{
	uint8_t hash[BERTH_CONTENT_HASH_SIZE] = {0};
	struct berth_build_known *known = berth_build_known_open(folder);
	bool found = berth_build_known_find(known, status, hash);

	berth_build_known_free(known);
	return found && hash[0] == first;
}

static void remember(int folder, const struct stat *status, uint8_t first)
{
	const uint8_t hash[BERTH_CONTENT_HASH_SIZE] = {first};
	struct berth_build_known *known = berth_build_known_open(folder);

	berth_build_known_add(known, status, hash);
	berth_build_known_save(known);
	berth_build_known_free(known);
}

static void test_known(void)
{
	berth_fd folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct timespec old = {g_get_real_time() / G_USEC_PER_SEC - 100, 5};
	const struct stat file = {.st_dev = 1, .st_ino = 2, .st_size = 3, .st_mtim = old, .st_ctim = old};
	struct stat changed = file;

	g_assert_false(is_known(folder, &file, 7));
	remember(folder, &file, 7);
	g_assert_true(is_known(folder, &file, 7));
	changed.st_ctim.tv_nsec++;
	g_assert_false(is_known(folder, &changed, 7));
	changed = file, changed.st_mtim.tv_sec++;
	g_assert_false(is_known(folder, &changed, 7));
	changed = file, changed.st_size++;
	g_assert_false(is_known(folder, &changed, 7));
	changed = file, changed.st_ino++;
	g_assert_false(is_known(folder, &changed, 7));
	// What was changed just now, or later, could be changed again unseen.
	changed = file, changed.st_ctim.tv_sec += 100;
	remember(folder, &changed, 8);
	g_assert_false(is_known(folder, &changed, 8));
	g_assert_false(is_known(folder, &file, 7)); // it was not seen
}

int main(int argc, char **argv)
{
	g_autofree char *folder = g_dir_make_tmp("berth-known-XXXXXX", NULL);

	g_setenv("XDG_CACHE_HOME", folder, TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/known/hash", test_hash);
	g_test_add_func("/known/known", test_known);
	int status = g_test_run();
	berth_remove_tree_at(AT_FDCWD, folder, NULL);
	return status;
}
