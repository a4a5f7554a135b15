// SPDX-License-Identifier: Apache-2.0
// Any packet is a request whose fields are within their ranges, or an error with a message; and so is any reply.
#include "base/error.h"
#include "base/keys.h"
#include "base/limits.h"
#include "monitor/protocol.h"

#include <signal.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL, reply_error = NULL;
	enum berth_monitor_verb verb = BERTH_MONITOR_VERBS;
	bool malformed = false;
	const char *text = (const char *) data;

	if (size > BERTH_LIMIT_PACKET)
		return 0;
	size_t descriptors = size > 0 && data[size - 1] == ' ';
	g_autoptr(berth_monitor_request) request =
		berth_monitor_request_parse(text, size, descriptors, &verb, &malformed, &error);
	g_assert_true((request == NULL) == (error != NULL));
	g_assert_true(!request || (!malformed && verb < BERTH_MONITOR_VERBS));
	if (request && verb == BERTH_MONITOR_SIGNAL)
		g_assert_true(request->signal > 0 && request->signal < NSIG);
	if (request && verb == BERTH_MONITOR_RESIZE)
		g_assert_true(request->width >= 0 && request->width <= UINT16_MAX);
	if (request && verb == BERTH_MONITOR_ATTACH) {
		struct berth_keys keys;
		g_assert_true(berth_keys_parse(request->keys, &keys, NULL) && descriptors == 1);
	}
	if (request) {
		g_autofree char *again = berth_monitor_request_text(verb, request);
		g_assert_nonnull(again);
	}
	g_autoptr(berth_monitor_reply) reply =
		berth_document_parse_text(&berth_monitor_reply_document, text, size, "reply", &reply_error);
	g_assert_true((reply == NULL) == (reply_error != NULL));
	return 0;
}
