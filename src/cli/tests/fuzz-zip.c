// SPDX-License-Identifier: Apache-2.0
// Any bytes are a zip archive whose entries have names and, all together, not too much content, or an error with a
// message.
#include "base/error.h"
#include "cli/zip.h"

#include <string.h>

#define CONTENT_MAX (1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *data, const char *name, enum berth_zip_kind kind, const char *bytes, size_t size, GError **error)
{
	size_t *total = data;

	g_assert_cmpuint(strlen(name), >, 0);
	g_assert_true(kind == BERTH_ZIP_FILE || size == 0);
	g_free(g_memdup2(bytes, size)); // all of it can be read
	*total += size;
	g_assert_cmpuint(*total, <=, CONTENT_MAX);
	return strcmp(name, "no") != 0 || berth_error_set(error, BERTH_ERROR_INVALID, "refused");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	size_t total = 0;
	bool good = berth_zip_read((const char *) data, size, CONTENT_MAX, take, &total, &error);

	g_assert_true(good == (error == NULL));
	return 0;
}
