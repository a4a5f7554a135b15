// SPDX-License-Identifier: Apache-2.0
// Any bytes are unpacked into a folder or refused; the folder beside it stays empty.
#include "image/unpack-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "image/tests/tarball.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Small ones, so that bombs are found by the limits and not by the fuzzer's clock.
static const struct berth_unpack_limits limits = {
	.entries = 64, .bytes = 1 << 20, .stream = 4 << 20, .path = 256, .depth = 16, .xattr = 4096};

static char base[] = "/tmp/berth-fuzz-tar-XXXXXX";

static void remove_base(void)
{
	berth_remove_tree_at(AT_FDCWD, base, NULL);
}

static int make_base(void)
{
	g_assert_nonnull(mkdtemp(base));
	atexit(remove_base);
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(mkdirat(fd, "outside", 0700), ==, 0);
	return fd;
}

static bool is_empty(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fdopendir(fd);
	int count = 0;

	while (readdir(list))
		count++;
	closedir(list);
	return count == 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int folder = -1;
	g_autoptr(GError) error = NULL;
	char diff_id[72];

	if (size == 0)
		return 0;
	if (folder < 0)
		folder = make_base();
	g_assert_cmpint(mkdirat(folder, "root", 0755), ==, 0);
	berth_fd root = openat(folder, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	berth_fd fd = tarball_open(data + 1, size - 1);
	bool done = berth_layer_unpack_within(berth_source_of_fd(fd), root,
					      data[0] & 1 ? BERTH_WHITEOUTS_DELETE : BERTH_WHITEOUTS_OVERLAY, NULL,
					      &limits, diff_id, &error);
	g_assert_true(done == !error);
	g_assert_true(is_empty(folder, "outside"));
	g_assert_true(berth_remove_tree_at(folder, "root", NULL));
	return 0;
}
