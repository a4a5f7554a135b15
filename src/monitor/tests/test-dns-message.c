// SPDX-License-Identifier: Apache-2.0
#include "monitor/dns-message.h"

#include <glib.h>
#include <string.h>

// "\x03web\0" and so on; the literal's own NUL is the root.
#define QUERY(flags, counts, question) ("\x12\x34" flags counts question)
#define ONE "\0\1\0\0\0\0\0\0"
#define ONE_AND_OPT "\0\1\0\0\0\0\0\1"
#define OPT(size, version) "\0\0\x29" size "\0" version "\0\0\0\0"
#define WEB_A "\3wEb\0\0\1\0\1"
#define CASE(text) (const uint8_t *) (text), sizeof(text) - 1

static void test_queries(void)
{
	static const struct {
		const uint8_t *message;
		size_t length;
		int code;
		const char *name;
		uint16_t type;
		size_t payload;
	} cases[] = {
		{CASE(QUERY("\1\0", ONE, WEB_A)), BERTH_DNS_NO_ERROR, "web", BERTH_DNS_A, 512},
		{CASE(QUERY("\1\0", ONE, "\3a-1\5Front\0\0\x1c\0\1")), BERTH_DNS_NO_ERROR, "a-1.front", BERTH_DNS_AAAA,
		 512},
		{CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A OPT("\x10\0", "\0"))), BERTH_DNS_NO_ERROR, "web", BERTH_DNS_A,
		 4096},
		{CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A OPT("\0\1", "\0"))), BERTH_DNS_NO_ERROR, "web", BERTH_DNS_A,
		 512}, // nobody takes less
		{CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A OPT("\x10\0", "\1"))), BERTH_DNS_BAD_VERSION, "web", BERTH_DNS_A,
		 4096},
		{CASE(QUERY("\1\0", ONE, "\0\0\2\0\1")), BERTH_DNS_NO_ERROR, "", 2, 512}, // the root's servers
		{CASE(QUERY("\1\0", ONE, "\3a.b\0\0\1\0\1")), BERTH_DNS_NO_ERROR, "", BERTH_DNS_A, 512},
		{CASE(QUERY("\1\0", ONE, "\3a b\0\0\1\0\1")), BERTH_DNS_NO_ERROR, "", BERTH_DNS_A, 512},
		{CASE(QUERY("\1\0", ONE, "\3a\xc3\xa4\0\0\1\0\1")), BERTH_DNS_NO_ERROR, "", BERTH_DNS_A, 512},
		{CASE(""), -1},
		{CASE("\x12\x34\1\0\0\1\0\0\0\0\0"), -1},
		{CASE(QUERY("\x81\0", ONE, WEB_A)), -1}, // an answer
		{CASE(QUERY("\x28\0", ONE, WEB_A)), BERTH_DNS_NOT_IMPLEMENTED, ""}, // an update
		{CASE(QUERY("\1\0", "\0\0\0\0\0\0\0\0", "")), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", "\0\2\0\0\0\0\0\0", WEB_A WEB_A)), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", ONE, "\3we")), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", ONE, "\3web")), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", ONE, "\3web\0\0\1\0")), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", ONE, "\xc0\x0c\0\1\0\1")), BERTH_DNS_FORMAT_ERROR, ""},
		{CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A)), BERTH_DNS_FORMAT_ERROR, "web"}, // one record is missing
		{CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A "\0\0\x29\x10\0\0\0\0\0\0\5")), BERTH_DNS_FORMAT_ERROR, "web"},
		{CASE(QUERY("\1\0", "\0\1\0\0\0\0\0\2", WEB_A OPT("\x10\0", "\0") OPT("\x10\0", "\0"))),
		 BERTH_DNS_FORMAT_ERROR, "web"},
		{CASE(QUERY("\1\0", "\0\1\0\0\0\1\0\1", WEB_A "\xc0\x0c\0\6\0\1\0\0\0\0\0\2xx" OPT("\x10\0", "\0"))),
		 BERTH_DNS_NO_ERROR, "web", BERTH_DNS_A, 4096}, // as in IXFR
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_dns_query query;
		g_autofree uint8_t *message =
			g_memdup2(cases[i].message, cases[i].length + 1); // what is read beyond shows
		g_test_message("case %zu", i);
		g_assert_cmpint(berth_dns_read_query(message, cases[i].length, &query), ==, cases[i].code);
		if (cases[i].code >= 0)
			g_assert_cmpstr(query.name, ==, cases[i].name);
		if (cases[i].payload > 0) {
			g_assert_cmpint(query.id, ==, 0x1234);
			g_assert_cmpint(query.type, ==, cases[i].type);
			g_assert_cmpint(query.payload, ==, cases[i].payload);
		}
	}
}

static void test_long_names(void)
{
	// 255 bytes is the longest name: 126 labels of one letter and the root are 253.
	for (unsigned labels = 125; labels <= 130; labels++) {
		g_autoptr(GByteArray) message = g_byte_array_new();
		struct berth_dns_query query;
		g_byte_array_append(message, CASE(QUERY("\1\0", ONE, "")));
		for (unsigned i = 0; i < labels; i++)
			g_byte_array_append(message, (const uint8_t *) "\1a", 2);
		g_byte_array_append(message, (const uint8_t *) "\0\0\1\0\1", 5);
		int code = berth_dns_read_query(message->data, message->len, &query);
		g_assert_cmpint(code, ==, labels <= 127 ? BERTH_DNS_NO_ERROR : BERTH_DNS_FORMAT_ERROR);
		if (code == BERTH_DNS_NO_ERROR)
			g_assert_cmpint(strlen(query.name), ==, 2 * labels - 1);
	}
}

static void begin(struct berth_dns_answer *answer, uint8_t *message, size_t limit, struct berth_dns_query *query,
		  const uint8_t *text, size_t length)
{
	memcpy(message, text, length);
	g_assert_cmpint(berth_dns_read_query(message, length, query), ==, BERTH_DNS_NO_ERROR);
	berth_dns_answer_begin(answer, message, limit, query);
}

static void test_answers(void)
{
	static const uint8_t four[4] = {10, 0, 0, 1}, six[16] = {0xfd, [15] = 2};
	struct berth_dns_answer answer;
	struct berth_dns_query query;
	uint8_t message[512];

	begin(&answer, message, sizeof message, &query, CASE(QUERY("\1\x10", ONE, WEB_A)));
	berth_dns_answer_address(&answer, AF_INET, four, 5);
	berth_dns_answer_address(&answer, AF_INET6, six, 0x01020304);
	size_t length = berth_dns_answer_end(&answer, BERTH_DNS_NO_ERROR);
	static const char whole[] = "\x12\x34\x85\x90\0\1\0\2\0\0\0\0" WEB_A "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x0a\0\0\1"
				    "\xc0\x0c\0\x1c\0\1\1\2\3\4\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2";
	g_assert_cmpmem(message, length, whole, sizeof whole - 1);

	begin(&answer, message, sizeof message, &query, CASE(QUERY("\0\0", ONE_AND_OPT, WEB_A OPT("\4\0", "\0"))));
	berth_dns_answer_name(&answer, "Web.front", 5);
	static const char *const impossible[] = {"", ".", "a..b", ".a",
						 "0123456789012345678901234567890123456789012345678901234567890123"};
	for (size_t i = 0; i < G_N_ELEMENTS(impossible); i++)
		berth_dns_answer_name(&answer, impossible[i], 5);
	length = berth_dns_answer_end(&answer, BERTH_DNS_NO_ERROR);
	static const char named[] = "\x12\x34\x84\x80\0\1\0\1\0\0\0\1" WEB_A
				    "\xc0\x0c\0\x0c\0\1\0\0\0\5\0\x0b\3Web\5front\0" OPT("\x10\0", "\0");
	g_assert_cmpmem(message, length, named, sizeof named - 1);

	begin(&answer, message, sizeof message, &query, CASE(QUERY("\1\0", ONE, WEB_A)));
	length = berth_dns_answer_code(message, sizeof message, &query, BERTH_DNS_SERVER_FAILURE);
	g_assert_cmpmem(message, length, "\x12\x34\x81\x82\0\1\0\0\0\0\0\0" WEB_A, 12 + sizeof WEB_A - 1);
}

static void test_truncation(void)
{
	static const uint8_t four[4] = {10, 0, 0, 1};
	struct berth_dns_answer answer;
	struct berth_dns_query query;
	uint8_t message[600];

	for (size_t limit = 40; limit < 600; limit += 7) {
		memset(message, 0xee, sizeof message);
		begin(&answer, message, limit, &query, CASE(QUERY("\1\0", ONE_AND_OPT, WEB_A OPT("\x10\0", "\0"))));
		for (unsigned i = 0; i < 100; i++)
			berth_dns_answer_address(&answer, AF_INET, four, 5);
		size_t length = berth_dns_answer_end(&answer, BERTH_DNS_NO_ERROR);
		g_assert_cmpint(length, <=, limit);
		g_assert_cmpint(length + 16, >, limit);
		g_assert_cmpint(message[limit], ==, 0xee);
		g_assert_cmpint(message[2] & 2, ==, 2);
		g_assert_cmpint(message[7], ==, answer.count);
	}
}

static void test_reverse(void)
{
	static const struct {
		const char *name, *address;
	} cases[] = {
		{"2.0.18.172.in-addr.arpa", "172.18.0.2"},
		{"255.255.255.255.in-addr.arpa", "255.255.255.255"},
		{"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", "fd12::2"},
		{"256.0.18.172.in-addr.arpa", NULL},
		{"02.0.18.172.in-addr.arpa", NULL},
		{"0x2.0.18.172.in-addr.arpa", NULL},
		{"2.0.18.in-addr.arpa", NULL},
		{"9.2.0.18.172.in-addr.arpa", NULL},
		{".2.0.18.172.in-addr.arpa", NULL},
		{"2..18.172.in-addr.arpa", NULL},
		{"in-addr.arpa", NULL},
		{".in-addr.arpa", NULL},
		{"18.172.in-addr.arpax", NULL},
		{"g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", NULL},
		{"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", NULL},
		{"1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", NULL},
		{"20.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", NULL},
		{"web", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char address[INET6_ADDRSTRLEN];
		bool is = berth_dns_reverse(cases[i].name, address);
		g_assert_cmpstr(is ? address : NULL, ==, cases[i].address);
	}
}

static void test_recognition(void)
{
	static const struct {
		const uint8_t *message;
		size_t length;
		bool answers;
	} cases[] = {
		{CASE(QUERY("\x81\x80", ONE, WEB_A)), true},
		{CASE(QUERY("\x81\x80", "\0\1\0\1\0\0\0\0", "\3WEB\0\0\1\0\1 and more")), true},
		{CASE(QUERY("\1\0", ONE, WEB_A)), false}, // a query
		{CASE("\x12\x35\x81\x80" ONE WEB_A), false}, // another id
		{CASE(QUERY("\x81\x80", ONE, "\3wex\0\0\1\0\1")), false}, // another name
		{CASE(QUERY("\x81\x80", ONE, "\3wEb\0\0\x1c\0\1")), false}, // another type
		{CASE(QUERY("\x81\x80", ONE, "\3wEb\0\0\1\0\3")), false}, // another class
		{CASE(QUERY("\x81\x80", ONE, "\3wEb\0\0\1\0")), false},
		{CASE(QUERY("\xa9\x80", ONE, WEB_A)), false}, // to an update
		{CASE(QUERY("\x81\x80", "\0\0\0\0\0\0\0\0", "")), false}, // to nothing
		{CASE(QUERY("\x81\x83", "\0\0\0\0\0\0\0\0", "")), false}, // no such name: which?
		{CASE(QUERY("\x81\x85", "\0\0\0\0\0\0\0\0", "")), true}, // refused without saying what
		{CASE("\x12\x34\x81\x85"), false},
		{CASE(""), false},
	};
	static const char query[] = QUERY("\1\0", ONE, WEB_A);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(
			berth_dns_answers(cases[i].message, cases[i].length, (const uint8_t *) query, sizeof query - 1),
			==, cases[i].answers);
	uint8_t cut[] = QUERY("\x81\x80", "\0\1\0\3\0\2\0\1", "\3WEB\0\0\1\0\1 and more");
	size_t length = berth_dns_truncate(cut, sizeof cut - 1, sizeof query - 1);
	g_assert_cmpmem(cut, length, QUERY("\x83\x80", ONE, "\3WEB\0\0\1\0\1"), sizeof query - 1);
	berth_dns_set_id(cut, 0xabcd);
	g_assert_cmpmem(cut, 2, "\xab\xcd", 2);
	g_assert_cmpint(berth_dns_code(cut), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dns/queries", test_queries);
	g_test_add_func("/dns/long-names", test_long_names);
	g_test_add_func("/dns/answers", test_answers);
	g_test_add_func("/dns/truncation", test_truncation);
	g_test_add_func("/dns/reverse", test_reverse);
	g_test_add_func("/dns/recognition", test_recognition);
	return g_test_run();
}
