// SPDX-License-Identifier: Apache-2.0
// clang -fsanitize=fuzzer,address,undefined; any section either gives a program or an error with a message.
#include "base/json.h"
#include "runtime/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = size <= 16 * 1024 ? berth_json_parse((const char *) data, size, "input", NULL) : NULL;
	if (!json)
		return 0;
	g_autoptr(oci_seccomp) seccomp = berth_document_parse(&oci_seccomp_document, json, NULL);
	json_decref(json);
	if (!seccomp)
		return 0;
	g_autoptr(GError) error = NULL;
	size_t length = 0;
	unsigned flags = 0;
	g_autofree void *program = berth_seccomp_compile(seccomp, NULL, &length, &flags, &error);
	g_assert((program == NULL) == (error != NULL));
	g_assert(!program || (length > 0 && length % 8 == 0));
	return 0;
}
