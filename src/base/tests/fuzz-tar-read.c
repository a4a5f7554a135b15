// SPDX-License-Identifier: Apache-2.0
// An archive of any bytes is read to its end or refused.
#include "base/tar-read.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *next;
	size_t left;
};

static gssize give(void *data, void *buffer, size_t size, G_GNUC_UNUSED GError **error)
{
	struct input *input = data;
	size_t part = MIN(size, input->left);

	memcpy(buffer, input->next, part);
	input->next += part;
	input->left -= part;
	return (gssize) part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	g_autoptr(berth_tar_reader) reader = berth_tar_reader_new(give, &input);
	const struct berth_tar_entry *entry;
	char buffer[1000];

	while (berth_tar_reader_next(reader, &entry, NULL) > 0)
		while (berth_tar_reader_content(reader, buffer, sizeof buffer, NULL) > 0)
			;
	return 0;
}
