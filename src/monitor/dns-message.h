// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035; EDNS, RFC 6891) as far as they are needed by one who answers for some names and hands
// everything else on: queries are read, answers for addresses and names are written, answers of others are recognised.
// Messages come from containers and from networks and may be anything. No I/O, nothing is allocated.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BERTH_DNS_HEADER 12
#define BERTH_DNS_MESSAGE 65535 // the longest one, over TCP
#define BERTH_DNS_NAME 256 // as text, with NUL

enum berth_dns_type {
	BERTH_DNS_A = 1,
	BERTH_DNS_PTR = 12,
	BERTH_DNS_AAAA = 28,
	BERTH_DNS_OPT = 41,
	BERTH_DNS_IXFR = 251,
	BERTH_DNS_AXFR = 252,
	BERTH_DNS_ANY = 255,
};

enum berth_dns_class { BERTH_DNS_CLASS_IN = 1, BERTH_DNS_CLASS_ANY = 255 };

enum berth_dns_code { // what an answer says about the query
	BERTH_DNS_NO_ERROR = 0,
	BERTH_DNS_FORMAT_ERROR = 1,
	BERTH_DNS_SERVER_FAILURE = 2,
	BERTH_DNS_NO_SUCH_NAME = 3,
	BERTH_DNS_NOT_IMPLEMENTED = 4,
	BERTH_DNS_REFUSED = 5,
	BERTH_DNS_BAD_VERSION = 16, // of EDNS
};

struct berth_dns_query {
	uint16_t id;
	char name[BERTH_DNS_NAME]; // in lower case, without the last dot; "" if it is not plain text (or the root)
	uint16_t type, class;
	size_t question_end; // the length of header and question; 0: there is none
	bool edns;
	size_t payload; // what the asker takes over UDP
};

// Reads a query. Returns NO_ERROR, or the code that it is to be answered with; -1: it is none and gets no answer.
int berth_dns_read_query(const uint8_t *message, size_t length, struct berth_dns_query *ret);

// An answer is written over its query: header and question stay. `limit` is the longest that it may be; it is at least
// the question's end and 11 bytes more.
struct berth_dns_answer {
	uint8_t *message;
	const struct berth_dns_query *query;
	size_t length, limit;
	uint16_t count;
	bool truncated;
};
void berth_dns_answer_begin(struct berth_dns_answer *answer, uint8_t *message, size_t limit,
			    const struct berth_dns_query *query);
// What does not fit is left out, and the answer says that it is truncated. A name that DNS cannot express is left out.
void berth_dns_answer_address(struct berth_dns_answer *answer, int family, const void *bytes, uint32_t seconds);
void berth_dns_answer_name(struct berth_dns_answer *answer, const char *name, uint32_t seconds);
// Returns the answer's length.
size_t berth_dns_answer_end(struct berth_dns_answer *answer, enum berth_dns_code code);
// The whole of an answer that only has a code.
size_t berth_dns_answer_code(uint8_t *message, size_t limit, const struct berth_dns_query *query,
			     enum berth_dns_code code);

// The address that a name beneath in-addr.arpa or ip6.arpa stands for, as inet_ntop() writes it. False: none.
bool berth_dns_reverse(const char *name, char ret[INET6_ADDRSTRLEN]);

// Whether the message answers `query`, of which the first `question_end` bytes are looked at. An answer with an error
// code may lack the question.
bool berth_dns_answers(const uint8_t *message, size_t length, const uint8_t *query, size_t question_end);
enum berth_dns_code berth_dns_code(const uint8_t *message); // without EDNS's further bits
void berth_dns_set_id(uint8_t *message, uint16_t id);
// Cuts an answer down to what fits: header and question, and says so. Returns the new length.
size_t berth_dns_truncate(uint8_t *message, size_t length, size_t question_end);
