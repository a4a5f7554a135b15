// SPDX-License-Identifier: Apache-2.0
// Any message is read as a query or not; what is a query can be answered within any limit, and the answer is recognised
// as one to it.
#include "monitor/dns-message.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEAST 300 // a limit that every question and EDNS's record fit in

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t address[16] = {1, 2, 3};
	char reverse[INET6_ADDRSTRLEN];
	struct berth_dns_query query;
	struct berth_dns_answer answer;

	if (size < 2 || size > 4096)
		return 0;
	size_t limit = LEAST + (size_t) data[0] * 16;
	unsigned records = data[1];
	data += 2;
	size -= 2;
	g_autofree uint8_t *exact = g_memdup2(data, size);
	int code = berth_dns_read_query(exact, size, &query);
	if (code < 0)
		return 0;
	g_assert_true(strlen(query.name) < BERTH_DNS_NAME && query.question_end <= size && query.payload >= 512);
	g_assert_true(code != BERTH_DNS_NO_ERROR || query.question_end > BERTH_DNS_HEADER);
	berth_dns_reverse(query.name, reverse);

	g_autofree uint8_t *message = g_malloc0(MAX(limit, size));
	memcpy(message, data, size);
	berth_dns_answer_begin(&answer, message, limit, &query);
	for (unsigned i = 0; i < records; i++) {
		berth_dns_answer_address(&answer, i % 2 ? AF_INET : AF_INET6, address, i);
		berth_dns_answer_name(&answer, query.name, i);
	}
	size_t length = berth_dns_answer_end(&answer, (enum berth_dns_code) code);
	g_assert_true(length <= limit);
	if (query.question_end > 0)
		g_assert_true(berth_dns_answers(message, length, data, query.question_end));
	// As an answer of a server's to a query with the same beginning.
	memcpy(exact, data, size);
	if (query.question_end > 0 && berth_dns_answers(exact, size, message, query.question_end))
		g_assert_true(berth_dns_truncate(exact, size, query.question_end) <= size);
	return 0;
}
