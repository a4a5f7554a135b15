// SPDX-License-Identifier: Apache-2.0
// nft(8)'s language, through libnftables. The library is loaded at the first use and stays. What is used of it is said
// here, so that its header is not needed.
#include "sys/nftables.h"

#include "base/error.h"
#include "base/lock.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libnftables.so.1"
#define OUTPUT_JSON (1 << 4) // NFT_CTX_OUTPUT_JSON

struct nft_ctx;
struct library {
	struct nft_ctx *(*ctx_new)(uint32_t flags);
	void (*ctx_free)(struct nft_ctx *context);
	int (*ctx_buffer_output)(struct nft_ctx *context);
	int (*ctx_buffer_error)(struct nft_ctx *context);
	const char *(*ctx_get_output_buffer)(struct nft_ctx *context);
	const char *(*ctx_get_error_buffer)(struct nft_ctx *context);
	void (*ctx_output_set_flags)(struct nft_ctx *context, unsigned flags);
	int (*run_cmd_from_buffer)(struct nft_ctx *context, const char *commands);
};

// libnftables keeps tables of names in variables of its own, whatever the context.
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool load(struct library *library, GError **error)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	struct {
		const char *name;
		void **address;
	} functions[] = {
		{"nft_ctx_new", (void **) &library->ctx_new},
		{"nft_ctx_free", (void **) &library->ctx_free},
		{"nft_ctx_buffer_output", (void **) &library->ctx_buffer_output},
		{"nft_ctx_buffer_error", (void **) &library->ctx_buffer_error},
		{"nft_ctx_get_output_buffer", (void **) &library->ctx_get_output_buffer},
		{"nft_ctx_get_error_buffer", (void **) &library->ctx_get_error_buffer},
		{"nft_ctx_output_set_flags", (void **) &library->ctx_output_set_flags},
		{"nft_run_cmd_from_buffer", (void **) &library->run_cmd_from_buffer},
	};

	if (!handle)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "networks need libnftables (Debian's package libnftables1): %s", dlerror());
	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
		*functions[i].address = dlsym(handle, functions[i].name);
		if (!*functions[i].address)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "networks need libnftables 0.9 or newer: this one has no %s",
					       functions[i].name);
	}
	return true;
}

// nft says what is wrong, then shows the line and marks the place, which is of no use to who did not write it: the
// first line, without "internal:0:0-0: Error: ".
static bool refuse(const char *text, GError **error)
{
	g_autofree char *line = g_strndup(text, strcspn(text, "\n"));
	const char *words = strstr(line, "Error: ");
	words = words ? words + strlen("Error: ") : *line ? line : "unknown error";
	enum berth_error kind = BERTH_ERROR_INTERNAL;

	if (strstr(words, "No such file or directory") || strstr(words, "does not exist"))
		kind = BERTH_ERROR_NOT_FOUND;
	else if (strstr(words, "Operation not permitted"))
		kind = BERTH_ERROR_FORBIDDEN;
	else if (strstr(words, "Operation not supported") || strstr(words, "Protocol not supported"))
		kind = BERTH_ERROR_NOT_IMPLEMENTED;
	return berth_error_set(error, kind, "nftables: %s", words);
}

static char *run(const char *commands, bool json, GError **error)
{
	struct library library = {0};
	char *output = NULL;

	if (!load(&library, error))
		return NULL;
	BERTH_AUTO_UNLOCK locker = berth_lock(&one_at_a_time);
	(void) locker;
	struct nft_ctx *context = library.ctx_new(0);
	if (!context) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "libnftables makes no context");
		return NULL;
	}
	if (json)
		library.ctx_output_set_flags(context, OUTPUT_JSON);
	if (library.ctx_buffer_output(context) || library.ctx_buffer_error(context))
		berth_error_set(error, BERTH_ERROR_INTERNAL, "libnftables has no memory");
	else if (library.run_cmd_from_buffer(context, commands))
		refuse(library.ctx_get_error_buffer(context), error);
	else
		output = g_strdup(library.ctx_get_output_buffer(context));
	library.ctx_free(context);
	return output;
}

bool berth_nft_run(const char *commands, GError **error)
{
	g_autofree char *output = run(commands, false, error);

	return output != NULL;
}

char *berth_nft_list(const char *commands, bool json, GError **error)
{
	return run(commands, json, error);
}
