// SPDX-License-Identifier: Apache-2.0
#include "monitor/dns-message.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

// The header's second 16 bits
#define FLAG_RESPONSE 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_AUTHORITATIVE 0x0400
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION_DESIRED 0x0100
#define FLAG_RECURSION_AVAILABLE 0x0080
#define FLAG_CHECKING_DISABLED 0x0010
#define FLAG_CODE 0x000f

// Where the numbers of the header are
enum { AT_FLAGS = 2, AT_QUESTIONS = 4, AT_ANSWERS = 6, AT_AUTHORITIES = 8, AT_FURTHER = 10 };

#define LABEL 63 // bytes of one
#define NAME_BYTES 255
#define OPT_BYTES 11 // a record without options
#define UDP_PLAIN 512 // what everybody takes over UDP
#define UDP_OURS 4096 // what we say that we take
#define POINTER_TO_QUESTION (0xc000 | BERTH_DNS_HEADER)

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t) (at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t) (value >> 8);
	at[1] = (uint8_t) value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

// Reading

// The question's name, which is written out. Returns where it ends, 0 if it is none. `text` stays empty if a label is
// no plain text.
static size_t read_name(const uint8_t *message, size_t length, char text[BERTH_DNS_NAME])
{
	size_t at = BERTH_DNS_HEADER, count = 0;
	bool plain = true;

	for (;;) {
		if (at >= length || message[at] > LABEL || at + 1 + message[at] > length ||
		    at + 1 + message[at] - BERTH_DNS_HEADER > NAME_BYTES)
			return 0;
		size_t label = message[at++];
		if (label == 0)
			break;
		if (count > 0)
			text[count++] = '.';
		for (size_t i = 0; i < label; i++) {
			uint8_t byte = message[at++];
			plain = plain && byte > ' ' && byte < 0x7f && byte != '.';
			text[count++] = g_ascii_tolower((char) byte);
		}
	}
	text[plain ? count : 0] = '\0';
	return at;
}

// Behind a name somewhere in the message, which may end in a pointer. 0: it is none.
static size_t skip_name(const uint8_t *message, size_t length, size_t at)
{
	while (at < length) {
		size_t label = message[at];
		if ((label & 0xc0) == 0xc0)
			return at + 2 <= length ? at + 2 : 0;
		if (label > LABEL)
			return 0;
		at += 1 + label;
		if (label == 0)
			return at;
	}
	return 0;
}

// Looks for EDNS's record behind the question.
static int read_records(const uint8_t *message, size_t length, struct berth_dns_query *query)
{
	unsigned before = (unsigned) get16(message + AT_ANSWERS) + get16(message + AT_AUTHORITIES);
	unsigned count = before + get16(message + AT_FURTHER);
	size_t at = query->question_end;

	for (unsigned i = 0; i < count; i++) {
		bool root = at < length && message[at] == 0;
		at = skip_name(message, length, at);
		if (at == 0 || at + 10 > length || at + 10 + get16(message + at + 8) > length)
			return BERTH_DNS_FORMAT_ERROR;
		if (get16(message + at) == BERTH_DNS_OPT && i >= before) {
			if (query->edns || !root)
				return BERTH_DNS_FORMAT_ERROR;
			query->edns = true;
			query->payload = MAX(get16(message + at + 2), UDP_PLAIN);
			if (message[at + 5] != 0)
				return BERTH_DNS_BAD_VERSION;
		}
		at += 10 + get16(message + at + 8);
	}
	return BERTH_DNS_NO_ERROR;
}

int berth_dns_read_query(const uint8_t *message, size_t length, struct berth_dns_query *ret)
{
	// Not all of it: the name is long, and is set below.
	ret->question_end = 0;
	ret->edns = false;
	ret->payload = UDP_PLAIN;
	ret->name[0] = '\0';
	if (length < BERTH_DNS_HEADER || get16(message + AT_FLAGS) & FLAG_RESPONSE)
		return -1;
	ret->id = get16(message);
	if (get16(message + AT_FLAGS) & FLAG_OPCODE)
		return BERTH_DNS_NOT_IMPLEMENTED;
	if (get16(message + AT_QUESTIONS) != 1)
		return BERTH_DNS_FORMAT_ERROR;
	size_t end = read_name(message, length, ret->name);
	if (end == 0 || end + 4 > length) {
		ret->name[0] = '\0';
		return BERTH_DNS_FORMAT_ERROR;
	}
	ret->type = get16(message + end);
	ret->class = get16(message + end + 2);
	ret->question_end = end + 4;
	return read_records(message, length, ret);
}

// Writing

void berth_dns_answer_begin(struct berth_dns_answer *answer, uint8_t *message, size_t limit,
			    const struct berth_dns_query *query)
{
	size_t length = query->question_end > 0 ? query->question_end : BERTH_DNS_HEADER;

	*answer = (struct berth_dns_answer){.message = message, .query = query, .length = length, .limit = limit};
	if (query->edns)
		answer->limit -= OPT_BYTES;
}

// Begins a record about the question's name. NULL: it does not fit.
static uint8_t *add_record(struct berth_dns_answer *answer, uint16_t type, uint32_t seconds, size_t data_length)
{
	uint8_t *at = answer->message + answer->length;

	if (answer->truncated || answer->length + 12 + data_length > answer->limit || answer->count == UINT16_MAX) {
		answer->truncated = true;
		return NULL;
	}
	put16(at, POINTER_TO_QUESTION);
	put16(at + 2, type);
	put16(at + 4, BERTH_DNS_CLASS_IN);
	put32(at + 6, seconds);
	put16(at + 10, (unsigned) data_length);
	answer->length += 12 + data_length;
	answer->count++;
	return at + 12;
}

void berth_dns_answer_address(struct berth_dns_answer *answer, int family, const void *bytes, uint32_t seconds)
{
	bool six = family == AF_INET6;
	size_t length = six ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	uint8_t *at = add_record(answer, six ? BERTH_DNS_AAAA : BERTH_DNS_A, seconds, length);

	if (at)
		memcpy(at, bytes, length);
}

void berth_dns_answer_name(struct berth_dns_answer *answer, const char *name, uint32_t seconds)
{
	uint8_t bytes[NAME_BYTES];
	size_t length = 0;

	for (const char *label = name; *label;) {
		size_t count = strcspn(label, ".");
		if (count == 0 || count > LABEL || length + 1 + count + 1 > sizeof bytes)
			return;
		bytes[length++] = (uint8_t) count;
		memcpy(bytes + length, label, count);
		length += count;
		label += count;
		if (*label == '.')
			label++;
	}
	if (length == 0)
		return;
	bytes[length++] = 0;
	uint8_t *at = add_record(answer, BERTH_DNS_PTR, seconds, length);
	if (at)
		memcpy(at, bytes, length);
}

size_t berth_dns_answer_end(struct berth_dns_answer *answer, enum berth_dns_code code)
{
	const struct berth_dns_query *query = answer->query;
	uint8_t *message = answer->message;
	unsigned kept = FLAG_OPCODE | FLAG_RECURSION_DESIRED | FLAG_CHECKING_DISABLED;
	unsigned flags = (get16(message + AT_FLAGS) & kept) | FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE;

	flags |= code & FLAG_CODE;
	flags |= code == BERTH_DNS_NO_ERROR ? FLAG_AUTHORITATIVE : 0;
	flags |= answer->truncated ? FLAG_TRUNCATED : 0;
	put16(message + AT_FLAGS, flags);
	put16(message + AT_QUESTIONS, query->question_end > 0);
	put16(message + AT_ANSWERS, answer->count);
	put16(message + AT_AUTHORITIES, 0);
	put16(message + AT_FURTHER, query->edns);
	if (query->edns) {
		uint8_t *at = message + answer->length;
		memset(at, 0, OPT_BYTES);
		put16(at + 1, BERTH_DNS_OPT);
		put16(at + 3, UDP_OURS);
		at[5] = (uint8_t) (code >> 4);
		answer->length += OPT_BYTES;
	}
	return answer->length;
}

size_t berth_dns_answer_code(uint8_t *message, size_t limit, const struct berth_dns_query *query,
			     enum berth_dns_code code)
{
	struct berth_dns_answer answer;

	berth_dns_answer_begin(&answer, message, limit, query);
	return berth_dns_answer_end(&answer, code);
}

// Reverse look-ups

// Takes the label before *end as a number, and moves *end to where it begins.
static bool take_label(const char *name, const char **end, size_t longest, unsigned base, unsigned most, unsigned *ret)
{
	const char *begin = *end;

	*ret = 0;
	while (begin > name && begin[-1] != '.')
		begin--;
	size_t length = (size_t) (*end - begin);
	if (length == 0 || length > longest || (length > 1 && *begin == '0'))
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = g_ascii_xdigit_value(begin[i]);
		if (digit < 0 || (unsigned) digit >= base)
			return false;
		*ret = *ret * base + (unsigned) digit;
	}
	*end = begin;
	return *ret <= most;
}

bool berth_dns_reverse(const char *name, char ret[INET6_ADDRSTRLEN])
{
	static const char four_end[] = ".in-addr.arpa", six_end[] = ".ip6.arpa";
	bool four = g_str_has_suffix(name, four_end), six = g_str_has_suffix(name, six_end);
	uint8_t bytes[sizeof(struct in6_addr)] = {0};

	if (!four && !six)
		return false;
	const char *end = name + strlen(name) - strlen(four ? four_end : six_end);
	for (unsigned i = 0, labels = four ? 4 : 32, number; i < labels; i++) {
		if (i > 0 && end-- == name) // the dot
			return false;
		if (!take_label(name, &end, four ? 3 : 1, four ? 10 : 16, four ? 255 : 15, &number))
			return false;
		// The address's end comes first in the name, and was taken last: this goes from its beginning.
		bytes[four ? i : i / 2] |= (uint8_t) (!four && i % 2 == 0 ? number << 4 : number);
	}
	return end == name && inet_ntop(four ? AF_INET : AF_INET6, bytes, ret, INET6_ADDRSTRLEN);
}

// What others answer

bool berth_dns_answers(const uint8_t *message, size_t length, const uint8_t *query, size_t question_end)
{
	if (length < BERTH_DNS_HEADER || memcmp(message, query, 2) != 0)
		return false;
	unsigned flags = get16(message + AT_FLAGS), questions = get16(message + AT_QUESTIONS);
	if (!(flags & FLAG_RESPONSE) || flags & FLAG_OPCODE)
		return false;
	if (questions == 0)
		return berth_dns_code(message) != BERTH_DNS_NO_ERROR &&
		       berth_dns_code(message) != BERTH_DNS_NO_SUCH_NAME;
	if (questions != 1 || length < question_end)
		return false;
	// Lengths of labels are no letters, so all may be compared as letters; type and class exactly.
	for (size_t i = BERTH_DNS_HEADER; i < question_end; i++) {
		bool exact = i + 4 >= question_end;
		if (exact ? message[i] != query[i]
			  : g_ascii_tolower((char) message[i]) != g_ascii_tolower((char) query[i]))
			return false;
	}
	return true;
}

enum berth_dns_code berth_dns_code(const uint8_t *message)
{
	return get16(message + AT_FLAGS) & FLAG_CODE;
}

void berth_dns_set_id(uint8_t *message, uint16_t id)
{
	put16(message, id);
}

size_t berth_dns_truncate(uint8_t *message, size_t length, size_t question_end)
{
	bool whole = get16(message + AT_QUESTIONS) == 1 && length >= question_end;

	put16(message + AT_FLAGS, get16(message + AT_FLAGS) | FLAG_TRUNCATED);
	put16(message + AT_QUESTIONS, whole);
	memset(message + AT_ANSWERS, 0, BERTH_DNS_HEADER - AT_ANSWERS);
	return whole ? question_end : BERTH_DNS_HEADER;
}
